//! `fix` over several accounts, and `undo` in each of them.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::command_line::refused_with;
use crate::fix_command_line::lacking;
use crate::support::chains::{POLICY, Ran, denied};
use crate::support::command::Sandbox;
use crate::support::model::{Instance, Profile, Role};
use crate::support::record::Reason;
use crate::support::report::Verdict;
use crate::support::stub::Stub;
use crate::support::world::{ACCOUNT, INSTANCE, World};
use crate::support_fleet::{CLOSED, ELSEWHERE, MEMBER};

const PUT: &str = "PutRolePolicy";

/// An instance whose role lacks the permissions, in another account.
fn member() -> World {
    World::new(MEMBER)
        .instance(Instance::new(ELSEWHERE).profile("app"))
        .profile(Profile::new("app").role("app"))
        .role(Role::new("app"))
}

fn accounts(sandbox: &Sandbox, ids: &[&str]) -> String {
    sandbox.file("accounts.txt", ids.join("\n")).display().to_string()
}

fn fix(sandbox: &Sandbox, ids: &[&str], more: &[&str]) -> crate::support::command::Output {
    let file = accounts(sandbox, ids);
    sandbox.run(&[&["fix", "--accounts", &file, "--assume-role", "fleet"], more].concat())
}

fn apply(sandbox: &Sandbox, ids: &[&str], more: &[&str]) -> Ran {
    Ran::of(fix(sandbox, ids, &[&["--yes", "-o", "json"], more].concat()))
}

fn undo(sandbox: &Sandbox, backup: &str) -> Ran {
    Ran::of(sandbox.run(&["undo", backup, "--assume-role", "fleet", "--yes", "-o", "json"]))
}

/// Whether the role of the one instance of this account has the policy.
fn is_mended(stub: &Stub, account: &str) -> bool {
    stub.world_of(account, |world| world.roles.iter().any(|role| role.document(POLICY).is_some()))
}

fn backups(ran: &Ran) -> Vec<String> {
    let list = ran.json["backups"].as_array().cloned().unwrap_or_default();
    list.iter().map(|path| path.as_str().unwrap().to_string()).collect()
}

#[test]
fn two_accounts_are_fixed_and_each_is_undone() {
    let stub = Stub::accounts([lacking(), member(), World::new(CLOSED).not_assumable()]);
    let sandbox = Sandbox::at(&stub);
    let ran = apply(&sandbox, &[MEMBER, CLOSED, ACCOUNT], &[]);
    let record = ran.output.record();
    // One that cannot be entered is not known, and the others go on.
    let ran = ran.expect(3);
    let changed: Vec<_> = record.changes.iter().map(|change| change.account.as_deref().unwrap()).collect();
    assert_eq!((changed, ran.statuses()), (vec![ACCOUNT, MEMBER], vec!["done", "done"]));
    let verdicts: Vec<_> =
        record.results.iter().map(|outcome| (outcome.account.as_deref().unwrap(), outcome.verdict)).collect();
    let expected = [(ACCOUNT, Verdict::Ready), (MEMBER, Verdict::Ready), (CLOSED, Verdict::Unknown)];
    assert_eq!(verdicts, expected);
    assert_eq!(record.reasons(), [Reason::Unknown]);
    assert!(record.refusals[0].message.contains("sts:AssumeRole"), "{record:?}");
    assert!(is_mended(&stub, ACCOUNT) && is_mended(&stub, MEMBER));
    assert_eq!((ran.backup.as_ref(), record.backups.len()), (None, 2));

    for (backup, account) in record.backups.iter().zip([ACCOUNT, MEMBER]) {
        assert!(backup.contains(account), "{backup}");
        assert_eq!(undo(&sandbox, backup).expect(0).statuses(), ["done"]);
        assert!(!is_mended(&stub, account));
        assert!(undo(&sandbox, backup).expect(0).rows.is_empty());
    }
}

