//! What `fix` will not do, why, and what a person has to do instead.

use serde::Serialize;

use crate::command_line::{Command, structure};
use crate::facts::{Association, Instance, Subject};

/// Why nothing is changed for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The instance has no profile that could be mended, and no name for a new one was given.
    NeedsProfile,
    /// A role or profile of the name to create exists, and this tool did not make it.
    NameTaken,
    /// A document that would have to be changed cannot be understood.
    InvalidPolicy,
    /// Something else owns the role: infrastructure code, or another service.
    ManagedElsewhere,
    /// AWS does not let anybody edit the role.
    ReservedRole,
    /// The documents would be longer than IAM takes.
    QuotaExceeded,
    /// No change of the role can help: a deny, a boundary, an SCP, the instance itself.
    OutOfReach,
    /// Somebody changed it since the fix that is to be undone.
    ChangedSince,
    /// Something needed is not known, so that no change is certain to help.
    Unknown,
}

/// A target for which nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The target as in the report.
    pub target: String,
    /// Why.
    pub reason: Reason,
    /// What is the case.
    pub message: String,
    /// What a person has to do instead.
    pub remedy: String,
}

/// The command that shows all that is known of a target.
pub(super) fn check(target: &str) -> Command {
    Command::new("ssm-profile check -v").operand(target)
}

/// Something that the plan hangs on is not known.
pub(super) fn unknown(subject: &Subject, message: String) -> Refusal {
    let remedy = format!("see what is not known: `{}`", check(&subject.target));
    Refusal { target: subject.target.clone(), reason: Reason::Unknown, message, remedy }
}

/// Something that the plan hangs on could not be read.
pub(super) fn unread(subject: &Subject, api: &str, message: &str) -> Refusal {
    Refusal {
        target: subject.target.clone(),
        reason: Reason::Unknown,
        message: format!("`{api}` gave no answer: {message}"),
        remedy: format!("allow the caller `{api}`, and fix again"),
    }
}

/// A role of the name to create is somebody else's. `profile` is the profile that would hold it; `exists`, whether it is there.
pub(super) fn role_taken(subject: &Subject, name: &str, profile: &str, exists: bool) -> Refusal {
    let on_profile = |call| Command::new(call).option("--instance-profile-name", profile);
    let create = match exists {
        true => String::new(),
        false => format!("`{}`, then ", on_profile("aws iam create-instance-profile")),
    };
    let add = on_profile("aws iam add-role-to-instance-profile").option("--role-name", name);
    Refusal {
        target: subject.target.clone(),
        reason: Reason::NameTaken,
        message: format!("there is a role `{name}` that this tool did not make, or that holds more than it gives"),
        remedy: format!(
            "give another name with `--create-profile`; or, if the instance should have the permissions of this role, put it into \
             the profile yourself: {create}`{add}`"
        ),
    }
}

/// An instance profile of the name to create is somebody else's.
pub(super) fn profile_taken(subject: &Subject, name: &str, instance: &Instance) -> Refusal {
    let associate = match instance.association.known() {
        // An instance has one association at most.
        Some(Association { id, .. }) if instance.profile.is_some() => {
            Command::new("aws ec2 replace-iam-instance-profile-association").option("--association-id", id)
        }
        _ => Command::new("aws ec2 associate-iam-instance-profile").option("--instance-id", &instance.id),
    };
    let associate =
        associate.options("--region", &subject.region).option("--iam-instance-profile", structure("Name", name));
    let fix = Command::new("ssm-profile fix").operand(format!("profile/{name}"));
    Refusal {
        target: subject.target.clone(),
        reason: Reason::NameTaken,
        message: format!(
            "there is an instance profile `{name}` that this tool did not make, or that holds more than it gives"
        ),
        remedy: format!(
            "associate it: `{associate}`, and make its role ready: `{fix}`; or give another name with `--create-profile`"
        ),
    }
}

/// What gives an instance a profile.
pub(super) fn create_or_associate(subject: &Subject, instance: &Instance) -> String {
    let create = Command::new("ssm-profile fix").operand(&subject.target).and("--create-profile NAME");
    let associate = Command::new("aws ec2 associate-iam-instance-profile")
        .option("--instance-id", &instance.id)
        .and("--iam-instance-profile Name=NAME");
    format!("create one for it: `{create}`; or associate one that exists: `{associate}`")
}
