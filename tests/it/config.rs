//! What is not typed: configuration files, environment variables, and which of them wins.

use std::fs;

use serde_json::{Value, json};

use crate::snapshot::EXAMPLE;
use crate::support::command::{Output, Sandbox};
use crate::support::schema::{Format, read};
use crate::support::stub::{Stub, unknown};
use crate::support::world::{INSTANCE, World};

const PROJECT: &str = ".ssm-profile.toml";
const OWN: &str = ".config/ssm-profile/config.toml";
/// A stopped instance of the example, which is ready with a warning.
const STOPPED: &str = "i-0a1b2c3d400000010";

fn with(files: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, text) in files {
        sandbox.file(name, text);
    }
    sandbox
}

/// What `config` says of a key for a command: the value, and where it comes from.
fn setting(sandbox: &Sandbox, command: &str, key: &str) -> (Value, Value) {
    let shown = config(sandbox, &[command]);
    let all = shown["settings"].as_array().unwrap();
    let found = all.iter().find(|setting| setting["key"] == key);
    let found = found.unwrap_or_else(|| panic!("{command} has `{key}`: {shown:#}"));
    assert_eq!(found["commands"], json!([command]));
    (found["value"].clone(), found["source"].clone())
}

fn config(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let output = sandbox.run(&[&["config", "-o", "json"], arguments].concat()).expect(0);
    read(Format::Config, &output.stdout)
}

fn line(file: &str, line: u32) -> Value {
    json!({"kind": "file", "variable": null, "file": file, "line": line})
}

fn variable(name: &str) -> Value {
    json!({"kind": "environment", "variable": name, "file": null, "line": null})
}

fn built_in() -> Value {
    json!({"kind": "default", "variable": null, "file": null, "line": null})
}

/// The only error of a run that made no call and printed nothing.
fn mistake(sandbox: Sandbox, arguments: &[&str]) -> String {
    let stub = Stub::answering(unknown);
    let output = sandbox.env("AWS_ENDPOINT_URL", &stub.url()).run(arguments).expect(2);
    assert!(stub.calls().is_empty() && output.stdout.is_empty(), "{output:?}");
    let errors: Vec<&str> = output.stderr.lines().filter_map(|line| line.strip_prefix("error: ")).collect();
    let [error] = errors.as_slice() else { panic!("one error: {output:?}") };
    assert!(!error.starts_with(char::is_uppercase) && !error.ends_with('.'), "{error}");
    (*error).to_owned()
}

fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "`{part}` in {said}");
    }
}

/// From the farthest to the nearest: each wins over all before it.
#[test]
fn the_nearest_source_wins() {
    let own = with(&[(OWN, "fail-on = \"warning\"\nrequire = [\"ec2:A\"]\n")]);
    let own_path = own.path().join(OWN).display().to_string();
    assert_eq!(setting(&Sandbox::new(), "check", "fail-on"), (json!("error"), built_in()));
    assert_eq!(setting(&own, "check", "fail-on"), (json!("warning"), line(&own_path, 1)));
    assert_eq!(setting(&own, "check", "require"), (json!(["ec2:A"]), line(&own_path, 2)));

    own.file(
        PROJECT,
        "fail-on = \"error\"\nrequire = \"ec2:B\"\nall = true\n\n[check]\nrequire = [\"ec2:C\", \"ec2:D\"]\n",
    );
    assert_eq!(setting(&own, "check", "fail-on"), (json!("error"), line(PROJECT, 1)));
    // A list takes the place of another one, and a command's own that of the one for all.
    assert_eq!(setting(&own, "check", "require"), (json!(["ec2:C", "ec2:D"]), line(PROJECT, 6)));
    assert_eq!(setting(&own, "fix", "require"), (json!(["ec2:B"]), line(PROJECT, 2)));
    assert_eq!(setting(&own, "snapshot", "all"), (json!(true), line(PROJECT, 3)));

    let set = own
        .env("SSM_PROFILE_FAIL_ON", "warning")
        .env("SSM_PROFILE_REQUIRE", r"ec2:E,ec2:F=a\,b")
        .env("SSM_PROFILE_ALL", "false")
        .env("SSM_PROFILE_TIMEOUT", "7")
        // As if it were not there.
        .env("SSM_PROFILE_KMS_KEY", "");
    assert_eq!(setting(&set, "check", "fail-on"), (json!("warning"), variable("SSM_PROFILE_FAIL_ON")));
    assert_eq!(setting(&set, "check", "require"), (json!(["ec2:E", "ec2:F=a,b"]), variable("SSM_PROFILE_REQUIRE")));
    assert_eq!(setting(&set, "check", "all"), (json!(false), variable("SSM_PROFILE_ALL")));
    assert_eq!(setting(&set, "check", "timeout"), (json!(7), variable("SSM_PROFILE_TIMEOUT")));
    assert_eq!(setting(&set, "check", "kms-key"), (Value::Null, built_in()));
}

