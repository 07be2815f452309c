//! Instances of a plan that exist: their state, and profiles that go.

use serde_json::json;

use crate::support::report::{Code, Verdict};
use crate::support::terraform::{Resource, changed, deleted, kept, made, plan, references};
use crate::terraform_plans::{chain, check, holds, inline, instance_with, kept_role, only, profile, role, with};

use Verdict::{NotReady, Ready, Unknown};

const NOT_IN_PLAN: [Code; 1] = [Code::NotInPlan];

fn kept_profile() -> Resource {
    kept("aws_iam_instance_profile.web", json!({ "name": "web", "role": "web" }))
}

/// A stopped instance is judged as one that is running, and the finding says that it is not; a terminated one never comes back.
#[test]
fn the_state_of_an_instance() {
    let in_state = |state: &str| {
        let values = json!({ "ami": "ami-1", "iam_instance_profile": "web", "id": "i-1", "instance_state": state });
        plan(vec![kept("aws_instance.web", values), kept_profile(), kept_role(), inline()])
    };
    holds("running", &in_state("running"), Ready, &[]);
    let stopped = only(&in_state("stopped"));
    assert_eq!(stopped.verdict, Ready, "{:?}", stopped.findings);
    stopped.finding(Code::InstanceNotRunning);
    holds("terminated", &in_state("terminated"), NotReady, &[Code::InstanceTerminated]);
    let put_into = |state: &str| {
        let state =
            made("aws_ec2_instance_state.web", json!({ "state": state })).refers("instance_id", "aws_instance.web.id");
        only(&chain(vec![inline(), state]))
    };
    put_into("stopped").finding(Code::InstanceNotRunning);
    let running = put_into("running");
    assert!(!running.findings.iter().any(|it| it.code == Code::InstanceNotRunning), "{:?}", running.findings);
    let old = json!({ "ami": "ami-0", "iam_instance_profile": "web", "id": "i-1", "instance_state": "stopped" });
    let anew = changed(
        "aws_instance.web",
        old,
        json!({ "ami": "ami-1", "iam_instance_profile": "web", "instance_state": "stopped" }),
    );
    let replaced = only(&plan(vec![anew.actions(&["delete", "create"]), profile(), role(), inline()]));
    assert!(!replaced.findings.iter().any(|it| it.code == Code::InstanceNotRunning), "{:?}", replaced.findings);
}

#[test]
fn a_profile_that_the_plan_deletes() {
    let named = || kept("aws_instance.web", json!({ "ami": "ami-1", "iam_instance_profile": "web" }));
    let values = || json!({ "name": "web", "role": "web", "arn": "arn:aws:iam::111122223333:instance-profile/web" });
    let going = plan(vec![named(), deleted("aws_iam_instance_profile.web", values()), kept_role(), inline()]);
    holds("deleted", &going, NotReady, &[Code::InstanceProfileMissing]);
    let other =
        plan(vec![named(), deleted("aws_iam_instance_profile.web", with(values(), json!({ "name": "other" })))]);
    holds("another", &other, Unknown, &NOT_IN_PLAN);
    let gone = deleted("aws_iam_role.web", json!({ "name": "web" }));
    let empty = plan(vec![named(), kept("aws_iam_instance_profile.web", values()), gone]);
    holds("its role", &empty, NotReady, &[Code::InstanceProfileEmpty]);
    let renamed = || {
        let after = json!({ "name": "web2", "role": "web" });
        changed("aws_iam_instance_profile.web", values(), after).actions(&["create", "delete"])
    };
    let follows = changed(
        "aws_instance.web",
        json!({ "iam_instance_profile": "web" }),
        json!({ "iam_instance_profile": "web2" }),
    );
    holds("made anew, and followed", &plan(vec![follows, renamed(), role(), inline()]), Ready, &[]);
    holds(
        "made anew under another name",
        &plan(vec![named(), renamed(), role(), inline()]),
        NotReady,
        &[Code::InstanceProfileMissing],
    );
}

/// A launch template that names no profile, and is to be made.
fn bare_template() -> Resource {
    made("aws_launch_template.web", json!({ "name_prefix": "web-", "iam_instance_profile": [] }))
        .unknown(json!({ "id": true, "name": true, "latest_version": true }))
}

