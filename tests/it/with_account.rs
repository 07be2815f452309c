//! Plans and templates that are completed from the account that they are for.

use serde_json::{Value, json};

use crate::live_stub::{errors, only_reads};
use crate::support::answer::Answer;
use crate::support::command::{Output, Sandbox};
use crate::support::model::{CORE, EC2_TRUST, Key, Policy, Profile, Role};
use crate::support::report::{Code, Outcome, Verdict};
use crate::support::stub::Stub;
use crate::support::terraform::{Resource, changed, deleted, kept, made, plan};
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
        made("aws_iam_role.web", json!({ "name": "web", "path": "/", "assume_role_policy": EC2_TRUST }))
            .unknown(json!({ "arn": true })),
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

/// What the plan deletes is not taken from the account, whichever way leads to it.
#[test]
fn a_key_or_alias_that_the_plan_deletes_is_none() {
    const ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555";
    let account = |named: &str| {
        let key = Key::new(KEY).alias("alias/sessions").policy(key_policy(ACCOUNT));
        world(everything()).preferences(session_document(named)).key(key)
    };
    let key = || deleted("aws_kms_key.sessions", json!({ "arn": ARN, "key_id": KEY, "id": KEY }));
    let alias_values = |name: &str| {
        let arn = format!("arn:aws:kms:us-east-1:{ACCOUNT}:{name}");
        json!({ "name": name, "id": name, "arn": arn, "target_key_id": KEY, "target_key_arn": ARN })
    };
    let alias = |name: &str| deleted("aws_kms_alias.sessions", alias_values(name));
    for named in ["alias/sessions", ARN, KEY] {
        holds(account(named), &chain(ACCOUNT, vec![]), &[], Ready);
        holds(account(named), &chain(ACCOUNT, vec![key()]), &[], NotReady);
        let replica = deleted("aws_kms_replica_key.sessions", json!({ "arn": ARN, "key_id": KEY }));
        holds(account(named), &chain(ACCOUNT, vec![replica]), &[], NotReady);
    }
    holds(account("alias/sessions"), &chain(ACCOUNT, vec![alias("alias/sessions")]), &[], NotReady);
    holds(account(ARN), &chain(ACCOUNT, vec![alias("alias/sessions")]), &[], Ready);
    holds(account("alias/sessions"), &chain(ACCOUNT, vec![alias("alias/other")]), &[], Ready);
    // The alias comes back for a key that stays, at another address.
    let stays =
        || kept("aws_kms_key.other", json!({ "arn": ARN, "key_id": KEY, "policy": key_policy(ACCOUNT).to_string() }));
    let again = made("aws_kms_alias.again", json!({ "name": "alias/sessions", "target_key_id": KEY }));
    holds(account("alias/sessions"), &chain(ACCOUNT, vec![stays(), again, alias("alias/sessions")]), &[], Ready);
    // An alias of the account stands for a key whose policy the plan changes.
    let closed = json!({ "arn": ARN, "key_id": KEY, "policy": key_policy("444455556666").to_string() });
    let closed = changed("aws_kms_key.sessions", json!({ "arn": ARN, "key_id": KEY }), closed);
    holds(account("alias/sessions"), &chain(ACCOUNT, vec![closed]), &[], NotReady);
    let read = made("data.aws_kms_key.sessions", json!({ "arn": ARN, "key_id": KEY, "key_state": "Enabled" }));
    holds(account("alias/sessions"), &chain(ACCOUNT, vec![read]), &[], Ready);
}

