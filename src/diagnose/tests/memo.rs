//! Judging many subjects at once must say of each what judging it alone says.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::diagnose::Judge;
use crate::facts::{Facts, Instance, KmsKey, kms_key};
use crate::fix::tests::generators::{Case, case};
use crate::needs::RequiredAction;
use crate::render::words::Said as _;

const FIRST: &str = "i-0123456789abcdef0";
const SECOND: &str = "i-0123456789abcdef1";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k";

/// Each subject by itself, with nothing remembered.
fn one_by_one(facts: &Facts, requirements: &Requirements) -> Vec<Outcome> {
    let judge = |subject| Judge::new(requirements, now()).judge(facts, subject);
    facts.subjects.iter().map(judge).collect()
}

fn assert_same(facts: &Facts, requirements: &Requirements) {
    let together = diagnose(facts, requirements, now()).results;
    for (one, other) in together.iter().zip(one_by_one(facts, requirements)) {
        assert_eq!(*one, other, "{}", one.target);
    }
}

/// Two instances with the same role, which differ in everything that a policy can look at.
fn two(change: impl Fn(&mut Role)) -> Account {
    let differ = |id: &'static str, vpc: &'static str, address: &'static str, tokens: &'static str| {
        move |instance: &mut Instance| {
            instance.id = id.to_owned();
            instance.vpc = Some(vpc.to_owned());
            instance.private_ip = Some(address.to_owned());
            if let Some(options) = &mut instance.metadata {
                options.http_tokens = Some(tokens.to_owned());
            }
        }
    };
    Account::new()
        .role("web", change)
        .profile("web", |_| {})
        .instance(FIRST, differ(FIRST, "vpc-1", "10.0.0.1", "required"))
        .instance(SECOND, differ(SECOND, "vpc-2", "10.0.0.2", "optional"))
}

#[test]
fn what_a_policy_looks_at_of_an_instance_tells_instances_apart() {
    let equals = |key: &str, value: &str| json!({ "StringEquals": { key: value } });
    let arn = format!("arn:aws:ec2:us-east-1:111122223333:instance/{FIRST}");
    let all = || allow(&["ssm:*", "ssmmessages:*"], "*");
    for (what, statements) in [
        ("its id", vec![allow(&["ssmmessages:*"], "*"), allow(&["ssm:UpdateInstanceInformation"], &arn)]),
        ("a part of its id", vec![allow(&["ssmmessages:*"], "*"), allow(&["ssm:*"], "arn:aws:ec2:*:*:instance/i-*0")]),
        ("a deny", vec![all(), deny(&["ssm:*"], &arn)]),
        ("its ARN as a key", vec![under(all(), equals("ec2:SourceInstanceARN", &arn))]),
        ("its session", vec![under(all(), json!({ "StringLike": { "aws:userid": format!("*:{FIRST}") } }))]),
        ("its VPC", vec![under(all(), equals("AWS:ec2InstanceSourceVPC", "vpc-1"))]),
        ("its address", vec![under(all(), equals("aws:Ec2InstanceSourcePrivateIPv4", "10.0.0.1"))]),
        ("its delivery", vec![under(all(), json!({ "NumericEquals": { "ec2:RoleDelivery": "2.0" } }))]),
        (
            "a variable",
            vec![under(all(), json!({ "StringEquals": { "aws:PrincipalAccount": "${ec2:SourceInstanceARN}" } }))],
        ),
        (
            "a variable in a resource",
            vec![allow(&["ssmmessages:*"], "*"), allow(&["ssm:*"], "${ec2:SourceInstanceARN}")],
        ),
    ] {
        let account = two(|role| {
            role.attached = Fact::Known(Vec::new());
            role.inline = Fact::Known(Vec::new());
            add_inline(role, "own", &policy(&statements));
        });
        let together = diagnose(&account.facts, &Requirements::default(), now()).results;
        assert_eq!(together, one_by_one(&account.facts, &Requirements::default()), "{what}");
        // These differ in their verdict, so that an answer for the one would be wrong for the other.
        if !what.starts_with("a variable") {
            assert_ne!(together[0].verdict, together[1].verdict, "{what}");
        }
    }
}

/// The encryption context of its sessions holds the instance's id.
#[test]
fn a_condition_on_the_encryption_context_tells_instances_apart() {
    let target = |id: &str| json!({ "StringEquals": { "kms:EncryptionContext:aws:ssm:TargetId": id } });
    for (statement, expected) in [
        (under(allow(&["kms:Decrypt"], KEY), target(FIRST)), [Verdict::Ready, Verdict::NotReady]),
        (under(allow(&["kms:Decrypt"], KEY), target(SECOND)), [Verdict::NotReady, Verdict::Ready]),
    ] {
        let account = two(|role| {
            ready(role);
            add_inline(role, "key", &policy(std::slice::from_ref(&statement)));
        });
        let account = with_readable_key(account, KEY);
        let requirements = Requirements { kms_key: Some(KEY.to_owned()), ..Requirements::default() };
        let results = diagnose(&account.facts, &requirements, now()).results;
        assert_eq!([results[0].verdict, results[1].verdict], expected);
        assert_same(&account.facts, &requirements);
    }
}

