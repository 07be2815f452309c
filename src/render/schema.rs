//! The JSON Schemas of the machine formats, derived from the types that are written.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::Value;

use super::changes_json::Run;
use super::json::{Envelope, pretty};
use super::kept_backups::KeptBackups;
use super::settings::Settings;
use crate::baseline;
use crate::facts::snapshot;

/// The machine formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// What `check -o json` prints.
    Report,
    /// What `snapshot` prints and `--snapshot` reads.
    Snapshot,
    /// What `fix -o json` and `undo -o json` print.
    Fix,
    /// What `check --baseline` reads.
    Baseline,
    /// What `config -o json` prints.
    Config,
    /// What `undo --list -o json` prints.
    Backups,
}

/// The schema of a format, in JSON Schema 2020-12: what this version writes, of a baseline what it reads.
///
/// # Errors
/// Only if a value cannot be written as JSON.
pub fn of(format: Format) -> Result<String, serde_json::Error> {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(for_any_language));
    // What is only read by others may get keys in later versions; what this tool reads has none that it does not know.
    let open = |settings: SchemaSettings| settings.for_serialize().with_transform(RecursiveTransform(opened));
    let settings = match format {
        // People write it.
        Format::Baseline => settings.for_deserialize(),
        Format::Snapshot => settings.for_serialize(),
        Format::Report | Format::Fix | Format::Config | Format::Backups => open(settings),
    };
    let generator = settings.into_generator();
    let (id, mut schema) = match format {
        Format::Report => ("urn:ssm-profile:schema:report:1", generator.into_root_schema_for::<Envelope>()),
        Format::Snapshot => ("urn:ssm-profile:schema:snapshot:3", snapshot::schema(generator)),
        Format::Fix => ("urn:ssm-profile:schema:fix:1", generator.into_root_schema_for::<Run>()),
        Format::Baseline => ("urn:ssm-profile:schema:baseline:1", baseline::schema(generator)),
        Format::Config => ("urn:ssm-profile:schema:config:1", generator.into_root_schema_for::<Settings>()),
        Format::Backups => ("urn:ssm-profile:schema:backups:1", generator.into_root_schema_for::<KeptBackups>()),
    };
    schema.insert("$id".to_owned(), id.into());
    pretty(&schema)
}

/// Closes no object.
fn opened(schema: &mut Schema) {
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        schema.remove("additionalProperties");
    }
}

/// Takes out what belongs to Rust: the sizes of its integers, the links of its documentation, and its `None`.
fn for_any_language(schema: &mut Schema) {
    for of_rust in ["uint", "uint16", "uint32"] {
        if schema.get("format").is_some_and(|format| format == of_rust) {
            schema.remove("format");
        }
    }
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description =
            description.replace("[`", "`").replace("`]", "`").replace("`Facts::", "`").replace("`None`", "`null`");
    }
}
