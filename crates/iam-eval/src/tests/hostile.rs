//! Documents and patterns that are made to hurt: they end, and with the right answer.

use super::Applies::{No, Yes};
use super::*;

#[test]
fn nesting_bombs_are_errors() {
    let deep = |open: &str, close: &str, times| format!("{}{}", open.repeat(times), close.repeat(times));
    for text in [
        deep("[", "]", 100_000),
        "[".repeat(100_000),
        r#"{"Statement":"#.repeat(100_000),
        format!(r#"{{"Statement": {}}}"#, deep("[", "]", 100_000)),
        format!(r#"{{"Statement": {{"Condition": {}}}}}"#, deep(r#"{"a":"#, "}", 100_000)),
    ] {
        for kind in [DocumentKind::Identity, DocumentKind::Trust] {
            assert!(Document::parse(&text, kind).unwrap_err().to_string().contains("not JSON"));
        }
    }
}

#[test]
fn a_document_of_a_megabyte_and_thousands_of_statements() {
    let statement = |index: usize| {
        format!(
            r#"{{"Sid": "S{index}", "Effect": "Allow", "Action": ["s3:Get*", "ec2:Describe{index}*"],
                "Resource": ["arn:aws:s3:::bucket-{index}/*", "arn:aws:ec2:*:*:instance/i-{index}"],
                "Condition": {{"StringEquals": {{"aws:PrincipalTag/team-{index}": "${{aws:username}}"}}}}}}"#
        )
    };
    let statements: Vec<String> = (0..4_000).map(statement).collect();
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{}, {{ALLOW}}, {{DENY}}]}}"#, statements.join(","));
    assert!(text.len() > 1_000_000);
    let mut document = parse(&text);
    for (length, expected) in
        [(4_002, Decision::ExplicitDeny), (4_001, Decision::Allowed), (4_000, Decision::ImplicitDeny)]
    {
        document.statements.truncate(length);
        let mut gate = identity(r#"{"Statement": []}"#);
        gate.policies[0].document = Ok(Arc::new(document.clone()));
        assert_eq!(evaluate(&[gate], &request(Context::default())).decision, expected);
    }
}

