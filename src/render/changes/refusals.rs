//! Refusals for a person: over a fleet many are the same but for the target.

use std::collections::BTreeMap;

use super::counts::counted;
use crate::fix::{Refusal, RefusalKind};
use crate::render::words::{self, Place, Words};

/// How many targets of a group are named.
const EXAMPLES: usize = 3;

/// Refusals that differ in their target only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group<'a> {
    words: Words,
    /// At least one.
    targets: Vec<&'a str>,
}

impl Group<'_> {
    /// What is refused and why; `all` names every target, where else there are a few examples.
    pub fn title(&self, all: bool) -> String {
        let Group { words, targets } = self;
        if let [only] = targets.as_slice() {
            return format!("`{only}`: {}", words.message);
        }
        let shown = if all { targets.len() } else { EXAMPLES };
        let examples: Vec<String> = targets.iter().take(shown).map(|target| format!("`{target}`")).collect();
        let such_as = if examples.len() < targets.len() { "such as " } else { "" };
        format!("{}: {} ({such_as}{})", counted(targets), words.message, examples.join(", "))
    }

    /// The same with what a person has to do instead, for whoever sees no plan.
    pub fn in_a_line(&self) -> String {
        let Words { message, remedy } = &self.words;
        match self.targets.as_slice() {
            [only] => format!("`{only}` is left unchanged: {message}; {remedy}"),
            _ => format!("left unchanged: {}; {remedy}", self.title(false)),
        }
    }

    /// What a person has to do instead.
    pub fn remedy(&self) -> &str {
        &self.words.remedy
    }
}

/// The refusals, those together that are the same but for the target, in the order of the first of each.
pub fn groups(refusals: &[Refusal]) -> Vec<Group<'_>> {
    let mut groups: Vec<Vec<&Refusal>> = Vec::new();
    let mut known: BTreeMap<RefusalKind, usize> = BTreeMap::new();
    for refusal in refusals {
        let at = *known.entry(of_any_target(&refusal.kind)).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(refusal),
            None => groups.push(vec![refusal]),
        }
    }
    groups
        .into_iter()
        .filter_map(|group| {
            let words = match group.as_slice() {
                [only] => words::refusal(&only.kind, &Place::of_refusal(only)),
                [first, others @ ..] => {
                    let region = first.region.as_deref();
                    let is_shared = others.iter().all(|refusal| refusal.region.as_deref() == region);
                    let place = Place::of_several(region.filter(|_| is_shared));
                    words::refusal(&of_any_target(&first.kind), &place)
                }
                [] => return None,
            };
            Some(Group { words, targets: group.iter().map(|refusal| refusal.target.as_str()).collect() })
        })
        .collect()
}

/// The same without what one instance alone has.
fn of_any_target(kind: &RefusalKind) -> RefusalKind {
    let mut kind = kind.clone();
    match &mut kind {
        RefusalKind::ProfileTaken { association, .. } => *association = None,
        RefusalKind::OutOfReach { finding } => **finding = finding.of_any_instance(None).into_owned(),
        _ => {}
    }
    kind
}
