//! `check` where AWS refuses, fails, or answers what nobody can understand: never a verdict that was not earned.

use crate::live_stub::{check, core_is, errors, judge, only_reads, policy, trust, with_role};
use crate::support::answer::Answer;
use crate::support::command::{Output, Sandbox};
use crate::support::model::{Instance, Key, Policy, Role, SSM_CORE};
use crate::support::report::{Code, Decision, Outcome, Severity, Verdict};
use crate::support::stub::Stub;
use crate::support::world::{INSTANCE, World};
use crate::support::xml;

/// Every call that a check of [`whole`] makes, with the name that IAM has for it.
const CALLS: [(&str, &str); 10] = [
    ("DescribeInstances", "ec2:DescribeInstances"),
    ("DescribeIamInstanceProfileAssociations", "ec2:DescribeIamInstanceProfileAssociations"),
    ("GetInstanceProfile", "iam:GetInstanceProfile"),
    ("GetRole", "iam:GetRole"),
    ("ListAttachedRolePolicies", "iam:ListAttachedRolePolicies"),
    ("ListRolePolicies", "iam:ListRolePolicies"),
    ("GetRolePolicy", "iam:GetRolePolicy"),
    ("GetPolicy", "iam:GetPolicy"),
    ("GetPolicyVersion", "iam:GetPolicyVersion"),
    ("DescribeKey", "kms:DescribeKey"),
];

/// A ready world in which each call matters.
fn whole() -> World {
    let role = Role::new("web").attach("AmazonSSMManagedInstanceCore").inline("own", policy("Allow", "kms:Decrypt"));
    with_role(role.boundary("limit"))
        .policy(Policy::new("limit", policy("Allow", "*")))
        .key(Key::new("1234").alias("alias/session"))
}

/// Checks the instance and the key, with one attempt for each call.
fn run(stub: &Stub) -> Output {
    Sandbox::at(stub).env("AWS_MAX_ATTEMPTS", "1").run(&["check", "-o", "json", INSTANCE, "--kms-key", "alias/session"])
}

/// The unknown outcome of a run in which `action` failed, with all that does not hang on that call.
fn unknown(action: &str, stub: &Stub) -> Outcome {
    let output = run(stub).expect(3);
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    let outcome = output.report().only().clone();
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Unknown, vec![]), "{action}");
    assert!(!stub.calls_of(action).is_empty(), "{action} is called");
    only_reads(stub);

    let before_the_profile = action == "DescribeInstances";
    let before_the_role = before_the_profile || action == "GetInstanceProfile";
    assert_eq!(outcome.instance.is_some(), !before_the_profile, "{action}");
    assert_eq!(outcome.instance_profile.is_some(), !before_the_profile, "{action}");
    assert_eq!(outcome.role.is_some(), !before_the_role, "{action}");
    assert_eq!(
        outcome.trust.as_ref().map(|trust| trust.decision),
        (!before_the_role).then_some(Decision::Allowed),
        "{action}"
    );
    assert_eq!(outcome.permissions.len(), 6, "{action}");
    let beside_the_policies = ["DescribeIamInstanceProfileAssociations", "DescribeKey"].contains(&action);
    core_is(&outcome, if beside_the_policies { Decision::Allowed } else { Decision::Unknown });
    outcome
}

#[test]
fn without_a_fault_the_whole_world_is_ready_and_makes_every_call() {
    let stub = whole().serve();
    assert_eq!(run(&stub).expect(0).report().only().verdict, Verdict::Ready);
    let counts = stub.counts();
    assert!(CALLS.iter().all(|(action, _)| counts.contains_key(*action)), "{counts:?}");
}

#[test]
fn a_call_that_is_denied_is_named_and_leaves_the_rest_of_the_report() {
    for (action, name) in CALLS {
        let answer = if name.starts_with("ec2:") { Answer::unauthorized() } else { Answer::denied(name) };
        let outcome = unknown(action, &whole().fail(action, answer).serve());
        let finding = outcome.finding(Code::AccessDenied);
        assert!(finding.message.contains(name) && finding.remedy.contains(name), "{finding:?}");
        assert_eq!(finding.severity, Severity::Warning);
    }
}

