//! What somebody stumbles over who uses the tool for the first time: what is said, left unsaid, or said twice.

use std::fs;

use serde_json::{Value, json};

use crate::fix_command_line::lacking;
use crate::support::chains::{PUT, denied};
use crate::support::command::{Output, Sandbox};
use crate::support::world::{INSTANCE, World};

const ACCOUNT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/account.json");
const NETWORK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/network.json");
/// An instance of the example that is ready, with a warning: it is stopped.
const STOPPED: &str = "i-0a1b2c3d400000010";

fn check(arguments: &[&str]) -> Output {
    Sandbox::new().run(&[&["check", "--snapshot", ACCOUNT], arguments].concat())
}

fn says(text: &str, expected: &[&str]) {
    for expected in expected {
        assert!(text.contains(expected), "`{expected}` not in {text}");
    }
}

#[test]
fn a_fix_gives_the_verdicts_of_check() {
    let verdicts = |report: &Value| -> Vec<(Value, Value, Value)> {
        let results = report["results"].as_array().unwrap().iter();
        results.map(|result| (result["target"].clone(), result["verdict"].clone(), result["network"].clone())).collect()
    };
    let sandbox = Sandbox::new();
    for snapshot in [ACCOUNT, NETWORK] {
        let of = |command: &[&str]| {
            sandbox.run(&[command, &["--snapshot", snapshot, "--all", "-o", "json"]].concat()).expect(1).json()
        };
        let (checked, fixed) = (verdicts(&of(&["check"])), verdicts(&of(&["fix", "--dry-run"])));
        assert_eq!(checked, fixed);
        let sees_networks = checked.iter().any(|(.., network)| network["decision"] != "not_checked");
        assert_eq!(sees_networks, snapshot == NETWORK);
    }
}

#[test]
fn a_condition_on_the_endpoint_is_decided_by_fix_too() {
    let mut snapshot: Value = serde_json::from_str(&fs::read_to_string(NETWORK).unwrap()).unwrap();
    let role = &mut snapshot["facts"]["roles"]["111122223333/web"]["known"];
    role["attached"]["known"] = json!([]);
    let endpoints = ["vpce-0b1b2c3d4e5f60710", "vpce-0b1b2c3d4e5f60711"];
    role["inline"]["known"] = json!([{"name": "agent", "document": {"known": {"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": ["ssm:*", "ssmmessages:*"], "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceVpce": endpoints}}
    }}}}]);
    let sandbox = Sandbox::new();
    sandbox.file("network-of-endpoints.json", snapshot.to_string());
    let kms = ["--kms-key", "arn:aws:kms:us-east-1:111122223333:key/11112222-3333-4444-5555-666677778888"];
    let fix =
        ["fix", "i-0b1b2c3d400000007", "--snapshot", "network-of-endpoints.json", "--dry-run", "--least", "-o", "json"];
    let plan = sandbox.run(&[&fix[..], &kms[..]].concat()).expect(1).json();
    assert_eq!(plan["refusals"], json!([]), "{plan}");
    // What the condition lets through is not granted again.
    assert_eq!(plan["changes"].as_array().unwrap().len(), 1, "{plan}");
    let statements = plan["changes"][0]["after"]["Statement"].as_array().unwrap().iter();
    let actions: Vec<&Value> = statements.map(|statement| &statement["Action"]).collect();
    assert_eq!(actions, [&json!(["kms:Decrypt"])], "{plan}");
}

#[test]
fn what_opens_a_path_is_printed_where_the_network_was_asked_about() {
    let emit = |more: &[&str], code: i32| {
        let fix = ["fix", "i-0b1b2c3d400000008", "--emit", "cli", "--snapshot", NETWORK];
        Sandbox::new().run(&[&fix, more].concat()).expect(code)
    };
    let unasked = emit(&[], 1);
    assert_eq!(unasked.stdout, "");
    says(&unasked.stderr, &["its network path is closed", "--network auto --emit cli`"]);
    says(&emit(&["--network", "auto"], 0).stdout, &["aws ec2 authorize-security-group-ingress"]);
}

