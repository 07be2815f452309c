//! What a plan or template refers to and does not hold, read from the account that it is for: instance profiles and roles, managed
//! policies, the settings of Systems Manager, and the session key.
//!
//! What the plan says itself stays: it is what will be.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{FutureExt as _, join, join_all, join3};

use super::iam::{self, Expected, Stored};
use super::reader::Reader;
use super::{kms, role, ssm};
use crate::aws::Connection;
use crate::facts::{
    Fact, Facts, ManagedPolicy, PolicyText, Role, Settings, Subject, Unreadable, UnreadableKind, is_under_condition,
    kms_key,
};
use crate::sources::existing::{Existing, Planned};
use iam_eval::arn::{Arn, partition_of_region};

/// Adds it to the facts of a plan or template. `preferences` is the name of the session preferences that count, `key` the session key
/// that was asked for.
pub async fn add_outside(
    connection: &Connection,
    planned: Planned,
    preferences: Option<&str>,
    key: Option<&str>,
) -> Facts {
    let Planned { facts: planned, existing } = planned;
    let partition = partition_of(&planned);
    let account = connection.caller(&partition).await.ok().map(|caller| caller.account.clone());
    let regions = regions_of_account(account.as_deref(), &planned);
    let reader = Reader::new(connection, planned.clone());
    let place = Place { reader: &reader, partition: &partition, account: account.as_deref() };
    let policies: Vec<Arn> = existing.policies.iter().filter_map(|arn| Arn::parse(arn)).collect();
    let policies = policies.iter().map(async |arn| role::policy(&reader, &arn.partition, &arn.to_string()).await);
    let settings = regions.iter().map(|region| settings(&reader, region, planned.settings.get(region), preferences));
    let of_key: Vec<&str> = regions.iter().map(String::as_str).collect();
    let key = async {
        if !of_key.is_empty() {
            kms::key(&reader, key, &of_key).await;
        }
    };
    let (read, ()) = join(place.read(&existing), join3(join_all(policies), join_all(settings), key).map(drop)).await;
    // Settings are read only where nothing is of another account.
    let own = planned
        .subjects
        .iter()
        .find_map(|subject| subject.account.as_deref())
        .filter(|own| Some(*own) == place.account);
    let host_roles = place.roles_of_hosts(&existing, own).await;
    let mut facts = reader.into_facts();
    restore(&mut facts, &planned, &existing);
    let as_read = facts.roles.clone();
    for (key, found) in read.profiles {
        let mut fact = facts.profiles.get(&found).cloned();
        // A role that goes is in no profile.
        if let Some(Fact::Known(profile)) = &mut fact {
            profile.role = profile.role.take().filter(|role| existing.deleted_role(last(role)) != Some(Fact::Absent));
        }
        facts.profiles.extend(fact.map(|fact| (key, fact)));
    }
    for Read { key, found, account } in read.roles.into_iter().chain(host_roles) {
        let will_be = || own_role(&planned, &found).or_else(|| existing.deleted_role(last(&found)));
        let fact = will_be().unwrap_or_else(|| match as_read.get(&found) {
            Some(Fact::Known(role)) => Fact::Known(existing.apply(account.as_deref(), role.clone())),
            Some(other) => other.clone(),
            None => Fact::Absent,
        });
        facts.roles.insert(found, fact.clone());
        facts.roles.insert(key, fact);
    }
    facts
}

/// A role that was read.
struct Read {
    /// The key under which the facts look for it.
    key: String,
    /// The key under which it was read.
    found: String,
    /// What is known beforehand of its account.
    account: Option<String>,
}

/// The keys of profiles, with those under which they were read, and the roles.
struct ReadChains {
    profiles: BTreeMap<String, String>,
    roles: Vec<Read>,
}

/// Where things are read.
struct Place<'r, 'c> {
    reader: &'r Reader<'c>,
    partition: &'r str,
    account: Option<&'r str>,
}

impl Place<'_, '_> {
    /// Reads profiles and roles that exist, where nothing says that they are of another account.
    async fn read(&self, existing: &Existing) -> ReadChains {
        let is_here = |key: &str| of_key(key).is_none_or(|account| Some(account) == self.account);
        let profiles = existing.profiles.iter().filter(|(key, _)| is_here(key)).map(async |(key, name)| {
            let arn = Arn::parse(name);
            let expected = Expected { arn: arn.as_ref(), account: of_key(key) };
            let name = name.rsplit('/').next().unwrap_or(name);
            let Stored { key: found, .. } = iam::profile(self.reader, self.partition, name, &expected).await;
            (key.clone(), found)
        });
        let roles = existing.roles.iter().filter(|(key, _)| is_here(key));
        let roles = roles.map(async |(key, name)| self.role(key, name, of_key(key)).await);
        let (profiles, mut roles) = join(join_all(profiles), join_all(roles)).await;
        for (key, found) in &profiles {
            let role = self.reader.facts().profiles.get(found).and_then(Fact::known).and_then(|it| it.role.clone());
            let of_profile =
                role.map(|role| Read { key: role.clone(), found: role, account: of_key(key).map(str::to_owned) });
            roles.extend(of_profile);
        }
        ReadChains { profiles: profiles.into_iter().collect(), roles }
    }

    async fn role(&self, key: &str, name: &str, account: Option<&str>) -> Read {
        // What the plan says of it, that it is not there, must not stand in the way.
        self.reader.facts().roles.remove(key);
        let expected = Expected { arn: None, account };
        let Stored { key: found, .. } = role::role(self.reader, self.partition, name, &expected, None).await;
        Read { key: key.to_owned(), found, account: account.map(str::to_owned) }
    }

