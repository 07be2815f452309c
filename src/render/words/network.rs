//! The network path from the agent to the services that it calls.

use std::collections::BTreeSet;

use iam_eval::{StatementReference, UnknownReason};

use super::phrases::{actions as in_words, dependencies, listed, statements, unreadable};
use super::{Place, Words};
use crate::command_line::Command;
use crate::report::{
    AclPeer, AclRule, Direction, DnsAttribute, FarSide, PathObstacle, PathUnknown, PathWeight, Service,
};

const CONNECTED: &str = "; the agent is connected anyway, in a way that is not visible from outside the instance";
const LOST: &str = "; sessions do not need it, but their logs are lost";

pub(super) fn closed(obstacle: &PathObstacle, services: &[Service], weight: PathWeight, place: &Place<'_>) -> Words {
    let Words { message, mut remedy } = of_obstacle(obstacle, &named(services), place);
    if place.in_code {
        remedy = in_code(obstacle, &named(services));
    }
    Words::new(message + weighed(weight), remedy)
}

fn weighed(weight: PathWeight) -> &'static str {
    match weight {
        PathWeight::Sessions => "",
        PathWeight::Connected => CONNECTED,
        PathWeight::Logs => LOST,
    }
}

/// The services, by the names of their endpoints.
fn named(services: &[Service]) -> String {
    listed(&services.iter().map(|service| format!("`{}`", service.name())).collect::<Vec<_>>())
}

fn of_obstacle(obstacle: &PathObstacle, services: &str, place: &Place<'_>) -> Words {
    match obstacle {
        PathObstacle::Egress { groups, to, to_groups } => Words::new(
            format!(
                "{} of the instance {} not allow outbound TCP 443 to {} ({services})",
                security_groups(groups),
                does(groups),
                far_side(to)
            ),
            allow_out(groups, to, to_groups, place),
        ),
        PathObstacle::Ingress { endpoints: ids, groups, from, from_groups } => {
            let from = from.as_ref().map(|address| own_address(address)).unwrap_or_default();
            Words::new(
                format!(
                    "{} of {} ({services}) {} not allow inbound TCP 443 from the instance's address{from} or its security groups",
                    security_groups(groups),
                    endpoints(ids),
                    does(groups)
                ),
                allow_in(groups, from_groups, place),
            )
        }
        PathObstacle::NetworkAcl { rule } => {
            Words::new(format!("{} ({services})", denies(rule)), allow_in_acl(rule, place))
        }
        PathObstacle::NoRoute { table, subnet, nat_gateway: Some(nat), internet_gateway, has_default } => {
            let remedy = match internet_gateway {
                Some(gateway) => {
                    let route = default_route(table, gateway, *has_default);
                    format!("create the NAT gateway in a public subnet, or run `{}`", place.in_region(route))
                }
                None => "attach an internet gateway to the VPC, and route to it from the subnet of the NAT gateway"
                    .to_owned(),
            };
            Words::new(
                format!(
                    "NAT gateway `{nat}` is in subnet `{subnet}`, whose route table `{table}` has no route to an internet gateway ({services})"
                ),
                remedy,
            )
        }
        PathObstacle::NoRoute { table, subnet, nat_gateway: None, .. } => Words::new(
            format!(
                "route table `{table}` of subnet `{subnet}` has no route to the public addresses of AWS, and no VPC endpoint serves {services}"
            ),
            format!(
                "create interface endpoints with private DNS for {services}, or a route to a NAT gateway in a public subnet"
            ),
        ),
        PathObstacle::Blackhole { table, subnet, destination, target } => {
            // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Route.html
            let target = target.as_ref().map(|target| format!(" `{target}`")).unwrap_or_default();
            Words::new(
                format!(
                    "the route to `{destination}` in route table `{table}` of subnet `{subnet}` is a blackhole: its target{target} is not \
                     available ({services})"
                ),
                format!("point the route to an available target, or create interface endpoints for {services}"),
            )
        }
        PathObstacle::NoPublicAddress { table, gateway } => Words::new(
            format!(
                "route table `{table}` leads to internet gateway `{gateway}`, but the instance has no public IPv4 address ({services})"
            ),
            format!(
                "associate an Elastic IP address with the instance, route to a NAT gateway, or create interface endpoints for {services}"
            ),
        ),
        PathObstacle::InternetGatewayDetached { table, gateway, vpc, attached, other_vpc } => {
            let elsewhere = other_vpc.as_ref().map(|other| format!(", but to `{other}`")).unwrap_or_default();
            let remedy = match (attached, other_vpc) {
                // A VPC has one internet gateway at most, and an internet gateway one VPC.
                (Some(attached), _) => {
                    format!("in route table `{table}`, point the route to `{attached}`, which is attached")
                }
                (None, Some(_)) => {
                    "create an internet gateway, attach it to the VPC, and point the route to it".to_owned()
                }
                (None, None) => {
                    let command = Command::new("aws ec2 attach-internet-gateway")
                        .option("--internet-gateway-id", gateway)
                        .option("--vpc-id", vpc);
                    let attach = place.in_region(command);
                    format!(
                        "attach it with `{attach}`; if it is attached to another VPC, create another one, and point the route to it"
                    )
                }
            };
            Words::new(
                format!("internet gateway `{gateway}` is not attached to VPC `{vpc}`{elsewhere} ({services})"),
                remedy,
            )
        }
        PathObstacle::NatGateway { gateway, state } => {
            let state = state.as_ref().map_or("does not exist".to_owned(), |state| format!("is `{state}`"));
            Words::new(
                format!("NAT gateway `{gateway}` {state} ({services})"),
                "create a NAT gateway, and point the route to it",
            )
        }
        PathObstacle::PrivateNatGateway { gateway } => Words::new(
            format!("NAT gateway `{gateway}` is private, and an internet gateway drops its traffic ({services})"),
            "point the route to a public NAT gateway",
        ),
        PathObstacle::EndpointState { endpoint, state } => Words::new(
            format!("endpoint `{endpoint}` ({services}) is `{state}`, not `available`"),
            "wait until the endpoint is available, or create it again",
        ),
        PathObstacle::NoPrivateDns { endpoint } => {
            let command = Command::new("aws ec2 modify-vpc-endpoint").option("--vpc-endpoint-id", endpoint);
            Words::new(
                format!(
                    "private DNS is disabled for endpoint `{endpoint}`, so the name of {services} does not lead to it"
                ),
                format!("run `{}`", place.in_region(command.and("--private-dns-enabled"))),
            )
        }
        PathObstacle::VpcDns { vpc, attribute, endpoint } => {
            of_dns(vpc, *attribute, endpoint.as_deref(), services, place)
        }
        PathObstacle::BlockPublicAccess { vpc, mode } => {
            let command = Command::new("aws ec2 create-vpc-block-public-access-exclusion")
                .option("--vpc-id", vpc)
                .and("--internet-gateway-exclusion-mode allow-bidirectional");
            Words::new(
                format!("VPC Block Public Access is `{mode}`, and VPC `{vpc}` is not excluded ({services})"),
                format!(
                    "create interface endpoints for {services}, or exclude the VPC with `{}`",
                    place.in_region(command)
                ),
            )
        }
    }
}

