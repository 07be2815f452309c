//! From an instance to its role: what is created and fixed, and what is left alone.

use crate::render::words::Said as _;
use serde_json::{Value as Json, json};

use super::account::*;
use super::expected::*;
use crate::facts::{Fact, Role, key};
use crate::fix::{Change, Lookups, Options, Reason, State, Thing, Warning, lookups};
use crate::needs::Requirements;

#[test]
fn an_instance_without_a_profile_gets_one() {
    let create = [
        "iam:CreateRole role/new",
        "iam:PutRolePolicy role/new SessionManagerPermissions",
        "iam:CreateInstanceProfile instance-profile/new",
        "iam:AddRoleToInstanceProfile instance-profile/new role/new",
        "ec2:AssociateIamInstanceProfile i-0123456789abcdef0 nothing -> instance-profile/new",
    ];
    for (partition, service) in
        [("aws", "ec2.amazonaws.com"), ("aws-cn", "ec2.amazonaws.com.cn"), ("aws-us-gov", "ec2.amazonaws.com")]
    {
        let account = Account::of(partition).instance(INSTANCE, bare);
        let plan = account.plan(&Requirements::default(), &creating("new"));
        assert_eq!(calls(&plan), create);
        let trust: Json = serde_json::from_str(&policy(&[trusting(service)])).unwrap();
        let mut found = parsed(written(&plan.changes[0]));
        found["Statement"] = Json::Array(plain(found["Statement"].as_array().unwrap()));
        assert_eq!(found, trust);
        assert_granted(&plan, &[channels(), encryption_of_any_bucket(), heartbeat()]);
        let named = format!("arn:{partition}:iam::{ACCOUNT}:role/new");
        assert_eq!(plan.changes[0].thing().target(), named);

        let plan = account.plan(&Requirements::default(), &Options { attach_managed: true, ..creating("new") });
        let attach = format!("iam:AttachRolePolicy role/new {}", account.core());
        assert_eq!(calls(&plan), [create[0], attach.as_str(), create[2], create[3], create[4]]);
    }
    // What AWS has listed as over is none.
    let over = Account::new().instance(INSTANCE, |instance| {
        association(instance, "disassociated");
        instance.profile = None;
    });
    assert_eq!(calls(&over.plan(&Requirements::default(), &creating("new"))), create);
    assert_refused(&over.core_plan(), &[Reason::NeedsProfile]);

    let plan = Account::new().instance(INSTANCE, bare).core_plan();
    assert_refused(&plan, &[Reason::NeedsProfile]);
    let command = format!("`ssm-profile fix {INSTANCE} --region us-east-1 --create-profile SessionManager`");
    assert!(plan.refusals[0].remedy().contains(&command), "{}", plan.refusals[0].remedy());
}

#[test]
fn two_instances_without_a_profile_share_the_new_one() {
    let plan = Account::new()
        .instance(INSTANCE, bare)
        .instance(OTHER_INSTANCE, bare)
        .plan(&Requirements::default(), &creating("new"));
    let associations: Vec<&Change> =
        plan.changes.iter().filter(|change| matches!(change.thing(), Thing::ProfileOfInstance { .. })).collect();
    assert_eq!((plan.changes.len(), plan.refusals.len(), associations.len()), (6, 0, 2));
    for change in associations {
        // Only AWS knows the id, once the profile is created.
        assert!(matches!(change.after(), State::Has { id: None, .. }), "{change:?}");
    }
}

#[test]
fn what_an_earlier_run_created_and_left_is_used() {
    let ours = |role: &mut Role| tag(role, "created-by", "ssm-profile");
    let account = Account::new().role("new", ours).instance(INSTANCE, bare);
    let rest = [
        "iam:PutRolePolicy role/new SessionManagerPermissions",
        "iam:CreateInstanceProfile instance-profile/new",
        "iam:AddRoleToInstanceProfile instance-profile/new role/new",
        "ec2:AssociateIamInstanceProfile i-0123456789abcdef0 nothing -> instance-profile/new",
    ];
    assert_eq!(calls(&account.plan(&Requirements::default(), &creating("new"))), rest);

    let tagged = || Some([("created-by".to_owned(), "ssm-profile".to_owned())].into());
    let account = account.profile("new", |profile| {
        profile.role = None;
        profile.tags = tagged();
    });
    let plan = account.plan(&Requirements::default(), &creating("new"));
    assert_eq!(calls(&plan), [rest[0], rest[2], rest[3]]);

    let account = account.profile("new", |profile| profile.tags = tagged());
    let plan = account.plan(&Requirements::default(), &creating("new"));
    assert_eq!(calls(&plan), [rest[0], rest[3]]);
    assert!(matches!(plan.changes[1].after(), State::Has { id: Some(id), .. } if *id == id_of("new")));
}

