//! What the network path says beside a verdict: a finding for each cause, with the services that it concerns.

use crate::network::{Decision, Path, PathUnknown, Service};
use crate::report::{Finding, FindingKind, NetworkPath, NetworkReport, PathDecision, PathObstacle, PathWeight};

/// What is known and asked of a network path beside what the network shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct PathExpectations<'a> {
    /// Whether the heartbeat of the agent gets to Systems Manager: that way is open, whatever it looks like.
    pub online: bool,
    /// Whether a path that is not known leaves the verdict unknown.
    pub required: bool,
    /// The services that sessions do without: without them logs are lost.
    pub only_logs: &'a [Service],
}

impl PathExpectations<'_> {
    fn is_needed(&self, service: Service) -> bool {
        !self.only_logs.contains(&service)
    }
}

/// The paths as the report has them.
pub fn report(paths: &[Path], expected: PathExpectations<'_>) -> NetworkReport {
    let needed = || paths.iter().filter(|path| expected.is_needed(path.service)).map(|path| path.decision);
    let decision = if needed().any(|decision| decision == Decision::Closed) {
        PathDecision::Closed
    } else if needed().any(|decision| decision == Decision::Unknown) {
        PathDecision::Unknown
    } else if needed().next().is_some() {
        PathDecision::Open
    } else {
        PathDecision::NotChecked
    };
    NetworkReport { decision, paths: paths.iter().map(NetworkPath::from).collect() }
}

/// One finding for each distinct cause.
pub fn findings(paths: &[Path], expected: PathExpectations<'_>) -> Vec<Finding> {
    let mut closed: Vec<(PathObstacle, Vec<Service>)> = Vec::new();
    let mut unknown: Vec<(&PathUnknown, Vec<Service>)> = Vec::new();
    for path in paths {
        match path.decision {
            Decision::Open => {}
            // Whatever else is not known does not matter.
            Decision::Closed => causes(path).for_each(|cause| {
                match closed.iter_mut().find_map(|(known, services)| known.joins(cause).then_some(services)) {
                    Some(services) if services.contains(&path.service) => {}
                    Some(services) => services.push(path.service),
                    None => closed.push((cause.clone(), vec![path.service])),
                }
            }),
            Decision::Unknown => {
                path.unknowns.iter().for_each(|why| match unknown.iter_mut().find(|(known, _)| *known == why) {
                    Some((_, services)) => services.push(path.service),
                    None => unknown.push((why, vec![path.service])),
                })
            }
        }
    }
    let is_refuted = |path: &Path| path.service == Service::Ssm && path.decision == Decision::Closed;
    let refuted = expected.online && paths.iter().any(is_refuted);
    let closed = closed.into_iter().map(|(obstacle, services)| {
        let weight = weight(&services, refuted, expected);
        FindingKind::PathClosed { obstacle, services, weight }
    });
    let unknown = unknown.into_iter().map(|(why, services)| {
        // What the heartbeat gets through lets the channels of sessions through too, and proves nothing of another way.
        let beaten = expected.online && services.contains(&Service::Ssm);
        let proven = |service: &Service| beaten && matches!(service, Service::Ssm | Service::SsmMessages);
        let required =
            expected.required && services.iter().any(|service| expected.is_needed(*service) && !proven(service));
        FindingKind::PathNotKnown { why: why.clone(), services, required }
    });
    closed.chain(unknown).map(Finding::from).collect()
}

/// What closes a path, but for the lack of a public way where an endpoint is there: whoever made that wants none.
fn causes(path: &Path) -> impl Iterator<Item = &PathObstacle> {
    let is_dns = |obstacle: &PathObstacle| {
        matches!(obstacle, PathObstacle::NoPrivateDns { .. } | PathObstacle::VpcDns { endpoint: Some(_), .. })
    };
    let lacks_way = |obstacle: &PathObstacle| {
        matches!(obstacle, PathObstacle::NoRoute { .. } | PathObstacle::NoPublicAddress { .. })
    };
    let has_endpoint = path.obstacles.iter().any(is_dns);
    path.obstacles.iter().filter(move |obstacle| !has_endpoint || !lacks_way(obstacle))
}

/// What a cause costs that closes the paths to these services.
///
/// A heartbeat goes to the endpoint of `ssm` alone: an instance without a way to `ssmmessages` shows up as managed, and no session
/// opens ([endpoints](https://docs.aws.amazon.com/systems-manager/latest/userguide/setup-create-vpc.html)). Where the way of the
/// heartbeat seems closed and is not, the agent has one that nobody sees, a proxy, say: `refuted`. What closes `ssmmessages` does not
/// close that one.
fn weight(services: &[Service], refuted: bool, expected: PathExpectations<'_>) -> PathWeight {
    let of_heartbeat = services.contains(&Service::Ssm);
    if refuted && (of_heartbeat || services.iter().all(|service| *service == Service::SsmMessages)) {
        PathWeight::Connected
    } else if services.iter().any(|service| expected.is_needed(*service)) {
        PathWeight::Sessions
    } else {
        PathWeight::Logs
    }
}
