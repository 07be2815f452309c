//! Every call that writes to an account, one for each [`Action`].

use aws_sdk_ec2::types::IamInstanceProfileSpecification;
use aws_sdk_iam::types::Tag;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{look, passing};
use crate::aws::{Connection, Failure};
use crate::facts::{Unreadable, UnreadableKind};
use crate::fix::{Action, CREATED_BY, CREATED_BY_VALUE, Change, State, Thing};
use iam_eval::arn::Arn;

/// A write that gave no success.
#[derive(Debug, Clone)]
pub(super) struct NotWritten {
    /// AWS's code for the error, where an answer came.
    pub(super) code: Option<String>,
    /// Whether no answer of AWS came, so that the call may have been lost, or its answer.
    pub(super) may_be_lost: bool,
    /// Whether the error is on AWS's side, by its status or its code, after which the change may have been made all the same.
    pub(super) is_of_server: bool,
    /// Why, for a person.
    pub(super) reason: Unreadable,
}

impl From<Failure> for NotWritten {
    fn from(failure: Failure) -> NotWritten {
        NotWritten { code: None, may_be_lost: false, is_of_server: false, reason: failure.into_unreadable() }
    }
}

impl NotWritten {
    /// Whether the change may have been made all the same, or may still be.
    pub(super) fn may_be_made(&self) -> bool {
        self.code.is_none() || self.is_of_server
    }
}

/// Makes the one call that makes the change; gives the state that AWS says it led to.
///
/// The thing must have been looked at just before: this does not look.
pub(super) async fn write(connection: &Connection, change: &Change) -> Result<State, NotWritten> {
    let action = change.action();
    let caller = Caller { connection, api: action.name() };
    let after = change.after().clone();
    match (change.thing(), &after) {
        (Thing::Role(arn), State::Role { trust, .. }) => {
            let request = iam(connection, arn).create_role().role_name(arn.name()).path(arn.path());
            let request = request.assume_role_policy_document(trust.as_str()).tags(created_by(&caller)?);
            let answer = caller.sent(request.send().await)?;
            let id = answer.role().map(|role| role.role_id().to_owned()).filter(|id| !id.is_empty());
            return Ok(State::Role { trust: trust.clone(), id });
        }
        (Thing::Role(arn), _) => {
            caller.sent(iam(connection, arn).delete_role().role_name(arn.name()).send().await)?;
        }
        (Thing::TrustPolicy(arn), State::Document(text)) => {
            let request = iam(connection, arn).update_assume_role_policy().role_name(arn.name());
            caller.sent(request.policy_document(text.as_str()).send().await)?;
        }
        (Thing::InlinePolicy { role, name }, State::Document(text)) => {
            let request = iam(connection, role).put_role_policy().role_name(role.name()).policy_name(name);
            caller.sent(request.policy_document(text.as_str()).send().await)?;
        }
        (Thing::InlinePolicy { role, name }, _) => {
            let request = iam(connection, role).delete_role_policy().role_name(role.name()).policy_name(name);
            caller.sent(request.send().await)?;
        }
        (Thing::AttachedPolicy { role, policy }, State::Attached) => {
            let request = iam(connection, role).attach_role_policy().role_name(role.name());
            caller.sent(request.policy_arn(policy.to_string()).send().await)?;
        }
        (Thing::AttachedPolicy { role, policy }, _) => {
            let request = iam(connection, role).detach_role_policy().role_name(role.name());
            caller.sent(request.policy_arn(policy.to_string()).send().await)?;
        }
        (Thing::InstanceProfile(arn), State::InstanceProfile { .. }) => {
            let request = iam(connection, arn).create_instance_profile().instance_profile_name(arn.name());
            let request = request.path(arn.path()).tags(created_by(&caller)?);
            let answer = caller.sent(request.send().await)?;
            let id = answer.instance_profile().map(|profile| profile.instance_profile_id().to_owned());
            return Ok(State::InstanceProfile { id: id.filter(|id| !id.is_empty()) });
        }
        (Thing::InstanceProfile(arn), _) => {
            let request = iam(connection, arn).delete_instance_profile().instance_profile_name(arn.name());
            caller.sent(request.send().await)?;
        }
        (Thing::RoleOfProfile(arn), State::Holds(role)) => {
            let request = iam(connection, arn).add_role_to_instance_profile().instance_profile_name(arn.name());
            caller.sent(request.role_name(role.name()).send().await)?;
        }
        (Thing::RoleOfProfile(arn), _) => {
            let request = iam(connection, arn).remove_role_from_instance_profile().instance_profile_name(arn.name());
            let State::Holds(role) = change.before() else { return Err(caller.nothing()) };
            caller.sent(request.role_name(role.name()).send().await)?;
        }
        (Thing::ProfileOfInstance { instance, region }, _) => {
            return associate(&caller, change, instance, region).await;
        }
        // No other pair makes a change.
        _ => return Err(caller.nothing()),
    }
    Ok(after)
}

