//! From a backup to the changes that put everything back, and the reasons why they must not be made.

use std::collections::{BTreeMap, BTreeSet};

use super::backup::{Backup, BackupFile, Entry, Progress};
use super::run::Journal;
use super::{look, look_at};
use crate::aws::{Connection, Failure};
use crate::fix::{Action, Change, Reason, Refusal, State, Thing};
use iam_eval::arn::Arn;

/// What an undo has to do.
#[derive(Debug, Default)]
pub struct Undo {
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// For each change the index of the backup's entry that it takes back.
    pub entries: Vec<usize>,
    /// What stands in the way; if anything does, nothing must be changed.
    pub refusals: Vec<Refusal>,
    /// What cannot be put back as it was.
    pub warnings: Vec<String>,
}

/// The backup file while its undo runs: an entry is crossed off when it is taken back.
#[derive(Debug)]
pub struct UndoJournal {
    /// The file.
    pub file: BackupFile,
    /// For each change the index of its entry.
    pub entries: Vec<usize>,
}

impl Journal for UndoJournal {
    fn note(&mut self, index: usize, progress: Progress, change: &Change) -> std::io::Result<()> {
        let later = self.entries.iter().skip(index + 1).any(|entry| Some(entry) == self.entries.get(index));
        let entry = self.entries.get(index).and_then(|entry| self.file.backup.changes.get_mut(*entry));
        match entry {
            Some(entry) if progress == Progress::Made && !later => {
                entry.progress = Progress::TakenBack;
                self.file.save()
            }
            // One of two calls: what is left to take back is the change to what the thing is now.
            Some(entry) if progress == Progress::Made => {
                let left = entry.change.with_states(entry.change.before().clone(), change.after().clone());
                entry.change = left.unwrap_or_else(|| entry.change.clone());
                self.file.save()
            }
            _ => Ok(()),
        }
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
        let seen = match foreseen.get(thing) {
            Some(state) => state.clone(),
            None => match look(connection, thing).await {
                Ok(state) => state,
                // Nothing of an instance that is gone can be put back.
                Err(failure) if failure.is_not_found() => continue,
                Err(failure) => return Err(failure),
            },
        };
        if seen.is(inverse.after()) {
            continue;
        }
        if !seen.is(inverse.before()) {
            undo.refusals.push(changed(thing, &seen));
            continue;
        }
        for change in feasible(connection, &inverse, &seen, &mut undo.warnings).await? {
            foreseen.insert(thing.clone(), change.after().clone());
            undo.changes.push(change);
            undo.entries.push(index);
        }
    }
    strangers(connection, backup, &mut undo).await?;
    Ok(undo)
}

/// The changes that can really be made in the place of `inverse`.
async fn feasible(
    connection: &Connection,
    inverse: &Change,
    seen: &State,
    warnings: &mut Vec<String>,
) -> Result<Vec<Change>, Failure> {
    let exact = inverse.with_states(seen.clone(), inverse.after().clone());
    let (Thing::ProfileOfInstance { instance, region }, State::Has { profile, id }) =
        (inverse.thing(), inverse.after())
    else {
        return Ok(exact.into_iter().collect());
    };
    let now = look_at::profile_id(connection, profile).await?;
    let same = now.is_some() && (id.is_none() || now == *id);
    if !same {
        warnings.push(format!(
            "`{instance}` held the instance profile `{profile}`, which does not exist any more in that form; it is left without a profile"
        ));
    }
    let away = || inverse.with_states(seen.clone(), State::Absent);
    Ok(match inverse.action() {
        Action::AssociateIamInstanceProfile if !same => Vec::new(),
        Action::ReplaceIamInstanceProfileAssociation if !same => away().into_iter().collect(),
        // A profile is replaced on a running instance only.
        Action::ReplaceIamInstanceProfileAssociation
            if look_at::instance_state(connection, region, instance).await?.as_deref() != Some("running") =>
        {
            let back = inverse.with_states(State::Absent, inverse.after().clone());
            away().into_iter().chain(back).collect()
        }
        _ => exact.into_iter().collect(),
    })
}

