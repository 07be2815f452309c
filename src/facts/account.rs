//! What an account and its organisation decide for all instances in it.

use serde::{Deserialize, Serialize};

use super::{Fact, PolicyText, Unreadable};

/// The settings of Systems Manager in one Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The role of Default Host Management Configuration, its path and name; absent if it is off.
    pub host_management: Fact<String>,
    /// The name of the session preferences that were asked for; `None` if none shall be.
    pub preferences_name: Option<String>,
    /// The content of that document; absent if there is none, so that the defaults hold.
    pub preferences: Fact<PolicyText>,
}

/// An organisation, as far as policies speak of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// Its id (`o-...`).
    pub id: String,
    /// The management account, which no SCP touches.
    pub management_account: Option<String>,
    /// The path of the account, `o-.../r-.../ou-.../`, where it is known.
    pub path: Option<String>,
    /// Why its policies could not be read, if so.
    pub policies_unread: Option<Unreadable>,
}

/// One level of an organisation (root, organizational unit or account) with its SCPs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScpLevel {
    /// What the level is called in reports.
    pub name: String,
    /// The policies at that level; one of them must allow.
    pub policies: Vec<NamedDocument>,
    /// Why there may be more of them than those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unreadable>,
}

/// A document with the name that reports call it by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedDocument {
    /// A file name, policy name or ARN.
    pub name: String,
    /// The document.
    pub document: PolicyText,
}
