//! A report in words: for people, for scripts, for CI. Nothing here evaluates or decides.

pub mod json;
pub mod junit;
pub mod markdown;
pub mod sanitize;
pub mod sarif;
pub mod text;
