//! The context of a request: what each condition key holds, as far as it is known.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::comparable::Comparable;
use super::text::Text;
use super::truth::UnknownReason;

/// What is known of a condition key in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The request does not carry the key.
    Absent,
    /// It carries these values, each perhaps unknown in part. No value at all: present, but an empty set.
    Present(Vec<Text>),
    /// It carries one of these values, and which is not known.
    OneOf(Vec<Text>),
    /// It carries these values, or does not carry the key at all.
    Optional(Vec<Text>),
    /// It carries a point in time between these two.
    Between(Timestamp, Timestamp),
    /// Neither its presence nor its value can be known.
    Unknowable,
}

impl Value {
    /// A single value that is known in full.
    pub fn known(text: impl Into<String>) -> Value {
        Value::Present(vec![Text::known(text)])
    }
}

/// The condition keys of a request. A key that was not set is unknowable.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// By the key's name in lower case: names ignore case.
    entries: BTreeMap<String, Value>,
    /// Prefixes under which every key that was not set is absent, in lower case.
    absent_prefixes: BTreeSet<String>,
    /// By a key's name in lower case: what is taken to hold or not of a value that is not known.
    assumptions: BTreeMap<String, Vec<(Comparable, bool)>>,
}

impl Context {
    /// Says what `key` holds, whatever was said before.
    pub fn set(&mut self, key: &str, value: Value) {
        self.entries.insert(key.to_ascii_lowercase(), value);
    }

    /// Says that keys that start with `prefix` are absent unless they are set.
    pub fn set_absent_prefix(&mut self, prefix: &str) {
        self.absent_prefixes.insert(prefix.to_ascii_lowercase());
    }

    /// Takes back what [`Context::set_absent_prefix`] said.
    pub fn forget_absent_prefix(&mut self, prefix: &str) {
        self.absent_prefixes.remove(&prefix.to_ascii_lowercase());
    }

    /// What `key` holds.
    pub fn get(&self, key: &str) -> &Value {
        let key = key.to_ascii_lowercase();
        match self.entries.get(&key) {
            Some(value) => value,
            None if self.absent_prefixes.iter().any(|prefix| key.starts_with(prefix)) => &Value::Absent,
            None => &Value::Unknowable,
        }
    }

    /// Takes a comparison of a value that is not known to hold, or not to.
    pub(super) fn assume(&mut self, key: &str, comparable: Comparable, holds: bool) {
        self.assumptions.entry(key.to_ascii_lowercase()).or_default().push((comparable, holds));
    }

    /// Whether a comparison was taken to hold, or not to.
    pub(super) fn assumed(&self, key: &str, comparable: &Comparable) -> Option<bool> {
        if self.assumptions.is_empty() {
            return None;
        }
        let of_key = self.assumptions.get(&key.to_ascii_lowercase())?;
        of_key.iter().find(|(known, _)| known == comparable).map(|(_, holds)| *holds)
    }

    /// Every key whose values are known in full, by its documented name, with its values.
    pub fn known(&self) -> Vec<(String, Vec<String>)> {
        let values = |value: &Value| match value {
            Value::Present(texts) => texts.iter().map(|text| text.as_known().map(str::to_owned)).collect(),
            Value::Absent | Value::OneOf(_) | Value::Optional(_) | Value::Between(..) | Value::Unknowable => None,
        };
        let entries = self.entries.iter().filter_map(|(key, value)| Some((documented_name(key), values(value)?)));
        entries.filter(|(_, values): &(_, Vec<String>)| !values.is_empty()).collect()
    }

    /// The doubt that hangs on `key`.
    pub(super) fn doubt(&self, key: &str) -> UnknownReason {
        UnknownReason::key(&documented_name(key))
    }
}

/// Keys that AWS documents as multi-valued: a plain operator on them has no defined meaning.
///
/// Source: [AWS global condition context keys](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
const MULTIVALUED: [&str; 9] = [
    "aws:calledvia",
    "aws:principalorgpaths",
    "aws:principalservicenameslist",
    "aws:resourceorgpaths",
    "aws:sourceorgpaths",
    "aws:tagkeys",
    "aws:vpceorgpaths",
    "kms:encryptioncontextkeys",
    "kms:resourcealiases",
];

/// Whether AWS documents `key` as multi-valued.
pub(super) fn is_multivalued(key: &str) -> bool {
    MULTIVALUED.contains(&key.to_ascii_lowercase().as_str())
}

/// Global keys that policies often spell with other letters than the documentation.
const DOCUMENTED: [&str; 33] = [
    "aws:CalledVia",
    "aws:CurrentTime",
    "aws:Ec2InstanceSourcePrivateIPv4",
    "aws:Ec2InstanceSourceVpc",
    "aws:EpochTime",
    "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalType",
    "aws:Referer",
    "aws:RequestedRegion",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:ResourceOrgPaths",
    "aws:SecureTransport",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceIdentity",
    "aws:SourceIp",
    "aws:SourceOrgID",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:TagKeys",
    "aws:TokenIssueTime",
    "aws:UserAgent",
    "aws:VpcSourceIp",
    "aws:userid",
    "ec2:RoleDelivery",
    "ec2:SourceInstanceARN",
];

/// The key as AWS documents its name; as it is written for keys that are not listed here.
fn documented_name(key: &str) -> String {
    let documented = DOCUMENTED.iter().find(|name| name.eq_ignore_ascii_case(key));
    documented.map_or_else(|| key.to_owned(), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ignore_case_and_what_was_not_set_is_unknowable() {
        let mut context = Context::default();
        context.set("aws:SourceVpc", Value::known("vpc-1"));
        context.set_absent_prefix("aws:PrincipalTag/");
        context.set("aws:PrincipalTag/Team", Value::known("a"));
        assert_eq!(context.get("AWS:sourcevpc"), &Value::known("vpc-1"));
        assert_eq!(context.get("aws:principaltag/team"), &Value::known("a"));
        assert_eq!(context.get("aws:PrincipalTag/other"), &Value::Absent);
        assert_eq!(context.get("aws:SourceIp"), &Value::Unknowable);
        assert_eq!(context.doubt("aws:sourceVpce"), UnknownReason::key("aws:SourceVpce"));
    }
}
