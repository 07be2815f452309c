//! Changes for a person: what is going to be done, before the question, and what became of it.
//!
//! Only words that are never folded carry a style, so that none runs on into the next line.

mod accounts;
mod counts;
mod refusals;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::difference::{Line, difference};
use super::page::{BAD, DIM, GOOD, OPEN, STRONG, fold};
use super::sanitize::terminal as clean;
use super::text::{Detail, Layout};
use super::words;
use crate::command_line::Command;
use crate::facts::PolicyText;
use crate::fix::{Action, CREATED_BY, CREATED_BY_VALUE, Change, Reach, Record, State, Status, Step, Thing};
pub use accounts::{Titled, plans, results};
use counts::fixed;
pub use counts::planned;
use iam_eval::arn::Arn;
pub use refusals::{Group, groups};

const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();

/// How many other instances are listed where not everything was asked for.
const LISTED: usize = 20;

/// What is going to be done, what not, and what else is affected, as text with ANSI styles.
pub fn plan(record: &Record, layout: Layout) -> String {
    let mut page = Page::new(layout);
    // A single target needs not be told at each change.
    let several = record.steps.iter().flat_map(|step| &step.targets).collect::<BTreeSet<_>>().len() > 1;
    for (index, step) in record.steps.iter().enumerate() {
        page.change(index + 1, &step.change, if several { &step.targets } else { &[] });
    }
    page.gap();
    record.warnings.iter().for_each(|warning| page.labelled(("warning:", OPEN), &words::warning(warning)));
    page.gap();
    let groups = groups(&record.refusals);
    groups.iter().for_each(|group| page.refusals(group));
    if layout.detail != Detail::Quiet && !record.reach.is_empty() {
        page.gap();
        page.heading("also affects");
        for (index, reach) in record.reach.iter().enumerate() {
            if index > 0 {
                page.gap();
            }
            page.reach(reach);
        }
    }
    page.gap();
    page.line("", 2, &planned(record));
    page.text
}

/// What became of each change, and what a person can do now, as text with ANSI styles.
pub fn result(record: &Record, layout: Layout) -> String {
    let mut page = Page::new(layout);
    let width = record.steps.iter().map(|step| status_word(step.status).0.len()).max().unwrap_or_default();
    for (index, step) in record.steps.iter().enumerate() {
        page.step(index + 1, width, step);
    }
    page.gap();
    if let Some(reason) = &record.stopped {
        page.labelled(("stopped:", BAD), reason);
    }
    page.gap();
    // A person who wants few words needs it only where something went wrong.
    let tells_backup = layout.detail != Detail::Quiet || record.stopped.is_some();
    if let Some(file) = record.backup.as_deref().filter(|_| tells_backup) {
        page.row(0, "backup", "backup".len(), file);
        // A command is there to be copied, and therefore not folded.
        let undo = Command::new("ssm-profile undo").file(file).options("--assume-role", &record.assume_role);
        let _ = writeln!(page.text, "{DIM}{:<6}{DIM:#}  {undo}", "undo");
    }
    if layout.detail == Detail::Quiet {
        return page.text;
    }
    page.gap();
    page.line("", 2, &outcome(record));
    if !record.next.is_empty() {
        page.gap();
        page.text.push_str(&next(&record.next, layout));
    }
    page.text
}

/// What a person can do now, as text with ANSI styles.
pub fn next(lines: &[String], layout: Layout) -> String {
    let mut page = Page::new(layout);
    page.heading("next");
    lines.iter().for_each(|line| page.line("  ", 4, line));
    page.text
}

/// What a change does, in the words of a person who orders it.
pub fn phrase(change: &Change) -> String {
    let (owner, part) = match change.thing() {
        Thing::Role(arn) | Thing::TrustPolicy(arn) | Thing::InstanceProfile(arn) | Thing::RoleOfProfile(arn) => {
            (arn.name(), "")
        }
        Thing::InlinePolicy { role, name } => (role.name(), name.as_str()),
        Thing::AttachedPolicy { role, policy } => (role.name(), policy.name()),
        Thing::ProfileOfInstance { instance, .. } => (instance.as_str(), ""),
    };
    let other = |state| named(state).map_or("", Arn::name);
    let (before, after) = (other(change.before()), other(change.after()));
    let phrase = match change.action() {
        Action::CreateRole => format!("create role `{owner}`"),
        Action::DeleteRole => format!("delete role `{owner}`"),
        Action::UpdateAssumeRolePolicy => format!("update the trust policy of role `{owner}`"),
        Action::PutRolePolicy if *change.before() == State::Absent => {
            format!("add inline policy `{part}` to role `{owner}`")
        }
        Action::PutRolePolicy => format!("update inline policy `{part}` of role `{owner}`"),
        Action::DeleteRolePolicy => format!("delete inline policy `{part}` of role `{owner}`"),
        Action::AttachRolePolicy => format!("attach managed policy `{part}` to role `{owner}`"),
        Action::DetachRolePolicy => format!("detach managed policy `{part}` from role `{owner}`"),
        Action::CreateInstanceProfile => format!("create instance profile `{owner}`"),
        Action::DeleteInstanceProfile => format!("delete instance profile `{owner}`"),
        Action::AddRoleToInstanceProfile => format!("add role `{after}` to instance profile `{owner}`"),
        Action::RemoveRoleFromInstanceProfile => format!("remove role `{before}` from instance profile `{owner}`"),
        Action::AssociateIamInstanceProfile => {
            format!("associate instance profile `{after}` with instance `{owner}`")
        }
        // A profile that was deleted and made again has its old name, and the instance holds on to the old one.
        Action::ReplaceIamInstanceProfileAssociation if before == after => {
            format!("associate instance profile `{after}` again with instance `{owner}`")
        }
        Action::ReplaceIamInstanceProfileAssociation => {
            format!("replace instance profile `{before}` of instance `{owner}` with `{after}`")
        }
        Action::DisassociateIamInstanceProfile => {
            format!("disassociate instance profile `{before}` from instance `{owner}`")
        }
    };
    clean(&phrase).into_owned()
}

