//! The agent, and Default Host Management Configuration.

use super::Words;
use super::phrases::unreadable;
use crate::facts::Unreadable;
use crate::report::{AgentFeature, LastSeen, OfflineCause, ProfileUnused, RoleState};

const HOST_MANAGEMENT: &str = "Default Host Management Configuration";

pub(super) fn offline(last_seen: Option<&LastSeen>, cause: OfflineCause, not_ready: bool, scps_unseen: bool) -> Words {
    let what = match last_seen {
        None => "was never seen by Systems Manager".to_owned(),
        Some(LastSeen { ping, since }) => {
            let since = since.as_ref().map(|time| format!(" since {time}")).unwrap_or_default();
            format!("is `{ping}`{since}")
        }
    };
    let (why, remedy) = match cause {
        OfflineCause::Certain => (
            "probably caused by the errors found here".to_owned(),
            "fix the findings above first, then restart the agent (a denied agent retries only after up to 30 minutes)",
        ),
        OfflineCause::Possible => (
            "what could not be determined here may be the cause, or the network path, or the agent itself".to_owned(),
            "settle the findings above first; then check the network path to the endpoints `ssm` and `ssmmessages`, and restart the \
             agent",
        ),
        OfflineCause::NotFound => {
            let errors = if not_ready { "the errors found here do not explain it; " } else { "" };
            let policies = if scps_unseen { ", a service control policy that is not visible from here" } else { "" };
            (
                format!(
                    "{errors}the permissions to connect that could be seen are in place, so the cause is the network path to the Systems \
                     Manager endpoints, an endpoint policy{policies}, or the agent itself (one that was denied before retries only after \
                     up to 30 minutes)"
                ),
                "make sure that the instance reaches the endpoints `ssm` and `ssmmessages` and that the agent runs, then restart it",
            )
        }
    };
    Words::new(format!("the agent {what}: {why}"), remedy)
}

pub(super) fn outdated(version: &str, least: &str, feature: AgentFeature) -> Words {
    let (what, remedy) = match feature {
        AgentFeature::Sessions => ("sessions require", "update the agent"),
        AgentFeature::EncryptedSessions => ("sessions encrypted with a KMS key require", "update the agent"),
        AgentFeature::HostManagement => (
            "host management requires",
            "update the agent, or give the instance a profile whose role has the permissions",
        ),
    };
    Words::new(format!("the agent has version {version}, and {what} {least} or later"), remedy)
}

pub(super) fn version_unknown(least: &str) -> Words {
    Words::new(
        format!(
            "cannot determine whether the agent can use this role: that requires {least} or later, and the agent's version is not known"
        ),
        "check the agent's version on the instance, or give the instance a profile whose role has the permissions",
    )
}

pub(super) fn host_management_unreadable(reason: &Unreadable) -> Words {
    let Words { message, remedy } = unreadable(reason);
    Words::new(format!("cannot determine whether {HOST_MANAGEMENT} lets the agent in: {message}"), remedy)
}

pub(super) fn managed(role: &str, because: ProfileUnused, lacks_more: bool) -> Words {
    let why = match because {
        ProfileUnused::NoProfile => "the instance has no instance profile",
        ProfileUnused::NoCredentials => "the instance's profile gives it no credentials",
        ProfileUnused::NotAllowed => "the role of its profile is not allowed `ssm:UpdateInstanceInformation`",
    };
    let remedy = match lacks_more {
        true => {
            format!(
                "grant what is missing to the role `{role}`, or give the instance a profile whose role has all of it"
            )
        }
        false => "nothing to do; an instance profile that allowed `ssm:UpdateInstanceInformation` would take its place"
            .to_owned(),
    };
    Words::new(format!("{HOST_MANAGEMENT} lets the agent in with its role `{role}`, because {why}"), remedy)
}

pub(super) fn either_role(role: &str) -> Words {
    Words::new(
        format!(
            "cannot determine whether the agent uses the role of its instance profile or the role `{role}` of {HOST_MANAGEMENT}; either \
             lets it in"
        ),
        "nothing to do",
    )
}

pub(super) fn fallback_unknown(role: &str, role_lets_agent_in: bool) -> Words {
    let others = if role_lets_agent_in { "" } else { ", if that role lets it in" };
    Words::new(
        format!(
            "cannot determine whether the agent falls back to the role `{role}` of {HOST_MANAGEMENT}{others}: what instance metadata \
             answers for such a profile is not documented, and the agent falls back only on some errors"
        ),
        format!("fix the profile, or disassociate it from the instance, so that {HOST_MANAGEMENT} applies for certain"),
    )
}

pub(super) fn fallback_off(profile_role: Option<&str>, role: &str, state: RoleState) -> Words {
    let grant = "grant the role what is missing (`ssm-profile fix`)";
    let remedy = match state {
        RoleState::Open => format!(
            "either {grant}, or remove `ssm:UpdateInstanceInformation` from it, so that {HOST_MANAGEMENT} lets the agent in"
        ),
        RoleState::Unknown => format!(
            "{grant}; whether it helps to remove `ssm:UpdateInstanceInformation` from it cannot be determined, because it is not known \
             whether the role `{role}` lets the agent in"
        ),
        RoleState::Closed => format!(
            "{grant}; to remove `ssm:UpdateInstanceInformation` from it does not help by itself, because the role `{role}` does not let \
             the agent in as it is"
        ),
    };
    let profile_role = profile_role.map(|role| format!(" `{role}`")).unwrap_or_default();
    Words::new(
        format!(
            "the profile's role{profile_role} allows `ssm:UpdateInstanceInformation`, so the agent stays with it and never turns to the \
             role `{role}` of {HOST_MANAGEMENT}: the instance shows up as managed, and no session opens"
        ),
        remedy,
    )
}

pub(super) fn host_role_elsewhere(setting: &str, found: &str) -> Words {
    Words::new(
        format!("{HOST_MANAGEMENT} names the role `{setting}`, and the one of that name is `{found}`"),
        "name the role that exists: `aws ssm update-service-setting`",
    )
}

pub(super) fn host_role_missing(role: &str) -> Words {
    Words::new(
        format!("the role `{role}`, which {HOST_MANAGEMENT} names, does not exist"),
        "create it, or name another: `aws ssm update-service-setting`",
    )
}
