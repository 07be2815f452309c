//! Failures, documents and trust in words, and what a verdict does not speak of.

use crate::agent_context::is_of_service_call;
use crate::facts::{Facts, Instance, PolicyText, Subject, SubjectKind, Unreadable, UnreadableKind};
use crate::report::{Code, Finding};
use iam_eval::{Decision, DocumentKind, Doubt, Resemblance, ServicePrincipal, resemblance};

use super::conditional::context_flag;
use super::memo::Demand;
use super::rcps;
use super::role::JudgedRole;
use super::words::{error, in_words, not_visible, service_in_words, warning};

/// Something that could not be read, as a finding that leaves the verdict unknown.
pub(super) fn unreadable(reason: &Unreadable) -> Finding {
    let Unreadable { api, kind, message } = reason;
    let (code, what, remedy) = match kind {
        UnreadableKind::Denied => (
            Code::AccessDenied,
            format!("the caller may not call `{api}`: {message}"),
            format!("allow the caller the IAM action `{api}`"),
        ),
        UnreadableKind::Throttled => (
            Code::AwsError,
            format!("`{api}` was throttled until the retries ran out: {message}"),
            "wait a little and check again, or raise `AWS_MAX_ATTEMPTS`".to_owned(),
        ),
        UnreadableKind::Credentials => (
            Code::AwsError,
            format!("`{api}` had no valid credentials: {message}"),
            "give credentials, for example with `--profile` or `aws sso login`".to_owned(),
        ),
        UnreadableKind::Network | UnreadableKind::Response => (
            Code::AwsError,
            format!("`{api}` got no usable answer: {message}"),
            "check the network, the Region and `--endpoint-url`, and try again".to_owned(),
        ),
        UnreadableKind::OtherPath => {
            (Code::InstanceNotFound, message.clone(), "give the ARN of the one that is meant".to_owned())
        }
        UnreadableKind::OtherAccount => (
            Code::InstanceNotFound,
            message.clone(),
            "use credentials of that account, for example with `--profile`".to_owned(),
        ),
        UnreadableKind::NotInSnapshot => (
            Code::AwsError,
            message.clone(),
            "take the snapshot again with the same options, or give what is missing".to_owned(),
        ),
        UnreadableKind::Unsupported | UnreadableKind::Service | UnreadableKind::Other => {
            (Code::AwsError, format!("`{api}` failed: {message}"), "try again; see the message of AWS".to_owned())
        }
    };
    warning(code, what, remedy, true)
}

/// A document that is no policy of its kind.
pub(super) fn not_a_policy(what: &str, kind: DocumentKind, error: &str) -> Finding {
    let expected = match kind {
        DocumentKind::Identity | DocumentKind::Scp | DocumentKind::Trust | DocumentKind::Resource => "policy document",
        DocumentKind::ResourceControl => "resource control policy",
    };
    let message = format!("{what} is not a {expected}: {error}");
    warning(Code::InvalidPolicy, message, "correct the document; what it grants or denies is not known", true)
}

