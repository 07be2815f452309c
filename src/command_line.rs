//! Commands for a person to copy into a shell: words, and one way to write them.
//!
//! Names, tags, paths and policies are chosen by others. Whoever chooses them shall not run a command in the shell of the
//! person who copies ours, nor give it an option. So no command is put together as text.

use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display, Write as _};
use std::sync::OnceLock;

use iam_eval::arn::partition_of_region;
use serde_json::json;

use crate::unseen::is_unseen;

/// Values that the AWS CLI takes for the name of a file or the address of a page, and loads
/// ([AWS CLI](https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-parameters-file.html)).
const LOADED: [&str; 4] = ["file://", "fileb://", "http://", "https://"];

/// The flags of this run that the commands that it prints take along: whoever copies one means the same account and the same needs.
static CARRIED: OnceLock<Carried> = OnceLock::new();

/// Flags, each with its value.
pub type Flags = Vec<(&'static str, OsString)>;

/// What commands take along, by what they are.
#[derive(Debug, Clone, Default)]
pub struct Carried {
    /// `ssm-profile check` and `fix`.
    pub judging: Flags,
    /// `ssm-profile undo`.
    pub undo: Flags,
    /// Those of the AWS CLI.
    pub aws: Flags,
}

impl Carried {
    /// What a command takes along.
    fn of(&self, command: &Command) -> impl Iterator<Item = &(&'static str, OsString)> {
        let word = |index: usize| match command.words.get(index) {
            Some(Word::Text(text)) => text.to_str().unwrap_or_default(),
            _ => "",
        };
        let flags: &[_] = match (word(0), word(1)) {
            ("ssm-profile", "check" | "fix") => &self.judging,
            ("ssm-profile", "undo") => &self.undo,
            // These are about the credentials themselves.
            ("aws", "sso" | "configure") => &[],
            ("aws", _) => &self.aws,
            _ => &[],
        };
        // What is the same in every Region of a partition needs one only to be in the right partition.
        let is_global = matches!((word(0), word(1)), ("aws", "iam" | "organizations" | "sts"));
        let is_usual = |region: &OsString| region.to_str().is_some_and(|region| partition_of_region(region) == "aws");
        flags.iter().filter(move |(name, value)| !(is_global && *name == "--region" && is_usual(value)))
    }
}

/// Has every command that is displayed from here on take flags along, as far as it does not have them.
pub fn carry(flags: Carried) {
    // A process is one run.
    let _ = CARRIED.set(flags);
}

/// A command, or some flags of one.
///
/// It is displayed on one line that dash, bash and zsh read as its words, also when typed. There is neither a backtick in
/// it, so that it can stand between backticks, nor a character that cannot be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    words: Vec<Word>,
    /// What would be taken for an option, and stands behind `--`.
    last: Vec<Word>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Text(OsString),
    /// What a variable of the shell holds, between these.
    Variable {
        before: &'static str,
        name: &'static str,
        after: &'static str,
    },
}

impl Word {
    fn text(text: &OsStr) -> Word {
        Word::Text(match text.to_str() {
            // No argument can hold a NUL. What is shown names nothing, instead of something else.
            Some(text) if text.contains('\0') => text.replace('\0', r"\0").into(),
            _ => text.into(),
        })
    }
}

impl Command {
    /// A command, or flags, of which the words are known, as in `aws iam create-role`.
    pub fn new(words: &'static str) -> Command {
        Command::default().and(words)
    }

    /// The same with more words that are known.
    pub fn and(mut self, words: &'static str) -> Command {
        self.words.extend(words.split(' ').map(|word| Word::Text(word.into())));
        self
    }

    /// The same with the words of `other`.
    pub fn with(mut self, other: &Command) -> Command {
        self.words.extend_from_slice(&other.words);
        self.last.extend_from_slice(&other.last);
        self
    }

    /// An option with its value, which is not taken for another option.
    pub fn option(mut self, name: &str, value: impl AsRef<OsStr>) -> Command {
        let value = value.as_ref();
        let starts_with = |start: &str| value.as_encoded_bytes().starts_with(start.as_bytes());
        let behind = |start: &str| Word::text(&OsString::from_iter([OsStr::new(start), value]));
        if starts_with("-") {
            self.words.push(behind(&format!("{name}=")));
        } else if self.is_of_aws_cli() && LOADED.iter().any(|scheme| starts_with(scheme)) {
            // With the space AWS refuses what could not be right anyway.
            self.words.extend([Word::Text(name.into()), behind(" ")]);
        } else {
            self.words.extend([Word::Text(name.into()), Word::text(value)]);
        }
        self
    }

    /// The same option for each value, of which there may be none.
    pub fn options(self, name: &str, values: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        values.into_iter().fold(self, |command, value| command.option(name, value))
    }

    /// An option whose value is in a variable of the shell.
    pub fn option_from(self, name: &str, variable: &'static str) -> Command {
        self.option_around(name, "", variable, "")
    }

    /// An option in whose value stands what a variable of the shell holds.
    pub fn option_around(
        mut self,
        option: &str,
        before: &'static str,
        name: &'static str,
        after: &'static str,
    ) -> Command {
        self.words.extend([Word::Text(option.into()), Word::Variable { before, name, after }]);
        self
    }

    /// A value without an option, such as a target.
    pub fn operand(mut self, value: impl AsRef<OsStr>) -> Command {
        let value = value.as_ref();
        let words = if value.as_encoded_bytes().starts_with(b"-") { &mut self.last } else { &mut self.words };
        words.push(Word::text(value));
        self
    }

    /// Values without an option.
    pub fn operands(self, values: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        values.into_iter().fold(self, Command::operand)
    }

