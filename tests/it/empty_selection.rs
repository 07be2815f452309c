//! A selection that matches no instance: unknown, unless the user says that this is fine.

use crate::support::command::Sandbox;
use crate::support::model::Instance;
use crate::support::stub::Stub;
use crate::support::world::{ACCOUNT, INSTANCE, World};

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

/// Tag keys are case-sensitive, and nobody remembers how.
#[test]
fn tags_that_were_nearly_meant_are_proposed() {
    let instance = Instance::new("i-00000000000000001").tag("Env", "prod").tag("Team", "web ops");
    let stub = World::ready().instance(instance).serve();
    let sandbox = Sandbox::at(&stub);
    sandbox.file("snapshot.json", sandbox.run(&["snapshot", "--all"]).expect(0).stdout);
    for source in [&[][..], &["--snapshot", "snapshot.json"]] {
        for (typed, proposed) in [
            ("env=prod", Some("`--tag Env=prod`")),
            ("Env=Prod", Some("`--tag Env=prod`")),
            ("team=web*", Some("`--tag 'Team=web*'`")),
            ("Owner=me", None),
        ] {
            let output = sandbox.run(&[&["check", "--tag", typed], source].concat()).expect(3);
            assert_eq!(output.stderr.contains("did you mean"), proposed.is_some(), "{typed}: {output:?}");
            assert!(proposed.is_none_or(|proposed| output.stderr.contains(proposed)), "{typed}: {output:?}");
        }
    }
}

#[test]
fn a_name_that_was_nearly_meant_is_proposed() {
    let named = |id: &str, name: &str| Instance::new(id).tag("Name", name);
    let gone = named("i-00000000000000002", "database").state("terminated");
    let stub = World::ready().instance(named("i-00000000000000001", "data base")).instance(gone).serve();
    for (typed, proposed) in
        [("database", Some("`'data base'`")), ("DATA BASE", Some("`'data base'`")), ("queue", None)]
    {
        let output = Sandbox::at(&stub).run(&["check", typed]).expect(3);
        assert_eq!(output.stderr.contains("did you mean"), proposed.is_some(), "{typed}: {output:?}");
        assert!(proposed.is_none_or(|proposed| output.stderr.contains(proposed)), "{typed}: {output:?}");
    }
}

#[test]
fn a_condition_key_that_there_is_none_of_is_warned_of() {
    let stub = World::ready().serve();
    let sandbox = Sandbox::at(&stub);
    let output = sandbox.run(&["check", INSTANCE, "--context", "aws:SuorceVpce=vpce-1"]).expect(0);
    assert!(output.stderr.contains("`aws:SuorceVpce`") && output.stderr.contains("`aws:SourceVpce`"), "{output:?}");
    let known = sandbox.run(&["check", INSTANCE, "--context", "aws:SourceVpce=vpce-1"]).expect(0);
    assert!(!known.stderr.contains("condition key"), "{known:?}");
}
