//! `fix` against the emulator: the way from the instance to its role.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fix_emulator::{Fixed, POLICY, backups, fix, fixed, side_by_side, statements};
use crate::live_emulator::{REGION, stage};
use crate::live_stub::{check, errors, policy};
use crate::support::aws::AWS_MANAGED_CORE;
use crate::support::command::Sandbox;
use crate::support::emulator::{Account, account};
use crate::support::model::{CORE, EC2_TRUST};
use crate::support::record::{Reason, Record};
use crate::support::report::{Code, Verdict};

const LAMBDA: &str =
    r#"{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}"#;
const FEDERATED: &str = r#"{"Sid":"Web","Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"x"}}}"#;

const CREATE: [&str; 4] =
    ["iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile", "iam:CreateRole", "iam:PutRolePolicy"];
const ASSOCIATE: &str = "ec2:AssociateIamInstanceProfile";
const REPLACE: &str = "ec2:ReplaceIamInstanceProfileAssociation";
const DISASSOCIATE: &str = "ec2:DisassociateIamInstanceProfile";

fn core(account: &Account) {
    account.attach_role_policy("web", AWS_MANAGED_CORE);
}

/// The calls of a run, sorted.
fn calls(record: &Record) -> Vec<&str> {
    let mut calls = record.actions();
    calls.sort_unstable();
    calls
}

fn sorted(lists: &[&[&'static str]]) -> Vec<&'static str> {
    let mut all = lists.concat();
    all.sort_unstable();
    all
}

/// Stops an instance, or not.
fn stop_if(account: &Account, instance: &str, stopped: bool) {
    if stopped {
        account.stop_instance(instance, REGION);
    }
}

/// The role and the profile of this name are made by the fix, and the role admits EC2 and nobody else.
fn is_made_here(account: &Account, name: &str) {
    let tags = [("created-by".to_string(), "ssm-profile".to_string())];
    assert_eq!(account.role_tags(name), tags);
    let trust = statements(&account.trust_of(name));
    assert_eq!(trust.len(), 1, "{trust:?}");
    assert_eq!(admits(&trust[0]), Some("ec2.amazonaws.com"), "{trust:?}");
}

fn is_made_with_profile(account: &Account, name: &str, instance: &str) {
    is_made_here(account, name);
    assert_eq!(account.instance_profile_tags(name), account.role_tags(name));
    assert_eq!(account.role_of_profile(name).as_deref(), Some(name));
    let arn = format!("arn:aws:iam::{}:instance-profile/{name}", account.id);
    assert_eq!(account.profile_of_instance(instance, REGION), Some(arn));
}

/// The service that a statement of a trust policy lets assume the role, and nothing else.
fn admits(statement: &Value) -> Option<&str> {
    let mut elements = statement.as_object()?.keys().map(String::as_str).filter(|element| *element != "Sid");
    let plain = elements.all(|element| ["Effect", "Principal", "Action"].contains(&element));
    let one = |value: &Value| *value == json!("sts:AssumeRole") || *value == json!(["sts:AssumeRole"]);
    let service = statement["Principal"].as_object().filter(|principal| principal.len() == 1)?.get("Service")?;
    let service = service.as_str().or_else(|| service.as_array().filter(|list| list.len() == 1)?[0].as_str());
    service.filter(|_| plain && statement["Effect"] == "Allow" && one(&statement["Action"]))
}

#[test]
fn a_trust_policy_without_ec2_gets_one_statement_more() {
    side_by_side(
        [
            ("{ \"Version\":\"2012-10-17\",\n\"Statement\": [ ", LAMBDA.to_string(), " ] }"),
            ("{\"Version\":\"2012-10-17\",\"Statement\":", LAMBDA.to_string(), "}"),
            ("{\"Statement\":[", format!("{LAMBDA},\n\n{FEDERATED}"), "],\"Version\":\"2008-10-17\"}"),
        ],
        |account, (head, own, tail)| {
            let text = format!("{head}{own}{tail}");
            let instance = stage(account, |account| {
                core(account);
                account.update_trust("web", &text);
            });
            let fixed = fixed(account, &[&instance], &[], &[]);
            assert_eq!(fixed.record.actions(), ["iam:UpdateAssumeRolePolicy"]);
            let trust = account.trust_of("web");
            assert!(trust.starts_with(head) && trust.contains(&own) && trust.ends_with(tail), "{trust}");
            let (old, all) = (statements(&text), statements(&trust));
            assert_eq!((all.len(), &all[..old.len()]), (old.len() + 1, &old[..]), "{trust}");
            assert_eq!(admits(&all[old.len()]), Some("ec2.amazonaws.com"), "{trust}");
            fixed.undo_wholly();
            assert_eq!(account.trust_of("web"), text);
        },
    );
}

#[test]
fn trust_and_permissions_are_mended_together() {
    let account = account();
    let instance = stage(&account, |account| account.update_trust("web", policy_of_lambda()));
    let fixed = fixed(&account, &[&instance], &[], &[]);
    assert_eq!(calls(&fixed.record), ["iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"]);
    fixed.undo_wholly();
}

fn policy_of_lambda() -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{LAMBDA}]}}"#)
}