/// A variable is for all commands that can use it.
#[test]
fn a_variable_of_other_commands_is_none_of_this_one() {
    let set = Sandbox::new().env("SSM_PROFILE_REGION", "us-east-1,eu-west-1").env("SSM_PROFILE_OUTPUT", "junit");
    assert_eq!(setting(&set, "check", "region").0, json!(["us-east-1", "eu-west-1"]));
    assert_eq!(setting(&set, "policy", "region"), (Value::Null, built_in()));
    assert_eq!(setting(&set, "policy", "output"), (json!("json"), built_in()));
    set.run(&["policy"]).expect(0);
    assert_eq!(setting(&Sandbox::new().env("SSM_PROFILE_REGION", "eu-west-1"), "policy", "region").0, "eu-west-1");
}

/// The same in what a check does, and the flag before all.
#[test]
fn a_setting_does_what_the_flag_does() {
    let check = ["check", "--snapshot", EXAMPLE, STOPPED];
    let warns = || with(&[(PROJECT, "[check]\nfail-on = \"warning\"\n")]);
    Sandbox::new().run(&check).expect(0);
    warns().run(&check).expect(1);
    warns().env("SSM_PROFILE_FAIL_ON", "error").run(&check).expect(0);
    warns().env("SSM_PROFILE_FAIL_ON", "warning").run(&[&check[..], &["--fail-on", "error"]].concat()).expect(0);
    Sandbox::new().env("SSM_PROFILE_FAIL_ON", "warning").run(&check).expect(1);

    let all = with(&[(PROJECT, "all = true\nquiet = true\n")]);
    let quiet = all.run(&["check", "--snapshot", EXAMPLE]);
    // A snapshot is judged as it was taken, and a flag that clap knows to contradict wins.
    assert_eq!(quiet.code, 1);
    assert!(quiet.stdout.lines().all(|line| !line.starts_with(' ')), "{quiet:?}");
    let verbose = all.run(&["check", "--snapshot", EXAMPLE, STOPPED, "-v"]).expect(0);
    assert!(verbose.stdout.contains("permissions"), "{verbose:?}");
    // Behind `--` stand targets.
    all.run(&["check", "--snapshot", EXAMPLE, "--", STOPPED]).expect(0);
}

#[test]
fn a_list_of_the_environment_reaches_the_check() {
    let sandbox = Sandbox::new().env("SSM_PROFILE_REQUIRE", "s3:GetObject=arn:aws:s3:::a/*,ec2:DescribeTags");
    let report = sandbox.run(&["check", "--snapshot", EXAMPLE, STOPPED, "-o", "json"]).report();
    let actions: Vec<&str> = report.results[0].permissions.iter().map(|it| it.action.as_str()).collect();
    assert!(actions.contains(&"s3:GetObject") && actions.contains(&"ec2:DescribeTags"), "{actions:?}");
}

/// Whoever names a target does not want what a file selects.
#[test]
fn a_typed_target_wins_over_a_configured_selection() {
    let text = "all = true\nregion = [\"us-east-1\", \"eu-west-1\"]\naccounts = \"accounts.txt\"\n";
    let own = "assume-role = \"Audit\"\n";
    let stub = World::ready().serve();
    let sandbox = Sandbox::at(&stub);
    sandbox.file(PROJECT, text);
    sandbox.file(OWN, own);
    sandbox.file("accounts.txt", "444455556666\n");
    let report = sandbox.run(&["check", INSTANCE, "-o", "json"]).expect(0).report();
    assert_eq!(report.results.len(), 1);
    assert!(!stub.actions().iter().any(|action| action == "AssumeRole"), "{:?}", stub.actions());
    // Without a target it is the selection, with all that goes with it.
    let whole = sandbox.run(&["check", "-o", "json"]).report();
    let accounts: Vec<_> = whole.results.iter().map(|outcome| outcome.account.as_deref()).collect();
    assert!(accounts.contains(&Some("444455556666")), "{accounts:?}");
}

