//! Where the instances of a plan will be.

use serde_json::Value;

use super::super::address::steps;
use super::super::links::{Link, after_apply, not_in_plan};
use super::super::plan::{Attribute, Plan, Resource};
use super::super::references::Leaf;
use super::{DEFAULT_GROUP, Reading, block_count};
use crate::facts::{Fact, Network, PlannedInterface, PlannedLocation, Unreadable};

/// The types that say themselves where they are.
const INSTANCES: [&str; 2] = ["aws_instance", "aws_spot_instance_request"];

/// The attribute of an instance that leads to the interface that it is made with.
const OWN_INTERFACE: &str = "primary_network_interface_id";

/// The blocks of an instance that may say it in its place.
const ELSEWHERE: [&str; 3] = ["launch_template", "network_interface", "primary_network_interface"];

/// Where an instance will be in a network of the plan. None where it is elsewhere, or that is not known.
pub(in super::super) fn location(
    plan: &Plan<'_>,
    instance: &Resource<'_>,
    network: &mut Network,
) -> Option<PlannedLocation> {
    let has = |block: &&str| block_count(instance, block) > 0 || instance.expression(block).is_some();
    if !INSTANCES.contains(&instance.kind.as_str()) || ELSEWHERE.iter().any(has) {
        return None;
    }
    let vpcs = network.vpcs.known()?.keys().cloned().collect::<Vec<_>>();
    let reading = Reading { plan, vpcs: vpcs.iter().map(String::as_str).collect() };
    let known = network.subnets.known()?;
    let subnets = reading.candidates(instance)?;
    let mut of_network = subnets.iter().map(|subnet| known.get(&subnet.address));
    let vpc = of_network.clone().next()??.vpc.clone();
    if !of_network.all(|subnet| subnet.is_some_and(|subnet| subnet.vpc == vpc)) {
        return None;
    }
    let mut groups = match reading.groups_of(instance, "vpc_security_group_ids") {
        // Those of an instance without any are the default one of the VPC.
        Ok(groups) if groups.is_empty() => vec![format!("{vpc}.{DEFAULT_GROUP}")],
        Ok(groups) => groups,
        Err(reason) => {
            network.not_known.insert(reason.api.clone(), reason.clone());
            vec![reason.api]
        }
    };
    for group in reading.attached_groups(instance) {
        groups.push(group.unwrap_or_else(|reason| {
            let id = reason.api.clone();
            network.not_known.insert(id.clone(), reason);
            id
        }));
    }
    let is_set = instance.expression("security_groups").is_some();
    if is_set {
        return None;
    }
    let interfaces = subnets.into_iter().map(|subnet| {
        Some(PlannedInterface {
            subnet: subnet.address.clone(),
            security_groups: groups.clone(),
            private_ip: instance.text("private_ip").map(str::to_owned),
            block: subnet.text("cidr_block")?.to_owned(),
            has_public_ip: reading.has_public_ip(instance, subnet),
            has_ipv6: has_ipv6(instance, subnet),
        })
    });
    Some(PlannedLocation { vpc, interfaces: interfaces.collect::<Option<Vec<_>>>()? })
}

impl<'p, 'a> Reading<'p, 'a> {
    /// The subnet of an instance, or those that it may be in.
    fn candidates(&self, instance: &Resource<'a>) -> Option<Vec<&'p Resource<'a>>> {
        let path = "subnet_id";
        match self.plan.link(instance, path, "aws_subnet", &["id"]) {
            Link::To(subnet) => {
                let others = self.plan.others(instance, path);
                let mut all = vec![subnet];
                all.extend(others);
                all.iter().all(|other| other.kind == "aws_subnet").then_some(all)
            }
            Link::NotKnown => {
                let leaves = self.plan.leaves(instance, path).into_iter();
                let subnets = leaves.map(|leaf| match leaf {
                    Leaf::Attribute { address, .. } => self.plan.at(&address).filter(|it| it.kind == "aws_subnet"),
                    Leaf::Untold(_) => None,
                });
                subnets.collect::<Option<Vec<_>>>().filter(|subnets| !subnets.is_empty())
            }
            Link::Outside(_) | Link::Nothing => None,
        }
    }

