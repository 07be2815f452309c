//! Tests of what the test support does where it is written to, and of the ways to disturb that.

use std::thread;

use crate::support::answer::Answer;
use crate::support::aws::AWS_MANAGED_CORE;
use crate::support::command::Sandbox;
use crate::support::emulator::account;
use crate::support::model::{EC2_TRUST, Instance, Policy, Profile, Role, SSM_CORE};
use crate::support::stub::Stub;
use crate::support::world::{INSTANCE, World};
use crate::support::world_writes::{INLINE_QUOTA, TRUST_QUOTA};
use crate::support::xml::{all_of, tags_of, text_of};
use crate::support_works::query;

const OTHER: &str = "i-00000000000000002";
/// Text that a parser would write in another way.
const DOCUMENT: &str = "{ \"Version\": \"2012-10-17\",\n\t\"Statement\": [{\"Effect\": \"Allow\", \"Action\":\"ssm:*\", \"Resource\": \"*\"}],\"Id\":\"a+b & <c> \\u0041 ü%20\" }";

/// As little as a policy can say.
const LITTLE: &str = r#"{"Statement":{}}"#;

/// The answer to a call that succeeds.
fn done(stub: &Stub, action: &str, parameters: &[(&str, &str)]) -> String {
    let answer = call(stub, action, parameters);
    answer.unwrap_or_else(|(status, code)| panic!("{action}: {status} {code}"))
}

/// Status and code of a call that is refused.
fn refused(stub: &Stub, action: &str, parameters: &[(&str, &str)]) -> (u16, String) {
    call(stub, action, parameters).expect_err(action)
}

fn call(stub: &Stub, action: &str, parameters: &[(&str, &str)]) -> Result<String, (u16, String)> {
    let ec2 = action.ends_with("IamInstanceProfile")
        || action.ends_with("Association")
        || action.ends_with("Associations")
        || action == "DescribeInstances";
    let answer = query(stub, if ec2 { "ec2" } else { "iam" }, action, parameters).unwrap();
    match answer.status {
        200 => Ok(answer.body),
        status => Err((status, text_of(&answer.body, "Code").unwrap())),
    }
}

fn error(status: u16, code: &str) -> (u16, String) {
    (status, code.to_string())
}

