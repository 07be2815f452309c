//! The stable finding codes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Defines the codes, each with the sentence that describes it wherever codes are described.
macro_rules! codes {
    ($(#[doc = $description:literal] $code:ident,)*) => {
        /// What kind of thing a finding is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum Code {
            $(#[doc = $description] $code,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: [Code; [$(Code::$code,)*].len()] = [$(Code::$code,)*];

            /// What it stands for, in one sentence.
            pub const fn description(self) -> &'static str {
                match self {
                    $(Code::$code => $description.trim_ascii(),)*
                }
            }
        }
    };
}

codes! {
    /// The instance has no instance profile.
    NoInstanceProfile,
    /// The instance profile of the instance was deleted.
    InstanceProfileMissing,
    /// The instance profile was deleted and made again under the same name.
    InstanceProfileStale,
    /// The instance profile holds no role.
    InstanceProfileEmpty,
    /// The association of the instance profile is not complete.
    AssociationPending,
    /// The role does not exist.
    RoleMissing,
    /// The trust policy of the role does not admit EC2, or may not.
    TrustPolicy,
    /// No policy of the role allows a needed action.
    MissingPermission,
    /// No policy of the role allows an action that nothing needs which was asked for.
    OptionalPermission,
    /// A policy statement denies a needed action.
    ExplicitDeny,
    /// The permissions boundary denies a needed action, or does not allow it.
    BlockedByBoundary,
    /// A service control policy denies a needed action, or none at a level allows it.
    BlockedByScp,
    /// A resource control policy denies a needed action.
    BlockedByRcp,
    /// Whether a needed action is allowed depends on something that is not known.
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
    /// The caller may not read something that the check needs.
    AccessDenied,
    /// AWS, or the way to it, failed.
    AwsError,
    /// The KMS key or its policy bears on the sessions.
    KmsKeyPolicy,
    /// Default Host Management Configuration lets the agent in, or may.
    ManagedByDhmc,
    /// The profile keeps the agent from Default Host Management Configuration.
    DhmcFallbackOff,
    /// Session logs are lost, or may be.
    SessionLogs,
    /// The agent does not report.
    AgentOffline,
    /// The agent is older than the version that is needed.
    AgentOutdated,
    /// Nothing leads from the instance to a service that the agent calls.
    NoNetworkPath,
    /// A security group does not allow the agent's connections.
    SecurityGroupBlocks,
    /// A network ACL denies the agent's connections, or the answers to them.
    NetworkAclBlocks,
    /// The name of a service does not lead to the VPC endpoint that is there for it.
    EndpointDns,
    /// The policy of a VPC endpoint does not allow the agent's calls, or may not.
    EndpointPolicy,
    /// Whether the agent's connections get through is not known.
    NetworkUnknown,
    /// Systems Manager says something else than the verdict.
    NotConnected,
    /// The plan or template does not say something that the check needs.
    NotInPlan,
}
