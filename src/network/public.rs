//! The public way: through an internet gateway, or a NAT gateway in front of one.

use super::acls::{OtherSide, lets_in, lets_out};
use super::addresses::{Addresses, of_cidr};
use super::groups::{Peer, egress};
use super::leg::{Leg, either};
use super::routes::{Table, Target, blackhole, routed, table_of, target, unknown_target};
use super::{Place, PublicAddress, Source, read};
use crate::facts::NatGateway;
use crate::report::{FarSide, PathObstacle, PathUnknown, Via};

/// The public way from the instance.
pub(super) fn leg(place: &Place<'_>) -> Leg {
    let addresses = public_addresses(place);
    let peer = Peer { addresses: &addresses, groups: &[], prefix_list: None };
    let mut leg = by_routes(place, &addresses);
    leg.needs(egress(place, peer, FarSide::PublicAddresses));
    leg.needs(lets_out(place, place.interface.subnet, &OtherSide::public(&addresses)));
    leg
}

/// The addresses that public services may have, as far as they are not of the VPC.
pub(super) fn public_addresses(place: &Place<'_>) -> Addresses {
    let cidrs = place.network.vpcs.known().and_then(|vpcs| vpcs.get(place.vpc)).map_or(&[][..], |vpc| &vpc.cidrs);
    cidrs.iter().filter_map(|cidr| of_cidr(cidr).ok()).fold(Addresses::public(), |rest, cidr| rest.minus(&cidr))
}

fn by_routes(place: &Place<'_>, addresses: &Addresses) -> Leg {
    let subnet = place.interface.subnet;
    let table = match table_of(place, subnet) {
        Ok(table) => table,
        Err(unknown) => return Leg::unknown(unknown),
    };
    let routed = routed(place, table, addresses);
    let mut legs = Vec::new();
    for route in routed.routes {
        match target(route) {
            // The VPC's own blocks, which hold no service.
            Target::Local => {}
            Target::InternetGateway(gateway) => legs.push(through_own_address(place, table, gateway)),
            Target::NatGateway(gateway) => legs.push(through_nat(place, table, gateway)),
            Target::Blackhole => legs.push(Leg::closed(blackhole(table, subnet, route))),
            Target::EgressOnly => legs.push(Leg::closed(no_route(table, subnet))),
            Target::Beyond => legs.push(Leg::unknown(unknown_target(table, route))),
        }
    }
    if routed.some_without || legs.is_empty() {
        legs.push(Leg::closed(no_route(table, subnet)));
    }
    legs.extend(routed.unknowns.into_iter().map(Leg::unknown));
    either(legs, PathUnknown::SeveralRoutes { table: table.id.to_owned() })
}

fn no_route(table: Table<'_>, subnet: &str) -> PathObstacle {
    let has_default = table.has_default();
    let (table, subnet) = (table.id.to_owned(), subnet.to_owned());
    PathObstacle::NoRoute { table, subnet, nat_gateway: None, internet_gateway: None, has_default }
}

/// That the subnet of a NAT gateway has no route to an internet gateway; the VPC has one at most.
fn no_way_out(place: &Place<'_>, table: Table<'_>, subnet: &str, nat: &str) -> PathObstacle {
    PathObstacle::NoRoute {
        table: table.id.to_owned(),
        subnet: subnet.to_owned(),
        nat_gateway: Some(nat.to_owned()),
        internet_gateway: attached_gateway(place),
        has_default: table.has_default(),
    }
}

fn attached_gateway(place: &Place<'_>) -> Option<String> {
    let mut gateways = place.network.internet_gateways.known().into_iter().flatten();
    let own = gateways.find(|(_, vpcs)| vpcs.iter().any(|vpc| vpc == place.vpc));
    own.map(|(id, _)| id.clone())
}

