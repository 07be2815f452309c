//! Tests of moto, and of what is mended in it: that it shows networks as EC2 does.

use aws_sdk_ec2::types as sdk;
use serde_json::json;

use crate::support::aws::AWS_MANAGED_CORE;
use crate::support::http::{self, Request};
use crate::support::model::EC2_TRUST;
use crate::support::moto;
use crate::support::network::{ANYWHERE, Place, Vpc, now};

const REGION: &str = "us-east-1";

fn place() -> Place {
    Place::new(&moto::account(), REGION)
}

fn of_vpc(vpc: &Vpc<'_>) -> sdk::Filter {
    sdk::Filter::builder().name("vpc-id").values(&vpc.id).build()
}

/// The states of the routes of a table that leave the VPC.
fn routes(place: &Place, table: &str) -> Vec<sdk::RouteState> {
    let tables = now(place.ec2.describe_route_tables().route_table_ids(table).send()).route_tables.unwrap();
    let routes = tables[0].routes().iter().filter(|route| route.gateway_id() != Some("local"));
    routes.map(|route| route.state().unwrap().clone()).collect()
}

#[test]
fn an_instance_shows_its_profile_and_its_interface() {
    let place = place();
    let account = &place.account;
    account.create_role("web", "/", EC2_TRUST);
    account.attach_role_policy("web", AWS_MANAGED_CORE);
    account.create_instance_profile("web", "/");
    account.add_role_to_instance_profile("web", "web");
    let vpc = place.vpc();
    let subnet = vpc.subnet(1, 'a');
    let group = vpc.group("instance");
    let profile = account.query("iam", REGION, "GetInstanceProfile", &[("InstanceProfileName", "web")]);
    for public in [true, false] {
        let id = vpc.instance("web", &subnet, &[&group], public);
        let described = now(place.ec2.describe_instances().instance_ids(&id).send());
        let instance = &described.reservations()[0].instances()[0];
        let held = instance.iam_instance_profile().unwrap();
        // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IamInstanceProfile.html: the id of the profile.
        assert!(profile.contains(&format!("<InstanceProfileId>{}<", held.id().unwrap())), "{held:?}");
        assert!(held.arn().unwrap().ends_with(":instance-profile/web"));
        let interface = &instance.network_interfaces()[0];
        assert_eq!((interface.subnet_id(), interface.vpc_id()), (Some(&*subnet), Some(&*vpc.id)));
        assert_eq!(interface.attachment().unwrap().device_index(), Some(0));
        assert_eq!(interface.groups().iter().filter_map(|group| group.group_id()).collect::<Vec<_>>(), [&group]);
        let association = interface.association().and_then(|association| association.public_ip());
        assert_eq!(association.is_some(), public, "{interface:?}");
    }
}

#[test]
fn a_vpc_has_the_defaults_of_ec2() {
    let place = place();
    let vpc = place.vpc();
    let described = now(place.ec2.describe_vpcs().vpc_ids(&vpc.id).send()).vpcs.unwrap();
    // https://docs.aws.amazon.com/vpc/latest/userguide/VPC_DHCP_Options.html: the default set names Amazon's servers.
    let options = described[0].dhcp_options_id().unwrap();
    let sets = now(place.ec2.describe_dhcp_options().dhcp_options_ids(options).send()).dhcp_options.unwrap();
    let servers = &sets[0].dhcp_configurations()[0];
    assert_eq!(servers.key(), Some("domain-name-servers"));
    assert_eq!(servers.values()[0].value(), Some("AmazonProvidedDNS"));
    // https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html: from its members, and to anywhere.
    let groups = now(place.ec2.describe_security_groups().filters(of_vpc(&vpc)).send()).security_groups.unwrap();
    let default = &groups[0];
    assert_eq!((groups.len(), default.group_name()), (1, Some("default")));
    let ingress = &default.ip_permissions()[0];
    assert_eq!((ingress.ip_protocol(), ingress.ip_ranges().len()), (Some("-1"), 0));
    assert_eq!(ingress.user_id_group_pairs()[0].group_id(), default.group_id());
    assert_eq!(default.ip_permissions_egress()[0].ip_ranges()[0].cidr_ip(), Some(ANYWHERE));
    for (attribute, value) in
        [(sdk::VpcAttributeName::EnableDnsSupport, true), (sdk::VpcAttributeName::EnableDnsHostnames, true)]
    {
        let answer = now(place.ec2.describe_vpc_attribute().vpc_id(&vpc.id).attribute(attribute).send());
        let answered = answer.enable_dns_support.or(answer.enable_dns_hostnames).unwrap();
        assert_eq!(answered.value(), Some(value));
    }
    let zones = private_zones(&place, &vpc);
    assert!(zones.contains("HostedZoneSummaries"), "{zones}");
}

