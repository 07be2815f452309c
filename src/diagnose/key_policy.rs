//! The session key itself: its state, and whether its own policy lets the role use it.

use std::sync::Arc;

use crate::agent_context::{self, Caller};
use crate::arn::Arn;
use crate::facts::{Fact, KmsKey, Unreadable};
use crate::needs::{KeyArn, Need, Requirements};
use crate::policy::{
    Decision, Document, DocumentKind, Doubt, GateKind, KeyAnswer, KeyUser, Policy, PolicyKind, Request, Response,
    Truth, Value, evaluate, evaluate_key_policy,
};
use crate::report::{Code, Finding, NeededFor, Severity};

use super::asked::{Asked, SessionKey};
use super::permissions;
use super::role::JudgedRole;
use super::words::{error, in_words, warning};

/// What is to be said of every key that sessions are encrypted with, given what the role's policies answered.
pub(super) fn findings(
    asked: &Asked<'_>,
    answers: &[(Need, Response)],
    caller: &Caller<'_>,
    requirements: &Requirements,
) -> Vec<Finding> {
    let of_key = |key: &&SessionKey<'_>| {
        let KeyArn::Resolved(arn) = &key.arn else { return None };
        answers.iter().find(|(need, _)| {
            need.needed_for == NeededFor::Kms && need.resource == crate::policy::Resource::Arn(arn.clone())
        })
    };
    let mut findings = Vec::new();
    for key in &asked.keys {
        let Some((need, response)) = of_key(&key) else { continue };
        match key.fact {
            Some(Fact::Absent) => findings.push(missing(key, caller)),
            Some(Fact::Known(known)) => {
                findings.extend(unusable(known));
                let finding = match (&known.policy, response.decision) {
                    (_, Decision::ExplicitDeny | Decision::ImplicitDeny) => None,
                    (Fact::Known(text), Decision::Allowed) => judged(known, text.as_str(), need, caller, requirements),
                    // Only a certain deny says more than is said of the role's policies already.
                    (Fact::Known(text), Decision::Unknown) => judged(known, text.as_str(), need, caller, requirements)
                        .filter(|finding| finding.severity == Severity::Error && denies(finding)),
                    (Fact::Unreadable(reason), Decision::Allowed) => Some(unread(&known.arn, Some(reason), caller)),
                    (Fact::Absent, Decision::Allowed) => Some(unread(&known.arn, None, caller)),
                    (Fact::Absent | Fact::Unreadable(_), Decision::Unknown) => None,
                };
                findings.extend(finding);
            }
            Some(Fact::Unreadable(reason)) if response.decision == Decision::Allowed => {
                findings.push(unread(&key.given, Some(reason), caller));
            }
            None if response.decision == Decision::Allowed => findings.push(unread(&key.given, None, caller)),
            Some(Fact::Unreadable(_)) | None => {}
        }
    }
    findings.dedup();
    findings
}

/// Whether what a role's own policies lack may be granted by the key's policy, which could not be read: why that is not known.
///
/// Bare documents and snapshots without the key say nothing of it, and are judged by themselves.
pub(super) fn may_grant<'a>(asked: &Asked<'a>, need: &Need, response: &Response) -> Option<&'a Unreadable> {
    let only_identity = response.closed.iter().all(|(kind, _)| *kind == GateKind::Identity);
    if need.needed_for != NeededFor::Kms || response.decision != Decision::ImplicitDeny || !only_identity {
        return None;
    }
    let key = asked.keys.iter().find(|key| match &key.arn {
        KeyArn::Resolved(arn) | KeyArn::Unresolved(arn) => need.resource == crate::policy::Resource::Arn(arn.clone()),
    })?;
    match key.fact? {
        Fact::Known(known) => known.policy.unreadable(),
        Fact::Unreadable(reason) => Some(reason),
        Fact::Absent => None,
    }
}

/// The response where the key's own policy names the role, which allows it without a policy of the role
/// ([Determining access to KMS keys](https://docs.aws.amazon.com/kms/latest/developerguide/determining-access.html)).
/// Denies, the boundary and service control policies count all the same.
pub(super) fn with_key_policy(
    asked: &Asked<'_>,
    need: &Need,
    response: Response,
    judged: &JudgedRole,
    caller: &Caller<'_>,
    requirements: &Requirements,
) -> Response {
    if need.needed_for != NeededFor::Kms || need.unresolved || response.decision == Decision::Allowed {
        return response;
    }
    let arn = need.resource.to_string();
    let known = asked.keys.iter().filter_map(|key| key.fact?.known()).find(|key| key.arn == arn);
    let Some(key) = known.filter(|key| account_of(&key.arn) == caller.place.account) else { return response };
    let answer = key.policy.known().and_then(|text| answer(text.as_str(), need, caller, requirements));
    let Some(answer) = answer.filter(|answer| !answer.allows.is_false() && !answer.denies.is_true()) else {
        return response;
    };
    let Ok(everything) = Document::parse(EVERYTHING, DocumentKind::Identity) else { return response };
    let everything = Policy { name: arn.clone(), kind: PolicyKind::Document, document: Ok(Arc::new(everything)) };
    let mut gates = judged.gates.clone();
    let identity = gates.iter_mut().filter(|gate| gate.kind == GateKind::Identity);
    identity.for_each(|gate| gate.policies.push(everything.clone()));
    let base = agent_context::base(caller);
    let context = agent_context::for_need(&base, caller, need, &requirements.context);
    let request = Request { action: need.action.clone(), resource: need.resource.clone(), context };
    let mut named = evaluate(&gates, &request);
    let certain = answer.allows.is_true() && answer.denies.is_false();
    match named.decision {
        _ if certain => named,
        Decision::Allowed => {
            named.decision = Decision::Unknown;
            named.doubt = response.doubt.merge(doubt_of([answer.denies, answer.allows]));
            named
        }
        Decision::Unknown => named,
        Decision::ImplicitDeny | Decision::ExplicitDeny => response,
    }
}

