//! Whether the agent's connections from an instance reach a service of AWS: a plain function of the network.
//!
//! Every answer has three values. What was not read leaves unknown what depends on it, and no more.

mod acls;
mod addresses;
mod endpoint;
mod groups;
mod leg;
mod names;
mod public;
mod routes;
#[cfg(test)]
mod tests;

use crate::facts::{Fact, Network, PlannedInterface, PrimaryInterface, Unreadable};
use crate::report::{Direction, NetworkPath, PathDecision};
use leg::Leg;

pub use crate::report::{FarSide, PathObstacle as Obstacle, PathUnknown, Service, Via};

/// Where the agent is.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The network of its Region.
    pub network: &'a Network,
    /// Its VPC.
    pub vpc: &'a str,
    /// The interface that carries its traffic.
    pub interface: Interface<'a>,
    /// The account of the instance, where known.
    pub account: Option<&'a str>,
    /// The Region of the service.
    pub region: &'a str,
    /// The partition.
    pub partition: &'a str,
}

/// The network interface that carries the agent's traffic.
#[derive(Debug, Clone, Copy)]
pub struct Interface<'a> {
    /// Its subnet.
    pub subnet: &'a str,
    /// Its security groups.
    pub security_groups: &'a [String],
    /// Its private IPv4 address; none in a subnet of IPv6 only.
    pub private: Option<PrivateAddress<'a>>,
    /// Its public IPv4 address.
    pub public: PublicAddress<'a>,
    /// Whether it has IPv6 addresses.
    pub has_ipv6: bool,
}

/// A private IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateAddress<'a> {
    /// This one.
    Is(&'a str),
    /// One of this CIDR block.
    Of(&'a str),
}

impl<'a> PrivateAddress<'a> {
    /// The address, or the block that it is of.
    fn text(self) -> &'a str {
        match self {
            PrivateAddress::Is(text) | PrivateAddress::Of(text) => text,
        }
    }
}

/// A public IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicAddress<'a> {
    /// There is none.
    None,
    /// This one.
    Is(&'a str),
    /// There will be one.
    Some,
    /// Whether there will be one is not known.
    NotKnown(&'a Unreadable),
}

impl<'a> From<&'a PrimaryInterface> for Interface<'a> {
    fn from(interface: &'a PrimaryInterface) -> Interface<'a> {
        Interface {
            subnet: &interface.subnet,
            security_groups: &interface.security_groups,
            private: interface.private_ip.as_deref().map(PrivateAddress::Is),
            public: interface.public_ip.as_deref().map_or(PublicAddress::None, PublicAddress::Is),
            has_ipv6: interface.has_ipv6,
        }
    }
}

impl<'a> From<&'a PlannedInterface> for Interface<'a> {
    fn from(interface: &'a PlannedInterface) -> Interface<'a> {
        Interface {
            subnet: &interface.subnet,
            security_groups: &interface.security_groups,
            private: Some(match &interface.private_ip {
                Some(address) => PrivateAddress::Is(address),
                None => PrivateAddress::Of(&interface.block),
            }),
            public: match &interface.has_public_ip {
                Fact::Known(true) => PublicAddress::Some,
                Fact::Known(false) | Fact::Absent => PublicAddress::None,
                Fact::Unreadable(reason) => PublicAddress::NotKnown(reason),
            },
            has_ipv6: interface.has_ipv6,
        }
    }
}

impl Place<'_> {
    /// That something which is named is not in the answer of the call that lists such things, or why it is not known.
    fn not_seen(&self, id: &str, api: &str) -> PathUnknown {
        match self.network.not_known.get(id) {
            Some(reason) => PathUnknown::Unreadable { reason: reason.clone() },
            None => PathUnknown::NotSeen { id: id.to_owned(), api: api.to_owned() },
        }
    }
}

/// Whether the agent's connections get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// They do.
    Open,
    /// They certainly do not.
    Closed,
    /// It cannot be told from what was read.
    Unknown,
}

impl From<Decision> for PathDecision {
    fn from(decision: Decision) -> PathDecision {
        match decision {
            Decision::Open => PathDecision::Open,
            Decision::Closed => PathDecision::Closed,
            Decision::Unknown => PathDecision::Unknown,
        }
    }
}

