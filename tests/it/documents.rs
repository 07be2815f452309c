//! Bare documents: what `check --policy` decides, and from what.

use serde_json::{Value, json};

use crate::support::command::Sandbox;
use crate::support::model::{CORE, EC2_TRUST, SSM_CORE};
use crate::support::report::{Code, Decision, NeededFor, Outcome, PolicyKind, Severity, SourceKind, Verdict};
use crate::support::stub::{Stub, unknown};

const UPDATE: &str = CORE[0];
const INSTANCE: &str = "i-0123456789abcdef0";
const INSTANCE_ARN: &str = "arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0";
pub const PLACE: [&str; 6] = ["--account", "111122223333", "--region", "us-east-1", "--instance-id", INSTANCE];

pub fn statement(effect: &str, action: impl Into<Value>, resource: impl Into<Value>) -> Value {
    json!({"Effect": effect, "Action": action.into(), "Resource": resource.into()})
}

pub fn allow(action: impl Into<Value>) -> Value {
    statement("Allow", action, "*")
}

pub fn with(mut statement: Value, element: &str, value: Value) -> Value {
    statement[element] = value;
    statement
}

pub fn policy(statements: impl Into<Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements.into()})
}

pub fn core() -> Value {
    policy(allow(CORE.to_vec()))
}

fn full() -> Value {
    policy(allow("*"))
}

/// Judges these files with these arguments, and holds the result against what is true of every such report.
pub fn judge(files: &[(&str, String)], arguments: &[&str]) -> Outcome {
    let stub = Stub::answering(unknown);
    let sandbox = Sandbox::at(&stub);
    for (name, content) in files {
        sandbox.file(name, content);
    }
    let output = sandbox.run(&[&["check", "-o", "json"], arguments].concat());
    assert!(stub.calls().is_empty(), "bare documents need no AWS call: {:?}", stub.actions());
    let report = output.report();
    assert_eq!((report.source.kind, report.source.file.as_deref()), (SourceKind::Documents, None));
    let outcome = report.only().clone();
    let code = match outcome.verdict {
        Verdict::Ready => 0,
        Verdict::NotReady => 1,
        Verdict::Unknown => 3,
        Verdict::Skipped => panic!("documents are never skipped"),
    };
    let output = output.expect(code);
    assert_eq!(output.stderr, "");
    assert_eq!(outcome.target, "documents");
    assert_eq!((&outcome.instance, &outcome.instance_profile, &outcome.role), (&None, &None, &None));
    let mut core = actions_for(&outcome, NeededFor::Core);
    core.sort_unstable();
    assert_eq!(core, CORE);
    outcome
}

/// Judges one policy, called `policy.json`.
pub fn judge_policy(policy: &Value, arguments: &[&str]) -> Outcome {
    judge(&[("policy.json", policy.to_string())], &[&["--policy", "policy.json"], arguments].concat())
}

pub fn actions_for(outcome: &Outcome, needed_for: NeededFor) -> Vec<&str> {
    let permissions = outcome.permissions.iter().filter(|permission| permission.needed_for == needed_for);
    permissions.map(|permission| permission.action.as_str()).collect()
}

fn decided_by(outcome: &Outcome, action: &str) -> Vec<(String, PolicyKind, Option<String>, Option<usize>)> {
    let by = outcome.permission(action).decided_by.iter();
    by.map(|by| (by.policy.clone(), by.kind, by.sid.clone(), by.statement)).collect()
}

