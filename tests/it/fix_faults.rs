//! `fix` where a write fails: at each write of each chain in turn, in every way that it can.

use std::thread;

use crate::support::answer::Answer;
use crate::support::chains::{
    ATTACH, Account, CHAINS, CREATE, CREATE_MANAGED, Chain, EMPTY, NEW, OTHER, OWN, POLICY, PUT, REPLACE, Ran, STOPPED,
    TRUST_AND_PUT, denied, go_on, undo,
};
use crate::support::command::Sandbox;
use crate::support::model::{EC2_TRUST, Instance, Profile, Role};
use crate::support::stub::{Call, Stub};
use crate::support::world::{INSTANCE, World};
use crate::support::xml;

const ASSOCIATE: &str = "AssociateIamInstanceProfile";

/// What befalls a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The caller may not do it.
    Denied,
    /// The connection ends before AWS has done it.
    LostOnce,
    LostAlways,
    /// The connection ends after AWS has done it.
    UnansweredOnce,
    UnansweredAlways,
    Throttled,
    Internal,
    /// An answer that no AWS gives.
    Garbled,
}

impl Fault {
    fn stage(self, world: World, action: &str) -> World {
        match self {
            Self::Denied => world.fail(action, denied(action)),
            Self::LostOnce => world.cut_before(action, 1..=1),
            Self::LostAlways => world.cut_before(action, ..),
            Self::UnansweredOnce => world.cut_after(action, 1..=1),
            Self::UnansweredAlways => world.cut_after(action, ..),
            Self::Throttled => world.first(action, [Answer::throttled()]),
            Self::Internal => world.first(action, [Answer::internal()]),
            Self::Garbled => world.first(action, [Answer::garbage(), Answer::status(502, "a proxy")]),
        }
    }

    /// Whether a run gets over it.
    fn passes(self) -> bool {
        !matches!(self, Self::Denied | Self::LostAlways)
    }
}

/// Each fault at each write of the chain, all at the same time.
fn at_each_write(chains: &[Chain], faults: &[Fault]) {
    thread::scope(|scope| {
        for chain in chains {
            for (place, action) in chain.writes.iter().enumerate() {
                for fault in faults {
                    let run = move || {
                        let stub = fault.stage((chain.world)(), action).serve();
                        let beginning = Account::of(&stub);
                        let sandbox = Sandbox::at(&stub);
                        let ran = whole(chain, &sandbox, &stub, &beginning);
                        if fault.passes() {
                            let ran = ran.expect(0);
                            assert!(ran.rows.iter().all(|row| row.status == "done"), "{ran:#?}");
                            return;
                        }
                        let ran = ran.expect(3);
                        assert_eq!(ran.rows[place].status, "failed", "{ran:#?}");
                        let reason = if *fault == Fault::Denied { "access is denied" } else { "connection" };
                        assert!(ran.reason().contains(action) && ran.reason().contains(reason), "{ran:#?}");
                        assert!(ran.rows[place + 1..].iter().all(|row| row.status == "not_done"), "{ran:#?}");
                        // A call that was lost may still give an instance the profile that was created for it.
                        let may_be_used = *fault == Fault::LostAlways && *action == ASSOCIATE;
                        let created = ran.rows.iter().filter(|row| row.action.starts_with("iam:Create")).count();
                        let left = if may_be_used { created } else { 0 };
                        assert_eq!(Account::of(&stub).new_since(&beginning).len(), left, "{ran:#?}");
                    };
                    let name = format!("{fault:?} at {action} of {:?} {:?}", chain.writes, chain.arguments);
                    thread::Builder::new().name(name).spawn_scoped(scope, run).unwrap();
                }
            }
        }
    });
}