/// `ListHostedZonesByVPC`, which is a GET.
fn private_zones(place: &Place, vpc: &Vpc<'_>) -> String {
    let path = format!("/2013-04-01/hostedzonesbyvpc?vpcid={}&vpcregion={REGION}", vpc.id);
    let scope = format!("{}/20260101/{REGION}/route53/aws4_request", place.account.id);
    let signature = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=x");
    let request = Request::get(&path).header("Authorization", &signature);
    http::send(place.account.endpoint.trim_start_matches("http://"), &request).unwrap().body
}

/// A route whose target was deleted or detached is a black hole:
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Route.html>.
#[test]
fn a_route_whose_target_is_gone_is_a_black_hole() {
    let place = place();
    let vpc = place.vpc();
    let (public, private) = (vpc.subnet(1, 'a'), vpc.subnet(2, 'a'));
    let gateway = vpc.internet_gateway();
    let outward = vpc.route(&[&public], Some(&gateway));
    let nat = vpc.nat(&public);
    let through_nat = vpc.route(&[&private], Some(&nat));
    let tables = [&outward, &through_nat];
    assert_eq!(
        tables.map(|table| routes(&place, table)),
        [vec![sdk::RouteState::Active], vec![sdk::RouteState::Active]]
    );
    place.delete_nat(&nat);
    assert_eq!(routes(&place, &through_nat), [sdk::RouteState::Blackhole]);
    let deleted = now(place.ec2.describe_nat_gateways().nat_gateway_ids(&nat).send()).nat_gateways.unwrap();
    assert_eq!(deleted[0].state(), Some(&sdk::NatGatewayState::Deleted));
    vpc.detach(&gateway);
    assert_eq!(routes(&place, &outward), [sdk::RouteState::Blackhole]);
}

