//! A change: one thing in AWS, as it is and as it shall be.
//!
//! Everything that writes speaks of changes. What the thing must look like before a write, when a write has succeeded, and
//! how to take it back (the same change the other way round) all follow from the two states.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::same::same_document;
use crate::facts::PolicyText;
use iam_eval::arn::Arn;

/// The tag that every created role and instance profile carries: its key.
pub const CREATED_BY: &str = "created-by";
/// The tag that every created role and instance profile carries: its value.
pub const CREATED_BY_VALUE: &str = "ssm-profile";

/// Whether this tool created the thing that has those tags.
pub fn is_ours(tags: &BTreeMap<String, String>) -> bool {
    tags.get(CREATED_BY).is_some_and(|value| value == CREATED_BY_VALUE)
}

/// Something that can be changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Thing {
    /// A role, by its ARN.
    Role(Arn),
    /// The trust policy of a role.
    TrustPolicy(Arn),
    /// An inline policy of a role.
    InlinePolicy {
        /// The role.
        role: Arn,
        /// The policy's name.
        name: String,
    },
    /// A managed policy's being attached to a role.
    AttachedPolicy {
        /// The role.
        role: Arn,
        /// The policy.
        policy: Arn,
    },
    /// An instance profile, by its ARN.
    InstanceProfile(Arn),
    /// The role that an instance profile holds.
    RoleOfProfile(Arn),
    /// The instance profile that an instance has.
    ProfileOfInstance {
        /// The instance's id.
        instance: String,
        /// The instance's Region.
        region: String,
    },
}

/// How a thing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum State {
    /// There is none.
    Absent,
    /// A role that exists.
    Role {
        /// Its trust policy.
        trust: PolicyText,
        /// Its id (`AROA...`); `None` before it is created.
        id: Option<String>,
    },
    /// A role or instance profile of that name that this tool did not make.
    Foreign,
    /// A document with this text.
    Document(PolicyText),
    /// The policy is attached.
    Attached,
    /// An instance profile that exists.
    InstanceProfile {
        /// Its id (`AIPA...`); `None` before it is created.
        id: Option<String>,
    },
    /// The profile holds this role.
    Holds(Arn),
    /// The instance has this profile.
    Has {
        /// The profile.
        profile: Arn,
        /// The profile's id at the time of association; `None` where it is not known.
        id: Option<String>,
    },
}

impl State {
    /// The document, where it is one.
    pub fn document(&self) -> Option<&PolicyText> {
        match self {
            State::Document(document) => Some(document),
            _ => None,
        }
    }

    /// Whether a thing that is `self` is what was expected: an id that is not known yet is any.
    pub fn is(&self, expected: &State) -> bool {
        let same_id = |one: &Option<String>, other: &Option<String>| one.is_none() || other.is_none() || one == other;
        match (self, expected) {
            (State::Role { trust, id }, State::Role { trust: expected, id: expected_id }) => {
                same_document(trust, expected) && same_id(id, expected_id)
            }
            (State::Document(text), State::Document(expected)) => same_document(text, expected),
            (State::InstanceProfile { id }, State::InstanceProfile { id: expected }) => same_id(id, expected),
            (State::Has { profile, id }, State::Has { profile: expected, id: expected_id }) => {
                profile == expected && same_id(id, expected_id)
            }
            (one, other) => one == other,
        }
    }
}

/// The AWS call that makes a change, named as the IAM action that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// `iam:CreateRole`
    CreateRole,
    /// `iam:DeleteRole`
    DeleteRole,
    /// `iam:UpdateAssumeRolePolicy`
    UpdateAssumeRolePolicy,
    /// `iam:PutRolePolicy`
    PutRolePolicy,
    /// `iam:DeleteRolePolicy`
    DeleteRolePolicy,
    /// `iam:AttachRolePolicy`
    AttachRolePolicy,
    /// `iam:DetachRolePolicy`
    DetachRolePolicy,
    /// `iam:CreateInstanceProfile`
    CreateInstanceProfile,
    /// `iam:DeleteInstanceProfile`
    DeleteInstanceProfile,
    /// `iam:AddRoleToInstanceProfile`
    AddRoleToInstanceProfile,
    /// `iam:RemoveRoleFromInstanceProfile`
    RemoveRoleFromInstanceProfile,
    /// `ec2:AssociateIamInstanceProfile`
    AssociateIamInstanceProfile,
    /// `ec2:ReplaceIamInstanceProfileAssociation`
    ReplaceIamInstanceProfileAssociation,
    /// `ec2:DisassociateIamInstanceProfile`
    DisassociateIamInstanceProfile,
}