#[test]
fn a_fix_reads_the_network_unless_told_not_to() {
    let decision = |more: &[&str]| {
        let stub = lacking().serve();
        let report =
            Sandbox::at(&stub).run(&[&["fix", INSTANCE, "--yes", "-o", "json"], more].concat()).expect(0).json();
        (report["results"][0]["network"]["decision"].clone(), !stub.calls_of("DescribeSubnets").is_empty())
    };
    for (more, expected) in [(&[][..], true), (&["--network", "auto"], true), (&["--network", "off"], false)] {
        let (decision, is_read) = decision(more);
        assert_eq!((decision != "not_checked", is_read), (expected, expected), "{more:?} {decision}");
    }
}

#[test]
fn a_profile_that_is_not_known_is_not_none() {
    let sandbox = Sandbox::new();
    let template = "Parameters: {Prof: {Type: String}}\n\
        Resources:\n  \
        App: {Type: 'AWS::EC2::Instance', Properties: {IamInstanceProfile: !Ref Prof}}\n  \
        Named: {Type: 'AWS::EC2::Instance', Properties: {IamInstanceProfile: elsewhere}}\n  \
        Bare: {Type: 'AWS::EC2::Instance'}\n  \
        Template: {Type: 'AWS::EC2::LaunchTemplate', Properties: {LaunchTemplateData: {IamInstanceProfile: {Name: !Ref Prof}}}}\n";
    sandbox.file("template.yaml", template);
    let of = |more: &[&str]| sandbox.run(&[&["check", "--cloudformation", "template.yaml"], more].concat());
    let report = of(&["-o", "json"]).expect(1).json();
    let profiles: Vec<(&Value, &Value)> = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| (&result["target"], &result["instance_profile"]))
        .collect();
    let not_known = json!({"arn": null, "id": null});
    let expected = [("App", &not_known), ("Named", &not_known), ("Bare", &Value::Null), ("Template", &not_known)];
    for (target, profile) in expected {
        assert!(profiles.contains(&(&json!(target), profile)), "{target} {profiles:?}");
    }
    let text = of(&[]).expect(1).stdout;
    assert_eq!(text.matches("  profile   not known\n").count(), 3, "{text}");
    assert_eq!(text.matches("  profile   none\n").count(), 1, "{text}");
    // What settles it is the flag for the parameter, and what holds it is a template.
    says(&text, &["remedy: give the parameter a value: `--parameter Prof=VALUE`", "a value that the template knows"]);
}

/// A pipeline must not take the report of yesterday for that of today.
#[test]
fn a_run_without_a_report_leaves_none_of_an_earlier_run() {
    let sandbox = Sandbox::new().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    let old = sandbox.file("rep.json", "{\"old\": true}");
    for arguments in [
        &["check", "role/web", "-o", "json=rep.json"][..],
        &["check", "--all", "-o", "json=rep.json", "-o", "html=rep.html"],
    ] {
        fs::write(&old, "{}").unwrap();
        let output = sandbox.run(arguments).expect(3);
        assert!(!old.exists(), "{output:?}");
        says(&output.stderr, &["no report was made, so `rep.json` of an earlier run was removed"]);
    }
    for arguments in [
        &["check", "--snapshot", "missing.json", "-o", "json=rep.json"][..],
        &["check", "--snapshot", ACCOUNT, "--baseline", "missing.json", "-o", "json=rep.json"],
        &["check", "mi-0123456789abcdef0", "-o", "json=rep.json"],
    ] {
        fs::write(&old, "{}").unwrap();
        sandbox.run(arguments).expect(2);
        assert_eq!(fs::read_to_string(&old).unwrap(), "{}", "a mistake changes nothing");
    }
    // One that makes a report puts it there.
    sandbox.run(&["check", "--snapshot", ACCOUNT, "-o", "json=rep.json"]).expect(1);
    assert!(fs::read_to_string(&old).unwrap().contains("\"schema_version\""));
    #[cfg(unix)]
    {
        fs::remove_file(&old).unwrap();
        let behind = sandbox.file("behind.json", "{}");
        std::os::unix::fs::symlink(&behind, &old).unwrap();
        sandbox.run(&["check", "role/web", "-o", "json=rep.json"]).expect(3);
        assert!(old.is_symlink() && behind.exists(), "a link may lead to anything");
    }
    let accounts = sandbox.file("accounts.txt", "111122223333\n");
    let typed = ["check", "--accounts", "accounts.txt", "--assume-role", "Audit", "-o", "json=accounts.txt"];
    says(&sandbox.run(&typed).expect(2).stderr, &["`accounts.txt` is read by this run"]);
    assert!(accounts.exists());
}

