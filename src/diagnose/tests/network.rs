//! Findings of the network path.

use super::super::network::{PathExpectations, findings, report};
use crate::network::{Decision, Obstacle, Path, PathUnknown, Service, Source};
use crate::report::{Code, FarSide, Finding, FindingKind, PathDecision, Severity};

fn path(service: Service, obstacles: Vec<Obstacle>, unknowns: Vec<PathUnknown>) -> Path {
    let decision = match (obstacles.is_empty(), unknowns.is_empty()) {
        (false, _) => Decision::Closed,
        (true, false) => Decision::Unknown,
        (true, true) => Decision::Open,
    };
    Path { service, decision, via: None, through: Vec::new(), obstacles, unknowns, source: Source::NotKnown }
}

fn no_dns(endpoint: &str) -> Obstacle {
    Obstacle::NoPrivateDns { endpoint: endpoint.to_owned() }
}

fn no_route() -> Obstacle {
    Obstacle::NoRoute {
        table: "rtb-1".to_owned(),
        subnet: "subnet-1".to_owned(),
        nat_gateway: None,
        internet_gateway: None,
        has_default: false,
    }
}

fn said(findings: &[Finding]) -> Vec<(Code, Severity, bool)> {
    findings.iter().map(|finding| (finding.code(), finding.severity(), finding.leaves_unknown())).collect()
}

