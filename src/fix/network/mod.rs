//! Changes of a network that open the way from instances to AWS, as data. They are printed, and nothing here or elsewhere makes them.

mod foresee;
mod plan;

use crate::report::{Direction, DnsAttribute, Service};

pub use plan::{NetworkPlan, propose};

/// What opens the way of instances in one VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkProposal {
    /// The Region.
    pub region: String,
    /// The VPC.
    pub vpc: String,
    /// The changes, in the order to make them.
    pub changes: Vec<NetworkChange>,
    /// The targets whose way they open.
    pub targets: Vec<String>,
    /// The subnets in which names lead to endpoints from then on, which they did not before: all of the VPC, if any.
    pub redirects: Vec<String>,
    /// The services that these names are of.
    pub services: Vec<Service>,
}

impl NetworkProposal {
    /// The zones of interface endpoints that are created, all together: each is billed by the hour.
    pub fn billed_zones(&self) -> usize {
        let zones = self.changes.iter().map(|change| match change {
            NetworkChange::CreateInterfaceEndpoint { subnets, .. } => subnets.len(),
            _ => 0,
        });
        zones.sum()
    }
}

/// A change of a network, by one call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "a field is what its name says, of the thing that the variant names")]
pub enum NetworkChange {
    /// Switches on an attribute of the VPC.
    EnableDns { attribute: DnsAttribute },
    /// Switches on the private DNS of an endpoint.
    EnablePrivateDns { endpoint: String },
    /// Creates the security group of the endpoints that are created, which has this name.
    CreateGroup { name: String },
    /// Allows TCP 443 in a security group.
    AllowHttps { group: Group, direction: Direction, peer: Peer },
    /// Adds an entry that allows to a network ACL.
    AddAclEntry { acl: String, direction: Direction, number: i32, ports: (u16, u16), cidr: String },
    /// Creates an interface endpoint with private DNS in the created security group, in a subnet of each zone.
    CreateInterfaceEndpoint { service: Service, name: String, subnets: Vec<String> },
    /// Creates a gateway endpoint for these route tables.
    CreateGatewayEndpoint { service: Service, name: String, route_tables: Vec<String> },
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// One that exists, by its id.
    Known(String),
    /// The one that the proposal creates.
    Created,
}

/// The other side of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// The members of a security group.
    Group(Group),
    /// A CIDR block.
    Cidr(String),
    /// A prefix list, by its id.
    PrefixList(String),
    /// A prefix list of AWS, by its name, which is that of the service.
    PrefixListNamed(String),
}