/// A grant that the plan makes counts on a key of the account.
#[test]
fn what_the_plan_grants_on_a_key_that_exists() {
    let account = || {
        let key = Key::new(KEY).alias("alias/sessions").policy(key_policy("444455556666"));
        world(allow(&CORE)).preferences(session_document("alias/sessions")).key(key)
    };
    let grant = |key: &str| {
        let values = json!({ "key_id": key, "operations": ["Decrypt"], "constraints": [] });
        made("aws_kms_grant.web", values).refers("grantee_principal", "aws_iam_role.web.arn")
    };
    holds(account(), &chain(ACCOUNT, vec![]), &[], NotReady);
    holds(account(), &chain(ACCOUNT, vec![grant(KEY)]), &[], Ready);
    holds(account(), &chain(ACCOUNT, vec![grant("99999999-2222-3333-4444-555555555555")]), &[], NotReady);
    let any = grant(KEY).refers("key_id", "local.key");
    holds(account(), &chain(ACCOUNT, vec![any]), &[], Unknown);
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
    let expected = "error: no AWS credentials found; run `aws configure` or `aws sso login`, or give `--profile`\n";
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", expected));
    let output = Sandbox::at(&stub).run(&["check", "role/web", "--with-account"]).expect(2);
    assert!(output.stderr.contains("`--with-account` is for a plan or template"), "{}", output.stderr);
    assert!(stub.calls().is_empty(), "{:?}", stub.actions());
}

/// A plan of this account with an instance and these.
fn around(instance: Value, more: Vec<Resource>) -> Value {
    around_target("aws_instance.web", instance, more)
}

fn around_target(address: &str, values: Value, more: Vec<Resource>) -> Value {
    let own = vec![made("data.aws_caller_identity.own", json!({ "account_id": ACCOUNT })), made(address, values)];
    plan(own.into_iter().chain(more).collect())
}

fn with_profile(more: Vec<Resource>) -> Value {
    around(json!({ "iam_instance_profile": "existing" }), more)
}

/// An account with a profile `existing` that holds a role `shared`.
fn existing(role: impl FnOnce(Role) -> Role) -> World {
    let role = role(Role::new("shared"));
    World::new(ACCOUNT)
        .profile(Profile::new("existing").role("shared"))
        .role(role)
        .policy(Policy::new("web", everything()))
}

fn outcome(world: World, content: &Value) -> Outcome {
    let stub = world.serve();
    let outcome = run(&stub, "--terraform-plan", &content.to_string(), &["--with-account"]).report().only().clone();
    only_reads(&stub);
    outcome
}

#[track_caller]
fn finds(world: World, content: &Value, verdict: Verdict, codes: &[Code]) {
    let outcome = outcome(world, content);
    assert_eq!((outcome.verdict, errors(&outcome).as_slice()), (verdict, codes), "{:?}", outcome.findings);
}

#[test]
fn a_profile_that_exists_is_read_with_its_role() {
    let plan = || with_profile(vec![]);
    finds(existing(|role| role.inline("core", everything())), &plan(), Ready, &[]);
    finds(existing(|role| role.attach("web")), &plan(), Ready, &[]);
    finds(existing(|role| role), &plan(), NotReady, &[Code::MissingPermission]);
    let lambda = EC2_TRUST.replace("ec2.", "lambda.");
    finds(existing(|role| role.attach("web").trust(lambda)), &plan(), NotReady, &[Code::TrustPolicy]);
    let bounded = existing(|role| role.attach("web").boundary("limit")).policy(Policy::new("limit", allow(&["s3:*"])));
    finds(bounded, &plan(), NotReady, &[Code::BlockedByBoundary]);
    finds(World::new(ACCOUNT), &plan(), NotReady, &[Code::InstanceProfileMissing]);
    let empty = World::new(ACCOUNT).profile(Profile::new("existing"));
    finds(empty, &plan(), NotReady, &[Code::InstanceProfileEmpty]);
    // A launch configuration takes an ARN, too.
    let by_arn = |account: &str| {
        let arn = format!("arn:aws:iam::{account}:instance-profile/existing");
        around_target("aws_launch_configuration.web", json!({ "iam_instance_profile": arn }), vec![])
    };
    finds(existing(|role| role.attach("web")), &by_arn(ACCOUNT), Ready, &[]);
    finds(existing(|role| role.attach("web")), &by_arn("444455556666"), Unknown, &[]);

    let template = |name: &str| json!({ "Resources": { "Web": { "Type": "AWS::EC2::Instance", "Properties": { "IamInstanceProfile": name } } } });
    let place = ["--with-account", "--region", "us-east-1", "--account", ACCOUNT];
    for (name, verdict) in [("existing", Ready), ("another", NotReady)] {
        let stub = existing(|role| role.attach("web")).serve();
        let report = run(&stub, "--cloudformation", &template(name).to_string(), &place).report();
        assert_eq!(report.only().verdict, verdict, "{:?}", report.only().findings);
    }
}

