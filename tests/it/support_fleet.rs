//! Tests of what the test support does for fleets: whole accounts at once, Regions, organizations, and throttling.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::http::{self, Request, decode, form};
use crate::support::model::{EC2_TRUST, Instance, Level, Member, Policy, Profile, Role, SSM_CORE};
use crate::support::stub::Stub;
use crate::support::world::{ACCOUNT, INSTANCE, World};
use crate::support::xml::{all_of, text_of};

pub const MEMBER: &str = "444455556666";
pub const CLOSED: &str = "777788889999";
pub const ELSEWHERE: &str = "i-00000000000000002";

/// Who calls, and where.
#[derive(Debug, Clone)]
pub struct Caller {
    pub key: String,
    pub token: Option<String>,
    pub region: String,
}

/// What is wrong with a call: status and code.
pub type Refusal = (u16, String);

impl Caller {
    pub fn new(key: &str) -> Self {
        Self { key: key.into(), token: None, region: "us-east-1".into() }
    }

    fn region(&self, region: &str) -> Self {
        Self { region: region.into(), ..self.clone() }
    }

    fn send(&self, stub: &Stub, service: &str, request: Request) -> http::Response {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/{}/{service}/aws4_request, SignedHeaders=host, Signature=x",
            self.key, self.region
        );
        let request = request.header("Authorization", &scope);
        let request = match &self.token {
            Some(token) => request.header("X-Amz-Security-Token", token),
            None => request,
        };
        http::send(&stub.address(), &request).unwrap()
    }

    /// Calls a service that speaks XML.
    pub fn query(&self, stub: &Stub, call: &str, parameters: &[(&str, &str)]) -> Result<String, Refusal> {
        let (service, action) = call.split_once(':').unwrap();
        let body = form(&[&[("Action", action)], parameters].concat());
        let answer = self.send(stub, service, Request::post("/", body));
        match answer.status {
            200 => Ok(answer.body),
            status => Err((status, text_of(&answer.body, "Code").unwrap())),
        }
    }

    /// Calls a service that speaks JSON.
    pub fn json(&self, stub: &Stub, call: &str, parameters: &Value) -> Result<Value, Refusal> {
        let (service, action) = call.split_once(':').unwrap();
        let request = Request::post("/", parameters.to_string()).header("X-Amz-Target", &format!("Any.{action}"));
        let answer = self.send(stub, service, request);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        match answer.status {
            200 => Ok(body),
            status => Err((status, body["__type"].as_str().unwrap().to_string())),
        }
    }

    /// The number and the ARN that the caller has.
    pub fn identity(&self, stub: &Stub) -> Result<(String, String), Refusal> {
        let answer = self.query(stub, "sts:GetCallerIdentity", &[])?;
        Ok((text_of(&answer, "Account").unwrap(), text_of(&answer, "Arn").unwrap()))
    }
}

pub fn tester() -> Caller {
    Caller::new(ACCOUNT)
}

pub fn refusal<T>(status: u16, code: &str) -> Result<T, Refusal> {
    Err((status, code.to_string()))
}

/// The elements of this name in the `member` elements of one list.
fn in_list(answer: &str, list: &str, name: &str) -> Vec<String> {
    let inner = all_of(answer, list).concat();
    all_of(&inner, name).into_iter().map(ToString::to_string).collect()
}

fn details(stub: &Stub, parameters: &[(&str, &str)]) -> String {
    tester().query(stub, "iam:GetAccountAuthorizationDetails", parameters).unwrap()
}

/// An account with something of all that its details tell.
fn detailed() -> World {
    let role = Role::new("app")
        .path("/team/")
        .inline("p 1", json!({"Sid": "a+b & <c>"}))
        .attach("AmazonSSMManagedInstanceCore")
        .attach("own")
        .boundary("limit")
        .tag("team", "<blue>");
    World::ready()
        .role(role)
        .profile(Profile::new("app-a").role("app").path("/team/").tag("a", "b"))
        .profile(Profile::new("app-b").role("app"))
        .profile(Profile::new("empty"))
        .policy(Policy::new("own", json!({"v": 2})).version("v2").older("v1", json!({"v": 1})))
        .policy(Policy::new("limit", "{}"))
        .policy(Policy::new("spare", "{}"))
        .policy(Policy::of_aws("AmazonUnused", "{}"))
}

