//! Changes of a network as Terraform configuration.

use super::super::Names;
use super::super::network::{GROUP_DESCRIPTION, notes};
use super::{by_hand, comment, label, quoted, resource, tags};
use crate::fix::{Group, NetworkChange, NetworkProposal, Peer};
use crate::report::{Direction, DnsAttribute};

/// The blocks of a proposal, the first with what a person should know.
///
/// Sources: [aws_security_group](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/security_group),
/// [aws_vpc_security_group_ingress_rule](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/vpc_security_group_ingress_rule),
/// [aws_vpc_security_group_egress_rule](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/vpc_security_group_egress_rule),
/// [aws_network_acl_rule](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/network_acl_rule),
/// [aws_vpc_endpoint](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/vpc_endpoint),
/// [aws_ec2_managed_prefix_list](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/ec2_managed_prefix_list).
pub(super) fn blocks(names: &mut Names, proposal: &NetworkProposal) -> Vec<String> {
    let creates = proposal.changes.iter().any(|change| matches!(change, NetworkChange::CreateGroup { .. }));
    let created = match creates {
        true => label(names, "aws_security_group", &["ssm_profile_endpoints", &proposal.vpc]),
        false => String::new(),
    };
    let mut blocks = vec![notes(proposal).iter().map(|note| comment(note)).collect()];
    blocks.extend(proposal.changes.iter().map(|change| block(names, proposal, &created, change)));
    blocks
}

/// `created` is the label of the security group that is created.
fn block(names: &mut Names, proposal: &NetworkProposal, created: &str, change: &NetworkChange) -> String {
    let vpc = &proposal.vpc;
    match change {
        NetworkChange::EnableDns { attribute } => {
            let argument = match attribute {
                DnsAttribute::Support => "enable_dns_support",
                DnsAttribute::Hostnames => "enable_dns_hostnames",
            };
            by_hand(&format!(
                "set `{argument}` of the `aws_vpc` with ID `{vpc}` to `true`, before endpoints are created"
            ))
        }
        NetworkChange::EnablePrivateDns { endpoint } => {
            by_hand(&format!("set `private_dns_enabled` of the `aws_vpc_endpoint` with ID `{endpoint}` to `true`"))
        }
        NetworkChange::CreateGroup { name } => {
            let description = ("description", quoted(GROUP_DESCRIPTION));
            let arguments = [("name", quoted(name)), description, ("vpc_id", quoted(vpc)), ("tags", tags())];
            resource("aws_security_group", created, &arguments)
        }
        NetworkChange::AllowHttps { group, direction, peer } => rule(names, created, group, *direction, peer),
        NetworkChange::AddAclEntry { acl, direction, number, ports, cidr } => {
            let is_egress = *direction == Direction::Outbound;
            let way = if is_egress { "egress" } else { "ingress" };
            let arguments = [
                ("network_acl_id", quoted(acl)),
                ("rule_number", number.to_string()),
                ("egress", is_egress.to_string()),
                ("protocol", quoted("tcp")),
                ("rule_action", quoted("allow")),
                ("cidr_block", quoted(cidr)),
                ("from_port", ports.0.to_string()),
                ("to_port", ports.1.to_string()),
            ];
            let label = label(names, "aws_network_acl_rule", &[acl, way, &number.to_string()]);
            inline_note("aws_network_acl", acl) + &resource("aws_network_acl_rule", &label, &arguments)
        }
        NetworkChange::CreateInterfaceEndpoint { service, name, subnets } => {
            let arguments = [
                ("vpc_id", quoted(vpc)),
                ("service_name", quoted(name)),
                ("vpc_endpoint_type", quoted("Interface")),
                ("subnet_ids", list(subnets)),
                ("security_group_ids", format!("[aws_security_group.{created}.id]")),
                ("private_dns_enabled", "true".to_owned()),
                ("tags", tags()),
            ];
            resource("aws_vpc_endpoint", &label(names, "aws_vpc_endpoint", &[service.name(), vpc]), &arguments)
        }
        NetworkChange::CreateGatewayEndpoint { service, name, route_tables } => {
            let arguments = [
                ("vpc_id", quoted(vpc)),
                ("service_name", quoted(name)),
                ("vpc_endpoint_type", quoted("Gateway")),
                ("route_table_ids", list(route_tables)),
                ("tags", tags()),
            ];
            resource("aws_vpc_endpoint", &label(names, "aws_vpc_endpoint", &[service.name(), vpc]), &arguments)
        }
    }
}

fn rule(names: &mut Names, created: &str, group: &Group, direction: Direction, peer: &Peer) -> String {
    let kind = match direction {
        Direction::Inbound => "aws_vpc_security_group_ingress_rule",
        Direction::Outbound => "aws_vpc_security_group_egress_rule",
    };
    let expression = |group: &Group| match group {
        Group::Known(id) => quoted(id),
        Group::Created => format!("aws_security_group.{created}.id"),
    };
    let name = |group: &Group| match group {
        Group::Known(id) => id.clone(),
        Group::Created => created.to_owned(),
    };
    let mut data = String::new();
    let (argument, value, other) = match peer {
        Peer::Group(group) => ("referenced_security_group_id", expression(group), name(group)),
        Peer::Cidr(cidr) => ("cidr_ipv4", quoted(cidr), cidr.clone()),
        Peer::PrefixList(id) => ("prefix_list_id", quoted(id), id.clone()),
        Peer::PrefixListNamed(list) => {
            let label = label(names, "data.aws_ec2_managed_prefix_list", &[list]);
            data =
                super::block(&format!("data \"aws_ec2_managed_prefix_list\" \"{label}\""), &[("name", quoted(list))]);
            data.push('\n');
            ("prefix_list_id", format!("data.aws_ec2_managed_prefix_list.{label}.id"), list.clone())
        }
    };
    let arguments = [
        ("security_group_id", expression(group)),
        (argument, value),
        ("ip_protocol", quoted("tcp")),
        ("from_port", "443".to_owned()),
        ("to_port", "443".to_owned()),
    ];
    let own = name(group);
    let label = label(names, kind, &[&own, &other]);
    let note = match group {
        Group::Known(id) => inline_note("aws_security_group", id),
        Group::Created => String::new(),
    };
    data + &note + &resource(kind, &label, &arguments)
}

/// Rules inside of a resource and beside it remove each other.
fn inline_note(kind: &str, id: &str) -> String {
    by_hand(&format!(
        "if the `{kind}` with ID `{id}` has its rules inside, add this one there, and drop the block that follows"
    ))
}

fn list(ids: &[String]) -> String {
    format!("[{}]", ids.iter().map(|id| quoted(id)).collect::<Vec<_>>().join(", "))
}
