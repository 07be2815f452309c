//! The way from an instance to the services that its agent calls, as data.

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::Unreadable;

/// Whether the agent's connections get through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PathDecision {
    /// They do.
    Open,
    /// They certainly do not.
    Closed,
    /// It cannot be told from what was read.
    Unknown,
    /// Nobody looked.
    #[default]
    NotChecked,
}

/// The way from an instance to AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Network")]
pub struct NetworkReport {
    /// Closed if a path that sessions need is closed, else unknown if one of them is, else open.
    pub decision: PathDecision,
    /// The path to each service.
    pub paths: Vec<NetworkPath>,
}

/// The way from an instance to one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NetworkPath {
    /// The service.
    pub service: Service,
    /// Whether it is open.
    pub decision: PathDecision,
    /// What it goes through; `None` where there is nothing, or it is not known.
    pub via: Option<Via>,
    /// The ids on the way, in order: the endpoint, or the route table, the NAT gateway and the internet gateway.
    pub through: Vec<String>,
    /// The ids of what closes it.
    pub blocked_by: Vec<String>,
}

/// A service that the agent calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Systems Manager: the agent registers.
    Ssm,
    /// The channels of sessions.
    SsmMessages,
    /// The key that encrypts sessions.
    Kms,
    /// Session logs in CloudWatch Logs.
    Logs,
    /// Session logs in S3.
    S3,
}

impl Service {
    /// Its name in host names, in those of endpoint services and in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Service::Ssm => "ssm",
            Service::SsmMessages => "ssmmessages",
            Service::Kms => "kms",
            Service::Logs => "logs",
            Service::S3 => "s3",
        }
    }
}

/// How a path leaves the VPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// An interface or gateway endpoint.
    VpcEndpoint,
    /// The instance's own public address.
    InternetGateway,
    /// A NAT gateway.
    NatGateway,
}

/// The other side of a connection of the agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FarSide {
    /// VPC endpoints, by their ids.
    Endpoints(Vec<String>),
    /// The public addresses of AWS, which are not known one by one.
    PublicAddresses,
}

/// Which way traffic crosses the border of a subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Into it.
    Inbound,
    /// Out of it.
    Outbound,
}

/// What an entry of a network ACL decides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct AclRule {
    /// The network ACL.
    pub acl: String,
    /// The subnet at whose border it stands.
    pub subnet: String,
    /// The number of the entry; 32767 is the final deny.
    pub rule: i32,
    /// The direction of the traffic.
    pub direction: Direction,
    /// The first and the last port that the traffic may have.
    #[schemars(with = "(i32, i32)")]
    pub ports: (u16, u16),
    /// The other side of the traffic.
    pub other_side: AclPeer,
}

/// The other side of traffic that crosses the border of a subnet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AclPeer {
    /// The public addresses of AWS.
    PublicAddresses,
    /// The instance, by its private address; `None` for several instances.
    Instance(Option<String>),
    /// An address or a CIDR block.
    Addresses(String),
}

impl AclRule {
    fn of_any_instance(&mut self) {
        if let AclPeer::Instance(address) = &mut self.other_side {
            *address = None;
        }
    }
}

impl AclRule {
    /// The number of the last entry of each network ACL, which denies.
    pub const FINAL: i32 = 32767;
}

/// An attribute of a VPC that decides on names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DnsAttribute {
    /// `enableDnsSupport`
    Support,
    /// `enableDnsHostnames`
    Hostnames,
}

