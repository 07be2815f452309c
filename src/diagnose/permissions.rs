//! The permissions of the report, and a finding for each cause of what is not allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::needs::{Cost, Need, Place};
use crate::report::{
    ActionOn, ClosedPolicySet, DecidedBy, Finding, FindingKind, NeededFor, Obstacle, Permission, Reservation,
    UnreadPolicy, policy_kind_of,
};
use iam_eval::{
    Decision, Document, Effect, NearMiss, PolicySetKind, Resource, Response, StatementReference, UnknownDocument,
    UnknownReason,
};

use super::conditional::conditional;
use super::near_miss::near;
use super::role::JudgedRole;

/// A permission as the report shows it.
pub(super) fn permission(need: &Need, response: &Response) -> Permission {
    let mut decided_by: Vec<DecidedBy> = response.decided_by.iter().map(statement).collect();
    if response.decision == Decision::ImplicitDeny {
        let gates = response.stopped_by().filter(|(kind, _)| *kind != PolicySetKind::Identity);
        decided_by.extend(gates.map(|(kind, name)| DecidedBy {
            policy: name.clone(),
            kind: policy_kind_of(*kind),
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
pub(super) type MayGrant<'a> = dyn Fn(&Need, &Response) -> Option<UnreadPolicy> + 'a;

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
    let mut closed: BTreeMap<(PolicySetKind, &str), Vec<&str>> = BTreeMap::new();
    let mut doubtful: BTreeMap<UnknownReason, Vec<&Need>> = BTreeMap::new();
    let mut perhaps: BTreeMap<UnreadPolicy, Vec<(Need, Response)>> = BTreeMap::new();
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
                if response.closed.iter().any(|(kind, _)| *kind == PolicySetKind::Identity) {
                    missing.push(need);
                }
            }
            Decision::ImplicitDeny => {
                // Of what no gate stops in every case, these stop the rest.
                response.decided_by.iter().for_each(|by| denied.entry(by).or_default().push(action));
                near_misses.extend(&response.near_misses);
                for (kind, name) in response.stopped_by() {
                    match kind {
                        PolicySetKind::Identity => missing.push(need),
                        PolicySetKind::Boundary | PolicySetKind::Scp => {
                            closed.entry((*kind, name)).or_default().push(action)
                        }
                        // Only a deny closes one.
                        PolicySetKind::Rcp => {}
                        // What the policy of a resource does not allow has a finding of its own.
                        PolicySetKind::Resource => {}
                    }
                }
            }
            Decision::Unknown => {
                let mut doubt = response.doubt.clone();
                // What could not be read has a finding of its own, and so has a key that could not be looked up.
                doubt.notes.retain(|note| !judged.unread.contains(note));
                if doubt != UnknownReason::default() && !(need.unresolved && doubt.keys.is_empty()) {
                    doubtful.entry(doubt).or_default().push(need);
                }
            }
        }
    }
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(self::missing(judged, &missing, &near_misses, place, by_fix).map(Finding::from));
    for (policy, answers) in perhaps {
        let lacking = permissions(judged, &answers, place, by_fix, &|_, _| None);
        let reservation = Some(Reservation::MayBeAllowedBy(policy));
        findings.extend(lacking.into_iter().map(|finding| Finding { reservation: reservation.clone(), ..finding }));
    }
    findings.extend(denied.iter().flat_map(|(by, actions)| self::denied(by, actions)).map(Finding::from));
    findings.extend(closed.iter().map(|((kind, name), actions)| {
        let gate = || {
            let near_miss = near(*kind, near_misses.iter().copied());
            let gate = ClosedPolicySet { gate: *kind, name: (*name).to_owned(), near_miss };
            FindingKind::NotAllowedByGate { gate, actions: owned(actions) }
        };
        Finding::from(allows_nothing(judged, *kind, name, actions).unwrap_or_else(gate))
    }));
    findings.extend(doubtful.iter().map(|(doubt, needs)| {
        let documents = judged.name.is_empty();
        Finding::from(conditional(doubt, needs, &judged.gates, documents))
    }));
    findings
}

fn owned(actions: &[&str]) -> Vec<String> {
    let unique: BTreeSet<&str> = actions.iter().copied().collect();
    unique.into_iter().map(str::to_owned).collect()
}

/// What is not allowed of what only logs need: sessions work without it.
pub(super) fn logs(judged: &JudgedRole, answers: &[(Need, Response)], may_grant: &MayGrant<'_>) -> Vec<Finding> {
    let of = |open: bool| {
        let lacking = |(need, response): &&(Need, Response)| {
            let is_open = response.decision == Decision::Unknown || may_grant(need, response).is_some();
            need.cost == Cost::Logs && response.decision != Decision::Allowed && is_open == open
        };
        let lacking: Vec<&(Need, Response)> = answers.iter().filter(lacking).collect();
        let actions: Vec<&str> = lacking.iter().map(|(need, _)| need.action.as_str()).collect();
        let obstacle = obstacle(lacking.iter().map(|(_, response)| response));
        (!lacking.is_empty()).then(|| (judged.name.clone(), owned(&actions), obstacle, lacking))
    };
    let denied = of(false).map(|(role, actions, obstacle, _)| FindingKind::LogsDenied { role, actions, obstacle });
    let open = of(true).map(|(role, actions, obstacle, lacking)| {
        let doubts = lacking.iter().map(|(_, response)| response.doubt.clone());
        let unread: BTreeSet<UnreadPolicy> =
            lacking.iter().filter_map(|(need, response)| may_grant(need, response)).collect();
        FindingKind::LogsUnknown {
            role,
            actions,
            depends_on: doubts.fold(UnknownReason::default(), UnknownReason::merge),
            unread: unread.into_iter().collect(),
            obstacle,
        }
    });
    denied.into_iter().chain(open).map(Finding::from).collect()
}

/// What keeps actions from being allowed: a statement that denies them, or the gates that do not allow them.
fn obstacle<'a>(responses: impl Iterator<Item = &'a Response> + Clone) -> Obstacle {
    let denying = responses.clone().filter(|response| response.decision == Decision::ExplicitDeny);
    if let Some(by) = denying.flat_map(|response| &response.decided_by).next() {
        return Obstacle::DeniedBy(by.clone());
    }
    let misses: NearMisses<'_> = responses.clone().flat_map(|response| &response.near_misses).collect();
    let mut gates: BTreeMap<PolicySetKind, &str> = BTreeMap::new();
    for (kind, name) in responses.flat_map(Response::stopped_by) {
        gates.entry(*kind).or_insert(name);
    }
    let closed = gates.into_iter().map(|(gate, name)| ClosedPolicySet {
        gate,
        name: name.to_owned(),
        near_miss: near(gate, misses.iter().copied()),
    });
    Obstacle::Closed(closed.collect())
}

