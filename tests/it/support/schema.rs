//! What the binary prints, held against the schemas that it publishes, and foreign formats against those of their own.
//!
//! For readers the schemas leave objects open, because later versions may add keys. Here every object is closed: a key that no schema
//! names fails the test that meets it.

use std::sync::LazyLock;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

use super::command::Sandbox;

/// The machine formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Report,
    /// A line of `-o ndjson`.
    Result,
    Snapshot,
    Fix,
    Baseline,
    Config,
    Backups,
    /// SARIF 2.1.0, whose schema is not of this project.
    Sarif,
    /// Findings for Security Hub, as far as they are used here.
    Asff,
    /// An event of OCSF, as far as the class is used here.
    Ocsf,
}

struct Closed {
    schemas: Schemas,
    report: SchemaIndex,
    result: SchemaIndex,
    snapshot: SchemaIndex,
    fix: SchemaIndex,
    baseline: SchemaIndex,
    config: SchemaIndex,
    backups: SchemaIndex,
    sarif: SchemaIndex,
    asff: SchemaIndex,
    ocsf: SchemaIndex,
}

static CLOSED: LazyLock<Closed> = LazyLock::new(|| {
    let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
    compiler.enable_format_assertions();
    let mut add = |schema: Value, part: &str| {
        let id = schema["$id"].as_str().expect("a schema has an id").to_owned();
        compiler.add_resource(&id, schema).expect("the id is a URI");
        let compiled = compiler.compile(&format!("{id}{part}"), &mut schemas);
        compiled.unwrap_or_else(|error| panic!("{id} is a schema: {error:#}"))
    };
    let (report, result) = (add(closed("report"), ""), add(closed("report"), "#/$defs/Result"));
    let (snapshot, fix) = (add(closed("snapshot"), ""), add(closed("fix"), ""));
    let (baseline, config) = (add(closed("baseline"), ""), add(closed("config"), ""));
    let backups = add(closed("backups"), "");
    let [sarif, asff, ocsf] = [SARIF, ASFF, OCSF].map(|schema| add(parse(schema), ""));
    Closed { schemas, report, result, snapshot, fix, baseline, config, backups, sarif, asff, ocsf }
});

// These are closed as they stand.
const SARIF: &str = include_str!("../../data/sarif-schema-2.1.0.json");
const ASFF: &str = include_str!("../../data/asff-2018-10-08.json");
const OCSF: &str = include_str!("../../data/ocsf-compliance-finding-1.6.0.json");

/// The schema as `ssm-profile schema` prints it.
pub fn published(format: &str) -> Value {
    let output = Sandbox::new().run(&["schema", format]).expect(0);
    assert_eq!(output.stderr, "");
    serde_json::from_str(&output.stdout).expect("a schema is JSON")
}

fn closed(format: &str) -> Value {
    let mut schema = published(format);
    close(&mut schema, false);
    schema
}

/// Forbids what no schema names. What holds of an object that is `covered` stands in a schema around this one, which says it.
fn close(schema: &mut Value, covered: bool) {
    let Value::Object(keywords) = schema else { return };
    let covers = covered || keywords.contains_key("properties");
    for (keyword, value) in keywords.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties" | "$defs", Value::Object(schemas)) => {
                schemas.values_mut().for_each(|schema| close(schema, false));
            }
            ("oneOf" | "anyOf" | "allOf", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(|schema| close(schema, covers));
            }
            ("items" | "additionalProperties", schema) => close(schema, false),
            _ => {}
        }
    }
    if covers && !covered {
        keywords.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}

/// Why a value is not of a format, if so.
pub fn mistake(format: Format, value: &Value) -> Option<String> {
    let Closed { schemas, report, result, snapshot, fix, baseline, config, backups, sarif, asff, ocsf } = &*CLOSED;
    let schema = match format {
        Format::Report => report,
        Format::Result => result,
        Format::Snapshot => snapshot,
        Format::Fix => fix,
        Format::Baseline => baseline,
        Format::Config => config,
        Format::Backups => backups,
        Format::Sarif => sarif,
        Format::Asff => asff,
        Format::Ocsf => ocsf,
    };
    schemas.validate(value, *schema).err().map(|error| format!("{error}"))
}

/// JSON that must be of this format.
pub fn read(format: Format, text: &str) -> Value {
    let value = parse(text);
    hold(format, &value);
    value
}

/// JSON that must be of its format, if it is of one.
pub fn read_any(text: &str) -> Value {
    let value = parse(text);
    let has = |key: &str| value.get(key).is_some();
    if has("schema_version") {
        let format = match () {
            () if has("command") => Format::Fix,
            () if has("settings") => Format::Config,
            () if has("backups") => Format::Backups,
            () => Format::Report,
        };
        hold(format, &value);
    } else if has("snapshot_version") {
        hold(Format::Snapshot, &value);
    } else if has("baseline_version") {
        hold(Format::Baseline, &value);
    } else if has("runs") {
        hold(Format::Sarif, &value);
    }
    value
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("it is not JSON: {error}\n{text}"))
}

fn hold(format: Format, value: &Value) {
    if let Some(mistake) = mistake(format, value) {
        panic!("it is not what the schema says: {mistake}\n{value:#}");
    }
}
