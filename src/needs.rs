//! What Session Manager needs of an instance's role, as data.
//!
//! Sources: [Add Session Manager permissions to an existing role](https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-add-permissions-to-existing-profile.html),
//! [Create a custom IAM role for Session Manager](https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html)
//! and the [service authorization reference](https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html).

use std::collections::BTreeSet;

use crate::preferences::Preferences;
use crate::report::NeededFor;
use iam_eval::arn::{Arn, partition_of_region};
use iam_eval::{Part, Resource, Text, action_matches};

/// What the user asked for beyond the core.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The key that encrypts sessions, as given: key ARN, key id, `alias/NAME` or alias ARN.
    pub kms_key: Option<String>,
    /// The bucket for session logs.
    pub s3_logs: Option<S3Logs>,
    /// The CloudWatch Logs group for session logs.
    pub cloudwatch_logs: Option<String>,
    /// Further actions.
    pub actions: Vec<RequiredAction>,
    /// Condition keys as the user knows them.
    pub context: Vec<ContextEntry>,
    /// How the network path counts.
    pub network: NetworkCheck,
}

/// How the network path from a running instance to AWS counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NetworkCheck {
    /// One that is certainly closed is an error, one that is not known is no more than worth a word.
    #[default]
    Auto,
    /// Not at all.
    Off,
    /// One that is not known leaves the verdict unknown.
    Require,
}

/// What the user says of a condition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextEntry {
    /// The action that it is said for, or a pattern of actions; `None` for every call that carries the key.
    pub action: Option<String>,
    /// The key.
    pub key: String,
    /// Its values; none for a key that is absent.
    pub values: Vec<String>,
}

impl ContextEntry {
    /// Those of `entries` that are said for calls of `action`, the more specific ones last.
    ///
    /// A pattern is the more specific the more characters it names; the action itself is more specific than any pattern.
    pub fn for_action<'a>(entries: &'a [ContextEntry], action: &str) -> Vec<&'a ContextEntry> {
        let applies = |entry: &&ContextEntry| match &entry.action {
            Some(pattern) => action_matches(pattern, action),
            None => true,
        };
        let mut entries: Vec<&ContextEntry> = entries.iter().filter(applies).collect();
        entries.sort_by_key(|entry| entry.specificity());
        entries
    }

    fn specificity(&self) -> Option<(usize, bool)> {
        let wildcard = |c: char| matches!(c, '*' | '?');
        self.action.as_deref().map(|pattern| (pattern.replace(wildcard, "").len(), !pattern.contains(wildcard)))
    }
}

impl Requirements {
    /// The partitions that the user's own words name: ARNs, and the Region of the requests.
    pub fn partitions(&self) -> BTreeSet<String> {
        let resources = self.actions.iter().filter_map(|action| action.resource.as_deref());
        let given = self.context.iter().flat_map(|entry| &entry.values).map(String::as_str);
        let arns = self.kms_key.as_deref().into_iter().chain(resources).chain(given).filter_map(Arn::parse);
        // `arn:*:s3:::b` names none.
        let is_name = |name: &String| name == "aws" || name.starts_with("aws-") && !name.contains(['*', '?']);
        let mut partitions: BTreeSet<String> = arns.map(|arn| arn.partition).filter(is_name).collect();
        let regions = self.context.iter().filter(|entry| entry.key.eq_ignore_ascii_case("aws:RequestedRegion"));
        partitions.extend(regions.flat_map(|entry| &entry.values).map(|region| partition_of_region(region).to_owned()));
        partitions
    }
}

/// A bucket for session logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Logs {
    /// The bucket's name.
    pub bucket: String,
    /// The key prefix, without slashes at its ends; empty for none.
    pub prefix: String,
}

/// An action that the user requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredAction {
    /// `SERVICE:NAME`.
    pub action: String,
    /// The resource, a `*` in it standing for any; `None` for any resource.
    pub resource: Option<String>,
}

/// Where the agent runs, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The partition.
    pub partition: Option<&'a str>,
    /// The account.
    pub account: Option<&'a str>,
    /// The Region.
    pub region: Option<&'a str>,
    /// The instance.
    pub instance_id: Option<&'a str>,
}

/// One action that the role must be allowed on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The action, as AWS writes it.
    pub action: String,
    /// The resource.
    pub resource: Resource,
    /// Why.
    pub needed_for: NeededFor,
    /// The Region that the request goes to.
    pub requested_region: RequestedRegion,
    /// Whether the resource could not be resolved, so that even an allow is no certain answer.
    pub unresolved: bool,
    /// What a denial costs.
    pub cost: Cost,
}

