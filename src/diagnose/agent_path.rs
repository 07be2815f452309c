//! The network path from an instance to the services that its agent calls, judged once for the instances that share it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use ipnet::Ipv4Net;

use crate::agent_context::RequestSource;
use crate::facts::{Facts, Instance, Network, PlannedLocation, PolicyText, PrimaryInterface, Subject, SubjectKind};
use crate::needs::NetworkCheck;
use crate::network::{Decision, Path, PathUnknown, Place, Service, Source, Via, path_in_any};
use iam_eval::arn::partition_of_region;

use super::memo::NeedFlags;
use super::{Diagnosis, place_of, resolved_needs};

/// The paths of an instance's agent, and what its requests carry of them.
#[derive(Debug, Clone)]
pub(super) struct AgentPaths {
    /// The path to each service.
    pub paths: Vec<Path>,
    /// Where requests come from, by the service that they go to.
    pub sources: BTreeMap<&'static str, RequestSource>,
}

/// The paths that were judged before.
#[derive(Default)]
pub(super) struct PathMemo {
    paths: RefCell<HashMap<PathKey, Rc<AgentPaths>>>,
    /// Whether rules tell the addresses of a subnet apart, by Region and subnet.
    split: RefCell<HashMap<(String, String), bool>>,
}

/// As much of an instance as decides on its paths.
#[derive(PartialEq, Eq, Hash)]
struct PathKey {
    /// What another account shares is not seen as what is the own.
    account: Option<String>,
    region: String,
    vpc: String,
    subnet: String,
    security_groups: Vec<String>,
    /// Its address, where rules tell those of its subnet apart.
    private_ip: Option<String>,
    /// Its public address is its own, and no rule of the VPC sees it.
    has_public_ip: bool,
    has_private_ip: bool,
    has_ipv6: bool,
    services: Vec<Service>,
    buckets: Vec<BucketElsewhere>,
}

/// A bucket for session logs that is not known to be in the Region of the instance.
#[derive(Clone, PartialEq, Eq, Hash)]
struct BucketElsewhere {
    name: String,
    region: Option<String>,
}

impl Diagnosis<'_> {
    /// The paths of an instance's agent. None where nobody looked: the instance does not run, or its network was not read.
    pub(super) fn agent_paths(
        &self,
        subject: &Subject,
        instance: &Instance,
        need_flags: NeedFlags,
    ) -> Option<Rc<AgentPaths>> {
        if self.requirements.network == NetworkCheck::Off || instance.state != "running" {
            return None;
        }
        let region = subject.region.as_deref()?;
        let network = self.facts.networks.get(region)?;
        let partition = subject.partition.as_deref().unwrap_or_else(|| partition_of_region(region));
        let account = subject.account.as_deref();
        if let SubjectKind::Planned(planned) = &subject.kind {
            let PlannedLocation { vpc, interfaces } = planned.location.as_ref()?;
            let place = |interface| Place { network, vpc, interface, account, region, partition };
            let places: Vec<Place<'_>> = interfaces.iter().map(|interface| place(interface.into())).collect();
            let subnets = interfaces.iter().map(|interface| interface.subnet.clone()).collect();
            let why = PathUnknown::SeveralSubnets { subnets };
            let buckets = self.buckets(subject, instance, need_flags);
            let services = services(need_flags).into_iter();
            let paths: Vec<Path> = services.map(|service| path_to(&places, service, &buckets, &why)).collect();
            return Some(Rc::new(AgentPaths { sources: sources(&paths, vpc), paths }));
        }
        let (interface, vpc) = (instance.interface.as_ref()?, instance.vpc.as_deref()?);
        let memo = &self.memo.paths;
        let services = services(need_flags);
        let buckets = self.buckets(subject, instance, need_flags);
        let key = PathKey {
            account: subject.account.clone(),
            region: region.to_owned(),
            vpc: vpc.to_owned(),
            subnet: interface.subnet.clone(),
            security_groups: interface.security_groups.clone(),
            private_ip: interface.private_ip.clone().filter(|_| memo.is_split(region, network, &interface.subnet)),
            has_public_ip: interface.public_ip.is_some(),
            has_private_ip: interface.private_ip.is_some(),
            has_ipv6: interface.has_ipv6,
            services,
            buckets,
        };
        if let Some(known) = memo.paths.borrow().get(&key) {
            return Some(Rc::clone(known)).map(|known| known.of_instance(interface));
        }
        let place = Place { network, vpc, interface: interface.into(), account, region, partition };
        let why = PathUnknown::SeveralSubnets { subnets: vec![interface.subnet.clone()] };
        let to = |service: &Service| path_to(&[place], *service, &key.buckets, &why);
        let paths: Vec<Path> = key.services.iter().map(to).collect();
        let judged = Rc::new(AgentPaths { sources: sources(&paths, vpc), paths });
        // What closes a path, or leaves it unknown, may name the instance's address.
        if judged.paths.iter().all(|path| path.decision == Decision::Open) {
            memo.paths.borrow_mut().insert(key, Rc::clone(&judged));
        }
        Some(judged)
    }
}

impl Diagnosis<'_> {
    /// The buckets that are not known to be in the Region of the instance.
    fn buckets(&self, subject: &Subject, instance: &Instance, need_flags: NeedFlags) -> Vec<BucketElsewhere> {
        if !need_flags.s3_elsewhere {
            return Vec::new();
        }
        let place = place_of(subject, Some(instance));
        let asked = resolved_needs::of(self.facts, self.requirements, subject, &place);
        let elsewhere = asked.buckets.iter().filter(|bucket| bucket.may_be_outside(place.region));
        elsewhere
            .map(|bucket| BucketElsewhere { name: bucket.name.clone(), region: bucket.region().map(str::to_owned) })
            .collect()
    }
}

