//! `Condition`: how its operators, keys and values go together, and what is not known of a request.
//!
//! Source: [Evaluation logic for multiple context keys or values](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html).

use jiff::Timestamp;

use super::Applies::{No, Unknown, Yes};
use super::*;

#[test]
fn operators_and_keys_are_anded_and_values_ored() {
    let state = || context(&[("a", Value::known("1")), ("b", Value::known("2")), ("gone", Value::Absent)]);
    for (condition, expected) in [
        (r#"{}"#, Yes),
        (r#"{"StringEquals": {"a": "1", "b": "2"}}"#, Yes),
        (r#"{"StringEquals": {"a": "1", "b": "3"}}"#, No),
        (r#"{"StringEquals": {"a": "0", "b": "2"}}"#, No),
        (r#"{"StringEquals": {"a": ["0", "1"], "b": ["2", "3"]}}"#, Yes),
        (r#"{"StringEquals": {"a": ["0", "2"], "b": ["2", "3"]}}"#, No),
        (r#"{"StringEquals": {"a": "1"}, "NumericLessThan": {"b": "3"}}"#, Yes),
        (r#"{"StringEquals": {"a": "1"}, "NumericLessThan": {"b": "2"}}"#, No),
        (r#"{"StringNotEquals": {"a": ["0", "2"]}}"#, Yes),
        (r#"{"StringNotEquals": {"a": ["0", "1"]}}"#, No),
        (r#"{"StringNotEquals": {"a": "0", "b": "2"}}"#, No),
        (r#"{"StringNotEquals": {"gone": ["0", "1"]}}"#, Yes),
        (r#"{"StringNotEquals": {"gone": "0", "a": "1"}}"#, No),
        // An unknown part settles nothing that another part settles.
        (r#"{"StringEquals": {"a": "1", "unknowable": "x"}}"#, Unknown),
        (r#"{"StringEquals": {"a": "0", "unknowable": "x"}}"#, No),
        (r#"{"NumericEquals": {"a": ["one", "1"]}}"#, Yes),
        (r#"{"NumericEquals": {"a": ["one", "2"]}}"#, Unknown),
        (r#"{"NumericNotEquals": {"a": ["one", "1"]}}"#, No),
        (r#"{"NumericNotEquals": {"a": ["one", "2"]}}"#, Unknown),
        (r#"{"StringEquals": {"a": "1"}, "StringMatches": {"a": "1"}}"#, Unknown),
        (r#"{"StringEquals": {"a": "0"}, "StringMatches": {"a": "1"}}"#, No),
        // Names of keys ignore case.
        (r#"{"StringEquals": {"A": "1"}}"#, Yes),
    ] {
        assert_eq!(holds(condition, state()), expected, "{condition}");
    }
}

#[test]
fn if_both_branches_agree_an_unknowable_key_does_not_matter() {
    for (condition, expected) in [
        (r#"{"StringLike": {"k": "*"}}"#, Unknown),
        (r#"{"StringLikeIfExists": {"k": "*"}}"#, Yes),
        (r#"{"StringLikeIfExists": {"k": ["a", "*"]}}"#, Yes),
        (r#"{"StringLikeIfExists": {"k": "?*"}}"#, Unknown),
        (r#"{"StringNotLike": {"k": "*"}}"#, Unknown),
        (r#"{"StringNotLikeIfExists": {"k": "*"}}"#, Unknown),
        (r#"{"ForAllValues:StringLike": {"k": "*"}}"#, Yes),
        (r#"{"ForAnyValue:StringNotLike": {"k": "*"}}"#, No),
        (r#"{"ForAnyValue:StringLike": {"k": "*"}}"#, Unknown),
        (r#"{"ForAllValues:StringNotLike": {"k": "*"}}"#, Unknown),
        (r#"{"ArnLike": {"k": "vpc-1"}}"#, No),
        (r#"{"ArnNotLike": {"k": "vpc-1"}}"#, Yes),
        // Whether an incomplete ARN is completed for these operators is not documented.
        (r#"{"ArnLike": {"k": "arn:aws:ec2"}}"#, Unknown),
        (r#"{"ArnNotLike": {"k": "arn:aws:ec2"}}"#, Unknown),
        (r#"{"ArnLikeIfExists": {"k": "*"}}"#, Unknown),
        (r#"{"ArnLike": {"k": "arn:*:*:*:*:*"}}"#, Unknown),
        (r#"{"StringEquals": {"k": "${gone:key}"}}"#, No),
        (r#"{"StringNotEquals": {"k": "${gone:key}"}}"#, Yes),
        (r#"{"Null": {"k": ["true", "false"]}}"#, Yes),
    ] {
        assert_eq!(holds(condition, context(&[("gone:key", Value::Absent)])), expected, "{condition}");
    }
}

#[test]
fn a_key_that_is_there_with_an_unknown_value() {
    for (condition, expected) in [
        (r#"{"Null": {"k": "false"}}"#, Yes),
        (r#"{"Null": {"k": "true"}}"#, No),
        (r#"{"StringLike": {"k": "*"}}"#, Yes),
        (r#"{"StringLike": {"k": ["a", "**"]}}"#, Yes),
        (r#"{"StringNotLike": {"k": "*"}}"#, No),
        (r#"{"StringNotLikeIfExists": {"k": "*"}}"#, No),
        (r#"{"ForAnyValue:StringLike": {"k": "*"}}"#, Yes),
        (r#"{"ForAllValues:StringNotLike": {"k": "*"}}"#, No),
        (r#"{"StringLike": {"k": "a*"}}"#, Unknown),
        (r#"{"StringEquals": {"k": "*"}}"#, Unknown),
        (r#"{"Bool": {"k": "true"}}"#, Unknown),
        (r#"{"NumericLessThan": {"k": "1"}}"#, Unknown),
        (r#"{"IpAddress": {"k": "0.0.0.0/0"}}"#, Unknown),
        (r#"{"ArnLike": {"k": "arn:aws:ec2:*"}}"#, Unknown),
        (r#"{"ArnLike": {"k": "ec2:*"}}"#, No),
        (r#"{"StringEquals": {"k:k": "${k:k}"}}"#, Unknown),
    ] {
        assert_eq!(holds(condition, context(&[("k", there())])), expected, "{condition}");
    }
}

#[test]
fn a_value_that_is_known_in_part() {
    for (condition, value, expected) in [
        (r#"{"StringLike": {"k": "AROAX:*"}}"#, "AROAX:*", Yes),
        (r#"{"StringLike": {"k": "AROAX:i-1"}}"#, "AROAX:*", Unknown),
        (r#"{"StringEquals": {"k": "AROAX:i-1"}}"#, "AROAX:*", Unknown),
        (r#"{"StringEquals": {"k": "AROAX:*"}}"#, "AROAX:*", Unknown),
        (r#"{"StringEquals": {"k": "AROAY:i-1"}}"#, "AROAX:*", No),
        (r#"{"StringNotLike": {"k": "AIDA*"}}"#, "AROAX:*", Yes),
        (r#"{"StringNotLike": {"k": "AROAX*"}}"#, "AROAX:*", No),
        (r#"{"StringEqualsIgnoreCase": {"k": "aroax:I-1"}}"#, "AROAX:*", Unknown),
        (r#"{"StringEqualsIgnoreCase": {"k": "aroay:I-1"}}"#, "AROAX:*", No),
        (r#"{"ArnLike": {"k": "arn:aws:ec2:*:*:instance/*"}}"#, "arn:aws:ec2:us-east-1:1:instance/*", Yes),
        (r#"{"ArnLike": {"k": "arn:aws:ec2:*:1:instance/i-1"}}"#, "arn:aws:ec2:us-east-1:*:instance/*", Unknown),
        (r#"{"ArnLike": {"k": "arn:aws:ec2:*:1:volume/*"}}"#, "arn:aws:ec2:us-east-1:*:instance/*", No),
        (r#"{"ArnLike": {"k": "arn:aws:ec2:*:1:instance/i-1"}}"#, "arn:aws:*", Unknown),
        (r#"{"ArnLike": {"k": "arn:aws-cn:ec2:*:1:instance/i-1"}}"#, "arn:aws:*", No),
        (r#"{"NumericEquals": {"k": "10"}}"#, "1*", Unknown),
        (r#"{"IpAddress": {"k": "10.0.0.0/8"}}"#, "10.0.0.*", Unknown),
        (r#"{"Null": {"k": "false"}}"#, "1*", Yes),
    ] {
        assert_eq!(holds(condition, context(&[("k", partly(value))])), expected, "{condition} on {value}");
    }
}

#[test]
fn a_time_of_which_only_the_span_is_known() {
    let day = |text: &str| format!("2020-01-{text}T00:00:00Z").parse::<Timestamp>().unwrap();
    let state = || context(&[("k", Value::Between(day("10"), day("20")))]);
    for (condition, expected) in [
        (r#"{"DateLessThan": {"k": "2020-01-21T00:00:00Z"}}"#, Yes),
        (r#"{"DateLessThan": {"k": "2020-01-20T00:00:00Z"}}"#, Unknown),
        (r#"{"DateLessThanEquals": {"k": "2020-01-20T00:00:00Z"}}"#, Yes),
        (r#"{"DateLessThan": {"k": "2020-01-10T00:00:00Z"}}"#, No),
        (r#"{"DateGreaterThan": {"k": "2020-01-09T00:00:00Z"}}"#, Yes),
        (r#"{"DateGreaterThan": {"k": "2020-01-15T00:00:00Z"}}"#, Unknown),
        (r#"{"DateGreaterThan": {"k": "2020-01-20T00:00:00Z"}}"#, No),
        (r#"{"DateEquals": {"k": "2020-01-15T00:00:00Z"}}"#, Unknown),
        (r#"{"DateEquals": {"k": "2020-01-21T00:00:00Z"}}"#, No),
        (r#"{"DateNotEquals": {"k": "2020-01-21T00:00:00Z"}}"#, Yes),
        (r#"{"DateLessThanIfExists": {"k": "2020-01-21T00:00:00Z"}}"#, Yes),
        (r#"{"ForAllValues:DateLessThan": {"k": "2020-01-21T00:00:00Z"}}"#, Yes),
        (r#"{"DateLessThan": {"k": ["2020-01-01T00:00:00Z", "2020-01-21T00:00:00Z"]}}"#, Yes),
        (r#"{"DateLessThan": {"k": "soon"}}"#, Unknown),
        (r#"{"Null": {"k": "false"}}"#, Yes),
        (r#"{"StringLike": {"k": "*"}}"#, Yes),
        (r#"{"StringEquals": {"k": "2020-01-15T00:00:00Z"}}"#, Unknown),
        (r#"{"NumericLessThan": {"k": "9999999999"}}"#, Unknown),
    ] {
        assert_eq!(holds(condition, state()), expected, "{condition}");
    }
}

/// Source: [Single-valued vs. multivalued context keys](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html).
#[test]
fn keys_of_several_values_want_a_set_operator() {
    let tags = |list: &[&str]| context(&[("aws:TagKeys", values(list))]);
    for (condition, list, expected) in [
        (r#"{"StringEquals": {"aws:TagKeys": "a"}}"#, &["a"][..], Unknown),
        (r#"{"StringNotEquals": {"aws:TagKeys": "a"}}"#, &["b"], Unknown),
        (r#"{"StringLikeIfExists": {"aws:tagkeys": "*"}}"#, &["b"], Unknown),
        (r#"{"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}"#, &["a"], Yes),
        (r#"{"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}"#, &["b", "a"], Yes),
        (r#"{"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}"#, &["a", "c"], No),
        (r#"{"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}}"#, &["c", "b"], Yes),
        (r#"{"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}}"#, &["c", "d"], No),
        (r#"{"ForAllValues:StringNotEquals": {"aws:TagKeys": ["a", "b"]}}"#, &["c", "d"], Yes),
        (r#"{"ForAllValues:StringNotEquals": {"aws:TagKeys": ["a", "b"]}}"#, &["c", "b"], No),
        (r#"{"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["a", "b"]}}"#, &["c", "b"], Yes),
        (r#"{"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["a", "b"]}}"#, &["a", "b"], No),
        (r#"{"ForAllValues:StringEquals": {"aws:TagKeys": "a"}, "Null": {"aws:TagKeys": "false"}}"#, &["a"], Yes),
        // An empty string counts as no data, so that it may pass for an absent key.
        (r#"{"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}"#, &[""], Unknown),
        (r#"{"ForAllValues:StringEquals": {"aws:TagKeys": ""}}"#, &[""], Yes),
        (r#"{"ForAnyValue:StringEquals": {"aws:TagKeys": ""}}"#, &[""], Unknown),
        (r#"{"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}"#, &[""], No),
    ] {
        assert_eq!(holds(condition, tags(list)), expected, "{condition} on {list:?}");
    }
    for list in
        [Value::Present(vec![Text::known("a"), Text::any()]), Value::Present(vec![Text::any(), Text::known("a")])]
    {
        for (condition, expected) in [
            (r#"{"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}"#, Yes),
            (r#"{"ForAnyValue:StringEquals": {"aws:TagKeys": "b"}}"#, Unknown),
            (r#"{"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}"#, Unknown),
            (r#"{"ForAllValues:StringEquals": {"aws:TagKeys": "b"}}"#, No),
        ] {
            assert_eq!(holds(condition, context(&[("aws:TagKeys", list.clone())])), expected, "{condition}");
        }
    }
}
