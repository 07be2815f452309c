//! A run of `fix` or `undo` for a script: one JSON object.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::json::{Heading, Verdicts, pretty};
use super::words::{self, Place, Words};
use crate::facts::PolicyText;
use crate::fix::{
    Action, CREATED_BY, CREATED_BY_VALUE, Change, Reach, Reason, Record, Refusal, RefusalKind, State, Status, Step,
    Thing,
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
        warnings: record.warnings.iter().map(words::warning).collect(),
        reach: &record.reach,
        backup: record.backup.as_deref(),
        backups: &record.backups,
        stopped: record.stopped.as_deref(),
        next: &record.next,
        verdicts: report.map(Verdicts::new),
    })
}

/// What `fix -o json` and `undo -o json` print. Only a fix has `summary` and `results`: its targets, checked again at the end.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Fix")]
pub(super) struct Run<'a> {
    #[serde(flatten)]
    heading: Heading,
    /// The command that ran.
    #[schemars(extend("enum" = ["fix", "undo"]))]
    command: &'static str,
    /// Whether nothing was to be written.
    dry_run: bool,
    /// The changes, in order.
    changes: Vec<Row<'a>>,
    /// The targets that stay as they are, and why.
    refusals: Vec<RefusalJson<'a>>,
    /// What a person should know before saying yes.
    warnings: Vec<String>,
    /// How far the changes reach.
    reach: &'a [Reach],
    /// The file that keeps the state before, for `undo`.
    backup: Option<&'a str>,
    /// The same for several accounts, where there is more than one.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    backups: &'a [String],
    /// Why the run stopped before its end, if it did.
    stopped: Option<&'a str>,
    /// What a person still has to do or to know.
    next: &'a [String],
    #[serde(flatten)]
    verdicts: Option<Verdicts<'a>>,
}

/// A target for which nothing is changed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Refusal")]
struct RefusalJson<'a> {
    /// The target as in the report.
    target: &'a str,
    /// The kind of reason.
    reason: Reason,
    /// Why, for a person.
    message: String,
    /// What to do about it, for a person.
    remedy: String,
    /// What the message says, as data.
    details: &'a RefusalKind,
}

impl<'a> RefusalJson<'a> {
    fn new(refusal: &'a Refusal) -> RefusalJson<'a> {
        let Words { message, remedy } = words::refusal(&refusal.kind, &Place::of_refusal(refusal));
        RefusalJson { target: &refusal.target, reason: refusal.reason(), message, remedy, details: &refusal.kind }
    }
}

/// A change that one call makes, and what became of it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Change")]
struct Row<'a> {
    /// The call, named as the IAM action that it needs.
    #[schemars(with = "Action")]
    action: &'static str,
    /// The ARN of the role or profile that is changed or whose part is, or the instance's id.
    target: String,
    /// The name of the inline policy, or the ARN of the attached one.
    name: Option<String>,
    /// The instance's Region.
    region: Option<&'a str>,
    /// The account, where known.
    account: Option<&'a str>,
    /// How it was.
    before: Shown<'a>,
    /// How it shall be.
    after: Shown<'a>,
    /// The targets that it is for; none where that is not known, as for what an undo does.
    mends: &'a [String],
    /// What became of it.
    status: Status,
    /// Why, where there is more to say than the status.
    note: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn new(step: &'a Step) -> Row<'a> {
        let Step { change, targets, status, note } = step;
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
            mends: targets,
            status: *status,
            note: note.as_deref(),
        }
    }
}

/// How a thing is.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "State")]
enum Shown<'a> {
    /// There is none.
    Nothing,
    /// The document.
    Document(Document<'a>),
    /// A role; its id is not known before it is created.
    Role { assume_role_policy: Document<'a>, id: Option<&'a str>, tags: Tags },
    /// An instance profile; its id is not known before it is created.
    Profile { id: Option<&'a str>, tags: Tags },
    /// The ARN of the policy that is attached, or of the role that the profile holds.
    Other(&'a Arn),
    /// The profile that the instance has.
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

impl JsonSchema for Document<'_> {
    fn schema_name() -> Cow<'static, str> {
        PolicyText::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        PolicyText::json_schema(generator)
    }
}

#[cfg(test)]
mod tests;
