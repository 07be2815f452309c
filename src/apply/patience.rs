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
        self.wait_since(Instant::now(), interrupt).await
    }

    /// The same, where what was tried began then: a call that was not answered in time has waited already.
    pub async fn wait_since(&mut self, began: Instant, interrupt: &Interrupt) -> bool {
        let Some(pause) = self.pause(began, Instant::now()) else { return false };
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = interrupt.wait() => false,
        }
    }

    fn pause(&mut self, began: Instant, now: Instant) -> Option<Duration> {
        self.left = self.left.checked_sub(1).filter(|_| now < self.until)?;
        let pause = self.next.saturating_sub(now - began).max(FIRST);
        self.next = (self.next * 2).min(LONGEST);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many tries there are that take so long each, and how long the pauses between them are together.
    fn tries(each: Duration) -> (u32, Duration) {
        let (mut patience, mut tries, mut paused, mut now) = (Patience::short(), 0, Duration::ZERO, Instant::now());
        loop {
            let began = now;
            now += each;
            tries += 1;
            let Some(pause) = patience.pause(began, now) else { return (tries, paused) };
            now += pause;
            paused += pause;
        }
    }

    /// A change that is never answered ends no later than `--timeout` times the tries, and five seconds.
    #[test]
    fn what_a_try_has_waited_counts() {
        let seconds = Duration::from_secs;
        assert_eq!(tries(Duration::ZERO), (6, Duration::from_millis(7750)));
        for timeout in 1..=14 {
            let (tries, paused) = tries(seconds(timeout));
            assert!(tries == 6 && paused <= seconds(5), "{timeout}: {tries}, {paused:?}");
        }
        // A minute and a quarter is over.
        for (timeout, expected) in [(15, 5), (30, 3), (80, 1)] {
            let (tries, paused) = tries(seconds(timeout));
            assert!(tries == expected && paused < seconds(2), "{timeout}: {tries}, {paused:?}");
        }
    }
}
