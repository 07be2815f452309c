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
    let one = async |role: &&Arn| {
        let mut reach = Reach {
            role: role.to_string(),
            instance_profiles: Vec::new(),
            other_instances: Vec::new(),
            regions: regions.iter().map(|region| (*region).to_owned()).collect(),
            incomplete: None,
        };
        if let Err(failure) = fill(connection, role, facts, &mut reach).await {
            let reason = failure.into_unreadable();
            reach.incomplete = Some(format!("`{}` failed: {}", reason.api, reason.message));
        }
        reach
    };
    let mut reach = futures::future::join_all(roles.difference(&created).map(one)).await;
    for change in changes {
        let (Thing::RoleOfProfile(profile), State::Holds(role)) = (change.thing(), change.after()) else { continue };
        // A profile that was there before may be the profile of others too.
        let new = changes.iter().any(|other| *other.thing() == Thing::InstanceProfile(profile.clone()));
        if !new {
            reach.push(of_profile(connection, role, profile, facts, &regions).await);
        }
    }
    reach
}

async fn of_profile(
    connection: &Connection,
    role: &Arn,
    profile: &Arn,
    facts: &Facts,
    regions: &BTreeSet<&str>,
) -> Reach {
    let mut reach = Reach {
        role: role.to_string(),
        instance_profiles: vec![profile.to_string()],
        other_instances: Vec::new(),
        regions: regions.iter().map(|region| (*region).to_owned()).collect(),
        incomplete: None,
    };
    let targets = targets(facts);
    for region in regions {
        match look_at::instances_with(connection, region, profile).await {
            Ok(instances) => {
                let others = instances.into_iter().filter(|id| !targets.contains(id.as_str()));
                reach.other_instances.extend(others);
            }
            Err(failure) => {
                let reason = failure.into_unreadable();
                reach.incomplete = Some(format!("`{}` failed: {}", reason.api, reason.message));
            }
        }
    }
    reach
}

/// The ids of the instances that are subjects of the facts.
fn targets(facts: &Facts) -> BTreeSet<&str> {
    let known = facts.subjects.iter().filter_map(|subject| match &subject.kind {
        SubjectKind::Instance(Fact::Known(instance)) => Some(instance.id.as_str()),
        _ => None,
    });
    known.collect()
}

async fn fill(connection: &Connection, role: &Arn, facts: &Facts, reach: &mut Reach) -> Result<(), Failure> {
    let targets = targets(facts);
    let profiles = look_at::profiles_of_role(connection, role).await?;
    reach.instance_profiles = profiles.iter().map(Arn::to_string).collect();
    for region in reach.regions.clone() {
        for profile in &profiles {
            let instances = look_at::instances_with(connection, &region, profile).await?;
            let others = instances.into_iter().filter(|id| !targets.contains(id.as_str()));
            reach.other_instances.extend(others);
        }
    }
    Ok(())
}
