//! What a plan or template says: instances that are not there yet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fact, MetadataOptions, Unreadable};

/// Where something stands in a plan or template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The file as it was named.
    pub file: String,
    /// The address in a Terraform plan, the logical id in a template.
    pub address: String,
    /// The line in a template; a plan, which no person writes, has none.
    pub line: Option<usize>,
}

impl Origin {
    /// Whether it is a template.
    pub fn is_template(&self) -> bool {
        self.line.is_some()
    }
}

/// An instance as a plan or template will make it, or what launches instances: a group, a template, a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedInstance {
    /// Its tag `Name`.
    pub name: Option<String>,
    /// Its profile, by its key among the profiles; absent if it gets none.
    pub profile: Fact<String>,
    /// Its metadata options; absent where nothing is said of them, so that the defaults of the image and the account hold.
    pub metadata: Fact<MetadataOptions>,
    /// The state that it is in, or is put into, where the plan says it; else it is taken to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Where it will be, if the plan makes the VPC; else that is not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<PlannedLocation>,
}

/// Where an instance will be within the networks that a plan makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedLocation {
    /// Its VPC.
    pub vpc: String,
    /// Its interface; one for each subnet where it is one of several.
    pub interfaces: Vec<PlannedInterface>,
}

/// The primary network interface that an instance will have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedInterface {
    /// Its subnet.
    pub subnet: String,
    /// Its security groups.
    pub security_groups: Vec<String>,
    /// Its private IPv4 address, if the plan says it.
    pub private_ip: Option<String>,
    /// The IPv4 CIDR block of its subnet.
    pub block: String,
    /// Whether it will have a public IPv4 address.
    pub has_public_ip: Fact<bool>,
    /// Whether it will have IPv6 addresses.
    pub has_ipv6: bool,
}

/// The key of a role or profile as it is where a condition of the template holds that cannot be decided.
pub fn key_under(key: &str, condition: &str) -> String {
    format!("{key} if {condition}")
}

/// Whether a key is one of [`key_under`].
pub fn is_under_condition(key: &str) -> bool {
    key.contains(" if ")
}

/// The ARN of a role whose name is not known before it is made. For the name stand its address and a pattern of the names that
/// it may have, `{ADDRESS:PATTERN}`.
pub fn planned_role(partition: &str, account: &str, path: &str, address: &str, pattern: &str) -> String {
    format!("arn:{partition}:iam::{account}:role{path}{{{address}:{pattern}}}")
}

/// Whether an ARN is what [`planned_role`] gives.
pub fn is_planned_role(arn: &str) -> bool {
    names_of_planned_role(arn).is_some()
}

/// Whether the role that `arn` stands for may get this name.
pub fn may_be_named(arn: &str, name: &str) -> bool {
    names_of_planned_role(arn).is_none_or(|pattern| fits(pattern, name))
}

/// Whether a name is one of a pattern, in which `*` stands for any characters.
pub fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let between = name.strip_prefix(start).and_then(|name| name.strip_suffix(end));
    let behind = |rest: &str, piece: &str| rest.split_once(piece).map(|(_, behind)| behind.to_owned());
    between.is_some_and(|between| {
        middle.split('*').try_fold(between.to_owned(), |rest, piece| behind(&rest, piece)).is_some()
    })
}

fn names_of_planned_role(arn: &str) -> Option<&str> {
    let (_, name) = arn.rsplit_once('/')?;
    name.strip_prefix('{')?.strip_suffix('}')?.split_once(':').map(|(_, pattern)| pattern)
}

impl MetadataOptions {
    /// The options that a plan or template gives, where it says whether the service is on: anything but the two values that
    /// [EC2 takes](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html) is not known, for
    /// `otherwise`.
    pub fn planned(
        endpoint: Option<String>,
        tokens: Option<String>,
        otherwise: impl FnOnce() -> Unreadable,
    ) -> Fact<Self> {
        match endpoint.as_deref() {
            None if tokens.is_none() => Fact::Absent,
            None | Some("enabled" | "disabled") => {
                Fact::Known(MetadataOptions { http_endpoint: endpoint, http_tokens: tokens, state: None })
            }
            Some(_) => Fact::Unreadable(otherwise()),
        }
    }

    /// What an instance says itself wins over what its launch template says, option by option
    /// ([RunInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html), `LaunchTemplate`).
    pub fn over(own: Fact<Self>, template: Fact<Self>) -> Fact<Self> {
        match (own, template) {
            (Fact::Absent, template) => template,
            (Fact::Known(own), Fact::Known(template)) => Fact::Known(MetadataOptions {
                http_endpoint: own.http_endpoint.or(template.http_endpoint),
                http_tokens: own.http_tokens.or(template.http_tokens),
                state: None,
            }),
            (Fact::Known(own), Fact::Unreadable(reason)) if own.http_endpoint.is_none() => Fact::Unreadable(reason),
            (own, _) => own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_without_a_name_may_get_those_of_its_pattern() {
        for (pattern, name, may) in [
            ("*", "admin", true),
            ("*-*-*", "stack-Role-1ABCDEFGHIJKL", true),
            ("*-*-*", "a-b-c-d", true),
            ("*-*-*", "web-admin", false),
            ("*-*-*", "admin", false),
            ("*-web", "stack-web", true),
            ("*-web", "web", false),
            ("web-*", "web-1", true),
            ("web-*", "other-1", false),
            ("a*a", "a", false),
        ] {
            let arn = planned_role("aws", "111122223333", "/team/", "Role", pattern);
            assert!(is_planned_role(&arn), "{arn}");
            assert_eq!(may_be_named(&arn, name), may, "{pattern} {name}");
        }
        assert!(!is_planned_role("arn:aws:iam::111122223333:role/team/web"));
    }
}
