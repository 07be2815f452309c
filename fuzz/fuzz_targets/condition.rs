//! `cargo fuzz run condition`: see `targets/condition.rs`.
#![no_main]

#[path = "../targets/condition.rs"]
mod condition;

libfuzzer_sys::fuzz_target!(|data: &[u8]| condition::check(data));
