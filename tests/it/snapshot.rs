//! Snapshots: the example account, which has an instance for each thing that can be found, and files that are no snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};
use ssm_profile::facts::snapshot;

use crate::support::command::{Output, Sandbox};
use crate::support::report::{Code, Decision, Outcome, Report, Severity, SourceKind, Verdict};
use crate::support::schema::{self, Format};
use crate::support::stub::{Stub, unknown};

/// The example account, and an instance that it does not have.
pub const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/account.json");
const NOWHERE: &str = "i-0000000000000000f";

fn example() -> Value {
    schema::read(Format::Snapshot, &fs::read_to_string(EXAMPLE).unwrap())
}

/// Runs `check` on the example.
fn run(arguments: &[&str]) -> Output {
    let stub = Stub::answering(unknown);
    let output = Sandbox::at(&stub).run(&[&["check", "--snapshot", EXAMPLE], arguments].concat());
    assert!(stub.calls().is_empty(), "a snapshot needs no AWS call: {:?}", stub.actions());
    output
}

fn judge(arguments: &[&str], code: i32) -> Report {
    let output = run(&[arguments, &["-o", "json"]].concat()).expect(code);
    let report = output.report();
    assert_eq!((report.source.kind, report.source.file.as_deref()), (SourceKind::Snapshot, Some(EXAMPLE)));
    report
}

/// The instances of the example, and what is to be found on each.
const INSTANCES: [(&str, &str); 20] = [
    ("web-1", "ready"),
    ("web-2", "no-instance-profile"),
    ("web-3", "instance-profile-missing"),
    ("api-1", "instance-profile-stale"),
    ("api-2", "instance-profile-empty"),
    ("web-4", "association-pending"),
    ("worker-1", "role-missing"),
    ("worker-2", "trust-policy"),
    ("web-5", "missing-permission"),
    ("batch-1", "explicit-deny"),
    ("batch-2", "blocked-by-boundary"),
    ("legacy-1", "blocked-by-scp"),
    ("api-3", "conditional-permission"),
    ("report-1", "invalid-policy"),
    ("web-6", "metadata-disabled"),
    ("web-7", "instance-not-running"),
    ("worker-3", "instance-terminated"),
    ("vault-1", "access-denied"),
    ("queue-1", "aws-error"),
    ("db-1", "kms-key-policy"),
];

/// What is to be found on the instance of this name.
fn found_on(name: &str) -> &'static str {
    let found = INSTANCES.iter().find(|(instance, _)| *instance == name);
    found.unwrap_or_else(|| panic!("`{name}` is no instance of the example")).1
}

/// The instances of the example by what is to be found on them.
fn ids() -> BTreeMap<String, String> {
    let example = example();
    let subjects = example["facts"]["subjects"].as_array().unwrap();
    let instances = subjects.iter().map(|subject| &subject["kind"]["instance"]["known"]).filter(|it| it.is_object());
    let text = |value: &Value| value.as_str().unwrap().to_string();
    instances.map(|it| (found_on(&text(&it["tags"]["Name"])).to_string(), text(&it["id"]))).collect()
}

fn code_of(name: &str) -> Code {
    serde_json::from_value(json!(name)).unwrap_or_else(|_| panic!("`{name}` is not a finding code"))
}

fn names(report: &Report) -> BTreeSet<&str> {
    let instances = report.results.iter().filter_map(|outcome| outcome.instance.as_ref());
    instances.filter_map(|instance| instance.name.as_deref()).map(found_on).collect()
}

#[test]
fn the_example_has_an_instance_for_each_finding_code() {
    let report = judge(&["--kms-key", "alias/sessions"], 1);
    let mut found = BTreeSet::new();
    for outcome in &report.results {
        let name = outcome.instance.as_ref().and_then(|instance| instance.name.as_deref());
        // One of the targets does not exist, so it has no name.
        let name = name.map_or("instance-not-found", found_on);
        if name != "ready" {
            assert!(outcome.codes().contains(&code_of(name)), "{name}: {:?}", outcome.findings);
        }
        assert!(found.insert(name), "`{name}` appears twice");
    }
    let expected = [
        "access-denied",
        "association-pending",
        "aws-error",
        "blocked-by-boundary",
        "blocked-by-scp",
        "conditional-permission",
        "explicit-deny",
        "instance-not-found",
        "instance-not-running",
        "instance-profile-empty",
        "instance-profile-missing",
        "instance-profile-stale",
        "instance-terminated",
        "invalid-policy",
        "kms-key-policy",
        "metadata-disabled",
        "missing-permission",
        "no-instance-profile",
        "ready",
        "role-missing",
        "trust-policy",
    ];
    assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    let encrypted = report.of(&ids()["kms-key-policy"]);
    // Its role may use the key, and the key's own policy, which both need, keeps it out; it names the role of another instance.
    assert_eq!(encrypted.permission("kms:Decrypt").decision, Decision::ImplicitDeny);
    assert_eq!(
        (encrypted.verdict, encrypted.finding(Code::KmsKeyPolicy).severity),
        (Verdict::NotReady, Severity::Error)
    );
    let named = report.of(&ids()["ready"]);
    assert_eq!((named.verdict, named.permission("kms:Decrypt").decision), (Verdict::Ready, Decision::Allowed));
}

