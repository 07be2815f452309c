//! What was typed, completed from the environment and the configuration files. Clap stays the only parser: a setting becomes the words
//! that somebody would type.

mod find;
pub mod keys;
mod mistakes;
mod show;
mod toml;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use super::args;
use crate::nearest::nearest_as_clap;
use crate::render::settings::{FileKind, Source, SourceKind};
use find::ConfigFile;
use keys::{Flag, Keys, Takes};
use value::Value;

pub use show::show;

/// What the names of the variables begin with.
const PREFIX: &str = "SSM_PROFILE_";

/// A command line with all that holds.
#[derive(Debug)]
pub struct Line {
    /// As if everything had been typed.
    pub cli: args::Cli,
    /// The same without what `fix` takes from its settings by itself: what a proposed command must repeat.
    pub repeat: args::Cli,
    /// The settings that were not typed and hold, each with where it comes from.
    pub settings: Vec<String>,
    /// Whether one of them is from a file.
    pub in_file: bool,
    /// Whether one of them is from a file that was come upon.
    pub found: bool,
    /// What is no mistake, and should be known.
    pub warnings: Vec<String>,
}

/// Why there is no such line.
#[derive(Debug)]
pub enum Refusal {
    /// What was typed is wrong, or asks for help.
    Typed(clap::Error),
    /// A variable or a file is wrong; each mistake is a message. With what was typed.
    Settings(Box<args::Cli>, Vec<String>),
}

/// A value, where it comes from, and how far it is from the keyboard: nearer ones win.
#[derive(Debug, Clone)]
struct Setting {
    value: Value,
    source: Source,
    level: usize,
    found: bool,
}

/// The environment and the files, with the flags that they may set.
#[derive(Debug)]
struct Settings {
    keys: Vec<Keys>,
    variables: BTreeMap<String, OsString>,
    files: Vec<ConfigFile>,
}

