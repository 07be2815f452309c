//! Where the instances of a plan will be.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::super::address::steps;
use super::super::links::{Link, after_apply, not_in_plan};
use super::super::plan::{Attribute, Plan, Resource};
use super::super::references::Leaf;
use super::{DEFAULT_GROUP, Reading};
use crate::facts::{Fact, Network, PlannedInterface, PlannedLocation, Unreadable};

/// The types that say themselves where they are.
pub(super) const INSTANCES: [&str; 2] = ["aws_instance", "aws_spot_instance_request"];

/// The attribute of an instance that leads to the interface that it is made with.
const OWN_INTERFACE: &str = "primary_network_interface_id";

/// The blocks of an instance that may say it in its place.
const ELSEWHERE: [&str; 3] = ["launch_template", "network_interface", "primary_network_interface"];

/// What tells where instances will be, by Region.
pub(in super::super) struct Locations<'p, 'a>(BTreeMap<String, InRegion<'p, 'a>>);

struct InRegion<'p, 'a> {
    reading: Reading<'p, 'a>,
    attached: Attached,
}

/// What resources of their own attach to instances, by the instance's address.
#[derive(Default)]
struct Attached {
    groups: HashMap<String, Vec<Result<String, Unreadable>>>,
    /// The groups of which it is not known to which instance.
    groups_of_any: Vec<Unreadable>,
    public_addresses: HashSet<String>,
    /// By the instances' addresses: why it is not known whether they get a public address.
    public_addresses_perhaps: HashMap<String, Unreadable>,
    /// A public address of which it is not known to which instance.
    public_address_of_any: Option<Unreadable>,
}

/// What a resource of its own is attached to.
enum Attachee {
    /// This instance.
    Is(String),
    /// One of these, or some.
    OneOf(Vec<String>, Unreadable),
    /// Any.
    NotKnown(Unreadable),
}

impl<'p, 'a> Locations<'p, 'a> {
    /// Those in the networks that a plan makes.
    pub(in super::super) fn of(plan: &'p Plan<'a>, networks: &BTreeMap<String, Arc<Network>>) -> Locations<'p, 'a> {
        let in_region = networks.iter().filter_map(|(region, network)| {
            let vpcs = network.vpcs.known()?.keys().filter_map(|vpc| Some(plan.at(vpc)?.address.as_str())).collect();
            let reading = Reading::of(plan, vpcs);
            let attached = reading.attached();
            Some((region.clone(), InRegion { reading, attached }))
        });
        Locations(in_region.collect())
    }

    /// Where an instance will be in a network of the plan. None where it is elsewhere, or that is not known.
    pub(in super::super) fn location(
        &self,
        instance: &Resource<'a>,
        region: &str,
        network: &mut Network,
    ) -> Option<PlannedLocation> {
        let has = |block: &&str| instance.block_count(block) > 0 || instance.expression(block).is_some();
        let by_name = instance.expression("security_groups").is_some();
        if !INSTANCES.contains(&instance.kind.as_str()) || ELSEWHERE.iter().any(has) || by_name {
            return None;
        }
        let InRegion { reading, attached } = self.0.get(region)?;
        let known = network.subnets.known()?;
        let subnets = reading.candidates(instance)?;
        let mut of_network = subnets.iter().map(|subnet| known.get(&subnet.address));
        let vpc = of_network.clone().next()??.vpc.clone();
        if !of_network.all(|subnet| subnet.is_some_and(|subnet| subnet.vpc == vpc)) {
            return None;
        }
        let own = match reading.groups_of(instance, "vpc_security_group_ids") {
            // Those of an instance without any are the default one of the VPC.
            Ok(groups) if groups.is_empty() => vec![Ok(format!("{vpc}.{DEFAULT_GROUP}"))],
            Ok(groups) => groups.into_iter().map(Ok).collect(),
            Err(reason) => vec![Err(reason)],
        };
        let more = attached.groups.get(&instance.address).into_iter().flatten().cloned();
        let of_any = attached.groups_of_any.iter().cloned().map(Err);
        let groups = own.into_iter().chain(more).chain(of_any).map(|group| {
            group.unwrap_or_else(|reason| {
                let id = reason.api.clone();
                network.not_known.insert(id.clone(), reason);
                id
            })
        });
        let groups: Vec<String> = groups.collect();
        let interfaces = subnets.into_iter().map(|subnet| {
            Some(PlannedInterface {
                subnet: subnet.address.clone(),
                security_groups: groups.clone(),
                private_ip: instance.text("private_ip").map(str::to_owned),
                block: subnet.text("cidr_block")?.to_owned(),
                has_public_ip: attached.has_public_ip(instance, subnet),
                has_ipv6: has_ipv6(instance, subnet),
            })
        });
        Some(PlannedLocation { vpc, interfaces: interfaces.collect::<Option<Vec<_>>>()? })
    }
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

