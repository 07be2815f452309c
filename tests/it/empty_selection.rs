//! A selection that matches no instance: unknown, unless the user says that this is fine.

use crate::support::command::Sandbox;
use crate::support::stub::Stub;
use crate::support::world::{ACCOUNT, World};

const OTHER: &str = "444455556666";

#[test]
fn nothing_selected_is_unknown_unless_that_is_allowed() {
    let stub = World::new(ACCOUNT).serve();
    let sandbox = Sandbox::at(&stub);
    for arguments in [
        &["check", "--all", "-o", "json"][..],
        &["check", "--all", "-o", "ndjson"],
        &["check", "--tag", "Env=none", "-o", "json"],
        &["check", "--tag", "Env=none", "--simulate"],
        &["fix", "--all", "--yes", "-o", "json"],
        &["fix", "--all", "--dry-run"],
        &["fix", "--tag", "Env=none", "--emit", "cli"],
        &["fix", "--all", "--yes", "--only", "missing-permission"],
        &["snapshot", "--all"],
    ] {
        for (allowed, code) in [(&[][..], 3), (&["--allow-empty"], 0)] {
            let output = sandbox.run(&[arguments, allowed].concat()).expect(code);
            assert!(output.stderr.contains("no instance was selected"), "{arguments:?} {output:?}");
            if arguments.contains(&"json") {
                assert_eq!(output.json()["results"], serde_json::json!([]), "{arguments:?}");
            }
        }
    }
    assert!(stub.writes().is_empty());
}

#[test]
fn accounts_without_instances_are_an_empty_selection() {
    let stub = Stub::accounts([World::new(ACCOUNT), World::new(OTHER)]);
    let sandbox = Sandbox::at(&stub);
    sandbox.file("accounts.txt", format!("{ACCOUNT}\n{OTHER}\n"));
    for command in [&["check"][..], &["fix", "--yes"]] {
        let fleet = ["--accounts", "accounts.txt", "--assume-role", "Audit"];
        let arguments = [command, &["--all"], &fleet[..]].concat();
        sandbox.run(&arguments).expect(3);
        sandbox.run(&[&arguments[..], &["--allow-empty"]].concat()).expect(0);
    }
}

/// It says something of selections alone: what is named and not there stays unknown.
#[test]
fn a_named_target_that_does_not_exist_is_no_empty_selection() {
    let stub = World::new(ACCOUNT).serve();
    let sandbox = Sandbox::at(&stub);
    sandbox.run(&["check", "--allow-empty", "i-0fedcba9876543210"]).expect(3);
}
