//! What is emitted, read back by the programs that it is for, or by parsers of their languages.

mod cloudformation;
#[cfg(unix)]
mod shell;
mod terraform;

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::fix::Action;

/// Without a network.
fn shell(changes: &[Change]) -> String {
    super::shell(changes, None, &[])
}

fn terraform(changes: &[Change]) -> Result<String, CannotEmit> {
    super::terraform(changes, &[])
}

fn cloudformation(changes: &[Change]) -> Result<String, CannotEmit> {
    super::cloudformation(changes, &[])
}

const TRUST: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}
"#;
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ssm:UpdateInstanceInformation", "Resource": "*"}}"#;
const INSTANCE: &str = "i-0123456789abcdef0";

/// JSON that a careless quoting would change.
const HOSTILE: [&str; 14] = [
    r#"{"Resource": "arn:aws:s3:::b/${aws:username}/$${x}/$$${y}/$"}"#,
    r#"{"Sid": "%{ if true }%%{x}%%%{y} %${z} $%{z} ${"}"#,
    r#"{"Sid": "it's 'quoted' \"twice\" `id` $(id) $HOME \\"}"#,
    "{\n\t\"Sid\":\r\n  \"a\"\n   }  \n\n",
    "\r{\r\"Sid\": \"a  b\"\r}\r",
    r#"{"Sid": "grüße ÿ  漢字 𝄞 e\u0301"}"#,
    "{\"Sid\": \"e\u{301} \u{202e}\u{feff}\u{2028}\u{7f}\u{9b}\u{ad}\u{a0} a\u{30a}\"}",
    r#"{"Sid": "\n\t\\\\n\u0000\u001b\/\"", "Sid2": "\\"}"#,
    "{\"Sid\": \"JSON\",\n\"JSON\"\n:\n\"JSON\"\n}",
    "{\"a\":[\n1\n,\ntrue\n,\nfalse,-0.5e+3\n]}",
    "   \n  {\n      \"indented\": 1\n    }",
    r#"{"z": 1, "a": {"y": {}, "b": []}, "": ""}"#,
    "{\"trailing\": \"  \"}   ",
    r##"{"~": "<<JSON", "#": "/* */ // \u007b\u0024{x}"}"##,
];

/// Names that IAM would not take, but that a file could hold.
const HOSTILE_NAMES: [&str; 9] =
    ["-x", "a b", "it's", "\"q\"\\", "${x}%{y}$${z}", "line\nbreak\r", "$(id)`id`", "=+,.@-_", "grüße"];

fn arn(resource: &str) -> Arn {
    Arn::parse(&format!("arn:aws-cn:iam::111122223333:{resource}")).unwrap()
}

fn role(name: &str) -> Arn {
    arn(&format!("role/{name}"))
}

fn profile(name: &str) -> Arn {
    arn(&format!("instance-profile/{name}"))
}

fn text(document: &str) -> PolicyText {
    PolicyText::new(document)
}

fn put(role_name: &str, name: &str, before: Option<&str>, after: &str) -> Change {
    let before = before.map_or(State::Absent, |document| State::Document(text(document)));
    let thing = Thing::InlinePolicy { role: role(role_name), name: name.to_owned() };
    Change::new(thing, before, State::Document(text(after))).unwrap()
}

fn create_role(role: Arn) -> Change {
    Change::new(Thing::Role(role), State::Absent, State::Role { trust: text(TRUST), id: None }).unwrap()
}

fn create_profile(profile: Arn) -> Change {
    Change::new(Thing::InstanceProfile(profile), State::Absent, State::InstanceProfile { id: None }).unwrap()
}

fn add_role(profile: Arn, role: Arn) -> Change {
    Change::new(Thing::RoleOfProfile(profile), State::Absent, State::Holds(role)).unwrap()
}

fn attach(role: Arn) -> Change {
    let policy = Arn::parse("arn:aws-cn:iam::aws:policy/AmazonSSMManagedInstanceCore").unwrap();
    Change::new(Thing::AttachedPolicy { role, policy }, State::Absent, State::Attached).unwrap()
}

fn trust(role: Arn) -> Change {
    Change::new(Thing::TrustPolicy(role), State::Document(text("{}")), State::Document(text(TRUST))).unwrap()
}

fn has(before: Option<&str>, after: Option<&str>) -> Change {
    let thing = Thing::ProfileOfInstance { instance: INSTANCE.to_owned(), region: "cn-north-1".to_owned() };
    let state = |name: Option<&str>| {
        name.map_or(State::Absent, |name| State::Has { profile: profile(name), id: Some("AIPA".to_owned()) })
    };
    Change::new(thing, state(before), state(after)).unwrap()
}

