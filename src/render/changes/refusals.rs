//! Refusals for a person: over a fleet many are the same but for the target.

use std::collections::BTreeMap;

use super::counts::counted;
use crate::fix::{Reason, Refusal};

/// How many targets of a group are named.
const EXAMPLES: usize = 3;

/// Refusals that differ in their target only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group<'a> {
    /// They, in their order; at least one.
    first: &'a Refusal,
    targets: Vec<&'a str>,
}

impl Group<'_> {
    /// What is refused and why; `all` names every target, where else there are a few examples.
    pub fn title(&self, all: bool) -> String {
        let Group { first, targets } = self;
        if let [only] = targets.as_slice() {
            return format!("`{only}`: {}", first.message);
        }
        let shown = if all { targets.len() } else { EXAMPLES };
        let examples: Vec<String> = targets.iter().take(shown).map(|target| format!("`{target}`")).collect();
        let such_as = if examples.len() < targets.len() { "such as " } else { "" };
        format!("{}: {} ({such_as}{})", counted(targets), without(&first.message, first), examples.join(", "))
    }

    /// The same with what a person has to do instead, for whoever sees no plan.
    pub fn in_a_line(&self) -> String {
        match self.targets.as_slice() {
            [only] => format!("`{only}` is left as it is: {}; {}", self.first.message, self.first.remedy),
            _ => format!("left as they are: {}; {}", self.title(false), self.first.remedy),
        }
    }

    /// What a person has to do instead, for the first of them.
    pub fn remedy(&self) -> &str {
        &self.first.remedy
    }
}

/// The refusals, those together that are the same but for the target, in the order of the first of each.
pub fn groups(refusals: &[Refusal]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut known: BTreeMap<(Reason, String, String), usize> = BTreeMap::new();
    for refusal in refusals {
        let key = (refusal.reason, without(&refusal.message, refusal), without(&refusal.remedy, refusal));
        let at = *known.entry(key).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.targets.push(&refusal.target),
            None => groups.push(Group { first: refusal, targets: vec![&refusal.target] }),
        }
    }
    groups
}

/// A text about the target of a refusal as one about any target.
fn without(text: &str, refusal: &Refusal) -> String {
    text.replace(&refusal.target, "TARGET")
}
