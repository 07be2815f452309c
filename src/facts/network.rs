//! The networks of a Region, as EC2 describes them: what the way from an instance to AWS goes through.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fact, PolicyText, Unreadable, UnreadableKind, not_taken};

/// What was read of the networks of one account in one Region.
///
/// Each list is one call, and is known, or unreadable with the reason, as a whole; what it does not hold does not exist, or is of
/// another account. Of a single instance only its VPC is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// VPCs by id (`DescribeVpcs`).
    pub vpcs: Fact<BTreeMap<String, Vpc>>,
    /// The two DNS attributes of VPCs by id (`DescribeVpcAttribute`).
    pub dns: BTreeMap<String, VpcDns>,
    /// DHCP options by id (`DescribeDhcpOptions`).
    pub dhcp_options: Fact<BTreeMap<String, DhcpOptions>>,
    /// Subnets by id (`DescribeSubnets`).
    pub subnets: Fact<BTreeMap<String, Subnet>>,
    /// Route tables by id (`DescribeRouteTables`).
    pub route_tables: Fact<BTreeMap<String, RouteTable>>,
    /// Security groups by id (`DescribeSecurityGroups`).
    pub security_groups: Fact<BTreeMap<String, SecurityGroup>>,
    /// The CIDR blocks of prefix lists that rules or routes name, by id (`GetManagedPrefixListEntries`).
    pub prefix_lists: BTreeMap<String, Fact<Vec<String>>>,
    /// Network ACLs by id (`DescribeNetworkAcls`).
    pub network_acls: Fact<BTreeMap<String, NetworkAcl>>,
    /// VPC endpoints by id (`DescribeVpcEndpoints`).
    pub endpoints: Fact<BTreeMap<String, VpcEndpoint>>,
    /// The network interfaces of interface endpoints by id (`DescribeNetworkInterfaces`).
    pub endpoint_interfaces: Fact<BTreeMap<String, EndpointInterface>>,
    /// NAT gateways by id (`DescribeNatGateways`); one that was deleted is listed for an hour.
    pub nat_gateways: Fact<BTreeMap<String, NatGateway>>,
    /// The VPCs that internet gateways are attached to, by the gateway's id (`DescribeInternetGateways`).
    pub internet_gateways: Fact<BTreeMap<String, Vec<String>>>,
    /// VPC Block Public Access of the Region (`DescribeVpcBlockPublicAccessOptions`).
    pub block_public_access: Fact<BlockPublicAccess>,
    /// The names of the Route 53 private hosted zones of VPCs, without the final dot, by the VPC's id
    /// (`ListHostedZonesByVPC`). They decide where no endpoint with private DNS serves a name, and the VPC has an endpoint without it or
    /// a route to another network.
    pub private_zones: BTreeMap<String, Fact<Vec<String>>>,
    /// What of a plan is known only after apply and decides on one of its elements, by the element's id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_known: BTreeMap<String, Unreadable>,
}

impl Network {
    /// A network of which nothing was read.
    pub fn not_read() -> Network {
        Network {
            vpcs: not_taken(),
            dns: BTreeMap::new(),
            dhcp_options: not_taken(),
            subnets: not_taken(),
            route_tables: not_taken(),
            security_groups: not_taken(),
            prefix_lists: BTreeMap::new(),
            network_acls: not_taken(),
            endpoints: not_taken(),
            endpoint_interfaces: not_taken(),
            nat_gateways: not_taken(),
            internet_gateways: not_taken(),
            block_public_access: not_taken(),
            private_zones: BTreeMap::new(),
            not_known: BTreeMap::new(),
        }
    }
}

/// One list of a Region, by id.
type List<T> = Fact<BTreeMap<String, T>>;

/// Adds what was read of other VPCs; what could not be read of one of them is not known.
fn add<T>(list: &mut List<T>, more: List<T>) {
    match (&mut *list, more) {
        (Fact::Known(list), Fact::Known(more)) => list.extend(more),
        (before, more) if before.known().is_some() || was_not_read(before) => *before = more,
        _ => {}
    }
}

