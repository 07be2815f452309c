//! `cargo fuzz run pattern`: see `targets/pattern.rs`.
#![no_main]

#[path = "../targets/pattern.rs"]
mod pattern;

libfuzzer_sys::fuzz_target!(|data: &[u8]| pattern::check(data));
