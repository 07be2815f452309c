//! The published schemas, as documents: that they say what a reader needs, in no words of Rust.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::command::Sandbox;
use crate::support::schema::published;

const FORMATS: [&str; 6] = ["report", "snapshot", "fix", "baseline", "config", "backups"];

/// Calls this with every object below, itself included.
fn each_object<'a>(value: &'a Value, visit: &mut impl FnMut(&'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|value| each_object(value, visit));
        }
        Value::Array(values) => values.iter().for_each(|value| each_object(value, visit)),
        _ => {}
    }
}

#[test]
fn each_says_what_it_is() {
    let schemas = FORMATS.map(published);
    for schema in &schemas {
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(!schema["description"].as_str().unwrap().is_empty());
    }
    let ids = schemas.each_ref().map(|schema| schema["$id"].as_str().unwrap());
    assert_eq!(
        ids,
        [
            "urn:ssm-profile:schema:report:1",
            "urn:ssm-profile:schema:snapshot:3",
            "urn:ssm-profile:schema:fix:1",
            "urn:ssm-profile:schema:baseline:1",
            "urn:ssm-profile:schema:config:1",
            "urn:ssm-profile:schema:backups:1"
        ]
    );
}

/// Descriptions come from the documentation of Rust code.
#[test]
fn none_speaks_rust_and_only_what_is_read_again_is_closed() {
    for format in FORMATS {
        each_object(&published(format), &mut |object| {
            if let Some(Value::String(description)) = object.get("description") {
                for foreign in ["`None`", "`Some", "[`", "`]", "::", "`Vec", "`Option"] {
                    assert!(!description.contains(foreign), "{format}: `{foreign}` in {description}");
                }
            }
            let is_closed = object.get("additionalProperties") == Some(&Value::Bool(false));
            assert!(!is_closed || ["snapshot", "baseline"].contains(&format), "{format}: {object:?}");
            let format_of_rust =
                object.get("format").and_then(Value::as_str).filter(|format| format.starts_with("uint"));
            assert_eq!(format_of_rust, None, "{format}: {object:?}");
        });
    }
}

/// The keys and words that outside scripts are written against: more may come, none may go.
#[test]
fn what_is_promised_is_there() {
    let report = published("report");
    let fix = published("fix");
    let baseline = published("baseline");
    let config = published("config");
    let required = |schema: &Value| -> BTreeSet<String> { serde_json::from_value(schema["required"].clone()).unwrap() };
    for (schema, keys) in [
        (&report, "schema_version tool source summary results"),
        (&report["$defs"]["Tool"], "name version"),
        (&report["$defs"]["Summary"], "checked ready not_ready unknown skipped"),
        (
            &report["$defs"]["Result"],
            "target account region instance instance_profile role host_management_role agent trust verdict permissions findings \
             network not_checked",
        ),
        (&report["$defs"]["Network"], "decision paths"),
        (&report["$defs"]["NetworkPath"], "service decision via through blocked_by"),
        (&report["$defs"]["InstanceSummary"], "id name state"),
        (&report["$defs"]["ProfileSummary"], "arn id"),
        (&report["$defs"]["RoleSummary"], "arn name"),
        (&report["$defs"]["Permission"], "action resource needed_for decision decided_by depends_on"),
        (&report["$defs"]["DecidedBy"], "policy kind sid statement"),
        (&report["$defs"]["Finding"], "code severity message remedy details"),
        (&fix, "schema_version tool command dry_run changes refusals warnings reach backup stopped next"),
        (&fix["$defs"]["Change"], "action target name region account before after mends status note"),
        (&config, "schema_version tool files settings"),
        (&config["$defs"]["File"], "kind path"),
        (&config["$defs"]["Setting"], "key commands value source"),
        (&config["$defs"]["Source"], "kind variable file line"),
        (&baseline, "baseline_version findings"),
        (&baseline["$defs"]["Entry"], "target code"),
        (&fix["$defs"]["Refusal"], "target reason message remedy details"),
    ] {
        let promised: BTreeSet<String> = keys.split(' ').map(str::to_owned).collect();
        assert!(promised.is_subset(&required(schema)), "{promised:?} of {schema:#}");
    }
    let words = |schema: &Value| -> BTreeSet<String> {
        schema["oneOf"].as_array().unwrap().iter().map(|word| word["const"].as_str().unwrap().to_owned()).collect()
    };
    for (name, promised) in [
        ("Verdict", "ready not_ready unknown skipped"),
        ("NeededFor", "core kms s3_logs cloudwatch_logs custom"),
        ("Decision", "allowed explicit_deny implicit_deny unknown"),
        ("PolicyKind", "inline managed boundary scp rcp document"),
        ("Severity", "error warning info"),
        ("SourceKind", "live snapshot documents"),
        (
            "Code",
            "no-instance-profile instance-profile-missing instance-profile-stale instance-profile-empty association-pending \
             role-missing trust-policy missing-permission explicit-deny blocked-by-boundary blocked-by-scp conditional-permission \
             invalid-policy metadata-disabled instance-not-running instance-terminated instance-not-found access-denied aws-error \
             managed-by-dhmc dhmc-fallback-off kms-key-policy session-logs agent-offline agent-outdated blocked-by-rcp \
             no-network-path security-group-blocks network-acl-blocks endpoint-dns endpoint-policy network-unknown not-connected",
        ),
    ] {
        let promised: BTreeSet<String> = promised.split(' ').map(str::to_owned).collect();
        assert!(promised.is_subset(&words(&report["$defs"][name])), "{name}");
    }
}

#[test]
fn every_finding_code_is_described_in_a_sentence() {
    let report = published("report");
    let codes = report["$defs"]["Code"]["oneOf"].as_array().unwrap();
    for code in codes {
        let (name, description) = (code["const"].as_str().unwrap(), code["description"].as_str().unwrap());
        assert!(name.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase()), "{name}");
        let first = description.chars().next().unwrap();
        assert!(first.is_uppercase() && description.ends_with('.'), "{name}: {description}");
    }
}

/// A reader goes by `kind`: it is required, and says which of the shapes it is.
#[test]
fn details_are_told_apart_by_their_kind() {
    for (format, details) in [("report", "FindingDetails"), ("fix", "FindingDetails"), ("fix", "RefusalDetails")] {
        let schema = published(format);
        let shapes = schema["$defs"][details]["oneOf"].as_array().unwrap();
        let mut kinds: Vec<&str> =
            shapes.iter().map(|shape| shape["properties"]["kind"]["const"].as_str().unwrap()).collect();
        assert!(shapes.iter().all(|shape| shape["required"].as_array().unwrap().contains(&"kind".into())), "{details}");
        assert!(kinds.len() > 10, "{kinds:?}");
        kinds.sort_unstable();
        assert!(kinds.windows(2).all(|pair| pair[0] != pair[1]), "{kinds:?}");
        assert!(!kinds.contains(&"sample"), "that one is for unit tests: {kinds:?}");
    }
}

/// What another version or another run prints can be compared.
#[test]
fn it_is_the_same_each_time() {
    for format in FORMATS {
        let [first, second] = [0; 2].map(|_| Sandbox::new().run(&["schema", format]).expect(0).stdout);
        assert!(first == second, "{format}");
    }
}
