//! Every run ends, and no answer harms: what takes too long, is too large or too deep, or leads on for ever, is not known.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::live_stub::{allow_if, check, only_reads, policy, with_role};
use crate::support::answer::{Answer, Protocol};
use crate::support::chains::{PUT, Ran, go_on};
use crate::support::command::Sandbox;
use crate::support::model::{Instance, Key, Level, Policy, Role};
use crate::support::report::Verdict;
use crate::support::stub::{Call, Stub};
use crate::support::world::{ACCOUNT, INSTANCE, World};
use crate::support::xml;

/// Every call that a check of [`everything`] makes.
const CALLS: [&str; 17] = [
    "DescribeInstances",
    "DescribeIamInstanceProfileAssociations",
    "GetInstanceProfile",
    "GetRole",
    "ListAttachedRolePolicies",
    "ListRolePolicies",
    "GetRolePolicy",
    "GetPolicy",
    "GetPolicyVersion",
    "DescribeKey",
    "GetKeyPolicy",
    "GetServiceSetting",
    "GetDocument",
    "DescribeInstanceInformation",
    "DescribeOrganization",
    "ListParents",
    "ListPoliciesForTarget",
];

/// A ready world in which all that a check reads is there.
fn everything() -> World {
    let role = Role::new("web").attach("AmazonSSMManagedInstanceCore").inline("own", policy("Allow", "kms:Decrypt"));
    with_role(role.boundary("limit"))
        .policy(Policy::new("limit", policy("Allow", "*")))
        .key(Key::new("1234").alias("alias/session"))
        .preferences(json!({"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {}}))
        .organization("o-a", "444455556666", [Level::new("r-root"), Level::new(ACCOUNT)])
}

const TYPED: [&str; 6] = ["check", "-o", "json", INSTANCE, "--kms-key", "alias/session"];

const SAVED: [&str; 4] = ["snapshot", INSTANCE, "--kms-key", "alias/session"];

/// Runs with this answer to one of the calls: never a wrong verdict. Gives what a snapshot then says, with the reasons.
fn known_with(action: &'static str, world: World) -> (Stub, String) {
    let stub = world.serve();
    let sandbox = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1");
    let output = sandbox.run(&[&TYPED[..], &["--timeout", "5"]].concat());
    assert!([0, 3].contains(&output.code), "{action}: {output:?}");
    // What the verdict does not hang on may be missing.
    let outcome = output.report().only().clone();
    assert!(outcome.verdict != Verdict::NotReady, "{action}: {outcome:?}");
    assert!(!stub.calls_of(action).is_empty(), "{action} is called");
    only_reads(&stub);
    let output = sandbox.run(&[&SAVED[..], &["--timeout", "5"]].concat());
    assert!([0, 3].contains(&output.code), "{action}: {output:?}");
    (stub, output.stdout + &output.stderr)
}

/// As [`known_with`], with this answer to a call of [`everything`].
fn said_with(action: &'static str, answer: Answer) -> (Stub, String) {
    known_with(action, everything().fail(action, answer))
}

/// Runs each of these in a thread of its own.
fn each<T: Copy + Send + 'static>(all: &[T], run: fn(T)) {
    let threads: Vec<_> = all.iter().copied().map(|one| thread::spawn(move || run(one))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn protocol(action: &str) -> Protocol {
    match action {
        "DescribeInstances" | "DescribeIamInstanceProfileAssociations" => Protocol::Ec2,
        action if CALLS[9..].contains(&action) => Protocol::Json,
        _ => Protocol::Query,
    }
}

#[test]
fn an_answer_that_grows_for_ever_or_says_that_it_is_huge_is_not_read() {
    let grows = || Answer::Endless { piece: " ".repeat(1 << 20), every: Duration::ZERO };
    let huge = || Answer::xml(" ".repeat(65 << 20));
    for (action, most) in [("DescribeInstances", "64 MiB"), ("ListRolePolicies", "8 MiB"), ("GetDocument", "4 MiB")] {
        for answer in [grows(), huge()] {
            let stub = everything().fail(action, answer).serve();
            let output = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1").run(&TYPED).expect(3);
            assert!(output.stdout.contains(&format!("is larger than {most}")), "{action}: {output:?}");
        }
    }
}

#[test]
fn an_answer_that_is_nested_deeper_than_any_of_aws_is_not_read() {
    each(&CALLS, |action| {
        let deep = 33 << 10;
        let (status, body) = match protocol(action) {
            Protocol::Json => (200, format!(r#"{{"Unknown": {}"#, "[".repeat(deep))),
            _ => (200, "<a>".repeat(deep)),
        };
        let said = said_with(action, Answer::status(status, body)).1;
        assert!(said.contains("nested more than 64 levels deep"), "{action}: {said}");
        // An error may be as deep.
        if matches!(protocol(action), Protocol::Json) {
            said_with(action, Answer::status(400, "[{\"a\":".repeat(deep)));
        }
    });
}

#[test]
fn an_answer_with_more_elements_than_any_of_aws_is_not_read() {
    for (action, body) in [
        ("DescribeIamInstanceProfileAssociations", "<item/>".repeat(300_000)),
        ("ListAttachedRolePolicies", "<member/>".repeat(300_000)),
        ("DescribeInstanceInformation", format!(r#"{{"InstanceInformationList": [{}{{}}]}}"#, "{},".repeat(300_000))),
    ] {
        let said = said_with(action, Answer::status(200, body)).1;
        assert!(said.contains("has more than 200000 elements"), "{action}: {said}");
    }
}

/// An empty page of a list, and the token of the next one.
fn endless_page(call: &Call, token: &str) -> Option<Answer> {
    Some(match call.action.as_str() {
        "DescribeInstances" => Answer::xml(xml::describe_instances(&[], Some(token))),
        "DescribeIamInstanceProfileAssociations" => Answer::xml(xml::describe_associations(&[], Some(token))),
        "ListAttachedRolePolicies" => Answer::xml(xml::list_attached_role_policies(&[], Some(token))),
        "ListRolePolicies" => Answer::xml(xml::list_role_policies(&[], Some(token))),
        "DescribeInstanceInformation" => Answer::json(&json!({"InstanceInformationList": [], "NextToken": token})),
        "ListPoliciesForTarget" => Answer::json(&json!({"Policies": [], "NextToken": token})),
        _ => return None,
    })
}

const LISTS: [&str; 6] = [
    "DescribeInstances",
    "DescribeIamInstanceProfileAssociations",
    "ListAttachedRolePolicies",
    "ListRolePolicies",
    "DescribeInstanceInformation",
    "ListPoliciesForTarget",
];

#[test]
fn tokens_in_a_circle_end_a_list_that_is_then_not_known() {
    each(&LISTS, |action| {
        // A, B, A, B, ...
        let circle = move |call: &Call| {
            let token = if call.nth % 2 == 1 { "A" } else { "B" };
            (call.action == action).then(|| endless_page(call, token))?
        };
        let (stub, said) = known_with(action, everything().hook(circle));
        assert!(said.contains("its further pages"), "{action}: {said}");
        // Two runs, two targets with two types of policies, and at most three pages of each.
        assert!(stub.calls_of(action).len() <= 24, "{action}: {}", stub.calls_of(action).len());
    });
}

#[test]
fn ever_new_tokens_end_a_list_that_is_then_not_known() {
    each(&["ListRolePolicies", "DescribeInstanceInformation", "DescribeInstances"], |action| {
        let new = move |call: &Call| (call.action == action).then(|| endless_page(call, &call.nth.to_string()))?;
        let (stub, said) = known_with(action, everything().hook(new));
        assert!(said.contains("its further pages") || said.contains("more than 1000 pages"), "{action}: {said}");
        assert_eq!(stub.calls_of(action).len(), 2000, "{action}");
    });
}

#[test]
fn more_policies_than_a_role_can_have_are_not_read_one_by_one() {
    let names: Vec<String> = (0..100_000).map(|index| format!("p{index}")).collect();
    let many = Answer::xml(xml::list_role_policies(&names, None));
    let stub = everything().fail("ListRolePolicies", many).serve();
    let output = Sandbox::at(&stub).run(&TYPED).expect(3);
    assert!(output.stdout.contains("more than 500 policies of a role"), "{output:?}");
    assert!(stub.calls_of("GetRolePolicy").is_empty());

    let arns: Vec<_> = (0..101).map(|n| (format!("p{n}"), format!("arn:aws:iam::{ACCOUNT}:policy/p{n}"))).collect();
    let stub = everything()
        .fail("ListAttachedRolePolicies", Answer::xml(xml::list_attached_role_policies(&arns, None)))
        .serve();
    let output = Sandbox::at(&stub).run(&TYPED).expect(3);
    assert!(output.stdout.contains("more than 100 policies of a role"), "{output:?}");
}

/// Nine instances, and the body of the page that has them all.
fn nine() -> (World, String) {
    let world = (0..8).fold(World::ready(), |world, n| {
        world.instance(Instance::new(&format!("i-0000000000000000{n}")).profile("web"))
    });
    let reservation = |instance: &Instance| {
        let profile = world.profile_of(instance);
        xml::reservation(ACCOUNT, instance, profile.as_ref().map(|(arn, id)| (arn.as_str(), id.as_str())))
    };
    let page = xml::describe_instances(&world.instances.iter().map(reservation).collect::<Vec<_>>(), None);
    (world, page)
}

#[test]
fn an_instance_on_two_pages_is_one_result() {
    const END: &str = "</DescribeInstancesResponse>";
    let (world, page) = nine();
    // The same page twice, and the first names the second.
    let twice = move |call: &Call| {
        let next = if call.parameter("NextToken").is_empty() { "<nextToken>A</nextToken>" } else { "" };
        let page = page.replace(END, &format!("{next}{END}"));
        (call.action == "DescribeInstances").then(|| Answer::xml(page))
    };
    let stub = world.hook(twice).serve();
    let sandbox = Sandbox::at(&stub);
    assert_eq!(check(&sandbox, &["--all"]).results.len(), 9);
    // Besides the parts, in which it gives the same.
    let of_chain = |call: &&Call| call.parameter("Filter.1.Name").is_empty();
    assert_eq!(stub.calls_of("DescribeInstances").iter().filter(of_chain).count(), 2);
    let taken = sandbox.run(&["snapshot", "--all"]).expect(0).json();
    assert_eq!(taken["facts"]["subjects"].as_array().unwrap().len(), 9);
    let fixed = sandbox.run(&["fix", "--all", "--dry-run", "-o", "json"]).expect(0);
    assert_eq!(fixed.record().results.len(), 9);
}

#[test]
fn what_a_fix_did_is_told_before_it_is_checked_again_and_a_signal_cuts_that_off() {
    let stub = (PUT.world)().serve();
    let sandbox = Sandbox::at(&stub);
    // The first list of the check after.
    stub.hold("ListRolePolicies", 2..);
    let running = sandbox.start(&PUT.typed(&["--yes"]), b"");
    stub.wait_for_held("ListRolePolicies");
    running.wait_for("1 done");
    running.wait_for("ssm-profile undo ");
    running.interrupt();
    // It is never answered.
    let output = running.wait().expect(130);
    assert!(output.stdout.contains("the run was interrupted before it was asked again"), "{output:?}");
    assert_eq!(stub.writes(), PUT.writes);

    let stub = (PUT.world)().serve();
    stub.hold("ListRolePolicies", 2..);
    let sandbox = Sandbox::at(&stub);
    let running = sandbox.start(&PUT.typed(&["--yes", "-o", "json"]), b"");
    stub.wait_for_held("ListRolePolicies");
    running.interrupt();
    let record = running.wait().expect(130).record();
    assert_eq!(record.results[0].verdict, Verdict::Unknown);
}

#[test]
fn a_signal_cuts_off_the_look_before_a_write_and_the_one_after_it() {
    // The third is the look before the write, the fourth that after it.
    for (number, writes) in [(3, 0), (4, 1)] {
        let stub = (PUT.world)().serve();
        let sandbox = Sandbox::at(&stub);
        stub.hold("GetRolePolicy", number..);
        let running = sandbox.start(&PUT.typed(&["--yes", "-o", "json"]), b"");
        stub.wait_for_held("GetRolePolicy");
        running.interrupt();
        let ran = Ran::of(running.wait().expect(130));
        assert_eq!(
            (ran.statuses(), stub.writes().len()),
            (vec![if writes == 1 { "done" } else { "not_done" }], writes)
        );
    }
}

#[test]
fn an_undo_hears_a_signal_while_it_reads() {
    let fixed = (PUT.world)().serve();
    let sandbox = Sandbox::at(&fixed);
    let backup = PUT.fix(&sandbox).expect(0).backup.unwrap();
    let backup = std::fs::read_to_string(backup).unwrap();
    // Of the plan, before the write, and after it.
    for (number, status) in [(1, None), (2, Some("not_done")), (3, Some("done"))] {
        let stub = go_on(&fixed).serve();
        let sandbox = Sandbox::at(&stub);
        let file = sandbox.file("backup.json", &backup).display().to_string();
        stub.hold("GetRolePolicy", number..);
        let running = sandbox.start(&["undo", &file, "--yes", "-o", "json"], b"");
        stub.wait_for_held("GetRolePolicy");
        running.interrupt();
        let output = running.wait().expect(130);
        match status {
            Some(status) => assert_eq!(Ran::of(output).statuses(), [status]),
            None => assert!(output.stderr.contains("nothing was changed"), "{output:?}"),
        }
    }
}

#[test]
fn a_fix_whose_reads_are_not_answered_after_its_write_ends_and_says_what_it_did() {
    let stub = (PUT.world)().fail_some("GetRolePolicy", 4.., Answer::dripping()).serve();
    let sandbox = Sandbox::at(&stub);
    let output = sandbox.run(&PUT.typed(&["--yes", "--timeout", "5"])).expect(3);
    assert!(output.stdout.contains("1 done") && output.stdout.contains("ssm-profile undo "), "{output:?}");
    // Three before and in the fix, the last look and the check of two policies with two tries each, and none in further rounds.
    assert!(stub.calls_of("GetRolePolicy").len() <= 9, "{:?}", stub.counts());
}

#[test]
fn calls_that_were_given_up_are_not_made_again() {
    let stub = everything().fail("GetRole", Answer::dripping()).serve();
    let sandbox = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1");
    let targets: Vec<String> = (0..200).map(|n| format!("role/r{n}")).collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    sandbox.run(&[&["check", "-q", "--timeout", "5"], &targets[..]].concat()).expect(3);
    // As many as are made at a time, and there are three for each role.
    let made = stub.calls_of("GetRole").len();
    assert!(made < 150, "{made}");
}

#[test]
fn files_that_are_larger_than_any_are_not_read() {
    let sandbox = Sandbox::new();
    for (most, arguments) in [
        (4 << 20, &["check", "--policy", "large"][..]),
        (4 << 20, &["check", "--policy", "small", "--trust", "large"]),
        (4 << 20, &["check", "--policy", "small", "--boundary", "large"]),
        (4 << 20, &["check", "--policy", "small", "--scp", "large"]),
        (16 << 20, &["check", "--all", "--accounts", "large", "--assume-role", "A"]),
        (256 << 20, &["undo", "large", "--yes"]),
        (4 << 30, &["check", "--snapshot", "large"]),
        (4 << 30, &["fix", "role/web", "--dry-run", "--snapshot", "large"]),
    ] {
        sandbox.file("small", policy("Allow", "*"));
        // It takes no place on the disk.
        std::fs::File::create(sandbox.path().join("large")).unwrap().set_len(most + 1).unwrap();
        let said = sandbox.run(arguments).expect(2).stderr;
        assert!(said.contains("cannot read `large`: it is larger than"), "{arguments:?}: {said}");
    }
    let said = sandbox.run_with_input(&["check", "--policy", "-"], vec![b' '; (4 << 20) + 1]).expect(2).stderr;
    assert!(said.contains("cannot read `-`: it is larger than 4 MiB"), "{said}");
}

/// A device has no end, and its size is not told.
#[cfg(unix)]
#[test]
fn a_device_that_never_ends_is_not_read() {
    let sandbox = Sandbox::new();
    sandbox.file("small", policy("Allow", "*"));
    for device in ["/dev/zero", "/dev/urandom"] {
        for arguments in [
            &["check", "--policy", device][..],
            &["check", "--policy", "small", "--scp", device],
            &["check", "--snapshot", device],
            &["check", "--cloudformation", device],
            &["check", "--all", "--accounts", device, "--assume-role", "A"],
            &["check", "--policy", "small", "--config", device],
            &["undo", device, "--yes"],
        ] {
            let output = sandbox.run(arguments).expect(2);
            assert!(output.stderr.contains(&format!("cannot read `{device}`: it is not")), "{arguments:?}: {output:?}");
            assert!(output.memory < 1 << 30, "{arguments:?}: {}", output.memory);
        }
    }
}

/// Each is far from AWS's, and within the bytes of such a file.
#[test]
fn files_with_more_in_them_than_any_are_not_taken() {
    let sandbox = Sandbox::new();
    sandbox.file("small", policy("Allow", "*"));
    let list = |item: &str| format!("[{}]", vec![item; (4 << 20) / (item.len() + 1) - 50].join(","));
    sandbox.file("empty", format!(r#"{{"Statement": {}}}"#, list("{}")));
    let actions = format!(r#"{{"Statement": {{"Effect": "Allow", "Resource": "*", "Action": {}}}}}"#, list("\"\""));
    sandbox.file("actions", actions);
    for arguments in [&["check", "--policy", "actions"][..], &["check", "--policy", "small", "--scp", "empty"]] {
        let output = sandbox.run(arguments).expect(3);
        assert!(output.stdout.contains("no policy of AWS is that large"), "{arguments:?}: {output:?}");
        assert!(output.memory < 768 << 20, "{arguments:?}: {}", output.memory);
    }
    for (flag, item) in [("--scp", "{}"), ("--rcp", "1")] {
        sandbox.file("levels", list(item));
        let output = sandbox.run(&["check", "--policy", "small", flag, "levels"]).expect(2);
        assert!(output.stderr.contains("a level has at most 50"), "{output:?}");
        assert!(output.memory < 512 << 20, "{flag}: {}", output.memory);
    }
    sandbox.file("accounts", "a\n".repeat(8 << 20));
    let output = sandbox.run(&["check", "--all", "--accounts", "accounts", "--assume-role", "A"]).expect(2);
    assert!(output.stderr.lines().count() < 30 && output.memory < 512 << 20, "{}", output.memory);
}

#[test]
fn files_that_are_nested_deep_are_not_read() {
    let sandbox = Sandbox::new();
    for deep in [
        "[".repeat(100_000),
        r#"{"a":"#.repeat(100_000),
        r#"{"Statement":"#.repeat(100_000),
        format!(r#"{{"snapshot_version": 2, "facts": {}"#, "[".repeat(100_000)),
    ] {
        sandbox.file("deep", deep);
        sandbox.file("small", policy("Allow", "*"));
        for arguments in [
            &["check", "--policy", "deep"][..],
            &["check", "--policy", "small", "--trust", "deep"],
            &["check", "--policy", "small", "--boundary", "deep"],
            &["check", "--policy", "small", "--scp", "deep"],
            &["check", "--all", "--accounts", "deep", "--assume-role", "A"],
            &["undo", "deep", "--yes"],
            &["check", "--snapshot", "deep"],
        ] {
            // A document that cannot be read may say anything.
            let output = sandbox.run(arguments);
            let code =
                if arguments.iter().any(|flag| ["--policy", "--trust"].contains(flag)) { [2, 3] } else { [2, 2] };
            assert!(code.contains(&output.code), "{arguments:?}: {output:?}");
        }
    }
}

#[test]
fn a_policy_that_is_too_large_to_evaluate_may_say_anything() {
    let sandbox = Sandbox::new();
    let values = vec!["${aws:userid}${aws:userid}"; 120_000];
    let condition = json!({"StringLike": {"aws:SourceVpce": values}});
    sandbox.file("large", allow_if(&condition));
    sandbox.file("small", policy("Allow", "*"));
    for arguments in [
        &["check", "--policy", "large"][..],
        &["check", "--policy", "small", "--boundary", "large"],
        &["check", "--policy", "small", "--scp", "large"],
    ] {
        let output = sandbox.run(arguments).expect(3);
        assert!(output.stdout.contains("the policy is too large to evaluate"), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_number_that_no_flag_takes_is_refused() {
    for (arguments, words) in [
        (["--timeout", "0"], "0 is not in 1..=3600"),
        (["--timeout", "3601"], "3601 is not in 1..=3600"),
        (["--timeout", "soon"], "--timeout"),
        (["--concurrency", "18446744073709551616"], "--concurrency"),
    ] {
        let said = Sandbox::new().run(&[&["check", "--all"], &arguments[..]].concat()).expect(2).stderr;
        assert!(said.contains(words), "{said}");
    }
    for command in [&["fix", "role/web"][..], &["undo", "backup.json"], &["snapshot", "role/web"]] {
        Sandbox::new().run(&[command, &["--timeout", "0"]].concat()).expect(2);
    }
}

/// The table says of each limit why it is there.
#[test]
fn the_documentation_has_every_limit() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let limits = std::fs::read_to_string(root.join("src/limits.rs")).unwrap();
    let table = std::fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let names = limits.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
    let names: Vec<&str> = names.collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        assert!(table.contains(&format!("`{name}`")), "docs/reliability.md lacks `{name}`");
    }
}
