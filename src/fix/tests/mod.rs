//! Tests of the fix, which are long: the rules as tables, and what must hold of every plan.

pub(crate) mod account;
mod applier;
mod chain;
mod change;
mod document;
mod expected;
mod fleet;
pub(crate) mod generators;
mod genuine;
mod grant;
mod plan;
mod properties;
