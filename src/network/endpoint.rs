//! The ways through VPC endpoints.

use super::acls::{OtherSide, lets_in, lets_out};
use super::addresses::{Addresses, of_cidr};
use super::groups::{self, Allowed, Peer, allowed, prefix_list};
use super::leg::Leg;
use super::public::public_addresses;
use super::routes::{Target, blackhole, is_of_gateway_endpoint, routed, table_of, target, unknown_target};
use super::{Decision, Place, PrivateAddress, Source, read};
use crate::facts::VpcEndpoint;
use crate::report::{AclPeer, Direction, FarSide, PathObstacle, PathUnknown, Via};

/// An interface endpoint with its id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endpoint<'a> {
    pub(super) id: &'a str,
    pub(super) endpoint: &'a VpcEndpoint,
}

impl Endpoint<'_> {
    pub(super) fn is_available(&self) -> bool {
        self.endpoint.state == "available"
    }

    /// Whether it has no interfaces any more.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.endpoint.state.as_str(), "deleted" | "failed" | "rejected" | "expired")
    }
}

/// An interface of an endpoint: its subnet, and its address or those that it may have.
struct Interface {
    subnet: String,
    name: String,
    addresses: Addresses,
    is_exact: bool,
}

/// The way through an interface endpoint. The name leads to any of its interfaces.
pub(super) fn leg(place: &Place<'_>, endpoint: Endpoint<'_>) -> Leg {
    let source = source(place, endpoint);
    let mut leg = Leg { via: Some(Via::VpcEndpoint), through: vec![endpoint.id.to_owned()], source, ..Leg::default() };
    if let Some(reason) = place.network.not_known.get(endpoint.id) {
        return leg.unless(PathUnknown::Unreadable { reason: reason.clone() });
    }
    if endpoint.endpoint.ip_address_type.as_deref() == Some("ipv6") {
        return leg.unless(PathUnknown::Ipv6Endpoint { endpoint: endpoint.id.to_owned() });
    }
    let groups = match groups_of(place, endpoint) {
        Ok(groups) => groups,
        Err(unknown) => return leg.unless(unknown),
    };
    leg.needs(ingress(place, endpoint, &groups));
    let interfaces = match interfaces(place, endpoint) {
        Ok(interfaces) => interfaces,
        Err(unknowns) => {
            leg.unknowns.extend(unknowns);
            leg.needs(egress(place, endpoint, &groups, &Addresses::everything()));
            return leg;
        }
    };
    let to_each = interfaces.iter().map(|interface| {
        let mut way = egress(place, endpoint, &groups, &interface.addresses);
        way.needs(between(place, interface));
        way
    });
    leg.needs(any_of(endpoint, to_each.collect()));
    leg
}

fn source(place: &Place<'_>, endpoint: Endpoint<'_>) -> Source {
    let address = match place.interface.private {
        Some(PrivateAddress::Is(address)) => Some(address.to_owned()),
        Some(PrivateAddress::Of(_)) | None => None,
    };
    let has_ipv6 = endpoint.endpoint.ip_address_type.as_deref().is_some_and(|kind| kind != "ipv4");
    let may_be_over_ipv6 = has_ipv6 && place.interface.has_ipv6;
    Source::Endpoint { endpoint: endpoint.id.to_owned(), address, may_be_over_ipv6 }
}

/// A client takes one of the addresses that a name has, and which is not documented: where they differ, it is not known.
fn any_of(endpoint: Endpoint<'_>, ways: Vec<Leg>) -> Leg {
    if ways.iter().any(|way| !way.is_closed()) && ways.iter().any(Leg::is_closed) {
        let closed_by = ways.iter().flat_map(|way| way.obstacles.iter().cloned()).collect();
        let unknowns = ways.into_iter().filter(|way| way.decision() == Decision::Unknown).flat_map(|way| way.unknowns);
        let some = PathUnknown::SomeOfEndpoint { endpoint: endpoint.id.to_owned(), closed_by };
        return Leg { unknowns: [some].into_iter().chain(unknowns).collect(), ..Leg::default() };
    }
    let mut all = Leg::default();
    ways.into_iter().for_each(|way| all.needs(way));
    all
}

