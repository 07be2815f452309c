//! `check` against the emulator: every finding that it can stage, and the many ways to be ready.

use serde_json::{Value, json};

use crate::live_stub::{allow_if, check, core_is, core_is_but, errors, policy, trust};
use crate::support::aws::AWS_MANAGED_CORE;
use crate::support::command::Sandbox;
use crate::support::emulator::{Account, account};
use crate::support::model::{CORE, EC2_TRUST, SSM_CORE};
use crate::support::report::{Code, Decision, Outcome, PolicyKind, Severity, Verdict};

/// The default Region of the sandbox.
pub const REGION: &str = "us-east-1";

/// Stages role `web` with what `change` does to it, in profile `web` of a running instance; gives the instance's id.
pub fn stage(account: &Account, change: impl FnOnce(&Account)) -> String {
    account.create_role("web", "/", EC2_TRUST);
    change(account);
    account.create_instance_profile("web", "/");
    account.add_role_to_instance_profile("web", "web");
    account.run_instance(Some("web"), REGION)
}

/// Stages an instance and checks it.
fn judge(change: impl FnOnce(&Account)) -> Outcome {
    let account = account();
    let instance = stage(&account, change);
    check(&Sandbox::on(&account), &[&instance]).only().clone()
}

fn core(account: &Account) {
    account.attach_role_policy("web", AWS_MANAGED_CORE);
}

#[test]
fn a_break_in_the_chain_from_instance_to_role_is_found() {
    type Break = fn(&Account, &str) -> String;
    let breaks: [(Code, Break); 5] = [
        (Code::NoInstanceProfile, |account, _| account.run_instance(None, REGION)),
        (Code::InstanceProfileMissing, |account, instance| {
            account.remove_role_from_instance_profile("web", "web");
            account.delete_instance_profile("web");
            instance.into()
        }),
        (Code::InstanceProfileStale, |account, instance| {
            account.remove_role_from_instance_profile("web", "web");
            account.delete_instance_profile("web");
            account.create_instance_profile("web", "/");
            account.add_role_to_instance_profile("web", "web");
            instance.into()
        }),
        (Code::InstanceProfileEmpty, |account, instance| {
            account.remove_role_from_instance_profile("web", "web");
            instance.into()
        }),
        (Code::InstanceTerminated, |account, instance| {
            account.terminate_instance(instance, REGION);
            instance.into()
        }),
    ];
    for (code, break_it) in breaks {
        let account = account();
        let instance = stage(&account, core);
        assert_eq!(check(&Sandbox::on(&account), &[&instance]).only().verdict, Verdict::Ready);
        let target = break_it(&account, &instance);
        let outcome = check(&Sandbox::on(&account), &[&target]).only().clone();
        assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, vec![code]), "{outcome:?}");
        assert!(!outcome.finding(code).remedy.is_empty());
        let has_profile = [Code::InstanceProfileMissing, Code::InstanceProfileStale, Code::InstanceProfileEmpty];
        assert_eq!(outcome.instance_profile.is_some(), has_profile.contains(&code), "{code:?}");
        assert_eq!(outcome.role.is_some(), code == Code::InstanceProfileStale, "{code:?}");
    }
}

#[test]
fn a_stopped_instance_is_judged_with_a_warning() {
    let account = account();
    let instance = stage(&account, core);
    account.stop_instance(&instance, REGION);
    let sandbox = Sandbox::on(&account);
    let outcome = check(&sandbox, &[&instance]).only().clone();
    assert_eq!(outcome.verdict, Verdict::Ready);
    assert_eq!(outcome.finding(Code::InstanceNotRunning).severity, Severity::Warning);
    core_is(&outcome, Decision::Allowed);
    sandbox.run(&["check", "--fail-on", "warning", &instance]).expect(1);

    account.detach_role_policy("web", AWS_MANAGED_CORE);
    let outcome = check(&sandbox, &[&instance]).only().clone();
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, vec![Code::MissingPermission]));
}

#[test]
fn a_trust_policy_without_ec2_is_found() {
    let deny = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com", "ssm.amazonaws.com"]}, "Action": "sts:AssumeRole"},
        {"Effect": "Deny", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:*"},
    ]});
    let several = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]}, "Action": ["sts:TagSession", "sts:assumerole"],
    }});
    let action = EC2_TRUST.replace("sts:AssumeRole", "sts:AssumeRoleWithSAML");
    for (document, verdict) in [
        (trust("ssm.amazonaws.com"), Verdict::NotReady),
        (trust("EC2.amazonaws.com.evil"), Verdict::NotReady),
        (deny.to_string(), Verdict::NotReady),
        (action, Verdict::NotReady),
        (several.to_string(), Verdict::Ready),
    ] {
        let outcome = judge(|account| {
            core(account);
            account.update_trust("web", &document);
        });
        let expected = if verdict == Verdict::Ready { vec![] } else { vec![Code::TrustPolicy] };
        assert_eq!((outcome.verdict, errors(&outcome)), (verdict, expected), "{document}");
        core_is(&outcome, Decision::Allowed);
    }
}

