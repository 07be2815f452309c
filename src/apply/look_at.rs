//! Smaller questions: who uses a role or a profile.

use aws_sdk_ec2::types::Filter;

use super::look::found;
use crate::arn::{Arn, iam_region};
use crate::aws::{Connection, Failure};

/// The names of a role's inline policies; none if there is no such role.
pub(super) async fn inline_names(connection: &Connection, role: &Arn) -> Result<Vec<String>, Failure> {
    let request = connection.iam(&role.partition).list_role_policies().role_name(role.name());
    let pages = request.into_paginator().items().send().collect::<Result<Vec<String>, _>>().await;
    let names = found(pages.map_err(|error| connection.failure("iam:ListRolePolicies", &error)))?;
    Ok(names.unwrap_or_default())
}

/// The ARNs of a role's attached policies; none if there is no such role.
pub(super) async fn attached(connection: &Connection, role: &Arn) -> Result<Vec<String>, Failure> {
    let request = connection.iam(&role.partition).list_attached_role_policies().role_name(role.name());
    let pages = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let policies = found(pages.map_err(|error| connection.failure("iam:ListAttachedRolePolicies", &error)))?;
    Ok(policies.unwrap_or_default().into_iter().filter_map(|policy| policy.policy_arn).collect())
}

/// The instance profiles that hold a role; none if there is no such role.
///
/// # Errors
/// If AWS could not be asked.
pub async fn profiles_of_role(connection: &Connection, role: &Arn) -> Result<Vec<Arn>, Failure> {
    let request = connection.iam(&role.partition).list_instance_profiles_for_role().role_name(role.name());
    let pages = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let profiles = found(pages.map_err(|error| connection.failure("iam:ListInstanceProfilesForRole", &error)))?;
    Ok(profiles.unwrap_or_default().iter().filter_map(|profile| Arn::parse(profile.arn())).collect())
}

/// The instances of a Region that have a profile and are not terminated.
///
/// # Errors
/// If AWS could not be asked.
pub async fn instances_with(connection: &Connection, region: &str, profile: &Arn) -> Result<Vec<String>, Failure> {
    let filter = Filter::builder().name("iam-instance-profile.arn").values(profile.to_string()).build();
    let request = connection.ec2(region).describe_instances().filters(filter).max_results(1000);
    let pages = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let reservations = pages.map_err(|error| connection.failure("ec2:DescribeInstances", &error))?;
    let alive = |instance: &&aws_sdk_ec2::types::Instance| {
        let state = instance.state().and_then(|state| state.name()).map(|name| name.as_str());
        let holds = instance.iam_instance_profile().and_then(|held| held.arn()) == Some(profile.to_string().as_str());
        holds && !matches!(state, Some("terminated" | "shutting-down"))
    };
    let instances = reservations.iter().flat_map(|reservation| reservation.instances());
    Ok(instances.filter(alive).filter_map(|instance| instance.instance_id().map(str::to_owned)).collect())
}

/// The Regions that are switched on: IAM is the same in all of them, and instances are not.
///
/// # Errors
/// If AWS could not be asked.
pub(super) async fn regions(connection: &Connection, partition: &str) -> Result<Vec<String>, Failure> {
    let from = connection.default_region().unwrap_or_else(|| iam_region(partition).to_owned());
    let answer = connection.ec2(&from).describe_regions().send().await;
    let answer = answer.map_err(|error| connection.failure("ec2:DescribeRegions", &error))?;
    Ok(answer.regions().iter().filter_map(|region| region.region_name().map(str::to_owned)).collect())
}

/// The id of a profile; `None` if there is none of that ARN.
pub(super) async fn profile_id(connection: &Connection, arn: &Arn) -> Result<Option<String>, Failure> {
    let profile = super::look::profile(connection, arn).await?.filter(|profile| profile.arn() == arn.to_string());
    Ok(profile.map(|profile| profile.instance_profile_id().to_owned()))
}

/// The state of an instance; `None` if there is none of that id.
pub(super) async fn instance_state(connection: &Connection, region: &str, id: &str) -> Result<Option<String>, Failure> {
    let instance = super::look::instance(connection, region, id).await?;
    let state = instance.and_then(|instance| instance.state.and_then(|state| state.name));
    Ok(state.map(|name| name.as_str().to_owned()))
}
