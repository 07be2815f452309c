//! The report as SARIF 2.1.0, for code scanning.
//!
//! A finding is a result. GitHub asks for more than the standard does: a file position, a full description and a help
//! text of each rule, and it reads one fingerprint only, by its name.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::explanations;
use super::sanitize::{terminal, word};
use super::words::{self, Place, Words};
use crate::report::{Code, Finding, Known, Outcome, Report, Severity};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// What a path keeps. The colon goes, or an ARN would be a URI of the scheme `arn`.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The report as a SARIF log of one run, by the tool of this `version`.
///
/// # Errors
///
/// Fails if the log cannot be written, which memory alone decides.
pub fn render(report: &Report, version: &str) -> serde_json::Result<String> {
    let mut seen = BTreeMap::new();
    let findings = report.results.iter().flat_map(|outcome| outcome.findings().map(move |said| (outcome, said)));
    let mut results: Vec<_> =
        findings.map(|(outcome, (finding, known))| result(outcome, finding, known, &mut seen)).collect();
    // The suppressions of the results of a run are either all there or all not (SARIF 2.1.0, 3.27.23).
    if report.results.iter().all(|outcome| outcome.known.is_empty()) {
        results.iter_mut().for_each(|result| result.suppressions = None);
    }
    let driver = Driver { name: "ssm-profile", version, rules: rules(report) };
    let log = Log { schema: SCHEMA, version: "2.1.0", runs: [Run { tool: Tool { driver }, results }] };
    let mut text = serde_json::to_string_pretty(&log)?;
    text.push('\n');
    Ok(text)
}

/// The root of a log, and below it what a result of this tool has of the many objects of the standard.
#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
struct Run<'a> {
    tool: Tool<'a>,
    results: Vec<LogResult>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
struct Driver<'a> {
    name: &'static str,
    version: &'a str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: Code,
    short_description: Text,
    full_description: Text,
    help: Text,
    help_uri: String,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogResult {
    rule_id: Code,
    level: Level,
    message: Text,
    locations: [Location; 1],
    partial_fingerprints: Fingerprints,
    #[serde(skip_serializing_if = "Option::is_none")]
    suppressions: Option<Vec<Suppression>>,
}

