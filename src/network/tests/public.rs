//! The public way: routes, gateways, addresses.

use super::super::{Source, Via};
use super::*;
use crate::facts::BlockExclusion;

fn no_route(table: &str) -> Obstacle {
    let (table, subnet) = (table.to_owned(), SUBNET.to_owned());
    Obstacle::NoRoute { table, subnet, nat_gateway: None, internet_gateway: None, has_default: false }
}

#[test]
fn without_a_route_there_is_no_way() {
    let world = World::closed();
    let expected = no_route("rtb-a");
    assert_eq!(world.obstacle(), expected);
    // A subnet without a table of its own has the main one.
    let main = world.but(|world| {
        known(&mut world.network.route_tables).remove("rtb-a");
    });
    assert_eq!(main.obstacle(), no_route("rtb-main"));
}

#[test]
fn an_internet_gateway_takes_a_public_address() {
    let world = World::with_public_address();
    let path = world.path();
    assert_eq!((path.decision, path.via), (Decision::Open, Some(Via::InternetGateway)));
    assert_eq!(path.through, ["rtb-a", IGW]);
    assert_eq!(path.source, Source::Public { addresses: vec!["203.0.113.5".to_owned()] });

    let private = world.clone().but(|world| world.interface.public_ip = None);
    assert!(matches!(private.obstacle(), Obstacle::NoPublicAddress { gateway, .. } if gateway == IGW));
    let detached = world.clone().but(|world| world.network.internet_gateways = one(IGW, Vec::new()));
    assert!(matches!(detached.obstacle(), Obstacle::InternetGatewayDetached { gateway, .. } if gateway == IGW));
    // Where it is attached instead, and what the VPC has, decides on the remedy.
    let elsewhere = world.clone().but(|world| {
        let attached = [(IGW, "vpc-other"), ("igw-own", VPC)].map(|(id, vpc)| (id.to_owned(), vec![vpc.to_owned()]));
        world.network.internet_gateways = Fact::Known(attached.into());
    });
    let expected = Obstacle::InternetGatewayDetached {
        table: "rtb-a".to_owned(),
        gateway: IGW.to_owned(),
        vpc: VPC.to_owned(),
        attached: Some("igw-own".to_owned()),
        other_vpc: Some("vpc-other".to_owned()),
    };
    assert_eq!(elsewhere.obstacle(), expected);
    let unread = world.but(|world| world.network.internet_gateways = unreadable("ec2:DescribeInternetGateways"));
    assert_eq!(unread.unread(), "ec2:DescribeInternetGateways");
}

#[test]
fn a_nat_gateway_takes_a_way_of_its_own() {
    let world = World::with_nat();
    let path = world.path();
    assert_eq!((path.decision, path.via), (Decision::Open, Some(Via::NatGateway)));
    assert_eq!(path.through, ["rtb-a", NAT, IGW]);
    assert_eq!(path.source, Source::Public { addresses: vec![NAT_ADDRESS.to_owned()] });

    for state in ["failed", "deleting", "deleted"] {
        let broken = world.clone().but(|world| world.nat().state = state.to_owned());
        let expected = Obstacle::NatGateway { gateway: NAT.to_owned(), state: Some(state.to_owned()) };
        assert_eq!(broken.obstacle(), expected);
    }
    let pending = world.clone().but(|world| world.nat().state = "pending".to_owned());
    assert!(matches!(pending.doubt(), PathUnknown::NatGatewayPending { .. }));
    let gone = world.clone().but(|world| known(&mut world.network.nat_gateways).clear());
    assert_eq!(gone.obstacle(), Obstacle::NatGateway { gateway: NAT.to_owned(), state: None });
    let private = world.clone().but(|world| world.nat().is_private = true);
    assert_eq!(private.obstacle(), Obstacle::PrivateNatGateway { gateway: NAT.to_owned() });
    let regional = world.clone().but(|world| world.nat().subnet = None);
    assert!(matches!(regional.doubt(), PathUnknown::RegionalNatGateway { .. }));
    let with_table = regional.clone().but(|world| world.nat().route_table = Some("rtb-outer".to_owned())).path();
    assert_eq!((with_table.decision, with_table.through), (Decision::Open, owned(&["rtb-a", NAT, IGW])));
    assert_eq!(with_table.source, Source::Public { addresses: Vec::new() });
    for routes in
        [vec![], vec![route("0.0.0.0/0", "tgw-1")], vec![route("52.0.0.0/8", "tgw-1"), route("0.0.0.0/0", IGW)]]
    {
        let other = regional.clone().but(|world| {
            world.nat().route_table = Some("rtb-outer".to_owned());
            *world.routes("rtb-outer") = routes.clone();
        });
        assert!(matches!(other.doubt(), PathUnknown::RegionalNatGateway { .. }), "{routes:?}");
    }
    let unread = world.but(|world| world.network.nat_gateways = unreadable("ec2:DescribeNatGateways"));
    assert_eq!(unread.unread(), "ec2:DescribeNatGateways");
}

