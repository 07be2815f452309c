//! What `check` can be pointed at, against the emulator.

use serde_json::json;

use crate::live_emulator::{REGION, stage};
use crate::live_stub::{check, core_is, errors, policy};
use crate::support::answer::Answer;
use crate::support::aws::AWS_MANAGED_CORE;
use crate::support::command::Sandbox;
use crate::support::emulator::{Account, account};
use crate::support::model::{EC2_TRUST, Instance};
use crate::support::report::{Code, Decision, NeededFor, Verdict};
use crate::support::stub::Call;
use crate::support::world::World;

/// Another Region than the default one of the sandbox.
const OTHER: &str = "eu-west-1";

fn ready(account: &Account) -> String {
    stage(account, |account| account.attach_role_policy("web", AWS_MANAGED_CORE))
}

#[test]
fn profiles_and_roles_are_judged_without_an_instance() {
    let account = account();
    account.create_role("web", "/team/", EC2_TRUST);
    account.attach_role_policy("web", AWS_MANAGED_CORE);
    account.create_role("bare", "/", EC2_TRUST);
    let profile = account.create_instance_profile("front", "/team/a/");
    account.add_role_to_instance_profile("front", "web");
    account.create_instance_profile("hollow", "/");
    let role = format!("arn:aws:iam::{}:role/team/web", account.id);
    assert_eq!(profile, format!("arn:aws:iam::{}:instance-profile/team/a/front", account.id));

    let sandbox = Sandbox::on(&account);
    for (target, has_profile) in [("profile/front", true), (&*profile, true), ("role/web", false), (&*role, false)] {
        let outcome = check(&sandbox, &[target]).only().clone();
        assert_eq!((outcome.target.as_str(), outcome.verdict), (target, Verdict::Ready));
        assert_eq!(outcome.instance, None);
        assert_eq!(outcome.account.as_deref(), Some(account.id.as_str()), "{target}");
        let found = outcome.instance_profile.as_ref().and_then(|profile| profile.arn.as_deref());
        assert_eq!(found, has_profile.then_some(profile.as_str()));
        assert_eq!(outcome.role.as_ref().unwrap().arn.as_deref(), Some(role.as_str()));
        core_is(&outcome, Decision::Allowed);
    }
    let report = check(&sandbox, &["profile/hollow", "role/bare"]);
    assert_eq!(errors(report.of("profile/hollow")), [Code::InstanceProfileEmpty]);
    assert_eq!(errors(report.of("role/bare")), [Code::MissingPermission]);
    core_is(report.of("role/bare"), Decision::ImplicitDeny);
    assert!(report.of("role/bare").finding(Code::NoInstanceProfile).message.contains("no instance profile contains"));
    assert!(!check(&sandbox, &["role/web"]).only().codes().contains(&Code::NoInstanceProfile));

    // Whoever takes one for the other is told so.
    for (target, other) in [("profile/bare", "`role/bare`"), ("role/hollow", "`profile/hollow`")] {
        let outcome = check(&sandbox, &[target]).only().clone();
        assert_eq!(outcome.verdict, Verdict::Unknown);
        assert!(outcome.finding(Code::InstanceNotFound).remedy.contains(other), "{outcome:?}");
    }

    // A path that the profile does not have names nothing that exists.
    let elsewhere = format!("arn:aws:iam::{}:instance-profile/team/b/front", account.id);
    assert_eq!(check(&sandbox, &[&elsewhere]).only().verdict, Verdict::Unknown);
}

#[test]
fn an_arn_wins_over_the_default_region() {
    let account = account();
    ready(&account);
    let id = account.run_instance(Some("web"), OTHER);
    let arn = format!("arn:aws:ec2:{OTHER}:{}:instance/{id}", account.id);
    let sandbox = Sandbox::on(&account);
    let outcome = check(&sandbox, &[&arn]).only().clone();
    assert_eq!((outcome.verdict, outcome.region.as_deref()), (Verdict::Ready, Some(OTHER)));
    assert_eq!(outcome.permission("ssm:UpdateInstanceInformation").resource, arn);
    assert_eq!(check(&sandbox, &["--region", OTHER, &id]).only().verdict, Verdict::Ready);
    // In the default Region there is no such instance.
    let outcome = check(&sandbox, &[&id]).only().clone();
    assert_eq!(outcome.verdict, Verdict::Unknown);
    outcome.finding(Code::InstanceNotFound);
}

