//! What an account and its organization decide for all instances in it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fact, PolicyText, Unreadable};

/// Whose credentials read an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CallerIdentity {
    /// The account that they are of.
    pub account: String,
    /// The user, or the session of a role.
    pub arn: Option<String>,
}

/// The settings of Systems Manager in one Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The role of Default Host Management Configuration, its path and name; absent if it is off.
    pub host_management: Fact<String>,
    /// The name of the session preferences that were asked for; `None` if none shall be.
    pub preferences_name: Option<String>,
    /// The content of that document; absent if there is none, so that the defaults hold.
    pub preferences: Fact<PolicyText>,
}

/// An organization, as far as policies speak of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// Its id (`o-...`).
    pub id: String,
    /// The management account, which no SCP touches, and whose resources no resource control policy touches.
    pub management_account: Option<String>,
    /// The path of the account, `o-.../r-.../ou-.../`, where it is known.
    pub path: Option<String>,
    /// Why its service control policies could not be read, if so.
    pub policies_unread: Option<Unreadable>,
    /// Why its resource control policies could not be read, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rcps_unread: Option<Unreadable>,
}

/// One level of an organization (root, organizational unit or account) with its policies of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyLevel {
    /// What the level is called in reports.
    pub name: String,
    /// The policies at that level; of service control policies, one must allow.
    pub policies: Vec<NamedDocument>,
    /// Why there may be more of them than those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unreadable>,
}

/// The levels of an organization's policies that a person gave, from the root down; `None` for a type of which none was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenPolicies {
    /// Service control policies.
    pub scps: Option<Vec<PolicyLevel>>,
    /// Resource control policies.
    pub rcps: Option<Vec<PolicyLevel>>,
}

impl GivenPolicies {
    /// Whether nothing of the organization's policies is left to be read.
    pub fn are_all(&self) -> bool {
        self.scps.is_some() && self.rcps.is_some()
    }
}

/// A document with the name that reports call it by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedDocument {
    /// A file name, policy name or ARN.
    pub name: String,
    /// The document.
    pub document: PolicyText,
}
