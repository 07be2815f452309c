//! What is typed, and what comes back: exit codes, mistakes, help, completions, colours.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use crate::snapshot::EXAMPLE;
use crate::support::answer::Answer;
use crate::support::command::{Output, Sandbox};
use crate::support::model::CORE;
use crate::support::model::SSM_CORE;
use crate::support::stub::{Stub, unknown};
use crate::support::world::{INSTANCE, World};

const NOT_READY: &str = "i-0a1b2c3d40000000a";
pub const READY: &str = "i-0a1b2c3d400000001";
const UNKNOWN: &str = "i-0a1b2c3d40000000d";
const STOPPED: &str = "i-0a1b2c3d400000010";
pub const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// Runs what is bad usage, and holds it against what is true of all of it.
fn refused(arguments: &[&str]) -> String {
    refused_with(&[("policy.json", SSM_CORE)], arguments)
}

/// The same where these files lie.
pub fn refused_with(files: &[(&str, &str)], arguments: &[&str]) -> String {
    let stub = Stub::answering(unknown);
    let sandbox = Sandbox::at(&stub);
    for (name, content) in files {
        sandbox.file(name, content);
    }
    let Output { stdout, stderr, .. } = sandbox.run(arguments).expect(2);
    assert!(stub.calls().is_empty(), "{arguments:?}: no AWS call was made: {:?}", stub.actions());
    assert_eq!(stdout, "", "{arguments:?}");
    let errors: Vec<&str> = stderr.lines().filter_map(|line| line.strip_prefix("error: ")).collect();
    assert!(!errors.is_empty(), "{arguments:?}: {stderr}");
    for error in errors {
        assert!(!error.starts_with(char::is_uppercase) && !error.ends_with('.'), "{error}");
    }
    for internal in ["{", "Error(", "Err(", "Some(", "None", "os error", "panicked", "\u{1b}"] {
        assert!(!stderr.contains(internal), "{arguments:?}: `{internal}` in {stderr}");
    }
    stderr
}

/// The binary without a sandbox's pipes, shut off from the environment all the same.
fn bare(sandbox: &Sandbox, program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", sandbox.path()).env("AWS_EC2_METADATA_DISABLED", "true");
    command.current_dir(sandbox.path()).stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Runs the binary on a terminal of its own with this many columns; gives the exit code and what the terminal shows.
fn on_terminal(columns: u16, variables: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
    const TERMINAL: &str = "
import fcntl, os, pty, struct, sys, termios
process, terminal = pty.fork()
if process == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 50, int(sys.argv[1]), 0, 0))
    os.execv(sys.argv[2], sys.argv[2:])
while True:
    try:
        shown = os.read(terminal, 65536)
    except OSError:
        break
    if not shown:
        break
    sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
";
    let path = std::env::var_os("PATH").unwrap_or_default();
    let output = bare(&Sandbox::new(), "python3")
        .env("PATH", path)
        .env("TERM", "xterm-256color")
        .envs(variables.iter().copied())
        .args(["-c", TERMINAL, &columns.to_string(), env!("CARGO_BIN_EXE_ssm-profile")])
        .args(arguments)
        .output()
        .expect("python3 starts");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n"))
}

#[test]
fn each_exit_code_has_its_meaning() {
    let sandbox = Sandbox::new();
    let snapshot = ["check", "--snapshot", EXAMPLE];
    for (targets, code) in [
        (&[READY][..], 0),
        (&[READY, STOPPED], 0),
        (&["--fail-on", "warning", READY, STOPPED], 1),
        (&["--fail-on", "error", READY, STOPPED], 0),
        (&[READY, UNKNOWN], 3),
        (&["--fail-on", "warning", UNKNOWN], 1),
        (&[READY, UNKNOWN, NOT_READY], 1),
        (&["--all"], 1),
        (&["web"], 3),
        (&["role/"], 2),
    ] {
        sandbox.run(&[&snapshot, targets].concat()).expect(code);
    }
}

