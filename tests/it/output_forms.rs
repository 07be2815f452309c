//! The forms of a report: each is what readers of that form expect, whatever there is to say.

use std::collections::BTreeSet;

use serde_json::json;

use crate::command_line::READY;
use crate::snapshot::EXAMPLE;
use crate::support::command::Sandbox;
use crate::support::model::SSM_CORE;
use crate::support::report::{Code, Outcome, Report, Severity, Summary, Verdict};
use crate::support::schema::{self, Format};

/// Reports of every size and kind: a fleet, one instance, a target that does not exist, nothing at all, documents.
pub fn selections() -> Vec<(&'static str, Vec<&'static str>, i32)> {
    let snapshot = |more: &[&'static str]| [&["check", "--snapshot", EXAMPLE][..], more].concat();
    vec![
        ("fleet", snapshot(&["--all", "--kms-key", "alias/sessions"]), 1),
        ("as taken", snapshot(&[]), 1),
        ("ready", snapshot(&["i-0a1b2c3d400000001"]), 0),
        ("nowhere", snapshot(&["i-0000000000000000f"]), 3),
        ("nothing", snapshot(&["--tag", "Env=none"]), 3),
        ("documents", vec!["check", "--policy", "policy.json", "--policy", "<&\"'>.json"], 3),
    ]
}

pub fn page(arguments: &[&str], form: &str, code: i32) -> String {
    let sandbox = Sandbox::new();
    sandbox.file("policy.json", SSM_CORE);
    sandbox.file(
        "<&\"'>.json",
        json!({"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*",
        "Sid": "]]>|<b>`\n\u{1b}[2J\u{202e}", "Condition": {"StringEquals": {"aws:SourceVpce": "<x>"}}}}),
    );
    sandbox.run(&[arguments, &["-o", form]].concat()).expect(code).stdout
}

pub fn report(arguments: &[&str], code: i32) -> Report {
    Report::read(&page(arguments, "json", code))
}

#[test]
fn json_and_its_lines_say_the_same() {
    for (what, arguments, code) in selections() {
        let report = report(&arguments, code);
        assert_eq!(Outcome::read_lines(&page(&arguments, "ndjson", code)), report.results, "{what}");
    }
}

/// As a reader that people use reads it.
#[test]
fn junit_has_a_test_case_for_each_target() {
    for (what, arguments, code) in selections() {
        let report = report(&arguments, code);
        let xml = page(&arguments, "junit", code);
        assert!(!xml.chars().any(|c| c.is_control() && c != '\n'), "{what}: {xml:?}");
        let read = junit_parser::from_reader(xml.as_bytes()).unwrap_or_else(|error| panic!("{what}: {error}\n{xml}"));
        let cases: Vec<_> = read.suites.iter().flat_map(|suite| &suite.cases).collect();
        assert_eq!(cases.len(), report.summary.checked, "{what}");
        for (case, outcome) in cases.iter().zip(&report.results) {
            assert!(case.original_name.starts_with(&outcome.target), "{what}: {case:?}");
            let status = match outcome.verdict {
                Verdict::Ready => case.status.is_success(),
                Verdict::NotReady => case.status.is_failure(),
                Verdict::Unknown => case.status.is_error(),
                Verdict::Skipped => case.status.is_skipped(),
            };
            assert!(status, "{what}: {case:?}");
            // What keeps it out is said where readers show it.
            if let Some(error) = outcome.findings.iter().find(|finding| finding.severity == Severity::Error) {
                let said = format!("{:?}", case.status);
                assert!(
                    said.contains(error.message.lines().next().unwrap().split('`').next().unwrap()),
                    "{what}: {said}"
                );
            }
        }
        // Readers count what was skipped themselves: the format has no attribute for it that all agree on.
        let Summary { checked, not_ready, unknown, .. } = report.summary;
        let counts = [read.tests, read.failures, read.errors];
        assert_eq!(counts, [checked, not_ready, unknown].map(|count| count as u64), "{what}");
    }
}

