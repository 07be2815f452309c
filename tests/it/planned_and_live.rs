//! One set-up in every form: as a plan, as a template, made call by call and deployed from its template in the emulator, and served by
//! the stub. The live checks say what holds; the plan and the template must have said the same before.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::live_emulator::REGION;
use crate::live_stub::{self, allow_if, errors, trust};
use crate::support::aws::AWS_MANAGED_CORE;
use crate::support::command::Sandbox;
use crate::support::emulator::{Account, account};
use crate::support::model::{CORE, Instance, Key, LogGroup, Policy, Profile, Role, SSM_CORE};
use crate::support::report::{Code, Outcome, Verdict};
use crate::support::terraform::{made, plan};
use crate::support::world::{ACCOUNT, INSTANCE, World};

use Verdict::{NotReady, Ready, Unknown};

/// An instance and what stands behind it.
#[derive(Clone)]
struct SetUp {
    has_profile: bool,
    has_role: bool,
    trust: String,
    path: &'static str,
    inline: Vec<Value>,
    /// The ARNs of AWS's own.
    attached: Vec<&'static str>,
    managed: Vec<Value>,
    boundary: Option<Value>,
    tags: Vec<(&'static str, &'static str)>,
    /// The inputs of session preferences.
    preferences: Option<Value>,
    /// The policy of the key `alias/sessions`.
    key: Option<Value>,
    /// `HttpEndpoint` and `HttpTokens`.
    metadata: Option<(&'static str, &'static str)>,
}

fn bare() -> SetUp {
    SetUp {
        has_profile: true,
        has_role: true,
        trust: trust("ec2.amazonaws.com"),
        path: "/",
        inline: Vec::new(),
        attached: Vec::new(),
        managed: Vec::new(),
        boundary: None,
        tags: Vec::new(),
        preferences: None,
        key: None,
        metadata: None,
    }
}

fn core() -> SetUp {
    SetUp { attached: vec![AWS_MANAGED_CORE], ..bare() }
}

fn inline(documents: Vec<Value>) -> SetUp {
    SetUp { inline: documents, ..bare() }
}

fn policy(effect: &str, actions: &[&str]) -> Value {
    live_stub::policy(effect, json!(actions))
}

const PREFERENCES: &str = "SSM-SessionManagerRunShell";
const ALIAS: &str = "alias/sessions";

impl SetUp {
    fn session_document(&self) -> Option<Value> {
        let inputs = self.preferences.as_ref()?;
        Some(json!({ "schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": inputs }))
    }

    fn policy_arn(account: &str, name: &str) -> String {
        format!("arn:aws:iam::{account}:policy/{name}")
    }

    /// The managed policies of the account by name.
    fn policies(&self) -> Vec<(String, &Value)> {
        let managed = self.managed.iter().enumerate().map(|(index, document)| (format!("own-{index}"), document));
        managed.chain(self.boundary.iter().map(|document| ("limit".to_owned(), document))).collect()
    }

    fn plan(&self, account: &str) -> Value {
        let mut instance = json!({});
        if self.has_profile {
            instance["iam_instance_profile"] = json!("web");
        }
        if let Some((endpoint, tokens)) = self.metadata {
            instance["metadata_options"] = json!([{ "http_endpoint": endpoint, "http_tokens": tokens }]);
        }
        let role = self.has_role.then_some("web");
        let tags: Value = self
            .tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let boundary = self.boundary.as_ref().map(|_| Self::policy_arn(account, "limit"));
        let mut resources = vec![
            made("data.aws_caller_identity.own", json!({ "account_id": account })),
            made("aws_instance.web", instance),
            made("aws_iam_instance_profile.web", json!({ "name": "web", "path": "/", "role": role })),
            made(
                "aws_iam_role.web",
                json!({
                    "name": "web", "path": self.path, "assume_role_policy": self.trust, "permissions_boundary": boundary,
                    "tags": tags, "tags_all": tags,
                }),
            ),
        ];
        for (name, document) in self.policies() {
            let values =
                json!({ "name": name, "arn": Self::policy_arn(account, &name), "policy": document.to_string() });
            resources.push(made(&format!("aws_iam_policy.{name}"), values));
        }
        let own = self
            .policies()
            .into_iter()
            .filter(|(name, _)| name != "limit")
            .map(|(name, _)| Self::policy_arn(account, &name));
        for (index, arn) in self.attached.iter().map(|arn| (*arn).to_owned()).chain(own).enumerate() {
            let values = json!({ "role": "web", "policy_arn": arn });
            resources.push(made(&format!("aws_iam_role_policy_attachment.a{index}"), values));
        }
        for (index, document) in self.inline.iter().enumerate() {
            let values = json!({ "role": "web", "name": format!("inline-{index}"), "policy": document.to_string() });
            resources.push(made(&format!("aws_iam_role_policy.p{index}"), values));
        }
        if let Some(document) = self.session_document() {
            let values = json!({ "name": PREFERENCES, "document_type": "Session", "document_format": "JSON", "content": document.to_string() });
            resources.push(made("aws_ssm_document.sessions", values));
        }
        if let Some(policy) = &self.key {
            let key = made("aws_kms_key.sessions", json!({ "policy": policy.to_string() }));
            resources.push(key.unknown(json!({ "arn": true, "key_id": true, "id": true })));
            let alias = made("aws_kms_alias.sessions", json!({ "name": ALIAS }));
            resources.push(alias.refers("target_key_id", "aws_kms_key.sessions.key_id"));
        }
        plan(resources)
    }

