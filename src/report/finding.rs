//! What a diagnosis finds, as data. The sentences are in `render::words`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use iam_eval::arn::Arn;
use iam_eval::{DocumentKind, NearMiss, PolicyKind, PolicySetKind, Resemblance, StatementReference, UnknownReason};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Code, PathObstacle, PathUnknown, PathWeight, Service};
use crate::facts::{Unreadable, UnreadableKind};

/// How bad a finding is. Only a certain obstacle is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Certainly keeps Session Manager out, or a requirement of the user unmet.
    Error,
    /// May keep it out, or loses something.
    Warning,
    /// Good to know.
    Info,
}

/// Something that a person should know. It serializes as the `details` of the machine report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[schemars(rename = "FindingDetails")]
pub struct Finding {
    /// What is the case.
    #[serde(flatten)]
    pub kind: FindingKind,
    /// The role of Default Host Management Configuration, if the finding is about that one and not about the profile's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_management_role: Option<String>,
    /// Why it weighs less than what it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation: Option<Reservation>,
}

/// Why a finding weighs less than what it says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reservation {
    /// The agent may get its credentials in another way, or the target may not exist: what would be an error is not certain.
    MayNotMatter,
    /// The policy of the resource, which was not read, may allow what the role's policies do not.
    MayBeAllowedBy(UnreadPolicy),
    /// Sessions do not need it; without it their logs do not reach the bucket.
    OnlyLogs {
        /// The bucket, where the finding does not follow from it by itself.
        bucket: Option<String>,
    },
}

/// The policy of a resource that was not read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct UnreadPolicy {
    /// Of what kind of resource it is.
    pub of: ResourceKind,
    /// Why it was not read, if anybody tried.
    pub reason: Option<Unreadable>,
}

/// Kinds of resources that have policies of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A KMS key.
    Key,
    /// An S3 bucket.
    Bucket,
    /// A role, whose policy is its trust policy.
    Role,
    /// Another resource.
    Other,
}

/// What a target can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// An instance profile.
    Profile,
    /// A role.
    Role,
    /// An instance, in a snapshot.
    Instance,
}

/// How the instance metadata service is not simply on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetadataState {
    /// It is off.
    Disabled,
    /// It is being turned off, on a running instance.
    BeingDisabled,
    /// A change is pending, on a running instance.
    ChangePending,
    /// A change is pending, and takes effect when the instance starts.
    ChangeAtStart,
}

/// A document, by what it is and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentName {
    /// The trust policy of the role of this name.
    TrustPolicy(String),
    /// An inline policy.
    Inline(String),
    /// A managed policy, by its ARN.
    Managed(String),
    /// A policy of the organization, or a document from a file, by its name.
    Named(String),
}

impl fmt::Display for DocumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DocumentName::TrustPolicy(role) => write!(f, "the trust policy of role `{role}`"),
            DocumentName::Inline(name) => write!(f, "the inline policy `{name}`"),
            DocumentName::Managed(arn) => write!(f, "the managed policy `{arn}`"),
            DocumentName::Named(name) => write!(f, "`{name}`"),
        }
    }
}

/// A service that assumes a role for the agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct AssumingService {
    /// Its principal, for example `ec2.amazonaws.com`.
    pub principal: String,
    /// Whether it is Systems Manager, for Default Host Management Configuration, and not EC2.
    pub is_systems_manager: bool,
}

/// An action on a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct ActionOn {
    /// The action.
    pub action: String,
    /// The resource, `*` for an action that has none; `None` for the instance itself.
    pub resource: Option<String>,
}

/// Policies that had to allow an action and do not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct ClosedPolicySet {
    /// What they are.
    pub gate: PolicySetKind,
    /// The boundary's ARN, or the level of the organization; empty for the role's own.
    pub name: String,
    /// The allow that just missed.
    pub near_miss: Option<NearMiss>,
}

/// What keeps actions from being allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// A statement denies them.
    DeniedBy(StatementReference),
    /// These do not allow them.
    Closed(Vec<ClosedPolicySet>),
}

/// What settles a permission that depends on condition keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Settling {
    /// Flags that say what is not known.
    pub flags: Vec<Flag>,
    /// A key that a request may lack, as `--context` names it.
    pub absent: Option<String>,
    /// Credentials that are issued later pass.
    pub newer_credentials: bool,
    /// Credentials that come by IMDSv2 alone pass.
    pub require_tokens: bool,
    /// The one value that the policies name for a key, by key.
    pub values: BTreeMap<String, String>,
}

