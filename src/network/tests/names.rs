//! Names, and what cannot be decided from here.

use super::super::{Source, Via};
use super::*;
use crate::facts::DhcpOptions;
use crate::report::DnsAttribute;

/// A VPC with an endpoint and a NAT gateway.
fn both() -> World {
    World::with_nat().but(|world| world.add_endpoint(ENDPOINT, FAR_SUBNET, FAR_ADDRESS))
}

fn dns(world: &mut World, support: Fact<bool>, hostnames: Fact<bool>) {
    world.network.dns.insert(VPC.to_owned(), VpcDns { support, hostnames });
}

#[test]
fn without_private_dns_the_name_is_public() {
    let off = |world: &mut World| world.endpoint(ENDPOINT).private_dns = false;
    let nat = both().but(off).path();
    assert_eq!((nat.decision, nat.via), (Decision::Open, Some(Via::NatGateway)));
    assert_eq!(nat.source, Source::Public { addresses: vec![NAT_ADDRESS.to_owned()] });
    let closed = World::with_endpoint().but(off).path();
    assert_eq!(closed.decision, Decision::Closed);
    assert!(closed.obstacles.contains(&Obstacle::NoPrivateDns { endpoint: ENDPOINT.to_owned() }), "{closed:?}");
}

#[test]
fn a_private_zone_may_have_the_name() {
    let off = |world: &mut World| world.endpoint(ENDPOINT).private_dns = false;
    let zones = |zones: Fact<Vec<String>>| {
        move |world: &mut World| drop(world.network.private_zones.insert(VPC.to_owned(), zones))
    };
    for zone in [
        "ssmmessages.us-east-1.amazonaws.com",
        "us-east-1.amazonaws.com",
        "SSMMESSAGES.us-east-1.amazonaws.com.",
        "com",
    ] {
        let caught = World::with_endpoint().but(off).but(zones(Fact::Known(owned(&[zone]))));
        let doubts = caught.path().unknowns;
        assert!(doubts.contains(&PathUnknown::PrivateZone { zone: zone.to_owned() }), "{zone}: {doubts:?}");
        // It may lead to an endpoint or not; with no way out to a proxy in the VPC.
        assert_eq!(World::closed().but(zones(Fact::Known(owned(&[zone])))).decision(), Decision::Unknown);
    }
    for zone in ["ssm.us-east-1.amazonaws.com", "ssmmessages.us-west-2.amazonaws.com", "example.com", "azonaws.com"] {
        let world = both().but(off).but(zones(Fact::Known(owned(&[zone]))));
        assert_eq!(world.path().via, Some(Via::NatGateway), "{zone}");
    }
    // With an endpoint that could be meant, unread zones leave it open where it leads.
    let unread = World::with_endpoint().but(off).but(zones(unreadable("route53:ListHostedZonesByVPC")));
    assert_eq!(unread.decision(), Decision::Unknown);
    let closed = unread.but(|world| world.group(FAR_GROUP).ingress.clear());
    assert_eq!(closed.decision(), Decision::Closed);
    // So do networks behind a transit gateway, where an endpoint may be shared.
    let hub = World::with_nat().but(|world| world.routes("rtb-a").push(route("10.0.0.0/8", "tgw-1")));
    // A resolver rule may lead there, which no list of zones shows.
    assert_eq!((hub.decision(), hub.path().source), (Decision::Open, Source::NotKnown));
    let unread = hub.but(|world| world.network.private_zones.clear());
    assert_eq!((unread.decision(), unread.path().source), (Decision::Unknown, Source::NotKnown));
    // Else there is nothing that it could lead to.
    let alone = World::with_nat().but(|world| world.network.private_zones.clear());
    assert_eq!(alone.decision(), Decision::Open);
}

