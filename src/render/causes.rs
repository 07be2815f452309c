//! The report on a fleet for a person: causes first, each with the instances that it keeps out and what to do.
//!
//! Over a fleet nobody reads a block for each instance: most that are not ready are not ready for the same few reasons.

mod command;
mod grouping;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::page::{self, BAD, DIM, GOOD, OPEN, STRONG, digits, fold};
use super::sanitize::{terminal as clean, word};
use super::text::{Detail, Layout};
use super::words::{self, Words};
use crate::command_line::Command;
use crate::report::{Known, Report, Verdict};

use command::FixCommand;
pub use grouping::{Blame, Cause, Caution, Ground, Kind, Member, causes, cautions};

/// The results of a cause that are named as examples.
const EXAMPLES: usize = 3;

/// What a `fix:` line is made of besides the cause itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixes<'a> {
    /// The flags that select what the report is about, for example `--all --region us-east-1`; `None` if its targets were named.
    pub selection: Option<&'a Command>,
    /// Flags for every command, for example `--profile prod --kms-key alias/sessions`; may be empty.
    pub flags: &'a Command,
    /// Whether the selection reaches into accounts that are not those of the credentials.
    pub several_accounts: bool,
}

/// The report as text with ANSI styles, which whoever prints it keeps or strips.
///
/// Without `fixes` no command is offered, as for facts that are not of an account.
pub fn render(report: &Report, layout: Layout, fixes: Option<Fixes<'_>>) -> String {
    // A line for each cause is folded by nobody but the terminal.
    let width = layout.width.filter(|_| layout.detail != Detail::Quiet);
    let mut page = Page { text: String::new(), layout: Layout { width, ..layout }, fixes };
    let causes = causes(report);
    let counts = Counts::of(report, causes.len());
    if layout.detail == Detail::Quiet {
        causes.iter().for_each(|cause| page.title(cause));
    } else {
        page.headline(&counts);
        causes.iter().for_each(|cause| page.cause(cause));
        page.ready(report, &counts);
        page.not_checked(report);
    }
    page.line(0, &page::summary(report.summary()));
    page.text
}

/// How many there are of what the headline speaks of. What was not read is no instance.
#[derive(Default)]
struct Counts {
    all: usize,
    ready: usize,
    not_ready: usize,
    unknown: usize,
    skipped: usize,
    causes: usize,
    /// Accounts, Regions and selections that could not be read.
    unread: [usize; 3],
    noun: &'static str,
}

impl Counts {
    fn of(report: &Report, causes: usize) -> Counts {
        let mut counts = Counts { causes, noun: "instance", ..Counts::default() };
        for outcome in &report.results {
            let [accounts, regions, selections] = &mut counts.unread;
            let verdict = match outcome.verdict {
                Verdict::Ready => &mut counts.ready,
                Verdict::NotReady => &mut counts.not_ready,
                Verdict::Unknown => &mut counts.unknown,
                Verdict::Skipped => {
                    counts.skipped += 1;
                    continue;
                }
            };
            match grouping::member(outcome).kind {
                Kind::Account => *accounts += 1,
                Kind::Region => *regions += 1,
                Kind::Selection => *selections += 1,
                kind => {
                    *verdict += 1;
                    counts.all += 1;
                    if kind == Kind::Target {
                        counts.noun = "target";
                    }
                }
            }
        }
        counts
    }

