//! The report as one HTML file that asks for nothing from outside.
//!
//! It can be read without its script, which filters and copies. Text from outside is escaped by the templates, after what nobody
//! sees in it was made visible; no text from outside stands in the script or in the style.

use std::collections::BTreeSet;

use askama::Template;

use super::causes;
use super::page::not_checked;
use super::sanitize::{terminal, word};
use super::words::{self, Place};
use crate::report::{Code, Decision, Finding, Known, Outcome, PathDecision, Report, Severity, Summary, Verdict};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The SHA-256 of the script. No other one runs, wherever it comes from.
const SCRIPT_HASH: &str = "0GKZBnrnnYFB5X02rbo1Qu/lE95ZxqvRgl1S3oXLPAY=";

/// The whole page.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{{ hash }}'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Session Manager report</title>
<style>
{{ style|safe }}</style>
</head>
<body>
<header>
<h1>Session Manager report</h1>
<p>{{ summary.ready }} of {{ summary.checked }} ready{% if summary.known > 0 %}; {{ summary.known }} known from the baseline{% endif %}</p>
<svg class="chart" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="targets by verdict">{% for bar in bars %}<rect class="{{ bar.class }}" x="{{ bar.start }}" width="{{ bar.width }}" height="10"><title>{{ bar.count }} {{ bar.label }}</title></rect>{% endfor %}</svg>
<ul class="counts">{% for bar in bars %}<li class="{{ bar.class }}">{{ bar.count }} {{ bar.label }}</li>{% endfor %}</ul>
{% if let Some(by) = by %}<p>{{ by }}</p>
{% endif %}</header>
<main>
{% if !causes.is_empty() %}<section aria-labelledby="causes">
<h2 id="causes">Causes</h2>
{% for cause in causes %}<div class="cause {{ cause.class }}">
<p><b>{{ cause.label }}: {{ cause.count }}</b>{% if !cause.account.is_empty() %} in {{ cause.account }}{% endif %}</p>
{% for finding in cause.findings %}{{ finding|safe }}{% endfor %}</div>
{% endfor %}</section>
{% endif %}<section aria-labelledby="targets">
<h2 id="targets">Targets</h2>
<form hidden>
<label>Verdict<select name="verdict"><option value="">all</option>{% for bar in bars %}<option value="{{ bar.class }}">{{ bar.label }}</option>{% endfor %}</select></label>
<label>Account<select name="account"><option value="">all</option>{% for account in accounts %}<option>{{ account }}</option>{% endfor %}</select></label>
<label>Region<select name="region"><option value="">all</option>{% for region in regions %}<option>{{ region }}</option>{% endfor %}</select></label>
<label>Finding<select name="code"><option value="">all</option>{% for code in codes %}<option>{{ code }}</option>{% endfor %}</select></label>
<label>Text<input name="text" type="search" autocomplete="off"></label>
<button type="reset">Reset</button>
<output id="shown" aria-live="polite"></output>
</form>
{% for target in targets %}{{ target|safe }}{% endfor %}</section>
{% if !not_checked.is_empty() %}<section aria-labelledby="not-checked">
<h2 id="not-checked">Not checked</h2>
<ul>{% for item in not_checked %}<li>{{ item }}</li>{% endfor %}</ul>
</section>
{% endif %}</main>
<script>{{ script|safe }}</script>
</body>
</html>
"#
)]
struct Page {
    hash: &'static str,
    style: &'static str,
    script: &'static str,
    summary: Summary,
    bars: Vec<Bar>,
    causes: Vec<CauseView>,
    accounts: BTreeSet<String>,
    regions: BTreeSet<String>,
    codes: BTreeSet<String>,
    targets: Vec<String>,
    not_checked: Vec<String>,
    by: Option<String>,
}

struct Bar {
    class: String,
    label: &'static str,
    count: usize,
    start: usize,
    width: usize,
}

struct CauseView {
    class: String,
    label: &'static str,
    count: usize,
    account: String,
    findings: Vec<String>,
}

