//! What goes wrong in the first hour, and what is said then: one error with the next command, commands that work as they stand, and a
//! terminal that stays in order.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::fix_command_line::{lacking, with_caller};
use crate::support::answer::Answer;
use crate::support::chains::{OWN, POLICY, PUT};
use crate::support::command::{Output, Sandbox};
use crate::support::stub::Stub;
use crate::support::world::{INSTANCE, World};

fn says(text: &str, expected: &[&str]) {
    for expected in expected {
        assert!(text.contains(expected), "`{expected}` not in {text}");
    }
}

/// No credentials but those of files: `keys` has some, `corp` and `team` are of IAM Identity Center, `made` and `old` of a process.
fn with_files() -> Sandbox {
    let sandbox = Sandbox::new()
        .without("AWS_ACCESS_KEY_ID")
        .without("AWS_SECRET_ACCESS_KEY")
        .without("AWS_ENDPOINT_URL")
        .env("AWS_MAX_ATTEMPTS", "1");
    sandbox.file(
        ".aws/config",
        "[profile keys]\nregion = us-east-1\n\
         [profile corp]\nsso_start_url = https://corp.example/start\nsso_region = us-east-1\nsso_account_id = 111122223333\n\
         sso_role_name = Admin\n\
         [sso-session team]\nsso_start_url = https://team.example/start\nsso_region = us-east-1\n\
         [profile team]\nsso_session = team\nsso_account_id = 111122223333\nsso_role_name = Admin\n\
         [profile old]\ncredential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"B\", \
         \"Expiration\": \"2020-01-01T00:00:00Z\"}'\n",
    );
    sandbox
        .file(".aws/credentials", "[keys]\naws_access_key_id = 111122223333\naws_secret_access_key = not-a-secret\n");
    sandbox
}

/// One error, no report.
fn one_error(output: Output, code: i32) -> String {
    let output = output.expect(code);
    assert_eq!(output.stdout, "", "{output:?}");
    assert!(output.stderr.starts_with("error: ") && output.stderr.matches("error:").count() == 1, "{output:?}");
    for word in ["os error", "lookup address", "tcp connect", "dns error", "Error {"] {
        assert!(!output.stderr.contains(word), "`{word}` in {output:?}");
    }
    output.stderr
}

#[test]
fn every_printed_command_carries_what_the_run_was_given() {
    let stub = with_caller(lacking()).serve();
    let (sandbox, url) = (with_files(), stub.url());
    let way = ["--profile", "keys", "--endpoint-url", &url, "--region", "us-east-1"];
    let check = |more: &[&str]| sandbox.run(&[&["check", "role/web"][..], &way, more].concat()).expect(1);
    let fix = format!("ssm-profile fix role/web --region us-east-1 --profile keys --endpoint-url {url}");
    says(&check(&[]).stdout, &[&format!("run `{fix}`, or ")]);
    let report = check(&["-o", "json"]).json();
    says(&report["results"][0]["findings"].to_string(), &[&fix]);
    let key = "arn:aws:kms:us-east-1:111122223333:key/11112222-3333-4444-5555-666677778888";
    says(&check(&["--kms-key", key]).stdout, &[&format!("`{fix} --kms-key {key}`")]);

    // What the AWS CLI is given for.
    let emitted = sandbox.run(&[&["fix", "role/web", "--emit", "cli"][..], &way].concat()).expect(0).stdout;
    let writes: Vec<&str> = emitted.lines().filter(|line| line.starts_with("aws ")).collect();
    assert!(!writes.is_empty(), "{emitted}");
    let account = emitted.lines().find(|line| line.contains("aws sts get-caller-identity"));
    for command in writes.into_iter().chain(account) {
        says(command, &["--profile keys", &format!("--endpoint-url {url}")]);
    }
    let without = Sandbox::at(&stub).run(&["fix", "role/web", "--emit", "cli"]).expect(0).stdout;
    assert!(!without.contains("--profile") && !without.contains("--endpoint-url"), "{without}");

    let fixed = sandbox.run(&[&["fix", "role/web", "--yes"][..], &way].concat()).expect(0).stdout;
    let undo = fixed.lines().find_map(|line| line.strip_prefix("undo    ")).unwrap();
    says(undo, &["--profile keys", "--region us-east-1", &format!("--endpoint-url {url}")]);
    // As it stands.
    let words: Vec<&str> = undo.split(' ').skip(1).chain(["--yes"]).collect();
    sandbox.run(&words).expect(0);
    assert!(stub.role("web").unwrap().inline.is_empty());
}

fn age(file: &str) {
    let mut backup: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    backup["taken_at"] = json!("2026-01-01T00:00:00Z");
    fs::write(file, backup.to_string()).unwrap();
}