/// What requests carry of their way, for the condition keys `aws:SourceVpce`, `aws:VpcSourceIp` and `aws:SourceIp`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    /// They come through an endpoint, from a private address.
    Endpoint {
        /// The endpoint's id.
        endpoint: String,
        /// The instance's private IPv4 address, where known.
        address: Option<String>,
        /// Whether requests may come from an IPv6 address instead.
        may_be_over_ipv6: bool,
    },
    /// They come from one of these public addresses.
    Public {
        /// The instance's own, or those of the NAT gateway.
        addresses: Vec<String>,
    },
    /// They come in one of several ways, and which is not known.
    OneOf {
        /// The endpoints that they may come through.
        endpoints: Vec<String>,
        /// Whether they may come through none of these.
        others: bool,
    },
    /// That is not known.
    #[default]
    NotKnown,
}

impl Source {
    /// This one or the other.
    fn or(self, other: &Source) -> Source {
        if self == *other {
            return self;
        }
        let ((mut endpoints, others), (more, more_others)) = (self.ways(), other.clone().ways());
        for endpoint in more {
            if !endpoints.contains(&endpoint) {
                endpoints.push(endpoint);
            }
        }
        Source::one_of(endpoints, others || more_others)
    }

    /// The same, or one that nobody sees.
    fn or_unseen(self) -> Source {
        self.or(&Source::NotKnown)
    }

    /// One of so many endpoints, or of others.
    fn one_of(endpoints: Vec<String>, others: bool) -> Source {
        match endpoints.is_empty() {
            true => Source::NotKnown,
            false => Source::OneOf { endpoints, others },
        }
    }

    /// The endpoints that requests may come through, and whether they may come through none of these.
    fn ways(self) -> (Vec<String>, bool) {
        match self {
            Source::Endpoint { endpoint, .. } => (vec![endpoint], false),
            Source::OneOf { endpoints, others } => (endpoints, others),
            Source::Public { .. } | Source::NotKnown => (Vec::new(), true),
        }
    }
}

/// The way from an instance to one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The service.
    pub service: Service,
    /// Whether it is open.
    pub decision: Decision,
    /// How it leaves the VPC; `None` where it does not, or it is not known.
    pub via: Option<Via>,
    /// The ids on the way, in order.
    pub through: Vec<String>,
    /// What closes it; empty unless it is closed.
    pub obstacles: Vec<Obstacle>,
    /// What is not known of it. A path may be closed whatever that is.
    pub unknowns: Vec<PathUnknown>,
    /// What its requests carry.
    pub source: Source,
}

impl From<&Path> for NetworkPath {
    fn from(path: &Path) -> NetworkPath {
        let mut blocked_by: Vec<String> = Vec::new();
        for id in path.obstacles.iter().flat_map(Obstacle::ids) {
            if !blocked_by.iter().any(|known| known == id) {
                blocked_by.push(id.to_owned());
            }
        }
        NetworkPath {
            service: path.service,
            decision: path.decision.into(),
            via: path.via,
            through: path.through.clone(),
            blocked_by,
        }
    }
}

/// The way from an instance to a service of its Region.
pub fn path(place: &Place<'_>, service: Service) -> Path {
    path_of(leg(place, service), service)
}

/// The way in one of these places, of which there is one at least. Where they differ, `why` leaves it unknown.
pub fn path_in_any(places: &[Place<'_>], service: Service, why: PathUnknown) -> Path {
    let legs = places.iter().map(|place| leg(place, service)).collect();
    path_of(leg::either(legs, why), service)
}

fn leg(place: &Place<'_>, service: Service) -> Leg {
    let leg = names::leg(place, service);
    // What lets nothing out at all closes every way, also those that are not known.
    let groups = place.interface.security_groups;
    if !leg.is_closed() && groups::allow_nothing(place, groups, Direction::Outbound) {
        let (groups, to, to_groups) = (groups.to_vec(), FarSide::PublicAddresses, Vec::new());
        return Leg { unknowns: leg.unknowns, ..Leg::closed(Obstacle::Egress { groups, to, to_groups }) };
    }
    leg
}

fn path_of(leg: Leg, service: Service) -> Path {
    let decision = leg.decision();
    let Leg { via, through, source, mut obstacles, mut unknowns } = leg;
    distinct(&mut obstacles);
    distinct(&mut unknowns);
    Path { service, decision, via, through, obstacles, unknowns, source }
}

fn distinct<T: PartialEq>(items: &mut Vec<T>) {
    let mut seen: Vec<T> = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    *items = seen;
}

/// What was read, none if AWS says that there is none.
fn read<T>(fact: &Fact<T>) -> Result<Option<&T>, PathUnknown> {
    match fact {
        Fact::Known(value) => Ok(Some(value)),
        Fact::Absent => Ok(None),
        Fact::Unreadable(reason) => Err(PathUnknown::Unreadable { reason: reason.clone() }),
    }
}
