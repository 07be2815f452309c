//! The policy of the resource that a need is about: what it adds to the role's own policies, and what it takes away.

use crate::agent_context::{self, Caller};
use crate::facts::{Fact, PolicyText, Unreadable, may_be_named};
use crate::needs::{KeyArn, Need, Requirements};
use iam_eval::arn::Arn;
use iam_eval::{
    Decision, Document, DocumentKind, PolicySetKind, Request, Resource, ResourceAnswer, Response, RoleSession, Value,
    evaluate_resource_policy, evaluate_with_grants, limited_by,
};

use crate::report::{Finding, FindingKind, NeededFor, ResourceKind, UnreadPolicy};

use super::resolved_needs::ResolvedNeeds;
use super::role::JudgedRole;

/// The services beside KMS and S3 whose resources have policies that can let a role of the same account in.
///
/// `ssm`, `ssmmessages` and `logs` are not among them: the resource policies of CloudWatch Logs are for services and other accounts.
/// Source: [AWS services that work with IAM](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html).
const WITH_POLICIES: [&str; 25] = [
    "acm-pca",
    "backup",
    "codeartifact",
    "codebuild",
    "dynamodb",
    "ecr",
    "elasticfilesystem",
    "es",
    "events",
    "execute-api",
    "glacier",
    "glue",
    "kinesis",
    "kms",
    "lambda",
    "mediastore",
    "s3",
    "s3express",
    "s3-outposts",
    "s3tables",
    "secretsmanager",
    "serverlessrepo",
    "sns",
    "sqs",
    "vpc-lattice-svcs",
];

/// Whose a resource is, seen from the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The role's account.
    Same,
    /// Another account: both sides must allow.
    Other,
    /// Not known.
    NotKnown,
}

/// What is known of a resource's policy.
enum Known<'a> {
    Text(&'a PolicyText),
    /// There is none.
    Absent,
    /// It was not read; why, if anybody tried.
    Unread(Option<&'a Unreadable>),
}

/// The resource of a need, as far as its policy matters.
struct InView<'a> {
    kind: ResourceKind,
    name: String,
    owner: Owner,
    policy: Known<'a>,
    /// Whether only what the policy allows is allowed, as with KMS keys and across accounts.
    must_allow: bool,
}

/// What resources' policies make of the needs of one role in one place.
pub(super) struct ResourcePolicies<'a> {
    /// What is asked.
    pub asked: &'a ResolvedNeeds<'a>,
    /// The role.
    pub judged: &'a JudgedRole,
    /// Its session.
    pub caller: &'a Caller<'a>,
    /// What the user said.
    pub requirements: &'a Requirements,
}

