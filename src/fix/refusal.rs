//! What `fix` and `undo` will not do, and why, as data. The sentences are in `render::words`.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Evidence, Thing, Unfit, WhyNotGranted};
use crate::facts::{Association, Instance, Subject, Unreadable};
use crate::report::{Code, DocumentName, Finding, Service, Severity};

/// Why nothing is changed for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The instance has no profile that could be fixed, and no name for a new one was given.
    NeedsProfile,
    /// A role or profile of the name to create exists, and this tool did not make it.
    NameTaken,
    /// A document that would have to be changed cannot be understood.
    InvalidPolicy,
    /// Something else owns the role: infrastructure code, or another service.
    ManagedElsewhere,
    /// AWS does not let anybody edit the role.
    ReservedRole,
    /// The documents would be longer than IAM takes.
    QuotaExceeded,
    /// No change of the role can help: a deny, a boundary, an SCP, the instance itself.
    OutOfReach,
    /// Somebody changed it since the fix that is to be undone.
    ChangedSince,
    /// Something needed is not known, so that no change is certain to help.
    Unknown,
}

/// A target for which nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The target as in the report.
    pub target: String,
    /// The id of the instance, if it is one.
    pub instance: Option<String>,
    /// Its Region, where known.
    pub region: Option<String>,
    /// Why.
    pub kind: Box<RefusalKind>,
}

/// What the plan depends on and does not know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingFact {
    /// The account of the instance.
    Account,
    /// The Region of the instance.
    Region,
    /// The ARN of the role of this name.
    RoleArn(String),
    /// The id of the profile that the instance holds, where it would get one of the same name.
    ProfileId,
}

/// What uses a thing that an undo would delete.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum User {
    /// An inline policy of the role.
    InlinePolicy(String),
    /// A policy that is attached to the role.
    AttachedPolicy(String),
    /// A profile that holds the role.
    InstanceProfile(String),
    /// An instance that has the profile.
    Instance(String),
}

/// How a thing is not as the fix left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangedTo {
    /// It is gone.
    Deleted,
    /// Another one has its name.
    Another,
    /// It holds something else.
    Changed,
}

/// Why nothing is changed for a target. Its fields are the `details` of the machine report.
// There `evidence` and `why` are sentences, which `render::words` writes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schemars(rename = "RefusalDetails")]
#[expect(missing_docs, reason = "a field is what its name says, of the thing that the variant names")]
pub enum RefusalKind {
    /// The target would have this finding whatever is changed.
    OutOfReach { finding: Box<Finding> },
    /// It would not be known whether the role may do this.
    PermissionUnknown { action: Option<String> },
    /// The instance has no profile, or it was deleted, and no name for a new one was given.
    NeedsProfile { was_deleted: bool },
    /// A fact is missing.
    Unknown { fact: MissingFact },
    /// A call gave no answer.
    Unread { reason: Unreadable },
    /// The name is too long for a role.
    NameTooLong { name: String },
    /// A role of the name is somebody else's.
    RoleTaken { name: String, profile: String, profile_exists: bool },
    /// An instance profile of the name is somebody else's.
    ProfileTaken { name: String, association: Option<String> },
    /// The profile of an instance in this state cannot be replaced.
    InstanceState { state: String },
    /// AWS does not let anybody edit the role.
    ReservedRole {
        role: String,
        owner: String,
        #[schemars(with = "String")]
        evidence: Evidence,
    },
    /// Something else owns the role.
    ManagedElsewhere {
        role: String,
        owner: String,
        #[schemars(with = "String")]
        evidence: Evidence,
        undone_by: String,
    },
    /// The inline policies would be longer than IAM takes, in characters.
    QuotaExceeded { role: String, size: usize, quota: usize },
    /// An inline policy that would be changed could not be read.
    PolicyUnreadable { role: String, policy: String },
    /// No statement grants this action for certain.
    CannotGrant {
        action: String,
        #[schemars(with = "String")]
        why: WhyNotGranted,
    },
    /// Statements cannot be added to the document. `role` is that of an inline policy.
    UnfitDocument {
        document: DocumentName,
        role: Option<String>,
        #[schemars(with = "String")]
        why: Unfit,
    },
    /// It was changed since the fix that is to be undone.
    ChangedSince { thing: ThingKind, name: Option<String>, to: ChangedTo },
    /// Something began to use it since the fix that is to be undone.
    InUse { by: User },
    /// The backup names a role or profile that no fix created.
    NotCreatedByFix { thing: ThingKind, name: String },
    /// The backup says that a profile was taken from an instance, which a fix does only if it was deleted.
    ProfileNotDeleted { profile: String },
    /// Nothing but its network path keeps the target from being ready. `print` is the command that prints what opens it.
    NetworkOnly { print: String },
    /// The endpoint that would be created leads the name of the service past this other instance's way.
    CutsOff { target: String, service: Service },
    /// The name of the endpoint service is not known in this partition.
    EndpointServiceNotKnown { service: Service, partition: String },

    /// For tests of what shows refusals, whatever they say.
    #[cfg(test)]
    Sample { reason: Reason, message: String, remedy: String },
}

