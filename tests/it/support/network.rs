//! Builds networks in a Region of an account of moto, with the EC2 client of the AWS SDK.

use std::fmt::Debug;
use std::future::Future;
use std::sync::OnceLock;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types as sdk;
use tokio::runtime::Runtime;

use super::emulator::Account;

/// Everything over IPv4.
pub const ANYWHERE: &str = "0.0.0.0/0";
/// The CIDR block of every VPC here.
pub const VPC_CIDR: &str = "10.0.0.0/16";

/// A Region of an account.
pub struct Place {
    pub account: Account,
    pub region: String,
    pub ec2: Client,
}

/// A VPC, `10.0.0.0/16`.
pub struct Vpc<'p> {
    pub place: &'p Place,
    pub id: String,
}

/// The other side of a rule of a security group.
#[derive(Debug, Clone, Copy)]
pub enum Side<'s> {
    Cidr(&'s str),
    Group(&'s str),
    PrefixList(&'s str),
}

/// An entry of a network ACL.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'e> {
    pub number: i32,
    pub egress: bool,
    pub allows: bool,
    pub cidr: &'e str,
    /// The first and the last port of TCP; all traffic without.
    pub ports: Option<(i32, i32)>,
}

/// Waits for a call of the SDK.
pub fn now<T, E: Debug>(call: impl Future<Output = Result<T, E>>) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Runtime::new().expect("a runtime can be made"));
    runtime.block_on(call).unwrap_or_else(|error| panic!("a call to moto failed: {error:#?}"))
}

fn id_of<T>(made: Option<T>, id: impl FnOnce(T) -> Option<String>) -> String {
    made.and_then(id).expect("what is made has an id")
}

impl Place {
    pub fn new(account: &Account, region: &str) -> Self {
        Self { account: account.clone(), region: region.to_owned(), ec2: account.ec2(region) }
    }

    /// A VPC with both DNS attributes, as endpoints with private DNS need them.
    pub fn vpc(&self) -> Vpc<'_> {
        self.vpc_of(VPC_CIDR)
    }

    /// The same with another CIDR block.
    pub fn vpc_of(&self, cidr: &str) -> Vpc<'_> {
        let id = id_of(now(self.ec2.create_vpc().cidr_block(cidr).send()).vpc, |vpc| vpc.vpc_id);
        let vpc = Vpc { place: self, id };
        vpc.dns_hostnames(true);
        vpc
    }

    /// A prefix list with these CIDR blocks.
    pub fn prefix_list(&self, cidrs: &[&str]) -> String {
        let entries = cidrs.iter().map(|cidr| sdk::AddPrefixListEntry::builder().cidr(*cidr).build());
        let request = self.ec2.create_managed_prefix_list().prefix_list_name("of-a-test").address_family("IPv4");
        let request = request.max_entries(10).set_entries(Some(entries.collect()));
        id_of(now(request.send()).prefix_list, |list| list.prefix_list_id)
    }

    pub fn transit_gateway(&self) -> String {
        id_of(now(self.ec2.create_transit_gateway().send()).transit_gateway, |gateway| gateway.transit_gateway_id)
    }

    /// Sets VPC Block Public Access of the Region.
    pub fn block_public_access(&self, mode: sdk::InternetGatewayBlockMode) {
        now(self.ec2.modify_vpc_block_public_access_options().internet_gateway_block_mode(mode).send());
    }

    pub fn delete_nat(&self, id: &str) {
        now(self.ec2.delete_nat_gateway().nat_gateway_id(id).send());
    }

    pub fn stop(&self, instance: &str) {
        now(self.ec2.stop_instances().instance_ids(instance).send());
    }

    /// Takes all that a new security group lets out.
    fn without_egress(&self, group: &str) {
        let request = self.ec2.revoke_security_group_egress().group_id(group);
        now(request.ip_permissions(permission("-1", &[Side::Cidr(ANYWHERE)])).send());
    }
}