    fn in_words(&self) -> Option<String> {
        let Counts { all, not_ready, unknown, skipped, noun, .. } = self;
        // What is skipped counts as checked, as in the last line.
        let checked = count(*all + *skipped, noun);
        let [accounts, regions, selections] = self.unread;
        let unread = [(accounts, "account"), (regions, "Region"), (selections, "selection")];
        let unread = unread.into_iter().filter(|(number, _)| *number > 0).map(|(number, noun)| count(number, noun));
        let unread = unread.collect::<Vec<_>>().join(" and ");
        let be = |number: usize| if number == 1 { "is" } else { "are" };
        let mut parts = Vec::new();
        if *not_ready > 0 {
            parts.push(format!("{} of {} {} not ready", digits(*not_ready), checked, be(*not_ready)));
            parts.extend((*unknown > 0).then(|| format!("{} unknown", digits(*unknown))));
        } else if *unknown > 0 {
            parts.push(format!("{} of {} {} unknown", digits(*unknown), checked, be(*unknown)));
        } else if *all == 1 {
            parts.push(format!("the only {noun} is ready"));
        } else if *all > 0 {
            parts.push(format!("all {} are ready", count(*all, noun)));
        }
        parts.extend((*skipped > 0 && !parts.is_empty()).then(|| format!("{} skipped", digits(*skipped))));
        parts.extend((!unread.is_empty()).then(|| format!("{unread} could not be read")));
        (!parts.is_empty()).then(|| match self.causes {
            0 => parts.join(", "),
            causes => format!("{}; {}", parts.join(", "), count(causes, "cause")),
        })
    }
}

struct Page<'a> {
    text: String,
    layout: Layout,
    fixes: Option<Fixes<'a>>,
}