/// A flag that says what is not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// `--account`
    Account,
    /// `--account`, `--region` and `--instance-id`
    Instance,
    /// `--region`
    Region,
    /// `--context` with a key, perhaps of the calls of one action.
    Context(String),
    /// `--context` with the Region that an action on a bucket goes to.
    RegionOfBucket(String),
    /// `--context` with the Region that an action goes to.
    RegionOf(String),
}

/// Where session logs go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogDestination {
    /// An S3 bucket.
    Bucket,
    /// A log group of CloudWatch Logs.
    LogGroup,
}

/// When Systems Manager saw an agent last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct LastSeen {
    /// `ConnectionLost` or `Inactive`.
    pub ping: String,
    /// The time of its last ping, to the second; `None` where not known, or where it differs among several agents.
    pub since: Option<String>,
}

/// Whether what was found keeps an agent from Systems Manager: credentials, core permissions and metadata do, what only some
/// sessions need does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfflineCause {
    /// Something certainly does.
    Certain,
    /// Something that is not known may.
    Possible,
    /// Nothing that was found does.
    NotFound,
}

/// What an agent is too old for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentFeature {
    /// Sessions.
    Sessions,
    /// Sessions that a KMS key encrypts.
    EncryptedSessions,
    /// Default Host Management Configuration.
    HostManagement,
}

/// Why the agent does not use the instance profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProfileUnused {
    /// The instance has none.
    NoProfile,
    /// It gives no credentials.
    NoCredentials,
    /// Its role is not allowed `ssm:UpdateInstanceInformation`.
    NotAllowed,
}

/// Whether the role of Default Host Management Configuration lets the agent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleState {
    /// It certainly does.
    Open,
    /// It certainly does not.
    Closed,
    /// Not known.
    Unknown,
}

/// What could not be read and decides nothing by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotRead {
    /// The agent's state.
    Agent,
    /// The session preferences.
    SessionPreferences,
    /// Whether Default Host Management Configuration is on.
    HostManagement,
}

/// What is the case.
///
/// Its fields are the `details` of the machine report. None of them holds the instance's id or Region: these stand beside the
/// finding, so that instances with the same finding can share it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "a field is what its name says, of the thing that the variant names")]
pub enum FindingKind {
    // The target.
    /// The instance does not exist, as far as these facts show. By the contract that is unknown: the id may be mistyped, or elsewhere.
    InstanceNotFound,
    /// The instance is gone, or about to be.
    InstanceTerminated { state: String },
    /// The instance does not run.
    InstanceNotRunning { state: String },
    /// The profile or role that was named does not exist.
    NoSuchTarget { target: TargetKind, name: String, exists_as_other: bool },
    /// The same, as the code for any target that does not exist.
    TargetNotFound { target: TargetKind, name: String, exists_as_other: bool },
    /// The target that was named is not in the snapshot. `near` is the name of one that is.
    TargetNotInSnapshot { target: TargetKind, name: String, near: Option<String> },

    // The chain from the instance to its role.
    /// The metadata service, through which credentials come, is off or may be.
    Metadata { state: MetadataState },
    /// The instance has no instance profile.
    NoInstanceProfile,
    /// The association of the instance with its profile is under way.
    AssociationPending { state: String, profile: Option<String>, shows_profile: bool },
    /// The instance and its association name different profiles; the instance none where `associated_with` is `None`.
    AssociationDiffers { associated_with: Option<String> },
    /// The instance's profile was deleted.
    ProfileMissing { profile: String, association: Option<String> },
    /// The instance's profile was deleted and created again, and the instance holds the old one.
    ProfileStale { profile: String, held_id: String, current_id: String, association: Option<String> },
    /// The profile holds no role.
    ProfileEmpty { profile: String },
    /// No profile holds the role that was named.
    RoleWithoutProfile { role: String },
    /// The role that the profile holds does not exist.
    RoleMissing { role: String },

    // What could not be read.
    /// A call gave no answer.
    Unreadable { reason: Unreadable, leaves_unknown: bool },
    /// A call gave no answer that decides anything.
    NotRead { what: NotRead, reason: Unreadable },
    /// Whether Default Host Management Configuration lets the agent in is not known, and `because` of this it would have to.
    HostManagementUnreadable { because: ProfileUnused, reason: Unreadable },
    /// The session preferences that were named are not known.
    PreferencesUnreadable { name: String, reason: Unreadable },

