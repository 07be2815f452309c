//! The plans and the outcomes of several accounts, one below the other.

use std::fmt::Write as _;

use super::counts::{amount, refused};
use super::{plan, result};
use crate::fix::Record;
use crate::render::page::STRONG;
use crate::render::sanitize::terminal as clean;
use crate::render::text::Layout;

/// What is planned or done in an account, and which one that is, where there are several.
pub type Titled<'a> = (Option<&'a str>, &'a Record);

/// What is going to be done in each, as [`plan`] says it. An account in which there is nothing to do is left out.
pub fn plans(plans: &[Titled<'_>], layout: Layout) -> String {
    if let [(None, record)] = plans {
        return plan(record, layout);
    }
    let says = |record: &Record| !record.steps.is_empty() || !record.refusals.is_empty();
    let mut text = pages(plans, says, |record| plan(record, layout));
    let changed = plans.iter().filter(|(_, record)| !record.steps.is_empty()).count();
    let accounts = if plans.len() == 1 { "account" } else { "accounts" };
    let steps = plans.iter().map(|(_, record)| record.steps.len()).sum();
    let refused = plans.iter().map(|(_, record)| refused(record)).sum();
    let dry_run = plans.iter().any(|(_, record)| record.dry_run);
    let _ = writeln!(text, "{changed} of {} {accounts}: {}", plans.len(), amount(steps, refused, dry_run));
    text
}

/// What became of it in each, as [`result`] says it.
pub fn results(results: &[Titled<'_>], layout: Layout) -> String {
    if let [(None, record)] = results {
        return result(record, layout);
    }
    let text = pages(results, |record| !record.steps.is_empty(), |record| result(record, layout));
    text.trim_end().to_owned() + "\n"
}

fn pages(all: &[Titled<'_>], says: impl Fn(&Record) -> bool, page: impl Fn(&Record) -> String) -> String {
    let mut text = String::new();
    for (account, record) in all.iter().filter(|(_, record)| says(record)) {
        let account = clean(account.unwrap_or_default());
        // Writing to a string does not fail.
        let _ = writeln!(text, "{STRONG}account {account}{STRONG:#}\n\n{}", page(record));
    }
    text
}
