//! The keys of a configuration file: the long flags of each command, as clap has them, but for those that are always typed.

use std::any::TypeId;
use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: it is there or not.
    Switch,
    /// Nothing or a number.
    SwitchOrNumber,
    /// A number.
    Number,
    /// A text.
    Text,
    /// Any number of texts.
    List,
}

impl Takes {
    /// What a file or an environment variable must say.
    pub fn in_words(self) -> &'static str {
        match self {
            Takes::Switch => "`true` or `false`",
            Takes::SwitchOrNumber => "`true`, `false` or an integer",
            Takes::Number => "an integer",
            Takes::Text => "a string",
            Takes::List => "a string or an array of strings",
        }
    }
}

/// A flag of a command.
#[derive(Debug)]
pub struct Flag {
    /// Its long name, which is the key.
    pub key: String,
    /// The name by which clap knows it.
    pub id: String,
    /// What it takes.
    pub takes: Takes,
    /// Whether it takes the name of a file.
    pub is_file: bool,
    /// The words that stand for something else where a file may be named.
    pub words: Vec<String>,
    /// What separates several values in one.
    pub delimiter: Option<char>,
    /// The flags and operands of which clap lets only one be given, by id.
    pub conflicts: BTreeSet<String>,
    /// What holds where nobody says anything.
    pub default: Vec<String>,
    /// Whether every command has it.
    pub is_global: bool,
    /// Why it must be typed.
    pub typed_only: Option<&'static str>,
}

/// A command and its flags.
#[derive(Debug)]
pub struct Keys {
    /// Its name.
    pub command: String,
    /// Its flags.
    pub flags: Vec<Flag>,
}

impl Keys {
    /// The flag with this key.
    pub fn flag(&self, key: &str) -> Option<&Flag> {
        self.flags.iter().find(|flag| flag.key == key)
    }
}

/// No setting is for these commands: what they print is the same everywhere, or the settings of the others.
pub const WITHOUT: [&str; 5] = ["man", "schema", "completions", "config", "help"];

/// Flags that no file and no variable sets: of these commands, or of all.
const TYPED_ONLY: [(&[&str], &[&str], &str); 6] = [
    (&[], &["config"], "it says which file is read"),
    (&[], &["yes"], "a person or a typed `--yes` confirms a change"),
    (&["undo"], &["last", "list"], "what `undo` does is always typed"),
    (&["fix"], &["all", "tag", "accounts", "all-regions"], "what `fix` changes is always typed"),
    (&["policy"], &["attach-managed", "create-profile"], "it belongs to a typed `--for fix`"),
    (&["snapshot"], &["accounts", "assume-role"], "a snapshot contains one account"),
];

/// The commands that read a configuration, with their flags.
///
/// # Arguments
/// `tool` is the command line, built.
pub fn of(tool: &Command) -> Vec<Keys> {
    let commands = tool.get_subcommands().filter(|command| !WITHOUT.contains(&command.get_name()));
    commands.map(|command| Keys { command: command.get_name().to_owned(), flags: flags(command) }).collect()
}

fn flags(command: &Command) -> Vec<Flag> {
    let mut flags: Vec<Flag> = command.get_arguments().filter_map(|arg| flag(command, arg)).collect();
    // Clap says of one side alone that the two exclude each other.
    let pairs: Vec<(String, String)> =
        flags.iter().flat_map(|flag| flag.conflicts.iter().map(|other| (other.clone(), flag.id.clone()))).collect();
    for flag in &mut flags {
        let of_this = pairs.iter().filter(|(other, _)| *other == flag.id);
        flag.conflicts.extend(of_this.map(|(_, id)| id.clone()));
        flag.conflicts.remove(&flag.id.clone());
    }
    flags
}

fn flag(command: &Command, arg: &Arg) -> Option<Flag> {
    let key = arg.get_long()?;
    let is_number = parses(arg, &[TypeId::of::<u64>(), TypeId::of::<u32>(), TypeId::of::<usize>()]);
    let takes = match arg.get_action() {
        ArgAction::SetTrue => Takes::Switch,
        ArgAction::Append => Takes::List,
        ArgAction::Set if arg.get_num_args().is_some_and(|count| count.min_values() == 0) => Takes::SwitchOrNumber,
        ArgAction::Set if is_number => Takes::Number,
        ArgAction::Set => Takes::Text,
        _ => return None,
    };
    let concerns = |(commands, keys, _): &&(&[&str], &[&str], &str)| {
        keys.contains(&key) && (commands.is_empty() || commands.contains(&command.get_name()))
    };
    let conflicts = command.get_arg_conflicts_with(arg);
    Some(Flag {
        key: key.to_owned(),
        id: arg.get_id().to_string(),
        takes,
        is_file: takes_file(arg),
        words: words_for_file(arg),
        delimiter: arg.get_value_delimiter(),
        conflicts: conflicts.iter().map(|other| other.get_id().to_string()).collect(),
        default: default_of(arg),
        is_global: arg.is_global_set(),
        typed_only: TYPED_ONLY.iter().find(concerns).map(|(_, _, why)| *why),
    })
}

