//! The request context of the SSM Agent's calls: which condition keys they carry, and with what values.
//!
//! Sources: [AWS global condition context keys](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html)
//! and the [condition keys of Amazon EC2](https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html#amazonec2-policy-keys).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::needs::{ContextEntry, Need, Place, RequestedRegion};
use crate::report::NeededFor;
use iam_eval::arn::{Arn, is_account_id};
use iam_eval::{Context, Part, ServicePrincipal, Text, Value};

/// Who calls: the role's session on the instance, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// Where it runs.
    pub place: Place<'a>,
    /// The role's ARN, with its path.
    pub role_arn: Option<&'a str>,
    /// The role's id.
    pub role_id: Option<&'a str>,
    /// The role's tags, all of them unless it may have more.
    pub role_tags: Option<&'a BTreeMap<String, String>>,
    /// Whether the role may have tags of other keys.
    pub role_may_have_more_tags: bool,
    /// The instance's VPC.
    pub vpc: Option<&'a str>,
    /// The instance's private address.
    pub private_ip: Option<&'a str>,
    /// Whether the instance answers to IMDSv2 only.
    pub tokens_required: bool,
    /// Whether Systems Manager gave it its credentials, and not EC2: what such sessions carry of the instance is not documented.
    pub through_systems_manager: bool,
    /// The organization's id and the account's path in it, where known; absent if it is in none.
    pub organization: Organization<'a>,
    /// Where its requests come from, by the service that they go to (`ssm`), as far as the network path is known.
    pub sources: Option<&'a BTreeMap<&'static str, RequestSource>>,
    /// When it calls.
    pub now: Timestamp,
}

/// Where requests come from, as AWS sees them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RequestSource {
    /// A VPC endpoint.
    Endpoint {
        /// Its id.
        id: String,
        /// Its VPC.
        vpc: String,
        /// Whether requests may come from an IPv6 address.
        may_be_over_ipv6: bool,
    },
    /// One of these public addresses; none where it is not known which.
    Public(Vec<String>),
    /// One of several ways, and which is not known.
    OneOf {
        /// The endpoints among them.
        endpoints: Vec<String>,
        /// The VPC of those.
        vpc: String,
        /// Whether there are others, which lead through none of these endpoints.
        others: bool,
    },
}

impl RequestSource {
    /// The endpoints that requests may come through.
    pub fn endpoints(&self) -> &[String] {
        match self {
            RequestSource::Endpoint { id, .. } => std::slice::from_ref(id),
            RequestSource::Public(_) => &[],
            RequestSource::OneOf { endpoints, .. } => endpoints,
        }
    }
}

/// The organization of the caller's account.
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

/// Keys that a session of an instance's role never carries: they are of other principals, of calls that a service makes, or of
/// requests that were forwarded.
const ABSENT: [&str; 17] = [
    "aws:username",
    "aws:FederatedProvider",
    "aws:Referer",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "aws:SourceArn",
    "aws:SourceAccount",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:MultiFactorAuthAge",
    "aws:SourceIdentity",
    "aws:AssumedRoot",
    "aws:SignInSessionArn",
    "aws:ChatbotSourceArn",
    "aws:IsMcpServiceAction",
    "identitystore:UserId",
    "lambda:SourceFunctionArn",
];

/// The same, for every key that begins so.
const ABSENT_PREFIXES: [&str; 3] = ["aws:CalledVia", "codebuild:", "glue:"];

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
        if !caller.role_may_have_more_tags {
            context.set_absent_prefix("aws:PrincipalTag/");
        }
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
    context.set("aws:UserAgent", text(None));
    // AWS says in one place that sessions without MFA do not carry the key, and in another that it is false.
    context.set("aws:MultiFactorAuthPresent", Value::Optional(vec![Text::known("false")]));
    context.set("aws:ViaAWSService", known("false"));
    context.set("aws:ViaAWSMCPService", Value::Optional(vec![Text::known("false")]));
    context.set("aws:PrincipalIsAWSService", known("false"));

    ABSENT.iter().for_each(|key| context.set(key, Value::Absent));
    ABSENT_PREFIXES.iter().for_each(|prefix| context.set_absent_prefix(prefix));
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
    set_organization(&mut context, "aws:Principal", caller.organization);
    context
}

