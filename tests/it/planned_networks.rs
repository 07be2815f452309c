//! Networks that a plan makes, and the path from an instance in them, as it will be once the plan is applied.

use serde_json::{Value, json};

use crate::live_stub::{self, trust};
use crate::support::command::Sandbox;
use crate::support::model::CORE;
use crate::support::report::{Code, Outcome, PathDecision, Verdict, Via};
use crate::support::terraform::{Resource, kept, made, plan, references};

use Code::{EndpointDns, EndpointPolicy, NetworkAclBlocks, NetworkUnknown, NoNetworkPath, SecurityGroupBlocks};
use PathDecision::{Closed, NotChecked, Open, Unknown as NotKnown};
use Verdict::{NotReady, Ready, Unknown};

const EVERYWHERE: &str = "0.0.0.0/0";

/// A resource of which the provider fills in the id.
fn new(address: &str, values: Value) -> Resource {
    made(address, values).unknown(json!({ "id": true }))
}

fn vpc(values: Value) -> Resource {
    let ids = ["default_network_acl_id", "default_route_table_id", "default_security_group_id", "main_route_table_id"];
    ids.iter().fold(new("aws_vpc.main", values), |vpc, id| vpc.merge_unknown(json!({ *id: true })))
}

fn rule(cidr: &str) -> Value {
    json!({ "protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": [cidr], "ipv6_cidr_blocks": [],
        "prefix_list_ids": [], "security_groups": [], "self": false })
}

fn group(name: &str, ingress: Value, egress: Value) -> Resource {
    let address = format!("aws_security_group.{name}");
    let given = json!({ "ingress": { "constant_value": ingress }, "egress": { "constant_value": egress } });
    new(&address, json!({ "name": name, "ingress": ingress, "egress": egress }))
        .expressions(given)
        .refers("vpc_id", "aws_vpc.main.id")
}

fn instance(values: Value) -> Resource {
    new("aws_instance.web", values)
        .refers("subnet_id", "aws_subnet.private.id")
        .refers("vpc_security_group_ids", "aws_security_group.web.id")
}

fn subnet(name: &str, cidr: &str) -> Resource {
    new(&format!("aws_subnet.{name}"), json!({ "cidr_block": cidr })).refers("vpc_id", "aws_vpc.main.id")
}

fn table(name: &str) -> Vec<Resource> {
    vec![
        new(&format!("aws_route_table.{name}"), json!({}))
            .merge_unknown(json!({ "route": true }))
            .refers("vpc_id", "aws_vpc.main.id"),
        new(&format!("aws_route_table_association.{name}"), json!({}))
            .refers("subnet_id", &format!("aws_subnet.{name}.id"))
            .refers("route_table_id", &format!("aws_route_table.{name}.id")),
    ]
}

fn route(table: &str, argument: &str, to: &str) -> Resource {
    new(&format!("aws_route.{table}"), json!({ "destination_cidr_block": EVERYWHERE }))
        .refers("route_table_id", &format!("aws_route_table.{table}.id"))
        .refers(argument, to)
}

/// An instance that is ready but for its network, in the private one of two subnets of a VPC with an internet gateway.
fn base() -> Vec<Resource> {
    let policy = live_stub::policy("Allow", json!(CORE)).to_string();
    let mut all = vec![
        made(
            "aws_iam_role.web",
            json!({ "name": "web", "path": "/", "assume_role_policy": trust("ec2.amazonaws.com") }),
        )
        .unknown(
            json!({ "arn": true, "id": true, "inline_policy": true, "managed_policy_arns": true, "tags_all": true }),
        ),
        made("aws_iam_instance_profile.web", json!({ "name": "web", "path": "/", "role": "web" })),
        made("aws_iam_role_policy.core", json!({ "name": "core", "role": "web", "policy": policy })),
        vpc(json!({ "cidr_block": "10.0.0.0/16", "enable_dns_support": true, "enable_dns_hostnames": true })),
        new("aws_vpc_block_public_access_options.all", json!({ "internet_gateway_block_mode": "off" })),
        subnet("private", "10.0.1.0/24"),
        subnet("public", "10.0.0.0/24"),
        new("aws_internet_gateway.main", json!({})).refers("vpc_id", "aws_vpc.main.id"),
        route("public", "gateway_id", "aws_internet_gateway.main.id"),
        group("web", json!([]), json!([rule(EVERYWHERE)])),
        instance(json!({ "iam_instance_profile": "web" })),
    ];
    all.extend(table("private"));
    all.extend(table("public"));
    all
}

fn with(mut all: Vec<Resource>, more: Vec<Resource>) -> Vec<Resource> {
    all.retain(|known| !more.iter().any(|other| other.address() == known.address()));
    all.extend(more);
    all
}

fn without(mut all: Vec<Resource>, address: &str) -> Vec<Resource> {
    let before = all.len();
    all.retain(|known| known.address() != address);
    assert_eq!(all.len() + 1, before, "{address}");
    all
}

fn nat() -> Vec<Resource> {
    let gateway = new("aws_nat_gateway.main", json!({ "connectivity_type": "public" }))
        .refers("subnet_id", "aws_subnet.public.id")
        .refers("allocation_id", "aws_eip.nat.id");
    let address = new("aws_eip.nat", json!({ "domain": "vpc" })).merge_unknown(json!({ "public_ip": true }));
    with(base(), vec![gateway, address, route("private", "nat_gateway_id", "aws_nat_gateway.main.id")])
}

fn endpoint(service: &str, values: Value) -> Resource {
    let mut all = json!({ "service_name": format!("com.amazonaws.us-east-1.{service}"), "vpc_endpoint_type": "Interface",
        "private_dns_enabled": true });
    all.as_object_mut().unwrap().extend(values.as_object().unwrap().clone());
    new(&format!("aws_vpc_endpoint.{service}"), all)
        .merge_unknown(json!({ "policy": true, "route_table_ids": true }))
        .refers("vpc_id", "aws_vpc.main.id")
        .refers("subnet_ids", "aws_subnet.private.id")
        .refers("security_group_ids", "aws_security_group.endpoints.id")
}

/// Both endpoints that sessions need, with a group that lets these in.
fn endpoints_for(ingress: Value) -> Vec<Resource> {
    let group = group("endpoints", ingress, json!([]));
    with(base(), vec![endpoint("ssm", json!({})), endpoint("ssmmessages", json!({})), group])
}

fn endpoints() -> Vec<Resource> {
    endpoints_for(json!([rule("10.0.0.0/16")]))
}

fn check(resources: Vec<Resource>, flags: &[&str]) -> Outcome {
    let sandbox = Sandbox::new();
    sandbox.file("plan.json", plan(resources));
    let output = sandbox.run(&[&["check", "--terraform-plan", "plan.json", "-o", "json"], flags].concat());
    let [outcome] = <[Outcome; 1]>::try_from(output.report().results).unwrap();
    outcome
}

