//! Plans, each with the verdict that AWS's rules give it once it is applied.

use serde_json::{Value, json};

use crate::live_stub::{self, trust};
use crate::support::command::Sandbox;
use crate::support::model::{CORE, TWICE};
use crate::support::report::{Code, Finding, Outcome, Verdict};
use crate::support::terraform::{Resource, changed, deleted, kept, made, plan, references};

pub const MANAGED: &str = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";

pub fn policy(effect: &str, actions: &[&str]) -> String {
    live_stub::policy(effect, json!(actions)).to_string()
}

pub fn core() -> String {
    policy("Allow", &CORE)
}

pub fn role_values() -> Value {
    json!({ "name": "web", "path": "/", "assume_role_policy": trust("ec2.amazonaws.com"), "permissions_boundary": null, "tags": null })
}

/// A role as the provider plans a new one: what it leaves out is filled in at apply.
pub fn role() -> Resource {
    role_with(json!({}))
}

pub fn role_with(more: Value) -> Resource {
    let unknown = json!({
        "arn": true, "create_date": true, "id": true, "inline_policy": true, "managed_policy_arns": true, "tags_all": true,
        "unique_id": true,
    });
    made("aws_iam_role.web", with(role_values(), more)).unknown(unknown)
}

/// The values of a role that exists and has no policy but what the plan says.
pub fn kept_role_values() -> Value {
    with(role_values(), json!({ "id": "web", "inline_policy": [], "managed_policy_arns": [] }))
}

pub fn kept_role() -> Resource {
    kept("aws_iam_role.web", kept_role_values())
}

/// The same object with more, or other, members.
pub fn with(mut object: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        object[key] = value.clone();
    }
    object
}

pub fn profile() -> Resource {
    made("aws_iam_instance_profile.web", json!({ "name": "web", "path": "/", "role": "web" }))
        .unknown(json!({ "arn": true, "id": true, "unique_id": true }))
}

pub fn instance() -> Resource {
    instance_with(json!({}))
}

pub fn instance_with(more: Value) -> Resource {
    made("aws_instance.web", with(json!({ "ami": "ami-1", "iam_instance_profile": "web" }), more))
        .unknown(json!({ "arn": true, "id": true, "metadata_options": true }))
}

pub fn inline() -> Resource {
    made("aws_iam_role_policy.core", json!({ "name": "core", "role": "web", "policy": core() }))
}

pub fn attachment(arn: &str) -> Resource {
    made("aws_iam_role_policy_attachment.core", json!({ "role": "web", "policy_arn": arn }))
}

/// An instance with its profile, its role, and these.
pub fn chain(more: Vec<Resource>) -> Value {
    plan([vec![instance(), profile(), role()], more].into_iter().flatten().collect())
}

pub fn check(plan: &Value) -> Vec<Outcome> {
    let sandbox = Sandbox::new();
    sandbox.file("plan.json", plan);
    let output = sandbox.run(&["check", "--terraform-plan", "plan.json", "-o", "json"]);
    output.report().results
}

pub fn only(plan: &Value) -> Outcome {
    let mut results = check(plan);
    assert_eq!(results.len(), 1, "{results:?}");
    results.remove(0)
}

#[track_caller]
pub fn holds(name: &str, plan: &Value, verdict: Verdict, codes: &[Code]) {
    let outcome = only(plan);
    assert_eq!((outcome.verdict, outcome.grounds().as_slice()), (verdict, codes), "{name}: {:?}", outcome.findings);
}

#[test]
fn a_chain_whose_names_are_known() {
    for (name, more, verdict, codes) in [
        ("an inline policy", vec![inline()], Verdict::Ready, vec![]),
        ("an AWS managed policy", vec![attachment(MANAGED)], Verdict::Ready, vec![]),
        ("no policy", vec![], Verdict::NotReady, vec![Code::MissingPermission]),
        (
            "a policy that is not built in",
            vec![attachment("arn:aws:iam::aws:policy/ReadOnlyAccess")],
            Verdict::Unknown,
            vec![Code::NotInPlan],
        ),
        (
            "a policy of another role",
            vec![made("aws_iam_role_policy.x", json!({ "name": "x", "role": "other", "policy": core() }))],
            Verdict::NotReady,
            vec![Code::MissingPermission],
        ),
        (
            "an explicit deny",
            vec![
                inline(),
                made(
                    "aws_iam_role_policy.deny",
                    json!({ "name": "deny", "role": "web", "policy": policy("Deny", &["ssmmessages:*"]) }),
                ),
            ],
            Verdict::NotReady,
            vec![Code::ExplicitDeny],
        ),
        (
            "an attachment to several roles",
            vec![made(
                "aws_iam_policy_attachment.core",
                json!({ "name": "x", "roles": ["other", "WEB"], "policy_arn": MANAGED }),
            )],
            Verdict::Ready,
            vec![],
        ),
    ] {
        holds(name, &chain(more), verdict, &codes);
    }
}

