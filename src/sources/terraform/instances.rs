//! What a plan launches: instances, and the groups, templates and configurations that launch them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::alike;
use super::elsewhere::put_off;
use super::links::{Link, after_apply, in_some_account, not_in_plan, one_of_several, outlived, outside};
use super::metadata::{default_of_region, metadata};
use super::network::Locations;
use super::plan::{Attribute, Plan, Resource};
use super::references::Leaf;
use super::roles::{ROLE_NAMES, arn_of, name_of};
use super::whereabouts::Whereabouts;
use crate::facts::{
    Fact, Facts, InstanceProfile, MetadataOptions, Origin, PlannedInstance, Subject, SubjectKind, Unreadable,
};
use crate::sources::existing::Existing;
use iam_eval::arn::Arn;

/// The types that are targets.
const TARGETS: [&str; 6] = [
    "aws_instance",
    "aws_spot_instance_request",
    "aws_spot_fleet_request",
    "aws_launch_template",
    "aws_launch_configuration",
    "aws_autoscaling_group",
];

/// The types that are one instance.
const INSTANCES: [&str; 2] = ["aws_instance", "aws_spot_instance_request"];

/// The type of a group of nodes, which gives them a role. A launch template must not name a profile for them
/// ([launch templates](https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html)).
const NODE_GROUP: &str = "aws_eks_node_group";

/// The type of what Batch launches with a profile of its own: that of a launch template does not count
/// ([launch templates](https://docs.aws.amazon.com/batch/latest/userguide/launch-templates.html)).
const BATCH: &str = "aws_batch_compute_environment";

/// What says beside a launch template which role instances have: the block that names the template, and its arguments.
const SAY_THE_ROLE: [(&str, &str, [&str; 2]); 4] = [
    ("aws_instance", "launch_template", ["id", "name"]),
    ("aws_spot_instance_request", "launch_template", ["id", "name"]),
    (NODE_GROUP, "launch_template", ["id", "name"]),
    (BATCH, "compute_resources/0/launch_template", ["launch_template_id", "launch_template_name"]),
];

/// Whether a resource is one instance.
pub(super) fn is_instance(resource: &Resource<'_>) -> bool {
    INSTANCES.contains(&resource.kind.as_str())
}

/// The resources that are targets.
pub(super) fn targets<'p, 'a>(plan: &'p Plan<'a>) -> impl Iterator<Item = &'p Resource<'a>> {
    plan.resources.iter().filter(|it| !it.is_data && TARGETS.contains(&it.kind.as_str()))
}

/// What is found out of a plan, and what that takes.
struct Gathered<'f> {
    whereabouts: &'f Whereabouts,
    facts: &'f mut Facts,
    existing: &'f mut Existing,
}

/// What a launch gives an instance.
#[derive(Clone, PartialEq)]
struct Launch {
    profile: Fact<String>,
    metadata: Fact<MetadataOptions>,
}

impl Launch {
    fn nothing() -> Launch {
        Launch { profile: Fact::Absent, metadata: Fact::Absent }
    }

    fn not_known(reason: Unreadable) -> Launch {
        Launch { profile: Fact::Unreadable(reason.clone()), metadata: Fact::Unreadable(reason) }
    }

    /// It, unless one of the others that may be meant is another.
    fn if_alike(self, others: &[Launch], facts: &Facts, why: impl Fn() -> Unreadable) -> Launch {
        let is_alike =
            |other: &Launch| self.metadata == other.metadata && alike::profiles(facts, &self.profile, &other.profile);
        if others.iter().all(is_alike) { self } else { Launch::not_known(why()) }
    }

    /// What the instance says itself wins over its template.
    fn or(self, template: Launch) -> Launch {
        let profile = if self.profile == Fact::Absent { template.profile } else { self.profile };
        Launch { profile, metadata: MetadataOptions::over(self.metadata, template.metadata) }
    }
}

