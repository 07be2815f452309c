//! `policy`: what is printed grants what was asked for and nothing else, in every form, without any AWS call.

use std::collections::BTreeSet;

use hcl::eval::{Context, Evaluate as _};
use serde_json::{Value, json};

use crate::command_line::refused_with;
use crate::fix_command_line::{lacking, with_caller};
use crate::support::command::Sandbox;
use crate::support::model::{EC2_TRUST, Instance, Profile, Role};
use crate::support::report::{Code, Verdict};
use crate::support::stub::{Stub, unknown};
use crate::support::world::{INSTANCE, World};

const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const PLACE: [&str; 4] = ["--region", "eu-west-1", "--account", "111122223333"];
/// What every role needs: the statements of the user guide for existing profiles, and the heartbeat.
const ALWAYS: [(&str, &str); 6] = [
    ("s3:GetEncryptionConfiguration", "*"),
    ("ssm:UpdateInstanceInformation", "*"),
    ("ssmmessages:CreateControlChannel", "*"),
    ("ssmmessages:CreateDataChannel", "*"),
    ("ssmmessages:OpenControlChannel", "*"),
    ("ssmmessages:OpenDataChannel", "*"),
];

/// What `policy` prints with these arguments, for which it asks nobody.
fn printed(arguments: &[&str]) -> String {
    let stub = Stub::answering(unknown);
    // Not even metadata, credentials or a Region.
    let sandbox = Sandbox::at(&stub).with_metadata(&stub).without("AWS_REGION").without("AWS_ACCESS_KEY_ID");
    let output = sandbox.run(&[&["policy"], arguments].concat()).expect(0);
    assert_eq!((stub.calls().len(), output.stderr.as_str()), (0, ""), "{arguments:?}: {:?}", stub.actions());
    assert!(output.stdout.ends_with('\n') && !output.stdout.ends_with("\n\n"), "{}", output.stdout);
    output.stdout
}

fn document(arguments: &[&str]) -> Value {
    let text = printed(arguments);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{text}"))
}

/// The texts of an element that is one or a list.
fn texts(element: &Value) -> Vec<&str> {
    let many = element.as_array().map(Vec::as_slice).unwrap_or(std::slice::from_ref(element));
    many.iter().map(|text| text.as_str().unwrap_or_else(|| panic!("{element} has what is no text"))).collect()
}

/// Each action with each resource that a document allows it on; a statement that is anything but a plain allow fails.
fn granted(document: &Value) -> BTreeSet<(String, String)> {
    assert_eq!(document["Version"], "2012-10-17");
    assert_eq!(document.as_object().unwrap().len(), 2, "{document:#}");
    let mut granted = BTreeSet::new();
    for statement in document["Statement"].as_array().unwrap() {
        let mut elements: Vec<&str> = statement.as_object().unwrap().keys().map(String::as_str).collect();
        elements.sort_unstable();
        assert_eq!(elements, ["Action", "Effect", "Resource"], "{statement:#}");
        assert_eq!(statement["Effect"], "Allow");
        for action in texts(&statement["Action"]) {
            for resource in texts(&statement["Resource"]) {
                let fresh = granted.insert((action.to_string(), resource.to_string()));
                assert!(fresh, "{action} on {resource} appears twice: {document:#}");
            }
        }
    }
    granted
}

fn always_and(more: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    let all = ALWAYS.iter().chain(more);
    all.map(|(action, resource)| (action.to_string(), resource.to_string())).collect()
}

/// Actions, each with a resource.
type Grants = Vec<(&'static str, &'static str)>;