#[test]
fn a_nat_gateway_in_a_subnet_without_a_way_out_leads_nowhere() {
    let no_route = |has_default| Obstacle::NoRoute {
        table: "rtb-outer".to_owned(),
        subnet: OUTER_SUBNET.to_owned(),
        nat_gateway: Some(NAT.to_owned()),
        internet_gateway: Some(IGW.to_owned()),
        has_default,
    };
    let world = World::with_nat().but(|world| world.routes("rtb-outer").truncate(1));
    assert_eq!(world.obstacle(), no_route(false));
    // It stands in a private subnet, whose route leads back to it.
    let loops = world.clone().but(|world| world.routes("rtb-outer").push(route("0.0.0.0/0", NAT)));
    assert_eq!(loops.obstacle(), no_route(true));
    let beyond = world.but(|world| world.routes("rtb-outer").push(route("0.0.0.0/0", "tgw-1")));
    assert!(matches!(beyond.doubt(), PathUnknown::Target { target: Some(target), .. } if target == "tgw-1"));
    // What leaves by another gateway does not come from the NAT gateway's public address.
    assert_eq!(beyond.path().source, Source::NotKnown);
    let in_part = World::with_nat().but(|world| world.routes("rtb-outer").push(route("52.0.0.0/8", "tgw-1")));
    assert_eq!((in_part.decision(), in_part.path().source), (Decision::Unknown, Source::NotKnown));
    // Nor does Block Public Access bear on it, which is for internet gateways.
    let mode = "block-bidirectional".to_owned();
    let block = BlockPublicAccess { mode, exclusions: Fact::Known(Vec::new()) };
    let private = |world: &mut World| world.nat().is_private = true;
    for world in [beyond.clone(), beyond.but(private)] {
        let blocked = world.but(|world| world.network.block_public_access = Fact::Known(block.clone()));
        assert!(matches!(blocked.doubt(), PathUnknown::Target { .. }), "{:?}", blocked.path());
    }
    let detached = World::with_nat().but(|world| known(&mut world.network.internet_gateways).clear());
    assert!(matches!(detached.obstacle(), Obstacle::InternetGatewayDetached { .. }));
}

#[test]
fn the_longest_prefix_wins() {
    // AWS has public addresses in each half, so that both routes are taken.
    let halves = World::with_public_address().but(|world| {
        *world.routes("rtb-a") = vec![
            route("10.0.0.0/16", "local"),
            route("0.0.0.0/1", IGW),
            route("128.0.0.0/1", IGW),
            route("0.0.0.0/0", "tgw-1"),
        ];
    });
    assert_eq!(halves.decision(), Decision::Open);
    let one_half = halves.clone().but(|world| {
        world.routes("rtb-a").remove(2);
    });
    let doubts = one_half.path().unknowns;
    assert!(doubts.contains(&PathUnknown::SeveralRoutes { table: "rtb-a".to_owned() }), "{doubts:?}");
    // Private addresses are not those of a public service.
    let private = World::with_public_address().but(|world| world.routes("rtb-a").push(route("10.0.0.0/8", "tgw-1")));
    assert_eq!(private.decision(), Decision::Open);
}

#[test]
fn a_blackhole_leads_nowhere() {
    let world = World::with_nat().but(|world| world.routes("rtb-a")[1].is_blackhole = true);
    let (table, subnet) = ("rtb-a".to_owned(), SUBNET.to_owned());
    let (destination, target) = ("0.0.0.0/0".to_owned(), Some(NAT.to_owned()));
    assert_eq!(world.obstacle(), Obstacle::Blackhole { table, subnet, destination, target });
}

#[test]
fn what_is_behind_other_targets_is_not_known() {
    for target in
        ["tgw-1", "pcx-1", "vgw-1", "lgw-1", "cagw-1", "eni-1", "i-1", "vpce-gwlb", "arn:aws:networkmanager::1:core"]
    {
        let world = World::closed().but(|world| world.routes("rtb-a").push(route("0.0.0.0/0", target)));
        assert!(matches!(world.doubt(), PathUnknown::Target { target: Some(to), .. } if to == target));
    }
    // An egress-only gateway carries no IPv4, and a route of IPv6 is not that of an IPv4 address.
    for (destination, target) in [("0.0.0.0/0", "eigw-1"), ("::/0", "eigw-1"), ("::/0", IGW)] {
        let world = World::closed().but(|world| world.routes("rtb-a").push(route(destination, target)));
        assert!(matches!(world.obstacle(), Obstacle::NoRoute { .. }), "{destination} {target}");
    }
}

