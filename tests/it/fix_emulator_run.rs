//! `fix` against the emulator: what it refuses, runs at the same time, and what it promises to scripts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use serde_json::{Value, json};

use crate::fix_emulator::{POLICY, backups, fix, fixed, statements};
use crate::live_emulator::{REGION, stage};
use crate::live_stub::{check, policy};
use crate::support::aws::AWS_MANAGED_CORE;
use crate::support::command::Sandbox;
use crate::support::emulator::{Account, account};
use crate::support::model::{CORE, EC2_TRUST};
use crate::support::record::{Command, Reason, Record, Status};
use crate::support::report::Verdict;

const STACK: (&str, &str) = ("aws:cloudformation:stack-name", "shop");

/// How many characters the inline policies of a role may have, white space not counted.
const INLINE_QUOTA: usize = 10_240;

/// A role of this name and path in a profile of a running instance; gives the instance's id.
fn instance_with(account: &Account, name: &str, path: &str) -> String {
    account.create_role(name, path, EC2_TRUST);
    account.create_instance_profile(name, "/");
    account.add_role_to_instance_profile(name, name);
    account.run_instance(Some(name), REGION)
}

/// Fixes what must not be touched: exit code 1, one reason, nothing written, nothing kept.
fn refuses(account: &Account, arguments: &[&str], reason: Reason) -> Record {
    let (sandbox, before) = (Sandbox::on(account), account.inventory(REGION));
    let record = fix(&sandbox, arguments, 1);
    assert!(!record.refusals.is_empty() && record.reasons().iter().all(|found| *found == reason), "{record:?}");
    assert!(record.refusals.iter().all(|refusal| refusal.target == arguments[0]), "{record:?}");
    assert_eq!((record.actions(), &record.backup, &record.stopped), (vec![], &None, &None));
    assert_eq!(record.results[0].verdict, Verdict::NotReady);
    assert_eq!((account.inventory(REGION), backups(&sandbox)), (before, 0));
    record
}

#[test]
fn what_no_grant_can_outweigh_is_refused() {
    type Obstacle = fn(&Account);
    let obstacles: [Obstacle; 5] = [
        |account| account.put_role_policy("web", "guard", policy("Deny", "ssmmessages:*")),
        |account| {
            account.attach_role_policy("web", AWS_MANAGED_CORE);
            account.put_role_policy("web", "guard", policy("Deny", "ssm:UpdateInstanceInformation"));
        },
        |account| {
            let limit = account.create_policy("limit", policy("Allow", ["s3:*", "ssm:*"].to_vec()));
            account.put_role_permissions_boundary("web", &limit);
        },
        |account| {
            let limit = account.create_policy("limit", policy("Deny", CORE[1]));
            account.put_role_policy("web", "all", policy("Allow", "*"));
            account.put_role_permissions_boundary("web", &limit);
        },
        |account| {
            account.attach_role_policy("web", AWS_MANAGED_CORE);
            account.update_trust("web", EC2_TRUST.replace("Allow", "Deny"));
        },
    ];
    for obstacle in obstacles {
        let account = account();
        let instance = stage(&account, obstacle);
        for how in [&[][..], &["--attach-managed"], &["--force-managed-elsewhere"]] {
            refuses(&account, &[&[&*instance], how].concat(), Reason::OutOfReach);
        }
    }
}

#[test]
fn roles_that_only_aws_may_edit_are_refused() {
    for path in ["/aws-service-role/autoscaling.amazonaws.com/", "/aws-reserved/sso.amazonaws.com/eu-west-1/"] {
        let account = account();
        let instance = instance_with(&account, "reserved", path);
        for how in [&[][..], &["--force-managed-elsewhere"], &["--attach-managed"]] {
            refuses(&account, &[&[&*instance], how].concat(), Reason::ReservedRole);
        }
    }
}

#[test]
fn a_role_that_a_stack_owns_is_changed_only_by_force() {
    let account = account();
    let instance = stage(&account, |account| account.tag_role("web", STACK.0, STACK.1));
    let record = refuses(&account, &[&instance], Reason::ManagedElsewhere);
    let refusal = &record.refusals[0];
    assert!(refusal.message.contains("shop") && refusal.remedy.contains("--force-managed-elsewhere"), "{record:?}");
    let fixed = fixed(&account, &[&instance], &[], &["--force-managed-elsewhere"]);
    let [warning] = &fixed.record.warnings[..] else { panic!("one warning: {:?}", fixed.record) };
    assert!(warning.contains("shop"), "{warning}");
    fixed.undo_wholly();
}

#[test]
fn a_document_that_says_two_things_is_left_to_a_person() {
    let account = account();
    let twice = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"},"Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}"#;
    let instance = stage(&account, |account| account.put_role_policy("web", POLICY, twice));
    refuses(&account, &[&instance], Reason::InvalidPolicy);
    fixed(&account, &[&instance], &[], &["--policy-name", "other"]).undo_wholly();
}

