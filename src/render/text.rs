//! The report for a person: verdict first, then the chain, the permissions, what was found, what was not checked.

use std::fmt::Write as _;

use super::page::{self, BAD, DIM, GOOD, OPEN, STRONG};
use super::sanitize::{terminal as clean, word};
use super::words::{self, Place, Words};
use crate::report::{
    Code, DecidedBy, Decision, Difference, Finding, Known, NetworkPath, Outcome, PathDecision, Permission, PolicyKind,
    Report, Severity, Shared, Trust, Verdict, Via,
};
use iam_eval::arn::Arn;

/// How much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// A line for each result.
    Quiet,
    /// What a person needs.
    Normal,
    /// Every deciding statement and whole ARNs.
    Verbose,
}

/// How to lay the text out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// How much to say.
    pub detail: Detail,
    /// The columns to fold long lines at; `None` to leave them whole.
    pub width: Option<usize>,
}

/// The report as text with ANSI styles, which whoever prints it keeps or strips.
///
/// From `fail_on` on a finding counts, and a target that is ready says in its first line what does.
pub fn render(report: &Report, layout: Layout, fail_on: Severity) -> String {
    // A line for each result is folded by nobody but the terminal.
    let width = layout.width.filter(|_| layout.detail != Detail::Quiet);
    // One of several that a filter left is not alone.
    let alone = report.results.len() == 1 && report.summary().checked == 1;
    let mut page = Page { text: String::new(), layout: Layout { width, ..layout }, alone, fail_on };
    let mut long_before = false;
    for (index, outcome) in report.results.iter().enumerate() {
        let long = page.tells_all(outcome);
        if index > 0 && (long || long_before) {
            page.text.push('\n');
        }
        page.outcome(outcome);
        long_before = long;
    }
    if !page.alone {
        page.not_checked(report);
        page.line(0, &page::summary(report.summary()));
    }
    page.text
}

struct Page {
    text: String,
    layout: Layout,
    /// Whether one target was checked only.
    alone: bool,
    fail_on: Severity,
}

impl Page {
    /// Whether a result gets more than its first line: beside others, one that is fine does not.
    fn tells_all(&self, outcome: &Outcome) -> bool {
        let fine = matches!(outcome.verdict, Verdict::Ready | Verdict::Skipped)
            && outcome.findings.iter().all(|finding| finding.severity() == Severity::Info);
        match self.layout.detail {
            Detail::Quiet => false,
            Detail::Normal => self.alone || !fine,
            Detail::Verbose => true,
        }
    }

    fn outcome(&mut self, outcome: &Outcome) {
        self.headline(outcome);
        if !self.tells_all(outcome) {
            return;
        }
        self.chain(outcome);
        // Where no policy was read there is nothing to say of each permission.
        let read = |permission: &Shared<Permission>| {
            permission.decision != Decision::Unknown || !permission.decided_by.is_empty()
        };
        if outcome.role.is_some() || outcome.permissions.iter().any(read) {
            self.heading("permissions");
            let width = outcome.permissions.iter().map(|permission| permission.action.chars().count()).max();
            for permission in &outcome.permissions {
                self.permission(permission, width.unwrap_or_default());
            }
        }
        if !outcome.simulation.is_empty() {
            self.heading("the policy simulator disagrees");
            outcome.simulation.iter().for_each(|difference| self.difference(difference));
        }
        let telling = |(finding, _): &(&Finding, Option<&Known>)| {
            let explains_path = finding.code() == Code::NetworkUnknown;
            finding.severity() != Severity::Info || self.alone || explains_path || self.layout.detail == Detail::Verbose
        };
        let findings: Vec<(&Finding, Option<&Known>)> = outcome.findings_for_people().filter(telling).collect();
        if !findings.is_empty() {
            self.heading("findings");
            findings.into_iter().for_each(|(finding, known)| self.finding(finding, known, &Place::of(outcome)));
        }
        if self.alone && !outcome.not_checked.is_empty() {
            self.heading("not checked");
            outcome.not_checked.iter().for_each(|item| self.item(&words::not_checked(item)));
        }
    }

    /// What no verdict of several speaks of, once.
    fn not_checked(&mut self, report: &Report) {
        if self.layout.detail == Detail::Quiet || report.results.is_empty() {
            return;
        }
        let lines = page::not_checked(report);
        self.text.push('\n');
        if !lines.is_empty() {
            self.line(0, &format!("{DIM}not checked{DIM:#}"));
            lines.iter().for_each(|line| self.line(2, &clean(line)));
            self.text.push('\n');
        }
    }

