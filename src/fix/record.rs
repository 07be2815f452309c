//! What a run of `fix` or `undo` planned, and what became of it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Change, Refusal, Warning};

/// What became of a planned change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was shown and not tried.
    Planned,
    /// It is made.
    Done,
    /// It was tried and is not made, or it is not known whether it is.
    Failed,
    /// It was not tried, because something before it failed or the run was interrupted.
    NotDone,
    /// It was made, and taken back when something after it failed.
    RolledBack,
}

/// A planned change and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The change.
    pub change: Change,
    /// The targets that it is for; none where that is not known, as for what an undo does.
    pub targets: Vec<String>,
    /// What became of it.
    pub status: Status,
    /// Why, where there is more to say than the status.
    pub note: Option<String>,
}

impl Step {
    /// A step that is not tried yet.
    pub fn planned(change: Change, targets: Vec<String>) -> Step {
        Step { change, targets, status: Status::Planned, note: None }
    }
}

/// How far the change of a role reaches beyond the targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reach {
    /// The role's ARN.
    pub role: String,
    /// The ARNs of all its instance profiles; null where they could not be read.
    pub instance_profiles: Option<Vec<String>>,
    /// The ids of the instances, terminated ones apart, that have one of them and are no targets of this run: all of them, or with
    /// `incomplete` at least these; null where none is known and not all were looked at.
    pub other_instances: Option<Vec<String>>,
    /// The Regions in which instances were looked for.
    pub regions: Vec<String>,
    /// Why this is not all, if something could not be read.
    pub incomplete: Option<String>,
}

impl Record {
    /// One record of several accounts.
    pub fn joined<'a>(records: impl IntoIterator<Item = &'a Record>) -> Record {
        let mut all = Record::default();
        for record in records {
            all.dry_run |= record.dry_run;
            all.steps.extend(record.steps.iter().cloned());
            all.refusals.extend(record.refusals.iter().cloned());
            all.warnings.extend(record.warnings.iter().cloned());
            all.reach.extend(record.reach.iter().cloned());
            all.backups.extend(record.backup.clone());
            all.stopped = all.stopped.or(record.stopped.clone());
            let new: Vec<String> = record.next.iter().filter(|line| !all.next.contains(line)).cloned().collect();
            all.next.extend(new);
        }
        if all.backups.len() == 1 {
            all.backup = all.backups.pop();
        }
        all
    }

    /// Whether something was to be done that is not done.
    pub fn is_incomplete(&self) -> bool {
        self.stopped.is_some() || self.undone().next().is_some()
    }

    /// The targets of the changes that were to be made and are not.
    pub fn not_fixed(&self) -> impl Iterator<Item = &str> {
        self.undone().flat_map(|step| &step.targets).map(String::as_str)
    }

    fn undone(&self) -> impl Iterator<Item = &Step> {
        let undone = |step: &&Step| matches!(step.status, Status::Failed | Status::NotDone | Status::RolledBack);
        self.steps.iter().filter(undone)
    }
}

/// A run, for people and for scripts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// The changes, in order.
    pub steps: Vec<Step>,
    /// The targets that stay as they are although they are not ready.
    pub refusals: Vec<Refusal>,
    /// What a person should know before saying yes.
    pub warnings: Vec<Warning>,
    /// How far the changes reach.
    pub reach: Vec<Reach>,
    /// Where the state before is kept, for `undo`.
    pub backup: Option<String>,
    /// The same for several accounts, where there is more than one.
    pub backups: Vec<String>,
    /// The role to assume for an `undo`, where the account is another one than that of the credentials.
    pub assume_role: Option<String>,
    /// Why the run stopped before its end, if it did.
    pub stopped: Option<String>,
    /// What a person still has to do or to know.
    pub next: Vec<String>,
}
