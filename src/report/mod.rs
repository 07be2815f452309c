//! What a diagnosis says, as data.
//!
//! The names of fields are the keys of the JSON report. Keys may be added, never renamed.

mod code;
mod finding;
mod known;
mod network;
mod not_checked;
mod shared;

use schemars::JsonSchema;
use serde::Serialize;

use crate::facts::ConnectionStatus;
use crate::facts::Origin;

pub use code::Code;
pub use finding::*;
pub use iam_eval::{Decision, PolicyKind};
pub use known::{Known, KnownFindings};
pub use network::{
    AclPeer, AclRule, Direction, DnsAttribute, FarSide, NetworkPath, NetworkReport, PathDecision, PathObstacle,
    PathUnknown, PathWeight, Service, Via,
};
pub use not_checked::NotChecked;
pub use shared::Shared;

/// The verdict on every subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// One entry for each subject, in the order of the facts.
    pub results: Vec<Outcome>,
    /// Those that are not shown, which are no results any more.
    pub not_shown: Summary,
}

/// How many subjects there are of each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Summary {
    /// All of them.
    pub checked: usize,
    /// Those that Session Manager can reach, as far as IAM decides it.
    pub ready: usize,
    /// Those that it certainly cannot.
    pub not_ready: usize,
    /// Those of which a needed fact is missing.
    pub unknown: usize,
    /// Terminated instances met in a selection.
    pub skipped: usize,
    /// Those that are not ready, or unknown, for nothing but what a baseline knows; not there if there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub known: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Summary {
    fn count(&mut self, outcome: &Outcome) {
        self.checked += 1;
        self.known += usize::from(outcome.is_known());
        match outcome.verdict {
            Verdict::Ready => self.ready += 1,
            Verdict::NotReady => self.not_ready += 1,
            Verdict::Unknown => self.unknown += 1,
            Verdict::Skipped => self.skipped += 1,
        }
    }
}

impl From<Vec<Outcome>> for Report {
    fn from(results: Vec<Outcome>) -> Report {
        Report { results, not_shown: Summary::default() }
    }
}

impl Report {
    /// Counts the verdicts, those that are not shown too.
    pub fn summary(&self) -> Summary {
        let mut summary = self.not_shown;
        self.results.iter().for_each(|outcome| summary.count(outcome));
        summary
    }

    /// The same report, of which only some results are shown.
    pub fn showing(mut self, is_shown: impl Fn(&Outcome) -> bool) -> Report {
        let (shown, hidden): (Vec<Outcome>, Vec<Outcome>) = self.results.into_iter().partition(is_shown);
        hidden.iter().for_each(|outcome| self.not_shown.count(outcome));
        Report { results: shown, ..self }
    }
}

/// What is known of one subject.
///
/// Over a fleet most of it is the same for many subjects, and is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The target as it was typed, the instance id in a fleet, or `documents`.
    pub target: String,
    /// Where it stands in the plan or template that it is of.
    pub source: Option<Origin>,
    /// The account, where known.
    pub account: Option<String>,
    /// The Region, where known.
    pub region: Option<String>,
    /// The instance, where one is in view.
    pub instance: Option<InstanceSummary>,
    /// The instance profile; `None` where there is none.
    pub instance_profile: Option<ProfileSummary>,
    /// The role; `None` where there is none.
    pub role: Option<Shared<RoleSummary>>,
    /// The role of Default Host Management Configuration, where that is what lets the agent in, or should or could.
    pub host_management_role: Option<Shared<RoleSummary>>,
    /// The agent, as Systems Manager last saw it; `None` where that is not known.
    pub agent: Option<AgentSummary>,
    /// Whether EC2 may assume the role; `None` where no trust policy is in view.
    pub trust: Option<Shared<Trust>>,
    /// The verdict.
    pub verdict: Verdict,
    /// What Session Manager needs of the role, and what the policies say to each.
    pub permissions: Vec<Shared<Permission>>,
    /// What Session Manager says of its connection to the agent; `None` unless it was asked.
    pub connection: Option<ConnectionStatus>,
    /// Where the IAM policy simulator says something else; empty unless it was asked.
    pub simulation: Vec<Difference>,
    /// What was found, worst first.
    pub findings: Vec<Shared<Finding>>,
    /// The way from the instance to AWS, where anybody looked.
    pub network: Shared<NetworkReport>,
    /// Which of them a baseline knows.
    pub known: KnownFindings,
    /// What this verdict does not speak of, for a person.
    pub not_checked: Shared<Vec<NotChecked>>,
}

