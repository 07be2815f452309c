//! The decision: what a role's policies together say to a request, and which statements say it.
//!
//! Source: [Policy evaluation logic](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::action;
use super::budget::TOO_LARGE;
use super::cases::in_every_case;
use super::condition::{Condition, FailedKey};
use super::context::Context;
use super::document::{ActionElement, Document, Effect, Statement};
use super::rcp;
use super::resource::Resource;
use super::truth::{Truth, UnknownReason};

/// What is asked: may the role do this?
#[derive(Debug, Clone)]
pub struct Request {
    /// The action, `SERVICE:NAME` in any case.
    pub action: String,
    /// The resource.
    pub resource: Resource,
    /// The condition keys that come with the request.
    pub context: Context,
}

/// What the policies say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Certainly allowed.
    Allowed,
    /// A `Deny` statement certainly applies.
    ExplicitDeny,
    /// Certainly not allowed, with no `Deny` that certainly applies.
    ImplicitDeny,
    /// It hangs on something that is not known.
    Unknown,
}

/// The kinds of policy that bear on a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// Embedded in the role.
    Inline,
    /// Attached to the role.
    Managed,
    /// The permissions boundary.
    Boundary,
    /// A service control policy.
    Scp,
    /// A resource control policy.
    Rcp,
    /// A document from a file.
    Document,
}

/// A policy as it bears on a role.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its name or ARN, for reports.
    pub name: String,
    /// What kind it is.
    pub kind: PolicyKind,
    /// Its document; where it is not known it may hold anything.
    pub document: Result<Arc<Document>, UnknownDocument>,
}

/// Why the document of a policy is not known. The words become a note of [`UnknownReason`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownDocument(pub String);

/// Policies of which one must allow for a request to pass.
#[derive(Debug, Clone)]
pub struct PolicySet {
    /// What the gate is.
    pub kind: PolicySetKind,
    /// Its name in reports: the boundary's ARN, the name of a level of the organization; unused for identity policies.
    pub name: String,
    /// Its policies.
    pub policies: Vec<Policy>,
    /// Why there may be more policies than those, for example an unreadable list.
    pub unread: Vec<String>,
}

/// The gates that every request of a role must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PolicySetKind {
    /// The role's own policies.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// One level of service control policies.
    Scp,
    /// One level of resource control policies, which only a deny closes.
    Rcp,
    /// The policy of the resource itself.
    Resource,
}

/// A statement that decided, or that could not be decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct StatementReference {
    /// The gate that it stands in.
    pub gate: PolicySetKind,
    /// The kind of its policy.
    pub kind: PolicyKind,
    /// Its policy's name or ARN.
    pub policy: String,
    /// Its Sid.
    pub sid: Option<String>,
    /// Its index in the policy, from 0.
    #[serde(rename = "statement")]
    pub index: usize,
}

/// An allowing statement that covers the action and yet certainly does not apply.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct NearMiss {
    /// The statement.
    pub statement: StatementReference,
    /// What rules it out.
    pub ruled_out_by: RuledOutBy,
}

/// What keeps a statement from applying, the most telling first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RuledOutBy {
    /// Its conditions on these keys do not hold.
    Condition(Vec<FailedKey>),
    /// It names aliases of KMS keys, which stand for no key in `Resource`.
    Alias,
    /// Its principal is the id of a role or user that was deleted.
    DeletedPrincipal(String),
    /// It speaks of other resources.
    Resource,
}

/// The answer to a request, with its grounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The decision.
    pub decision: Decision,
    /// The denying statements of an explicit deny, the allowing ones of an allow, the undecided ones of an unknown; of an implicit
    /// deny those that deny where it would be allowed.
    pub decided_by: Vec<StatementReference>,
    /// The gates that are certainly closed: their kind and name. Where one is seen to be closed at once, those are not looked for that
    /// are closed in each of several cases.
    pub closed: Vec<(PolicySetKind, String)>,
    /// Of an implicit deny where no gate is certainly closed, those that are closed in some case: together, and with the statements
    /// that decided, they let nothing through.
    pub closed_in_some: Vec<(PolicySetKind, String)>,
    /// The allows that an implicit deny just missed, in the gates that are closed.
    pub near_misses: Vec<NearMiss>,
    /// What an unknown hangs on.
    pub doubt: UnknownReason,
}

