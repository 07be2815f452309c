//! Parse, run, exit code.

use ssm_profile::cli::{self, Exit};

fn main() -> Exit {
    cli::run()
}
