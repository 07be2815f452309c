//! The JSON of `terraform show -json` and OpenTofu's, as far as it is read, and what other files are taken for it.
//!
//! Source: [JSON output format](https://developer.hashicorp.com/terraform/internals/json-format). Versions 0.1, 0.2 and 1.x are the
//! same in what is read here; within a major version keys are only added.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use iam_eval::json_error;

/// How the right file is made.
const MAKE: &str = "make it with `terraform plan -out tfplan`, then `terraform show -json tfplan > plan.json`";

/// A plan. What resources hold is parsed only where it is looked at.
#[derive(Deserialize)]
pub(super) struct PlanFile<'a> {
    #[serde(borrow)]
    pub planned_values: Option<Values<'a>>,
    #[serde(borrow)]
    pub prior_state: Option<State<'a>>,
    #[serde(borrow)]
    pub resource_changes: Option<Vec<ResourceChange<'a>>>,
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

#[derive(Deserialize)]
pub(super) struct Change<'a> {
    #[serde(default)]
    pub actions: Vec<String>,
    #[serde(borrow)]
    pub before: Option<&'a RawValue>,
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
pub fn text(bytes: Vec<u8>) -> Result<String, String> {
    // A plan that was saved with `-out` is a ZIP archive.
    if bytes.starts_with(b"PK\x03\x04") {
        return Err("it is a saved plan in Terraform's own format, not JSON; convert it with `terraform show -json FILE > plan.json`"
            .to_owned());
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("it is UTF-16, as `>` of Windows PowerShell writes it, and UTF-8 is expected; make it with \
                    `terraform show -json tfplan | Out-File -Encoding utf8 plan.json`"
            .to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("line {line}: it is not UTF-8 text, and JSON is expected; {MAKE}")
    })
}

/// Reads a plan.
///
/// # Errors
/// Why the text is none, and how the right file is made.
pub(super) fn parse(text: &str) -> Result<PlanFile<'_>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let first = text.trim_start();
    if first.is_empty() {
        return Err(format!("it is empty, and the JSON of a plan is expected; {MAKE}"));
    }
    if !first.starts_with('{') {
        let what = match first.starts_with('[') {
            true => "it is a JSON array, and the JSON of a plan is an object",
            false => "line 1: it is not JSON; it looks like the text that Terraform shows to people",
        };
        return Err(format!("{what}; {MAKE}"));
    }
    let mut header = serde_json::Deserializer::from_str(text).into_iter::<Header>();
    let header = match header.next() {
        Some(Ok(header)) => header,
        Some(Err(error)) => {
            let why = json_error::in_words(&error, text);
            return Err(format!("{why}, and the JSON of a whole plan is expected; {MAKE}"));
        }
        None => Header::default(),
    };
    header.refuse()?;
    serde_json::from_str(text).map_err(|error| {
        let why = json_error::in_words(&error, text);
        format!("{why}, and the JSON of a whole plan is expected; {MAKE}")
    })
}

impl Header {
    /// Whether it is of something else than a plan that can be judged.
    fn refuse(&self) -> Result<(), String> {
        let why = if self.level.is_some() {
            "it is the log of `terraform plan -json`, which does not contain the plan"
        } else if self.serial.is_some() || self.lineage.is_some() {
            "it is a state file, which contains what exists and not what is planned"
        } else if self.provider_schemas.is_some() {
            "it contains the schemas of providers, and no plan"
        } else if self.format_version.is_some() && self.planned_values.is_none() && self.resource_changes.is_none() {
            match self.values.is_some() {
                true => "it is the JSON of a state (`values`), not of a plan (`planned_values`)",
                false => "the field `planned_values` is missing, so it is not the JSON of a plan",
            }
        } else if self.format_version.is_none() {
            "the field `format_version` is missing, so it is not the JSON of a plan"
        } else if self.errored == Some(true) {
            "the plan ended with an error (`errored` is true), so it is not complete"
        } else {
            return self.refuse_version();
        };
        Err(format!("{why}; {MAKE}"))
    }

    fn refuse_version(&self) -> Result<(), String> {
        let version = match &self.format_version {
            Some(Value::String(version)) => version.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let major = version.split('.').next().unwrap_or_default();
        match (major, version.as_str()) {
            ("1", _) | (_, "0.1" | "0.2") => Ok(()),
            _ => Err(format!(
                "it has format version `{version}`, and this tool reads 0.1, 0.2 and 1.x; use a newer `ssm-profile`, or a Terraform \
                 between 0.12 and 1.x"
            )),
        }
    }
}
