//! Instances of a plan that exist: their state, and profiles that go.

use serde_json::json;

use crate::support::report::{Code, Verdict};
use crate::support::terraform::{Resource, changed, deleted, kept, made, plan};
use crate::terraform_plans::{chain, holds, inline, kept_role, only, profile, role, with};

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
