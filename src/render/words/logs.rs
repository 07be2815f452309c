//! Session preferences and session logs.

use iam_eval::{PolicySetKind, StatementReference, UnknownReason};

use super::phrases::{
    actions as in_words, because, deny, dependencies, near_miss, policy_of, statement, statements, unreadable,
};
use super::{Place, Words};
use crate::command_line::Command;
use crate::facts::{Unreadable, UnreadableKind};
use crate::report::{LogDestination, Obstacle, UnreadPolicy};

const LOST: &str = "sessions do not need it, but the logs that the session preferences require are lost";
const ALLOW: &str = "allow these actions in a policy of the role";

pub(super) fn preferences_unreadable(name: &str, reason: &Unreadable, place: &Place<'_>) -> Words {
    let Words { message, remedy } = unreadable(reason, place);
    let message = format!("cannot read the session preferences `{name}`: {message}");
    match reason.kind {
        UnreadableKind::NotInSnapshot => {
            let with = Command::default().option("--preferences", name);
            Words::new(message, format!("take the snapshot again with `{with}`"))
        }
        _ => Words::new(message, remedy),
    }
}

pub(super) fn preferences_invalid(name: &str, error: &str) -> Words {
    Words::new(
        format!("the session preferences `{name}` could not be parsed: {error}"),
        "correct the document; until then it is not known what sessions need beyond the core actions",
    )
}

pub(super) fn preferences_missing(name: &str) -> Words {
    Words::new(
        format!("there is no Session document `{name}` in this Region"),
        "check the name passed with `--preferences`",
    )
}

pub(super) fn denied(role: &str, actions: &[String], obstacle: &Obstacle) -> Words {
    let actions = in_words(actions);
    Words::new(format!("role `{role}` may not call {actions}: {LOST}{}", in_the_way(obstacle)), ALLOW)
}

pub(super) fn unknown(
    role: &str,
    actions: &[String],
    depends_on: &UnknownReason,
    unread: &[UnreadPolicy],
    obstacle: &Obstacle,
) -> Words {
    let unread = unread.iter().map(|UnreadPolicy { of, reason }| {
        UnknownReason::note(format!("{}, which was not read{}", policy_of(*of), because(reason.as_ref())))
    });
    let depends_on = unread.fold(depends_on.clone(), UnknownReason::merge);
    Words::new(
        format!(
            "cannot determine whether role `{role}` may call {}: it depends on {}; if not, {LOST}{}",
            in_words(actions),
            dependencies(&depends_on),
            in_the_way(obstacle)
        ),
        ALLOW,
    )
}

/// What keeps actions from being allowed, as the rest of a sentence.
fn in_the_way(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::DeniedBy(by) => format!("; {} denies it", statement(by)),
        Obstacle::Closed(gates) => {
            let of_gate = |gate: &crate::report::ClosedPolicySet| {
                let name = &gate.name;
                let who = match gate.gate {
                    // Only a deny closes a level of resource control policies.
                    PolicySetKind::Identity | PolicySetKind::Rcp => String::new(),
                    PolicySetKind::Boundary => format!("; the permissions boundary `{name}` does not allow it"),
                    PolicySetKind::Scp => format!("; the service control policies at `{name}` do not allow it"),
                    PolicySetKind::Resource => format!("; the policy of `{name}` does not allow it"),
                };
                who + &near_miss(gate.near_miss.as_ref())
            };
            gates.iter().map(of_gate).collect()
        }
    }
}

pub(super) fn destination_missing(destination: LogDestination, name: &str, must_be_encrypted: bool) -> Words {
    let what = match destination {
        LogDestination::Bucket => "bucket",
        LogDestination::LogGroup => "log group",
    };
    let message = match must_be_encrypted {
        true => format!(
            "there is no {what} `{name}`, and the session preferences require it to be encrypted: the agent ends every session"
        ),
        false => format!("there is no {what} `{name}`: sessions work, but their logs are lost"),
    };
    Words::new(message, format!("create the {what}, or specify another in the session preferences"))
}

pub(super) fn bucket_not_encrypted(bucket: &str, algorithm: Option<&str>) -> Words {
    let how = match algorithm {
        Some(algorithm) => format!(
            "the bucket `{bucket}` is encrypted with `{algorithm}`, which the agent does not accept as encryption"
        ),
        None => format!("the bucket `{bucket}` has no default encryption"),
    };
    Words::new(
        format!("{how}, and the session preferences require an encrypted bucket: the agent ends every session"),
        "set the bucket's default encryption to `AES256` or `aws:kms`, or disable `s3EncryptionEnabled` in the session preferences",
    )
}

pub(super) fn log_group_not_encrypted(log_group: &str) -> Words {
    let associate = Command::new("aws logs associate-kms-key")
        .option("--log-group-name", log_group)
        .option("--kms-key-id", "KEY_ARN");
    Words::new(
        format!(
            "the log group `{log_group}` is not encrypted with a KMS key, and the session preferences require an encrypted log group: the \
             agent ends every session"
        ),
        format!("associate a key, `{associate}`, or disable `cloudWatchEncryptionEnabled` in the session preferences"),
    )
}

pub(super) fn bucket_policy_invalid(bucket: &str) -> Words {
    Words::new(
        format!("the policy of the bucket `{bucket}` could not be parsed, or the role's ARN is not known"),
        "correct the bucket policy; until then it is not known what it denies",
    )
}

fn consequence(only_logs: bool) -> &'static str {
    if only_logs { ": sessions do not need it, but their logs are lost" } else { "" }
}

pub(super) fn bucket_policy_denies(bucket: &str, by: &[StatementReference], action: &str, only_logs: bool) -> Words {
    Words::new(
        format!(
            "{} of the policy of the bucket `{bucket}` {} the role `{action}`{}",
            statements(by),
            deny(by),
            consequence(only_logs)
        ),
        "an explicit deny overrides any allow: narrow that statement of the bucket policy, or exclude the role",
    )
}

pub(super) fn bucket_policy_unknown(bucket: &str, action: &str, depends_on: &UnknownReason, only_logs: bool) -> Words {
    Words::new(
        format!(
            "cannot determine whether the policy of the bucket `{bucket}` denies the role `{action}`: it depends on {}{}",
            dependencies(depends_on),
            consequence(only_logs)
        ),
        "provide the value with `--context`, or exclude the role from that statement of the bucket policy",
    )
}
