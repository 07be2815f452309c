//! `cargo fuzz run config --features parsers`: see `targets/parsers.rs`.
#![no_main]

#[allow(dead_code, reason = "each of the parsers is a target of its own")]
#[path = "../targets/parsers.rs"]
mod parsers;

libfuzzer_sys::fuzz_target!(|data: &[u8]| parsers::config(data));
