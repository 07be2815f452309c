//! The networks of a Region: VPCs that are left in turn through a NAT gateway and through interface endpoints, every path open.

use super::http::{Answer, Request};
use super::world::Fleet;

/// Availability Zones of a VPC, with a private subnet in each.
const ZONES: [char; 3] = ['a', 'b', 'c'];

/// What an agent calls through endpoints.
const SERVICES: [&str; 3] = ["ssm", "ssmmessages", "ec2messages"];

/// What EC2 says of its networks.
pub fn ec2(fleet: &Fleet, request: &Request) -> Answer {
    let account = request.account();
    let vpcs: Vec<Vpc<'_>> = (0..fleet.vpcs).map(|number| Vpc { number, account, region: &request.region }).collect();
    let (with_nat, with_endpoints): (Vec<&Vpc<'_>>, Vec<&Vpc<'_>>) = vpcs.iter().partition(|vpc| vpc.has_nat());
    let (element, items) = match request.action.as_str() {
        "DescribeVpcs" => ("vpcSet", vpcs.iter().map(Vpc::itself).collect()),
        "DescribeDhcpOptions" => ("dhcpOptionsSet", DHCP_OPTIONS.to_owned()),
        "DescribeSubnets" => ("subnetSet", vpcs.iter().map(Vpc::subnets).collect()),
        "DescribeRouteTables" => ("routeTableSet", vpcs.iter().map(Vpc::route_tables).collect()),
        "DescribeSecurityGroups" => ("securityGroupInfo", vpcs.iter().map(Vpc::security_groups).collect()),
        "DescribeNetworkAcls" => ("networkAclSet", vpcs.iter().map(Vpc::network_acl).collect()),
        "DescribeVpcEndpoints" => ("vpcEndpointSet", with_endpoints.iter().map(|vpc| vpc.endpoints()).collect()),
        "DescribeNetworkInterfaces" => {
            ("networkInterfaceSet", with_endpoints.iter().map(|vpc| vpc.endpoint_interfaces()).collect())
        }
        "DescribeNatGateways" => ("natGatewaySet", with_nat.iter().map(|vpc| vpc.nat_gateway()).collect()),
        "DescribeInternetGateways" => {
            ("internetGatewaySet", with_nat.iter().map(|vpc| vpc.internet_gateway()).collect())
        }
        "DescribeVpcBlockPublicAccessExclusions" => ("vpcBlockPublicAccessExclusionSet", String::new()),
        "DescribeVpcBlockPublicAccessOptions" => (
            "vpcBlockPublicAccessOptions",
            "<internetGatewayBlockMode>off</internetGatewayBlockMode><state>default-state</state>".to_owned(),
        ),
        "DescribeVpcAttribute" => {
            let attribute = request.parameter("Attribute");
            return answer(request, &format!("<{attribute}><value>true</value></{attribute}>"));
        }
        action => {
            return Answer::ec2_error(400, "InvalidAction", &format!("the benchmark has no answer to {action}"));
        }
    };
    answer(request, &format!("<{element}>{items}</{element}>"))
}

/// That a VPC has no private hosted zone, which is all that is asked of Route 53.
pub fn route53() -> Answer {
    Answer::xml(
        "<ListHostedZonesByVPCResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><HostedZoneSummaries/>\
         <MaxItems>100</MaxItems></ListHostedZonesByVPCResponse>",
    )
}

fn answer(request: &Request, inner: &str) -> Answer {
    let action = &request.action;
    Answer::xml(format!(
        "<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>bench</requestId>{inner}</{action}Response>"
    ))
}

const DHCP_OPTIONS: &str = "<item><dhcpOptionsId>dopt-0123456789abcdef0</dhcpOptionsId><dhcpConfigurationSet><item>\
    <key>domain-name-servers</key><valueSet><item><value>AmazonProvidedDNS</value></item></valueSet></item>\
    </dhcpConfigurationSet></item>";

/// One VPC. The instances' templates have its number at the end of the ids.
struct Vpc<'a> {
    number: usize,
    account: &'a str,
    region: &'a str,
}