#[test]
fn what_the_role_says_itself() {
    let inline_block = json!([{ "name": "core", "policy": core() }]);
    for (name, values, verdict, codes) in [
        ("managed_policy_arns", json!({ "managed_policy_arns": [MANAGED] }), Verdict::Ready, vec![]),
        ("inline_policy", json!({ "inline_policy": inline_block }), Verdict::Ready, vec![]),
        (
            "an empty inline_policy block",
            json!({ "inline_policy": [{ "name": null, "policy": null }] }),
            Verdict::NotReady,
            vec![Code::MissingPermission],
        ),
        (
            "another trust",
            json!({ "inline_policy": inline_block, "assume_role_policy": trust("lambda.amazonaws.com") }),
            Verdict::NotReady,
            vec![Code::TrustPolicy],
        ),
        (
            "a boundary that AWS manages",
            json!({ "inline_policy": inline_block, "permissions_boundary": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess" }),
            Verdict::NotReady,
            vec![Code::BlockedByBoundary],
        ),
        (
            "a boundary that is not in the plan",
            json!({ "inline_policy": inline_block, "permissions_boundary": "arn:aws:iam::111122223333:policy/b" }),
            Verdict::Unknown,
            vec![Code::NotInPlan],
        ),
    ] {
        let role = made("aws_iam_role.web", with(role_values(), values));
        holds(name, &plan(vec![instance(), profile(), role]), verdict, &codes);
    }
}

#[test]
fn names_that_are_known_only_after_apply_are_followed_through_the_configuration() {
    let role = || role_with(json!({ "name": null })).unknown(json!({ "name": true, "arn": true, "id": true }));
    let named_later =
        |address: &str| made(address, json!({ "path": "/" })).unknown(json!({ "name": true, "arn": true, "id": true }));
    let profile = || {
        named_later("aws_iam_instance_profile.web")
            .refers("role", "aws_iam_role.web.name")
            .merge_unknown(json!({ "name": true }))
    };
    let instance =
        || made("aws_instance.web", json!({})).refers("iam_instance_profile", "aws_iam_instance_profile.web.name");
    let inline = || made("aws_iam_role_policy.core", json!({ "policy": core() })).refers("role", "aws_iam_role.web.id");
    let custom = || {
        made("aws_iam_policy.core", json!({ "name": "core", "policy": core() }))
            .unknown(json!({ "arn": true, "id": true }))
    };
    let attach = || {
        made("aws_iam_role_policy_attachment.core", json!({}))
            .refers("role", "aws_iam_role.web.name")
            .refers("policy_arn", "aws_iam_policy.core.arn")
    };
    holds("inline", &plan(vec![instance(), profile(), role(), inline()]), Verdict::Ready, &[]);
    holds("managed", &plan(vec![instance(), profile(), role(), custom(), attach()]), Verdict::Ready, &[]);
    holds("nothing", &plan(vec![instance(), profile(), role()]), Verdict::NotReady, &[Code::MissingPermission]);

    // The policy holds an ARN that is made in the same run.
    let later = made("aws_iam_role_policy.core", json!({}))
        .refers("role", "aws_iam_role.web.id")
        .refers("policy", "aws_s3_bucket.b.arn");
    let outcome = only(&plan(vec![instance(), profile(), role(), later]));
    assert_eq!((outcome.verdict, outcome.grounds()), (Verdict::Unknown, vec![Code::NotInPlan]));
    let message = &outcome.finding(Code::NotInPlan).message;
    assert_eq!(message, "`aws_iam_role_policy.core.policy` is known only after apply");

    // A local value is not in a plan, so the attachment may be of any role.
    let local = made("aws_iam_role_policy.core", json!({ "policy": core() })).refers("role", "local.role");
    holds("local", &plan(vec![instance(), profile(), role(), local]), Verdict::Unknown, &[Code::NotInPlan]);

    let trust_later =
        role_with(json!({ "name": "web", "assume_role_policy": null })).refers("assume_role_policy", "local.trust");
    let by_name = made("aws_iam_instance_profile.web", json!({ "name": "web", "role": "web" }));
    let plan_of = plan(vec![instance_with(json!({})), by_name, trust_later, attachment(MANAGED)]);
    holds("trust", &plan_of, Verdict::Unknown, &[Code::NotInPlan]);
}

#[test]
fn an_instance_without_a_profile() {
    let bare = || {
        made("aws_instance.web", json!({ "ami": "ami-1" })).unknown(json!({ "iam_instance_profile": true, "id": true }))
    };
    holds("the provider fills it in", &plan(vec![bare()]), Verdict::NotReady, &[Code::NoInstanceProfile]);
    let null = made("aws_instance.web", json!({ "iam_instance_profile": null }));
    holds("null", &plan(vec![null]), Verdict::NotReady, &[Code::NoInstanceProfile]);
    let empty = made("aws_instance.web", json!({ "iam_instance_profile": "" }));
    holds("empty", &plan(vec![empty]), Verdict::NotReady, &[Code::NoInstanceProfile]);
    let mut without_configuration = plan(vec![bare()]);
    without_configuration.as_object_mut().unwrap().remove("configuration");
    holds("no configuration", &without_configuration, Verdict::Unknown, &[Code::NotInPlan]);
    let from_local = made("aws_instance.web", json!({})).refers("iam_instance_profile", "local.profile");
    holds("a local value", &plan(vec![from_local]), Verdict::Unknown, &[Code::NotInPlan]);
    let outcome = only(&plan(vec![instance()]));
    assert_eq!(outcome.verdict, Verdict::Unknown);
    let message = &outcome.finding(Code::NotInPlan).message;
    assert_eq!(message, "the instance profile `web` of `aws_instance.web.iam_instance_profile` is not in the plan");
}

#[test]
fn a_profile_without_a_role_and_one_whose_role_is_elsewhere() {
    let empty = made("aws_iam_instance_profile.web", json!({ "name": "web", "role": null }));
    holds("empty", &plan(vec![instance(), empty]), Verdict::NotReady, &[Code::InstanceProfileEmpty]);
    holds("elsewhere", &plan(vec![instance(), profile()]), Verdict::Unknown, &[Code::NotInPlan]);
    let old = made("aws_iam_instance_profile.web", json!({ "name": "web", "roles": ["web"] }));
    holds("a list, as in old providers", &plan(vec![instance(), old, role(), inline()]), Verdict::Ready, &[]);
    let read = made("data.aws_iam_instance_profile.web", json!({ "name": "web", "role_name": "web" }));
    holds("a profile that was read", &plan(vec![instance(), read, kept_role(), inline()]), Verdict::Ready, &[]);
    let read = made(
        "data.aws_iam_role.web",
        json!({ "name": "web", "id": "web", "assume_role_policy": trust("ec2.amazonaws.com") }),
    );
    holds(
        "a role that was read",
        &plan(vec![instance(), profile(), read, inline()]),
        Verdict::Unknown,
        &[Code::NotInPlan],
    );
}

#[test]
fn what_exists_and_what_goes() {
    let existing = |more| {
        kept(
            "aws_iam_role.web",
            with(
                with(
                    role_values(),
                    json!({ "arn": "arn:aws:iam::111122223333:role/web", "id": "web", "inline_policy": [], "managed_policy_arns": [] }),
                ),
                more,
            ),
        )
    };
    let on = |role, more| plan([vec![instance(), profile(), role], more].into_iter().flatten().collect());
    let attached = json!({ "role": "web", "policy_arn": MANAGED });
    let by_hand = existing(json!({ "managed_policy_arns": [MANAGED] }));
    holds("attached outside of the plan", &on(by_hand, vec![]), Verdict::Ready, &[]);
    let has = || existing(json!({ "managed_policy_arns": [MANAGED] }));
    let going = || deleted("aws_iam_role_policy_attachment.old", attached.clone());
    holds("an attachment that goes", &on(has(), vec![going()]), Verdict::NotReady, &[Code::MissingPermission]);
    holds(
        "one goes and one comes",
        &on(has(), vec![going(), attachment(MANAGED)]),
        Verdict::Unknown,
        &[Code::NotInPlan],
    );
    let stays = kept("aws_iam_role_policy_attachment.core", attached.clone());
    holds("an attachment that stays", &on(has(), vec![stays]), Verdict::Ready, &[]);
    let inline_now = existing(json!({ "inline_policy": [{ "name": "core", "policy": core() }] }));
    let gone = deleted("aws_iam_role_policy.core", json!({ "name": "core", "role": "web", "policy": core() }));
    holds("an inline policy that goes", &on(inline_now, vec![gone]), Verdict::NotReady, &[Code::MissingPermission]);
    let inline_now = existing(json!({ "inline_policy": [{ "name": "core", "policy": core() }] }));
    let narrowed = changed(
        "aws_iam_role_policy.core",
        json!({ "name": "core", "role": "web", "policy": core() }),
        json!({ "name": "core", "role": "web", "policy": policy("Allow", &["s3:GetObject"]) }),
    );
    holds(
        "an inline policy that changes",
        &on(inline_now, vec![narrowed]),
        Verdict::NotReady,
        &[Code::MissingPermission],
    );
    let replaced = || role().actions(&["delete", "create"]);
    holds("a role that is replaced", &on(replaced(), vec![inline()]), Verdict::Ready, &[]);
    let unknown = [Code::NotInPlan];
    let stays = || kept("aws_iam_role_policy.core", json!({ "name": "core", "role": "web", "policy": core() }));
    holds("and its policy stays", &on(replaced(), vec![stays()]), Verdict::Unknown, &unknown);
    let retagged = || json!({ "name": "core", "role": "web", "policy": core() });
    let written = changed("aws_iam_role_policy.core", with(retagged(), json!({ "policy": "{}" })), retagged());
    holds("and its policy changes", &on(replaced(), vec![written]), Verdict::Unknown, &unknown);
    let stays = kept("aws_iam_role_policy_attachment.core", attached.clone());
    holds("and its attachment stays", &on(replaced(), vec![stays]), Verdict::Unknown, &unknown);
    let list = json!({ "name": "core", "roles": ["web"], "policy_arn": MANAGED });
    let stays = kept("aws_iam_policy_attachment.core", list.clone());
    holds("and a list of roles stays", &on(replaced(), vec![stays]), Verdict::Unknown, &unknown);
    let joins = changed("aws_iam_policy_attachment.core", with(list.clone(), json!({ "roles": ["other"] })), list);
    holds("and it joins a list of roles", &on(replaced(), vec![joins]), Verdict::Ready, &[]);
    let said = json!({ "role_name": "web", "policy_arns": [MANAGED] });
    let stays = kept("aws_iam_role_policy_attachments_exclusive.web", said);
    holds("and what says all its policies stays", &on(replaced(), vec![stays]), Verdict::Unknown, &unknown);
    let of_profile = |profile| plan(vec![instance(), profile, replaced(), inline()]);
    let values = || json!({ "name": "web", "path": "/", "role": "web" });
    let outcome = only(&of_profile(kept("aws_iam_instance_profile.web", values())));
    assert_eq!((outcome.verdict, outcome.grounds().as_slice()), (Verdict::Unknown, &unknown[..]));
    let message = &outcome.finding(Code::NotInPlan).message;
    let expected = "`aws_iam_instance_profile.web.role` stays as it is while the plan makes `aws_iam_role.web` anew";
    assert!(message.starts_with(expected), "{message}");
    let joins = changed("aws_iam_instance_profile.web", with(values(), json!({ "role": "other" })), values());
    holds("and it joins a profile", &of_profile(joins), Verdict::Ready, &[]);
    let hidden = kept("aws_iam_role.web", role_values()).unknown(json!({ "managed_policy_arns": true }));
    holds("a role whose policies are not known", &on(hidden, vec![]), Verdict::Unknown, &[Code::NotInPlan]);
    let only_going = plan(vec![deleted("aws_instance.web", json!({ "iam_instance_profile": "web" }))]);
    assert_eq!(check(&only_going), vec![]);
}

/// A running instance belongs to the profile that goes; what launches instances looks up the name each time.
#[test]
fn a_profile_that_is_replaced_is_another_one() {
    let replaced = || profile().actions(&["delete", "create"]);
    let values = || json!({ "iam_instance_profile": "web" });
    let of = |launch: Resource| plan(vec![launch, replaced(), role(), inline()]);
    for address in ["aws_instance.web", "aws_spot_instance_request.web"] {
        holds(address, &of(kept(address, values())), Verdict::Unknown, &[Code::NotInPlan]);
        holds(address, &of(made(address, values()).actions(&["delete", "create"])), Verdict::Ready, &[]);
        let joins = changed(address, json!({ "iam_instance_profile": "other" }), values());
        holds(address, &of(joins), Verdict::Ready, &[]);
    }
    let template = json!({ "name": "web", "iam_instance_profile": [{ "name": "web" }] });
    holds("a template", &of(kept("aws_launch_template.web", template)), Verdict::Ready, &[]);
    let configuration = kept("aws_launch_configuration.web", values());
    holds("a launch configuration", &of(configuration), Verdict::Ready, &[]);
}

/// The template counts when the instance is launched: what it says later changes nothing of one that runs.
#[test]
fn an_instance_that_exists_takes_nothing_of_its_template() {
    let bare = json!({ "id": "lt-1", "name": "web", "iam_instance_profile": [] });
    let granting = json!({ "id": "lt-1", "name": "web", "iam_instance_profile": [{ "name": "web" }] });
    let template = || changed("aws_launch_template.web", bare.clone(), granting.clone());
    let values = |profile: Value| {
        json!({ "iam_instance_profile": profile, "launch_template": [{ "id": "lt-1", "version": "$Latest" }],
            "metadata_options": [{ "http_endpoint": "enabled" }] })
    };
    let of = |instance: Resource| {
        let profile = kept("aws_iam_instance_profile.web", json!({ "name": "web", "path": "/", "role": "web" }));
        let outcome = check(&plan(vec![instance, template(), profile, kept_role(), inline()])).remove(0);
        (outcome.verdict, outcome.grounds())
    };
    let without = (Verdict::NotReady, vec![Code::NoInstanceProfile]);
    for nothing in [json!(""), Value::Null] {
        assert_eq!(of(kept("aws_instance.web", values(nothing.clone()))), without);
        let tagged = changed("aws_instance.web", values(nothing.clone()), values(nothing.clone()));
        assert_eq!(of(tagged), without);
    }
    assert_eq!(of(kept("aws_instance.web", values(json!("web")))), (Verdict::Ready, vec![]));
    let replaced = made("aws_instance.web", values(Value::Null)).actions(&["delete", "create"]);
    assert_eq!(of(replaced.unknown(json!({ "iam_instance_profile": true }))), (Verdict::Ready, vec![]));
    // Nor does a template that the plan does not hold leave open what the instance has.
    let elsewhere = with(values(json!("web")), json!({ "launch_template": [{ "id": "lt-2", "version": "1" }] }));
    assert_eq!(of(kept("aws_instance.web", elsewhere)), (Verdict::Ready, vec![]));
}

/// Without a version a group launches the default one, which the provider fills in.
#[test]
fn a_version_that_is_left_out_is_the_default_one() {
    let template = |more: Value| {
        let values = json!({ "name": "web", "id": "lt-1", "iam_instance_profile": [{ "name": "web" }],
            "latest_version": 3, "default_version": 1 });
        kept("aws_launch_template.web", with(values, more))
    };
    let group = |block: Value| {
        made("aws_autoscaling_group.web", json!({ "launch_template": [{ "id": "lt-1" }] }))
            .unknown(json!({ "launch_template": [{ "name": true, "version": true }] }))
            .expressions(json!({ "launch_template": block }))
    };
    let by_id = || references(&["aws_launch_template.web.id"]);
    let verdict = |block: Value, more: Value| {
        check(&plan(vec![group(block), template(more), profile(), role(), inline()]))[0].verdict
    };
    let left_out = || json!([{ "id": by_id() }]);
    assert_eq!(verdict(left_out(), json!({})), Verdict::Unknown);
    assert_eq!(verdict(left_out(), json!({ "default_version": 3 })), Verdict::Ready);
    assert_eq!(verdict(left_out(), json!({ "update_default_version": true })), Verdict::Ready);
    // A dynamic block may say any.
    assert_eq!(verdict(by_id(), json!({})), Verdict::Unknown);
    // A version that refers to nothing of the template is not known to be its newest.
    let known_elsewhere = json!([{ "id": by_id(), "version": references(&["var.version"]) }]);
    assert_eq!(verdict(known_elsewhere, json!({})), Verdict::Unknown);
}

/// Nothing depends on a policy that goes, so that it may go after the other has come: then the role has neither.
#[test]
fn an_inline_policy_that_moves_to_another_address_is_not_known() {
    let values = || json!({ "name": "core", "role": "web", "policy": core() });
    let old = || deleted("aws_iam_role_policy.old", values());
    let unknown = [Code::NotInPlan];
    holds("moved", &plan(vec![instance(), profile(), kept_role(), old(), inline()]), Verdict::Unknown, &unknown);
    let renamed = made("aws_iam_role_policy.core", with(values(), json!({ "name": "other" })));
    holds("another name", &plan(vec![instance(), profile(), kept_role(), old(), renamed]), Verdict::Ready, &[]);
    let elsewhere = deleted("aws_iam_role_policy.old", with(values(), json!({ "role": "other" })));
    holds("another role", &plan(vec![instance(), profile(), kept_role(), elsewhere, inline()]), Verdict::Ready, &[]);
    let replaced = inline().actions(&["delete", "create"]);
    holds("the same address", &plan(vec![instance(), profile(), kept_role(), replaced]), Verdict::Ready, &[]);
    // What goes from a role that is replaced does so before.
    let new_role = role().actions(&["delete", "create"]);
    holds("with its role", &plan(vec![instance(), profile(), new_role, old(), inline()]), Verdict::Ready, &[]);
}

/// A role keeps the one that is written last, and resources are made in any order.
#[test]
fn of_inline_policies_with_one_name_it_is_not_known_which_one_stays() {
    let other = |document: String| {
        made("aws_iam_role_policy.other", json!({ "name": "core", "role": "web", "policy": document }))
    };
    let less = || policy("Allow", &["s3:GetObject"]);
    let unknown = [Code::NotInPlan];
    holds("two resources", &chain(vec![other(less()), inline()]), Verdict::Unknown, &unknown);
    holds("in the other order", &chain(vec![inline(), other(less())]), Verdict::Unknown, &unknown);
    holds("with one document", &chain(vec![other(core()), inline()]), Verdict::Ready, &[]);
    let block = |document: String| json!({ "inline_policy": [{ "name": "core", "policy": document }] });
    let beside = |role: Resource| plan(vec![instance(), profile(), role, inline()]);
    let new_role = made("aws_iam_role.web", with(role_values(), block(less())));
    holds("a block of a new role", &beside(new_role), Verdict::Unknown, &unknown);
    // A role that exists has in its values what the resource has written before.
    let values = with(kept_role_values(), block(less()));
    holds("a block of a role that exists", &beside(kept("aws_iam_role.web", values)), Verdict::Ready, &[]);
}

/// `removed { lifecycle { destroy = false } }` takes a resource out of the state, and it stays in the account.
#[test]
fn what_is_forgotten_stays() {
    let block = json!([{ "name": "core", "policy": core() }]);
    let has = || kept("aws_iam_role.web", with(kept_role_values(), json!({ "inline_policy": block })));
    let values = json!({ "name": "core", "role": "web", "policy": core() });
    let gone = |actions| deleted("aws_iam_role_policy.core", values.clone()).actions(actions);
    let of = |gone| plan(vec![instance(), profile(), has(), gone]);
    holds("forgotten", &of(gone(&["forget"])), Verdict::Ready, &[]);
    holds("deleted", &of(gone(&["delete"])), Verdict::NotReady, &[Code::MissingPermission]);
    let denied = json!({ "managed_policy_arns": ["arn:aws:iam::aws:policy/AWSDenyAll"], "inline_policy": block });
    let denied = kept("aws_iam_role.web", with(kept_role_values(), denied));
    let attached = json!({ "role": "web", "policy_arn": "arn:aws:iam::aws:policy/AWSDenyAll" });
    let forgotten = deleted("aws_iam_role_policy_attachment.deny", attached).actions(&["forget"]);
    let outcome = only(&plan(vec![instance(), profile(), denied, forgotten]));
    assert_ne!(outcome.verdict, Verdict::Ready, "{:?}", outcome.findings);
}

/// Old providers do not say what else a role has.
#[test]
fn a_role_that_exists_may_have_more_than_an_old_provider_says() {
    let of = |values: Value| plan(vec![instance(), profile(), kept("aws_iam_role.web", values), inline()]);
    holds("both", &of(role_values()), Verdict::Unknown, &[Code::NotInPlan]);
    for (known, missing) in [("inline_policy", "managed_policy_arns"), ("managed_policy_arns", "inline_policy")] {
        let outcome = only(&of(with(role_values(), json!({ known: [] }))));
        assert_eq!(outcome.verdict, Verdict::Unknown, "{missing}: {:?}", outcome.findings);
        let message = &outcome.finding(Code::NotInPlan).message;
        assert!(message.contains(&format!("`aws_iam_role.web.{missing}`")), "{message}");
    }
    holds("neither", &of(kept_role_values()), Verdict::Ready, &[]);
}

/// The account's default holds where the launch says nothing of the endpoint, and changes nothing of instances that run.
#[test]
fn the_region_s_default_of_the_metadata_service() {
    let switch = |endpoint: Value| kept("aws_ec2_instance_metadata_defaults.all", json!({ "http_endpoint": endpoint }));
    let disabled = || switch(json!("disabled"));
    let off = [Code::MetadataDisabled];
    holds("switched off", &chain(vec![inline(), disabled()]), Verdict::NotReady, &off);
    for endpoint in [json!("enabled"), json!("no-preference"), Value::Null] {
        holds("left on", &chain(vec![inline(), switch(endpoint)]), Verdict::Ready, &[]);
    }
    let of = |launch: Resource, switch: Resource| plan(vec![launch, switch, profile(), role(), inline()]);
    let options = |options: Value| instance_with(json!({ "metadata_options": [options] })).unknown(json!({}));
    let said = options(json!({ "http_endpoint": "enabled" }));
    holds("the launch says it", &of(said, disabled()), Verdict::Ready, &[]);
    let tokens = options(json!({ "http_tokens": "required" }));
    holds("the launch says something else", &of(tokens, disabled()), Verdict::NotReady, &off);
    let template =
        || made("aws_launch_template.web", json!({ "name": "web", "iam_instance_profile": [{ "name": "web" }] }));
    holds("a template", &of(template(), disabled()), Verdict::NotReady, &off);
    let running = kept("aws_instance.web", json!({ "iam_instance_profile": "web" }));
    let profile_of_it = kept("aws_iam_instance_profile.web", json!({ "name": "web", "path": "/", "role": "web" }));
    let all = vec![running, disabled(), profile_of_it, kept_role(), inline()];
    holds("an instance that runs", &plan(all), Verdict::Ready, &[]);

    // Made beside an instance, it may come after it; what launches more of them does so with it.
    let comes = || made("aws_ec2_instance_metadata_defaults.all", json!({ "http_endpoint": "disabled" }));
    holds("a default that is made", &of(instance(), comes()), Verdict::Unknown, &[Code::NotInPlan]);
    holds("a template beside it", &of(template(), comes()), Verdict::NotReady, &off);
    let later = made("aws_ec2_instance_metadata_defaults.all", json!({})).refers("http_endpoint", "local.endpoint");
    holds("one that is not known", &of(instance(), later), Verdict::Unknown, &[Code::NotInPlan]);
    let elsewhere = json!({ "http_endpoint": "disabled", "region": "eu-west-1" });
    let elsewhere = kept("aws_ec2_instance_metadata_defaults.all", elsewhere);
    holds("of another Region", &of(instance(), elsewhere), Verdict::Ready, &[]);
}

/// Names are unique in an account: one of another account, or with another path, is another profile.
#[test]
fn a_profile_of_another_account_is_not_that_of_the_plan() {
    let caller = || made("data.aws_caller_identity.current", json!({ "account_id": "111122223333" }));
    let template = |arn: &str| {
        let profile = json!([{ "arn": arn }]);
        made("aws_launch_template.web", json!({ "name": "web", "iam_instance_profile": profile }))
    };
    let of = |arn: &str, more: Vec<Resource>| {
        let all = [vec![template(arn), profile(), role(), inline()], more].into_iter().flatten().collect();
        only(&plan(all)).verdict
    };
    assert_eq!(of("arn:aws:iam::111122223333:instance-profile/web", vec![caller()]), Verdict::Ready);
    for arn in [
        "arn:aws:iam::999999999999:instance-profile/web",
        "arn:aws:iam::111122223333:instance-profile/app/web",
        "arn:aws-cn:iam::111122223333:instance-profile/web",
    ] {
        assert_eq!(of(arn, vec![caller()]), Verdict::Unknown, "{arn}");
    }
    // The account is not known, the path is.
    assert_eq!(of("arn:aws:iam::999999999999:instance-profile/web", vec![]), Verdict::Ready);
    assert_eq!(of("arn:aws:iam::999999999999:instance-profile/app/web", vec![]), Verdict::Unknown);

    // An instance takes a name only.
    let by_arn = json!({ "iam_instance_profile": "arn:aws:iam::111122223333:instance-profile/web" });
    let unknown = [Code::NotInPlan];
    holds(
        "an ARN",
        &plan(vec![instance_with(by_arn.clone()), profile(), role(), inline()]),
        Verdict::Unknown,
        &unknown,
    );
    let later = made("aws_instance.web", json!({})).refers("iam_instance_profile", "aws_iam_instance_profile.web.arn");
    holds("a reference to it", &plan(vec![later, profile(), role(), inline()]), Verdict::Unknown, &unknown);
    let configuration = made("aws_launch_configuration.web", by_arn);
    holds("a configuration", &plan(vec![configuration, profile(), role(), inline()]), Verdict::Ready, &[]);

    // Two providers that are in different accounts.
    let at = |key: &str| json!({ "provider_config_key": key });
    let of_other = |account: &str| {
        let other = made("data.aws_caller_identity.other", json!({ "account_id": account })).config(at("aws.other"));
        only(&plan(vec![instance(), caller(), other, profile().config(at("aws.other")), role(), inline()])).verdict
    };
    assert_eq!(of_other("999999999999"), Verdict::Unknown);
    assert_eq!(of_other("111122223333"), Verdict::Ready);
}

/// Documents that may be the preferences leave the one alone that is.
#[test]
fn the_preferences_of_the_name_win_over_those_that_may_have_it() {
    let content = |inputs: Value| json!({ "schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": inputs });
    let values = |inputs: Value| json!({ "document_type": "Session", "document_format": "JSON", "content": content(inputs).to_string() });
    let key = json!({ "kmsKeyId": "arn:aws:kms:us-east-1:111122223333:key/k" });
    let named =
        || made("aws_ssm_document.own", with(values(key.clone()), json!({ "name": "SSM-SessionManagerRunShell" })));
    let other = || made("aws_ssm_document.other", values(json!({}))).refers("name", "local.name");
    for documents in [vec![named(), other()], vec![other(), named()]] {
        let outcome = only(&chain([vec![inline()], documents].concat()));
        let needed = outcome.permissions.iter().any(|permission| permission.action == "kms:Decrypt");
        assert!(needed, "{:?}", outcome.permissions);
    }
    holds("one alone", &chain(vec![inline(), other()]), Verdict::Unknown, &[Code::NotInPlan]);
}

#[test]
fn exclusive_resources_take_away_what_they_do_not_list() {
    let arns = |arns: Value| {
        made("aws_iam_role_policy_attachments_exclusive.web", json!({ "role_name": "web", "policy_arns": arns }))
    };
    let names = |names: Value| {
        made("aws_iam_role_policies_exclusive.web", json!({ "role_name": "web", "policy_names": names }))
    };
    let missing = [Code::MissingPermission];
    holds("listed", &chain(vec![attachment(MANAGED), arns(json!([MANAGED]))]), Verdict::Ready, &[]);
    holds("attached by it", &chain(vec![arns(json!([MANAGED]))]), Verdict::Ready, &[]);
    let has = || kept("aws_iam_role.web", with(kept_role_values(), json!({ "managed_policy_arns": [MANAGED] })));
    holds("not listed", &plan(vec![instance(), profile(), has(), arns(json!([]))]), Verdict::NotReady, &missing);
    holds("an inline policy listed", &chain(vec![inline(), names(json!(["core"]))]), Verdict::Ready, &[]);
    let block = json!({ "inline_policy": [{ "name": "core", "policy": core() }] });
    let has = kept("aws_iam_role.web", with(kept_role_values(), block));
    let not_listed = plan(vec![instance(), profile(), has, names(json!([]))]);
    holds("an inline policy not listed", &not_listed, Verdict::NotReady, &missing);
    holds("one that is elsewhere", &chain(vec![names(json!(["core"]))]), Verdict::Unknown, &[Code::NotInPlan]);
}

#[test]
fn metadata_options() {
    let options = |options: Value| {
        let instance = instance_with(json!({ "metadata_options": [options] })).unknown(json!({ "id": true }));
        plan(vec![instance, profile(), role(), inline()])
    };
    holds("disabled", &options(json!({ "http_endpoint": "disabled" })), Verdict::NotReady, &[Code::MetadataDisabled]);
    holds("enabled", &options(json!({ "http_endpoint": "enabled", "http_tokens": "required" })), Verdict::Ready, &[]);
    let later = instance()
        .unknown(json!({ "metadata_options": [{ "http_endpoint": true }] }))
        .expressions(json!({ "metadata_options": [{ "http_endpoint": references(&["local.endpoint"]) }] }));
    holds("not known", &plan(vec![later, profile(), role(), inline()]), Verdict::Unknown, &[Code::NotInPlan]);
    let of = |expression: Value| {
        let later = instance()
            .unknown(json!({ "metadata_options": true }))
            .expressions(json!({ "metadata_options": expression }));
        plan(vec![later, profile(), role(), inline()])
    };
    holds("no block is known", &of(references(&["local.options"])), Verdict::Unknown, &[Code::NotInPlan]);
    holds(
        "a block is not known",
        &of(json!([{ "http_endpoint": references(&["local.endpoint"]) }])),
        Verdict::Unknown,
        &[Code::NotInPlan],
    );
    holds("it is left out", &of(json!([{ "http_tokens": { "constant_value": "required" } }])), Verdict::Ready, &[]);
}

#[test]
fn everything_that_launches_instances_is_a_target() {
    let name = json!([{ "name": "web" }]);
    let template = || {
        made("aws_launch_template.web", json!({ "name": "web", "iam_instance_profile": name.clone() }))
            .unknown(json!({ "id": true, "latest_version": true, "metadata_options": true }))
    };
    let base = || vec![profile(), role(), inline()];
    let all = |more: Vec<Resource>| check(&plan([more, base()].into_iter().flatten().collect()));
    let verdicts = |results: Vec<Outcome>| -> Vec<(String, Verdict)> {
        results.into_iter().map(|outcome| (outcome.target, outcome.verdict)).collect()
    };
    let ready = |address: &str| (address.to_owned(), Verdict::Ready);
    let unready = |address: &str| (address.to_owned(), Verdict::NotReady);
    assert_eq!(verdicts(all(vec![template()])), [ready("aws_launch_template.web")]);
    let bare = made("aws_launch_template.web", json!({ "name": "web", "iam_instance_profile": [] }));
    assert_eq!(verdicts(all(vec![bare])), [unready("aws_launch_template.web")]);
    let by_arn = made(
        "aws_launch_template.web",
        json!({ "name": "web", "iam_instance_profile": [{ "arn": "arn:aws:iam::111122223333:instance-profile/web" }] }),
    );
    assert_eq!(verdicts(all(vec![by_arn])), [ready("aws_launch_template.web")]);
    let later = made("aws_launch_template.web", json!({ "name": "web", "iam_instance_profile": [{}] }))
        .unknown(json!({ "iam_instance_profile": [{ "arn": true }] }))
        .expressions(json!({ "iam_instance_profile": [{ "arn": references(&["aws_iam_instance_profile.web.arn"]) }] }));
    assert_eq!(verdicts(all(vec![later])), [ready("aws_launch_template.web")]);
    let dynamic = made("aws_launch_template.web", json!({ "name": "web", "iam_instance_profile": [{}] }))
        .unknown(json!({ "iam_instance_profile": [{ "arn": true }] }));
    assert_eq!(verdicts(all(vec![dynamic])), [("aws_launch_template.web".to_owned(), Verdict::Unknown)]);
    let configuration =
        || made("aws_launch_configuration.web", json!({ "name": "web", "iam_instance_profile": "web" }));
    assert_eq!(verdicts(all(vec![configuration()])), [ready("aws_launch_configuration.web")]);
    let spot = made("aws_spot_instance_request.web", json!({ "iam_instance_profile": "web" }));
    assert_eq!(verdicts(all(vec![spot])), [ready("aws_spot_instance_request.web")]);

    let group = || made("aws_autoscaling_group.web", json!({ "tag": [{ "key": "Name", "value": "web" }] }));
    let both = [ready("aws_autoscaling_group.web"), ready("aws_launch_template.web")];
    let of_template = made("aws_autoscaling_group.web", json!({ "launch_template": [{ "version": "$Latest" }] }))
        .unknown(json!({ "launch_template": [{ "id": true, "name": true }] }))
        .expressions(json!({ "launch_template": [{ "id": references(&["aws_launch_template.web.id"]) }] }));
    assert_eq!(verdicts(all(vec![of_template, template()])), both);
    let by_name =
        made("aws_autoscaling_group.web", json!({ "launch_template": [{ "name": "web", "version": "$Latest" }] }))
            .unknown(json!({ "launch_template": [{ "id": true }] }));
    assert_eq!(verdicts(all(vec![by_name, template()])), both);
    let of_configuration = made("aws_autoscaling_group.web", json!({ "launch_configuration": "web" }));
    let results = all(vec![of_configuration, configuration()]);
    assert_eq!(verdicts(results), [ready("aws_autoscaling_group.web"), ready("aws_launch_configuration.web")]);
    let outside =
        made("aws_autoscaling_group.web", json!({ "launch_template": [{ "id": "lt-1", "version": "$Latest" }] }));
    assert_eq!(verdicts(all(vec![outside])), [("aws_autoscaling_group.web".to_owned(), Verdict::Unknown)]);
    assert_eq!(verdicts(all(vec![group()])), [("aws_autoscaling_group.web".to_owned(), Verdict::Unknown)]);

    // Mixed instances: each template that is launched counts.
    let other = made("aws_launch_template.other", json!({ "name": "other", "iam_instance_profile": [] }));
    let mixed = made(
        "aws_autoscaling_group.web",
        json!({ "mixed_instances_policy": [{ "launch_template": [{
        "launch_template_specification": [{ "launch_template_name": "web", "version": "$Latest" }],
        "override": [{ "instance_type": "m5.large" }, { "launch_template_specification": [{ "launch_template_name": "other", "version": "$Latest" }] }],
    }] }] }),
    );
    let results = verdicts(all(vec![mixed, template(), other]));
    assert_eq!(
        results,
        [
            ready("aws_autoscaling_group.web"),
            unready("aws_autoscaling_group.web"),
            ready("aws_launch_template.web"),
            unready("aws_launch_template.other")
        ]
    );

    // An instance takes from its template what it does not say itself.
    let through = made("aws_instance.web", json!({ "launch_template": [{ "name": "web", "version": "$Latest" }] }))
        .unknown(json!({ "iam_instance_profile": true, "launch_template": [{ "id": true }] }));
    let results = verdicts(all(vec![through, template()]));
    assert_eq!(results, [ready("aws_instance.web"), ready("aws_launch_template.web")]);
}

/// `$Default` of a template that exists stays at its version unless the plan moves it.
#[test]
fn a_version_that_the_plan_does_not_show_is_unknown() {
    let template = |more| {
        let before = json!({ "name": "web", "id": "lt-1", "iam_instance_profile": [], "latest_version": 3, "default_version": 1 });
        changed("aws_launch_template.web", before, with(json!({ "name": "web", "id": "lt-1", "iam_instance_profile": [{ "name": "web" }], "default_version": 1 }), more))
            .unknown(json!({ "latest_version": true }))
    };
    let group = |version: Value| {
        made("aws_autoscaling_group.web", json!({ "launch_template": [{ "id": "lt-1", "version": version }] }))
    };
    let verdict = |version: Value, more: Value| {
        let results = check(&plan(vec![group(version), template(more), profile(), role(), inline()]));
        results[0].verdict
    };
    assert_eq!(verdict(json!("$Latest"), json!({})), Verdict::Ready);
    // The default one is older than what was the newest.
    assert_eq!(verdict(json!("$Default"), json!({})), Verdict::Unknown);
    assert_eq!(verdict(Value::Null, json!({})), Verdict::Unknown);
    // What was the newest has no profile.
    assert_eq!(verdict(json!("3"), json!({})), Verdict::NotReady);
    assert_eq!(verdict(json!("$Default"), json!({ "default_version": 3 })), Verdict::NotReady);
    assert_eq!(verdict(Value::Null, json!({ "default_version": 3 })), Verdict::NotReady);
    assert_eq!(verdict(json!("$Default"), json!({ "update_default_version": true })), Verdict::Ready);
    assert_eq!(verdict(json!("2"), json!({})), Verdict::Unknown);
}

/// Two instances, profiles and roles, each with its inline policy; names are known only after apply. `index` is what stands in the
/// brackets, `more` what else there is at each key.
fn two(keys: [&str; 2], index: &str, policies: [Option<String>; 2], more: impl Fn(usize) -> Vec<Resource>) -> Value {
    let mut resources = Vec::new();
    for (at, document) in policies.iter().enumerate() {
        let address = |kind: &str| format!("{kind}.web[{}]", keys[at]);
        let both = |address: &str| json!({ "references": [address, index] });
        resources.push(
            made(&address("aws_instance"), json!({}))
                .unknown(json!({ "iam_instance_profile": true }))
                .expressions(json!({ "iam_instance_profile": both("aws_iam_instance_profile.web") })),
        );
        resources.push(
            made(&address("aws_iam_instance_profile"), json!({}))
                .unknown(json!({ "name": true, "role": true, "id": true }))
                .expressions(json!({ "role": both("aws_iam_role.web") })),
        );
        let inline: Vec<Value> = document.iter().map(|document| json!({ "name": "p", "policy": document })).collect();
        let role = made(
            &address("aws_iam_role"),
            json!({ "assume_role_policy": trust("ec2.amazonaws.com"), "inline_policy": inline }),
        );
        resources.push(role.unknown(json!({ "name": true, "id": true, "arn": true })));
        resources.extend(more(at));
    }
    plan(resources)
}

pub fn verdicts(plan: &Value) -> Vec<Verdict> {
    check(plan).into_iter().map(|outcome| outcome.verdict).collect()
}

/// A plan lists what goes into an index, not how: `[1 - count.index]` looks like `[count.index]`. Only where all that may be meant are
/// alike it does not matter.
#[test]
fn an_index_that_is_worked_out_matters_where_the_elements_differ() {
    let other = || policy("Allow", &["s3:GetObject"]);
    let count = ["0", "1"];
    let each = ["\"a\"", "\"b\""];
    for (keys, index) in [(count, "count.index"), (each, "each.key")] {
        let of = |policies: [String; 2]| two(keys, index, policies.map(Some), |_| Vec::new());
        assert_eq!(verdicts(&of([core(), core()])), [Verdict::Ready; 2], "{index}");
        assert_eq!(verdicts(&of([other(), other()])), [Verdict::NotReady; 2], "{index}");
        for policies in [[core(), other()], [other(), core()]] {
            let outcomes = check(&of(policies));
            for (at, outcome) in outcomes.iter().enumerate() {
                assert_eq!(outcome.verdict, Verdict::Unknown, "{index}: {:?}", outcome.findings);
                let attribute = format!("`aws_instance.web[{}].iam_instance_profile`", keys[at]);
                let said = |finding: &Finding| finding.code == Code::NotInPlan && finding.message.contains(&attribute);
                assert!(outcome.findings.iter().any(said), "{attribute}: {:?}", outcome.findings);
            }
        }
    }
}

#[test]
fn which_attachment_goes_to_which_role_matters_where_they_differ() {
    let attach = |arns: [&'static str; 2], index: &'static str| {
        let more = move |at: usize| {
            let address = format!("aws_iam_role_policy_attachment.core[{at}]");
            let expressions = json!({ "role": { "references": ["aws_iam_role.web", index] } });
            vec![
                made(&address, json!({ "policy_arn": arns[at] }))
                    .unknown(json!({ "role": true }))
                    .expressions(expressions),
            ]
        };
        verdicts(&two(["0", "1"], "count.index", [None, None], more))
    };
    let other = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    assert_eq!(attach([MANAGED, MANAGED], "count.index"), [Verdict::Ready; 2]);
    assert_eq!(attach([other, other], "count.index"), [Verdict::NotReady; 2]);
    assert_eq!(attach([MANAGED, other], "count.index"), [Verdict::Unknown; 2]);
    // One attachment for two roles goes to either.
    let one = |at: usize| {
        let expressions = json!({ "role": { "references": ["aws_iam_role.web", "count.index"] } });
        let attachment = made("aws_iam_role_policy_attachment.core[0]", json!({ "policy_arn": MANAGED }));
        let attachment = attachment.unknown(json!({ "role": true })).expressions(expressions);
        if at == 0 { vec![attachment] } else { Vec::new() }
    };
    assert_eq!(verdicts(&two(["0", "1"], "count.index", [None, None], one)), [Verdict::Unknown; 2]);
}

/// The elements of a resource whose `for_each` is another resource have its keys.
#[test]
fn each_value_leads_to_the_element_of_the_same_key() {
    let policies = [core(), policy("Allow", &["s3:GetObject"])];
    let mut resources = Vec::new();
    for (key, document) in ["a", "b"].iter().zip(&policies) {
        let at = |kind: &str| format!("{kind}.web[\"{key}\"]");
        let by_value = |resource: Resource, argument: &str, of: &str| {
            resource
                .expressions(json!({ argument: { "references": ["each.value.name", "each.value"] } }))
                .config(json!({ "for_each_expression": { "references": [of] } }))
        };
        let instance = made(&at("aws_instance"), json!({})).unknown(json!({ "iam_instance_profile": true }));
        resources.push(by_value(instance, "iam_instance_profile", "aws_iam_instance_profile.web"));
        let profile = made(&at("aws_iam_instance_profile"), json!({}));
        let profile = profile.unknown(json!({ "name": true, "role": true, "id": true }));
        resources.push(by_value(profile, "role", "aws_iam_role.web"));
        let role = made(
            &at("aws_iam_role"),
            json!({ "assume_role_policy": trust("ec2.amazonaws.com"), "inline_policy": [{ "name": "p", "policy": document }] }),
        );
        resources.push(role.unknown(json!({ "name": true, "id": true, "arn": true })));
    }
    assert_eq!(verdicts(&plan(resources)), [Verdict::Ready, Verdict::NotReady]);
}

/// `"${var.prefix}${aws_iam_instance_profile.web.name}"` is another name, and a plan lists only what goes into it.
#[test]
fn a_name_that_something_else_may_be_a_part_of_is_not_known() {
    let to_role = || made("aws_iam_instance_profile.web", json!({ "role": "web" })).unknown(json!({ "name": true }));
    let unknown = (Verdict::Unknown, vec![Code::NotInPlan]);
    let ready = (Verdict::Ready, vec![]);
    let of = |listed: &[&str]| {
        let instance = made("aws_instance.web", json!({}))
            .unknown(json!({ "iam_instance_profile": true }))
            .expressions(json!({ "iam_instance_profile": references(listed) }));
        let outcome = only(&plan(vec![instance, to_role(), role(), attachment(MANAGED)]));
        (outcome.verdict, outcome.grounds())
    };
    let own = "aws_iam_instance_profile.web.name";
    assert_eq!(of(&[own]), ready);
    assert_eq!(of(&[own, own]), ready);
    let parts =
        ["var.prefix", "local.prefix", "terraform.workspace", "path.module", "count.index", "each.key", "each.value"];
    // The name of a role that is known is a part like any other.
    for part in parts.into_iter().chain(["each.value.name", "aws_iam_role.web.name", "module.names.prefix"]) {
        assert_eq!(of(&[own, part]), unknown, "{part}");
        assert_eq!(of(&[part, own]), unknown, "{part}");
    }

    // The same of a profile's role, of what a policy is attached to, and of what a module is given.
    let later = || role_with(json!({ "name": null })).unknown(json!({ "name": true, "id": true, "arn": true }));
    let chain = |role_of: &[&str], attached_to: &[&str]| {
        let profile = made("aws_iam_instance_profile.web", json!({ "name": "web" }))
            .unknown(json!({ "role": true }))
            .expressions(json!({ "role": references(role_of) }));
        let attachment = made("aws_iam_role_policy_attachment.core", json!({ "policy_arn": MANAGED }))
            .unknown(json!({ "role": true }))
            .expressions(json!({ "role": references(attached_to) }));
        only(&plan(vec![instance(), profile, later(), attachment])).verdict
    };
    let role = "aws_iam_role.web.name";
    assert_eq!(chain(&[role], &[role]), Verdict::Ready);
    assert_eq!(chain(&[role, "var.prefix"], &[role]), Verdict::Unknown);
    assert_eq!(chain(&[role], &[role, "var.prefix"]), Verdict::Unknown);
    let given = |listed: &[&str]| {
        let instance = made("module.web.aws_instance.web", json!({})).refers("iam_instance_profile", "var.profile");
        let mut whole = plan(vec![instance, to_role(), self::role(), attachment(MANAGED)]);
        whole["configuration"]["root_module"]["module_calls"]["web"]["expressions"] =
            json!({ "profile": references(listed) });
        only(&whole).verdict
    };
    assert_eq!(given(&[own]), Verdict::Ready);
    assert_eq!(given(&[own, "var.prefix"]), Verdict::Unknown);

    // An index is used up by what it is the index of.
    let twice = |index: &[&str]| {
        let mut whole = two(["0", "1"], "count.index", [Some(core()), Some(core())], |_| Vec::new());
        let listed: Vec<_> = ["aws_iam_instance_profile.web"].iter().chain(index).collect();
        whole["configuration"]["root_module"]["resources"][0]["expressions"]["iam_instance_profile"] =
            json!({ "references": listed });
        verdicts(&whole)
    };
    assert_eq!(twice(&["count.index"]), [Verdict::Ready; 2]);
    assert_eq!(twice(&["count.index", "count.index"]), [Verdict::Unknown; 2]);
    assert_eq!(twice(&["count.index", "var.prefix"]), [Verdict::Unknown; 2]);
}

#[test]
fn which_of_several_is_not_guessed() {
    let role = |index: usize, document: &str| {
        made(&format!("aws_iam_role.web[{index}]"), json!({ "assume_role_policy": trust("ec2.amazonaws.com"), "inline_policy": [{ "name": "p", "policy": document }] }))
            .unknown(json!({ "name": true, "id": true }))
    };
    let picks = |references: Value| {
        let profile = made("aws_iam_instance_profile.web", json!({ "name": "web" }))
            .unknown(json!({ "role": true }))
            .expressions(json!({ "role": { "references": references } }));
        only(&plan(vec![instance(), profile, role(0, &core()), role(1, &policy("Allow", &["s3:GetObject"]))])).verdict
    };
    assert_eq!(picks(json!(["aws_iam_role.web[0].name", "aws_iam_role.web[0]", "aws_iam_role.web"])), Verdict::Ready);
    assert_eq!(
        picks(json!(["aws_iam_role.web[1].name", "aws_iam_role.web[1]", "aws_iam_role.web"])),
        Verdict::NotReady
    );
    assert_eq!(picks(json!(["aws_iam_role.web", "local.index"])), Verdict::Unknown);
    assert_eq!(picks(json!(["aws_iam_role.web"])), Verdict::Unknown);
}

#[test]
fn references_go_through_modules() {
    let iam = |address: &str| format!("module.iam[0].{address}");
    let role = made(
        &iam("aws_iam_role.this[0]"),
        json!({ "assume_role_policy": trust("ec2.amazonaws.com"), "managed_policy_arns": [MANAGED] }),
    )
    .unknown(json!({ "name": true, "id": true }));
    let profile = made(&iam("aws_iam_instance_profile.this[0]"), json!({}))
        .unknown(json!({ "name": true, "id": true }))
        .refers("role", "aws_iam_role.this[0].name")
        .merge_unknown(json!({ "name": true }));
    // As the module `terraform-aws-modules/ec2-instance` writes it.
    let instance = made("module.web.aws_instance.this[0]", json!({}))
        .unknown(json!({ "iam_instance_profile": true }))
        .expressions(json!({ "iam_instance_profile": { "references": [
            "var.create_iam_instance_profile", "aws_iam_instance_profile.this[0].name", "aws_iam_instance_profile.this[0]",
            "aws_iam_instance_profile.this", "var.iam_instance_profile",
        ] } }));
    let mut whole = plan(vec![role, profile, instance]);
    let config = &mut whole["configuration"]["root_module"]["module_calls"];
    config["iam"]["module"]["outputs"]["name"] =
        json!({ "expression": references(&["aws_iam_instance_profile.this[0].name"]) });
    config["iam"]["expressions"] = json!({});
    config["web"]["expressions"] = json!({
        "create_iam_instance_profile": { "constant_value": false },
        "iam_instance_profile": references(&["module.iam[0].name"]),
    });
    // Within `web` there is no profile: only what its caller gives it can be meant.
    let outcome = only(&whole);
    assert_eq!(outcome.target, "module.web.aws_instance.this[0]");
    assert_eq!(
        (outcome.verdict, outcome.grounds()),
        (Verdict::Unknown, vec![Code::NotInPlan]),
        "two origins are possible"
    );
    whole["configuration"]["root_module"]["module_calls"]["web"]["module"]["resources"][0]["expressions"]["iam_instance_profile"] =
        references(&["var.iam_instance_profile"]);
    let outcome = only(&whole);
    assert_eq!((outcome.verdict, outcome.grounds()), (Verdict::Ready, vec![]), "{:?}", outcome.findings);
    let source = outcome.source.unwrap();
    assert_eq!(
        (source.file.as_str(), source.address.as_str(), source.line),
        ("plan.json", "module.web.aws_instance.this[0]", None)
    );
}

/// Two variables that each module passes on in both double the ways with each module: no more than one is followed.
#[test]
fn variables_that_are_passed_on_twice_end() {
    for (expression, more) in [
        (references(&["var.a", "var.b"]), json!({})),
        (references(&["each.value"]), json!({ "for_each_expression": references(&["var.a", "var.b"]) })),
    ] {
        let module = ["module.m"; 30].join(".");
        let instance = made(&format!("{module}.aws_instance.web"), json!({})).refers("iam_instance_profile", "var.a");
        let mut whole = plan(vec![instance, profile(), role(), inline()]);
        let mut at = &mut whole["configuration"]["root_module"];
        for depth in 0..30 {
            let call = &mut at["module_calls"]["m"];
            match depth {
                0 => call["expressions"] = json!({ "a": references(&["local.a"]), "b": references(&["local.b"]) }),
                _ => {
                    call["expressions"] = json!({ "a": expression, "b": expression });
                    for (key, value) in more.as_object().unwrap() {
                        call[key] = value.clone();
                    }
                }
            }
            at = &mut call["module"];
        }
        holds("passed on", &whole, Verdict::Unknown, &[Code::NotInPlan]);
    }
}

#[test]
fn account_and_region_as_far_as_the_plan_tells() {
    let caller = made("data.aws_caller_identity.current", json!({ "account_id": "111122223333" }));
    let outcome = only(&chain(vec![inline(), caller]));
    assert_eq!((outcome.account.as_deref(), outcome.region.as_deref()), (Some("111122223333"), Some("us-east-1")));
    assert_eq!(outcome.role.unwrap().arn.as_deref(), Some("arn:aws:iam::111122223333:role/web"));
    assert_eq!(outcome.instance.unwrap().id, None);

    let mut of_variable = chain(vec![inline()]);
    of_variable["configuration"]["provider_config"]["aws"]["expressions"]["region"] =
        json!({ "references": ["var.region"] });
    of_variable["variables"] = json!({ "region": { "value": "eu-west-1" } });
    let outcome = only(&of_variable);
    assert_eq!((outcome.account.as_deref(), outcome.region.as_deref()), (None, Some("eu-west-1")));

    let mut nowhere = chain(vec![inline()]);
    nowhere["configuration"]["provider_config"]["aws"]["expressions"] = json!({});
    let outcome = only(&nowhere);
    assert_eq!((outcome.verdict, outcome.region.as_deref()), (Verdict::Ready, None));
    let sandbox = Sandbox::new();
    sandbox.file("plan.json", &nowhere);
    let given = ["check", "--terraform-plan", "plan.json", "--region", "ap-south-1", "-o", "json"];
    assert_eq!(sandbox.run(&given).expect(0).report().only().region.as_deref(), Some("ap-south-1"));
    let v6 = instance_with(json!({ "region": "eu-north-1" }));
    let outcome = only(&plan(vec![v6, profile(), role(), inline()]));
    assert_eq!(outcome.region.as_deref(), Some("eu-north-1"));
}

#[test]
fn the_account_s_settings_in_the_plan() {
    let host = |value: Value| {
        made(
            "aws_ssm_service_setting.dhmc",
            json!({ "setting_id": "/ssm/managed-instance/default-ec2-instance-management-role", "setting_value": value }),
        )
    };
    // The agent may fall back to another role, of which the plan says nothing.
    let outcome = only(&chain(vec![host(json!("service-role/Host"))]));
    assert_eq!(outcome.verdict, Verdict::Unknown, "{:?}", outcome.findings);
    assert_eq!(only(&chain(vec![host(json!("$None"))])).verdict, Verdict::NotReady);
    let document = |content: Value| {
        made(
            "aws_ssm_document.preferences",
            json!({ "name": "SSM-SessionManagerRunShell", "document_format": "JSON", "content": content.to_string() }),
        )
    };
    let encrypting = json!({ "schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": { "kmsKeyId": "arn:aws:kms:us-east-1:111122223333:key/k" } });
    let outcome = only(&chain(vec![inline(), document(encrypting)]));
    assert!(
        outcome.permissions.iter().any(|permission| permission.action == "kms:Decrypt"),
        "{:?}",
        outcome.permissions
    );
    assert_eq!(outcome.verdict, Verdict::Unknown, "the key's own policy may allow it: {:?}", outcome.findings);
    let plain = json!({ "schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {} });
    assert_eq!(only(&chain(vec![inline(), document(plain)])).verdict, Verdict::Ready);
    let later = made(
        "aws_ssm_document.preferences",
        json!({ "name": "SSM-SessionManagerRunShell", "document_format": "JSON" }),
    )
    .refers("content", "aws_kms_key.k.arn");
    assert_eq!(only(&chain(vec![inline(), later])).verdict, Verdict::Unknown);
}

#[test]
fn old_and_new_formats_are_read_and_no_call_is_made() {
    for version in ["0.1", "0.2", "1.0", "1.2", "1.99"] {
        let mut plan = chain(vec![attachment(MANAGED)]);
        plan["format_version"] = json!(version);
        let outcome = only(&plan);
        assert_eq!(outcome.verdict, Verdict::Ready, "{version}");
        let said = "whether AWS has changed the managed policy `arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore`: judged by its version \
                    v2 of 2019-05-23";
        assert!(outcome.not_checked.iter().any(|item| item.starts_with(said)), "{:?}", outcome.not_checked);
    }
}

#[test]
fn standard_input_exit_codes_and_empty_plans() {
    let sandbox = Sandbox::new();
    let from_stdin = ["check", "--terraform-plan", "-", "-o", "json"];
    let ready = chain(vec![inline()]).to_string();
    let report = sandbox.run_with_input(&from_stdin, &ready).expect(0).report();
    assert_eq!(report.source.file.as_deref(), Some("-"));
    sandbox.run_with_input(&from_stdin, chain(vec![]).to_string()).expect(1);
    sandbox.run_with_input(&from_stdin, plan(vec![instance()]).to_string()).expect(3);
    let empty = plan(vec![role()]).to_string();
    let output = sandbox.run_with_input(&from_stdin, &empty).expect(3);
    assert!(output.stderr.contains("nothing that launches one"), "{}", output.stderr);
    sandbox.run_with_input(&["check", "--terraform-plan", "-", "--allow-empty"], &empty).expect(0);
    for more in [
        &["i-0123456789abcdef0"][..],
        &["--all"],
        &["--snapshot", "x"],
        &["--policy", "x"],
        &["--trust", "x"],
        &["--simulate"],
        &["--confirm"],
        &["--all-regions"],
    ] {
        sandbox.run_with_input(&[&from_stdin[..3], more].concat(), &ready).expect(2);
    }
    let with_account = [&from_stdin[..3], &["--account", "111122223333"]].concat();
    let output = sandbox.run_with_input(&with_account, &ready).expect(2);
    assert!(output.stderr.contains("`--account` is for bare documents or a template"), "{}", output.stderr);
}

#[test]
fn what_is_no_plan_is_refused_with_the_command_that_makes_one() {
    let plan_of = chain(vec![inline()]);
    let cut = plan_of.to_string()[..900].to_owned();
    let other = |version: &str| with(plan_of.clone(), json!({ "format_version": version })).to_string();
    for (name, bytes, said) in [
        ("empty", b"".to_vec(), "it is empty"),
        ("a saved plan", b"PK\x03\x04\x14\x00rest".to_vec(), "`terraform show -json FILE > plan.json`"),
        ("UTF-16", b"\xff\xfe{\x00".to_vec(), "UTF-16"),
        ("not UTF-8", b"{\n\"a\": \"\xff\"}".to_vec(), "line 2: it is not UTF-8"),
        ("cut off", cut.into_bytes(), "line 1, column 900: the text ends here"),
        ("text for people", b"Terraform will perform the following actions:\n".to_vec(), "may be the text"),
        (
            "the log",
            b"{\"@level\":\"info\",\"type\":\"version\"}\n{\"@level\":\"info\"}\n".to_vec(),
            "log of `terraform plan -json`",
        ),
        ("a state file", br#"{"version": 4, "serial": 3, "lineage": "x", "resources": []}"#.to_vec(), "a state file"),
        ("a shown state", br#"{"format_version": "1.0", "values": {"root_module": {}}}"#.to_vec(), "JSON of a state"),
        ("schemas", br#"{"format_version": "1.0", "provider_schemas": {}}"#.to_vec(), "schemas of providers"),
        ("something else", br#"{"a": 1}"#.to_vec(), "`format_version` is missing"),
        ("an array", b"[1]".to_vec(), "JSON array"),
        ("a later format", other("2.0").into_bytes(), "format version `2.0`"),
        ("an earlier format", other("0.3").into_bytes(), "format version `0.3`"),
        (
            "a failed plan",
            with(plan_of.clone(), json!({ "errored": true })).to_string().into_bytes(),
            "ended with an error",
        ),
        ("another type", br#"{"format_version": "1.2", "planned_values": 7}"#.to_vec(), "wrong type"),
    ] {
        let sandbox = Sandbox::new();
        std::fs::write(sandbox.path().join("plan.json"), &bytes).unwrap();
        let output = sandbox.run(&["check", "--terraform-plan", "plan.json"]).expect(2);
        assert!(output.stderr.contains("`plan.json`") && output.stderr.contains(said), "{name}: {}", output.stderr);
        assert!(output.stderr.contains("erraform"), "{name}: {}", output.stderr);
        let piped = Sandbox::new().run_with_input(&["check", "--terraform-plan", "-"], &bytes).expect(2);
        assert!(piped.stderr.contains("`-`") && piped.stderr.contains(said), "{name}: {}", piped.stderr);
    }
}

/// A file of 200 MB takes no space on the disk here, and is not read.
#[test]
fn a_file_that_is_too_large_is_not_read() {
    let sandbox = Sandbox::new();
    let file = std::fs::File::create(sandbox.path().join("plan.json")).unwrap();
    file.set_len(200 << 20).unwrap();
    let output = sandbox.run(&["check", "--terraform-plan", "plan.json"]).expect(2);
    assert!(output.stderr.contains("larger than 128 MiB"), "{}", output.stderr);
}

/// As modules that people use have it: `var.create ? aws_iam_instance_profile.this[0].name : var.profile`. A plan lists what goes into
/// an expression and not how, but a switch, a null and a resource that is not made are no part of a name.
#[test]
fn a_choice_whose_other_side_is_nothing_is_followed() {
    let choice = || references(&["var.create", "aws_iam_instance_profile.this[0].name", "var.profile"]);
    let instance = || {
        made("module.web.aws_instance.this[0]", json!({}))
            .unknown(json!({ "iam_instance_profile": true }))
            .expressions(json!({ "iam_instance_profile": choice() }))
    };
    let chain = || {
        vec![
            made("module.web.aws_iam_instance_profile.this[0]", json!({}))
                .refers("role", "aws_iam_role.this[0].name")
                .merge_unknown(json!({ "name": true }))
                .config(json!({ "count_expression": references(&["var.create"]) })),
            made("module.web.aws_iam_role.this[0]", json!({ "assume_role_policy": trust("ec2.amazonaws.com") }))
                .unknown(json!({ "name": true })),
            made("module.web.aws_iam_role_policy_attachment.this[0]", json!({ "policy_arn": MANAGED }))
                .refers("role", "aws_iam_role.this[0].name"),
        ]
    };
    let of = |given: Value, defaults: Value, resources: Vec<Resource>| {
        let mut plan = plan([vec![instance()], resources].into_iter().flatten().collect());
        let call = &mut plan["configuration"]["root_module"]["module_calls"]["web"];
        call["expressions"] = given;
        call["module"]["variables"] = defaults;
        plan
    };
    let defaults = || json!({ "create": { "default": false }, "profile": { "default": null } });
    let create = || json!({ "create": { "constant_value": true } });
    holds("made", &of(create(), defaults(), chain()), Verdict::Ready, &[]);
    let prefixed = json!({ "create": { "constant_value": true }, "profile": { "constant_value": "web-" } });
    holds("a text beside it", &of(prefixed, defaults(), chain()), Verdict::Unknown, &[Code::NotInPlan]);
    let not_told = json!({ "create": { "constant_value": true }, "profile": references(&["local.profile"]) });
    holds("something beside it", &of(not_told, defaults(), chain()), Verdict::Unknown, &[Code::NotInPlan]);

    // The module has the resource and makes none of it.
    let not_made = |given: Value, more: Vec<Resource>| {
        let mut plan = of(given, defaults(), more);
        let config = json!({ "address": "aws_iam_instance_profile.this", "mode": "managed", "type": "aws_iam_instance_profile", "name": "this", "expressions": {}, "count_expression": references(&["var.create"]) });
        let resources = &mut plan["configuration"]["root_module"]["module_calls"]["web"]["module"]["resources"];
        resources.as_array_mut().unwrap().push(config);
        plan
    };
    holds("neither", &not_made(json!({}), vec![]), Verdict::NotReady, &[Code::NoInstanceProfile]);
    let named_later = || {
        vec![
            made("aws_iam_instance_profile.own", json!({ "role": "web" })).unknown(json!({ "name": true })),
            role(),
            inline(),
        ]
    };
    let given = json!({ "profile": references(&["aws_iam_instance_profile.own.name"]) });
    holds("given", &not_made(given, named_later()), Verdict::Ready, &[]);
    let given = json!({ "profile": references(&["local.profile"]) });
    holds("given by a local value", &not_made(given, vec![]), Verdict::Unknown, &[Code::NotInPlan]);

    // At the root the values of variables are in the plan. A role cannot be null, and the provider does not fill it in.
    let at_root = |variables: Value| {
        let profile = made("aws_iam_instance_profile.web", json!({ "name": "web" }))
            .unknown(json!({ "role": true }))
            .expressions(json!({ "role": references(&["var.create", "aws_iam_role.web.name"]) }));
        let role = role_with(json!({ "name": null })).merge_unknown(json!({ "name": true }));
        let policy =
            made("aws_iam_role_policy.core", json!({ "policy": core() })).refers("role", "aws_iam_role.web.id");
        let web = made("aws_instance.web", json!({ "iam_instance_profile": "web" }));
        let mut plan = plan(vec![web, profile, role, policy]);
        plan["variables"] = variables;
        plan
    };
    holds("a switch", &at_root(json!({ "create": { "value": true } })), Verdict::Ready, &[]);
    holds("an empty text", &at_root(json!({ "create": { "value": "" } })), Verdict::Ready, &[]);
    holds("a text", &at_root(json!({ "create": { "value": "a-" } })), Verdict::Unknown, &[Code::NotInPlan]);
    holds("no value", &at_root(json!({})), Verdict::Unknown, &[Code::NotInPlan]);
}

/// `var.attach ? aws_iam_instance_profile.web.name : null`: a null is filled in by the provider, and so as little known as the name.
#[test]
fn a_profile_that_may_be_null_is_not_taken_for_granted() {
    let of = |reference: &[&str], more: Value| {
        let web = made("aws_instance.web", json!({}))
            .unknown(json!({ "iam_instance_profile": true }))
            .expressions(json!({ "iam_instance_profile": references(reference) }))
            .config(more);
        let own = made("aws_iam_instance_profile.own", json!({ "role": "web" })).unknown(json!({ "name": true }));
        let mut plan = plan(vec![web, own, role(), inline()]);
        plan["variables"] = json!({ "attach": { "value": false }, "profile": { "value": null } });
        plan
    };
    let name = "aws_iam_instance_profile.own.name";
    holds("the name alone", &of(&[name], json!({})), Verdict::Ready, &[]);
    let unknown = [Code::NotInPlan];
    holds("a switch", &of(&["var.attach", name], json!({})), Verdict::Unknown, &unknown);
    holds("a null", &of(&["var.profile", name], json!({})), Verdict::Unknown, &unknown);
    let each = json!({ "for_each_expression": references(&["var.instances"]) });
    holds("what each says", &of(&["each.value.attach", name], each), Verdict::Unknown, &unknown);
}

/// The provider leaves `tags_all` of a role open that has no tags and gets none by default.
#[test]
fn a_role_without_tags_is_known_to_have_none() {
    let untagged = policy_if(&json!({ "Null": { "aws:PrincipalTag/team": "true" } }));
    let policy = made("aws_iam_role_policy.core", json!({ "name": "core", "role": "web", "policy": untagged }));
    let mut plan = chain(vec![policy]);
    holds("no default tags", &plan, Verdict::Ready, &[]);
    let provider = &mut plan["configuration"]["provider_config"]["aws"]["expressions"];
    provider["default_tags"] = json!([{ "tags": references(&["local.tags"]) }]);
    holds("default tags", &plan, Verdict::Unknown, &[]);
}

fn policy_if(condition: &Value) -> String {
    live_stub::allow_if(condition).to_string()
}

/// Its specifications are a set, which the configuration has in another order: of several, one that is not known is not followed.
#[test]
fn the_specifications_of_a_spot_fleet_are_targets() {
    let fleet = |specifications: Value, templates: Value| {
        made(
            "aws_spot_fleet_request.web",
            json!({ "launch_specification": specifications, "launch_template_config": templates }),
        )
    };
    let verdicts = |fleet: Resource, more: Vec<Resource>| -> Vec<Verdict> {
        let all = [vec![fleet, profile(), role(), inline()], more].into_iter().flatten().collect();
        let results = check(&plan(all));
        results.iter().filter(|it| it.target == "aws_spot_fleet_request.web").map(|it| it.verdict).collect()
    };
    let by_name = || json!({ "iam_instance_profile": "web", "iam_instance_profile_arn": "" });
    let by_arn = json!({ "iam_instance_profile": "", "iam_instance_profile_arn": "arn:aws:iam::111122223333:instance-profile/web" });
    let none = || json!({ "iam_instance_profile": "", "iam_instance_profile_arn": "" });
    assert_eq!(verdicts(fleet(json!([by_name()]), json!([])), vec![]), [Verdict::Ready]);
    assert_eq!(verdicts(fleet(json!([by_arn, by_name()]), json!([])), vec![]), [Verdict::Ready]);
    assert_eq!(verdicts(fleet(json!([by_name(), none()]), json!([])), vec![]), [Verdict::Ready, Verdict::NotReady]);
    assert_eq!(verdicts(fleet(json!([]), json!([])), vec![]), [Verdict::Unknown]);
    let later = |specifications: Value, unknown: Value| {
        let reference = json!([{ "iam_instance_profile": references(&["aws_iam_instance_profile.web.name"]) }]);
        let unknown = json!({ "launch_specification": unknown });
        fleet(specifications, json!([])).unknown(unknown).expressions(json!({ "launch_specification": reference }))
    };
    let one = later(json!([{ "iam_instance_profile_arn": "" }]), json!([{ "iam_instance_profile": true }]));
    let named_later = vec![
        made("aws_iam_instance_profile.web", json!({ "role": "web" })).unknown(json!({ "name": true })),
        role(),
        inline(),
    ];
    let results = check(&plan([vec![one], named_later].into_iter().flatten().collect()));
    assert_eq!(results[0].verdict, Verdict::Ready, "{:?}", results[0].findings);
    let two = later(json!([none(), { "iam_instance_profile_arn": "" }]), json!([{}, { "iam_instance_profile": true }]));
    assert_eq!(verdicts(two, vec![]), [Verdict::NotReady, Verdict::Unknown]);

    let template =
        made("aws_launch_template.web", json!({ "name": "web", "iam_instance_profile": [{ "name": "web" }] }));
    let of_template = json!([{ "launch_template_specification": [{ "name": "web", "version": "$Latest" }] }]);
    assert_eq!(verdicts(fleet(json!([]), of_template), vec![template]), [Verdict::Ready]);
}

/// What is in force with them is documented; what is new with them IAM refuses to store.
#[test]
fn a_policy_with_duplicate_keys_is_not_deployed() {
    let (effect, actions) = (r#""Effect": "Allow""#, format!(r#""Action": {}"#, json!(CORE)));
    for twice in TWICE {
        let text =
            format!(r#"{{"Version": "2012-10-17", "Statement": {{{twice}, {effect}, {actions}, "Resource": "*"}}}}"#);
        let policy = made("aws_iam_role_policy.core", json!({ "name": "core", "role": "web", "policy": text }));
        let outcome = only(&chain(vec![policy]));
        assert_eq!(outcome.verdict, Verdict::Unknown, "{twice}");
        assert!(outcome.codes().contains(&Code::InvalidPolicy), "{twice}: {:?}", outcome.findings);
    }
}
