//! Which changes of a network open the way of instances: those whose way is certainly closed, and only what certainly opens it.
//!
//! The instances of a VPC are drafted together on a copy of its network. Each obstacle gets the change that removes it, the copy is
//! judged again, and only a draft in which every way is open becomes a proposal. One that would close the way of another
//! instance does not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Group, NetworkChange, NetworkProposal, Peer, foresee};
use crate::facts::{Facts, Network, PrimaryInterface, Subject, SubjectKind, VpcEndpoint};
use crate::fix::{Refusal, RefusalKind};
use crate::network::{Decision, Path, Place, path};
use crate::report::{
    AclPeer, AclRule, Direction, FarSide, Finding, FindingKind, Outcome, PathObstacle, PathUnknown, PathWeight, Report,
    Service, Via,
};
use iam_eval::arn::partition_of_region;

/// The name of the security group of created endpoints.
const GROUP_NAME: &str = "ssm-profile-endpoints";

/// No way needs as many rounds: names, then the endpoint, then the rules on both of its sides.
const ROUNDS: usize = 8;

/// The changes that are proposed, and why there are none for other targets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkPlan {
    /// One for each VPC.
    pub proposals: Vec<NetworkProposal>,
    /// The targets whose way is closed or not known, and for which nothing is proposed.
    pub refusals: Vec<Refusal>,
}

/// What opens the ways that are closed. The report has a result for each subject of the facts, in their order.
pub fn propose(report: &Report, facts: &Facts) -> NetworkPlan {
    let mut plan = NetworkPlan::default();
    let mut vpcs: BTreeMap<(&str, &str), Vec<Member<'_>>> = BTreeMap::new();
    for (subject, outcome) in facts.subjects.iter().zip(&report.results) {
        let other = outcome.findings.iter().filter(|finding| finding.is_of_network() && !is_closed(finding));
        plan.refusals.extend(other.map(|finding| out_of_reach(subject, finding)));
        if let Some(member) = Member::of(subject, outcome) {
            vpcs.entry((member.region, member.vpc)).or_default().push(member);
        }
    }
    for ((region, vpc), members) in vpcs {
        let Some(network) = facts.networks.get(region) else { continue };
        let of_vpc = OfVpc { network, region, vpc, members: &members };
        plan.proposals.extend(of_vpc.proposal(&mut plan.refusals));
    }
    plan
}

fn is_closed(finding: &Finding) -> bool {
    matches!(finding.kind, FindingKind::PathClosed { .. })
}

fn out_of_reach(subject: &Subject, finding: &Finding) -> Refusal {
    Refusal::of(subject, RefusalKind::OutOfReach { finding: Box::new(finding.clone()) })
}

/// An instance of a VPC.
struct Member<'a> {
    subject: &'a Subject,
    region: &'a str,
    vpc: &'a str,
    interface: &'a PrimaryInterface,
    /// The services that its agent calls, and whether the way there is closed.
    services: BTreeMap<Service, bool>,
    /// Those to which a way shall be opened.
    wanted: Vec<Service>,
}

impl<'a> Member<'a> {
    fn of(subject: &'a Subject, outcome: &'a Outcome) -> Option<Member<'a>> {
        let SubjectKind::Instance(instance) = &subject.kind else { return None };
        let instance = instance.known()?;
        let (region, vpc) = (subject.region.as_deref()?, instance.vpc.as_deref()?);
        let interface = instance.interface.as_ref()?;
        let paths = &outcome.network.paths;
        let services: BTreeMap<Service, bool> =
            paths.iter().map(|path| (path.service, path.decision == Decision::Closed.into())).collect();
        let mut wanted = BTreeSet::new();
        for finding in &outcome.findings {
            // A connected agent has a way that nobody sees.
            if let FindingKind::PathClosed { services, weight, .. } = &finding.kind
                && *weight != PathWeight::Connected
            {
                wanted.extend(services.iter().copied());
            }
        }
        let wanted = wanted.into_iter().collect();
        (!services.is_empty()).then_some(Member { subject, region, vpc, interface, services, wanted })
    }

    fn path(&self, network: &Network, service: Service) -> Path {
        let partition = self.partition();
        let account = self.subject.account.as_deref();
        let Member { region, vpc, interface, .. } = *self;
        path(&Place { network, vpc, interface: interface.into(), account, region, partition }, service)
    }

    fn partition(&self) -> &'a str {
        self.subject.partition.as_deref().unwrap_or_else(|| partition_of_region(self.region))
    }

    fn refusal(&self, kind: RefusalKind) -> Refusal {
        Refusal::of(self.subject, kind)
    }
}