#[cfg(test)]
impl Refusal {
    /// A refusal for tests of what shows refusals.
    pub(crate) fn sample(target: &str, reason: Reason, message: &str, remedy: &str) -> Refusal {
        let kind = RefusalKind::Sample { reason, message: message.to_owned(), remedy: remedy.to_owned() };
        Refusal { target: target.to_owned(), instance: None, region: None, kind: Box::new(kind) }
    }
}

/// The kinds of things that a fix changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThingKind {
    /// A role.
    Role,
    /// The trust policy of a role.
    TrustPolicy,
    /// An inline policy.
    InlinePolicy,
    /// The attachment of a managed policy.
    AttachedPolicy,
    /// An instance profile.
    InstanceProfile,
    /// The role that a profile holds.
    RoleOfProfile,
    /// The profile that an instance has.
    ProfileOfInstance,
}

impl From<&Thing> for ThingKind {
    fn from(thing: &Thing) -> ThingKind {
        match thing {
            Thing::Role(_) => ThingKind::Role,
            Thing::TrustPolicy(_) => ThingKind::TrustPolicy,
            Thing::InlinePolicy { .. } => ThingKind::InlinePolicy,
            Thing::AttachedPolicy { .. } => ThingKind::AttachedPolicy,
            Thing::InstanceProfile(_) => ThingKind::InstanceProfile,
            Thing::RoleOfProfile(_) => ThingKind::RoleOfProfile,
            Thing::ProfileOfInstance { .. } => ThingKind::ProfileOfInstance,
        }
    }
}

impl Refusal {
    /// A refusal for a subject of the facts.
    pub(super) fn of(subject: &Subject, kind: RefusalKind) -> Refusal {
        let instance = match &subject.kind {
            crate::facts::SubjectKind::Instance(instance) => instance.known().map(|instance| instance.id.clone()),
            _ => None,
        };
        Refusal { target: subject.target.clone(), instance, region: subject.region.clone(), kind: Box::new(kind) }
    }

    /// A refusal about a thing in an account.
    pub fn of_thing(thing: &Thing, kind: RefusalKind) -> Refusal {
        let (instance, region) = match thing {
            Thing::ProfileOfInstance { instance, region } => (Some(instance.clone()), Some(region.clone())),
            _ => (None, None),
        };
        Refusal { target: thing.target(), instance, region, kind: Box::new(kind) }
    }

    /// The stable word for why.
    pub fn reason(&self) -> Reason {
        match &*self.kind {
            RefusalKind::OutOfReach { finding } => match (finding.severity(), finding.code()) {
                (_, Code::InvalidPolicy) => Reason::InvalidPolicy,
                (Severity::Error, _) => Reason::OutOfReach,
                (Severity::Warning | Severity::Info, _) => Reason::Unknown,
            },
            RefusalKind::NeedsProfile { .. } => Reason::NeedsProfile,
            RefusalKind::PermissionUnknown { .. }
            | RefusalKind::Unknown { .. }
            | RefusalKind::Unread { .. }
            | RefusalKind::PolicyUnreadable { .. }
            | RefusalKind::CannotGrant { .. }
            | RefusalKind::EndpointServiceNotKnown { .. } => Reason::Unknown,
            RefusalKind::NameTooLong { .. } | RefusalKind::RoleTaken { .. } | RefusalKind::ProfileTaken { .. } => {
                Reason::NameTaken
            }
            RefusalKind::InstanceState { .. } | RefusalKind::CutsOff { .. } | RefusalKind::NetworkOnly { .. } => {
                Reason::OutOfReach
            }
            RefusalKind::ReservedRole { .. } => Reason::ReservedRole,
            RefusalKind::ManagedElsewhere { .. } => Reason::ManagedElsewhere,
            RefusalKind::QuotaExceeded { .. } => Reason::QuotaExceeded,
            RefusalKind::UnfitDocument { .. } => Reason::InvalidPolicy,
            RefusalKind::ChangedSince { .. }
            | RefusalKind::InUse { .. }
            | RefusalKind::NotCreatedByFix { .. }
            | RefusalKind::ProfileNotDeleted { .. } => Reason::ChangedSince,
            #[cfg(test)]
            RefusalKind::Sample { reason, .. } => *reason,
        }
    }
}

/// A role of the name to create is somebody else's. `profile` is the profile that would hold it; `exists`, whether it is there.
pub(super) fn role_taken(subject: &Subject, name: &str, profile: &str, exists: bool) -> Refusal {
    let (name, profile) = (name.to_owned(), profile.to_owned());
    Refusal::of(subject, RefusalKind::RoleTaken { name, profile, profile_exists: exists })
}

/// An instance profile of the name to create is somebody else's.
pub(super) fn profile_taken(subject: &Subject, name: &str, instance: &Instance) -> Refusal {
    // An instance has one association at most.
    let association = instance.association.known().filter(|_| instance.profile.is_some());
    let association = association.map(|Association { id, .. }| id.clone());
    Refusal::of(subject, RefusalKind::ProfileTaken { name: name.to_owned(), association })
}

/// A fact is missing.
pub(super) fn unknown(subject: &Subject, fact: MissingFact) -> Refusal {
    Refusal::of(subject, RefusalKind::Unknown { fact })
}

/// Something that the plan depends on could not be read.
pub(super) fn unread(subject: &Subject, reason: &Unreadable) -> Refusal {
    Refusal::of(subject, RefusalKind::Unread { reason: reason.clone() })
}
