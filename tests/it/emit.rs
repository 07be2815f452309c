//! `fix --emit`: what is printed instead of applied, read by the programs and the parsers that it is for, and held against
//! what a dry run says.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::{env, fs, thread};

use hcl::eval::{Context, Evaluate as _};
use serde_json::{Value, json};

use crate::fix_command_line::lacking;
use crate::support::answer::Answer;
use crate::support::command::{Output, Sandbox};
use crate::support::emulator::{Account, account};
use crate::support::model::{EC2_TRUST, Instance, Policy, Profile, Role, SSM_CORE};
use crate::support::stub::Stub;
use crate::support::world::{INSTANCE, World};
use crate::support::{moto, shell};

const FORMS: [&str; 3] = ["cli", "terraform", "cloudformation"];
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const STRANGER: &str = "i-00000000000000002";

/// An account in which something is amiss, and how to fix it.
struct Case {
    what: &'static str,
    world: World,
    /// A target and flags.
    arguments: Vec<&'static str>,
}

fn case(what: &'static str, world: World, arguments: &[&'static str]) -> Case {
    Case { what, world, arguments: arguments.to_vec() }
}

fn with_role(role: Role) -> World {
    let mut world = World::ready();
    world.roles = vec![role];
    world
}

/// A policy that lacks something, with text that Terraform, a shell and a careless writer of JSON would change.
const ODD: &str = r#"{ "Version": "2012-10-17", "Id": "it's 'quoted' \"twice\" $HOME `id` $(id) \\ é \u00e9 JSON",
	"Statement": [{"Sid": "a",  "Effect": "Allow", "Action": "s3:GetObject",
		"Resource": ["arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/%{x}/$${y}/*"],
		"Condition": {"NumericLessThan": {"s3:max-keys": 1.50}}}] }"#;

fn cases() -> Vec<Case> {
    let lambda = EC2_TRUST.replace("ec2", "lambda");
    let core = Policy::of_aws("AmazonSSMManagedInstanceCore", SSM_CORE);
    let mut china = World::new("111122223333").partition("aws-cn").policy(core);
    china.instances.push(Instance::new(INSTANCE).region("cn-north-1"));
    let mut stale = World::ready();
    stale.instances = vec![Instance::new(INSTANCE).profile("web").stale_profile_id("AIPAOLDOLDOLDOLDOLDOL")];
    let mut stopped = World::ready();
    stopped.instances =
        vec![Instance::new(INSTANCE).profile("web").stale_profile_id("AIPAOLDOLDOLDOLDOLDOL").state("stopped")];
    let mut hollow = World::ready();
    hollow.profiles = vec![Profile::new("web")];
    hollow.roles.clear();
    let deleted = || {
        World::new("111122223333")
            .instance(Instance::new(INSTANCE).profile("gone").stale_profile_id("AIPAGONEGONEGONEGONE0"))
    };
    let several = World::ready()
        .instance(Instance::new(STRANGER))
        .instance(Instance::new("i-00000000000000003").profile("empty"))
        .instance(Instance::new("i-00000000000000004").profile("lambda"))
        .profile(Profile::new("empty").path("/team/"))
        .profile(Profile::new("lambda").role("lambda"))
        .role(Role::new("lambda").trust(&lambda));
    vec![
        case("a role that may do nothing", lacking(), &[INSTANCE]),
        case(
            "a role with a path",
            with_role(Role::new("web").path("/team/")),
            &["role/web", "--policy-name", "=,.@-_+"],
        ),
        case("a policy that lacks", with_role(Role::new("web").inline("SessionManagerPermissions", ODD)), &[INSTANCE]),
        case(
            "a role that EC2 may not assume",
            with_role(Role::new("web").trust(lambda)),
            &[
                "profile/web",
                "--attach-managed",
                "--kms-key",
                KEY,
                "--s3-logs",
                "logs/web",
                "--cloudwatch-logs",
                "/ssm",
            ],
        ),
        case(
            "an instance without a profile",
            World::new("111122223333").instance(Instance::new(INSTANCE)),
            &[INSTANCE, "--create-profile", "sessions"],
        ),
        case(
            "an instance in China",
            china,
            &[
                INSTANCE,
                "--create-profile",
                "sessions",
                "--attach-managed",
                "--s3-logs",
                "logs",
                "--region",
                "cn-north-1",
            ],
        ),
        case("a profile without a role", hollow, &[INSTANCE]),
        case("a profile made again", stale, &[INSTANCE]),
        case("a profile made again, of a stopped instance", stopped, &[INSTANCE]),
        case("a profile deleted", deleted(), &[INSTANCE, "--create-profile", "sessions"]),
        case("a profile deleted, and its name taken again", deleted(), &[INSTANCE, "--create-profile", "gone"]),
        case("several instances", several, &["--all", "--create-profile", "sessions"]),
    ]
}

/// The changes that a dry run shows.
fn changes(sandbox: &Sandbox, arguments: &[&str]) -> Vec<Value> {
    let output = sandbox.run(&[&["fix", "--dry-run", "-o", "json"], arguments].concat()).expect(1);
    let changes = output.json()["changes"].as_array().cloned().unwrap_or_default();
    assert!(!changes.is_empty(), "{output:?}");
    changes
}

/// What is printed, which nothing else may stand beside.
fn emitted(sandbox: &Sandbox, form: &str, arguments: &[&str]) -> String {
    let Output { stdout, stderr, .. } = sandbox.run(&[&["fix", "--emit", form], arguments].concat()).expect(0);
    assert_eq!(stderr, "", "{form}");
    assert!(stdout.ends_with('\n') && !stdout.ends_with("\n\n"), "{stdout}");
    stdout
}

/// A member of an object, which must be a text.
fn text_of<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no text `{member}` in {value:#}"))
}

/// The name at the end of an ARN.
fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// The path in the ARN of something of IAM.
fn path_of(arn: &str) -> String {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let (first, last) = (resource.find('/').unwrap(), resource.rfind('/').unwrap());
    resource[first..=last].to_string()
}