#[test]
fn a_fleet_has_the_verdict_of_its_worst_instance() {
    let report = judge(&["--all"], 1);
    assert_eq!(report.results.len(), ids().len(), "all the instances, and no target that is none");
    for outcome in &report.results {
        let name = found_on(outcome.instance.as_ref().unwrap().name.as_deref().unwrap());
        let verdict = match name {
            "ready" | "kms-key-policy" | "instance-not-running" => Verdict::Ready,
            "instance-terminated" => Verdict::Skipped,
            "access-denied" | "aws-error" | "conditional-permission" | "invalid-policy" => Verdict::Unknown,
            _ => Verdict::NotReady,
        };
        assert_eq!(outcome.verdict, verdict, "{name}: {:?}", outcome.findings);
        assert_eq!((outcome.account.as_deref(), outcome.region.as_deref()), (Some("111122223333"), Some("us-east-1")));
        if verdict == Verdict::NotReady {
            let severity = outcome.finding(code_of(name)).severity;
            assert_eq!(severity, Severity::Error, "{name}");
        }
    }
    let stopped = report.of(&ids()["instance-not-running"]);
    assert_eq!(stopped.finding(Code::InstanceNotRunning).severity, Severity::Warning);
}

#[test]
fn named_targets_have_their_exit_codes() {
    let ids = ids();
    let of = |name: &str| ids[name].as_str();
    for (targets, code) in [
        (vec![of("ready")], 0),
        (vec![of("ready"), of("kms-key-policy")], 0),
        (vec![of("ready"), of("explicit-deny")], 1),
        (vec![of("conditional-permission"), of("explicit-deny")], 1),
        (vec![of("ready"), of("conditional-permission")], 3),
        (vec![of("ready"), NOWHERE], 3),
        (vec![of("explicit-deny"), NOWHERE], 1),
        (vec![of("instance-terminated")], 1),
    ] {
        let report = judge(&targets, code);
        let judged: Vec<&str> = report.results.iter().map(|outcome| outcome.target.as_str()).collect();
        assert_eq!(judged, targets);
    }
    let terminated = judge(&[of("instance-terminated")], 1);
    assert_eq!(terminated.only().finding(Code::InstanceTerminated).severity, Severity::Error);
    let nowhere = judge(&[NOWHERE], 3);
    assert_eq!((nowhere.only().verdict, nowhere.only().codes()), (Verdict::Unknown, vec![Code::InstanceNotFound]));
    assert_eq!(nowhere.only().instance, None);
    judge(&["--fail-on", "warning", of("instance-not-running")], 1);
    judge(&["--fail-on", "warning", of("ready")], 0);
    // What is given as a file wins over what the snapshot holds.
    let sandbox = Sandbox::new();
    let full = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    let full = sandbox.file("full.json", full).display().to_string();
    judge(&[of("blocked-by-scp"), "--scp", &full], 0);
}

#[test]
fn an_arn_must_fit_in_account_and_region() {
    let id = &ids()["ready"];
    for (region, account, verdict) in [
        ("us-east-1", "111122223333", Verdict::Ready),
        ("eu-west-1", "111122223333", Verdict::Unknown),
        ("us-east-1", "444455556666", Verdict::Unknown),
    ] {
        let arn = format!("arn:aws:ec2:{region}:{account}:instance/{id}");
        let report = judge(&[&arn], if verdict == Verdict::Ready { 0 } else { 3 });
        assert_eq!((report.only().target.as_str(), report.only().verdict), (arn.as_str(), verdict));
        assert_eq!(report.only().codes().contains(&Code::InstanceNotFound), verdict == Verdict::Unknown, "{arn}");
    }
}