fn was_not_read<T>(fact: &Fact<T>) -> bool {
    fact.unreadable().is_some_and(|reason| reason.kind == UnreadableKind::NotInSnapshot)
}

impl Network {
    /// The route table of a subnet: the one that is associated with it, else the main one of its VPC. None where it was not read.
    pub fn route_table(&self, vpc: &str, subnet: &str) -> Option<(&String, &RouteTable)> {
        let tables = || self.route_tables.known().into_iter().flatten();
        let own = tables().find(|(_, table)| table.subnets.iter().any(|of| of == subnet));
        own.or_else(|| tables().find(|(_, table)| table.is_main && table.vpc == vpc))
    }

    /// Adds what was read of other VPCs of the same Region.
    pub fn add(&mut self, more: Network) {
        let Network {
            vpcs,
            dns,
            dhcp_options,
            subnets,
            route_tables,
            security_groups,
            prefix_lists,
            network_acls,
            endpoints,
            endpoint_interfaces,
            nat_gateways,
            internet_gateways,
            block_public_access,
            private_zones,
            not_known,
        } = more;
        self.not_known.extend(not_known);
        self.dns.extend(dns);
        self.prefix_lists.extend(prefix_lists);
        self.private_zones.extend(private_zones);
        add(&mut self.vpcs, vpcs);
        add(&mut self.dhcp_options, dhcp_options);
        add(&mut self.subnets, subnets);
        add(&mut self.route_tables, route_tables);
        add(&mut self.security_groups, security_groups);
        add(&mut self.network_acls, network_acls);
        add(&mut self.endpoints, endpoints);
        add(&mut self.endpoint_interfaces, endpoint_interfaces);
        add(&mut self.nat_gateways, nat_gateways);
        add(&mut self.internet_gateways, internet_gateways);
        if was_not_read(&self.block_public_access) {
            self.block_public_access = block_public_access;
        }
    }
}

/// The primary network interface of an instance, which carries the agent's traffic, as `DescribeInstances` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrimaryInterface {
    /// Its subnet.
    pub subnet: String,
    /// Its security groups.
    pub security_groups: Vec<String>,
    /// Its primary private IPv4 address; none in a subnet of IPv6 only.
    pub private_ip: Option<String>,
    /// The public IPv4 address that is associated with it.
    pub public_ip: Option<String>,
    /// Whether it has IPv6 addresses.
    pub has_ipv6: bool,
}

/// A VPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vpc {
    /// Its IPv4 CIDR blocks, the primary one first.
    pub cidrs: Vec<String>,
    /// Its DHCP options; `default` if it has none.
    pub dhcp_options: Option<String>,
    /// The account that owns it, where known.
    pub owner: Option<String>,
}

/// What decides on names within a VPC
/// ([DNS attributes](https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VpcDns {
    /// `enableDnsSupport`: the resolver of Amazon answers.
    pub support: Fact<bool>,
    /// `enableDnsHostnames`.
    pub hostnames: Fact<bool>,
}

/// A set of DHCP options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DhcpOptions {
    /// `domain-name-servers`: `AmazonProvidedDNS`, or addresses; none leaves Amazon's.
    pub name_servers: Vec<String>,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subnet {
    /// Its VPC.
    pub vpc: String,
    /// Its IPv4 CIDR block; none in a subnet of IPv6 only.
    pub cidr: Option<String>,
    /// Its Availability Zone.
    pub zone: Option<String>,
    /// The account that owns it, where known: another one shares it.
    pub owner: Option<String>,
}

/// A route table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteTable {
    /// Its VPC.
    pub vpc: String,
    /// Whether it is the one of the subnets that name none.
    pub is_main: bool,
    /// The subnets that are associated with it.
    pub subnets: Vec<String>,
    /// Its routes.
    pub routes: Vec<Route>,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// An IPv4 or IPv6 CIDR block, or the id of a prefix list.
    pub destination: String,
    /// What it leads to: `local`, or an id whose prefix says what that is (`igw-`, `nat-`, `eigw-`, `vpce-`, `tgw-`, `pcx-`, `vgw-`,
    /// `lgw-`, `cagw-`, `eni-`, `i-`, or the ARN of a core network). None where that is gone.
    pub target: Option<String>,
    /// Whether it leads nowhere any more.
    pub is_blackhole: bool,
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecurityGroup {
    /// Its name.
    pub name: Option<String>,
    /// Its VPC.
    pub vpc: Option<String>,
    /// What may come in.
    pub ingress: Vec<GroupRule>,
    /// What may go out.
    pub egress: Vec<GroupRule>,
}

