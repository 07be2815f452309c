//! The target, and the chain from the instance to its role.

use iam_eval::arn::{is_iam_name, is_instance_id};

use super::{Place, Words};
use crate::command_line::{Command, structure};
use crate::report::{MetadataState, TargetKind, is_documented_instance_state};

pub(super) fn instance_not_found(place: &Place<'_>) -> Words {
    let place_of_it = place.region().map(|region| format!(" in {region}")).unwrap_or_default();
    let target = place.target();
    Words::new(format!("no instance `{target}` was found{place_of_it}"), check_the_target(target))
}

/// What to look at again where no instance was found, by the form of what was typed.
fn check_the_target(target: &str) -> String {
    const IN_PLACE: &str = "the Region (`--region`) and the account (`--profile`)";
    if target.starts_with("arn:") {
        "check the ID, the Region and the account in the ARN".to_owned()
    } else if is_instance_id(target) {
        format!("check the ID, {IN_PLACE}")
    } else if target.contains('*') {
        let select = Command::default().option("--tag", format!("Name={target}"));
        format!("a target names one instance; select those whose names match with `{select}`")
    } else if is_iam_name(target, 64) {
        format!("check the tag `Name`, {IN_PLACE}; {}", other_forms(target))
    } else {
        format!("check the tag `Name`, {IN_PLACE}")
    }
}

pub(super) fn instance_terminated(state: &str) -> Words {
    Words::new(
        format!("the instance is {state}"),
        "launch another instance; a terminated instance cannot be started again",
    )
}

pub(super) fn instance_not_running(state: &str, place: &Place<'_>) -> Words {
    let start = || place.in_region(Command::new("aws ec2 start-instances").option("--instance-ids", place.instance()));
    let remedy = match state {
        "pending" => "wait until it is running".to_owned(),
        "stopping" => format!("wait until it is stopped, then start it: `{}`", start()),
        _ => format!("start it: `{}`", start()),
    };
    let message = match is_documented_instance_state(state) {
        true => format!("the instance is {state}, so its agent is not running; the verdict covers only its profile"),
        false => format!("cannot determine whether the instance is running: its state is `{state}`"),
    };
    Words::new(message, remedy)
}

fn noun(target: TargetKind) -> &'static str {
    match target {
        TargetKind::Profile => "instance profile",
        TargetKind::Role => "role",
        TargetKind::Instance => "instance",
    }
}

fn check_the_name(target: TargetKind, name: &str, exists_as_other: bool, place: &Place<'_>) -> String {
    let is_arn = place.target().starts_with("arn:");
    let other = match target {
        TargetKind::Profile => Some("role"),
        TargetKind::Role => Some("profile"),
        TargetKind::Instance => None,
    };
    match other.filter(|_| exists_as_other) {
        Some(other) if is_arn => format!("check `{other}/{name}`, which exists; or check the account in the ARN"),
        Some(other) => format!("check `{other}/{name}`, which exists; or check the name and the account (`--profile`)"),
        None if is_arn => "check the name and the account in the ARN".to_owned(),
        None => "check the name (without a path) and the account (`--profile`)".to_owned(),
    }
}

pub(super) fn no_such_target(target: TargetKind, name: &str, exists_as_other: bool, place: &Place<'_>) -> Words {
    let message = format!("there is no {} `{name}` in this account", noun(target));
    Words::new(message, check_the_name(target, name, exists_as_other, place))
}

pub(super) fn target_not_found(target: TargetKind, name: &str, exists_as_other: bool, place: &Place<'_>) -> Words {
    let message = "the target was not found";
    Words::new(message, check_the_name(target, name, exists_as_other, place))
}

pub(super) fn target_not_in_snapshot(target: TargetKind, name: &str, near: Option<&str>) -> Words {
    let message = format!("the snapshot does not contain the {} `{name}`", noun(target));
    if let Some(near) = near {
        let target = match target {
            TargetKind::Profile => format!("profile/{near}"),
            TargetKind::Role => format!("role/{near}"),
            TargetKind::Instance => near.to_owned(),
        };
        return Words::new(
            format!("{message}; did you mean `{near}`?"),
            format!("check `{target}`, which it contains"),
        );
    }
    let what = match target {
        TargetKind::Profile | TargetKind::Role => "the name (without a path)",
        TargetKind::Instance if name.contains('*') => return Words::new(message, check_the_target(name)),
        TargetKind::Instance if is_instance_id(name) => "the ID",
        TargetKind::Instance if name.starts_with("arn:") => "the ARN",
        TargetKind::Instance => "the tag `Name`",
    };
    let again = format!("check {what}, or take the snapshot again with this target");
    let may_be_a_role = target == TargetKind::Instance && !is_instance_id(name) && is_iam_name(name, 64);
    Words::new(message, if may_be_a_role { format!("{again}; {}", other_forms(name)) } else { again })
}

fn other_forms(name: &str) -> String {
    format!("a role is given as `role/{name}`, a profile as `profile/{name}`")
}