impl Settings {
    /// Those that hold for a command, and what should be known of them.
    ///
    /// # Errors
    /// Every mistake in the files.
    fn read(typed: &args::Cli, running: &str) -> Result<Settings, Vec<String>> {
        let mut tool = args::Cli::command();
        tool.build();
        let keys = keys::of(&tool);
        let variables: BTreeMap<String, OsString> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.to_str()?.strip_prefix(PREFIX)?.to_owned(), value)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let given = typed.config.as_ref().or_else(|| variables.get("CONFIG"));
        let files = find::files(given.map(OsString::as_os_str))?;
        let wrong: Vec<String> = files.iter().flat_map(|file| mistakes::of(file, &keys, running)).collect();
        if wrong.is_empty() { Ok(Settings { keys, variables, files }) } else { Err(wrong) }
    }

    fn flags(&self, command: &str) -> &[Flag] {
        self.keys.iter().find(|keys| keys.command == command).map_or(&[], |keys| &keys.flags)
    }

    /// What holds for a flag of a command that was not typed.
    fn of(&self, command: &str, flag: &Flag) -> Result<Option<Setting>, String> {
        let name = variable(&flag.key);
        let set = self.variables.get(&name);
        if let Some(why) = flag.typed_only {
            // What other commands take from the environment is none of this one's.
            return match set {
                Some(_) if flag.key == "yes" => {
                    Err(format!("`{PREFIX}{name}` cannot be set: {why}; unset it, and type `--{}`", flag.key))
                }
                _ => Ok(None),
            };
        }
        if let Some(written) = set {
            let value = self.in_variable(command, flag, written).map_err(|why| format!("`{PREFIX}{name}`: {why}"))?;
            if let Some(value) = value {
                let source = Source {
                    kind: SourceKind::Environment,
                    variable: Some(format!("{PREFIX}{name}")),
                    file: None,
                    line: None,
                };
                return Ok(Some(Setting { value, source, level: 1, found: false }));
            }
        }
        for (index, file) in self.files.iter().enumerate() {
            let in_table = |table: Option<&str>| {
                let of_table = |entry: &&toml::Entry| entry.key == flag.key && entry.table.as_deref() == table;
                file.entries.iter().find(of_table)
            };
            // What is written for all commands may be for others: a list of Regions, say, where this takes one.
            let of_entry =
                |entry: &toml::Entry| Some((Value::in_file(flag, &entry.value, file.directory())?, entry.line));
            let entry = in_table(Some(command)).and_then(of_entry).or_else(|| in_table(None).and_then(of_entry));
            if let Some((value, line)) = entry {
                let source =
                    Source { kind: SourceKind::File, variable: None, file: Some(file.name.clone()), line: Some(line) };
                return Ok(Some(Setting { value, source, level: 2 + index, found: file.is_found() }));
            }
        }
        Ok(None)
    }

    /// The value of a variable; none if it is one of other commands.
    fn in_variable(&self, command: &str, flag: &Flag, written: &OsString) -> Result<Option<Value>, String> {
        let text = written.to_str().ok_or("it is not UTF-8 text; pass it as a flag")?;
        let Some(value) = Value::in_variable(flag, text) else {
            return Err(format!("`--{}` takes {}, and this is `{text}`", flag.key, flag.takes.in_words()));
        };
        // There is one variable for all commands, and several Regions, say, are none where one is taken.
        let is_several =
            |flag: &Flag| matches!(Value::in_variable(flag, text), Some(Value::List(all)) if all.len() > 1);
        if flag.takes == Takes::Text && self.keys.iter().filter_map(|keys| keys.flag(&flag.key)).any(is_several) {
            return Ok(None);
        }
        let words = match mistakes::accept(command, &flag.key, &value) {
            Ok(()) => return Ok(Some(value)),
            Err(words) => words,
        };
        // Nor is a form of a report one of a policy.
        let others = self.keys.iter().filter(|keys| keys.command != command);
        let of_another =
            others.filter_map(|keys| Some((&keys.command, keys.flag(&flag.key)?))).any(|(command, flag)| {
                let value = Value::in_variable(flag, text);
                value.is_some_and(|value| mistakes::accept(command, &flag.key, &value).is_ok())
            });
        if of_another { Ok(None) } else { Err(words) }
    }

    /// Variables that nothing reads, for example because of a letter.
    fn unread(&self) -> Vec<String> {
        let flags = || self.keys.iter().flat_map(|keys| &keys.flags);
        let known: BTreeSet<String> = flags().map(|flag| variable(&flag.key)).chain(["CONFIG".to_owned()]).collect();
        let unread = self.variables.keys().filter(|name| !known.contains(*name));
        let near = |name: &String| nearest_as_clap(name, known.iter().map(String::as_str));
        let near = unread.filter_map(|name| Some((name, near(name)?)));
        near.map(|(name, near)| format!("`{PREFIX}{name}` is not a setting; did you mean `{PREFIX}{near}`?")).collect()
    }
}

/// What is wrong with the text of a file that lies in the working directory, each mistake with its line.
pub fn mistakes_in(text: &str, running: &str) -> Vec<String> {
    static KEYS: LazyLock<Vec<Keys>> = LazyLock::new(|| {
        let mut tool = args::Cli::command();
        tool.build();
        keys::of(&tool)
    });
    match find::of_text(FileKind::Project, PathBuf::from(find::PROJECT), text) {
        Ok(file) => mistakes::of(&file, &KEYS, running),
        Err(mistake) => vec![mistake],
    }
}

/// The name of a flag's variable, behind the prefix.
fn variable(key: &str) -> String {
    key.to_uppercase().replace('-', "_")
}

/// A setting gives way to these where they are nearer, beside what clap knows: together they are a mistake or mean something else.
const GIVES_WAY: [(&str, &[&str]); 8] = [
    ("accounts", &["targets", "snapshot", "policy", "terraform_plan", "cloudformation", "emit", "simulate", "confirm"]),
    ("all_regions", &["targets", "snapshot", "policy", "terraform_plan", "cloudformation", "region"]),
    ("region", &["all_regions", "snapshot"]),
    ("all", &["snapshot"]),
    ("tag", &["all", "snapshot"]),
    ("output", &["emit"]),
    ("simulate", &["accounts"]),
    ("confirm", &["accounts"]),
];

