//! `fix` and `undo` where somebody else changes the same things meanwhile: nothing of theirs is written over.

use std::thread;

use crate::support::answer::Answer;
use crate::support::chains::{
    ATTACH, Account, CREATE, Chain, EMPTY, NEW, OTHER, OWN, POLICY, PUT, REPLACE, Ran, STOPPED, TRUST_AND_PUT, go_on,
    undo,
};
use crate::support::command::Sandbox;
use crate::support::model::{EC2_TRUST, Instance, Profile, Role};
use crate::support::stub::Stub;
use crate::support::world::{INSTANCE, World};

/// What somebody else does.
type Change = fn(&mut World);

const SECOND: &str = "i-00000000000000002";

/// A trust policy that no plan ever saw.
fn their_trust() -> String {
    EC2_TRUST.replace("ec2.amazonaws.com", "ecs.amazonaws.com")
}

fn write_theirs(role: &mut Role, name: &str) {
    role.inline.retain(|(known, _)| known != name);
    role.inline.push((name.into(), OTHER.into()));
}

fn give_other(world: &mut World) {
    world.profiles.retain(|profile| profile.name != "theirs");
    world.profiles.push(Profile::new("theirs"));
    let instance = &mut world.instances[0];
    (instance.profile, instance.profile_id, instance.profile_path) = (Some("theirs".into()), None, None);
    instance.association_id = "iip-assoc-theirs".into();
}

fn created(world: &mut World) -> &mut Role {
    world.roles.iter_mut().find(|role| role.name == NEW).unwrap()
}

/// The account as it would be if only they had changed it.
fn with_theirs(chain: &Chain, change: Change) -> Account {
    let stub = (chain.world)().serve();
    stub.world(change);
    Account::of(&stub)
}

/// What is written of the message everywhere.
const CHANGED: &str = "changed since the plan";

#[test]
fn a_change_between_the_plan_and_the_write_stops_the_run() {
    // Each change comes with the read that looks right before the write: the one of this action and number.
    let cases: [(&str, Chain, &str, usize, Change); 10] = [
        ("the policy is another one", PUT, "GetRolePolicy", 3, |world| write_theirs(&mut world.roles[0], POLICY)),
        ("the policy is gone", PUT, "GetRolePolicy", 3, |world| {
            world.roles[0].inline.retain(|(name, _)| name != POLICY)
        }),
        ("the trust policy is another one", TRUST_AND_PUT, "GetRole", 2, |world| world.roles[0].trust = their_trust()),
        ("there is a policy of that name now", EMPTY, "GetRole", 2, |world| {
            let mut role = Role::new("web");
            write_theirs(&mut role, POLICY);
            world.roles.push(role);
        }),
        ("the instance has a profile now", CREATE, "DescribeInstances", 2, give_other),
        ("the instance is gone", CREATE, "DescribeInstances", 2, |world| world.instances.clear()),
        ("the profile of the instance was changed", REPLACE, "DescribeInstances", 2, give_other),
        ("the stopped instance has another profile", STOPPED, "DescribeInstances", 2, give_other),
        ("the profile holds a role now", EMPTY, "GetInstanceProfile", 2, |world| {
            world.roles.push(Role::new("theirs"));
            world.profiles[0].role = Some("theirs".into());
        }),
        ("the profile is another one", EMPTY, "GetInstanceProfile", 2, |world| {
            world.profiles[0].path = "/theirs/".into();
        }),
    ];
    thread::scope(|scope| {
        for (name, chain, read, number, change) in cases {
            let run = move || {
                let stub = (chain.world)().before(read, number..=number, change).serve();
                // With two targets no role is guessed, which would be one more read that may be dropped.
                let ran = chain.fix_with(&Sandbox::at(&stub), &["profile/web"]).expect(3);
                assert_eq!(Account::of(&stub), with_theirs(&chain, change));
                if name != "the instance is gone" {
                    assert!(ran.reason().contains(CHANGED), "{ran:#?}");
                }
                let undone: Vec<&str> =
                    ran.rows.iter().map(|row| row.status.as_str()).filter(|status| *status != "not_done").collect();
                assert!(undone.iter().all(|status| ["rolled_back", "failed"].contains(status)), "{ran:#?}");
                if undone.is_empty() {
                    assert!(stub.writes().is_empty() && ran.backup.is_none(), "{ran:#?}");
                }
            };
            thread::Builder::new().name(name.into()).spawn_scoped(scope, run).unwrap();
        }
    });
}