#[test]
fn the_last_backup_passes_over_what_has_nothing_left() {
    let stub = (PUT.world)().serve();
    let sandbox = Sandbox::at(&stub);
    let first = PUT.fix_with(&sandbox, &[]).expect(0).backup.unwrap();
    let fixed = stub.role("web").unwrap().document(POLICY).unwrap().to_owned();
    let set = |inline: &[(&str, &str)]| {
        let inline: Vec<(String, String)> =
            inline.iter().map(|(name, document)| ((*name).to_owned(), (*document).to_owned())).collect();
        stub.world(|world| world.roles[0].inline = inline);
    };
    set(&[(POLICY, OWN)]);
    let second = PUT.fix_with(&sandbox, &["--policy-name", "Second"]).expect(0).backup.unwrap();
    assert_ne!(first, second);
    // Somebody deletes what the second fix added, and puts back what the first one made.
    set(&[(POLICY, &fixed)]);
    let left = |file: &str| {
        let rows = sandbox.run(&["undo", "--list", "-o", "json"]).expect(0).json();
        rows["backups"].as_array().unwrap().iter().find(|row| row["file"] == json!(file)).unwrap()["left"].clone()
    };
    // Nothing older is taken for what may only not be seen yet, and that is said.
    let young = sandbox.run(&["undo", "--last", "--yes"]).expect(0);
    says(&young.stderr, &["less than ten minutes old", "`ssm-profile undo --list`"]);
    assert_eq!((left(&first), left(&second)), (json!(1), json!(1)));
    age(&second);
    // Nobody has agreed to anything in a dry run.
    sandbox.run(&["undo", "--last", "--dry-run"]).expect(1);
    assert_eq!((left(&first), left(&second)), (json!(1), json!(1)));
    let undone = sandbox.run(&["undo", "--last", "--yes"]).expect(0);
    says(&undone.stderr, &[&format!("nothing is left to undo of `{second}`"), &format!("undoing `{first}`")]);
    assert_eq!((left(&first), left(&second)), (json!(0), json!(0)));
    assert_eq!(stub.role("web").unwrap().document(POLICY), Some(OWN));
}

const COMMANDS: [&[&str]; 6] = [
    &["check", "--all"],
    &["check", "--all", "-o", "ndjson"],
    &["check", "role/web", "-o", "json"],
    &["check", INSTANCE],
    &["fix", "--all", "--yes"],
    &["snapshot", "--all"],
];

#[test]
fn credentials_that_have_expired_are_one_error() {
    let stub = Stub::answering(|call| Answer::expired(call.protocol()));
    let url = stub.url();
    for command in COMMANDS {
        let of = |more: &[&str]| {
            let sandbox = with_files();
            one_error(sandbox.run(&[command, &["--endpoint-url", &url], more].concat()), 3)
        };
        says(&of(&["--profile", "keys"]), &["they have expired (ExpiredToken", "`aws configure --profile keys`"]);
    }
    // Two Regions, and neither can be read.
    let both = ["check", "--all", "--region", "us-east-1,eu-west-1"];
    says(&one_error(Sandbox::at(&stub).run(&both), 3), &["they have expired", "`AWS_ACCESS_KEY_ID`"]);
    let file = "old.json";
    let sandbox = Sandbox::at(&stub);
    let old = sandbox.file(file, "{}");
    sandbox.run(&["check", "--all", "-o", &format!("json={file}")]).expect(3);
    assert!(!old.exists());
}

#[test]
fn a_way_to_aws_that_is_none_is_one_error() {
    for command in COMMANDS {
        let sandbox = Sandbox::new().env("AWS_MAX_ATTEMPTS", "1");
        let error = one_error(sandbox.run(command), 3);
        says(&error, &["no connection to `http://127.0.0.1:9`", "`--endpoint-url`"]);
    }
    // One account of several, or one Region, is a result beside the others.
    let stub = World::ready().fail_in("DescribeInstances", "eu-west-1", Answer::Closed).serve();
    let report = Sandbox::at(&stub)
        .env("AWS_MAX_ATTEMPTS", "1")
        .run(&["check", "--all", "--region", "us-east-1,eu-west-1", "-o", "json"])
        .expect(3)
        .report();
    assert_eq!((report.summary.checked, report.summary.ready, report.summary.unknown), (2, 1, 1));
}

