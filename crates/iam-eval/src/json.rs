//! JSON as IAM reads it: duplicate keys are kept, in their order.
//!
//! `serde_json::Value` keeps the last of duplicate keys alone. Old IAM policies have them and still run,
//! so the parser must show them all. Nesting is bounded by serde_json at 128 levels.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::json_error;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as text.
    Number(String),
    /// A number that lost digits when it was read.
    InexactNumber,
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object, its members in order, duplicates included.
    Object(Vec<(String, Json)>),
}

/// Why a text is no JSON, in words, with line and column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotJson(String);

impl Json {
    /// Parses a text.
    ///
    /// # Errors
    /// What is wrong, and at which line and column.
    pub fn parse(text: &str) -> Result<Json, NotJson> {
        serde_json::from_str(text).map_err(|error| NotJson(json_error::in_words(&error, text)))
    }

    /// What kind of value it is, with its article, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) | Json::InexactNumber => "a number",
            Json::String(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }

    /// How many values it is made of.
    pub(super) fn values(&self) -> usize {
        match self {
            Json::Array(elements) => elements.iter().map(Json::values).sum::<usize>() + 1,
            Json::Object(members) => members.iter().map(|(_, value)| value.values()).sum::<usize>() + 1,
            _ => 1,
        }
    }

    /// The elements of an array, or the value itself as the only one: IAM takes both everywhere.
    pub fn one_or_many(&self) -> &[Json] {
        match self {
            Json::Array(elements) => elements,
            single => std::slice::from_ref(single),
        }
    }
}

/// The names that come more than once.
pub fn repeated<T: Clone + Ord>(names: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut seen = BTreeSet::new();
    names.into_iter().filter(|name| !seen.insert(name.clone())).collect()
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        struct JsonVisitor;

        impl<'de> Visitor<'de> for JsonVisitor {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Bool(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Number(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Number(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
                // Whole numbers end up here only when they are too large to be kept exactly.
                let exact = value.abs() < 9_007_199_254_740_992.0;
                // `2.0` keeps its point.
                Ok(if exact { Json::Number(format!("{value:?}")) } else { Json::InexactNumber })
            }

            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(Json::String(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = sequence.next_element()? {
                    elements.push(element);
                }
                Ok(Json::Array(elements))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Json, A::Error> {
                members(map).map(Json::Object)
            }
        }

        deserializer.deserialize_any(JsonVisitor)
    }
}

/// The members of a JSON object in their order, those of a repeated name included.
pub struct Members<V>(pub Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Members<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<V>, D::Error> {
        struct MembersVisitor<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for MembersVisitor<V> {
            type Value = Members<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Members<V>, A::Error> {
                members(map).map(Members)
            }
        }

        deserializer.deserialize_map(MembersVisitor(PhantomData))
    }
}

fn members<'de, V: Deserialize<'de>, A: MapAccess<'de>>(mut map: A) -> Result<Vec<(String, V)>, A::Error> {
    let mut members = Vec::new();
    while let Some(member) = map.next_entry()? {
        members.push(member);
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_keys_are_kept_in_order() {
        let Json::Object(members) = Json::parse(r#"{"a": 1, "a": true, "b": null}"#).unwrap() else { panic!() };
        let expected = [("a", Json::Number("1".into())), ("a", Json::Bool(true)), ("b", Json::Null)];
        assert_eq!(members, expected.map(|(key, value)| (key.to_owned(), value)));
    }

    #[test]
    fn numbers_that_lose_digits_are_not_taken_for_others() {
        assert_eq!(Json::parse("111122223333").unwrap(), Json::Number("111122223333".into()));
        assert_eq!(Json::parse("1.5").unwrap(), Json::Number("1.5".into()));
        assert_eq!(Json::parse("2.0").unwrap(), Json::Number("2.0".into()));
        assert_eq!(Json::parse("123456789012345678901234567890").unwrap(), Json::InexactNumber);
    }

    #[test]
    fn a_nesting_bomb_is_an_error() {
        for bomb in ["[".repeat(100_000), r#"{"a":"#.repeat(100_000)] {
            assert!(Json::parse(&bomb).unwrap_err().to_string().contains("levels deep"));
        }
    }
}