/// The security groups of an endpoint. One that was made without any has the default group of its VPC
/// ([interface endpoints](https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html)).
fn groups_of(place: &Place<'_>, endpoint: Endpoint<'_>) -> Result<Vec<String>, PathUnknown> {
    let named = &endpoint.endpoint.security_groups;
    if !named.is_empty() {
        return Ok(named.clone());
    }
    let mut groups = read(&place.network.security_groups)?.into_iter().flatten();
    let default =
        groups.find(|(_, group)| group.name.as_deref() == Some("default") && group.vpc.as_deref() == Some(place.vpc));
    default.map(|(id, _)| vec![id.clone()]).ok_or_else(|| place.not_seen(endpoint.id, "ec2:DescribeSecurityGroups"))
}

fn ingress(place: &Place<'_>, endpoint: Endpoint<'_>, groups: &[String]) -> Leg {
    let Some(private) = place.interface.private else { return Leg::unknown(PathUnknown::Ipv6Only) };
    let address = private.text();
    let Ok(addresses) = of_cidr(address) else {
        return Leg::unknown(PathUnknown::NotACidr { text: address.to_owned() });
    };
    let own = place.interface.security_groups;
    let peer = Peer { addresses: &addresses, groups: own, prefix_list: None };
    match allowed(place, groups, Direction::Inbound, peer) {
        Allowed::All => Leg::default(),
        Allowed::Part if private != PrivateAddress::Is(address) => Leg::unknown(PathUnknown::IngressInPart {
            endpoint: endpoint.id.to_owned(),
            groups: groups.to_vec(),
            from: address.to_owned(),
        }),
        // There is nothing in part of a single address.
        Allowed::Nothing | Allowed::Part => Leg::closed(PathObstacle::Ingress {
            endpoints: vec![endpoint.id.to_owned()],
            groups: groups.to_vec(),
            from: Some(address.to_owned()),
            from_groups: own.to_vec(),
        }),
        Allowed::Unknown(unknowns) => Leg { unknowns, ..Leg::default() },
    }
}

fn egress(place: &Place<'_>, endpoint: Endpoint<'_>, groups: &[String], addresses: &Addresses) -> Leg {
    groups::egress(
        place,
        Peer { addresses, groups, prefix_list: None },
        FarSide::Endpoints(vec![endpoint.id.to_owned()]),
    )
}

/// The interfaces of an endpoint; where they were not read, its subnets say where they are.
fn interfaces(place: &Place<'_>, endpoint: Endpoint<'_>) -> Result<Vec<Interface>, Vec<PathUnknown>> {
    let known = place.network.endpoint_interfaces.known().into_iter().flat_map(|all| all.values());
    let own = known.filter(|interface| interface.endpoint.as_deref() == Some(endpoint.id));
    let exact = own.filter_map(|interface| {
        let name = interface.address.clone()?;
        let addresses = of_cidr(&name).ok().filter(|addresses| !addresses.is_empty())?;
        Some(Interface { subnet: interface.subnet.clone(), name, addresses, is_exact: true })
    });
    let mut interfaces: Vec<Interface> = exact.collect();
    let unlisted = |subnet: &&String| !interfaces.iter().any(|interface| interface.subnet == **subnet);
    let rest: Vec<&String> = endpoint.endpoint.subnets.iter().filter(unlisted).collect();
    if rest.is_empty() && interfaces.is_empty() {
        return Err(vec![PathUnknown::EndpointAddresses { endpoint: endpoint.id.to_owned() }]);
    }
    if !rest.is_empty() {
        let subnets = read(&place.network.subnets).map_err(|unknown| vec![unknown])?;
        for id in rest {
            let cidr = subnets.and_then(|subnets| subnets.get(id)).and_then(|subnet| subnet.cidr.clone());
            let addresses = cidr.as_deref().and_then(|cidr| of_cidr(cidr).ok());
            let (Some(addresses), Some(name)) = (addresses, cidr) else {
                return Err(vec![place.not_seen(id, "ec2:DescribeSubnets")]);
            };
            interfaces.push(Interface { subnet: id.clone(), name, addresses, is_exact: false });
        }
    }
    Ok(interfaces)
}

