//! The snapshot file: the facts of a run, to be judged later and elsewhere.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Facts;

/// The version of the format that this tool writes.
pub const VERSION: u32 = 2;

/// A snapshot as it stands in a file.
#[derive(Serialize)]
struct Written<'a> {
    snapshot_version: u32,
    facts: &'a Facts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    #[serde(rename = "snapshot_version")]
    _version: u32,
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
    /// Written by a newer tool.
    #[error("it has snapshot version {0}, and this tool reads versions up to {VERSION}; use a newer `ssm-profile`")]
    TooNew(u32),
}

/// Writes facts as a snapshot: JSON, indented, with a newline at its end.
///
/// # Errors
/// Only if a value cannot be written as JSON.
pub fn write(facts: &Facts) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&Written { snapshot_version: VERSION, facts })?;
    text.push('\n');
    Ok(text)
}

/// Reads a snapshot.
///
/// # Errors
/// If the text is no snapshot, or one of a newer format.
pub fn read(text: &str) -> Result<Facts, SnapshotError> {
    let malformed = |error: serde_json::Error| SnapshotError::Malformed(error.to_string());
    let Versioned { snapshot_version } = serde_json::from_str(text).map_err(malformed)?;
    if snapshot_version == 0 {
        return Err(SnapshotError::Malformed("there is no snapshot version 0".to_owned()));
    }
    if snapshot_version > VERSION {
        return Err(SnapshotError::TooNew(snapshot_version));
    }
    let Read { facts, .. } = serde_json::from_str(text).map_err(malformed)?;
    Ok(facts)
}
