//! What a role's policies say, need by need: the grounds for a fix.

use jiff::Timestamp;

use super::resource_policy::ResourcePolicies;
use super::{Judge, place_of, resolved_needs};
use crate::agent_context;
use crate::facts::{Fact, Facts, Subject, SubjectKind};
use crate::needs::{self, Need, Requirements};
use iam_eval::{Decision, Response, ServicePrincipal, UnknownReason};

/// What one role is asked for, on behalf of one subject, and what its documents answer.
#[derive(Debug, Clone)]
pub struct Answers {
    /// Everything that the role must be allowed.
    pub needs: Vec<(Need, Response)>,
    /// `s3:GetEncryptionConfiguration` on any bucket, which the documented policy grants although only logs need it.
    pub encryption_of_any_bucket: (Need, Response),
    /// Whether EC2 may assume the role, and what leaves that open; `None` if the trust policy is not known.
    pub trust: Option<(Decision, UnknownReason)>,
}

/// Asks the role with `role_key` for everything that `subject` needs of it; `None` if the role is not known.
///
/// `now` is the time that conditions on the clock are judged at.
pub fn answers(
    facts: &Facts,
    requirements: &Requirements,
    now: Timestamp,
    role_key: &str,
    subject: &Subject,
) -> Option<Answers> {
    let judge = Judge::new(requirements, now);
    let judged = judge.memo.role(facts, role_key, facts.roles.get(role_key)?.known()?);
    let diagnosis = judge.with(facts);
    let instance = match &subject.kind {
        SubjectKind::Instance(Fact::Known(instance)) => Some(instance.as_ref()),
        _ => None,
    };
    let place = place_of(subject, instance);
    let mut caller = diagnosis.caller_of(&judged, place, instance);
    let paths = instance
        .and_then(|instance| diagnosis.agent_paths(subject, instance, diagnosis.need_flags(subject, Some(instance))));
    caller.sources = paths.as_ref().map(|paths| &paths.sources);
    let base = agent_context::base(&caller);
    let asked = resolved_needs::of(facts, requirements, subject, &place);
    let policies = ResourcePolicies { asked: &asked, judged: &judged, caller: &caller, requirements };
    let ask = |need: Need| {
        let response = diagnosis.ask(&judged, &base, &caller, &need);
        let response = policies.with_grants(&need, response);
        (need, response)
    };
    let service = ServicePrincipal::ec2(subject.partition.as_deref());
    Some(Answers {
        needs: asked.needs.iter().cloned().map(ask).collect(),
        encryption_of_any_bucket: ask(needs::encryption_of_any_bucket(&place)),
        trust: judged
            .trust
            .as_ref()
            .and_then(|document| document.as_ref().ok())
            .map(|document| diagnosis.trust_of(document, &service)),
    })
}