/// What a rule of a security group says of port 443, or of everything.
fn permission(protocol: &str, sides: &[Side<'_>]) -> sdk::IpPermission {
    let mut rule = sdk::IpPermission::builder().ip_protocol(protocol);
    if protocol != "-1" {
        rule = rule.from_port(443).to_port(443);
    }
    for side in sides {
        rule = match side {
            Side::Cidr(cidr) => rule.ip_ranges(sdk::IpRange::builder().cidr_ip(*cidr).build()),
            Side::Group(id) => rule.user_id_group_pairs(sdk::UserIdGroupPair::builder().group_id(*id).build()),
            Side::PrefixList(id) => rule.prefix_list_ids(sdk::PrefixListId::builder().prefix_list_id(*id).build()),
        };
    }
    rule.build()
}

impl Vpc<'_> {
    fn ec2(&self) -> &Client {
        &self.place.ec2
    }

    /// Excludes the VPC from VPC Block Public Access; gives the id of the exclusion.
    pub fn exclude(&self) -> String {
        let request = self.ec2().create_vpc_block_public_access_exclusion().vpc_id(&self.id);
        let request = request.internet_gateway_exclusion_mode(sdk::InternetGatewayExclusionMode::AllowBidirectional);
        id_of(now(request.send()).vpc_block_public_access_exclusion, |exclusion| exclusion.exclusion_id)
    }

    pub fn dns_hostnames(&self, on: bool) {
        let value = sdk::AttributeBooleanValue::builder().value(on).build();
        now(self.ec2().modify_vpc_attribute().vpc_id(&self.id).enable_dns_hostnames(value).send());
    }

    pub fn dns_support(&self, on: bool) {
        let value = sdk::AttributeBooleanValue::builder().value(on).build();
        now(self.ec2().modify_vpc_attribute().vpc_id(&self.id).enable_dns_support(value).send());
    }

    /// Gives the VPC name servers of its own.
    pub fn name_servers(&self, addresses: &[&str]) -> String {
        let servers = sdk::NewDhcpConfiguration::builder().key("domain-name-servers");
        let servers = servers.set_values(Some(addresses.iter().map(ToString::to_string).collect())).build();
        let made = now(self.ec2().create_dhcp_options().dhcp_configurations(servers).send());
        let id = id_of(made.dhcp_options, |options| options.dhcp_options_id);
        now(self.ec2().associate_dhcp_options().dhcp_options_id(&id).vpc_id(&self.id).send());
        id
    }

    /// The subnet `10.0.N.0/24` in a zone, named by its letter.
    pub fn subnet(&self, number: u8, zone: char) -> String {
        let request = self.ec2().create_subnet().vpc_id(&self.id).cidr_block(format!("10.0.{number}.0/24"));
        let request = request.availability_zone(format!("{}{zone}", self.place.region));
        id_of(now(request.send()).subnet, |subnet| subnet.subnet_id)
    }

    /// An internet gateway that is attached.
    pub fn internet_gateway(&self) -> String {
        let made = now(self.ec2().create_internet_gateway().send()).internet_gateway;
        let id = id_of(made, |gateway| gateway.internet_gateway_id);
        now(self.ec2().attach_internet_gateway().internet_gateway_id(&id).vpc_id(&self.id).send());
        id
    }

    pub fn detach(&self, internet_gateway: &str) {
        let request = self.ec2().detach_internet_gateway().internet_gateway_id(internet_gateway);
        now(request.vpc_id(&self.id).send());
    }

    /// A route table of its own for these subnets, with a default route if there is a target.
    pub fn route(&self, subnets: &[&str], target: Option<&str>) -> String {
        let made = now(self.ec2().create_route_table().vpc_id(&self.id).send()).route_table;
        let id = id_of(made, |table| table.route_table_id);
        for subnet in subnets {
            now(self.ec2().associate_route_table().route_table_id(&id).subnet_id(*subnet).send());
        }
        if let Some(target) = target {
            self.add_route(&id, ANYWHERE, target);
        }
        id
    }

    /// Adds a route; the prefix of the target says what it is.
    pub fn add_route(&self, table: &str, destination: &str, target: &str) {
        let request = self.ec2().create_route().route_table_id(table).destination_cidr_block(destination);
        let kind = target.split('-').next().unwrap_or_default();
        let request = match kind {
            "igw" | "vgw" => request.gateway_id(target),
            "nat" => request.nat_gateway_id(target),
            "tgw" => request.transit_gateway_id(target),
            "pcx" => request.vpc_peering_connection_id(target),
            "eni" => request.network_interface_id(target),
            _ => panic!("`{target}` is no target of a route here"),
        };
        now(request.send());
    }

    /// The route table of the subnets that name none.
    pub fn main_route_table(&self) -> String {
        let of_vpc = sdk::Filter::builder().name("vpc-id").values(&self.id).build();
        let main = sdk::Filter::builder().name("association.main").values("true").build();
        let tables = now(self.ec2().describe_route_tables().filters(of_vpc).filters(main).send()).route_tables;
        id_of(tables.unwrap_or_default().pop(), |table| table.route_table_id)
    }

    /// A NAT gateway with a public address.
    pub fn nat(&self, subnet: &str) -> String {
        let address = now(self.ec2().allocate_address().domain(sdk::DomainType::Vpc).send());
        let request = self.ec2().create_nat_gateway().subnet_id(subnet).set_allocation_id(address.allocation_id);
        id_of(now(request.send()).nat_gateway, |gateway| gateway.nat_gateway_id)
    }

    pub fn private_nat(&self, subnet: &str) -> String {
        let request = self.ec2().create_nat_gateway().subnet_id(subnet);
        let request = request.connectivity_type(sdk::ConnectivityType::Private);
        id_of(now(request.send()).nat_gateway, |gateway| gateway.nat_gateway_id)
    }

    /// A peering with another VPC, which has accepted it.
    pub fn peering(&self, other: &Vpc<'_>) -> String {
        let request = self.ec2().create_vpc_peering_connection().vpc_id(&self.id).peer_vpc_id(&other.id);
        let made = now(request.send()).vpc_peering_connection;
        let id = id_of(made, |peering| peering.vpc_peering_connection_id);
        now(self.ec2().accept_vpc_peering_connection().vpc_peering_connection_id(&id).send());
        id
    }

    /// A security group that lets nothing in and nothing out.
    pub fn closed_group(&self, name: &str) -> String {
        let request = self.ec2().create_security_group().vpc_id(&self.id).group_name(name).description(name);
        let id = now(request.send()).group_id.expect("what is made has an id");
        self.place.without_egress(&id);
        id
    }

    /// A security group that lets everything out and nothing in.
    pub fn group(&self, name: &str) -> String {
        let id = self.closed_group(name);
        let request = self.ec2().authorize_security_group_egress().group_id(&id);
        now(request.ip_permissions(permission("-1", &[Side::Cidr(ANYWHERE)])).send());
        id
    }

    /// The group that the VPC came with.
    pub fn default_group(&self) -> String {
        let of_vpc = sdk::Filter::builder().name("vpc-id").values(&self.id).build();
        let default = sdk::Filter::builder().name("group-name").values("default").build();
        let groups = now(self.ec2().describe_security_groups().filters(of_vpc).filters(default).send()).security_groups;
        id_of(groups.unwrap_or_default().pop(), |group| group.group_id)
    }

    /// Lets HTTPS into a security group.
    pub fn let_in(&self, group: &str, from: Side<'_>) {
        let request = self.ec2().authorize_security_group_ingress().group_id(group);
        now(request.ip_permissions(permission("tcp", &[from])).send());
    }

    /// Lets HTTPS out of a security group.
    pub fn let_out(&self, group: &str, to: Side<'_>) {
        let request = self.ec2().authorize_security_group_egress().group_id(group);
        now(request.ip_permissions(permission("tcp", &[to])).send());
    }

    /// A network ACL with these entries for these subnets, in place of the default one.
    pub fn acl(&self, subnets: &[&str], entries: &[Entry<'_>]) -> String {
        let made = now(self.ec2().create_network_acl().vpc_id(&self.id).send()).network_acl;
        let id = id_of(made, |acl| acl.network_acl_id);
        for entry in entries {
            let action = if entry.allows { sdk::RuleAction::Allow } else { sdk::RuleAction::Deny };
            let request = self.ec2().create_network_acl_entry().network_acl_id(&id).rule_number(entry.number);
            let request = request.egress(entry.egress).rule_action(action).cidr_block(entry.cidr);
            let ports = entry.ports.map(|(from, to)| sdk::PortRange::builder().from(from).to(to).build());
            let protocol = if ports.is_some() { "6" } else { "-1" };
            now(request.protocol(protocol).set_port_range(ports).send());
        }
        for subnet in subnets {
            let of_subnet = sdk::Filter::builder().name("association.subnet-id").values(*subnet).build();
            let acls = now(self.ec2().describe_network_acls().filters(of_subnet).send()).network_acls;
            let mut associations =
                acls.unwrap_or_default().into_iter().flat_map(|acl| acl.associations.unwrap_or_default());
            let association = associations.find(|association| association.subnet_id.as_deref() == Some(subnet));
            let association = id_of(association, |association| association.network_acl_association_id);
            let request = self.ec2().replace_network_acl_association().association_id(association);
            now(request.network_acl_id(&id).send());
        }
        id
    }

    /// An interface endpoint with private DNS for a service of AWS, named as in `ssmmessages`.
    pub fn endpoint(&self, service: &str, subnets: &[&str], groups: &[&str]) -> String {
        let strings = |ids: &[&str]| Some(ids.iter().map(ToString::to_string).collect());
        let request = self.ec2().create_vpc_endpoint().vpc_id(&self.id);
        let request = request.service_name(format!("com.amazonaws.{}.{service}", self.place.region));
        let request = request.vpc_endpoint_type(sdk::VpcEndpointType::Interface).private_dns_enabled(true);
        let request = request.set_subnet_ids(strings(subnets)).set_security_group_ids(strings(groups));
        id_of(now(request.send()).vpc_endpoint, |endpoint| endpoint.vpc_endpoint_id)
    }

    pub fn without_private_dns(&self, endpoint: &str) {
        now(self.ec2().modify_vpc_endpoint().vpc_endpoint_id(endpoint).private_dns_enabled(false).send());
    }

    pub fn endpoint_policy(&self, endpoint: &str, document: impl ToString) {
        let request = self.ec2().modify_vpc_endpoint().vpc_endpoint_id(endpoint);
        now(request.policy_document(document.to_string()).send());
    }

    /// An instance with this profile, that runs.
    pub fn instance(&self, profile: &str, subnet: &str, groups: &[&str], public_address: bool) -> String {
        let interface = sdk::InstanceNetworkInterfaceSpecification::builder()
            .device_index(0)
            .subnet_id(subnet)
            .set_groups(Some(groups.iter().map(ToString::to_string).collect()))
            .associate_public_ip_address(public_address);
        let request = self.ec2().run_instances().image_id("ami-12c6146b").min_count(1).max_count(1);
        let request = request.network_interfaces(interface.build());
        let profile = sdk::IamInstanceProfileSpecification::builder().name(profile).build();
        let made = now(request.iam_instance_profile(profile).send());
        id_of(made.instances.unwrap_or_default().pop(), |instance| instance.instance_id)
    }
}
