//! The session key and its policy.

use iam_eval::{NearMiss, StatementReference, UnknownReason};

use super::Words;
use super::phrases::{because, deny, dependencies, near_miss, statements};
use crate::command_line::Command;
use crate::facts::Unreadable;

const ALLOW_IN_KEY_POLICY: &str =
    "make sure that the key policy allows the account's root, or the role, to use the key";
const NAME_A_KEY: &str = "specify an existing key in the session preferences";

pub(super) fn other_partition(key: &str, key_partition: &str, partition: &str) -> Words {
    Words::new(
        format!("the KMS key `{key}` is in the partition `{key_partition}`, and the role is in `{partition}`"),
        "give a key of the same partition",
    )
}

pub(super) fn other_region(key: &str, key_region: &str, region: &str) -> Words {
    Words::new(
        format!(
            "the session key `{key}` is in {key_region}, but the agent calls AWS KMS in its own Region, {region}: sessions fail"
        ),
        format!("name a key of {region} in the session preferences of that Region"),
    )
}

pub(super) fn alias_not_resolved(alias: &str) -> Words {
    Words::new(format!("`{alias}` is an alias, and only AWS knows which key it refers to"), "give the key's ARN")
}

pub(super) fn not_resolved(key: &str, region: Option<&str>, by_preferences: bool) -> Words {
    let place = region.map(|region| format!(" in {region}")).unwrap_or_default();
    match by_preferences {
        true => Words::new(
            format!("there is no KMS key `{key}`{place}, and the session preferences name it: sessions end at once"),
            NAME_A_KEY,
        ),
        false => Words::new(
            format!(
                "there is no KMS key `{key}`{place}, so it cannot be determined which key the role must be allowed to use"
            ),
            "give the ARN of the key that the session preferences name",
        ),
    }
}

pub(super) fn missing(key: &str, by_preferences: bool, other_account: bool) -> Words {
    let message = format!("no KMS key `{key}` was found");
    match (by_preferences, other_account) {
        (true, true) => Words::new(
            format!(
                "{message}, and the session preferences name it; it belongs to another account and may exist without being visible"
            ),
            "make sure that the key exists, and that its policy allows this account",
        ),
        (true, false) => Words::new(format!("{message}; the session preferences name it"), NAME_A_KEY),
        (false, _) => {
            Words::new(message, "check the key's ARN; a key of another account may exist without being visible")
        }
    }
}

pub(super) fn state(key: &str, state: &str, ends_sessions: bool) -> Words {
    let command = |operation: Command| operation.option("--key-id", key);
    let remedy = match state {
        "Disabled" => format!("enable it: `{}`", command(Command::new("aws kms enable-key"))),
        "PendingDeletion" => {
            format!("cancel its deletion and enable it: `{}`", command(Command::new("aws kms cancel-key-deletion")))
        }
        _ if crate::report::is_documented_key_state(state) => {
            "check the state of the key, or use another key".to_owned()
        }
        _ => {
            return Words::new(
                format!("cannot determine whether the key `{key}` can be used: its state is `{state}`"),
                "check the state of the key",
            );
        }
    };
    let so = if ends_sessions { ", so sessions that it encrypts end at once" } else { "" };
    Words::new(format!("the key `{key}` is `{state}`{so}"), remedy)
}

pub(super) fn other_use(key: &str, setting: &str, value: &str, ends_sessions: bool) -> Words {
    let so = if ends_sessions { ", so sessions that it encrypts end at once" } else { "" };
    Words::new(
        format!("the `{setting}` of the key `{key}` is `{value}`, and only symmetric keys encrypt data keys{so}"),
        "use a key with `KeyUsage` `ENCRYPT_DECRYPT` and `KeySpec` `SYMMETRIC_DEFAULT`; neither of a key can be changed",
    )
}

pub(super) fn policy_invalid(key: &str) -> Words {
    Words::new(
        format!("the policy of the key `{key}` could not be parsed, or the role's ARN is not known"),
        ALLOW_IN_KEY_POLICY,
    )
}

pub(super) fn policy_denies(key: &str, by: &[StatementReference], action: &str) -> Words {
    Words::new(
        format!("{} of the key policy of `{key}` {} the role `{action}`", statements(by), deny(by)),
        "an explicit deny overrides any allow: narrow that statement of the key policy",
    )
}

pub(super) fn policy_does_not_allow(
    key: &str,
    action: &str,
    near: Option<&NearMiss>,
    names_deleted_role: bool,
) -> Words {
    let remedy = match names_deleted_role {
        true => "save the key policy again with the ARN of the role that exists now".to_owned(),
        false => format!("allow the role, or the root of its account, `{action}` in the key policy"),
    };
    Words::new(
        format!(
            "the policy of the key `{key}` neither allows the role nor delegates to the IAM policies of its account, so the \
             role's own permission has no effect{}",
            near_miss(near)
        ),
        remedy,
    )
}

pub(super) fn policy_unknown(key: &str, depends_on: &UnknownReason) -> Words {
    Words::new(
        format!(
            "cannot determine whether the policy of the key `{key}` allows the role to use it: it depends on {}",
            dependencies(depends_on)
        ),
        "provide the value with `--context`, or allow the role in the key policy without that condition",
    )
}

pub(super) fn policy_not_read(key: &str, other_account: Option<&str>, reason: Option<&Unreadable>) -> Words {
    let message = match other_account {
        Some(owner) => format!(
            "the key `{key}` belongs to account {owner}, and its policy could not be read; it must allow the role or its account"
        ),
        None => format!(
            "the key's own policy was not read{}; the role's permission has an effect only if that policy allows the account or names \
             the role",
            because(reason)
        ),
    };
    Words::new(message, ALLOW_IN_KEY_POLICY)
}
