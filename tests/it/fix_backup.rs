//! The backup of a `fix`: there before the first write, for its owner only, and enough for `undo`.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::chains::{Account, CHAINS, CREATE, Chain, OWN, POLICY, PUT, Ran, TRUST_AND_PUT, go_on, undo};
use crate::support::command::Sandbox;
use crate::support::stub::Stub;
use crate::support::world::{INSTANCE, World};

/// Where backups go by themselves.
const STATE: &str = ".local/state/ssm-profile";

fn read(path: impl AsRef<Path>) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// How far each change of a backup came.
fn progress(backup: &Value) -> Vec<&str> {
    backup["changes"].as_array().unwrap().iter().map(|entry| entry["progress"].as_str().unwrap()).collect()
}

/// A run that must end with 2 before anything is read.
fn refused(stub: &Stub, sandbox: &Sandbox, chain: &Chain, more: &[&str], says: &str) {
    let output = sandbox.run(&chain.typed(&[&["--yes"], more].concat())).expect(2);
    assert!(output.stderr.contains(says), "{output:?}");
    assert!(stub.calls().is_empty(), "{:?}", stub.actions());
}

#[test]
fn a_backup_that_cannot_be_written_stops_the_run() {
    let stub = (PUT.world)().serve();
    let sandbox = Sandbox::at(&stub);
    sandbox.file("file", "mine");
    refused(&stub, &sandbox, &PUT, &["--backup", "file/backup.json"], "file/backup.json");
    refused(&stub, &sandbox, &PUT, &["--backup", "none/backup.json"], "none/backup.json");
    // It overwrites nothing.
    refused(&stub, &sandbox, &PUT, &["--backup", "file"], "there is a file `file`");
    assert_eq!(fs::read_to_string(sandbox.path().join("file")).unwrap(), "mine");
    // A place of its own, which is no directory.
    let sandbox = sandbox.without("XDG_STATE_HOME").env("HOME", "/dev/null");
    refused(&stub, &sandbox, &PUT, &[], "give `--backup FILE`");
    let state = Sandbox::at(&stub).env("XDG_STATE_HOME", "/dev/null");
    refused(&stub, &state, &PUT, &[], "give `--backup FILE`");
    // A directory that takes no files, whoever asks.
    if Path::new("/proc/self").exists() {
        refused(&stub, &sandbox, &PUT, &["--backup", "/proc/backup.json"], "`/proc` takes no files");
        let state = Sandbox::at(&stub).env("XDG_STATE_HOME", "/proc/state");
        refused(&stub, &state, &PUT, &[], "give `--backup FILE`");
        // What is not written needs no place.
        let printed = state.run(&PUT.typed(&["--emit", "cli"])).expect(0).stdout;
        assert!(printed.contains("put-role-policy"), "{printed}");
    }
}

#[test]
fn no_home_directory_is_needed_where_the_file_is_named() {
    let stub = (PUT.world)().serve();
    let sandbox = Sandbox::at(&stub).without("HOME").without("XDG_STATE_HOME");
    let ran = PUT.fix_with(&sandbox, &["--backup", "backup.json"]).expect(0);
    assert_eq!(ran.backup.as_deref(), Some("backup.json"));
    undo(&sandbox, "backup.json").expect(0);
    assert_eq!(stub.role("web").unwrap().document(POLICY), Some(OWN));
}

#[cfg(unix)]
#[test]
fn a_backup_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let stub = (PUT.world)().serve();
    let sandbox = Sandbox::at(&stub);
    let backup = PUT.fix(&sandbox).expect(0).backup.unwrap();
    let backup = Path::new(&backup);
    let directory = sandbox.path().join(STATE);
    assert_eq!(backup.parent(), Some(directory.as_path()));
    assert_eq!((mode(backup), mode(&directory)), (0o600, 0o700));
    // What undo writes into it changes nothing about that.
    undo(&sandbox, &backup.display().to_string()).expect(0);
    assert_eq!(mode(backup), 0o600);
    // Nothing else is left beside it.
    assert_eq!(fs::read_dir(directory).unwrap().count(), 1);
}