#[test]
fn the_five_core_actions_make_documents_ready() {
    let outcome = judge_policy(&policy([allow("s3:*"), with(allow(CORE.to_vec()), "Sid", json!("Core"))]), &[]);
    assert_eq!((outcome.verdict, outcome.codes()), (Verdict::Ready, vec![]));
    assert_eq!((&outcome.account, &outcome.region, &outcome.trust), (&None, &None, &None));
    assert_eq!(outcome.permissions.len(), CORE.len());
    for action in CORE {
        assert_eq!(outcome.permission(action).decision, Decision::Allowed);
        let expected = ("policy.json".to_string(), PolicyKind::Document, Some("Core".to_string()), Some(1));
        assert_eq!(decided_by(&outcome, action), [expected]);
        assert_eq!(outcome.permission(action).depends_on, [""; 0]);
        if action != UPDATE {
            assert_eq!(outcome.permission(action).resource, "*");
        }
    }
}

#[test]
fn the_managed_core_policy_alone_is_ready() {
    let outcome = judge(&[("core.json", SSM_CORE.into())], &["--policy", "core.json"]);
    assert_eq!((outcome.verdict, outcome.codes()), (Verdict::Ready, vec![]));
}

/// The documented policy for an existing profile, which says of itself that it is not enough alone.
#[test]
fn the_documented_policy_for_existing_profiles_lacks_the_heartbeat() {
    let documented = policy([
        allow(CORE[1..].to_vec()),
        allow(["s3:GetEncryptionConfiguration"].to_vec()),
        statement("Allow", ["kms:Decrypt"].to_vec(), "key-name"),
    ]);
    let outcome = judge_policy(&documented, &PLACE);
    assert_eq!(outcome.verdict, Verdict::NotReady);
    let missing = outcome.finding(Code::MissingPermission);
    assert!(missing.severity == Severity::Error && missing.message.contains(UPDATE), "{missing:?}");
    assert!(CORE[1..].iter().all(|action| !missing.message.contains(action)), "{missing:?}");
    for action in CORE {
        let expected = if action == UPDATE { Decision::ImplicitDeny } else { Decision::Allowed };
        assert_eq!(outcome.permission(action).decision, expected);
    }
    // Beside a policy that has the rest it is enough.
    let files = [("a.json", documented.to_string()), ("b.json", policy(allow(UPDATE)).to_string())];
    let outcome = judge(&files, &["--policy", "a.json", "--policy", "b.json"]);
    assert_eq!(outcome.verdict, Verdict::Ready);
    assert_eq!(decided_by(&outcome, UPDATE)[0].0, "b.json");
}

#[test]
fn account_region_and_instance_fill_the_context() {
    let on = |operator: &str, key: &str, value: &str| {
        policy(with(allow(CORE.to_vec()), "Condition", json!({operator: {key: value}})))
    };
    let elsewhere = ["--account", "444455556666", "--region", "eu-west-1", "--instance-id", "i-0000000000000000f"];
    for (operator, key, value) in [
        ("StringEquals", "aws:RequestedRegion", "us-east-1"),
        ("StringEquals", "aws:PrincipalAccount", "111122223333"),
        ("ArnEquals", "ec2:SourceInstanceARN", INSTANCE_ARN),
    ] {
        let policy = on(operator, key, value);
        assert_eq!(judge_policy(&policy, &PLACE).verdict, Verdict::Ready, "{key}");
        assert_eq!(judge_policy(&policy, &elsewhere).verdict, Verdict::NotReady, "{key}");
        let outcome = judge_policy(&policy, &[]);
        assert_eq!((outcome.verdict, outcome.codes()), (Verdict::Unknown, vec![Code::ConditionalPermission]), "{key}");
        for action in CORE {
            assert_eq!(outcome.permission(action).decision, Decision::Unknown);
            assert_eq!(outcome.permission(action).depends_on, [key]);
        }
    }
    let outcome = judge_policy(&core(), &PLACE);
    assert_eq!((outcome.account.as_deref(), outcome.region.as_deref()), (Some("111122223333"), Some("us-east-1")));
    assert_eq!(outcome.permission(UPDATE).resource, INSTANCE_ARN);
}