/// Adds a subject for everything in the plan that is or launches an instance. A group that launches from several templates has one
/// for each that differs.
pub(super) fn add(plan: &Plan<'_>, whereabouts: &Whereabouts, facts: &mut Facts, existing: &mut Existing) {
    let locations = Locations::of(plan, &facts.networks);
    let mut gathered = Gathered { whereabouts, facts, existing };
    let into = &mut gathered;
    let uses = Uses::of(plan);
    for resource in targets(plan) {
        let place = into.whereabouts.of_resource(resource);
        let location = place.region.as_ref().and_then(|region| {
            let network = Arc::make_mut(into.facts.networks.get_mut(region)?);
            locations.location(resource, region, network)
        });
        let default = default_of_region(plan, into.whereabouts, resource);
        let state = state_of(plan, resource);
        let launches = launches(plan, resource, into);
        for Launch { profile, metadata } in uses.give(plan, resource, launches, into) {
            let metadata = MetadataOptions::over(metadata, default.clone());
            into.facts.subjects.push(Subject {
                target: resource.address.clone(),
                account: place.account.clone(),
                region: place.region.clone(),
                partition: place.partition.clone(),
                from_selection: false,
                origin: Some(Origin { file: plan.file.to_owned(), address: resource.address.clone(), line: None }),
                kind: SubjectKind::Planned(Box::new(PlannedInstance {
                    name: tag_name(resource),
                    profile,
                    metadata,
                    state: state.clone(),
                    location: location.clone(),
                })),
            });
        }
    }
    // What is put off is launched by a later run.
    for deferred in plan.deferred.iter().filter(|deferred| TARGETS.contains(&deferred.kind.as_str())) {
        into.facts.subjects.push(Subject {
            target: deferred.address.clone(),
            account: None,
            region: None,
            partition: None,
            from_selection: false,
            origin: Some(Origin { file: plan.file.to_owned(), address: deferred.address.clone(), line: None }),
            kind: SubjectKind::Planned(Box::new(PlannedInstance {
                name: None,
                profile: Fact::Unreadable(put_off(deferred)),
                metadata: Fact::Absent,
                state: None,
                location: None,
            })),
        });
    }
}

/// Which launch templates are used by what says itself which role instances have.
#[derive(Default)]
struct Uses<'p, 'a> {
    /// By the template's address. Of several that may be meant it is not known which is.
    by_template: BTreeMap<&'p str, Vec<Result<&'p Resource<'a>, Unreadable>>>,
    /// Why any template may be used so.
    open: Option<Unreadable>,
}

impl<'p, 'a> Uses<'p, 'a> {
    fn of(plan: &'p Plan<'a>) -> Uses<'p, 'a> {
        let mut uses = Uses::default();
        for (kind, block, names) in SAY_THE_ROLE {
            for user in plan.managed(kind) {
                if is_open(user, block) {
                    uses.open.get_or_insert_with(|| after_apply(user, block));
                } else if user.block_count(block) > 0 {
                    uses.add(plan, user, &format!("{block}/0"), names);
                }
            }
        }
        uses
    }

    fn add(&mut self, plan: &'p Plan<'a>, user: &'p Resource<'a>, path: &str, names: [&str; 2]) {
        let (link, argument) = template_of(plan, user, path, names);
        let at = format!("{path}/{argument}");
        match link {
            Link::To(template) => {
                let others = plan.others(user, &at);
                let is_sure = others.is_empty() || is_instance(user);
                for template in others.into_iter().chain([template]) {
                    let used = if is_sure { Ok(user) } else { Err(one_of_several(user, &at)) };
                    self.by_template.entry(&template.address).or_default().push(used);
                }
            }
            Link::NotKnown => drop(self.open.get_or_insert_with(|| after_apply(user, &at))),
            Link::Nothing | Link::Outside(_) => {}
        }
    }

    /// What a launch template without a profile launches, with the role that its users give; nothing where these are instances, which
    /// are targets themselves. Anything else is as it is.
    fn give(
        &self,
        plan: &Plan<'_>,
        target: &Resource<'_>,
        launches: Vec<Launch>,
        into: &mut Gathered<'_>,
    ) -> Vec<Launch> {
        let names_none = launches.iter().all(|launch| launch.profile == Fact::Absent);
        if target.kind != "aws_launch_template" || !names_none {
            return launches;
        }
        let profiles: Vec<Fact<String>> = match (self.by_template.get(target.address.as_str()), &self.open) {
            (Some(users), _) => users
                .iter()
                .filter(|user| !user.as_ref().is_ok_and(|user| is_instance(user)))
                .map(|user| match user {
                    Ok(user) => given_profile(plan, user, into),
                    Err(reason) => Fact::Unreadable(reason.clone()),
                })
                .collect(),
            (None, Some(reason)) => vec![Fact::Unreadable(reason.clone())],
            (None, None) => return launches,
        };
        let mut given: Vec<Launch> = Vec::new();
        for launch in launches {
            for profile in &profiles {
                let launch = Launch { profile: profile.clone(), metadata: launch.metadata.clone() };
                if !given.contains(&launch) {
                    given.push(launch);
                }
            }
        }
        given
    }
}

