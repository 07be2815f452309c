//! Tests of the test support itself, so that a failure elsewhere is the tool's.

use std::collections::BTreeMap;
use std::io;
use std::thread;

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::aws::AWS_MANAGED_CORE;
use crate::support::command::Sandbox;
use crate::support::emulator::account;
use crate::support::http::{self, Request, Response, decode, form};
use crate::support::install::{MINISTACK, MOTO};
use crate::support::model::{EC2_TRUST, Instance, Key, Policy, Profile, Role, SSM_CORE};
use crate::support::moto;
use crate::support::report::{Outcome, Report};
use crate::support::schema::{self, Format};
use crate::support::stub::Stub;
use crate::support::world::{INSTANCE, World};
use crate::support::xml::text_of;

fn request(service: &str, region: &str) -> Request {
    let scope = format!(
        "AWS4-HMAC-SHA256 Credential=111122223333/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=x"
    );
    Request::post("/", "").header("Authorization", &scope)
}

/// Calls an action of EC2 or IAM, in `us-east-1`.
pub fn query(stub: &Stub, service: &str, action: &str, parameters: &[(&str, &str)]) -> io::Result<Response> {
    let body = form(&[&[("Action", action)], parameters].concat());
    http::send(&stub.address(), &Request { body: body.into(), ..request(service, "us-east-1") })
}

fn json_call(stub: &Stub, service: &str, target: &str, parameters: &Value) -> Response {
    let request =
        Request { body: parameters.to_string().into(), ..request(service, "us-east-1") }.header("X-Amz-Target", target);
    http::send(&stub.address(), &request).unwrap()
}

#[test]
fn what_is_staged_on_the_emulator_can_be_read_back() {
    let account = account();
    let role_arn = account.create_role("web", "/team/", EC2_TRUST);
    assert_eq!(role_arn, format!("arn:aws:iam::{}:role/team/web", account.id));
    let document =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}]});
    let policy = account.create_policy("boundary", &document);
    account.put_role_permissions_boundary("web", &policy);
    account.tag_role("web", "team", "blue");
    account.put_role_policy("web", "inline", &document);

    let role = account.query("iam", "us-east-1", "GetRole", &[("RoleName", "web")]);
    assert_eq!(text_of(&role, "PermissionsBoundaryArn").unwrap(), policy);
    assert_eq!(decode(&text_of(&role, "AssumeRolePolicyDocument").unwrap()), EC2_TRUST);
    assert!(role.contains("<Key>team</Key><Value>blue</Value>"), "{role}");
    let inline = account.query("iam", "us-east-1", "GetRolePolicy", &[("RoleName", "web"), ("PolicyName", "inline")]);
    assert_eq!(decode(&text_of(&inline, "PolicyDocument").unwrap()), document.to_string());
}

#[test]
fn each_account_of_the_emulator_is_its_own() {
    let (one, other) = (account(), account());
    one.create_role("web", "/", EC2_TRUST);
    // The same name again would be an error in the same account.
    other.create_role("web", "/", EC2_TRUST);
    assert_ne!(one.id, other.id);
}

#[test]
fn the_emulator_knows_the_life_of_a_profile() {
    let account = account();
    let region = "eu-west-1";
    account.create_role("web", "/", EC2_TRUST);
    account.attach_role_policy("web", AWS_MANAGED_CORE);
    account.create_instance_profile("web", "/");
    account.add_role_to_instance_profile("web", "web");
    let instance = account.run_instance(None, region);
    account.tag_instance(&instance, region, "Name", "web-1");
    let first = account.associate_instance_profile(&instance, region, "web");
    assert_eq!(account.association_of(&instance, region), first);
    account.create_instance_profile("other", "/");
    let second = account.replace_instance_profile(&first, region, "other");
    let described = account.query("ec2", region, "DescribeInstances", &[("InstanceId.1", &instance)]);
    assert!(text_of(&described, "arn").unwrap().ends_with(":instance-profile/other"), "{described}");
    assert!(described.contains("<value>web-1</value>"), "{described}");
    account.disassociate_instance_profile(&second, region);
    account.stop_instance(&instance, region);
    account.terminate_instance(&instance, region);
    let described = account.query("ec2", region, "DescribeInstances", &[("InstanceId.1", &instance)]);
    assert!(described.contains("<name>terminated</name>") && !described.contains("iamInstanceProfile"), "{described}");

    let version =
        account.query("iam", "us-east-1", "GetPolicyVersion", &[("PolicyArn", AWS_MANAGED_CORE), ("VersionId", "v1")]);
    assert!(decode(&text_of(&version, "Document").unwrap()).contains("ssmmessages:OpenDataChannel"));
}