/// What cannot be read leaves open what depends on it, and nothing else.
#[test]
fn what_may_not_be_read_is_named() {
    let denied =
        |action: &str| existing(|role| role.attach("web")).fail(action, Answer::denied(&format!("iam:{action}")));
    for (action, verdict) in [
        ("GetInstanceProfile", Unknown),
        ("ListAttachedRolePolicies", Unknown),
        ("GetPolicyVersion", Unknown),
        ("GetRole", Unknown),
    ] {
        let outcome = outcome(denied(action), &with_profile(vec![]));
        assert_eq!((outcome.verdict, errors(&outcome)), (verdict, vec![]), "{action}: {:?}", outcome.findings);
        let message = &outcome.finding(Code::AccessDenied).message;
        assert!(message.contains(action), "{action}: {message}");
    }
    // An explicit deny in a policy that could be read decides, whatever the others say.
    let deny = document(json!({ "Effect": "Deny", "Action": "ssmmessages:*", "Resource": "*" }));
    let denies = existing(|role| role.inline("deny", deny))
        .fail("ListAttachedRolePolicies", Answer::denied("iam:ListAttachedRolePolicies"));
    finds(denies, &with_profile(vec![]), NotReady, &[Code::ExplicitDeny]);
}

#[test]
fn the_plan_s_changes_to_a_role_that_exists_count() {
    let attachment = || made("aws_iam_role_policy_attachment.web", json!({ "role": "shared", "policy_arn": POLICY }));
    let inline = |policy: Value| {
        made("aws_iam_role_policy.core", json!({ "role": "shared", "name": "core", "policy": policy.to_string() }))
    };
    finds(existing(|role| role), &with_profile(vec![attachment()]), Ready, &[]);
    finds(existing(|role| role), &with_profile(vec![inline(everything())]), Ready, &[]);
    // It is replaced by one of the same name.
    let narrowed = with_profile(vec![inline(allow(&["s3:*"]))]);
    finds(existing(|role| role.inline("core", everything())), &narrowed, NotReady, &[Code::MissingPermission]);
    let denied = with_profile(vec![inline(document(json!({ "Effect": "Deny", "Action": "ssm:*", "Resource": "*" })))]);
    finds(existing(|role| role.attach("web")), &denied, NotReady, &[Code::ExplicitDeny]);
    let detached = deleted("aws_iam_role_policy_attachment.web", json!({ "role": "shared", "policy_arn": POLICY }));
    finds(existing(|role| role.attach("web")), &with_profile(vec![detached]), NotReady, &[Code::MissingPermission]);
    let gone = deleted("aws_iam_role_policy.core", json!({ "role": "shared", "name": "core", "policy": "" }));
    finds(
        existing(|role| role.inline("core", everything())),
        &with_profile(vec![gone]),
        NotReady,
        &[Code::MissingPermission],
    );
    // It goes at one address and comes at another: which of the two is last, nothing says. So with two of one name.
    let old = json!({ "role": "shared", "name": "core", "policy": everything().to_string() });
    let moved = with_profile(vec![deleted("aws_iam_role_policy.old", old), inline(everything())]);
    finds(existing(|role| role.inline("core", everything())), &moved, Unknown, &[]);
    let less = json!({ "role": "shared", "name": "core", "policy": allow(&["s3:*"]).to_string() });
    let both = with_profile(vec![made("aws_iam_role_policy.less", less), inline(everything())]);
    finds(existing(|role| role), &both, Unknown, &[]);
    // Of another role.
    let other = made("aws_iam_role_policy_attachment.web", json!({ "role": "other", "policy_arn": POLICY }));
    finds(existing(|role| role), &with_profile(vec![other]), NotReady, &[Code::MissingPermission]);
    // Which role it is of is not known.
    let any = made("aws_iam_role_policy.any", json!({ "name": "any", "policy": everything().to_string() }))
        .refers("role", "local.role");
    finds(existing(|role| role.attach("web")), &with_profile(vec![any]), Unknown, &[]);
    let exclusive = made("aws_iam_role_policies_exclusive.x", json!({ "role_name": "shared", "policy_names": [] }));
    finds(existing(|role| role.inline("core", everything())), &with_profile(vec![exclusive]), Unknown, &[]);
    // The document of a managed policy that the role has becomes another.
    let changes = json!({ "name": "web", "arn": POLICY, "policy": allow(&["s3:*"]).to_string() });
    let changed = with_profile(vec![made("aws_iam_policy.web", changes)]);
    finds(existing(|role| role.attach("web")), &changed, NotReady, &[Code::MissingPermission]);
    let later = made("aws_iam_policy.web", json!({ "name": "web", "arn": POLICY })).refers("policy", "local.policy");
    finds(existing(|role| role.attach("web")), &with_profile(vec![later]), Unknown, &[]);
    // The role of the profile is in the plan: what the plan says of it will be.
    let own = made("aws_iam_role.shared", json!({ "name": "shared", "path": "/", "assume_role_policy": EC2_TRUST }));
    finds(existing(|role| role.attach("web")), &with_profile(vec![own]), NotReady, &[Code::MissingPermission]);
}

