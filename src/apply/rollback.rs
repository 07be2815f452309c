//! After a failure in the middle: what this run created and nobody uses is removed again.

use std::collections::{BTreeMap, BTreeSet};

use super::look_at;
use super::run::{Run, Watcher};
use crate::fix::{Change, State, Status, Step, Thing};
use iam_eval::arn::Arn;

/// Takes back, from the last to the first, what belongs to the roles and profiles that this run created.
///
/// A role or profile that an instance of this run uses already stays: taking it away would break what is fixed. One that
/// may be somebody else's stays too, and so does one of which something cannot be taken away. So does what a step would use that may
/// have been made, or may still be: `lost`. Whatever stays says so.
pub(super) async fn roll_back<W: Watcher>(run: &mut Run<'_, W>, steps: &mut [Step], certain: &[bool], lost: &[bool]) {
    let created = created(steps, certain);
    let mut used = used(steps, &created, lost);
    used.extend(held_by_others(run, steps, &created).await);
    let mut stuck: BTreeSet<Arn> = BTreeSet::new();
    for index in (0..steps.len()).rev() {
        let Some(step) = steps.get_mut(index) else { break };
        let Some(owner) = owner(&step.change).filter(|_| step.status == Status::Done) else { continue };
        let Some(by_us) = created.get(&owner) else { continue };
        let stays = if !by_us {
            Some(format!("the call that created `{owner}` returned no response, so this run may not have created it"))
        } else if used.contains(&owner) {
            Some(format!("`{owner}` is in use, or may be"))
        } else if stuck.contains(&owner) {
            Some(format!("part of `{owner}` could not be rolled back"))
        } else {
            run.take_back(index, &step.change).await.err().map(|why| {
                let held = match step.change.after() {
                    State::Holds(role) => Some(role.clone()),
                    _ => None,
                };
                stuck.extend(held.into_iter().chain([owner.clone()]));
                format!("it could not be rolled back: {why}")
            })
        };
        match stays {
            Some(why) => step.note = Some(step.note.take().unwrap_or_else(|| format!("left in place: {why}"))),
            None => {
                step.status = Status::RolledBack;
                step.note = None;
            }
        }
    }
}

/// The created profiles, with their roles, that instances have got from somebody else already.
async fn held_by_others<W: Watcher>(run: &Run<'_, W>, steps: &[Step], created: &BTreeMap<Arn, bool>) -> BTreeSet<Arn> {
    let regions: BTreeSet<&String> = steps
        .iter()
        .filter_map(|step| match step.change.thing() {
            Thing::ProfileOfInstance { region, .. } => Some(region),
            _ => None,
        })
        .collect();
    let mut held = BTreeSet::new();
    for step in steps.iter().filter(|step| step.status == Status::Done) {
        let (Thing::RoleOfProfile(profile), State::Holds(role)) = (step.change.thing(), step.change.after()) else {
            continue;
        };
        if !created.contains_key(profile) {
            continue;
        }
        for region in &regions {
            // What cannot be seen is not taken away.
            let instances = look_at::instances_with(run.connection, region, profile);
            let instances = run.interrupt.cut_off_later(instances).await;
            if !instances.is_some_and(|instances| instances.is_ok_and(|instances| instances.is_empty())) {
                held.extend([profile.clone(), role.clone()]);
            }
        }
    }
    held
}

/// The roles and profiles that this run has created, each with whether that is certain.
fn created(steps: &[Step], certain: &[bool]) -> BTreeMap<Arn, bool> {
    let made = steps.iter().zip(certain).filter(|(step, _)| step.status == Status::Done);
    made.filter_map(|(step, certain)| match (step.change.thing(), step.change.before()) {
        (Thing::Role(arn) | Thing::InstanceProfile(arn), State::Absent) => Some((arn.clone(), *certain)),
        _ => None,
    })
    .collect()
}

/// The roles and profiles that something uses now that stays: an instance, or a profile that was there before this run or
/// may be somebody else's.
fn used(steps: &[Step], created: &BTreeMap<Arn, bool>, lost: &[bool]) -> BTreeSet<Arn> {
    // IAM keeps a role that a profile holds; EC2 does not keep the profile of an instance.
    let may_be_held = |step: &Step| matches!(step.change.thing(), Thing::ProfileOfInstance { .. });
    let is_done = |(step, lost): &(&Step, &bool)| step.status == Status::Done || **lost && may_be_held(step);
    let done = || steps.iter().zip(lost).filter(is_done).map(|(step, _)| &step.change);
    let mut used: BTreeSet<Arn> = done()
        .filter_map(|change| match (change.thing(), change.after()) {
            (Thing::ProfileOfInstance { .. }, State::Has { profile, .. }) => Some(profile.clone()),
            (Thing::RoleOfProfile(profile), State::Holds(role)) if created.get(profile) != Some(&true) => {
                Some(role.clone())
            }
            _ => None,
        })
        .collect();
    // A role is used if its profile is.
    let roles: Vec<Arn> = done()
        .filter_map(|change| match (change.thing(), change.after()) {
            (Thing::RoleOfProfile(profile), State::Holds(role)) if used.contains(profile) => Some(role.clone()),
            _ => None,
        })
        .collect();
    used.extend(roles);
    used
}

/// The created thing that a change belongs to, if it belongs to one.
fn owner(change: &Change) -> Option<Arn> {
    match change.thing() {
        Thing::InstanceProfile(arn) | Thing::RoleOfProfile(arn) => Some(arn.clone()),
        thing => thing.role().cloned(),
    }
}