#[test]
fn a_region_that_there_is_none_of_is_told_with_the_nearest() {
    // Nothing answers: as for a name that there is none of.
    let sandbox = || {
        Sandbox::new().without("AWS_ENDPOINT_URL").env("HTTPS_PROXY", "http://127.0.0.1:9").env("AWS_MAX_ATTEMPTS", "1")
    };
    for command in COMMANDS {
        let error = one_error(sandbox().run(&[command, &["--region", "us-esat-1"]].concat()), 3);
        says(&error, &["`us-esat-1`", "did you mean `--region us-east-1`?"]);
    }
    for output in [
        sandbox().run(&["check", "--all", "--region", "US-EAST-1"]),
        sandbox().env("AWS_REGION", "US-EAST-1").run(&["check", "--all"]),
        sandbox().env("SSM_PROFILE_REGION", "US-EAST-1").run(&["check", "--all"]),
    ] {
        let output = output.expect(2);
        assert_eq!(output.stdout, "");
        says(&output.stderr, &["error: `US-EAST-1` is not a Region; did you mean `us-east-1`?"]);
    }
}

#[test]
fn nothing_read_is_no_snapshot() {
    let stub = World::ready().hook(|call| Some(Answer::denied(&call.action))).serve();
    let error = one_error(Sandbox::at(&stub).run(&["snapshot", "--all"]), 3);
    says(&error, &["nothing could be read, so there is no snapshot", "ec2:DescribeInstances"]);
    // What is not there was read.
    let stub = World::ready().serve();
    assert!(!Sandbox::at(&stub).run(&["snapshot", "role/nobody"]).stdout.is_empty());
}

#[test]
fn what_keeps_a_profile_from_giving_credentials_is_named() {
    for profile in ["corp", "team"] {
        let error = one_error(with_files().run(&["check", "--all", "--profile", profile]), 3);
        says(&error, &["nobody is signed in", &format!("run `aws sso login --profile {profile}`")]);
        assert!(!error.contains("no such file"), "{error}");
    }
    let error = one_error(with_files().run(&["check", "--all", "--profile", "old"]), 3);
    says(&error, &["expired at 2020-01-01T00:00:00Z", "`credential_process` of the profile `old`"]);
    let none = one_error(with_files().run(&["check", "--all"]), 3);
    says(&none, &["no AWS credentials found; run `aws configure` or `aws sso login`, or give `--profile`"]);
    let none = one_error(with_files().env("AWS_PROFILE", "bare").run(&["check", "--all"]), 2);
    says(&none, &["the profile `bare` is in none of"]);

    let broken = with_files();
    broken.file(".aws/config", "[profile keys]\nregion us-east-1\n");
    for sandbox in [broken, {
        let with_keys = Sandbox::new();
        with_keys.file(".aws/config", "[profile keys]\nregion us-east-1\n");
        with_keys
    }] {
        let error = one_error(sandbox.run(&["check", "--all"]), 3);
        says(&error, &[".aws/config on line 2"]);
        assert!(!error.contains("sso login"), "{error}");
    }
}

#[test]
fn an_unknown_profile_is_one_mistake_wherever_it_is_named() {
    let expected = ["the profile `kyes`", "`~/.aws/config` and `~/.aws/credentials`", "did you mean `keys`?"];
    let with_keys =
        || with_files().env("AWS_ACCESS_KEY_ID", "111122223333").env("AWS_SECRET_ACCESS_KEY", "not-a-secret");
    for output in [
        with_files().run(&["check", "--all", "--profile", "kyes"]),
        with_files().env("AWS_PROFILE", "kyes").run(&["check", "--all"]),
        with_files().env("AWS_DEFAULT_PROFILE", "kyes").run(&["check", "--all"]),
        with_files().env("SSM_PROFILE_PROFILE", "kyes").run(&["check", "--all"]),
        // As for the AWS CLI, also where the environment has keys.
        with_keys().env("AWS_PROFILE", "kyes").run(&["check", "--all"]),
    ] {
        let output = output.expect(2);
        assert_eq!(output.stdout, "");
        says(&output.stderr, &expected);
        assert!(!output.stderr.contains("--config none"), "{output:?}");
    }
    let sandbox = with_files();
    sandbox.file("settings.toml", "profile = \"kyes\"\n");
    says(
        &sandbox.run(&["check", "--all", "--config", "settings.toml"]).expect(2).stderr,
        &["`--config none` ignores files"],
    );
}

