//! The chain that credentials take: instance, metadata, association, profile, role.
//!
//! Source: [Use an IAM role to grant permissions to applications on EC2](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2.html).

use crate::command_line::{Command, structure};
use crate::facts::{Fact, Facts, Instance, InstanceProfile, Settings, Subject};
use crate::report::{AgentSummary, Code, Finding, InstanceSummary, Outcome, ProfileSummary, Verdict};

use super::explain;
use super::words::{error, warning};

/// An instance, and where it is: what a command about it must say.
#[derive(Clone, Copy)]
pub(super) struct Located<'a> {
    pub instance: &'a Instance,
    pub region: Option<&'a str>,
}

impl Located<'_> {
    /// The command with its id, and the flag that names its Region, where that is known.
    fn command(&self, words: &'static str) -> Command {
        self.with_region(Command::new(words).operand(&self.instance.id))
    }

    fn with_region(&self, command: Command) -> Command {
        command.options("--region", self.region)
    }

    fn create_profile(&self) -> Command {
        self.command("ssm-profile fix").and("--create-profile NAME")
    }
}

/// An outcome that says whom it is about and nothing else yet.
pub(super) fn outcome_of(subject: &Subject, instance: Option<&Instance>) -> Outcome {
    let attached = instance.and_then(|instance| instance.profile.as_ref());
    Outcome {
        target: subject.target.clone(),
        account: subject.account.clone(),
        region: subject.region.clone(),
        instance: instance.map(|instance| InstanceSummary {
            id: instance.id.clone(),
            name: instance.name.clone(),
            state: Some(instance.state.clone()),
        }),
        instance_profile: attached
            .map(|attached| ProfileSummary { arn: Some(attached.arn.clone()), id: attached.id.clone() }),
        role: None,
        host_management_role: None,
        agent: instance.and_then(|instance| match &instance.agent {
            Fact::Known(agent) => Some(AgentSummary { ping: agent.ping.clone(), version: agent.version.clone() }),
            Fact::Absent => Some(AgentSummary { ping: None, version: None }),
            Fact::Unreadable(_) => None,
        }),
        trust: None,
        verdict: Verdict::Unknown,
        permissions: Vec::new(),
        simulation: Vec::new(),
        findings: Vec::new(),
        not_checked: Default::default(),
    }
}

pub(super) fn profile_summary(profile: &InstanceProfile) -> ProfileSummary {
    ProfileSummary { arn: Some(profile.arn.clone()), id: Some(profile.id.clone()) }
}

/// Whether the instance is gone for good, or about to be.
pub(super) fn is_terminated(instance: &Instance) -> bool {
    matches!(instance.state.as_str(), "terminated" | "shutting-down")
}

pub(super) fn instance_terminated(instance: &Instance) -> Finding {
    error(
        Code::InstanceTerminated,
        format!("the instance is {}", instance.state),
        "launch another instance; a terminated one does not come back",
    )
}

/// By the contract a target that does not exist is unknown, not unready: the id may be mistyped, or elsewhere.
pub(super) fn instance_not_found(subject: &Subject) -> Finding {
    let region = subject.region.as_deref().unwrap_or("this Region");
    warning(
        Code::InstanceNotFound,
        format!("there is no instance `{}` in {region}, as far as these facts show", subject.target),
        "check the id, the Region (`--region`) and the account (`--profile`)",
        true,
    )
}

/// What keeps the instance from having credentials at all, whichever way its agent goes.
pub(super) fn around(located: Located<'_>) -> Vec<Finding> {
    metadata(located).into_iter().chain(not_running(located)).collect()
}

/// A role can be judged without the agent running; only an unknown state leaves open whether there is an agent at all.
fn not_running(located: Located<'_>) -> Option<Finding> {
    let Located { instance, .. } = located;
    let start = format!("`{}`", located.command("aws ec2 start-instances --instance-ids"));
    let remedy = match instance.state.as_str() {
        "running" => return None,
        "pending" => "wait until it runs".to_owned(),
        "stopping" => format!("wait until it is stopped, then start it: {start}"),
        _ => format!("start it: {start}"),
    };
    let state = &instance.state;
    let known = matches!(state.as_str(), "pending" | "stopping" | "stopped");
    let message = match known {
        true => format!("the instance is {state}, so its agent does not run; the verdict is about its profile"),
        false => format!("the instance's state is `{state}`, which says nothing"),
    };
    Some(warning(Code::InstanceNotRunning, message, remedy, !known))
}

