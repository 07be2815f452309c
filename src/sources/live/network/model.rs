//! What EC2 answers about networks, as facts. An entry without its id is none.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types as sdk;

use crate::facts::{
    AclEntry, BlockExclusion, DhcpOptions, EndpointInterface, Fact, GroupRule, NatGateway, NetworkAcl, PolicyText,
    Route, RouteTable, SecurityGroup, Subnet, Vpc, VpcEndpoint,
};

type ById<T> = BTreeMap<String, T>;

pub(super) fn vpc(vpc: sdk::Vpc) -> Option<(String, Vpc)> {
    let associated = vpc.cidr_block_association_set.unwrap_or_default().into_iter();
    let mut cidrs: Vec<String> = associated.filter_map(|association| association.cidr_block).collect();
    if let Some(primary) = vpc.cidr_block {
        cidrs.retain(|cidr| *cidr != primary);
        cidrs.insert(0, primary);
    }
    Some((vpc.vpc_id?, Vpc { cidrs, dhcp_options: vpc.dhcp_options_id, owner: vpc.owner_id }))
}

pub(super) fn dhcp_options(options: sdk::DhcpOptions) -> Option<(String, DhcpOptions)> {
    let mut name_servers = Vec::new();
    for configuration in options.dhcp_configurations.unwrap_or_default() {
        if configuration.key.as_deref() == Some("domain-name-servers") {
            name_servers.extend(configuration.values.unwrap_or_default().into_iter().filter_map(|value| value.value));
        }
    }
    Some((options.dhcp_options_id?, DhcpOptions { name_servers }))
}

pub(super) fn subnet(subnet: sdk::Subnet) -> Option<(String, Subnet)> {
    let facts = Subnet {
        vpc: subnet.vpc_id?,
        cidr: subnet.cidr_block.filter(|cidr| !cidr.is_empty()),
        zone: subnet.availability_zone,
        owner: subnet.owner_id,
    };
    Some((subnet.subnet_id?, facts))
}

pub(super) fn route_table(table: sdk::RouteTable) -> Option<(String, RouteTable)> {
    let associations = table.associations.unwrap_or_default();
    let facts = RouteTable {
        vpc: table.vpc_id?,
        is_main: associations.iter().any(|association| association.main == Some(true)),
        subnets: associations.into_iter().filter_map(|association| association.subnet_id).collect(),
        routes: table.routes.unwrap_or_default().into_iter().filter_map(route).collect(),
    };
    Some((table.route_table_id?, facts))
}

fn route(route: sdk::Route) -> Option<Route> {
    let destination = route.destination_cidr_block.or(route.destination_ipv6_cidr_block);
    let target = route
        .gateway_id
        .or(route.nat_gateway_id)
        .or(route.egress_only_internet_gateway_id)
        .or(route.transit_gateway_id)
        .or(route.vpc_peering_connection_id)
        .or(route.local_gateway_id)
        .or(route.carrier_gateway_id)
        .or(route.core_network_arn)
        .or(route.odb_network_arn)
        // A route to an instance names its interface too.
        .or(route.instance_id)
        .or(route.network_interface_id);
    Some(Route {
        destination: destination.or(route.destination_prefix_list_id)?,
        target: target.filter(|target| !target.is_empty()),
        is_blackhole: route.state == Some(sdk::RouteState::Blackhole),
    })
}

pub(super) fn security_group(group: sdk::SecurityGroup) -> Option<(String, SecurityGroup)> {
    let rules = |permissions: Option<Vec<sdk::IpPermission>>| {
        permissions.unwrap_or_default().into_iter().filter_map(group_rule).collect()
    };
    let facts = SecurityGroup {
        name: group.group_name,
        vpc: group.vpc_id,
        ingress: rules(group.ip_permissions),
        egress: rules(group.ip_permissions_egress),
    };
    Some((group.group_id?, facts))
}