/// The decision, and what decides it.
#[track_caller]
fn leads_to(resources: Vec<Resource>, decision: PathDecision, verdict: Verdict, codes: &[Code]) -> Outcome {
    let outcome = check(resources, &[]);
    let of_network =
        [EndpointDns, EndpointPolicy, NetworkAclBlocks, NetworkUnknown, NoNetworkPath, SecurityGroupBlocks];
    let mut found: Vec<Code> =
        outcome.findings.iter().map(|finding| finding.code).filter(|code| of_network.contains(code)).collect();
    found.dedup();
    assert_eq!(
        (outcome.network.decision, outcome.verdict, found.as_slice()),
        (decision, verdict, codes),
        "{:?}",
        outcome.findings
    );
    outcome
}

#[test]
fn through_a_nat_gateway() {
    let outcome = leads_to(nat(), Open, Ready, &[]);
    let path = &outcome.network.paths[0];
    assert_eq!(path.via, Some(Via::NatGateway));
    assert_eq!(path.through, ["aws_route_table.private", "aws_nat_gateway.main", "aws_internet_gateway.main"]);
    // A route in the table itself.
    let inline = json!([{ "cidr_block": EVERYWHERE, "gateway_id": "", "nat_gateway_id": null }]);
    let table = new("aws_route_table.private", json!({ "route": inline }))
        .merge_unknown(json!({ "route": [{ "nat_gateway_id": true }] }))
        .expressions(json!({ "route": references(&["aws_nat_gateway.main.id"]) }))
        .refers("vpc_id", "aws_vpc.main.id");
    leads_to(without(with(nat(), vec![table]), "aws_route.private"), Open, Ready, &[]);
    // The gateway is in a subnet without a way out, or leads to other networks only.
    leads_to(without(nat(), "aws_route.public"), Closed, NotReady, &[NoNetworkPath]);
    let private = new("aws_nat_gateway.main", json!({ "connectivity_type": "private" }))
        .refers("subnet_id", "aws_subnet.public.id");
    leads_to(with(nat(), vec![private]), Closed, NotReady, &[NoNetworkPath]);
    // Without an attachment of the internet gateway.
    let detached = new("aws_internet_gateway.main", json!({})).merge_unknown(json!({ "vpc_id": true }));
    leads_to(with(nat(), vec![detached.clone()]), Closed, NotReady, &[NoNetworkPath]);
    let attachment = new("aws_internet_gateway_attachment.main", json!({}))
        .refers("vpc_id", "aws_vpc.main.id")
        .refers("internet_gateway_id", "aws_internet_gateway.main.id");
    leads_to(with(nat(), vec![detached, attachment]), Open, Ready, &[]);
}

#[test]
fn without_a_way_out() {
    let outcome = leads_to(base(), Closed, NotReady, &[NoNetworkPath]);
    let finding = outcome.finding(NoNetworkPath);
    assert!(finding.message.contains("`aws_route_table.private` of subnet `aws_subnet.private`"), "{finding:?}");
    assert!(!finding.remedy.contains("aws ec2"), "no command helps before apply: {finding:?}");
    // A subnet without a table of its own has the main one of the VPC, which a new one has without a route.
    let main = without(nat(), "aws_route_table_association.private");
    leads_to(main.clone(), Closed, NotReady, &[NoNetworkPath]);
    let association = new("aws_main_route_table_association.main", json!({}))
        .refers("vpc_id", "aws_vpc.main.id")
        .refers("route_table_id", "aws_route_table.private.id");
    leads_to(with(main.clone(), vec![association]), Open, Ready, &[]);
    let default =
        new("aws_default_route_table.main", json!({ "route": [{ "cidr_block": EVERYWHERE, "nat_gateway_id": null }] }))
            .merge_unknown(json!({ "route": [{ "nat_gateway_id": true }] }))
            .expressions(json!({ "route": references(&["aws_nat_gateway.main.id"]) }))
            .refers("default_route_table_id", "aws_vpc.main.default_route_table_id");
    leads_to(with(main.clone(), vec![default]), Open, Ready, &[]);
    let of_main = new("aws_route.main", json!({ "destination_cidr_block": EVERYWHERE }))
        .refers("route_table_id", "aws_vpc.main.main_route_table_id")
        .refers("nat_gateway_id", "aws_nat_gateway.main.id");
    leads_to(with(main, vec![of_main]), Open, Ready, &[]);
}

/// Source: [public IPv4 addresses](https://docs.aws.amazon.com/vpc/latest/userguide/subnet-public-ip.html).
#[test]
fn with_a_public_address() {
    let public = |values: Value| {
        let mut all = json!({ "iam_instance_profile": "web" });
        all.as_object_mut().unwrap().extend(values.as_object().unwrap().clone());
        instance(all).refers("subnet_id", "aws_subnet.public.id")
    };
    let given = |on: bool| public(json!({ "associate_public_ip_address": on }));
    leads_to(with(base(), vec![given(true)]), Open, Ready, &[]);
    leads_to(with(base(), vec![given(false)]), Closed, NotReady, &[NoNetworkPath]);
    let left_out = || public(json!({})).merge_unknown(json!({ "associate_public_ip_address": true }));
    leads_to(with(base(), vec![left_out()]), Closed, NotReady, &[NoNetworkPath]);
    let maps = new("aws_subnet.public", json!({ "cidr_block": "10.0.0.0/24", "map_public_ip_on_launch": true }))
        .refers("vpc_id", "aws_vpc.main.id");
    leads_to(with(base(), vec![left_out(), maps.clone()]), Open, Ready, &[]);
    leads_to(with(base(), vec![given(false), maps]), Closed, NotReady, &[NoNetworkPath]);
    let elastic = new("aws_eip.web", json!({})).refers("instance", "aws_instance.web.id");
    leads_to(with(base(), vec![given(false), elastic]), Open, Ready, &[]);
    let associated = new("aws_eip_association.web", json!({})).refers("instance_id", "aws_instance.web.id");
    leads_to(with(base(), vec![given(false), associated]), Open, Ready, &[]);
    let open = public(json!({}))
        .merge_unknown(json!({ "associate_public_ip_address": true }))
        .expressions(json!({ "associate_public_ip_address": references(&["local.public"]) }))
        .refers("subnet_id", "aws_subnet.public.id")
        .refers("vpc_security_group_ids", "aws_security_group.web.id");
    leads_to(with(base(), vec![open]), NotKnown, Ready, &[NetworkUnknown]);
}

