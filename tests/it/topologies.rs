//! A topology: a network around an instance, what must come out of it, and the rule that says so.

use crate::support::network::{Place, Vpc};
use crate::support::report::{Code, PathDecision, Severity, Verdict, Via};

/// Where most of them are.
pub const REGION: &str = "us-east-1";
/// A Region with VPC Block Public Access in both directions.
pub const BLOCKED_REGION: &str = "eu-west-1";
/// A Region where sessions are encrypted.
pub const KEY_REGION: &str = "eu-central-1";
/// The role and profile of the instances that need no other.
pub const PROFILE: &str = "web";

/// What every agent must reach.
pub const SERVICES: [&str; 2] = ["ssm", "ssmmessages"];

pub struct Topology {
    pub name: &'static str,
    /// The rule, and the page that it stands on.
    pub why: &'static str,
    pub region: &'static str,
    /// What `check` is asked besides; the same for all of a Region.
    pub arguments: &'static [&'static str],
    /// Builds it, and gives the instance.
    pub build: fn(&Place) -> (String, Expected),
}

/// What must come out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub verdict: Verdict,
    /// The worst of the findings; an info if there is none.
    pub severity: Severity,
    pub decision: PathDecision,
    pub paths: Vec<Path>,
    /// The codes of all findings but of that of an agent that has never been seen.
    pub codes: Vec<Code>,
}

/// A path; ids in any order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    pub service: String,
    pub decision: PathDecision,
    pub via: Option<Via>,
    pub blocked_by: Vec<String>,
}

impl Path {
    pub fn open(service: &str, via: Via) -> Self {
        Self { service: service.into(), decision: PathDecision::Open, via: Some(via), blocked_by: Vec::new() }
    }

    pub fn closed(service: &str, via: Option<Via>, blocked_by: &[&str]) -> Self {
        let mut blocked_by: Vec<String> = blocked_by.iter().map(ToString::to_string).collect();
        blocked_by.sort();
        Self { service: service.into(), decision: PathDecision::Closed, via, blocked_by }
    }

    pub fn unknown(service: &str) -> Self {
        Self { service: service.into(), decision: PathDecision::Unknown, via: None, blocked_by: Vec::new() }
    }
}

impl Expected {
    /// Both paths are open this way.
    pub fn open(via: Via) -> Self {
        Self {
            verdict: Verdict::Ready,
            severity: Severity::Info,
            decision: PathDecision::Open,
            paths: SERVICES.map(|service| Path::open(service, via)).into(),
            codes: Vec::new(),
        }
    }

    /// Both paths are closed by the same.
    pub fn closed(code: Code, via: Option<Via>, blocked_by: &[&str]) -> Self {
        Self::closed_paths(code, SERVICES.map(|service| Path::closed(service, via, blocked_by)).into())
    }

    /// At least one of these paths is closed.
    pub fn closed_paths(code: Code, paths: Vec<Path>) -> Self {
        let (verdict, severity) = (Verdict::NotReady, Severity::Error);
        Self { verdict, severity, decision: PathDecision::Closed, paths, codes: vec![code] }
    }

    /// Neither path can be decided, which by default does not bear on the verdict.
    pub fn unknown() -> Self {
        Self {
            verdict: Verdict::Ready,
            severity: Severity::Info,
            decision: PathDecision::Unknown,
            paths: SERVICES.map(Path::unknown).into(),
            codes: vec![Code::NetworkUnknown],
        }
    }

    /// The paths are open, and something else is an error.
    pub fn but(self, code: Code) -> Self {
        Self { verdict: Verdict::NotReady, severity: Severity::Error, codes: vec![code], ..self }
    }
}

/// A subnet with a route to an internet gateway.
pub fn public_subnet(vpc: &Vpc<'_>, number: u8) -> (String, String, String) {
    let (subnet, gateway) = (vpc.subnet(number, 'a'), vpc.internet_gateway());
    let table = vpc.route(&[&subnet], Some(&gateway));
    (subnet, gateway, table)
}

/// A private subnet whose default route is a NAT gateway in a public one.
pub struct Nat {
    pub private: String,
    pub public: String,
}

pub fn behind_nat(vpc: &Vpc<'_>) -> Nat {
    let (public, ..) = public_subnet(vpc, 1);
    let (private, nat) = (vpc.subnet(2, 'a'), vpc.nat(&public));
    vpc.route(&[&private], Some(&nat));
    Nat { private, public }
}

/// An instance of the common profile without a public address, in a group that lets everything out.
pub fn private_instance(vpc: &Vpc<'_>, subnet: &str) -> String {
    vpc.instance(PROFILE, subnet, &[&vpc.group("instance")], false)
}