/// A fix; then another one, without the fault, that must get there; then everything back. Gives the first one.
fn whole(chain: &Chain, sandbox: &Sandbox, stub: &Stub, beginning: &Account) -> Ran {
    let first = chain.fix(sandbox);
    first.tells_the_truth(stub);
    first.lost_nothing(stub, beginning);

    let world = go_on(stub);
    let without_profile = world.instances[0].profile.is_none() && beginning.held[INSTANCE].is_some();
    let stub = world.serve();
    // A home directory of its own: the backups are told apart by where they are.
    let sandbox = Sandbox::at(&stub);
    if without_profile && chain.arguments.is_empty() && first.code == 3 {
        // Nothing in the account says any more what the instance had; but the run has said it.
        let command =
            format!("aws ec2 associate-iam-instance-profile --instance-id {INSTANCE} --iam-instance-profile Arn=");
        assert!(first.lines("next").contains(&command), "{first:#?}");
        return first;
    }
    let second = chain.fix(&sandbox).expect(0);
    second.tells_the_truth(&stub);
    if first.code == 0 {
        assert!(second.rows.is_empty() && second.backup.is_none(), "there was nothing left to do: {second:#?}");
    }
    sandbox.run(&["check", INSTANCE]).expect(0);

    for (number, backup) in [&second.backup, &first.backup].into_iter().flatten().enumerate() {
        let back = undo(&sandbox, backup);
        if !chain.comes_back && number > 0 && back.code == 1 {
            continue;
        }
        let back = back.expect(0);
        back.tells_the_truth(&stub);
        assert!(back.rows.iter().all(|row| row.status == "done"), "{back:#?}");
        // A second time there is nothing left to do.
        assert!(undo(&sandbox, backup).expect(0).rows.is_empty());
    }
    let mut end = Account::of(&stub);
    if !chain.comes_back {
        assert_eq!(end.held[INSTANCE], None, "a profile that is gone cannot be given back");
        end.held.clone_from(&beginning.held);
    }
    assert_eq!(end, *beginning);
    first
}

#[test]
fn a_run_without_a_fault_makes_the_writes_of_its_chain_and_is_undone() {
    thread::scope(|scope| {
        for chain in &CHAINS {
            scope.spawn(move || {
                let stub = (chain.world)().serve();
                let beginning = Account::of(&stub);
                let ran = whole(chain, &Sandbox::at(&stub), &stub, &beginning).expect(0);
                assert_eq!(stub.writes(), chain.writes);
                assert!(ran.rows.iter().all(|row| row.status == "done" && row.note.is_none()), "{ran:#?}");
            });
        }
    });
}

#[test]
fn a_write_that_is_denied() {
    at_each_write(&CHAINS, &[Fault::Denied]);
}

#[test]
fn a_connection_that_never_holds() {
    at_each_write(&[PUT, TRUST_AND_PUT, CREATE], &[Fault::LostAlways]);
}

#[test]
fn a_connection_that_never_holds_elsewhere() {
    at_each_write(&[REPLACE, STOPPED, EMPTY, ATTACH], &[Fault::LostAlways]);
}

#[test]
fn a_call_that_is_lost_or_refused_for_a_moment_on_an_existing_role() {
    at_each_write(&[PUT, TRUST_AND_PUT, ATTACH], &[Fault::LostOnce, Fault::Throttled, Fault::Internal]);
}

#[test]
fn a_call_that_is_lost_or_refused_for_a_moment_on_an_instance() {
    at_each_write(&[REPLACE, STOPPED, EMPTY], &[Fault::LostOnce, Fault::Throttled, Fault::Internal]);
}

#[test]
fn a_call_that_is_lost_or_refused_for_a_moment_in_a_creation() {
    at_each_write(&[CREATE], &[Fault::LostOnce, Fault::Throttled, Fault::Internal, Fault::Garbled]);
}

#[test]
fn an_answer_that_is_lost_on_what_is_there() {
    let faults = [Fault::UnansweredOnce, Fault::UnansweredAlways];
    at_each_write(&[PUT, TRUST_AND_PUT, ATTACH, REPLACE, STOPPED, EMPTY], &faults);
}

#[test]
fn an_answer_that_is_lost_in_a_creation() {
    at_each_write(&[CREATE, CREATE_MANAGED], &[Fault::UnansweredOnce, Fault::UnansweredAlways]);
}

