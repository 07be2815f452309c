//! The examples of the README: each command is run, and its output is the one that is shown.

use std::fs;
use std::path::Path;
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

/// Runs a command line of the README as a shell does, in the root of the repository; gives exit code and output.
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
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .expect("sh starts");
    let both = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), both)
}

#[test]
fn the_examples_of_the_readme_are_true() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut count = 0;
    for Block { line, code, commands } in blocks(&readme) {
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
                "README.md, line {line}: `{command}` prints\n{output}\nand not\n{}",
                shown.join("\n")
            );
            assert!(
                index != last || ended == code,
                "README.md, line {line}: `{command}` ends with {ended}, not {code}"
            );
        }
    }
    assert!(count > 0, "README.md has no example that can be run");
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
