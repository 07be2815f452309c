//! Which calls `check` and `snapshot` make, how many one after another, and that a snapshot says what they said.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::live_stub::{check, only_reads, policy, with_role};
use crate::support::answer::Answer;
use crate::support::chains::made_actions;
use crate::support::command::Sandbox;
use crate::support::model::{Bucket, EC2_TRUST, Instance, Key, Level, Policy, Profile, Role, SSM_CORE};
use crate::support::report::Verdict;
use crate::support::stub::Stub;
use crate::support::world::{ACCOUNT, INSTANCE, World};
use crate::support::world_network;

/// The ready world, its role with this many policies besides.
fn with_policies(inline: usize, managed: usize) -> World {
    let mut role = Role::new("web");
    for index in 0..inline {
        role = role.inline(&format!("inline-{index}"), policy("Allow", format!("s3:Get{index}")));
    }
    let names: Vec<String> = (0..managed).map(|index| format!("managed-{index}")).collect();
    let role = names.iter().fold(role, |role, name| role.attach(name));
    // Only the last one counts, so that each must have been read.
    let document =
        |index: usize| if index + 1 == managed { SSM_CORE.to_string() } else { policy("Allow", "s3:*").to_string() };
    names
        .iter()
        .enumerate()
        .fold(with_role(role), |world, (index, name)| world.policy(Policy::new(name, document(index))))
}

/// What is asked about any instance before its profile is known, beside `DescribeKey` for a key that is named.
const FIRST: [&str; 7] = [
    "DescribeInstances",
    "DescribeIamInstanceProfileAssociations",
    "DescribeInstanceInformation",
    "DescribeOrganization",
    "GetCallerIdentity",
    "GetDocument",
    "GetServiceSetting",
];
const NAMES: [&str; 3] = ["GetRole", "ListAttachedRolePolicies", "ListRolePolicies"];

#[test]
fn an_instance_costs_three_calls_one_after_another_where_its_role_is_called_as_its_profile() {
    let (inline, managed) = (30, 10);
    let mut world = with_policies(inline, managed);
    world.has_endpoints = true;
    let stub = world.key(Key::new("1234").alias("alias/session")).serve();
    // Each group is held back until all of it has arrived, so that the depth of every call is exact.
    stub.together(&[&FIRST[..], &["DescribeKey"]].concat());
    let chain = ["GetInstanceProfile", "GetKeyPolicy", "ListParents"];
    // Two types of policies and two attributes.
    let twice = ["ListPoliciesForTarget", "ListPoliciesForTarget", "DescribeVpcAttribute"];
    stub.together(&[&chain[..], &twice, &NAMES, &world_network::READS].concat());
    let documents =
        [vec!["GetRolePolicy"; inline], vec!["GetPolicy"; managed], vec!["GetPolicyVersion"; managed]].concat();
    stub.together(&[&documents[..], &["GetManagedPrefixListEntries", "ListHostedZonesByVPC"]].concat());
    let report = check(&Sandbox::at(&stub), &[INSTANCE, "--kms-key", "alias/session", "--require", "s3:Get5"]);
    assert!(!report.only().permissions.is_empty());
    assert_eq!(stub.longest_chain(), 3, "{:?}", stub.counts());
}

/// The instance has the profile `web`, whose role is another one, and its policy is at a version that nobody guesses.
fn guessed_wrongly() -> World {
    World::new(ACCOUNT)
        .instance(Instance::new(INSTANCE).profile("web"))
        .profile(Profile::new("web").role("servers"))
        .role(Role::new("servers").attach("own"))
        .policy(Policy::new("own", SSM_CORE).version("v7").older("v1", policy("Deny", "*").to_string()))
}

#[test]
fn a_wrong_guess_costs_calls_but_no_truth() {
    // Long enough that what is asked together is under way together.
    let stub = guessed_wrongly().latency(Duration::from_secs(1)).serve();
    assert_eq!(check(&Sandbox::at(&stub), &[INSTANCE]).only().verdict, Verdict::Ready);
    assert_eq!(stub.longest_chain(), 5, "{:?}", stub.counts());
    only_reads(&stub);
}

