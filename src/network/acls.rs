//! Network ACLs: stateless, by the number of their entries, at the border of a subnet
//! ([network ACL rules](https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html)).

use super::addresses::{Addresses, of_cidr};
use super::leg::Leg;
use super::{Place, PrivateAddress, read};
use crate::facts::{AclEntry, NetworkAcl};
use crate::report::{AclPeer, AclRule, Direction, PathObstacle, PathUnknown};

const HTTPS: (u16, u16) = (443, 443);

/// The ports that answers go to
/// ([ephemeral ports](https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports)).
const EPHEMERAL: (u16, u16) = (1024, 65535);

/// Addresses with what they are called.
#[derive(Debug, Clone)]
pub(super) struct OtherSide {
    pub(super) addresses: Addresses,
    pub(super) name: AclPeer,
}

impl OtherSide {
    /// The instance's own address.
    pub(super) fn instance(place: &Place<'_>) -> OtherSide {
        let address = place.interface.private.map(PrivateAddress::text);
        let addresses = address.and_then(|address| of_cidr(address).ok()).unwrap_or_default();
        OtherSide { addresses, name: AclPeer::Instance(address.map(str::to_owned)) }
    }

    /// Public addresses of AWS.
    pub(super) fn public(addresses: &Addresses) -> OtherSide {
        OtherSide { addresses: addresses.clone(), name: AclPeer::PublicAddresses }
    }
}

/// Whether connections from within the subnet to the other side, and the answers to them, pass its border.
pub(super) fn lets_out(place: &Place<'_>, subnet: &str, to: &OtherSide) -> Leg {
    crosses(place, subnet, to, [(Direction::Outbound, HTTPS), (Direction::Inbound, EPHEMERAL)])
}

/// Whether connections from the other side into the subnet, and the answers to them, pass its border.
pub(super) fn lets_in(place: &Place<'_>, subnet: &str, from: &OtherSide) -> Leg {
    crosses(place, subnet, from, [(Direction::Inbound, HTTPS), (Direction::Outbound, EPHEMERAL)])
}

fn crosses(place: &Place<'_>, subnet: &str, other: &OtherSide, needed: [(Direction, (u16, u16)); 2]) -> Leg {
    let (id, acl) = match acl_of(place, subnet) {
        Ok(found) => found,
        Err(unknown) => return Leg::unknown(unknown),
    };
    let mut leg = Leg::default();
    for (direction, ports) in needed {
        let rule = |denied: Denied| AclRule {
            acl: id.to_owned(),
            subnet: subnet.to_owned(),
            rule: denied.rule,
            direction,
            ports: denied.ports,
            other_side: other.name.clone(),
        };
        match decide(acl, direction, &other.addresses, ports) {
            Decided::Allowed => {}
            Decided::Denied(denied) => {
                leg.obstacles.push(PathObstacle::NetworkAcl { rule: rule(Denied { ports, ..denied }) });
            }
            Decided::InPart(denied) => leg.unknowns.push(PathUnknown::NetworkAcl { rule: rule(denied) }),
            Decided::NotACidr(text) => leg.unknowns.push(PathUnknown::NotACidr { text }),
        }
    }
    leg
}

/// The network ACL of a subnet: the one that is associated with it, else the default one of the VPC.
fn acl_of<'a>(place: &Place<'a>, subnet: &str) -> Result<(&'a str, &'a NetworkAcl), PathUnknown> {
    let acls = read(&place.network.network_acls)?.into_iter().flatten();
    let own = |acl: &NetworkAcl| acl.subnets.iter().any(|of| of == subnet);
    let found = acls.clone().find(|(_, acl)| own(acl));
    let found = found.or_else(|| acls.clone().find(|(_, acl)| acl.is_default && acl.vpc == place.vpc));
    found.map(|(id, acl)| (id.as_str(), acl)).ok_or_else(|| place.not_seen(subnet, "ec2:DescribeNetworkAcls"))
}

enum Decided {
    Allowed,
    Denied(Denied),
    InPart(Denied),
    NotACidr(String),
}

/// What is denied first, and by which entry.
#[derive(Clone, Copy)]
struct Denied {
    rule: i32,
    ports: (u16, u16),
}

/// Traffic of which nothing has been decided yet.
struct Open {
    addresses: Addresses,
    ports: (u16, u16),
}

fn decide(acl: &NetworkAcl, direction: Direction, addresses: &Addresses, ports: (u16, u16)) -> Decided {
    let of_direction = |entry: &&AclEntry| entry.is_egress == (direction == Direction::Outbound);
    let of_tcp = |entry: &&AclEntry| matches!(entry.protocol.as_str(), "-1" | "6" | "tcp");
    let mut entries: Vec<&AclEntry> = acl.entries.iter().filter(of_direction).filter(of_tcp).collect();
    entries.sort_by_key(|entry| entry.number);
    let mut open = vec![Open { addresses: addresses.clone(), ports }];
    let (mut allows, mut denied) = (false, None);
    for entry in entries {
        let Ok(cidr) = of_cidr(&entry.cidr) else { return Decided::NotACidr(entry.cidr.clone()) };
        // All protocols means all ports.
        let of_entry = entry.ports.filter(|_| entry.protocol != "-1").unwrap_or((0, i32::from(u16::MAX)));
        let mut rest = Vec::new();
        for Open { addresses, ports } in open {
            let Some(hit_ports) = common(ports, of_entry) else {
                rest.push(Open { addresses, ports });
                continue;
            };
            let hit = addresses.within(&cidr);
            if hit.is_empty() {
                rest.push(Open { addresses, ports });
                continue;
            }
            match entry.allows {
                true => allows = true,
                false => denied = denied.or(Some(Denied { rule: entry.number, ports: hit_ports })),
            }
            let ((first, last), (from, to)) = (ports, hit_ports);
            let below = from.checked_sub(1).filter(|_| first < from).map(|end| (first, end));
            let above = to.checked_add(1).filter(|_| to < last).map(|start| (start, last));
            rest.extend(below.into_iter().chain(above).map(|ports| Open { addresses: addresses.clone(), ports }));
            let missed = addresses.minus(&cidr);
            rest.extend((!missed.is_empty()).then_some(Open { addresses: missed, ports: hit_ports }));
        }
        open = rest;
    }
    // The final deny is not always listed.
    let last = open.first().map(|open| Denied { rule: AclRule::FINAL, ports: open.ports });
    match denied.or(last) {
        None => Decided::Allowed,
        Some(denied) if allows => Decided::InPart(denied),
        Some(denied) => Decided::Denied(denied),
    }
}

/// The ports that are in both ranges.
fn common((first, last): (u16, u16), (from, to): (i32, i32)) -> Option<(u16, u16)> {
    let start = i32::from(first).max(from);
    let end = i32::from(last).min(to);
    let pair = (u16::try_from(start).ok()?, u16::try_from(end).ok()?);
    (start <= end).then_some(pair)
}
