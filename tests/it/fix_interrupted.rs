//! `fix` and `undo` that somebody ends: with Control-C at any time, or with another answer than yes.

use std::thread;

use crate::support::answer::Answer;
use crate::support::chains::{
    Account, CHAINS, CREATE, Chain, EMPTY, NEW, OWN, POLICY, PUT, Ran, STOPPED, TRUST_AND_PUT, go_on, undo,
};
use crate::support::command::{Output, Sandbox};
use crate::support::stub::Stub;
use crate::support::xml;

/// Runs with these arguments, and interrupts while the answer to this call is held back.
fn interrupted_at(stub: &Stub, sandbox: &Sandbox, arguments: &[&str], action: &str, number: usize) -> Output {
    stub.hold(action, number..=number);
    let running = sandbox.start(arguments, b"");
    stub.wait_for_held(action);
    running.interrupt();
    // A second time for whoever is impatient.
    running.interrupt();
    stub.release();
    running.wait().expect(130)
}

fn fix_interrupted_at(chain: &Chain, stub: &Stub, sandbox: &Sandbox, action: &str, number: usize) -> Ran {
    Ran::of(interrupted_at(stub, sandbox, &chain.typed(&["--yes", "-o", "json"]), action, number))
}

#[test]
fn while_the_account_is_read() {
    for (chain, action, number) in [
        (PUT, "DescribeInstances", 1),
        (PUT, "GetRolePolicy", 1),
        (PUT, "ListInstanceProfilesForRole", 1),
        (CREATE, "GetRole", 1),
    ] {
        let stub = (chain.world)().serve();
        let beginning = Account::of(&stub);
        let sandbox = Sandbox::at(&stub);
        stub.hold(action, number..=number);
        let running = sandbox.start(&chain.typed(&["--yes", "-o", "json"]), b"");
        stub.wait_for_held(action);
        running.interrupt();
        // It is not answered: nothing has to be waited for.
        let output = running.wait().expect(130);
        assert!(output.stdout.is_empty() && output.stderr.contains("nothing was changed"), "{output:?}");
        assert!(stub.writes().is_empty(), "{action}");
        assert_eq!(Account::of(&stub), beginning);
        assert!(!sandbox.path().join(".local/state/ssm-profile").exists(), "{action}");
    }
}

#[test]
fn while_a_write_of_a_creation_is_under_way() {
    const REMOVALS: [&str; 4] =
        ["RemoveRoleFromInstanceProfile", "DeleteInstanceProfile", "DeleteRolePolicy", "DeleteRole"];
    thread::scope(|scope| {
        for (place, action) in CREATE.writes.iter().enumerate() {
            let run = move || {
                let stub = (CREATE.world)().serve();
                let beginning = Account::of(&stub);
                let sandbox = Sandbox::at(&stub);
                let ran = fix_interrupted_at(&CREATE, &stub, &sandbox, action, 1);
                ran.tells_the_truth(&stub);
                if place == 4 {
                    // It came to its end, and all of it is there.
                    assert_eq!(ran.statuses(), ["done"; 5]);
                    assert_eq!(stub.writes(), CREATE.writes);
                    undo(&sandbox, &ran.backup.unwrap()).expect(0);
                } else {
                    let removals = &REMOVALS[3 - place..];
                    assert_eq!(stub.writes(), [&CREATE.writes[..=place], removals].concat());
                    let expected: Vec<&str> =
                        (0..5).map(|other| if other <= place { "rolled_back" } else { "not_done" }).collect();
                    assert_eq!(ran.statuses(), expected);
                    assert_eq!(ran.reason(), "interrupted");
                }
                assert_eq!(Account::of(&stub), beginning);
            };
            thread::Builder::new().name((*action).into()).spawn_scoped(scope, run).unwrap();
        }
    });
}

#[test]
fn while_a_write_to_what_is_there_is_under_way() {
    for (chain, action, statuses) in [
        (PUT, "PutRolePolicy", &["done"][..]),
        (TRUST_AND_PUT, "UpdateAssumeRolePolicy", &["done", "not_done"]),
        (TRUST_AND_PUT, "PutRolePolicy", &["done", "done"]),
        (STOPPED, "DisassociateIamInstanceProfile", &["done", "not_done"]),
        (EMPTY, "PutRolePolicy", &["rolled_back", "rolled_back", "not_done"]),
    ] {
        let stub = (chain.world)().serve();
        let beginning = Account::of(&stub);
        let sandbox = Sandbox::at(&stub);
        let ran = fix_interrupted_at(&chain, &stub, &sandbox, action, 1);
        assert_eq!(ran.statuses(), statuses, "{action}: {ran:#?}");
        ran.tells_the_truth(&stub);
        ran.lost_nothing(&stub, &beginning);
        if chain.comes_back {
            undo(&sandbox, &ran.backup.unwrap()).expect(0);
            assert_eq!(Account::of(&stub), beginning, "{action}");
        } else {
            // It has no profile now, and whoever ended the run learns how to give it one.
            assert!(ran.lines("next").contains("aws ec2 associate-iam-instance-profile"), "{ran:#?}");
        }
    }
}