#[test]
fn the_heartbeat_is_authorised_on_the_instance() {
    let other = "arn:aws:ec2:us-east-1:111122223333:instance/i-0000000000000000f";
    for (resource, arguments, decision) in [
        (INSTANCE_ARN, &PLACE[..], Decision::Allowed),
        (INSTANCE_ARN, &[], Decision::Unknown),
        (other, &PLACE, Decision::ImplicitDeny),
        ("arn:aws:ec2:us-east-1:*:instance/*", &PLACE[2..4], Decision::Allowed),
        ("arn:aws:ec2:us-east-1:*:instance/*", &["--region", "eu-west-1"], Decision::ImplicitDeny),
        ("arn:aws:ssm:*:*:*", &[], Decision::ImplicitDeny),
        ("arn:aws-cn:ec2:*:*:instance/*", &["--region", "cn-north-1"], Decision::Allowed),
    ] {
        let policy = policy([allow("ssmmessages:*"), statement("Allow", "ssm:*", resource)]);
        let outcome = judge_policy(&policy, arguments);
        assert_eq!(outcome.permission(UPDATE).decision, decision, "{resource} {arguments:?}");
        assert_eq!(outcome.permission(CORE[1]).decision, Decision::Allowed);
    }
}

/// Without a Region nothing says which partition the documents are for.
#[test]
fn documents_without_a_region_are_not_denied_for_their_partition() {
    for partition in ["aws", "aws-cn", "aws-us-gov"] {
        let instances = format!("arn:{partition}:ec2:*:*:instance/*");
        let outcome = judge_policy(&policy([allow("ssmmessages:*"), statement("Allow", "ssm:*", instances)]), &[]);
        assert_ne!(outcome.verdict, Verdict::NotReady, "{partition}");
    }
    let files = [("policy.json", core().to_string()), ("trust.json", EC2_TRUST.replace(".com", ".com.cn"))];
    let outcome = judge(&files, &["--policy", "policy.json", "--trust", "trust.json"]);
    assert_ne!(outcome.verdict, Verdict::NotReady);
}

#[test]
fn a_deny_wins_and_is_named() {
    let deny = with(statement("Deny", "ssmmessages:Open*", "*"), "Sid", json!("NoSessions"));
    let files = [("allow.json", full().to_string()), ("deny.json", policy([allow("s3:*"), deny]).to_string())];
    let outcome = judge(&files, &["--policy", "allow.json", "--policy", "deny.json"]);
    assert_eq!((outcome.verdict, outcome.codes()), (Verdict::NotReady, vec![Code::ExplicitDeny]));
    for action in CORE {
        let denied = action.contains(":Open");
        let expected = if denied { Decision::ExplicitDeny } else { Decision::Allowed };
        assert_eq!(outcome.permission(action).decision, expected, "{action}");
        let by = match denied {
            true => ("deny.json".to_string(), PolicyKind::Document, Some("NoSessions".to_string()), Some(1)),
            false => ("allow.json".to_string(), PolicyKind::Document, None, Some(0)),
        };
        assert_eq!(decided_by(&outcome, action), [by]);
    }
}

#[test]
fn a_boundary_must_allow_too() {
    let bounded = |boundary: &Value| {
        let files = [("policy.json", core().to_string()), ("boundary.json", boundary.to_string())];
        judge(&files, &["--policy", "policy.json", "--boundary", "boundary.json"])
    };
    assert_eq!(bounded(&full()).verdict, Verdict::Ready);
    let outcome = bounded(&policy(allow("ssm:*")));
    assert_eq!((outcome.verdict, outcome.codes()), (Verdict::NotReady, vec![Code::BlockedByBoundary]));
    assert_eq!(outcome.permission(UPDATE).decision, Decision::Allowed);
    for action in &CORE[1..] {
        assert_eq!(outcome.permission(action).decision, Decision::ImplicitDeny);
        assert_eq!(decided_by(&outcome, action), [("boundary.json".to_string(), PolicyKind::Boundary, None, None)]);
    }
    let outcome = bounded(&policy([allow("*"), statement("Deny", "ssm:*", "*")]));
    assert_eq!(outcome.verdict, Verdict::NotReady);
    assert!(outcome.codes().contains(&Code::ExplicitDeny));
    assert_eq!(decided_by(&outcome, UPDATE), [("boundary.json".to_string(), PolicyKind::Boundary, None, Some(1))]);
}

