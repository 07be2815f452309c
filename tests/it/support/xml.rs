//! The XML answers of EC2 and IAM, as the service models have them.

use std::fmt::Display;

use super::http::encode;
use super::model::{Instance, Profile, Simulated};
use super::world_network::of_vpc;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
pub const WHEN: &str = "2026-01-01T00:00:00Z";

/// An element around text that needs escaping.
pub fn element(name: &str, text: impl Display) -> String {
    format!("<{name}>{}</{name}>", escape(&text.to_string()))
}

/// An element around elements.
pub fn within(name: &str, inner: impl Display) -> String {
    format!("<{name}>{inner}</{name}>")
}

/// A whole answer of EC2.
pub fn ec2(action: &str, inner: impl Display) -> String {
    format!(
        "{HEAD}<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>stub</requestId>{inner}</{action}Response>"
    )
}

/// A whole answer of IAM.
pub fn iam(action: &str, inner: impl Display) -> String {
    format!(
        "{HEAD}<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{action}Result>{inner}</{action}Result>\
         <ResponseMetadata><RequestId>stub</RequestId></ResponseMetadata></{action}Response>"
    )
}

/// An error of EC2.
pub fn ec2_error(code: &str, message: &str) -> String {
    let error = within("Error", element("Code", code) + &element("Message", message));
    format!("{HEAD}<Response><Errors>{error}</Errors><RequestID>stub</RequestID></Response>")
}

/// An error of IAM or STS.
pub fn query_error(code: &str, message: &str) -> String {
    let error = within("Error", element("Type", "Sender") + &element("Code", code) + &element("Message", message));
    format!(
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">{error}<RequestId>stub</RequestId></ErrorResponse>"
    )
}

/// An error of S3.
pub fn rest_error(code: &str, message: &str) -> String {
    format!("{HEAD}{}", within("Error", element("Code", code) + &element("Message", message)))
}

/// `GetBucketEncryption`.
pub fn get_bucket_encryption(algorithm: &str, key: Option<&str>) -> String {
    let default = element("SSEAlgorithm", algorithm) + &optional("KMSMasterKeyID", key);
    let rule = within("Rule", within("ApplyServerSideEncryptionByDefault", default));
    format!("{HEAD}{}", within("ServerSideEncryptionConfiguration", rule))
}

/// `DescribeInstances`: the items are reservations.
pub fn describe_instances(reservations: &[String], next: Option<&str>) -> String {
    ec2("DescribeInstances", within("reservationSet", reservations.concat()) + &optional("nextToken", next))
}

/// `DescribeRegions`, of names and opt-in statuses.
pub fn describe_regions(regions: &[(&str, &str)]) -> String {
    let item = |(name, status): &(&str, &str)| {
        let fields = element("regionName", name)
            + &element("regionEndpoint", format!("ec2.{name}.amazonaws.com"))
            + &element("optInStatus", status);
        within("item", fields)
    };
    ec2("DescribeRegions", within("regionInfo", regions.iter().map(item).collect::<String>()))
}

/// A reservation with one instance. `profile` is its ARN and id.
pub fn reservation(owner: &str, instance: &Instance, profile: Option<(&str, &str)>) -> String {
    let code = match instance.state.as_str() {
        "pending" => 0,
        "running" => 16,
        "shutting-down" => 32,
        "terminated" => 48,
        "stopping" => 64,
        _ => 80,
    };
    let mut inner = element("instanceId", &instance.id)
        + &within("instanceState", element("code", code) + &element("name", &instance.state))
        + &element("instanceType", "t3.micro")
        + &element("launchTime", WHEN)
        + &optional("vpcId", instance.vpc.as_deref())
        + &optional("privateIpAddress", instance.private_ip.as_deref());
    if let Some(vpc) = &instance.vpc {
        let group = within("item", element("groupId", of_vpc("sg", vpc)));
        let interface = within("attachment", element("deviceIndex", 0) + &element("networkCardIndex", 0))
            + &element("subnetId", of_vpc("subnet", vpc))
            + &optional("privateIpAddress", instance.private_ip.as_deref())
            + &within("association", element("publicIp", "198.51.100.10"))
            + &within("groupSet", group);
        inner += &within("networkInterfaceSet", within("item", interface));
    }
    if let Some((arn, id)) = profile {
        inner += &within("iamInstanceProfile", element("arn", arn) + &element("id", id));
    }
    let tag = |(key, value): &(String, String)| within("item", element("key", key) + &element("value", value));
    inner += &within("tagSet", instance.tags.iter().map(tag).collect::<String>());
    if let Some(metadata) = &instance.metadata {
        inner += &within(
            "metadataOptions",
            element("state", &metadata.state)
                + &element("httpTokens", &metadata.tokens)
                + &element("httpPutResponseHopLimit", metadata.hop_limit)
                + &element("httpEndpoint", &metadata.endpoint),
        );
    }
    let instances = within("instancesSet", within("item", inner));
    within("item", element("reservationId", format!("r-{}", instance.id)) + &element("ownerId", owner) + &instances)
}

