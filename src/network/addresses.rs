//! Sets of IPv4 addresses.

use ipnet::{IpNet, Ipv4Net};

/// Addresses that no service of AWS has in public
/// ([IANA](https://www.iana.org/assignments/iana-ipv4-special-registry/iana-ipv4-special-registry.xhtml)).
const NOT_PUBLIC: [&str; 8] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
];

/// IPv4 addresses, as ranges that do not overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Addresses(Vec<(u32, u32)>);

impl Addresses {
    pub(super) fn everything() -> Addresses {
        Addresses(vec![(0, u32::MAX)])
    }

    /// The addresses that a public service of AWS may have.
    pub(super) fn public() -> Addresses {
        NOT_PUBLIC
            .iter()
            .filter_map(|text| of_cidr(text).ok())
            .fold(Addresses::everything(), |rest, net| rest.minus(&net))
    }

    fn of_net(net: Ipv4Net) -> Addresses {
        Addresses(vec![(net.network().to_bits(), net.broadcast().to_bits())])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn and(&self, other: &Addresses) -> Addresses {
        let mut more = other.minus(self);
        more.0.extend(&self.0);
        more
    }

    pub(super) fn minus(&self, other: &Addresses) -> Addresses {
        other.0.iter().fold(self.clone(), |rest, cut| rest.without(*cut))
    }

    fn without(&self, (from, to): (u32, u32)) -> Addresses {
        let mut ranges = Vec::with_capacity(self.0.len() + 1);
        for &(first, last) in &self.0 {
            if last < from || to < first {
                ranges.push((first, last));
                continue;
            }
            ranges.extend(from.checked_sub(1).filter(|_| first < from).map(|end| (first, end)));
            ranges.extend(to.checked_add(1).filter(|_| to < last).map(|start| (start, last)));
        }
        Addresses(ranges)
    }

    /// Those that `other` has too.
    pub(super) fn within(&self, other: &Addresses) -> Addresses {
        self.minus(&self.minus(other))
    }
}

/// The addresses of a CIDR block, or of a single address; none of one of IPv6.
pub(super) fn of_cidr(text: &str) -> Result<Addresses, NotACidr> {
    let net = text.parse::<IpNet>().or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()));
    match net {
        Ok(IpNet::V4(net)) => Ok(Addresses::of_net(net)),
        Ok(IpNet::V6(_)) => Ok(Addresses::default()),
        Err(_) => Err(NotACidr),
    }
}

/// The number of bits that a CIDR block fixes.
pub(super) fn prefix_length(text: &str) -> u8 {
    text.parse::<IpNet>().map_or(32, |net| net.prefix_len())
}

/// It is neither a CIDR block nor an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotACidr;