/// A VPC with the instances that are looked at.
struct OfVpc<'a> {
    network: &'a Network,
    region: &'a str,
    vpc: &'a str,
    members: &'a [Member<'a>],
}

impl<'a> OfVpc<'a> {
    /// What opens the ways of as many members as possible.
    fn proposal(&self, refusals: &mut Vec<Refusal>) -> Option<NetworkProposal> {
        let mut targets: Vec<&Member<'_>> = self.members.iter().filter(|member| !member.wanted.is_empty()).collect();
        while !targets.is_empty() {
            let failed = match self.draft(&targets) {
                Ok(draft) => return Some(self.proposal_of(draft, &targets)),
                Err(failed) => failed,
            };
            let is_same = |one: &Member<'_>, other: &Member<'_>| std::ptr::eq(one, other);
            targets.retain(|target| !failed.iter().any(|(member, _)| is_same(member, target)));
            refusals.extend(failed.into_iter().map(|(member, kind)| member.refusal(kind)));
        }
        None
    }

    fn proposal_of(&self, draft: Draft<'_>, targets: &[&Member<'_>]) -> NetworkProposal {
        let mut changes = draft.changes;
        changes.sort_by_key(order);
        let wanted = || targets.iter().flat_map(|target| target.wanted.iter().copied());
        let services: BTreeSet<Service> = match changes.iter().any(turns_names) {
            true => wanted().filter(|service| *service != Service::S3).collect(),
            false => BTreeSet::new(),
        };
        let subnets = self.network.subnets.known().into_iter().flatten();
        let of_vpc = subnets.filter(|(_, subnet)| subnet.vpc == self.vpc && !services.is_empty());
        NetworkProposal {
            region: self.region.to_owned(),
            vpc: self.vpc.to_owned(),
            changes,
            targets: targets.iter().map(|target| target.subject.target.clone()).collect(),
            redirects: of_vpc.map(|(id, _)| id.clone()).collect(),
            services: services.into_iter().collect(),
        }
    }

    /// The changes that open the ways of all these members, or those for which there are none.
    fn draft<'m>(&self, targets: &[&'m Member<'a>]) -> Result<Draft<'a>, Vec<(&'m Member<'a>, RefusalKind)>> {
        let mut draft =
            Draft { network: self.network.clone(), vpc: self.vpc, changes: Vec::new(), places: self.places(targets) };
        let mut failed = Vec::new();
        for target in targets {
            let opened = target.wanted.iter().try_for_each(|service| draft.open(target, *service));
            failed.extend(opened.err().map(|why| (*target, why)));
        }
        if !failed.is_empty() {
            return Err(failed);
        }
        for member in self.members {
            for (service, was_closed) in &member.services {
                let is_wanted = member.wanted.contains(service);
                if !is_wanted && !draft.keep(member, *service) && !was_closed {
                    let target = member.subject.target.clone();
                    let kind = || RefusalKind::CutsOff { target: target.clone(), service: *service };
                    return Err(targets.iter().map(|target| (*target, kind())).collect());
                }
            }
        }
        // A later change may have closed what an earlier one opened.
        for target in targets {
            let closed = target.wanted.iter().find_map(|service| not_open(&target.path(&draft.network, *service)));
            failed.extend(closed.map(|why| (*target, why)));
        }
        if failed.is_empty() { Ok(draft) } else { Err(failed) }
    }

    /// Where endpoints of each service would stand: by zone a subnet of those that need one, and their route tables.
    fn places(&self, targets: &[&Member<'_>]) -> BTreeMap<Service, Places> {
        let mut places: BTreeMap<Service, Places> = BTreeMap::new();
        for target in targets {
            let subnet = &target.interface.subnet;
            for service in &target.wanted {
                if !lacks_way(&target.path(self.network, *service)) {
                    continue;
                }
                let places = places.entry(*service).or_default();
                let known = self.network.subnets.known().and_then(|subnets| subnets.get(subnet));
                if let Some(zone) = known.and_then(|known| known.zone.clone()) {
                    places.subnets.entry(zone).or_insert_with(|| subnet.clone());
                }
                places.route_tables.extend(self.network.route_table(self.vpc, subnet).map(|(id, _)| id.clone()));
            }
        }
        places
    }
}

