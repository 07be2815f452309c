//! Resource control policies: read with the organization's other policies, or given with `--rcp`.

use serde_json::{Value, json};

use crate::documents::{PLACE, core, judge as judge_documents, policy, statement, with};
use crate::live_stub::check;
use crate::support::answer::Answer;
use crate::support::command::Sandbox;
use crate::support::model::{EC2_TRUST, Level, Role};
use crate::support::report::{Code, Decision, Outcome, PolicyKind, Severity, Verdict};
use crate::support::world::{ACCOUNT, INSTANCE, World};

const MANAGEMENT: &str = "999988887777";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234";
const FOREIGN: &str = "arn:aws:kms:us-east-1:444455556666:key/1234";

fn deny(action: &str) -> Value {
    policy(with(with(statement("Deny", action, "*"), "Principal", json!("*")), "Sid", json!("Perimeter")))
}

/// Documents that allow the core and everything that these policies cover, with these arguments.
fn documents(rcps: &[Value], arguments: &[&str]) -> Outcome {
    let allowed = policy(statement("Allow", "*", "*"));
    let names = ["root.json", "unit.json", "account.json"];
    let mut files = vec![("policy.json", allowed.to_string()), ("trust.json", EC2_TRUST.to_string())];
    files.extend(names.into_iter().zip(rcps.iter().map(Value::to_string)));
    let mut all = vec!["--policy", "policy.json", "--trust", "trust.json"];
    all.extend(PLACE);
    all.extend(names.iter().take(rcps.len()).flat_map(|name| ["--rcp", *name]));
    judge_documents(&files, &[&all, arguments].concat())
}

fn rcps_not_checked(outcome: &Outcome) -> bool {
    outcome.not_checked.iter().any(|line| line.starts_with("resource control policies: "))
}

#[test]
fn a_given_one_denies_what_it_covers_at_any_level() {
    let full = policy(with(statement("Allow", "*", "*"), "Principal", json!("*")));
    for (denied, arguments, action) in [
        ("kms:Decrypt", &["--kms-key", KEY][..], "kms:Decrypt"),
        ("s3:Put*", &["--s3-logs", "logs/web"], "s3:PutObject"),
        ("s3:*", &["--s3-logs", "logs/web"], "s3:GetEncryptionConfiguration"),
        ("logs:CreateLogStream", &["--cloudwatch-logs", "sessions"], "logs:CreateLogStream"),
        ("sqs:*", &["--require", "sqs:SendMessage"], "sqs:SendMessage"),
    ] {
        for levels in [vec![deny(denied)], vec![full.clone(), json!([full, deny(denied)])]] {
            let outcome = documents(&levels, arguments);
            assert_eq!(outcome.verdict, Verdict::NotReady, "{denied}: {:?}", outcome.findings);
            let permission = outcome.permission(action);
            assert_eq!(permission.decision, Decision::ExplicitDeny);
            let by = &permission.decided_by[0];
            assert_eq!((by.kind, by.sid.as_deref()), (PolicyKind::Rcp, Some("Perimeter")));
            assert!(!outcome.codes().contains(&Code::ExplicitDeny), "{:?}", outcome.findings);
            assert!(outcome.finding(Code::BlockedByRcp).message.contains("resource control policy"));
            assert!(!rcps_not_checked(&outcome), "{:?}", outcome.not_checked);
        }
        // Others deny nothing, though they are given without `RCPFullAWSAccess`.
        let outcome = documents(&[deny("dynamodb:*")], arguments);
        assert_eq!(outcome.verdict, Verdict::Ready, "{denied}: {:?}", outcome.findings);
        assert!(rcps_not_checked(&documents(&[], arguments)));
    }
    // Never what sessions themselves need.
    let core_alone = documents(&[deny("ssm:*"), deny("ssmmessages:*")], &[]);
    assert_eq!(core_alone.verdict, Verdict::Ready, "{:?}", core_alone.findings);
    assert!(!rcps_not_checked(&documents(&[], &[])));
    // Those of this account do not hold for a key of another.
    let foreign = documents(&[deny("kms:*")], &["--require", &format!("kms:Decrypt={FOREIGN}")]);
    assert_eq!(foreign.verdict, Verdict::Ready, "{:?}", foreign.findings);
    assert!(foreign.not_checked.iter().any(|line| line.contains("other account")), "{:?}", foreign.not_checked);
}

