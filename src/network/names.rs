//! Where the name of a service leads: to an endpoint, or to public addresses
//! ([private DNS](https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html)).

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::acls::{OtherSide, lets_out};
use super::endpoint::{self, Endpoint};
use super::groups::{self, Peer};
use super::leg::{Leg, either};
use super::routes::{self, Table};
use super::{Place, Source, public, read};
use crate::facts::{Fact, Route, VpcDns};
use crate::report::{DnsAttribute, FarSide, PathObstacle, PathUnknown, Service};

const AMAZON: &str = "AmazonProvidedDNS";

/// The addresses at which the name servers of Amazon answer in each VPC
/// ([Amazon DNS](https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html#AmazonDNS)).
const AMAZON_ADDRESSES: [&str; 2] = ["169.254.169.253", "fd00:ec2::253"];

/// The way to a service, wherever its name leads.
///
/// The agent takes the names of IPv4 unless its configuration has `UseDualStackEndpoint`, which nobody sees
/// ([agent settings](https://github.com/aws/amazon-ssm-agent/blob/mainline/README.md)).
pub(super) fn leg(place: &Place<'_>, service: Service) -> Leg {
    let leg = over_ipv4(place, service);
    if !leg.is_closed() || !may_be_open_over_ipv6(place, service) {
        return leg;
    }
    let closed_by = leg.obstacles.clone();
    leg.perhaps(PathUnknown::DualStack { closed_by })
}

/// Whether there may be a way over IPv6: a route out, or an endpoint that has addresses of both kinds.
fn may_be_open_over_ipv6(place: &Place<'_>, service: Service) -> bool {
    if !place.interface.has_ipv6 || !groups::may_let_out_ipv6(place, place.interface.security_groups) {
        return false;
    }
    let routed = routes::table_of(place, place.interface.subnet).map_or(true, |table| table.leads_out_over_ipv6(place));
    let mut endpoints = place.network.endpoints.known().into_iter().flat_map(|all| all.values());
    let dual_stack = endpoints.any(|endpoint| {
        let of_ipv6 = endpoint.ip_address_type.as_deref().is_some_and(|kind| kind != "ipv4");
        of_ipv6 && endpoint.vpc == place.vpc && is_of_service(&endpoint.service, place, service)
    });
    routed || dual_stack
}

fn over_ipv4(place: &Place<'_>, service: Service) -> Leg {
    if let Some(unknown) = shared_subnet(place) {
        return Leg::unknown(unknown);
    }
    if place.interface.private.is_none() {
        return Leg::unknown(PathUnknown::Ipv6Only);
    }
    let endpoints = match read(&place.network.endpoints) {
        Ok(endpoints) => endpoints.into_iter().flatten().map(|(id, endpoint)| Endpoint { id, endpoint }),
        Err(unknown) => return Leg::unknown(unknown),
    };
    let of_vpc = |endpoint: &Endpoint<'_>| endpoint.endpoint.vpc == place.vpc;
    let of_service = |endpoint: &Endpoint<'_>| is_of_service(&endpoint.endpoint.service, place, service);
    let endpoints = endpoints.filter(of_vpc).filter(of_service);
    let (interfaces, gateways): (Vec<_>, Vec<_>) =
        endpoints.partition(|endpoint| endpoint.endpoint.kind.eq_ignore_ascii_case("Interface"));
    let gateway = if service == Service::S3 { endpoint::gateway(place, &gateways) } else { None };
    let has_gateway = gateway.is_some();
    let public = gateway.unwrap_or_else(|| public::leg(place));
    let names = Names { place, service, interfaces, has_gateway };
    match own_name_servers(place) {
        None => names.of_amazon(public),
        Some(unknown) => names.anywhere(public, unknown.clone()).perhaps(unknown),
    }
}

