//! Plans for many targets: what is shared is changed once, and each change says for whom.

use std::collections::{BTreeMap, BTreeSet};

use super::account::*;
use super::expected::*;
use crate::facts::{Fact, SubjectKind, key};
use crate::fix::{Options, Reason};
use crate::needs::Requirements;

/// Instances `i-1` and so on, of which the nth has the profile and the role of the number that `role` gives.
fn fleet(account: Account, count: usize, role: impl Fn(usize) -> usize) -> Account {
    let roles: BTreeSet<usize> = (0..count).map(&role).collect();
    let named = |number: usize| format!("role-{number}");
    let with_roles = roles.into_iter().fold(account, |account, number| {
        let name = named(number);
        account.role(&name, |_| {}).profile(&name, |profile| {
            profile.role = Some(key(Some(ACCOUNT), &named(number)));
        })
    });
    (0..count).fold(with_roles, |account, number| {
        let name = named(role(number));
        let profile = account.iam(&format!("instance-profile/{name}"));
        account.instance(&format!("i-{number:04}"), |instance| holds(instance, &profile, Some(&id_of(&name))))
    })
}

#[test]
fn a_change_of_a_role_is_for_all_who_have_it() {
    let account = fleet(Account::new(), 2000, |number| number % 50);
    let plan = account.core_plan();
    assert_eq!((plan.changes.len(), plan.refusals.len()), (50, 0));
    let calls: BTreeSet<String> = calls(&plan).into_iter().collect();
    assert_eq!(calls, (0..50).map(|role| PUT.replace("role/web", &format!("role/role-{role}"))).collect());
    for (change, targets) in plan.changes.iter().zip(&plan.targets) {
        let role: usize = change.thing().role().unwrap().name().trim_start_matches("role-").parse().unwrap();
        let expected: Vec<String> = (0..2000).filter(|n| n % 50 == role).map(|n| format!("i-{n:04}")).collect();
        assert_eq!(*targets, expected, "{change:?}");
    }
}

#[test]
fn only_who_gets_ready_is_fixed() {
    let off = |instance: &mut crate::facts::Instance| {
        let options = crate::facts::MetadataOptions {
            http_endpoint: Some("disabled".to_owned()),
            http_tokens: None,
            state: None,
        };
        instance.metadata = Some(options);
    };
    let account = Account::web().instance("i-off", off).instance("i-stale", stale);
    let account = account.subject("role/web", SubjectKind::Role(key(Some(ACCOUNT), "web")));
    let plan = account.core_plan();
    let fixed: BTreeMap<String, Vec<String>> = calls(&plan).into_iter().zip(plan.targets.clone()).collect();
    let anew = "ec2:ReplaceIamInstanceProfileAssociation i-stale instance-profile/web -> instance-profile/web";
    let all = |targets: &[&str]| targets.iter().map(|target| (*target).to_owned()).collect::<Vec<_>>();
    let expected = [(PUT.to_owned(), all(&[INSTANCE, "i-stale", "role/web"])), (anew.to_owned(), all(&["i-stale"]))];
    assert_eq!(fixed, expected.into());
    assert_eq!(reasons(&plan), [Reason::OutOfReach]);
    assert_eq!(plan.refusals[0].target, "i-off");
}

#[test]
fn a_created_profile_is_for_all_who_get_it() {
    let account = Account::new().instance("i-1", bare).instance("i-2", bare).instance("i-3", |instance| {
        bare(instance);
        instance.state = "terminated".to_owned();
    });
    let plan = account.plan(&Requirements::default(), &creating("new"));
    let of = |action: &str| {
        let at = calls(&plan).iter().position(|call| call.starts_with(action)).unwrap();
        plan.targets[at].clone()
    };
    for action in ["iam:CreateRole", "iam:PutRolePolicy", "iam:CreateInstanceProfile", "iam:AddRoleToInstanceProfile"] {
        assert_eq!(of(action), ["i-1", "i-2"], "{action}");
    }
    assert_eq!(of("ec2:AssociateIamInstanceProfile i-1"), ["i-1"]);
    assert_eq!(of("ec2:AssociateIamInstanceProfile i-2"), ["i-2"]);
}

#[test]
fn what_is_refused_is_refused_for_each() {
    let account = fleet(Account::new(), 300, |number| number % 3).with(|facts| {
        for number in 0..3 {
            if let Some(Fact::Known(role)) = facts.roles.get_mut(&key(Some(ACCOUNT), &format!("role-{number}"))) {
                tag(role, "managed-by", "terraform");
            }
        }
    });
    let plan = account.instance("i-bare", bare).core_plan();
    assert_eq!((plan.changes.len(), plan.refusals.len()), (0, 301));
    assert_eq!(plan.refusals.iter().filter(|refusal| refusal.reason() == Reason::ManagedElsewhere).count(), 300);
    let forced = Options { force_managed_elsewhere: true, ..options() };
    let plan = fleet(Account::new(), 300, |number| number % 3).plan(&Requirements::default(), &forced);
    assert_eq!((plan.changes.len(), plan.targets.concat().len()), (3, 300));
}
