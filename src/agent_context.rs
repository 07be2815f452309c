//! The request context of the SSM Agent's calls: which condition keys they carry, and with what values.
//!
//! Sources: [AWS global condition context keys](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html)
//! and the [condition keys of Amazon EC2](https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html#amazonec2-policy-keys).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::needs::{ContextEntry, Need, Place, RequestedRegion};
use crate::policy::{Context, Part, Text, Value};
use crate::report::NeededFor;

/// Who calls: the role's session on the instance, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// Where it runs.
    pub place: Place<'a>,
    /// The role's ARN, with its path.
    pub role_arn: Option<&'a str>,
    /// The role's id.
    pub role_id: Option<&'a str>,
    /// The role's tags, all of them.
    pub role_tags: Option<&'a BTreeMap<String, String>>,
    /// The instance's VPC.
    pub vpc: Option<&'a str>,
    /// The instance's private address.
    pub private_ip: Option<&'a str>,
    /// Whether the instance answers to IMDSv2 only.
    pub tokens_required: bool,
    /// Whether Systems Manager gave it its credentials, and not EC2: what such sessions carry of the instance is not documented.
    pub through_systems_manager: bool,
    /// The organisation's id and the account's path in it, where known; absent if it is in none.
    pub organization: Organization<'a>,
    /// When it calls.
    pub now: Timestamp,
}

/// The organisation of the caller's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Organization<'a> {
    /// It is in none.
    None,
    /// It is in this one, at this path where it is known.
    In {
        /// `o-...`
        id: &'a str,
        /// `o-.../r-.../ou-.../`
        path: Option<&'a str>,
    },
    /// Not known.
    NotKnown,
}

/// Keys that a session of an instance's role never carries.
const ABSENT: [&str; 8] = [
    "aws:username",
    "aws:FederatedProvider",
    "aws:Referer",
    "aws:PrincipalServiceName",
    "aws:SourceArn",
    "aws:SourceAccount",
    "aws:MultiFactorAuthAge",
    "aws:SourceIdentity",
];

/// Keys that every request of an instance's role carries: their value may be unknown, but they are never absent.
///
/// Those with `aws:` are documented as always included, or as included wherever a role or temporary credentials sign the request;
/// the others as included wherever an instance's role does.
const ALWAYS_CARRIED: [&str; 16] = [
    "aws:CurrentTime",
    "aws:Ec2InstanceSourcePrivateIPv4",
    "aws:Ec2InstanceSourceVpc",
    "aws:EpochTime",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalType",
    "aws:RequestedRegion",
    "aws:SecureTransport",
    "aws:TokenIssueTime",
    "aws:UserAgent",
    "aws:userid",
    "aws:ViaAWSService",
    "ec2:RoleDelivery",
    "ec2:SourceInstanceARN",
];

/// Whether every request of an instance's role carries this key.
pub fn is_always_carried(key: &str) -> bool {
    ALWAYS_CARRIED.iter().any(|known| known.eq_ignore_ascii_case(key))
}

