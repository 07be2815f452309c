//! How names are resolved in the networks of a plan: DNS attributes, DHCP options, private hosted zones and rules.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::links::{after_apply, not_in_plan};
use super::super::plan::{Attribute, Resource};
use super::{Reading, texts};
use crate::facts::{DhcpOptions, Fact, Unreadable, VpcDns};

/// See [aws_vpc](https://github.com/hashicorp/terraform-provider-aws/blob/main/website/docs/r/vpc.html.markdown) for the defaults.
pub(super) fn of_vpc(vpc: &Resource<'_>) -> VpcDns {
    let flag = |path: &str, default: bool| match vpc.attribute(path) {
        Attribute::Known(value) => Fact::Known(value.as_bool().unwrap_or(default)),
        Attribute::Null => Fact::Known(default),
        Attribute::Unknown if !vpc.is_set(path) => Fact::Known(default),
        Attribute::Unknown => Fact::Unreadable(after_apply(vpc, path)),
    };
    VpcDns { support: flag("enable_dns_support", true), hostnames: flag("enable_dns_hostnames", false) }
}

impl<'a> Reading<'_, 'a> {
    pub(super) fn dhcp_options(&self, not_known: &mut BTreeMap<String, Unreadable>) -> BTreeMap<String, DhcpOptions> {
        for association in self.managed("aws_vpc_dhcp_options_association") {
            let (path, id) = ("dhcp_options_id", association.attribute_address("dhcp_options_id"));
            not_known.insert(id, not_in_plan(association, path, "names DHCP options that the plan does not show"));
        }
        let mut all = BTreeMap::new();
        for options in self.managed("aws_vpc_dhcp_options") {
            match texts(options, "domain_name_servers") {
                Ok(name_servers) => drop(all.insert(options.address.clone(), DhcpOptions { name_servers })),
                Err(reason) => drop(not_known.insert(options.address.clone(), reason)),
            }
        }
        all
    }

    /// The private hosted zones of a new VPC are those that the plan associates with it.
    pub(super) fn private_zones(&self) -> BTreeMap<String, Fact<Vec<String>>> {
        let none = self.vpcs.iter().map(|vpc| ((*vpc).to_owned(), Ok(Vec::new())));
        let mut zones: BTreeMap<String, Result<Vec<String>, Unreadable>> = none.collect();
        let mut add = |vpc: Result<Option<String>, Unreadable>, name: Result<String, Unreadable>| match (vpc, name) {
            (Ok(Some(vpc)), name) => {
                let known = zones.entry(vpc).or_insert_with(|| Ok(Vec::new()));
                match (known, name) {
                    (Ok(known), Ok(name)) => known.push(name.trim_end_matches('.').to_owned()),
                    (known, Err(reason)) => *known = Err(reason),
                    (Err(_), Ok(_)) => {}
                }
            }
            (Ok(None), _) => {}
            (Err(reason), _) => zones.values_mut().for_each(|known| *known = Err(reason.clone())),
        };
        let name = |zone: &Resource<'a>| zone.text("name").map(str::to_owned).ok_or_else(|| after_apply(zone, "name"));
        for zone in self.plan.managed("aws_route53_zone") {
            for index in 0..zone.block_count("vpc") {
                add(self.vpc(zone, &format!("vpc/{index}/vpc_id"), &["id"]), name(zone));
            }
            if zone.unknown.get("vpc") == Some(&Value::Bool(true)) && zone.expression("vpc").is_some() {
                add(Err(after_apply(zone, "vpc")), name(zone));
            }
        }
        for namespace in self.managed("aws_service_discovery_private_dns_namespace") {
            add(self.vpc(namespace, "vpc", &["id"]), name(namespace));
        }
        // A rule leads the names below a domain to other servers, as a zone does to other addresses.
        for association in self.managed("aws_route53_resolver_rule_association") {
            let path = "resolver_rule_id";
            let domain = match self.one(association, path, "aws_route53_resolver_rule", &["id"]) {
                Ok(Some(rule)) => match rule.text("domain_name") {
                    Some(domain) if domain != "." => Ok(domain.to_owned()),
                    Some(_) => Err(not_in_plan(rule, "domain_name", "leads all names to other servers")),
                    None => Err(after_apply(rule, "domain_name")),
                },
                Ok(None) => Err(not_in_plan(association, path, "names a rule that the plan does not make")),
                Err(reason) => Err(reason),
            };
            add(self.vpc(association, "vpc_id", &["id"]), domain);
        }
        for association in self.managed("aws_route53profiles_association") {
            let path = "resource_id";
            let reason = not_in_plan(association, path, "names a VPC that gets private hosted zones of a profile");
            add(self.vpc(association, path, &["id"]), Err(reason));
        }
        for association in self.plan.managed("aws_route53_zone_association") {
            let of_zone = match self.one(association, "zone_id", "aws_route53_zone", &["zone_id", "id"]) {
                Ok(Some(zone)) => name(zone),
                Ok(None) => Err(not_in_plan(association, "zone_id", "names a zone that the plan does not make")),
                Err(reason) => Err(reason),
            };
            add(self.vpc(association, "vpc_id", &["id"]), of_zone);
        }
        zones
            .into_iter()
            .map(|(vpc, names)| match names {
                Ok(names) => (vpc, Fact::Known(names)),
                Err(reason) => (vpc, Fact::Unreadable(reason)),
            })
            .collect()
    }
}
