//! `config`: the settings that hold, and where each comes from. Makes no AWS call.

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _};

use super::Settings;
use super::keys::{Flag, Takes};
use super::value::Value;
use crate::cli::{Exit, Stop, args, output};
use crate::redact;
use crate::render::settings::{self, File, Setting, Source, SourceKind};
use crate::render::text::Detail;

/// Runs `config`.
pub fn show(cli: &args::Cli, typed: &args::Config) -> Result<Exit, Stop> {
    let found = Settings::read(cli, typed.command.as_deref().unwrap_or_default()).map_err(Stop::Usage)?;
    let commands = || found.keys.iter().map(|keys| keys.command.as_str());
    if let Some(name) = typed.command.as_deref().filter(|name| !commands().any(|known| known == *name)) {
        let near = crate::nearest::nearest_as_clap(name, commands());
        let near =
            near.map_or_else(|| commands().collect::<Vec<_>>().join(", "), |near| format!("did you mean `{near}`?"));
        return Err(Stop::Usage(vec![format!("no command `{name}` has settings; {near}")]));
    }
    found.unread().iter().for_each(|warning| output::warning(warning));
    let flags_typed = args::Cli::command().try_get_matches_from(crate::cli::typed::words()).ok();
    let flags_typed = flags_typed.as_ref().and_then(|matches| matches.subcommand()).map(|(_, matches)| matches);
    let (mut rows, mut wrong): (Vec<Setting>, Vec<String>) = (Vec::new(), Vec::new());
    for keys in found.keys.iter().filter(|keys| typed.command.as_ref().is_none_or(|only| keys.command == *only)) {
        for flag in keys.flags.iter().filter(|flag| flag.typed_only.is_none()) {
            let (value, source) = match (flag_typed(flag, flags_typed), found.of(&keys.command, flag)) {
                (Some(value), _) => (Some(value), source_of(SourceKind::Flag)),
                (None, Ok(Some(setting))) => (Some(setting.value), setting.source),
                (None, Ok(None)) => (default(flag), source_of(SourceKind::Default)),
                (None, Err(mistake)) => {
                    wrong.push(mistake);
                    continue;
                }
            };
            let value = value.map(shown);
            let same = |row: &&mut Setting| row.key == flag.key && row.value == value && row.source == source;
            match rows.iter_mut().find(same) {
                Some(row) => row.commands.push(keys.command.clone()),
                None => {
                    let commands = vec![keys.command.clone()];
                    rows.push(Setting { key: flag.key.clone(), commands, value, source });
                }
            }
        }
    }
    if !wrong.is_empty() {
        wrong.dedup();
        return Err(Stop::Usage(wrong));
    }
    rows.sort_by(|one, other| one.key.cmp(&other.key));
    let files = found.files.iter().map(|file| File { kind: file.kind, path: file.name.clone() }).collect();
    let settings = settings::Settings::new(files, rows);
    match typed.output {
        args::RecordOutput::Text => output::print_styled(&settings.text(output::detail(cli) == Detail::Verbose))?,
        args::RecordOutput::Json => {
            let json = settings.json();
            output::print(&json.map_err(|error| Stop::Failure(format!("cannot write the settings: {error}")))?)?;
        }
    }
    Ok(Exit::Ready)
}

fn source_of(kind: SourceKind) -> Source {
    Source { kind, variable: None, file: None, line: None }
}

/// What was typed of a flag that all commands share.
fn flag_typed(flag: &Flag, matches: Option<&ArgMatches>) -> Option<Value> {
    let matches = matches.filter(|matches| flag.is_global && matches.try_contains_id(&flag.id).unwrap_or(false))?;
    (matches.value_source(&flag.id) == Some(ValueSource::CommandLine)).then_some(())?;
    if flag.takes == Takes::Switch {
        return Some(Value::Switch(true));
    }
    let mut raw = matches.try_get_raw(&flag.id).ok().flatten()?;
    raw.next_back().map(|value| Value::Text(value.to_string_lossy().into_owned()))
}

/// What is built in. A switch that is off is as if it were not there.
fn default(flag: &Flag) -> Option<Value> {
    let text = flag.default.first().filter(|_| flag.takes != Takes::Switch)?;
    Some(match (flag.takes, text.parse()) {
        (Takes::Number, Ok(number)) => Value::Number(number),
        _ => Value::Text(text.clone()),
    })
}

/// A value without the secrets in it.
fn shown(value: Value) -> Value {
    let clean = |text: String| match text.contains("://") {
        true => redact::url(&text).into_owned(),
        false => redact::secrets(&text).into_owned(),
    };
    match value {
        Value::Text(text) => Value::Text(clean(text)),
        Value::List(all) => Value::List(all.into_iter().map(clean).collect()),
        Value::Switch(_) | Value::Number(_) => value,
    }
}