    // Documents.
    /// The document is no policy of its kind.
    NotAPolicy { document: DocumentName, document_kind: DocumentKind, error: String },
    /// The document is of another kind than it was given as.
    MisplacedDocument { document: DocumentName, document_kind: DocumentKind, looks_like: Resemblance },
    /// IAM does not store such a document, or parts of it are not understood.
    UnsoundPolicy { document: DocumentName, problems: Vec<String> },
    /// The Session document is not understood.
    PreferencesInvalid { name: String, error: String },
    /// The Session document that was named does not exist.
    PreferencesMissing { name: String },

    // Trust.
    /// The trust policy does not let the service assume the role.
    TrustDenied { role: Option<String>, service: AssumingService, managed_by: Option<String> },
    /// Whether it does is not known. `settled_by` is a key that `--context` can give.
    TrustUnknown {
        role: Option<String>,
        service: AssumingService,
        depends_on: UnknownReason,
        settled_by: Option<String>,
    },
    /// A resource control policy denies `sts:AssumeRole`, or may; AWS does not document whether it applies to the call of a service.
    RcpOnAssumeRole { service: AssumingService, statement: StatementReference, denies: bool },

    // Permissions.
    /// No policy of the role allows what is needed.
    MissingPermission {
        role: Option<String>,
        permissions: Vec<ActionOn>,
        only_core: bool,
        fix_can_grant: bool,
        managed_by: Option<String>,
        near_miss: Option<NearMiss>,
        boundary: Option<String>,
    },
    /// `s3:GetEncryptionConfiguration` is not allowed, and nothing that was asked for needs it.
    OptionalPermission { action: String },
    /// A statement of a policy of the role denies what is needed.
    ExplicitDeny { statement: StatementReference, actions: Vec<String> },
    /// A statement of its boundary, or of a policy of the organization, denies what is needed.
    DeniedByGate { statement: StatementReference, actions: Vec<String> },
    /// The boundary, or a level of the organization, does not allow what is needed.
    NotAllowedByGate { gate: ClosedPolicySet, actions: Vec<String> },
    /// A level of the organization allows nothing at all.
    LevelAllowsNothing { level: String, has_policies: bool, actions: Vec<String> },
    /// Whether the role may is not known.
    ConditionalPermission { actions: Vec<String>, depends_on: UnknownReason, settling: Settling },
    /// The role's policies allow it, and the policy of the resource, which nobody reads, must allow it too.
    ResourceMustAllow { of: ResourceKind, resource: String, action: String },

    // The session key.
    /// The key is of another partition than the role.
    KeyOfOtherPartition { key: String, key_partition: String, partition: String },
    /// The key is of another Region than the agent.
    KeyOfOtherRegion { key: String, key_region: String, region: String },
    /// Only AWS knows which key an alias stands for.
    AliasNotResolved { alias: String },
    /// No such key is to be seen, so that it is not known which one the role must be allowed.
    KeyNotResolved { key: String, region: Option<String>, by_preferences: bool },
    /// The key does not exist, as far as these credentials see.
    KeyMissing { key: String, by_preferences: bool, other_account: bool },
    /// The key cannot be used in its state, or it is not known whether it can.
    KeyState { key: String, state: String, ends_sessions: bool },
    /// The key is made for something else than to encrypt data keys.
    KeyOfOtherUse { key: String, setting: String, value: String, ends_sessions: bool },
    /// The key's own policy could not be parsed, or the role's ARN is not known.
    KeyPolicyInvalid { key: String },
    /// Statements of the key's own policy deny the role.
    KeyPolicyDenies { key: String, statements: Vec<StatementReference>, action: String },
    /// The key's own policy does not allow the role.
    KeyPolicyDoesNotAllow { key: String, action: String, near_miss: Option<NearMiss>, names_deleted_role: bool },
    /// Whether the key's own policy allows the role is not known.
    KeyPolicyUnknown { key: String, depends_on: UnknownReason },
    /// The key's own policy was not read. `other_account` is that of the key, if it is not the role's.
    KeyPolicyNotRead { key: String, other_account: Option<String>, reason: Option<Unreadable> },

