//! The SSM Agent, as Systems Manager last saw it.
//!
//! The least versions are those of
//! [Session Manager prerequisites](https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-prerequisites.html),
//! of [KMS encryption](https://docs.aws.amazon.com/systems-manager/latest/userguide/session-preferences-enable-encryption.html) and of
//! [Default Host Management Configuration](https://docs.aws.amazon.com/systems-manager/latest/userguide/fleet-manager-default-host-management-configuration.html).

use crate::facts::{Agent, Fact, Instance};
use crate::report::{Code, Finding, NeededFor, Outcome, Severity, Verdict};
use iam_eval::Decision;

use super::asked::aside;
use super::words::{error, warning};

type Version = [u32; 4];

const FOR_SESSIONS: Version = [2, 3, 68, 0];
const FOR_KEYS: Version = [2, 3, 539, 0];
const FOR_HOST_MANAGEMENT: Version = [3, 2, 582, 0];

/// Whether what was found keeps an agent from Systems Manager: credentials, core permissions and metadata do, what only some
/// sessions need does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// Something certainly does.
    Certain,
    /// Something that is not known may.
    Possible,
    /// Nothing that was found does.
    None,
}

impl Obstacle {
    /// What the outcome says of it, its verdict settled.
    pub(super) fn of(outcome: &Outcome) -> Obstacle {
        let core = || outcome.permissions.iter().filter(|permission| permission.needed_for == NeededFor::Core);
        let denied = |decision| matches!(decision, Decision::ExplicitDeny | Decision::ImplicitDeny);
        let of_credentials = || outcome.findings.iter().filter(|finding| is_of_credentials(finding.code));
        let certain = of_credentials().any(|finding| finding.severity == Severity::Error)
            || core().any(|permission| denied(permission.decision));
        let possible = certain
            || of_credentials().any(|finding| finding.leaves_unknown)
            || core().any(|permission| permission.decision == Decision::Unknown)
            || outcome.trust.as_ref().is_some_and(|trust| trust.decision != Decision::Allowed);
        match (certain, possible) {
            (true, _) if outcome.verdict == Verdict::NotReady => Obstacle::Certain,
            (_, true) => Obstacle::Possible,
            (_, false) => Obstacle::None,
        }
    }
}

/// Whether a finding of this code is about whether the agent gets credentials at all. What it may do with them is in the
/// permissions.
fn is_of_credentials(code: Code) -> bool {
    match code {
        Code::NoInstanceProfile
        | Code::InstanceProfileMissing
        | Code::InstanceProfileStale
        | Code::InstanceProfileEmpty
        | Code::AssociationPending
        | Code::RoleMissing
        | Code::TrustPolicy
        | Code::MetadataDisabled
        | Code::ManagedByDhmc
        | Code::AgentOutdated => true,
        Code::MissingPermission
        | Code::ExplicitDeny
        | Code::BlockedByBoundary
        | Code::BlockedByScp
        | Code::BlockedByRcp
        | Code::ConditionalPermission
        | Code::InvalidPolicy
        | Code::InstanceNotRunning
        | Code::InstanceTerminated
        | Code::InstanceNotFound
        | Code::AccessDenied
        | Code::AwsError
        | Code::KmsKeyPolicy
        | Code::DhmcFallbackOff
        | Code::SessionLogs
        | Code::AgentOffline => false,
    }
}

/// What the agent's last report says beside an outcome. `scps_unseen` says whether service control policies may be hidden.
pub(super) fn findings(instance: &Instance, outcome: &Outcome, encrypted: bool, scps_unseen: bool) -> Vec<Finding> {
    let offline = |what: &str| offline(what, Obstacle::of(outcome), outcome.verdict, scps_unseen);
    let agent = match &instance.agent {
        Fact::Known(agent) => agent,
        Fact::Absent if instance.state == "running" => return vec![offline("was never seen by Systems Manager")],
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
            findings.push(offline(&format!("is `{ping}`{since}")));
        }
    }
    findings
}

