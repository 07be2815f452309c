//! `fix` over many instances of one account: for whom each change is, how many failures are borne, and which findings are meant.

use serde_json::Value;

use crate::command_line::refused_with;
use crate::support::answer::Answer;
use crate::support::chains::{Account, NEW, POLICY, Ran, denied, undo};
use crate::support::command::Sandbox;
use crate::support::model::{Instance, Profile, Role};
use crate::support::record::Reason;
use crate::support::report::Verdict;
use crate::support::stub::Stub;
use crate::support::world::{ACCOUNT, World};

const ROLES: [&str; 4] = ["a", "b", "c", "d"];
const PUT: &str = "PutRolePolicy";
const ASSOCIATE: &str = "AssociateIamInstanceProfile";

/// The nth instance. A selection is in the order of the ids, and so is the plan.
fn id(number: usize) -> String {
    format!("i-{number:017}")
}

/// As many instances as are given for each of the roles, which are allowed nothing.
fn fleet(counts: [usize; 4]) -> World {
    let mut number = 0;
    ROLES.into_iter().zip(counts).fold(World::new(ACCOUNT), |world, (role, count)| {
        let world = world.role(Role::new(role)).profile(Profile::new(role).role(role));
        (0..count).fold(world, |world, _| {
            number += 1;
            world.instance(Instance::new(&id(number)).profile(role))
        })
    })
}

/// Lets nobody put a policy on these roles.
fn closed(world: World, roles: &[&str]) -> World {
    roles.iter().fold(world, |world, role| world.fail_where(PUT, "RoleName", role, denied(PUT)))
}

fn fix(sandbox: &Sandbox, more: &[&str]) -> Ran {
    Ran::of(sandbox.run(&[&["fix", "--all", "--yes", "-o", "json"], more].concat()))
}

/// The roles whose policy was asked to be put, in order; each once.
fn tried(stub: &Stub) -> Vec<String> {
    let mut roles: Vec<String> = stub.calls_of(PUT).iter().map(|call| call.parameter("RoleName").to_string()).collect();
    roles.dedup();
    roles
}

fn has_policy(stub: &Stub, role: &str) -> bool {
    stub.role(role).is_some_and(|role| role.document(POLICY).is_some())
}

fn targets(json: &Value) -> Vec<&str> {
    json.as_array().unwrap().iter().map(|target| target.as_str().unwrap()).collect()
}

#[test]
fn a_change_says_whom_it_mends() {
    let stub = fleet([21, 1, 2, 1]).serve();
    let sandbox = Sandbox::at(&stub);
    let record = sandbox.run(&["fix", "--all", "--dry-run", "-o", "json"]).expect(1).record();
    let of = |range: std::ops::RangeInclusive<usize>| range.map(id).collect::<Vec<_>>();
    let mends: Vec<Vec<String>> = record.changes.iter().map(|change| change.mends.clone()).collect();
    assert_eq!(mends, [of(1..=21), of(22..=22), of(23..=24), of(25..=25)]);
    assert!(record.changes.iter().all(|change| change.account.as_deref() == Some(ACCOUNT)));
    let text = sandbox.run(&["fix", "--all", "--dry-run"]).expect(1).stdout;
    let said: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("   fixes   ")).collect();
    assert_eq!(said, ["21 instances", id(22).as_str(), "2 instances", id(25).as_str()], "{text}");
    // With one target there is nothing to be said.
    let text = sandbox.run(&["fix", &id(1), "--dry-run"]).expect(1).stdout;
    assert!(!text.contains("fixes"), "{text}");
    assert!(stub.writes().is_empty());
}

#[test]
fn equal_refusals_are_one_for_people_and_each_for_machines() {
    let world = (1..=40).fold(World::new(ACCOUNT), |world, number| world.instance(Instance::new(&id(number))));
    let stub = world.serve();
    let sandbox = Sandbox::at(&stub);
    let text = sandbox.run(&["fix", "--all", "--dry-run"]).expect(1).stdout;
    let refused: Vec<&str> = text.lines().filter(|line| line.starts_with("refused")).collect();
    let [one] = refused.as_slice() else { panic!("{text}") };
    assert!(one.starts_with("refused 40 instances: "), "{one}");
    let named = |number: usize| one.contains(&id(number));
    assert_eq!((1..=40).filter(|number| named(*number)).collect::<Vec<_>>(), [1, 2, 3], "{one}");
    assert!(text.contains("no change; 40 targets are left unchanged"), "{text}");
    let record = sandbox.run(&["fix", "--all", "--dry-run", "-o", "json"]).expect(1).record();
    assert_eq!(record.reasons(), vec![Reason::NeedsProfile; 40]);
    let emitted = sandbox.run(&["fix", "--all", "--emit", "cli"]).expect(1).stderr;
    assert_eq!(emitted.matches("warning:").count(), 1, "{emitted}");
}

