//! The machine report: one JSON object, or a line for each result.

use serde::Serialize;

use super::sanitize::is_unseen;
use crate::report::{Report, Summary};

/// The version of the report's shape.
const SCHEMA_VERSION: u32 = 1;

/// Where the facts of a report came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// `live`, `snapshot` or `documents`.
    pub kind: &'static str,
    /// The snapshot's file name as typed.
    pub file: Option<String>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Envelope<'a> {
    schema_version: u32,
    tool: Tool,
    source: &'a Source,
    summary: Summary,
    #[serde(flatten)]
    report: &'a Report,
}

/// The report as one indented JSON object with a newline at its end.
///
/// # Errors
/// Only if a value cannot be written as JSON.
pub fn render(report: &Report, source: &Source) -> Result<String, serde_json::Error> {
    let tool = Tool { name: "ssm-profile", version: env!("CARGO_PKG_VERSION") };
    let envelope = Envelope { schema_version: SCHEMA_VERSION, tool, source, summary: report.summary(), report };
    Ok(escape_unseen(&serde_json::to_string_pretty(&envelope)?) + "\n")
}

/// Escapes what a terminal could obey or hide. Outside of strings JSON holds no such character but the newline.
fn escape_unseen(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if character != '\n' && is_unseen(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Each result as a JSON object on a line of its own.
///
/// # Errors
/// Only if a value cannot be written as JSON.
pub fn render_lines(report: &Report) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    for result in &report.results {
        text.push_str(&escape_unseen(&serde_json::to_string(result)?));
        text.push('\n');
    }
    Ok(text)
}