    // Session logs.
    /// The role may not do what logs need.
    LogsDenied { role: String, actions: Vec<String>, obstacle: Obstacle },
    /// Whether it may is not known.
    LogsUnknown {
        role: String,
        actions: Vec<String>,
        depends_on: UnknownReason,
        unread: Vec<UnreadPolicy>,
        obstacle: Obstacle,
    },
    /// The bucket or log group does not exist.
    LogDestinationMissing { destination: LogDestination, name: String, must_be_encrypted: bool },
    /// The bucket is not encrypted as the session preferences demand.
    BucketNotEncrypted { bucket: String, algorithm: Option<String> },
    /// The log group is not encrypted as the session preferences demand.
    LogGroupNotEncrypted { log_group: String },
    /// The bucket's own policy could not be parsed, or the role's ARN is not known.
    BucketPolicyInvalid { bucket: String, only_logs: bool },
    /// Statements of the bucket's own policy deny the role.
    BucketPolicyDenies { bucket: String, statements: Vec<StatementReference>, action: String, only_logs: bool },
    /// Whether the bucket's own policy denies the role is not known.
    BucketPolicyUnknown { bucket: String, action: String, depends_on: UnknownReason, only_logs: bool },

    // The agent.
    /// Systems Manager does not see the agent.
    AgentOffline {
        last_seen: Option<LastSeen>,
        cause: OfflineCause,
        not_ready: bool,
        scps_unseen: bool,
        network_open: bool,
        started: Option<String>,
    },
    /// The agent is too old.
    AgentOutdated { version: String, least: String, feature: AgentFeature },
    /// The agent may be too old for Default Host Management Configuration.
    AgentVersionUnknown { least: String },

    /// `ssm:GetConnectionStatus` contradicts the verdict.
    ConnectionContradicts { connected: bool },

    // The network path.
    /// Something closes the path to services.
    PathClosed { obstacle: PathObstacle, services: Vec<Service>, weight: PathWeight },
    /// Whether the path to services is open is not known. `required` says that the verdict must not pass over it.
    PathNotKnown { why: PathUnknown, services: Vec<Service>, required: bool },
    /// The policy of a VPC endpoint does not let the calls through: by a statement that denies, or without one that allows.
    EndpointPolicyBlocks {
        endpoint: String,
        statement: Option<StatementReference>,
        actions: Vec<String>,
        weight: PathWeight,
    },
    /// The same, and it is not known whether the calls go through that endpoint.
    EndpointPolicyMayBlock {
        endpoint: String,
        statement: Option<StatementReference>,
        actions: Vec<String>,
        leaves_unknown: bool,
    },
    /// Whether it does is not known.
    EndpointPolicyUnknown { endpoint: String, actions: Vec<String>, depends_on: UnknownReason, leaves_unknown: bool },

    // Default Host Management Configuration.
    /// It lets the agent in.
    ManagedByHostManagement { role: String, because: ProfileUnused, lacks_more: bool },
    /// It or the profile lets the agent in.
    EitherRole { role: String },
    /// Whether the agent falls back to it is not known.
    FallbackUnknown { role: String, role_lets_agent_in: bool },
    /// The profile allows just enough to keep the agent from it.
    FallbackOff { profile_role: Option<String>, role: String, role_state: RoleState },
    /// The role that it names has another path.
    HostRoleElsewhere { setting: String, found: String },
    /// The role that it names does not exist.
    HostRoleMissing { role: String },

    /// For tests of what shows findings, whatever they say.
    #[cfg(test)]
    Sample { code: Code, severity: Severity, leaves_unknown: bool, message: String, remedy: String },
}

#[cfg(test)]
impl Finding {
    /// A finding for tests of what shows findings.
    pub(crate) fn sample(code: Code, severity: Severity, message: &str, remedy: &str) -> Finding {
        let (message, remedy) = (message.to_owned(), remedy.to_owned());
        FindingKind::Sample { code, severity, leaves_unknown: false, message, remedy }.into()
    }

    /// The same, leaving the verdict unknown.
    pub(crate) fn that_leaves_unknown(mut self) -> Finding {
        if let FindingKind::Sample { leaves_unknown, .. } = &mut self.kind {
            *leaves_unknown = true;
        }
        self
    }
}

impl From<FindingKind> for Finding {
    fn from(kind: FindingKind) -> Finding {
        Finding { kind, host_management_role: None, reservation: None }
    }
}

/// Severity, and whether the verdict cannot be `ready` although it is no error.
type Weight = (Severity, bool);

const ERROR: Weight = (Severity::Error, false);
const WARNING: Weight = (Severity::Warning, false);
const UNKNOWN: Weight = (Severity::Warning, true);
const INFO: Weight = (Severity::Info, false);

