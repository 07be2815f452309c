//! The networks that a plan makes, and where its instances will be in them.
//!
//! Only a VPC that the plan makes is looked at: all that is in it is in the plan too. Of one that exists others may have routes, rules and
//! endpoints that the plan does not show. What has no id yet is called by its address.

mod alike;
mod dns;
mod endpoints;
mod groups;
mod instances;
mod routes;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::address::within;
use super::links::{Link, after_apply, not_in_plan, one_of_several};
use super::plan::{Attribute, Plan, Resource};
use super::references::Leaf;
use super::whereabouts::Whereabouts;
use crate::facts::{BlockExclusion, BlockPublicAccess, Fact, Facts, Network, Subnet, Unreadable, UnreadableKind, Vpc};

use alike::Likeness;
pub(super) use instances::Locations;

/// The attribute of a VPC that leads to its main route table, before and since it was made.
const MAIN_TABLE: [&str; 2] = ["default_route_table_id", "main_route_table_id"];
const DEFAULT_ACL: &str = "default_network_acl_id";
const DEFAULT_GROUP: &str = "default_security_group_id";

/// The types that may make anything in a VPC, which the plan does not show.
const ANYTHING: [&str; 2] = ["aws_cloudformation_stack", "aws_cloudcontrolapi_resource"];

/// Adds the networks of the VPCs that a plan makes, by Region.
pub(super) fn add(plan: &Plan<'_>, whereabouts: &Whereabouts, facts: &mut Facts) {
    if ANYTHING.iter().any(|kind| plan.managed(kind).into_iter().any(|made| made.is_new)) {
        return;
    }
    let mut vpcs: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for vpc in plan.managed("aws_vpc") {
        let region = whereabouts.of_resource(vpc).region;
        // A block of an address manager is known only after apply, and every route turns on it.
        if let Some(region) = region.filter(|_| vpc.is_new && vpc.text("cidr_block").is_some()) {
            vpcs.entry(region).or_default().insert(&vpc.address);
        }
    }
    for (region, vpcs) in vpcs {
        let reading = Reading::of(plan, vpcs);
        let network = reading.network(&region, whereabouts);
        facts.networks.insert(region, Arc::new(network));
    }
}

/// The VPCs that a plan makes in one Region.
struct Reading<'p, 'a> {
    plan: &'p Plan<'a>,
    vpcs: BTreeSet<&'p str>,
    /// Worked out where it is asked for: most plans say by themselves what is meant.
    likeness: OnceCell<Likeness>,
}

/// A list of which one element may be anything is not known.
type Listed<T> = Result<BTreeMap<String, T>, Unreadable>;

fn fact<T>(listed: Listed<T>) -> Fact<BTreeMap<String, T>> {
    match listed {
        Ok(all) => Fact::Known(all),
        Err(reason) => Fact::Unreadable(reason),
    }
}

impl<'p, 'a> Reading<'p, 'a> {
    fn of(plan: &'p Plan<'a>, vpcs: BTreeSet<&'p str>) -> Reading<'p, 'a> {
        Reading { plan, vpcs, likeness: OnceCell::new() }
    }

    fn network(&self, region: &str, whereabouts: &Whereabouts) -> Network {
        let mut network = Network::not_read();
        let account = |vpc: &str| whereabouts.of_resource(self.plan.at(vpc)?).account;
        network.vpcs =
            fact(self.all_vpcs().map(|all| {
                all.into_iter().map(|(id, vpc)| (id.clone(), Vpc { owner: account(&id), ..vpc })).collect()
            }));
        network.dns =
            self.vpcs.iter().filter_map(|vpc| Some(((*vpc).to_owned(), dns::of_vpc(self.plan.at(vpc)?)))).collect();
        network.dhcp_options = Fact::Known(self.dhcp_options(&mut network.not_known));
        network.subnets = fact(self.subnets());
        network.prefix_lists = self.prefix_lists();
        network.security_groups = fact(self.security_groups(&mut network.not_known));
        network.endpoints = fact(self.endpoints(&mut network.not_known));
        network.endpoint_interfaces = Fact::Absent;
        network.nat_gateways = fact(self.nat_gateways());
        network.internet_gateways = fact(self.internet_gateways());
        let endpoints = network.endpoints.known();
        network.route_tables = fact(self.route_tables(endpoints, &mut network.not_known));
        network.network_acls = fact(self.network_acls());
        network.block_public_access = self.block_public_access(region, whereabouts);
        network.private_zones = self.private_zones();
        network
    }

