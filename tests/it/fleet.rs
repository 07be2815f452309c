//! Whole fleets: the number of calls, Regions, accounts, and that nothing depends on how or when it was read.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::command::Sandbox;
use crate::support::model::{EC2_TRUST, Instance, Level, Member, Policy, Profile, Role, SSM_CORE};
use crate::support::report::{Code, Outcome, Report, Verdict};
use crate::support::stub::{Call, Stub};
use crate::support::world::{ACCOUNT, World};

const OTHER: &str = "444455556666";
const CLOSED: &str = "777788889999";
const DETAILS: &str = "GetAccountAuthorizationDetails";
const CORE: &str = "AmazonSSMManagedInstanceCore";

fn id(number: usize) -> String {
    format!("i-{number:017x}")
}

/// An account with as many roles and instances, one of each, all ready.
fn fleet(account: &str, roles: usize) -> World {
    let world = World::new(account).policy(Policy::of_aws(CORE, SSM_CORE));
    (0..roles).fold(world, |world, number| {
        let name = format!("role-{number}");
        world
            .instance(Instance::new(&id(number)).profile(&name))
            .profile(Profile::new(&name).role(&name))
            .role(Role::new(&name).attach(CORE))
    })
}

fn deny(action: &str) -> String {
    json!({ "Statement": { "Sid": "No", "Effect": "Deny", "Action": action, "Resource": "*" } }).to_string()
}

/// An account in which much is wrong, each thing on an instance of its own.
fn various() -> World {
    let mut world = fleet(ACCOUNT, 4)
        .policy(Policy::new("limits", json!({ "Statement": { "Effect": "Allow", "Action": "s3:*", "Resource": "*" } })))
        .policy(Policy::new("own", SSM_CORE).version("v2").older("v1", deny("*")))
        .instance(Instance::new(&id(10)))
        .instance(Instance::new(&id(11)).profile("empty"))
        .profile(Profile::new("empty"))
        .instance(Instance::new(&id(12)).profile("denied"))
        .profile(Profile::new("denied").role("denied"))
        .role(Role::new("denied").attach(CORE).inline("no", deny("ssmmessages:*")))
        .instance(Instance::new(&id(13)).profile("bounded"))
        .profile(Profile::new("bounded").role("bounded"))
        .role(Role::new("bounded").attach(CORE).boundary("limits"))
        .instance(Instance::new(&id(14)).profile("untrusted"))
        .profile(Profile::new("untrusted").path("/apps/").role("untrusted"))
        .role(Role::new("untrusted").path("/apps/").attach(CORE).trust(EC2_TRUST.replace("ec2", "lambda")))
        .instance(Instance::new(&id(15)).profile("own"))
        .profile(Profile::new("own").role("own"))
        .role(Role::new("own").attach("own").tag("Team", "web"))
        .instance(Instance::new(&id(16)).profile("role-0").stale_profile_id("AIPAOLDOLDOLDOLDOLDOL"))
        .instance(Instance::new(&id(17)).profile("role-1").association("associating"))
        .instance(Instance::new(&id(18)).state("terminated"))
        .instance(Instance::new(&id(19)).profile("nothing"))
        .profile(Profile::new("nothing").role("nothing"))
        .role(Role::new("nothing"));
    world.instances.reverse();
    world
}

fn check(stub: &Stub, arguments: &[&str]) -> Report {
    run(&Sandbox::at(stub), arguments).0
}

/// The report, and what was said beside it.
fn run(sandbox: &Sandbox, arguments: &[&str]) -> (Report, String) {
    let output = sandbox.run(&[&["check", "-o", "json"], arguments].concat());
    (output.report(), output.stderr.clone())
}

fn places(report: &Report) -> Vec<(Option<String>, Option<String>, String)> {
    let place = |outcome: &Outcome| (outcome.account.clone(), outcome.region.clone(), outcome.target.clone());
    report.results.iter().map(place).collect()
}