fn unknown_if(leaves_unknown: bool) -> Weight {
    (Severity::Warning, leaves_unknown)
}

impl Finding {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self.reservation {
            Some(Reservation::OnlyLogs { .. }) => Code::SessionLogs,
            Some(Reservation::MayNotMatter | Reservation::MayBeAllowedBy(_)) | None => self.kind.code(),
        }
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.weight().0
    }

    /// Whether it keeps the verdict from being `ready` although it is no error: a needed fact is missing.
    pub fn leaves_unknown(&self) -> bool {
        self.weight().1
    }

    fn weight(&self) -> Weight {
        let weight = self.kind.weight();
        match self.reservation {
            None => weight,
            Some(Reservation::MayNotMatter | Reservation::MayBeAllowedBy(_)) if weight == ERROR => UNKNOWN,
            Some(Reservation::MayNotMatter | Reservation::MayBeAllowedBy(_)) => weight,
            Some(Reservation::OnlyLogs { .. }) => (weight.0.max(Severity::Warning), false),
        }
    }

    /// Whether it keeps the verdict from being `ready`.
    pub fn decides(&self) -> bool {
        self.severity() == Severity::Error || self.leaves_unknown()
    }

    /// Whether it is of the network path, which no change of a role opens.
    pub fn is_of_network(&self) -> bool {
        matches!(
            self.kind,
            FindingKind::PathClosed { .. }
                | FindingKind::PathNotKnown { .. }
                | FindingKind::EndpointPolicyBlocks { .. }
                | FindingKind::EndpointPolicyMayBlock { .. }
                | FindingKind::EndpointPolicyUnknown { .. }
        )
    }

    /// Whether it says that something could not be read or found, rather than what was read.
    pub fn is_failure(&self) -> bool {
        matches!(self.code(), Code::AccessDenied | Code::AwsError | Code::InstanceNotFound)
    }

    /// The same as a thing that may not matter.
    pub fn that_may_not_matter(self) -> Finding {
        let reservation = self.reservation.or(Some(Reservation::MayNotMatter));
        Finding { reservation, ..self }
    }

    /// The same of the instances of any Region, as far as that is another finding: without what one instance alone has.
    pub fn of_any_instance(&self, region: Option<&str>) -> Cow<'_, Finding> {
        let mut kind = self.kind.clone();
        match &mut kind {
            FindingKind::ProfileMissing { association, .. } | FindingKind::ProfileStale { association, .. } => {
                *association = None;
            }
            FindingKind::AgentOffline { last_seen: Some(seen), .. } => seen.since = None,
            FindingKind::PathClosed { obstacle, .. } => obstacle.of_any_instance(),
            FindingKind::PathNotKnown { why, .. } => why.of_any_instance(),
            FindingKind::MissingPermission { permissions, .. } => {
                let Some(region) = region else { return Cow::Borrowed(self) };
                for resource in permissions.iter_mut().filter_map(|permission| permission.resource.as_mut()) {
                    if let Some(general) = in_any_region(resource, region) {
                        *resource = general;
                    }
                }
            }
            _ => return Cow::Borrowed(self),
        }
        Cow::Owned(Finding { kind, ..self.clone() })
    }
}

/// The ARN with a word in the place of its Region, if it is of this one.
fn in_any_region(arn: &str, region: &str) -> Option<String> {
    let arn = Arn::parse(arn).filter(|arn| arn.region == region)?;
    Some(Arn { region: ANY_REGION.to_owned(), ..arn }.to_string())
}

/// Stands for a Region in the ARN of a finding that instances of several Regions have.
pub const ANY_REGION: &str = "REGION";