#[test]
fn a_backup_says_what_was_before_and_after() {
    let stub = (PUT.world)().serve();
    let sandbox = Sandbox::at(&stub);
    let ran = PUT.fix(&sandbox).expect(0);
    let backup = read(ran.backup.as_ref().unwrap());
    assert_eq!((&backup["backup_version"], progress(&backup)), (&json!(1), vec!["made"]));
    // To the letter, and without escapes: whoever has to put it back by hand can copy it.
    let text = fs::read_to_string(ran.backup.as_ref().unwrap()).unwrap();
    let written = stub.role("web").unwrap().document(POLICY).unwrap().to_string();
    for document in [OWN, written.as_str()] {
        assert!(text.contains(document), "{document} is not in {text}");
    }
    undo(&sandbox, ran.backup.as_ref().unwrap()).expect(0);
    assert_eq!(progress(&read(ran.backup.unwrap())), ["taken_back"]);
}

#[test]
fn a_run_that_tried_nothing_leaves_no_backup() {
    let ready = World::ready().serve();
    let state = |sandbox: &Sandbox| {
        let files = fs::read_dir(sandbox.path().join(STATE));
        files.map_or_else(|_| Vec::new(), |files| files.map(|file| file.unwrap().file_name()).collect())
    };
    let sandbox = Sandbox::at(&ready);
    sandbox.run(&["fix", INSTANCE, "--yes"]).expect(0);
    assert!(state(&sandbox).is_empty());

    let bare = (CREATE.world)().serve();
    let sandbox = Sandbox::at(&bare);
    sandbox.run(&["fix", INSTANCE, "--yes"]).expect(1);
    sandbox.run(&CREATE.typed(&["--dry-run"])).expect(1);
    sandbox.run(&CREATE.typed(&[])).expect(2);
    assert!(state(&sandbox).is_empty());

    // It changed before the first write, or AWS refused that one.
    let stages: [fn() -> World; 2] = [
        || (PUT.world)().before("GetRolePolicy", 3..=3, |world| world.roles[0].inline.clear()),
        || (PUT.world)().fail("PutRolePolicy", Answer::denied("iam:PutRolePolicy")),
    ];
    for world in stages {
        let stub = world().serve();
        let sandbox = Sandbox::at(&stub);
        let ran = PUT.fix(&sandbox).expect(3);
        assert!(ran.backup.is_none() && state(&sandbox).is_empty(), "{ran:#?}");
        let stub = world().serve();
        let sandbox = Sandbox::at(&stub);
        PUT.fix_with(&sandbox, &["--backup", "backup.json"]).expect(3);
        assert!(!sandbox.path().join("backup.json").exists());
    }
}

#[test]
fn the_backup_is_on_disk_before_each_write() {
    for chain in CHAINS {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("backup.json");
        let seen = Arc::<Mutex<Vec<Value>>>::default();
        let world = chain.writes.iter().fold((chain.world)(), |world, action| {
            let (seen, path) = (Arc::clone(&seen), path.clone());
            world.before(action, .., move |_| {
                let text = fs::read_to_string(&path).unwrap_or_default();
                seen.lock().unwrap().push(serde_json::from_str(&text).unwrap_or_default());
            })
        });
        let stub = world.serve();
        chain.fix_with(&Sandbox::at(&stub), &["--backup", &path.display().to_string()]).expect(0);
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), chain.writes.len());
        for (place, backup) in seen.iter().enumerate() {
            let expected: Vec<&str> = (0..seen.len())
                .map(|other| match other.cmp(&place) {
                    std::cmp::Ordering::Less => "made",
                    std::cmp::Ordering::Equal => "tried",
                    std::cmp::Ordering::Greater => "planned",
                })
                .collect();
            assert_eq!(progress(backup), expected, "{chain:?}");
        }
    }
}

