//! Route tables and gateways of a plan.

use std::collections::BTreeMap;

use super::super::links::{Link, after_apply};
use super::super::plan::{Attribute, Resource};
use super::super::references::Leaf;
use super::{Element, Listed, MAIN_TABLE, Reading, elements};
use crate::facts::{NatGateway, Route, RouteTable, Unreadable, VpcEndpoint};

/// The arguments that say where a route leads, and the types of what they lead to that can be seen through.
const TARGETS: [(&str, &str); 10] = [
    ("gateway_id", "aws_internet_gateway"),
    ("nat_gateway_id", "aws_nat_gateway"),
    ("egress_only_gateway_id", ""),
    ("transit_gateway_id", ""),
    ("vpc_endpoint_id", ""),
    ("network_interface_id", ""),
    ("vpc_peering_connection_id", ""),
    ("carrier_gateway_id", ""),
    ("local_gateway_id", ""),
    ("core_network_arn", ""),
];

impl<'a> Reading<'_, 'a> {
    /// The route tables, and the main one of each VPC. A table of which a route is not known is among `not_known`, and so is a subnet
    /// of which the table is not.
    pub(super) fn route_tables(
        &self,
        endpoints: Option<&BTreeMap<String, VpcEndpoint>>,
        not_known: &mut BTreeMap<String, Unreadable>,
    ) -> Listed<RouteTable> {
        let mut tables = BTreeMap::new();
        for vpc in &self.vpcs {
            tables.insert(main_table(vpc), self.table(vpc, true)?);
        }
        for (table, vpc) in self.in_vpcs("aws_route_table")? {
            let mut known = self.table(&vpc, false)?;
            known.routes.extend(self.inline_routes(table)?);
            tables.insert(table.address.clone(), known);
        }
        for table in self.managed("aws_default_route_table") {
            let Some(vpc) = self.vpc(table, "default_route_table_id", &MAIN_TABLE)? else { continue };
            let routes = self.inline_routes(table)?;
            tables.entry(main_table(&vpc)).and_modify(|known| known.routes.extend(routes));
        }
        for route in self.managed("aws_route") {
            let path = "route_table_id";
            let id = self.or_any(self.table_id(route, path), (route, path, "aws_route_table"), not_known)?;
            let Some(id) = id else { continue };
            let route = self.route(route)?;
            tables.entry(id).and_modify(|known| known.routes.push(route));
        }
        for association in self.managed("aws_route_table_association") {
            // One of a gateway decides on what comes in.
            let (path, kind) = ("subnet_id", "aws_subnet");
            let subnet = self.one(association, path, kind, &["id"]);
            let Some(subnet) = self.or_any(subnet, (association, path, kind), not_known)? else { continue };
            let id = match self.table_id(association, "route_table_id") {
                Ok(Some(id)) => id,
                Ok(None) => continue,
                Err(reason) => {
                    not_known.insert(subnet.address.clone(), reason);
                    continue;
                }
            };
            tables.entry(id).and_modify(|known| known.subnets.push(subnet.address.clone()));
        }
        for association in self.managed("aws_main_route_table_association") {
            let Some(vpc) = self.vpc(association, "vpc_id", &["id"])? else { continue };
            let Some(id) = self.table_id(association, "route_table_id")? else { continue };
            let of_vpc = tables.iter_mut().filter(|(_, known)| known.vpc == vpc);
            of_vpc.for_each(|(of, known)| known.is_main = *of == id);
        }
        for id in self.with_routes_of_gateways()? {
            // What a virtual private gateway propagates is not in a plan, and may be a default route where the table has none.
            tables.entry(id).and_modify(|known| {
                let destination = "0.0.0.0/0".to_owned();
                if !known.routes.iter().any(|route| route.destination == destination) {
                    known.routes.push(Route { destination, target: None, is_blackhole: false });
                }
            });
        }
        for (id, endpoint) in endpoints.into_iter().flatten() {
            for table in &endpoint.route_tables {
                let destination = format!("{id}.prefix_list_id");
                let route = Route { destination, target: Some(id.clone()), is_blackhole: false };
                tables.entry(table.clone()).and_modify(|known| known.routes.push(route));
            }
        }
        Ok(tables)
    }

    /// The tables that take the routes of a virtual private gateway.
    fn with_routes_of_gateways(&self) -> Result<Vec<String>, Unreadable> {
        let path = "propagating_vgws";
        let takes = |table: &&Resource<'a>| match table.attribute(path) {
            Attribute::Known(gateways) => gateways.as_array().is_some_and(|gateways| !gateways.is_empty()),
            Attribute::Unknown => table.expression(path).is_some(),
            Attribute::Null => false,
        };
        let own =
            self.managed("aws_route_table").into_iter().filter(takes).map(|table| Ok(Some(table.address.clone())));
        let default = self.managed("aws_default_route_table").into_iter().filter(takes);
        let default = default
            .map(|table| Ok(self.vpc(table, "default_route_table_id", &MAIN_TABLE)?.map(|vpc| main_table(&vpc))));
        let alone = self.managed("aws_vpn_gateway_route_propagation").into_iter();
        let alone = alone.map(|propagation| self.table_id(propagation, "route_table_id"));
        own.chain(default).chain(alone).filter_map(Result::transpose).collect()
    }

    /// A table with the routes that each has.
    fn table(&self, vpc: &str, is_main: bool) -> Result<RouteTable, Unreadable> {
        let cidrs = self.all_vpcs()?.remove(vpc).map(|vpc| vpc.cidrs).unwrap_or_default();
        let local = |destination| Route { destination, target: Some("local".to_owned()), is_blackhole: false };
        let routes = cidrs.into_iter().map(local).collect();
        Ok(RouteTable { vpc: vpc.to_owned(), is_main, subnets: Vec::new(), routes })
    }

    /// The table that an argument leads to: a table of the plan, or the main one of a VPC.
    pub(super) fn table_id(&self, from: &Resource<'a>, path: &str) -> Result<Option<String>, Unreadable> {
        match self.one(from, path, "aws_route_table", &["id"]) {
            Ok(table) => return Ok(table.map(|table| table.address.clone())),
            Err(_) if self.is_of_main(from, path) => {}
            Err(reason) => return Err(reason),
        }
        if let Ok(Some(table)) = self.one(from, path, "aws_default_route_table", &["id"]) {
            return Ok(self.vpc(table, "default_route_table_id", &MAIN_TABLE)?.map(|vpc| main_table(&vpc)));
        }
        Ok(self.vpc(from, path, &MAIN_TABLE)?.map(|vpc| main_table(&vpc)))
    }

    fn is_of_main(&self, from: &Resource<'a>, path: &str) -> bool {
        let kinds = ["aws_default_route_table", "aws_vpc"];
        self.plan.leaves(from, path).iter().all(|leaf| match leaf {
            Leaf::Attribute { address, .. } => {
                self.plan.at(address).is_some_and(|it| kinds.contains(&it.kind.as_str()))
            }
            Leaf::Untold(_) => false,
        })
    }

    fn inline_routes(&self, table: &Resource<'a>) -> Result<Vec<Route>, Unreadable> {
        elements(table, "route")?.iter().map(|element| self.inline_route(table, element)).collect()
    }

    fn inline_route(&self, table: &Resource<'a>, element: &Element<'_>) -> Result<Route, Unreadable> {
        let destinations = ["cidr_block", "ipv6_cidr_block", "destination_prefix_list_id"];
        if destinations.iter().any(|name| element.is_open(name)) {
            return Err(after_apply(table, "route"));
        }
        let destination = destinations.iter().find_map(|name| element.text(name));
        let destination = destination.ok_or_else(|| after_apply(table, "route"))?.to_owned();
        let open = TARGETS.iter().find(|(name, _)| element.is_open(name));
        let target = match open {
            Some((name, kind)) => self.named_target(table, name, kind),
            None => TARGETS.iter().find_map(|(name, _)| element.text(name)).map(str::to_owned),
        };
        Ok(Route { destination, target, is_blackhole: false })
    }

    /// The one gateway of a type that the routes of a table refer to. Which route refers to which of several is not in a plan.
    fn named_target(&self, table: &Resource<'a>, name: &str, kind: &str) -> Option<String> {
        let leaves = self.of_blocks(table, "route", name);
        let addresses = leaves.iter().map(|leaf| match leaf {
            Leaf::Attribute { address, .. } => Some(address.as_str()),
            Leaf::Untold(_) => None,
        });
        let addresses: Vec<&str> = addresses.collect::<Option<_>>()?;
        // What is of no type that is looked at may be a gateway of another kind.
        let known: Vec<&Resource<'a>> = addresses.iter().map(|it| self.plan.at(it)).collect::<Option<_>>()?;
        let mut of_kind = known.into_iter().filter(|resource| resource.kind == kind);
        match (of_kind.next(), of_kind.next()) {
            (Some(gateway), None) => {
                Some(gateway.address.clone()).filter(|_| self.stands_for_all(table, "route", gateway))
            }
            _ => None,
        }
    }

    /// A route that stands alone.
    fn route(&self, route: &Resource<'a>) -> Result<Route, Unreadable> {
        let destinations = ["destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id"];
        let is_open = |path: &str| route.is_set(path) && route.attribute(path) == Attribute::Unknown;
        if let Some(open) = destinations.iter().find(|path| is_open(path)) {
            return Err(after_apply(route, open));
        }
        let destination = destinations.iter().find_map(|path| route.text(path));
        let destination = destination.ok_or_else(|| after_apply(route, "destination_cidr_block"))?.to_owned();
        let target = TARGETS.iter().find_map(|(path, kind)| match route.text(path) {
            Some(id) => Some(Some(id.to_owned())),
            None if is_open(path) => Some(self.gateway(route, path, kind)),
            None => None,
        });
        Ok(Route { destination, target: target.flatten(), is_blackhole: false })
    }

    fn gateway(&self, route: &Resource<'a>, path: &str, kind: &str) -> Option<String> {
        Some(self.one(route, path, kind, &["id"]).ok()??.address.clone())
    }

    /// The internet gateways with the VPC that each is attached to.
    pub(super) fn internet_gateways(&self) -> Listed<Vec<String>> {
        let mut gateways = BTreeMap::new();
        for gateway in self.managed("aws_internet_gateway") {
            // The provider fills in the VPC of an attachment of its own.
            let vpc = if gateway.is_set("vpc_id") { self.vpc(gateway, "vpc_id", &["id"])? } else { None };
            gateways.insert(gateway.address.clone(), vpc.into_iter().collect::<Vec<_>>());
        }
        for attachment in self.managed("aws_internet_gateway_attachment") {
            let Some(vpc) = self.vpc(attachment, "vpc_id", &["id"])? else { continue };
            let path = "internet_gateway_id";
            let id = match self.plan.link(attachment, path, "aws_internet_gateway", &["id"]) {
                Link::To(gateway) => {
                    self.does_not_matter(attachment, path, &[gateway])?;
                    gateway.address.clone()
                }
                Link::Outside(id) => id,
                Link::Nothing | Link::NotKnown => return Err(after_apply(attachment, path)),
            };
            gateways.entry(id).or_default().push(vpc);
        }
        Ok(gateways)
    }

    pub(super) fn nat_gateways(&self) -> Listed<NatGateway> {
        let mut gateways = BTreeMap::new();
        let subnets = self.subnets()?;
        for gateway in self.managed("aws_nat_gateway") {
            let subnet = self.one(gateway, "subnet_id", "aws_subnet", &["id"])?.map(|subnet| subnet.address.clone());
            let regional = gateway.expression("vpc_id").is_some();
            let vpc = match &subnet {
                Some(subnet) => subnets.get(subnet).map(|subnet| subnet.vpc.clone()),
                None if regional => self.vpc(gateway, "vpc_id", &["id"])?,
                None => None,
            };
            let Some(vpc) = vpc else { continue };
            let address = self.one(gateway, "allocation_id", "aws_eip", &["id", "allocation_id"]).ok().flatten();
            let public_ip = address.and_then(|address| address.text("public_ip")).map(str::to_owned);
            let known = NatGateway {
                vpc,
                subnet,
                state: "available".to_owned(),
                is_private: gateway.text("connectivity_type") == Some("private"),
                public_ips: public_ip.into_iter().collect(),
                route_table: None,
            };
            gateways.insert(gateway.address.clone(), known);
        }
        Ok(gateways)
    }
}

/// What the main route table of a VPC is called that is not made yet.
fn main_table(vpc: &str) -> String {
    format!("{vpc}.{}", MAIN_TABLE[0])
}
