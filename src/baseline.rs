//! Baselines: findings that are known, with a reason and an end, as a file and as marks on outcomes.
//!
//! A finding that is known stays in the report. An entry written by the tool holds what its finding said, so that another finding
//! of the same code on the same target is new.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use iam_eval::json_error;
use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Error as _, IntoDeserializer as _, value};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::report::{Code, Finding, Known, KnownFindings, Outcome, Severity};

/// The version of the format.
pub const VERSION: u32 = 1;

/// What `check --baseline` reads and `check --write-baseline` writes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Baseline")]
#[serde(deny_unknown_fields)]
struct File {
    /// The version of this format.
    #[schemars(extend("const" = VERSION))]
    baseline_version: u32,
    /// The findings that are known.
    findings: Vec<Entry>,
}

/// The version alone, so that a newer file gets an answer that says so.
#[derive(Deserialize)]
struct Versioned {
    baseline_version: u32,
}

/// A finding that is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The target as the report has it, or the id of the instance.
    pub target: String,
    /// The account; any if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The Region; any if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The code of the finding.
    #[serde(deserialize_with = "code")]
    pub code: Code,
    /// The `details` of the finding, as the report has them; without them every finding of this code on this target is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Map<String, Value>>,
    /// Why the finding is accepted.
    #[serde(default)]
    pub reason: Option<String>,
    /// The last day on which it is, in UTC, for example `2027-03-31`; there is no end if it is left out.
    #[serde(default, deserialize_with = "date")]
    pub until: Option<Date>,
}

/// A code, or an error in words for whoever writes baselines by hand.
fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
    let text = String::deserialize(deserializer)?;
    let code = Code::deserialize(text.as_str().into_deserializer());
    code.map_err(|_: value::Error| D::Error::custom(format!("`{text}` is not a finding code")))
}

/// The same for a date.
fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let mistake = || D::Error::custom("`until` must be a date such as 2027-03-31");
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => text.parse().map(Some).map_err(|_| mistake()),
        _ => Err(mistake()),
    }
}

/// Why a text is no baseline.
#[derive(Debug, Error)]
pub enum BaselineError {
    /// Not a baseline at all, or a broken one.
    #[error("it is not a baseline of `ssm-profile check --write-baseline`: {0}")]
    Malformed(String),
    /// Written by a newer tool.
    #[error("it has baseline version {0}, and this tool reads versions up to {VERSION}; use a newer `ssm-profile`")]
    TooNew(u32),
}

impl Entry {
    /// An entry for a finding of an outcome, without a reason and an end.
    fn of(outcome: &Outcome, finding: &Finding) -> Entry {
        Entry {
            target: outcome.lasting_name().to_owned(),
            account: outcome.account.clone(),
            region: outcome.region.clone(),
            code: finding.code(),
            details: details(&finding.of_any_instance(None)),
            reason: None,
            until: None,
        }
    }

    /// Whether it is about this outcome.
    fn is_about(&self, outcome: &Outcome) -> bool {
        let same = |of_entry: &Option<String>, of_outcome: &Option<String>| {
            of_entry.as_ref().is_none_or(|text| Some(text) == of_outcome.as_ref())
        };
        [outcome.target.as_str(), outcome.lasting_name()].contains(&self.target.as_str())
            && same(&self.account, &outcome.account)
            && same(&self.region, &outcome.region)
    }

    /// Whether it names this finding of an outcome that it is about.
    fn names(&self, finding: &Finding) -> bool {
        let has = |finding: &Finding| self.details == details(finding);
        self.code == finding.code() && (self.details.is_none() || has(&finding.of_any_instance(None)) || has(finding))
    }

    /// Whether its last day is over.
    pub fn has_expired(&self, today: Date) -> bool {
        self.until.is_some_and(|until| until < today)
    }

    /// What entries are sorted by.
    fn place(&self) -> impl Ord + use<> {
        let details = self.details.as_ref().and_then(|details| serde_json::to_string(details).ok());
        (self.account.clone(), self.region.clone(), self.target.clone(), self.code, details)
    }
}

/// What a finding says, as data. `None` never happens: it is an object.
fn details(finding: &Finding) -> Option<serde_json::Map<String, Value>> {
    match serde_json::to_value(finding) {
        Ok(Value::Object(details)) => Some(details),
        _ => None,
    }
}

/// The entries of a file, and which of them have matched something so far.
#[derive(Debug, Clone, Default)]
pub struct Baseline {
    entries: Vec<Entry>,
    by_target: BTreeMap<String, Vec<usize>>,
    matched: BTreeSet<usize>,
}

impl From<Vec<Entry>> for Baseline {
    fn from(entries: Vec<Entry>) -> Baseline {
        let mut by_target: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            by_target.entry(entry.target.clone()).or_default().push(index);
        }
        Baseline { entries, by_target, matched: BTreeSet::new() }
    }
}

