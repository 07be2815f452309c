//! `fix` against the emulator: what becomes of a role's policies, and how an undo puts them back.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use serde_json::{Value, json};

use crate::live_emulator::{REGION, stage};
use crate::live_stub::{check, policy};
use crate::support::aws::AWS_MANAGED_CORE;
use crate::support::command::Sandbox;
use crate::support::emulator::{Account, account};
use crate::support::inventory::Inventory;
use crate::support::model::CORE;
use crate::support::record::{Reason, Record, Status};
use crate::support::report::{Report, Verdict};

/// The name of the policy that the user guide proposes.
pub const POLICY: &str = "SessionManagerPermissions";

/// The policy of the user guide's page "Adding Session Manager permissions to an existing instance profile".
const DOCUMENTED: &str = r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel"
            ],
            "Resource": "*"
        },
        {
            "Effect": "Allow",
            "Action": [
                "s3:GetEncryptionConfiguration"
            ],
            "Resource": "*"
        },
        {
            "Effect": "Allow",
            "Action": [
                "kms:Decrypt"
            ],
            "Resource": "key-name"
        }
    ]
}"#;

/// Runs `fix --yes -o json`.
pub fn fix(sandbox: &Sandbox, arguments: &[&str], code: i32) -> Record {
    let record = sandbox.run(&[&["fix", "--yes", "-o", "json"], arguments].concat()).expect(code).record();
    if let Some(backup) = &record.backup {
        let mode = fs::metadata(backup).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "a backup is its owner's alone");
    }
    record
}

/// Runs all cases at the same time, each with an account of its own.
pub fn side_by_side<T: Send>(cases: impl IntoIterator<Item = T>, run: impl Fn(&Account, T) + Sync) {
    let run = &run;
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || run(&account(), case));
        }
    });
}

/// A broken account that was fixed, and all that is known of it before.
pub struct Fixed<'a> {
    account: &'a Account,
    sandbox: Sandbox,
    arguments: Vec<String>,
    judged: Report,
    pub before: Inventory,
    /// What the fix reported.
    pub record: Record,
}

/// Fixes targets that are not ready, or may not be (a bucket policy that the emulator does not show may grant what a role lacks), and
/// sees that they are ready afterwards and that a second fix has nothing to do.
///
/// `needs` are the flags that `check` knows too, `how` those that only `fix` knows.
pub fn fixed<'a>(account: &'a Account, targets: &[&str], needs: &[&str], how: &[&str]) -> Fixed<'a> {
    let sandbox = Sandbox::on(account);
    let arguments = [targets, needs].concat();
    let before = account.inventory(REGION);
    let judged = check(&sandbox, &arguments);
    assert!(judged.summary.ready < judged.summary.checked, "there is something to fix: {judged:?}");

    let record = fix(&sandbox, &[&*arguments, how].concat(), 0);
    assert!(!record.dry_run && !record.changes.is_empty());
    assert!(record.statuses().iter().all(|status| *status == Status::Done), "{record:?}");
    assert_eq!((record.reasons(), &record.stopped), (vec![], &None));
    assert!(Path::new(record.backup.as_ref().expect("what was before is kept")).is_file());
    let report = check(&sandbox, &arguments);
    assert_eq!(report.summary.ready, report.summary.checked, "{report:?}");
    assert_eq!(record.results, report.results, "the fix reports what a check reports after it");

    let after = account.inventory(REGION);
    let again = sandbox.run(&[&["fix", "--yes"], &*arguments, how].concat()).expect(0);
    assert!(again.stdout.contains("nothing to do"), "{again:?}");
    assert_eq!(account.inventory(REGION), after, "a second fix writes nothing");
    assert_eq!(backups(&sandbox), 1, "a second fix keeps nothing");
    let arguments = arguments.into_iter().map(ToString::to_string).collect();
    Fixed { account, sandbox, arguments, judged, before, record }
}

/// How many files are in the default directory of the backups.
pub fn backups(sandbox: &Sandbox) -> usize {
    fs::read_dir(sandbox.path().join(".local/state/ssm-profile")).map_or(0, Iterator::count)
}