#[test]
fn what_was_done_before_the_change_stays_and_what_follows_is_not_done() {
    let stub = (TRUST_AND_PUT.world)()
        .before("GetRolePolicy", 3..=3, |world| write_theirs(&mut world.roles[0], POLICY))
        .serve();
    let sandbox = Sandbox::at(&stub);
    let ran = TRUST_AND_PUT.fix(&sandbox).expect(3);
    assert_eq!(ran.statuses(), ["done", "not_done"]);
    assert!(ran.reason().contains(CHANGED) && ran.rows[1].note.as_ref().unwrap().contains(CHANGED), "{ran:#?}");
    assert_eq!(
        (stub.writes(), stub.role("web").unwrap().document(POLICY)),
        (vec!["UpdateAssumeRolePolicy".into()], Some(OTHER))
    );
    // What is theirs stays theirs where the run is taken back.
    undo(&sandbox, &ran.backup.unwrap()).expect(0);
    let role = stub.role("web").unwrap();
    assert_eq!((role.document(POLICY), &role.trust), (Some(OTHER), &(TRUST_AND_PUT.world)().roles[0].trust));

    let stub = (TRUST_AND_PUT.world)().before("GetRole", 2..=2, |world| world.roles[0].trust = their_trust()).serve();
    let output = Sandbox::at(&stub).run(&TRUST_AND_PUT.typed(&["--yes"])).expect(3);
    assert!(output.stdout.contains(CHANGED) && stub.writes().is_empty(), "{output:?}");
}