/// What to change where code makes the network, and no command helps.
fn in_code(obstacle: &PathObstacle, services: &str) -> String {
    match obstacle {
        PathObstacle::Egress { groups, to, .. } => {
            format!("add an egress rule for TCP 443 to {} to {}", far_side(to), security_groups(groups))
        }
        PathObstacle::Ingress { groups, from_groups, .. } => {
            format!(
                "add an ingress rule for TCP 443 from {} to {}",
                security_groups(from_groups),
                security_groups(groups)
            )
        }
        PathObstacle::NetworkAcl { rule } => {
            format!("allow TCP 443 and the ports 1024-65535 of the responses in network ACL `{}`", rule.acl)
        }
        PathObstacle::NoRoute { table, nat_gateway: Some(_), .. } => {
            format!("put the NAT gateway into a public subnet, or add a route to an internet gateway to `{table}`")
        }
        PathObstacle::NoRoute { table, nat_gateway: None, .. } => format!(
            "add interface endpoints with private DNS for {services}, or a route to a NAT gateway in a public subnet to `{table}`"
        ),
        PathObstacle::Blackhole { .. } => {
            format!("point the route to an available target, or add interface endpoints for {services}")
        }
        PathObstacle::NoPublicAddress { .. } => format!(
            "give the instance a public address, route to a NAT gateway, or add interface endpoints for {services}"
        ),
        PathObstacle::InternetGatewayDetached { gateway, vpc, .. } => format!("attach `{gateway}` to `{vpc}`"),
        PathObstacle::NatGateway { .. } => "add a NAT gateway, and point the route to it".to_owned(),
        PathObstacle::PrivateNatGateway { gateway } => format!("make NAT gateway `{gateway}` public"),
        PathObstacle::EndpointState { endpoint, .. } => format!("make endpoint `{endpoint}` again"),
        PathObstacle::NoPrivateDns { endpoint } => format!("enable private DNS for endpoint `{endpoint}`"),
        PathObstacle::VpcDns { vpc, attribute, .. } => format!("enable `{}` in `{vpc}`", attribute_name(*attribute)),
        PathObstacle::BlockPublicAccess { vpc, .. } => {
            format!("add interface endpoints for {services}, or exclude `{vpc}` from VPC Block Public Access")
        }
    }
}

