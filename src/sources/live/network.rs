//! The networks of a Region: what the way from its instances to AWS goes through.
//!
//! Each list is one chain of pages, all beside each other. Of named instances only their VPCs are read, of a selection the whole
//! Region. What may not be read is a fact that is unreadable; nothing here fails as a whole.

mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_ec2::types::{Filter, VpcAttributeName};
use futures::future::{join, join_all};

use super::reader::Reader;
use crate::aws::Failure;
use crate::aws::pages::pages;
use crate::facts::{BlockPublicAccess, Fact, Instance, Network, Unreadable, UnreadableKind, VpcDns};
use iam_eval::arn::partition_of_region;

const VPC_ATTRIBUTE: &str = "ec2:DescribeVpcAttribute";
const BLOCK_OPTIONS: &str = "ec2:DescribeVpcBlockPublicAccessOptions";
const PREFIX_LIST: &str = "ec2:GetManagedPrefixListEntries";
const HOSTED_ZONES: &str = "route53:ListHostedZonesByVPC";

/// The largest page of most lists.
const PAGE: i32 = 1000;
/// The largest page of route tables.
const ROUTE_TABLES_PAGE: i32 = 100;

/// A list that AWS says there is none of is one that was not read: it can be empty, and not absent.
fn unreadable<T>(failure: Failure) -> Fact<T> {
    Fact::Unreadable(failure.into_unreadable())
}

/// Reads a list to its end: what each of its entries is, by id.
macro_rules! list {
    ($reader:expr, $api:literal, $request:expr, $entries:ident, $read:path) => {
        Box::pin(async {
            let request = $request;
            let ask = async |token| $reader.calls.make($api, request.clone().set_next_token(token).send()).await;
            let mut all = BTreeMap::new();
            let read = pages($api, ask, |page| {
                for entry in page.$entries.unwrap_or_default() {
                    // An entry that is left out would not be there.
                    let (id, entry) = $read(entry).ok_or_else(|| Failure::incomplete($api, "an ID"))?;
                    all.insert(id, entry);
                }
                Ok(page.next_token)
            });
            read.await.map_or_else(unreadable, |()| Fact::Known(all))
        })
    };
}

/// Reads the networks of a whole Region, but for the DNS attributes of its VPCs ([`dns`]).
pub(super) async fn of_region(reader: &Reader<'_>, region: &str) {
    let network = read(reader, region, None).await;
    store(reader, region, network);
}

/// Reads the VPCs of named instances, those that run.
pub(super) async fn of_instances(reader: &Reader<'_>, region: &str, instances: &[&Instance]) {
    let vpcs = vpcs_of(instances);
    if vpcs.is_empty() {
        return;
    }
    let (network, ()) = join(read(reader, region, Some(&vpcs)), dns(reader, region, instances)).await;
    store(reader, region, network);
}

/// Reads the DNS attributes of the VPCs that instances run in, each once.
pub(super) async fn dns(reader: &Reader<'_>, region: &str, instances: &[&Instance]) {
    let attributes = vpcs_of(instances).into_iter().map(async |vpc| {
        let read = async || {
            let attribute = async |name: VpcAttributeName| {
                let request = reader.connection.ec2_once_more(region).describe_vpc_attribute().vpc_id(&vpc);
                let request = request.attribute(name.clone());
                let answer = match reader.calls.make(VPC_ATTRIBUTE, request.send()).await {
                    Ok(answer) => answer,
                    Err(failure) => return unreadable(failure),
                };
                let value = match name {
                    VpcAttributeName::EnableDnsSupport => answer.enable_dns_support,
                    _ => answer.enable_dns_hostnames,
                };
                let value = value.and_then(|value| value.value);
                value.map_or_else(|| Failure::incomplete(VPC_ATTRIBUTE, "the attribute").into_fact(), Fact::Known)
            };
            let (support, hostnames) =
                join(attribute(VpcAttributeName::EnableDnsSupport), attribute(VpcAttributeName::EnableDnsHostnames))
                    .await;
            let mut facts = reader.facts();
            let network = facts.networks.entry(region.to_owned()).or_insert_with(|| Arc::new(Network::not_read()));
            Arc::make_mut(network).dns.insert(vpc.clone(), VpcDns { support, hostnames });
        };
        reader.vpcs.get(region, &vpc, read).await;
    });
    join_all(attributes).await;
}

