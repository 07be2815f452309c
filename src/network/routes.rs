//! Route tables: the longest prefix wins
//! ([route priority](https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html)).

use std::cmp::Reverse;

use super::addresses::{Addresses, of_cidr, prefix_length};
use super::groups::prefix_list;
use super::{Place, read};
use crate::facts::{Route, RouteTable};
use crate::report::{PathObstacle, PathUnknown};

/// A route table with its id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) id: &'a str,
    pub(super) table: &'a RouteTable,
}

impl Table<'_> {
    /// Whether it has a default route, wherever that leads: there is one of a destination at most.
    pub(super) fn has_default(self) -> bool {
        self.table.routes.iter().any(|route| route.destination == "0.0.0.0/0")
    }

    /// Whether a route over IPv6 leads out of the VPC, or may.
    pub(super) fn leads_out_over_ipv6(self, place: &Place<'_>) -> bool {
        let outward = |route: &&Route| {
            !matches!(target(route), Target::Local | Target::Blackhole) && !is_of_gateway_endpoint(place, route)
        };
        let of_ipv6 = |route: &Route| match is_prefix_list(&route.destination) {
            true => prefix_list(place.network, &route.destination)
                .map_or(true, |list| list.iter().any(|cidr| cidr.contains(':'))),
            false => route.destination.contains(':'),
        };
        self.table.routes.iter().filter(outward).any(of_ipv6)
    }
}

/// The route table of a subnet.
pub(super) fn table_of<'a>(place: &Place<'a>, subnet: &str) -> Result<Table<'a>, PathUnknown> {
    read(&place.network.route_tables)?;
    let found = place.network.route_table(place.vpc, subnet);
    let open = [Some(subnet), found.map(|(id, _)| id.as_str())].into_iter().flatten();
    if let Some(reason) = open.filter_map(|id| place.network.not_known.get(id)).next() {
        return Err(PathUnknown::Unreadable { reason: reason.clone() });
    }
    found.map(|(id, table)| Table { id, table }).ok_or_else(|| place.not_seen(subnet, "ec2:DescribeRouteTables"))
}

/// Where traffic to some addresses goes.
#[derive(Debug, Default)]
pub(super) struct Routed<'a> {
    /// The routes that it takes.
    pub(super) routes: Vec<&'a Route>,
    /// Whether some of it has none.
    pub(super) some_without: bool,
    /// Routes of which it is not known whether it takes them.
    pub(super) unknowns: Vec<PathUnknown>,
}

/// Where traffic to `addresses` goes. Gateway endpoints are left out: their addresses are those of S3 and DynamoDB.
pub(super) fn routed<'a>(place: &Place<'a>, table: Table<'a>, addresses: &Addresses) -> Routed<'a> {
    let mut routed = Routed::default();
    let mut blocks: Vec<(&str, &Route)> = Vec::new();
    for route in &table.table.routes {
        let destination = route.destination.as_str();
        if !is_prefix_list(destination) {
            blocks.push((destination, route));
        } else if !is_of_gateway_endpoint(place, route) {
            match prefix_list(place.network, destination) {
                Ok(list) => blocks.extend(list.iter().map(|cidr| (cidr.as_str(), route))),
                Err(unknown) => routed.unknowns.push(unknown),
            }
        }
    }
    // Of the same length, a static route wins over one to a prefix list.
    blocks.sort_by_key(|(cidr, route)| (Reverse(prefix_length(cidr)), is_prefix_list(&route.destination)));
    let mut rest = addresses.clone();
    for (cidr, route) in blocks {
        let Ok(block) = of_cidr(cidr) else {
            routed.unknowns.push(PathUnknown::NotACidr { text: cidr.to_owned() });
            continue;
        };
        if !rest.within(&block).is_empty() {
            rest = rest.minus(&block);
            if !routed.routes.contains(&route) {
                routed.routes.push(route);
            }
        }
    }
    routed.some_without = !rest.is_empty();
    routed
}

/// Whether it is the route that a gateway endpoint puts into a table. An endpoint of a Gateway Load Balancer may be behind a prefix
/// list too.
pub(super) fn is_of_gateway_endpoint(place: &Place<'_>, route: &Route) -> bool {
    let endpoints = place.network.endpoints.known();
    let target = route.target.as_ref().and_then(|target| endpoints?.get(target));
    is_prefix_list(&route.destination) && target.is_some_and(|target| target.kind.eq_ignore_ascii_case("Gateway"))
}

/// Whether the destination of a route is a prefix list. That of a gateway endpoint of a plan has no id yet.
fn is_prefix_list(destination: &str) -> bool {
    destination.starts_with("pl-") || destination.ends_with(".prefix_list_id")
}

/// What a route leads to, by the prefix of its id; by the address of what a plan makes, which has none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target<'a> {
    Local,
    InternetGateway(&'a str),
    NatGateway(&'a str),
    /// For IPv6 only.
    EgressOnly,
    Blackhole,
    /// What is behind it cannot be seen.
    Beyond,
}

pub(super) fn target(route: &Route) -> Target<'_> {
    match route.target.as_deref() {
        _ if route.is_blackhole => Target::Blackhole,
        Some("local") => Target::Local,
        Some(id) if id.starts_with("igw-") || id.contains("aws_internet_gateway.") => Target::InternetGateway(id),
        Some(id) if id.starts_with("nat-") || id.contains("aws_nat_gateway.") => Target::NatGateway(id),
        Some(id) if id.starts_with("eigw-") => Target::EgressOnly,
        Some(_) | None => Target::Beyond,
    }
}

/// The routes over IPv4 to networks that cannot be seen from here, where a name may lead to.
pub(super) fn beyond<'a>(place: &Place<'a>, table: Table<'a>) -> impl Iterator<Item = &'a Route> {
    let is_seen = |route: &Route| target(route) != Target::Beyond || is_of_gateway_endpoint(place, route);
    table.table.routes.iter().filter(move |route| !is_seen(route) && !route.destination.contains(':'))
}

/// The addresses that a route is for.
pub(super) fn destination(place: &Place<'_>, route: &Route) -> Result<Addresses, PathUnknown> {
    let destination = route.destination.as_str();
    let not_a_cidr = |text: &str| PathUnknown::NotACidr { text: text.to_owned() };
    if !is_prefix_list(destination) {
        return of_cidr(destination).map_err(|_| not_a_cidr(destination));
    }
    let cidrs = prefix_list(place.network, destination)?.iter();
    cidrs.filter(|cidr| !cidr.contains(':')).try_fold(Addresses::default(), |all, cidr| {
        of_cidr(cidr).map(|more| all.and(&more)).map_err(|_| not_a_cidr(cidr))
    })
}

pub(super) fn unknown_target(table: Table<'_>, route: &Route) -> PathUnknown {
    PathUnknown::Target {
        table: table.id.to_owned(),
        destination: route.destination.clone(),
        target: route.target.clone(),
    }
}

/// That the target of a route is not available.
pub(super) fn blackhole(table: Table<'_>, subnet: &str, route: &Route) -> PathObstacle {
    PathObstacle::Blackhole {
        table: table.id.to_owned(),
        subnet: subnet.to_owned(),
        destination: route.destination.clone(),
        target: route.target.clone(),
    }
}