#[test]
fn a_prefix_list_in_a_route_counts_as_what_it_holds() {
    let world = World::with_public_address().but(|world| world.routes("rtb-a")[1].destination = "pl-1".to_owned());
    let with = |list| world.clone().but(|world| drop(world.network.prefix_lists.insert("pl-1".to_owned(), list)));
    assert_eq!(with(Fact::Known(owned(&["0.0.0.0/0"]))).decision(), Decision::Open);
    assert!(matches!(with(Fact::Known(owned(&["10.0.0.0/8"]))).obstacle(), Obstacle::NoRoute { .. }));
    assert_eq!(with(unreadable("ec2:GetManagedPrefixListEntries")).decision(), Decision::Unknown);
    assert_eq!(world.decision(), Decision::Unknown);
}

#[test]
fn a_prefix_list_may_lead_to_a_firewall() {
    let world = World::with_public_address().but(|world| {
        world.add_endpoint("vpce-gwlb", SUBNET, "10.0.1.9");
        let endpoint = world.endpoint("vpce-gwlb");
        (endpoint.kind, endpoint.private_dns) = ("GatewayLoadBalancer".to_owned(), false);
        world.routes("rtb-a").push(route("pl-1", "vpce-gwlb"));
        world.network.prefix_lists = [("pl-1".to_owned(), Fact::Known(owned(&["52.0.0.0/8"])))].into();
    });
    assert_eq!(world.decision(), Decision::Unknown);
    let gateway = world.but(|world| world.endpoint("vpce-gwlb").kind = "Gateway".to_owned());
    assert_eq!(gateway.decision(), Decision::Open);
}

#[test]
fn without_the_route_tables_the_way_is_not_known() {
    for world in [World::closed(), World::with_nat(), World::with_public_address()] {
        let unread = world.but(|world| world.network.route_tables = unreadable("ec2:DescribeRouteTables"));
        assert_eq!(unread.unread(), "ec2:DescribeRouteTables");
    }
}

#[test]
fn block_public_access_closes_internet_gateways() {
    let blocked = |world: World, mode: &str, exclusions: Fact<Vec<BlockExclusion>>| {
        let mode = mode.to_owned();
        world.but(|world| world.network.block_public_access = Fact::Known(BlockPublicAccess { mode, exclusions }))
    };
    let excluding = |resources: &[&str], mode: &str| {
        let of = |resource: &&str| BlockExclusion { resource: (*resource).to_owned(), mode: mode.to_owned() };
        Fact::Known(resources.iter().map(of).collect())
    };
    let (own, nat) = (World::with_public_address, World::with_nat);
    for (world, mode, exclusions, expected) in [
        (own(), "off", excluding(&[], ""), Decision::Open),
        (own(), "block-bidirectional", excluding(&[], ""), Decision::Closed),
        (nat(), "block-bidirectional", excluding(&[], ""), Decision::Closed),
        // NAT gateways let nothing in, and may connect outward in this mode.
        (own(), "block-ingress", excluding(&[], ""), Decision::Closed),
        (nat(), "block-ingress", excluding(&[], ""), Decision::Open),
        (own(), "block-bidirectional", excluding(&[VPC], "allow-bidirectional"), Decision::Open),
        (own(), "block-bidirectional", excluding(&[SUBNET], "allow-bidirectional"), Decision::Open),
        (own(), "block-bidirectional", excluding(&["subnet-other"], "allow-bidirectional"), Decision::Closed),
        (own(), "block-bidirectional", excluding(&[VPC], "allow-egress"), Decision::Unknown),
        (nat(), "block-bidirectional", excluding(&[VPC], "allow-egress"), Decision::Open),
        (nat(), "block-bidirectional", excluding(&[OUTER_SUBNET], "allow-egress"), Decision::Unknown),
        (nat(), "block-bidirectional", excluding(&[SUBNET, OUTER_SUBNET], "allow-egress"), Decision::Open),
        (own(), "block-bidirectional", unreadable("x"), Decision::Unknown),
        (nat(), "block-ingress", unreadable("x"), Decision::Open),
        (own(), "block-more", excluding(&[], ""), Decision::Unknown),
    ] {
        let world = blocked(world, mode, exclusions);
        assert_eq!(world.decision(), expected, "{mode} {:?}", world.network.block_public_access);
    }
    let unread = own().but(|world| world.network.block_public_access = unreadable("bpa"));
    assert_eq!(unread.unread(), "bpa");
    // An endpoint needs no internet gateway.
    let mode = "block-bidirectional";
    assert_eq!(blocked(World::with_endpoint(), mode, excluding(&[], "")).decision(), Decision::Open);
}
