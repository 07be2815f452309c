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

/// An argument of the role attaches and writes what is new in it: what it had before stays away when a resource takes it away.
#[test]
fn what_goes_is_not_given_back_by_an_argument_that_had_it_before() {
    let of = |has: Value, going: Resource, verdict: Verdict, codes: &[Code]| {
        let argument = has.as_object().unwrap().keys().next().unwrap().clone();
        let values = || with(kept_role_values(), has.clone());
        let set = |role: Resource| role.expression(&argument, json!({}));
        let what = going.address().to_owned();
        let stays = set(kept("aws_iam_role.web", values()));
        holds(&format!("{what}, no change"), &on(stays, vec![going.clone()]), NotReady, &MISSING);
        let retagged = set(changed("aws_iam_role.web", values(), with(values(), json!({ "tags": { "a": "b" } }))));
        holds(&format!("{what}, another change"), &on(retagged, vec![going.clone()]), NotReady, &MISSING);
        let gets = set(changed("aws_iam_role.web", kept_role_values(), values()));
        holds(&format!("{what}, added"), &on(gets, vec![going]), verdict, codes);
    };
    let (arns, blocks) = (
        json!({ "managed_policy_arns": [MANAGED] }),
        json!({ "inline_policy": [{ "name": "core", "policy": core() }] }),
    );
    let list = json!({ "roles": ["web"], "policy_arn": MANAGED });
    of(arns.clone(), deleted("aws_iam_role_policy_attachment.old", attached()), Unknown, &NOT_IN_PLAN);
    of(arns.clone(), deleted("aws_iam_policy_attachment.old", list), Unknown, &NOT_IN_PLAN);
    of(blocks, deleted("aws_iam_role_policy.old", written()), Unknown, &NOT_IN_PLAN);
    // What comes at the same address gives it again.
    let again = changed("aws_iam_role_policy_attachment.core", attached(), attached()).actions(&["delete", "create"]);
    let has = kept("aws_iam_role.web", with(kept_role_values(), arns)).expression("managed_policy_arns", json!({}));
    holds("replaced", &on(has, vec![again]), Ready, &[]);
}

/// Attachments that change places, as those of a list do by `count`, are deleted and made in no order.
#[test]
fn an_attachment_that_moves_to_another_index_is_not_known() {
    const OTHER: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    let at = |index: usize| format!("aws_iam_role_policy_attachment.core[{index}]");
    let of = |arn: &str| with(attached(), json!({ "policy_arn": arn }));
    let becomes = |index: usize, before: &str, after: &str| {
        after_role(changed(&at(index), of(before), of(after)).actions(&["delete", "create"]))
    };
    let new = || after_role(made(&at(1), of(MANAGED)));
    holds("moved", &on(kept_role(), vec![becomes(0, MANAGED, OTHER), new()]), Unknown, &NOT_IN_PLAN);
    let swapped = vec![becomes(0, OTHER, MANAGED), becomes(1, MANAGED, OTHER)];
    holds("swapped", &on(kept_role(), swapped), Unknown, &NOT_IN_PLAN);
    let stays = || kept(&at(1), of(MANAGED));
    holds("taken from another", &on(kept_role(), vec![becomes(0, MANAGED, OTHER), stays()]), NotReady, &MISSING);
    holds("replaced by itself", &on(kept_role(), vec![becomes(0, MANAGED, MANAGED), stays()]), Ready, &[]);
    let replaced = || kept_role().actions(&["delete", "create"]);
    holds("of a new role", &on(replaced(), vec![becomes(0, MANAGED, OTHER), new()]), Ready, &[]);
}

