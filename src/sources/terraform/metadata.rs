//! The metadata options of what a plan launches: its own, and those that the plan makes the default of a Region.

use serde_json::Value;

use super::instances::is_instance;
use super::links::{after_apply, not_in_plan};
use super::plan::{Attribute, Plan, Resource};
use super::whereabouts::Whereabouts;
use crate::facts::{Fact, MetadataOptions};

/// See [metadata options](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html).
pub(super) fn metadata(resource: &Resource<'_>) -> Fact<MetadataOptions> {
    let text = |name: &str| resource.text(&format!("metadata_options/0/{name}")).map(str::to_owned);
    let endpoint = "metadata_options/0/http_endpoint";
    match resource.attribute(endpoint) {
        // What is left out is as the image and the account say, which is not in the plan.
        Attribute::Unknown if leaves_endpoint_out(resource) => {
            MetadataOptions::planned(None, text("http_tokens"), || after_apply(resource, endpoint))
        }
        Attribute::Unknown => Fact::Unreadable(after_apply(resource, endpoint)),
        Attribute::Null | Attribute::Known(_) => {
            MetadataOptions::planned(text("http_endpoint"), text("http_tokens"), || {
                not_in_plan(resource, endpoint, "is neither `enabled` nor `disabled`")
            })
        }
    }
}

/// Whether the configuration does not say `http_endpoint`, which the provider then fills in. A dynamic block is not in the
/// configuration: where the plan has a block and the configuration none, it may say anything.
fn leaves_endpoint_out(resource: &Resource<'_>) -> bool {
    match resource.expression("metadata_options") {
        Some(Value::Array(_)) => resource.expression("metadata_options/0/http_endpoint").is_none(),
        Some(_) => false,
        None => resource.config.is_some() && resource.block_count("metadata_options") == 0,
    }
}

/// The default of the Region for the metadata service, where the plan switches it off. What a launch leaves out is as the account says, and
/// where that says nothing as the image does
/// ([order of precedence](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html#instance-metadata-options-order-of-precedence)).
pub(super) fn default_of_region(
    plan: &Plan<'_>,
    whereabouts: &Whereabouts,
    launch: &Resource<'_>,
) -> Fact<MetadataOptions> {
    // One that exists has in its values what it got.
    if is_instance(launch) && !launch.is_new {
        return Fact::Absent;
    }
    let path = "http_endpoint";
    let place = whereabouts.of_resource(launch);
    let differ = |one: Option<String>, other: &Option<String>| one.is_some() && other.is_some() && one != *other;
    let is_there = |default: &&Resource<'_>| {
        let own = whereabouts.of_resource(default);
        !differ(own.region, &place.region) && !differ(own.account, &place.account)
    };
    let all = plan.managed("aws_ec2_instance_metadata_defaults").into_iter().filter(is_there);
    let of = |default: &Resource<'_>| match default.attribute(path) {
        Attribute::Unknown => Fact::Unreadable(after_apply(default, path)),
        Attribute::Known(Value::String(endpoint)) if endpoint == "disabled" => {
            // It is switched off beside the launch.
            if is_instance(launch) && !default.holds_already(path, endpoint) {
                let what = "switches off what an instance of the plan may be launched before";
                return Fact::Unreadable(not_in_plan(default, path, what));
            }
            let options = MetadataOptions { http_endpoint: Some(endpoint.clone()), http_tokens: None, state: None };
            Fact::Known(options)
        }
        Attribute::Known(_) | Attribute::Null => Fact::Absent,
    };
    all.map(of).find(|default| *default != Fact::Absent).unwrap_or(Fact::Absent)
}
