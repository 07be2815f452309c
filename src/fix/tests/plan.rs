//! What is planned at all: what is left alone, what targets share, what is ready.

use serde_json::json;

use super::account::*;
use super::expected::*;
use crate::facts::{Fact, Instance, MetadataOptions, NamedDocument, PolicyLevel, Role, SubjectKind, key};
use crate::fix::{Evidence, Options, Plan, Reason, State, Warning};
use crate::needs::Requirements;

#[test]
fn what_no_change_of_the_role_can_mend_is_out_of_reach() {
    let closed = policy(&[allow(&["s3:*"], "*")]);
    let denying = policy(&[allow(&["*"], "*"), deny(&["ssmmessages:*"], "*")]);
    let account = Account::new().managed("closed", &closed).managed("denying", &denying);
    let boundary = |name: &str| {
        let arn = account.iam(&format!("policy/{name}"));
        account.clone().role("web", |role| role.boundary = Fact::Known(arn))
    };
    let level = |document: &str| {
        let policies = vec![NamedDocument { name: "scp".to_owned(), document: text(document) }];
        let level = PolicyLevel { name: "Root".to_owned(), policies, unread: Vec::new() };
        account.clone().role("web", |_| {}).with(|facts| facts.scp_levels = Some(vec![level]))
    };
    let with_role = |change: fn(&mut Role)| account.clone().role("web", change);
    for account in [
        boundary("closed"),
        boundary("denying"),
        level(&closed),
        level(&denying),
        with_role(|role| add_inline(role, "other", &policy(&[deny(&["ssm:*"], "*")]))),
        with_role(|role| add_inline(role, POLICY_NAME, &policy(&[deny(&["ssm:*"], "*")]))),
        with_role(|role| role.attached = Fact::Known(vec!["arn:aws:iam::111122223333:policy/denying".to_owned()])),
        // There is no such role.
        account.clone().with(|facts| {
            facts.roles.insert(key(Some(ACCOUNT), "web"), Fact::Absent);
        }),
    ] {
        let account = account.profile("web", |_| {}).instance(INSTANCE, |_| {});
        for options in [options(), attaching(), Options { force_managed_elsewhere: true, ..creating("new") }] {
            assert_refused(&account.plan(&Requirements::default(), &options), &[Reason::OutOfReach]);
        }
    }
    let off = |instance: &mut Instance| {
        let options = MetadataOptions { http_endpoint: Some("disabled".to_owned()), http_tokens: None, state: None };
        instance.metadata = Some(options);
    };
    assert_refused(&Account::with_instance(off).core_plan(), &[Reason::OutOfReach]);
    let account = Account::new().role("web", |_| {}).profile("web", |_| {}).instance(INSTANCE, off);
    assert_refused(&account.core_plan(), &[Reason::OutOfReach]);
}