/// Whether it is the name of the endpoint service of a service. It begins with `com.amazonaws` or with the suffix of host names the other
/// way round, and which differs by partition, Region, service and over time
/// ([as the AWS CDK knows them](https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/aws-ec2/lib/vpc-endpoint.ts)).
fn is_of_service(name: &str, place: &Place<'_>, service: Service) -> bool {
    let prefix = name.strip_suffix(service.name()).and_then(|rest| rest.strip_suffix('.'));
    let prefix = prefix.and_then(|rest| rest.strip_suffix(place.region)).and_then(|rest| rest.strip_suffix('.'));
    let reversed = || dns_suffix(place.partition).rsplit('.');
    prefix.is_some_and(|prefix| prefix == "com.amazonaws" || prefix.split('.').eq(reversed()))
}

/// A subnet of another account, in whose VPC only that account sees the endpoints
/// ([shared VPCs](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-sharing.html)).
fn shared_subnet(place: &Place<'_>) -> Option<PathUnknown> {
    let id = place.interface.subnet;
    let subnet = place.network.subnets.known().and_then(|subnets| subnets.get(id));
    let vpc = place.network.vpcs.known().and_then(|vpcs| vpcs.get(place.vpc));
    let owner = subnet.and_then(|subnet| subnet.owner.as_ref()).or_else(|| vpc.and_then(|vpc| vpc.owner.as_ref()))?;
    let account = place.account?;
    (owner != account).then(|| PathUnknown::SharedSubnet { subnet: id.to_owned(), owner: owner.clone() })
}

/// Name servers that are not Amazon's, or of which that is not known
/// ([DHCP options](https://docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSetConcepts.html)).
fn own_name_servers(place: &Place<'_>) -> Option<PathUnknown> {
    let not_seen = |id: &str, api: &str| Some(place.not_seen(id, api));
    let vpc = match read(&place.network.vpcs) {
        Ok(vpcs) => vpcs.and_then(|vpcs| vpcs.get(place.vpc)),
        Err(unknown) => return Some(unknown),
    };
    let Some(vpc) = vpc else { return not_seen(place.vpc, "ec2:DescribeVpcs") };
    let Some(id) = vpc.dhcp_options.as_deref() else { return not_seen(place.vpc, "ec2:DescribeVpcs") };
    // The word for no set of options at all, under which instances on Nitro have Amazon's.
    if id == "default" {
        return None;
    }
    let options = match read(&place.network.dhcp_options) {
        Ok(options) => options.and_then(|options| options.get(id)),
        Err(unknown) => return Some(unknown),
    };
    let Some(options) = options else { return not_seen(id, "ec2:DescribeDhcpOptions") };
    let servers = &options.name_servers;
    let base = vpc.cidrs.first().and_then(|cidr| cidr.parse::<Ipv4Net>().ok());
    // The block that the VPC was made with, plus two.
    let of_vpc = base.and_then(|net| net.network().to_bits().checked_add(2)).map(Ipv4Addr::from_bits);
    let is_amazon = |server: &String| {
        let is_of_vpc = of_vpc.is_some_and(|address| server.parse() == Ok(address));
        server == AMAZON || AMAZON_ADDRESSES.contains(&server.as_str()) || is_of_vpc
    };
    let own = !servers.iter().all(is_amazon);
    own.then(|| PathUnknown::OwnNameServers { dhcp_options: id.to_owned(), name_servers: servers.clone() })
}

/// What the name of a service may lead to.
struct Names<'a> {
    place: &'a Place<'a>,
    service: Service,
    /// The interface endpoints of the service in the VPC.
    interfaces: Vec<Endpoint<'a>>,
    /// Whether the way to public addresses is through a gateway endpoint.
    has_gateway: bool,
}

