//! Topologies with endpoints in their VPC: names, security groups and network ACLs.

use crate::support::network::{ANYWHERE, Entry, Place, Side, VPC_CIDR, Vpc};
use crate::support::report::{Code, Via};
use crate::topologies::{
    Expected, KEY_REGION, Nat, PROFILE, Path, REGION, SERVICES, Topology, behind_nat, private_instance,
};

const fn topology(name: &'static str, why: &'static str, build: fn(&Place) -> (String, Expected)) -> Topology {
    Topology { name, why, region: REGION, arguments: &[], build }
}

const ENDPOINT: Option<Via> = Some(Via::VpcEndpoint);

/// A group that lets HTTPS in from the whole VPC.
pub fn welcoming(vpc: &Vpc<'_>) -> String {
    let group = vpc.group("endpoint");
    vpc.let_in(&group, Side::Cidr(VPC_CIDR));
    group
}

/// Endpoints for both services.
pub fn endpoints(vpc: &Vpc<'_>, subnet: &str, groups: &[&str]) -> [String; 2] {
    SERVICES.map(|service| vpc.endpoint(service, &[subnet], groups))
}

/// An instance and both endpoints in one subnet without a way out, with these security groups.
fn with_groups(vpc: &Vpc<'_>, of_instance: &str, of_endpoint: &str) -> String {
    let subnet = vpc.subnet(1, 'a');
    endpoints(vpc, &subnet, &[of_endpoint]);
    vpc.instance(PROFILE, &subnet, &[of_instance], false)
}

/// Both paths end at an endpoint whose name does not lead to it, and there is no other way.
fn unnamed(endpoints: &[String; 2], vpc: &Vpc<'_>) -> Expected {
    let table = vpc.main_route_table();
    let paths = SERVICES.iter().zip(endpoints).map(|(service, id)| Path::closed(service, None, &[id, &table]));
    Expected::closed_paths(Code::EndpointDns, paths.collect())
}

