//! Which elements of a network do the same, so that it does not matter which of them is meant.
//!
//! Elements that one block makes are alike if they say the same, lead to what is alike, and are given the same by others: routes, rules,
//! associations. Where it is not known which of several is given something, none of them is like another.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::super::address::calls;
use super::super::plan::{Attribute, NETWORK, Plan, Resource};
use super::super::references::{Leaf, Spread};
use super::instances::INSTANCES;

/// The arguments that lead to something and change nothing of it; of types with an empty one it is all of them.
const USES: [(&str, &str); 20] = [
    ("aws_instance", ""),
    ("aws_spot_instance_request", ""),
    ("aws_subnet", ""),
    ("aws_route_table", ""),
    ("aws_nat_gateway", ""),
    ("aws_security_group", "vpc_id"),
    ("aws_network_acl", "vpc_id"),
    ("aws_vpc_endpoint", "subnet_ids"),
    ("aws_vpc_endpoint", "security_group_ids"),
    // Only S3 and DynamoDB are behind the routes of these.
    ("aws_vpc_endpoint", "route_table_ids"),
    ("aws_vpc_endpoint_route_table_association", "route_table_id"),
    ("aws_vpc_endpoint_subnet_association", "subnet_id"),
    ("aws_vpc_endpoint_security_group_association", "security_group_id"),
    ("aws_route", "gateway_id"),
    ("aws_route", "nat_gateway_id"),
    ("aws_route", "vpc_endpoint_id"),
    ("aws_route_table_association", "route_table_id"),
    ("aws_network_acl_association", "network_acl_id"),
    ("aws_eip_association", "allocation_id"),
    ("aws_network_interface_sg_attachment", "security_group_id"),
];

/// The arguments in which elements may differ and still do the same, by type; first those of every type.
const VARIES: [(&str, &[&str]); 4] = [
    ("", &["arn", "description", "id", "tags", "tags_all"]),
    ("aws_vpc", &["cidr_block"]),
    ("aws_subnet", &["availability_zone", "availability_zone_id", "cidr_block", "ipv6_cidr_block"]),
    ("aws_security_group", &["name", "name_prefix"]),
];

/// Which elements are alike.
pub(super) struct Likeness {
    /// What is alike has the same number, by address.
    classes: HashMap<String, usize>,
    /// The arguments, by block, for which it is as if each led to the element of its own index.
    by_index: BTreeSet<(String, String)>,
}

/// What elements lead to, and what they are given.
#[derive(Default)]
struct Graph {
    /// By the address of what leads there: the argument and the addresses.
    leads: BTreeMap<String, Vec<(String, Vec<String>)>>,
    /// By the address of what is given something: by which argument of which block, and the address.
    given: BTreeMap<String, Vec<(String, String)>>,
    /// What is like nothing else.
    apart: BTreeSet<String>,
}

