//! What a plan does in one run, and in which order: what one resource gives another may take away.

use serde_json::{Value, json};

use crate::support::report::{Code, Verdict};
use crate::support::terraform::{Resource, changed, deleted, kept, made, plan, references};
use crate::terraform_plans::{
    MANAGED, attachment, chain, core, holds, inline, instance, kept_role, kept_role_values, only, policy, profile,
    role_values, with,
};

use Verdict::{NotReady, Ready, Unknown};

const MISSING: [Code; 1] = [Code::MissingPermission];
const NOT_IN_PLAN: [Code; 1] = [Code::NotInPlan];

fn attached() -> Value {
    json!({ "role": "web", "policy_arn": MANAGED })
}

fn written() -> Value {
    json!({ "name": "core", "role": "web", "policy": core() })
}

/// An instance, its profile, a role, and these.
fn on(role: Resource, more: Vec<Resource>) -> Value {
    plan([vec![instance(), profile(), role], more].concat())
}

/// The same resource, which names its role by a reference.
fn after_role(resource: Resource) -> Resource {
    resource.expression("role", references(&["aws_iam_role.web.name"]))
}

#[test]
fn what_an_update_of_the_role_takes_away_stays_away() {
    let loses_arn = || {
        let before = with(kept_role_values(), json!({ "managed_policy_arns": [MANAGED] }));
        changed("aws_iam_role.web", before, kept_role_values())
    };
    let stays = || kept("aws_iam_role_policy_attachment.core", attached());
    holds("an attachment that is there", &on(loses_arn(), vec![stays()]), NotReady, &MISSING);
    holds("one that is made after it", &on(loses_arn(), vec![after_role(attachment(MANAGED))]), Ready, &[]);
    holds("one that is made whenever", &on(loses_arn(), vec![attachment(MANAGED)]), Unknown, &NOT_IN_PLAN);
    let loses_name = || {
        let before = with(kept_role_values(), json!({ "inline_policy": [{ "name": "core", "policy": core() }] }));
        changed("aws_iam_role.web", before, kept_role_values())
    };
    let stays = || kept("aws_iam_role_policy.core", written());
    holds("an inline policy that is there", &on(loses_name(), vec![stays()]), NotReady, &MISSING);
    holds("one that is written after it", &on(loses_name(), vec![after_role(inline())]), Ready, &[]);
    let again = changed("aws_iam_role_policy.core", with(written(), json!({ "policy": "{}" })), written());
    holds("one that is written again", &on(loses_name(), vec![after_role(again)]), Ready, &[]);
    holds("one that is written whenever", &on(loses_name(), vec![inline()]), Unknown, &NOT_IN_PLAN);
    let retagged = with(kept_role_values(), json!({ "tags": { "a": "b" } }));
    let retagged = changed("aws_iam_role.web", kept_role_values(), retagged);
    holds("an update of something else", &on(retagged, vec![stays()]), Ready, &[]);
}

/// With `create_before_destroy` the old object goes when the new one is there, and takes the policy of the same name along.
#[test]
fn what_is_destroyed_last_takes_its_like_along() {
    let first =
        |address: &str, before: Value, after: Value| changed(address, before, after).actions(&["create", "delete"]);
    let of = |role: &str| {
        first("aws_iam_role_policy_attachment.core", with(attached(), json!({ "role": role })), attached())
    };
    holds("an attachment", &on(kept_role(), vec![of("web")]), NotReady, &MISSING);
    holds("that of another role", &on(kept_role(), vec![of("other")]), Ready, &[]);
    let replaced = || kept_role().actions(&["delete", "create"]);
    holds("that of a role that is replaced", &on(replaced(), vec![of("web")]), Ready, &[]);
    let of = |name: &str| first("aws_iam_role_policy.core", with(written(), json!({ "name": name })), written());
    holds("an inline policy", &on(kept_role(), vec![of("core")]), NotReady, &MISSING);
    holds("that of another name", &on(kept_role(), vec![of("old")]), Ready, &[]);
    let last = first("aws_iam_role_policy_attachment.core", attached(), attached()).actions(&["delete", "create"]);
    holds("destroyed first", &on(kept_role(), vec![last]), Ready, &[]);
}

#[test]
fn what_is_deposed_takes_its_like_along() {
    for (address, values) in
        [("aws_iam_role_policy_attachment.core", attached()), ("aws_iam_role_policy.core", written())]
    {
        let of = |live: Resource, deposed: Value| {
            let mut plan = on(kept_role(), vec![live, deleted(address, deposed)]);
            let changes = plan["resource_changes"].as_array_mut().unwrap();
            changes.last_mut().unwrap()["deposed"] = json!("0a1b2c3d");
            plan
        };
        holds("beside what is there", &of(kept(address, values.clone()), values.clone()), NotReady, &MISSING);
        holds("beside what is made", &of(made(address, values.clone()), values.clone()), Unknown, &NOT_IN_PLAN);
        let other = with(values.clone(), json!({ "role": "other" }));
        holds("that of another role", &of(kept(address, values.clone()), other), Ready, &[]);
    }
}

