//! What `fix` will not do, why, and what a person has to do instead.

use serde::Serialize;

/// Why nothing is changed for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The instance has no profile that could be mended, and no name for a new one was given.
    NeedsProfile,
    /// A role or profile of the name to create exists, and this tool did not make it.
    NameTaken,
    /// A document that would have to be changed cannot be understood.
    InvalidPolicy,
    /// Something else owns the role: infrastructure code, or another service.
    ManagedElsewhere,
    /// AWS does not let anybody edit the role.
    ReservedRole,
    /// The documents would be longer than IAM takes.
    QuotaExceeded,
    /// No change of the role can help: a deny, a boundary, an SCP, the instance itself.
    OutOfReach,
    /// Something needed is not known, so that no change is certain to help.
    Unknown,
}

/// A target for which nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The target as in the report.
    pub target: String,
    /// Why.
    pub reason: Reason,
    /// What is the case.
    pub message: String,
    /// What a person has to do instead.
    pub remedy: String,
}
