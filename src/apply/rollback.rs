//! After a failure in the middle: what this run created and nobody uses is removed again.

use std::collections::BTreeSet;

use super::run::{Run, Watcher};
use crate::arn::Arn;
use crate::fix::{Change, State, Status, Step, Thing};

/// Takes back, from the last to the first, what belongs to the roles and profiles that this run created.
///
/// A role or profile that an instance of this run uses already stays: taking it away would break what is mended. One that
/// may be somebody else's stays too, and the step says so.
pub(super) async fn roll_back<W: Watcher>(run: &mut Run<'_, W>, steps: &mut [Step], certain: &[bool]) {
    let created = created(steps, certain);
    let used = used(steps);
    for index in (0..steps.len()).rev() {
        let Some(step) = steps.get_mut(index) else { break };
        if step.status != Status::Done {
            continue;
        }
        let owner = owner(&step.change);
        let is_creation = matches!(step.change.thing(), Thing::Role(_) | Thing::InstanceProfile(_));
        if is_creation && !certain.get(index).is_some_and(|certain| *certain) && step.note.is_none() {
            step.note = Some("left in place: no answer came, so it is not certain that this run made it".to_owned());
        }
        let Some(owner) = owner.filter(|owner| created.contains(owner) && !used.contains(owner)) else { continue };
        match run.take_back(index, &step.change).await {
            Ok(()) => {
                step.status = Status::RolledBack;
                step.note = None;
            }
            Err(why) => step.note = Some(format!("left in place: `{owner}` could not be removed again: {why}")),
        }
    }
}

/// The roles and profiles that this run has certainly created.
fn created(steps: &[Step], certain: &[bool]) -> BTreeSet<Arn> {
    let made = steps.iter().zip(certain).filter(|(step, certain)| step.status == Status::Done && **certain);
    made.filter_map(|(step, _)| match (step.change.thing(), step.change.before()) {
        (Thing::Role(arn) | Thing::InstanceProfile(arn), State::Absent) => Some(arn.clone()),
        _ => None,
    })
    .collect()
}

/// The roles and profiles that something that was there before this run uses now.
fn used(steps: &[Step]) -> BTreeSet<Arn> {
    let done = || steps.iter().filter(|step| step.status == Status::Done).map(|step| &step.change);
    let made_here: BTreeSet<&Arn> = done()
        .filter_map(|change| match (change.thing(), change.before()) {
            (Thing::InstanceProfile(arn), State::Absent) => Some(arn),
            _ => None,
        })
        .collect();
    let mut used: BTreeSet<Arn> = done()
        .filter_map(|change| match (change.thing(), change.after()) {
            (Thing::ProfileOfInstance { .. }, State::Has { profile, .. }) => Some(profile.clone()),
            (Thing::RoleOfProfile(profile), State::Holds(role)) if !made_here.contains(profile) => Some(role.clone()),
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
