//! Decisions and failures in words: findings with their remedies.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::{Facts, Subject, SubjectKind, Unreadable, UnreadableKind};
use crate::needs::{CHANNEL_ACTIONS, GET_ENCRYPTION_CONFIGURATION, Need, Requirements};
use crate::policy::{
    Decision, Doubt, GateKind, NearMiss, PolicyKind, Response, RuledOutBy, ServicePrincipal, StatementReference,
};
use crate::report::{Code, DecidedBy, Finding, NeededFor, Permission, Severity};

use super::role::JudgedRole;

/// Something that could not be read, as a finding that leaves the verdict unknown.
pub(super) fn unreadable(reason: &Unreadable) -> Finding {
    let Unreadable { api, kind, message } = reason;
    let (code, what, remedy) = match kind {
        UnreadableKind::Denied => (
            Code::AccessDenied,
            format!("the caller may not call `{api}`: {message}"),
            format!("allow the caller the IAM action `{api}`"),
        ),
        UnreadableKind::Throttled => (
            Code::AwsError,
            format!("`{api}` was throttled until the retries ran out: {message}"),
            "wait a little and check again, or raise `AWS_MAX_ATTEMPTS`".to_owned(),
        ),
        UnreadableKind::Credentials => (
            Code::AwsError,
            format!("`{api}` had no valid credentials: {message}"),
            "give credentials, for example with `--profile` or `aws sso login`".to_owned(),
        ),
        UnreadableKind::Network => (
            Code::AwsError,
            format!("`{api}` got no usable answer: {message}"),
            "check the network, the Region and `--endpoint-url`, and try again".to_owned(),
        ),
        UnreadableKind::OtherAccount => (
            Code::AwsError,
            message.clone(),
            "use credentials of that account, for example with `--profile`".to_owned(),
        ),
        UnreadableKind::NotInSnapshot => (
            Code::AwsError,
            message.clone(),
            "take the snapshot again with the same options, or give what is missing".to_owned(),
        ),
        UnreadableKind::Other => {
            (Code::AwsError, format!("`{api}` failed: {message}"), "try again; see the message of AWS".to_owned())
        }
    };
    warning(code, what, remedy, true)
}

/// A document that is no policy.
pub(super) fn not_a_policy(what: &str, error: &str) -> Finding {
    let message = format!("{what} is not a policy document: {error}");
    warning(Code::InvalidPolicy, message, "correct the document; what it grants or denies is not known", true)
}

/// A document of which parts were not understood. Permissions that hang on those parts are unknown by themselves.
pub(super) fn unsound(what: &str, problems: &[String]) -> Option<Finding> {
    let first = problems.first()?;
    let more = if problems.len() > 1 { format!(" (and {} more)", problems.len() - 1) } else { String::new() };
    let message = format!("{what} has parts that are not understood: {first}{more}");
    Some(warning(Code::InvalidPolicy, message, "correct the document; IAM would refuse it today", false))
}

/// What the trust policy means for the verdict, if it is not a plain yes.
pub(super) fn trust(
    judged: &JudgedRole,
    service: &ServicePrincipal,
    decision: Decision,
    doubt: &Doubt,
) -> Option<Finding> {
    let of_role = if judged.name.is_empty() { String::new() } else { format!(" of role `{}`", judged.name) };
    let name = &service.name;
    match decision {
        Decision::Allowed => None,
        Decision::Unknown => Some(warning(
            Code::TrustPolicy,
            format!("whether the trust policy{of_role} lets EC2 (`{name}`) assume it hangs on {}", in_words(doubt)),
            match doubt.keys.is_empty() {
                true => format!("name the service `{name}` in a statement of its own"),
                false => {
                    "EC2 is not documented to send these keys: leave the condition out, or give `--context KEY=VALUE`"
                        .to_owned()
                }
            },
            true,
        )),
        Decision::ImplicitDeny | Decision::ExplicitDeny => Some(Finding {
            code: Code::TrustPolicy,
            severity: Severity::Error,
            message: format!("the trust policy{of_role} does not let EC2 (`{name}`) assume it"),
            remedy: format!(
                "add a statement that allows `sts:AssumeRole` to the principal `{{\"Service\": \"{name}\"}}`"
            ),
            leaves_unknown: false,
        }),
    }
}