/// The profile of instances that a node group or Batch launches. EKS makes one of the role of a node group.
fn given_profile(plan: &Plan<'_>, user: &Resource<'_>, into: &mut Gathered<'_>) -> Fact<String> {
    if user.kind == BATCH {
        let path = "compute_resources/0/instance_role";
        return match own(plan, user, path, into).profile {
            Fact::Absent => Fact::Unreadable(not_in_plan(user, path, "is not set")),
            profile => profile,
        };
    }
    let key = user.address.clone();
    let role = role_of(plan, user, "node_role_arn", &["arn"], into);
    let made = InstanceProfile { arn: String::new(), id: String::new(), name: key.clone(), role, tags: None };
    into.facts.profiles.insert(key.clone(), Fact::Known(made));
    Fact::Known(key)
}

/// The state that an instance is put into, or that one which exists is in.
fn state_of(plan: &Plan<'_>, instance: &Resource<'_>) -> Option<String> {
    let is_of_it = |state: &&Resource<'_>| {
        let link = plan.link(state, "instance_id", "aws_instance", &["id"]);
        matches!(link, Link::To(to) if to.address == instance.address) && plan.others(state, "instance_id").is_empty()
    };
    let put_into = plan.managed("aws_ec2_instance_state").into_iter().filter(is_of_it).find_map(|it| it.text("state"));
    let found = instance.text("instance_state").filter(|_| !instance.is_new);
    put_into.or(found).map(str::to_owned)
}

fn tag_name(resource: &Resource<'_>) -> Option<String> {
    // The tags of a group are a list of blocks.
    let of_group = || {
        let tags = resource.values.get("tag")?.as_array()?;
        let tag = tags.iter().find(|tag| tag.get("key").and_then(Value::as_str) == Some("Name"))?;
        tag.get("value")?.as_str()
    };
    resource.text("tags/Name").or_else(of_group).map(str::to_owned)
}

fn launches(plan: &Plan<'_>, resource: &Resource<'_>, into: &mut Gathered<'_>) -> Vec<Launch> {
    match resource.kind.as_str() {
        "aws_launch_template" => vec![of_template(plan, resource, into)],
        "aws_launch_configuration" => vec![own(plan, resource, "iam_instance_profile", into)],
        "aws_autoscaling_group" => of_group(plan, resource, into),
        "aws_spot_fleet_request" => of_fleet(plan, resource, into),
        _ => {
            let own = own(plan, resource, "iam_instance_profile", into);
            // A template counts when an instance is launched, and one that exists has in its values what it got then.
            if !resource.is_new {
                return vec![own];
            }
            let template = through_template(plan, resource, "launch_template/0", ["id", "name"], into);
            vec![own.or(template.unwrap_or_else(Launch::nothing))]
        }
    }
}

fn of_template(plan: &Plan<'_>, template: &Resource<'_>, into: &mut Gathered<'_>) -> Launch {
    let by_name = own(plan, template, "iam_instance_profile/0/name", into);
    let by_arn = own(plan, template, "iam_instance_profile/0/arn", into);
    by_name.or(by_arn)
}