pub(super) fn metadata(state: MetadataState, place: &Place<'_>) -> Words {
    let enable = || {
        let modify = Command::new("aws ec2 modify-instance-metadata-options");
        place.in_region(modify.option("--instance-id", place.instance())).and("--http-endpoint enabled")
    };
    match state {
        MetadataState::Disabled if place.in_code => Words::new(
            "the instance metadata service is disabled: the instance gets no credentials of any role",
            "enable the endpoint in its metadata options",
        ),
        MetadataState::Disabled => Words::new(
            "the instance metadata service is disabled: the instance gets no credentials of any role",
            format!("enable it: `{}`", enable()),
        ),
        MetadataState::BeingDisabled => Words::new(
            "the instance metadata service is being disabled: without it the instance gets no credentials",
            format!("enable it again: `{}`", enable()),
        ),
        MetadataState::ChangePending | MetadataState::ChangeAtStart => Words::new(
            "a change to the metadata options is pending: the service may still be disabled",
            "wait, or start the instance if it is stopped; then check again",
        ),
    }
}

/// What a proposed command calls a profile that it creates.
pub(in crate::render) const CREATED_PROFILE: &str = "SessionManager";

/// A profile that only the user can name.
const NAME: &str = "NAME";

pub(super) fn no_instance_profile(place: &Place<'_>) -> Words {
    let message = "the instance has no instance profile";
    if place.in_code {
        return Words::new(message, "give it one whose role has the permissions");
    }
    Words::new(
        message,
        format!(
            "create one: `{}`; or associate one whose role has the permissions: `{}`",
            create_profile(place),
            associate(NAME, place)
        ),
    )
}

fn create_profile(place: &Place<'_>) -> Command {
    fix_instance(place).option("--create-profile", CREATED_PROFILE)
}

fn fix_instance(place: &Place<'_>) -> Command {
    place.in_region(Command::new("ssm-profile fix").operand(place.instance()))
}

fn associate(profile: &str, place: &Place<'_>) -> Command {
    let associate = Command::new("aws ec2 associate-iam-instance-profile").option("--instance-id", place.instance());
    place.in_region(associate).option("--iam-instance-profile", structure("Name", profile))
}

/// The call that gives an instance another profile in place of the one that it has.
fn replace(profile: &str, association: Option<&str>, place: &Place<'_>) -> Command {
    let replace = Command::new("aws ec2 replace-iam-instance-profile-association")
        .option("--association-id", association.unwrap_or("ASSOCIATION_ID"));
    place.in_region(replace).option("--iam-instance-profile", structure("Name", profile))
}

pub(super) fn association_pending(state: &str, profile: Option<&str>, shows_profile: bool, place: &Place<'_>) -> Words {
    let what = if shows_profile { "" } else { ", and the instance reports no profile" };
    match state {
        "associating" => Words::new(
            format!("the association of the instance with its profile is `{state}`{what}"),
            "wait for it to become `associated`, usually within a minute, and check again",
        ),
        "disassociating" | "disassociated" => Words::new(
            format!("the instance's profile is being removed: the association is `{state}`{what}"),
            format!("once it is removed, associate a profile again: `{}`", associate(profile.unwrap_or(NAME), place)),
        ),
        _ => Words::new(
            format!("cannot determine whether the instance has its profile: the association is `{state}`{what}"),
            "check again",
        ),
    }
}

pub(super) fn association_differs(associated_with: Option<&str>) -> Words {
    let message = match associated_with {
        Some(arn) => format!("the instance reports one profile, but its association is with another, `{arn}`"),
        None => "the instance reports no profile, but has an association with one".to_owned(),
    };
    Words::new(message, "the profile is being changed; wait, then check again")
}

pub(super) fn profile_missing(profile: &str, association: Option<&str>, place: &Place<'_>) -> Words {
    if place.in_code {
        return Words::new(
            format!("the account has no instance profile `{profile}`: the instance gets no credentials"),
            "correct the name, or create the profile before this is applied",
        );
    }
    Words::new(
        format!("the instance's profile `{profile}` was deleted: the instance gets no credentials"),
        format!(
            "create one: `{}`; or associate an existing one: `{}`",
            create_profile(place),
            replace(NAME, association, place)
        ),
    )
}

pub(super) fn profile_stale(
    profile: &str,
    [held, current]: [&str; 2],
    association: Option<&str>,
    place: &Place<'_>,
) -> Words {
    Words::new(
        format!(
            "the profile `{profile}` was deleted and created again: the instance has the ID `{held}`, the profile is now `{current}`, and the \
             instance gets no credentials"
        ),
        format!("associate it again: `{}`, or `{}`", fix_instance(place), replace(profile, association, place)),
    )
}

pub(super) fn profile_empty(profile: &str, place: &Place<'_>) -> Words {
    let message = format!("the profile `{profile}` has no role");
    if place.in_code {
        return Words::new(message, "give it the role that has the permissions");
    }
    Words::new(
        message,
        format!(
            "create one for it: `{}`; or add an existing one: `{}`",
            Command::new("ssm-profile fix").operand(format!("profile/{profile}")),
            add_role(profile, "ROLE")
        ),
    )
}

fn add_role(profile: &str, role: &str) -> Command {
    Command::new("aws iam add-role-to-instance-profile")
        .option("--instance-profile-name", profile)
        .option("--role-name", role)
}

pub(super) fn role_without_profile(role: &str) -> Words {
    let create = Command::new("aws iam create-instance-profile").option("--instance-profile-name", role);
    Words::new(
        format!("no instance profile contains the role `{role}`, so no instance can use it"),
        format!("create a profile for it: `{create}`, then `{}`", add_role(role, role)),
    )
}

pub(super) fn role_missing(role: &str) -> Words {
    Words::new(format!("the role `{role}` of the profile does not exist"), "add an existing role to the profile")
}
