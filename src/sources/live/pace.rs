//! How many calls of an account are under way at a time: many until AWS throttles them, then half as many, then slowly more again.
//!
//! Each account has limits of its own, which AWS does not document for most calls
//! ([API throttling](https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html)). The SDK tries a throttled call
//! again, later each time; this keeps the other calls from doing the same.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// However much AWS throttles, so many calls go on.
const LEAST: f64 = 2.0;

/// The bound on calls.
pub(super) struct Pace {
    state: Mutex<State>,
    freed: Notify,
    most: f64,
}

struct State {
    limit: f64,
    under_way: usize,
}

/// The right to make one call.
pub(super) struct Turn<'a> {
    pace: &'a Pace,
    throttled: Option<bool>,
}

impl Pace {
    /// A pace of at most so many calls at a time.
    pub(super) fn new(most: u16) -> Pace {
        let most = f64::from(most);
        Pace { state: Mutex::new(State { limit: most, under_way: 0 }), freed: Notify::new(), most }
    }

    /// Waits until one more call may be made.
    pub(super) async fn turn(&self) -> Turn<'_> {
        loop {
            // Asked for before the look, so that no notice is missed in between.
            let freed = self.freed.notified();
            if self.begin() {
                return Turn { pace: self, throttled: None };
            }
            freed.await;
        }
    }

    fn begin(&self) -> bool {
        let mut state = self.state();
        let free = (state.under_way as f64) < state.limit.floor();
        state.under_way += usize::from(free);
        free
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// The call is answered; `throttled` says whether AWS throttled calls meanwhile.
    pub(super) fn end(mut self, throttled: bool) {
        self.throttled = Some(throttled);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        {
            let mut state = self.pace.state();
            state.under_way -= 1;
            match self.throttled {
                Some(true) => state.limit = (state.limit / 2.0).max(LEAST),
                Some(false) => state.limit = (state.limit + 1.0 / state.limit).min(self.pace.most),
                None => {}
            }
        }
        self.pace.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn throttling_halves_the_bound_and_success_widens_it_slowly() {
        let pace = Pace::new(8);
        let turns: Vec<_> = futures::future::join_all((0..8).map(|_| pace.turn())).await;
        assert!(!pace.begin());
        turns.into_iter().for_each(|turn| turn.end(true));
        assert!(pace.begin() && pace.begin() && !pace.begin());
        drop((Turn { pace: &pace, throttled: Some(false) }, Turn { pace: &pace, throttled: Some(false) }));
        // 2 + 1/2 + 1/2.5
        assert!((pace.state().limit - 2.9).abs() < 1e-9);
        for _ in 0..100 {
            pace.turn().await.end(false);
        }
        assert!((pace.state().limit - 8.0).abs() < 1e-9);
    }

    #[tokio::test]
    async fn whoever_waits_goes_on_when_a_turn_ends() {
        let pace = Pace::new(1);
        let first = pace.turn().await;
        let (second, ()) = futures::join!(pace.turn(), async { first.end(false) });
        second.end(false);
        assert_eq!(pace.state().under_way, 0);
    }
}
