//! `cargo fuzz run policy`: see `targets/policy.rs`.
#![no_main]

#[path = "../targets/policy.rs"]
mod policy;

libfuzzer_sys::fuzz_target!(|data: &[u8]| policy::check(data));