#[test]
fn every_level_of_service_control_policies_must_allow() {
    let judged = |levels: [Value; 3]| {
        let names = ["root.json", "unit.json", "account.json"];
        let mut files = vec![("policy.json", core().to_string())];
        files.extend(names.into_iter().zip(levels.iter().map(Value::to_string)));
        let mut arguments = vec!["--policy", "policy.json"];
        arguments.extend(names.iter().flat_map(|name| ["--scp", *name]));
        judge(&files, &arguments)
    };
    let several = json!([policy(allow("s3:*")), policy(allow("ssmmessages:*")), policy(allow("ssm:*"))]);
    assert_eq!(judged([full(), several, full()]).verdict, Verdict::Ready);

    let deny = policy(with(statement("Deny", "ssm:Update*", "*"), "Sid", json!("Frozen")));
    for (level, name) in ["root.json", "unit.json", "account.json"].into_iter().enumerate() {
        let mut levels = [full(), full(), full()];
        levels[level] = json!([full(), deny]);
        let outcome = judged(levels);
        assert_eq!(outcome.verdict, Verdict::NotReady);
        assert_eq!(outcome.codes(), [Code::BlockedByScp]);
        assert_eq!(outcome.permission(UPDATE).decision, Decision::ExplicitDeny);
        let by = decided_by(&outcome, UPDATE);
        assert!(by.len() == 1 && by[0].0.starts_with(name), "{by:?}");
        assert_eq!((by[0].1, by[0].2.as_deref(), by[0].3), (PolicyKind::Scp, Some("Frozen"), Some(0)));

        for closed in [policy(allow(["s3:*", "ssm:*"].to_vec())), json!([policy(allow("ssm:*"))])] {
            let mut levels = [full(), full(), full()];
            levels[level] = closed;
            let outcome = judged(levels);
            assert_eq!((outcome.verdict, outcome.codes()), (Verdict::NotReady, vec![Code::BlockedByScp]));
            for action in &CORE[1..] {
                assert_eq!(outcome.permission(action).decision, Decision::ImplicitDeny);
                assert_eq!(decided_by(&outcome, action), [(name.to_string(), PolicyKind::Scp, None, None)]);
            }
            assert_eq!(outcome.permission(UPDATE).decision, Decision::Allowed);
        }
    }
    // AWS has no level without a policy: an empty array is a mistake.
    let empty = judged([full(), json!([]), full()]);
    assert_eq!((empty.verdict, empty.codes()), (Verdict::Unknown, vec![Code::InvalidPolicy]));
}