#[test]
fn calls_that_are_all_denied_leave_an_unknown_role() {
    let denied = |action: &str| Answer::denied(action);
    let mut world = whole();
    for (action, name) in CALLS.iter().filter(|(_, name)| name.starts_with("iam:")) {
        world = world.fail(action, denied(name));
    }
    let stub = world.serve();
    for target in [INSTANCE, "profile/web", "role/web"] {
        let outcome = check(&Sandbox::at(&stub), &[target]).only().clone();
        assert_eq!(outcome.verdict, Verdict::Unknown);
        outcome.finding(Code::AccessDenied);
    }
}

#[test]
fn a_certain_obstacle_stays_one_whatever_else_cannot_be_read() {
    let deny =
        || Role::new("web").attach("AmazonSSMManagedInstanceCore").inline("own", policy("Deny", "ssmmessages:*"));
    for (action, name) in [
        ("DescribeIamInstanceProfileAssociations", "ec2:DescribeIamInstanceProfileAssociations"),
        ("GetRole", "iam:GetRole"),
        ("ListAttachedRolePolicies", "iam:ListAttachedRolePolicies"),
        ("GetPolicy", "iam:GetPolicy"),
        ("GetPolicyVersion", "iam:GetPolicyVersion"),
    ] {
        let outcome = judge(with_role(deny()).fail(action, Answer::denied(name)));
        assert_eq!(outcome.verdict, Verdict::NotReady, "{action}");
        outcome.finding(Code::AccessDenied);
        outcome.finding(Code::ExplicitDeny);
        assert_eq!(outcome.permission("ssmmessages:OpenDataChannel").decided_by[0].policy, "own", "{action}");
    }
    // A trust policy that shuts EC2 out needs no policy to be read, and a boundary that lets nothing pass needs no identity policy.
    let shut = Role::new("web").trust(trust("lambda.amazonaws.com")).attach("AmazonSSMManagedInstanceCore");
    let narrow =
        Role::new("web").attach("AmazonSSMManagedInstanceCore").inline("own", policy("Allow", "*")).boundary("limit");
    let narrow = with_role(narrow).policy(Policy::new("limit", policy("Allow", "s3:*")));
    for (world, code) in [(with_role(shut), Code::TrustPolicy), (narrow, Code::BlockedByBoundary)] {
        let outcome = judge(world.fail("ListAttachedRolePolicies", Answer::denied("iam:ListAttachedRolePolicies")));
        assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, vec![code]));
    }
}

#[test]
fn throttling_that_passes_is_not_seen() {
    let world = CALLS.iter().fold(whole(), |world, (action, _)| world.first(action, [Answer::throttled()]));
    let stub = world.serve();
    let sandbox = Sandbox::at(&stub).without("AWS_MAX_ATTEMPTS");
    let report = check(&sandbox, &[INSTANCE, "--kms-key", "alias/session"]);
    assert_eq!(report.only().verdict, Verdict::Ready);
    for (action, count) in [("DescribeInstances", 2), ("GetRole", 2), ("GetRolePolicy", 2), ("DescribeKey", 2)] {
        assert_eq!(stub.counts()[action], count, "{action}");
    }
}

#[test]
fn throttling_that_lasts_is_an_error_of_aws() {
    for (action, name) in CALLS {
        let outcome = unknown(action, &whole().fail(action, Answer::throttled()).serve());
        let finding = outcome.finding(Code::AwsError);
        assert!(finding.message.contains(name) && finding.message.contains("throttled"), "{finding:?}");
    }
}