/// A default route to an internet gateway: there is one of a destination at most.
fn default_route(table: &str, gateway: &str, has_default: bool) -> Command {
    let route = match has_default {
        true => Command::new("aws ec2 replace-route"),
        false => Command::new("aws ec2 create-route"),
    };
    route.option("--route-table-id", table).and("--destination-cidr-block 0.0.0.0/0").option("--gateway-id", gateway)
}

fn attribute_name(attribute: DnsAttribute) -> &'static str {
    match attribute {
        DnsAttribute::Support => "enableDnsSupport",
        DnsAttribute::Hostnames => "enableDnsHostnames",
    }
}

fn of_dns(vpc: &str, attribute: DnsAttribute, endpoint: Option<&str>, services: &str, place: &Place<'_>) -> Words {
    let name = attribute_name(attribute);
    let flag = match attribute {
        DnsAttribute::Support => "--enable-dns-support",
        DnsAttribute::Hostnames => "--enable-dns-hostnames",
    };
    let effect = match endpoint {
        Some(endpoint) => format!("the name of {services} does not lead to endpoint `{endpoint}`"),
        None => format!("the Amazon DNS server does not resolve the name of {services}"),
    };
    let command = Command::new("aws ec2 modify-vpc-attribute").option("--vpc-id", vpc).and(flag);
    Words::new(
        format!("`{name}` is disabled in VPC `{vpc}`, so {effect}"),
        format!("run `{}`", place.in_region(command)),
    )
}

fn security_groups(groups: &[String]) -> String {
    let kind = if groups.len() == 1 { "security group" } else { "security groups" };
    format!("{kind} {}", listed(&groups.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>()))
}

fn endpoints(ids: &[String]) -> String {
    let kind = if ids.len() == 1 { "endpoint" } else { "endpoints" };
    format!("{kind} {}", listed(&ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>()))
}

fn does(groups: &[String]) -> &'static str {
    if groups.len() == 1 { "does" } else { "do" }
}

fn far_side(side: &FarSide) -> String {
    match side {
        FarSide::Endpoints(ids) => endpoints(ids),
        FarSide::PublicAddresses => "the public addresses of AWS".to_owned(),
    }
}

fn allow_out(groups: &[String], to: &FarSide, to_groups: &[String], place: &Place<'_>) -> String {
    let (Some(group), enough) = (groups.first(), "; security groups are stateful, so that responses need no rule")
    else {
        return "allow outbound TCP 443 in a security group of the instance".to_owned();
    };
    let permission = match (to, to_groups.first()) {
        (FarSide::Endpoints(_), Some(other)) => {
            format!("IpProtocol=tcp,FromPort=443,ToPort=443,UserIdGroupPairs=[{{GroupId={other}}}]")
        }
        _ => "IpProtocol=tcp,FromPort=443,ToPort=443,IpRanges=[{CidrIp=0.0.0.0/0}]".to_owned(),
    };
    let command = Command::new("aws ec2 authorize-security-group-egress")
        .option("--group-id", group)
        .option("--ip-permissions", permission);
    format!("run `{}`{enough}", place.in_region(command))
}

fn allow_in(groups: &[String], from_groups: &[String], place: &Place<'_>) -> String {
    let (Some(group), Some(source)) = (groups.first(), from_groups.first()) else {
        return "allow inbound TCP 443 from the instance in a security group of the endpoint".to_owned();
    };
    let command = Command::new("aws ec2 authorize-security-group-ingress")
        .option("--group-id", group)
        .and("--protocol tcp --port 443")
        .option("--source-group", source);
    format!("run `{}`", place.in_region(command))
}

