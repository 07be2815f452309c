//! How a thing is right now.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;
use aws_sdk_iam::types as iam;

use super::look_at;
use crate::aws::pages::pages;
use crate::aws::{Connection, Failure};
use crate::facts::{PolicyText, Unreadable, UnreadableKind};
use crate::fix::{State, Thing, is_ours};
use iam_eval::arn::Arn;

/// What AWS says of the thing.
///
/// # Errors
/// If it could not be asked, or there is no such instance.
pub async fn look(connection: &Connection, thing: &Thing) -> Result<State, Failure> {
    match thing {
        Thing::Role(arn) => match role(connection, arn).await? {
            Some(role) if role.arn() == arn.to_string() && is_ours(&tags(role.tags())) => Ok(State::Role {
                trust: PolicyText::new(role.assume_role_policy_document().unwrap_or_default()),
                id: Some(role.role_id().to_owned()),
            }),
            Some(_) => Ok(State::Foreign),
            None => Ok(State::Absent),
        },
        Thing::TrustPolicy(arn) => match role(connection, arn).await? {
            Some(role) if role.arn() == arn.to_string() => match role.assume_role_policy_document() {
                Some(text) if !text.trim().is_empty() => Ok(State::Document(PolicyText::new(text))),
                _ => Err(Failure::incomplete("iam:GetRole", "the trust policy")),
            },
            Some(_) => Ok(State::Foreign),
            None => Ok(State::Absent),
        },
        // Both are asked for by the role's name, which may be another role's by now.
        Thing::InlinePolicy { role, name } => {
            let (found, state) = futures::join!(self::role(connection, role), inline_policy(connection, role, name));
            let other = found?.is_some_and(|found| found.arn() != role.to_string());
            if other { Ok(State::Foreign) } else { state }
        }
        Thing::AttachedPolicy { role, policy } => {
            let (found, attached) = futures::join!(self::role(connection, role), look_at::attached(connection, role));
            let other = found?.is_some_and(|found| found.arn() != role.to_string());
            let attached = attached?.contains(&policy.to_string());
            Ok(match (other, attached) {
                (true, _) => State::Foreign,
                (false, true) => State::Attached,
                (false, false) => State::Absent,
            })
        }
        Thing::InstanceProfile(arn) => match profile(connection, arn).await? {
            Some(profile) if profile.arn() == arn.to_string() && is_ours(&tags(profile.tags())) => {
                Ok(State::InstanceProfile { id: Some(profile.instance_profile_id().to_owned()) })
            }
            Some(_) => Ok(State::Foreign),
            None => Ok(State::Absent),
        },
        Thing::RoleOfProfile(arn) => match profile(connection, arn).await? {
            Some(profile) if profile.arn() != arn.to_string() => Ok(State::Foreign),
            Some(profile) => match profile.roles().first() {
                Some(role) => match Arn::parse(role.arn()) {
                    Some(role) => Ok(State::Holds(role)),
                    None => Err(Failure::incomplete("iam:GetInstanceProfile", "the role's ARN")),
                },
                None => Ok(State::Absent),
            },
            None => Ok(State::Absent),
        },
        Thing::ProfileOfInstance { instance, region } => {
            let (shown, held) = futures::join!(
                profile_of_instance(connection, region, instance),
                association(connection, region, instance)
            );
            // While an association is being made the instance does not show it yet.
            Ok(shown?.or(held?.map(|held| held.state)).unwrap_or(State::Absent))
        }
    }
}

