//! The commands that are printed for a person to copy: whatever names others have chosen, a shell reads the words that are meant.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::fix_command_line::{lacking, with_caller};
use crate::support::chains::denied;
use crate::support::command::{Output, Sandbox};
use crate::support::model::{Instance, Key, LogGroup, Profile, Role};
use crate::support::world::{ACCOUNT, INSTANCE, World};

/// A path takes all from `!` to `~`.
const PATH: &str = "/$(touch${IFS}made)/`touch${IFS}made`;touch${IFS}made|'\"&!!~{a,b}*?[x]#\\/";
/// All that the name of a role or profile may have, which a shell, an option and the shorthand syntax give a meaning to.
const NAME: &str = "-a,Arn=b@c+d.e_f";
const OTHER: &str = "-o,b=c@d";
/// Of names that may hold anything.
const ANY: &str = "it's $(touch made) `touch made`\n\"${HOME}\" ;touch made|& *!! \u{1b}[2J\u{202e}\n";

const PROGRAMS: [&str; 3] = ["ssm-profile", "aws", "sudo"];

/// The words of commands.
type Read = BTreeSet<Vec<String>>;

/// The commands in a text: between backticks, and behind the labels of lines that hold nothing else.
fn commands_in(text: &str) -> BTreeSet<String> {
    let is_command = |text: &str| {
        text.starts_with("--")
            || text.starts_with("newline=")
            || PROGRAMS.iter().any(|program| text.starts_with(&format!("{program} ")))
    };
    let alone = text.lines().filter_map(|line| {
        let line = line.trim_start();
        let label = ["undo  ", "fix:"].iter().find(|label| line.starts_with(**label))?;
        Some(line[label.len()..].trim())
    });
    text.split('`').chain(alone).filter(|text| is_command(text)).map(str::to_owned).collect()
}

/// The commands in remedies and in what comes next.
fn commands_in_json(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| match (key.as_str(), value) {
                ("remedy", Value::String(text)) => commands_in(text),
                ("next", Value::Array(lines)) => {
                    lines.iter().flat_map(|line| commands_in(line.as_str().unwrap())).collect()
                }
                _ => commands_in_json(value),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(commands_in_json).collect(),
        _ => BTreeSet::new(),
    }
}

