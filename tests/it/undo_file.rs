//! The file that `undo` reads: who can write it, symbolic links, what killed runs left beside it; and the look after the undo.

use std::fs;

use serde_json::Value;

use crate::support::chains::{ATTACH, Account, CREATE, Chain, NEW, OTHER, OWN, POLICY, PUT, go_on, undo};
use crate::support::command::Sandbox;
use crate::support::model::{Profile, Role};
use crate::support::world::World;

const LEFT: &str = ".ssm-profile-backup-x1Y2z3.tmp";

#[cfg(unix)]
mod on_unix {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::path::Path;
    use std::thread;

    use super::*;

    fn chmod(path: impl AsRef<Path>, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode(path: impl AsRef<Path>) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    /// Whether the directories that a test makes belong to a group of the user alone.
    fn group_is_private(sandbox: &Sandbox) -> bool {
        let metadata = fs::metadata(sandbox.path()).unwrap();
        metadata.uid() != 0 && metadata.uid() == metadata.gid()
    }

    #[test]
    fn a_backup_that_others_can_write_is_not_undone_without_a_question() {
        // The modes of the file and of its directory, and whether others can write it.
        let cases = [
            (0o600, 0o700, false),
            (0o644, 0o755, false),
            (0o660, 0o700, true),
            (0o602, 0o700, true),
            (0o600, 0o770, true),
            (0o600, 0o702, true),
            // Nobody but the owner takes files away there.
            (0o600, 0o1777, false),
            (0o666, 0o1777, true),
        ];
        thread::scope(|scope| {
            for (of_file, of_directory, doubtful) in cases {
                let name = format!("{of_file:o} in {of_directory:o}");
                let run = move || undo_with_modes(of_file, of_directory, doubtful);
                thread::Builder::new().name(name).spawn_scoped(scope, run).unwrap();
            }
        });
    }

    fn undo_with_modes(of_file: u32, of_directory: u32, doubtful: bool) {
        let stub = (PUT.world)().serve();
        let sandbox = Sandbox::at(&stub);
        fs::create_dir(sandbox.path().join("place")).unwrap();
        PUT.fix_with(&sandbox, &["--backup", "place/backup.json"]).expect(0);
        chmod(sandbox.path().join("place/backup.json"), of_file);
        chmod(sandbox.path().join("place"), of_directory);
        let (calls, after) = (stub.calls().len(), Account::of(&stub));
        let typed = ["undo", "place/backup.json", "--yes"];
        if !doubtful || (of_directory == 0o770 && group_is_private(&sandbox)) {
            sandbox.run(&typed).expect(0);
            assert_eq!(mode(sandbox.path().join("place/backup.json")), of_file);
            return;
        }
        let output = sandbox.run(&typed).expect(2);
        for words in ["others may have changed the backup", "chmod go-w "] {
            assert!(output.stderr.contains(words), "{output:?}");
        }
        assert_eq!((stub.calls().len(), Account::of(&stub)), (calls, after));
        // Whoever sees the plan decides.
        let dry = sandbox.run(&["undo", "place/backup.json", "--dry-run"]).expect(1);
        assert!(dry.stdout.contains("others may have changed the backup"), "{dry:?}");
        let question = "Apply 1 change";
        let shown = sandbox.run_on_terminal(&typed[..2], &[(question, "n\r")]).expect(2).stdout;
        let (before, _) = shown.split_once(question).unwrap();
        assert!(before.contains("others may have changed the backup"), "{shown}");
        assert_ne!(stub.role("web").unwrap().document(POLICY), Some(OWN));
        sandbox.run_on_terminal(&typed[..2], &[(question, "y\r")]).expect(0);
        assert_eq!(stub.role("web").unwrap().document(POLICY), Some(OWN));
    }

    #[test]
    fn a_backup_of_another_user_is_not_undone_without_a_question() {
        let stub = (PUT.world)().serve();
        let sandbox = Sandbox::at(&stub);
        PUT.fix_with(&sandbox, &["--backup", "backup.json"]).expect(0);
        let file = sandbox.path().join("backup.json");
        // Only root can give a file away.
        if std::os::unix::fs::chown(&file, Some(12345), None).is_err() {
            return;
        }
        let calls = stub.calls().len();
        let output = sandbox.run(&["undo", "backup.json", "--yes"]).expect(2);
        assert!(output.stderr.contains("is owned by the user ID 12345"), "{output:?}");
        assert_eq!(stub.calls().len(), calls);
        sandbox.run_on_terminal(&["undo", "backup.json"], &[("Apply 1 change", "y\r")]).expect(0);
        // It stays theirs.
        assert_eq!(fs::metadata(&file).unwrap().uid(), 12345);
    }

    /// Whoever can write in a directory decides what the path below it leads to.
    #[test]
    fn every_directory_and_link_on_the_way_to_a_backup_counts() {
        let stub = (PUT.world)().serve();
        let sandbox = Sandbox::at(&stub);
        fs::create_dir_all(sandbox.path().join("a b/inner/place")).unwrap();
        fs::create_dir(sandbox.path().join("links")).unwrap();
        PUT.fix_with(&sandbox, &["--backup", "a b/inner/place/backup.json"]).expect(0);
        // From `start` by `links/middle` to `a b/inner/place/backup.json`: the link in the middle lies in a directory of its own.
        symlink("../a b/inner", sandbox.path().join("links/middle")).unwrap();
        symlink("links/middle/../inner/place/backup.json", sandbox.path().join("start")).unwrap();
        let calls = stub.calls().len();
        let ways =
            [("a b/inner/place/backup.json", &["a b", "a b/inner"][..]), ("start", &["a b", "a b/inner", "links"][..])];
        for (typed, directories) in ways {
            for directory in directories {
                chmod(sandbox.path().join(directory), 0o777);
                let output = sandbox.run(&["undo", typed, "--yes"]).expect(2);
                let path = fs::canonicalize(sandbox.path().join(directory)).unwrap();
                let path = path.to_str().unwrap();
                // The path has a blank, so that the command quotes it.
                let quoted = if path.contains(' ') { format!("'{path}'") } else { path.to_owned() };
                let words =
                    format!("the directory `{path}` is writable by others (`chmod go-w {quoted}` prevents that)");
                assert!(output.stderr.contains(&words), "{output:?}");
                chmod(sandbox.path().join(directory), 0o755);
            }
        }
        // Only root can give a link away.
        if std::os::unix::fs::lchown(sandbox.path().join("links/middle"), Some(12345), None).is_ok() {
            let output = sandbox.run(&["undo", "start", "--yes"]).expect(2);
            assert!(output.stderr.contains("links/middle` is owned by the user ID 12345"), "{output:?}");
            std::os::unix::fs::lchown(sandbox.path().join("links/middle"), Some(0), None).unwrap();
        }
        assert_eq!(stub.calls().len(), calls);
        undo(&sandbox, "start").expect(0);
    }

    /// What comes out of a pipe is not what stands at a path: who wrote it is not known.
    #[test]
    fn a_backup_from_a_pipe_is_not_undone_without_a_question() {
        let stub = (PUT.world)().serve();
        let sandbox = Sandbox::at(&stub);
        PUT.fix_with(&sandbox, &["--backup", "backup.json"]).expect(0);
        let (calls, backup) = (stub.calls().len(), fs::read(sandbox.path().join("backup.json")).unwrap());
        let pipe = sandbox.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let output = thread::scope(|scope| {
            scope.spawn(|| fs::write(&pipe, &backup).unwrap());
            sandbox.run(&["undo", "pipe", "--yes"])
        });
        let output = output.expect(2);
        assert!(output.stderr.contains("/pipe` is not a regular file"), "{output:?}");
        assert_eq!(stub.calls().len(), calls);
    }

    #[test]
    fn a_symbolic_link_is_followed_and_stays() {
        let stub = (PUT.world)().serve();
        let sandbox = Sandbox::at(&stub);
        for place in ["place", "links"] {
            fs::create_dir(sandbox.path().join(place)).unwrap();
        }
        PUT.fix_with(&sandbox, &["--backup", "place/backup.json"]).expect(0);
        let (file, link) = (sandbox.path().join("place/backup.json"), sandbox.path().join("links/link.json"));
        symlink("../place/backup.json", &link).unwrap();
        chmod(&file, 0o640);
        // What counts is the file that it leads to, and both directories.
        for (loose, tight) in [("place", 0o700), ("links", 0o700), ("place/backup.json", 0o640)] {
            chmod(sandbox.path().join(loose), tight | 0o022);
            let output = sandbox.run(&["undo", "links/link.json", "--yes"]).expect(2);
            assert!(output.stderr.contains(&format!("/{loose}` is writable by others")), "{output:?}");
            chmod(sandbox.path().join(loose), tight);
        }
        undo(&sandbox, "links/link.json").expect(0);
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("../place/backup.json"));
        assert_eq!(mode(&file), 0o640);
        let backup: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(backup["changes"][0]["progress"], "taken_back");
        for place in ["place", "links"] {
            assert_eq!(fs::read_dir(sandbox.path().join(place)).unwrap().count(), 1, "{place}");
        }
    }
}