/// Where endpoints would stand.
#[derive(Default)]
struct Places {
    /// An interface endpoint has one subnet of a zone at most
    /// ([interface endpoints](https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html)).
    subnets: BTreeMap<String, String>,
    route_tables: BTreeSet<String>,
}

/// Rules come before what leads names to endpoints: so that nothing is cut off in between.
fn order(change: &NetworkChange) -> u8 {
    match change {
        NetworkChange::CreateGroup { .. } => 0,
        NetworkChange::AllowHttps { .. } => 1,
        NetworkChange::AddAclEntry { .. } => 2,
        // Private DNS needs it.
        NetworkChange::EnableDns { .. } => 3,
        NetworkChange::CreateInterfaceEndpoint { .. } => 4,
        NetworkChange::CreateGatewayEndpoint { .. } => 5,
        NetworkChange::EnablePrivateDns { .. } => 6,
    }
}

/// Whether names lead elsewhere after it.
fn turns_names(change: &NetworkChange) -> bool {
    matches!(
        change,
        NetworkChange::EnableDns { .. }
            | NetworkChange::CreateInterfaceEndpoint { .. }
            | NetworkChange::EnablePrivateDns { .. }
    )
}

/// Whether there is neither an endpoint nor a public way.
fn lacks_way(path: &Path) -> bool {
    let lacks = |obstacle: &PathObstacle| {
        matches!(
            obstacle,
            PathObstacle::NoRoute { .. }
                | PathObstacle::Blackhole { .. }
                | PathObstacle::NoPublicAddress { .. }
                | PathObstacle::InternetGatewayDetached { .. }
                | PathObstacle::NatGateway { .. }
                | PathObstacle::PrivateNatGateway { .. }
                | PathObstacle::BlockPublicAccess { .. }
        )
    };
    path.via != Some(Via::VpcEndpoint) && path.obstacles.iter().any(lacks)
}

/// Why a way is not open.
fn not_open(path: &Path) -> Option<RefusalKind> {
    let unknown = || path.unknowns.first().map(|why| not_known(why.clone(), path.service));
    path.obstacles.first().map(|obstacle| closed_by(obstacle, path.service)).or_else(unknown)
}

fn not_known(why: PathUnknown, service: Service) -> RefusalKind {
    let kind = FindingKind::PathNotKnown { why, services: vec![service], required: false };
    RefusalKind::OutOfReach { finding: Box::new(kind.into()) }
}

fn closed_by(obstacle: &PathObstacle, service: Service) -> RefusalKind {
    let (obstacle, services) = (obstacle.clone(), vec![service]);
    let kind = FindingKind::PathClosed { obstacle, services, weight: PathWeight::Sessions };
    RefusalKind::OutOfReach { finding: Box::new(kind.into()) }
}

/// A network with the changes so far.
struct Draft<'a> {
    network: Network,
    vpc: &'a str,
    changes: Vec<NetworkChange>,
    places: BTreeMap<Service, Places>,
}