    /// The groups that are attached to the interface of an instance beside its own.
    fn attached_groups(&self, instance: &Resource<'a>) -> Vec<Result<String, Unreadable>> {
        let path = "network_interface_id";
        let of = |attachment: &Resource<'a>| match self.plan.link(attachment, path, &instance.kind, &[OWN_INTERFACE]) {
            Link::To(of) if of.address == instance.address => {
                self.group_id(attachment, "security_group_id").transpose()
            }
            Link::NotKnown if !self.is_another_interface(attachment, path) => Some(Err(after_apply(attachment, path))),
            Link::To(_) | Link::NotKnown | Link::Outside(_) | Link::Nothing => None,
        };
        self.managed("aws_network_interface_sg_attachment").into_iter().filter_map(of).collect()
    }

    /// Whether an argument leads to an interface that is made by itself: it is not the one that an instance is made with.
    fn is_another_interface(&self, from: &Resource<'a>, path: &str) -> bool {
        let leaves = self.plan.leaves(from, path);
        let is_one = |leaf: &Leaf| match leaf {
            Leaf::Attribute { address, .. } => {
                steps(address).iter().rev().nth(1).is_some_and(|kind| kind.name == "aws_network_interface")
            }
            Leaf::Untold(_) => false,
        };
        !leaves.is_empty() && leaves.iter().all(is_one)
    }

    /// See [public IPv4 addresses](https://docs.aws.amazon.com/vpc/latest/userguide/subnet-public-ip.html).
    fn has_public_ip(&self, instance: &Resource<'a>, subnet: &Resource<'a>) -> Fact<bool> {
        let mut open = None;
        for (kind, path, by) in [
            ("aws_eip", "instance", "id"),
            ("aws_eip", "network_interface", OWN_INTERFACE),
            ("aws_eip_association", "instance_id", "id"),
            ("aws_eip_association", "network_interface_id", OWN_INTERFACE),
        ] {
            for address in self.managed(kind) {
                if address.expression(path).is_none() && address.config.is_some() {
                    continue;
                }
                match self.plan.link(address, path, &instance.kind, &[by]) {
                    Link::To(of) if of.address == instance.address => return Fact::Known(true),
                    Link::NotKnown if self.is_another_interface(address, path) => {}
                    Link::NotKnown => open = Some(after_apply(address, path)),
                    Link::To(_) | Link::Outside(_) | Link::Nothing => {}
                }
            }
        }
        let own = "associate_public_ip_address";
        let is_left_out = instance.expression(own).is_none() && instance.config.is_some();
        let known = match instance.attribute(own) {
            Attribute::Known(on) => Ok(on == &Value::Bool(true)),
            Attribute::Unknown if !is_left_out => Err(after_apply(instance, own)),
            Attribute::Unknown | Attribute::Null => flag(subnet, "map_public_ip_on_launch"),
        };
        match (known, open) {
            (Ok(true), _) => Fact::Known(true),
            (Ok(false), None) => Fact::Known(false),
            (Err(reason), _) | (Ok(false), Some(reason)) => Fact::Unreadable(reason),
        }
    }
}

/// A flag that is off where it is left out.
fn flag(resource: &Resource<'_>, path: &str) -> Result<bool, Unreadable> {
    match resource.attribute(path) {
        Attribute::Known(Value::Bool(on)) => Ok(*on),
        Attribute::Null => Ok(false),
        Attribute::Unknown if resource.expression(path).is_none() && resource.config.is_some() => Ok(false),
        Attribute::Unknown => Err(after_apply(resource, path)),
        Attribute::Known(_) => Err(not_in_plan(resource, path, "is neither `true` nor `false`")),
    }
}

/// Whether an instance may have IPv6 addresses.
fn has_ipv6(instance: &Resource<'_>, subnet: &Resource<'_>) -> bool {
    let asks = ["ipv6_address_count", "ipv6_addresses"].iter().any(|path| instance.expression(path).is_some());
    asks || flag(subnet, "assign_ipv6_address_on_creation") != Ok(false)
}
