//! Whatever the network is: opening something never closes a path, closing something never opens one, and what was not read never
//! turns an answer into its opposite.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::facts::DhcpOptions;

fn cidr() -> impl Strategy<Value = String> {
    let blocks = [
        "0.0.0.0/0",
        "10.0.0.0/16",
        "10.0.1.0/24",
        "10.0.2.0/24",
        "10.0.2.7/32",
        "10.0.3.0/24",
        "10.0.0.0/8",
        "52.0.0.0/8",
        "0.0.0.0/1",
        "128.0.0.0/1",
        "::/0",
    ];
    select(blocks.to_vec()).prop_map(str::to_owned)
}

fn any_rule() -> impl Strategy<Value = GroupRule> {
    let ports = select(&[None, Some((443, 443)), Some((0, 65535)), Some((80, 80))][..]);
    let (lists, groups) = (&["pl-1", "pl-2"][..], &[GROUP, FAR_GROUP][..]);
    let protocol = select(&["-1", "tcp", "6", "udp"][..]);
    (
        protocol,
        ports,
        prop::option::of(cidr()),
        prop::option::weighted(0.2, select(lists)),
        prop::option::weighted(0.3, select(groups)),
    )
        .prop_map(|(protocol, ports, cidr, list, group)| GroupRule {
            prefix_lists: list.map(str::to_owned).into_iter().collect(),
            groups: group.map(str::to_owned).into_iter().collect(),
            cidrs: cidr.into_iter().collect(),
            ..rule(protocol, ports, &[])
        })
}

fn any_entry() -> impl Strategy<Value = AclEntry> {
    let ports = select(&[None, Some((443, 443)), Some((1024, 65535)), Some((32768, 60999)), Some((0, 65535))][..]);
    (1..400i32, any::<bool>(), prop::bool::weighted(0.7), cidr(), ports)
        .prop_map(|(number, is_egress, allows, cidr, ports)| entry(number, is_egress, allows, &cidr, ports))
}

fn any_route() -> impl Strategy<Value = Route> {
    let destinations =
        &["0.0.0.0/0", "0.0.0.0/1", "52.0.0.0/8", "10.0.2.0/24", "10.0.0.0/8", "pl-1", "pl-2", "::/0"][..];
    let targets = &[IGW, NAT, "tgw-1", "eni-1", "igw-gone"][..];
    (select(destinations), select(targets), prop::bool::weighted(0.1))
        .prop_map(|(destination, target, is_blackhole)| Route { is_blackhole, ..route(destination, target) })
}

/// Any network around one of the common ones.
fn any_world() -> impl Strategy<Value = World> {
    let base = prop_oneof![
        Just(World::closed()),
        Just(World::with_endpoint()),
        Just(World::with_public_address()),
        Just(World::with_nat()),
        Just(World::with_nat().but(|world| world.add_endpoint(ENDPOINT, FAR_SUBNET, FAR_ADDRESS))),
        Just(World::with_endpoint().but(|world| world.add_endpoint("vpce-2", OUTER_SUBNET, "10.0.3.7"))),
        Just(World::with_endpoint().but(|world| world.add_interface(ENDPOINT, OUTER_SUBNET, "10.0.3.7"))),
    ];
    let rules = || prop::option::of(prop::collection::vec(any_rule(), 0..3));
    let entries = || prop::option::weighted(0.4, prop::collection::vec(any_entry(), 0..5));
    let changes = (rules(), rules(), entries(), entries(), prop::collection::vec(any_route(), 0..2));
    let flags =
        (prop::bool::weighted(0.8), prop::bool::weighted(0.8), prop::bool::weighted(0.8), prop::bool::weighted(0.2));
    (base, changes, flags).prop_map(|(mut world, (egress, ingress, own, outer, routes), flags)| {
        let (private_dns, support, hostnames, own_servers) = flags;
        if let Some(rules) = egress {
            world.group(GROUP).egress = rules;
        }
        if let Some(rules) = ingress {
            world.group(FAR_GROUP).ingress = rules;
        }
        if let Some(entries) = own {
            *world.acl(SUBNET) = entries;
        }
        if let Some(entries) = outer {
            *world.acl(OUTER_SUBNET) = entries;
        }
        for route in routes {
            if !world.routes("rtb-a").iter().any(|known| known.destination == route.destination) {
                world.routes("rtb-a").push(route);
            }
        }
        for endpoint in known(&mut world.network.endpoints).values_mut() {
            endpoint.private_dns = private_dns;
        }
        let dns = VpcDns { support: Fact::Known(support), hostnames: Fact::Known(hostnames) };
        world.network.dns.insert(VPC.to_owned(), dns);
        if own_servers {
            known(&mut world.network.vpcs).get_mut(VPC).unwrap().dhcp_options = Some("dopt-1".to_owned());
            world.network.dhcp_options = one("dopt-1", DhcpOptions { name_servers: owned(&["10.0.0.53"]) });
        }
        let list = |cidrs: &[&str]| Fact::Known(owned(cidrs));
        world.network.prefix_lists =
            [("pl-1".to_owned(), list(&["10.0.2.0/24"])), ("pl-2".to_owned(), list(&["0.0.0.0/0"]))].into();
        world
    })
}

