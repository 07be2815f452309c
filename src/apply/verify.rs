//! After an undo: whether everything is as it was to be.

use super::patience::Patience;
use super::{Interrupt, look};
use crate::aws::Connection;
use crate::fix::{State, Status, Step};

/// Reads again what the steps have changed, and marks those that are not as they were to be. Says so, if there is one.
pub async fn verify(connection: &Connection, interrupt: &Interrupt, steps: &mut [Step]) -> Option<String> {
    let mut stopped = None;
    for step in steps.iter_mut().filter(|step| step.status == Status::Done) {
        let why = match wrong(connection, interrupt, step).await {
            Ok(None) => continue,
            Ok(Some(why)) => why,
            Err(Interrupted) => return stopped.or(Some("interrupted before everything was read again".to_owned())),
        };
        stopped = stopped.or(Some(format!("`{}`: {why}", step.change.thing().target())));
        step.status = Status::Failed;
        step.note = Some(why);
    }
    stopped
}

struct Interrupted;

/// What is wrong with what a step has changed.
async fn wrong(connection: &Connection, interrupt: &Interrupt, step: &Step) -> Result<Option<String>, Interrupted> {
    let mut patience = Patience::long();
    loop {
        let seen = match interrupt.cut_off(look(connection, step.change.thing())).await.ok_or(Interrupted)? {
            Ok(seen) => seen,
            // Nothing of an instance that is gone is left.
            Err(failure) if failure.is_not_found() => State::Absent,
            Err(failure) => {
                let reason = failure.into_unreadable();
                return Ok(Some(format!(
                    "`{}` failed ({}), so it cannot be determined whether it is as it was before the fix",
                    reason.api, reason.message
                )));
            }
        };
        if seen.is(step.change.after()) {
            return Ok(None);
        }
        // What was before may still be what some part of IAM answers.
        if !seen.is(step.change.before()) || !patience.wait(interrupt).await {
            let why = "it was restored, but now it is not as it was before the fix: someone else has changed it";
            return if interrupt.is_set() { Err(Interrupted) } else { Ok(Some(why.to_owned())) };
        }
    }
}