/// What a reader of rendered Markdown sees of references and tags that hide characters.
fn shown_by_markdown(text: &str) -> String {
    let mut shown = text.replace("<span>$</span>", "$").replace("<!-- -->", "");
    shown = shown.replace("<code>", "`").replace("</code>", "`");
    for c in '!'..='~' {
        shown = shown.replace(&format!("&#{};", u32::from(c)), &c.to_string());
    }
    shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The words of each command as the shells read it. The programs only say what they were given.
fn read(commands: &BTreeSet<String>) -> Read {
    let directory = tempfile::tempdir().unwrap();
    let (programs, place) = (directory.path().join("programs"), directory.path().join("place"));
    fs::create_dir(&programs).unwrap();
    fs::create_dir(&place).unwrap();
    for program in PROGRAMS {
        let file = programs.join(program);
        fs::write(&file, "#!/bin/sh\nprintf '%s\\0' \"${0##*/}\" \"$@\"\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let run = |shell: &str, arguments: &[&str]| {
        let mut command = Command::new(shell);
        command.args(arguments).env_clear().env("PATH", &path).env("HOME", &place).current_dir(&place).output()
    };
    let mut words = Read::new();
    for command in commands {
        assert!(!command.contains(char::is_control), "{command:?}");
        let command = if command.starts_with("--") { format!("ssm-profile check {command}") } else { command.clone() };
        let mut readings = BTreeSet::new();
        for shell in ["sh", "bash", "zsh"] {
            let Ok(checked) = run(shell, &["-n", "-c", &command]) else {
                assert_ne!(shell, "sh");
                continue;
            };
            let output = run(shell, &["-c", &command]).unwrap();
            for output in [&checked, &output] {
                assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {command}: {output:?}");
            }
            let read = String::from_utf8(output.stdout).unwrap();
            readings.insert(read.split_terminator('\0').map(str::to_owned).collect::<Vec<_>>());
        }
        assert_eq!(readings.len(), 1, "{command}: {readings:?}");
        assert_eq!(fs::read_dir(&place).unwrap().count(), 0, "{command} makes a file");
        words.append(&mut readings);
    }
    words
}

/// Each of the meant commands is among what was read.
fn holds(read: &Read, meant: &[&[&str]]) {
    for words in meant {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assert!(read.contains(&words), "{words:?} is not in {read:#?}");
    }
}

/// The words of the commands of a run that stand in its text and in its JSON, and for a check in Markdown too.
fn commands_of(sandbox: &Sandbox, arguments: &[&str], code: i32) -> Read {
    let run = |more: &[&str]| sandbox.run(&[arguments, more].concat()).expect(code);
    let of_text = read(&commands_in(&run(&[]).stdout));
    let of_json = read(&commands_in_json(&run(&["-o", "json"]).json()));
    if arguments[0] == "check" {
        let markdown = read(&commands_in(&shown_by_markdown(&run(&["-o", "markdown"]).stdout)));
        assert!(of_json.is_subset(&of_text) && of_json.is_subset(&markdown), "{of_json:#?} {of_text:#?} {markdown:#?}");
    }
    of_text.intersection(&of_json).cloned().collect()
}

fn profile_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:instance-profile{PATH}{name}")
}

/// A profile and a role with the worst names; the instance holds the profile.
fn world() -> World {
    World::new(ACCOUNT)
        .instance(Instance::new(INSTANCE).profile(NAME).tag("Name", &ANY.replace('\u{1b}', "")))
        .profile(Profile::new(NAME).path(PATH).role(OTHER))
        .role(Role::new(OTHER).path(PATH))
}

fn stale(state: &str) -> World {
    let mut world = world();
    world.instances[0] = world.instances[0].clone().stale_profile_id("AIPAOLD").state(state);
    world.roles = vec![Role::new(OTHER).path(PATH).attach("AmazonSSMManagedInstanceCore")];
    world.policies = World::ready().policies;
    world
}

#[test]
fn a_check_of_a_hostile_account_proposes_what_is_meant() {
    let association = format!("iip-assoc-{INSTANCE}");
    let specification = json!({ "Name": NAME }).to_string();
    let sandbox = |world: World| {
        let stub = world.serve();
        (Sandbox::at(&stub), stub)
    };
    let (stale, _stub) = sandbox(stale("running"));
    let replace = ["aws", "ec2", "replace-iam-instance-profile-association", "--association-id", &association];
    let replace = [&replace[..], &["--region", "us-east-1", "--iam-instance-profile", &specification]].concat();
    let read = commands_of(&stale, &["check", INSTANCE], 1);
    holds(&read, &[&replace, &["ssm-profile", "fix", INSTANCE, "--region", "us-east-1"]]);

    let mut empty = world();
    empty.profiles[0].role = None;
    let (empty, _stub) = sandbox(empty);
    let profile = format!("profile/{NAME}");
    let named = format!("--instance-profile-name={NAME}");
    let add = ["aws", "iam", "add-role-to-instance-profile", &named, "--role-name", "ROLE"];
    let read = commands_of(&empty, &["check", INSTANCE], 1);
    holds(&read, &[&add, &["ssm-profile", "fix", &profile]]);

    let mut unused = world();
    unused.profiles.clear();
    let (unused, _stub) = sandbox(unused);
    let (profile, role) = (format!("--instance-profile-name={OTHER}"), format!("--role-name={OTHER}"));
    let read = commands_of(&unused, &["check", &format!("role/{OTHER}")], 1);
    holds(
        &read,
        &[
            &["aws", "iam", "create-instance-profile", &profile],
            &["aws", "iam", "add-role-to-instance-profile", &profile, &role],
        ],
    );

    let mut conditional = world();
    let key = "ssm:resourceTag/a b=$(touch made)'`touch made`!!";
    let document = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {key: "$(touch made), 'x'"}}}});
    conditional.roles[0] = conditional.roles[0].clone().inline("p", document);
    let (conditional, _stub) = sandbox(conditional);
    let read = commands_of(&conditional, &["check", INSTANCE], 3);
    let key = key.replace('=', "\\=");
    let given = |calls: &str, value: &str| format!("{calls}@{key}={value}");
    let update = "ssm:UpdateInstanceInformation";
    for value in
        [given(update, r"$(touch made)\, 'x'"), given(update, ""), given("ssmmessages:*", r"$(touch made)\, 'x'")]
    {
        holds(&read, &[&["ssm-profile", "check", "--context", &value]]);
    }
    // What is proposed is understood.
    let proposed = r"$(touch made)\, 'x'";
    let (update, channels) = (given(update, proposed), given("ssmmessages:*", proposed));
    conditional.run(&["check", INSTANCE, "--context", &update, "--context", &channels]).expect(0);
}

