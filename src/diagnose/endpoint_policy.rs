//! The policies of VPC endpoints: a gate for the calls that go through them.
//!
//! Source: [Control access to VPC endpoints using endpoint policies](https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html).

use crate::agent_context::{self, Caller, RequestSource};
use crate::facts::{Facts, PolicyText, VpcEndpoint};
use crate::needs::{Need, Requirements};
use iam_eval::arn::Arn;
use iam_eval::{
    Document, DocumentKind, PolicySetKind, Request, ResourceAnswer, Response, RoleSession, evaluate_resource_policy,
    limited_by,
};

use super::role::JudgedRole;

/// The endpoint policies that the calls of one session meet.
pub(super) struct EndpointPolicies<'a> {
    /// What was read.
    pub facts: &'a Facts,
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
}

impl EndpointPolicies<'_> {
    /// What the policy of the endpoint that a call goes through says to it, with the endpoint's id. None where no endpoint is
    /// certain, or it has no policy.
    pub(super) fn answer_to(&self, need: &Need) -> Option<(&str, EndpointAnswer)> {
        let RequestSource::Endpoint { id, .. } = agent_context::source_of(self.caller, need)? else { return None };
        let policy = self.endpoint(id)?.policy.as_ref()?;
        Some((id, self.answer(id, policy, need)?))
    }

    /// What a response comes to where the endpoint has its say.
    pub(super) fn limit(&self, need: &Need, response: Response) -> Response {
        match self.answer_to(need) {
            Some((id, EndpointAnswer::Said(answer))) => limited_by(response, id, &answer, true),
            Some((_, EndpointAnswer::NotAPolicy)) | None => response,
        }
    }

    fn endpoint(&self, id: &str) -> Option<&VpcEndpoint> {
        self.facts.networks.get(self.caller.place.region?)?.endpoints.known()?.get(id)
    }

    fn answer(&self, id: &str, policy: &PolicyText, need: &Need) -> Option<EndpointAnswer> {
        let Ok(document) = Document::parse(policy.as_str(), DocumentKind::Resource) else {
            return Some(EndpointAnswer::NotAPolicy);
        };
        let role_arn = self.caller.role_arn?;
        let role = Arn::parse(role_arn)?;
        let session = RoleSession {
            account: &role.account,
            role_arn,
            role_name: role.name(),
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