    /// The resources of a type, but for those that are known to be in another Region.
    fn managed(&self, kind: &str) -> Vec<&'p Resource<'a>> {
        let own = self.vpcs.first().and_then(|vpc| self.plan.region(self.plan.at(vpc)?));
        let is_there = |resource: &&Resource<'a>| match (own, self.plan.region(resource)) {
            (Some(own), Some(region)) => own == region,
            _ => true,
        };
        self.plan.managed(kind).into_iter().filter(is_there).collect()
    }

    /// The resource that an argument leads to, among those of a type. Of several that are alike any will do.
    fn one(
        &self,
        from: &Resource<'a>,
        path: &str,
        kind: &str,
        by: &[&str],
    ) -> Result<Option<&'p Resource<'a>>, Unreadable> {
        match self.plan.link(from, path, kind, by) {
            Link::To(found) => {
                self.does_not_matter(from, path, &[found])?;
                Ok(Some(found))
            }
            Link::Outside(_) | Link::Nothing => Ok(None),
            Link::NotKnown => Err(after_apply(from, path)),
        }
    }

    /// That it does not matter which of several elements an argument leads to by an index that is worked out, or that it is the one of
    /// its own key.
    fn does_not_matter(&self, from: &Resource<'a>, path: &str, found: &[&Resource<'a>]) -> Result<(), Unreadable> {
        let spread = self.plan.spread(from, path, false);
        let one_of_all = spread.indexes.contains("each.value");
        let stands_for = |other: &Resource<'a>| {
            let is_it = |it: &&&Resource<'a>| match one_of_all {
                true => spread.addresses.contains(&it.address),
                false => is_of_one_block(it, other),
            };
            found.iter().find(is_it).is_some_and(|found| self.is_like(from, path, found, other))
        };
        match spread.addresses.iter().all(|address| self.plan.at(address).is_some_and(stands_for)) {
            true => Ok(()),
            false => Err(one_of_several(from, path)),
        }
    }

    /// Whether what the blocks of an argument lead to is the same as every element that may be meant in its place.
    fn stands_for_all(&self, from: &Resource<'a>, argument: &str, found: &Resource<'a>) -> bool {
        let spread = self.plan.spread(from, argument, false).addresses;
        let elements = spread.iter().filter_map(|address| self.plan.at(address));
        elements.filter(|other| is_of_one_block(found, other)).all(|other| self.is_like(from, argument, found, other))
    }

    fn is_like(&self, from: &Resource<'a>, path: &str, found: &Resource<'a>, other: &Resource<'a>) -> bool {
        is_of_one_block(found, other)
            && says_the_same(found, other)
            && (self.likeness().are_alike(found, other) || self.likeness().is_by_index(from, path))
    }

    fn likeness(&self) -> &Likeness {
        self.likeness.get_or_init(|| Likeness::of(self.plan))
    }

    /// The addresses of the elements of which an argument leads to one, and it is not known to which; why that is so.
    fn any_of(&self, from: &Resource<'a>, path: &str, kind: &str) -> Option<(Vec<String>, Unreadable)> {
        let addresses = self.plan.spread(from, path, false).addresses;
        let is_of_kind = |address: &String| self.plan.at(address).is_some_and(|it| it.kind == kind);
        (!addresses.is_empty() && addresses.iter().all(is_of_kind))
            .then(|| (addresses.into_iter().collect(), one_of_several(from, path)))
    }

    /// What an argument leads to; where that is one of several and not known, each of these is among `not_known`.
    fn or_any<T>(
        &self,
        found: Result<Option<T>, Unreadable>,
        (from, path, kind): (&Resource<'a>, &str, &str),
        not_known: &mut BTreeMap<String, Unreadable>,
    ) -> Result<Option<T>, Unreadable> {
        found.or_else(|reason| {
            let (any, reason) = self.any_of(from, path, kind).ok_or(reason)?;
            not_known.extend(any.into_iter().map(|id| (id, reason.clone())));
            Ok(None)
        })
    }

    /// The VPC of this reading that an argument leads to; none if it is another one.
    fn vpc(&self, from: &Resource<'a>, path: &str, by: &[&str]) -> Result<Option<String>, Unreadable> {
        // Where it is left out, the provider fills in the default VPC, which exists.
        if path == "vpc_id" && !from.is_set(path) && from.attribute(path) == Attribute::Unknown {
            return Ok(None);
        }
        let found = match self.one(from, path, "aws_vpc", by) {
            Err(reason) if by == ["id"] => Some(self.only_vpc(from, path).ok_or(reason)?),
            found => found?,
        };
        Ok(found.map(|vpc| vpc.address.clone()).filter(|vpc| self.vpcs.contains(vpc.as_str())))
    }

    /// What a local value comes from is not in a plan. In a module that makes one VPC, one that is known only after apply is that.
    fn only_vpc(&self, from: &Resource<'a>, path: &str) -> Option<&'p Resource<'a>> {
        let local = within(&from.module, "local.");
        let leaves = self.plan.leaves(from, path);
        let is_local = |leaf: &Leaf| matches!(leaf, Leaf::Untold(name) if name.starts_with(&local));
        if leaves.is_empty() || !leaves.iter().all(is_local) {
            return None;
        }
        let mut of_module = self.managed("aws_vpc").into_iter().filter(|vpc| vpc.module == from.module);
        match (of_module.next(), of_module.next()) {
            (Some(vpc), None) => Some(vpc),
            _ => None,
        }
    }

    /// What the blocks of an argument refer to in one of theirs. Which block refers to which of several is not in a plan.
    fn of_blocks(&self, resource: &Resource<'a>, argument: &str, name: &str) -> BTreeSet<Leaf> {
        let Some(Value::Array(blocks)) = resource.expression(argument) else {
            return self.plan.members(resource, argument);
        };
        let paths = (0..blocks.len()).map(|index| format!("{argument}/{index}/{name}"));
        let set = paths.filter(|path| resource.expression(path).is_some());
        set.flat_map(|path| self.plan.members(resource, &path)).collect()
    }

    /// Every resource that a list in an argument names, among those of a type.
    fn all_of(&self, from: &Resource<'a>, path: &str, kind: &str) -> Result<Vec<&'p Resource<'a>>, Unreadable> {
        match from.attribute(path) {
            Attribute::Null => Ok(Vec::new()),
            Attribute::Known(Value::Array(texts)) => {
                let ids = texts.iter().filter_map(Value::as_str);
                let found = ids.map(|id| match self.plan.link_by_text(from, path, id, kind, &["id"]) {
                    Link::To(found) => Ok(found),
                    Link::Outside(_) | Link::Nothing | Link::NotKnown => {
                        Err(not_in_plan(from, path, &format!("names `{id}`, which the plan does not make")))
                    }
                });
                found.collect()
            }
            Attribute::Known(_) => Err(after_apply(from, path)),
            Attribute::Unknown => {
                let found = self.members(from, path, kind)?;
                self.does_not_matter(from, path, &found)?;
                Ok(found)
            }
        }
    }

    /// Every resource that a list refers to, whether it is all or some of them.
    fn members(&self, from: &Resource<'a>, path: &str, kind: &str) -> Result<Vec<&'p Resource<'a>>, Unreadable> {
        let found = self.plan.members(from, path).into_iter().map(|leaf| {
            let Leaf::Attribute { address, .. } = leaf else { return None };
            self.plan.at(&address).filter(|resource| resource.kind == kind)
        });
        let found: Option<Vec<_>> = found.collect();
        found.filter(|found| !found.is_empty()).ok_or_else(|| after_apply(from, path))
    }

    /// The resources of a type that are in a VPC of this reading, each with that.
    fn in_vpcs(&self, kind: &str) -> Result<Vec<(&'p Resource<'a>, String)>, Unreadable> {
        let mut found = Vec::new();
        for resource in self.managed(kind) {
            if let Some(vpc) = self.vpc(resource, "vpc_id", &["id"])? {
                found.push((resource, vpc));
            }
        }
        Ok(found)
    }

    fn all_vpcs(&self) -> Listed<Vpc> {
        let mut vpcs = BTreeMap::new();
        for vpc in self.vpcs.iter().filter_map(|vpc| self.plan.at(vpc)) {
            let cidrs = vpc.text("cidr_block").map(str::to_owned).into_iter().collect();
            // A new VPC has the DHCP options of the Region, which name the DNS server of Amazon.
            vpcs.insert(vpc.address.clone(), Vpc { cidrs, dhcp_options: Some("default".to_owned()), owner: None });
        }
        for (more, vpc) in self.in_vpcs("aws_vpc_ipv4_cidr_block_association")? {
            let cidr = more.text("cidr_block").ok_or_else(|| after_apply(more, "cidr_block"))?;
            vpcs.entry(vpc).and_modify(|vpc| vpc.cidrs.push(cidr.to_owned()));
        }
        for association in self.managed("aws_vpc_dhcp_options_association") {
            let Some(vpc) = self.vpc(association, "vpc_id", &["id"])? else { continue };
            let options = match self.one(association, "dhcp_options_id", "aws_vpc_dhcp_options", &["id"]) {
                Ok(Some(options)) => options.address.clone(),
                Ok(None) | Err(_) => association.attribute_address("dhcp_options_id"),
            };
            vpcs.entry(vpc).and_modify(|vpc| vpc.dhcp_options = Some(options));
        }
        Ok(vpcs)
    }

    fn subnets(&self) -> Listed<Subnet> {
        let subnets = self.in_vpcs("aws_subnet")?.into_iter().map(|(subnet, vpc)| {
            let text = |path: &str| subnet.text(path).map(str::to_owned);
            let known = Subnet { vpc, cidr: text("cidr_block"), zone: text("availability_zone"), owner: None };
            (subnet.address.clone(), known)
        });
        Ok(subnets.collect())
    }

    /// The prefix lists that the plan makes, and those that it read.
    fn prefix_lists(&self) -> BTreeMap<String, Fact<Vec<String>>> {
        let mut lists = BTreeMap::new();
        for list in
            self.plan.of_kind("aws_prefix_list").into_iter().chain(self.plan.of_kind("aws_ec2_managed_prefix_list"))
        {
            let entries = match list.attribute("entries") {
                Attribute::Known(Value::Array(entries)) => {
                    Some(entries.iter().filter_map(|entry| entry.get("cidr")?.as_str()).map(str::to_owned).collect())
                }
                _ => list.is_data.then(|| texts(list, "cidr_blocks").ok()).flatten(),
            };
            let path = if list.kind == "aws_prefix_list" { "cidr_blocks" } else { "entries" };
            let entries = entries.map_or_else(|| Fact::Unreadable(after_apply(list, path)), Fact::Known);
            let id = list.text("id").unwrap_or(&list.address).to_owned();
            lists.insert(id, entries);
        }
        lists
    }

    /// VPC Block Public Access is a setting of the Region, off unless somebody switches it on.
    fn block_public_access(&self, region: &str, whereabouts: &Whereabouts) -> Fact<BlockPublicAccess> {
        let of_region = |resource: &&Resource<'a>| whereabouts.of_resource(resource).region.as_deref() == Some(region);
        let all = |kind: &str| self.managed(kind).into_iter().filter(of_region);
        let Some(options) = all("aws_vpc_block_public_access_options").next() else {
            return Fact::Unreadable(Unreadable {
                api: "ec2:DescribeVpcBlockPublicAccessOptions".to_owned(),
                kind: UnreadableKind::NotInPlan,
                message: "VPC Block Public Access of the Region is not in the plan".to_owned(),
            });
        };
        let Some(mode) = options.text("internet_gateway_block_mode") else {
            return Fact::Unreadable(after_apply(options, "internet_gateway_block_mode"));
        };
        let exclusions = all("aws_vpc_block_public_access_exclusion").map(|exclusion| {
            let path = "internet_gateway_exclusion_mode";
            let mode = exclusion.text(path).ok_or_else(|| after_apply(exclusion, path))?.to_owned();
            let subnet = self.one(exclusion, "subnet_id", "aws_subnet", &["id"])?.map(|subnet| subnet.address.clone());
            let resource = match subnet {
                Some(subnet) => Some(subnet),
                None => self.vpc(exclusion, "vpc_id", &["id"])?,
            };
            Ok(resource.map(|resource| BlockExclusion { resource, mode }))
        });
        let exclusions: Result<Vec<_>, Unreadable> = exclusions.collect();
        Fact::Known(BlockPublicAccess {
            mode: mode.to_owned(),
            exclusions: match exclusions {
                Ok(exclusions) => Fact::Known(exclusions.into_iter().flatten().collect()),
                Err(reason) => Fact::Unreadable(reason),
            },
        })
    }
}

