//! The report as JUnit XML, for build servers that show tests.
//!
//! A target is a test case. No time and no random id goes in, so that the same report is the same file.

use quick_junit::{NonSuccessKind, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::sanitize::{word, xml};
use super::words::{self, Place, Words};
use crate::report::{Finding, Known, Outcome, Report, Severity, Verdict};

const NAME: &str = "ssm-profile";

/// The report as a JUnit document.
///
/// A target that is not ready is a failure, an unknown one an error. With a `fail_on` of [`Severity::Warning`] a ready
/// one with a warning is a failure too. A target that is not ready for nothing but what a baseline knows is skipped.
///
/// # Errors
///
/// Fails if the document cannot be written, which memory alone decides.
pub fn render(report: &Report, fail_on: Severity) -> Result<String, SerializeError> {
    let mut suite = TestSuite::new(NAME);
    suite.add_test_cases(report.results.iter().map(|outcome| test_case(outcome, fail_on)));
    let mut document = quick_junit::Report::new(NAME);
    document.add_test_suite(suite);
    document.to_string()
}

fn test_case(outcome: &Outcome, fail_on: Severity) -> TestCase {
    let standing = outcome.standing();
    let (decisive, others): (Vec<Said<'_>>, Vec<Said<'_>>) = outcome.findings().partition(|(finding, known)| {
        known.is_none() && (finding.severity() <= fail_on || (standing == Verdict::Unknown && finding.leaves_unknown()))
    });
    let mut case = TestCase::new(name(outcome), status(outcome, &decisive));
    case.set_classname(class_name(outcome));
    // A skipped case says its reason in the attribute alone; a passed one has nothing decisive.
    let others = if outcome.verdict == Verdict::Skipped { outcome.findings().collect() } else { others };
    if !others.is_empty() {
        case.set_system_out(others.into_iter().map(|said| paragraph(outcome, said)).collect::<Vec<_>>().join("\n"));
    }
    case
}

fn status(outcome: &Outcome, decisive: &[Said<'_>]) -> TestCaseStatus {
    let verdict = outcome.standing();
    let (mut status, otherwise) = match verdict {
        // Neither a success nor a failure: a build server shows it, and does not fail.
        Verdict::Ready if decisive.is_empty() && outcome.is_known() => {
            (TestCaseStatus::skipped(), words::FROM_BASELINE)
        }
        Verdict::Ready if decisive.is_empty() => return TestCaseStatus::success(),
        Verdict::Skipped => (TestCaseStatus::skipped(), "a terminated instance"),
        Verdict::Ready | Verdict::NotReady => (TestCaseStatus::non_success(NonSuccessKind::Failure), "not ready"),
        Verdict::Unknown => (TestCaseStatus::non_success(NonSuccessKind::Error), "could not be determined"),
    };
    match decisive.first() {
        Some((first, _)) => {
            let message = words::finding(first, &Place::of(outcome)).message;
            status.set_message(xml(&message)).set_type(word(&first.code()))
        }
        None => status.set_message(otherwise),
    };
    if verdict != Verdict::Skipped && !decisive.is_empty() {
        status.set_description(decisive.iter().map(|said| paragraph(outcome, *said)).collect::<Vec<_>>().join("\n"));
    }
    status
}

/// A finding, and whether it is known.
type Said<'a> = (&'a Finding, Option<&'a Known>);

fn paragraph(outcome: &Outcome, (finding, known): Said<'_>) -> String {
    let Words { message, remedy } = words::finding(finding, &Place::of(outcome));
    let mut text = format!("{} {}: {}", word(&finding.severity()), word(&finding.code()), xml(&message));
    if !remedy.is_empty() {
        text.push_str("\n  remedy: ");
        text.push_str(&xml(&remedy));
    }
    if let Some(known) = known {
        text.push_str("\n  known: ");
        text.push_str(&xml(&words::known(known)));
    }
    text
}

fn name(outcome: &Outcome) -> String {
    let target = xml(&outcome.target);
    match outcome.other_name() {
        Some(name) => format!("{target} ({})", xml(name)),
        None => target.into_owned(),
    }
}

/// Where the target lives: build servers group by it.
fn class_name(outcome: &Outcome) -> String {
    if outcome.target == "documents" {
        return "documents".to_owned();
    }
    if let Some(source) = &outcome.source {
        return xml(&source.file).into_owned();
    }
    let place: Vec<_> = [&outcome.account, &outcome.region].into_iter().flatten().map(|part| xml(part)).collect();
    if place.is_empty() { NAME.to_owned() } else { place.join("/") }
}

#[cfg(test)]
mod tests {
    use super::super::sample::outcome;
    use super::*;
    use crate::report::{Code, InstanceSummary};

    fn finding(code: Code, severity: Severity, message: &str, remedy: &str) -> Finding {
        Finding::sample(code, severity, message, remedy)
    }

    fn named(mut outcome: Outcome, name: &str) -> Outcome {
        outcome.instance =
            Some(InstanceSummary { id: Some(outcome.target.clone()), name: Some(name.to_owned()), state: None });
        outcome
    }

    fn fleet() -> Report {
        let warning = || finding(Code::InstanceNotRunning, Severity::Warning, "the instance is stopped", "start it");
        let denied = finding(
            Code::AccessDenied,
            Severity::Warning,
            "iam:GetRolePolicy was denied",
            "allow it: ssm-profile policy --for check",
        )
        .that_leaves_unknown();
        Report::from(vec![
            named(outcome("i-0aaa", Verdict::Ready, vec![warning()]), "web-1"),
            outcome(
                "i-0bbb",
                Verdict::NotReady,
                vec![
                    finding(
                        Code::MissingPermission,
                        Severity::Error,
                        "no policy allows `ssmmessages:CreateDataChannel`",
                        "add it to a policy of the role",
                    ),
                    finding(Code::ExplicitDeny, Severity::Error, "`ssm:*` is denied", ""),
                    warning(),
                ],
            ),
            outcome("i-0ccc", Verdict::Unknown, vec![denied, warning()]),
            outcome(
                "i-0ddd",
                Verdict::Skipped,
                vec![finding(Code::InstanceTerminated, Severity::Info, "it is terminated", "")],
            ),
        ])
    }

    #[test]
    fn a_fleet() {
        insta::assert_snapshot!(render(&fleet(), Severity::Error).unwrap(), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="ssm-profile" tests="4" failures="1" errors="1">
            <testsuite name="ssm-profile" tests="4" disabled="1" errors="1" failures="1">
                <testcase name="i-0aaa (web-1)" classname="111122223333/us-east-1">
                    <system-out>warning instance-not-running: the instance is stopped
          remedy: start it</system-out>
                </testcase>
                <testcase name="i-0bbb" classname="111122223333/us-east-1">
                    <failure message="no policy allows `ssmmessages:CreateDataChannel`" type="missing-permission">error missing-permission: no policy allows `ssmmessages:CreateDataChannel`
          remedy: add it to a policy of the role
        error explicit-deny: `ssm:*` is denied</failure>
                    <system-out>warning instance-not-running: the instance is stopped
          remedy: start it</system-out>
                </testcase>
                <testcase name="i-0ccc" classname="111122223333/us-east-1">
                    <error message="iam:GetRolePolicy was denied" type="access-denied">warning access-denied: iam:GetRolePolicy was denied
          remedy: allow it: ssm-profile policy --for check</error>
                    <system-out>warning instance-not-running: the instance is stopped
          remedy: start it</system-out>
                </testcase>
                <testcase name="i-0ddd" classname="111122223333/us-east-1">
                    <skipped message="a terminated instance"/>
                    <system-out>info instance-terminated: it is terminated</system-out>
                </testcase>
            </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn a_warning_fails_when_asked() {
        let xml = render(&fleet(), Severity::Warning).unwrap();
        let suite = quick_junit::Report::deserialize_from_str(&xml).unwrap().test_suites.remove(0);
        assert_eq!((suite.tests, suite.failures, suite.errors), (4, 2, 1));
        let TestCaseStatus::NonSuccess { kind, message, ty, .. } = &suite.test_cases[0].status else {
            panic!("a ready target with a warning must fail");
        };
        assert_eq!(*kind, NonSuccessKind::Failure);
        assert_eq!(message.as_ref().unwrap().as_str(), "the instance is stopped");
        assert_eq!(ty.as_ref().unwrap().as_str(), "instance-not-running");
        assert_eq!(suite.test_cases[0].system_out, None);
    }

    #[test]
    fn a_verdict_without_findings_still_shows() {
        let report = Report::from(vec![
            outcome("a", Verdict::NotReady, vec![]),
            outcome("b", Verdict::Unknown, vec![]),
            outcome("c", Verdict::Skipped, vec![]),
        ]);
        let xml = render(&report, Severity::Error).unwrap();
        assert!(xml.contains(r#"<failure message="not ready"/>"#), "{xml}");
        assert!(xml.contains(r#"<error message="could not be determined"/>"#), "{xml}");
        assert!(xml.contains(r#"<skipped message="a terminated instance"/>"#), "{xml}");
    }

    #[test]
    fn documents_have_their_own_class() {
        let report = Report::from(vec![outcome("documents", Verdict::Ready, vec![])]);
        let xml = render(&report, Severity::Error).unwrap();
        assert!(xml.contains(r#"<testcase name="documents" classname="documents">"#), "{xml}");
        let mut nowhere = outcome("role/x", Verdict::Ready, vec![]);
        (nowhere.account, nowhere.region) = (None, None);
        let xml = render(&Report::from(vec![nowhere]), Severity::Error).unwrap();
        assert!(xml.contains(r#"<testcase name="role/x" classname="ssm-profile">"#), "{xml}");
    }

    #[test]
    fn hostile_strings_stay_text() {
        let hostile =
            "]]></failure></testcase><testcase name=\"ok\"/>\u{1b}]0;gone\u{202e}\u{0}\u{ffff}\nforged &amp; | '";
        let shown =
            "]]></failure></testcase><testcase name=\"ok\"/>\\u{1b}]0;gone\\u{202e}\\u{0}\\u{ffff}\\nforged &amp; | '";
        let report = Report::from(vec![named(
            outcome(
                hostile,
                Verdict::NotReady,
                vec![
                    finding(Code::ExplicitDeny, Severity::Error, hostile, hostile),
                    finding(Code::InvalidPolicy, Severity::Warning, hostile, ""),
                ],
            ),
            hostile,
        )]);
        let xml = render(&report, Severity::Error).unwrap();
        let mut document = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        assert_eq!(document.tests, 1);
        let case = document.test_suites.remove(0).test_cases.remove(0);
        // What was typed is the name, which is not said again.
        assert_eq!(case.name.as_str(), shown);
        assert_eq!(case.system_out.unwrap().as_str(), format!("warning invalid-policy: {shown}"));
        let TestCaseStatus::NonSuccess { message, description, .. } = case.status else { panic!("must fail") };
        assert_eq!(message.unwrap().as_str(), shown);
        assert_eq!(description.unwrap().as_str(), format!("error explicit-deny: {shown}\n  remedy: {shown}"));
    }
}
