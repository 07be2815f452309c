//! Which failures of a write may be over soon, so that it is tried again.

use super::write::NotWritten;
use crate::facts::UnreadableKind;
use crate::fix::{Change, State, Thing};

/// Why a failure may be over soon.
pub(super) enum Passing {
    /// What was just made, or just taken away, has not come round everywhere yet.
    Arrives,
    /// The call never reached AWS, or AWS failed or throttles.
    Passes,
}

/// Whether a failure may be over soon, and why.
pub(super) fn may_pass(refused: &NotWritten, change: &Change) -> Option<Passing> {
    let Some(code) = refused.code.as_deref() else { return refused.may_be_lost.then_some(Passing::Passes) };
    let association = matches!(change.thing(), Thing::ProfileOfInstance { .. });
    let arrives = match code {
        // A profile that is not there also gives this; the bound on patience ends it.
        "InvalidParameterValue" | "IncorrectState" | "IncorrectInstanceState" => association,
        "NoSuchEntity" | "NoSuchEntityException" => change.before() == &State::Absent,
        _ => false,
    };
    if arrives {
        return Some(Passing::Arrives);
    }
    let passes = match code {
        "ConcurrentModification" | "ConcurrentModificationException" => true,
        // What was in it was taken away just before.
        "DeleteConflict" | "DeleteConflictException" => change.after() == &State::Absent,
        _ if refused.is_of_server => true,
        _ => refused.reason.kind == UnreadableKind::Throttled,
    };
    passes.then_some(Passing::Passes)
}

/// Errors on AWS's side that may come with the status of a refusal.
pub(super) fn is_of_server(code: &str) -> bool {
    matches!(
        code,
        "ServiceFailure"
            | "ServiceFailureException"
            | "InternalFailure"
            | "InternalError"
            | "ServiceUnavailable"
            | "Unavailable"
            | "RequestTimeout"
            | "RequestTimeoutException"
    )
}
