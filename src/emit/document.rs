//! What becomes of a policy document in another language.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::CannotEmit;
use crate::fix::escaped_unless;

/// The document with what not every program takes or shows written as JSON escapes. `None` if it is not JSON.
///
/// It is the same JSON to the last key. IAM takes no character above U+00FF, Terraform composes accents, and a terminal
/// obeys or hides some. In JSON all of these stand inside of strings, where an escape means the same.
pub(super) fn escaped(document: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(document).ok()?;
    Some(escaped_unless(document, |character| matches!(character, '\0'..='~' | '¡'..='¬' | '®'..='ÿ')))
}

/// `json` without the white space between its tokens, which is all that it can lose.
pub(super) fn compact(json: &str) -> String {
    let (mut in_string, mut after_backslash) = (false, false);
    let keep = |character: &char| {
        if in_string {
            in_string = after_backslash || *character != '"';
            after_backslash = !after_backslash && *character == '\\';
            return true;
        }
        in_string = *character == '"';
        !character.is_ascii_whitespace()
    };
    json.chars().filter(keep).collect()
}

/// The document, [`escaped`], for a language whose parser takes JSON objects and keeps one of repeated keys.
///
/// `what` is the document for the message, as in `the trust policy of role X`.
pub(super) fn object(what: &str, document: &str, language: &'static str) -> Result<(String, Oddities), CannotEmit> {
    let not_an_object = || CannotEmit::NotAnObject { document: what.to_owned(), language };
    let json = escaped(document.trim_matches([' ', '\t', '\r', '\n']))
        .filter(|json| json.starts_with('{'))
        .ok_or_else(not_an_object)?;
    let mut oddities: Oddities = serde_json::from_str(&json).map_err(|_| not_an_object())?;
    match oddities.repeated.take() {
        Some(key) => Err(CannotEmit::RepeatedKey { document: what.to_owned(), key, language }),
        None => Ok((json, oddities)),
    }
}

/// The document as the AWS CLI prints it for a query by `to_string`: what Python reads, on one line of ASCII.
///
/// `None` where that does not say how the document is, because Python keeps one of repeated keys, or where it is not certain,
/// as for numbers that Python writes with an exponent.
///
/// Sources: [JMESPath](https://jmespath.org/specification.html#to-string), and Python's
/// [json](https://docs.python.org/3/library/json.html) and [float](https://docs.python.org/3/reference/lexical_analysis.html#floating-point-literals).
pub(super) fn printed_by_aws_cli(document: &str) -> Option<String> {
    let (json, _) = object("", document, "JSON").ok()?;
    let json = compact(&json);
    let (mut printed, mut rest) = (String::with_capacity(json.len()), json.as_str());
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                let mut strings = serde_json::Deserializer::from_str(rest).into_iter::<String>();
                printed.push_str(&in_ascii(&strings.next()?.ok()?));
                strings.byte_offset()
            }
            '-' | '0'..='9' => {
                let length = rest.find(|character| !"+-.0123456789Ee".contains(character)).unwrap_or(rest.len());
                printed.push_str(&number(rest.get(..length)?)?);
                length
            }
            // Punctuation, and the letters of `true`, `false` and `null`.
            _ => {
                printed.push(first);
                first.len_utf8()
            }
        };
        rest = rest.get(length..)?;
    }
    Some(printed)
}

/// A text as a JSON string in which Python escapes all that is not printable ASCII.
pub(super) fn in_ascii(text: &str) -> String {
    escaped_unless(&serde_json::Value::from(text).to_string(), |character| matches!(character, ' '..='~'))
}

/// A number as Python writes it, where that is certain.
fn number(text: &str) -> Option<String> {
    if !text.contains(['.', 'e', 'E']) {
        return Some(if text == "-0" { "0" } else { text }.to_owned());
    }
    let value: f64 = text.parse().ok()?;
    let is_plain = value == 0.0 || (1e-4..1e16).contains(&value.abs());
    is_plain.then(|| format!("{value:?}"))
}

/// What a JSON text has that another language drops, or acts on: the first of each kind.
#[derive(Default)]
pub(super) struct Oddities {
    /// A key that comes twice in one object.
    pub(super) repeated: Option<String>,
    /// A key that is the name of a function in CloudFormation.
    pub(super) function: Option<String>,
    /// A text with a reference that CloudFormation resolves.
    pub(super) reference: Option<String>,
    /// Whether there is a `null`, which CloudFormation refuses.
    pub(super) null: bool,
}

impl Oddities {
    fn of_text(text: &str) -> Oddities {
        let reference = text.contains("{{resolve:").then(|| text.to_owned());
        Oddities { reference, ..Oddities::default() }
    }

    fn and(self, other: Oddities) -> Oddities {
        Oddities {
            repeated: self.repeated.or(other.repeated),
            function: self.function.or(other.function),
            reference: self.reference.or(other.reference),
            null: self.null || other.null,
        }
    }
}

impl<'de> Deserialize<'de> for Oddities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Oddities, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Oddities;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Oddities, E> {
        Ok(Oddities { null: true, ..Oddities::default() })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Oddities, E> {
        Ok(Oddities::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Oddities, E> {
        Ok(Oddities::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Oddities, E> {
        Ok(Oddities::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Oddities, E> {
        Ok(Oddities::default())
    }

    fn visit_str<E>(self, text: &str) -> Result<Oddities, E> {
        Ok(Oddities::of_text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Oddities, A::Error> {
        let mut all = Oddities::default();
        while let Some(element) = elements.next_element()? {
            all = all.and(element);
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Oddities, A::Error> {
        let (mut all, mut keys) = (Oddities::default(), BTreeSet::new());
        while let Some((key, value)) = members.next_entry::<String, Oddities>()? {
            let function = (key == "Ref" || key.starts_with("Fn::")).then(|| key.clone());
            let repeated = keys.contains(&key).then(|| key.clone());
            all = all.and(Oddities { repeated, function, ..Oddities::of_text(&key) }).and(value);
            keys.insert(key);
        }
        Ok(all)
    }
}
