//! The destinations of session logs themselves: whether they are there, whether they are encrypted where the preferences demand
//! it, and what a bucket's own policy denies.
//!
//! Source: the SSM Agent, `agent/session/shell/shell.go` (`validate`): with encryption demanded it ends a session whose log group or
//! bucket is not encrypted, or cannot be looked at; else it warns.

use crate::facts::{Bucket, BucketEncryption, Fact, LogGroup, Unreadable};
use crate::needs::{Cost, Need};
use crate::report::{Finding, FindingKind, LogDestination};
use iam_eval::{Decision, Resource, Response, Truth};

use super::explain;
use super::resolved_needs::Destination;
use super::resource_policy::ResourcePolicies;

/// What the agent takes for encryption of a bucket: `agent/s3util/s3util.go`, `IsBucketEncrypted`.
const ENCRYPTED: [&str; 2] = ["AES256", "aws:kms"];

/// What is to be said of every destination, given what the role's side answers.
pub(super) fn findings(policies: &ResourcePolicies<'_>, answers: &[(Need, Response)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for bucket in &policies.asked.buckets {
        match bucket.fact {
            Some(Fact::Absent) => findings.push(missing(bucket, LogDestination::Bucket)),
            Some(Fact::Known(known)) => {
                let unread = [known.encryption.unreadable(), known.policy.unreadable()];
                findings.extend(unread.into_iter().flatten().filter_map(|reason| failed(bucket, reason)));
                findings.extend(encryption_of_bucket(bucket, known));
                findings.extend(answers.iter().filter_map(|(need, response)| {
                    denied_by_bucket(bucket, need, response, policies).filter(|_| known.policy.known().is_some())
                }));
            }
            Some(Fact::Unreadable(reason)) => findings.extend(failed(bucket, reason)),
            None => {}
        }
    }
    for group in &policies.asked.log_groups {
        match group.fact {
            Some(Fact::Absent) => findings.push(missing(group, LogDestination::LogGroup)),
            Some(Fact::Known(known)) => findings.extend(encryption_of_group(group, known)),
            Some(Fact::Unreadable(reason)) => findings.extend(failed(group, reason)),
            None => {}
        }
    }
    findings
}

/// A reading that failed, rather than being refused, where what it may hide ends sessions.
fn failed<T>(destination: &Destination<'_, T>, reason: &Unreadable) -> Option<Finding> {
    (destination.must_be_encrypted && reason.kind.may_hide(false)).then(|| explain::unreadable(reason))
}

fn missing<T>(destination: &Destination<'_, T>, kind: LogDestination) -> Finding {
    let Destination { name, must_be_encrypted, .. } = destination;
    FindingKind::LogDestinationMissing { destination: kind, name: name.clone(), must_be_encrypted: *must_be_encrypted }
        .into()
}

fn encryption_of_bucket(bucket: &Destination<'_, Bucket>, known: &Bucket) -> Option<Finding> {
    let algorithm = match &known.encryption {
        Fact::Unreadable(_) => return None,
        Fact::Known(BucketEncryption { algorithm, .. }) if ENCRYPTED.contains(&algorithm.as_str()) => return None,
        Fact::Known(BucketEncryption { algorithm, .. }) => Some(algorithm.clone()),
        Fact::Absent => None,
    };
    let finding = || FindingKind::BucketNotEncrypted { bucket: bucket.name.clone(), algorithm }.into();
    bucket.must_be_encrypted.then(finding)
}

fn encryption_of_group(group: &Destination<'_, LogGroup>, known: &LogGroup) -> Option<Finding> {
    let lacks_key = group.must_be_encrypted && known.kms_key.is_none();
    lacks_key.then(|| FindingKind::LogGroupNotEncrypted { log_group: group.name.clone() }.into())
}

/// What the bucket's own policy denies of what is needed of the bucket.
fn denied_by_bucket(
    bucket: &Destination<'_, Bucket>,
    need: &Need,
    response: &Response,
    policies: &ResourcePolicies<'_>,
) -> Option<Finding> {
    let of_bucket = policies.asked.bucket_of(&need.resource)??;
    let speaks_of_it = of_bucket.name == bucket.name && matches!(need.resource, Resource::Arn(_));
    if !speaks_of_it || !need.action.starts_with("s3:") {
        return None;
    }
    let (bucket, action) = (bucket.name.clone(), need.action.clone());
    let only_logs = need.cost == Cost::Logs;
    let Some(answer) = policies.answer_to(need) else {
        return Some(FindingKind::BucketPolicyInvalid { bucket, only_logs }.into());
    };
    let kind = match answer.denies.truth {
        Truth::False => return None,
        Truth::True => {
            let statements = answer.denies.statements;
            FindingKind::BucketPolicyDenies { bucket, statements, action, only_logs }
        }
        // What is denied in any case does not depend on it.
        Truth::Unknown(_) if matches!(response.decision, Decision::ExplicitDeny | Decision::ImplicitDeny) => {
            return None;
        }
        Truth::Unknown(depends_on) => FindingKind::BucketPolicyUnknown { bucket, action, depends_on, only_logs },
    };
    Some(kind.into())
}
