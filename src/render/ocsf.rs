//! The report as events of the Open Cybersecurity Schema Framework 1.6.0, one on a line.
//!
//! The class is Compliance Finding (2003): a resource is held against rules, and each passes or fails. A Detection Finding (2004) is an
//! alert, which knows no resource that is fine. The version is the one in which AWS Security Hub writes its own findings.
//!
//! Source: [Compliance Finding](https://schema.ocsf.io/1.6.0/classes/compliance_finding).

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::json;
use super::posture::{self, Record, ResourceType, Rule, Standing, Status};
use super::sanitize::terminal;
use super::words::posture::STANDARD;
use crate::report::{Outcome, Report, Severity};

const VERSION: &str = "1.6.0";
const PRODUCT: &str = "ssm-profile";
const CLASS: u32 = 2003;

/// The report as it was at this time.
///
/// # Errors
///
/// Fails if an event cannot be written, which memory alone decides.
pub fn render(report: &Report, at: Timestamp) -> serde_json::Result<String> {
    let mut seen = BTreeSet::new();
    // One target may be named twice.
    let records = report.results.iter().flat_map(posture::records).filter(|record| seen.insert(record.uid()));
    json::lines(records.map(|record| event(&record, at)))
}

/// What this tool has of the many attributes of the class.
#[derive(Serialize)]
struct ComplianceFinding {
    activity_id: u32,
    activity_name: &'static str,
    category_uid: u32,
    category_name: &'static str,
    class_uid: u32,
    class_name: &'static str,
    type_uid: u32,
    type_name: String,
    time: i64,
    severity_id: u32,
    severity: &'static str,
    status_id: u32,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    message: String,
    metadata: Metadata,
    cloud: Cloud,
    finding_info: FindingInfo,
    compliance: Compliance,
    resources: Vec<ResourceDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<Remediation>,
}