#[test]
fn the_details_of_an_account_are_those_of_its_entities() {
    let stub = detailed().serve();
    let all = details(&stub, &[]);
    assert!(all.contains("<UserDetailList/><GroupDetailList/><RoleDetailList><member>"), "{all}");
    assert!(all.contains("<IsTruncated>false<") && !all.contains("<Marker>"), "{all}");
    assert!(all.contains("xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\""), "{all}");
    let (_, app) = all.split_once("<Path>/team/</Path><RoleName>app</RoleName>").unwrap();
    let app = app.split("<RoleLastUsed/>").next().unwrap();
    let role = tester().query(&stub, "iam:GetRole", &[("RoleName", "app")]).unwrap();
    for name in ["RoleId", "Arn", "PermissionsBoundaryArn", "AssumeRolePolicyDocument"] {
        assert_eq!(text_of(app, name), text_of(&role, name), "{name}");
    }
    assert_eq!(decode(&text_of(app, "AssumeRolePolicyDocument").unwrap()), EC2_TRUST);
    assert_eq!(decode(&text_of(app, "PolicyDocument").unwrap()), r#"{"Sid":"a+b & <c>"}"#);
    assert_eq!(in_list(app, "RolePolicyList", "PolicyName"), ["p 1"]);
    assert_eq!(in_list(app, "AttachedManagedPolicies", "PolicyName"), ["AmazonSSMManagedInstanceCore", "own"]);
    assert_eq!(in_list(app, "InstanceProfileList", "InstanceProfileName"), ["app-a", "app-b"]);
    // The role in a profile is the same role.
    assert_eq!(in_list(app, "Roles", "RoleId"), vec![text_of(&role, "RoleId").unwrap(); 2]);
    assert!(app.contains("<Key>team</Key><Value>&lt;blue&gt;</Value>"), "{app}");
    let profile = tester().query(&stub, "iam:GetInstanceProfile", &[("InstanceProfileName", "app-a")]).unwrap();
    assert!(app.contains(&text_of(&profile, "InstanceProfileId").unwrap()), "{app}");
    // A profile without a role is nowhere, and a role without anything has empty lists.
    assert!(!all.contains(">empty<"), "{all}");
    assert!(all.contains("<RolePolicyList/>") && all.contains("<Tags></Tags>"), "{all}");

    // What is only a boundary is left out, and what is of AWS and attached nowhere.
    let (_, policies) = all.split_once("<Policies>").unwrap();
    let arns = ["aws:policy/AmazonSSMManagedInstanceCore", "111122223333:policy/own", "111122223333:policy/spare"];
    assert_eq!(all_of(policies, "Arn"), arns.map(|end| format!("arn:aws:iam::{end}")));
    assert_eq!(all_of(policies, "AttachmentCount"), ["2", "1", "0"]);
    assert_eq!(all_of(policies, "DefaultVersionId"), ["v1", "v2", "v1"]);
    let versions = all_of(policies, "PolicyVersionList")[1];
    assert_eq!(all_of(versions, "VersionId"), ["v1", "v2"]);
    assert_eq!(all_of(versions, "IsDefaultVersion"), ["false", "true"]);
    assert_eq!(decode(all_of(versions, "Document")[1]), r#"{"v":2}"#);
    assert_eq!(decode(all_of(policies, "Document")[0]), SSM_CORE);
    let own = [("PolicyArn", "arn:aws:iam::111122223333:policy/own"), ("VersionId", "v1")];
    let version = tester().query(&stub, "iam:GetPolicyVersion", &own).unwrap();
    assert!(version.contains("<IsDefaultVersion>false<"), "{version}");
    assert!(stub.writes().is_empty());
}

#[test]
fn the_details_of_an_account_come_filtered_and_in_pages() {
    let stub = detailed().page_size(2).serve();
    let filtered = |kind: &str| details(&stub, &[("Filter.member.1", kind)]);
    assert!(filtered("User").ends_with(
        "<IsTruncated>false</IsTruncated><UserDetailList/><GroupDetailList/><RoleDetailList/><Policies/>\
         </GetAccountAuthorizationDetailsResult><ResponseMetadata><RequestId>stub</RequestId></ResponseMetadata>\
         </GetAccountAuthorizationDetailsResponse>"
    ));
    let of_aws = filtered("AWSManagedPolicy");
    assert!(of_aws.contains("policy/AmazonSSMManagedInstanceCore") && !of_aws.contains("policy/own"), "{of_aws}");
    let refused = tester().query(&stub, "iam:GetAccountAuthorizationDetails", &[("Filter.member.1", "Roles")]);
    assert_eq!(refused, refusal(400, "ValidationError"));

    // A page is one of all entities together.
    let wanted = [("Filter.member.1", "Role"), ("Filter.member.2", "LocalManagedPolicy")];
    let first = details(&stub, &wanted);
    assert!(first.contains("<IsTruncated>true<") && first.contains("<Policies/>"), "{first}");
    let marker = text_of(&first, "Marker").unwrap();
    let second = details(&stub, &[&wanted[..], &[("Marker", marker.as_str())]].concat());
    assert!(second.contains("<RoleDetailList/>") && second.contains("<IsTruncated>false<"), "{second}");
    assert_eq!(in_list(&second, "Policies", "PolicyName"), ["own", "spare"]);
    let smaller = details(&stub, &[("MaxItems", "1")]);
    assert_eq!(smaller.matches("<RolePolicyList").count(), 1, "{smaller}");

    let profiles = tester().query(&stub, "iam:ListInstanceProfiles", &[]).unwrap();
    assert_eq!(all_of(&profiles, "InstanceProfileName"), ["web", "app-a"]);
    let marker = text_of(&profiles, "Marker").unwrap();
    let rest = tester().query(&stub, "iam:ListInstanceProfiles", &[("Marker", &marker)]).unwrap();
    assert_eq!(all_of(&rest, "InstanceProfileName"), ["app-b", "empty"]);
    let below = tester().query(&stub, "iam:ListInstanceProfiles", &[("PathPrefix", "/team/")]).unwrap();
    assert_eq!((all_of(&below, "InstanceProfileName"), below.contains("<Key>")), (vec!["app-a"], false));
}

#[test]
fn regions_are_on_or_off() {
    let world = World::ready().instance(Instance::new(ELSEWHERE).region("eu-west-1"));
    let names = |stub: &Stub, parameters: &[(&str, &str)]| {
        let answer = tester().query(stub, "ec2:DescribeRegions", parameters).unwrap();
        all_of(&answer, "regionName").into_iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(&World::new(ACCOUNT).serve(), &[]), ["eu-west-1", "us-east-1", "us-west-2"]);
    let stub = world.region_off("ap-east-1").serve();
    assert_eq!(names(&stub, &[]), ["eu-west-1", "us-east-1"]);
    stub.world(|world| world.regions = vec!["us-east-1".into(), "sa-east-1".into()]);
    let off = [("AllRegions", "true"), ("Filter.1.Name", "opt-in-status"), ("Filter.1.Value.1", "not-opted-in")];
    for (parameters, expected) in [
        (&[][..], &["sa-east-1", "us-east-1"][..]),
        (&[("AllRegions", "true")], &["sa-east-1", "us-east-1", "ap-east-1"]),
        (&off, &["ap-east-1"]),
        (&off[1..], &[]),
        (&[("RegionName.1", "us-east-1")], &["us-east-1"]),
        (&[("Filter.1.Name", "region-name"), ("Filter.1.Value.1", "sa-east-1")], &["sa-east-1"]),
    ] {
        assert_eq!(names(&stub, parameters), expected, "{parameters:?}");
    }
    let unknown = [("RegionName.1", "mars-1")];
    assert_eq!(tester().query(&stub, "ec2:DescribeRegions", &unknown), refusal(400, "InvalidParameterValue"));

    // Its services know nobody; what is the same everywhere does.
    let there = tester().region("ap-east-1");
    assert_eq!(there.query(&stub, "ec2:DescribeInstances", &[]), refusal(401, "AuthFailure"));
    let setting = json!({"SettingId": "/ssm/managed-instance/default-ec2-instance-management-role"});
    assert_eq!(there.json(&stub, "ssm:GetServiceSetting", &setting), refusal(400, "UnrecognizedClientException"));
    assert_eq!(there.identity(&stub), refusal(403, "InvalidClientTokenId"));
    assert!(there.query(&stub, "iam:GetRole", &[("RoleName", "web")]).is_ok());
    let here = tester().region("eu-west-1").query(&stub, "ec2:DescribeInstances", &[]).unwrap();
    assert_eq!(all_of(&here, "instanceId"), [ELSEWHERE]);
    assert!(tester().region("eu-west-1").json(&stub, "ssm:GetServiceSetting", &setting).is_ok());
    // Without a filter the agents are all those of a Region.
    let agents = tester().region("eu-west-1").json(&stub, "ssm:DescribeInstanceInformation", &json!({})).unwrap();
    let agents = agents["InstanceInformationList"].as_array().unwrap();
    assert_eq!((agents.len(), &agents[0]["InstanceId"]), (1, &json!(ELSEWHERE)));
}

#[test]
fn associations_are_filtered_by_their_state() {
    let third = "i-00000000000000003";
    let stub = World::ready()
        .instance(Instance::new(ELSEWHERE).profile("web").association("associating"))
        .instance(Instance::new(third).profile("web").association("disassociating"))
        .instance(Instance::new("i-00000000000000004"))
        .serve();
    let ids = |parameters: &[(&str, &str)]| {
        let answer = tester().query(&stub, "ec2:DescribeIamInstanceProfileAssociations", parameters).unwrap();
        all_of(&answer, "instanceId").into_iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let states = [("Filter.1.Name", "state"), ("Filter.1.Value.1", "associated"), ("Filter.1.Value.2", "associating")];
    assert_eq!(ids(&[]), [INSTANCE, ELSEWHERE, third]);
    assert_eq!(ids(&states), [INSTANCE, ELSEWHERE]);
    let one = [("Filter.2.Name", "instance-id"), ("Filter.2.Value.1", ELSEWHERE), ("Filter.2.Value.2", third)];
    assert_eq!(ids(&[states, one].concat()), [ELSEWHERE]);
    let unknown = [("Filter.1.Name", "status"), ("Filter.1.Value.1", "associated")];
    let refused = tester().query(&stub, "ec2:DescribeIamInstanceProfileAssociations", &unknown);
    assert_eq!(refused, refusal(400, "InvalidParameterValue"));
}

#[test]
fn a_management_account_knows_its_organization() {
    let (allow, deny) = (json!({"Effect": "Allow"}), json!({"Effect": "Deny"}));
    let stub = World::ready()
        .organization("o-a", ACCOUNT, [Level::new("r-root").scp("root", &deny), Level::new(ACCOUNT)])
        .member(
            Member::new(MEMBER).named("shop").under([Level::new("r-root"), Level::new("ou-web").scp("web", &allow)]),
        )
        .member(Member::new(CLOSED).status("SUSPENDED").scp("own", &deny))
        .member(
            Member::new("999900001111").status("PENDING_CLOSURE").under(["r-root", "ou-web", "ou-in"].map(Level::new)),
        )
        .page_size(3)
        .serve();
    let call = |action: &str, parameters: Value| tester().json(&stub, &format!("organizations:{action}"), &parameters);
    let first = call("ListAccounts", json!({})).unwrap();
    let second = call("ListAccounts", json!({"NextToken": first["NextToken"]})).unwrap();
    let accounts: Vec<&Value> =
        [&first, &second].into_iter().flat_map(|page| page["Accounts"].as_array().unwrap()).collect();
    let said = |name: &str| accounts.iter().map(|account| account[name].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(said("Id"), [ACCOUNT, MEMBER, CLOSED, "999900001111"]);
    assert_eq!(said("Status"), ["ACTIVE", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE"]);
    assert_eq!((said("Name")[1], &second["NextToken"]), ("shop", &Value::Null));
    assert_eq!(accounts[1]["Arn"], "arn:aws:organizations::111122223333:account/o-a/444455556666");

    let parent = |id: &str| call("ListParents", json!({"ChildId": id})).map(|answer| answer["Parents"][0].clone());
    for (id, above, kind) in [
        (ACCOUNT, "r-root", "ROOT"),
        (MEMBER, "ou-web", "ORGANIZATIONAL_UNIT"),
        ("ou-web", "r-root", "ROOT"),
        ("999900001111", "ou-in", "ORGANIZATIONAL_UNIT"),
        ("ou-in", "ou-web", "ORGANIZATIONAL_UNIT"),
        (CLOSED, "r-root", "ROOT"),
    ] {
        assert_eq!(parent(id), Ok(json!({"Id": above, "Type": kind})), "{id}");
    }
    assert_eq!(parent("123412341234"), refusal(400, "ChildNotFoundException"));
    assert_eq!(parent("r-root"), refusal(400, "ChildNotFoundException"));

    let policies = |target: &str| {
        let filter = json!({"TargetId": target, "Filter": "SERVICE_CONTROL_POLICY"});
        let pairs = |answer: Value| {
            let policies = answer["Policies"].as_array().unwrap().clone().into_iter();
            policies.map(|policy| (policy["Name"].to_string(), policy["Id"].clone())).collect::<Vec<_>>()
        };
        call("ListPoliciesForTarget", filter).map(pairs)
    };
    let (root, unit, own) = (policies("r-root").unwrap(), policies("ou-web").unwrap(), policies(CLOSED).unwrap());
    let names = |policies: &[(String, Value)]| policies.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&root), ["\"FullAWSAccess\"", "\"root\""]);
    assert_eq!(names(&unit), ["\"FullAWSAccess\"", "\"web\""]);
    assert_eq!(names(&own), ["\"FullAWSAccess\"", "\"own\""]);
    // The same policy is the same one everywhere.
    assert!(root[0] == unit[0] && unit[0] == own[0] && root[1].1 != own[1].1, "{root:?} {unit:?} {own:?}");
    let read = call("DescribePolicy", json!({"PolicyId": unit[1].1})).unwrap();
    assert_eq!(read["Policy"]["Content"], allow.to_string());
    assert_eq!(call("DescribePolicy", json!({"PolicyId": "p-000000ff"})), refusal(400, "PolicyNotFoundException"));
    assert_eq!(policies("123412341234"), refusal(400, "TargetNotFoundException"));
}

#[test]
fn only_some_accounts_may_list_an_organization() {
    let levels = || [Level::new("r-root"), Level::new(ACCOUNT)];
    let list = |world: World| {
        let answer = tester().json(&world.serve(), "organizations:ListAccounts", &json!({}));
        answer.map(|answer| answer["Accounts"].as_array().unwrap().len())
    };
    assert_eq!(list(World::ready()), refusal(400, "AWSOrganizationsNotInUseException"));
    assert_eq!(list(World::ready().hidden_organization("o-a", MEMBER)), refusal(400, "AccessDeniedException"));
    let inside = || World::ready().organization("o-a", MEMBER, levels());
    assert_eq!(list(inside()), refusal(400, "AccessDeniedException"));
    assert_eq!(list(inside().delegated().member(Member::new(ACCOUNT))), Ok(2));
    // Who manages the organization may be told as a member, and is there once.
    assert_eq!(list(World::ready().organization("o-a", ACCOUNT, levels()).member(Member::new(ACCOUNT))), Ok(1));
}

#[test]
fn every_so_manieth_call_is_throttled() {
    let stub = World::ready().throttle_every("iam", 3).every("ec2", 2, Answer::internal()).serve();
    let role = |name: &str| tester().query(&stub, "iam:GetRole", &[("RoleName", name)]).map(|_| ());
    let throttled = refusal(400, "Throttling");
    assert_eq!([role("web"), role("web"), role("web"), role("web")], [Ok(()), Ok(()), throttled.clone(), Ok(())]);
    // Other actions of the service count, other services do not.
    let instances = || tester().query(&stub, "ec2:DescribeInstances", &[]).map(|_| ());
    assert_eq!([instances(), instances(), instances()], [Ok(()), refusal(500, "InternalFailure"), Ok(())]);
    assert!(tester().query(&stub, "iam:ListRolePolicies", &[("RoleName", "web")]).is_ok());
    assert_eq!([role("web"), role("web")], [throttled, Ok(())]);
}
