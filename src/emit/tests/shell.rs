//! The commands, run by `sh` with an `aws` that notes what it is given.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use serde_json::{Value, json};

use super::*;

/// What `aws` answers to the questions of a script, in their order: what it expects. Whether that stops it is tested with the real AWS CLI.
fn expected_answers(script: &str) -> String {
    let is_question = |line: &str| {
        ["aws sts get-caller", "aws iam get-role", "aws ec2 describe-iam"].iter().any(|command| line.contains(command))
    };
    let questions = script.lines().zip(script.lines().skip(1)).filter(|(line, _)| is_question(line));
    let mut answers = String::new();
    for (index, (question, next)) in questions.enumerate() {
        let test = next.strip_prefix("test ").and_then(|test| test.split_once(" = ")?.1.rsplit_once(" || stop "));
        answers.push_str(&match test {
            Some((expected, _)) if question.starts_with("association=") => {
                format!("{}) printf 'iip-assoc-1\\t%s' {expected} ;; ", index + 1)
            }
            Some((expected, _)) => format!("{}) printf '%s' {expected} ;; ", index + 1),
            None => {
                format!("{}) echo 'An error occurred (NoSuchEntity) when calling' >&2; exit 254 ;; ", index + 1)
            }
        });
    }
    format!(
        "get-role* | get-caller-* | describe-*) echo >>asked; case $(wc -l <asked) in {answers}*) exit 1 ;; esac ;;"
    )
}

/// Runs a script with an `aws` that notes what it is given; the arguments of each call, but for those that look at a document or ask for
/// the account, without the first. What a person has to compare is compared.
fn run(script: &str) -> Vec<Vec<String>> {
    let compared =
        script.lines().filter(|line| !line.starts_with("stop '")).fold(String::new(), |all, line| all + line + "\n");
    let (code, said, mut calls) = run_with(&compared, &expected_answers(&compared));
    assert_eq!((code, said.as_str()), (Some(0), ""), "{script}");
    calls.retain(|call: &Vec<String>| !call[1].starts_with("get-"));
    calls
}

/// Exit code, what is said, and all calls but the question for the account of a script whose `aws` answers so, in the cases of its second
/// argument.
fn run_with(script: &str, answers: &str) -> (Option<i32>, String, Vec<Vec<String>>) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs::write(&log, "").unwrap();
    let aws = format!("#!/bin/sh\nprintf '%s\\0' \"$#\" \"$@\" >>\"$LOG\"\ncase $2 in {answers} esac\n");
    let sleep = "#!/bin/sh\nprintf '%s\\0' 2 sleep \"$1\" >>\"$LOG\"\n";
    for (name, program) in [("aws", aws.as_str()), ("sleep", sleep)] {
        executable(&folder.path().join(name), program);
    }
    let path = format!("{}:{}", folder.path().display(), env::var("PATH").unwrap());
    let file = folder.path().join("script");
    fs::write(&file, script).unwrap();
    assert!(Command::new("sh").arg("-n").arg(&file).status().unwrap().success(), "{script}");
    let output =
        Command::new("sh").arg(&file).env("PATH", path).env("LOG", &log).current_dir(&folder).output().unwrap();

    let noted = fs::read_to_string(&log).unwrap();
    let mut words = noted.split_terminator('\0');
    let mut calls = Vec::new();
    while let Some(count) = words.next() {
        calls.push(words.by_ref().take(count.parse().unwrap()).map(str::to_owned).collect());
    }
    calls.retain(|call: &Vec<String>| call[1] != "get-caller-identity");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), calls)
}

fn executable(path: &Path, program: &str) {
    fs::write(path, program).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn value<'a>(call: &'a [String], option: &str) -> &'a str {
    &call[call.iter().position(|word| word == option).unwrap_or_else(|| panic!("{option}: {call:?}")) + 1]
}

#[test]
fn commands_for_an_instance_that_has_nothing() {
    let script = shell(&from_nothing());
    assert!(script.starts_with("# ") && script.contains("\nset -eu\n"), "{script}");
    let policy = POLICY.replace(": ", ":").replace(", ", ",");
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let expected: [&[&str]; 9] = [
        &[
            "iam",
            "create-role",
            "--role-name",
            "1-web",
            "--path",
            "/team/",
            "--assume-role-policy-document",
            trust,
            "--tags",
            "Key=created-by,Value=ssm-profile",
        ],
        &["iam", "wait", "role-exists", "--role-name", "1-web"],
        &[
            "iam",
            "attach-role-policy",
            "--role-name",
            "1-web",
            "--policy-arn",
            "arn:aws-cn:iam::aws:policy/AmazonSSMManagedInstanceCore",
        ],
        &["iam", "put-role-policy", "--role-name", "1-web", "--policy-name", "Own", "--policy-document", &policy],
        &[
            "iam",
            "create-instance-profile",
            "--instance-profile-name",
            "web.profile",
            "--tags",
            "Key=created-by,Value=ssm-profile",
        ],
        &["iam", "wait", "instance-profile-exists", "--instance-profile-name", "web.profile"],
        &["iam", "add-role-to-instance-profile", "--instance-profile-name", "web.profile", "--role-name", "1-web"],
        &["sleep", "15"],
        &[
            "ec2",
            "associate-iam-instance-profile",
            "--region",
            "cn-north-1",
            "--instance-id",
            INSTANCE,
            "--iam-instance-profile",
            r#"{"Arn":"arn:aws-cn:iam::111122223333:instance-profile/web.profile"}"#,
        ],
    ];
    assert_eq!(run(&script), expected);
}

