//! Which changes hang on one that was not made.

use std::collections::BTreeSet;

use crate::fix::{Change, State, Step, Thing};

/// What the changes that were not made leave unmended.
#[derive(Debug, Default)]
pub(super) struct Broken {
    /// Roles and profiles by ARN, instances by id.
    things: BTreeSet<String>,
    targets: BTreeSet<String>,
}

impl Broken {
    /// Takes note of a change that is not made.
    pub(super) fn add(&mut self, step: &Step) {
        self.things.insert(step.change.thing().target());
        self.targets.extend(step.targets.iter().cloned());
    }

    /// Why a change must not be tried: what it needs is not there, or none of its targets can get ready any more.
    pub(super) fn holds_up(&self, step: &Step) -> Option<String> {
        let needed = needs(&step.change).find(|thing| self.things.contains(thing));
        let lost = || !step.targets.is_empty() && step.targets.iter().all(|target| self.targets.contains(target));
        match needed {
            Some(thing) => Some(format!("skipped: an earlier change to `{thing}` was not made")),
            None if lost() => Some("skipped: an earlier change for the same target was not made".to_owned()),
            None => None,
        }
    }
}

/// What a change is of, and what it relies on.
fn needs(change: &Change) -> impl Iterator<Item = String> {
    let relied_on = match (change.thing(), change.after()) {
        (Thing::RoleOfProfile(_), State::Holds(arn))
        | (Thing::ProfileOfInstance { .. }, State::Has { profile: arn, .. }) => Some(arn.to_string()),
        _ => None,
    };
    std::iter::once(change.thing().target()).chain(relied_on)
}

/// How many failures there were so far, and how many end a run.
#[derive(Debug, Clone, Copy)]
pub struct Failures {
    most: usize,
    so_far: usize,
}

impl Failures {
    /// None yet; `most` end the run.
    pub fn new(most: usize) -> Failures {
        Failures { most, so_far: 0 }
    }

    /// Whether there were so many that nothing more is tried.
    pub fn are_too_many(&self) -> bool {
        self.so_far >= self.most
    }

    /// One more, for this reason; why the run ends, if it does.
    pub(super) fn add(&mut self, why: String) -> Option<String> {
        self.so_far += 1;
        match self.most {
            _ if !self.are_too_many() => None,
            1 => Some(why),
            most => Some(format!("{most} changes failed, and `--max-failures` is {most}; the last: {why}")),
        }
    }
}