/// Whether an instance gets a profile of the name that it has.
fn stays(change: &Value) -> bool {
    change["before"]["instance_profile"] == change["after"]["instance_profile"]
}

/// Does this for each account, with what is printed from the live account; what is printed from a snapshot of it, with no
/// AWS to call, must be the same.
fn for_each_case(form: &str, check: impl Fn(&str, &[Value], &str)) {
    for Case { what, world, arguments } in cases() {
        let stub = world.serve();
        let sandbox = Sandbox::at(&stub);
        let text = emitted(&sandbox, form, &arguments);
        check(what, &changes(&sandbox, &arguments), &text);

        let targets = if arguments[0] == "--all" { "--all" } else { arguments[0] };
        let region = arguments.iter().position(|argument| *argument == "--region");
        let region = region.map_or(&[][..], |at| &arguments[at..at + 2]);
        let snapshot = sandbox.run(&[&["snapshot", targets], region].concat()).expect(0).stdout;
        let offline = Sandbox::new();
        offline.file("snapshot.json", snapshot);
        let again = emitted(&offline, form, &[&arguments[..], &["--snapshot", "snapshot.json"]].concat());
        assert_eq!(again, text, "{what}");
        assert!(stub.writes().is_empty(), "{what}: {:?}", stub.writes());
    }
}

// Terraform.

fn evaluated(body: &hcl::Body, name: &str) -> Value {
    let attribute = body.attributes().find(|attribute| attribute.key() == name);
    let expression = attribute.unwrap_or_else(|| panic!("no `{name}` in {body:?}")).expr();
    let value = expression.evaluate(&Context::new()).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::to_value(value).unwrap()
}

fn written(body: &hcl::Body, name: &str) -> String {
    let attribute = body.attributes().find(|attribute| attribute.key() == name);
    attribute.map_or_else(String::new, |attribute| hcl::format::to_string(attribute.expr()).unwrap())
}

fn document(body: &hcl::Body, name: &str) -> Value {
    serde_json::from_str(evaluated(body, name).as_str().unwrap()).unwrap()
}

/// The blocks of a kind of resource, by their labels.
fn resources<'a>(body: &'a hcl::Body, kind: &str) -> BTreeMap<&'a str, &'a hcl::Body> {
    let of_kind = |block: &&hcl::Block| block.identifier() == "resource" && block.labels()[0].as_str() == kind;
    body.blocks().filter(of_kind).map(|block| (block.labels()[1].as_str(), block.body())).collect()
}

/// The name behind an argument: a text, or the name of a resource that is made here.
fn name_behind(body: &hcl::Body, resource: &hcl::Body, argument: &str) -> String {
    let expression = written(resource, argument);
    let reference = ["aws_iam_role", "aws_iam_instance_profile"].into_iter().find_map(|kind| {
        let label = expression.strip_prefix(&format!("{kind}."))?.strip_suffix(".name")?;
        Some(resources(body, kind)[label])
    });
    let name = reference.map_or_else(|| evaluated(resource, argument), |made| evaluated(made, "name"));
    name.as_str().unwrap().to_string()
}

#[test]
fn terraform_says_what_a_dry_run_says() {
    for_each_case("terraform", |what, changes, text| {
        let body = hcl::parse(text).unwrap_or_else(|error| panic!("{what}: {error}\n{text}"));
        let comments: Vec<&str> = text.lines().filter(|line| line.starts_with("# By hand: ")).collect();
        let by_hand = |parts: &[&str]| {
            let found = comments.iter().any(|comment| parts.iter().all(|part| comment.contains(&format!("`{part}`"))));
            assert!(found, "{what}: {parts:?} in\n{text}");
        };
        let one = |kind: &str, fits: &dyn Fn(&hcl::Body) -> bool| {
            let all = resources(&body, kind);
            let found: Vec<_> = all.into_iter().filter(|(_, resource)| fits(resource)).collect();
            assert_eq!(found.len(), 1, "{what}: one `{kind}` in\n{text}");
            found[0]
        };
        let made = |action: &str, arn: &str| {
            changes.iter().any(|change| change["action"] == action && change["target"] == arn)
        };
        let (mut blocks, mut hands) = (0, 0);
        for change in changes {
            let (target, after) = (text_of(change, "target"), &change["after"]);
            let name = name_of(target);
            match text_of(change, "action") {
                "iam:CreateRole" => {
                    let (_, role) = one("aws_iam_role", &|role| evaluated(role, "name") == json!(name));
                    assert_eq!(document(role, "assume_role_policy"), after["assume_role_policy"], "{what}");
                    assert_eq!(evaluated(role, "path"), json!(path_of(target)));
                    assert_eq!(evaluated(role, "tags"), after["tags"]);
                    blocks += 1;
                }
                "iam:PutRolePolicy" => {
                    let (label, policy) = one("aws_iam_role_policy", &|policy| {
                        evaluated(policy, "name") == change["name"] && name_behind(&body, policy, "role") == name
                    });
                    assert_eq!(document(policy, "policy"), *after, "{what}");
                    let import = body.blocks().find(|block| {
                        block.identifier() == "import"
                            && written(block.body(), "to") == format!("aws_iam_role_policy.{label}")
                    });
                    // What exists is taken over and not made a second time.
                    let expected =
                        (!change["before"].is_null()).then(|| json!(format!("{name}:{}", text_of(change, "name"))));
                    assert_eq!(import.map(|import| evaluated(import.body(), "id")), expected, "{what}");
                    blocks += if expected.is_some() { 2 } else { 1 };
                    hands += usize::from(expected.is_some());
                }
                "iam:UpdateAssumeRolePolicy" => {
                    let locals = body.blocks().filter(|block| block.identifier() == "locals");
                    let found =
                        locals.flat_map(|block| block.body().attributes().map(|local| (local.key(), block.body())));
                    let (local, _) = found
                        .filter(|(local, block)| document(block, local) == *after)
                        .find(|(local, _)| comments.iter().any(|comment| comment.contains(&format!("`local.{local}`"))))
                        .unwrap_or_else(|| panic!("{what}: a local with {after:#} in\n{text}"));
                    by_hand(&["assume_role_policy", name, &format!("local.{local}")]);
                    (blocks, hands) = (blocks + 1, hands + 1);
                }
                "iam:AttachRolePolicy" => {
                    let (_, attachment) = one("aws_iam_role_policy_attachment", &|_| true);
                    assert_eq!(evaluated(attachment, "policy_arn"), *after, "{what}");
                    assert_eq!(name_behind(&body, attachment, "role"), name);
                    blocks += 1;
                }
                "iam:CreateInstanceProfile" => {
                    let (_, profile) =
                        one("aws_iam_instance_profile", &|profile| evaluated(profile, "name") == json!(name));
                    assert_eq!(evaluated(profile, "path"), json!(path_of(target)));
                    assert_eq!(evaluated(profile, "tags"), after["tags"]);
                    blocks += 1;
                }
                "iam:AddRoleToInstanceProfile" if made("iam:CreateInstanceProfile", target) => {
                    let (_, profile) =
                        one("aws_iam_instance_profile", &|profile| evaluated(profile, "name") == json!(name));
                    assert_eq!(name_behind(&body, profile, "role"), name_of(after.as_str().unwrap()), "{what}");
                }
                "iam:AddRoleToInstanceProfile" => {
                    by_hand(&["role", "aws_iam_instance_profile", name]);
                    hands += 1;
                }
                // A stopped instance gives its profile away first; in code it simply has another one.
                "ec2:DisassociateIamInstanceProfile" => {
                    by_hand(&["iam_instance_profile", target, text_of(change, "region")]);
                    hands += 1;
                }
                // The code has the name, and that stays.
                "ec2:ReplaceIamInstanceProfileAssociation" if stays(change) => {
                    by_hand(&["ssm-profile fix --emit cli", target, text_of(change, "region")]);
                    hands += 1;
                }
                "ec2:AssociateIamInstanceProfile" | "ec2:ReplaceIamInstanceProfileAssociation" => {
                    by_hand(&["iam_instance_profile", target, text_of(change, "region")]);
                    hands += 1;
                }
                other => panic!("{what}: {other}"),
            }
        }
        assert_eq!((body.blocks().count(), comments.len()), (blocks, hands), "{what}: nothing more\n{text}");
    });
}