/// The address of an instance; the block of its subnet where a plan does not say which of it that will be.
fn own_address(address: &str) -> String {
    if address.contains('/') { format!(" in `{address}`") } else { format!(" `{address}`") }
}

/// What a rule of a network ACL does not let pass.
fn denies(rule: &AclRule) -> String {
    let AclRule { acl, subnet, rule: number, direction, ports, other_side } = rule;
    let by = match *number {
        AclRule::FINAL => format!("no rule of network ACL `{acl}` of subnet `{subnet}` allows"),
        number => format!("rule {number} of network ACL `{acl}` of subnet `{subnet}` denies"),
    };
    let peer = match other_side {
        AclPeer::PublicAddresses => "the public addresses of AWS".to_owned(),
        AclPeer::Instance(Some(address)) => format!("the instance's address{}", own_address(address)),
        AclPeer::Instance(None) => "the instance's address".to_owned(),
        AclPeer::Addresses(addresses) => format!("`{addresses}`"),
    };
    let (word, preposition) = match direction {
        Direction::Inbound => ("inbound", "from"),
        Direction::Outbound => ("outbound", "to"),
    };
    format!("{by} {word} TCP {} {preposition} {peer}", port_range(*ports))
}

fn port_range((first, last): (u16, u16)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

fn allow_in_acl(rule: &AclRule, place: &Place<'_>) -> String {
    let ports = rule.ports;
    let flag = match rule.direction {
        Direction::Inbound => "--ingress",
        Direction::Outbound => "--egress",
    };
    let cidr = match &rule.other_side {
        AclPeer::PublicAddresses => "0.0.0.0/0".to_owned(),
        AclPeer::Instance(Some(address)) => format!("{address}/32"),
        AclPeer::Instance(None) => "CIDR_BLOCK".to_owned(),
        AclPeer::Addresses(addresses) if addresses.contains('/') => addresses.clone(),
        AclPeer::Addresses(address) => format!("{address}/32"),
    };
    let entry = |command: Command, number: &'static str| {
        let command = command
            .option("--network-acl-id", &rule.acl)
            .and(flag)
            .option("--rule-number", number)
            .and("--protocol tcp")
            .option("--port-range", format!("From={},To={}", ports.0, ports.1))
            .option("--cidr-block", &cidr)
            .and("--rule-action allow");
        place.in_region(command)
    };
    let how = match rule.rule {
        // There is no number below it.
        ..=1 => {
            let replace = entry(Command::new("aws ec2 replace-network-acl-entry"), "1");
            format!("create the entry that denies again with a higher number, and run `{replace}`")
        }
        denies => {
            let create = entry(Command::new("aws ec2 create-network-acl-entry"), "RULE_NUMBER");
            format!("run `{create}` with a free number below {denies}")
        }
    };
    format!("{how}; network ACLs are stateless, so TCP 443 and the ports 1024-65535 of the responses both need a rule")
}

pub(super) fn not_known(why: &PathUnknown, services: &[Service], place: &Place<'_>) -> Words {
    let services = named(services);
    let Words { message, remedy } = of_unknown(why, &services, place);
    Words::new(format!("cannot determine whether the instance can reach {services}: {message}"), remedy)
}

