//! The stable finding codes.

use serde::Serialize;

/// What kind of thing a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The instance has no instance profile.
    NoInstanceProfile,
    /// The instance's profile was deleted.
    InstanceProfileMissing,
    /// The instance's profile was deleted and made again under the same name.
    InstanceProfileStale,
    /// The profile holds no role.
    InstanceProfileEmpty,
    /// The profile's association is not complete.
    AssociationPending,
    /// The role does not exist.
    RoleMissing,
    /// The trust policy does not admit EC2, or may not.
    TrustPolicy,
    /// No policy of the role allows a needed action.
    MissingPermission,
    /// A statement denies a needed action.
    ExplicitDeny,
    /// The permissions boundary does not allow a needed action.
    BlockedByBoundary,
    /// A service control policy does not allow a needed action.
    BlockedByScp,
    /// A resource control policy denies a needed action.
    BlockedByRcp,
    /// Whether a needed action is allowed hangs on something unknown.
    ConditionalPermission,
    /// A policy document cannot be understood.
    InvalidPolicy,
    /// The instance metadata service is switched off.
    MetadataDisabled,
    /// The instance is not running.
    InstanceNotRunning,
    /// The instance is terminated.
    InstanceTerminated,
    /// The target does not exist, or not for this caller.
    InstanceNotFound,
    /// The caller may not read something.
    AccessDenied,
    /// AWS, or the way to it, failed.
    AwsError,
    /// Something about the key itself or its own policy.
    KmsKeyPolicy,
    /// Default Host Management Configuration lets the agent in, or could.
    ManagedByDhmc,
    /// The profile allows just enough to keep the agent from Default Host Management Configuration.
    DhmcFallbackOff,
    /// Session logs are lost, or may be.
    SessionLogs,
    /// The agent does not report.
    AgentOffline,
    /// The agent is older than what is needed of it.
    AgentOutdated,
}

impl Code {
    /// All of them.
    pub const ALL: [Code; 26] = [
        Code::NoInstanceProfile,
        Code::InstanceProfileMissing,
        Code::InstanceProfileStale,
        Code::InstanceProfileEmpty,
        Code::AssociationPending,
        Code::RoleMissing,
        Code::TrustPolicy,
        Code::MissingPermission,
        Code::ExplicitDeny,
        Code::BlockedByBoundary,
        Code::BlockedByScp,
        Code::BlockedByRcp,
        Code::ConditionalPermission,
        Code::InvalidPolicy,
        Code::MetadataDisabled,
        Code::InstanceNotRunning,
        Code::InstanceTerminated,
        Code::InstanceNotFound,
        Code::AccessDenied,
        Code::AwsError,
        Code::KmsKeyPolicy,
        Code::ManagedByDhmc,
        Code::DhmcFallbackOff,
        Code::SessionLogs,
        Code::AgentOffline,
        Code::AgentOutdated,
    ];
}
