//! A result in the machine report: the data, and the same in words.

use serde::ser::Error as _;
use serde::{Serialize, Serializer};

use super::words::{self, Place, Words};
use crate::report::{
    AgentSummary, Code, Difference, Finding, InstanceSummary, Outcome, Permission, ProfileSummary, RoleSummary,
    Severity, Shared, Trust, Verdict,
};

/// An element of `results`.
#[derive(Serialize)]
pub(super) struct ResultJson<'a> {
    target: &'a str,
    account: Option<&'a str>,
    region: Option<&'a str>,
    instance: Option<&'a InstanceSummary>,
    instance_profile: Option<&'a ProfileSummary>,
    role: Option<&'a Shared<RoleSummary>>,
    host_management_role: Option<&'a Shared<RoleSummary>>,
    agent: Option<&'a AgentSummary>,
    trust: Option<&'a Shared<Trust>>,
    verdict: Verdict,
    permissions: &'a [Shared<Permission>],
    #[serde(skip_serializing_if = "<[Difference]>::is_empty")]
    simulation: &'a [Difference],
    findings: Vec<FindingJson<'a>>,
    not_checked: NotCheckedJson<'a>,
}

impl<'a> ResultJson<'a> {
    pub(super) fn new(outcome: &'a Outcome) -> ResultJson<'a> {
        let findings = outcome.findings.iter().map(|finding| FindingJson { finding, outcome });
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
            simulation: &outcome.simulation,
            findings: findings.collect(),
            not_checked: NotCheckedJson(outcome),
        }
    }
}

/// An element of `findings`.
struct FindingJson<'a> {
    finding: &'a Shared<Finding>,
    outcome: &'a Outcome,
}

#[derive(Serialize)]
struct FindingFields<'a> {
    code: Code,
    severity: Severity,
    message: String,
    remedy: String,
    details: &'a Finding,
}

impl Serialize for FindingJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = self.finding.json(|finding| {
            let place = Place::of(self.outcome);
            let Words { message, remedy } = words::finding(finding, &place);
            let (code, severity) = (finding.code(), finding.severity());
            let json =
                serde_json::value::to_raw_value(&FindingFields { code, severity, message, remedy, details: finding })?;
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
