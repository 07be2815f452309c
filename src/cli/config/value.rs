//! A value of a setting: whether what is written fits a flag, and the words that set the flag on a command line.

use std::path::Path;

use super::keys::{Flag, Takes};
use super::toml::Written;
use crate::cli::files::STANDARD_INPUT;
pub use crate::render::settings::Value;

impl Value {
    /// The value in a file, if the flag takes what is written. Names of files start at `directory`.
    pub fn in_file(flag: &Flag, written: &Written, directory: &Path) -> Option<Value> {
        let text = |text: &String| match flag.is_file {
            true if text == STANDARD_INPUT || text.is_empty() || flag.words.contains(text) => text.clone(),
            true if directory == Path::new(".") => text.clone(),
            true => directory.join(text).to_string_lossy().into_owned(),
            false => text.clone(),
        };
        Some(match (flag.takes, written) {
            (Takes::Switch | Takes::SwitchOrNumber, Written::Switch(switch)) => Value::Switch(*switch),
            (Takes::Number | Takes::SwitchOrNumber, Written::Number(number)) => Value::Number(*number),
            (Takes::Text, Written::Text(written)) => Value::Text(text(written)),
            (Takes::List, Written::Text(written)) => Value::List(parts(flag, written).iter().map(text).collect()),
            (Takes::List, Written::List(all)) => {
                Value::List(all.iter().flat_map(|written| parts(flag, written)).map(|part| text(&part)).collect())
            }
            _ => return None,
        })
    }

    /// The value in an environment variable, if it can be one of the flag.
    pub fn in_variable(flag: &Flag, written: &str) -> Option<Value> {
        let switch = match written {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        let number = written.parse().ok().map(Value::Number);
        match flag.takes {
            Takes::Switch => switch.map(Value::Switch),
            Takes::SwitchOrNumber if matches!(written, "true" | "false") => switch.map(Value::Switch),
            Takes::SwitchOrNumber | Takes::Number => number,
            Takes::Text => Some(Value::Text(written.to_owned())),
            Takes::List => Some(Value::List(split(written))),
        }
    }

    /// Whether it says anything: a switch that is off and a list without elements do not.
    pub fn is_on(&self) -> bool {
        !matches!(self, Value::Switch(false)) && !matches!(self, Value::List(all) if all.is_empty())
    }

    /// The words that say it on a command line.
    pub fn words(&self, key: &str) -> Vec<String> {
        match self {
            Value::Switch(true) => vec![format!("--{key}")],
            Value::Switch(false) => Vec::new(),
            Value::Number(number) => vec![format!("--{key}={number}")],
            Value::Text(text) => vec![format!("--{key}={text}")],
            Value::List(all) => all.iter().map(|text| format!("--{key}={text}")).collect(),
        }
    }
}

/// The values in one text of a list.
fn parts(flag: &Flag, written: &str) -> Vec<String> {
    match flag.delimiter {
        Some(delimiter) => written.split(delimiter).map(str::to_owned).collect(),
        None => vec![written.to_owned()],
    }
}

/// Splits at commas; `\,` is a comma that belongs to a value, and `\\` a backslash.
fn split(written: &str) -> Vec<String> {
    let (mut all, mut value) = (Vec::new(), String::new());
    let mut characters = written.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => value.push(characters.next_if(|next| matches!(next, ',' | '\\')).unwrap_or('\\')),
            ',' => all.push(std::mem::take(&mut value)),
            character => value.push(character),
        }
    }
    all.push(value);
    all
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn commas_separate_values_unless_escaped() {
        for (written, expected) in [
            ("a", &["a"][..]),
            ("a,b", &["a", "b"]),
            (r"aws:SourceVpce=vpce-1\,vpce-2,b", &["aws:SourceVpce=vpce-1,vpce-2", "b"]),
            (r"a\\,b", &[r"a\", "b"]),
            (r"a\b", &[r"a\b"]),
            (r"a\", &[r"a\"]),
            ("a,", &["a", ""]),
        ] {
            assert_eq!(split(written), expected, "{written}");
        }
    }
}
