//! `completions`: the script for a shell, and what the shell is told each time somebody presses TAB. Makes no AWS call.
//!
//! The script calls this binary, with a variable that asks for candidates and no command. That is `clap_complete`'s engine `CompleteEnv`,
//! which jj and cargo use too; uv prints static scripts. A static script cannot know the profiles of the shared config files or the
//! backups, and goes stale with each flag; the price is a start of the binary for each TAB, some ten milliseconds. The engine's feature is
//! called unstable since its interface may change with a release of the crate, which `Cargo.lock` holds; the scripts change along with it,
//! so that `completions` is run again after an update where its output is kept in a file.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command, CommandFactory as _, ValueHint};
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter as _,
};
use clap_complete::env::{CompleteEnv, Shells};

use super::config::keys;
use super::regions::REGIONS;
use super::{Exit, Stop, args, kept_backups, man, output};
use crate::aws;
use crate::unseen::is_unseen;

/// Asks for candidates. The underscore keeps it apart from the defaults of flags.
const VARIABLE: &str = "_SSM_PROFILE_COMPLETE";

const NAME: &str = "ssm-profile";

/// Where the script for Bash asks the binary.
const ASK: &str = "    COMPREPLY=( $( \\\n";

/// Bash makes `--flag=value` three words, and replaces the last one only. Without the equals sign they are `--flag value`, of which the
/// candidates are the same.
const JOIN: &str = r#"    local word before="" joined=()
    for word in "${words[@]}"; do
        if [[ $word == = && $before == --* ]]; then
            _CLAP_COMPLETE_INDEX=$((_CLAP_COMPLETE_INDEX - 1))
        else
            joined+=("$word")
        fi
        before=$word
    done
    words=("${joined[@]}")
"#;

/// Prints the script for a shell.
pub fn completions(shell: clap_complete::Shell) -> Result<Exit, Stop> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let written =
        shells.completer(&shell.to_string()).map(|it| it.write_registration(VARIABLE, NAME, NAME, NAME, &mut script));
    match written {
        Some(Ok(())) => output::print(&String::from_utf8_lossy(&script).replacen(ASK, &[JOIN, ASK].concat(), 1))?,
        Some(Err(error)) => return Err(Stop::Failure(format!("cannot write the completions: {error}"))),
        None => return Err(Stop::Usage(vec![format!("there are no completions for `{shell}`")])),
    }
    Ok(Exit::Ready)
}

/// Answers a shell that asks for candidates; `None` if this is a run like any other.
pub fn answer() -> Option<Exit> {
    let asked = CompleteEnv::with_factory(command).var(VARIABLE).completer(NAME);
    match asked.try_complete(std::env::args_os(), std::env::current_dir().ok().as_deref()) {
        Ok(true) => Some(Exit::Ready),
        Ok(false) => None,
        Err(error) => {
            output::error(&format!("cannot complete: {error}"));
            Some(Exit::Usage)
        }
    }
}

/// The command line, whose values know their candidates where clap does not.
fn command() -> Command {
    args::Cli::command().mut_args(with_candidates).mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        command.mut_args(|arg| match (name.as_str(), arg.get_id().as_str()) {
            ("undo", "backup") => arg.add(ArgValueCompleter::new(backups)),
            ("man" | "config", "command") => arg.add(ArgValueCandidates::new(|| as_they_are(man::commands()))),
            _ => with_candidates(arg),
        })
    })
}

fn with_candidates(arg: Arg) -> Arg {
    match arg.get_long() {
        Some("profile") => arg.add(ArgValueCandidates::new(profiles)),
        Some("region") => arg.add(ArgValueCandidates::new(|| as_they_are(REGIONS))),
        Some("output") if arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == "FORM[=FILE]")) => {
            arg.add(ArgValueCompleter::new(form_and_file))
        }
        _ if keys::takes_file(&arg) => {
            let words = keys::words_for_file(&arg);
            match words.is_empty() {
                true => arg.value_hint(ValueHint::FilePath),
                false => arg.add(ArgValueCompleter::new(move |typed: &OsStr| word_or_file(&words, typed))),
            }
        }
        _ => arg,
    }
}

