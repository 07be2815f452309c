//! Which calls `fix` and `undo` make: reads alone until somebody says yes, none that the caller's policy does not allow, and
//! no write after a look that saw nothing.

use std::collections::BTreeSet;
use std::thread;

use serde_json::Value;

use crate::support::answer::Answer;
use crate::support::chains::{
    ATTACH, Account, CHAINS, CREATE, Chain, EMPTY, NEW, OWN, POLICY, PUT, REPLACE, Ran, STOPPED, TRUST_AND_PUT,
    allowed_actions, denied, go_on, made_actions, undo,
};
use crate::support::command::Sandbox;
use crate::support::model::{EC2_TRUST, Instance, Key, Level, Profile, Role, SSM_CORE};
use crate::support::stub::Stub;
use crate::support::world::{ACCOUNT, INSTANCE, World};
use crate::support::world_network;
use crate::support::xml;

/// Every call that changes nothing.
const READS: [&str; 21] = [
    "ec2:DescribeRegions",
    "ec2:DescribeIamInstanceProfileAssociations",
    "ec2:DescribeInstances",
    "iam:GetInstanceProfile",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListInstanceProfilesForRole",
    "iam:ListRolePolicies",
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "organizations:DescribeOrganization",
    "organizations:DescribePolicy",
    "organizations:ListParents",
    "organizations:ListPoliciesForTarget",
    "ssm:DescribeInstanceInformation",
    "ssm:GetDocument",
    "ssm:GetServiceSetting",
    "sts:GetCallerIdentity",
];

/// Permissions that no call is named after.
const WITHOUT_A_CALL: [&str; 3] = ["iam:PassRole", "iam:TagInstanceProfile", "iam:TagRole"];

/// In an organization, so that its policies are read too.
fn in_organization(world: World) -> World {
    world.organization("o-a", "444455556666", [Level::new("r-root"), Level::new(ACCOUNT)])
}

/// Fails the test if anything but a known read was called after the first calls.
fn only_reads_after(stub: &Stub, first: usize) {
    for call in &stub.calls()[first..] {
        let action = format!("{}:{}", call.service, call.action);
        let known = READS.contains(&action.as_str()) || world_network::actions().any(|known| known == action);
        assert!(known, "`{action}` is not known as a read");
        assert!(!call.is_write(), "{action}");
    }
}

#[test]
fn whoever_looks_writes_nothing() {
    thread::scope(|scope| {
        for chain in &CHAINS {
            scope.spawn(move || {
                let stub = (chain.world)().key(Key::new("1234").alias("alias/session")).serve();
                let beginning = Account::of(&stub);
                let sandbox = Sandbox::at(&stub);
                let key = ["--kms-key", "alias/session"];
                sandbox.run(&["check", INSTANCE]).expect(1);
                sandbox.run(&["snapshot", INSTANCE]).expect(0);
                for more in [&["--dry-run"][..], &["--dry-run", "-o", "json"], &["--dry-run", "-v"]] {
                    sandbox.run(&chain.typed(more)).expect(1);
                    sandbox.run(&chain.typed(&[more, &key].concat())).expect(1);
                }
                for form in ["cli", "terraform", "cloudformation"] {
                    let output = sandbox.run(&chain.typed(&["--emit", form]));
                    assert!([0, 3].contains(&output.code), "{output:?}");
                }
                let output = sandbox.run(&chain.typed(&[])).expect(2);
                assert!(output.stderr.contains("`--yes`"), "{output:?}");
                assert!(stub.writes().is_empty(), "{:?}", stub.writes());
                only_reads_after(&stub, 0);
                assert_eq!(Account::of(&stub), beginning);

                let backup = chain.fix(&sandbox).expect(0).backup.unwrap();
                let (first, now) = (stub.calls().len(), Account::of(&stub));
                assert!(chain.fix(&sandbox).expect(0).rows.is_empty(), "there is nothing left to do");
                sandbox.run(&chain.typed(&["--dry-run"])).expect(0);
                sandbox.run(&["undo", &backup, "--dry-run"]).expect(1);
                sandbox.run(&["undo", &backup, "--dry-run", "-o", "json"]).expect(1);
                sandbox.run(&["undo", &backup]).expect(2);
                only_reads_after(&stub, first);
                assert_eq!(Account::of(&stub), now);
            });
        }
    });
}