fn of_unknown(why: &PathUnknown, services: &str, place: &Place<'_>) -> Words {
    const TRY: &str = "test the connection from the instance";
    match why {
        PathUnknown::Unreadable { reason } => unreadable(reason, place),
        PathUnknown::NotSeen { id, api } => Words::new(
            format!("the response to `{api}` does not contain what is needed for `{id}`"),
            "check with credentials of the account that owns the VPC",
        ),
        PathUnknown::Target { table, destination, target } => {
            let target = target.as_ref().map_or("an unnamed target".to_owned(), |target| format!("`{target}`"));
            Words::new(
                format!(
                    "the route to `{destination}` in route table `{table}` leads to {target}, and what is behind it is not visible"
                ),
                TRY,
            )
        }
        PathUnknown::SeveralRoutes { table } => Words::new(
            format!(
                "several routes of route table `{table}` lead to public addresses of AWS, and not all of them are open"
            ),
            format!("{TRY}, or create interface endpoints for {services}"),
        ),
        PathUnknown::OwnNameServers { dhcp_options, name_servers } => {
            let servers = listed(&name_servers.iter().map(|server| format!("`{server}`")).collect::<Vec<_>>());
            Words::new(
                format!("DHCP options `{dhcp_options}` name the DNS servers {servers}, whose answers are not visible"),
                "resolve the names on the instance",
            )
        }
        PathUnknown::SharedSubnet { subnet, owner } => Words::new(
            format!("subnet `{subnet}` is shared by account {owner}, and the endpoints of its VPC are not visible"),
            "check with credentials of that account",
        ),
        PathUnknown::Ipv6Only => Words::new(
            "the instance has no IPv4 address, and whether the agent uses dual-stack endpoints is not visible",
            "set `UseDualStackEndpoint` in the agent's configuration, with agent 3.3.3270.0 or later",
        ),
        PathUnknown::DualStack { closed_by } => {
            let ids: BTreeSet<&str> = closed_by.iter().flat_map(PathObstacle::ids).collect();
            let ids: Vec<String> = ids.into_iter().map(|id| format!("`{id}`")).collect();
            Words::new(
                format!(
                    "the path over IPv4 is closed by {}, and whether the agent takes dual-stack endpoints over IPv6 is not visible",
                    listed(&ids)
                ),
                format!(
                    "open the path over IPv4, for example with interface endpoints for {services}, or set `UseDualStackEndpoint` in the \
                     agent's configuration, with agent 3.3.3270.0 or later"
                ),
            )
        }
        PathUnknown::RegionalNatGateway { gateway } => {
            Words::new(format!("NAT gateway `{gateway}` has no subnet whose routes could be followed"), TRY)
        }
        PathUnknown::NatGatewayPending { gateway, state } => {
            Words::new(format!("NAT gateway `{gateway}` is `{state}`"), "wait, and check again")
        }
        PathUnknown::EndpointState { endpoint, state } => {
            Words::new(format!("endpoint `{endpoint}` is `{state}`, not `available`"), "wait, and check again")
        }
        PathUnknown::SomeOfEndpoint { endpoint, closed_by } => {
            let ids: BTreeSet<&str> = closed_by.iter().flat_map(PathObstacle::ids).collect();
            let ids: Vec<String> = ids.into_iter().map(|id| format!("`{id}`")).collect();
            Words::new(
                format!(
                    "only some network interfaces of endpoint `{endpoint}` can be reached, because of {}",
                    listed(&ids)
                ),
                "allow TCP 443 to each subnet of the endpoint",
            )
        }
        PathUnknown::Ipv6Endpoint { endpoint } => Words::new(
            format!("endpoint `{endpoint}` has IPv6 addresses only, and whether the agent takes these is not visible"),
            "give the endpoint the IP address type `ipv4` or `dualstack`",
        ),
        PathUnknown::EndpointAddresses { endpoint } => Words::new(
            format!("the addresses of endpoint `{endpoint}` are not known"),
            "allow the caller `ec2:DescribeNetworkInterfaces`",
        ),
        PathUnknown::EndpointOrNot { endpoint } => Words::new(
            format!("the name may lead to endpoint `{endpoint}` or past it, and not all of these paths are open"),
            "resolve the name on the instance",
        ),
        PathUnknown::PrivateZone { zone } => Words::new(
            format!("the private hosted zone `{zone}` may lead the name elsewhere"),
            "resolve the name on the instance",
        ),
        PathUnknown::LedBeyond { table, destination, target, closed_by } => {
            let ids: BTreeSet<&str> = closed_by.iter().flat_map(PathObstacle::ids).collect();
            let ids: Vec<String> = ids.into_iter().map(|id| format!("`{id}`")).collect();
            let target = target.as_ref().map_or_else(String::new, |target| format!(" to `{target}`"));
            Words::new(
                format!(
                    "the way to the public addresses is closed by {}, and a Route 53 Resolver rule or profile may lead the name to \
                     endpoints behind the route for `{destination}`{target} of `{table}`",
                    listed(&ids)
                ),
                format!(
                    "resolve the name on the instance; without such a rule, create interface endpoints with private DNS for {services}"
                ),
            )
        }
        PathUnknown::PrivateZones { vpc } => Words::new(
            format!("a private hosted zone of VPC `{vpc}` may lead the name elsewhere"),
            "allow the caller `route53:ListHostedZonesByVPC`",
        ),
        PathUnknown::VpcDns { vpc, attribute } => {
            let name = attribute_name(*attribute);
            Words::new(
                format!("`{name}` is disabled in VPC `{vpc}`, so what resolves the name is not known"),
                format!("enable `{name}`"),
            )
        }
        PathUnknown::PartlyAllowed { groups, to } => {
            let verb = if groups.len() == 1 { "allows" } else { "allow" };
            Words::new(
                format!(
                    "{} {verb} outbound TCP 443 only to some of {}",
                    security_groups(groups),
                    match to {
                        FarSide::Endpoints(ids) => format!("the addresses of {}", endpoints(ids)),
                        FarSide::PublicAddresses => far_side(to),
                    }
                ),
                format!("allow TCP 443 to all of them, or create interface endpoints for {services}"),
            )
        }
        PathUnknown::IngressInPart { endpoint, groups, from } => {
            let verb = if groups.len() == 1 { "allows" } else { "allow" };
            Words::new(
                format!(
                    "{} of endpoint `{endpoint}` {verb} inbound TCP 443 only from some of `{from}`, and which address the instance gets is not known",
                    security_groups(groups)
                ),
                "allow TCP 443 from the security groups of the instance, or from all of its subnet",
            )
        }
        PathUnknown::SeveralSubnets { subnets } => Words::new(
            format!(
                "the instance will be in one of the subnets {}, and the paths from them differ",
                listed(&subnets.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>())
            ),
            "give the subnets equal routes and network ACLs",
        ),
        PathUnknown::NetworkAcl { rule } => Words::new(
            format!("{}, which may be among the ports and addresses that are used", denies(rule)),
            "allow TCP 443 and the ports 1024-65535 of the responses",
        ),
        PathUnknown::BlockPublicAccess { vpc, mode } => Words::new(
            format!(
                "VPC Block Public Access is `{mode}`, and AWS does not document what that means for this path in VPC `{vpc}`"
            ),
            TRY,
        ),
        PathUnknown::BucketRegion { bucket } => Words::new(
            format!(
                "the Region of bucket `{bucket}` is not known, and a VPC endpoint leads to S3 of its own Region only"
            ),
            "allow the caller `s3:ListBucket` on the bucket",
        ),
        PathUnknown::NotACidr { text } => Words::new(
            format!("`{text}` is not a CIDR block"),
            "see what AWS returned, and test the connection from the instance",
        ),
    }
}

