//! The documents of AWS managed policies that people attach to the roles of instances, for what names them by ARN only.
//!
//! AWS makes new versions: each document stands with its version and that version's date, and whoever judges by it says so. They
//! are those of the partition `aws`, as `GetPolicyVersion` answers them and the public record
//! [MAMIP](https://github.com/zoph-io/MAMIP) keeps them (commit 0387244, 2026-03-07); the
//! [AWS managed policy reference](https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html) has the newest.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::facts::{ManagedPolicy, PolicyText};

const DOCUMENTS: &str = include_str!("documents.json");

#[derive(Deserialize)]
struct Shipped<'a> {
    version: String,
    date: String,
    #[serde(borrow)]
    document: &'a RawValue,
}

static POLICIES: LazyLock<HashMap<String, ManagedPolicy>> = LazyLock::new(|| {
    // A test holds that it can be read.
    let shipped: HashMap<String, Shipped<'_>> = serde_json::from_str(DOCUMENTS).unwrap_or_default();
    let policy = |Shipped { version, date, document }| ManagedPolicy {
        version,
        document: PolicyText::new(document.get()),
        shipped: Some(date),
    };
    shipped.into_iter().map(|(arn, shipped)| (arn, policy(shipped))).collect()
});

/// The managed policy of this ARN, if its document is known here.
pub fn shipped(arn: &str) -> Option<ManagedPolicy> {
    POLICIES.get(arn).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use iam_eval::{Document, DocumentKind};

    #[test]
    fn every_document_is_a_policy_with_a_version_and_its_date() {
        assert_eq!(POLICIES.len(), DOCUMENTS.matches("arn:aws:iam::aws:policy/").count());
        for (arn, policy) in POLICIES.iter() {
            let parsed = Document::parse(policy.document.as_str(), DocumentKind::Identity);
            assert_eq!(parsed.unwrap().all_problems(), [""; 0], "{arn}");
            assert!(policy.version.strip_prefix('v').unwrap().parse::<u32>().unwrap() > 0, "{arn}");
            assert!(policy.shipped.as_ref().unwrap().parse::<jiff::civil::Date>().is_ok(), "{arn}");
        }
    }

    #[test]
    fn a_policy_is_found_by_its_whole_arn_only() {
        assert!(shipped("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore").is_some());
        assert!(shipped("arn:aws:iam::aws:policy/service-role/AmazonEC2RoleforSSM").is_some());
        for other in [
            "arn:aws:iam::aws:policy/AmazonEC2RoleforSSM",
            "arn:aws:iam::111122223333:policy/AmazonSSMManagedInstanceCore",
        ] {
            assert_eq!(shipped(other), None, "{other}");
        }
    }
}