fn vpcs_of(instances: &[&Instance]) -> BTreeSet<String> {
    instances
        .iter()
        .filter(|instance| instance.state == "running")
        .filter_map(|instance| instance.vpc.clone())
        .collect()
}

/// Puts what was read beside what was read before of the same Region.
fn store(reader: &Reader<'_>, region: &str, network: Network) {
    let mut facts = reader.facts();
    match facts.networks.get_mut(region) {
        Some(before) => Arc::make_mut(before).add(network),
        None => drop(facts.networks.insert(region.to_owned(), Arc::new(network))),
    }
}

/// Reads the lists, of some VPCs or of all, and then what they name.
async fn read(reader: &Reader<'_>, region: &str, vpcs: Option<&BTreeSet<String>>) -> Network {
    let ec2 = reader.connection.ec2_once_more(region);
    let of = |filter: &str| {
        let vpcs = vpcs?.iter().cloned().collect();
        Some(vec![Filter::builder().name(filter).set_values(Some(vpcs)).build()])
    };
    let interfaces = || {
        let of_endpoints = Filter::builder().name("interface-type").values("vpc_endpoint").build();
        Some(of("vpc-id").into_iter().flatten().chain([of_endpoints]).collect())
    };
    let vpc_list = list!(
        reader,
        "ec2:DescribeVpcs",
        ec2.describe_vpcs().set_filters(of("vpc-id")).max_results(PAGE),
        vpcs,
        model::vpc
    );
    let dhcp_options = list!(
        reader,
        "ec2:DescribeDhcpOptions",
        ec2.describe_dhcp_options().max_results(PAGE),
        dhcp_options,
        model::dhcp_options
    );
    let subnets = list!(
        reader,
        "ec2:DescribeSubnets",
        ec2.describe_subnets().set_filters(of("vpc-id")).max_results(PAGE),
        subnets,
        model::subnet
    );
    let route_tables = list!(
        reader,
        "ec2:DescribeRouteTables",
        ec2.describe_route_tables().set_filters(of("vpc-id")).max_results(ROUTE_TABLES_PAGE),
        route_tables,
        model::route_table
    );
    let security_groups = list!(
        reader,
        "ec2:DescribeSecurityGroups",
        ec2.describe_security_groups().set_filters(of("vpc-id")).max_results(PAGE),
        security_groups,
        model::security_group
    );
    let network_acls = list!(
        reader,
        "ec2:DescribeNetworkAcls",
        ec2.describe_network_acls().set_filters(of("vpc-id")).max_results(PAGE),
        network_acls,
        model::network_acl
    );
    let endpoints = list!(
        reader,
        "ec2:DescribeVpcEndpoints",
        ec2.describe_vpc_endpoints().set_filters(of("vpc-id")).max_results(PAGE),
        vpc_endpoints,
        model::endpoint
    );
    let endpoint_interfaces = list!(
        reader,
        "ec2:DescribeNetworkInterfaces",
        ec2.describe_network_interfaces().set_filters(interfaces()).max_results(PAGE),
        network_interfaces,
        model::endpoint_interface
    );
    let nat_gateways = list!(
        reader,
        "ec2:DescribeNatGateways",
        ec2.describe_nat_gateways().set_filter(of("vpc-id")).max_results(PAGE),
        nat_gateways,
        model::nat_gateway
    );
    let internet_gateways = list!(
        reader,
        "ec2:DescribeInternetGateways",
        ec2.describe_internet_gateways().set_filters(of("attachment.vpc-id")).max_results(PAGE),
        internet_gateways,
        model::internet_gateway
    );
    let gateways = join(nat_gateways, internet_gateways);
    let names = async { futures::join!(vpc_list, dhcp_options, block_public_access(reader, region)) };
    // What these name is read while the rest is still on its way.
    let filters = async {
        let (security_groups, route_tables, network_acls, endpoints) =
            futures::join!(security_groups, route_tables, network_acls, endpoints);
        let lists = model::prefix_lists(security_groups.known(), route_tables.known());
        let vpcs = model::vpcs_with_private_zones(endpoints.known(), route_tables.known());
        let (lists, zones) = join(prefix_lists(reader, region, lists), private_zones(reader, region, vpcs)).await;
        (lists, security_groups, route_tables, network_acls, endpoints, zones)
    };
    let (subnets, endpoint_interfaces, gateways, names, filters) =
        futures::join!(subnets, endpoint_interfaces, gateways, names, filters);
    let (nat_gateways, internet_gateways) = gateways;
    let (vpcs, dhcp_options, block_public_access) = names;
    let (prefix_lists, security_groups, route_tables, network_acls, endpoints, private_zones) = filters;
    Network {
        vpcs,
        dns: BTreeMap::new(),
        dhcp_options,
        subnets,
        route_tables,
        security_groups,
        prefix_lists,
        network_acls,
        endpoint_interfaces: model::with_endpoints(endpoint_interfaces, endpoints.known()),
        endpoints: model::without_interfaces(endpoints),
        nat_gateways,
        internet_gateways,
        block_public_access,
        private_zones,
        not_known: BTreeMap::new(),
    }
}