#[test]
fn what_killed_runs_left_is_named_and_kept() {
    let stub = (PUT.world)().serve();
    let sandbox = Sandbox::at(&stub);
    for name in [LEFT, ".ssm-profile-backup-other", "ssm-profile-backup-x.tmp", ".tmpX1y2Z3"] {
        sandbox.file(&format!("place/{name}"), "{");
    }
    let named = |stderr: &str| {
        let warning = stderr.lines().find(|line| line.contains("left by a run that was killed"));
        let warning = warning.unwrap_or_else(|| panic!("no warning: {stderr}"));
        assert!(warning.contains(LEFT) && warning.matches('`').count() == 6, "{warning}");
    };
    let fixed = sandbox.run(&PUT.typed(&["--yes", "--backup", "place/backup.json"])).expect(0);
    named(&fixed.stderr);
    let undone = sandbox.run(&["undo", "place/backup.json", "--yes"]).expect(0);
    named(&undone.stderr);
    assert_eq!(fs::read_dir(sandbox.path().join("place")).unwrap().count(), 5);
    // Where there is none, nothing is said.
    let output = sandbox.run(&PUT.typed(&["--yes", "--backup", "backup.json"])).expect(0);
    assert!(!output.stderr.contains("left by"), "{output:?}");
}

/// Undoes a fix while somebody does something right after one of its calls.
fn undone_with(chain: &Chain, action: &str, theirs: fn(&mut World)) {
    let stub = (chain.world)().serve();
    let backup = {
        let sandbox = Sandbox::at(&stub);
        let backup = chain.fix(&sandbox).expect(0).backup.unwrap();
        fs::read_to_string(backup).unwrap()
    };
    let stub = go_on(&stub).after(action, .., theirs).serve();
    let sandbox = Sandbox::at(&stub);
    let file = sandbox.file("backup.json", backup).display().to_string();
    let ran = undo(&sandbox, &file).expect(3);
    let row = ran.row(action);
    assert_eq!(row.status, "failed", "{ran:#?}");
    assert!(row.note.as_ref().unwrap().contains("now it is not as it was before the fix"), "{ran:#?}");
    assert!(ran.reason().contains(&row.target), "{ran:#?}");
    assert!(ran.rows.iter().filter(|other| other.action != row.action).all(|row| row.status == "done"), "{ran:#?}");
    // It is not crossed off: the next undo does not say that there is nothing to do.
    undo(&sandbox, &file).expect(1);
}