#[test]
fn the_number_of_calls_does_not_grow_with_instances_or_roles() {
    let calls = |roles: usize| {
        let mut world = fleet(ACCOUNT, roles);
        // Many instances on those roles.
        let more =
            (0..roles * 9).map(|number| Instance::new(&id(1000 + number)).profile(&format!("role-{}", number % roles)));
        world.instances.extend(more);
        let stub = world.serve();
        let report = check(&stub, &["--all"]);
        assert_eq!((report.summary.checked, report.summary.ready), (roles * 10, roles * 10));
        stub.counts()
    };
    let counts = calls(5);
    assert_eq!(counts, calls(20));
    assert_eq!((counts["DescribeInstances"], counts[DETAILS], counts["DescribeInstanceProperties"]), (1, 3, 1));
    let one_by_one = ["GetInstanceProfile", "GetRole", "ListRolePolicies", "ListAttachedRolePolicies", "GetPolicy"];
    for action in one_by_one.into_iter().chain(["DescribeInstanceInformation"]) {
        assert_eq!(counts.get(action), None, "{action}");
    }
}

#[test]
fn few_roles_are_read_one_by_one_and_each_once() {
    let mut world = fleet(ACCOUNT, 3);
    world.instances.extend((10..40).map(|number| Instance::new(&id(number)).profile(&format!("role-{}", number % 3))));
    let stub = world.serve();
    assert_eq!(check(&stub, &["--all"]).summary.ready, 33);
    let counts = stub.counts();
    assert_eq!((counts.get(DETAILS), counts["GetRole"], counts["GetInstanceProfile"]), (None, 3, 3));
    assert_eq!((counts["GetPolicy"], counts["GetPolicyVersion"]), (1, 1));
}

#[test]
fn an_account_read_at_once_gives_the_report_of_one_read_piece_by_piece() {
    let at_once = various().serve();
    let (whole, said) = run(&Sandbox::at(&at_once), &["--all"]);
    assert_eq!((at_once.counts()[DETAILS], said.as_str()), (3, ""));
    let expected = [
        (10, Verdict::NotReady, Some(Code::NoInstanceProfile)),
        (11, Verdict::NotReady, Some(Code::InstanceProfileEmpty)),
        (12, Verdict::NotReady, Some(Code::ExplicitDeny)),
        (13, Verdict::NotReady, Some(Code::BlockedByBoundary)),
        (14, Verdict::NotReady, Some(Code::TrustPolicy)),
        (15, Verdict::Ready, None),
        (16, Verdict::NotReady, Some(Code::InstanceProfileStale)),
        (17, Verdict::NotReady, Some(Code::AssociationPending)),
        (18, Verdict::Skipped, None),
        (19, Verdict::NotReady, Some(Code::MissingPermission)),
    ];
    for (number, verdict, code) in expected {
        let outcome = whole.of(&id(number));
        assert_eq!(outcome.verdict, verdict, "{number}: {:?}", outcome.findings);
        assert!(code.is_none_or(|code| outcome.codes().contains(&code)), "{number}: {:?}", outcome.findings);
    }

    // What may not be read at once is read piece by piece, and that is said.
    for answer in [Answer::denied(DETAILS), Answer::internal(), Answer::garbage()] {
        let piecemeal = various().fail(DETAILS, answer).serve();
        let (pieces, said) = run(&Sandbox::at(&piecemeal).env("AWS_MAX_ATTEMPTS", "1"), &["--all"]);
        assert_eq!(pieces.results, whole.results);
        assert!(said.contains(DETAILS) && said.lines().count() == 1, "{said}");
        assert!(piecemeal.counts()["GetRole"] > 5);
    }

    // Pages of every size.
    for size in [1, 3, 7] {
        assert_eq!(check(&various().page_size(size).serve(), &["--all"]).results, whole.results, "{size}");
    }
}

#[test]
fn lines_are_the_results_of_the_report() {
    let stub = various().page_size(4).serve();
    let report = check(&stub, &["--all"]);
    let lines = Sandbox::at(&stub).run(&["check", "--all", "-o", "ndjson"]).expect(1);
    let mut lines = Outcome::read_lines(&lines.stdout);
    // Within a Region they come in the order of the pages.
    lines.sort_by(|a, b| a.target.cmp(&b.target));
    assert_eq!(lines, report.results);
    assert!(places(&report).is_sorted());
}

/// Two Regions with an instance each, and one that is off.
fn continent() -> World {
    let mut world = fleet(ACCOUNT, 3).regions(["eu-west-1", "us-east-1"]).region_off("ap-east-1");
    for (instance, region) in world.instances.iter_mut().zip(["us-east-1", "eu-west-1", "eu-west-1"]) {
        instance.region = region.into();
    }
    world
}

