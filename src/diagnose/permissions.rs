//! Decisions in words: the permissions of the report, and a finding for each cause of what is not allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::facts::Unreadable;
use crate::needs::{Cost, GET_ENCRYPTION_CONFIGURATION, Need, Place};
use crate::report::{Code, DecidedBy, Finding, NeededFor, Permission, Severity};
use iam_eval::{Decision, Document, Doubt, Effect, GateKind, NearMiss, PolicyKind, Response, StatementReference};

use super::conditional::conditional;
use super::near_miss::near;
use super::role::JudgedRole;
use super::words::{actions_in_words, error, in_statement, in_words, info, listed, warning};

/// A permission as the report shows it.
pub(super) fn permission(need: &Need, response: &Response) -> Permission {
    let mut decided_by: Vec<DecidedBy> = response.decided_by.iter().map(statement).collect();
    if response.decision == Decision::ImplicitDeny {
        let gates = response.closed.iter().filter(|(kind, _)| *kind != GateKind::Identity);
        decided_by.extend(gates.map(|(kind, name)| DecidedBy {
            policy: name.clone(),
            kind: match kind {
                GateKind::Scp => PolicyKind::Scp,
                GateKind::Rcp => PolicyKind::Rcp,
                GateKind::Boundary => PolicyKind::Boundary,
                GateKind::Identity | GateKind::Resource => PolicyKind::Document,
            },
            sid: None,
            statement: None,
        }));
    }
    Permission {
        decision: response.decision,
        decided_by,
        depends_on: response.doubt.keys.iter().cloned().collect(),
        ..unknown_permission(need)
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
        required: need.cost == Cost::Sessions,
    }
}

/// What else than the role's policies may grant a need, where that is not known.
pub(super) type MayGrant<'a> = dyn Fn(&Need, &Response) -> Option<String> + 'a;

/// The findings for what is not allowed, or not certainly: one for each cause.
///
/// `place` is where the agent runs; `by_fix` says whether `ssm-profile fix` can change the role.
pub(super) fn permissions(
    judged: &JudgedRole,
    answers: &[(Need, Response)],
    place: &Place<'_>,
    by_fix: bool,
    may_grant: &MayGrant<'_>,
) -> Vec<Finding> {
    let mut missing = Vec::new();
    let mut near_misses = BTreeSet::new();
    let mut denied: BTreeMap<&StatementReference, Vec<&str>> = BTreeMap::new();
    let mut closed: BTreeMap<(GateKind, &str), Vec<&str>> = BTreeMap::new();
    let mut doubtful: BTreeMap<String, (Doubt, Vec<&Need>)> = BTreeMap::new();
    let mut perhaps: BTreeMap<String, Vec<(Need, Response)>> = BTreeMap::new();
    for (need, response) in answers {
        let action = need.action.as_str();
        if let Some(policy) = may_grant(need, response) {
            perhaps.entry(policy).or_default().push((need.clone(), response.clone()));
            continue;
        }
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
                // Of what no gate stops in every case, these stop the rest.
                response.decided_by.iter().for_each(|by| denied.entry(by).or_default().push(action));
                near_misses.extend(&response.near_misses);
                for (kind, name) in &response.closed {
                    match kind {
                        GateKind::Identity => missing.push(need),
                        GateKind::Boundary | GateKind::Scp => closed.entry((*kind, name)).or_default().push(action),
                        // Only a deny closes one.
                        GateKind::Rcp => {}
                        // What the policy of a resource does not allow has a finding of its own.
                        GateKind::Resource => {}
                    }
                }
            }
            Decision::Unknown => {
                let mut doubt = response.doubt.clone();
                // What could not be read has a finding of its own, and so has a key that could not be looked up.
                doubt.notes.retain(|note| !judged.unread.contains(note));
                if doubt != Doubt::default() && !(need.unresolved && doubt.keys.is_empty()) {
                    doubtful.entry(in_words(&doubt)).or_insert((doubt, Vec::new())).1.push(need);
                }
            }
        }
    }
    let mut findings = Vec::new();
    findings.extend(self::missing(judged, &missing, &near_misses, by_fix));
    for (policy, answers) in perhaps {
        let lacking = permissions(judged, &answers, place, by_fix, &|_, _| None);
        findings.extend(lacking.into_iter().map(|finding| Finding {
            severity: Severity::Warning,
            leaves_unknown: true,
            message: format!("{}; {policy} may allow it", finding.message),
            ..finding
        }));
    }
    findings.extend(denied.iter().flat_map(|(by, actions)| self::denied(by, actions)));
    findings.extend(closed.iter().map(|((kind, name), actions)| {
        allows_nothing(judged, *kind, name, actions).unwrap_or_else(|| self::closed(*kind, name, actions, &near_misses))
    }));
    findings.extend(doubtful.values().map(|(doubt, needs)| conditional(judged, doubt, needs, place)));
    findings
}