#[test]
fn sarif_has_a_result_for_each_error_and_warning() {
    for (what, arguments, code) in selections() {
        let report = report(&arguments, code);
        let sarif = schema::read(Format::Sarif, &page(&arguments, "sarif", code));
        assert_eq!((&sarif["version"], sarif["runs"].as_array().map(Vec::len)), (&json!("2.1.0"), Some(1)));
        assert!(sarif["$schema"].as_str().unwrap().contains("sarif-2.1.0"));
        let run = &sarif["runs"][0];
        assert_eq!(run["tool"]["driver"]["name"], json!("ssm-profile"));
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let rules: BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
        for rule in &rules {
            serde_json::from_value::<Code>(json!(rule)).expect("a rule is a finding code");
        }
        let results = run["results"].as_array().unwrap();
        for result in results {
            assert!(rules.contains(result["ruleId"].as_str().unwrap()), "{result}");
            assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()), "{result}");
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            let location = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
            assert!(location.is_string(), "code scanning takes only results with a place: {result}");
        }
        for (severity, level) in [(Severity::Error, "error"), (Severity::Warning, "warning")] {
            let count = results.iter().filter(|result| result["level"] == json!(level)).count();
            let findings = report.results.iter().flat_map(|outcome| &outcome.findings);
            assert_eq!(count, findings.filter(|finding| finding.severity == severity).count(), "{what}: {level}");
        }
    }
}

#[test]
fn markdown_has_a_row_for_each_target() {
    for (what, arguments, code) in selections() {
        let report = report(&arguments, code);
        let markdown = page(&arguments, "markdown", code);
        for outcome in &report.results {
            let rows = markdown.lines().filter(|line| line.starts_with(&format!("| `{}` |", outcome.target)));
            assert_eq!(rows.count(), 1, "{what}: {}", outcome.target);
        }
        assert!(!markdown.contains(['\u{1b}', '\u{202e}']) && !markdown.contains("<b>"), "{what}");
    }
}

#[test]
fn text_names_each_target_and_its_verdict() {
    for (what, arguments, code) in selections() {
        let report = report(&arguments, code);
        // Of many the causes are told, unless every one is asked for.
        let text = page(&[&arguments[..], &["-v"]].concat(), "text", code);
        for outcome in &report.results {
            let verdict = match outcome.verdict {
                Verdict::Ready => "ready",
                Verdict::NotReady => "not ready",
                Verdict::Unknown => "unknown",
                Verdict::Skipped => "skipped",
            };
            let heads = text.lines().filter(|line| line.starts_with(&format!("{verdict}  {}", outcome.target)));
            assert_eq!(heads.count(), 1, "{what}: {}", outcome.target);
        }
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{what}");
    }
}

#[test]
fn what_is_shown_does_not_change_the_exit_code_or_the_summary() {
    let all = report(&["check", "--snapshot", EXAMPLE], 1);
    let shown = |more: &[&str]| {
        let text = page(&[&["check", "--snapshot", EXAMPLE], more].concat(), "json", 1);
        serde_json::from_value::<Report>(schema::read(Format::Report, &text)).unwrap()
    };
    let targets = |is: &dyn Fn(&Outcome) -> bool| {
        let kept = all.results.iter().filter(|outcome| is(outcome));
        kept.map(|outcome| outcome.target.clone()).collect::<Vec<_>>()
    };
    let names = |report: Report| report.results.into_iter().map(|outcome| outcome.target).collect::<Vec<_>>();
    for (word, verdict) in [("ready", Verdict::Ready), ("not-ready", Verdict::NotReady), ("unknown", Verdict::Unknown)]
    {
        let some = shown(&["--show", word]);
        assert_eq!(some.summary, all.summary);
        assert_eq!(names(some), targets(&|outcome| outcome.verdict == verdict), "{word}");
    }
    let denied = |outcome: &Outcome| outcome.findings.iter().any(|finding| finding.code == Code::ExplicitDeny);
    assert_eq!(names(shown(&["--code", "explicit-deny"])), targets(&denied));
    let both = shown(&["--show", "ready", "--code", "explicit-deny"]);
    assert!(both.results.is_empty() && both.summary == all.summary);
    let lines = page(&["check", "--snapshot", EXAMPLE, "--show", "unknown"], "ndjson", 1);
    assert_eq!(lines.lines().count(), all.summary.unknown);
    let sandbox = Sandbox::new();
    sandbox.run(&["check", "--snapshot", EXAMPLE, "--code", "no-such-code"]).expect(2);
}

