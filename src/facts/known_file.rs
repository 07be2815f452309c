//! What a file is that was given in the place of another one.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

/// Kinds of files that this tool reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownFile {
    /// What `snapshot` writes.
    Snapshot,
    /// A Terraform plan as JSON.
    Plan,
    /// A template of CloudFormation.
    Template,
    /// What `check --write-baseline` writes.
    Baseline,
    /// What `check -o json` prints.
    Report,
    /// A policy document.
    Policy,
}

impl KnownFile {
    /// What a text is, if its first keys tell.
    pub fn of(text: &str) -> Option<KnownFile> {
        let text = text.trim_start_matches('\u{feff}');
        if let Ok(keys) = serde_json::from_str::<BTreeMap<String, IgnoredAny>>(text) {
            let has = |key: &str| keys.contains_key(key);
            return match () {
                () if has("snapshot_version") => Some(KnownFile::Snapshot),
                () if has("baseline_version") => Some(KnownFile::Baseline),
                () if has("format_version") && (has("planned_values") || has("resource_changes")) => {
                    Some(KnownFile::Plan)
                }
                () if has("schema_version") && has("results") => Some(KnownFile::Report),
                () if has("Resources") || has("AWSTemplateFormatVersion") => Some(KnownFile::Template),
                () if has("Statement") => Some(KnownFile::Policy),
                () => None,
            };
        }
        let is_template = |line: &str| line.starts_with("AWSTemplateFormatVersion") || line.trim_end() == "Resources:";
        text.lines().any(is_template).then_some(KnownFile::Template)
    }

    /// What it is, and the flag that takes it.
    pub fn in_words(self) -> &'static str {
        match self {
            KnownFile::Snapshot => "a snapshot; pass it with `--snapshot`",
            KnownFile::Plan => "a Terraform plan; pass it with `--terraform-plan`",
            KnownFile::Template => "a CloudFormation template; pass it with `--cloudformation`",
            KnownFile::Baseline => "a baseline; pass it with `--baseline`",
            KnownFile::Report => "a report of `check`, which no flag takes",
            KnownFile::Policy => "a policy document; pass it with `--policy`",
        }
    }
}

/// Why a text is no policy document, if it is another file. What is broken may have been one.
pub fn no_policy(text: &str) -> Option<String> {
    let known = KnownFile::of(text).filter(|known| *known != KnownFile::Policy)?;
    Some(format!("it is not a policy document but {}", known.in_words()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_its_keys() {
        for (text, expected) in [
            (r#"{"snapshot_version": 3, "facts": {}}"#, Some(KnownFile::Snapshot)),
            (r#"{"format_version": "1.2", "planned_values": {}}"#, Some(KnownFile::Plan)),
            (r#"{"Resources": {}}"#, Some(KnownFile::Template)),
            ("# web\nResources:\n  App: {}\n", Some(KnownFile::Template)),
            (r#"{"baseline_version": 1, "findings": []}"#, Some(KnownFile::Baseline)),
            (r#"{"schema_version": 1, "results": []}"#, Some(KnownFile::Report)),
            (r#"{"Version": "2012-10-17", "Statement": []}"#, Some(KnownFile::Policy)),
            (r#"{"PolicyVersion": {}}"#, None),
            ("[]", None),
            ("", None),
        ] {
            assert_eq!(KnownFile::of(text), expected, "{text}");
        }
    }

    #[test]
    fn a_policy_with_mistakes_is_still_one() {
        for policy in
            ["{", "{\"Statement\": [}", " \u{feff}{}", "[]", "\"{}\"", "%7B%7D", "null", "{} // x", "", "<html>"]
        {
            assert_eq!(no_policy(policy), None, "{policy}");
        }
        assert!(no_policy(r#"{"snapshot_version": 3}"#).unwrap().contains("`--snapshot`"));
    }
}