/// Routes within the VPC, and the network ACLs of both subnets, which do not bear on traffic within one.
fn between(place: &Place<'_>, interface: &Interface) -> Leg {
    let own_subnet = place.interface.subnet;
    if interface.subnet == own_subnet {
        return Leg::default();
    }
    let own = OtherSide::instance(place);
    let is_exact = matches!(place.interface.private, Some(PrivateAddress::Is(_)));
    let name = AclPeer::Addresses(interface.name.clone());
    let mut leg = lets_out(place, own_subnet, &OtherSide { addresses: interface.addresses.clone(), name });
    leg.needs(lets_in(place, &interface.subnet, &own));
    leg.needs(local_route(place, own_subnet, &interface.addresses, interface.is_exact));
    leg.needs(local_route(place, &interface.subnet, &own.addresses, is_exact));
    leg
}

/// A route that is more specific than the local one may lead through a middlebox
/// ([middlebox routing](https://docs.aws.amazon.com/vpc/latest/userguide/gwlb-route.html)).
fn local_route(place: &Place<'_>, subnet: &str, to: &Addresses, is_exact: bool) -> Leg {
    let table = match table_of(place, subnet) {
        Ok(table) => table,
        Err(unknown) => return Leg::unknown(unknown),
    };
    let routed = routed(place, table, to);
    let mut leg = Leg { unknowns: routed.unknowns, ..Leg::default() };
    for route in routed.routes {
        match target(route) {
            Target::Local => {}
            Target::Blackhole if is_exact && leg.unknowns.is_empty() => {
                leg.obstacles.push(blackhole(table, subnet, route));
            }
            _ => leg.unknowns.push(unknown_target(table, route)),
        }
    }
    if routed.some_without {
        // Every table has local routes to all of the VPC.
        leg.unknowns.push(place.not_seen(table.id, "ec2:DescribeRouteTables"));
    }
    leg
}

/// The way through a gateway endpoint for S3, where the subnet's route table has one
/// ([gateway endpoints](https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html)).
pub(super) fn gateway<'a>(place: &Place<'a>, of_service: &[Endpoint<'a>]) -> Option<Leg> {
    let table = table_of(place, place.interface.subnet).ok()?;
    let mut routes = table.table.routes.iter().filter(|route| is_of_gateway_endpoint(place, route));
    let (route, endpoint) = routes.find_map(|route| {
        let found = of_service.iter().find(|endpoint| route.target.as_deref() == Some(endpoint.id))?;
        Some((route, *found))
    })?;
    let source = source(place, endpoint);
    let mut leg = Leg { via: Some(Via::VpcEndpoint), through: vec![endpoint.id.to_owned()], source, ..Leg::default() };
    let (id, state) = (endpoint.id.to_owned(), endpoint.endpoint.state.clone());
    if route.is_blackhole || endpoint.is_gone() {
        leg.obstacles.push(PathObstacle::EndpointState { endpoint: id.clone(), state });
    } else if !endpoint.is_available() {
        leg.unknowns.push(PathUnknown::EndpointState { endpoint: id.clone(), state });
    }
    let list = prefix_list(place.network, &route.destination).ok();
    let listed = list.and_then(|list| {
        let add = |all: Addresses, cidr: &String| of_cidr(cidr).map(|more| all.and(&more)).ok();
        list.iter().try_fold(Addresses::default(), add).filter(|all| !all.is_empty())
    });
    let addresses = listed.unwrap_or_else(|| public_addresses(place));
    let peer = Peer { addresses: &addresses, groups: &[], prefix_list: Some(&route.destination) };
    leg.needs(groups::egress(place, peer, FarSide::Endpoints(vec![id])));
    leg.needs(lets_out(place, place.interface.subnet, &OtherSide::public(&addresses)));
    Some(leg)
}