/// A document of another kind than it was given as: it has a principal where none belongs, or none where one does. IAM refuses it.
pub(super) fn misplaced(what: &str, text: &PolicyText, kind: DocumentKind) -> Option<Finding> {
    let looks = resemblance(text.as_str())?;
    let (looks_like, remedy) = match (looks, kind) {
        (Resemblance::Identity, DocumentKind::Identity | DocumentKind::Scp)
        | (Resemblance::Trust, DocumentKind::Trust)
        | (_, DocumentKind::Resource) => return None,
        (Resemblance::Identity, DocumentKind::ResourceControl) => (
            "an identity policy or a service control policy",
            "give it with `--policy` or `--scp`; `--rcp` takes resource control policies",
        ),
        (Resemblance::Identity, DocumentKind::Trust) => (
            "an identity policy or a service control policy",
            "give it with `--policy` or `--scp`; `--trust` takes the trust policy of the role",
        ),
        (Resemblance::Trust, _) => ("a trust policy", "give it with `--trust`"),
        (_, DocumentKind::ResourceControl) => return None,
        (Resemblance::ResourceControl, _) => ("a resource control policy", "give it with `--rcp`"),
        (Resemblance::ResourceControlOrEndpoint, _) => (
            "a resource control policy, or the policy of a VPC endpoint",
            "give it with `--rcp`, or with `--endpoint-policy`",
        ),
        (Resemblance::Endpoint, _) => ("the policy of a VPC endpoint", "give it with `--endpoint-policy`"),
        (Resemblance::Bucket, _) => ("the policy of an S3 bucket", OF_A_RESOURCE),
        (Resemblance::Key, _) => ("the policy of a KMS key", OF_A_RESOURCE),
        (Resemblance::Resource, _) => ("the policy of a resource, such as a queue", OF_A_RESOURCE),
    };
    let odd = match kind {
        DocumentKind::Trust if looks == Resemblance::Identity => "has no `Principal`, and a trust policy has one",
        DocumentKind::Trust => "is not a trust policy",
        DocumentKind::ResourceControl if looks == Resemblance::Identity => {
            "has no `Principal`, and a resource control policy has one"
        }
        DocumentKind::ResourceControl => "is not a resource control policy",
        DocumentKind::Identity | DocumentKind::Scp | DocumentKind::Resource => {
            "has a `Principal`, and no identity policy, permissions boundary or service control policy has one"
        }
    };
    Some(warning(Code::InvalidPolicy, format!("{what} {odd}: it looks like {looks_like}"), remedy, true))
}

const OF_A_RESOURCE: &str = "leave it out: it belongs to the resource and not to the role";

/// A document that IAM refuses to store, or of which parts are not understood. Permissions that depend on those parts are unknown by
/// themselves.
pub(super) fn unsound(what: &str, problems: &[String]) -> Option<Finding> {
    const SHOWN: usize = 3;
    let shown = problems.get(..SHOWN).unwrap_or(problems);
    let more = match problems.len() - shown.len() {
        _ if problems.is_empty() => return None,
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let message = format!("{what} is not a policy that IAM stores: {}{more}", shown.join("; "));
    Some(warning(Code::InvalidPolicy, message, "correct the document", false))
}

/// What the trust policy means for the verdict, if it is not a plain yes.
pub(super) fn trust(
    judged: &JudgedRole,
    service: &ServicePrincipal,
    decision: Decision,
    doubt: &Doubt,
) -> Option<Finding> {
    let of_role = if judged.name.is_empty() { String::new() } else { format!(" of role `{}`", judged.name) };
    let name = service.name();
    let of_host_management = service.is_systems_manager();
    let who = service_in_words(service);
    match decision {
        Decision::Allowed => None,
        Decision::Unknown => Some(warning(
            Code::TrustPolicy,
            format!("whether the trust policy{of_role} lets {who} (`{name}`) assume it hangs on {}", in_words(doubt)),
            match doubt.keys.iter().find(|key| is_of_service_call(key)) {
                _ if doubt.keys.is_empty() => format!("name the service `{name}` in a statement of its own"),
                Some(key) => format!(
                    "{who} is not documented to send it: leave the condition out, or, if you know better, give {}",
                    context_flag(key, "VALUE")
                ),
                None => format!("{who} is not documented to send it: leave the condition out"),
            },
            true,
        )),
        Decision::ImplicitDeny | Decision::ExplicitDeny => Some(error(
            Code::TrustPolicy,
            format!("the trust policy{of_role} does not let {who} (`{name}`) assume it"),
            format!(
                "{}add a statement that allows `sts:AssumeRole` to the principal `{{\"Service\": \"{name}\"}}`",
                if judged.name.is_empty() || of_host_management { "" } else { "let `ssm-profile fix` do it, or " }
            ),
        )),
    }
}

/// What the verdict does not speak of.
pub(super) fn not_checked(facts: &Facts, subject: &Subject, demand: Demand) -> Vec<String> {
    let mut lines = Vec::new();
    if let SubjectKind::Documents(documents) = &subject.kind {
        if documents.trust.is_none() {
            lines.push("the role's trust policy: give it with --trust".to_owned());
        }
        if documents.boundary.is_none() {
            lines.push("a permissions boundary: give it with --boundary".to_owned());
        }
        if subject.region.is_none() {
            lines.push(match &subject.partition {
                Some(partition) => format!("the partition: taken to be `{partition}`; give --region"),
                None => "the partition: the documents name another than `aws`; give --region".to_owned(),
            });
        }
        lines.push(
            "whatever stands outside the documents: the instance, its network path and agent, VPC endpoint policies, \
             account settings of Systems Manager"
                .to_owned(),
        );
    } else {
        lines.push("the network path to the Systems Manager endpoints, and VPC endpoint policies".to_owned());
        if let Some(endpoints) = log_endpoints(demand) {
            lines.push(format!("the network path to {endpoints}, where session logs go"));
        }
        if !demand.preferences_known {
            lines.push("session preferences: they were not read, and may ask for more".to_owned());
        }
    }
    if scps_unseen(facts) {
        let unread = facts.organization.known().and_then(|organization| organization.policies_unread.as_ref());
        lines.push(not_visible("service", "--scp", unread));
    }
    lines.extend(rcps::not_checked(facts, demand));
    lines.push(
        match demand.encrypted {
            true => {
                "the permissions of whoever starts a session: `ssm:StartSession`, and `kms:GenerateDataKey` on the session key"
            }
            false => "the permissions of whoever starts a session: `ssm:StartSession`",
        }
        .to_owned(),
    );
    let of_logs = [
        (demand.bucket_policy_unread, "the bucket's own policy, which may grant or deny (`s3:GetBucketPolicy`)"),
        (demand.bucket_encryption_unread, "the bucket's encryption and its KMS key (`s3:GetEncryptionConfiguration`)"),
        (
            demand.log_group_unread,
            "whether the log group exists, and whether it is encrypted (`logs:DescribeLogGroups`)",
        ),
        (
            demand.other_policy_unread,
            "the policies of the resources that are named with --require, which may grant or deny",
        ),
    ];
    lines.extend(of_logs.iter().filter(|(unread, _)| *unread).map(|(_, line)| (*line).to_owned()));
    lines
}

/// The endpoints that session logs go to.
fn log_endpoints(demand: Demand) -> Option<&'static str> {
    match (demand.s3_logs, demand.cloudwatch_logs) {
        (true, true) => Some("the endpoints of S3 and CloudWatch Logs"),
        (true, false) => Some("the endpoint of S3"),
        (false, true) => Some("the endpoint of CloudWatch Logs"),
        (false, false) => None,
    }
}

