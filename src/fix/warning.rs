//! What a person should know before saying yes. The sentences are in `render::words`.

use super::Evidence;

/// A warning of a fix or of an undo.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "a field is what its name says, of the thing that the variant names")]
pub enum Warning {
    /// Instances that an Auto Scaling group launches later do not get the profile of this one.
    AutoScalingGroup { instance: String, group: String },
    /// Something else owns the role, and it is changed all the same.
    ManagedElsewhere { role: String, owner: String, evidence: Evidence, undone_by: String },
    /// The trust policy gets longer than IAM takes unless the quota was raised, in characters.
    TrustPolicySize { role: String, size: usize, quota: usize },
    /// Instances with the role leave the role `setting` of Default Host Management Configuration.
    LeavesHostManagement { role: String, setting: String },
    /// They do, if it is enabled, which this call did not tell.
    MayLeaveHostManagement { role: String, api: String },
    /// The network paths of these targets are closed, and a fix leaves them to others.
    /// `print` is the command that prints what opens them.
    NetworkOnlyEmitted { targets: Vec<String>, print: String },
    /// The profile that the instance had before the fix is gone.
    ProfileGone { instance: String, profile: String },
    /// AWS gave no answer to the change, so that somebody else may have made it.
    MayBeOfOthers { api: String, target: String },
    /// Instances that have the profile were looked for in some Regions only.
    HoldersNotSeen { profile: String, regions: Vec<String>, why: String },
    /// Others may have changed the backup, for these reasons.
    BackupInDoubt { doubts: Vec<String> },

    /// For tests of what shows warnings, whatever they say.
    #[cfg(test)]
    Sample(String),
}
