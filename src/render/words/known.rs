//! That a finding is known.

use crate::report::Known;

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