#[test]
fn what_is_not_known_is_refused_as_unknown() {
    let conditional = |actions: &[&str]| {
        let mut statement = allow(actions, "*");
        statement["Condition"] = json!({ "StringEquals": { "aws:SourceVpce": "vpce-1" } });
        statement
    };
    for change in [
        |role: &mut Role| role.inline = unreadable("iam:ListRolePolicies"),
        |role: &mut Role| role.attached = unreadable("iam:ListAttachedRolePolicies"),
        |role: &mut Role| role.boundary = unreadable("iam:GetRole"),
        |role: &mut Role| role.tags = unreadable("iam:GetRole"),
        |role: &mut Role| role.trust = unreadable("iam:GetRole"),
        |role: &mut Role| role.arn = None,
        |role: &mut Role| role.attached = Fact::Known(vec!["arn:aws:iam::111122223333:policy/unread".to_owned()]),
        |role: &mut Role| role.boundary = Fact::Known("arn:aws:iam::111122223333:policy/unread".to_owned()),
        |role: &mut Role| {
            add_inline(role, POLICY_NAME, "{}");
            if let Fact::Known(inline) = &mut role.inline {
                inline[0].document = unreadable("iam:GetRolePolicy");
            }
        },
    ] {
        assert_refused(&Account::with_role(change).core_plan(), &[Reason::Unknown]);
    }
    // A condition that somebody wrote is not put out of force by a statement beside it, and a deny may apply.
    for statement in [conditional(&CORE), {
        let mut deny = conditional(&CORE);
        deny["Effect"] = json!("Deny");
        deny
    }] {
        let account = Account::with_role(|role| add_inline(role, "other", &policy(&[statement])));
        assert_refused(&account.core_plan(), &[Reason::Unknown]);
    }
    for (kind, reason) in [
        (SubjectKind::Instance(Fact::Absent), Reason::Unknown),
        (SubjectKind::Instance(unreadable("ec2:DescribeInstances")), Reason::Unknown),
        (SubjectKind::Profile(key(Some(ACCOUNT), "none")), Reason::Unknown),
        (SubjectKind::Role(key(Some(ACCOUNT), "none")), Reason::Unknown),
    ] {
        let plan = Account::new().subject(INSTANCE, kind).plan(&Requirements::default(), &creating("new"));
        assert_refused(&plan, &[reason]);
    }
    for (name, fact) in [("profile", true), ("role", false)] {
        let account = Account::web().with(|facts| match fact {
            true => drop(facts.profiles.insert(key(Some(ACCOUNT), "web"), unreadable("iam:GetInstanceProfile"))),
            false => drop(facts.roles.insert(key(Some(ACCOUNT), "web"), unreadable("iam:GetRole"))),
        });
        let plan = account.plan(&Requirements::default(), &creating("new"));
        assert_eq!((name, calls(&plan), reasons(&plan)), (name, Vec::new(), vec![Reason::Unknown]));
    }
    // A pending change of the metadata options of a running instance.
    let pending = Account::with_instance(|instance| {
        stale(instance);
        instance.metadata = Some(MetadataOptions {
            http_endpoint: Some("enabled".to_owned()),
            http_tokens: None,
            state: Some("pending".to_owned()),
        });
    });
    assert_refused(&pending.core_plan(), &[Reason::Unknown]);
}

#[test]
fn what_belongs_to_others_is_left_alone() {
    for path in ["aws-service-role/autoscaling.amazonaws.com", "aws-reserved/sso.amazonaws.com/eu-west-1"] {
        let account = Account::new();
        let arn = account.iam(&format!("role/{path}/web"));
        let account =
            account.role("web", |role| role.arn = Some(arn)).profile("web", |_| {}).instance(INSTANCE, |_| {});
        for force_managed_elsewhere in [false, true] {
            let options = Options { force_managed_elsewhere, ..options() };
            assert_refused(&account.plan(&Requirements::default(), &options), &[Reason::ReservedRole]);
        }
    }
    for (name, value) in [("aws:cloudformation:stack-name", "web"), ("managed-by", "terraform")] {
        let account = Account::with_role(|role| tag(role, name, value));
        assert_refused(&account.core_plan(), &[Reason::ManagedElsewhere]);
        let plan = account.plan(&Requirements::default(), &Options { force_managed_elsewhere: true, ..options() });
        assert_eq!((calls(&plan), plan.warnings.len()), (vec![PUT.to_owned()], 1));
        let evidence = Evidence::Tag { key: name.to_owned(), value: value.to_owned() };
        let is_told = |warning: &Warning| matches!(warning, Warning::ManagedElsewhere { evidence: told, .. } if *told == evidence);
        assert!(is_told(&plan.warnings[0]), "{:?}", plan.warnings);

        // The role is not changed where only the association is.
        let account = Account::new()
            .role("web", |role| {
                ready(role);
                tag(role, name, value);
            })
            .profile("web", |_| {})
            .instance(INSTANCE, stale);
        let plan = account.core_plan();
        assert_eq!((plan.changes.len(), plan.refusals.len(), plan.warnings.len()), (1, 0, 0));
    }
    let account = Account::new()
        .profile("web", |profile| {
            profile.role = None;
            profile.tags = Some([("managed-by".to_owned(), "terraform".to_owned())].into());
        })
        .instance(INSTANCE, |_| {});
    assert_refused(&account.core_plan(), &[Reason::ManagedElsewhere]);
}

