//! Each attribute of a plan or template that a verdict turns on, in every state that it can have: what is not known is never taken for
//! its default.

use serde_json::{Value, json};

use crate::live_stub::{self, allow_if, trust};
use crate::support::command::Sandbox;
use crate::support::model::CORE;
use crate::support::report::{Code, Outcome, Verdict};
use crate::support::terraform::{Resource, kept, made, plan, references};

use Code::{ConditionalPermission, NotInPlan};
use Verdict::{NotReady, Ready, Unknown};

const MANAGED: &str = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";
const NOTHING: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

fn policy(effect: &str, actions: &[&str]) -> Value {
    live_stub::policy(effect, json!(actions))
}

fn core() -> Value {
    policy("Allow", &CORE)
}

fn key_policy(account: &str) -> Value {
    let statement = json!({ "Effect": "Allow", "Principal": { "AWS": account }, "Action": "kms:*", "Resource": "*" });
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

/// A document as an argument of a resource holds it.
fn text(document: &Value) -> Value {
    json!(document.to_string())
}

/// A state of an attribute.
#[derive(Debug, Clone)]
enum State {
    Known(Value),
    /// The configuration sets it, and its value is known only after apply.
    NotKnown,
    /// The same, by a dynamic block, which the configuration of a plan does not show.
    NotKnownDynamic,
    /// It is sensitive, and the plan was made to be shown to others.
    Redacted,
    /// The same by another tool.
    RedactedToNull,
    Null,
    Absent,
}

/// The values, the unknown and the sensitive ones, and the expressions of a resource.
#[derive(Clone)]
struct Parts([Value; 4]);

fn put(value: &mut Value, path: &[&str], new: Option<Value>) {
    let [name, rest @ ..] = path else {
        *value = new.unwrap_or_default();
        return;
    };
    let index = name.parse::<usize>().ok();
    let next = match index {
        Some(index) => {
            if !value.is_array() {
                *value = json!([]);
            }
            let list = value.as_array_mut().unwrap();
            while list.len() <= index {
                list.push(json!({}));
            }
            &mut list[index]
        }
        None => {
            if !value.is_object() {
                *value = json!({});
            }
            if rest.is_empty() && new.is_none() {
                value.as_object_mut().unwrap().remove(*name);
                return;
            }
            &mut value[*name]
        }
    };
    put(next, rest, new);
}

impl Parts {
    fn with(mut self, path: &str, state: State) -> Parts {
        let path: Vec<&str> = path.split('/').collect();
        let Parts([values, unknown, sensitive, expressions]) = &mut self;
        let configured = references(&["local.x"]);
        match state {
            State::Known(value) => put(values, &path, Some(value)),
            State::NotKnown => {
                put(values, &path, None);
                put(unknown, &path, Some(json!(true)));
                put(expressions, &path, Some(configured));
            }
            State::NotKnownDynamic => {
                put(values, &path, None);
                put(unknown, &path, Some(json!(true)));
            }
            State::Redacted => {
                put(values, &path, Some(json!("REDACTED_SENSITIVE")));
                put(sensitive, &path, Some(json!(true)));
                put(expressions, &path, Some(configured));
            }
            State::RedactedToNull => {
                put(values, &path, Some(Value::Null));
                put(sensitive, &path, Some(json!(true)));
                put(expressions, &path, Some(configured));
            }
            State::Null => put(values, &path, Some(Value::Null)),
            State::Absent => put(values, &path, None),
        }
        self
    }
}

/// A plan in which everything that is looked at has its place, less what would hide the rest.
struct SetUp {
    resources: Vec<(&'static str, Value)>,
    /// Addresses of what exists and stays.
    kept: &'static [&'static str],
    target: &'static str,
    arguments: &'static [&'static str],
}