/// What a denial costs, as the source of the SSM Agent has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// Sessions fail, or the user said that it is needed.
    Sessions,
    /// Sessions work, and their logs are lost.
    Logs,
}

/// The Region that a request goes to, `aws:RequestedRegion`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestedRegion {
    /// The instance's.
    OfInstance,
    /// This one.
    Named(String),
    /// Not known: a bucket's, say.
    NotKnown,
}

/// The key that encrypts sessions, as far as it could be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyArn {
    /// The key's own ARN; parts of it may be unknown where no account or Region is.
    Resolved(Text),
    /// An alias, say, that could not be looked up: only this much of the key's ARN is known.
    Unresolved(Text),
}

/// The four channel actions of the agent. None of them has a resource type.
pub const CHANNEL_ACTIONS: [&str; 4] = [
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
];

/// The agent's registration and heartbeat, authorised on the instance's ARN.
pub const UPDATE_INSTANCE_INFORMATION: &str = "ssm:UpdateInstanceInformation";

/// Asks whether a bucket is encrypted. Needed only with S3 session logs.
pub const GET_ENCRYPTION_CONFIGURATION: &str = "s3:GetEncryptionConfiguration";

/// Whether an action needs no permission, so that no policy can allow or deny it.
///
/// [`sts:GetCallerIdentity`](https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html) is the only one of
/// which AWS documents that it works in spite of an explicit deny.
pub fn needs_no_permission(action: &str) -> bool {
    action.eq_ignore_ascii_case("sts:GetCallerIdentity")
}

/// Encrypts what is uploaded to a bucket with a KMS key. The agent never calls it: S3 does, for the role.
pub const GENERATE_DATA_KEY: &str = "kms:GenerateDataKey";

/// Lists log groups. It has no resource type.
const DESCRIBE_LOG_GROUPS: &str = "logs:DescribeLogGroups";

impl Place<'_> {
    /// An ARN in this account and Region.
    fn arn(&self, service: &str, resource: &[Part]) -> Text {
        let region = self.region.map_or(Part::NAME, Part::from);
        let start = self.arn_start(service).into_iter().chain([region, Part::from(":")]);
        Text::of(start.chain(self.account_parts()).chain([Part::from(":")]).chain(resource.iter().cloned()))
    }

    /// `arn:PARTITION:SERVICE:`
    fn arn_start(&self, service: &str) -> [Part; 4] {
        // Every partition's name starts so.
        let (known, rest) = self.partition.map_or(("aws", Part::REST), |partition| (partition, Part::from("")));
        [Part::from("arn:"), Part::from(known), rest, Part::from(format!(":{service}:").as_str())]
    }

    /// An account id, twelve digits if it is not known.
    pub fn account_parts(&self) -> Vec<Part> {
        self.account.map_or_else(|| vec![Part::Digit; 12], |account| vec![Part::from(account)])
    }

    /// The instance's ARN.
    pub fn instance_arn(&self) -> Text {
        let [start, id] =
            self.instance_id.map_or([Part::from("i-"), Part::NAME], |id| [Part::from(""), Part::from(id)]);
        self.arn("ec2", &[Part::from("instance/"), start, id])
    }

    /// The ARN of a key of which only the id is known, if that.
    pub fn key_arn(&self, id: Option<&str>) -> Text {
        self.kms_arn(&[Part::from("key/"), id.map_or(Part::NAME, Part::from)])
    }

    /// The ARN of something of KMS.
    pub fn kms_arn(&self, resource: &[Part]) -> Text {
        self.arn("kms", resource)
    }

    /// The ARN of a role of which nothing but its place is known.
    pub fn role_arn(&self) -> Text {
        let start = self.arn_start("iam").into_iter().chain([Part::from(":")]);
        Text::of(start.chain(self.account_parts()).chain([Part::from(":role/"), Part::PATH]))
    }
}

/// The five actions without which no session opens.
pub fn core(place: &Place<'_>) -> Vec<Need> {
    let channels = CHANNEL_ACTIONS.map(|action| need(action, NeededFor::Core, resource_of(action, place)));
    let update = need(UPDATE_INSTANCE_INFORMATION, NeededFor::Core, Some(Resource::Arn(place.instance_arn())));
    channels.into_iter().chain([update]).collect()
}