/// A rule whose protocol is missing allows nothing that is known.
fn group_rule(permission: sdk::IpPermission) -> Option<GroupRule> {
    let ipv4 = permission.ip_ranges.unwrap_or_default().into_iter().filter_map(|range| range.cidr_ip);
    let ipv6 = permission.ipv6_ranges.unwrap_or_default().into_iter().filter_map(|range| range.cidr_ipv6);
    let lists = permission.prefix_list_ids.unwrap_or_default().into_iter();
    let groups = permission.user_id_group_pairs.unwrap_or_default().into_iter();
    Some(GroupRule {
        protocol: permission.ip_protocol?,
        from_port: permission.from_port,
        to_port: permission.to_port,
        cidrs: ipv4.chain(ipv6).collect(),
        prefix_lists: lists.filter_map(|list| list.prefix_list_id).collect(),
        groups: groups.filter_map(|pair| pair.group_id).collect(),
    })
}

pub(super) fn network_acl(acl: sdk::NetworkAcl) -> Option<(String, NetworkAcl)> {
    let subnets = acl.associations.unwrap_or_default().into_iter();
    let facts = NetworkAcl {
        vpc: acl.vpc_id?,
        is_default: acl.is_default == Some(true),
        subnets: subnets.filter_map(|association| association.subnet_id).collect(),
        // An entry that is left out might deny: then nothing is known of the list.
        entries: acl.entries.unwrap_or_default().into_iter().map(acl_entry).collect::<Option<_>>()?,
    };
    Some((acl.network_acl_id?, facts))
}

fn acl_entry(entry: sdk::NetworkAclEntry) -> Option<AclEntry> {
    Some(AclEntry {
        number: entry.rule_number?,
        is_egress: entry.egress?,
        protocol: entry.protocol?,
        allows: entry.rule_action? == sdk::RuleAction::Allow,
        cidr: entry.cidr_block.or(entry.ipv6_cidr_block)?,
        ports: entry.port_range.and_then(|range| Some((range.from?, range.to?))),
    })
}

/// An endpoint, and its network interfaces.
pub(super) fn endpoint(endpoint: sdk::VpcEndpoint) -> Option<(String, (VpcEndpoint, Vec<String>))> {
    let groups = endpoint.groups.unwrap_or_default().into_iter();
    let facts = VpcEndpoint {
        vpc: endpoint.vpc_id?,
        service: endpoint.service_name?,
        kind: endpoint.vpc_endpoint_type?.as_str().to_owned(),
        // EC2 writes `available` and `Available`.
        state: endpoint.state?.as_str().to_lowercase(),
        private_dns: endpoint.private_dns_enabled == Some(true),
        ip_address_type: endpoint.ip_address_type.map(|kind| kind.as_str().to_owned()),
        subnets: endpoint.subnet_ids.unwrap_or_default(),
        security_groups: groups.filter_map(|group| group.group_id).collect(),
        route_tables: endpoint.route_table_ids.unwrap_or_default(),
        policy: endpoint
            .policy_document
            .filter(|policy| !policy.trim().is_empty())
            .map(|policy| PolicyText::new(&policy)),
    };
    Some((endpoint.vpc_endpoint_id?, (facts, endpoint.network_interface_ids.unwrap_or_default())))
}

pub(super) fn endpoint_interface(interface: sdk::NetworkInterface) -> Option<(String, EndpointInterface)> {
    let facts =
        EndpointInterface { endpoint: None, subnet: interface.subnet_id?, address: interface.private_ip_address };
    Some((interface.network_interface_id?, facts))
}

/// The interfaces with the endpoints that name them.
pub(super) fn with_endpoints(
    mut interfaces: Fact<ById<EndpointInterface>>,
    endpoints: Option<&ById<(VpcEndpoint, Vec<String>)>>,
) -> Fact<ById<EndpointInterface>> {
    if let Fact::Known(interfaces) = &mut interfaces {
        for (id, (_, of_endpoint)) in endpoints.into_iter().flatten() {
            for interface in of_endpoint {
                if let Some(interface) = interfaces.get_mut(interface) {
                    interface.endpoint = Some(id.clone());
                }
            }
        }
    }
    interfaces
}

pub(super) fn without_interfaces(endpoints: Fact<ById<(VpcEndpoint, Vec<String>)>>) -> Fact<ById<VpcEndpoint>> {
    endpoints.map(|endpoints| endpoints.into_iter().map(|(id, (facts, _))| (id, facts)).collect())
}