type NearMisses<'a> = BTreeSet<&'a NearMiss>;

fn missing(
    judged: &JudgedRole,
    needs: &[&Need],
    near_misses: &NearMisses<'_>,
    place: &Place<'_>,
    by_fix: bool,
) -> Option<FindingKind> {
    if needs.is_empty() {
        return None;
    }
    let instance = place.instance_id.map(|_| Resource::Arn(place.instance_arn()));
    let permissions = needs.iter().map(|need| ActionOn {
        action: need.action.clone(),
        resource: Some(&need.resource).filter(|resource| instance.as_ref() != Some(*resource)).map(Resource::to_string),
    });
    let permissions = permissions.collect();
    let near_miss = near(PolicySetKind::Identity, near_misses.iter().copied());
    // A boundary limits what policies of the role grant, and grants nothing itself:
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    let boundary = judged.gates.iter().find(|gate| gate.kind == PolicySetKind::Boundary && near_miss.is_none());
    Some(FindingKind::MissingPermission {
        role: judged.name_if_any(),
        permissions,
        only_core: needs.iter().all(|need| need.needed_for == NeededFor::Core),
        fix_can_grant: by_fix && !judged.name.is_empty() && !judged.is_reserved(),
        managed_by: judged.managed_by(),
        boundary: boundary.map(|gate| gate.name.clone()),
        near_miss,
    })
}

/// A deny, by where its statement stands: what helps depends on whose policy it is. A boundary is one of the account's own.
fn denied(by: &StatementReference, actions: &[&str]) -> Vec<FindingKind> {
    let explicit = || FindingKind::ExplicitDeny { statement: by.clone(), actions: owned(actions) };
    let by_gate = || FindingKind::DeniedByGate { statement: by.clone(), actions: owned(actions) };
    match by.gate {
        PolicySetKind::Identity | PolicySetKind::Resource => vec![explicit()],
        PolicySetKind::Boundary => vec![explicit(), by_gate()],
        PolicySetKind::Scp | PolicySetKind::Rcp => vec![by_gate()],
    }
}

/// A level of an organization whose policies hold no allow at all: nobody may do anything there.
/// See [SCP evaluation](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html).
fn allows_nothing(judged: &JudgedRole, kind: PolicySetKind, name: &str, actions: &[&str]) -> Option<FindingKind> {
    let level = judged
        .gates
        .iter()
        .find(|gate| gate.kind == PolicySetKind::Scp && kind == PolicySetKind::Scp && gate.name == name)?;
    let mut documents = level.policies.iter().map(|policy| policy.document.as_ref());
    let only_denies = |document: Result<&Arc<Document>, &UnknownDocument>| {
        document
            .is_ok_and(|document| document.statements.iter().all(|statement| statement.effect == Some(Effect::Deny)))
    };
    if !level.unread.is_empty() || !documents.all(only_denies) {
        return None;
    }
    Some(FindingKind::LevelAllowsNothing {
        level: name.to_owned(),
        has_policies: !level.policies.is_empty(),
        actions: owned(actions),
    })
}

fn statement(by: &StatementReference) -> DecidedBy {
    DecidedBy { policy: by.policy.clone(), kind: by.kind, sid: by.sid.clone(), statement: Some(by.index) }
}