/// A target: its verdict in one line, and what it unfolds to.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<details class="target" data-verdict="{{ class }}" data-account="{{ account }}" data-region="{{ region }}" data-codes="{{ codes }}">
<summary><b class="{{ class }}">{{ label }}</b> <b>{{ target }}</b>{% if !name.is_empty() %} ({{ name }}){% endif %} <span class="dim">{{ region }} {{ account }}</span>{% if !reason.is_empty() %}: {{ reason }}{% endif %}</summary>
<div class="body">
<ol class="chain">{% for link in chain %}<li class="{{ link.class }}"><b>{{ link.label }}: {{ link.state }}</b>{{ link.value }}</li>{% endfor %}</ol>
{% for finding in findings %}{{ finding|safe }}{% endfor %}{% if !permissions.is_empty() %}<h3>Permissions that are not allowed</h3>
<ul>{% for permission in permissions %}<li>{{ permission }}</li>{% endfor %}</ul>
{% endif %}</div>
</details>
"#
)]
struct TargetView {
    class: String,
    label: String,
    target: String,
    name: String,
    account: String,
    region: String,
    codes: String,
    reason: String,
    chain: Vec<Link>,
    findings: Vec<String>,
    permissions: Vec<String>,
}

/// A link of the chain from the instance to AWS.
struct Link {
    label: &'static str,
    state: &'static str,
    class: &'static str,
    value: String,
}

/// A finding with its remedy.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<div class="finding"><p><b class="{{ class }}">{{ severity }}</b> <b>{{ code }}</b>: {% for part in message %}{% if part.is_code %}<code>{{ part.text }}</code>{% else %}{{ part.text }}{% endif %}{% endfor %}</p>
{% if !remedy.is_empty() %}<div><p class="remedy"><b>remedy:</b> <span>{% for part in remedy %}{% if part.is_code %}<code>{{ part.text }}</code>{% else %}{{ part.text }}{% endif %}{% endfor %}</span></p></div>
{% endif %}{% if !known.is_empty() %}<p><b>known:</b> {{ known }}</p>
{% endif %}</div>
"#
)]
struct FindingView {
    class: &'static str,
    severity: String,
    code: String,
    message: Vec<Part>,
    remedy: Vec<Part>,
    known: String,
}

/// A part of a sentence: what stood between backticks is code.
struct Part {
    text: String,
    is_code: bool,
}

/// The report as a page; `by` says whose credentials read its facts.
///
/// # Errors
/// Only if a template cannot be written, which memory alone decides.
pub fn render(report: &Report, by: Option<String>) -> Result<String, askama::Error> {
    let summary = report.summary();
    let of = |part: fn(&Outcome) -> Option<&String>| -> BTreeSet<String> {
        report.results.iter().filter_map(part).map(|text| clean(text)).collect()
    };
    let codes = report.results.iter().flat_map(|outcome| &outcome.findings).map(|finding| word(&finding.code()));
    let mut causes = Vec::new();
    for cause in causes::causes(report) {
        let mut findings = Vec::new();
        for ground in &cause.grounds {
            findings.push(finding(&ground.finding, &ground.words, ground.known)?);
        }
        causes.push(CauseView {
            class: word(&cause.verdict),
            label: label(cause.verdict),
            count: cause.members.len(),
            account: cause.account.map(clean).unwrap_or_default(),
            findings,
        });
    }
    let targets = report.results.iter().map(target).collect::<Result<_, _>>()?;
    let page = Page {
        hash: SCRIPT_HASH,
        style: STYLE,
        script: SCRIPT,
        summary,
        bars: bars(summary),
        causes,
        accounts: of(|outcome| outcome.account.as_ref()),
        regions: of(|outcome| outcome.region.as_ref()),
        codes: codes.collect(),
        targets,
        not_checked: not_checked(report).iter().map(|line| clean(line)).collect(),
        by: by.as_deref().map(clean),
    };
    page.render()
}

fn clean(text: &str) -> String {
    terminal(text).into_owned()
}

fn label(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ready => "ready",
        Verdict::NotReady => "not ready",
        Verdict::Unknown => "unknown",
        Verdict::Skipped => "skipped",
    }
}

/// The chart: 1000 wide, for each verdict that there is a part.
fn bars(summary: Summary) -> Vec<Bar> {
    let counts = [
        (Verdict::NotReady, summary.not_ready),
        (Verdict::Unknown, summary.unknown),
        (Verdict::Ready, summary.ready),
        (Verdict::Skipped, summary.skipped),
    ];
    let mut before = 0;
    let at = |count: usize| count * 1000 / summary.checked.max(1);
    let bar = |(verdict, count): (Verdict, usize)| {
        let start = at(before);
        before += count;
        Bar { class: word(&verdict), label: label(verdict), count, start, width: at(before) - start }
    };
    counts.into_iter().filter(|(_, count)| *count > 0).map(bar).collect()
}