/// Sets the keys of the organization that something belongs to: `aws:PrincipalOrgID`, say, with `prefix` `aws:Principal`.
fn set_organization(context: &mut Context, prefix: &str, organization: Organization<'_>) {
    let (id, paths) = (format!("{prefix}OrgID"), format!("{prefix}OrgPaths"));
    match organization {
        Organization::None => {
            context.set(&id, Value::Absent);
            context.set(&paths, Value::Absent);
        }
        Organization::In { id: organization, path } => {
            context.set(&id, Value::known(organization));
            if let Some(path) = path {
                context.set(&paths, Value::known(path));
            }
        }
        Organization::NotKnown => {}
    }
}

/// The context of the call that a need stands for. What the user said wins over everything.
pub fn for_need(base: &Context, caller: &Caller<'_>, need: &Need, given: &[ContextEntry]) -> Context {
    let mut context = base.clone();
    let region = match &need.requested_region {
        RequestedRegion::OfInstance => caller.place.region,
        RequestedRegion::Named(region) => Some(region.as_str()),
        RequestedRegion::NotKnown => None,
    };
    context.set("aws:RequestedRegion", Value::Present(vec![Text::of([region])]));
    let known_call = need.needed_for != NeededFor::Custom;
    if known_call {
        // None of these calls takes tags.
        context.set("aws:TagKeys", Value::Absent);
        context.set_absent_prefix("aws:RequestTag/");
    }
    match need.action.split(':').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "ssm" | "ssmmessages" => {
            set_resource(&mut context, caller);
            context.set("ssm:NodeAccountId", Value::Present(vec![Text::of(caller.place.account_parts())]));
            match caller.organization {
                Organization::In { id, .. } => context.set("ssm:NodeOrgId", Value::known(id)),
                Organization::None => context.set("ssm:NodeOrgId", Value::Absent),
                Organization::NotKnown => {}
            }
        }
        "logs" => set_resource(&mut context, caller),
        "kms" if need.needed_for == NeededFor::Kms => set_kms(&mut context, caller, need),
        "kms" if known_call => set_upload(&mut context, caller, need, region),
        // A key may be used by a service on the agent's behalf: by S3 for the logs of sessions, say.
        "kms" => {
            context.set("aws:ViaAWSService", Value::Unknowable);
            context.forget_absent_prefix("aws:CalledVia");
        }
        "s3" if need.action.eq_ignore_ascii_case("s3:PutObject") && known_call => {
            context.set("s3:x-amz-acl", Value::known("bucket-owner-full-control"));
        }
        _ => {}
    }
    if let Some(source) = source_of(caller, need) {
        set_source(&mut context, caller, source);
    }
    add_given(&mut context, ContextEntry::for_action(given, &need.action));
    context
}

/// The context of a call that the agent signs with the identity of its instance, as far as that is documented.
pub fn for_registration(caller: &Caller<'_>, need: &Need, given: &[ContextEntry]) -> Context {
    let mut context = Context::default();
    let place = caller.place;
    context.set("aws:PrincipalAccount", Value::Present(vec![Text::of(place.account_parts())]));
    context.set("aws:RequestedRegion", Value::Present(vec![Text::of([place.region])]));
    context.set("aws:CurrentTime", Value::known(format!("{:.0}", caller.now)));
    context.set("aws:SecureTransport", Value::known("true"));
    set_organization(&mut context, "aws:Principal", caller.organization);
    set_resource(&mut context, caller);
    if let Some(source) = source_of(caller, need) {
        set_source(&mut context, caller, source);
    }
    add_given(&mut context, ContextEntry::for_action(given, &need.action));
    context
}