#[test]
fn a_backup_that_cannot_be_written_any_more_stops_the_run() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("place");
    fs::create_dir(&place).unwrap();
    let gone = place.clone();
    let stub = (CREATE.world)().after("CreateRole", .., move |_| fs::remove_dir_all(&gone).unwrap()).serve();
    let beginning = Account::of(&stub);
    let file = place.join("backup.json").display().to_string();
    let ran = CREATE.fix_with(&Sandbox::at(&stub), &["--backup", &file]).expect(3);
    assert!(ran.reason().contains("cannot write the backup"), "{ran:#?}");
    assert_eq!(stub.writes(), ["CreateRole", "DeleteRole"]);
    assert_eq!(Account::of(&stub), beginning);
}

/// Nobody is left to write down what became of the write that was under way.
#[test]
fn a_run_that_is_killed_can_be_undone() {
    for chain in CHAINS.iter().filter(|chain| chain.comes_back) {
        for action in chain.writes {
            let stub = (chain.world)().serve();
            let beginning = Account::of(&stub);
            let sandbox = Sandbox::at(&stub);
            stub.hold(action, ..);
            let running = sandbox.start(&chain.typed(&["--yes", "--backup", "backup.json"]), b"");
            stub.wait_for_held(action);
            drop(running);
            // The write was made; undo sees that.
            let stub = go_on(&stub).serve();
            let sandbox = Sandbox::at(&stub).env("HOME", &sandbox.path().display().to_string());
            let backup = Path::new(&sandbox.variables()["HOME"]).join("backup.json");
            undo(&sandbox, &backup.display().to_string()).expect(0);
            assert_eq!(Account::of(&stub), beginning, "{action} of {chain:?}");
        }
    }
}

#[test]
fn what_is_no_backup_is_refused() {
    let stub = (PUT.world)().serve();
    let sandbox = Sandbox::at(&stub);
    let backup = PUT.fix(&sandbox).expect(0).backup.unwrap();
    let (before, good) = (stub.calls().len(), fs::read_to_string(&backup).unwrap());
    let mut newer = read(&backup);
    newer["backup_version"] = json!(2);
    let mut impossible = read(&backup);
    impossible["changes"][0]["change"]["after"] = json!("absent");
    impossible["changes"][0]["change"]["before"] = json!("absent");
    for (name, text) in [
        ("empty.json", String::new()),
        ("cut.json", good[..good.len() / 2].to_string()),
        ("snapshot.json", sandbox.run(&["snapshot", "--help"]).stdout),
        ("newer.json", newer.to_string()),
        ("impossible.json", impossible.to_string()),
    ] {
        sandbox.file(name, text);
        let output = sandbox.run(&["undo", name, "--yes"]).expect(2);
        assert!(output.stderr.contains(name), "{output:?}");
    }
    sandbox.run(&["undo", "none.json", "--yes"]).expect(2);
    assert_eq!(stub.calls().len(), before);
    let none = Ran::of(sandbox.run(&["undo", &backup, "--dry-run", "-o", "json"])).expect(1);
    assert_eq!(none.statuses(), ["planned"]);
}

/// What is crossed off stands in the backup only once somebody has agreed to the rest.
#[test]
fn an_undo_that_nobody_agreed_to_leaves_the_backup_as_it_is() {
    let stub = (TRUST_AND_PUT.world)().serve();
    let sandbox = Sandbox::at(&stub);
    let file = TRUST_AND_PUT.fix_with(&sandbox, &[]).expect(0).backup.unwrap();
    let before = (TRUST_AND_PUT.world)().roles.remove(0).inline;
    stub.world(|world| world.roles[0].inline = before);
    let mut backup: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    backup["taken_at"] = json!("2026-01-01T00:00:00Z");
    fs::write(&file, backup.to_string()).unwrap();
    sandbox.run(&["undo", &file]).expect(2);
    assert_eq!(fs::read_to_string(&file).unwrap(), backup.to_string());
    sandbox.run(&["undo", &file, "--yes"]).expect(0);
    let undone: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let progress: Vec<&Value> = undone["changes"].as_array().unwrap().iter().map(|entry| &entry["progress"]).collect();
    assert_eq!(progress, ["taken_back", "taken_back"]);
}