// CloudFormation.

#[test]
fn cloudformation_says_what_a_dry_run_says() {
    for_each_case("cloudformation", |what, changes, text| {
        let template: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{what}: {error}\n{text}"));
        assert_eq!(template["AWSTemplateFormatVersion"], "2010-09-09");
        let of_type = |kind: &str| -> Vec<(&String, &Value)> {
            let all = template["Resources"].as_object().unwrap().iter();
            all.filter(|(_, resource)| resource["Type"] == kind).map(|(id, it)| (id, &it["Properties"])).collect()
        };
        let role_of =
            |arn: &str| of_type("AWS::IAM::Role").into_iter().find(|(_, role)| role["RoleName"] == name_of(arn));
        let by_hand = |parts: &[&str]| {
            let sentences = template["Metadata"]["ByHand"].as_array().cloned().unwrap_or_default();
            let says = |sentence: &Value| parts.iter().all(|part| sentence.as_str().unwrap().contains(part));
            assert!(sentences.iter().any(says), "{what}: {parts:?} in\n{text}");
        };
        let mut expected = 0;
        for change in changes {
            let (target, after) = (text_of(change, "target"), &change["after"]);
            let name = name_of(target);
            match text_of(change, "action") {
                "iam:CreateRole" => {
                    let (_, role) = role_of(target).unwrap();
                    assert_eq!(role["AssumeRolePolicyDocument"], after["assume_role_policy"], "{what}");
                    assert_eq!(role["Path"], path_of(target));
                    assert_eq!(role["Tags"], json!([{"Key": "created-by", "Value": "ssm-profile"}]));
                    expected += 1;
                }
                "iam:PutRolePolicy" => {
                    let policy = json!({"PolicyName": change["name"], "PolicyDocument": after});
                    if let Some((_, role)) = role_of(target) {
                        assert_eq!(role["Policies"], json!([policy]), "{what}");
                    } else {
                        let policies = of_type("AWS::IAM::RolePolicy");
                        let (_, found) = policies.iter().find(|(_, policy)| policy["RoleName"] == name).unwrap();
                        assert_eq!(
                            (&found["PolicyName"], &found["PolicyDocument"]),
                            (&change["name"], after),
                            "{what}"
                        );
                        expected += 1;
                        if !change["before"].is_null() {
                            by_hand(&[text_of(change, "name"), name, "exists"]);
                        }
                    }
                }
                "iam:UpdateAssumeRolePolicy" => {
                    let documents = template["Metadata"]["Documents"].as_object().unwrap();
                    let (id, _) = documents.iter().find(|(_, document)| *document == after).unwrap();
                    by_hand(&["AssumeRolePolicyDocument", name, id]);
                }
                "iam:AttachRolePolicy" => match role_of(target) {
                    Some((_, role)) => assert_eq!(role["ManagedPolicyArns"], json!([after]), "{what}"),
                    None => by_hand(&["ManagedPolicyArns", name, after.as_str().unwrap()]),
                },
                "iam:CreateInstanceProfile" => {
                    let profiles = of_type("AWS::IAM::InstanceProfile");
                    let (_, profile) = profiles.iter().find(|(_, it)| it["InstanceProfileName"] == name).unwrap();
                    assert_eq!(profile["Path"], path_of(target));
                    let (role, _) = role_of(target).unwrap();
                    assert_eq!(profile["Roles"], json!([{"Ref": role}]), "{what}");
                    expected += 1;
                }
                "iam:AddRoleToInstanceProfile" => {
                    let profiles = of_type("AWS::IAM::InstanceProfile");
                    if !profiles.iter().any(|(_, it)| it["InstanceProfileName"] == name) {
                        by_hand(&["Roles", name, name_of(after.as_str().unwrap())]);
                    }
                }
                "ec2:DisassociateIamInstanceProfile" => by_hand(&["IamInstanceProfile", target]),
                "ec2:ReplaceIamInstanceProfileAssociation" if stays(change) => {
                    by_hand(&["`ssm-profile fix --emit cli`", target]);
                }
                "ec2:AssociateIamInstanceProfile" | "ec2:ReplaceIamInstanceProfileAssociation" => {
                    by_hand(&["IamInstanceProfile", target, name_of(text_of(after, "instance_profile"))]);
                }
                other => panic!("{what}: {other}"),
            }
        }
        assert_eq!(template["Resources"].as_object().unwrap().len(), expected, "{what}: nothing more\n{text}");
    });
}

