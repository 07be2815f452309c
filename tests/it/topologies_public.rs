//! Topologies without endpoints: the ways through internet gateways and NAT gateways.

use crate::support::network::{ANYWHERE, Entry, Place, Side};
use crate::support::report::{Code, Via};
use crate::topologies::{
    BLOCKED_REGION, Expected, Nat, PROFILE, REGION, SERVICES, Topology, behind_nat, private_instance, public_subnet,
};

const fn topology(name: &'static str, why: &'static str, build: fn(&Place) -> (String, Expected)) -> Topology {
    Topology { name, why, region: REGION, arguments: &[], build }
}

const fn blocked(name: &'static str, why: &'static str, build: fn(&Place) -> (String, Expected)) -> Topology {
    Topology { name, why, region: BLOCKED_REGION, arguments: &[], build }
}

const IGW: Option<Via> = Some(Via::InternetGateway);
const NAT: Option<Via> = Some(Via::NatGateway);

const OUT: Entry<'_> = Entry { number: 100, egress: true, allows: true, cidr: ANYWHERE, ports: None };
const IN: Entry<'_> = Entry { egress: false, ..OUT };
const EPHEMERAL: Option<(i32, i32)> = Some((1024, 65535));
const HTTPS: Option<(i32, i32)> = Some((443, 443));

