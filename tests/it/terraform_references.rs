//! What a plan's configuration refers to, where names are known only after apply: what is followed, and what is left unknown.

use serde_json::{Value, json};

use crate::support::report::{Code, Verdict};
use crate::support::terraform::{Resource, made, plan, references};
use crate::terraform_plans::{MANAGED, core, holds, inline, policy, role, role_values, verdicts, with};

use Verdict::{NotReady, Ready, Unknown};

/// Two profiles whose names are known only after apply, and one beside them. The role of the second has no policies.
fn profiles() -> Vec<Resource> {
    let of = |address: &str, role: &str| made(address, json!({ "role": role })).unknown(json!({ "name": true }));
    vec![
        of("aws_iam_instance_profile.web[\"a\"]", "web"),
        of("aws_iam_instance_profile.web[\"b\"]", "bare"),
        of("aws_iam_instance_profile.own", "web"),
        role(),
        inline(),
        made("aws_iam_role.bare", with(role_values(), json!({ "name": "bare" }))),
    ]
}

fn for_each(of: &[&str]) -> Value {
    json!({ "for_each_expression": references(of) })
}

fn instance(address: &str, profile: &[&str], more: Value) -> Resource {
    made(address, json!({}))
        .unknown(json!({ "iam_instance_profile": true }))
        .expressions(json!({ "iam_instance_profile": references(profile) }))
        .config(more)
}

fn template(address: &str, profile: &[&str], more: Value) -> Resource {
    made(address, json!({ "name": "web", "iam_instance_profile": [{}] }))
        .unknown(json!({ "iam_instance_profile": [{ "name": true }] }))
        .expressions(json!({ "iam_instance_profile": [{ "name": references(profile) }] }))
        .config(more)
}

/// In `{ a = profile.web["b"], b = profile.web["a"] }` nothing says which element has which key, and `{ a = ..., b = null }` looks
/// like `{ a = ... }`. The profile of a launch template is not filled in where it is null.
#[test]
fn an_element_of_for_each_is_followed_where_it_is_sure_which_it_is() {
    let [a, b, own] =
        ["aws_iam_instance_profile.web[\"a\"]", "aws_iam_instance_profile.web[\"b\"]", "aws_iam_instance_profile.own"];
    for (name, keys, of, value, of_instances, of_templates) in [
        (
            "by key",
            ["a", "b"],
            vec!["aws_iam_instance_profile.web"],
            "each.value.name",
            [Ready, NotReady],
            [Ready, NotReady],
        ),
        ("other keys", ["x", "y"], vec!["aws_iam_instance_profile.web"], "each.value.name", [Unknown; 2], [Unknown; 2]),
        ("swapped", ["a", "b"], vec![b, a], "each.value.name", [Unknown; 2], [Unknown; 2]),
        ("renamed", ["x", "y"], vec![a, b], "each.value.name", [Unknown; 2], [Unknown; 2]),
        ("one twice", ["a", "b"], vec![a], "each.value.name", [Unknown; 2], [Ready; 2]),
        ("one as a whole", ["x", "y"], vec![own], "each.value.name", [Unknown; 2], [Ready; 2]),
        (
            "its name",
            ["x", "y"],
            vec!["aws_iam_instance_profile.own.name"],
            "each.value.profile",
            [Unknown; 2],
            [Ready; 2],
        ),
        ("its role", ["x", "y"], vec![own], "each.value.role", [Unknown; 2], [Unknown; 2]),
    ] {
        let launched = |kind: &str, launch: &dyn Fn(&str) -> Resource| {
            let both = keys.map(|key| launch(&format!("{kind}.web[\"{key}\"]")));
            verdicts(&plan([both.to_vec(), profiles()].concat()))
        };
        let instances = launched("aws_instance", &|address| instance(address, &[value], for_each(&of)));
        assert_eq!(instances, of_instances, "{name}");
        let templates = launched("aws_launch_template", &|address| template(address, &[value], for_each(&of)));
        assert_eq!(templates, of_templates, "{name}");
    }
}

