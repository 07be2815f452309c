//! The facts that a verdict stands on, whichever source they came from.
//!
//! Each datum is known, known to be absent, or unreadable with the reason. Facts are normalised:
//! instances point to profiles, profiles to roles, roles to managed policies, by key. The snapshot
//! file is their serialised form ([`snapshot`]).

mod account;
mod document;
mod kms;
mod known_file;
mod logs;
mod network;
pub mod owner;
mod planned;
pub mod snapshot;
mod unreadable;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use account::{CallerIdentity, GivenPolicies, NamedDocument, Organization, PolicyLevel, Settings};
pub use document::PolicyText;
pub use kms::{KmsKey, OtherUse, default_key_policy, kms_key, planned_key, planned_key_id};
pub use known_file::{KnownFile, no_policy};
pub use logs::{Bucket, BucketEncryption, LogGroup, log_group};
pub use network::{
    AclEntry, BlockExclusion, BlockPublicAccess, DhcpOptions, EndpointInterface, GroupRule, NatGateway, Network,
    NetworkAcl, PrimaryInterface, Route, RouteTable, SecurityGroup, Subnet, Vpc, VpcDns, VpcEndpoint,
};
pub use planned::{
    Origin, PlannedInstance, PlannedInterface, PlannedLocation, fits, is_planned_role, is_under_condition, key_under,
    may_be_named, planned_role,
};
pub use unreadable::{Unreadable, UnreadableKind};

/// A datum that may be missing for a reason that matters to the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Fact_of_{T}")]
pub enum Fact<T> {
    /// It was read.
    Known(T),
    /// AWS says that there is none.
    Absent,
    /// It could not be read: nothing is known about it.
    Unreadable(Unreadable),
}

impl<T> Fact<T> {
    /// The datum, if it was read.
    pub fn known(&self) -> Option<&T> {
        match self {
            Fact::Known(value) => Some(value),
            Fact::Absent | Fact::Unreadable(_) => None,
        }
    }

    /// What comes of the datum.
    pub fn map<U>(self, of: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Fact::Known(value) => Fact::Known(of(value)),
            Fact::Absent => Fact::Absent,
            Fact::Unreadable(reason) => Fact::Unreadable(reason),
        }
    }

    /// Why it could not be read, if so.
    pub fn unreadable(&self) -> Option<&Unreadable> {
        match self {
            Fact::Unreadable(reason) => Some(reason),
            Fact::Known(_) | Fact::Absent => None,
        }
    }
}

/// Everything that was read for one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// When the facts were read; the verdict speaks of that time.
    pub taken_at: Timestamp,
    /// What is to be judged, in the order it was asked for.
    #[serde(serialize_with = "snapshot::on_lines")]
    #[schemars(with = "Vec<Subject>")]
    pub subjects: Vec<Subject>,
    /// Instance profiles by `ACCOUNT/NAME`, or `NAME` while the account is not known ([`key`]).
    pub profiles: BTreeMap<String, Fact<InstanceProfile>>,
    /// Roles by the same ([`key`]).
    pub roles: BTreeMap<String, Fact<Role>>,
    /// The names of the instance profiles that hold a role, by the role's key, for roles that were named.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles_of_roles: BTreeMap<String, Fact<Vec<String>>>,
    /// Managed policies by ARN: attached ones and boundaries.
    pub policies: BTreeMap<String, Fact<ManagedPolicy>>,
    /// KMS keys by `REGION/ID` or `REGION/alias/NAME` ([`kms_key`]): what an id or alias stands for.
    pub kms_keys: BTreeMap<String, Fact<KmsKey>>,
    /// Those of them that cannot encrypt sessions, by their ARNs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys_of_other_use: BTreeMap<String, OtherUse>,
    /// What targets of a template may be instead, by their names: one for each way in which conditions may come out that cannot
    /// be decided.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub alternatives: BTreeMap<String, Vec<PlannedInstance>>,
    /// The buckets that session logs go to, by name; absent if there is none of that name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub buckets: BTreeMap<String, Fact<Bucket>>,
    /// The log groups that session logs go to, by `REGION/NAME` ([`log_group`]); absent if there is none of that name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub log_groups: BTreeMap<String, Fact<LogGroup>>,
    /// The SCP levels from the root down, where they are known; none at all in an account that they do not touch.
    pub scp_levels: Option<Vec<PolicyLevel>>,
    /// The levels of resource control policies from the root down, where they are known; none at all in an account whose
    /// resources they do not touch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rcp_levels: Option<Vec<PolicyLevel>>,
    /// The settings of Systems Manager, by Region; under an empty name those of a plan that does not say in which.
    #[serde(default)]
    pub settings: BTreeMap<String, Settings>,
    /// The organization that the account is in; absent if it is in none.
    #[serde(default = "not_taken::<Organization>")]
    pub organization: Fact<Organization>,
    /// The networks, by Region, where they were read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, Arc<Network>>,
    /// The names of the instances of a snapshot, of which `subjects` are those that are wanted: to tell what was nearly meant.
    #[serde(skip)]
    pub names: Vec<String>,
}