/// What a fix changes is typed, whatever a file selects for a check.
#[test]
fn no_file_selects_what_a_fix_changes() {
    for (file, text) in
        [(PROJECT, "all = true\n"), (PROJECT, "tag = \"Env=prod\"\nall-regions = true\n"), (OWN, "all = true\n")]
    {
        let said = mistake(with(&[(file, text)]), &["fix", "--yes"]);
        assert_says(&said, &["no target is given"]);
    }
    let said = mistake(Sandbox::new().env("SSM_PROFILE_ALL", "true"), &["fix", "--yes"]);
    assert_says(&said, &["no target is given"]);
    let said = mistake(with(&[(PROJECT, "[fix]\nall = true\n")]), &["fix", INSTANCE]);
    assert_says(&said, &["line 2", "`all`", "what `fix` changes is always typed", "`--all`"]);
}

#[test]
fn a_file_that_was_found_may_not_send_credentials_or_write_elsewhere() {
    for (key, text) in [
        ("endpoint-url", "endpoint-url = \"https://example.com\""),
        ("profile", "profile = \"admin\""),
        ("assume-role", "[check]\nassume-role = \"Admin\""),
        ("backup", "[fix]\nbackup = \"/tmp/b.json\""),
        ("output", "output = \"json=report.json\""),
        ("output", "[check]\noutput = [\"text\", \"json=report.json\"]"),
        ("debug", "debug = true"),
        ("write-baseline", "write-baseline = \"b.toml\""),
        ("snapshot", "[check]\nsnapshot = \"old.json\""),
        ("force-managed-elsewhere", "force-managed-elsewhere = true"),
    ] {
        let lines = text.lines().count();
        for command in
            [&["check", INSTANCE][..], &["fix", INSTANCE, "--dry-run"], &["explain", "trust-policy"], &["config"]]
        {
            let sandbox = with(&[(PROJECT, text)]);
            let own = sandbox.path().join(OWN).display().to_string();
            let said = mistake(sandbox, command);
            assert_says(&said, &[&format!("`{PROJECT}`, line {lines}: `{key}`"), &own, &format!("`--{key}`")]);
        }
        // It holds where the user put it, or pointed at.
        with(&[(OWN, text)]).run(&["config"]).expect(0);
        with(&[("team.toml", text)]).run(&["config", "--config", "team.toml"]).expect(0);
    }
    // Forms on standard output are anybody's to choose.
    with(&[(PROJECT, "output = \"json\"")]).run(&["config"]).expect(0);
}

#[test]
fn only_a_person_or_a_typed_flag_says_yes() {
    for file in [PROJECT, OWN] {
        let said = mistake(with(&[(file, "[fix]\nyes = true\n")]), &["fix", INSTANCE]);
        assert_says(&said, &[file, "line 2", "`yes`", "`--yes`"]);
        let said = mistake(with(&[(file, "yes = false\n")]), &["undo", "backup.json"]);
        assert_says(&said, &[file, "line 1", "`yes`"]);
    }
    for command in [["fix", INSTANCE], ["undo", "backup.json"]] {
        let said = mistake(Sandbox::new().env("SSM_PROFILE_YES", "1"), &command);
        assert_says(&said, &["`SSM_PROFILE_YES`", "`--yes`"]);
    }
}

#[test]
fn an_unknown_key_gets_the_nearest_one_proposed() {
    for (text, parts) in [
        ("\nkms-kye = \"alias/a\"", &["line 2", "`kms-kye`", "did you mean `kms-key`?"][..]),
        ("kms_key = \"alias/a\"", &["line 1", "`kms_key`", "did you mean `kms-key`?"]),
        ("[chekc]\nall = true", &["`[chekc]`", "did you mean `[check]`?"]),
        ("[undo]\nregoin = \"us-east-1\"", &["line 2", "`undo` has no setting `regoin`", "did you mean `region`?"]),
        ("xyzzy = 1", &["`xyzzy`", "`ssm-profile config -v` lists all"]),
        ("[policy]\nfail-on = \"error\"", &["line 2", "`policy` has no setting `fail-on`"]),
        ("config = \"other.toml\"", &["`config`", "which file is read"]),
        ("check = true", &["`check` is a command", "`[check]`"]),
    ] {
        for file in [PROJECT, OWN] {
            let said = mistake(with(&[(file, text)]), &["check", INSTANCE]);
            assert_says(&said, &[&[file][..], parts].concat());
        }
    }
    let output = Sandbox::new().env("SSM_PROFILE_KMSKEY", "alias/a").run(&["config"]).expect(0);
    assert_says(&output.stderr, &["warning: ", "`SSM_PROFILE_KMSKEY`", "`SSM_PROFILE_KMS_KEY`"]);
}