pub(super) fn nat_gateway(gateway: sdk::NatGateway) -> Option<(String, NatGateway)> {
    let addresses = gateway.nat_gateway_addresses.unwrap_or_default().into_iter();
    let covers_all = gateway.auto_provision_zones == Some(sdk::AutoProvisionZonesState::Enabled);
    let facts = NatGateway {
        vpc: gateway.vpc_id?,
        subnet: gateway.subnet_id.filter(|subnet| !subnet.is_empty()),
        state: gateway.state?.as_str().to_owned(),
        is_private: gateway.connectivity_type == Some(sdk::ConnectivityType::Private),
        public_ips: addresses.filter_map(|address| address.public_ip).collect(),
        route_table: gateway.route_table_id.filter(|_| covers_all),
    };
    Some((gateway.nat_gateway_id?, facts))
}

/// The VPCs that an internet gateway is attached to: EC2 calls that `available`, and the SDK's other states are on the way.
pub(super) fn internet_gateway(gateway: sdk::InternetGateway) -> Option<(String, Vec<String>)> {
    let attachments = gateway.attachments.unwrap_or_default().into_iter();
    let attached = attachments.filter(|attachment| {
        attachment.state.as_ref().is_some_and(|state| matches!(state.as_str(), "available" | "attached"))
    });
    Some((gateway.internet_gateway_id?, attached.filter_map(|attachment| attachment.vpc_id).collect()))
}

/// An exclusion from Block Public Access, by its id; none that is not in force.
pub(super) fn block_exclusion(
    exclusion: sdk::VpcBlockPublicAccessExclusion,
) -> Option<(String, Option<BlockExclusion>)> {
    let in_force = exclusion.state.is_some_and(|state| matches!(state.as_str(), "create-complete" | "update-complete"));
    let resource = exclusion.resource_arn?.rsplit('/').next().unwrap_or_default().to_owned();
    let mode = exclusion.internet_gateway_exclusion_mode?.as_str().to_owned();
    Some((exclusion.exclusion_id?, in_force.then_some(BlockExclusion { resource, mode })))
}

/// The VPCs in which a private hosted zone that was made by hand can matter: those with an interface endpoint without private DNS,
/// and those with routes into other networks, where an endpoint may be
/// ([private DNS](https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html)).
pub(super) fn vpcs_with_private_zones(
    endpoints: Option<&ById<(VpcEndpoint, Vec<String>)>>,
    tables: Option<&ById<RouteTable>>,
) -> BTreeSet<String> {
    const OUTWARD: [&str; 4] = ["local", "igw-", "nat-", "eigw-"];
    let endpoints = endpoints.into_iter().flat_map(BTreeMap::values).map(|(endpoint, _)| endpoint);
    let bare = endpoints.filter(|endpoint| endpoint.kind == "Interface" && !endpoint.private_dns);
    let is_of_gateway_endpoint =
        |route: &Route, target: &str| route.destination.starts_with("pl-") && target.starts_with("vpce-");
    let leads_on = |route: &Route| {
        let target = route.target.as_deref();
        target.is_some_and(|target| {
            !OUTWARD.iter().any(|prefix| target.starts_with(prefix)) && !is_of_gateway_endpoint(route, target)
        })
    };
    let tables = tables.into_iter().flat_map(BTreeMap::values);
    let connected = tables.filter(|table| table.routes.iter().any(leads_on)).map(|table| &table.vpc);
    bare.map(|endpoint| &endpoint.vpc).chain(connected).cloned().collect()
}

/// The prefix lists that rules and routes name. Those of gateway endpoints are of S3 and DynamoDB, and their routes say so.
pub(super) fn prefix_lists(
    groups: Option<&ById<SecurityGroup>>,
    tables: Option<&ById<RouteTable>>,
) -> BTreeSet<String> {
    let rules =
        groups.into_iter().flat_map(BTreeMap::values).flat_map(|group| group.ingress.iter().chain(&group.egress));
    let routes = tables.into_iter().flat_map(BTreeMap::values).flat_map(|table| &table.routes);
    let of_endpoint = |route: &&crate::facts::Route| route.target.as_ref().is_some_and(|id| id.starts_with("vpce-"));
    let in_routes = routes.filter(|route| !of_endpoint(route)).map(|route| &route.destination);
    let in_rules = rules.flat_map(|rule| &rule.prefix_lists);
    in_rules.chain(in_routes).filter(|id| id.starts_with("pl-")).cloned().collect()
}
