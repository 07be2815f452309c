//! Plans and templates that are completed from the account that they are for.

use serde_json::{Value, json};

use crate::support::command::{Output, Sandbox};
use crate::support::model::{CORE, EC2_TRUST, Key, Policy};
use crate::support::report::Verdict;
use crate::support::stub::Stub;
use crate::support::terraform::{Resource, made, plan};
use crate::support::world::{ACCOUNT, World};

use Verdict::{NotReady, Ready, Unknown};

const POLICY: &str = "arn:aws:iam::111122223333:policy/web";
const KEY: &str = "11111111-2222-3333-4444-555555555555";

fn document(statement: Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

fn allow(actions: &[&str]) -> Value {
    document(json!({ "Effect": "Allow", "Action": actions, "Resource": "*" }))
}

/// What sessions need, with an encrypted one's `kms:Decrypt`.
fn everything() -> Value {
    allow(&[&CORE[..], &["kms:Decrypt"]].concat())
}

fn key_policy(account: &str) -> Value {
    document(json!({ "Effect": "Allow", "Principal": { "AWS": account }, "Action": "kms:*", "Resource": "*" }))
}

fn session_document(key: &str) -> Value {
    json!({ "schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": { "kmsKeyId": key } })
}

/// An instance whose role has the managed policy of the account, and these.
fn chain(account: &str, more: Vec<Resource>) -> Value {
    let own = vec![
        made("data.aws_caller_identity.own", json!({ "account_id": account })),
        made("aws_instance.web", json!({ "iam_instance_profile": "web" })),
        made("aws_iam_instance_profile.web", json!({ "name": "web", "role": "web" })),
        made("aws_iam_role.web", json!({ "name": "web", "path": "/", "assume_role_policy": EC2_TRUST })),
        made("aws_iam_role_policy_attachment.web", json!({ "role": "web", "policy_arn": POLICY })),
    ];
    plan(own.into_iter().chain(more).collect())
}

fn template() -> String {
    let trust: Value = serde_json::from_str(EC2_TRUST).unwrap();
    json!({ "Resources": {
        "Web": { "Type": "AWS::EC2::Instance", "Properties": { "IamInstanceProfile": { "Ref": "Profile" } } },
        "Profile": { "Type": "AWS::IAM::InstanceProfile", "Properties": { "Roles": [{ "Ref": "Role" }] } },
        "Role": { "Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": trust, "ManagedPolicyArns": [POLICY],
        } },
    } })
    .to_string()
}

/// Runs `check` on a plan or template, beside this account.
fn run(stub: &Stub, source: &str, content: &str, arguments: &[&str]) -> Output {
    let sandbox = Sandbox::at(stub);
    sandbox.file("file.json", content);
    sandbox.run(&[&["check", source, "file.json", "-o", "json"], arguments].concat())
}

fn world(policy: Value) -> World {
    World::new(ACCOUNT).policy(Policy::new("web", policy))
}

#[track_caller]
fn holds(world: World, content: &Value, arguments: &[&str], verdict: Verdict) {
    let stub = world.serve();
    let with = [&["--with-account"], arguments].concat();
    let outcome = run(&stub, "--terraform-plan", &content.to_string(), &with).report().results.remove(0);
    assert_eq!(outcome.verdict, verdict, "{arguments:?}: {:?}", outcome.findings);
}

#[test]
fn a_managed_policy_that_is_not_in_the_file_is_read_with_the_flag_only() {
    let place: &[&str] = &["--region", "us-east-1", "--account", ACCOUNT];
    let plan = chain(ACCOUNT, Vec::new()).to_string();
    for (source, content, arguments) in [("--terraform-plan", plan, &[][..]), ("--cloudformation", template(), place)] {
        for (policy, verdict) in [(everything(), Ready), (allow(&["s3:GetObject"]), NotReady)] {
            let stub = world(policy).serve();
            let without = run(&stub, source, &content, arguments).report().results.remove(0);
            assert_eq!(without.verdict, Unknown, "{source}: {:?}", without.findings);
            assert!(stub.calls().is_empty(), "without the flag no call is made: {:?}", stub.actions());
            let with = [arguments, &["--with-account"]].concat();
            let outcome = run(&stub, source, &content, &with).report().results.remove(0);
            assert_eq!(outcome.verdict, verdict, "{source}: {:?}", outcome.findings);
        }
    }
}

