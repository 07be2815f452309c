//! What a template makes that Session Manager is to reach: instances, and what launches instances.

use super::evaluate::Evaluator;
use super::roles::{Found, find, tags, unknown};
use super::template::Resource;
use super::value::{Attribute, Holds, Value, Why};
use crate::facts::{Fact, Facts, InstanceProfile, MetadataOptions, PlannedInstance, Unreadable};
use crate::sources::existing::Existing;
use iam_eval::arn::Arn;

/// The types that are targets.
const TARGETS: [&str; 5] = [INSTANCE, LAUNCH_TEMPLATE, GROUP, LAUNCH_CONFIGURATION, SPOT_FLEET];

const INSTANCE: &str = "AWS::EC2::Instance";
const GROUP: &str = "AWS::AutoScaling::AutoScalingGroup";
const LAUNCH_TEMPLATE: &str = "AWS::EC2::LaunchTemplate";
const SPOT_FLEET: &str = "AWS::EC2::SpotFleet";
/// A group of nodes, to which it gives a role. A launch template must not name a profile for them
/// ([launch templates](https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html)).
const NODE_GROUP: &str = "AWS::EKS::Nodegroup";
/// What Batch launches, with a profile of its own: that of a launch template does not count
/// ([launch templates](https://docs.aws.amazon.com/batch/latest/userguide/launch-templates.html)).
const BATCH: &str = "AWS::Batch::ComputeEnvironment";
const LAUNCH_CONFIGURATION: &str = "AWS::AutoScaling::LaunchConfiguration";

/// Whether a type is a target.
pub fn is_target(kind: &str) -> bool {
    TARGETS.contains(&kind)
}

/// The profile that a launch names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Profile {
    /// One of the template, by its logical id.
    Here(String),
    /// One of this name or ARN that the template does not hold, and that it does not.
    Elsewhere(String, Unreadable),
    /// The one that EKS makes for this node group, of a role of the template.
    OfNodes(String, String),
    /// The same of a role that the template does not hold.
    OfNodesElsewhere(String, String, Unreadable),
}

/// What a launch says of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Launch {
    name: Option<String>,
    profile: Fact<Profile>,
    metadata: Fact<MetadataOptions>,
}

impl Launch {
    /// Nothing of it is known.
    fn unknown(attribute: &str, why: &Why) -> Launch {
        let reason = unknown(attribute, why);
        Launch { name: None, profile: Fact::Unreadable(reason.clone()), metadata: Fact::Unreadable(reason) }
    }

    /// What is said here wins over what it is derived from.
    fn over(self, base: Launch) -> Launch {
        Launch {
            name: self.name.or(base.name),
            profile: if self.profile == Fact::Absent { base.profile } else { self.profile },
            metadata: MetadataOptions::over(self.metadata, base.metadata),
        }
    }
}

/// The condition under which a resource is made, if that cannot be decided.
pub fn condition<'a>(evaluator: &Evaluator<'_>, resource: &'a Resource) -> Option<&'a str> {
    let is_open = matches!(evaluator.exists(resource), Holds::Unknown(why) if !why.is_mistake);
    resource.condition.as_deref().filter(|_| is_open && resource.rewritten.is_none())
}

/// What a resource makes of instances: one for each that differs, none if it is not created.
pub fn planned(
    evaluator: &Evaluator<'_>,
    resource: &Resource,
    facts: &mut Facts,
    existing: &mut Existing,
) -> Vec<PlannedInstance> {
    let launches = match evaluator.exists(resource) {
        Holds::No => Vec::new(),
        Holds::Unknown(why) => vec![Launch::unknown(&resource.id, &why)],
        Holds::Yes => launches(evaluator, resource),
    };
    let account = |name: &str| {
        let own = || evaluator.place.account.clone();
        Arn::parse(name).and_then(|arn| arn.account().map(str::to_owned)).or_else(own)
    };
    let of_nodes = |facts: &mut Facts, group: String, role: String| {
        let (arn, id, name, role) = (String::new(), String::new(), group.clone(), Some(role));
        facts.profiles.insert(group.clone(), Fact::Known(InstanceProfile { arn, id, name, role, tags: None }));
        Fact::Known(group)
    };
    let planned = launches.into_iter().map(|Launch { name, profile, metadata }| {
        let profile = match profile {
            Fact::Known(Profile::Here(id)) => Fact::Known(id),
            Fact::Known(Profile::Elsewhere(name, reason)) => {
                Fact::Known(existing.profile(facts, account(&name).as_deref(), &name, reason))
            }
            Fact::Known(Profile::OfNodes(group, role)) => of_nodes(facts, group, role),
            Fact::Known(Profile::OfNodesElsewhere(group, name, reason)) => {
                let role = existing.role(facts, account(&name).as_deref(), &name, reason);
                of_nodes(facts, group, role)
            }
            Fact::Absent => Fact::Absent,
            Fact::Unreadable(reason) => Fact::Unreadable(reason),
        };
        PlannedInstance { name, profile, metadata, state: None, location: None }
    });
    planned.collect()
}

