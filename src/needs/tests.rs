//! What is asked for, action by action.

use super::*;

const PLACE: Place<'static> = Place {
    partition: Some("aws-cn"),
    account: Some("111122223333"),
    region: Some("cn-north-1"),
    instance_id: Some("i-0123456789abcdef0"),
};

fn rows(requirements: &Requirements, key: Option<&KeyArn>) -> Vec<String> {
    let row = |need: &Need| format!("{} {}", need.action, need.resource);
    all(requirements, &PLACE, key).iter().skip(5).map(row).collect()
}

#[test]
fn the_core_is_five_actions() {
    let needs = core(&PLACE);
    let actions: Vec<_> = needs.iter().map(|need| need.action.as_str()).collect();
    assert_eq!(actions[..4], CHANNEL_ACTIONS);
    assert_eq!(actions[4], UPDATE_INSTANCE_INFORMATION);
    assert_eq!(needs[4].resource.to_string(), "arn:aws-cn:ec2:cn-north-1:111122223333:instance/i-0123456789abcdef0");
    let nowhere = Place { account: None, region: None, instance_id: None, ..PLACE };
    assert_eq!(core(&nowhere)[4].resource.to_string(), "arn:aws-cn:ec2:*:*:instance/i-*");
}

#[test]
fn what_logs_and_keys_need() {
    let key = KeyArn::Resolved(Text::known("arn:aws-cn:kms:cn-northwest-1:111122223333:key/k"));
    assert_eq!(
        rows(&Requirements::default(), Some(&key)),
        ["kms:Decrypt arn:aws-cn:kms:cn-northwest-1:111122223333:key/k"]
    );
    let requirements = Requirements {
        s3_logs: Some(S3Logs { bucket: "b".into(), prefix: "p".into() }),
        cloudwatch_logs: Some("/ssm".into()),
        actions: vec![
            RequiredAction { action: "SSMMESSAGES:opendatachannel".into(), resource: None },
            RequiredAction { action: "s3:GetObject".into(), resource: Some("arn:aws-cn:s3:::c/*".into()) },
            RequiredAction { action: "ec2:DescribeTags".into(), resource: None },
        ],
        ..Requirements::default()
    };
    let expected = [
        "s3:GetEncryptionConfiguration arn:aws-cn:s3:::b",
        "s3:PutObject arn:aws-cn:s3:::b/p/*",
        "logs:DescribeLogGroups *",
        "logs:DescribeLogStreams arn:aws-cn:logs:cn-north-1:111122223333:log-group:/ssm",
        "logs:CreateLogStream arn:aws-cn:logs:cn-north-1:111122223333:log-group:/ssm:log-stream:*",
        "logs:PutLogEvents arn:aws-cn:logs:cn-north-1:111122223333:log-group:/ssm:log-stream:*",
        "s3:GetObject arn:aws-cn:s3:::c/*",
        "ec2:DescribeTags *",
    ];
    assert_eq!(rows(&requirements, None), expected);
}

#[test]
fn the_more_specific_entry_comes_last() {
    let entry = |action: Option<&str>, value: &str| ContextEntry {
        action: action.map(str::to_owned),
        key: "aws:RequestedRegion".to_owned(),
        values: vec![value.to_owned()],
    };
    let entries = [
        entry(Some("s3:PutObject"), "exact"),
        entry(Some("s3:PutObject*"), "as long"),
        entry(Some("s3:Put*"), "longer"),
        entry(Some("s3:*"), "service"),
        entry(None, "every"),
        entry(Some("ssm:*"), "another"),
    ];
    for (action, expected) in [
        ("s3:PutObject", &["every", "service", "longer", "as long", "exact"][..]),
        ("S3:putobjectacl", &["every", "service", "longer", "as long"]),
        ("s3:GetObject", &["every", "service"]),
        ("ssmmessages:OpenDataChannel", &["every"]),
    ] {
        let found = ContextEntry::for_action(&entries, action);
        let values: Vec<&str> = found.iter().map(|entry| entry.values[0].as_str()).collect();
        assert_eq!(values, expected, "{action}");
    }
}

#[test]
fn requests_go_to_the_region_of_the_instance_or_the_named_resource() {
    // The agent's client of KMS is of the instance's Region, whatever key it is to decrypt with.
    let key = KeyArn::Resolved(Text::known("arn:aws-cn:kms:cn-northwest-1:111122223333:key/k"));
    assert_eq!(decrypt(&key, &PLACE).requested_region, RequestedRegion::OfInstance);
    let nowhere = Place { region: None, ..PLACE };
    assert_eq!(decrypt(&key, &nowhere).requested_region, RequestedRegion::Named("cn-northwest-1".into()));
    for (action, resource, expected) in [
        ("sqs:SendMessage", Some("arn:aws:sqs:eu-west-1:1:q"), RequestedRegion::Named("eu-west-1".into())),
        ("sqs:SendMessage", Some("arn:aws:sqs:*:1:q"), RequestedRegion::NotKnown),
        ("s3:GetObject", Some("arn:aws:s3:::b/*"), RequestedRegion::NotKnown),
        ("ssm:GetParameter", None, RequestedRegion::OfInstance),
    ] {
        let required = RequiredAction { action: action.into(), resource: resource.map(str::to_owned) };
        assert_eq!(custom(&required, &PLACE).requested_region, expected, "{action}");
    }
}
