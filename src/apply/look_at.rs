//! Smaller questions: who uses a role or a profile.

use std::collections::BTreeSet;
use std::error::Error;

use aws_sdk_ec2::types::{Filter, Instance};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::look::found;
use crate::aws::pages::{marker, pages};
use crate::aws::{Connection, Failure};
use iam_eval::arn::{Arn, iam_region};

const DESCRIBE_INSTANCES: &str = "ec2:DescribeInstances";

/// The names of a role's inline policies; none if there is no such role.
pub(super) async fn inline_names(connection: &Connection, role: &Arn) -> Result<Vec<String>, Failure> {
    let api = "iam:ListRolePolicies";
    let request = connection.iam(&role.partition).list_role_policies().role_name(role.name());
    let ask = async |token| answered(connection, api, request.clone().set_marker(token).send()).await;
    let mut names = Vec::new();
    let read = pages(api, ask, |page| {
        names.extend(page.policy_names);
        marker(api, page.is_truncated, page.marker)
    });
    found(read.await)?;
    Ok(names)
}

/// The ARNs of a role's attached policies; none if there is no such role.
pub(super) async fn attached(connection: &Connection, role: &Arn) -> Result<Vec<String>, Failure> {
    let api = "iam:ListAttachedRolePolicies";
    let request = connection.iam(&role.partition).list_attached_role_policies().role_name(role.name());
    let ask = async |token| answered(connection, api, request.clone().set_marker(token).send()).await;
    let mut arns = Vec::new();
    let read = pages(api, ask, |page| {
        for policy in page.attached_policies.unwrap_or_default() {
            arns.push(policy.policy_arn.ok_or_else(|| Failure::incomplete(api, "the ARN of a policy"))?);
        }
        marker(api, page.is_truncated, page.marker)
    });
    found(read.await)?;
    Ok(arns)
}

/// The instance profiles that hold a role; none if there is no such role.
///
/// # Errors
/// If AWS could not be asked.
pub async fn profiles_of_role(connection: &Connection, role: &Arn) -> Result<Vec<Arn>, Failure> {
    let api = "iam:ListInstanceProfilesForRole";
    let request = connection.iam(&role.partition).list_instance_profiles_for_role().role_name(role.name());
    let ask = async |token| answered(connection, api, request.clone().set_marker(token).send()).await;
    let mut profiles = Vec::new();
    let read = pages(api, ask, |page| {
        for profile in page.instance_profiles {
            let lacking = || Failure::incomplete(api, "the ARN of an instance profile");
            profiles.push(Arn::parse(&profile.arn).ok_or_else(lacking)?);
        }
        marker(api, page.is_truncated, page.marker)
    });
    found(read.await)?;
    Ok(profiles)
}

/// The instances of a Region that have a profile and are not terminated.
///
/// # Errors
/// If AWS could not be asked.
pub async fn instances_with(connection: &Connection, region: &str, profile: &Arn) -> Result<Vec<String>, Failure> {
    let filter = Filter::builder().name("iam-instance-profile.arn").values(profile.to_string()).build();
    let arn = profile.to_string();
    let alive = |instance: &Instance| {
        let state = instance.state().and_then(|state| state.name()).map(|name| name.as_str());
        let holds = instance.iam_instance_profile().and_then(|held| held.arn()) == Some(arn.as_str());
        holds && !matches!(state, Some("terminated" | "shutting-down"))
    };
    let mut ids = BTreeSet::new();
    described(connection, region, filter, |instance| {
        if alive(&instance) {
            let lacking = || Failure::incomplete(DESCRIBE_INSTANCES, "an instance's ID");
            ids.insert(instance.instance_id.ok_or_else(lacking)?);
        }
        Ok(())
    })
    .await?;
    Ok(ids.into_iter().collect())
}

/// Hands over the instances of a Region that pass a filter.
pub(super) async fn described(
    connection: &Connection,
    region: &str,
    filter: Filter,
    mut take: impl FnMut(Instance) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let request = connection.ec2(region).describe_instances().filters(filter).max_results(1000);
    let ask =
        async |token| answered(connection, DESCRIBE_INSTANCES, request.clone().set_next_token(token).send()).await;
    let read = pages(DESCRIBE_INSTANCES, ask, |page| {
        let reservations = page.reservations.into_iter().flatten();
        reservations.flat_map(|reservation| reservation.instances.unwrap_or_default()).try_for_each(&mut take)?;
        Ok(page.next_token)
    });
    read.await
}

/// What a call was answered.
pub(super) async fn answered<T, E>(
    connection: &Connection,
    api: &str,
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, Failure>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    call.await.map_err(|error| connection.failure(api, &error))
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