#[test]
fn commands_for_a_stopped_instance() {
    let calls = run(&shell(&to_stopped()));
    let described = &calls[0];
    assert_eq!(described[..2], ["ec2", "describe-iam-instance-profile-associations"]);
    assert_eq!(
        value(described, "--query"),
        "IamInstanceProfileAssociations[].[AssociationId, to_string(IamInstanceProfile.[Arn, Id])]"
    );
    assert_eq!(value(described, "--output"), "text");
    let filters: Value = serde_json::from_str(value(described, "--filters")).unwrap();
    assert_eq!(filters[0], json!({"Name": "instance-id", "Values": [INSTANCE]}));
    assert_eq!(
        calls[1].join(" "),
        "ec2 disassociate-iam-instance-profile --region cn-north-1 --association-id iip-assoc-1"
    );
    assert_eq!(calls[2][1], "associate-iam-instance-profile");
    assert_eq!(calls.len(), 3);
}

#[test]
fn commands_for_what_exists() {
    let calls = run(&shell(&to_existing()));
    let operations: Vec<&str> = calls.iter().map(|call| call[1].as_str()).collect();
    assert_eq!(
        operations,
        [
            "put-role-policy",
            "put-role-policy",
            "attach-role-policy",
            "update-assume-role-policy",
            "add-role-to-instance-profile",
            "describe-iam-instance-profile-associations",
            "replace-iam-instance-profile-association",
        ]
    );
    let replaced = &calls[6];
    assert_eq!(value(replaced, "--association-id"), "iip-assoc-1");
    assert_eq!(value(replaced, "--region"), "cn-north-1");
    assert!(value(replaced, "--iam-instance-profile").contains("instance-profile/old-profile"));
}

#[test]
fn a_failed_look_up_ends_the_script() {
    let script = shell(&[has(Some("a"), Some("b")), put("r", "p", None, "{}")]);
    let answers = "get-caller-*) echo 111122223333 ;; describe-*) echo 'no such thing' >&2; exit 254 ;;";
    let (code, said, calls) = run_with(&script, answers);
    assert_eq!((code, said.as_str(), calls.len()), (Some(254), "no such thing\n", 1), "{script}");
}

