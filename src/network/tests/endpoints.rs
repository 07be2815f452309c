//! Interface and gateway endpoints.

use super::super::{Source, Via};
use super::*;

#[test]
fn an_endpoint_serves_every_subnet_of_its_vpc() {
    for world in [World::with_endpoint(), World::with_nat(), World::with_public_address()] {
        let world = world.but(|world| world.add_endpoint(ENDPOINT, FAR_SUBNET, FAR_ADDRESS));
        let path = world.path();
        assert_eq!((path.decision, path.via), (Decision::Open, Some(Via::VpcEndpoint)));
        assert_eq!(path.through, [ENDPOINT]);
        let address = Some(ADDRESS.to_owned());
        assert_eq!(path.source, Source::Endpoint { endpoint: ENDPOINT.to_owned(), address, may_be_over_ipv6: false });
        // It cuts off what it does not let in, although there is a way around it.
        let closed = world.but(|world| world.group(FAR_GROUP).ingress.clear());
        assert!(matches!(closed.obstacle(), Obstacle::Ingress { .. }));
    }
    let elsewhere = World::with_endpoint().but(|world| world.endpoint(ENDPOINT).vpc = "vpc-2".to_owned());
    assert!(matches!(elsewhere.obstacle(), Obstacle::NoRoute { .. }));
}

#[test]
fn an_endpoint_is_of_one_service_and_region() {
    for (name, serves) in [
        ("com.amazonaws.us-east-1.ssmmessages", true),
        ("com.amazonaws.us-east-1.ssm", false),
        ("com.amazonaws.us-east-1.ec2messages", false),
        ("com.amazonaws.us-west-2.ssmmessages", false),
        ("com.amazonaws.vpce.us-east-1.vpce-svc-1", false),
        ("com.example.us-east-1.ssmmessages", false),
    ] {
        let world = World::with_endpoint().but(|world| world.endpoint(ENDPOINT).service = name.to_owned());
        assert_eq!(world.decision() == Decision::Open, serves, "{name}");
    }
    for name in ["com.amazonaws.cn-north-1.ssmmessages", "cn.com.amazonaws.cn-north-1.ssmmessages"] {
        let china = World::with_endpoint().but(|world| {
            (world.region, world.partition) = ("cn-north-1", "aws-cn");
            world.endpoint(ENDPOINT).service = name.to_owned();
        });
        assert_eq!(china.decision(), Decision::Open, "{name}");
    }
}

#[test]
fn each_service_has_its_own_endpoint() {
    for service in [Service::Ssm, Service::SsmMessages, Service::Kms, Service::Logs, Service::S3] {
        let mut world = World::closed().but(|world| world.service = service);
        assert_eq!(world.decision(), Decision::Closed);
        world.add_endpoint(ENDPOINT, FAR_SUBNET, FAR_ADDRESS);
        assert_eq!(world.decision(), Decision::Open);
    }
}

#[test]
fn an_endpoint_must_be_available() {
    for state in ["pending", "deleting", "pendingacceptance", "partial"] {
        let change = |world: &mut World| world.endpoint(ENDPOINT).state = state.to_owned();
        let closed = World::with_endpoint().but(change).path().obstacles;
        let expected = Obstacle::EndpointState { endpoint: ENDPOINT.to_owned(), state: state.to_owned() };
        assert!(closed.contains(&expected), "{closed:?}");
        let nat = World::with_nat().but(|world| world.add_endpoint(ENDPOINT, FAR_SUBNET, FAR_ADDRESS)).but(change);
        assert!(matches!(nat.doubt(), PathUnknown::EndpointState { .. }));
        // Once it is available, requests go through it.
        assert_eq!(nat.path().source, Source::NotKnown);
    }
    // One that has failed has no interfaces, and its name is not served.
    let nat = World::with_nat().but(|world| {
        world.add_endpoint(ENDPOINT, FAR_SUBNET, FAR_ADDRESS);
        world.endpoint(ENDPOINT).state = "failed".to_owned();
    });
    assert_eq!((nat.decision(), nat.path().via), (Decision::Open, Some(Via::NatGateway)));
}