    fn template(&self) -> Value {
        let mut resources = json!({
            "Web": { "Type": "AWS::EC2::Instance", "Properties": { "ImageId": "ami-0abcdef1234567890" } },
            "Profile": { "Type": "AWS::IAM::InstanceProfile", "Properties": { "InstanceProfileName": "web", "Roles": [] } },
            "Role": { "Type": "AWS::IAM::Role", "Properties": {
                "RoleName": "web", "Path": self.path, "AssumeRolePolicyDocument": serde_json::from_str::<Value>(&self.trust).unwrap(),
                "ManagedPolicyArns": self.attached,
            } },
        });
        if self.has_profile {
            resources["Web"]["Properties"]["IamInstanceProfile"] = json!({ "Ref": "Profile" });
        }
        if let Some((endpoint, tokens)) = self.metadata {
            resources["Web"]["Properties"]["MetadataOptions"] =
                json!({ "HttpEndpoint": endpoint, "HttpTokens": tokens });
        }
        if self.has_role {
            resources["Profile"]["Properties"]["Roles"] = json!([{ "Ref": "Role" }]);
        }
        let tags: Vec<Value> = self.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        if !tags.is_empty() {
            resources["Role"]["Properties"]["Tags"] = json!(tags);
        }
        for (index, (name, document)) in self.policies().into_iter().enumerate() {
            let id = format!("Policy{index}");
            let is_boundary = name == "limit";
            resources[&id] = json!({ "Type": "AWS::IAM::ManagedPolicy", "Properties": { "ManagedPolicyName": name, "PolicyDocument": document } });
            let arn = json!({ "Ref": id });
            match is_boundary {
                true => resources["Role"]["Properties"]["PermissionsBoundary"] = arn,
                false => resources["Role"]["Properties"]["ManagedPolicyArns"].as_array_mut().unwrap().push(arn),
            }
        }
        for (index, document) in self.inline.iter().enumerate() {
            // One inside of the role, the others beside it.
            let properties = json!({ "PolicyName": format!("inline-{index}"), "PolicyDocument": document });
            if index == 0 {
                resources["Role"]["Properties"]["Policies"] = json!([properties]);
                continue;
            }
            let id = format!("Inline{index}");
            resources[&id] = json!({ "Type": "AWS::IAM::Policy", "Properties": properties });
            resources[&id]["Properties"]["Roles"] = json!([{ "Ref": "Role" }]);
        }
        if let Some(document) = self.session_document() {
            let properties = json!({ "Name": PREFERENCES, "DocumentType": "Session", "Content": document });
            resources["Sessions"] = json!({ "Type": "AWS::SSM::Document", "Properties": properties });
        }
        if let Some(policy) = &self.key {
            resources["Key"] = json!({ "Type": "AWS::KMS::Key", "Properties": { "KeyPolicy": policy } });
            let properties = json!({ "AliasName": ALIAS, "TargetKeyId": { "Ref": "Key" } });
            resources["Alias"] = json!({ "Type": "AWS::KMS::Alias", "Properties": properties });
        }
        json!({ "Resources": resources })
    }

