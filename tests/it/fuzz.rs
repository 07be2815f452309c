//! A short run of the fuzz targets of the parsers, the same each time.

#[path = "../../fuzz/targets/parsers.rs"]
mod parsers;
#[path = "../../fuzz/targets/replay.rs"]
mod replay;

use jiff::Timestamp;
use ssm_profile::apply::backup::Backup;
use ssm_profile::baseline::Baseline;
use ssm_profile::sources::documents::Text;
use ssm_profile::sources::{accounts_file, cloudformation, terraform};

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

#[test]
fn terraform_plans() {
    replay::replay("terraform", 800, parsers::terraform);
}

#[test]
fn cloudformation_templates() {
    replay::replay("cloudformation", 800, parsers::cloudformation);
}

#[test]
fn baselines() {
    replay::replay("baseline", 200, parsers::baseline);
}

#[test]
fn files_of_accounts() {
    replay::replay("accounts", 1500, parsers::accounts);
}

#[test]
fn configuration_files() {
    replay::replay("config", 40, parsers::config);
}

/// A seed that is refused would test nothing.
#[test]
fn the_seeds_are_files_that_are_read() {
    let seed =
        |name: &str| std::fs::read_to_string(format!("{}/fuzz/seeds/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for name in ["backup/inline_policy", "backup/empty"] {
        Backup::read(&seed(name)).unwrap();
    }
    for name in ["snapshot/first", "snapshot/last", "snapshot/network"] {
        ssm_profile::facts::snapshot::read(&seed(name)).unwrap();
    }
    for name in ["terraform/chain", "terraform/modules"] {
        let plan = Text { name: name.to_owned(), text: seed(name) };
        let planned = terraform::facts(&plan, terraform::Given::default(), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(planned.facts.subjects.len(), 1, "{name}");
    }
    for (name, targets) in [("cloudformation/yaml", 1), ("cloudformation/json", 2), ("cloudformation/loops", 3)] {
        let template = Text { name: name.to_owned(), text: seed(name) };
        let given = cloudformation::Given::default();
        let planned = cloudformation::facts(&template, given, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(planned.facts.subjects.len(), targets, "{name}");
    }
    for name in ["baseline/found", "baseline/gone"] {
        Baseline::read(&seed(name)).unwrap();
    }
    let list = Text { name: "list".to_owned(), text: seed("accounts/list") };
    assert_eq!(accounts_file::ids(&list).unwrap(), ["111122223333", "444455556666", "777788889999"]);
    let mistakes = ssm_profile::cli::mistakes_in_config(&seed("config/odd"), "check");
    assert_eq!(mistakes.len(), 8, "{mistakes:?}");
    for name in ["preferences/all", "preferences/few"] {
        ssm_profile::preferences::Preferences::parse(&seed(name)).unwrap();
    }
}