/// Flags, and what they add to a policy that is for any place, and to one that is for [`PLACE`].
fn needs() -> Vec<(Vec<&'static str>, Grants, Grants)> {
    const STREAMS: &str = "arn:aws:logs:*:*:log-group:/ssm/sessions:*";
    const STREAMS_HERE: &str = "arn:aws:logs:eu-west-1:111122223333:log-group:/ssm/sessions:*";
    let key = vec![("kms:Decrypt", KEY)];
    let bucket = vec![("s3:PutObject", "arn:aws:s3:::session-logs/*")];
    let folder = vec![("s3:PutObject", "arn:aws:s3:::session-logs/prod/web/*")];
    let group = |streams: &'static str| {
        vec![
            ("logs:DescribeLogGroups", "*"),
            ("logs:DescribeLogStreams", streams),
            ("logs:CreateLogStream", streams),
            ("logs:PutLogEvents", streams),
        ]
    };
    let queue = vec![("sqs:SendMessage", "arn:aws:sqs:eu-west-1:111122223333:queue*"), ("ec2:DescribeTags", "*")];
    let all = |streams| [&key[..], &folder, &group(streams), &queue].concat();
    let requires =
        ["--require", "sqs:SendMessage=arn:aws:sqs:eu-west-1:111122223333:queue*", "--require", "ec2:DescribeTags"];
    let logs = ["--cloudwatch-logs", "/ssm/sessions"];
    vec![
        (vec![], vec![], vec![]),
        (vec!["--kms-key", KEY], key.clone(), key.clone()),
        (vec!["--s3-logs", "session-logs"], bucket.clone(), bucket),
        (vec!["--s3-logs", "session-logs/prod/web"], folder.clone(), folder.clone()),
        (logs.to_vec(), group(STREAMS), group(STREAMS_HERE)),
        (requires.to_vec(), queue.clone(), queue.clone()),
        (
            [&["--kms-key", KEY, "--s3-logs", "session-logs/prod/web"], &logs[..], &requires].concat(),
            all(STREAMS),
            all(STREAMS_HERE),
        ),
    ]
}

#[test]
fn a_policy_grants_what_is_needed_and_no_more() {
    for (flags, anywhere, here) in needs() {
        for (place, expected) in [(&[][..], &anywhere), (&PLACE, &here)] {
            assert_eq!(granted(&document(&[&flags, place].concat())), always_and(expected), "{flags:?} {place:?}");
        }
    }
    // A need that is met already adds nothing.
    for required in ["ssmmessages:OpenDataChannel", "ssm:UpdateInstanceInformation", "ssm:updateinstanceinformation"] {
        let allowed = granted(&document(&["--require", required]));
        let lower = |all: BTreeSet<(String, String)>| -> BTreeSet<String> {
            all.into_iter().map(|(action, _)| action.to_ascii_lowercase()).collect()
        };
        assert_eq!(lower(allowed), lower(always_and(&[])), "{required}");
    }
}

#[test]
fn what_is_printed_is_ready_when_it_is_checked() {
    for (flags, ..) in needs() {
        for place in [&[][..], &PLACE[..2], &PLACE[2..], &PLACE] {
            let policy = printed(&[&flags, place].concat());
            let stub = Stub::answering(unknown);
            let sandbox = Sandbox::at(&stub);
            sandbox.file("policy.json", &policy);
            let check = |policy: &str, more: &[&str]| {
                let arguments = [&["check", "-o", "json", "--policy", policy], &flags[..], place, more].concat();
                let report = sandbox.run(&arguments).expect(0).report();
                // The policy of a key is not looked at, which is said of every key.
                let codes = report.only().codes();
                let found: Vec<&Code> = codes.iter().filter(|code| **code != Code::KmsKeyPolicy).collect();
                assert_eq!((report.only().verdict, found), (Verdict::Ready, vec![]), "{arguments:?}");
            };
            check("policy.json", &[]);
            // Of any instance, and whatever the role's trust policy.
            sandbox.file("trust.json", EC2_TRUST);
            check("policy.json", &["--instance-id", INSTANCE, "--trust", "trust.json"]);
            let arguments = [&["check", "-q", "--policy", "-"], &flags[..], place].concat();
            sandbox.run_with_input(&arguments, &policy).expect(0);
            assert!(stub.calls().is_empty());
        }
        // With one flag less it is what it says, and not by chance: the core alone does not meet the needs.
        if !flags.is_empty() {
            let sandbox = Sandbox::new();
            sandbox.file("policy.json", printed(&[]));
            sandbox.run(&[&["check", "--policy", "policy.json"], &flags[..]].concat()).expect(1);
        }
    }
}

#[test]
fn a_role_with_the_printed_policy_is_ready_in_an_account() {
    for (flags, ..) in needs() {
        let mut world = World::ready();
        world.instances = vec![Instance::new(INSTANCE).profile("web").region("eu-west-1")];
        world.roles = vec![Role::new("web").inline("Printed", printed(&[&flags, &PLACE[..]].concat()))];
        let stub = world.serve();
        let sandbox = Sandbox::at(&stub).env("AWS_REGION", "eu-west-1");
        sandbox.run(&[&["check", INSTANCE], &flags[..]].concat()).expect(0);
        let fixed = sandbox.run(&[&["fix", INSTANCE, "--yes"], &flags[..]].concat()).expect(0);
        assert!(stub.writes().is_empty(), "a fix has nothing to add: {}", fixed.stdout);
    }
}