fn as_they_are(values: impl IntoIterator<Item = impl Into<OsString>>) -> Vec<CompletionCandidate> {
    values.into_iter().map(CompletionCandidate::new).collect()
}

/// The profiles of the shared config files, as far as these can be read: a shell that completes shows no mistake.
fn profiles() -> Vec<CompletionCandidate> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let mut names = runtime.map(|runtime| runtime.block_on(aws::profiles())).unwrap_or_default();
    names.retain(|name| !name.contains(is_unseen));
    names.sort();
    as_they_are(names)
}

/// The backups that are kept, newest first, and files.
fn backups(typed: &OsStr) -> Vec<CompletionCandidate> {
    let kept = kept_backups::in_short().into_iter().filter(|(file, _)| starts_with(file, typed));
    let kept = kept.map(|(file, what)| CompletionCandidate::new(file).help(Some(what.into())));
    // What lies in the working directory is seldom a backup.
    let files = if typed.is_empty() { Vec::new() } else { PathCompleter::file().complete(typed) };
    kept.enumerate().map(|(order, it)| it.display_order(Some(order))).chain(files).collect()
}

/// A form, or the file that a form goes to.
fn form_and_file(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some((form, file)) = typed.to_str().and_then(|typed| typed.split_once('=')) else {
        let forms = <args::Output as clap::ValueEnum>::value_variants().iter();
        let forms = forms.filter_map(clap::ValueEnum::to_possible_value);
        let forms = forms.filter(|form| starts_with(OsStr::new(form.get_name()), typed));
        return forms.map(|form| CompletionCandidate::new(form.get_name()).help(form.get_help().cloned())).collect();
    };
    let files = PathCompleter::file().complete(OsStr::new(file));
    files.into_iter().map(|file| file.add_prefix(format!("{form}="))).collect()
}

fn word_or_file(words: &[String], typed: &OsStr) -> Vec<CompletionCandidate> {
    let words = words.iter().filter(|word| starts_with(OsStr::new(word), typed));
    as_they_are(words).into_iter().chain(PathCompleter::file().complete(typed)).collect()
}

fn starts_with(value: &OsStr, typed: &OsStr) -> bool {
    value.as_encoded_bytes().starts_with(typed.as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(candidates: Vec<CompletionCandidate>) -> Vec<String> {
        candidates.iter().map(|candidate| candidate.get_value().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_form_is_completed_before_the_equals_sign_and_a_file_behind_it() {
        assert_eq!(values(form_and_file(OsStr::new("js"))), ["json"]);
        assert_eq!(values(form_and_file(OsStr::new("sarif=Cargo.to"))), ["sarif=Cargo.toml"]);
    }

    #[test]
    fn a_word_that_is_no_file_is_there_too() {
        let words = ["none".to_owned()];
        assert_eq!(values(word_or_file(&words, OsStr::new("no"))), ["none"]);
        assert_eq!(values(word_or_file(&words, OsStr::new("Cargo.to"))), ["Cargo.toml"]);
    }

    /// A name that no argument has would complete nothing.
    #[test]
    fn each_argument_with_candidates_is_there() {
        let tool = command();
        let arg = |command: &str, id: &str| {
            let command = tool.find_subcommand(command).unwrap();
            command.get_arguments().find(|arg| arg.get_id() == id).unwrap_or_else(|| panic!("{id}")).clone()
        };
        for (command, id) in [("man", "command"), ("config", "command"), ("check", "profile"), ("fix", "region")] {
            assert!(arg(command, id).get::<ArgValueCandidates>().is_some(), "{command} {id}");
        }
        for (command, id) in [("undo", "backup"), ("check", "output"), ("check", "accounts")] {
            assert!(arg(command, id).get::<ArgValueCompleter>().is_some(), "{command} {id}");
        }
        assert!(arg("fix", "output").get::<ArgValueCompleter>().is_none(), "it takes no file");
        for (command, id) in [("check", "snapshot"), ("check", "trust"), ("fix", "backup")] {
            assert_eq!(arg(command, id).get_value_hint(), ValueHint::FilePath, "{command} {id}");
        }
    }
}