/// See [Configure the instance metadata options](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html).
fn metadata(located: Located<'_>) -> Option<Finding> {
    let Located { instance, .. } = located;
    let options = instance.metadata.as_ref()?;
    let pending = options.state.as_deref() == Some("pending");
    let enable =
        located.command("aws ec2 modify-instance-metadata-options --instance-id").and("--http-endpoint enabled");
    match options.http_endpoint.as_deref() {
        // Until the change is effective the service may still be on; on a stopped instance it is when that starts.
        Some("disabled") if pending && instance.state == "running" => Some(warning(
            Code::MetadataDisabled,
            "the instance metadata service is being switched off: without it the instance gets no credentials",
            format!("switch it on again: `{enable}`"),
            true,
        )),
        Some("disabled") => Some(error(
            Code::MetadataDisabled,
            "the instance metadata service is switched off: the instance gets no credentials of any role",
            format!("switch it on: `{enable}`"),
        )),
        // On a stopped instance the change applies when it starts.
        Some("enabled") if pending => Some(warning(
            Code::MetadataDisabled,
            "a change of the metadata options is pending: the service may still be switched off",
            "wait, or start the instance if it is stopped; then check again",
            instance.state == "running",
        )),
        _ => None,
    }
}

/// See [Default Host Management Configuration](https://docs.aws.amazon.com/systems-manager/latest/userguide/fleet-manager-default-host-management-configuration.html)
/// for what an instance without a profile can still have.
pub(super) fn association(located: Located<'_>) -> Option<Finding> {
    let Located { instance, .. } = located;
    match (&instance.profile, &instance.association) {
        (Some(_), Fact::Unreadable(reason)) => Some(explain::unreadable(reason)),
        (Some(_), Fact::Absent) => None,
        // The two were read a moment apart: something changed in between.
        (None, Fact::Known(association)) if association.state == "associated" => {
            Some(disagreement("the instance shows no profile, and its association with one is `associated`".to_owned()))
        }
        (None, Fact::Known(association)) if association.state != "disassociated" => {
            Some(pending(located, &association.state, ", and the instance does not show a profile"))
        }
        (None, _) => Some(error(
            Code::NoInstanceProfile,
            "the instance has no instance profile",
            format!(
                "create one: `{}`; or associate one whose role has the permissions: `{}`",
                located.create_profile(),
                associate(located, "NAME")
            ),
        )),
        (Some(_), Fact::Known(association)) if association.state != "associated" => {
            Some(pending(located, &association.state, ""))
        }
        (Some(profile), Fact::Known(association)) => {
            association.profile_arn.as_ref().filter(|arn| **arn != profile.arn).map(|arn| {
                disagreement(format!("the instance shows one profile, and is `associated` with another, `{arn}`"))
            })
        }
    }
}

fn disagreement(message: String) -> Finding {
    warning(Code::AssociationPending, message, "its profile is just being changed; check again", true)
}

fn pending(located: Located<'_>, state: &str, what: &str) -> Finding {
    match state {
        "associating" => error(
            Code::AssociationPending,
            format!("the association of the instance with its profile is `{state}`{what}"),
            "wait for it to become `associated`, usually within a minute, and check again",
        ),
        "disassociating" | "disassociated" => error(
            Code::AssociationPending,
            format!("the instance's profile is being taken away: the association is `{state}`{what}"),
            format!(
                "once it is gone, associate a profile again: `{}`",
                associate(located, associated_profile(located.instance).unwrap_or("NAME"))
            ),
        ),
        _ => warning(
            Code::AssociationPending,
            format!(
                "AWS did not say in words that are known how the association of the instance stands: `{state}`{what}"
            ),
            "check again",
            true,
        ),
    }
}

/// The name of the profile that the instance's association is with.
fn associated_profile(instance: &Instance) -> Option<&str> {
    instance.association.known()?.profile_arn.as_deref()?.rsplit('/').next()
}

fn associate(located: Located<'_>, profile: &str) -> Command {
    located
        .command("aws ec2 associate-iam-instance-profile --instance-id")
        .option("--iam-instance-profile", structure("Name", profile))
}