#[test]
fn the_emulator_keeps_policy_versions_and_keys() {
    let account = account();
    let arn = account.create_policy("custom", SSM_CORE);
    assert_eq!(account.create_policy_version(&arn, SSM_CORE, true), "v2");
    let policy = account.query("iam", "us-east-1", "GetPolicy", &[("PolicyArn", &arn)]);
    assert_eq!(text_of(&policy, "DefaultVersionId").unwrap(), "v2");

    let key = account.create_kms_key("eu-west-1");
    account.create_alias("eu-west-1", "alias/session", &key);
    let described = account.json("kms", "eu-west-1", "DescribeKey", &json!({"KeyId": "alias/session"}));
    assert_eq!(described["KeyMetadata"]["Arn"], json!(key));
}

#[test]
fn a_stub_answers_by_its_table_and_remembers_the_calls() {
    let stub = Stub::table([("GetRole", vec![Answer::throttled(), Answer::xml("<ok/>")])]);
    let first = query(&stub, "iam", "GetRole", &[("RoleName", "a b&c")]).unwrap();
    assert_eq!((first.status, text_of(&first.body, "Code").unwrap().as_str()), (400, "Throttling"));
    assert!(first.body.starts_with("<ErrorResponse"), "{}", first.body);
    for _ in 0..2 {
        assert_eq!(query(&stub, "iam", "GetRole", &[]).unwrap().body, "<ok/>");
    }
    let unforeseen =
        query(&stub, "ec2", "DescribeInstances", &[("InstanceId.1", "i-1"), ("InstanceId.2", "i-2")]).unwrap();
    assert!(unforeseen.body.contains("<Response><Errors><Error><Code>InvalidAction</Code>"), "{}", unforeseen.body);

    let calls = stub.calls();
    assert_eq!(stub.counts(), BTreeMap::from([("DescribeInstances".to_string(), 1), ("GetRole".to_string(), 3)]));
    assert_eq!(calls[0].parameter("RoleName"), "a b&c");
    assert_eq!(
        (calls[0].service.as_str(), calls[0].region.as_str(), calls[0].access_key_id.as_str()),
        ("iam", "us-east-1", "111122223333")
    );
    assert_eq!(calls[3].list("InstanceId"), ["i-1", "i-2"]);
    assert_eq!((stub.longest_chain(), stub.most_at_once()), (4, 1));
}

