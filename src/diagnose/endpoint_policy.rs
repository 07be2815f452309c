//! The policies of VPC endpoints: a gate for the calls that go through them.
//!
//! Source: [Control access to VPC endpoints using endpoint policies](https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html).

use std::collections::BTreeMap;

use crate::agent_context::{self, Caller, RequestSource};
use crate::facts::{Facts, NamedDocument, PolicyText, VpcEndpoint};
use crate::needs::{Cost, Need, Requirements};
use crate::report::{Finding, FindingKind, PathWeight};
use iam_eval::arn::Arn;
use iam_eval::{
    AwsPrincipals, Decision, DocumentKind, PolicySetKind, Request, ResourceAnswer, Response, RoleSession,
    StatementReference, Truth, UnknownReason, evaluate_resource_policy, limited_by,
};

use super::library::Library;
use super::role::JudgedRole;

/// The endpoint policies that the calls of one session meet.
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
pub(super) enum EndpointAnswer {
    /// This.
    Said(Box<ResourceAnswer>),
    /// It is no policy.
    NotAPolicy,
    /// It names a role or an account, and the documents are of none.
    OfNoRole,
}

impl EndpointPolicies<'_> {
    /// What the policy of the endpoint that a call goes through says to it, with the endpoint's id. None where no endpoint is
    /// certain, or its policy stands in no call's way.
    pub(super) fn answer_to(&self, need: &Need) -> Option<(&str, EndpointAnswer)> {
        if let Some(given) = self.given {
            let of_systems_manager = ["ssm:", "ssmmessages:"].iter().any(|service| need.action.starts_with(service));
            let answer = self.answer(&given.name, &given.document, need).filter(|_| of_systems_manager)?;
            return Some((given.name.as_str(), answer));
        }
        let RequestSource::Endpoint { id, .. } = agent_context::source_of(self.caller, need)? else { return None };
        let policy = self.endpoint(id)?.policy.as_ref()?;
        Some((id, self.answer(id, policy, need)?))
    }

    /// What a response comes to where the endpoint has its say.
    pub(super) fn limit(&self, need: &Need, response: Response) -> Response {
        match self.answer_to(need) {
            Some((id, EndpointAnswer::Said(answer))) => limited_by(response, id, &answer, true),
            Some((_, EndpointAnswer::NotAPolicy | EndpointAnswer::OfNoRole)) | None => response,
        }
    }

    /// What is found about the endpoints: what they do not let through, and what may not get through, each with the calls.
    ///
    /// `answers` are those of the role's side and of resources; what is denied there already says nothing of an endpoint.
    pub(super) fn findings(&self, answers: &[(Need, Response)]) -> Vec<Finding> {
        let mut blocked: BTreeMap<(String, Option<StatementReference>, PathWeight), Vec<String>> = BTreeMap::new();
        let mut open: BTreeMap<(String, UnknownReason, bool), Vec<String>> = BTreeMap::new();
        for (need, response) in answers {
            let Some((id, answer)) = self.answer_to(need) else { continue };
            let leaves_unknown = need.cost != Cost::Logs;
            // That the agent is online proves a path, and not that its other calls are allowed.
            let weight = if leaves_unknown { PathWeight::Sessions } else { PathWeight::Logs };
            let unsaid = match &answer {
                EndpointAnswer::Said(_) => None,
                EndpointAnswer::NotAPolicy => Some("a policy that could not be parsed"),
                EndpointAnswer::OfNoRole => {
                    Some("the accounts or roles that its policy names, and the documents are of none")
                }
            };
            let EndpointAnswer::Said(answer) = answer else {
                let why = UnknownReason::note(unsaid.unwrap_or_default());
                open.entry((id.to_owned(), why, leaves_unknown)).or_default().push(need.action.clone());
                continue;
            };
            match (&answer.denies.truth, answer.allows()) {
                (Truth::True, _) => {
                    let statement = answer.denies.statements.first().cloned();
                    blocked.entry((id.to_owned(), statement, weight)).or_default().push(need.action.clone());
                }
                (_, Truth::False) => {
                    blocked.entry((id.to_owned(), None, weight)).or_default().push(need.action.clone());
                }
                (Truth::False, Truth::True) => {}
                (denies, allows) => {
                    if matches!(response.decision, Decision::Allowed | Decision::Unknown) {
                        let why = denies.doubt().merge(allows.doubt());
                        open.entry((id.to_owned(), why, leaves_unknown)).or_default().push(need.action.clone());
                    }
                }
            }
        }
        let blocked = blocked.into_iter().map(|((endpoint, statement, weight), actions)| {
            FindingKind::EndpointPolicyBlocks { endpoint, statement, actions, weight }.into()
        });
        let open = open.into_iter().map(|((endpoint, depends_on, leaves_unknown), actions)| {
            FindingKind::EndpointPolicyUnknown { endpoint, actions, depends_on, leaves_unknown }.into()
        });
        blocked.chain(open).collect()
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
        };
        let base = agent_context::base(self.caller);
        let context = agent_context::for_need(&base, self.caller, need, &self.requirements.context);
        let request = Request { action: need.action.clone(), resource: need.resource.clone(), context };
        Some(EndpointAnswer::Said(Box::new(evaluate_resource_policy(&document, id, &session, &request))))
    }
}