#[test]
fn what_somebody_else_has_done_already_is_not_done_again() {
    let planned = Ran::of(Sandbox::at(&(PUT.world)().serve()).run(&PUT.typed(&["--dry-run", "-o", "json"]))).expect(1);
    let document = planned.rows[0].after.to_string();
    type Case = (&'static str, Chain, Box<dyn Fn(World) -> World>);
    let cases: [Case; 3] = [
        (
            "the same policy",
            PUT,
            Box::new(move |world| {
                let document = document.clone();
                world.before("GetRolePolicy", 3..=3, move |world| world.roles[0].inline[1].1 = document.clone())
            }),
        ),
        (
            "the policy is attached",
            ATTACH,
            Box::new(|world| {
                world.before("ListAttachedRolePolicies", 2..=2, |world| {
                    let core = world.policy_named("AmazonSSMManagedInstanceCore");
                    world.roles[0].attached.push(core);
                })
            }),
        ),
        (
            "the profile is associated anew",
            REPLACE,
            Box::new(|world| world.before("DescribeInstances", 2..=2, |world| world.instances[0].profile_id = None)),
        ),
    ];
    for (name, chain, stage) in cases {
        let stub = stage((chain.world)()).serve();
        let ran = chain.fix(&Sandbox::at(&stub)).expect(0);
        assert_eq!((stub.writes(), ran.statuses()), (vec![], vec!["done"]), "{name}");
        assert!(ran.rows[0].note.as_ref().unwrap().contains("already") && ran.backup.is_none(), "{name}: {ran:#?}");
    }
}

#[test]
fn somebody_writes_over_it_right_after() {
    let cases: [(Chain, &str, Change); 4] = [
        (PUT, "PutRolePolicy", |world| write_theirs(&mut world.roles[0], POLICY)),
        (PUT, "PutRolePolicy", |world| world.roles[0].inline.retain(|(name, _)| name != POLICY)),
        (TRUST_AND_PUT, "UpdateAssumeRolePolicy", |world| world.roles[0].trust = their_trust()),
        (CREATE, "PutRolePolicy", |world| write_theirs(created(world), POLICY)),
    ];
    thread::scope(|scope| {
        for (chain, action, change) in cases {
            scope.spawn(move || {
                let stub = (chain.world)().after(action, .., change).serve();
                let sandbox = Sandbox::at(&stub);
                let ran = chain.fix(&sandbox).expect(3);
                assert!(ran.reason().contains("someone else"), "{ran:#?}");
                let row = ran.row(action);
                assert_eq!(row.status, "failed");
                assert!(row.note.as_ref().unwrap().contains("someone else"), "{ran:#?}");
                let others = ran.rows.iter().filter(|row| !row.action.ends_with(action));
                assert!(others.into_iter().all(|row| row.status == "done"), "{ran:#?}");
                // Written once, and theirs is left.
                assert_eq!((stub.calls_of(action).len(), stub.writes().len()), (1, chain.writes.len()));
                let now = Account::of(&stub);
                refused(&sandbox, &stub, &ran.backup.unwrap(), &now);
            });
        }
    });
}

/// The undo of this backup is refused, and changes nothing.
fn refused(sandbox: &Sandbox, stub: &Stub, backup: &str, now: &Account) -> Ran {
    let (file, before) = (std::fs::read_to_string(backup).unwrap(), stub.writes());
    let dry = Ran::of(sandbox.run(&["undo", backup, "--dry-run", "-o", "json"])).expect(1);
    let ran = undo(sandbox, backup).expect(1);
    for ran in [&dry, &ran] {
        let refusals = ran.json["refusals"].as_array().unwrap();
        assert!(
            !refusals.is_empty() && refusals.iter().all(|refusal| refusal["reason"] == "changed-since"),
            "{ran:#?}"
        );
        assert!(ran.rows.iter().all(|row| row.status == "not_done"), "{ran:#?}");
    }
    let text = sandbox.run(&["undo", backup, "--yes"]).expect(1);
    assert!(text.stdout.contains("refused"), "{text:?}");
    assert_eq!((stub.writes(), &Account::of(stub)), (before, now));
    assert_eq!(std::fs::read_to_string(backup).unwrap(), file);
    ran
}

#[test]
fn an_undo_is_refused_where_somebody_changed_something() {
    let cases: [(&str, Chain, Change); 14] = [
        ("the policy", PUT, |world| write_theirs(&mut world.roles[0], POLICY)),
        ("the policy, by one statement", PUT, |world| {
            let document = &mut world.roles[0].inline[1].1;
            *document = document.replace("s3:GetObject", "s3:GetObject*");
        }),
        ("the policy is gone", PUT, |world| world.roles[0].inline.retain(|(name, _)| name != POLICY)),
        ("the role is gone", PUT, |world| world.roles.clear()),
        ("the trust policy", TRUST_AND_PUT, |world| world.roles[0].trust = their_trust()),
        ("another policy on the created role", CREATE, |world| write_theirs(created(world), "theirs")),
        ("another attached policy on the created role", CREATE, |world| {
            let core = world.policy_named("AmazonSSMManagedInstanceCore");
            created(world).attached.push(core);
        }),
        ("the created role's trust policy", CREATE, |world| created(world).trust = their_trust()),
        ("the created role is another one of that name", CREATE, |world| created(world).id = "AROATHEIRS".into()),
        ("the created role is in another profile", CREATE, |world| {
            world.profiles.push(Profile::new("theirs").role(NEW));
        }),
        ("another instance has the created profile", CREATE, |world| {
            world.instances.push(Instance::new(SECOND).profile(NEW));
        }),
        ("the created profile holds another role", CREATE, |world| {
            world.profiles.iter_mut().find(|profile| profile.name == NEW).unwrap().role = Some("other".into());
        }),
        ("the created profile is not of this tool any more", CREATE, |world| {
            world.profiles.iter_mut().find(|profile| profile.name == NEW).unwrap().tags.clear();
        }),
        ("the profile of the instance was changed", CREATE, give_other),
    ];
    thread::scope(|scope| {
        for (name, chain, change) in cases {
            let run = move || {
                let stub = (chain.world)().serve();
                let sandbox = Sandbox::at(&stub);
                let backup = chain.fix(&sandbox).expect(0).backup.unwrap();
                stub.world(change);
                let now = Account::of(&stub);
                refused(&sandbox, &stub, &backup, &now);
            };
            thread::Builder::new().name(name.into()).spawn_scoped(scope, run).unwrap();
        }
    });
}

/// What is as it was before the fix needs no undo; what is left of the fix is taken back.
#[test]
fn an_undo_passes_over_what_is_gone_already() {
    let cases: [(&str, Change); 4] = [
        ("the created role and what held it", |world| {
            world.roles.retain(|role| role.name != NEW);
            world.profiles.iter_mut().find(|profile| profile.name == NEW).unwrap().role = None;
        }),
        ("the role's policy", |world| created(world).inline.clear()),
        ("the association", |world| world.instances[0].profile = None),
        ("the instance", |world| world.instances.clear()),
    ];
    for (name, change) in cases {
        let stub = (CREATE.world)().serve();
        let mut beginning = Account::of(&stub);
        let sandbox = Sandbox::at(&stub);
        let backup = CREATE.fix(&sandbox).expect(0).backup.unwrap();
        stub.world(change);
        if name == "the instance" {
            beginning.held.clear();
        }
        undo(&sandbox, &backup).expect(0).tells_the_truth(&stub);
        assert_eq!(Account::of(&stub), beginning, "{name}");
    }
}

#[test]
fn a_change_between_the_plan_of_an_undo_and_its_write_stops_it() {
    let fixed = (PUT.world)().serve();
    let sandbox = Sandbox::at(&fixed);
    let backup = PUT.fix(&sandbox).expect(0).backup.unwrap();
    let theirs = |world: &mut World| write_theirs(&mut world.roles[0], POLICY);
    let stub = go_on(&fixed).before("GetRolePolicy", 2..=2, theirs).serve();
    let ran = undo(&Sandbox::at(&stub), &backup).expect(3);
    assert!(ran.reason().contains(CHANGED), "{ran:#?}");
    assert_eq!((stub.writes(), stub.role("web").unwrap().document(POLICY)), (vec![], Some(OTHER)));

    // Theirs comes after it: it stays, and the undo says so.
    let stub = go_on(&fixed).after("PutRolePolicy", .., theirs).serve();
    let ran = undo(&Sandbox::at(&stub), &backup).expect(3);
    assert_eq!((ran.statuses(), stub.role("web").unwrap().document(POLICY)), (vec!["failed"], Some(OTHER)));
    // They put it right by hand: there is nothing left to do.
    stub.world(|world| world.roles[0].inline[1].1 = OWN.into());
    assert!(undo(&Sandbox::at(&stub), &backup).expect(0).rows.is_empty());
}

#[test]
fn an_undo_with_the_credentials_of_another_account_is_refused() {
    for chain in [PUT, CREATE, REPLACE] {
        let fixed = (chain.world)().serve();
        let sandbox = Sandbox::at(&fixed);
        let backup = chain.fix(&sandbox).expect(0).backup.unwrap();
        let file = std::fs::read_to_string(&backup).unwrap();
        let stub = World::new("999988887777").serve();
        for more in [&["--yes"][..], &["--yes", "-o", "json"], &["--dry-run"]] {
            let output = Sandbox::at(&stub).run(&[&["undo", &backup], more].concat()).expect(2);
            assert!(output.stderr.contains("111122223333") && output.stderr.contains("999988887777"), "{output:?}");
        }
        assert_eq!(stub.actions(), ["GetCallerIdentity"; 3]);
        assert_eq!(std::fs::read_to_string(&backup).unwrap(), file);
    }
    // Whose they are is not known: nothing is done either.
    let stub = (PUT.world)().serve();
    let sandbox = Sandbox::at(&stub);
    let backup = PUT.fix(&sandbox).expect(0).backup.unwrap();
    let stub = go_on(&stub).fail("GetCallerIdentity", Answer::denied("sts")).serve();
    Sandbox::at(&stub).run(&["undo", &backup, "--yes"]).expect(3);
    assert_eq!(stub.actions(), ["GetCallerIdentity"]);
}

/// Two fixes of the same instance, undone in the order in which they were made: the first one's undo would take away what
/// the second one needs.
#[test]
fn an_undo_of_an_older_fix_is_refused_while_a_newer_one_stands() {
    let stub = (PUT.world)().serve();
    let beginning = Account::of(&stub);
    let sandbox = Sandbox::at(&stub);
    let older = PUT.fix(&sandbox).expect(0).backup.unwrap();
    let newer = PUT.fix_with(&sandbox, &["--require", "s3:GetBucketLocation"]).expect(0).backup.unwrap();
    let now = Account::of(&stub);
    refused(&sandbox, &stub, &older, &now);
    undo(&sandbox, &newer).expect(0);
    undo(&sandbox, &older).expect(0);
    assert_eq!(Account::of(&stub), beginning);
    assert!(stub.profile_of(INSTANCE).is_some());
}
