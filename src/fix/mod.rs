//! From facts to the smallest set of changes that makes a target ready: a plain function.
//!
//! Nothing here writes. A plan is shown, confirmed and then handed to whoever applies it.

mod change;
mod record;
mod refusal;

pub use change::{Action, CREATED_BY, CREATED_BY_VALUE, Change, State, Thing};
pub use record::{Reach, Record, Status, Step};
pub use refusal::{Reason, Refusal};

/// What to do, and what not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The changes, in the order to make them.
    pub changes: Vec<Change>,
    /// The targets that stay as they are although they are not ready.
    pub refusals: Vec<Refusal>,
    /// What a person should know before saying yes.
    pub warnings: Vec<String>,
}