impl Response {
    /// The answer to a request that no policy can change.
    pub fn allowed() -> Response {
        Response::of(Decision::Allowed)
    }

    /// The gates that stop an implicit deny: those that are certainly closed, else those that are in some case.
    pub fn stopped_by(&self) -> impl Iterator<Item = &(PolicySetKind, String)> {
        self.closed.iter().chain(&self.closed_in_some)
    }

    fn of(decision: Decision) -> Response {
        Response {
            decision,
            decided_by: Vec::new(),
            closed: Vec::new(),
            closed_in_some: Vec::new(),
            near_misses: Vec::new(),
            doubt: UnknownReason::default(),
        }
    }
}

/// Decides a request. Each gate must let it through, and no statement anywhere may deny it.
pub fn evaluate(gates: &[PolicySet], request: &Request) -> Response {
    let found = findings(gates, request);
    let perhaps_denied = found.iter().any(|gate| !gate.deny_doubt.keys.is_empty());
    let response = decided(found);
    match response.decision {
        Decision::Unknown if !response.doubt.keys.is_empty() => {
            let decide = |context: &Context| {
                let response = decided(findings(gates, &Request { context: context.clone(), ..request.clone() }));
                if response.decision == Decision::Unknown { Err(response.doubt) } else { Ok(response) }
            };
            let allows = |response: &Response| response.decision == Decision::Allowed;
            let agree = |a: &Response, b: &Response| allows(a) == allows(b);
            let conditions = conditions(gates, request, |_| true);
            in_every_case(&request.context, &conditions, decide, agree).map_or(response, in_all)
        }
        Decision::ImplicitDeny if perhaps_denied => match denied_in_every_case(gates, request) {
            Some(decided_by) => {
                Response { decided_by, closed: response.closed, ..Response::of(Decision::ExplicitDeny) }
            }
            None => response,
        },
        Decision::Allowed | Decision::ExplicitDeny | Decision::ImplicitDeny | Decision::Unknown => response,
    }
}

/// The statements of which one denies in every case, if that is so.
fn denied_in_every_case(gates: &[PolicySet], request: &Request) -> Option<Vec<StatementReference>> {
    let decide = |context: &Context| {
        let found = findings(gates, &Request { context: context.clone(), ..request.clone() });
        let denying: BTreeSet<_> = found.iter().flat_map(|gate| gate.denying.iter().cloned()).collect();
        match denying.is_empty() {
            true => {
                Err(found.into_iter().map(|gate| gate.deny_doubt).fold(UnknownReason::default(), UnknownReason::merge))
            }
            false => Ok(denying),
        }
    };
    let conditions = conditions(gates, request, |effect| effect != Some(Effect::Allow));
    let denying = in_every_case(&request.context, &conditions, decide, |_, _| true)?;
    Some(denying.into_iter().flatten().collect::<BTreeSet<_>>().into_iter().collect())
}

/// The conditions of the statements of such an effect that speak of the action.
fn conditions<'a>(
    gates: &'a [PolicySet],
    request: &Request,
    of: impl Fn(Option<Effect>) -> bool,
) -> Vec<&'a Condition> {
    let policies = gates.iter().flat_map(|gate| &gate.policies).filter_map(|policy| policy.document.as_ref().ok());
    let speaks = |statement: &&Statement| !action_applies(statement, &request.action).is_false();
    let statements = policies.flat_map(|document| &document.statements).filter(|statement| of(statement.effect));
    statements.filter(speaks).map(|statement| &statement.condition).collect()
}