impl Page<'_> {
    fn headline(&mut self, counts: &Counts) {
        if let Some(words) = counts.in_words() {
            self.line(0, &format!("{STRONG}{words}{STRONG:#}"));
        }
    }

    fn cause(&mut self, cause: &Cause<'_>) {
        self.text.push('\n');
        self.title(cause);
        for Ground { finding, words: Words { message, remedy }, known } in &cause.grounds {
            self.line(2, &format!("{STRONG}{}{STRONG:#}: {}", word(&finding.code()), clean(message)));
            self.line(4, &format!("{DIM}remedy:{DIM:#} {}", clean(remedy)));
            self.known(4, *known);
        }
        if !cause.undecided.is_empty() {
            let actions = cause.undecided.iter().map(|action| format!("`{}`", clean(action)));
            let actions = actions.collect::<Vec<_>>().join(", ");
            self.line(2, &format!("cannot determine whether these are allowed: {actions}"));
        }
        self.members(2, &cause.members);
        if let Some(FixCommand { command, account }) = self.fixes.and_then(|fixes| command::fix_command(cause, fixes)) {
            let with = account.map(|account| format!(" with credentials of account {}", clean(account)));
            // Never folded: what is pasted must stay one line.
            let line = format!("{DIM}fix{}:{DIM:#} {command}", with.unwrap_or_default());
            fold(&mut self.text, None, ["  ", "  "], &line);
        }
    }

    fn known(&mut self, indent: usize, known: Option<&Known>) {
        if let Some(known) = known {
            self.line(indent, &format!("{DIM}known:{DIM:#} {}", clean(&words::known(known))));
        }
    }

    /// The verdict, on how many, and what is to blame.
    fn title(&mut self, cause: &Cause<'_>) {
        let (verdict, style) = match cause.verdict {
            Verdict::NotReady => ("not ready", BAD),
            _ => ("unknown", OPEN),
        };
        let known = words::known_mark(cause.is_known());
        let mut line = format!("{style}{verdict}{style:#}{known}  {STRONG}{}{STRONG:#}", number_of(&cause.members));
        let shown = |arn| match self.layout.detail {
            Detail::Verbose => Cow::Borrowed(arn),
            Detail::Quiet | Detail::Normal => grouping::name_of(arn),
        };
        let blame = match cause.blame {
            Blame::Role(role) => format!("role {}", clean(&shown(role))),
            Blame::Profile(profile) => format!("profile {}", clean(&shown(profile))),
            Blame::NoProfile => "without an instance profile".to_owned(),
            Blame::NotRead => "not read".to_owned(),
            // A line for each cause names the codes at its end.
            Blame::Nothing if self.layout.detail == Detail::Quiet => String::new(),
            Blame::Nothing => codes_of(cause),
        };
        let place = cause.account.map(|account| format!("in {}", clean(account)));
        let blame = [blame, place.unwrap_or_default()];
        let blame = blame.iter().filter(|words| !words.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ");
        if !blame.is_empty() {
            let _ = write!(line, "  {blame}");
        }
        if self.layout.detail == Detail::Quiet {
            let codes = codes_of(cause);
            let _ = write!(line, ": {}", if codes.is_empty() { "not decided" } else { &codes });
        }
        self.line(0, &line);
    }

    /// Some of the members by name, and where all of them are.
    fn members(&mut self, indent: usize, members: &[Member<'_>]) {
        let unread = members.iter().all(|member| member.kind.is_unread());
        // Of what was not read nothing else tells, and a verbose report leaves nothing out.
        let all = unread || self.layout.detail == Detail::Verbose;
        let shown = if all { members.len() } else { EXAMPLES };
        let named = members.iter().take(shown).map(|member| match member.name {
            Some(name) => format!("{} ({})", clean(member.id), clean(name)),
            None => clean(member.id).into_owned(),
        });
        let mut line = named.collect::<Vec<_>>().join(", ");
        if members.len() > shown {
            let _ = write!(line, " and {} more", digits(members.len() - shown));
        }
        let regions: BTreeSet<&str> = members.iter().filter_map(|member| member.region).collect();
        if !regions.is_empty() && !unread {
            let regions: Vec<_> = regions.into_iter().map(clean).collect();
            let _ = write!(line, " in {}", regions.join(", "));
        }
        self.line(indent, &line);
    }

    fn ready(&mut self, report: &Report, counts: &Counts) {
        if counts.ready > 0 && counts.causes > 0 {
            self.text.push('\n');
            self.line(0, &format!("{GOOD}{} ready{GOOD:#}", digits(counts.ready)));
        }
        for Caution { ground, members } in cautions(report) {
            let (number, plural) = (digits(members.len()), noun(&members, members.len()));
            let (code, message) = (word(&ground.finding.code()), clean(&ground.words.message));
            self.line(
                2,
                &format!("{number} ready {plural}: {OPEN}warning{OPEN:#} {STRONG}{code}{STRONG:#}: {message}"),
            );
            self.known(4, ground.known);
            self.members(4, &members);
        }
    }

    /// What no verdict speaks of, once.
    fn not_checked(&mut self, report: &Report) {
        if report.results.is_empty() {
            return;
        }
        let lines = page::not_checked(report);
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        if !lines.is_empty() {
            self.line(0, &format!("{DIM}not checked{DIM:#}"));
            lines.iter().for_each(|line| self.line(2, &clean(line)));
            self.text.push('\n');
        }
    }

    /// Writes a line, folded with a hanging indent where there is a width.
    fn line(&mut self, indent: usize, content: &str) {
        page::line(&mut self.text, self.layout.width, indent, content);
    }
}

/// `metadata-disabled`.
fn codes_of(cause: &Cause<'_>) -> String {
    let codes: BTreeSet<_> = cause.grounds.iter().map(|ground| ground.finding.code()).collect();
    codes.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// `21 instances`.
fn number_of(members: &[Member<'_>]) -> String {
    format!("{} {}", digits(members.len()), noun(members, members.len()))
}

/// The word for members, which a cause may have of several kinds.
fn noun(members: &[Member<'_>], number: usize) -> String {
    let kinds: BTreeSet<Kind> = members.iter().map(|member| member.kind).collect();
    let one = match (kinds.first(), kinds.len()) {
        (Some(Kind::Account), 1) => "account",
        (Some(Kind::Region), 1) => "Region",
        (Some(Kind::Selection), 1) => "selection",
        (Some(Kind::Instance), 1) => "instance",
        _ => "target",
    };
    plural(number, one)
}

/// `1 cause`, `4 causes`.
fn count(number: usize, one: &str) -> String {
    format!("{} {}", digits(number), plural(number, one))
}

fn plural(number: usize, one: &str) -> String {
    if number == 1 { one.to_owned() } else { format!("{one}s") }
}

#[cfg(test)]
mod tests;