impl Draft<'_> {
    /// Drafts what opens the way of a member to a service.
    fn open(&mut self, member: &Member<'_>, service: Service) -> Result<(), RefusalKind> {
        for _ in 0..ROUNDS {
            let path = member.path(&self.network, service);
            let Some(why) = not_open(&path) else { return Ok(()) };
            let changes = match path.decision {
                Decision::Closed if lacks_way(&path) => self.way(member, &path)?,
                Decision::Closed => {
                    let rules = path.obstacles.iter().map(|obstacle| self.rule(member, obstacle, service));
                    rules.collect::<Result<_, _>>()?
                }
                Decision::Unknown | Decision::Open => out_to_created(&path).unwrap_or_default(),
            };
            if !self.add(changes) {
                return Err(why);
            }
        }
        not_open(&member.path(&self.network, service)).map_or(Ok(()), Err)
    }

    /// Drafts the rules that an instance needs whose names lead to a created endpoint now; whether its way is not closed.
    fn keep(&mut self, member: &Member<'_>, service: Service) -> bool {
        for _ in 0..ROUNDS {
            let path = member.path(&self.network, service);
            let rules = path.obstacles.iter().filter_map(|obstacle| self.rule(member, obstacle, service).ok());
            let changes: Vec<NetworkChange> = rules.chain(out_to_created(&path).unwrap_or_default()).collect();
            if !path.through.iter().any(|id| foresee::is_created(id)) || !self.add(changes) {
                break;
            }
        }
        member.path(&self.network, service).decision != Decision::Closed
    }

    /// Adds changes that are not there yet; whether there was one.
    fn add(&mut self, changes: Vec<NetworkChange>) -> bool {
        let before = self.changes.len();
        for change in changes {
            let change = self.with_free_number(change);
            if !self.changes.iter().any(|drafted| is_same_change(drafted, &change)) {
                foresee::apply(&mut self.network, self.vpc, &change);
                self.changes.push(change);
            }
        }
        self.changes.len() > before
    }

    /// Where there is no way: names that lead to an endpoint that is there, or a new one.
    fn way(&self, member: &Member<'_>, path: &Path) -> Result<Vec<NetworkChange>, RefusalKind> {
        let service = path.service;
        let mut changes = Vec::new();
        for obstacle in &path.obstacles {
            match obstacle {
                PathObstacle::VpcDns { attribute, endpoint, .. } => {
                    // The names of all endpoints with private DNS lead to them then, for every instance of the VPC.
                    if self.endpoints().any(|(_, endpoint)| endpoint.private_dns && !admits_everyone(endpoint)) {
                        return Err(closed_by(obstacle, service));
                    }
                    changes.push(NetworkChange::EnableDns { attribute: *attribute });
                    if endpoint.is_some() {
                        return Ok(changes);
                    }
                }
                // One that is on its way out or in keeps the name.
                PathObstacle::EndpointState { .. } => return Err(closed_by(obstacle, service)),
                _ => {}
            }
        }
        changes.extend(match self.without_names(member, service) {
            Some(endpoint) => vec![NetworkChange::EnablePrivateDns { endpoint }],
            None => self.endpoint(member, service)?,
        });
        Ok(changes)
    }

    /// The endpoints of the VPC.
    fn endpoints(&self) -> impl Iterator<Item = (&String, &VpcEndpoint)> {
        let all = self.network.endpoints.known().into_iter().flatten();
        all.filter(|(_, endpoint)| endpoint.vpc == self.vpc)
    }

    /// An interface endpoint of a service that lacks nothing but private DNS, and to which names may lead everybody.
    fn without_names(&self, member: &Member<'_>, service: Service) -> Option<String> {
        let name = format!(".{}.{}", member.region, service.name());
        let is_it = |endpoint: &VpcEndpoint| {
            endpoint.kind == "Interface"
                && endpoint.state == "available"
                && endpoint.service.ends_with(&name)
                && !endpoint.private_dns
                && admits_everyone(endpoint)
        };
        let mut found = self.endpoints().filter(|(_, endpoint)| service != Service::S3 && is_it(endpoint));
        found.next().map(|(id, _)| id.clone())
    }

    /// The entry of a network ACL under a number that none of its direction has.
    fn with_free_number(&self, change: NetworkChange) -> NetworkChange {
        let NetworkChange::AddAclEntry { acl, direction, mut number, ports, cidr } = change else { return change };
        let is_egress = direction == Direction::Outbound;
        let entries = self.network.network_acls.known().and_then(|all| all.get(&acl)).map(|acl| acl.entries.as_slice());
        let is_taken =
            |number| entries.into_iter().flatten().any(|entry| entry.is_egress == is_egress && entry.number == number);
        while is_taken(number) {
            number += 10;
        }
        NetworkChange::AddAclEntry { acl, direction, number, ports, cidr }
    }

    fn endpoint(&self, member: &Member<'_>, service: Service) -> Result<Vec<NetworkChange>, RefusalKind> {
        // In China the prefix differs by service and over time, and in isolated partitions by partition.
        if !matches!(member.partition(), "aws" | "aws-us-gov") {
            return Err(RefusalKind::EndpointServiceNotKnown { service, partition: member.partition().to_owned() });
        }
        let name = format!("com.amazonaws.{}.{}", member.region, service.name());
        let places = self.places.get(&service);
        if service == Service::S3 {
            let route_tables = places.map(|places| places.route_tables.iter().cloned().collect()).unwrap_or_default();
            let change = NetworkChange::CreateGatewayEndpoint { service, name, route_tables };
            return Ok(vec![change]);
        }
        let subnets: Vec<String> = places.map(|places| places.subnets.values().cloned().collect()).unwrap_or_default();
        if subnets.is_empty() {
            let (id, api) = (member.interface.subnet.clone(), "ec2:DescribeSubnets".to_owned());
            return Err(not_known(PathUnknown::NotSeen { id, api }, service));
        }
        let mut changes = Vec::new();
        if !self.changes.iter().any(|change| matches!(change, NetworkChange::CreateGroup { .. })) {
            changes.push(NetworkChange::CreateGroup { name: self.group_name() });
        }
        changes.push(NetworkChange::CreateInterfaceEndpoint { service, name, subnets });
        Ok(changes)
    }

    /// A name that no security group of the VPC has.
    fn group_name(&self) -> String {
        let groups = || self.network.security_groups.known().into_iter().flat_map(BTreeMap::values);
        let of_vpc = || groups().filter(|group| group.vpc.as_deref() == Some(self.vpc));
        let is_taken = |name: &String| of_vpc().any(|group| group.name.as_ref() == Some(name));
        let names = std::iter::once(GROUP_NAME.to_owned()).chain((2..).map(|number| format!("{GROUP_NAME}-{number}")));
        names.skip_while(is_taken).take(1).collect()
    }

    /// What lets traffic pass that a rule does not.
    fn rule(
        &self,
        member: &Member<'_>,
        obstacle: &PathObstacle,
        service: Service,
    ) -> Result<NetworkChange, RefusalKind> {
        let stuck = || closed_by(obstacle, service);
        match obstacle {
            PathObstacle::Egress { groups, to, to_groups } => {
                let peer = match (to, to_groups.first()) {
                    (FarSide::Endpoints(_), Some(group)) => Peer::Group(foresee::group_of(group)),
                    (FarSide::Endpoints(ids), None) => self.list_of(member, ids, service).ok_or_else(stuck)?,
                    (FarSide::PublicAddresses, _) => Peer::Cidr("0.0.0.0/0".to_owned()),
                };
                let group = foresee::group_of(groups.first().ok_or_else(stuck)?);
                Ok(NetworkChange::AllowHttps { group, direction: Direction::Outbound, peer })
            }
            PathObstacle::Ingress { groups, from_groups, .. } => {
                let peer = Peer::Group(foresee::group_of(from_groups.first().ok_or_else(stuck)?));
                let group = foresee::group_of(groups.first().ok_or_else(stuck)?);
                Ok(NetworkChange::AllowHttps { group, direction: Direction::Inbound, peer })
            }
            // An entry that denies was meant.
            PathObstacle::NetworkAcl { rule } if rule.rule == AclRule::FINAL => {
                self.acl_entry(member, rule).ok_or_else(stuck)
            }
            _ => Err(stuck()),
        }
    }

    /// The prefix list of a gateway endpoint.
    fn list_of(&self, member: &Member<'_>, endpoints: &[String], service: Service) -> Option<Peer> {
        let endpoint = endpoints.first()?;
        if foresee::is_created(endpoint) {
            return Some(Peer::PrefixListNamed(format!("com.amazonaws.{}.{}", member.region, service.name())));
        }
        let tables = self.network.route_tables.known()?;
        let mut routes = tables.values().flat_map(|table| &table.routes);
        let route = routes.find(|route| route.target.as_ref() == Some(endpoint))?;
        Some(Peer::PrefixList(route.destination.clone()))
    }

    /// An entry behind all others, for the subnet that the other side is in.
    fn acl_entry(&self, member: &Member<'_>, rule: &AclRule) -> Option<NetworkChange> {
        let acl = self.network.network_acls.known()?.get(&rule.acl)?;
        let is_egress = rule.direction == Direction::Outbound;
        let numbers = acl.entries.iter().filter(|entry| entry.is_egress == is_egress).map(|entry| entry.number);
        let last = numbers.filter(|number| *number < AclRule::FINAL).max().unwrap_or(0);
        let number = (last / 10 + 1) * 10;
        let block_of = |subnet: &str| self.network.subnets.known()?.get(subnet)?.cidr.clone();
        let cidr = match &rule.other_side {
            AclPeer::PublicAddresses => "0.0.0.0/0".to_owned(),
            AclPeer::Instance(_) => block_of(&member.interface.subnet)?,
            AclPeer::Addresses(block) if block.contains('/') => block.clone(),
            AclPeer::Addresses(address) => {
                let mut interfaces = self.network.endpoint_interfaces.known()?.values();
                let found = interfaces.find(|interface| interface.address.as_ref() == Some(address))?;
                block_of(&found.subnet)?
            }
        };
        let (acl, direction, ports) = (rule.acl.clone(), rule.direction, rule.ports);
        (number < AclRule::FINAL).then_some(NetworkChange::AddAclEntry { acl, direction, number, ports, cidr })
    }
}

