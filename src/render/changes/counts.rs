//! How many: changes, targets, refusals.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::fix::Record;
use crate::render::text::Detail;

/// The targets that a change is for: their number, or the one that it is.
pub(super) fn fixed(targets: &[String], detail: Detail) -> Option<String> {
    match targets {
        [] => None,
        [one] => Some(one.clone()),
        several if detail == Detail::Verbose => Some(format!("{}: {}", counted(several), several.join(", "))),
        several => Some(counted(several)),
    }
}

/// How many targets there are, in the word for what they are.
pub(super) fn counted<T: AsRef<str>>(targets: &[T]) -> String {
    let is_instance = |target: &T| target.as_ref().starts_with("i-") || target.as_ref().contains(":instance/");
    let word = if targets.iter().all(is_instance) { "instances" } else { "targets" };
    format!("{} {word}", targets.len())
}

/// How much is going to be done, in a line.
pub fn planned(record: &Record) -> String {
    amount(record.steps.len(), refused(record), record.dry_run)
}

/// How many targets are refused: one may stay as it is for more than one reason.
pub(super) fn refused(record: &Record) -> usize {
    record.refusals.iter().map(|refusal| refusal.target.as_str()).collect::<BTreeSet<_>>().len()
}

pub(super) fn amount(steps: usize, refused: usize, dry_run: bool) -> String {
    let mut line = match (steps, refused) {
        (0, 0) => "nothing to do".to_owned(),
        (0, _) => "no change".to_owned(),
        (1, _) => "1 change".to_owned(),
        (count, _) => format!("{count} changes"),
    };
    if dry_run && steps > 0 {
        line.push_str(" (dry run: nothing was changed)");
    }
    match refused {
        0 => {}
        1 => line.push_str("; 1 target is left unchanged"),
        count => {
            let _ = write!(line, "; {count} targets are left unchanged");
        }
    }
    line
}