/// What may be somebody else's is not taken away, and what stays is named.
#[test]
fn a_creation_without_an_answer_before_a_write_that_fails() {
    let creations = ["CreateRole", "CreateInstanceProfile"];
    thread::scope(|scope| {
        for (unanswered, denied) in [
            (&creations[..1], "PutRolePolicy"),
            (&creations[..1], "CreateInstanceProfile"),
            (&creations[..1], "AddRoleToInstanceProfile"),
            (&creations[..1], "AssociateIamInstanceProfile"),
            (&creations[1..], "AddRoleToInstanceProfile"),
            (&creations[1..], "AssociateIamInstanceProfile"),
            (&creations[..], "AssociateIamInstanceProfile"),
        ] {
            let run = move || {
                let world = unanswered.iter().fold((CREATE.world)(), |world, action| world.cut_after(action, 1..=1));
                let stub = Fault::Denied.stage(world, denied).serve();
                let beginning = Account::of(&stub);
                let ran = whole(&CREATE, &Sandbox::at(&stub), &stub, &beginning).expect(3);
                let removed = stub.writes();
                for (creation, deletion) in creations.iter().zip(["DeleteRole", "DeleteInstanceProfile"]) {
                    if unanswered.contains(creation) {
                        assert!(ran.row(creation).note.as_ref().unwrap().contains("left in place"), "{ran:#?}");
                        assert!(!removed.iter().any(|action| action == deletion), "{removed:?}");
                    }
                }
                // Whatever stays says so.
                assert!(ran.rows.iter().all(|row| row.status != "done" || row.note.is_some()), "{ran:#?}");
            };
            thread::Builder::new().name(format!("{unanswered:?}, {denied}")).spawn_scoped(scope, run).unwrap();
        }
    });
}

/// An instance may use the profile that it was given by a call without a good answer, whatever EC2 shows for now.
#[test]
fn a_creation_that_an_instance_may_use_by_now() {
    let server = |status| Answer::Error { status, code: "ServerInternal".into(), message: "an error of AWS".into() };
    thread::scope(|scope| {
        for answer in [Answer::Closed, Answer::status(503, "busy"), server(500), server(504)] {
            let name = format!("{answer:?}");
            let run = move || {
                let no_association = Answer::xml(xml::describe_associations(&[], None));
                let without_profile = |_: &Call, answer: Answer| match answer {
                    Answer::Body { status, content_type, body } => {
                        let (before, rest) = body.split_once("<iamInstanceProfile>").unwrap_or((&body, ""));
                        let behind = rest.split_once("</iamInstanceProfile>").map_or("", |(_, behind)| behind);
                        Answer::Body { status, content_type, body: format!("{before}{behind}") }
                    }
                    other => other,
                };
                let stub = (CREATE.world)()
                    .spoil(ASSOCIATE, move |_, _| answer.clone())
                    .spoil("DescribeInstances", without_profile)
                    .fail("DescribeIamInstanceProfileAssociations", no_association)
                    .serve();
                let beginning = Account::of(&stub);
                let sandbox = Sandbox::at(&stub);
                let ran = CREATE.fix(&sandbox).expect(3);
                ran.lost_nothing(&stub, &beginning);
                let deleted = |action: &str| action.starts_with("Delete") || action.starts_with("Remove");
                assert!(!stub.writes().iter().any(|action| deleted(action)), "{:?}", stub.writes());
                for action in ["CreateRole", "CreateInstanceProfile"] {
                    let note = ran.row(action).note.clone().unwrap();
                    assert!(note.contains("left in place") && note.contains("may be"), "{note}");
                }
                // The next undo sees to it, once EC2 shows it.
                let stub = go_on(&stub).serve();
                undo(&Sandbox::at(&stub), &ran.backup.unwrap()).expect(0);
                assert_eq!(Account::of(&stub), beginning);
            };
            thread::Builder::new().name(name).spawn_scoped(scope, run).unwrap();
        }
    });
}