/// An internet gateway translates for interfaces that have a public IPv4 address
/// ([internet access](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-igw-internet-access.html)).
fn through_own_address(place: &Place<'_>, table: Table<'_>, gateway: &str) -> Leg {
    let mut leg = Leg {
        via: Some(Via::InternetGateway),
        through: vec![table.id.to_owned(), gateway.to_owned()],
        ..Leg::default()
    };
    match place.interface.public {
        PublicAddress::Is(address) => leg.source = Source::Public { addresses: vec![address.to_owned()] },
        PublicAddress::Some => leg.source = Source::Public { addresses: Vec::new() },
        PublicAddress::NotKnown(reason) => leg.unknowns.push(PathUnknown::Unreadable { reason: reason.clone() }),
        PublicAddress::None => {
            let (table, gateway) = (table.id.to_owned(), gateway.to_owned());
            leg.obstacles.push(PathObstacle::NoPublicAddress { table, gateway });
        }
    }
    leg.needs(attached(place, table, gateway));
    leg.needs(public_access(place, &[place.interface.subnet], Via::InternetGateway));
    leg
}

fn attached(place: &Place<'_>, table: Table<'_>, gateway: &str) -> Leg {
    match read(&place.network.internet_gateways) {
        Err(unknown) => Leg::unknown(unknown),
        Ok(gateways) => {
            let vpcs = gateways.and_then(|gateways| gateways.get(gateway));
            match vpcs.is_some_and(|vpcs| vpcs.iter().any(|vpc| vpc == place.vpc)) {
                true => Leg::default(),
                false => Leg::closed(PathObstacle::InternetGatewayDetached {
                    table: table.id.to_owned(),
                    gateway: gateway.to_owned(),
                    vpc: place.vpc.to_owned(),
                    attached: attached_gateway(place),
                    other_vpc: vpcs.and_then(|vpcs| vpcs.first()).cloned(),
                }),
            }
        }
    }
}

/// See [NAT gateways](https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html).
fn through_nat(place: &Place<'_>, table: Table<'_>, id: &str) -> Leg {
    let mut leg =
        Leg { via: Some(Via::NatGateway), through: vec![table.id.to_owned(), id.to_owned()], ..Leg::default() };
    let gateways = match read(&place.network.nat_gateways) {
        Ok(gateways) => gateways,
        Err(unknown) => return leg.unless(unknown),
    };
    let broken =
        |state: Option<&str>| PathObstacle::NatGateway { gateway: id.to_owned(), state: state.map(str::to_owned) };
    let Some(nat) = gateways.and_then(|gateways| gateways.get(id)) else {
        leg.obstacles.push(broken(None));
        return leg;
    };
    match nat.state.as_str() {
        "available" => {}
        "failed" | "deleting" | "deleted" => leg.obstacles.push(broken(Some(&nat.state))),
        state => {
            let (gateway, state) = (id.to_owned(), state.to_owned());
            leg.unknowns.push(PathUnknown::NatGatewayPending { gateway, state });
        }
    }
    behind_nat(place, leg, id, nat)
}

/// What a NAT gateway needs of its own subnet.
fn behind_nat(place: &Place<'_>, mut leg: Leg, id: &str, nat: &NatGateway) -> Leg {
    let Some(subnet) = nat.subnet.as_deref() else { return behind_regional_nat(place, leg, id, nat) };
    let addresses = public_addresses(place);
    let table = match table_of(place, subnet) {
        Ok(table) => table,
        Err(unknown) => return leg.unless(unknown),
    };
    let own = place.interface.subnet;
    let routed = routed(place, table, &addresses);
    let (mut legs, mut gateways) = (Vec::new(), Vec::new());
    for route in routed.routes {
        match target(route) {
            Target::Local => {}
            Target::InternetGateway(gateway) => {
                gateways.push(gateway.to_owned());
                let mut out = attached(place, table, gateway);
                match nat.is_private {
                    // An internet gateway drops the traffic of a private NAT gateway.
                    true => out.obstacles.push(PathObstacle::PrivateNatGateway { gateway: id.to_owned() }),
                    // Only an internet gateway gives traffic the public address.
                    false => out.source = Source::Public { addresses: nat.public_ips.clone() },
                }
                out.needs(public_access(place, &[own, subnet], Via::NatGateway));
                legs.push(out);
            }
            Target::Blackhole => legs.push(Leg::closed(blackhole(table, subnet, route))),
            Target::EgressOnly => legs.push(Leg::closed(no_way_out(place, table, subnet, id))),
            // Its traffic would come back to itself.
            Target::NatGateway(other) if other == id => legs.push(Leg::closed(no_way_out(place, table, subnet, id))),
            Target::NatGateway(_) | Target::Beyond => legs.push(Leg::unknown(unknown_target(table, route))),
        }
    }
    if routed.some_without || legs.is_empty() {
        legs.push(Leg::closed(no_way_out(place, table, subnet, id)));
    }
    legs.extend(routed.unknowns.into_iter().map(Leg::unknown));
    leg.through.extend(gateways);
    let out = either(legs, PathUnknown::SeveralRoutes { table: table.id.to_owned() });
    leg.source = out.source.clone();
    leg.needs(out);
    leg.needs(lets_out(place, subnet, &OtherSide::public(&addresses)));
    if subnet != own {
        leg.needs(lets_in(place, subnet, &OtherSide::instance(place)));
    }
    leg
}

