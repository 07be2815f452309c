//! `Resource` and `NotResource`.
//!
//! Sources: [Resource](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html),
//! [NotResource](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notresource.html).

use super::Applies::{No, Unknown, Yes};
use super::*;

fn not(answer: Applies) -> Applies {
    match answer {
        Yes => No,
        No => Yes,
        Unknown => Unknown,
    }
}

fn asked(element: &str, patterns: &str, resource: &Resource, context: &Context) -> Applies {
    let elements = format!(r#""Action": "*", "{element}": {patterns}"#);
    let request = Request { resource: resource.clone(), ..request(context.clone()) };
    applies("2012-10-17", &elements, &request)
}

/// `Resource` gives the answer, and `NotResource` the opposite one.
fn table(resource: &Resource, context: &Context, rows: &[(&str, Applies)]) {
    for (patterns, expected) in rows {
        let given = format!("{patterns} on {resource}");
        assert_eq!(asked("Resource", patterns, resource, context), *expected, "{given}");
        assert_eq!(asked("NotResource", patterns, resource, context), not(*expected), "not {given}");
    }
}

#[test]
fn a_star_at_the_end_of_a_segment_matches_the_rest_of_the_string() {
    table(
        &arn(INSTANCE),
        &Context::default(),
        &[
            (r#""*""#, Yes),
            (r#""**""#, Yes),
            (r#""arn:*""#, Yes),
            (r#""arn:aws:ec2:*""#, Yes),
            (r#""arn:aws:ec2:us-east-1:111122223333:*""#, Yes),
            (r#""arn:aws:ec2:*:*:instance/*""#, Yes),
            (r#""arn:aws:ec2:us-*:111122223333:instance/i-*""#, Yes),
            (r#""arn:*:instance/i-0123456789abcdef0""#, Yes),
            (r#""arn:aws:ec2:us-east-?:111122223333:instance/i-?123456789abcdef0""#, Yes),
            (r#""arn:aws:ec2:us-*-1:1111*3333:inst*/i-*0""#, Yes),
            (r#""arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0""#, Yes),
            (r#""arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789ABCDEF0""#, No),
            (r#""ARN:AWS:EC2:*""#, No),
            (r#""arn:aws:ec2:us-east-1:111122223333:instance/""#, No),
            (r#""arn:aws:ec2:us-east-1:111122223333:instance/?""#, No),
            (r#""arn:aws:ec2:eu-*:*:instance/*""#, No),
            (r#""arn:aws-cn:ec2:*""#, No),
            (r#""arn:aws:s3:::*""#, No),
            (r#""""#, No),
            (r#""instance/*""#, No),
            (r#"["arn:aws:s3:::*", "arn:aws:ec2:*"]"#, Yes),
            (r#"["arn:aws:s3:::*", "arn:aws:sns:*"]"#, No),
        ],
    );
}

#[test]
fn a_wildcard_that_would_cross_a_colon_in_mid_segment_is_undocumented() {
    table(
        &arn(INSTANCE),
        &Context::default(),
        &[
            (r#""arn:aws:e*/i-0123456789abcdef0""#, Unknown),
            (r#""arn:aws:ec2:us*3333:instance/*""#, Unknown),
            (r#""*instance/*""#, Unknown),
            (r#""arn:aws:ec2?us-east-1:111122223333:instance/*""#, Unknown),
            (r#""arn:aws:e*/j-*""#, No),
            (r#"["arn:aws:e*/i-*", "arn:aws:ec2:*"]"#, Yes),
            (r#"["arn:aws:e*/i-*", "arn:aws:s3:::*"]"#, Unknown),
        ],
    );
    // The colons of the sixth segment part nothing.
    table(
        &arn("arn:aws:logs:us-east-1:111122223333:log-group:web:log-stream:one"),
        &Context::default(),
        &[
            (r#""arn:aws:logs:*:*:log-group:*:log-stream:*""#, Yes),
            (r#""arn:aws:logs:*:*:log-group:w*one""#, Yes),
            (r#""arn:aws:logs:*:*:log-group:web:*""#, Yes),
            (r#""arn:aws:logs:*:*:log-group:web""#, No),
        ],
    );
    // An empty segment has no character that a `?` could stand for.
    table(
        &arn("arn:aws:s3:::bucket"),
        &Context::default(),
        &[
            (r#""arn:aws:s3:::bucket""#, Yes),
            (r#""arn:aws:s3:*:*:bucket""#, Yes),
            (r#""arn:aws:s3:?*:bucket""#, Unknown),
            (r#""arn:aws:s3:::bucket/*""#, No),
        ],
    );
}

#[test]
fn a_resource_that_is_unknown_in_part() {
    let nothing = Context::default();
    let every = r#""*""#;
    let cases: [(&str, &[(&str, Applies)]); 4] = [
        (
            "arn:aws:s3:::logs/*",
            &[
                (every, Yes),
                (r#""arn:aws:s3:::*""#, Yes),
                (r#""arn:aws:s3:::logs/*""#, Yes),
                (r#""arn:aws:s3:::l*/*""#, Yes),
                (r#""arn:aws:s3:::logs/a*""#, Unknown),
                (r#""arn:aws:s3:::logs/?*""#, Unknown),
                (r#""arn:aws:s3:::logs/a""#, Unknown),
                (r#""arn:aws:s3:::logs""#, No),
                (r#""arn:aws:s3:::other/*""#, No),
                (r#"["arn:aws:s3:::logs/a*", "arn:aws:s3:::logs/*"]"#, Yes),
            ],
        ),
        (
            "arn:aws:s3:::*",
            &[(r#""arn:aws:s3:::*""#, Yes), (r#""arn:aws:s3:::logs*""#, Unknown), (r#""arn:aws:ec2:*""#, No)],
        ),
        (
            "arn:aws:ec2:us-east-1:*:instance/*",
            &[
                (r#""arn:aws:ec2:*:*:instance/*""#, Yes),
                (r#""arn:aws:ec2:us-east-1:*:instance/*""#, Yes),
                (r#""arn:aws:ec2:*:111122223333:instance/*""#, Unknown),
                (r#""arn:aws:ec2:eu-west-1:111122223333:instance/*""#, No),
                (r#""arn:aws:ec2:eu-west-1:*""#, No),
            ],
        ),
        ("*", &[(every, Yes), (r#""arn:*""#, Unknown), (r#""arn:aws:ec2:*""#, Unknown)]),
    ];
    for (resource, rows) in cases {
        table(&arn(resource), &nothing, rows);
    }
}

#[test]
fn actions_without_resource_types_are_authorised_on_a_star_or_on_what_messages_show() {
    let shown_as = Text::known("arn:aws:ssmmessages:us-east-1:111122223333:*");
    table(
        &Resource::WildcardOnly { shown_as },
        &Context::default(),
        &[
            (r#""*""#, Yes),
            (r#""arn:aws:s3:::bucket""#, No),
            (r#""arn:aws:ec2:*:*:instance/*""#, No),
            (r#"["arn:aws:s3:::bucket", "*"]"#, Yes),
            (r#""arn:aws:ssmmessages:*""#, Unknown),
            (r#""arn:aws:ssmmessages:us-east-1:111122223333:*""#, Unknown),
            (r#""arn:aws:ssmmessages:eu-west-1:111122223333:*""#, No),
            (r#""arn:*""#, Unknown),
            (r#"["arn:aws:ssmmessages:*", "*"]"#, Yes),
        ],
    );
    let shown_as = Text::known("arn:aws:logs:us-east-1:111122223333:log-group::log-stream:");
    table(
        &Resource::WildcardOnly { shown_as },
        &Context::default(),
        &[
            (r#""*""#, Yes),
            (r#""arn:aws:logs:us-east-1:111122223333:log-group:*""#, Unknown),
            (r#""arn:aws:logs:us-east-1:111122223333:log-group:web:*""#, No),
            (r#""arn:aws:s3:::*""#, No),
        ],
    );
}

#[test]
fn a_log_group_is_written_with_a_star_behind_it() {
    table(
        &Resource::LogGroup {
            with_suffix: Text::known("arn:aws:logs:us-east-1:111122223333:log-group:web:log-stream:"),
            bare: Text::known("arn:aws:logs:us-east-1:111122223333:log-group:web"),
        },
        &Context::default(),
        &[
            (r#""*""#, Yes),
            (r#""arn:aws:logs:*:*:log-group:web:*""#, Yes),
            (r#""arn:aws:logs:*:*:log-group:web*""#, Yes),
            (r#""arn:aws:logs:*:*:log-group:web""#, Unknown),
            (r#""arn:aws:logs:*:*:log-group:other:*""#, No),
        ],
    );
}

/// Source: [Policy variables with no value](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-no-value).
#[test]
fn a_variable_without_a_value_matches_nothing() {
    let context = context(&[
        ("aws:username", Value::Absent),
        ("aws:PrincipalTag/team", Value::known("red")),
        ("aws:PrincipalTag/star", Value::known("*")),
        ("aws:userid", partly("AROAEXAMPLE:*")),
    ]);
    table(
        &arn("arn:aws:s3:::home/red"),
        &context,
        &[
            (r#""arn:aws:s3:::home/${aws:PrincipalTag/team}""#, Yes),
            (r#""arn:aws:s3:::home/${aws:PRINCIPALtag/TEAM}""#, Yes),
            (r#""arn:aws:s3:::*/${aws:PrincipalTag/team}*""#, Yes),
            (r#""arn:aws:s3:::${aws:PrincipalTag/team}/*""#, No),
            (r#""arn:aws:s3:::home/${aws:PrincipalTag/star}""#, No),
            (r#""arn:aws:s3:::home/${aws:username}""#, No),
            (r#""arn:aws:s3:::home/*${aws:username}""#, No),
            (r#""${aws:username}""#, No),
            (r#""arn:aws:s3:::home/${aws:username, 'red'}""#, Yes),
            (r#""arn:aws:s3:::home/${aws:username, '*'}""#, No),
            (r#""arn:aws:s3:::home/${aws:PrincipalTag/team, 'blue'}""#, Yes),
            (r#""arn:aws:s3:::home/${aws:SourceVpce}""#, Unknown),
            (r#""arn:aws:s3:::other/${aws:SourceVpce}""#, No),
            (r#""arn:aws:s3:::home/${aws:SourceVpce, 'red'}""#, Unknown),
            (r#""arn:aws:s3:::home/${aws:userid}""#, No),
            (r#"["arn:aws:s3:::home/${aws:username}", "arn:aws:s3:::home/red"]"#, Yes),
            (r#""arn:aws:s3:::home/${*}""#, No),
            (r#""arn:aws:s3:::home/re${?}""#, No),
            (r#""arn:aws:s3:::home/${broken""#, Unknown),
        ],
    );
    table(
        &arn("arn:aws:s3:::home/*"),
        &context,
        &[(r#""arn:aws:s3:::home/${aws:PrincipalTag/star}""#, Unknown), (r#""arn:aws:s3:::home/${*}""#, Unknown)],
    );
}