#[test]
fn tags_and_regions_select() {
    let example = example();
    let subjects = example["facts"]["subjects"].as_array().unwrap();
    let tags = subjects.iter().filter_map(|subject| subject["kind"]["instance"]["known"]["tags"].as_object());
    let production = tags.filter(|tags| tags.get("Env") == Some(&json!("prod")));
    let expected: BTreeSet<&str> = production.map(|tags| found_on(tags["Name"].as_str().unwrap())).collect();
    assert!(expected.len() > 1);
    let report = judge(&["--tag", "Env=prod"], 1);
    assert_eq!(names(&report), expected);
    assert_eq!(report.summary.checked, expected.len());
    let both = judge(&["--tag", "Env=prod", "--tag", "Name=web-1"], 0);
    assert_eq!(names(&both), BTreeSet::from(["ready"]));
    assert_eq!(names(&judge(&["--all", "--region", "us-east-1", "--region", "eu-west-1"], 1)).len(), ids().len());

    for nothing in [&["--tag", "Env=none"][..], &["--tag", "env=prod"], &["--all", "--region", "eu-west-1"]] {
        for (flags, code) in [(&["-o", "json"][..], 3), (&["-o", "json", "--allow-empty"], 0)] {
            let output = run(&[nothing, flags].concat()).expect(code);
            assert_eq!(output.report().summary.checked, 0);
            assert!(output.stderr.starts_with("warning: "), "nothing was checked, and that is said: {output:?}");
        }
    }
}

#[test]
fn roles_and_profiles_of_the_snapshot_can_be_named() {
    let arn = "arn:aws:iam::111122223333";
    for (target, verdict, code) in [
        ("role/web".to_string(), Verdict::Ready, None),
        (format!("{arn}:role/apps/web"), Verdict::Ready, None),
        ("profile/web".to_string(), Verdict::Ready, None),
        (format!("{arn}:instance-profile/apps/web"), Verdict::Ready, None),
        ("role/channels".to_string(), Verdict::NotReady, Some(Code::MissingPermission)),
        ("profile/channels".to_string(), Verdict::NotReady, Some(Code::MissingPermission)),
        ("profile/empty".to_string(), Verdict::NotReady, Some(Code::InstanceProfileEmpty)),
        ("profile/orphan".to_string(), Verdict::NotReady, Some(Code::RoleMissing)),
        ("role/legacy".to_string(), Verdict::NotReady, Some(Code::BlockedByScp)),
        ("role/nobody".to_string(), Verdict::Unknown, Some(Code::InstanceNotFound)),
        ("profile/nobody".to_string(), Verdict::Unknown, Some(Code::InstanceNotFound)),
        ("role/gone".to_string(), Verdict::Unknown, Some(Code::InstanceNotFound)),
        ("profile/deleted".to_string(), Verdict::Unknown, Some(Code::InstanceNotFound)),
        ("arn:aws:iam::444455556666:role/web".to_string(), Verdict::Unknown, Some(Code::InstanceNotFound)),
    ] {
        let exit = match verdict {
            Verdict::NotReady => 1,
            Verdict::Unknown => 3,
            Verdict::Ready | Verdict::Skipped => 0,
        };
        let report = judge(&[&target], exit);
        let Outcome { instance, role, instance_profile, .. } = report.only();
        assert_eq!((report.only().target.as_str(), report.only().verdict), (target.as_str(), verdict));
        assert_eq!(instance, &None, "{target}");
        assert!(
            code.is_none_or(|code| report.only().codes().contains(&code)),
            "{target}: {:?}",
            report.only().findings
        );
        if verdict == Verdict::Ready {
            assert_eq!(role.as_ref().unwrap().arn, Some(format!("{arn}:role/apps/web")), "{target}");
            let profile = instance_profile.as_ref().map(|profile| profile.arn.clone().unwrap());
            let expected = target.contains("profile").then(|| format!("{arn}:instance-profile/apps/web"));
            assert_eq!(profile, expected, "{target}");
        }
    }
}

#[test]
fn quiet_is_a_line_for_each_target_and_verbose_says_more() {
    let ids = ids();
    let [quiet, normal, verbose] =
        [&["--all", "-q"][..], &["--all"], &["--all", "-v"]].map(|flags| run(flags).expect(1).stdout);
    for id in ids.values() {
        assert_eq!(quiet.lines().filter(|line| line.contains(id)).count(), 1, "{quiet}");
        assert!(verbose.contains(id));
    }
    let lines = [&quiet, &normal, &verbose].map(|text| text.lines().count());
    assert!(ids.len() <= lines[0] && lines[0] < lines[1] && lines[1] < lines[2], "{lines:?}");
    assert!(
        normal.starts_with("12 of 20 instances are not ready, 4 unknown, 1 skipped; "),
        "of many the causes are told: {normal}"
    );
    let managed = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";
    assert!(verbose.contains(managed), "every deciding statement, complete ARNs");
    assert!(!quiet.contains(managed));
}

