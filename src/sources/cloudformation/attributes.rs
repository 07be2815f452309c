//! What `Ref` and `Fn::GetAtt` give of a resource, as far as its properties say it.
//!
//! Source: the return values of each [resource type](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html).

use super::evaluate::{Evaluator, Place};
use super::template::Resource;
use super::value::{Attribute, Part, Text, Value, Why};

/// What a resource gives: text that is known, and the parts that are not.
pub fn shape(evaluator: &Evaluator<'_>, resource: &Resource, attribute: &Attribute) -> Text {
    let unknown = || Part::Unknown(Why::new(attribute.line, format!("{attribute} is known only after deployment")));
    let name = |property: &str| match evaluator.property(resource, property) {
        Value::Nothing => Text(vec![unknown()]),
        value => value.to_text().unwrap_or_else(|| Text(vec![unknown()])),
    };
    let iam = |what: &str, property: &str| {
        let path = match evaluator.property(resource, "Path") {
            Value::Nothing => Text::known("/"),
            value => value.to_text().unwrap_or_else(|| Text(vec![unknown()])),
        };
        let account = evaluator.place.account.as_deref();
        let arn = [Some("arn"), partition(&evaluator.place), Some("iam"), Some(""), account];
        after(&arn, unknown, [Text::known(what), path, name(property)])
    };
    let regional = |service: &str, end: Vec<Text>| {
        let Place { account, region, .. } = &evaluator.place;
        let arn = [Some("arn"), partition(&evaluator.place), Some(service), region.as_deref(), account.as_deref()];
        after(&arn, unknown, end)
    };
    match (resource.kind.as_str(), attribute.name.as_deref()) {
        ("AWS::IAM::Role", None) => name("RoleName"),
        ("AWS::IAM::Role", Some("Arn")) => iam("role", "RoleName"),
        ("AWS::IAM::InstanceProfile", None) => name("InstanceProfileName"),
        ("AWS::IAM::InstanceProfile", Some("Arn")) => iam("instance-profile", "InstanceProfileName"),
        ("AWS::IAM::ManagedPolicy", None | Some("PolicyArn")) => iam("policy", "ManagedPolicyName"),
        ("AWS::S3::Bucket", None) => name("BucketName"),
        ("AWS::S3::Bucket", Some("Arn")) => {
            let arn = [Some("arn"), partition(&evaluator.place), Some("s3"), Some(""), Some("")];
            after(&arn, unknown, [name("BucketName")])
        }
        ("AWS::Logs::LogGroup", None) => name("LogGroupName"),
        ("AWS::Logs::LogGroup", Some("Arn")) => {
            regional("logs", vec![Text::known("log-group:"), name("LogGroupName"), Text::known(":*")])
        }
        ("AWS::KMS::Key", Some("Arn")) => regional("kms", vec![Text::known("key/"), Text(vec![unknown()])]),
        ("AWS::KMS::Alias", None) => name("AliasName"),
        ("AWS::SSM::Document", None) => name("Name"),
        (_, Some(attribute)) if attribute.ends_with("Arn") => Text(vec![Part::Known("arn:".to_owned()), unknown()]),
        _ => Text(vec![unknown()]),
    }
}

fn partition(place: &Place) -> Option<&str> {
    place.partition.as_deref()
}

/// The first fields of an ARN, and what follows the fifth colon.
fn after(fields: &[Option<&str>], unknown: impl Fn() -> Part, end: impl IntoIterator<Item = Text>) -> Text {
    let mut arn = Text::default();
    for field in fields {
        arn.push(field.map_or_else(|| Text(vec![unknown()]), Text::known));
        arn.push(Text::known(":"));
    }
    end.into_iter().for_each(|text| arn.push(text));
    arn
}