async fn associate(caller: &Caller<'_>, change: &Change, instance: &str, region: &str) -> Result<State, NotWritten> {
    let client = caller.connection.writing_ec2(region);
    let held = match change.action() {
        Action::AssociateIamInstanceProfile => None,
        _ => Some(look::association(caller.connection, region, instance).await?.ok_or_else(|| caller.nothing())?),
    };
    let association = match (held, change.after()) {
        (None, State::Has { profile, .. }) => {
            let request = client.associate_iam_instance_profile().instance_id(instance);
            let answer = caller.sent(request.iam_instance_profile(by_arn(profile)).send().await)?;
            answer.iam_instance_profile_association
        }
        (Some(held), State::Has { profile, .. }) => {
            let request = client.replace_iam_instance_profile_association().association_id(held.association);
            let answer = caller.sent(request.iam_instance_profile(by_arn(profile)).send().await)?;
            answer.iam_instance_profile_association
        }
        (Some(held), _) => {
            let request = client.disassociate_iam_instance_profile().association_id(held.association);
            caller.sent(request.send().await)?;
            return Ok(State::Absent);
        }
        (None, _) => return Err(caller.nothing()),
    };
    let State::Has { profile, id } = change.after() else { return Err(caller.nothing()) };
    let given = association.and_then(|association| association.iam_instance_profile).and_then(|profile| profile.id);
    Ok(State::Has { profile: profile.clone(), id: given.filter(|id| !id.is_empty()).or(id.clone()) })
}

/// By its ARN, which names the account and the path too.
fn by_arn(profile: &Arn) -> IamInstanceProfileSpecification {
    IamInstanceProfileSpecification::builder().arn(profile.to_string()).build()
}

fn iam(connection: &Connection, arn: &Arn) -> aws_sdk_iam::Client {
    connection.writing_iam(&arn.partition)
}

fn created_by(caller: &Caller<'_>) -> Result<Tag, NotWritten> {
    Tag::builder().key(CREATED_BY).value(CREATED_BY_VALUE).build().map_err(|_| caller.nothing())
}

struct Caller<'a> {
    connection: &'a Connection,
    api: &'static str,
}

impl Caller<'_> {
    fn sent<T, E>(&self, answer: Result<T, SdkError<E, HttpResponse>>) -> Result<T, NotWritten>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        answer.map_err(|error| {
            let reason = self.connection.failure(self.api, &error).into_unreadable();
            let code = error.as_service_error().and_then(|error| error.code()).map(str::to_owned);
            // Where the last try made no connection, one before it may have.
            let may_be_lost = matches!(reason.kind, UnreadableKind::Network | UnreadableKind::Response);
            let status = error.raw_response().map(|answer| answer.status().as_u16());
            let of_server = status.is_some_and(|status| status >= 500 || status == 408)
                || code.as_deref().is_some_and(passing::is_of_server);
            // What is throttled is not begun.
            let is_of_server = of_server && reason.kind != UnreadableKind::Throttled;
            NotWritten { may_be_lost: may_be_lost && code.is_none(), is_of_server, code, reason }
        })
    }

    /// There is nothing to make the call with.
    fn nothing(&self) -> NotWritten {
        Failure::incomplete(self.api, "what the call needs").into()
    }
}