/// Terraform takes away the rule of a new group that lets everything out.
#[test]
fn security_groups() {
    let bare = new("aws_security_group.web", json!({ "name": "web" }))
        .merge_unknown(json!({ "ingress": true, "egress": true }))
        .refers("vpc_id", "aws_vpc.main.id");
    leads_to(with(nat(), vec![bare.clone()]), Closed, NotReady, &[SecurityGroupBlocks]);
    let alone =
        |address: &str, values: Value| new(address, values).refers("security_group_id", "aws_security_group.web.id");
    let old =
        json!({ "type": "egress", "protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": [EVERYWHERE] });
    leads_to(with(nat(), vec![bare.clone(), alone("aws_security_group_rule.out", old.clone())]), Open, Ready, &[]);
    let mut inward = old;
    inward["type"] = json!("ingress");
    let inward = alone("aws_security_group_rule.out", inward);
    leads_to(with(nat(), vec![bare.clone(), inward]), Closed, NotReady, &[SecurityGroupBlocks]);
    let of = |port: i32| json!({ "ip_protocol": "tcp", "from_port": port, "to_port": port, "cidr_ipv4": EVERYWHERE });
    let egress = "aws_vpc_security_group_egress_rule.out";
    leads_to(with(nat(), vec![bare.clone(), alone(egress, of(443))]), Open, Ready, &[]);
    leads_to(with(nat(), vec![bare.clone(), alone(egress, of(80))]), Closed, NotReady, &[SecurityGroupBlocks]);
    // A rule of which the other side is not known.
    let unknown = alone(egress, json!({ "ip_protocol": "tcp", "from_port": 443, "to_port": 443 }))
        .refers("cidr_ipv4", "local.cidr");
    leads_to(with(nat(), vec![bare, unknown]), NotKnown, Ready, &[NetworkUnknown]);
    // The default group of a new VPC lets everything out, until Terraform has it.
    let default = instance(json!({ "iam_instance_profile": "web" }))
        .expressions(json!({}))
        .merge_unknown(json!({ "vpc_security_group_ids": true }))
        .refers("subnet_id", "aws_subnet.private.id");
    leads_to(with(nat(), vec![default.clone()]), Open, Ready, &[]);
    let managed = new("aws_default_security_group.main", json!({ "ingress": [], "egress": [] }))
        .refers("vpc_id", "aws_vpc.main.id");
    leads_to(with(nat(), vec![default, managed]), Closed, NotReady, &[SecurityGroupBlocks]);
    // Several groups count together, and which one a switch chooses is not in a plan.
    let two = |references: Value| {
        let own = new("aws_instance.web", json!({ "iam_instance_profile": "web" }))
            .refers("subnet_id", "aws_subnet.private.id")
            .merge_unknown(json!({ "vpc_security_group_ids": true }));
        with(nat(), vec![own.expression("vpc_security_group_ids", references), group("closed", json!([]), json!([]))])
    };
    leads_to(two(references(&["aws_security_group.closed.id", "aws_security_group.web.id"])), Open, Ready, &[]);
    let mut chosen =
        plan(two(references(&["aws_security_group.closed.id", "aws_security_group.web.id", "var.closed"])));
    chosen["variables"] = json!({ "closed": { "value": true } });
    let sandbox = Sandbox::new();
    sandbox.file("plan.json", &chosen);
    let outcome = &sandbox.run(&["check", "--terraform-plan", "plan.json", "-o", "json"]).report().results[0];
    assert_eq!(outcome.network.decision, NotKnown);
}

#[test]
fn through_endpoints() {
    let outcome = leads_to(endpoints(), Open, Ready, &[]);
    assert_eq!(outcome.network.paths[1].through, ["aws_vpc_endpoint.ssmmessages"]);
    leads_to(without(endpoints(), "aws_vpc_endpoint.ssmmessages"), Closed, NotReady, &[NoNetworkPath]);
    let refused = leads_to(endpoints_for(json!([])), Closed, NotReady, &[SecurityGroupBlocks]);
    assert!(refused.finding(SecurityGroupBlocks).message.contains("the instance's address in `10.0.1.0/24`"));
    leads_to(endpoints_for(json!([rule("10.0.2.0/24")])), Closed, NotReady, &[SecurityGroupBlocks]);
    // The address will be one of the subnet's: some of them are not enough.
    leads_to(endpoints_for(json!([rule("10.0.1.0/25")])), NotKnown, Ready, &[NetworkUnknown]);
    let fixed = |address: &str| instance(json!({ "iam_instance_profile": "web", "private_ip": address }));
    let half = || endpoints_for(json!([rule("10.0.1.0/25")]));
    leads_to(with(half(), vec![fixed("10.0.1.9")]), Open, Ready, &[]);
    leads_to(with(half(), vec![fixed("10.0.1.200")]), Closed, NotReady, &[SecurityGroupBlocks]);
    // By reference to the group of the instance.
    let mut by_group = rule("10.9.9.9/32");
    by_group.as_object_mut().unwrap().remove("security_groups");
    by_group["cidr_blocks"] = json!([]);
    let referring =
        new("aws_security_group.endpoints", json!({ "name": "endpoints", "ingress": [by_group], "egress": [] }))
            .merge_unknown(json!({ "ingress": [{ "security_groups": true }] }))
            .expressions(
                json!({ "ingress": references(&["aws_security_group.web.id"]), "egress": { "constant_value": [] } }),
            )
            .refers("vpc_id", "aws_vpc.main.id");
    leads_to(with(endpoints(), vec![referring]), Open, Ready, &[]);
    // One with an address in subnets has no routes, whatever its module passes on.
    let of_module =
        ["ssm", "ssmmessages"].map(|service| endpoint(service, json!({})).refers("route_table_ids", "each.value"));
    leads_to(with(endpoints(), of_module.to_vec()), Open, Ready, &[]);
    // Private DNS, and what it needs of the VPC.
    let without_dns = [
        endpoint("ssm", json!({ "private_dns_enabled": false })),
        endpoint("ssmmessages", json!({ "private_dns_enabled": false })),
    ];
    leads_to(with(endpoints(), without_dns.to_vec()), Closed, NotReady, &[EndpointDns]);
    let no_hostnames = vpc(json!({ "cidr_block": "10.0.0.0/16", "enable_dns_support": true }));
    leads_to(with(endpoints(), vec![no_hostnames]), Closed, NotReady, &[EndpointDns]);
    let no_support =
        vpc(json!({ "cidr_block": "10.0.0.0/16", "enable_dns_support": false, "enable_dns_hostnames": true }));
    leads_to(with(endpoints(), vec![no_support]), Closed, NotReady, &[EndpointDns]);
}

#[test]
fn policies_of_endpoints() {
    let deny = live_stub::policy("Deny", json!(["ssmmessages:*"])).to_string();
    let mut denying: Value = serde_json::from_str(&deny).unwrap();
    denying["Statement"]["Principal"] = json!("*");
    let closed = endpoint("ssmmessages", json!({ "policy": denying.to_string() })).unknown(json!({ "id": true }));
    let closed = closed
        .refers("vpc_id", "aws_vpc.main.id")
        .refers("subnet_ids", "aws_subnet.private.id")
        .refers("security_group_ids", "aws_security_group.endpoints.id");
    leads_to(with(endpoints(), vec![closed]), Open, NotReady, &[EndpointPolicy]);
    let alone = new("aws_vpc_endpoint_policy.all", json!({ "policy": denying.to_string() }))
        .refers("vpc_endpoint_id", "aws_vpc_endpoint.ssmmessages.id");
    leads_to(with(endpoints(), vec![alone]), Open, NotReady, &[EndpointPolicy]);
    let open = endpoint("ssmmessages", json!({})).refers("policy", "local.policy");
    leads_to(with(endpoints(), vec![open]), NotKnown, Ready, &[NetworkUnknown]);
}

