//! Session preferences: the content of a Session document such as `SSM-SessionManagerRunShell`.
//!
//! Source: [Session document schema](https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-schema.html).

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::needs::S3Logs;
use iam_eval::json_error;

/// The document that holds the preferences of a Region unless a session names another.
pub const DEFAULT_NAME: &str = "SSM-SessionManagerRunShell";

/// What the preferences ask of the role. A setting that is empty is not set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// The key that encrypts sessions: a key ARN, a key id, `alias/NAME` or an alias ARN.
    pub kms_key: Option<String>,
    /// The bucket for session logs.
    pub s3_logs: Option<S3Logs>,
    /// Whether that bucket must be encrypted.
    pub s3_encrypted: bool,
    /// The log group for session logs.
    pub cloudwatch_logs: Option<String>,
    /// Whether that log group must be encrypted.
    pub cloudwatch_encrypted: bool,
}

/// Why a text is no session preferences.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotPreferences {
    /// It is no Session document, for this reason.
    #[error("it is not a Session document: {0}")]
    NotADocument(String),
    /// It is a Session document of another type.
    #[error("its `sessionType` is `{0}`, and preferences are of `Standard_Stream`")]
    OtherType(String),
    /// It does not say its type.
    #[error("it has no `sessionType`")]
    NoType,
    /// A setting is a parameter of the document, whose value whoever starts a session gives.
    #[error("its `{setting}` is the parameter `{parameter}`, which is only known when a session starts")]
    Parameter {
        /// The setting.
        setting: &'static str,
        /// The parameter.
        parameter: String,
    },
    /// A setting is not a string.
    #[error("its `{0}` is not a string")]
    NotAString(&'static str),
    /// A setting that is true or false is another string.
    #[error("its `{setting}` is `{text}`, neither true nor false")]
    NotAFlag {
        /// The setting.
        setting: &'static str,
        /// What it is.
        text: String,
    },
    /// A setting that is true or false is of another kind.
    #[error("its `{0}` is neither true nor false")]
    NotOfAFlag(&'static str),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    session_type: Option<String>,
    #[serde(default)]
    inputs: Map<String, Value>,
}

impl Preferences {
    /// Reads the content of a Session document.
    ///
    /// # Errors
    /// If it is none, or a setting is not of its kind.
    pub fn parse(text: &str) -> Result<Preferences, NotPreferences> {
        let document: Document = serde_json::from_str(text)
            .map_err(|error| NotPreferences::NotADocument(json_error::in_words(&error, text)))?;
        match document.session_type {
            Some(kind) if kind == "Standard_Stream" => {}
            Some(other) => return Err(NotPreferences::OtherType(other)),
            None => return Err(NotPreferences::NoType),
        }
        let inputs = &document.inputs;
        let bucket = text_of(inputs, "s3BucketName")?;
        let prefix = text_of(inputs, "s3KeyPrefix")?.unwrap_or_default();
        Ok(Preferences {
            kms_key: text_of(inputs, "kmsKeyId")?,
            s3_logs: bucket.map(|bucket| S3Logs { bucket, prefix: prefix.trim_matches('/').to_owned() }),
            s3_encrypted: flag_of(inputs, "s3EncryptionEnabled")?,
            cloudwatch_logs: text_of(inputs, "cloudWatchLogGroupName")?,
            cloudwatch_encrypted: flag_of(inputs, "cloudWatchEncryptionEnabled")?,
        })
    }
}

fn text_of(inputs: &Map<String, Value>, setting: &'static str) -> Result<Option<String>, NotPreferences> {
    match inputs.get(setting) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.contains("{{") => {
            Err(NotPreferences::Parameter { setting, parameter: text.trim().to_owned() })
        }
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(_) => Err(NotPreferences::NotAString(setting)),
    }
}

/// The console writes `true`, and some tools `"true"`. A flag that is left out or empty counts as false (source of the SSM Agent,
/// `docparser.ConvertToBool`).
fn flag_of(inputs: &Map<String, Value>, setting: &'static str) -> Result<bool, NotPreferences> {
    match inputs.get(setting) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(text)) => match text.as_str() {
            "true" | "True" | "TRUE" | "t" | "T" | "1" => Ok(true),
            "" | "false" | "False" | "FALSE" | "f" | "F" | "0" => Ok(false),
            _ => Err(NotPreferences::NotAFlag { setting, text: text.clone() }),
        },
        Some(_) => Err(NotPreferences::NotOfAFlag(setting)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_empty_ones_are_not_set() {
        let text = r#"{"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {
            "s3BucketName": "logs", "s3KeyPrefix": "/a/b/", "s3EncryptionEnabled": true, "cloudWatchLogGroupName": "",
            "cloudWatchEncryptionEnabled": "False", "kmsKeyId": "alias/sessions", "idleSessionTimeout": "20", "runAsEnabled": false,
            "shellProfile": {"linux": "bash"}}}"#;
        let expected = Preferences {
            kms_key: Some("alias/sessions".to_owned()),
            s3_logs: Some(S3Logs { bucket: "logs".to_owned(), prefix: "a/b".to_owned() }),
            s3_encrypted: true,
            cloudwatch_logs: None,
            cloudwatch_encrypted: false,
        };
        assert_eq!(Preferences::parse(text), Ok(expected));
        assert_eq!(Preferences::parse(r#"{"sessionType": "Standard_Stream"}"#), Ok(Preferences::default()));
    }

    /// Go's `strconv.ParseBool`, with which the agent reads flags that are text.
    #[test]
    fn flags_are_read_as_the_agent_reads_them() {
        let of = |flag: &str| {
            let inputs =
                format!(r#"{{"sessionType": "Standard_Stream", "inputs": {{"s3EncryptionEnabled": {flag}}}}}"#);
            Preferences::parse(&inputs).map(|preferences| preferences.s3_encrypted)
        };
        for (flag, expected) in [
            ("true", Some(true)),
            (r#""true""#, Some(true)),
            (r#""True""#, Some(true)),
            (r#""1""#, Some(true)),
            ("false", Some(false)),
            (r#""FALSE""#, Some(false)),
            (r#""""#, Some(false)),
            ("null", Some(false)),
            (r#""tRuE""#, None),
            (r#""yes""#, None),
            ("1", None),
        ] {
            assert_eq!(of(flag).ok(), expected, "{flag}");
        }
    }

    #[test]
    fn what_is_no_preferences_document_is_said() {
        for (text, why) in [
            ("[]", "Session document"),
            ("{", "Session document"),
            ("{}", "`sessionType`"),
            (r#"{"sessionType": "Port"}"#, "`Port`"),
            (r#"{"sessionType": "Standard_Stream", "inputs": {"kmsKeyId": 1}}"#, "`kmsKeyId`"),
            (r#"{"sessionType": "Standard_Stream", "inputs": {"kmsKeyId": "{{ key }}"}}"#, "parameter"),
            (r#"{"sessionType": "Standard_Stream", "inputs": {"s3EncryptionEnabled": "maybe"}}"#, "`maybe`"),
        ] {
            let error = Preferences::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
