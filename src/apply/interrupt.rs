//! Control-C: a read is cut off, a write that is under way comes to its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::limits;

/// Whether the run shall end.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    set: AtomicBool,
    deferred: AtomicBool,
    asked_at: Mutex<Option<Instant>>,
    changed: Notify,
}

impl Interrupt {
    /// Asks the run to end.
    pub fn set(&self) {
        self.0.asked_at.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
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

    /// What `read` gives; nothing as soon as somebody asks for the end.
    pub async fn cut_off<T>(&self, read: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.wait() => None,
            read = read => Some(read),
        }
    }

    /// What `read` gives, of which the end of the run depends: whoever asks for the end waits a while for it.
    pub async fn cut_off_later<T>(&self, read: impl Future<Output = T>) -> Option<T> {
        let late = async {
            self.wait().await;
            let asked_at = *self.0.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
            tokio::time::sleep_until(asked_at.unwrap_or_else(Instant::now) + limits::PATIENCE_AT_THE_END).await;
        };
        tokio::select! {
            biased;
            read = read => Some(read),
            () = late => None,
        }
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