pub(super) fn endpoint_policy_blocks(
    endpoint: &str,
    statement: Option<&StatementReference>,
    actions: &[String],
    weight: PathWeight,
) -> Words {
    endpoint_policy(endpoint, statement, actions, weighed(weight))
}

pub(super) fn endpoint_policy_may_block(
    endpoint: &str,
    statement: Option<&StatementReference>,
    actions: &[String],
) -> Words {
    endpoint_policy(endpoint, statement, actions, "; cannot determine whether these calls go through that endpoint")
}

fn endpoint_policy(endpoint: &str, statement: Option<&StatementReference>, actions: &[String], weight: &str) -> Words {
    let actions = in_words(actions);
    match statement {
        Some(by) => Words::new(
            format!(
                "{} of the policy of endpoint `{endpoint}` denies {actions}{weight}",
                statements(std::slice::from_ref(by))
            ),
            "narrow that statement",
        ),
        None => Words::new(
            format!("the policy of endpoint `{endpoint}` does not allow {actions}{weight}"),
            "allow these actions to the role in the endpoint policy",
        ),
    }
}

pub(super) fn endpoint_policy_unknown(endpoint: &str, actions: &[String], depends_on: &UnknownReason) -> Words {
    Words::new(
        format!(
            "cannot determine whether the policy of endpoint `{endpoint}` allows {}: it depends on {}",
            in_words(actions),
            dependencies(depends_on)
        ),
        "allow these actions to the role in the endpoint policy, or pass the condition keys with `--context`",
    )
}

pub(super) fn connection_contradicts(connected: bool, place: &Place<'_>) -> Words {
    let command = Command::new("aws ssm get-connection-status").option("--target", place.instance());
    let ask = format!("ask again with `{}`", place.in_region(command));
    match connected {
        false => Words::new(
            "Systems Manager says that the agent is `notconnected`, although nothing was found that keeps it out",
            format!(
                "make sure that the agent is running and that its configuration names no other endpoint, and {ask}"
            ),
        ),
        true => Words::new(
            "Systems Manager says that the agent is `connected`, although something was found that keeps it out",
            format!("{ask}: a connection outlives the credentials and rules that it began with"),
        ),
    }
}