    /// The verdict, whom it is about and, in one line, why.
    fn headline(&mut self, outcome: &Outcome) {
        let (word, style) = match outcome.verdict {
            Verdict::Ready => ("ready", GOOD),
            Verdict::NotReady => ("not ready", BAD),
            Verdict::Unknown => ("unknown", OPEN),
            Verdict::Skipped => ("skipped", DIM),
        };
        let known = words::known_mark(outcome.is_known());
        let mut line = format!("{style}{word}{style:#}{known}  {STRONG}{}{STRONG:#}", clean(&outcome.target));
        if let Some(name) = outcome.other_name() {
            let _ = write!(line, " ({})", clean(name));
        }
        let places = [outcome.region.as_deref(), outcome.account.as_deref()];
        let places: Vec<_> = places.into_iter().flatten().map(clean).collect();
        if !places.is_empty() {
            let _ = write!(line, " in {}", places.join(", "));
        }
        match outcome.verdict {
            Verdict::Skipped => line.push_str(": the instance is terminated"),
            Verdict::NotReady | Verdict::Unknown => self.reason(outcome, &mut line),
            Verdict::Ready => self.counting_warning(outcome, &mut line),
        }
        self.line(0, &line);
    }

    /// The finding that counts although the target is ready.
    fn counting_warning(&self, outcome: &Outcome, line: &mut String) {
        let counts = |finding: &&Finding| finding.severity() <= self.fail_on;
        if let Some(finding) = outcome.new_findings().find(counts) {
            let message = words::finding(finding, &Place::of(outcome)).message;
            let _ = write!(line, ": {OPEN}{}{OPEN:#}: {}", word(&finding.severity()), clean(&message));
        }
    }

    /// The worst finding in one sentence.
    fn reason(&self, outcome: &Outcome, line: &mut String) {
        if let Some(finding) = outcome.deciding() {
            let _ = write!(line, ": {}", clean(&words::finding(finding, &Place::of(outcome)).message));
        }
    }

    fn chain(&mut self, outcome: &Outcome) {
        let mut row = |label: &str, value: String| {
            let label = format!("{label:<9}");
            self.line(2, &format!("{DIM}{label}{DIM:#} {value}"));
        };
        if let Some(source) = &outcome.source {
            let line = source.line.map(|line| format!(":{line}")).unwrap_or_default();
            row("source", format!("{}{line}", clean(&source.file)));
        }
        if let Some(instance) = &outcome.instance
            && let Some(id) = &instance.id
        {
            let state = instance.state.as_deref().unwrap_or("state not known");
            row("instance", format!("{}, {}", clean(id), clean(state)));
        }
        if let Some(profile) = &outcome.instance_profile {
            row("profile", clean(profile.arn.as_deref().unwrap_or("not known")).into_owned());
        } else if outcome.instance.is_some() {
            row("profile", "none".to_owned());
        }
        if let Some(role) = &outcome.role {
            row("role", clean(role.arn.as_deref().unwrap_or(&role.name)).into_owned());
        }
        if let Some(trust) = &outcome.trust {
            row("trust", trust_in_words(trust));
        }
        if let Some(role) = &outcome.host_management_role {
            row("host", format!("{}, of Default Host Management", clean(role.arn.as_deref().unwrap_or(&role.name))));
        }
        if let Some(agent) = &outcome.agent {
            let version = agent.version.as_deref().map(|version| format!(", {version}")).unwrap_or_default();
            row("agent", format!("{}{}", clean(agent.ping.as_deref().unwrap_or("never seen")), clean(&version)));
        }
        for path in &outcome.network.paths {
            row("path", path_in_words(path));
        }
    }

    fn permission(&mut self, permission: &Permission, width: usize) {
        let (word, style) = match permission.decision {
            Decision::Allowed => ("allowed", GOOD),
            Decision::ExplicitDeny => ("denied", BAD),
            // A closed boundary or SCP level is named; for the role's own policies nothing is.
            Decision::ImplicitDeny if permission.decided_by.is_empty() => ("missing", BAD),
            Decision::ImplicitDeny => ("blocked", BAD),
            Decision::Unknown => ("unknown", OPEN),
        };
        let verbose = self.layout.detail == Detail::Verbose;
        let action = format!("{:<width$}", clean(&permission.action));
        let mut line = format!("{action}  {style}{word:<7}{style:#}");
        let by: Vec<String> = permission.decided_by.iter().map(|by| decider(by, verbose)).collect();
        let shown = if verbose { by.len() } else { 1 };
        let mut grounds = by.iter().take(shown).cloned().collect::<Vec<_>>().join("; ");
        if by.len() > shown && permission.decision != Decision::Allowed {
            let _ = write!(grounds, " and {} more", by.len() - shown);
        }
        if !permission.depends_on.is_empty() {
            let keys = permission.depends_on.iter().map(|key| clean(key).into_owned()).collect::<Vec<_>>().join(", ");
            let separator = if grounds.is_empty() { "" } else { "; " };
            let _ = write!(grounds, "{separator}depends on {keys}");
        }
        if !grounds.is_empty() {
            let _ = write!(line, "  {DIM}{grounds}{DIM:#}");
        }
        self.line(4, &line);
        if verbose || permission.resource != "*" && permission.decision != Decision::Allowed {
            self.line(6, &format!("{DIM}on {}{DIM:#}", clean(&permission.resource)));
        }
    }

