//! A run of `fix` or `undo` for a script: one JSON object.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::json::{Heading, Verdicts, pretty};
use super::words::{self, Place, Words};
use crate::facts::PolicyText;
use crate::fix::{
    CREATED_BY, CREATED_BY_VALUE, Change, Reach, Reason, Record, Refusal, RefusalKind, State, Status, Step, Thing,
};
use crate::report::Report;
use iam_eval::arn::Arn;

/// The run as one indented JSON object with a newline at its end; `report` is the one after it.
///
/// # Errors
/// Only if a value cannot be written as JSON.
pub fn render(command: &'static str, record: &Record, report: Option<&Report>) -> Result<String, serde_json::Error> {
    pretty(&Run {
        heading: Heading::new(),
        command,
        dry_run: record.dry_run,
        changes: record.steps.iter().map(Row::new).collect(),
        refusals: record.refusals.iter().map(RefusalJson::new).collect(),
        warnings: &record.warnings,
        reach: &record.reach,
        backup: record.backup.as_deref(),
        backups: &record.backups,
        stopped: record.stopped.as_deref(),
        next: &record.next,
        verdicts: report.map(Verdicts::new),
    })
}

#[derive(Serialize)]
struct Run<'a> {
    #[serde(flatten)]
    heading: Heading,
    command: &'static str,
    dry_run: bool,
    changes: Vec<Row<'a>>,
    refusals: Vec<RefusalJson<'a>>,
    warnings: &'a [String],
    reach: &'a [Reach],
    backup: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    backups: &'a [String],
    stopped: Option<&'a str>,
    next: &'a [String],
    #[serde(flatten)]
    verdicts: Option<Verdicts<'a>>,
}

#[derive(Serialize)]
struct RefusalJson<'a> {
    target: &'a str,
    reason: Reason,
    message: String,
    remedy: String,
    details: &'a RefusalKind,
}

impl<'a> RefusalJson<'a> {
    fn new(refusal: &'a Refusal) -> RefusalJson<'a> {
        let Words { message, remedy } = words::refusal(&refusal.kind, &Place::of_refusal(refusal));
        RefusalJson { target: &refusal.target, reason: refusal.reason(), message, remedy, details: &refusal.kind }
    }
}

#[derive(Serialize)]
struct Row<'a> {
    action: &'static str,
    target: String,
    name: Option<String>,
    region: Option<&'a str>,
    account: Option<&'a str>,
    before: Shown<'a>,
    after: Shown<'a>,
    mends: &'a [String],
    status: Status,
    note: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn new(step: &'a Step) -> Row<'a> {
        let Step { change, mends, status, note } = step;
        let (name, region) = match change.thing() {
            Thing::InlinePolicy { name, .. } => (Some(name.clone()), None),
            Thing::AttachedPolicy { policy, .. } => (Some(policy.to_string()), None),
            Thing::ProfileOfInstance { region, .. } => (None, Some(region.as_str())),
            Thing::Role(_) | Thing::TrustPolicy(_) | Thing::InstanceProfile(_) | Thing::RoleOfProfile(_) => {
                (None, None)
            }
        };
        Row {
            action: change.action().name(),
            target: change.thing().target(),
            name,
            region,
            account: change.owner().and_then(Arn::account),
            before: Shown::new(change, change.before()),
            after: Shown::new(change, change.after()),
            mends,
            status: *status,
            note: note.as_deref(),
        }
    }
}

/// How a thing is.
#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Nothing,
    Document(Document<'a>),
    Role { assume_role_policy: Document<'a>, id: Option<&'a str>, tags: Tags },
    Profile { id: Option<&'a str>, tags: Tags },
    Other(&'a Arn),
    Association { instance_profile: &'a Arn, id: Option<&'a str> },
}

type Tags = BTreeMap<&'static str, &'static str>;

impl<'a> Shown<'a> {
    fn new(change: &'a Change, state: &'a State) -> Shown<'a> {
        // No other roles and profiles are made or deleted than those with this tag.
        let tags = || BTreeMap::from([(CREATED_BY, CREATED_BY_VALUE)]);
        match (state, change.thing()) {
            (State::Document(text), _) => Shown::Document(Document(text)),
            (State::Role { trust, id }, _) => {
                Shown::Role { assume_role_policy: Document(trust), id: id.as_deref(), tags: tags() }
            }
            (State::InstanceProfile { id }, _) => Shown::Profile { id: id.as_deref(), tags: tags() },
            (State::Holds(role), _) => Shown::Other(role),
            (State::Has { profile, id }, _) => Shown::Association { instance_profile: profile, id: id.as_deref() },
            (State::Attached, Thing::AttachedPolicy { policy, .. }) => Shown::Other(policy),
            (State::Absent | State::Foreign | State::Attached, _) => Shown::Nothing,
        }
    }
}

/// A document as the JSON that it is, with every key and space inside, or as a string.
struct Document<'a>(&'a PolicyText);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.as_str();
        // A number out of range or nesting without end is JSON, but a reader would give up on the whole report. As
        // many brackets stand around a document there.
        let readable = || serde_json::from_str::<serde_json::Value>(&format!("[[[[{text}]]]]")).is_ok();
        match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) if raw.get().starts_with(['{', '[']) && readable() => raw.serialize(serializer),
            _ => serializer.serialize_str(text),
        }
    }
}

#[cfg(test)]
mod tests;
