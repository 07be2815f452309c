//! The policies of resources, such as KMS keys and S3 buckets, as they bear on the session of a role.
//!
//! Sources: [Policy evaluation for requests within a single account](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html),
//! [Permissions boundaries](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html),
//! [`Principal`](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html) and
//! [`NotPrincipal`](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html).

use std::sync::Arc;

use super::budget;
use super::cases;
use super::condition::Condition;
use super::context::Context;
use super::document::{Document, DocumentKind, Effect, Statement};
use super::evaluate::{
    Decision, NearMiss, Policy, PolicyKind, PolicySet, PolicySetKind, Request, Response, RuledOutBy,
    StatementReference, action_applies, applies, evaluate,
};
use super::json::Json;
use super::principal::is_id_of_principal;
use super::truth::{Truth, UnknownReason};

/// The AWS principals of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwsPrincipals {
    /// These: ARNs, account ids, canonical user ids, or ids of principals that were deleted.
    Names(Vec<String>),
    /// Everybody.
    Everyone,
    /// Everybody but these: `NotPrincipal`.
    AllBut(Vec<String>),
    /// It is not clear whom: an element that is not understood.
    Unclear,
}

impl AwsPrincipals {
    /// Reads them from a statement's members; services and federated users are nobody here.
    pub(super) fn parse(members: &[(String, Json)]) -> AwsPrincipals {
        let of = |wanted: &str| {
            let mut elements = members.iter().filter(|(name, _)| name == wanted).map(|(_, principal)| principal);
            (elements.next(), elements.next())
        };
        match (of("Principal"), of("NotPrincipal")) {
            ((Some(principal), None), (None, _)) => match listed(principal) {
                Some(names) if names.iter().any(|name| name == "*") => AwsPrincipals::Everyone,
                Some(names) => AwsPrincipals::Names(names),
                None => AwsPrincipals::Unclear,
            },
            ((None, _), (Some(principal), None)) => {
                listed(principal).map_or(AwsPrincipals::Unclear, AwsPrincipals::AllBut)
            }
            _ => AwsPrincipals::Unclear,
        }
    }

    /// The names that stand there, whether they are meant or left out.
    pub fn names(&self) -> &[String] {
        match self {
            AwsPrincipals::Names(names) | AwsPrincipals::AllBut(names) => names,
            AwsPrincipals::Everyone | AwsPrincipals::Unclear => &[],
        }
    }
}

/// The names in an element; `None` if it is not understood.
fn listed(principal: &Json) -> Option<Vec<String>> {
    let types = match principal {
        Json::String(text) if text == "*" => return Some(vec![text.clone()]),
        Json::Object(types) => types,
        _ => return None,
    };
    let of_accounts = types.iter().filter(|(kind, _)| kind == "AWS" || kind == "CanonicalUser");
    let names = of_accounts.flat_map(|(_, names)| names.one_or_many()).map(|name| match name {
        Json::String(name) => Some(name.clone()),
        _ => None,
    });
    names.collect()
}

/// The session of a role that asks for a resource.
#[derive(Debug, Clone, Copy)]
pub struct RoleSession<'a> {
    /// The role's account.
    pub account: &'a str,
    /// The role's ARN.
    pub role_arn: &'a str,
    /// The role's name.
    pub role_name: &'a str,
    /// The role's id (`AROA...`), where known.
    pub role_id: Option<&'a str>,
    /// The session's name, which is the instance's id, where known.
    pub name: Option<&'a str>,
    /// Whether the role has a permissions boundary.
    pub has_boundary: bool,
    /// Whether the policy is that of a gateway endpoint, in which an account stands for its root user alone.
    ///
    /// Source: [Principals for gateway endpoints](https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html#vpc-endpoint-policies-gateway).
    pub at_gateway_endpoint: bool,
}