#[test]
fn what_comes_next_is_what_is_meant() {
    let specification = json!({ "Arn": profile_arn(NAME) }).to_string();
    let associate = ["aws", "ec2", "associate-iam-instance-profile", "--instance-id", INSTANCE];
    let associate = [&associate[..], &["--iam-instance-profile", &specification, "--region", "us-east-1"]].concat();
    let backup = format!("{ANY}.json");
    let undo = ["ssm-profile", "undo", &backup];
    let fails = || stale("stopped").fail("AssociateIamInstanceProfile", denied("ec2:AssociateIamInstanceProfile"));
    let fix = ["fix", INSTANCE, "--yes", "--backup", &backup];
    for form in ["text", "json"] {
        let stub = fails().serve();
        let output = Sandbox::at(&stub).run(&[&fix[..], &["-o", form]].concat()).expect(3);
        let commands = match form {
            "json" => commands_in_json(&output.json()),
            _ => commands_in(&output.stdout),
        };
        let read = read(&commands);
        holds(&read, &[&associate]);
        if form == "text" {
            holds(&read, &[&undo]);
        }
    }
    for backup in ["--yes", "~", "a\n'`b`!!\n\n"] {
        let mut ready = with_caller(lacking());
        ready.roles[0] = ready.roles[0].clone().path(PATH);
        let stub = ready.serve();
        let sandbox = Sandbox::at(&stub);
        let output = sandbox.run(&["fix", INSTANCE, "--yes", &format!("--backup={backup}")]).expect(0);
        let read = read(&commands_in(&output.stdout));
        let file = if backup.starts_with('-') { format!("./{backup}") } else { backup.to_owned() };
        holds(
            &read,
            &[
                &["ssm-profile", "undo", &file],
                &["aws", "ec2", "reboot-instances", "--instance-ids", INSTANCE, "--region", "us-east-1"],
                &["sudo", "systemctl", "restart", "amazon-ssm-agent"],
            ],
        );
        // The words do what they say.
        sandbox.run(&["undo", &file, "--yes"]).expect(0);
        assert!(stub.writes().contains(&"DeleteRolePolicy".to_owned()), "{:?}", stub.writes());
    }
}

#[test]
fn what_a_fix_refuses_names_what_is_meant() {
    let new = |name: &'static str| ["fix", INSTANCE, "--dry-run", "--create-profile", name];
    let mut bare = world();
    bare.instances = vec![Instance::new(INSTANCE).tag("Name", &ANY.replace('\u{1b}', ""))];
    bare.profiles = vec![Profile::new("a,b=c").path(PATH).role(OTHER)];
    bare.roles.push(Role::new("r,b=c").path(PATH).inline("x", "{}"));
    let stub = bare.serve();
    let sandbox = Sandbox::at(&stub);
    let specification = json!({ "Name": "a,b=c" }).to_string();
    let associate = ["aws", "ec2", "associate-iam-instance-profile", "--instance-id", INSTANCE];
    let read = commands_of(&sandbox, &new("a,b=c"), 1);
    holds(
        &read,
        &[
            &[&associate[..], &["--region", "us-east-1", "--iam-instance-profile", &specification]].concat(),
            &["ssm-profile", "fix", "profile/a,b=c"],
        ],
    );
    let read = commands_of(&sandbox, &new("r,b=c"), 1);
    let named = ["--instance-profile-name", "r,b=c"];
    holds(
        &read,
        &[
            &[&["aws", "iam", "create-instance-profile"], &named[..]].concat(),
            &[&["aws", "iam", "add-role-to-instance-profile"], &named[..], &["--role-name", "r,b=c"]].concat(),
        ],
    );
    let read = commands_of(&sandbox, &["fix", INSTANCE, "--dry-run"], 1);
    holds(
        &read,
        &[
            &["ssm-profile", "fix", INSTANCE, "--region", "us-east-1", "--create-profile", "SessionManager"],
            &[&associate[..], &["--region", "us-east-1", "--iam-instance-profile", "Name=NAME"]].concat(),
        ],
    );
}

