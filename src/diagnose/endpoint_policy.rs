//! The policies of VPC endpoints: a gate for the calls that go through them.
//!
//! Source: [Control access to VPC endpoints using endpoint policies](https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html).

use std::collections::BTreeMap;

use crate::agent_context::{self, Caller, RequestSource};
use crate::facts::{Facts, NamedDocument, PolicyText, VpcEndpoint};
use crate::needs::{Cost, Need, RequestedRegion, Requirements};
use crate::report::{Finding, FindingKind, NeededFor, PathWeight};
use iam_eval::arn::Arn;
use iam_eval::{
    AwsPrincipals, Decision, DocumentKind, PolicySetKind, Request, Resource, ResourceAnswer, Response, RoleSession,
    StatementReference, Text, Truth, UnknownReason, evaluate_resource_policy, limited_by,
};

use super::library::Library;
use super::role::JudgedRole;

/// The calls that the agent makes before it has the role of Default Host Management Configuration.
const REGISTRATION: [&str; 2] = ["ssm:RegisterManagedInstance", "ssm:RequestManagedInstanceRoleToken"];

/// The endpoint policies that the calls of one session meet.
#[derive(Clone, Copy)]
pub(super) struct EndpointPolicies<'a> {
    /// What was read.
    pub facts: &'a Facts,
    /// The policies that were parsed before.
    pub library: &'a Library,
    /// The policy that was given with bare documents, for the calls to Systems Manager.
    pub given: Option<&'a NamedDocument>,
    /// The role.
    pub judged: &'a JudgedRole,
    /// Its session.
    pub caller: &'a Caller<'a>,
    /// What the user said.
    pub requirements: &'a Requirements,
}

/// What the policy of an endpoint says to a call.
enum EndpointAnswer {
    /// This.
    Said(Box<ResourceAnswer>),
    /// It is no policy.
    NotAPolicy,
    /// It names a role or an account, and the documents are of none.
    OfNoRole,
}

/// An endpoint whose policy does not let calls through.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Blocked {
    endpoint: String,
    /// The statement that denies them.
    statement: Option<StatementReference>,
    /// Whether the calls go through it, rather than perhaps.
    certain: bool,
    /// Whether sessions need them.
    leaves_unknown: bool,
}

impl Blocked {
    fn finding(self, actions: Vec<String>) -> FindingKind {
        let Blocked { endpoint, statement, certain, leaves_unknown } = self;
        // That the agent is online proves a path, and not that its other calls are allowed.
        let weight = if leaves_unknown { PathWeight::Sessions } else { PathWeight::Logs };
        match certain {
            true => FindingKind::EndpointPolicyBlocks { endpoint, statement, actions, weight },
            false => FindingKind::EndpointPolicyMayBlock { endpoint, statement, actions, leaves_unknown },
        }
    }
}

impl EndpointAnswer {
    /// Whether it certainly lets the call through.
    fn allows(&self) -> bool {
        matches!(self, EndpointAnswer::Said(answer) if answer.denies.truth.is_false() && answer.allows().is_true())
    }

    /// Whether it certainly does not.
    fn refuses(&self) -> bool {
        matches!(self, EndpointAnswer::Said(answer) if answer.denies.truth.is_true() || answer.allows().is_false())
    }
}

/// What the policies of the endpoints that a call may go through say to it.
struct EndpointAnswers<'a> {
    /// The answers, with the endpoints' ids.
    answers: Vec<(&'a str, EndpointAnswer)>,
    /// Whether the call meets these answers, rather than perhaps.
    certain: bool,
}

