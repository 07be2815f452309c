//! The JSON of `terraform show -json` and OpenTofu's, as far as it is read, and what other files are taken for it.
//!
//! Source: [JSON output format](https://developer.hashicorp.com/terraform/internals/json-format). Versions 0.1, 0.2 and 1.x are the
//! same in what is read here; within a major version keys are only added.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::facts::KnownFile;
use iam_eval::json_error;

/// How the right file is made.
const MAKE: &str = "make it with `terraform plan -out tfplan`, then `terraform show -json tfplan > plan.json`";

/// Why a file is no plan, and how the right file is made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAPlan {
    /// It is what `terraform plan -out` writes.
    #[error(
        "it is a saved plan in Terraform's own format, not JSON; convert it with `terraform show -json FILE > plan.json`"
    )]
    SavedPlan,
    /// It is in the encoding of Windows PowerShell.
    #[error(
        "it is UTF-16, as `>` of Windows PowerShell writes it, and UTF-8 is expected; make it with \
         `terraform show -json tfplan | Out-File -Encoding utf8 plan.json`"
    )]
    Utf16,
    /// It is in another encoding.
    #[error("line {line}: it is not UTF-8 text, and JSON is expected; {MAKE}")]
    NotUtf8 {
        /// The first line that is not.
        line: usize,
    },
    /// It is another file that this tool takes.
    #[error("it is not a plan but {}", .0.in_words())]
    Another(KnownFile),
    /// There is nothing in it.
    #[error("it is empty, and the JSON of a plan is expected; {MAKE}")]
    Empty,
    /// It is JSON of another kind.
    #[error("it is a JSON array, and the JSON of a plan is an object; {MAKE}")]
    Array,
    /// It does not begin as JSON does.
    #[error(
        "line 1: it does not begin with `{{`, as the JSON of a plan does, and may be the text that Terraform shows to people; {MAKE}"
    )]
    TextForPeople,
    /// It is broken JSON, or none of a plan, for this reason.
    #[error("{0}, and the JSON of a whole plan is expected; {MAKE}")]
    Malformed(String),
    /// It tells how the planning went.
    #[error("it is the log of `terraform plan -json`, which does not contain the plan; {MAKE}")]
    Log,
    /// It is a state as Terraform keeps it.
    #[error("it is a state file, which contains what exists and not what is planned; {MAKE}")]
    StateFile,
    /// It is what `terraform providers schema -json` prints.
    #[error("it contains the schemas of providers, and no plan; {MAKE}")]
    ProviderSchemas,
    /// It is a state as `terraform show -json` prints it.
    #[error("it is the JSON of a state (`values`), not of a plan (`planned_values`); {MAKE}")]
    StateJson,
    /// It lacks what is planned.
    #[error("the field `planned_values` is missing, so it is not the JSON of a plan; {MAKE}")]
    NoPlannedValues,
    /// It does not say of which version it is.
    #[error("the field `format_version` is missing, so it is not the JSON of a plan; {MAKE}")]
    NoFormatVersion,
    /// The planning failed.
    #[error("the plan ended with an error (`errored` is true), so it is not complete; {MAKE}")]
    Errored,
    /// It is of this version.
    #[error(
        "it has format version `{0}`, and this tool reads 0.1, 0.2 and 1.x; use a newer `ssm-profile`, or a Terraform between \
         0.12 and 1.x"
    )]
    OtherVersion(String),
}

/// A plan. What resources hold is parsed only where it is looked at.
#[derive(Deserialize)]
pub(super) struct PlanFile<'a> {
    #[serde(borrow)]
    pub planned_values: Option<Values<'a>>,
    #[serde(borrow)]
    pub prior_state: Option<State<'a>>,
    #[serde(borrow)]
    pub resource_changes: Option<Vec<ResourceChange<'a>>>,
    #[serde(borrow)]
    pub deferred_changes: Option<Vec<DeferredChange<'a>>>,
    pub configuration: Option<Configuration<'a>>,
    pub variables: Option<BTreeMap<String, Variable>>,
}

#[derive(Deserialize)]
pub(super) struct State<'a> {
    #[serde(borrow)]
    pub values: Option<Values<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Values<'a> {
    #[serde(borrow)]
    pub root_module: Option<Module<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Module<'a> {
    #[serde(default)]
    pub address: String,
    #[serde(borrow)]
    pub resources: Option<Vec<ResourceValues<'a>>>,
    #[serde(borrow)]
    pub child_modules: Option<Vec<Module<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct ResourceValues<'a> {
    #[serde(borrow)]
    pub address: Cow<'a, str>,
    #[serde(borrow, default)]
    pub mode: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    pub index: Option<Value>,
    #[serde(borrow)]
    pub values: Option<&'a RawValue>,
    #[serde(borrow)]
    pub sensitive_values: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct ResourceChange<'a> {
    #[serde(borrow)]
    pub address: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    pub kind: Cow<'a, str>,
    pub deposed: Option<String>,
    #[serde(borrow)]
    pub change: Change<'a>,
}

/// A change that is put off to a later plan.
#[derive(Deserialize)]
pub(super) struct DeferredChange<'a> {
    #[serde(borrow)]
    pub resource_change: Option<ResourceChange<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Change<'a> {
    #[serde(default)]
    pub actions: Vec<String>,
    #[serde(borrow)]
    pub before: Option<&'a RawValue>,
    #[serde(borrow)]
    pub after: Option<&'a RawValue>,
    #[serde(borrow)]
    pub after_unknown: Option<&'a RawValue>,
    #[serde(borrow)]
    pub after_sensitive: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