/// What holds where nobody says anything and clap has no default, because it matters whether somebody did. The help says the same.
const FILLED_IN: [(&str, &str); 3] =
    [("network", "auto"), ("output", "text"), ("preferences", "SSM-SessionManagerRunShell")];

/// What holds where nobody says anything.
fn default_of(arg: &Arg) -> Vec<String> {
    let values: Vec<String> =
        arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    let filled_in = FILLED_IN.iter().filter(|(key, _)| values.is_empty() && arg.get_long() == Some(*key));
    let filled_in: Vec<String> = filled_in.map(|(_, value)| (*value).to_owned()).collect();
    if values.is_empty() { filled_in } else { values }
}

/// Whether an argument takes the name of a file.
pub fn takes_file(arg: &Arg) -> bool {
    parses(arg, &[TypeId::of::<OsString>()])
}

/// The words that stand for something else where an argument may name a file.
pub fn words_for_file(arg: &Arg) -> Vec<String> {
    let names = arg.get_value_names().unwrap_or_default().iter().flat_map(|name| name.split('|'));
    names.filter(|name| *name != "FILE").map(str::to_owned).collect()
}

fn parses(arg: &Arg, types: &[TypeId]) -> bool {
    types.iter().any(|it| arg.get_value_parser().type_id() == *it)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args;
    use clap::CommandFactory as _;

    fn keys() -> Vec<Keys> {
        let mut tool = args::Cli::command();
        tool.build();
        of(&tool)
    }

    #[test]
    fn what_a_flag_takes_comes_from_clap() {
        let keys = keys();
        let flag = |command: &str, key: &str| {
            let keys = keys.iter().find(|keys| keys.command == command).unwrap();
            keys.flag(key).unwrap_or_else(|| panic!("{command} {key}"))
        };
        for (command, key, takes, is_file) in [
            ("check", "kms-key", Takes::Text, false),
            ("check", "require", Takes::List, false),
            ("check", "region", Takes::List, false),
            ("policy", "region", Takes::Text, false),
            ("check", "all", Takes::Switch, false),
            ("check", "color", Takes::Text, false),
            ("fix", "verbose", Takes::Switch, false),
            ("check", "timeout", Takes::Number, false),
            ("fix", "max-failures", Takes::Number, false),
            ("fix", "wait", Takes::SwitchOrNumber, false),
            ("check", "accounts", Takes::Text, true),
            ("check", "baseline", Takes::Text, true),
            ("check", "scp", Takes::List, true),
        ] {
            let flag = flag(command, key);
            assert_eq!((flag.takes, flag.is_file), (takes, is_file), "{command} {key}");
        }
        assert_eq!(flag("check", "accounts").words, ["org"]);
        let both = |one: &str, other: &str| flag("check", one).conflicts.contains(&flag("check", other).id);
        for (one, other) in [("simulate", "snapshot"), ("all", "policy"), ("verbose", "quiet")] {
            assert!(both(one, other) && both(other, one), "{one} {other}");
        }
        assert!(flag("check", "all").conflicts.contains("targets"));
    }

    /// A name that no flag has would guard nothing.
    #[test]
    fn what_must_be_typed_is_there() {
        let keys = keys();
        for (commands, names, why) in TYPED_ONLY {
            for name in names {
                let of = |command: &&Keys| commands.is_empty() || commands.contains(&command.command.as_str());
                let mut flags = keys.iter().filter(of).filter_map(|keys| keys.flag(name)).peekable();
                assert!(flags.peek().is_some(), "{name}");
                assert!(flags.all(|flag| flag.typed_only == Some(why)), "{name}");
            }
        }
        for key in ["help", "version"] {
            assert!(keys.iter().all(|keys| keys.flag(key).is_none()), "{key}");
        }
    }
}
