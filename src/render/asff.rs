//! The report in the AWS Security Finding Format, for `BatchImportFindings` of Security Hub: a JSON array of findings, as its parameter
//! `--findings` takes it. A call takes at most a hundred of them; who imports splits the array.
//!
//! Source: [required attributes](https://docs.aws.amazon.com/securityhub/latest/userguide/asff-required-attributes.html) and, for the
//! lengths, [AwsSecurityFinding](https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::json;
use super::posture::{self, Record, ResourceType, Standing, Status};
use super::sanitize::{terminal, word};
use crate::report::{Outcome, Report, Severity};
use iam_eval::arn::is_account_id;

const SCHEMA_VERSION: &str = "2018-10-08";
const PRODUCT: &str = "ssm-profile";

/// Where the taxonomy of types has the check of a setting.
///
/// Source: [types taxonomy](https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format-type-taxonomy.html).
const TYPE: &str = "Software and Configuration Checks/AWS Security Best Practices";

const LONGEST_ID: usize = 512;
const LONGEST_TITLE: usize = 256;
const LONGEST_DESCRIPTION: usize = 1024;
const LONGEST_RECOMMENDATION: usize = 512;
const LONGEST_NOTE: usize = 512;
const LONGEST_FIELD: usize = 2048;

/// A report in this format.
pub struct Page {
    /// The findings.
    pub text: String,
    /// How many targets are left out, since their account or their Region is not known: each finding must have both.
    pub left_out: usize,
}

/// The report as it was at this time.
///
/// # Errors
///
/// Fails if the findings cannot be written, which memory alone decides.
pub fn render(report: &Report, at: Timestamp) -> serde_json::Result<Page> {
    let (mut findings, mut left_out, mut seen) = (Vec::new(), 0, BTreeSet::new());
    for outcome in &report.results {
        match place(outcome) {
            // One target may be named twice, and Security Hub takes an id once in a batch.
            Some(place) => findings.extend(
                posture::records(outcome)
                    .iter()
                    .map(|record| finding(record, &place, at))
                    .filter(|finding| seen.insert(finding.id.clone())),
            ),
            None => left_out += 1,
        }
    }
    Ok(Page { text: json::pretty(&findings)?, left_out })
}

/// Where a finding is imported.
struct Place<'a> {
    partition: &'static str,
    account: &'a str,
    region: &'a str,
}

fn place(outcome: &Outcome) -> Option<Place<'_>> {
    Some(Place {
        partition: posture::partition(outcome)?,
        account: outcome.account.as_deref().filter(|account| is_account_id(account))?,
        region: outcome.region.as_deref()?,
    })
}

/// What this tool has of the many attributes of a finding.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AwsSecurityFinding {
    schema_version: &'static str,
    id: String,
    product_arn: String,
    product_name: &'static str,
    generator_id: String,
    aws_account_id: String,
    region: String,
    created_at: String,
    updated_at: String,
    title: String,
    description: String,
    finding_provider_fields: FindingProviderFields,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<Remediation>,
    product_fields: BTreeMap<&'static str, String>,
    resources: Vec<Resource>,
    compliance: Compliance,
    record_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow: Option<Workflow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<Note>,
}

