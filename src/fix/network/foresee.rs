//! A network as changes would leave it. What they create has an id that AWS never gives.

use super::{Group, NetworkChange, Peer};
use crate::facts::{AclEntry, Fact, GroupRule, Network, Route, SecurityGroup, VpcEndpoint};
use crate::report::{Direction, DnsAttribute, Service};

/// The id of the security group that is created.
const CREATED_GROUP: &str = "sg-created";

/// The group of an id that the foreseen network has.
pub(super) fn group_of(id: &str) -> Group {
    match id {
        CREATED_GROUP => Group::Created,
        id => Group::Known(id.to_owned()),
    }
}

/// The id that the foreseen network has for the endpoint that is created for a service.
pub(super) fn endpoint_id(service: Service) -> String {
    format!("vpce-created-{}", service.name())
}

/// Whether it is such an id.
pub(super) fn is_created(endpoint: &str) -> bool {
    endpoint.starts_with("vpce-created-")
}

/// The id that the foreseen network has for the prefix list of a service, which AWS has and nobody read.
fn list_id(name: &str) -> String {
    format!("pl-{name}")
}

fn id_of(group: &Group) -> &str {
    match group {
        Group::Created => CREATED_GROUP,
        Group::Known(id) => id,
    }
}

/// Makes a change in the network of a VPC. What it needs was read, else it would not have been drafted.
pub(super) fn apply(network: &mut Network, vpc: &str, change: &NetworkChange) {
    match change {
        NetworkChange::EnableDns { attribute } => {
            if let Some(dns) = network.dns.get_mut(vpc) {
                match attribute {
                    DnsAttribute::Support => dns.support = Fact::Known(true),
                    DnsAttribute::Hostnames => dns.hostnames = Fact::Known(true),
                }
            }
        }
        NetworkChange::EnablePrivateDns { endpoint } => {
            if let Some(endpoint) = known(&mut network.endpoints).and_then(|all| all.get_mut(endpoint)) {
                endpoint.private_dns = true;
            }
        }
        NetworkChange::CreateGroup { name } => {
            let (name, vpc) = (Some(name.clone()), Some(vpc.to_owned()));
            let created = SecurityGroup { name, vpc, ingress: Vec::new(), egress: Vec::new() };
            known(&mut network.security_groups).map(|all| all.insert(CREATED_GROUP.to_owned(), created));
        }
        NetworkChange::AllowHttps { group, direction, peer } => {
            let group = known(&mut network.security_groups).and_then(|all| all.get_mut(id_of(group)));
            if let Some(group) = group {
                match direction {
                    Direction::Inbound => group.ingress.push(rule(peer)),
                    Direction::Outbound => group.egress.push(rule(peer)),
                }
            }
        }
        NetworkChange::AddAclEntry { acl, direction, number, ports: (from, to), cidr } => {
            let entry = AclEntry {
                number: *number,
                is_egress: *direction == Direction::Outbound,
                protocol: "6".to_owned(),
                allows: true,
                cidr: cidr.clone(),
                ports: Some((i32::from(*from), i32::from(*to))),
            };
            if let Some(acl) = known(&mut network.network_acls).and_then(|all| all.get_mut(acl)) {
                acl.entries.push(entry);
            }
        }
        NetworkChange::CreateInterfaceEndpoint { service, name, subnets } => {
            let mut created = endpoint(vpc, name, "Interface");
            created.subnets.clone_from(subnets);
            created.private_dns = true;
            created.security_groups = vec![CREATED_GROUP.to_owned()];
            known(&mut network.endpoints).map(|all| all.insert(endpoint_id(*service), created));
        }
        NetworkChange::CreateGatewayEndpoint { service, name, route_tables } => {
            let id = endpoint_id(*service);
            let mut created = endpoint(vpc, name, "Gateway");
            created.route_tables.clone_from(route_tables);
            known(&mut network.endpoints).map(|all| all.insert(id.clone(), created));
            let tables = known(&mut network.route_tables).into_iter().flatten();
            for (_, table) in tables.filter(|(table, _)| route_tables.contains(table)) {
                table.routes.push(Route { destination: list_id(name), target: Some(id.clone()), is_blackhole: false });
            }
        }
    }
}

fn rule(peer: &Peer) -> GroupRule {
    let mut rule = GroupRule {
        protocol: "tcp".to_owned(),
        from_port: Some(443),
        to_port: Some(443),
        cidrs: Vec::new(),
        prefix_lists: Vec::new(),
        groups: Vec::new(),
    };
    match peer {
        Peer::Group(group) => rule.groups.push(id_of(group).to_owned()),
        Peer::Cidr(cidr) => rule.cidrs.push(cidr.clone()),
        Peer::PrefixList(id) => rule.prefix_lists.push(id.clone()),
        Peer::PrefixListNamed(name) => rule.prefix_lists.push(list_id(name)),
    }
    rule
}

fn endpoint(vpc: &str, service: &str, kind: &str) -> VpcEndpoint {
    VpcEndpoint {
        vpc: vpc.to_owned(),
        service: service.to_owned(),
        kind: kind.to_owned(),
        state: "available".to_owned(),
        private_dns: false,
        ip_address_type: None,
        subnets: Vec::new(),
        security_groups: Vec::new(),
        route_tables: Vec::new(),
        policy: None,
    }
}

fn known<T>(fact: &mut Fact<T>) -> Option<&mut T> {
    match fact {
        Fact::Known(value) => Some(value),
        Fact::Absent | Fact::Unreadable(_) => None,
    }
}