#[test]
fn what_is_not_as_it_was_to_be_after_an_undo_is_said() {
    undone_with(&CREATE, "DeleteRole", |world| world.roles.push(Role::new(NEW)));
    undone_with(&CREATE, "DeleteInstanceProfile", |world| world.profiles.push(Profile::new(NEW)));
    let without = Chain {
        world: || {
            let mut world = (PUT.world)();
            world.roles[0].inline.retain(|(name, _)| name != POLICY);
            world
        },
        ..PUT
    };
    undone_with(&without, "DeleteRolePolicy", |world| world.roles[0].inline.push((POLICY.into(), OTHER.into())));
}

#[test]
fn what_cannot_be_read_again_after_an_undo_is_said() {
    let stub = (ATTACH.world)().serve();
    let sandbox = Sandbox::at(&stub);
    let backup = fs::read_to_string(ATTACH.fix(&sandbox).expect(0).backup.unwrap()).unwrap();
    // The plan of the undo reads it once, and the look before the write once more.
    let denied = crate::support::chains::denied("ListAttachedRolePolicies");
    let stub = go_on(&stub).fail_some("ListAttachedRolePolicies", 3.., denied).serve();
    let sandbox = Sandbox::at(&stub);
    let file = sandbox.file("backup.json", backup).display().to_string();
    let ran = undo(&sandbox, &file).expect(3);
    let row = ran.row("DetachRolePolicy");
    assert!(row.status == "failed" && row.note.as_ref().unwrap().contains("cannot be determined whether"), "{ran:#?}");
    assert_eq!(stub.writes(), ["DetachRolePolicy"]);
}
