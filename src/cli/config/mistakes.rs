//! What is wrong with a configuration file: keys that do not exist, values that no flag takes, what a file that was found may not say.

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use super::find::{ConfigFile, of_user};
use super::keys::{Flag, Keys};
use super::toml::{Entry, Written};
use super::value::Value;
use crate::cli::args;
use crate::nearest::nearest_as_clap;

/// What only the user's own file and one given with `--config` may set: others choose what lies in a working directory.
const NOT_FOUND: [(&[&str], &str); 5] = [
    (&["endpoint-url", "profile", "assume-role"], "it decides where credentials go"),
    (&["backup", "write-baseline"], "it decides where a file is written"),
    (&["debug"], "it logs each call"),
    (&["snapshot"], "it replaces the account that is looked at"),
    (&["force-managed-elsewhere"], "it lifts a safeguard"),
];

/// Every mistake in a file.
///
/// # Arguments
/// `running` is the command that runs: what no table names must be right for it.
pub fn of(file: &ConfigFile, keys: &[Keys], running: &str) -> Vec<String> {
    let mistake = |entry: &Entry| {
        let found = of_entry(file, entry, keys, running).err()?;
        Some(format!("`{}`, line {}: {found}", file.name, entry.line))
    };
    file.entries.iter().filter_map(mistake).collect()
}

fn of_entry(file: &ConfigFile, entry: &Entry, keys: &[Keys], running: &str) -> Result<(), String> {
    let Entry { table, key, value, .. } = entry;
    let commands: Vec<&Keys> = match table {
        None => keys.iter().collect(),
        Some(table) => keys.iter().filter(|keys| keys.command == *table).collect(),
    };
    let names = || keys.iter().map(|keys| keys.command.as_str());
    if let Some(table) = table.as_deref().filter(|_| commands.is_empty()) {
        return Err(format!("there is no table `[{table}]`{}", proposal(table, names(), |name| format!("[{name}]"))));
    }
    if table.is_none() && names().any(|name| name == key) {
        return match value {
            Written::Other("a table") => Ok(()),
            _ => Err(format!("`{key}` is a command; write its settings in a table `[{key}]`")),
        };
    }
    let flags: Vec<(&str, &Flag)> =
        commands.iter().filter_map(|keys| Some((keys.command.as_str(), keys.flag(key)?))).collect();
    let Some((_, flag)) = flags.first() else { return Err(unknown(entry, keys, &commands)) };
    let allowed: Vec<&(&str, &Flag)> = flags.iter().filter(|(_, flag)| flag.typed_only.is_none()).collect();
    let Some((_, first)) = allowed.first() else {
        let why = flag.typed_only.unwrap_or_default();
        return Err(format!("`{key}` cannot be set in a file: {why}; remove it, and type `--{key}`"));
    };
    if file.is_found() {
        may_be_found(key, value)?;
    }
    let fitting: Vec<(&str, Value)> = allowed
        .iter()
        .filter_map(|(command, flag)| Some((*command, Value::in_file(flag, value, file.directory())?)))
        .collect();
    if fitting.is_empty() {
        return Err(format!("`{key}` takes {}, and this is {}", first.takes.in_words(), kind(value)));
    }
    let refused: Vec<(&str, String)> =
        fitting.iter().filter_map(|(command, value)| Some((*command, accept(command, key, value).err()?))).collect();
    match refused.first() {
        Some((_, words)) if refused.len() == fitting.len() => Err(format!("`{key}`: {words}")),
        _ => match refused.iter().find(|(command, _)| *command == running) {
            Some((_, words)) => {
                let others = fitting.iter().map(|(command, _)| *command);
                let others = others.filter(|command| !refused.iter().any(|(refused, _)| refused == command));
                let tables: Vec<String> = others.map(|command| format!("`[{command}]`")).collect();
                Err(format!("`{key}` is not for `{running}`: {words}; move it to {}", tables.join(" or ")))
            }
            None => Ok(()),
        },
    }
}

fn may_be_found(key: &str, value: &Written) -> Result<(), String> {
    let texts: &[String] = match value {
        Written::Text(text) => std::slice::from_ref(text),
        Written::List(all) => all,
        _ => &[],
    };
    let named = NOT_FOUND.iter().find(|(keys, _)| keys.contains(&key)).map(|(_, why)| *why);
    let why = match named {
        None if key == "output" && texts.iter().any(|text| text.contains('=')) => "it decides where a file is written",
        None => return Ok(()),
        Some(why) => why,
    };
    let own = of_user().map_or_else(|| "your own file".to_owned(), |path| format!("`{}`", path.display()));
    Err(format!(
        "`{key}` cannot be set in a file that was found in the working directory or above it: {why}; set it in {own}, or type \
         `--{key}`"
    ))
}