pub const TOPOLOGIES: [Topology; 25] = [
    topology(
        "a public address in a public subnet",
        "an internet gateway serves an instance that has a public address (vpc/latest/userguide/vpc-igw-internet-access.html)",
        |place| {
            let vpc = place.vpc();
            let (subnet, ..) = public_subnet(&vpc, 1);
            (vpc.instance(PROFILE, &subnet, &[&vpc.group("instance")], true), Expected::open(Via::InternetGateway))
        },
    ),
    topology(
        "no public address in a public subnet",
        "without a public address an internet gateway translates nothing (vpc/latest/userguide/vpc-igw-internet-access.html)",
        |place| {
            let vpc = place.vpc();
            let (subnet, _, table) = public_subnet(&vpc, 1);
            (private_instance(&vpc, &subnet), Expected::closed(Code::NoNetworkPath, IGW, &[&table]))
        },
    ),
    topology(
        "a NAT gateway",
        "a public NAT gateway in a public subnet connects outward (vpc/latest/userguide/vpc-nat-gateway.html)",
        |place| {
            let vpc = place.vpc();
            let Nat { private, .. } = behind_nat(&vpc);
            (private_instance(&vpc, &private), Expected::open(Via::NatGateway))
        },
    ),
    topology(
        "a NAT gateway that is deleted",
        "deleting it leaves its routes as black holes (vpc/latest/userguide/nat-gateway-working-with.html)",
        |place| {
            let vpc = place.vpc();
            let (public, ..) = public_subnet(&vpc, 1);
            let (private, nat) = (vpc.subnet(2, 'a'), vpc.nat(&public));
            let table = vpc.route(&[&private], Some(&nat));
            place.delete_nat(&nat);
            (private_instance(&vpc, &private), Expected::closed(Code::NoNetworkPath, None, &[&table]))
        },
    ),
    topology(
        "a private NAT gateway",
        "an internet gateway drops what comes from a private NAT gateway (vpc/latest/userguide/vpc-nat-gateway.html)",
        |place| {
            let vpc = place.vpc();
            let (public, ..) = public_subnet(&vpc, 1);
            let (private, nat) = (vpc.subnet(2, 'a'), vpc.private_nat(&public));
            vpc.route(&[&private], Some(&nat));
            (private_instance(&vpc, &private), Expected::closed(Code::NoNetworkPath, NAT, &[&nat]))
        },
    ),
    topology(
        "a NAT gateway in a subnet without an internet gateway",
        "the NAT gateway's own subnet needs a route to an internet gateway (vpc/latest/userguide/nat-gateway-troubleshooting.html)",
        |place| {
            let vpc = place.vpc();
            let (other, private) = (vpc.subnet(1, 'a'), vpc.subnet(2, 'a'));
            let nat = vpc.nat(&other);
            vpc.route(&[&private], Some(&nat));
            let expected = Expected::closed(Code::NoNetworkPath, NAT, &[&vpc.main_route_table()]);
            (private_instance(&vpc, &private), expected)
        },
    ),
    topology(
        "a route to a detached internet gateway",
        "a route whose target is not attached is a black hole (AWSEC2/latest/APIReference/API_Route.html)",
        |place| {
            let vpc = place.vpc();
            let (subnet, gateway, table) = public_subnet(&vpc, 1);
            let instance = vpc.instance(PROFILE, &subnet, &[&vpc.group("instance")], true);
            vpc.detach(&gateway);
            (instance, Expected::closed(Code::NoNetworkPath, None, &[&table]))
        },
    ),
    topology(
        "no route",
        "traffic without a route goes nowhere (vpc/latest/userguide/VPC_Route_Tables.html)",
        |place| {
            let vpc = place.vpc();
            let subnet = vpc.subnet(1, 'a');
            let instance = vpc.instance(PROFILE, &subnet, &[&vpc.group("instance")], true);
            (instance, Expected::closed(Code::NoNetworkPath, None, &[&vpc.main_route_table()]))
        },
    ),
    topology(
        "a subnet that uses the main route table",
        "a subnet that is associated with no table uses the main one (vpc/latest/userguide/subnet-route-tables.html)",
        |place| {
            let vpc = place.vpc();
            let (subnet, gateway) = (vpc.subnet(1, 'a'), vpc.internet_gateway());
            vpc.add_route(&vpc.main_route_table(), ANYWHERE, &gateway);
            let instance = vpc.instance(PROFILE, &subnet, &[&vpc.group("instance")], true);
            (instance, Expected::open(Via::InternetGateway))
        },
    ),
    topology(
        "a subnet that does not use the main route table",
        "an explicit association replaces the main table (vpc/latest/userguide/subnet-route-tables.html)",
        |place| {
            let vpc = place.vpc();
            let (subnet, gateway) = (vpc.subnet(1, 'a'), vpc.internet_gateway());
            vpc.add_route(&vpc.main_route_table(), ANYWHERE, &gateway);
            let table = vpc.route(&[&subnet], None);
            let instance = vpc.instance(PROFILE, &subnet, &[&vpc.group("instance")], true);
            (instance, Expected::closed(Code::NoNetworkPath, None, &[&table]))
        },
    ),
    topology(
        "two routes that are all together",
        "the longest prefix wins, and two halves are as good as a default route (vpc/latest/userguide/route-tables-priority.html)",
        |place| {
            let vpc = place.vpc();
            let (subnet, gateway) = (vpc.subnet(1, 'a'), vpc.internet_gateway());
            let table = vpc.route(&[&subnet], None);
            vpc.add_route(&table, "0.0.0.0/1", &gateway);
            vpc.add_route(&table, "128.0.0.0/1", &gateway);
            let instance = vpc.instance(PROFILE, &subnet, &[&vpc.group("instance")], true);
            (instance, Expected::open(Via::InternetGateway))
        },
    ),
    topology(
        "a transit gateway for private networks beside an internet gateway",
        "only a private hosted zone of the VPC, of which there is none, could lead the name to a network that is connected (Route53/latest/DeveloperGuide/hosted-zones-private.html)",
        |place| {
            let vpc = place.vpc();
            let (subnet, _, table) = public_subnet(&vpc, 1);
            vpc.add_route(&table, "10.0.0.0/8", &place.transit_gateway());
            let instance = vpc.instance(PROFILE, &subnet, &[&vpc.group("instance")], true);
            (instance, Expected::open(Via::InternetGateway))
        },
    ),
    topology(
        "a transit gateway for everything",
        "what is behind a transit gateway cannot be seen from the VPC (vpc/latest/tgw/what-is-transit-gateway.html)",
        |place| {
            let vpc = place.vpc();
            let subnet = vpc.subnet(1, 'a');
            vpc.route(&[&subnet], Some(&place.transit_gateway()));
            (private_instance(&vpc, &subnet), Expected::unknown())
        },
    ),
    topology(
        "a peering for everything",
        "what is behind a peering cannot be seen from the VPC (vpc/latest/peering/vpc-peering-basics.html)",
        |place| {
            let (vpc, other) = (place.vpc(), place.vpc_of("10.1.0.0/16"));
            let subnet = vpc.subnet(1, 'a');
            vpc.route(&[&subnet], Some(&vpc.peering(&other)));
            (private_instance(&vpc, &subnet), Expected::unknown())
        },
    ),
    topology(
        "a security group that lets nothing out",
        "a group without outbound rules allows no connection out (vpc/latest/userguide/security-group-rules.html)",
        |place| {
            let vpc = place.vpc();
            let (subnet, ..) = public_subnet(&vpc, 1);
            let group = vpc.closed_group("instance");
            let instance = vpc.instance(PROFILE, &subnet, &[&group], true);
            (instance, Expected::closed(Code::SecurityGroupBlocks, IGW, &[&group]))
        },
    ),
    topology(
        "one of two security groups lets HTTPS out",
        "the rules of all groups of an interface count together (vpc/latest/userguide/vpc-security-groups.html)",
        |place| {
            let vpc = place.vpc();
            let (subnet, ..) = public_subnet(&vpc, 1);
            let (closed, open) = (vpc.closed_group("closed"), vpc.closed_group("open"));
            vpc.let_out(&open, Side::Cidr(ANYWHERE));
            let instance = vpc.instance(PROFILE, &subnet, &[&closed, &open], true);
            (instance, Expected::open(Via::InternetGateway))
        },
    ),
    topology(
        "a network ACL that denies HTTPS out",
        "the entry with the lowest number that matches decides (vpc/latest/userguide/nacl-rules.html)",
        |place| {
            let vpc = place.vpc();
            let (subnet, ..) = public_subnet(&vpc, 1);
            let deny = Entry { number: 90, allows: false, ports: HTTPS, ..OUT };
            let acl = vpc.acl(&[&subnet], &[OUT, IN, deny]);
            let instance = vpc.instance(PROFILE, &subnet, &[&vpc.group("instance")], true);
            (instance, Expected::closed(Code::NetworkAclBlocks, IGW, &[&acl]))
        },
    ),
    topology(
        "a network ACL that lets no answers in",
        "network ACLs are stateless, and answers come to ephemeral ports (vpc/latest/userguide/custom-network-acl.html)",
        |place| {
            let vpc = place.vpc();
            let (subnet, ..) = public_subnet(&vpc, 1);
            let acl = vpc.acl(&[&subnet], &[OUT, Entry { ports: HTTPS, ..IN }]);
            let instance = vpc.instance(PROFILE, &subnet, &[&vpc.group("instance")], true);
            (instance, Expected::closed(Code::NetworkAclBlocks, IGW, &[&acl]))
        },
    ),
    topology(
        "a network ACL that lets just HTTPS out and answers in",
        "443 out and 1024-65535 in are all that a connection needs (vpc/latest/userguide/custom-network-acl.html)",
        |place| {
            let vpc = place.vpc();
            let (subnet, ..) = public_subnet(&vpc, 1);
            vpc.acl(&[&subnet], &[Entry { ports: HTTPS, ..OUT }, Entry { ports: EPHEMERAL, ..IN }]);
            let instance = vpc.instance(PROFILE, &subnet, &[&vpc.group("instance")], true);
            (instance, Expected::open(Via::InternetGateway))
        },
    ),
    topology(
        "a network ACL that lets nothing into the subnet of the NAT gateway",
        "traffic to a NAT gateway in another subnet enters that one (vpc/latest/userguide/nat-gateway-troubleshooting.html)",
        |place| {
            let vpc = place.vpc();
            let Nat { private, public, .. } = behind_nat(&vpc);
            let deny = Entry { number: 90, allows: false, cidr: "10.0.2.0/24", ..IN };
            let acl = vpc.acl(&[&public], &[OUT, IN, deny]);
            (private_instance(&vpc, &private), Expected::closed(Code::NetworkAclBlocks, NAT, &[&acl]))
        },
    ),
    topology(
        "name servers of its own behind a NAT gateway",
        "with other name servers the name may lead anywhere (vpc/latest/userguide/DHCPOptionSetConcepts.html)",
        |place| {
            let vpc = place.vpc();
            let Nat { private, .. } = behind_nat(&vpc);
            vpc.name_servers(&["10.0.9.53"]);
            (private_instance(&vpc, &private), Expected::unknown())
        },
    ),
    blocked(
        "Block Public Access and an internet gateway",
        "the bidirectional mode blocks internet gateways (vpc/latest/userguide/security-vpc-bpa-basics.html)",
        |place| {
            let vpc = place.vpc();
            let (subnet, ..) = public_subnet(&vpc, 1);
            let instance = vpc.instance(PROFILE, &subnet, &[&vpc.group("instance")], true);
            (instance, Expected::closed(Code::NoNetworkPath, IGW, &[&vpc.id]))
        },
    ),
    blocked(
        "Block Public Access and a NAT gateway",
        "the bidirectional mode blocks NAT gateways too (vpc/latest/userguide/security-vpc-bpa-basics.html)",
        |place| {
            let vpc = place.vpc();
            let Nat { private, .. } = behind_nat(&vpc);
            (private_instance(&vpc, &private), Expected::closed(Code::NoNetworkPath, NAT, &[&vpc.id]))
        },
    ),
    blocked(
        "Block Public Access with the VPC excluded",
        "an exclusion of the VPC lets its traffic through (vpc/latest/userguide/security-vpc-bpa-exclusions.html)",
        |place| {
            let vpc = place.vpc();
            vpc.exclude();
            let (subnet, ..) = public_subnet(&vpc, 1);
            let instance = vpc.instance(PROFILE, &subnet, &[&vpc.group("instance")], true);
            (instance, Expected::open(Via::InternetGateway))
        },
    ),
    blocked(
        "Block Public Access and endpoints",
        "traffic to endpoints passes no internet gateway (vpc/latest/userguide/security-vpc-bpa-basics.html)",
        |place| {
            let vpc = place.vpc();
            let subnet = vpc.subnet(1, 'a');
            let group = vpc.group("endpoint");
            vpc.let_in(&group, Side::Cidr(ANYWHERE));
            for service in SERVICES {
                vpc.endpoint(service, &[&subnet], &[&group]);
            }
            (private_instance(&vpc, &subnet), Expected::open(Via::VpcEndpoint))
        },
    ),
];