#[test]
fn a_new_profile_of_a_role_that_exists() {
    let profile = |role: &str| made("aws_iam_instance_profile.web", json!({ "name": "web", "role": role }));
    let of = |role: &str, more: Vec<Resource>| {
        around(json!({ "iam_instance_profile": "web" }), [vec![profile(role)], more].concat())
    };
    finds(existing(|role| role.attach("web")), &of("shared", vec![]), Ready, &[]);
    finds(existing(|role| role), &of("shared", vec![]), NotReady, &[Code::MissingPermission]);
    finds(existing(|role| role), &of("another", vec![]), NotReady, &[Code::RoleMissing]);
    let read = made("data.aws_iam_role.shared", json!({ "name": "shared", "id": "shared" }));
    let attachment = made("aws_iam_role_policy_attachment.web", json!({ "role": "shared", "policy_arn": POLICY }));
    finds(existing(|role| role), &of("shared", vec![read, attachment]), Ready, &[]);

    let template = |policies: Value| {
        json!({ "Resources": {
            "Web": { "Type": "AWS::EC2::Instance", "Properties": { "IamInstanceProfile": { "Ref": "Profile" } } },
            "Profile": { "Type": "AWS::IAM::InstanceProfile", "Properties": { "Roles": ["shared"] } },
            "Policy": { "Type": "AWS::IAM::Policy", "Properties": { "PolicyName": "core", "Roles": policies, "PolicyDocument": everything() } },
        } })
    };
    for (roles, verdict) in
        [(json!(["shared"]), Ready), (json!(["other"]), NotReady), (json!([{ "Fn::ImportValue": "role" }]), Unknown)]
    {
        let stub = existing(|role| role).serve();
        let outcome =
            run(&stub, "--cloudformation", &template(roles).to_string(), &["--with-account", "--region", "us-east-1"]);
        let report = outcome.report();
        assert_eq!(report.only().verdict, verdict, "{:?}", report.only().findings);
    }
}