async fn block_public_access(reader: &Reader<'_>, region: &str) -> Fact<BlockPublicAccess> {
    let ec2 = reader.connection.ec2_once_more(region);
    let options = async {
        let request = ec2.describe_vpc_block_public_access_options();
        let answer = reader.calls.make(BLOCK_OPTIONS, request.send()).await.map_err(Failure::into_unreadable)?;
        let options = answer.vpc_block_public_access_options;
        let mode = options.and_then(|options| options.internet_gateway_block_mode);
        let lacking = || Failure::incomplete(BLOCK_OPTIONS, "the mode").into_unreadable();
        Ok(mode.ok_or_else(lacking)?.as_str().to_owned())
    };
    let exclusions = list!(
        reader,
        "ec2:DescribeVpcBlockPublicAccessExclusions",
        ec2.describe_vpc_block_public_access_exclusions().max_results(PAGE),
        vpc_block_public_access_exclusions,
        model::block_exclusion
    );
    let (mode, exclusions): (Result<String, Unreadable>, _) = join(options, exclusions).await;
    let exclusions = exclusions.map(|all| all.into_values().flatten().collect());
    match mode {
        Ok(mode) => Fact::Known(BlockPublicAccess { mode, exclusions }),
        // Where the service does not know the feature, it blocks nothing.
        Err(reason) if reason.kind == UnreadableKind::Unsupported => Fact::Absent,
        Err(reason) => Fact::Unreadable(reason),
    }
}

async fn prefix_lists(reader: &Reader<'_>, region: &str, ids: BTreeSet<String>) -> BTreeMap<String, Fact<Vec<String>>> {
    let ec2 = reader.connection.ec2_once_more(region);
    let lists = ids.into_iter().map(async |id| {
        let request = ec2.get_managed_prefix_list_entries().prefix_list_id(&id).max_results(100);
        let ask = async |token| reader.calls.make(PREFIX_LIST, request.clone().set_next_token(token).send()).await;
        let mut cidrs = Vec::new();
        let read = pages(PREFIX_LIST, ask, |page| {
            cidrs.extend(page.entries.unwrap_or_default().into_iter().filter_map(|entry| entry.cidr));
            Ok(page.next_token)
        });
        let fact = read.await.map_or_else(unreadable, |()| Fact::Known(cidrs));
        (id, fact)
    });
    join_all(lists).await.into_iter().collect()
}

/// The private hosted zones of VPCs: one may lead the name of a service elsewhere than AWS does.
async fn private_zones(
    reader: &Reader<'_>,
    region: &str,
    vpcs: BTreeSet<String>,
) -> BTreeMap<String, Fact<Vec<String>>> {
    let route53 = reader.connection.route53(partition_of_region(region));
    let zones = vpcs.into_iter().map(async |vpc| {
        let request = route53.list_hosted_zones_by_vpc().vpc_id(&vpc).vpc_region(region.into());
        let ask = async |token| reader.calls.make(HOSTED_ZONES, request.clone().set_next_token(token).send()).await;
        let mut names = Vec::new();
        let read = pages(HOSTED_ZONES, ask, |page| {
            names.extend(page.hosted_zone_summaries.into_iter().map(|zone| zone.name.trim_end_matches('.').to_owned()));
            Ok(page.next_token)
        });
        let fact = read.await.map_or_else(unreadable, |()| Fact::Known(names));
        (vpc, fact)
    });
    join_all(zones).await.into_iter().collect()
}