/// An error on AWS's side, of whatever name, is no proof that nothing was written.
#[test]
fn a_write_that_an_error_of_aws_answers_keeps_its_backup() {
    let error = |status, code: &str| Answer::Error { status, code: code.into(), message: "an error of AWS".into() };
    thread::scope(|scope| {
        for answer in [
            error(500, "InternalServerError"),
            error(504, "GatewayTimeout"),
            error(503, "Busy"),
            error(400, "RequestTimeout"),
            error(400, "ServiceUnavailable"),
        ] {
            scope.spawn(move || {
                let before = Answer::xml(xml::get_role_policy("web", POLICY, OWN));
                let made = (PUT.world)().spoil("PutRolePolicy", move |_, _| answer.clone());
                let stub = made.fail_some("GetRolePolicy", 3.., before).serve();
                let sandbox = Sandbox::at(&stub);
                let ran = PUT.fix(&sandbox).expect(3);
                assert_eq!(ran.statuses(), ["failed"], "{ran:#?}");
                let backup = ran.backup.clone().expect("the policy was written");
                let stub = go_on(&stub).serve();
                assert_eq!(undo(&Sandbox::at(&stub), &backup).expect(0).statuses(), ["done"]);
            });
        }
    });
}

/// What AWS refuses is not made, and leaves no backup.
#[test]
fn a_write_that_is_refused_leaves_no_backup() {
    let refused = Answer::error("MalformedPolicyDocument", "it is not a policy");
    let stub = (PUT.world)().fail("PutRolePolicy", refused).serve();
    let ran = PUT.fix(&Sandbox::at(&stub)).expect(3);
    assert!(ran.backup.is_none(), "{ran:#?}");
}

#[test]
fn what_was_just_created_is_not_everywhere_at_once() {
    let not_yet = || Answer::no_such_entity("it cannot be found");
    let invalid = || {
        let arn = format!("arn:aws:iam::111122223333:instance-profile/{NEW}");
        let message =
            format!("Value ({arn}) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN");
        Answer::error("InvalidParameterValue", &message)
    };
    let named = || {
        let message = format!(
            "Value ({NEW}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
        );
        Answer::error("InvalidParameterValue", &message)
    };
    thread::scope(|scope| {
        for (chain, action, count, answer) in [
            (CREATE, "PutRolePolicy", 3, not_yet()),
            (CREATE, "AddRoleToInstanceProfile", 3, not_yet()),
            (CREATE, "AssociateIamInstanceProfile", 3, invalid()),
            (CREATE, "AssociateIamInstanceProfile", 3, named()),
            (CREATE_MANAGED, "AttachRolePolicy", 3, not_yet()),
            (EMPTY, "PutRolePolicy", 2, not_yet()),
            (EMPTY, "AddRoleToInstanceProfile", 2, not_yet()),
            // The profile is still on its way out.
            (STOPPED, "AssociateIamInstanceProfile", 2, Answer::error("IncorrectState", "there is an association")),
        ] {
            scope.spawn(move || {
                let stub = (chain.world)().not_yet(action, count, answer).serve();
                let ran = chain.fix(&Sandbox::at(&stub)).expect(0);
                ran.tells_the_truth(&stub);
                assert_eq!(stub.calls_of(action).len(), count + 1);
                assert!(ran.rows.iter().all(|row| row.status == "done" && row.note.is_none()), "{ran:#?}");
            });
        }
    });
}

/// What was written is not to be read everywhere at once either.
#[test]
fn what_was_just_written_is_looked_at_with_patience() {
    let before = Answer::xml(xml::get_role_policy("web", POLICY, OWN));
    let stub = (PUT.world)().fail_some("GetRolePolicy", 4..=6, before).serve();
    let ran = PUT.fix(&Sandbox::at(&stub)).expect(0);
    assert_eq!((ran.statuses(), stub.writes()), (vec!["done"], vec!["PutRolePolicy".to_string()]));
}