#[test]
fn a_value_that_the_flag_does_not_take_is_refused_with_its_line() {
    for (text, parts) in [
        ("all = \"yes\"", &["line 1", "`all` takes `true` or `false`, and this is a string"][..]),
        ("kms-key = 3", &["`kms-key` takes a string, and this is an integer"]),
        ("timeout = \"30\"", &["`timeout` takes an integer, and this is a string"]),
        ("require = [1]", &["`require` takes a string or an array of strings"]),
        ("[fix]\nwait = \"long\"", &["line 2", "`wait` takes `true`, `false` or an integer"]),
        ("\n\ntimeout = 0", &["line 3", "`timeout`: invalid value '0'", "1..=3600"]),
        ("fail-on = \"warn\"", &["`fail-on`: invalid value 'warn'", "possible values: error, warning", "'warning'"]),
        ("[check]\ncode = \"trust-polcy\"", &["line 2", "`code`: invalid value 'trust-polcy'"]),
        ("a = ", &["line 1", "this is not TOML"]),
        ("verbose = true\nquiet = true", &["`verbose`", "`quiet`", "exclude each other", ":1)", ":2)"]),
    ] {
        let said = mistake(with(&[(PROJECT, text)]), &["check", INSTANCE]);
        assert_says(&said, &[&[PROJECT][..], parts].concat());
    }
    for (name, value, parts) in [
        ("SSM_PROFILE_TIMEOUT", "0", &["invalid value '0'", "1..=3600"][..]),
        ("SSM_PROFILE_TIMEOUT", "long", &["an integer", "`long`"]),
        ("SSM_PROFILE_ALL", "yes", &["`true` or `false`", "`yes`"]),
        ("SSM_PROFILE_FAIL_ON", "warn", &["invalid value 'warn'"]),
    ] {
        let said = mistake(Sandbox::new().env(name, value), &["check", INSTANCE]);
        assert_says(&said, &[&[name][..], parts].concat());
    }
    // What clap lets pass and the plan of the run does not is told with the settings.
    let output = with(&[(PROJECT, "kms-key = \"nonsense\"")]).run(&["check", INSTANCE]).expect(2);
    assert_says(&output.stderr, &["`nonsense`", "`kms-key` (.ssm-profile.toml:1)", "`--config none`"]);
}

/// Of files above the working directory the nearest one holds, alone; names of files in it start where it lies.
#[test]
fn a_file_above_holds() {
    let sandbox = with(&[
        (PROJECT, "kms-key = \"alias/far\"\nfail-on = \"warning\"\n"),
        ("team/.ssm-profile.toml", "kms-key = \"alias/near\"\nbaseline = \"known.toml\"\naccounts = \"org\"\n"),
        ("team/app/deep/file", ""),
    ]);
    let inside = sandbox.path().join("team/app/deep");
    let run = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ssm-profile"));
        command.env_clear().envs(sandbox.variables()).current_dir(&inside).args(["config", "check", "-o", "json"]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        read(Format::Config, &String::from_utf8(output.stdout).unwrap())
    };
    let shown = run();
    let value = |key: &str| {
        let all = shown["settings"].as_array().unwrap();
        all.iter().find(|setting| setting["key"] == key).unwrap()["value"].clone()
    };
    let team = fs::canonicalize(sandbox.path().join("team")).unwrap();
    assert_eq!(value("kms-key"), "alias/near");
    assert_eq!(value("fail-on"), "error");
    assert_eq!(value("baseline"), team.join("known.toml").display().to_string());
    assert_eq!(value("accounts"), "org");
    let files = json!([{"kind": "project", "path": team.join(PROJECT).display().to_string()}]);
    assert_eq!(shown["files"], files);
}

