//! `examples/network.json`: an instance for each thing that can be wrong with a network path.

use serde_json::{Value, json};

use crate::support::command::Sandbox;
use crate::support::report::{Code, Decision, Outcome, PathDecision, Verdict, Via};
use crate::support::schema::{self, Format};

const EXAMPLE: &str = include_str!("../../examples/network.json");

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("network.json", EXAMPLE);
    sandbox
}

#[test]
fn each_instance_shows_what_its_name_says() {
    schema::read(Format::Snapshot, EXAMPLE);
    let report = sandbox().run(&["check", "--snapshot", "network.json", "-o", "json"]).expect(1).report();
    let expected = [
        ("public-1", Verdict::Ready, None),
        ("nat-1", Verdict::Ready, None),
        ("deleted-nat-1", Verdict::NotReady, Some(Code::NoNetworkPath)),
        ("acl-1", Verdict::NotReady, Some(Code::NetworkAclBlocks)),
        ("egress-1", Verdict::NotReady, Some(Code::SecurityGroupBlocks)),
        // What is behind a transit gateway is not to be seen.
        ("transit-1", Verdict::Ready, Some(Code::NetworkUnknown)),
        ("endpoint-1", Verdict::Ready, None),
        ("endpoint-group-1", Verdict::NotReady, Some(Code::SecurityGroupBlocks)),
        ("private-dns-1", Verdict::NotReady, Some(Code::EndpointDns)),
        ("endpoint-policy-1", Verdict::NotReady, Some(Code::EndpointPolicy)),
        // Its agent is online all the same.
        ("no-address-1", Verdict::Ready, Some(Code::NoNetworkPath)),
    ];
    assert_eq!(report.results.len(), expected.len());
    for (outcome, (name, verdict, code)) in report.results.iter().zip(expected) {
        assert_eq!(outcome.instance.as_ref().and_then(|instance| instance.name.as_deref()), Some(name));
        assert_eq!(outcome.verdict, verdict, "{name}: {:?}", outcome.findings);
        let of_network = outcome.codes().into_iter().filter(|code| is_of_network(*code)).collect::<Vec<_>>();
        assert!(code.is_none_or(|code| of_network.contains(&code)), "{name}: {of_network:?}");
        assert_eq!(code.is_none(), of_network.is_empty(), "{name}: {of_network:?}");
        // What closes the path is why the agent is offline.
        if verdict == Verdict::NotReady && outcome.codes().contains(&Code::AgentOffline) {
            assert!(outcome.finding(Code::AgentOffline).message.contains("caused by the errors above"), "{name}");
        }
    }
}

fn is_of_network(code: Code) -> bool {
    let codes = [
        Code::NoNetworkPath,
        Code::SecurityGroupBlocks,
        Code::NetworkAclBlocks,
        Code::EndpointDns,
        Code::EndpointPolicy,
        Code::NetworkUnknown,
    ];
    codes.contains(&code)
}

#[test]
fn the_flag_says_how_the_path_counts() {
    let run = |network: &str, exit: i32| -> Vec<(String, Verdict, Value)> {
        let output = sandbox().run(&["check", "--snapshot", "network.json", "--network", network, "-o", "json"]);
        let output = output.expect(exit);
        let json = output.json();
        let rows = output.report().results.into_iter().zip(json["results"].as_array().unwrap().clone());
        let row = |(outcome, json): (crate::support::report::Outcome, Value)| {
            (outcome.instance.unwrap().name.unwrap(), outcome.verdict, json["network"]["decision"].clone())
        };
        rows.map(row).collect()
    };
    for (name, verdict, decision) in run("off", 0) {
        assert_eq!((verdict, decision), (Verdict::Ready, Value::from("not_checked")), "{name}");
    }
    let required = run("require", 1);
    let transit = required.iter().find(|(name, ..)| name == "transit-1").unwrap();
    assert_eq!((transit.1, &transit.2), (Verdict::Unknown, &Value::from("unknown")));
    let auto = run("auto", 1);
    let differ = auto.iter().zip(&required).filter(|(auto, required)| auto != required).count();
    assert_eq!(differ, 1, "only what is not known");
}

