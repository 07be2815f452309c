//! The machine report in types, as tests read it, after the schema has said that it is one.

use serde::Deserialize;

use super::schema::{self, Format};

/// The whole report of `-o json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Report {
    pub schema_version: u32,
    pub tool: Tool,
    pub source: Source,
    pub summary: Summary,
    pub results: Vec<Outcome>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tool {
    pub name: String,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Source {
    pub kind: SourceKind,
    pub file: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    Live,
    Snapshot,
    Documents,
    TerraformPlan,
    Cloudformation,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Summary {
    pub checked: usize,
    pub ready: usize,
    pub not_ready: usize,
    pub unknown: usize,
    pub skipped: usize,
}

impl Summary {
    /// The summary that these results must have.
    pub fn of(results: &[Outcome]) -> Self {
        let mut summary = Self { checked: results.len(), ..Self::default() };
        for outcome in results {
            match outcome.verdict {
                Verdict::Ready => summary.ready += 1,
                Verdict::NotReady => summary.not_ready += 1,
                Verdict::Unknown => summary.unknown += 1,
                Verdict::Skipped => summary.skipped += 1,
            }
        }
        summary
    }
}

/// One element of `results`, and one line of `-o ndjson`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Outcome {
    pub target: String,
    pub account: Option<String>,
    pub region: Option<String>,
    pub instance: Option<Instance>,
    pub instance_profile: Option<Profile>,
    pub role: Option<Role>,
    pub host_management_role: Option<Role>,
    pub agent: Option<Agent>,
    pub trust: Option<Trust>,
    pub verdict: Verdict,
    pub permissions: Vec<Permission>,
    /// Only where the policy simulator says something else.
    #[serde(default)]
    pub simulation: Vec<Difference>,
    pub findings: Vec<Finding>,
    pub network: Network,
    pub not_checked: Vec<String>,
    /// Plans and templates only.
    #[serde(default)]
    pub source: Option<Origin>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Origin {
    pub file: String,
    pub address: String,
    pub line: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Instance {
    pub id: Option<String>,
    pub name: Option<String>,
    pub state: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Profile {
    pub arn: Option<String>,
    pub id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Role {
    pub arn: Option<String>,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Trust {
    pub principal: String,
    pub decision: Decision,
    pub depends_on: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ready,
    NotReady,
    Unknown,
    Skipped,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Permission {
    pub action: String,
    pub resource: String,
    pub needed_for: NeededFor,
    pub decision: Decision,
    pub decided_by: Vec<DecidedBy>,
    pub depends_on: Vec<String>,
    /// Whether sessions fail without it; else only their logs are lost.
    pub required: bool,
}

/// The way from an instance to AWS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Network {
    pub decision: PathDecision,
    pub paths: Vec<Path>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Path {
    pub service: String,
    pub decision: PathDecision,
    pub via: Option<Via>,
    pub through: Vec<String>,
    pub blocked_by: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathDecision {
    Open,
    Closed,
    Unknown,
    NotChecked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    VpcEndpoint,
    InternetGateway,
    NatGateway,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Agent {
    pub ping: Option<String>,
    pub version: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Difference {
    pub action: String,
    pub resource: String,
    pub decision: Decision,
    pub simulator: Decision,
    pub explanation: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeededFor {
    Core,
    Kms,
    S3Logs,
    CloudwatchLogs,
    Custom,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Allowed,
    ExplicitDeny,
    ImplicitDeny,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DecidedBy {
    pub policy: String,
    pub kind: PolicyKind,
    pub sid: Option<String>,
    /// `None` where a whole gate decided.
    pub statement: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    Inline,
    Managed,
    Boundary,
    Scp,
    Rcp,
    Document,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Finding {
    pub code: Code,
    pub severity: Severity,
    pub message: String,
    pub remedy: String,
    /// What the message says, as data.
    pub details: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
    Info,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    NoInstanceProfile,
    InstanceProfileMissing,
    InstanceProfileStale,
    InstanceProfileEmpty,
    AssociationPending,
    RoleMissing,
    TrustPolicy,
    MissingPermission,
    OptionalPermission,
    ExplicitDeny,
    BlockedByBoundary,
    BlockedByScp,
    BlockedByRcp,
    ConditionalPermission,
    InvalidPolicy,
    MetadataDisabled,
    InstanceNotRunning,
    InstanceTerminated,
    InstanceNotFound,
    AccessDenied,
    AwsError,
    ManagedByDhmc,
    DhmcFallbackOff,
    KmsKeyPolicy,
    SessionLogs,
    AgentOffline,
    AgentOutdated,
    NoNetworkPath,
    SecurityGroupBlocks,
    NetworkAclBlocks,
    EndpointDns,
    EndpointPolicy,
    NetworkUnknown,
    NotConnected,
    NotInPlan,
}

impl Report {
    /// Reads a report and holds it against the rules that every report keeps.
    pub fn read(json: &str) -> Self {
        let value = schema::read(Format::Report, json);
        let report: Self =
            serde_json::from_value(value).unwrap_or_else(|error| panic!("not a machine report: {error}\n{json}"));
        assert_eq!(report.schema_version, 1);
        assert_eq!(report.tool.name, "ssm-profile");
        report.results.iter().for_each(Outcome::check);
        assert_eq!(report.summary, Summary::of(&report.results), "the summary counts the results");
        report
    }

    /// The one result of a report on one target.
    pub fn only(&self) -> &Outcome {
        assert_eq!(self.results.len(), 1, "one result: {self:?}");
        &self.results[0]
    }

    /// The result of this target.
    pub fn of(&self, target: &str) -> &Outcome {
        self.results
            .iter()
            .find(|outcome| outcome.target == target)
            .unwrap_or_else(|| panic!("no result of `{target}`: {self:?}"))
    }
}

impl Outcome {
    /// Reads the lines of `-o ndjson`.
    pub fn read_lines(ndjson: &str) -> Vec<Self> {
        let read = |line: &str| {
            let value = schema::read(Format::Result, line);
            let outcome: Self =
                serde_json::from_value(value).unwrap_or_else(|error| panic!("not a result: {error}\n{line}"));
            outcome.check();
            outcome
        };
        ndjson.lines().map(read).collect()
    }

    /// The codes of the findings, in their order.
    pub fn codes(&self) -> Vec<Code> {
        self.findings.iter().map(|finding| finding.code).collect()
    }

    /// The codes of what the verdict turns on: errors, and what a plan or template does not say.
    pub fn grounds(&self) -> Vec<Code> {
        let decides = |finding: &&Finding| finding.severity == Severity::Error || finding.code == Code::NotInPlan;
        let mut codes: Vec<Code> = self.findings.iter().filter(decides).map(|finding| finding.code).collect();
        codes.dedup();
        codes
    }

    /// The finding of this code.
    pub fn finding(&self, code: Code) -> &Finding {
        self.findings
            .iter()
            .find(|finding| finding.code == code)
            .unwrap_or_else(|| panic!("no {code:?} in {:?}", self.findings))
    }

    /// The permission for this action.
    pub fn permission(&self, action: &str) -> &Permission {
        self.permissions
            .iter()
            .find(|permission| permission.action == action)
            .unwrap_or_else(|| panic!("no `{action}` in {:?}", self.permissions))
    }

    /// Holds a result against the rules that every result keeps.
    pub(super) fn check(&self) {
        let has_error = self.findings.iter().any(|finding| finding.severity == Severity::Error);
        match self.verdict {
            Verdict::NotReady => assert!(has_error, "`not_ready` comes from an error: {self:?}"),
            Verdict::Ready | Verdict::Unknown => assert!(!has_error, "an error makes `not_ready`: {self:?}"),
            Verdict::Skipped => {}
        }
        let core_open = |permission: &Permission| {
            assert!(
                permission.required || permission.needed_for != NeededFor::Core,
                "core is required: {permission:?}"
            );
            permission.required && permission.decision != Decision::Allowed
        };
        if self.verdict == Verdict::Ready {
            assert!(!self.permissions.iter().any(core_open), "`ready` has all that sessions require: {self:?}");
        }
        for finding in &self.findings {
            assert!(!finding.message.is_empty(), "a finding says what is the case: {finding:?}");
        }
    }
}
