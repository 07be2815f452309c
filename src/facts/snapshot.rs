//! The snapshot file: the facts of a run, to be judged later and elsewhere.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::to_raw_value;
use thiserror::Error;

use super::{Facts, KnownFile, Subject};
use iam_eval::json_error;

/// The version of the format that this tool writes.
pub const VERSION: u32 = 3;

/// A snapshot as it stands in a file.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Snapshot")]
struct Written<'a> {
    /// The version of this format.
    #[schemars(extend("const" = VERSION))]
    snapshot_version: u32,
    /// What was read.
    facts: &'a Facts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    snapshot_version: u32,
    facts: Facts,
}

/// The version alone, so that a newer file gets an answer that says so.
#[derive(Deserialize)]
struct Versioned {
    snapshot_version: u32,
}

/// Why a text is no snapshot.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// Not a snapshot at all, or a broken one.
    #[error("it is not a snapshot of `ssm-profile snapshot`: {0}")]
    Malformed(String),
    /// Another file.
    #[error("it is not a snapshot but {}", .0.in_words())]
    Another(KnownFile),
    /// Written by a newer tool.
    #[error("it has snapshot version {0}, and this tool reads versions up to {VERSION}; use a newer `ssm-profile`")]
    TooNew(u32),
}

/// Facts as a snapshot: to be written as indented JSON.
pub fn of(facts: &Facts) -> impl Serialize {
    Written { snapshot_version: VERSION, facts }
}

/// What this version writes.
pub fn schema(generator: SchemaGenerator) -> Schema {
    generator.into_root_schema_for::<Written>()
}

/// Reads a snapshot.
///
/// # Errors
/// If the text is no snapshot, or one of a newer format.
pub fn read(text: &str) -> Result<Facts, SnapshotError> {
    // Some editors put a byte order mark before it.
    let text = text.trim_start_matches('\u{feff}');
    let malformed = |error: serde_json::Error| {
        let known = KnownFile::of(text).filter(|known| *known != KnownFile::Snapshot);
        known.map_or_else(|| SnapshotError::Malformed(json_error::in_words(&error, text)), SnapshotError::Another)
    };
    let (version, facts) = match serde_json::from_str(text) {
        Ok(Read { snapshot_version, facts }) => (snapshot_version, Ok(facts)),
        // What a newer tool wrote may be of another shape: its version says more than what is odd about that.
        Err(error) => {
            let Versioned { snapshot_version } = serde_json::from_str(text).map_err(malformed)?;
            (snapshot_version, Err(malformed(error)))
        }
    };
    match version {
        0 => Err(SnapshotError::Malformed("there is no snapshot version 0".to_owned())),
        1..=VERSION => facts,
        newer => Err(SnapshotError::TooNew(newer)),
    }
}

/// Writes each subject on a line of its own. With an indented line for each of its facts a fleet's snapshot would be twice as large.
pub(super) fn on_lines<S: Serializer>(subjects: &[Subject], serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::{Error as _, SerializeSeq as _};
    let mut lines = serializer.serialize_seq(Some(subjects.len()))?;
    for subject in subjects {
        lines.serialize_element(&to_raw_value(subject).map_err(S::Error::custom)?)?;
    }
    lines.end()
}