/// What an instance uses already is not taken away from it.
#[test]
fn a_creation_that_one_of_two_instances_uses() {
    let other = "i-00000000000000002";
    let stub = (CREATE.world)()
        .instance(Instance::new(other))
        .fail_where("AssociateIamInstanceProfile", "InstanceId", other, denied(ASSOCIATE))
        .serve();
    let sandbox = Sandbox::at(&stub);
    let beginning = Account::of(&stub);
    let ran = Ran::of(sandbox.run(&["fix", INSTANCE, other, "--create-profile", NEW, "--yes", "-o", "json"])).expect(3);
    assert_eq!(ran.statuses(), ["done", "done", "done", "done", "done", "failed"]);
    ran.tells_the_truth(&stub);
    ran.lost_nothing(&stub, &beginning);
    sandbox.run(&["check", INSTANCE]).expect(0);
    undo(&sandbox, &ran.backup.unwrap()).expect(0);
    assert_eq!(Account::of(&stub), beginning);
}

/// On a role that was there before, the same answer means that it is gone.
#[test]
fn a_role_that_is_deleted_before_the_write() {
    let stub = (PUT.world)().before("GetRolePolicy", 3.., |world| world.roles.clear()).serve();
    let ran = PUT.fix(&Sandbox::at(&stub)).expect(3);
    assert!(ran.reason().contains("changed since the plan"), "{ran:#?}");
    assert!(stub.writes().is_empty() && ran.backup.is_none());
}

#[test]
fn a_role_of_that_name_that_appears_after_the_look() {
    let theirs = || Role::new(NEW).inline("theirs", OTHER);
    for (name, role) in [("a role without the tag", theirs()), ("another tag", theirs().tag("created-by", "them"))] {
        let appears = role.clone();
        let stub = (CREATE.world)().before("CreateRole", .., move |world| world.roles.push(appears.clone())).serve();
        let ran = CREATE.fix(&Sandbox::at(&stub)).expect(3);
        assert_eq!(stub.role(NEW), Some(role), "{name}");
        assert_eq!(stub.writes(), ["CreateRole"], "{name}");
        assert_eq!(ran.statuses(), ["failed", "not_done", "not_done", "not_done", "not_done"], "{name}");
        assert!(ran.reason().contains("EntityAlreadyExists"), "{ran:#?}");
    }
}

#[test]
fn a_profile_of_that_name_that_appears_after_the_look() {
    let theirs = || Profile::new(NEW);
    let stub = (CREATE.world)().before("CreateInstanceProfile", .., move |world| world.profiles.push(theirs())).serve();
    let beginning = Account::of(&stub);
    let ran = CREATE.fix(&Sandbox::at(&stub)).expect(3);
    assert_eq!(ran.statuses(), ["rolled_back", "rolled_back", "failed", "not_done", "not_done"]);
    assert_eq!(stub.profile(NEW), Some(theirs()));
    assert_eq!(Account::of(&stub).roles, beginning.roles);
}

/// Two runs of this tool at the same time: the role is used by both, and taken away by none.
#[test]
fn a_role_that_another_run_makes_after_the_look() {
    let theirs = || Role::new(NEW).tag("created-by", "ssm-profile");
    let world = || (CREATE.world)().before("CreateRole", .., move |world| world.roles.push(theirs()));
    let stub = world().serve();
    let ran = CREATE.fix(&Sandbox::at(&stub)).expect(0);
    ran.tells_the_truth(&stub);
    assert_eq!(stub.role(NEW).unwrap().id, theirs().id);

    let stub = world().fail("CreateInstanceProfile", denied("CreateInstanceProfile")).serve();
    let beginning = Account::of(&stub);
    let ran = CREATE.fix(&Sandbox::at(&stub)).expect(3);
    ran.lost_nothing(&stub, &beginning);
    assert_eq!((stub.role(NEW).unwrap().id, stub.role(NEW).unwrap().trust), (theirs().id, EC2_TRUST.to_string()));
    assert!(!stub.writes().contains(&"DeleteRole".to_string()));
    assert_eq!(stub.role(NEW).unwrap().document(POLICY).is_some(), ran.row("PutRolePolicy").status == "done");
}