#[test]
fn what_a_wrong_guess_brings_reaches_nobody() {
    let other = || Role::new("web").inline("no", policy("Deny", "ssmmessages:*").to_string()).attach("of-others");
    let with_other = || guessed_wrongly().role(other()).policy(Policy::new("of-others", SSM_CORE));
    let right = check(&Sandbox::at(&guessed_wrongly().serve()), &[INSTANCE]).results;
    let stub = with_other().serve();
    assert_eq!(check(&Sandbox::at(&stub), &[INSTANCE]).results, right);
    assert_eq!(stub.counts().get("GetRolePolicy"), None);
    let snapshot = Sandbox::at(&with_other().serve()).run(&["snapshot", INSTANCE]).expect(0).stdout;
    assert!(snapshot.contains("role/servers") && !snapshot.contains("role/web") && !snapshot.contains("of-others"));
}

#[test]
fn what_a_verdict_can_do_without_is_tried_twice() {
    for (action, tries) in [("DescribeInstanceInformation", 2), ("DescribeOrganization", 2), ("GetDocument", 3)] {
        let stub = World::ready().fail(action, Answer::internal()).serve();
        check(&Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "3"), &[INSTANCE]);
        assert_eq!(stub.calls_of(action).len(), tries, "{action}");
    }
}

#[test]
fn the_progress_line_says_what_is_waited_for() {
    let late = |_: &_, answer: Answer| answer.after(Duration::from_secs(4));
    let stub = World::ready().spoil("GetDocument", late).serve();
    let shown = Sandbox::at(&stub).run_on_terminal(&["check", INSTANCE], &[]).expect(0).stdout;
    assert!(shown.contains("waiting for ssm:GetDocument"), "{shown}");
    // `^C`, which a terminal of 80 columns echoes behind the line, does not wrap it.
    let lines = shown.split('\r').map(console::strip_ansi_codes).filter(|line| line.contains("reading AWS"));
    let widths: BTreeSet<usize> = lines.map(|line| line.trim_end_matches('\n').chars().count()).collect();
    assert_eq!(widths, BTreeSet::from([78]), "{shown:?}");
}

#[test]
fn many_policies_are_read_together_and_each_once() {
    let stub = with_policies(30, 10).serve();
    stub.together(&["GetRole", "ListAttachedRolePolicies", "ListRolePolicies"]);
    stub.together(&["GetRolePolicy"; 16]);
    assert_eq!(check(&Sandbox::at(&stub), &[INSTANCE]).only().verdict, Verdict::Ready);
    let counts = stub.counts();
    for (action, count) in [("GetRole", 1), ("GetRolePolicy", 30), ("GetPolicy", 10), ("GetPolicyVersion", 10)] {
        assert_eq!(counts[action], count, "{action}");
    }
    only_reads(&stub);
}

#[test]
fn a_role_that_many_instances_share_is_read_once() {
    let ids: Vec<String> = (0..20).map(|index| format!("i-000000000000000{index:02}")).collect();
    let world = ids.iter().fold(World::ready(), |world, id| world.instance(Instance::new(id).profile("web")));
    let stub = world
        .profile(Profile::new("also").role("web"))
        .instance(Instance::new("i-0000000000000ffff").profile("also"))
        .serve();
    let all = check(&Sandbox::at(&stub), &["--all"]);
    assert_eq!((all.summary.checked, all.summary.ready), (22, 22));
    let once = [
        "DescribeInstances",
        "GetRole",
        "ListAttachedRolePolicies",
        "ListRolePolicies",
        "GetPolicy",
        "GetPolicyVersion",
    ];
    let counts = stub.counts();
    assert!(once.iter().all(|action| counts[*action] == 1), "{counts:?}");
    assert_eq!(counts["GetInstanceProfile"], 2);

    let targets: Vec<&str> =
        ids.iter().map(String::as_str).chain(["profile/web", "role/web", INSTANCE, INSTANCE]).collect();
    let named = check(&Sandbox::at(&stub), &targets);
    assert_eq!(named.summary.ready, named.summary.checked);
    let counts = stub.counts();
    assert!(once.iter().all(|action| counts[*action] == 2), "{counts:?}");
    only_reads(&stub);
}

#[test]
fn a_policy_that_is_attached_and_the_boundary_too_is_read_once() {
    let core = "AmazonSSMManagedInstanceCore";
    let stub = with_role(Role::new("web").attach(core).boundary(core)).serve();
    assert_eq!(check(&Sandbox::at(&stub), &[INSTANCE]).only().verdict, Verdict::Ready);
    let counts = stub.counts();
    assert_eq!(counts["GetPolicy"], 1);
    // Another version may have been guessed, and asked for, before the right one was known.
    assert!((1..=2).contains(&counts["GetPolicyVersion"]), "{counts:?}");
}

