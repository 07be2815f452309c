//! Instances of a plan: the profile alone is judged, and what the plan does not say is unknown.

use super::*;
use crate::facts::{MetadataOptions, Origin, PlannedInstance, Subject, SubjectKind, Unreadable, UnreadableKind};
use crate::needs::NetworkCheck;
use crate::render::words::{Place, Said as _, finding};
use crate::report::NotChecked;

const ADDRESS: &str = "aws_instance.web";

/// The account of a role, seen through a plan: no settings, and an instance that is not there yet.
fn plan(change: impl FnOnce(&mut Role), planned: PlannedInstance) -> Account {
    Account::with_role(change).with(|facts| {
        facts.settings.clear();
        let origin = Origin { file: "plan.json".to_owned(), address: ADDRESS.to_owned(), line: None };
        facts.subjects = vec![Subject {
            target: ADDRESS.to_owned(),
            account: None,
            region: None,
            partition: Some("aws".to_owned()),
            from_selection: false,
            origin: Some(origin),
            kind: SubjectKind::Planned(Box::new(planned)),
        }];
    })
}

fn with_profile(profile: Fact<String>) -> PlannedInstance {
    PlannedInstance { name: None, profile, metadata: Fact::Absent, state: None, location: None }
}

fn web() -> PlannedInstance {
    with_profile(Fact::Known(format!("{ACCOUNT}/web")))
}

fn not_in_plan(attribute: &str) -> Unreadable {
    let (api, kind) = (attribute.to_owned(), UnreadableKind::NotInPlan);
    Unreadable { api, kind, message: format!("`{attribute}` is known only after apply") }
}

fn options(endpoint: &str) -> Fact<MetadataOptions> {
    Fact::Known(MetadataOptions { http_endpoint: Some(endpoint.to_owned()), http_tokens: None, state: None })
}

/// Whether the account has Default Host Management Configuration is no part of a plan: that is said, and the profile decides.
#[test]
fn the_profile_decides_where_the_plan_sets_no_host_management() {
    let off = PlannedInstance { metadata: options("disabled"), ..web() };
    let on = PlannedInstance { metadata: options("enabled"), ..web() };
    for (account, verdict, codes) in [
        (plan(ready, web()), Verdict::Ready, vec![]),
        (plan(ready, on), Verdict::Ready, vec![]),
        (plan(ready, off), Verdict::NotReady, vec![Code::MetadataDisabled]),
        (plan(|_| {}, web()), Verdict::NotReady, vec![Code::MissingPermission]),
        (plan(ready, with_profile(Fact::Absent)), Verdict::NotReady, vec![Code::NoInstanceProfile]),
    ] {
        let outcome = judge(&account);
        assert_eq!((outcome.verdict, errors(&outcome)), (verdict, codes.into_iter().collect()));
        assert!(outcome.not_checked.contains(&NotChecked::HostManagement));
        assert_eq!(outcome.instance.as_ref().unwrap().id, None);
        assert_eq!(outcome.source.as_ref().unwrap().address, ADDRESS);
        let said: Vec<_> = outcome.findings.iter().map(|found| finding(found, &Place::of(&outcome)).remedy).collect();
        assert!(!said.iter().any(|remedy| remedy.contains("ssm-profile fix")), "{said:?}");
    }
}

/// Whoever requires the network path to be open does not get `ready` from a plan, in which it is not looked for.
#[test]
fn a_network_path_that_is_required_is_unknown() {
    let account = plan(ready, web());
    for (network, verdict) in [
        (NetworkCheck::Auto, Verdict::Ready),
        (NetworkCheck::Off, Verdict::Ready),
        (NetworkCheck::Require, Verdict::Unknown),
    ] {
        let requirements = Requirements { network, ..Requirements::default() };
        assert_eq!(diagnose(&account.facts, &requirements, now()).results[0].verdict, verdict, "{network:?}");
    }
}

#[test]
fn what_the_plan_does_not_say_is_unknown_and_named() {
    let named = "aws_iam_role.web.assume_role_policy";
    let unknown_trust = |role: &mut Role| {
        ready(role);
        role.trust = Fact::Unreadable(not_in_plan(named));
    };
    let unknown_policies = |role: &mut Role| role.attached = Fact::Unreadable(not_in_plan(named));
    let metadata = PlannedInstance { metadata: Fact::Unreadable(not_in_plan(named)), ..web() };
    for account in [
        plan(unknown_trust, web()),
        plan(unknown_policies, web()),
        plan(ready, metadata),
        plan(ready, with_profile(Fact::Unreadable(not_in_plan(named)))),
    ] {
        let outcome = judge(&account);
        assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Unknown, BTreeSet::new()));
        let finding = found(&outcome, Code::NotInPlan).unwrap();
        assert_eq!(finding.message(), format!("`{named}` is known only after apply"));
    }
}

/// A policy that IAM refuses to store is never in force, and the apply fails.
#[test]
fn a_policy_that_iam_refuses_does_not_make_a_plan_ready() {
    let refused = |role: &mut Role| {
        let mut statement = allow(&CORE, "*");
        statement["Sid"] = json!("not an id");
        add_inline(role, "core", &policy(&[statement]));
    };
    let outcome = judge(&plan(refused, web()));
    assert_eq!(outcome.verdict, Verdict::Unknown, "{:?}", outcome.findings);
}

#[test]
fn the_account_s_setting_in_the_plan_counts() {
    let host = |setting: Fact<String>| {
        plan(|_| {}, web()).with(|facts| {
            let settings = Settings { host_management: setting, preferences_name: None, preferences: Fact::Absent };
            facts.settings.insert(String::new(), settings);
        })
    };
    let known = judge(&host(Fact::Known("service-role/missing".to_owned())));
    assert_eq!(known.verdict, Verdict::Unknown);
    let open = judge(&host(Fact::Unreadable(not_in_plan("aws_ssm_service_setting.dhmc.setting_value"))));
    assert_eq!(open.verdict, Verdict::Unknown);
}

#[test]
fn a_document_that_came_with_the_tool_is_said_with_its_version() {
    let attached = |role: &mut Role| role.attached = Fact::Known(vec![Account::new().core()]);
    let account = plan(attached, web()).with(|facts| {
        let policies = facts.policies.values_mut();
        for policy in policies {
            let Fact::Known(policy) = policy else { continue };
            policy.shipped = Some("2019-05-23".to_owned());
        }
    });
    let outcome = judge(&account);
    assert_eq!(outcome.verdict, Verdict::Ready);
    let said = outcome.not_checked.iter().filter_map(|item| match item {
        NotChecked::ShippedPolicy { policy, version, date } => {
            Some([policy.as_str(), version, date].map(str::to_owned))
        }
        _ => None,
    });
    assert_eq!(said.collect::<Vec<_>>(), [[Account::new().core(), "v2".to_owned(), "2019-05-23".to_owned()]]);
}