fn set_up(resources: Vec<(&'static str, Value)>) -> SetUp {
    let target = resources[0].0;
    SetUp { resources, kept: &[], target, arguments: &[] }
}

fn chain(more: Vec<(&'static str, Value)>) -> SetUp {
    let own = vec![
        ("aws_instance.web", json!({ "iam_instance_profile": "web" })),
        ("aws_iam_instance_profile.web", json!({ "name": "web", "role": "web" })),
        ("aws_iam_role.web", json!({ "name": "web", "path": "/", "assume_role_policy": trust("ec2.amazonaws.com") })),
    ];
    set_up(own.into_iter().chain(more).collect())
}

fn granted(more: Vec<(&'static str, Value)>) -> SetUp {
    let policy = ("aws_iam_role_policy.core", json!({ "name": "core", "role": "web", "policy": text(&core()) }));
    chain([vec![policy], more].concat())
}

impl SetUp {
    /// The resource that is judged, in the place of the instance.
    fn target(mut self, address: &'static str, values: Value) -> SetUp {
        self.resources[0] = (address, values);
        SetUp { target: address, ..self }
    }

    /// With the role's own policy in the place of the one that it is granted.
    fn policy(mut self, document: &Value) -> SetUp {
        let policy = self.resources.iter_mut().find(|(address, _)| *address == "aws_iam_role_policy.core").unwrap();
        policy.1["policy"] = text(document);
        self
    }

    fn check(&self, address: &str, path: &str, state: State) -> Outcome {
        let state = |at: &str, values: &Value| -> Resource {
            let empty = || json!({});
            let parts = Parts([values.clone(), empty(), empty(), empty()]);
            let Parts([values, unknown, sensitive, expressions]) =
                if at == address { parts.with(path, state.clone()) } else { parts };
            let resource = if self.kept.contains(&at) { kept(at, values) } else { made(at, values) };
            resource.unknown(unknown).sensitive(sensitive).expressions(expressions)
        };
        let resources = self.resources.iter().map(|(at, values)| state(at, values)).collect();
        let sandbox = Sandbox::new();
        sandbox.file("plan.json", plan(resources));
        let arguments = [&["check", "--terraform-plan", "plan.json", "-o", "json"], self.arguments].concat();
        sandbox.run(&arguments).report().of(self.target).clone()
    }
}

/// An attribute, and what is decided where it is known, and where it is left out.
struct Row {
    set_up: SetUp,
    address: &'static str,
    path: &'static str,
    known: Vec<(Value, Verdict)>,
    left_out: Option<Verdict>,
    /// The finding of what is not known.
    code: Code,
}

fn row(set_up: SetUp, address: &'static str, path: &'static str, known: Vec<(Value, Verdict)>) -> Row {
    Row { set_up, address, path, known, left_out: None, code: NotInPlan }
}

impl Row {
    fn left_out(self, verdict: Verdict) -> Row {
        Row { left_out: Some(verdict), ..self }
    }

    /// Known only to conditions of policies, which say what they depend on.
    fn of_conditions(self) -> Row {
        Row { code: ConditionalPermission, ..self }
    }

    fn holds(self) {
        let Row { set_up, address, path, known, left_out, code } = self;
        let what = |state: &State| {
            format!("{} of {} with {path} of {address} {state:?}", set_up.target, set_up.resources.len())
        };
        for (value, verdict) in known {
            let state = State::Known(value);
            let outcome = set_up.check(address, path, state.clone());
            assert_eq!(outcome.verdict, verdict, "{}: {:?}", what(&state), outcome.findings);
        }
        for state in [State::NotKnown, State::Redacted, State::RedactedToNull] {
            let outcome = set_up.check(address, path, state.clone());
            assert_eq!(outcome.verdict, Unknown, "{}: {:?}", what(&state), outcome.findings);
            let message = &outcome.finding(code).message;
            let named = format!("{address}.{path}").replace("/0", "[0]").replace('/', ".");
            assert!(code != NotInPlan || message.contains(&named), "{}: `{message}` names `{named}`", what(&state));
        }
        for state in left_out.iter().flat_map(|_| [State::Null, State::Absent]) {
            let outcome = set_up.check(address, path, state.clone());
            assert_eq!(Some(outcome.verdict), left_out, "{}: {:?}", what(&state), outcome.findings);
        }
    }
}

#[test]
fn what_an_instance_launches_with() {
    let profiles = || vec![(json!("web"), Ready)];
    let endpoints = || vec![(json!("enabled"), Ready), (json!("disabled"), NotReady), (json!("Enabled"), Unknown)];
    for address in ["aws_instance.web", "aws_spot_instance_request.web", "aws_launch_configuration.web"] {
        let of = || granted(vec![]).target(address, json!({ "iam_instance_profile": "web" }));
        row(of(), address, "iam_instance_profile", profiles()).left_out(NotReady).holds();
        row(of(), address, "metadata_options/0/http_endpoint", endpoints()).left_out(Ready).holds();
        let dynamic = of().check(address, "metadata_options/0/http_endpoint", State::NotKnownDynamic);
        assert_eq!(dynamic.verdict, Unknown, "{address}: {:?}", dynamic.findings);
    }
    let template = "aws_launch_template.web";
    let values = || json!({ "name": "web", "iam_instance_profile": [{ "name": "web" }] });
    let of = || granted(vec![]).target(template, values());
    row(of(), template, "metadata_options/0/http_endpoint", endpoints()).left_out(Ready).holds();
    row(of(), template, "iam_instance_profile/0/name", profiles()).left_out(NotReady).holds();
    let by_arn = granted(vec![]).target(template, json!({ "name": "web", "iam_instance_profile": [{}] }));
    let arn = json!("arn:aws:iam::111122223333:instance-profile/web");
    row(by_arn, template, "iam_instance_profile/0/arn", vec![(arn, Ready)]).left_out(NotReady).holds();

    // What launches from a template, and the template.
    let specification = json!([{ "name": "web", "version": "$Latest" }]);
    let mixed = json!([{ "launch_template": [{
        "launch_template_specification": [{ "launch_template_name": "web", "version": "$Latest" }],
    }] }]);
    for (address, launches) in [
        ("aws_instance.web", json!({ "launch_template": specification })),
        ("aws_autoscaling_group.web", json!({ "launch_template": specification })),
        ("aws_autoscaling_group.web", json!({ "mixed_instances_policy": mixed })),
    ] {
        let of = || granted(vec![(template, values())]).target(address, launches.clone());
        row(of(), template, "metadata_options/0/http_endpoint", endpoints()).left_out(Ready).holds();
        row(of(), template, "iam_instance_profile/0/name", profiles()).left_out(NotReady).holds();
    }
    let group = "aws_autoscaling_group.web";
    let of = |more: Value| {
        granted(vec![
            (template, values()),
            ("aws_launch_configuration.web", json!({ "name": "web", "iam_instance_profile": "web" })),
        ])
        .target(group, more)
    };
    row(of(json!({ "launch_template": [{ "version": "$Latest" }] })), group, "launch_template/0/name", profiles())
        .holds();
    row(of(json!({})), group, "launch_configuration", profiles()).left_out(Unknown).holds();
    let overrides = "mixed_instances_policy/0/launch_template/0/override";
    let of_override = "mixed_instances_policy/0/launch_template/0/override/0/launch_template_specification";
    for path in [overrides, of_override] {
        row(of(json!({ "mixed_instances_policy": mixed })), group, path, vec![]).left_out(Ready).holds();
    }
}

/// Of a template that exists, versions other than its newest are not in the plan.
#[test]
fn the_version_of_a_template() {
    let template = json!({ "name": "web", "iam_instance_profile": [{ "name": "web" }], "latest_version": 3, "default_version": 2 });
    let group = json!({ "launch_template": [{ "name": "web" }] });
    let own = granted(vec![("aws_launch_template.web", template)]).target("aws_autoscaling_group.web", group);
    let own = SetUp { kept: &["aws_launch_template.web"], ..own };
    let known =
        vec![(json!("$Latest"), Ready), (json!("3"), Ready), (json!("2"), Unknown), (json!("$Default"), Unknown)];
    row(own, "aws_autoscaling_group.web", "launch_template/0/version", known).left_out(Unknown).holds();
}

/// An instance has a profile of its own, and a template of which nothing is known may switch its metadata service off.
#[test]
fn a_template_that_is_not_known_leaves_the_metadata_service_open() {
    let values = json!({ "iam_instance_profile": "web", "launch_template": [{ "version": "$Latest" }] });
    let own = granted(vec![]).target("aws_instance.web", values);
    let outcome = own.check("aws_instance.web", "launch_template/0/id", State::Known(json!("lt-1")));
    assert_eq!((outcome.verdict, outcome.grounds()), (Unknown, vec![NotInPlan]), "{:?}", outcome.findings);
    let outcome = own.check("aws_instance.web", "metadata_options/0/http_endpoint", State::Known(json!("enabled")));
    assert_eq!(outcome.verdict, Ready, "what it says itself wins: {:?}", outcome.findings);
    // Tokens are its own, and the endpoint the template's.
    let template = json!({ "name": "web", "metadata_options": [{ "http_endpoint": "disabled" }] });
    let values = json!({ "iam_instance_profile": "web", "launch_template": [{ "name": "web", "version": "$Latest" }] });
    let own = granted(vec![("aws_launch_template.web", template)]).target("aws_instance.web", values);
    let outcome = own.check("aws_instance.web", "metadata_options/0/http_tokens", State::Known(json!("required")));
    assert_eq!(outcome.verdict, NotReady, "{:?}", outcome.findings);
}

#[test]
fn what_a_profile_and_a_role_say_of_themselves() {
    let role = "aws_iam_role.web";
    row(granted(vec![]), "aws_iam_instance_profile.web", "role", vec![(json!("web"), Ready)])
        .left_out(NotReady)
        .holds();
    let trusts = vec![(json!(trust("ec2.amazonaws.com")), Ready), (json!(trust("lambda.amazonaws.com")), NotReady)];
    row(granted(vec![]), role, "assume_role_policy", trusts).holds();
    let boundaries = vec![(json!("arn:aws:iam::aws:policy/AdministratorAccess"), Ready), (json!(NOTHING), NotReady)];
    row(granted(vec![]), role, "permissions_boundary", boundaries).left_out(Ready).holds();
    let attached = vec![(json!([MANAGED]), Ready), (json!([NOTHING]), NotReady), (json!([]), NotReady)];
    row(chain(vec![]), role, "managed_policy_arns", attached).left_out(NotReady).holds();
    let mut block = chain(vec![]);
    block.resources[2].1["inline_policy"] = json!([{ "name": "core" }]);
    let documents = || vec![(text(&core()), Ready), (text(&policy("Allow", &["s3:GetObject"])), NotReady)];
    row(block, role, "inline_policy/0/policy", documents()).holds();

    // What conditions look at.
    let like = |key: &str, value: &str| granted(vec![]).policy(&allow_if(&json!({ "StringLike": { key: value } })));
    let teams = vec![(json!({ "team": "web" }), Ready), (json!({ "team": "db" }), NotReady)];
    row(like("aws:PrincipalTag/team", "web"), role, "tags", teams).left_out(NotReady).of_conditions().holds();
    let mut located = like("aws:PrincipalArn", "*:role/app/web");
    located.resources.push(("data.aws_caller_identity.own", json!({ "account_id": "111122223333" })));
    row(located, role, "path", vec![(json!("/app/"), Ready), (json!("/"), NotReady)])
        .left_out(NotReady)
        .of_conditions()
        .holds();
    let delivered = || granted(vec![]).policy(&allow_if(&json!({ "NumericEquals": { "ec2:RoleDelivery": "2.0" } })));
    let tokens = vec![(json!("required"), Ready), (json!("optional"), Unknown)];
    row(delivered(), "aws_instance.web", "metadata_options/0/http_tokens", tokens)
        .left_out(Unknown)
        .of_conditions()
        .holds();
}

#[test]
fn the_policies_that_resources_give_a_role() {
    let documents = || vec![(text(&core()), Ready), (text(&policy("Allow", &["s3:GetObject"])), NotReady)];
    let inline = "aws_iam_role_policy.core";
    let other = || vec![(json!("web"), Ready), (json!("other"), NotReady)];
    row(granted(vec![]), inline, "policy", documents()).holds();
    row(granted(vec![]), inline, "role", other()).holds();
    let attachment = "aws_iam_role_policy_attachment.core";
    let attached = || chain(vec![(attachment, json!({ "role": "web", "policy_arn": MANAGED }))]);
    let arns = || vec![(json!(MANAGED), Ready), (json!(NOTHING), NotReady)];
    row(attached(), attachment, "policy_arn", arns()).holds();
    row(attached(), attachment, "role", other()).holds();
    let several = "aws_iam_policy_attachment.core";
    let attached = || chain(vec![(several, json!({ "name": "core", "roles": ["web"], "policy_arn": MANAGED }))]);
    row(attached(), several, "policy_arn", arns()).holds();
    row(attached(), several, "roles", vec![(json!(["other", "web"]), Ready), (json!(["other"]), NotReady)])
        .left_out(NotReady)
        .holds();
    let arn = "arn:aws:iam::111122223333:policy/core";
    let of_plan = chain(vec![
        (attachment, json!({ "role": "web", "policy_arn": arn })),
        ("aws_iam_policy.core", json!({ "name": "core", "arn": arn })),
    ]);
    row(of_plan, "aws_iam_policy.core", "policy", documents()).holds();
    let denied = granted(vec![("aws_iam_role_policy.more", json!({ "name": "more", "role": "web" }))]);
    let denies = vec![(text(&policy("Allow", &["s3:*"])), Ready), (text(&policy("Deny", &["ssm:*"])), NotReady)];
    row(denied, "aws_iam_role_policy.more", "policy", denies).holds();

    let names = "aws_iam_role_policies_exclusive.web";
    let exclusive = || granted(vec![(names, json!({ "role_name": "web", "policy_names": ["core"] }))]);
    // Without the policy it comes before what gives that, or after.
    row(exclusive(), names, "policy_names", vec![(json!(["core"]), Ready), (json!([]), Unknown)])
        .left_out(Unknown)
        .holds();
    let of_arns = "aws_iam_role_policy_attachments_exclusive.web";
    let exclusive = || {
        chain(vec![
            (attachment, json!({ "role": "web", "policy_arn": MANAGED })),
            (of_arns, json!({ "role_name": "web", "policy_arns": [MANAGED] })),
        ])
    };
    row(exclusive(), of_arns, "policy_arns", vec![(json!([MANAGED]), Ready), (json!([]), Unknown)])
        .left_out(Unknown)
        .holds();
    row(exclusive(), of_arns, "role_name", vec![(json!("web"), Ready), (json!("other"), Ready)]).holds();
}

#[test]
fn the_settings_of_systems_manager() {
    let setting = "aws_ssm_service_setting.host";
    let id = "/ssm/managed-instance/default-ec2-instance-management-role";
    // The instance has no profile, and the role of host management is in the plan.
    let managed = || {
        set_up(vec![
            ("aws_instance.web", json!({ "metadata_options": [{ "http_tokens": "required" }] })),
            (setting, json!({ "setting_id": id, "setting_value": "web" })),
            (
                "aws_iam_role.web",
                json!({ "name": "web", "path": "/", "assume_role_policy": trust("ssm.amazonaws.com") }),
            ),
            ("aws_iam_role_policy.core", json!({ "name": "core", "role": "web", "policy": text(&core()) })),
        ])
    };
    // Whether the agent is new enough for host management is not in a plan.
    row(managed(), setting, "setting_value", vec![(json!("web"), Unknown), (json!("$None"), NotReady)]).holds();
    let ids = vec![(json!(id), Unknown), (json!("/ssm/parameter-store/high-throughput-enabled"), NotReady)];
    row(managed(), setting, "setting_id", ids).holds();

    let document = "aws_ssm_document.sessions";
    let content = |inputs: Value| {
        json!(json!({ "schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": inputs }).to_string())
    };
    // With encryption asked for, a session ends where the agent may not look at the log group.
    let logged = json!({ "cloudWatchLogGroupName": "sessions", "cloudWatchEncryptionEnabled": true });
    let values = json!({
        "name": "SSM-SessionManagerRunShell", "document_type": "Session", "document_format": "JSON",
        "content": content(logged.clone()),
    });
    let sessions = || granted(vec![(document, values.clone())]);
    let contents = vec![(content(json!({})), Ready), (content(logged.clone()), NotReady)];
    row(sessions(), document, "content", contents).holds();
    let names = vec![(json!("SSM-SessionManagerRunShell"), NotReady), (json!("another"), Ready)];
    row(sessions(), document, "name", names).holds();
    row(sessions(), document, "document_format", vec![(json!("JSON"), NotReady), (json!("YAML"), Unknown)])
        .left_out(NotReady)
        .holds();
}

#[test]
fn the_session_key() {
    let key = "aws_kms_key.sessions";
    let own = || {
        let allowed = [&CORE[..], &["kms:Decrypt"]].concat();
        let own = granted(vec![
            ("data.aws_caller_identity.own", json!({ "account_id": "111122223333" })),
            (key, json!({ "arn": "arn:aws:kms:us-east-1:111122223333:key/k", "key_id": "k" })),
            ("aws_kms_alias.sessions", json!({ "name": "alias/sessions", "target_key_id": "k" })),
        ]);
        SetUp { arguments: &["--kms-key", "alias/sessions"], ..own.policy(&policy("Allow", &allowed)) }
    };
    let policies = || vec![(text(&key_policy("111122223333")), Ready), (text(&key_policy("444455556666")), NotReady)];
    row(own(), key, "policy", policies()).left_out(Ready).holds();
    row(own(), key, "is_enabled", vec![(json!(true), Ready), (json!(false), NotReady)]).left_out(Ready).holds();
    let usages = vec![(json!("ENCRYPT_DECRYPT"), Ready), (json!("SIGN_VERIFY"), Unknown)];
    row(own(), key, "key_usage", usages).left_out(Ready).holds();
    let specifications = vec![(json!("SYMMETRIC_DEFAULT"), Ready), (json!("RSA_2048"), Unknown)];
    row(own(), key, "customer_master_key_spec", specifications).left_out(Ready).holds();
    row(own(), "aws_kms_alias.sessions", "target_key_id", vec![(json!("k"), Ready)]).holds();
    let mut apart = own();
    apart
        .resources
        .push(("aws_kms_key_policy.sessions", json!({ "key_id": "k", "policy": text(&key_policy("111122223333")) })));
    row(apart, "aws_kms_key_policy.sessions", "policy", policies()).holds();
}

/// A plan without its list of changes does not say what is not known: what the configuration sets and the values leave out may be
/// anything.
#[test]
fn a_plan_without_its_changes() {
    let boundary = made(
        "aws_iam_role.web",
        json!({ "name": "web", "path": "/", "assume_role_policy": trust("ec2.amazonaws.com") }),
    )
    .expressions(json!({ "permissions_boundary": references(&["local.boundary"]) }));
    let mut resources: Vec<Resource> = vec![
        made("aws_instance.web", json!({ "iam_instance_profile": "web" })),
        made("aws_iam_instance_profile.web", json!({ "name": "web", "role": "web" })),
        made("aws_iam_role_policy.core", json!({ "name": "core", "role": "web", "policy": text(&core()) })),
    ];
    resources.push(boundary);
    let mut without = plan(resources);
    without.as_object_mut().unwrap().remove("resource_changes");
    let check = |plan: &Value| {
        let sandbox = Sandbox::new();
        sandbox.file("plan.json", plan);
        sandbox.run(&["check", "--terraform-plan", "plan.json", "-o", "json"]).report().only().clone()
    };
    let outcome = check(&without);
    assert_eq!((outcome.verdict, outcome.grounds()), (Unknown, vec![NotInPlan]), "{:?}", outcome.findings);
}

/// The literal part of a set that is not known leaves no trace in a plan: a role whose name is known may be in it.
#[test]
fn a_set_that_is_known_in_part_may_name_any_role() {
    let denied = json!({ "name": "deny", "policy_arn": "arn:aws:iam::aws:policy/AWSDenyAll" });
    let other = made("aws_iam_role.other", json!({ "assume_role_policy": trust("ec2.amazonaws.com") }))
        .unknown(json!({ "name": true }));
    let set = made("aws_iam_policy_attachment.deny", denied).refers("roles", "aws_iam_role.other.name");
    let own = granted(vec![]);
    let resources = own.resources.iter().map(|(at, values)| made(at, values.clone())).chain([other, set]).collect();
    let sandbox = Sandbox::new();
    sandbox.file("plan.json", plan(resources));
    let report = sandbox.run(&["check", "--terraform-plan", "plan.json", "-o", "json"]).report();
    assert_eq!(report.only().verdict, Unknown, "{:?}", report.only().findings);
}

/// A template: what the value of a property may be before it is deployed.
struct Property {
    pointer: &'static str,
    known: Vec<(Value, Verdict)>,
    left_out: Option<Verdict>,
    code: Code,
    arguments: &'static [&'static str],
}

fn property(pointer: &'static str, known: Vec<(Value, Verdict)>) -> Property {
    Property { pointer, known, left_out: None, code: NotInPlan, arguments: &[] }
}

impl Property {
    fn left_out(self, verdict: Verdict) -> Property {
        Property { left_out: Some(verdict), ..self }
    }

    fn of_conditions(self) -> Property {
        Property { code: ConditionalPermission, ..self }
    }

    fn given(self, arguments: &'static [&'static str]) -> Property {
        Property { arguments, ..self }
    }

    /// Holds for a template of these resources, of which `target` is judged.
    fn holds(self, target: &str, resources: &Value) {
        let Property { pointer, known, left_out, code, arguments } = self;
        let check = |value: &Value| {
            let mut template = json!({ "Parameters": { "Open": { "Type": "String" } }, "Resources": resources });
            let path: Vec<&str> = pointer.split('/').collect();
            put(&mut template["Resources"], &path, Some(value.clone()));
            let sandbox = Sandbox::new();
            sandbox.file("template.json", &template);
            let own = ["check", "--cloudformation", "template.json", "-o", "json", "--account", "111122223333"];
            let region: &[&str] = &["--region", "us-east-1"];
            sandbox.run(&[&own, region, arguments].concat()).report().of(target).clone()
        };
        for (value, verdict) in known {
            let outcome = check(&value);
            assert_eq!(outcome.verdict, verdict, "{pointer} {value}: {:?}", outcome.findings);
        }
        for value in [json!({ "Ref": "Open" }), json!({ "Fn::ImportValue": "shared" })] {
            let outcome = check(&value);
            assert_eq!(outcome.verdict, Unknown, "{pointer} {value}: {:?}", outcome.findings);
            assert!(outcome.codes().contains(&code), "{pointer} {value}: {:?}", outcome.findings);
        }
        if let Some(verdict) = left_out {
            let outcome = check(&json!({ "Ref": "AWS::NoValue" }));
            assert_eq!(outcome.verdict, verdict, "{pointer} without a value: {:?}", outcome.findings);
        }
    }
}

fn resources(launches: &Value, role: &Value) -> Value {
    let mut own = json!({
        "AssumeRolePolicyDocument": serde_json::from_str::<Value>(&trust("ec2.amazonaws.com")).unwrap(),
        "Policies": [{ "PolicyName": "core", "PolicyDocument": core() }],
    });
    for (name, value) in role.as_object().unwrap() {
        own[name] = value.clone();
    }
    let mut resources = json!({
        "Role": { "Type": "AWS::IAM::Role", "Properties": own },
        "Profile": { "Type": "AWS::IAM::InstanceProfile", "Properties": { "Roles": [{ "Ref": "Role" }] } },
    });
    for (name, value) in launches.as_object().unwrap() {
        resources[name] = value.clone();
    }
    resources
}

#[test]
fn what_a_template_launches_with() {
    let endpoints = || vec![(json!("enabled"), Ready), (json!("disabled"), NotReady), (json!("on"), Unknown)];
    let profiles = || vec![(json!({ "Ref": "Profile" }), Ready)];
    let instance = json!({ "Web": { "Type": "AWS::EC2::Instance", "Properties": { "IamInstanceProfile": { "Ref": "Profile" } } } });
    let instance = resources(&instance, &json!({}));
    property("Web/Properties/MetadataOptions/HttpEndpoint", endpoints()).left_out(Ready).holds("Web", &instance);
    property("Web/Properties/MetadataOptions", vec![(json!({ "HttpTokens": "required" }), Ready)])
        .left_out(Ready)
        .holds("Web", &instance);
    property("Web/Properties/IamInstanceProfile", profiles()).left_out(NotReady).holds("Web", &instance);
    property("Web/Properties/LaunchTemplate/LaunchTemplateId", vec![(json!("lt-1"), Unknown)]).holds("Web", &instance);
    property("Web/Properties/LaunchTemplate", vec![]).left_out(Ready).holds("Web", &instance);

    let data = json!({ "IamInstanceProfile": { "Name": { "Ref": "Profile" } } });
    let template = json!({ "Type": "AWS::EC2::LaunchTemplate", "Properties": { "LaunchTemplateData": data } });
    let version = json!({ "Fn::GetAtt": ["Template", "LatestVersionNumber"] });
    let specification = json!({ "LaunchTemplateId": { "Ref": "Template" }, "Version": version });
    let group =
        json!({ "Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": { "LaunchTemplate": specification } });
    let group = resources(&json!({ "Template": template, "Group": group }), &json!({}));
    for target in ["Template", "Group"] {
        let endpoint = "Template/Properties/LaunchTemplateData/MetadataOptions/HttpEndpoint";
        property(endpoint, endpoints()).left_out(Ready).holds(target, &group);
        property("Template/Properties/LaunchTemplateData/IamInstanceProfile/Name", profiles())
            .left_out(NotReady)
            .holds(target, &group);
        property("Template/Properties/LaunchTemplateData", vec![]).left_out(NotReady).holds(target, &group);
    }
    let versions = vec![(json!("$Latest"), Ready), (json!("1"), Unknown)];
    property("Group/Properties/LaunchTemplate/Version", versions).left_out(Unknown).holds("Group", &group);
    property("Group/Properties/LaunchTemplate/LaunchTemplateId", vec![]).holds("Group", &group);

    let configuration = json!({ "Type": "AWS::AutoScaling::LaunchConfiguration", "Properties": { "IamInstanceProfile": { "Ref": "Profile" } } });
    let group = json!({ "Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": { "LaunchConfigurationName": { "Ref": "Configuration" } } });
    let group = resources(&json!({ "Configuration": configuration, "Group": group }), &json!({}));
    for target in ["Configuration", "Group"] {
        property("Configuration/Properties/MetadataOptions/HttpEndpoint", endpoints())
            .left_out(Ready)
            .holds(target, &group);
        property("Configuration/Properties/IamInstanceProfile", profiles()).left_out(NotReady).holds(target, &group);
    }
    property("Group/Properties/LaunchConfigurationName", vec![]).left_out(Unknown).holds("Group", &group);
}

#[test]
fn what_a_template_says_of_a_role() {
    let instance = json!({ "Web": { "Type": "AWS::EC2::Instance", "Properties": { "IamInstanceProfile": { "Ref": "Profile" } } } });
    let own = resources(&instance, &json!({}));
    let hold = |property: Property| property.holds("Web", &own);
    let boundaries = vec![(json!("arn:aws:iam::aws:policy/AdministratorAccess"), Ready), (json!(NOTHING), NotReady)];
    hold(property("Role/Properties/PermissionsBoundary", boundaries).left_out(Ready));
    hold(property("Role/Properties/AssumeRolePolicyDocument", vec![]));
    hold(property("Role/Properties/AssumeRolePolicyDocument/Statement", vec![]));
    let attached = vec![(json!([MANAGED]), Ready), (json!([NOTHING]), Ready)];
    hold(property("Role/Properties/ManagedPolicyArns", attached).left_out(Ready));
    hold(property("Role/Properties/Policies", vec![]).left_out(NotReady));
    hold(property("Role/Properties/Policies/0/PolicyDocument", vec![(policy("Allow", &["s3:GetObject"]), NotReady)]));
    let effects = vec![(json!("Allow"), Ready), (json!("Deny"), NotReady)];
    hold(property("Role/Properties/Policies/0/PolicyDocument/Statement/Effect", effects).of_conditions());
    let actions = vec![(json!("*"), Ready), (json!("s3:*"), NotReady)];
    hold(property("Role/Properties/Policies/0/PolicyDocument/Statement/Action", actions).of_conditions());
    hold(property("Profile/Properties/Roles", vec![(json!([{ "Ref": "Role" }]), Ready)]));
    hold(property("Profile/Properties/Roles/0", vec![]));

    let tagged = json!({ "Policies": [{ "PolicyName": "core", "PolicyDocument": allow_if(&json!({ "StringEquals": { "aws:PrincipalTag/team": "web" } })) }] });
    let tagged = resources(&instance, &tagged);
    // What the template does not set may be a tag of its stack.
    let of_team = |team: &str| json!([{ "Key": "team", "Value": team }]);
    let tags = vec![(of_team("web"), Ready), (of_team("db"), NotReady), (json!([]), Unknown)];
    property("Role/Properties/Tags", tags).left_out(Unknown).of_conditions().holds("Web", &tagged);

    let more = json!({ "Type": "AWS::IAM::Policy", "Properties": { "PolicyName": "more", "Roles": [{ "Ref": "Role" }], "PolicyDocument": policy("Deny", &["ssm:*"]) } });
    let mut with_more = own.clone();
    with_more["More"] = more;
    property("More/Properties/Roles", vec![(json!([{ "Ref": "Role" }]), NotReady), (json!(["other"]), Ready)])
        .of_conditions()
        .holds("Web", &with_more);
    property("More/Properties/PolicyDocument", vec![(policy("Allow", &["s3:*"]), Ready)]).holds("Web", &with_more);
}

#[test]
fn the_session_key_of_a_template() {
    let allowed = [&CORE[..], &["kms:Decrypt"]].concat();
    let role = json!({ "Policies": [{ "PolicyName": "core", "PolicyDocument": policy("Allow", &allowed) }] });
    let content =
        json!({ "schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": { "kmsKeyId": { "Ref": "Key" } } });
    let more = json!({
        "Web": { "Type": "AWS::EC2::Instance", "Properties": { "IamInstanceProfile": { "Ref": "Profile" } } },
        "Key": { "Type": "AWS::KMS::Key", "Properties": { "KeyPolicy": key_policy("111122223333") } },
        "Alias": { "Type": "AWS::KMS::Alias", "Properties": { "AliasName": "alias/sessions", "TargetKeyId": { "Ref": "Key" } } },
        "Sessions": { "Type": "AWS::SSM::Document", "Properties": { "Name": "SSM-SessionManagerRunShell", "DocumentType": "Session", "Content": content } },
    });
    let own = resources(&more, &role);
    let hold = |property: Property| property.holds("Web", &own);
    hold(
        property(
            "Key/Properties/KeyPolicy",
            vec![(key_policy("111122223333"), Ready), (key_policy("444455556666"), NotReady)],
        )
        .left_out(Ready),
    );
    hold(property("Key/Properties/Enabled", vec![(json!(true), Ready), (json!(false), NotReady)]).left_out(Ready));
    hold(
        property("Key/Properties/KeyUsage", vec![(json!("ENCRYPT_DECRYPT"), Ready), (json!("SIGN_VERIFY"), NotReady)])
            .left_out(Ready),
    );
    hold(
        property("Key/Properties/KeySpec", vec![(json!("SYMMETRIC_DEFAULT"), Ready), (json!("RSA_2048"), NotReady)])
            .left_out(Ready),
    );
    hold(
        property("Key/Properties/Origin", vec![(json!("AWS_KMS"), Ready), (json!("EXTERNAL"), Unknown)])
            .left_out(Ready),
    );
    let given: &[&str] = &["--kms-key", "alias/sessions"];
    hold(property("Alias/Properties/TargetKeyId", vec![(json!({ "Ref": "Key" }), Ready)]).given(given));
    hold(property("Sessions/Properties/Content", vec![]));
    hold(property("Sessions/Properties/Content/inputs/kmsKeyId", vec![(json!({ "Ref": "Key" }), Ready)]));
    hold(property(
        "Sessions/Properties/Name",
        vec![(json!("SSM-SessionManagerRunShell"), Ready), (json!("another"), Ready)],
    ));
}