/// A regional NAT gateway is in no subnet, so that no network ACL bears on it, and has a route table of its own
/// ([regional NAT gateways](https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateways-regional.html)).
fn behind_regional_nat(place: &Place<'_>, mut leg: Leg, id: &str, nat: &NatGateway) -> Leg {
    let unknown = leg.clone().unless(PathUnknown::RegionalNatGateway { gateway: id.to_owned() });
    let table = nat.route_table.as_deref().zip(place.network.route_tables.known());
    let Some((id, table)) = table.and_then(|(id, tables)| tables.get_key_value(id)) else { return unknown };
    let table = Table { id, table };
    let routed = routed(place, table, &public_addresses(place));
    let [route] = routed.routes[..] else { return unknown };
    let Target::InternetGateway(gateway) = target(route) else { return unknown };
    if routed.some_without || !routed.unknowns.is_empty() || nat.is_private {
        return unknown;
    }
    leg.through.push(gateway.to_owned());
    // It takes more addresses by itself.
    leg.source = Source::Public { addresses: Vec::new() };
    leg.needs(attached(place, table, gateway));
    leg.needs(public_access(place, &[place.interface.subnet], Via::NatGateway));
    leg
}

/// VPC Block Public Access, in both of its modes
/// ([how it works](https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa-basics.html)).
fn public_access(place: &Place<'_>, subnets: &[&str], via: Via) -> Leg {
    let block = match read(&place.network.block_public_access) {
        Ok(None) => return Leg::default(),
        Ok(Some(block)) => block,
        Err(unknown) => return Leg::unknown(unknown),
    };
    let (vpc, mode) = (place.vpc.to_owned(), block.mode.clone());
    match (mode.as_str(), via) {
        ("off", _) => return Leg::default(),
        // This mode lets NAT gateways connect outward.
        ("block-ingress", Via::NatGateway) => return Leg::default(),
        ("block-ingress" | "block-bidirectional", _) => {}
        _ => return Leg::unknown(PathUnknown::BlockPublicAccess { vpc, mode }),
    }
    let exclusions = match read(&block.exclusions) {
        Ok(exclusions) => exclusions.map_or(&[][..], Vec::as_slice),
        Err(unknown) => return Leg::unknown(unknown),
    };
    let lets_through = |exclusion: &str| exclusion == "allow-bidirectional" || via == Via::NatGateway;
    let of = |resource: &str| exclusions.iter().find(|exclusion| exclusion.resource == resource);
    let excluded = |subnet: &&&str| {
        let exclusion = of(place.vpc).or_else(|| of(subnet));
        exclusion.is_some_and(|exclusion| lets_through(&exclusion.mode))
    };
    let any = of(place.vpc).is_some() || subnets.iter().any(|subnet| of(subnet).is_some());
    if subnets.iter().filter(excluded).count() == subnets.len() {
        Leg::default()
    } else if any {
        // An exclusion of one of two subnets, or one of outbound traffic where there is no NAT gateway.
        Leg::unknown(PathUnknown::BlockPublicAccess { vpc, mode })
    } else {
        Leg::closed(PathObstacle::BlockPublicAccess { vpc, mode })
    }
}
