//! `--baseline` and `--write-baseline`: what is known stays visible and counts no more, and what is new always counts.

use serde_json::{Value, json};

use crate::snapshot::EXAMPLE;
use crate::support::command::{Output, Sandbox};
use crate::support::schema::{self, Format};

/// Not ready, for one error: an explicit deny.
const DENIED: &str = "i-0a1b2c3d40000000a";
/// Unknown, for one condition.
const CONDITIONAL: &str = "i-0a1b2c3d40000000d";
/// Unknown, for a call that was denied.
const UNREAD: &str = "i-0a1b2c3d400000012";
/// Ready.
const READY: &str = "i-0a1b2c3d400000001";

const FAR: &str = "9999-12-31";
const PAST: &str = "2000-01-01";

fn entry(target: &str, code: &str, until: &str) -> Value {
    json!({"target": target, "code": code, "reason": "replaced soon", "until": until})
}

fn sandbox(entries: &[Value]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("known.json", json!({"baseline_version": 1, "findings": entries}));
    sandbox
}

fn check(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    sandbox.run(&[&["check", "--snapshot", EXAMPLE], arguments].concat())
}

fn baseline(sandbox: &Sandbox, name: &str) -> Value {
    schema::read(Format::Baseline, &std::fs::read_to_string(sandbox.path().join(name)).unwrap())
}

#[test]
fn the_exit_code_is_that_of_what_is_new() {
    let denied = entry(DENIED, "explicit-deny", FAR);
    let conditional = entry(CONDITIONAL, "conditional-permission", FAR);
    for (targets, entries, code) in [
        (&[DENIED][..], &[][..], 1),
        (&[DENIED], std::slice::from_ref(&denied), 0),
        (&[DENIED], &[entry(DENIED, "explicit-deny", PAST)], 1),
        (&[DENIED], &[entry(DENIED, "trust-policy", FAR)], 1),
        (&[DENIED], &[entry(READY, "explicit-deny", FAR)], 1),
        (&[CONDITIONAL], &[], 3),
        (&[CONDITIONAL], std::slice::from_ref(&conditional), 0),
        (&[DENIED, CONDITIONAL], std::slice::from_ref(&denied), 3),
        (&[DENIED, CONDITIONAL], std::slice::from_ref(&conditional), 1),
        (&[DENIED, CONDITIONAL], &[denied.clone(), conditional.clone()], 0),
        (&[UNREAD], &[entry(UNREAD, "access-denied", FAR)], 0),
    ] {
        let output = check(&sandbox(entries), &[targets, &["--baseline", "known.json", "-q"]].concat());
        assert_eq!(output.code, code, "{targets:?} {entries:?}: {output:?}");
    }
}

#[test]
fn a_known_warning_fails_no_run_that_fails_on_warnings() {
    let report =
        |sandbox: &Sandbox, more: &[&str]| check(sandbox, &[&["--fail-on", "warning", "-o", "json"], more].concat());
    let all = report(&sandbox(&[]), &[]);
    let target = all.json()["results"].as_array().unwrap().iter().find_map(|result| {
        let warns = result["findings"].as_array().unwrap().iter().any(|finding| finding["severity"] == "warning");
        (result["verdict"] == "ready" && warns).then(|| result.clone())
    });
    let target = target.expect("a ready target of the example has a warning");
    let (id, code) = (target["target"].as_str().unwrap(), target["findings"][0]["code"].as_str().unwrap());
    assert_eq!(report(&sandbox(&[]), &[id]).code, 1);
    assert_eq!(report(&sandbox(&[entry(id, code, FAR)]), &[id, "--baseline", "known.json"]).code, 0);
}