#[test]
fn the_text_says_what_was_done_and_what_not() {
    let stub = (CREATE.world)().serve();
    let arguments = CREATE.typed(&["--yes"]);
    let output = interrupted_at(&stub, &Sandbox::at(&stub), &arguments, "CreateInstanceProfile", 1);
    for words in ["stopped: interrupted", "rolled back", "not done"] {
        assert!(output.stdout.contains(words), "`{words}`: {output:?}");
    }
    let stub = (TRUST_AND_PUT.world)().serve();
    let arguments = TRUST_AND_PUT.typed(&["--yes"]);
    let output = interrupted_at(&stub, &Sandbox::at(&stub), &arguments, "UpdateAssumeRolePolicy", 1);
    for words in ["stopped: interrupted", "done", "not done", "ssm-profile undo "] {
        assert!(output.stdout.contains(words), "`{words}`: {output:?}");
    }
}

#[test]
fn before_the_first_write() {
    let stub = (CREATE.world)().serve();
    let beginning = Account::of(&stub);
    // The look before the first write.
    let ran = fix_interrupted_at(&CREATE, &stub, &Sandbox::at(&stub), "GetRole", 2);
    assert_eq!((ran.statuses(), ran.reason(), ran.backup.as_ref()), (vec!["not_done"; 5], "interrupted", None));
    assert!(stub.writes().is_empty());
    assert_eq!(Account::of(&stub), beginning);
}

#[test]
fn while_it_waits_to_try_again() {
    for answer in [Answer::throttled(), Answer::Closed, Answer::no_such_entity("not yet")] {
        let stub = (CREATE.world)().fail("PutRolePolicy", answer).serve();
        let beginning = Account::of(&stub);
        let ran = fix_interrupted_at(&CREATE, &stub, &Sandbox::at(&stub), "PutRolePolicy", 1);
        assert_eq!(stub.writes(), ["CreateRole", "PutRolePolicy", "DeleteRole"]);
        assert_eq!(ran.statuses(), ["rolled_back", "failed", "not_done", "not_done", "not_done"]);
        assert_eq!(Account::of(&stub), beginning);
    }
}

#[test]
fn while_what_was_created_is_removed() {
    for action in ["DeleteInstanceProfile", "DeleteRole"] {
        let stub = (CREATE.world)().fail("AssociateIamInstanceProfile", Answer::unauthorized()).serve();
        let beginning = Account::of(&stub);
        let ran = fix_interrupted_at(&CREATE, &stub, &Sandbox::at(&stub), action, 1);
        assert_eq!(ran.statuses(), ["rolled_back", "rolled_back", "rolled_back", "rolled_back", "failed"]);
        assert!(ran.reason().contains("AssociateIamInstanceProfile"), "{ran:#?}");
        assert_eq!(Account::of(&stub), beginning);
    }
}

#[test]
fn while_it_is_checked_again() {
    let stub = (PUT.world)().serve();
    let sandbox = Sandbox::at(&stub);
    let ran = fix_interrupted_at(&PUT, &stub, &sandbox, "ListRolePolicies", 2);
    assert_eq!(ran.statuses(), ["done"]);
    assert!(ran.backup.is_some());
    ran.tells_the_truth(&stub);
}

/// Some part of IAM still answers what was before: that is nobody's doing.
#[test]
fn while_what_was_written_is_looked_at_once_more() {
    let before = Answer::xml(xml::get_role_policy("web", POLICY, OWN));
    let stub = (PUT.world)().fail_some("GetRolePolicy", 4..=4, before).serve();
    let ran = fix_interrupted_at(&PUT, &stub, &Sandbox::at(&stub), "GetRolePolicy", 4);
    assert_eq!((ran.statuses(), ran.stopped.as_ref()), (vec!["done"], None));
    ran.tells_the_truth(&stub);
}

