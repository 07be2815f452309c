//! `completions`: what a shell offers where somebody presses TAB.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::command_line::SHELLS;
use crate::support::command::Sandbox;

/// What Bash offers for the last of these words, with the script that the tool prints.
fn offered(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    const ASK: &str = r#"
source <(ssm-profile completions bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
_clap_complete_ssm_profile ssm-profile "${COMP_WORDS[COMP_CWORD]}" ""
printf '%s\n' "${COMPREPLY[@]}"
"#;
    let binary = Path::new(env!("CARGO_BIN_EXE_ssm-profile"));
    let mut path = vec![binary.parent().unwrap().to_path_buf()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", ASK, "bash", "ssm-profile"])
        .args(words)
        .env_clear()
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("HOME", sandbox.path())
        .env("XDG_STATE_HOME", sandbox.path().join("state"))
        .env("AWS_CONFIG_FILE", sandbox.path().join("config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", sandbox.path().join("credentials"))
        // A call would fail, and take its time.
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .current_dir(sandbox.path())
        .stdin(Stdio::null())
        .output()
        .expect("bash starts");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_offers_what_may_follow() {
    let sandbox = Sandbox::new();
    sandbox.file("config", "[default]\nregion = eu-west-1\n[profile staging]\n[profile stage-2]\n[sso-session x]\n");
    sandbox.file("credentials", "[store]\naws_access_key_id = a\naws_secret_access_key = b\n");
    sandbox.file("plan.json", "{}");
    for (words, expected) in [
        (&["che"][..], &["check"][..]),
        (&["und"], &["undo"]),
        (&["check", "--kms"], &["--kms-key"]),
        (&["fix", "--cre"], &["--create-profile"]),
        (&["undo", "--dr"], &["--dry-run"]),
        (&["fix", "--emit", ""], &["cli", "terraform", "cloudformation"]),
        (&["policy", "--for", ""], &["check", "fix"]),
        (&["check", "--profile", "st"], &["stage-2", "staging", "store"]),
        // Bash itself splits `--profile=st`.
        (&["check", "--profile", "=", "st"], &["stage-2", "staging", "store"]),
        (&["check", "--region", "=", "us-east-1", "--profile", "=", "stage-"], &["stage-2"]),
        (&["fix", "--emit", "=", "t"], &["terraform"]),
        (&["check", "--region", "eu-north"], &["eu-north-1"]),
        (&["check", "--region", "eu-north-1,us-gov-w"], &["eu-north-1,us-gov-west-1"]),
        (&["explain", "blocked-by-s"], &["blocked-by-scp"]),
        (&["fix", "--only", "no-n"], &["no-network-path"]),
        (&["check", "-o", "as"], &["asff"]),
        (&["check", "--terraform-plan", "pl"], &["plan.json"]),
        (&["check", "--accounts", "o"], &["org"]),
        (&["man", "snap"], &["snapshot"]),
        (&["completions", "fi"], &["fish"]),
        (&["check", "--color", "al"], &["always"]),
    ] {
        assert_eq!(offered(&sandbox, words), expected, "{words:?}");
    }
}

/// Newest first, as `undo --list` has them.
#[test]
fn bash_offers_the_backups_that_are_kept() {
    let sandbox = Sandbox::new();
    for name in ["2026-01-02T000000Z-1.json", "2026-03-04T000000Z-1.json"] {
        sandbox.file(&format!("state/ssm-profile/{name}"), "{}");
    }
    let offered = offered(&sandbox, &["undo", ""]);
    let backups: Vec<&str> =
        offered.iter().filter_map(|it| it.rsplit_once("ssm-profile/")).map(|(_, name)| name).collect();
    assert_eq!(backups, ["2026-03-04T000000Z-1.json", "2026-01-02T000000Z-1.json"], "{offered:?}");
}

/// A file that is broken shows no mistake in the middle of what somebody types.
#[test]
fn broken_files_of_profiles_offer_nothing() {
    let sandbox = Sandbox::new();
    sandbox.file("config", "[profile staging\n\u{1b}[2J");
    assert_eq!(offered(&sandbox, &["check", "--profile", "st"]).concat(), "");
}

#[test]
fn every_shell_has_a_script_that_asks_the_binary_on_the_path() {
    for shell in SHELLS {
        let output = Sandbox::new().run(&["completions", shell]).expect(0);
        assert_eq!(output.stderr, "");
        assert!(output.stdout.contains("_SSM_PROFILE_COMPLETE") && !output.stdout.contains("/target/"), "{shell}");
    }
}