/// `DescribeIamInstanceProfileAssociations`.
pub fn describe_associations(associations: &[String], next: Option<&str>) -> String {
    let inner = within("iamInstanceProfileAssociationSet", associations.concat()) + &optional("nextToken", next);
    ec2("DescribeIamInstanceProfileAssociations", inner)
}

/// One association of a list.
pub fn association(instance: &Instance, arn: &str, id: &str) -> String {
    within("item", association_fields(instance, arn, id, &instance.association))
}

/// `AssociateIamInstanceProfile` and its like. Their answers say what goes on and not what will be.
pub fn changed_association(action: &str, instance: &Instance, arn: &str, id: &str, state: &str) -> String {
    ec2(action, within("iamInstanceProfileAssociation", association_fields(instance, arn, id, state)))
}

fn association_fields(instance: &Instance, arn: &str, id: &str, state: &str) -> String {
    element("associationId", &instance.association_id)
        + &element("instanceId", &instance.id)
        + &within("iamInstanceProfile", element("arn", arn) + &element("id", id))
        + &element("state", state)
}

/// The part of a role that `GetInstanceProfile` and `GetRole` share.
pub fn role(name: &str, path: &str, arn: &str, id: &str, trust: &str) -> String {
    element("Path", path)
        + &element("RoleName", name)
        + &element("RoleId", id)
        + &element("Arn", arn)
        + &element("CreateDate", WHEN)
        + &element("AssumeRolePolicyDocument", encode(trust))
        + &element("MaxSessionDuration", 3600)
}

/// `GetRole` or `CreateRole`. `shared` comes from [`role`].
pub fn whole_role(action: &str, shared: &str, boundary: Option<&str>, tags: &[(String, String)]) -> String {
    let boundary = boundary.map_or_else(String::new, permissions_boundary);
    let tags = if tags.is_empty() { String::new() } else { tag_list(tags) };
    iam(action, within("Role", format!("{shared}{boundary}{tags}")))
}

/// The boundary of a role.
pub fn permissions_boundary(arn: &str) -> String {
    // Not the word of the service model: answers with `Policy` are on record, and nobody should depend on it.
    let kind = element("PermissionsBoundaryType", "Policy");
    within("PermissionsBoundary", kind + &element("PermissionsBoundaryArn", arn))
}

/// An answer of IAM to a call that gives nothing back.
pub fn iam_done(action: &str) -> String {
    format!(
        "{HEAD}<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
         <ResponseMetadata><RequestId>stub</RequestId></ResponseMetadata></{action}Response>"
    )
}

/// What all answers say of an instance profile. `role` comes from [`role`].
pub fn instance_profile(profile: &Profile, arn: &str, role: Option<&str>) -> String {
    let roles = role.map_or_else(String::new, |role| within("member", role));
    element("Path", &profile.path)
        + &element("InstanceProfileName", &profile.name)
        + &element("InstanceProfileId", &profile.id)
        + &element("Arn", arn)
        + &element("CreateDate", WHEN)
        + &within("Roles", roles)
        + &tag_list(&profile.tags)
}

/// `ListInstanceProfiles` or `ListInstanceProfilesForRole`. The profiles come from [`instance_profile`].
pub fn list_instance_profiles(action: &str, profiles: &[String], marker: Option<&str>) -> String {
    let members: String = profiles.iter().map(|profile| within("member", profile)).collect();
    iam(action, within("InstanceProfiles", members) + &page_end(marker))
}

/// A list of tags, as it stands where there are none as well.
pub fn tag_list(tags: &[(String, String)]) -> String {
    let tag = |(key, value): &(String, String)| within("member", element("Key", key) + &element("Value", value));
    within("Tags", tags.iter().map(tag).collect::<String>())
}

/// `ListAttachedRolePolicies`, of names and ARNs.
pub fn list_attached_role_policies(policies: &[(String, String)], marker: Option<&str>) -> String {
    iam("ListAttachedRolePolicies", attached_policies("AttachedPolicies", policies) + &page_end(marker))
}

/// A list of names and ARNs of policies, by the name that it has in its answer.
pub fn attached_policies(list: &str, policies: &[(String, String)]) -> String {
    let member =
        |(name, arn): &(String, String)| within("member", element("PolicyName", name) + &element("PolicyArn", arn));
    within(list, policies.iter().map(member).collect::<String>())
}