/// A permission as the report shows it.
pub(super) fn permission(need: &Need, response: &Response) -> Permission {
    let mut decided_by: Vec<DecidedBy> = response.decided_by.iter().map(statement).collect();
    if response.decision == Decision::ImplicitDeny {
        let gates = response.closed.iter().filter(|(kind, _)| *kind != GateKind::Identity);
        decided_by.extend(gates.map(|(kind, name)| DecidedBy {
            policy: name.clone(),
            kind: if *kind == GateKind::Scp { PolicyKind::Scp } else { PolicyKind::Boundary },
            sid: None,
            statement: None,
        }));
    }
    Permission {
        action: need.action.clone(),
        resource: need.resource.to_string(),
        needed_for: need.needed_for,
        decision: response.decision,
        decided_by,
        depends_on: response.doubt.keys.iter().cloned().collect(),
    }
}

/// A permission of a role of which nothing is known.
pub(super) fn unknown_permission(need: &Need) -> Permission {
    Permission {
        action: need.action.clone(),
        resource: need.resource.to_string(),
        needed_for: need.needed_for,
        decision: Decision::Unknown,
        decided_by: Vec::new(),
        depends_on: Vec::new(),
    }
}

/// The findings for what is not allowed, or not certainly: one for each cause.
pub(super) fn permissions(judged: &JudgedRole, answers: &[(Need, Response)]) -> Vec<Finding> {
    let mut missing = Vec::new();
    let mut near_misses = BTreeSet::new();
    let mut denied: BTreeMap<&StatementReference, Vec<&str>> = BTreeMap::new();
    let mut closed: BTreeMap<(GateKind, &str), Vec<&str>> = BTreeMap::new();
    let mut doubtful: BTreeMap<String, (Doubt, Vec<&str>)> = BTreeMap::new();
    for (need, response) in answers {
        let action = need.action.as_str();
        match response.decision {
            Decision::Allowed => {}
            Decision::ExplicitDeny => {
                response.decided_by.iter().for_each(|by| denied.entry(by).or_default().push(action));
                // Without the deny it would still be missing.
                if response.closed.iter().any(|(kind, _)| *kind == GateKind::Identity) {
                    missing.push(need);
                }
            }
            Decision::ImplicitDeny => {
                near_misses.extend(&response.near_misses);
                for (kind, name) in &response.closed {
                    match kind {
                        GateKind::Identity => missing.push(need),
                        GateKind::Boundary | GateKind::Scp => closed.entry((*kind, name)).or_default().push(action),
                    }
                }
            }
            Decision::Unknown => {
                let mut doubt = response.doubt.clone();
                // What could not be read has a finding of its own.
                doubt.notes.retain(|note| !judged.unread.contains(note));
                if doubt != Doubt::default() {
                    doubtful.entry(in_words(&doubt)).or_insert((doubt, Vec::new())).1.push(action);
                }
            }
        }
    }
    let mut findings = Vec::new();
    findings.extend(self::missing(judged, &missing, &near_misses));
    findings.extend(denied.iter().flat_map(|(by, actions)| self::denied(by, actions)));
    findings.extend(closed.iter().map(|((kind, name), actions)| self::closed(*kind, name, actions, &near_misses)));
    findings.extend(doubtful.values().map(|(doubt, actions)| conditional(doubt, actions)));
    findings
}

type NearMisses<'a> = BTreeSet<&'a NearMiss>;