/// The profile that an instance has is told by its ARN and, where it is known, by its id. There may be two, or none.
#[test]
fn another_profile_ends_the_script() {
    let script = shell(&[has(Some("a"), Some("b"))]);
    let seen = r#"["arn:aws-cn:iam::111122223333:instance-profile/a","AIPA"]"#;
    let answers = |shown: &str| format!("get-caller-*) echo 111122223333 ;; describe-*) printf '%b' '{shown}' ;;");
    let of = |profile: &str| format!("iip-assoc-1\\t{profile}");
    assert_eq!(run_with(&script, &answers(&of(seen))).0, Some(0), "{script}");
    for shown in [
        String::new(),
        "None".to_owned(),
        of(&seen.replace("/a", "/b")),
        of(&seen.replace("AIPA", "AIPB")),
        format!("{}\\n{}", of(seen), of(seen)),
    ] {
        let (code, said, calls) = run_with(&script, &answers(&shown));
        assert_eq!((code, calls.len()), (Some(1), 1), "{shown}\n{script}");
        assert_eq!(said, format!("the instance profile of {INSTANCE} has changed; run ssm-profile again\n"));
    }

    // Paths may have such characters.
    let odd = arn(r#"instance-profile/a"'\`*/b"#);
    let without_id = Change::new(
        Thing::ProfileOfInstance { instance: INSTANCE.to_owned(), region: "cn-north-1".to_owned() },
        State::Has { profile: odd, id: None },
        State::Absent,
    );
    let calls = run(&shell(&[without_id.unwrap()]));
    assert!(value(&calls[0], "--query").ends_with("to_string(IamInstanceProfile.[Arn])]"), "{calls:?}");
    assert_eq!(value(&calls[1], "--association-id"), "iip-assoc-1");
}

/// Each part is for the account that it is of, and what is of none that is known for no one in particular.
#[test]
fn another_account_ends_the_script() {
    let elsewhere = Arn::parse("arn:aws-cn:iam::999988887777:role/web").unwrap();
    let changes = [attach(role("web")), attach(role("other")), attach(elsewhere)];
    let script = shell(&changes);
    let (code, said, calls) = run_with(&script, "get-caller-*) echo 111122223333 ;;");
    assert_eq!(said, "this script is for account 999988887777; use credentials of that account\n");
    let operations: Vec<&str> = calls.iter().map(|call| call[1].as_str()).collect();
    assert_eq!((code, operations), (Some(1), vec!["attach-role-policy"; 2]), "{script}");
}

#[test]
fn the_shell_passes_on_hostile_documents_and_names() {
    let broken = ["", "{broken ", "it's\n\n\\", "\"", "{\"a\": 1}}\n${x}"];
    let documents: Vec<&str> = HOSTILE.into_iter().chain(broken).collect();
    let changes: Vec<Change> = documents.iter().map(|document| put("web", "X", None, document)).collect();
    for (call, document) in run(&shell(&changes)).iter().zip(&documents) {
        let given = value(call, "--policy-document");
        match serde_json::from_str::<Value>(document) {
            Ok(json) => {
                assert_eq!(serde_json::from_str::<Value>(given).unwrap(), json);
                assert!(!given.contains(['\n', '\r']), "{given}");
            }
            Err(_) => assert_eq!(given, *document),
        }
    }

    let changes: Vec<Change> = HOSTILE_NAMES.iter().map(|name| put(name, name, None, "{}")).collect();
    for (call, name) in run(&shell(&changes)).iter().zip(HOSTILE_NAMES) {
        if name.starts_with('-') {
            assert!(call.contains(&format!("--policy-name={name}")), "{call:?}");
        } else {
            assert_eq!((value(call, "--role-name"), value(call, "--policy-name")), (name, name));
        }
    }
}

#[test]
fn the_shell_keeps_repeated_keys() {
    let script = shell(&[put("web", "X", None, r#"{"Effect": "Deny",  "Effect": "Allow"}"#)]);
    assert!(script.contains(r#"'{"Effect":"Deny","Effect":"Allow"}'"#), "{script}");
}

/// What the AWS CLI does not show as it is stops the script until somebody has compared it.
#[test]
fn what_cannot_be_compared_stops_the_script() {
    let broken =
        ["{\"a\": 1, \"a\": 2}", "{broken\nstop 'x", "[]", "{\"a\": \"\\ud800\"}", "{\"a\": 1e20}", "{\"a\": 0.00001}"];
    for document in broken {
        let script = shell(&[put("web", "X", Some(document), "{}")]);
        let (code, said, calls) = run_with(&script, "get-caller-*) echo 111122223333 ;;");
        assert_eq!((code, calls.len()), (Some(1), 0), "{script}");
        assert!(said.starts_with("compare inline policy X of role web by hand"), "{said}");
        assert_eq!(run(&script).len(), 1, "{script}");
    }
}

/// The forms are those of Python's `json.dumps(json.loads(document), separators=(",", ":"))`.
#[test]
fn documents_as_the_aws_cli_prints_them() {
    for (document, printed) in [
        ("{ }", Some("{}")),
        ("\n{\t\"a\" : [ 1 , true,false , null,\"\" ] }\r\n", Some(r#"{"a":[1,true,false,null,""]}"#)),
        (r#"{"red team": " é\u00E9\/\u0041"}"#, Some(r#"{"red team":" \u00e9\u00e9/A"}"#)),
        ("{\"𝄞\": \"\u{7f}\u{a0}\u{202e}\"}", Some(r#"{"\ud834\udd1e":"\u007f\u00a0\u202e"}"#)),
        (r#"{"a": "\u0000\u001b\b\f\n\r\t\\\"'`$"}"#, Some(r#"{"a":"\u0000\u001b\b\f\n\r\t\\\"'`$"}"#)),
        (
            "{\"a\": [0, -0, -7, 123456789012345678901234567890]}",
            Some(r#"{"a":[0,0,-7,123456789012345678901234567890]}"#),
        ),
        (
            "{\"a\": [1.50, 1e1, -0.0, 0.0001, 1E+2, 0.1e1, 9007199254740993.0]}",
            Some(r#"{"a":[1.5,10.0,-0.0,0.0001,100.0,1.0,9007199254740992.0]}"#),
        ),
        ("{\"a\": 1e16}", None),
        ("{\"a\": 1e-5}", None),
        ("{\"a\": 1e999}", None),
        (r#"{"a": {"b": 1, "\u0062": 1}}"#, None),
        (r#"{"a": "\ud800"}"#, None),
        ("[]", None),
        ("{", None),
        ("", None),
    ] {
        assert_eq!(document::printed_by_aws_cli(document).as_deref(), printed, "{document}");
    }
}

#[test]
fn no_document_is_loaded_from_elsewhere() {
    let calls = run(&shell(&[put("web", "X", None, "file:///etc/passwd")]));
    assert_eq!(value(&calls[0], "--policy-document"), " file:///etc/passwd");
}

#[test]
fn no_changes_are_no_commands() {
    assert_eq!(run(&shell(&[])), Vec::<Vec<String>>::new());
}
