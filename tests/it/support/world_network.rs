//! What a world answers to the reads of its networks: each VPC is public, and lets everything through.

use std::collections::BTreeSet;

use super::answer::Answer;
use super::stub::{Call, unknown};
use super::world::World;
use super::xml::{self, element, within};

impl World {
    /// A read of the networks of a Region; none of any other call.
    pub fn about_network(&self, call: &Call) -> Answer {
        let here = self.instances.iter().filter(|instance| instance.region == call.region);
        let vpcs: BTreeSet<&str> = here.filter_map(|instance| instance.vpc.as_deref()).collect();
        let list = |name: &str, of: fn(&str, &str) -> String| {
            let items = vpcs.iter().map(|vpc| within("item", of(vpc, &self.account)));
            Answer::xml(xml::ec2(&call.action, within(name, items.collect::<String>())))
        };
        match call.action.as_str() {
            "DescribeVpcs" => list("vpcSet", vpc),
            "DescribeSubnets" => list("subnetSet", subnet),
            "DescribeRouteTables" => list("routeTableSet", route_table),
            "DescribeSecurityGroups" if self.has_endpoints => list("securityGroupInfo", |vpc, owner| {
                security_group(vpc, owner, &within("prefixListIds", within("item", element("prefixListId", LIST))))
            }),
            "DescribeSecurityGroups" => list("securityGroupInfo", |vpc, owner| security_group(vpc, owner, "")),
            "GetManagedPrefixListEntries" => {
                let entry = within("item", element("cidr", "203.0.113.0/24"));
                Answer::xml(xml::ec2(&call.action, within("entrySet", entry)))
            }
            "DescribeVpcEndpoints" if self.has_endpoints => list("vpcEndpointSet", endpoint),
            "DescribeNetworkAcls" => list("networkAclSet", network_acl),
            "DescribeInternetGateways" => list("internetGatewaySet", internet_gateway),
            "DescribeDhcpOptions" => list("dhcpOptionsSet", dhcp_options),
            "DescribeVpcEndpoints" => Answer::xml(xml::ec2(&call.action, within("vpcEndpointSet", ""))),
            "DescribeNetworkInterfaces" => Answer::xml(xml::ec2(&call.action, within("networkInterfaceSet", ""))),
            "DescribeNatGateways" => Answer::xml(xml::ec2(&call.action, within("natGatewaySet", ""))),
            "DescribeVpcBlockPublicAccessOptions" => {
                let options = element("internetGatewayBlockMode", "off");
                Answer::xml(xml::ec2(&call.action, within("vpcBlockPublicAccessOptions", options)))
            }
            "DescribeVpcBlockPublicAccessExclusions" => {
                Answer::xml(xml::ec2(&call.action, within("vpcBlockPublicAccessExclusionSet", "")))
            }
            "DescribeVpcAttribute" => {
                let asked = call.parameter("Attribute");
                let id = element("vpcId", call.parameter("VpcId"));
                Answer::xml(xml::ec2(&call.action, id + &within(asked, element("value", "true"))))
            }
            "ListHostedZonesByVPC" => {
                let inner = within("HostedZoneSummaries", "") + &element("MaxItems", 100);
                Answer::xml(within("ListHostedZonesByVPCResponse", inner))
            }
            _ => unknown(call),
        }
    }
}

/// The reads that every check of a running instance makes of its network.
pub const READS: [&str; 13] = [
    "DescribeDhcpOptions",
    "DescribeInternetGateways",
    "DescribeNatGateways",
    "DescribeNetworkAcls",
    "DescribeNetworkInterfaces",
    "DescribeRouteTables",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcAttribute",
    "DescribeVpcBlockPublicAccessExclusions",
    "DescribeVpcBlockPublicAccessOptions",
    "DescribeVpcEndpoints",
    "DescribeVpcs",
];

