//! What a verdict does not speak of.

use crate::facts::Unreadable;

/// Something that was not looked at, or cannot be. The order is that of the report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotChecked {
    /// The role's trust policy, which was not given.
    TrustPolicy,
    /// A permissions boundary, which was not given.
    Boundary,
    /// The partition, which is taken to be this one, or cannot be told from the documents.
    Partition(Option<String>),
    /// Whatever stands outside of bare documents.
    OutsideDocuments {
        /// Whether the policy of the VPC endpoints is one of them.
        endpoint_policy: bool,
    },
    /// The way to Systems Manager, and endpoint policies.
    NetworkPath,
    /// The way to where session logs go.
    NetworkPathOfLogs {
        /// To S3.
        s3: bool,
        /// To CloudWatch Logs.
        cloudwatch: bool,
    },
    /// What of the way only the host knows.
    NetworkOnHost,
    /// The session preferences.
    SessionPreferences,
    /// Service control policies that are not visible; why, if they were asked for.
    Scps(Option<Unreadable>),
    /// Resource control policies that are not visible; why, if they were asked for.
    Rcps(Option<Unreadable>),
    /// Resource control policies, which nobody asked for.
    RcpsNotRead,
    /// Those of the account that owns a key or bucket.
    RcpsOfOwner,
    /// Those of the account that owns the bucket, if it is another one.
    RcpsOfBucketOwner,
    /// The permissions of the user who starts a session.
    Starter {
        /// Whether a key encrypts sessions.
        encrypted: bool,
    },
    /// The bucket's own policy.
    BucketPolicy,
    /// The bucket's encryption.
    BucketEncryption,
    /// The log group.
    LogGroup,
    /// The policies of resources that the user named.
    ResourcePolicies,
    /// Credentials on the instance that the agent prefers.
    CredentialsOnInstance,
    /// Whether sessions still open for a while although something keeps the agent out.
    StillOnline,
    /// Default Host Management Configuration.
    HostManagement,
    /// The instance metadata service.
    MetadataService,
    /// Whether the profile was made again.
    ProfileId,
    /// The agent's state.
    Agent,
    /// Whether AWS has made another version of a managed policy since: its document came with this tool.
    ShippedPolicy {
        /// Its ARN.
        policy: String,
        /// The version.
        version: String,
        /// The date of that version.
        date: String,
    },
}
