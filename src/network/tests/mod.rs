//! The rules of the network path, from both sides: what opens a way, what closes it, and what leaves it unknown.

mod acls;
mod endpoints;
mod groups;
mod names;
mod properties;
mod public;

use std::collections::BTreeMap;

use super::{Decision, Obstacle, Path, PathUnknown, Place, Service, path};
use crate::facts::{
    AclEntry, BlockPublicAccess, EndpointInterface, Fact, GroupRule, NatGateway, Network, NetworkAcl, PrimaryInterface,
    Route, RouteTable, SecurityGroup, Subnet, Unreadable, UnreadableKind, Vpc, VpcDns, VpcEndpoint,
};

const VPC: &str = "vpc-1";
const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";
/// The subnet and the address of the instance, and its group.
const SUBNET: &str = "subnet-a";
const ADDRESS: &str = "10.0.1.5";
const GROUP: &str = "sg-instance";
/// Those of the endpoint.
const FAR_SUBNET: &str = "subnet-b";
const FAR_ADDRESS: &str = "10.0.2.7";
const FAR_GROUP: &str = "sg-endpoint";
const ENDPOINT: &str = "vpce-1";
/// The subnet of the NAT gateway.
const OUTER_SUBNET: &str = "subnet-outer";
const NAT: &str = "nat-1";
const IGW: &str = "igw-1";
const NAT_ADDRESS: &str = "198.51.100.9";

/// A network with an instance in it.
#[derive(Debug, Clone)]
struct World {
    network: Network,
    interface: PrimaryInterface,
    service: Service,
    region: &'static str,
    partition: &'static str,
}

impl World {
    /// A VPC with three subnets and no way out, in which everything is allowed and everything was read.
    fn closed() -> World {
        let subnet = |cidr: &str, zone: &str| Subnet {
            vpc: VPC.to_owned(),
            cidr: Some(cidr.to_owned()),
            zone: Some(zone.to_owned()),
            owner: Some(ACCOUNT.to_owned()),
        };
        let vpc = Vpc {
            cidrs: vec!["10.0.0.0/16".to_owned()],
            dhcp_options: Some("default".to_owned()),
            owner: Some(ACCOUNT.to_owned()),
        };
        let network = Network {
            vpcs: one(VPC, vpc),
            dns: [(VPC.to_owned(), VpcDns { support: Fact::Known(true), hostnames: Fact::Known(true) })].into(),
            dhcp_options: Fact::Known(BTreeMap::new()),
            subnets: Fact::Known(BTreeMap::from([
                (SUBNET.to_owned(), subnet("10.0.1.0/24", "us-east-1a")),
                (FAR_SUBNET.to_owned(), subnet("10.0.2.0/24", "us-east-1b")),
                (OUTER_SUBNET.to_owned(), subnet("10.0.3.0/24", "us-east-1a")),
            ])),
            route_tables: Fact::Known(BTreeMap::from([
                ("rtb-main".to_owned(), table(true, &[], vec![route("10.0.0.0/16", "local")])),
                ("rtb-a".to_owned(), table(false, &[SUBNET], vec![route("10.0.0.0/16", "local")])),
            ])),
            security_groups: Fact::Known(BTreeMap::from([
                (GROUP.to_owned(), group(Vec::new(), vec![rule("-1", None, &["0.0.0.0/0"])])),
                (FAR_GROUP.to_owned(), group(vec![rule("tcp", Some((443, 443)), &["10.0.0.0/16"])], Vec::new())),
            ])),
            prefix_lists: BTreeMap::new(),
            network_acls: one("acl-1", acl(true, &[])),
            endpoints: Fact::Known(BTreeMap::new()),
            endpoint_interfaces: Fact::Known(BTreeMap::new()),
            nat_gateways: Fact::Known(BTreeMap::new()),
            internet_gateways: one(IGW, vec![VPC.to_owned()]),
            block_public_access: Fact::Known(BlockPublicAccess {
                mode: "off".to_owned(),
                exclusions: Fact::Known(Vec::new()),
            }),
            private_zones: [(VPC.to_owned(), Fact::Known(Vec::new()))].into(),
            not_known: BTreeMap::new(),
        };
        let interface = PrimaryInterface {
            subnet: SUBNET.to_owned(),
            security_groups: vec![GROUP.to_owned()],
            private_ip: Some(ADDRESS.to_owned()),
            public_ip: None,
            has_ipv6: false,
        };
        World { network, interface, service: Service::SsmMessages, region: REGION, partition: "aws" }
    }

