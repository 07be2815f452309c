//! Changes of a network as commands.

use super::super::network::{GROUP_DESCRIPTION, notes};
use super::{comment, in_region, tag};
use crate::command_line::Command;
use crate::fix::{Group, NetworkChange, NetworkProposal, Peer};
use crate::report::{Direction, DnsAttribute};

/// The variables that hold what is created or looked up.
const GROUP: &str = "endpoint_group";
const LIST: &str = "prefix_list";

/// The lines of a proposal.
///
/// Sources: the [AWS CLI reference](https://docs.aws.amazon.com/cli/latest/reference/ec2/).
pub(super) fn lines(proposal: &NetworkProposal) -> String {
    let mut lines: String = notes(proposal).iter().map(|note| comment(note)).collect();
    for change in &proposal.changes {
        // An assignment of its own, because `set -e` sees a failure there and not in an argument.
        match change {
            NetworkChange::CreateGroup { .. } => {
                lines.push_str(&format!("{GROUP}=$({})\n", command(change, proposal)));
                continue;
            }
            NetworkChange::AllowHttps { peer: Peer::PrefixListNamed(name), .. } => {
                lines.push_str(&format!("{LIST}=$({})\n", list_named(name, proposal)));
            }
            _ => {}
        }
        lines.push_str(&format!("{}\n", command(change, proposal)));
    }
    lines
}

fn command(change: &NetworkChange, NetworkProposal { region, vpc, .. }: &NetworkProposal) -> Command {
    match change {
        NetworkChange::EnableDns { attribute } => {
            in_region("modify-vpc-attribute", region).option("--vpc-id", vpc).and(match attribute {
                DnsAttribute::Support => "--enable-dns-support",
                DnsAttribute::Hostnames => "--enable-dns-hostnames",
            })
        }
        NetworkChange::EnablePrivateDns { endpoint } => {
            in_region("modify-vpc-endpoint", region).option("--vpc-endpoint-id", endpoint).and("--private-dns-enabled")
        }
        NetworkChange::CreateGroup { name } => in_region("create-security-group", region)
            .option("--vpc-id", vpc)
            .option("--group-name", name)
            .option("--description", GROUP_DESCRIPTION)
            .option("--tag-specifications", tags("security-group"))
            .and("--query GroupId --output text"),
        NetworkChange::AllowHttps { group, direction, peer } => allow(group, *direction, peer, region),
        NetworkChange::AddAclEntry { acl, direction, number, ports, cidr } => {
            in_region("create-network-acl-entry", region)
                .option("--network-acl-id", acl)
                .and(match direction {
                    Direction::Inbound => "--ingress",
                    Direction::Outbound => "--egress",
                })
                .option("--rule-number", number.to_string())
                .and("--protocol tcp")
                .option("--port-range", format!("From={},To={}", ports.0, ports.1))
                .option("--cidr-block", cidr)
                .and("--rule-action allow")
        }
        NetworkChange::CreateInterfaceEndpoint { name, subnets, .. } => {
            let create = create_endpoint(region, vpc, name).and("--vpc-endpoint-type Interface --private-dns-enabled");
            with_list(create, "--subnet-ids", subnets).option_from("--security-group-ids", GROUP)
        }
        NetworkChange::CreateGatewayEndpoint { name, route_tables, .. } => {
            let create = create_endpoint(region, vpc, name).and("--vpc-endpoint-type Gateway");
            with_list(create, "--route-table-ids", route_tables)
        }
    }
}

fn create_endpoint(region: &str, vpc: &str, service: &str) -> Command {
    in_region("create-vpc-endpoint", region)
        .option("--vpc-id", vpc)
        .option("--service-name", service)
        .option("--tag-specifications", tags("vpc-endpoint"))
}

/// A rule of a security group. The one of its ends that is created is in a variable.
fn allow(group: &Group, direction: Direction, peer: &Peer, region: &str) -> Command {
    let authorize = in_region(
        match direction {
            Direction::Inbound => "authorize-security-group-ingress",
            Direction::Outbound => "authorize-security-group-egress",
        },
        region,
    );
    let authorize = match group {
        Group::Known(id) => authorize.option("--group-id", id),
        Group::Created => authorize.option_from("--group-id", GROUP),
    };
    const HTTPS: &str = "IpProtocol=tcp,FromPort=443,ToPort=443";
    let permission = |peer: String| format!("{HTTPS},{peer}");
    match peer {
        Peer::Group(Group::Known(id)) => {
            authorize.option("--ip-permissions", permission(format!("UserIdGroupPairs=[{{GroupId={id}}}]")))
        }
        Peer::Group(Group::Created) => authorize.option_around(
            "--ip-permissions",
            "IpProtocol=tcp,FromPort=443,ToPort=443,UserIdGroupPairs=[{GroupId=",
            GROUP,
            "}]",
        ),
        Peer::Cidr(cidr) => authorize.option("--ip-permissions", permission(format!("IpRanges=[{{CidrIp={cidr}}}]"))),
        Peer::PrefixList(id) => {
            authorize.option("--ip-permissions", permission(format!("PrefixListIds=[{{PrefixListId={id}}}]")))
        }
        Peer::PrefixListNamed(_) => authorize.option_around(
            "--ip-permissions",
            "IpProtocol=tcp,FromPort=443,ToPort=443,PrefixListIds=[{PrefixListId=",
            LIST,
            "}]",
        ),
    }
}

fn list_named(name: &str, proposal: &NetworkProposal) -> Command {
    in_region("describe-managed-prefix-lists", &proposal.region)
        .option("--filters", format!("Name=prefix-list-name,Values={name}"))
        .option("--query", "PrefixLists[0].PrefixListId")
        .and("--output text")
}

fn with_list(command: Command, option: &str, ids: &[String]) -> Command {
    match ids.split_first() {
        Some((first, rest)) => command.option(option, first).operands(rest),
        None => command,
    }
}

fn tags(resource: &str) -> String {
    format!("ResourceType={resource},Tags=[{{{}}}]", tag())
}
