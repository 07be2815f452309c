//! The grammar of policies, as IAM reads what it holds.
//!
//! Source: [Grammar of the IAM JSON policy language](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).

use super::Decision::{Allowed, ExplicitDeny, ImplicitDeny, Unknown};
use super::*;

fn tagged() -> Context {
    context(&[
        ("aws:PrincipalTag/team", Value::known("red")),
        ("aws:SecureTransport", Value::known("true")),
        ("ec2:RoleDelivery", Value::known("2.0")),
        ("s3:max-keys", Value::known("10")),
    ])
}

fn table(rows: &[(&str, Decision)]) {
    for (text, expected) in rows {
        assert_eq!(decide(text, tagged()), *expected, "{text}");
    }
}

#[test]
fn every_element_may_be_single_or_a_list() {
    table(&[
        (r#"{"Statement": {ALLOW}}"#, Allowed),
        (r#"{"Statement": [{ALLOW}]}"#, Allowed),
        (r#"{"Statement": [{ALLOW}, {DENY}]}"#, ExplicitDeny),
        (r#"{"Statement": []}"#, ImplicitDeny),
        (r#"{"Id": "x", "Version": "2012-10-17", "Statement": [{"Sid": "S", ALLOW}]}"#, Allowed),
        (r#"{"Statement": {"Effect": "Allow", "Action": ["ssm:*"], "Resource": ["*"]}}"#, Allowed),
        (
            r#"{"Statement": {"Effect": "Allow", "Action": ["s3:*", "ssm:*"], "Resource": ["arn:aws:s3:::a", "*"]}}"#,
            Allowed,
        ),
        (r#"{"Statement": {"Effect": "Allow", "NotAction": "s3:*", "NotResource": "arn:aws:s3:::a"}}"#, Allowed),
        (r#"{"Statement": {"Effect": "Allow", "NotAction": ["s3:*"], "NotResource": ["arn:aws:s3:::a"]}}"#, Allowed),
        (r#"{"Statement": {"Condition": {}, "Resource": "*", "Action": "*", "Effect": "Allow"}}"#, Allowed),
    ]);
}

#[test]
fn booleans_and_numbers_are_read_as_strings() {
    for (condition, expected) in [
        (r#"{"Bool": {"aws:SecureTransport": true}}"#, Allowed),
        (r#"{"Bool": {"aws:SecureTransport": [false, true]}}"#, Allowed),
        (r#"{"Bool": {"aws:SecureTransport": false}}"#, ImplicitDeny),
        (r#"{"StringEquals": {"aws:SecureTransport": true}}"#, Allowed),
        (r#"{"NumericEquals": {"s3:max-keys": 10}}"#, Allowed),
        (r#"{"NumericLessThan": {"s3:max-keys": 9.5}}"#, ImplicitDeny),
        (r#"{"NumericGreaterThan": {"s3:max-keys": -3}}"#, Allowed),
        (r#"{"StringEquals": {"s3:max-keys": 10}}"#, Allowed),
        (r#"{"NumericLessThan": {"ec2:RoleDelivery": 2.0}}"#, ImplicitDeny),
        (r#"{"StringEquals": {"ec2:RoleDelivery": 2.0}}"#, Allowed),
        (r#"{"StringEquals": {"ec2:RoleDelivery": "2.0"}}"#, Allowed),
        (r#"{"Null": {"s3:max-keys": false}}"#, Allowed),
        (r#"{"Null": {"s3:max-keys": true}}"#, ImplicitDeny),
        (r#"{"StringEquals": {"s3:max-keys": null}}"#, Unknown),
        (r#"{"StringEquals": {"s3:max-keys": {}}}"#, Unknown),
        (r#"{"StringEquals": {"s3:max-keys": []}}"#, Unknown),
        (r#"{"StringEquals": {"s3:max-keys": [["10"]]}}"#, Unknown),
        (r#"{"NumericEquals": {"s3:max-keys": 123456789012345678901234567890}}"#, Unknown),
    ] {
        table(&[(&format!(r#"{{"Statement": {{ALLOW, "Condition": {condition}}}}}"#), expected)]);
    }
}

#[test]
fn an_empty_list_of_actions_or_resources_has_no_effect() {
    table(&[
        (r#"{"Statement": {"Effect": "Allow", "Action": [], "Resource": "*"}}"#, ImplicitDeny),
        (r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": []}}"#, ImplicitDeny),
        (r#"{"Statement": [{ALLOW}, {"Effect": "Deny", "Action": [], "Resource": "*"}]}"#, Allowed),
        (r#"{"Statement": [{ALLOW}, {"Effect": "Deny", "Action": "*", "Resource": []}]}"#, Allowed),
        (r#"{"Statement": {ALLOW, "Condition": {}}}"#, Allowed),
        (r#"{"Statement": [{ALLOW}, {DENY, "Condition": {}}]}"#, ExplicitDeny),
        // What an empty list of exceptions means is not said.
        (r#"{"Statement": {"Effect": "Allow", "NotAction": [], "Resource": "*"}}"#, Unknown),
        (r#"{"Statement": {"Effect": "Allow", "Action": "*", "NotResource": []}}"#, Unknown),
    ]);
}

#[test]
fn of_duplicate_keys_the_last_effect_wins_and_lists_are_merged() {
    table(&[
        (r#"{"Statement": {"Effect": "Deny", ALLOW}}"#, Allowed),
        (r#"{"Statement": [{ALLOW}, {"Effect": "Allow", DENY}]}"#, ExplicitDeny),
        (r#"{"Statement": {"Effect": "Maybe", ALLOW}}"#, Allowed),
        (r#"{"Statement": {ALLOW, "Action": "s3:*"}}"#, Allowed),
        (r#"{"Statement": {"Action": ["s3:*"], ALLOW}}"#, Allowed),
        (r#"{"Statement": {ALLOW, "Resource": "a", "Resource": ["b", "c"]}}"#, Allowed),
        (r#"{"Statement": [{ALLOW}, {"Resource": [], DENY, "Action": []}]}"#, ExplicitDeny),
        (r#"{"Statement": {"Sid": "a", "Sid": "b", ALLOW}}"#, Allowed),
    ]);
}

/// They are clear where they are in force, and none may be stored anew.
#[test]
fn duplicate_keys_are_refused() {
    for (statement, name) in [
        (r#""Effect": "Deny", ALLOW"#, "Effect"),
        (r#""Effect": "Allow", ALLOW"#, "Effect"),
        (r#"ALLOW, "Action": "s3:*""#, "Action"),
        (r#"ALLOW, "Resource": "*""#, "Resource"),
        (r#""Sid": "a", "Sid": "a", ALLOW"#, "Sid"),
    ] {
        let text = expand(&format!(r#"{{"Statement": {{{statement}}}}}"#));
        let document = Document::parse(&text, DocumentKind::Identity).unwrap();
        assert!(document.is_refused(), "{statement}");
        assert!(document.all_problems()[0].ends_with(&format!("`{name}` stands twice")), "{statement}");
    }
    let text = expand(r#"{"Id": "a", "Id": "a", "Statement": {ALLOW}}"#);
    assert!(Document::parse(&text, DocumentKind::Identity).unwrap().is_refused());
}

#[test]
fn duplicates_of_other_keys_may_mean_either() {
    table(&[
        (r#"{"Statement": {"Effect": "Allow", "NotAction": "ssm:*", "NotAction": "s3:*", "Resource": "*"}}"#, Unknown),
        (r#"{"Statement": {"Effect": "Allow", "Action": "*", "NotResource": "*", "NotResource": "a"}}"#, Unknown),
        (r#"{"Statement": [], "Statement": {ALLOW}}"#, Unknown),
        (r#"{"Statement": {ALLOW}, "Statement": []}"#, Unknown),
        (r#"{"Version": "2012-10-17", "Version": "2008-10-17", "Statement": {ALLOW}}"#, Unknown),
    ]);
    let (holds, fails) = (r#"{"aws:PrincipalTag/team": "red"}"#, r#"{"aws:PrincipalTag/team": "blue"}"#);
    for (first, second) in [(holds, fails), (fails, holds)] {
        for condition in [
            format!(r#""Condition": {{"StringEquals": {first}}}, "Condition": {{"StringEquals": {second}}}"#),
            format!(r#""Condition": {{"StringEquals": {first}, "StringEquals": {second}}}"#),
        ] {
            table(&[(&format!(r#"{{"Statement": {{ALLOW, {condition}}}}}"#), Unknown)]);
        }
    }
    for keys in [
        r#"{"aws:PrincipalTag/team": "red", "aws:PrincipalTag/team": "blue"}"#,
        r#"{"aws:PrincipalTag/team": "blue", "aws:PrincipalTag/team": "red"}"#,
        r#"{"aws:PrincipalTag/team": "blue", "AWS:principaltag/Team": "red"}"#,
    ] {
        table(&[(&format!(r#"{{"Statement": {{ALLOW, "Condition": {{"StringEquals": {keys}}}}}}}"#), Unknown)]);
    }
}

#[test]
fn names_of_elements_and_values_of_effect_have_an_exact_case() {
    table(&[
        (r#"{"Statement": {"effect": "Allow", "Action": "*", "Resource": "*"}}"#, Unknown),
        (r#"{"Statement": {"Effect": "allow", "Action": "*", "Resource": "*"}}"#, Unknown),
        (r#"{"Statement": {"Effect": "Allow ", "Action": "*", "Resource": "*"}}"#, Unknown),
        (r#"{"Statement": {"Effect": "Allow", "action": "*", "Resource": "*"}}"#, Unknown),
        (r#"{"Statement": {"Effect": "Allow", "Action": "*", "resource": "*"}}"#, Unknown),
        (r#"{"Statement": {ALLOW, "condition": {}}}"#, Unknown),
        (r#"{"version": "2012-10-17", "Statement": {ALLOW}}"#, Unknown),
        (r#"{"Version": "2012-10-17 ", "Statement": {ALLOW}}"#, Unknown),
        (r#"{"Version": "2020-01-01", "Statement": {ALLOW}}"#, Unknown),
        (r#"{"Version": 2012, "Statement": {ALLOW}}"#, Unknown),
        (r#"{"Version": "2008-10-17", "Statement": {ALLOW}}"#, Allowed),
        (r#"{"Statement": {"Effect": "Allow", "Action": "SSM:updateINSTANCEinformation", "Resource": "*"}}"#, Allowed),
    ]);
}

#[test]
fn what_is_not_understood_is_unknown() {
    table(&[
        (r#"{"Statement": {ALLOW, "Frob": 1}}"#, Unknown),
        (r#"{"Frob": 1, "Statement": {ALLOW}}"#, Unknown),
        (r#"{"Statement": [{ALLOW}, {DENY, "Frob": 1}]}"#, Unknown),
        (r#"{"Statement": [{ALLOW}, {"Action": "*", "Resource": "*"}]}"#, Unknown),
        (r#"{"Statement": [{ALLOW}, {}]}"#, Unknown),
        (r#"{"Statement": [{DENY}, {}]}"#, ExplicitDeny),
        (r#"{"Statement": {"Effect": ["Allow"], "Action": "*", "Resource": "*"}}"#, Unknown),
        (r#"{"Statement": {"Effect": "Allow", "Resource": "*"}}"#, Unknown),
        (r#"{"Statement": {"Effect": "Allow", "Action": "*"}}"#, Unknown),
        (r#"{"Statement": {ALLOW, "NotAction": "s3:*"}}"#, Unknown),
        (r#"{"Statement": {ALLOW, "NotResource": "a"}}"#, Unknown),
        (r#"{"Statement": {ALLOW, "Principal": "*"}}"#, Unknown),
        (r#"{"Statement": {"Effect": "Allow", "Action": null, "Resource": "*"}}"#, Unknown),
        (r#"{"Statement": {"Effect": "Allow", "Action": {"a": "*"}, "Resource": "*"}}"#, Unknown),
        (r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": {"Ref": "Bucket"}}}"#, Unknown),
        (r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": ["a", {"Ref": "Bucket"}]}}"#, Unknown),
        (r#"{"Statement": [{ALLOW}, {"Effect": "Deny", "Action": "*", "NotResource": ["*", 7]}]}"#, Unknown),
        (r#"{"Statement": {ALLOW, "Condition": null}}"#, Unknown),
        (r#"{"Statement": {ALLOW, "Condition": []}}"#, Unknown),
        (r#"{"Statement": {ALLOW, "Condition": {"StringEquals": "x"}}}"#, Unknown),
        (r#"{"Statement": {ALLOW, "Condition": {"StringMatches": {"a": "b"}}}}"#, Unknown),
        // A statement that certainly speaks of something else settles nothing and leaves nothing open.
        (r#"{"Statement": [{ALLOW}, {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Frob": 1}]}"#, Allowed),
    ]);
}

#[test]
fn what_is_no_policy_is_an_error_that_says_why() {
    for (text, expected) in [
        ("", "empty"),
        (" \n", "empty"),
        ("{", "not JSON"),
        ("Allow *", "not JSON"),
        (r#"{"Statement": []} x"#, "not JSON"),
        (r#"{"Statement": [],}"#, "not JSON"),
        ("%7B%7D", "not JSON"),
        ("null", "null"),
        ("[]", "an array"),
        ("7", "a number"),
        (r#""{}""#, "a string"),
        ("{}", "no `Statement`"),
        (r#"{"statement": []}"#, "no `Statement`"),
        (r#"{"Statement": null}"#, "a statement is null"),
        (r#"{"Statement": "Allow"}"#, "a statement is a string"),
        (r#"{"Statement": [[]]}"#, "a statement is an array"),
        (r#"{"Statement": [{}, true]}"#, "a statement is a boolean"),
    ] {
        for kind in [DocumentKind::Identity, DocumentKind::Trust] {
            let error = Document::parse(text, kind).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}

#[test]
fn a_sound_document_has_no_problems_and_an_unsound_one_says_where() {
    assert_eq!(
        parse(r#"{"Version": "2012-10-17", "Id": "i", "Statement": {"Sid": "s", ALLOW}}"#).all_problems(),
        [""; 0]
    );
    let problems = parse(r#"{"Frob": 1, "Statement": [{ALLOW}, {ALLOW, "Condition": {"Like": {}}}]}"#).all_problems();
    assert_eq!(problems, ["unknown element `Frob`", "statement 1: unknown condition operator `Like`"]);
}
