//! `-o asff` and `-o ocsf`: what Security Hub and readers of OCSF take, for reports of every kind.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::output_forms::{page, report, selections};
use crate::snapshot::EXAMPLE;
use crate::support::command::Sandbox;
use crate::support::install::MOTO;
use crate::support::report::{Outcome, Severity, Verdict};
use crate::support::schema::{self, Format};
use crate::support::world::{INSTANCE, World};

fn findings(arguments: &[&str], code: i32) -> Vec<Value> {
    let findings = schema::read(Format::Asff, &page(arguments, "asff", code));
    findings.as_array().unwrap().clone()
}

fn events(arguments: &[&str], code: i32) -> Vec<Value> {
    page(arguments, "ocsf", code).lines().map(|line| schema::read(Format::Ocsf, line)).collect()
}

/// The rules that a target must have a record of: the verdict, and each code that somebody has to act on.
fn rules(outcome: &Outcome) -> BTreeSet<String> {
    let findings = outcome.findings.iter().filter(|finding| finding.severity != Severity::Info);
    let codes = findings.map(|finding| serde_json::to_value(finding.code).unwrap().as_str().unwrap().to_owned());
    codes.chain(["session-manager".to_owned()]).collect()
}

#[test]
fn each_target_has_its_records_in_both_forms() {
    for (what, arguments, code) in selections() {
        let report = report(&arguments, code);
        let events = events(&arguments, code);
        let expected: usize = report.results.iter().map(|outcome| rules(outcome).len()).sum();
        assert_eq!(events.len(), expected, "{what}");
        let homed: Vec<&Outcome> =
            report.results.iter().filter(|outcome| outcome.account.is_some() && outcome.region.is_some()).collect();
        let findings = findings(&arguments, code);
        for outcome in &homed {
            let of_target = findings
                .iter()
                .filter(|finding| finding["ProductFields"]["ssm-profile/target"] == json!(outcome.target));
            let told: BTreeSet<String> =
                of_target.map(|it| it["ProductFields"]["ssm-profile/rule"].as_str().unwrap().to_owned()).collect();
            assert_eq!(told, rules(outcome), "{what}: {}", outcome.target);
        }
        let ids: BTreeSet<&str> = findings.iter().map(|finding| finding["Id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), homed.iter().map(|outcome| rules(outcome).len()).sum::<usize>(), "{what}");
        let uids: BTreeSet<&str> = events.iter().map(|event| event["finding_info"]["uid"].as_str().unwrap()).collect();
        assert!(ids.is_subset(&uids), "{what}: one id in both forms");
    }
}

/// The verdict closes by itself: its record is there in each run, and says what holds now.
#[test]
fn the_record_of_the_verdict_says_whether_the_target_passes() {
    let arguments = ["check", "--snapshot", EXAMPLE, "--all"];
    let report = report(&arguments, 1);
    let status: BTreeMap<String, [String; 2]> = findings(&arguments, 1)
        .iter()
        .filter(|finding| finding["GeneratorId"] == "ssm-profile/session-manager")
        .map(|finding| {
            let text = |pointer: &str| finding.pointer(pointer).unwrap().as_str().unwrap().to_owned();
            (text("/ProductFields/ssm-profile~1target"), ["/Compliance/Status", "/RecordState"].map(text))
        })
        .collect();
    for outcome in &report.results {
        let expected = match outcome.verdict {
            Verdict::Ready => ["PASSED", "ACTIVE"],
            Verdict::NotReady => ["FAILED", "ACTIVE"],
            Verdict::Unknown => ["WARNING", "ACTIVE"],
            Verdict::Skipped => ["NOT_AVAILABLE", "ARCHIVED"],
        };
        assert_eq!(status[&outcome.target], expected, "{}", outcome.target);
    }
}

#[test]
fn an_instance_and_its_role_are_named_by_their_arns() {
    let ready = "i-0a1b2c3d400000001";
    let findings = findings(&["check", "--snapshot", EXAMPLE, ready], 0);
    let resources = findings[0]["Resources"].as_array().unwrap();
    let told: Vec<_> = resources.iter().map(|it| (it["Type"].as_str().unwrap(), it["Id"].as_str().unwrap())).collect();
    assert_eq!(told[0], ("AwsEc2Instance", "arn:aws:ec2:us-east-1:111122223333:instance/i-0a1b2c3d400000001"));
    assert!(told[1].0 == "AwsIamRole" && told[1].1.starts_with("arn:aws:iam::111122223333:role/"), "{told:?}");
    assert_eq!(findings[0]["ProductArn"], "arn:aws:securityhub:us-east-1:111122223333:product/111122223333/default");
}

/// The same facts are the same findings, and a snapshot's are as old as the snapshot.
#[test]
fn times_are_those_of_the_facts_and_ids_stay() {
    let arguments = ["check", "--snapshot", EXAMPLE, "--all"];
    let [first, second] = [0; 2].map(|_| [page(&arguments, "asff", 1), page(&arguments, "ocsf", 1)]);
    assert!(first == second);
    let taken: Value = serde_json::from_str(include_str!("../../examples/account.json")).unwrap();
    let taken = taken["facts"]["taken_at"].as_str().unwrap().trim_end_matches('Z').to_owned();
    let updated = findings(&arguments, 1)[0]["UpdatedAt"].as_str().unwrap().to_owned();
    assert!(updated.starts_with(&taken), "{updated} is not {taken}");
}

/// Nothing is left out without a word.
#[test]
fn targets_without_an_account_are_told() {
    let sandbox = Sandbox::new();
    sandbox.file("policy.json", crate::support::model::SSM_CORE);
    let bare = ["check", "--policy", "policy.json"];
    let output = sandbox.run(&[&bare[..], &["-o", "asff"]].concat());
    assert_eq!(output.stdout, "[]\n");
    assert!(output.stderr.contains("1 target was left out of the findings for Security Hub"), "{output:?}");
    let homed = [&bare[..], &["--account", "111122223333", "--region", "cn-north-1", "-o", "asff=out.json"]].concat();
    let output = sandbox.run(&homed);
    assert!(!output.stderr.contains("left out"), "{output:?}");
    let file = std::fs::read_to_string(sandbox.path().join("out.json")).unwrap();
    let findings = schema::read(Format::Asff, &file);
    let arn = "arn:aws-cn:securityhub:cn-north-1:111122223333:product/111122223333/default";
    assert_eq!(findings[0]["ProductArn"], arn);
}

#[test]
fn what_a_baseline_knows_is_suppressed() {
    let sandbox = Sandbox::new();
    let check = ["check", "--snapshot", EXAMPLE, "i-0a1b2c3d40000000a"];
    sandbox.run(&[&check[..], &["--write-baseline", "known.json"]].concat()).expect(1);
    let known = |form| sandbox.run(&[&check[..], &["--baseline", "known.json", "-o", form]].concat()).stdout;
    let findings = schema::read(Format::Asff, &known("asff"));
    let denied =
        findings.as_array().unwrap().iter().find(|it| it["GeneratorId"] == "ssm-profile/explicit-deny").unwrap();
    assert_eq!(denied["Workflow"]["Status"], "SUPPRESSED");
    assert_eq!(denied["Compliance"]["Status"], "FAILED", "accepted, and not gone");
    let known = known("ocsf");
    let event = known.lines().map(|line| schema::read(Format::Ocsf, line));
    let event = event.into_iter().find(|event| event["metadata"]["event_code"] == "explicit-deny").unwrap();
    assert_eq!((&event["status"], &event["compliance"]["status"]), (&json!("Suppressed"), &json!("Fail")));
}

/// A live run of a fleet, whose results come from several places.
#[test]
fn a_fleet_has_them_too() {
    let stub = World::ready().serve();
    let sandbox = Sandbox::at(&stub);
    let stdout = sandbox.run(&["check", "--all", "-o", "asff", "-o", "ocsf=events.json"]).expect(0).stdout;
    let findings = schema::read(Format::Asff, &stdout);
    assert_eq!(findings[0]["ProductFields"]["ssm-profile/target"], INSTANCE);
    let events = std::fs::read_to_string(sandbox.path().join("events.json")).unwrap();
    assert_eq!(events.lines().count(), findings.as_array().unwrap().len());
}

/// The AWS CLI's own model of the call takes every batch: botocore comes with an emulator of the tests.
#[test]
fn the_model_of_batch_import_findings_takes_them() {
    const VALIDATE: &str = "
import json, sys
import botocore.loaders, botocore.model, botocore.validate
description = botocore.loaders.Loader().load_service_model('securityhub', 'service-2')
service = botocore.model.ServiceModel(description, 'securityhub')
shape = service.operation_model('BatchImportFindings').input_shape
validator = botocore.validate.ParamValidator()
findings = json.load(sys.stdin)
for at in range(0, len(findings), 100):
    report = validator.validate({'Findings': findings[at:at + 100]}, shape)
    if report.has_errors():
        sys.exit(report.generate_report())
def closed(value, shape, path):
    if shape.type_name == 'structure':
        for name, below in value.items():
            assert name in shape.members, f'{path}.{name} is no member'
            closed(below, shape.members[name], f'{path}.{name}')
    elif shape.type_name == 'list':
        for below in value:
            closed(below, shape.member, path)
    elif shape.type_name == 'string' and shape.enum:
        assert value in shape.enum, f'{path}: {value}'
for finding in findings:
    closed(finding, service.shape_for('AwsSecurityFinding'), 'finding')
print(len(findings))
";
    let python = MOTO.python().unwrap();
    let mut all: Vec<Value> = selections().iter().flat_map(|(_, arguments, code)| findings(arguments, *code)).collect();
    // More than one batch.
    while all.len() <= 100 {
        all.extend(all.clone());
    }
    let mut child = Command::new(python)
        .args(["-c", VALIDATE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts");
    child.stdin.take().unwrap().write_all(json!(all).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), all.len().to_string());
}