struct Page {
    text: String,
    layout: Layout,
}

impl Page {
    fn new(layout: Layout) -> Page {
        // A line for each change is folded by nobody but the terminal.
        let width = layout.width.filter(|_| layout.detail != Detail::Quiet);
        Page { text: String::new(), layout: Layout { width, ..layout } }
    }

    fn change(&mut self, number: usize, change: &Change, targets: &[String]) {
        self.gap();
        let start = format!("{STRONG}{number}.{STRONG:#} ");
        self.line(&start, number.to_string().len() + 2, &phrase(change));
        if self.layout.detail == Detail::Quiet {
            return;
        }
        let mut rows = rows(change);
        rows.extend(fixed(targets, self.layout.detail).map(|targets| ("fixes", targets)));
        let width = rows.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
        for (label, value) in &rows {
            self.row(3, label, width, value);
        }
        if let Some((title, lines)) = documents(change) {
            self.text.push('\n');
            if let Some(title) = title {
                let _ = writeln!(self.text, "   {DIM}{title}{DIM:#}");
            }
            lines.iter().for_each(|line| self.difference(line));
        }
    }

    /// A line of a document is neither folded nor cut: what is not seen is not agreed to.
    fn difference(&mut self, line: &Line) {
        let (style, sign, line) = match line {
            Line::Remark(remark) => (DIM, "", *remark),
            Line::Place(place) => (DIM, "", place.as_str()),
            Line::Kept(line) => (Style::new(), " ", line.as_str()),
            Line::Removed(line) => (REMOVED, "-", line.as_str()),
            Line::Added(line) => (ADDED, "+", line.as_str()),
        };
        let _ = writeln!(self.text, "   {style}{sign}{}{style:#}", clean(line));
    }

    fn refusals(&mut self, group: &Group<'_>) {
        self.labelled(("refused", BAD), &group.title(self.layout.detail == Detail::Verbose));
        if self.layout.detail != Detail::Quiet {
            self.line(&format!("  {DIM}remedy:{DIM:#} "), 4, group.remedy());
        }
    }

    fn reach(&mut self, reach: &Reach) {
        let width = "instances".len();
        self.row(2, "role", width, &reach.role);
        match reach.instance_profiles.as_deref().map(<[String]>::split_first) {
            None => self.row(2, "profiles", width, "not known"),
            Some(None) => self.row(2, "profiles", width, "none"),
            Some(Some((first, rest))) => {
                self.row(2, "profiles", width, first);
                rest.iter().for_each(|profile| self.row(2, "", width, profile));
            }
        }
        let others = self.others(reach);
        self.row(2, "instances", width, &others);
        if !reach.regions.is_empty() {
            self.row(2, "searched", width, &reach.regions.join(", "));
        }
        if let Some(incomplete) = &reach.incomplete {
            self.row(2, "not read", width, incomplete);
        }
    }

    /// The other instances that run with a role.
    fn others(&self, reach: &Reach) -> String {
        let Some(others) = &reach.other_instances else {
            return if reach.regions.is_empty() { "not looked for" } else { "not known" }.to_owned();
        };
        let count = others.len();
        let shown = if self.layout.detail == Detail::Verbose { count } else { count.min(LISTED) };
        let mut list = others.iter().take(shown).map(String::as_str).collect::<Vec<_>>().join(", ");
        if shown < count {
            let _ = write!(list, " and {} more; `--verbose` lists all", count - shown);
        }
        let all = reach.incomplete.is_none();
        match (count, all) {
            (0, _) => "no others".to_owned(),
            (1, true) => format!("1 other has it: {list}"),
            (_, true) => format!("{count} others have it: {list}"),
            (1, false) => format!("at least 1 other has it: {list}"),
            (_, false) => format!("at least {count} others have it: {list}"),
        }
    }

