//! Phrases that several sentences share, and what could not be read.

use std::collections::BTreeSet;

use iam_eval::{FailedKey, NearMiss, PolicyKind, PolicySetKind, RuledOutBy, StatementReference, UnknownReason};

use super::{Place, Words};
use crate::facts::{Unreadable, UnreadableKind};
use crate::report::{NotRead, ResourceKind};

/// The channel actions, which mostly come together: `needs::CHANNEL_ACTIONS`.
const CHANNEL_ACTIONS: [&str; 4] = [
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
];

/// A policy by its kind and name.
pub(super) fn policy(kind: PolicyKind, name: &str) -> String {
    match kind {
        PolicyKind::Inline => format!("the inline policy `{name}`"),
        PolicyKind::Managed => format!("the managed policy `{name}`"),
        PolicyKind::Boundary => format!("the permissions boundary `{name}`"),
        PolicyKind::Scp => format!("the service control policy `{name}`"),
        PolicyKind::Rcp => format!("the resource control policy `{name}`"),
        PolicyKind::Document => format!("`{name}`"),
    }
}

/// A statement by its place in its policy.
pub(super) fn statement(by: &StatementReference) -> String {
    format!("statement {} of {}", number(by), policy(by.kind, &by.policy))
}

fn number(by: &StatementReference) -> String {
    let sid = by.sid.as_ref().map(|sid| format!(" (Sid `{sid}`)")).unwrap_or_default();
    format!("{}{sid}", by.index)
}

/// `statement 1 (Sid `x`)`, or several of one policy.
pub(super) fn statements(statements: &[StatementReference]) -> String {
    let all: Vec<String> = statements.iter().map(number).collect();
    format!("{} {}", if all.len() == 1 { "statement" } else { "statements" }, listed(&all))
}

/// The actions, the four channel actions as one where they come together.
pub(super) fn actions<'a>(actions: impl IntoIterator<Item = &'a String>) -> String {
    let mut unique: BTreeSet<&str> = actions.into_iter().map(String::as_str).collect();
    let channels = CHANNEL_ACTIONS.iter().all(|action| unique.contains(action));
    if channels {
        unique.retain(|action| !CHANNEL_ACTIONS.contains(action));
    }
    let mut words: Vec<String> = unique.iter().map(|action| format!("`{action}`")).collect();
    if channels {
        words.push("the four `ssmmessages` channel actions".to_owned());
    }
    listed(&words)
}

/// The verb behind [`statements`].
pub(super) fn deny(statements: &[StatementReference]) -> &'static str {
    if statements.len() == 1 { "denies" } else { "deny" }
}

/// What an unknown answer depends on.
pub(super) fn dependencies(depends_on: &UnknownReason) -> String {
    let keys = depends_on.keys.iter().map(|key| format!("`{key}`"));
    listed(&keys.chain(depends_on.notes.iter().cloned()).collect::<Vec<_>>())
}

/// `a, b and c`.
pub(super) fn listed(items: &[String]) -> String {
    match items {
        [] => "an unnamed condition".to_owned(),
        [one] => one.clone(),
        [start @ .., last] => format!("{} and {last}", start.join(", ")),
    }
}

/// The policy of a resource.
pub(super) fn policy_of(resource: ResourceKind) -> &'static str {
    match resource {
        ResourceKind::Key => "the key policy",
        ResourceKind::Bucket => "the bucket policy",
        ResourceKind::Role => "the trust policy of the role",
        ResourceKind::Other => "the policy of the resource",
    }
}

/// Why something was not read, in parentheses.
pub(super) fn because(reason: Option<&Unreadable>) -> String {
    reason.map(|reason| format!(" (`{}`: {})", reason.api, reason.message)).unwrap_or_default()
}