/// An inline policy may have a dot in its name, and is not for that one whose name is not known yet.
#[test]
fn an_exclusive_list_takes_away_a_policy_whose_name_has_a_dot() {
    let dotted = || made("aws_iam_role_policy.core", with(written(), json!({ "name": "session.manager" })));
    let names = |names: Value| {
        made("aws_iam_role_policies_exclusive.web", json!({ "role_name": "web", "policy_names": names }))
    };
    holds("not listed", &chain(vec![dotted(), names(json!([]))]), NotReady, &MISSING);
    holds("listed", &chain(vec![dotted(), names(json!(["session.manager"]))]), Ready, &[]);
    let later =
        made("aws_iam_role_policy.core", json!({ "role": "web", "policy": core() })).unknown(json!({ "name": true }));
    holds("not named yet", &chain(vec![later, names(json!([]))]), Ready, &[]);
}

/// The provider passes over a block `inline_policy` without a name.
#[test]
fn a_block_without_a_name_is_no_policy() {
    let blocks = json!({ "inline_policy": [{ "name": "", "policy": "" }] });
    holds(
        "of a role that exists",
        &on(kept("aws_iam_role.web", with(kept_role_values(), blocks.clone())), vec![inline()]),
        Ready,
        &[],
    );
    holds("of a new role", &on(made("aws_iam_role.web", with(role_values(), blocks)), vec![inline()]), Ready, &[]);
}

/// Stacks and resources of AWS CloudFormation write policies too.
#[test]
fn policies_that_are_written_by_other_means_are_not_known() {
    let template = |kind: &str, properties: Value| {
        json!({ "Resources": { "It": { "Type": kind, "Properties": properties } } }).to_string()
    };
    let of_web =
        || template("AWS::IAM::RolePolicy", json!({ "RoleName": "web", "PolicyName": "x", "PolicyDocument": {} }));
    let of_other = || {
        template("AWS::IAM::RolePolicy", json!({ "RoleName": "web-other", "PolicyName": "x", "PolicyDocument": {} }))
    };
    let stack = |values: Value| made("aws_cloudformation_stack.it", values);
    let later =
        |capabilities: Value| stack(json!({ "capabilities": capabilities })).refers("template_body", "local.body");
    let control = |kind: &str, role: &str| {
        let state = json!({ "RoleName": role, "PolicyName": "x" }).to_string();
        made("aws_cloudcontrolapi_resource.it", json!({ "type_name": kind, "desired_state": state }))
    };
    let by_awscc = |role: &str| {
        made(
            "awscc_iam_role_policy.it",
            json!({ "role_name": role, "policy_name": "x", "policy_document": policy("Deny", &["ssm:*"]) }),
        )
    };
    for (name, writer, verdict) in [
        ("a stack", stack(json!({ "template_body": of_web() })), Unknown),
        ("a stack of another role", stack(json!({ "template_body": of_other() })), Ready),
        (
            "a stack without IAM",
            stack(json!({ "template_body": template("AWS::SNS::Topic", json!({ "DisplayName": "web" })) })),
            Ready,
        ),
        ("a stack that stays", kept("aws_cloudformation_stack.it", json!({ "template_body": of_web() })), Ready),
        ("a stack that is not known", later(json!(["CAPABILITY_NAMED_IAM"])), Unknown),
        ("a stack that is not known and may not make IAM", later(Value::Null), Ready),
        ("a resource", control("AWS::IAM::RolePolicy", "web"), Unknown),
        ("a resource of another role", control("AWS::IAM::RolePolicy", "other"), Ready),
        ("a resource of another service", control("AWS::Logs::LogGroup", "web"), Ready),
        ("the other provider", by_awscc("web"), Unknown),
        ("the other provider, another role", by_awscc("other"), Ready),
    ] {
        let address = writer.address().to_owned();
        let outcome = only(&chain(vec![inline(), writer]));
        assert_eq!(outcome.verdict, verdict, "{name}: {:?}", outcome.findings);
        let said = outcome.findings.iter().any(|it| it.code == Code::NotInPlan && it.message.contains(&address));
        assert_eq!(said, verdict == Unknown, "{name}: {:?}", outcome.findings);
    }
}

/// What Terraform cannot say yet it puts off, and a later plan has it.
#[test]
fn what_is_deferred_may_change_the_role() {
    let of = |kind: &str, role: Value| {
        let mut plan = chain(vec![inline()]);
        let change = json!({ "actions": ["create"], "before": null, "after": { "role": role }, "after_unknown": {} });
        let change = json!({ "address": format!("{kind}.it[*]"), "mode": "managed", "type": kind, "name": "it", "change": change });
        plan["deferred_changes"] = json!([{ "reason": "instance_count_unknown", "resource_change": change }]);
        plan["complete"] = json!(false);
        plan
    };
    let outcome = only(&of("aws_iam_role_policy", Value::Null));
    assert_eq!((outcome.verdict, outcome.grounds()), (Unknown, vec![Code::NotInPlan]));
    let message = &outcome.finding(Code::NotInPlan).message;
    assert!(message.contains("`aws_iam_role_policy.it[*]`"), "{message}");
    holds("of this role", &of("aws_iam_role_policy_attachment", json!("web")), Unknown, &NOT_IN_PLAN);
    holds("of another role", &of("aws_iam_role_policy", json!("other")), Ready, &[]);
    holds("something else", &of("aws_s3_bucket", Value::Null), Ready, &[]);
}