/// The path to a service from one of several places. An endpoint for S3 leads to the buckets of its own Region only
/// ([gateway endpoints](https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-s3.html)).
fn path_to(places: &[Place<'_>], service: Service, buckets: &[BucketElsewhere], why: &PathUnknown) -> Path {
    const ANOTHER_REGION: &str = "another Region";
    let Some(bucket) = buckets.first().filter(|_| service == Service::S3) else {
        return path_in_any(places, service, why.clone());
    };
    fn in_region<'a>(place: &Place<'a>, region: &'a str) -> Place<'a> {
        Place { region, ..*place }
    }
    let to_each = buckets.iter().flat_map(|bucket| match bucket.region.as_deref() {
        Some(region) => places.iter().map(|place| in_region(place, region)).collect::<Vec<_>>(),
        None => places.iter().flat_map(|place| [*place, in_region(place, ANOTHER_REGION)]).collect(),
    });
    path_in_any(&to_each.collect::<Vec<_>>(), service, PathUnknown::BucketRegion { bucket: bucket.name.clone() })
}

impl AgentPaths {
    /// The same for another instance, whose public address is another one.
    fn of_instance(self: Rc<AgentPaths>, interface: &PrimaryInterface) -> Rc<AgentPaths> {
        let is_own = |path: &&Path| path.via == Some(Via::InternetGateway);
        if self.paths.iter().find(is_own).is_none() {
            return self;
        }
        let own = RequestSource::Public(interface.public_ip.iter().cloned().collect());
        let mut sources = self.sources.clone();
        for path in self.paths.iter().filter(is_own) {
            sources.insert(path.service.name(), own.clone());
        }
        Rc::new(AgentPaths { sources, paths: self.paths.clone() })
    }
}

impl PathMemo {
    /// Whether a rule or entry anywhere in the Region names some addresses of a subnet and not all of them.
    fn is_split(&self, region: &str, network: &Network, subnet: &str) -> bool {
        let place = (region.to_owned(), subnet.to_owned());
        if let Some(known) = self.split.borrow().get(&place) {
            return *known;
        }
        let cidr = network.subnets.known().and_then(|subnets| subnets.get(subnet)?.cidr.as_deref()?.parse().ok());
        let split = cidr.is_none_or(|cidr: Ipv4Net| {
            let within = |text: &str| {
                text.parse::<Ipv4Net>().is_ok_and(|net| net.prefix_len() > cidr.prefix_len() && cidr.contains(&net))
            };
            cidrs(network).any(within)
        });
        self.split.borrow_mut().insert(place, split);
        split
    }
}

/// Every CIDR block that rules and entries of a Region name.
fn cidrs(network: &Network) -> impl Iterator<Item = &str> {
    let groups = network.security_groups.known().into_iter().flat_map(BTreeMap::values);
    let rules = groups.flat_map(|group| group.ingress.iter().chain(&group.egress)).flat_map(|rule| &rule.cidrs);
    let acls = network.network_acls.known().into_iter().flat_map(BTreeMap::values);
    let entries = acls.flat_map(|acl| &acl.entries).map(|entry| &entry.cidr);
    let lists = network.prefix_lists.values().filter_map(|list| list.known()).flatten();
    rules.chain(entries).chain(lists).map(String::as_str)
}

/// The services that the agent of an instance calls.
fn services(need_flags: NeedFlags) -> Vec<Service> {
    let mut services = vec![Service::Ssm, Service::SsmMessages];
    services.extend(need_flags.encrypted.then_some(Service::Kms));
    services.extend(need_flags.cloudwatch_logs.then_some(Service::Logs));
    services.extend(need_flags.s3_logs.then_some(Service::S3));
    services
}

/// The services that sessions do without: logs are written beside them, unless they must be encrypted.
pub(super) fn only_logs(need_flags: NeedFlags) -> Vec<Service> {
    let logs = [(need_flags.logs_end_sessions, Service::Logs), (need_flags.s3_ends_sessions, Service::S3)];
    logs.into_iter().filter(|(ends_sessions, _)| !ends_sessions).map(|(_, service)| service).collect()
}

/// What requests carry of a path, if they get through at all.
fn sources(paths: &[Path], vpc: &str) -> BTreeMap<&'static str, RequestSource> {
    let usable = paths.iter().filter(|path| path.decision != Decision::Closed);
    let sources = usable.filter_map(|path| {
        let source = match &path.source {
            Source::Endpoint { endpoint, may_be_over_ipv6, .. } => RequestSource::Endpoint {
                id: endpoint.clone(),
                vpc: vpc.to_owned(),
                may_be_over_ipv6: *may_be_over_ipv6,
            },
            Source::Public { addresses } => RequestSource::Public(addresses.clone()),
            Source::OneOf { endpoints, others } => {
                RequestSource::OneOf { endpoints: endpoints.clone(), vpc: vpc.to_owned(), others: *others }
            }
            Source::NotKnown => return None,
        };
        Some((path.service.name(), source))
    });
    sources.collect()
}

/// The policies of the endpoints of a Region, those that are there, with the endpoints' ids.
pub(super) fn endpoint_policies<'a>(
    facts: &'a Facts,
    region: Option<&str>,
) -> impl Iterator<Item = (&'a String, &'a PolicyText)> {
    let network = region.and_then(|region| facts.networks.get(region));
    let endpoints = network.and_then(|network| network.endpoints.known()).into_iter().flatten();
    endpoints.filter_map(|(id, endpoint)| Some((id, endpoint.policy.as_ref()?)))
}