#[test]
fn terraform_and_cloudformation_hold_the_same_document() {
    for (flags, ..) in needs() {
        for place in [&[][..], &PLACE] {
            for more in [&[][..], &["--for", "check"], &["--for", "fix", "--attach-managed"]] {
                for (named, name) in
                    [(&[][..], "SessionManagerPermissions"), (&["--policy-name", "=,.@-_+"], "=,.@-_+")]
                {
                    let arguments = [&flags, place, more, named].concat();
                    // The caller's policy is called after whose it is.
                    let name = match (named, more.get(1)) {
                        ([], Some(&"check")) => "SsmProfileCheck",
                        ([], Some(&"fix")) => "SsmProfileFix",
                        _ => name,
                    };
                    let expected = document(&arguments);

                    let text = printed(&[&arguments[..], &["-o", "terraform"]].concat());
                    let body = hcl::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
                    let [block] = body.blocks().collect::<Vec<_>>()[..] else { panic!("one block: {text}") };
                    assert_eq!((block.identifier(), block.labels()[0].as_str()), ("resource", "aws_iam_policy"));
                    let value = |name: &str| {
                        let attribute = block.body().attributes().find(|attribute| attribute.key() == name).unwrap();
                        let value = attribute.expr().evaluate(&Context::new()).unwrap();
                        value.as_str().unwrap().to_string()
                    };
                    assert_eq!(serde_json::from_str::<Value>(&value("policy")).unwrap(), expected, "{arguments:?}");
                    assert_eq!(value("name"), name);

                    let template = document(&[&arguments[..], &["-o", "cloudformation"]].concat());
                    assert_eq!(template["AWSTemplateFormatVersion"], "2010-09-09");
                    let resources: Vec<&Value> = template["Resources"].as_object().unwrap().values().collect();
                    let policy = json!({"ManagedPolicyName": name, "PolicyDocument": expected});
                    assert_eq!(resources, [&json!({"Type": "AWS::IAM::ManagedPolicy", "Properties": policy})]);
                    // Nothing is changed by it.
                    assert!(!template["Description"].as_str().unwrap().contains("change"), "{template:#}");
                }
            }
        }
    }
}

#[test]
fn a_policy_is_for_the_partition_of_its_place() {
    let bucket = |resource: &str| always_and(&[("s3:PutObject", resource)]);
    for (flags, resource) in [
        (&["--region", "cn-north-1"][..], "arn:aws-cn:s3:::session-logs/*"),
        (&["--region", "us-gov-west-1"], "arn:aws-us-gov:s3:::session-logs/*"),
        (&["--region", "eu-west-1"], "arn:aws:s3:::session-logs/*"),
        (&[], "arn:aws:s3:::session-logs/*"),
    ] {
        assert_eq!(
            granted(&document(&[&["--s3-logs", "session-logs"], flags].concat())),
            bucket(resource),
            "{flags:?}"
        );
    }
    // Where no Region is given, another flag may tell.
    let key = KEY.replace(":aws:", ":aws-cn:").replace("eu-west-1", "cn-north-1");
    let flags = ["--kms-key", &key, "--s3-logs", "session-logs"];
    let expected = always_and(&[("kms:Decrypt", &key), ("s3:PutObject", "arn:aws-cn:s3:::session-logs/*")]);
    assert_eq!(granted(&document(&flags)), expected);
    let group = granted(&document(&["--cloudwatch-logs", "/ssm", "--region", "cn-north-1"]));
    let streams = "arn:aws-cn:logs:cn-north-1:*:log-group:/ssm:*".to_string();
    assert!(group.contains(&("logs:PutLogEvents".to_string(), streams)), "{group:?}");
}

#[test]
fn the_id_of_a_key_needs_a_place() {
    for id in [ID, "mrk-1234abcd12ab34cd56ef1234567890ab"] {
        let arn = format!("arn:aws:kms:eu-west-1:111122223333:key/{id}");
        let policy = document(&[&["--kms-key", id], &PLACE[..]].concat());
        assert_eq!(granted(&policy), always_and(&[("kms:Decrypt", &arn)]));
        for place in [&[][..], &PLACE[..2], &PLACE[2..]] {
            let said = refused_with(&[], &[&["policy", "--kms-key", id], place].concat());
            for part in [&format!("`{id}`"), "ARN", "`--region`", "`--account`"] {
                assert!(said.contains(part), "{part}: {said}");
            }
        }
    }
    // The caller of check with it looks it up: no place is needed for that.
    printed(&["--for", "check", "--kms-key", ID]);
}

