//! What was typed, to be typed again: the flags that a proposed command must repeat to mean the same.

use super::args;
use crate::command_line::Command;
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