/// Whatever cannot be removed again is named with the reason.
#[test]
fn a_creation_that_cannot_be_taken_back() {
    thread::scope(|scope| {
        for (refused, left) in [
            ("DeleteRole", &["CreateRole"][..]),
            ("DeleteRolePolicy", &["CreateRole", "PutRolePolicy"]),
            ("DeleteInstanceProfile", &["CreateInstanceProfile"]),
            (
                "RemoveRoleFromInstanceProfile",
                &["CreateRole", "PutRolePolicy", "CreateInstanceProfile", "AddRoleToInstanceProfile"],
            ),
        ] {
            scope.spawn(move || {
                let world = (CREATE.world)().fail(ASSOCIATE, denied(ASSOCIATE));
                let stub = world.fail(refused, denied(refused)).serve();
                let beginning = Account::of(&stub);
                let ran = whole(&CREATE, &Sandbox::at(&stub), &stub, &beginning).expect(3);
                for row in &ran.rows[..4] {
                    let stays = left.iter().any(|action| row.action.ends_with(&format!(":{action}")));
                    assert_eq!((row.status == "done", row.note.is_some()), (stays, stays), "{refused}: {row:#?}");
                }
            });
        }
    });
}

/// What was just emptied is not empty everywhere at once.
#[test]
fn a_creation_is_taken_back_with_patience() {
    let conflict = Answer::Error {
        status: 409,
        code: "DeleteConflict".into(),
        message: "Cannot delete entity, must delete policies first.".into(),
    };
    let stub = (CREATE.world)()
        .fail(ASSOCIATE, denied(ASSOCIATE))
        .not_yet("DeleteInstanceProfile", 2, conflict.clone())
        .not_yet("DeleteRole", 2, conflict.clone())
        .first("DeleteRolePolicy", [Answer::throttled(), Answer::Closed])
        .serve();
    let beginning = Account::of(&stub);
    CREATE.fix(&Sandbox::at(&stub)).expect(3).tells_the_truth(&stub);
    assert_eq!(Account::of(&stub), beginning);

    let stub = (CREATE.world)().not_yet("DeleteRole", 2, conflict).cut_after("DeleteInstanceProfile", 1..=1).serve();
    let sandbox = Sandbox::at(&stub);
    let backup = CREATE.fix(&sandbox).expect(0).backup.unwrap();
    undo(&sandbox, &backup).expect(0).tells_the_truth(&stub);
    assert_eq!(Account::of(&stub), beginning);
}

/// An undo that fails in the middle can be given again.
#[test]
fn an_undo_that_fails_goes_on_the_next_time() {
    thread::scope(|scope| {
        for chain in &CHAINS {
            let stub = (chain.world)().serve();
            let beginning = Account::of(&stub);
            let sandbox = Sandbox::at(&stub);
            let backup = chain.fix(&sandbox).expect(0).backup.unwrap();
            let steps = Ran::of(sandbox.run(&["undo", &backup, "--dry-run", "-o", "json"])).expect(1).rows;
            let fixed = stub;
            for failing in steps.iter().map(|row| row.action.split(':').nth(1).unwrap().to_string()) {
                let world = go_on(&fixed);
                let (backup, beginning) = (std::fs::read_to_string(&backup).unwrap(), beginning.clone());
                let run = move || {
                    let stub = world.fail(&failing, denied(&failing)).serve();
                    let sandbox = Sandbox::at(&stub);
                    let backup = sandbox.file("backup.json", backup).display().to_string();
                    let ran = undo(&sandbox, &backup).expect(3);
                    ran.tells_the_truth(&stub);
                    assert_eq!(ran.row(&failing).status, "failed");
                    let stub = go_on(&stub).serve();
                    undo(&Sandbox::at(&stub), &backup).expect(0).tells_the_truth(&stub);
                    let mut end = Account::of(&stub);
                    if !chain.comes_back {
                        end.held.clone_from(&beginning.held);
                    }
                    assert_eq!(end, beginning);
                };
                thread::Builder::new().name(format!("undo of {chain:?}")).spawn_scoped(scope, run).unwrap();
            }
        }
    });
}