#[test]
fn each_mistake_is_named_with_what_to_do() {
    let alias = format!("arn:aws:kms:eu-west-1:111122223333:{}", "alias/sessions");
    for (arguments, expected) in [
        (&["--kms-key", "alias/x"][..], &["`alias/x`", "alias", "key's ARN"][..]),
        (&["--kms-key", &alias], &[&alias, "key's ARN"]),
        (&["--kms-key", "key"], &["`key`", "key ARN"]),
        (&["--kms-key", "alias/x", "--region", "eu-west-1", "--account", "111122223333"], &["`alias/x`", "key's ARN"]),
        (&["--attach-managed"], &["`--attach-managed`", "`--for fix`"]),
        (&["--attach-managed", "--for", "check"], &["`--attach-managed`", "`--for fix`"]),
        (&["--create-profile", "x"], &["`--create-profile`", "`--for fix`"]),
        (&["--for", "fix", "--create-profile", "a/b"], &["`a/b`", "1 to 64"]),
        (&["--for", "nonsense"], &["'nonsense'", "check, fix"]),
        (&["--for"], &["check, fix"]),
        (&["--policy-name", "a b"], &["`a b`", "1 to 128"]),
        (&["--account", "1111"], &["`1111`", "12 digits"]),
        (&["--region", "eu-west-1a"], &["`eu-west-1a`", "`eu-west-1`"]),
        (&["--region", "eu-west-1", "--region", "eu-west-2"], &["'--region <REGION>'"]),
        (&["--s3-logs", "b"], &["`b`", "BUCKET[/PREFIX]"]),
        (&["--require", "GetObject"], &["`GetObject`", "`s3:GetObject="]),
        (&["--require", "s3:GetObject=arn:aws:s3:::b/?"], &["`s3:GetObject`", "literally", "without"]),
        (&["-o", "yaml"], &["json, terraform, cloudformation"]),
        (&["role/web"], &["'role/web'"]),
        (&["--yes"], &["'--yes'"]),
    ] {
        let said = refused_with(&[], &[&["policy"], arguments].concat());
        let missing: Vec<&&str> = expected.iter().filter(|part| !said.contains(**part)).collect();
        assert!(missing.is_empty() && said.contains("--help"), "{arguments:?}: {missing:?} not in {said}");
    }
    let all = [
        "--kms-key",
        "key",
        "--s3-logs",
        "b",
        "--require",
        "GetObject",
        "--account",
        "1111",
        "--region",
        "eu-west-1a",
        "--policy-name",
        "a b",
        "--attach-managed",
        "--create-profile",
        "a/b",
    ];
    let said = refused_with(&[], &[&["policy"], &all[..]].concat());
    assert_eq!(said.matches("error: ").count(), 9, "{said}");
}

/// Actions and whether each has a resource of `*` and nothing but an allow.
fn actions(document: &Value) -> BTreeSet<String> {
    assert_eq!(document["Version"], "2012-10-17");
    let statements = document["Statement"].as_array().unwrap();
    let mut sids: Vec<&str> = statements.iter().map(|statement| statement["Sid"].as_str().unwrap()).collect();
    let legible = |sid: &&str| !sid.is_empty() && sid.bytes().all(|b| b.is_ascii_alphanumeric());
    assert!(sids.iter().all(legible), "{sids:?}");
    sids.sort_unstable();
    sids.dedup();
    assert_eq!(sids.len(), statements.len(), "each has a Sid of its own");
    let mut actions = BTreeSet::new();
    for statement in statements {
        assert_eq!(statement["Effect"], "Allow");
        for action in texts(&statement["Action"]) {
            assert!(!action.contains('*'), "{action}");
            assert!(actions.insert(action.to_string()), "{action} appears twice");
        }
    }
    actions
}

