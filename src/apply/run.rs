//! Makes changes one after another: look, write, and on any doubt look again.

use std::time::Duration;

use tokio::time::Instant;

use super::backup::Progress;
use super::chain::Broken;
use super::passing::{Passing, may_pass};
use super::patience::Patience;
use super::rollback::roll_back;
use super::write::{NotWritten, write};
use super::{Failures, Interrupt, look};
use crate::aws::{Connection, Failure};
use crate::fix::{Action, Change, State, Status, Step, Thing};
use crate::limits;

/// IAM has no way to write a document only if it is still the same. Whoever else read it before this run wrote it, and writes
/// it right after looking as this tool does, has written by then; so the document is looked at once more.
const SETTLE: Duration = Duration::from_secs(2);

/// What is told of a run that is under way.
pub trait Watcher {
    /// A change is about to be made.
    fn starts(&self, change: &Change);
    /// A call failed for now, and is tried again.
    fn waits(&self, change: &Change, why: &str);
}

/// Where it is written down how far each change came, before and after each write.
pub trait Journal {
    /// Writes down that the change with this index came so far; `change` has the ids that AWS gave.
    ///
    /// # Errors
    /// If that could not be written.
    fn note(&mut self, index: usize, progress: Progress, change: &Change) -> std::io::Result<()>;
}

/// A run of changes.
#[derive(Debug)]
pub struct Outcome {
    /// What became of each change, in order, with the ids that AWS gave.
    pub steps: Vec<Step>,
    /// Why the run stopped before its end, if it did.
    pub stopped: Option<String>,
}

/// What a run works with.
pub struct Run<'a, W> {
    /// The way to AWS.
    pub connection: &'a Connection,
    /// What is before, on disk.
    pub journal: &'a mut dyn Journal,
    /// Whether somebody asks for the end.
    pub interrupt: &'a Interrupt,
    /// Who is told.
    pub watcher: &'a W,
    /// The failures so far, and how many are borne.
    pub failures: &'a mut Failures,
}

/// How a change ended.
enum Made {
    /// It is made; the thing is now so. `certain` if this run has done it, and nobody else can have.
    Done { state: State, certain: bool },
    /// It was so already, and nothing was written. The thing is now so.
    Already(State),
    /// Nothing was written, and nothing must be: the thing is not as the plan saw it, say.
    Stopped(String),
    /// Nothing was written, and nothing more must be: what is done could not be kept.
    Unrecorded(String),
    /// It was tried and is not made.
    Failed(String),
    /// It was tried, and may have been made, or may still be.
    Lost(String),
    /// Somebody asked for the end before it was made.
    Interrupted,
}

/// Makes the changes in order, and stops when there were too many failures. Until then a change that depends on one that was
/// not made is left out, and the others are made.
///
/// What was created for a target that does not get ready is removed again at the end, unless a target already uses it.
pub async fn run<W: Watcher>(mut run: Run<'_, W>, mut steps: Vec<Step>) -> Outcome {
    steps.iter_mut().for_each(|step| step.status = Status::NotDone);
    let (mut certain, mut lost) = (vec![false; steps.len()], vec![false; steps.len()]);
    let mut stopped = None;
    let mut last_document = None;
    let mut broken = Broken::default();
    for index in 0..steps.len() {
        let Some(step) = steps.get_mut(index) else { break };
        if let Some(why) = broken.holds_up(step) {
            broken.add(step);
            step.note = Some(why);
            continue;
        }
        let change = step.change.clone();
        let made = if run.interrupt.is_set() { Made::Interrupted } else { run.make(index, &change, &steps).await };
        let Some(step) = steps.get_mut(index) else { break };
        if let (Made::Lost(_), Some(flag)) = (&made, lost.get_mut(index)) {
            *flag = true;
        }
        let failure = match made {
            Made::Done { state, certain: by_us } => {
                step.change = change.with_states(change.before().clone(), state).unwrap_or(change);
                step.status = Status::Done;
                if let Some(flag) = certain.get_mut(index) {
                    *flag = by_us;
                }
                // The file on disk is only late, not wrong: an undo looks before it writes.
                let _ = run.journal.note(index, Progress::Made, &step.change);
                if matches!(step.change.after(), State::Document(_)) {
                    last_document = Some(Instant::now());
                }
                None
            }
            Made::Already(state) => {
                step.change = change.with_states(change.before().clone(), state).unwrap_or(change);
                step.status = Status::Done;
                step.note = Some("it was already in the desired state; nothing was written".to_owned());
                None
            }
            Made::Stopped(why) => {
                step.note = Some(why.clone());
                Some(why)
            }
            Made::Unrecorded(why) => {
                step.note = Some(why.clone());
                stopped = Some(why.clone());
                Some(why)
            }
            Made::Failed(why) | Made::Lost(why) => {
                step.status = Status::Failed;
                step.note = Some(why.clone());
                Some(format!("`{}` failed: {why}", change.action().name()))
            }
            Made::Interrupted => {
                stopped = Some("interrupted".to_owned());
                None
            }
        };
        if let Some(why) = failure {
            broken.add(step);
            stopped = stopped.or(run.failures.add(why));
        }
        if stopped.is_some() {
            break;
        }
    }
    if steps.iter().any(|step| step.status != Status::Done) {
        roll_back(&mut run, &mut steps, &certain, &lost).await;
    }
    if let Some(last) = last_document.filter(|_| stopped.is_none()) {
        stopped = run.settled(&mut steps, last).await;
    }
    // Somebody may have asked while the last answer was on its way.
    tokio::task::yield_now().await;
    Outcome { steps, stopped }
}