impl Baseline {
    /// Reads a file.
    ///
    /// # Errors
    /// If the text is no baseline, or one of a newer format.
    pub fn read(text: &str) -> Result<Baseline, BaselineError> {
        // Some editors put a byte order mark before it.
        let text = text.trim_start_matches('\u{feff}');
        let malformed = |error: serde_json::Error| BaselineError::Malformed(json_error::in_words(&error, text));
        // What a newer tool wrote may be of another shape: its version says more than what is odd about that.
        let of_shape = serde_json::from_str(text).map_err(malformed);
        let version = match &of_shape {
            Ok(File { baseline_version, .. }) => *baseline_version,
            Err(_) => serde_json::from_str(text).map_or(VERSION, |Versioned { baseline_version }| baseline_version),
        };
        match version {
            0 => Err(BaselineError::Malformed("there is no baseline version 0".to_owned())),
            1..=VERSION => of_shape.map(|File { findings, .. }| Baseline::from(findings)),
            newer => Err(BaselineError::TooNew(newer)),
        }
    }

    /// Marks the findings of an outcome that are known today.
    pub fn mark(&mut self, outcome: &mut Outcome, today: Date) {
        let (mut matched, mut known) = (Vec::new(), KnownFindings::new());
        for (index, entry) in self.about(outcome).filter(|(_, entry)| !entry.has_expired(today)) {
            let mark = Arc::new(Known { reason: entry.reason.clone(), until: entry.until });
            for (place, finding) in outcome.findings.iter().enumerate() {
                if entry.names(finding) {
                    matched.push(index);
                    known.entry(place).or_insert_with(|| Arc::clone(&mark));
                }
            }
        }
        self.matched.extend(matched);
        outcome.known = known;
    }

    /// The entries that have expired.
    pub fn expired(&self, today: Date) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.has_expired(today))
    }

    /// The entries that hold today and have matched nothing.
    pub fn without_match(&self, today: Date) -> impl Iterator<Item = &Entry> {
        let entries = self.entries.iter().enumerate().filter(|(index, _)| !self.matched.contains(index));
        entries.map(|(_, entry)| entry).filter(move |entry| !entry.has_expired(today))
    }

    /// The entries about an outcome.
    fn about(&self, outcome: &Outcome) -> impl Iterator<Item = (usize, &Entry)> {
        let names: BTreeSet<&str> = [outcome.target.as_str(), outcome.lasting_name()].into();
        let indexes = names.into_iter().filter_map(|name| self.by_target.get(name)).flatten();
        let entries = indexes.filter_map(|index| Some((*index, self.entries.get(*index)?)));
        entries.filter(|(_, entry)| entry.is_about(outcome))
    }
}

/// A baseline in the making: what the findings of a run are, with the reasons and ends that earlier files gave.
#[derive(Debug)]
pub struct Draft {
    fail_on: Severity,
    earlier: Baseline,
    kept: BTreeSet<usize>,
    looked_at: BTreeSet<usize>,
    new: Vec<Entry>,
    not_written: usize,
}

impl Draft {
    /// No finding yet. `earlier` is what the file holds that is written, and then what else is known.
    pub fn new(earlier: impl IntoIterator<Item = Baseline>, fail_on: Severity) -> Draft {
        let entries: Vec<Entry> = earlier.into_iter().flat_map(|baseline| baseline.entries).collect();
        Draft {
            fail_on,
            earlier: Baseline::from(entries),
            kept: BTreeSet::new(),
            looked_at: BTreeSet::new(),
            new: Vec::new(),
            not_written: 0,
        }
    }

    /// Takes the findings of an outcome that count for the exit code.
    ///
    /// That something could not be read is no finding to get used to: it may hide anything, and is gone with the next run.
    pub fn take(&mut self, outcome: &Outcome) {
        for finding in &outcome.findings {
            let naming = self.earlier.about(outcome).filter(|(_, entry)| entry.names(finding)).map(|(index, _)| index);
            let naming: Vec<usize> = naming.collect();
            if !naming.is_empty() {
                self.kept.extend(naming);
            } else if finding.severity() > self.fail_on && !finding.decides() {
                continue;
            } else if finding.is_failure() {
                self.not_written += 1;
            } else {
                self.new.push(Entry::of(outcome, finding));
            }
        }
        // An entry goes only where its target was looked at, and nothing was left unknown.
        if outcome.findings.iter().any(|finding| finding.leaves_unknown()) {
            return;
        }
        self.looked_at.extend(self.earlier.about(outcome).map(|(index, _)| index));
    }

    /// How many findings were left out because they say that something could not be read.
    pub fn not_written(&self) -> usize {
        self.not_written
    }

    /// The entries of earlier files whose findings are gone.
    pub fn removed(&self) -> impl Iterator<Item = &Entry> {
        self.looked_at.difference(&self.kept).filter_map(|index| self.earlier.entries.get(*index))
    }

    /// The new file: to be written as indented JSON.
    pub fn file(&self) -> impl Serialize + use<> {
        let is_kept = |index: &usize| self.kept.contains(index) || !self.looked_at.contains(index);
        let kept = self.earlier.entries.iter().enumerate().filter(|(index, _)| is_kept(index));
        let mut findings: Vec<Entry> = kept.map(|(_, entry)| entry).chain(&self.new).cloned().collect();
        findings.sort_by_cached_key(Entry::place);
        findings.dedup();
        File { baseline_version: VERSION, findings }
    }
}

/// What this version reads.
pub fn schema(generator: SchemaGenerator) -> Schema {
    generator.into_root_schema_for::<File>()
}

#[cfg(test)]
mod tests;
