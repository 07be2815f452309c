//! Security groups.

use super::super::FarSide;
use super::*;

fn by_group(id: &str) -> GroupRule {
    GroupRule { groups: owned(&[id]), ..https(&[]) }
}

fn by_list(id: &str) -> GroupRule {
    GroupRule { prefix_lists: owned(&[id]), ..https(&[]) }
}

fn with_egress(world: World, rules: Vec<GroupRule>) -> World {
    world.but(|world| world.group(GROUP).egress = rules)
}

#[test]
fn a_rule_must_be_of_https() {
    for (protocol, ports, opens) in [
        ("-1", None, true),
        ("tcp", Some((443, 443)), true),
        ("6", Some((443, 443)), true),
        ("tcp", Some((0, 65535)), true),
        ("tcp", None, true),
        ("tcp", Some((80, 442)), false),
        ("tcp", Some((444, 9000)), false),
        ("udp", Some((443, 443)), false),
        ("17", Some((443, 443)), false),
        ("icmp", None, false),
    ] {
        let expected = if opens { Decision::Open } else { Decision::Closed };
        let rule = rule(protocol, ports, &["0.0.0.0/0"]);
        for world in [World::with_endpoint(), World::with_nat(), World::with_public_address()] {
            assert_eq!(with_egress(world, vec![rule.clone()]).decision(), expected, "{rule:?}");
        }
        let world = World::with_endpoint().but(|world| world.group(FAR_GROUP).ingress = vec![rule.clone()]);
        assert_eq!(world.decision(), expected, "{rule:?}");
    }
}

/// What AWS has of the public addresses is not known.
#[test]
fn the_public_way_takes_a_rule_for_anywhere() {
    for (cidrs, expected) in [
        (&["0.0.0.0/0"][..], Decision::Open),
        (&["0.0.0.0/1", "128.0.0.0/1"], Decision::Open),
        (&["52.0.0.0/8"], Decision::Unknown),
        (&["0.0.0.0/1"], Decision::Unknown),
        (&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], Decision::Closed),
        (&["10.0.0.0/16"], Decision::Closed),
        (&["::/0"], Decision::Closed),
        (&[], Decision::Closed),
    ] {
        let world = with_egress(World::with_nat(), vec![https(cidrs)]);
        assert_eq!(world.decision(), expected, "{cidrs:?}");
    }
    let closed = with_egress(World::with_nat(), Vec::new());
    let (groups, to) = (vec![GROUP.to_owned()], FarSide::PublicAddresses);
    assert_eq!(closed.obstacle(), Obstacle::Egress { groups, to, to_groups: Vec::new() });
}

#[test]
fn a_vpc_may_have_addresses_that_look_public() {
    let world = with_egress(World::with_nat(), vec![https(&["52.1.0.0/16"])]);
    assert_eq!(world.decision(), Decision::Unknown);
    let own =
        world.but(|world| known(&mut world.network.vpcs).get_mut(VPC).unwrap().cidrs.push("52.1.0.0/16".to_owned()));
    assert_eq!(own.decision(), Decision::Closed);
}

#[test]
fn the_way_to_an_endpoint_takes_a_rule_for_it() {
    for (rules, expected) in [
        (vec![https(&["10.0.2.7/32"])], Decision::Open),
        (vec![https(&["10.0.2.0/24"])], Decision::Open),
        (vec![https(&["10.0.2.8/32"])], Decision::Closed),
        (vec![https(&["10.0.1.0/24"])], Decision::Closed),
        (vec![by_group(FAR_GROUP)], Decision::Open),
        (vec![by_group(GROUP)], Decision::Closed),
        (vec![by_list("pl-in")], Decision::Open),
        (vec![by_list("pl-out")], Decision::Closed),
        (vec![by_list("pl-unread")], Decision::Unknown),
        (vec![by_list("pl-unread"), by_group(FAR_GROUP)], Decision::Open),
        (vec![https(&["nonsense"])], Decision::Unknown),
    ] {
        let lists = [
            ("pl-in".to_owned(), Fact::Known(owned(&["10.0.2.0/28"]))),
            ("pl-out".to_owned(), Fact::Known(owned(&["10.0.9.0/28"]))),
            ("pl-unread".to_owned(), unreadable("ec2:GetManagedPrefixListEntries")),
        ];
        let world =
            with_egress(World::with_endpoint(), rules.clone()).but(|world| world.network.prefix_lists = lists.into());
        assert_eq!(world.decision(), expected, "{rules:?}");
    }
}