/// The answer that all these cases have in common.
fn in_all(cases: Vec<Response>) -> Response {
    let every = |decision: Decision| cases.iter().all(|case| case.decision == decision);
    let decision = match (every(Decision::Allowed), every(Decision::ExplicitDeny)) {
        (true, _) => Decision::Allowed,
        (_, true) => Decision::ExplicitDeny,
        // It is denied in some cases, and in the others nothing allows it.
        (false, false) => Decision::ImplicitDeny,
    };
    let decided_by: BTreeSet<StatementReference> =
        cases.iter().flat_map(|case| case.decided_by.iter().cloned()).collect();
    let near_misses: BTreeSet<NearMiss> = cases.iter().flat_map(|case| case.near_misses.iter().cloned()).collect();
    let closed: BTreeSet<_> = cases.iter().flat_map(|case| case.closed.iter().cloned()).collect();
    let always = |gate: &(PolicySetKind, String)| cases.iter().all(|case| case.closed.contains(gate));
    let (closed, mut closed_in_some): (Vec<_>, Vec<_>) = closed.into_iter().partition(always);
    // Where a gate is closed in every case, the others do not matter.
    if decision != Decision::ImplicitDeny || !closed.is_empty() {
        closed_in_some.clear();
    }
    Response {
        decided_by: decided_by.into_iter().collect(),
        near_misses: near_misses.into_iter().collect(),
        closed,
        closed_in_some,
        ..Response::of(decision)
    }
}

fn findings(gates: &[PolicySet], request: &Request) -> Vec<GateFindings> {
    let bears = |gate: &&PolicySet| gate.kind != PolicySetKind::Rcp || rcp::govern(request);
    gates.iter().filter(bears).map(|gate| GateFindings::of(gate, request)).collect()
}

/// The decision, where a key of which nothing is known leaves open what hangs on it.
fn decided(found: Vec<GateFindings>) -> Response {
    let every = |of: fn(&GateFindings) -> &BTreeSet<StatementReference>| -> Vec<StatementReference> {
        found.iter().flat_map(|gate| of(gate).iter().cloned()).collect()
    };
    let closed = || found.iter().filter(|gate| gate.is_closed());
    let closed_names = closed().map(|gate| (gate.kind, gate.name.clone())).collect();
    let denies = found.iter().any(|gate| !gate.denying.is_empty());
    let undecided = found.iter().any(|gate| !gate.is_open() || gate.may_deny());
    match (denies, closed().next().is_some(), undecided) {
        // A deny that certainly applies ends it, whatever else is not known.
        (true, _, _) => Response {
            decided_by: every(|gate| &gate.denying),
            closed: closed_names,
            ..Response::of(Decision::ExplicitDeny)
        },
        // A gate that certainly lets nothing through: no unknown elsewhere can open it.
        (false, true, _) => Response {
            near_misses: closed().flat_map(|gate| gate.near_misses.iter().cloned()).collect(),
            closed: closed_names,
            ..Response::of(Decision::ImplicitDeny)
        },
        // Something that is not known may deny, or may be the only thing that allows.
        (false, false, true) => {
            let mut response = Response::of(Decision::Unknown);
            for gate in found {
                let open = gate.is_open();
                response.doubt = response.doubt.merge(gate.deny_doubt);
                let mut undecided = gate.maybe_denying;
                if !open {
                    response.doubt = response.doubt.merge(gate.allow_doubt);
                    undecided.extend(gate.maybe_allowing);
                }
                response.decided_by.extend(undecided);
            }
            response
        }
        // Every gate certainly lets it through.
        (false, false, false) => {
            Response { decided_by: every(|gate| &gate.allowing), ..Response::of(Decision::Allowed) }
        }
    }
}

/// What the statements of a gate say to a request.
struct GateFindings {
    kind: PolicySetKind,
    name: String,
    denying: BTreeSet<StatementReference>,
    allowing: BTreeSet<StatementReference>,
    maybe_denying: BTreeSet<StatementReference>,
    maybe_allowing: BTreeSet<StatementReference>,
    near_misses: Vec<NearMiss>,
    deny_doubt: UnknownReason,
    allow_doubt: UnknownReason,
    /// Whether something unread, or a statement of unknown effect, may deny.
    unread: bool,
}

