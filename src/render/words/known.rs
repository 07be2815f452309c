//! That findings are known.

use crate::report::Known;

/// Why a target that is not ready, or unknown, does not count.
pub const FROM_BASELINE: &str = "known from the baseline";

/// What stands behind a verdict: whether it is due to nothing but what is known.
pub fn known_mark(is_known: bool) -> &'static str {
    if is_known { " (known)" } else { "" }
}

/// Why a finding is accepted and how long, behind "known: ".
pub fn known(known: &Known) -> String {
    let reason = known.reason.as_deref().filter(|reason| !reason.trim().is_empty());
    match (reason, known.until) {
        (Some(reason), Some(until)) => format!("{reason} (until {until})"),
        (Some(reason), None) => reason.to_owned(),
        (None, Some(until)) => format!("until {until}"),
        (None, None) => "in the baseline".to_owned(),
    }
}
