//! From what a role lacks to the statements that grant it, and nothing more.
//!
//! The form of the statements is the one of
//! [Adding Session Manager permissions to an existing instance profile](https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-add-permissions-to-existing-profile.html).

use crate::diagnose::Answers;
use crate::needs::{CHANNEL_ACTIONS, GET_ENCRYPTION_CONFIGURATION, Need, UPDATE_INSTANCE_INFORMATION};
use crate::report::NeededFor;
use iam_eval::{Decision, PolicySetKind, Resource, Response};

use super::document::NewStatement;

/// What kind of statement a grant becomes part of, in the order in which they stand in a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Channels,
    EncryptionOfBuckets,
    Key,
    Heartbeat,
    S3Logs,
    CloudwatchLogs,
    Custom,
}

/// A need for which no statement can be written, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CannotGrant {
    /// The action.
    pub action: String,
    /// What is not known, or cannot be written.
    pub why: WhyNotGranted,
}

/// Why no statement can be written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhyNotGranted {
    /// There is nothing to grant.
    NothingNeeded,
    /// The ARN of the key is not known.
    KeyNotKnown,
    /// A policy would take this resource for a pattern.
    NotLiteral(String),
}

/// Whether the role's own policies leave the need open, so that a statement of theirs could close it.
///
/// A condition on a key that is not known is somebody's intention and is left alone; only what AWS does not document is
/// settled by a statement that it does.
pub fn lacks(need: &Need, response: &Response) -> bool {
    match response.decision {
        Decision::Allowed => false,
        Decision::Unknown => response.doubt.keys.is_empty() && !response.doubt.notes.is_empty() && !need.unresolved,
        Decision::ImplicitDeny | Decision::ExplicitDeny => {
            response.stopped_by().any(|(kind, _)| *kind == PolicySetKind::Identity)
        }
    }
}

/// The statements that grant what the role lacks. Unless it shall be the `least`, the channel actions come together, and with
/// `s3:GetEncryptionConfiguration`, as in the
/// [policy of the user guide](https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-add-permissions-to-existing-profile.html).
///
/// # Errors
/// The first need whose resource is not known in full.
pub fn statements(answers: &Answers, least: bool) -> Result<Vec<NewStatement>, CannotGrant> {
    let lacking: Vec<&Need> =
        answers.needs.iter().filter(|(need, response)| lacks(need, response)).map(|(need, _)| need).collect();
    let mut grants: Vec<(Group, String, String)> = Vec::new();
    let channels = lacking.iter().filter(|need| group_of(need) == Group::Channels);
    if least {
        grants.extend(channels.map(|need| (Group::Channels, "*".to_owned(), need.action.clone())));
    } else if channels.count() > 0 {
        grants.extend(CHANNEL_ACTIONS.map(|action| (Group::Channels, "*".to_owned(), action.to_owned())));
        let (need, response) = &answers.encryption_of_any_bucket;
        if lacks(need, response) {
            grants.push((Group::EncryptionOfBuckets, "*".to_owned(), GET_ENCRYPTION_CONFIGURATION.to_owned()));
        }
    }
    let any_bucket = grants.iter().any(|(group, ..)| *group == Group::EncryptionOfBuckets);
    for need in lacking {
        let group = group_of(need);
        let of_any_bucket = any_bucket && need.action.eq_ignore_ascii_case(GET_ENCRYPTION_CONFIGURATION);
        if group == Group::Channels || of_any_bucket {
            continue;
        }
        let resource = resource_of(need)?;
        // What is required may be what another need is granted already.
        let same =
            |(_, on, action): &(Group, String, String)| *on == resource && action.eq_ignore_ascii_case(&need.action);
        if !grants.iter().any(same) {
            grants.push((group, resource, need.action.clone()));
        }
    }
    grants.sort_by_key(|(group, ..)| *group);
    let mut statements: Vec<(Group, String, Vec<String>)> = Vec::new();
    for (group, resource, action) in grants {
        match statements.iter_mut().find(|(other, on, _)| *other == group && *on == resource) {
            Some((_, _, actions)) => actions.push(action),
            None => statements.push((group, resource, vec![action])),
        }
    }
    let statement = |(_, resource, actions)| NewStatement::on_resource(actions, resource);
    Ok(statements.into_iter().map(statement).collect())
}

/// The statements of a policy that grants everything that is needed, for a role that has nothing yet.
///
/// # Errors
/// The first need whose resource is not known in full.
pub fn whole(needs: &[Need]) -> Result<Vec<NewStatement>, CannotGrant> {
    let nothing = closed();
    let answers = Answers {
        needs: needs.iter().map(|need| (need.clone(), nothing.clone())).collect(),
        encryption_of_any_bucket: (
            Need {
                action: GET_ENCRYPTION_CONFIGURATION.to_owned(),
                ..needs.first().cloned().ok_or_else(nothing_needed)?
            },
            nothing,
        ),
        trust: None,
    };
    statements(&answers, false)
}

fn nothing_needed() -> CannotGrant {
    CannotGrant { action: String::new(), why: WhyNotGranted::NothingNeeded }
}

/// The answer of policies that say nothing of a need.
fn closed() -> Response {
    Response {
        decision: Decision::ImplicitDeny,
        decided_by: Vec::new(),
        closed: vec![(PolicySetKind::Identity, String::new())],
        closed_in_some: Vec::new(),
        near_misses: Vec::new(),
        doubt: Default::default(),
    }
}

fn group_of(need: &Need) -> Group {
    match need.needed_for {
        NeededFor::Core if need.action == UPDATE_INSTANCE_INFORMATION => Group::Heartbeat,
        NeededFor::Core => Group::Channels,
        NeededFor::Kms => Group::Key,
        NeededFor::S3Logs => Group::S3Logs,
        NeededFor::CloudwatchLogs => Group::CloudwatchLogs,
        NeededFor::Custom => Group::Custom,
    }
}

/// The `Resource` of the statement that grants a need.
fn resource_of(need: &Need) -> Result<String, CannotGrant> {
    let cannot = |why| Err(CannotGrant { action: need.action.clone(), why });
    // As the user guide grants it: instances come and go, and the role stays.
    if need.needed_for == NeededFor::Core && need.action == UPDATE_INSTANCE_INFORMATION {
        return Ok("*".to_owned());
    }
    match &need.resource {
        Resource::WildcardOnly { .. } | Resource::ShownAs(_) => Ok("*".to_owned()),
        // With `:*` an ARN of a log group stands for the group and its streams:
        // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
        Resource::LogGroup { bare, .. } => Ok(format!("{bare}:*")),
        Resource::Arn(text) if need.needed_for == NeededFor::CloudwatchLogs => {
            let stream = text.to_string();
            Ok(stream.strip_suffix(":log-stream:*").map_or(stream.clone(), |group| format!("{group}:*")))
        }
        Resource::Arn(text) if need.needed_for == NeededFor::Kms => match text.as_known() {
            Some(arn) if !need.unresolved => Ok(arn.to_owned()),
            _ => cannot(WhyNotGranted::KeyNotKnown),
        },
        Resource::Arn(text) => {
            let resource = text.to_string();
            // In a policy these would be a variable and wildcards, and mean more than was asked for. A `*` that was required
            // stands for any, and so does the one at the end of the keys of logs.
            let literally = match need.needed_for {
                NeededFor::S3Logs => !resource.strip_suffix("/*").unwrap_or(&resource).contains(['$', '?', '*']),
                _ => !resource.contains(['$', '?']),
            };
            if literally { Ok(resource) } else { cannot(WhyNotGranted::NotLiteral(resource)) }
        }
    }
}
