//! What was typed, to be typed again: the flags that a proposed command must repeat to mean the same.

use super::args;
use crate::redact;
use crate::render::causes::Fixes;
use crate::render::sanitize::shell;

/// Flags as they would be typed into a shell.
pub struct Again {
    selection: String,
    flags: String,
    several_accounts: bool,
}

impl Again {
    /// The flags for the commands that a report proposes.
    pub fn fixes(&self) -> Fixes<'_> {
        Fixes { selection: &self.selection, flags: &self.flags, several_accounts: self.several_accounts }
    }
}

/// Of a check: what it looked at, how it reached AWS, and what it asked for.
pub fn of_check(typed: &args::Check) -> Again {
    let args::Targets { tag, selection, .. } = &typed.targets;
    let mut words = Words::default();
    if tag.is_empty() {
        words.0.push("--all".to_owned());
    }
    words.each("--tag", tag);
    words.each("--region", &typed.aws.region);
    words.0.extend(selection.all_regions.then(|| "--all-regions".to_owned()));
    words.each("--accounts", selection.accounts.as_ref().map(|accounts| accounts.to_string_lossy()));
    words.each("--assume-role", &selection.assume_role);
    let selection = words.0.join(" ");

    let mut words = Words::default();
    words.each("--profile", &typed.aws.profile);
    words.each("--endpoint-url", typed.aws.endpoint_url.as_deref().map(redact::url));
    words.each("--kms-key", &typed.needs.kms_key);
    words.each("--s3-logs", &typed.needs.s3_logs);
    words.each("--cloudwatch-logs", &typed.needs.cloudwatch_logs);
    words.each("--require", &typed.needs.require);
    words.each("--context", &typed.circumstances.context);
    words.each("--preferences", &typed.circumstances.preferences);
    words.each("--scp", typed.levels.scp.iter().map(|file| file.to_string_lossy()));
    words.each("--rcp", typed.levels.rcp.iter().map(|file| file.to_string_lossy()));
    Again { selection, flags: words.0.join(" "), several_accounts: typed.targets.selection.accounts.is_some() }
}

#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn each(&mut self, flag: &str, values: impl IntoIterator<Item = impl AsRef<str>>) {
        self.0.extend(values.into_iter().map(|value| format!("{flag} {}", shell(value.as_ref()))));
    }
}
