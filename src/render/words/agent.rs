//! The agent, and Default Host Management Configuration.

use super::phrases::unreadable;
use super::{Place, Words};
use crate::facts::Unreadable;
use crate::report::{AgentFeature, LastSeen, OfflineCause, ProfileUnused, RoleState};

const HOST_MANAGEMENT: &str = "Default Host Management Configuration";

/// What was seen of an agent that is offline.
pub(super) struct Seen<'a> {
    /// By Systems Manager.
    pub last: Option<&'a LastSeen>,
    /// The version that started, by the console output.
    pub started: Option<&'a str>,
}

pub(super) fn offline(
    seen: &Seen<'_>,
    cause: OfflineCause,
    not_ready: bool,
    (scps_unseen, network_open): (bool, bool),
) -> Words {
    let what = match seen.last {
        None => "was never seen by Systems Manager".to_owned(),
        Some(LastSeen { ping, since }) => {
            let since = since.as_ref().map(|time| format!(" since {time}")).unwrap_or_default();
            let verb = if since.is_empty() { "is" } else { "has been" };
            format!("{verb} `{ping}`{since}")
        }
    };
    let (why, remedy) = match cause {
        OfflineCause::Certain => (
            "probably caused by the errors above".to_owned(),
            "fix the findings above first, then restart the agent (a denied agent retries only after up to 30 minutes)",
        ),
        OfflineCause::Possible => (
            "the cause may be what could not be determined above, the network path, or the agent itself".to_owned(),
            "resolve the findings above first; then check the network path to the `ssm` and `ssmmessages` endpoints, and restart the \
             agent",
        ),
        OfflineCause::NotFound => {
            let errors = if not_ready { "the errors above do not explain it; " } else { "" };
            let policies =
                if scps_unseen { ", a service control policy that is not visible to these credentials" } else { "" };
            if network_open {
                return Words::new(
                    format!(
                        "the agent {what}: {errors}the visible permissions to connect are in place and the network path is open, so the \
                         cause is a firewall or proxy on the host{policies}, or the agent itself (a denied agent retries only after up \
                         to 30 minutes){}",
                        started(seen)
                    ),
                    "make sure that the agent is running, then restart it",
                );
            }
            (
                format!(
                    "{errors}the visible permissions to connect are in place, so the cause is the network path to the Systems \
                     Manager endpoints, an endpoint policy{policies}, or the agent itself (a denied agent retries only after \
                     up to 30 minutes)"
                ),
                "make sure that the instance can reach the `ssm` and `ssmmessages` endpoints and that the agent is running, then restart the agent",
            )
        }
    };
    Words::new(format!("the agent {what}: {why}{}", started(seen)), remedy)
}

fn started(seen: &Seen<'_>) -> String {
    let version = |version| format!("; the console output shows that SSM Agent {version} started");
    seen.started.map(version).unwrap_or_default()
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
    Words::new(format!("the agent is version {version}, but {what} {least} or later"), remedy)
}

pub(super) fn version_unknown(least: &str) -> Words {
    Words::new(
        format!(
            "cannot determine whether the agent can use this role: that requires {least} or later, and the agent's version is not known"
        ),
        "check the agent's version on the instance, or give the instance a profile whose role has the permissions",
    )
}

pub(super) fn host_management_unreadable(because: ProfileUnused, reason: &Unreadable, place: &Place<'_>) -> Words {
    let Words { message, remedy } = unreadable(reason, place);
    let why = unused(because);
    Words::new(format!("cannot determine whether {HOST_MANAGEMENT} is enabled, and {why}: {message}"), remedy)
}

/// Why the agent does not use the profile, as a clause.
fn unused(because: ProfileUnused) -> &'static str {
    match because {
        ProfileUnused::NoProfile => "the instance has no instance profile",
        ProfileUnused::NoCredentials => "the instance gets no credentials from its profile",
        ProfileUnused::NotAllowed => "the role of its profile is not allowed `ssm:UpdateInstanceInformation`",
    }
}

pub(super) fn managed(role: &str, because: ProfileUnused, lacks_more: bool) -> Words {
    let why = unused(because);
    let remedy = match lacks_more {
        true => {
            format!(
                "grant the missing permissions to the role `{role}`, or give the instance a profile whose role has all of them"
            )
        }
        false => {
            "no action is needed; an instance profile that allows `ssm:UpdateInstanceInformation` would take precedence"
                .to_owned()
        }
    };
    Words::new(format!("{HOST_MANAGEMENT} manages the instance with its role `{role}`, because {why}"), remedy)
}

pub(super) fn either_role(role: &str) -> Words {
    Words::new(
        format!(
            "cannot determine whether the agent uses the role of its instance profile or the role `{role}` of {HOST_MANAGEMENT}; either \
             allows it to connect"
        ),
        "nothing to do",
    )
}

pub(super) fn fallback_unknown(role: &str, role_lets_agent_in: bool) -> Words {
    let others = if role_lets_agent_in { "" } else { ", if that role allows it to connect" };
    Words::new(
        format!(
            "cannot determine whether the agent falls back to the role `{role}` of {HOST_MANAGEMENT}{others}: AWS does not document what instance \
             metadata returns for such a profile, and the agent falls back only on some errors"
        ),
        format!("fix the profile, or disassociate it from the instance, so that {HOST_MANAGEMENT} applies for certain"),
    )
}

pub(super) fn fallback_off(profile_role: Option<&str>, role: &str, state: RoleState, place: &Place<'_>) -> Words {
    let grant = match place.in_code {
        true => "grant the role the missing permissions".to_owned(),
        false => format!("grant the role the missing permissions (`{}`)", place.fix()),
    };
    let remedy = match state {
        RoleState::Open => format!(
            "either {grant}, or remove `ssm:UpdateInstanceInformation` from it, so that {HOST_MANAGEMENT} manages the instance"
        ),
        RoleState::Unknown => format!(
            "{grant}; removing `ssm:UpdateInstanceInformation` from it may not be enough, because it cannot be determined \
             whether the role `{role}` allows the agent to connect"
        ),
        RoleState::Closed => format!(
            "{grant}; removing `ssm:UpdateInstanceInformation` from it is not enough, because the role `{role}` does not allow \
             the agent to connect"
        ),
    };
    let profile_role = profile_role.map(|role| format!(" `{role}`")).unwrap_or_default();
    Words::new(
        format!(
            "the profile's role{profile_role} allows `ssm:UpdateInstanceInformation`, so the agent keeps using it and never falls back to the \
             role `{role}` of {HOST_MANAGEMENT}: the instance appears as managed, but sessions fail"
        ),
        remedy,
    )
}

pub(super) fn host_role_elsewhere(setting: &str, found: &str) -> Words {
    Words::new(
        format!("{HOST_MANAGEMENT} names the role `{setting}`, but the role of that name is `{found}`"),
        "set the existing role: `aws ssm update-service-setting`",
    )
}

pub(super) fn host_role_missing(role: &str) -> Words {
    Words::new(
        format!("the role `{role}`, which {HOST_MANAGEMENT} names, does not exist"),
        "create it, or set another: `aws ssm update-service-setting`",
    )
}
