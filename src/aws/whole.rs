//! Refuses answers that are cut short or hollow.
//!
//! The SDK reads XML leniently: at the end of a cut document it keeps what it has, and a required list
//! that is missing becomes an empty one. An empty list of policies would be a verdict, so it must be said,
//! not guessed. Services always write these elements, empty or not.

use aws_sdk_iam::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_iam::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_iam::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;

/// The element that an empty list stands in, for each operation whose empty list means something.
const LISTS: [(&str, &str); 18] = [
    ("DescribeInstances", "reservationSet"),
    ("DescribeIamInstanceProfileAssociations", "iamInstanceProfileAssociationSet"),
    ("DescribeVpcs", "vpcSet"),
    ("DescribeDhcpOptions", "dhcpOptionsSet"),
    ("DescribeSubnets", "subnetSet"),
    ("DescribeRouteTables", "routeTableSet"),
    ("DescribeSecurityGroups", "securityGroupInfo"),
    ("DescribeNetworkAcls", "networkAclSet"),
    ("DescribeVpcEndpoints", "vpcEndpointSet"),
    ("DescribeNetworkInterfaces", "networkInterfaceSet"),
    ("DescribeNatGateways", "natGatewaySet"),
    ("DescribeInternetGateways", "internetGatewaySet"),
    ("GetManagedPrefixListEntries", "entrySet"),
    ("ListHostedZonesByVPC", "HostedZoneSummaries"),
    ("GetInstanceProfile", "Roles"),
    ("ListRolePolicies", "PolicyNames"),
    ("ListAttachedRolePolicies", "AttachedPolicies"),
    ("ListInstanceProfilesForRole", "InstanceProfiles"),
];

/// What only reads. The SDK takes any answer with status 200 to a change for its success and reads no further, where there is
/// nothing to be read; the services give each answer the id of the request (`requestId` in EC2).
const READS: [&str; 4] = ["Get", "List", "Describe", "Simulate"];

/// The check, as an interceptor for clients of services that answer in XML.
#[derive(Debug)]
pub(super) struct WholeAnswer;

impl Intercept for WholeAnswer {
    fn name(&self) -> &'static str {
        "WholeAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(operation) = config.load::<Metadata>() else { return Ok(()) };
        // An error has its own code or none: it is judged where errors are.
        if context.output_or_error().is_err() {
            return Ok(());
        }
        let body = context.response().body().bytes().unwrap_or_default();
        check(operation.name(), body).map_err(BoxError::from)
    }
}

/// What an answer that is not whole lacks.
#[derive(Debug, thiserror::Error)]
enum NotWhole {
    #[error("the response breaks off")]
    End,
    #[error("the response is incomplete: it lacks the ID of the request")]
    RequestId,
    #[error("the response is incomplete: it lacks `{0}`")]
    List(&'static str),
}

fn check(operation: &str, body: &[u8]) -> Result<(), NotWhole> {
    let end = match operation {
        // One has no body, the other is a policy, which is no whole JSON if it is cut.
        "HeadBucket" | "GetBucketPolicy" => return Ok(()),
        "GetBucketEncryption" => "</ServerSideEncryptionConfiguration>".to_owned(),
        _ => format!("</{operation}Response>"),
    };
    if !body.trim_ascii_end().ends_with(end.as_bytes()) {
        return Err(NotWhole::End);
    }
    if !READS.iter().any(|verb| operation.starts_with(verb)) && !contains(body, b"equestId>") {
        return Err(NotWhole::RequestId);
    }
    match LISTS.iter().find(|(name, _)| *name == operation) {
        Some((_, element)) if !contains(body, format!("<{element}").as_bytes()) => Err(NotWhole::List(element)),
        _ => Ok(()),
    }
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hollow_and_cut_answers_are_refused() {
        for (operation, body, whole) in [
            ("GetRole", "<GetRoleResponse><GetRoleResult/></GetRoleResponse>\n", true),
            ("GetRole", "<GetRoleResponse><GetRoleResult><Role>", false),
            ("GetRole", "", false),
            ("PutRolePolicy", "<PutRolePolicyResponse><a><<b></PutRolePolicyResponse>", false),
            ("PutRolePolicy", "<PutRolePolicyResponse><RequestId>1</RequestId></PutRolePolicyResponse>", true),
            ("ReplaceX", "<ReplaceXResponse><requestId>1</requestId></ReplaceXResponse>", true),
            ("GetBucketEncryption", "<ServerSideEncryptionConfiguration><Rule>", false),
            ("GetBucketEncryption", "<ServerSideEncryptionConfiguration></ServerSideEncryptionConfiguration>", true),
            ("ListRolePolicies", "<ListRolePoliciesResponse/>", false),
            ("ListRolePolicies", "<ListRolePoliciesResponse></ListRolePoliciesResponse>", false),
            ("ListRolePolicies", "<ListRolePoliciesResponse><PolicyNames/></ListRolePoliciesResponse>", true),
            (
                "DescribeInstances",
                "<DescribeInstancesResponse><requestId>1</requestId></DescribeInstancesResponse>",
                false,
            ),
        ] {
            assert_eq!(check(operation, body.as_bytes()).is_ok(), whole, "{body}");
        }
    }
}
