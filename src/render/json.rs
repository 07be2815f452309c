//! The machine report: one JSON object, or a line for each result.

use std::borrow::Cow;
use std::io;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::result_json::ResultJson;
use crate::facts::CallerIdentity;
use crate::report::{Outcome, Report, Summary};
use crate::unseen::is_unseen;

/// The version of the report's shape.
const SCHEMA_VERSION: u32 = 1;

/// Where the facts of a report came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Source {
    /// What it is.
    pub kind: SourceKind,
    /// The name of the snapshot, plan or template as typed.
    pub file: Option<String>,
}

/// The kinds of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// An account.
    Live,
    /// A snapshot.
    Snapshot,
    /// Bare policy documents.
    Documents,
    /// A Terraform or OpenTofu plan.
    TerraformPlan,
    /// A CloudFormation template.
    Cloudformation,
}

/// What every machine report starts with.
#[derive(Serialize, JsonSchema)]
pub(super) struct Heading {
    /// The version of the report's shape. Keys may be added within one.
    #[schemars(extend("const" = SCHEMA_VERSION))]
    schema_version: u32,
    /// What wrote it.
    tool: Tool,
}

/// The tool that wrote a report.
#[derive(Serialize, JsonSchema)]
struct Tool {
    /// `ssm-profile`
    name: &'static str,
    /// Its version.
    version: &'static str,
}

impl Heading {
    pub(super) fn new() -> Heading {
        let tool = Tool { name: "ssm-profile", version: env!("CARGO_PKG_VERSION") };
        Heading { schema_version: SCHEMA_VERSION, tool }
    }
}

/// The verdicts: how many of each, and each.
#[derive(Serialize, JsonSchema)]
pub(super) struct Verdicts<'a> {
    /// How many results there are of each verdict.
    summary: Summary,
    /// The targets, in the order in which they were asked for.
    #[serde(serialize_with = "each_result")]
    #[schemars(with = "Vec<ResultJson>")]
    results: &'a [Outcome],
}

/// One at a time: a fleet's results in their JSON shape take no memory of their own.
fn each_result<S: Serializer>(results: &&[Outcome], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(results.iter().map(ResultJson::new))
}

impl<'a> Verdicts<'a> {
    pub(super) fn new(report: &'a Report) -> Verdicts<'a> {
        Verdicts { summary: report.summary(), results: &report.results }
    }
}

/// What `check -o json` prints.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Report")]
pub(super) struct Envelope<'a> {
    #[serde(flatten)]
    heading: Heading,
    /// Where the facts came from.
    source: &'a Source,
    /// Whose credentials read them; only of an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<&'a CallerIdentity>,
    #[serde(flatten)]
    verdicts: Verdicts<'a>,
}

/// Writes the report as one indented JSON object with a newline at its end; `caller` read an account.
///
/// # Errors
/// If it cannot be written.
pub fn write(
    report: &Report,
    source: &Source,
    caller: Option<&CallerIdentity>,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let envelope = Envelope { heading: Heading::new(), source, caller, verdicts: Verdicts::new(report) };
    serde_json::to_writer_pretty(Escaping(out), &envelope)?;
    out.write_all(b"\n")
}

/// Escapes what goes through.
struct Escaping<'a, W>(&'a mut W);

impl<W: io::Write> io::Write for Escaping<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if are_plain(bytes) {
            self.0.write_all(bytes)?;
            return Ok(bytes.len());
        }
        // The serializer writes whole pieces of strings.
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_all(escape_unseen(text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// One indented JSON object with a newline at its end.
///
/// # Errors
/// Only if a value cannot be written as JSON.
pub fn pretty(object: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(escape_unseen(&serde_json::to_string_pretty(object)?).into_owned() + "\n")
}

/// Escapes what a terminal could obey or hide.
///
/// Outside of strings JSON holds no such character but white space, and inside of strings none of that. A carriage
/// return between the values of a document, which could hide the rest of its line, becomes a space.
fn escape_unseen(json: &str) -> Cow<'_, str> {
    if are_plain(json.as_bytes()) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\n' | '\t' => escaped.push(character),
            '\r' => escaped.push(' '),
            _ if is_unseen(character) => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// Whether all bytes are characters that everybody sees.
fn are_plain(bytes: &[u8]) -> bool {
    let is_plain = |byte: &u8| (b' '..=b'~').contains(byte) || *byte == b'\n';
    // Without a way out within a piece the machine looks at many bytes at once.
    bytes.chunks(64).all(|piece| piece.iter().fold(true, |plain, byte| plain & is_plain(byte)))
}

/// Each result as a JSON object on a line of its own.
///
/// # Errors
/// Only if a value cannot be written as JSON.
pub fn render_lines(results: &[Outcome]) -> Result<String, serde_json::Error> {
    lines(results.iter().map(ResultJson::new))
}

/// Each object on a line of its own.
///
/// # Errors
/// Only if a value cannot be written as JSON.
pub(super) fn lines(objects: impl Iterator<Item = impl Serialize>) -> Result<String, serde_json::Error> {
    let mut lines = Vec::new();
    for object in objects {
        serde_json::to_writer(&mut lines, &object)?;
        lines.push(b'\n');
    }
    let lines = String::from_utf8(lines).map_err(serde::ser::Error::custom)?;
    Ok(match escape_unseen(&lines) {
        Cow::Borrowed(_) => lines,
        Cow::Owned(escaped) => escaped,
    })
}
