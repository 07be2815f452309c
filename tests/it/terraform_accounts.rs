//! Plans with several providers: what is in another account, or may be, is not taken for what is in the instance's.

use serde_json::{Value, json};

use crate::support::report::{Code, Outcome, Verdict};
use crate::support::terraform::{Resource, deleted, kept, made, plan};
use crate::terraform_plans::{
    MANAGED, attachment, chain, check, core, holds, inline, instance, kept_role_values, profile, role, with,
};

use Verdict::{NotReady, Ready, Unknown};

fn at(key: &str) -> Value {
    json!({ "provider_config_key": key })
}

/// With a second provider, `aws.other`.
fn and_other(mut plan: Value, other: Value) -> Value {
    plan["configuration"]["provider_config"]["aws.other"] =
        json!({ "name": "aws", "alias": "other", "expressions": other });
    plan
}

/// A name means what the account has that it is used in. Aliases of one account differ in the Region only.
#[test]
fn a_name_is_not_followed_into_what_may_be_another_account() {
    let assumed = |role_arn: Value| json!([{ "role_arn": role_arn }]);
    let account = |id: &str| assumed(json!({ "constant_value": format!("arn:aws:iam::{id}:role/deploy") }));
    let region = || json!({ "constant_value": "eu-west-1" });
    for (name, own, other, verdict) in [
        ("another Region", json!({}), json!({ "region": region() }), Ready),
        ("another profile", json!({}), json!({ "profile": { "constant_value": "prod" } }), Unknown),
        (
            "a role of a variable",
            json!({}),
            json!({ "assume_role": assumed(json!({ "references": ["var.role"] })) }),
            Unknown,
        ),
        (
            "one role for both",
            json!({ "assume_role": assumed(json!({ "references": ["var.role"] })) }),
            json!({ "region": region(), "assume_role": assumed(json!({ "references": ["var.role"] })) }),
            Ready,
        ),
        (
            "two roles of one account",
            json!({ "assume_role": account("111122223333") }),
            json!({ "assume_role": account("111122223333") }),
            Ready,
        ),
        (
            "two accounts",
            json!({ "assume_role": account("111122223333") }),
            json!({ "assume_role": account("999999999999") }),
            Unknown,
        ),
    ] {
        let of = |resources: Vec<Resource>| {
            let mut plan = and_other(plan(resources), other.clone());
            let expressions = &mut plan["configuration"]["provider_config"]["aws"]["expressions"];
            *expressions = with(expressions.clone(), own.clone());
            plan
        };
        let codes: &[Code] = if verdict == Unknown { &[Code::NotInPlan] } else { &[] };
        let by_name = of(vec![instance().config(at("aws.other")), profile(), role(), inline()]);
        holds(name, &by_name, verdict, codes);
        let later =
            made("aws_instance.web", json!({})).refers("iam_instance_profile", "aws_iam_instance_profile.web.name");
        let profile_later =
            made("aws_iam_instance_profile.web", json!({ "role": "web" })).unknown(json!({ "name": true }));
        let by_reference = of(vec![later.config(at("aws.other")), profile_later, role(), inline()]);
        holds(name, &by_reference, verdict, codes);
    }
    // A policy that is given by the other provider.
    let plan = and_other(
        chain(vec![attachment(MANAGED).config(at("aws.other"))]),
        json!({ "profile": { "constant_value": "prod" } }),
    );
    holds("an attachment", &plan, Unknown, &[Code::NotInPlan]);
}

/// What goes has no configuration, and so no provider: where two accounts have a role of the name, it is of either.
#[test]
fn what_is_deleted_in_an_account_that_is_not_told() {
    let of = |id: &str| json!([{ "role_arn": { "constant_value": format!("arn:aws:iam::{id}:role/deploy") } }]);
    let has = || kept("aws_iam_role.web", with(kept_role_values(), json!({ "managed_policy_arns": [MANAGED] })));
    let namesake = || kept("aws_iam_role.other", kept_role_values()).config(at("aws.other"));
    let going = || deleted("aws_iam_role_policy_attachment.old", json!({ "role": "web", "policy_arn": MANAGED }));
    let of = |more: Vec<Resource>| {
        let mut plan = and_other(
            plan([vec![instance(), profile(), has()], more].concat()),
            json!({ "assume_role": of("999999999999") }),
        );
        plan["configuration"]["provider_config"]["aws"]["expressions"]["assume_role"] = of("111122223333");
        plan
    };
    holds("one role", &of(vec![going()]), NotReady, &[Code::MissingPermission]);
    holds("two of the name", &of(vec![namesake(), going()]), Unknown, &[Code::NotInPlan]);
    holds("nothing goes", &of(vec![namesake()]), Ready, &[]);
}