impl ResourcePolicies<'_> {
    /// The response where the resource's own policy grants, which it can within the account without a policy of the role.
    pub(super) fn with_grants(&self, need: &Need, response: Response) -> Response {
        if need.unresolved || response.decision == Decision::Allowed {
            return response;
        }
        let Some(resource) = self.in_view(need).filter(|resource| resource.owner == Owner::Same) else {
            return response;
        };
        match self.answer(&resource, need) {
            Some(answer) => evaluate_with_grants(&self.judged.gates, &self.request(need), &answer),
            None => response,
        }
    }

    /// The resource whose policy must allow what the role's policies allow, and is of a kind that is never read. A key or a bucket
    /// whose policy was not read has findings of its own.
    fn must_allow_and_is_unread(&self, need: &Need, response: &Response) -> Option<InView<'_>> {
        let is_half = response.decision == Decision::Allowed && !self.asked.of_documents;
        let resource = self.in_view(need).filter(|resource| is_half && resource.must_allow)?;
        matches!(resource.kind, ResourceKind::Role | ResourceKind::Other).then_some(resource)
    }

    /// What is found about resources whose policies must allow what the role's do, and which nobody reads.
    pub(super) fn findings(&self, answers: &[(Need, Response)]) -> Vec<Finding> {
        let unread = answers.iter().filter_map(|(need, response)| {
            let InView { kind, name, .. } = self.must_allow_and_is_unread(need, response)?;
            Some(FindingKind::ResourceMustAllow { of: kind, resource: name, action: need.action.clone() }.into())
        });
        unread.collect()
    }

    /// What a response of the role's side comes to where the resource's policy has its say too.
    pub(super) fn limit(&self, need: &Need, response: Response) -> Response {
        if self.may_grant(need, &response).is_some() || self.must_allow_and_is_unread(need, &response).is_some() {
            return Response { decision: Decision::Unknown, ..response };
        }
        let Some(resource) = self.in_view(need).filter(|_| !need.unresolved) else { return response };
        match self.answer(&resource, need) {
            Some(answer) => limited_by(response, &resource.name, &answer, resource.must_allow),
            None => response,
        }
    }

    /// What the resource's policy says to a need; `None` if there is none, or it is not known.
    pub(super) fn answer_to(&self, need: &Need) -> Option<ResourceAnswer> {
        self.answer(&self.in_view(need)?, need)
    }

    /// The policy of the resource that may grant what a role lacks, where it was not read.
    ///
    /// Nothing but such a policy of the same account grants by itself, and no SCP lets it pass. A report on bare documents judges the
    /// documents.
    pub(super) fn may_grant(&self, need: &Need, response: &Response) -> Option<UnreadPolicy> {
        let passes = |kind: PolicySetKind| matches!(kind, PolicySetKind::Identity | PolicySetKind::Boundary);
        if self.asked.of_documents
            || response.decision != Decision::ImplicitDeny
            || !response.stopped_by().all(|(kind, _)| passes(*kind))
        {
            return None;
        }
        let resource = self.in_view(need).filter(|resource| resource.owner != Owner::Other)?;
        let Known::Unread(reason) = resource.policy else { return None };
        Some(UnreadPolicy { of: resource.kind, reason: reason.cloned() })
    }

    fn in_view(&self, need: &Need) -> Option<InView<'_>> {
        let service = need.action.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let Resource::Arn(text) = &need.resource else { return None };
        let name = text.to_string();
        // An action that has no resource, or is wanted on all of them, is not granted by the policy of one.
        let arn = Arn::parse(&name)?;
        let owner = match (arn.account(), self.caller.place.account) {
            (Some(owner), Some(own)) if owner == own => Owner::Same,
            (Some(owner), Some(_)) if owner.bytes().all(|byte| byte.is_ascii_digit()) => Owner::Other,
            _ => Owner::NotKnown,
        };
        match service.as_str() {
            "kms" => {
                let same = |key: &KeyArn| match key {
                    KeyArn::Resolved(arn) | KeyArn::Unresolved(arn) => need.resource == Resource::Arn(arn.clone()),
                };
                let fact = self.asked.keys.iter().filter(|key| same(&key.arn)).find_map(|key| key.fact);
                let policy = match fact {
                    Some(Fact::Known(key)) => known(&key.policy),
                    Some(Fact::Unreadable(reason)) => Known::Unread(Some(reason)),
                    // Whatever it is, it is not there to be used.
                    Some(Fact::Absent) => Known::Absent,
                    None => Known::Unread(None),
                };
                Some(InView { kind: ResourceKind::Key, name, owner, policy, must_allow: true })
            }
            "s3" => {
                let bucket = self.asked.bucket_of(&need.resource)?;
                let (owner, policy) = match bucket.and_then(|bucket| bucket.fact) {
                    Some(Fact::Known(bucket)) => (owner_of_bucket(&bucket.policy), known(&bucket.policy)),
                    Some(Fact::Unreadable(reason)) => (Owner::NotKnown, Known::Unread(Some(reason))),
                    Some(Fact::Absent) => (Owner::NotKnown, Known::Absent),
                    None => (Owner::NotKnown, Known::Unread(None)),
                };
                let name = bucket.map_or(name, |bucket| bucket.name.clone());
                Some(InView { kind: ResourceKind::Bucket, name, owner, policy, must_allow: owner == Owner::Other })
            }
            // A trust policy is the policy of a role, and says alone who may assume it.
            "sts" if arn.resource_type() == "role" => {
                Some(InView { must_allow: true, ..unread(ResourceKind::Role, name, owner) })
            }
            other if WITH_POLICIES.contains(&other) => Some(unread(ResourceKind::Other, name, owner)),
            _ => None,
        }
    }

    fn answer(&self, resource: &InView<'_>, need: &Need) -> Option<ResourceAnswer> {
        let Known::Text(text) = resource.policy else { return None };
        let document = Document::parse(text.as_str(), DocumentKind::Resource).ok()?;
        let role_arn = match self.caller.role_arn {
            Some(role_arn) => role_arn.to_owned(),
            None => self.stand_in(&document)?,
        };
        let role = Arn::parse(&role_arn)?;
        let session = RoleSession {
            account: &role.account,
            role_arn: &role_arn,
            role_name: role.name(),
            role_id: self.caller.role_id,
            name: self.caller.place.instance_id,
            has_boundary: self.judged.gates.iter().any(|gate| gate.kind == PolicySetKind::Boundary),
            at_gateway_endpoint: false,
        };
        let mut request = self.request(need);
        // Only key policies see it.
        request.context.set("kms:CallerAccount", Value::known(&role.account));
        Some(evaluate_resource_policy(&document, &resource.name, &session, &request))
    }

    /// An ARN for a role of which only the account is known, where its name does not matter: the policy names no role or user
    /// there, or none that it can be.
    fn stand_in(&self, document: &Document) -> Option<String> {
        let (partition, account) = (self.caller.place.partition?, self.caller.place.account?);
        let planned = self.judged.planned_arn.as_deref();
        let matters = |name: &String| match Arn::parse(name) {
            Some(arn) if arn.account() == Some(account) && arn.resource != "root" => {
                planned.is_none_or(|planned| name != planned && may_be(planned, &arn))
            }
            Some(_) => false,
            None => name.starts_with("AROA") || name.starts_with("AIDA"),
        };
        let names = document.statements.iter().flat_map(|statement| statement.aws_principals.names());
        let stand_in = || format!("arn:{partition}:iam::{account}:role/{{role}}");
        (!names.into_iter().any(matters)).then(|| planned.map_or_else(stand_in, str::to_owned))
    }

    fn request(&self, need: &Need) -> Request {
        let base = agent_context::base(self.caller);
        let context = agent_context::for_need(&base, self.caller, need, &self.requirements.context);
        Request { action: need.action.clone(), resource: need.resource.clone(), context }
    }
}