#[test]
fn a_list_that_does_not_come_to_its_end_is_never_a_verdict() {
    let repeated = Some("again");
    let lists: [(&str, String); 2] = [
        ("ListRolePolicies", xml::list_role_policies(&[], repeated)),
        ("ListAttachedRolePolicies", xml::list_attached_role_policies(&[], repeated)),
    ];
    for (action, page) in lists {
        let without_marker = page.replace("<Marker>again</Marker>", "");
        assert_ne!(page, without_marker);
        for page in [page, without_marker] {
            let outcome = unknown(action, &whole().fail(action, Answer::xml(page)).serve());
            assert!(outcome.finding(Code::AwsError).message.contains(action));
        }
    }
    // The first page holds all that is needed, and yet a later one may hold a deny.
    let role = Role::new("web").inline("1", policy("Allow", "*")).inline("2", policy("Allow", "s3:*"));
    let later =
        |answer| with_role(role.clone()).page_size(1).fail_where("ListRolePolicies", "Marker", "from/+=1", answer);
    for (answer, code) in
        [(Answer::denied("iam:ListRolePolicies"), Code::AccessDenied), (Answer::Closed, Code::AwsError)]
    {
        let outcome = judge(later(answer));
        assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Unknown, vec![]));
        outcome.finding(code);
    }
    // Instances that were listed are judged, and that there may be more is said.
    let stub = World::ready()
        .instance(Instance::new("i-00000000000000002").profile("web"))
        .page_size(1)
        .without_wildcards()
        .fail_where("DescribeInstances", "NextToken", "from/+=1", Answer::unauthorized())
        .serve();
    let report = check(&Sandbox::at(&stub), &["--all"]);
    assert_eq!((report.summary.checked, report.summary.ready, report.summary.unknown), (2, 1, 1));
    let rest = report.results.iter().find(|outcome| outcome.verdict == Verdict::Unknown).unwrap();
    assert!(rest.finding(Code::AccessDenied).message.contains("ec2:DescribeInstances"));
}

#[test]
fn one_region_that_fails_does_not_hide_the_others() {
    let stub = World::ready()
        .instance(Instance::new("i-00000000000000002").profile("web").region("eu-west-1"))
        .fail_in("DescribeInstances", "us-east-1", Answer::unauthorized())
        .serve();
    let report = check(&Sandbox::at(&stub), &["--all", "--region", "us-east-1", "--region", "eu-west-1"]);
    assert_eq!((report.summary.checked, report.summary.ready, report.summary.unknown), (2, 1, 1));
    let failed = report.results.iter().find(|outcome| outcome.verdict == Verdict::Unknown).unwrap();
    assert_eq!(failed.region.as_deref(), Some("us-east-1"));
}

#[test]
fn what_goes_away_between_two_calls_is_no_verdict() {
    let gone = || Answer::no_such_entity("it cannot be found");
    // Listed and not there when it is read: gone, or new and not everywhere yet.
    for action in ["ListAttachedRolePolicies", "ListRolePolicies", "GetRolePolicy", "GetPolicy", "GetPolicyVersion"] {
        unknown(action, &whole().fail(action, gone()).serve());
    }
}

#[test]
fn a_document_that_is_no_policy_is_named() {
    for document in
        ["not JSON", "{\"Version\": \"2012-10-17\", \"Statement\": [{", "[1]", "7", r#"{"Version": "2012-10-17"}"#]
    {
        let core = "AmazonSSMManagedInstanceCore";
        let own = || Role::new("web").inline("own", SSM_CORE);
        let cases = [
            (with_role(own().inline("broken", document)), "`broken`", Decision::Unknown),
            (
                with_role(own().attach("broken")).policy(Policy::new("broken", document)),
                "policy/broken",
                Decision::Unknown,
            ),
            (
                with_role(own().boundary("broken")).policy(Policy::new("broken", document)),
                "policy/broken",
                Decision::Unknown,
            ),
            (with_role(own().attach(core).trust(document)), "role `web`", Decision::Allowed),
        ];
        for (world, name, decision) in cases {
            let outcome = judge(world);
            assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Unknown, vec![]), "{name}: {document}");
            let finding = outcome.finding(Code::InvalidPolicy);
            assert!(finding.message.contains(name), "{finding:?}");
            core_is(&outcome, decision);
        }
    }
}

#[test]
fn things_of_another_account_are_not_judged_in_place_of_their_namesakes() {
    let stub = World::ready().serve();
    for target in [
        "arn:aws:iam::999988887777:role/web".to_string(),
        "arn:aws:iam::999988887777:instance-profile/web".to_string(),
        format!("arn:aws:ec2:us-east-1:999988887777:instance/{INSTANCE}"),
    ] {
        let outcome = check(&Sandbox::at(&stub), &[&target]).only().clone();
        assert_eq!((outcome.verdict, outcome.account.as_deref()), (Verdict::Unknown, Some("999988887777")), "{target}");
        outcome.finding(Code::InstanceNotFound);
        assert!(!outcome.permissions.iter().any(|permission| permission.decision != Decision::Unknown), "{target}");
    }
    // Both in one run: the one that exists is still judged.
    let report = check(&Sandbox::at(&stub), &["arn:aws:iam::999988887777:role/web", "role/web", INSTANCE]);
    assert_eq!((report.summary.unknown, report.summary.ready), (1, 2));
}

