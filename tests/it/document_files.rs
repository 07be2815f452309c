//! The files that hold bare documents: odd, huge, broken and missing ones.

use std::fs;

use serde_json::{Value, json};

use crate::documents::{PLACE, judge};
use crate::support::command::Sandbox;
use crate::support::model::{CORE, EC2_TRUST, SSM_CORE, TWICE};
use crate::support::report::{Code, Decision, PolicyKind, Verdict};

const POLICY: [&str; 2] = ["--policy", "policy.json"];

fn verdict(content: impl Into<String>) -> Verdict {
    judge(&[("policy.json", content.into())], &POLICY).verdict
}

/// Encodes every byte, as the strictest encoder would.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn documents_are_read_as_leniently_as_iam_runs_them() {
    for (what, content) in [
        ("URL-encoded", encoded(SSM_CORE)),
        ("with a byte order mark", format!("\u{feff}{SSM_CORE}")),
        ("with white space around", format!("\r\n\t {SSM_CORE}\r\n")),
        ("a single statement", json!({"Statement": {"Effect": "Allow", "Action": CORE, "Resource": "*"}}).to_string()),
        (
            "an old version, in which variables are text",
            json!({"Version": "2008-10-17", "Id": "x", "Statement": [{"Sid": "", "Effect": "Allow", "Action": ["ssm:*", "ssmmessages:*"],
                "Resource": ["arn:aws:s3:::${aws:username}", "*"], "Condition": {}}]})
            .to_string(),
        ),
    ] {
        assert_eq!(verdict(content), Verdict::Ready, "{what}");
    }
}

