//! Resource control policies: what they cover, whose they are, and that all they can do is deny.
//!
//! Sources: [Resource control policies](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html) and
//! [RCP syntax](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html).

use super::Decision::{Allowed, ExplicitDeny, Unknown};
use super::*;

const FULL: &str = r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}"#;
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k";

/// A level with a policy of these statements.
fn level(statements: &[&str]) -> PolicySet {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, statements.join(", "));
    let document =
        Document::parse(&text, DocumentKind::ResourceControl).unwrap_or_else(|error| panic!("{error}: {text}"));
    let policy = Policy { name: "rcp".to_owned(), kind: PolicyKind::Rcp, document: Ok(Arc::new(document)) };
    PolicySet { kind: PolicySetKind::Rcp, name: "root".to_owned(), policies: vec![policy], unread: Vec::new() }
}

fn deny(action: &str, condition: &str) -> String {
    let condition = if condition.is_empty() { String::new() } else { format!(r#", "Condition": {condition}"#) };
    format!(r#"{{"Effect": "Deny", "Principal": "*", "Action": "{action}", "Resource": "*"{condition}}}"#)
}

/// What a role that may do everything may do below this level.
fn below(gate: &PolicySet, action: &str, resource: &str, entries: &[(&str, Value)]) -> Decision {
    let gates = [identity(r#"{"Statement": {ALLOW}}"#), gate.clone()];
    evaluate(&gates, &Request { action: action.to_owned(), resource: arn(resource), context: context(entries) })
        .decision
}

#[test]
fn they_deny_actions_of_the_services_that_they_cover() {
    for (action, covered) in [
        ("kms:Decrypt", true),
        ("KMS:decrypt", true),
        ("kms:RetireGrant", false),
        ("s3:PutObject", true),
        ("s3:GetEncryptionConfiguration", true),
        ("logs:CreateLogStream", true),
        ("sqs:SendMessage", true),
        ("secretsmanager:GetSecretValue", true),
        ("sts:AssumeRole", true),
        ("dynamodb:GetItem", true),
        ("ssm:UpdateInstanceInformation", false),
        ("ssmmessages:OpenDataChannel", false),
        ("ec2messages:GetMessages", false),
        ("sns:Publish", false),
        ("s3express:CreateSession", false),
    ] {
        assert_eq!(super::super::rcp::covers(action), covered, "{action}");
        let expected = if covered { ExplicitDeny } else { Allowed };
        assert_eq!(below(&level(&[FULL, &deny("*", "")]), action, "*", &[]), expected, "{action}");
    }
}

#[test]
fn those_of_the_account_that_owns_the_resource_count() {
    let denies = level(&[&deny("kms:*", ""), &deny("s3:*", "")]);
    let own = ("aws:PrincipalAccount", Value::known("111122223333"));
    let owned_by = |account: &str| ("aws:ResourceAccount", Value::known(account));
    let foreign = "arn:aws:kms:us-east-1:444455556666:key/k";
    for (action, resource, entries, expected) in [
        ("kms:Decrypt", KEY, vec![own.clone()], ExplicitDeny),
        ("kms:Decrypt", foreign, vec![own.clone()], Allowed),
        // Whose policies these are is not said, so they are those of the key's account.
        ("kms:Decrypt", foreign, vec![], ExplicitDeny),
        ("s3:PutObject", "arn:aws:s3:::logs/web", vec![own.clone()], ExplicitDeny),
        ("s3:PutObject", "arn:aws:s3:::logs/web", vec![own.clone(), owned_by("111122223333")], ExplicitDeny),
        ("s3:PutObject", "arn:aws:s3:::logs/web", vec![own.clone(), owned_by("444455556666")], Allowed),
        // The ARN says it for certain.
        ("kms:Decrypt", KEY, vec![own, owned_by("444455556666")], ExplicitDeny),
    ] {
        assert_eq!(below(&denies, action, resource, &entries), expected, "{resource} {entries:?}");
    }
}

/// `RCPFullAWSAccess` cannot be detached from a level.
#[test]
fn only_a_deny_closes_a_level() {
    let empty = PolicySet { policies: Vec::new(), ..level(&[]) };
    for gate in [empty, level(&[]), level(&[FULL]), level(&[&deny("s3:*", "")])] {
        assert_eq!(below(&gate, "kms:Decrypt", KEY, &[]), Allowed);
    }
    let unread = PolicySet { unread: vec!["not read".to_owned()], ..level(&[FULL]) };
    assert_eq!(below(&unread, "kms:Decrypt", KEY, &[]), Unknown);
    assert_eq!(below(&unread, "ssm:UpdateInstanceInformation", INSTANCE, &[]), Allowed);
}

/// Principals outside the organization, after the data perimeter that AWS publishes.
#[test]
fn conditions_decide_who_is_kept_out() {
    let outside = r#"{"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-own", "aws:ResourceTag/exclude": "true"},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}"#;
    let identities = level(&[FULL, &deny("kms:*", outside)]);
    let of = |id: Value| {
        let service = ("aws:PrincipalIsAWSService", Value::known("false"));
        below(&identities, "kms:Decrypt", KEY, &[("aws:PrincipalOrgID", id), service])
    };
    assert_eq!(of(Value::known("o-own")), Allowed);
    assert_eq!(of(Value::Unknowable), Unknown);
    let tags = [("aws:PrincipalOrgID", Value::known("o-other")), ("aws:ResourceTag/exclude", Value::Absent)];
    let service = |is: &str| [&tags[..], &[("aws:PrincipalIsAWSService", Value::known(is))]].concat();
    assert_eq!(below(&identities, "kms:Decrypt", KEY, &service("false")), ExplicitDeny);
    assert_eq!(below(&identities, "kms:Decrypt", KEY, &service("true")), Allowed);
}

#[test]
fn what_aws_takes_into_none_is_refused() {
    let refused = |statement: &str| {
        Document::parse(&format!(r#"{{"Statement": [{FULL}, {statement}]}}"#), DocumentKind::ResourceControl)
    };
    for (statement, said) in [
        (r#"{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}"#, "`Principal`"),
        (r#"{"Effect": "Deny", "NotPrincipal": "*", "Action": "s3:*", "Resource": "*"}"#, "`Principal`"),
        (
            r#"{"Effect": "Deny", "Principal": {"AWS": "111122223333"}, "Action": "s3:*", "Resource": "*"}"#,
            "`Principal`",
        ),
        (r#"{"Effect": "Deny", "Principal": "*", "NotAction": "s3:*", "Resource": "*"}"#, "`NotAction`"),
        (r#"{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}"#, "deny"),
        (r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "arn:aws:s3:::b"}"#, "deny"),
        (
            r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}"#,
            "deny",
        ),
    ] {
        let error = refused(statement).unwrap_err().to_string();
        assert!(error.starts_with("statement 1: ") && error.contains(said), "{statement}: {error}");
    }
    assert!(
        refused(r#"{"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:*", "NotResource": "arn:aws:s3:::b"}"#)
            .is_ok()
    );
}
