//! A short run of the fuzz targets of the engine, the same each time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../../../fuzz/targets/condition.rs"]
mod condition;
#[path = "../../../fuzz/targets/pattern.rs"]
mod pattern;
#[path = "../../../fuzz/targets/policy.rs"]
mod policy;
#[path = "../../../fuzz/targets/replay.rs"]
mod replay;

#[test]
fn policies() {
    replay::replay("policy", 20, policy::check);
}

#[test]
fn patterns() {
    replay::replay("pattern", 300, pattern::check);
}

#[test]
fn conditions() {
    replay::replay("condition", 300, condition::check);
}