#[test]
fn a_cause_is_said_once_with_all_services_that_it_closes() {
    let paths = [
        path(Service::Ssm, vec![no_route()], vec![PathUnknown::Ipv6Only]),
        path(Service::SsmMessages, vec![no_route()], Vec::new()),
        // Whoever made an endpoint wants no public way.
        path(Service::Kms, vec![no_route(), no_dns("vpce-1")], Vec::new()),
        path(Service::Logs, Vec::new(), Vec::new()),
    ];
    let found = findings(&paths, PathExpectations::default());
    let error = |code| (code, Severity::Error, false);
    assert_eq!(said(&found), [error(Code::NoNetworkPath), error(Code::EndpointDns)]);
    let services: Vec<&[Service]> = found
        .iter()
        .map(|finding| match &finding.kind {
            FindingKind::PathClosed { services, .. } => services.as_slice(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(services, [&[Service::Ssm, Service::SsmMessages][..], &[Service::Kms]]);
    assert_eq!(report(&paths, PathExpectations::default()).decision, PathDecision::Closed);
    assert_eq!(report(&paths, PathExpectations::default()).paths[2].blocked_by, ["rtb-1", "vpce-1"]);
}

/// Its heartbeat proves that what seems to close the way of the heartbeat does not, and nothing of any other way.
#[test]
fn an_agent_that_is_online_makes_what_closes_its_heartbeat_a_warning() {
    let expected = PathExpectations { online: true, ..PathExpectations::default() };
    for (services, severity) in [
        (&[Service::Ssm][..], Severity::Warning),
        (&[Service::Ssm, Service::SsmMessages], Severity::Warning),
        (&[Service::Ssm, Service::Kms], Severity::Warning),
        (&[Service::SsmMessages], Severity::Error),
        (&[Service::SsmMessages, Service::Kms], Severity::Error),
        (&[Service::Kms], Severity::Error),
    ] {
        let paths: Vec<Path> = services.iter().map(|service| path(*service, vec![no_route()], Vec::new())).collect();
        assert_eq!(said(&findings(&paths, expected)), [(Code::NoNetworkPath, severity, false)], "{services:?}");
        assert_eq!(
            said(&findings(&paths, PathExpectations::default())),
            [(Code::NoNetworkPath, Severity::Error, false)]
        );
    }
}

/// There is a way that nobody sees, such as a proxy.
#[test]
fn where_the_heartbeat_gets_through_all_the_same_another_cause_does_not_close_the_channels() {
    let expected = PathExpectations { online: true, ..PathExpectations::default() };
    let closed = |others: &[Service]| {
        let mut paths = vec![path(Service::Ssm, vec![no_dns("vpce-1")], Vec::new())];
        paths.extend(others.iter().map(|service| path(*service, vec![no_dns("vpce-2")], Vec::new())));
        findings(&paths, expected).iter().map(Finding::severity).collect::<Vec<_>>()
    };
    assert_eq!(closed(&[Service::SsmMessages]), [Severity::Warning, Severity::Warning]);
    assert_eq!(closed(&[Service::SsmMessages, Service::Kms]), [Severity::Warning, Severity::Error]);
}

#[test]
fn a_heartbeat_proves_what_it_gets_through() {
    let expected = PathExpectations { online: true, required: true, ..PathExpectations::default() };
    let unknown = |service| path(service, Vec::new(), vec![PathUnknown::Ipv6Only]);
    let open = |service| path(service, Vec::new(), Vec::new());
    for (paths, leaves_unknown) in [
        (vec![unknown(Service::Ssm), unknown(Service::SsmMessages)], false),
        (vec![open(Service::Ssm), unknown(Service::SsmMessages)], true),
        (vec![unknown(Service::Ssm), unknown(Service::SsmMessages), unknown(Service::Kms)], true),
    ] {
        assert_eq!(findings(&paths, expected)[0].leaves_unknown(), leaves_unknown, "{paths:?}");
    }
}

#[test]
fn what_is_not_known_is_an_info_unless_it_is_required() {
    let paths = [path(Service::Ssm, Vec::new(), vec![PathUnknown::Ipv6Only])];
    assert_eq!(said(&findings(&paths, PathExpectations::default())), [(Code::NetworkUnknown, Severity::Info, false)]);
    let required = PathExpectations { required: true, ..PathExpectations::default() };
    assert_eq!(said(&findings(&paths, required)), [(Code::NetworkUnknown, Severity::Warning, true)]);
    assert_eq!(report(&paths, required).decision, PathDecision::Unknown);
}

#[test]
fn paths_of_logs_alone_decide_nothing() {
    let expected =
        PathExpectations { required: true, only_logs: &[Service::Logs, Service::S3], ..PathExpectations::default() };
    let open = path(Service::Ssm, Vec::new(), Vec::new());
    let closed = [open.clone(), path(Service::Logs, vec![no_route()], Vec::new())];
    assert_eq!(said(&findings(&closed, expected)), [(Code::NoNetworkPath, Severity::Warning, false)]);
    assert_eq!(report(&closed, expected).decision, PathDecision::Open);
    let unknown = [open, path(Service::S3, Vec::new(), vec![PathUnknown::Ipv6Only])];
    assert_eq!(said(&findings(&unknown, expected)), [(Code::NetworkUnknown, Severity::Info, false)]);
    // Where sessions end without them, they are needed as any other.
    assert_eq!(said(&findings(&closed, PathExpectations::default()))[0].1, Severity::Error);
    assert_eq!(report(&closed, PathExpectations::default()).decision, PathDecision::Closed);
}

#[test]
fn without_paths_nothing_was_checked() {
    assert_eq!(report(&[], PathExpectations::default()).decision, PathDecision::NotChecked);
    assert!(findings(&[], PathExpectations::default()).is_empty());
}

fn ingress(endpoint: &str, group: &str, from: Option<String>) -> Obstacle {
    let (endpoints, groups) = (vec![endpoint.to_owned()], vec![group.to_owned()]);
    Obstacle::Ingress { endpoints, groups, from, from_groups: vec!["sg-instance".to_owned()] }
}

fn egress(endpoint: &str, group: &str) -> Obstacle {
    let (groups, to) = (vec!["sg-instance".to_owned()], FarSide::Endpoints(vec![endpoint.to_owned()]));
    Obstacle::Egress { groups, to, to_groups: vec![group.to_owned()] }
}

/// One rule is missing, in one group, however many endpoints have it.
#[test]
fn endpoints_of_one_group_are_one_cause() {
    let of = |ssm: Obstacle, messages: Obstacle| {
        let paths = [path(Service::Ssm, vec![ssm], Vec::new()), path(Service::SsmMessages, vec![messages], Vec::new())];
        let kinds = findings(&paths, PathExpectations::default()).into_iter().map(|finding| finding.kind);
        let closed = kinds.map(|kind| match kind {
            FindingKind::PathClosed { obstacle, services, .. } => (obstacle, services),
            other => panic!("{other:?}"),
        });
        closed.collect::<Vec<_>>()
    };
    let both = vec![Service::Ssm, Service::SsmMessages];
    let ids = vec!["vpce-1".to_owned(), "vpce-2".to_owned()];
    let Obstacle::Ingress { groups, from_groups, .. } = ingress("", "sg-1", None) else { panic!() };
    let expected = Obstacle::Ingress { endpoints: ids.clone(), groups, from: None, from_groups };
    assert_eq!(of(ingress("vpce-1", "sg-1", None), ingress("vpce-2", "sg-1", None)), [(expected, both.clone())]);
    let Obstacle::Egress { groups, to_groups, .. } = egress("", "sg-1") else { panic!() };
    let expected = Obstacle::Egress { groups, to: FarSide::Endpoints(ids), to_groups };
    assert_eq!(of(egress("vpce-1", "sg-1"), egress("vpce-2", "sg-1")), [(expected, both)]);
    // Those of different groups need a rule each, and so do both sides.
    assert_eq!(of(ingress("vpce-1", "sg-1", None), ingress("vpce-2", "sg-2", None)).len(), 2);
    assert_eq!(of(egress("vpce-1", "sg-1"), egress("vpce-2", "sg-2")).len(), 2);
    assert_eq!(of(egress("vpce-1", "sg-1"), ingress("vpce-2", "sg-1", None)).len(), 2);
}

/// Instances with the same cause share it, whatever their addresses are.
#[test]
fn a_cause_is_the_same_for_each_instance() {
    let of = |address: &str| {
        let from = Some(address.to_owned());
        let obstacle = ingress("vpce-1", "sg-1", from);
        findings(&[path(Service::Ssm, vec![obstacle], Vec::new())], PathExpectations::default()).remove(0)
    };
    let (one, other) = (of("10.0.0.1"), of("10.0.0.2"));
    assert!(one != other && one.of_any_instance(None) == other.of_any_instance(None));
}