#[test]
fn a_file_that_is_given_holds_alone() {
    let files = [(PROJECT, "fail-on = \"warning\"\n"), (OWN, "show = \"ready\"\n"), ("ci.toml", "timeout = 5\n")];
    let rows = |sandbox: &Sandbox, arguments: &[&str]| {
        let shown = config(sandbox, &[&["check"], arguments].concat());
        let all = shown["settings"].as_array().unwrap().clone();
        ["fail-on", "show", "timeout"]
            .map(|key| all.iter().find(|setting| setting["key"] == key).unwrap()["value"].clone())
    };
    let found = [json!("warning"), json!("ready"), json!(30)];
    let given = [json!("error"), json!("all"), json!(5)];
    let none = [json!("error"), json!("all"), json!(30)];
    let sandbox = with(&files);
    assert_eq!(rows(&sandbox, &[]), found);
    assert_eq!(rows(&sandbox, &["--config", "ci.toml"]), given);
    assert_eq!(rows(&sandbox, &["--config", "none"]), none);
    let by_variable = with(&files).env("SSM_PROFILE_CONFIG", "ci.toml");
    assert_eq!(rows(&by_variable, &[]), given);
    assert_eq!(rows(&by_variable, &["--config", "none"]), none);
    assert_eq!(rows(&with(&files).env("SSM_PROFILE_CONFIG", "none"), &[]), none);
    for arguments in [&["check", INSTANCE, "--config", "missing.toml"][..], &["config", "--config", ""]] {
        assert_says(&mistake(with(&files), arguments), &["cannot read `"]);
    }
    // It has to be repeated in a command that is proposed; what lies in the directory holds again by itself.
    let fix = |sandbox: &Sandbox, flags: &[&str]| {
        let report = [&["check", "--snapshot", EXAMPLE, "--all"], flags].concat();
        let text = sandbox.run(&report).expect(1).stdout;
        text.lines().find(|line| line.trim_start().starts_with("fix: ssm-profile fix ")).unwrap().to_owned()
    };
    let sandbox =
        with(&[(PROJECT, "require = \"ec2:DescribeTags\"\n"), ("ci.toml", "require = \"ec2:DescribeTags\"\n")]);
    assert!(!fix(&sandbox, &[]).contains("--require"), "{}", fix(&sandbox, &[]));
    assert_says(&fix(&sandbox, &["--config", "ci.toml"]), &["--config ci.toml"]);
    assert_says(&fix(&sandbox, &["--require", "ec2:DescribeTags"]), &["--require ec2:DescribeTags"]);
    // A fix would not know what stands in the table of another command.
    let sandbox = with(&[(PROJECT, "[check]\nrequire = \"ec2:DescribeTags\"\n")]);
    assert_says(&fix(&sandbox, &[]), &["--require ec2:DescribeTags"]);
}

#[test]
fn a_file_that_cannot_be_read_is_a_mistake() {
    use std::os::unix::fs::symlink;

    let directory = with(&[(".ssm-profile.toml/x", "")]);
    assert_says(
        &mistake(directory, &["check", INSTANCE]),
        &["`.ssm-profile.toml`", "not a regular file", "--config none"],
    );
    let dangling = Sandbox::new();
    symlink("nowhere.toml", dangling.path().join(PROJECT)).unwrap();
    assert_says(&mistake(dangling, &["check", INSTANCE]), &["cannot read `.ssm-profile.toml`", "--config none"]);
    let large = with(&[(OWN, &format!("# {}\n", "x".repeat(1 << 20)))]);
    assert_says(&mistake(large, &["check", INSTANCE]), &["config.toml", "larger than 1 MiB"]);
    let foreign = Sandbox::new();
    fs::write(foreign.path().join(PROJECT), b"kms-key = \"\xff\"").unwrap();
    assert_says(&mistake(foreign, &["check", INSTANCE]), &["not UTF-8"]);
    // Only an administrator can stage it; what decides has a test of its own.
    let planted = with(&[(PROJECT, "quiet = true\n")]);
    if std::os::unix::fs::chown(planted.path().join(PROJECT), Some(54_321), None).is_ok() {
        assert_says(
            &mistake(planted, &["check", INSTANCE]),
            &["`.ssm-profile.toml` belongs to another user", "`--config`"],
        );
    }
    // A link is followed, and what it leads to was found all the same.
    let linked = with(&[("elsewhere.toml", "debug = true\n")]);
    symlink("elsewhere.toml", linked.path().join(PROJECT)).unwrap();
    assert_says(&mistake(linked, &["check", INSTANCE]), &["`debug`", "line 1"]);
    let linked = with(&[("elsewhere.toml", "fail-on = \"warning\"\n")]);
    symlink("elsewhere.toml", linked.path().join(PROJECT)).unwrap();
    assert_eq!(setting(&linked, "check", "fail-on"), (json!("warning"), line(PROJECT, 1)));
    // What prints the same everywhere reads nothing.
    let broken = with(&[(PROJECT, "=")]);
    for command in [&["man"][..], &["schema", "config"], &["completions", "bash"], &["check", "--help"], &["--version"]]
    {
        broken.run(command).expect(0);
    }
    broken.run(&["check", "--snapshot", EXAMPLE, STOPPED, "--config", "none"]).expect(0);
}

