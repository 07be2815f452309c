//! What once went wrong, each named after what it guards.

use std::process::Command;

use serde_json::{Value, json};

use crate::documents::{PLACE, allow, core, judge, judge_policy, policy, statement, with};
use crate::support::command::Sandbox;
use crate::support::model::EC2_TRUST;
use crate::support::report::{Code, Decision, Verdict};

fn example() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/account.json").to_owned()
}

/// Regions, accounts and ids that are not known hold no colon, and an account has twelve digits.
#[test]
fn a_pattern_for_another_kind_of_resource_settles_without_an_instance_in_view() {
    let full = allow("*");
    for (extra, arguments, expected) in [
        (statement("Deny", "*", "arn:aws:ec2:*:*:volume/*"), &[][..], Verdict::Ready),
        (statement("Deny", "*", "arn:aws:ec2:*:*:instance/mi-*"), &[], Verdict::Ready),
        (statement("Deny", "*", "arn:aws:ec2:us-east-1:999999999999:instance/*"), &PLACE[..2], Verdict::Ready),
        (statement("Deny", "*", "arn:aws:ec2:us-east-1:111122223333:instance/i-*"), &PLACE[..4], Verdict::NotReady),
        (statement("Deny", "*", "arn:aws:ec2:*:????????????:instance/*"), &[], Verdict::NotReady),
        (statement("Deny", "*", "arn:aws:ec2:*:*:instance/i-0*"), &[], Verdict::Unknown),
    ] {
        let document = policy(vec![full.clone(), extra.clone()]);
        assert_eq!(judge_policy(&document, arguments).verdict, expected, "{extra} {arguments:?}");
    }
}

/// The guardrail that denies the root user everything says nothing about a role, whatever its name.
#[test]
fn a_deny_for_the_root_user_is_none_for_a_role() {
    let key = "aws:PrincipalArn";
    for (operator, value, expected) in [
        ("StringLike", "arn:aws:iam::*:root", Verdict::Ready),
        ("ArnLike", "arn:aws:iam::*:user/*", Verdict::Ready),
        ("StringLike", "arn:aws:sts::*:assumed-role/*", Verdict::Ready),
        ("ArnLike", "arn:aws:iam::*:role/*", Verdict::NotReady),
        ("ArnLike", "arn:aws:iam::*:role/admin", Verdict::Unknown),
    ] {
        let deny = with(statement("Deny", "*", "*"), "Condition", json!({operator: {key: value}}));
        let files = [("policy.json", core().to_string()), ("scp.json", policy(vec![allow("*"), deny]).to_string())];
        let outcome = judge(&files, &["--policy", "policy.json", "--scp", "scp.json"]);
        assert_eq!(outcome.verdict, expected, "{operator} {value}");
    }
}

/// EC2's call to assume the role does not come from the instance's network, nor from the role itself.
#[test]
fn what_is_said_of_the_agents_requests_does_not_settle_a_trust_policy() {
    for (key, value) in [("aws:SourceVpc", "vpc-1"), ("aws:PrincipalArn", "arn:aws:iam::111122223333:role/web")] {
        let mut trust: Value = serde_json::from_str(EC2_TRUST).unwrap();
        trust["Statement"][0]["Condition"] = json!({"StringEquals": {key: value}});
        let files = [("policy.json", core().to_string()), ("trust.json", trust.to_string())];
        let given = format!("{key}={value}");
        let outcome = judge(&files, &["--policy", "policy.json", "--trust", "trust.json", "--context", &given]);
        assert_eq!(outcome.verdict, Verdict::Unknown, "{given}");
        assert_eq!(outcome.trust.unwrap().depends_on, [key]);
    }
}

#[test]
fn documents_that_name_several_partitions_are_denied_by_none_of_them() {
    let instances = |partition: &str| format!("arn:{partition}:ec2:*:*:instance/*");
    let both = policy(vec![
        allow("ssmmessages:*"),
        statement("Allow", "ssm:*", vec![instances("aws"), instances("aws-cn")]),
        statement("Deny", "ssm:*", instances("aws-us-gov")),
    ]);
    let update =
        |arguments: &[&str]| judge_policy(&both, arguments).permission("ssm:UpdateInstanceInformation").decision;
    assert_eq!(update(&[]), Decision::Unknown);
    assert_eq!(update(&["--region", "us-gov-west-1"]), Decision::ExplicitDeny);
    assert_eq!(update(&["--region", "cn-north-1"]), Decision::Allowed);
}

