//! How long, and how often, to try again.
//!
//! What was just created is not everywhere at once:
//! [changes that I make are not always immediately visible](https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency).

use std::time::Duration;

use tokio::time::Instant;

use super::Interrupt;
use crate::limits;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(8);

/// A bounded number of waits, each twice as long as the one before.
#[derive(Debug)]
pub struct Patience {
    left: u32,
    next: Duration,
    /// However long the calls in between take.
    until: Instant,
}

impl Patience {
    /// For a call that failed on its way, or was throttled: about eight seconds.
    pub fn short() -> Patience {
        Patience::of(5)
    }

    /// For something that was just created, or just changed: about a minute.
    pub fn long() -> Patience {
        Patience::of(11)
    }

    fn of(left: u32) -> Patience {
        Patience { left, next: FIRST, until: Instant::now() + limits::PATIENCE_AFTER_A_CHANGE }
    }

    /// Waits, unless there is no patience left or somebody asks for the end; says whether to try again.
    pub async fn wait(&mut self, interrupt: &Interrupt) -> bool {
        let Some(left) = self.left.checked_sub(1).filter(|_| Instant::now() < self.until) else { return false };
        let pause = self.next;
        (self.left, self.next) = (left, (pause * 2).min(LONGEST));
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = interrupt.wait() => false,
        }
    }
}
