//! Network ACLs.

use super::super::PathUnknown;
use super::*;
use crate::report::{AclPeer, AclRule, Direction};

const ALL: &str = "0.0.0.0/0";

/// The entries of a subnet's network ACL, and whether they let connections from the instance through.
#[test]
fn the_lowest_number_decides_in_both_directions() {
    let both = |out: AclEntry, back: AclEntry| vec![out, back];
    let allow_out = || entry(100, true, true, ALL, Some((443, 443)));
    let allow_back = || entry(100, false, true, ALL, Some((1024, 65535)));
    for (entries, expected) in [
        (both(allow_out(), allow_back()), Decision::Open),
        // The final deny is there even if it is not listed.
        (vec![allow_out()], Decision::Closed),
        (vec![allow_back()], Decision::Closed),
        (vec![], Decision::Closed),
        (vec![allow_out(), allow_back(), entry(99, true, false, ALL, None)], Decision::Closed),
        (vec![allow_out(), allow_back(), entry(101, true, false, ALL, None)], Decision::Open),
        (vec![allow_out(), allow_back(), entry(99, true, false, ALL, Some((80, 80)))], Decision::Open),
        // Of answers all ports must be allowed: the host chooses one.
        (both(allow_out(), entry(100, false, true, ALL, Some((32768, 60999)))), Decision::Unknown),
        (both(allow_out(), entry(100, false, true, ALL, Some((443, 443)))), Decision::Closed),
        (vec![allow_out(), allow_back(), entry(50, false, false, ALL, Some((3389, 3389)))], Decision::Unknown),
        // Blocks of private addresses are not those of AWS.
        (vec![allow_out(), allow_back(), entry(50, true, false, "10.0.0.0/8", None)], Decision::Open),
        (vec![allow_out(), allow_back(), entry(50, true, false, "52.0.0.0/8", None)], Decision::Unknown),
        (vec![allow_out(), allow_back(), entry(50, true, false, "::/0", None)], Decision::Open),
    ] {
        for world in [World::with_nat(), World::with_public_address()] {
            let world = world.but(|world| *world.acl(SUBNET) = entries.clone());
            assert_eq!(world.decision(), expected, "{entries:?}");
        }
    }
}

#[test]
fn the_entry_that_denies_is_named() {
    let world =
        World::with_nat().but(|world| world.acl(SUBNET).insert(0, entry(7, true, false, ALL, Some((443, 443)))));
    let rule = AclRule {
        acl: "acl-subnet-a".to_owned(),
        subnet: SUBNET.to_owned(),
        rule: 7,
        direction: Direction::Outbound,
        ports: (443, 443),
        other_side: AclPeer::PublicAddresses,
    };
    assert_eq!(world.obstacle(), Obstacle::NetworkAcl { rule: rule.clone() });
    let part = World::with_nat().but(|world| {
        let entries = world.acl(SUBNET);
        entries.retain(|entry| entry.is_egress);
        entries.push(entry(100, false, true, ALL, Some((32768, 65535))));
    });
    let expected = AclRule { rule: 32767, direction: Direction::Inbound, ports: (1024, 32767), ..rule };
    assert_eq!(part.doubt(), PathUnknown::NetworkAcl { rule: expected });
}

#[test]
fn other_protocols_do_not_count() {
    let udp = |allows| AclEntry { protocol: "17".to_owned(), ..entry(1, true, allows, ALL, None) };
    let world = World::with_nat().but(|world| world.acl(SUBNET).push(udp(false)));
    assert_eq!(world.decision(), Decision::Open);
    let only = World::with_nat().but(|world| {
        world.acl(SUBNET).retain(|entry| !entry.is_egress);
        world.acl(SUBNET).push(udp(true));
    });
    assert_eq!(only.decision(), Decision::Closed);
}

/// The subnet of the endpoint sees the same connection from the other side.
#[test]
fn both_subnets_of_the_way_to_an_endpoint_count() {
    for (subnet, denied, decision) in [
        (SUBNET, entry(1, true, false, "10.0.2.0/24", Some((443, 443))), Decision::Closed),
        (SUBNET, entry(1, false, false, "10.0.2.0/24", None), Decision::Closed),
        (SUBNET, entry(1, true, false, "10.0.3.0/24", None), Decision::Open),
        (FAR_SUBNET, entry(1, false, false, "10.0.1.0/24", Some((443, 443))), Decision::Closed),
        (FAR_SUBNET, entry(1, true, false, "10.0.1.5/32", Some((1024, 65535))), Decision::Closed),
        (FAR_SUBNET, entry(1, true, false, "10.0.1.6/32", None), Decision::Open),
        // That is the way of another connection.
        (FAR_SUBNET, entry(1, true, false, ALL, Some((443, 443))), Decision::Open),
        (OUTER_SUBNET, entry(1, true, false, ALL, None), Decision::Open),
    ] {
        let world = World::with_endpoint().but(|world| world.acl(subnet).push(denied.clone()));
        assert_eq!(world.decision(), decision, "{subnet} {denied:?}");
    }
}

#[test]
fn within_a_subnet_network_acls_do_not_count() {
    let mut world = World::closed();
    world.add_endpoint(ENDPOINT, SUBNET, "10.0.1.9");
    for acls in [one("acl-1", NetworkAcl { entries: Vec::new(), ..acl(true, &[]) }), unreadable("x")] {
        world.network.network_acls = acls;
        assert_eq!(world.decision(), Decision::Open);
    }
}

#[test]
fn the_subnet_of_a_nat_gateway_counts() {
    for (denied, decision) in [
        (entry(1, false, false, "10.0.1.5/32", Some((443, 443))), Decision::Closed),
        (entry(1, true, false, "10.0.1.0/24", Some((1024, 65535))), Decision::Closed),
        (entry(1, true, false, ALL, Some((443, 443))), Decision::Closed),
        (entry(1, false, false, "10.0.2.0/24", None), Decision::Open),
    ] {
        let world = World::with_nat().but(|world| world.acl(OUTER_SUBNET).push(denied.clone()));
        assert_eq!(world.decision(), decision, "{denied:?}");
    }
}

#[test]
fn a_subnet_without_a_network_acl_of_its_own_has_the_default_one() {
    let deny = |world: &mut World| {
        known(&mut world.network.network_acls).get_mut("acl-1").unwrap().entries.clear();
    };
    assert_eq!(World::with_endpoint().but(deny).decision(), Decision::Closed);
    let own = World::with_endpoint().but(deny).but(|world| {
        world.acl(SUBNET);
        world.acl(FAR_SUBNET);
    });
    assert_eq!(own.decision(), Decision::Open);
}

#[test]
fn without_the_network_acls_the_way_is_not_known() {
    for world in [World::with_endpoint(), World::with_nat(), World::with_public_address()] {
        let unread = world.but(|world| world.network.network_acls = unreadable("ec2:DescribeNetworkAcls"));
        assert_eq!(unread.unread(), "ec2:DescribeNetworkAcls");
    }
}