#[test]
fn what_was_not_saved_is_not_in_the_snapshot() {
    for (target, remedy) in [
        ("bare2", "check the tag `Name`, or take the snapshot again with this target"),
        ("i-0fedcba9876543211", "check the ID, or take the snapshot again with this target"),
        ("role/nope", "check the name (without a path), or take the snapshot again with this target"),
    ] {
        let output = check(&[target]).expect(3);
        says(&output.stdout, &["the snapshot does not contain the ", remedy]);
        assert!(!output.stdout.contains("--profile"), "{output:?}");
        assert_eq!(check(&[target, "-o", "json"]).json()["results"][0]["findings"][0]["code"], "instance-not-found");
    }
    // When this one was taken it was looked for, and not found.
    let output = Sandbox::new().run(&["fix", "i-0fedcba9876543210", "--snapshot", ACCOUNT, "--dry-run"]).expect(3);
    says(&output.stdout, &["no instance `i-0fedcba9876543210` was found", "remedy: check the ID, the Region"]);
    assert!(!output.stdout.contains("role/i-"), "{output:?}");
}

#[test]
fn remedies_fit_the_form_of_the_target() {
    let stub = World::ready().serve();
    let sandbox = Sandbox::at(&stub);
    let arn = "arn:aws:ec2:us-east-1:111122223333:instance/i-0fedcba9876543210";
    for (target, says_so, not) in [
        ("i-0fedcba9876543210", "check the ID, the Region (`--region`)", "role/"),
        (arn, "check the ID, the Region and the account in the ARN", "--region"),
        ("nobody", "a role is given as `role/nobody`", "the id"),
        ("web-*", "`--tag 'Name=web-*'`", "the id"),
        ("two words", "check the tag `Name`, the Region", "role/"),
    ] {
        let report = sandbox.run(&["check", target, "-o", "json"]).expect(3).json();
        let remedy = report["results"][0]["findings"][0]["remedy"].as_str().unwrap();
        assert!(remedy.contains(says_so) && !remedy.contains(not), "{target}: {remedy}");
    }
    says(&check(&["web-*"]).expect(3).stdout, &["`--tag 'Name=web-*'`"]);
}

#[test]
fn instances_that_were_not_looked_for_are_not_none() {
    let dry = |world: World, more: &[&str]| {
        let stub = world.serve();
        Sandbox::at(&stub).run(&[&["fix", "role/web", "--region", "us-east-1", "--dry-run"], more].concat()).expect(1)
    };
    let refuse = || lacking().fail("DescribeInstances", denied("ec2:DescribeInstances"));
    says(&dry(refuse(), &[]).stdout, &["  instances  not known\n", "not read", "`ec2:DescribeInstances`"]);
    let reach = dry(refuse(), &["-o", "json"]).json()["reach"][0].clone();
    assert_eq!(reach["other_instances"], Value::Null, "{reach}");
    assert!(reach["incomplete"].is_string() && reach["instance_profiles"].is_array(), "{reach}");
    let unlisted = || lacking().fail("ListInstanceProfilesForRole", denied("iam:ListInstanceProfilesForRole"));
    says(&dry(unlisted(), &[]).stdout, &["  profiles   not known\n", "  instances  not known\n"]);
    let reach = dry(unlisted(), &["-o", "json"]).json()["reach"][0].clone();
    assert_eq!((&reach["instance_profiles"], &reach["other_instances"]), (&Value::Null, &Value::Null));
}

#[test]
fn the_warning_that_counts_is_said() {
    let line = |more: &[&str], code| check(&[&[STOPPED, "-q"], more].concat()).expect(code).stdout;
    says(&line(&["--fail-on", "warning"], 1), &["ready  i-0a1b2c3d400000010", ": warning: the instance is stopped"]);
    assert!(!line(&[], 0).contains("warning"));
    let fix = |more: &[&str], code| {
        let typed = [&["fix", STOPPED, "--snapshot", ACCOUNT, "--dry-run"], more].concat();
        Sandbox::new().run(&typed).expect(code).stdout
    };
    says(&fix(&["--fail-on", "warning"], 1), &[": warning: the instance is stopped"]);
    assert!(!fix(&[], 0).contains("warning"));
}

