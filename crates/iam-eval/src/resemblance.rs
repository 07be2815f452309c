//! What kind of policy a document looks like, for whoever gave it in the place of another kind.
//!
//! Sources: [Grammar of the IAM JSON policy language](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html)
//! and [RCP syntax](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html).

use super::json::Json;
use serde::Serialize;

/// A kind of policy, told by its looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Resemblance {
    /// Without a principal: an identity policy, a permissions boundary or a service control policy.
    Identity,
    /// A role's trust policy.
    Trust,
    /// A resource control policy.
    ResourceControl,
    /// A resource control policy or the policy of a VPC endpoint: both may allow everything to everybody.
    ResourceControlOrEndpoint,
    /// The policy of a VPC endpoint.
    Endpoint,
    /// The policy of an S3 bucket.
    Bucket,
    /// The policy of a KMS key.
    Key,
    /// The policy of a resource of another service.
    Resource,
}

/// What a policy document looks like; `None` if it is none.
pub fn resemblance(text: &str) -> Option<Resemblance> {
    let Ok(Json::Object(members)) = Json::parse(text) else { return None };
    let statements: Vec<Parts<'_>> = values(&members, &["Statement"]).filter_map(Parts::of).collect();
    let any = |test: fn(&Parts<'_>) -> bool| statements.iter().any(test);
    let all = |test: fn(&Parts<'_>) -> bool| statements.iter().all(test);
    let services: Option<Vec<String>> =
        statements.iter().flat_map(|statement| &statement.actions).map(|action| service_of(action)).collect();
    let only = |service: &str| {
        services.as_ref().is_some_and(|services| !services.is_empty() && services.iter().all(|other| other == service))
    };
    Some(match () {
        () if statements.is_empty() => return None,
        () if !any(|statement| statement.principal) => Resemblance::Identity,
        () if only("sts") && all(|statement| !statement.specific) || all(|statement| !statement.resource) => {
            Resemblance::Trust
        }
        () if all(|statement| statement.everyone && !statement.specific && statement.denies) => {
            Resemblance::ResourceControl
        }
        () if only("kms") => Resemblance::Key,
        () if only("s3") && any(|statement| statement.specific) => Resemblance::Bucket,
        () if all(|statement| statement.everyone && !statement.specific && statement.actions == ["*"]) => {
            Resemblance::ResourceControlOrEndpoint
        }
        () if any(|statement| statement.specific) && services.as_ref().is_some_and(|services| are_one(services)) => {
            Resemblance::Resource
        }
        () => Resemblance::Endpoint,
    })
}

/// What tells the kinds of policies apart in a statement.
struct Parts<'a> {
    principal: bool,
    /// Whether the principal is everybody.
    everyone: bool,
    denies: bool,
    resource: bool,
    /// Whether it names resources.
    specific: bool,
    actions: Vec<&'a str>,
}

impl Parts<'_> {
    fn of(statement: &Json) -> Option<Parts<'_>> {
        let Json::Object(members) = statement else { return None };
        let has = |name: &str| members.iter().any(|(other, _)| other == name);
        let everyone = |principal: &Json| match principal {
            Json::String(text) => text == "*",
            Json::Object(types) => types.iter().all(|(kind, name)| {
                kind == "AWS" && name.one_or_many().iter().all(|name| matches!(name, Json::String(text) if text == "*"))
            }),
            _ => false,
        };
        let principals = members.iter().filter(|(name, _)| name == "Principal");
        let is_text = |value: &Json, text: &str| matches!(value, Json::String(other) if other == text);
        Some(Parts {
            principal: has("Principal") || has("NotPrincipal"),
            everyone: has("Principal") && principals.map(|(_, principal)| principal).all(everyone),
            denies: values(members, &["Effect"]).all(|effect| is_text(effect, "Deny")),
            resource: has("Resource") || has("NotResource"),
            specific: values(members, &["Resource"]).any(|resource| !is_text(resource, "*")),
            actions: values(members, &["Action", "NotAction"])
                .filter_map(|action| if let Json::String(action) = action { Some(action.as_str()) } else { None })
                .collect(),
        })
    }
}

/// The values of the members of these names, each alone.
fn values<'a>(members: &'a [(String, Json)], names: &'static [&'static str]) -> impl Iterator<Item = &'a Json> {
    members.iter().filter(move |(name, _)| names.contains(&name.as_str())).flat_map(|(_, value)| value.one_or_many())
}

/// The service of an action; `None` if it is of every service.
fn service_of(action: &str) -> Option<String> {
    action.split_once(':').map(|(service, _)| service.to_ascii_lowercase())
}

fn are_one(services: &[String]) -> bool {
    services.split_first().is_some_and(|(first, rest)| rest.iter().all(|other| other == first))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_are_told_by_principal_effect_and_resource() {
        use Resemblance::*;
        let org = json!({"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}});
        let root = json!({"AWS": "arn:aws:iam::111122223333:root"});
        for (statement, expected) in [
            (json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}), Identity),
            (
                json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}),
                Trust,
            ),
            (
                json!([{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]),
                Trust,
            ),
            (
                json!({"Effect": "Deny", "Principal": "*", "Action": ["s3:*", "sts:*"], "Resource": "*", "Condition": org}),
                ResourceControl,
            ),
            (
                json!({"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": org}),
                ResourceControl,
            ),
            (json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}), ResourceControlOrEndpoint),
            (json!({"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}), Key),
            (
                json!([{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]),
                Bucket,
            ),
            (
                json!({"Effect": "Allow", "Principal": root, "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:us-east-1:1:q"}),
                Resource,
            ),
            (
                json!({"Effect": "Allow", "Principal": "*", "Action": ["ssm:*", "ssmmessages:*"], "Resource": "*"}),
                Endpoint,
            ),
            (json!({"Effect": "Allow", "Principal": root, "Action": "*", "Resource": "*"}), Endpoint),
        ] {
            let text = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
            assert_eq!(resemblance(&text), Some(expected), "{text}");
        }
        for text in ["", "{}", "[]", r#"{"Statement": []}"#, r#"{"Statement": [1]}"#] {
            assert_eq!(resemblance(text), None, "{text}");
        }
    }
}