#[test]
fn several_targets_are_reported_in_their_order() {
    let account = account();
    let good = ready(&account);
    let bad = account.run_instance(None, REGION);
    let gone = "i-0fedcba9876543210";
    let report = check(&Sandbox::on(&account), &[&bad, "role/web", gone, &good, "profile/web"]);
    let order: Vec<&str> = report.results.iter().map(|outcome| outcome.target.as_str()).collect();
    assert_eq!(order, [&*bad, "role/web", gone, &*good, "profile/web"]);
    let verdicts: Vec<Verdict> = report.results.iter().map(|outcome| outcome.verdict).collect();
    assert_eq!(verdicts, [Verdict::NotReady, Verdict::Ready, Verdict::Unknown, Verdict::Ready, Verdict::Ready]);
    errors(report.of(&bad)).iter().for_each(|code| assert_eq!(*code, Code::NoInstanceProfile));
}

#[test]
fn a_selection_takes_the_instances_of_its_regions_that_have_all_tags() {
    let account = account();
    let first = ready(&account);
    let second = account.run_instance(None, REGION);
    let third = account.run_instance(Some("web"), OTHER);
    let ended = account.run_instance(Some("web"), REGION);
    account.terminate_instance(&ended, REGION);
    for (id, region, tags) in [
        (&first, REGION, &[("env", "prod"), ("team", "a b")][..]),
        (&second, REGION, &[("env", "prod"), ("team", "c")]),
        (&third, OTHER, &[("env", "prod")]),
    ] {
        tags.iter().for_each(|(key, value)| account.tag_instance(id, region, key, value));
    }
    let sandbox = Sandbox::on(&account);
    for (arguments, expected) in [
        (&["--all"][..], vec![&first, &second, &ended]),
        (&["--all", "--region", OTHER], vec![&third]),
        (&["--all", "--region", OTHER, "--region", REGION], vec![&first, &second, &third, &ended]),
        (&["--tag", "env=prod"], vec![&first, &second]),
        (&["--tag", "env=prod", "--tag", "team=a b"], vec![&first]),
        (&["--tag", "env=pro*"], vec![&first, &second]),
        (&["--tag", "env=*d", "--tag", "team=*"], vec![&first, &second]),
        (&["--tag", "env=pro?"], vec![]),
        (&["--tag", "env="], vec![]),
    ] {
        let report = check(&sandbox, arguments);
        let mut found: Vec<&String> = report.results.iter().map(|outcome| &outcome.target).collect();
        let mut expected = expected;
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{arguments:?}");
    }
    let report = check(&sandbox, &["--all"]);
    assert_eq!((report.summary.ready, report.summary.not_ready, report.summary.skipped), (1, 1, 1));
    assert_eq!(report.of(&ended).verdict, Verdict::Skipped);
    // Named, a terminated instance is no instance to open a session on.
    let report = check(&sandbox, &[&ended]);
    assert_eq!((report.only().verdict, errors(report.only())), (Verdict::NotReady, vec![Code::InstanceTerminated]));
}

#[test]
fn without_a_target_it_is_this_instance() {
    let account = account();
    ready(&account);
    let id = account.run_instance(Some("web"), OTHER);
    let metadata = World::new(&account.id).instance(Instance::new(&id).region(OTHER)).metadata_of(&id).serve();
    for sandbox in [Sandbox::on(&account), Sandbox::on(&account).without("AWS_REGION")] {
        let outcome = check(&sandbox.with_metadata(&metadata), &[]).only().clone();
        assert_eq!((outcome.target.as_str(), outcome.verdict), (id.as_str(), Verdict::Ready));
        assert_eq!(outcome.region.as_deref(), Some(OTHER));
    }
    // Elsewhere the forms of a target are said, and no call is made.
    let output = Sandbox::on(&account).run(&["check"]).expect(2);
    for form in ["i-", "profile/NAME", "role/NAME"] {
        assert!(output.stderr.contains(form), "{output:?}");
    }
}

#[test]
fn a_session_key_is_judged_by_its_own_arn() {
    let account = account();
    let key = account.create_kms_key(REGION);
    account.create_alias(REGION, "alias/session", &key);
    let id = key.rsplit('/').next().unwrap();
    let alias = format!("arn:aws:kms:{REGION}:{}:alias/session", account.id);
    let instance = ready(&account);
    let decrypt = |resource: &str| json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": resource}});
    let sandbox = Sandbox::on(&account);
    for (resource, decision) in
        [(&*key, Decision::Allowed), (&*alias, Decision::ImplicitDeny), ("*", Decision::Allowed)]
    {
        account.put_role_policy("web", "key", decrypt(resource));
        for given in [&*key, id, "alias/session", &*alias] {
            let outcome = check(&sandbox, &[&instance, "--kms-key", given]).only().clone();
            let permission = outcome.permission("kms:Decrypt");
            assert_eq!((permission.resource.as_str(), permission.needed_for), (&*key, NeededFor::Kms), "{given}");
            assert_eq!(permission.decision, decision, "{given} on {resource}");
            let verdict = if decision == Decision::Allowed { Verdict::Ready } else { Verdict::NotReady };
            assert_eq!(outcome.verdict, verdict, "{given} on {resource}");
        }
    }
    let outcome = check(&sandbox, &[&instance, "--kms-key", "alias/none"]).only().clone();
    assert_eq!(outcome.verdict, Verdict::Unknown);
    core_is(&outcome, Decision::Allowed);
    // Without the key it is not needed.
    account.put_role_policy("web", "key", policy("Deny", "kms:*"));
    assert_eq!(check(&sandbox, &[&instance]).only().verdict, Verdict::Ready);
}