#[test]
fn only_that_leaves_no_target_is_an_empty_selection() {
    let stub = World::ready().serve();
    let sandbox = Sandbox::at(&stub);
    for (more, code) in
        [(&["--yes"][..], 3), (&["--yes", "--allow-empty"], 0), (&["--dry-run"], 0), (&["--emit", "cli"], 0)]
    {
        let output = sandbox.run(&[&["fix", INSTANCE, "--only", "explicit-deny"], more].concat()).expect(code);
        says(
            &output.stderr,
            &["the target is not kept from being ready by `explicit-deny`, so there is nothing to fix"],
        );
    }
    assert!(stub.writes().is_empty());
}

#[test]
fn minutes_behind_a_bare_wait_are_no_target() {
    let sandbox = Sandbox::new();
    for arguments in [&["fix", "good", "--wait", "5"][..], &["fix", "--wait", "5", "good"]] {
        says(&sandbox.run(arguments).expect(2).stderr, &["write `--wait=5`"]);
    }
    let stub = (PUT.world)().serve();
    let output = PUT.fix_with(&Sandbox::at(&stub), &["--wait=0"]).output;
    says(&output.stderr, &["waiting up to 0 min for SSM Agent on 1 instance\n"]);
}

#[test]
fn a_proposed_fix_names_the_target() {
    for (target, command) in [
        ("i-0a1b2c3d400000009", "run `ssm-profile fix i-0a1b2c3d400000009 --region us-east-1`, or attach"),
        ("i-0a1b2c3d400000008", "run `ssm-profile fix i-0a1b2c3d400000008 --region us-east-1`, or add"),
        ("web-5", "run `ssm-profile fix web-5 --region us-east-1`, or attach"),
    ] {
        says(&check(&[target]).expect(1).stdout, &[command]);
    }
    let key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let arn = "arn:aws:ec2:us-east-1:111122223333:instance/i-0a1b2c3d400000001";
    let text = check(&[arn, "--kms-key", key]).stdout;
    says(&text, &[&format!("run `ssm-profile fix {arn} --kms-key {key}`, or ")]);
}

#[test]
fn a_path_that_is_not_known_has_its_reason() {
    let typed = ["check", "--snapshot", NETWORK, "transit-1", "public-1"];
    let text = Sandbox::new().run(&typed).expect(0).stdout;
    let at = text.find("ready  transit-1 (").unwrap();
    let of_one = text[at..].split("\n\n").next().unwrap();
    says(of_one, &["path      ssm unknown", "info network-unknown: ", "what is behind it is not visible"]);
}

#[test]
fn an_endpoint_policy_that_was_given_is_checked() {
    let documents = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/documents/role-policy.json");
    let sandbox = Sandbox::new();
    let endpoint = json!({"Version": "2012-10-17", "Statement":
        [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]});
    sandbox.file("endpoint.json", endpoint);
    let of = |more: &[&str]| sandbox.run(&[&["check", "--policy", documents], more].concat()).stdout;
    assert!(of(&[]).contains("VPC endpoint policies"));
    assert!(!of(&["--endpoint-policy", "endpoint.json"]).contains("VPC endpoint policies"));
}

#[test]
fn a_filter_does_not_take_the_summary_away() {
    let text = check(&["--code", "metadata-disabled"]).expect(1).stdout;
    assert!(text.ends_with("\n21 checked: 3 ready, 13 not ready, 5 unknown\n"), "{text}");
    assert!(!check(&["i-0a1b2c3d400000001"]).expect(0).stdout.contains(" checked: "));
}

#[test]
fn with_nothing_left_there_is_nothing_to_undo() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(&["undo", "--last"]).expect(0);
    says(&output.stderr, &["nothing to undo: no backup in `", "ssm-profile` has anything left\n"]);
    assert_eq!(sandbox.run(&["undo", "--last", "-o", "json"]).expect(0).json()["changes"], json!([]));
    says(&sandbox.run(&["undo"]).expect(2).stderr, &["give a backup file, `--last` or `--list`"]);
}