#[test]
fn network_acls() {
    let acl = |ingress: Value, egress: Value| {
        new("aws_network_acl.private", json!({ "ingress": ingress, "egress": egress }))
            .refers("vpc_id", "aws_vpc.main.id")
            .refers("subnet_ids", "aws_subnet.private.id")
    };
    let entry = |number: i32, ports: (i32, i32), action: &str| json!({ "rule_no": number, "action": action, "protocol": "tcp", "from_port": ports.0, "to_port": ports.1, "cidr_block": EVERYWHERE, "ipv6_cidr_block": "" });
    let open = || acl(json!([entry(100, (1024, 65535), "allow")]), json!([entry(100, (443, 443), "allow")]));
    leads_to(with(nat(), vec![open()]), Open, Ready, &[]);
    let no_answers = acl(json!([]), json!([entry(100, (443, 443), "allow")]));
    leads_to(with(nat(), vec![no_answers]), Closed, NotReady, &[NetworkAclBlocks]);
    let alone = new(
        "aws_network_acl_rule.deny",
        json!({ "rule_number": 50, "egress": true, "protocol": "tcp",
        "rule_action": "deny", "cidr_block": EVERYWHERE, "from_port": 443, "to_port": 443 }),
    )
    .refers("network_acl_id", "aws_network_acl.private.id");
    leads_to(with(nat(), vec![open(), alone]), Closed, NotReady, &[NetworkAclBlocks]);
    // The default one of a new VPC lets all through, until Terraform has it.
    let default = new("aws_default_network_acl.main", json!({ "ingress": [], "egress": [] }))
        .refers("default_network_acl_id", "aws_vpc.main.default_network_acl_id");
    leads_to(with(nat(), vec![default]), Closed, NotReady, &[NetworkAclBlocks]);
}

#[test]
fn what_else_decides_on_names() {
    let options = new("aws_vpc_dhcp_options.own", json!({ "domain_name_servers": ["10.0.0.53"] }));
    let association = || {
        new("aws_vpc_dhcp_options_association.own", json!({}))
            .refers("vpc_id", "aws_vpc.main.id")
            .refers("dhcp_options_id", "aws_vpc_dhcp_options.own.id")
    };
    leads_to(with(endpoints(), vec![options, association()]), NotKnown, Ready, &[NetworkUnknown]);
    let amazon = new("aws_vpc_dhcp_options.own", json!({ "domain_name_servers": ["AmazonProvidedDNS"] }));
    leads_to(with(endpoints(), vec![amazon, association()]), Open, Ready, &[]);
    let zone = new("aws_route53_zone.own", json!({ "name": "ssmmessages.us-east-1.amazonaws.com", "vpc": [{}] }))
        .merge_unknown(json!({ "vpc": [{ "vpc_id": true }] }))
        .expressions(json!({ "vpc": [{ "vpc_id": references(&["aws_vpc.main.id"]) }] }));
    leads_to(with(nat(), vec![zone]), NotKnown, Ready, &[NetworkUnknown]);
}

/// What a plan does not make may have routes and endpoints that it does not show.
#[test]
fn a_vpc_that_is_not_of_the_plan_is_not_judged() {
    let existing = kept("aws_vpc.main", json!({ "id": "vpc-1", "cidr_block": "10.0.0.0/16" }));
    leads_to(with(base(), vec![existing]), NotChecked, Ready, &[]);
    let elsewhere =
        instance(json!({ "iam_instance_profile": "web", "subnet_id": "subnet-1" })).unknown(json!({ "id": true }));
    leads_to(with(base(), vec![elsewhere.clone()]), NotChecked, Ready, &[]);
    let outcome = check(with(base(), vec![elsewhere]), &["--network", "require"]);
    assert_eq!((outcome.network.decision, outcome.verdict), (NotKnown, Unknown));
    let outcome = check(base(), &["--network", "off"]);
    assert_eq!((outcome.network.decision, outcome.verdict), (NotChecked, Ready));
}

/// Public access may be blocked in the Region, which only the account tells.
#[test]
fn what_the_region_decides_is_not_in_the_plan() {
    let silent = || without(nat(), "aws_vpc_block_public_access_options.all");
    let outcome = leads_to(silent(), NotKnown, Ready, &[NetworkUnknown]);
    assert!(outcome.finding(NetworkUnknown).message.contains("VPC Block Public Access"), "{:?}", outcome.findings);
    let outcome = check(silent(), &["--network", "require"]);
    assert_eq!(outcome.verdict, Unknown);
    let blocked =
        new("aws_vpc_block_public_access_options.all", json!({ "internet_gateway_block_mode": "block-bidirectional" }));
    leads_to(with(nat(), vec![blocked.clone()]), Closed, NotReady, &[NoNetworkPath]);
    let excluded = new(
        "aws_vpc_block_public_access_exclusion.vpc",
        json!({ "internet_gateway_exclusion_mode": "allow-bidirectional" }),
    )
    .refers("vpc_id", "aws_vpc.main.id");
    leads_to(with(nat(), vec![blocked, excluded]), Open, Ready, &[]);
    // Endpoints need nothing of it.
    leads_to(without(endpoints(), "aws_vpc_block_public_access_options.all"), Open, Ready, &[]);
}

/// An instance in one of the subnets that one block makes, as modules do with `count` and splats.
#[test]
fn one_of_several_subnets() {
    let several = |tables: usize| {
        let mut all = without(without(nat(), "aws_subnet.private"), "aws_route_table_association.private");
        for index in 0..2 {
            let cidr = format!("10.0.{}.0/24", index + 10);
            all.push(
                new(&format!("aws_subnet.private[{index}]"), json!({ "cidr_block": cidr }))
                    .refers("vpc_id", "aws_vpc.main.id"),
            );
        }
        for index in 0..tables {
            let mut association = new(&format!("aws_route_table_association.private[{index}]"), json!({}))
                .merge_unknown(json!({ "subnet_id": true }))
                .refers("route_table_id", "aws_route_table.private.id");
            association = association.expression("subnet_id", references(&["aws_subnet.private", "count.index"]));
            all.push(association);
        }
        let own = new("aws_instance.web", json!({ "iam_instance_profile": "web" }))
            .merge_unknown(json!({ "subnet_id": true }))
            .refers("vpc_security_group_ids", "aws_security_group.web.id");
        with(all, vec![own.expression("subnet_id", references(&["aws_subnet.private"]))])
    };
    leads_to(several(2), Open, Ready, &[]);
    // One of them has no route out.
    leads_to(several(1), NotKnown, Ready, &[NetworkUnknown]);
    leads_to(several(0), Closed, NotReady, &[NoNetworkPath]);
}

/// The ids of what is made are not known yet: a condition on them is not decided by an address.
#[test]
fn a_condition_on_an_endpoint_that_is_made_is_not_decided() {
    let mut policy = live_stub::policy("Allow", json!(CORE));
    policy["Statement"]["Condition"] = json!({ "StringEquals": { "aws:SourceVpce": "vpce-0123456789abcdef0" } });
    let conditional =
        made("aws_iam_role_policy.core", json!({ "name": "core", "role": "web", "policy": policy.to_string() }));
    let outcome = check(with(endpoints(), vec![conditional.clone()]), &[]);
    assert_eq!((outcome.verdict, outcome.network.decision), (Unknown, Open), "{:?}", outcome.findings);
    // Through the internet there is no endpoint.
    let outcome = check(with(nat(), vec![conditional]), &[]);
    assert_eq!((outcome.verdict, outcome.network.decision), (NotReady, Open), "{:?}", outcome.findings);
}