/// What stands on a screen of 80 columns at the end.
fn screen(written: &str) -> Vec<String> {
    let (mut rows, mut row, mut column) = (vec![Vec::<char>::new()], 0_usize, 0_usize);
    let mut letters = written.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => (row, column) = (row + 1, 0),
            '\r' => column = 0,
            '\u{8}' => column = column.saturating_sub(1),
            '\u{1b}' if letters.next_if_eq(&'[').is_some() => {
                let mut digits = String::new();
                let end = loop {
                    match letters.next() {
                        Some(letter) if letter.is_ascii_alphabetic() => break letter,
                        Some(letter) => digits.push(letter),
                        None => break 'm',
                    }
                };
                let number = digits.parse::<usize>();
                match end {
                    'A' => row = row.saturating_sub(number.unwrap_or(1)),
                    'B' => row += number.unwrap_or(1),
                    'C' => column += number.unwrap_or(1),
                    'D' => column = column.saturating_sub(number.unwrap_or(1)),
                    'G' => column = number.unwrap_or(1) - 1,
                    'K' if number == Ok(2) => rows[row].clear(),
                    'K' => rows[row].truncate(column),
                    'J' => {
                        rows[row].truncate(column);
                        rows.truncate(row + 1);
                    }
                    _ => {}
                }
            }
            letter if letter.is_control() => {}
            letter => {
                if column >= 80 {
                    (row, column) = (row + 1, 0);
                }
                rows.resize(rows.len().max(row + 1), Vec::new());
                let line = &mut rows[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = letter;
                column += 1;
            }
        }
        rows.resize(rows.len().max(row + 1), Vec::new());
    }
    rows.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned()).collect()
}

#[test]
fn no_line_of_progress_stays() {
    let stub = (PUT.world)().spoil("GetRole", |_, answer| answer.after(Duration::from_millis(700))).serve();
    let shown = Sandbox::at(&stub).run_on_terminal(&["fix", INSTANCE], &[("Apply 1 change", "y\r")]).expect(0).stdout;
    // It was to be seen, and is gone.
    says(&shown, &["reading AWS"]);
    let lines = screen(&shown);
    for word in ["reading AWS", "checking again", "making changes"] {
        assert!(!lines.iter().any(|line| line.contains(word)), "{word}: {lines:#?}");
    }
    assert!(!shown.contains(" 0 calls"), "{shown}");

    // A call with a long name on a narrow line.
    let role = "r".repeat(64);
    let mut world = lacking();
    world.roles[0].name.clone_from(&role);
    world.profiles[0].role = Some(role.clone());
    let stub = world.spoil("PutRolePolicy", |_, answer| answer.after(Duration::from_millis(700))).serve();
    let target = format!("role/{role}");
    let shown = Sandbox::at(&stub).run_on_terminal(&["fix", &target, "--yes"], &[]).expect(0).stdout;
    says(&shown, &["PutRolePolicy"]);
    assert!(!screen(&shown).iter().any(|line| line.contains("PutRolePolicy arn:")), "{:#?}", screen(&shown));
}

#[test]
fn what_is_to_be_copied_is_never_broken() {
    let stub = (PUT.world)().serve();
    let sandbox = Sandbox::at(&stub);
    let directory = format!("{}-{}", "long".repeat(10), "name".repeat(10));
    let file = sandbox.file(&format!("{directory}/.keep"), "").with_file_name("backup.json").display().to_string();
    let shown = sandbox.run_on_terminal(&["fix", INSTANCE, "--yes", "--backup", &file], &[]).expect(0).stdout;
    assert!(shown.contains(&format!("backup\u{1b}[0m  {file}\n")), "{shown}");
    says(&shown, &[&format!("ssm-profile undo {file}\n")]);
    assert!(Path::new(&file).exists());
}

#[test]
fn an_interrupted_question_gets_a_line_of_its_own() {
    let stub = (PUT.world)().serve();
    let dialogue = [("Apply 1 change", "\u{3}")];
    let shown = Sandbox::at(&stub).run_on_terminal(&["fix", INSTANCE], &dialogue).expect(130).stdout;
    let lines = screen(&shown);
    assert!(lines.iter().any(|line| line == "error: interrupted; nothing was changed"), "{lines:#?}");
    let last = shown.rfind("Apply 1 change").unwrap();
    assert!(shown[last..].contains('\n'), "{shown}");
}

#[test]
fn a_check_that_is_interrupted_says_no_more() {
    let stub = World::ready().spoil("GetRole", |_, answer| answer.after(Duration::from_secs(20))).serve();
    let running = Sandbox::at(&stub).start(&["check", INSTANCE], b"");
    while stub.calls_of("GetRole").is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    running.interrupt();
    assert_eq!(running.wait().expect(130).stderr, "error: interrupted\n");
}

#[test]
fn the_picker_says_how_it_works_and_that_nothing_matches() {
    let stub = World::ready().serve();
    let dialogue = [("type to search", "zzz"), ("no match", "\u{3}")];
    let shown = Sandbox::at(&stub).run_on_terminal(&["check"], &dialogue).expect(130).stdout;
    says(&shown, &["arrow keys", "Esc"]);
    let dialogue = [("type to search", &INSTANCE[..6]), (INSTANCE, "\r")];
    let shown = Sandbox::at(&stub).run_on_terminal(&["check"], &dialogue).expect(0).stdout;
    assert!(!shown.contains("no match"), "{shown}");
}
