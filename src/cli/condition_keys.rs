//! Condition keys that were typed and that AWS does not know: a typo would say nothing, and nobody would notice.

use super::output;
use crate::nearest::nearest_in_any_case;
use crate::needs::ContextEntry;

/// The global condition keys
/// ([reference](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html)), without `aws:`; a tag's name
/// follows a slash.
const GLOBAL: [&str; 52] = [
    "AssumedRoot",
    "CalledVia",
    "CalledViaFirst",
    "CalledViaLast",
    "ChatbotSourceArn",
    "CurrentTime",
    "Ec2InstanceSourcePrivateIPv4",
    "Ec2InstanceSourceVpc",
    "EpochTime",
    "FederatedProvider",
    "IsMcpServiceAction",
    "MultiFactorAuthAge",
    "MultiFactorAuthPresent",
    "PrincipalAccount",
    "PrincipalArn",
    "PrincipalIsAWSService",
    "PrincipalOrgID",
    "PrincipalOrgPaths",
    "PrincipalServiceName",
    "PrincipalServiceNamesList",
    "PrincipalTag",
    "PrincipalType",
    "referer",
    "RequestedRegion",
    "RequestTag",
    "ResourceAccount",
    "ResourceOrgID",
    "ResourceOrgPaths",
    "ResourceTag",
    "SecureTransport",
    "SignInSessionArn",
    "SourceAccount",
    "SourceArn",
    "SourceIdentity",
    "SourceIp",
    "SourceOrgID",
    "SourceOrgPaths",
    "SourceOwner",
    "SourceVpc",
    "SourceVpcArn",
    "SourceVpce",
    "TagKeys",
    "TokenIssueTime",
    "UserAgent",
    "userid",
    "username",
    "ViaAWSMCPService",
    "ViaAWSService",
    "VpceAccount",
    "VpceOrgID",
    "VpceOrgPaths",
    "VpcSourceIp",
];

/// Warns of each global key that there is none of.
pub fn warn_of_unknown(context: &[ContextEntry]) {
    for entry in context {
        if let Some(warning) = warning(&entry.key) {
            output::warning(&warning);
        }
    }
}

fn warning(key: &str) -> Option<String> {
    let (service, name) = key.split_once(':')?;
    if !service.eq_ignore_ascii_case("aws") {
        return None;
    }
    let (name, tag) = name.split_once('/').map_or((name, ""), |(name, tag)| (name, tag));
    if GLOBAL.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return None;
    }
    let tag = if tag.is_empty() { String::new() } else { format!("/{tag}") };
    let hint = nearest_in_any_case(name, GLOBAL);
    let hint = hint.map(|known| format!("; did you mean `aws:{known}{tag}`?")).unwrap_or_default();
    Some(format!("`{key}` is not a condition key that AWS documents, so that no policy asks for it{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_told_from_a_key() {
        for key in
            ["aws:SourceVpce", "AWS:sourcevpce", "aws:PrincipalTag/team", "ssm:SourceInstanceARN", "s3:x-amz-acl"]
        {
            assert_eq!(warning(key), None, "{key}");
        }
        for (key, meant) in [
            ("aws:SuorceVpce", Some("`aws:SourceVpce`")),
            ("aws:SourceVPCEndpoint", Some("`aws:SourceVpce`")),
            ("aws:PrincipalTags/team", Some("`aws:PrincipalTag/team`")),
            ("aws:SourceIpAddress", Some("`aws:SourceIp`")),
            ("aws:Nonsense", None),
        ] {
            let said = warning(key).unwrap();
            assert!(said.contains(&format!("`{key}`")), "{said}");
            assert_eq!(
                said.split_once("did you mean ").map(|(_, meant)| meant),
                meant.map(|meant| format!("{meant}?")).as_deref()
            );
        }
    }
}