/// The allow that just missed, as the rest of a sentence.
pub(super) fn near_miss(miss: Option<&NearMiss>) -> String {
    let Some(NearMiss { statement: by, ruled_out_by }) = miss else { return String::new() };
    let which = match by.gate {
        PolicySetKind::Boundary | PolicySetKind::Resource => format!("its statement {}", number(by)),
        PolicySetKind::Identity | PolicySetKind::Scp | PolicySetKind::Rcp => statement(by),
    };
    let why = match ruled_out_by {
        RuledOutBy::Condition(keys) => {
            let names: Vec<String> = keys.iter().map(|failed| format!("`{}`", failed.key)).collect();
            let never: Vec<String> = keys.iter().filter_map(never_sent).collect();
            let never = if never.is_empty() { String::new() } else { format!(" ({})", never.join("; ")) };
            format!("has a condition on {} that does not hold{never}", listed(&names))
        }
        RuledOutBy::Alias => "names an alias, which grants nothing: use the key's ARN".to_owned(),
        RuledOutBy::DeletedPrincipal(id) => format!("names `{id}`, the ID of a role or user that was deleted"),
        RuledOutBy::Resource => "applies to other resources".to_owned(),
    };
    format!("; {which} {why}")
}

/// That a key is not in the request, and the key that is there for the same purpose.
/// See [AWS global condition context keys](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
fn never_sent(failed: &FailedKey) -> Option<String> {
    let FailedKey { key, absent: true } = failed else { return None };
    let instead = match key.to_ascii_lowercase().as_str() {
        // Documented as absent where the credentials come from an instance profile.
        "ssm:sourceinstancearn" => "; with an instance profile the key is `ec2:SourceInstanceARN`",
        // The instance stands behind the call, and no other resource.
        "aws:sourcearn" => "; the instance is in `ec2:SourceInstanceARN`",
        "aws:sourceaccount" => "; the account of the role is in `aws:PrincipalAccount`",
        "aws:sourceorgid" => "; the organization of the role is in `aws:PrincipalOrgID`",
        "aws:sourceorgpaths" => "; the path of the role's account is in `aws:PrincipalOrgPaths`",
        "aws:username" => "; the role is in `aws:PrincipalArn`",
        "aws:principalservicename" | "aws:principalservicenameslist" => "; only calls of AWS services include it",
        "kms:viaservice" => "; the agent calls KMS itself",
        _ => "",
    };
    Some(format!("these requests never include `{key}`{instead}"))
}

/// Something that could not be read.
pub(super) fn unreadable(reason: &Unreadable, place: &Place<'_>) -> Words {
    let Unreadable { api, kind, message } = reason;
    match kind {
        UnreadableKind::Denied => Words::new(
            format!("the caller may not call `{api}`: {message}"),
            format!("allow the caller the IAM action `{api}`"),
        ),
        UnreadableKind::Throttled => Words::new(
            format!("`{api}` was throttled, and the retries were exhausted: {message}"),
            "wait and check again, or increase `AWS_MAX_ATTEMPTS`",
        ),
        UnreadableKind::Credentials => Words::new(
            format!("`{api}` had no valid credentials: {message}"),
            "renew the credentials, for example with `aws sso login` or `aws configure`, or pass `--profile`",
        ),
        UnreadableKind::Network | UnreadableKind::Response => Words::new(
            format!("`{api}` returned no usable response: {message}"),
            "check the network, the Region and `--endpoint-url`, and try again",
        ),
        UnreadableKind::OtherPath => Words::new(message, "pass the full ARN"),
        UnreadableKind::OtherAccount => {
            Words::new(message, "use credentials of that account, for example with `--profile`")
        }
        UnreadableKind::NotInSnapshot => {
            Words::new(message, "take the snapshot again with the same options, or provide what is missing")
        }
        UnreadableKind::NotInPlan => {
            let it = if place.in_template { "template" } else { "plan" };
            // The message names the parameter that has no value.
            let value = match message.split('`').find(|word| word.starts_with("--parameter ")) {
                Some(parameter) => format!("give the parameter a value: `{parameter}`"),
                None => format!("give it a value that the {it} knows"),
            };
            Words::new(
                message,
                format!(
                    "{value}, or check what exists already in its account, for example `ssm-profile check profile/NAME`"
                ),
            )
        }
        UnreadableKind::Unsupported | UnreadableKind::Service | UnreadableKind::Other => {
            Words::new(format!("`{api}` failed: {message}"), "see the error from AWS, and try again")
        }
    }
}