    fn step(&mut self, number: usize, width: usize, step: &Step) {
        let (word, style) = status_word(step.status);
        let (phrase, note) = (phrase(&step.change), step.note.as_deref());
        if self.layout.detail == Detail::Quiet {
            let note = note.map(|note| format!(": {note}")).unwrap_or_default();
            self.line(&format!("{style}{word}{style:#}  "), 2, &format!("{phrase}{note}"));
            return;
        }
        let padding = " ".repeat(width.saturating_sub(word.len()) + 2);
        let start = format!("{STRONG}{number}.{STRONG:#} {style}{word}{style:#}{padding}");
        let indent = number.to_string().len() + 2 + width + 2;
        self.line(&start, indent, &phrase);
        if let Some(note) = note {
            self.line(&" ".repeat(indent), indent, note);
        }
    }

    fn labelled(&mut self, (label, style): (&str, Style), content: &str) {
        self.line(&format!("{style}{label}{style:#} "), 2, content);
    }

    fn heading(&mut self, title: &str) {
        let _ = writeln!(self.text, "{DIM}{title}{DIM:#}");
    }

    fn row(&mut self, indent: usize, label: &str, width: usize, value: &str) {
        let spaces = " ".repeat(indent);
        let start = format!("{spaces}{DIM}{label:<width$}{DIM:#}  ");
        self.line(&start, indent + width + 2, value);
    }

    /// An empty line between what does not belong together.
    fn gap(&mut self) {
        if self.layout.detail != Detail::Quiet && !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Writes a line of what may come from outside after a start of our own, folded with a hanging indent.
    fn line(&mut self, start: &str, indent: usize, content: &str) {
        let rest = " ".repeat(indent);
        fold(&mut self.text, self.layout.width, [start, &rest], &clean(content));
    }
}

/// The call, and the ARNs that the phrase has only the names of.
fn rows(change: &Change) -> Vec<(&'static str, String)> {
    let target = match change.thing() {
        Thing::ProfileOfInstance { instance, region } => format!("{instance} in {region}"),
        thing => thing.target(),
    };
    let mut rows = vec![("call", change.action().name().to_owned()), ("target", target)];
    if let Thing::AttachedPolicy { policy, .. } = change.thing() {
        rows.push(("policy", policy.to_string()));
    }
    let (before, after) = (change.before(), change.after());
    match (named(before), named(after)) {
        (None, None) => {}
        (Some(_), Some(_)) => rows.extend([("before", with_id(before)), ("after", with_id(after))]),
        (Some(_), None) => rows.push((kind(before), with_id(before))),
        (None, Some(_)) => rows.push((kind(after), with_id(after))),
    }
    if let State::Role { id: Some(id), .. } | State::InstanceProfile { id: Some(id) } = before {
        rows.push(("id", id.clone()));
    }
    if let State::Role { .. } | State::InstanceProfile { .. } = after {
        rows.push(("tag", format!("{CREATED_BY}={CREATED_BY_VALUE}")));
    }
    rows
}

/// What a state points at.
fn named(state: &State) -> Option<&Arn> {
    match state {
        State::Holds(arn) | State::Has { profile: arn, .. } => Some(arn),
        State::Absent
        | State::Foreign
        | State::Role { .. }
        | State::Document(_)
        | State::Attached
        | State::InstanceProfile { .. } => None,
    }
}

fn kind(state: &State) -> &'static str {
    if let State::Holds(_) = state { "role" } else { "profile" }
}

fn with_id(state: &State) -> String {
    let arn = named(state).map(Arn::to_string).unwrap_or_default();
    match state {
        State::Has { id: Some(id), .. } => format!("{arn} ({id})"),
        _ => arn,
    }
}

/// What a change does to a document, with a title where the change is not of the document alone.
fn documents(change: &Change) -> Option<(Option<&'static str>, Vec<Line>)> {
    let (before, after) = (document(change.before()), document(change.after()));
    if before.is_none() && after.is_none() {
        return None;
    }
    let title = matches!(change.thing(), Thing::Role(_)).then_some("trust policy");
    Some((title, difference(before.map(PolicyText::as_str), after.map(PolicyText::as_str))))
}

fn document(state: &State) -> Option<&PolicyText> {
    match state {
        State::Document(text) | State::Role { trust: text, .. } => Some(text),
        _ => None,
    }
}

fn status_word(status: Status) -> (&'static str, Style) {
    match status {
        Status::Planned => ("planned", DIM),
        Status::Done => ("done", GOOD),
        Status::Failed => ("failed", BAD),
        Status::NotDone => ("not done", OPEN),
        Status::RolledBack => ("rolled back", OPEN),
    }
}

fn outcome(record: &Record) -> String {
    let all = [Status::Done, Status::Failed, Status::RolledBack, Status::NotDone, Status::Planned];
    let counts = all.into_iter().filter_map(|status| {
        let count = record.steps.iter().filter(|step| step.status == status).count();
        (count > 0).then(|| format!("{count} {}", status_word(status).0))
    });
    let line = counts.collect::<Vec<_>>().join(", ");
    if line.is_empty() { "nothing was changed".to_owned() } else { line }
}

#[cfg(test)]
mod tests;