// The AWS CLI.

/// Runs a script by `sh` with an `aws` that notes its arguments, and answers questions with this association and otherwise with what
/// the script expects. Gives the commands but for the questions of a guard that are not about an association.
fn commands(script: &str, association: &str) -> Vec<Vec<String>> {
    // A person has compared what the AWS CLI cannot.
    let compared: String =
        script.lines().filter(|line| !line.starts_with("stop '")).map(|line| format!("{line}\n")).collect();
    let mut then = String::from(
        "case $2 in get-caller-identity | get-role* | describe-iam-*) echo >>asked ;; *) exit ;; esac; case $(wc -l <asked) in ",
    );
    let is_question = |line: &str| {
        ["aws sts get-caller", "aws iam get-role", "aws ec2 describe-iam"].iter().any(|it| line.contains(it))
    };
    let questions = compared.lines().zip(compared.lines().skip(1)).filter(|(line, _)| is_question(line));
    for (index, (question, next)) in questions.enumerate() {
        then.push_str(&format!("{}) ", index + 1));
        then.push_str(&match next
            .strip_prefix("test ")
            .and_then(|test| test.split_once(" = ")?.1.rsplit_once(" || stop "))
        {
            Some((expected, _)) if question.starts_with("association=") => {
                format!("printf '%s\\t%s' {association} {expected} ;; ")
            }
            Some((expected, _)) => format!("printf '%s' {expected} ;; "),
            None => format!("{NO_SUCH_POLICY} ;; "),
        });
    }
    then.push_str("*) exit 1 ;; esac");
    let (code, mut commands) = run(&compared, &then);
    assert_eq!(code, Some(0), "{script}");
    commands.retain(|command| !command[1].starts_with("get-"));
    commands
}

/// How the AWS CLI ends where there is no policy.
const NO_SUCH_POLICY: &str =
    "echo 'An error occurred (NoSuchEntity) when calling the GetRolePolicy operation: there is none' >&2; exit 254";

/// Runs a script by `sh` with an `aws` that notes its arguments and then does this.
fn run(script: &str, then: &str) -> (Option<i32>, Vec<Vec<String>>) {
    let ((code, said), commands) = outcome(script, then);
    assert_eq!(said, "", "{script}");
    (code, commands)
}

/// The same for a script that says something: exit code and what is said, and the commands.
fn outcome(script: &str, then: &str) -> ((Option<i32>, String), Vec<Vec<String>>) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs::write(&log, "").unwrap();
    let aws = format!("#!/bin/sh\nprintf '%s\\0' \"$#\" \"$@\" >>\"$LOG\"\n{then}\n");
    for (name, program) in [("aws", aws.as_str()), ("sleep", "#!/bin/sh\n")] {
        fs::write(folder.path().join(name), program).unwrap();
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(folder.path().join("script"), script).unwrap();
    let path = format!("{}:{}", folder.path().display(), env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    let output = shell.arg("script").env("PATH", path).env("LOG", &log).current_dir(&folder).output().unwrap();
    assert!(output.stdout.is_empty(), "{output:?}\n{script}");
    let noted = fs::read_to_string(&log).unwrap();
    let mut words = noted.split_terminator('\0');
    let mut commands = Vec::new();
    while let Some(count) = words.next() {
        commands.push(words.by_ref().take(count.parse().unwrap()).map(str::to_owned).collect());
    }
    ((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()), commands)
}

/// A call of AWS as the AWS CLI would make it: service, Region, action, parameters.
struct Call {
    service: String,
    region: String,
    action: String,
    parameters: BTreeMap<String, String>,
}

/// The call of a command, unless it only waits.
fn call_of(command: &[String]) -> Option<Call> {
    let [service, operation, options @ ..] = command else { panic!("{command:?}") };
    if operation == "wait" {
        return None;
    }
    let pascal = |name: &str| -> String {
        let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
        name.trim_start_matches('-').split('-').map(capital).collect()
    };
    let mut call = Call {
        service: service.clone(),
        region: "us-east-1".into(),
        action: pascal(operation),
        parameters: BTreeMap::new(),
    };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, value),
            None => (option.as_str(), options.next().unwrap().as_str()),
        };
        let mut set = |name: &str, value: &str| drop(call.parameters.insert(name.to_string(), value.to_string()));
        match name {
            "--region" => call.region = value.to_string(),
            "--tags" => {
                let (key, value) = value.strip_prefix("Key=").unwrap().split_once(",Value=").unwrap();
                set("Tags.member.1.Key", key);
                set("Tags.member.1.Value", value);
            }
            "--iam-instance-profile" => {
                let given: Value = serde_json::from_str(value).unwrap();
                set("IamInstanceProfile.Arn", text_of(&given, "Arn"));
            }
            name => set(&pascal(name), value),
        }
    }
    Some(call)
}

