//! What becomes of results: written as they are known, or kept until all are.

use std::cell::{Cell, RefCell};

use clap::ValueEnum as _;
use tokio::sync::Notify;

use super::baseline::Baselines;
use super::output::Destinations;
use super::{Stop, args, exit::Tally, output};
use crate::command_line::Command;
use crate::render::json;
use crate::render::sanitize::word;
use crate::report::{Code, Outcome, Report, Severity, Verdict};

/// Which results are shown: `--show` and `--code`.
#[derive(Debug, Clone)]
pub struct Filter {
    show: args::Show,
    codes: Vec<Code>,
}

impl Filter {
    /// The filter that was typed.
    pub fn of(typed: &args::Check) -> Filter {
        Filter { show: typed.show, codes: typed.code.clone() }
    }

    /// What was typed of it, where it leaves something out.
    pub fn flags(&self) -> Option<Command> {
        let show = (self.show != args::Show::All).then(|| word_of(&self.show));
        let codes: Vec<String> = self.codes.iter().map(word).collect();
        let flags = Command::default().options("--show", show).options("--code", codes);
        (self.show != args::Show::All || !self.codes.is_empty()).then_some(flags)
    }

    /// Says so where it leaves nothing of what was checked.
    pub fn tell_if_nothing(&self, report: &Report) {
        if let Some(flags) = self.flags().filter(|_| report.results.is_empty() && report.summary().checked > 0) {
            output::warning(&format!("no target matches `{flags}`"));
        }
    }

    /// Whether a result is shown. What was skipped is shown with all others only.
    pub fn shows(&self, outcome: &Outcome) -> bool {
        let verdict = match self.show {
            args::Show::NotReady => outcome.verdict == Verdict::NotReady,
            args::Show::Unknown => outcome.verdict == Verdict::Unknown,
            args::Show::Ready => outcome.verdict == Verdict::Ready,
            args::Show::All => true,
        };
        let has_code = || outcome.findings.iter().any(|finding| self.codes.contains(&finding.code()));
        verdict && (self.codes.is_empty() || has_code())
    }
}

/// The value of `--show`.
fn word_of(show: &args::Show) -> String {
    show.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// The results of a run.
pub struct Results {
    /// Whether a line is written for each at once.
    at_once: bool,
    filter: Filter,
    kept: RefCell<Vec<Outcome>>,
    baselines: RefCell<Baselines>,
    tally: RefCell<Tally>,
    count: Cell<usize>,
    failure: RefCell<Option<Stop>>,
    /// Told when nobody reads any more.
    closed: Notify,
}

impl Results {
    /// None yet.
    pub fn new(to: &Destinations, filter: Filter, fail_on: Severity, baselines: Baselines) -> Results {
        Results {
            at_once: to.stdout == args::Output::Ndjson && to.files.is_empty(),
            filter,
            kept: RefCell::default(),
            baselines: RefCell::new(baselines),
            tally: RefCell::new(Tally::new(fail_on)),
            count: Cell::new(0),
            failure: RefCell::default(),
            closed: Notify::new(),
        }
    }

    /// Takes the results that are known now.
    pub fn take(&self, mut outcomes: Vec<Outcome>) {
        outcomes.iter_mut().for_each(|outcome| self.baselines.borrow_mut().take(outcome));
        self.count.set(self.count.get() + outcomes.len());
        outcomes.iter().for_each(|outcome| self.tally.borrow_mut().add(outcome));
        if !self.at_once {
            self.kept.borrow_mut().extend(outcomes);
            return;
        }
        let shown: Vec<Outcome> = outcomes.into_iter().filter(|outcome| self.filter.shows(outcome)).collect();
        let lines = json::render_lines(&shown);
        let lines = lines.map_err(|error| Stop::Failure(format!("cannot write the report: {error}")));
        match lines.and_then(|lines| output::print_or_stop(&lines)) {
            Ok(true) => {}
            Ok(false) => {
                self.tally.borrow_mut().cut_short();
                self.closed.notify_one();
            }
            Err(stop) => {
                *self.failure.borrow_mut() = Some(stop);
                self.closed.notify_one();
            }
        }
    }

    /// Waits until nobody reads any more.
    pub async fn closed(&self) {
        self.closed.notified().await;
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count.get()
    }

    /// The results that are still to be printed, by account, Region and target, how the run ends, and the baselines that have seen all.
    ///
    /// # Errors
    /// If results could not be written.
    pub fn finish(self) -> Result<(Option<Report>, Tally, Baselines), Stop> {
        if let Some(stop) = self.failure.into_inner() {
            return Err(stop);
        }
        let mut results = self.kept.into_inner();
        results.sort_by(|a, b| place_of(a).cmp(&place_of(b)));
        let report = (!self.at_once).then(|| Report::from(results).showing(|outcome| self.filter.shows(outcome)));
        Ok((report, self.tally.into_inner(), self.baselines.into_inner()))
    }
}

/// What could not be listed to its end stands behind what could.
fn place_of(outcome: &Outcome) -> (Option<&str>, Option<&str>, bool, &str) {
    (outcome.account.as_deref(), outcome.region.as_deref(), outcome.instance.is_none(), &outcome.target)
}
