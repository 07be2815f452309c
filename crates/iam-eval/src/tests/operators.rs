//! Every condition operator, in every form, against everything that can be known of a key.
//!
//! Source: [Condition operators](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html).

use super::Applies::{No, Unknown, Yes};
use super::*;

const MIDNIGHT: &str = "2020-01-01T00:00:00Z";
const ARN_PATTERN: &str = "arn:aws:ec2:*:111122223333:instance/*";
const OTHER_ARN: &str = "arn:aws:ec2:us-east-1:444455556666:instance/i-0123456789abcdef0";

/// Name, whether it is negated, a policy's value, a request's value for which it holds, and one for which it does not.
const OPERATORS: [(&str, bool, &str, &str, &str); 26] = [
    ("StringEquals", false, "A*", "A*", "Ab"),
    ("StringNotEquals", true, "A*", "Ab", "A*"),
    ("StringEqualsIgnoreCase", false, "A*", "a*", "ab"),
    ("StringNotEqualsIgnoreCase", true, "A*", "ab", "a*"),
    ("StringLike", false, "A?*", "Abc", "abc"),
    ("StringNotLike", true, "A?*", "abc", "Abc"),
    ("NumericEquals", false, "10", "10.0", "1"),
    ("NumericNotEquals", true, "10", "1", "10.0"),
    ("NumericLessThan", false, "10", "9", "10"),
    ("NumericLessThanEquals", false, "10", "10", "11"),
    ("NumericGreaterThan", false, "9", "10", "9"),
    ("NumericGreaterThanEquals", false, "9", "9", "-10"),
    ("DateEquals", false, MIDNIGHT, "1577836800", "1577836801"),
    ("DateNotEquals", true, MIDNIGHT, "1577836801", "1577836800"),
    ("DateLessThan", false, MIDNIGHT, "2019-12-31T23:59:59Z", "1577836800"),
    ("DateLessThanEquals", false, MIDNIGHT, "2020-01-01T01:00:00+01:00", "2020-01-01T00:00:01Z"),
    ("DateGreaterThan", false, MIDNIGHT, "2020-01-01T00:00:01Z", "1577836800"),
    ("DateGreaterThanEquals", false, MIDNIGHT, "1577836800", "2019-12-31T23:59:59Z"),
    ("Bool", false, "true", "TRUE", "false"),
    ("BinaryEquals", false, "QmluYXJ5", "QmluYXJ5", "T3RoZXI="),
    ("IpAddress", false, "203.0.113.0/24", "203.0.113.7", "203.0.114.7"),
    ("NotIpAddress", true, "203.0.113.0/24", "203.0.114.7", "203.0.113.7"),
    ("ArnEquals", false, ARN_PATTERN, INSTANCE, OTHER_ARN),
    ("ArnLike", false, ARN_PATTERN, INSTANCE, OTHER_ARN),
    ("ArnNotEquals", true, ARN_PATTERN, OTHER_ARN, INSTANCE),
    ("ArnNotLike", true, ARN_PATTERN, OTHER_ARN, INSTANCE),
];

/// A form, and what its positive and its negated operators say to each of [`states`], in order.
const FORMS: [(&str, &str, [Applies; 9], [Applies; 9]); 6] = [
    // holds, does not, absent, unknowable, there, both, two that hold, two that do not, empty
    (
        "",
        "",
        [Yes, No, No, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown],
        [Yes, No, Yes, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown],
    ),
    (
        "",
        "IfExists",
        [Yes, No, Yes, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown],
        [Yes, No, Yes, Unknown, Unknown, Unknown, Unknown, Unknown, Unknown],
    ),
    (
        "ForAllValues:",
        "",
        [Yes, No, Yes, Unknown, Unknown, No, Yes, No, Yes],
        [Yes, No, Yes, Unknown, Unknown, No, Yes, No, Yes],
    ),
    (
        "ForAllValues:",
        "IfExists",
        [Yes, No, Yes, Unknown, Unknown, No, Yes, No, Yes],
        [Yes, No, Yes, Unknown, Unknown, No, Yes, No, Yes],
    ),
    (
        "ForAnyValue:",
        "",
        [Yes, No, No, Unknown, Unknown, Yes, Yes, No, No],
        [Yes, No, No, Unknown, Unknown, Yes, Yes, No, No],
    ),
    // `ForAnyValue` is false for an absent key and `IfExists` is true for one: which of them wins is not documented.
    (
        "ForAnyValue:",
        "IfExists",
        [Yes, No, Unknown, Unknown, Unknown, Yes, Yes, No, Unknown],
        [Yes, No, Unknown, Unknown, Unknown, Yes, Yes, No, Unknown],
    ),
];