fn missing(judged: &JudgedRole, needs: &[&Need], near_misses: &NearMisses<'_>) -> Option<Finding> {
    if needs.is_empty() {
        return None;
    }
    let whose = match judged.name.as_str() {
        "" => "the documents do not".to_owned(),
        name => format!("the policies of role `{name}` do not"),
    };
    let actions: Vec<String> = needs
        .iter()
        .map(|need| match need.resource.to_string().as_str() {
            "*" => format!("`{}`", need.action),
            resource => format!("`{}` on `{resource}`", need.action),
        })
        .collect();
    let only_core = needs.iter().all(|need| need.needed_for == NeededFor::Core);
    let remedy = if only_core {
        "attach the AWS managed policy `AmazonSSMManagedInstanceCore`, or allow these actions in a policy of the role"
    } else {
        "allow these actions in a policy of the role"
    };
    let near = near(GateKind::Identity, near_misses);
    Some(error(Code::MissingPermission, format!("{whose} allow {}{near}", listed(&actions)), remedy))
}

/// The first statement that allows the action and yet does not apply: where people think that it is allowed.
fn near(gate: GateKind, near_misses: &NearMisses<'_>) -> String {
    let mut misses = near_misses.iter().filter(|miss| miss.statement.gate == gate);
    let Some(NearMiss { statement: by, ruled_out_by }) = misses.next() else { return String::new() };
    let why = match ruled_out_by {
        RuledOutBy::Resource => "is for other resources".to_owned(),
        RuledOutBy::Condition(keys) => {
            let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
            format!("has a condition on {} that does not hold", listed(&keys))
        }
    };
    let sid = by.sid.as_ref().map(|sid| format!(" (Sid `{sid}`)")).unwrap_or_default();
    match gate {
        GateKind::Boundary => format!("; its statement {}{sid} {why}", by.index),
        GateKind::Identity | GateKind::Scp => {
            format!("; statement {}{sid} of {} {why}", by.index, policy_in_words(by.kind, &by.policy))
        }
    }
}

/// A deny in a boundary or an SCP is a finding about the deny and one about whose door it is.
fn denied(by: &StatementReference, actions: &[&str]) -> Vec<Finding> {
    let sid = by.sid.as_ref().map(|sid| format!(" (Sid `{sid}`)")).unwrap_or_default();
    let policy = policy_in_words(by.kind, &by.policy);
    let message = format!("statement {}{sid} of {policy} denies {}", by.index, actions_in_words(actions));
    let explicit = error(
        Code::ExplicitDeny,
        message,
        "a deny wins over every allow: narrow that statement or except this role from it",
    );
    let gate = match by.gate {
        GateKind::Identity => return vec![explicit],
        GateKind::Boundary | GateKind::Scp => closed(by.gate, &by.policy, actions, &BTreeSet::new()),
    };
    vec![explicit, gate]
}

fn closed(kind: GateKind, name: &str, actions: &[&str], near_misses: &NearMisses<'_>) -> Finding {
    let actions = actions_in_words(actions);
    let near = near(kind, near_misses);
    match kind {
        GateKind::Scp => error(
            Code::BlockedByScp,
            format!("the service control policies at `{name}` do not let {actions} through{near}"),
            "ask whoever runs the organisation to allow it for this account; nothing in the role can",
        ),
        GateKind::Boundary | GateKind::Identity => error(
            Code::BlockedByBoundary,
            format!("the permissions boundary `{name}` does not let {actions} through{near}"),
            "allow it in the boundary too; no policy of the role can pass its boundary",
        ),
    }
}

fn conditional(doubt: &Doubt, actions: &[&str]) -> Finding {
    let remedy = match doubt.keys.iter().next() {
        Some(key) => format!(
            "give what you know of it: `--context {key}=VALUE`, or `--context {key}=` if requests do not carry it"
        ),
        None => "write the statement so that it does not hang on this".to_owned(),
    };
    let message = format!("it hangs on {1} whether the role may call {0}", actions_in_words(actions), in_words(doubt));
    warning(Code::ConditionalPermission, message, remedy, true)
}