/// Something that could not be read and decides nothing by itself.
pub(super) fn not_read(what: NotRead, reason: &Unreadable, place: &Place<'_>) -> Words {
    let what = match what {
        NotRead::Agent => "cannot determine the agent's state",
        NotRead::SessionPreferences => "cannot determine the session preferences",
        NotRead::HostManagement => "cannot determine whether Default Host Management Configuration is enabled",
    };
    let Words { message, remedy } = unreadable(reason, place);
    Words::new(format!("{what}: {message}"), remedy)
}

/// The form of `--emit` that whoever manages a role takes.
pub fn form_of(owner: &str) -> &'static str {
    // Elastic Beanstalk and Service Catalog make their roles by CloudFormation.
    let of_cloudformation = ["CloudFormation", "CDK", "Elastic Beanstalk", "Service Catalog"];
    let of_terraform = ["Terraform", "Terragrunt", "OpenTofu"];
    let names = |tools: &[&str]| tools.iter().any(|tool| owner.contains(tool));
    match () {
        () if names(&of_cloudformation) => "cloudformation",
        () if names(&of_terraform) => "terraform",
        () => "cli",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn miss(gate: PolicySetKind, ruled_out_by: RuledOutBy) -> NearMiss {
        let (kind, policy, sid) = (PolicyKind::Inline, "p".to_owned(), Some("Third".to_owned()));
        NearMiss { statement: StatementReference { gate, kind, policy, sid, index: 2 }, ruled_out_by }
    }

    #[test]
    fn an_allow_that_just_missed_is_named_with_its_reason() {
        for (gate, ruled_out_by, expected) in [
            (
                PolicySetKind::Identity,
                RuledOutBy::Alias,
                "; statement 2 (Sid `Third`) of the inline policy `p` names an alias, which grants nothing: use the key's ARN",
            ),
            (
                PolicySetKind::Boundary,
                RuledOutBy::Resource,
                "; its statement 2 (Sid `Third`) applies to other resources",
            ),
        ] {
            assert_eq!(near_miss(Some(&miss(gate, ruled_out_by))), expected);
        }
        assert_eq!(near_miss(None), "");
    }

    /// The pages of the global condition keys and of the condition keys of EC2 and Systems Manager say which keys a request of an
    /// instance's role carries.
    #[test]
    fn a_key_that_is_never_sent_is_said_with_the_one_that_is() {
        for (key, instead) in [
            ("ssm:SourceInstanceARN", "`ec2:SourceInstanceARN`"),
            ("AWS:SourceArn", "`ec2:SourceInstanceARN`"),
            ("aws:SourceAccount", "`aws:PrincipalAccount`"),
            ("aws:PrincipalServiceName", "only calls of AWS services"),
            ("aws:Referer", "never include `aws:Referer`)"),
        ] {
            let on = |absent| RuledOutBy::Condition(vec![FailedKey { key: key.to_owned(), absent }]);
            let said = near_miss(Some(&miss(PolicySetKind::Identity, on(true))));
            assert!(said.contains(&format!("never include `{key}`")) && said.contains(instead), "{said}");
            assert!(!near_miss(Some(&miss(PolicySetKind::Identity, on(false)))).contains("never"), "{key}");
        }
    }

    #[test]
    fn the_channel_actions_are_those_that_are_needed() {
        assert_eq!(CHANNEL_ACTIONS, crate::needs::CHANNEL_ACTIONS);
    }
}
