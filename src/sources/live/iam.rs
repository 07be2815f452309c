//! Instance profiles.

use std::collections::BTreeMap;

use aws_sdk_iam::types as sdk;
use futures::future::{FutureExt as _, join_all};

use super::guess;
use super::reader::Reader;
use super::role::{self, Embedded, RoleReading};
use crate::aws::Failure;
use crate::facts::{Fact, InstanceProfile, Unreadable, UnreadableKind, key};
use iam_eval::arn::Arn;

const GET: &str = "iam:GetInstanceProfile";

/// What is known beforehand about a profile or role that is asked for by name alone.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    /// The ARN that somebody typed.
    pub(super) arn: Option<&'a Arn>,
    /// The account that it must belong to.
    pub(super) account: Option<&'a str>,
}

/// Where the fact about a profile or role was put.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) key: String,
    pub(super) account: Option<String>,
}

/// A profile as IAM gave it.
#[derive(Clone)]
pub(super) struct ProfileReading {
    arn: Arn,
    id: String,
    name: String,
    role: Option<Embedded>,
    tags: Option<BTreeMap<String, String>>,
}

impl ProfileReading {
    /// A profile as it stands in the details of its role; `None` if a part of it is missing. Its tags are not told there.
    pub(super) fn of_role(profile: &sdk::InstanceProfile, role: &RoleReading) -> Option<ProfileReading> {
        let arn = Arn::parse(profile.arn())?;
        let id = Some(profile.instance_profile_id()).filter(|id| !id.is_empty())?.to_owned();
        Some(ProfileReading { name: arn.name().to_owned(), arn, id, role: Some(role.embedded()?), tags: None })
    }
}

/// Reads a profile and its role, and puts the facts where instances and subjects look for them.
pub(super) async fn profile(reader: &Reader<'_>, partition: &str, name: &str, expected: &Expected<'_>) -> Stored {
    let reading = reader.profiles.get(partition, name, || get(reader, partition, name)).await;
    let (stored, fact) = match reading {
        Err(failure) => (expected.unseen(name), failure.into_fact()),
        Ok(reading) => match expected.mismatch(GET, "instance profile", &reading.arn) {
            Some(reason) => (expected.apart(name, &reading.arn), Fact::Unreadable(reason)),
            None => {
                let stored = expected.seen(name, &reading.arn);
                let role = match &reading.role {
                    Some(embedded) => {
                        // A profile's role is of the profile's account.
                        let expected = Expected { arn: None, account: reading.arn.account() };
                        let name = embedded.name();
                        Some(role::role(reader, partition, name, &expected, Some(embedded)).await.key)
                    }
                    None => None,
                };
                let ProfileReading { arn, id, name, tags, .. } = reading;
                (stored, Fact::Known(InstanceProfile { arn: arn.to_string(), id, name, role, tags }))
            }
        },
    };
    reader.facts().profiles.insert(stored.key.clone(), fact);
    stored
}

async fn get(reader: &Reader<'_>, partition: &str, name: &str) -> Result<ProfileReading, Failure> {
    if let Some(reading) = reader.inventory(partition).and_then(|inventory| inventory.profile(name)) {
        return Ok(reading);
    }
    if !reader.is_for_one {
        return ask(reader, partition, name).await;
    }
    let roles = guess::roles(name);
    let iam = reader.connection.iam_of_guesses(partition);
    let guesses: Vec<_> = roles.iter().map(|role| role::names(reader, &iam, role).boxed_local().shared()).collect();
    let all = join_all(guesses.clone()).map(drop).shared();
    let reading = guess::beside(ask(reader, partition, name), all).await?;
    let role = reading.role.as_ref().map(Embedded::name);
    if let Some((role, names)) = roles.iter().zip(guesses).find(|(guess, _)| Some(guess.as_str()) == role) {
        role::guessed(reader, partition, role, names.await).await;
    }
    Ok(reading)
}

async fn ask(reader: &Reader<'_>, partition: &str, name: &str) -> Result<ProfileReading, Failure> {
    let request = reader.connection.iam(partition).get_instance_profile().instance_profile_name(name);
    let answer = reader.calls.make(GET, request.send()).await?;
    let lacks = |what: &str| Failure::incomplete(GET, what);
    let profile = answer.instance_profile().ok_or_else(|| lacks("the profile"))?;
    let arn = Arn::parse(profile.arn()).ok_or_else(|| lacks("the profile's ARN"))?;
    if profile.instance_profile_id().is_empty() {
        return Err(lacks("the profile's ID"));
    }
    let role = match profile.roles().first() {
        Some(role) => Some(Embedded::new(role).ok_or_else(|| lacks("the role's ARN"))?),
        None => None,
    };
    let tags = profile.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    let id = profile.instance_profile_id().to_owned();
    Ok(ProfileReading { name: arn.name().to_owned(), id, arn, role, tags: Some(tags) })
}

impl Expected<'_> {
    /// The place for what was not seen.
    pub(super) fn unseen(&self, name: &str) -> Stored {
        Stored { key: key(self.account, name), account: self.account.map(str::to_owned) }
    }

    /// The place for the reason why `found` is not the thing asked for.
    ///
    /// Where only the path differs, the key has the path that was typed, so that the reason does not stand in the
    /// way of the thing that does exist.
    pub(super) fn apart(&self, name: &str, found: &Arn) -> Stored {
        match self.arn {
            Some(arn) if arn.path() != found.path() => {
                Stored { key: key(self.account, &format!("{}{name}", arn.path())), ..self.unseen(name) }
            }
            _ => self.unseen(name),
        }
    }

    /// The place for what was seen under `arn`.
    pub(super) fn seen(&self, name: &str, arn: &Arn) -> Stored {
        let account = self.account.or(arn.account());
        Stored { key: key(account, name), account: account.map(str::to_owned) }
    }

    /// Why the thing that came back is not the one asked for.
    ///
    /// IAM is asked by name, in the account of the credentials: with those of another account it gives another
    /// thing of the same name, which must never be judged in place of the one that is meant.
    pub(super) fn mismatch(&self, api: &str, what: &str, found: &Arn) -> Option<Unreadable> {
        let reason = |kind, message| Some(Unreadable { api: api.to_owned(), kind, message });
        if let Some(account) = self.account
            && found.account() != Some(account)
        {
            let other = found.account().unwrap_or("that is not named");
            return reason(
                UnreadableKind::OtherAccount,
                format!("it belongs to account {account}, but the credentials are of account {other}"),
            );
        }
        match self.arn {
            Some(arn) if arn.path() != found.path() => reason(
                UnreadableKind::OtherPath,
                format!("there is no {what} `{arn}`; the one of that name is `{found}`"),
            ),
            _ => None,
        }
    }
}
