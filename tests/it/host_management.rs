//! Default Host Management Configuration: the sixteen cases of the example, judged by the real binary.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::command::{Output, Sandbox};
use crate::support::schema::{self, Format};
use crate::support::stub::{Stub, unknown};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/host-management.json");

/// Region and profile, the verdict, all codes above an info and of host management, and why.
type Case = (&'static str, &'static str, &'static [&'static str], &'static str);

/// Written by hand from AWS's documentation and the agent's source, which tell the agent's order: with the credentials of the
/// profile it calls `ssm:UpdateInstanceInformation`; if that succeeds it stays with the profile, else it turns to the role of the
/// Region's configuration.
const CASES: [Case; 16] = [
    // us-east-1, where it is off: the profile is the only way.
    ("off-no-profile", "not_ready", &["agent-offline", "no-instance-profile"], "no credentials at all"),
    ("off-role-allows-nothing", "not_ready", &["agent-offline", "missing-permission"], "credentials for nothing"),
    ("off-heartbeat-only", "not_ready", &["missing-permission"], "managed, and no channel for a session"),
    ("off-full", "ready", &[], "the profile's role allows all five actions"),
    // us-east-2, where it is on with the role that AWS makes.
    ("good-no-profile", "ready", &["managed-by-dhmc"], "no credentials of a profile, so its role is used"),
    ("good-role-allows-nothing", "ready", &["managed-by-dhmc"], "the heartbeat is denied, so its role is used"),
    (
        "good-heartbeat-only",
        "not_ready",
        &["dhmc-fallback-off", "missing-permission"],
        "the heartbeat succeeds: no fallback",
    ),
    ("good-full", "ready", &[], "the heartbeat succeeds, and so do the channels"),
    // us-west-1, where it names a role that Systems Manager may not assume.
    (
        "broken-no-profile",
        "not_ready",
        &["agent-offline", "no-instance-profile", "trust-policy"],
        "neither way gives credentials",
    ),
    (
        "broken-role-allows-nothing",
        "not_ready",
        &["agent-offline", "missing-permission", "trust-policy"],
        "neither way is open",
    ),
    (
        "broken-heartbeat-only",
        "not_ready",
        &["dhmc-fallback-off", "missing-permission"],
        "the heartbeat succeeds: no fallback",
    ),
    ("broken-full", "ready", &[], "what the agent does not use cannot be in its way"),
    // us-west-2, where the setting may not be read.
    ("unreadable-no-profile", "unknown", &["access-denied", "no-instance-profile"], "there may be another way"),
    ("unreadable-role-allows-nothing", "unknown", &["access-denied", "missing-permission"], "there may be another way"),
    ("unreadable-heartbeat-only", "not_ready", &["missing-permission"], "the agent stays with the profile in any case"),
    ("unreadable-full", "ready", &[], "the agent stays with the profile in any case"),
];

/// Runs `check` on the example, which needs no AWS.
fn run(arguments: &[&str]) -> Output {
    let stub = Stub::answering(unknown);
    let output = Sandbox::at(&stub).run(&[&["check", "--all", "--snapshot", EXAMPLE], arguments].concat()).expect(1);
    assert!(stub.calls().is_empty(), "a snapshot needs no AWS call: {:?}", stub.actions());
    output
}

fn results() -> Vec<Value> {
    run(&["-o", "json"]).json()["results"].as_array().unwrap().clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn the_example_is_a_snapshot() {
    schema::read(Format::Snapshot, &std::fs::read_to_string(EXAMPLE).unwrap());
}

#[test]
fn sixteen_cases_have_the_verdicts_that_the_agents_order_gives_them() {
    let results = results();
    let found: BTreeMap<&str, (&str, BTreeSet<&str>)> = results
        .iter()
        .map(|outcome| {
            // What is only good to know is left out, but for what host management does.
            let counts = |finding: &&Value| finding["severity"] != "info" || finding["code"] == "managed-by-dhmc";
            let codes =
                outcome["findings"].as_array().unwrap().iter().filter(counts).map(|finding| text(&finding["code"]));
            (text(&outcome["instance"]["name"]), (text(&outcome["verdict"]), codes.collect()))
        })
        .collect();
    assert_eq!((results.len(), found.len()), (16, 16));
    for (name, verdict, codes, why) in CASES {
        assert_eq!(found.get(name), Some(&(verdict, codes.iter().copied().collect())), "{name}: {why}");
    }
}

#[test]
fn the_role_of_the_configuration_is_shown_where_it_counts() {
    for outcome in results() {
        let name = text(&outcome["instance"]["name"]);
        let host = &outcome["host_management_role"]["name"];
        let expected = match name {
            "good-no-profile" | "good-role-allows-nothing" => {
                Value::from("AWSSystemsManagerDefaultEC2InstanceManagementRole")
            }
            "broken-no-profile" | "broken-role-allows-nothing" => Value::from("HostManagementWithoutTrust"),
            _ => Value::Null,
        };
        assert_eq!(*host, expected, "{name}");
        assert_eq!(outcome["role"].is_null(), name.ends_with("no-profile"), "{name}");
    }
}

#[test]
fn in_words_there_is_a_line_for_each() {
    let output = run(&["-q"]).stdout;
    for (name, verdict, _, _) in CASES {
        let lines: Vec<&str> = output.lines().filter(|line| line.contains(&format!("({name})"))).collect();
        assert_eq!(lines.len(), 1, "{name}: {output}");
        assert!(lines[0].starts_with(&verdict.replace('_', " ")), "{name}: {lines:?}");
    }
    assert!(output.ends_with("16 checked: 6 ready, 8 not ready, 2 unknown\n"), "{output}");
}