#[test]
fn a_fix_that_is_refused_writes_nothing() {
    type Case<'a> = (&'a str, Chain, fn(World) -> World, &'a [&'a str]);
    let cases: [Case<'_>; 6] = [
        ("no profile", CREATE, |world| world, &["fix", INSTANCE, "--yes"]),
        (
            "the role is of CloudFormation",
            PUT,
            |mut world| {
                world.roles[0].tags.push(("aws:cloudformation:stack-name".into(), "web".into()));
                world
            },
            &["fix", INSTANCE, "--yes"],
        ),
        (
            "a deny",
            PUT,
            |mut world| {
                let deny = r#"{"Statement": {"Effect": "Deny", "Action": "ssmmessages:*", "Resource": "*"}}"#;
                world.roles[0].inline.push(("deny".into(), deny.into()));
                world
            },
            &["fix", INSTANCE, "--yes"],
        ),
        (
            "the policy is no JSON",
            PUT,
            |mut world| {
                world.roles[0].inline[1].1 = "{".into();
                world
            },
            &["fix", INSTANCE, "--yes"],
        ),
        (
            "a role of that name is somebody's",
            CREATE,
            |world| world.role(Role::new(NEW)),
            &["fix", INSTANCE, "--yes", "--create-profile", NEW],
        ),
        (
            "the role may not be read",
            PUT,
            |world| world.fail("GetRole", Answer::denied("iam:GetRole")),
            &["fix", INSTANCE, "--yes"],
        ),
    ];
    for (name, chain, stage, arguments) in cases {
        let stub = stage((chain.world)()).serve();
        let sandbox = Sandbox::at(&stub);
        let output = sandbox.run(arguments);
        assert!([1, 3].contains(&output.code), "{name}: {output:?}");
        assert!(stub.writes().is_empty(), "{name}: {:?}", stub.writes());
        only_reads_after(&stub, 0);
    }
}

#[test]
fn an_undo_that_is_refused_writes_nothing() {
    for chain in [PUT, CREATE] {
        let stub = (chain.world)().serve();
        let sandbox = Sandbox::at(&stub);
        let backup = chain.fix(&sandbox).expect(0).backup.unwrap();
        stub.world(|world| {
            world.roles.last_mut().unwrap().inline.iter_mut().for_each(|(_, text)| *text = SSM_CORE.into())
        });
        let first = stub.calls().len();
        undo(&sandbox, &backup).expect(1);
        only_reads_after(&stub, first);
    }
}

/// What AWS must not be taken at its word for: cut, hollow or no answer at all. `whole` is a real one.
fn broken(action: &str, whole: &str) -> Vec<Answer> {
    let empty = |body: String| Answer::xml(body);
    let mut answers = vec![
        Answer::xml(whole).truncated(),
        Answer::xml(&whole[..whole.len() / 2]),
        Answer::text(""),
        Answer::garbage(),
        Answer::status(502, "<html>a proxy</html>"),
        Answer::Closed,
        Answer::throttled(),
    ];
    answers.push(match action.starts_with("Describe") {
        true => empty(xml::ec2(action, "")),
        false => empty(xml::iam(action, "")),
    });
    answers
}

fn shared_role(name: &str, trust: &str) -> String {
    xml::role(name, "/", &format!("arn:aws:iam::111122223333:role/{name}"), "AROA", trust)
}