#[test]
fn a_target_that_is_refused_for_two_reasons_is_one_target() {
    let account = account();
    let instance = stage(&account, |account| {
        account.put_role_policy("web", "guard", policy("Deny", "ssmmessages:*"));
        account.update_trust("web", EC2_TRUST.replace("Allow", "Deny"));
    });
    let record = refuses(&account, &[&instance], Reason::OutOfReach);
    assert_eq!(record.refusals.len(), 2, "{record:?}");
    let text = Sandbox::on(&account).run(&["fix", "--yes", &instance]).expect(1).stdout;
    assert!(text.contains("no change; 1 target is left unchanged"), "{text}");
}

#[test]
fn policies_may_be_as_long_as_iam_takes_and_no_longer() {
    let size = |document: &str| document.chars().filter(|c| !c.is_ascii_whitespace()).count();
    let other = |padding: usize| {
        let resource = format!("arn:aws:s3:::{}", "x".repeat(padding));
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": resource}})
            .to_string()
    };
    let needed = {
        let account = account();
        let instance = stage(&account, |_| {});
        fix(&Sandbox::on(&account), &[&instance], 0);
        size(&account.role_policy("web", POLICY).unwrap())
    };
    let fitting = INLINE_QUOTA - needed - size(&other(0));
    let account = account();
    let instance = stage(&account, |account| account.put_role_policy("web", "other", other(fitting + 1)));
    refuses(&account, &[&instance], Reason::QuotaExceeded);
    account.put_role_policy("web", "other", other(fitting));
    fixed(&account, &[&instance], &[], &[]).undo_wholly();
    // A managed policy does not count.
    account.put_role_policy("web", "other", other(fitting + 1));
    fixed(&account, &[&instance], &[], &["--attach-managed"]).undo_wholly();
}

#[test]
fn a_refused_target_does_not_keep_the_others_from_being_fixed() {
    let account = account();
    let web = stage(&account, |_| {});
    let guarded = instance_with(&account, "guarded", "/");
    account.put_role_policy("guarded", "guard", policy("Deny", ["ssm:*", "ssmmessages:*"].to_vec()));
    let sandbox = Sandbox::on(&account);
    let before = account.inventory(REGION);
    let record = fix(&sandbox, &[&guarded, &web], 1);
    assert_eq!((record.actions(), record.statuses()), (vec!["iam:PutRolePolicy"], vec![Status::Done]));
    assert!(record.refusals.iter().all(|refusal| refusal.target == guarded), "{record:?}");
    assert!(record.reasons().contains(&Reason::OutOfReach));
    let summary = record.summary.unwrap();
    assert_eq!((summary.ready, summary.not_ready), (1, 1));
    assert_eq!(account.role_policies("web"), [POLICY]);
    let after = account.inventory(REGION);
    assert_eq!(after.roles["guarded"], before.roles["guarded"]);

    // The rest stays to be done by somebody else, and the exit code goes on saying so.
    let again = fix(&sandbox, &[&guarded, &web], 1);
    assert_eq!((again.actions(), &again.backup), (vec![], &None));
    assert_eq!(account.inventory(REGION), after);
    sandbox.run(&["undo", record.backup.as_ref().unwrap(), "--yes"]).expect(0);
    assert_eq!(account.inventory(REGION), before);
}