#[test]
fn a_resolver_rule_may_lead_to_another_network() {
    let to_hub = |world: &mut World| world.routes("rtb-a").push(route("10.0.0.0/8", "tgw-1"));
    let hub = World::closed().but(to_hub);
    let is_led = |world: &World| matches!(world.path().unknowns[..], [.., PathUnknown::LedBeyond { .. }]);
    assert!(is_led(&hub), "{:?}", hub.path());
    // Not through what the instance may not reach.
    let no_https = |world: &mut World| {
        world.group(GROUP).egress = vec![rule("tcp", Some((443, 443)), &["52.0.0.0/8"])];
    };
    assert_eq!(hub.clone().but(no_https).decision(), Decision::Closed);
    let narrow = |world: &mut World| world.group(GROUP).egress = vec![rule("tcp", Some((443, 443)), &["10.0.0.0/8"])];
    assert!(is_led(&hub.clone().but(narrow)));
    // Names lead to addresses of IPv4.
    let over_ipv6 = World::closed().but(|world| world.routes("rtb-a").push(route("fd00::/8", "tgw-1")));
    assert_eq!(over_ipv6.decision(), Decision::Closed);
    // The endpoint's own name is not led elsewhere.
    assert_eq!(World::with_endpoint().but(to_hub).decision(), Decision::Open);
}

#[test]
fn what_is_not_read_closes_no_way() {
    let ipv6_only = World::closed().but(|world| {
        world.interface.has_ipv6 = true;
        world.group(GROUP).egress = vec![rule("-1", None, &["::/0"])];
    });
    let unread = ipv6_only.but(|world| world.network.route_tables = unreadable("ec2:DescribeRouteTables"));
    assert_eq!(unread.decision(), Decision::Unknown);
    let zone = Fact::Known(owned(&["ssmmessages.us-east-1.amazonaws.com"]));
    let caught = World::closed().but(|world| drop(world.network.private_zones.insert(VPC.to_owned(), zone)));
    let unread = caught.but(|world| dns(world, unreadable("ec2:DescribeVpcAttribute"), Fact::Known(true)));
    assert_eq!(unread.decision(), Decision::Unknown);
    // Where the attribute that is off leaves it unknown, so does one that was not read.
    let unread = both().but(|world| dns(world, Fact::Known(true), unreadable("ec2:DescribeVpcAttribute")));
    assert_eq!(unread.decision(), Decision::Unknown);
}

#[test]
fn private_dns_takes_both_attributes_of_the_vpc() {
    let on = || Fact::Known(true);
    let off = || Fact::Known(false);
    for (support, hostnames, attribute) in
        [(off(), on(), DnsAttribute::Support), (on(), off(), DnsAttribute::Hostnames)]
    {
        let change = |world: &mut World| dns(world, support.clone(), hostnames.clone());
        let closed = World::with_endpoint().but(change).path();
        let endpoint = Some(ENDPOINT.to_owned());
        let expected = Obstacle::VpcDns { vpc: VPC.to_owned(), attribute, endpoint };
        assert_eq!((closed.decision, closed.obstacles.contains(&expected)), (Decision::Closed, true), "{closed:?}");
    }
    // With both ways open it is open, whichever is taken; without DNS a host must have name servers of its own.
    let hostnames = both().but(|world| dns(world, on(), off()));
    assert!(matches!(
        hostnames.path().unknowns[..],
        [PathUnknown::VpcDns { attribute: DnsAttribute::Hostnames, .. }, ..]
    ));
    let support = both().but(|world| dns(world, off(), on()));
    assert!(matches!(support.doubt(), PathUnknown::VpcDns { attribute: DnsAttribute::Support, .. }));
    // Public names need no host names.
    let public = World::with_nat().but(|world| dns(world, on(), off()));
    assert_eq!(public.decision(), Decision::Open);

    let unread = World::with_endpoint().but(|world| dns(world, on(), unreadable("ec2:DescribeVpcAttribute")));
    assert_eq!(unread.decision(), Decision::Unknown);
    let unread = World::with_nat().but(|world| world.network.dns.clear());
    assert!(matches!(unread.doubt(), PathUnknown::NotSeen { api, .. } if api == "ec2:DescribeVpcAttribute"));
    assert_eq!(World::closed().but(|world| world.network.dns.clear()).decision(), Decision::Closed);
}

