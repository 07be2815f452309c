//! From a backup to the changes that put everything back, and the reasons why they must not be made.

use std::collections::{BTreeMap, BTreeSet};

use super::backup::{Backup, BackupFile, Entry, Progress};
use super::run::Journal;
use super::{look, look_at};
use crate::aws::{Connection, Failure};
use crate::fix::{Change, ChangedTo, Refusal, RefusalKind, State, Thing, User, Warning};
use iam_eval::arn::Arn;

/// What an undo has to do.
#[derive(Debug, Default)]
pub struct Undo {
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// For each change the index of the backup's entry that it takes back.
    pub entries: Vec<usize>,
    /// The entries of which nothing is to be taken back: all is as it was before the fix.
    pub undone: Vec<usize>,
    /// What stands in the way; if anything does, nothing must be changed.
    pub refusals: Vec<Refusal>,
    /// What cannot be put back as it was.
    pub warnings: Vec<Warning>,
}

/// The backup file while its undo runs: an entry is crossed off when it is taken back.
#[derive(Debug)]
pub struct UndoJournal {
    /// The file.
    pub file: BackupFile,
    /// For each change the index of its entry.
    pub entries: Vec<usize>,
}

impl UndoJournal {
    /// Writes down that the change with this index is not taken back after all, so that the next undo sees to it again.
    ///
    /// # Errors
    /// If that could not be written.
    pub fn reopen(&mut self, index: usize) -> std::io::Result<()> {
        match self.entry(index) {
            Some(entry) if entry.progress == Progress::TakenBack => entry.progress = Progress::Made,
            _ => return Ok(()),
        }
        self.file.save()
    }

    fn entry(&mut self, index: usize) -> Option<&mut Entry> {
        self.entries.get(index).and_then(|entry| self.file.backup.changes.get_mut(*entry))
    }
}

impl Journal for UndoJournal {
    fn note(&mut self, index: usize, progress: Progress, _: &Change) -> std::io::Result<()> {
        match self.entry(index) {
            Some(entry) if progress == Progress::Made => entry.progress = Progress::TakenBack,
            _ => return Ok(()),
        }
        self.file.save()
    }
}

/// Looks at everything that the backup speaks of, and says how to put it back.
///
/// # Errors
/// What could not be looked at.
pub async fn plan(connection: &Connection, backup: &Backup) -> Result<Undo, Failure> {
    let mut undo = Undo::default();
    // What the changes so far would leave.
    let mut foreseen: BTreeMap<Thing, State> = BTreeMap::new();
    for (index, Entry { progress, change }) in backup.changes.iter().enumerate().rev() {
        if matches!(progress, Progress::Planned | Progress::TakenBack) {
            continue;
        }
        let Some(inverse) = change.inverse() else { continue };
        let thing = inverse.thing();
        let is_foreseen = foreseen.contains_key(thing);
        let seen = match foreseen.get(thing) {
            Some(state) => state.clone(),
            None => match look(connection, thing).await {
                Ok(state) => state,
                // Nothing of an instance that is gone can be put back.
                Err(failure) if failure.is_not_found() => {
                    undo.undone.push(index);
                    continue;
                }
                Err(failure) => return Err(failure),
            },
        };
        if seen.is(inverse.after()) {
            undo.undone.extend((!is_foreseen).then_some(index));
            continue;
        }
        if !seen.is(inverse.before()) {
            undo.refusals.push(changed(thing, &seen));
            continue;
        }
        if let Some(refusal) = not_made_by_a_fix(connection, backup, &inverse).await? {
            undo.refusals.push(refusal);
            continue;
        }
        if *progress == Progress::Tried {
            let (api, target) = (change.action().name().to_owned(), thing.target());
            undo.warnings.push(Warning::MayBeOfOthers { api, target });
        }
        if let Some(change) = feasible(connection, &inverse, &seen, &mut undo).await? {
            foreseen.insert(thing.clone(), change.after().clone());
            undo.changes.push(change);
            undo.entries.push(index);
        }
    }
    strangers(connection, backup, &mut undo).await?;
    Ok(undo)
}

/// Why what `inverse` takes away is none that a fix gave: a profile gets a role, and an instance a profile, that a fix made. Only
/// a profile that was created anew, and that the instance has had before, may be of others.
async fn not_made_by_a_fix(
    connection: &Connection,
    backup: &Backup,
    inverse: &Change,
) -> Result<Option<Refusal>, Failure> {
    let owned = match (inverse.thing(), inverse.before()) {
        (Thing::RoleOfProfile(_), State::Holds(role)) => Thing::Role(role.clone()),
        (thing @ Thing::ProfileOfInstance { .. }, State::Has { profile, .. }) if !had(backup, thing, profile) => {
            Thing::InstanceProfile(profile.clone())
        }
        _ => return Ok(None),
    };
    let foreign = look(connection, &owned).await? == State::Foreign;
    Ok(foreign.then(|| {
        let kind = RefusalKind::NotCreatedByFix { thing: (&owned).into(), name: owned.target() };
        Refusal::of_thing(inverse.thing(), kind)
    }))
}