#[test]
fn several_regions_and_one_that_is_off() {
    let stub = continent().serve();
    let named = ["--all", "--region", "us-east-1", "--region", "ap-east-1", "--region", "eu-west-1"];
    let output =
        Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1").run(&[&["check", "-o", "json"], &named[..]].concat()).expect(3);
    let report = output.report();
    let off = &report.results[0];
    assert_eq!(
        (off.verdict, off.region.as_deref(), off.target.as_str()),
        (Verdict::Unknown, Some("ap-east-1"), "--all")
    );
    assert!(off.findings.iter().any(|finding| finding.message.contains("ec2:DescribeInstances")), "{:?}", off.findings);
    let regions: Vec<_> = report.results.iter().map(|outcome| outcome.region.as_deref().unwrap()).collect();
    assert_eq!(regions, ["ap-east-1", "eu-west-1", "eu-west-1", "us-east-1"]);
    assert_eq!((report.summary.ready, report.summary.unknown), (3, 1));

    // Those that are switched on are all of them.
    let all = check(&stub, &["--all-regions"]);
    assert_eq!(all.results, report.results[1..]);
    assert!(stub.calls_of("DescribeInstances").iter().filter(|call| call.region == "ap-east-1").count() == 1);
}

/// The management account and its members.
fn organization() -> Vec<World> {
    let levels = || {
        [Level::new("r-root").scp("FullAWSAccess", allow_all()), Level::new(ACCOUNT).scp("FullAWSAccess", allow_all())]
    };
    let member = |id: &str| Member::new(id).under([Level::new("r-root")]).scp("FullAWSAccess", allow_all());
    let managing = fleet(ACCOUNT, 1).organization("o-a", ACCOUNT, levels());
    let managing = managing.member(member(OTHER)).member(member(CLOSED).status("SUSPENDED"));
    vec![managing, various_of(OTHER).hidden_organization("o-a", ACCOUNT), fleet(CLOSED, 1)]
}

fn allow_all() -> Value {
    json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } })
}

fn various_of(account: &str) -> World {
    let mut world = various();
    world.account = account.to_owned();
    world
}

#[test]
fn the_accounts_of_an_organization() {
    let stub = Stub::accounts(organization());
    let sandbox = Sandbox::at(&stub);
    let arguments = ["check", "--accounts", "org", "--assume-role", "Audit", "-o", "json"];
    let report = sandbox.run(&arguments).expect(1).report();
    let accounts: BTreeSet<_> = report.results.iter().map(|outcome| outcome.account.clone().unwrap()).collect();
    assert_eq!(accounts, [ACCOUNT.to_owned(), OTHER.to_owned()].into(), "a suspended account is none");
    assert!(places(&report).is_sorted());
    // One's own account is not entered, because no role there need trust it.
    let entered: Vec<_> = stub.calls_of("AssumeRole").iter().map(|call| call.parameter("RoleArn").to_owned()).collect();
    assert_eq!(entered, [format!("arn:aws:iam::{OTHER}:role/Audit")]);
    // The management account sees the policies of its members.
    let member = report.results.iter().find(|outcome| outcome.account.as_deref() == Some(OTHER)).unwrap();
    assert!(member.not_checked.iter().all(|line| !line.contains("service control")), "{:?}", member.not_checked);
    // What holds for many accounts is read once.
    let of_type = |call: &Call| (call.parameter("Filter").to_owned(), call.parameter("TargetId").to_owned());
    let asked: Vec<_> = stub.calls_of("ListPoliciesForTarget").iter().map(of_type).collect();
    assert_eq!(asked.len(), asked.iter().collect::<BTreeSet<_>>().len(), "{asked:?}");
}

