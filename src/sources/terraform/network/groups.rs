//! Security groups and network ACLs of a plan.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::links::{after_apply, not_in_plan, one_of_several};
use super::super::plan::{Attribute, Resource};
use super::super::references::Leaf;
use super::{DEFAULT_ACL, DEFAULT_GROUP, Element, Listed, Reading, elements, number};
use crate::facts::{AclEntry, GroupRule, NetworkAcl, SecurityGroup, Unreadable};

/// The arguments of a rule that stands alone.
const ALONE: [&str; 3] =
    ["aws_security_group_rule", "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule"];

impl<'a> Reading<'_, 'a> {
    /// The groups, by address, and the default one of each VPC. One of which a rule is not known is among `not_known`.
    pub(super) fn security_groups(&self, not_known: &mut BTreeMap<String, Unreadable>) -> Listed<SecurityGroup> {
        let mut groups = BTreeMap::new();
        for vpc in &self.vpcs {
            let id = format!("{vpc}.{DEFAULT_GROUP}");
            groups.insert(id.clone(), default_group(vpc, &id));
        }
        for (group, vpc) in self.in_vpcs("aws_security_group")? {
            let rules = self.inline_rules(group, &group.address);
            let id = group.address.clone();
            self.add_group(id, group.text("name"), vpc, rules, &mut groups, not_known);
        }
        for group in self.managed("aws_default_security_group") {
            let Some(vpc) = self.vpc(group, "vpc_id", &["id"])? else { continue };
            // The provider takes the rules away that AWS has made.
            let id = format!("{vpc}.{DEFAULT_GROUP}");
            let rules = self.inline_rules(group, &id);
            self.add_group(id, Some("default"), vpc, rules, &mut groups, not_known);
        }
        for kind in ALONE {
            for rule in self.managed(kind) {
                let path = "security_group_id";
                let id = self.or_any(self.group_id(rule, path), (rule, path, "aws_security_group"), not_known)?;
                let Some(id) = id else { continue };
                match self.rule(rule, &id) {
                    Ok((is_egress, rule)) => {
                        groups.entry(id).and_modify(|group| match is_egress {
                            true => group.egress.push(rule),
                            false => group.ingress.push(rule),
                        });
                    }
                    Err(reason) => drop(not_known.insert(id, reason)),
                }
            }
        }
        self.keep_exclusive(not_known)?;
        groups.retain(|id, _| !not_known.contains_key(id));
        Ok(groups)
    }

    /// A resource that says all rules of a group takes away what it does not list: in no order with what makes them.
    fn keep_exclusive(&self, not_known: &mut BTreeMap<String, Unreadable>) -> Result<(), Unreadable> {
        for exclusive in self.managed("aws_vpc_security_group_rules_exclusive") {
            let Some(id) = self.group_id(exclusive, "security_group_id")? else { continue };
            for (path, inline, is_egress) in
                [("egress_rule_ids", "egress", true), ("ingress_rule_ids", "ingress", false)]
            {
                let is_open = exclusive.attribute(path) == Attribute::Unknown;
                let listed = if is_open { self.plan.members(exclusive, path) } else { BTreeSet::new() };
                let perhaps = self.plan.spread(exclusive, path, false).addresses;
                let is_listed = |rule: &Resource<'a>| {
                    let is_it =
                        |leaf: &Leaf| matches!(leaf, Leaf::Attribute { address, .. } if *address == rule.address);
                    listed.iter().any(is_it) && !perhaps.contains(&rule.address)
                        || rule.text("id").is_some_and(|id| {
                            let ids = exclusive.values.get(path).and_then(Value::as_array).into_iter().flatten();
                            ids.into_iter().any(|listed| listed.as_str() == Some(id))
                        })
                };
                let mut rules = ALONE.iter().flat_map(|kind| self.managed(kind)).filter(|rule| {
                    let goes_out = match rule.kind.as_str() {
                        "aws_security_group_rule" => rule.text("type") != Some("ingress"),
                        kind => kind == "aws_vpc_security_group_egress_rule",
                    };
                    goes_out == is_egress
                        && self.group_id(rule, "security_group_id").ok().flatten().as_ref() == Some(&id)
                });
                let has_inline = self.plan.at(&id).is_some_and(|group| group.block_count(inline) > 0);
                if has_inline || rules.any(|rule| !is_listed(rule)) {
                    let what = "takes away rules that the plan gives the group, in no order with these";
                    not_known.insert(id.clone(), not_in_plan(exclusive, path, what));
                }
            }
        }
        Ok(())
    }

    fn add_group(
        &self,
        id: String,
        name: Option<&str>,
        vpc: String,
        rules: Result<[Vec<GroupRule>; 2], Unreadable>,
        groups: &mut BTreeMap<String, SecurityGroup>,
        not_known: &mut BTreeMap<String, Unreadable>,
    ) {
        match rules {
            Ok([ingress, egress]) => {
                groups.insert(id, SecurityGroup { name: name.map(str::to_owned), vpc: Some(vpc), ingress, egress });
            }
            Err(reason) => drop(not_known.insert(id, reason)),
        }
    }

    /// The group that an argument leads to: a group of the plan, or the default one of a VPC.
    pub(super) fn group_id(&self, from: &Resource<'a>, path: &str) -> Result<Option<String>, Unreadable> {
        match self.one(from, path, "aws_security_group", &["id"]) {
            Ok(Some(group)) => return Ok(Some(group.address.clone())),
            Ok(None) => return Ok(None),
            Err(reason) if self.any_of(from, path, "aws_security_group").is_some() => return Err(reason),
            Err(_) => {}
        }
        if let Ok(Some(group)) = self.one(from, path, "aws_default_security_group", &["id"]) {
            return Ok(self.vpc(group, "vpc_id", &["id"])?.map(|vpc| format!("{vpc}.{DEFAULT_GROUP}")));
        }
        let vpc = self.vpc(from, path, &[DEFAULT_GROUP])?;
        Ok(vpc.map(|vpc| format!("{vpc}.{DEFAULT_GROUP}")))
    }

    /// The rules in the arguments of a group, those of ingress and of egress. A group that Terraform makes has none but those: the
    /// provider takes away the egress rule that AWS puts in.
    fn inline_rules(&self, group: &Resource<'a>, own: &str) -> Result<[Vec<GroupRule>; 2], Unreadable> {
        let of = |path: &str| -> Result<Vec<GroupRule>, Unreadable> {
            elements(group, path)?.iter().map(|element| self.inline_rule(group, path, element, own)).collect()
        };
        Ok([of("ingress")?, of("egress")?])
    }

    fn inline_rule(
        &self,
        group: &Resource<'a>,
        path: &str,
        element: &Element<'_>,
        own: &str,
    ) -> Result<GroupRule, Unreadable> {
        let mut groups = element.texts("security_groups");
        if element.is_open("security_groups") {
            groups.push(self.named_group(group, path)?);
        }
        let open = ["cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "protocol", "from_port", "to_port", "self"];
        if open.iter().any(|name| element.is_open(name)) {
            return Err(after_apply(group, path));
        }
        if element.values.get("self") == Some(&Value::Bool(true)) {
            groups.push(own.to_owned());
        }
        let cidrs = [element.texts("cidr_blocks"), element.texts("ipv6_cidr_blocks")].concat();
        let protocol = element.text("protocol").unwrap_or("-1");
        let ports = (element.number("from_port"), element.number("to_port"));
        Ok(group_rule(protocol, ports, cidrs, element.texts("prefix_list_ids"), groups))
    }

    /// The one group that the rules of a group refer to. Which rule refers to which of several is not in a plan.
    fn named_group(&self, group: &Resource<'a>, path: &str) -> Result<String, Unreadable> {
        let mut groups = self.of_blocks(group, path, "security_groups").into_iter();
        let (Some(Leaf::Attribute { address, .. }), None) = (groups.next(), groups.next()) else {
            return Err(after_apply(group, path));
        };
        let known = self.plan.at(&address).filter(|resource| resource.kind == "aws_security_group");
        match known {
            Some(named) if self.stands_for_all(group, path, named) => Ok(named.address.clone()),
            Some(_) => Err(one_of_several(group, path)),
            None => Err(after_apply(group, path)),
        }
    }

    /// A rule that stands alone, and whether it is one of egress. `own` is the group that it is of.
    fn rule(&self, rule: &Resource<'a>, own: &str) -> Result<(bool, GroupRule), Unreadable> {
        let is_old = rule.kind == "aws_security_group_rule";
        let [protocol, other] = match is_old {
            true => ["protocol", "source_security_group_id"],
            false => ["ip_protocol", "referenced_security_group_id"],
        };
        let cidr_paths = if is_old { ["cidr_blocks", "ipv6_cidr_blocks"] } else { ["cidr_ipv4", "cidr_ipv6"] };
        let lists = if is_old { "prefix_list_ids" } else { "prefix_list_id" };
        let values = |path: &str| match rule.attribute(path) {
            Attribute::Known(Value::String(text)) => Ok(vec![text.clone()]),
            Attribute::Known(Value::Array(all)) => {
                Ok(all.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            Attribute::Known(_) | Attribute::Null => Ok(Vec::new()),
            // The provider fills in what is left out.
            Attribute::Unknown if !rule.is_set(path) => Ok(Vec::new()),
            Attribute::Unknown => Err(after_apply(rule, path)),
        };
        let cidrs = [values(cidr_paths[0])?, values(cidr_paths[1])?].concat();
        let prefix_lists = values(lists)?;
        let protocol = values(protocol)?.pop().unwrap_or_else(|| "-1".to_owned());
        let mut groups = Vec::new();
        if rule.is_set(other) && rule.attribute(other) != Attribute::Null {
            let named = self.group_id(rule, other)?;
            groups.push(named.ok_or_else(|| not_in_plan(rule, other, "names a group that the plan does not make"))?);
        }
        if rule.attribute("self") == Attribute::Known(&Value::Bool(true)) {
            groups.push(own.to_owned());
        }
        let port = |path: &str| match rule.attribute(path) {
            Attribute::Known(value) => Ok(number(value)),
            Attribute::Null => Ok(None),
            Attribute::Unknown if !rule.is_set(path) => Ok(None),
            Attribute::Unknown => Err(after_apply(rule, path)),
        };
        let ports = (port("from_port")?, port("to_port")?);
        let is_egress = match rule.kind.as_str() {
            "aws_security_group_rule" => {
                rule.text("type").ok_or_else(|| after_apply(rule, "type"))?.eq_ignore_ascii_case("egress")
            }
            kind => kind == "aws_vpc_security_group_egress_rule",
        };
        Ok((is_egress, group_rule(&protocol, ports, cidrs, prefix_lists, groups)))
    }

    /// The network ACLs, and the default one of each VPC.
    pub(super) fn network_acls(&self) -> Listed<NetworkAcl> {
        let mut acls = BTreeMap::new();
        for vpc in &self.vpcs {
            let allow = |is_egress| AclEntry {
                number: 100,
                is_egress,
                protocol: "-1".to_owned(),
                allows: true,
                cidr: "0.0.0.0/0".to_owned(),
                ports: None,
            };
            let entries = vec![allow(false), allow(true)];
            let acl = NetworkAcl { vpc: (*vpc).to_owned(), is_default: true, subnets: Vec::new(), entries };
            acls.insert(format!("{vpc}.{DEFAULT_ACL}"), acl);
        }
        for acl in self.managed("aws_default_network_acl") {
            let Some(vpc) = self.vpc(acl, DEFAULT_ACL, &[DEFAULT_ACL])? else { continue };
            // The provider takes the entries away that AWS has made.
            let entries = inline_entries(acl)?;
            acls.entry(format!("{vpc}.{DEFAULT_ACL}")).and_modify(|known| known.entries = entries);
        }
        for (acl, vpc) in self.in_vpcs("aws_network_acl")? {
            let path = "subnet_ids";
            // The provider fills in the subnets of other resources.
            let subnets = if acl.is_set(path) { self.all_of(acl, path, "aws_subnet")? } else { Vec::new() };
            let subnets = subnets.into_iter().map(|subnet| subnet.address.clone()).collect();
            let known = NetworkAcl { vpc, is_default: false, subnets, entries: inline_entries(acl)? };
            acls.insert(acl.address.clone(), known);
        }
        for association in self.managed("aws_network_acl_association") {
            let Some(acl) = self.one(association, "network_acl_id", "aws_network_acl", &["id"])? else { continue };
            let Some(subnet) = self.one(association, "subnet_id", "aws_subnet", &["id"])? else { continue };
            acls.entry(acl.address.clone()).and_modify(|known| known.subnets.push(subnet.address.clone()));
        }
        for rule in self.managed("aws_network_acl_rule") {
            let path = "network_acl_id";
            let own = match self.one(rule, path, "aws_network_acl", &["id"]) {
                Ok(acl) => acl.map(|acl| acl.address.clone()),
                Err(_) => self.vpc(rule, path, &[DEFAULT_ACL])?.map(|vpc| format!("{vpc}.{DEFAULT_ACL}")),
            };
            let (Some(own), Some(entry)) = (own, entry_of(rule)?) else { continue };
            acls.entry(own).and_modify(|known| known.entries.push(entry));
        }
        Ok(acls)
    }
}

/// The default group of a new VPC lets everything out, and its members in
/// ([default security groups](https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html)).
fn default_group(vpc: &str, id: &str) -> SecurityGroup {
    let everywhere = vec!["0.0.0.0/0".to_owned()];
    SecurityGroup {
        name: Some("default".to_owned()),
        vpc: Some(vpc.to_owned()),
        ingress: vec![group_rule("-1", (None, None), Vec::new(), Vec::new(), vec![id.to_owned()])],
        egress: vec![group_rule("-1", (None, None), everywhere, Vec::new(), Vec::new())],
    }
}

fn group_rule(
    protocol: &str,
    (from, to): (Option<i32>, Option<i32>),
    cidrs: Vec<String>,
    prefix_lists: Vec<String>,
    groups: Vec<String>,
) -> GroupRule {
    let protocol = match protocol.to_ascii_lowercase().as_str() {
        "all" => "-1".to_owned(),
        "6" => "tcp".to_owned(),
        other => other.to_owned(),
    };
    GroupRule { protocol, from_port: from, to_port: to, cidrs, prefix_lists, groups }
}

fn inline_entries(acl: &Resource<'_>) -> Result<Vec<AclEntry>, Unreadable> {
    let mut entries = Vec::new();
    for (path, is_egress) in [("ingress", false), ("egress", true)] {
        for element in elements(acl, path)? {
            let names = ["action", "cidr_block", "from_port", "protocol", "rule_no", "to_port"];
            if names.iter().any(|name| element.is_open(name)) {
                return Err(after_apply(acl, path));
            }
            // One of IPv6 has no such block.
            let Some(cidr) = element.text("cidr_block") else { continue };
            let (Some(number), Some(action)) = (element.number("rule_no"), element.text("action")) else {
                return Err(after_apply(acl, path));
            };
            let ports = element.number("from_port").zip(element.number("to_port"));
            entries.push(entry(number, is_egress, element.text("protocol").unwrap_or("-1"), action, cidr, ports));
        }
    }
    Ok(entries)
}

/// An entry that stands alone; none of IPv6.
fn entry_of(rule: &Resource<'_>) -> Result<Option<AclEntry>, Unreadable> {
    let text = |path: &str| rule.text(path).ok_or_else(|| after_apply(rule, path));
    let (cidr, is_ipv6) = match rule.attribute("cidr_block") {
        Attribute::Known(cidr) => (cidr.as_str().unwrap_or_default().to_owned(), false),
        Attribute::Null => (String::new(), true),
        Attribute::Unknown => return Err(after_apply(rule, "cidr_block")),
    };
    if is_ipv6 {
        return Ok(None);
    }
    let of = |path: &str| match rule.attribute(path) {
        Attribute::Known(value) => Ok(number(value)),
        Attribute::Null => Ok(None),
        Attribute::Unknown => Err(after_apply(rule, path)),
    };
    let number = of("rule_number")?.ok_or_else(|| after_apply(rule, "rule_number"))?;
    let is_egress = match rule.attribute("egress") {
        Attribute::Known(value) => value.as_bool().unwrap_or(false),
        Attribute::Null => false,
        Attribute::Unknown => return Err(after_apply(rule, "egress")),
    };
    let ports = of("from_port")?.zip(of("to_port")?);
    Ok(Some(entry(number, is_egress, text("protocol")?, text("rule_action")?, &cidr, ports)))
}

fn entry(
    number: i32,
    is_egress: bool,
    protocol: &str,
    action: &str,
    cidr: &str,
    ports: Option<(i32, i32)>,
) -> AclEntry {
    let protocol = if protocol.eq_ignore_ascii_case("all") { "-1" } else { protocol };
    let allows = action.eq_ignore_ascii_case("allow");
    AclEntry { number, is_egress, protocol: protocol.to_ascii_lowercase(), allows, cidr: cidr.to_owned(), ports }
}