fn states(holding: &str, failing: &str) -> [Value; 9] {
    [
        Value::known(holding),
        Value::known(failing),
        Value::Absent,
        Value::Unknowable,
        there(),
        values(&[holding, failing]),
        values(&[holding, holding]),
        values(&[failing, failing]),
        values(&[]),
    ]
}

#[test]
fn every_operator_in_every_form_on_every_state_of_a_key() {
    for (name, negated, wanted, holding, failing) in OPERATORS {
        for (set, suffix, positive, negative) in FORMS {
            let expected = if negated { negative } else { positive };
            for (state, expected) in states(holding, failing).into_iter().zip(expected) {
                let given = format!(r#"{{"{set}{name}{suffix}": {{"key": "{wanted}"}}}} on {state:?}"#);
                let (condition, _) = given.split_once(" on ").unwrap();
                assert_eq!(holds(condition, context(&[("Key", state)])), expected, "{given}");
            }
        }
    }
}

#[test]
fn of_several_values_one_must_match_and_for_a_negated_operator_none() {
    for (name, negated, wanted, holding, failing) in OPERATORS {
        // A second value that the operator can read and that matches neither request.
        let other = match name {
            _ if name.starts_with("Bool") => continue,
            _ if name.contains("Greater") => "4000000000",
            _ if name.starts_with("Numeric") => "-100",
            _ if name.starts_with("Date") => "100000",
            _ if name.contains("Binary") => "Tm9uZQ==",
            _ if name.contains("Ip") => "2001:db8::/32",
            _ => "arn:aws:s3:::none",
        };
        for list in [format!(r#"["{other}", "{wanted}"]"#), format!(r#"["{wanted}", "{other}"]"#)] {
            for (value, expected) in [(holding, Yes), (failing, No)] {
                let condition = format!(r#"{{"{name}": {{"key": {list}}}}}"#);
                let answer = holds(&condition, context(&[("key", Value::known(value))]));
                assert_eq!(answer, expected, "{condition} on {value} (negated: {negated})");
            }
        }
    }
}

#[test]
fn null_asks_whether_the_key_is_there() {
    for (wanted, state, expected) in [
        (r#""true""#, Value::Absent, Yes),
        (r#""true""#, Value::known("x"), No),
        (r#""true""#, Value::known("true"), No),
        (r#""true""#, values(&["x", "y"]), No),
        (r#""true""#, there(), No),
        (r#""true""#, Value::Unknowable, Unknown),
        (r#""false""#, Value::Absent, No),
        (r#""false""#, Value::known("x"), Yes),
        (r#""false""#, values(&["x", "y"]), Yes),
        (r#""false""#, there(), Yes),
        (r#""false""#, partly("a*"), Yes),
        (r#""false""#, Value::Unknowable, Unknown),
        (r#"true"#, Value::Absent, Yes),
        (r#"["true"]"#, Value::Absent, Yes),
        (r#""TRUE""#, Value::Absent, Yes),
        (r#"["true", "false"]"#, Value::Absent, Yes),
        (r#"["true", "false"]"#, Value::known("x"), Yes),
        (r#"["true", "false"]"#, Value::Unknowable, Yes),
        (r#""yes""#, Value::Absent, Unknown),
        // AWS says of an empty key neither that it is there nor that it is not.
        (r#""true""#, values(&[]), Unknown),
        (r#""false""#, values(&[]), Unknown),
    ] {
        let condition = format!(r#"{{"Null": {{"aws:TagKeys": {wanted}}}}}"#);
        let given = format!("{condition} on {state:?}");
        assert_eq!(holds(&condition, context(&[("aws:tagkeys", state)])), expected, "{given}");
    }
    for name in ["NullIfExists", "ForAllValues:Null", "ForAnyValue:Null", "null"] {
        let condition = format!(r#"{{"{name}": {{"key": "true"}}}}"#);
        assert_eq!(holds(&condition, context(&[("key", Value::Absent)])), Unknown, "{condition}");
    }
}

#[test]
fn operators_that_aws_does_not_document_are_unknown() {
    for name in [
        "stringEquals",
        "StringEqual",
        "StringEqualsifexists",
        "StringEqualsIfExistsIfExists",
        "IfExists",
        "",
        "ForAllValues:",
        "forAllValues:StringEquals",
        "ForAllValues:ForAnyValue:StringEquals",
        "ForSomeValues:StringEquals",
        "BoolNotEquals",
        "BinaryNotEquals",
        "NotIpAddresses",
        "StringLikeIgnoreCase",
        "StringEquals ",
    ] {
        let condition = format!(r#"{{"{name}": {{"key": "a"}}}}"#);
        assert_eq!(holds(&condition, context(&[("key", Value::known("a"))])), Unknown, "{condition}");
        let condition = format!(r#"{{"{name}": {{"key": "a"}}, "StringEquals": {{"key": "b"}}}}"#);
        assert_eq!(holds(&condition, context(&[("key", Value::known("a"))])), No, "{condition}");
    }
}

#[test]
fn values_of_each_type() {
    for (operator, wanted, value, expected) in [
        // Strings: case, and wildcards in the `Like` operators alone; a request's own star is a character.
        ("StringEquals", "a", "A", No),
        ("StringEquals", "a*", "ab", No),
        ("StringEqualsIgnoreCase", "a*", "ab", No),
        ("StringEqualsIgnoreCase", "STRASSE Ä", "strasse ä", Yes),
        ("StringEqualsIgnoreCase", "ΛΟΓΟΣ", "ΛΟΓΟΣ", Yes),
        ("StringLike", "a", "A", No),
        ("StringLike", "a*c?", "abbcd", Yes),
        ("StringLike", "a", "*", No),
        ("StringLike", "", "a", No),
        ("StringEquals", "", "", Yes),
        ("StringLike", "*", "", Yes),
        ("StringLike", "?", "", No),
        // Numbers: by value, and never by their text.
        ("NumericEquals", "1e1", "10", Yes),
        ("NumericEquals", "-0.5", "-.5", Yes),
        ("NumericLessThan", "10", "-11", Yes),
        ("NumericEquals", "9007199254740993", "9007199254740992", Unknown),
        ("NumericEquals", "ten", "10", Unknown),
        ("NumericEquals", "10", "ten", Unknown),
        ("NumericEquals", "inf", "10", Unknown),
        ("NumericNotEquals", "nan", "nan", Unknown),
        ("NumericEquals", "", "", Unknown),
        // Dates: ISO 8601 or seconds since 1970.
        ("DateEquals", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00+00:00", Yes),
        ("DateEquals", "2020-01-01T00:00Z", "2019-12-31T19:00:00-05:00", Yes),
        ("DateEquals", "1577836800", "2020-01-01T00:00:00.000Z", Yes),
        ("DateEquals", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00.5Z", No),
        ("DateGreaterThan", "2020-01-01", "2020-02-01", Yes),
        ("DateGreaterThan", "2020-02-01", "2020-01-01T00:00:00Z", No),
        ("DateGreaterThan", "2020-01-01", "2020-01-01T03:00:00Z", Unknown),
        ("DateGreaterThan", "tomorrow", "2020-01-01T00:00:00Z", Unknown),
        ("DateLessThan", "2020-01-01T00:00:00Z", "2020-13-01T00:00:00Z", Unknown),
        // Booleans.
        ("Bool", "False", "false", Yes),
        ("Bool", "true", "false", No),
        ("Bool", "1", "true", Unknown),
        ("Bool", "true", "yes", Unknown),
        // Binary values, by their bytes.
        ("BinaryEquals", "QQ==", "QQ==", Yes),
        ("BinaryEquals", "QQ==", "qq==", Unknown),
        ("BinaryEquals", "QUE=", "QUI=", No),
        ("BinaryEquals", "***", "QUI=", Unknown),
        // Addresses: blocks of either family, and the other family is never inside.
        ("IpAddress", "10.0.0.0/8", "10.255.255.255", Yes),
        ("IpAddress", "10.0.0.0/8", "11.0.0.0", No),
        ("IpAddress", "10.1.2.3/8", "10.9.9.9", Yes),
        ("IpAddress", "10.0.0.1", "10.0.0.1", Yes),
        ("IpAddress", "10.0.0.1", "10.0.0.2", No),
        ("IpAddress", "10.0.0.1/32", "10.0.0.1", Yes),
        ("IpAddress", "0.0.0.0/0", "255.255.255.255", Yes),
        ("IpAddress", "0.0.0.0/0", "2001:db8::1", No),
        ("IpAddress", "::/0", "2001:db8::1", Yes),
        ("IpAddress", "::/0", "10.0.0.1", No),
        ("IpAddress", "2001:DB8::/32", "2001:db8:ffff::1", Yes),
        ("IpAddress", "2001:db8::/32", "2001:db9::1", No),
        ("NotIpAddress", "0.0.0.0/0", "10.0.0.1", No),
        ("NotIpAddress", "0.0.0.0/0", "2001:db8::1", Yes),
        ("IpAddress", "10.0.0.0/33", "10.0.0.1", Unknown),
        ("IpAddress", "10.0.0.0/8", "10.0.0.1/32", Unknown),
        ("IpAddress", "10.0.0", "10.0.0.1", Unknown),
        // ARNs: six components one by one, and only the sixth may hold colons.
        ("ArnLike", "arn:aws:ec2:*:*:instance/*", INSTANCE, Yes),
        ("ArnEquals", "arn:aws:ec2:us-?ast-*:*:instance/*", INSTANCE, Yes),
        ("ArnLike", "arn:*:*:*:*:*", INSTANCE, Yes),
        ("ArnLike", "*:*:*:*:*:*", INSTANCE, Yes),
        ("ArnLike", "arn:aws:ec2:*:instance/*", INSTANCE, No),
        ("ArnLike", "arn:aws:ec2:*", INSTANCE, Unknown),
        ("ArnLike", "arn:*", INSTANCE, Unknown),
        ("ArnLike", "*", INSTANCE, Unknown),
        ("ArnNotLike", "*", INSTANCE, Unknown),
        ("ArnLike", "arn:aws:s3", INSTANCE, No),
        ("ArnLike", "instance/*", INSTANCE, No),
        ("ArnLike", "arn:aws:ec2:*:*:INSTANCE/*", INSTANCE, No),
        ("ArnLike", "arn:aws:e*:1*:i*:x", "arn:aws:ec2:us-east-1:1:x", No),
        ("ArnLike", "arn:aws:logs:*:*:log-group:*:b", "arn:aws:logs:r:1:log-group:x:y:b", Yes),
        ("ArnLike", "arn:aws:logs:*:*:log-group:?:b", "arn:aws:logs:r:1:log-group:x:y:b", No),
        ("ArnLike", "arn:aws:sns:*:*:*", "not an ARN", No),
        ("ArnNotEquals", "arn:aws:sns:*:*:*", "not an ARN", Yes),
    ] {
        let condition = format!(r#"{{"{operator}": {{"key": "{wanted}"}}}}"#);
        let answer = holds(&condition, context(&[("key", Value::known(value))]));
        assert_eq!(answer, expected, "{condition} on {value}");
    }
}