#[test]
fn what_is_known_stays_visible_in_every_form() {
    let sandbox = sandbox(&[entry(DENIED, "explicit-deny", FAR)]);
    let page = |form: &str| check(&sandbox, &[DENIED, "--baseline", "known.json", "-o", form]).expect(0);
    let json = schema::read(Format::Report, &page("json").stdout);
    let result = &json["results"][0];
    assert_eq!((&result["verdict"], &json["summary"]["known"]), (&json!("not_ready"), &json!(1)));
    assert_eq!(result["findings"][0]["known"], json!({"reason": "replaced soon", "until": FAR}));
    assert!(result["findings"].as_array().unwrap().iter().skip(1).all(|finding| finding.get("known").is_none()));
    let line: Value = serde_json::from_str(&page("ndjson").stdout).unwrap();
    assert_eq!(&line, result);

    let text = page("text").stdout;
    assert!(text.starts_with(&format!("not ready (known)  {DENIED}")), "{text}");
    assert!(text.contains("known: replaced soon (until 9999-12-31)"), "{text}");
    let markdown = page("markdown").stdout;
    assert!(markdown.contains("(known)") && markdown.contains("**Known:** replaced soon"), "{markdown}");
    let junit = page("junit").stdout;
    assert!(
        junit.contains("<skipped") && junit.contains("known: replaced soon") && !junit.contains("<failure"),
        "{junit}"
    );
    let sarif = schema::read(Format::Sarif, &page("sarif").stdout);
    let suppressed = |code: &str| {
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        results.iter().find(|result| result["ruleId"] == code).unwrap()["suppressions"].clone()
    };
    let suppression =
        json!([{"kind": "external", "status": "accepted", "justification": "replaced soon (until 9999-12-31)"}]);
    // Of a run with suppressions each result has some, of which there may be none (SARIF 2.1.0, 3.27.23).
    assert_eq!((suppressed("explicit-deny"), suppressed("optional-permission")), (suppression, json!([])));
}

#[test]
fn what_has_expired_or_matches_nothing_is_said() {
    let entries = [entry(DENIED, "explicit-deny", PAST), entry(READY, "trust-policy", FAR)];
    let output = check(&sandbox(&entries), &[DENIED, READY, "--baseline", "known.json", "-o", "json"]).expect(1);
    let warnings: Vec<&str> = output.stderr.lines().collect();
    assert_eq!(warnings.len(), 2, "{output:?}");
    assert!(
        warnings[0].contains("expired") && warnings[0].contains(DENIED) && warnings[0].contains(PAST),
        "{output:?}"
    );
    assert!(warnings[1].contains("match nothing") && warnings[1].contains(READY), "{output:?}");
    assert!(!output.stdout.contains("\"known\""));
}

#[test]
fn over_a_fleet_the_causes_tell_what_is_new_first() {
    let sandbox = sandbox(&[entry(DENIED, "explicit-deny", FAR)]);
    let output = check(&sandbox, &["--all", "--baseline", "known.json"]).expect(1);
    let (new, known) = output.stdout.split_once("not ready (known)").expect("the known cause has its own block");
    assert!(!new.contains(DENIED) && known.contains(DENIED), "{output:?}");
    assert!(output.stdout.contains("; 1 known from the baseline"), "{output:?}");
    // What is shown does not decide what is known.
    check(&sandbox, &["--all", "--baseline", "known.json", "--show", "ready", "-q"]).expect(1);
}

#[test]
fn a_written_baseline_knows_what_the_run_found() {
    let sandbox = Sandbox::new();
    // It is written whatever is shown, and changes nothing in the run that writes it.
    check(&sandbox, &[DENIED, CONDITIONAL, READY, "--write-baseline", "known.json", "--show", "ready"]).expect(1);
    let written = baseline(&sandbox, "known.json");
    let codes: Vec<&Value> = written["findings"].as_array().unwrap().iter().map(|entry| &entry["code"]).collect();
    assert_eq!(codes, ["explicit-deny", "conditional-permission"]);
    assert_eq!(written["findings"][0]["account"], "111122223333");
    let again = check(&sandbox, &[DENIED, CONDITIONAL, READY, "--baseline", "known.json", "-q"]).expect(0);
    assert_eq!(again.stderr, "");

    // What a person wrote into it stays.
    let mut edited = written.clone();
    edited["findings"][0]["reason"] = json!("decommissioned in March");
    edited["findings"][0]["until"] = json!(FAR);
    sandbox.file("known.json", &edited);
    check(&sandbox, &[DENIED, CONDITIONAL, "--write-baseline", "known.json"]).expect(1);
    assert_eq!(baseline(&sandbox, "known.json"), edited);
    // So it does in another file, and where only one target is looked at.
    check(&sandbox, &[DENIED, "--baseline", "known.json", "--write-baseline", "other.json"]).expect(0);
    assert_eq!(baseline(&sandbox, "other.json"), edited);
}

