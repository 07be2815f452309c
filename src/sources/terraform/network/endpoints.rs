//! VPC endpoints of a plan.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::links::{after_apply, not_in_plan};
use super::super::plan::{Attribute, Resource};
use super::{Listed, Reading};
use crate::facts::{PolicyText, Unreadable, VpcEndpoint};

/// The policy of an endpoint that is made without one
/// ([default endpoint policy](https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html)).
const DEFAULT_POLICY: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

impl<'a> Reading<'_, 'a> {
    /// The endpoints, by address. One of which something is not known that can close it is among `not_known`.
    pub(super) fn endpoints(&self, not_known: &mut BTreeMap<String, Unreadable>) -> Listed<VpcEndpoint> {
        let mut endpoints = BTreeMap::new();
        for (endpoint, vpc) in self.in_vpcs("aws_vpc_endpoint")? {
            // Those of other types lead to no service of AWS.
            let kind = endpoint.text("vpc_endpoint_type").unwrap_or("Gateway");
            if !["Gateway", "Interface"].iter().any(|of_aws| of_aws.eq_ignore_ascii_case(kind)) {
                continue;
            }
            let id = endpoint.address.clone();
            let (known, open) = self.endpoint(endpoint, vpc)?;
            not_known.extend(open.map(|reason| (id.clone(), reason)));
            endpoints.insert(id, known);
        }
        for policy in self.managed("aws_vpc_endpoint_policy") {
            let Some(id) = self.endpoint_id(policy)? else { continue };
            match policy_of(policy) {
                Ok(text) => drop(endpoints.entry(id).and_modify(|known| known.policy = Some(text))),
                Err(reason) => drop(not_known.insert(id, reason)),
            }
        }
        for association in self.managed("aws_vpc_endpoint_subnet_association") {
            let Some(id) = self.endpoint_id(association)? else { continue };
            let subnet = self.one(association, "subnet_id", "aws_subnet", &["id"])?;
            let subnet = subnet.map(|subnet| subnet.address.clone());
            endpoints.entry(id).and_modify(|known| known.subnets.extend(subnet));
        }
        for association in self.managed("aws_vpc_endpoint_route_table_association") {
            let Some(id) = self.endpoint_id(association)? else { continue };
            let table = self.table_id(association, "route_table_id")?;
            endpoints.entry(id).and_modify(|known| known.route_tables.extend(table));
        }
        for association in self.managed("aws_vpc_endpoint_security_group_association") {
            let Some(id) = self.endpoint_id(association)? else { continue };
            let group = self.group_id(association, "security_group_id")?;
            let path = "replace_default_association";
            // The others stay beside it.
            let replaces = association.attribute(path) == Attribute::Known(&Value::Bool(true));
            endpoints.entry(id).and_modify(|known| {
                if replaces {
                    known.security_groups.clear();
                }
                known.security_groups.extend(group);
            });
        }
        for association in self.managed("aws_vpc_endpoint_private_dns") {
            let Some(id) = self.endpoint_id(association)? else { continue };
            let on = association.attribute("private_dns_enabled");
            if on == Attribute::Unknown {
                return Err(after_apply(association, "private_dns_enabled"));
            }
            endpoints.entry(id).and_modify(|known| known.private_dns = on == Attribute::Known(&Value::Bool(true)));
        }
        Ok(endpoints)
    }

    fn endpoint_id(&self, from: &Resource<'a>) -> Result<Option<String>, Unreadable> {
        let endpoint = self.one(from, "vpc_endpoint_id", "aws_vpc_endpoint", &["id"])?;
        Ok(endpoint.map(|endpoint| endpoint.address.clone()))
    }

    /// An endpoint, and what of it is not known.
    fn endpoint(&self, endpoint: &Resource<'a>, vpc: String) -> Result<(VpcEndpoint, Option<Unreadable>), Unreadable> {
        let service = endpoint.text("service_name").ok_or_else(|| after_apply(endpoint, "service_name"))?;
        let kind = match endpoint.attribute("vpc_endpoint_type") {
            Attribute::Known(kind) => kind.as_str().unwrap_or("Gateway"),
            Attribute::Null => "Gateway",
            Attribute::Unknown => return Err(after_apply(endpoint, "vpc_endpoint_type")),
        };
        let private_dns = match endpoint.attribute("private_dns_enabled") {
            Attribute::Known(on) => on == &Value::Bool(true),
            Attribute::Null => false,
            Attribute::Unknown if !endpoint.is_set("private_dns_enabled") => false,
            Attribute::Unknown => return Err(after_apply(endpoint, "private_dns_enabled")),
        };
        let mut open = None;
        let mut note = |reason: Unreadable| open = Some(reason);
        let subnets = match endpoint.is_set("subnet_ids").then(|| self.all_of(endpoint, "subnet_ids", "aws_subnet")) {
            Some(Ok(subnets)) => subnets.into_iter().map(|subnet| subnet.address.clone()).collect(),
            Some(Err(reason)) => {
                note(reason);
                Vec::new()
            }
            None => Vec::new(),
        };
        let security_groups = match self.groups_of(endpoint, "security_group_ids") {
            Ok(groups) => groups,
            Err(reason) => {
                note(reason);
                Vec::new()
            }
        };
        let path = "route_table_ids";
        // Which tables have its route decides on the way of the others too. Only a gateway endpoint has routes.
        let has_routes = kind.eq_ignore_ascii_case("Gateway") && endpoint.is_set(path);
        let tables = if has_routes { self.tables_of(endpoint, path)? } else { Vec::new() };
        let policy = match policy_of(endpoint) {
            Ok(policy) => Some(policy),
            Err(reason) => {
                note(reason);
                None
            }
        };
        // Its names have addresses of the kind that its DNS options say.
        let records = "dns_options/0/dns_record_ip_type";
        let ip_address_type = match endpoint.attribute(records) {
            Attribute::Known(kind) if kind.as_str() == Some("ipv6") => Some("ipv6"),
            Attribute::Unknown if endpoint.expression(records).is_some() => {
                note(after_apply(endpoint, records));
                None
            }
            _ => endpoint.text("ip_address_type"),
        };
        let known = VpcEndpoint {
            vpc,
            service: service.to_owned(),
            kind: kind.to_owned(),
            state: "available".to_owned(),
            private_dns,
            ip_address_type: ip_address_type.map(str::to_owned),
            subnets,
            security_groups,
            route_tables: tables,
            policy,
        };
        Ok((known, open))
    }

    /// The tables that a list names: those of the plan, or the main one of a VPC. Whether some of several are left out does not matter:
    /// only S3 and DynamoDB are behind their routes.
    fn tables_of(&self, from: &Resource<'a>, path: &str) -> Result<Vec<String>, Unreadable> {
        let is_open = from.attribute(path) == Attribute::Unknown;
        let listed = if is_open {
            self.members(from, path, "aws_route_table")
        } else {
            self.all_of(from, path, "aws_route_table")
        };
        match listed {
            Ok(tables) => Ok(tables.into_iter().map(|table| table.address.clone()).collect()),
            Err(reason) => match self.table_id(from, path) {
                Ok(Some(table)) => Ok(vec![table]),
                Ok(None) | Err(_) => Err(reason),
            },
        }
    }

    /// The groups that a list names; none where it is left out, for the default one of the VPC.
    pub(super) fn groups_of(&self, from: &Resource<'a>, path: &str) -> Result<Vec<String>, Unreadable> {
        if from.attribute(path) == Attribute::Unknown && !from.is_set(path) {
            return Ok(Vec::new());
        }
        match self.all_of(from, path, "aws_security_group") {
            Ok(groups) => Ok(groups.into_iter().map(|group| group.address.clone()).collect()),
            Err(reason) => match self.group_id(from, path) {
                Ok(Some(group)) => Ok(vec![group]),
                Ok(None) | Err(_) => Err(reason),
            },
        }
    }
}

fn policy_of(resource: &Resource<'_>) -> Result<PolicyText, Unreadable> {
    match resource.attribute("policy") {
        Attribute::Known(Value::String(text)) if !text.is_empty() => Ok(PolicyText::new(text)),
        Attribute::Known(Value::String(_)) | Attribute::Null => Ok(PolicyText::new(DEFAULT_POLICY)),
        Attribute::Unknown if !resource.is_set("policy") => Ok(PolicyText::new(DEFAULT_POLICY)),
        Attribute::Known(_) => Err(not_in_plan(resource, "policy", "is not a text")),
        Attribute::Unknown => Err(after_apply(resource, "policy")),
    }
}
