//! The backups that are kept, as JSON.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::json::{Heading, pretty};

/// What `undo --list -o json` prints.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Backups")]
pub struct KeptBackups {
    #[serde(flatten)]
    heading: Heading,
    /// The backups, newest first.
    backups: Vec<KeptBackup>,
}

/// A backup, in short.
#[derive(Serialize, JsonSchema)]
pub struct KeptBackup {
    /// Its path.
    pub file: String,
    /// When it was written; null where it cannot be used.
    pub taken_at: Option<Timestamp>,
    /// The account that was changed; null where the backup does not say it.
    pub account: Option<String>,
    /// How many changes it holds.
    pub changes: usize,
    /// How many of them are still to be undone.
    pub left: usize,
    /// Why it cannot be used; null where it can.
    pub error: Option<String>,
}

impl KeptBackups {
    /// These backups.
    pub fn new(backups: Vec<KeptBackup>) -> KeptBackups {
        KeptBackups { heading: Heading::new(), backups }
    }

    /// One indented JSON object with a newline at its end.
    ///
    /// # Errors
    /// Only if a value cannot be written as JSON.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        pretty(self)
    }
}
