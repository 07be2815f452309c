//! Trust policies: whether EC2 may assume the role.
//!
//! Source: [Principal](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html).

use super::*;

const EC2: &str = r#"{"Service": "ec2.amazonaws.com"}"#;

/// `Applies::Yes` if EC2 is trusted.
fn trusts_in(partition: &str, text: &str, context: &Context) -> Applies {
    let text = text.replace("ASSUME", r#""Effect": "Allow", "Action": "sts:AssumeRole""#);
    let text = text.replace("REFUSE", r#""Effect": "Deny", "Action": "sts:AssumeRole""#).replace("INSTANCES", EC2);
    let document = Document::parse(&text, DocumentKind::Trust).unwrap_or_else(|error| panic!("{error}: {text}"));
    match evaluate_trust(
        &document,
        &ServicePrincipal::ec2(Some(partition).filter(|partition| !partition.is_empty())),
        context,
    ) {
        Truth::True => Applies::Yes,
        Truth::False => Applies::No,
        Truth::Unknown(_) => Applies::Unknown,
    }
}

fn table(rows: &[(&str, Applies)]) {
    for (statements, expected) in rows {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
        assert_eq!(trusts_in("aws", &text, &Context::default()), *expected, "{text}");
    }
}

use Applies::{No, Unknown, Yes};

#[test]
fn principals_of_a_service() {
    table(&[
        (r#"{ASSUME, "Principal": INSTANCES}"#, Yes),
        (r#"{ASSUME, "Principal": {"Service": ["ssm.amazonaws.com", "ec2.amazonaws.com"]}}"#, Yes),
        (r#"{ASSUME, "Principal": {"AWS": "111122223333", "Service": "ec2.amazonaws.com"}}"#, Yes),
        (r#"{ASSUME, "Principal": {"Service": "ssm.amazonaws.com"}}"#, No),
        (r#"{ASSUME, "Principal": {"Service": []}}"#, No),
        (r#"{ASSUME, "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}"#, No),
        (r#"{ASSUME, "Principal": {"AWS": ["111122223333", "ec2.amazonaws.com"]}}"#, No),
        (r#"{ASSUME, "Principal": {"Federated": "ec2.amazonaws.com"}}"#, No),
        (r#"{ASSUME, "Principal": {"CanonicalUser": ["79a5"]}}"#, No),
        // Exactly: no wildcards, no Region's name; whether the case counts is not documented.
        (r#"{ASSUME, "Principal": {"Service": "EC2.amazonaws.com"}}"#, Unknown),
        (r#"{ASSUME, "Principal": {"Service": "ec2.*"}}"#, No),
        (r#"{ASSUME, "Principal": {"Service": "*.amazonaws.com"}}"#, No),
        (r#"{ASSUME, "Principal": {"Service": "ec2.us-east-1.amazonaws.com"}}"#, No),
        (r#"{ASSUME, "Principal": {"Service": "ec2.amazonaws.com "}}"#, No),
        ("", No),
    ]);
}

#[test]
fn everyone_and_not_principal_are_not_documented_for_a_service() {
    table(&[
        (r#"{ASSUME, "Principal": "*"}"#, Unknown),
        (r#"{ASSUME, "Principal": {"AWS": "*"}}"#, Unknown),
        (r#"{ASSUME, "Principal": {"Service": "*"}}"#, Unknown),
        (r#"{ASSUME, "Principal": {"AWS": "*", "Service": "ssm.amazonaws.com"}}"#, Unknown),
        (r#"{ASSUME, "Principal": {"Service": ["ssm.amazonaws.com", "*"]}}"#, Unknown),
        (r#"{ASSUME, "Principal": {"Service": ["*", "ec2.amazonaws.com"]}}"#, Yes),
        (r#"{ASSUME, "NotPrincipal": {"Service": "ssm.amazonaws.com"}}"#, Unknown),
        (r#"{ASSUME, "NotPrincipal": INSTANCES}"#, Unknown),
        (r#"{ASSUME, "Principal": INSTANCES}, {REFUSE, "Principal": "*"}"#, Unknown),
        (r#"{ASSUME, "Principal": INSTANCES}, {REFUSE, "NotPrincipal": {"AWS": "111122223333"}}"#, Unknown),
        (r#"{ASSUME, "Principal": INSTANCES}, {ASSUME, "Principal": "*"}"#, Yes),
    ]);
}

#[test]
fn actions_and_effects() {
    table(&[
        (r#"{"Effect": "Allow", "Action": "sts:*", "Principal": INSTANCES}"#, Yes),
        (r#"{"Effect": "Allow", "Action": "*", "Principal": INSTANCES}"#, Yes),
        (r#"{"Effect": "Allow", "Action": ["sts:TagSession", "STS:assumerole"], "Principal": INSTANCES}"#, Yes),
        (r#"{"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": INSTANCES}"#, No),
        (r#"{"Effect": "Allow", "Action": [], "Principal": INSTANCES}"#, No),
        (r#"{"Effect": "Allow", "NotAction": "sts:TagSession", "Principal": INSTANCES}"#, Yes),
        (r#"{ASSUME, "Principal": INSTANCES}, {REFUSE, "Principal": INSTANCES}"#, No),
        (r#"{REFUSE, "Principal": INSTANCES}, {ASSUME, "Principal": INSTANCES}"#, No),
        (r#"{REFUSE, "Principal": INSTANCES}, {ASSUME, "Principal": "*"}"#, No),
        (r#"{ASSUME, "Principal": INSTANCES}, {REFUSE, "Principal": {"Service": "ssm.amazonaws.com"}}"#, Yes),
        (
            r#"{ASSUME, "Principal": INSTANCES}, {"Effect": "Deny", "Action": "sts:TagSession", "Principal": INSTANCES}"#,
            Yes,
        ),
        (r#"{REFUSE, "Principal": INSTANCES}"#, No),
    ]);
}

#[test]
fn what_is_not_understood_is_unknown() {
    table(&[
        (r#"{ASSUME}"#, Unknown),
        (r#"{ASSUME, "Principal": "ec2.amazonaws.com"}"#, Unknown),
        (r#"{ASSUME, "Principal": ["*"]}"#, Unknown),
        (r#"{ASSUME, "Principal": null}"#, Unknown),
        (r#"{ASSUME, "Principal": {"service": "ec2.amazonaws.com"}}"#, Unknown),
        (r#"{ASSUME, "Principal": {"Service": {"Ref": "Service"}}}"#, Unknown),
        (r#"{ASSUME, "Principal": {"Service": ["ssm.amazonaws.com", 7]}}"#, Unknown),
        (r#"{ASSUME, "Principal": {"Service": "ssm.amazonaws.com"}, "Principal": INSTANCES}"#, Unknown),
        (r#"{ASSUME, "Principal": INSTANCES, "Principal": {"Service": "ssm.amazonaws.com"}}"#, Unknown),
        (r#"{ASSUME, "Principal": {"Service": "ec2.amazonaws.com", "Service": "ssm.amazonaws.com"}}"#, Unknown),
        (r#"{ASSUME, "Principal": INSTANCES, "NotPrincipal": INSTANCES}"#, Unknown),
        (r#"{ASSUME, "Principal": INSTANCES, "Resource": "*"}"#, Unknown),
        (r#"{ASSUME, "Principal": INSTANCES, "Frob": 1}"#, Unknown),
        (r#"{"Action": "sts:AssumeRole", "Principal": INSTANCES}"#, Unknown),
        (r#"{ASSUME, "Principal": INSTANCES}, {"Action": "sts:AssumeRole", "Principal": INSTANCES}"#, Unknown),
    ]);
}

#[test]
fn conditions_on_what_ec2_is_not_documented_to_send() {
    table(&[
        (r#"{ASSUME, "Principal": INSTANCES, "Condition": {}}"#, Yes),
        (r#"{ASSUME, "Principal": INSTANCES, "Condition": {"StringEquals": {"sts:ExternalId": "x"}}}"#, Unknown),
        (
            r#"{ASSUME, "Principal": INSTANCES, "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:ec2:*:*:*"}}}"#,
            Unknown,
        ),
        (r#"{ASSUME, "Principal": INSTANCES, "Condition": {"Null": {"aws:SourceArn": "true"}}}"#, Unknown),
        (r#"{ASSUME, "Principal": INSTANCES, "Condition": {"StringLikeIfExists": {"aws:SourceArn": "*"}}}"#, Yes),
        (r#"{ASSUME, "Principal": {"Service": "ssm.amazonaws.com"}, "Condition": {"Bool": {"a": "b"}}}"#, No),
        (
            r#"{ASSUME, "Principal": INSTANCES}, {REFUSE, "Principal": INSTANCES, "Condition": {"Bool": {"aws:x": "true"}}}"#,
            Unknown,
        ),
    ]);
    let statement =
        r#"{"Statement": {ASSUME, "Principal": INSTANCES, "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}}"#;
    for (account, expected) in [("1", Yes), ("2", No)] {
        let state = context(&[("aws:SourceAccount", Value::known(account))]);
        assert_eq!(trusts_in("aws", statement, &state), expected);
    }
}

#[test]
fn names_of_the_service_by_partition() {
    let plain = r#"{"Statement": {ASSUME, "Principal": {"Service": "ec2.amazonaws.com"}}}"#;
    let chinese = r#"{"Statement": {ASSUME, "Principal": {"Service": "ec2.amazonaws.com.cn"}}}"#;
    for (partition, text, expected) in [
        ("aws", plain, Yes),
        ("aws", chinese, No),
        ("aws-us-gov", plain, Yes),
        ("aws-cn", chinese, Yes),
        ("aws-cn", plain, Yes),
        ("", plain, Yes),
        ("", chinese, Unknown),
    ] {
        assert_eq!(trusts_in(partition, text, &Context::default()), expected, "{partition}: {text}");
    }
}