#[test]
fn two_fixes_at_the_same_time_lose_nothing_silently() {
    let own = json!({"Sid": "Own", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
    let round = |existing: bool| {
        let account = account();
        let instance = stage(&account, |account| {
            if existing {
                account.put_role_policy("web", POLICY, json!({"Version": "2012-10-17", "Statement": [own]}));
            }
        });
        let keys = [(); 2].map(|()| account.create_kms_key(REGION));
        let sandboxes = [(); 2].map(|()| Sandbox::on(&account));
        let running = [0, 1].map(|index| {
            let arguments = ["fix", "--yes", "-o", "json", &instance, "--kms-key", &keys[index]];
            sandboxes[index].start(&arguments, b"")
        });
        let ended = running.map(|running| running.wait());
        let document = account.role_policy("web", POLICY).unwrap();
        let statements = statements(&document);
        for (output, key) in ended.iter().zip(&keys) {
            let granted =
                || statements.iter().any(|one| one["Action"] == json!(["kms:Decrypt"]) && one["Resource"] == **key);
            match output.code {
                0 => assert!(granted(), "what a success wrote is there: {output:?}\n{document}"),
                3 => {
                    let stopped = output.record().stopped;
                    assert!(stopped.is_some_and(|why| why.contains("changed since the plan")), "{output:?}");
                }
                code => panic!("{code}: {output:?}"),
            }
        }
        assert_eq!(statements.contains(&own), existing, "{document}");
        for action in CORE {
            assert!(document.contains(action), "{document}");
        }
    };
    // Of the sequences in which the two can read and write, each round shows one.
    thread::scope(|scope| {
        for number in 0..6 {
            scope.spawn(move || round(number % 2 == 0));
        }
    });
}

#[test]
fn a_dry_run_plans_and_writes_nothing() {
    let account = account();
    let instance = stage(&account, |_| {});
    let (sandbox, before) = (Sandbox::on(&account), account.inventory(REGION));
    let dry = || sandbox.run(&["fix", "--dry-run", "-o", "json", &instance]);
    let planned = dry().expect(1).record();
    assert_eq!((planned.command, planned.dry_run), (Command::Fix, true));
    assert_eq!((planned.statuses(), &planned.backup, &planned.stopped), (vec![Status::Planned], &None, &None));
    assert_eq!(planned.results[0].verdict, Verdict::NotReady, "the report is of what is");
    assert_eq!((account.inventory(REGION), backups(&sandbox)), (before, 0));

    let done = fix(&sandbox, &[&instance], 0);
    assert_eq!((done.dry_run, done.statuses()), (false, vec![Status::Done]));
    let unlike = |record: &Record| {
        record
            .changes
            .iter()
            .map(|change| json!([change.action, change.target, change.name, change.before, change.after]))
            .collect::<Vec<_>>()
    };
    assert_eq!((unlike(&done), &done.reach), (unlike(&planned), &planned.reach), "what was planned is done");
    assert_eq!(done.changes[0].before, Value::Null);
    let stored: Value = serde_json::from_str(&account.role_policy("web", POLICY).unwrap()).unwrap();
    assert_eq!(done.changes[0].after, stored);
    assert_eq!(done.results, check(&sandbox, &[&instance]).results);

    let nothing = dry().expect(0).record();
    assert_eq!((nothing.dry_run, nothing.actions(), nothing.reasons()), (true, vec![], vec![]));
    let backup = done.backup.unwrap();
    let undo = sandbox.run(&["undo", "--dry-run", "-o", "json", &backup]).expect(1).record();
    assert_eq!((undo.command, undo.dry_run, undo.statuses()), (Command::Undo, true, vec![Status::Planned]));
    assert_eq!(account.role_policies("web"), [POLICY]);
    sandbox.run(&["undo", "--yes", &backup]).expect(0);
    let undo = sandbox.run(&["undo", "--dry-run", "-o", "json", &backup]).expect(0).record();
    assert_eq!(undo.actions(), [""; 0]);
}

#[test]
fn nothing_is_written_where_nobody_can_be_asked() {
    let account = account();
    let instance = stage(&account, |_| {});
    let (sandbox, before) = (Sandbox::on(&account), account.inventory(REGION));
    for form in ["text", "json"] {
        for input in ["", "y\n", "yes\n"] {
            let output = sandbox.run_with_input(&["fix", "-o", form, &instance], input).expect(2);
            assert!(output.stderr.contains("--yes"), "{output:?}");
            assert_eq!((account.inventory(REGION), backups(&sandbox)), (before.clone(), 0));
        }
    }
    let backup = fix(&sandbox, &[&instance], 0).backup.unwrap();
    let after = account.inventory(REGION);
    let output = sandbox.run_with_input(&["undo", &backup], "y\n").expect(2);
    assert!(output.stderr.contains("--yes"), "{output:?}");
    assert_eq!(account.inventory(REGION), after);
    // Where nothing is to be done, nobody has to be asked.
    sandbox.run(&["fix", &instance]).expect(0);
}

#[test]
fn a_backup_is_kept_where_it_was_asked_for_and_overwrites_nothing() {
    let account = account();
    let instance = stage(&account, |_| {});
    let (sandbox, before) = (Sandbox::on(&account), account.inventory(REGION));
    let taken = sandbox.file("taken.json", "precious");
    for file in ["taken.json", "no-such-directory/backup.json", "."] {
        let output = sandbox.run(&["fix", "--yes", "--backup", file, &instance]).expect(2);
        assert!(output.stderr.contains(file), "{output:?}");
        assert_eq!(account.inventory(REGION), before);
    }
    assert_eq!(fs::read_to_string(taken).unwrap(), "precious");
    for file in [sandbox.path().join("mine.json").display().to_string(), "here.json".to_string()] {
        let record = sandbox.run(&["fix", "--yes", "-o", "json", "--backup", &file, &instance]).expect(0).record();
        assert_eq!((record.backup.as_deref(), backups(&sandbox)), (Some(&*file), 0));
        let mode = fs::metadata(sandbox.path().join(&file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        sandbox.run(&["undo", &file, "--yes"]).expect(0);
        assert_eq!(account.inventory(REGION), before);
    }
}