impl RoleSession<'_> {
    fn partition(&self) -> &str {
        self.role_arn.split(':').nth(1).unwrap_or_default()
    }

    /// Whether a name is that of the account: its id, its root, or perhaps its canonical user id, which nothing shows.
    fn is_account(&self, name: &str) -> Truth {
        let root = || format!("arn:{}:iam::{}:root", self.partition(), self.account);
        let canonical = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        match name {
            _ if self.at_gateway_endpoint => Truth::False,
            _ if name == self.account || name == root() => Truth::True,
            _ if canonical => {
                Truth::Unknown(UnknownReason::note(format!("which account has the canonical user ID `{name}`")))
            }
            _ => Truth::False,
        }
    }

    fn is_role(&self, name: &str) -> Truth {
        if name == self.role_arn {
            return self.named(name);
        }
        // IAM shows the id in place of the ARN once the role is deleted. That of a role that exists is not documented.
        match self.role_id {
            Some(id) if id == name => {
                Truth::Unknown(UnknownReason::note(format!("whether the ID `{name}` stands for the role that has it")))
            }
            _ => Truth::False,
        }
    }

    /// Whether a name that is the role's or the session's means it: the policy of a gateway endpoint has to name everybody.
    fn named(&self, name: &str) -> Truth {
        match self.at_gateway_endpoint {
            true => Truth::Unknown(UnknownReason::note(format!(
                "whether a gateway endpoint takes `{name}` for a principal"
            ))),
            false => Truth::True,
        }
    }

    fn is_session(&self, name: &str) -> Truth {
        let sessions = format!("arn:{}:sts::{}:assumed-role/{}/", self.partition(), self.account, self.role_name);
        match (name.strip_prefix(&sessions), self.name) {
            (None, _) => Truth::False,
            (Some(named), Some(session)) if named == session => self.named(name),
            (Some(_), Some(_)) => Truth::False,
            (Some(_), None) => {
                Truth::Unknown(UnknownReason::note(format!("whether the instance's session is `{name}`")))
            }
        }
    }
}

/// Whom a statement means, as far as it bears on a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// The account, which may then let the role in.
    Account,
    /// The role or everybody.
    Role,
    /// The session itself.
    Session,
    /// Any of these.
    Any,
}

/// What statements say together, and which of them say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Whether they say it.
    pub truth: Truth,
    /// Those that say it; those that may where it is not known.
    pub statements: Vec<StatementReference>,
}

/// What a resource's policy says to the request of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceAnswer {
    /// Whether it allows the account of the role, and so leaves the decision to the policies there.
    pub account: Said,
    /// Whether it allows the role by its ARN, or everybody.
    pub role: Said,
    /// Whether it allows the session by its ARN.
    pub session: Said,
    /// Whether it denies.
    pub denies: Said,
    /// Its statements that allow the action and yet certainly do not apply.
    pub near_misses: Vec<NearMiss>,
}

impl ResourceAnswer {
    /// Whether it allows, by itself or together with the policies of the role's account.
    pub fn allows(&self) -> Truth {
        self.account.truth.clone().or(self.allows_by_itself())
    }

    /// Whether it allows without a policy of the role.
    fn allows_by_itself(&self) -> Truth {
        self.role.truth.clone().or(self.session.truth.clone())
    }
}

/// Evaluates the policy of the resource called `name`, parsed as one of a resource.
pub fn evaluate_resource_policy(
    document: &Document,
    name: &str,
    session: &RoleSession<'_>,
    request: &Request,
) -> ResourceAnswer {
    if document.is_too_large_for(request) {
        return budget::unknown();
    }
    let reference = |index: usize, statement: &Statement| StatementReference {
        gate: PolicySetKind::Resource,
        kind: PolicyKind::Document,
        policy: name.to_owned(),
        sid: statement.sid.clone(),
        index,
    };
    let conditions: Vec<&Condition> = document.statements.iter().map(|statement| &statement.condition).collect();
    let said = |effect: Effect, means: Means| {
        let each = |context: &Context| -> Vec<(StatementReference, Truth)> {
            let request = Request { context: context.clone(), ..request.clone() };
            let statements = document.statements.iter().enumerate();
            let relevant = statements.filter(|(_, statement)| statement.effect.is_none_or(|known| known == effect));
            let speaks = relevant.map(|(index, statement)| {
                let speaks = speaks_of(statement, means, session).and(applies(document, statement, &request));
                (reference(index, statement), speaks)
            });
            speaks.collect()
        };
        let together =
            |context: &Context| each(context).into_iter().map(|(_, speaks)| speaks).fold(Truth::False, Truth::or);
        let truth = cases::truth(&request.context, &conditions, together);
        let mut open = Vec::new();
        let mut certain = Vec::new();
        for (statement, speaks) in each(&request.context) {
            match speaks {
                Truth::True => certain.push(statement),
                Truth::Unknown(_) => open.push(statement),
                Truth::False => {}
            }
        }
        // Several may say it together, of which none says it in every case.
        let statements = match &truth {
            Truth::True if certain.is_empty() => open,
            Truth::True => certain,
            Truth::Unknown(_) => open,
            Truth::False => Vec::new(),
        };
        Said { statements, truth }
    };
    let near_misses = document.statements.iter().enumerate().filter_map(|(index, statement)| {
        let ruled_out_by = near_miss(statement, session, request)?;
        Some(NearMiss { statement: reference(index, statement), ruled_out_by })
    });
    ResourceAnswer {
        near_misses: near_misses.collect(),
        account: said(Effect::Allow, Means::Account),
        role: said(Effect::Allow, Means::Role),
        session: said(Effect::Allow, Means::Session),
        denies: said(Effect::Deny, Means::Any),
    }
}