/// Whether there may be service control policies that are not among the facts.
pub(super) fn scps_unseen(facts: &Facts) -> bool {
    let unread = facts.organization.known().and_then(|organization| organization.policies_unread.as_ref());
    facts.scp_levels.is_none() || unread.is_some()
}

/// What AWS did not show of an instance: its metadata service, the id of the profile that it holds, its agent.
pub(super) fn unseen(instance: &Instance) -> [bool; 3] {
    [
        instance.metadata.as_ref().is_none_or(|options| options.http_endpoint.is_none()),
        instance.profile.as_ref().is_some_and(|profile| profile.id.is_none()),
        instance.agent.unreadable().is_some(),
    ]
}

/// What the verdict does not speak of either, for an instance of which this was [`unseen`]. `still_online` says whether its agent
/// is `Online` although something certainly keeps it out.
pub(super) fn not_checked_of_instance(
    unseen: [bool; 3],
    host_management_known: bool,
    still_online: bool,
) -> Vec<String> {
    let [metadata, profile_id, agent] = unseen;
    let lines = [
        (
            true,
            "credentials on the instance: the agent uses a hybrid registration first, and root's environment or \
             `/root/.aws/credentials` before the profile",
        ),
        (
            still_online,
            "whether sessions still open for a while: the agent is `Online` as of its last ping; credentials last for hours, and an open \
             control channel for up to an hour, after access is taken away",
        ),
        (!host_management_known, "Default Host Management Configuration: the setting was not read"),
        (metadata, "whether the instance metadata service is on: AWS did not show it"),
        (profile_id, "whether the profile was made again: AWS did not show the id that the instance holds"),
        (agent, "whether the SSM Agent runs, and its version: its state was not read"),
    ];
    lines.into_iter().filter(|(applies, _)| *applies).map(|(_, line)| line.to_owned()).collect()
}
