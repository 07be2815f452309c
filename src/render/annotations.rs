//! The findings as annotations of GitHub Actions, which its runner reads from the log.
//!
//! Source: [workflow commands](https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message).

use super::sanitize::{terminal, word};
use super::words::{self, Place, Words};
use crate::report::{Finding, Known, Outcome, Report, Severity};

/// A line for each error and warning. What a baseline knows is a notice.
pub fn render(report: &Report) -> String {
    let findings = report.results.iter().flat_map(|outcome| outcome.findings().map(move |said| (outcome, said)));
    let telling = findings.filter(|(_, (finding, _))| finding.severity() != Severity::Info);
    telling.map(|(outcome, (finding, known))| annotation(outcome, finding, known)).collect()
}

fn annotation(outcome: &Outcome, finding: &Finding, known: Option<&Known>) -> String {
    let command = match (known, finding.severity()) {
        (Some(_), _) | (None, Severity::Info) => "notice",
        (None, Severity::Error) => "error",
        (None, Severity::Warning) => "warning",
    };
    let mut properties = Vec::new();
    if let Some(source) = &outcome.source {
        properties.push(format!("file={}", property(&terminal(&source.file))));
        properties.extend(source.line.map(|line| format!("line={line}")));
    }
    let title = format!("{}: {}", word(&finding.code()), terminal(&outcome.target));
    properties.push(format!("title={}", property(&title)));
    let Words { message, remedy } = words::finding(finding, &Place::of(outcome));
    let mut lines = vec![terminal(&message).into_owned()];
    if !remedy.is_empty() {
        lines.push(format!("remedy: {}", terminal(&remedy)));
    }
    if let Some(known) = known {
        lines.push(format!("known: {}", terminal(&words::known(known))));
    }
    format!("::{command} {}::{}\n", properties.join(","), data(&lines.join("\n")))
}

/// As `escapeData` of the runner's own
/// [toolkit](https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts).
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// As `escapeProperty` there.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::sample::outcome;
    use super::*;
    use crate::facts::Origin;
    use crate::report::{Code, Verdict};

    #[test]
    fn each_error_and_warning_is_a_line_with_its_place() {
        let finding = |severity, message: &str| Finding::sample(Code::ExplicitDeny, severity, message, "");
        let findings = vec![
            Finding::sample(Code::ExplicitDeny, Severity::Error, "100% denied", "narrow it"),
            finding(Severity::Warning, "a, b: c"),
            finding(Severity::Error, "accepted"),
            finding(Severity::Info, "fine"),
        ];
        let mut outcome = outcome("module.web[\"a,b\"]", Verdict::NotReady, findings);
        outcome.known.insert(2, Known { reason: Some("100%".to_owned()), until: None }.into());
        outcome.source =
            Some(Origin { file: "a:b,%.json".to_owned(), address: "module.web".to_owned(), line: Some(7) });
        let place = "file=a%3Ab%2C%25.json,line=7,title=explicit-deny%3A module.web[\"a%2Cb\"]";
        let expected = [
            format!("::error {place}::100%25 denied%0Aremedy: narrow it\n"),
            format!("::warning {place}::a, b: c\n"),
            format!("::notice {place}::accepted%0Aknown: 100%25\n"),
        ];
        assert_eq!(render(&Report::from(vec![outcome])), expected.concat());
    }

    #[test]
    fn what_others_chose_is_no_command() {
        let hostile = "x\n::add-mask::y\r\u{1b}[2J::error::";
        let finding = Finding::sample(Code::ExplicitDeny, Severity::Error, hostile, hostile);
        let lines = render(&Report::from(vec![outcome(hostile, Verdict::NotReady, vec![finding])]));
        assert_eq!(lines.lines().count(), 1, "{lines}");
        assert!(lines.starts_with("::error title=explicit-deny%3A x\\n%3A%3Aadd-mask"), "{lines}");
        assert!(!lines.contains(['\r', '\u{1b}']));
    }
}
