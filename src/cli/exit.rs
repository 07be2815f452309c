//! The exit codes, which scripts rely on.

use std::process::{ExitCode, Termination};

use super::{Stop, output};
use crate::report::{Outcome, Report, Severity, Verdict};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Every target is ready.
    Ready,
    /// At least one is not ready.
    NotReady,
    /// Bad usage; no AWS call was made.
    Usage,
    /// None is known not to be ready, but at least one is unknown, or AWS failed, or a selection matched no instance.
    Unknown,
    /// Interrupted.
    Interrupted,
}

impl Exit {
    /// The code that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Exit::Ready => 0,
            Exit::NotReady => 1,
            Exit::Usage => 2,
            Exit::Unknown => 3,
            Exit::Interrupted => 130,
        }
    }

    /// The code that a run ends with for which nothing was selected.
    pub fn of_nothing(allow_empty: bool) -> Exit {
        if allow_empty { Exit::Ready } else { Exit::Unknown }
    }

    /// The code of a run whose reports were written, or not: what is known not to be ready stays so.
    ///
    /// # Errors
    /// Why they were not, where that is the worst of it.
    pub(super) fn once_written(self, written: Result<(), Stop>) -> Result<Exit, Stop> {
        match (self, written) {
            (Exit::NotReady, Err(Stop::Failure(message))) => {
                output::error(&message);
                Ok(self)
            }
            (_, written) => written.map(|()| self),
        }
    }

    /// The code that a report ends with. With `fail_on` warnings count as not ready too.
    pub fn of(report: &Report, fail_on: Severity) -> Exit {
        let mut tally = Tally::new(fail_on);
        report.results.iter().for_each(|outcome| tally.add(outcome));
        tally.exit()
    }
}

/// The worst of the results so far.
#[derive(Debug, Clone, Copy)]
pub struct Tally {
    fail_on: Severity,
    fails: bool,
    unknown: bool,
    cut_short: bool,
}

impl Tally {
    /// No result yet. With `fail_on` warnings count as not ready too.
    pub fn new(fail_on: Severity) -> Tally {
        Tally { fail_on, fails: false, unknown: false, cut_short: false }
    }

    /// One more result. What is known does not count.
    pub fn add(&mut self, outcome: &Outcome) {
        let found = || outcome.new_findings().any(|finding| finding.severity() <= self.fail_on);
        let standing = outcome.standing();
        self.fails |= standing == Verdict::NotReady || standing != Verdict::Skipped && found();
        self.unknown |= standing == Verdict::Unknown;
    }

    /// There are more, of which nothing is known.
    pub fn cut_short(&mut self) {
        self.cut_short = true;
    }

    /// Whether there are more.
    pub fn is_cut_short(self) -> bool {
        self.cut_short
    }

    /// The code that they end with.
    pub fn exit(self) -> Exit {
        match (self.fails, self.unknown || self.cut_short) {
            (true, _) => Exit::NotReady,
            (false, true) => Exit::Unknown,
            (false, false) => Exit::Ready,
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}
