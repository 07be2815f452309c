//! The diagnosis as tables: which way the agent goes, what the Region's settings ask for, and what the key and the agent say.

mod agent;
mod conditional;
mod endpoint_policy;
mod host;
mod key_policy;
mod memo;
mod network;
mod organization;
mod planned;
mod preferences;
mod properties;
mod rcps;
mod review;
mod session_logs;
mod target;

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::diagnose;
use crate::facts::{Fact, KmsKey, Role, Settings, kms_key};
use crate::fix::tests::account::*;
use crate::needs::Requirements;
use crate::report::{Code, Finding, Outcome, Severity, Verdict};

fn judge(account: &Account) -> Outcome {
    diagnose(&account.facts, &Requirements::default(), now()).results.remove(0)
}

/// What the verdict turns on: the errors.
fn errors(outcome: &Outcome) -> BTreeSet<Code> {
    outcome
        .findings
        .iter()
        .filter(|finding| finding.severity() == Severity::Error)
        .map(|finding| finding.code())
        .collect()
}

fn found(outcome: &Outcome, code: Code) -> Option<&Finding> {
    outcome.findings.iter().map(AsRef::as_ref).find(|finding: &&Finding| finding.code() == code)
}

/// The same settings in every Region.
fn with_settings(account: Account, change: impl Fn(&mut Settings)) -> Account {
    account.with(|facts| facts.settings.values_mut().for_each(change))
}

/// The same with a key in `us-east-1` whose policy leaves the decision to the account.
fn with_readable_key(account: Account, arn: &str) -> Account {
    let root = json!({ "AWS": "arn:aws:iam::111122223333:root" });
    let statement = json!({ "Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*" });
    let key = KmsKey {
        arn: arn.to_owned(),
        state: Some("Enabled".to_owned()),
        policy: Fact::Known(text(&policy(&[statement]))),
    };
    account.with(|facts| drop(facts.kms_keys.insert(kms_key(Some("us-east-1"), arn), Fact::Known(key))))
}

/// A statement that holds under a condition.
fn under(mut statement: Json, condition: Json) -> Json {
    statement["Condition"] = condition;
    statement
}

/// A condition of which nothing says whether it holds.
fn unknowable() -> Json {
    json!({ "StringEquals": { "aws:SourceVpce": "vpce-1" } })
}

/// A role that is allowed this and all that a session needs.
fn ready_and(actions: &'static [&'static str]) -> impl FnOnce(&mut Role) {
    move |role| {
        ready(role);
        if !actions.is_empty() {
            add_inline(role, "more", &policy(&[allow(actions, "*")]));
        }
    }
}