/// Whether two changes do the same, whatever the number of an entry.
fn is_same_change(one: &NetworkChange, other: &NetworkChange) -> bool {
    let entry = |change: &NetworkChange| match change {
        NetworkChange::AddAclEntry { acl, direction, ports, cidr, .. } => {
            Some((acl.clone(), *direction, *ports, cidr.clone()))
        }
        _ => None,
    };
    one == other || entry(one).is_some() && entry(one) == entry(other)
}

/// Whether the policy of an endpoint is the one that AWS gives it, so that it closes the way of nobody whose names lead to it
/// ([default endpoint policy](https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html#default-endpoint-policy)).
fn admits_everyone(endpoint: &VpcEndpoint) -> bool {
    let Some(policy) = &endpoint.policy else { return true };
    let Ok(policy) = serde_json::from_str::<Value>(policy.as_str()) else { return false };
    let statement = match policy.get("Statement") {
        Some(Value::Array(statements)) => match statements.as_slice() {
            [single] => single,
            _ => return false,
        },
        Some(single) => single,
        None => return false,
    };
    let holds = |element: &str, value: Value| statement.get(element) == Some(&value);
    let of_everyone = holds("Principal", json!("*")) || holds("Principal", json!({"AWS": "*"}));
    let of_everything = holds("Action", json!("*")) && holds("Resource", json!("*"));
    holds("Effect", json!("Allow")) && of_everyone && of_everything && statement.get("Condition").is_none()
}

/// The rules out to created endpoints, whose addresses nobody knows before. None if anything else is not known.
fn out_to_created(path: &Path) -> Option<Vec<NetworkChange>> {
    let rule = |why: &PathUnknown| match why {
        PathUnknown::PartlyAllowed { groups, to: FarSide::Endpoints(ids) }
            if ids.iter().all(|id| foresee::is_created(id)) =>
        {
            Some(NetworkChange::AllowHttps {
                group: Group::Known(groups.first()?.clone()),
                direction: Direction::Outbound,
                peer: Peer::Group(Group::Created),
            })
        }
        _ => None,
    };
    path.unknowns.iter().map(rule).collect()
}