#[test]
fn what_is_given_and_is_none_is_said() {
    for (rcp, said) in [
        (core(), "`Principal`"),
        (policy(with(statement("Allow", "s3:*", "*"), "Principal", json!("*"))), "deny"),
        (json!({"Version": "2012-10-17"}), "`Statement`"),
    ] {
        let outcome = documents(std::slice::from_ref(&rcp), &["--kms-key", KEY]);
        assert_eq!(outcome.verdict, Verdict::Unknown, "{rcp}: {:?}", outcome.findings);
        let finding = outcome.finding(Code::InvalidPolicy);
        assert!(finding.message.contains("a resource control policy") && finding.message.contains(said), "{finding:?}");
    }
    let output = Sandbox::new().run(&["check", INSTANCE, "--rcp", "missing.json"]).expect(2);
    assert!(output.stderr.contains("missing.json"), "{}", output.stderr);
    let twice = Sandbox::new().run(&["check", INSTANCE, "--scp", "-", "--rcp", "-"]).expect(2);
    assert!(twice.stderr.contains("(`-`)"), "{}", twice.stderr);
}

/// EC2 calls as a service, which the policies that AWS publishes except.
#[test]
fn one_that_keeps_services_from_assuming_roles_leaves_it_unknown() {
    let on_assume = |condition: Value| {
        let statement = with(statement("Deny", "sts:AssumeRole", "*"), "Principal", json!("*"));
        policy(with(statement, "Condition", condition))
    };
    let outside = json!({"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-own"}});
    let mut usual = outside.clone();
    usual["BoolIfExists"] = json!({"aws:PrincipalIsAWSService": "false"});
    let ready = documents(&[on_assume(usual)], &[]);
    assert_eq!((ready.verdict, ready.codes()), (Verdict::Ready, vec![]), "{:?}", ready.findings);
    let unknown = documents(&[on_assume(outside)], &[]);
    assert_eq!(unknown.verdict, Verdict::Unknown, "{:?}", unknown.findings);
    assert_eq!(unknown.trust.as_ref().unwrap().decision, Decision::Unknown);
    let finding = unknown.finding(Code::BlockedByRcp);
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.remedy.contains("aws:PrincipalIsAWSService"), "{finding:?}");
}

/// The ready world, its role allowed to decrypt, in an organization with this policy at one of its levels.
fn world(management: &str, denying: usize) -> World {
    let levels = ["r-root", "ou-a", ACCOUNT].into_iter().enumerate().map(|(place, id)| {
        if place == denying { Level::new(id).rcp("perimeter", deny("kms:*")) } else { Level::new(id) }
    });
    let role =
        Role::new("web").attach("AmazonSSMManagedInstanceCore").inline("key", policy(statement("Allow", "kms:*", "*")));
    crate::live_stub::with_role(role).organization("o-a", management, levels)
}

const REQUIRED: [&str; 2] = ["--require", "kms:Decrypt"];

fn judge(world: World, arguments: &[&str]) -> Outcome {
    let stub = world.serve();
    let sandbox = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1");
    check(&sandbox, &[&[INSTANCE], arguments].concat()).only().clone()
}