/// The templates that a group launches from, or its configuration.
fn of_group(plan: &Plan<'_>, group: &Resource<'_>, into: &mut Gathered<'_>) -> Vec<Launch> {
    let mut paths = Vec::new();
    if group.block_count("launch_template") > 0 {
        paths.push(("launch_template/0".to_owned(), ["id", "name"]));
    }
    let of_mixed = ["launch_template_id", "launch_template_name"];
    let mixed = "mixed_instances_policy/0/launch_template/0";
    let overrides = format!("{mixed}/override");
    let mut open = Vec::new();
    if group.block_count("mixed_instances_policy") > 0 {
        paths.push((format!("{mixed}/launch_template_specification/0"), of_mixed));
        open.extend(is_open(group, &overrides).then(|| overrides.clone()));
        for index in 0..group.block_count(&overrides) {
            let specification = format!("{overrides}/{index}/launch_template_specification");
            if group.block_count(&specification) > 0 {
                paths.push((format!("{specification}/0"), of_mixed));
            }
            open.extend(is_open(group, &specification).then_some(specification));
        }
    }
    let mut launches: Vec<Launch> = open.iter().map(|path| Launch::not_known(after_apply(group, path))).collect();
    for (path, names) in paths {
        let launch = through_template(plan, group, &path, names, into).unwrap_or_else(Launch::nothing);
        if !launches.contains(&launch) {
            launches.push(launch);
        }
    }
    let configuration = plan.link(group, "launch_configuration", "aws_launch_configuration", &["name", "id"]);
    match configuration {
        Link::To(configuration) => {
            let mut of = |it: &Resource<'_>| own(plan, it, "iam_instance_profile", into);
            let launch = of(configuration);
            let others: Vec<Launch> = plan.others(group, "launch_configuration").into_iter().map(of).collect();
            launches.push(launch.if_alike(&others, into.facts, || one_of_several(group, "launch_configuration")));
        }
        Link::Outside(name) => {
            launches.push(Launch::not_known(outside(group, "launch_configuration", "launch configuration", &name)));
        }
        Link::NotKnown if group.expression("launch_configuration").is_some() => {
            launches.push(Launch::not_known(after_apply(group, "launch_configuration")));
        }
        Link::NotKnown | Link::Nothing => {}
    }
    if launches.is_empty() {
        launches.push(Launch::not_known(after_apply(group, "launch_template")));
    }
    launches
}

/// What the launch specifications of a Spot Fleet say, and the templates that it launches from.
fn of_fleet(plan: &Plan<'_>, fleet: &Resource<'_>, into: &mut Gathered<'_>) -> Vec<Launch> {
    const SPECIFICATION: &str = "launch_specification";
    const TEMPLATE: &str = "launch_template_config";
    let mut launches = Vec::new();
    launches.extend(
        [SPECIFICATION, TEMPLATE]
            .into_iter()
            .filter(|block| is_open(fleet, block))
            .map(|block| Launch::not_known(after_apply(fleet, block))),
    );
    let specifications = fleet.block_count(SPECIFICATION);
    for index in 0..specifications {
        let [by_name, by_arn] =
            ["iam_instance_profile", "iam_instance_profile_arn"].map(|it| format!("{SPECIFICATION}/{index}/{it}"));
        // Specifications are a set: the configuration has them in another order.
        let open = [&by_name, &by_arn].into_iter().find(|path| fleet.attribute(path) == Attribute::Unknown);
        launches.push(match open.filter(|_| specifications > 1) {
            Some(path) => Launch::not_known(after_apply(fleet, path)),
            None => own(plan, fleet, &by_name, into).or(own(plan, fleet, &by_arn, into)),
        });
    }
    let templates = fleet.block_count(TEMPLATE);
    for index in 0..templates {
        let path = format!("{TEMPLATE}/{index}/launch_template_specification/0");
        let open = ["id", "name"].iter().any(|it| fleet.attribute(&format!("{path}/{it}")) == Attribute::Unknown);
        let launch = match open && templates > 1 {
            true => Some(Launch::not_known(after_apply(fleet, &path))),
            false => through_template(plan, fleet, &path, ["id", "name"], into),
        };
        launches.push(launch.unwrap_or_else(Launch::nothing));
    }
    let mut distinct: Vec<Launch> = Vec::new();
    for launch in launches {
        if !distinct.contains(&launch) {
            distinct.push(launch);
        }
    }
    if distinct.is_empty() {
        distinct.push(Launch::not_known(after_apply(fleet, SPECIFICATION)));
    }
    distinct
}

/// Whether it is not known how many blocks there will be.
fn is_open(resource: &Resource<'_>, path: &str) -> bool {
    resource.block_count(path) == 0 && resource.attribute(path) == Attribute::Unknown
}