/// Which of its addresses a client takes is not documented.
#[test]
fn all_interfaces_of_an_endpoint_must_be_within_reach() {
    let two = World::with_endpoint().but(|world| world.add_interface(ENDPOINT, OUTER_SUBNET, "10.0.3.7"));
    assert_eq!(two.decision(), Decision::Open);
    let only = |cidrs: &'static [&'static str]| two.clone().but(|world| world.group(GROUP).egress = vec![https(cidrs)]);
    assert!(matches!(only(&["10.0.2.0/24"]).doubt(), PathUnknown::SomeOfEndpoint { .. }));
    assert_eq!(only(&["10.0.2.0/24", "10.0.3.0/24"]).decision(), Decision::Open);
    assert_eq!(only(&["10.0.9.0/24"]).decision(), Decision::Closed);
    let by_acl = two.clone().but(|world| world.acl(OUTER_SUBNET).clear());
    assert!(matches!(by_acl.doubt(), PathUnknown::SomeOfEndpoint { .. }));
    let ingress = two.but(|world| world.group(FAR_GROUP).ingress.clear());
    assert_eq!(ingress.decision(), Decision::Closed);
}

/// Where its interfaces were not read, the subnets say where they may be.
#[test]
fn the_subnets_of_an_endpoint_bound_its_addresses() {
    let unread = World::with_endpoint().but(|world| world.network.endpoint_interfaces = unreadable("eni"));
    for (cidrs, expected) in [
        (&["10.0.2.0/24"][..], Decision::Open),
        (&["10.0.2.0/25", "10.0.2.128/25"], Decision::Open),
        (&["10.0.2.0/28"], Decision::Unknown),
        (&["10.0.3.0/24"], Decision::Closed),
    ] {
        let world = unread.clone().but(|world| world.group(GROUP).egress = vec![https(cidrs)]);
        assert_eq!(world.decision(), expected, "{cidrs:?}");
    }
    let nothing = unread.but(|world| world.network.subnets = unreadable("ec2:DescribeSubnets"));
    // A rule for all addresses holds for those that are not known.
    assert_eq!(nothing.unread(), "ec2:DescribeSubnets");
    let closed = nothing.but(|world| world.group(GROUP).egress.clear());
    assert_eq!(closed.decision(), Decision::Closed);
}

#[test]
fn a_route_within_the_vpc_may_lead_through_something_else() {
    let world = World::with_endpoint().but(|world| world.routes("rtb-a").push(route("10.0.2.0/24", "eni-firewall")));
    assert!(matches!(world.doubt(), PathUnknown::Target { target: Some(target), .. } if target == "eni-firewall"));
    let other = World::with_endpoint().but(|world| world.routes("rtb-a").push(route("10.0.9.0/24", "eni-firewall")));
    assert_eq!(other.decision(), Decision::Open);
    // Answers take the route table of the other subnet.
    let back = World::with_endpoint().but(|world| world.routes("rtb-main").push(route("10.0.1.0/24", "eni-firewall")));
    assert!(matches!(back.doubt(), PathUnknown::Target { .. }));
    let broken = World::with_endpoint().but(|world| {
        let gone = Route { is_blackhole: true, ..route("10.0.2.0/24", "eni-firewall") };
        world.routes("rtb-a").push(gone);
    });
    assert!(matches!(broken.obstacle(), Obstacle::Blackhole { .. }));
}

#[test]
fn several_endpoints_serve_a_name_alike_or_it_is_not_known() {
    let two = World::with_endpoint().but(|world| world.add_endpoint("vpce-2", OUTER_SUBNET, "10.0.3.7"));
    let path = two.path();
    let source = Source::OneOf { endpoints: owned(&[ENDPOINT, "vpce-2"]), others: false };
    assert_eq!((path.decision, path.via, path.source), (Decision::Open, Some(Via::VpcEndpoint), source));
    // One that goes is none of them.
    let shut = two.clone().but(|world| world.endpoint("vpce-2").state = "deleting".to_owned());
    assert!(matches!(shut.path().source, Source::Endpoint { endpoint, .. } if endpoint == ENDPOINT));
    let differ = two.clone().but(|world| world.group(GROUP).egress = vec![https(&["10.0.2.0/24"])]);
    assert!(matches!(differ.doubt(), PathUnknown::EndpointOrNot { .. }));
    // With private DNS on for one, the name leads to that one.
    let one = two.but(|world| world.endpoint("vpce-2").private_dns = false);
    assert_eq!(one.path().through, [ENDPOINT]);
}

