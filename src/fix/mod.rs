//! From facts to the smallest set of changes that makes a target ready: a plain function.
//!
//! Nothing here writes. A plan is shown, confirmed and then handed to whoever applies it.

mod change;
pub mod document;
mod draft;
mod foresee;
mod genuine;
pub mod grant;
mod network;
mod plan;
pub mod quota;
mod record;
mod refusal;
mod same;
mod standing;
mod warning;

pub use crate::facts::owner::Evidence;
pub use change::{Action, CREATED_BY, CREATED_BY_VALUE, Change, State, Thing, is_ours};
pub use document::Unfit;
pub(crate) use document::escaped_unless;
pub use genuine::{NotOfAFix, of_a_fix};
pub use grant::WhyNotGranted;
pub use network::{Group, NetworkChange, NetworkPlan, NetworkProposal, Peer, propose};
pub use plan::{Lookups, Options, Plan, lookups, plan};
pub use record::{Reach, Record, Status, Step};
pub use refusal::{ChangedTo, MissingFact, Reason, Refusal, RefusalKind, ThingKind, User};
pub use warning::Warning;

#[cfg(test)]
pub(crate) mod tests;