#[test]
fn callers_get_policies_that_are_read_whole() {
    for arguments in [
        &["--for", "check"][..],
        &["--for", "check", "--kms-key", "alias/x", "--s3-logs", "session-logs"],
        &["--for", "fix"],
        &["--for", "fix", "--attach-managed", "--create-profile", "web", "--kms-key", ID],
    ] {
        let policy = document(arguments);
        actions(&policy);
        let sandbox = Sandbox::new();
        sandbox.file("policy.json", &policy);
        // It is a policy that is understood to the end, and lets no instance in.
        let report = sandbox.run(&["check", "-o", "json", "--policy", "policy.json"]).expect(1).report();
        assert_eq!(report.only().codes(), [Code::MissingPermission], "{arguments:?}");
    }
    let page = include_str!("../../docs/permissions.md");
    let (_, rest) = page.split_once("```json\n").unwrap();
    let documented: Value = serde_json::from_str(rest.split_once("```").unwrap().0).unwrap();
    let read: BTreeSet<String> = texts(&documented["Statement"][0]["Action"]).into_iter().map(str::to_string).collect();
    assert_eq!(actions(&document(&["--for", "check", "--kms-key", "alias/x"])), read);
    // Whatever names it, the key's state and policy are read.
    assert_eq!(actions(&document(&["--for", "check", "--kms-key", KEY])), read);
    // Nor does it matter whether the user names one: session preferences may.
    assert_eq!(actions(&document(&["--for", "check"])), read);
}

#[test]
fn whoever_fixes_is_allowed_every_call_that_a_fix_and_its_undo_make() {
    let lambda = EC2_TRUST.replace("ec2", "lambda");
    let bare = || World::new("111122223333").instance(Instance::new(INSTANCE));
    let core = World::ready().policies[0].clone();
    let with = |role: Role| {
        let mut world = World::ready();
        world.roles = vec![role];
        world
    };
    let mut stale = World::ready();
    stale.instances = vec![Instance::new(INSTANCE).profile("web").stale_profile_id("AIPAOLDOLDOLDOLDOLDOL")];
    for (what, world, flags) in [
        ("a policy", lacking(), &[][..]),
        (
            "a policy that is there",
            with(Role::new("web").inline(
                "SessionManagerPermissions",
                r#"{"Statement": {"Effect": "Allow", "Action": "ssmmessages:*", "Resource": "*"}}"#,
            )),
            &[],
        ),
        ("trust", with(Role::new("web").trust(lambda)), &[]),
        ("a managed policy", lacking(), &["--attach-managed"]),
        ("a profile", bare(), &["--create-profile", "sessions"]),
        ("a profile and a managed policy", bare().policy(core), &["--create-profile", "sessions", "--attach-managed"]),
        (
            "a role of a profile",
            World::new("111122223333").instance(Instance::new(INSTANCE).profile("web")).profile(Profile::new("web")),
            &[],
        ),
        ("another association", stale, &[]),
    ] {
        let stub = with_caller(world).serve();
        let sandbox = Sandbox::at(&stub);
        sandbox.run(&[&["fix", INSTANCE, "--yes", "--backup", "backup.json"], flags].concat()).expect(0);
        let undone = sandbox.run(&["undo", "backup.json", "--yes"]);
        // A profile that was deleted cannot be given back; everything else can.
        assert_eq!(undone.code, 0, "{what}: {undone:?}");
        let mut needed: BTreeSet<String> = stub
            .calls()
            .iter()
            .filter(|call| call.action != "GetCallerIdentity")
            .map(|call| format!("{}:{}", call.service, call.action))
            .collect();
        let tagged =
            |action: &str| stub.calls_of(action).iter().any(|call| call.parameters.contains_key("Tags.member.1.Key"));
        for (action, tag) in [("CreateRole", "iam:TagRole"), ("CreateInstanceProfile", "iam:TagInstanceProfile")] {
            if tagged(action) {
                needed.insert(tag.to_string());
            }
        }
        // To associate a profile, or to put a role into one, is to pass the role.
        if needed
            .iter()
            .any(|action| action.contains("InstanceProfileAssociation") || action.ends_with("ToInstanceProfile"))
        {
            needed.insert("iam:PassRole".to_string());
        }
        let allowed = actions(&document(&[&["--for", "fix"], flags].concat()));
        let missing: Vec<&String> = needed.difference(&allowed).collect();
        assert!(missing.is_empty(), "{what}: {missing:?} is not allowed");
    }
    // What no such fix does is not allowed.
    let plain = actions(&document(&["--for", "fix"]));
    for action in
        ["iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:CreateInstanceProfile", "iam:DeleteInstanceProfile"]
    {
        assert!(!plain.contains(action), "{action}");
    }
}