/// Rules of the resolver and namespaces lead names elsewhere, as zones do; the zone of an endpoint is the more specific one
/// ([rules](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-overview-forward-vpc-to-network-using-rules.html)).
#[test]
fn rules_for_names() {
    let rule = |domain: &str| {
        vec![
            new("aws_route53_resolver_rule.own", json!({ "domain_name": domain, "rule_type": "FORWARD" })),
            new("aws_route53_resolver_rule_association.own", json!({}))
                .refers("vpc_id", "aws_vpc.main.id")
                .refers("resolver_rule_id", "aws_route53_resolver_rule.own.id"),
        ]
    };
    let namespace = |name: &str| {
        let own = new("aws_service_discovery_private_dns_namespace.own", json!({ "name": name }));
        vec![own.refers("vpc", "aws_vpc.main.id")]
    };
    for (other, above) in
        [(rule("corp.example"), rule("amazonaws.com")), (namespace("svc.local"), namespace("us-east-1.amazonaws.com"))]
    {
        leads_to(with(nat(), other.clone()), Open, Ready, &[]);
        leads_to(with(nat(), above.clone()), NotKnown, Ready, &[NetworkUnknown]);
        leads_to(with(endpoints(), other), Open, Ready, &[]);
        leads_to(with(endpoints(), above), Open, Ready, &[]);
    }
    // The zones of a profile, or of a set that is not known, may lead to endpoints without private DNS.
    let without_dns = || {
        let off = |service: &str| endpoint(service, json!({ "private_dns_enabled": false }));
        with(endpoints(), vec![off("ssm"), off("ssmmessages")])
    };
    leads_to(without_dns(), Closed, NotReady, &[EndpointDns]);
    let profile = new("aws_route53profiles_association.own", json!({})).refers("resource_id", "aws_vpc.main.id");
    leads_to(with(without_dns(), vec![profile]), NotKnown, Ready, &[NetworkUnknown]);
    let zone =
        new("aws_route53_zone.own", json!({ "name": "ssm.us-east-1.amazonaws.com" })).refers("vpc", "local.vpcs");
    leads_to(with(without_dns(), vec![zone]), NotKnown, Ready, &[NetworkUnknown]);
}

/// An address and a group may be given to the interface that an instance is made with.
#[test]
fn what_is_given_to_the_interface_of_an_instance() {
    let public = || {
        let own = instance(json!({ "iam_instance_profile": "web" })).refers("subnet_id", "aws_subnet.public.id");
        with(base(), vec![own.merge_unknown(json!({ "primary_network_interface_id": true }))])
    };
    leads_to(public(), Closed, NotReady, &[NoNetworkPath]);
    let interface = "aws_instance.web.primary_network_interface_id";
    let address = || new("aws_eip.web", json!({ "domain": "vpc" })).merge_unknown(json!({ "public_ip": true }));
    leads_to(with(public(), vec![address().refers("network_interface", interface)]), Open, Ready, &[]);
    let association = |to: &str| {
        new("aws_eip_association.web", json!({}))
            .refers("allocation_id", "aws_eip.web.id")
            .refers("network_interface_id", to)
    };
    leads_to(with(public(), vec![address(), association(interface)]), Open, Ready, &[]);
    // Another interface is not that of the instance, and one that is not told may be.
    let other = association("aws_network_interface.other.id");
    leads_to(with(public(), vec![address(), other]), Closed, NotReady, &[NoNetworkPath]);
    leads_to(with(public(), vec![address(), association("local.interface")]), NotKnown, Ready, &[NetworkUnknown]);

    let closed =
        || with(nat(), vec![group("web", json!([]), json!([])), group("out", json!([]), json!([rule(EVERYWHERE)]))]);
    leads_to(closed(), Closed, NotReady, &[SecurityGroupBlocks]);
    let attached = |to: &str| {
        let own = instance(json!({ "iam_instance_profile": "web" }));
        let attachment = new("aws_network_interface_sg_attachment.web", json!({}))
            .refers("security_group_id", "aws_security_group.out.id")
            .refers("network_interface_id", to);
        with(closed(), vec![own.merge_unknown(json!({ "primary_network_interface_id": true })), attachment])
    };
    leads_to(attached(interface), Open, Ready, &[]);
    leads_to(attached("aws_network_interface.other.id"), Closed, NotReady, &[SecurityGroupBlocks]);
    leads_to(attached("local.interface"), NotKnown, Ready, &[NetworkUnknown]);
}

/// Which of the blocks of an argument refers to what is told by the name of the argument within it.
#[test]
fn blocks_that_refer_to_different_things() {
    let route = |target: &str, cidr: &str| {
        let mut route = json!({ "cidr_block": cidr, "gateway_id": "", "nat_gateway_id": "", "transit_gateway_id": "" });
        route.as_object_mut().unwrap().remove(target);
        route
    };
    let table = new(
        "aws_route_table.private",
        json!({ "route": [route("transit_gateway_id", "172.16.0.0/12"), route("nat_gateway_id", EVERYWHERE)] }),
    )
    .merge_unknown(json!({ "route": [{ "transit_gateway_id": true }, { "nat_gateway_id": true }] }))
    .expressions(json!({ "route": [
        { "nat_gateway_id": references(&["aws_nat_gateway.main.id"]), "cidr_block": { "constant_value": EVERYWHERE } },
        { "transit_gateway_id": references(&["aws_ec2_transit_gateway.main.id"]) },
    ] }))
    .refers("vpc_id", "aws_vpc.main.id");
    leads_to(without(with(nat(), vec![table]), "aws_route.private"), Open, Ready, &[]);

    let mut by_group = rule(EVERYWHERE);
    by_group.as_object_mut().unwrap().remove("security_groups");
    by_group["cidr_blocks"] = json!([]);
    let block = json!([
        { "cidr_blocks": references(&["aws_vpc.main.cidr_block", "aws_vpc.other.cidr_block"]) },
        { "security_groups": references(&["aws_security_group.web.id"]) },
    ]);
    let group = new(
        "aws_security_group.endpoints",
        json!({ "name": "endpoints", "ingress": [rule("10.9.0.0/16"), by_group], "egress": [] }),
    )
    .merge_unknown(json!({ "ingress": [{}, { "security_groups": true }] }))
    .expressions(json!({ "ingress": block, "egress": { "constant_value": [] } }))
    .refers("vpc_id", "aws_vpc.main.id");
    leads_to(with(endpoints(), vec![group]), Open, Ready, &[]);
}

#[test]
fn what_is_in_the_plan_and_not_in_the_path() {
    // A group that names no VPC is in the default one.
    let elsewhere = new("aws_security_group.elsewhere", json!({ "name": "elsewhere" }))
        .expressions(json!({ "name": { "constant_value": "elsewhere" } }))
        .merge_unknown(json!({ "vpc_id": true, "ingress": true, "egress": true }));
    leads_to(with(nat(), vec![elsewhere]), Open, Ready, &[]);
    // An endpoint of a firewall appliance has a service of its own.
    let appliance = new("aws_vpc_endpoint.appliance", json!({ "vpc_endpoint_type": "GatewayLoadBalancer" }))
        .refers("vpc_id", "aws_vpc.main.id")
        .refers("service_name", "aws_vpc_endpoint_service.appliance.service_name");
    leads_to(with(nat(), vec![appliance.clone()]), Open, Ready, &[]);
    let through = route("private", "vpc_endpoint_id", "aws_vpc_endpoint.appliance.id");
    leads_to(with(nat(), vec![appliance, through]), NotKnown, Ready, &[NetworkUnknown]);
}

