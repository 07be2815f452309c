//! Expressions in a plan that may choose nothing, or a part of a text: the provider fills in the profile of an instance, so that a plan
//! shows a null as not known.

use serde_json::{Value, json};

use crate::support::report::{Code, Verdict};
use crate::support::terraform::{Resource, made, plan, references};
use crate::terraform_plans::{MANAGED, holds, inline, role, role_values, verdicts, with};

use Verdict::{Ready, Unknown};

const PROFILE: &str = "aws_iam_instance_profile.web";

fn profile(address: &str) -> Resource {
    made(address, json!({ "role": "web" })).unknown(json!({ "name": true, "id": true }))
}

fn instance(address: &str, profile: &[&str], more: Value) -> Resource {
    made(address, json!({}))
        .unknown(json!({ "iam_instance_profile": true }))
        .expressions(json!({ "iam_instance_profile": references(profile) }))
        .config(more)
}

/// The module `name` of a plan, as its call has it.
fn call<'p>(plan: &'p mut Value, name: &str) -> &'p mut Value {
    &mut plan["configuration"]["root_module"]["module_calls"][name]
}

fn judged(name: &str, plan: &Value, verdict: Verdict) {
    holds(name, plan, verdict, if verdict == Unknown { &[Code::NotInPlan] } else { &[] });
}

/// `{ web = null, db = aws_iam_instance_profile.web.name }` lists what `{ web = aws_iam_instance_profile.web.name }` lists.
#[test]
fn a_member_of_an_object_may_be_null() {
    let name = format!("{PROFILE}.name");
    for (taken, given, verdict) in [
        ("var.profile", name.as_str(), Ready),
        ("var.profile.name", PROFILE, Ready),
        ("var.profile[\"web\"]", &name, Unknown),
        ("var.profile[\"web\"]", PROFILE, Unknown),
        ("var.profile.web", &name, Unknown),
        ("var.profile[0]", &name, Unknown),
    ] {
        let mut of_variable = plan(vec![
            instance("module.app.aws_instance.web", &[taken], json!({})),
            profile(PROFILE),
            role(),
            inline(),
        ]);
        call(&mut of_variable, "app")["expressions"] = json!({ "profile": references(&[given]) });
        judged(&format!("{taken} of {given}"), &of_variable, verdict);

        let taken = taken.replace("var.", "module.iam.");
        let mut of_output = plan(vec![
            instance("aws_instance.web", &[taken.as_str()], json!({})),
            profile(&format!("module.iam.{PROFILE}")),
            role(),
            inline(),
        ]);
        call(&mut of_output, "iam")["module"]["outputs"] = json!({ "profile": { "expression": references(&[given]) } });
        judged(&format!("{taken} of {given}"), &of_output, verdict);
    }
}

/// What a module gives may be known, and choose.
#[test]
fn an_output_beside_a_reference_may_choose_or_be_a_part_of_a_text() {
    let name = format!("{PROFILE}.name");
    let with_output = |mut plan: Value, output: Value| {
        call(&mut plan, "settings")["module"]["outputs"] = json!({ "on": { "expression": output } });
        plan
    };
    let helper = || made("module.settings.terraform_data.it", json!({}));
    for output in [json!({ "constant_value": false }), references(&["var.on"])] {
        let chosen = |references: &[&str]| {
            let resources =
                vec![instance("aws_instance.web", references, json!({})), profile(PROFILE), role(), inline(), helper()];
            with_output(plan(resources), output.clone())
        };
        judged("the profile", &chosen(&[&name]), Ready);
        judged("the profile or nothing", &chosen(&["module.settings.on", &name]), Unknown);
        judged("the profile or nothing", &chosen(&[&name, "module.settings.on"]), Unknown);
    }

    let text = |references: &[&str]| {
        let bare = with(role_values(), json!({ "name": null }));
        let named = |address: &str| made(address, bare.clone()).unknown(json!({ "name": true }));
        let attachment = made("aws_iam_role_policy_attachment.web", json!({ "policy_arn": MANAGED }));
        let profile = made(PROFILE, json!({ "name": "web" }))
            .unknown(json!({ "role": true }))
            .expressions(json!({ "role": crate::support::terraform::references(references) }));
        let instance = made("aws_instance.web", json!({ "iam_instance_profile": "web" }));
        let resources = vec![
            instance,
            profile,
            named("aws_iam_role.web"),
            attachment.refers("role", "aws_iam_role.web.name"),
            helper(),
        ];
        with_output(plan(resources), json!({ "constant_value": "prefix" }))
    };
    judged("the role", &text(&["aws_iam_role.web.name"]), Ready);
    judged("a text with its name", &text(&["module.settings.on", "aws_iam_role.web.name"]), Unknown);

    let attached = |listed: &[&str]| {
        let other =
            made("aws_iam_role.other", with(role_values(), json!({ "name": null }))).unknown(json!({ "name": true }));
        let own =
            made("aws_iam_role.web", with(role_values(), json!({ "name": null }))).unknown(json!({ "name": true }));
        let all = made("aws_iam_policy_attachment.all", json!({ "name": "all", "policy_arn": MANAGED }))
            .unknown(json!({ "roles": true }))
            .expressions(json!({ "roles": references(listed) }));
        let profile = made(PROFILE, json!({ "name": "web" })).refers("role", "aws_iam_role.web.name");
        let instance = made("aws_instance.web", json!({ "iam_instance_profile": "web" }));
        with_output(plan(vec![instance, profile, own, other, all, helper()]), json!({ "constant_value": false }))
    };
    let both = ["aws_iam_role.other.name", "aws_iam_role.web.name"];
    judged("both", &attached(&both), Ready);
    judged("the one, and perhaps the other", &attached(&[both[0], "module.settings.on", both[1]]), Unknown);
}