/// A setting of these commands does nothing without one of these, where to type it alone would be a mistake. Each stands behind
/// those that it needs.
const NEEDS: [(&[&str], &str, &[&str]); 11] = [
    (&["check"], "accounts", &["all", "tag"]),
    (&["check", "snapshot"], "all_regions", &["all", "tag"]),
    (&["check", "fix"], "assume_role", &["accounts"]),
    (&["check"], "trust", &["policy"]),
    (&["check"], "boundary", &["policy"]),
    (&["check"], "endpoint_policy", &["policy"]),
    (&["check"], "account", &["policy", "cloudformation"]),
    (&["check"], "parameter", &["cloudformation"]),
    (&["check"], "with_account", &["terraform_plan", "cloudformation"]),
    (&["check"], "instance_id", &["policy"]),
    (&["fix"], "snapshot", &["dry_run", "emit"]),
];

/// Completes what was typed.
///
/// # Errors
/// If it is wrong, or if a variable or a file is.
pub fn complete(words: Vec<OsString>) -> Result<Line, Refusal> {
    let matches = args::Cli::command().try_get_matches_from(&words).map_err(Refusal::Typed)?;
    let parse = |matches: &ArgMatches| args::Cli::from_arg_matches(matches).map_err(Refusal::Typed);
    let cli = parse(&matches)?;
    let alone = |cli: args::Cli, repeat: args::Cli| {
        Ok(Line { cli, repeat, settings: Vec::new(), in_file: false, found: false, warnings: Vec::new() })
    };
    let Some((command, typed)) = matches.subcommand().filter(|(name, _)| !keys::WITHOUT.contains(name)) else {
        return alone(cli, parse(&matches)?);
    };
    let refused = |cli, mistakes| Refusal::Settings(Box::new(cli), mistakes);
    let settings = match Settings::read(&cli, command) {
        Ok(settings) => settings,
        Err(mistakes) => return Err(refused(cli, mistakes)),
    };
    let holding = match hold(&settings, command, typed) {
        Ok(holding) => holding,
        Err(mistakes) => return Err(refused(cli, mistakes)),
    };
    let with = |chosen: &dyn Fn(&Flag, &Setting) -> bool| {
        let chosen = holding.iter().filter(|(flag, setting)| chosen(flag, setting));
        let added = chosen.flat_map(|(flag, setting)| setting.value.words(&flag.key)).map(OsString::from);
        let (before, operands) = words.split_at(words.iter().position(|word| word == "--").unwrap_or(words.len()));
        let all = before.iter().cloned().chain(added).chain(operands.iter().cloned());
        args::Cli::command().try_get_matches_from(all).and_then(|matches| args::Cli::from_arg_matches(&matches))
    };
    // Where a fix takes the same from its own settings, to repeat it would say nothing.
    let of_fix = |flag: &Flag| settings.flags("fix").iter().find(|of_fix| of_fix.key == flag.key);
    let differs = |flag: &Flag, setting: &Setting| {
        let of_fix = of_fix(flag).and_then(|flag| settings.of("fix", flag).ok()?);
        of_fix.is_none_or(|of_fix| of_fix.value != setting.value)
    };
    let from = |(flag, setting): &(&Flag, Setting)| format!("`{}` ({})", flag.key, setting.source.in_words());
    match (with(&|_, _| true), with(&differs)) {
        (Ok(complete), Ok(repeat)) => Ok(Line {
            cli: complete,
            repeat,
            in_file: holding.iter().any(|(_, setting)| setting.source.file.is_some()),
            found: holding.iter().any(|(_, setting)| setting.found),
            settings: holding.iter().map(from).collect(),
            warnings: settings.unread(),
        }),
        (Err(error), _) | (_, Err(error)) => {
            let from: Vec<String> = holding.iter().map(from).collect();
            let mistake = format!("{}; these settings apply: {}", mistakes::words_of(&error), from.join(", "));
            Err(refused(cli, vec![mistake]))
        }
    }
}