#[test]
fn a_world_keeps_the_life_of_a_role() {
    let mut world = World::ready().partition("aws-cn");
    world.instances.clear();
    let stub = world.serve();
    let (web, new) = (("RoleName", "web"), ("RoleName", "new"));
    let trust = ("AssumeRolePolicyDocument", DOCUMENT);
    let tags = [
        ("Tags.member.1.Key", "a"),
        ("Tags.member.1.Value", "1"),
        ("Tags.member.2.Key", "b"),
        ("Tags.member.2.Value", "<2>"),
    ];
    let made = done(&stub, "CreateRole", &[&[new, trust, ("Path", "/team/")], &tags[..]].concat());
    assert_eq!(text_of(&made, "Arn").unwrap(), "arn:aws-cn:iam::111122223333:role/team/new");
    assert!(made.contains("</Role></CreateRoleResult>"), "{made}");
    let pairs = [("a", "1"), ("b", "<2>")].map(|(key, value)| (key.to_string(), value.to_string()));
    assert_eq!(tags_of(&made), pairs);
    let read = done(&stub, "GetRole", &[new]);
    assert_eq!((text_of(&read, "RoleId"), tags_of(&read)), (text_of(&made, "RoleId"), pairs.to_vec()));
    let role = stub.role("new").unwrap();
    assert_eq!((role.trust.as_str(), role.tags, role.path.as_str()), (DOCUMENT, pairs.to_vec(), "/team/"));
    assert!(role.id.starts_with("AROA") && role.id != stub.role("web").unwrap().id, "{}", role.id);

    let again = [("RoleName", "NEW"), trust];
    assert_eq!(refused(&stub, "CreateRole", &again), error(409, "EntityAlreadyExists"));
    let broken = [("RoleName", "broken"), ("AssumeRolePolicyDocument", "{")];
    assert_eq!(refused(&stub, "CreateRole", &broken), error(400, "MalformedPolicyDocument"));
    assert_eq!(refused(&stub, "CreateRole", &[new]), error(400, "ValidationError"));

    let answer = done(&stub, "UpdateAssumeRolePolicy", &[new, ("PolicyDocument", EC2_TRUST)]);
    assert!(answer.contains("<ResponseMetadata>") && !answer.contains("Result"), "{answer}");
    assert_eq!(stub.role("new").unwrap().trust, EC2_TRUST);
    let long = LITTLE.replace("{}", &format!("{{\"Sid\":\"{}\"}}", "x".repeat(TRUST_QUOTA)));
    let too_long = refused(&stub, "UpdateAssumeRolePolicy", &[new, ("PolicyDocument", &long)]);
    assert_eq!(too_long, error(409, "LimitExceeded"));
    done(&stub, "TagRole", &[new, ("Tags.member.1.Key", "a"), ("Tags.member.1.Value", "2")]);
    assert_eq!(stub.role("new").unwrap().tags[0], ("a".into(), "2".into()));

    let core = stub.world(|world| world.policy_named("AmazonSSMManagedInstanceCore"));
    for _ in 0..2 {
        done(&stub, "AttachRolePolicy", &[new, ("PolicyArn", &core)]);
    }
    assert_eq!(stub.role("new").unwrap().attached, [core.as_str()]);
    let unknown = [new, ("PolicyArn", "arn:aws-cn:iam::aws:policy/None")];
    assert_eq!(refused(&stub, "AttachRolePolicy", &unknown), error(404, "NoSuchEntity"));
    assert_eq!(refused(&stub, "DetachRolePolicy", &unknown), error(404, "NoSuchEntity"));
    assert_eq!(refused(&stub, "DeleteRole", &[new]), error(409, "DeleteConflict"));
    done(&stub, "DetachRolePolicy", &[new, ("PolicyArn", &core)]);

    done(&stub, "PutRolePolicy", &[new, ("PolicyName", "p"), ("PolicyDocument", DOCUMENT)]);
    assert_eq!(stub.role("new").unwrap().document("p"), Some(DOCUMENT));
    assert_eq!(refused(&stub, "DeleteRole", &[new]), error(409, "DeleteConflict"));
    done(&stub, "DeleteRolePolicy", &[new, ("PolicyName", "p")]);
    assert_eq!(refused(&stub, "DeleteRolePolicy", &[new, ("PolicyName", "p")]), error(404, "NoSuchEntity"));
    done(&stub, "DeleteRole", &[new]);
    assert!(stub.role("new").is_none());
    assert_eq!(refused(&stub, "DeleteRole", &[new]), error(404, "NoSuchEntity"));

    // The role of a profile stays, and what was staged by a name can be detached by its ARN.
    done(&stub, "DetachRolePolicy", &[web, ("PolicyArn", &core)]);
    assert_eq!(refused(&stub, "DeleteRole", &[web]), error(409, "DeleteConflict"));
    let second = done(&stub, "CreateRole", &[new, trust]);
    assert_ne!(text_of(&second, "RoleId"), text_of(&made, "RoleId"));
    assert!(stub.writes().iter().all(|action| action != "GetRole") && stub.writes().len() == stub.calls().len() - 1);
}

