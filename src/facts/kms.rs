//! KMS keys: what an id or alias stands for, and who may use it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fact, PolicyText, not_taken};

/// The key of a KMS key: its Region, a slash, and the id or `alias/NAME` as given.
pub fn kms_key(region: Option<&str>, given: &str) -> String {
    format!("{}/{given}", region.unwrap_or_default())
}

/// A KMS key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KmsKey {
    /// The key's own ARN, never an alias.
    pub arn: String,
    /// `Enabled`, `Disabled`, `PendingDeletion` and so on.
    #[serde(default)]
    pub state: Option<String>,
    /// Its own policy.
    #[serde(default = "not_taken::<PolicyText>")]
    pub policy: Fact<PolicyText>,
}

impl KmsKey {
    /// A key of which nothing but its ARN is known.
    pub fn of(arn: &str) -> KmsKey {
        KmsKey { arn: arn.to_owned(), state: None, policy: not_taken() }
    }
}