/// What the user names in a flag tells the partition; what a document denies does not.
#[test]
fn documents_without_a_region_are_for_the_partition_that_the_user_named() {
    let instances = |partition: &str| format!("arn:{partition}:ec2:*:*:instance/*");
    let commercial = policy(vec![allow("ssmmessages:*"), statement("Allow", "ssm:*", instances("aws"))]);
    for (flag, value, expected) in [
        ("--context", "aws:SourceVpc=vpc-1", Decision::Allowed),
        ("--context", "aws:RequestedRegion=cn-north-1", Decision::ImplicitDeny),
        ("--context", "aws:PrincipalArn=arn:aws-cn:iam::111122223333:role/x", Decision::ImplicitDeny),
        ("--require", "s3:GetObject=arn:aws-cn:s3:::b/k", Decision::ImplicitDeny),
    ] {
        let outcome = judge_policy(&commercial, &[flag, value]);
        assert_eq!(outcome.permission("ssm:UpdateInstanceInformation").decision, expected, "{flag} {value}");
    }
    let deny = policy(vec![allow("*"), statement("Deny", "ssm:*", instances("aws-cn"))]);
    for (flag, rest) in [("--policy", None), ("--boundary", Some(core())), ("--scp", Some(core()))] {
        let files = [("deny.json", deny.to_string()), ("core.json", rest.unwrap_or_else(|| deny.clone()).to_string())];
        let outcome = judge(&files, &["--policy", "core.json", flag, "deny.json"]);
        assert_eq!(outcome.verdict, Verdict::Unknown, "{flag}");
    }
}

#[test]
fn a_name_that_two_accounts_of_a_snapshot_share_is_not_guessed() {
    let mut snapshot: Value = serde_json::from_str(&std::fs::read_to_string(example()).unwrap()).unwrap();
    let role = snapshot["facts"]["roles"]["111122223333/web"].clone();
    snapshot["facts"]["roles"]["222233334444/web"] = role;
    let sandbox = Sandbox::new();
    sandbox.file("two.json", &snapshot);
    let refused = sandbox.run(&["check", "--snapshot", "two.json", "role/web"]).expect(2);
    assert!(refused.stderr.contains("222233334444") && refused.stdout.is_empty(), "{refused:?}");
    sandbox.run(&["check", "--snapshot", "two.json", "arn:aws:iam::111122223333:role/apps/web"]).expect(0);
}

#[test]
fn role_tags_that_no_policy_looks_at_may_be_unread() {
    let mut snapshot: Value = serde_json::from_str(&std::fs::read_to_string(example()).unwrap()).unwrap();
    let unreadable = json!({"unreadable": {"api": "iam:ListRoleTags", "kind": "denied", "message": "no"}});
    snapshot["facts"]["roles"]["111122223333/web"]["known"]["tags"] = unreadable;
    let sandbox = Sandbox::new();
    sandbox.file("tags.json", &snapshot);
    let report = sandbox.run(&["check", "--snapshot", "tags.json", "role/web", "-o", "json"]).expect(0).report();
    report.only().finding(Code::AccessDenied);
}

#[test]
fn an_alias_that_cannot_be_looked_up_is_no_failure_of_aws() {
    let outcome = judge_policy(&policy(allow("*")), &["--kms-key", "alias/sessions"]);
    assert_eq!((outcome.verdict, outcome.codes()), (Verdict::Unknown, vec![Code::KmsKeyPolicy]));
    assert!(outcome.findings[0].remedy.contains("ARN"));
}

/// Keys that every request carries can be named, never left out.
#[test]
fn no_remedy_says_that_a_key_is_absent_that_is_always_there() {
    for (key, value, flag) in [
        ("aws:RequestedRegion", "us-east-1", "--region"),
        ("aws:PrincipalAccount", "111122223333", "--account"),
        ("aws:SourceVpc", "vpc-1", "=`"),
    ] {
        let allow = with(allow("*"), "Condition", json!({"StringEquals": {key: value}}));
        let outcome = judge_policy(&policy(allow), &[]);
        let remedy = &outcome.finding(Code::ConditionalPermission).remedy;
        assert!(remedy.contains(flag), "{remedy}");
        assert_eq!(remedy.contains("do not carry"), key == "aws:SourceVpc", "{remedy}");
    }
}

