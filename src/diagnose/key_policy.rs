//! The keys that sessions, or the buckets of their logs, are encrypted with: their state, and whether their own policies let the
//! role use them.

use crate::agent_context::Caller;
use crate::command_line::Command;
use crate::facts::{Fact, KmsKey, Unreadable};
use crate::needs::{Cost, KeyArn, Need};
use crate::report::{Code, Finding, NeededFor, Severity};
use iam_eval::{Decision, GateKind, NearMiss, Resource, ResourceAnswer, Response, RuledOutBy, Truth};

use super::asked::SessionKey;
use super::near_miss::near;
use super::permissions;
use super::resource_policy::ResourcePolicies;
use super::words::{error, in_words, statements_in_words, warning};

/// What is to be said of every key, given what the role's side answers.
pub(super) fn findings(policies: &ResourcePolicies<'_>, answers: &[(Need, Response)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for key in &policies.asked.keys {
        let KeyArn::Resolved(arn) = &key.arn else { continue };
        let of_key = |(need, _): &&(Need, Response)| {
            need.needed_for == key.used_for
                && need.action.starts_with("kms:")
                && need.resource == Resource::Arn(arn.clone())
        };
        let Some((need, response)) = answers.iter().find(of_key) else { continue };
        let found = of_key_in_use(key, need, response, policies);
        match need.cost {
            Cost::Sessions => findings.extend(found),
            Cost::Logs => findings.extend(found.into_iter().map(only_logs)),
        }
    }
    findings.dedup();
    findings
}

/// The same where only logs need the key.
fn only_logs(finding: Finding) -> Finding {
    Finding {
        code: Code::SessionLogs,
        severity: finding.severity.max(Severity::Warning),
        message: format!(
            "{}; sessions do not need it, but their logs do not reach the bucket without it",
            finding.message
        ),
        leaves_unknown: false,
        ..finding
    }
}

fn of_key_in_use(
    key: &SessionKey<'_>,
    need: &Need,
    response: &Response,
    policies: &ResourcePolicies<'_>,
) -> Vec<Finding> {
    let caller = policies.caller;
    let mut findings = Vec::new();
    match key.fact {
        Some(Fact::Absent) => findings.push(missing(key, caller)),
        Some(Fact::Known(known)) => {
            findings.extend(unusable(known, key.used_for));
            let finding = match (&known.policy, response.decision) {
                (Fact::Known(_), Decision::Allowed) => judged(known, need, policies).1,
                (Fact::Known(_), Decision::ExplicitDeny | Decision::ImplicitDeny) => None,
                // Only a certain deny says more than is said of the role's policies already.
                (Fact::Known(_), Decision::Unknown) => match judged(known, need, policies) {
                    (Judgement::Denies, finding) => finding,
                    (Judgement::DoesNotAllow | Judgement::Open | Judgement::Allows, _) => None,
                },
                (Fact::Unreadable(reason), Decision::Allowed) => Some(unread(&known.arn, Some(reason), caller)),
                (Fact::Absent, Decision::Allowed) => Some(unread(&known.arn, None, caller)),
                (Fact::Absent | Fact::Unreadable(_), _) => None,
            };
            findings.extend(finding);
        }
        Some(Fact::Unreadable(reason)) if response.decision == Decision::Allowed => {
            findings.push(unread(&key.given, Some(reason), caller));
        }
        None if response.decision == Decision::Allowed => findings.push(unread(&key.given, None, caller)),
        Some(Fact::Unreadable(_)) | None => {}
    }
    findings
}

fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

/// What a key policy makes of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgement {
    Allows,
    DoesNotAllow,
    Denies,
    Open,
}

