//! KMS keys: what an id or alias stands for, and who may use it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Fact, PolicyText, not_taken};

/// The key of a KMS key: its Region, a slash, and the id or `alias/NAME` as given.
pub fn kms_key(region: Option<&str>, given: &str) -> String {
    format!("{}/{given}", region.unwrap_or_default())
}

/// The ARN of a key that is not made yet. For its id stands `{ADDRESS}`; account and Region are left out where they are not known.
pub fn planned_key(partition: Option<&str>, region: Option<&str>, account: Option<&str>, address: &str) -> String {
    let (partition, region) = (partition.unwrap_or("*"), region.unwrap_or_default());
    format!("arn:{partition}:kms:{region}:{}:key/{{{address}}}", account.unwrap_or_default())
}

/// The policy of a key that is made without one: it leaves the decision to the IAM policies of the account
/// ([Default key policy](https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html)).
pub fn default_key_policy(partition: &str, account: &str) -> PolicyText {
    let root = format!("arn:{partition}:iam::{account}:root");
    let statement = json!({
        "Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": { "AWS": root }, "Action": "kms:*", "Resource": "*",
    });
    PolicyText::new(&json!({ "Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement] }).to_string())
}

/// What stands for the id in the ARN of a key that is not made yet.
pub fn planned_key_id(arn: &str) -> Option<&str> {
    let (_, id) = arn.split_once(":key/")?;
    (id.starts_with('{') && id.ends_with('}')).then_some(id)
}

/// A KMS key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KmsKey {
    /// The key's own ARN, never an alias. For the id of a key that a plan or template makes stands a placeholder
    /// ([`planned_key`]).
    pub arn: String,
    /// `Enabled`, `Disabled`, `PendingDeletion` and so on.
    #[serde(default)]
    pub state: Option<String>,
    /// Its own policy.
    #[serde(default = "not_taken::<PolicyText>")]
    pub policy: Fact<PolicyText>,
}

/// What a key is made for, where that is not to encrypt data keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtherUse {
    /// What says so: `KeyUsage` or `KeySpec`.
    pub setting: String,
    /// What it is: `SIGN_VERIFY`, say.
    pub value: String,
}