/// What the launch specifications of a Spot Fleet say, and the templates that it launches from.
fn of_fleet(evaluator: &Evaluator<'_>, resource: &Resource) -> Vec<Launch> {
    const DATA: &str = "SpotFleetRequestConfigData";
    let data = evaluator.property(resource, DATA);
    let mut launches: Vec<Launch> = Vec::new();
    for (list, member) in
        [("LaunchSpecifications", None), ("LaunchTemplateConfigs", Some("LaunchTemplateSpecification"))]
    {
        let attribute = attribute(resource, &format!("{DATA}.{list}"));
        let found = match data.get(list).items() {
            Err(why) => vec![Launch::unknown(&attribute, &why)],
            Ok(items) => items
                .iter()
                .map(|item| match (member, item) {
                    (_, Value::Unknown(why)) => Launch::unknown(&attribute, why),
                    (Some(member), item) => of_template(evaluator, &item.get(member), &attribute),
                    (None, item) => Launch {
                        name: None,
                        profile: profile(evaluator, arn_or_name(&item.get("IamInstanceProfile")), &attribute),
                        metadata: Fact::Absent,
                    },
                })
                .collect(),
        };
        launches.extend(found);
    }
    if launches.is_empty() {
        let what = "it has no launch specification and no launch template";
        launches.push(Launch::unknown(&resource.id, &Why::new(resource.line, what)));
    }
    distinct(launches)
}

/// What a property says of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Name,
    Arn,
    Either,
}

/// The profile in an object that gives its ARN or its name.
fn arn_or_name(reference: &Value) -> (Value, Says) {
    match reference {
        Value::Map(_) => match reference.get("Arn") {
            Value::Nothing => (reference.get("Name"), Says::Name),
            arn => (arn, Says::Arn),
        },
        Value::Nothing | Value::Null | Value::Unknown(_) => (reference.clone(), Says::Either),
        _ => {
            let why = Why::new(0, "an object with the `Arn` or the `Name` of an instance profile is expected");
            (Value::Unknown(why), Says::Either)
        }
    }
}

/// Whether a value is a name or an ARN, as far as that shows.
fn says(value: &Value) -> Option<Says> {
    let text = value.to_text()?;
    match text.as_attribute() {
        Some(attribute) => match attribute.name.as_deref() {
            None => Some(Says::Name),
            Some("Arn") => Some(Says::Arn),
            // An output of a nested stack, say.
            Some(_) => None,
        },
        None if text.pattern().starts_with("arn:") => Some(Says::Arn),
        None => text.as_known().map(|_| Says::Name),
    }
}

/// Whether a resource is a launch template without a profile that instances of the template use. Those say themselves which profile
/// they have, and are targets.
pub fn is_part_of_instances(evaluator: &Evaluator<'_>, resource: &Resource, planned: &PlannedInstance) -> bool {
    resource.kind == LAUNCH_TEMPLATE && planned.profile == Fact::Absent && is_of_instance(evaluator, resource)
}

/// Whether an instance of the template uses a launch template.
fn is_of_instance(evaluator: &Evaluator<'_>, template: &Resource) -> bool {
    let uses = |instance: &Resource| {
        let specification = evaluator.property(instance, "LaunchTemplate");
        instance.kind == INSTANCE
            && evaluator.exists(instance) != Holds::No
            && specification != Value::Nothing
            && matches!(named(evaluator, &specification), Found::Here(named) if named.id == template.id)
    };
    evaluator.template.resources.iter().any(uses)
}

