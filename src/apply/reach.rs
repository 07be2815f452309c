//! How far a change of a role reaches: who else has the role.

use std::collections::BTreeSet;

use super::look_at;
use crate::aws::{Connection, Failure};
use crate::facts::{Fact, Facts, SubjectKind};
use crate::fix::{Change, Reach, State, Thing};
use iam_eval::arn::Arn;

/// For each role that was there before and gets changed: its profiles, and the instances that have one of them and are no
/// subjects of the facts. Only the Regions of the subjects are looked through.
pub async fn of(connection: &Connection, changes: &[Change], facts: &Facts) -> Vec<Reach> {
    let created: BTreeSet<&Arn> = changes
        .iter()
        .filter_map(|change| match (change.thing(), change.before()) {
            (Thing::Role(arn), State::Absent) => Some(arn),
            _ => None,
        })
        .collect();
    let roles: BTreeSet<&Arn> = changes.iter().filter_map(|change| change.thing().role()).collect();
    let regions: BTreeSet<&str> = facts.subjects.iter().filter_map(|subject| subject.region.as_deref()).collect();
    let one = async |role: &&Arn| match look_at::profiles_of_role(connection, role).await {
        Ok(profiles) => of_profiles(connection, role, &profiles, facts, &regions).await,
        Err(failure) => Reach {
            role: role.to_string(),
            instance_profiles: None,
            other_instances: None,
            regions: regions.iter().map(|region| (*region).to_owned()).collect(),
            incomplete: Some(why(failure)),
        },
    };
    let mut reach = futures::future::join_all(roles.difference(&created).map(one)).await;
    for change in changes {
        let (Thing::RoleOfProfile(profile), State::Holds(role)) = (change.thing(), change.after()) else { continue };
        // A profile that was there before may be the profile of others too.
        let new = changes.iter().any(|other| *other.thing() == Thing::InstanceProfile(profile.clone()));
        if !new {
            reach.push(of_profiles(connection, role, std::slice::from_ref(profile), facts, &regions).await);
        }
    }
    reach
}

/// The instances that have one of these profiles of a role.
async fn of_profiles(
    connection: &Connection,
    role: &Arn,
    profiles: &[Arn],
    facts: &Facts,
    regions: &BTreeSet<&str>,
) -> Reach {
    let targets = targets(facts);
    let (mut others, mut incomplete) = (Vec::new(), None);
    for (region, profile) in regions.iter().flat_map(|region| profiles.iter().map(move |profile| (region, profile))) {
        match look_at::instances_with(connection, region, profile).await {
            Ok(instances) => others.extend(instances.into_iter().filter(|id| !targets.contains(id.as_str()))),
            Err(failure) => {
                incomplete = Some(why(failure));
                break;
            }
        }
    }
    // Without an instance seen, an empty list would say that there is none.
    let is_known = !others.is_empty() || incomplete.is_none() && !regions.is_empty();
    Reach {
        role: role.to_string(),
        instance_profiles: Some(profiles.iter().map(Arn::to_string).collect()),
        other_instances: is_known.then_some(others),
        regions: regions.iter().map(|region| (*region).to_owned()).collect(),
        incomplete,
    }
}

fn why(failure: Failure) -> String {
    let reason = failure.into_unreadable();
    format!("`{}` failed: {}", reason.api, reason.message)
}

/// The ids of the instances that are subjects of the facts.
fn targets(facts: &Facts) -> BTreeSet<&str> {
    let known = facts.subjects.iter().filter_map(|subject| match &subject.kind {
        SubjectKind::Instance(Fact::Known(instance)) => Some(instance.id.as_str()),
        _ => None,
    });
    known.collect()
}