/// Of a list of roles that is changed only the difference is attached and detached.
#[test]
fn a_list_of_roles_that_is_changed_attaches_what_is_new() {
    let list = |roles: Value| json!({ "name": "core", "roles": roles, "policy_arn": MANAGED });
    let becomes = |before: Value, after: Value| changed("aws_iam_policy_attachment.core", list(before), list(after));
    let stays = || kept("aws_iam_role_policy_attachment.core", attached());
    let goes = || deleted("aws_iam_role_policy_attachment.old", attached());
    let leaves = || becomes(json!(["web", "other"]), json!(["other"]));
    holds("taken from what is there", &on(kept_role(), vec![stays(), leaves()]), NotReady, &MISSING);
    let made = || after_role(attachment(MANAGED));
    holds("beside what is made", &on(kept_role(), vec![made(), leaves()]), Unknown, &NOT_IN_PLAN);
    let grows = || becomes(json!(["web"]), json!(["web", "other"]));
    holds("another joins", &on(kept_role(), vec![grows()]), Ready, &[]);
    holds("beside what goes", &on(kept_role(), vec![grows(), goes()]), NotReady, &MISSING);
    let joins = || becomes(json!(["other"]), json!(["web", "other"]));
    holds("it joins beside what goes", &on(kept_role(), vec![joins(), goes()]), Unknown, &NOT_IN_PLAN);
    let later = |role: &str| {
        changed(
            "aws_iam_policy_attachment.core",
            list(json!(["web"])),
            json!({ "name": "core", "policy_arn": MANAGED }),
        )
        .unknown(json!({ "roles": true }))
        .expression("roles", references(&[role, "aws_iam_role.new.name"]))
    };
    let new = || {
        crate::support::terraform::made("aws_iam_role.new", json!({ "path": "/" }))
            .unknown(json!({ "name": true, "arn": true, "id": true }))
    };
    let with_new = |role| on(kept_role(), vec![new(), later(role)]);
    holds("one without a name joins", &with_new("aws_iam_role.web.name"), Ready, &[]);
    holds("a list that may name it", &with_new("var.role"), Unknown, &NOT_IN_PLAN);
}

/// What says all that a role has acts when it is made or changed, in no order with what it does not refer to.
#[test]
fn an_exclusive_list_acts_when_it_is_written() {
    let at = "aws_iam_role_policy_attachments_exclusive.web";
    let arns = |arns: Value| json!({ "role_name": "web", "policy_arns": arns });
    let goes = || deleted("aws_iam_role_policy_attachment.core", attached());
    let of = |more: Vec<Resource>| on(kept_role(), more);
    let core_arn = || arns(json!([MANAGED]));
    holds("there, beside what goes", &of(vec![kept(at, core_arn()), goes()]), NotReady, &MISSING);
    holds("made beside what goes", &of(vec![made(at, core_arn()), goes()]), Unknown, &NOT_IN_PLAN);
    let grows = changed(at, arns(json!([])), core_arn());
    holds("changed beside what goes", &of(vec![grows, goes()]), Unknown, &NOT_IN_PLAN);
    holds("there, beside what stays", &of(vec![kept(at, core_arn())]), Ready, &[]);
    let (stays, comes) = (kept("aws_iam_role_policy_attachment.core", attached()), attachment(MANAGED));
    let none = || arns(json!([]));
    holds("there, without what comes", &of(vec![kept(at, none()), comes.clone()]), Ready, &[]);
    holds("made without what comes", &of(vec![made(at, none()), comes]), Unknown, &NOT_IN_PLAN);
    holds("made without what stays", &of(vec![made(at, none()), stays]), NotReady, &MISSING);

    let at = "aws_iam_role_policies_exclusive.web";
    let names = |names: Value| json!({ "role_name": "web", "policy_names": names });
    let goes = deleted("aws_iam_role_policy.core", written());
    let core_name = names(json!(["core"]));
    holds("a name, beside what goes", &of(vec![kept(at, core_name), goes]), NotReady, &MISSING);
    let none = || names(json!([]));
    let stays = kept("aws_iam_role_policy.core", written());
    holds("no name, there, beside what comes", &of(vec![kept(at, none()), inline()]), Ready, &[]);
    holds("no name, made beside what comes", &of(vec![made(at, none()), inline()]), Unknown, &NOT_IN_PLAN);
    holds("no name, made beside what stays", &of(vec![made(at, none()), stays]), NotReady, &MISSING);
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
    let dotted = || kept("aws_iam_role_policy.core", with(written(), json!({ "name": "session.manager" })));
    let names = |names: Value| {
        made("aws_iam_role_policies_exclusive.web", json!({ "role_name": "web", "policy_names": names }))
    };
    holds("not listed", &on(kept_role(), vec![dotted(), names(json!([]))]), NotReady, &MISSING);
    holds("listed", &on(kept_role(), vec![dotted(), names(json!(["session.manager"]))]), Ready, &[]);
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
    // What launches an instance is a target.
    for kind in ["aws_instance", "aws_launch_template", "aws_autoscaling_group"] {
        let outcomes = crate::terraform_plans::check(&of(kind, Value::Null));
        let verdicts: Vec<_> = outcomes.iter().map(|outcome| (outcome.target.as_str(), outcome.verdict)).collect();
        assert_eq!(verdicts, [("aws_instance.web", Ready), (&*format!("{kind}.it[*]"), Unknown)]);
    }
}