#[test]
fn backups_are_listed_and_the_last_one_is_undone() {
    let stub = (PUT.world)().serve();
    let sandbox = Sandbox::at(&stub);
    assert_eq!(sandbox.run(&["undo", "--list"]).expect(0).stdout, "no backups\n");
    let nothing = sandbox.run(&["undo", "--last", "--yes"]).expect(0).stderr;
    assert!(nothing.contains("nothing to undo: no backup in `"), "{nothing}");
    let ran = PUT.fix_with(&sandbox, &[]).expect(0);
    let file = ran.backup.unwrap();
    let listed = sandbox.run(&["undo", "--list"]).expect(0).stdout;
    assert!(listed.contains("  111122223333  1 to undo  ") && listed.ends_with(&format!("{file}\n")), "{listed}");
    let rows = sandbox.run(&["undo", "--list", "-o", "json"]).expect(0).json();
    let row = &rows["backups"][0];
    assert_eq!((&row["file"], &row["changes"], &row["left"]), (&json!(file), &json!(1), &json!(1)));
    let undone = sandbox.run(&["undo", "--last", "--yes"]).expect(0);
    assert!(undone.stderr.contains(&format!("undoing `{file}`")), "{undone:?}");
    assert_eq!(stub.role("web").unwrap().document(POLICY), Some(OWN));
    let listed = sandbox.run(&["undo", "--list"]).expect(0).stdout;
    assert!(listed.contains("  nothing left to undo  "), "{listed}");
    sandbox.run(&["undo", "--last", "--yes"]).expect(0);
    // What somebody else has put back is crossed off too, unless it may only not be seen yet.
    let ran = PUT.fix_with(&sandbox, &[]).expect(0);
    let file = ran.backup.unwrap();
    stub.world(|world| {
        let inline = &mut world.roles.iter_mut().find(|role| role.name == "web").unwrap().inline;
        inline.iter_mut().find(|(name, _)| name == POLICY).unwrap().1 = OWN.to_owned();
    });
    let left = |stub: &Sandbox| {
        let rows: Value = serde_json::from_str(&stub.run(&["undo", "--list", "-o", "json"]).expect(0).stdout).unwrap();
        rows["backups"].as_array().unwrap().iter().find(|row| row["file"] == json!(file)).unwrap()["left"].clone()
    };
    sandbox.run(&["undo", "--last", "--yes"]).expect(0);
    assert_eq!(left(&sandbox), json!(1));
    let mut backup: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    backup["taken_at"] = json!("2026-01-01T00:00:00Z");
    fs::write(&file, backup.to_string()).unwrap();
    sandbox.run(&["undo", "--last", "--dry-run"]).expect(0);
    assert_eq!(left(&sandbox), json!(1));
    sandbox.run(&["undo", "--last", "--yes"]).expect(0);
    assert_eq!(left(&sandbox), json!(0));
    // What cannot be read may be the last one.
    let broken = Path::new(&file).with_file_name("99990101T000000Z-111122223333-1.json");
    fs::write(&broken, "{").unwrap();
    let refused = sandbox.run(&["undo", "--last", "--yes"]).expect(2).stderr;
    assert!(refused.contains("99990101T000000Z"), "{refused}");
    assert!(sandbox.run(&["undo", "--list"]).expect(0).stdout.starts_with(&broken.display().to_string()));
    // Only files are read: a pipe would be waited for.
    fs::create_dir(broken.with_file_name("99990102.json")).unwrap();
    #[cfg(unix)]
    {
        let pipe = broken.with_file_name("99990103.json");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(sandbox.run(&["undo", "--list"]).expect(0).stdout.lines().count(), 3);
    }
    sandbox.run(&["undo", &file, "--last"]).expect(2);
    sandbox.run(&["undo"]).expect(2);
}