    /// With an interface endpoint for the service in another subnet.
    fn with_endpoint() -> World {
        let mut world = World::closed();
        world.add_endpoint(ENDPOINT, FAR_SUBNET, FAR_ADDRESS);
        world
    }

    /// With a public address and a route to an internet gateway.
    fn with_public_address() -> World {
        let mut world = World::closed();
        world.interface.public_ip = Some("203.0.113.5".to_owned());
        world.routes("rtb-a").push(route("0.0.0.0/0", IGW));
        world
    }

    /// With a NAT gateway in a public subnet.
    fn with_nat() -> World {
        let mut world = World::closed();
        world.routes("rtb-a").push(route("0.0.0.0/0", NAT));
        let routes = vec![route("10.0.0.0/16", "local"), route("0.0.0.0/0", IGW)];
        known(&mut world.network.route_tables).insert("rtb-outer".to_owned(), table(false, &[OUTER_SUBNET], routes));
        let nat = NatGateway {
            vpc: VPC.to_owned(),
            subnet: Some(OUTER_SUBNET.to_owned()),
            state: "available".to_owned(),
            is_private: false,
            public_ips: vec![NAT_ADDRESS.to_owned()],
            route_table: None,
        };
        known(&mut world.network.nat_gateways).insert(NAT.to_owned(), nat);
        world
    }

    fn add_endpoint(&mut self, id: &str, subnet: &str, address: &str) {
        let endpoint = VpcEndpoint {
            vpc: VPC.to_owned(),
            service: format!("com.amazonaws.{}.{}", self.region, self.service.name()),
            kind: "Interface".to_owned(),
            state: "available".to_owned(),
            private_dns: true,
            ip_address_type: None,
            subnets: Vec::new(),
            security_groups: vec![FAR_GROUP.to_owned()],
            route_tables: Vec::new(),
            policy: None,
        };
        known(&mut self.network.endpoints).insert(id.to_owned(), endpoint);
        self.add_interface(id, subnet, address);
    }

    fn add_interface(&mut self, id: &str, subnet: &str, address: &str) {
        let interface = EndpointInterface {
            endpoint: Some(id.to_owned()),
            subnet: subnet.to_owned(),
            address: Some(address.to_owned()),
        };
        known(&mut self.network.endpoint_interfaces).insert(format!("eni-{id}-{subnet}"), interface);
        self.endpoint(id).subnets.push(subnet.to_owned());
    }

    fn endpoint(&mut self, id: &str) -> &mut VpcEndpoint {
        known(&mut self.network.endpoints).get_mut(id).unwrap()
    }

    fn routes(&mut self, table: &str) -> &mut Vec<Route> {
        &mut known(&mut self.network.route_tables).get_mut(table).unwrap().routes
    }

    fn group(&mut self, id: &str) -> &mut SecurityGroup {
        known(&mut self.network.security_groups).get_mut(id).unwrap()
    }

    /// Gives a subnet a network ACL of its own.
    fn acl(&mut self, subnet: &str) -> &mut Vec<AclEntry> {
        let acls = known(&mut self.network.network_acls);
        &mut acls.entry(format!("acl-{subnet}")).or_insert_with(|| acl(false, &[subnet])).entries
    }