    /// Makes it in an account call by call, and gives the id of the instance.
    fn create(&self, account: &Account) -> String {
        account.create_role("web", self.path, &self.trust);
        for (key, value) in &self.tags {
            account.tag_role("web", key, value);
        }
        for (name, document) in self.policies() {
            let arn = account.create_policy(&name, document);
            match name == "limit" {
                true => account.put_role_permissions_boundary("web", &arn),
                false => account.attach_role_policy("web", &arn),
            }
        }
        for arn in &self.attached {
            account.attach_role_policy("web", arn);
        }
        for (index, document) in self.inline.iter().enumerate() {
            account.put_role_policy("web", &format!("inline-{index}"), document);
        }
        account.create_instance_profile("web", "/");
        if self.has_role {
            account.add_role_to_instance_profile("web", "web");
        }
        if let Some(policy) = &self.key {
            let key = account.json("kms", REGION, "CreateKey", &json!({ "Policy": policy.to_string() }));
            account.create_alias(REGION, ALIAS, key["KeyMetadata"]["KeyId"].as_str().unwrap());
        }
        self.launch(account)
    }

    /// The instance, which the emulator's CloudFormation does not make.
    fn launch(&self, account: &Account) -> String {
        account.run_instance(self.has_profile.then_some("web"), REGION)
    }

    /// A key is asked for by the session preferences, or else by a flag.
    fn arguments(&self) -> &'static [&'static str] {
        match self.key.is_some() && self.preferences.is_none() {
            true => &["--kms-key", ALIAS],
            false => &[],
        }
    }

    /// Deploys the template in an account.
    fn deploy(&self, account: &Account) -> String {
        let mut template = self.template();
        let resources = template["Resources"].as_object_mut().unwrap();
        resources.remove("Web");
        account.deploy("web", &template, REGION);
        // The emulator's CloudFormation passes over this property.
        if self.boundary.is_some() {
            account.put_role_permissions_boundary("web", &Self::policy_arn(&account.id, "limit"));
        }
        self.launch(account)
    }

    fn world(&self) -> World {
        let mut role = Role::new("web").path(self.path).trust(&self.trust);
        for (key, value) in &self.tags {
            role = role.tag(key, value);
        }
        for (index, document) in self.inline.iter().enumerate() {
            role = role.inline(&format!("inline-{index}"), document);
        }
        role = self.attached.iter().fold(role, |role, arn| role.attach(arn.rsplit('/').next().unwrap()));
        let group = LogGroup::new("sessions").key("arn:aws:kms:us-east-1:111122223333:key/logs");
        let mut world =
            World::new(ACCOUNT).log_group(group).policy(Policy::of_aws("AmazonSSMManagedInstanceCore", SSM_CORE));
        for (name, document) in self.policies() {
            world = world.policy(Policy::new(&name, document));
            role = if name == "limit" { role.boundary(&name) } else { role.attach(&name) };
        }
        if let Some(policy) = &self.key {
            world = world.key(Key::new("11111111-2222-3333-4444-555555555555").alias(ALIAS).policy(policy));
        }
        if let Some(document) = self.session_document() {
            world = world.preferences(document);
        }
        let profile = if self.has_role { Profile::new("web").role("web") } else { Profile::new("web") };
        let mut instance = Instance::new(INSTANCE);
        if self.has_profile {
            instance = instance.profile("web");
        }
        if let Some((endpoint, tokens)) = self.metadata {
            instance = instance.metadata(endpoint, tokens, "applied");
        }
        world.instance(instance).profile(profile).role(role)
    }
}

impl Account {
    /// Deploys a stack, and waits until it stands.
    fn deploy(&self, name: &str, template: &Value, region: &str) {
        let template = template.to_string();
        let parameters =
            [("StackName", name), ("TemplateBody", &template), ("Capabilities.member.1", "CAPABILITY_NAMED_IAM")];
        self.query("cloudformation", region, "CreateStack", &parameters);
        let begun = Instant::now();
        loop {
            let answer = self.query("cloudformation", region, "DescribeStacks", &[("StackName", name)]);
            if answer.contains("<StackStatus>CREATE_COMPLETE<") {
                return;
            }
            let is_under_way = answer.contains("<StackStatus>CREATE_IN_PROGRESS<");
            assert!(is_under_way && begun.elapsed() < Duration::from_secs(60), "the stack does not stand: {answer}");
            sleep(Duration::from_millis(20));
        }
    }
}