#[test]
fn what_a_plan_does_not_show_of_a_network_is_not_closed() {
    // What a virtual private gateway propagates may be a default route.
    leads_to(base(), Closed, NotReady, &[NoNetworkPath]);
    let propagation = new("aws_vpn_gateway_route_propagation.private", json!({}))
        .refers("vpn_gateway_id", "aws_vpn_gateway.main.id")
        .refers("route_table_id", "aws_route_table.private.id");
    leads_to(with(base(), vec![propagation.clone()]), NotKnown, Ready, &[NetworkUnknown]);
    leads_to(with(nat(), vec![propagation]), Open, Ready, &[]);
    let table = new("aws_route_table.private", json!({}))
        .merge_unknown(json!({ "route": true }))
        .refers("vpc_id", "aws_vpc.main.id")
        .refers("propagating_vgws", "aws_vpn_gateway.main.id");
    leads_to(with(base(), vec![table]), NotKnown, Ready, &[NetworkUnknown]);
    // A stack may make anything.
    let stack = new("aws_cloudformation_stack.endpoints", json!({ "name": "endpoints" }));
    leads_to(with(base(), vec![stack]), NotChecked, Ready, &[]);
}

/// What cannot be told of one Region says nothing of another.
#[test]
fn several_regions() {
    let local =
        || new("module.other.aws_security_group.other", json!({ "name": "other" })).refers("vpc_id", "local.vpc");
    let config = || json!({ "provider_config_key": "aws.other" });
    let elsewhere = |region: &str| {
        let mut plan = plan(with(nat(), vec![local().config(config())]));
        plan["configuration"]["provider_config"]["aws.other"] =
            json!({ "name": "aws", "alias": "other", "expressions": { "region": { "constant_value": region } } });
        let sandbox = Sandbox::new();
        sandbox.file("plan.json", &plan);
        let output = sandbox.run(&["check", "--terraform-plan", "plan.json", "-o", "json"]);
        output.report().only().network.decision
    };
    assert_eq!(elsewhere("eu-west-1"), Open);
    assert_eq!(elsewhere("us-east-1"), NotKnown);
    let of_resource = new("aws_security_group.other", json!({ "name": "other", "region": "eu-west-1" }));
    leads_to(with(nat(), vec![of_resource.refers("vpc_id", "local.vpc")]), Open, Ready, &[]);
}

/// As `terraform-aws-modules/vpc` writes it: the VPC by a local value, subnets, tables and gateways by `element` of a splat.
#[test]
fn a_module_that_works_out_its_indexes() {
    let of = |nat_count: usize, instance_in: usize| {
        let at = |name: &str| format!("module.vpc.{name}");
        let local = |resource: Resource| resource.refers("vpc_id", "local.vpc_id");
        let element = |resource: Resource, argument: &str, of: &str| {
            let listed = references(&[of, "var.single_nat_gateway", "count.index"]);
            resource.merge_unknown(json!({ argument: true })).expression(argument, listed)
        };
        let counted = |resource: Resource, argument: &str, of: &str| {
            resource.merge_unknown(json!({ argument: true })).expression(argument, references(&[of, "count.index"]))
        };
        let mut all = base();
        all.retain(|it| ["aws_iam_", "block_public_access"].iter().any(|own| it.address().contains(own)));
        let values = json!({ "cidr_block": "10.0.0.0/16", "enable_dns_support": true, "enable_dns_hostnames": true });
        all.push(made(&at("aws_vpc.this[0]"), values).unknown(json!({ "id": true })));
        all.push(local(new(&at("aws_internet_gateway.this[0]"), json!({}))));
        all.push(local(new(&at("aws_route_table.public[0]"), json!({})).merge_unknown(json!({ "route": true }))));
        all.push(
            new(&at("aws_route.public_internet_gateway[0]"), json!({ "destination_cidr_block": EVERYWHERE }))
                .refers("route_table_id", "aws_route_table.public[0].id")
                .refers("gateway_id", "aws_internet_gateway.this[0].id"),
        );
        for index in 0..2 {
            for (name, block) in [("public", 100), ("private", 0)] {
                let cidr = json!({ "cidr_block": format!("10.0.{}.0/24", block + index) });
                all.push(local(new(&at(&format!("aws_subnet.{name}[{index}]")), cidr)));
            }
            let association = new(&at(&format!("aws_route_table_association.public[{index}]")), json!({}));
            all.push(
                counted(association, "subnet_id", "aws_subnet.public")
                    .refers("route_table_id", "aws_route_table.public[0].id"),
            );
            let association = new(&at(&format!("aws_route_table_association.private[{index}]")), json!({}));
            all.push(element(
                counted(association, "subnet_id", "aws_subnet.private"),
                "route_table_id",
                "aws_route_table.private",
            ));
        }
        // Without gateways there is a table for each subnet.
        for index in 0..if nat_count == 0 { 2 } else { nat_count } {
            let table = new(&at(&format!("aws_route_table.private[{index}]")), json!({}));
            all.push(local(table.merge_unknown(json!({ "route": true }))));
        }
        for index in 0..nat_count {
            let gateway = new(&at(&format!("aws_nat_gateway.this[{index}]")), json!({ "connectivity_type": "public" }));
            all.push(
                element(gateway, "subnet_id", "aws_subnet.public").refers("allocation_id", "local.nat_gateway_ips"),
            );
            let out = new(
                &at(&format!("aws_route.private_nat_gateway[{index}]")),
                json!({ "destination_cidr_block": EVERYWHERE }),
            );
            all.push(counted(
                counted(out, "route_table_id", "aws_route_table.private"),
                "nat_gateway_id",
                "aws_nat_gateway.this",
            ));
        }
        all.push(
            new("aws_security_group.web", json!({ "name": "web", "ingress": [], "egress": [rule(EVERYWHERE)] }))
                .refers("vpc_id", "module.vpc.vpc_id"),
        );
        all.push(
            new("aws_instance.web", json!({ "iam_instance_profile": "web" }))
                .refers("vpc_security_group_ids", "aws_security_group.web.id")
                .refers("subnet_id", &format!("module.vpc.private_subnets[{instance_in}]")),
        );
        let mut plan = plan(all);
        let call = &mut plan["configuration"]["root_module"]["module_calls"]["vpc"];
        call["expressions"] = json!({ "single_nat_gateway": { "constant_value": nat_count == 1 } });
        let module = &mut call["module"];
        module["variables"] = json!({ "single_nat_gateway": { "default": false } });
        module["outputs"]["vpc_id"] = json!({ "expression": references(&["aws_vpc.this[0].id"]) });
        module["outputs"]["private_subnets"] = json!({ "expression": references(&["aws_subnet.private"]) });
        let sandbox = Sandbox::new();
        sandbox.file("plan.json", &plan);
        let report = sandbox.run(&["check", "--terraform-plan", "plan.json", "-o", "json"]).report();
        let outcome = report.only();
        (outcome.network.decision, format!("{:?}", outcome.findings))
    };
    for (nat_count, instance_in) in [(1, 0), (1, 1), (2, 0), (2, 1)] {
        let (decision, findings) = of(nat_count, instance_in);
        assert_eq!(decision, Open, "{nat_count} {instance_in}: {findings}");
    }
    let (decision, findings) = of(0, 0);
    assert_eq!(decision, Closed, "{findings}");
}