/// `ListRolePolicies`.
pub fn list_role_policies(names: &[String], marker: Option<&str>) -> String {
    let members: String = names.iter().map(|name| element("member", name)).collect();
    iam("ListRolePolicies", within("PolicyNames", members) + &page_end(marker))
}

/// `GetRolePolicy`.
pub fn get_role_policy(role: &str, name: &str, document: &str) -> String {
    iam(
        "GetRolePolicy",
        element("RoleName", role) + &element("PolicyName", name) + &element("PolicyDocument", encode(document)),
    )
}

/// `GetPolicy`.
pub fn get_policy(name: &str, path: &str, arn: &str, version: &str) -> String {
    let inner = element("PolicyName", name)
        + &element("PolicyId", fake_id("ANPA", name))
        + &element("Arn", arn)
        + &element("Path", path)
        + &element("DefaultVersionId", version)
        + &element("AttachmentCount", 1)
        + &element("IsAttachable", true)
        + &element("CreateDate", WHEN)
        + &element("UpdateDate", WHEN);
    iam("GetPolicy", within("Policy", inner))
}

/// `GetPolicyVersion`.
pub fn get_policy_version(version: &str, document: &str, default: bool) -> String {
    iam("GetPolicyVersion", within("PolicyVersion", policy_version(version, document, default)))
}

/// One version of a managed policy.
pub fn policy_version(version: &str, document: &str, default: bool) -> String {
    element("Document", encode(document))
        + &element("VersionId", version)
        + &element("IsDefaultVersion", default)
        + &element("CreateDate", WHEN)
}

/// `SimulatePrincipalPolicy`.
pub fn simulate_principal_policy(action: &str, resource: &str, said: &Simulated) -> String {
    let missing: String = said.missing.iter().map(|key| element("member", key)).collect();
    let organizations = said
        .allowed_by_organizations
        .map(|allowed| within("OrganizationsDecisionDetail", element("AllowedByOrganizations", allowed)));
    let inner = element("EvalActionName", action)
        + &element("EvalResourceName", resource)
        + &element("EvalDecision", &said.decision)
        + &within("MissingContextValues", missing)
        + &organizations.unwrap_or_default();
    let results = within("EvaluationResults", within("member", inner));
    iam("SimulatePrincipalPolicy", results + &element("IsTruncated", false))
}

/// `GetCallerIdentity`.
pub fn get_caller_identity(account: &str, arn: &str) -> String {
    let inner = element("Arn", arn) + &element("UserId", fake_id("AIDA", arn)) + &element("Account", account);
    format!(
        "{HEAD}<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>{inner}\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>stub</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )
}

/// `AssumeRole`: the credentials, when they end, and whose they are.
pub fn assume_role(access_key_id: &str, token: &str, ends: &str, arn: &str) -> String {
    let credentials = element("AccessKeyId", access_key_id)
        + &element("SecretAccessKey", "not-a-secret")
        + &element("SessionToken", token)
        + &element("Expiration", ends);
    let user = element("AssumedRoleId", format!("{}:session", fake_id("AROA", arn))) + &element("Arn", arn);
    let inner = within("AssumedRoleUser", user) + &within("Credentials", credentials);
    format!(
        "{HEAD}<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>{inner}\
         </AssumeRoleResult><ResponseMetadata><RequestId>stub</RequestId></ResponseMetadata></AssumeRoleResponse>"
    )
}

/// An id such as IAM gives, always the same for the same name.
pub fn fake_id(prefix: &str, name: &str) -> String {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).take(17).collect();
    format!("{prefix}{:X<17}", name.to_ascii_uppercase())
}

/// The text of the first element of this name.
pub fn text_of(xml: &str, name: &str) -> Option<String> {
    inside(xml, name).map(|(text, _)| unescape(text))
}

/// What stands in the elements of this name, one after another; elements in them stay as they are.
pub fn all_of<'a>(mut xml: &'a str, name: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    while let Some((inner, rest)) = inside(xml, name) {
        found.push(inner);
        xml = rest;
    }
    found
}

/// The `Key` and `Value` pairs of the first list of tags.
pub fn tags_of(xml: &str) -> Vec<(String, String)> {
    let tags = inside(xml, "Tags").map_or("", |(inner, _)| inner);
    let tag = |member: &str| Some((text_of(member, "Key")?, text_of(member, "Value")?));
    all_of(tags, "member").into_iter().filter_map(tag).collect()
}

/// What is inside of the first element of this name, and what follows it.
fn inside<'a>(xml: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>"))
}

/// What says whether a list of IAM goes on.
pub fn page_end(marker: Option<&str>) -> String {
    element("IsTruncated", marker.is_some()) + &optional("Marker", marker)
}

fn optional(name: &str, text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| element(name, text))
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