/// Named or selected, more than ten targets are told by their causes.
#[test]
fn many_named_targets_are_told_by_cause() {
    let ids: Vec<String> = (1..=15).map(|number| format!("i-0a1b2c3d4000000{number:02x}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for arguments in [&ids[..], &[][..]] {
        let text = check(arguments).expect(1).stdout;
        says(&text, &[" causes\n", "\nnot ready  1 instance  metadata-disabled in 111122223333\n"]);
        says(&text, &["\nnot ready  1 instance  association-pending in 111122223333\n"]);
        says(&text, &["  fix: ssm-profile fix arn:aws:iam::111122223333:role/channels --region us-east-1\n"]);
    }
    let few = check(&ids[..10]).expect(1).stdout;
    assert!(!few.contains(" causes\n"), "{few}");
    // What is not there is a target, and not a Region that could not be read.
    let text = check(&[&ids[..], &["bare2"]].concat()).expect(1).stdout;
    assert!(text.starts_with("12 of 16 targets are not ready, 3 unknown; 15 causes\n"), "{text}");
    // Above and below the same number is counted.
    let all = check(&["--all"]).expect(1).stdout;
    let (first, last) = (all.lines().next().unwrap(), all.lines().last().unwrap());
    assert_eq!(first, "12 of 20 instances are not ready, 4 unknown, 1 skipped; 16 causes");
    assert_eq!(last, "20 checked: 3 ready, 12 not ready, 4 unknown, 1 skipped");
}

#[test]
fn mistakes_in_a_baseline_are_said_without_the_parser() {
    for (entry, expected) in [
        (r#""code":"nope""#, "`nope` is not a finding code"),
        (r#""code":"trust-policy","until":"2027-13-31""#, "`until` must be a date such as 2027-03-31"),
        (r#""code":"trust-policy","until":20270331"#, "`until` must be a date such as 2027-03-31"),
    ] {
        let sandbox = Sandbox::new();
        let text = format!("{{\"baseline_version\":1,\n\"findings\":[{{\"target\":\"x\",{entry}}}]}}");
        sandbox.file("baseline.json", text);
        let output = sandbox.run(&["check", "--snapshot", ACCOUNT, "--baseline", "baseline.json"]).expect(2);
        says(&output.stderr, &["baseline.json", "line 2, column ", expected]);
        // It is no mistake in what was typed.
        assert!(!output.stderr.contains("--help"), "{output:?}");
    }
}

#[test]
fn a_place_is_said_once() {
    let sandbox = Sandbox::new();
    sandbox.file("template.json", "{\"Resources\": {\"App\": {\n");
    let stderr = sandbox.run(&["check", "--cloudformation", "template.json"]).expect(2).stderr;
    assert_eq!(stderr.matches("line ").count(), 1, "{stderr}");
    says(&stderr, &["line 1, column 24: the text ends here"]);
    says(
        &sandbox.run(&["policy", "--s3-logs", "b/p"]).expect(2).stderr,
        &["`b` is not the name of a bucket", "3 to 63"],
    );
    let text = check(&["i-0a1b2c3d400000001", "--preferences", "foo"]).expect(3).stdout;
    says(
        &text,
        &[
            "cannot read the session preferences `foo`: the snapshot does not hold them\n",
            "remedy: take the snapshot again with `--preferences foo`\n",
        ],
    );
    let text = check(&["i-0a1b2c3d400000001", "--network", "require"]).expect(3).stdout;
    says(&text, &["the snapshot has no network facts\n", "remedy: take the snapshot again "]);
}

#[test]
fn a_missing_role_is_said_once() {
    let stub = World::ready().serve();
    let sandbox = Sandbox::at(&stub);
    for target in ["role/nope", "profile/nope"] {
        let text = sandbox.run(&["check", target]).expect(3).stdout;
        assert_eq!(text.matches("remedy: ").count(), 1, "{text}");
        assert!(!text.contains("the target was not found"), "{text}");
        let codes = sandbox.run(&["check", target, "-o", "json"]).expect(3).json()["results"][0]["findings"].clone();
        assert_eq!(codes.as_array().unwrap().len(), 2, "a script finds both codes");
    }
}

#[test]
fn what_was_typed_is_not_repeated() {
    let lines = check(&["web-1", "web-1", "i-0a1b2c3d400000001", "-q"]).expect(0).stdout;
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[0], "ready  web-1 (i-0a1b2c3d400000001) in us-east-1, 111122223333");
    assert_eq!(lines[1], "ready  i-0a1b2c3d400000001 (web-1) in us-east-1, 111122223333");
    assert_eq!(lines.len(), 3, "a target is counted once, and the last line sums up: {lines:?}");
    let report = Sandbox::new().run_with_input(&["check", "--snapshot", ACCOUNT, "-", "-o", "json"], "web-1\nweb-1\n");
    assert_eq!(report.expect(0).json()["summary"]["checked"], 1);
}
