//! The rooms of the source and what they may import, as the table in `src/lib.rs` says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// These rooms decide, and know nothing of the world.
const PURE: [&str; 11] = [
    "iam_eval",
    "needs",
    "network",
    "agent_context",
    "facts",
    "report",
    "baseline",
    "diagnose",
    "fix",
    "emit",
    "command_line",
];
const WORLD: [&str; 18] = [
    "aws_config",
    "aws_credential",
    "aws_sdk",
    "aws_smithy",
    "tokio::",
    "clap::",
    "std::env",
    "std::fs",
    "std::io",
    "TcpStream",
    "UdpSocket",
    "std::process",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
    "print!",
    "println!",
];

/// Every source file: its path below `src`, and its code without tests and comments.
fn sources() -> BTreeMap<PathBuf, String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = sources_below(&manifest.join("src"), Path::new(""));
    sources.extend(sources_below(&manifest.join("crates/iam-eval/src"), Path::new("iam_eval")));
    assert!(sources.len() > 20, "{sources:?}");
    sources
}

/// The same below `root`, with `prefix` before the paths.
fn sources_below(root: &Path, prefix: &Path) -> BTreeMap<PathBuf, String> {
    let (mut open, mut sources) = (vec![root.to_path_buf()], BTreeMap::new());
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            // Tests of a room stand in a file or a directory of that name.
            if path.file_stem().is_some_and(|name| name == "tests") {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let code = without_tests(&fs::read_to_string(&path).unwrap());
                sources.insert(prefix.join(path.strip_prefix(root).unwrap()), code);
            }
        }
    }
    sources
}

/// Tests stand last in a file.
fn without_tests(text: &str) -> String {
    text.split("\n#[cfg(test)]").next().unwrap().to_string()
}

fn without_comments(code: &str) -> String {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The first name of a path below `src`: a directory or a file.
fn room_of(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_string()
}

fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.map(String::from).collect()
}

/// The table of `src/lib.rs`, from the top down: the rooms of a row and what they may import.
fn table() -> Vec<(BTreeSet<String>, BTreeSet<String>)> {
    let library = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let rows = library.lines().filter_map(|line| line.strip_prefix("//! | [")).map(|row| {
        let mut columns = row.split('|').map(words);
        (columns.next().unwrap(), columns.next().unwrap())
    });
    rows.collect()
}

/// What code names of this crate by `crate::`, also in a group as in `use crate::{a, b::c};`.
fn imported_rooms(code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(group) => {
                let (mut depth, mut start) = (0_usize, true);
                for (index, c) in group.char_indices() {
                    match c {
                        '}' if depth == 0 => break,
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && !c.is_whitespace() => {
                            rooms.insert(word(&group[index..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
            None => {
                rooms.insert(word(after));
            }
        }
    }
    rooms
}

#[test]
fn imports_run_downward() {
    assert_eq!(
        imported_rooms("use crate::{a::{b, c}, d};\nlet x = crate::e::f();"),
        ["a", "d", "e"].map(String::from).into()
    );
    let table = table();
    for (path, code) in sources() {
        let room = room_of(&path);
        if ["main", "lib", "iam_eval"].contains(&room.as_str()) {
            continue;
        }
        let row = table.iter().find(|(rooms, _)| rooms.contains(&room));
        let (rooms, may) = row.unwrap_or_else(|| panic!("`{room}` does not stand in the table of src/lib.rs"));
        for imported in imported_rooms(&without_comments(&code)) {
            let allowed = rooms.contains(&imported) || may.contains(&imported) || may.contains("all");
            assert!(allowed, "{}: imports `{imported}`, and its room may not", path.display());
        }
    }
}

#[test]
fn the_table_of_rooms_runs_downward() {
    let mut below: BTreeSet<String> = BTreeSet::from(["all".to_string()]);
    for (rooms, may) in table().into_iter().rev() {
        assert!(may.is_subset(&below), "{rooms:?} may import {may:?}, and below stand {below:?}");
        below.extend(rooms);
    }
}

#[test]
fn what_decides_knows_nothing_of_the_world() {
    for (path, code) in sources() {
        if PURE.contains(&room_of(&path).as_str()) {
            for word in WORLD {
                assert!(!without_comments(&code).contains(word), "{}: `{word}`", path.display());
            }
        }
    }
}