/// What a launch template launches. Node groups and Batch give instances of one without a profile their role.
fn of_users(evaluator: &Evaluator<'_>, template: &Resource, own: Launch) -> Vec<Launch> {
    if own.profile != Fact::Absent {
        return vec![own];
    }
    let (mut profiles, mut open) = (Vec::new(), None);
    for user in evaluator.template.resources.iter().filter(|user| evaluator.exists(user) != Holds::No) {
        let specification = match user.kind.as_str() {
            NODE_GROUP => evaluator.property(user, "LaunchTemplate"),
            BATCH => evaluator.property(user, "ComputeResources").get("LaunchTemplate"),
            _ => continue,
        };
        match named(evaluator, &specification) {
            _ if specification == Value::Nothing => {}
            Found::Here(named) if named.id == template.id => profiles.push(given_profile(evaluator, user)),
            Found::NotKnown(why) => open = open.or(Some(unknown(&attribute(user, "LaunchTemplate"), &why))),
            Found::Here(_) | Found::Elsewhere(_) => {}
        }
    }
    match open {
        Some(reason) if profiles.is_empty() && !is_of_instance(evaluator, template) => {
            vec![Launch { profile: Fact::Unreadable(reason), ..own }]
        }
        _ if profiles.is_empty() => vec![own],
        _ => distinct(profiles.into_iter().map(|profile| Launch { profile, ..own.clone() }).collect()),
    }
}

/// The profile of instances that a node group or Batch launches.
fn given_profile(evaluator: &Evaluator<'_>, user: &Resource) -> Fact<Profile> {
    if let Holds::Unknown(why) = evaluator.exists(user) {
        return Fact::Unreadable(unknown(&user.id, &why));
    }
    if user.kind == BATCH {
        let attribute = attribute(user, "ComputeResources.InstanceRole");
        let role = evaluator.property(user, "ComputeResources").get("InstanceRole");
        return match profile(evaluator, (role, Says::Either), &attribute) {
            Fact::Absent => {
                Fact::Unreadable(unknown(&attribute, &Why::new(user.line, format!("`{attribute}` is not set"))))
            }
            profile => profile,
        };
    }
    let (attribute, role) = (attribute(user, "NodeRole"), evaluator.property(user, "NodeRole"));
    if says(&role) == Some(Says::Name) {
        let what = format!("`{attribute}` is the name of a role, where its ARN stands");
        return Fact::Unreadable(unknown(&attribute, &Why::new(user.line, what)));
    }
    match find(evaluator, "AWS::IAM::Role", &role) {
        Found::Here(role) => Fact::Known(Profile::OfNodes(user.id.clone(), role.id.clone())),
        Found::NotKnown(why) => Fact::Unreadable(unknown(&attribute, &why)),
        Found::Elsewhere(name) => {
            let reason = unknown(&attribute, &Why::new(user.line, format!("the role `{name}` is not in the template")));
            Fact::Known(Profile::OfNodesElsewhere(user.id.clone(), name, reason))
        }
    }
}

fn launches(evaluator: &Evaluator<'_>, resource: &Resource) -> Vec<Launch> {
    match resource.kind.as_str() {
        SPOT_FLEET => of_fleet(evaluator, resource),
        GROUP => match evaluator.property(resource, "MixedInstancesPolicy") {
            Value::Nothing => vec![of_group(evaluator, resource)],
            mixed => of_mixed(evaluator, resource, &mixed.get("LaunchTemplate")),
        },
        LAUNCH_TEMPLATE => of_users(evaluator, resource, launch(evaluator, resource)),
        _ => vec![launch(evaluator, resource)],
    }
}

fn launch(evaluator: &Evaluator<'_>, resource: &Resource) -> Launch {
    let property = |name: &str| evaluator.property(resource, name);
    match resource.kind.as_str() {
        LAUNCH_TEMPLATE => of_data(evaluator, resource, &property("LaunchTemplateData")),
        LAUNCH_CONFIGURATION => {
            let metadata = options(&property("MetadataOptions"), &attribute(resource, "MetadataOptions"));
            let attribute = attribute(resource, "IamInstanceProfile");
            let profile = profile(evaluator, (property("IamInstanceProfile"), Says::Either), &attribute);
            let own = Launch { name: None, profile, metadata };
            match property("InstanceId") {
                Value::Nothing => own,
                instance => own.over(like_instance(evaluator, resource, &instance)),
            }
        }
        _ => of_instance(evaluator, resource),
    }
}

fn attribute(resource: &Resource, property: &str) -> String {
    format!("{}.{property}", resource.id)
}