/// What is in force with them is documented, and what is to be stored with them IAM refuses.
#[test]
fn documents_with_duplicate_keys_leave_the_verdict_open() {
    for twice in TWICE {
        let actions = json!(CORE);
        let text = format!(r#"{{"Statement": {{{twice}, "Effect": "Allow", "Action": {actions}, "Resource": "*"}}}}"#);
        let outcome = judge(&[("policy.json", text)], &POLICY);
        assert!(outcome.verdict == Verdict::Unknown && outcome.codes().contains(&Code::InvalidPolicy), "{outcome:?}");
    }
}

#[test]
fn what_is_no_policy_leaves_the_verdict_open_and_is_named() {
    let bombs = ["[".repeat(100_000), r#"{"Statement":"#.repeat(100_000)];
    let texts =
        ["", " \n", "{}", "[]", "null", "7", "\"text\"", "{\"Version\": \"2012-10-17\"}", "<html>", "{\"Statement\":"];
    let wrapped = [
        json!({"Statement": [1]}),
        json!([{"Statement": []}]),
        json!({"PolicyDocument": {}}),
        json!({"Policy": {"PolicyName": "x"}}),
    ];
    let all = texts.iter().map(ToString::to_string).chain(wrapped.iter().map(Value::to_string)).chain(bombs);
    for content in all {
        let start: String = content.chars().take(40).collect();
        let outcome = judge(&[("some/half-written.json", content)], &["--policy", "some/half-written.json"]);
        assert_eq!((outcome.verdict, outcome.codes()), (Verdict::Unknown, vec![Code::InvalidPolicy]), "{start}");
        assert!(outcome.finding(Code::InvalidPolicy).message.contains("some/half-written.json"), "{start}");
        assert!(outcome.permissions.iter().all(|permission| permission.decision == Decision::Unknown), "{start}");
    }
}

#[test]
fn one_broken_document_among_good_ones_leaves_the_verdict_open() {
    let files = |broken: &str| {
        ["policy.json", "other.json", "trust.json", "boundary.json", "scp.json"].map(|name| {
            let good = if name == "trust.json" {
                EC2_TRUST
            } else {
                r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#
            };
            (name, if name == broken { "{".to_string() } else { good.to_string() })
        })
    };
    let arguments = [
        &POLICY[..],
        &["--policy", "other.json", "--trust", "trust.json", "--boundary", "boundary.json", "--scp", "scp.json"],
    ]
    .concat();
    assert_eq!(judge(&files("none"), &arguments).verdict, Verdict::Ready);
    for broken in ["policy.json", "other.json", "trust.json", "boundary.json", "scp.json"] {
        let outcome = judge(&files(broken), &arguments);
        assert_eq!((outcome.verdict, outcome.codes()), (Verdict::Unknown, vec![Code::InvalidPolicy]), "{broken}");
        assert!(outcome.finding(Code::InvalidPolicy).message.contains(broken));
    }
    // What is certain in spite of it stays certain.
    let mut denied = files("other.json");
    denied[0].1 = r#"{"Statement": {"Effect": "Deny", "Action": "ssm:*", "Resource": "*"}}"#.to_string();
    let outcome = judge(&denied, &arguments);
    assert_eq!(outcome.verdict, Verdict::NotReady);
    assert!(outcome.codes().contains(&Code::ExplicitDeny) && outcome.codes().contains(&Code::InvalidPolicy));
}

#[test]
fn a_nested_value_in_a_statement_is_no_crash() {
    let nested = format!("{}1{}", "[".repeat(60_000), "]".repeat(60_000));
    let content =
        format!(r#"{{"Statement": [{{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {nested}}}]}}"#);
    assert_eq!(verdict(content), Verdict::Unknown);
}

#[test]
fn huge_documents_and_patterns_are_judged() {
    let noise = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/some/object/key"});
    let mut statements = vec![noise; 12_000];
    statements.push(json!({"Effect": "Allow", "Action": CORE, "Resource": "*"}));
    let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    assert!(document.len() > 1_000_000);
    let outcome = judge(&[("policy.json", document)], &POLICY);
    assert_eq!(outcome.verdict, Verdict::Ready);
    assert_eq!(outcome.permission(CORE[0]).decided_by[0].statement, Some(12_000));

    let document = |action: String, resource: String| {
        json!({"Statement": {"Effect": "Allow", "Action": action, "Resource": resource}}).to_string()
    };
    let stars = "*".repeat(10_000);
    assert_eq!(verdict(document(format!("ssm{stars}:{stars}"), "*".into())), Verdict::Unknown);
    let of_one_region = document("*".into(), format!("arn:aws:ec2:eu-west-1:{stars}"));
    let outcome = judge(&[("policy.json", of_one_region)], &[&POLICY[..], &PLACE].concat());
    assert_eq!(outcome.verdict, Verdict::NotReady);
    assert_eq!(verdict(document(format!("ssm:{}x", "*a".repeat(10_000)), "*".into())), Verdict::NotReady);
}

#[test]
fn a_document_may_come_from_standard_input() {
    let sandbox = Sandbox::new();
    sandbox.file("trust.json", EC2_TRUST);
    let arguments = ["check", "-o", "json", "--policy", "-", "--trust", "trust.json"];
    let report = sandbox.run_with_input(&arguments, SSM_CORE).expect(0).report();
    let by = &report.only().permission(CORE[0]).decided_by[0];
    assert_eq!((by.policy.as_str(), by.kind), ("-", PolicyKind::Document));
    let report = sandbox.run_with_input(&arguments, "").expect(3).report();
    assert_eq!(report.only().codes(), [Code::InvalidPolicy]);

    sandbox.file("policy.json", SSM_CORE);
    for flag in ["--trust", "--boundary", "--scp"] {
        let arguments = ["check", "-o", "json", "--policy", "policy.json", flag, "-"];
        let input = if flag == "--trust" { EC2_TRUST } else { SSM_CORE };
        sandbox.run_with_input(&arguments, input).expect(0);
        let twice = sandbox.run_with_input(&["check", "--policy", "-", flag, "-"], SSM_CORE).expect(2);
        assert!(twice.stderr.contains("standard input") && twice.stdout.is_empty(), "{twice:?}");
    }
}

#[test]
fn every_file_that_cannot_be_read_is_named_at_once() {
    let sandbox = Sandbox::new();
    sandbox.file("directory/policy.json", SSM_CORE);
    fs::write(sandbox.path().join("latin-1.json"), b"{\"Id\": \"caf\xe9\"}").unwrap();
    let flags = [
        ("--policy", "missing-1.json"),
        ("--policy", "directory"),
        ("--policy", "latin-1.json"),
        ("--trust", "missing-2.json"),
        ("--boundary", "missing-3.json"),
        ("--scp", "missing-4.json"),
    ];
    let arguments: Vec<&str> = flags.iter().flat_map(|(flag, file)| [*flag, *file]).collect();
    let output = sandbox.run(&[&["check"], &arguments[..]].concat()).expect(2);
    assert_eq!(output.stdout, "");
    for (_, file) in flags {
        assert!(output.stderr.contains(&format!("`{file}`")), "{file}: {}", output.stderr);
    }
}

#[test]
fn every_mistake_is_reported_at_once() {
    let sandbox = Sandbox::new();
    sandbox.file("policy.json", SSM_CORE);
    let mistakes = [
        ("--account", "1111"),
        ("--instance-id", "i-xyz"),
        ("--region", "us-east-1a"),
        ("--context", "aws:SourceVpce"),
        ("--require", "GetObject"),
        ("--kms-key", "no key"),
        ("--s3-logs", "s3://bucket/logs"),
        ("--cloudwatch-logs", "no group"),
    ];
    let arguments: Vec<&str> = mistakes.iter().flat_map(|(flag, value)| [*flag, *value]).collect();
    let output = sandbox.run(&[&["check", "--policy", "policy.json"], &arguments[..]].concat()).expect(2);
    assert_eq!(output.stdout, "");
    assert_eq!(output.stderr.matches("error:").count(), mistakes.len(), "{}", output.stderr);
    for (flag, value) in mistakes {
        assert!(output.stderr.contains(&format!("`{value}`")), "{flag}: {}", output.stderr);
    }
}

/// Words of parsers that mean nothing to whoever wrote the file.
const JARGON: [&str; 8] =
    [" expected", "EOF", "at line", " ident ", "invalid type", "missing field", "unknown field", "trailing"];

#[test]
fn what_is_wrong_with_a_file_is_said_in_words_and_with_its_place() {
    let sandbox = Sandbox::new();
    sandbox.file("good.json", SSM_CORE);
    for (content, place) in [
        ("{\n  \"Statement\": [],\n}", "line 3, column 1"),
        ("hello", "line 1, column 1"),
        ("{'Statement': []}", "line 1, column 2"),
        ("{\"Statement\": [", "line 1, column 15"),
        ("{\"Version\": 2012-10-17}", "line 1, column 17"),
    ] {
        sandbox.file("broken.json", content);
        for (arguments, code) in [
            (&["check", "-v", "--policy", "broken.json"][..], 3),
            (&["check", "-v", "--policy", "good.json", "--trust", "broken.json"], 3),
            (&["check", "-v", "--policy", "good.json", "--boundary", "broken.json"], 3),
            (&["check", "-v", "--policy", "good.json", "--scp", "broken.json"], 3),
            (&["check", "--snapshot", "broken.json"], 2),
            (&["fix", "--snapshot", "broken.json", "--dry-run"], 2),
            (&["undo", "broken.json"], 2),
        ] {
            let output = sandbox.run(arguments).expect(code);
            let said = format!("{}{}", output.stdout, output.stderr);
            assert!(said.contains("`broken.json`") && said.contains(place), "{arguments:?}: {said}");
            assert!(!JARGON.iter().any(|word| said.contains(word)), "{arguments:?}: {said}");
        }
    }
    for content in ["{}", "[]", "{\"snapshot_version\": 2, \"facts\": {}}", "{\"backup_version\": \"x\"}"] {
        sandbox.file("broken.json", content);
        for arguments in [&["check", "--snapshot", "broken.json"][..], &["undo", "broken.json"]] {
            let output = sandbox.run(arguments).expect(2);
            assert!(!JARGON.iter().any(|word| output.stderr.contains(word)), "{arguments:?}: {output:?}");
        }
    }
}

/// As `iam get-policy-version`, `get-role-policy` and `get-role`, and `organizations describe-policy` print them.
#[test]
fn documents_are_taken_out_of_answers_of_the_aws_cli() {
    let core: Value = serde_json::from_str(SSM_CORE).unwrap();
    let trust: Value = serde_json::from_str(EC2_TRUST).unwrap();
    let everything = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    let forms =
        |document: &Value| [document.clone(), json!(document.to_string()), json!(encoded(&document.to_string()))];
    for core in forms(&core) {
        for answer in [
            json!({"PolicyVersion": {"Document": core, "VersionId": "v1", "IsDefaultVersion": true}}),
            json!({"RoleName": "web", "PolicyName": "core", "PolicyDocument": core}),
            core.clone(),
        ] {
            assert_eq!(verdict(answer.to_string()), Verdict::Ready, "{answer}");
        }
    }
    let files = |trust: &Value, content: &Value| {
        let role = json!({"Role": {"RoleName": "web", "AssumeRolePolicyDocument": trust}});
        let scp = json!({"Policy": {"PolicySummary": {"Name": "root"}, "Content": content}});
        let several = json!([scp, {"Policy": {"Content": content}}]);
        [
            ("policy.json", SSM_CORE.to_string()),
            ("trust.json", role.to_string()),
            ("scp.json", scp.to_string()),
            ("level.json", several.to_string()),
        ]
    };
    let arguments = [&POLICY[..], &["--trust", "trust.json", "--scp", "scp.json", "--scp", "level.json"]].concat();
    for (trust, content) in forms(&trust).iter().zip(&forms(&everything)) {
        let outcome = judge(&files(trust, content), &arguments);
        assert_eq!((outcome.verdict, outcome.codes()), (Verdict::Ready, vec![]));
    }
    // A key that stands twice stays twice. The statement is in doubt, and no other one allows anything.
    let twice = r#"{"PolicyVersion": {"Document": {"Statement": [{"Effect": "Allow", "Effect": "Deny", "Action": "*", "Resource": "*"}]}}}"#;
    let outcome = judge(&[("policy.json", twice.to_string())], &POLICY);
    assert!(outcome.verdict == Verdict::NotReady && outcome.codes().contains(&Code::InvalidPolicy), "{outcome:?}");
    // The answer's own ARNs say nothing of the partition that the document is for.
    let china = json!({"Role": {"Arn": "arn:aws:iam::111122223333:role/web", "AssumeRolePolicyDocument": encoded(&EC2_TRUST.replace(".com", ".com.cn"))}});
    let files = [("policy.json", SSM_CORE.to_string()), ("trust.json", china.to_string())];
    assert_ne!(judge(&files, &["--policy", "policy.json", "--trust", "trust.json"]).verdict, Verdict::NotReady);
}

#[test]
fn a_document_in_the_place_of_another_kind_is_told_where_it_belongs() {
    let everything = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let with_principal = |effect: &str, action: &str, principal: Value, resource: &str| {
        json!({"Statement": {"Effect": effect, "Principal": principal, "Action": action, "Resource": resource}})
            .to_string()
    };
    let root = || json!({"AWS": "arn:aws:iam::111122223333:root"});
    let kinds = [
        (EC2_TRUST.to_string(), "a trust policy", "`--trust`"),
        (with_principal("Deny", "s3:*", json!("*"), "*"), "a resource control policy", "`--rcp`"),
        (with_principal("Allow", "ssm:*", json!("*"), "*"), "the policy of a VPC endpoint", "`--endpoint-policy`"),
        (with_principal("Allow", "s3:*", root(), "arn:aws:s3:::b/*"), "the policy of an S3 bucket", "leave it out"),
        (with_principal("Allow", "kms:*", root(), "*"), "the policy of a KMS key", "leave it out"),
    ];
    let mut cases: Vec<(&str, String, &str, &str)> = Vec::new();
    for (document, looks, flag) in &kinds {
        cases.extend(["--policy", "--boundary", "--scp"].map(|given| (given, document.clone(), *looks, *flag)));
        if *looks != "a trust policy" {
            cases.push(("--trust", document.clone(), looks, flag));
        }
    }
    cases.push(("--trust", everything.to_string(), "an identity policy", "`--policy` or `--scp`"));
    for (flag, document, looks, remedy) in cases {
        let files = [("all.json", everything.to_string()), ("other.json", document.clone())];
        let outcome = judge(&files, &["--policy", "all.json", flag, "other.json"]);
        let finding = outcome.finding(Code::InvalidPolicy);
        assert!(
            finding.message.contains("`other.json`") && finding.message.contains(looks),
            "{flag} {document} {finding:?}"
        );
        assert!(finding.remedy.contains(remedy), "{flag} {document} {finding:?}");
        // IAM stores no such document, so nothing is certain with it.
        assert_eq!(outcome.verdict, Verdict::Unknown, "{flag} {document}");
    }
}

#[test]
fn a_level_that_only_denies_is_told_that_it_lacks_an_allow() {
    let deny = json!({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}});
    let full = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    let narrow = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}});
    for (level, verdict, says) in [
        (deny.clone(), Verdict::NotReady, true),
        (json!([deny, deny]), Verdict::NotReady, true),
        (json!([full, deny]), Verdict::Ready, false),
        (narrow, Verdict::NotReady, false),
    ] {
        let files = [("policy.json", SSM_CORE.to_string()), ("scp.json", level.to_string())];
        let outcome = judge(&files, &[&POLICY[..], &["--scp", "scp.json"]].concat());
        assert_eq!(outcome.verdict, verdict, "{level}");
        if verdict == Verdict::NotReady {
            let finding = outcome.finding(Code::BlockedByScp);
            assert_eq!(finding.message.contains("`FullAWSAccess`"), says, "{finding:?}");
            assert_eq!(finding.remedy.contains("JSON array"), says, "{finding:?}");
        }
    }
}