/// Everything that a check may have to be allowed for the network path, as the actions that it needs.
pub fn actions() -> impl Iterator<Item = String> {
    let of_some = ["ec2:GetConsoleOutput", "ec2:GetManagedPrefixListEntries", "route53:ListHostedZonesByVPC"];
    READS.iter().map(|action| format!("ec2:{action}")).chain(of_some.map(str::to_owned))
}

const LIST: &str = "pl-0abc";

fn endpoint(vpc: &str, _: &str) -> String {
    element("vpcEndpointId", of_vpc("vpce", vpc))
        + &element("vpcEndpointType", "Interface")
        + &element("vpcId", vpc)
        + &element("serviceName", "com.amazonaws.us-east-1.ssm")
        + &element("state", "available")
        + &element("privateDnsEnabled", "false")
        + &within("subnetIdSet", element("item", of_vpc("subnet", vpc)))
        + &within("groupSet", within("item", element("groupId", of_vpc("sg", vpc))))
}

/// What belongs to a VPC has its id behind the prefix.
pub fn of_vpc(prefix: &str, vpc: &str) -> String {
    vpc.replacen("vpc", prefix, 1)
}

fn vpc(id: &str, owner: &str) -> String {
    element("vpcId", id)
        + &element("ownerId", owner)
        + &element("cidrBlock", "10.0.0.0/16")
        + &element("dhcpOptionsId", of_vpc("dopt", id))
}

fn subnet(vpc: &str, owner: &str) -> String {
    element("subnetId", of_vpc("subnet", vpc))
        + &element("vpcId", vpc)
        + &element("cidrBlock", "10.0.0.0/24")
        + &element("availabilityZone", "us-east-1a")
        + &element("ownerId", owner)
}

fn route_table(vpc: &str, _: &str) -> String {
    let route = |destination: &str, target: &str| {
        let fields = element("destinationCidrBlock", destination) + &element("gatewayId", target);
        within("item", fields + &element("state", "active"))
    };
    let routes = route("10.0.0.0/16", "local") + &route("0.0.0.0/0", &of_vpc("igw", vpc));
    element("routeTableId", of_vpc("rtb", vpc))
        + &element("vpcId", vpc)
        + &within("routeSet", routes)
        + &within("associationSet", within("item", element("main", "true")))
}

fn security_group(vpc: &str, _: &str, more: &str) -> String {
    let anywhere = within("ipRanges", within("item", element("cidrIp", "0.0.0.0/0")));
    let egress = within("item", element("ipProtocol", "-1") + &anywhere + more);
    element("groupId", of_vpc("sg", vpc))
        + &element("groupName", "default")
        + &element("vpcId", vpc)
        + &within("ipPermissions", "")
        + &within("ipPermissionsEgress", egress)
}

fn network_acl(vpc: &str, _: &str) -> String {
    let entry = |number: u32, egress: bool, action: &str| {
        let fields = element("ruleNumber", number) + &element("protocol", "-1") + &element("ruleAction", action);
        within("item", fields + &element("egress", egress) + &element("cidrBlock", "0.0.0.0/0"))
    };
    let entries = [true, false].map(|egress| entry(100, egress, "allow") + &entry(32767, egress, "deny"));
    element("networkAclId", of_vpc("acl", vpc))
        + &element("vpcId", vpc)
        + &element("default", "true")
        + &within("entrySet", entries.concat())
        + &within("associationSet", within("item", element("subnetId", of_vpc("subnet", vpc))))
}

fn internet_gateway(vpc: &str, _: &str) -> String {
    let attachment = within("item", element("vpcId", vpc) + &element("state", "available"));
    element("internetGatewayId", of_vpc("igw", vpc)) + &within("attachmentSet", attachment)
}

fn dhcp_options(vpc: &str, _: &str) -> String {
    let servers = within("valueSet", within("item", element("value", "AmazonProvidedDNS")));
    let configuration = within("item", element("key", "domain-name-servers") + &servers);
    element("dhcpOptionsId", of_vpc("dopt", vpc)) + &within("dhcpConfigurationSet", configuration)
}