#[test]
fn a_policy_of_the_organization_counts_in_its_members() {
    let mut worlds = organization();
    let levels =
        [Level::new("r-root").scp("FullAWSAccess", allow_all()), Level::new(ACCOUNT).scp("FullAWSAccess", allow_all())];
    let no_keys = json!({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}});
    let web = Level::new("ou-web").scp("FullAWSAccess", allow_all()).scp("no-sessions", deny("ssmmessages:*"));
    let web = web.rcp("no-keys", no_keys);
    let member = Member::new(OTHER).under([Level::new("r-root"), web]).scp("FullAWSAccess", allow_all());
    worlds[0] = fleet(ACCOUNT, 1).organization("o-a", ACCOUNT, levels).member(member);
    worlds[1] = fleet(OTHER, 1).hidden_organization("o-a", ACCOUNT);
    let arguments = ["--accounts", "org", "--assume-role", "Audit"];
    let stub = Stub::accounts(worlds);
    let report = check(&stub, &arguments);
    let [own, member] = &report.results[..] else { panic!("{report:?}") };
    assert_eq!(own.verdict, Verdict::Ready);
    assert_eq!((member.verdict, member.codes().contains(&Code::BlockedByScp)), (Verdict::NotReady, true));
    let report = check(&stub, &[&arguments[..], &["--require", "kms:Decrypt"]].concat());
    let blocked = |outcome: &Outcome| outcome.codes().contains(&Code::BlockedByRcp);
    assert_eq!(report.results.iter().map(blocked).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn many_accounts_are_the_sum_of_separate_runs() {
    let worlds = || {
        let mut locked = fleet("222222222222", 2).not_assumable();
        locked.instances[0].region = "eu-west-1".into();
        let mut off = fleet("333333333333", 2).region_off("eu-west-1");
        off.instances[0].region = "us-east-1".into();
        let mut regional = various_of(OTHER);
        regional.instances.iter_mut().step_by(2).for_each(|instance| instance.region = "eu-west-1".into());
        [fleet(ACCOUNT, 2), locked, off, regional, fleet("555555555555", 6)]
    };
    let stub = Stub::accounts(worlds());
    let sandbox = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1");
    let accounts: Vec<String> = worlds().iter().map(|world| world.account.clone()).collect();
    // In any order, with comments.
    sandbox.file("accounts.txt", format!("# all\n{}\n", accounts.iter().rev().cloned().collect::<Vec<_>>().join("\n")));
    let regions = ["--region", "us-east-1", "--region", "eu-west-1"];
    let fleet = ["--accounts", "accounts.txt", "--assume-role", "ops/Audit"];
    let whole = sandbox.run(&[&["check", "--all", "-o", "json"], &fleet[..], &regions[..]].concat()).expect(1).report();

    let of = |account: &str| {
        whole.results.iter().filter(|outcome| outcome.account.as_deref() == Some(account)).cloned().collect::<Vec<_>>()
    };
    for account in [ACCOUNT, OTHER, "333333333333", "555555555555"] {
        let own = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1").env("AWS_ACCESS_KEY_ID", account);
        let (separate, _) = run(&own, &[&["--all"], &regions[..]].concat());
        // What could not be listed names its account only where there are several.
        let read = |outcomes: &[Outcome]| -> Vec<Outcome> {
            outcomes.iter().filter(|outcome| outcome.instance.is_some()).cloned().collect()
        };
        let unread = |outcomes: &[Outcome]| -> Vec<_> {
            let unread = outcomes.iter().filter(|outcome| outcome.instance.is_none());
            unread.map(|outcome| (outcome.verdict, outcome.region.clone(), outcome.findings.clone())).collect()
        };
        assert_eq!(read(&of(account)), read(&separate.results), "{account}");
        assert_eq!(unread(&of(account)), unread(&separate.results), "{account}");
        assert_eq!(unread(&of(account)).len(), usize::from(account == "333333333333"));
    }
    let [locked] = &of("222222222222")[..] else { panic!("{whole:?}") };
    assert_eq!((locked.verdict, locked.region.as_deref(), locked.target.as_str()), (Verdict::Unknown, None, "--all"));
    assert_eq!(locked.findings[0].code, Code::AccessDenied);
    assert!(locked.findings[0].message.contains("sts:AssumeRole"), "{:?}", locked.findings);

    // One at a time, and as lines, it is the same.
    let slow =
        sandbox.run(&[&["check", "--all", "-o", "json", "--concurrency", "1"], &fleet[..], &regions[..]].concat());
    assert_eq!(slow.report().results, whole.results);
    let lines = sandbox.run(&[&["check", "--all", "-o", "ndjson"], &fleet[..], &regions[..]].concat()).expect(1);
    let mut lines = Outcome::read_lines(&lines.stdout);
    lines.sort_by(|a, b| {
        (&a.account, &a.region, a.instance.is_none(), &a.target).cmp(&(
            &b.account,
            &b.region,
            b.instance.is_none(),
            &b.target,
        ))
    });
    assert_eq!(lines, whole.results);
}

#[test]
fn only_what_is_certain_makes_the_exit_code_one() {
    let stub = Stub::accounts([fleet(ACCOUNT, 1), fleet(OTHER, 1).not_assumable()]);
    let sandbox = Sandbox::at(&stub);
    sandbox.file("accounts.txt", format!("{ACCOUNT}\n{OTHER}"));
    let arguments = ["check", "--accounts", "accounts.txt", "--assume-role", "Audit"];
    sandbox.run(&arguments).expect(3);
    sandbox.file("accounts.txt", ACCOUNT);
    sandbox.run(&arguments).expect(0);
}

#[test]
fn accounts_that_cannot_be_listed_end_the_run() {
    let stub = fleet(ACCOUNT, 1).fail("ListAccounts", Answer::denied("ListAccounts")).serve();
    let said = Sandbox::at(&stub).run(&["check", "--accounts", "org", "--assume-role", "Audit"]).expect(3).stderr;
    assert!(said.contains("organizations:ListAccounts"), "{said}");
    assert!(stub.calls_of("DescribeInstances").is_empty());
}

#[test]
fn credentials_that_end_in_the_middle_are_renewed() {
    // Shorter than the SDK keeps any, so that each call gets new ones.
    let worlds = [World::new(ACCOUNT), fleet(OTHER, 6).page_size(2).sessions_last(Duration::from_secs(5))];
    let stub = Stub::accounts(worlds);
    let sandbox = Sandbox::at(&stub);
    sandbox.file("accounts.txt", OTHER);
    let report = sandbox
        .run(&["check", "-o", "json", "--accounts", "accounts.txt", "--assume-role", "Audit"])
        .expect(0)
        .report();
    assert_eq!(report.summary.ready, 6);
    assert!(stub.calls_of("AssumeRole").len() > 3);
}

#[test]
fn throttling_changes_nothing_but_the_number_of_calls() {
    let calm = various().serve();
    let expected = check(&calm, &["--all"]);
    let throttled = various().throttle_every("iam", 3).serve();
    assert_eq!(check(&throttled, &["--all"]).results, expected.results);
    let (calm, throttled) = (calm.calls().len(), throttled.calls().len());
    assert!(throttled > calm && throttled <= calm * 2, "{throttled} calls instead of {calm}");
}

#[test]
fn what_cannot_be_meant_is_refused_before_any_call() {
    let sandbox = Sandbox::new();
    for (arguments, words) in [
        (&["--all", "--accounts", "org"][..], "`--assume-role NAME`"),
        (&["--all", "--assume-role", "Audit"], "`--accounts FILE`"),
        (&["--all-regions", "--region", "us-east-1"], "contradict"),
        (&["i-0123456789abcdef0", "--accounts", "org", "--assume-role", "A"], "`--all` or `--tag`"),
        (&["--all", "--concurrency", "0"], "0 is not in 1..=256"),
        (&["--all", "--concurrency", "257"], "257 is not in 1..=256"),
        // It is more than a semaphore can have.
        (&["--all", "--concurrency", "2305843009213693952"], "is not in 1..=256"),
        (&["--accounts", "org", "--assume-role", "arn:aws:iam::111122223333:role/A"], "not the name of a role"),
        (&["--accounts", "none.txt", "--assume-role", "A"], "cannot read `none.txt`"),
        (&["--accounts", "bad.txt", "--assume-role", "A"], "line 1 of `bad.txt`"),
        (&["--all", "--all-regions", "--snapshot", "x.json"], "live accounts"),
        (&["--all", "--simulate", "--accounts", "org", "--assume-role", "A"], "`--simulate`"),
    ] {
        sandbox.file("bad.txt", "shop\n");
        let said = sandbox.run(&[&["check"], arguments].concat()).expect(2).stderr;
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    sandbox.run(&["snapshot", "--all", "--accounts", "org", "--assume-role", "A"]).expect(2);
}

#[test]
fn whoever_stops_reading_is_not_told_that_all_is_ready() {
    let stub = fleet(ACCOUNT, 2).serve();
    assert_eq!(Sandbox::at(&stub).run(&["check", "--all", "-o", "ndjson"]).code, 0);
    // The run ends there, so that nobody knows what the rest would have been.
    assert_eq!(Sandbox::at(&stub).run_unread(&["check", "--all", "-o", "ndjson"]), 3);
}

#[test]
fn whoever_never_reads_does_not_keep_it_from_ending() {
    // More than a pipe takes in.
    let stub = fleet(ACCOUNT, 100).serve();
    for form in ["json", "ndjson"] {
        assert_eq!(Sandbox::at(&stub).interrupt_unread(&["check", "--all", "-o", form]), 130, "{form}");
    }
}
