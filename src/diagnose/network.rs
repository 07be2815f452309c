//! What the network path says beside a verdict: a finding for each cause, with the services that it concerns.

use crate::network::{Decision, Path, PathUnknown, Service};
use crate::report::{Finding, FindingKind, NetworkPath, NetworkReport, PathDecision, PathObstacle, PathWeight};

/// What is known and asked of a network path beside what the network shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct PathExpectations<'a> {
    /// Whether Systems Manager saw the agent as connected: its way is open, whatever it looks like.
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
    let closed = closed.into_iter().map(|(obstacle, services)| {
        let weight = weight(&services, expected);
        FindingKind::PathClosed { obstacle, services, weight }
    });
    let unknown = unknown.into_iter().map(|(why, services)| {
        // A connected agent proves the paths that it needs for that.
        let proven = |service: &Service| expected.online && connects(*service);
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

fn connects(service: Service) -> bool {
    matches!(service, Service::Ssm | Service::SsmMessages)
}

/// An agent that is connected proves the paths to the services that it needs for that, and with them that what seems to close those
/// does not.
fn weight(services: &[Service], expected: PathExpectations<'_>) -> PathWeight {
    if expected.online && services.iter().any(|service| connects(*service)) {
        PathWeight::Connected
    } else if services.iter().any(|service| expected.is_needed(*service)) {
        PathWeight::Sessions
    } else {
        PathWeight::Logs
    }
}