/// `[1 - count.index]` looks like `[count.index]`: which of several is meant matters where they let through other things.
#[test]
fn an_index_that_is_worked_out_matters_where_the_elements_differ() {
    let by_index = |resource: Resource, argument: &str, of: &str| {
        resource.merge_unknown(json!({ argument: true })).expression(argument, references(&[of, "count.index"]))
    };
    let groups = |egress: [Value; 2]| {
        let of = |(index, egress): (usize, Value)| {
            let values = json!({ "name": format!("web{index}"), "ingress": [], "egress": egress });
            new(&format!("aws_security_group.web[{index}]"), values).refers("vpc_id", "aws_vpc.main.id")
        };
        with(without(nat(), "aws_security_group.web"), egress.into_iter().enumerate().map(of).collect())
    };
    let out = || json!([rule(EVERYWHERE)]);
    let own = |egress: [Value; 2]| {
        let own = new("aws_instance.web[0]", json!({ "iam_instance_profile": "web" }))
            .refers("subnet_id", "aws_subnet.private.id");
        let own = by_index(own, "vpc_security_group_ids", "aws_security_group.web");
        with(without(groups(egress), "aws_instance.web"), vec![own])
    };
    leads_to(own([out(), out()]), Open, Ready, &[]);
    leads_to(own([out(), json!([])]), NotKnown, Ready, &[NetworkUnknown]);
    leads_to(own([json!([]), out()]), NotKnown, Ready, &[NetworkUnknown]);
    // A rule for each of the groups, of which only the first may be meant.
    let rules = |count: usize| {
        let values = || json!({ "ip_protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_ipv4": EVERYWHERE });
        let of = |index: usize| {
            let alone = new(&format!("aws_vpc_security_group_egress_rule.web[{index}]"), values());
            by_index(alone, "security_group_id", "aws_security_group.web")
        };
        let own = instance(json!({ "iam_instance_profile": "web" }))
            .refers("vpc_security_group_ids", "aws_security_group.web[0].id");
        let all = with(groups([json!([]), json!([])]), vec![own]);
        with(all, (0..count).map(of).collect())
    };
    leads_to(rules(2), Open, Ready, &[]);
    leads_to(rules(1), NotKnown, Ready, &[NetworkUnknown]);
    // Gateways of which one leads to other networks only.
    let gateways = |kinds: [&str; 2]| {
        let of = |(index, kind): (usize, &str)| {
            new(&format!("aws_nat_gateway.main[{index}]"), json!({ "connectivity_type": kind }))
                .refers("subnet_id", "aws_subnet.public.id")
        };
        let all = without(without(nat(), "aws_nat_gateway.main"), "aws_route.private");
        let out = new("aws_route.private[0]", json!({ "destination_cidr_block": EVERYWHERE }))
            .refers("route_table_id", "aws_route_table.private.id");
        let out = by_index(out, "nat_gateway_id", "aws_nat_gateway.main");
        with(with(all, kinds.into_iter().enumerate().map(of).collect()), vec![out])
    };
    leads_to(gateways(["public", "public"]), Open, Ready, &[]);
    leads_to(gateways(["public", "private"]), NotKnown, Ready, &[NetworkUnknown]);
}

