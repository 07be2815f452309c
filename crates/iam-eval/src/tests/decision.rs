//! The decision: gates, explicit and implicit denials, and what an answer says of its grounds.
//!
//! Source: [Policy evaluation logic](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html).

use std::collections::BTreeSet;

use super::Decision::{Allowed, ExplicitDeny, ImplicitDeny, Unknown};
use super::*;

const ALLOWS: &str = r#"{"Statement": {"Sid": "allows", ALLOW}}"#;
const DENIES: &str = r#"{"Statement": [{"Sid": "allows", ALLOW}, {"Sid": "denies", DENY}]}"#;
const SILENT: &str = r#"{"Statement": {"Sid": "other", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#;
const MAY_ALLOW: &str =
    r#"{"Statement": {"Sid": "may", ALLOW, "Condition": {"StringEquals": {"aws:sourcevpc": "vpc-1"}}}}"#;
const MAY_DENY: &str = r#"{"Statement": [{"Sid": "allows", ALLOW},
    {"Sid": "may-not", DENY, "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}]}"#;
const UNREAD: &str = "unread";

/// Gates of a role, its boundary and the levels of SCPs, a policy each; `UNREAD` is a policy that is not known.
fn gates(texts: &[&str]) -> Vec<PolicySet> {
    let kinds = [(PolicySetKind::Identity, "role"), (PolicySetKind::Boundary, "bound"), (PolicySetKind::Scp, "root")];
    let kinds = kinds.into_iter().chain([(PolicySetKind::Scp, "unit"), (PolicySetKind::Scp, "account")]);
    let gate = |((kind, name), text): ((PolicySetKind, &str), &&str)| {
        if *text != UNREAD {
            return gate(kind, name, &[*text]);
        }
        let mut gate = gate(kind, name, &[SILENT]);
        gate.policies[0].document = Err(crate::UnknownDocument(format!("{name} was not read")));
        gate
    };
    kinds.zip(texts).map(gate).collect()
}

fn answer(texts: &[&str]) -> Response {
    evaluate(&gates(texts), &request(Context::default()))
}

/// Each statement as `POLICY/SID`.
fn named(response: &Response) -> Vec<String> {
    response.decided_by.iter().map(|by| format!("{}/{}", by.policy, by.sid.as_deref().unwrap_or("-"))).collect()
}

fn closed(response: &Response) -> Vec<&str> {
    response.closed.iter().map(|(_, name)| name.as_str()).collect()
}

fn keys(response: &Response) -> Vec<&str> {
    response.doubt.keys.iter().map(String::as_str).collect()
}

#[test]
fn one_gate() {
    for (text, expected) in [
        (ALLOWS, Allowed),
        (DENIES, ExplicitDeny),
        (SILENT, ImplicitDeny),
        (MAY_ALLOW, Unknown),
        (MAY_DENY, Unknown),
        (UNREAD, Unknown),
    ] {
        assert_eq!(answer(&[text]).decision, expected, "{text}");
    }
}

#[test]
fn every_gate_must_open_and_no_statement_anywhere_may_deny() {
    // The answer to two gates, whichever stands first.
    for (one, other, expected) in [
        (ALLOWS, ALLOWS, Allowed),
        (ALLOWS, DENIES, ExplicitDeny),
        (ALLOWS, SILENT, ImplicitDeny),
        (ALLOWS, MAY_ALLOW, Unknown),
        (ALLOWS, MAY_DENY, Unknown),
        (ALLOWS, UNREAD, Unknown),
        (DENIES, SILENT, ExplicitDeny),
        (DENIES, MAY_ALLOW, ExplicitDeny),
        (DENIES, UNREAD, ExplicitDeny),
        (SILENT, SILENT, ImplicitDeny),
        (SILENT, MAY_ALLOW, ImplicitDeny),
        (SILENT, MAY_DENY, ImplicitDeny),
        (SILENT, UNREAD, ImplicitDeny),
        (MAY_ALLOW, MAY_DENY, Unknown),
        (UNREAD, UNREAD, Unknown),
    ] {
        for texts in [[one, other], [other, one]] {
            assert_eq!(answer(&texts).decision, expected, "{texts:?}");
            assert_eq!(answer(&[ALLOWS, texts[0], ALLOWS, texts[1]]).decision, expected, "{texts:?}");
            assert_eq!(answer(&[texts[1], ALLOWS, ALLOWS, ALLOWS, texts[0]]).decision, expected, "{texts:?}");
        }
    }
}

#[test]
fn a_denial_in_any_gate_ends_it_and_is_named() {
    for (at, name) in ["role", "bound", "root", "unit", "account"].into_iter().enumerate() {
        let mut texts = [ALLOWS; 5];
        texts[at] = DENIES;
        let response = answer(&texts);
        assert_eq!(response.decision, ExplicitDeny);
        assert_eq!(named(&response), [format!("{name}-0/denies")]);
        assert_eq!((closed(&response), keys(&response)), (vec![], vec![]));

        texts[at] = SILENT;
        let response = answer(&texts);
        assert_eq!(response.decision, ImplicitDeny);
        assert_eq!((closed(&response), named(&response), keys(&response)), (vec![name], vec![], vec![]));

        texts[at] = MAY_ALLOW;
        let response = answer(&texts);
        assert_eq!(response.decision, Unknown);
        assert_eq!((named(&response), keys(&response)), (vec![format!("{name}-0/may")], vec!["aws:SourceVpc"]));

        texts[at] = UNREAD;
        let response = answer(&texts);
        assert_eq!(response.decision, Unknown);
        assert_eq!((named(&response), keys(&response)), (vec![], vec![]));
        assert_eq!(response.doubt.notes, BTreeSet::from([format!("{name} was not read")]));
    }
}

#[test]
fn every_closed_gate_is_named_and_every_deciding_statement() {
    let response = answer(&[SILENT, ALLOWS, MAY_ALLOW, SILENT, UNREAD]);
    assert_eq!((response.decision, closed(&response)), (ImplicitDeny, vec!["role", "unit"]));

    let response = answer(&[DENIES, ALLOWS, DENIES]);
    assert_eq!(named(&response), ["role-0/denies", "root-0/denies"]);

    let response = answer(&[ALLOWS, ALLOWS]);
    assert_eq!(named(&response), ["role-0/allows", "bound-0/allows"]);
    let expected = StatementReference {
        gate: PolicySetKind::Boundary,
        kind: PolicyKind::Boundary,
        policy: "bound-0".to_owned(),
        sid: Some("allows".to_owned()),
        index: 0,
    };
    assert_eq!(response.decided_by[1], expected);

    let response = answer(&[MAY_DENY, MAY_ALLOW]);
    assert_eq!(named(&response), ["role-0/may-not", "bound-0/may"]);
    assert_eq!(keys(&response), ["aws:SourceIp", "aws:SourceVpc"]);
}

#[test]
fn within_a_gate_one_allowance_is_enough() {
    for (texts, decision, named_statements, expected_keys) in [
        (&[SILENT, ALLOWS][..], Allowed, vec!["role-1/allows"], vec![]),
        (&[ALLOWS, ALLOWS], Allowed, vec!["role-0/allows", "role-1/allows"], vec![]),
        // What may allow does not matter beside what does.
        (&[MAY_ALLOW, ALLOWS], Allowed, vec!["role-1/allows"], vec![]),
        (&[ALLOWS, DENIES], ExplicitDeny, vec!["role-1/denies"], vec![]),
        (&[SILENT, MAY_ALLOW], Unknown, vec!["role-1/may"], vec!["aws:SourceVpc"]),
        (&[MAY_ALLOW, MAY_DENY], Unknown, vec!["role-1/may-not"], vec!["aws:SourceIp"]),
        (&[SILENT, SILENT], ImplicitDeny, vec![], vec![]),
        (&[], ImplicitDeny, vec![], vec![]),
    ] {
        let response = evaluate(&[gate(PolicySetKind::Identity, "role", texts)], &request(Context::default()));
        assert_eq!(response.decision, decision, "{texts:?}");
        assert_eq!(
            (named(&response), keys(&response)),
            (named_statements.into_iter().map(str::to_owned).collect(), expected_keys)
        );
    }
}

#[test]
fn what_was_not_read_may_allow_and_may_deny() {
    let with_unread = |texts: &[&str]| {
        let mut gate = gate(PolicySetKind::Identity, "role", texts);
        gate.unread = vec!["iam:ListRolePolicies was denied".to_owned()];
        evaluate(&[gate], &request(Context::default()))
    };
    for (texts, expected) in [(&[][..], Unknown), (&[SILENT], Unknown), (&[ALLOWS], Unknown), (&[DENIES], ExplicitDeny)]
    {
        let response = with_unread(texts);
        assert_eq!(response.decision, expected, "{texts:?}");
        assert_eq!(response.closed, []);
        assert_eq!(response.doubt.notes.contains("iam:ListRolePolicies was denied"), expected == Unknown);
    }
}

#[test]
fn a_statement_of_unknown_effect_may_do_either() {
    let unclear = r#"{"Statement": {"Sid": "unclear", "Effect": "Perhaps", "Action": "*", "Resource": "*"}}"#;
    for (texts, expected) in
        [(&[unclear][..], Unknown), (&[unclear, ALLOWS], Unknown), (&[unclear, DENIES], ExplicitDeny)]
    {
        let response = evaluate(&[gate(PolicySetKind::Identity, "role", texts)], &request(Context::default()));
        assert_eq!(response.decision, expected, "{texts:?}");
    }
    let response = answer(&[unclear]);
    assert_eq!(named(&response), ["role-0/unclear"]);
    assert!(response.doubt.notes.contains("unknown effect `Perhaps`"));
}

#[test]
fn the_doubt_names_the_keys_that_would_settle_it() {
    let may =
        |condition: &str| format!(r#"{{"Version": "2012-10-17", "Statement": {{ALLOW, "Condition": {condition}}}}}"#);
    let state = context(&[("aws:PrincipalTag/team", Value::known("red")), ("aws:userid", partly("AROA:*"))]);
    for (condition, expected) in [
        (r#"{"StringEquals": {"aws:sourceVPCE": "vpce-1"}}"#, vec!["aws:SourceVpce"]),
        (
            r#"{"StringEquals": {"aws:SourceVpce": "a", "ssm:resourceTag/x": "b"}}"#,
            vec!["aws:SourceVpce", "ssm:resourceTag/x"],
        ),
        (r#"{"StringEquals": {"aws:SourceVpce": "a", "aws:PrincipalTag/team": "red"}}"#, vec!["aws:SourceVpce"]),
        (r#"{"StringEquals": {"aws:PrincipalTag/team": "${aws:SourceVpce}"}}"#, vec!["aws:SourceVpce"]),
        (r#"{"StringEquals": {"aws:userid": "AROA:i-1"}}"#, vec!["aws:userid"]),
        (r#"{"StringEquals": {"aws:UserAgent": "${aws:Referer}"}}"#, vec!["aws:Referer", "aws:UserAgent"]),
        (r#"{"Null": {"aws:SourceIp": "true"}}"#, vec!["aws:SourceIp"]),
    ] {
        let response = evaluate(&[identity(&may(condition))], &request(state.clone()));
        assert_eq!((response.decision, keys(&response)), (Unknown, expected), "{condition}");
    }
    let resource = r#"{"Version": "2012-10-17", "Statement":
        {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:ec2:*:*:instance/${aws:ResourceTag/x}"}}"#;
    let response = evaluate(&[identity(resource)], &request(Context::default()));
    assert_eq!((response.decision, keys(&response)), (Unknown, vec!["aws:ResourceTag/x"]));
}

#[test]
fn common_policies() {
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_deny-requested-region.html
    let regions = r#"{"Version": "2012-10-17", "Statement": [{ALLOW}, {"Effect": "Deny", "NotAction": ["iam:*", "sts:*"],
        "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-central-1", "eu-west-1"]}}}]}"#;
    for (region, expected) in [
        (Value::known("eu-west-1"), Allowed),
        (Value::known("us-east-1"), ExplicitDeny),
        (Value::Absent, ExplicitDeny),
        (Value::Unknowable, Unknown),
    ] {
        assert_eq!(decide(regions, context(&[("aws:RequestedRegion", region)])), expected);
    }
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_deny-ip.html
    let addresses = r#"{"Version": "2012-10-17", "Statement": [{ALLOW}, {DENY, "Condition": {
        "NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24", "203.0.113.0/24"]}, "Bool": {"aws:ViaAWSService": "false"}}}]}"#;
    for (address, through_a_service, expected) in [
        (Value::known("203.0.113.9"), "false", Allowed),
        (Value::known("198.51.100.1"), "false", ExplicitDeny),
        (Value::known("198.51.100.1"), "true", Allowed),
        (Value::Unknowable, "false", Unknown),
        (Value::Unknowable, "true", Allowed),
    ] {
        let state = context(&[("aws:SourceIp", address), ("aws:ViaAWSService", Value::known(through_a_service))]);
        assert_eq!(decide(addresses, state), expected);
    }
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_deny-requested-mfa.html
    let factors =
        r#"{"Statement": [{ALLOW}, {DENY, "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}]}"#;
    for (present, expected) in [
        (Value::Absent, ExplicitDeny),
        (Value::known("false"), ExplicitDeny),
        (Value::known("true"), Allowed),
        (Value::Unknowable, Unknown),
    ] {
        assert_eq!(decide(factors, context(&[("aws:MultiFactorAuthPresent", present)])), expected);
    }
}

/// A source that knows a statement only in part marks it: it settles nothing, rules nothing out that it does not speak of, and is no
/// fault of the document.
#[test]
fn a_statement_that_is_not_known_in_full_makes_nothing_certain() {
    let open = |effect: &str, action: &str| {
        format!(
            r#"{{"Statement": [{{"Sid": "allows", ALLOW}}, {{"Effect": "{effect}", "Action": "{action}", "Resource": "*", "{OPEN_ELEMENT}": "the stage"}}]}}"#
        )
    };
    for (text, expected) in [
        (open("Deny", "*"), Unknown),
        (open("Deny", "sqs:*"), Allowed),
        (open("Allow", "*"), Allowed),
        (open("Allow", "*").replace(r#"{"Sid": "allows", ALLOW}, "#, ""), Unknown),
        (open("Allow", "sqs:*").replace(r#"{"Sid": "allows", ALLOW}, "#, ""), ImplicitDeny),
    ] {
        let answer = answer(&[&text]);
        assert_eq!(answer.decision, expected, "{text}");
        assert_eq!(answer.doubt.notes.contains("the stage"), expected == Unknown, "{text}");
        assert_eq!(parse(&text).all_problems(), [""; 0]);
    }
}
