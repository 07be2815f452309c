//! A short run of the fuzz targets of the parsers, the same each time.

#[path = "../../fuzz/targets/parsers.rs"]
mod parsers;
#[path = "../../fuzz/targets/replay.rs"]
mod replay;

use ssm_profile::apply::backup::Backup;

#[test]
fn snapshots() {
    replay::replay("snapshot", 1500, parsers::snapshot);
}

#[test]
fn backups() {
    replay::replay("backup", 1500, parsers::backup);
}

#[test]
fn preferences() {
    replay::replay("preferences", 1500, parsers::preferences);
}

/// A seed that is refused would test nothing.
#[test]
fn the_seeds_are_files_that_are_read() {
    let seed =
        |name: &str| std::fs::read_to_string(format!("{}/fuzz/seeds/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for name in ["backup/inline_policy", "backup/empty"] {
        Backup::read(&seed(name)).unwrap();
    }
    for name in ["snapshot/first", "snapshot/last"] {
        ssm_profile::facts::snapshot::read(&seed(name)).unwrap();
    }
    for name in ["preferences/all", "preferences/few"] {
        ssm_profile::preferences::Preferences::parse(&seed(name)).unwrap();
    }
}
