//! What is to be read of an account.

use std::collections::BTreeMap;

use crate::facts::{GivenPolicies, Unreadable};
use crate::needs::{NetworkCheck, Requirements};
use crate::target::Target;

/// What to read.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// What is named.
    pub targets: Vec<Target>,
    /// Why the instances of a name could not be searched, for the names among the targets of which that is so.
    pub names_unread: BTreeMap<String, Unreadable>,
    /// The instances to take besides, in every one of the Regions.
    pub selection: Option<Selection>,
    /// The Regions to look in, except for a target whose ARN names its own.
    pub regions: Vec<String>,
    /// The KMS key that sessions are encrypted with: an ARN, an id or `alias/NAME`.
    pub kms_key: Option<String>,
    /// The bucket for session logs.
    pub s3_logs: Option<String>,
    /// The log group for session logs.
    pub cloudwatch_logs: Option<String>,
    /// The name of the session preferences to read in every Region.
    pub preferences: Option<String>,
    /// The policies of the organization that were given, so that they need not be read.
    pub given: GivenPolicies,
    /// Whether the network is read too that the agents of running instances go through.
    pub network: bool,
    /// Whether everything is wanted that a change or a later check could need, not only what a verdict depends on.
    pub complete: bool,
}

impl Query {
    /// What is named beyond the core: the key, the bucket and the log group.
    pub fn of(requirements: &Requirements) -> Query {
        Query {
            kms_key: requirements.kms_key.clone(),
            s3_logs: requirements.s3_logs.as_ref().map(|logs| logs.bucket.clone()),
            cloudwatch_logs: requirements.cloudwatch_logs.clone(),
            network: requirements.network != NetworkCheck::Off,
            ..Query::default()
        }
    }
}

/// Which instances of a Region to take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The tags that an instance must have, all of them; none takes every instance.
    pub tags: Vec<(String, String)>,
}

impl Selection {
    /// The flags that make this selection.
    pub fn as_typed(&self) -> String {
        if self.tags.is_empty() {
            return "--all".to_owned();
        }
        let flags = self.tags.iter().map(|(key, value)| format!("--tag {key}={value}"));
        flags.collect::<Vec<_>>().join(" ")
    }
}
