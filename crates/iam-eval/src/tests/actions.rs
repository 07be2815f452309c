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
fn wildcards_stand_for_any_run_or_for_one_character() {
    for (patterns, expected) in [
        (r#""*""#, Yes),
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
        (r#""ssm:*""#, No),
        (r#""ssm:CreateControlChannel""#, No),
        (r#""s3:*""#, No),
        (r#"["ssm:*", "ssmmessages:Open*"]"#, No),
        (r#"["ssm:*", "ssmmessages:Create*"]"#, Yes),
    ] {
        assert_eq!(speaks("Action", patterns), expected, "{patterns}");
        let excepted = if expected == Yes { No } else { Yes };
        assert_eq!(speaks("NotAction", patterns), excepted, "not {patterns}");
    }
}

#[test]
fn an_empty_name_matches_nothing() {
    for patterns in [r#""ssmmessages:""#, r#""""#] {
        assert_eq!(speaks("Action", patterns), No, "{patterns}");
        assert_eq!(speaks("NotAction", patterns), Yes, "not {patterns}");
    }
}

/// IAM's own errors say what it refuses; AWS does not say what a policy that holds it nevertheless means.
#[test]
fn what_iam_refuses_grants_and_denies_nothing_for_certain() {
    for (patterns, expected) in [
        (r#""ssm*""#, Unknown),
        (r#""**""#, Unknown),
        (r#""*Channel""#, Unknown),
        (r#""ssm*:*""#, Unknown),
        (r#""ssm????????:*""#, Unknown),
        (r#""*:Create*""#, Unknown),
        (r#""ssmmessages: *""#, Unknown),
        (r#""ssmmessages:* ""#, Unknown),
        (r#"" ssmmessages:*""#, Unknown),
        (r#""ssmmessages:*\n""#, Unknown),
        (r#""ssmmessages:Create\tControlChannel""#, Unknown),
        // It could not match in any reading.
        (r#""s3*""#, No),
        (r#""ssm?:*""#, No),
        (r#""CreateControlChannel""#, No),
        (r#""ssmmessages:Create:Channel""#, No),
        (r#""ssm: *""#, No),
        // What stands beside it counts.
        (r#"["ssm*", "ssmmessages:*"]"#, Yes),
        (r#"["ssmmessages: *", "ssmmessages:*"]"#, Yes),
    ] {
        assert_eq!(speaks("Action", patterns), expected, "{patterns}");
        // As an exception, one that matches nothing would widen the statement.
        let excepted = if expected == Yes { No } else { Unknown };
        assert_eq!(speaks("NotAction", patterns), excepted, "not {patterns}");
        let statement = format!(r#"{{"Statement": {{"Effect": "Deny", "Action": {patterns}, "Resource": "*"}}}}"#);
        let problems = parse(&statement).all_problems();
        assert!(
            problems.iter().all(|problem| problem.starts_with("statement 0: IAM refuses the action `")),
            "{problems:?}"
        );
        assert_eq!(problems.len(), 1, "{patterns}");
    }
}

#[test]
fn the_requested_action_ignores_case_too() {
    let request = Request { action: "SSM:UPDATEinstanceINFORMATION".to_owned(), ..request(Context::default()) };
    let elements = |patterns| format!(r#""Action": {patterns}, "Resource": "*""#);
    assert_eq!(applies("", &elements(r#""ssm:UpdateInstanceInformation""#), &request), Yes);
    assert_eq!(applies("", &elements(r#""ssm:UpdateAssociationStatus""#), &request), No);
}
