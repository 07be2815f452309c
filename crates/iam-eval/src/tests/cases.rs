//! Answers that hold in every case, although it is not known which case it is.
//!
//! Source: [Condition operators](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html),
//! which says of each operator when it holds, and of an absent key what that means.

use jiff::Timestamp;

use super::*;

/// What statements under these conditions together say, each with its effect; a `Deny` stands beside an allow of everything.
fn decided(statements: &[(&str, &str)], context: Context) -> Decision {
    let denies = statements.iter().any(|(effect, _)| *effect == "Deny")
        && !statements.iter().any(|(effect, _)| *effect == "Allow");
    let allow_all = denies.then(|| "{ALLOW}".to_owned());
    let statements = statements
        .iter()
        .map(|(effect, condition)| format!(r#"{{"Effect": "{effect}", {EVERYTHING}, "Condition": {condition}}}"#));
    let statements: Vec<String> = statements.chain(allow_all).collect();
    decide(&format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, statements.join(", ")), context)
}

use Decision::{Allowed, ExplicitDeny, ImplicitDeny, Unknown};

#[test]
fn both_branches_of_one_key_in_two_statements() {
    for (conditions, expected) in [
        ([r#"{"Null": {"k:k": "true"}}"#, r#"{"Null": {"k:k": "false"}}"#], Some(true)),
        ([r#"{"StringEquals": {"k:k": "a"}}"#, r#"{"StringNotEquals": {"k:k": "a"}}"#], Some(true)),
        ([r#"{"StringEquals": {"k:k": ["a", "b"]}}"#, r#"{"StringNotEquals": {"k:k": ["b", "a"]}}"#], Some(true)),
        ([r#"{"StringLike": {"k:k": "vpce-*"}}"#, r#"{"StringNotLike": {"K:K": "vpce-*"}}"#], Some(true)),
        ([r#"{"StringEqualsIgnoreCase": {"k:k": "a"}}"#, r#"{"StringNotEqualsIgnoreCase": {"k:k": "a"}}"#], Some(true)),
        ([r#"{"IpAddress": {"k:k": "10.0.0.0/8"}}"#, r#"{"NotIpAddress": {"k:k": "10.0.0.0/8"}}"#], Some(true)),
        // The smaller network is part of the larger.
        ([r#"{"IpAddress": {"k:k": "10.0.0.0/8"}}"#, r#"{"NotIpAddress": {"k:k": "10.1.0.0/16"}}"#], Some(true)),
        ([r#"{"NumericLessThan": {"k:k": "5"}}"#, r#"{"NumericGreaterThanEqualsIfExists": {"k:k": "5"}}"#], Some(true)),
        ([r#"{"NumericLessThanIfExists": {"k:k": "5"}}"#, r#"{"NumericGreaterThan": {"k:k": "3"}}"#], Some(true)),
        ([r#"{"NumericEquals": {"k:k": "5"}}"#, r#"{"NumericNotEquals": {"k:k": "5.0"}}"#], Some(true)),
        (
            [r#"{"StringEqualsIgnoreCase": {"k:k": "ABC"}}"#, r#"{"StringNotEqualsIgnoreCase": {"k:k": "abc"}}"#],
            Some(true),
        ),
        ([r#"{"StringLike": {"k:k": "vpce-*"}}"#, r#"{"StringNotLike": {"k:k": "vpce-1*"}}"#], Some(true)),
        ([r#"{"StringLike": {"k:k": "vpce-1*"}}"#, r#"{"StringNotLike": {"k:k": "vpce-*"}}"#], None),
        ([r#"{"IpAddress": {"k:k": "0.0.0.0/0"}}"#, r#"{"IpAddressIfExists": {"k:k": "::/0"}}"#], Some(true)),
        (
            [
                r#"{"IpAddress": {"k:k": ["10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8", "13.0.0.0/8", "14.0.0.0/8", "15.0.0.0/8", "16.0.0.0/8"]}}"#,
                r#"{"NotIpAddress": {"k:k": ["10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8", "13.0.0.0/8", "14.0.0.0/8", "15.0.0.0/8", "16.0.0.0/8"]}}"#,
            ],
            Some(true),
        ),
        ([r#"{"BoolIfExists": {"k:k": "true"}}"#, r#"{"BoolIfExists": {"k:k": "false"}}"#], Some(true)),
        ([r#"{"ArnEquals": {"k:k": "arn:aws:s3:::a"}}"#, r#"{"ArnNotLike": {"k:k": "arn:aws:s3:::a"}}"#], Some(true)),
        (
            [r#"{"ForAnyValue:StringEquals": {"k:k": "a"}}"#, r#"{"ForAllValues:StringNotEquals": {"k:k": "a"}}"#],
            Some(true),
        ),
        ([r#"{"StringEquals": {"k:k": "${k:k}"}}"#, r#"{"Null": {"k:k": "true"}}"#], Some(true)),
        // In some case neither holds.
        ([r#"{"StringEquals": {"k:k": "a"}}"#, r#"{"StringNotEquals": {"k:k": "b"}}"#], None),
        ([r#"{"StringEquals": {"k:k": "a"}}"#, r#"{"StringEquals": {"k:k": "b"}}"#], None),
        ([r#"{"StringEquals": {"k:k": "a"}}"#, r#"{"Null": {"k:k": "true"}}"#], None),
        ([r#"{"Bool": {"k:k": "true"}}"#, r#"{"Bool": {"k:k": "false"}}"#], None),
        ([r#"{"NumericLessThan": {"k:k": "5"}}"#, r#"{"NumericGreaterThan": {"k:k": "5"}}"#], None),
        ([r#"{"StringEquals": {"k:k": "a"}}"#, r#"{"StringNotEquals": {"k:l": "a"}}"#], None),
    ] {
        let of = |effect| decided(&[(effect, conditions[0]), (effect, conditions[1])], Context::default());
        let (allowed, denied) = if expected == Some(true) { (Allowed, ExplicitDeny) } else { (Unknown, Unknown) };
        assert_eq!((of("Allow"), of("Deny")), (allowed, denied), "{conditions:?}");
    }
}

#[test]
fn what_cannot_hold_within_one_statement_never_applies() {
    for (condition, expected) in [
        (r#"{"Null": {"k:k": "true"}, "StringEquals": {"k:k": "a"}}"#, ImplicitDeny),
        (r#"{"Null": {"k:k": "false"}, "StringNotEquals": {"k:k": "${k:k}"}}"#, ImplicitDeny),
        (r#"{"StringEquals": {"k:k": "a"}, "StringNotEquals": {"k:k": "a"}}"#, ImplicitDeny),
        (r#"{"StringEquals": {"k:k": "a"}, "StringLike": {"k:k": "b*"}}"#, ImplicitDeny),
        (r#"{"StringEquals": {"k:k": "a"}, "StringLike": {"k:k": "a*"}}"#, Unknown),
        (r#"{"NumericLessThan": {"k:k": "3"}, "NumericGreaterThan": {"k:k": "5"}}"#, ImplicitDeny),
        (
            r#"{"DateLessThan": {"k:k": "2020-01-01T00:00:00Z"}, "DateGreaterThan": {"k:k": "2021-01-01T00:00:00Z"}}"#,
            ImplicitDeny,
        ),
        (r#"{"NumericLessThan": {"k:k": "5"}, "NumericGreaterThan": {"k:k": "3"}}"#, Unknown),
        (r#"{"StringLike": {"k:k": "a*"}, "StringNotLike": {"k:k": "*"}}"#, ImplicitDeny),
        (r#"{"IpAddress": {"k:k": "10.0.0.0/8"}, "NotIpAddress": {"k:k": "10.0.0.0/7"}}"#, ImplicitDeny),
    ] {
        assert_eq!(decided(&[("Allow", condition)], Context::default()), expected, "{condition}");
    }
}

#[test]
fn what_is_denied_where_it_is_allowed_is_not_allowed() {
    let here = r#"{"StringEquals": {"k:k": "a"}}"#;
    let answer = evaluate(
        &[identity(&format!(
            r#"{{"Statement": [{{{EVERYTHING}, "Effect": "Allow", "Condition": {here}}}, {{"Effect": "Deny", {EVERYTHING}, "Condition": {here}}}]}}"#
        ))],
        &request(Context::default()),
    );
    assert_eq!((answer.decision, answer.closed, answer.decided_by.len()), (ImplicitDeny, Vec::new(), 1));
    assert_eq!(answer.closed_in_some, [(PolicySetKind::Identity, "role".to_owned())]);
    assert_eq!(decided(&[("Allow", here), ("Deny", r#"{"StringEquals": {"k:k": "b"}}"#)], Context::default()), Unknown);
}

#[test]
fn what_nothing_allows_and_some_statement_always_denies_is_denied() {
    let deny = |condition: &str| format!(r#"{{"Effect": "Deny", {EVERYTHING}, "Condition": {condition}}}"#);
    let absent = deny(r#"{"Null": {"k:k": "true"}}"#);
    let present = deny(r#"{"Null": {"k:k": "false"}}"#);
    let policy = |statements: &str| format!(r#"{{"Statement": [{statements}]}}"#);
    assert_eq!(decide(&policy(&format!("{absent}, {present}")), Context::default()), ExplicitDeny);
    assert_eq!(decide(&policy(&absent), Context::default()), ImplicitDeny);
}

#[test]
fn gates_that_never_open_together_let_nothing_through() {
    let allow = |condition: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", {EVERYTHING}, "Condition": {condition}}}]}}"#
        )
    };
    let of = |conditions: &[&str]| {
        let kinds = [PolicySetKind::Identity, PolicySetKind::Boundary, PolicySetKind::Scp];
        let gates: Vec<PolicySet> = kinds
            .into_iter()
            .zip(conditions)
            .map(|(kind, condition)| gate(kind, &format!("{kind:?}"), &[&allow(condition)]))
            .collect();
        evaluate(&gates, &request(Context::default()))
    };
    for conditions in [
        &[r#"{"StringEquals": {"k:k": "1"}}"#, r#"{"StringEquals": {"k:k": "2"}}"#][..],
        &[r#"{"Null": {"k:k": "true"}}"#, r#"{"Null": {"k:k": "false"}}"#],
        &[r#"{"IpAddress": {"k:k": "10.0.0.0/8"}}"#, r#"{"IpAddress": {"k:k": "192.0.2.0/24"}}"#],
        &[r#"{"StringLike": {"k:k": "p*"}}"#, r#"{"StringNotLike": {"k:k": "p*"}}"#],
        &[
            r#"{"StringEquals": {"k:k": ["1", "2"]}}"#,
            r#"{"StringEquals": {"k:k": ["2", "3"]}}"#,
            r#"{"StringEquals": {"k:k": ["3", "1"]}}"#,
        ],
    ] {
        let answer = of(conditions);
        let closed = (answer.closed.len(), answer.closed_in_some.len());
        assert_eq!((answer.decision, closed), (ImplicitDeny, (0, conditions.len())), "{conditions:?}");
    }
    assert_eq!(
        of(&[r#"{"StringEquals": {"k:k": ["1", "2"]}}"#, r#"{"StringEquals": {"k:k": ["2", "3"]}}"#]).decision,
        Unknown
    );
}

#[test]
fn several_keys_are_told_apart_together() {
    let of = |vpc: &str, endpoint: &str| match vpc == endpoint {
        true => format!(r#"{{"{vpc}": {{"k:vpc": "a", "k:endpoint": "b"}}}}"#),
        false => format!(r#"{{"{vpc}": {{"k:vpc": "a"}}, "{endpoint}": {{"k:endpoint": "b"}}}}"#),
    };
    let (is, other) = ("StringEquals", "StringNotEquals");
    let all = [of(is, is), of(is, other), of(other, is), of(other, other)];
    let statements: Vec<(&str, &str)> = all.iter().map(|condition| ("Allow", condition.as_str())).collect();
    assert_eq!(decided(&statements, Context::default()), Allowed);
    assert_eq!(decided(&statements[1..], Context::default()), Unknown);
}

#[test]
fn a_span_of_time_is_cut_where_it_is_compared() {
    let day = |text: &str| format!("2020-01-{text}T00:00:00Z").parse::<Timestamp>().unwrap();
    let state = || context(&[("k:k", Value::Between(day("10"), day("20")))]);
    let (before, from) = (
        r#"{"DateLessThan": {"k:k": "2020-01-15T00:00:00Z"}}"#,
        r#"{"DateGreaterThanEquals": {"k:k": "2020-01-15T00:00:00Z"}}"#,
    );
    assert_eq!(decided(&[("Allow", before), ("Allow", from)], state()), Allowed);
    assert_eq!(decided(&[("Deny", before), ("Deny", from)], state()), ExplicitDeny);
    assert_eq!(decided(&[("Deny", before)], state()), Unknown);
}

#[test]
fn a_key_that_is_absent_or_has_one_value() {
    let state = || context(&[("k:k", Value::Optional(vec![Text::known("false")]))]);
    for (condition, expected) in [
        (r#"{"Bool": {"k:k": "true"}}"#, ImplicitDeny),
        (r#"{"BoolIfExists": {"k:k": "false"}}"#, Allowed),
        (r#"{"Bool": {"k:k": "false"}}"#, Unknown),
        (r#"{"Null": {"k:k": "true"}}"#, Unknown),
        (r#"{"StringNotEquals": {"k:k": "true"}}"#, Allowed),
    ] {
        assert_eq!(decided(&[("Allow", condition)], state()), expected, "{condition}");
    }
}

#[test]
fn a_value_that_is_known_in_part_may_only_be_what_fits() {
    let state = || context(&[("k:k", partly("AROA:i-*"))]);
    let (one, other) =
        (r#"{"StringEquals": {"k:k": "AROA:i-1"}}"#, r#"{"StringNotEquals": {"k:k": ["AROA:i-1", "AIDA"]}}"#);
    assert_eq!(decided(&[("Allow", one), ("Allow", other)], state()), Allowed);
}

#[test]
fn too_many_cases_leave_the_answer_unknown() {
    let values = |from: usize| (from..from + 5_000).map(|at| format!(r#""v{at}""#)).collect::<Vec<_>>().join(", ");
    let conditions: Vec<String> = (0..20)
        .map(|at| format!(r#"{{"StringLike": {{"k:{at}": "a*"}}, "StringEquals": {{"k:k": [{}]}}}}"#, values(at)))
        .collect();
    let statements: Vec<(&str, &str)> = conditions.iter().map(|condition| ("Allow", condition.as_str())).collect();
    assert_eq!(decided(&statements, Context::default()), Unknown);
}

#[test]
fn a_trust_policy_excepts_services_as_data_perimeters_do() {
    let document = |condition: &str| {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": [
                {{"Effect": "Allow", "Principal": {{"Service": "ec2.amazonaws.com"}}, "Action": "sts:AssumeRole"}},
                {{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Condition": {condition}}}]}}"#
        );
        Document::parse(&text, DocumentKind::Trust).unwrap()
    };
    let state = context(&[("aws:PrincipalIsAWSService", Value::known("true"))]);
    for (condition, expected) in [
        (
            r#"{"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-a"}, "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}"#,
            true,
        ),
        (r#"{"Bool": {"aws:PrincipalIsAWSService": "false"}}"#, true),
    ] {
        let answer = evaluate_trust(&document(condition), &ServicePrincipal::ec2(Some("aws")), &state);
        assert_eq!(answer.is_true(), expected, "{condition}");
    }
    let doubtful = document(r#"{"StringNotEquals": {"aws:PrincipalOrgID": "o-a"}}"#);
    assert!(!evaluate_trust(&doubtful, &ServicePrincipal::ec2(Some("aws")), &state).is_true());
}

/// Which of several values a request carries does not matter where the policies give the same answer to each.
#[test]
fn one_of_several_values() {
    let context = || {
        let mut context = Context::default();
        let values = ["198.51.100.1", "198.51.100.2"].map(Text::known);
        context.set("aws:SourceIp", Value::OneOf(values.into()));
        context
    };
    for (statements, expected) in [
        (r#"{ALLOW, "Condition": {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}}"#, Decision::Allowed),
        (r#"{ALLOW, "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}"#, Decision::ImplicitDeny),
        (r#"{ALLOW, "Condition": {"IpAddress": {"aws:SourceIp": "198.51.100.1"}}}"#, Decision::Unknown),
        (
            r#"{ALLOW, "Condition": {"IpAddress": {"aws:SourceIp": ["198.51.100.1", "198.51.100.2"]}}}"#,
            Decision::Allowed,
        ),
        // A statement for each.
        (
            r#"{ALLOW, "Condition": {"IpAddress": {"aws:SourceIp": "198.51.100.1"}}},
               {ALLOW, "Condition": {"IpAddress": {"aws:SourceIp": "198.51.100.2"}}}"#,
            Decision::Allowed,
        ),
        (
            r#"{ALLOW}, {DENY, "Condition": {"NotIpAddress": {"aws:SourceIp": ["198.51.100.1", "203.0.113.7"]}}}"#,
            Decision::Unknown,
        ),
        (r#"{ALLOW}, {DENY, "Condition": {"NotIpAddress": {"aws:SourceIp": "198.51.100.0/28"}}}"#, Decision::Allowed),
        (r#"{ALLOW, "Condition": {"Null": {"aws:SourceIp": "false"}}}"#, Decision::Allowed),
    ] {
        let policy = format!(r#"{{"Statement": [{statements}]}}"#);
        assert_eq!(decide(&policy, context()), expected, "{statements}");
    }
}