/// Whether an instance had a profile before the fix: on a stopped one that was taken away by a change of its own.
fn had(backup: &Backup, instance: &Thing, profile: &Arn) -> bool {
    let first = backup.changes.iter().map(|entry| &entry.change).find(|change| change.thing() == instance);
    matches!(first.map(Change::before), Some(State::Has { profile: had, .. }) if had == profile)
}

/// The change that can really be made in the place of `inverse`, if there is one.
///
/// An instance gets no profile back: a fix takes one away only if it was deleted, and
/// [no id is given twice](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids).
async fn feasible(
    connection: &Connection,
    inverse: &Change,
    seen: &State,
    undo: &mut Undo,
) -> Result<Option<Change>, Failure> {
    let after = match (inverse.thing(), inverse.after()) {
        (thing @ Thing::ProfileOfInstance { instance, .. }, State::Has { profile, id }) => {
            if id.is_some() && look_at::profile_id(connection, profile).await? == *id {
                let kind = RefusalKind::ProfileNotDeleted { profile: profile.to_string() };
                undo.refusals.push(Refusal::of_thing(thing, kind));
                return Ok(None);
            }
            undo.warnings.push(Warning::ProfileGone { instance: instance.clone(), profile: profile.to_string() });
            &State::Absent
        }
        (_, after) => after,
    };
    Ok(inverse.with_states(seen.clone(), after.clone()))
}

/// Others may have begun to use what the fix created, and would lose it.
async fn strangers(connection: &Connection, backup: &Backup, undo: &mut Undo) -> Result<(), Failure> {
    let deleted: Vec<Change> = undo.changes.iter().filter(|change| *change.after() == State::Absent).cloned().collect();
    let goes = |thing: &Thing| deleted.iter().any(|change| change.thing() == thing);
    for change in &deleted {
        let mut others: Vec<User> = Vec::new();
        match change.thing() {
            Thing::Role(role) => {
                for name in look_at::inline_names(connection, role).await? {
                    if !goes(&Thing::InlinePolicy { role: role.clone(), name: name.clone() }) {
                        others.push(User::InlinePolicy(name));
                    }
                }
                for arn in look_at::attached(connection, role).await? {
                    let policy = Arn::parse(&arn);
                    if !policy.is_some_and(|policy| goes(&Thing::AttachedPolicy { role: role.clone(), policy })) {
                        others.push(User::AttachedPolicy(arn));
                    }
                }
                for profile in look_at::profiles_of_role(connection, role).await? {
                    if !goes(&Thing::RoleOfProfile(profile.clone())) {
                        others.push(User::InstanceProfile(profile.to_string()));
                    }
                }
            }
            Thing::InstanceProfile(profile) => {
                let (instances, warning) = holders(connection, backup, profile).await?;
                undo.warnings.extend(warning);
                let others_of = |thing: &Thing| match thing {
                    Thing::ProfileOfInstance { instance, .. } if !goes(thing) => Some(User::Instance(instance.clone())),
                    _ => None,
                };
                others.extend(instances.iter().filter_map(others_of));
            }
            _ => {}
        }
        let in_use = |by| Refusal::of_thing(change.thing(), RefusalKind::InUse { by });
        undo.refusals.extend(others.into_iter().map(in_use));
    }
    Ok(())
}

/// The instances that have a profile, in every Region that can be looked at, and a warning if that is not all.
async fn holders(
    connection: &Connection,
    backup: &Backup,
    profile: &Arn,
) -> Result<(Vec<Thing>, Option<Warning>), Failure> {
    let of_fix = backup.changes.iter().filter_map(|entry| region_of(entry.change.thing()));
    let of_fix = of_fix.map(str::to_owned).chain(connection.default_region());
    let (regions, warning): (BTreeSet<String>, _) = match look_at::regions(connection, &profile.partition).await {
        Ok(all) => (of_fix.chain(all).collect(), None),
        Err(failure) => {
            let known: BTreeSet<String> = of_fix.collect();
            let warning = Warning::HoldersNotSeen {
                profile: profile.to_string(),
                regions: known.iter().cloned().collect(),
                why: failure.into_unreadable().message,
            };
            (known, Some(warning))
        }
    };
    let asked = regions.iter().map(async |region| {
        let instances = look_at::instances_with(connection, region, profile).await?;
        let thing = |instance| Thing::ProfileOfInstance { instance, region: region.clone() };
        Ok(instances.into_iter().map(thing).collect::<Vec<_>>())
    });
    let found = futures::future::join_all(asked).await.into_iter().collect::<Result<Vec<_>, Failure>>()?;
    Ok((found.into_iter().flatten().collect(), warning))
}

fn region_of(thing: &Thing) -> Option<&str> {
    match thing {
        Thing::ProfileOfInstance { region, .. } => Some(region),
        _ => None,
    }
}

fn changed(thing: &Thing, seen: &State) -> Refusal {
    let to = match seen {
        State::Absent => ChangedTo::Deleted,
        State::Foreign => ChangedTo::Another,
        _ => ChangedTo::Changed,
    };
    let name = match thing {
        Thing::InlinePolicy { name, .. } => Some(name.clone()),
        _ => None,
    };
    Refusal::of_thing(thing, RefusalKind::ChangedSince { thing: thing.into(), name, to })
}