#[test]
fn the_endpoint_must_let_the_instance_in() {
    for (rules, expected) in [
        (vec![https(&["10.0.1.5/32"])], Decision::Open),
        (vec![https(&["10.0.1.6/32"])], Decision::Closed),
        (vec![by_group(GROUP)], Decision::Open),
        // A group that names itself lets in its own members only.
        (vec![by_group(FAR_GROUP)], Decision::Closed),
        (vec![by_list("pl-unread")], Decision::Unknown),
        (vec![], Decision::Closed),
    ] {
        let world = World::with_endpoint().but(|world| world.group(FAR_GROUP).ingress = rules.clone());
        assert_eq!(world.decision(), expected, "{rules:?}");
    }
    let closed = World::with_endpoint().but(|world| world.group(FAR_GROUP).ingress.clear());
    let expected = Obstacle::Ingress {
        endpoints: vec![ENDPOINT.to_owned()],
        groups: vec![FAR_GROUP.to_owned()],
        from: Some(ADDRESS.to_owned()),
        from_groups: vec![GROUP.to_owned()],
    };
    assert_eq!(closed.obstacle(), expected);
    // Groups are stateful: what goes out may come back.
    assert!(World::with_endpoint().group(FAR_GROUP).egress.is_empty());
    assert_eq!(World::with_endpoint().decision(), Decision::Open);
}

#[test]
fn all_groups_of_an_interface_count_together() {
    let two = |world: &mut World| {
        world.interface.security_groups.push("sg-more".to_owned());
        known(&mut world.network.security_groups).insert("sg-more".to_owned(), group(Vec::new(), Vec::new()));
    };
    let world = World::with_endpoint().but(two);
    assert_eq!(world.decision(), Decision::Open);
    let halves = world.but(|world| {
        world.group(GROUP).egress = vec![https(&["0.0.0.0/1"])];
        world.group("sg-more").egress = vec![https(&["128.0.0.0/1"])];
    });
    let by_nat =
        World::with_nat().but(two).but(|world| world.network.security_groups = halves.network.security_groups.clone());
    assert_eq!((halves.decision(), by_nat.decision()), (Decision::Open, Decision::Open));
    // What one group lets through needs no other, whether or not that was seen.
    let unseen = |rules| {
        with_egress(World::with_nat(), rules).but(|world| world.interface.security_groups.push("sg-unseen".to_owned()))
    };
    assert_eq!(unseen(vec![https(&["0.0.0.0/0"])]).decision(), Decision::Open);
    assert!(matches!(unseen(Vec::new()).doubt(), PathUnknown::NotSeen { id, .. } if id == "sg-unseen"));
}

#[test]
fn an_endpoint_without_groups_has_the_default_one() {
    let world = World::with_endpoint().but(|world| {
        world.endpoint(ENDPOINT).security_groups.clear();
        let default =
            SecurityGroup { name: Some("default".to_owned()), ..group(vec![by_group("sg-default")], Vec::new()) };
        known(&mut world.network.security_groups).insert("sg-default".to_owned(), default);
    });
    assert!(matches!(world.obstacle(), Obstacle::Ingress { groups, .. } if groups == ["sg-default"]));
    let member = world.clone().but(|world| world.interface.security_groups.push("sg-default".to_owned()));
    assert_eq!(member.decision(), Decision::Open);
    let unseen = world.but(|world| drop(known(&mut world.network.security_groups).remove("sg-default")));
    assert!(matches!(unseen.doubt(), PathUnknown::NotSeen { .. }));
}

#[test]
fn without_the_groups_the_way_is_not_known() {
    for world in [World::with_endpoint(), World::with_nat(), World::with_public_address()] {
        let unread = world.but(|world| world.network.security_groups = unreadable("ec2:DescribeSecurityGroups"));
        assert_eq!(unread.unread(), "ec2:DescribeSecurityGroups");
    }
    // Without a route it is closed, whatever the groups are.
    let closed = World::closed().but(|world| world.network.security_groups = unreadable("ec2:DescribeSecurityGroups"));
    assert_eq!(closed.decision(), Decision::Closed);
}

/// What lets nothing out closes every way, also those that nobody sees.
#[test]
fn without_any_rule_for_https_nothing_else_matters() {
    for change in [
        |world: &mut World| world.network.route_tables = unreadable("x"),
        |world: &mut World| world.network.endpoints = unreadable("x"),
        |world: &mut World| {
            world.network = Network { security_groups: world.network.security_groups.clone(), ..Network::not_read() }
        },
        |world: &mut World| world.interface.private_ip = None,
        |world: &mut World| {
            known(&mut world.network.subnets).get_mut(SUBNET).unwrap().owner = Some("444455556666".to_owned())
        },
    ] {
        for rules in [Vec::new(), vec![rule("udp", None, &["0.0.0.0/0"])], vec![https(&[])]] {
            let world = with_egress(World::with_nat(), rules).but(change);
            assert!(matches!(world.obstacle(), Obstacle::Egress { .. }));
        }
        let open = World::with_nat().but(change);
        assert_ne!(open.decision(), Decision::Closed);
    }
}

/// EC2 gives each interface a group: a list without any is one that was not read.
#[test]
fn an_interface_without_groups_is_not_known() {
    for world in [World::with_nat(), World::with_public_address(), World::with_endpoint()] {
        let without = world.but(|world| world.interface.security_groups.clear());
        assert_eq!(without.decision(), Decision::Unknown);
    }
}