impl Names<'_> {
    fn leg_to(&self, endpoint: Endpoint<'_>) -> Leg {
        endpoint::leg(self.place, endpoint)
    }

    /// Where a name may lead that nobody sees.
    fn anywhere(&self, public: Leg, why: PathUnknown) -> Leg {
        let mut legs = vec![public];
        legs.extend(
            self.interfaces.iter().filter(|endpoint| !endpoint.is_gone()).map(|endpoint| self.leg_to(*endpoint)),
        );
        // Something of that name in a network that is connected to this one.
        match routes::table_of(self.place, self.place.interface.subnet) {
            Ok(table) => legs.extend(self.beyond(table).map(|(_, leg)| leg)),
            Err(unknown) => legs.push(Leg::unknown(unknown)),
        }
        either(legs, why)
    }

    /// The ways to networks that cannot be seen from here.
    fn beyond<'t>(&'t self, table: Table<'t>) -> impl Iterator<Item = (&'t Route, Leg)> {
        let place = self.place;
        routes::beyond(place, table).map(move |route| {
            let mut leg = Leg::unknown(routes::unknown_target(table, route));
            match routes::destination(place, route) {
                Err(unknown) => leg.unknowns.push(unknown),
                Ok(addresses) => {
                    let peer = Peer { addresses: &addresses, groups: &[], prefix_list: None };
                    leg.needs(groups::egress(place, peer, FarSide::PublicAddresses));
                    leg.needs(lets_out(place, place.interface.subnet, &OtherSide::public(&addresses)));
                }
            }
            (route, leg)
        })
    }

    /// The public way, unless a rule of Route 53 Resolver or a Route 53 Profile leads the name to endpoints of another network, which
    /// no list of hosted zones shows
    /// ([resolver rules](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-overview-forward-vpc-to-network.html)).
    fn unless_led_beyond(&self, public: Leg) -> Leg {
        let table = match routes::table_of(self.place, self.place.interface.subnet) {
            Ok(table) => table,
            Err(unknown) => return public.perhaps(unknown),
        };
        let Some((route, _)) = self.beyond(table).find(|(_, leg)| !leg.is_closed()) else { return public };
        if !public.is_closed() {
            // The route of a gateway endpoint is for the addresses of the service, whatever else there is.
            let source = if self.has_gateway { public.source } else { Source::NotKnown };
            return Leg { source, ..public };
        }
        let closed_by = public.obstacles.clone();
        let (table, destination, target) = (table.id.to_owned(), route.destination.clone(), route.target.clone());
        public.perhaps(PathUnknown::LedBeyond { table, destination, target, closed_by })
    }

    /// With the name servers of Amazon.
    fn of_amazon(&self, public: Leg) -> Leg {
        let dns = self.place.network.dns.get(self.place.vpc);
        let attribute = |of: fn(&VpcDns) -> &Fact<bool>| match dns.map(of) {
            Some(fact) => read(fact).map(|on| on.copied().unwrap_or(false)),
            None => Err(self.place.not_seen(self.place.vpc, "ec2:DescribeVpcAttribute")),
        };
        let serves = |endpoint: &&Endpoint<'_>| endpoint.endpoint.private_dns && endpoint.is_available();
        let serving: Vec<Endpoint<'_>> = self.interfaces.iter().filter(serves).copied().collect();
        match attribute(|dns| &dns.support) {
            Err(unknown) => {
                let leg = self.anywhere(public, unknown.clone()).anonymous().unless(unknown);
                return match self.zone() {
                    Zone::Catches(zone) => leg.perhaps(PathUnknown::PrivateZone { zone }),
                    Zone::None | Zone::NotKnown(_) => leg,
                };
            }
            // Nothing answers, so that the host must have other name servers, which know no endpoint.
            Ok(false) => return self.without(DnsAttribute::Support, public, serving.first()),
            Ok(true) => {}
        }
        let Some(first) = serving.first() else { return self.without_serving(public) };
        match attribute(|dns| &dns.hostnames) {
            Err(unknown) => {
                let legs = serving.iter().map(|endpoint| self.leg_to(*endpoint)).chain([public]).collect();
                either(legs, unknown.clone()).unless(unknown)
            }
            // Documented to be needed; what happens without is not.
            Ok(false) => {
                let without = self.without(DnsAttribute::Hostnames, public, Some(first));
                let to_first = self.leg_to(*first);
                if without.is_closed() {
                    without
                } else {
                    either(vec![to_first, without], self.vpc_dns(DnsAttribute::Hostnames))
                }
            }
            Ok(true) => {
                let mut legs: Vec<Leg> = serving.iter().map(|endpoint| self.leg_to(*endpoint)).collect();
                if self.has_gateway {
                    // The private DNS of S3 may be for inbound resolver endpoints only
                    // (https://docs.aws.amazon.com/AmazonS3/latest/userguide/privatelink-interface-endpoints.html#private-dns).
                    legs.push(public);
                }
                either(legs, PathUnknown::EndpointOrNot { endpoint: first.id.to_owned() })
            }
        }
    }

    fn vpc_dns(&self, attribute: DnsAttribute) -> PathUnknown {
        PathUnknown::VpcDns { vpc: self.place.vpc.to_owned(), attribute }
    }

    fn without(&self, attribute: DnsAttribute, public: Leg, endpoint: Option<&Endpoint<'_>>) -> Leg {
        let mut leg = public;
        if leg.is_closed() {
            let endpoint = endpoint.map(|endpoint| endpoint.id.to_owned());
            leg.obstacles.insert(0, PathObstacle::VpcDns { vpc: self.place.vpc.to_owned(), attribute, endpoint });
            return leg;
        }
        leg.unless(self.vpc_dns(attribute))
    }

    /// Without an endpoint that serves the name.
    fn without_serving(&self, public: Leg) -> Leg {
        let mut leg = match self.zone() {
            Zone::None => self.unless_led_beyond(public),
            Zone::Catches(zone) => {
                let why = PathUnknown::PrivateZone { zone };
                self.anywhere(public, why.clone()).perhaps(why)
            }
            Zone::NotKnown(unknown) => match self.anywhere(public.clone(), unknown.clone()) {
                // There is nothing else where it could lead.
                leg if leg == public => public,
                leg if leg.is_closed() => leg,
                leg => leg.anonymous().unless(unknown),
            },
        };
        for Endpoint { id, endpoint } in &self.interfaces {
            let (id, state) = ((*id).to_owned(), endpoint.state.clone());
            let available = endpoint.state == "available";
            if leg.is_closed() {
                leg.obstacles.push(match available {
                    true => PathObstacle::NoPrivateDns { endpoint: id },
                    false => PathObstacle::EndpointState { endpoint: id, state },
                });
            } else if endpoint.private_dns && !available && !(Endpoint { id: &id, endpoint }).is_gone() {
                // Once it is available, the name leads to it.
                leg = leg.anonymous().unless(PathUnknown::EndpointState { endpoint: id, state });
            }
        }
        leg
    }

    /// Whether a private hosted zone of the VPC has the service's name.
    fn zone(&self) -> Zone {
        let vpc = self.place.vpc;
        let zones = match self.place.network.private_zones.get(vpc).map(read) {
            None => return Zone::NotKnown(PathUnknown::PrivateZones { vpc: vpc.to_owned() }),
            Some(Err(unknown)) => return Zone::NotKnown(unknown),
            Some(Ok(zones)) => zones.map_or(&[][..], Vec::as_slice),
        };
        let host = format!("{}.{}.{}", self.service.name(), self.place.region, dns_suffix(self.place.partition));
        let catches = |zone: &&String| {
            let zone = zone.trim_end_matches('.').to_ascii_lowercase();
            let is_above =
                |of: &str, name: &str| of.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            // A bucket's name stands before that of S3.
            is_above(&host, &zone) || self.service == Service::S3 && is_above(&zone, &host)
        };
        zones.iter().find(catches).map_or(Zone::None, |zone| Zone::Catches(zone.clone()))
    }
}

enum Zone {
    None,
    Catches(String),
    NotKnown(PathUnknown),
}

/// What the host names of a partition end with
/// ([partitions](https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json)).
fn dns_suffix(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "amazonaws.com.cn",
        "aws-eusc" => "amazonaws.eu",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-iso-e" => "cloud.adc-e.uk",
        "aws-iso-f" => "csp.hci.ic.gov",
        _ => "amazonaws.com",
    }
}
