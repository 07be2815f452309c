//! Where session logs go: what the caller's credentials see of the bucket and the log group.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fact, PolicyText};

/// The key of a log group: its Region, a slash, and its name.
pub fn log_group(region: Option<&str>, name: &str) -> String {
    format!("{}/{name}", region.unwrap_or_default())
}

/// An S3 bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// The Region that it is in.
    pub region: Fact<String>,
    /// Its default encryption; absent if it has none.
    pub encryption: Fact<BucketEncryption>,
    /// Its own policy; absent if it has none. Only an account that owns a bucket is shown it.
    pub policy: Fact<PolicyText>,
}

/// The default encryption of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BucketEncryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub algorithm: String,
    /// The KMS key as the bucket names it: an ARN, an id or an alias; `None` for the key that AWS manages for S3.
    pub kms_key: Option<String>,
}

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogGroup {
    /// The ARN of the KMS key that encrypts it; `None` if none does.
    pub kms_key: Option<String>,
}
