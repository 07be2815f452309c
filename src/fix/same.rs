//! Whether two documents say the same.

use crate::facts::PolicyText;
use iam_eval::Json;

/// Whether two texts are the same document, whatever their white space and the order of an object's members.
///
/// IAM need not give a trust policy back as it was written: it may leave out white space, and write a list of one as its
/// element. A text that is not JSON is the same only as itself.
pub(super) fn same_document(one: &PolicyText, other: &PolicyText) -> bool {
    let parsed = |text: &PolicyText| Json::parse(text.as_str()).ok().and_then(plain);
    one == other || parsed(one).is_some_and(|json| parsed(other) == Some(json))
}

/// The same with lists of one as their element and members in order; `None` if it holds a number that cannot be compared.
fn plain(json: Json) -> Option<Json> {
    Some(match json {
        Json::InexactNumber => return None,
        Json::Array(mut list) if list.len() == 1 => return list.pop().and_then(plain),
        Json::Array(list) => Json::Array(list.into_iter().map(plain).collect::<Option<_>>()?),
        Json::Object(members) => {
            let members = members.into_iter().map(|(name, value)| Some((name, plain(value)?)));
            let mut members: Vec<_> = members.collect::<Option<_>>()?;
            // Stable: the order of members of one name stays, and it matters.
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Json::Object(members)
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_say_the_same() {
        let same = |one: &str, other: &str| same_document(&PolicyText::new(one), &PolicyText::new(other));
        for (one, other, expected) in [
            (r#"{"a": ["b"], "c": 1}"#, r#"{"c":1,"a":"b"}"#, true),
            (r#"{"a": ["b", "c"]}"#, r#"{"a": ["b"]}"#, false),
            (r#"{"a": ["b", "c"]}"#, r#"{"a": ["c", "b"]}"#, false),
            (r#"{"a": 1, "a": 2}"#, r#"{"a": 2, "a": 1}"#, false),
            (r#"{"a": 1, "a": 2}"#, r#"{"a": 2}"#, false),
            (r#"{"a": 123456789012345678901}"#, r#"{"a": 123456789012345678902}"#, false),
            ("{broken", "{broken", true),
            ("{broken", "{broken ", false),
        ] {
            assert_eq!(same(one, other), expected, "{one} {other}");
        }
    }
}