    /// Reads the roles of host management that settings of the account name.
    async fn roles_of_hosts(&self, existing: &Existing, account: Option<&str>) -> Vec<Read> {
        let named: BTreeSet<String> = {
            let facts = self.reader.facts();
            let set = facts.settings.values().filter_map(|settings| settings.host_management.known());
            set.map(|path| path.rsplit('/').next().unwrap_or(path).to_owned()).collect()
        };
        let known = |name: &String| existing.roles.contains_key(name) || self.reader.facts().roles.contains_key(name);
        let unread = named.iter().filter(|name| !known(name));
        join_all(unread.map(async |name| self.role(name, name, account).await)).await
    }
}

/// The account in the key of a profile or role.
fn of_key(key: &str) -> Option<&str> {
    key.split_once('/').map(|(account, _)| account)
}

/// The name in the key of a profile or role.
fn last(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// The role of the plan that is the one that was read: what the plan says of it will be.
fn own_role(planned: &Facts, found: &str) -> Option<Fact<Role>> {
    let (account, name) = (of_key(found), last(found));
    let is_it = |role: &Role| {
        let own = role.arn.as_deref().and_then(Arn::parse);
        let of_another = own.is_some_and(|arn| account.is_some() && arn.account() != account);
        role.name.eq_ignore_ascii_case(name) && !of_another
    };
    let certain = planned.roles.iter().filter(|(key, _)| !is_under_condition(key));
    certain.map(|(_, fact)| fact).find(|fact| fact.known().is_some_and(is_it)).cloned()
}

/// Puts back the documents that the plan gives managed policies, which a role that was read may have as well, and the keys that an
/// alias of the account may stand for. Documents that came with this tool may be older than the account's.
fn restore(facts: &mut Facts, planned: &Facts, existing: &Existing) {
    let is_of_plan = |arn: &str, fact: &Fact<ManagedPolicy>| {
        let is_shipped = fact.known().is_some_and(|policy| policy.shipped.is_some());
        let has_document = is_shipped && facts.policies.get(arn).is_some_and(|it| it.known().is_some());
        !existing.policies.contains(arn) && !has_document
    };
    let of_plan: Vec<_> = planned.policies.iter().filter(|(arn, fact)| is_of_plan(arn, fact)).collect();
    facts.policies.extend(of_plan.into_iter().map(|(key, fact)| (key.clone(), fact.clone())));
    for fact in facts.kms_keys.values_mut() {
        let arn = fact.known().and_then(|key| Arn::parse(&key.arn));
        let of_plan = arn.and_then(|arn| planned.kms_keys.get(&kms_key(arn.region(), &arn.to_string())));
        match (fact, of_plan) {
            (Fact::Known(key), Some(Fact::Known(own))) => {
                key.state = own.state.clone().or(key.state.take());
                let is_outside = |reason: &Unreadable| reason.kind == UnreadableKind::NotInSnapshot;
                match own.policy.unreadable().is_some_and(is_outside) {
                    true => existing.grant(key),
                    false => key.policy = own.policy.clone(),
                }
            }
            (Fact::Known(key), None) => existing.grant(key),
            (fact, Some(own)) => *fact = own.clone(),
            (_, None) => {}
        }
    }
}

/// The settings of a Region: what the plan makes or changes, and else what the account has.
async fn settings(reader: &Reader<'_>, region: &str, known: Option<&Settings>, preferences: Option<&str>) {
    let content = async {
        match known.map(|settings| &settings.preferences) {
            Some(fact) if !is_outside(fact) => {
                ssm::named_in(reader, region, fact).await;
                fact.clone()
            }
            _ => match preferences {
                Some(name) => ssm::preferences(reader, region, name).await,
                None => Fact::Absent,
            },
        }
    };
    let host_management = async {
        match known.map(|settings| &settings.host_management) {
            Some(fact) if fact.unreadable().is_none_or(|reason| reason.kind != UnreadableKind::NotInSnapshot) => {
                fact.clone()
            }
            _ => ssm::host_management(reader, region).await,
        }
    };
    let (content, host_management) = join(content, host_management).await;
    let settings = Settings { host_management, preferences_name: preferences.map(str::to_owned), preferences: content };
    reader.facts().settings.insert(region.to_owned(), settings);
}

/// The partition of what is to be judged.
fn partition_of(planned: &Facts) -> String {
    let of_subject = |subject: &Subject| {
        let of_region = subject.region.as_deref().map(partition_of_region).map(str::to_owned);
        subject.partition.clone().or(of_region)
    };
    planned.subjects.iter().find_map(of_subject).unwrap_or_else(|| "aws".to_owned())
}

/// The Regions of those that are to be judged, where nothing is known to be of another account than the credentials.
fn regions_of_account(account: Option<&str>, planned: &Facts) -> BTreeSet<String> {
    let regions: BTreeSet<String> = planned.subjects.iter().filter_map(|subject| subject.region.clone()).collect();
    let is_of_it = |region: &String| {
        let there = planned.subjects.iter().filter(|subject| subject.region.as_ref() == Some(region));
        there.into_iter().all(|subject| subject.account.is_none() || subject.account.as_deref() == account)
    };
    regions.into_iter().filter(is_of_it).collect()
}

/// Whether preferences are none that the plan makes or changes.
fn is_outside(preferences: &Fact<PolicyText>) -> bool {
    preferences.unreadable().is_some_and(|reason| reason.api == "ssm:GetDocument")
}