    fn difference(&mut self, difference: &Difference) {
        let Difference { action, resource, decision, simulator, explanation } = difference;
        let (ours, theirs) = (word(decision), word(simulator));
        self.line(4, &format!("{}  here {ours}, simulator {theirs}", clean(action)));
        self.line(6, &format!("{DIM}on {}{DIM:#}", clean(resource)));
        self.line(6, &clean(explanation));
    }

    fn finding(&mut self, finding: &Finding, known: Option<&Known>, place: &Place<'_>) {
        let style = match finding.severity() {
            Severity::Error => BAD,
            Severity::Warning => OPEN,
            Severity::Info => DIM,
        };
        let severity = word(&finding.severity());
        let code = word(&finding.code());
        let Words { message, remedy } = words::finding(finding, place);
        self.line(4, &format!("{style}{severity}{style:#} {STRONG}{code}{STRONG:#}: {}", clean(&message)));
        self.line(6, &format!("{DIM}remedy:{DIM:#} {}", clean(&remedy)));
        if let Some(known) = known {
            self.line(6, &format!("{DIM}known:{DIM:#} {}", clean(&words::known(known))));
        }
    }

    fn heading(&mut self, title: &str) {
        self.line(2, &format!("{DIM}{title}{DIM:#}"));
    }

    fn item(&mut self, text: &str) {
        self.line(4, &clean(text));
    }

    /// Writes a line, folded with a hanging indent where there is a width.
    fn line(&mut self, indent: usize, content: &str) {
        page::line(&mut self.text, self.layout.width, indent, content);
    }
}

/// `ssmmessages via vpce-1 (endpoint)`.
fn path_in_words(path: &NetworkPath) -> String {
    let service = path.service.name();
    let ids = |ids: &[String]| clean(&ids.join(", ")).into_owned();
    match (path.decision, path.via) {
        (PathDecision::Closed, _) if path.blocked_by.is_empty() => format!("{service} {BAD}closed{BAD:#}"),
        (PathDecision::Closed, _) => format!("{service} {BAD}closed{BAD:#} by {}", ids(&path.blocked_by)),
        (PathDecision::Unknown | PathDecision::NotChecked, _) => format!("{service} {OPEN}unknown{OPEN:#}"),
        (PathDecision::Open, None) => format!("{service} open"),
        (PathDecision::Open, Some(via)) => {
            let (kind, prefix) = match via {
                Via::VpcEndpoint => ("endpoint", "vpce-"),
                Via::InternetGateway => ("internet gateway", "igw-"),
                Via::NatGateway => ("NAT gateway", "nat-"),
            };
            match path.through.iter().find(|id| id.starts_with(prefix)) {
                Some(id) => format!("{service} via {} ({kind})", clean(id)),
                None => format!("{service} via {kind}"),
            }
        }
    }
}

fn trust_in_words(trust: &Trust) -> String {
    let principal = clean(&trust.principal);
    match trust.decision {
        Decision::Allowed => format!("allows {principal}"),
        Decision::Unknown if trust.depends_on.is_empty() => format!("cannot determine whether it allows {principal}"),
        Decision::Unknown => {
            format!("cannot determine whether it allows {principal}: {}", clean(&trust.depends_on.join(", ")))
        }
        Decision::ImplicitDeny | Decision::ExplicitDeny => format!("does not allow {principal}"),
    }
}

/// The last line: whose credentials read the facts.
pub fn closing(by: Option<&str>) -> String {
    by.map(|by| format!("{DIM}{}{DIM:#}\n", clean(by))).unwrap_or_default()
}

/// A statement or gate that decided: in a few words that fit beside its action, or in full.
fn decider(by: &DecidedBy, verbose: bool) -> String {
    let kind = match (by.kind, verbose) {
        (PolicyKind::Inline, true) => "inline policy ",
        (PolicyKind::Inline, false) => "inline ",
        (PolicyKind::Managed, true) => "managed policy ",
        (PolicyKind::Boundary, true) => "permissions boundary ",
        (PolicyKind::Boundary, false) => "boundary ",
        (PolicyKind::Scp, true) => "service control policy ",
        (PolicyKind::Scp, false) => "SCP ",
        (PolicyKind::Rcp, true) => "resource control policy ",
        (PolicyKind::Rcp, false) => "RCP ",
        (PolicyKind::Managed, false) | (PolicyKind::Document, _) => "",
    };
    let name = match Arn::parse(&by.policy) {
        Some(arn) if !verbose => arn.name().to_owned(),
        _ => by.policy.clone(),
    };
    let place = match (&by.sid, by.statement) {
        (Some(sid), Some(index)) if verbose => format!(", statement {index} ({sid})"),
        (None, Some(index)) if verbose => format!(", statement {index}"),
        (Some(sid), _) => format!(" ({sid})"),
        (None, Some(index)) => format!(" #{index}"),
        (None, None) => String::new(),
    };
    clean(&format!("{kind}{name}{place}")).into_owned()
}