#[test]
fn an_undo_elsewhere_wants_the_role() {
    let stub = Stub::accounts([lacking(), member()]);
    let sandbox = Sandbox::at(&stub);
    let ran = apply(&sandbox, &[MEMBER], &[]).expect(0);
    // A single backup stands where it always stood.
    let backup = ran.backup.clone().unwrap();
    assert!(backups(&ran).is_empty() && !is_mended(&stub, ACCOUNT));
    let refused = sandbox.run(&["undo", &backup, "--yes"]).expect(2);
    assert!(refused.stderr.contains("`--assume-role NAME`") && refused.stderr.contains(MEMBER), "{refused:?}");
    stub.world_of(MEMBER, |world| world.assumable.refused = true);
    let refused = sandbox.run(&["undo", &backup, "--assume-role", "fleet", "--yes"]).expect(3);
    assert!(
        refused.stderr.contains("`sts:AssumeRole`") && refused.stderr.contains("nothing was changed"),
        "{refused:?}"
    );
    assert!(is_mended(&stub, MEMBER));
    stub.world_of(MEMBER, |world| world.assumable.refused = false);
    undo(&sandbox, &backup).expect(0);
    assert!(!is_mended(&stub, MEMBER));
    let said = refused_with(&[], &["undo", "x.json", "--assume-role", "arn:aws:iam::111122223333:role/x"]);
    assert!(said.contains("not the name of a role"), "{said}");
}

#[test]
fn a_plan_has_the_accounts_for_headings() {
    let stub = Stub::accounts([lacking(), member(), World::new(CLOSED)]);
    let sandbox = Sandbox::at(&stub);
    let text = fix(&sandbox, &[ACCOUNT, MEMBER, CLOSED], &["--dry-run"]).expect(1).stdout;
    let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("account ")).collect();
    // Where there is nothing to do, there is nothing to be read.
    assert_eq!(headings, [format!("account {ACCOUNT}"), format!("account {MEMBER}")], "{text}");
    assert!(text.contains("2 of 3 accounts: 2 changes (dry run: nothing was changed)\n"), "{text}");
    assert!(stub.writes().is_empty());
}

#[test]
fn one_question_is_asked_for_all_accounts() {
    for (answer, code) in [("y\r", 0), ("n\r", 2)] {
        let stub = Stub::accounts([lacking(), member()]);
        let sandbox = Sandbox::at(&stub);
        let file = accounts(&sandbox, &[ACCOUNT, MEMBER]);
        let typed = ["fix", "--accounts", &file, "--assume-role", "fleet"];
        let shown = sandbox.run_on_terminal(&typed, &[("Apply 2 changes", answer)]).expect(code).stdout;
        assert!(
            shown.contains(&format!("account {ACCOUNT}")) && shown.contains(&format!("account {MEMBER}")),
            "{shown}"
        );
        assert_eq!((is_mended(&stub, ACCOUNT), is_mended(&stub, MEMBER)), (code == 0, code == 0));
        if code == 0 {
            assert_eq!(shown.matches(".json --assume-role fleet").count(), 2, "{shown}");
        }
    }
    // Nobody is there to be asked.
    let stub = Stub::accounts([lacking(), member()]);
    fix(&Sandbox::at(&stub), &[ACCOUNT, MEMBER], &[]).expect(2);
    assert!(!is_mended(&stub, ACCOUNT) && !is_mended(&stub, MEMBER));
}

#[test]
fn the_backups_of_several_accounts_go_into_a_directory() {
    let stub = Stub::accounts([lacking(), member()]);
    let sandbox = Sandbox::at(&stub);
    let both = [ACCOUNT, MEMBER];
    let said = fix(&sandbox, &both, &["--yes", "--backup", "one.json"]).expect(2).stderr;
    assert!(
        said.contains("`one.json`") && said.contains("directory") && said.contains("nothing was changed"),
        "{said}"
    );
    assert!(!is_mended(&stub, ACCOUNT) && !is_mended(&stub, MEMBER) && !sandbox.path().join("one.json").exists());

    let directory = sandbox.path().join("backups");
    fs::create_dir(&directory).unwrap();
    // A file that is there is never written over, and the other account stays as it is then too.
    let taken = sandbox.file(&format!("backups/{MEMBER}.json"), "mine");
    let said = fix(&sandbox, &both, &["--yes", "--backup", "backups"]).expect(3).stderr;
    assert!(said.contains(&format!("{MEMBER}.json")) && said.contains("nothing was changed"), "{said}");
    assert_eq!(fs::read_to_string(&taken).unwrap(), "mine");
    assert!(!is_mended(&stub, ACCOUNT) && !directory.join(format!("{ACCOUNT}.json")).exists());
    fs::remove_file(&taken).unwrap();

    let ran = apply(&sandbox, &both, &["--backup", "backups"]).expect(0);
    assert_eq!(backups(&ran), both.map(|account| format!("backups/{account}.json")));
    for backup in backups(&ran) {
        undo(&sandbox, &backup).expect(0);
    }
    assert!(!is_mended(&stub, ACCOUNT) && !is_mended(&stub, MEMBER));
    // One account with changes needs one file.
    let ran = apply(&sandbox, &[MEMBER], &["--backup", "one.json"]).expect(0);
    assert_eq!(ran.backup.as_deref(), Some("one.json"));
    assert!(Path::new(&sandbox.path().join("one.json")).is_file());
}