#[test]
fn a_snapshot_or_documents_are_checked_without_any_call() {
    let stub = World::ready().metadata_of(INSTANCE).serve();
    let taken = Sandbox::at(&stub).run(&["snapshot", INSTANCE]).expect(0).stdout;
    only_reads(&stub);
    let before = stub.calls().len();
    let sandbox = Sandbox::at(&stub).with_metadata(&stub).without("AWS_REGION").without("AWS_ACCESS_KEY_ID");
    sandbox.file("snapshot.json", &taken);
    sandbox.file("policy.json", SSM_CORE);
    sandbox.file("trust.json", EC2_TRUST);
    for arguments in [
        &["--snapshot", "snapshot.json"][..],
        &["--snapshot", "snapshot.json", INSTANCE],
        &["--snapshot", "snapshot.json", "--all"],
        &["--snapshot", "snapshot.json", "role/web"],
        &["--policy", "policy.json", "--trust", "trust.json", "--boundary", "policy.json", "--scp", "policy.json"],
    ] {
        assert_eq!(check(&sandbox, arguments).only().verdict, Verdict::Ready, "{arguments:?}");
    }
    // Whatever key the alias stands for, no policy of the role allows it; but the key's own policy, which is not in the snapshot, may.
    let outcome = check(&sandbox, &["--snapshot", "snapshot.json", "--kms-key", "alias/a"]).only().clone();
    assert_eq!(outcome.verdict, Verdict::Unknown);
    let piped = sandbox.run_with_input(&["check", "--snapshot", "-", "-o", "json"], &taken).expect(0);
    assert_eq!(piped.report().only().verdict, Verdict::Ready);
    assert_eq!(stub.calls().len(), before, "{:?}", stub.actions());
}

/// Worlds in which a snapshot must say what the live account says, each with the verdict on [`INSTANCE`].
fn worlds() -> Vec<(&'static str, Verdict, World)> {
    let key = "arn:aws:kms:us-east-1:111122223333:key/1234";
    let decrypt =
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key}});
    let base = move |role: Role| {
        with_role(role.attach("AmazonSSMManagedInstanceCore").inline("key", &decrypt).tag("team", "a+b <ü>"))
            .instance(Instance::new("i-00000000000000002").profile("web").metadata("disabled", "optional", "pending"))
            .instance(Instance::new("i-00000000000000003").profile("gone"))
            .instance(Instance::new("i-00000000000000004").state("terminated"))
            .instance(Instance::new("i-00000000000000005").profile("web").stale_profile_id("AIPAOLD").state("stopped"))
            .profile(Profile::new("empty").path("/a/b/"))
            .policy(Policy::new("limit", policy("Allow", "*")))
            .key(Key::new("1234").alias("alias/session"))
            .bucket(Bucket::new("bucket"))
    };
    let plain = || base(Role::new("web"));
    let duplicate = r#" {"Version": "2012-10-17", "Statement": {"Effect": "Deny",
        "Effect": "Allow", "Action": "s3:*", "Action": "ssm:*", "Resource": "*"}}"#;
    let deny = json!({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "ssm:*", "Resource": "*", "Condition": {
        "StringLike": {"aws:PrincipalTag/team": "a+b*", "aws:UserAgent": "agent-*", "aws:Ec2InstanceSourceVpc": "vpc-0*"},
    }}});
    let broken =
        Role::new("web").trust("{").inline("text", "not JSON").inline("list", " [1, 2]").inline("word", "\"a\"");
    let associations = "DescribeIamInstanceProfileAssociations";
    let no_key = Answer::error("NotFoundException", "there is no such key");
    let mut worlds = vec![
        ("whole", Verdict::Ready, base(Role::new("web").boundary("limit").inline("duplicate", duplicate))),
        ("conditional", Verdict::Unknown, base(Role::new("web").inline("deny", deny))),
        ("broken documents", Verdict::Unknown, base(broken)),
        ("no instances", Verdict::Unknown, plain().fail("DescribeInstances", Answer::unauthorized())),
        (associations, Verdict::Unknown, plain().fail(associations, Answer::unauthorized())),
        ("no such key", Verdict::Unknown, plain().fail("DescribeKey", no_key)),
        ("unreadable key", Verdict::Unknown, plain().fail("DescribeKey", Answer::denied("kms:DescribeKey"))),
        ("unreadable profile", Verdict::Unknown, plain().fail("GetInstanceProfile", Answer::garbage())),
    ];
    for action in
        ["GetRole", "ListAttachedRolePolicies", "ListRolePolicies", "GetRolePolicy", "GetPolicy", "GetPolicyVersion"]
    {
        let world = base(Role::new("web").boundary("limit")).fail(action, Answer::denied(&format!("iam:{action}")));
        worlds.push((action, Verdict::Unknown, world));
    }
    worlds
}