/// That a baseline knows the finding.
#[derive(Serialize)]
struct Suppression {
    kind: &'static str,
    status: &'static str,
    justification: String,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Error,
    Warning,
    Note,
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Level {
        match severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
            Severity::Info => Level::Note,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    logical_locations: [LogicalLocation; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: u32,
    end_line: usize,
    end_column: u32,
}

/// Of what has no line in a file the first character stands for the whole.
const WHOLE: Region = Region { start_line: 1, start_column: 1, end_line: 1, end_column: 2 };

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    name: String,
    fully_qualified_name: String,
    kind: &'static str,
}

#[derive(Serialize)]
struct Fingerprints {
    #[serde(rename = "ssmProfile/v1")]
    own: String,
    /// The one that GitHub reads.
    #[serde(rename = "primaryLocationLineHash")]
    of_line: String,
}

/// The rules of the codes that occur, each once, in the order of the codes.
fn rules(report: &Report) -> Vec<Rule> {
    let codes: BTreeSet<Code> =
        report.results.iter().flat_map(|outcome| &outcome.findings).map(|finding| finding.code()).collect();
    codes
        .into_iter()
        .map(|id| {
            let description = id.description();
            Rule {
                id,
                short_description: Text { text: description.to_owned() },
                full_description: Text { text: description.to_owned() },
                help: Text { text: format!("{description} The message of each result says what to do.") },
                help_uri: explanations::address(id),
            }
        })
        .collect()
}

fn result(
    outcome: &Outcome,
    finding: &Finding,
    known: Option<&Known>,
    seen: &mut BTreeMap<String, usize>,
) -> LogResult {
    let place = place(outcome);
    let identity = format!("{}:{place}", word(&finding.code()));
    // Two findings of a code on one target, say of two actions, must not become one alert.
    let occurrence = seen.entry(identity.clone()).or_default();
    *occurrence += 1;
    let partial_fingerprints = Fingerprints {
        own: format!("{identity}:{occurrence}"),
        of_line: format!("{:016x}:{occurrence}", hash(&identity)),
    };
    let uri = outcome.source.as_ref().map_or_else(|| uri(outcome.lasting_name()), |source| uri_of_file(&source.file));
    let line = outcome.source.as_ref().and_then(|source| source.line);
    let region = line.map_or(WHOLE, |line| Region { start_line: line, end_line: line, ..WHOLE });
    let physical_location = PhysicalLocation { artifact_location: ArtifactLocation { uri }, region };
    let logical_location =
        LogicalLocation { name: terminal(&outcome.target).into_owned(), fully_qualified_name: place, kind: "resource" };
    LogResult {
        rule_id: finding.code(),
        level: finding.severity().into(),
        message: Text { text: message(outcome, finding) },
        locations: [Location { physical_location, logical_locations: [logical_location] }],
        partial_fingerprints,
        suppressions: Some(known.map(suppression).into_iter().collect()),
    }
}

fn suppression(known: &Known) -> Suppression {
    Suppression { kind: "external", status: "accepted", justification: terminal(&words::known(known)).into_owned() }
}

/// Message and remedy as a plain text message, in which `[text](address)` would be a link.
fn message(outcome: &Outcome, finding: &Finding) -> String {
    let Words { message, remedy } = words::finding(finding, &Place::of(outcome));
    let text = format!("{}\n{}", terminal(&message), terminal(&remedy));
    text.replace("](", "]\\(")
}

/// An ARN says where it is; before all else go the account and the Region, where known.
fn place(outcome: &Outcome) -> String {
    let target = terminal(outcome.lasting_name());
    if target.starts_with("arn:") {
        return target.into_owned();
    }
    let parts = [&outcome.account, &outcome.region].into_iter().flatten().map(|part| terminal(part));
    parts.chain([target]).collect::<Vec<_>>().join("/")
}

/// The target as a relative URI; a leading slash would make it an absolute path.
fn uri(target: &str) -> String {
    utf8_percent_encode(target.trim_start_matches('/'), PATH).to_string()
}

/// A file as a URI: relative to the working directory, or of the scheme `file`.
fn uri_of_file(path: &str) -> String {
    match path.starts_with('/') {
        true => format!("file://{}", utf8_percent_encode(path, PATH)),
        false => uri(path),
    }
}

/// FNV-1a: short, and the same for ever, which the hasher of the standard library does not promise.
pub(super) fn hash(identity: &str) -> u64 {
    identity.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::facts::Origin;
    use crate::report::Verdict;

    fn outcome(target: &str, findings: Vec<Finding>) -> Outcome {
        super::super::sample::outcome(target, Verdict::NotReady, findings)
    }

    fn finding(code: Code, severity: Severity, message: &str, remedy: &str) -> Finding {
        Finding::sample(code, severity, message, remedy)
    }

    fn parsed(results: Vec<Outcome>) -> Value {
        serde_json::from_str(&render(&Report::from(results), "0.1.0").unwrap()).unwrap()
    }

    /// Code scanning shows a finding at its line of the file.
    #[test]
    fn a_finding_of_a_template_is_at_its_line() {
        let mut found = outcome("Web", vec![finding(Code::NoInstanceProfile, Severity::Error, "none", "attach one")]);
        found.source = Some(Origin { file: "stacks/web.yaml".to_owned(), address: "Web".to_owned(), line: Some(12) });
        let physical = parsed(vec![found])["runs"][0]["results"][0]["locations"][0]["physicalLocation"].take();
        assert_eq!(physical["artifactLocation"]["uri"], "stacks/web.yaml");
        let region = json!({ "startLine": 12, "startColumn": 1, "endLine": 12, "endColumn": 2 });
        assert_eq!(physical["region"], region);
    }

    #[test]
    fn one_finding() {
        let report = Report::from(vec![outcome(
            "i-0123456789abcdef0",
            vec![finding(Code::NoInstanceProfile, Severity::Error, "it has no instance profile", "attach one")],
        )]);
        insta::assert_snapshot!(render(&report, "0.1.0").unwrap(), @r#"
        {
          "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
          "version": "2.1.0",
          "runs": [
            {
              "tool": {
                "driver": {
                  "name": "ssm-profile",
                  "version": "0.1.0",
                  "rules": [
                    {
                      "id": "no-instance-profile",
                      "shortDescription": {
                        "text": "The instance has no instance profile."
                      },
                      "fullDescription": {
                        "text": "The instance has no instance profile."
                      },
                      "help": {
                        "text": "The instance has no instance profile. The message of each result says what to do."
                      },
                      "helpUri": "https://docs.aws.amazon.com/systems-manager/latest/userguide/setup-instance-permissions.html"
                    }
                  ]
                }
              },
              "results": [
                {
                  "ruleId": "no-instance-profile",
                  "level": "error",
                  "message": {
                    "text": "it has no instance profile\nattach one"
                  },
                  "locations": [
                    {
                      "physicalLocation": {
                        "artifactLocation": {
                          "uri": "i-0123456789abcdef0"
                        },
                        "region": {
                          "startLine": 1,
                          "startColumn": 1,
                          "endLine": 1,
                          "endColumn": 2
                        }
                      },
                      "logicalLocations": [
                        {
                          "name": "i-0123456789abcdef0",
                          "fullyQualifiedName": "111122223333/us-east-1/i-0123456789abcdef0",
                          "kind": "resource"
                        }
                      ]
                    }
                  ],
                  "partialFingerprints": {
                    "ssmProfile/v1": "no-instance-profile:111122223333/us-east-1/i-0123456789abcdef0:1",
                    "primaryLocationLineHash": "de89cee2334a03a2:1"
                  }
                }
              ]
            }
          ]
        }
        "#);
    }

    #[test]
    fn a_report_without_findings_has_an_empty_list() {
        let log = parsed(vec![outcome("role/web", vec![])]);
        assert_eq!(log["runs"][0]["results"], json!([]));
        assert_eq!(log["runs"][0]["tool"]["driver"]["rules"], json!([]));
    }

    #[test]
    fn rules_are_listed_once_and_found_by_id() {
        let log = parsed(vec![
            outcome(
                "role/a",
                vec![
                    finding(Code::ExplicitDeny, Severity::Error, "m", "r"),
                    finding(Code::MissingPermission, Severity::Warning, "m", "r"),
                ],
            ),
            outcome("role/b", vec![finding(Code::ExplicitDeny, Severity::Info, "m", "")]),
        ]);
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let ids: Vec<_> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["missing-permission", "explicit-deny"]);
        let results = run["results"].as_array().unwrap();
        let referred: Vec<_> = results.iter().map(|result| result["ruleId"].as_str().unwrap()).collect();
        assert_eq!(referred, ["explicit-deny", "missing-permission", "explicit-deny"]);
        let levels: Vec<_> = results.iter().map(|result| result["level"].as_str().unwrap()).collect();
        assert_eq!(levels, ["error", "warning", "note"]);
    }

    #[test]
    fn fingerprints_tell_findings_apart_and_do_not_hang_on_the_words() {
        let deny = |message: &str| finding(Code::ExplicitDeny, Severity::Error, message, "");
        let prints = |results| {
            let log = parsed(results);
            let results = log["runs"][0]["results"].as_array().unwrap().clone();
            results
                .iter()
                .map(|result| result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let mut elsewhere = outcome("role/a", vec![deny("x")]);
        elsewhere.account = Some("444455556666".to_owned());
        let first = prints(vec![outcome("role/a", vec![deny("x"), deny("y")]), elsewhere.clone()]);
        assert_eq!(first, prints(vec![outcome("role/a", vec![deny("other"), deny("words")]), elsewhere]));
        let distinct: BTreeSet<_> = first.iter().collect();
        assert_eq!(distinct.len(), 3);
        // Pinned: alerts of an earlier version must be found again.
        assert_eq!(first[0], "543024a209a7a478:1");
    }

    #[test]
    fn the_address_of_a_target_is_a_relative_reference() {
        for (target, address) in [
            ("i-0123", "i-0123"),
            ("role/web", "role/web"),
            ("documents", "documents"),
            ("arn:aws:iam::111122223333:role/a/b", "arn%3Aaws%3Aiam%3A%3A111122223333%3Arole/a/b"),
            ("//evil.example/x?y#z", "evil.example/x%3Fy%23z"),
            ("aws_instance.web[\"é\"]", "aws_instance.web%5B%22%C3%A9%22%5D"),
        ] {
            assert_eq!(uri(target), address);
        }
        assert_eq!(uri_of_file("plans/a b.json"), "plans/a%20b.json");
        assert_eq!(uri_of_file("/work/plans/a b.json"), "file:///work/plans/a%20b.json");
    }

    #[test]
    fn an_arn_is_its_own_qualified_name() {
        let arn = "arn:aws:iam::111122223333:role/web";
        assert_eq!(place(&outcome(arn, vec![])), arn);
        assert_eq!(place(&outcome("role/web", vec![])), "111122223333/us-east-1/role/web");
    }

    #[test]
    fn hostile_strings_stay_text() {
        let hostile = "\"}], [click](https://evil.example) \u{202e}\u{1b}[2J\n{0}";
        let log = parsed(vec![outcome(hostile, vec![finding(Code::ExplicitDeny, Severity::Error, hostile, hostile)])]);
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.len(), 1);
        let shown = r#""}], [click]\(https://evil.example) \u{202e}\u{1b}[2J\n{0}"#;
        assert_eq!(results[0]["message"]["text"].as_str().unwrap(), format!("{shown}\n{shown}"));
        let location = &results[0]["locations"][0];
        assert!(location["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap().is_ascii());
        assert!(!location["logicalLocations"][0]["name"].as_str().unwrap().contains(char::is_control));
    }
}