/// What is not allowed of what only logs need: sessions work without it.
pub(super) fn logs(judged: &JudgedRole, answers: &[(Need, Response)], may_grant: &MayGrant<'_>) -> Vec<Finding> {
    let role = &judged.name;
    let lost = "sessions do not need it, but the logs that the session preferences ask for are lost";
    let finding = |message| warning(Code::SessionLogs, message, "allow these actions in a policy of the role", false);
    let of = |open: bool| {
        let lacking = |(need, response): &&(Need, Response)| {
            let is_open = response.decision == Decision::Unknown || may_grant(need, response).is_some();
            need.cost == Cost::Logs && response.decision != Decision::Allowed && is_open == open
        };
        let lacking: Vec<&(Need, Response)> = answers.iter().filter(lacking).collect();
        let actions: Vec<&str> = lacking.iter().map(|(need, _)| need.action.as_str()).collect();
        (!lacking.is_empty()).then(|| (actions_in_words(&actions), lacking))
    };
    let denied = of(false).map(|(actions, lacking)| {
        let why = keeps_from(lacking.iter().map(|(_, response)| response));
        finding(format!("role `{role}` may not call {actions}: {lost}{why}"))
    });
    let open = of(true).map(|(actions, lacking)| {
        let doubts = lacking.iter().map(|(need, response)| {
            response.doubt.clone().merge(may_grant(need, response).map(Doubt::note).unwrap_or_default())
        });
        let doubt = in_words(&doubts.fold(Doubt::default(), Doubt::merge));
        let near = keeps_from(lacking.iter().map(|(_, response)| response));
        finding(format!(
            "cannot determine whether role `{role}` may call {actions}: it depends on {doubt}; if not, {lost}{near}"
        ))
    });
    denied.into_iter().chain(open).collect()
}

/// What keeps actions from being allowed: a statement that denies them, a gate that does not allow them, the near miss.
fn keeps_from<'a>(responses: impl Iterator<Item = &'a Response> + Clone) -> String {
    let denying = responses.clone().filter(|response| response.decision == Decision::ExplicitDeny);
    if let Some(by) = denying.flat_map(|response| &response.decided_by).next() {
        return format!("; {} denies it", in_statement(by));
    }
    let misses: NearMisses<'_> = responses.clone().flat_map(|response| &response.near_misses).collect();
    let mut gates: BTreeMap<GateKind, &str> = BTreeMap::new();
    for (kind, name) in responses.flat_map(|response| &response.closed) {
        gates.entry(*kind).or_insert(name);
    }
    let of_gate = |(kind, name): (GateKind, &str)| {
        let who = match kind {
            // Only a deny closes a level of resource control policies.
            GateKind::Identity | GateKind::Rcp => String::new(),
            GateKind::Boundary => format!("; the permissions boundary `{name}` does not allow it"),
            GateKind::Scp => format!("; the service control policies at `{name}` do not allow it"),
            GateKind::Resource => format!("; the policy of `{name}` does not allow it"),
        };
        who + &near(kind, misses.iter().copied())
    };
    gates.into_iter().map(of_gate).collect()
}

type NearMisses<'a> = BTreeSet<&'a NearMiss>;

fn missing(judged: &JudgedRole, needs: &[&Need], near_misses: &NearMisses<'_>, by_fix: bool) -> Option<Finding> {
    if needs.is_empty() {
        return None;
    }
    let whose = match judged.name.as_str() {
        "" => "the documents do not".to_owned(),
        name => format!("the policies of role `{name}` do not"),
    };
    let mut everywhere = Vec::new();
    let mut somewhere = Vec::new();
    for need in needs {
        match need.resource.to_string().as_str() {
            "*" => everywhere.push(need.action.as_str()),
            resource => somewhere.push(format!("`{}` on `{resource}`", need.action)),
        }
    }
    let everywhere = (!everywhere.is_empty()).then(|| actions_in_words(&everywhere));
    let actions: Vec<String> = everywhere.into_iter().chain(somewhere).collect();
    let only_core = needs.iter().all(|need| need.needed_for == NeededFor::Core);
    let fix = if judged.name.is_empty() || !by_fix { "" } else { "let `ssm-profile fix` grant them; or " };
    let remedy = fix.to_owned()
        + if only_core {
            "attach the AWS managed policy `AmazonSSMManagedInstanceCore`, or allow these actions in a policy of the role"
        } else {
            "allow these actions in a policy of the role"
        };
    let mut near = near(GateKind::Identity, near_misses.iter().copied());
    if near.is_empty() {
        near = boundary_grants_nothing(judged, only_core).unwrap_or_default();
    }
    Some(error(Code::MissingPermission, format!("{whose} allow {}{near}", listed(&actions)), remedy))
}

