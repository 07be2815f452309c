//! The text of a policy document, exactly as its author wrote it.

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use iam_eval::OPEN_ELEMENT;

/// A policy document's text, decoded but not yet parsed.
///
/// The text is kept verbatim, because old documents hold duplicate keys and because what is written
/// back must not lose anything. Copies share it. In a snapshot it stands as a JSON value where it is JSON, else as a string.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PolicyText(Arc<str>);

impl PolicyText {
    /// A document as IAM returns it: URL-encoded as in RFC 3986, or already plain.
    ///
    /// The text of a JSON document cannot start with a percent sign, so that tells which it is.
    /// A byte order mark, which some editors write, is dropped.
    pub fn new(text: &str) -> PolicyText {
        let text = text.trim_start_matches('\u{feff}');
        if text.trim_start().starts_with('%') {
            PolicyText(percent_decode_str(text.trim()).decode_utf8_lossy().into())
        } else {
            PolicyText(text.into())
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same document where it may not be in force, for `why`: none of its statements says anything for certain.
    pub fn in_doubt(&self, why: &str) -> PolicyText {
        let Ok(Value::Object(mut document)) = serde_json::from_str(self.as_str()) else { return self.clone() };
        let statements = document.get_mut("Statement").map_or(&mut [][..], |value| match value {
            Value::Array(items) => items.as_mut_slice(),
            one => std::slice::from_mut(one),
        });
        for statement in statements.iter_mut().filter_map(Value::as_object_mut) {
            statement.entry(OPEN_ELEMENT).or_insert_with(|| Value::from(why));
        }
        PolicyText::new(&Value::Object(document).to_string())
    }
}

impl PolicyText {
    /// The same document with one more statement.
    #[must_use]
    pub fn with(&self, statement: Value) -> PolicyText {
        let Ok(Value::Object(mut document)) = serde_json::from_str(self.as_str()) else { return self.clone() };
        let mut statements = match document.remove("Statement") {
            Some(Value::Array(statements)) => statements,
            one => one.into_iter().collect(),
        };
        statements.push(statement);
        document.insert("Statement".to_owned(), Value::Array(statements));
        PolicyText::new(&Value::Object(document).to_string())
    }
}

impl Serialize for PolicyText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A JSON string would come back as its content, so only objects and arrays stand as they are.
        match serde_json::from_str::<&RawValue>(&self.0) {
            Ok(raw) if raw.get() == &*self.0 && self.0.starts_with(['{', '[']) => raw.serialize(serializer),
            _ => serializer.serialize_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for PolicyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        match serde_json::from_str::<String>(raw.get()) {
            Ok(text) => Ok(PolicyText(text.into())),
            Err(_) => Ok(PolicyText(raw.get().into())),
        }
    }
}

/// Policies have a grammar of their own: which one is in force here is for IAM to say.
impl JsonSchema for PolicyText {
    fn schema_name() -> Cow<'static, str> {
        "PolicyDocument".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A policy document as its author wrote it: as the JSON that it is, or as a string where it is none.",
            "type": ["object", "array", "string"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_encoded_documents_are_decoded_and_plain_ones_left_alone() {
        for (given, expected) in [
            ("%7B%22Version%22%3A%20%22a+b%22%7D", r#"{"Version": "a+b"}"#),
            ("%0A%7b%7d", "\n{}"),
            (r#"{"Resource": "arn:aws:s3:::b/%20x"}"#, r#"{"Resource": "arn:aws:s3:::b/%20x"}"#),
            ("\u{feff}{}", "{}"),
            ("", ""),
        ] {
            assert_eq!(PolicyText::new(given).as_str(), expected);
        }
    }

    #[test]
    fn a_snapshot_keeps_every_character() {
        for text in [r#"{"Effect": "Deny",  "Effect": "Allow"}"#, "[1 ]", "{}\n", "{broken", "\"text\"", "", "7"] {
            let stored = serde_json::to_string(&PolicyText(text.into())).unwrap();
            assert_eq!(serde_json::from_str::<PolicyText>(&stored).unwrap().as_str(), text, "{stored}");
        }
    }
}
