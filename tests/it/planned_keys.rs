//! Session keys that a plan or template makes itself: judged by the policy that they will have.

use serde_json::{Value, json};

use crate::support::command::Sandbox;
use crate::support::model::{CORE, EC2_TRUST};
use crate::support::report::{Code, Outcome, Verdict};
use crate::support::terraform::{Resource, kept, made, plan};

use Verdict::{NotReady, Ready, Unknown};

const ACCOUNT: &str = "111122223333";
const ROLE: &str = "arn:aws:iam::111122223333:role/web";
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/11111111-2222-3333-4444-555555555555";
const OTHER: &str = "arn:aws:kms:us-east-1:111122223333:key/99999999-2222-3333-4444-555555555555";

fn document(statements: Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// What the role may do, with `kms:Decrypt` on these.
fn permissions(keys: &[&str]) -> String {
    let mut statements = vec![json!({ "Effect": "Allow", "Action": CORE, "Resource": "*" })];
    if !keys.is_empty() {
        statements.push(json!({ "Effect": "Allow", "Action": "kms:Decrypt", "Resource": keys }));
    }
    document(json!(statements))
}

fn key_policy(principal: &str) -> String {
    document(json!([{ "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "kms:*", "Resource": "*" }]))
}

fn root() -> String {
    key_policy("arn:aws:iam::111122223333:root")
}

/// An instance with its profile and a role that is allowed this, in an account that is known.
fn chain(policy: &str) -> Vec<Resource> {
    vec![
        made("data.aws_caller_identity.own", json!({ "account_id": ACCOUNT })),
        made("aws_instance.web", json!({ "iam_instance_profile": "web" })),
        made("aws_iam_instance_profile.web", json!({ "name": "web", "role": "web" })),
        made("aws_iam_role.web", json!({ "name": "web", "path": "/", "assume_role_policy": EC2_TRUST }))
            .unknown(json!({ "arn": true })),
        made("aws_iam_role_policy.web", json!({ "name": "web", "role": "web", "policy": policy })),
    ]
}

/// A key whose id is known only after apply.
fn key(values: Value) -> Resource {
    let expressions = match values.get("policy") {
        Some(_) => json!({ "policy": { "constant_value": "" } }),
        None => json!({}),
    };
    let unknown = json!({ "arn": true, "key_id": true, "id": true, "policy": values.get("policy").is_none() });
    made("aws_kms_key.sessions", values).unknown(unknown).expressions(expressions)
}

fn alias() -> Resource {
    made("aws_kms_alias.sessions", json!({ "name": "alias/sessions" }))
        .unknown(json!({ "arn": true, "id": true }))
        .refers("target_key_id", "aws_kms_key.sessions.key_id")
}

fn preferences(key: &str) -> Resource {
    let content = json!({ "schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": { "kmsKeyId": key } });
    let values =
        json!({ "name": "SSM-SessionManagerRunShell", "document_format": "JSON", "content": content.to_string() });
    made("aws_ssm_document.preferences", values)
}

fn check(flag: &str, content: impl ToString, arguments: &[&str]) -> Outcome {
    let sandbox = Sandbox::new();
    sandbox.file("file", content);
    let output = sandbox.run(&[&["check", flag, "file", "-o", "json"], arguments].concat());
    output.report().results.remove(0)
}

fn check_plan(resources: impl IntoIterator<Item = Resource>, arguments: &[&str]) -> Outcome {
    check("--terraform-plan", plan(resources.into_iter().collect()), arguments)
}

#[track_caller]
fn holds(what: &str, outcome: &Outcome, verdict: Verdict, codes: &[Code]) {
    assert_eq!((outcome.verdict, outcome.grounds().as_slice()), (verdict, codes), "{what}: {:?}", outcome.findings);
}

/// A new key has an id of its own: only a policy that covers every key of the account is certain to cover it.
#[test]
fn a_new_key_of_a_plan_is_found_by_its_alias_and_judged_by_its_policy() {
    let any = permissions(&["*"]);
    let elsewhere = "arn:aws:iam::111122223333:role/other";
    for (what, role, key, verdict, codes) in [
        ("the account", any.as_str(), key(json!({ "policy": root() })), Ready, &[][..]),
        ("the role", &any, key(json!({ "policy": key_policy(ROLE) })), Ready, &[]),
        ("the default policy", &any, key(json!({})), Ready, &[]),
        ("another role", &any, key(json!({ "policy": key_policy(elsewhere) })), NotReady, &[Code::KmsKeyPolicy]),
        ("disabled", &any, key(json!({ "is_enabled": false })), NotReady, &[Code::KmsKeyPolicy]),
        ("enabled", &any, key(json!({ "is_enabled": true, "key_usage": "ENCRYPT_DECRYPT" })), Ready, &[]),
        ("for signatures", &any, key(json!({ "key_usage": "SIGN_VERIFY" })), Unknown, &[Code::NotInPlan]),
        (
            "of elliptic curves",
            &any,
            key(json!({ "customer_master_key_spec": "RSA_2048" })),
            Unknown,
            &[Code::NotInPlan],
        ),
        ("no permission", &permissions(&[]), key(json!({})), NotReady, &[Code::MissingPermission]),
        (
            "every key of the account",
            &permissions(&["arn:aws:kms:us-east-1:111122223333:key/*"]),
            key(json!({})),
            Ready,
            &[],
        ),
        (
            "every key of a Region",
            &permissions(&["arn:aws:kms:eu-west-1:111122223333:key/*"]),
            key(json!({})),
            NotReady,
            &[Code::MissingPermission],
        ),
        (
            "a policy that is not known",
            &any,
            key(json!({})).refers("policy", "data.aws_iam_policy_document.key.json"),
            Unknown,
            &[Code::NotInPlan],
        ),
    ] {
        let resources = || chain(role).into_iter().chain([alias()]);
        let by_flag = check_plan(resources().chain([key.clone()]), &["--kms-key", "alias/sessions"]);
        holds(what, &by_flag, verdict, codes);
        let by_preferences = check_plan(resources().chain([key, preferences("alias/sessions")]), &[]);
        holds(what, &by_preferences, verdict, codes);
    }
}

/// A grant allows what neither the role's policies nor the key's say, and is never less than these.
#[test]
fn what_the_plan_grants_on_a_key() {
    let closed = || key(json!({ "policy": key_policy("arn:aws:iam::111122223333:role/admin") }));
    let grant = |more: Value| {
        let mut values = json!({ "operations": ["Decrypt", "GenerateDataKey"], "constraints": [] });
        values.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        made("aws_kms_grant.sessions", values).refers("key_id", "aws_kms_key.sessions.key_id")
    };
    let to_web = |more: Value| grant(more).refers("grantee_principal", "aws_iam_role.web.arn");
    let named = |principal: &str| grant(json!({ "grantee_principal": principal }));
    let nothing = || permissions(&[]);
    let missing: &[Code] = &[Code::MissingPermission];
    let of_context = json!([{ "encryption_context_subset": { "Department": "Finance" } }]);
    for (what, role, key, grant, verdict, codes) in [
        ("the role", nothing(), closed(), to_web(json!({})), Ready, &[][..]),
        ("by name", nothing(), closed(), named(ROLE), Ready, &[]),
        ("another role", nothing(), closed(), named("arn:aws:iam::111122223333:role/other"), NotReady, missing),
        ("the account", nothing(), closed(), named("arn:aws:iam::111122223333:root"), Unknown, &[]),
        ("other operations", nothing(), closed(), to_web(json!({ "operations": ["Encrypt"] })), NotReady, missing),
        ("some contexts", nothing(), closed(), to_web(json!({ "constraints": of_context })), Unknown, &[]),
        ("someone", nothing(), closed(), grant(json!({})).refers("grantee_principal", "local.arn"), Unknown, &[]),
        ("any key", nothing(), closed(), to_web(json!({})).refers("key_id", "local.key"), Unknown, &[]),
        (
            "another key",
            nothing(),
            closed(),
            named(ROLE).refers("key_id", "aws_kms_key.other.key_id"),
            NotReady,
            missing,
        ),
        ("a permission of the role", permissions(&["*"]), closed(), to_web(json!({})), Ready, &[]),
        ("beside what suffices", permissions(&["*"]), key(json!({})), named("arn:aws:iam::1:root"), Ready, &[]),
    ] {
        let other = made("aws_kms_key.other", json!({})).unknown(json!({ "arn": true, "key_id": true, "id": true }));
        let resources = chain(&role).into_iter().chain([alias(), key, other, grant]);
        let outcome = check_plan(resources, &["--kms-key", "alias/sessions"]);
        assert_eq!(outcome.verdict, verdict, "{what}: {:?}", outcome.findings);
        if !codes.is_empty() {
            holds(what, &outcome, verdict, codes);
        }
    }
}

#[test]
fn the_policy_of_a_key_may_stand_in_a_resource_of_its_own() {
    let apart = |policy: &str| {
        let resource = made("aws_kms_key_policy.sessions", json!({ "policy": policy }));
        let resources = chain(&permissions(&["*"])).into_iter().chain([
            alias(),
            key(json!({})),
            resource.refers("key_id", "aws_kms_key.sessions.id"),
        ]);
        check_plan(resources, &["--kms-key", "alias/sessions"])
    };
    holds("the account", &apart(&root()), Ready, &[]);
    holds("nobody here", &apart(&key_policy("444455556666")), NotReady, &[Code::KmsKeyPolicy]);
}

#[test]
fn a_key_that_exists_is_found_by_each_of_its_names() {
    let id = KEY.rsplit('/').next().unwrap();
    let by = |given: &str, role: &str, policy: &str| {
        let key = kept(
            "aws_kms_key.sessions",
            json!({ "arn": KEY, "key_id": id, "id": id, "is_enabled": true, "policy": policy }),
        );
        let alias = kept("aws_kms_alias.sessions", json!({ "name": "alias/sessions", "target_key_id": id }));
        let resources = chain(role).into_iter().chain([key, alias, preferences(given)]);
        check_plan(resources, &[])
    };
    for given in [KEY, id, "alias/sessions", "arn:aws:kms:us-east-1:111122223333:alias/sessions"] {
        holds(given, &by(given, &permissions(&[KEY]), &root()), Ready, &[]);
        holds(given, &by(given, &permissions(&[OTHER]), &root()), NotReady, &[Code::MissingPermission]);
        holds(given, &by(given, &permissions(&[KEY]), &key_policy("444455556666")), NotReady, &[Code::KmsKeyPolicy]);
    }
}

/// The preferences and the flag name two new keys, of which only one can be used.
#[test]
fn two_new_keys_are_not_taken_for_one() {
    let closed = made("aws_kms_key.closed", json!({ "policy": key_policy("444455556666") }))
        .unknown(json!({ "arn": true, "key_id": true, "id": true }))
        .expressions(json!({ "policy": { "constant_value": "" } }));
    let of_closed = made("aws_kms_alias.closed", json!({ "name": "alias/closed" }))
        .refers("target_key_id", "aws_kms_key.closed.key_id");
    for (one, other) in [("alias/closed", "alias/sessions"), ("alias/sessions", "alias/closed")] {
        let resources =
            chain(&permissions(&["*"])).into_iter().chain([alias(), key(json!({})), closed.clone(), of_closed.clone()]);
        let outcome = check_plan(resources.chain([preferences(one)]), &["--kms-key", other]);
        holds(one, &outcome, NotReady, &[Code::KmsKeyPolicy]);
    }
}

/// An alias is a name within its account.
#[test]
fn an_alias_of_another_account_is_not_taken_for_one_of_the_instance_s() {
    let of_tools = |resource: Resource| resource.config(json!({ "provider_config_key": "aws.tools" }));
    let resources = chain(&permissions(&["*"])).into_iter().chain([
        of_tools(alias()),
        of_tools(key(json!({}))),
        of_tools(made("data.aws_caller_identity.tools", json!({ "account_id": "444455556666" }))),
    ]);
    let outcome = check_plan(resources, &["--kms-key", "alias/sessions", "--region", "us-east-1"]);
    assert_eq!(outcome.verdict, Unknown, "{:?}", outcome.findings);
}

const TRUST: &str = "{Version: '2012-10-17', Statement: [{Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: 'sts:AssumeRole'}]}";

/// A template with an instance whose role may decrypt with this, a key with these properties, and what else it holds.
fn template(decrypt: &str, key: &str, more: &str) -> String {
    format!(
        "Resources:
  Web: {{Type: AWS::EC2::Instance, Properties: {{IamInstanceProfile: !Ref Profile}}}}
  Profile: {{Type: AWS::IAM::InstanceProfile, Properties: {{Roles: [!Ref Role]}}}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {TRUST}
      Policies:
        - PolicyName: web
          PolicyDocument:
            Statement:
              - {{Effect: Allow, Action: ['ssm:UpdateInstanceInformation', 'ssmmessages:*'], Resource: '*'}}
              - {{Effect: Allow, Action: 'kms:Decrypt', Resource: {decrypt}}}
  Key: {{Type: AWS::KMS::Key, Properties: {key}}}
  Other: {{Type: AWS::KMS::Key, Properties: {{}}}}
  Alias: {{Type: AWS::KMS::Alias, Properties: {{AliasName: alias/sessions, TargetKeyId: !Ref Key}}}}
{more}"
    )
}

fn session_document(key: &str) -> String {
    format!(
        "  Preferences:
    Type: AWS::SSM::Document
    Properties:
      Name: SSM-SessionManagerRunShell
      Content: {{schemaVersion: '1.0', sessionType: Standard_Stream, inputs: {{kmsKeyId: {key}}}}}\n"
    )
}

fn allowing(principal: &str) -> String {
    format!(
        "{{KeyPolicy: {{Statement: [{{Effect: Allow, Principal: {{AWS: {principal}}}, Action: 'kms:*', Resource: '*'}}]}}}}"
    )
}

#[test]
fn a_key_of_a_template_is_found_by_every_reference_and_judged_by_its_policy() {
    let own = allowing("!Sub 'arn:${AWS::Partition}:iam::${AWS::AccountId}:root'");
    let place: &[&str] = &["--region", "us-east-1", "--account", ACCOUNT];
    let judge = |text: &str| check("--cloudformation", text, place);
    for reference in [
        "!Ref Key",
        "!GetAtt Key.Arn",
        "!Ref Alias",
        "alias/sessions",
        "!Sub 'arn:aws:kms:us-east-1:111122223333:key/${Key}'",
    ] {
        let with = |decrypt: &str, key: &str| judge(&template(decrypt, key, &session_document(reference)));
        holds(reference, &with("!GetAtt Key.Arn", &own), Ready, &[]);
        holds(reference, &with("'*'", "{}"), Ready, &[]);
        holds(reference, &with("!Sub 'arn:aws:kms:${AWS::Region}:${AWS::AccountId}:key/${Key}'", &own), Ready, &[]);
        holds(reference, &with(&format!("'{KEY}'"), &own), Unknown, &[]);
        holds(
            reference,
            &with("'arn:aws:kms:eu-west-1:111122223333:key/*'", &own),
            NotReady,
            &[Code::MissingPermission],
        );
        holds(reference, &with("!GetAtt Key.Arn", &allowing("'444455556666'")), NotReady, &[Code::KmsKeyPolicy]);
        holds(reference, &with("!GetAtt Key.Arn", "{Enabled: false}"), NotReady, &[Code::KmsKeyPolicy]);
        for other in
            ["KeyUsage: SIGN_VERIFY, KeySpec: ECC_NIST_P256", "KeySpec: RSA_2048", "KeyUsage: GENERATE_VERIFY_MAC"]
        {
            let outcome = with("!GetAtt Key.Arn", &format!("{{{other}}}"));
            holds(&format!("{reference} {other}"), &outcome, NotReady, &[Code::KmsKeyPolicy]);
        }
        for open in ["KeySpec: !ImportValue spec", "Origin: EXTERNAL"] {
            let outcome = with("!GetAtt Key.Arn", &format!("{{{open}}}"));
            holds(&format!("{reference} {open}"), &outcome, Unknown, &[Code::NotInPlan]);
        }
        holds(reference, &with("!GetAtt Other.Arn", &own), NotReady, &[Code::MissingPermission]);
        let other = "!Sub 'arn:aws:kms:us-east-1:111122223333:key/${Other}'";
        holds(reference, &with(other, &own), NotReady, &[Code::MissingPermission]);
    }
}

#[test]
fn a_key_of_a_template_that_a_flag_names() {
    let place = ["--kms-key", "alias/sessions", "--region", "us-east-1", "--account", ACCOUNT];
    let judge = |key: &str| check("--cloudformation", template("!GetAtt Key.Arn", key, ""), &place);
    holds("the default policy", &judge("{}"), Ready, &[]);
    holds("another account", &judge(&allowing("'444455556666'")), NotReady, &[Code::KmsKeyPolicy]);
}

/// The name of a role is known only after deployment, and yet a key policy may mean it, or certainly not.
#[test]
fn a_key_policy_means_a_role_of_the_template_by_its_reference() {
    let place = ["--kms-key", "alias/sessions", "--region", "us-east-1", "--account", ACCOUNT];
    let other = "  Another: {Type: AWS::IAM::Role, Properties: {}}\n";
    let of = |principal: &str, role: &str| {
        let text = template("!GetAtt Key.Arn", &allowing(principal), other);
        text.replacen("    Properties:\n      Assume", &format!("    Properties:\n{role}      Assume"), 1)
    };
    let closed: &[Code] = &[Code::KmsKeyPolicy];
    let named = "      RoleName: !Sub '${AWS::StackName}-web'\n";
    for (principal, role, verdict, codes) in [
        ("!GetAtt Role.Arn", "", Ready, &[][..]),
        ("[!GetAtt Another.Arn, !GetAtt Role.Arn]", "", Ready, &[]),
        ("!Sub 'arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Role}'", "", Ready, &[]),
        ("!GetAtt Another.Arn", "", NotReady, closed),
        ("'arn:aws:iam::111122223333:role/web'", "", NotReady, closed),
        ("'arn:aws:iam::111122223333:user/stack-Role-1ABCDEFGHIJKL'", "", NotReady, closed),
        ("'arn:aws:iam::444455556666:role/web'", "", NotReady, closed),
        // It may be the name that the role of a stack has since an earlier deployment.
        ("'arn:aws:iam::111122223333:role/stack-Role-1ABCDEFGHIJKL'", "", Unknown, &[]),
        ("!GetAtt Role.Arn", named, Ready, &[]),
        ("'arn:aws:iam::111122223333:role/admin'", named, NotReady, closed),
        ("'arn:aws:iam::111122223333:role/stack-web'", named, Unknown, &[]),
        ("!GetAtt Role.Arn", "      RoleName: web\n", Ready, &[]),
        ("'arn:aws:iam::111122223333:role/web'", "      RoleName: web\n", Ready, &[]),
        ("!GetAtt Another.Arn", "      RoleName: web\n", NotReady, closed),
    ] {
        let outcome = check("--cloudformation", of(principal, role), &place);
        holds(&format!("{principal} {role}"), &outcome, verdict, codes);
        let expected = role.contains(": web").then_some("arn:aws:iam::111122223333:role/web");
        assert_eq!(outcome.role.unwrap().arn.as_deref(), expected, "{principal}");
    }
}

#[test]
fn without_the_account_the_policy_of_a_key_is_not_judged() {
    let text = template("!GetAtt Key.Arn", "{}", "");
    let outcome = check("--cloudformation", text, &["--kms-key", "alias/sessions", "--region", "us-east-1"]);
    assert_eq!(outcome.verdict, Unknown, "{:?}", outcome.findings);
}