/// `each.key == "a" ? one(aws_iam_instance_profile.web[*].name) : null` lists the key before the resource;
/// `aws_iam_instance_profile.web[each.key].name` lists it behind.
#[test]
fn an_index_that_stands_elsewhere_chooses() {
    for (name, made_for, references, verdict) in [
        ("its own", "[\"a\"]", [PROFILE, "each.key"], Ready),
        ("a choice before it", "[\"a\"]", ["each.key", PROFILE], Unknown),
        ("the only one", "[0]", ["each.key", PROFILE], Unknown),
        ("the only one by its key", "[0]", [PROFILE, "each.key"], Unknown),
        ("no element of its key", "[\"b\"]", [PROFILE, "each.key"], Unknown),
    ] {
        let launched = instance("aws_instance.web[\"a\"]", &references, json!({}));
        let plan = plan(vec![launched, profile(&format!("{PROFILE}{made_for}")), role(), inline()]);
        judged(name, &plan, verdict);
    }
    for (index, references, verdict) in [
        ("[0]", [PROFILE, "count.index"], Ready),
        ("[0]", ["count.index", PROFILE], Unknown),
        ("[1]", [PROFILE, "count.index"], Unknown),
    ] {
        let launched = instance(&format!("aws_instance.web{index}"), &references, json!({}));
        let plan = plan(vec![launched, profile(&format!("{PROFILE}[0]")), role(), inline()]);
        judged(&format!("{index} {references:?}"), &plan, verdict);
    }
}

/// `length(aws_vpc_endpoint.ssm) > 0 ? aws_iam_instance_profile.web.name : null`.
#[test]
fn what_is_not_made_may_choose() {
    let name = format!("{PROFILE}.name");
    for (references, verdict) in [
        (vec![name.as_str()], Ready),
        (vec!["aws_vpc_endpoint.ssm", &name], Unknown),
        (vec![&name, "aws_vpc_endpoint.ssm"], Unknown),
        (vec!["aws_iam_instance_profile.other[0].name", &name], Unknown),
    ] {
        let mut plan = plan(vec![
            instance("aws_instance.web", &references, json!({})),
            profile(PROFILE),
            role(),
            inline(),
            // A resource of a module makes its block known, and here there is none.
            made("aws_vpc.web", json!({})),
        ]);
        let blocks = plan["configuration"]["root_module"]["resources"].as_array_mut().unwrap();
        for (kind, name) in [("aws_vpc_endpoint", "ssm"), ("aws_iam_instance_profile", "other")] {
            blocks.push(json!({
                "address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name,
                "provider_config_key": "aws", "expressions": {}, "schema_version": 0,
                "count_expression": { "constant_value": 0 },
            }));
        }
        judged(&format!("{references:?}"), &plan, verdict);
    }
}

/// A data source shows the newest version of a template, and says which are the newest and the default.
#[test]
fn a_template_of_a_data_source_is_its_newest_version() {
    for (version, default, verdict) in [
        (json!("$Latest"), 1, Ready),
        (json!("2"), 1, Ready),
        (json!("$Default"), 2, Ready),
        (json!("$Default"), 1, Unknown),
        (json!("1"), 1, Unknown),
        (Value::Null, 1, Unknown),
        (Value::Null, 2, Ready),
    ] {
        let launched =
            made("aws_autoscaling_group.web", json!({ "launch_template": [{ "id": "lt-1", "version": version }] }));
        let mut plan = plan(vec![launched, made(PROFILE, json!({ "name": "web", "role": "web" })), role(), inline()]);
        plan["prior_state"] = json!({ "format_version": "1.0", "values": { "root_module": { "resources": [{
            "address": "data.aws_launch_template.web", "mode": "data", "type": "aws_launch_template", "name": "web",
            "schema_version": 0,
            "values": { "id": "lt-1", "name": "web", "latest_version": 2, "default_version": default,
                "iam_instance_profile": [{ "name": "web", "arn": "" }] },
        }] } } });
        let found = verdicts(&plan);
        assert_eq!(found, [verdict], "{version} {default}");
    }
}