#[test]
fn a_broken_answer_to_the_look_leaves_everything_as_it_is() {
    let reservation = |instance: &Instance| xml::reservation("111122223333", instance, None);
    let instance = Instance::new(INSTANCE);
    let no_trust = xml::whole_role("GetRole", &shared_role("web", ""), None, &[]);
    let no_profile = xml::iam("GetInstanceProfile", "<InstanceProfile><Roles></Roles></InstanceProfile>");
    let (instances, associations) = ("DescribeInstances", "DescribeIamInstanceProfileAssociations");
    // The chain, the look and its number, a whole answer to it, further broken ones, and the write that must not follow.
    type Case = (Chain, &'static str, usize, String, Vec<Answer>, &'static str);
    let cases: Vec<Case> = vec![
        (
            PUT,
            "GetRolePolicy",
            3,
            xml::get_role_policy("web", POLICY, OWN),
            vec![
                Answer::xml(xml::get_role_policy("web", POLICY, "")),
                Answer::xml(xml::get_role_policy("web", POLICY, "{")),
            ],
            "PutRolePolicy",
        ),
        (
            TRUST_AND_PUT,
            "GetRole",
            2,
            xml::whole_role("GetRole", &shared_role("web", EC2_TRUST), None, &[]),
            vec![Answer::xml(no_trust)],
            "UpdateAssumeRolePolicy",
        ),
        (
            CREATE,
            "GetRole",
            2,
            xml::whole_role("GetRole", &shared_role(NEW, EC2_TRUST), None, &[]),
            vec![Answer::xml(xml::iam("GetRole", "<Role></Role>"))],
            "CreateRole",
        ),
        (
            CREATE,
            "GetInstanceProfile",
            2,
            no_profile.clone(),
            vec![Answer::xml(no_profile.clone())],
            "CreateInstanceProfile",
        ),
        (
            CREATE,
            instances,
            2,
            xml::describe_instances(&[reservation(&instance)], None),
            vec![
                Answer::xml(xml::describe_instances(&[], None)),
                Answer::xml(xml::describe_instances(&["<item></item>".into()], None)),
                Answer::xml(xml::describe_instances(&[reservation(&Instance::new("i-00000000000000002"))], None)),
            ],
            "AssociateIamInstanceProfile",
        ),
        (CREATE, associations, 2, xml::describe_associations(&[], None), vec![], "AssociateIamInstanceProfile"),
        (
            REPLACE,
            instances,
            2,
            xml::describe_instances(&[reservation(&instance)], None),
            vec![Answer::xml(xml::describe_instances(&[], None))],
            "ReplaceIamInstanceProfileAssociation",
        ),
        (
            REPLACE,
            associations,
            2,
            xml::describe_associations(&[], None),
            vec![Answer::xml(xml::describe_associations(&[], None))],
            "ReplaceIamInstanceProfileAssociation",
        ),
        (STOPPED, associations, 2, xml::describe_associations(&[], None), vec![], "DisassociateIamInstanceProfile"),
        (EMPTY, "GetInstanceProfile", 2, no_profile.clone(), vec![Answer::xml(no_profile)], "AddRoleToInstanceProfile"),
        (
            ATTACH,
            "ListAttachedRolePolicies",
            2,
            xml::list_attached_role_policies(&[], None),
            vec![],
            "AttachRolePolicy",
        ),
    ];
    thread::scope(|scope| {
        for (chain, look, number, whole, more, write) in cases {
            scope.spawn(move || {
                for answer in broken(look, &whole).into_iter().chain(more) {
                    let stub = (chain.world)().fail_some(look, number.., answer.clone()).serve();
                    let beginning = Account::of(&stub);
                    let ran = chain.fix(&Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1"));
                    let ran = ran.expect(3);
                    assert!(stub.calls_of(write).is_empty(), "{answer:?} to {look}: {ran:#?}");
                    if stub.calls_of("DeleteRole").is_empty() && stub.writes().contains(&"CreateRole".to_string()) {
                        // What cannot be looked at is not removed either, and is named.
                        ran.lost_nothing(&stub, &beginning);
                        continue;
                    }
                    assert_eq!(Account::of(&stub), beginning, "{answer:?} to {look}: {ran:#?}");
                }
            });
        }
    });
}

/// Everything that `policy` prints for the caller.
fn printed(arguments: &[&str]) -> BTreeSet<String> {
    let text = Sandbox::new().run(&[&["policy"], arguments].concat()).expect(0);
    allowed_actions(&text.json())
}

/// Reads that not every run makes.
const OF_SOME: [&str; 7] = [
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "s3:GetEncryptionConfiguration",
    "s3:GetBucketPolicy",
    "logs:DescribeLogGroups",
    "iam:GetAccountAuthorizationDetails",
    "ssm:DescribeInstanceProperties",
];

/// The calls of a fix that goes well, one that is taken back in the middle, and the undo.
fn made_by(chain: &Chain, more: &[&str]) -> BTreeSet<String> {
    let world = || in_organization((chain.world)().key(Key::new("1234").alias("alias/x")));
    let stub = world().serve();
    let sandbox = Sandbox::at(&stub);
    sandbox.run(&[&["check", INSTANCE], more].concat()).expect(1);
    let backup = chain.fix_with(&sandbox, more).expect(0).backup.unwrap();
    undo(&sandbox, &backup).expect(0);
    let mut made = made_actions(&stub);
    let last = chain.writes.last().unwrap();
    let stub = world().fail(last, denied(last)).serve();
    chain.fix_with(&Sandbox::at(&stub), more).expect(3);
    made.extend(made_actions(&stub));
    made
}

#[test]
fn the_policy_for_a_fix_allows_what_is_called_and_nothing_else() {
    const PLAIN: [Chain; 5] = [PUT, TRUST_AND_PUT, REPLACE, STOPPED, EMPTY];
    const WITH_PROFILE: [Chain; 6] = [PUT, TRUST_AND_PUT, REPLACE, STOPPED, EMPTY, CREATE];
    const WITH_MANAGED: [Chain; 6] = [PUT, TRUST_AND_PUT, REPLACE, STOPPED, EMPTY, ATTACH];
    let key = ["--kms-key", "alias/x"];
    let cases: [(&[&str], &[Chain], &[&str]); 5] = [
        (&[], &PLAIN, &[]),
        (&["--create-profile", NEW], &WITH_PROFILE, &[]),
        (&["--attach-managed"], &WITH_MANAGED, &[]),
        (&["--create-profile", NEW, "--attach-managed"], &CHAINS, &[]),
        (&key, &PLAIN, &key),
    ];
    thread::scope(|scope| {
        for (flags, chains, more) in cases {
            scope.spawn(move || {
                let runs: Vec<_> = thread::scope(|scope| {
                    let runs: Vec<_> = chains.iter().map(|chain| scope.spawn(|| made_by(chain, more))).collect();
                    runs.into_iter().map(|run| run.join().unwrap()).collect()
                });
                let mut made: BTreeSet<String> = runs.into_iter().flatten().collect();
                // Where the preferences name a key, and for fleets.
                made.extend(OF_SOME.map(str::to_owned));
                made.extend(world_network::actions());
                let mut printed = printed(&[&["--for", "fix"], flags].concat());
                for action in WITHOUT_A_CALL {
                    let creates = flags.contains(&"--create-profile");
                    assert_eq!(printed.remove(action), creates || action != "iam:TagInstanceProfile", "{action}");
                }
                assert_eq!(made, printed, "{flags:?}");
            });
        }
    });
}

#[test]
fn the_policy_for_a_check_allows_what_is_called_and_nothing_else() {
    let page = include_str!("../../docs/permissions.md");
    let block = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let with_key = printed(&["--for", "check", "--kms-key", "alias/x"]);
    let documented: Value = serde_json::from_str(block).unwrap();
    assert_eq!(with_key, allowed_actions(&documented));

    let mut made = BTreeSet::new();
    for arguments in [
        &["check", INSTANCE][..],
        &["check", "role/web"],
        &["check", INSTANCE, "--kms-key", "alias/x"],
        &["check", INSTANCE, "--kms-key", "arn:aws:kms:us-east-1:111122223333:key/1234"],
        &["check", INSTANCE, "--s3-logs", "logs", "--cloudwatch-logs", "g"],
        &["check", "--all"],
    ] {
        let mut world = in_organization(World::ready().key(Key::new("1234").alias("alias/x")));
        world.roles[0].inline.push(("own".into(), OWN.into()));
        world.has_endpoints = true;
        world.instances.iter_mut().for_each(|instance| instance.agent = None);
        if arguments.contains(&"--all") {
            for name in ["a", "b", "c"] {
                let id = format!("i-0123456789abcde{name}0");
                world = world.instance(Instance::new(&id).profile(name)).profile(Profile::new(name).role("web"));
            }
        }
        let stub = world.serve();
        Sandbox::at(&stub).run(arguments);
        let of_run = made_actions(&stub);
        assert!(of_run.is_subset(&with_key), "{arguments:?}: {of_run:?}");
        made.extend(of_run);
    }
    assert_eq!(made, with_key);
}

/// What the policies allow names no other service, and the passing of roles is limited to EC2.
#[test]
fn the_policy_for_a_fix_passes_roles_to_ec2_only() {
    let text = Sandbox::new().run(&["policy", "--for", "fix", "--create-profile", NEW, "--attach-managed"]).expect(0);
    let policy = text.json();
    let statements = policy["Statement"].as_array().unwrap();
    for statement in statements {
        let actions = statement["Action"].as_array().unwrap();
        let passes = actions.iter().any(|action| action == "iam:PassRole");
        assert_eq!(statement.get("Condition").is_some(), passes, "{statement}");
        if passes {
            let services = &statement["Condition"]["StringEquals"]["iam:PassedToService"];
            assert_eq!(services, &serde_json::json!(["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]), "{statement}");
        }
        assert!(actions.iter().all(|action| !action.as_str().unwrap().contains('*')), "{statement}");
    }
}

/// A fix asks for nothing twice that a second run would find out: the account is read again after the writes.
#[test]
fn a_fix_ends_with_a_check_of_what_is_there_then() {
    let stub = (PUT.world)().serve();
    let ran = PUT.fix(&Sandbox::at(&stub)).expect(0);
    let calls = stub.actions();
    let write = calls.iter().position(|action| action == "PutRolePolicy").unwrap();
    assert!(calls[write..].iter().any(|action| action == "DescribeInstances"), "{calls:?}");
    assert_eq!(ran.json["results"][0]["verdict"], "ready");
    let again = Ran::of(Sandbox::at(&go_on(&stub).serve()).run(&PUT.typed(&["--dry-run", "-o", "json"]))).expect(0);
    assert!(again.rows.is_empty());
}
