//! The destinations of session logs themselves: whether they are there, whether they are encrypted where the preferences demand
//! it, and what a bucket's own policy denies.
//!
//! Source: the SSM Agent, `agent/session/shell/shell.go` (`validate`): with encryption demanded it ends a session whose log group or
//! bucket is not encrypted, or cannot be looked at; else it warns.

use crate::command_line::Command;
use crate::facts::{Bucket, BucketEncryption, Fact, LogGroup, Unreadable};
use crate::needs::{Cost, Need};
use crate::report::{Code, Finding};
use iam_eval::{Decision, Resource, Response, Truth};

use super::asked::Destination;
use super::explain;
use super::resource_policy::ResourcePolicies;
use super::words::{error, in_words, statements_in_words, warning};

/// What the agent takes for encryption of a bucket: `agent/s3util/s3util.go`, `IsBucketEncrypted`.
const ENCRYPTED: [&str; 2] = ["AES256", "aws:kms"];

/// What is to be said of every destination, given what the role's side answers.
pub(super) fn findings(policies: &ResourcePolicies<'_>, answers: &[(Need, Response)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for bucket in &policies.asked.buckets {
        match bucket.fact {
            Some(Fact::Absent) => findings.push(missing(bucket, "bucket")),
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
            Some(Fact::Absent) => findings.push(missing(group, "log group")),
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

fn missing<T>(destination: &Destination<'_, T>, what: &str) -> Finding {
    let name = &destination.name;
    let remedy = format!("create the {what}, or name another in the session preferences");
    match destination.must_be_encrypted {
        true => error(
            Code::SessionLogs,
            format!(
                "there is no {what} `{name}`, and the session preferences demand that it is encrypted: the agent ends every session"
            ),
            remedy,
        ),
        false => warning(
            Code::SessionLogs,
            format!("there is no {what} `{name}`: sessions work, but their logs are lost"),
            remedy,
            false,
        ),
    }
}

fn encryption_of_bucket(bucket: &Destination<'_, Bucket>, known: &Bucket) -> Option<Finding> {
    let name = &bucket.name;
    let how = match &known.encryption {
        Fact::Unreadable(_) => return None,
        Fact::Known(BucketEncryption { algorithm, .. }) if ENCRYPTED.contains(&algorithm.as_str()) => return None,
        Fact::Known(BucketEncryption { algorithm, .. }) => {
            format!(
                "the bucket `{name}` is encrypted with `{algorithm}`, which the agent does not accept as encryption"
            )
        }
        Fact::Absent => format!("the bucket `{name}` has no default encryption"),
    };
    bucket.must_be_encrypted.then(|| {
        error(
            Code::SessionLogs,
            format!("{how}, and the session preferences demand an encrypted bucket: the agent ends every session"),
            "set the bucket's default encryption to `AES256` or `aws:kms`, or turn `s3EncryptionEnabled` off in the session preferences",
        )
    })
}

fn encryption_of_group(group: &Destination<'_, LogGroup>, known: &LogGroup) -> Option<Finding> {
    let name = &group.name;
    let associate =
        Command::new("aws logs associate-kms-key").option("--log-group-name", name).and("--kms-key-id KEY_ARN");
    (group.must_be_encrypted && known.kms_key.is_none()).then(|| {
        error(
            Code::SessionLogs,
            format!(
                "the log group `{name}` is not encrypted with a KMS key, and the session preferences demand an encrypted log group: \
                 the agent ends every session"
            ),
            format!(
                "associate a key, `{associate}`, or turn `cloudWatchEncryptionEnabled` off in the session preferences"
            ),
        )
    })
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
    let (name, action) = (&bucket.name, &need.action);
    let so = match need.cost {
        Cost::Sessions => "",
        Cost::Logs => ": sessions do not need it, but their logs are lost",
    };
    let code = |code: Code| if need.cost == Cost::Logs { Code::SessionLogs } else { code };
    let Some(answer) = policies.answer_to(need) else {
        return Some(warning(
            Code::InvalidPolicy,
            format!("the policy of the bucket `{name}` is not understood, or the role's ARN is not known"),
            "correct the bucket policy; what it denies is not known",
            need.cost == Cost::Sessions,
        ));
    };
    match &answer.denies.truth {
        Truth::False => None,
        Truth::True => {
            let message = format!(
                "{} of the policy of the bucket `{name}` denies the role `{action}`{so}",
                statements_in_words(&answer.denies.statements)
            );
            let remedy =
                "an explicit deny overrides any allow: narrow that statement of the bucket policy, or exclude the role";
            Some(match need.cost {
                Cost::Sessions => error(code(Code::ExplicitDeny), message, remedy),
                Cost::Logs => warning(code(Code::ExplicitDeny), message, remedy, false),
            })
        }
        // What is denied in any case does not depend on it.
        Truth::Unknown(_) if matches!(response.decision, Decision::ExplicitDeny | Decision::ImplicitDeny) => None,
        Truth::Unknown(doubt) => Some(warning(
            code(Code::ConditionalPermission),
            format!(
                "cannot determine whether the policy of the bucket `{name}` denies the role `{action}`: it depends on {}{so}",
                in_words(doubt)
            ),
            "give what you know with `--context`, or exclude the role from that statement of the bucket policy",
            need.cost == Cost::Sessions,
        )),
    }
}