/// Where the agent's own call for a need comes from. The key of a bucket is used by S3 on its behalf.
pub fn source_of<'a>(caller: &Caller<'a>, need: &Need) -> Option<&'a RequestSource> {
    let service = need.action.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let is_own = service != "kms" || need.needed_for == NeededFor::Kms;
    let source = caller.sources.filter(|_| is_own)?.get(service.as_str())?;
    let is_of_region = match &need.requested_region {
        _ if service == "s3" => true,
        RequestedRegion::OfInstance => true,
        RequestedRegion::Named(region) => Some(region.as_str()) == caller.place.region,
        RequestedRegion::NotKnown => false,
    };
    // An endpoint serves one Region. The path to S3 is that to the Region of the bucket.
    Some(source).filter(|source| is_of_region || matches!(source, RequestSource::Public(_)))
}

/// Sets the keys of the way that a request takes: those of an endpoint and of the public network exclude each other.
///
/// Source: [properties of the network](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-network-properties).
fn set_source(context: &mut Context, caller: &Caller<'_>, source: &RequestSource) {
    // What a plan makes has no id yet.
    let known = |id: &str, prefix: &str| if id.starts_with(prefix) { Text::known(id) } else { Text::any() };
    match source {
        RequestSource::Endpoint { id, vpc, may_be_over_ipv6 } => {
            context.set("aws:SourceVpce", Value::Present(vec![known(id, "vpce-")]));
            context.set("aws:SourceVpc", Value::Present(vec![known(vpc, "vpc-")]));
            let address = if *may_be_over_ipv6 { Text::any() } else { Text::of([caller.private_ip]) };
            context.set("aws:VpcSourceIp", Value::Present(vec![address]));
            context.set("aws:SourceIp", Value::Absent);
        }
        RequestSource::Public(addresses) => {
            ENDPOINT_KEYS.iter().for_each(|key| context.set(key, Value::Absent));
            match addresses.as_slice() {
                [address] => context.set("aws:SourceIp", Value::known(address)),
                [] => context.set("aws:SourceIp", Value::Present(vec![Text::any()])),
                // A NAT gateway takes any of its addresses.
                all => context.set("aws:SourceIp", Value::OneOf(all.iter().map(Text::known).collect())),
            }
        }
        RequestSource::OneOf { others: true, .. } => {}
        RequestSource::OneOf { endpoints, vpc, others: false } => {
            let endpoints = endpoints.iter().map(|id| known(id, "vpce-")).collect();
            context.set("aws:SourceVpce", Value::OneOf(endpoints));
            context.set("aws:SourceVpc", Value::Present(vec![known(vpc, "vpc-")]));
            context.set("aws:VpcSourceIp", Value::Present(vec![Text::any()]));
            context.set("aws:SourceIp", Value::Absent);
        }
    }
}

/// The keys that only a request through a VPC endpoint carries.
pub const ENDPOINT_KEYS: [&str; 7] = [
    "aws:SourceVpc",
    "aws:SourceVpcArn",
    "aws:SourceVpce",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:VpceOrgPaths",
    "aws:VpcSourceIp",
];

/// What the user says of the calls of an action, and nothing else.
pub fn said(action: &str, given: &[ContextEntry]) -> Context {
    let mut context = Context::default();
    add_given(&mut context, ContextEntry::for_action(given, action));
    context
}

/// The keys of the resource of a call on something of the caller's own account.
///
/// Source: [aws:ResourceAccount](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourceaccount),
/// which is sent with all but a list of actions that holds none of these services.
fn set_resource(context: &mut Context, caller: &Caller<'_>) {
    context.set("aws:ResourceAccount", Value::Present(vec![Text::of(caller.place.account_parts())]));
    set_organization(context, "aws:Resource", caller.organization);
}