/// What a check of a fleet proposes repeats what was typed.
#[test]
fn a_proposal_repeats_the_words_that_were_typed() {
    let mut world = World::new(ACCOUNT).key(Key::new("k-1").alias("sessions")).log_group(LogGroup::new("/a#b"));
    for number in 0..12 {
        world = world.instance(Instance::new(&format!("i-{number:017x}")).tag("Name", &ANY.replace('\u{1b}', "")));
    }
    let stub = world.serve();
    let sandbox = Sandbox::at(&stub);
    let profile = "-p $(touch made)'`touch made`";
    sandbox.file(".aws/config", format!("[profile \"{profile}\"]\nregion = us-east-1\n"));
    let scp = "it's `a`\n$(touch made).json";
    sandbox.file(scp, r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#);
    let tag = format!("Name={}", ANY.replace('\u{1b}', ""));
    let context = "aws:PrincipalTag/a b=$(touch made)'`touch made`";
    let dashed = "aws:PrincipalTag/x=-y";
    let typed = [
        "--tag",
        &tag,
        "--region",
        "us-east-1",
        "--kms-key",
        "alias/sessions",
        "--cloudwatch-logs",
        "/a#b",
        "--require",
        "s3:GetObject=arn:aws:s3:::b/$(touch made)*",
        "--context",
        context,
        "--context",
        dashed,
        "--preferences",
        "none",
        "--scp",
        scp,
    ];
    let output: Output = sandbox.run(&[&["check"], &typed[..]].concat()).expect(1);
    let read = read(&commands_in(&output.stdout));
    let meant = [
        &["ssm-profile", "fix"],
        &typed[..4],
        &["--only", "no-instance-profile", "--create-profile", "SessionManager"],
        &typed[4..],
    ];
    holds(&read, &[&meant.concat()]);
    // It is understood: what is missing comes from the account, not from the command line.
    let words = meant.concat();
    sandbox.run(&[&words[1..], &["--dry-run"]].concat()).expect(1);
}

#[test]
fn a_mistake_at_the_command_line_is_answered_with_what_is_meant() {
    let said = |arguments: &[&str]| read(&commands_in(&Sandbox::new().run(arguments).expect(2).stderr));
    let typed = format!("arn:aws:iam::{ACCOUNT}:role{PATH}web");
    let typed = typed.as_str();
    holds(&said(&[typed]), &[&["ssm-profile", "check", typed]]);
    for (context, meant) in [
        (&["aws:x;touch made"][..], &["aws:x;touch made=VALUE", "aws:x;touch made="][..]),
        (&["aws:T/a;b`c`=x", "aws:T/a;b`c`=y"], &["aws:T/a;b`c`=A,B"]),
        (&["aws:PrincipalArn="], &["aws:PrincipalArn="]),
    ] {
        let flags: Vec<&str> = context.iter().flat_map(|value| ["--context", *value]).collect();
        let read = said(&[&["check", "role/web"], &flags[..]].concat());
        for value in meant {
            holds(&read, &[&["ssm-profile", "check", "--context", value]]);
        }
    }
}

#[test]
fn the_script_of_a_fix_runs_nothing_of_the_names() {
    let stub = stale("stopped").serve();
    let script = Sandbox::at(&stub).run(&["fix", INSTANCE, "--emit", "cli"]).expect(0).stdout;
    let commands = script.lines().filter(|line| line.starts_with("aws ")).map(str::to_owned).collect();
    let specification = json!({ "Arn": profile_arn(NAME) }).to_string();
    let associate =
        ["aws", "ec2", "associate-iam-instance-profile", "--region", "us-east-1", "--instance-id", INSTANCE];
    holds(&read(&commands), &[&[&associate[..], &["--iam-instance-profile", &specification]].concat()]);
    let checked = Command::new("sh").args(["-n", "-c", &script]).current_dir(Path::new("/")).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
}