impl GateFindings {
    fn of(gate: &PolicySet, request: &Request) -> GateFindings {
        let mut findings = GateFindings {
            kind: gate.kind,
            name: gate.name.clone(),
            denying: BTreeSet::new(),
            allowing: BTreeSet::new(),
            maybe_denying: BTreeSet::new(),
            maybe_allowing: BTreeSet::new(),
            near_misses: Vec::new(),
            deny_doubt: UnknownReason::default(),
            allow_doubt: UnknownReason::default(),
            unread: false,
        };
        gate.unread.iter().for_each(|reason| findings.add_unread(reason));
        for policy in &gate.policies {
            match &policy.document {
                Ok(document) if document.is_too_large_for(request) => findings.add_unread(TOO_LARGE),
                Ok(document) => {
                    for (index, statement) in document.statements.iter().enumerate() {
                        let reference = StatementReference {
                            gate: gate.kind,
                            kind: policy.kind,
                            policy: policy.name.clone(),
                            sid: statement.sid.clone(),
                            index,
                        };
                        match applies(document, statement, request) {
                            Truth::False => findings.add_near_miss(reference, statement, request),
                            possible => findings.add(reference, statement.effect, &possible),
                        }
                    }
                }
                Err(UnknownDocument(reason)) => findings.add_unread(reason),
            }
        }
        findings
    }

    fn add_unread(&mut self, reason: &str) {
        self.unread = true;
        self.deny_doubt.notes.insert(reason.to_owned());
        self.allow_doubt.notes.insert(reason.to_owned());
    }

    fn add(&mut self, reference: StatementReference, effect: Option<Effect>, applies: &Truth) {
        match (effect, applies) {
            (_, Truth::False) => {}
            (Some(Effect::Deny), Truth::True) => drop(self.denying.insert(reference)),
            (Some(Effect::Allow), Truth::True) => drop(self.allowing.insert(reference)),
            (effect, Truth::Unknown(doubt)) => {
                if effect != Some(Effect::Allow) {
                    self.maybe_denying.insert(reference.clone());
                    self.deny_doubt = std::mem::take(&mut self.deny_doubt).merge(doubt.clone());
                }
                if effect != Some(Effect::Deny) {
                    self.maybe_allowing.insert(reference);
                    self.allow_doubt = std::mem::take(&mut self.allow_doubt).merge(doubt.clone());
                }
            }
            // A statement without a known effect has a problem, so it never certainly applies.
            (None, Truth::True) => self.unread = true,
        }
    }

    /// Remembers an allow of the very action that its resource or condition rules out: it is what people look for.
    fn add_near_miss(&mut self, statement: StatementReference, parsed: &Statement, request: &Request) {
        if parsed.effect != Some(Effect::Allow) || !action_applies(parsed, &request.action).is_true() {
            return;
        }
        let ruled_out_by = match parsed.resource.applies_to(&request.resource, &request.context) {
            Truth::False if parsed.resource.names_alias() && action::is_of_kms(&request.action) => RuledOutBy::Alias,
            Truth::False => RuledOutBy::Resource,
            Truth::True | Truth::Unknown(_) => RuledOutBy::Condition(parsed.condition.failing_keys(&request.context)),
        };
        self.near_misses.push(NearMiss { statement, ruled_out_by });
    }

    fn is_open(&self) -> bool {
        self.kind == PolicySetKind::Rcp || !self.allowing.is_empty()
    }

    fn is_closed(&self) -> bool {
        !self.is_open() && self.maybe_allowing.is_empty() && !self.unread
    }

    fn may_deny(&self) -> bool {
        self.unread || !self.maybe_denying.is_empty()
    }
}

/// Whether a statement certainly speaks of the request. What rules it out is looked at before what leaves it open.
pub(super) fn applies(document: &Document, statement: &Statement, request: &Request) -> Truth {
    let action = action_applies(statement, &request.action);
    if action.is_false() {
        return Truth::False;
    }
    let resource = statement.resource.applies_to(&request.resource, &request.context);
    if resource.is_false() {
        return Truth::False;
    }
    action.and(resource).and(statement.condition.evaluate(&request.context)).and(soundness(document, statement))
}

pub(super) fn action_applies(statement: &Statement, action: &str) -> Truth {
    match &statement.action {
        ActionElement::Action(patterns) => action::any_matches(patterns, action),
        ActionElement::NotAction(patterns) => !action::any_excepts(patterns, action),
        ActionElement::Missing => Truth::True,
    }
}

/// True for a statement that was understood in full.
pub(super) fn soundness(document: &Document, statement: &Statement) -> Truth {
    let problems = document.problems.iter().chain(&statement.problems).chain(&statement.open);
    problems.map(|problem| Truth::Unknown(UnknownReason::note(problem))).fold(Truth::True, Truth::and)
}