/// The parameters that a call must have for a change that a dry run shows.
fn parameters_of(change: &Value, association: &str) -> BTreeMap<String, String> {
    let (target, after) = (text_of(change, "target"), &change["after"]);
    let mut parameters: Vec<(&str, String)> = match text_of(change, "action") {
        "iam:CreateRole" => vec![("RoleName", name_of(target).into())],
        "iam:PutRolePolicy" => {
            vec![("RoleName", name_of(target).into()), ("PolicyName", text_of(change, "name").into())]
        }
        "iam:UpdateAssumeRolePolicy" => vec![("RoleName", name_of(target).into())],
        "iam:AttachRolePolicy" => {
            vec![("RoleName", name_of(target).into()), ("PolicyArn", after.as_str().unwrap().into())]
        }
        "iam:CreateInstanceProfile" => vec![("InstanceProfileName", name_of(target).into())],
        "iam:AddRoleToInstanceProfile" => {
            vec![("InstanceProfileName", name_of(target).into()), ("RoleName", name_of(after.as_str().unwrap()).into())]
        }
        "ec2:AssociateIamInstanceProfile" => vec![("InstanceId", target.into())],
        _ => vec![("AssociationId", association.into())],
    };
    if let Some(profile) = after.get("instance_profile") {
        parameters.push(("IamInstanceProfile.Arn", profile.as_str().unwrap().into()));
    }
    if after.get("tags").is_some() {
        parameters.push(("Tags.member.1.Key", "created-by".into()));
        parameters.push(("Tags.member.1.Value", "ssm-profile".into()));
        if path_of(target) != "/" {
            parameters.push(("Path", path_of(target)));
        }
    }
    parameters.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

#[test]
fn the_commands_are_the_calls_that_a_dry_run_shows() {
    for_each_case("cli", |what, changes, script| {
        let association = "iip-assoc-0123456789abcdef0";
        let calls: Vec<Call> = commands(script, association).iter().filter_map(|command| call_of(command)).collect();
        let (asked, made): (Vec<Call>, Vec<Call>) =
            calls.into_iter().partition(|call| call.action.starts_with("Describe"));
        let actions: Vec<String> = made.iter().map(|call| format!("{}:{}", call.service, call.action)).collect();
        let expected: Vec<&str> = changes.iter().map(|change| text_of(change, "action")).collect();
        assert_eq!(actions, expected, "{what}");
        for (mut call, change) in made.into_iter().zip(changes) {
            let document = ["PolicyDocument", "AssumeRolePolicyDocument"]
                .into_iter()
                .find_map(|name| call.parameters.remove(name));
            let document = document.map(|document| serde_json::from_str::<Value>(&document).unwrap());
            let after = &change["after"];
            let shown = after.get("assume_role_policy").unwrap_or(after);
            assert_eq!(document.as_ref(), Some(shown).filter(|shown| shown.get("Statement").is_some()), "{what}");
            assert_eq!(call.parameters, parameters_of(change, association), "{what}: {}", call.action);
            if call.service == "ec2" {
                assert_eq!(call.region, text_of(change, "region"), "{what}");
            }
        }
        for call in asked {
            let filters: Value = serde_json::from_str(&call.parameters["Filters"]).unwrap();
            assert_eq!(filters[0], json!({"Name": "instance-id", "Values": [INSTANCE]}), "{what}");
        }
    });
}

/// Makes the calls of a script.
fn make(account: &Account, script: &str, association: &str) {
    for call in commands(script, association).iter().filter_map(|command| call_of(command)) {
        if call.action.starts_with("Describe") {
            continue;
        }
        let parameters: Vec<(&str, &str)> =
            call.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        account.query(&call.service, &call.region, &call.action, &parameters);
    }
}

fn behind(stub: &Stub) -> Account {
    Account { id: stub.world(|world| world.account.clone()), endpoint: stub.url() }
}

#[test]
fn the_commands_make_an_account_ready() {
    // A fix waits a little for what it has written.
    thread::scope(|scope| {
        for (case, other) in cases().into_iter().zip(cases()) {
            scope.spawn(|| commands_do_what_a_fix_does(case, other.world));
        }
    });
}

/// `other` is as the case's account.
fn commands_do_what_a_fix_does(Case { what, world, arguments }: Case, other: World) {
    let stub = world.serve();
    let sandbox = Sandbox::at(&stub);
    let association = stub.instance(INSTANCE).map(|instance| instance.association_id).unwrap_or_default();
    make(&behind(&stub), &emitted(&sandbox, "cli", &arguments), &association);
    let nothing = sandbox.run(&[&["fix", "--emit", "cli"], &arguments[..]].concat()).expect(0);
    assert_eq!(nothing.stdout, "", "{what}");
    let flags = ["--create-profile", "--policy-name"];
    let mut check: Vec<&str> = vec!["check"];
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match *argument {
            "--attach-managed" => {}
            flag if flags.contains(&flag) => drop(rest.next()),
            other => check.push(other),
        }
    }
    sandbox.run(&check).expect(0);

    // The same as if it had been fixed here.
    let fixed = other.serve();
    Sandbox::at(&fixed).run(&[&["fix", "--yes"], &arguments[..]].concat()).expect(0);
    assert_eq!(stub.writes(), fixed.writes(), "{what}");
    let state = |stub: &Stub| {
        stub.world(|world| {
            let documents = |role: &Role| -> Vec<(String, Value)> {
                let parse = |text: &String| serde_json::from_str(text).unwrap();
                let inline = role.inline.iter().map(|(name, document)| (name.clone(), parse(document)));
                inline.chain([("trust".to_string(), parse(&role.trust))]).collect()
            };
            let roles: Vec<_> = world
                .roles
                .iter()
                .map(|role| {
                    (role.name.clone(), role.path.clone(), documents(role), role.attached.clone(), role.tags.clone())
                })
                .collect();
            let profiles: Vec<_> =
                world.profiles.iter().map(|it| (it.name.clone(), it.role.clone(), it.tags.clone())).collect();
            let instances: Vec<_> = world.instances.iter().map(|it| (it.id.clone(), it.profile.clone())).collect();
            (roles, profiles, instances)
        })
    };
    assert_eq!(state(&stub), state(&fixed), "{what}");
}

