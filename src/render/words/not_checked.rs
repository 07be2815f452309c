//! What a verdict does not speak of.

use crate::facts::{Unreadable, UnreadableKind};
use crate::report::NotChecked;

/// One line for each.
pub fn not_checked(item: &NotChecked) -> String {
    let line = match item {
        NotChecked::TrustPolicy => "the role's trust policy: pass it with --trust",
        NotChecked::Boundary => "a permissions boundary: pass it with --boundary",
        NotChecked::Partition(Some(partition)) => {
            return format!("the partition: assumed to be `{partition}`; pass --region");
        }
        NotChecked::Partition(None) => "the partition: the documents name one other than `aws`; pass --region",
        NotChecked::OutsideDocuments { endpoint_policy: true } => {
            "everything outside the documents: the instance, its network path and agent, account settings of Systems Manager"
        }
        NotChecked::OutsideDocuments { endpoint_policy: false } => {
            "everything outside the documents: the instance, its network path and agent, VPC endpoint policies, account settings of \
             Systems Manager"
        }
        NotChecked::NetworkPath => "the network path to the Systems Manager endpoints, and VPC endpoint policies",
        NotChecked::NetworkOnHost => {
            "a firewall or proxy on the host, and endpoints that the agent's configuration names"
        }
        NotChecked::NetworkPathOfLogs { s3, cloudwatch } => {
            let endpoints = match (s3, cloudwatch) {
                (true, true) => "the endpoints of S3 and CloudWatch Logs",
                (true, false) => "the endpoint of S3",
                (false, _) => "the endpoint of CloudWatch Logs",
            };
            return format!("the network path to {endpoints}, where session logs go");
        }
        NotChecked::SessionPreferences => "session preferences: not read, and may require more",
        NotChecked::Scps(reason) => return not_visible("service", "--scp", reason.as_ref()),
        NotChecked::Rcps(reason) => return not_visible("resource", "--rcp", reason.as_ref()),
        NotChecked::RcpsNotRead => "resource control policies: not read; pass them with `--rcp`",
        NotChecked::RcpsOfOwner => {
            "resource control policies of the other account that owns a key or bucket: not visible to these credentials"
        }
        NotChecked::RcpsOfBucketOwner => "resource control policies of another account, if it owns the bucket",
        NotChecked::Starter { encrypted: true } => {
            "the permissions of the user who starts a session: `ssm:StartSession`, and `kms:GenerateDataKey` on the session key"
        }
        NotChecked::Starter { encrypted: false } => {
            "the permissions of the user who starts a session: `ssm:StartSession`"
        }
        NotChecked::BucketPolicy => "the bucket's own policy, which may grant or deny (`s3:GetBucketPolicy`)",
        NotChecked::BucketEncryption => "the bucket's encryption and its KMS key (`s3:GetEncryptionConfiguration`)",
        NotChecked::LogGroup => "whether the log group exists, and whether it is encrypted (`logs:DescribeLogGroups`)",
        NotChecked::ResourcePolicies => {
            "the policies of the resources that are named with --require, which may grant or deny"
        }
        NotChecked::CredentialsOnInstance => {
            "credentials on the instance: the agent uses a hybrid registration first, and root's environment or \
             `/root/.aws/credentials` before the profile"
        }
        NotChecked::StillOnline => {
            "whether sessions still open: an agent that is `Online` keeps its credentials for hours, and its channel for up to an hour, \
             after access is removed"
        }
        NotChecked::HostManagement => "Default Host Management Configuration: the setting was not read",
        NotChecked::MetadataService => "whether the instance metadata service is enabled: not known",
        NotChecked::ProfileId => {
            "whether the profile was deleted and created again: AWS did not return the ID that the instance has"
        }
        NotChecked::ShippedPolicy { policy, version, date } => {
            return format!(
                "whether AWS has changed the managed policy `{policy}`: judged by its version {version} of {date}, which is built into \
                 ssm-profile"
            );
        }
        NotChecked::Agent => "whether SSM Agent is running, and its version: not read",
    };
    line.to_owned()
}

/// Policies of the organization that could not be read, why, and the flag that gives them.
fn not_visible(policy_type: &str, flag: &str, unread: Option<&Unreadable>) -> String {
    let why = match unread {
        Some(Unreadable { api, kind: UnreadableKind::Denied, .. }) => format!(" (`{api}`)"),
        Some(Unreadable { api, message, .. }) => format!(" (`{api}`: {message})"),
        None => return format!("{policy_type} control policies: not known; pass them with `{flag}`"),
    };
    format!("{policy_type} control policies: not visible to these credentials{why}; pass them with `{flag}`")
}