/// A boundary limits what policies of the role grant, and grants nothing itself
/// ([Permissions boundaries](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html)).
fn boundary_grants_nothing(judged: &JudgedRole, only_core: bool) -> Option<String> {
    let boundary = judged.gates.iter().find(|gate| gate.kind == GateKind::Boundary)?;
    // The very policy that is proposed: who set it as a boundary takes it for attached.
    let attach = match only_core && boundary.name.ends_with(":policy/AmazonSSMManagedInstanceCore") {
        true => ": attach the policy as well",
        false => "",
    };
    Some(format!("; its permissions boundary `{}` grants nothing by itself{attach}", boundary.name))
}

/// A deny in a boundary or a policy of the organization is a finding about the deny and one about whose door it is.
fn denied(by: &StatementReference, actions: &[&str]) -> Vec<Finding> {
    let explicit = error(
        Code::ExplicitDeny,
        format!("{} denies {}", in_statement(by), actions_in_words(actions)),
        "an explicit deny overrides any allow: narrow the statement or exclude this role",
    );
    let gate = match by.gate {
        GateKind::Identity | GateKind::Resource => return vec![explicit],
        GateKind::Boundary => error(
            Code::BlockedByBoundary,
            format!("the permissions boundary `{}` denies {}", by.policy, actions_in_words(actions)),
            "narrow the deny in the boundary; no policy of the role can pass its boundary",
        ),
        GateKind::Scp => error(
            Code::BlockedByScp,
            format!("the service control policy `{}` denies {}", by.policy, actions_in_words(actions)),
            "ask your organization's administrator to narrow the deny; no change to the role overrides an SCP",
        ),
        GateKind::Rcp => error(
            Code::BlockedByRcp,
            format!("the resource control policy `{}` denies {}", by.policy, actions_in_words(actions)),
            "ask your organization's administrator to narrow the deny; no change to the role overrides it",
        ),
    };
    vec![explicit, gate]
}

/// A level of an organization whose policies hold no allow at all: nobody may do anything there.
/// See [SCP evaluation](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html).
fn allows_nothing(judged: &JudgedRole, kind: GateKind, name: &str, actions: &[&str]) -> Option<Finding> {
    let level =
        judged.gates.iter().find(|gate| gate.kind == GateKind::Scp && kind == GateKind::Scp && gate.name == name)?;
    let mut documents = level.policies.iter().map(|policy| policy.document.as_ref());
    let only_denies = |document: Result<&Arc<Document>, &String>| {
        document
            .is_ok_and(|document| document.statements.iter().all(|statement| statement.effect == Some(Effect::Deny)))
    };
    if !level.unread.is_empty() || !documents.all(only_denies) {
        return None;
    }
    let holds = match level.policies.is_empty() {
        true => format!("there is no service control policy at `{name}`"),
        false => format!("the service control policies at `{name}` deny and allow nothing"),
    };
    Some(error(
        Code::BlockedByScp,
        format!("{holds}: each level must allow {}, usually with `FullAWSAccess`", actions_in_words(actions)),
        "attach `FullAWSAccess` at this level too; for `--scp`, put its document and this one into one file, as a JSON array: \
         `[{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}}, ...]`",
    ))
}

fn closed(kind: GateKind, name: &str, actions: &[&str], near_misses: &NearMisses<'_>) -> Finding {
    let actions = actions_in_words(actions);
    let near = near(kind, near_misses.iter().copied());
    match kind {
        GateKind::Scp => error(
            Code::BlockedByScp,
            format!("the service control policies at `{name}` do not allow {actions}{near}"),
            "ask your organization's administrator to allow it for this account; no change to the role overrides an SCP",
        ),
        GateKind::Boundary | GateKind::Identity | GateKind::Rcp | GateKind::Resource => error(
            Code::BlockedByBoundary,
            format!("the permissions boundary `{name}` does not allow {actions}{near}"),
            "allow it in the boundary too; no policy of the role can pass its boundary",
        ),
    }
}

/// The documented policy grants it, but only logs to S3 need it.
pub(super) fn optional_encryption() -> Finding {
    info(
        Code::MissingPermission,
        format!("`{GET_ENCRYPTION_CONFIGURATION}` is not allowed; only session logs in S3 need it"),
        "nothing to do without S3 session logs; with them, check with `--s3-logs BUCKET`",
    )
}

/// An identity policy lets a role use a key only if the key's own policy says so.
/// See [Key policies](https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html).
pub(super) fn key_policy_not_read(reason: Option<&Unreadable>) -> Finding {
    let why = reason.map(|reason| format!(" (`{}`: {})", reason.api, reason.message)).unwrap_or_default();
    info(
        Code::KmsKeyPolicy,
        format!(
            "the key's own policy was not read{why}; the role's permission counts only if that policy lets IAM policies decide, or \
             names the role"
        ),
        "see that the key policy allows the account's root, or the role, to use the key",
    )
}

fn statement(by: &StatementReference) -> DecidedBy {
    DecidedBy { policy: by.policy.clone(), kind: by.kind, sid: by.sid.clone(), statement: Some(by.index) }
}
