//! Findings that somebody knows about and has accepted, for a reason and up to a day.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Finding, Outcome, Severity, Verdict};

/// That a finding is known, as a baseline says. It counts no more for the exit code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Known {
    /// Why it is accepted, where the baseline says it.
    pub reason: Option<String>,
    /// The last day on which it is, in UTC; `None` if there is no end.
    pub until: Option<Date>,
}

/// Which of an outcome's findings are known, by their place in its list.
pub type KnownFindings = BTreeMap<usize, Arc<Known>>;

impl Outcome {
    /// The findings, each with whether it is known.
    pub fn findings(&self) -> impl Iterator<Item = (&Finding, Option<&Known>)> {
        let known = |index: usize| self.known.get(&index).map(AsRef::as_ref);
        self.findings.iter().enumerate().map(move |(index, finding)| (finding.as_ref(), known(index)))
    }

    /// The findings that are not known.
    pub fn new_findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings().filter(|(_, known)| known.is_none()).map(|(finding, _)| finding)
    }

    /// The first finding that keeps the verdict from being ready, one that is new before one that is known.
    pub fn deciding(&self) -> Option<&Finding> {
        let new = self.new_findings().find(|finding| finding.decides());
        new.or(self.findings.iter().map(AsRef::as_ref).find(|finding| finding.decides()))
    }

    /// The verdict as it counts for the exit code: what is known keeps nothing from being ready.
    pub fn standing(&self) -> Verdict {
        if self.known.is_empty() || matches!(self.verdict, Verdict::Ready | Verdict::Skipped) {
            return self.verdict;
        }
        let decided = self.findings.iter().any(|finding| finding.decides());
        if self.new_findings().any(|finding| finding.severity() == Severity::Error) {
            Verdict::NotReady
        } else if self.new_findings().any(Finding::leaves_unknown) || !decided {
            Verdict::Unknown
        } else {
            Verdict::Ready
        }
    }

    /// Whether it is not ready, or unknown, for nothing but what is known.
    pub fn is_known(&self) -> bool {
        matches!(self.verdict, Verdict::NotReady | Verdict::Unknown) && self.standing() == Verdict::Ready
    }
}

#[cfg(test)]
mod tests {
    use super::super::Code;
    use super::*;
    use crate::render::sample::outcome;

    fn known(mut outcome: Outcome, indexes: &[usize]) -> Outcome {
        let known = Arc::new(Known { reason: None, until: None });
        outcome.known = indexes.iter().map(|index| (*index, Arc::clone(&known))).collect();
        outcome
    }

    #[test]
    fn what_is_new_counts_and_what_is_known_does_not() {
        let error = || Finding::sample(Code::ExplicitDeny, Severity::Error, "denied", "");
        let open = || Finding::sample(Code::AccessDenied, Severity::Warning, "not read", "").that_leaves_unknown();
        let warning = || Finding::sample(Code::AgentOffline, Severity::Warning, "offline", "");
        for (verdict, findings, indexes, standing) in [
            (Verdict::NotReady, vec![error(), warning()], &[][..], Verdict::NotReady),
            (Verdict::NotReady, vec![error(), warning()], &[0], Verdict::Ready),
            (Verdict::NotReady, vec![error(), warning()], &[1], Verdict::NotReady),
            (Verdict::NotReady, vec![error(), error()], &[0], Verdict::NotReady),
            (Verdict::NotReady, vec![error(), error()], &[0, 1], Verdict::Ready),
            // What the known error stands before may still hide something.
            (Verdict::NotReady, vec![error(), open()], &[0], Verdict::Unknown),
            (Verdict::NotReady, vec![error(), open()], &[0, 1], Verdict::Ready),
            (Verdict::NotReady, vec![error(), open()], &[1], Verdict::NotReady),
            (Verdict::Unknown, vec![open()], &[0], Verdict::Ready),
            (Verdict::Unknown, vec![open(), open()], &[1], Verdict::Unknown),
            // A permission alone may be what is unknown, and no finding stands for it.
            (Verdict::Unknown, vec![warning()], &[0], Verdict::Unknown),
            (Verdict::Ready, vec![warning()], &[0], Verdict::Ready),
            (Verdict::Skipped, vec![warning()], &[0], Verdict::Skipped),
        ] {
            let outcome = known(outcome("i-0aaa", verdict, findings), indexes);
            assert_eq!(outcome.standing(), standing, "{outcome:?}");
            assert_eq!(outcome.verdict, verdict);
        }
    }

    #[test]
    fn what_is_new_is_told_before_what_is_known() {
        let error = |message: &str| Finding::sample(Code::ExplicitDeny, Severity::Error, message, "");
        let warning = || Finding::sample(Code::AgentOffline, Severity::Warning, "offline", "");
        for (findings, indexes, expected) in [
            (vec![error("a"), error("b")], &[][..], Some(error("a"))),
            (vec![error("a"), error("b")], &[0], Some(error("b"))),
            (vec![error("a"), error("b")], &[0, 1], Some(error("a"))),
            (vec![error("a"), warning()], &[0], Some(error("a"))),
            (vec![warning()], &[], None),
        ] {
            let outcome = known(outcome("i-0aaa", Verdict::NotReady, findings), indexes);
            assert_eq!(outcome.deciding(), expected.as_ref(), "{outcome:?}");
        }
    }
}