fn of_instance(evaluator: &Evaluator<'_>, resource: &Resource) -> Launch {
    let property = |name: &str| evaluator.property(resource, name);
    let own = Launch {
        name: tags(&property("Tags")).ok().and_then(|mut tags| tags.remove("Name")),
        profile: profile(
            evaluator,
            (property("IamInstanceProfile"), Says::Name),
            &attribute(resource, "IamInstanceProfile"),
        ),
        metadata: options(&property("MetadataOptions"), &attribute(resource, "MetadataOptions")),
    };
    match property("LaunchTemplate") {
        Value::Nothing => own,
        value => own.over(of_template(evaluator, &value, &attribute(resource, "LaunchTemplate"))),
    }
}

/// What is derived of an instance, whose tags are its own: all properties but block devices and a public address
/// ([AWS::AutoScaling::LaunchConfiguration](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-autoscaling-launchconfiguration.html)).
fn like_instance(evaluator: &Evaluator<'_>, resource: &Resource, instance: &Value) -> Launch {
    let attribute = attribute(resource, "InstanceId");
    let found = find(evaluator, INSTANCE, instance);
    let launch = |instance: &Resource| Launch { name: None, ..of_instance(evaluator, instance) };
    through(evaluator, found, ("instance", resource.line, &attribute), launch)
}

/// What something says that an attribute refers to, which is called `what`; `line` is that of the attribute.
fn through(
    evaluator: &Evaluator<'_>,
    found: Found<'_>,
    (what, line, attribute): (&str, usize, &str),
    launch: impl FnOnce(&Resource) -> Launch,
) -> Launch {
    let why = match found {
        Found::NotKnown(why) => why,
        Found::Elsewhere(name) => Why::new(line, format!("the {what} `{name}` is not in the template")),
        Found::Here(resource) => match evaluator.exists(resource) {
            Holds::Yes => return launch(resource),
            Holds::Unknown(why) => why,
            Holds::No => Why::new(resource.line, format!("the {what} `{}` is not created", resource.id)),
        },
    };
    Launch::unknown(attribute, &why)
}

fn of_data(evaluator: &Evaluator<'_>, resource: &Resource, data: &Value) -> Launch {
    if let Value::Unknown(why) = data {
        return Launch::unknown(&attribute(resource, "LaunchTemplateData"), why);
    }
    let of = |name: &str| attribute(resource, &format!("LaunchTemplateData.{name}"));
    let reference = arn_or_name(&data.get("IamInstanceProfile"));
    let name = data.get("TagSpecifications").items().ok().and_then(|specifications| {
        let of_instances = |specification: &&Value| specification.get("ResourceType") == Value::known("instance");
        let specification = specifications.iter().find(of_instances)?;
        tags(&specification.get("Tags")).ok()?.remove("Name")
    });
    Launch {
        name,
        profile: profile(evaluator, reference, &of("IamInstanceProfile")),
        metadata: options(&data.get("MetadataOptions"), &of("MetadataOptions")),
    }
}

/// What the launch template says that an instance or a group names.
fn of_template(evaluator: &Evaluator<'_>, specification: &Value, attribute: &str) -> Launch {
    if let Value::Unknown(why) = specification {
        return Launch::unknown(attribute, why);
    }
    let of_version = |template: &Resource| match is_latest(template, &specification.get("Version")) {
        Err(why) => Launch::unknown(attribute, &why),
        Ok(()) => of_data(evaluator, template, &evaluator.property(template, "LaunchTemplateData")),
    };
    through(evaluator, named(evaluator, specification), ("launch template", 0, attribute), of_version)
}

/// The launch template that a specification names, by its reference or its name. That of a node group calls these otherwise.
fn named<'a>(evaluator: &'a Evaluator<'_>, specification: &Value) -> Found<'a> {
    let mut references =
        ["LaunchTemplateId", "LaunchTemplateName", "Id", "Name"].map(|it| specification.get(it)).into_iter();
    let reference = &references.find(|reference| *reference != Value::Nothing).unwrap_or(Value::Nothing);
    let name = reference.as_known();
    let named = evaluator.template.resources.iter().find(|resource| {
        let own = || evaluator.property(resource, "LaunchTemplateName").as_known();
        resource.kind == LAUNCH_TEMPLATE && name.is_some() && own() == name
    });
    named.map_or_else(|| find(evaluator, LAUNCH_TEMPLATE, reference), Found::Here)
}

