//! Sizes as IAM counts them, and how large things may be.
//!
//! Source: [IAM and AWS STS quotas](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).

use crate::facts::PolicyText;
use iam_eval::arn;

/// How many characters all inline policies of a role together may have. This cannot be raised.
pub const INLINE_POLICIES: usize = 10_240;
/// How many characters a role's trust policy may have, unless the account has had its quota raised.
pub const TRUST_POLICY: usize = 2_048;
/// How many characters the name of an inline policy may have.
///
/// Source: [PutRolePolicy](https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html).
pub const POLICY_NAME: usize = 128;

/// The document's size: "IAM doesn't count white space when calculating the size of a policy against these limits".
///
/// White space within strings is not counted either; of what only Unicode takes for white space nothing is said, so it
/// counts.
pub fn size(text: &PolicyText) -> usize {
    text.as_str().chars().filter(|character| !matches!(character, ' ' | '\t' | '\n' | '\r')).count()
}

/// The size of a role's inline policies together, which is what [`INLINE_POLICIES`] limits.
pub fn inline_total<'a>(documents: impl IntoIterator<Item = &'a PolicyText>) -> usize {
    documents.into_iter().map(size).sum()
}

/// Whether `PutRolePolicy` takes `name` for an inline policy: one to 128 characters of `[\w+=,.@-]`.
pub fn is_policy_name(name: &str) -> bool {
    arn::is_iam_name(name, POLICY_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_does_not_count() {
        for (text, expected) in [
            ("", 0),
            ("{}", 2),
            (" {\r\n\t\"Id\" : \"a b\"\n}\n", 11),
            // One character of two bytes.
            (r#"{"Id":"ü"}"#, 10),
            // An escape is as long as it is written.
            (r#"{"Id":"\u0020"}"#, 15),
            ("{\"Id\":\"\u{a0}\"}", 10),
        ] {
            assert_eq!(size(&PolicyText::new(text)), expected, "{text:?}");
        }
    }

    #[test]
    fn the_size_is_of_the_decoded_document() {
        assert_eq!(size(&PolicyText::new("%7B%22Id%22%3A%20%22a%22%7D")), 10);
    }

    #[test]
    fn inline_policies_count_together() {
        let documents = ["{}", "{ }", r#"{"Id":"a"}"#].map(PolicyText::new);
        assert_eq!(inline_total(&documents), 14);
        assert_eq!(inline_total([]), 0);
    }

    #[test]
    fn names_of_policies() {
        for name in ["a", "SSM_Profile-1", "a+b=c,d.e@f", &"x".repeat(POLICY_NAME)] {
            assert!(is_policy_name(name), "{name}");
        }
        for name in ["", "a b", "a/b", "a:b", "naïve", &"x".repeat(POLICY_NAME + 1)] {
            assert!(!is_policy_name(name), "{name}");
        }
    }
}