fn target(outcome: &Outcome) -> Result<String, askama::Error> {
    let place = Place::of(outcome);
    let said = outcome.findings_for_people().map(|(of, known)| finding(of, &words::finding(of, &place), known));
    let mut codes: Vec<String> = outcome.findings.iter().map(|finding| word(&finding.code())).collect();
    codes.dedup();
    let reason = outcome.findings.iter().find(|finding| finding.decides());
    let not_allowed = outcome.permissions.iter().filter(|permission| permission.decision != Decision::Allowed);
    let permissions = not_allowed.map(|permission| {
        let decision = word(&permission.decision).replace('_', " ");
        format!("{} on {}: {decision}", terminal(&permission.action), terminal(&permission.resource))
    });
    let known = if outcome.is_known() { " (known)" } else { "" };
    TargetView {
        class: word(&outcome.verdict),
        label: format!("{}{known}", label(outcome.verdict)),
        target: clean(&outcome.target),
        name: outcome.other_name().map(clean).unwrap_or_default(),
        account: outcome.account.as_deref().map(clean).unwrap_or_default(),
        region: outcome.region.as_deref().map(clean).unwrap_or_default(),
        codes: codes.join(" "),
        reason: reason.map(|finding| clean(&words::finding(finding, &place).message)).unwrap_or_default(),
        chain: chain(outcome),
        findings: said.collect::<Result<_, _>>()?,
        permissions: permissions.collect(),
    }
    .render()
}

fn finding(of: &Finding, words: &words::Words, known: Option<&Known>) -> Result<String, askama::Error> {
    FindingView {
        class: match of.severity() {
            Severity::Error => "not_ready",
            Severity::Warning => "unknown",
            Severity::Info => "dim",
        },
        severity: word(&of.severity()),
        code: word(&of.code()),
        message: parts(&words.message),
        remedy: parts(&words.remedy),
        known: known.map(|known| clean(&words::known(known))).unwrap_or_default(),
    }
    .render()
}

/// A backtick in a name from outside may shift where code begins and ends, but all is escaped.
fn parts(sentence: &str) -> Vec<Part> {
    let parts = sentence.split('`').enumerate();
    let parts = parts.map(|(index, text)| Part { text: clean(text), is_code: index % 2 == 1 });
    parts.filter(|part| !part.text.is_empty()).collect()
}

/// The chain from the instance to AWS, with where it breaks.
fn chain(outcome: &Outcome) -> Vec<Link> {
    let mut links = Vec::new();
    let mut link = |label, codes: &[Code], value: String| {
        let (state, class) = state(outcome, codes);
        links.push(Link { label, state, class, value });
    };
    if let Some(instance) = &outcome.instance {
        let state = instance.state.as_deref().map(|state| format!(", {state}")).unwrap_or_default();
        let codes = [
            Code::MetadataDisabled,
            Code::InstanceNotRunning,
            Code::InstanceTerminated,
            Code::InstanceNotFound,
            Code::AgentOffline,
            Code::AgentOutdated,
        ];
        let id = instance.id.as_deref().unwrap_or(&outcome.target);
        link("Instance", &codes, clean(&format!("{id}{state}")));
    }
    if let Some(profile) = &outcome.instance_profile {
        let codes = [
            Code::InstanceProfileMissing,
            Code::InstanceProfileStale,
            Code::InstanceProfileEmpty,
            Code::AssociationPending,
        ];
        link("Instance profile", &codes, clean(profile.arn.as_deref().unwrap_or("not known")));
    } else if outcome.instance.is_some() {
        link("Instance profile", &[Code::NoInstanceProfile], "none".to_owned());
    }
    if let Some(role) = outcome.role.as_ref().or(outcome.host_management_role.as_ref()) {
        link("Role", &[Code::RoleMissing, Code::TrustPolicy], clean(role.arn.as_deref().unwrap_or(&role.name)));
    }
    if !outcome.permissions.is_empty() {
        let all = outcome.permissions.len();
        let allowed = outcome.permissions.iter().filter(|permission| permission.decision == Decision::Allowed).count();
        let (state, class) = permissions(outcome);
        links.push(Link { label: "Permissions", state, class, value: format!("{allowed} of {all} allowed") });
    }
    let (state, class) = match outcome.network.decision {
        PathDecision::Open => ("OK", "ok"),
        PathDecision::Closed => ("breaks here", "bad"),
        PathDecision::Unknown => ("unknown", "open"),
        PathDecision::NotChecked => return links,
    };
    let path = |path: &crate::report::NetworkPath| {
        let by = if path.blocked_by.is_empty() { String::new() } else { format!(" by {}", path.blocked_by.join(", ")) };
        clean(&format!("{} {}{by}", path.service.name(), word(&path.decision).replace('_', " ")))
    };
    let value = outcome.network.paths.iter().map(path).collect::<Vec<_>>().join("; ");
    links.push(Link { label: "Network path", state, class, value });
    links
}