/// What the template in a block of an instance or group gives; `None` where there is no such block.
fn through_template(
    plan: &Plan<'_>,
    resource: &Resource<'_>,
    path: &str,
    names: [&str; 2],
    into: &mut Gathered<'_>,
) -> Option<Launch> {
    let block = path.strip_suffix("/0").unwrap_or(path);
    if is_open(resource, block) {
        return Some(Launch::not_known(after_apply(resource, block)));
    }
    if resource.block_count(block) == 0 {
        return None;
    }
    let (link, argument) = template_of(plan, resource, path, names);
    let at = format!("{path}/{argument}");
    Some(match link {
        Link::Nothing => return None,
        Link::To(template) => {
            let version = version_of(plan, resource, path, template);
            match (outlived(resource, &at, template), version) {
                (Some(reason), _) | (None, Version::Other(reason)) => Launch::not_known(reason),
                (None, Version::Before(before)) => match plan.others(resource, &at).is_empty() {
                    true => of_template(plan, &before, into),
                    false => Launch::not_known(one_of_several(resource, &at)),
                },
                (None, Version::Newest) => {
                    let launch = of_template(plan, template, into);
                    let others: Vec<Launch> =
                        plan.others(resource, &at).into_iter().map(|other| of_template(plan, other, into)).collect();
                    launch.if_alike(&others, into.facts, || one_of_several(resource, &at))
                }
            }
        }
        Link::Outside(name) => Launch::not_known(outside(resource, &at, "launch template", &name)),
        Link::NotKnown => Launch::not_known(after_apply(resource, &at)),
    })
}

/// The template that a block names, and the argument that says so.
fn template_of<'p, 'a, 'n>(
    plan: &'p Plan<'a>,
    resource: &Resource<'a>,
    path: &str,
    names: [&'n str; 2],
) -> (Link<'p, 'a>, &'n str) {
    let is_set = |name: &&&str| resource.is_set(&format!("{path}/{name}"));
    let [id, name] = names;
    let mut link = (Link::Nothing, id);
    // The one that the configuration sets says it; the other follows from it.
    for argument in names.iter().filter(is_set).chain([&id, &name]) {
        let found = plan.link(resource, &format!("{path}/{argument}"), "aws_launch_template", &["id", "name"]);
        if matches!(link.0, Link::Nothing) || matches!((&link.0, &found), (Link::NotKnown, Link::To(_))) {
            link = (found, *argument);
        }
    }
    link
}

/// Which version of a template is launched.
enum Version<'a> {
    /// The one that the plan shows.
    Newest,
    /// The one that was the newest before the plan changes the template.
    Before(Box<Resource<'a>>),
    /// Perhaps another.
    Other(Unreadable),
}

/// The version of a template that is launched; a plan shows its newest, and that which was the newest before.
fn version_of<'a>(plan: &Plan<'a>, resource: &Resource<'_>, path: &str, template: &Resource<'a>) -> Version<'a> {
    // Of one that exists a data source shows the newest version too.
    if template.is_new && !template.is_data {
        return Version::Newest;
    }
    let at = format!("{path}/version");
    let known = |name: &str| match template.attribute(name) {
        Attribute::Known(version) => version.as_u64(),
        Attribute::Unknown | Attribute::Null => None,
    };
    let (newest, default) = (known("latest_version"), known("default_version"));
    let before = template.before.get("latest_version").and_then(Value::as_u64);
    let follows_newest = template.values.get("update_default_version") == Some(&Value::Bool(true));
    // The provider fills in a version that is left out: that is the default one. A dynamic block is not in the configuration.
    let is_left_out = resource.expression(path).is_some() && resource.expression(&at).is_none();
    let of_number = |number: Option<u64>| match number {
        Some(_) if number == newest => Some(Version::Newest),
        // An update makes a new version.
        Some(_) if number == before && newest.is_none() => {
            template.as_before().map(|before| Version::Before(Box::new(before)))
        }
        _ => None,
    };
    let version = match resource.attribute(&at) {
        Attribute::Known(Value::String(version)) if version == "$Latest" => Some(Version::Newest),
        Attribute::Known(Value::String(version)) if version != "$Default" => of_number(version.parse().ok()),
        Attribute::Unknown if !is_left_out => {
            is_of_newest(plan, resource, &at, template, follows_newest).then_some(Version::Newest)
        }
        Attribute::Unknown | Attribute::Known(_) | Attribute::Null if follows_newest => Some(Version::Newest),
        Attribute::Unknown | Attribute::Known(_) | Attribute::Null => of_number(default),
    };
    version.unwrap_or_else(|| {
        let path = if is_left_out || resource.attribute(&at) == Attribute::Null { path } else { at.as_str() };
        let what = format!(
            "may launch another version of `{}` than its newest, and the plan shows that one only",
            template.address
        );
        Version::Other(not_in_plan(resource, path, &what))
    })
}