/// An inline policy of a role that exists is replaced by one of its name, and that of a new one may be known only after deployment.
#[test]
fn a_policy_whose_name_is_not_known_may_replace_one_of_the_role() {
    let template = |name: Value, policy: Value| {
        json!({ "Parameters": { "Name": { "Type": "String" } }, "Resources": {
            "Web": { "Type": "AWS::EC2::Instance", "Properties": { "IamInstanceProfile": { "Ref": "Profile" } } },
            "Profile": { "Type": "AWS::IAM::InstanceProfile", "Properties": { "Roles": ["shared"] } },
            "Policy": { "Type": "AWS::IAM::Policy", "Properties": { "PolicyName": name, "Roles": ["shared"], "PolicyDocument": policy } },
        } })
    };
    let objects = || allow(&["s3:GetObject"]);
    let open = || json!({ "Ref": "Name" });
    for (name, policy, verdict) in [
        (json!("other"), objects(), Ready),
        (json!("core"), objects(), NotReady),
        (open(), objects(), Unknown),
        (open(), everything(), Ready),
        (json!({ "Fn::Sub": "${Name}re" }), objects(), Unknown),
        (json!({ "Fn::Sub": "${Name}-logs" }), objects(), Ready),
    ] {
        let stub = existing(|role| role.inline("core", everything())).serve();
        let template = template(name.clone(), policy).to_string();
        let arguments = ["--with-account", "--region", "us-east-1", "--account", ACCOUNT];
        let report = run(&stub, "--cloudformation", &template, &arguments).report();
        assert_eq!(report.only().verdict, verdict, "{name}: {:?}", report.only().findings);
    }
}

/// Deleting a role takes it out of its profiles, wherever these are.
#[test]
fn a_role_that_the_plan_deletes_is_in_no_profile() {
    let gone = |name: &str| {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
        deleted("aws_iam_role.old", json!({ "name": name, "arn": arn }))
    };
    let attached = || existing(|role| role.attach("web"));
    finds(attached(), &with_profile(vec![gone("SHARED")]), NotReady, &[Code::InstanceProfileEmpty]);
    finds(attached(), &with_profile(vec![gone("other")]), Ready, &[]);
    let profile = || kept("aws_iam_instance_profile.web", json!({ "name": "web", "role": "shared" }));
    let of = |more: Vec<Resource>| around(json!({ "iam_instance_profile": "web" }), [vec![profile()], more].concat());
    finds(attached(), &of(vec![gone("shared")]), NotReady, &[Code::InstanceProfileEmpty]);
    finds(attached(), &of(vec![gone("other")]), Ready, &[]);
    let read = made("data.aws_iam_role.shared", json!({ "name": "shared", "id": "shared" }));
    finds(attached(), &of(vec![read, gone("shared")]), NotReady, &[Code::InstanceProfileEmpty]);
    // It may come back by other means.
    let again = made("awscc_iam_role.shared", json!({ "role_name": "shared" }));
    finds(attached(), &of(vec![again, gone("shared")]), Unknown, &[]);
    let of_ssm = Role::new("shared").trust(EC2_TRUST.replace("ec2.", "ssm.")).inline("core", everything());
    let managed = World::new(ACCOUNT).role(of_ssm).host_management("shared");
    let codes = [Code::NoInstanceProfile, Code::RoleMissing];
    finds(managed, &around(json!({}), vec![gone("shared")]), NotReady, &codes);
}

#[test]
fn a_managed_policy_that_the_plan_deletes_is_not_read() {
    let gone = |arn: &str| deleted("aws_iam_policy.web", json!({ "name": "web", "arn": arn }));
    finds(existing(|role| role.attach("web")), &with_profile(vec![gone(POLICY)]), Unknown, &[]);
    let other = "arn:aws:iam::111122223333:policy/other";
    finds(existing(|role| role.attach("web")), &with_profile(vec![gone(other)]), Ready, &[]);
    finds(world(everything()), &chain(ACCOUNT, vec![gone(POLICY)]), Unknown, &[]);
}

