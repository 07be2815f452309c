//! What was typed, to be typed again: the flags that a proposed command must repeat to mean the same.

use std::ffi::OsString;

use super::args;
use crate::command_line::{Carried, Command, Flags};
use crate::redact;
use crate::render::causes::Fixes;

/// Flags of a command.
pub struct RepeatFlags {
    selection: Command,
    flags: Command,
    several_accounts: bool,
}

impl RepeatFlags {
    /// The flags for the commands that a report proposes.
    pub fn fixes(&self) -> Fixes<'_> {
        Fixes { selection: Some(&self.selection), flags: &self.flags, several_accounts: self.several_accounts }
    }

    /// The same for a report on targets that were named.
    pub fn fixes_of_named(&self) -> Fixes<'_> {
        Fixes { selection: None, ..self.fixes() }
    }
}

/// What every command that a run prints takes along: of what was typed what the tool must be given again, and of all that holds what
/// the AWS CLI must be given, which reads none of our settings.
pub fn carried(repeat: &args::Cli, whole: &args::Cli) -> Carried {
    let (Some(typed), Some(holds)) = (aws_of(&repeat.command), aws_of(&whole.command)) else {
        return Carried::default();
    };
    let undo = [flags("--config", &repeat.config), way(typed)].concat();
    let mut judging = undo.clone();
    let (needs, circumstances, levels) = match &repeat.command {
        args::Command::Check(typed) => (&typed.needs, &typed.circumstances, &typed.levels),
        args::Command::Fix(typed) => (&typed.needs, &typed.circumstances, &typed.levels),
        _ => return Carried { judging, undo, aws: way(holds) },
    };
    judging.extend(flags("--kms-key", &needs.kms_key));
    judging.extend(flags("--s3-logs", &needs.s3_logs));
    judging.extend(flags("--cloudwatch-logs", &needs.cloudwatch_logs));
    judging.extend(flags("--require", &needs.require));
    judging.extend(flags("--context", &circumstances.context));
    judging.extend(flags("--preferences", &circumstances.preferences));
    judging.extend(flags("--scp", &levels.scp));
    judging.extend(flags("--rcp", &levels.rcp));
    Carried { judging, undo, aws: way(holds) }
}

/// How a command reaches AWS, if it does.
fn aws_of(command: &args::Command) -> Option<&args::Aws> {
    match command {
        args::Command::Check(typed) => Some(&typed.aws),
        args::Command::Fix(typed) => Some(&typed.aws),
        args::Command::Undo(typed) => Some(&typed.aws),
        args::Command::Snapshot(typed) => Some(&typed.aws),
        _ => None,
    }
}

/// The flags for that. Several Regions are for a selection; what is named is in one of them, which its command says.
fn way(aws: &args::Aws) -> Flags {
    let region = Some(aws.region.as_slice()).filter(|regions| regions.len() == 1).unwrap_or_default();
    let endpoint = aws.endpoint_url.as_deref().map(|url| redact::url(url).into_owned());
    [flags("--profile", &aws.profile), flags("--region", region), flags("--endpoint-url", &endpoint)].concat()
}

/// The same flag for each value.
fn flags<'a, T: Into<OsString> + Clone + 'a>(name: &'static str, values: impl IntoIterator<Item = &'a T>) -> Flags {
    values.into_iter().map(|value| (name, value.clone().into())).collect()
}

/// Of a check: what it looked at, how it reached AWS, and what it asked for.
pub fn of(cli: &args::Cli) -> RepeatFlags {
    let flags = Command::default().options("--config", &cli.config);
    match &cli.command {
        args::Command::Check(typed) => of_check(typed, flags),
        _ => RepeatFlags { selection: Command::default(), flags, several_accounts: false },
    }
}

fn of_check(typed: &args::Check, flags: Command) -> RepeatFlags {
    let args::Targets { tag, selection, .. } = &typed.targets;
    let all = if tag.is_empty() { Command::new("--all") } else { Command::default().options("--tag", tag) };
    let regions = all.options("--region", &typed.aws.region);
    let regions = if selection.all_regions { regions.and("--all-regions") } else { regions };
    let selected = regions.options("--accounts", &selection.accounts).options("--assume-role", &selection.assume_role);

    let flags = flags
        .options("--profile", &typed.aws.profile)
        .options("--endpoint-url", typed.aws.endpoint_url.as_deref().map(|url| redact::url(url).into_owned()))
        .options("--kms-key", &typed.needs.kms_key)
        .options("--s3-logs", &typed.needs.s3_logs)
        .options("--cloudwatch-logs", &typed.needs.cloudwatch_logs)
        .options("--require", &typed.needs.require)
        .options("--context", &typed.circumstances.context)
        .options("--preferences", &typed.circumstances.preferences)
        .options("--scp", &typed.levels.scp)
        .options("--rcp", &typed.levels.rcp);
    RepeatFlags { selection: selected, flags, several_accounts: selection.accounts.is_some() }
}