/// Each would take a kilobyte of memory for three bytes.
#[test]
fn more_statements_or_values_than_any_policy_has_are_none() {
    let list = |item: &str, count: usize| vec![item; count].join(",");
    let statements = |count| format!(r#"{{"Statement": [{}]}}"#, list("{}", count));
    let actions = |count| {
        format!(r#"{{"Statement": {{"Effect": "Allow", "Resource": "*", "Action": [{}]}}}}"#, list("\"\"", count))
    };
    let halves = format!(r#"{{"Statement": [{0}], "Statement": [{0}]}}"#, list("{}", 10_001));
    for (text, is_read) in [
        (statements(20_000), true),
        (statements(20_001), false),
        (halves, false),
        // Beside them there are the document, the statement, its effect, its resource and the list.
        (actions(249_995), true),
        (actions(249_996), false),
    ] {
        for kind in [DocumentKind::Identity, DocumentKind::Scp] {
            let read = Document::parse(&text, kind);
            assert_eq!(!matches!(read, Err(NotAPolicy::TooLarge)), is_read, "{} characters", text.len());
        }
    }
}

#[test]
fn tens_of_thousands_of_elements_keys_and_values_in_one_statement() {
    let many = |item: &dyn Fn(usize) -> String| (0..20_000).map(item).collect::<Vec<_>>().join(",");
    let elements = many(&|index| format!(r#""Frob{index}": 1"#));
    let keys = many(&|index| format!(r#""key-{index}": "a""#));
    let operators = many(&|index| format!(r#""Operator{index}": {{}}"#));
    let texts = many(&|index| format!(r#""value-{index}""#));
    for (text, expected) in [
        (format!(r#"{{"Statement": {{ALLOW, {elements}}}}}"#), Decision::Unknown),
        (format!(r#"{{{elements}, "Statement": [{{ALLOW}}, {{ALLOW}}, {{ALLOW}}]}}"#), Decision::Unknown),
        (format!(r#"{{"Statement": {{ALLOW, "Condition": {{"StringEquals": {{{keys}}}}}}}}}"#), Decision::Unknown),
        (format!(r#"{{"Statement": {{ALLOW, "Condition": {{{operators}}}}}}}"#), Decision::Unknown),
        (
            format!(r#"{{"Statement": {{ALLOW, "Condition": {{"StringEquals": {{"k": [{texts}, "a"]}}}}}}}}"#),
            Decision::Allowed,
        ),
    ] {
        assert_eq!(decide(&text, context(&[("k", Value::known("a"))])), expected);
    }
}

#[test]
fn ten_thousand_stars_in_an_action() {
    let stars = "*a".repeat(10_000);
    for (pattern, expected) in [
        (format!("ssm:{}", "*".repeat(10_000)), Yes),
        (format!("ssm:{stars}"), No),
        (format!("ssm:{}", "?".repeat(10_000)), No),
        (format!("ssm:{}", "*n".repeat(5)), No),
        (format!("ssm:{}*", "*n".repeat(4)), Yes),
    ] {
        let elements = format!(r#""Action": "{pattern}", "Resource": "*""#);
        assert_eq!(applies("", &elements, &request(Context::default())), expected);
    }
}

#[test]
fn ten_thousand_stars_in_a_resource_and_in_conditions() {
    let long = "a".repeat(10_100);
    let resource = format!("arn:aws:s3:::bucket/{long}");
    let state = context(&[("text", Value::known(&long)), ("arn", Value::known(&resource))]);
    for (tail, expected) in [("*".repeat(10_000), Yes), ("*a".repeat(10_000), Yes), ("*a".repeat(10_000) + "b", No)] {
        let elements = format!(r#""Action": "*", "Resource": "arn:aws:s3:::bucket/{tail}""#);
        let asked = Request { resource: Resource::Arn(Text::known(&resource)), ..request(Context::default()) };
        assert_eq!(applies("2012-10-17", &elements, &asked), expected);

        for (operator, key, start) in [("StringLike", "text", ""), ("ArnLike", "arn", "arn:aws:s3:::bucket/")] {
            let condition =
                format!(r#"{{"Statement": {{ALLOW, "Condition": {{"{operator}": {{"{key}": "{start}{tail}"}}}}}}}}"#);
            assert_eq!(decide(&condition, state.clone()) == Decision::Allowed, expected == Yes);
        }
    }
}

/// What costs the product of two lengths, or is simply large, is counted before it is done, and said.
#[test]
fn a_policy_that_costs_too_much_may_say_anything() {
    let value = "a".repeat(120_000);
    let state = context(&[("k", Value::known(&value)), ("aws:userid", Value::known(&value))]);
    let long = "*a".repeat(500_000);
    let many = (0..200_000).map(|index| format!(r#""${{aws:userid}}-{index}""#)).collect::<Vec<_>>().join(",");
    for (name, condition) in [
        ("a long pattern on a long value", format!(r#"{{"StringLike": {{"k": "{long}b"}}}}"#)),
        ("many variables with a long value", format!(r#"{{"StringEquals": {{"other": [{many}]}}}}"#)),
    ] {
        for effect in ["Allow", "Deny"] {
            let statement =
                format!(r#"{{"Effect": "{effect}", "Action": "*", "Resource": "*", "Condition": {condition}}}"#);
            let text = format!(
                r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "*", "Resource": "*"}}, {statement}]}}"#
            );
            let response = evaluate(&[identity(&text)], &request(state.clone()));
            assert_eq!(response.decision, Decision::Unknown, "{name}");
            assert!(
                response.doubt.notes.contains("the policy is too large to evaluate"),
                "{name}: {:?}",
                response.doubt
            );
        }
        // A gate beside it that certainly denies still does.
        let statement = format!(r#"{{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {condition}}}"#);
        let large = identity(&format!(r#"{{"Version": "2012-10-17", "Statement": {statement}}}"#));
        let deny = identity(r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#);
        assert_eq!(evaluate(&[large, deny], &request(state.clone())).decision, Decision::ExplicitDeny, "{name}");
        let trust = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {{"Service": "ec2.amazonaws.com"}},
                "Action": "sts:AssumeRole", "Condition": {condition}}}}}"#
        );
        let trust = Document::parse(&trust, DocumentKind::Trust).unwrap();
        let Truth::Unknown(doubt) = evaluate_trust(&trust, &ServicePrincipal::ec2(Some("aws")), &state) else {
            panic!("{name}")
        };
        assert!(doubt.notes.contains("the policy is too large to evaluate"), "{name}");
    }
}

/// The largest policies that AWS stores are far below the limit.
#[test]
fn a_policy_of_the_largest_size_is_evaluated() {
    // 32 KiB of the patterns that cost most for their length, against the longest values that AWS has.
    let patterns = (0..1_000).map(|_| r#""${aws:userid}*""#).collect::<Vec<_>>().join(",");
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{ALLOW, "Condition": {{"StringLike": {{"k": [{patterns}]}}}}}}}}"#
    );
    let state = context(&[("k", Value::known("a".repeat(2_048))), ("aws:userid", Value::known("a".repeat(64)))]);
    assert_eq!(decide(&text, state), Decision::Allowed);
}