/// Of two attachments of one policy to a role that exists one goes, and with it the policy.
#[test]
fn what_stays_gives_a_role_that_exists_nothing() {
    let values = || json!({ "role": "shared", "policy_arn": POLICY });
    let gone = || deleted("aws_iam_role_policy_attachment.old", values());
    let stays = kept("aws_iam_role_policy_attachment.web", values());
    let attached = || existing(|role| role.attach("web"));
    finds(attached(), &with_profile(vec![stays, gone()]), NotReady, &[Code::MissingPermission]);
    let comes = made("aws_iam_role_policy_attachment.web", values());
    finds(attached(), &with_profile(vec![comes, gone()]), Unknown, &[]);
    let list = |roles: Value| json!({ "name": "web", "roles": roles, "policy_arn": POLICY });
    let grows = changed("aws_iam_policy_attachment.web", list(json!(["shared"])), list(json!(["shared", "other"])));
    finds(attached(), &with_profile(vec![grows]), Ready, &[]);
    let document = |policy: Value| json!({ "role": "shared", "name": "core", "policy": policy.to_string() });
    let written = changed("aws_iam_role_policy.core", document(allow(&["s3:*"])), document(everything()));
    finds(existing(|role| role.inline("core", allow(&["s3:*"]))), &with_profile(vec![written]), Ready, &[]);
}

/// Without a profile the agent goes by the role of the account's host management; its version is known of no new instance.
#[test]
fn host_management_of_the_account_is_read() {
    let bare = || around(json!({}), vec![]);
    let managed = |role: Role| World::new(ACCOUNT).role(role).host_management("shared");
    let of_ssm = || Role::new("shared").trust(EC2_TRUST.replace("ec2.", "ssm."));
    finds(World::new(ACCOUNT), &bare(), NotReady, &[Code::NoInstanceProfile]);
    finds(managed(of_ssm().inline("core", everything())), &bare(), Unknown, &[]);
    finds(managed(of_ssm()), &bare(), NotReady, &[Code::NoInstanceProfile, Code::MissingPermission]);
    let given = made(
        "aws_iam_role_policy.core",
        json!({ "role": "shared", "name": "core", "policy": everything().to_string() }),
    );
    finds(managed(of_ssm()), &around(json!({}), vec![given]), Unknown, &[]);
    let denied = World::new(ACCOUNT).fail("GetServiceSetting", Answer::denied("ssm:GetServiceSetting"));
    finds(denied, &bare(), Unknown, &[]);
    // A setting of the plan wins.
    let off = made(
        "aws_ssm_service_setting.off",
        json!({ "setting_id": "/ssm/managed-instance/default-ec2-instance-management-role", "setting_value": "$None" }),
    );
    finds(
        managed(of_ssm().inline("core", everything())),
        &around(json!({}), vec![off]),
        NotReady,
        &[Code::NoInstanceProfile],
    );
    // A profile that lets the agent in is used, and only that.
    let both = existing(|role| role.attach("web")).host_management("shared");
    finds(both, &with_profile(vec![]), Ready, &[]);
}

#[test]
fn roles_of_another_account_are_not_taken() {
    let foreign = plan(vec![
        made("data.aws_caller_identity.own", json!({ "account_id": "444455556666" })),
        made("aws_instance.web", json!({ "iam_instance_profile": "existing" })),
    ]);
    let stub = existing(|role| role.attach("web")).serve();
    let report = run(&stub, "--terraform-plan", &foreign.to_string(), &["--with-account"]).report();
    assert_eq!(report.only().verdict, Unknown, "{:?}", report.only().findings);
    assert!(!stub.actions().iter().any(|action| action == "GetInstanceProfile"), "{:?}", stub.actions());
}
