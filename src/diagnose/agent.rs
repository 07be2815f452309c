//! The SSM Agent, as Systems Manager last saw it.
//!
//! The least versions are those of
//! [Session Manager prerequisites](https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-prerequisites.html),
//! of [KMS encryption](https://docs.aws.amazon.com/systems-manager/latest/userguide/session-preferences-enable-encryption.html) and of
//! [Default Host Management Configuration](https://docs.aws.amazon.com/systems-manager/latest/userguide/fleet-manager-default-host-management-configuration.html).

use crate::facts::{Agent, Fact, Instance};
use crate::report::{Code, Finding, Verdict};

use super::asked::aside;
use super::words::{error, warning};

type Version = [u32; 4];

const FOR_SESSIONS: Version = [2, 3, 68, 0];
const FOR_KEYS: Version = [2, 3, 539, 0];
const FOR_HOST_MANAGEMENT: Version = [3, 2, 582, 0];
/// The same in words.
pub(super) const LEAST_FOR_HOST_MANAGEMENT: &str = "3.2.582.0";

/// What the agent's last report says, given what the rest of the facts say of the instance.
pub(super) fn findings(instance: &Instance, verdict: Verdict, encrypted: bool) -> Vec<Finding> {
    let agent = match &instance.agent {
        Fact::Known(agent) => agent,
        Fact::Absent if instance.state == "running" => {
            return vec![offline("was never seen by Systems Manager", instance, verdict)];
        }
        Fact::Absent => return Vec::new(),
        Fact::Unreadable(reason) => return aside("the agent's state is not known", reason).into_iter().collect(),
    };
    let mut findings: Vec<Finding> = too_old(agent, encrypted).into_iter().collect();
    match agent.ping.as_deref() {
        Some("Online") | None => {}
        // One that does not run has a finding of its own.
        Some(_) if instance.state != "running" => {}
        Some(ping) => {
            let since = agent.last_ping.map(|time| format!(" since {time:.0}")).unwrap_or_default();
            findings.push(offline(&format!("is `{ping}`{since}"), instance, verdict));
        }
    }
    findings
}

fn offline(what: &str, instance: &Instance, verdict: Verdict) -> Finding {
    let metadata_off =
        instance.metadata.as_ref().is_some_and(|options| options.http_endpoint.as_deref() == Some("disabled"));
    let (cause, remedy) = if metadata_off {
        ("the instance metadata service is off, so that it gets no credentials", "switch it on, then restart the agent")
    } else {
        match verdict {
            Verdict::Ready => (
                "its permissions are fine, so it is the network path to the Systems Manager endpoints, or the agent itself; or the \
                 permissions are new, and an agent that was denied waits for up to 30 minutes",
                "see that the instance reaches the endpoints `ssm` and `ssmmessages`, and that the agent runs; restart it",
            ),
            _ => (
                "what else was found here is the likely cause",
                "mend that first; then restart the agent, which waits for up to 30 minutes when it was denied",
            ),
        }
    };
    warning(Code::AgentOffline, format!("the agent {what}: {cause}"), remedy, false)
}

fn too_old(agent: &Agent, encrypted: bool) -> Option<Finding> {
    let version = agent.version.as_deref()?;
    let parsed = parse(version)?;
    let (least, what) = if parsed < FOR_SESSIONS {
        (FOR_SESSIONS, "sessions")
    } else if encrypted && parsed < FOR_KEYS {
        (FOR_KEYS, "sessions that a KMS key encrypts")
    } else {
        return None;
    };
    Some(warning(
        Code::AgentOffline,
        format!("the agent has version {version}, and {what} need {} or later", in_words(least)),
        "update the agent",
        false,
    ))
}

/// Keeps the agent from the role of Default Host Management Configuration.
pub(super) fn too_old_for_host_management(instance: &Instance) -> Option<Finding> {
    let version = instance.agent.known()?.version.as_deref()?;
    (parse(version)? < FOR_HOST_MANAGEMENT).then(|| {
        error(
            Code::AgentOffline,
            format!(
                "the agent has version {version}, and Default Host Management Configuration needs {} or later",
                in_words(FOR_HOST_MANAGEMENT)
            ),
            "update the agent, or give the instance a profile whose role has the permissions",
        )
    })
}

/// Whether it is known what version the agent has.
pub(super) fn version_is_known(instance: &Instance) -> bool {
    let version = instance.agent.known().and_then(|agent| agent.version.as_deref());
    version.and_then(parse).is_some()
}

fn parse(version: &str) -> Option<Version> {
    let numbers: Vec<u32> = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

fn in_words(version: Version) -> String {
    version.map(|number| number.to_string()).join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(parse("3.2.1000.0") > Some(FOR_HOST_MANAGEMENT));
        assert_eq!(parse(LEAST_FOR_HOST_MANAGEMENT), Some(FOR_HOST_MANAGEMENT));
        assert!(parse("2.3.9.0") < Some(FOR_SESSIONS));
        for broken in ["", "3", "3.2.582", "3.2.582.x", "3.2.582.0.1"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }
}