/// Session preferences and Default Host Management Configuration are settings of an account and a Region.
#[test]
fn settings_are_those_of_the_instance_s_account() {
    let constant = |value: &str| json!({ "constant_value": value });
    let other = || json!({ "region": constant("us-east-1"), "profile": constant("prod") });
    let preferences = |name: &str, inputs: Value, key: &str| {
        let content = json!({ "schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": inputs }).to_string();
        let values = json!({ "name": "SSM-SessionManagerRunShell", "document_type": "Session", "document_format": "JSON", "content": content });
        made(&format!("aws_ssm_document.{name}"), values).config(at(key))
    };
    let encrypting = || json!({ "cloudWatchLogGroupName": "g", "cloudWatchEncryptionEnabled": true });
    let of = |documents: Vec<Resource>| {
        let there = |address: &str, values: Value| made(address, values).config(at("aws.other"));
        let others = vec![
            there("aws_instance.there", json!({ "iam_instance_profile": "there" })),
            there("aws_iam_instance_profile.there", json!({ "name": "there", "role": "there" })),
            there("aws_iam_role.there", with(kept_role_values(), json!({ "name": "there", "id": null }))),
            there("aws_iam_role_policy.there", json!({ "name": "core", "role": "there", "policy": core() })),
        ];
        let all = [vec![inline()], others, documents].concat();
        check(&and_other(chain(all), other())).into_iter().map(|outcome| outcome.verdict).collect::<Vec<_>>()
    };
    assert_eq!(of(vec![]), [Ready; 2]);
    let plain = |name: &str, key: &str| preferences(name, json!({}), key);
    assert_eq!(of(vec![plain("a", "aws"), plain("b", "aws.other")]), [Unknown; 2], "each may be of either account");
    assert_eq!(of(vec![plain("a", "aws"), preferences("b", encrypting(), "aws.other")]), [Unknown; 2]);
    assert_eq!(of(vec![preferences("a", encrypting(), "aws.other")]), [Unknown; 2]);

    // Accounts that are known tell the one from the other.
    let in_accounts = |host: &str| {
        let bare = made("aws_instance.web", json!({ "ami": "ami-1" }));
        let setting = json!({ "setting_id": "/ssm/managed-instance/default-ec2-instance-management-role", "setting_value": "service-role/Host" });
        let caller =
            |name: &str, id: &str| made(&format!("data.aws_caller_identity.{name}"), json!({ "account_id": id }));
        let plan = plan(vec![
            bare,
            made("aws_ssm_service_setting.host", setting).config(at(host)),
            caller("own", "111122223333"),
            caller("other", "999999999999").config(at("aws.other")),
        ]);
        and_other(plan, other())
    };
    holds("of another account", &in_accounts("aws.other"), NotReady, &[Code::NoInstanceProfile]);
    holds("of its own", &in_accounts("aws"), Unknown, &[Code::NotInPlan]);
}

/// The agent ends sessions whose log group is not encrypted where the preferences demand it.
#[test]
fn a_log_group_of_the_plan_without_a_key() {
    let inputs = json!({ "cloudWatchLogGroupName": "sessions", "cloudWatchEncryptionEnabled": true });
    let content = json!({ "schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": inputs }).to_string();
    let document = || {
        let values = json!({ "name": "SSM-SessionManagerRunShell", "document_type": "Session", "document_format": "JSON", "content": content });
        made("aws_ssm_document.preferences", values)
    };
    let logs = || crate::terraform_plans::policy("Allow", &["logs:*"]);
    let of = |group: Resource| {
        let logs = made("aws_iam_role_policy.logs", json!({ "name": "logs", "role": "web", "policy": logs() }));
        let key = made("aws_kms_key.logs", json!({})).unknown(json!({ "arn": true }));
        chain(vec![inline(), logs, document(), group, key])
    };
    let group =
        |key: Value| made("aws_cloudwatch_log_group.sessions", json!({ "name": "sessions", "kms_key_id": key }));
    holds("no key", &of(group(Value::Null)), NotReady, &[Code::SessionLogs]);
    holds("a key", &of(group(json!("arn:aws:kms:us-east-1:111122223333:key/k"))), Ready, &[]);
    let later = |reference: &str| {
        let group = made("aws_cloudwatch_log_group.sessions", json!({ "name": "sessions" }));
        of(group.refers("kms_key_id", reference))
    };
    holds("a key of the plan", &later("aws_kms_key.logs.arn"), Ready, &[]);
    let outcome: Outcome = check(&later("local.key")).remove(0);
    assert_eq!(outcome.verdict, Unknown, "{:?}", outcome.findings);
    let named = "aws_cloudwatch_log_group.sessions.kms_key_id";
    assert!(outcome.findings.iter().any(|it| it.message.contains(named)), "{:?}", outcome.findings);
}