#[test]
fn an_element_of_a_module_s_for_each_may_be_null() {
    let of = |of: &[&str]| {
        let both = ["a", "b"]
            .map(|key| instance(&format!("module.web[\"{key}\"].aws_instance.this"), &["var.profile"], json!({})));
        let mut plan = plan([both.to_vec(), profiles()].concat());
        let call = &mut plan["configuration"]["root_module"]["module_calls"]["web"];
        call["expressions"] = json!({ "profile": references(&["each.value.name"]) });
        call["for_each_expression"] = references(of);
        verdicts(&plan)
    };
    assert_eq!(of(&["aws_iam_instance_profile.web"]), [Ready, NotReady]);
    assert_eq!(of(&["aws_iam_instance_profile.own.name"]), [Unknown; 2]);
    let swapped = ["aws_iam_instance_profile.web[\"b\"]", "aws_iam_instance_profile.web[\"a\"]"];
    assert_eq!(of(&swapped), [Unknown; 2]);
}

/// Without a profile is only what refers to nothing: a text that is worked out of what is known may still be known later.
#[test]
fn a_profile_is_null_where_nothing_is_there_to_give_it() {
    let of = |profile: &str, more: Value| {
        let mut plan = plan(vec![instance("aws_instance.web[\"x\"]", &[profile], more)]);
        plan["variables"] = json!({
            "prefix": { "value": "web-" }, "profile": { "value": null },
            "instances": { "value": { "x": { "profile": null, "name": "x" } } },
        });
        plan
    };
    let none = [Code::NoInstanceProfile];
    let unknown = [Code::NotInPlan];
    holds("a null", &of("var.profile", json!({})), NotReady, &none);
    holds("a text", &of("var.prefix", json!({})), Unknown, &unknown);
    let constant = json!({ "for_each_expression": { "constant_value": { "x": { "profile": null, "name": "x" } } } });
    holds("a null of a constant", &of("each.value.profile", constant.clone()), NotReady, &none);
    holds("nothing of a constant", &of("each.value.iam", constant.clone()), NotReady, &none);
    holds("a text of a constant", &of("each.value.name", constant), Unknown, &unknown);
    holds("a null of a variable", &of("each.value.profile", for_each(&["var.instances"])), NotReady, &none);
    holds("a text of a variable", &of("each.value.name", for_each(&["var.instances"])), Unknown, &unknown);
    let more = for_each(&["var.instances", "var.prefix"]);
    holds("what is worked out of two", &of("each.value.profile", more), Unknown, &unknown);
}

/// `var.create ? aws_iam_instance_profile.this[0].name : null` is null where the switch is off, whatever else says that the profile is
/// made.
#[test]
fn the_value_of_a_switch_chooses_the_side() {
    let this = "aws_iam_instance_profile.this[0].name";
    for (name, expression, count, variables, verdict) in [
        ("on", vec!["var.create", this], vec!["var.create"], json!({ "create": true }), Ready),
        (
            "on, with another",
            vec!["var.create", this],
            vec!["var.create", "var.also"],
            json!({ "create": true }),
            Ready,
        ),
        (
            "off, made for another",
            vec!["var.create", this],
            vec!["var.create", "var.also"],
            json!({ "create": false }),
            Unknown,
        ),
        ("off, and made", vec!["var.create", this], vec!["var.create"], json!({ "create": false }), Unknown),
        ("the other side", vec!["var.bring", "var.profile", this], vec!["var.bring"], json!({ "bring": false }), Ready),
        ("the null side", vec!["var.bring", "var.profile", this], vec!["var.bring"], json!({ "bring": true }), Unknown),
        ("not of the count", vec!["var.create", this, "var.profile"], vec![], json!({ "create": true }), Unknown),
        (
            "a local in the count",
            vec!["var.create", this, "var.profile"],
            vec!["local.create"],
            json!({ "create": true }),
            Ready,
        ),
        ("a local, and null", vec!["var.create", this], vec!["local.create"], json!({ "create": true }), Unknown),
    ] {
        let profile = made("aws_iam_instance_profile.this[0]", json!({ "role": "web" }))
            .unknown(json!({ "name": true }))
            .config(json!({ "count_expression": references(&count) }));
        let mut plan = plan(vec![instance("aws_instance.web", &expression, json!({})), profile, role(), inline()]);
        let given =
            variables.as_object().unwrap().iter().map(|(name, value)| (name.clone(), json!({ "value": value })));
        plan["variables"] = given.chain([("profile".to_owned(), json!({ "value": null }))]).collect();
        let codes: &[Code] = if verdict == Unknown { &[Code::NotInPlan] } else { &[] };
        holds(name, &plan, verdict, codes);
    }
}