/// Whether Systems Manager saw the agent as connected.
pub(super) fn is_online(instance: &Instance) -> bool {
    instance.agent.known().and_then(|agent| agent.ping.as_deref()) == Some("Online")
}

fn offline(what: &str, obstacle: Obstacle, verdict: Verdict, scps_unseen: bool) -> Finding {
    let (cause, remedy) = match obstacle {
        Obstacle::Certain => (
            "the errors found here keep it from connecting".to_owned(),
            "fix the findings above first, then restart the agent (a denied agent retries only after up to 30 minutes)",
        ),
        Obstacle::Possible => (
            "what could not be determined here may be the cause, or the network path, or the agent itself".to_owned(),
            "settle the findings above first; then check the network path to the endpoints `ssm` and `ssmmessages`, and restart the \
             agent",
        ),
        Obstacle::None => {
            let errors = match verdict {
                Verdict::NotReady => "the errors found here do not explain it; ",
                _ => "",
            };
            let policies = if scps_unseen { ", a service control policy that is not visible from here" } else { "" };
            (
                format!(
                    "{errors}the permissions to connect that could be seen are in place, so the cause is the network path to the \
                     Systems Manager endpoints, an endpoint policy{policies}, or the agent itself (one that was denied before \
                     retries only after up to 30 minutes)"
                ),
                "make sure that the instance reaches the endpoints `ssm` and `ssmmessages` and that the agent runs, then restart it",
            )
        }
    };
    warning(Code::AgentOffline, format!("the agent {what}: {cause}"), remedy, false)
}

fn too_old(agent: &Agent, encrypted: bool) -> Option<Finding> {
    let version = agent.version.as_deref()?;
    let parsed = parse(version)?;
    let (least, what) = if parsed < FOR_SESSIONS {
        (FOR_SESSIONS, "sessions need")
    } else if encrypted && parsed < FOR_KEYS {
        (FOR_KEYS, "sessions encrypted with a KMS key need")
    } else {
        return None;
    };
    Some(outdated(version, what, least, "update the agent"))
}

fn outdated(version: &str, who_needs: &str, least: Version, remedy: &str) -> Finding {
    let least = in_words(least);
    error(Code::AgentOutdated, format!("the agent has version {version}, and {who_needs} {least} or later"), remedy)
}

/// Keeps the agent from the role of Default Host Management Configuration.
pub(super) fn too_old_for_host_management(instance: &Instance) -> Option<Finding> {
    let version = instance.agent.known()?.version.as_deref()?;
    (parse(version)? < FOR_HOST_MANAGEMENT).then(|| {
        outdated(
            version,
            "host management needs",
            FOR_HOST_MANAGEMENT,
            "update the agent, or give the instance a profile whose role has the permissions",
        )
    })
}

/// Whether nothing says that the agent is recent enough for that role. One that is connected is, even if its version cannot be
/// read, where that role is the only way.
pub(super) fn may_be_too_old_for_host_management(instance: &Instance) -> bool {
    let version = instance.agent.known().and_then(|agent| agent.version.as_deref());
    version.and_then(parse).is_none() && !is_online(instance)
}

/// That this is not known; said of that role.
pub(super) fn version_not_known() -> Finding {
    warning(
        Code::ManagedByDhmc,
        format!(
            "cannot determine whether the agent can use this role: that needs {} or later, and the agent's version is not known",
            in_words(FOR_HOST_MANAGEMENT)
        ),
        "check the agent's version on the instance, or give the instance a profile whose role has the permissions",
        true,
    )
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
        assert_eq!(parse("3.2.582.0"), Some(FOR_HOST_MANAGEMENT));
        assert!(parse("2.3.9.0") < Some(FOR_SESSIONS));
        for broken in ["", "3", "3.2.582", "3.2.582.x", "3.2.582.0.1"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }
}