/// Everything that the role must be allowed. `key` is the session key, where one is required.
pub fn all(requirements: &Requirements, place: &Place<'_>, key: Option<&KeyArn>) -> Vec<Need> {
    let mut needs = core(place);
    needs.extend(key.map(|key| decrypt(key, place)));
    needs.extend(requirements.s3_logs.iter().flat_map(|logs| s3_logs(logs, place)));
    needs.extend(requirements.cloudwatch_logs.iter().flat_map(|group| cloudwatch_logs(group, place)));
    requirements.actions.iter().for_each(|required| add(&mut needs, custom(required, place)));
    needs
}

/// What session preferences ask of the role besides. `key` is the key that they name.
pub fn of_preferences(preferences: &Preferences, place: &Place<'_>, key: Option<&KeyArn>) -> Vec<Need> {
    // Where encryption is demanded and cannot be seen, the agent ends the session.
    let graded = |needs: Vec<Need>, asks: &'static str, encrypted: bool| {
        needs.into_iter().map(move |need| {
            let cost = if need.action == asks && encrypted { Cost::Sessions } else { Cost::Logs };
            Need { cost, ..need }
        })
    };
    let s3 = preferences.s3_logs.iter().flat_map(|logs| s3_logs(logs, place)).collect();
    let cloudwatch = preferences.cloudwatch_logs.iter().flat_map(|group| cloudwatch_logs(group, place)).collect();
    let mut needs: Vec<Need> = key.map(|key| decrypt(key, place)).into_iter().collect();
    needs.extend(graded(s3, GET_ENCRYPTION_CONFIGURATION, preferences.s3_encrypted));
    needs.extend(graded(cloudwatch, DESCRIBE_LOG_GROUPS, preferences.cloudwatch_encrypted));
    needs
}

/// Adds a need, unless the same is needed already; of two costs the higher counts, and of two reasons what sessions need.
pub fn add(needs: &mut Vec<Need>, need: Need) {
    let same = |other: &&mut Need| other.action.eq_ignore_ascii_case(&need.action) && other.resource == need.resource;
    match needs.iter_mut().find(same) {
        Some(other) => {
            other.cost = other.cost.min(need.cost);
            other.needed_for = other.needed_for.min(need.needed_for);
        }
        None => needs.push(need),
    }
}

/// `s3:GetEncryptionConfiguration` on any bucket: what the documented minimal policy grants although only S3 logging
/// needs it.
pub fn encryption_of_any_bucket(place: &Place<'_>) -> Need {
    let bucket = Text::of(place.arn_start("s3").into_iter().chain([Part::from("::"), Part::NAME]));
    Need {
        requested_region: RequestedRegion::NotKnown,
        ..need(GET_ENCRYPTION_CONFIGURATION, NeededFor::S3Logs, Some(Resource::Arn(bucket)))
    }
}

/// See [Turn on KMS key encryption of session data](https://docs.aws.amazon.com/systems-manager/latest/userguide/session-preferences-enable-encryption.html).
fn decrypt(key: &KeyArn, place: &Place<'_>) -> Need {
    let (text, unresolved) = match key {
        KeyArn::Resolved(text) => (text.clone(), false),
        KeyArn::Unresolved(text) => (text.clone(), true),
    };
    // The agent calls KMS in its own Region, so that only a key of that Region works.
    let of_key = region_of_arn(&text.to_string()).filter(|_| place.region.is_none());
    Need {
        requested_region: of_key.unwrap_or(RequestedRegion::OfInstance),
        unresolved,
        ..need("kms:Decrypt", NeededFor::Kms, Some(Resource::Arn(text)))
    }
}

/// What an upload to a bucket needs of the key that encrypts the bucket. S3 calls KMS for the role.
///
/// See [Logging session data using Amazon S3](https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-logging-s3.html).
pub fn upload_key(key: &KeyArn, requested_region: RequestedRegion, cost: Cost) -> Need {
    let (text, unresolved) = match key {
        KeyArn::Resolved(text) => (text.clone(), false),
        KeyArn::Unresolved(text) => (text.clone(), true),
    };
    Need { requested_region, unresolved, cost, ..need(GENERATE_DATA_KEY, NeededFor::S3Logs, Some(Resource::Arn(text))) }
}