#[test]
fn what_is_no_snapshot_is_refused_with_its_name() {
    let mut surprise = example();
    surprise["facts"]["surprise"] = json!(1);
    let mut lacking = example();
    lacking["facts"].as_object_mut().unwrap().remove("roles");
    let whole = fs::read_to_string(EXAMPLE).unwrap();
    let sandbox = Sandbox::new();
    let newer = "use a newer";
    for (content, said) in [
        (String::new(), "not a snapshot"),
        ("{".to_string(), "not a snapshot"),
        ("[]".to_string(), "not a snapshot"),
        ("[".repeat(100_000), "not a snapshot"),
        (json!({"Version": "2012-10-17", "Statement": []}).to_string(), "not a snapshot"),
        (json!({"snapshot_version": 1}).to_string(), "not a snapshot"),
        (json!({"snapshot_version": "1", "facts": {}}).to_string(), "not a snapshot"),
        (surprise.to_string(), "not a snapshot"),
        (lacking.to_string(), "not a snapshot"),
        (whole[..whole.len() / 2].to_string(), "not a snapshot"),
        (json!({"snapshot_version": 4, "facts": {"anything": "else"}}).to_string(), newer),
        (json!({"snapshot_version": 4_000_000_000_u32}).to_string(), newer),
    ] {
        let start: String = content.chars().take(60).collect();
        sandbox.file("file.json", content);
        let output = sandbox.run(&["check", "--snapshot", "file.json", "--all"]).expect(2);
        assert!(output.stderr.contains("`file.json`") && output.stderr.contains(said), "{start}: {}", output.stderr);
        assert!(output.stdout.is_empty() && output.stderr.len() < 500, "{start}: {output:?}");
    }
    fs::write(sandbox.path().join("latin-1.json"), b"{\"snapshot_version\": 1, \"facts\": \"\xe9\"}").unwrap();
    for file in ["missing.json", ".", "latin-1.json"] {
        let output = sandbox.run(&["check", "--snapshot", file]).expect(2);
        assert!(output.stderr.contains(&format!("`{file}`")) && output.stdout.is_empty(), "{output:?}");
    }
}

#[test]
fn a_snapshot_may_come_from_standard_input() {
    let arguments = ["check", "--snapshot", "-", "--all", "-o", "json"];
    let output = Sandbox::new().run_with_input(&arguments, fs::read(EXAMPLE).unwrap()).expect(1);
    assert_eq!(output.report().results, judge(&["--all"], 1).results);
    assert_eq!(output.report().source.file.as_deref(), Some("-"));
}

#[test]
fn a_snapshot_is_judged_at_the_time_it_was_taken() {
    let sandbox = Sandbox::new();
    for (operator, code) in [("DateLessThan", 0), ("DateGreaterThan", 1)] {
        let mut example = example();
        example["facts"]["taken_at"] = json!("2020-06-01T00:00:00Z");
        let document = json!({"Statement": {"Effect": "Allow", "Action": ["ssm:*", "ssmmessages:*"], "Resource": "*",
            "Condition": {operator: {"aws:CurrentTime": "2020-07-01T00:00:00Z"}}}});
        let role = &mut example["facts"]["roles"]["111122223333/web"]["known"];
        role["attached"] = json!({"known": []});
        role["inline"] = json!({"known": [{"name": "summer", "document": {"known": document}}]});
        sandbox.file("account.json", example);
        sandbox.run(&["check", "--snapshot", "account.json", "role/web"]).expect(code);
    }
}

#[test]
fn reading_and_writing_a_snapshot_loses_nothing() {
    let text = fs::read_to_string(EXAMPLE).unwrap();
    let facts = snapshot::read(&text).unwrap();
    let write = |facts| serde_json::to_string_pretty(&snapshot::of(facts)).unwrap();
    let written = write(&facts);
    assert_eq!(schema::read(Format::Snapshot, &written), example());
    assert_eq!(snapshot::read(&written).unwrap(), facts);
    assert_eq!(write(&snapshot::read(&written).unwrap()), written);
}