/// Whether a statement speaks of a session as `means` says.
fn speaks_of(statement: &Statement, means: Means, session: &RoleSession<'_>) -> Truth {
    let is = |name: &str| match means {
        Means::Account => session.is_account(name),
        Means::Role => session.is_role(name),
        Means::Session => session.is_session(name),
        Means::Any => session.is_account(name).or(session.is_role(name)).or(session.is_session(name)),
    };
    let any = |names: &[String]| names.iter().map(|name| is(name)).fold(Truth::False, Truth::or);
    match &statement.aws_principals {
        AwsPrincipals::Names(names) => any(names),
        AwsPrincipals::Everyone => Truth::from(matches!(means, Means::Role | Means::Any)),
        AwsPrincipals::AllBut(names) if means == Means::Any => all_but(names, session),
        // `NotPrincipal` is not supported with `Allow`.
        AwsPrincipals::AllBut(_) => Truth::Unknown(UnknownReason::note("what `NotPrincipal` allows is not documented")),
        AwsPrincipals::Unclear => {
            Truth::Unknown(UnknownReason::note("whom a statement of the policy means is not clear"))
        }
    }
}

/// Whether a deny to all but these means the session: certainly not where account, role and session are all left out.
///
/// With a permissions boundary it always does, whatever it leaves out.
fn all_but(names: &[String], session: &RoleSession<'_>) -> Truth {
    if session.has_boundary {
        return Truth::True;
    }
    let is_left_out =
        |is: &dyn Fn(&str) -> Truth| names.iter().map(|name| is(name)).fold(Truth::False, |sum, one| sum.or(one));
    let account = is_left_out(&|name| session.is_account(name));
    let role = is_left_out(&|name| session.is_role(name));
    let of_session = is_left_out(&|name| session.is_session(name));
    let some = account.clone().or(role.clone()).or(of_session.clone());
    let all = account.and(role).and(of_session);
    let partly = UnknownReason::note("`NotPrincipal` leaves out only some of the account, the role and its session");
    (!some).agree(!all, partly)
}

/// What rules out a statement that allows the action to somebody.
fn near_miss(statement: &Statement, session: &RoleSession<'_>, request: &Request) -> Option<RuledOutBy> {
    if statement.effect != Some(Effect::Allow) || !action_applies(statement, &request.action).is_true() {
        return None;
    }
    let means_session = matches!(statement.aws_principals, AwsPrincipals::Everyone)
        || speaks_of(statement, Means::Any, session).is_true();
    if means_session {
        if statement.resource.applies_to(&request.resource, &request.context).is_false() {
            return Some(RuledOutBy::Resource);
        }
        let fails = statement.condition.evaluate(&request.context).is_false();
        return fails.then(|| RuledOutBy::Condition(statement.condition.failing_keys(&request.context)));
    }
    let AwsPrincipals::Names(names) = &statement.aws_principals else { return None };
    let deleted = names.iter().find(|name| is_id_of_principal(name) && session.role_id != Some(name.as_str()));
    deleted.map(|id| RuledOutBy::DeletedPrincipal(id.clone()))
}

