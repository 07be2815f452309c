//! What a person should know before saying yes to a fix or an undo.

use crate::fix::Warning;

use super::refusals::evidence;

/// A warning in words.
pub fn warning(warning: &Warning) -> String {
    match warning {
        Warning::AutoScalingGroup { instance, group } => format!(
            "`{instance}` belongs to the Auto Scaling group `{group}`: instances that it launches later do not get the profile; set \
             it in the launch template too"
        ),
        Warning::ManagedElsewhere { role, owner, evidence: found, undone_by } => format!(
            "`{role}` is managed by {owner} ({}): {undone_by} may undo this change; make the change there too",
            evidence(found)
        ),
        Warning::TrustPolicySize { role, size, quota } => format!(
            "the trust policy of role `{role}` gets {size} characters; unless the quota was raised, IAM takes {quota}"
        ),
        Warning::LeavesHostManagement { role, setting } => format!(
            "with `ssm:UpdateInstanceInformation` every instance that has the role `{role}` stops using the role `{setting}` of \
             Default Host Management Configuration; from then on only the profile counts"
        ),
        Warning::MayLeaveHostManagement { role, api } => format!(
            "cannot determine whether Default Host Management Configuration is enabled (`{api}`); if it is, \
             with `ssm:UpdateInstanceInformation` every instance that has the role `{role}` stops using its role, and from then on only \
             the profile counts"
        ),
        Warning::NetworkOnlyEmitted { targets, print } => {
            let whose = match targets.as_slice() {
                [only] => format!("the network path of `{only}` is closed"),
                _ => format!("the network paths of {} targets are closed", targets.len()),
            };
            format!("{whose}, and `fix` changes no network; `{print}` prints what opens it")
        }
        Warning::ProfileGone { instance, profile } => format!(
            "`{instance}` held the instance profile `{profile}`, which no longer exists in that form; it is left without a profile"
        ),
        Warning::MayBeOfOthers { api, target } => format!(
            "the fix got no answer to `{api}` for `{target}`, so someone else may have made this change; it is undone all the same"
        ),
        Warning::HoldersNotSeen { profile, regions, why } => format!(
            "instances that have `{profile}` were looked for in {} only, because `ec2:DescribeRegions` gave no answer ({why}); one \
             elsewhere would lose it",
            regions.join(", ")
        ),
        Warning::BackupInDoubt { doubts } => format!(
            "others may have changed the backup: {}; confirm only if this undoes what the fix did, and nothing else",
            doubts.join("; ")
        ),
        #[cfg(test)]
        Warning::Sample(text) => text.clone(),
    }
}