/// `[count.index]`, `[count.index + 1]` and `slice` look the same in a plan: which elements are meant matters where not all are given the
/// same.
#[test]
fn which_elements_are_given_something_is_not_guessed() {
    let to = |resource: Resource, argument: &str, listed: &[&str]| {
        resource.merge_unknown(json!({ argument: true })).expression(argument, references(listed))
    };
    let count = |of: &'static str| [of, "count.index"];
    let tables = |keys: &[&str]| -> Vec<Resource> {
        let of = |key: &&str| {
            new(&format!("aws_route_table.each[{key}]"), json!({}))
                .merge_unknown(json!({ "route": true }))
                .refers("vpc_id", "aws_vpc.main.id")
        };
        keys.iter().map(of).collect()
    };
    let subnets = |keys: &[&str]| -> Vec<Resource> {
        let of = |(at, key): (usize, &&str)| {
            let cidr = json!({ "cidr_block": format!("10.0.{}.0/24", at + 20) });
            new(&format!("aws_subnet.each[{key}]"), cidr).refers("vpc_id", "aws_vpc.main.id")
        };
        keys.iter().enumerate().map(of).collect()
    };
    let own = |subnet: &str| {
        new("aws_instance.web", json!({ "iam_instance_profile": "web" }))
            .refers("subnet_id", subnet)
            .refers("vpc_security_group_ids", "aws_security_group.web.id")
    };
    let association = |key: &str, subnet: &[&str], table: &[&str]| {
        let association = new(&format!("aws_route_table_association.each[{key}]"), json!({}));
        to(to(association, "subnet_id", subnet), "route_table_id", table)
    };
    let out = |key: &str, table: &[&str]| {
        let out = new(&format!("aws_route.each[{key}]"), json!({ "destination_cidr_block": EVERYWHERE }));
        to(out, "route_table_id", table).refers("nat_gateway_id", "aws_nat_gateway.main.id")
    };
    let all = |more: Vec<Vec<Resource>>| with(nat(), more.concat());
    let unknown = |more| leads_to(all(more), NotKnown, Ready, &[NetworkUnknown]);
    let open = |more| leads_to(all(more), Open, Ready, &[]);
    let two = ["0", "1"];
    let keys = ["\"a\"", "\"b\""];

    // As many associations as subnets give each its table; fewer may be of any.
    let associations = |keys: &[&str], index: [&'static str; 2]| -> Vec<Resource> {
        keys.iter().map(|key| association(key, &index, &["aws_route_table.private.id"])).collect()
    };
    let subnet = count("aws_subnet.each");
    for at in ["aws_subnet.each[0].id", "aws_subnet.each[1].id"] {
        open(vec![subnets(&two), associations(&two, subnet), vec![own(at)]]);
        unknown(vec![subnets(&two), associations(&["0"], subnet), vec![own(at)]]);
    }
    // A key is no number to count with.
    let by_key = ["aws_subnet.each", "each.key"];
    open(vec![subnets(&keys), associations(&[keys[0]], by_key), vec![own("aws_subnet.each[\"a\"].id")]]);
    let by_value = ["aws_subnet.each", "each.value"];
    unknown(vec![subnets(&keys), associations(&[keys[0]], by_value), vec![own("aws_subnet.each[\"a\"].id")]]);

    // So do routes and their tables.
    let table = count("aws_route_table.each");
    let each = || two.map(|key| association(key, &subnet, &table)).to_vec();
    let routed = |keys: &[&str]| -> Vec<Resource> { keys.iter().map(|key| out(key, &table)).collect() };
    let at = || vec![own("aws_subnet.each[0].id")];
    open(vec![subnets(&two), tables(&two), each(), routed(&two), at()]);
    unknown(vec![subnets(&two), tables(&two), each(), routed(&["0"]), at()]);
    let first = || vec![out("0", &["aws_route_table.each[0].id"])];
    unknown(vec![subnets(&two), tables(&two), each(), first(), at()]);
    let named = || vec![out(keys[0], &["aws_route_table.each[\"a\"].id"])];
    let mapped =
        |index: &'static str| keys.map(|key| association(key, &by_key, &["aws_route_table.each", index])).to_vec();
    let at = || vec![own("aws_subnet.each[\"a\"].id")];
    open(vec![subnets(&keys), tables(&keys), mapped("each.key"), named(), at()]);
    unknown(vec![subnets(&keys), tables(&keys), mapped("each.value"), named(), at()]);

    // A network ACL that lets nothing through, of some of the subnets.
    let acl = new("aws_network_acl.closed", json!({})).merge_unknown(json!({ "ingress": true, "egress": true }));
    let acl = acl.refers("vpc_id", "aws_vpc.main.id");
    let closed = |listed: &[&str]| vec![to(acl.clone(), "subnet_ids", listed)];
    let at = |index: usize| vec![own(&format!("aws_subnet.each[{index}].id"))];
    let given = || [subnets(&two), associations(&two, subnet)].concat();
    unknown(vec![given(), closed(&["aws_subnet.each"]), at(0)]);
    open(vec![given(), closed(&["aws_subnet.each[1].id"]), at(0)]);

    // Groups of which one has a rule.
    let groups = || two.map(|key| group(&format!("each[{key}]"), json!([]), json!([]))).to_vec();
    let alone = |of: &str, values: Value, argument: &str, listed: &[&str]| {
        to(new(&format!("aws_vpc_security_group_{of}_rule.each[0]"), values), argument, listed)
    };
    let values = json!({ "ip_protocol": "-1", "cidr_ipv4": EVERYWHERE });
    let rule_of = || vec![alone("egress", values.clone(), "security_group_id", &["aws_security_group.each[0].id"])];
    let member = |listed: &[&str]| vec![to(own("aws_subnet.private.id"), "vpc_security_group_ids", listed)];
    open(vec![groups(), rule_of(), member(&["aws_security_group.each[0].id"])]);
    unknown(vec![groups(), rule_of(), member(&["aws_security_group.each"])]);

    // An endpoint that lets in one of two groups.
    let let_out = || two.map(|key| group(&format!("each[{key}]"), json!([]), json!([rule(EVERYWHERE)]))).to_vec();
    let lets_in = |listed: &[&str]| {
        let rule = alone("ingress", json!({ "ip_protocol": "-1" }), "referenced_security_group_id", listed);
        vec![rule.refers("security_group_id", "aws_security_group.endpoints.id")]
    };
    let inline = |listed: &[&str]| {
        let mut by_group = rule(EVERYWHERE);
        by_group["cidr_blocks"] = json!([]);
        by_group.as_object_mut().unwrap().remove("security_groups");
        let values = json!({ "name": "endpoints", "ingress": [by_group], "egress": [] });
        let blocks =
            json!({ "ingress": [{ "security_groups": references(listed) }], "egress": { "constant_value": [] } });
        let group = new("aws_security_group.endpoints", values)
            .merge_unknown(json!({ "ingress": [{ "security_groups": true }] }))
            .expressions(blocks);
        vec![group.refers("vpc_id", "aws_vpc.main.id")]
    };
    let through = |more: Vec<Vec<Resource>>, decision, codes: &[Code]| {
        leads_to(with(endpoints_for(json!([])), more.concat()), decision, Ready, codes)
    };
    let member = || member(&["aws_security_group.each[0].id"]);
    through(vec![let_out(), lets_in(&["aws_security_group.each[0].id"]), member()], Open, &[]);
    through(vec![let_out(), lets_in(&count("aws_security_group.each")), member()], NotKnown, &[NetworkUnknown]);
    through(vec![let_out(), inline(&["aws_security_group.each[0].id"]), member()], Open, &[]);
    through(vec![let_out(), inline(&count("aws_security_group.each")), member()], NotKnown, &[NetworkUnknown]);
}

/// An Elastic IP address of one of two instances.
#[test]
fn which_instance_has_a_public_address_is_not_guessed() {
    let of = |addresses: usize| {
        let instances = |index: usize| {
            new(&format!("aws_instance.web[{index}]"), json!({ "iam_instance_profile": "web" }))
                .refers("subnet_id", "aws_subnet.public.id")
                .refers("vpc_security_group_ids", "aws_security_group.web.id")
        };
        let address = |index: usize| {
            new(&format!("aws_eip.web[{index}]"), json!({ "domain": "vpc" }))
                .merge_unknown(json!({ "instance": true }))
                .expression("instance", references(&["aws_instance.web", "count.index"]))
        };
        let more = (0..2).map(instances).chain((0..addresses).map(address)).collect();
        let sandbox = Sandbox::new();
        sandbox.file("plan.json", plan(with(without(base(), "aws_instance.web"), more)));
        let report = sandbox.run(&["check", "--terraform-plan", "plan.json", "-o", "json"]).report();
        report.results.iter().map(|outcome| outcome.network.decision).collect::<Vec<_>>()
    };
    assert_eq!(of(0), [Closed; 2]);
    assert_eq!(of(1), [NotKnown; 2]);
    assert_eq!(of(2), [Open; 2]);
}

/// A resource that says all rules of a group takes away the others.
#[test]
fn a_group_whose_rules_are_said_by_another_resource() {
    let rule = || {
        new("aws_vpc_security_group_egress_rule.all", json!({ "cidr_ipv4": EVERYWHERE, "ip_protocol": "-1" }))
            .refers("security_group_id", "aws_security_group.web.id")
    };
    let all = |rules: Option<&str>| {
        let exclusive = new("aws_vpc_security_group_rules_exclusive.web", json!({ "ingress_rule_ids": [] }))
            .refers("security_group_id", "aws_security_group.web.id");
        match rules {
            Some(reference) => exclusive.refers("egress_rule_ids", reference),
            None => exclusive,
        }
    };
    let bare = || group("web", json!([]), json!([]));
    let of = |more: Vec<Resource>| check(with(nat(), more), &[]).network.decision;
    assert_eq!(of(vec![bare(), rule()]), Open);
    assert_eq!(of(vec![bare(), rule(), all(Some("aws_vpc_security_group_egress_rule.all.id"))]), Open);
    assert_eq!(of(vec![bare(), rule(), all(None)]), NotKnown);
    assert_eq!(of(vec![all(None)]), NotKnown, "rules in the group itself");
}

/// An endpoint whose names have IPv6 addresses only is one of IPv6, whatever addresses it has.
#[test]
fn an_endpoint_whose_records_are_of_ipv6() {
    let of = |records: &str| {
        let options = json!({ "ip_address_type": "dualstack", "dns_options": [{ "dns_record_ip_type": records }] });
        check(with(endpoints(), ["ssm", "ssmmessages"].map(|it| endpoint(it, options.clone())).to_vec()), &[])
            .network
            .decision
    };
    assert_eq!(of("dualstack"), Open);
    assert_eq!(of("ipv6"), NotKnown);
}