fn unknown(entry: &Entry, keys: &[Keys], commands: &[&Keys]) -> String {
    let Entry { table, key, .. } = entry;
    let known = commands.iter().flat_map(|keys| &keys.flags).filter(|flag| flag.typed_only.is_none());
    let known = known.map(|flag| flag.key.as_str());
    match table {
        None => {
            let tables = keys.iter().map(|keys| keys.command.as_str());
            format!("there is no setting `{key}`{}", proposal(key, known.chain(tables), str::to_owned))
        }
        Some(table) => format!("`{table}` has no setting `{key}`{}", proposal(key, known, str::to_owned)),
    }
}

/// Proposes the nearest of these names, if one is near.
pub fn proposal<'a>(typed: &str, names: impl Iterator<Item = &'a str>, show: impl Fn(&str) -> String) -> String {
    nearest_as_clap(typed, names).map_or_else(
        || "; `ssm-profile config -v` lists all".to_owned(),
        |name| format!("; did you mean `{}`?", show(name)),
    )
}

fn kind(value: &Written) -> &'static str {
    match value {
        Written::Switch(_) => "a boolean",
        Written::Number(_) => "an integer",
        Written::Text(_) => "a string",
        Written::List(_) => "an array of strings",
        Written::Other(what) => what,
    }
}

/// Whether the flag's own parser takes a value.
///
/// # Errors
/// The parser's words.
pub fn accept(command: &str, key: &str, value: &Value) -> Result<(), String> {
    let line = ["ssm-profile", command].map(str::to_owned).into_iter().chain(value.words(key));
    match args::Cli::command().try_get_matches_from(line) {
        Err(error) if is_about_a_value(error.kind()) => Err(words_of(&error)),
        _ => Ok(()),
    }
}

/// Whether a mistake is that of a value; others, such as an operand that is missing, are not of a setting.
fn is_about_a_value(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidValue
            | ErrorKind::ValueValidation
            | ErrorKind::NoEquals
            | ErrorKind::TooManyValues
            | ErrorKind::TooFewValues
            | ErrorKind::WrongNumberOfValues
    )
}

/// What clap says is wrong, on one line.
pub fn words_of(error: &clap::Error) -> String {
    let text = error.to_string();
    let parts = text.split("\n\n").map(str::trim);
    let parts = parts.filter(|part| !part.starts_with("Usage:") && !part.starts_with("For more information"));
    let lines = |part: &str| part.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let all: Vec<String> = parts.map(lines).filter(|part| !part.is_empty()).collect();
    all.join("; ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::keys;
    use crate::cli::config::toml;
    use crate::render::settings::FileKind;
    use proptest::prelude::*;

    fn keys() -> Vec<Keys> {
        let mut tool = args::Cli::command();
        tool.build();
        keys::of(&tool)
    }

    fn mistakes(kind: FileKind, text: &str, running: &str) -> Vec<String> {
        let entries = toml::read(text).unwrap();
        let file = ConfigFile { kind, name: "f.toml".to_owned(), path: "f.toml".into(), entries };
        of(&file, &keys(), running)
    }

    #[test]
    fn a_value_is_right_for_some_command_and_for_the_one_that_runs() {
        let text = "output = \"junit\"\n";
        assert_eq!(mistakes(FileKind::Project, text, "check"), [""; 0]);
        let [mistake] = mistakes(FileKind::Project, text, "fix").try_into().unwrap();
        assert!(mistake.starts_with("`f.toml`, line 1: `output` is not for `fix`: invalid value 'junit'"), "{mistake}");
        assert!(mistake.ends_with("; move it to `[check]`"), "{mistake}");
        let [mistake] = mistakes(FileKind::Project, "output = \"junitt\"\n", "undo").try_into().unwrap();
        assert!(mistake.starts_with("`f.toml`, line 1: `output`: invalid value 'junitt'"), "{mistake}");
    }

    /// A name that no flag has would guard nothing.
    #[test]
    fn what_may_not_be_found_is_there() {
        let keys = keys();
        for key in NOT_FOUND.iter().flat_map(|(keys, _)| *keys) {
            assert!(keys.iter().any(|keys| keys.flag(key).is_some()), "{key}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_entry_makes_it_panic(
            table in proptest::option::of("check|fix|undo|chekc|config"),
            key in "all|wait|region|output|timeout|yes|kms-kye|check|[a-z-]{0,8}",
            value in "true|1|-1|\"[a-z,=/]{0,6}\"|\\[\\]|\\[\"a\",\"\"\\]|\\[1\\]|1979-05-27|\\{\\}",
        ) {
            let table = table.map(|table| format!("[{table}]\n")).unwrap_or_default();
            let text = format!("{table}\"{key}\" = {value}\n");
            for kind in [FileKind::Project, FileKind::User] {
                for mistake in mistakes(kind, &text, "check") {
                    let told = mistake.starts_with("`f.toml`, line ") && !mistake.contains('\n');
                    prop_assert!(told, "{mistake}");
                }
            }
        }
    }
}