/// A launch template without a profile that instances use is a part of these, whatever else it may be for.
#[test]
fn a_launch_template_of_instances() {
    let targets = |resources: Vec<Resource>| {
        let results = check(&plan(resources));
        results.into_iter().map(|it| (it.target, it.verdict)).collect::<Vec<_>>()
    };
    let instance = |block: serde_json::Value| {
        instance_with(json!({ "launch_template": [{ "version": "$Latest" }] }))
            .merge_unknown(json!({ "launch_template": [{ "id": true, "name": true }] }))
            .expressions(json!({ "launch_template": [block] }))
    };
    let of_it = || json!({ "id": references(&["aws_launch_template.web.id"]) });
    let rest = || vec![profile(), role(), inline()];
    let with_rest = |first: Vec<Resource>| targets(first.into_iter().chain(rest()).collect());
    let web = || ("aws_instance.web".to_owned(), Ready);
    assert_eq!(with_rest(vec![instance(of_it()), bare_template()]), [web()]);
    // One that nothing uses launches instances without a role, and of one that is not known it is not known.
    let template = |verdict| ("aws_launch_template.web".to_owned(), verdict);
    assert_eq!(with_rest(vec![instance_with(json!({})), bare_template()]), [web(), template(NotReady)]);
    let of_local = json!({ "id": references(&["local.template"]) });
    assert_eq!(
        with_rest(vec![instance(of_local), bare_template()]),
        [("aws_instance.web".to_owned(), Unknown), template(Unknown)]
    );
    // One that has a profile is a target by itself.
    let own = made("aws_launch_template.web", json!({ "name": "web", "iam_instance_profile": [{ "name": "web" }] }))
        .unknown(json!({ "id": true }));
    assert_eq!(with_rest(vec![instance(of_it()), own]), [web(), template(Ready)]);
}

/// Node groups of EKS and Batch say which role instances of a launch template have, which names no profile then.
#[test]
fn a_launch_template_of_node_groups_and_of_batch() {
    let nodes = |role: serde_json::Value| {
        made("aws_eks_node_group.web", with(json!({ "launch_template": [{}] }), role))
            .unknown(json!({ "launch_template": [{ "id": true, "name": true, "version": true }] }))
            .expressions(json!({ "launch_template": [{ "id": references(&["aws_launch_template.web.id"]) }] }))
    };
    let of_role = || {
        nodes(json!({}))
            .merge_unknown(json!({ "node_role_arn": true }))
            .expression("node_role_arn", references(&["aws_iam_role.web.arn"]))
    };
    let of = |more: Vec<Resource>| plan([vec![bare_template(), role(), profile()], more].concat());
    holds("a node group", &of(vec![of_role(), inline()]), Ready, &[]);
    holds("a role without policies", &of(vec![of_role()]), NotReady, &[Code::MissingPermission]);
    let elsewhere = || nodes(json!({ "node_role_arn": "arn:aws:iam::111122223333:role/nodes" }));
    holds("a role elsewhere", &of(vec![elsewhere(), inline()]), Unknown, &NOT_IN_PLAN);
    let written = nodes(json!({ "node_role_arn": "arn:aws:iam::111122223333:role/web" }));
    holds("a written ARN of a role of the plan", &of(vec![written, inline()]), Unknown, &NOT_IN_PLAN);
    // Modules put the name of the template together in a dynamic block.
    let dynamic = || of_role().expression("launch_template", json!(null));
    holds("a template that is not known", &of(vec![dynamic(), inline()]), Unknown, &NOT_IN_PLAN);
    let other = made("aws_eks_node_group.web", json!({ "launch_template": [{ "id": "lt-1" }] }));
    let other = of(vec![other.refers("node_role_arn", "aws_iam_role.web.arn"), inline()]);
    holds("another template", &other, NotReady, &[Code::NoInstanceProfile]);
    let batch = |role: serde_json::Value| {
        let resources = with(json!({ "launch_template": [{}] }), role);
        made("aws_batch_compute_environment.web", json!({ "compute_resources": [resources] }))
            .unknown(json!({ "compute_resources": [{ "launch_template": [{ "launch_template_id": true }] }] }))
            .expressions(json!({ "compute_resources": [{ "launch_template": [{
                "launch_template_id": references(&["aws_launch_template.web.id"])
            }] }] }))
    };
    holds("Batch", &of(vec![batch(json!({ "instance_role": "web" })), inline()]), Ready, &[]);
    holds(
        "Batch without policies",
        &of(vec![batch(json!({ "instance_role": "web" }))]),
        NotReady,
        &[Code::MissingPermission],
    );
    holds("Batch without a role", &of(vec![batch(json!({})), inline()]), Unknown, &NOT_IN_PLAN);
    let both = of(vec![of_role(), batch(json!({ "instance_role": "other" })), inline()]);
    assert_eq!(check(&both).iter().map(|it| it.verdict).collect::<Vec<_>>(), [Ready, Unknown]);
}