pub const TOPOLOGIES: [Topology; 25] = [
    topology(
        "endpoints in the subnet of the instance",
        "an interface endpoint with private DNS serves the name (vpc/latest/privatelink/privatelink-access-aws-services.html)",
        |place| {
            let vpc = place.vpc();
            let instance = with_groups(&vpc, &vpc.group("instance"), &welcoming(&vpc));
            (instance, Expected::open(Via::VpcEndpoint))
        },
    ),
    topology(
        "endpoints in another zone",
        "the name leads every subnet and zone of the VPC to them (vpc/latest/privatelink/privatelink-access-aws-services.html)",
        |place| {
            let vpc = place.vpc();
            let (own, other) = (vpc.subnet(1, 'a'), vpc.subnet(2, 'b'));
            endpoints(&vpc, &other, &[&welcoming(&vpc)]);
            (private_instance(&vpc, &own), Expected::open(Via::VpcEndpoint))
        },
    ),
    topology(
        "endpoints whose group lets nothing in",
        "the endpoint's group must allow HTTPS from the instance (vpc/latest/privatelink/create-interface-endpoint.html)",
        |place| {
            let vpc = place.vpc();
            let group = vpc.group("endpoint");
            let instance = with_groups(&vpc, &vpc.group("instance"), &group);
            (instance, Expected::closed(Code::SecurityGroupBlocks, ENDPOINT, &[&group]))
        },
    ),
    topology(
        "endpoints whose group names that of the instance",
        "a rule may name a group, and means its members (vpc/latest/userguide/security-group-rules.html)",
        |place| {
            let vpc = place.vpc();
            let (own, group) = (vpc.group("instance"), vpc.group("endpoint"));
            vpc.let_in(&group, Side::Group(&own));
            (with_groups(&vpc, &own, &group), Expected::open(Via::VpcEndpoint))
        },
    ),
    topology(
        "endpoints whose group names another group",
        "a rule that names a group admits its members only (vpc/latest/userguide/security-group-rules.html)",
        |place| {
            let vpc = place.vpc();
            let group = vpc.group("endpoint");
            vpc.let_in(&group, Side::Group(&vpc.group("another")));
            let instance = with_groups(&vpc, &vpc.group("instance"), &group);
            (instance, Expected::closed(Code::SecurityGroupBlocks, ENDPOINT, &[&group]))
        },
    ),
    topology(
        "endpoints whose group names a prefix list with the subnet",
        "a rule that names a prefix list means its entries (vpc/latest/userguide/managed-prefix-lists.html)",
        |place| {
            let vpc = place.vpc();
            let group = vpc.group("endpoint");
            vpc.let_in(&group, Side::PrefixList(&place.prefix_list(&["192.0.2.0/24", "10.0.1.0/24"])));
            (with_groups(&vpc, &vpc.group("instance"), &group), Expected::open(Via::VpcEndpoint))
        },
    ),
    topology(
        "endpoints whose group names a prefix list without the subnet",
        "a rule that names a prefix list means its entries (vpc/latest/userguide/managed-prefix-lists.html)",
        |place| {
            let vpc = place.vpc();
            let group = vpc.group("endpoint");
            vpc.let_in(&group, Side::PrefixList(&place.prefix_list(&["192.0.2.0/24", "10.0.2.0/24"])));
            let instance = with_groups(&vpc, &vpc.group("instance"), &group);
            (instance, Expected::closed(Code::SecurityGroupBlocks, ENDPOINT, &[&group]))
        },
    ),
    topology(
        "endpoints made without a group, and an instance in the default group",
        "an endpoint without a group has the VPC's default one, which admits its members (AWSEC2 API_CreateVpcEndpoint)",
        |place| {
            let vpc = place.vpc();
            let subnet = vpc.subnet(1, 'a');
            endpoints(&vpc, &subnet, &[]);
            let instance = vpc.instance(PROFILE, &subnet, &[&vpc.default_group()], false);
            (instance, Expected::open(Via::VpcEndpoint))
        },
    ),
    topology(
        "endpoints made without a group, and an instance in a group of its own",
        "the default group admits nobody but its members (vpc/latest/userguide/default-security-group.html)",
        |place| {
            let vpc = place.vpc();
            let subnet = vpc.subnet(1, 'a');
            endpoints(&vpc, &subnet, &[]);
            let expected = Expected::closed(Code::SecurityGroupBlocks, ENDPOINT, &[&vpc.default_group()]);
            (private_instance(&vpc, &subnet), expected)
        },
    ),
    topology(
        "a group that lets nothing out to endpoints",
        "connections to endpoints are outbound as all others (vpc/latest/userguide/security-group-rules.html)",
        |place| {
            let vpc = place.vpc();
            let own = vpc.closed_group("instance");
            let instance = with_groups(&vpc, &own, &welcoming(&vpc));
            (instance, Expected::closed(Code::SecurityGroupBlocks, ENDPOINT, &[&own]))
        },
    ),
    topology(
        "a group that lets out to that of the endpoints only",
        "an outbound rule that names a group reaches its members (vpc/latest/userguide/security-group-rules.html)",
        |place| {
            let vpc = place.vpc();
            let (own, group) = (vpc.closed_group("instance"), welcoming(&vpc));
            vpc.let_out(&own, Side::Group(&group));
            (with_groups(&vpc, &own, &group), Expected::open(Via::VpcEndpoint))
        },
    ),
    topology(
        "a group that lets out to another subnet only",
        "an outbound rule reaches the addresses that it names (vpc/latest/userguide/security-group-rules.html)",
        |place| {
            let vpc = place.vpc();
            let own = vpc.closed_group("instance");
            vpc.let_out(&own, Side::Cidr("10.0.9.0/24"));
            let instance = with_groups(&vpc, &own, &welcoming(&vpc));
            (instance, Expected::closed(Code::SecurityGroupBlocks, ENDPOINT, &[&own]))
        },
    ),
    topology(
        "a network ACL between the instance and the endpoints",
        "traffic between subnets crosses the border of both (vpc/latest/userguide/vpc-network-acls.html)",
        |place| {
            let vpc = place.vpc();
            let (own, other) = (vpc.subnet(1, 'a'), vpc.subnet(2, 'a'));
            endpoints(&vpc, &other, &[&welcoming(&vpc)]);
            let out = Entry { number: 100, egress: true, allows: true, cidr: ANYWHERE, ports: None };
            let deny = Entry { number: 90, egress: false, allows: false, cidr: "10.0.1.0/24", ports: None };
            let acl = vpc.acl(&[&other], &[out, Entry { egress: false, ..out }, deny]);
            (private_instance(&vpc, &own), Expected::closed(Code::NetworkAclBlocks, ENDPOINT, &[&acl]))
        },
    ),
    topology(
        "a network ACL that denies all, and the endpoints in the subnet of the instance",
        "network ACLs do not bear on traffic within a subnet (vpc/latest/userguide/vpc-network-acls.html)",
        |place| {
            let vpc = place.vpc();
            let subnet = vpc.subnet(1, 'a');
            endpoints(&vpc, &subnet, &[&welcoming(&vpc)]);
            vpc.acl(&[&subnet], &[]);
            (private_instance(&vpc, &subnet), Expected::open(Via::VpcEndpoint))
        },
    ),
    topology(
        "one endpoint of two, and no way out",
        "both services are needed (systems-manager/latest/userguide/setup-create-vpc.html)",
        |place| {
            let vpc = place.vpc();
            let subnet = vpc.subnet(1, 'a');
            vpc.endpoint("ssm", &[&subnet], &[&welcoming(&vpc)]);
            let table = vpc.main_route_table();
            let paths = vec![Path::open("ssm", Via::VpcEndpoint), Path::closed("ssmmessages", None, &[&table])];
            (private_instance(&vpc, &subnet), Expected::closed_paths(Code::NoNetworkPath, paths))
        },
    ),
    topology(
        "one endpoint of two, and a NAT gateway",
        "each name leads its own way (vpc/latest/privatelink/privatelink-access-aws-services.html)",
        |place| {
            let vpc = place.vpc();
            let Nat { private, .. } = behind_nat(&vpc);
            vpc.endpoint("ssm", &[&private], &[&welcoming(&vpc)]);
            let paths = vec![Path::open("ssm", Via::VpcEndpoint), Path::open("ssmmessages", Via::NatGateway)];
            (private_instance(&vpc, &private), Expected { paths, ..Expected::open(Via::NatGateway) })
        },
    ),
    topology(
        "endpoints that refuse, although there is a NAT gateway",
        "private DNS leads the name to the endpoint, whatever routes there are (vpc/latest/privatelink/privatelink-access-aws-services.html)",
        |place| {
            let vpc = place.vpc();
            let Nat { private, public, .. } = behind_nat(&vpc);
            let group = vpc.group("endpoint");
            endpoints(&vpc, &public, &[&group]);
            (private_instance(&vpc, &private), Expected::closed(Code::SecurityGroupBlocks, ENDPOINT, &[&group]))
        },
    ),
    topology(
        "endpoints without private DNS, and no way out",
        "without private DNS the service's name has public addresses (vpc/latest/privatelink/privatelink-access-aws-services.html)",
        |place| {
            let vpc = place.vpc();
            let subnet = vpc.subnet(1, 'a');
            let both = endpoints(&vpc, &subnet, &[&welcoming(&vpc)]);
            both.iter().for_each(|id| vpc.without_private_dns(id));
            (private_instance(&vpc, &subnet), unnamed(&both, &vpc))
        },
    ),
    topology(
        "endpoints without private DNS, and a NAT gateway",
        "without private DNS the service's name has public addresses (vpc/latest/privatelink/privatelink-access-aws-services.html)",
        |place| {
            let vpc = place.vpc();
            let Nat { private, .. } = behind_nat(&vpc);
            let both = endpoints(&vpc, &private, &[&vpc.group("endpoint")]);
            both.iter().for_each(|id| vpc.without_private_dns(id));
            (private_instance(&vpc, &private), Expected::open(Via::NatGateway))
        },
    ),
    topology(
        "endpoints, enableDnsHostnames off, and no way out",
        "private DNS needs both DNS attributes of the VPC (vpc/latest/userguide/AmazonDNS-concepts.html)",
        |place| {
            let vpc = place.vpc();
            let subnet = vpc.subnet(1, 'a');
            endpoints(&vpc, &subnet, &[&welcoming(&vpc)]);
            vpc.dns_hostnames(false);
            let expected = Expected::closed(Code::EndpointDns, None, &[&vpc.id, &vpc.main_route_table()]);
            (private_instance(&vpc, &subnet), expected)
        },
    ),
    topology(
        "endpoints, enableDnsHostnames off, and a NAT gateway",
        "both attributes are needed; what a name leads to without is not said (vpc/latest/userguide/AmazonDNS-concepts.html)",
        |place| {
            let vpc = place.vpc();
            let Nat { private, .. } = behind_nat(&vpc);
            endpoints(&vpc, &private, &[&welcoming(&vpc)]);
            vpc.dns_hostnames(false);
            (private_instance(&vpc, &private), Expected::unknown())
        },
    ),
    topology(
        "endpoints, enableDnsSupport off, and no way out",
        "without it Amazon's resolver does not answer in the VPC (vpc/latest/userguide/AmazonDNS-concepts.html)",
        |place| {
            let vpc = place.vpc();
            let subnet = vpc.subnet(1, 'a');
            endpoints(&vpc, &subnet, &[&welcoming(&vpc)]);
            vpc.dns_support(false);
            let expected = Expected::closed(Code::EndpointDns, None, &[&vpc.id, &vpc.main_route_table()]);
            (private_instance(&vpc, &subnet), expected)
        },
    ),
    topology(
        "endpoints, and name servers of its own",
        "with other name servers the name may lead anywhere (vpc/latest/userguide/DHCPOptionSetConcepts.html)",
        |place| {
            let vpc = place.vpc();
            let subnet = vpc.subnet(1, 'a');
            endpoints(&vpc, &subnet, &[&welcoming(&vpc)]);
            vpc.name_servers(&["10.0.9.53", "10.0.9.54"]);
            (private_instance(&vpc, &subnet), Expected::unknown())
        },
    ),
    Topology {
        name: "a key for sessions, and no way to KMS",
        why: "the agent asks KMS for the data key (systems-manager/latest/userguide/session-preferences-enable-encryption.html)",
        region: KEY_REGION,
        arguments: &["--kms-key", "alias/session"],
        build: |place| {
            let vpc = place.vpc();
            let subnet = vpc.subnet(1, 'a');
            endpoints(&vpc, &subnet, &[&welcoming(&vpc)]);
            let mut paths = Expected::open(Via::VpcEndpoint).paths;
            paths.push(Path::closed("kms", None, &[&vpc.main_route_table()]));
            (private_instance(&vpc, &subnet), Expected::closed_paths(Code::NoNetworkPath, paths))
        },
    },
    Topology {
        name: "a key for sessions, and an endpoint for KMS",
        why: "KMS has an endpoint of its own (kms/latest/developerguide/kms-vpc-endpoint.html)",
        region: KEY_REGION,
        arguments: &["--kms-key", "alias/session"],
        build: |place| {
            let vpc = place.vpc();
            let subnet = vpc.subnet(1, 'a');
            let group = welcoming(&vpc);
            endpoints(&vpc, &subnet, &[&group]);
            vpc.endpoint("kms", &[&subnet], &[&group]);
            let mut expected = Expected::open(Via::VpcEndpoint);
            expected.paths.push(Path::open("kms", Via::VpcEndpoint));
            (private_instance(&vpc, &subnet), expected)
        },
    },
];