/// A provider gives severity and types here, so that those which a user changes stay changed.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FindingProviderFields {
    severity: ProviderSeverity,
    types: [&'static str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ProviderSeverity {
    label: &'static str,
    original: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Remediation {
    recommendation: Recommendation,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Recommendation {
    text: String,
    url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    r#type: &'static str,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Compliance {
    status: &'static str,
}

/// That nobody need look at the finding.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Workflow {
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Note {
    text: String,
    updated_by: &'static str,
    updated_at: String,
}

fn finding(record: &Record<'_>, place: &Place<'_>, at: Timestamp) -> AwsSecurityFinding {
    let Place { partition, account, region } = place;
    let time = format!("{at:.3}");
    let (workflow, note) = match &record.standing {
        Standing::Known(why) => (
            Some(Workflow { status: "SUPPRESSED" }),
            Some(Note { text: cut(why, LONGEST_NOTE), updated_by: PRODUCT, updated_at: time.clone() }),
        ),
        Standing::Active | Standing::Archived => (None, None),
    };
    AwsSecurityFinding {
        schema_version: SCHEMA_VERSION,
        id: id(record.uid()),
        // The product of all findings that an account imports into its own Security Hub.
        product_arn: format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default"),
        product_name: PRODUCT,
        generator_id: format!("{PRODUCT}/{}", record.rule.id()),
        aws_account_id: terminal(account).into_owned(),
        region: terminal(region).into_owned(),
        created_at: time.clone(),
        updated_at: time,
        title: cut(&record.title, LONGEST_TITLE),
        description: cut(&record.description, LONGEST_DESCRIPTION),
        finding_provider_fields: FindingProviderFields { severity: severity(record.severity), types: [TYPE] },
        remediation: (!record.remedy.is_empty()).then(|| Remediation {
            recommendation: Recommendation {
                text: cut(&record.remedy, LONGEST_RECOMMENDATION),
                url: record.rule.address(),
            },
        }),
        product_fields: BTreeMap::from([
            ("ssm-profile/rule", record.rule.id()),
            ("ssm-profile/target", cut(&terminal(&record.outcome.target), LONGEST_FIELD)),
            ("ssm-profile/verdict", word(&record.outcome.verdict)),
            ("ssm-profile/version", env!("CARGO_PKG_VERSION").to_owned()),
        ]),
        resources: posture::resources(record.outcome).into_iter().map(|found| resource(found, place)).collect(),
        compliance: Compliance { status: status(record.status) },
        record_state: if record.standing == Standing::Archived { "ARCHIVED" } else { "ACTIVE" },
        workflow,
        note,
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Passed => "PASSED",
        Status::Failed => "FAILED",
        Status::Warning => "WARNING",
        Status::NotAvailable => "NOT_AVAILABLE",
    }
}

/// Security Hub's own control of the same subject is of medium severity
/// ([SSM.1](https://docs.aws.amazon.com/securityhub/latest/userguide/ssm-controls.html#ssm-1)).
fn severity(severity: Severity) -> ProviderSeverity {
    let label = match severity {
        Severity::Error => "MEDIUM",
        Severity::Warning => "LOW",
        Severity::Info => "INFORMATIONAL",
    };
    ProviderSeverity { label, original: word(&severity) }
}

fn resource(found: posture::Resource, place: &Place<'_>) -> Resource {
    Resource {
        r#type: match found.kind {
            ResourceType::Instance => "AwsEc2Instance",
            ResourceType::Role => "AwsIamRole",
            ResourceType::Other => "Other",
        },
        id: cut(&found.id, LONGEST_ID),
        // The format has names of its own for other partitions.
        partition: matches!(place.partition, "aws" | "aws-cn" | "aws-us-gov").then_some(place.partition),
        region: (found.kind == ResourceType::Instance).then(|| terminal(place.region).into_owned()),
    }
}

/// An id that is too long ends with a hash of all of it, since another may begin in the same way.
fn id(uid: String) -> String {
    if length(&uid) <= LONGEST_ID {
        return uid;
    }
    let hash = format!("#{:016x}", super::sarif::hash(&uid));
    format!("{}{hash}", &start(&uid, LONGEST_ID - hash.len()))
}

/// A text that ends with an ellipsis if it was too long. Never within a command between backticks: half of it is another command.
fn cut(text: &str, most: usize) -> String {
    if length(text) <= most {
        return text.to_owned();
    }
    let kept = start(text, most - 1);
    let kept = match kept.rfind('`') {
        Some(open) if kept.matches('`').count() % 2 == 1 => kept.get(..open).map_or(kept.clone(), Cow::Borrowed),
        _ => kept,
    };
    format!("{}…", kept.trim_end())
}

/// How long Security Hub may find a text, which does not say what a character is: UTF-16 has the most of them.
fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

fn start(text: &str, most: usize) -> Cow<'_, str> {
    let mut length = 0;
    let fits = text.char_indices().find(|(_, character)| {
        length += character.len_utf16();
        length > most
    });
    Cow::Borrowed(fits.and_then(|(end, _)| text.get(..end)).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::sample::outcome;
    use super::*;
    use crate::report::{Code, Finding, Verdict};

    const AT: Timestamp = Timestamp::constant(1_772_323_200, 250_000_000);

    fn page(results: Vec<Outcome>) -> (Vec<Value>, usize) {
        let Page { text, left_out } = render(&Report::from(results), AT).unwrap();
        (serde_json::from_str(&text).unwrap(), left_out)
    }

    fn denied(target: &str, message: &str, remedy: &str) -> Outcome {
        let finding = Finding::sample(Code::ExplicitDeny, Severity::Error, message, remedy);
        outcome(target, Verdict::NotReady, vec![finding])
    }

    #[test]
    fn a_finding_has_what_security_hub_asks_for() {
        let (findings, _) = page(vec![denied("role/web", "a statement denies it", "narrow it")]);
        insta::assert_snapshot!(serde_json::to_string_pretty(&findings[1]).unwrap(), @r#"
        {
          "AwsAccountId": "111122223333",
          "Compliance": {
            "Status": "FAILED"
          },
          "CreatedAt": "2026-03-01T00:00:00.250Z",
          "Description": "a statement denies it",
          "FindingProviderFields": {
            "Severity": {
              "Label": "MEDIUM",
              "Original": "error"
            },
            "Types": [
              "Software and Configuration Checks/AWS Security Best Practices"
            ]
          },
          "GeneratorId": "ssm-profile/explicit-deny",
          "Id": "ssm-profile/111122223333/us-east-1/role/web/explicit-deny",
          "ProductArn": "arn:aws:securityhub:us-east-1:111122223333:product/111122223333/default",
          "ProductFields": {
            "ssm-profile/rule": "explicit-deny",
            "ssm-profile/target": "role/web",
            "ssm-profile/verdict": "not_ready",
            "ssm-profile/version": "0.1.0"
          },
          "ProductName": "ssm-profile",
          "RecordState": "ACTIVE",
          "Region": "us-east-1",
          "Remediation": {
            "Recommendation": {
              "Text": "narrow it",
              "Url": "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html"
            }
          },
          "Resources": [
            {
              "Id": "role/web",
              "Partition": "aws",
              "Type": "Other"
            }
          ],
          "SchemaVersion": "2018-10-08",
          "Title": "A policy statement denies a needed action: role/web",
          "UpdatedAt": "2026-03-01T00:00:00.250Z"
        }
        "#);
    }

    #[test]
    fn what_is_ready_passes_and_what_is_gone_is_archived() {
        let outcomes = [Verdict::Ready, Verdict::Unknown, Verdict::NotReady, Verdict::Skipped]
            .map(|verdict| outcome(&format!("{verdict:?}"), verdict, vec![]));
        let (findings, _) = page(outcomes.into());
        let told: Vec<_> = findings
            .iter()
            .map(|finding| [&finding["Compliance"]["Status"], &finding["RecordState"]].map(|it| it.as_str().unwrap()))
            .collect();
        let expected =
            [["PASSED", "ACTIVE"], ["WARNING", "ACTIVE"], ["FAILED", "ACTIVE"], ["NOT_AVAILABLE", "ARCHIVED"]];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_target_without_account_or_region_is_counted() {
        let [mut homeless, mut nowhere] = ["a", "b"].map(|target| outcome(target, Verdict::Ready, vec![]));
        (homeless.account, nowhere.region) = (None, None);
        let (findings, left_out) = page(vec![homeless, nowhere, outcome("c", Verdict::Ready, vec![])]);
        assert_eq!((findings.len(), left_out), (1, 2));
    }

    #[test]
    fn a_target_that_is_named_twice_is_one() {
        let (findings, _) = page(vec![denied("role/web", "x", ""), denied("role/web", "x", "")]);
        assert_eq!(findings.len(), 2);
    }

    #[test]
    fn texts_are_cut_between_characters_and_not_within_a_command() {
        assert_eq!(cut("abcd", 4), "abcd");
        assert_eq!(cut("abcde", 4), "abc…");
        assert_eq!(cut("ab😀😀", 5), "ab😀…");
        assert_eq!(cut("run `aws iam put` now", 14), "run…");
        assert_eq!(cut("run `aws iam put` now, and wait", 22), "run `aws iam put` now…");
    }

    #[test]
    fn long_texts_keep_their_limits_and_ids_stay_apart() {
        let long = "😀x".repeat(2000);
        let outcomes = ["a", "b"].map(|end| denied(&format!("{long}{end}"), &long, &long));
        let (findings, _) = page(outcomes.into());
        let ids: BTreeSet<&str> = findings.iter().map(|finding| finding["Id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 4);
        for finding in &findings {
            let longest = |pointer: &str| length(finding.pointer(pointer).unwrap().as_str().unwrap());
            assert!(longest("/Id") <= 512 && longest("/Title") <= 256 && longest("/Description") <= 1024);
            assert!(longest("/Remediation/Recommendation/Text") <= 512 && longest("/Resources/0/Id") <= 512);
        }
    }

    #[test]
    fn hostile_strings_stay_text() {
        let hostile = "\"}], \u{202e}\u{1b}[2J\n{0}";
        let Page { text, .. } = render(&Report::from(vec![denied(hostile, hostile, hostile)]), AT).unwrap();
        assert!(!text.contains(['\u{1b}', '\u{202e}']));
        let findings: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(findings[1]["Description"], "\"}], \\u{202e}\\u{1b}[2J\\n{0}");
    }
}
