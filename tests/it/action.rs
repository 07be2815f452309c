//! `action.yml`: its steps run as GitHub's runner runs them, and say what the check found.

use std::path::Path;
use std::process::Command;

use saphyr_parser::{Event, Parser};

use crate::snapshot::EXAMPLE;

/// The scripts of the steps.
fn scripts() -> Vec<String> {
    let file = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml")).unwrap();
    let events = Parser::new_from_str(&file).map(|event| event.expect("action.yml is YAML").0);
    let scalars: Vec<Option<String>> = events
        .map(|event| match event {
            Event::Scalar(text, ..) => Some(text.into_owned()),
            _ => None,
        })
        .collect();
    let pairs = scalars.windows(2).filter(|pair| pair[0].as_deref() == Some("run"));
    pairs.map(|pair| pair[1].clone().expect("a script is a text")).collect()
}

struct Run {
    code: i32,
    stdout: String,
    outputs: String,
    summary: String,
    sarif: Option<String>,
}

/// Runs the steps with these arguments.
fn run(arguments: &str) -> Run {
    let scripts = scripts();
    assert!(!scripts.is_empty());
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let (mut code, mut stdout) = (0, String::new());
    for script in scripts {
        std::fs::write(at("step.sh"), script).unwrap();
        // See https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
        let output = Command::new("bash")
            .args(["--noprofile", "--norc", "-eo", "pipefail", "step.sh"])
            .current_dir(directory.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", directory.path())
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_OUTPUT", at("output"))
            .env("GITHUB_STEP_SUMMARY", at("summary"))
            .env("ARGUMENTS", arguments)
            .env("BINARY", env!("CARGO_BIN_EXE_ssm-profile"))
            .env("SARIF_FILE", "a b.sarif")
            .output()
            .expect("bash runs");
        code = output.status.code().unwrap();
        stdout.push_str(&String::from_utf8(output.stdout).unwrap());
    }
    assert!(!at("pwned").exists(), "an argument was run");
    let read = |name: &str| std::fs::read_to_string(at(name)).ok();
    Run {
        code,
        stdout,
        outputs: read("output").unwrap_or_default(),
        summary: read("summary").unwrap_or_default(),
        sarif: read("a b.sarif"),
    }
}

#[test]
fn it_says_what_the_check_found() {
    for (targets, code, outputs) in [
        ("i-0a1b2c3d400000001", 0, "not-ready=0\nverdict=ready\n"),
        ("i-0a1b2c3d40000000a\ni-0a1b2c3d40000000b\n", 1, "not-ready=2\nverdict=not_ready\n"),
        ("i-0a1b2c3d40000000d", 3, "not-ready=0\nverdict=unknown\n"),
    ] {
        let run = run(&format!("--snapshot\n{EXAMPLE}\n{targets}"));
        assert_eq!((run.code, run.outputs.as_str()), (code, outputs), "{targets}");
        assert!(run.summary.starts_with("**Session Manager: "), "{}", run.summary);
        assert!(run.sarif.unwrap().contains("\"runs\""));
        assert_eq!(run.stdout.contains("::error title="), code == 1, "{}", run.stdout);
    }
}

#[test]
fn bad_usage_leaves_no_report() {
    let run = run("--no-such-flag");
    assert_eq!((run.code, run.outputs.as_str(), run.summary.as_str()), (2, "verdict=unknown\n", ""));
    assert_eq!(run.sarif, None);
}

#[test]
fn an_argument_is_never_code() {
    let run = run("--snapshot\n$(touch pwned)`touch pwned`;touch pwned");
    assert_eq!(run.code, 2);
    for script in scripts() {
        assert!(!script.contains("${{"), "an expression in a script is code from outside: {script}");
    }
}