impl Likeness {
    pub(super) fn of(plan: &Plan<'_>) -> Likeness {
        let is_of_network = |it: &&Resource<'_>| {
            !it.is_data && (NETWORK.contains(&it.kind.as_str()) || INSTANCES.contains(&it.kind.as_str()))
        };
        let nodes: Vec<&Resource<'_>> = plan.resources.iter().filter(is_of_network).collect();
        let mut blocks: BTreeMap<String, Vec<&Resource<'_>>> = BTreeMap::new();
        for node in &nodes {
            blocks.entry(block(node)).or_default().push(node);
        }
        let mut graph = Graph::default();
        let mut by_index = BTreeSet::new();
        let mut each_once = Vec::new();
        for (block, elements) in &blocks {
            let arguments = elements.first().and_then(|first| first.expressions.as_object()).into_iter().flatten();
            for (argument, _) in arguments {
                match graph.add(plan, block, argument, elements) {
                    Some(Own::Key) => drop(by_index.insert((block.clone(), argument.clone()))),
                    Some(Own::EachOnce) if gives(elements, argument) => each_once.push((block, argument, elements)),
                    _ => {}
                }
            }
        }
        let classes = graph.classes(plan, &nodes);
        // Each is given one of what is the same.
        for (block, argument, elements) in each_once {
            let mut given = elements.iter().map(|from| {
                let leads = graph.leads.get(&from.address).into_iter().flatten().filter(|(other, _)| other != argument);
                let leads: Vec<_> = leads.map(|(other, to)| (other, classes_of(plan, &classes, to))).collect();
                (says(from), leads)
            });
            let first = given.next();
            if given.all(|other| Some(other) == first) {
                by_index.insert((block.clone(), argument.clone()));
            }
        }
        Likeness { classes, by_index }
    }

    pub(super) fn are_alike(&self, one: &Resource<'_>, other: &Resource<'_>) -> bool {
        let class = |of: &Resource<'_>| self.classes.get(&of.address);
        one.address == other.address || class(one).is_some_and(|own| class(other) == Some(own))
    }

    /// Whether an argument leads to the element of its own index: by its key, as in `aws_subnet.this[each.key].id`, or because all give
    /// the same to one each.
    pub(super) fn is_by_index(&self, from: &Resource<'_>, path: &str) -> bool {
        let argument = path.split('/').next().unwrap_or(path);
        self.by_index.contains(&(block(from), argument.to_owned()))
    }
}

impl Graph {
    /// Adds what an argument of a block leads to, and says whether it is sure what that is.
    fn add(&mut self, plan: &Plan<'_>, block: &str, argument: &str, elements: &[&Resource<'_>]) -> Option<Own> {
        let is_open = |element: &&&Resource<'_>| element.attribute(argument) == Attribute::Unknown;
        let open: Vec<&Resource<'_>> = elements.iter().filter(is_open).copied().collect();
        let gives = gives(elements, argument);
        let found: Vec<(&str, Spread, BTreeSet<String>)> = open
            .iter()
            .map(|element| {
                let leaves = plan.leaves(element, argument).into_iter();
                let leaves = leaves.map(|leaf| match leaf {
                    Leaf::Attribute { address, .. } => address,
                    Leaf::Untold(what) => what,
                });
                (element.address.as_str(), plan.spread(element, argument, false), leaves.collect())
            })
            .collect();
        let own = own_elements(&found);
        for (from, spread, leaves) in found {
            let is_sure = own.is_some();
            let to: Vec<String> = match is_sure {
                true => leaves.into_iter().collect(),
                false => leaves.union(&spread.addresses).cloned().collect(),
            };
            if gives {
                for address in &to {
                    match is_sure || !spread.addresses.contains(address) {
                        true => self
                            .given
                            .entry(address.clone())
                            .or_default()
                            .push((format!("{block}.{argument}"), from.to_owned())),
                        false => drop(self.apart.insert(address.clone())),
                    }
                }
            }
            self.leads.entry(from.to_owned()).or_default().push((argument.to_owned(), to));
        }
        own
    }

    /// The classes, made finer until what is in one leads to the same classes and is given the same by them.
    fn classes(&self, plan: &Plan<'_>, nodes: &[&Resource<'_>]) -> HashMap<String, usize> {
        let first = nodes.iter().map(|node| {
            let apart = self.apart.get(&node.address);
            (node.address.clone(), (block(node), says(node), apart))
        });
        let mut classes = numbered(first.collect());
        loop {
            let class = |address: &String| class_of(plan, &classes, address);
            let next = nodes.iter().map(|node| {
                let leads = self.leads.get(&node.address).into_iter().flatten();
                let leads = leads.map(|(argument, to)| (argument, classes_of(plan, &classes, to)));
                let given = self.given.get(&node.address).into_iter().flatten();
                let mut given: Vec<_> = given.map(|(by, from)| (by, class(from))).collect();
                given.sort();
                let leads: Vec<_> = leads.collect();
                (node.address.clone(), (class(&node.address), leads, given))
            });
            let next = numbered(next.collect());
            let count = |of: &HashMap<String, usize>| of.values().collect::<BTreeSet<_>>().len();
            let is_done = count(&next) == count(&classes);
            classes = next;
            if is_done {
                return classes;
            }
        }
    }
}

