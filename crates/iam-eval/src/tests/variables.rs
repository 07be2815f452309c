//! Policy variables in condition values.
//!
//! Source: [IAM policy elements: variables and tags](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html).

use super::Applies::{No, Unknown, Yes};
use super::*;

fn tags() -> Context {
    context(&[
        ("aws:PrincipalTag/team", Value::known("red")),
        ("aws:PrincipalTag/star", Value::known("r*")),
        ("aws:PrincipalTag/place", Value::known("us-east-1")),
        ("aws:username", Value::Absent),
        ("aws:TagKeys", values(&["red"])),
        ("aws:userid", partly("AROAEXAMPLE:*")),
        ("key", Value::known("red")),
        ("literal", Value::known("*?$")),
        ("text", Value::known("${aws:PrincipalTag/team}")),
        ("arn", Value::known("arn:aws:ec2:us-east-1:1:instance/red")),
        ("number", Value::known("10")),
        ("missing", Value::Absent),
    ])
}

#[test]
fn what_a_variable_puts_in_is_literal_and_none_without_value_matches() {
    for (operator, key, value, expected) in [
        ("StringEquals", "key", "${aws:PrincipalTag/team}", Yes),
        ("StringEquals", "key", "${AWS:PRINCIPALTAG/TEAM}", Yes),
        ("StringEquals", "key", "x${aws:PrincipalTag/team}", No),
        ("StringNotEquals", "key", "${aws:PrincipalTag/team}", No),
        ("StringLike", "key", "${aws:PrincipalTag/team}", Yes),
        ("StringLike", "key", "?ed${aws:username, ''}", Yes),
        ("StringLike", "key", "${aws:PrincipalTag/star}", No),
        ("StringNotLike", "key", "${aws:PrincipalTag/star}", Yes),
        ("StringEqualsIgnoreCase", "key", "${aws:PrincipalTag/team}", Yes),
        // No value: a positive operator is false, a negated one true.
        ("StringEquals", "key", "${aws:username}", No),
        ("StringLike", "key", "*${aws:username}", No),
        ("StringEqualsIgnoreCase", "key", "${aws:username}", No),
        ("StringNotEquals", "key", "${aws:username}", Yes),
        ("StringNotLike", "key", "*${aws:username}*", Yes),
        ("StringNotEqualsIgnoreCase", "key", "${aws:username}", Yes),
        ("StringEqualsIfExists", "key", "${aws:username}", No),
        ("StringEqualsIfExists", "missing", "${aws:username}", Yes),
        ("ArnLike", "arn", "arn:aws:ec2:*:*:instance/${aws:username}", No),
        ("ArnNotLike", "arn", "arn:aws:ec2:*:*:instance/${aws:username}", Yes),
        ("ForAnyValue:StringEquals", "key", "${aws:username}", No),
        ("ForAllValues:StringNotEquals", "key", "${aws:username}", Yes),
        // Defaults stand in for absent keys only.
        ("StringEquals", "key", "${aws:username, 'red'}", Yes),
        ("StringEquals", "key", "${aws:username,'red'}", Yes),
        ("StringEquals", "key", "${aws:username, 'blue'}", No),
        ("StringEquals", "key", "${aws:PrincipalTag/team, 'blue'}", Yes),
        ("StringLike", "key", "${aws:username, 'r*'}", No),
        ("StringLike", "key", "${aws:username, 'r'}*", Yes),
        // Unknown values.
        ("StringEquals", "key", "${aws:SourceVpce}", Unknown),
        ("StringEquals", "key", "x${aws:SourceVpce}", No),
        ("StringNotEquals", "key", "x${aws:SourceVpce}", Yes),
        ("StringEquals", "key", "${aws:SourceVpce, 'red'}", Unknown),
        ("StringLike", "key", "*${aws:SourceVpce}*", Unknown),
        ("StringEquals", "key", "${aws:userid}", No),
        ("StringLike", "aws:userid", "AROAEXAMPLE:*${aws:username, ''}", Yes),
        // A key of several values is no variable.
        ("StringEquals", "key", "${aws:TagKeys}", Unknown),
        // The characters themselves.
        ("StringLike", "literal", "${*}${?}${$}", Yes),
        ("StringEquals", "literal", "${*}${?}${$}", Yes),
        ("StringLike", "key", "${*}", No),
        ("StringLike", "key", "re${?}", No),
        ("StringLike", "text", "${$}{aws:PrincipalTag/team}", Yes),
        ("StringEquals", "text", "${aws:PrincipalTag/team}", No),
        // ARN operators.
        ("ArnEquals", "arn", "arn:aws:ec2:${aws:PrincipalTag/place}:1:instance/*", Yes),
        ("ArnLike", "arn", "arn:aws:ec2:*:1:instance/${aws:PrincipalTag/team}", Yes),
        ("ArnLike", "arn", "arn:aws:ec2:*:1:instance/${aws:PrincipalTag/star}", No),
        ("ArnLike", "arn", "arn:aws:ec2:${aws:SourceVpce}:1:instance/red", Unknown),
        ("ArnLike", "arn", "arn:aws:s3:${aws:SourceVpce}:1:instance/red", No),
        // What is no variable, and operators for which none is documented.
        ("StringEquals", "key", "${", Unknown),
        ("StringEquals", "key", "${}", Unknown),
        ("StringEquals", "key", "${aws:username, red}", Unknown),
        ("StringEquals", "key", "${aws:PrincipalTag/${aws:PrincipalTag/team}}", Unknown),
        ("NumericEquals", "number", "${aws:PrincipalTag/team}", Unknown),
        ("StringEquals", "key", "$red", No),
    ] {
        let condition = format!(r#"{{"{operator}": {{"{key}": "{value}"}}}}"#);
        assert_eq!(holds(&condition, tags()), expected, "{condition}");
    }
}

#[test]
fn a_value_beside_a_variable_without_value_still_counts() {
    for (operator, expected) in [("StringEquals", Yes), ("StringNotEquals", No)] {
        let condition = format!(r#"{{"{operator}": {{"key": ["${{aws:username}}", "red"]}}}}"#);
        assert_eq!(holds(&condition, tags()), expected, "{condition}");
    }
}

/// Source: [Version](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html).
#[test]
fn variables_are_live_with_the_new_version_alone() {
    let variable = r#""${aws:PrincipalTag/team}""#;
    let elements = |operator, key, value| {
        format!(r#""Action": "*", "Resource": "*", "Condition": {{"{operator}": {{"{key}": {value}}}}}"#)
    };
    for (version, live) in [("2012-10-17", true), ("2008-10-17", false), ("", false)] {
        let (yes_if_live, no_if_live) = if live { (Yes, No) } else { (No, Yes) };
        for (operator, key, value, expected) in [
            ("StringEquals", "key", variable, yes_if_live),
            ("StringNotEquals", "key", variable, no_if_live),
            ("StringEquals", "text", variable, no_if_live),
            ("StringLike", "text", r#""${aws:*}""#, if live { Unknown } else { Yes }),
            ("StringEquals", "key", r#""${aws:username, 'red'}""#, yes_if_live),
            ("StringEquals", "literal", r#""${*}${?}${$}""#, yes_if_live),
            ("NumericEquals", "number", r#""${aws:PrincipalTag/team}""#, Unknown),
        ] {
            let elements = elements(operator, key, value);
            assert_eq!(applies(version, &elements, &request(tags())), expected, "{version}: {elements}");
        }
        for (resource, pattern, expected) in [
            ("arn:aws:s3:::home/red", "arn:aws:s3:::home/${aws:PrincipalTag/team}", yes_if_live),
            ("arn:aws:s3:::home/${aws:PrincipalTag/team}", "arn:aws:s3:::home/${aws:PrincipalTag/team}", no_if_live),
        ] {
            let asked = Request { resource: Resource::Arn(Text::known(resource)), ..request(tags()) };
            let elements = format!(r#""Action": "*", "Resource": "{pattern}""#);
            assert_eq!(applies(version, &elements, &asked), expected, "{version}: {pattern} on {resource}");
        }
    }
}