pub(super) struct Configuration<'a> {
    pub provider_config: Option<BTreeMap<String, ProviderConfig>>,
    #[serde(borrow, default)]
    pub root_module: ConfigModule<'a>,
}

#[derive(Deserialize)]
pub(super) struct ProviderConfig {
    pub expressions: Option<Value>,
}

#[derive(Default, Deserialize)]
pub(super) struct ConfigModule<'a> {
    #[serde(borrow)]
    pub resources: Option<Vec<ConfigResource<'a>>>,
    #[serde(borrow)]
    pub module_calls: Option<BTreeMap<String, ModuleCall<'a>>>,
    pub outputs: Option<BTreeMap<String, ConfigOutput>>,
    pub variables: Option<BTreeMap<String, ConfigVariable>>,
}

#[derive(Deserialize)]
pub(super) struct ConfigResource<'a> {
    /// The address in its module, without an index.
    #[serde(borrow)]
    pub address: Cow<'a, str>,
    pub provider_config_key: Option<String>,
    #[serde(borrow)]
    pub expressions: Option<&'a RawValue>,
    pub count_expression: Option<Value>,
    pub for_each_expression: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct ModuleCall<'a> {
    pub expressions: Option<BTreeMap<String, Value>>,
    pub for_each_expression: Option<Value>,
    #[serde(borrow)]
    pub module: Option<ConfigModule<'a>>,
}

#[derive(Deserialize)]
pub(super) struct ConfigOutput {
    pub expression: Option<Value>,
}

/// A variable of a module.
#[derive(Deserialize)]
pub(super) struct ConfigVariable {
    pub default: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Variable {
    pub value: Option<Value>,
}

/// What every JSON that Terraform writes may say of itself.
#[derive(Default, Deserialize)]
struct Header {
    format_version: Option<Value>,
    /// Of a state file.
    lineage: Option<serde::de::IgnoredAny>,
    serial: Option<serde::de::IgnoredAny>,
    /// Of `show -json` of a state.
    values: Option<serde::de::IgnoredAny>,
    planned_values: Option<serde::de::IgnoredAny>,
    resource_changes: Option<serde::de::IgnoredAny>,
    provider_schemas: Option<serde::de::IgnoredAny>,
    errored: Option<bool>,
    /// Of a line of the log that `plan -json` writes.
    #[serde(rename = "@level")]
    level: Option<serde::de::IgnoredAny>,
}

/// Takes the bytes of a file for the text of a plan.
///
/// # Errors
/// Why they are none, and how the right file is made.
pub fn text(bytes: Vec<u8>) -> Result<String, NotAPlan> {
    // A plan that was saved with `-out` is a ZIP archive.
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(NotAPlan::SavedPlan);
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(NotAPlan::Utf16);
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        NotAPlan::NotUtf8 { line: before.iter().filter(|byte| **byte == b'\n').count() + 1 }
    })
}

/// Reads a plan.
///
/// # Errors
/// Why the text is none, and how the right file is made.
pub(super) fn parse(text: &str) -> Result<PlanFile<'_>, NotAPlan> {
    let text = text.trim_start_matches('\u{feff}');
    let first = text.trim_start();
    if first.is_empty() {
        return Err(NotAPlan::Empty);
    }
    let another = || KnownFile::of(text).filter(|known| *known != KnownFile::Plan).map(NotAPlan::Another);
    if !first.starts_with('{') {
        return Err(if let Some(another) = another() {
            another
        } else if first.starts_with('[') {
            NotAPlan::Array
        } else {
            NotAPlan::TextForPeople
        });
    }
    let malformed = |error: serde_json::Error| NotAPlan::Malformed(json_error::in_words(&error, text));
    let mut header = serde_json::Deserializer::from_str(text).into_iter::<Header>();
    let header = match header.next() {
        Some(Ok(header)) => header,
        Some(Err(error)) => return Err(malformed(error)),
        None => Header::default(),
    };
    header.refuse().map_err(|why| another().unwrap_or(why))?;
    serde_json::from_str(text).map_err(malformed)
}

impl Header {
    /// Whether it is of something else than a plan that can be judged.
    fn refuse(&self) -> Result<(), NotAPlan> {
        if self.level.is_some() {
            Err(NotAPlan::Log)
        } else if self.serial.is_some() || self.lineage.is_some() {
            Err(NotAPlan::StateFile)
        } else if self.provider_schemas.is_some() {
            Err(NotAPlan::ProviderSchemas)
        } else if self.format_version.is_some() && self.planned_values.is_none() && self.resource_changes.is_none() {
            Err(if self.values.is_some() { NotAPlan::StateJson } else { NotAPlan::NoPlannedValues })
        } else if self.format_version.is_none() {
            Err(NotAPlan::NoFormatVersion)
        } else if self.errored == Some(true) {
            Err(NotAPlan::Errored)
        } else {
            self.refuse_version()
        }
    }

    fn refuse_version(&self) -> Result<(), NotAPlan> {
        let version = match &self.format_version {
            Some(Value::String(version)) => version.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let major = version.split('.').next().unwrap_or_default();
        match (major, version.as_str()) {
            ("1", _) | (_, "0.1" | "0.2") => Ok(()),
            _ => Err(NotAPlan::OtherVersion(version)),
        }
    }
}