#[test]
fn the_four_channel_actions_without_the_heartbeat_are_not_enough() {
    let outcome = judge(|account| {
        account.put_role_policy("web", "own", policy("Allow", CORE[1..].to_vec()));
    });
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, vec![Code::MissingPermission]));
    core_is_but(&outcome, CORE[0], Decision::ImplicitDeny);
    let missing = outcome.findings.iter().find(|finding| finding.severity == Severity::Error).unwrap();
    assert!(missing.message.contains(CORE[0]) && !missing.message.contains("ssmmessages:"), "{missing:?}");
}

#[test]
fn a_deny_names_its_policy_and_statement() {
    let deny = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Sid": "NoSessions", "Effect": "Deny", "Action": "ssmmessages:*", "Resource": "*"},
    ]});
    let outcome = judge(|account| {
        core(account);
        account.put_role_policy("web", "guard", &deny);
    });
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, vec![Code::ExplicitDeny]));
    let message = &outcome.finding(Code::ExplicitDeny).message;
    assert!(message.contains("guard") && message.contains("NoSessions"), "{message}");
    for action in &CORE[1..] {
        let permission = outcome.permission(action);
        assert_eq!((permission.decision, permission.decided_by.len()), (Decision::ExplicitDeny, 1));
        let by = &permission.decided_by[0];
        assert_eq!(
            (by.policy.as_str(), by.kind, by.sid.as_deref(), by.statement),
            ("guard", PolicyKind::Inline, Some("NoSessions"), Some(1))
        );
    }
    assert_eq!(outcome.permission(CORE[0]).decision, Decision::Allowed);
}

#[test]
fn a_boundary_that_leaves_an_action_out_blocks_it() {
    let mut arn = String::new();
    let outcome = judge(|account| {
        core(account);
        arn = account.create_policy("limit", policy("Allow", ["ssm:*", "s3:*"].to_vec()));
        account.put_role_permissions_boundary("web", &arn);
    });
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, vec![Code::BlockedByBoundary]));
    let permission = outcome.permission(CORE[1]);
    let by = &permission.decided_by[0];
    assert_eq!(
        (permission.decision, by.policy.as_str(), by.kind),
        (Decision::ImplicitDeny, &*arn, PolicyKind::Boundary)
    );
    assert_eq!(outcome.permission(CORE[0]).decision, Decision::Allowed);
}

#[test]
fn a_boundary_for_a_region_is_judged_by_the_region_of_the_instance() {
    for (condition, verdict) in [
        (json!({"StringEquals": {"aws:RequestedRegion": REGION}}), Verdict::Ready),
        (json!({"StringEquals": {"aws:RequestedRegion": ["eu-west-1", REGION]}}), Verdict::Ready),
        (json!({"StringLike": {"AWS:requestedregion": "us-*"}}), Verdict::Ready),
        (json!({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}), Verdict::NotReady),
        (json!({"StringNotEquals": {"aws:RequestedRegion": REGION}}), Verdict::NotReady),
    ] {
        let outcome = judge(|account| {
            account.put_role_policy("web", "all", policy("Allow", "*"));
            let limit = account.create_policy("limit", allow_if(&condition));
            account.put_role_permissions_boundary("web", &limit);
        });
        let expected = if verdict == Verdict::Ready { vec![] } else { vec![Code::BlockedByBoundary] };
        assert_eq!((outcome.verdict, errors(&outcome)), (verdict, expected), "{condition}");
    }
}

#[test]
fn what_only_the_user_can_know_is_unknown_until_it_is_said() {
    let account = account();
    let condition = json!({"StringEquals": {"aws:SourceVpce": "vpce-0abc"}});
    let instance = stage(&account, |account| account.put_role_policy("web", "own", allow_if(&condition)));
    let sandbox = Sandbox::on(&account);
    let outcome = check(&sandbox, &[&instance]).only().clone();
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Unknown, vec![]));
    assert!(outcome.finding(Code::ConditionalPermission).message.contains("aws:SourceVpce"));
    for action in CORE {
        let permission = outcome.permission(action);
        assert_eq!(permission.decision, Decision::Unknown);
        assert_eq!(permission.depends_on, ["aws:SourceVpce"]);
    }
    for (context, verdict, decision) in [
        ("aws:SourceVpce=vpce-0abc", Verdict::Ready, Decision::Allowed),
        ("AWS:sourcevpce=vpce-0abc", Verdict::Ready, Decision::Allowed),
        ("aws:SourceVpce=vpce-0def", Verdict::NotReady, Decision::ImplicitDeny),
        ("aws:SourceVpce=", Verdict::NotReady, Decision::ImplicitDeny),
        ("aws:SourceVpc=vpc-0abc", Verdict::Unknown, Decision::Unknown),
    ] {
        let outcome = check(&sandbox, &[&instance, "--context", context]).only().clone();
        assert_eq!(outcome.verdict, verdict, "{context}");
        core_is(&outcome, decision);
    }
    // A deny under a condition is as open as an allow.
    account.put_role_policy("web", "own", policy("Allow", "*"));
    let deny = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-0abc"}},
    }});
    account.put_role_policy("web", "deny", deny);
    assert_eq!(check(&sandbox, &[&instance]).only().verdict, Verdict::Unknown);
    for (context, errors_of_it) in [("aws:SourceVpce=vpce-0abc", vec![]), ("aws:SourceVpce=", vec![Code::ExplicitDeny])]
    {
        let outcome = check(&sandbox, &[&instance, "--context", context]).only().clone();
        assert_eq!(errors(&outcome), errors_of_it, "{context}");
    }
}

