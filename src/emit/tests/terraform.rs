//! The configuration, parsed and evaluated as HCL.

use std::collections::{BTreeMap, BTreeSet};

use hcl::eval::{Context, Evaluate};
use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// The block of these labels.
fn find<'a>(body: &'a hcl::Body, labels: &[&str]) -> &'a hcl::Body {
    let same = |block: &&hcl::Block| {
        let own: Vec<&str> =
            [block.identifier()].into_iter().chain(block.labels().iter().map(hcl::BlockLabel::as_str)).collect();
        own == labels
    };
    body.blocks().find(same).unwrap_or_else(|| panic!("{labels:?}: {body:?}")).body()
}

fn argument<'a>(body: &'a hcl::Body, name: &str) -> &'a hcl::Expression {
    body.attributes().find(|attribute| attribute.key() == name).unwrap_or_else(|| panic!("{name}: {body:?}")).expr()
}

fn evaluated(body: &hcl::Body, name: &str) -> String {
    match argument(body, name).evaluate(&Context::new()).unwrap() {
        hcl::Value::String(text) => text,
        other => panic!("{name}: {other:?}"),
    }
}

fn reference(body: &hcl::Body, name: &str) -> String {
    hcl::format::to_string(argument(body, name)).unwrap()
}

fn same_json(one: &str, other: &str) {
    assert_eq!(serde_json::from_str::<Value>(one).unwrap(), serde_json::from_str::<Value>(other).unwrap());
}

fn terraform_body(changes: &[Change]) -> (String, hcl::Body) {
    let text = terraform(changes).unwrap();
    let body = hcl::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    (text, body)
}

#[test]
fn terraform_for_an_instance_that_has_nothing() {
    let (text, body) = terraform_body(&from_nothing());
    assert_eq!(body.blocks().count(), 4, "{text}");

    let role = find(&body, &["resource", "aws_iam_role", "iam_1_web"]);
    assert_eq!((evaluated(role, "name").as_str(), evaluated(role, "path").as_str()), ("1-web", "/team/"));
    same_json(&evaluated(role, "assume_role_policy"), TRUST);
    let tags = argument(role, "tags").evaluate(&Context::new()).unwrap();
    assert_eq!(tags, hcl::value!({ "created-by" = "ssm-profile" }));

    let attachment =
        find(&body, &["resource", "aws_iam_role_policy_attachment", "iam_1_web_amazonssmmanagedinstancecore"]);
    assert_eq!(reference(attachment, "role"), "aws_iam_role.iam_1_web.name");
    assert_eq!(evaluated(attachment, "policy_arn"), "arn:aws-cn:iam::aws:policy/AmazonSSMManagedInstanceCore");

    let policy = find(&body, &["resource", "aws_iam_role_policy", "iam_1_web_own"]);
    assert_eq!(reference(policy, "role"), "aws_iam_role.iam_1_web.name");
    assert_eq!(evaluated(policy, "name"), "Own");
    same_json(&evaluated(policy, "policy"), POLICY);

    let profile = find(&body, &["resource", "aws_iam_instance_profile", "web_profile"]);
    assert_eq!((evaluated(profile, "name").as_str(), evaluated(profile, "path").as_str()), ("web.profile", "/"));
    assert_eq!(reference(profile, "role"), "aws_iam_role.iam_1_web.name");
    assert_eq!(
        argument(profile, "tags").evaluate(&Context::new()).unwrap(),
        hcl::value!({ "created-by" = "ssm-profile" })
    );
    assert!(text.contains(&format!("`{INSTANCE}` in `cn-north-1` to `aws_iam_instance_profile.web_profile.name`")));
}

