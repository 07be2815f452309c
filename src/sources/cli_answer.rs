//! Documents as the AWS CLI prints them: inside an answer, as an object, as a string, or URL-encoded.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::facts::PolicyText;

/// So deep is no document wrapped: an encoded string in a member of a member of a string.
const DEEPEST: usize = 6;

/// Answers that hold one document. Borrowed raw values keep its text to the last character.
///
/// A member that stands twice is an error of serde's, and then nothing is unwrapped.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    /// A policy itself has this.
    #[serde(borrow)]
    statement: Option<&'a RawValue>,
    /// `iam get-policy-version`.
    #[serde(borrow)]
    policy_version: Option<&'a RawValue>,
    /// A policy version.
    #[serde(borrow)]
    document: Option<&'a RawValue>,
    /// `iam get-role-policy`, and an endpoint of `ec2 describe-vpc-endpoints`.
    #[serde(borrow)]
    policy_document: Option<&'a RawValue>,
    /// `iam get-role`.
    #[serde(borrow)]
    role: Option<&'a RawValue>,
    /// A role.
    #[serde(borrow)]
    assume_role_policy_document: Option<&'a RawValue>,
    /// `organizations describe-policy`, `kms get-key-policy`, `s3api get-bucket-policy`.
    #[serde(borrow)]
    policy: Option<&'a RawValue>,
    /// A policy of `organizations describe-policy`.
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

impl<'a> Answer<'a> {
    /// What holds the document, if that is clear.
    fn inner(self) -> Option<&'a RawValue> {
        let members = [
            self.policy_version,
            self.document,
            self.policy_document,
            self.role,
            self.assume_role_policy_document,
            self.policy,
            self.content,
        ];
        let mut members = members.into_iter().flatten();
        let only = members.next().filter(|_| self.statement.is_none())?;
        members.next().is_none().then_some(only)
    }
}

/// The document in a text: the text itself, unless it is an answer that holds one.
pub fn document(text: &str) -> PolicyText {
    let mut text = Cow::Borrowed(text.trim_start_matches('\u{feff}'));
    for _ in 0..DEEPEST {
        match unwrapped(&text) {
            Some(inner) => text = Cow::Owned(inner),
            None => break,
        }
    }
    PolicyText::new(&text)
}

/// The text one layer below, if there is one.
fn unwrapped(text: &str) -> Option<String> {
    let trimmed = text.trim();
    match trimmed.chars().next()? {
        '%' => Some(percent_decode_str(trimmed).decode_utf8_lossy().into_owned()).filter(|decoded| decoded != text),
        '"' => serde_json::from_str(trimmed).ok(),
        '{' => serde_json::from_str::<Answer<'_>>(trimmed).ok()?.inner().map(|inner| inner.get().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// With a key that stands twice and white space that must stay.
    const POLICY: &str = r#"{"Version":  "2012-10-17", "Statement": [{"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;

    fn encoded(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }

    #[test]
    fn the_document_comes_out_of_every_answer_as_it_stands_there() {
        let as_string = json!(POLICY).to_string();
        let as_encoded = json!(encoded(POLICY)).to_string();
        for document_in_it in [POLICY, &as_string, &as_encoded] {
            for answer in [
                "DOCUMENT",
                r#"{"PolicyVersion": {"Document": DOCUMENT, "VersionId": "v3", "IsDefaultVersion": true}}"#,
                r#"{"Document": DOCUMENT, "VersionId": "v3", "IsDefaultVersion": true}"#,
                r#"{"RoleName": "web", "PolicyName": "core", "PolicyDocument": DOCUMENT}"#,
                r#"{"PolicyDocument": DOCUMENT}"#,
                r#"{"Role": {"RoleName": "web", "Arn": "arn:aws:iam::111122223333:role/web", "AssumeRolePolicyDocument": DOCUMENT}}"#,
                r#"{"Policy": {"PolicySummary": {"Name": "root"}, "Content": DOCUMENT}}"#,
                r#"{"Policy": DOCUMENT, "PolicyName": "default"}"#,
            ] {
                let text = format!("\u{feff} {}\n", answer.replace("DOCUMENT", document_in_it));
                assert_eq!(document(&text).as_str().trim(), POLICY, "{text}");
            }
        }
        assert_eq!(document(&encoded(POLICY)).as_str(), POLICY);
    }

    #[test]
    fn what_is_no_answer_is_left_alone() {
        for text in [
            r#"{"Statement": [], "PolicyDocument": {"Statement": []}}"#,
            r#"{"PolicyDocument": {"Statement": []}, "PolicyDocument": {"Statement": [1]}}"#,
            r#"{"PolicyDocument": {}, "AssumeRolePolicyDocument": {}}"#,
            r#"{"Policy": null}"#,
            r#"{"PolicyName": "x"}"#,
            " {\"Statement\": []}\n",
            "{",
            "",
        ] {
            assert_eq!(document(text).as_str(), text);
        }
    }
}
