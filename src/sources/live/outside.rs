//! What a plan or template refers to and does not hold, read from the account that it is for: managed policies, session preferences,
//! and the session key.
//!
//! What the plan says itself stays: it is what will be.

use std::collections::BTreeSet;

use futures::future::{join_all, join3};

use super::reader::Reader;
use super::{kms, role, ssm};
use crate::aws::Connection;
use crate::facts::{Fact, Facts, PolicyText, Settings, Unreadable, UnreadableKind};
use iam_eval::arn::{Arn, partition_of_region};

/// Adds it to the facts of a plan or template. `preferences` is the name of the session preferences that count, `key` the session key
/// that was asked for.
pub async fn add_outside(
    connection: &Connection,
    planned: Facts,
    preferences: Option<&str>,
    key: Option<&str>,
) -> Facts {
    let regions = regions_of_account(connection, &planned).await;
    let policies: Vec<Arn> = planned
        .policies
        .iter()
        .filter(|(_, fact)| fact.unreadable().is_some_and(|reason| reason.kind == UnreadableKind::NotInPlan))
        .filter_map(|(key, _)| Arn::parse(key).filter(|arn| arn.service == "iam"))
        .collect();
    let reader = Reader::new(connection, planned.clone());
    let policies = policies.iter().map(async |arn| role::policy(&reader, &arn.partition, &arn.to_string()).await);
    let settings = regions.iter().map(async |region| {
        let known = planned.settings.get(region);
        let content = match known.map(|settings| &settings.preferences) {
            Some(fact) if !is_outside(fact) => {
                ssm::named_in(&reader, region, fact).await;
                fact.clone()
            }
            _ => match preferences {
                Some(name) => ssm::preferences(&reader, region, name).await,
                None => Fact::Absent,
            },
        };
        let settings = Settings {
            host_management: known.map_or_else(not_read, |settings| settings.host_management.clone()),
            preferences_name: preferences.map(str::to_owned),
            preferences: content,
        };
        reader.facts().settings.insert(region.clone(), settings);
    });
    let of_key: Vec<&str> = regions.iter().map(String::as_str).collect();
    let key = async {
        if !of_key.is_empty() {
            kms::key(&reader, key, &of_key).await;
        }
    };
    join3(join_all(policies), join_all(settings), key).await;
    reader.into_facts()
}

/// The Regions of those that are to be judged, where nothing is known to be of another account than the credentials.
async fn regions_of_account(connection: &Connection, planned: &Facts) -> BTreeSet<String> {
    let regions: BTreeSet<String> = planned.subjects.iter().filter_map(|subject| subject.region.clone()).collect();
    let Some(region) = regions.first() else { return regions };
    let account = connection.caller(partition_of_region(region)).await.ok().map(|caller| caller.account.clone());
    let is_of_it = |region: &String| {
        let there = planned.subjects.iter().filter(|subject| subject.region.as_ref() == Some(region));
        there.into_iter().all(|subject| subject.account.is_none() || subject.account == account)
    };
    regions.into_iter().filter(is_of_it).collect()
}

/// Whether preferences are none that the plan makes or changes.
fn is_outside(preferences: &Fact<PolicyText>) -> bool {
    preferences.unreadable().is_some_and(|reason| reason.api == "ssm:GetDocument")
}

/// Roles are not read, and so the role of host management neither.
fn not_read() -> Fact<String> {
    let api = "ssm:GetServiceSetting".to_owned();
    let message = format!("the answer to `{api}` is not in a plan or template");
    Fact::Unreadable(Unreadable { api, kind: UnreadableKind::NotInSnapshot, message })
}