/// The documented policy grants it, but only logs to S3 need it.
pub(super) fn optional_encryption() -> Finding {
    Finding {
        code: Code::MissingPermission,
        severity: Severity::Info,
        message: format!("`{GET_ENCRYPTION_CONFIGURATION}` is not allowed; only session logs in S3 need it"),
        remedy: "nothing to do without S3 session logs; with them, check with `--s3-logs BUCKET`".to_owned(),
        leaves_unknown: false,
    }
}

/// An identity policy lets a role use a key only if the key's own policy says so.
/// See [Key policies](https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html).
pub(super) fn key_policy_not_read() -> Finding {
    Finding {
        code: Code::KmsKeyPolicy,
        severity: Severity::Info,
        message:
            "the key's own policy was not read; the role's permission counts only if that policy lets IAM policies \
                  decide, or names the role"
                .to_owned(),
        remedy: "see that the key policy allows the account's root, or the role, to use the key".to_owned(),
        leaves_unknown: false,
    }
}

/// What the verdict does not speak of.
pub(super) fn not_checked(facts: &Facts, requirements: &Requirements, subject: &Subject) -> Vec<String> {
    let mut lines = Vec::new();
    if let SubjectKind::Documents(documents) = &subject.kind {
        if documents.trust.is_none() {
            lines.push("the role's trust policy: give it with --trust".to_owned());
        }
        if documents.boundary.is_none() {
            lines.push("a permissions boundary: give it with --boundary".to_owned());
        }
    } else {
        lines.push(
            "the network path to the Systems Manager endpoints, VPC endpoint policies, and whether the SSM Agent runs"
                .to_owned(),
        );
        lines.push(
            "account settings of Systems Manager: Default Host Management Configuration and session preferences"
                .to_owned(),
        );
    }
    if facts.scp_levels.is_none() {
        lines.push("service control policies: not visible from here; give them with --scp".to_owned());
    }
    if requirements.s3_logs.is_some() {
        lines.push("the bucket's own policy and its encryption key".to_owned());
    }
    if requirements.kms_key.is_some() {
        lines.push("the KMS key's own policy and state".to_owned());
    }
    lines
}

fn statement(by: &StatementReference) -> DecidedBy {
    DecidedBy { policy: by.policy.clone(), kind: by.kind, sid: by.sid.clone(), statement: Some(by.index) }
}

fn policy_in_words(kind: PolicyKind, name: &str) -> String {
    match kind {
        PolicyKind::Inline => format!("the inline policy `{name}`"),
        PolicyKind::Managed => format!("the managed policy `{name}`"),
        PolicyKind::Boundary => format!("the permissions boundary `{name}`"),
        PolicyKind::Scp => format!("the service control policy `{name}`"),
        PolicyKind::Document => format!("`{name}`"),
    }
}

/// The actions, the four channel actions as one where they come together.
fn actions_in_words(actions: &[&str]) -> String {
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

fn in_words(doubt: &Doubt) -> String {
    let keys = doubt.keys.iter().map(|key| format!("`{key}`"));
    listed(&keys.chain(doubt.notes.iter().cloned()).collect::<Vec<_>>())
}

fn listed(items: &[String]) -> String {
    match items {
        [] => "nothing that can be named".to_owned(),
        [one] => one.clone(),
        [start @ .., last] => format!("{} and {last}", start.join(", ")),
    }
}

fn error(code: Code, message: String, remedy: &str) -> Finding {
    Finding { code, severity: Severity::Error, message, remedy: remedy.to_owned(), leaves_unknown: false }
}

fn warning(code: Code, message: impl Into<String>, remedy: impl Into<String>, leaves_unknown: bool) -> Finding {
    Finding { code, severity: Severity::Warning, message: message.into(), remedy: remedy.into(), leaves_unknown }
}