    /// A file without an option. One whose name begins with a hyphen is neither an option nor standard input.
    pub fn file(self, name: impl AsRef<OsStr>) -> Command {
        let name = name.as_ref();
        match name.as_encoded_bytes().starts_with(b"-") {
            true => self.operand(OsString::from_iter([OsStr::new("./"), name])),
            false => self.operand(name),
        }
    }

    /// The same with what it takes along and does not have. Of an option that can be repeated it may have other values.
    fn with_carried(&self, carried: &Carried) -> Command {
        let has = |command: &Command, name: &str, value: &OsStr| {
            let repeats = matches!(name, "--context" | "--require" | "--scp" | "--rcp");
            let words = &command.words;
            words.iter().enumerate().any(|(index, word)| match word {
                Word::Text(text) if text == name => {
                    !repeats || words.get(index + 1).is_some_and(|next| *next == Word::text(value))
                }
                Word::Text(text) => text.to_str().is_some_and(|text| {
                    let own = text.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
                    own.is_some_and(|own| !repeats || OsStr::new(own) == value)
                }),
                Word::Variable { .. } => false,
            })
        };
        carried.of(self).fold(self.clone(), |command, (name, value)| match has(self, name, value) {
            true => command,
            // An address is what `--endpoint-url` takes, and nothing that is loaded.
            false if *name == "--endpoint-url" => {
                let mut command = command;
                command.words.extend([Word::Text((*name).into()), Word::text(value)]);
                command
            }
            false => command.option(name, value),
        })
    }

    fn is_of_aws_cli(&self) -> bool {
        self.words.first() == Some(&Word::Text("aws".into()))
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = CARRIED.get().map_or_else(|| self.clone(), |carried| self.with_carried(carried));
        let separator = Word::Text("--".into());
        let separator = whole.last.first().map(|_| &separator);
        let words = || whole.words.iter().chain(separator).chain(&whole.last);
        if words().any(|word| matches!(word, Word::Text(text) if text.as_encoded_bytes().ends_with(b"\n"))) {
            // A substitution drops the line feeds at its end, so that they need something behind them.
            f.write_str(r"newline=$(printf '\012.'); ")?;
        }
        for (index, word) in words().enumerate() {
            if index > 0 {
                f.write_char(' ')?;
            }
            match word {
                Word::Text(text) => write_word(f, text.as_encoded_bytes())?,
                Word::Variable { before, name, after } => {
                    let around = |f: &mut fmt::Formatter<'_>, text: &str| match text {
                        "" => Ok(()),
                        text => write_word(f, text.as_bytes()),
                    };
                    around(f, before)?;
                    write!(f, "\"${name}\"")?;
                    around(f, after)?;
                }
            }
        }
        Ok(())
    }
}

/// A structure with one member, as a value of an option of the AWS CLI.
///
/// Its shorthand syntax gives a meaning to commas, equals signs and more, which the names of IAM may have
/// ([AWS CLI](https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html)).
pub fn structure(member: &str, value: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_-./:+".contains(character);
    match !value.is_empty() && value.chars().all(plain) {
        true => format!("{member}={value}"),
        false => json!({ member: value }).to_string(),
    }
}

/// Between single quotes a POSIX shell changes nothing. A backtick, and what cannot be seen, is written as octal bytes.
///
/// See [Quoting](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02).
fn write_word(f: &mut fmt::Formatter<'_>, word: &[u8]) -> fmt::Result {
    if is_plain(word) {
        return word.iter().try_for_each(|byte| f.write_char(char::from(*byte)));
    }
    if word.is_empty() {
        return f.write_str("''");
    }
    let mut text = word;
    while let Some(rest) = text.strip_suffix(b"\n") {
        text = rest;
    }
    let (mut quotes, mut after_newline) = (Quotes::None, false);
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            // A line feed must not be the last in a substitution.
            if after_newline || character == '`' || is_unseen(character) {
                quotes.turn(Quotes::Substitution, f)?;
                write_octal(f, character.encode_utf8(&mut [0; 4]).as_bytes())?;
            } else if character == '\'' {
                quotes.turn(Quotes::None, f)?;
                f.write_str(r"\'")?;
            } else {
                quotes.turn(Quotes::Single, f)?;
                f.write_char(character)?;
            }
            after_newline = character == '\n';
        }
        if !chunk.invalid().is_empty() {
            quotes.turn(Quotes::Substitution, f)?;
            write_octal(f, chunk.invalid())?;
            after_newline = false;
        }
    }
    quotes.turn(Quotes::None, f)?;
    (text.len()..word.len()).try_for_each(|_| f.write_str("\"${newline%.}\""))
}

/// Whether no shell changes the word, wherever it stands: zsh would look for the command behind an equals sign.
fn is_plain(word: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:,+@%=".contains(byte);
    word.first().is_some_and(|first| !b"%=".contains(first)) && word.iter().all(plain)
}

/// Bytes in a format of `printf`, where dash still takes a percent sign for a conversion if it is an escape.
fn write_octal(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| match byte {
        b'%' => f.write_str("%%"),
        _ => write!(f, "\\{byte:03o}"),
    })
}

/// What a part of a word stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    None,
    Single,
    Substitution,
}

impl Quotes {
    fn turn(&mut self, next: Quotes, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == next {
            return Ok(());
        }
        f.write_str(match self {
            Quotes::None => "",
            Quotes::Single => "'",
            Quotes::Substitution => "')\"",
        })?;
        *self = next;
        f.write_str(match next {
            Quotes::None => "",
            Quotes::Single => "'",
            Quotes::Substitution => "\"$(printf '",
        })
    }
}

#[cfg(test)]
mod tests;