#[test]
fn failures_are_counted_over_all_accounts() {
    let worlds = || [lacking().fail(PUT, denied(PUT)), member()];
    let stub = Stub::accounts(worlds());
    let ran = apply(&Sandbox::at(&stub), &[ACCOUNT, MEMBER], &[]).expect(3);
    assert_eq!((ran.statuses(), ran.backup.as_ref(), backups(&ran).len()), (vec!["failed", "not_done"], None, 0));
    assert!(stub.calls_in(MEMBER).iter().all(|call| !call.is_write()) && !is_mended(&stub, MEMBER));

    let stub = Stub::accounts(worlds());
    let sandbox = Sandbox::at(&stub);
    let ran = apply(&sandbox, &[ACCOUNT, MEMBER], &["--max-failures", "2"]).expect(3);
    assert_eq!(ran.statuses(), ["failed", "done"]);
    let verdicts: Vec<_> = ran.output.report_of_fix().iter().map(|outcome| outcome.verdict).collect();
    assert_eq!(verdicts, [Verdict::NotReady, Verdict::Ready]);
    undo(&sandbox, &ran.backup.unwrap()).expect(0);
    assert!(!is_mended(&stub, MEMBER));
}

#[test]
fn only_some_findings_in_several_accounts() {
    let bare = member().instance(Instance::new("i-00000000000000009"));
    let stub = Stub::accounts([lacking(), bare]);
    let more = ["--only", "no-instance-profile", "--create-profile", "sessions"];
    let ran = apply(&Sandbox::at(&stub), &[ACCOUNT, MEMBER], &more).expect(0);
    assert!(ran.rows.iter().all(|row| row.status == "done") && ran.rows.len() == 5, "{ran:#?}");
    let has_inline = |account: &str, name: &str| {
        stub.world_of(account, |world| world.roles.iter().any(|role| role.name == name && !role.inline.is_empty()))
    };
    let targets: Vec<_> = ran.output.report_of_fix().into_iter().map(|outcome| outcome.target).collect();
    assert_eq!(targets, ["i-00000000000000009"]);
    assert!(!has_inline(ACCOUNT, "web") && !has_inline(MEMBER, "app"));
}

#[test]
fn several_accounts_are_not_emitted() {
    let files = [("accounts.txt", "111122223333\n")];
    let typed = ["fix", "--accounts", "accounts.txt", "--assume-role", "fleet", "--emit", "cli"];
    let said = refused_with(&files, &typed);
    assert!(said.contains("`--emit`") && said.contains("`--accounts`"), "{said}");
}

#[test]
fn what_is_ready_everywhere_is_left_alone() {
    let stub = Stub::accounts([World::ready(), World::new(MEMBER)]);
    let output = fix(&Sandbox::at(&stub), &[ACCOUNT, MEMBER], &["--yes", "-o", "json"]).expect(0);
    let record = output.record();
    assert!(record.changes.is_empty() && stub.writes().is_empty());
    assert_eq!(record.results.iter().map(|outcome| outcome.target.as_str()).collect::<Vec<_>>(), [INSTANCE]);
    assert_eq!(output.json()["backup"], json!(null));
}