#[test]
fn an_undo_while_a_write_is_under_way() {
    thread::scope(|scope| {
        for chain in [PUT, TRUST_AND_PUT, CREATE, EMPTY] {
            let fixed = (chain.world)().serve();
            let beginning = Account::of(&fixed);
            let sandbox = Sandbox::at(&fixed);
            let backup = chain.fix(&sandbox).expect(0).backup.unwrap();
            let backup = std::fs::read_to_string(backup).unwrap();
            let steps = chain.writes.len();
            for place in 0..steps {
                let (world, beginning, backup) = (go_on(&fixed), beginning.clone(), backup.clone());
                scope.spawn(move || {
                    let stub = world.serve();
                    let sandbox = Sandbox::at(&stub);
                    let backup = sandbox.file("backup.json", backup).display().to_string();
                    let planned = Ran::of(sandbox.run(&["undo", &backup, "--dry-run", "-o", "json"])).expect(1);
                    let action = planned.rows[place].action.split(':').nth(1).unwrap();
                    let arguments = ["undo", &backup, "--yes", "-o", "json"];
                    let ran = Ran::of(interrupted_at(&stub, &sandbox, &arguments, action, 1));
                    ran.tells_the_truth(&stub);
                    let expected: Vec<&str> =
                        (0..steps).map(|other| if other <= place { "done" } else { "not_done" }).collect();
                    assert_eq!((ran.statuses(), stub.writes().len()), (expected, place + 1));
                    let rest = undo(&sandbox, &backup).expect(0);
                    assert_eq!(rest.rows.len(), steps - place - 1);
                    assert_eq!(Account::of(&stub), beginning);
                });
            }
        }
    });
}

/// The beginning of the question, which depends on how many changes there are.
fn question(chain: &Chain) -> &'static str {
    if chain.writes.len() == 1 { "Apply 1 change" } else { " changes" }
}

#[test]
fn at_the_question() {
    for (chain, typed, code) in [(PUT, "\x03", 130), (CREATE, "\x03", 130), (PUT, "n\r", 2), (CREATE, "\r", 2)] {
        let stub = (chain.world)().serve();
        let sandbox = Sandbox::at(&stub).env("NO_COLOR", "1");
        let output = sandbox.run_on_terminal(&chain.typed(&[]), &[(question(&chain), typed)]).expect(code);
        assert!(output.stdout.contains("nothing was changed"), "{typed:?}: {output:?}");
        assert!(stub.writes().is_empty(), "{typed:?}");
        assert!(!sandbox.path().join(".local/state/ssm-profile").exists(), "{typed:?}");
    }
}

#[test]
fn a_yes_at_the_question() {
    thread::scope(|scope| {
        for chain in [PUT, CREATE] {
            scope.spawn(move || {
                let stub = (chain.world)().serve();
                let beginning = Account::of(&stub);
                let sandbox = Sandbox::at(&stub).env("NO_COLOR", "1");
                let answer = [(question(&chain), "y\r")];
                let file = sandbox.path().join("backup.json").display().to_string();
                sandbox.run_on_terminal(&chain.typed(&["--backup", &file]), &answer).expect(0);
                assert_eq!(stub.writes(), chain.writes);

                // What an undo asks is asked in the same way.
                for (typed, code) in [("\x03", 130), ("n\r", 2), ("\r", 2)] {
                    let output = sandbox.run_on_terminal(&["undo", &file], &[(question(&chain), typed)]).expect(code);
                    assert!(output.stdout.contains("nothing was changed"), "{typed:?}: {output:?}");
                }
                assert_eq!(stub.writes(), chain.writes);
                sandbox.run_on_terminal(&["undo", &file], &answer).expect(0);
                assert_eq!(Account::of(&stub), beginning);
            });
        }
    });
}

/// The question and the plan go where the person is, and the report where the machine is.
#[test]
fn the_question_does_not_get_into_the_report() {
    let stub = (CREATE.world)().serve();
    let sandbox = Sandbox::at(&stub).env("NO_COLOR", "1");
    let arguments = CREATE.typed(&["-o", "json"]);
    let no = sandbox.run_on_terminal_with_output_elsewhere(&arguments, &[(question(&CREATE), "n\r")]).expect(2);
    assert!(no.stdout.is_empty() && no.stderr.contains(&format!("create role `{NEW}`")), "{no:?}");
    let yes = sandbox.run_on_terminal_with_output_elsewhere(&arguments, &[(question(&CREATE), "y\r")]).expect(0);
    assert!(yes.stderr.contains(&format!("create role `{NEW}`")), "{yes:?}");
    assert_eq!(Ran::of(yes).statuses(), ["done"; 5]);
}

#[test]
fn nobody_is_there_to_be_asked() {
    for chain in CHAINS {
        let stub = (chain.world)().serve();
        let sandbox = Sandbox::at(&stub);
        for input in ["", "y\n", "yes\n"] {
            let output = sandbox.run_with_input(&chain.typed(&[]), input).expect(2);
            assert!(output.stderr.contains("`--yes`") && output.stderr.contains("nothing was changed"), "{output:?}");
            // The plan is there to be read all the same.
            let call = format!(":{}", chain.writes[0]);
            assert!(output.stdout.contains(&call), "{output:?}");
        }
        assert!(stub.writes().is_empty());
    }
}