#[test]
fn a_role_that_several_targets_share_is_changed_once() {
    let account = Account::web().instance(OTHER_INSTANCE, |_| {});
    let account = account.subject("profile/web", SubjectKind::Profile(key(Some(ACCOUNT), "web")));
    let account = account.subject("role/web", SubjectKind::Role(key(Some(ACCOUNT), "web")));
    let plan = account.core_plan();
    assert_eq!(calls(&plan), [PUT]);
    assert_granted(&plan, &[channels(), encryption_of_any_bucket(), heartbeat()]);
    // Nobody read the managed policy: what it allows counts for the later targets too.
    let read = Account::with_role(|role| add_inline(role, "other", &policy(&[allow(&["s3:*"], "*")])));
    let account = read.instance(OTHER_INSTANCE, |_| {}).with(|facts| facts.policies.clear());
    let plan = account.plan(&requirements(s3_logs), &attaching());
    assert_eq!(calls(&plan), [format!("iam:AttachRolePolicy role/web {}", account.core())]);
}

#[test]
fn what_two_targets_need_of_one_policy_is_one_change() {
    let mut account = Account::web();
    account.region = "eu-west-1";
    let account = account.instance(OTHER_INSTANCE, |_| {});
    let plan = account.plan(&requirements(|all| all.cloudwatch_logs = Some("/ssm".to_owned())), &options());
    assert_eq!(calls(&plan), [PUT]);
    assert_eq!(plan.changes[0].before(), &State::Absent);
    let streams = |region: &str| {
        allow(
            &["logs:DescribeLogStreams", "logs:CreateLogStream", "logs:PutLogEvents"],
            &format!("arn:aws:logs:{region}:111122223333:log-group:/ssm:*"),
        )
    };
    let expected = [
        channels(),
        encryption_of_any_bucket(),
        heartbeat(),
        allow(&["logs:DescribeLogGroups"], "*"),
        streams("us-east-1"),
        streams("eu-west-1"),
    ];
    assert_granted(&plan, &expected);
}

#[test]
fn a_target_that_another_ones_change_makes_ready_is_not_refused() {
    // What the role may do in Ireland depends on an endpoint, and in Virginia it may do nothing.
    let mut statement = allow(&["*"], "*");
    statement["Condition"] =
        json!({ "StringEquals": { "aws:RequestedRegion": "eu-west-1", "aws:SourceVpce": "vpce-1" } });
    let role = |role: &mut Role| add_inline(role, "other", &policy(&[statement.clone()]));
    for order in [["us-east-1", "eu-west-1"], ["eu-west-1", "us-east-1"]] {
        let mut account = Account::new().role("web", role).profile("web", |_| {});
        for (region, id) in order.into_iter().zip([INSTANCE, OTHER_INSTANCE]) {
            account.region = region;
            account = account.instance(id, |_| {});
        }
        let plan = account.core_plan();
        assert_eq!((calls(&plan), plan.refusals), (vec![PUT.to_owned()], Vec::new()), "{order:?}");
    }
}

#[test]
fn what_is_ready_stays_as_it_is() {
    let account = Account::with_role(ready);
    for options in [options(), attaching(), creating("new")] {
        assert_eq!(account.plan(&Requirements::default(), &options), Plan::default());
    }
    let mut account = Account::new().instance(INSTANCE, |instance| instance.state = "terminated".to_owned());
    account.facts.subjects[0].from_selection = true;
    assert_eq!(account.plan(&Requirements::default(), &creating("new")), Plan::default());
    account.facts.subjects[0].from_selection = false;
    assert_refused(&account.plan(&Requirements::default(), &creating("new")), &[Reason::OutOfReach]);
}