#[test]
fn terraform_for_what_exists() {
    let (text, body) = terraform_body(&to_existing());
    let new = find(&body, &["resource", "aws_iam_role_policy", "old_new"]);
    assert_eq!((evaluated(new, "role").as_str(), evaluated(new, "name").as_str()), ("old", "New"));

    let imports: Vec<&hcl::Block> = body.blocks().filter(|block| block.identifier() == "import").collect();
    assert_eq!(imports.len(), 1, "only what exists is imported: {text}");
    assert_eq!(evaluated(imports[0].body(), "id"), "old:Old");
    assert_eq!(reference(imports[0].body(), "to"), "aws_iam_role_policy.old_old");
    find(&body, &["resource", "aws_iam_role_policy", "old_old"]);

    same_json(&evaluated(find(&body, &["locals"]), "old_trust_policy"), TRUST);
    for sentence in [
        "`assume_role_policy` of the `aws_iam_role` with name `old` to `local.old_trust_policy`",
        "`role` of the `aws_iam_instance_profile` with name `old-profile` to `\"old\"`",
        "to `\"old-profile\"`",
    ] {
        assert!(text.contains(sentence), "{sentence}: {text}");
    }
}

#[test]
fn terraform_of_a_stopped_instance_is_comments() {
    let (text, body) = terraform_body(&to_stopped());
    assert!(body.iter().next().is_none(), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("# By hand: ")).count(), to_stopped().len(), "{text}");
}

#[test]
fn terraform_evaluates_to_the_same_json() {
    for document in HOSTILE {
        let text = policy_terraform("Core", document).unwrap();
        let body = hcl::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let policy = find(&body, &["resource", "aws_iam_policy", "core"]);
        assert_eq!(evaluated(policy, "name"), "Core");
        let value = evaluated(policy, "policy");
        same_json(&value, document);
        assert!(value.starts_with('{'), "the provider takes no leading white space: {value}");
        assert!(!text.contains(['\r', '\u{301}', '\u{202e}', '\u{9b}']), "{text}");
    }
}

#[test]
fn terraform_keeps_the_text_of_plain_documents() {
    for document in [TRUST, POLICY, "{\n  \"Sid\": \"grüße\"\n}\n"] {
        let body = hcl::parse(&policy_terraform("x", document).unwrap()).unwrap();
        let value = evaluated(find(&body, &["resource", "aws_iam_policy", "x"]), "policy");
        assert_eq!(value, format!("{}\n", document.trim_end()));
    }
}

#[test]
fn terraform_quotes_names_and_labels_are_identifiers() {
    let changes: Vec<Change> = HOSTILE_NAMES.iter().map(|name| put(name, name, Some("{}"), "{}")).collect();
    let (text, body) = terraform_body(&changes);
    let resources: Vec<&hcl::Block> = body.blocks().filter(|block| block.identifier() == "resource").collect();
    let labels: BTreeSet<&str> = resources.iter().map(|block| block.labels()[1].as_str()).collect();
    assert_eq!(labels.len(), HOSTILE_NAMES.len(), "{text}");
    for (resource, name) in resources.iter().zip(HOSTILE_NAMES) {
        assert_eq!(evaluated(resource.body(), "name"), name);
        assert_eq!(evaluated(resource.body(), "role"), name);
    }
    for label in labels {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(label.bytes().all(plain) && label.starts_with(|first: char| first.is_ascii_lowercase()), "{label}");
    }
}

#[test]
fn equal_labels_are_numbered() {
    let changes = ["a-b", "a.b", "a_b", "a_b_2"].map(|name| create_role(role(name)));
    let (_, body) = terraform_body(&changes);
    let labels: Vec<&str> = body.blocks().map(|block| block.labels()[1].as_str()).collect();
    assert_eq!(labels, ["a_b", "a_b_2", "a_b_3", "a_b_2_2"]);
}

#[test]
fn no_changes_are_no_blocks() {
    assert!(terraform_body(&[]).1.iter().next().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What HCL and JSON give a meaning to, in any order.
    #[test]
    fn terraform_gives_back_any_string(name in "([$%{}\"\\\\~ a\n]|\\PC){0,12}") {
        let document = serde_json::to_string_pretty(&BTreeMap::from([(&name, &name)])).unwrap();
        let text = policy_terraform(&name, &document).unwrap();
        let body = hcl::parse(&text).unwrap();
        let policy = body.blocks().next().unwrap().body();
        prop_assert_eq!(&evaluated(policy, "name"), &name);
        same_json(&evaluated(policy, "policy"), &document);
    }
}