impl Outcome {
    /// What the target is called besides what was typed: the instance's name, or its id where the name was typed.
    pub fn other_name(&self) -> Option<&str> {
        let instance = self.instance.as_ref()?;
        let names = [instance.name.as_deref(), instance.id.as_deref()];
        // An ARN ends with the id.
        let is_typed = |name: &str| {
            self.target.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('/'))
        };
        names.into_iter().flatten().find(|name| !is_typed(name))
    }

    /// Whether it is an instance that runs.
    pub fn is_running(&self) -> bool {
        self.instance.as_ref().is_some_and(|instance| instance.state.as_deref() == Some("running"))
    }

    /// What the target is called from run to run, however it was typed: an instance by its id.
    pub fn lasting_name(&self) -> &str {
        let id = self.instance.as_ref().and_then(|instance| instance.id.as_deref());
        id.unwrap_or(&self.target)
    }

    /// The findings for a person: of two that say the same under two codes, one.
    pub fn findings_for_people(&self) -> impl Iterator<Item = (&Finding, Option<&Known>)> {
        self.findings().filter(|(finding, _)| !matches!(finding.kind, FindingKind::TargetNotFound { .. }))
    }

    /// Whether nothing but the network path keeps it from being ready.
    pub fn lacks_only_network(&self) -> bool {
        let denied = |permission: &Shared<Permission>| permission.required && permission.decision != Decision::Allowed;
        let decides = self.findings.iter().filter(|finding| finding.decides());
        decides.clone().next().is_some()
            && decides.clone().all(|finding| finding.is_of_network())
            && !self.permissions.iter().any(denied)
    }
}

/// An instance, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InstanceSummary {
    /// Its id; `None` in a plan or template.
    pub id: Option<String>,
    /// Its tag `Name`.
    pub name: Option<String>,
    /// Its state, as EC2 names it; `None` in a plan or template.
    pub state: Option<String>,
}

/// An instance profile, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProfileSummary {
    /// Its ARN, where known.
    pub arn: Option<String>,
    /// Its id, where known.
    pub id: Option<String>,
}

/// A role, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RoleSummary {
    /// Its ARN, where known.
    pub arn: Option<String>,
    /// Its name.
    pub name: String,
}

/// An agent, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AgentSummary {
    /// `Online`, `ConnectionLost` or `Inactive`; `None` if it never reported.
    pub ping: Option<String>,
    /// Its version.
    pub version: Option<String>,
}

/// Whether a role's trust policy admits the EC2 service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Trust {
    /// The service principal that must be admitted, for example `ec2.amazonaws.com`.
    pub principal: String,
    /// What the policy says to it.
    pub decision: Decision,
    /// The context keys that keep it unknown.
    pub depends_on: Vec<String>,
}

/// The answer to the question that the tool is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// IAM lets Session Manager reach it.
    Ready,
    /// Something certainly keeps Session Manager out.
    NotReady,
    /// Something needed could not be determined.
    Unknown,
    /// A terminated instance met in a selection.
    Skipped,
}

/// One permission and its fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Permission {
    /// The IAM action.
    pub action: String,
    /// The resource, `*` for an action that has none; an unknown part is written `*`.
    pub resource: String,
    /// What needs it.
    pub needed_for: NeededFor,
    /// What the policies say.
    pub decision: Decision,
    /// The statements or gates that decided, or that could not be decided.
    pub decided_by: Vec<DecidedBy>,
    /// The context keys that keep it unknown.
    pub depends_on: Vec<String>,
    /// Whether sessions fail without it; else only their logs are lost.
    pub required: bool,
}

/// Why a permission is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NeededFor {
    /// Any session at all.
    Core,
    /// Sessions encrypted with a KMS key.
    Kms,
    /// Session logs in S3.
    S3Logs,
    /// Session logs in CloudWatch Logs.
    CloudwatchLogs,
    /// The user asked for it.
    Custom,
}

/// A permission on which the simulator says something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// The action.
    pub action: String,
    /// The resource.
    pub resource: String,
    /// What this tool says.
    pub decision: Decision,
    /// What the simulator says.
    pub simulator: Decision,
    /// What explains it.
    pub explanation: String,
}

/// A statement, or a gate as a whole, that decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct DecidedBy {
    /// The policy's name (inline, document) or ARN (managed), or the gate's name.
    pub policy: String,
    /// What kind of policy it is.
    pub kind: PolicyKind,
    /// The statement's Sid, if it has one.
    pub sid: Option<String>,
    /// The statement's index from 0; `None` where the whole gate decided.
    pub statement: Option<usize>,
}