    /// What is attached to instances by resources of its own.
    fn attached(&self) -> Attached {
        let mut attached = Attached::default();
        for attachment in self.managed("aws_network_interface_sg_attachment") {
            match self.instance_of(attachment, "network_interface_id", OWN_INTERFACE) {
                Some(Attachee::Is(instance)) => {
                    let group = self.group_id(attachment, "security_group_id").transpose();
                    attached.groups.entry(instance).or_default().extend(group);
                }
                Some(Attachee::OneOf(instances, reason)) => {
                    for instance in instances {
                        attached.groups.entry(instance).or_default().push(Err(reason.clone()));
                    }
                }
                Some(Attachee::NotKnown(reason)) => attached.groups_of_any.push(reason),
                None => {}
            }
        }
        for (kind, path, by) in [
            ("aws_eip", "instance", "id"),
            ("aws_eip", "network_interface", OWN_INTERFACE),
            ("aws_eip_association", "instance_id", "id"),
            ("aws_eip_association", "network_interface_id", OWN_INTERFACE),
        ] {
            for address in self.managed(kind).into_iter().filter(|address| address.is_set(path)) {
                match self.instance_of(address, path, by) {
                    Some(Attachee::Is(instance)) => drop(attached.public_addresses.insert(instance)),
                    Some(Attachee::OneOf(instances, reason)) => {
                        let perhaps = instances.into_iter().map(|instance| (instance, reason.clone()));
                        attached.public_addresses_perhaps.extend(perhaps);
                    }
                    Some(Attachee::NotKnown(reason)) => attached.public_address_of_any = Some(reason),
                    None => {}
                }
            }
        }
        attached
    }

    /// The instance that an argument leads to; none where it leads to something else.
    fn instance_of(&self, from: &Resource<'a>, path: &str, by: &str) -> Option<Attachee> {
        let mut is_open = false;
        for kind in INSTANCES {
            if let Some((instances, reason)) = self.any_of(from, path, kind)
                && self.one(from, path, kind, &[by]).is_err()
            {
                return Some(Attachee::OneOf(instances, reason));
            }
            match self.plan.link(from, path, kind, &[by]) {
                Link::To(instance) => return Some(Attachee::Is(instance.address.clone())),
                Link::NotKnown => is_open = true,
                Link::Outside(_) | Link::Nothing => {}
            }
        }
        (is_open && !self.is_another_interface(from, path)).then(|| Attachee::NotKnown(after_apply(from, path)))
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
}

impl Attached {
    /// See [public IPv4 addresses](https://docs.aws.amazon.com/vpc/latest/userguide/subnet-public-ip.html).
    fn has_public_ip(&self, instance: &Resource<'_>, subnet: &Resource<'_>) -> Fact<bool> {
        if self.public_addresses.contains(&instance.address) {
            return Fact::Known(true);
        }
        let own = "associate_public_ip_address";
        let known = match instance.attribute(own) {
            Attribute::Known(on) => Ok(on == &Value::Bool(true)),
            Attribute::Unknown if instance.is_set(own) => Err(after_apply(instance, own)),
            Attribute::Unknown | Attribute::Null => flag(subnet, "map_public_ip_on_launch"),
        };
        match (known, self.public_addresses_perhaps.get(&instance.address).or(self.public_address_of_any.as_ref())) {
            (Ok(true), _) => Fact::Known(true),
            (Ok(false), None) => Fact::Known(false),
            (Err(reason), _) => Fact::Unreadable(reason),
            (Ok(false), Some(reason)) => Fact::Unreadable(reason.clone()),
        }
    }
}

/// A flag that is off where it is left out.
fn flag(resource: &Resource<'_>, path: &str) -> Result<bool, Unreadable> {
    match resource.attribute(path) {
        Attribute::Known(Value::Bool(on)) => Ok(*on),
        Attribute::Null => Ok(false),
        Attribute::Unknown if !resource.is_set(path) => Ok(false),
        Attribute::Unknown => Err(after_apply(resource, path)),
        Attribute::Known(_) => Err(not_in_plan(resource, path, "is neither `true` nor `false`")),
    }
}

/// Whether an instance may have IPv6 addresses.
fn has_ipv6(instance: &Resource<'_>, subnet: &Resource<'_>) -> bool {
    let asks = ["ipv6_address_count", "ipv6_addresses"].iter().any(|path| instance.expression(path).is_some());
    asks || flag(subnet, "assign_ipv6_address_on_creation") != Ok(false)
}