#[test]
fn without_credentials_there_is_one_error_and_no_report() {
    let stub = World::ready().serve();
    let sandbox = Sandbox::at(&stub).without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    for arguments in [
        &["check", INSTANCE][..],
        &["check", INSTANCE, "-o", "json"],
        &["check", "--all", "-o", "ndjson"],
        &["snapshot", "--all"],
        &["fix", INSTANCE, "--yes"],
    ] {
        let output = sandbox.run(arguments).expect(3);
        assert_eq!(output.stdout, "", "{arguments:?}");
        let expected = "error: no AWS credentials found; run `aws configure` or `aws sso login`, or give `--profile`\n";
        assert_eq!(output.stderr, expected, "{arguments:?}");
    }
    assert_eq!(stub.actions(), Vec::<String>::new());
}

#[test]
fn credentials_that_aws_refuses_leave_everything_unknown() {
    let refused = || Answer::Error { status: 401, code: "AuthFailure".into(), message: "not able to validate".into() };
    let expired = || Answer::Error { status: 403, code: "ExpiredToken".into(), message: "The token is expired".into() };
    let stub = World::ready().fail("DescribeInstances", refused()).fail("GetRole", expired()).serve();
    for target in [INSTANCE, "role/web"] {
        let outcome = check(&Sandbox::at(&stub), &[target]).only().clone();
        assert_eq!(outcome.verdict, Verdict::Unknown);
        assert!(outcome.finding(Code::AwsError).message.contains("credentials"), "{outcome:?}");
    }
}

#[test]
fn without_a_region_an_instance_is_bad_usage_and_a_role_is_not() {
    let stub = World::ready().serve();
    let sandbox = Sandbox::at(&stub).without("AWS_REGION");
    for arguments in [&["check", INSTANCE][..], &["check", "--all"], &["snapshot", INSTANCE]] {
        let output = sandbox.run(arguments).expect(2);
        assert!(output.stdout.is_empty() && output.stderr.contains("--region"), "{output:?}");
        assert_eq!(stub.actions(), Vec::<String>::new());
    }
    assert_eq!(check(&sandbox, &["role/web"]).only().verdict, Verdict::Ready);
    let arn = format!("arn:aws:ec2:us-east-1:111122223333:instance/{INSTANCE}");
    assert_eq!(check(&sandbox, &[&arn]).only().verdict, Verdict::Ready);
}

#[test]
fn bad_usage_makes_no_call() {
    let stub = World::ready().serve();
    for (arguments, said) in [
        (&["mi-0123456789abcdef0"][..], "service role"),
        (&["instance-profile/web"], "profile/web"),
        (&["i-123"], "i-123"),
        (&[INSTANCE, "--region", "us-east-1a"], "us-east-1"),
        (&[INSTANCE, "--kms-key", "alias/"], "alias/"),
        (&[INSTANCE, "--context", "SourceVpce=x"], "SourceVpce"),
        (&[INSTANCE, "--require", "s3"], "s3"),
        (&["--all", INSTANCE], "--all"),
        (&[], "profile/NAME"),
    ] {
        let output = Sandbox::at(&stub).run(&[&["check"], arguments].concat()).expect(2);
        assert!(output.stdout.is_empty() && output.stderr.contains(said), "{arguments:?}: {output:?}");
    }
    assert_eq!(stub.actions(), Vec::<String>::new());
}

#[test]
fn a_target_that_does_not_exist_is_unknown() {
    let stub = World::ready().serve();
    for target in ["i-0fedcba9876543210", "profile/none", "role/none"] {
        let outcome = check(&Sandbox::at(&stub), &[target]).only().clone();
        assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Unknown, vec![]), "{target}");
        outcome.finding(Code::InstanceNotFound);
    }
    let report = check(&Sandbox::at(&stub), &["i-0fedcba9876543210", INSTANCE]);
    assert_eq!((report.results[0].verdict, report.results[1].verdict), (Verdict::Unknown, Verdict::Ready));
}