impl EndpointPolicies<'_> {
    /// What stands in the way of a call, or may.
    fn answers_to(&self, need: &Need) -> EndpointAnswers<'_> {
        let nothing = EndpointAnswers { answers: Vec::new(), certain: true };
        if let Some(given) = self.given {
            let of_systems_manager = ["ssm:", "ssmmessages:"].iter().any(|service| need.action.starts_with(service));
            let answer = self.answer(&given.name, &given.document, need).filter(|_| of_systems_manager);
            let answers = answer.into_iter().map(|answer| (given.name.as_str(), answer)).collect();
            return EndpointAnswers { answers, ..nothing };
        }
        let Some(source) = agent_context::source_of(self.caller, need) else { return nothing };
        let said = |id: &String| self.answer(id, self.endpoint(id)?.policy.as_ref()?, need);
        let endpoints = source.endpoints();
        let mut answers: Vec<(&str, EndpointAnswer)> =
            endpoints.iter().filter_map(|id| Some((id.as_str(), said(id)?))).collect();
        if let (RequestSource::Endpoint { .. }, _) | (_, []) = (source, &answers[..]) {
            return EndpointAnswers { answers, ..nothing };
        }
        let has_others = matches!(source, RequestSource::OneOf { others: true, .. });
        let refused = !has_others && answers.len() == endpoints.len() && answers.iter().all(|(_, it)| it.refuses());
        answers.retain(|(_, answer)| !answer.allows());
        EndpointAnswers { answers, certain: refused }
    }

    /// What a response comes to where endpoints have their say.
    pub(super) fn limit(&self, need: &Need, response: Response) -> Response {
        let EndpointAnswers { answers, certain } = self.answers_to(need);
        if !certain && !answers.is_empty() && response.decision == Decision::Allowed {
            return Response { decision: Decision::Unknown, ..response };
        }
        let said = answers.iter().filter(|_| certain).filter_map(|(id, answer)| match answer {
            EndpointAnswer::Said(answer) => Some((id, answer)),
            EndpointAnswer::NotAPolicy | EndpointAnswer::OfNoRole => None,
        });
        said.fold(response, |response, (id, answer)| limited_by(response, id, answer, true))
    }

    /// What is found about the endpoints: what they do not let through, and what may not get through, each with the calls.
    ///
    /// `answers` are those of the role's side and of resources; what is denied there already says nothing of an endpoint.
    pub(super) fn findings(&self, answers: &[(Need, Response)]) -> Vec<Finding> {
        let mut blocked: BTreeMap<Blocked, Vec<String>> = BTreeMap::new();
        let mut open: BTreeMap<(String, UnknownReason, bool), Vec<String>> = BTreeMap::new();
        for (need, response) in answers {
            let EndpointAnswers { answers, certain } = self.answers_to(need);
            let is_open = matches!(response.decision, Decision::Allowed | Decision::Unknown);
            let leaves_unknown = need.cost != Cost::Logs;
            for (id, answer) in answers {
                let id = id.to_owned();
                let why = match answer {
                    EndpointAnswer::Said(answer) => match (&answer.denies.truth, answer.allows()) {
                        (Truth::True, _) | (_, Truth::False) => {
                            let statement = answer.denies.statements.first().filter(|_| answer.denies.truth.is_true());
                            let by = Blocked { endpoint: id, statement: statement.cloned(), certain, leaves_unknown };
                            if certain || is_open {
                                blocked.entry(by).or_default().push(need.action.clone());
                            }
                            continue;
                        }
                        (Truth::False, Truth::True) => continue,
                        (denies, allows) if is_open => denies.doubt().merge(allows.doubt()),
                        _ => continue,
                    },
                    EndpointAnswer::NotAPolicy => UnknownReason::note("a policy that could not be parsed"),
                    EndpointAnswer::OfNoRole => UnknownReason::note(
                        "the accounts or roles that its policy names, and the documents are of none",
                    ),
                };
                open.entry((id, why, leaves_unknown)).or_default().push(need.action.clone());
            }
        }
        let blocked = blocked.into_iter().map(|(by, actions)| by.finding(actions).into());
        let open = open.into_iter().map(|((endpoint, depends_on, leaves_unknown), actions)| {
            FindingKind::EndpointPolicyUnknown { endpoint, actions, depends_on, leaves_unknown }.into()
        });
        blocked.chain(open).collect()
    }

    /// What is found about the calls that give the agent the role of Default Host Management Configuration, as far as an endpoint
    /// may not let them through. The agent signs them with the identity of its instance, and how policies see that is not documented.
    ///
    /// Source: the source of the SSM Agent.
    pub(super) fn of_registration(&self) -> Option<Finding> {
        let caller = &Caller { role_arn: None, role_id: None, role_tags: None, ..*self.caller };
        let as_instance = EndpointPolicies { caller, ..*self };
        let call = |action: &&str| Need {
            action: (*action).to_owned(),
            resource: Resource::Arn(Text::any()),
            needed_for: NeededFor::Core,
            requested_region: RequestedRegion::OfInstance,
            unresolved: false,
            cost: Cost::Sessions,
        };
        let stopped = REGISTRATION.iter().map(call).filter_map(|need| {
            let EndpointAnswers { answers, .. } = as_instance.answers_to(&need);
            let (id, _) = answers.iter().find(|(_, answer)| !answer.allows())?;
            Some(((*id).to_owned(), need.action))
        });
        let (mut endpoints, actions): (Vec<String>, Vec<String>) = stopped.unzip();
        let depends_on = UnknownReason::note(
            "how it treats the identity of the instance, with which the agent asks for the role of Default Host Management Configuration",
        );
        let endpoint = endpoints.pop()?;
        Some(FindingKind::EndpointPolicyUnknown { endpoint, actions, depends_on, leaves_unknown: true }.into())
    }

    fn endpoint(&self, id: &str) -> Option<&VpcEndpoint> {
        self.facts.networks.get(self.caller.place.region?)?.endpoints.known()?.get(id)
    }

    /// Whether principals are named of which it is not known whether the documents are theirs: roles of the account, or anybody
    /// where that is not known. Those of other accounts they certainly are not.
    fn names_others(&self, principals: &AwsPrincipals) -> bool {
        let Some(account) = self.caller.place.account else { return !principals.names().is_empty() };
        let of_account = format!("::{account}:");
        let is_root = |name: &String| name.ends_with(":root");
        principals.names().iter().any(|name| name.contains(&of_account) && !is_root(name))
    }

    fn answer(&self, id: &str, policy: &PolicyText, need: &Need) -> Option<EndpointAnswer> {
        let Ok(document) = self.library.document(policy, DocumentKind::Resource) else {
            return Some(EndpointAnswer::NotAPolicy);
        };
        // As the default one does, which most endpoints have.
        if document.allows_everything() {
            return None;
        }
        // Of bare documents there is no role: nothing is said of a policy that names any.
        let role_arn = match self.caller.role_arn {
            Some(role_arn) => role_arn,
            None if document.statements.iter().any(|statement| self.names_others(&statement.aws_principals)) => {
                return Some(EndpointAnswer::OfNoRole);
            }
            None => "",
        };
        let role = Arn::parse(role_arn);
        let account = role.as_ref().map(|role| role.account.as_str()).or(self.caller.place.account);
        let session = RoleSession {
            account: account.unwrap_or_default(),
            role_arn,
            role_name: role.as_ref().map(Arn::name).unwrap_or_default(),
            role_id: self.caller.role_id,
            name: self.caller.place.instance_id,
            has_boundary: self.judged.gates.iter().any(|gate| gate.kind == PolicySetKind::Boundary),
            at_gateway_endpoint: self
                .endpoint(id)
                .is_some_and(|endpoint| endpoint.kind.eq_ignore_ascii_case("Gateway")),
        };
        let context = match REGISTRATION.contains(&need.action.as_str()) && self.caller.role_arn.is_none() {
            true => agent_context::for_registration(self.caller, need, &self.requirements.context),
            false => {
                let base = agent_context::base(self.caller);
                agent_context::for_need(&base, self.caller, need, &self.requirements.context)
            }
        };
        let request = Request { action: need.action.clone(), resource: need.resource.clone(), context };
        Some(EndpointAnswer::Said(Box::new(evaluate_resource_policy(&document, id, &session, &request))))
    }
}
