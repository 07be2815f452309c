//! How a run of `fix` or `undo` is printed.

use super::super::{Stop, args, output};
use crate::fix::Record;
use crate::render::changes::{self, Titled};
use crate::render::text::Detail;
use crate::report::{Report, Severity};

/// How a run is printed.
pub(in crate::cli) struct Show {
    pub(in crate::cli) form: args::RecordOutput,
    pub(in crate::cli) detail: Detail,
    /// The severity from which on a finding counts.
    pub(in crate::cli) fail_on: Severity,
}

impl Show {
    /// The plans, where people read them before anything is done.
    pub(in crate::cli) fn plan(&self, plans: &[Titled<'_>]) -> Result<(), Stop> {
        match self.form {
            args::RecordOutput::Text => output::print_styled(&changes::plans(plans, output::layout(self.detail))),
            args::RecordOutput::Json => Ok(()),
        }
    }

    /// The plans for whoever is asked, where standard output is for a machine.
    fn plan_apart(&self, plans: &[Titled<'_>]) {
        output::note(&changes::plans(plans, output::layout_of_notes(self.detail)));
    }

    /// The plans, before the question or the first write: whoever is asked must see them, and JSON is for a machine.
    pub(in crate::cli) fn before_writing(&self, plans: &[Titled<'_>], yes: bool) -> Result<(), Stop> {
        match (yes, self.form) {
            (false, args::RecordOutput::Json) => {
                self.plan_apart(plans);
                Ok(())
            }
            _ => self.plan(plans),
        }
    }

    /// What became of the plans, before it is checked again: that can take long, and may be cut off.
    pub(super) fn done(&self, plans: &[Titled<'_>]) -> Result<(), Stop> {
        match self.form {
            args::RecordOutput::Json => Ok(()),
            args::RecordOutput::Text => {
                output::print_styled(&format!("\n{}", changes::results(plans, output::layout(self.detail))))
            }
        }
    }

    /// The end: what a person has to do now, and the report after.
    pub(super) fn end(&self, plans: &[Titled<'_>], report: &Report, applied: bool) -> Result<(), Stop> {
        match self.form {
            args::RecordOutput::Json => {
                let record = Record::joined(plans.iter().map(|(_, record)| *record));
                output::record("fix", &record, Some(report))
            }
            args::RecordOutput::Text => {
                let mut page = String::new();
                let next: Vec<String> = Record::joined(plans.iter().map(|(_, record)| *record)).next;
                if applied && !next.is_empty() && self.detail != Detail::Quiet {
                    page.push('\n');
                    page.push_str(&changes::next(&next, output::layout(self.detail)));
                }
                let detail = if self.detail == Detail::Verbose { Detail::Verbose } else { Detail::Quiet };
                page.push('\n');
                // Below a plan that was not carried out the state before could be taken for the outcome.
                let planned = plans.iter().any(|(_, record)| !record.steps.is_empty());
                if !applied && planned && self.detail != Detail::Quiet {
                    page.push_str("as it is now\n");
                }
                page.push_str(&crate::render::text::render(report, output::layout(detail), self.fail_on));
                output::print_styled(&page)
            }
        }
    }
}