/// Version 1 knew no settings: what hangs on them is open, and nothing else.
#[test]
fn a_snapshot_of_version_1_is_still_read() {
    let mut old = example();
    old["snapshot_version"] = json!(1);
    let facts = old["facts"].as_object_mut().unwrap();
    facts.remove("settings");
    facts.remove("organization");
    for key in facts["kms_keys"].as_object_mut().unwrap().values_mut() {
        let key = key["known"].as_object_mut().unwrap();
        key.retain(|name, _| name == "arn");
    }
    for subject in facts["subjects"].as_array_mut().unwrap() {
        if let Some(instance) = subject["kind"]["instance"].get_mut("known") {
            instance.as_object_mut().unwrap().remove("agent");
        }
    }
    let sandbox = Sandbox::new();
    sandbox.file("old.json", old);
    let ids = ids();
    for (name, verdict) in [
        ("ready", Verdict::Ready),
        ("explicit-deny", Verdict::NotReady),
        ("missing-permission", Verdict::Unknown),
        ("no-instance-profile", Verdict::Unknown),
        ("instance-not-running", Verdict::Ready),
    ] {
        let output = sandbox.run(&["check", "--snapshot", "old.json", "-o", "json", &ids[name]]);
        let outcome = output.report().only().clone();
        assert_eq!((outcome.verdict, outcome.agent), (verdict, None), "{name}: {:?}", outcome.findings);
    }
}

#[test]
fn targets_may_come_from_standard_input() {
    let run = |input: &str, more: &[&str]| {
        let arguments = [&["check", "--snapshot", EXAMPLE, "-o", "json", "-"], more].concat();
        Sandbox::new().run_with_input(&arguments, input)
    };
    let report = run("i-0a1b2c3d400000001 # web\n\n  role/lambda\n", &[]).expect(1).report();
    let targets: Vec<&str> = report.results.iter().map(|outcome| outcome.target.as_str()).collect();
    assert_eq!(targets, ["i-0a1b2c3d400000001", "role/lambda"]);
    // It may be a part of a name.
    let named = run("\u{feff}i-0a1b2c3d400000001\nweb #2\nweb#3 # no comment\n", &[]).expect(3).report();
    let targets: Vec<&str> = named.results.iter().map(|outcome| outcome.target.as_str()).collect();
    assert_eq!(targets, ["i-0a1b2c3d400000001", "web #2", "web#3 # no comment"]);
    let empty = run("# nothing\n", &[]).expect(2).stderr;
    assert!(empty.contains("standard input contains no targets"), "{empty}");
    run("i-0a1b2c3d400000001\n", &["-"]).expect(2);
    run("i-0a1b2c3d400000001\n", &["--scp", "-"]).expect(2);
    let wrong = run("i-0a1b2c3d400000001\nrole/\n", &[]).expect(2).stderr;
    assert!(wrong.contains("`role/` does not hold a role name"), "{wrong}");
}

#[test]
fn regions_may_be_separated_by_commas() {
    let run = |regions: &[&str]| {
        let arguments = [&["check", "--snapshot", EXAMPLE, "-o", "json", "--all"], regions].concat();
        Sandbox::new().run(&arguments).report().results
    };
    let both = run(&["--region", "us-east-1,eu-west-1"]);
    assert_eq!(both, run(&["--region", "us-east-1", "--region", "eu-west-1"]));
    assert!(both.len() > run(&["--region", "eu-west-1"]).len());
}

/// A name that two Regions have is one instance where the Region is given.
#[test]
fn the_region_tells_instances_of_one_name_apart() {
    let mut snapshot: Value = serde_json::from_str(include_str!("../../examples/account.json")).unwrap();
    let subjects = snapshot["facts"]["subjects"].as_array_mut().unwrap();
    let mut other =
        subjects.iter().find(|subject| subject["kind"]["instance"]["known"]["name"] == "web-1").unwrap().clone();
    let region = other["region"].as_str().unwrap().to_owned();
    other["region"] = json!("eu-west-1");
    other["target"] = json!("i-0a1b2c3d4ffffffff");
    other["kind"]["instance"]["known"]["id"] = json!("i-0a1b2c3d4ffffffff");
    subjects.push(other);
    let sandbox = Sandbox::new();
    sandbox.file("account.json", snapshot);
    let check = |flags: &[&str]| {
        sandbox.run(&[&["check", "web-1", "--snapshot", "account.json", "-o", "json"], flags].concat())
    };
    assert!(check(&[]).expect(2).stderr.contains("i-0a1b2c3d4ffffffff"));
    let id = |region: &str| check(&["--region", region]).report().results[0].instance.clone().unwrap().id.unwrap();
    assert_eq!(id("eu-west-1"), "i-0a1b2c3d4ffffffff");
    assert_ne!(id(&region), "i-0a1b2c3d4ffffffff");
}
