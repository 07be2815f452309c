//! What an undo takes back: every change that a fix plans, and no other.

use proptest::prelude::*;

use super::account::{now, plan};
use super::applier::make;
use super::generators::case;
use crate::facts::PolicyText;
use crate::fix::{Change, of_a_fix};

/// The changes as a backup file gives them back.
fn through_json(changes: &[Change]) -> Vec<Change> {
    serde_json::from_str(&serde_json::to_string(changes).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_is_of_a_fix(case in case(4)) {
        let planned = plan(&case.facts, &case.requirements, &case.options, now()).changes;
        let mut facts = case.facts.clone();
        let made: Vec<Change> = planned.iter().map(|change| make(&mut facts, change)).collect();
        for changes in [&planned, &made, &through_json(&planned), &through_json(&made)] {
            prop_assert_eq!(of_a_fix(&changes.iter().collect::<Vec<_>>()), Ok(()));
        }
    }
}

const ROLE: &str = r#""arn:aws:iam::111122223333:role/web""#;
const OTHER_ROLE: &str = r#""arn:aws:iam::111122223333:role/other""#;
const PROFILE: &str = r#""arn:aws:iam::111122223333:instance-profile/web""#;
const ELSEWHERE: &str = r#""arn:aws:iam::999988887777:instance-profile/web""#;
const ABSENT: &str = r#""absent""#;
const THEIRS: &str =
    r#"{"Sid": "Theirs", "Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Null": {"a": "true"}}}"#;
const GRANT: &str = r#"{"Effect": "Allow", "Action": ["ssmmessages:OpenDataChannel"], "Resource": "*"}"#;
const EC2: &str = r#"{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": ["sts:AssumeRole"]}"#;

fn inline() -> String {
    format!(r#"{{"inline_policy": {{"role": {ROLE}, "name": "p"}}}}"#)
}

fn instance(id: &str, region: &str) -> String {
    format!(r#"{{"profile_of_instance": {{"instance": "{id}", "region": "{region}"}}}}"#)
}

fn on(id: &str) -> String {
    instance(id, "us-east-1")
}

fn has(profile: &str, id: &str) -> String {
    format!(r#"{{"has": {{"profile": {profile}, "id": {id}}}}}"#)
}

fn document(statements: &[&str]) -> String {
    written(&format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, statements.join(", ")))
}

fn written(text: &str) -> String {
    let text = PolicyText::new(text);
    format!(r#"{{"document": {}}}"#, serde_json::to_string(&text).unwrap())
}

fn created(statements: &[&str]) -> String {
    document(statements).replacen(r#"{"document": "#, r#"{"role": {"id": null, "trust": "#, 1) + "}"
}

/// A change: its thing, before, and after.
type Recorded<'a> = (&'a str, &'a str, &'a str);

/// Whether a fix can have made these changes.
fn is_of_a_fix(changes: &[Recorded<'_>]) -> bool {
    let change = |(thing, before, after): &Recorded<'_>| {
        let text = format!(r#"{{"thing": {thing}, "before": {before}, "after": {after}}}"#);
        serde_json::from_str::<Change>(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    let changes: Vec<Change> = changes.iter().map(change).collect();
    of_a_fix(&changes.iter().collect::<Vec<_>>()).is_ok()
}

#[test]
fn statements_that_a_fix_adds() {
    // Each with whether it is added to inline policies.
    let cases = [
        (GRANT, true),
        (r#"{"Resource": ["*"], "Action": "ssmmessages:OpenDataChannel", "Effect": "Allow"}"#, true),
        (r#"{"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "arn:aws:s3:::logs/*"}"#, true),
        (r#"{"Effect": "Deny", "Action": ["ssmmessages:OpenDataChannel"], "Resource": "*"}"#, false),
        (r#"{"Effect": "Allow", "NotAction": ["iam:PassRole"], "Resource": "*"}"#, false),
        (r#"{"Effect": "Allow", "Action": ["iam:PassRole"], "NotResource": "*"}"#, false),
        (r#"{"Effect": "Allow", "Action": ["ssmmessages:*"], "Resource": "*"}"#, false),
        (r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#, false),
        (r#"{"Effect": "Allow", "Action": [], "Resource": "*"}"#, false),
        (r#"{"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::a", "arn:aws:s3:::b"]}"#, false),
        (r#"{"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "bucket"}"#, false),
        (r#"{"Effect": "Allow", "Effect": "Deny", "Action": ["s3:PutObject"], "Resource": "*"}"#, false),
        (r#"{"Sid": "Mine", "Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "*"}"#, false),
        (r#"{"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "*", "Condition": {}}"#, false),
        (EC2, false),
        (THEIRS, false),
    ];
    for (statement, expected) in cases {
        let changes = [
            (ABSENT.to_owned(), document(&[statement])),
            (document(&[THEIRS]), document(&[THEIRS, statement])),
            (
                document(&[THEIRS]),
                document(&[THEIRS, r#"{"Effect": "Allow", "Action": "a:B", "Resource": "*"}"#, statement]),
            ),
            (document(&[]), document(&[statement])),
        ];
        for (before, after) in changes {
            assert_eq!(is_of_a_fix(&[(&inline(), &before, &after)]), expected, "{before} {after}");
        }
    }
}

#[test]
fn documents_that_a_fix_leaves_as_they_are() {
    let (theirs, grown) = (document(&[THEIRS]), document(&[THEIRS, GRANT]));
    let single = written(&format!(r#"{{"Version": "2012-10-17", "Statement": {THEIRS}}}"#));
    let older = written(&format!(r#"{{"Version": "2008-10-17", "Statement": [{THEIRS}]}}"#));
    let newer = written(&format!(r#"{{"Version": "2012-10-17", "Id": "x", "Statement": [{THEIRS}, {GRANT}]}}"#));
    for (before, after, expected) in [
        (&theirs, &grown, true),
        (&single, &grown, true),
        // Nothing is added, taken away, changed, put in front, or written twice.
        (&theirs, &theirs, false),
        (&grown, &theirs, false),
        (&document(&[GRANT]), &document(&[GRANT, GRANT]), false),
        (&document(&[GRANT]), &document(&[THEIRS, GRANT]), false),
        (&theirs, &document(&[GRANT, THEIRS]), false),
        (&theirs, &document(&[&THEIRS.replace("s3:*", "s3:Get*"), GRANT]), false),
        (&document(&[]), &grown, false),
        // Nor is anything but the statements.
        (&older, &grown, false),
        (&theirs, &newer, false),
        (&written("{broken"), &grown, false),
        (&theirs, &written("{broken"), false),
    ] {
        assert_eq!(is_of_a_fix(&[(&inline(), before, after)]), expected, "{before} {after}");
    }
    let new = written(&format!(r#"{{"Version": "2008-10-17", "Statement": [{GRANT}]}}"#));
    assert!(!is_of_a_fix(&[(&inline(), ABSENT, &new)]));
    assert!(!is_of_a_fix(&[(&inline(), &grown, ABSENT)]));
}

#[test]
fn a_partition_is_a_word() {
    for (partition, expected) in
        [("aws", true), ("aws-us-gov", true), (r#"aws\"}"#, false), ("aws/..", false), ("AWS", false)]
    {
        let thing = inline().replace("arn:aws:", &format!("arn:{partition}:"));
        assert_eq!(is_of_a_fix(&[(&thing, ABSENT, &document(&[GRANT]))]), expected, "{partition}");
    }
}

#[test]
fn trust_policies_that_a_fix_writes() {
    let trust = format!(r#"{{"trust_policy": {ROLE}}}"#);
    let role = format!(r#"{{"role": {ROLE}}}"#);
    let lambda = EC2.replace("ec2", "lambda");
    for (statement, expected) in [
        (EC2.to_owned(), true),
        (EC2.replace(r#"["sts:AssumeRole"]"#, r#""sts:AssumeRole""#), true),
        (lambda.clone(), false),
        (EC2.replace("ec2.amazonaws.com", "ec2.amazonaws.com.cn"), false),
        (EC2.replace("Allow", "Deny"), false),
        (EC2.replace("\"Principal\"", "\"NotPrincipal\""), false),
        (EC2.replace(r#"{"Service": "ec2.amazonaws.com"}"#, r#""*""#), false),
        (EC2.replace("sts:AssumeRole", "sts:*"), false),
        (EC2.replace("}", r#"}, "Condition": {}"#), false),
        (GRANT.to_owned(), false),
    ] {
        assert_eq!(is_of_a_fix(&[(&role, ABSENT, &created(&[&statement]))]), expected, "{statement}");
        let (before, after) = (document(&[&lambda]), document(&[&lambda, &statement]));
        assert_eq!(is_of_a_fix(&[(&trust, &before, &after)]), expected, "{statement}");
    }
    assert!(!is_of_a_fix(&[(&role, ABSENT, &created(&[EC2, EC2]))]));
    assert!(!is_of_a_fix(&[(&role, &created(&[EC2]), ABSENT)]));
    assert!(!is_of_a_fix(&[(&trust, &document(&[&lambda, EC2]), &document(&[&lambda]))]));
}

#[test]
fn profiles_that_a_fix_associates() {
    let id = "i-0123456789abcdef0";
    let (this, other, profile) = (on(id), on("i-0123456789abcdef1"), format!(r#"{{"instance_profile": {PROFILE}}}"#));
    let (old, new, unknown) = (has(PROFILE, r#""AIPAOLD""#), has(PROFILE, r#""AIPANEW""#), has(PROFILE, "null"));
    let gone = has(&PROFILE.replace("web", "gone"), r#""AIPAGONE""#);
    let (web, of_web) = (format!(r#"{{"holds": {ROLE}}}"#), format!(r#"{{"role_of_profile": {PROFILE}}}"#));
    let cases: [(&[Recorded<'_>], bool); 22] = [
        (&[(&this, ABSENT, &new)], true),
        (&[(&this, &old, &new)], true),
        (&[(&this, &old, &unknown)], true),
        (&[(&this, &gone, &unknown)], true),
        (&[(&this, &old, ABSENT), (&this, ABSENT, &new)], true),
        (&[(&this, ABSENT, &new), (&other, ABSENT, &new)], true),
        (&[(&this, &new, &new)], false),
        (&[(&this, &unknown, &new)], false),
        (&[(&this, &new, ABSENT), (&this, ABSENT, &new)], false),
        (&[(&this, &old, ABSENT)], false),
        (&[(&this, &old, ABSENT), (&other, ABSENT, &new)], false),
        (
            &[
                (&this, &old, ABSENT),
                (&profile, ABSENT, r#"{"instance_profile": {"id": null}}"#),
                (&this, ABSENT, &new),
            ],
            false,
        ),
        (&[(&this, ABSENT, &new), (&this, ABSENT, &new)], false),
        (&[(&this, ABSENT, &new), (&this, &old, ABSENT), (&this, ABSENT, &new)], false),
        (&[(&this, &has(ELSEWHERE, "null"), &new)], false),
        (&[(&this, ABSENT, &new), (&other, ABSENT, &has(ELSEWHERE, "null"))], false),
        (&[(&instance("web", "us-east-1"), ABSENT, &new)], false),
        (&[(&instance(id, "cn-north-1"), ABSENT, &new)], false),
        (&[(&instance(id, "evil.example/us-east-1"), ABSENT, &new)], false),
        (&[(&of_web, ABSENT, &web)], true),
        (&[(&of_web, &web, ABSENT)], false),
        (&[(&profile, r#"{"instance_profile": {"id": null}}"#, ABSENT)], false),
    ];
    for (changes, expected) in cases {
        assert_eq!(is_of_a_fix(changes), expected, "{changes:?}");
    }
}

#[test]
fn policies_that_a_fix_attaches() {
    for (policy, expected) in [
        ("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore", true),
        ("arn:aws:iam::aws:policy/team/AmazonSSMManagedInstanceCore", false),
        ("arn:aws:iam::aws:policy/AdministratorAccess", false),
        ("arn:aws:iam::111122223333:policy/AmazonSSMManagedInstanceCore", false),
        ("arn:aws-cn:iam::aws:policy/AmazonSSMManagedInstanceCore", false),
    ] {
        let thing = |role| format!(r#"{{"attached_policy": {{"role": {role}, "policy": "{policy}"}}}}"#);
        let (one, other) = (thing(ROLE), thing(OTHER_ROLE));
        let attached = r#""attached""#;
        assert_eq!(is_of_a_fix(&[(&one, ABSENT, attached), (&other, ABSENT, attached)]), expected, "{policy}");
        assert!(!is_of_a_fix(&[(&one, attached, ABSENT)]));
        assert!(!is_of_a_fix(&[(&one, ABSENT, attached), (&one, ABSENT, attached)]));
    }
}
