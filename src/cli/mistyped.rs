//! What clap says of a mistake, with what this tool knows besides: which command has the flag, and what is near.

use std::fmt::Write as _;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{args, output, typed};
use crate::command_line::Command;
use crate::nearest::nearest_as_clap;
use crate::render::sanitize::word;
use crate::report::Code;
use crate::target::{Target, TargetKind};

/// So many columns has the list of codes.
const WIDTH: usize = 78;

/// Tells a mistake, with one proposal and one closing line.
pub fn tell(mut error: clap::Error) {
    let words = typed::words();
    let words: Vec<&str> = words.iter().skip(1).filter_map(|word| word.to_str()).collect();
    let mut tool = args::Cli::command();
    tool.build();
    let running = words.iter().find_map(|word| tool.find_subcommand(word)).map(|command| command.get_name().to_owned());
    let (mut hint, mut list) = (None, None);
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            hint = meant_command(words.first().copied().unwrap_or_default());
            if hint.is_some() {
                error.remove(ContextKind::SuggestedSubcommand);
                error.remove(ContextKind::Suggested);
            }
        }
        ErrorKind::UnknownArgument => {
            hint = text_of(&error, ContextKind::InvalidArg)
                .and_then(|flag| flag_of_another(&flag, &tool, running.as_deref()));
            if hint.is_some() {
                error.remove(ContextKind::SuggestedArg);
                error.remove(ContextKind::Suggested);
            }
        }
        ErrorKind::InvalidValue => {
            let typed = text_of(&error, ContextKind::InvalidValue).unwrap_or_default();
            if let Some(ContextValue::Strings(all)) = error.get(ContextKind::ValidValue)
                && all.len() == Code::ALL.len()
            {
                (hint, list) = (near_code(&typed), Some(codes()));
                error.remove(ContextKind::ValidValue);
                error.remove(ContextKind::SuggestedValue);
            }
        }
        _ => {}
    }
    let text = error.render().ansi().to_string();
    // Clap closes with a line of its own, in another style.
    let text = text.rsplit_once("\n\nFor more information").map_or(text.as_str(), |(text, _)| text);
    output::note(&format!("{}\n", text.trim_end()));
    if let Some(hint) = hint {
        output::hint(&hint);
    }
    if let Some(list) = list {
        output::note(&format!("\n{list}\n"));
    }
    let running = running.map(|name| format!("{name} ")).unwrap_or_default();
    output::hint(&format!("for more information, try `ssm-profile {running}--help`"));
}

fn text_of(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    }
}

/// What people type in the place of a command: a word for what `fix` does, or the target itself.
fn meant_command(typed: &str) -> Option<String> {
    let meant = match (typed, Target::parse(typed)) {
        ("apply" | "repair" | "remediate", _) => Command::new("ssm-profile fix"),
        (_, Ok(Target { kind: TargetKind::Named(_), .. }) | Err(_)) => return None,
        (_, Ok(_)) => Command::new("ssm-profile check").operand(typed),
    };
    Some(format!("did you mean `{meant}`?"))
}

/// The commands that have a flag that this one does not have.
fn flag_of_another(typed: &str, tool: &clap::Command, running: Option<&str>) -> Option<String> {
    let long = typed.split('=').next()?.strip_prefix("--")?;
    let has = |command: &&clap::Command| {
        command.get_arguments().any(|arg| arg.get_long() == Some(long) && !arg.is_hide_set())
    };
    let others = tool.get_subcommands().filter(has).map(clap::Command::get_name);
    let others: Vec<String> = others.filter(|name| Some(*name) != running).map(|name| format!("`{name}`")).collect();
    (!others.is_empty()).then(|| format!("`--{long}` is a flag of {}", others.join(" and ")))
}

fn near_code(typed: &str) -> Option<String> {
    let all: Vec<String> = Code::ALL.iter().map(word).collect();
    nearest_as_clap(typed, all.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"))
}

/// All codes.
fn codes() -> String {
    let (mut text, mut column) = ("the codes:".to_owned(), WIDTH);
    for code in Code::ALL.iter().map(word) {
        if column + 1 + code.len() > WIDTH {
            text.push_str("\n ");
            column = 1;
        }
        let _ = write!(text, " {code}");
        column += 1 + code.len();
    }
    text
}