#[test]
fn an_arn_of_another_path_is_not_the_one_of_that_name() {
    for target in ["role/wrong/web", "role/web", "instance-profile/x/web"] {
        let arn = format!("arn:aws:iam::111122223333:{target}");
        let output = Sandbox::new().run(&["check", "--snapshot", &example(), &arn, "-o", "json"]).expect(3);
        let outcome = output.report().only().clone();
        assert_eq!((outcome.verdict, &outcome.role), (Verdict::Unknown, &None), "{target}");
        outcome.finding(Code::InstanceNotFound);
    }
}

#[test]
fn a_selection_tells_what_is_not_checked_once_and_what_is_fine_in_a_line() {
    let ids = (1..=9).map(|number| format!("i-0a1b2c3d40000000{number}"));
    let ids: Vec<String> = ids.collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let output = Sandbox::new().run(&[&["check", "--snapshot", &example()], &ids[..]].concat()).expect(1);
    assert_eq!(output.stdout.matches("not checked").count(), 1);
    assert_eq!(output.stdout.matches("s3:GetEncryptionConfiguration").count(), 0);
    let fine: Vec<_> = output.stdout.split("\n\n").filter(|block| block.starts_with("ready")).collect();
    assert!(fine.iter().any(|block| block.lines().count() == 1), "{fine:?}");
}

/// A key is of its alias's account and Region, whatever the instance's are; one of another Region never works.
#[test]
fn an_alias_of_another_account_is_not_judged_as_a_key_of_this_one() {
    let key = "arn:aws:kms:eu-west-1:999988887777:key/*";
    let document = policy(vec![core()["Statement"].clone(), statement("Allow", "kms:Decrypt", key)]);
    let alias = ["--kms-key", "arn:aws:kms:eu-west-1:999988887777:alias/x"];
    let outcome = judge_policy(&document, &[&PLACE[..], &alias].concat());
    assert_eq!((outcome.verdict, outcome.permission("kms:Decrypt").resource.as_str()), (Verdict::NotReady, key));
    assert_eq!(outcome.permission("kms:Decrypt").decision, Decision::Unknown);
    let there = ["--account", "111122223333", "--region", "eu-west-1"];
    let outcome = judge_policy(&document, &[&there[..], &alias].concat());
    assert_eq!((outcome.verdict, outcome.permission("kms:Decrypt").resource.as_str()), (Verdict::Unknown, key));
}

#[test]
fn an_open_partition_in_a_flag_names_none() {
    let outcome = judge_policy(&policy(allow("*")), &["--require", "s3:GetObject=arn:*:s3:::b/*"]);
    assert_eq!(outcome.verdict, Verdict::Ready);
}

#[test]
fn an_inline_policy_that_was_listed_and_is_not_there_is_not_taken_for_none() {
    let mut snapshot: Value = serde_json::from_str(&std::fs::read_to_string(example()).unwrap()).unwrap();
    snapshot["facts"]["roles"]["111122223333/locked"]["known"]["inline"]["known"][0]["document"] = json!("absent");
    let sandbox = Sandbox::new();
    sandbox.file("absent.json", &snapshot);
    sandbox.run(&["check", "--snapshot", "absent.json", "role/locked"]).expect(3);
}

#[test]
fn arguments_that_are_no_text_are_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let typed = std::ffi::OsStr::from_bytes(b"\xff");
    let output = Command::new(env!("CARGO_BIN_EXE_ssm-profile")).arg(typed).env_clear().output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn several_regions_are_refused_for_named_targets_of_a_snapshot_too() {
    let target = "i-0a1b2c3d400000001";
    let regions = ["--region", "eu-west-1", "--region", "us-east-1"];
    let refused = Sandbox::new().run(&[&["check", "--snapshot", &example(), target][..], &regions].concat()).expect(2);
    assert!(refused.stderr.contains("--region"), "{refused:?}");
}