#[test]
fn so_many_failures_are_borne() {
    for (most, statuses, roles) in [
        ("1", ["failed", "not_done", "not_done", "not_done"], &["a"][..]),
        ("2", ["failed", "done", "failed", "not_done"], &["a", "b", "c"]),
        ("3", ["failed", "done", "failed", "done"], &["a", "b", "c", "d"]),
    ] {
        let stub = closed(fleet([2, 1, 1, 1]), &["a", "c"]).serve();
        let beginning = Account::of(&stub);
        let sandbox = Sandbox::at(&stub);
        let ran = fix(&sandbox, &["--max-failures", most]).expect(3);
        assert_eq!(
            (ran.statuses(), tried(&stub)),
            (statuses.to_vec(), roles.iter().map(ToString::to_string).collect())
        );
        ran.tells_the_truth(&stub);
        ran.lost_nothing(&stub, &beginning);
        for (role, status) in ROLES.iter().zip(statuses) {
            assert_eq!(has_policy(&stub, role), status == "done", "{most}: {role}");
        }
        // It stopped only where there were as many as are borne.
        assert_eq!(ran.stopped.is_some(), most != "3", "{ran:#?}");
        if most == "2" {
            assert!(ran.reason().contains("--max-failures") && ran.reason().contains("2"), "{ran:#?}");
        }
        assert!(ran.lines("next").contains("run the same command again"), "{ran:#?}");
        let report = ran.output.report_of_fix();
        let ready = report.iter().filter(|outcome| outcome.verdict == Verdict::Ready).count();
        assert_eq!(ready, statuses.iter().filter(|status| **status == "done").count(), "{most}");
        match &ran.backup {
            Some(backup) => assert!(undo(&sandbox, backup).expect(0).rows.iter().all(|row| row.status == "done")),
            None => assert_eq!(most, "1"),
        }
        assert_eq!(Account::of(&stub), beginning, "{most}");
    }
}

#[test]
fn what_hangs_on_a_failure_is_left_out_and_taken_back() {
    // The first instance has nothing, the second one a role that lacks the permissions.
    let world = || {
        World::new(ACCOUNT)
            .instance(Instance::new(&id(1)))
            .role(Role::new("b"))
            .profile(Profile::new("b").role("b"))
            .instance(Instance::new(&id(2)).profile("b"))
    };
    let put = || world().fail_where(PUT, "RoleName", NEW, denied(PUT));
    let add = || world().fail("AddRoleToInstanceProfile", denied("AddRoleToInstanceProfile"));
    let associate = || world().fail(ASSOCIATE, denied(ASSOCIATE));
    let (done, back, failed, open) = ("done", "rolled_back", "failed", "not_done");
    for (world, statuses) in [
        (put(), [back, failed, open, open, open, done]),
        (add(), [back, back, back, failed, open, done]),
        (associate(), [back, back, back, back, failed, done]),
    ] {
        let stub = world.serve();
        let beginning = Account::of(&stub);
        let sandbox = Sandbox::at(&stub);
        let ran = fix(&sandbox, &["--create-profile", NEW, "--max-failures", "2"]).expect(3);
        assert_eq!((ran.statuses(), ran.stopped.as_ref()), (statuses.to_vec(), None), "{ran:#?}");
        for row in ran.rows.iter().filter(|row| row.status == open) {
            assert!(row.note.as_ref().is_some_and(|note| note.starts_with("skipped: ")), "{row:?}");
        }
        ran.tells_the_truth(&stub);
        assert_eq!(Account::of(&stub).new_since(&beginning), [""; 0]);
        assert!(has_policy(&stub, "b"));
        undo(&sandbox, &ran.backup.unwrap()).expect(0);
        assert_eq!(Account::of(&stub), beginning);
    }
}

/// What two instances share is not lost to the one because the other did not get it.
#[test]
fn a_created_profile_outlives_the_failure_of_one_of_two() {
    let stub = World::new(ACCOUNT)
        .instance(Instance::new(&id(1)))
        .instance(Instance::new(&id(2)))
        .fail_where(ASSOCIATE, "InstanceId", &id(1), denied(ASSOCIATE))
        .serve();
    let beginning = Account::of(&stub);
    let sandbox = Sandbox::at(&stub);
    let ran = fix(&sandbox, &["--create-profile", NEW, "--max-failures", "2"]).expect(3);
    assert_eq!(ran.statuses(), ["done", "done", "done", "done", "failed", "done"]);
    ran.tells_the_truth(&stub);
    ran.lost_nothing(&stub, &beginning);
    sandbox.run(&["check", &id(2)]).expect(0);
    undo(&sandbox, &ran.backup.unwrap()).expect(0);
    assert_eq!(Account::of(&stub), beginning);
}