impl FindingKind {
    fn code(&self) -> Code {
        match self {
            FindingKind::InstanceNotFound
            | FindingKind::TargetNotFound { .. }
            | FindingKind::TargetNotInSnapshot { .. } => Code::InstanceNotFound,
            FindingKind::InstanceTerminated { .. } => Code::InstanceTerminated,
            FindingKind::InstanceNotRunning { .. } => Code::InstanceNotRunning,
            FindingKind::NoSuchTarget { target: TargetKind::Profile, .. } => Code::InstanceProfileMissing,
            FindingKind::NoSuchTarget { target: TargetKind::Role, .. } => Code::RoleMissing,
            FindingKind::NoSuchTarget { target: TargetKind::Instance, .. } => Code::InstanceNotFound,
            FindingKind::Metadata { .. } => Code::MetadataDisabled,
            FindingKind::NoInstanceProfile | FindingKind::RoleWithoutProfile { .. } => Code::NoInstanceProfile,
            FindingKind::AssociationPending { .. } | FindingKind::AssociationDiffers { .. } => Code::AssociationPending,
            FindingKind::ProfileMissing { .. } => Code::InstanceProfileMissing,
            FindingKind::ProfileStale { .. } => Code::InstanceProfileStale,
            FindingKind::ProfileEmpty { .. } => Code::InstanceProfileEmpty,
            FindingKind::RoleMissing { .. }
            | FindingKind::HostRoleElsewhere { .. }
            | FindingKind::HostRoleMissing { .. } => Code::RoleMissing,
            FindingKind::Unreadable { reason, .. }
            | FindingKind::NotRead { reason, .. }
            | FindingKind::HostManagementUnreadable { reason, .. }
            | FindingKind::PreferencesUnreadable { reason, .. } => code_of(reason.kind),
            FindingKind::NotAPolicy { .. }
            | FindingKind::MisplacedDocument { .. }
            | FindingKind::UnsoundPolicy { .. }
            | FindingKind::PreferencesInvalid { .. }
            | FindingKind::BucketPolicyInvalid { .. } => Code::InvalidPolicy,
            FindingKind::PreferencesMissing { .. } => Code::AwsError,
            FindingKind::TrustDenied { .. } | FindingKind::TrustUnknown { .. } => Code::TrustPolicy,
            FindingKind::RcpOnAssumeRole { .. } => Code::BlockedByRcp,
            FindingKind::MissingPermission { .. } => Code::MissingPermission,
            FindingKind::OptionalPermission { .. } => Code::OptionalPermission,
            FindingKind::ExplicitDeny { .. } => Code::ExplicitDeny,
            FindingKind::DeniedByGate { statement, .. } => code_of_gate(statement.gate),
            FindingKind::NotAllowedByGate { gate, .. } => code_of_gate(gate.gate),
            FindingKind::LevelAllowsNothing { .. } => Code::BlockedByScp,
            FindingKind::ConditionalPermission { .. } | FindingKind::ResourceMustAllow { .. } => {
                Code::ConditionalPermission
            }
            FindingKind::KeyOfOtherPartition { .. }
            | FindingKind::KeyOfOtherRegion { .. }
            | FindingKind::AliasNotResolved { .. }
            | FindingKind::KeyNotResolved { .. }
            | FindingKind::KeyMissing { .. }
            | FindingKind::KeyState { .. }
            | FindingKind::KeyOfOtherUse { .. }
            | FindingKind::KeyPolicyInvalid { .. }
            | FindingKind::KeyPolicyDenies { .. }
            | FindingKind::KeyPolicyDoesNotAllow { .. }
            | FindingKind::KeyPolicyUnknown { .. }
            | FindingKind::KeyPolicyNotRead { .. } => Code::KmsKeyPolicy,
            FindingKind::BucketPolicyDenies { only_logs: false, .. } => Code::ExplicitDeny,
            FindingKind::BucketPolicyUnknown { only_logs: false, .. } => Code::ConditionalPermission,
            FindingKind::LogsDenied { .. }
            | FindingKind::LogsUnknown { .. }
            | FindingKind::LogDestinationMissing { .. }
            | FindingKind::BucketNotEncrypted { .. }
            | FindingKind::LogGroupNotEncrypted { .. }
            | FindingKind::BucketPolicyDenies { .. }
            | FindingKind::BucketPolicyUnknown { .. } => Code::SessionLogs,
            FindingKind::AgentOffline { .. } => Code::AgentOffline,
            FindingKind::AgentOutdated { .. } => Code::AgentOutdated,
            FindingKind::AgentVersionUnknown { .. }
            | FindingKind::ManagedByHostManagement { .. }
            | FindingKind::EitherRole { .. }
            | FindingKind::FallbackUnknown { .. } => Code::ManagedByDhmc,
            FindingKind::FallbackOff { .. } => Code::DhmcFallbackOff,
            FindingKind::ConnectionContradicts { .. } => Code::NotConnected,
            FindingKind::PathClosed { obstacle, .. } => code_of_obstacle(obstacle),
            FindingKind::PathNotKnown { .. } => Code::NetworkUnknown,
            FindingKind::EndpointPolicyBlocks { .. }
            | FindingKind::EndpointPolicyMayBlock { .. }
            | FindingKind::EndpointPolicyUnknown { .. } => Code::EndpointPolicy,
            #[cfg(test)]
            FindingKind::Sample { code, .. } => *code,
        }
    }