#[test]
fn inline_policies_have_a_common_quota() {
    let half = format!(r#"{{"Id": "{}","Statement":{{}}}}"#, "x".repeat(INLINE_QUOTA / 2 - 24));
    let stub = World::ready().role(Role::new("full").inline("one", &half)).serve();
    let put = |name: &str, document: &str| {
        call(&stub, "PutRolePolicy", &[("RoleName", "full"), ("PolicyName", name), ("PolicyDocument", document)])
    };
    // Both together are as long as is allowed; white space counts for nothing.
    put("two", &half.replace(' ', "    \n")).unwrap();
    assert_eq!(put("three", LITTLE).unwrap_err(), error(409, "LimitExceeded"));
    // What is replaced does not count.
    put("two", &half).unwrap();
    assert_eq!(put("two", &half.replace("Id", "Ids")).unwrap_err(), error(409, "LimitExceeded"));
    assert_eq!(stub.role("full").unwrap().document("two"), Some(half.as_str()));
    for (document, code) in
        [("{", "MalformedPolicyDocument"), ("{}", "MalformedPolicyDocument"), ("{\"€\":1}", "ValidationError")]
    {
        assert_eq!(put("two", document).unwrap_err(), error(400, code), "{document}");
    }
    let elsewhere = [("RoleName", "none"), ("PolicyName", "p"), ("PolicyDocument", LITTLE)];
    assert_eq!(refused(&stub, "PutRolePolicy", &elsewhere), error(404, "NoSuchEntity"));
}

#[test]
fn a_world_keeps_the_life_of_a_profile() {
    let stub = World::ready().profile(Profile::new("second").path("/x/").role("web")).page_size(1).serve();
    let (new, web) = (("InstanceProfileName", "new"), ("RoleName", "web"));
    let tags = [("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")];
    let made = done(&stub, "CreateInstanceProfile", &[&[new], &tags[..]].concat());
    assert!(made.contains("<Roles></Roles>") && made.contains("<Path>/</Path>"), "{made}");
    assert_eq!(tags_of(&made), [("k".to_string(), "v".to_string())]);
    assert_eq!(tags_of(&done(&stub, "GetInstanceProfile", &[new])), tags_of(&made));
    assert!(done(&stub, "GetInstanceProfile", &[("InstanceProfileName", "web")]).contains("<Tags></Tags>"));
    let again = refused(&stub, "CreateInstanceProfile", &[("InstanceProfileName", "New")]);
    assert_eq!(again, error(409, "EntityAlreadyExists"));

    done(&stub, "AddRoleToInstanceProfile", &[new, web]);
    assert_eq!(refused(&stub, "AddRoleToInstanceProfile", &[new, web]), error(409, "LimitExceeded"));
    for missing in [[new, ("RoleName", "none")], [("InstanceProfileName", "none"), web]] {
        assert_eq!(refused(&stub, "AddRoleToInstanceProfile", &missing), error(404, "NoSuchEntity"));
        assert_eq!(refused(&stub, "RemoveRoleFromInstanceProfile", &missing), error(404, "NoSuchEntity"));
    }
    assert_eq!(stub.profile("new").unwrap().role.as_deref(), Some("web"));

    let (mut names, mut marker) = (Vec::new(), Some(String::new()));
    while let Some(from) = marker {
        let mut parameters = vec![web];
        parameters.extend((!from.is_empty()).then_some(("Marker", from.as_str())));
        let page = done(&stub, "ListInstanceProfilesForRole", &parameters);
        names.extend(all_of(&page, "InstanceProfileName").into_iter().map(ToString::to_string));
        marker = text_of(&page, "Marker");
    }
    assert_eq!(names, ["web", "second", "new"]);
    assert_eq!(refused(&stub, "ListInstanceProfilesForRole", &[("RoleName", "none")]), error(404, "NoSuchEntity"));

    assert_eq!(refused(&stub, "DeleteInstanceProfile", &[new]), error(409, "DeleteConflict"));
    done(&stub, "RemoveRoleFromInstanceProfile", &[new, web]);
    done(&stub, "DeleteInstanceProfile", &[new]);
    assert_eq!(refused(&stub, "DeleteInstanceProfile", &[new]), error(404, "NoSuchEntity"));
    assert!(stub.profile("new").is_none());
}

#[test]
fn a_profile_made_again_leaves_its_instances_with_the_old_one() {
    let stub = World::ready().serve();
    let (web, role) = (("InstanceProfileName", "web"), ("RoleName", "web"));
    let before = stub.profile_of(INSTANCE).unwrap();
    done(&stub, "RemoveRoleFromInstanceProfile", &[web, role]);
    done(&stub, "DeleteInstanceProfile", &[web]);
    assert_eq!(stub.profile_of(INSTANCE).unwrap(), before);
    done(&stub, "CreateInstanceProfile", &[web, ("Path", "/other/")]);
    assert_eq!(stub.profile_of(INSTANCE).unwrap(), before);
    let described = done(&stub, "DescribeInstances", &[("InstanceId.1", INSTANCE)]);
    assert_eq!((text_of(&described, "arn"), text_of(&described, "id")), (Some(before.0), Some(before.1.clone())));
    assert_ne!(stub.profile("web").unwrap().id, before.1);
}

#[test]
fn a_world_keeps_the_profiles_of_instances() {
    let stub = World::ready()
        .instance(Instance::new(OTHER))
        .instance(Instance::new("i-00000000000000003").state("stopping").profile("web"))
        .profile(Profile::new("new").path("/x/"))
        .serve();
    let arn = "arn:aws:iam::111122223333:instance-profile/x/new";
    let (other, name, by_arn) =
        (("InstanceId", OTHER), ("IamInstanceProfile.Name", "web"), ("IamInstanceProfile.Arn", arn));
    let first = done(&stub, "AssociateIamInstanceProfile", &[other, name]);
    assert_eq!(text_of(&first, "state").unwrap(), "associating");
    assert_eq!(text_of(&first, "instanceId").unwrap(), OTHER);
    assert!(
        first.contains("<AssociateIamInstanceProfileResponse") && first.contains("</iamInstanceProfileAssociation>")
    );
    let association = text_of(&first, "associationId").unwrap();
    let listed = done(&stub, "DescribeIamInstanceProfileAssociations", &[("AssociationId.1", &association)]);
    assert_eq!(
        (text_of(&listed, "state").as_deref(), all_of(&listed, "instanceId")),
        (Some("associated"), vec![OTHER])
    );

    assert_eq!(refused(&stub, "AssociateIamInstanceProfile", &[other, name]), error(400, "IncorrectState"));
    let nowhere = [("InstanceId", "i-0000000000000000f"), name];
    assert_eq!(refused(&stub, "AssociateIamInstanceProfile", &nowhere), error(400, "InvalidInstanceID.NotFound"));
    let stopping = [("InstanceId", "i-00000000000000003"), name];
    assert_eq!(refused(&stub, "AssociateIamInstanceProfile", &stopping), error(400, "IncorrectInstanceState"));
    assert_eq!(refused(&stub, "AssociateIamInstanceProfile", &[other]), error(400, "MissingParameter"));
    let dry = [other, name, ("DryRun", "true")];
    assert_eq!(refused(&stub, "AssociateIamInstanceProfile", &dry), error(412, "DryRunOperation"));

    let id = ("AssociationId", association.as_str());
    for (field, value, kind) in
        [("name", "none", "name"), ("arn", "arn:aws:iam::111122223333:instance-profile/new", "ARN")]
    {
        let parameter = format!("IamInstanceProfile.{}", if field == "name" { "Name" } else { "Arn" });
        let answer = query(&stub, "ec2", "ReplaceIamInstanceProfileAssociation", &[id, (&parameter, value)]).unwrap();
        assert_eq!((answer.status, text_of(&answer.body, "Code").as_deref()), (400, Some("InvalidParameterValue")));
        let message = format!(
            "Value ({value}) for parameter iamInstanceProfile.{field} is invalid. Invalid IAM Instance Profile {kind}"
        );
        assert_eq!(text_of(&answer.body, "Message"), Some(message));
    }
    let second = done(&stub, "ReplaceIamInstanceProfileAssociation", &[id, by_arn]);
    let second = text_of(&second, "associationId").unwrap();
    assert_ne!(second, association);
    assert_eq!(stub.profile_of(OTHER), Some((arn.to_string(), stub.profile("new").unwrap().id)));
    let gone = refused(&stub, "ReplaceIamInstanceProfileAssociation", &[id, by_arn]);
    assert_eq!(gone, error(400, "InvalidAssociationID.NotFound"));
    let filter = |name| {
        [("Filter.1.Name", name), ("Filter.1.Value.1", if name == "instance-state-name" { "stopping" } else { arn })]
    };
    let found = |name| all_of(&done(&stub, "DescribeInstances", &filter(name)), "instanceId").concat();
    assert_eq!(found("iam-instance-profile.arn"), OTHER);
    assert_eq!(found("instance-state-name"), "i-00000000000000003");

    // A stopped instance can lose its profile and get one, but not have it replaced.
    let id = ("AssociationId", second.as_str());
    stub.world(|world| world.instances[1].state = "stopped".into());
    assert_eq!(refused(&stub, "ReplaceIamInstanceProfileAssociation", &[id, name]), error(400, "IncorrectState"));
    let ended = done(&stub, "DisassociateIamInstanceProfile", &[id]);
    assert_eq!(
        (text_of(&ended, "state").as_deref(), text_of(&ended, "arn").as_deref()),
        (Some("disassociating"), Some(arn))
    );
    assert_eq!((stub.profile_of(OTHER), stub.instance(OTHER).unwrap().profile), (None, None));
    let gone = refused(&stub, "DisassociateIamInstanceProfile", &[id]);
    assert_eq!(gone, error(400, "InvalidAssociationID.NotFound"));
    done(&stub, "AssociateIamInstanceProfile", &[other, by_arn]);
    assert!(stub.profile_of(INSTANCE).is_some_and(|(arn, _)| arn.ends_with("/web")));
}

#[test]
fn connections_can_be_cut_around_a_write() {
    let put = [("RoleName", "web"), ("PolicyName", "p"), ("PolicyDocument", LITTLE)];
    let there = |stub: &Stub| stub.role("web").unwrap().document("p").is_some();
    let stub = World::ready().cut_before("PutRolePolicy", 1..=1).cut_after("PutRolePolicy", 2..=2).serve();
    assert!(query(&stub, "iam", "PutRolePolicy", &put).is_err() && !there(&stub));
    assert!(query(&stub, "iam", "PutRolePolicy", &put).is_err() && there(&stub));
    assert!(query(&stub, "iam", "PutRolePolicy", &put).is_ok_and(|answer| answer.status == 200));
    assert_eq!(stub.calls().iter().map(|call| call.nth).collect::<Vec<_>>(), [1, 2, 3]);

    let stub = World::ready().cut_after("PutRolePolicy", ..).serve();
    for _ in 0..2 {
        assert!(query(&stub, "iam", "PutRolePolicy", &put).is_err());
    }
    assert!(there(&stub) && query(&stub, "iam", "GetRole", &[("RoleName", "web")]).is_ok());

    // The SDK tries again by itself.
    let stub = World::ready().cut_after("GetRole", 1..=1).serve();
    Sandbox::at(&stub).run(&["check", INSTANCE]).expect(0);
    assert_eq!(stub.calls_of("GetRole").len(), 2);
}

#[test]
fn some_calls_of_an_action_can_fail() {
    let policy = [("RoleName", "web"), ("PolicyArn", "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")];
    let stub = World::ready()
        .not_yet("AttachRolePolicy", 2, Answer::no_such_entity("not yet"))
        .fail_some("DetachRolePolicy", 2.., Answer::denied("iam:DetachRolePolicy"))
        .serve();
    let statuses = |action| [(); 3].map(|()| query(&stub, "iam", action, &policy).unwrap().status);
    assert_eq!(statuses("AttachRolePolicy"), [404, 404, 200]);
    assert_eq!(statuses("DetachRolePolicy"), [200, 403, 403]);
}

#[test]
fn somebody_else_can_change_a_world() {
    let stub = World::ready()
        .before("DeleteRolePolicy", 2..=2, |world| world.roles[0].inline.clear())
        .after("PutRolePolicy", .., |world| world.roles[0].inline[0].1.push(' '))
        .policy(Policy::new("late", "{}"))
        .serve();
    let put =
        |name| done(&stub, "PutRolePolicy", &[("RoleName", "web"), ("PolicyName", name), ("PolicyDocument", LITTLE)]);
    put("one");
    put("two");
    let role = stub.role("web").unwrap();
    assert_eq!((role.document("one"), role.document("two")), (Some(format!("{LITTLE}  ").as_str()), Some(LITTLE)));
    done(&stub, "DeleteRolePolicy", &[("RoleName", "web"), ("PolicyName", "one")]);
    let gone = refused(&stub, "DeleteRolePolicy", &[("RoleName", "web"), ("PolicyName", "two")]);
    assert_eq!(gone, error(404, "NoSuchEntity"));
    stub.world(|world| world.roles.clear());
    assert_eq!(refused(&stub, "GetRole", &[("RoleName", "web")]), error(404, "NoSuchEntity"));
}

#[test]
fn an_answer_can_be_held() {
    let stub = World::ready().profile(Profile::new("a")).profile(Profile::new("b")).serve();
    let add = |name| done(&stub, "AddRoleToInstanceProfile", &[("RoleName", "web"), ("InstanceProfileName", name)]);
    stub.hold("AddRoleToInstanceProfile", 2..=2);
    add("a");
    thread::scope(|scope| {
        let held = scope.spawn(|| add("b"));
        stub.wait_for_held("AddRoleToInstanceProfile");
        // It is done, but the caller cannot know.
        assert_eq!(stub.profile("b").unwrap().role.as_deref(), Some("web"));
        assert!(!held.is_finished() && stub.calls().last().unwrap().ended.is_none());
        // Other calls go on.
        done(&stub, "GetRole", &[("RoleName", "web")]);
        stub.release();
    });
    assert!(stub.calls().iter().all(|call| call.ended.is_some()));
    assert_eq!(stub.writes(), ["AddRoleToInstanceProfile"; 2]);
}

#[test]
fn a_run_can_be_interrupted_while_a_call_is_held() {
    let stub = World::ready().serve();
    stub.hold("GetRole", ..);
    let running = Sandbox::at(&stub).start(&["check", INSTANCE], b"");
    stub.wait_for_held("GetRole");
    running.interrupt();
    running.wait_for("interrupted");
    stub.release();
    assert!(running.wait().expect(130).stderr.contains("interrupted"));
}

#[test]
fn what_was_written_to_the_emulator_can_be_read_back() {
    let account = account();
    let region = "us-east-1";
    assert!(!account.role_exists("web") && !account.instance_profile_exists("web"));
    account.create_role("web", "/", DOCUMENT);
    assert_eq!(account.trust_of("web"), DOCUMENT);
    assert_eq!(
        (account.role_policies("web"), account.attached("web"), account.role_tags("web")),
        (vec![], vec![], vec![])
    );
    account.put_role_policy("web", "p 1", DOCUMENT);
    account.put_role_policy("web", "q", SSM_CORE);
    assert_eq!(account.role_policy("web", "p 1").as_deref(), Some(DOCUMENT));
    assert_eq!(account.role_policy("web", "none"), None);
    assert_eq!(account.role_policies("web"), ["p 1", "q"]);
    account.attach_role_policy("web", AWS_MANAGED_CORE);
    assert_eq!(account.attached("web"), [AWS_MANAGED_CORE]);
    account.tag_role("web", "k", "v");
    assert_eq!(account.role_tags("web"), [("k".to_string(), "v".to_string())]);

    let arn = account.create_instance_profile("web", "/x/");
    assert_eq!((account.role_of_profile("web"), account.instance_profile_tags("web")), (None, vec![]));
    account.add_role_to_instance_profile("web", "web");
    assert_eq!(account.role_of_profile("web").as_deref(), Some("web"));
    let tags = [("InstanceProfileName", "web"), ("Tags.member.1.Key", "a"), ("Tags.member.1.Value", "b")];
    account.query("iam", region, "TagInstanceProfile", &tags);
    assert_eq!(account.instance_profile_tags("web"), [("a".to_string(), "b".to_string())]);
    assert!(account.role_exists("web") && account.instance_profile_exists("web"));
    let conflict = account.try_query("iam", region, "DeleteRole", &[("RoleName", "web")]);
    assert_eq!(conflict.unwrap_err(), "DeleteConflict");

    let instance = account.run_instance(None, region);
    assert_eq!(account.profile_of_instance(&instance, region), None);
    account.associate_instance_profile(&instance, region, "web");
    assert_eq!(account.profile_of_instance(&instance, region), Some(arn));
}

#[test]
fn the_binary_runs_on_a_terminal() {
    let help = Sandbox::new().run_on_terminal(&["check", "--help"], &[]).expect(0);
    let widest = help.stdout.lines().map(|line| line.chars().count()).max();
    // It would not break lines where there is no terminal.
    assert!(widest.is_some_and(|widest| (60..=80).contains(&widest)), "{}", help.stdout);

    let stub = World::ready().instance(Instance::new(OTHER).tag("Name", "bare")).serve();
    let sandbox = Sandbox::at(&stub).env("NO_COLOR", "1");
    // The rows are sorted by name: down, and Enter.
    let output = sandbox.run_on_terminal(&["check"], &[(INSTANCE, "\x1b[B\r")]).expect(0);
    assert!(output.stderr.is_empty() && output.stdout.contains("ready  i-0123456789abcdef0"), "{output:?}");
    let dialogue = [(INSTANCE, "bare"), ("bare", "\r")];
    let output = sandbox.run_on_terminal_with_output_elsewhere(&["check", "-o", "json"], &dialogue).expect(1);
    assert_eq!(output.report().only().instance.as_ref().and_then(|instance| instance.id.as_deref()), Some(OTHER));
    assert!(output.stderr.contains(INSTANCE), "{output:?}");
    sandbox.run_on_terminal(&["check"], &[(INSTANCE, "\x03")]).expect(130);
}
