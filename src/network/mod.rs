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

use crate::facts::{Fact, Network, PrimaryInterface};
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
    pub interface: &'a PrimaryInterface,
    /// The account of the instance, where known.
    pub account: Option<&'a str>,
    /// The Region.
    pub region: &'a str,
    /// The partition.
    pub partition: &'a str,
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
        /// The instance's private address, where known.
        address: Option<String>,
    },
    /// They come from one of these public addresses.
    Public {
        /// The instance's own, or those of the NAT gateway.
        addresses: Vec<String>,
    },
    /// That is not known.
    #[default]
    NotKnown,
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
    let mut leg = names::leg(place, service);
    // What lets nothing out at all closes every way, also those that are not known.
    let groups = &place.interface.security_groups;
    if !leg.is_closed() && groups::allow_nothing(place, groups, Direction::Outbound) {
        let (to, to_groups) = (FarSide::PublicAddresses, Vec::new());
        leg = Leg { unknowns: leg.unknowns, ..Leg::closed(Obstacle::Egress { groups: groups.clone(), to, to_groups }) };
    }
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