#[test]
fn the_words_are_about_the_instance() {
    let account = two(|role| {
        role.attached = Fact::Known(Vec::new());
        role.inline = Fact::Known(Vec::new());
    });
    let results = diagnose(&account.facts, &Requirements::default(), now()).results;
    for (outcome, id) in results.iter().zip([FIRST, SECOND]) {
        let heartbeat = outcome.permissions.iter().find(|permission| permission.action.starts_with("ssm:")).unwrap();
        assert!(heartbeat.resource.ends_with(&format!("/{id}")), "{heartbeat:?}");
        // Which instance it is stands beside the finding, so that both have the same.
        assert!(found(outcome, Code::MissingPermission).unwrap().message().contains("on the instance"));
    }
    assert_same(&account.facts, &Requirements::default());
}

#[test]
fn a_key_policy_that_names_a_session_tells_instances_apart() {
    let session = format!("arn:aws:sts::111122223333:assumed-role/web/{FIRST}");
    let guard = json!({ "Effect": "Allow", "Principal": { "AWS": session }, "Action": "kms:Decrypt", "Resource": "*" });
    let known =
        KmsKey { arn: KEY.to_owned(), state: Some("Enabled".to_owned()), policy: Fact::Known(text(&policy(&[guard]))) };
    let account =
        two(ready).with(|facts| drop(facts.kms_keys.insert(kms_key(Some("us-east-1"), KEY), Fact::Known(known))));
    let requirements = Requirements { kms_key: Some(KEY.to_owned()), ..Requirements::default() };
    let results = diagnose(&account.facts, &requirements, now()).results;
    assert_eq!([results[0].verdict, results[1].verdict], [Verdict::Ready, Verdict::NotReady]);
    assert_same(&account.facts, &requirements);
}

#[test]
fn an_instance_that_the_user_names_is_not_taken_for_another() {
    for action in ["ssm:SendCommand", "ssm:UpdateInstanceInformation"] {
        let resource = Some(format!("arn:aws:ec2:us-east-1:111122223333:instance/{FIRST}"));
        let required = RequiredAction { action: action.to_owned(), resource };
        let requirements = Requirements { actions: vec![required], ..Requirements::default() };
        assert_same(&two(ready).facts, &requirements);
    }
}

#[test]
fn a_role_that_is_the_same_to_all_is_judged_once() {
    let account = two(ready);
    let requirements = Requirements::default();
    let results = diagnose(&account.facts, &requirements, now()).results;
    let first = |index: usize| &results[index].permissions[0];
    assert!(first(0).is(first(1)));
}

/// The policies of the endpoints of two VPCs, whose instances share a role.
#[test]
fn the_policy_of_an_endpoint_tells_instances_apart() {
    let statement = |more: serde_json::Value| {
        let mut statement = json!({ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" });
        statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        statement
    };
    let only = |more: serde_json::Value| json!({ "Statement": [statement(more)] }).to_string();
    let instance = "arn:aws:ec2:us-east-1:111122223333:instance/i-0b1b2c3d400000007";
    let texts = [
        only(json!({})),
        only(json!({ "Principal": { "AWS": "*" } })),
        only(json!({ "Action": "ssm:*" })),
        only(json!({ "Resource": instance })),
        only(json!({ "Condition": { "StringEquals": { "aws:PrincipalAccount": "444455556666" } } })),
        json!({ "Statement": [statement(json!({})), statement(json!({ "Effect": "Deny" }))] }).to_string(),
        "no policy".to_owned(),
    ];
    let facts = crate::facts::snapshot::read(include_str!("../../../examples/network.json")).unwrap();
    let requirements = Requirements::default();
    let mut verdicts = BTreeSet::new();
    for (first, second) in texts.iter().flat_map(|first| texts.iter().map(move |second| (first, second))) {
        let mut facts = facts.clone();
        let network = Arc::make_mut(facts.networks.get_mut("us-east-1").unwrap());
        let Fact::Known(endpoints) = &mut network.endpoints else { panic!("the example has endpoints") };
        for endpoint in endpoints.values_mut() {
            endpoint.private_dns = true;
            endpoint.policy = Some(text(if endpoint.vpc.ends_with("711") { first } else { second }));
        }
        assert_same(&facts, &requirements);
        facts.subjects.reverse();
        assert_same(&facts, &requirements);
        verdicts.extend(
            diagnose(&facts, &requirements, now()).results.iter().map(|outcome| format!("{:?}", outcome.verdict)),
        );
    }
    assert_eq!(verdicts.len(), 3, "{verdicts:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn together_is_one_by_one(case in case(4)) {
        let Case { facts, requirements, .. } = case;
        let together = diagnose(&facts, &requirements, now()).results;
        prop_assert_eq!(together, one_by_one(&facts, &requirements));
    }
}