#[test]
fn an_instance_without_a_profile_gets_one_only_where_a_name_is_given() {
    side_by_side([false, true], |account, stopped| {
        let instance = account.run_instance(None, REGION);
        stop_if(account, &instance, stopped);
        refuses_without_a_name(account, &instance);
        let fixed = fixed(account, &[&instance], &[], &["--create-profile", "web-sessions"]);
        assert_eq!(calls(&fixed.record), sorted(&[&CREATE, &[ASSOCIATE]]));
        is_made_with_profile(account, "web-sessions", &instance);
        assert_eq!(account.role_policies("web-sessions"), [POLICY]);
        fixed.undo_wholly();
        assert!(!account.role_exists("web-sessions") && !account.instance_profile_exists("web-sessions"));
    });
}

/// A fix that is not told the name of a profile says which flag does that, and writes nothing.
fn refuses_without_a_name(account: &Account, instance: &str) {
    let (sandbox, before) = (Sandbox::on(account), account.inventory(REGION));
    let record = fix(&sandbox, &[instance], 1);
    assert_eq!((record.reasons(), record.actions(), &record.backup), (vec![Reason::NeedsProfile], vec![], &None));
    assert!(record.refusals[0].remedy.contains("--create-profile"), "{record:?}");
    assert_eq!((account.inventory(REGION), backups(&sandbox)), (before, 0));
}

#[test]
fn a_name_that_somebody_else_has_taken_is_not_used() {
    type Taking = fn(&Account);
    let takings: [Taking; 2] = [
        |account| {
            account.create_role("taken", "/", EC2_TRUST);
        },
        |account| {
            account.create_instance_profile("taken", "/");
        },
    ];
    for take in takings {
        let account = account();
        let instance = account.run_instance(None, REGION);
        take(&account);
        let before = account.inventory(REGION);
        let record = fix(&Sandbox::on(&account), &[&instance, "--create-profile", "taken"], 1);
        assert_eq!((record.reasons(), record.actions()), (vec![Reason::NameTaken], vec![]));
        assert_eq!(account.inventory(REGION), before);
    }
}

#[test]
fn a_profile_without_a_role_gets_one() {
    side_by_side(
        [(false, &[][..], "web"), (true, &[], "web"), (false, &["--create-profile", "sessions"], "sessions")],
        |account, (stopped, how, name)| {
            account.create_instance_profile("web", "/team/");
            let instance = account.run_instance(Some("web"), REGION);
            stop_if(account, &instance, stopped);
            let fixed = fixed(account, &[&instance], &[], how);
            let expected = ["iam:AddRoleToInstanceProfile", "iam:CreateRole", "iam:PutRolePolicy"];
            assert_eq!(calls(&fixed.record), expected);
            is_made_here(account, name);
            assert_eq!(account.role_of_profile("web").as_deref(), Some(name));
            assert_eq!(account.instance_profile_tags("web"), []);
            fixed.undo_wholly();
        },
    );
}

#[test]
fn a_profile_that_was_made_again_is_associated_anew() {
    side_by_side([(false, true), (true, true), (false, false), (true, false)], |account, (stopped, ready)| {
        let instance = stage(account, |account| {
            if ready {
                core(account);
            }
        });
        stop_if(account, &instance, stopped);
        account.remove_role_from_instance_profile("web", "web");
        account.delete_instance_profile("web");
        account.create_instance_profile("web", "/");
        account.add_role_to_instance_profile("web", "web");

        let fixed = fixed(account, &[&instance], &[], &[]);
        let anew: &[&str] = if stopped { &[DISASSOCIATE, ASSOCIATE] } else { &[REPLACE] };
        let policies: &[&str] = if ready { &[] } else { &["iam:PutRolePolicy"] };
        assert_eq!(calls(&fixed.record), sorted(&[anew, policies]));
        undo_leaves_without_a_profile(account, &fixed, &[&instance]);
    });
}

