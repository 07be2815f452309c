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
            (r#""arn:aws:ec2:*""#, Yes),
            (r#""arn:aws:ec2:us-east-1:111122223333:*""#, Yes),
            (r#""arn:aws:ec2:*:*:instance/*""#, Yes),
            (r#""arn:aws:ec2:us-*:111122223333:instance/i-*""#, Yes),
            (r#""arn:aws:ec2:us-east-?:111122223333:instance/i-?123456789abcdef0""#, Yes),
            (r#""arn:aws:ec2:us-*-1:1111*3333:inst*/i-*0""#, Yes),
            (r#""arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0""#, Yes),
            (r#""arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789ABCDEF0""#, No),
            (r#""arn:aws:ec2:us-east-1:111122223333:instance/""#, No),
            (r#""arn:*:ec2:*:*:instance/*""#, Yes),
            (r#""arn:aws*:ec2:*:*:instance/*""#, Yes),
            (r#""arn:aws:ec2:us-east-1:111122223333:instance/?""#, No),
            (r#""arn:aws:ec2:eu-*:*:instance/*""#, No),
            (r#""arn:aws-cn:ec2:*""#, No),
            (r#""arn:aws:s3:::*""#, No),
            (r#"["arn:aws:s3:::*", "arn:aws:ec2:*"]"#, Yes),
            (r#"["arn:aws:s3:::*", "arn:aws:sns:*"]"#, No),
        ],
    );
}

/// Source: [wildcards in ARNs](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns).
#[test]
fn an_incomplete_arn_is_completed_with_stars() {
    table(
        &arn(INSTANCE),
        &Context::default(),
        &[
            (r#""arn:aws:ec2""#, Yes),
            (r#""arn:aws:ec2:us-east-1""#, Yes),
            (r#""arn:aws:ec2:us-east-1:111122223333""#, Yes),
            (r#""arn:aws:ec2:*:111122223333""#, Yes),
            (r#""arn:aws:ec2:us-*""#, Yes),
            (r#""arn:*:ec2""#, Yes),
            (r#""arn:aws:s3""#, No),
            (r#""arn:aws:ec2:us-east""#, No),
            (r#""arn:aws:ec2:us-east-1:444455556666""#, No),
            (r#""arn:aws-cn:ec2""#, No),
        ],
    );
    // AWS says so of the policies of identities alone.
    let scp = |statement: &str| {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statement}]}}"#);
        let document = Document::parse(&text, DocumentKind::Scp).unwrap();
        assert_eq!(document.all_problems(), [""; 0]);
        let policy = Policy { name: "scp".to_owned(), kind: PolicyKind::Scp, document: Ok(Arc::new(document)) };
        let level =
            PolicySet { kind: PolicySetKind::Scp, name: "root".to_owned(), policies: vec![policy], unread: Vec::new() };
        evaluate(&[identity(r#"{"Statement": {ALLOW}}"#), level], &request(Context::default())).decision
    };
    for (pattern, expected) in [
        ("arn:aws:ec2", Decision::Unknown),
        ("arn:aws:ec2:us-east-1:111122223333", Decision::Unknown),
        ("arn:aws:ec2:*", Decision::Allowed),
        ("arn:aws:s3", Decision::ImplicitDeny),
    ] {
        let statement = format!(r#"{{"Effect": "Allow", "Action": "*", "Resource": "{pattern}"}}"#);
        assert_eq!(scp(&statement), expected, "{pattern}");
    }
}

/// IAM's own errors say what it refuses; AWS does not say what a policy that holds it nevertheless means.
#[test]
fn what_iam_refuses_grants_and_denies_nothing_for_certain() {
    for (patterns, expected) in [
        (r#""**""#, Unknown),
        (r#""arn""#, Unknown),
        (r#""arn:aws""#, Unknown),
        (r#""arn:*""#, Unknown),
        (r#""arn:aws:*""#, Unknown),
        (r#""arn:aws:*:*:*:instance/*""#, Unknown),
        (r#""arn:aws:e*:us-east-1:111122223333:instance/*""#, Unknown),
        (r#""arn:aws:ec?:*:*:instance/*""#, Unknown),
        (r#""arn:*:instance/i-0123456789abcdef0""#, Unknown),
        (r#""arn:aws:e*/i-0123456789abcdef0""#, Unknown),
        (r#""*instance/*""#, Unknown),
        (r#""arn:aws:ec2?us-east-1:111122223333:instance/*""#, Unknown),
        (r#""arn:aws:ec2:${aws:RequestedRegion}:${aws:PrincipalAccount}:instance/*""#, Unknown),
        (r#""arn:aws:${aws:PrincipalTag/service}:*:*:*""#, Unknown),
        // It could not match in any reading.
        (r#""""#, No),
        (r#""instance/*""#, No),
        (r#""ARN:AWS:EC2:*""#, No),
        (r#""arn:amazon:ec2:*:*:*""#, No),
        (r#"":aws:ec2:*:*:*""#, No),
        (r#""arn::ec2:*:*:*""#, No),
        (r#""arn:aws::*:*:instance/*""#, No),
        (r#""arn:aws:s3:::""#, No),
        (r#""arn:aws:ec2::instance""#, No),
        (r#""arn:aws:s3::bucket""#, No),
        (r#""arn:aws:s3:us-east-1::bucket""#, No),
        (r#""arn:aws:iam:us-east-1:111122223333:role/a""#, No),
        (r#""arn:aws:iam::111122223333:a""#, No),
        (r#"" arn:aws:s3:::bucket""#, No),
        (r#""arn:aws:e*/j-*""#, No),
    ] {
        let context = context(&[
            ("aws:RequestedRegion", Value::known("us-east-1")),
            ("aws:PrincipalAccount", Value::known("111122223333")),
            ("aws:PrincipalTag/service", Value::known("ec2")),
        ]);
        assert_eq!(asked("Resource", patterns, &arn(INSTANCE), &context), expected, "{patterns}");
        // As an exception, one that matches nothing would widen the statement.
        assert_eq!(asked("NotResource", patterns, &arn(INSTANCE), &context), Unknown, "not {patterns}");
        let statement = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Deny", "Action": "*", "Resource": {patterns}}}}}"#
        );
        let problems = parse(&statement).all_problems();
        assert!(
            problems.iter().all(|problem| problem.starts_with("statement 0: IAM refuses the resource `")),
            "{problems:?}"
        );
        assert_eq!(problems.len(), 1, "{patterns}");
    }
    // What stands beside it counts.
    for patterns in [r#"["arn:aws:e*/i-*", "arn:aws:ec2:*"]"#, r#"["", "*"]"#] {
        assert_eq!(asked("Resource", patterns, &arn(INSTANCE), &Context::default()), Yes, "{patterns}");
        assert_eq!(asked("NotResource", patterns, &arn(INSTANCE), &Context::default()), No, "{patterns}");
    }
}

/// ARNs of the AWS managed policies, of data perimeters and of CloudFormation that must not be taken for refused ones.
#[test]
fn arns_that_iam_takes() {
    for pattern in [
        "arn:aws:iam::*:role/aws-service-role/*",
        "arn:aws:iam::111122223333:*",
        "arn:aws:iam::*:r*",
        "arn:aws:iam::${aws:PrincipalAccount}:role/x",
        "arn:aws:iam::111122223333:user/${aws:username}",
        "arn:aws:s3:::bucket/${aws:PrincipalTag/team}/*",
        "arn:aws:s3:us-east-1:111122223333:accesspoint/x",
        "arn:aws:s3:*:*:job/*",
        "arn:aws:s3:::*",
        "arn:aws:ec2:*::image/*",
        "arn:aws:ec2:*:*:*/*",
        "arn:aws:ssm:::parameter/x",
        "arn:aws:execute-api:*:*:*/*/POST/@connections/*",
        "arn:aws:sts::111122223333:assumed-role/x/*",
        "arn:aws-eusc:s3:::b",
        "arn:aws:iam::*:root",
        "arn:aws:organizations::*:",
        "arn:*:kms:*:*:key/*",
    ] {
        let statement = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "*", "Resource": "{pattern}"}}}}"#
        );
        let refused = pattern.contains("::${");
        assert_eq!(parse(&statement).all_problems().is_empty(), !refused, "{pattern}");
    }
}

#[test]
fn a_wildcard_that_would_cross_a_colon_in_mid_segment_is_undocumented() {
    table(
        &arn(INSTANCE),
        &Context::default(),
        &[
            (r#""arn:aws:ec2:us*3333:instance/*""#, Unknown),
            (r#""arn:aws:ec2:*:instance/*""#, Unknown),
            (r#""arn:aws:ec2:us-east-1?111122223333:instance/*""#, Unknown),
            (r#""arn:aws:ec2:eu*3333:instance/*""#, No),
            (r#"["arn:aws:ec2:us*3333:instance/*", "arn:aws:ec2:*"]"#, Yes),
            (r#"["arn:aws:ec2:us*3333:instance/*", "arn:aws:s3:::*"]"#, Unknown),
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
            (r#""arn:aws:s3:*?:bucket""#, Unknown),
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
        ("*", &[(every, Yes), (r#""arn:aws:ec2:*""#, Unknown)]),
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
            (r#"["arn:aws:ssmmessages:*", "*"]"#, Yes),
        ],
    );
    let shown_as = Text::known("arn:aws:logs:us-east-1:111122223333:log-group::log-stream:");
    table(
        &Resource::ShownAs(shown_as),
        &Context::default(),
        &[
            (r#""*""#, Yes),
            (r#""arn:aws:logs:us-east-1:111122223333:log-group:*""#, Yes),
            (r#""arn:aws:logs:*""#, Yes),
            (r#""arn:aws:logs:eu-west-1:111122223333:log-group:*""#, No),
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