#[test]
fn what_this_tool_did_not_create_is_not_taken() {
    for account in [
        Account::new().role("new", |_| {}),
        Account::new().profile("new", |profile| profile.role = None),
        Account::new().profile("new", |profile| profile.tags = None),
    ] {
        let plan = account.instance(INSTANCE, bare).plan(&Requirements::default(), &creating("new"));
        assert_refused(&plan, &[Reason::NameTaken]);
    }
    let unread = Account::new().instance(INSTANCE, bare).with(|facts| {
        facts.roles.insert(key(Some(ACCOUNT), "new"), unreadable("iam:GetRole"));
    });
    assert_refused(&unread.plan(&Requirements::default(), &creating("new")), &[Reason::Unknown]);
}

#[test]
fn what_is_taken_is_named_in_the_commands_that_use_it() {
    let remedy = |account: Account, name: &str| {
        let plan = account.plan(&Requirements::default(), &creating(name));
        assert_refused(&plan, &[Reason::NameTaken]);
        plan.refusals[0].remedy()
    };
    // Whoever makes a role for EC2 in the console gets a profile of the same name.
    let both = Account::new().role("new", |_| {}).profile("new", |_| {});
    let associate = remedy(both.clone().instance(INSTANCE, bare), "new");
    let command = format!(
        "`aws ec2 associate-iam-instance-profile --instance-id {INSTANCE} --region us-east-1 --iam-instance-profile Name=new`"
    );
    assert!(associate.contains(&command) && associate.contains("`ssm-profile fix profile/new`"), "{associate}");
    // The instance has an association with a profile that is gone.
    let gone = both.with(|facts| drop(facts.profiles.insert(key(Some(ACCOUNT), "web"), Fact::Absent)));
    let replace = remedy(gone.instance(INSTANCE, |_| {}), "new");
    let command = format!("--association-id iip-assoc-{INSTANCE} --region us-east-1 --iam-instance-profile Name=new`");
    assert!(replace.contains(&command), "{replace}");

    let role = remedy(Account::new().role("new", |_| {}).instance(INSTANCE, bare), "new");
    let add = "`aws iam add-role-to-instance-profile --instance-profile-name new --role-name new`";
    assert!(role.contains(add) && role.contains("create-instance-profile --instance-profile-name new`"), "{role}");
    let empty = Account::new().role("other", |_| {}).profile("web", |profile| profile.role = None);
    let role = remedy(empty.instance(INSTANCE, |_| {}), "other");
    let add = "`aws iam add-role-to-instance-profile --instance-profile-name web --role-name other`";
    assert!(role.contains(add) && !role.contains("create-instance-profile"), "{role}");
}

#[test]
fn a_chain_that_is_broken_is_fixed() {
    let empty = [
        "iam:CreateRole role/web",
        "iam:PutRolePolicy role/web SessionManagerPermissions",
        "iam:AddRoleToInstanceProfile instance-profile/web role/web",
    ];
    let account = Account::new().profile("web", |profile| profile.role = None).instance(INSTANCE, |_| {});
    assert_eq!(calls(&account.core_plan()), empty);
    let named = empty.map(|call| call.replace("role/web", "role/other"));
    assert_eq!(calls(&account.plan(&Requirements::default(), &creating("other"))), named);
    assert_refused(&account.role("web", |_| {}).core_plan(), &[Reason::NameTaken]);

    let replace = "ec2:ReplaceIamInstanceProfileAssociation i-0123456789abcdef0 instance-profile/web";
    let plan = Account::with_instance(stale).core_plan();
    assert_eq!(calls(&plan), [format!("{replace} -> instance-profile/web")]);
    let (before, after) = (plan.changes[0].before(), plan.changes[0].after());
    assert!(matches!(before, State::Has { id: Some(id), .. } if id == "AIPAOLD"), "{before:?}");
    assert!(matches!(after, State::Has { id: Some(id), .. } if *id == id_of("web")), "{after:?}");

    let deleted = Account::new().instance(INSTANCE, |_| {}).with(|facts| {
        facts.profiles.insert(key(Some(ACCOUNT), "web"), Fact::Absent);
    });
    assert_refused(&deleted.core_plan(), &[Reason::NeedsProfile]);
    for name in ["new", "web"] {
        let plan = deleted.plan(&Requirements::default(), &creating(name));
        assert_eq!(calls(&plan).last().unwrap(), &format!("{replace} -> instance-profile/{name}"));
        assert_eq!(plan.changes.len(), 5);
    }
}

