use std::io::Write as _;
use std::os::unix::ffi::OsStringExt as _;
use std::process::{Command as Process, Stdio};

use proptest::prelude::*;

use super::*;

/// What takes the place of a program: it prints its arguments, each behind a NUL, and a NUL and a line feed at the end.
const SHOW: &str = "show() { printf '\\0%s' \"$@\"; printf '\\0\\n'; }\n";

/// The shells that are installed. All systems that this is tested on have the first.
fn shells() -> Vec<Vec<&'static str>> {
    // History expansion is what people meet who paste, and scripts do not.
    let interactive = ["bash", "--norc", "--noprofile", "-s", "-o", "history", "-o", "histexpand"];
    let all = [vec!["sh"], vec!["dash"], vec!["bash"], interactive.into(), vec!["zsh", "-f"]];
    let installed = |shell: &Vec<&str>| {
        let run = Process::new(shell[0]).args(["-c", ":"]).output();
        run.is_ok_and(|output| output.status.success())
    };
    let installed: Vec<_> = all.into_iter().filter(installed).collect();
    assert!(installed.contains(&vec!["sh"]));
    installed
}

/// What a shell prints that reads `script`.
fn printed(shell: &[&str], script: &str) -> Vec<u8> {
    let mut process = Process::new(shell[0]);
    process.args(&shell[1..]).env_remove("ENV").env_remove("BASH_ENV").current_dir(env!("CARGO_MANIFEST_DIR"));
    let mut child = process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let script = script.to_owned();
    let writer = std::thread::spawn(move || input.write_all(script.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{shell:?}");
    output.stdout
}

/// The command that has these words, all of which stand behind `--`.
fn showing(words: &[Vec<u8>]) -> Command {
    let words: Vec<OsString> = words.iter().map(|word| OsString::from_vec(word.clone())).collect();
    words.iter().fold(Command::new("show --"), |command, word| Command {
        words: [command.words, vec![Word::text(word)]].concat(),
        ..command
    })
}

/// Each list of words is read back by each shell. One process for all of them.
fn read_back(cases: &[Vec<Vec<u8>>]) {
    let (mut script, mut expected) = (SHOW.to_owned(), Vec::new());
    for words in cases {
        let line = showing(words).to_string();
        assert!(!line.contains(is_unseen) && !line.contains('`'), "{line:?}");
        script.push_str(&line);
        script.push('\n');
        for word in [b"--".to_vec()].iter().chain(words) {
            expected.push(0);
            expected.extend_from_slice(word);
        }
        expected.extend_from_slice(b"\0\n");
    }
    for shell in shells() {
        let printed = printed(&shell, &script);
        let first = printed.iter().zip(&expected).position(|(printed, expected)| printed != expected);
        let around = |bytes: &[u8]| {
            let at = first.unwrap_or(bytes.len().saturating_sub(100));
            String::from_utf8_lossy(&bytes[at.saturating_sub(60)..bytes.len().min(at + 60)]).into_owned()
        };
        assert!(printed == expected, "{shell:?}: {:?} instead of {:?}", around(&printed), around(&expected));
    }
}

#[test]
fn shells_read_the_words_back_that_they_give_a_meaning_to() {
    let mut words: Vec<String> = (' '..='~').map(String::from).collect();
    // At the start, inside and at the end of a word.
    words.extend(
        (1..=0x7f)
            .map(char::from)
            .flat_map(|c| [format!("{c}a"), format!("a{c}b"), format!("a{c}"), format!("{c}{c}")]),
    );
    words.extend(
        [
            "",
            "$(touch made)",
            "`touch made`",
            "/$(touch${IFS}made)/web",
            "a;touch made",
            "a|b",
            "a&",
            "a && b",
            "<a >b",
            "~",
            "~root/x",
            "--file=~/x",
            "PATH=~",
            "=ls",
            "a==ls",
            "{a,b}",
            "{1..3}",
            "#a",
            "a #b",
            "!",
            "!!",
            "!-1",
            "a!b",
            "it's!x",
            "*",
            "?",
            "[a-z]*",
            "**/*",
            "%1",
            "%s",
            "%%",
            "\n%s",
            "\n\n%d",
            "-x",
            "--",
            "-",
            "+x",
            "\\",
            "a\\",
            "\\'",
            "'",
            "''",
            "'''",
            "\"",
            "\"'\"",
            "a\nb",
            "\n",
            "\n\n",
            "a\n\n",
            "\na",
            "a\n'",
            "a\n`",
            "\n1",
            "\n\n1\n",
            "\u{1}1",
            "\u{7f}7",
            "$",
            "$a",
            "${a}",
            "$'a'",
            "$\"a\"",
            "$((1))",
            "(a)",
            "a()",
            "^a^b",
            "\r",
            "\t",
            "\u{1b}[2J",
            "\u{9b}31m",
            "web\u{202e}1",
            "\u{200b}",
            "Bücher 東京",
            "é",
            "@(a)",
            "a=b",
            "=",
            "if",
            "[[",
            "{",
            "}",
            ".",
            "..",
        ]
        .map(str::to_owned),
    );
    let words: Vec<Vec<u8>> = words.into_iter().map(String::into_bytes).collect();
    let each = words.iter().map(|word| vec![word.clone()]);
    let pairs = words.windows(2).map(<[_]>::to_vec);
    read_back(&each.chain(pairs).chain([Vec::new()]).collect::<Vec<_>>());
}

#[test]
fn a_file_whose_name_is_no_text_is_read_back() {
    read_back(&[vec![b"a\xffb".to_vec(), b"\xff\n".to_vec(), b"\n\xff\n\n".to_vec(), b"\xf0\x9f '".to_vec()]]);
}

#[test]
fn the_words_as_they_are_shown() {
    for (word, shown) in [
        ("arn:aws:iam::1:role/a/b+=,.@-_c", "arn:aws:iam::1:role/a/b+=,.@-_c"),
        ("a b.json", "'a b.json'"),
        ("it's $HOME", r"'it'\''s $HOME'"),
        ("'", r"\'"),
        ("", "''"),
        ("=ls", "'=ls'"),
        ("~/x", "'~/x'"),
        ("a`b", r#"'a'"$(printf '\140')"'b'"#),
        ("a\nbc\u{202e}", r#"'a'"$(printf '\012\142')"'c'"$(printf '\342\200\256')""#),
        ("\n%", r#""$(printf '\012%%')""#),
        // No argument can hold it.
        ("a\0b", r"'a\0b'"),
    ] {
        assert_eq!(Command::default().operand(word).to_string(), shown);
    }
    let command = Command::new("ssm-profile undo").file("a\n\n").to_string();
    assert_eq!(command, r#"newline=$(printf '\012.'); ssm-profile undo 'a'"${newline%.}""${newline%.}""#);
}

#[test]
fn no_value_is_taken_for_an_option_or_for_a_file_to_load() {
    let fix = || Command::new("ssm-profile fix");
    let aws = || Command::new("aws iam get-role");
    for (command, shown) in [
        (fix().option("--tag", "-a b"), "ssm-profile fix '--tag=-a b'"),
        (fix().option("--scp", "-"), "ssm-profile fix --scp=-"),
        (fix().options("--region", None::<&str>).and("--all"), "ssm-profile fix --all"),
        (fix().operands(["-x", "web"]).option("--region", "r"), "ssm-profile fix web --region r -- -x"),
        (fix().with(&Command::new("--all").operand("--x")).and("-v"), "ssm-profile fix --all -v -- --x"),
        (fix().file("-x"), "ssm-profile fix ./-x"),
        (fix().file("- x"), "ssm-profile fix './- x'"),
        (fix().option("--context", "file://x"), "ssm-profile fix --context file://x"),
        (aws().option("--role-name", "-x"), "aws iam get-role --role-name=-x"),
        (aws().option("--role-name", "file://x"), "aws iam get-role --role-name ' file://x'"),
        (aws().option_from("--id", "association_id"), "aws iam get-role --id \"$association_id\""),
        (aws().option_around("--x", "a=[{b=", "id", "}]"), "aws iam get-role --x 'a=[{b='\"$id\"'}]'"),
    ] {
        assert_eq!(command.to_string(), shown);
    }
}

/// What the shorthand syntax gives a meaning to stands in JSON.
#[test]
fn a_structure_has_one_member() {
    for (value, shown) in [
        ("web", "Name=web"),
        ("arn:aws:iam::1:instance-profile/a/web+1", "Name=arn:aws:iam::1:instance-profile/a/web+1"),
        ("a,Arn=b", r#"{"Name":"a,Arn=b"}"#),
        ("a=b", r#"{"Name":"a=b"}"#),
        ("@web", r#"{"Name":"@web"}"#),
        ("\"'[{", r#"{"Name":"\"'[{"}"#),
        ("", r#"{"Name":""}"#),
    ] {
        assert_eq!(structure("Name", value), shown);
    }
}

/// Text as it comes, and text of what shells give a meaning to.
fn word() -> impl Strategy<Value = String> {
    let hostile = proptest::collection::vec(
        proptest::sample::select("'\"`\\$(){}!#~=*?[]%-;&|<>\n\r\t \u{1b}\u{202e}a0".chars().collect::<Vec<_>>()),
        0..12,
    );
    let hostile = hostile.prop_map(String::from_iter);
    prop_oneof![hostile, any::<String>(), "[ -~]{0,20}"].prop_map(|text| text.replace('\0', ""))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn shells_read_any_words_back(cases in proptest::collection::vec(proptest::collection::vec(word(), 0..6), 100..200)) {
        let words = |case: Vec<String>| case.into_iter().map(String::into_bytes).collect();
        read_back(&cases.into_iter().map(words).collect::<Vec<_>>());
    }
}
