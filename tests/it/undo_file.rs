//! The file that `undo` reads: who can write it, symbolic links, what killed runs left beside it.

use std::fs;

use serde_json::Value;

use crate::support::chains::{Account, OWN, POLICY, PUT, undo};
use crate::support::command::Sandbox;

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
        if !doubtful {
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
        let question = "make this change?";
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
        assert!(output.stderr.contains("belongs to the user with the id 12345"), "{output:?}");
        assert_eq!(stub.calls().len(), calls);
        sandbox.run_on_terminal(&["undo", "backup.json"], &[("make this change?", "y\r")]).expect(0);
        // It stays theirs.
        assert_eq!(fs::metadata(&file).unwrap().uid(), 12345);
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
            assert!(output.stderr.contains(&format!("/{loose}` can be written by others")), "{output:?}");
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
        let warning = stderr.lines().find(|line| line.contains("left over from a run that was killed"));
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
    assert!(!output.stderr.contains("left over"), "{output:?}");
}