/// What a verdict is, and what certainly keeps Session Manager out.
fn said(outcome: &Outcome) -> (Verdict, BTreeSet<Code>) {
    (outcome.verdict, errors(outcome).into_iter().collect())
}

/// Checks what exists. A plan does not look at the network, which may settle conditions.
fn live(sandbox: &Sandbox, instance: &str, set_up: &SetUp) -> Outcome {
    check(sandbox, &[&[instance, "--network", "off"], set_up.arguments()].concat())
}

fn check(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    sandbox.run(&[&["check", "-o", "json"], arguments].concat()).report().only().clone()
}

type Row = (&'static str, SetUp, Verdict, &'static [Code]);

fn rows(account: &str) -> Vec<Row> {
    let all_if = |operator: &str, key: &str, value: &str| inline(vec![allow_if(&json!({ operator: { key: value } }))]);
    let key_of = |account: &str| {
        let statement = json!({ "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{account}:root") }, "Action": "kms:*", "Resource": "*" });
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    };
    let encrypted = |decrypt: &[&str], key: Value| SetUp {
        inline: vec![policy("Allow", &[&CORE[..], decrypt].concat())],
        key: Some(key),
        ..bare()
    };
    let nothing = policy("Allow", &["s3:GetObject"]);
    let own = policy("Allow", &CORE);
    vec![
        ("an AWS managed policy", core(), Ready, &[]),
        ("no policy", bare(), NotReady, &[Code::MissingPermission]),
        ("an inline policy", inline(vec![own.clone()]), Ready, &[]),
        ("a policy of other actions", inline(vec![nothing.clone()]), NotReady, &[Code::MissingPermission]),
        (
            "half in one and half in another",
            inline(vec![policy("Allow", &CORE[..2]), policy("Allow", &CORE[2..])]),
            Ready,
            &[],
        ),
        ("no profile", SetUp { has_profile: false, ..core() }, NotReady, &[Code::NoInstanceProfile]),
        ("a profile without a role", SetUp { has_role: false, ..core() }, NotReady, &[Code::InstanceProfileEmpty]),
        (
            "a trust policy for another service",
            SetUp { trust: trust("lambda.amazonaws.com"), ..core() },
            NotReady,
            &[Code::TrustPolicy],
        ),
        (
            "a deny beside",
            SetUp { inline: vec![policy("Deny", &["ssmmessages:*"])], ..core() },
            NotReady,
            &[Code::ExplicitDeny],
        ),
        ("a boundary that allows all", SetUp { boundary: Some(policy("Allow", &["*"])), ..core() }, Ready, &[]),
        (
            "a boundary that allows part",
            SetUp { boundary: Some(policy("Allow", &["ssm:*"])), ..core() },
            NotReady,
            &[Code::BlockedByBoundary],
        ),
        ("a managed policy of the account", SetUp { managed: vec![own.clone()], ..bare() }, Ready, &[]),
        (
            "one that denies",
            SetUp { managed: vec![policy("Deny", &["ssm:Update*"])], ..core() },
            NotReady,
            &[Code::ExplicitDeny],
        ),
        ("its own Region", all_if("StringEquals", "aws:RequestedRegion", REGION), Ready, &[]),
        (
            "another Region",
            all_if("StringEquals", "aws:RequestedRegion", "eu-west-1"),
            NotReady,
            &[Code::MissingPermission],
        ),
        ("what nobody knows", all_if("StringEquals", "aws:SourceVpce", "vpce-1"), Unknown, &[]),
        ("a wildcard in the service", inline(vec![policy("Allow", &["ssm*:*"])]), Unknown, &[]),
        (
            "its tag",
            SetUp { tags: vec![("team", "web")], ..all_if("StringEquals", "aws:PrincipalTag/team", "web") },
            Ready,
            &[],
        ),
        (
            "another tag",
            SetUp { tags: vec![("team", "db")], ..all_if("StringEquals", "aws:PrincipalTag/team", "web") },
            NotReady,
            &[Code::MissingPermission],
        ),
        (
            "its path",
            SetUp {
                path: "/app/",
                ..all_if("ArnLike", "aws:PrincipalArn", &format!("arn:aws:iam::{account}:role/app/*"))
            },
            Ready,
            &[],
        ),
        (
            "another path",
            all_if("ArnLike", "aws:PrincipalArn", &format!("arn:aws:iam::{account}:role/app/*")),
            NotReady,
            &[Code::MissingPermission],
        ),
        ("an encrypted session", encrypted(&["kms:Decrypt"], key_of(account)), Ready, &[]),
        (
            "without its key's leave",
            encrypted(&["kms:Decrypt"], key_of("444455556666")),
            NotReady,
            &[Code::KmsKeyPolicy],
        ),
        ("without the role's", encrypted(&[], key_of(account)), NotReady, &[Code::MissingPermission]),
    ]
}