#[test]
fn settings_are_shown_for_people() {
    let sandbox = with(&[
        (
            PROJECT,
            "kms-key = \"alias/sessions\"\nregion = [\"eu-west-1\", \"us-east-1\"]\n\n[check]\nfail-on = \"warning\"\n",
        ),
        (OWN, "endpoint-url = \"https://me:hidden-word@example.com/\"\n"),
    ]);
    let Output { stdout, stderr, .. } =
        sandbox.env("SSM_PROFILE_TIMEOUT", "9").run(&["config", "--color", "never"]).expect(0);
    assert_eq!(stderr, "");
    assert!(!stdout.contains("hidden-word") && stdout.contains("https://REDACTED@example.com/"), "{stdout}");
    let row = |key: &str| {
        let rows = stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        rows.filter(|row| row.split(' ').next() == Some(key)).collect::<Vec<_>>()
    };
    assert!(stdout.starts_with("project file  .ssm-profile.toml\nuser file     /"), "{stdout}");
    assert_eq!(row("kms-key"), ["kms-key \"alias/sessions\" .ssm-profile.toml:1 check fix policy snapshot"]);
    assert_eq!(row("fail-on"), ["fail-on \"warning\" .ssm-profile.toml:5 check", "fail-on \"error\" default fix"]);
    assert_eq!(row("region"), [r#"region ["eu-west-1", "us-east-1"] .ssm-profile.toml:2 check fix undo snapshot"#]);
    assert_eq!(row("timeout"), ["timeout 9 SSM_PROFILE_TIMEOUT check fix undo snapshot"]);
    assert_eq!(row("color"), ["color \"never\" flag check fix undo policy snapshot explain"]);
    assert_eq!(row("assume-role"), [""; 0]);
    let said = mistake(Sandbox::new(), &["config", "chekc"]);
    assert_says(&said, &["`chekc`", "did you mean `check`?"]);
    let none = Sandbox::new().run(&["config"]).expect(0).stdout;
    assert!(none.starts_with("no configuration file\n"), "{none}");
}

/// A change follows what others may have written, so that it is said.
#[test]
fn a_fix_names_the_settings_of_a_file_that_was_found() {
    let stub = World::ready().serve();
    let sandbox = Sandbox::at(&stub);
    sandbox.file(PROJECT, "policy-name = \"Team\"\n");
    for arguments in [&["fix", INSTANCE, "--dry-run"][..], &["fix", "role/"]] {
        let said = sandbox.run(arguments).stderr;
        assert_eq!(said.matches("`policy-name` (.ssm-profile.toml:1)").count(), 1, "{said}");
    }
    let said = sandbox.run(&["fix", INSTANCE, "--dry-run", "--config", "none"]).stderr;
    assert!(!said.contains("policy-name"), "{said}");
}

/// The tests run in a home of their own: no file of whoever runs them gets in.
#[test]
fn no_file_of_a_developer_gets_into_a_test() {
    let sandbox = Sandbox::new();
    let shown = config(&sandbox, &[]);
    assert_eq!(shown["files"], json!([]));
    let all = shown["settings"].as_array().unwrap();
    assert!(all.iter().all(|setting| setting["source"] == built_in()), "{shown:#}");
    for name in ["HOME", "XDG_CONFIG_HOME"] {
        assert!(std::path::Path::new(&sandbox.variables()[name]).starts_with(sandbox.path()), "{name}");
    }
}

#[test]
fn a_working_directory_that_was_removed_has_no_file() {
    let sandbox = with(&[("gone/.ssm-profile.toml", "=")]);
    let script = "cd gone && rm .ssm-profile.toml && rmdir \"$PWD\" && exec \"$0\" config";
    let mut command = std::process::Command::new("sh");
    command.env_clear().envs(sandbox.variables()).current_dir(sandbox.path());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let output = command.args(["-c", script, env!("CARGO_BIN_EXE_ssm-profile")]).output().unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"no configuration file\n"), "{output:?}");
}