/// What certainly closes a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(missing_docs, reason = "a field is what its name says, of the thing that the variant names")]
pub enum PathObstacle {
    /// No rule of the instance's security groups lets its connections out.
    Egress { groups: Vec<String>, to: FarSide, to_groups: Vec<String> },
    /// No rule of the endpoints' security groups lets them in.
    Ingress { endpoints: Vec<String>, groups: Vec<String>, from: Option<String>, from_groups: Vec<String> },
    /// A network ACL does not let all of the traffic that is needed pass.
    NetworkAcl { rule: AclRule },
    /// The route table of the subnet has no route that leads there. `nat_gateway` is the one that stands in the subnet and needs it,
    /// `internet_gateway` the one that it could lead to; `has_default` says whether there is a default route that leads elsewhere.
    NoRoute {
        table: String,
        subnet: String,
        nat_gateway: Option<String>,
        internet_gateway: Option<String>,
        has_default: bool,
    },
    /// What the route leads to is gone.
    Blackhole { table: String, subnet: String, destination: String, target: Option<String> },
    /// The route leads to an internet gateway, and the instance has no public address.
    NoPublicAddress { table: String, gateway: String },
    /// The internet gateway of the route is not attached to the VPC. `attached` is the one that is, `other_vpc` the VPC that the
    /// gateway is attached to, where known.
    InternetGatewayDetached {
        table: String,
        gateway: String,
        vpc: String,
        attached: Option<String>,
        other_vpc: Option<String>,
    },
    /// The NAT gateway does not work; without a state it does not exist.
    NatGateway { gateway: String, state: Option<String> },
    /// The NAT gateway is private, and the internet gateway behind it drops what comes from one.
    PrivateNatGateway { gateway: String },
    /// The endpoint is not `available`.
    EndpointState { endpoint: String, state: String },
    /// The endpoint has no private DNS, so that the service's name does not lead to it.
    NoPrivateDns { endpoint: String },
    /// An attribute of the VPC is off that names need; `endpoint` is the one whose private DNS has no effect.
    VpcDns { vpc: String, attribute: DnsAttribute, endpoint: Option<String> },
    /// VPC Block Public Access is on.
    BlockPublicAccess { vpc: String, mode: String },
}

impl PathObstacle {
    /// The same for several instances: without what one of them alone has.
    pub fn of_any_instance(&mut self) {
        match self {
            PathObstacle::Ingress { from, .. } => *from = None,
            PathObstacle::NetworkAcl { rule } => rule.of_any_instance(),
            _ => {}
        }
    }

    /// Whether it is the same cause as another, which closes the way to other endpoints; then it speaks of these too.
    pub fn joins(&mut self, other: &PathObstacle) -> bool {
        let mut alone = other.clone();
        let Some(more) = alone.endpoints().map(std::mem::take) else { return self == other };
        let Some(own) = self.endpoints().map(std::mem::take) else { return false };
        let same = *self == alone;
        if let Some(endpoints) = self.endpoints() {
            *endpoints = own;
            let new: Vec<String> = more.into_iter().filter(|id| same && !endpoints.contains(id)).collect();
            endpoints.extend(new);
        }
        same
    }

    /// The endpoints that it names, where one cause may be that of several.
    fn endpoints(&mut self) -> Option<&mut Vec<String>> {
        match self {
            PathObstacle::Ingress { endpoints, .. }
            | PathObstacle::Egress { to: FarSide::Endpoints(endpoints), .. } => Some(endpoints),
            _ => None,
        }
    }

    /// The ids of what stands in the way.
    pub fn ids(&self) -> Vec<&str> {
        match self {
            PathObstacle::Egress { groups, .. } | PathObstacle::Ingress { groups, .. } => {
                groups.iter().map(String::as_str).collect()
            }
            PathObstacle::NetworkAcl { rule } => vec![&rule.acl],
            PathObstacle::NoRoute { table, .. }
            | PathObstacle::Blackhole { table, .. }
            | PathObstacle::NoPublicAddress { table, .. } => vec![table],
            PathObstacle::InternetGatewayDetached { gateway, .. }
            | PathObstacle::NatGateway { gateway, .. }
            | PathObstacle::PrivateNatGateway { gateway } => vec![gateway],
            PathObstacle::EndpointState { endpoint, .. } | PathObstacle::NoPrivateDns { endpoint } => vec![endpoint],
            PathObstacle::VpcDns { vpc, .. } | PathObstacle::BlockPublicAccess { vpc, .. } => vec![vpc],
        }
    }
}

