//! The commands, run by `sh` with an `aws` that notes what it is given.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use serde_json::{Value, json};

use super::*;

/// What `aws` answers to the looks at documents: what the script expects. Whether that stops it is tested with the real AWS CLI.
fn expected_documents(script: &str) -> String {
    let looks = script.lines().zip(script.lines().skip(1)).filter(|(line, _)| line.contains("aws iam get-role"));
    let mut answers = String::new();
    for (index, (_, next)) in looks.enumerate() {
        let expected = next.strip_prefix("test \"$current\" = ").and_then(|rest| rest.rsplit_once(" || {"));
        if let Some((document, _)) = expected {
            answers.push_str(&format!("{}) printf '%s' {document} ;; ", index + 1));
        }
    }
    format!("get-role*) echo >>asked; case $(wc -l <asked) in {answers}*) exit 254 ;; esac ;;")
}

/// Runs a script with an `aws` that notes what it is given; the arguments of each call, but for those that look at a document, without
/// the first.
fn run(script: &str) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs::write(&log, "").unwrap();
    let looks = expected_documents(script);
    let aws = format!(
        "#!/bin/sh\nprintf '%s\\0' \"$#\" \"$@\" >>\"$LOG\"\ncase $2 in describe-*) echo iip-assoc-1 ;; {looks} esac\n"
    );
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
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));

    let noted = fs::read_to_string(&log).unwrap();
    let mut words = noted.split_terminator('\0');
    let mut calls = Vec::new();
    while let Some(count) = words.next() {
        calls.push(words.by_ref().take(count.parse().unwrap()).map(str::to_owned).collect());
    }
    calls.retain(|call: &Vec<String>| !call[1].starts_with("get-role"));
    calls
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
    assert_eq!(value(described, "--query"), "IamInstanceProfileAssociations[0].AssociationId");
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
    let failing = script.replace("aws ec2 describe", "false ec2 describe").replace("aws ", "echo ");
    let output = Command::new("sh").arg("-c").arg(failing).output().unwrap();
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
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

#[test]
fn no_document_is_loaded_from_elsewhere() {
    let calls = run(&shell(&[put("web", "X", None, "file:///etc/passwd")]));
    assert_eq!(value(&calls[0], "--policy-document"), " file:///etc/passwd");
}

#[test]
fn no_changes_are_no_commands() {
    assert_eq!(run(&shell(&[])), Vec::<Vec<String>>::new());
}