#[test]
fn those_of_every_level_are_read() {
    assert_eq!(judge(world(MANAGEMENT, usize::MAX), &REQUIRED).verdict, Verdict::Ready);
    for denying in 0..3 {
        let outcome = judge(world(MANAGEMENT, denying), &REQUIRED);
        assert_eq!(outcome.verdict, Verdict::NotReady, "{denying}: {:?}", outcome.findings);
        assert!(outcome.codes().contains(&Code::BlockedByRcp) && !rcps_not_checked(&outcome));
        assert_eq!(judge(world(MANAGEMENT, denying), &[]).verdict, Verdict::Ready, "they never cover the core");
        assert_eq!(
            judge(world(ACCOUNT, denying), &REQUIRED).verdict,
            Verdict::Ready,
            "they do not touch the management account"
        );
    }
    // Where none is attached anywhere, the type is not switched on, and none is in force.
    let levels = ["r-root", ACCOUNT].map(|id| Level { rcps: Vec::new(), ..Level::new(id) });
    let off = judge(World::ready().organization("o-a", MANAGEMENT, levels), &["--require", "ssm:GetParameter"]);
    assert!(!rcps_not_checked(&off));
    let hidden = judge(World::ready().hidden_organization("o-a", MANAGEMENT), &["--s3-logs", "logs"]);
    let told = hidden.not_checked.iter().find(|line| line.starts_with("resource control policies: ")).unwrap();
    assert!(told.contains("--rcp") && told.contains("organizations:"), "{told}");
}

#[test]
fn those_that_are_given_win_and_go_with_any_source() {
    let stub = world(MANAGEMENT, 0).serve();
    let sandbox = Sandbox::at(&stub);
    sandbox.file("full.json", policy(with(statement("Allow", "*", "*"), "Principal", json!("*"))));
    sandbox.file("deny.json", deny("kms:Decrypt"));
    let scps = sandbox.file("scp.json", policy(statement("Allow", "*", "*")));
    let given = ["--rcp", "full.json", "--scp", scps.to_str().unwrap()];
    assert_eq!(check(&sandbox, &[&[INSTANCE], &REQUIRED[..], &given].concat()).only().verdict, Verdict::Ready);
    assert!(stub.calls_of("ListPoliciesForTarget").is_empty() && stub.calls_of("ListParents").is_empty());
    // A snapshot holds what was read, and is judged alike.
    let taken = sandbox.run(&["snapshot", INSTANCE]).expect(0).stdout;
    sandbox.file("taken.json", taken);
    let of_snapshot = |arguments: &[&str]| {
        let arguments = [&["--snapshot", "taken.json"], &REQUIRED[..], arguments].concat();
        check(&sandbox, &arguments).only().clone()
    };
    assert!(of_snapshot(&[]).codes().contains(&Code::BlockedByRcp));
    assert_eq!(of_snapshot(&["--rcp", "full.json"]).verdict, Verdict::Ready);
    assert!(of_snapshot(&["--rcp", "full.json", "--rcp", "deny.json"]).codes().contains(&Code::BlockedByRcp));
    let fix = ["fix", INSTANCE, "--dry-run", "--require", "kms:Decrypt", "--rcp", "deny.json"];
    let output = sandbox.run(&fix).expect(1);
    assert!(output.stdout.contains("resource control policy `deny.json` denies"), "{}", output.stdout);
}

/// An answer that nobody knows may hide a deny of what they cover, and nothing else.
#[test]
fn those_that_could_not_be_read_matter_where_they_cover_what_is_asked() {
    for (answer, covered) in [
        (Answer::denied("organizations:ListPoliciesForTarget"), Verdict::Ready),
        (Answer::error("InvalidInputException", "no such type"), Verdict::Unknown),
        (Answer::throttled(), Verdict::Unknown),
        (Answer::garbage(), Verdict::Unknown),
    ] {
        let failing = |arguments: &[&str]| {
            let answer = answer.clone();
            let of_rcps = move |call: &crate::support::stub::Call| {
                (call.parameter("Filter") == "RESOURCE_CONTROL_POLICY").then(|| answer.clone())
            };
            judge(world(MANAGEMENT, usize::MAX).hook(of_rcps), arguments)
        };
        let outcome = failing(&REQUIRED);
        assert_eq!(outcome.verdict, covered, "{answer:?}: {:?}", outcome.findings);
        assert_eq!(rcps_not_checked(&outcome), covered == Verdict::Ready, "{answer:?}");
        let core_alone = failing(&[]);
        assert_eq!(core_alone.verdict, Verdict::Ready, "{answer:?}: {:?}", core_alone.findings);
    }
}