#[test]
fn a_profile_that_was_made_again_without_a_role_gets_one() {
    side_by_side([false, true], |account, stopped| {
        account.create_instance_profile("web", "/");
        let instance = account.run_instance(Some("web"), REGION);
        stop_if(account, &instance, stopped);
        account.delete_instance_profile("web");
        account.create_instance_profile("web", "/");
        let fixed = fixed(account, &[&instance], &[], &[]);
        is_made_here(account, "web");
        assert_eq!(account.instance_profile_tags("web"), []);
        undo_leaves_without_a_profile(account, &fixed, &[&instance]);
        assert!(account.instance_profile_exists("web"));
    });
}

#[test]
fn a_profile_that_was_deleted_is_replaced_where_a_name_is_given() {
    side_by_side(
        [(false, "sessions"), (true, "sessions"), (false, "web"), (true, "web")],
        |account, (stopped, name)| {
            account.create_instance_profile("web", "/");
            let instance = account.run_instance(Some("web"), REGION);
            stop_if(account, &instance, stopped);
            account.delete_instance_profile("web");
            refuses_without_a_name(account, &instance);

            let fixed = fixed(account, &[&instance], &[], &["--create-profile", name]);
            let anew: &[&str] = if stopped { &[DISASSOCIATE, ASSOCIATE] } else { &[REPLACE] };
            assert_eq!(calls(&fixed.record), sorted(&[&CREATE, anew]));
            is_made_with_profile(account, name, &instance);
            undo_leaves_without_a_profile(account, &fixed, &[&instance]);
        },
    );
}

/// The profiles that these instances had are gone for good, and everything else is put back.
fn undo_leaves_without_a_profile(account: &Account, fixed: &Fixed, instances: &[&String]) {
    let undone = fixed.undo();
    assert_eq!(undone.warnings.len(), instances.len(), "{undone:?}");
    let mut expected = fixed.before.clone();
    let report = fixed.check();
    for instance in instances {
        let warns = |warning: &String| warning.contains(*instance) && warning.contains("without a profile");
        assert!(undone.warnings.iter().any(warns), "{undone:?}");
        expected.instances.insert((*instance).clone(), None);
        let outcome = report.of(instance);
        assert_eq!((outcome.verdict, errors(outcome)), (Verdict::NotReady, vec![Code::NoInstanceProfile]));
    }
    assert_eq!(account.inventory(REGION), expected);
}

#[test]
fn targets_that_share_a_role_need_one_change() {
    // The targets, with a number for an instance, and the instances that are none.
    let cases = [
        (&["0", "1"][..], &[2, 3][..]),
        (&["0", "3"], &[1, 2]),
        (&["role/web", "0", "profile/web", "profile/front"], &[1, 2, 3]),
        (&["profile/web"], &[0, 1, 2, 3]),
        (&["role/web"], &[0, 1, 2, 3]),
        (&["--all"], &[]),
    ];
    side_by_side(cases, |account, (targets, others)| {
        let first = stage(account, |_| {});
        account.create_instance_profile("front", "/");
        account.add_role_to_instance_profile("front", "web");
        let run = |profile| account.run_instance(Some(profile), REGION);
        let instances = [first, run("web"), run("web"), run("front")];
        let arn = |resource: &str| format!("arn:aws:iam::{}:{resource}", account.id);

        let target = |text: &&'static str| text.parse().map_or(*text, |number: usize| &*instances[number]);
        let fixed = fixed(account, &targets.iter().map(target).collect::<Vec<_>>(), &[], &[]);
        assert_eq!(fixed.record.actions(), ["iam:PutRolePolicy"], "{targets:?}");
        let [reach] = &fixed.record.reach[..] else { panic!("one role changes: {:?}", fixed.record) };
        assert_eq!(reach.role, arn("role/web"));
        let profiles = BTreeSet::from(["front", "web"].map(|name| arn(&format!("instance-profile/{name}"))));
        assert_eq!(BTreeSet::from_iter(reach.instance_profiles.clone().unwrap()), profiles, "{targets:?}");
        let others = others.iter().map(|number| instances[*number].clone()).collect();
        assert_eq!(BTreeSet::from_iter(reach.other_instances.clone().unwrap()), others, "{targets:?}");
        assert_eq!((&reach.regions[..], &reach.incomplete), (&[REGION.to_string()][..], &None), "{targets:?}");
        fixed.undo_wholly();
    });
}