/// See [Logging session data using Amazon S3](https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-logging-s3.html).
fn s3_logs(logs: &S3Logs, place: &Place<'_>) -> [Need; 2] {
    let S3Logs { bucket, prefix } = logs;
    let arn = |rest: &[Part]| {
        let start = place.arn_start("s3").into_iter().chain([Part::from("::"), Part::from(bucket.as_str())]);
        Text::of(start.chain(rest.iter().cloned()))
    };
    // The agent joins prefix and file name with a slash.
    let folder = if prefix.is_empty() { "/".to_owned() } else { format!("/{prefix}/") };
    let object = arn(&[Part::from(folder.as_str()), Part::PATH]);
    [(GET_ENCRYPTION_CONFIGURATION, arn(&[])), ("s3:PutObject", object)].map(|(action, text)| Need {
        requested_region: RequestedRegion::NotKnown,
        ..need(action, NeededFor::S3Logs, Some(Resource::Arn(text)))
    })
}

/// See [Logging session data using CloudWatch Logs](https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-logging-cloudwatch-logs.html).
fn cloudwatch_logs(group: &str, place: &Place<'_>) -> [Need; 4] {
    let log_group = |rest: &[Part]| {
        let resource: Vec<_> =
            [Part::from("log-group:"), Part::from(group)].into_iter().chain(rest.iter().cloned()).collect();
        place.arn("logs", &resource)
    };
    let streams = Part::from(":log-stream:");
    let group_arn = Resource::LogGroup { with_suffix: log_group(std::slice::from_ref(&streams)), bare: log_group(&[]) };
    let stream = Resource::Arn(log_group(&[streams, Part::PATH]));
    [
        (DESCRIBE_LOG_GROUPS, resource_of(DESCRIBE_LOG_GROUPS, place)),
        ("logs:DescribeLogStreams", Some(group_arn)),
        ("logs:CreateLogStream", Some(stream.clone())),
        ("logs:PutLogEvents", Some(stream)),
    ]
    .map(|(action, resource)| need(action, NeededFor::CloudwatchLogs, resource))
}

fn custom(required: &RequiredAction, place: &Place<'_>) -> Need {
    let documented = CHANNEL_ACTIONS.into_iter().chain([DESCRIBE_LOG_GROUPS]);
    let wildcard_only = documented.into_iter().find(|action| action.eq_ignore_ascii_case(&required.action));
    let resource = match (&required.resource, wildcard_only) {
        (_, Some(action)) => resource_of(action, place),
        (Some(resource), None) => Some(Resource::Arn(Text::with_wildcards(resource))),
        (None, None) if required.action.eq_ignore_ascii_case(UPDATE_INSTANCE_INFORMATION) => {
            Some(Resource::Arn(place.instance_arn()))
        }
        (None, None) => None,
    };
    let service = required.action.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let in_region = ["ssm", "ssmmessages", "ec2messages", "logs"].contains(&service.as_str());
    let named = required.resource.as_deref().and_then(region_of_arn);
    let otherwise = if in_region { RequestedRegion::OfInstance } else { RequestedRegion::NotKnown };
    Need { requested_region: named.unwrap_or(otherwise), ..need(&required.action, NeededFor::Custom, resource) }
}

/// The Region in an ARN, unless it is left out or open.
fn region_of_arn(text: &str) -> Option<RequestedRegion> {
    let arn = Arn::parse(text)?;
    Some(RequestedRegion::Named(arn.region)).filter(
        |region| !matches!(region, RequestedRegion::Named(name) if name.is_empty() || name.contains(['*', '?'])),
    )
}

fn need(action: &str, needed_for: NeededFor, resource: Option<Resource>) -> Need {
    Need {
        action: action.to_owned(),
        resource: resource.unwrap_or_else(|| Resource::Arn(Text::any())),
        needed_for,
        requested_region: RequestedRegion::OfInstance,
        unresolved: false,
        cost: Cost::Sessions,
    }
}

/// The resource of an action that has no resource type, with the ARN that AWS's error messages show for it.
fn resource_of(action: &str, place: &Place<'_>) -> Option<Resource> {
    Some(match action {
        // The landing zone of AWS grants it on `...:log-group:*`.
        DESCRIBE_LOG_GROUPS => Resource::ShownAs(place.arn("logs", &[Part::from("log-group::log-stream:")])),
        _ => Resource::WildcardOnly { shown_as: place.arn("ssmmessages", &[Part::Any]) },
    })
}

#[cfg(test)]
mod tests;
