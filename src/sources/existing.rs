//! What a plan or template names and does not make: instance profiles and roles that exist, and what it gives to these roles or takes
//! from them. Without the account they are unknown; with it they are read, and the changes applied.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::facts::{Fact, Facts, InlinePolicy, KmsKey, PolicyText, Role, Unreadable, UnreadableKind, fits, key};

/// The facts of a plan or template, and what they leave to the account.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What it says itself. A profile or role that exists is unreadable there.
    pub facts: Facts,
    /// What exists.
    pub existing: Existing,
}

/// What exists, by the keys of the facts.
#[derive(Debug, Clone, Default)]
pub struct Existing {
    /// Instance profiles, by name or ARN.
    pub profiles: BTreeMap<String, String>,
    /// Roles, by name.
    pub roles: BTreeMap<String, String>,
    /// Managed policies, by ARN.
    pub policies: BTreeSet<String>,
    /// What is granted on KMS keys, by their ids or ARNs, as statements of key policies; without one it may be any key.
    pub grants: Vec<(Option<String>, Value)>,
    /// What changes of roles, by their keys in lower case: IAM's names are unique whatever their case.
    pub changes: BTreeMap<String, RoleChanges>,
    /// Roles that go, by their names in lower case: absent, or unreadable where that is not certain.
    pub deleted_roles: BTreeMap<String, Fact<Role>>,
    /// Why any role may have one policy more.
    pub any: Vec<Unreadable>,
}

/// The policies that a role gets, and those that it loses.
#[derive(Debug, Clone, Default)]
pub struct RoleChanges {
    /// Documents by the name of the policy; where that is not known, by where it stands.
    pub inline: BTreeMap<String, Fact<PolicyText>>,
    /// The patterns of names that are not known of those, and why: each may replace a policy that the role has.
    pub may_replace: Vec<(String, Unreadable)>,
    /// Keys of managed policies.
    pub attached: BTreeSet<String>,
    /// The names of inline policies that go.
    pub removed: BTreeSet<String>,
    /// The ARNs of managed policies that go.
    pub detached: BTreeSet<String>,
    /// What is given at the time of the changes, rather than found: names, and keys of managed policies.
    pub given: BTreeSet<String>,
    /// Why there may be other changes.
    pub unread: Vec<Unreadable>,
}

impl Existing {
    /// Notes a profile that exists, and gives its key. Until it is read, it is unreadable for `reason`.
    pub fn profile(
        &mut self,
        facts: &mut Facts,
        account: Option<&str>,
        name_or_arn: &str,
        reason: Unreadable,
    ) -> String {
        let key = key(account, name_or_arn.rsplit('/').next().unwrap_or(name_or_arn));
        facts.profiles.entry(key.clone()).or_insert(Fact::Unreadable(reason));
        self.profiles.entry(key.clone()).or_insert_with(|| name_or_arn.to_owned());
        key
    }

    /// Notes a role that exists, and gives its key.
    pub fn role(&mut self, facts: &mut Facts, account: Option<&str>, name: &str, reason: Unreadable) -> String {
        let name = name.rsplit('/').next().unwrap_or(name);
        let key = key(account, name);
        facts.roles.entry(key.clone()).or_insert(Fact::Unreadable(reason));
        self.roles.entry(key.clone()).or_insert_with(|| name.to_owned());
        key
    }

    /// What is known of a role that goes.
    pub fn deleted_role(&self, name: &str) -> Option<Fact<Role>> {
        self.deleted_roles.get(&name.to_ascii_lowercase()).cloned()
    }

    /// What changes of the role of a name.
    pub fn changes_of(&mut self, account: Option<&str>, name: &str) -> &mut RoleChanges {
        self.changes.entry(key(account, name).to_ascii_lowercase()).or_default()
    }

    /// A role that was read, as it will be. `account` is what is known of the account of what names it.
    pub fn apply(&self, account: Option<&str>, mut role: Role) -> Role {
        let changes = |account: Option<&str>| self.changes.get(&key(account, &role.name).to_ascii_lowercase());
        let of_account = changes(account);
        // What changes in an account that is not known may change in this one.
        let perhaps = changes(None).filter(|_| account.is_some());
        for changes in of_account.iter().chain(&perhaps) {
            changes.take_away(&mut role);
        }
        if let Some(changes) = of_account {
            changes.give(&mut role);
        }
        if perhaps.is_some_and(|changes| {
            !changes.inline.is_empty() || !changes.attached.is_empty() || !changes.unread.is_empty()
        }) {
            let message = format!("policies are given to a role `{}` in an account that is not known", role.name);
            add_unread(
                &mut role,
                &[Unreadable { api: "iam:GetRole".to_owned(), kind: UnreadableKind::NotInPlan, message }],
            );
        }
        add_unread(&mut role, &self.any);
        role
    }
}

impl Existing {
    /// Adds what is granted on a key that was read.
    pub fn grant(&self, key: &mut KmsKey) {
        let Fact::Known(policy) = &mut key.policy else { return };
        let is_it = |named: &str| named == key.arn || key.arn.rsplit_once(":key/").is_some_and(|(_, id)| named == id);
        let grants = self.grants.iter().filter(|(named, _)| named.as_deref().is_none_or(is_it));
        grants.for_each(|(_, statement)| *policy = policy.with(statement.clone()));
    }
}

impl RoleChanges {
    /// Gives an inline policy. Of several of one name a role keeps the one that is written last
    /// ([PutRolePolicy](https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html)): unless they say the same, it is not
    /// known, for `otherwise`.
    pub fn write(&mut self, name: String, document: Fact<PolicyText>, otherwise: impl FnOnce() -> Unreadable) {
        let document = match self.inline.get(&name) {
            Some(other) if *other != document => Fact::Unreadable(otherwise()),
            Some(_) | None => document,
        };
        self.inline.insert(name, document);
    }

    fn take_away(&self, role: &mut Role) {
        if let Fact::Known(inline) = &mut role.inline {
            inline.retain(|policy| !self.removed.contains(&policy.name));
        }
        if let Fact::Known(attached) = &mut role.attached {
            attached.retain(|arn| !self.detached.contains(arn));
        }
    }

    fn give(&self, role: &mut Role) {
        if let Fact::Known(inline) = &mut role.inline {
            inline.retain(|policy| !self.inline.contains_key(&policy.name));
            for policy in inline.iter_mut() {
                let why = self.may_replace.iter().find(|(pattern, _)| fits(pattern, &policy.name));
                if let (Some((_, why)), Fact::Known(document)) = (why, &mut policy.document) {
                    *document = document.in_doubt(&why.message);
                }
            }
            let added = self.inline.iter();
            inline
                .extend(added.map(|(name, document)| InlinePolicy { name: name.clone(), document: document.clone() }));
        }
        if let Fact::Known(attached) = &mut role.attached {
            attached.extend(self.attached.iter().filter(|arn| !attached.contains(arn)).cloned().collect::<Vec<_>>());
        }
        add_unread(role, &self.unread);
    }
}

/// What cannot be listed stands as a policy that is not known; the documents that are known are no less so.
pub fn add_unread(role: &mut Role, reasons: &[Unreadable]) {
    if let Fact::Known(inline) = &mut role.inline {
        inline.extend(
            reasons
                .iter()
                .map(|reason| InlinePolicy { name: reason.api.clone(), document: Fact::Unreadable(reason.clone()) }),
        );
    }
}