    fn weight(&self) -> Weight {
        match self {
            FindingKind::InstanceTerminated { .. }
            | FindingKind::Metadata { state: MetadataState::Disabled }
            | FindingKind::NoInstanceProfile
            | FindingKind::ProfileMissing { .. }
            | FindingKind::ProfileStale { .. }
            | FindingKind::ProfileEmpty { .. }
            | FindingKind::RoleMissing { .. }
            | FindingKind::TrustDenied { .. }
            | FindingKind::MissingPermission { .. }
            | FindingKind::ExplicitDeny { .. }
            | FindingKind::DeniedByGate { .. }
            | FindingKind::NotAllowedByGate { .. }
            | FindingKind::LevelAllowsNothing { .. }
            | FindingKind::KeyOfOtherPartition { .. }
            | FindingKind::KeyOfOtherRegion { .. }
            | FindingKind::KeyOfOtherUse { .. }
            | FindingKind::KeyPolicyDenies { .. }
            | FindingKind::KeyPolicyDoesNotAllow { .. }
            | FindingKind::LogDestinationMissing { must_be_encrypted: true, .. }
            | FindingKind::BucketNotEncrypted { .. }
            | FindingKind::LogGroupNotEncrypted { .. }
            | FindingKind::BucketPolicyDenies { only_logs: false, .. }
            | FindingKind::AgentOutdated { .. }
            | FindingKind::FallbackOff { .. }
            | FindingKind::HostRoleMissing { .. } => ERROR,
            FindingKind::PathClosed { weight, .. } | FindingKind::EndpointPolicyBlocks { weight, .. } => match weight {
                PathWeight::Sessions => ERROR,
                PathWeight::Connected | PathWeight::Logs => WARNING,
            },
            FindingKind::PathNotKnown { required: true, .. } => UNKNOWN,
            FindingKind::EndpointPolicyMayBlock { leaves_unknown, .. }
            | FindingKind::EndpointPolicyUnknown { leaves_unknown, .. } => unknown_if(*leaves_unknown),
            FindingKind::KeyNotResolved { by_preferences, .. } => {
                if *by_preferences {
                    ERROR
                } else {
                    UNKNOWN
                }
            }
            // A key of another account may only be hidden.
            FindingKind::KeyMissing { by_preferences: true, other_account, .. } => {
                if *other_account {
                    UNKNOWN
                } else {
                    ERROR
                }
            }
            FindingKind::KeyState { state, .. } => {
                if is_documented_key_state(state) {
                    ERROR
                } else {
                    UNKNOWN
                }
            }
            FindingKind::AssociationPending { state, .. } => match state.as_str() {
                "associating" | "disassociating" | "disassociated" => ERROR,
                _ => UNKNOWN,
            },
            FindingKind::InstanceNotRunning { state } => unknown_if(!is_documented_instance_state(state)),
            FindingKind::Unreadable { leaves_unknown, .. } => unknown_if(*leaves_unknown),
            FindingKind::BucketPolicyInvalid { only_logs, .. } | FindingKind::BucketPolicyUnknown { only_logs, .. } => {
                unknown_if(!only_logs)
            }
            FindingKind::InstanceNotFound
            | FindingKind::NoSuchTarget { .. }
            | FindingKind::TargetNotFound { .. }
            | FindingKind::TargetNotInSnapshot { .. }
            | FindingKind::Metadata { state: MetadataState::BeingDisabled | MetadataState::ChangePending }
            | FindingKind::AssociationDiffers { .. }
            | FindingKind::HostManagementUnreadable { .. }
            | FindingKind::PreferencesUnreadable { .. }
            | FindingKind::NotAPolicy { .. }
            | FindingKind::MisplacedDocument { .. }
            | FindingKind::PreferencesInvalid { .. }
            | FindingKind::PreferencesMissing { .. }
            | FindingKind::TrustUnknown { .. }
            | FindingKind::RcpOnAssumeRole { .. }
            | FindingKind::ConditionalPermission { .. }
            | FindingKind::ResourceMustAllow { .. }
            | FindingKind::AliasNotResolved { .. }
            | FindingKind::KeyPolicyInvalid { .. }
            | FindingKind::KeyPolicyUnknown { .. }
            | FindingKind::AgentVersionUnknown { .. }
            | FindingKind::FallbackUnknown { .. }
            | FindingKind::HostRoleElsewhere { .. } => UNKNOWN,
            FindingKind::Metadata { state: MetadataState::ChangeAtStart }
            | FindingKind::RoleWithoutProfile { .. }
            | FindingKind::UnsoundPolicy { .. }
            | FindingKind::KeyMissing { by_preferences: false, .. }
            | FindingKind::KeyPolicyNotRead { other_account: Some(_), .. }
            | FindingKind::LogsDenied { .. }
            | FindingKind::LogsUnknown { .. }
            | FindingKind::LogDestinationMissing { must_be_encrypted: false, .. }
            | FindingKind::BucketPolicyDenies { only_logs: true, .. }
            | FindingKind::AgentOffline { .. }
            | FindingKind::ConnectionContradicts { .. } => WARNING,
            FindingKind::NotRead { .. }
            | FindingKind::PathNotKnown { required: false, .. }
            | FindingKind::OptionalPermission { .. }
            | FindingKind::KeyPolicyNotRead { other_account: None, .. }
            | FindingKind::ManagedByHostManagement { .. }
            | FindingKind::EitherRole { .. } => INFO,
            #[cfg(test)]
            FindingKind::Sample { severity, leaves_unknown, .. } => (*severity, *leaves_unknown),
        }
    }
}

