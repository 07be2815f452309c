//! The exit codes, which scripts rely on.

use std::process::{ExitCode, Termination};

use crate::report::{Report, Severity, Verdict};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Every target is ready.
    Ready,
    /// At least one is not ready.
    NotReady,
    /// Bad usage; no AWS call was made.
    Usage,
    /// None is known not to be ready, but at least one is unknown, or AWS failed.
    Unknown,
    /// Interrupted.
    Interrupted,
}

impl Exit {
    /// The code that a report ends with. With `fail_on` warnings count as not ready too.
    pub fn of(report: &Report, fail_on: Severity) -> Exit {
        let fails = |outcome: &crate::report::Outcome| {
            outcome.verdict == Verdict::NotReady
                || outcome.verdict != Verdict::Skipped
                    && outcome.findings.iter().any(|finding| finding.severity <= fail_on)
        };
        let unknown = |outcome: &crate::report::Outcome| outcome.verdict == Verdict::Unknown;
        if report.results.iter().any(fails) {
            Exit::NotReady
        } else if report.results.iter().any(unknown) {
            Exit::Unknown
        } else {
            Exit::Ready
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(match self {
            Exit::Ready => 0,
            Exit::NotReady => 1,
            Exit::Usage => 2,
            Exit::Unknown => 3,
            Exit::Interrupted => 130,
        })
    }
}