#[test]
fn an_instance_that_does_not_exist_is_unknown() {
    let outcome = check(&Sandbox::on(&account()), &["i-0fedcba9876543210"]).only().clone();
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Unknown, vec![]));
    outcome.finding(Code::InstanceNotFound);
    assert_eq!((outcome.instance, outcome.instance_profile, outcome.role), (None, None, None));
}

#[test]
fn there_are_many_ways_to_allow_what_is_needed_and_as_many_to_miss_it() {
    let not_action = |effect: &str, action: Value| json!({"Version": "2012-10-17", "Statement": [{"Effect": effect, "NotAction": action, "Resource": "*"}]});
    let on = |resource: &str| {
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "ssmmessages:*", "Resource": "*"},
            {"Effect": "Allow", "Action": "ssm:UpdateInstanceInformation", "Resource": resource},
        ]})
    };
    let lower: Vec<String> = CORE.iter().map(|action| action.to_lowercase()).collect();
    let upper: Vec<String> = CORE.iter().map(|action| action.to_uppercase()).collect();
    let half = |actions: &[&str]| policy("Allow", actions.to_vec());
    let (ready, not_ready) = (Verdict::Ready, Verdict::NotReady);
    for (documents, verdict) in [
        (vec![policy("Allow", ["ssmmessages:*", "ssm:UpdateInstanceInformation"].to_vec())], ready),
        (vec![policy("Allow", ["ssmmessages:*", "ssm:UpdateInstance*"].to_vec())], ready),
        (vec![policy("Allow", "ssm*:*")], Verdict::Unknown),
        (vec![policy("Allow", "s?m*:*")], Verdict::Unknown),
        (vec![policy("Allow", "*")], ready),
        (vec![policy("Allow", "*:*")], ready),
        (vec![not_action("Allow", json!("iam:*"))], ready),
        (vec![not_action("Allow", json!(["ssm:Send*", "s3:*"]))], ready),
        (vec![policy("Allow", lower)], ready),
        (vec![policy("Allow", upper)], ready),
        (vec![half(&CORE[..3]), half(&CORE[3..])], ready),
        (vec![on("arn:aws:ec2:*:*:instance/*")], ready),
        (vec![on("arn:aws:ec2:us-east-1:*:instance/i-*")], ready),
        (vec![policy("Allow", "*"), not_action("Deny", json!(["ssm:*", "ssmmessages:*"]))], ready),
        (vec![policy("Allow", "ssm:*")], not_ready),
        (vec![policy("Allow", "ssm?:*")], not_ready),
        (vec![policy("Allow", ["ssmmessages:Create*", "ssm:*"].to_vec())], not_ready),
        (vec![not_action("Allow", json!("ssmmessages:*"))], not_ready),
        (vec![half(&CORE[..3])], not_ready),
        (vec![on("arn:aws:ec2:eu-west-1:*:instance/*")], not_ready),
        (vec![on("arn:aws:ssm:*:*:*")], not_ready),
        (vec![policy("Allow", "*"), not_action("Deny", json!("ssm:*"))], not_ready),
    ] {
        let outcome = judge(|account| {
            for (index, document) in documents.iter().enumerate() {
                account.put_role_policy("web", &format!("own-{index}"), document);
            }
        });
        assert_eq!(outcome.verdict, verdict, "{documents:?}: {:?}", outcome.findings);
    }
}

#[test]
fn the_default_version_of_a_managed_policy_counts_and_not_the_latest() {
    let nothing = || policy("Allow", "s3:GetObject");
    for (first, second, second_is_default, verdict) in [
        (SSM_CORE.to_string(), nothing().to_string(), false, Verdict::Ready),
        (SSM_CORE.to_string(), nothing().to_string(), true, Verdict::NotReady),
        (nothing().to_string(), SSM_CORE.to_string(), false, Verdict::NotReady),
        (nothing().to_string(), SSM_CORE.to_string(), true, Verdict::Ready),
    ] {
        let mut arn = String::new();
        let outcome = judge(|account| {
            arn = account.create_policy("own", &first);
            account.create_policy_version(&arn, &second, second_is_default);
            account.attach_role_policy("web", &arn);
        });
        assert_eq!(outcome.verdict, verdict);
        if verdict == Verdict::Ready {
            let by = &outcome.permission(CORE[0]).decided_by[0];
            assert_eq!((by.policy.as_str(), by.kind), (&*arn, PolicyKind::Managed));
        }
    }
}