/// What the emulator does not have: the metadata options of instances, and session preferences.
fn more_rows() -> Vec<Row> {
    let preferences = |set_up: SetUp, inputs: Value| SetUp { preferences: Some(inputs), ..set_up };
    let named = |what: &str| {
        let (_, set_up, ..) = rows(ACCOUNT).into_iter().find(|(own, ..)| *own == what).unwrap();
        preferences(set_up, json!({ "kmsKeyId": ALIAS }))
    };
    let logged = json!({ "cloudWatchLogGroupName": "sessions", "cloudWatchEncryptionEnabled": true });
    let delivered = || inline(vec![allow_if(&json!({ "NumericEquals": { "ec2:RoleDelivery": "2.0" } }))]);
    let with = |set_up: SetUp, endpoint, tokens| SetUp { metadata: Some((endpoint, tokens)), ..set_up };
    vec![
        ("no metadata service", with(core(), "disabled", "optional"), NotReady, &[Code::MetadataDisabled]),
        ("tokens are required", with(core(), "enabled", "required"), Ready, &[]),
        ("and a condition asks for them", with(delivered(), "enabled", "required"), Ready, &[]),
        ("and they are not", with(delivered(), "enabled", "optional"), Unknown, &[]),
        ("preferences that ask for nothing", preferences(core(), json!({ "idleSessionTimeout": "20" })), Ready, &[]),
        ("preferences that name the key", named("an encrypted session"), Ready, &[]),
        ("and a key that does not allow it", named("without its key's leave"), NotReady, &[Code::KmsKeyPolicy]),
        ("and a role that may not", named("without the role's"), NotReady, &[Code::MissingPermission]),
        ("encrypted logs", preferences(core(), logged), NotReady, &[Code::MissingPermission]),
    ]
}

/// What a plan and a template of a set-up say.
fn before(set_up: &SetUp, account: &str) -> [Outcome; 2] {
    let sandbox = Sandbox::new();
    sandbox.file("plan.json", set_up.plan(account));
    sandbox.file("template.json", set_up.template());
    let place = ["--cloudformation", "template.json", "--region", REGION, "--account", account];
    let arguments = set_up.arguments();
    [
        check(&sandbox, &[&["--terraform-plan", "plan.json"], arguments].concat()),
        check(&sandbox, &[&place, arguments].concat()),
    ]
}

#[track_caller]
fn agree((what, verdict, codes): (&str, Verdict, &[Code]), forms: &[(&str, &Outcome)]) {
    let expected = (verdict, codes.iter().copied().collect());
    for (form, outcome) in forms {
        assert_eq!(said(outcome), expected, "{what}, {form}: {:?}", outcome.findings);
    }
}

#[test]
fn a_plan_and_a_template_say_what_the_account_then_shows() {
    for index in 0..rows("").len() {
        let [by_call, by_stack] = [account(), account()];
        let (what, set_up, verdict, codes) = rows(&by_call.id).swap_remove(index);
        let [plan, template] = before(&set_up, &by_call.id);
        let created = live(&Sandbox::on(&by_call), &set_up.create(&by_call), &set_up);
        let (_, of_stack, ..) = rows(&by_stack.id).swap_remove(index);
        let deployed = live(&Sandbox::on(&by_stack), &of_stack.deploy(&by_stack), &of_stack);
        let forms = [("made", &created), ("deployed", &deployed), ("plan", &plan), ("template", &template)];
        agree((what, verdict, codes), &forms);
    }
}

#[test]
fn and_so_does_the_stub_with_metadata_options() {
    for (what, set_up, verdict, codes) in rows(ACCOUNT).into_iter().chain(more_rows()) {
        let [plan, template] = before(&set_up, ACCOUNT);
        let stub = set_up.world().serve();
        let served = live(&Sandbox::at(&stub), INSTANCE, &set_up);
        agree((what, verdict, codes), &[("served", &served), ("plan", &plan), ("template", &template)]);
    }
}
