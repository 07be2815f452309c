//! Targets that are not what was typed, and names that a remedy knows.

use super::*;
use crate::facts::{InstanceProfile, SubjectKind, key};
use crate::render::words::Said as _;

fn named(account: Account, target: &str, kind: fn(String) -> SubjectKind) -> Outcome {
    let name = target.rsplit('/').next().unwrap();
    let place = key(Some(ACCOUNT), name);
    let account = account.subject(target, kind(place.clone())).with(|facts| {
        facts.profiles.entry(place.clone()).or_insert(Fact::Absent);
        facts.roles.entry(place).or_insert(Fact::Absent);
    });
    judge(&account)
}

#[test]
fn whoever_takes_a_role_for_a_profile_is_told_the_right_target() {
    let missing = |outcome: &Outcome| found(outcome, Code::InstanceNotFound).unwrap().remedy();
    let outcome = named(Account::new().role("web", ready), "profile/web", SubjectKind::Profile);
    assert_eq!(outcome.verdict, Verdict::Unknown);
    assert!(missing(&outcome).contains("check `role/web`"), "{outcome:?}");

    let outcome = named(Account::new().profile("web", |profile| profile.role = None), "role/web", SubjectKind::Role);
    assert_eq!(outcome.verdict, Verdict::Unknown);
    assert!(missing(&outcome).contains("check `profile/web`"), "{outcome:?}");

    // Nor is one of another account taken for it.
    let elsewhere = Account::new().with(|facts| {
        let profile = InstanceProfile {
            arn: "arn:aws:iam::444455556666:instance-profile/web".to_owned(),
            id: "AIPAWEB".to_owned(),
            name: "web".to_owned(),
            role: None,
            tags: None,
        };
        facts.profiles.insert(key(Some("444455556666"), "web"), Fact::Known(profile));
    });
    for account in [Account::new(), elsewhere] {
        let outcome = named(account, "role/web", SubjectKind::Role);
        assert!(!missing(&outcome).contains("profile/web"), "{outcome:?}");
    }
}

#[test]
fn a_profile_that_is_taken_away_is_named_in_the_command() {
    let outcome = judge(&Account::with_instance(|instance| association(instance, "disassociating")));
    let remedy = &found(&outcome, Code::AssociationPending).unwrap().remedy();
    assert!(remedy.contains("--iam-instance-profile Name=web`"), "{remedy}");
}

/// See [Permissions boundaries](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html): a boundary limits
/// what identity policies grant, and grants nothing.
#[test]
fn a_boundary_is_not_taken_for_a_grant() {
    let core = Account::new().core();
    let message = |boundary: Option<String>| {
        let account = Account::with_role(|role| role.boundary = boundary.map_or(Fact::Absent, Fact::Known));
        let everything = policy(&[allow(&["*"], "*")]);
        let outcome = judge(&account.managed("all", &everything));
        assert_eq!(outcome.verdict, Verdict::NotReady);
        found(&outcome, Code::MissingPermission).unwrap().message()
    };
    assert!(message(Some(core)).ends_with("grants nothing by itself: attach the policy as well"));
    assert!(message(Some(Account::new().iam("policy/all"))).ends_with("grants nothing by itself"));
    assert!(!message(None).contains("boundary"));
}

/// The service that a role of host management is assumed by is Systems Manager.
#[test]
fn a_role_of_host_management_is_judged_as_that() {
    for (setting, service, expected) in [
        (Some("service-role/web"), "ssm.amazonaws.com", Verdict::Ready),
        (Some("service-role/other"), "ssm.amazonaws.com", Verdict::NotReady),
        (None, "ssm.amazonaws.com", Verdict::NotReady),
        (Some("service-role/web"), "ec2.amazonaws.com", Verdict::Ready),
        (Some("service-role/web"), "lambda.amazonaws.com", Verdict::NotReady),
    ] {
        let account = Account::new().role("web", |role| {
            ready(role);
            role.trust = Fact::Known(text(&policy(&[trusting(service)])));
        });
        let account = with_settings(account, |settings| {
            settings.host_management = setting.map_or(Fact::Absent, |path| Fact::Known(path.to_owned()));
        });
        let outcome = named(account, "role/web", SubjectKind::Role);
        assert_eq!(outcome.verdict, expected, "{setting:?} {service}: {:?}", outcome.findings);
    }
}