/// `terraform-aws-modules/ec2-instance`, which many use: one variable for all of the module, and one for the profile.
#[test]
fn a_module_that_makes_a_profile_if_it_is_asked_to() {
    let count = || json!({ "count_expression": references(&["var.create", "var.create_iam_instance_profile"]) });
    let by_prefix = |address: &str| made(address, json!({ "name_prefix": "web-" })).unknown(json!({ "name": true }));
    let trust = role_values()["assume_role_policy"].clone();
    let choice =
        ["var.create_iam_instance_profile", "aws_iam_instance_profile.this[0].name", "var.iam_instance_profile"];
    let mut plan = plan(vec![
        instance("module.ec2.aws_instance.this[0]", &choice, count()),
        by_prefix("module.ec2.aws_iam_instance_profile.this[0]")
            .refers("role", "aws_iam_role.this[0].name")
            .config(count()),
        made("module.ec2.aws_iam_role.this[0]", json!({ "name_prefix": "web-", "assume_role_policy": trust }))
            .unknown(json!({ "name": true }))
            .config(count()),
        made("module.ec2.aws_iam_role_policy_attachment.this[\"core\"]", json!({ "policy_arn": MANAGED }))
            .refers("role", "aws_iam_role.this[0].name"),
    ]);
    let call = &mut plan["configuration"]["root_module"]["module_calls"]["ec2"];
    call["expressions"] = json!({ "create_iam_instance_profile": { "constant_value": true } });
    call["module"]["variables"] = json!({
        "create": { "default": true }, "create_iam_instance_profile": { "default": false },
        "iam_instance_profile": { "default": null },
    });
    holds("made", &plan, Ready, &[]);
}

/// An output may be a resource as a whole: the name of it is one attribute of many.
#[test]
fn the_attribute_of_a_whole_that_a_module_gives_matters() {
    for (reference, verdict) in [
        ("module.iam.profile.name", Ready),
        ("module.iam.profile.id", Ready),
        ("module.iam.profile", Ready),
        ("module.iam.profile.role", Unknown),
        ("module.iam.profile.arn", Unknown),
        ("module.iam.all.profile.name", Unknown),
    ] {
        let profile = made("module.iam.aws_iam_instance_profile.web", json!({ "role": "web" }));
        let profile = profile.unknown(json!({ "name": true, "arn": true, "id": true }));
        let mut plan = plan(vec![instance("aws_instance.web", &[reference], json!({})), profile, role(), inline()]);
        plan["configuration"]["root_module"]["module_calls"]["iam"]["module"]["outputs"] = json!({
            "profile": { "expression": references(&["aws_iam_instance_profile.web"]) },
            "all": { "expression": references(&["aws_iam_instance_profile.web"]) },
        });
        let codes: &[Code] = if verdict == Unknown { &[Code::NotInPlan] } else { &[] };
        holds(reference, &plan, verdict, codes);
    }
}

