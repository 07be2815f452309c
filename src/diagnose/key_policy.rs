//! The keys that sessions, or the buckets of their logs, are encrypted with: their state, and whether their own policies let the
//! role use them.

use crate::agent_context::Caller;
use crate::facts::{Fact, KmsKey, Unreadable};
use crate::needs::{Cost, KeyArn, Need};
use crate::report::{Finding, FindingKind, NeededFor, Reservation, is_documented_key_state};
use iam_eval::{Decision, NearMiss, PolicySetKind, Resource, ResourceAnswer, Response, RuledOutBy, Truth};

use super::near_miss::near;
use super::resolved_needs::SessionKey;
use super::resource_policy::ResourcePolicies;

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
            Cost::Sessions => findings.extend(found.into_iter().map(Finding::from)),
            Cost::Logs => findings.extend(found.into_iter().map(|kind| Finding {
                reservation: Some(Reservation::OnlyLogs { bucket: None }),
                ..Finding::from(kind)
            })),
        }
    }
    findings.dedup();
    findings
}

fn of_key_in_use(
    key: &SessionKey<'_>,
    need: &Need,
    response: &Response,
    policies: &ResourcePolicies<'_>,
) -> Vec<FindingKind> {
    let caller = policies.caller;
    let mut findings = Vec::new();
    match key.fact {
        Some(Fact::Absent) => findings.push(missing(key, caller)),
        Some(Fact::Known(known)) => {
            findings.extend(unusable(known, key.used_for));
            findings.extend(key.other_use.map(|other| FindingKind::KeyOfOtherUse {
                key: known.arn.clone(),
                setting: other.setting.clone(),
                value: other.value.clone(),
                ends_sessions: key.used_for == NeededFor::Kms,
            }));
            let finding = match (&known.policy, response.decision) {
                (Fact::Known(_), Decision::Allowed) => judged(known, need, policies),
                (Fact::Known(_), Decision::ExplicitDeny | Decision::ImplicitDeny) => None,
                // Only a certain deny says more than is said of the role's policies already.
                (Fact::Known(_), Decision::Unknown) => judged(known, need, policies)
                    .filter(|finding| matches!(finding, FindingKind::KeyPolicyDenies { .. })),
                // The service answers: it told of the key.
                (Fact::Unreadable(reason), Decision::Allowed) => Some(not_read(&known.arn, reason, true, caller)),
                (Fact::Absent, Decision::Allowed) => Some(unread(&known.arn, None, caller)),
                (Fact::Absent | Fact::Unreadable(_), _) => None,
            };
            findings.extend(finding);
        }
        Some(Fact::Unreadable(reason)) if response.decision == Decision::Allowed => {
            findings.push(not_read(&key.given, reason, false, caller));
        }
        None if response.decision == Decision::Allowed => findings.push(unread(&key.given, None, caller)),
        Some(Fact::Unreadable(_)) | None => {}
    }
    findings
}

fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

/// What the key's own policy makes of a permission that the role has; `None` if it allows it.
fn judged(key: &KmsKey, need: &Need, policies: &ResourcePolicies<'_>) -> Option<FindingKind> {
    let (arn, action) = (key.arn.clone(), need.action.clone());
    let Some(answer) = policies.answer_to(need) else { return Some(FindingKind::KeyPolicyInvalid { key: arn }) };
    match (&answer.denies.truth, answer.allows()) {
        (Truth::True, _) => {
            Some(FindingKind::KeyPolicyDenies { key: arn, statements: answer.denies.statements, action })
        }
        (_, Truth::False) => Some(FindingKind::KeyPolicyDoesNotAllow {
            key: arn,
            action,
            near_miss: near(PolicySetKind::Resource, &answer.near_misses),
            names_deleted_role: names_deleted_role(&answer),
        }),
        (Truth::False, Truth::True) => None,
        (denies, allows) => {
            Some(FindingKind::KeyPolicyUnknown { key: arn, depends_on: denies.doubt().merge(allows.doubt()) })
        }
    }
}

fn names_deleted_role(answer: &ResourceAnswer) -> bool {
    let deleted = |miss: &NearMiss| matches!(miss.ruled_out_by, RuledOutBy::DeletedPrincipal(_));
    answer.near_misses.iter().any(deleted)
}

/// A key that nobody can use ends every session that it should encrypt, and stops uploads to a bucket.
/// See [Key states](https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html).
fn unusable(key: &KmsKey, used_for: NeededFor) -> Option<FindingKind> {
    let state = key.state.clone()?;
    // While the primary of a multi-Region key changes, it can be used.
    let usable = matches!(state.as_str(), "Enabled" | "Updating");
    let ends_sessions = used_for == NeededFor::Kms && is_documented_key_state(&state);
    (!usable).then(|| FindingKind::KeyState { key: key.arn.clone(), state, ends_sessions })
}

fn missing(key: &SessionKey<'_>, caller: &Caller<'_>) -> FindingKind {
    FindingKind::KeyMissing {
        key: key.given.clone(),
        by_preferences: key.by_preferences,
        other_account: other_account(&key.given, caller).is_some(),
    }
}

/// The account of a key, if it is another one than the role's.
fn other_account(key: &str, caller: &Caller<'_>) -> Option<String> {
    let owner = account_of(key)?;
    caller.place.account.is_some_and(|own| own != owner).then(|| owner.to_owned())
}

/// A reading that failed, rather than being refused, may hide a deny, or that the role is not named.
fn not_read(key: &str, reason: &Unreadable, service_answers: bool, caller: &Caller<'_>) -> FindingKind {
    match reason.kind.may_hide(service_answers) {
        true => FindingKind::Unreadable { reason: reason.clone(), leaves_unknown: true },
        false => unread(key, Some(reason), caller),
    }
}

/// An identity policy lets a role use a key only if the key's own policy says so.
/// See [Key policies](https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html).
fn unread(key: &str, reason: Option<&Unreadable>, caller: &Caller<'_>) -> FindingKind {
    let other_account = other_account(key, caller);
    FindingKind::KeyPolicyNotRead { key: key.to_owned(), other_account, reason: reason.cloned() }
}