#[test]
fn without_the_endpoints_the_way_is_not_known() {
    for world in [World::closed(), World::with_nat()] {
        let unread = world.but(|world| world.network.endpoints = unreadable("ec2:DescribeVpcEndpoints"));
        assert_eq!(unread.unread(), "ec2:DescribeVpcEndpoints");
    }
}

/// A gateway endpoint for S3 in the route table of the subnet.
fn with_gateway_endpoint(service: &str) -> World {
    let mut world = World::closed().but(|world| world.service = Service::S3);
    world.add_endpoint(ENDPOINT, FAR_SUBNET, FAR_ADDRESS);
    known(&mut world.network.endpoint_interfaces).clear();
    let endpoint = world.endpoint(ENDPOINT);
    endpoint.kind = "Gateway".to_owned();
    endpoint.service = format!("com.amazonaws.us-east-1.{service}");
    endpoint.private_dns = false;
    endpoint.subnets.clear();
    endpoint.security_groups.clear();
    endpoint.route_tables = owned(&["rtb-a"]);
    world.routes("rtb-a").push(route("pl-s3", ENDPOINT));
    world.network.prefix_lists = [("pl-s3".to_owned(), Fact::Known(owned(&["52.216.0.0/15"])))].into();
    world
}

#[test]
fn a_gateway_endpoint_serves_the_tables_that_name_it() {
    let world = with_gateway_endpoint("s3");
    let path = world.path();
    assert_eq!((path.decision, path.via), (Decision::Open, Some(Via::VpcEndpoint)));
    assert_eq!(path.through, [ENDPOINT]);
    let elsewhere = world.clone().but(|world| drop(world.routes("rtb-a").pop()));
    assert_eq!(elsewhere.decision(), Decision::Closed);
    assert_eq!(with_gateway_endpoint("dynamodb").decision(), Decision::Closed);
    // Only S3 and DynamoDB have such endpoints.
    let other = world.clone().but(|world| world.service = Service::Logs);
    assert!(matches!(other.obstacle(), Obstacle::NoRoute { .. }));

    for (rule, expected) in [
        (GroupRule { prefix_lists: owned(&["pl-s3"]), ..https(&[]) }, Decision::Open),
        (https(&["52.216.0.0/14"]), Decision::Open),
        (https(&["52.216.0.0/16"]), Decision::Unknown),
        (https(&["10.0.0.0/8"]), Decision::Closed),
    ] {
        let world = world.clone().but(|world| world.group(GROUP).egress = vec![rule.clone()]);
        assert_eq!(world.decision(), expected, "{rule:?}");
    }
    let denied = world.but(|world| world.acl(SUBNET).push(entry(1, true, false, "52.216.0.0/15", None)));
    assert!(matches!(denied.obstacle(), Obstacle::NetworkAcl { .. }));
}

/// Its private DNS may be for inbound resolver endpoints only, so that the gateway endpoint is taken.
#[test]
fn an_interface_endpoint_beside_a_gateway_endpoint_may_not_be_taken() {
    let both = with_gateway_endpoint("s3").but(|world| world.add_endpoint("vpce-2", FAR_SUBNET, FAR_ADDRESS));
    let path = both.path();
    let source = Source::OneOf { endpoints: owned(&["vpce-2", ENDPOINT]), others: false };
    assert_eq!((path.decision, path.source), (Decision::Open, source));
    let one = both.but(|world| world.group(FAR_GROUP).ingress.clear());
    assert!(matches!(one.doubt(), PathUnknown::EndpointOrNot { .. }));
}