#[test]
fn only_a_running_instance_gets_another_profile_in_one_call() {
    for (state, expected) in [
        ("running", Ok(&["ec2:ReplaceIamInstanceProfileAssociation"][..])),
        ("stopped", Ok(&["ec2:DisassociateIamInstanceProfile", "ec2:AssociateIamInstanceProfile"])),
        ("pending", Err(Reason::OutOfReach)),
        ("stopping", Err(Reason::OutOfReach)),
        ("shutting-down", Err(Reason::OutOfReach)),
        ("terminated", Err(Reason::OutOfReach)),
    ] {
        let plan = Account::with_instance(|instance| {
            stale(instance);
            instance.state = state.to_owned();
        })
        .core_plan();
        match expected {
            Ok(expected) => {
                let names: Vec<&str> = plan.changes.iter().map(|change| change.action().name()).collect();
                assert_eq!((names.as_slice(), plan.refusals.len()), (expected, 0), "{state}");
            }
            Err(reason) => assert_refused(&plan, &[reason]),
        }
    }
}

#[test]
fn an_association_that_is_not_settled_is_left_alone() {
    for (state, held, reason) in [
        ("associating", "web", Reason::OutOfReach),
        ("associating", "stale", Reason::OutOfReach),
        ("associating", "none", Reason::OutOfReach),
        ("disassociating", "web", Reason::OutOfReach),
        ("disassociating", "stale", Reason::OutOfReach),
        ("disassociating", "none", Reason::OutOfReach),
        ("disassociated", "web", Reason::OutOfReach),
        ("odd", "web", Reason::Unknown),
        ("odd", "none", Reason::Unknown),
        // What EC2 says of the profile and what it says of the association disagree.
        ("with another", "web", Reason::Unknown),
        ("with another", "none", Reason::Unknown),
        // That much is certain.
        ("with another", "stale", Reason::OutOfReach),
        ("unread", "web", Reason::Unknown),
        ("unread", "stale", Reason::Unknown),
        ("unread", "none", Reason::Unknown),
    ] {
        let account = Account::with_instance(|instance| {
            match (state, &mut instance.association) {
                ("unread", fact) => *fact = unreadable("ec2:DescribeIamInstanceProfileAssociations"),
                ("with another", Fact::Known(association)) => {
                    association.profile_arn = Some("arn:aws:iam::111122223333:instance-profile/other".to_owned());
                }
                _ => association(instance, state),
            }
            match held {
                "none" => instance.profile = None,
                "stale" => stale(instance),
                _ => {}
            }
        });
        let plan = account.plan(&Requirements::default(), &creating("new"));
        assert_eq!(calls(&plan), [""; 0], "{state} {held}");
        assert!(reasons(&plan).contains(&reason), "{state} {held}: {:?}", plan.refusals);
    }
}

#[test]
fn a_profile_whose_own_id_is_not_known_is_not_taken_for_another_of_its_name() {
    // The instance holds a profile that was deleted. One of the same name would look the same, and not be the same.
    let account = Account::new().instance(INSTANCE, |instance| {
        if let Some(profile) = &mut instance.profile {
            profile.id = None;
        }
    });
    let account = account.with(|facts| {
        facts.profiles.insert(key(Some(ACCOUNT), "web"), Fact::Absent);
    });
    assert_refused(&account.plan(&Requirements::default(), &creating("web")), &[Reason::Unknown]);
    assert_eq!(account.plan(&Requirements::default(), &creating("new")).refusals, []);
}