#[test]
fn a_failure_of_aws_is_exit_code_3() {
    for answer in [Answer::unauthorized(), Answer::internal(), Answer::garbage(), Answer::Closed] {
        let stub = World::ready().fail("DescribeInstances", answer).serve();
        let output = Sandbox::at(&stub).run(&["check", INSTANCE, "-o", "json"]).expect(3);
        assert_eq!(output.report().summary.unknown, 1);
        Sandbox::at(&stub).run(&["snapshot", INSTANCE]).expect(3);
    }
}

#[test]
fn an_interrupted_run_says_so() {
    for command in ["check", "snapshot"] {
        let stub = World::ready().serve();
        // The second of them never comes, so the first waits for its answer.
        stub.together(&["DescribeInstances", "Never"]);
        let running = Sandbox::at(&stub).start(&[command, INSTANCE], b"");
        stub.wait_for("DescribeInstances");
        running.interrupt();
        let output = running.wait().expect(130);
        assert!(output.stdout.is_empty() && output.stderr.contains("interrupted"), "{output:?}");
    }
}

#[test]
fn what_is_mistyped_gets_the_right_word_proposed() {
    for (arguments, proposed) in [
        (&["chek"][..], "'check'"),
        (&["snapshoot"], "'snapshot'"),
        (&["role/web"], "ssm-profile check role/web"),
        (&["check", "--polcy", "policy.json"], "'--policy'"),
        (&["check", "--kms", "x"], "'--kms-key'"),
        (&["snapshot", "--al"], "'--all'"),
        (&["check", "-o", "jsn"], "'json'"),
        (&["check", "-o", "yaml"], "junit"),
        (&["check", "--color", "allways"], "'always'"),
        (&["check", "--fail-on", "warn"], "'warning'"),
        (&["completions", "fsh"], "'fish'"),
        (&["schema", "reports"], "'report'"),
    ] {
        let said = refused(arguments);
        assert!(said.contains(proposed), "{arguments:?}: {said}");
    }
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    let policy = ["check", "--policy", "policy.json"];
    let with_policy = |more: &[&'static str]| [&policy, more].concat();
    for (arguments, named) in [
        (vec!["check", "--all", READY], ["--all", "TARGET"]),
        (vec!["check", "--tag", "Env=prod", READY], ["--tag", "TARGET"]),
        (vec!["snapshot", "--all", READY], ["--all", "TARGET"]),
        (vec!["check", "-q", "-v", READY], ["--quiet", "--verbose"]),
        (vec!["check", READY, "--region", "us-east-1", "--region", "eu-west-1"], ["--region", "--all"]),
        (with_policy(&["--snapshot", "account.json"]), ["--snapshot", "--policy"]),
        (with_policy(&[READY]), ["--policy", "TARGET"]),
        (with_policy(&["--all"]), ["--policy", "--all"]),
        (with_policy(&["--tag", "Env=prod"]), ["--policy", "--tag"]),
        (with_policy(&["--region", "us-east-1", "--region", "eu-west-1"]), ["--region", "one Region"]),
        (with_policy(&["--context", "aws:SourceVpce=a", "--context", "AWS:sourcevpce=b"]), ["--context", "twice"]),
    ] {
        let said = refused(&arguments);
        assert!(named.iter().all(|name| said.contains(name)), "{arguments:?}: {said}");
    }
    for flag in [
        ["--trust", "policy.json"],
        ["--boundary", "policy.json"],
        ["--account", "111122223333"],
        ["--instance-id", READY],
    ] {
        for source in [&[][..], &[READY], &["--all"], &["--tag", "Env=prod"], &["--snapshot", EXAMPLE]] {
            let said = refused(&[&["check"], &flag[..], source].concat());
            assert!(said.contains(flag[0]) && said.contains("--policy"), "{said}");
        }
    }
    for missing in
        [&["check", "--tag"][..], &["check", "--tag", "Env"], &["check", "--region", ""], &[], &["completions"]]
    {
        Sandbox::new().run(missing).expect(2);
    }
}

#[test]
fn what_is_no_target_gets_the_right_form_proposed() {
    for (target, proposed) in [
        ("mi-0123456789abcdef0", "service role"),
        ("arn:aws:ssm:us-east-1:111122223333:managed-instance/mi-0123456789abcdef0", "service role"),
        ("i-0123", "hexadecimal"),
        ("I-0123456789ABCDEF0", "`i-0123456789abcdef0`"),
        ("profile/", "profile name"),
        ("role/team/web", "`role/web`"),
        ("instance-profile/web", "`profile/web`"),
        ("arn:aws:iam::111122223333:user/web", "`role/NAME`"),
        ("arn:aws:iam", "ARN"),
        ("", "`profile/NAME`"),
    ] {
        for command in ["check", "snapshot"] {
            let said = refused(&[command, target]);
            assert!(said.contains(&format!("`{target}`")) && said.contains(proposed), "{target}: {said}");
        }
    }
    let both = refused(&["check", "role/", READY, "mi-0123456789abcdef0"]);
    assert_eq!(both.matches("error: ").count(), 2, "{both}");
}

#[test]
fn without_a_target_the_forms_are_shown() {
    for command in ["check", "snapshot"] {
        let said = refused(&[command]);
        for form in ["`i-0123456789abcdef0`", "`profile/NAME`", "`role/NAME`", "ARN"] {
            assert!(said.contains(form), "{said}");
        }
    }
}

#[test]
fn mistakes_about_the_connection_are_bad_usage() {
    let sandbox = Sandbox::new();
    for (arguments, named) in [
        (["--profile", "nobody"], "`nobody`"),
        (["--endpoint-url", "nowhere"], "`nowhere`"),
        (["--region", "us-east-1a"], "`us-east-1`"),
    ] {
        let output = sandbox.run(&[&["check", INSTANCE], &arguments[..]].concat()).expect(2);
        assert!(output.stdout.is_empty() && output.stderr.contains(named), "{output:?}");
    }
    let output = Sandbox::new().without("AWS_REGION").run(&["check", INSTANCE]).expect(2);
    assert!(output.stderr.contains("--region") && output.stderr.contains("AWS_REGION"), "{output:?}");
}

#[test]
fn help_fits_the_terminal_and_names_every_flag() {
    let shared = ["--color", "--verbose", "--quiet", "-v", "-q"];
    let selecting = ["TARGET", "--all", "--tag", "--profile", "--region", "--endpoint-url", "--kms-key"];
    let checking = [
        "--s3-logs",
        "--cloudwatch-logs",
        "--require",
        "--context",
        "--snapshot",
        "--policy",
        "--trust",
        "--boundary",
        "--scp",
        "--account",
        "--instance-id",
        "--output",
        "-o",
        "--fail-on",
    ];
    let forms = ["i-0123456789abcdef0", "profile/NAME", "role/NAME", "ssm-profile snapshot --all > account.json"];
    let check = [&shared[..], &selecting, &checking, &forms].concat();
    let snapshot = [&shared[..], &selecting, &forms].concat();
    for (command, words) in [
        (&[][..], &["check", "snapshot", "schema", "completions", "--color", "--version", "130"][..]),
        (&["check"], &check),
        (&["snapshot"], &snapshot),
        (&["schema"], &["report", "snapshot", "fix"]),
        (&["completions"], &SHELLS),
    ] {
        for help in ["--help", "-h"] {
            let arguments = [command, &[help]].concat();
            let (code, shown) = on_terminal(80, &[("NO_COLOR", "1")], &arguments);
            assert_eq!(code, 0, "{shown}");
            let piped = Sandbox::new().env("COLUMNS", "80").run(&arguments).expect(0);
            assert_eq!((piped.stdout.as_str(), piped.stderr.as_str()), (shown.as_str(), ""));
            for line in shown.lines() {
                assert!(line.chars().count() <= 80, "{arguments:?}: {line}");
            }
            let missing: Vec<_> = words.iter().filter(|word| !shown.contains(**word)).collect();
            assert!(missing.is_empty(), "{arguments:?} says nothing of {missing:?}: {shown}");
        }
    }
    for flag in ["--version", "-V"] {
        let output = Sandbox::new().run(&[flag]).expect(0);
        assert_eq!(output.stdout, concat!("ssm-profile ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}

#[test]
fn colours_show_where_they_are_wanted() {
    let check = ["check", "--snapshot", EXAMPLE, "--all"];
    let coloured = |text: &str| text.contains("\u{1b}[");
    for (variables, flags, expected) in [
        (&[][..], &[][..], true),
        (&[("NO_COLOR", "1")], &[], false),
        (&[("TERM", "dumb")], &[], false),
        (&[], &["--color", "never"], false),
        (&[], &["--color", "auto"], true),
        (&[("NO_COLOR", "1")], &["--color", "always"], true),
    ] {
        let (code, shown) = on_terminal(80, variables, &[&check, flags].concat());
        assert_eq!((code, coloured(&shown)), (1, expected), "{variables:?} {flags:?}");
    }
    for (flags, expected) in [(&[][..], false), (&["--color", "always"], true), (&["--color", "never"], false)] {
        let output = Sandbox::new().run(&[&check, flags].concat()).expect(1);
        assert_eq!(coloured(&output.stdout), expected, "{flags:?}");
        let mistake = Sandbox::new().run(&[&["check", "role/"], flags].concat()).expect(2);
        assert_eq!(coloured(&mistake.stderr), expected, "{flags:?}");
    }
    for form in ["json", "ndjson", "junit", "sarif", "markdown", "asff", "ocsf"] {
        let output = Sandbox::new().run(&[&check[..], &["--color", "always", "-o", form]].concat()).expect(1);
        assert!(!coloured(&output.stdout), "{form} is for machines");
    }
}

#[test]
fn text_on_a_terminal_fits_it() {
    let (_, shown) = on_terminal(80, &[("NO_COLOR", "1")], &["check", "--snapshot", EXAMPLE, "--all"]);
    // A word is never broken: names, actions and ARNs are there to be copied.
    let breakable = |line: &&str| line.trim_start().split(' ').filter(|word| !word.is_empty()).count() > 3;
    // Nor is a command, which is there to be pasted.
    let starts = ["fix: ssm-profile fix ", "`ssm-profile ", "`aws "];
    let command = |line: &&str| starts.iter().any(|start| line.trim_start().starts_with(start));
    assert!(shown.lines().any(|line| command(&line)));
    for line in shown.lines().filter(breakable).filter(|line| !command(line)) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    // Each instance by itself.
    let (_, shown) = on_terminal(80, &[("NO_COLOR", "1")], &["check", "--snapshot", EXAMPLE, "--all", "-v"]);
    assert!(CORE.iter().all(|action| shown.contains(action)));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let sandbox = Sandbox::new();
    let check = ["check", "--snapshot", EXAMPLE];
    let mut runs: BTreeMap<Vec<&str>, i32> = BTreeMap::new();
    for form in ["text", "json", "ndjson", "junit", "sarif", "markdown", "asff", "ocsf"] {
        runs.insert([&check[..], &["--all", "-o", form]].concat(), 1);
        runs.insert([&check[..], &[READY, "-o", form]].concat(), 0);
    }
    runs.insert(vec!["completions", "bash"], 0);
    runs.insert(vec!["schema", "fix"], 0);
    runs.insert(vec!["check", "--help"], 0);
    for (arguments, code) in runs {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output =
            bare(&sandbox, env!("CARGO_BIN_EXE_ssm-profile")).args(&arguments).stdout(writer).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), (Some(code), ""), "{arguments:?}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let sandbox = Sandbox::new();
    for arguments in [
        &["check", "--snapshot", EXAMPLE, READY][..],
        &["--help"],
        &["check", "-h"],
        &["help"],
        &["--version"],
        &["completions", "bash"],
        &["schema", "report"],
    ] {
        let mut command = bare(&sandbox, env!("CARGO_BIN_EXE_ssm-profile"));
        let output = command.args(arguments).stdout(full.try_clone().unwrap()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let told = said.starts_with("error: cannot write");
        assert!(output.status.code() == Some(3) && told, "{arguments:?}: {:?} {said}", output.status);
    }
}

#[test]
fn said_twice_a_flag_means_the_same() {
    let sandbox = Sandbox::new();
    let run = |flags: &[&str]| {
        let mut command = bare(&sandbox, env!("CARGO_BIN_EXE_ssm-profile"));
        let output = command.args(["check", "--snapshot", EXAMPLE, READY]).args(flags).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(run(&["-vv"]), run(&["-v"]));
    assert_eq!(run(&["-v", "--verbose"]), run(&["-v"]));
    assert_eq!(run(&["-qq"]), run(&["-q"]));
    assert_eq!(run(&["-q", "-v"]).0, Some(2));
}

#[test]
fn each_finding_code_is_explained() {
    let sandbox = Sandbox::new();
    let shown = sandbox.run(&["explain", "trust-policy"]).expect(0).stdout;
    assert!(shown.starts_with("trust-policy\n\nThe trust policy of the role "), "{shown}");
    assert!(shown.contains("\n  aws iam get-role --role-name ROLE ") && !shown.contains('\u{1b}'), "{shown}");
    // Folded also where it is no terminal; what is pasted is not.
    let prose = shown.lines().filter(|line| !line.starts_with("  ") && !line.starts_with("- ") && !line.contains('`'));
    assert!(prose.clone().count() > 5 && prose.clone().all(|line| line.len() <= 80), "{shown}");
    let mistake = refused(&["explain", "trust-polcy"]);
    assert!(mistake.contains("`trust-policy`") || mistake.contains("'trust-policy'"), "{mistake}");
}

/// The titles of the sections of a page, in their order.
fn sections(page: &str) -> Vec<&str> {
    page.lines().filter_map(|line| line.strip_prefix(".SH ")).map(|title| title.trim_matches('"')).collect()
}

#[test]
fn each_command_has_a_manual_page() {
    let sandbox = Sandbox::new();
    let page = |arguments: &[&str]| sandbox.run(&[&["man"], arguments].concat()).expect(0).stdout;
    let of_tool = page(&[]);
    for part in [".TH SSM-PROFILE 1", "ssm\\-profile\\-check(1)", "NO_COLOR", ".ssm\\-profile.toml", "SSM_PROFILE_FLAG"]
    {
        assert!(of_tool.contains(part), "{part}: {of_tool}");
    }
    let calls = ["check", "fix", "undo", "snapshot"];
    for command in ["check", "fix", "undo", "config", "explain", "policy", "snapshot", "man", "schema", "completions"] {
        let page = page(&[command]);
        let title = format!(".TH SSM-PROFILE-{} 1", command.to_uppercase());
        assert!(page.contains(&title), "{page}");
        let expected =
            ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "SEE ALSO"];
        let sections = sections(&page);
        assert_eq!(sections.iter().filter(|it| expected.contains(it)).copied().collect::<Vec<_>>(), expected);
        assert_eq!(sections.contains(&"FILES"), !["man", "schema", "completions"].contains(&command), "{command}");
        assert_eq!(page.contains("AWS_PROFILE"), calls.contains(&command), "{command}");
        assert!(page.lines().all(|line| line.trim_end() == line), "{page}");
    }
    let mistake = refused(&["man", "chekc"]);
    assert!(mistake.contains("there is no command `chekc`"), "{mistake}");
}

#[test]
fn a_command_of_another_name_proposes_the_one_that_is_meant() {
    for (typed, meant) in [("apply", Some("ssm-profile fix")), (READY, Some("ssm-profile check")), ("web-1", None)] {
        let said = refused(&[typed]);
        assert_eq!(said.contains("did you mean"), meant.is_some(), "{said}");
        assert!(meant.is_none_or(|meant| said.contains(&format!("did you mean `{meant}"))), "{said}");
    }
}

#[test]
fn a_policy_for_a_misspelled_action_comes_with_a_warning() {
    let output = Sandbox::new().run(&["policy", "--require", "ssm:GetParamter"]).expect(0);
    assert!(output.stderr.contains("did you mean `ssm:GetParameter`?"), "{output:?}");
}
