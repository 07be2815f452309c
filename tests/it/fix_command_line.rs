//! `fix` and `undo` at the command line: mistakes, help, completions, targets, failures on the way to AWS, terminals, and
//! text that others have chosen.

use serde_json::{Value, json};

use crate::command_line::refused_with;
use crate::support::answer::Answer;
use crate::support::command::{Output, Sandbox};
use crate::support::model::{CORE, EC2_TRUST, Instance, Profile, Role};
use crate::support::stub::Stub;
use crate::support::world::{ACCOUNT, INSTANCE, World};
use crate::support::xml;

const OTHER: &str = "i-00000000000000002";

/// The instance of a ready world, whose role may do nothing.
pub fn lacking() -> World {
    let mut world = World::ready();
    world.roles = vec![Role::new("web")];
    world
}

/// Lets the account say whose credentials are used, as `undo` asks.
pub fn with_caller(world: World) -> World {
    let account = world.account.clone();
    let inner = xml::element("Account", account) + &xml::element("Arn", "arn:aws:iam::111122223333:user/tester");
    world.fail("GetCallerIdentity", Answer::xml(xml::iam("GetCallerIdentity", inner)))
}

/// A backup that says that `fix` has changed this thing so.
fn backup_of(thing: Value, before: Value, after: Value) -> String {
    json!({"backup_version": 1, "taken_at": "2026-01-01T00:00:00Z", "changes": [
        {"progress": "made", "change": {"thing": thing, "before": before, "after": after}}
    ]})
    .to_string()
}

/// A backup that says that `fix` has put an inline policy on a role.
fn backup_of_policy(role: &str, name: &str, document: &str) -> String {
    backup_of(json!({"inline_policy": {"role": role, "name": name}}), json!("absent"), json!({"document": document}))
}