/// The keys of the agent's own call to decrypt a data key. Source: the source of the SSM Agent.
fn set_kms(context: &mut Context, caller: &Caller<'_>, need: &Need) {
    let target = caller.place.instance_id.map_or_else(|| vec![Part::from("i-"), Part::NAME], |id| vec![Part::from(id)]);
    context.set_absent_prefix("kms:EncryptionContext:");
    context.set("kms:EncryptionContext:aws:ssm:SessionId", Value::Present(vec![Text::any()]));
    context.set("kms:EncryptionContext:aws:ssm:TargetId", Value::Present(vec![Text::of(target)]));
    let keys = ["aws:ssm:SessionId", "aws:ssm:TargetId"];
    context.set("kms:EncryptionContextKeys", Value::Present(keys.map(Text::known).to_vec()));
    context.set("kms:ViaService", Value::Absent);
    set_key_owner(context, caller, need);
}

/// The keys of S3's call to KMS for the upload of a session log.
///
/// Source: [kms:ViaService](https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service).
fn set_upload(context: &mut Context, caller: &Caller<'_>, need: &Need, region: Option<&str>) {
    // S3 calls with the role's credentials; what that says to these keys AWS does not spell out for S3.
    context.set("aws:ViaAWSService", Value::Unknowable);
    context.forget_absent_prefix("aws:CalledVia");
    let service = [Part::from("s3."), region.map_or(Part::NAME, Part::from), Part::from(".amazonaws.com")];
    context.set("kms:ViaService", Value::Present(vec![Text::of(service)]));
    set_key_owner(context, caller, need);
}

/// Whose the key is.
fn set_key_owner(context: &mut Context, caller: &Caller<'_>, need: &Need) {
    let key = need.resource.to_string();
    match Arn::parse(&key).and_then(|arn| arn.account().map(str::to_owned)) {
        Some(owner) if caller.place.account == Some(owner.as_str()) => set_resource(context, caller),
        Some(owner) if is_account_id(&owner) => context.set("aws:ResourceAccount", Value::known(owner)),
        _ => {}
    }
}

/// The context of a service's own call to assume the role. Beyond the time and who it is, no key is documented to be sent.
///
/// What the user says of the agent's requests does not hold for this call, which does not come from the instance: a
/// `aws:SourceVpc` that the agent's requests carry says nothing about it. Only keys of a service's own call count.
pub fn for_trust(service: &ServicePrincipal, now: Timestamp, given: &[ContextEntry]) -> Context {
    let mut context = Context::default();
    context.set("aws:CurrentTime", Value::known(format!("{now:.0}")));
    context.set("aws:EpochTime", Value::known(now.as_second().to_string()));
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalisawsservice
    context.set("aws:PrincipalIsAWSService", Value::known("true"));
    context.set("aws:PrincipalServiceName", Value::Present(vec![Text::of([service.only_name()])]));
    let given = ContextEntry::for_action(given, "sts:AssumeRole");
    add_given(&mut context, given.into_iter().filter(|entry| is_of_service_call(&entry.key)));
    context
}