/// How a link is, by the findings about it.
fn state(outcome: &Outcome, codes: &[Code]) -> (&'static str, &'static str) {
    let about = || outcome.findings.iter().filter(|finding| codes.contains(&finding.code()));
    if about().any(|finding| finding.severity() == Severity::Error) {
        ("breaks here", "bad")
    } else if about().any(|finding| finding.leaves_unknown()) {
        ("unknown", "open")
    } else if about().any(|finding| finding.severity() == Severity::Warning) {
        ("warning", "open")
    } else {
        ("no problem found", "ok")
    }
}

fn permissions(outcome: &Outcome) -> (&'static str, &'static str) {
    let any = |is: fn(Decision) -> bool| {
        outcome.permissions.iter().any(|permission| permission.required && is(permission.decision))
    };
    if any(|decision| matches!(decision, Decision::ExplicitDeny | Decision::ImplicitDeny)) {
        ("breaks here", "bad")
    } else if any(|decision| decision == Decision::Unknown) {
        ("unknown", "open")
    } else {
        ("OK", "ok")
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::outcome;
    use super::*;
    use crate::report::{InstanceSummary, RoleSummary};

    #[test]
    fn hostile_strings_are_inert() {
        let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\" onclick=\"x' `<b>`\u{202e}\u{1b}[2J{{ x }}";
        let finding = || Finding::sample(Code::ExplicitDeny, Severity::Error, hostile, hostile);
        let mut all = outcome(hostile, Verdict::NotReady, vec![finding()]);
        (all.account, all.region) = (Some(hostile.to_owned()), Some(hostile.to_owned()));
        all.instance = Some(InstanceSummary {
            id: Some(hostile.to_owned()),
            name: Some(hostile.to_owned()),
            state: Some(hostile.to_owned()),
        });
        all.role = Some(RoleSummary { arn: None, name: hostile.to_owned() }.into());
        all.known.insert(0, Known { reason: Some(hostile.to_owned()), until: None }.into());
        let page = render(&Report::from(vec![all]), None).unwrap();
        let clean = render(&Report::from(vec![outcome("x", Verdict::Ready, vec![])]), None).unwrap();
        for tag in ["<script", "<img", "<b>`", "</script"] {
            assert_eq!(page.matches(tag).count(), clean.matches(tag).count(), "{tag}");
        }
        // In text and in attributes a quote ends nothing.
        assert!(!page.contains("\" onclick") && page.contains("&#34; onclick=&#34;"), "{page}");
        assert!(!page.contains(['\u{202e}', '\u{1b}']));
    }

    #[test]
    fn the_chart_is_as_wide_as_it_says() {
        let summary = Summary { checked: 7, ready: 3, not_ready: 2, unknown: 1, skipped: 1, known: 0 };
        let bars = bars(summary);
        assert_eq!(bars.iter().map(|bar| bar.width).sum::<usize>(), 1000);
        assert_eq!(bars.iter().map(|bar| bar.count).collect::<Vec<_>>(), [2, 1, 3, 1]);
        assert!(super::bars(Summary::default()).is_empty());
    }

    #[test]
    fn the_chain_says_where_it_breaks() {
        let finding = Finding::sample(Code::NoInstanceProfile, Severity::Error, "none", "");
        let mut broken = outcome("i-0aaa", Verdict::NotReady, vec![finding]);
        broken.instance = Some(InstanceSummary { id: Some("i-0aaa".to_owned()), name: None, state: None });
        let states: Vec<_> = chain(&broken).into_iter().map(|link| (link.label, link.class)).collect();
        assert_eq!(states, [("Instance", "ok"), ("Instance profile", "bad")]);
    }
}