#[test]
fn broken_answers_are_broken() {
    let stub = Stub::table([
        ("Truncated", vec![Answer::xml("<a>0123456789</a>").truncated()]),
        ("Closed", vec![Answer::Closed]),
        ("Garbage", vec![Answer::garbage()]),
        ("Gateway", vec![Answer::status(502, "bad gateway")]),
    ]);
    assert_eq!(query(&stub, "iam", "Truncated", &[]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert!(query(&stub, "iam", "Closed", &[]).is_err());
    assert!(query(&stub, "iam", "Garbage", &[]).unwrap().body.starts_with("<<<"));
    assert_eq!(query(&stub, "iam", "Gateway", &[]).unwrap().status, 502);
}

#[test]
fn calls_that_come_together_are_told_from_a_chain() {
    let stub = Stub::answering(|_| Answer::xml("<ok/>"));
    stub.together(&["A", "B", "B"]);
    query(&stub, "iam", "Before", &[]).unwrap();
    thread::scope(|scope| {
        for action in ["A", "B", "B"] {
            scope.spawn(|| query(&stub, "iam", action, &[]).unwrap());
        }
        stub.wait_for("A");
    });
    assert_eq!((stub.longest_chain(), stub.most_at_once()), (2, 3));
    assert!(stub.calls().iter().all(|call| call.ended.is_some_and(|ended| ended > call.started)));
}

#[test]
fn a_world_answers_consistently_and_in_pages() {
    let world = World::ready()
        .page_size(2)
        .role(
            Role::new("big")
                .path("/x/")
                .boundary("limit")
                .tag("a", "<b>")
                .inline("p 1", json!({"n": 1}))
                .attach("limit")
                .attach("two")
                .attach("three"),
        )
        .policy(Policy::new("limit", "{}").version("v7"))
        .key(Key::new("1234").alias("alias/session"))
        .metadata_of(INSTANCE);
    let limit = world.arn("policy", "/", "limit");
    let stub = world.serve();

    let first = query(&stub, "iam", "ListAttachedRolePolicies", &[("RoleName", "big")]).unwrap().body;
    assert!(first.contains(&limit) && !first.contains("three"), "{first}");
    let marker = text_of(&first, "Marker").unwrap();
    let second =
        query(&stub, "iam", "ListAttachedRolePolicies", &[("RoleName", "big"), ("Marker", &marker)]).unwrap().body;
    assert!(second.contains("three") && second.contains("<IsTruncated>false<"), "{second}");

    let role = query(&stub, "iam", "GetRole", &[("RoleName", "big")]).unwrap().body;
    assert_eq!(text_of(&role, "PermissionsBoundaryArn").unwrap(), limit);
    assert!(role.contains("<Value>&lt;b&gt;</Value>"), "{role}");
    let version = query(&stub, "iam", "GetPolicyVersion", &[("PolicyArn", &limit), ("VersionId", "v1")]).unwrap();
    assert_eq!(text_of(&version.body, "Code").unwrap(), "NoSuchEntity");

    let described = query(&stub, "ec2", "DescribeInstances", &[("InstanceId.1", INSTANCE)]).unwrap().body;
    let profile = query(&stub, "iam", "GetInstanceProfile", &[("InstanceProfileName", "web")]).unwrap().body;
    assert_eq!(text_of(&described, "id"), text_of(&profile, "InstanceProfileId"));
    let filter = [("Filter.1.Name", "instance-id"), ("Filter.1.Value.1", INSTANCE)];
    let association = query(&stub, "ec2", "DescribeIamInstanceProfileAssociations", &filter).unwrap().body;
    assert_eq!(text_of(&association, "state").unwrap(), "associated");
    let missing = query(&stub, "ec2", "DescribeInstances", &[("InstanceId.1", "i-0000000000000000f")]).unwrap().body;
    assert_eq!(text_of(&missing, "Code").unwrap(), "InvalidInstanceID.NotFound");

    let key = json_call(&stub, "kms", "TrentService.DescribeKey", &json!({"KeyId": "alias/session"})).body;
    assert!(key.contains("arn:aws:kms:us-east-1:111122223333:key/1234"), "{key}");
    let document = json_call(&stub, "ssm", "AmazonSSM.GetDocument", &json!({"Name": "SSM-SessionManagerRunShell"}));
    assert!(document.status == 400 && document.body.contains("InvalidDocument"), "{}", document.body);
    let id = http::send(&stub.address(), &Request::get("/latest/meta-data/instance-id")).unwrap();
    assert_eq!(id.body, INSTANCE);
    assert_eq!(stub.calls().last().unwrap().action, "GET /latest/meta-data/instance-id");
}

#[test]
fn a_world_fails_where_it_should() {
    let stub = World::ready()
        .instance(Instance::new("i-00000000000000002").profile("gone").region("eu-west-1"))
        .profile(Profile::new("empty"))
        .first("GetInstanceProfile", [Answer::throttled(), Answer::internal()])
        .fail_where("GetRole", "RoleName", "web", Answer::denied("iam:GetRole"))
        .fail_in("DescribeInstances", "eu-west-1", Answer::unauthorized())
        .serve();
    let profile = || query(&stub, "iam", "GetInstanceProfile", &[("InstanceProfileName", "empty")]).unwrap();
    assert_eq!((profile().status, profile().status, profile().status), (400, 500, 200));
    assert_eq!(query(&stub, "iam", "GetRole", &[("RoleName", "web")]).unwrap().status, 403);
    assert_eq!(query(&stub, "iam", "GetRole", &[("RoleName", "other")]).unwrap().status, 404);
    let here = query(&stub, "ec2", "DescribeInstances", &[]).unwrap().body;
    assert!(here.contains(INSTANCE) && !here.contains("i-00000000000000002"), "{here}");
    let body = form(&[("Action", "DescribeInstances")]);
    let there = http::send(&stub.address(), &Request { body: body.into(), ..request("ec2", "eu-west-1") }).unwrap();
    assert_eq!(text_of(&there.body, "Code").unwrap(), "UnauthorizedOperation");
}

#[test]
fn the_binary_runs_in_its_sandbox() {
    let sandbox = Sandbox::new();
    let file = sandbox.file("a/b.json", json!({}));
    assert!(file.starts_with(sandbox.path()));
    let output = sandbox.run(&["--version"]).expect(0);
    assert_eq!(output.stdout.trim(), concat!("ssm-profile ", env!("CARGO_PKG_VERSION")));
}

const RESULT: &str = r#"{"target":"documents","account":null,"region":null,"instance":null,"instance_profile":null,"role":null,
    "host_management_role":null,"agent":null,"trust":null,"verdict":"ready","permissions":[],"findings":[],
    "network":{"decision":"not_checked","paths":[]},"not_checked":[]}"#;

#[test]
fn what_no_schema_names_is_noticed() {
    let result: Value = serde_json::from_str(RESULT).unwrap();
    let report = json!({
        "schema_version": 1, "tool": {"name": "ssm-profile", "version": "0.1.0"}, "source": {"kind": "documents", "file": null},
        "summary": {"checked": 1, "ready": 1, "not_ready": 0, "unknown": 0, "skipped": 0}, "results": [result.clone()],
    });
    assert_eq!(Report::read(&report.to_string()).only().target, "documents");
    assert_eq!(Outcome::read_lines(&format!("{result}\n{result}\n")).len(), 2);

    let finding = |details: Value| {
        let mut result = result.clone();
        result["findings"] =
            json!([{"code": "role-missing", "severity": "error", "message": "m", "remedy": "r", "details": details}]);
        result
    };
    let sound = finding(json!({"kind": "role_missing", "role": "web", "reservation": "may_not_matter"}));
    assert_eq!(schema::mistake(Format::Result, &sound), None);
    let mut missing = result.clone();
    missing.as_object_mut().unwrap().remove("account");
    let mut added = result.clone();
    added["surprise"] = json!(1);
    let mut word = result.clone();
    word["verdict"] = json!("fine");
    for broken in [
        missing,
        added,
        word,
        finding(json!({"kind": "role_missing"})),
        finding(json!({"kind": "role_missing", "role": null})),
        finding(json!({"kind": "role_missing", "role": "web", "surprise": 1})),
        finding(json!({"kind": "role_mislaid", "role": "web"})),
        finding(
            json!({"kind": "role_missing", "role": "web", "reservation": {"only_logs": {"bucket": null, "surprise": 1}}}),
        ),
        finding(
            json!({"kind": "trust_denied", "role": null, "service": {"principal": "p", "is_systems_manager": false, "surprise": 1}}),
        ),
    ] {
        assert!(schema::mistake(Format::Result, &broken).is_some(), "{broken}");
    }
}

#[test]
fn what_is_no_sarif_is_noticed() {
    let log = |result: Value| json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "ssm-profile"}}, "results": [result]}]});
    assert_eq!(schema::mistake(Format::Sarif, &log(json!({"message": {"text": "m"}, "level": "note"}))), None);
    for broken in [
        json!({"level": "note"}),
        json!({"message": {"text": "m"}, "level": "info"}),
        json!({"message": {"text": "m"}, "rule_id": "role-missing"}),
        json!({"message": {"text": "m"}, "locations": [{"physicalLocation": {"region": {"startLine": 0}}}]}),
    ] {
        assert!(schema::mistake(Format::Sarif, &log(broken.clone())).is_some(), "{broken}");
    }
}