impl Action {
    /// All of them.
    const ALL: [Action; 14] = [
        Action::CreateRole,
        Action::DeleteRole,
        Action::UpdateAssumeRolePolicy,
        Action::PutRolePolicy,
        Action::DeleteRolePolicy,
        Action::AttachRolePolicy,
        Action::DetachRolePolicy,
        Action::CreateInstanceProfile,
        Action::DeleteInstanceProfile,
        Action::AddRoleToInstanceProfile,
        Action::RemoveRoleFromInstanceProfile,
        Action::AssociateIamInstanceProfile,
        Action::ReplaceIamInstanceProfileAssociation,
        Action::DisassociateIamInstanceProfile,
    ];

    /// The IAM action.
    pub fn name(self) -> &'static str {
        match self {
            Action::CreateRole => "iam:CreateRole",
            Action::DeleteRole => "iam:DeleteRole",
            Action::UpdateAssumeRolePolicy => "iam:UpdateAssumeRolePolicy",
            Action::PutRolePolicy => "iam:PutRolePolicy",
            Action::DeleteRolePolicy => "iam:DeleteRolePolicy",
            Action::AttachRolePolicy => "iam:AttachRolePolicy",
            Action::DetachRolePolicy => "iam:DetachRolePolicy",
            Action::CreateInstanceProfile => "iam:CreateInstanceProfile",
            Action::DeleteInstanceProfile => "iam:DeleteInstanceProfile",
            Action::AddRoleToInstanceProfile => "iam:AddRoleToInstanceProfile",
            Action::RemoveRoleFromInstanceProfile => "iam:RemoveRoleFromInstanceProfile",
            Action::AssociateIamInstanceProfile => "ec2:AssociateIamInstanceProfile",
            Action::ReplaceIamInstanceProfileAssociation => "ec2:ReplaceIamInstanceProfileAssociation",
            Action::DisassociateIamInstanceProfile => "ec2:DisassociateIamInstanceProfile",
        }
    }
}

/// An action is written as its name.
impl JsonSchema for Action {
    fn schema_name() -> Cow<'static, str> {
        "Action".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Action::ALL.map(Action::name) })
    }
}

/// One thing, how it is, and how it shall be. Only what one AWS call can do is a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Change {
    thing: Thing,
    before: State,
    after: State,
    action: Action,
}

/// A change as a backup file holds it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    thing: Thing,
    before: State,
    after: State,
}

impl From<Change> for Parts {
    fn from(change: Change) -> Parts {
        Parts { thing: change.thing, before: change.before, after: change.after }
    }
}

/// Why what a backup file holds is no change.
#[derive(Debug, Error)]
enum NotAChange {
    #[error("`{arn}` does not have the form `arn:PARTITION:iam::ACCOUNT:{kind}/NAME`")]
    Arn { arn: Arn, kind: &'static str },
    #[error("no call of AWS makes such a change")]
    NoCall,
}

impl TryFrom<Parts> for Change {
    type Error = NotAChange;

    fn try_from(Parts { thing, before, after }: Parts) -> Result<Change, NotAChange> {
        let names = |kind: &str, arn: &Arn| {
            arn.service == "iam" && arn.resource_type() == kind && arn.account().is_some() && !arn.name().is_empty()
        };
        if let Some((kind, arn)) = arns(&thing, [&before, &after]).into_iter().find(|(kind, arn)| !names(kind, arn)) {
            return Err(NotAChange::Arn { arn: arn.clone(), kind });
        }
        Change::new(thing, before, after).ok_or(NotAChange::NoCall)
    }
}

/// The ARNs of a change, each with the type that its resource must have.
fn arns<'a>(thing: &'a Thing, states: [&'a State; 2]) -> Vec<(&'static str, &'a Arn)> {
    let mut arns = match thing {
        Thing::Role(role) | Thing::TrustPolicy(role) | Thing::InlinePolicy { role, .. } => vec![("role", role)],
        Thing::AttachedPolicy { role, policy } => vec![("role", role), ("policy", policy)],
        Thing::InstanceProfile(profile) | Thing::RoleOfProfile(profile) => vec![("instance-profile", profile)],
        Thing::ProfileOfInstance { .. } => Vec::new(),
    };
    arns.extend(states.into_iter().filter_map(|state| match state {
        State::Holds(role) => Some(("role", role)),
        State::Has { profile, .. } => Some(("instance-profile", profile)),
        State::Absent
        | State::Role { .. }
        | State::Foreign
        | State::Document(_)
        | State::Attached
        | State::InstanceProfile { .. } => None,
    }));
    arns
}

impl Change {
    /// A change of `thing` from `before` to `after`; `None` if no single call does that.
    pub fn new(thing: Thing, before: State, after: State) -> Option<Change> {
        let action = match (&thing, &before, &after) {
            (Thing::Role(_), State::Absent, State::Role { .. }) => Action::CreateRole,
            (Thing::Role(_), State::Role { .. }, State::Absent) => Action::DeleteRole,
            (Thing::TrustPolicy(_), State::Document(_), State::Document(_)) => Action::UpdateAssumeRolePolicy,
            (Thing::InlinePolicy { .. }, State::Absent | State::Document(_), State::Document(_)) => {
                Action::PutRolePolicy
            }
            (Thing::InlinePolicy { .. }, State::Document(_), State::Absent) => Action::DeleteRolePolicy,
            (Thing::AttachedPolicy { .. }, State::Absent, State::Attached) => Action::AttachRolePolicy,
            (Thing::AttachedPolicy { .. }, State::Attached, State::Absent) => Action::DetachRolePolicy,
            (Thing::InstanceProfile(_), State::Absent, State::InstanceProfile { .. }) => Action::CreateInstanceProfile,
            (Thing::InstanceProfile(_), State::InstanceProfile { .. }, State::Absent) => Action::DeleteInstanceProfile,
            (Thing::RoleOfProfile(_), State::Absent, State::Holds(_)) => Action::AddRoleToInstanceProfile,
            (Thing::RoleOfProfile(_), State::Holds(_), State::Absent) => Action::RemoveRoleFromInstanceProfile,
            (Thing::ProfileOfInstance { .. }, State::Absent, State::Has { .. }) => Action::AssociateIamInstanceProfile,
            (Thing::ProfileOfInstance { .. }, State::Has { .. }, State::Has { .. }) => {
                Action::ReplaceIamInstanceProfileAssociation
            }
            (Thing::ProfileOfInstance { .. }, State::Has { .. }, State::Absent) => {
                Action::DisassociateIamInstanceProfile
            }
            _ => return None,
        };
        Some(Change { thing, before, after, action })
    }

