//! Security groups: stateful, and all groups of an interface together
//! ([security group rules](https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html)).

use super::addresses::{Addresses, of_cidr};
use super::leg::Leg;
use super::{Place, read};
use crate::facts::{GroupRule, Network, SecurityGroup};
use crate::report::{Direction, FarSide, PathObstacle, PathUnknown};

/// The other side of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer<'a> {
    pub(super) addresses: &'a Addresses,
    /// The security groups that its interfaces are in.
    pub(super) groups: &'a [String],
    /// A prefix list that holds its addresses, all of them.
    pub(super) prefix_list: Option<&'a str>,
}

/// How much of the other side security groups allow on TCP 443.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Allowed {
    All,
    Nothing,
    Part,
    Unknown(Vec<PathUnknown>),
}

pub(super) fn allowed(place: &Place<'_>, groups: &[String], direction: Direction, peer: Peer<'_>) -> Allowed {
    let known = match read(&place.network.security_groups) {
        Ok(known) => known,
        Err(unknown) => return Allowed::Unknown(vec![unknown]),
    };
    let (mut rest, mut unknowns) = (peer.addresses.clone(), Vec::new());
    for id in groups {
        let Some(group) = known.and_then(|known| known.get(id)) else {
            unknowns.push(place.not_seen(id, "ec2:DescribeSecurityGroups"));
            continue;
        };
        for rule in rules(group, direction).iter().filter(|rule| is_of_https(rule)) {
            let names_group = rule.groups.iter().any(|group| peer.groups.contains(group));
            let names_list = peer.prefix_list.is_some_and(|list| rule.prefix_lists.iter().any(|id| id == list));
            if names_group || names_list {
                return Allowed::All;
            }
            let (addresses, unread) = sources(place.network, rule);
            rest = rest.minus(&addresses);
            unknowns.extend(unread);
        }
    }
    if groups.is_empty() {
        // An interface without any group does not exist.
        unknowns.push(place.not_seen(place.interface.subnet, "ec2:DescribeInstances"));
    }
    if rest.is_empty() {
        Allowed::All
    } else if !unknowns.is_empty() {
        Allowed::Unknown(unknowns)
    } else if rest == *peer.addresses {
        Allowed::Nothing
    } else {
        Allowed::Part
    }
}

/// Whether the security groups of the instance let its connections to the other side out.
pub(super) fn egress(place: &Place<'_>, peer: Peer<'_>, to: FarSide) -> Leg {
    let groups = place.interface.security_groups.to_vec();
    match allowed(place, &groups, Direction::Outbound, peer) {
        Allowed::All => Leg::default(),
        Allowed::Nothing => Leg::closed(PathObstacle::Egress { groups, to, to_groups: peer.groups.to_vec() }),
        Allowed::Part => Leg::unknown(PathUnknown::PartlyAllowed { groups, to }),
        Allowed::Unknown(unknowns) => Leg { unknowns, ..Leg::default() },
    }
}

/// Whether certainly nothing is allowed on TCP 443, to whomever.
pub(super) fn allow_nothing(place: &Place<'_>, groups: &[String], direction: Direction) -> bool {
    let Some(known) = place.network.security_groups.known() else { return false };
    let allows = |group: &SecurityGroup| {
        let names_any =
            |rule: &GroupRule| !(rule.cidrs.is_empty() && rule.prefix_lists.is_empty() && rule.groups.is_empty());
        rules(group, direction).iter().any(|rule| is_of_https(rule) && names_any(rule))
    };
    !groups.is_empty() && groups.iter().all(|id| known.get(id).is_some_and(|group| !allows(group)))
}

/// Whether the security groups may let TCP 443 out over IPv6.
pub(super) fn may_let_out_ipv6(place: &Place<'_>, groups: &[String]) -> bool {
    let Some(known) = place.network.security_groups.known() else { return true };
    let may = |rule: &GroupRule| {
        let names_ipv6 = rule.cidrs.iter().any(|cidr| cidr.contains(':'));
        is_of_https(rule) && (names_ipv6 || !rule.prefix_lists.is_empty() || !rule.groups.is_empty())
    };
    groups.iter().any(|id| known.get(id).is_none_or(|group| group.egress.iter().any(may)))
}

/// The addresses that a rule names, and what of it is not known.
fn sources(network: &Network, rule: &GroupRule) -> (Addresses, Vec<PathUnknown>) {
    let (mut addresses, mut unknowns) = (Addresses::default(), Vec::new());
    let mut cidrs: Vec<&String> = rule.cidrs.iter().collect();
    for id in &rule.prefix_lists {
        match prefix_list(network, id) {
            Ok(list) => cidrs.extend(list),
            Err(unknown) => unknowns.push(unknown),
        }
    }
    for cidr in cidrs {
        match of_cidr(cidr) {
            Ok(more) => addresses = addresses.and(&more),
            Err(_) => unknowns.push(PathUnknown::NotACidr { text: cidr.clone() }),
        }
    }
    (addresses, unknowns)
}

/// The entries of a prefix list.
pub(super) fn prefix_list<'a>(network: &'a Network, id: &str) -> Result<&'a [String], PathUnknown> {
    let not_seen = || PathUnknown::NotSeen { id: id.to_owned(), api: "ec2:GetManagedPrefixListEntries".to_owned() };
    read(network.prefix_lists.get(id).ok_or_else(not_seen)?).map(|list| list.map_or(&[][..], Vec::as_slice))
}

fn rules(group: &SecurityGroup, direction: Direction) -> &[GroupRule] {
    match direction {
        Direction::Inbound => &group.ingress,
        Direction::Outbound => &group.egress,
    }
}

fn is_of_https(rule: &GroupRule) -> bool {
    match rule.protocol.as_str() {
        "-1" => true,
        "tcp" | "6" => rule.from_port.is_none_or(|port| port <= 443) && rule.to_port.is_none_or(|port| 443 <= port),
        _ => false,
    }
}