#[test]
fn the_commands_make_an_account_of_the_emulator_ready() {
    let account = account();
    account.create_role("web", "/team/", EC2_TRUST.replace("ec2", "lambda"));
    account.create_instance_profile("web", "/");
    account.add_role_to_instance_profile("web", "web");
    let with_profile = account.run_instance(Some("web"), "us-east-1");
    let bare = account.run_instance(None, "us-east-1");
    let sandbox = Sandbox::on(&account);
    let fix = ["--all", "--create-profile", "sessions", "--attach-managed", "--s3-logs", "logs"];
    sandbox.run(&["check", &with_profile, &bare]).expect(1);
    make(&account, &emitted(&sandbox, "cli", &fix), "none is asked for");
    sandbox.run(&["check", &with_profile, &bare, "--s3-logs", "logs"]).expect(0);
}

/// A document is written as a whole: what was put into it after the script was made would be lost.
#[test]
fn a_script_stops_where_a_document_has_changed_since() {
    let account = moto::account();
    let name = "SessionManagerPermissions";
    let own = |action: &str| {
        format!(r#"{{ "Version": "2012-10-17", "Statement": [ {{ "Sid": "Own", "Effect": "Allow",
            "Action": "{action}", "Resource": "*", "Condition": {{ "StringEquals": {{ "aws:username": "M\u00fcller & <co>" }} }} }} ] }}"#)
            .replace("\\u00fc", "ü")
    };
    let trust = |service: &str| EC2_TRUST.replace("ec2", service);
    account.create_role("web", "/", trust("lambda"));
    account.put_role_policy("web", name, own("s3:GetObject"));
    account.create_instance_profile("web", "/");
    account.add_role_to_instance_profile("web", "web");
    let sandbox = Sandbox::on(&account);
    let script = emitted(&sandbox, "cli", &["profile/web"]);
    let update_trust = |document: &str| {
        let parameters = [("RoleName", "web"), ("PolicyDocument", document)];
        account.query("iam", "us-east-1", "UpdateAssumeRolePolicy", &parameters);
    };
    let stops = |what: &str| {
        let output = shell::run(&account, &script);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}\n{script}");
        assert!(said.contains(what) && said.contains("has changed; run ssm-profile again"), "{said}");
    };
    account.put_role_policy("web", name, own("s3:PutObject"));
    stops("inline policy SessionManagerPermissions of role web");
    assert!(sandbox.run(&["check", "profile/web"]).code == 1);
    account.put_role_policy("web", name, own("s3:GetObject"));
    update_trust(&trust("ecs-tasks"));
    stops("the trust policy of role web");
    update_trust(&trust("lambda"));
    let output = shell::run(&account, &script);
    assert!(output.status.success(), "{}\n{script}", String::from_utf8_lossy(&output.stderr));
    sandbox.run(&["check", "profile/web"]).expect(0);

    // There was none of that name.
    account.create_role("other", "/", EC2_TRUST);
    account.create_instance_profile("other", "/");
    account.add_role_to_instance_profile("other", "other");
    let script = emitted(&sandbox, "cli", &["profile/other"]);
    account.put_role_policy("other", name, own("s3:GetObject"));
    let output = shell::run(&account, &script);
    assert_eq!(output.status.code(), Some(1), "{}\n{script}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_command_that_fails_ends_the_script() {
    let stub = World::new("111122223333").instance(Instance::new(INSTANCE)).serve();
    let script = emitted(&Sandbox::at(&stub), "cli", &[INSTANCE, "--create-profile", "sessions"]);
    let (code, commands) = run(&script, "case $2 in get-caller-identity) echo 111122223333 ;; *) exit 254 ;; esac");
    assert_eq!((code, commands.len()), (Some(254), 2), "{script}");
}

/// Runs a script with the real AWS CLI; gives the exit code and what is said.
fn really_run(stub: &Stub, script: &str) -> (Option<i32>, String) {
    let output = shell::run(&behind(stub), &script.replace("sleep 15\n", ""));
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Runs a script with the real AWS CLI, which stops it before it writes; gives what is said.
fn stopped(stub: &Stub, script: &str) -> String {
    let (code, said) = really_run(stub, script);
    assert_eq!((code, stub.writes()), (Some(1), Vec::new()), "{said}\n{script}");
    said
}

/// A document with this in it.
fn odd_document(part: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"{part}}}]}}"#
    )
}

