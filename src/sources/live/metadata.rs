//! The instance that this program runs on, if it runs on one.

use std::time::Duration;

use aws_config::imds::Client;
use aws_config::imds::client::error::ImdsError;
use serde::Deserialize;
use thiserror::Error;

use crate::aws::cause;
use iam_eval::arn::{is_account_id, is_instance_id};

/// Source: [instance identity documents](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html).
const DOCUMENT: &str = "/latest/dynamic/instance-identity/document";
/// On an instance the answer comes within milliseconds; elsewhere none comes at all.
const PATIENCE: Duration = Duration::from_secs(1);

/// An instance, as it knows itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThisInstance {
    /// Its id.
    pub id: String,
    /// Its Region.
    pub region: String,
    /// Its account.
    pub account: String,
}

/// Why what answers is no instance metadata.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoMetadata {
    /// It does not speak as instance metadata does, for this reason.
    #[error("instance metadata cannot be asked: {0}")]
    CannotAsk(String),
    /// Its document is none of an instance.
    #[error("instance metadata gave an instance identity document that names no instance")]
    NamesNoInstance,
}

/// The instance that this program runs on; `None` where instance metadata does not answer or is switched off.
///
/// # Errors
/// If something answered that is no instance metadata.
pub async fn this_instance() -> Result<Option<ThisInstance>, NoMetadata> {
    // The SDK's client leaves this variable to its callers.
    if std::env::var("AWS_EC2_METADATA_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let client = Client::builder().max_attempts(1).connect_timeout(PATIENCE).read_timeout(PATIENCE).build();
    match tokio::time::timeout(PATIENCE, client.get(DOCUMENT)).await {
        Ok(Ok(document)) => parse(document.as_ref()).map(Some),
        // Whatever refuses to give a token or the document is not the metadata of an EC2 instance, or not for us.
        Err(_) | Ok(Err(ImdsError::FailedToLoadToken(_) | ImdsError::ErrorResponse(_) | ImdsError::IoError(_))) => {
            Ok(None)
        }
        Ok(Err(error)) => Err(NoMetadata::CannotAsk(cause(&error))),
    }
}

fn parse(document: &str) -> Result<ThisInstance, NoMetadata> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Document {
        instance_id: String,
        region: String,
        account_id: String,
    }
    let Document { instance_id: id, region, account_id: account } =
        serde_json::from_str(document).map_err(|_| NoMetadata::NamesNoInstance)?;
    let usable = is_instance_id(&id) && is_account_id(&account) && !region.is_empty();
    usable.then_some(ThisInstance { id, region, account }).ok_or(NoMetadata::NamesNoInstance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_document() {
        let document = r#"{"accountId": "111122223333", "instanceId": "i-0123456789abcdef0", "region": "eu-west-1", "pendingTime": "x"}"#;
        let ThisInstance { id, region, account } = parse(document).unwrap();
        assert_eq!(
            (id.as_str(), region.as_str(), account.as_str()),
            ("i-0123456789abcdef0", "eu-west-1", "111122223333")
        );
        for broken in ["", "{}", "<html>", r#"{"accountId": "1", "instanceId": "i-1", "region": ""}"#] {
            assert!(parse(broken).is_err(), "{broken}");
        }
    }
}
