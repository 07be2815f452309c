//! Where facts come from. Every source yields the same [`Facts`](crate::facts::Facts).

pub mod accounts_file;
mod cli_answer;
pub mod cloudformation;
pub mod documents;
pub mod existing;
pub mod live;
pub mod managed_policies;
pub mod snapshot;
pub mod terraform;
