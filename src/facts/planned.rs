//! What a plan or template says: instances that are not there yet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fact, MetadataOptions};

/// Where something stands in a plan or template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The file as it was named.
    pub file: String,
    /// The address in a Terraform plan, the logical id in a template.
    pub address: String,
    /// The line, where the file has one for it.
    pub line: Option<usize>,
}

/// An instance as a plan or template will make it, or what launches instances: a group, a template, a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedInstance {
    /// Its tag `Name`.
    pub name: Option<String>,
    /// Its profile, by its key among the profiles; absent if it gets none.
    pub profile: Fact<String>,
    /// Its metadata options; absent where nothing is said of them, so that the defaults of the image and the account hold.
    pub metadata: Fact<MetadataOptions>,
}