/// Others may have begun to use what the fix created, and would lose it.
async fn strangers(connection: &Connection, backup: &Backup, undo: &mut Undo) -> Result<(), Failure> {
    let deleted: Vec<Change> = undo.changes.iter().filter(|change| *change.after() == State::Absent).cloned().collect();
    let goes = |thing: &Thing| deleted.iter().any(|change| change.thing() == thing);
    for change in &deleted {
        let mut others: Vec<String> = Vec::new();
        match change.thing() {
            Thing::Role(role) => {
                for name in look_at::inline_names(connection, role).await? {
                    if !goes(&Thing::InlinePolicy { role: role.clone(), name: name.clone() }) {
                        others.push(format!("the inline policy `{name}`"));
                    }
                }
                for arn in look_at::attached(connection, role).await? {
                    let policy = Arn::parse(&arn);
                    if !policy.is_some_and(|policy| goes(&Thing::AttachedPolicy { role: role.clone(), policy })) {
                        others.push(format!("the attached policy `{arn}`"));
                    }
                }
                for profile in look_at::profiles_of_role(connection, role).await? {
                    if !goes(&Thing::RoleOfProfile(profile.clone())) {
                        others.push(format!("the instance profile `{profile}`"));
                    }
                }
            }
            Thing::InstanceProfile(profile) => {
                let (instances, warning) = holders(connection, backup, profile).await?;
                undo.warnings.extend(warning);
                let others_of = |thing: &Thing| match thing {
                    Thing::ProfileOfInstance { instance, .. } if !goes(thing) => {
                        Some(format!("the instance `{instance}`"))
                    }
                    _ => None,
                };
                others.extend(instances.iter().filter_map(others_of));
            }
            _ => {}
        }
        undo.refusals.extend(others.into_iter().map(|other| Refusal {
            target: change.thing().target(),
            reason: Reason::ChangedSince,
            message: format!("{other} uses it since the fix"),
            remedy: "take that away first, or leave what the fix created".to_owned(),
        }));
    }
    Ok(())
}

/// The instances that have a profile, in every Region that can be looked at, and a warning if that is not all.
async fn holders(
    connection: &Connection,
    backup: &Backup,
    profile: &Arn,
) -> Result<(Vec<Thing>, Option<String>), Failure> {
    let of_fix = backup.changes.iter().filter_map(|entry| region_of(entry.change.thing()));
    let of_fix = of_fix.map(str::to_owned).chain(connection.default_region());
    let (regions, warning): (BTreeSet<String>, _) = match look_at::regions(connection, &profile.partition).await {
        Ok(all) => (of_fix.chain(all).collect(), None),
        Err(failure) => {
            let known: BTreeSet<String> = of_fix.collect();
            let warning = format!(
                "instances that have `{profile}` were looked for in {} only, because `ec2:DescribeRegions` gave no answer ({}); one \
                 elsewhere would lose it",
                known.iter().cloned().collect::<Vec<_>>().join(", "),
                failure.into_unreadable().message
            );
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
    let message = match (thing, seen) {
        (_, State::Absent) => "it was deleted since the fix",
        (_, State::Foreign) => "there is another one of that name now",
        (Thing::TrustPolicy(_), _) => "the trust policy was changed since the fix",
        (Thing::InlinePolicy { .. }, _) => "the inline policy was changed since the fix",
        (Thing::RoleOfProfile(_), _) => "the profile holds another role since the fix",
        (Thing::ProfileOfInstance { .. }, _) => "the instance has another profile since the fix",
        _ => "it was changed since the fix",
    };
    let name = match thing {
        Thing::InlinePolicy { name, .. } => format!(" (`{name}`)"),
        _ => String::new(),
    };
    Refusal {
        target: thing.target(),
        reason: Reason::ChangedSince,
        message: format!("{message}{name}"),
        remedy: "put back by hand what shall be put back; the backup file has the text".to_owned(),
    }
}