#[test]
fn an_instance_is_one_target_however_it_is_typed() {
    let sandbox = Sandbox::new();
    let forms = ["batch-1", DENIED, "arn:aws:ec2:us-east-1:111122223333:instance/i-0a1b2c3d40000000a"];
    for (index, written) in forms.iter().enumerate() {
        let file = format!("{index}.json");
        check(&sandbox, &[written, "--write-baseline", &file]).expect(1);
        assert_eq!(baseline(&sandbox, &file)["findings"][0]["target"], DENIED);
        for typed in forms {
            assert_eq!(check(&sandbox, &[typed, "--baseline", &file, "-q"]).expect(0).stderr, "", "{written} {typed}");
        }
    }
    // As the report has it, it may be named as well.
    let named = self::sandbox(&[entry("batch-1", "explicit-deny", FAR)]);
    check(&named, &["batch-1", "--baseline", "known.json", "-q"]).expect(0);

    let alerts = forms.map(|typed| {
        let log = check(&sandbox, &[typed, "-o", "sarif"]).expect(1).json();
        let result = &log["runs"][0]["results"][0];
        (result["partialFingerprints"].clone(), result["locations"][0]["physicalLocation"].clone())
    });
    assert!(alerts[0].0.is_object() && alerts.iter().all(|alert| *alert == alerts[0]), "{alerts:?}");
}

#[test]
fn what_could_not_be_read_is_never_written_as_known() {
    let sandbox = Sandbox::new();
    let output = check(&sandbox, &[UNREAD, "--write-baseline", "known.json"]).expect(3);
    assert_eq!(baseline(&sandbox, "known.json")["findings"], json!([]));
    assert!(output.stderr.contains("left out of `known.json`"), "{output:?}");
}

#[test]
fn a_file_that_is_no_baseline_ends_the_run_before_it_begins() {
    let sandbox = Sandbox::new();
    sandbox.file("broken.json", "{\n  \"baseline_version\": 1,\n  \"findings\": [}\n}");
    sandbox.file("notes.txt", "mine");
    std::fs::create_dir(sandbox.path().join("directory")).unwrap();
    for (arguments, said) in [
        (&["--baseline", "broken.json"][..], "line 3, column 16"),
        (&["--baseline", "none.json"], "`none.json`"),
        (&["--baseline", "directory"], "not a regular file"),
        (&["--write-baseline", "notes.txt"], "never overwrites"),
        (&["--write-baseline", "broken.json"], "never overwrites"),
        (&["--write-baseline", "directory"], "not a regular file"),
        (&["--write-baseline", "-"], "cannot hold a baseline"),
        (&["--write-baseline", "none/known.json"], "no directory `none`"),
        (&["--write-baseline", "new.json", "-o", "json=new.json"], "a report and a baseline"),
    ] {
        // Without a stub behind it, any call to AWS would end the run with another code.
        let output = sandbox.run(&[&["check", DENIED], arguments].concat()).expect(2);
        assert!(output.stderr.contains(said) && output.stdout.is_empty(), "{arguments:?}: {output:?}");
    }
    assert_eq!(std::fs::read_to_string(sandbox.path().join("notes.txt")).unwrap(), "mine");
    assert!(!sandbox.path().join("new.json").exists());
}

#[test]
fn names_in_a_baseline_move_no_cursor() {
    let hostile = "a\u{1b}[2J\u{202e}\nb";
    let mut known = entry(DENIED, "explicit-deny", FAR);
    known["reason"] = json!(hostile);
    let sandbox = sandbox(&[known, entry(hostile, "explicit-deny", FAR)]);
    for form in ["text", "json", "junit", "markdown", "sarif"] {
        let output = check(&sandbox, &[DENIED, "--baseline", "known.json", "-o", form]).expect(0);
        for text in [&output.stdout, &output.stderr] {
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{form}: {output:?}");
        }
    }
}