#[test]
fn a_nat_gateway_is_public_or_private() {
    let place = place();
    let vpc = place.vpc();
    let subnet = vpc.subnet(1, 'a');
    let (public, private) = (vpc.nat(&subnet), vpc.private_nat(&subnet));
    for (id, kind) in [(public, sdk::ConnectivityType::Public), (private, sdk::ConnectivityType::Private)] {
        let described = now(place.ec2.describe_nat_gateways().nat_gateway_ids(&id).send()).nat_gateways.unwrap();
        let has_public = described[0].nat_gateway_addresses().iter().any(|address| address.public_ip().is_some());
        assert_eq!(has_public, kind == sdk::ConnectivityType::Public, "{described:?}");
        assert_eq!(described[0].connectivity_type(), Some(&kind));
        assert_eq!(described[0].subnet_id(), Some(&*subnet));
    }
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>: without a group it is the default one.
#[test]
fn an_endpoint_has_interfaces_groups_and_a_policy() {
    let place = place();
    let vpc = place.vpc();
    let subnets = [vpc.subnet(1, 'a'), vpc.subnet(2, 'b')];
    let group = vpc.group("endpoint");
    let endpoint = vpc.endpoint("ssm", &[&subnets[0], &subnets[1]], &[&group]);
    let describe =
        |id: &str| now(place.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id).send()).vpc_endpoints.unwrap().remove(0);
    let described = describe(&endpoint);
    assert_eq!(described.groups().iter().filter_map(|group| group.group_id()).collect::<Vec<_>>(), [&group]);
    assert_eq!(described.private_dns_enabled(), Some(true));
    // In lower case, as the answers in the API reference are; its list of values has it otherwise.
    assert_eq!(described.state().map(sdk::State::as_str), Some("available"));
    assert_eq!(described.service_name(), Some("com.amazonaws.us-east-1.ssm"));
    let policy: serde_json::Value = serde_json::from_str(described.policy_document().unwrap()).unwrap();
    let all = json!({"Statement": [{"Action": "*", "Effect": "Allow", "Principal": "*", "Resource": "*"}]});
    assert_eq!(policy, all);

    // The instance's interface is not of the kind that is asked for.
    let profiled = &place.account;
    profiled.create_instance_profile("web", "/");
    vpc.instance("web", &subnets[0], &[&group], false);
    let kind = sdk::Filter::builder().name("interface-type").values("vpc_endpoint").build();
    let interfaces = now(place.ec2.describe_network_interfaces().filters(of_vpc(&vpc)).filters(kind).send());
    let interfaces = interfaces.network_interfaces.unwrap();
    let mut of_endpoint = described.network_interface_ids().to_vec();
    let mut ids: Vec<String> =
        interfaces.iter().filter_map(|interface| interface.network_interface_id.clone()).collect();
    of_endpoint.sort();
    ids.sort();
    assert_eq!((ids, interfaces.len()), (of_endpoint, 2));
    for interface in &interfaces {
        let block = if interface.subnet_id() == Some(&*subnets[0]) { "10.0.1." } else { "10.0.2." };
        assert!(interface.private_ip_address().unwrap().starts_with(block), "{interface:?}");
        assert_eq!(interface.groups()[0].group_id(), Some(&*group));
    }

    let without_group = describe(&vpc.endpoint("ssmmessages", &[&subnets[0]], &[]));
    assert_eq!(without_group.groups()[0].group_name(), Some("default"));

    vpc.without_private_dns(&endpoint);
    vpc.endpoint_policy(&endpoint, json!({"Statement": []}));
    let changed = describe(&endpoint);
    assert_eq!((changed.private_dns_enabled(), changed.policy_document()), (Some(false), Some(r#"{"Statement":[]}"#)));
    assert_eq!(changed.network_interface_ids().len(), 2);
}

#[test]
fn block_public_access_is_of_a_region_and_has_exclusions() {
    let place = place();
    let mode = |place: &Place| {
        let answer = now(place.ec2.describe_vpc_block_public_access_options().send());
        answer.vpc_block_public_access_options.unwrap().internet_gateway_block_mode.unwrap()
    };
    assert_eq!(mode(&place), sdk::InternetGatewayBlockMode::Off);
    place.block_public_access(sdk::InternetGatewayBlockMode::BlockBidirectional);
    assert_eq!(mode(&place), sdk::InternetGatewayBlockMode::BlockBidirectional);
    assert_eq!(mode(&Place::new(&place.account, "eu-west-1")), sdk::InternetGatewayBlockMode::Off);

    let vpc = place.vpc();
    let excluded = vpc.exclude();
    let exclusions = now(place.ec2.describe_vpc_block_public_access_exclusions().send());
    let exclusion = &exclusions.vpc_block_public_access_exclusions()[0];
    assert_eq!(exclusion.exclusion_id(), Some(&*excluded));
    assert!(exclusion.resource_arn().unwrap().ends_with(&format!(":vpc/{}", vpc.id)));
    assert_eq!(exclusion.state(), Some(&sdk::VpcBlockPublicAccessExclusionState::CreateComplete));
}

#[test]
fn a_prefix_list_shows_its_entries() {
    let place = place();
    let list = place.prefix_list(&["10.0.1.0/24", "192.0.2.0/24"]);
    let entries = now(place.ec2.get_managed_prefix_list_entries().prefix_list_id(&list).send()).entries.unwrap();
    let cidrs: Vec<&str> = entries.iter().filter_map(|entry| entry.cidr()).collect();
    assert_eq!(cidrs, ["10.0.1.0/24", "192.0.2.0/24"]);
}

#[test]
fn an_agent_is_known_once_it_has_reported() {
    let place = place();
    let account = &place.account;
    let ask = || {
        let choice = json!({"Filters": [{"Key": "InstanceIds", "Values": ["i-0abc"]}]});
        account.json("ssm", REGION, "DescribeInstanceInformation", &choice)["InstanceInformationList"].clone()
    };
    let connection = || account.json("ssm", REGION, "GetConnectionStatus", &json!({"Target": "i-0abc"}));
    assert_eq!((ask(), connection()["Status"].as_str()), (json!([]), Some("notconnected")));
    account.agent_reports("i-0abc", REGION, "3.3.3598.0");
    account.agent_reports("i-0def", REGION, "3.3.3598.0");
    let known = ask();
    assert_eq!(known.as_array().unwrap().len(), 1);
    assert_eq!((&known[0]["PingStatus"], &known[0]["AgentVersion"]), (&json!("Online"), &json!("3.3.3598.0")));
    assert_eq!(connection()["Status"], "connected");

    let setting = "/ssm/managed-instance/default-ec2-instance-management-role";
    let get =
        || account.json("ssm", REGION, "GetServiceSetting", &json!({"SettingId": setting}))["ServiceSetting"].clone();
    assert_eq!(get()["Status"], "Default");
    account.json("ssm", REGION, "UpdateServiceSetting", &json!({"SettingId": setting, "SettingValue": "role"}));
    assert_eq!((get()["Status"].clone(), get()["SettingValue"].clone()), (json!("Customized"), json!("role")));
}
