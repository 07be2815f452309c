//! The examples of the README and of docs/: each command is run, and its output is the one that is shown.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::command::Sandbox;

/// A `console` block: the exit code of its last command, and each command with the lines shown below it.
struct Block {
    line: usize,
    code: i32,
    commands: Vec<(String, Vec<String>)>,
}

fn blocks(readme: &str) -> Vec<Block> {
    let (mut blocks, mut code, mut inside) = (Vec::<Block>::new(), 0, None);
    for (index, line) in readme.lines().enumerate() {
        match (inside, blocks.last_mut()) {
            (Some(_), _) if line == "```" => inside = None,
            (Some(true), Some(block)) => match (line.strip_prefix("$ "), block.commands.last_mut()) {
                (Some(command), _) => block.commands.push((command.to_string(), Vec::new())),
                (None, Some((_, shown))) => shown.push(line.trim_end().to_string()),
                (None, None) => panic!("line {}: a console block starts with a command", index + 1),
            },
            (Some(_), _) => {}
            (None, _) if line == "```console" => {
                blocks.push(Block { line: index + 1, code, commands: Vec::new() });
                inside = Some(true);
            }
            (None, _) if line.starts_with("```") => inside = Some(false),
            (None, _) => {
                let given = line.strip_prefix("<!-- exit: ").and_then(|rest| rest.strip_suffix(" -->"));
                code = given.map_or(0, |code| code.parse().expect("an exit code is a number"));
            }
        }
    }
    assert!(inside.is_none(), "a fence is not closed");
    blocks
}

/// Whether lines are as shown; a line `...` stands for any lines.
fn as_shown(shown: &[String], lines: &[&str]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "..." => (0..=lines.len()).any(|skipped| as_shown(rest, &lines[skipped..])),
        Some((first, rest)) => lines.split_first().is_some_and(|(line, more)| first == line && as_shown(rest, more)),
    }
}

/// Runs a command line of a page as a shell does, in the root of the repository; gives exit code and output.
fn run(command: &str) -> (i32, String) {
    let home = Sandbox::new();
    let binary = Path::new(env!("CARGO_BIN_EXE_ssm-profile"));
    let mut path = vec![binary.parent().unwrap().to_path_buf()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let output = Command::new("sh")
        .args(["-c", command])
        .env_clear()
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("HOME", home.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        // Nobody's file above the repository gets in.
        .env("SSM_PROFILE_CONFIG", "none")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .expect("sh starts");
    let both = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), both)
}

/// The README and the pages of docs/, by their paths; the README stands first.
pub fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = ["docs", "docs/findings"].into_iter().flat_map(|directory| fs::read_dir(root.join(directory)).unwrap());
    let docs = docs.map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = docs.filter(|path| path.extension().is_some_and(|it| it == "md")).collect();
    pages.sort();
    pages.insert(0, root.join("README.md"));
    pages
}

/// Runs the examples of a page; gives how many there are.
fn run_examples(path: &Path) -> usize {
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut count = 0;
    for Block { line, code, commands } in blocks(&fs::read_to_string(path).unwrap()) {
        let last = commands.len() - 1;
        for (index, (command, shown)) in commands.into_iter().enumerate() {
            if command.split(' ').next() != Some("ssm-profile") {
                continue;
            }
            count += 1;
            let (ended, output) = run(&command);
            let lines: Vec<&str> = output.lines().map(str::trim_end).collect();
            assert!(
                as_shown(&shown, &lines),
                "{name}, line {line}: `{command}` prints\n{output}\nand not\n{}",
                shown.join("\n")
            );
            assert!(index != last || ended == code, "{name}, line {line}: `{command}` ends with {ended}, not {code}");
        }
    }
    count
}

#[test]
fn the_examples_are_true() {
    let counts: Vec<usize> = pages().iter().map(|path| run_examples(path)).collect();
    let [readme, docs @ ..] = counts.as_slice() else { panic!("there is no page") };
    assert!(*readme > 0 && docs.iter().sum::<usize>() > 0, "examples that can be run: {counts:?}");
}

#[test]
fn blocks_are_read_as_they_are_written() {
    let text =
        "<!-- exit: 3 -->\n```console\n$ ssm-profile a\none\n...\n$ ssm-profile b\n```\n\n```sh\nssm-profile c\n```\n";
    let blocks = blocks(text);
    assert_eq!((blocks.len(), blocks[0].code, blocks[0].line), (1, 3, 2));
    let expected = [("ssm-profile a", vec!["one", "..."]), ("ssm-profile b", vec![])];
    let expected =
        expected.map(|(command, lines)| (command.to_string(), lines.into_iter().map(String::from).collect()));
    assert_eq!(blocks[0].commands, expected);
    let shown: Vec<String> = ["a", "...", "d"].map(String::from).into();
    for (lines, expected) in
        [(&["a", "d"][..], true), (&["a", "b", "c", "d"], true), (&["a", "d", "e"], false), (&["b", "d"], false)]
    {
        assert_eq!(as_shown(&shown, lines), expected, "{lines:?}");
    }
}