#[test]
fn an_instance_is_found_by_its_name() {
    let other = |id: &str, name: &str| Instance::new(id).tag("Name", name);
    let stub = World::ready()
        .instance(other("i-00000000000000002", "web 1"))
        .instance(other("i-00000000000000003", "twin"))
        .instance(other("i-00000000000000004", "twin"))
        .instance(other("i-00000000000000005", "a*b"))
        .instance(other("i-00000000000000006", "axb"))
        .serve();
    let sandbox = Sandbox::at(&stub);
    sandbox.file("snapshot.json", sandbox.run(&["snapshot", "--all"]).expect(0).stdout);
    for source in [&[][..], &["--snapshot", "snapshot.json", "--region", "us-east-1"]] {
        let run = |name: &str| sandbox.run(&[&["check", name, "-o", "json"], source].concat());
        for (name, id) in [("web 1", "i-00000000000000002"), ("a*b", "i-00000000000000005")] {
            let outcome = run(name).report().only().clone();
            assert_eq!(
                (outcome.target.as_str(), outcome.instance.unwrap().id.unwrap().as_str()),
                (name, id),
                "{source:?}"
            );
        }
        let several = run("twin").expect(2).stderr;
        assert!(several.contains("i-00000000000000003, i-00000000000000004"), "{several}");
        let nobody = run("nobody").expect(3).report().only().clone();
        assert_eq!(nobody.verdict, Verdict::Unknown);
        let finding = nobody.finding(Code::InstanceNotFound);
        assert!(finding.message.contains("`nobody`") && finding.remedy.contains("`role/nobody`"), "{finding:?}");
    }
}

/// Which instance is meant is not known; what else was named is checked.
#[test]
fn a_name_that_may_not_be_searched_is_unknown() {
    let stub = World::ready().fail("DescribeInstances", Answer::unauthorized()).serve();
    let sandbox = Sandbox::at(&stub);
    let report = sandbox.run(&["check", "web 1", "role/web", "-o", "json"]).expect(3).report();
    let verdicts: Vec<_> = report.results.iter().map(|outcome| (outcome.target.as_str(), outcome.verdict)).collect();
    assert_eq!(verdicts, [("web 1", Verdict::Unknown), ("role/web", Verdict::Ready)]);
    let finding = report.results[0].finding(Code::AccessDenied);
    assert!(finding.message.contains("`ec2:DescribeInstances`"), "{finding:?}");
    let fixed = sandbox.run(&["fix", "web 1", "--yes"]).expect(3);
    assert!(fixed.stdout.contains("`ec2:DescribeInstances`"), "{fixed:?}");
}

/// With `--all-regions` a named instance is found where it is.
#[test]
fn a_named_instance_is_found_in_another_region() {
    let elsewhere = "i-00000000000000009";
    let there = Instance::new(elsewhere).region(OTHER).tag("Name", "far").profile("web");
    let stub = World::ready().instance(there).regions([OTHER, REGION]).serve();
    let sandbox = Sandbox::at(&stub);
    for target in [elsewhere, "far"] {
        assert_eq!(check(&sandbox, &[target]).only().verdict, Verdict::Unknown);
        let outcome = check(&sandbox, &[target, "--all-regions"]).only().clone();
        assert_eq!((outcome.target.as_str(), outcome.verdict), (target, Verdict::Ready));
        assert_eq!(outcome.region.as_deref(), Some(OTHER));
    }
    // One that could not be searched may have another of the name.
    let denied = |call: &Call, answer: Answer| match call.region.as_str() {
        REGION => Answer::unauthorized(),
        _ => answer,
    };
    let there = Instance::new(elsewhere).region(OTHER).tag("Name", "far").profile("web");
    let blind = World::ready().instance(there).regions([OTHER, REGION]).spoil("DescribeInstances", denied).serve();
    let output = Sandbox::at(&blind).run(&["check", "far", "--all-regions"]).expect(0);
    assert!(output.stderr.contains("another instance may be named `far`"), "{output:?}");
    let nowhere = check(&sandbox, &["i-0000000000000000f", "--all-regions"]).only().clone();
    assert_eq!((nowhere.verdict, nowhere.codes()), (Verdict::Unknown, vec![Code::InstanceNotFound]));
    // What is in no Region is judged for the default one.
    assert_eq!(check(&sandbox, &["role/web", "--all-regions"]).only().region.as_deref(), Some(REGION));
}