fn tags(tags: &[iam::Tag]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// What was found, or nothing where AWS says that there is none.
pub(super) fn found<T>(answer: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.is_not_found() => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn role(connection: &Connection, arn: &Arn) -> Result<Option<iam::Role>, Failure> {
    let api = "iam:GetRole";
    let answer = connection.iam(&arn.partition).get_role().role_name(arn.name()).send().await;
    let answer = found(answer.map_err(|error| connection.failure(api, &error)))?;
    match answer {
        None => Ok(None),
        Some(answer) => answer.role.map(Some).ok_or_else(|| Failure::incomplete(api, "the role")),
    }
}

pub(super) async fn profile(connection: &Connection, arn: &Arn) -> Result<Option<iam::InstanceProfile>, Failure> {
    let api = "iam:GetInstanceProfile";
    let request = connection.iam(&arn.partition).get_instance_profile().instance_profile_name(arn.name());
    let answer = found(request.send().await.map_err(|error| connection.failure(api, &error)))?;
    match answer {
        None => Ok(None),
        Some(answer) => answer.instance_profile.map(Some).ok_or_else(|| Failure::incomplete(api, "the profile")),
    }
}

async fn inline_policy(connection: &Connection, role: &Arn, name: &str) -> Result<State, Failure> {
    let api = "iam:GetRolePolicy";
    let request = connection.iam(&role.partition).get_role_policy().role_name(role.name()).policy_name(name);
    match found(request.send().await.map_err(|error| connection.failure(api, &error)))? {
        None => Ok(State::Absent),
        Some(answer) if answer.policy_document().trim().is_empty() => Err(Failure::incomplete(api, "the document")),
        Some(answer) => Ok(State::Document(PolicyText::new(answer.policy_document()))),
    }
}

/// An instance; `None` if there is none of that id.
pub(super) async fn instance(
    connection: &Connection,
    region: &str,
    id: &str,
) -> Result<Option<aws_sdk_ec2::types::Instance>, Failure> {
    let filter = Filter::builder().name("instance-id").values(id).build();
    let mut found = None;
    look_at::described(connection, region, filter, |instance| {
        if instance.instance_id() == Some(id) {
            found = Some(instance);
        }
        Ok(())
    })
    .await?;
    Ok(found)
}

/// The profile that an instance shows.
async fn profile_of_instance(connection: &Connection, region: &str, id: &str) -> Result<Option<State>, Failure> {
    let gone = || {
        Failure::NotFound(Unreadable {
            api: "ec2:DescribeInstances".to_owned(),
            kind: UnreadableKind::Other,
            message: format!("there is no instance `{id}` in {region}"),
        })
    };
    let instance = instance(connection, region, id).await?.ok_or_else(gone)?;
    let Some(profile) = instance.iam_instance_profile() else { return Ok(None) };
    let lacking = || Failure::incomplete("ec2:DescribeInstances", "the profile's ARN");
    let arn = profile.arn().and_then(Arn::parse).ok_or_else(lacking)?;
    Ok(Some(State::Has { profile: arn, id: profile.id().filter(|id| !id.is_empty()).map(str::to_owned) }))
}

/// What an instance has: the id of the association, and the profile.
pub(super) struct Held {
    pub(super) association: String,
    pub(super) state: State,
}

/// The association of an instance that is not at its end.
pub(super) async fn association(
    connection: &Connection,
    region: &str,
    instance: &str,
) -> Result<Option<Held>, Failure> {
    let api = "ec2:DescribeIamInstanceProfileAssociations";
    let filter = Filter::builder().name("instance-id").values(instance).build();
    let request = connection.ec2(region).describe_iam_instance_profile_associations().filters(filter);
    let ask = async |token| look_at::answered(connection, api, request.clone().set_next_token(token).send()).await;
    let mut associations = Vec::new();
    let read = pages(api, ask, |page| {
        associations.extend(page.iam_instance_profile_associations.unwrap_or_default());
        Ok(page.next_token)
    });
    read.await?;
    let mut alive: Vec<_> = associations
        .into_iter()
        .filter(|association| association.instance_id() == Some(instance))
        .filter(|association| association.state().is_none_or(|state| state.as_str() != "disassociated"))
        .collect();
    // While one is replaced there are two; the one that leaves is not the answer.
    alive.sort_by_key(|association| association.state().is_some_and(|state| state.as_str() == "disassociating"));
    let Some(association) = alive.into_iter().next() else { return Ok(None) };
    let (Some(id), Some(profile)) = (association.association_id, association.iam_instance_profile) else {
        return Err(Failure::incomplete(api, "the profile of an association"));
    };
    let arn = profile.arn().and_then(Arn::parse).ok_or_else(|| Failure::incomplete(api, "the profile's ARN"))?;
    let id_of_profile = profile.id.filter(|id| !id.is_empty());
    Ok(Some(Held { association: id, state: State::Has { profile: arn, id: id_of_profile } }))
}