/// What the key's own policy makes of a permission that the role has.
fn judged(key: &KmsKey, need: &Need, policies: &ResourcePolicies<'_>) -> (Judgement, Option<Finding>) {
    let (arn, action) = (&key.arn, &need.action);
    let Some(answer) = policies.answer_to(need) else {
        let finding = warning(
            Code::KmsKeyPolicy,
            format!("the policy of the key `{arn}` is not understood, or the role's ARN is not known"),
            "see that the key policy allows the account's root, or the role, to use the key",
            true,
        );
        return (Judgement::Open, Some(finding));
    };
    let (judgement, finding) = match (&answer.denies.truth, answer.allows()) {
        (Truth::True, _) => (
            Judgement::Denies,
            error(
                Code::KmsKeyPolicy,
                format!(
                    "{} of the policy of the key `{arn}` denies the role `{action}`",
                    statements_in_words(&answer.denies.statements)
                ),
                "an explicit deny overrides any allow: narrow that statement of the key policy",
            ),
        ),
        (_, Truth::False) => (
            Judgement::DoesNotAllow,
            error(
                Code::KmsKeyPolicy,
                format!(
                    "the policy of the key `{arn}` neither names the role nor leaves the decision to IAM policies of its account, so \
                     that the role's permission does not count{}",
                    near(GateKind::Resource, &answer.near_misses)
                ),
                remedy(&answer, action),
            ),
        ),
        (Truth::False, Truth::True) => return (Judgement::Allows, None),
        (denies, allows) => (
            Judgement::Open,
            warning(
                Code::KmsKeyPolicy,
                format!(
                    "cannot determine whether the policy of the key `{arn}` lets the role use it: it depends on {}",
                    in_words(&denies.doubt().merge(allows.doubt()))
                ),
                "give what you know with `--context`, or allow the role in the key policy without that condition",
                true,
            ),
        ),
    };
    (judgement, Some(finding))
}

/// What to do where a key policy does not allow.
fn remedy(answer: &ResourceAnswer, action: &str) -> String {
    let deleted = |miss: &NearMiss| matches!(miss.ruled_out_by, RuledOutBy::DeletedPrincipal(_));
    match answer.near_misses.iter().any(deleted) {
        true => "save the key policy again with the ARN of the role that exists now".to_owned(),
        false => format!("allow the role, or the root of its account, `{action}` in the key policy"),
    }
}

/// A key that nobody can use ends every session that it should encrypt, and stops uploads to a bucket.
/// See [Key states](https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html).
fn unusable(key: &KmsKey, used_for: NeededFor) -> Option<Finding> {
    let so = match used_for {
        NeededFor::Kms => ", so that sessions which it encrypts end at once",
        _ => "",
    };
    let state = key.state.as_deref()?;
    let on_key = |call| Command::new(call).option("--key-id", &key.arn);
    let remedy = match state {
        // While the primary of a multi-Region key changes, it can be used.
        "Enabled" | "Updating" => return None,
        "Disabled" => format!("enable it: `{}`", on_key("aws kms enable-key")),
        "PendingDeletion" => {
            format!("cancel its deletion and enable it: `{}`", on_key("aws kms cancel-key-deletion"))
        }
        "Creating" | "PendingImport" | "PendingReplicaDeletion" | "Unavailable" => {
            "see the state of the key, or encrypt with another".to_owned()
        }
        _ => {
            return Some(warning(
                Code::KmsKeyPolicy,
                format!(
                    "the key `{}` is in the state `{state}`, and whether it can be used then is not known",
                    key.arn
                ),
                "see the state of the key",
                true,
            ));
        }
    };
    Some(error(Code::KmsKeyPolicy, format!("the key `{}` is `{state}`{so}", key.arn), remedy))
}

fn missing(key: &SessionKey<'_>, caller: &Caller<'_>) -> Finding {
    let message = format!("there is no KMS key `{}`, as far as these credentials see", key.given);
    match key.by_preferences {
        true if account_of(&key.given).is_some_and(|owner| caller.place.account.is_some_and(|own| own != owner)) => {
            warning(
                Code::KmsKeyPolicy,
                format!(
                    "{message}, and the session preferences name it; it is of another account, and may only be hidden"
                ),
                "see that the key exists, and that its policy allows this account",
                true,
            )
        }
        true => error(
            Code::KmsKeyPolicy,
            format!("{message}; the session preferences name it"),
            "name a key that exists in the session preferences",
        ),
        false => warning(
            Code::KmsKeyPolicy,
            message,
            "check the key's ARN; a key of another account may only be hidden",
            false,
        ),
    }
}

fn unread(key: &str, reason: Option<&Unreadable>, caller: &Caller<'_>) -> Finding {
    match account_of(key) {
        Some(owner) if caller.place.account.is_some_and(|account| account != owner) => warning(
            Code::KmsKeyPolicy,
            format!(
                "the key `{key}` belongs to account {owner}, and its policy could not be read; it must allow the role or its account"
            ),
            "see that the key policy allows this account's root, or the role, to use the key",
            false,
        ),
        _ => permissions::key_policy_not_read(reason),
    }
}