/// Makes one thing unreadable.
fn forget(world: &mut World, which: usize) {
    let network = &mut world.network;
    match which {
        0 => network.vpcs = unreadable("x"),
        1 => network.dns.clear(),
        2 => network.dhcp_options = unreadable("x"),
        3 => network.subnets = unreadable("x"),
        4 => network.route_tables = unreadable("x"),
        5 => network.security_groups = unreadable("x"),
        6 => network.network_acls = unreadable("x"),
        7 => network.endpoints = unreadable("x"),
        8 => network.endpoint_interfaces = unreadable("x"),
        9 => network.nat_gateways = unreadable("x"),
        10 => network.internet_gateways = unreadable("x"),
        11 => network.block_public_access = unreadable("x"),
        12 => network.private_zones.clear(),
        _ => network.prefix_lists.values_mut().for_each(|list| *list = unreadable("x")),
    }
}

const FORGETTABLE: usize = 14;

/// Something that lets more through.
fn open(world: &mut World, which: usize, rule: GroupRule, entry: AclEntry) {
    match which {
        0 => world.group(GROUP).egress.push(rule),
        1 => world.group(FAR_GROUP).ingress.push(rule),
        // An allow before all others.
        2 => world.acl(SUBNET).push(AclEntry { number: 0, allows: true, ..entry }),
        3 => world.acl(FAR_SUBNET).push(AclEntry { number: 0, allows: true, ..entry }),
        4 => world.acl(OUTER_SUBNET).push(AclEntry { number: 0, allows: true, ..entry }),
        _ => {
            let has_default = world.routes("rtb-a").iter().any(|route| route.destination == "0.0.0.0/0");
            if !has_default {
                world.routes("rtb-a").push(route("0.0.0.0/0", if which == 5 { IGW } else { NAT }));
            }
        }
    }
}

const OPENINGS: usize = 7;

fn is_worse(before: Decision, after: Decision) -> bool {
    (before, after) == (Decision::Open, Decision::Closed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn opening_closes_nothing(world in any_world(), which in 0..OPENINGS, rule in any_rule(), entry in any_entry()) {
        let before = world.decision();
        let after = world.clone().but(|world| open(world, which, rule, entry));
        // Read from the other side: taking it away again opens nothing.
        prop_assert!(!is_worse(before, after.decision()), "{which}: {:?} {:?}", world.path(), after.path());
        if before == Decision::Open {
            // More of a group or a network ACL leaves an open path as it is.
            prop_assert!(which > 4 || after.decision() == Decision::Open, "{which}: {:?}", after.path());
        }
    }

    #[test]
    fn what_is_not_read_turns_nothing_around(world in any_world(), which in 0..FORGETTABLE) {
        let before = world.decision();
        let after = world.clone().but(|world| forget(world, which));
        let pair = (before, after.decision());
        prop_assert!(!is_worse(pair.0, pair.1) && !is_worse(pair.1, pair.0), "{which}: {:?} {:?}", world.path(), after.path());
        // Nor does it decide what is not known otherwise.
        prop_assert!(before != Decision::Unknown || pair.1 == Decision::Unknown, "{which}: {:?} {:?}", world.path(), after.path());
    }

    #[test]
    fn less_and_less_is_known(world in any_world(), order in prop::collection::vec(any::<Index>(), 1..8)) {
        let mut world = world;
        let before = world.decision();
        for index in order {
            forget(&mut world, index.index(FORGETTABLE));
            let after = world.decision();
            prop_assert!(after == before || after == Decision::Unknown, "{before:?} {:?}", world.path());
        }
    }
}