fn without_source(report: &Value) -> Value {
    let mut report = report.clone();
    report.as_object_mut().unwrap().retain(|key, _| key != "source" && key != "caller");
    // Over a fleet the ids of associations are not read; a snapshot has them for a fix.
    for finding in report["results"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .flat_map(|result| result["findings"].as_array_mut().unwrap())
    {
        let remedy = finding["remedy"].as_str().unwrap();
        let words: Vec<&str> = remedy
            .split(' ')
            .map(|word| if word.starts_with("iip-assoc-") { "ASSOCIATION_ID" } else { word })
            .collect();
        finding["remedy"] = words.join(" ").into();
        if let Some(association) = finding["details"].get_mut("association") {
            *association = Value::Null;
        }
    }
    report
}

#[test]
fn a_snapshot_is_judged_like_the_live_account() {
    let named = [
        INSTANCE,
        "i-00000000000000002",
        "i-00000000000000003",
        "i-00000000000000004",
        "i-00000000000000005",
        "i-00000000000000006",
        "arn:aws:iam::111122223333:instance-profile/a/b/empty",
        "profile/none",
        "role/web",
        "arn:aws:iam::999988887777:role/web",
        "arn:aws:ec2:eu-west-1:111122223333:instance/i-00000000000000007",
    ];
    let key = ["--kms-key", "alias/session"];
    let more = ["--s3-logs", "bucket/prefix", "--require", "s3:GetObject", "--context", "aws:SourceVpce="];
    for (name, verdict, world) in worlds() {
        let stub = world.serve();
        let sandbox = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1");
        for (targets, needs) in [(&named[..], [&key[..], &more].concat()), (&["--all"], key.to_vec())] {
            let live = sandbox.run(&[&["check", "-o", "json"], targets, &needs].concat());
            let report = live.report();
            if targets == ["--all"] {
                let outcome = report.results.iter().find(|outcome| [INSTANCE, "--all"].contains(&&*outcome.target));
                assert_eq!(outcome.unwrap().verdict, verdict, "{name}: {report:?}");
            }
            let bucket = if needs.contains(&"--s3-logs") { &["--s3-logs", "bucket"][..] } else { &[] };
            let taken = sandbox.run(&[&["snapshot"], targets, &key, bucket].concat());
            assert!([0, 3].contains(&taken.code), "{name}: {taken:?}");
            if taken.stdout.is_empty() {
                // Nothing of it could be read.
                assert_eq!((taken.code, report.summary.unknown), (3, report.results.len()), "{name}: {taken:?}");
                continue;
            }
            let elsewhere = Sandbox::new().without("AWS_REGION");
            elsewhere.file("snapshot.json", &taken.stdout);
            let again = elsewhere.run(&[&["check", "-o", "json", "--snapshot", "snapshot.json"], &needs[..]].concat());
            again.report();
            assert_eq!(again.code, live.code, "{name}, {targets:?}");
            assert_eq!(without_source(&again.json()), without_source(&live.json()), "{name}, {targets:?}");
            assert_eq!(again.json()["source"], json!({"kind": "snapshot", "file": "snapshot.json"}));
            assert_eq!(live.json()["source"], json!({"kind": "live", "file": null}));
            assert_eq!(live.json()["caller"]["account"], json!(ACCOUNT));
        }
        only_reads(&stub);
    }
}

#[test]
fn targets_can_be_chosen_from_a_snapshot_of_everything() {
    let stub = World::ready().instance(Instance::new("i-00000000000000002").tag("env", "a")).serve();
    let sandbox = Sandbox::at(&stub);
    let taken = sandbox.run(&["snapshot", "--all"]).expect(0).stdout;
    sandbox.file("snapshot.json", taken);
    for targets in
        [&[INSTANCE][..], &["i-00000000000000002"], &["role/web", "profile/web"], &["--tag", "env=a"], &["--all"]]
    {
        let live = sandbox.run(&[&["check", "-o", "json"], targets].concat());
        let offline = ["check", "-o", "json", "--snapshot", "snapshot.json", "--region", "us-east-1"];
        let again = sandbox.run(&[&offline, targets].concat());
        assert_eq!(without_source(&again.json()), without_source(&live.json()), "{targets:?}");
        assert_eq!(again.code, live.code, "{targets:?}");
    }
}

#[test]
fn an_interrupt_ends_a_slow_call() {
    for command in [&["check", INSTANCE, "-o", "json"][..], &["snapshot", INSTANCE]] {
        let stub: Stub = World::ready().serve();
        // It is never answered while the run lasts, since the other one never comes.
        stub.together(&["DescribeInstances", "never"]);
        let running = Sandbox::at(&stub).start(command, b"");
        stub.wait_for("DescribeInstances");
        running.interrupt();
        let output = running.wait().expect(130);
        assert!(output.stdout.is_empty() && output.stderr.contains("interrupted"), "{output:?}");
    }
}

/// The policy that docs/permissions.md gives to callers is what a check of everything calls, and no more.
#[test]
fn the_documentation_names_the_calls_that_a_check_makes() {
    let page = include_str!("../../docs/permissions.md");
    let policy = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let policy: Value = serde_json::from_str(policy).unwrap();
    let promised: Vec<&str> =
        policy["Statement"][0]["Action"].as_array().unwrap().iter().map(|action| action.as_str().unwrap()).collect();
    let levels = [Level::new("r-root"), Level::new(ACCOUNT)];
    let mut world = with_policies(1, 1).key(Key::new("1234").alias("alias/session"));
    for (number, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let instance = Instance::new(&format!("i-{number:017x}")).profile(name);
        world = world.instance(instance).profile(Profile::new(name).role("web"));
    }
    world.has_endpoints = true;
    // Whether an agent that is offline ever started is read too.
    world.instances.iter_mut().for_each(|instance| instance.agent = None);
    let stub = world.organization("o-a", "444455556666", levels).serve();
    let logs = ["--s3-logs", "bucket", "--cloudwatch-logs", "group"];
    check(&Sandbox::at(&stub), &[&[INSTANCE, "role/web", "--kms-key", "alias/session"], &logs[..]].concat());
    check(&Sandbox::at(&stub), &["--all"]);
    assert_eq!(made_actions(&stub), promised.iter().map(ToString::to_string).collect());
}

#[test]
fn each_try_is_logged_where_that_is_asked_for() {
    let throttled = Answer::Error { status: 400, code: "ThrottlingException".into(), message: "slow down".into() };
    let stub = World::ready().fail_some("GetServiceSetting", 2..=2, throttled).serve();
    let sandbox = Sandbox::at(&stub).env("AWS_SESSION_TOKEN", "t0k3nOfTheSession");
    let quiet = sandbox.run(&["check", INSTANCE, "-o", "json"]).expect(0);
    assert!(!quiet.stderr.contains("debug:"), "{quiet:?}");
    let before = stub.calls().len();
    let output = sandbox.run(&["check", INSTANCE, "-o", "json", "--debug"]).expect(0);
    output.report();
    let lines: Vec<&str> = output.stderr.lines().filter_map(|line| line.strip_prefix("debug: ")).collect();
    let of = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    let made: Vec<String> = stub.calls()[before..].iter().map(|call| call.action.clone()).collect();
    for action in &made {
        let (logged, made) = (of(&format!(" {action} to ")), made.iter().filter(|other| *other == action).count());
        // A guess is dropped once the right answer is there, also while it is on its way.
        let may_be_dropped = ["GetRole", "GetPolicy", "GetPolicyVersion"].contains(&action.as_str());
        assert!(logged == made || may_be_dropped && logged < made, "{action}: {logged} of {made}: {output:?}");
    }
    assert_eq!(of(" DescribeInstances to 127.0.0.1, try 1: status 200"), 1, "{lines:?}");
    // The second one of both runs is throttled.
    assert_eq!(
        (of("GetServiceSetting to 127.0.0.1, try 1: status 400"), of("GetServiceSetting to 127.0.0.1, try 2")),
        (1, 1)
    );
    assert!(lines.iter().all(|line| line.ends_with(" ms")), "{lines:?}");
    for secret in ["t0k3nOfTheSession", "Signature", "Credential"] {
        assert!(!output.stderr.contains(secret), "{secret}");
    }
}