    /// What is changed.
    pub fn thing(&self) -> &Thing {
        &self.thing
    }

    /// How it is.
    pub fn before(&self) -> &State {
        &self.before
    }

    /// How it shall be.
    pub fn after(&self) -> &State {
        &self.after
    }

    /// The ARN that says whose the thing is.
    pub fn owner(&self) -> Option<&Arn> {
        fn held(state: &State) -> Option<&Arn> {
            match state {
                State::Has { profile, .. } => Some(profile),
                _ => None,
            }
        }
        match &self.thing {
            Thing::InstanceProfile(arn) | Thing::RoleOfProfile(arn) => Some(arn),
            Thing::ProfileOfInstance { .. } => held(&self.after).or(held(&self.before)),
            thing => thing.role(),
        }
    }

    /// The call that makes the change.
    pub fn action(&self) -> Action {
        self.action
    }

    /// The change that takes this one back.
    ///
    /// Every change of one call can be taken back by one call: a creation by a deletion, a replacement by another one.
    pub fn inverse(&self) -> Option<Change> {
        Change::new(self.thing.clone(), self.after.clone(), self.before.clone())
    }

    /// The same change to a thing that turned out to be `before`, or to become `after`: with the ids that AWS gave.
    pub fn with_states(&self, before: State, after: State) -> Option<Change> {
        Change::new(self.thing.clone(), before, after)
    }
}

impl Thing {
    /// What a report calls it: the ARN of the role or profile that it is part of, or the instance's id.
    pub fn target(&self) -> String {
        match self {
            Thing::Role(arn)
            | Thing::TrustPolicy(arn)
            | Thing::InlinePolicy { role: arn, .. }
            | Thing::AttachedPolicy { role: arn, .. }
            | Thing::InstanceProfile(arn)
            | Thing::RoleOfProfile(arn) => arn.to_string(),
            Thing::ProfileOfInstance { instance, .. } => instance.clone(),
        }
    }

    /// The role that it is, or is part of.
    pub fn role(&self) -> Option<&Arn> {
        match self {
            Thing::Role(arn)
            | Thing::TrustPolicy(arn)
            | Thing::InlinePolicy { role: arn, .. }
            | Thing::AttachedPolicy { role: arn, .. } => Some(arn),
            Thing::InstanceProfile(_) | Thing::RoleOfProfile(_) | Thing::ProfileOfInstance { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_tool_made() {
        for (list, expected) in [
            (&[(CREATED_BY, CREATED_BY_VALUE), ("Name", "web")][..], true),
            (&[(CREATED_BY, "alice")], false),
            (&[("Created-By", CREATED_BY_VALUE)], false),
            (&[], false),
        ] {
            let tags = list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            assert_eq!(is_ours(&tags), expected, "{list:?}");
        }
        // What this tool made may have been taken over since.
        let arn = Arn::parse("arn:aws:iam::111122223333:role/web").unwrap();
        let taken = [(CREATED_BY, CREATED_BY_VALUE), ("terraform", "true")];
        let tags = taken.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        assert!(crate::facts::owner::of_role(&arn, &tags).is_some());
    }
}