/// The settings that hold beside what was typed.
fn hold<'a>(
    settings: &'a Settings,
    command: &str,
    typed: &ArgMatches,
) -> Result<Vec<(&'a Flag, Setting)>, Vec<String>> {
    let is_typed = |id: &str| {
        typed.try_contains_id(id).unwrap_or(false) && typed.value_source(id) == Some(ValueSource::CommandLine)
    };
    let (mut candidates, mut mistakes) = (Vec::new(), Vec::new());
    for flag in settings.flags(command) {
        match settings.of(command, flag) {
            _ if is_typed(&flag.id) => {}
            Ok(setting) => candidates.extend(setting.map(|setting| (flag, setting))),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    candidates.sort_by_key(|(_, setting)| setting.level);
    let mut holding: Vec<(&Flag, Setting)> = Vec::new();
    for (flag, setting) in candidates {
        let ways = GIVES_WAY.iter().find(|(id, _)| *id == flag.id).map_or(&[][..], |(_, ways)| *ways);
        let rivals = || flag.conflicts.iter().map(String::as_str).chain(ways.iter().copied());
        let nearer = |id: &str| {
            let holds =
                |(other, with): &(&Flag, Setting)| other.id == id && with.value.is_on() && with.level < setting.level;
            is_typed(id) || holding.iter().any(holds)
        };
        if setting.value.is_on() && rivals().any(nearer) {
            continue;
        }
        let same = holding.iter().find(|(other, with)| {
            with.level == setting.level && with.value.is_on() && flag.conflicts.contains(&other.id)
        });
        if let Some((other, with)) = same.filter(|_| setting.value.is_on()) {
            mistakes.push(format!(
                "`{}` ({}) and `{}` ({}) exclude each other; keep one of them",
                other.key,
                with.source.in_words(),
                flag.key,
                setting.source.in_words()
            ));
        }
        holding.push((flag, setting));
    }
    let is_on = |holding: &[(&Flag, Setting)], id: &str| {
        is_typed(id) || holding.iter().any(|(flag, setting)| flag.id == id && setting.value.is_on())
    };
    for (commands, id, needs) in NEEDS {
        if commands.contains(&command) && !needs.iter().any(|needed| is_on(&holding, needed)) {
            holding.retain(|(flag, _)| flag.id != id);
        }
    }
    // Several Regions go with a selection; a target that is named is in one of them.
    if !is_on(&holding, "all") && !is_on(&holding, "tag") {
        holding.retain(|(flag, setting)| {
            flag.id != "region" || !matches!(&setting.value, Value::List(all) if all.len() > 1)
        });
    }
    if mistakes.is_empty() { Ok(holding) } else { Err(mistakes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name that no argument has would do nothing.
    #[test]
    fn the_rules_name_what_there_is() {
        let mut tool = args::Cli::command();
        tool.build();
        let has = |command: &clap::Command, id: &str| command.get_arguments().any(|arg| arg.get_id() == id);
        for (id, others) in GIVES_WAY {
            for id in [&[id], others].concat() {
                assert!(tool.get_subcommands().any(|command| has(command, id)), "{id}");
            }
        }
        for (commands, id, others) in NEEDS {
            for command in commands.iter().map(|name| tool.find_subcommand(name).unwrap()) {
                assert!([&[id], others].concat().iter().all(|id| has(command, id)), "{} {id}", command.get_name());
            }
        }
    }

    /// The two that must hold together stand in this order: what is needed is looked at first.
    #[test]
    fn what_is_needed_is_decided_before() {
        for (at, (_, id, _)) in NEEDS.iter().enumerate() {
            let before = NEEDS.iter().take(at).flat_map(|(_, _, needs)| needs.iter());
            assert!(!before.into_iter().any(|needed| needed == id), "{id} is decided after what needs it");
        }
    }
}