/// Whether a principal may be the role that `planned` stands for, or a session of it.
fn may_be(planned: &str, principal: &Arn) -> bool {
    let name = match principal.resource_type() {
        "role" => principal.name(),
        "assumed-role" => principal.resource.split('/').nth(1).unwrap_or_default(),
        _ => return false,
    };
    // What stands for another role is none that it can be.
    !name.starts_with('{') && may_be_named(planned, name)
}

/// Whether a need that the user names is about a resource that may have a policy, of a kind that is never read.
pub(super) fn has_policy_that_nobody_reads(need: &Need) -> bool {
    let Resource::Arn(text) = &need.resource else { return false };
    let service = need.action.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let of_resource = Arn::parse(&text.to_string()).is_some();
    need.needed_for == NeededFor::Custom && of_resource && WITH_POLICIES.contains(&service.as_str())
}

fn unread(kind: ResourceKind, name: String, owner: Owner) -> InView<'static> {
    InView { kind, name, owner, policy: Known::Unread(None), must_allow: owner == Owner::Other }
}

fn known(policy: &Fact<PolicyText>) -> Known<'_> {
    match policy {
        Fact::Known(text) => Known::Text(text),
        Fact::Absent => Known::Absent,
        Fact::Unreadable(reason) => Known::Unread(Some(reason)),
    }
}

/// S3 shows the policy of a bucket, or that it has none, to the account that owns it only.
///
/// Source: [GetBucketPolicy](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicy.html).
pub(super) fn owner_of_bucket(policy: &Fact<PolicyText>) -> Owner {
    use crate::facts::UnreadableKind::OtherAccount;
    match policy {
        Fact::Known(_) | Fact::Absent => Owner::Same,
        Fact::Unreadable(reason) if reason.kind == OtherAccount => Owner::Other,
        Fact::Unreadable(_) => Owner::NotKnown,
    }
}