/// What the gates say where the resource's own policy may grant by itself, as it does within one account.
///
/// A grant to the role takes the place of an identity policy; one to its session is not limited by an implicit deny of the
/// permissions boundary either. Denies, and all other gates, count all the same.
pub fn evaluate_with_grants(gates: &[PolicySet], request: &Request, answer: &ResourceAnswer) -> Response {
    let mut response = evaluate(gates, request);
    let Ok(everything) = Document::parse(EVERYTHING, DocumentKind::Identity) else { return response };
    let everything = Arc::new(everything);
    let grants: [(&Said, &[PolicySetKind]); 2] = [
        (&answer.role, &[PolicySetKind::Identity]),
        (&answer.session, &[PolicySetKind::Identity, PolicySetKind::Boundary]),
    ];
    for (said, opens) in grants {
        let counts = said.truth.clone().and(!answer.denies.truth.clone());
        if response.decision == Decision::Allowed || counts.is_false() {
            continue;
        }
        let mut opened = gates.to_vec();
        for gate in opened.iter_mut().filter(|gate| opens.contains(&gate.kind)) {
            let policy = GRANT.to_owned();
            gate.policies.push(Policy {
                name: policy,
                kind: PolicyKind::Document,
                document: Ok(Arc::clone(&everything)),
            });
        }
        let mut granted = evaluate(&opened, request);
        if granted.decided_by.iter().any(|by| by.policy == GRANT) {
            granted.decided_by.retain(|by| by.policy != GRANT);
            granted.decided_by.extend(said.statements.iter().cloned());
        }
        response = match counts {
            Truth::Unknown(doubt) => either(response, granted, doubt),
            Truth::True | Truth::False => granted,
        };
    }
    response
}

/// What the resource's policy grants, as if a policy of the gate did.
const EVERYTHING: &str = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
/// A name that no policy has.
const GRANT: &str = "";

/// The response where `doubt` keeps open which of the two it is; `granted` allows no less than `response`.
fn either(response: Response, granted: Response, doubt: UnknownReason) -> Response {
    match granted.decision {
        Decision::ImplicitDeny | Decision::ExplicitDeny => response,
        Decision::Allowed | Decision::Unknown => Response {
            decision: Decision::Unknown,
            doubt: response.doubt.merge(granted.doubt).merge(doubt),
            closed: Vec::new(),
            closed_in_some: Vec::new(),
            near_misses: Vec::new(),
            decided_by: granted.decided_by,
        },
    }
}

/// What a response of the gates comes to where the resource's policy has its say: its denies always, and where `must_allow`,
/// as with KMS keys and across accounts, only what it allows too.
pub fn limited_by(response: Response, name: &str, answer: &ResourceAnswer, must_allow: bool) -> Response {
    let allows = if must_allow { answer.allows() } else { Truth::True };
    match (response.decision, &answer.denies.truth, allows) {
        (decision, Truth::True, _) => {
            let others = if decision == Decision::ExplicitDeny { response.decided_by } else { Vec::new() };
            Response {
                decision: Decision::ExplicitDeny,
                decided_by: others.into_iter().chain(answer.denies.statements.iter().cloned()).collect(),
                doubt: UnknownReason::default(),
                near_misses: Vec::new(),
                closed: response.closed,
                closed_in_some: Vec::new(),
            }
        }
        (Decision::ExplicitDeny | Decision::ImplicitDeny, _, _) => response,
        (_, _, Truth::False) => Response {
            decision: Decision::ImplicitDeny,
            decided_by: Vec::new(),
            closed: vec![(PolicySetKind::Resource, name.to_owned())],
            closed_in_some: Vec::new(),
            near_misses: answer.near_misses.clone(),
            doubt: UnknownReason::default(),
        },
        (_, Truth::False, Truth::True) => response,
        (decision, denies, allows) => {
            let open = [&answer.denies, &answer.account, &answer.role, &answer.session].into_iter();
            let open = open.filter(|said| matches!(said.truth, Truth::Unknown(_))).flat_map(|said| &said.statements);
            let before = if decision == Decision::Unknown { response.decided_by } else { Vec::new() };
            Response {
                decision: Decision::Unknown,
                decided_by: before.into_iter().chain(open.cloned()).collect(),
                closed: Vec::new(),
                closed_in_some: Vec::new(),
                near_misses: Vec::new(),
                doubt: response.doubt.merge(denies.doubt()).merge(allows.doubt()),
            }
        }
    }
}