impl Vpc<'_> {
    fn has_nat(&self) -> bool {
        self.number.is_multiple_of(2)
    }

    /// An id of something of which it has one.
    fn id(&self, kind: &str) -> String {
        format!("{kind}-0123456789abcde{:02}", self.number)
    }

    /// An id of the second of two.
    fn other(&self, kind: &str) -> String {
        format!("{kind}-f123456789abcde{:02}", self.number)
    }

    fn subnet(&self, zone: char) -> String {
        format!("subnet-0123456789abcd{:02}{zone}", self.number)
    }

    fn endpoint(&self, service: usize) -> String {
        format!("vpce-0123456789abcd{:02}{service}", self.number)
    }

    fn interface(&self, service: usize, zone: char) -> String {
        format!("eni-0123456789abc{:02}{service}{zone}", self.number)
    }

    fn cidr(&self) -> String {
        format!("10.1{:02}.0.0/16", self.number)
    }

    fn itself(&self) -> String {
        let (id, cidr, account) = (self.id("vpc"), self.cidr(), self.account);
        format!(
            "<item><vpcId>{id}</vpcId><ownerId>{account}</ownerId><state>available</state><cidrBlock>{cidr}</cidrBlock>\
             <cidrBlockAssociationSet><item><cidrBlock>{cidr}</cidrBlock><associationId>vpc-cidr-assoc-1</associationId>\
             <cidrBlockState><state>associated</state></cidrBlockState></item></cidrBlockAssociationSet>\
             <dhcpOptionsId>dopt-0123456789abcdef0</dhcpOptionsId><instanceTenancy>default</instanceTenancy>\
             <isDefault>false</isDefault></item>"
        )
    }

    /// The private ones, and with `p` that of the NAT gateway.
    fn subnets(&self) -> String {
        let public = self.has_nat().then_some('p');
        let of = |(third, zone): (usize, char)| {
            let (id, vpc, account, region) = (self.subnet(zone), self.id("vpc"), self.account, self.region);
            let letter = if zone == 'p' { 'a' } else { zone };
            format!(
                "<item><subnetId>{id}</subnetId><state>available</state><ownerId>{account}</ownerId><vpcId>{vpc}</vpcId>\
                 <cidrBlock>10.1{:02}.{}.0/18</cidrBlock><availableIpAddressCount>250</availableIpAddressCount>\
                 <availabilityZone>{region}{letter}</availabilityZone><availabilityZoneId>use1-az1</availabilityZoneId>\
                 <defaultForAz>false</defaultForAz><mapPublicIpOnLaunch>false</mapPublicIpOnLaunch></item>",
                self.number,
                third * 64
            )
        };
        ZONES.into_iter().chain(public).enumerate().map(of).collect()
    }

    fn route_tables(&self) -> String {
        let nat = self.has_nat().then(|| format!("<natGatewayId>{}</natGatewayId>", self.id("nat")));
        let main = self.route_table(self.id("rtb"), nat, "<main>true</main>");
        let gateway = format!("<gatewayId>{}</gatewayId>", self.id("igw"));
        let subnet = format!("<subnetId>{}</subnetId><main>false</main>", self.subnet('p'));
        let public = self.has_nat().then(|| self.route_table(self.other("rtb"), Some(gateway), &subnet));
        main + &public.unwrap_or_default()
    }

    fn route_table(&self, id: String, default: Option<String>, association: &str) -> String {
        let (vpc, cidr, account) = (self.id("vpc"), self.cidr(), self.account);
        let route = |(to, through): (&str, &str)| {
            format!(
                "<item><destinationCidrBlock>{to}</destinationCidrBlock>{through}<state>active</state><origin>CreateRoute</origin></item>"
            )
        };
        let default = default.map(|through| route(("0.0.0.0/0", &through))).unwrap_or_default();
        let local = route((&cidr, "<gatewayId>local</gatewayId>"));
        format!(
            "<item><routeTableId>{id}</routeTableId><vpcId>{vpc}</vpcId><ownerId>{account}</ownerId><routeSet>{local}{default}\
             </routeSet><associationSet><item><routeTableAssociationId>rtbassoc-1</routeTableAssociationId>\
             <routeTableId>{id}</routeTableId>{association}<associationState><state>associated</state></associationState></item>\
             </associationSet></item>"
        )
    }

    /// That of the instances, and that of the endpoints.
    fn security_groups(&self) -> String {
        let (vpc, account) = (self.id("vpc"), self.account);
        let rule = |protocol: &str, ports: &str, cidr: &str| {
            format!(
                "<item><ipProtocol>{protocol}</ipProtocol>{ports}<ipRanges><item><cidrIp>{cidr}</cidrIp></item></ipRanges></item>"
            )
        };
        let anything = rule("-1", "", "0.0.0.0/0");
        let https = rule("tcp", "<fromPort>443</fromPort><toPort>443</toPort>", &self.cidr());
        let group = |id: String, ingress: &str| {
            format!(
                "<item><ownerId>{account}</ownerId><groupId>{id}</groupId><groupName>{id}</groupName><vpcId>{vpc}</vpcId>\
                 <groupDescription/><ipPermissions>{ingress}</ipPermissions><ipPermissionsEgress>{anything}</ipPermissionsEgress></item>"
            )
        };
        group(self.id("sg"), "") + &group(self.other("sg"), &https)
    }

    fn network_acl(&self) -> String {
        let (id, vpc, account) = (self.id("acl"), self.id("vpc"), self.account);
        let entry = |number: u32, action: &str, egress: bool| {
            format!(
                "<item><ruleNumber>{number}</ruleNumber><protocol>-1</protocol><ruleAction>{action}</ruleAction>\
                 <egress>{egress}</egress><cidrBlock>0.0.0.0/0</cidrBlock></item>"
            )
        };
        let entries: String =
            [true, false].map(|egress| entry(100, "allow", egress) + &entry(32767, "deny", egress)).concat();
        let public = self.has_nat().then_some('p');
        let associations: String = ZONES
            .into_iter()
            .chain(public)
            .map(|zone| {
                format!(
                    "<item><networkAclAssociationId>aclassoc-1</networkAclAssociationId><networkAclId>{id}</networkAclId>\
                     <subnetId>{}</subnetId></item>",
                    self.subnet(zone)
                )
            })
            .collect();
        format!(
            "<item><networkAclId>{id}</networkAclId><vpcId>{vpc}</vpcId><ownerId>{account}</ownerId><default>true</default>\
             <entrySet>{entries}</entrySet><associationSet>{associations}</associationSet></item>"
        )
    }

    fn endpoints(&self) -> String {
        let (vpc, account, region) = (self.id("vpc"), self.account, self.region);
        let group = self.other("sg");
        let of = |(index, service): (usize, &str)| {
            let id = self.endpoint(index);
            let items = |of: &dyn Fn(char) -> String| -> String {
                ZONES.into_iter().map(|zone| format!("<item>{}</item>", of(zone))).collect()
            };
            let subnets = items(&|zone| self.subnet(zone));
            let interfaces = items(&|zone| self.interface(index, zone));
            format!(
                "<item><vpcEndpointId>{id}</vpcEndpointId><vpcEndpointType>Interface</vpcEndpointType><vpcId>{vpc}</vpcId>\
                 <serviceName>com.amazonaws.{region}.{service}</serviceName><state>available</state><ownerId>{account}</ownerId>\
                 <policyDocument>{POLICY}</policyDocument><privateDnsEnabled>true</privateDnsEnabled>\
                 <ipAddressType>ipv4</ipAddressType><dnsOptions><dnsRecordIpType>ipv4</dnsRecordIpType></dnsOptions>\
                 <subnetIdSet>{subnets}</subnetIdSet><networkInterfaceIdSet>{interfaces}</networkInterfaceIdSet>\
                 <groupSet><item><groupId>{group}</groupId><groupName>{group}</groupName></item></groupSet></item>"
            )
        };
        SERVICES.into_iter().enumerate().map(of).collect()
    }

    fn endpoint_interfaces(&self) -> String {
        let (vpc, account) = (self.id("vpc"), self.account);
        let group = self.other("sg");
        let places =
            (0..SERVICES.len()).flat_map(|service| ZONES.into_iter().enumerate().map(move |zone| (service, zone)));
        let of = |(service, (third, zone)): (usize, (usize, char))| {
            let (id, subnet) = (self.interface(service, zone), self.subnet(zone));
            let address = format!("10.1{:02}.{}.{}", self.number, third * 64, 10 + service);
            format!(
                "<item><networkInterfaceId>{id}</networkInterfaceId><subnetId>{subnet}</subnetId><vpcId>{vpc}</vpcId>\
                 <ownerId>{account}</ownerId><status>in-use</status><interfaceType>vpc_endpoint</interfaceType>\
                 <description>VPC Endpoint Interface {}</description><privateIpAddress>{address}</privateIpAddress>\
                 <groupSet><item><groupId>{group}</groupId><groupName>{group}</groupName></item></groupSet></item>",
                self.endpoint(service)
            )
        };
        places.map(of).collect()
    }

    fn nat_gateway(&self) -> String {
        let (id, vpc, subnet) = (self.id("nat"), self.id("vpc"), self.subnet('p'));
        format!(
            "<item><natGatewayId>{id}</natGatewayId><vpcId>{vpc}</vpcId><subnetId>{subnet}</subnetId><state>available</state>\
             <connectivityType>public</connectivityType><natGatewayAddressSet><item><publicIp>198.51.100.{}</publicIp>\
             <status>succeeded</status><isPrimary>true</isPrimary></item></natGatewayAddressSet></item>",
            self.number
        )
    }

    fn internet_gateway(&self) -> String {
        let (id, vpc) = (self.id("igw"), self.id("vpc"));
        format!(
            "<item><internetGatewayId>{id}</internetGatewayId><attachmentSet><item><vpcId>{vpc}</vpcId>\
             <state>available</state></item></attachmentSet></item>"
        )
    }
}

const POLICY: &str = "{\"Statement\":[{\"Action\":\"*\",\"Effect\":\"Allow\",\"Principal\":\"*\",\"Resource\":\"*\"}]}";
