//! The words of the command line, with the flags that stand before the command put behind it, as the AWS CLI takes them too.

use std::ffi::{OsStr, OsString};

/// The flags of AWS that may stand before the command, and whether a value follows.
const LEADING: [(&str, bool); 5] =
    [("--profile", true), ("--region", true), ("--endpoint-url", true), ("--timeout", true), ("--debug", false)];

/// The words that this process was started with.
pub fn words() -> Vec<OsString> {
    behind_the_command(std::env::args_os().collect())
}

/// The number that stands behind a `--wait` without a value, where it is taken for a target.
pub fn behind_bare_wait(targets: &[String]) -> Option<String> {
    number_behind_wait(&words()).filter(|number| targets.contains(number))
}

fn number_behind_wait(words: &[OsString]) -> Option<String> {
    let mut pairs = words.iter().zip(words.iter().skip(1)).take_while(|(word, _)| *word != "--");
    let (_, number) = pairs.find(|(word, next)| *word == "--wait" && is_number(next))?;
    number.to_str().map(str::to_owned)
}

fn is_number(word: &OsStr) -> bool {
    !word.is_empty() && word.as_encoded_bytes().iter().all(u8::is_ascii_digit)
}

fn behind_the_command(words: Vec<OsString>) -> Vec<OsString> {
    let mut words = words.into_iter();
    let mut ordered: Vec<OsString> = words.next().into_iter().collect();
    let mut moved = Vec::new();
    while let Some(word) = words.next() {
        match takes_value(&word) {
            Some(takes_value) => {
                moved.push(word);
                if takes_value {
                    moved.extend(words.next());
                }
            }
            None if word.as_encoded_bytes().starts_with(b"-") => ordered.push(word),
            None => {
                // The command.
                ordered.push(word);
                break;
            }
        }
    }
    ordered.extend(moved);
    ordered.extend(words);
    ordered
}

/// Whether a word is one of the flags, and then whether the next word is its value.
fn takes_value(word: &OsStr) -> Option<bool> {
    let word = word.to_str()?;
    let (flag, has_value) = word.split_once('=').map_or((word, false), |(flag, _)| (flag, true));
    let (_, takes_value) = LEADING.iter().find(|(known, _)| *known == flag)?;
    Some(*takes_value && !has_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_behind_a_wait_without_a_value_is_found() {
        for (typed, expected) in [
            ("x fix good --wait 5", Some("5")),
            ("x fix --wait 05 good", Some("05")),
            ("x fix good --wait=5", None),
            ("x fix 5 --wait", None),
            ("x fix good --wait -- 5", None),
            ("x fix -- --wait 5", None),
            ("x fix --wait web-5", None),
        ] {
            let words: Vec<OsString> = typed.split_whitespace().map(OsString::from).collect();
            assert_eq!(number_behind_wait(&words).as_deref(), expected, "{typed}");
        }
    }

    #[test]
    fn flags_before_the_command_are_put_behind_it() {
        for (typed, ordered) in [
            ("x check i-1 --region a", "x check i-1 --region a"),
            ("x --region a check i-1", "x check --region a i-1"),
            ("x --region=a --profile p -v check i-1", "x -v check --region=a --profile p i-1"),
            ("x --color never --debug fix", "x --color never --debug fix"),
            ("x -v --debug fix i-1", "x -v fix --debug i-1"),
            ("x --profile", "x --profile"),
            ("x", "x"),
            ("", ""),
        ] {
            let words = typed.split_whitespace().map(OsString::from).collect();
            let found: Vec<String> =
                behind_the_command(words).into_iter().map(|word| word.into_string().unwrap()).collect();
            assert_eq!(found.join(" "), ordered);
        }
    }
}