/// Whether it is a state of a key that cannot be used.
///
/// Source: [Key states](https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html).
pub fn is_documented_key_state(state: &str) -> bool {
    matches!(
        state,
        "Disabled" | "PendingDeletion" | "Creating" | "PendingImport" | "PendingReplicaDeletion" | "Unavailable"
    )
}

/// Whether it is a state of an instance that does not run and still can.
pub fn is_documented_instance_state(state: &str) -> bool {
    matches!(state, "pending" | "stopping" | "stopped")
}

fn code_of(kind: UnreadableKind) -> Code {
    match kind {
        UnreadableKind::Denied => Code::AccessDenied,
        UnreadableKind::OtherPath | UnreadableKind::OtherAccount => Code::InstanceNotFound,
        UnreadableKind::NotInPlan => Code::NotInPlan,
        UnreadableKind::Throttled
        | UnreadableKind::Credentials
        | UnreadableKind::Network
        | UnreadableKind::Response
        | UnreadableKind::NotInSnapshot
        | UnreadableKind::Unsupported
        | UnreadableKind::Service
        | UnreadableKind::Other => Code::AwsError,
    }
}

fn code_of_obstacle(obstacle: &PathObstacle) -> Code {
    match obstacle {
        PathObstacle::Egress { .. } | PathObstacle::Ingress { .. } => Code::SecurityGroupBlocks,
        PathObstacle::NetworkAcl { .. } => Code::NetworkAclBlocks,
        PathObstacle::NoPrivateDns { .. } | PathObstacle::VpcDns { endpoint: Some(_), .. } => Code::EndpointDns,
        PathObstacle::NoRoute { .. }
        | PathObstacle::Blackhole { .. }
        | PathObstacle::NoPublicAddress { .. }
        | PathObstacle::InternetGatewayDetached { .. }
        | PathObstacle::NatGateway { .. }
        | PathObstacle::PrivateNatGateway { .. }
        | PathObstacle::EndpointState { .. }
        | PathObstacle::VpcDns { endpoint: None, .. }
        | PathObstacle::BlockPublicAccess { .. } => Code::NoNetworkPath,
    }
}

fn code_of_gate(gate: PolicySetKind) -> Code {
    match gate {
        PolicySetKind::Scp => Code::BlockedByScp,
        PolicySetKind::Rcp => Code::BlockedByRcp,
        PolicySetKind::Boundary | PolicySetKind::Identity | PolicySetKind::Resource => Code::BlockedByBoundary,
    }
}

/// The kind of policies that a gate holds, as the report names them.
pub fn policy_kind_of(gate: PolicySetKind) -> PolicyKind {
    match gate {
        PolicySetKind::Scp => PolicyKind::Scp,
        PolicySetKind::Rcp => PolicyKind::Rcp,
        PolicySetKind::Boundary => PolicyKind::Boundary,
        PolicySetKind::Identity | PolicySetKind::Resource => PolicyKind::Document,
    }
}
