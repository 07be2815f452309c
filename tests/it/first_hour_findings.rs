//! What a new user stumbled over in the first hour: findings, remedies and mistakes of the command line.

use std::fs;

use serde_json::{Value, json};

use crate::support::command::{Output, Sandbox};

const ACCOUNT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/account.json");
const NETWORK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/network.json");
/// An instance of the example whose NAT gateway was deleted, and that lacks nothing else.
const CLOSED: &str = "i-0b1b2c3d400000003";

fn on_account(arguments: &[&str]) -> Output {
    Sandbox::new().run(&[arguments, &["--snapshot", ACCOUNT]].concat())
}

fn account() -> Value {
    serde_json::from_str(&fs::read_to_string(ACCOUNT).unwrap()).unwrap()
}

fn says(text: &str, expected: &[&str]) {
    for expected in expected {
        assert!(text.contains(expected), "`{expected}` not in {text}");
    }
}

fn says_not(text: &str, unexpected: &[&str]) {
    for unexpected in unexpected {
        assert!(!text.contains(unexpected), "`{unexpected}` in {text}");
    }
}

#[test]
fn a_deny_of_an_scp_is_one_error_with_one_remedy() {
    let report = on_account(&["check", "legacy-1", "-o", "json"]).expect(1).json();
    let result = &report["results"][0];
    let errors: Vec<&Value> =
        result["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "error").collect();
    let [error] = errors[..] else { panic!("{errors:?}") };
    assert_eq!(error["code"], "blocked-by-scp");
    says(error["message"].as_str().unwrap(), &["statement 0 (Sid `NoSessionsForLegacy`)", "`protect-legacy`"]);
    says(error["remedy"].as_str().unwrap(), &["ask your organization's administrator"]);
    let channels = result["permissions"].as_array().unwrap().iter();
    let mut channels = channels.filter(|permission| permission["action"].as_str().unwrap().starts_with("ssmmessages:"));
    assert!(channels.all(|permission| permission["decision"] == "explicit_deny"), "{result}");
    let plan = on_account(&["fix", "legacy-1", "--dry-run", "-o", "json"]).expect(1).json();
    assert_eq!(plan["refusals"].as_array().unwrap().len(), 1, "{plan}");
}

#[test]
fn what_is_not_known_comes_first() {
    let mut snapshot = account();
    let denied =
        json!({"unreadable": {"api": "ssm:GetServiceSetting", "kind": "denied", "message": "AccessDenied: no"}});
    snapshot["facts"]["settings"]["us-east-1"]["host_management"] = denied;
    let sandbox = Sandbox::new();
    sandbox.file("blind.json", snapshot.to_string());
    for more in [&[][..], &["-q"]] {
        let text = sandbox.run(&[&["check", "web-2", "--snapshot", "blind.json"], more].concat()).expect(3).stdout;
        let headline = text.lines().next().unwrap();
        says(
            headline,
            &[
                "unknown",
                "cannot determine whether Default Host Management",
                "and the instance has no instance profile",
            ],
        );
    }
}

#[test]
fn a_target_that_lacks_its_network_only_is_told_the_whole_command() {
    let fix = ["fix", CLOSED, "--dry-run", "--snapshot", NETWORK];
    let command = format!("ssm-profile fix {CLOSED} --region us-east-1 --snapshot {NETWORK} --network auto --emit cli");
    let text = Sandbox::new().run(&fix).expect(1).stdout;
    says(&text, &[&command, "nothing that `fix` can change is left"]);
    says_not(&text, &["nothing to do"]);
    let plan = Sandbox::new().run(&[&fix[..], &["-o", "json"]].concat()).expect(1).json();
    assert_eq!(plan["changes"], json!([]));
    assert_eq!(
        (&plan["refusals"][0]["target"], &plan["refusals"][0]["reason"]),
        (&json!(CLOSED), &json!("out-of-reach"))
    );
    says(plan["refusals"][0]["remedy"].as_str().unwrap(), &[&command]);
    // It is a command.
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    says(&Sandbox::new().run(&words).expect(0).stdout, &["aws ec2 "]);
}

/// The example, with the role of `web-5`, which lacks a permission, under the management of somebody else.
fn managed(tag: &str, value: &str) -> Sandbox {
    let mut snapshot = account();
    snapshot["facts"]["roles"]["111122223333/channels"]["known"]["tags"] = json!({"known": {tag: value}});
    let sandbox = Sandbox::new();
    sandbox.file("managed.json", snapshot.to_string());
    sandbox
}

#[test]
fn what_somebody_else_manages_is_printed_for_them() {
    for (tag, value, form) in [
        ("ManagedBy", "terraform", "terraform"),
        ("aws:cloudformation:stack-name", "web", "cloudformation"),
        ("managed-by", "ansible", "cli"),
    ] {
        let sandbox = managed(tag, value);
        let instance = "i-0a1b2c3d400000009";
        let print = format!("`ssm-profile fix {instance} --region us-east-1 --emit {form}`");
        let checked = sandbox.run(&["check", instance, "--snapshot", "managed.json"]).expect(1).stdout;
        says(&checked, &[&print]);
        says_not(&checked, &[&format!("run `ssm-profile fix {instance} --region us-east-1`")]);
        let fix = ["fix", instance, "--region", "us-east-1", "--snapshot", "managed.json"];
        let refused = sandbox.run(&[&fix[..], &["--dry-run"]].concat()).expect(1).stdout;
        says(&refused, &["refused", &print]);
        // And it is not refused there.
        let printed = sandbox.run(&[&fix[..], &["--emit", form]].concat()).expect(0).stdout;
        says(&printed, &["UpdateInstanceInformation"]);
        let all = sandbox.run(&["check", "--all", "--snapshot", "managed.json"]).expect(1).stdout;
        says(
            &all,
            &[&format!(
                "fix: ssm-profile fix arn:aws:iam::111122223333:role/channels --region us-east-1 --emit {form}"
            )],
        );
    }
}

#[test]
fn the_value_that_the_policy_names_stands_in_the_command() {
    let checked = on_account(&["check", "api-3", "-o", "json"]).expect(3).json();
    let result = &checked["results"][0];
    let remedy = result["findings"][0]["remedy"].as_str().unwrap();
    let role = account()["facts"]["roles"]["111122223333/endpoint"].to_string();
    let value = role.split("vpce-").nth(1).unwrap().split('"').next().unwrap();
    says(remedy, &[&format!("`--context ssm:UpdateInstanceInformation@aws:SourceVpce=vpce-{value}`")]);
    says_not(remedy, &["VALUE"]);
    // Two values are none.
    let sandbox = Sandbox::new();
    let policy = |values: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {{"StringEquals": {{"aws:SourceVpce": {values}}}}}}}}}"#
        )
    };
    for (values, expected) in [
        (r#""vpce-0123""#, "aws:SourceVpce=vpce-0123`"),
        (r#"["vpce-0123", "vpce-0456"]"#, "aws:SourceVpce=VALUE`"),
        (r#""vpce-*""#, "aws:SourceVpce=VALUE`"),
    ] {
        sandbox.file("policy.json", policy(values));
        let text = sandbox.run(&["check", "--policy", "policy.json"]).expect(3).stdout;
        says(&text, &[expected]);
    }
}

#[test]
fn one_cause_proposes_one_profile() {
    let all = on_account(&["check", "--all"]).expect(1).stdout;
    says(&all, &["--create-profile SessionManager"]);
    says_not(&all, &["--create-profile NAME", "INSTANCE_ID", " TARGET "]);
}

#[test]
fn a_group_names_one_of_its_instances() {
    let mut snapshot = account();
    for subject in snapshot["facts"]["subjects"].as_array_mut().unwrap() {
        let Some(instance) = subject.pointer_mut("/kind/instance/known") else { continue };
        if ["web-1", "web-6", "web-7", "db-1"].contains(&instance["name"].as_str().unwrap_or_default()) {
            instance["metadata"]["http_endpoint"] = json!("disabled");
        }
    }
    let sandbox = Sandbox::new();
    sandbox.file("off.json", snapshot.to_string());
    let text = sandbox.run(&["check", "--all", "--snapshot", "off.json"]).expect(1).stdout;
    says(&text, &["aws ec2 modify-instance-metadata-options --instance-id i-0", "; likewise for each of the others"]);
    says_not(&text, &["INSTANCE_ID"]);
}

/// One code has one meaning.
#[test]
fn what_only_logs_need_has_a_code_of_its_own() {
    let sandbox = Sandbox::new();
    let listed = |code: &str| {
        let check = ["check", "--all", "--snapshot", ACCOUNT, "--code", code, "-o", "json"];
        sandbox.run(&check).expect(1).json()["results"].as_array().unwrap().clone()
    };
    let missing = listed("missing-permission");
    assert!(!missing.is_empty());
    assert!(missing.iter().all(|result| result["verdict"] != "ready"), "{missing:?}");
    let optional = listed("optional-permission");
    assert!(optional.iter().any(|result| result["verdict"] == "ready"), "{optional:?}");
    says(&sandbox.run(&["explain", "optional-permission"]).expect(0).stdout, &["s3:GetEncryptionConfiguration"]);
}

#[test]
fn an_action_that_its_service_does_not_have_is_warned_of() {
    for command in [&["check"][..], &["fix", "--dry-run"]] {
        let with = |action: &str| on_account(&[command, &["role/web", "--require", action]].concat()).stderr;
        says(&with("ssm:GetParamter"), &["warning: `ssm:GetParamter`", "did you mean `ssm:GetParameter`?"]);
        assert_eq!(with("ssm:GetParameter"), "");
        assert_eq!(with("ecr:GetAuthorisationToken"), "");
    }
}

#[test]
fn another_file_in_the_place_of_a_policy_is_a_mistake() {
    let sandbox = Sandbox::new();
    let policy = r#"{"Version": "2012-10-17", "Statement": []}"#;
    sandbox.file("policy.json", policy);
    sandbox.file("template.yaml", "Resources:\n  App: {Type: 'AWS::EC2::Instance'}\n");
    sandbox.file("plan.json", r#"{"format_version": "1.2", "planned_values": {}}"#);
    for flag in ["--policy", "--trust", "--boundary", "--scp", "--rcp", "--endpoint-policy"] {
        for (file, said) in [
            ("template.yaml", "pass it with `--cloudformation`"),
            ("plan.json", "pass it with `--terraform-plan`"),
            (ACCOUNT, "pass it with `--snapshot`"),
        ] {
            let mut check = vec!["check", flag, file];
            if flag != "--policy" {
                check.extend(["--policy", "policy.json"]);
            }
            let output = sandbox.run(&check).expect(2);
            assert_eq!(output.stdout, "", "{flag} {file}");
            says(&output.stderr, &[said]);
        }
    }
    // What is broken may have been one.
    sandbox.file("broken.json", r#"{"Version": "2012-10-17", "Statement": [}"#);
    says(&sandbox.run(&["check", "--policy", "broken.json"]).expect(3).stdout, &["invalid-policy"]);
}

#[test]
fn a_file_for_another_flag_is_told_by_its_name() {
    let sandbox = Sandbox::new();
    sandbox.file("plan.json", r#"{"format_version": "1.2", "planned_values": {}}"#);
    sandbox.file("baseline.json", r#"{"baseline_version": 1, "findings": []}"#);
    sandbox.file("template.yaml", "Resources:\n  App: {Type: 'AWS::EC2::Instance'}\n");
    for (flag, file, said) in [
        ("--snapshot", "plan.json", "it is not a snapshot but a Terraform plan; pass it with `--terraform-plan`"),
        ("--snapshot", "baseline.json", "it is not a snapshot but a baseline; pass it with `--baseline`"),
        ("--terraform-plan", "template.yaml", "a CloudFormation template; pass it with `--cloudformation`"),
        ("--terraform-plan", ACCOUNT, "it is not a plan but a snapshot; pass it with `--snapshot`"),
    ] {
        says(&sandbox.run(&["check", flag, file]).expect(2).stderr, &[said]);
    }
}

#[test]
fn a_hyphen_is_standard_output_for_a_report_too() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["check", "role/web", "--snapshot", ACCOUNT, "-o", "markdown=-"]).expect(0);
    says(&output.stdout, &["**Session Manager: 1 of 1 ready**"]);
    // Two reports there would be one mess.
    let both = ["check", "role/web", "--snapshot", ACCOUNT, "-o", "markdown=-", "-o", "json"];
    says(&sandbox.run(&both).expect(2).stderr, &["one report goes to standard output"]);
}

#[test]
fn what_was_nearly_meant_is_proposed() {
    let output = on_account(&["check", "--tag", "name=web-1"]).expect(3);
    says(&output.stderr, &["did you mean `--tag Name=web-1`?"]);
    says_not(&output.stderr, &["api-1"]);
    for (typed, near) in
        [("Web-1", "web-1"), ("role/Web", "web"), ("role/endpiont", "endpoint"), ("profile/WEB", "web")]
    {
        says(&on_account(&["check", typed]).expect(3).stdout, &[&format!("did you mean `{near}`?")]);
    }
    says_not(&on_account(&["check", "something-else"]).expect(3).stdout, &["did you mean"]);
}

#[test]
fn a_mistake_has_one_proposal_and_one_closing_line() {
    let sandbox = Sandbox::new();
    let told = |words: &[&str]| {
        let output = sandbox.run(words).expect(2);
        assert_eq!(output.stderr.to_lowercase().matches("for more information").count(), 1, "{output:?}");
        output.stderr
    };
    let apply = told(&["apply"]);
    says(&apply, &["did you mean `ssm-profile fix`?", "for more information, try `ssm-profile --help`"]);
    says_not(&apply, &["similar subcommand", "policy"]);
    let flag = told(&["check", "--dry-run"]);
    says(&flag, &["`--dry-run` is a flag of `fix`", "try `ssm-profile check --help`"]);
    says_not(&flag, &["as a value"]);
    let code = told(&["explain", "truts-policy"]);
    says(&code, &["did you mean `trust-policy`?", "network-acl-blocks", "try `ssm-profile explain --help`"]);
    assert!(code.lines().all(|line| line.chars().count() <= 80), "{code}");
    // What clap knows best is still its own.
    says(&told(&["check", "--snapshto", "x"]), &["'--snapshot'"]);
}

#[test]
fn flags_that_do_nothing_are_taken_and_not_offered() {
    let sandbox = Sandbox::new();
    for command in ["schema", "man", "completions", "explain"] {
        let help = sandbox.run(&[command, "--help"]).expect(0).stdout;
        says_not(&help, &["--verbose", "--quiet"]);
        assert_eq!(help.contains("--color"), command == "explain", "{command}");
    }
    for words in
        [&["schema", "-v", "report"][..], &["-q", "schema", "report"], &["schema", "--color", "never", "report"]]
    {
        says(&sandbox.run(words).expect(0).stdout, &["$schema"]);
    }
}

#[test]
fn defaults_that_the_tool_fills_in_are_shown() {
    let sandbox = Sandbox::new();
    let report = sandbox.run(&["config", "check", "-o", "json"]).expect(0).json();
    for (key, value) in [("output", "text"), ("network", "auto"), ("preferences", "SSM-SessionManagerRunShell")] {
        let row = report["settings"].as_array().unwrap().iter().find(|row| row["key"] == key).unwrap();
        assert_eq!((&row["value"], &row["source"]["kind"]), (&json!(value), &json!("default")), "{row}");
    }
    let fix = sandbox.run(&["config", "fix", "-v"]).expect(0).stdout;
    let of = |key: &str| fix.lines().find(|line| line.starts_with(&format!("{key} "))).unwrap().to_owned();
    says(&of("network"), &["\"auto\""]);
    // Without `--wait` nothing is waited for.
    says_not(&of("wait"), &["40"]);
}

#[test]
fn a_filter_that_leaves_nothing_says_so() {
    let output = on_account(&["check", "--all", "--show", "ready", "--code", "explicit-deny"]).expect(1);
    says(&output.stderr, &["no target matches `--show ready --code explicit-deny`"]);
    assert_eq!(on_account(&["check", "--all", "--code", "explicit-deny"]).expect(1).stderr, "");
}