#[test]
fn an_instance_of_a_group_is_not_the_last_one_of_it() {
    let plan = Account::with_instance(|instance| {
        stale(instance);
        instance.tags.insert("aws:autoscaling:groupName".to_owned(), "fleet".to_owned());
    })
    .core_plan();
    assert_eq!((plan.changes.len(), plan.warnings.len()), (1, 1));
    assert!(
        matches!(&plan.warnings[0], Warning::AutoScalingGroup { group, .. } if group == "fleet"),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn what_is_to_be_read_before_a_plan() {
    let named = |name: &str| ("aws".to_owned(), ACCOUNT.to_owned(), name.to_owned());
    let empty = Account::new().profile("web", |profile| profile.role = None).instance(INSTANCE, |_| {});
    let none = Account::new().instance(INSTANCE, bare);
    let deleted = Account::new().instance(INSTANCE, |_| {}).with(|facts| {
        facts.profiles.insert(key(Some(ACCOUNT), "web"), Fact::Absent);
    });
    for (account, options, roles, profiles) in [
        (&Account::web(), creating("new"), vec![], vec![]),
        (&none, options(), vec![], vec![]),
        (&none, creating("new"), vec![named("new")], vec![named("new")]),
        (&deleted, creating("new"), vec![named("new")], vec![named("new")]),
        (&empty, options(), vec![named("web")], vec![]),
        (&empty, creating("new"), vec![named("new")], vec![]),
        // Once, however many targets want it.
        (&none.clone().instance(OTHER_INSTANCE, bare), creating("new"), vec![named("new")], vec![named("new")]),
    ] {
        assert_eq!(lookups(&account.facts, &options), Lookups { roles, profiles, policies: Vec::new() });
    }
    for partition in ["aws", "aws-cn", "aws-us-gov"] {
        let account = Account::of(partition).instance(INSTANCE, bare).instance(OTHER_INSTANCE, bare);
        let policies = vec![(partition.to_owned(), account.core())];
        assert_eq!(lookups(&account.facts, &attaching()).policies, policies);
    }
}

#[test]
fn a_trust_policy_without_ec2_gets_a_statement() {
    for (partition, services) in [
        ("aws", &["lambda.amazonaws.com", "ec2.amazonaws.com.cn", "EC2.amazonaws.com"][..]),
        // There the plain name stands for EC2 too.
        ("aws-cn", &["lambda.amazonaws.com", "ec2.amazonaws.eu"]),
        ("aws-us-gov", &["lambda.amazonaws.com"]),
    ] {
        for service in services {
            let before = policy(&[trusting(service)]);
            let account = Account::of(partition)
                .role("web", |role| {
                    role.trust = Fact::Known(text(&before));
                    ready(role);
                })
                .profile("web", |_| {})
                .instance(INSTANCE, |_| {});
            let plan = account.core_plan();
            assert_eq!((calls(&plan), plan.refusals.len()), (vec![TRUST.to_owned()], 0), "{partition} {service}");
            assert_eq!(plan.changes[0].before(), &State::Document(text(&before)));
            assert_eq!(
                plain(&statements(written(&plan.changes[0]))),
                [trusting(service), trusting(ec2(partition))],
                "{partition}"
            );
        }
    }
    // Its own change, beside the one of the permissions.
    let account = Account::with_role(|role| role.trust = Fact::Known(text(r#"{"Statement": []}"#)));
    assert_eq!(calls(&account.core_plan()), [TRUST, PUT]);
    for (trust, reason) in [
        // A deny stays, and wins.
        (
            policy(&[trusting("ec2.amazonaws.com"), {
                let mut deny = trusting("ec2.amazonaws.com");
                deny["Effect"] = json!("Deny");
                deny
            }]),
            Reason::OutOfReach,
        ),
        // A condition is somebody's intention.
        (
            policy(&[{
                let mut conditional = trusting("ec2.amazonaws.com");
                conditional["Condition"] = json!({ "StringEquals": { "aws:SourceVpc": "vpc-1" } });
                conditional
            }]),
            Reason::Unknown,
        ),
    ] {
        let account = Account::with_role(|role| {
            role.trust = Fact::Known(text(&trust));
            ready(role);
        });
        assert_refused(&account.core_plan(), &[reason]);
    }
}
