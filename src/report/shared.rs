//! What many results say alike, held once.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A part of a result that other results may have too.
///
/// Over a fleet a few hundred such parts make up most of the report, so each keeps its JSON once it was asked for. That is
/// compact, and stands on one line of an indented report.
#[derive(Debug)]
pub struct Shared<T>(Arc<Part<T>>);

#[derive(Debug)]
struct Part<T> {
    value: T,
    json: OnceLock<Box<RawValue>>,
}

impl<T> Shared<T> {
    /// Whether both are the same part, not only equal ones.
    pub fn is(&self, other: &Shared<T>) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Shared<T> {
        Shared(Arc::new(Part { value, json: OnceLock::new() }))
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Shared<T> {
        Shared::from(T::default())
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Shared<T> {
        Shared(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> AsRef<T> for Shared<T> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Shared<T>) -> bool {
        self.is(other) || **self == **other
    }
}

impl<T: Eq> Eq for Shared<T> {}

impl<T> Shared<T> {
    /// The JSON that `make` gives for the value, which also says whether it is that of every part that shares the value.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn json(
        &self,
        make: impl FnOnce(&T) -> serde_json::Result<(Box<RawValue>, bool)>,
    ) -> serde_json::Result<Cow<'_, RawValue>> {
        if let Some(json) = self.0.json.get() {
            return Ok(Cow::Borrowed(json));
        }
        let (json, holds_for_all) = make(&self.0.value)?;
        // What a single result has is not needed again.
        if !holds_for_all || Arc::strong_count(&self.0) == 1 {
            return Ok(Cow::Owned(json));
        }
        Ok(Cow::Borrowed(self.0.json.get_or_init(|| json)))
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = self.json(|value| Ok((serde_json::value::to_raw_value(value)?, true)));
        json.map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// A shared part is written as its value.
impl<T: JsonSchema> JsonSchema for Shared<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_json_is_that_of_its_value_whoever_else_has_it() {
        let alone = Shared::from(vec!["a\n", "b"]);
        let expected = r#"["a\n","b"]"#;
        assert_eq!(serde_json::to_string(&alone).unwrap(), expected);
        let other = alone.clone();
        for _ in 0..2 {
            assert_eq!(serde_json::to_string(&[&alone, &other]).unwrap(), format!("[{expected},{expected}]"));
        }
        assert_eq!(serde_json::to_string_pretty(&[&alone]).unwrap(), format!("[\n  {expected}\n]"));
    }

    #[test]
    fn equal_parts_are_equal_and_not_the_same() {
        let (one, other) = (Shared::from(1), Shared::from(1));
        assert!(one == other && !one.is(&other) && one.is(&one.clone()));
    }
}