/// Whoever adds a host name here lets a test reach the network.
#[test]
fn the_pins_name_no_host_and_hash_everything() {
    for package in [MINISTACK, MOTO] {
        assert!(!package.requirements.contains("://"), "{}", package.name);
        let joined = package.requirements.replace("\\\n", " ");
        let packages: Vec<&str> = joined.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(packages.iter().all(|line| line.contains("==") && line.contains("--hash=sha256:")), "{}", package.name);
        let pin = format!("{}=={} ", package.name, package.version);
        assert!(packages.iter().any(|line| line.starts_with(&pin)), "the pins are of another `{}`", package.name);
    }
}

#[test]
fn the_emulators_listen_on_loopback_only() {
    for account in [account(), moto::account()] {
        let port = account.endpoint.strip_prefix("http://127.0.0.1:").unwrap();
        let Ok(sockets) = std::fs::read_to_string("/proc/net/tcp") else { return };
        let port = format!(":{:04X} ", port.parse::<u16>().unwrap());
        let listening: Vec<&str> =
            sockets.lines().filter(|line| line.contains(&port) && line.contains(" 00000000:0000 0A ")).collect();
        assert_eq!(listening.len(), 1, "{listening:?}");
        assert!(listening[0].contains("0100007F:"), "{listening:?}");
    }
}