/// Whether two resources are made by one block of the configuration, with `count` or `for_each`.
fn is_of_one_block(one: &Resource<'_>, other: &Resource<'_>) -> bool {
    one.module == other.module && one.kind == other.kind && one.name == other.name
}

/// Whether two resources let through the same by themselves.
fn says_the_same(one: &Resource<'_>, other: &Resource<'_>) -> bool {
    ["ingress", "egress", "connectivity_type"].iter().all(|path| one.attribute(path) == other.attribute(path))
}

/// The texts of a list that is known.
fn texts(resource: &Resource<'_>, path: &str) -> Result<Vec<String>, Unreadable> {
    match resource.attribute(path) {
        Attribute::Null => Ok(Vec::new()),
        Attribute::Known(Value::Array(texts)) => {
            Ok(texts.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        Attribute::Known(_) | Attribute::Unknown => Err(after_apply(resource, path)),
    }
}

/// The elements of an argument that is a list of objects, such as the routes of a table. None where it is left out, so that the
/// provider fills in what others have made.
fn elements<'r>(resource: &'r Resource<'_>, path: &str) -> Result<Vec<Element<'r>>, Unreadable> {
    let unknown = resource.unknown.get(path);
    if unknown == Some(&Value::Bool(true)) {
        return if resource.is_set(path) { Err(after_apply(resource, path)) } else { Ok(Vec::new()) };
    }
    let nothing = &Value::Null;
    let values = resource.values.get(path).and_then(Value::as_array);
    let count = resource.block_count(path);
    Ok((0..count)
        .map(|index| Element {
            values: values.and_then(|values| values.get(index)).unwrap_or(nothing),
            unknown: unknown.and_then(|unknown| unknown.get(index)).unwrap_or(nothing),
        })
        .collect())
}

/// One of the objects in an argument.
struct Element<'r> {
    values: &'r Value,
    unknown: &'r Value,
}

impl<'r> Element<'r> {
    fn is_open(&self, name: &str) -> bool {
        fn holds(unknown: &Value) -> bool {
            match unknown {
                Value::Bool(unknown) => *unknown,
                Value::Array(all) => all.iter().any(holds),
                _ => false,
            }
        }
        *self.unknown == Value::Bool(true) || self.unknown.get(name).is_some_and(holds)
    }

    fn text(&self, name: &str) -> Option<&'r str> {
        self.values.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    fn number(&self, name: &str) -> Option<i32> {
        number(self.values.get(name)?)
    }

    fn texts(&self, name: &str) -> Vec<String> {
        let texts = self.values.get(name).and_then(Value::as_array).into_iter().flatten();
        texts.filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

fn number(value: &Value) -> Option<i32> {
    match value {
        Value::Number(number) => i32::try_from(number.as_i64()?).ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
