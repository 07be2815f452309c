//! The one room that writes to an account.
//!
//! [`run`](run::run) makes the changes of a plan one after another. Before each write it looks again ([`look`]) and stops if
//! the thing is not as the plan saw it; every write is one call in [`write`]; what was before is on disk before
//! ([`backup`]).

pub mod backup;
mod chain;
mod interrupt;
mod look;
pub mod look_at;
mod passing;
pub mod patience;
pub mod place;
pub mod reach;
mod rollback;
pub mod run;
pub mod undo;
pub mod verify;
mod write;

pub use chain::Failures;
pub use interrupt::Interrupt;
pub use look::look;
