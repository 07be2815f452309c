//! The template, parsed as JSON.

use serde_json::{Value, json};

use super::*;

fn template(changes: &[Change]) -> (String, Value) {
    let text = cloudformation(changes).unwrap();
    let value = serde_json::from_str(&text).unwrap();
    (text, value)
}

#[test]
fn cloudformation_for_an_instance_that_has_nothing() {
    let (text, template) = template(&from_nothing());
    let trust: Value = serde_json::from_str(TRUST).unwrap();
    let policy: Value = serde_json::from_str(POLICY).unwrap();
    assert_eq!(
        template["Resources"],
        json!({
            "Role1Web": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "RoleName": "1-web",
                    "Path": "/team/",
                    "AssumeRolePolicyDocument": trust,
                    "ManagedPolicyArns": ["arn:aws-cn:iam::aws:policy/AmazonSSMManagedInstanceCore"],
                    "Policies": [{"PolicyName": "Own", "PolicyDocument": policy}],
                    "Tags": [{"Key": "created-by", "Value": "ssm-profile"}],
                },
            },
            "InstanceProfileWebProfile": {
                "Type": "AWS::IAM::InstanceProfile",
                "Properties": {
                    "InstanceProfileName": "web.profile",
                    "Path": "/",
                    "Roles": [{"Ref": "Role1Web"}],
                },
            },
        })
    );
    assert_eq!(template["AWSTemplateFormatVersion"], "2010-09-09");
    assert_eq!(
        template["Metadata"]["ByHand"],
        json!([format!(
            "Set `IamInstanceProfile` of the AWS::EC2::Instance `{INSTANCE}` in cn-north-1 to `web.profile`."
        )])
    );
    assert!(text.contains(POLICY) && text.contains(TRUST.trim_end()), "documents keep their text: {text}");
}

#[test]
fn cloudformation_for_what_exists() {
    let (_, template) = template(&to_existing());
    let policy: Value = serde_json::from_str(POLICY).unwrap();
    let properties = |name: &str| json!({"PolicyName": name, "RoleName": "old", "PolicyDocument": policy});
    assert_eq!(
        template["Resources"],
        json!({
            "InlinePolicyOldNew": {"Type": "AWS::IAM::RolePolicy", "Properties": properties("New")},
            "InlinePolicyOldOld": {
                "Type": "AWS::IAM::RolePolicy",
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
                "Properties": properties("Old"),
            },
        })
    );
    let by_hand: Vec<&str> =
        template["Metadata"]["ByHand"].as_array().unwrap().iter().map(|sentence| sentence.as_str().unwrap()).collect();
    assert_eq!(by_hand.len(), 5);
    assert!(by_hand[0].starts_with("The inline policy `Old` of role `old` exists: "), "{}", by_hand[0]);
    assert!(by_hand[2].contains("`TrustPolicyOld`"), "{}", by_hand[2]);
    let trust: Value = serde_json::from_str(TRUST).unwrap();
    assert_eq!(template["Metadata"]["Documents"], json!({"TrustPolicyOld": trust}));
}

#[test]
fn cloudformation_of_a_stopped_instance_has_no_resources_and_says_so() {
    let (_, template) = template(&to_stopped());
    assert_eq!(template["Resources"], json!({}));
    let by_hand = template["Metadata"]["ByHand"].as_array().unwrap();
    assert_eq!(by_hand.len(), 1 + to_stopped().len());
    assert!(by_hand[0].as_str().unwrap().starts_with("This template creates nothing"));
}

#[test]
fn cloudformation_holds_the_same_json_in_the_same_order() {
    for document in HOSTILE {
        let text = policy_cloudformation("Core", document).unwrap();
        let template: Value = serde_json::from_str(&text).unwrap();
        let properties = &template["Resources"]["PolicyCore"]["Properties"];
        assert_eq!(properties["PolicyDocument"], serde_json::from_str::<Value>(document).unwrap());
        assert_eq!(properties["ManagedPolicyName"], "Core");
    }
    let text = policy_cloudformation("Core", r#"{"z": 1, "a": 2}"#).unwrap();
    assert!(text.contains(r#"{"z": 1, "a": 2}"#), "{text}");
}

#[test]
fn logical_ids_are_alphanumeric_and_unique() {
    let mut changes: Vec<Change> = HOSTILE_NAMES.iter().map(|name| put(name, name, None, "{}")).collect();
    changes.extend(["a-b", "aB", "a.b"].map(|name| create_role(role(name))));
    let (text, template) = template(&changes);
    let ids = template["Resources"].as_object().unwrap();
    assert_eq!(ids.len(), changes.len(), "{text}");
    assert!(ids.keys().all(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric())), "{ids:?}");
}

#[test]
fn no_changes_are_no_resources() {
    assert_eq!(template(&[]).1["Resources"], json!({}));
}