fn not_asked<T>() -> Fact<T> {
    Fact::Absent
}

fn is_absent<T>(fact: &Fact<T>) -> bool {
    matches!(fact, Fact::Absent)
}

/// What a snapshot of an older version does not hold.
fn not_taken<T>() -> Fact<T> {
    Fact::Unreadable(Unreadable {
        api: "ssm-profile snapshot".to_owned(),
        kind: UnreadableKind::NotInSnapshot,
        message: "the snapshot is of an older version that did not hold this".to_owned(),
    })
}

impl Facts {
    /// Facts about nothing, taken at `taken_at`.
    pub fn new(taken_at: Timestamp) -> Facts {
        Facts {
            taken_at,
            subjects: Vec::new(),
            profiles: BTreeMap::new(),
            roles: BTreeMap::new(),
            profiles_of_roles: BTreeMap::new(),
            policies: BTreeMap::new(),
            kms_keys: BTreeMap::new(),
            keys_of_other_use: BTreeMap::new(),
            alternatives: BTreeMap::new(),
            buckets: BTreeMap::new(),
            log_groups: BTreeMap::new(),
            scp_levels: None,
            rcp_levels: None,
            settings: BTreeMap::new(),
            organization: not_taken(),
            networks: BTreeMap::new(),
            names: Vec::new(),
        }
    }

    /// Whether they are of a plan or template, and not of an account.
    pub fn are_planned(&self) -> bool {
        self.subjects.iter().any(|subject| matches!(subject.kind, SubjectKind::Planned(_)))
    }

    /// Puts the levels of the organization's policies that a person gave, if any, in the place of those that were read.
    pub fn give_policies(&mut self, given: GivenPolicies) {
        let GivenPolicies { scps, rcps } = given;
        if let Fact::Known(organization) = &mut self.organization {
            organization.policies_unread.take_if(|_| scps.is_some());
            organization.rcps_unread.take_if(|_| rcps.is_some());
        }
        self.scp_levels = scps.or(self.scp_levels.take());
        self.rcp_levels = rcps.or(self.rcp_levels.take());
    }
}

/// The key of a profile or role: `ACCOUNT/NAME`, or `NAME` while the account is not known.
///
/// Names are unique within an account, whatever the path and the case.
pub fn key(account: Option<&str>, name: &str) -> String {
    match account {
        Some(account) => format!("{account}/{name}"),
        None => name.to_owned(),
    }
}

/// One thing to be judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The target as it was typed, or the instance id for one met in a fleet.
    pub target: String,
    /// The account, where known.
    pub account: Option<String>,
    /// The Region, where known.
    pub region: Option<String>,
    /// The partition, where known.
    pub partition: Option<String>,
    /// Whether a selection over a fleet met it, rather than somebody naming it.
    pub from_selection: bool,
    /// What it is.
    pub kind: SubjectKind,
    /// Where it stands in the plan or template that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// What a subject is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// An EC2 instance; absent if there is none of that id.
    Instance(Fact<Box<Instance>>),
    /// An instance profile, by its key in [`Facts::profiles`].
    Profile(String),
    /// A role, by its key in [`Facts::roles`].
    Role(String),
    /// Bare policy documents; no role, profile or instance in view.
    Documents(Box<Documents>),
    /// What a plan or template says of an instance, or of what launches instances.
    Planned(Box<PlannedInstance>),
}