/// Why a change was not taken back.
#[derive(Debug, thiserror::Error)]
pub(super) enum StillThere {
    #[error("this change cannot be undone")]
    NoInverse,
    #[error("someone else changed it")]
    Changed,
    /// AWS could not be asked, or said no, in these words.
    #[error("{0}")]
    Failed(String),
}

impl<W: Watcher> Run<'_, W> {
    /// Looks at a thing that the end of the run depends on.
    async fn look(&self, thing: &Thing) -> Result<State, Failure> {
        let looked = self.interrupt.cut_off_later(look(self.connection, thing)).await;
        looked.unwrap_or_else(|| Err(Failure::cut_off("the look at how it is now")))
    }

    /// Makes one change. That it is tried stands in the backup before.
    async fn make(&mut self, index: usize, change: &Change, earlier: &[Step]) -> Made {
        self.watcher.starts(change);
        // Not between the look and the write, which must follow each other closely: a disk can be slow.
        if let Err(error) = self.journal.note(index, Progress::Tried, change) {
            let cause = crate::aws::cause(&error);
            return Made::Unrecorded(format!("cannot write the backup: {cause}; nothing was changed by this step"));
        }
        let mut tried = false;
        let made = self.attempt(index, change, earlier, &mut tried).await;
        if !tried {
            let _ = self.journal.note(index, Progress::Planned, change);
        }
        made
    }

    /// Tries a change. Every write comes right after a look that saw the thing as it was before.
    async fn attempt(&mut self, index: usize, change: &Change, earlier: &[Step], tried: &mut bool) -> Made {
        let expected = expected_before(change, earlier);
        let fresh = earlier.iter().any(|step| step.status == Status::Done);
        let mut to_arrive = if fresh { Patience::long() } else { Patience::short() };
        let mut to_pass = Patience::short();
        let mut may_be_lost = false;
        loop {
            let looked = match *tried {
                true => self.look(change.thing()).await,
                // Nothing was written, so nothing has to be known.
                false => match self.interrupt.cut_off(look(self.connection, change.thing())).await {
                    Some(looked) => looked,
                    None => return Made::Interrupted,
                },
            };
            let seen = match looked {
                Ok(seen) => seen,
                Err(failure) => {
                    let reason = failure.into_unreadable();
                    let why = format!("`{}` failed: {}", reason.api, reason.message);
                    return match *tried {
                        true => Made::Lost(format!("{why}; cannot determine whether the change was made")),
                        false => Made::Failed(format!("{why}; nothing was written")),
                    };
                }
            };
            if !seen.is(&expected) {
                return match seen.is(change.after()) {
                    // Tried, without an answer, and there: it was made, most likely by this run.
                    true if *tried => Made::Done { state: seen, certain: false },
                    true => Made::Already(seen),
                    false if *tried => Made::Failed("changed since the plan: someone else changed it".to_owned()),
                    false => Made::Stopped(changed(change, &seen)),
                };
            }
            if self.interrupt.is_set() {
                return Made::Interrupted;
            }
            *tried = true;
            let began = Instant::now();
            let refused = match write(self.connection, change).await {
                Ok(state) => return self.made(change, state).await,
                Err(refused) => refused,
            };
            may_be_lost |= refused.may_be_made();
            let patience = match may_pass(&refused, change) {
                Some(Passing::Arrives) => &mut to_arrive,
                Some(Passing::Passes) => &mut to_pass,
                None => return self.given_up(index, change, &expected, refused, may_be_lost).await,
            };
            self.watcher.waits(change, &refused.reason.message);
            if !patience.wait_since(began, self.interrupt).await {
                return self.given_up(index, change, &expected, refused, may_be_lost).await;
            }
        }
    }

    /// After a success: a profile that was taken from an instance is gone only when EC2 shows it no more.
    async fn made(&self, change: &Change, state: State) -> Made {
        if change.action() == Action::DisassociateIamInstanceProfile {
            let mut patience = Patience::long();
            while !self.look(change.thing()).await.is_ok_and(|seen| seen == State::Absent) {
                if !patience.wait(self.interrupt).await {
                    break;
                }
            }
        }
        Made::Done { state, certain: true }
    }

    /// The last look after a failure: an answer that was lost is no proof that nothing was done.
    async fn given_up(
        &mut self,
        index: usize,
        change: &Change,
        expected: &State,
        refused: NotWritten,
        may_be_lost: bool,
    ) -> Made {
        let why = refused.reason.message;
        match self.look(change.thing()).await {
            Ok(seen) if seen.is(change.after()) && !seen.is(expected) => {
                let exists =
                    matches!(refused.code.as_deref(), Some("EntityAlreadyExists" | "EntityAlreadyExistsException"));
                if exists && !may_be_lost {
                    // Somebody else made it in the meantime, so that it is not for this run to take back.
                    let _ = self.journal.note(index, Progress::Planned, change);
                    return Made::Already(seen);
                }
                Made::Done { state: seen, certain: false }
            }
            Ok(seen) if seen.is(expected) => {
                if may_be_lost {
                    return Made::Lost(why);
                }
                // AWS said no each time.
                let _ = self.journal.note(index, Progress::Planned, change);
                Made::Failed(why)
            }
            Ok(_) => Made::Failed(format!("{why}; and someone else changed it")),
            Err(_) => Made::Lost(format!("{why}; cannot determine whether the change was made")),
        }
    }

    /// Takes a change of this run back; the error says why it is still there.
    pub(super) async fn take_back(&mut self, index: usize, change: &Change) -> Result<(), StillThere> {
        let Some(inverse) = change.inverse() else { return Err(StillThere::NoInverse) };
        let mut patience = Patience::short();
        let mut refused: Option<NotWritten> = None;
        loop {
            // Whoever asked for the end waits for this: it is what the end is.
            let again = match &refused {
                Some(refused) => may_pass(refused, &inverse).is_some() && patience.wait(&Interrupt::default()).await,
                None => true,
            };
            match self.look(inverse.thing()).await {
                Ok(seen) if seen.is(inverse.after()) => break,
                Ok(seen) if seen.is(inverse.before()) => {}
                Ok(_) => return Err(StillThere::Changed),
                Err(failure) => return Err(StillThere::Failed(failure.into_unreadable().message)),
            }
            if let Some(refused) = refused.take_if(|_| !again) {
                return Err(StillThere::Failed(refused.reason.message));
            }
            match write(self.connection, &inverse).await {
                Ok(_) => break,
                Err(reason) => refused = Some(reason),
            }
        }
        let _ = self.journal.note(index, Progress::TakenBack, change);
        Ok(())
    }

    /// Looks at the written documents once more; says what somebody else has written over.
    async fn settled(&mut self, steps: &mut [Step], last: Instant) -> Option<String> {
        self.interrupt.cut_off(tokio::time::sleep_until(last + SETTLE)).await?;
        let mut stopped = None;
        let documents = steps.iter_mut().filter(|step| step.status == Status::Done && step.note.is_none());
        for step in documents.filter(|step| matches!(step.change.after(), State::Document(_))) {
            let mut patience = Patience::long();
            loop {
                let looked = tokio::time::timeout(limits::LAST_LOOK, look(self.connection, step.change.thing()));
                // What was written is told before anybody waits long for this.
                let Some(Ok(seen)) = self.interrupt.cut_off(looked).await else { return stopped };
                match seen {
                    Ok(seen) if seen.is(step.change.after()) => break,
                    // What was before may still be what some part of IAM answers.
                    Ok(seen) if seen.is(step.change.before()) && patience.wait(self.interrupt).await => {}
                    Ok(_) if self.interrupt.is_set() => break,
                    Ok(_) => {
                        let why = "changed since the plan: someone else changed it after this run";
                        step.status = Status::Failed;
                        step.note = Some(why.to_owned());
                        let why = format!("{} was {why}", step.change.thing().target());
                        stopped = stopped.or(self.failures.add(why));
                        break;
                    }
                    // It was written; the report that follows says what can be read.
                    Err(_) => break,
                }
            }
        }
        stopped
    }
}

/// How a thing must be before its change: as the plan saw it, with the ids that this run has learnt.
fn expected_before(change: &Change, earlier: &[Step]) -> State {
    let same = earlier.iter().rev().find(|step| step.status == Status::Done && step.change.thing() == change.thing());
    same.map_or(change.before(), |step| step.change.after()).clone()
}

fn changed(change: &Change, seen: &State) -> String {
    let what = match (change.thing(), seen) {
        (_, State::Foreign) => "one of that name now exists that this tool did not create",
        (_, State::Absent) => "it no longer exists",
        (Thing::TrustPolicy(_) | Thing::InlinePolicy { .. }, _) => "the document was changed",
        _ => "it was changed",
    };
    format!("changed since the plan: {what}; nothing was written here, run the command again")
}
