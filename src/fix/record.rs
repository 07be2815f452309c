//! What a run of `fix` or `undo` planned, and what became of it.

use serde::Serialize;

use super::{Change, Refusal};

/// What became of a planned change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
    /// What became of it.
    pub status: Status,
    /// Why, where there is more to say than the status.
    pub note: Option<String>,
}

/// How far the change of a role reaches beyond the targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// The role's ARN.
    pub role: String,
    /// The ARNs of all its instance profiles.
    pub instance_profiles: Vec<String>,
    /// The ids of the instances, terminated ones apart, that have one of them and are no targets of this run.
    pub other_instances: Vec<String>,
    /// The Regions in which instances were looked for.
    pub regions: Vec<String>,
    /// Why this is not all, if something could not be read.
    pub incomplete: Option<String>,
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
    pub warnings: Vec<String>,
    /// How far the changes reach.
    pub reach: Vec<Reach>,
    /// Where the state before is kept, for `undo`.
    pub backup: Option<String>,
    /// Why the run stopped before its end, if it did.
    pub stopped: Option<String>,
    /// What a person still has to do or to know.
    pub next: Vec<String>,
}