#[test]
fn in_github_actions_the_text_has_annotations_and_nothing_else_changes() {
    let check = ["check", "--snapshot", EXAMPLE, "-o", "text"];
    let alone = Sandbox::new().run(&check).expect(1);
    let findings = report(&check[..3], 1).results.into_iter().flat_map(|outcome| outcome.findings);
    let expected = findings.filter(|finding| finding.severity != Severity::Info).count();
    let inside = |arguments: &[&str]| Sandbox::new().env("GITHUB_ACTIONS", "true").run(arguments).expect(1);
    let output = inside(&check);
    let annotations = output.stdout.strip_prefix(&alone.stdout).expect("the text comes first, as it is elsewhere");
    assert_eq!(annotations.lines().count(), expected);
    for line in annotations.lines() {
        assert!(line.starts_with("::error title=") || line.starts_with("::warning title="), "{line}");
        assert_eq!(
            line.matches("::").count(),
            2 + line.split_once("::").unwrap().1.split_once("::").unwrap().1.matches("::").count()
        );
    }
    for form in ["json", "markdown", "junit", "sarif", "ndjson", "html", "asff", "ocsf"] {
        assert!(inside(&[&check[..3], &["-o", form]].concat()).stdout == page(&check[..3], form, 1), "{form}");
    }
    let off = Sandbox::new().env("GITHUB_ACTIONS", "false").run(&check).expect(1);
    assert_eq!(off.stdout, alone.stdout);
}

#[test]
fn html_has_each_target_and_asks_for_nothing_from_outside() {
    for (what, arguments, code) in selections() {
        let report = report(&arguments, code);
        let html = page(&arguments, "html", code);
        assert_eq!(html.matches("<details class=\"target\"").count(), report.results.len(), "{what}");
        for outcome in &report.results {
            assert!(html.contains(&format!("<b>{}</b>", outcome.target)), "{what}: {}", outcome.target);
        }
        assert!(html.contains("default-src 'none'"));
        for outside in [" src=", "<link", "url(", "@import", "<iframe", "<base", "<form action"] {
            assert!(!html.contains(outside), "{what}: {outside}");
        }
        assert!(!html.contains(['\u{1b}', '\u{202e}']), "{what}");
        for name in ["details", "div", "ul", "ol", "section", "p", "b", "span", "code", "summary", "li", "main", "form"]
        {
            let starts = html.matches(&format!("<{name} ")).count() + html.matches(&format!("<{name}>")).count();
            assert_eq!(starts, html.matches(&format!("</{name}>")).count(), "{what}: `{name}` is closed");
        }
    }
}

#[test]
fn the_script_of_the_page_is_the_one_that_its_policy_allows() {
    let html = page(&["check", "--snapshot", EXAMPLE], "html", 1);
    let script = html.split_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
    let digest = std::process::Command::new("python3")
        .args([
            "-c",
            "import base64,hashlib,sys;print(base64.b64encode(hashlib.sha256(sys.argv[1].encode()).digest()).decode())",
            script,
        ])
        .output()
        .expect("python3 runs");
    let digest = String::from_utf8(digest.stdout).unwrap();
    assert!(html.contains(&format!("script-src 'sha256-{}'", digest.trim())), "{digest}");
}