/// The keys that every call of the agent carries. A key that is not set here is unknowable.
pub fn base(caller: &Caller<'_>) -> Context {
    let Caller { place, now, .. } = caller;
    let mut context = Context::default();
    let text = |value: Option<&str>| Value::Present(vec![Text::of([value])]);
    let known = |value: &str| Value::known(value);

    let role_arn = caller.role_arn.map_or_else(|| place.role_arn(), Text::known);
    context.set("aws:PrincipalArn", Value::Present(vec![role_arn]));
    context.set("aws:PrincipalAccount", Value::Present(vec![Text::of(place.account_parts())]));
    context.set("aws:PrincipalType", known("AssumedRole"));
    let id = |known: Option<&str>, prefix: &str| {
        known.map_or_else(|| vec![Part::from(prefix), Part::NAME], |known| vec![Part::from(known)])
    };
    let role_id = id(caller.role_id, "AROA").into_iter();
    let session = Text::of(role_id.chain([Part::from(":")]).chain(id(place.instance_id, "i-")));
    context.set("aws:userid", Value::Present(vec![session]));
    if let Some(tags) = caller.role_tags {
        context.set_absent_prefix("aws:PrincipalTag/");
        for (tag, value) in tags {
            context.set(&format!("aws:PrincipalTag/{tag}"), known(value));
        }
    }

    context.set("aws:SecureTransport", known("true"));
    context.set("aws:CurrentTime", known(&format!("{now:.0}")));
    context.set("aws:EpochTime", known(&now.as_second().to_string()));
    // Credentials of a role last up to a day, and the agent renews them before they end.
    let yesterday = now.checked_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
    context.set("aws:TokenIssueTime", Value::Between(yesterday, *now));
    context.set("aws:MultiFactorAuthPresent", known("false"));
    context.set("aws:ViaAWSService", known("false"));
    context.set("aws:PrincipalIsAWSService", known("false"));

    ABSENT.iter().for_each(|key| context.set(key, Value::Absent));
    match caller.through_systems_manager {
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-ssm-source-instance-arn
        true => context.set("ssm:SourceInstanceARN", Value::Present(vec![place.instance_arn()])),
        false => {
            context.set("ssm:SourceInstanceARN", Value::Absent);
            context.set("ec2:SourceInstanceARN", Value::Present(vec![place.instance_arn()]));
            context.set("aws:Ec2InstanceSourceVpc", text(caller.vpc));
            context.set("aws:Ec2InstanceSourcePrivateIPv4", text(caller.private_ip));
            context.set("ec2:RoleDelivery", text(caller.tokens_required.then_some("2.0")));
        }
    }
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalorgid
    match caller.organization {
        Organization::None => {
            context.set("aws:PrincipalOrgID", Value::Absent);
            context.set("aws:PrincipalOrgPaths", Value::Absent);
        }
        Organization::In { id, path } => {
            context.set("aws:PrincipalOrgID", known(id));
            if let Some(path) = path {
                context.set("aws:PrincipalOrgPaths", known(path));
            }
        }
        Organization::NotKnown => {}
    }
    context.set_absent_prefix("aws:CalledVia");
    context
}

/// The context of the call that a need stands for. What the user said wins over everything.
pub fn for_need(base: &Context, need: &Need, region: Option<&str>, given: &[ContextEntry]) -> Context {
    let mut context = base.clone();
    let region = match &need.requested_region {
        RequestedRegion::OfInstance => region,
        RequestedRegion::Named(region) => Some(region.as_str()),
        RequestedRegion::NotKnown => None,
    };
    context.set("aws:RequestedRegion", Value::Present(vec![Text::of([region])]));
    if need.needed_for == NeededFor::Kms {
        context.set("kms:ViaService", Value::Absent);
    }
    add_given(&mut context, ContextEntry::for_action(given, &need.action));
    context
}

/// The context of EC2's call to assume the role. Beyond the time, EC2 is not documented to send any key.
///
/// What the user says of the agent's requests does not hold for this call, which does not come from the instance: a
/// `aws:SourceVpc` that the agent's requests carry says nothing about it. Only keys of a service's own call count.
pub fn for_trust(now: Timestamp, given: &[ContextEntry]) -> Context {
    let mut context = Context::default();
    context.set("aws:CurrentTime", Value::known(format!("{now:.0}")));
    context.set("aws:EpochTime", Value::known(now.as_second().to_string()));
    let given = ContextEntry::for_action(given, "sts:AssumeRole");
    add_given(&mut context, given.into_iter().filter(|entry| is_of_service_call(&entry.key)));
    context
}

/// Whether a key can describe a service's call to assume a role, rather than the agent's requests.
pub fn is_of_service_call(key: &str) -> bool {
    let keys = [
        "aws:CurrentTime",
        "aws:EpochTime",
        "aws:SourceAccount",
        "aws:SourceArn",
        "aws:SourceOrgID",
        "aws:SourceOrgPaths",
    ];
    keys.iter().any(|known| known.eq_ignore_ascii_case(key)) || key.to_ascii_lowercase().starts_with("sts:")
}

fn add_given<'a>(context: &mut Context, given: impl IntoIterator<Item = &'a ContextEntry>) {
    for entry in given {
        context.set(
            &entry.key,
            match entry.values.as_slice() {
                [] => Value::Absent,
                values => Value::Present(values.iter().map(Text::known).collect()),
            },
        );
    }
}
