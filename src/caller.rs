//! What the caller of `check` and `fix` must be allowed, as data: the least.
//!
//! Source: the [service authorization reference](https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html).

use std::collections::BTreeMap;

use serde::Serialize;

/// What the caller wants to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purpose {
    /// To ask the policy simulator.
    pub simulate: bool,
    /// To fix and undo, not only to check.
    pub fix: Option<Fixing>,
}

/// How the caller wants to fix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fixing {
    /// To attach the managed policy.
    pub attach_managed: bool,
    /// To create instance profiles.
    pub create_profile: bool,
}

/// One statement of the caller's policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// What it is for.
    pub sid: &'static str,
    effect: &'static str,
    /// The actions.
    pub action: Vec<&'static str>,
    resource: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    condition: BTreeMap<&'static str, BTreeMap<&'static str, Vec<&'static str>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

/// The reads of every check.
const CHECK: [&str; 40] = [
    "ec2:DescribeInstances",
    "ec2:DescribeIamInstanceProfileAssociations",
    "iam:GetInstanceProfile",
    "iam:GetRole",
    "iam:ListRolePolicies",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    // For a role that is named.
    "iam:ListInstanceProfilesForRole",
    // Over a fleet, in the place of all those before.
    "iam:GetAccountAuthorizationDetails",
    "ssm:GetServiceSetting",
    "ssm:GetDocument",
    "ssm:DescribeInstanceInformation",
    // Over a fleet, in its place.
    "ssm:DescribeInstanceProperties",
    // Whether an agent that was named and is offline ever started.
    "ec2:GetConsoleOutput",
    "organizations:DescribeOrganization",
    "organizations:ListParents",
    "organizations:ListPoliciesForTarget",
    "organizations:DescribePolicy",
    // Session preferences may name a key.
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    // They, or flags, may name where session logs go.
    "s3:GetEncryptionConfiguration",
    "s3:GetBucketPolicy",
    "logs:DescribeLogGroups",
    // The network path from the instance to AWS.
    "ec2:DescribeVpcs",
    "ec2:DescribeVpcAttribute",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeSubnets",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:GetManagedPrefixListEntries",
    "ec2:DescribeNetworkAcls",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeNatGateways",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeVpcBlockPublicAccessOptions",
    "ec2:DescribeVpcBlockPublicAccessExclusions",
    "route53:ListHostedZonesByVPC",
];

/// The statements that allow it.
pub fn statements(purpose: Purpose) -> Vec<Statement> {
    let mut reads = CHECK.to_vec();
    if purpose.simulate {
        reads.push("iam:SimulatePrincipalPolicy");
    }
    let Some(fixing) = purpose.fix else { return vec![allow("Check", reads)] };
    let mut permissions = vec!["iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"];
    let mut take_back = vec![
        "iam:DeleteRole",
        "iam:DeleteRolePolicy",
        "iam:RemoveRoleFromInstanceProfile",
        "ec2:DisassociateIamInstanceProfile",
    ];
    if fixing.attach_managed {
        permissions.push("iam:AttachRolePolicy");
        take_back.push("iam:DetachRolePolicy");
    }
    // A profile without a role gets one, whether or not profiles may be created.
    let mut create = vec!["iam:CreateRole", "iam:TagRole", "iam:AddRoleToInstanceProfile"];
    let associate = vec!["ec2:AssociateIamInstanceProfile", "ec2:ReplaceIamInstanceProfileAssociation"];
    if fixing.create_profile {
        create.extend(["iam:CreateInstanceProfile", "iam:TagInstanceProfile"]);
        take_back.push("iam:DeleteInstanceProfile");
        // Before a profile goes, its instances are looked for everywhere.
        reads.push("ec2:DescribeRegions");
    }
    // China has a name of its own for the service.
    let services = vec!["ec2.amazonaws.com", "ec2.amazonaws.com.cn"];
    let pass = Statement {
        condition: [("StringEquals", [("iam:PassedToService", services)].into())].into(),
        ..allow("PassRoleToInstances", vec!["iam:PassRole"])
    };
    vec![
        allow("Read", reads),
        allow("ChangeRoles", permissions),
        allow("CreateRoles", create),
        allow("Associate", associate),
        pass,
        allow("TakeBack", take_back),
    ]
}

/// The statements as a policy document, indented, with a newline at its end.
///
/// # Errors
/// Only if a value cannot be written as JSON.
pub fn document(purpose: Purpose) -> Result<String, serde_json::Error> {
    let document = Document { version: "2012-10-17", statement: statements(purpose) };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn allow(sid: &'static str, action: Vec<&'static str>) -> Statement {
    Statement { sid, effect: "Allow", action, resource: "*", condition: BTreeMap::new() }
}