#[derive(Serialize)]
struct Metadata {
    version: &'static str,
    profiles: [&'static str; 1],
    event_code: String,
    product: Product,
}

#[derive(Serialize)]
struct Product {
    name: &'static str,
    vendor_name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Cloud {
    provider: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Account>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_partition: Option<&'static str>,
}

#[derive(Serialize)]
struct Account {
    uid: String,
    r#type: &'static str,
    type_id: u32,
}

#[derive(Serialize)]
struct FindingInfo {
    uid: String,
    title: String,
    desc: String,
    modified_time: i64,
}

#[derive(Serialize)]
struct Compliance {
    control: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    desc: Option<&'static str>,
    standards: [&'static str; 1],
    status_id: u32,
    status: &'static str,
}

#[derive(Serialize)]
struct ResourceDetails {
    uid: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
}

#[derive(Serialize)]
struct Remediation {
    desc: String,
    references: [String; 1],
}

fn event(record: &Record<'_>, at: Timestamp) -> ComplianceFinding {
    let time = at.as_millisecond();
    let (activity_id, activity_name) = match (record.status, &record.standing) {
        (Status::Passed, _) | (_, Standing::Archived) => (3, "Close"),
        _ => (1, "Create"),
    };
    let (status_id, status) = match (&record.standing, record.status) {
        (Standing::Known(_), _) => (3, "Suppressed"),
        (Standing::Archived, _) => (5, "Archived"),
        (Standing::Active, Status::Passed) => (4, "Resolved"),
        (Standing::Active, _) => (1, "New"),
    };
    let (severity_id, severity) = severity(record.severity);
    ComplianceFinding {
        activity_id,
        activity_name,
        category_uid: 2,
        category_name: "Findings",
        class_uid: CLASS,
        class_name: "Compliance Finding",
        type_uid: CLASS * 100 + activity_id,
        type_name: format!("Compliance Finding: {activity_name}"),
        time,
        severity_id,
        severity,
        status_id,
        status,
        comment: match &record.standing {
            Standing::Known(why) => Some(why.clone()),
            Standing::Active | Standing::Archived => None,
        },
        message: record.title.clone(),
        metadata: Metadata {
            version: VERSION,
            profiles: ["cloud"],
            event_code: record.rule.id(),
            product: Product { name: PRODUCT, vendor_name: PRODUCT, version: env!("CARGO_PKG_VERSION") },
        },
        cloud: cloud(record.outcome),
        finding_info: FindingInfo {
            uid: record.uid(),
            title: record.title.clone(),
            desc: record.description.clone(),
            modified_time: time,
        },
        compliance: compliance(record),
        resources: resources(record.outcome),
        remediation: (!record.remedy.is_empty())
            .then(|| Remediation { desc: record.remedy.clone(), references: [record.rule.address()] }),
    }
}

/// As in the format of Security Hub.
fn severity(severity: Severity) -> (u32, &'static str) {
    match severity {
        Severity::Error => (3, "Medium"),
        Severity::Warning => (2, "Low"),
        Severity::Info => (1, "Informational"),
    }
}

fn cloud(outcome: &Outcome) -> Cloud {
    let account = outcome.account.as_deref();
    Cloud {
        provider: "AWS",
        account: account.map(|id| Account { uid: terminal(id).into_owned(), r#type: "AWS Account", type_id: 10 }),
        region: outcome.region.as_deref().map(|region| terminal(region).into_owned()),
        cloud_partition: posture::partition(outcome),
    }
}

fn compliance(record: &Record<'_>) -> Compliance {
    let (status_id, status) = match record.status {
        Status::Passed => (1, "Pass"),
        Status::Failed => (3, "Fail"),
        Status::Warning => (2, "Warning"),
        Status::NotAvailable => (0, "Unknown"),
    };
    let desc = match record.rule {
        Rule::Code(code) => Some(code.description()),
        Rule::Verdict => None,
    };
    Compliance { control: record.rule.id(), desc, standards: [STANDARD], status_id, status }
}

fn resources(outcome: &Outcome) -> Vec<ResourceDetails> {
    let name = outcome.instance.as_ref().and_then(|instance| instance.name.as_deref());
    posture::resources(outcome)
        .into_iter()
        .map(|found| ResourceDetails {
            uid: found.id,
            r#type: match found.kind {
                ResourceType::Instance => "AWS::EC2::Instance",
                ResourceType::Role => "AWS::IAM::Role",
                ResourceType::Other => "Other",
            },
            name: name.filter(|_| found.kind == ResourceType::Instance).map(|name| terminal(name).into_owned()),
            region: outcome
                .region
                .as_deref()
                .filter(|_| found.kind == ResourceType::Instance)
                .map(|region| terminal(region).into_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::sample::outcome;
    use super::*;
    use crate::report::{Code, Finding, Verdict};

    const AT: Timestamp = Timestamp::constant(1_772_323_200, 250_000_000);

    fn events(results: Vec<Outcome>) -> Vec<Value> {
        let text = render(&Report::from(results), AT).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn an_event_has_what_the_class_asks_for() {
        let finding = Finding::sample(Code::ExplicitDeny, Severity::Error, "a statement denies it", "narrow it");
        let events = events(vec![outcome("role/web", Verdict::NotReady, vec![finding])]);
        insta::assert_snapshot!(serde_json::to_string_pretty(&events[1]).unwrap(), @r#"
        {
          "activity_id": 1,
          "activity_name": "Create",
          "category_name": "Findings",
          "category_uid": 2,
          "class_name": "Compliance Finding",
          "class_uid": 2003,
          "cloud": {
            "account": {
              "type": "AWS Account",
              "type_id": 10,
              "uid": "111122223333"
            },
            "cloud_partition": "aws",
            "provider": "AWS",
            "region": "us-east-1"
          },
          "compliance": {
            "control": "explicit-deny",
            "desc": "A policy statement denies a needed action.",
            "standards": [
              "Session Manager prerequisites"
            ],
            "status": "Fail",
            "status_id": 3
          },
          "finding_info": {
            "desc": "a statement denies it",
            "modified_time": 1772323200250,
            "title": "A policy statement denies a needed action: role/web",
            "uid": "ssm-profile/111122223333/us-east-1/role/web/explicit-deny"
          },
          "message": "A policy statement denies a needed action: role/web",
          "metadata": {
            "event_code": "explicit-deny",
            "product": {
              "name": "ssm-profile",
              "vendor_name": "ssm-profile",
              "version": "0.1.0"
            },
            "profiles": [
              "cloud"
            ],
            "version": "1.6.0"
          },
          "remediation": {
            "desc": "narrow it",
            "references": [
              "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html"
            ]
          },
          "resources": [
            {
              "type": "Other",
              "uid": "role/web"
            }
          ],
          "severity": "Medium",
          "severity_id": 3,
          "status": "New",
          "status_id": 1,
          "time": 1772323200250,
          "type_name": "Compliance Finding: Create",
          "type_uid": 200301
        }
        "#);
    }

    /// Each id and its caption belong together, as the class has them.
    #[test]
    fn what_is_ready_is_resolved_and_what_is_gone_is_archived() {
        let outcomes = [Verdict::Ready, Verdict::Unknown, Verdict::NotReady, Verdict::Skipped]
            .map(|verdict| outcome(&format!("{verdict:?}"), verdict, vec![]));
        let told: Vec<_> = events(outcomes.into())
            .iter()
            .map(|event| [&event["compliance"]["status_id"], &event["status_id"], &event["type_uid"]].map(Value::clone))
            .collect();
        let expected = [[1, 4, 200_303], [2, 1, 200_301], [3, 1, 200_301], [0, 5, 200_303]];
        assert_eq!(told, expected.map(|row| row.map(Value::from)));
    }

    #[test]
    fn a_target_that_is_named_twice_has_its_events_once() {
        let finding = || Finding::sample(Code::ExplicitDeny, Severity::Error, "a statement denies it", "");
        let twice = ["role/web", "arn:aws:iam::111122223333:role/apps/web"]
            .map(|target| outcome(target, Verdict::NotReady, vec![finding()]));
        let codes: Vec<Value> =
            events(twice.into()).iter().map(|event| event["metadata"]["event_code"].clone()).collect();
        assert_eq!(codes, ["session-manager", "explicit-deny"]);
    }

    #[test]
    fn hostile_strings_stay_on_their_line() {
        let hostile = "\"}\n{\"x\": \u{202e}\u{1b}[2J";
        let finding = Finding::sample(Code::ExplicitDeny, Severity::Error, hostile, hostile);
        let text = render(&Report::from(vec![outcome(hostile, Verdict::NotReady, vec![finding])]), AT).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(!text.contains(['\u{1b}', '\u{202e}']));
    }
}