/// A policy as a fix writes it.
fn granting(resource: &str) -> String {
    let statement = json!({"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": resource});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

/// No line of what a program says shows what the program is made of.
fn speaks_plainly(output: &Output) {
    for internal in
        ["panicked", "RUST_BACKTRACE", "Error(", "Err(", "Error {", "Some(", "Ok(", "None)", "DispatchFailure"]
    {
        for text in [&output.stdout, &output.stderr] {
            assert!(!text.contains(internal), "`{internal}` in {output:?}");
        }
    }
}

fn says(text: &str, expected: &[&str]) {
    let missing: Vec<&&str> = expected.iter().filter(|expected| !text.contains(**expected)).collect();
    assert!(missing.is_empty(), "{missing:?} not in {text}");
}

/// Help helps where what was typed is wrong, and not where a file is.
fn hints_at_help(said: &str) {
    let is_usage = !said.contains("error: cannot ") && !said.contains("backup");
    assert!(!is_usage || said.contains("--help"), "{said}");
    assert!(!said.contains("error: cannot ") || !said.contains("--help"), "{said}");
}

#[test]
fn each_mistake_in_a_fix_is_named_with_what_to_do() {
    let long = "a".repeat(65);
    let longer = "a".repeat(129);
    for (arguments, expected) in [
        (&["fix", "mi-0123456789abcdef0"][..], &["`mi-0123456789abcdef0`", "`role/NAME`"][..]),
        (&["fix", "instance-profile/web"], &["`instance-profile/web`", "`profile/web`"]),
        (&["fix", "role/web", "--emti", "cli"], &["'--emti'", "'--emit'"]),
        (&["fix", "role/web", "--emit", "teraform"], &["'teraform'", "'terraform'"]),
        (&["fix", "role/web", "--emit", "pulumi"], &["cli, terraform, cloudformation"]),
        (&["fix", "role/web", "-o", "sarif"], &["text, json"]),
        (&["fix", "role/web", "--policy-name", "a b"], &["`a b`", "1 to 128", "`_+=,.@-`"]),
        (&["fix", "role/web", "--policy-name", ""], &["``", "1 to 128"]),
        (&["fix", "role/web", "--policy-name", &longer], &[&longer, "1 to 128"]),
        (&["fix", "role/web", "--create-profile", "a/b"], &["`a/b`", "1 to 64", "`_+=,.@-`"]),
        (&["fix", "role/web", "--create-profile", &long], &[&long, "1 to 64"]),
        (&["fix", "role/web", "--snapshot", "snapshot.json"], &["`--dry-run`", "`--emit`", "`--snapshot`"]),
        (&["fix", "role/web", "--emit", "cli", "-o", "json"], &["`--emit`", "`--output`"]),
        (&["fix", "role/web", "--all"], &["[TARGET]", "'--all'"]),
        (&["fix", "role/web", "-q", "-v"], &["'--quiet'", "'--verbose'"]),
        (&["fix", "role/web", "--region", "us-east-1", "--region", "eu-west-1"], &["`--region`", "`--all`"]),
        (&["fix", "role/web", "--region", "us-east-1a"], &["`us-east-1a`", "`us-east-1`"]),
        (&["fix", "role/web", "--kms-key", "key"], &["`key`", "`alias/NAME`"]),
        (&["fix", "role/web", "--context", "aws:SourceVpce"], &["`aws:SourceVpce`", "KEY=VALUE"]),
        (&["fix", "--dry-run", "--snapshot", "-", "--scp", "-"], &["(`-`)", "files"]),
        (&["fix", "--dry-run", "--snapshot", "broken.json"], &["`broken.json`", "`ssm-profile snapshot`"]),
        (&["fix", "--dry-run", "--snapshot", "newer.json"], &["`newer.json`", "version 99", "newer `ssm-profile`"]),
        (
            &["fix", "role/web", "--yes", "--backup", "broken.json"],
            &["`broken.json`", "never overwrites a file", "another name"],
        ),
        (&["fix", "role/web", "--yes", "--backup", "-"], &["`-`", "a new file"]),
        (&["fix", "role/web", "--yes", "--backup", ""], &["``", "a new file"]),
        (&["fix", "role/web", "--yes", "--backup", "no/b.json"], &["`no/b.json`", "no directory `no`", "make it"]),
        (&["fix", "role/web", "--yes", "--backup", "broken.json/b.json"], &["no directory `broken.json`"]),
        (&["fix", "role/web", "--yes", "--endpoint-url", "nowhere"], &["`nowhere`", "`https://HOST:PORT`"]),
        (&["fix", "role/web", "--yes", "--profile", "nobody"], &["`nobody`"]),
    ] {
        let files = [("broken.json", "not JSON"), ("newer.json", r#"{"snapshot_version": 99}"#)];
        let said = refused_with(&files, arguments);
        says(&said, expected);
        hints_at_help(&said);
    }
}

#[test]
fn each_mistake_in_an_undo_is_named_with_what_to_do() {
    let role = "arn:aws:iam::111122223333:role/web";
    let absent = json!("absent");
    let attached = backup_of(json!({"role": role}), absent.clone(), json!("attached"));
    let bucket = backup_of_policy("arn:aws:s3:::web", "X", "{}");
    let user = backup_of_policy("arn:aws:iam::111122223333:user/web", "X", "{}");
    let profile = backup_of(json!({"role_of_profile": role}), absent.clone(), json!({"holds": role}));
    let no_arn = backup_of_policy("web", "X", "{}");
    let stray = json!({"backup_version": 1, "taken_at": "2026-01-01T00:00:00Z", "changes": [], "more": 1}).to_string();
    let empty = json!({"backup_version": 1, "taken_at": "2026-01-01T00:00:00Z", "changes": []}).to_string();
    let not_yet = json!({"backup_version": 1, "taken_at": "yesterday", "changes": []}).to_string();
    let files = [
        ("text.json", "not JSON"),
        ("array.json", "[]"),
        ("report.json", r#"{"schema_version": 1}"#),
        ("newer.json", r#"{"backup_version": 2, "changes": "in another form"}"#),
        ("attached.json", &attached),
        ("bucket.json", &bucket),
        ("user.json", &user),
        ("profile.json", &profile),
        ("no-arn.json", &no_arn),
        ("stray.json", &stray),
        ("empty.json", &empty),
        ("time.json", &not_yet),
    ];
    for (arguments, expected) in [
        (&["undo"][..], &["a backup file", "`--last`", "`--list`"][..]),
        (&["undo", "text.json", "--yess"], &["'--yess'", "'--yes'"]),
        (&["undo", "text.json", "array.json"], &["'array.json'"]),
        (&["undo", "text.json", "--emit", "cli"], &["'--emit'"]),
        (&["undo", "text.json", "-o", "junit"], &["text, json"]),
        (&["undo", "missing.json"], &["`missing.json`", "no such file", "check the path"]),
        (&["undo", "/"], &["`/`", "directory", "check the path"]),
        (&["undo", "-"], &["`-`", "pass the backup file"]),
        (&["undo", "text.json"], &["`text.json`", "`ssm-profile fix`", "pass the backup file"]),
        (&["undo", "array.json"], &["`array.json`", "pass the backup file"]),
        (&["undo", "report.json"], &["`report.json`", "pass the backup file"]),
        (&["undo", "newer.json"], &["`newer.json`", "version 2", "version 1", "use the `ssm-profile` that wrote it"]),
        (&["undo", "attached.json"], &["`attached.json`", "no call of AWS", "pass the backup file"]),
        (&["undo", "bucket.json"], &["`arn:aws:s3:::web`", "`arn:PARTITION:iam::ACCOUNT:role/NAME`"]),
        (&["undo", "user.json"], &["user/web`", "`arn:PARTITION:iam::ACCOUNT:role/NAME`"]),
        (&["undo", "profile.json"], &["`arn:PARTITION:iam::ACCOUNT:instance-profile/NAME`"]),
        (&["undo", "no-arn.json"], &["`web` is not an ARN"]),
        (&["undo", "stray.json"], &["`more`", "pass the backup file"]),
        (&["undo", "empty.json"], &["no account", "pass the backup file"]),
        (&["undo", "time.json"], &["`time.json`", "pass the backup file"]),
        (&["undo", "missing.json", "--region", "us-east-1a"], &["`us-east-1a`", "`us-east-1`"]),
        (&["undo", "text.json", "--region", "us-east-1", "--region", "eu-west-1"], &["`--region` once"]),
    ] {
        for more in [&[][..], &["--yes"], &["--dry-run"]] {
            // Twice the same flag, or two that contradict each other, is another mistake.
            if arguments.iter().any(|argument| argument.starts_with("--yes") || *argument == "--dry-run")
                && !more.is_empty()
            {
                continue;
            }
            let said = refused_with(&files, &[arguments, more].concat());
            says(&said, expected);
            hints_at_help(&said);
        }
    }
}

#[test]
fn independent_mistakes_are_all_named_in_one_run() {
    let mistakes = [
        ("--policy-name", "a b"),
        ("--create-profile", "a/b"),
        ("--region", "us-east-1a"),
        ("--kms-key", "key"),
        ("--s3-logs", "s3://bucket"),
        ("--cloudwatch-logs", "no group"),
        ("--require", "GetObject"),
        ("--context", "aws:SourceVpce"),
    ];
    let flags: Vec<&str> = mistakes.iter().flat_map(|(flag, value)| [*flag, *value]).collect();
    let more = ["--snapshot", "missing.json", "mi-0123456789abcdef0", "-o", "json"];
    let said = refused_with(&[], &[&["fix"], &flags[..], &more].concat());
    for (flag, value) in mistakes {
        assert!(said.contains(&format!("`{value}`")), "{flag}: {said}");
    }
    says(&said, &["`mi-0123456789abcdef0`", "a snapshot cannot be fixed"]);
    assert_eq!(said.matches("error: ").count(), mistakes.len() + 2, "{said}");

    let files = ["--snapshot", "missing-1.json", "--scp", "missing-2.json", "--scp", "missing-3.json"];
    let said = refused_with(&[], &[&["fix", "--dry-run"], &files[..]].concat());
    says(&said, &["`missing-1.json`", "`missing-2.json`", "`missing-3.json`"]);

    let files = ["--backup", "no/backup.json", "--scp", "missing.json"];
    let said = refused_with(&[], &[&["fix", "role/web", "--yes"], &files[..]].concat());
    says(&said, &["`no/backup.json`", "`missing.json`"]);

    let said = refused_with(&[], &["undo", "-", "--region", "us-east-1a"]);
    says(&said, &["`-`", "`us-east-1a`"]);
}

#[test]
fn help_fits_and_names_every_flag() {
    let shared = ["--color", "--verbose", "--quiet", "-v", "-q", "--output", "-o", "--region", "Exit codes", "130"];
    let aws = ["--profile", "--endpoint-url", "--dry-run", "--yes", "-y"];
    let needs = ["--kms-key", "--s3-logs", "--cloudwatch-logs", "--require"];
    let fixing = [
        "TARGET",
        "--all",
        "--tag",
        "--context",
        "--policy-name",
        "--attach-managed",
        "--create-profile",
        "--backup",
        "--emit",
        "--only",
        "--max-failures",
        "--accounts",
        "--assume-role",
        "--snapshot",
        "--scp",
        "i-0123456789abcdef0",
        "profile/NAME",
        "role/NAME",
        "ssm-profile undo",
        "SessionManagerPermissions",
        "AmazonSSMManagedInstanceCore",
    ];
    let policies = ["--for", "--policy-name", "--attach-managed", "--create-profile", "--account", "no AWS call"];
    let fix = [&shared[..], &aws, &needs, &fixing].concat();
    let undo = [&shared[..], &aws, &["BACKUP", "--assume-role"]].concat();
    let policy = [&shared[..8], &needs, &policies].concat();
    for (command, words) in [("fix", fix), ("undo", undo), ("policy", policy)] {
        for help in ["--help", "-h"] {
            let at = |columns: &str| Sandbox::new().env("COLUMNS", columns).run(&[command, help]).expect(0);
            for (columns, widest) in [("80", 80), ("100", 100), ("200", 100)] {
                let Output { stdout, stderr, .. } = at(columns);
                assert_eq!(stderr, "");
                for line in stdout.lines() {
                    assert!(line.chars().count() <= widest, "{command} {help} at {columns}: {line}");
                }
                let missing: Vec<_> = words.iter().filter(|word| !stdout.contains(**word)).collect();
                assert!(missing.is_empty(), "{command} {help} says nothing of {missing:?}: {stdout}");
            }
            // The end is laid out by hand: a line that does not fit would be folded, and a command could not be copied.
            let end = |shown: &str| {
                let start = ["\nTargets:\n", "\nNothing is put back", "\nMakes no AWS call"];
                let start = start.iter().find_map(|start| shown.find(start)).unwrap();
                shown[start..].to_string()
            };
            assert_eq!(end(&at("80").stdout), end(&at("100").stdout), "{command} {help}");
        }
        assert!(Sandbox::new().run(&["--help"]).expect(0).stdout.contains(&format!("\n  {command} ")), "{command}");
    }
    // A fleet's flag says nothing to somebody who gives a file.
    assert!(!Sandbox::new().run(&["undo", "--help"]).stdout.contains("--all"));
}

#[test]
fn on_an_instance_a_fix_without_target_is_of_that_instance() {
    for region in [None, Some("us-west-2")] {
        let stub = lacking().instance(Instance::new(OTHER)).metadata_of(INSTANCE).serve();
        // The Region of the instance wins over the one that is set.
        let sandbox = Sandbox::at(&stub).with_metadata(&stub).without("AWS_REGION");
        let sandbox = match region {
            Some(region) => sandbox.env("AWS_REGION", region),
            None => sandbox,
        };
        let report = sandbox.run(&["fix", "--yes", "-o", "json"]).expect(0).json();
        assert_eq!(report["results"][0]["target"], json!(INSTANCE));
        assert_eq!(report["results"][0]["verdict"], json!("ready"));
        assert_eq!(report["results"].as_array().unwrap().len(), 1);
        assert_eq!(stub.writes(), ["PutRolePolicy"]);
        sandbox.run(&["fix", "--yes"]).expect(0);
        assert_eq!(stub.writes(), ["PutRolePolicy"], "a second fix has nothing to do");
    }
}

#[test]
fn on_a_terminal_a_fix_without_target_lets_pick_and_asks() {
    let world = || lacking().instance(Instance::new(OTHER).tag("Name", "bare"));
    let stub = world().serve();
    let sandbox = Sandbox::at(&stub);
    let dialogue = [("web-1", "0123\r"), ("Apply 1 change", "y\r")];
    let shown = sandbox.run_on_terminal(&["fix"], &dialogue).expect(0).stdout;
    says(&shown, &[INSTANCE, "web-1", OTHER, "bare", "add inline policy `SessionManagerPermissions` to role `web`"]);
    assert_eq!(stub.writes(), ["PutRolePolicy"]);

    for refusal in ["n\r", "\r", "q\r"] {
        let stub = world().serve();
        let dialogue = [("web-1", "0123\r"), ("Apply 1 change", refusal)];
        let shown = Sandbox::at(&stub).run_on_terminal(&["fix"], &dialogue).expect(2).stdout;
        says(&shown, &["cancelled; nothing was changed"]);
        assert!(stub.writes().is_empty(), "{refusal:?}: {:?}", stub.writes());
    }
    for dialogue in [&[("web-1", "\x03")][..], &[("web-1", "0123\r"), ("Apply 1 change", "\x03")]] {
        let stub = world().serve();
        let shown = Sandbox::at(&stub).run_on_terminal(&["fix"], dialogue).expect(130).stdout;
        says(&shown, &["interrupted"]);
        assert!(stub.writes().is_empty(), "{dialogue:?}: {:?}", stub.writes());
    }
}

#[test]
fn elsewhere_a_target_and_a_yes_are_needed() {
    let said = refused_with(&[], &["fix", "--yes"]);
    says(&said, &["i-0123456789abcdef0", "`profile/NAME`", "`role/NAME`"]);
    let said = refused_with(&[], &["fix", "--dry-run"]);
    says(&said, &["`role/NAME`"]);

    let stub = lacking().serve();
    let sandbox = Sandbox::at(&stub);
    let output = sandbox.run(&["fix", INSTANCE]).expect(2);
    says(
        &output.stdout,
        &["add inline policy `SessionManagerPermissions` to role `web`", "+      \"Resource\": \"*\""],
    );
    says(&output.stderr, &["`--yes`", "`--dry-run`", "nothing was changed"]);
    let output = sandbox.run(&["fix", INSTANCE, "-o", "json"]).expect(2);
    assert_eq!(output.json()["changes"][0]["status"], "planned");
    assert!(stub.writes().is_empty());
    // A dry run writes nothing, whatever else is said.
    sandbox.run(&["fix", INSTANCE, "--dry-run", "--yes", "--backup", "backup.json"]).expect(1);
    assert!(stub.writes().is_empty() && !sandbox.path().join("backup.json").exists());

    sandbox.run(&["fix", INSTANCE, "--yes", "--backup", "backup.json"]).expect(0);
    let stub = with_caller(lacking()).serve();
    stub.world(|world| world.roles[0].inline.push(("SessionManagerPermissions".into(), granted(&sandbox))));
    let sandbox_of_undo = Sandbox::at(&stub);
    let file =
        sandbox_of_undo.file("backup.json", std::fs::read_to_string(sandbox.path().join("backup.json")).unwrap());
    let output = sandbox_of_undo.run(&["undo", &file.display().to_string()]).expect(2);
    says(&output.stdout, &["delete inline policy `SessionManagerPermissions` of role `web`"]);
    says(&output.stderr, &["`--yes`", "nothing was changed"]);
    assert!(stub.writes().is_empty());
}

/// The document that a fix has put, as its backup has it.
fn granted(sandbox: &Sandbox) -> String {
    let backup = std::fs::read_to_string(sandbox.path().join("backup.json")).unwrap();
    let backup: Value = serde_json::from_str(&backup).unwrap();
    let document = &backup["changes"][0]["change"]["after"]["document"];
    document.as_str().map_or_else(|| document.to_string(), ToString::to_string)
}

#[test]
fn without_a_way_to_aws_nothing_is_changed() {
    let role = "arn:aws:iam::111122223333:role/web";
    let html = || Stub::answering(|_| Answer::status(200, "<html><body>Sign in</body></html>"));
    let (proxy, missing, hollow, garbage) = (
        html(),
        Stub::answering(|_| Answer::status(404, "not here")),
        Stub::answering(|_| Answer::json(&json!({}))),
        Stub::answering(|_| Answer::garbage()),
    );
    let no_credentials = Sandbox::new().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    let denied = World::ready().hook(|call| Some(Answer::denied(&call.action))).serve();
    for (what, sandbox, named) in [
        ("nothing listens", Sandbox::new(), "`http://127.0.0.1:9`"),
        ("no such host", Sandbox::new().env("AWS_ENDPOINT_URL", "http://nowhere.invalid"), "`http://nowhere.invalid`"),
        ("no credentials", no_credentials, "credentials"),
        ("a page to sign in", Sandbox::at(&proxy), ""),
        ("another server", Sandbox::at(&missing), ""),
        ("another protocol", Sandbox::at(&hollow), ""),
        ("garbage", Sandbox::at(&garbage), ""),
        ("denied", Sandbox::at(&denied), "AccessDenied"),
    ] {
        sandbox.file("backup.json", backup_of_policy(role, "X", &granting("*")));
        for arguments in [
            &["fix", INSTANCE, "--yes"][..],
            &["fix", "role/web", "--yes"],
            &["fix", "profile/web", "--yes", "--create-profile", "new"],
            &["fix", "--all", "--yes"],
            &["fix", INSTANCE, "--yes", "-o", "json"],
            &["fix", INSTANCE, "--dry-run"],
            &["fix", INSTANCE, "--emit", "terraform"],
            &["undo", "backup.json", "--yes"],
            &["undo", "backup.json", "--yes", "-o", "json"],
            &["undo", "backup.json", "--dry-run"],
        ] {
            let output = sandbox.run(arguments);
            assert_eq!(output.code, 3, "{what}: {arguments:?}: {output:?}");
            speaks_plainly(&output);
            let said = output.stdout.clone() + &output.stderr;
            assert!(said.contains(named), "{what}: {arguments:?}: {said}");
            assert!(!said.contains("nothing to do"), "{what}: {arguments:?}: {said}");
            // Without a connection or credentials nothing is planned, and there is nothing to report.
            let planned = !["nothing listens", "no such host", "no credentials"].contains(&what);
            assert!(planned || output.stdout.is_empty(), "{what}: {output:?}");
            if arguments.contains(&"json") && arguments[0] == "fix" && planned {
                let report = output.json();
                assert_eq!((&report["changes"], &report["backup"]), (&json!([]), &Value::Null), "{what}");
                assert_eq!(report["results"][0]["verdict"], json!("unknown"), "{what}");
            }
        }
    }
    for stub in [proxy, missing, hollow, garbage, denied] {
        assert!(stub.writes().iter().all(|action| action == "GetCallerIdentity"), "{:?}", stub.writes());
    }
}

#[test]
fn without_a_place_for_the_backup_nothing_is_changed() {
    let stub = lacking().serve();
    let homeless = Sandbox::at(&stub).env("HOME", "/proc/nowhere").env("XDG_STATE_HOME", "/proc/nowhere");
    for arguments in [&["fix", INSTANCE, "--yes"][..], &["fix", INSTANCE, "--yes", "--backup", "/proc/backup.json"]] {
        let output = homeless.run(arguments).expect(2);
        says(&output.stderr, &["`/proc` takes no files: no such file or directory; give "]);
        speaks_plainly(&output);
        assert!(!output.stderr.contains("os error") && !output.stderr.contains(".tmp"), "{}", output.stderr);
    }
    assert!(stub.writes().is_empty());
}

/// What a screen shows in the end, without colours and without what was overwritten.
fn seen(screen: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut characters = screen.chars();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => drop(characters.by_ref().skip(1).find(char::is_ascii_alphabetic)),
            character => plain.push(character),
        }
    }
    plain.split('\n').map(|line| line.rsplit('\r').next().unwrap_or_default().to_string()).collect()
}

/// Whether a line may be as long as it likes: one of a document, a command that is there to be copied, or one with a word that is longer
/// than what is left of the line behind its label.
fn may_run_over(line: &str) -> bool {
    if line.split(' ').any(|word| word.chars().count() > 68) {
        return true;
    }
    ["   +", "   -", "    ", "undo    ssm-profile undo "].iter().any(|start| line.starts_with(start))
}

/// An account in which everything about the chain is long.
fn long_names() -> World {
    let name = |kind: &str| format!("{kind}-with-a-very-long-name-that-somebody-was-fond-of");
    let mut world = World::ready();
    world.instances = vec![Instance::new(INSTANCE).profile(&name("profile")).tag("Name", "web-1")];
    world.profiles =
        vec![Profile::new(&name("profile")).role(&name("role")).path("/division/department/team/project/")];
    let lambda = EC2_TRUST.replace("ec2", "lambda");
    world.roles = vec![Role::new(&name("role")).path("/division/department/team/project/").trust(lambda)];
    world
}

fn coloured(text: &str) -> bool {
    let mut starts = text.match_indices("\u{1b}[");
    starts.any(|(at, _)| text[at + 2..].trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'))
}

#[test]
fn a_plan_on_a_terminal_fits_and_asks_what_is_going_to_be_done() {
    let stub = with_caller(long_names()).serve();
    let sandbox = Sandbox::at(&stub).env("NO_COLOR", "1");
    let fix = ["fix", INSTANCE, "--policy-name", "The-policy-that-lets-Session-Manager-in-and-nobody-else"];
    let backup = ["--backup", "backup.json"];
    let shown = sandbox.run_on_terminal(&[&fix[..], &backup].concat(), &[("Apply 2 changes", "y\r")]).expect(0);
    let lines = seen(&shown.stdout);
    for line in lines.iter().filter(|line| !may_run_over(line)) {
        assert!(line.chars().count() <= 80, "{line}\n{}", shown.stdout);
    }
    assert!(!coloured(&shown.stdout), "{}", shown.stdout);
    let whole: String = lines.iter().map(|line| line.trim()).collect();
    for part in ["iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy", "-with-a-very-long-name-that-somebody-was-fond-of"]
    {
        assert!(whole.contains(part), "{part}: {}", shown.stdout);
    }
    // What is agreed to is seen before the question, and nothing is written before the answer.
    let (before, after) = shown.stdout.split_once("Apply 2 changes").unwrap();
    says(
        before,
        &["update the trust policy", "add inline policy", "+", "\"ssmmessages:OpenDataChannel\"", "2 changes"],
    );
    says(after, &["done", "backup.json", "ssm-profile undo backup.json", "ready", "amazon-ssm-agent"]);
    assert_eq!(stub.writes(), ["UpdateAssumeRolePolicy", "PutRolePolicy"]);

    let undo = sandbox.run_on_terminal(&["undo", "backup.json"], &[("Apply 2 changes", "y\r")]).expect(0).stdout;
    for line in seen(&undo).iter().filter(|line| !may_run_over(line)) {
        assert!(line.chars().count() <= 80, "{line}\n{undo}");
    }
    assert!(!coloured(&undo), "{undo}");
    says(&undo, &["delete inline policy", "update the trust policy", "done"]);
}

#[test]
fn a_plan_is_coloured_on_terminals_and_where_it_is_wanted() {
    let plan = ["fix", INSTANCE, "--dry-run"];
    let stub = lacking().serve();
    for (variables, flags, expected) in [
        (&[][..], &[][..], true),
        (&[("NO_COLOR", "1")], &[], false),
        (&[("TERM", "dumb")], &[], false),
        (&[], &["--color", "never"], false),
        (&[("NO_COLOR", "1")], &["--color", "always"], true),
    ] {
        let sandbox = variables.iter().fold(Sandbox::at(&stub), |sandbox, (name, value)| sandbox.env(name, value));
        let shown = sandbox.run_on_terminal(&[&plan, flags].concat(), &[]).expect(1).stdout;
        assert_eq!(coloured(&shown), expected, "{variables:?} {flags:?}: {shown}");
    }
    let sandbox = Sandbox::at(&stub);
    for (flags, expected) in [(&[][..], false), (&["--color", "always"], true)] {
        let shown = sandbox.run(&[&plan, flags].concat()).expect(1);
        assert_eq!((coloured(&shown.stdout), shown.stderr.as_str()), (expected, ""), "{flags:?}");
        let refused = sandbox.run(&[&["fix", INSTANCE], flags].concat()).expect(2);
        assert_eq!((coloured(&refused.stdout), coloured(&refused.stderr)), (expected, expected), "{flags:?}");
    }
    for form in [&["-o", "json"][..], &["--emit", "cli"], &["--emit", "terraform"], &["--emit", "cloudformation"]] {
        let arguments = [&["fix", INSTANCE, "--color", "always"], form, &["--dry-run"]].concat();
        let printed = form.contains(&"--emit");
        let shown = sandbox.run(&arguments).expect(if printed { 0 } else { 1 }).stdout;
        assert!(!shown.contains('\u{1b}'), "{form:?} is for machines: {shown}");
    }
    let policy = sandbox.run(&["policy", "--color", "always"]).expect(0).stdout;
    assert!(!policy.contains('\u{1b}'), "{policy}");
    assert!(stub.writes().is_empty());
}

#[test]
fn a_plan_says_less_or_more() {
    let stub = lacking().serve();
    let sandbox = Sandbox::at(&stub);
    let plan = |flags: &[&str]| sandbox.run(&[&["fix", INSTANCE, "--dry-run"], flags].concat()).expect(1).stdout;
    let (quiet, usual, verbose) = (plan(&["-q"]), plan(&[]), plan(&["-v"]));
    // A line for the change, one for the sum, an empty one, and one for the target.
    assert_eq!(quiet.lines().count(), 4, "{quiet}");
    says(&quiet, &["1. add inline policy `SessionManagerPermissions` to role `web`\n", "1 change"]);
    assert!(!quiet.contains("ssmmessages:OpenDataChannel\""), "{quiet}");
    says(
        &usual,
        &["\"ssmmessages:OpenDataChannel\"", "iam:PutRolePolicy", "arn:aws:iam::111122223333:role/web", "dry run"],
    );
    assert!(verbose.len() > usual.len() && usual.len() > quiet.len());
    for action in CORE {
        says(&verbose, &[action]);
    }
    let before = stub.calls().len();
    assert!(before > 0 && stub.writes().is_empty());

    let stub = lacking().serve();
    let sandbox = Sandbox::at(&stub);
    let done = sandbox.run(&["fix", INSTANCE, "--yes", "-q"]).expect(0);
    says(&done.stdout, &["done", "ready"]);
    assert!(done.stdout.lines().count() <= 7 && done.stderr.lines().count() == 1, "{done:?}");
}

#[test]
fn json_on_a_terminal_asks_beside_it() {
    let stub = long_names().serve();
    let sandbox = Sandbox::at(&stub).env("NO_COLOR", "1");
    let fix = ["fix", INSTANCE, "-o", "json", "--backup", "backup.json"];
    let output = sandbox.run_on_terminal_with_output_elsewhere(&fix, &[("Apply 2 changes", "n\r")]).expect(2);
    assert_eq!(output.stdout, "");
    assert!(stub.writes().is_empty());

    let output = sandbox.run_on_terminal_with_output_elsewhere(&fix, &[("Apply 2 changes", "y\r")]).expect(0);
    let report = output.json();
    assert_eq!(report["command"], json!("fix"));
    assert_eq!(report["schema_version"], json!(1));
    let changes = report["changes"].as_array().unwrap();
    assert!(changes.len() == 2 && changes.iter().all(|change| change["status"] == json!("done")), "{report:#}");
    assert!(!output.stdout.contains('\u{1b}'));
    says(&output.stderr, &["update the trust policy", "add inline policy", "Apply 2 changes"]);
    for line in seen(&output.stderr).iter().filter(|line| !may_run_over(line)) {
        assert!(line.chars().count() <= 80, "{line}\n{}", output.stderr);
    }
}

/// What would colour what follows, turn the reading order round, hide, or write with characters that have no shape.
const UNSEEN: &str = "\u{9b}31m\u{202e}\u{2066}\u{200b}\u{e0041}";
/// What would clear a screen, ring, and forge a line: XML has no such controls, but a document is encoded in it.
const CONTROLS: &str = "\u{1b}[2J\u{7}\r\n\u{202e}";

/// Nothing that somebody else chose reaches a reader unless it is seen.
fn shows_nothing_unseen(what: &str, shown: &str) {
    let hidden = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
    };
    let found: Vec<char> = shown.chars().filter(|c| hidden(*c)).collect();
    assert!(found.is_empty(), "{what}: {found:?} in {shown}");
}

/// Accounts in which one thing has a text that somebody chose with care, and how a fix of each ends.
fn hostile(text: &str) -> Vec<(&'static str, World, i32)> {
    let quoted = serde_json::to_string(text).unwrap();
    // JSON has no controls below the space as they are.
    let (raw, broken) = (format!("\"{text}\""), if text.contains(|c: char| c < ' ') { 3 } else { 1 });
    let statement = |effect: &str, sid: &str, action: &str| {
        format!(r#"{{"Sid": {sid}, "Effect": "{effect}", "Action": "{action}", "Resource": "*"}}"#)
    };
    let document = |statement: &str| format!(r#"{{"Version": "2012-10-17", "Statement": [{statement}]}}"#);
    let role = |role: Role| {
        let mut world = World::ready();
        world.roles = vec![role];
        world
    };
    let existing = |document: String| role(Role::new("web").inline("SessionManagerPermissions", document));
    let admits = |sid: &str| {
        document(&statement("Allow", sid, "sts:TagSession").replace("\"Resource\": \"*\"", "\"Principal\": \"*\""))
    };
    let group = Instance::new(INSTANCE).tag("aws:autoscaling:groupName", text);
    vec![
        ("a tag's value", role(Role::new("web").tag("managed-by", &format!("terraform {text}"))), 1),
        ("a tag's key", role(Role::new("web").tag(&format!("managed-by {text}"), "terraform")), 1),
        ("a group of instances", World::new(ACCOUNT).instance(group), 1),
        ("a Sid that stays", existing(document(&statement("Allow", &quoted, "s3:GetObject"))), 1),
        ("a Sid that stays, as it is", existing(document(&statement("Allow", &raw, "s3:GetObject"))), broken),
        ("a Sid that denies", role(Role::new("web").inline("x", document(&statement("Deny", &quoted, "*")))), 1),
        ("a policy's name", role(Role::new("web").inline(text, document(&statement("Deny", "\"x\"", "*")))), 1),
        ("a document that is none", existing(format!("{{\"Statement\": {text}")), 3),
        ("a Sid of a trust policy", role(Role::new("web").trust(admits(&quoted))), 1),
        ("a Sid of a trust policy, as it is", role(Role::new("web").trust(admits(&raw))), 1),
    ]
}

#[test]
fn what_others_have_written_does_nothing_to_a_reader() {
    let fix = ["fix", INSTANCE, "--dry-run", "--create-profile", "new"];
    let look = |what: &str, sandbox: &Sandbox, source: &[&str], code: i32| {
        for flags in [&[][..], &["-v"], &["-q"], &["--force-managed-elsewhere"]] {
            let output = sandbox.run(&[&fix, source, flags].concat());
            assert_eq!(output.code, code, "{what}: {output:?}");
            shows_nothing_unseen(what, &output.stdout);
            shows_nothing_unseen(what, &output.stderr);
        }
        for form in ["cli", "terraform", "cloudformation"] {
            let output = sandbox.run(&[&fix[..], source, &["--emit", form]].concat());
            // What is printed is what was asked for.
            assert_eq!(output.code, if output.stdout.is_empty() { code } else { 0 }, "{what}: {output:?}");
            shows_nothing_unseen(&format!("{what} for {form}"), &output.stderr);
            shows_nothing_unseen(&format!("{what} for {form}"), &output.stdout);
        }
    };
    for text in [UNSEEN, CONTROLS] {
        for (what, world, code) in hostile(text) {
            if text == UNSEEN || what.contains("Sid") || what.contains("document") {
                let stub = world.serve();
                look(&format!("{what}: {text:?}"), &Sandbox::at(&stub), &[], code);
                assert!(stub.writes().is_empty());
            }
        }
        for (what, world, code) in hostile("MARK") {
            let stub = world.serve();
            let snapshot = Sandbox::at(&stub).run(&["snapshot", INSTANCE]).stdout;
            let escaped = serde_json::to_string(text).unwrap();
            let sandbox = Sandbox::new();
            sandbox.file("hostile.json", snapshot.replace("MARK", escaped.trim_matches('"')));
            look(&format!("{what} of a snapshot: {text:?}"), &sandbox, &["--snapshot", "hostile.json"], code);
        }
    }
}

#[test]
fn what_others_have_written_does_nothing_to_a_terminal() {
    for text in ["\u{9b}2J", "\u{202e}", "\u{200b}", "\u{e0041}"] {
        // IAM takes no other character above U+00FF in a document than an escaped one.
        let sid = if text.starts_with('\u{9b}') { text } else { r"\u202e" };
        let statement = format!(r#"{{"Sid": "{sid}", "Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}"#);
        let before = format!(r#"{{"Statement": {statement}}}"#);
        let mut world = lacking().instance(Instance::new(OTHER).tag("Name", &format!("bare{text}")));
        world.roles = vec![
            Role::new("web").inline("SessionManagerPermissions", &before).tag("managed-by", &format!("cdk {text}")),
        ];
        let stub = world.fail("ListInstanceProfilesForRole", Answer::error("Strange", &format!("so {text}"))).serve();
        let fix = ["fix", "--force-managed-elsewhere"];
        let dialogue = [("web-1", "web-1\r"), ("Apply 1 change", "y\r")];
        let shown = Sandbox::at(&stub).run_on_terminal(&fix, &dialogue).expect(0).stdout;
        assert!(!shown.contains(text), "{text:?}: {shown}");
        says(&shown, &["cdk ", "bare", "so ", &text.chars().next().unwrap().escape_default().to_string()]);
        assert_eq!(stub.writes(), ["PutRolePolicy"]);
        // What was there stays, to the last character.
        says(stub.role("web").unwrap().document("SessionManagerPermissions").unwrap(), &[&statement]);
    }
}

#[test]
fn what_a_backup_holds_does_nothing_to_a_reader() {
    for text in [UNSEEN, CONTROLS] {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/web{text}");
        let document = json!({"Statement": {"Sid": text}}).to_string();
        for backup in [
            backup_of_policy(&role, text, &granting(&format!("arn:aws:s3:::{text}"))),
            backup_of_policy(&role, text, &document),
            backup_of_policy(&format!("web{text}"), text, &document),
            backup_of(json!({text: role}), json!("absent"), json!("absent")),
            format!("{text}{document}"),
        ] {
            let stub = with_caller(lacking()).serve();
            let sandbox = Sandbox::at(&stub);
            sandbox.file("backup.json", &backup);
            let output = sandbox.run(&["undo", "backup.json", "--yes"]);
            assert!([0, 2, 3].contains(&output.code), "{output:?}");
            shows_nothing_unseen("a backup", &output.stdout);
            shows_nothing_unseen("a backup", &output.stderr);
        }
    }
}