/// Whether a version that is not known yet is the one that the plan makes of a template.
fn is_of_newest(
    plan: &Plan<'_>,
    resource: &Resource<'_>,
    at: &str,
    template: &Resource<'_>,
    follows_newest: bool,
) -> bool {
    let leaves = plan.leaves(resource, at);
    let is_it = |leaf: &Leaf| match leaf {
        Leaf::Attribute { address, attribute } => {
            *address == template.address
                && (attribute == "latest_version" || follows_newest && attribute == "default_version")
        }
        Leaf::Untold(_) => false,
    };
    !leaves.is_empty() && leaves.iter().all(is_it)
}

/// What a resource says itself of the profile and the metadata options.
fn own(plan: &Plan<'_>, resource: &Resource<'_>, path: &str, into: &mut Gathered<'_>) -> Launch {
    let is_arn = path.ends_with("arn");
    let block = path.split('/').next().unwrap_or(path);
    // Dynamic blocks are not in the configuration of a plan, but no provider fills in a block of a profile.
    let is_set = path.contains('/') || resource.is_set(block);
    let names: &[&str] = match (is_arn, takes_either(resource)) {
        (true, _) => &["arn"],
        (false, true) => &["name", "id", "arn"],
        (false, false) => &["name", "id"],
    };
    let profile = match resource.attribute(path) {
        // The provider fills in what is left out: then there is none.
        Attribute::Unknown if resource.is_new && (!is_set || plan.is_null(resource, path)) => Fact::Absent,
        _ => match plan.link(resource, path, "aws_iam_instance_profile", names) {
            Link::Nothing => Fact::Absent,
            Link::To(profile) => {
                // What launches instances looks the name up each time.
                if let Some(reason) = outlived(resource, path, profile).filter(|_| is_instance(resource)) {
                    return Launch { profile: Fact::Unreadable(reason), metadata: metadata(resource) };
                }
                let profile = Fact::Known(add_profile(plan, profile, into));
                let is_alike = |other: &Resource<'_>| {
                    let other = Fact::Known(add_profile(plan, other, into));
                    alike::profiles(into.facts, &profile, &other)
                };
                match plan.others(resource, path).into_iter().all(is_alike) {
                    true => profile,
                    false => Fact::Unreadable(one_of_several(resource, path)),
                }
            }
            Link::Outside(name) => outside_profile(plan, resource, path, &name, into),
            Link::NotKnown => Fact::Unreadable(after_apply(resource, path)),
        },
    };
    Launch { profile, metadata: metadata(resource) }
}

/// Whether the argument of a resource takes the ARN of a profile in the place of its name
/// ([CreateLaunchConfiguration](https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateLaunchConfiguration.html),
/// [ComputeResource](https://docs.aws.amazon.com/batch/latest/APIReference/API_ComputeResource.html)).
fn takes_either(resource: &Resource<'_>) -> bool {
    matches!(resource.kind.as_str(), "aws_launch_configuration" | BATCH)
}

/// A profile that is named by an ARN of the plan's own account may be one of the plan, whose ARN is not known yet.
fn outside_profile(
    plan: &Plan<'_>,
    resource: &Resource<'_>,
    path: &str,
    name: &str,
    into: &mut Gathered<'_>,
) -> Fact<String> {
    let arn = Arn::parse(name);
    if arn.is_some() && !path.ends_with("arn") && !takes_either(resource) {
        return Fact::Unreadable(not_in_plan(
            resource,
            path,
            "is an ARN, where the name of an instance profile stands",
        ));
    }
    if let Some(arn) = &arn {
        let last = name.rsplit('/').next().unwrap_or(name);
        let own = plan.link_by_text(resource, path, last, "aws_iam_instance_profile", &["name"]);
        let has_arn = |profile: &Resource<'_>| {
            let place = into.whereabouts.of_resource(profile);
            match arn_of(profile, "instance-profile", &place) {
                Some(own) => own == name,
                // Without the account its path still tells.
                None => {
                    let other = place.account.is_some_and(|own| arn.account() != Some(&own));
                    !other
                        && profile
                            .text("path")
                            .is_none_or(|path| name.ends_with(&format!(":instance-profile{path}{last}")))
                }
            }
        };
        if let Link::To(profile) = own
            && has_arn(profile)
        {
            return Fact::Known(add_profile(plan, profile, into));
        }
    }
    if let Some(going) = plan.deleted("aws_iam_instance_profile", name) {
        if plan.has_several_credentials() {
            return Fact::Unreadable(in_some_account(going));
        }
        let key = format!("{}/{}", going.address, name.rsplit('/').next().unwrap_or(name));
        into.facts.profiles.insert(key.clone(), Fact::Absent);
        return Fact::Known(key);
    }
    let account = match arn {
        Some(arn) => arn.account().map(str::to_owned),
        None => into.whereabouts.of_resource(resource).account,
    };
    let reason = outside(resource, path, "instance profile", name);
    Fact::Known(into.existing.profile(into.facts, account.as_deref(), name, reason))
}