/// The call that gives an instance another profile in place of the one that it has.
fn replace(located: Located<'_>, profile: &str) -> Command {
    let id = located.instance.association.known().map_or("ID", |association| association.id.as_str());
    let replace = Command::new("aws ec2 replace-iam-instance-profile-association").option("--association-id", id);
    located.with_region(replace).option("--iam-instance-profile", structure("Name", profile))
}

/// The profile that an instance holds was deleted.
pub(super) fn profile_missing(name: &str, located: Located<'_>) -> Finding {
    error(
        Code::InstanceProfileMissing,
        format!("the instance's profile `{name}` was deleted: the instance gets no credentials"),
        format!(
            "create one: `{}`; or associate one that exists: `{}`",
            located.create_profile(),
            replace(located, "NAME")
        ),
    )
}

/// A profile or role that was named does not exist: the code for any missing target, and the one for what is missing. `other` is
/// the target that has this name, and is of the other kind, if there is one.
pub(super) fn no_such_target(code: Code, what: &str, name: &str, other: Option<&str>) -> Vec<Finding> {
    let remedy = match other {
        Some(other) => format!("check `{other}`, which exists; or check the name and the account (`--profile`)"),
        None => "check the name (without a path) and the account (`--profile`)".to_owned(),
    };
    let missing = |code, message: String| warning(code, message, remedy.clone(), true);
    vec![
        missing(code, format!("there is no {what} `{name}` in this account")),
        missing(Code::InstanceNotFound, "the target does not exist, as far as these facts show".to_owned()),
    ]
}

/// A profile or role that was named did not come along in the snapshot, so it may exist or not.
pub(super) fn target_not_in_snapshot(what: &str, name: &str) -> Finding {
    warning(
        Code::InstanceNotFound,
        format!("the snapshot holds no {what} `{name}`"),
        "check the name (without a path), or take the snapshot again with this target",
        true,
    )
}

/// A profile that was deleted and made again has a new id, and the instance still holds the old one.
/// See [Using instance profiles](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2_instance-profiles.html).
pub(super) fn profile_stale(profile: &InstanceProfile, located: Located<'_>) -> Option<Finding> {
    let held = located.instance.profile.as_ref()?.id.as_ref().filter(|held| **held != profile.id)?;
    let InstanceProfile { name, id, .. } = profile;
    Some(error(
        Code::InstanceProfileStale,
        format!(
            "the profile `{name}` was deleted and made again: the instance holds `{held}`, the profile is now `{id}`, \
             and the instance gets no credentials"
        ),
        format!("associate it again: `{}`, or `{}`", located.command("ssm-profile fix"), replace(located, name)),
    ))
}

pub(super) fn profile_empty(profile: &InstanceProfile) -> Finding {
    let name = &profile.name;
    let fix = Command::new("ssm-profile fix").operand(format!("profile/{name}"));
    let add = Command::new("aws iam add-role-to-instance-profile")
        .option("--instance-profile-name", name)
        .and("--role-name ROLE");
    error(
        Code::InstanceProfileEmpty,
        format!("the profile `{name}` holds no role"),
        format!("create one for it: `{fix}`; or add one that exists: `{add}`"),
    )
}

/// No instance can use a role that no instance profile holds, unless host management does.
pub(super) fn role_without_profile(facts: &Facts, key: &str, name: &str) -> Option<Finding> {
    let unused = facts.profiles_of_roles.get(key)?.known()?.is_empty();
    let of_host_management = |settings: &Settings| {
        settings.host_management.known().is_some_and(|path| path.rsplit('/').next() == Some(name))
    };
    if !unused || facts.settings.values().any(of_host_management) {
        return None;
    }
    let on_profile = |call| Command::new(call).option("--instance-profile-name", name);
    let create = on_profile("aws iam create-instance-profile");
    let add = on_profile("aws iam add-role-to-instance-profile").option("--role-name", name);
    Some(warning(
        Code::NoInstanceProfile,
        format!("no instance profile holds the role `{name}`, so no instance can use it"),
        format!("create a profile for it: `{create}`, then `{add}`"),
        false,
    ))
}

/// The role that a profile holds does not exist.
pub(super) fn role_missing(name: &str) -> Finding {
    error(
        Code::RoleMissing,
        format!("the role `{name}` of the profile does not exist"),
        "put a role that exists into the profile",
    )
}