/// A change of somebody else's stops one chain, not the others.
#[test]
fn what_is_not_as_planned_counts_as_a_failure() {
    let change = |world: &mut World| {
        world.roles[0] = Role::new("a").inline(POLICY, r#"{"Version":"2012-10-17","Statement":[]}"#);
    };
    for (most, statuses) in [("1", ["not_done", "not_done"]), ("2", ["not_done", "done"])] {
        // Once the state before is read and shown, and the first write is near.
        let stub = fleet([1, 1, 0, 0]).before("ListInstanceProfilesForRole", .., change).serve();
        let ran = fix(&Sandbox::at(&stub), &["--max-failures", most]).expect(3);
        assert_eq!(ran.statuses(), statuses, "{ran:#?}");
        assert!(ran.rows[0].note.as_ref().unwrap().contains("changed since the plan"), "{ran:#?}");
        assert_eq!(tried(&stub), if most == "1" { vec![] } else { vec!["b"] });
    }
}

#[test]
fn a_fleet_under_throttling_is_mended() {
    let stub = fleet([5, 4, 3, 2]).throttle_every("iam", 4).serve();
    let beginning = Account::of(&stub);
    let sandbox = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "8");
    let ran = fix(&sandbox, &[]).expect(0);
    assert_eq!(ran.statuses(), ["done"; 4]);
    undo(&sandbox, &ran.backup.unwrap()).expect(0);
    assert_eq!(Account::of(&stub), beginning);
}

#[test]
fn only_who_has_the_finding_is_fixed() {
    let world = || fleet([2, 1, 0, 0]).instance(Instance::new(&id(8))).instance(Instance::new(&id(9)));
    let stub = world().serve();
    let beginning = Account::of(&stub);
    let sandbox = Sandbox::at(&stub);
    let ran = fix(&sandbox, &["--only", "no-instance-profile", "--create-profile", NEW]).expect(0);
    assert_eq!(ran.rows.iter().filter(|row| row.action.contains("Associate")).count(), 2);
    let all: Vec<String> = ran.output.report_of_fix().into_iter().map(|outcome| outcome.target).collect();
    assert_eq!(all, [id(8), id(9)]);
    assert!(tried(&stub) == [NEW] && !has_policy(&stub, "a"));
    undo(&sandbox, &ran.backup.unwrap()).expect(0);
    assert_eq!(Account::of(&stub), beginning);

    let both = ["--only", "no-instance-profile", "--only", "missing-permission", "--create-profile", NEW];
    let stub = world().serve();
    let ran = fix(&Sandbox::at(&stub), &both).expect(0);
    assert_eq!(ran.output.report_of_fix().len(), 5);

    // A refusal of somebody else does not stand in the way either.
    let stub = world().serve();
    let ran = fix(&Sandbox::at(&stub), &["--only", "missing-permission"]).expect(0);
    assert_eq!((ran.statuses(), targets(&ran.json["refusals"]).len()), (vec!["done", "done"], 0));

    let stub = world().serve();
    let output = Sandbox::at(&stub).run(&["fix", "--all", "--yes", "--only", "explicit-deny"]).expect(3);
    assert!(output.stderr.contains("`explicit-deny`") && stub.writes().is_empty(), "{output:?}");
}

#[test]
fn mistakes_in_the_limits_are_named() {
    for (arguments, expected) in [
        (&["--max-failures", "0"][..], &["`--max-failures`", "at least 1"][..]),
        (&["--max-failures", "x"], &["'x'"]),
        (&["--only", "no-profile"], &["'no-profile'", "no-instance-profile", "agent-offline"]),
        (&["--only", "No-Instance-Profile"], &["'No-Instance-Profile'"]),
    ] {
        let said = refused_with(&[], &[&["fix", "--all"], arguments].concat());
        for expected in expected {
            assert!(said.contains(expected), "{expected}: {said}");
        }
    }
}

/// A call without an answer may have been made: the journal keeps it, and an undo takes it back.
#[test]
fn a_failure_that_may_have_been_made_is_undone_too() {
    let stub = fleet([1, 1, 0, 0]).cut_after(PUT, 1..=1).fail_some("GetRolePolicy", 2..=2, Answer::internal()).serve();
    let beginning = Account::of(&stub);
    let sandbox = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1");
    let ran = fix(&sandbox, &["--max-failures", "2"]).expect(3);
    assert_eq!(ran.statuses(), ["failed", "done"], "{ran:#?}");
    assert!(has_policy(&stub, "a") && has_policy(&stub, "b"), "{ran:#?}");
    undo(&sandbox, ran.backup.as_ref().unwrap()).expect(0);
    assert_eq!(Account::of(&stub), beginning);
}