#[test]
fn the_trust_policy_must_admit_ec2() {
    let trusting = |principal: Value| {
        policy(json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})).to_string()
    };
    let service = |name: &str| trusting(json!({"Service": name}));
    let owner = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "ec2.amazonaws.com"}, "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}}})
    .to_string();
    let (china, elsewhere) = (["--region", "cn-north-1"], ["--region", "us-east-1"]);
    let given = ["--context", "aws:SourceAccount=111122223333"];
    for (trust, arguments, decision, verdict) in [
        (EC2_TRUST.to_string(), &elsewhere[..], Decision::Allowed, Verdict::Ready),
        (
            trusting(json!({"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]})),
            &[],
            Decision::Allowed,
            Verdict::Ready,
        ),
        (service("ec2.amazonaws.com.cn"), &china, Decision::Allowed, Verdict::Ready),
        (service("ec2.amazonaws.com"), &china, Decision::Allowed, Verdict::Ready),
        (service("lambda.amazonaws.com"), &elsewhere, Decision::ImplicitDeny, Verdict::NotReady),
        (
            trusting(json!({"AWS": "arn:aws:iam::111122223333:root"})),
            &elsewhere,
            Decision::ImplicitDeny,
            Verdict::NotReady,
        ),
        (trusting(json!("*")), &elsewhere, Decision::Unknown, Verdict::Unknown),
        (owner.clone(), &elsewhere, Decision::Unknown, Verdict::Unknown),
        (owner.clone(), &given, Decision::Allowed, Verdict::Ready),
    ] {
        let files = [("policy.json", core().to_string()), ("trust.json", trust.clone())];
        let arguments = [&["--policy", "policy.json", "--trust", "trust.json"], arguments].concat();
        let outcome = judge(&files, &arguments);
        let judged = outcome.trust.as_ref().unwrap();
        assert_eq!((judged.decision, outcome.verdict), (decision, verdict), "{trust} {arguments:?}");
        let expected = if verdict == Verdict::Ready { vec![] } else { vec![Code::TrustPolicy] };
        assert_eq!(outcome.codes(), expected, "{trust}");
        let hangs = trust == owner && decision == Decision::Unknown;
        assert_eq!(judged.depends_on, if hangs { vec!["aws:SourceAccount"] } else { vec![] }, "{trust}");
    }
}

/// The policy of an endpoint is a gate for the calls to Systems Manager, and for no others.
#[test]
fn an_endpoint_policy_limits_what_the_role_is_allowed() {
    let sandbox = Sandbox::new();
    let allow = |action: Value, principal: Value| {
        json!({"Statement": {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}}).to_string()
    };
    sandbox.file(
        "role.json",
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#,
    );
    sandbox.file("all.json", allow(json!("*"), json!("*")));
    sandbox.file("own.json", allow(json!("*"), json!({"AWS": "111122223333"})));
    sandbox.file("other.json", allow(json!("*"), json!({"AWS": "arn:aws:iam::111122223333:role/web"})));
    sandbox.file("ssm.json", allow(json!("ssm:*"), json!("*")));
    sandbox.file("agent.json", allow(json!(["ssm:*", "ssmmessages:*"]), json!("*")));
    sandbox.file(
        "deny.json",
        json!({"Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"},
            {"Sid": "NoShell", "Effect": "Deny", "Principal": "*", "Action": "ssmmessages:OpenDataChannel", "Resource": "*"},
        ]})
        .to_string(),
    );
    sandbox.file("broken.json", "[]");
    let check = |file: &str| {
        let typed = [
            "check",
            "--policy",
            "role.json",
            "--account",
            "111122223333",
            "--region",
            "us-east-1",
            "--endpoint-policy",
        ];
        sandbox.run(&[&typed[..], &[file, "--require", "kms:ListKeys", "-o", "json"]].concat()).report().only().clone()
    };
    for (file, verdict) in [
        ("all.json", Verdict::Ready),
        ("own.json", Verdict::Ready),
        // Whose documents they are is not known.
        ("other.json", Verdict::Unknown),
        ("ssm.json", Verdict::NotReady),
        // A policy for endpoints of Systems Manager says nothing of KMS.
        ("agent.json", Verdict::Ready),
        ("deny.json", Verdict::NotReady),
        ("broken.json", Verdict::Unknown),
    ] {
        let outcome = check(file);
        assert_eq!(outcome.verdict, verdict, "{file}: {:?}", outcome.findings);
        if verdict == Verdict::NotReady {
            let finding = outcome.finding(Code::EndpointPolicy);
            assert!(finding.message.contains(file), "{finding:?}");
        }
    }
    let denied = check("deny.json");
    assert!(denied.finding(Code::EndpointPolicy).message.contains("NoShell"), "{denied:?}");
    let alone = sandbox.run(&["check", "i-0123456789abcdef0", "--endpoint-policy", "all.json"]).expect(2);
    assert!(alone.stderr.contains("`--endpoint-policy`"), "{alone:?}");
}