/// The contexts that a service's call to assume a role may have, as a policy of the organization sees them.
///
/// The service calls as itself, over TLS, and from no VPC of the account. It is not documented to say for which resource it
/// calls; if it does, that is the instance, whose account and organization these are. Where the organization is not known, only the
/// first is looked at: a policy in force is one of the account's own organization.
/// Source: [AWS global condition context keys](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
pub fn for_assume_role(caller: &Caller<'_>, service: &ServicePrincipal, given: &[ContextEntry]) -> Vec<Context> {
    const OF_RESOURCE: [&str; 4] = ["aws:SourceAccount", "aws:SourceArn", "aws:SourceOrgID", "aws:SourceOrgPaths"];
    let mut context = for_trust(service, caller.now, &[]);
    context.set("aws:SecureTransport", Value::known("true"));
    context.set("aws:ViaAWSService", Value::known("false"));
    context.set_absent_prefix("aws:PrincipalTag/");
    let never_sent = ["aws:PrincipalOrgID", "aws:PrincipalOrgPaths"];
    never_sent.iter().chain(&ENDPOINT_KEYS).for_each(|key| context.set(key, Value::Absent));
    let mut silent = context.clone();
    OF_RESOURCE.iter().for_each(|key| silent.set(key, Value::Absent));
    let mut contexts = vec![silent];
    if let Organization::In { id, path } = caller.organization {
        context.set("aws:SourceAccount", Value::Present(vec![Text::of(caller.place.account_parts())]));
        context.set("aws:SourceArn", Value::Present(vec![Text::any()]));
        context.set("aws:SourceOrgID", Value::known(id));
        context.set("aws:SourceOrgPaths", Value::Present(vec![path.map_or_else(Text::any, Text::known)]));
        contexts.push(context);
    }
    let mut given = ContextEntry::for_action(given, "sts:AssumeRole");
    given.retain(|entry| is_of_service_call(&entry.key));
    contexts.iter_mut().for_each(|context| add_given(context, given.iter().copied()));
    contexts
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::needs::{KeyArn, Requirements, all};

    const PLACE: Place<'static> = Place {
        partition: Some("aws"),
        account: Some("111122223333"),
        region: Some("us-east-1"),
        instance_id: Some("i-0123456789abcdef0"),
    };

    fn caller(organization: Organization<'static>) -> Caller<'static> {
        Caller {
            place: PLACE,
            role_arn: Some("arn:aws:iam::111122223333:role/web"),
            role_id: Some("AROAWEB"),
            role_tags: None,
            role_may_have_more_tags: false,
            vpc: Some("vpc-1"),
            private_ip: Some("10.0.0.1"),
            tokens_required: true,
            through_systems_manager: false,
            organization,
            sources: None,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    fn value(caller: &Caller<'_>, action: &str, key: &str) -> Value {
        let arn = KeyArn::Resolved(Text::known("arn:aws:kms:us-east-1:111122223333:key/k"));
        let requirements = Requirements {
            s3_logs: Some(crate::needs::S3Logs { bucket: "logs".to_owned(), prefix: String::new() }),
            actions: vec![
                crate::needs::RequiredAction { action: "kms:GenerateDataKey".to_owned(), resource: None },
                crate::needs::RequiredAction { action: "ec2:DescribeTags".to_owned(), resource: None },
            ],
            ..Requirements::default()
        };
        let needs = all(&requirements, &PLACE, Some(&arn));
        let need = needs.iter().find(|need| need.action == action).unwrap();
        for_need(&base(caller), caller, need, &[]).get(key).clone()
    }

    /// A NAT gateway may have several addresses, and a request comes from one of them.
    #[test]
    fn a_public_address_is_one_of_those_that_are_known() {
        let (one, other) = ("198.51.100.1".to_owned(), "198.51.100.2".to_owned());
        for (addresses, expected) in [
            (vec![], Value::Present(vec![Text::any()])),
            (vec![one.clone()], Value::known(&one)),
            (vec![one.clone(), other.clone()], Value::OneOf(vec![Text::known(&one), Text::known(&other)])),
        ] {
            let sources = BTreeMap::from([("ssmmessages", RequestSource::Public(addresses))]);
            let caller = Caller { sources: Some(&sources), ..caller(Organization::None) };
            assert_eq!(value(&caller, "ssmmessages:OpenDataChannel", "aws:SourceIp"), expected);
            assert_eq!(value(&caller, "ssmmessages:OpenDataChannel", "aws:SourceVpce"), Value::Absent);
        }
    }

    /// The address behind an endpoint is of IPv6 where both sides have one and the name led there.
    #[test]
    fn a_private_address_is_not_known_where_it_may_be_of_ipv6() {
        for (may_be_over_ipv6, expected) in [(false, Text::known("10.0.1.5")), (true, Text::any())] {
            let endpoint =
                RequestSource::Endpoint { id: "vpce-1".to_owned(), vpc: "vpc-1".to_owned(), may_be_over_ipv6 };
            let sources = BTreeMap::from([("ssmmessages", endpoint)]);
            let caller = Caller { sources: Some(&sources), private_ip: Some("10.0.1.5"), ..caller(Organization::None) };
            let address = value(&caller, "ssmmessages:OpenDataChannel", "aws:VpcSourceIp");
            assert_eq!(address, Value::Present(vec![expected]));
        }
    }

    /// Source: [AWS global condition context keys](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html),
    /// which says of each key in which requests it is.
    #[test]
    fn what_each_call_carries() {
        let core = "ssmmessages:OpenDataChannel";
        let there = || Value::Present(vec![Text::any()]);
        let in_organization = caller(Organization::In { id: "o-a", path: Some("o-a/r-a/ou-a/") });
        for (action, key, expected) in [
            (core, "aws:PrincipalServiceNamesList", Value::Absent),
            (core, "aws:SourceOrgPaths", Value::Absent),
            (core, "aws:AssumedRoot", Value::Absent),
            (core, "aws:IsMcpServiceAction", Value::Absent),
            (core, "aws:TagKeys", Value::Absent),
            (core, "aws:RequestTag/team", Value::Absent),
            (core, "codebuild:ProjectArn", Value::Absent),
            (core, "glue:CredentialIssuingService", Value::Absent),
            (core, "lambda:SourceFunctionArn", Value::Absent),
            (core, "ssm:SourceInstanceARN", Value::Absent),
            (core, "aws:UserAgent", there()),
            (core, "aws:MultiFactorAuthPresent", Value::Optional(vec![Text::known("false")])),
            (core, "aws:ViaAWSMCPService", Value::Optional(vec![Text::known("false")])),
            (core, "aws:ViaAWSService", Value::known("false")),
            (core, "aws:ResourceAccount", Value::known("111122223333")),
            (core, "aws:ResourceOrgID", Value::known("o-a")),
            (core, "ssm:NodeAccountId", Value::known("111122223333")),
            (core, "ssm:NodeOrgId", Value::known("o-a")),
            (core, "aws:SourceVpce", Value::Unknowable),
            ("kms:Decrypt", "kms:EncryptionContext:aws:ssm:SessionId", there()),
            ("kms:Decrypt", "kms:EncryptionContext:aws:ssm:TargetId", Value::known("i-0123456789abcdef0")),
            ("kms:Decrypt", "kms:ViaService", Value::Absent),
            ("kms:Decrypt", "aws:ResourceAccount", Value::known("111122223333")),
            ("s3:PutObject", "s3:x-amz-acl", Value::known("bucket-owner-full-control")),
            // Whose the bucket is is not known.
            ("s3:PutObject", "aws:ResourceAccount", Value::Unknowable),
            // S3 may call it on the agent's behalf.
            ("kms:GenerateDataKey", "aws:ViaAWSService", Value::Unknowable),
            ("kms:GenerateDataKey", "aws:CalledViaLast", Value::Unknowable),
            ("ec2:DescribeTags", "aws:TagKeys", Value::Unknowable),
        ] {
            assert_eq!(value(&in_organization, action, key), expected, "{action} {key}");
        }
        let alone = caller(Organization::None);
        assert_eq!(value(&alone, core, "aws:ResourceOrgID"), Value::Absent);
        let unseen = caller(Organization::NotKnown);
        assert_eq!(value(&unseen, core, "aws:ResourceOrgID"), Value::Unknowable);
        let through_systems_manager = Caller { through_systems_manager: true, ..alone };
        let instance = "arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0";
        assert_eq!(value(&through_systems_manager, core, "ssm:SourceInstanceARN"), Value::known(instance));
    }
}