/// Whether each element of a block certainly leads to one element of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    /// There is only one that it can lead to.
    Told,
    /// By its key.
    Key,
    /// By an index, which may be worked out: but there are as many elements on both sides.
    EachOnce,
}

fn own_elements(found: &[(&str, Spread, BTreeSet<String>)]) -> Option<Own> {
    if found.iter().all(|(_, spread, _)| spread.addresses.is_empty()) {
        return Some(Own::Told);
    }
    let mut taken = BTreeSet::new();
    for (_, spread, leaves) in found {
        let mut own = leaves.intersection(&spread.addresses);
        let (Some(own), None) = (own.next(), own.next()) else { return None };
        if spread.indexes.is_empty() || spread.indexes.contains("each.value") || !taken.insert(own) {
            return None;
        }
    }
    let is_key = |spread: &Spread| spread.indexes.iter().all(|index| *index == "each.key");
    let is_each = |spread: &Spread| spread.addresses.len() == taken.len();
    match found.iter().all(|(_, spread, _)| is_key(spread)) {
        true => Some(Own::Key),
        false => found.iter().all(|(_, spread, _)| is_each(spread)).then_some(Own::EachOnce),
    }
}

/// The class of what has an address; what has none stands for itself, without the index.
fn class_of(plan: &Plan<'_>, classes: &HashMap<String, usize>, address: &str) -> (Option<usize>, String) {
    match (classes.get(address), plan.at(address)) {
        (Some(class), _) => (Some(*class), String::new()),
        (None, Some(other)) => (None, block(other)),
        (None, None) => (None, address.to_owned()),
    }
}

fn classes_of(plan: &Plan<'_>, classes: &HashMap<String, usize>, to: &[String]) -> BTreeSet<(Option<usize>, String)> {
    to.iter().map(|address| class_of(plan, classes, address)).collect()
}

/// Whether an argument of a block changes something of what it leads to.
fn gives(elements: &[&Resource<'_>], argument: &str) -> bool {
    let kind = elements.first().map_or("", |first| first.kind.as_str());
    !USES.iter().any(|(of, uses)| *of == kind && (uses.is_empty() || *uses == argument))
}

/// The number of each one's group.
fn numbered<T: Ord>(all: Vec<(String, T)>) -> HashMap<String, usize> {
    let mut groups: BTreeMap<T, Vec<String>> = BTreeMap::new();
    for (address, of) in all {
        groups.entry(of).or_default().push(address);
    }
    let groups = groups.into_values().enumerate();
    groups.flat_map(|(number, addresses)| addresses.into_iter().map(move |address| (address, number))).collect()
}

/// The block of the configuration that makes a resource.
fn block(resource: &Resource<'_>) -> String {
    format!("{}.{}.{}", calls(&resource.module).join("."), resource.kind, resource.name)
}

/// What a resource says, but for what does not matter.
fn says(resource: &Resource<'_>) -> String {
    if INSTANCES.contains(&resource.kind.as_str()) {
        return String::new();
    }
    let varies = |argument: &str| {
        let of_kind = VARIES.iter().filter(|(kind, _)| kind.is_empty() || *kind == resource.kind);
        of_kind.into_iter().any(|(_, arguments)| arguments.contains(&argument))
    };
    let arguments = resource.values.as_object().into_iter().flatten();
    let kept = arguments.filter(|(argument, value)| !value.is_null() && !varies(argument));
    Value::Object(kept.map(|(argument, value)| (argument.clone(), value.clone())).collect()).to_string()
}
