//! Words that several findings share.

use std::collections::BTreeSet;

use crate::facts::{Unreadable, UnreadableKind};
use crate::needs::CHANNEL_ACTIONS;
use crate::report::{Code, Finding, Severity};
use iam_eval::{Doubt, PolicyKind, ServicePrincipal, StatementReference};

/// A policy by its kind and name.
pub(super) fn policy_in_words(kind: PolicyKind, name: &str) -> String {
    match kind {
        PolicyKind::Inline => format!("the inline policy `{name}`"),
        PolicyKind::Managed => format!("the managed policy `{name}`"),
        PolicyKind::Boundary => format!("the permissions boundary `{name}`"),
        PolicyKind::Scp => format!("the service control policy `{name}`"),
        PolicyKind::Rcp => format!("the resource control policy `{name}`"),
        PolicyKind::Document => format!("`{name}`"),
    }
}

/// A statement by its place in its policy.
pub(super) fn in_statement(by: &StatementReference) -> String {
    let sid = by.sid.as_ref().map(|sid| format!(" (Sid `{sid}`)")).unwrap_or_default();
    format!("statement {}{sid} of {}", by.index, policy_in_words(by.kind, &by.policy))
}

/// A service that assumes roles, by its own name.
pub(super) fn service_in_words(service: &ServicePrincipal) -> &'static str {
    if service.is_systems_manager() { "Systems Manager" } else { "EC2" }
}

/// The actions, the four channel actions as one where they come together.
pub(super) fn actions_in_words(actions: &[&str]) -> String {
    let mut unique: BTreeSet<&str> = actions.iter().copied().collect();
    let channels = CHANNEL_ACTIONS.iter().all(|action| unique.contains(action));
    if channels {
        unique.retain(|action| !CHANNEL_ACTIONS.contains(action));
    }
    let mut words: Vec<String> = unique.iter().map(|action| format!("`{action}`")).collect();
    if channels {
        words.push("the four `ssmmessages` channel actions".to_owned());
    }
    listed(&words)
}

/// `statement 1 (Sid `x`)`, or several of one policy.
pub(super) fn statements_in_words(statements: &[StatementReference]) -> String {
    let one = |by: &StatementReference| {
        let sid = by.sid.as_ref().map(|sid| format!(" (Sid `{sid}`)")).unwrap_or_default();
        format!("{}{sid}", by.index)
    };
    let all: Vec<String> = statements.iter().map(one).collect();
    format!("{} {}", if all.len() == 1 { "statement" } else { "statements" }, listed(&all))
}

/// What a doubt hangs on.
pub(super) fn in_words(doubt: &Doubt) -> String {
    let keys = doubt.keys.iter().map(|key| format!("`{key}`"));
    listed(&keys.chain(doubt.notes.iter().cloned()).collect::<Vec<_>>())
}

/// `a, b and c`.
pub(super) fn listed(items: &[String]) -> String {
    match items {
        [] => "nothing that can be named".to_owned(),
        [one] => one.clone(),
        [start @ .., last] => format!("{} and {last}", start.join(", ")),
    }
}

/// Policies of the organization that could not be read, why, and the flag that gives them.
pub(super) fn not_visible(policy_type: &str, flag: &str, unread: Option<&Unreadable>) -> String {
    let why = match unread {
        Some(Unreadable { api, kind: UnreadableKind::Denied, .. }) => format!(" (`{api}`)"),
        Some(Unreadable { api, message, .. }) => format!(" (`{api}`: {message})"),
        None => String::new(),
    };
    format!("{policy_type} control policies: not visible from here{why}; give them with `{flag}`")
}

/// What certainly keeps Session Manager out.
pub(super) fn error(code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { code, severity: Severity::Error, message: message.into(), remedy: remedy.into(), leaves_unknown: false }
}

/// What may keep it out; `leaves_unknown` says whether the verdict hangs on it.
pub(super) fn warning(
    code: Code,
    message: impl Into<String>,
    remedy: impl Into<String>,
    leaves_unknown: bool,
) -> Finding {
    Finding { code, severity: Severity::Warning, message: message.into(), remedy: remedy.into(), leaves_unknown }
}

/// What is good to know and changes no verdict.
pub(super) fn info(code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { code, severity: Severity::Info, message: message.into(), remedy: remedy.into(), leaves_unknown: false }
}
