//! `Action` and `NotAction`.
//!
//! Source: [Action](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html).

use super::Applies::{No, Unknown, Yes};
use super::*;

/// Whether a statement with this `Action` (JSON) speaks of `ssmmessages:CreateControlChannel`.
fn speaks(element: &str, patterns: &str) -> Applies {
    let elements = format!(r#""{element}": {patterns}, "Resource": "*""#);
    let request = Request { action: "ssmmessages:CreateControlChannel".to_owned(), ..request(Context::default()) };
    applies("2012-10-17", &elements, &request)
}

#[test]
fn wildcards_stand_for_any_run_or_for_one_character_in_the_prefix_too() {
    for (patterns, expected) in [
        (r#""*""#, Yes),
        (r#""**""#, Yes),
        (r#""*:*""#, Yes),
        (r#""ssmmessages:*""#, Yes),
        (r#""ssmmessages:CreateControlChannel""#, Yes),
        (r#""SSMMESSAGES:createcontrolchannel""#, Yes),
        (r#""ssmmessages:Create*""#, Yes),
        (r#""ssmmessages:*Channel""#, Yes),
        (r#""ssmmessages:*Control*""#, Yes),
        (r#""ssmmessages:?reate?ontrol?hannel""#, Yes),
        (r#""ssmmessages:CreateControlChannel*""#, Yes),
        (r#""ssmmessages:CreateControlChannel?""#, No),
        (r#""ssmmessages:Create?Channel""#, No),
        (r#""ssmmessages:Open*""#, No),
        (r#""ssm*:*""#, Yes),
        (r#""ssm????????:*""#, Yes),
        (r#""ssm?:*""#, No),
        (r#""*:Create*""#, Yes),
        (r#""ssm:*""#, No),
        (r#""ssm:CreateControlChannel""#, No),
        (r#""s3:*""#, No),
        (r#""ssmmessages:${aws:username}""#, No),
        (r#"["ssm:*", "ssmmessages:Open*"]"#, No),
        (r#"["ssm:*", "ssmmessages:Create*"]"#, Yes),
    ] {
        assert_eq!(speaks("Action", patterns), expected, "{patterns}");
        let excepted = if expected == Yes { No } else { Yes };
        assert_eq!(speaks("NotAction", patterns), excepted, "not {patterns}");
    }
}

#[test]
fn white_space_or_an_empty_name_matches_nothing() {
    for patterns in [
        r#""ssmmessages:""#,
        r#""ssmmessages: *""#,
        r#""ssmmessages:* ""#,
        r#"" ssmmessages:*""#,
        r#""* ""#,
        r#""ssmmessages:Create\tControlChannel""#,
        r#""ssmmessages:*\n""#,
        r#""""#,
        r#"" ""#,
        r#""*:""#,
    ] {
        assert_eq!(speaks("Action", patterns), No, "{patterns}");
        assert_eq!(speaks("NotAction", patterns), Yes, "not {patterns}");
    }
    assert_eq!(speaks("Action", r#"["ssmmessages: *", "ssmmessages:*"]"#), Yes);
}

#[test]
fn a_pattern_without_a_prefix_is_refused_by_iam_so_its_meaning_is_unknown() {
    for (patterns, expected) in [
        (r#""ssm*""#, Unknown),
        (r#""*Channel""#, Unknown),
        (r#""s3*""#, No),
        (r#""CreateControlChannel""#, No),
        (r#"["ssm*", "ssmmessages:*"]"#, Yes),
    ] {
        assert_eq!(speaks("Action", patterns), expected, "{patterns}");
    }
    assert_eq!(speaks("NotAction", r#""ssm*""#), Unknown);
    assert_eq!(speaks("NotAction", r#"["ssm*", "ssmmessages:*"]"#), No);
}

#[test]
fn the_requested_action_ignores_case_too() {
    let request = Request { action: "SSM:UPDATEinstanceINFORMATION".to_owned(), ..request(Context::default()) };
    let elements = |patterns| format!(r#""Action": {patterns}, "Resource": "*""#);
    assert_eq!(applies("", &elements(r#""ssm:UpdateInstanceInformation""#), &request), Yes);
    assert_eq!(applies("", &elements(r#""ssm:UpdateAssociationStatus""#), &request), No);
}