/// An instance gets a profile with a role of its own.
fn from_nothing() -> Vec<Change> {
    vec![
        create_role(arn("role/team/1-web")),
        attach(arn("role/team/1-web")),
        Change::new(
            Thing::InlinePolicy { role: arn("role/team/1-web"), name: "Own".to_owned() },
            State::Absent,
            State::Document(text(POLICY)),
        )
        .unwrap(),
        create_profile(profile("web.profile")),
        add_role(profile("web.profile"), arn("role/team/1-web")),
        has(None, Some("web.profile")),
    ]
}

/// What exists already is changed.
fn to_existing() -> Vec<Change> {
    vec![
        put("old", "New", None, POLICY),
        put("old", "Old", Some("{}"), POLICY),
        attach(role("old")),
        trust(role("old")),
        add_role(profile("old-profile"), role("old")),
        has(Some("other"), Some("old-profile")),
    ]
}

/// A stopped instance, whose profile cannot be replaced.
fn to_stopped() -> Vec<Change> {
    vec![has(Some("other"), None), has(None, Some("old-profile"))]
}

fn all() -> Vec<Change> {
    [from_nothing(), to_existing(), to_stopped()].concat()
}

#[test]
fn every_change_is_emitted() {
    let actions: BTreeSet<Action> = all().iter().map(Change::action).collect();
    assert_eq!(actions.len(), 9, "every action that `fix` plans");
    assert_eq!(calls(&all()).len(), all().len());
    assert_eq!(calls(&all()).iter().filter(|call| matches!(call, Call::Replace { .. })).count(), 1);
}

#[test]
fn the_partition_comes_from_the_changes_alone() {
    let emitted = shell(&all()) + &terraform(&all()).unwrap() + &cloudformation(&all()).unwrap();
    assert!(emitted.contains("arn:aws-cn:") && !emitted.contains("arn:aws:"), "{emitted}");
}

#[test]
fn what_would_be_lost_is_refused() {
    let twice = r#"{"Statement": [{"Effect": "Deny", "\u0045ffect": "Allow"}]}"#;
    for (document, terraform_says, cloudformation_says) in [
        (
            twice,
            "policy `P` has the key `Effect` twice in one object, and Terraform would drop one of them; make them one, \
             or use the AWS CLI commands instead",
            "policy `P` has the key `Effect` twice in one object, and CloudFormation would drop one of them; make them \
             one, or use the AWS CLI commands instead",
        ),
        (
            "{}\nJSON\n",
            "policy `P` is not a JSON object, and Terraform takes nothing else; correct the document first",
            "policy `P` is not a JSON object, and CloudFormation takes nothing else; correct the document first",
        ),
    ] {
        assert_eq!(policy_terraform("P", document).unwrap_err().to_string(), terraform_says);
        assert_eq!(policy_cloudformation("P", document).unwrap_err().to_string(), cloudformation_says);
    }
    for document in ["", "[]", "\"{}\"", "7", "{", "{} {}", "\u{a0}{}"] {
        assert!(matches!(policy_terraform("P", document), Err(CannotEmit::NotAnObject { .. })), "{document}");
        assert!(matches!(policy_cloudformation("P", document), Err(CannotEmit::NotAnObject { .. })), "{document}");
    }

    let error = terraform(&[put("web", "X", None, twice)]).unwrap_err();
    assert!(error.to_string().starts_with("inline policy `X` of role `web` has the key `Effect` twice"), "{error}");
    let role = Change::new(Thing::Role(role("web")), State::Absent, State::Role { trust: text("no JSON"), id: None });
    let error = cloudformation(&[role.unwrap()]).unwrap_err();
    assert!(error.to_string().starts_with("the trust policy of role `web` is not a JSON object"), "{error}");
}

#[test]
fn what_cloudformation_acts_on_is_refused() {
    for (document, part) in [
        (r#"{"Resource": {"Ref": "Bucket"}}"#, "the key `Ref`"),
        (r#"{"Condition": {"StringEquals": {"Fn::Sub": "x"}}}"#, "the key `Fn::Sub`"),
        (r#"{"Sid": ["{{resolve:ssm:x}}"]}"#, "the dynamic reference `{{resolve:ssm:x}}`"),
        (r#"{"Sid": null}"#, "the value `null`"),
    ] {
        let error = policy_cloudformation("P", document).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "policy `P` has {part}, which CloudFormation does not pass on as it stands; use the AWS CLI commands instead"
            )
        );
        policy_terraform("P", document).unwrap();
    }
    policy_cloudformation("P", r#"{"Reference": "${aws:username}", "a": "Ref"}"#).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// White space inside of strings is kept, and all other taken out.
    #[test]
    fn compaction_changes_no_value(key in "[\" \\\\\n\t:,a]{0,8}", value in "[\" \\\\\n\t:,a]{0,8}") {
        let json = json!({ key: [value, 1, null] });
        let compact = document::compact(&serde_json::to_string_pretty(&json).unwrap());
        prop_assert_eq!(compact, json.to_string());
    }
}