/// `aws_iam_role.web[*].name`, `slice` of it and a `for` that passes over some look the same.
#[test]
fn a_list_may_leave_out_some_of_several_elements() {
    let role = |index: usize| {
        let values = with(role_values(), json!({ "name": null }));
        made(&format!("aws_iam_role.web[{index}]"), values).unknown(json!({ "name": true, "id": true, "arn": true }))
    };
    let chain = |roles: usize, more: Vec<Resource>| {
        let last = format!("aws_iam_role.web[{}].name", roles - 1);
        let profile = made("aws_iam_instance_profile.web", json!({ "name": "web" })).refers("role", &last);
        let instance = made("aws_instance.web", json!({ "iam_instance_profile": "web" }));
        plan((0..roles).map(role).chain([profile, instance]).chain(more).collect())
    };
    let attachment = |arn: &str, listed: &[&str]| {
        made("aws_iam_policy_attachment.all", json!({ "name": "all", "policy_arn": arn }))
            .unknown(json!({ "roles": true }))
            .expressions(json!({ "roles": references(listed) }))
    };
    let all = ["aws_iam_role.web"];
    let each = ["aws_iam_role.web[0].name", "aws_iam_role.web[1].name"];
    let open = [Code::NotInPlan];
    holds("the only one", &chain(1, vec![attachment(MANAGED, &all)]), Ready, &[]);
    holds("perhaps both", &chain(2, vec![attachment(MANAGED, &all)]), Unknown, &open);
    holds("both", &chain(2, vec![attachment(MANAGED, &each)]), Ready, &[]);
    let own = |index: usize| {
        made(&format!("aws_iam_role_policy.own_{index}"), json!({ "name": "own", "policy": core() }))
            .refers("role", each[index])
    };
    let deny = |listed: &[&str]| {
        let document = policy("Deny", &["ssm:*"]);
        let arn = "arn:aws:iam::123456789012:policy/deny";
        let made = made("aws_iam_policy.deny", json!({ "name": "deny", "arn": arn, "policy": document }));
        chain(2, vec![own(0), own(1), made, attachment(arn, listed)])
    };
    holds("what both are perhaps denied", &deny(&all), Unknown, &open);
    holds("what both are denied", &deny(&each), NotReady, &[Code::ExplicitDeny]);

    // A switch that chooses between lists is no member of either.
    let mut chosen = chain(2, vec![attachment(MANAGED, &["var.first", each[0], each[1]])]);
    chosen["variables"] = json!({ "first": { "value": true } });
    holds("one of two lists", &chosen, Unknown, &open);

    // The length of a list is known where the provider plans each of its elements.
    let exclusive = |unknown: Value| {
        let own = |index: usize| {
            made(&format!("aws_iam_role_policy.own[{index}]"), json!({ "policy": core() }))
                .unknown(json!({ "name": true }))
                .expressions(json!({ "role": references(&[each[0]]) }))
                .merge_unknown(json!({ "role": true }))
        };
        let exclusive = made("aws_iam_role_policies_exclusive.web", json!({ "policy_names": [null] }))
            .refers("role_name", each[0])
            .merge_unknown(json!({ "policy_names": unknown }))
            .expression("policy_names", references(&["aws_iam_role_policy.own"]));
        chain(1, vec![own(0), own(1), exclusive])
    };
    holds("as many names as policies", &exclusive(json!([true, true])), Ready, &[]);
    holds("fewer names than policies", &exclusive(json!([true])), Unknown, &open);
    holds("some names", &exclusive(json!(true)), Unknown, &open);

    // So it is with what writes policies by other means.
    let writer = made("awscc_iam_role_policy.it[0]", json!({ "policy_name": "x" }))
        .unknown(json!({ "role_name": true }))
        .expressions(json!({ "role_name": references(&["aws_iam_role.web", "count.index"]) }));
    holds("a writer for one of them", &chain(2, vec![own(0), own(1), writer]), Unknown, &open);
}