    fn nat(&mut self) -> &mut NatGateway {
        known(&mut self.network.nat_gateways).get_mut(NAT).unwrap()
    }

    /// The same with a change.
    fn but(mut self, change: impl FnOnce(&mut World)) -> World {
        change(&mut self);
        self
    }

    fn path(&self) -> Path {
        let World { network, interface, service, region, partition } = self;
        let account = Some(ACCOUNT);
        let path =
            path(&Place { network, vpc: VPC, interface: interface.into(), account, region, partition }, *service);
        // What is said always fits the decision.
        let expected = match (path.obstacles.is_empty(), path.unknowns.is_empty()) {
            (false, _) => Decision::Closed,
            (true, false) => Decision::Unknown,
            (true, true) => Decision::Open,
        };
        assert_eq!(path.decision, expected, "{path:?}");
        path
    }

    fn decision(&self) -> Decision {
        self.path().decision
    }

    /// What closes it, which is one thing.
    fn obstacle(&self) -> Obstacle {
        let path = self.path();
        assert_eq!(path.obstacles.len(), 1, "{path:?}");
        path.obstacles[0].clone()
    }

    /// What keeps it from being decided, which is one thing.
    fn doubt(&self) -> PathUnknown {
        let path = self.path();
        assert_eq!((path.decision, path.unknowns.len()), (Decision::Unknown, 1), "{path:?}");
        path.unknowns[0].clone()
    }

    /// The API that was not read, which alone keeps it from being decided.
    fn unread(&self) -> String {
        match self.doubt() {
            PathUnknown::Unreadable { reason } => reason.api,
            other => panic!("{other:?}"),
        }
    }
}

fn one<T>(id: &str, value: T) -> Fact<BTreeMap<String, T>> {
    Fact::Known(BTreeMap::from([(id.to_owned(), value)]))
}

fn known<T>(fact: &mut Fact<T>) -> &mut T {
    match fact {
        Fact::Known(value) => value,
        _ => panic!("not known"),
    }
}

fn unreadable<T>(api: &str) -> Fact<T> {
    Fact::Unreadable(Unreadable { api: api.to_owned(), kind: UnreadableKind::Denied, message: "no".to_owned() })
}

fn route(destination: &str, target: &str) -> Route {
    Route { destination: destination.to_owned(), target: Some(target.to_owned()), is_blackhole: false }
}

fn table(is_main: bool, subnets: &[&str], routes: Vec<Route>) -> RouteTable {
    RouteTable { vpc: VPC.to_owned(), is_main, subnets: owned(subnets), routes }
}

fn group(ingress: Vec<GroupRule>, egress: Vec<GroupRule>) -> SecurityGroup {
    SecurityGroup { name: None, vpc: Some(VPC.to_owned()), ingress, egress }
}

fn rule(protocol: &str, ports: Option<(i32, i32)>, cidrs: &[&str]) -> GroupRule {
    GroupRule {
        protocol: protocol.to_owned(),
        from_port: ports.map(|ports| ports.0),
        to_port: ports.map(|ports| ports.1),
        cidrs: owned(cidrs),
        prefix_lists: Vec::new(),
        groups: Vec::new(),
    }
}

fn https(cidrs: &[&str]) -> GroupRule {
    rule("tcp", Some((443, 443)), cidrs)
}

fn acl(is_default: bool, subnets: &[&str]) -> NetworkAcl {
    let entries = [true, false].map(|is_egress| entry(100, is_egress, true, "0.0.0.0/0", None));
    NetworkAcl { vpc: VPC.to_owned(), is_default, subnets: owned(subnets), entries: entries.into() }
}

fn entry(number: i32, is_egress: bool, allows: bool, cidr: &str, ports: Option<(i32, i32)>) -> AclEntry {
    let protocol = if ports.is_some() { "6" } else { "-1" }.to_owned();
    AclEntry { number, is_egress, protocol, allows, cidr: cidr.to_owned(), ports }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