/// An EC2 instance, as `DescribeInstances` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Its tag `Name`.
    pub name: Option<String>,
    /// `pending`, `running`, `shutting-down`, `terminated`, `stopping`, `stopped`.
    pub state: String,
    /// The profile that it is associated with.
    pub profile: Option<AttachedProfile>,
    /// The state of its association with that profile; absent if AWS lists none, or none was asked for but pending ones.
    pub association: Fact<Association>,
    /// Its metadata options, where AWS gave them.
    pub metadata: Option<MetadataOptions>,
    /// Its VPC.
    pub vpc: Option<String>,
    /// Its primary private IPv4 address.
    pub private_ip: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its agent, as Systems Manager last saw it; absent if it never did.
    #[serde(default = "not_taken::<Agent>")]
    pub agent: Fact<Agent>,
    /// The version of the agent that its console output says has started; absent if it says nothing, or was not asked for.
    #[serde(default = "not_asked::<String>", skip_serializing_if = "is_absent")]
    pub agent_started: Fact<String>,
    /// Its primary network interface; none where EC2 shows none, or it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<PrimaryInterface>,
}

/// What Session Manager says of its connection to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionStatus {
    /// The agent is connected.
    Connected,
    /// It is not.
    NotConnected,
}

/// An instance's SSM Agent, as `DescribeInstanceInformation` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// `Online`, `ConnectionLost` or `Inactive`.
    pub ping: Option<String>,
    /// Its version, four numbers.
    pub version: Option<String>,
    /// When it last reported.
    pub last_ping: Option<Timestamp>,
    /// `Windows`, `Linux` or `MacOS`.
    pub platform: Option<String>,
}

impl Agent {
    /// Whether Systems Manager saw it as connected.
    pub fn is_online(&self) -> bool {
        self.ping.as_deref() == Some("Online")
    }
}

/// The profile that an instance holds: a snapshot of name and id at the time of association.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachedProfile {
    /// The profile's ARN.
    pub arn: String,
    /// The profile's id (`AIPA...`).
    pub id: Option<String>,
}

/// An association of an instance with a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Association {
    /// Its id (`iip-assoc-...`).
    pub id: String,
    /// `associating`, `associated`, `disassociating` or `disassociated`.
    pub state: String,
    /// The profile's ARN.
    pub profile_arn: Option<String>,
}

/// An instance's metadata options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetadataOptions {
    /// `enabled` or `disabled`.
    pub http_endpoint: Option<String>,
    /// `optional` or `required`.
    pub http_tokens: Option<String>,
    /// `pending` while a change is not effective yet, else `applied`.
    pub state: Option<String>,
}

impl MetadataOptions {
    /// Whether the service answers to IMDSv2 only.
    pub fn requires_tokens(&self) -> bool {
        self.http_tokens.as_deref() == Some("required")
    }
}

/// An instance profile, as `GetInstanceProfile` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceProfile {
    /// Its ARN; empty in a plan that does not say it.
    pub arn: String,
    /// Its id (`AIPA...`); empty in a plan that does not say it.
    pub id: String,
    /// Its name, without the path.
    pub name: String,
    /// The key of its role in [`Facts::roles`]; `None` if it holds none.
    pub role: Option<String>,
    /// Its tags; `None` where they were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// A role and what is attached to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its ARN, where known.
    pub arn: Option<String>,
    /// Its id (`AROA...`), where known.
    pub id: Option<String>,
    /// Its name, without the path.
    pub name: String,
    /// Its trust policy.
    pub trust: Fact<PolicyText>,
    /// The ARN of its permissions boundary; absent if it has none.
    pub boundary: Fact<String>,
    /// Its tags, all of them unless it may have more.
    pub tags: Fact<BTreeMap<String, String>>,
    /// Whether it may have tags of other keys, such as those of the stack that makes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_have_more_tags: bool,
    /// Its inline policies.
    pub inline: Fact<Vec<InlinePolicy>>,
    /// The ARNs of its attached managed policies, documents in [`Facts::policies`].
    pub attached: Fact<Vec<String>>,
}

/// An inline policy of a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InlinePolicy {
    /// Its name.
    pub name: String,
    /// Its document.
    pub document: Fact<PolicyText>,
}

/// A managed policy in its default version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManagedPolicy {
    /// The default version's id, for example `v3`.
    pub version: String,
    /// That version's document.
    pub document: PolicyText,
    /// The date of that version, where it was not read in an account: the document came with this tool, and AWS may have made
    /// another version since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipped: Option<String>,
}

/// Bare policy documents and what the user said about where they will be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Documents {
    /// Identity policies.
    pub policies: Vec<NamedDocument>,
    /// The role's trust policy, if given.
    pub trust: Option<NamedDocument>,
    /// The permissions boundary, if given.
    pub boundary: Option<NamedDocument>,
    /// The policy of the VPC endpoints that calls to Systems Manager go through, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_policy: Option<NamedDocument>,
    /// The instance id, if given.
    pub instance_id: Option<String>,
}