#[test]
fn a_policy_that_may_not_be_read_stays_unknown() {
    let stub = World::new(ACCOUNT).serve();
    let content = chain(ACCOUNT, Vec::new()).to_string();
    let outcome = run(&stub, "--terraform-plan", &content, &["--with-account"]).report().results.remove(0);
    assert_eq!(outcome.verdict, Unknown, "{:?}", outcome.findings);
}

/// The preferences of the account name a key of the account, whose policy decides.
#[test]
fn session_preferences_and_their_key_are_read() {
    let account = |owner: &str| {
        let key = Key::new(KEY).alias("alias/sessions").policy(key_policy(owner));
        world(everything()).preferences(session_document("alias/sessions")).key(key)
    };
    let plan = chain(ACCOUNT, Vec::new());
    holds(account(ACCOUNT), &plan, &[], Ready);
    holds(account("444455556666"), &plan, &[], NotReady);
    holds(account("444455556666"), &plan, &["--preferences", "none"], Ready);
    holds(account("444455556666"), &plan, &["--preferences", "none", "--kms-key", "alias/sessions"], NotReady);
    // The role lacks what encrypted sessions need.
    let lacks = world(allow(&CORE)).preferences(session_document("alias/sessions"));
    holds(lacks.key(Key::new(KEY).alias("alias/sessions").policy(key_policy("444455556666"))), &plan, &[], NotReady);
}

/// What the plan makes is what will be, whatever the account has now.
#[test]
fn the_plan_s_own_key_and_preferences_win() {
    let account = || {
        let key = Key::new(KEY).alias("alias/sessions").policy(key_policy("444455556666"));
        world(everything()).preferences(session_document("alias/sessions")).key(key)
    };
    let plain = json!({ "schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {} }).to_string();
    let values = json!({ "name": "SSM-SessionManagerRunShell", "document_format": "JSON", "content": plain });
    holds(account(), &chain(ACCOUNT, vec![made("aws_ssm_document.preferences", values)]), &[], Ready);
    let key = made("aws_kms_key.sessions", json!({}))
        .unknown(json!({ "arn": true, "key_id": true, "id": true, "policy": true }));
    let alias = made("aws_kms_alias.sessions", json!({ "name": "alias/sessions" }));
    let alias = alias.refers("target_key_id", "aws_kms_key.sessions.key_id");
    holds(account(), &chain(ACCOUNT, vec![key, alias]), &[], Ready);
}

#[test]
fn settings_of_another_account_are_not_taken() {
    let of_tools = world(everything()).preferences(session_document("alias/none"));
    holds(of_tools, &chain("444455556666", Vec::new()), &[], Ready);
}

#[test]
fn the_flag_needs_credentials_and_a_plan_or_template() {
    let stub = world(everything()).serve();
    let sandbox = Sandbox::at(&stub).without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    sandbox.file("file.json", chain(ACCOUNT, Vec::new()));
    let output = sandbox.run(&["check", "--terraform-plan", "file.json", "--with-account"]).expect(3);
    let expected =
        "error: no AWS credentials found; run `aws configure` or `aws sso login`, or give another `--profile`\n";
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", expected));
    let output = Sandbox::at(&stub).run(&["check", "role/web", "--with-account"]).expect(2);
    assert!(output.stderr.contains("`--with-account` is for a plan or template"), "{}", output.stderr);
    assert!(stub.calls().is_empty(), "{:?}", stub.actions());
}