/// What the key policy allows by itself, as if a policy of the role did.
const EVERYTHING: &str = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;

fn doubt_of(truths: [Truth; 2]) -> Doubt {
    truths.into_iter().fold(Doubt::default(), |sum, truth| match truth {
        Truth::Unknown(doubt) => sum.merge(doubt),
        Truth::True | Truth::False => sum,
    })
}

/// Whether a finding about a key policy is about a deny of it.
fn denies(finding: &Finding) -> bool {
    finding.message.contains(DENIES)
}

/// What a finding about a deny of a key policy says.
const DENIES: &str = " denies the role ";

fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

fn answer(text: &str, need: &Need, caller: &Caller<'_>, requirements: &Requirements) -> Option<KeyAnswer> {
    let document = Document::parse(text, DocumentKind::Resource).ok()?;
    let role = caller.role_arn.and_then(Arn::parse)?;
    let base = agent_context::base(caller);
    let mut context = agent_context::for_need(&base, caller, need, &requirements.context);
    context.set("kms:CallerAccount", Value::known(&role.account));
    let request = Request { action: need.action.clone(), resource: need.resource.clone(), context };
    let user = KeyUser {
        account: &role.account,
        role_arn: caller.role_arn?,
        role_name: role.name(),
        session: caller.place.instance_id,
    };
    Some(evaluate_key_policy(&document, &user, &request))
}

/// What the key's own policy makes of a permission that the role has.
fn judged(key: &KmsKey, text: &str, need: &Need, caller: &Caller<'_>, requirements: &Requirements) -> Option<Finding> {
    let arn = &key.arn;
    let Some(answer) = answer(text, need, caller, requirements) else {
        return Some(warning(
            Code::KmsKeyPolicy,
            format!("the policy of the key `{arn}` is not understood, or the role's ARN is not known"),
            "see that the key policy allows the account's root, or the role, to use the key",
            true,
        ));
    };
    let allows = answer.leaves_to_role.or(answer.allows);
    match (answer.denies, allows) {
        (Truth::True, _) => Some(error(
            Code::KmsKeyPolicy,
            format!("the policy of the key `{arn}`{DENIES}`{}`", need.action),
            "a deny wins over every allow: narrow that statement of the key policy",
        )),
        (_, Truth::False) => Some(error(
            Code::KmsKeyPolicy,
            format!(
                "the policy of the key `{arn}` neither names the role nor leaves the decision to IAM policies of its account, so \
                 that the role's permission does not count"
            ),
            "allow the role, or the root of its account, `kms:Decrypt` in the key policy",
        )),
        (Truth::False, Truth::True) => None,
        (denies, allows) => {
            let doubt = doubt_of([denies, allows]);
            Some(warning(
                Code::KmsKeyPolicy,
                format!("whether the policy of the key `{arn}` lets the role use it hangs on {}", in_words(&doubt)),
                "give what you know with `--context`, or allow the role in the key policy without that condition",
                true,
            ))
        }
    }
}

/// A key that nobody can use ends every session that it should encrypt.
/// See [Key states](https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html).
fn unusable(key: &KmsKey) -> Option<Finding> {
    let state = key.state.as_deref()?;
    let remedy = match state {
        // While the primary of a multi-Region key changes, it can be used.
        "Enabled" | "Updating" => return None,
        "Disabled" => format!("enable it: `aws kms enable-key --key-id {}`", key.arn),
        "PendingDeletion" => {
            format!("cancel its deletion and enable it: `aws kms cancel-key-deletion --key-id {}`", key.arn)
        }
        "Creating" | "PendingImport" | "PendingReplicaDeletion" | "Unavailable" => {
            "see the state of the key, or encrypt sessions with another".to_owned()
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
    Some(error(
        Code::KmsKeyPolicy,
        format!("the key `{}` is `{state}`, so that sessions which it encrypts end at once", key.arn),
        remedy,
    ))
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
