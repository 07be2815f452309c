//! The SSM Agent, as Systems Manager last saw it.
//!
//! The least versions are those of
//! [Session Manager prerequisites](https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-prerequisites.html),
//! of [KMS encryption](https://docs.aws.amazon.com/systems-manager/latest/userguide/session-preferences-enable-encryption.html) and of
//! [Default Host Management Configuration](https://docs.aws.amazon.com/systems-manager/latest/userguide/fleet-manager-default-host-management-configuration.html).

use crate::facts::{Agent, Fact, Instance};
use crate::report::{
    AgentFeature, Code, Finding, FindingKind, LastSeen, NeededFor, NotRead, OfflineCause, Outcome, PathDecision,
    Severity, Verdict,
};
use iam_eval::Decision;

use super::resolved_needs::aside;

type Version = [u32; 4];

const FOR_SESSIONS: Version = [2, 3, 68, 0];
const FOR_KEYS: Version = [2, 3, 539, 0];
const FOR_HOST_MANAGEMENT: Version = [3, 2, 582, 0];

/// Whether what the outcome says, its verdict settled, keeps the agent from Systems Manager.
pub(super) fn cause_of_being_offline(outcome: &Outcome) -> OfflineCause {
    let core = || outcome.permissions.iter().filter(|permission| permission.needed_for == NeededFor::Core);
    let denied = |decision| matches!(decision, Decision::ExplicitDeny | Decision::ImplicitDeny);
    let of_credentials = || outcome.findings.iter().filter(|finding| is_of_credentials(finding.code()));
    let certain = of_credentials().any(|finding| finding.severity() == Severity::Error)
        || outcome.network.decision == PathDecision::Closed
        || core().any(|permission| denied(permission.decision));
    let possible = certain
        || of_credentials().any(|finding| finding.leaves_unknown())
        || core().any(|permission| permission.decision == Decision::Unknown)
        || outcome.trust.as_ref().is_some_and(|trust| trust.decision != Decision::Allowed);
    match (certain, possible) {
        (true, _) if outcome.verdict == Verdict::NotReady => OfflineCause::Certain,
        (_, true) => OfflineCause::Possible,
        (_, false) => OfflineCause::NotFound,
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
        | Code::NotInPlan
        | Code::AgentOutdated => true,
        Code::MissingPermission
        | Code::OptionalPermission
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
        | Code::AgentOffline
        | Code::NoNetworkPath
        | Code::SecurityGroupBlocks
        | Code::NetworkAclBlocks
        | Code::EndpointDns
        | Code::EndpointPolicy
        | Code::NetworkUnknown
        | Code::NotConnected => false,
    }
}

/// What the agent's last report says beside an outcome. `scps_unseen` says whether service control policies may be hidden.
pub(super) fn findings(instance: &Instance, outcome: &Outcome, encrypted: bool, scps_unseen: bool) -> Vec<Finding> {
    let offline = |last_seen| {
        Finding::from(FindingKind::AgentOffline {
            last_seen,
            cause: cause_of_being_offline(outcome),
            not_ready: outcome.verdict == Verdict::NotReady,
            scps_unseen,
            network_open: outcome.network.decision == PathDecision::Open,
            started: instance.agent_started.known().cloned(),
        })
    };
    let agent = match &instance.agent {
        Fact::Known(agent) => agent,
        Fact::Absent if instance.state == "running" => return vec![offline(None)],
        Fact::Absent => return Vec::new(),
        Fact::Unreadable(reason) => return aside(NotRead::Agent, reason).into_iter().collect(),
    };
    let mut findings: Vec<Finding> = too_old(agent, encrypted).into_iter().collect();
    match agent.ping.as_deref() {
        Some("Online") | None => {}
        // One that does not run has a finding of its own.
        Some(_) if instance.state != "running" => {}
        Some(ping) => {
            let since = agent.last_ping.map(|time| format!("{time:.0}"));
            findings.push(offline(Some(LastSeen { ping: ping.to_owned(), since })));
        }
    }
    findings
}

/// Whether Systems Manager saw the agent as connected.
pub(super) fn is_online(instance: &Instance) -> bool {
    instance.agent.known().is_some_and(Agent::is_online)
}

fn too_old(agent: &Agent, encrypted: bool) -> Option<Finding> {
    let version = agent.version.as_deref()?;
    let parsed = parse(version)?;
    if parsed < FOR_SESSIONS {
        Some(outdated(version, FOR_SESSIONS, AgentFeature::Sessions))
    } else if encrypted && parsed < FOR_KEYS {
        Some(outdated(version, FOR_KEYS, AgentFeature::EncryptedSessions))
    } else {
        None
    }
}

fn outdated(version: &str, least: Version, feature: AgentFeature) -> Finding {
    FindingKind::AgentOutdated { version: version.to_owned(), least: dotted(least), feature }.into()
}

/// Keeps the agent from the role of Default Host Management Configuration.
pub(super) fn too_old_for_host_management(instance: &Instance) -> Option<Finding> {
    let version = instance.agent.known()?.version.as_deref()?;
    let too_old = parse(version)? < FOR_HOST_MANAGEMENT;
    too_old.then(|| outdated(version, FOR_HOST_MANAGEMENT, AgentFeature::HostManagement))
}

/// Whether nothing says that the agent is recent enough for that role. One that is connected is, even if its version cannot be
/// read, where that role is the only way.
pub(super) fn may_be_too_old_for_host_management(instance: &Instance) -> bool {
    let version = instance.agent.known().and_then(|agent| agent.version.as_deref());
    version.and_then(parse).is_none() && !is_online(instance)
}

/// That this is not known.
pub(super) fn version_not_known() -> Finding {
    FindingKind::AgentVersionUnknown { least: dotted(FOR_HOST_MANAGEMENT) }.into()
}

fn parse(version: &str) -> Option<Version> {
    let numbers: Vec<u32> = version.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

fn dotted(version: Version) -> String {
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