/// Adds a profile, and gives its key.
fn add_profile(plan: &Plan<'_>, profile: &Resource<'_>, into: &mut Gathered<'_>) -> String {
    let key = profile.address.clone();
    if into.facts.profiles.contains_key(&key) {
        return key;
    }
    // The data source calls it otherwise, and before version 4 of the provider there was a list.
    let path = match (profile.is_data, profile.attribute("role"), profile.attribute("roles/0")) {
        (true, ..) => "role_name",
        (false, Attribute::Null, Attribute::Known(_) | Attribute::Unknown) => "roles/0",
        (false, ..) => "role",
    };
    let place = into.whereabouts.of_resource(profile);
    let role = role_of(plan, profile, path, &ROLE_NAMES, into);
    let made = InstanceProfile {
        arn: arn_of(profile, "instance-profile", &place).unwrap_or_default(),
        id: profile.text("unique_id").unwrap_or_default().to_owned(),
        name: name_of(profile),
        role,
        tags: None,
    };
    into.facts.profiles.insert(key.clone(), Fact::Known(made));
    key
}

/// The key of the role that an argument names in one of these ways; `None` where it names none.
fn role_of(
    plan: &Plan<'_>,
    from: &Resource<'_>,
    path: &str,
    names: &[&str],
    into: &mut Gathered<'_>,
) -> Option<String> {
    let place = into.whereabouts.of_resource(from);
    // Deleting a role takes it out of every profile
    // (https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/iam/role.go).
    let mut existing_role = |name: &str| {
        let reason = outside(from, path, "role", name);
        let arn = Arn::parse(name);
        let last = name.rsplit('/').next().unwrap_or(name);
        // An ARN that is written out may be that of a role of the plan.
        let is_made = || plan.called_so(last).iter().any(|role| role.kind == "aws_iam_role");
        match into.existing.deleted_role(last) {
            Some(Fact::Unreadable(reason)) => Some(not_made(into.facts, reason)),
            Some(_) => None,
            None if arn.is_some() && is_made() => Some(not_made(into.facts, reason)),
            None => {
                let account = arn.as_ref().and_then(Arn::account).or(place.account.as_deref());
                Some(into.existing.role(into.facts, account, name, reason))
            }
        }
    };
    match plan.link(from, path, "aws_iam_role", names) {
        Link::Nothing => None,
        Link::To(role) if !role.is_data => {
            let is_alike = |other: &Resource<'_>| alike::roles(into.facts, &role.address, &other.address);
            let is_any = plan.others(from, path).into_iter().all(is_alike);
            // A role that goes is taken out of its profiles before.
            let reason = outlived(from, path, role).or_else(|| (!is_any).then(|| one_of_several(from, path)));
            Some(match reason {
                None => role.address.clone(),
                Some(reason) => not_made(into.facts, reason),
            })
        }
        Link::To(role) => existing_role(&name_of(role)),
        Link::Outside(name) => existing_role(&name),
        Link::NotKnown => Some(not_made(into.facts, after_apply(from, path))),
    }
}

/// A role of which the plan says nothing but its name; gives its key.
fn not_made(facts: &mut Facts, reason: Unreadable) -> String {
    let key = reason.api.clone();
    facts.roles.entry(key.clone()).or_insert(Fact::Unreadable(reason));
    key
}