/// What keeps a path from being decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(missing_docs, reason = "a field is what its name says, of the thing that the variant names")]
pub enum PathUnknown {
    /// A call gave no answer.
    Unreadable { reason: Unreadable },
    /// Something that is named is not in the answer of the call that lists such things.
    NotSeen { id: String, api: String },
    /// What a route leads to shows nothing of what is behind it.
    Target { table: String, destination: String, target: Option<String> },
    /// Several routes share the public addresses of AWS, and they differ.
    SeveralRoutes { table: String },
    /// The VPC has name servers of its own.
    OwnNameServers { dhcp_options: String, name_servers: Vec<String> },
    /// Another account shares the subnet, and its endpoints are not to be seen.
    SharedSubnet { subnet: String, owner: String },
    /// The instance has no IPv4 address.
    Ipv6Only,
    /// The way over IPv4 is closed, and one over IPv6 may be open, which the agent takes if it is told to.
    DualStack { closed_by: Vec<PathObstacle> },
    /// A regional NAT gateway, of which it is not known what it covers.
    RegionalNatGateway { gateway: String },
    /// The NAT gateway is not ready yet.
    NatGatewayPending { gateway: String, state: String },
    /// The endpoint is not `available`, and may be soon or for now.
    EndpointState { endpoint: String, state: String },
    /// Only some of the interfaces of the endpoint can be reached, and the name leads to any of them.
    SomeOfEndpoint { endpoint: String, closed_by: Vec<PathObstacle> },
    /// The endpoint has IPv6 addresses only.
    Ipv6Endpoint { endpoint: String },
    /// Nothing tells where the interfaces of the endpoint are.
    EndpointAddresses { endpoint: String },
    /// The name leads to an endpoint or past it, and these ways differ.
    EndpointOrNot { endpoint: String },
    /// A private hosted zone may lead the name elsewhere.
    PrivateZone { zone: String },
    /// A rule of Route 53 Resolver may lead the name to a network behind this route; without one the way is closed.
    LedBeyond { table: String, destination: String, target: Option<String>, closed_by: Vec<PathObstacle> },
    /// Whether a private hosted zone does was not read.
    PrivateZones { vpc: String },
    /// The attribute is off that names need, and the host may have name servers of its own.
    VpcDns { vpc: String, attribute: DnsAttribute },
    /// The security groups allow only some of the addresses on the other side.
    PartlyAllowed { groups: Vec<String>, to: FarSide },
    /// The security groups of the endpoint allow only some of the addresses that the instance may have.
    IngressInPart { endpoint: String, groups: Vec<String>, from: String },
    /// The instance will be in one of these subnets, and not all of them have an open path.
    SeveralSubnets { subnets: Vec<String> },
    /// The network ACL does so, or only some of the ports.
    NetworkAcl { rule: AclRule },
    /// It is not documented what VPC Block Public Access does here.
    BlockPublicAccess { vpc: String, mode: String },
    /// The Region of the bucket for session logs is not known, and the paths to S3 differ.
    BucketRegion { bucket: String },
    /// AWS gave something that is no CIDR block.
    NotACidr { text: String },
}

impl PathUnknown {
    /// The same for several instances: without what one of them alone has.
    pub fn of_any_instance(&mut self) {
        match self {
            PathUnknown::NetworkAcl { rule } => rule.of_any_instance(),
            PathUnknown::SomeOfEndpoint { closed_by, .. }
            | PathUnknown::DualStack { closed_by }
            | PathUnknown::LedBeyond { closed_by, .. } => {
                closed_by.iter_mut().for_each(PathObstacle::of_any_instance);
            }
            _ => {}
        }
    }
}

/// How much it matters that a path is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PathWeight {
    /// Sessions fail.
    Sessions,
    /// The agent is connected all the same, by a way that cannot be seen from outside.
    Connected,
    /// Session logs are lost.
    Logs,
}
