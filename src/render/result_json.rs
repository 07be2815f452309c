//! A result in the machine report: the data, and the same in words.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};

use super::words::{self, Place, Words};
use crate::facts::ConnectionStatus;
use crate::facts::Origin;
use crate::report::{
    AgentSummary, Code, Difference, Finding, InstanceSummary, Known, NetworkReport, Outcome, Permission,
    ProfileSummary, RoleSummary, Severity, Shared, Trust, Verdict,
};

/// An element of `results`, and a line of `-o ndjson`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Result")]
pub(super) struct ResultJson<'a> {
    /// The target as it was typed, the instance id in a fleet, or `documents`.
    target: &'a str,
    /// The account, where known.
    account: Option<&'a str>,
    /// The Region, where known.
    region: Option<&'a str>,
    /// The instance, where one is in view.
    instance: Option<&'a InstanceSummary>,
    /// The instance profile; `None` where there is none.
    instance_profile: Option<&'a ProfileSummary>,
    /// The role; `None` where there is none.
    role: Option<&'a Shared<RoleSummary>>,
    /// The role of Default Host Management Configuration, where that is what lets the agent in, or should or could.
    host_management_role: Option<&'a Shared<RoleSummary>>,
    /// The agent, as Systems Manager last saw it; `None` where that is not known.
    agent: Option<&'a AgentSummary>,
    /// Whether EC2 may assume the role; `None` where no trust policy is in view.
    trust: Option<&'a Shared<Trust>>,
    /// The verdict.
    verdict: Verdict,
    /// What Session Manager needs of the role, and what the policies say to each.
    permissions: &'a [Shared<Permission>],
    /// What Session Manager says of its connection to the agent; only with `--confirm` and `--wait`.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<ConnectionStatus>,
    /// Where the IAM policy simulator says something else; only with `--simulate`.
    #[serde(skip_serializing_if = "<[Difference]>::is_empty")]
    simulation: &'a [Difference],
    /// What was found, worst first.
    findings: Vec<FindingJson<'a>>,
    /// The way from the instance to AWS.
    network: &'a Shared<NetworkReport>,
    /// What this verdict does not speak of, for a person.
    #[schemars(with = "Vec<String>")]
    not_checked: NotCheckedJson<'a>,
    /// Where the target stands in the file; plans and templates only.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a Origin>,
}

impl<'a> ResultJson<'a> {
    pub(super) fn new(outcome: &'a Outcome) -> ResultJson<'a> {
        let known = |index: usize| outcome.known.get(&index).map(AsRef::as_ref);
        let findings = outcome.findings.iter().enumerate();
        let findings = findings.map(|(index, finding)| FindingJson { finding, known: known(index), outcome });
        ResultJson {
            target: &outcome.target,
            account: outcome.account.as_deref(),
            region: outcome.region.as_deref(),
            instance: outcome.instance.as_ref(),
            instance_profile: outcome.instance_profile.as_ref(),
            role: outcome.role.as_ref(),
            host_management_role: outcome.host_management_role.as_ref(),
            agent: outcome.agent.as_ref(),
            trust: outcome.trust.as_ref(),
            verdict: outcome.verdict,
            permissions: &outcome.permissions,
            connection: outcome.connection,
            simulation: &outcome.simulation,
            findings: findings.collect(),
            network: &outcome.network,
            not_checked: NotCheckedJson(outcome),
            source: outcome.source.as_ref(),
        }
    }
}

/// An element of `findings`.
struct FindingJson<'a> {
    finding: &'a Shared<Finding>,
    known: Option<&'a Known>,
    outcome: &'a Outcome,
}

/// Something that a person should know.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
struct FindingFields<'a> {
    /// What kind of thing it is about.
    code: Code,
    /// How bad it is.
    severity: Severity,
    /// What is the case, for a person.
    message: String,
    /// What to do about it, for a person; empty where there is nothing to do.
    remedy: String,
    /// What the message says, as data.
    details: &'a Finding,
    /// That a baseline knows the finding, so that it does not count for the exit code; not there if none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<&'a Known>,
}

impl<'a> FindingFields<'a> {
    fn new(finding: &'a Finding, known: Option<&'a Known>, place: &Place<'_>) -> FindingFields<'a> {
        let Words { message, remedy } = words::finding(finding, place);
        FindingFields { code: finding.code(), severity: finding.severity(), message, remedy, details: finding, known }
    }
}

impl JsonSchema for FindingJson<'_> {
    fn schema_name() -> Cow<'static, str> {
        FindingFields::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        FindingFields::json_schema(generator)
    }
}

impl Serialize for FindingJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = Place::of(self.outcome);
        if self.known.is_some() {
            // Whoever shares the finding does not share that it is known.
            return FindingFields::new(self.finding, self.known, &place).serialize(serializer);
        }
        let json = self.finding.json(|finding| {
            let json = serde_json::value::to_raw_value(&FindingFields::new(finding, None, &place))?;
            // Words that name this instance are not those of another.
            Ok((json, !place.was_named()))
        });
        json.map_err(S::Error::custom)?.serialize(serializer)
    }
}

struct NotCheckedJson<'a>(&'a Outcome);

impl Serialize for NotCheckedJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = self.0.not_checked.json(|items| {
            let lines: Vec<String> = items.iter().map(words::not_checked).collect();
            Ok((serde_json::value::to_raw_value(&lines)?, true))
        });
        json.map_err(S::Error::custom)?.serialize(serializer)
    }
}