#[test]
fn a_document_is_compared_whatever_its_form() {
    let condition =
        |value: &str| odd_document(&format!(r#", "Condition": {{"NumericLessThan": {{"s3:max-keys": {value}}}}}"#));
    let unchanged = [
        ODD.to_owned(),
        condition("1.50"),
        condition("1e1"),
        condition("[-0, 0.0001, 123456789012345678901]"),
        odd_document(", \"Sid\": \"\\u00e9é\\/\\u0041 漢字 𝄞 \u{a0}\u{7f}\u{202e} `'\\\"$HOME\\t\\u001f\""),
        "\n\t".to_owned() + &odd_document("\r\n"),
    ];
    for document in &unchanged {
        let stub = with_role(Role::new("web").inline("SessionManagerPermissions", document)).serve();
        let script = emitted(&Sandbox::at(&stub), "cli", &[INSTANCE]);
        let (code, said) = really_run(&stub, &script);
        assert_eq!((code, said.as_str(), stub.writes()), (Some(0), "", vec!["PutRolePolicy".to_owned()]), "{script}");
    }
    for (before, after) in
        [("red team", "redteam"), ("red team", "red  team"), ("a\\\\n", "a\\n"), ("e\u{301}", "é"), ("a", "a ")]
    {
        let [before, after] = [before, after].map(|team| odd_document(&format!(r#", "Sid": "{team}""#)));
        let stub = with_role(Role::new("web").inline("SessionManagerPermissions", &before)).serve();
        let script = emitted(&Sandbox::at(&stub), "cli", &[INSTANCE]);
        stub.world(|world| world.roles[0].inline[0].1 = after);
        let said = stopped(&stub, &script);
        assert!(
            said.contains("inline policy SessionManagerPermissions of role web has changed; run ssm-profile again"),
            "{said}"
        );
    }
}

/// The AWS CLI shows one of repeated keys, and some numbers in a form of its own.
#[test]
fn what_the_aws_cli_does_not_show_is_compared_by_a_person() {
    let number = r#", "Condition": {"NumericLessThan": {"s3:max-keys": 0.00001}}"#;
    for (document, shown) in [
        (
            odd_document(r#", "Effect": "Allow""#),
            r#"# {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Effect":"Allow"}]}"#,
        ),
        (odd_document(number), r#""s3:max-keys":0.00001"#),
        (odd_document(r#", "Sid": "a", "\u0053id": "\n""#), r#""Sid":"a","\u0053id":"\n""#),
    ] {
        let stub = with_role(Role::new("web").inline("SessionManagerPermissions", &document)).serve();
        let script = emitted(&Sandbox::at(&stub), "cli", &[INSTANCE]);
        let comments: Vec<&str> = script.lines().filter(|line| line.starts_with("# ")).collect();
        assert!(
            comments
                .iter()
                .any(|line| line.contains("`SessionManagerPermissions`") && line.contains("delete the line after that")),
            "{script}"
        );
        assert!(comments.iter().any(|line| line.contains(shown)), "{script}");
        let said = stopped(&stub, &script);
        assert!(said.contains("compare inline policy SessionManagerPermissions of role web by hand"), "{said}");
        // The line is there once, to be deleted by who has compared.
        assert_eq!(script.lines().filter(|line| line.starts_with("stop '")).count(), 1, "{script}");
        assert_eq!(
            commands(&script, "").iter().map(|command| command[1].as_str()).collect::<Vec<_>>(),
            ["put-role-policy"]
        );
    }
}

/// Only `NoSuchEntity` says that there is no policy which would be written over.
#[test]
fn a_policy_is_created_only_where_there_is_none() {
    let denied = lacking().fail("GetRolePolicy", Answer::denied("iam:GetRolePolicy")).serve();
    let script = emitted(&Sandbox::at(&denied), "cli", &[INSTANCE]);
    let said = stopped(&denied, &script);
    assert!(said.contains("An error occurred (AccessDenied) when calling the GetRolePolicy operation"), "{said}");

    let stub = lacking().serve();
    stub.world(|world| world.roles[0].inline.push(("SessionManagerPermissions".into(), odd_document(""))));
    let said = stopped(&stub, &script);
    assert!(
        said.contains("inline policy SessionManagerPermissions of role web has been created; run ssm-profile again"),
        "{said}"
    );
    stub.world(|world| world.roles[0].inline.clear());
    assert_eq!(
        (really_run(&stub, &script), stub.writes()),
        ((Some(0), String::new()), vec!["PutRolePolicy".to_owned()])
    );

    for failure in [
        "An error occurred (Throttling) when calling the GetRolePolicy operation (reached max retries: 4): Rate exceeded",
        "An error occurred (AccessDenied) when calling the GetRolePolicy operation: arn:aws:iam::1:user/(NoSuchEntity)/x may not",
        "An error occurred (ServiceUnavailable) when calling the GetRolePolicy operation: role NoSuchEntity",
        "Could not connect to the endpoint URL: \"https://iam.amazonaws.com/\"",
        "",
    ] {
        let then = format!(
            "case $2 in get-caller-identity) echo 111122223333 ;; get-*) echo '{failure}' >&2; exit 254 ;; esac"
        );
        let ((code, said), commands) = outcome(&script, &then);
        assert_eq!((code, said.trim_end(), commands.len()), (Some(1), failure, 2), "{script}");
    }
}

/// Another account may have roles and profiles of the same names.
#[test]
fn a_script_is_for_one_account() {
    let stub = lacking().serve();
    let script = emitted(&Sandbox::at(&stub), "cli", &[INSTANCE]);
    let other = World::new("999988887777").role(Role::new("web")).serve();
    let said = stopped(&other, &script);
    assert!(said.contains("this script is for account 111122223333; use credentials of that account"), "{said}");
    assert_eq!(other.calls().len(), 1, "{script}");
    // Where it is not known whose the credentials are, too.
    let (code, commands) = run(&script, "exit 255");
    assert_eq!((code, commands.len()), (Some(255), 1), "{script}");
    assert_eq!(really_run(&stub, &script), (Some(0), String::new()));
}

/// An instance has another profile than when the script was made.
#[test]
fn a_profile_is_replaced_only_if_it_is_the_one_that_was_seen() {
    let held =
        |state: &str| Instance::new(INSTANCE).profile("gone").stale_profile_id("AIPAGONEGONEGONEGONE0").state(state);
    for state in ["running", "stopped"] {
        let world = || {
            World::new("111122223333")
                .instance(held(state))
                .profile(Profile::new("prod").role("prod"))
                .role(Role::new("prod"))
        };
        let stub = world().serve();
        let script = emitted(&Sandbox::at(&stub), "cli", &[INSTANCE, "--create-profile", "sessions"]);
        // Without what creates the profile.
        let header: String = script.split_inclusive('\n').take(4).collect();
        let script = format!("{header}association={}", script.split_once("association=").unwrap().1);
        let changes: [fn(&mut Instance); 3] = [
            |instance| (instance.profile, instance.profile_id) = (Some("prod".into()), None),
            |instance| instance.profile_id = Some("AIPAOTHEROTHEROTHER00".into()),
            |instance| instance.profile = None,
        ];
        for change in changes {
            let stub = world().serve();
            stub.world(|world| change(&mut world.instances[0]));
            let said = stopped(&stub, &script);
            assert!(
                said.contains(&format!("the instance profile of {INSTANCE} has changed; run ssm-profile again")),
                "{said}"
            );
        }
        stub.world(|world| world.profiles.push(Profile::new("sessions")));
        assert_eq!(really_run(&stub, &script), (Some(0), String::new()), "{script}");
        assert_eq!(stub.instance(INSTANCE).unwrap().profile.as_deref(), Some("sessions"));
    }
}

// What stands beside the text.

#[test]
fn a_snapshot_without_a_target_is_of_all_that_it_holds() {
    let stub = lacking().serve();
    let sandbox = Sandbox::at(&stub);
    let snapshot = sandbox.run(&["snapshot", INSTANCE]).expect(0).stdout;
    let calls = stub.calls().len();
    let file = sandbox.file("snapshot.json", snapshot).display().to_string();
    for form in FORMS {
        let named = emitted(&sandbox, form, &["--snapshot", &file, INSTANCE]);
        for targets in [&[][..], &["--all"], &["role/web"], &["--tag", "Name=web-1"], &["--region", "us-east-1"]] {
            assert_eq!(emitted(&sandbox, form, &[&["--snapshot", &file], targets].concat()), named, "{targets:?}");
        }
        let other = sandbox.run(&["fix", "--emit", form, "--snapshot", &file, STRANGER]).expect(3);
        assert_eq!(other.stdout, "");
        assert!(other.stderr.contains(STRANGER), "{other:?}");
    }
    let piped =
        sandbox.run_with_input(&["fix", "--emit", "cli", "--snapshot", "-"], fs::read(&file).unwrap()).expect(0);
    assert_eq!(piped.stdout, emitted(&sandbox, "cli", &["--snapshot", &file]));
    assert_eq!(stub.calls().len(), calls, "a snapshot needs no AWS call");
}

#[test]
fn where_nothing_is_to_be_done_nothing_is_printed() {
    let stub = World::ready().serve();
    for form in FORMS {
        let output = Sandbox::at(&stub).run(&["fix", INSTANCE, "--emit", form]).expect(0);
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", "nothing to do\n"));
    }
    assert!(stub.writes().is_empty());
}

#[test]
fn what_is_left_out_is_said_beside_the_text() {
    let group = Instance::new(STRANGER).tag("aws:autoscaling:groupName", "fleet");
    let world = || lacking().instance(group.clone());
    for form in FORMS {
        let stub = world().serve();
        let sandbox = Sandbox::at(&stub);
        // One of two: the text has the other.
        let both = sandbox.run(&["fix", INSTANCE, STRANGER, "--emit", form]).expect(1);
        let alone = sandbox.run(&["fix", INSTANCE, "--emit", form]).expect(0);
        assert_eq!((both.stdout, alone.stderr.as_str()), (alone.stdout, ""));
        for part in [STRANGER, "no instance profile", "--create-profile"] {
            assert!(both.stderr.contains(part), "{part}: {}", both.stderr);
        }
        // That one alone: there is no text, and something stays not ready.
        let none = sandbox.run(&["fix", STRANGER, "--emit", form]).expect(1);
        assert_eq!(none.stdout, "");
        assert!(none.stderr.contains(STRANGER) && !none.stderr.contains("nothing to do"), "{}", none.stderr);
        // What a person should know is said as well.
        let warned = sandbox.run(&["fix", STRANGER, "--create-profile", "new", "--emit", form]).expect(0);
        assert!(warned.stderr.contains("warning:") && warned.stderr.contains("`fleet`"), "{}", warned.stderr);
        assert!(!warned.stdout.contains("fleet") && !warned.stdout.is_empty());
        assert!(stub.writes().is_empty());
    }
}

#[test]
fn a_document_that_would_lose_something_is_refused_as_a_whole() {
    let statement = r#"{"Effect": "Deny", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}"#;
    let twice = format!(r#"{{"Version": "2012-10-17", "Statement": [{statement}]}}"#);
    let world = |document: &str| {
        // The first change could be printed; the second cannot.
        lacking()
            .instance(Instance::new(STRANGER).profile("odd"))
            .profile(Profile::new("odd").role("odd"))
            .role(Role::new("odd").inline("SessionManagerPermissions", document))
    };
    let targets = [INSTANCE, STRANGER];
    let null = twice.replacen("\"Effect\": \"Deny\", ", "\"Sid\": null, ", 1);
    let function =
        twice.replacen("\"Effect\": \"Deny\", ", "\"Condition\": {\"StringEquals\": {\"Fn::Sub\": \"x\"}}, ", 1);
    let reference = twice.replacen("\"Effect\": \"Deny\", ", "\"Sid\": \"{{resolve:ssm:x}}\", ", 1);
    for (form, document, named) in [
        ("terraform", &twice, &["`Effect` twice", "AWS CLI"][..]),
        ("cloudformation", &twice, &["`Effect` twice", "AWS CLI"]),
        ("cloudformation", &function, &["`Fn::Sub`", "AWS CLI"]),
        ("cloudformation", &reference, &["`{{resolve:ssm:x}}`", "AWS CLI"]),
        ("cloudformation", &null, &["`null`", "AWS CLI"]),
    ] {
        let stub = world(document).serve();
        let sandbox = Sandbox::at(&stub);
        let output = sandbox.run(&[&["fix", "--emit", form], &targets[..]].concat());
        assert_eq!((output.code, output.stdout.as_str()), (3, ""), "{form} of {document}: {output:?}");
        for part in [named, &["`SessionManagerPermissions`", "`odd`"]].concat() {
            assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
        }
        assert_eq!(output.stderr.matches("error: ").count(), 1, "{}", output.stderr);
        assert!(stub.writes().is_empty());
    }
    // The AWS CLI passes it on as it is, and so does a fix.
    let stub = world(&twice).serve();
    let sandbox = Sandbox::at(&stub);
    let script = emitted(&sandbox, "cli", &targets);
    let kept = commands(&script, "");
    let sent = kept[1].last().unwrap();
    assert!(sent.contains(r#"{"Effect":"Deny","Effect":"Allow","Action":"s3:GetObject","Resource":"*"}"#), "{sent}");
    make(&behind(&stub), &script, "");
    sandbox.run(&["check", INSTANCE, STRANGER]).expect(0);
}