#[test]
fn all_kinds_of_breaks_are_mended_in_one_run() {
    side_by_side([(false, &["--all"][..]), (true, &["--tag", "env=a"])], |account, (stopped, how)| {
        let bare = stage(account, |account| account.update_trust("web", policy_of_lambda()));
        for name in ["gone", "again", "empty", "hollow"] {
            account.create_instance_profile(name, "/");
        }
        let run = |profile| account.run_instance(profile, REGION);
        let (none, also_none, gone) = (run(None), run(None), run(Some("gone")));
        let (again, empty, hollow) = (run(Some("again")), run(Some("empty")), run(Some("hollow")));
        for instance in [&bare, &none, &also_none, &gone, &again, &empty, &hollow] {
            account.tag_instance(instance, REGION, "env", "a");
            stop_if(account, instance, stopped);
        }
        account.delete_instance_profile("gone");
        account.delete_instance_profile("again");
        account.create_instance_profile("again", "/");

        let fixed = fixed(account, how, &[], &["--create-profile", "sessions"]);
        for instance in [&none, &also_none, &gone] {
            is_made_with_profile(account, "sessions", instance);
        }
        for profile in ["again", "empty", "hollow"] {
            assert_eq!(account.role_of_profile(profile).as_deref(), Some("sessions"));
        }
        assert_eq!(calls(&fixed.record).iter().filter(|call| **call == "iam:CreateRole").count(), 1);
        undo_leaves_without_a_profile(account, &fixed, &[&gone, &again]);
    });
}

#[test]
fn an_instance_of_another_region_is_fixed_there() {
    let (account, region) = (account(), "eu-west-1");
    let instance = account.run_instance(None, region);
    let arn = format!("arn:aws:ec2:{region}:{}:instance/{instance}", account.id);
    let fixed = fixed(&account, &[&arn], &[], &["--create-profile", "sessions"]);
    let regions: Vec<_> = fixed.record.changes.iter().filter_map(|change| change.region.as_deref()).collect();
    assert_eq!(regions, [region]);
    assert!(account.profile_of_instance(&instance, region).is_some());
    fixed.undo_wholly();
    assert_eq!(account.profile_of_instance(&instance, region), None);
}

#[test]
fn an_empty_profile_of_two_instances_gets_one_role() {
    let account = account();
    account.create_instance_profile("web", "/");
    let instances = [(); 2].map(|()| account.run_instance(Some("web"), REGION));
    let fixed = fixed(&account, &[&instances[0], &instances[1]], &[], &[]);
    assert_eq!(fixed.record.actions().len(), 3, "{:?}", fixed.record);
    fixed.undo_wholly();
}

#[test]
fn instances_without_a_profile_share_the_one_that_is_made() {
    let account = account();
    let instances = [(); 2].map(|()| account.run_instance(None, REGION));
    let fixed = fixed(&account, &[&instances[0], &instances[1]], &[], &["--create-profile", "sessions"]);
    assert_eq!(calls(&fixed.record), sorted(&[&CREATE, &[ASSOCIATE, ASSOCIATE]]));
    for instance in &instances {
        is_made_with_profile(&account, "sessions", instance);
    }
    fixed.undo_wholly();
}

#[test]
fn all_instances_are_fixed_and_those_that_are_ready_left_alone() {
    let account = account();
    stage(&account, |account| account.put_role_policy("web", "own", policy("Allow", CORE.to_vec())));
    account.create_role("bare", "/", EC2_TRUST);
    account.create_instance_profile("bare", "/");
    account.add_role_to_instance_profile("bare", "bare");
    account.run_instance(Some("bare"), REGION);
    let terminated = account.run_instance(Some("bare"), REGION);
    account.terminate_instance(&terminated, REGION);
    let fixed = fixed_of_all(&account);
    assert_eq!(fixed.actions(), ["iam:PutRolePolicy"]);
    assert_eq!(account.role_policies("web"), ["own"]);
    assert_eq!(account.role_policies("bare"), [POLICY]);
    assert_eq!(check(&Sandbox::on(&account), &["--all"]).of(&terminated).verdict, Verdict::Skipped);
}

fn fixed_of_all(account: &Account) -> Record {
    let record = fix(&Sandbox::on(account), &["--all"], 0);
    let summary = record.summary.unwrap();
    assert_eq!((summary.checked, summary.ready, summary.skipped), (3, 2, 1));
    record
}
