//! Parse, run, exit code.

use mimalloc::MiMalloc;
use ssm_profile::cli::{self, Exit};

/// A fleet is read in many small pieces on several threads, and the system's allocator took a fifth of the time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> Exit {
    cli::run()
}