/// Whether a version is what the template holds. An earlier one may be of an earlier deployment.
fn is_latest(template: &Resource, version: &Value) -> Result<(), Why> {
    let text = version.to_text();
    let of_template = |attribute: &Attribute| {
        attribute.resource == template.id && attribute.name.as_deref() == Some("LatestVersionNumber")
    };
    let is_latest = text
        .as_ref()
        .is_some_and(|text| text.as_known() == Some("$Latest") || text.as_attribute().is_some_and(of_template));
    match is_latest {
        true => Ok(()),
        false => Err(Why::new(
            template.line,
            format!(
                "the version of the launch template `{}` may be of an earlier deployment; name `!GetAtt {}.LatestVersionNumber`",
                template.id, template.id
            ),
        )),
    }
}

fn of_group(evaluator: &Evaluator<'_>, resource: &Resource) -> Launch {
    let property = |name: &str| evaluator.property(resource, name);
    let specification = property("LaunchTemplate");
    if specification != Value::Nothing {
        return of_template(evaluator, &specification, &attribute(resource, "LaunchTemplate"));
    }
    let configuration = property("LaunchConfigurationName");
    if configuration != Value::Nothing {
        let attribute = attribute(resource, "LaunchConfigurationName");
        let found = find(evaluator, LAUNCH_CONFIGURATION, &configuration);
        let of = ("launch configuration", resource.line, attribute.as_str());
        return through(evaluator, found, of, |configuration| launch(evaluator, configuration));
    }
    let instance = property("InstanceId");
    if instance != Value::Nothing {
        return like_instance(evaluator, resource, &instance);
    }
    let what = "it names no launch template and no launch configuration";
    Launch::unknown(&resource.id, &Why::new(resource.line, what))
}

/// What the templates say that a group launches its instances from.
fn of_mixed(evaluator: &Evaluator<'_>, resource: &Resource, template: &Value) -> Vec<Launch> {
    let attribute = attribute(resource, "MixedInstancesPolicy");
    let of = |specification: &Value| of_template(evaluator, specification, &attribute);
    let mut launches = vec![of(&template.get("LaunchTemplateSpecification"))];
    match template.get("Overrides").items() {
        Err(why) => launches.push(Launch::unknown(&attribute, &why)),
        Ok(items) => {
            let own = items.iter().map(|item| item.get("LaunchTemplateSpecification"));
            launches.extend(own.filter(|own| *own != Value::Nothing).map(|own| of(&own)));
        }
    }
    distinct(launches)
}

fn distinct(launches: Vec<Launch>) -> Vec<Launch> {
    let mut distinct: Vec<Launch> = Vec::new();
    for launch in launches {
        if !distinct.contains(&launch) {
            distinct.push(launch);
        }
    }
    distinct
}

/// The profile that a value names; absent where there is none. An instance takes no ARN
/// ([AWS::EC2::Instance](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-instance.html)).
fn profile(evaluator: &Evaluator<'_>, (value, expected): (Value, Says), attribute: &str) -> Fact<Profile> {
    if value == Value::Nothing {
        return Fact::Absent;
    }
    let mistaken = match (expected, says(&value)) {
        (Says::Name, Some(Says::Arn)) => Some("is the ARN of an instance profile, where its name stands"),
        (Says::Arn, Some(Says::Name)) => Some("is the name of an instance profile, where its ARN stands"),
        _ => None,
    };
    if let Some(what) = mistaken {
        return Fact::Unreadable(unknown(attribute, &Why::new(0, format!("`{attribute}` {what}"))));
    }
    match find(evaluator, "AWS::IAM::InstanceProfile", &value) {
        Found::Here(profile) => Fact::Known(Profile::Here(profile.id.clone())),
        Found::NotKnown(why) => Fact::Unreadable(unknown(attribute, &why)),
        Found::Elsewhere(name) => {
            let what = format!("the instance profile `{name}` is not in the template");
            Fact::Known(Profile::Elsewhere(name, unknown(attribute, &Why::new(0, what))))
        }
    }
}

fn options(value: &Value, attribute: &str) -> Fact<MetadataOptions> {
    let known = |name: &str| match value.get(name) {
        Value::Nothing => Ok(None),
        value => value.to_known("it").map(Some),
    };
    let endpoint = format!("{attribute}.HttpEndpoint");
    match (known("HttpEndpoint"), known("HttpTokens")) {
        // Only conditions on how credentials were delivered look at the tokens.
        (Ok(http_endpoint), tokens) => MetadataOptions::planned(http_endpoint, tokens.ok().flatten(), || {
            unknown(&endpoint, &Why::new(0, format!("`{endpoint}` is neither `enabled` nor `disabled`")))
        }),
        (Err(why), _) => Fact::Unreadable(unknown(&endpoint, &why)),
    }
}