/// What a security group allows for one protocol and range of ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupRule {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub protocol: String,
    /// The first port; none for all of them.
    pub from_port: Option<i32>,
    /// The last port; none for all of them.
    pub to_port: Option<i32>,
    /// The other side as IPv4 or IPv6 CIDR blocks.
    pub cidrs: Vec<String>,
    /// The other side as prefix lists.
    pub prefix_lists: Vec<String>,
    /// The other side as the members of security groups.
    pub groups: Vec<String>,
}

/// A network ACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkAcl {
    /// Its VPC.
    pub vpc: String,
    /// Whether it is the one of the subnets that name none.
    pub is_default: bool,
    /// The subnets that are associated with it.
    pub subnets: Vec<String>,
    /// Its entries, in any order.
    pub entries: Vec<AclEntry>,
}

/// An entry of a network ACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AclEntry {
    /// The lowest number that matches decides; 32767 is the final deny.
    pub number: i32,
    /// Whether it is of outbound traffic.
    pub is_egress: bool,
    /// The protocol's number, `-1` for all.
    pub protocol: String,
    /// Whether it allows.
    pub allows: bool,
    /// An IPv4 or IPv6 CIDR block.
    pub cidr: String,
    /// The first and the last port; none for all of them.
    pub ports: Option<(i32, i32)>,
}

/// A VPC endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VpcEndpoint {
    /// Its VPC.
    pub vpc: String,
    /// Its service, for example `com.amazonaws.us-east-1.ssmmessages`.
    pub service: String,
    /// `Interface`, `Gateway` or `GatewayLoadBalancer`, and what else EC2 may name.
    pub kind: String,
    /// `available`, `pending`, `deleting` and the like, in lower case.
    pub state: String,
    /// Whether the service's public name leads to it.
    pub private_dns: bool,
    /// `ipv4`, `ipv6` or `dualstack`, where EC2 says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<String>,
    /// The subnets of an interface endpoint.
    pub subnets: Vec<String>,
    /// The security groups of an interface endpoint.
    pub security_groups: Vec<String>,
    /// The route tables of a gateway endpoint.
    pub route_tables: Vec<String>,
    /// Its policy; none where EC2 shows none.
    pub policy: Option<PolicyText>,
}

/// A network interface of an interface endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointInterface {
    /// Its endpoint, where known.
    pub endpoint: Option<String>,
    /// Its subnet.
    pub subnet: String,
    /// Its private IPv4 address.
    pub address: Option<String>,
}

/// A NAT gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NatGateway {
    /// Its VPC.
    pub vpc: String,
    /// Its subnet; none for a regional one.
    pub subnet: Option<String>,
    /// `available`, `pending`, `failed`, `deleting` or `deleted`.
    pub state: String,
    /// Whether it is of the kind `private`, which leads to other networks only.
    pub is_private: bool,
    /// Its public IPv4 addresses.
    pub public_ips: Vec<String>,
    /// The route table of a regional one that covers every zone of the VPC by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_table: Option<String>,
}

/// VPC Block Public Access in a Region
/// ([how it works](https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa.html)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockPublicAccess {
    /// `off`, `block-bidirectional` or `block-ingress`.
    pub mode: String,
    /// The VPCs and subnets that are excluded from it; unreadable where only the mode could be read.
    pub exclusions: Fact<Vec<BlockExclusion>>,
}

/// An exclusion from VPC Block Public Access that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockExclusion {
    /// The id of the VPC or subnet.
    pub resource: String,
    /// `allow-bidirectional` or `allow-egress`: both let an instance connect outward.
    pub mode: String,
}