/// A gateway endpoint leads to the buckets of its own Region
/// ([gateway endpoints](https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-s3.html)).
#[test]
fn a_bucket_of_another_region_is_not_behind_the_endpoint() {
    const S3: &str = "vpce-0b1b2c3d4e5f607s3";
    let judged = |region: Value| {
        let mut snapshot: Value = serde_json::from_str(EXAMPLE).unwrap();
        let facts = &mut snapshot["facts"];
        facts["subjects"].as_array_mut().unwrap().retain(|subject| {
            subject["kind"]["instance"]["known"]["name"] == "nat-1"
                || subject["kind"]["instance"]["known"]["name"] == "endpoint-1"
        });
        let network = &mut facts["networks"]["us-east-1"];
        for (vpc, table) in
            [("vpc-0b1b2c3d4e5f60710", "rtb-0b1b2c3d4e5f60701"), ("vpc-0b1b2c3d4e5f60711", "rtb-0b1b2c3d4e5f60710")]
        {
            let id = format!("{S3}{}", &vpc[vpc.len() - 2..]);
            network["endpoints"]["known"][&id] = json!({ "vpc": vpc, "service": "com.amazonaws.us-east-1.s3", "kind": "Gateway",
                "state": "available", "private_dns": false, "subnets": [], "security_groups": [], "route_tables": [table], "policy": null });
            let route = json!({ "destination": "pl-63a5400a", "target": id, "is_blackhole": false });
            network["route_tables"]["known"][table]["routes"].as_array_mut().unwrap().push(route);
        }
        facts["buckets"] =
            json!({ "logs": { "known": { "region": region, "encryption": "absent", "policy": "absent" } } });
        let condition = json!({ "StringLike": { "aws:SourceVpce": format!("{S3}*") } });
        let allow = json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": condition });
        let document = json!({ "Version": "2012-10-17", "Statement": [allow] });
        for role in facts["roles"].as_object_mut().unwrap().values_mut() {
            role["known"]["inline"]["known"] = json!([{ "name": "logs", "document": { "known": document } }]);
        }
        let sandbox = Sandbox::new();
        sandbox.file("network.json", snapshot);
        let output = sandbox.run(&["check", "--snapshot", "network.json", "--s3-logs", "logs", "-o", "json"]);
        output.report().results
    };
    let s3 = |outcome: &Outcome| {
        let path = outcome.network.paths.iter().find(|path| path.service == "s3").unwrap();
        (path.decision, path.via)
    };
    let put = |outcome: &Outcome| outcome.permission("s3:PutObject").decision;
    let [nat, endpoint] = <[Outcome; 2]>::try_from(judged(json!({ "known": "us-east-1" }))).unwrap();
    for outcome in [&nat, &endpoint] {
        assert_eq!(s3(outcome), (PathDecision::Open, Some(Via::VpcEndpoint)), "{:?}", outcome.findings);
        assert_eq!(put(outcome), Decision::Allowed);
    }
    let [nat, endpoint] = <[Outcome; 2]>::try_from(judged(json!({ "known": "eu-west-1" }))).unwrap();
    assert_eq!(s3(&nat), (PathDecision::Open, Some(Via::NatGateway)), "{:?}", nat.findings);
    assert_eq!(put(&nat), Decision::ImplicitDeny);
    assert_eq!(s3(&endpoint), (PathDecision::Closed, None), "{:?}", endpoint.findings);
    let unread = json!({ "unreadable": { "api": "s3:HeadBucket", "kind": "denied", "message": "denied" } });
    for outcome in judged(unread) {
        assert_ne!(put(&outcome), Decision::Allowed, "{:?}", outcome.findings);
        assert_ne!(s3(&outcome).1, Some(Via::VpcEndpoint), "{:?}", outcome.findings);
    }
}