#[test]
fn further_reports_go_to_files() {
    let sandbox = Sandbox::new();
    let check = ["check", "--snapshot", EXAMPLE];
    let alone = |form: &str| sandbox.run(&[&check[..], &["-o", form]].concat()).expect(1).stdout;
    sandbox.file("report.xml", "of the last run");
    let all = ["-o", "json", "-o", "junit=report.xml", "-o", "sarif=a b.sarif", "-o", "text=report.txt"];
    let lines = ["-o", "ndjson=lines.json", "-o", "markdown=report.md", "-o", "asff=asff.json", "-o", "ocsf=ocsf.json"];
    let printed = sandbox.run(&[&check[..], &all, &lines].concat()).expect(1).stdout;
    assert_eq!(printed, alone("json"));
    for (form, file) in [
        ("junit", "report.xml"),
        ("sarif", "a b.sarif"),
        ("text", "report.txt"),
        ("ndjson", "lines.json"),
        ("markdown", "report.md"),
        ("asff", "asff.json"),
        ("ocsf", "ocsf.json"),
    ] {
        assert_eq!(std::fs::read_to_string(sandbox.path().join(file)).unwrap(), alone(form), "{form}");
    }
    // What a link or a device stands for is written, and not what takes its place.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("report.json", sandbox.path().join("link")).unwrap();
        sandbox.run(&[&check[..], &["-o", "json=link"]].concat()).expect(1);
        assert_eq!(std::fs::read_to_string(sandbox.path().join("report.json")).unwrap(), alone("json"));
        assert!(sandbox.path().join("link").symlink_metadata().unwrap().is_symlink());
        let full = std::path::Path::new("/dev/full");
        if full.exists() {
            // The verdict is told all the same, and by the code too where a target is not ready.
            for (target, code) in [(&[][..], 1), (&[READY][..], 3)] {
                let output = sandbox.run(&[&check[..], target, &["-o", "json=/dev/full"]].concat()).expect(code);
                assert!(output.stderr.contains("cannot write the report `/dev/full`"), "{output:?}");
                assert_eq!(output.stdout, sandbox.run(&[&check[..], target].concat()).stdout);
            }
            assert!(!full.metadata().unwrap().is_file());
        }
    }
    // Without another form the text goes to standard output.
    let text = sandbox.run(&[&check[..], &["-o", "json=report.json"]].concat()).expect(1).stdout;
    assert_eq!(text, alone("text"));
    for (wrong, said) in [
        (&["-o", "json", "-o", "text"][..], "one report goes to standard output"),
        (&["-o", "json=none/report.json"], "`none/report.json`"),
        (&["-o", "json="], "names no file"),
        (&["-o", "json=."], "`.` is a directory"),
        (&["-o", "json=/proc/report.json"], "`/proc`"),
        (&["-o", "json=a", "-o", "text=a"], "`a` is named for two reports"),
        (&["-o", "jsn=a"], "json"),
    ] {
        let stderr = sandbox.run(&[&check[..], wrong].concat()).expect(2).stderr;
        assert!(stderr.contains(said), "{stderr}");
    }
}

/// A report in the place of what it is about would be the end of that.
#[test]
fn no_report_is_written_over_what_the_run_reads() {
    let sandbox = Sandbox::new();
    let example = include_str!("../../examples/account.json");
    sandbox.file("snapshot.json", example);
    let check = ["check", "-q", "--snapshot", "snapshot.json"];
    for file in ["snapshot.json", "./snapshot.json"] {
        let to = format!("json={file}");
        let output = sandbox.run(&[&check[..], &["-o", &to]].concat()).expect(2);
        assert!(output.stderr.contains("is read by this run"), "{output:?}");
        assert_eq!(std::fs::read_to_string(sandbox.path().join("snapshot.json")).unwrap(), example);
    }
    sandbox.run(&[&check[..], &["--write-baseline", "known.json"]].concat());
    let baseline = std::fs::read_to_string(sandbox.path().join("known.json")).unwrap();
    sandbox.run(&[&check[..], &["--baseline", "known.json", "-o", "json=known.json"]].concat()).expect(2);
    assert_eq!(std::fs::read_to_string(sandbox.path().join("known.json")).unwrap(), baseline);
    let twice = sandbox.run(&[&check[..], &["-o", "json=a", "-o", "junit=./a"]].concat()).expect(2);
    assert!(twice.stderr.contains("two reports"), "{twice:?}");
}