impl Fixed<'_> {
    /// Checks the same targets again.
    pub fn check(&self) -> Report {
        check(&self.sandbox, &self.arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Undoes the fix, and sees that a second undo has nothing to do.
    pub fn undo(&self) -> Record {
        let backup = self.record.backup.as_ref().unwrap();
        let undone = self.sandbox.run(&["undo", backup, "--yes", "-o", "json"]).expect(0).record();
        assert!(undone.statuses().iter().all(|status| *status == Status::Done), "{undone:?}");
        assert_eq!((undone.reasons(), &undone.stopped), (vec![], &None));
        let after = self.account.inventory(REGION);
        let again = self.sandbox.run(&["undo", backup, "--yes"]).expect(0);
        assert!(again.stdout.contains("nothing to do"), "{again:?}");
        assert_eq!(self.account.inventory(REGION), after, "a second undo writes nothing");
        undone
    }

    /// Undoes the fix, and sees that everything is as before.
    pub fn undo_wholly(&self) {
        let undone = self.undo();
        assert_eq!(undone.warnings, [""; 0], "{undone:?}");
        assert_eq!(self.account.inventory(REGION), self.before);
        assert_eq!(self.check().results, self.judged.results);
    }
}

/// The statements of a policy.
pub fn statements(document: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(document).unwrap();
    many(&document["Statement"])
}

fn many(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

/// What statements grant: actions and resources. They must not do anything else.
fn grants<'a>(statements: impl IntoIterator<Item = &'a Value>) -> BTreeSet<(String, String)> {
    let mut grants = BTreeSet::new();
    for statement in statements {
        let elements: BTreeSet<_> = statement.as_object().unwrap().keys().map(String::as_str).collect();
        assert!(elements.is_subset(&BTreeSet::from(["Sid", "Effect", "Action", "Resource"])), "{statement}");
        assert_eq!(statement["Effect"], "Allow");
        for action in many(&statement["Action"]) {
            for resource in many(&statement["Resource"]) {
                grants.insert((action.as_str().unwrap().into(), resource.as_str().unwrap().into()));
            }
        }
    }
    grants
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> BTreeSet<(String, String)> {
    pairs.into_iter().map(|(action, resource)| (action.to_string(), resource.to_string())).collect()
}

/// What the user guide's minimal policy grants, without a key.
fn minimal() -> BTreeSet<(String, String)> {
    CORE.into_iter().chain(["s3:GetEncryptionConfiguration"]).map(|action| (action.into(), "*".into())).collect()
}

/// What the policy that the fix wrote grants.
fn written(account: &Account) -> BTreeSet<(String, String)> {
    grants(&statements(&account.role_policy("web", POLICY).expect("the fix wrote the policy")))
}

#[test]
fn a_role_with_other_permissions_gets_exactly_the_documented_statements() {
    let account = account();
    let other = "{\"Version\":\"2012-10-17\",\n \"Statement\":[ {\"Effect\":\"Allow\",\"Action\":\"ssm:*\",\"Resource\":\"*\"} ]}";
    let instance = stage(&account, |account| account.put_role_policy("web", "own", other));
    let key = account.create_kms_key(REGION);
    let fixed = fixed(&account, &[&instance], &["--kms-key", &key], &[]);

    let document = account.role_policy("web", POLICY).unwrap();
    let documented: Value = serde_json::from_str(&DOCUMENTED.replace("key-name", &key)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&document).unwrap(), documented);
    assert_eq!(fixed.record.actions(), ["iam:PutRolePolicy"]);
    let change = &fixed.record.changes[0];
    assert_eq!((change.name.as_deref(), &change.before, &change.after), (Some(POLICY), &Value::Null, &documented));
    assert_eq!(change.target, format!("arn:aws:iam::{}:role/web", account.id));
    assert_eq!(account.role_policy("web", "own").as_deref(), Some(other));
    fixed.undo_wholly();
}

#[test]
fn a_role_with_no_permissions_also_gets_the_heartbeat_and_no_key() {
    let account = account();
    let instance = stage(&account, |_| {});
    let fixed = fixed(&account, &[&instance], &[], &[]);
    assert_eq!(written(&account), minimal());
    assert_eq!(fixed.record.actions(), ["iam:PutRolePolicy"]);
    fixed.undo_wholly();
}

#[test]
fn an_alias_is_granted_by_the_arn_of_its_key() {
    let account = account();
    let instance = stage(&account, |account| account.attach_role_policy("web", AWS_MANAGED_CORE));
    let key = account.create_kms_key(REGION);
    account.create_alias(REGION, "alias/sessions", &key);
    let fixed = fixed(&account, &[&instance], &["--kms-key", "alias/sessions"], &[]);
    assert_eq!(written(&account), pairs([("kms:Decrypt", &key)]));
    fixed.undo_wholly();
}

#[test]
fn the_managed_policy_leaves_only_the_rest_to_the_inline_policy() {
    let account = account();
    let instance = stage(&account, |_| {});
    let fixed = fixed(&account, &[&instance], &[], &["--attach-managed"]);
    assert_eq!(account.attached("web"), [AWS_MANAGED_CORE]);
    assert_eq!(account.role_policies("web"), [""; 0]);
    assert_eq!(fixed.record.actions(), ["iam:AttachRolePolicy"]);
    fixed.undo_wholly();
    let key = account.create_kms_key(REGION);
    let fixed = self::fixed(&account, &[&instance], &["--kms-key", &key], &["--attach-managed"]);
    assert_eq!(account.attached("web"), [AWS_MANAGED_CORE]);
    assert_eq!(account.role_policies("web"), [POLICY]);
    assert_eq!(written(&account), pairs([("kms:Decrypt", &key)]));
    fixed.undo_wholly();
}

#[test]
fn a_role_that_has_the_core_is_not_given_the_managed_policy() {
    let account = account();
    let instance = stage(&account, |account| account.put_role_policy("web", "own", policy("Allow", CORE.to_vec())));
    let key = account.create_kms_key(REGION);
    let fixed = fixed(&account, &[&instance], &["--kms-key", &key], &["--attach-managed"]);
    assert_eq!(account.attached("web"), [""; 0]);
    assert_eq!(written(&account), pairs([("kms:Decrypt", &key)]));
    fixed.undo_wholly();
}

/// A document in three parts: what stands before the statements, the statements, what stands after them.
type Parts = (&'static str, &'static str, &'static str);

/// Policies in which a careless writer would lose or change something.
const FOREIGN: [Parts; 7] = [
    (
        "{ \"Version\": \"2012-10-17\",\n\t\"Statement\": [",
        "{\"Sid\": \"Mine\", \"Effect\": \"Allow\", \"Action\": \"s3:GetObject\", \"Resource\": \"arn:aws:s3:::b/*\"},\r\n   {\"Sid\":\"Also1\",\"Effect\":\"Deny\",\"Action\":\"ec2:*\",\"Resource\":\"*\"}",
        "]\n}",
    ),
    (
        "{\"Statement\":[",
        r#"{"Effect":"Allow","Action":["s3:*"],"Resource":"arn:aws:s3:::${aws:username}/*","Condition":{"StringEquals":{"aws:PrincipalTag/Team":["a","b"]},"NumericLessThan":{"s3:max-keys":10},"Bool":{"aws:SecureTransport":true}}}"#,
        "], \"Version\":\"2008-10-17\"}",
    ),
    (
        "{\"Id\": \"a \\u0041 \\/ \\\" ] } 東京\", \"Statement\" :\n[ ",
        r#"{"Effect":"Allow","NotAction":["iam:*","kms:*","ssm:*","ssmmessages:*","s3:*"],"Resource":"*"}"#,
        " ]}",
    ),
    (
        "{\"Version\":\"2012-10-17\",\"Statement\":",
        r#"{"Effect":"Allow","Action":"logs:*","Resource":["arn:aws:logs:*:*:*","arn:aws:logs:*:*:*"]}"#,
        "}",
    ),
    (
        "{\n  \"Statement\": ",
        "{\n    \"Resource\": \"*\",\n    \"Effect\": \"Allow\",\n    \"Action\": \"ec2:Describe*\"\n  }",
        ",\n  \"Version\": \"2008-10-17\"\n}\n",
    ),
    (
        "{\"Version\":\"2012-10-17\",\"Statement\":[",
        r#"{"Effect":"Allow","Action":"s3:GetObject","Action":"sqs:*","Resource":"*"}"#,
        "]}",
    ),
    (
        "{\"Version\":\"2012-10-17\",\"Statement\":[",
        r#"{"Effect":"Allow","NotResource":"arn:aws:s3:::${unclosed","Action":"S3:getobject"}"#,
        "]}",
    ),
];

#[test]
fn statements_that_are_there_are_kept_to_the_byte() {
    side_by_side(FOREIGN, |account, (head, own, tail)| {
        let text = format!("{head}{own}{tail}");
        let instance = stage(account, |account| account.put_role_policy("web", POLICY, &text));
        let key = account.create_kms_key(REGION);
        let fixed = fixed(account, &[&instance], &["--kms-key", &key], &[]);
        let document = account.role_policy("web", POLICY).unwrap();
        let rest = document.strip_prefix(head).unwrap_or_else(|| panic!("{head} is gone: {document}"));
        let rest = rest.strip_suffix(tail).unwrap_or_else(|| panic!("{tail} is gone: {document}"));
        let (opening, new) = rest.split_once(own).unwrap_or_else(|| panic!("{own} is gone: {document}"));
        assert!(opening.trim().is_empty() || opening.trim() == "[", "new statements stand behind: {document}");
        assert!(new.trim_start().starts_with(','), "{document}");

        let (old, all) = (statements(&text), statements(&document));
        assert_eq!(all[..old.len()], old, "{document}");
        let mut expected = minimal();
        expected.insert(("kms:Decrypt".into(), key));
        assert_eq!(grants(&all[old.len()..]), expected, "{document}");
        fixed.undo_wholly();
        assert_eq!(account.role_policy("web", POLICY), Some(text));
    });
}

#[test]
fn what_a_policy_grants_already_is_only_completed() {
    let channels = &CORE[1..];
    let on = |actions: &[&str], resource: &str| json!({"Effect": "Allow", "Action": actions, "Resource": resource});
    let cases = [
        vec![on(&[channels[0], channels[2]], "*")],
        vec![on(channels, "*")],
        vec![on(&[CORE[0]], "*")],
        vec![on(&channels[..1], "*"), on(&channels[1..2], "*"), on(&["S3:getencryptionconfiguration"], "*")],
        // A resource of another service gives an action without resource types nothing.
        vec![on(channels, "arn:aws:ec2:*:*:instance/*"), on(&[CORE[0]], "arn:aws:ec2:*:*:instance/*")],
    ];
    side_by_side(cases, |account, own| {
        let text = json!({"Version": "2012-10-17", "Statement": own}).to_string();
        let instance = stage(account, |account| account.put_role_policy("web", POLICY, &text));
        let fixed = fixed(account, &[&instance], &[], &[]);
        assert_eq!(fixed.record.actions(), ["iam:PutRolePolicy"]);
        let all = statements(&account.role_policy("web", POLICY).unwrap());
        assert_eq!(all[..own.len()], own);
        let added = grants(&all[own.len()..]);
        assert!(!added.is_empty() && added.is_subset(&minimal()), "{own:?}: {added:?}");
        let had = own.iter().flat_map(|statement| many(&statement["Action"]));
        let has_heartbeat = had.into_iter().any(|action| action == CORE[0]);
        assert_eq!(added.contains(&(CORE[0].into(), "*".into())), !has_heartbeat, "{own:?}: {added:?}");
        fixed.undo_wholly();
    });
}

#[test]
fn each_need_is_granted_with_its_documented_resource_and_nothing_more() {
    let core = |account: &Account| account.attach_role_policy("web", AWS_MANAGED_CORE);
    let bucket = "arn:aws:s3:::session-logs";
    let cases = [
        (
            &["--s3-logs", "session-logs/prod"][..],
            pairs([("s3:GetEncryptionConfiguration", bucket), ("s3:PutObject", "arn:aws:s3:::session-logs/prod/*")]),
        ),
        (
            &["--s3-logs", "session-logs"],
            pairs([("s3:GetEncryptionConfiguration", bucket), ("s3:PutObject", "arn:aws:s3:::session-logs/*")]),
        ),
        (
            &["--require", "s3:GetObject=arn:aws:s3:::artifacts/*", "--require", "ec2:DescribeTags"],
            pairs([("s3:GetObject", "arn:aws:s3:::artifacts/*"), ("ec2:DescribeTags", "*")]),
        ),
    ];
    side_by_side(cases, |account, (flags, expected)| {
        let instance = stage(account, core);
        let fixed = fixed(account, &[&instance], flags, &[]);
        assert_eq!(written(account), expected);
        fixed.undo_wholly();
    });
}

#[test]
fn logs_go_to_the_log_group_that_was_named() {
    let account = account();
    let instance = stage(&account, |account| account.attach_role_policy("web", AWS_MANAGED_CORE));
    let fixed = fixed(&account, &[&instance], &["--cloudwatch-logs", "/ssm/sessions"], &[]);
    let granted = written(&account);
    let actions: BTreeSet<&str> = granted.iter().map(|(action, _)| action.as_str()).collect();
    let expected = ["logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents"];
    assert_eq!(actions, BTreeSet::from(expected));
    let group = format!("arn:aws:logs:{REGION}:{}:log-group:/ssm/sessions", account.id);
    for (action, resource) in &granted {
        let rest = resource.strip_prefix(&group);
        let allowed = if action == "logs:DescribeLogGroups" {
            resource == "*"
        } else {
            matches!(rest, Some("" | ":*" | ":log-stream:*"))
        };
        assert!(allowed, "{action} on {resource}");
    }
    fixed.undo_wholly();
}

#[test]
fn a_role_with_nothing_gets_all_needs_in_one_policy() {
    let account = account();
    let instance = stage(&account, |_| {});
    let key = account.create_kms_key(REGION);
    let needs =
        ["--kms-key", &key, "--s3-logs", "session-logs", "--cloudwatch-logs", "g", "--require", "ec2:DescribeTags"];
    let fixed = fixed(&account, &[&instance], &needs, &[]);
    assert_eq!(fixed.record.actions(), ["iam:PutRolePolicy"]);
    let (granted, minimal) = (written(&account), minimal());
    assert!(granted.is_superset(&minimal), "{granted:?}");
    let others: BTreeSet<&str> = granted.difference(&minimal).map(|(action, _)| action.as_str()).collect();
    let expected = [
        "ec2:DescribeTags",
        "kms:Decrypt",
        "logs:CreateLogStream",
        "logs:DescribeLogGroups",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
        "s3:PutObject",
    ];
    assert_eq!(others, BTreeSet::from(expected));
    fixed.undo_wholly();
}

#[test]
fn the_policy_may_have_another_name() {
    let account = account();
    let other = policy("Allow", "s3:GetObject").to_string();
    let instance = stage(&account, |account| account.put_role_policy("web", POLICY, &other));
    let fixed = fixed(&account, &[&instance], &[], &["--policy-name", "sessions+a=b,c.d@e-f_g"]);
    assert_eq!(fixed.record.changes[0].name.as_deref(), Some("sessions+a=b,c.d@e-f_g"));
    let document = account.role_policy("web", "sessions+a=b,c.d@e-f_g").unwrap();
    assert_eq!(grants(&statements(&document)), minimal());
    assert_eq!(account.role_policy("web", POLICY), Some(other));
    fixed.undo_wholly();
}

#[test]
fn a_policy_whose_name_differs_in_case_only_is_the_same() {
    let account = account();
    let own = policy("Allow", "s3:GetObject").to_string();
    let instance = stage(&account, |account| account.put_role_policy("web", "sessionmanagerpermissions", &own));
    let fixed = fixed(&account, &[&instance], &[], &[]);
    assert_eq!(account.role_policies("web"), ["sessionmanagerpermissions"]);
    let document = account.role_policy("web", "sessionmanagerpermissions").unwrap();
    assert_eq!(grants(&statements(&document)[1..]), minimal());
    fixed.undo_wholly();
}

#[test]
fn an_undo_refuses_where_somebody_changed_what_the_fix_wrote() {
    let account = account();
    let instance = stage(&account, |_| {});
    let fixed = fixed(&account, &[&instance], &[], &[]);
    account.put_role_policy("web", POLICY, policy("Allow", "*"));
    let changed = account.inventory(REGION);
    let backup = fixed.record.backup.clone().unwrap();
    let undone = Sandbox::on(&account).run(&["undo", &backup, "--yes", "-o", "json"]).expect(1).record();
    assert_eq!(undone.reasons(), [Reason::ChangedSince]);
    assert_eq!(undone.statuses(), [Status::NotDone; 0]);
    assert_eq!(account.inventory(REGION), changed);
    assert_eq!(fixed.check().only().verdict, Verdict::Ready);
}