#[test]
fn own_name_servers_are_not_decidable() {
    let with = |servers: &[&str]| {
        let options = DhcpOptions { name_servers: owned(servers) };
        move |world: &mut World| {
            known(&mut world.network.vpcs).get_mut(VPC).unwrap().dhcp_options = Some("dopt-1".to_owned());
            world.network.dhcp_options = one("dopt-1", options);
        }
    };
    // The addresses of Amazon's own are no others: the two of every VPC, and its block plus two.
    for servers in
        [&["AmazonProvidedDNS"][..], &[], &["169.254.169.253"], &["AmazonProvidedDNS", "fd00:ec2::253"], &["10.0.0.2"]]
    {
        assert_eq!(both().but(with(servers)).decision(), Decision::Open);
    }
    for servers in
        [&["10.0.0.53"][..], &["AmazonProvidedDNS", "10.0.0.53"], &["10.1.0.2"], &["169.254.169.253", "10.0.0.3"]]
    {
        let world = both().but(with(servers));
        assert_eq!(world.path().source, Source::OneOf { endpoints: owned(&[ENDPOINT]), others: true });
        assert!(matches!(world.doubt(), PathUnknown::OwnNameServers { .. }));
        // With no way out they may lead to a proxy in the VPC.
        assert_eq!(World::closed().but(with(servers)).decision(), Decision::Unknown);
        // What lets nothing out closes that too.
        let locked = World::closed().but(with(servers)).but(|world| world.group(GROUP).egress.clear());
        assert_eq!(locked.decision(), Decision::Closed);
    }
    let unread = both().but(with(&[])).but(|world| world.network.dhcp_options = unreadable("ec2:DescribeDhcpOptions"));
    assert_eq!(unread.unread(), "ec2:DescribeDhcpOptions");
    let unread = both().but(|world| world.network.vpcs = unreadable("ec2:DescribeVpcs"));
    assert_eq!(unread.unread(), "ec2:DescribeVpcs");
}

#[test]
fn a_subnet_of_another_account_is_not_decidable() {
    let other = |world: &mut World| {
        known(&mut world.network.subnets).get_mut(SUBNET).unwrap().owner = Some("444455556666".to_owned());
    };
    for world in [World::closed(), World::with_endpoint(), both()] {
        assert!(matches!(world.but(other).doubt(), PathUnknown::SharedSubnet { owner, .. } if owner == "444455556666"));
    }
}

#[test]
fn ipv6_only_is_not_decidable() {
    let world = both().but(|world| {
        world.interface.private_ip = None;
        world.interface.has_ipv6 = true;
    });
    assert_eq!(world.doubt(), PathUnknown::Ipv6Only);
    // Beside an IPv4 address it changes nothing.
    assert_eq!(both().but(|world| world.interface.has_ipv6 = true).decision(), Decision::Open);
}

