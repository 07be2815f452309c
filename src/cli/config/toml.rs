//! The text of a configuration file as entries, each with its line. Which keys there are, it does not know.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// `true` or `false`.
    Switch(bool),
    /// An integer.
    Number(i64),
    /// A string.
    Text(String),
    /// An array of strings.
    List(Vec<String>),
    /// Something that no flag takes, in words.
    Other(&'static str),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The table that it stands in; none at the top.
    pub table: Option<String>,
    /// The key.
    pub key: String,
    /// The value.
    pub value: Written,
    /// The line of the key, from 1.
    pub line: usize,
}

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotToml {
    /// In words.
    pub message: String,
    /// The line, from 1.
    pub line: usize,
}

/// Reads the text of a file. A table that is empty is an entry of its own, so that its name can be looked at.
///
/// # Errors
/// If it is not TOML.
pub fn read(text: &str) -> Result<Vec<Entry>, NotToml> {
    let document = DeTable::parse(text).map_err(|error| NotToml {
        message: error.message().lines().collect::<Vec<_>>().join(", "),
        line: line_at(text, error.span().map_or(0, |span| span.start)),
    })?;
    let mut entries = Vec::new();
    for (key, value) in document.get_ref() {
        match value.get_ref() {
            DeValue::Table(table) if !table.is_empty() => {
                entries.extend(table.iter().map(|(inner, value)| entry(text, Some(key.get_ref()), inner, value)));
            }
            _ => entries.push(entry(text, None, key, value)),
        }
    }
    entries.sort_by_key(|entry| entry.line);
    Ok(entries)
}

fn entry<'i>(
    text: &str,
    table: Option<&std::borrow::Cow<'i, str>>,
    key: &Spanned<std::borrow::Cow<'i, str>>,
    value: &Spanned<DeValue<'i>>,
) -> Entry {
    Entry {
        table: table.map(|table| table.clone().into_owned()),
        key: key.get_ref().clone().into_owned(),
        value: written(value.get_ref()),
        line: line_at(text, key.span().start),
    }
}

fn written(value: &DeValue<'_>) -> Written {
    match value {
        DeValue::Boolean(switch) => Written::Switch(*switch),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Written::Number(number),
            Err(_) => Written::Other("an integer beyond 64 bits"),
        },
        DeValue::String(text) => Written::Text(text.clone().into_owned()),
        DeValue::Array(array) => {
            let texts = array.iter().map(|element| element.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map_or(Written::Other("an array of other values"), Written::List)
        }
        DeValue::Float(_) => Written::Other("a float"),
        DeValue::Datetime(_) => Written::Other("a date"),
        DeValue::Table(_) => Written::Other("a table"),
    }
}

/// The number of the line in which a byte stands.
fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_value_has_its_kind_and_line() {
        let text = "# team\nkms-key = \"alias/s\"\nrequire = [\"s3:GetObject\",\n  'ec2:*']\n\n[check]\nall = true\n\
                    timeout = 0x10\nx = 1.5\n[fix]\n";
        let entry = |table: Option<&str>, key: &str, value, line| Entry {
            table: table.map(str::to_owned),
            key: key.to_owned(),
            value,
            line,
        };
        let texts = ["s3:GetObject", "ec2:*"].map(str::to_owned).to_vec();
        let expected = [
            entry(None, "kms-key", Written::Text("alias/s".to_owned()), 2),
            entry(None, "require", Written::List(texts), 3),
            entry(Some("check"), "all", Written::Switch(true), 7),
            entry(Some("check"), "timeout", Written::Number(16), 8),
            entry(Some("check"), "x", Written::Other("a float"), 9),
            entry(None, "fix", Written::Other("a table"), 10),
        ];
        assert_eq!(read(text).unwrap(), expected);
    }

    #[test]
    fn what_is_no_toml_is_said_with_its_line() {
        for (text, line) in [("a = 1\nb = \n", 2), ("a = 1\na = 2\n", 2), ("\n\n[check\n", 3), ("k = \"x\n", 1)] {
            let error = read(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}: {error:?}");
            assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in prop_oneof![
            any::<String>(),
            "[\\[\\]{}=\"'.,#a\\-10 \n\\\\]{0,60}",
            "(\\[(check|fix|a)\\]\n|(a|all|b\\.c) = (true|1|0x_|\"x\"|\\[|\\]|\\{a=1\\}|1979-05-27)\n){0,8}",
        ]) {
            let lines = text.lines().count();
            match read(&text) {
                Ok(entries) => prop_assert!(entries.iter().all(|entry| (1..=lines).contains(&entry.line))),
                Err(error) => prop_assert!((1..=lines + 1).contains(&error.line), "{error:?}"),
            }
        }
    }

    #[test]
    fn depth_is_bounded() {
        for text in
            [format!("a = {}", "[".repeat(100_000)), format!("a = {}", "{a=".repeat(100_000)), "a.".repeat(100_000)]
        {
            assert!(read(&text).is_err());
        }
    }
}
