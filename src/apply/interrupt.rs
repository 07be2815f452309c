//! Control-C, seen between calls: a call that is under way is never cut off by the person who waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Whether the run shall end.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    set: AtomicBool,
    deferred: AtomicBool,
    changed: Notify,
}

impl Interrupt {
    /// Asks the run to end.
    pub fn set(&self) {
        self.0.set.store(true, Ordering::Release);
        self.0.changed.notify_waiters();
    }

    /// From now on whoever works sees for itself that somebody asks, and must not be cut off.
    pub fn defer(&self) {
        self.0.deferred.store(true, Ordering::Release);
    }

    /// Whether the work must not be cut off.
    pub fn is_deferred(&self) -> bool {
        self.0.deferred.load(Ordering::Acquire)
    }

    /// Whether somebody asked.
    pub fn is_set(&self) -> bool {
        self.0.set.load(Ordering::Acquire)
    }

    /// Waits until somebody asks.
    pub async fn wait(&self) {
        loop {
            let changed = self.0.changed.notified();
            if self.is_set() {
                return;
            }
            changed.await;
        }
    }
}