/// The agent takes a way over IPv6 only if it is told to, which nobody sees.
#[test]
fn a_way_over_ipv6_alone_is_not_decidable() {
    let closed = World::closed().but(|world| {
        world.interface.has_ipv6 = true;
        world.group(GROUP).egress.push(rule("-1", None, &["::/0"]));
    });
    assert_eq!(closed.decision(), Decision::Closed);
    let dual_stack = |world: &World| matches!(world.doubt(), PathUnknown::DualStack { closed_by } if matches!(closed_by[..], [Obstacle::NoRoute { .. }]));
    for target in ["eigw-1", IGW] {
        let routed = closed.clone().but(|world| world.routes("rtb-a").push(route("::/0", target)));
        assert!(dual_stack(&routed), "{target}");
        // Without an address, or a rule that lets it out, it is none.
        assert_eq!(routed.clone().but(|world| world.interface.has_ipv6 = false).decision(), Decision::Closed);
        let no_rule = routed.clone().but(|world| drop(world.group(GROUP).egress.pop()));
        assert_eq!(no_rule.decision(), Decision::Closed);
        let blackhole = routed.but(|world| world.routes("rtb-a").last_mut().unwrap().is_blackhole = true);
        assert_eq!(blackhole.decision(), Decision::Closed);
    }
    let local = closed.clone().but(|world| world.routes("rtb-a").push(route("2001:db8::/56", "local")));
    assert_eq!(local.decision(), Decision::Closed);
    // A gateway endpoint leads to S3, over IPv4.
    let gateway = closed.clone().but(|world| {
        world.add_endpoint("vpce-s3", SUBNET, "10.0.1.9");
        let endpoint = world.endpoint("vpce-s3");
        (endpoint.kind, endpoint.private_dns) = ("Gateway".to_owned(), false);
        endpoint.service = "com.amazonaws.us-east-1.s3".to_owned();
        world.routes("rtb-a").push(route("pl-1", "vpce-s3"));
    });
    assert_eq!(gateway.decision(), Decision::Closed);
    // An endpoint has addresses of one kind or of both.
    for (kind, expected) in [("ipv4", Decision::Closed), ("dualstack", Decision::Unknown), ("ipv6", Decision::Unknown)]
    {
        let world = closed.clone().but(|world| {
            world.add_endpoint(ENDPOINT, FAR_SUBNET, FAR_ADDRESS);
            world.endpoint(ENDPOINT).ip_address_type = Some(kind.to_owned());
            world.group(FAR_GROUP).ingress = vec![https(&["2001:db8::/56"])];
        });
        assert_eq!(world.decision(), expected, "{kind}");
    }
    let ipv6 = World::with_endpoint().but(|world| world.endpoint(ENDPOINT).ip_address_type = Some("ipv6".to_owned()));
    assert_eq!(ipv6.doubt(), PathUnknown::Ipv6Endpoint { endpoint: ENDPOINT.to_owned() });
    let both =
        World::with_endpoint().but(|world| world.endpoint(ENDPOINT).ip_address_type = Some("dualstack".to_owned()));
    assert_eq!(both.decision(), Decision::Open);
}

/// What names of endpoint services begin with is the suffix of host names the other way round, or as in most Regions.
#[test]
fn each_partition_has_names_of_its_own() {
    let own = [
        ("aws-cn", "cn-north-1", "cn.com.amazonaws"),
        ("aws-iso", "us-iso-east-1", "gov.ic.c2s"),
        ("aws-iso-b", "us-isob-east-1", "gov.sgov.sc2s"),
        ("aws-iso-f", "us-isof-south-1", "gov.ic.hci.csp"),
        ("aws-eusc", "eusc-de-east-1", "eu.amazonaws"),
        ("aws-us-gov", "us-gov-west-1", "com.amazonaws"),
    ];
    for (partition, region, prefix) in own {
        let with = |prefix: &str| {
            let mut world = World::closed();
            (world.partition, world.region) = (partition, region);
            world.add_endpoint(ENDPOINT, FAR_SUBNET, FAR_ADDRESS);
            world.endpoint(ENDPOINT).service = format!("{prefix}.{region}.ssmmessages");
            world.decision()
        };
        assert_eq!(with(prefix), Decision::Open, "{partition}");
        assert_eq!(with("com.amazonaws"), Decision::Open, "{partition}");
        let foreign = if partition == "aws-cn" { "gov.ic.c2s" } else { "cn.com.amazonaws" };
        assert_eq!(with(foreign), Decision::Closed, "{partition}");
    }
}

#[test]
fn of_what_was_not_read_nothing_is_known() {
    let world = World::with_nat().but(|world| world.network = Network::not_read());
    assert_eq!(world.decision(), Decision::Unknown);
}
