//! Roles, their policies, and managed policies.

use std::collections::BTreeMap;

use aws_sdk_iam::{Client, types as sdk};
use futures::future::{FutureExt as _, join, join_all, join3};

use super::guess;
use super::iam::{Expected, Stored};
use super::reader::Reader;
use crate::aws::Failure;
use crate::aws::pages::{marker, pages};
use crate::facts::{Fact, InlinePolicy, ManagedPolicy, PolicyText, Role, UnreadableKind};
use crate::limits;
use iam_eval::arn::Arn;

const GET: &str = "iam:GetRole";
const LIST_ATTACHED: &str = "iam:ListAttachedRolePolicies";
const LIST_INLINE: &str = "iam:ListRolePolicies";
const LIST_PROFILES: &str = "iam:ListInstanceProfilesForRole";
const GET_INLINE: &str = "iam:GetRolePolicy";
const GET_POLICY: &str = "iam:GetPolicy";
const GET_VERSION: &str = "iam:GetPolicyVersion";

/// The largest page of IAM's lists.
const PAGE: i32 = 1000;

/// A role as it stands inside an instance profile: without its boundary and its tags.
///
/// Source: [GetRole](https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html) and the type
/// [Role](https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html), which says what lists leave out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Embedded {
    arn: Arn,
    id: Option<String>,
    trust: Option<PolicyText>,
}

impl Embedded {
    /// The part of `role` that is always there; `None` if not even its ARN is.
    pub(super) fn new(role: &sdk::Role) -> Option<Embedded> {
        Some(Embedded {
            arn: Arn::parse(role.arn())?,
            id: Some(role.role_id()).filter(|id| !id.is_empty()).map(str::to_owned),
            trust: document(role.assume_role_policy_document()),
        })
    }

    pub(super) fn name(&self) -> &str {
        self.arn.name()
    }
}

/// What `GetRole` gives: what is always there, the boundary, and the tags.
type Whole = (Embedded, Fact<String>, BTreeMap<String, String>);

/// What the three questions about a role answered.
#[derive(Clone)]
pub(super) struct RoleReading {
    found: Result<Whole, Failure>,
    attached: Result<Vec<String>, Failure>,
    inline: Result<Vec<InlinePolicy>, Failure>,
}

impl RoleReading {
    /// What a profile would say of it.
    pub(super) fn embedded(&self) -> Option<Embedded> {
        self.found.as_ref().ok().map(|(embedded, ..)| embedded.clone())
    }
}

/// Reads a role and its policies, and puts the facts where profiles and subjects look for them.
pub(super) async fn role(
    reader: &Reader<'_>,
    partition: &str,
    name: &str,
    expected: &Expected<'_>,
    embedded: Option<&Embedded>,
) -> Stored {
    let reading = reader.roles.get(partition, name, || read(reader, partition, name)).await;
    let known_arn = reading.found.as_ref().map(|(found, ..)| &found.arn).ok().or(embedded.map(|role| &role.arn));
    let (stored, fact) = match known_arn {
        None => {
            // The lists are of the role of that name in the caller's account; without its ARN nothing says whether that
            // is the one that was typed.
            let unconfirmed = expected.arn.and(reading.found.as_ref().err().cloned());
            let fact = match (compose(name, reading, None), unconfirmed) {
                (Fact::Known(_), Some(failure)) => Fact::Unreadable(failure.into_unreadable()),
                (fact, _) => fact,
            };
            (expected.unseen(name), fact)
        }
        Some(arn) => match expected.mismatch(GET, "role", arn) {
            Some(reason) => (expected.apart(name, arn), Fact::Unreadable(reason)),
            None => (expected.seen(name, arn), compose(name, reading, embedded)),
        },
    };
    // A reading that a profile's answer completes is worth more than one without.
    let mut facts = reader.facts();
    if embedded.is_some() || !facts.roles.contains_key(&stored.key) {
        facts.roles.insert(stored.key.clone(), fact);
    }
    stored
}

async fn read(reader: &Reader<'_>, partition: &str, name: &str) -> RoleReading {
    if let Some(reading) = reader.inventory(partition).and_then(|inventory| inventory.role(name)) {
        let boundary = reading.found.as_ref().ok().and_then(|(_, boundary, _)| boundary.known());
        let policies = reading.attached.iter().flatten().chain(boundary);
        join_all(policies.map(|arn| policy(reader, partition, arn))).await;
        return reading;
    }
    let names = names(reader, &reader.connection.iam(partition), name).await;
    documents(reader, partition, name, names).await
}

/// Takes `names` for what a role says of itself, unless it was read already.
pub(super) async fn guessed(reader: &Reader<'_>, partition: &str, name: &str, names: Names) {
    reader.roles.get(partition, name, || documents(reader, partition, name, names)).await;
}

/// What a role says of itself, and the names of its policies.
#[derive(Clone)]
pub(super) struct Names {
    found: Result<Whole, Failure>,
    attached: Result<Vec<String>, Failure>,
    inline: Result<Vec<String>, Failure>,
}

/// Asks for a role and the names of its policies. Puts nothing among the facts.
pub(super) async fn names(reader: &Reader<'_>, iam: &Client, name: &str) -> Names {
    let (found, attached) = (get(reader, iam, name), list_attached(reader, iam, name));
    let (found, attached, inline) = join3(found, attached, list_inline(reader, iam, name)).await;
    Names { found, attached, inline }
}

/// Reads the policies of a role.
async fn documents(reader: &Reader<'_>, partition: &str, name: &str, names: Names) -> RoleReading {
    let Names { found, attached, inline } = names;
    let boundary = found.as_ref().ok().and_then(|(_, boundary, _)| boundary.known());
    let managed = attached.iter().flatten().chain(boundary);
    let managed = join_all(managed.map(|arn| policy(reader, partition, arn)));
    let inline = async {
        let policies = inline?.into_iter().map(|policy| get_inline(reader, partition, name, policy));
        Ok(join_all(policies).await)
    };
    let (_, inline) = join(managed, inline).await;
    RoleReading { found, attached, inline }
}

/// The fact about a role from what was answered, with what its profile said about it for what was not.
fn compose(name: &str, reading: RoleReading, embedded: Option<&Embedded>) -> Fact<Role> {
    let RoleReading { found, attached, inline } = reading;
    let gone = attached.as_ref().is_err_and(Failure::is_not_found) || inline.as_ref().is_err_and(Failure::is_not_found);
    let nothing = attached.is_err() && inline.is_err() && embedded.is_none();
    let (role, boundary, tags) = match found {
        Ok((role, boundary, tags)) => (Ok(role), boundary, Fact::Known(tags)),
        Err(Failure::NotFound(_)) => return Fact::Absent,
        // The caller may not see the role, but a list says that there is none.
        Err(Failure::Failed(_)) if gone => return Fact::Absent,
        // Three refusals name three permissions to ask for; three failures to connect are one.
        Err(Failure::Failed(reason)) if nothing && reason.kind != UnreadableKind::Denied => {
            return Fact::Unreadable(reason);
        }
        Err(Failure::Failed(reason)) => {
            (embedded.cloned().ok_or(reason.clone()), Fact::Unreadable(reason.clone()), Fact::Unreadable(reason))
        }
    };
    let (arn, id, trust) = match role {
        Ok(Embedded { arn, id, trust }) => {
            let lacking = || Failure::incomplete(GET, "the trust policy").into_fact();
            (Some(arn.to_string()), id, trust.map_or_else(lacking, Fact::Known))
        }
        Err(reason) => (None, None, Fact::Unreadable(reason)),
    };
    Fact::Known(Role {
        arn,
        id,
        name: name.to_owned(),
        trust,
        boundary,
        tags,
        may_have_more_tags: false,
        inline: known(inline),
        attached: known(attached),
    })
}

/// A fact about a thing that exists, so that `not found` is no answer.
fn known<T>(read: Result<T, Failure>) -> Fact<T> {
    read.map_or_else(|failure| Fact::Unreadable(failure.into_unreadable()), Fact::Known)
}

async fn get(reader: &Reader<'_>, iam: &Client, name: &str) -> Result<Whole, Failure> {
    let request = iam.get_role().role_name(name);
    let answer = reader.calls.make(GET, request.send()).await?;
    let role = answer.role().ok_or_else(|| Failure::incomplete(GET, "the role"))?;
    let found = Embedded::new(role).ok_or_else(|| Failure::incomplete(GET, "the role's ARN"))?;
    let boundary = match role.permissions_boundary() {
        None => Fact::Absent,
        Some(boundary) => match boundary.permissions_boundary_arn().filter(|arn| !arn.is_empty()) {
            Some(arn) => Fact::Known(arn.to_owned()),
            None => Failure::incomplete(GET, "the ARN of the permissions boundary").into_fact(),
        },
    };
    let tags = role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    Ok((found, boundary, tags))
}

async fn list_attached(reader: &Reader<'_>, iam: &Client, name: &str) -> Result<Vec<String>, Failure> {
    let request = iam.list_attached_role_policies().role_name(name);
    let request = request.max_items(PAGE);
    let ask = async |token| reader.calls.make(LIST_ATTACHED, request.clone().set_marker(token).send()).await;
    let mut arns = Vec::new();
    let read = pages(LIST_ATTACHED, ask, |page| {
        for policy in page.attached_policies() {
            let arn = policy.policy_arn().filter(|arn| !arn.is_empty());
            arns.push(arn.ok_or_else(|| Failure::incomplete(LIST_ATTACHED, "the ARN of a policy"))?.to_owned());
        }
        at_most(LIST_ATTACHED, arns.len(), limits::ATTACHED_POLICIES)?;
        marker(LIST_ATTACHED, page.is_truncated, page.marker)
    });
    read.await?;
    Ok(arns)
}

async fn list_inline(reader: &Reader<'_>, iam: &Client, name: &str) -> Result<Vec<String>, Failure> {
    let request = iam.list_role_policies().role_name(name);
    let request = request.max_items(PAGE);
    let ask = async |token| reader.calls.make(LIST_INLINE, request.clone().set_marker(token).send()).await;
    let mut names = Vec::new();
    let read = pages(LIST_INLINE, ask, |page| {
        names.extend(page.policy_names);
        at_most(LIST_INLINE, names.len(), limits::INLINE_POLICIES)?;
        marker(LIST_INLINE, page.is_truncated, page.marker)
    });
    read.await?;
    Ok(names)
}

/// The names of the instance profiles that hold a role.
pub(super) async fn profiles(reader: &Reader<'_>, partition: &str, name: &str) -> Fact<Vec<String>> {
    let request = reader.connection.iam(partition).list_instance_profiles_for_role().role_name(name);
    let request = request.max_items(PAGE);
    let ask = async |token| reader.calls.make(LIST_PROFILES, request.clone().set_marker(token).send()).await;
    let mut names = Vec::new();
    let read = pages(LIST_PROFILES, ask, |page| {
        names.extend(page.instance_profiles.into_iter().map(|profile| profile.instance_profile_name));
        marker(LIST_PROFILES, page.is_truncated, page.marker)
    });
    known(read.await.map(|()| names))
}

/// Each of the policies costs a call or two, and no role has so many.
fn at_most(api: &str, policies: usize, most: usize) -> Result<(), Failure> {
    if policies > most { Err(Failure::beyond(api, most, "policies of a role")) } else { Ok(()) }
}

/// One inline policy. One that was listed and is not there now may be new and not everywhere yet, or just gone.
async fn get_inline(reader: &Reader<'_>, partition: &str, role: &str, name: String) -> InlinePolicy {
    let request = reader.connection.iam(partition).get_role_policy().role_name(role).policy_name(&name);
    let document = match reader.calls.make(GET_INLINE, request.send()).await {
        Ok(answer) => match document(Some(answer.policy_document())) {
            Some(document) => Fact::Known(document),
            None => Failure::incomplete(GET_INLINE, "the document").into_fact(),
        },
        Err(Failure::NotFound(reason) | Failure::Failed(reason)) => Fact::Unreadable(reason),
    };
    InlinePolicy { name, document }
}

/// Reads a managed policy, or waits until somebody else has: whoever goes on must find it among the facts.
pub(super) async fn policy(reader: &Reader<'_>, partition: &str, arn: &str) {
    let read = async || {
        let fact = known(get_policy(reader, partition, arn).await);
        reader.facts().policies.insert(arn.to_owned(), fact);
    };
    reader.policies.get(partition, arn, read).await;
}

async fn get_policy(reader: &Reader<'_>, partition: &str, arn: &str) -> Result<ManagedPolicy, Failure> {
    if let Some(policy) = reader.inventory(partition).and_then(|inventory| inventory.policy(arn)) {
        return Ok(policy);
    }
    let default = async {
        let request = reader.connection.iam(partition).get_policy().policy_arn(arn);
        let answer = reader.calls.make(GET_POLICY, request.send()).await?;
        let version = answer.policy.and_then(|policy| policy.default_version_id).filter(|version| !version.is_empty());
        version.ok_or_else(|| Failure::incomplete(GET_POLICY, "the default version"))
    };
    let document = async |iam: Client, version: String| {
        let request = iam.get_policy_version().policy_arn(arn).version_id(version);
        let answer = reader.calls.make(GET_VERSION, request.send()).await?;
        let document = document(answer.policy_version().and_then(|version| version.document()));
        document.ok_or_else(|| Failure::incomplete(GET_VERSION, "the document"))
    };
    let (iam, guess) = (reader.connection.iam(partition), guess::version(arn));
    let (version, document) = if reader.is_for_one {
        let guessed = document(reader.connection.iam_of_guesses(partition), guess.clone()).shared();
        let version = guess::beside(default, guessed.clone()).await?;
        let document = if version == guess { guessed.await } else { document(iam, version.clone()).await };
        (version, document?)
    } else {
        let version = default.await?;
        let document = document(iam, version.clone()).await?;
        (version, document)
    };
    Ok(ManagedPolicy { version, document, shipped: None })
}

/// The reading of a role that came with all others; `None` if a part of it is missing, so that it must be read by itself.
pub(super) fn from_details(detail: &sdk::RoleDetail) -> Option<RoleReading> {
    let embedded = Embedded {
        arn: Arn::parse(detail.arn()?)?,
        id: detail.role_id().filter(|id| !id.is_empty()).map(str::to_owned),
        trust: Some(document(detail.assume_role_policy_document())?),
    };
    let boundary = match detail.permissions_boundary() {
        None => Fact::Absent,
        Some(boundary) => Fact::Known(boundary.permissions_boundary_arn().filter(|arn| !arn.is_empty())?.to_owned()),
    };
    let tags = detail.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    // A list that is missing is not an empty one.
    let attached = detail.attached_managed_policies.as_ref()?.iter();
    let attached = attached.map(|policy| policy.policy_arn().filter(|arn| !arn.is_empty()).map(str::to_owned));
    let inline = detail.role_policy_list.as_ref()?.iter();
    // More than a role can have: it is read by itself, which says so.
    if attached.len() > limits::ATTACHED_POLICIES || inline.len() > limits::INLINE_POLICIES {
        return None;
    }
    let inline = inline.map(|policy| {
        let name = policy.policy_name()?.to_owned();
        Some(InlinePolicy { name, document: Fact::Known(document(policy.policy_document())?) })
    });
    Some(RoleReading {
        found: Ok((embedded, boundary, tags)),
        attached: Ok(attached.collect::<Option<_>>()?),
        inline: Ok(inline.collect::<Option<_>>()?),
    })
}

/// A document, unless it is missing: the SDK gives a missing one as an empty text.
pub(super) fn document(text: Option<&str>) -> Option<PolicyText> {
    text.filter(|text| !text.trim().is_empty()).map(PolicyText::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Unreadable;

    fn failed(kind: UnreadableKind) -> Failure {
        Failure::Failed(Unreadable { api: "iam:X".to_owned(), kind, message: "m".to_owned() })
    }

    fn not_found() -> Failure {
        Failure::NotFound(failed(UnreadableKind::Other).into_unreadable())
    }

    fn embedded() -> Embedded {
        Embedded {
            arn: Arn::parse("arn:aws:iam::111122223333:role/web").unwrap(),
            id: Some("AROA1".to_owned()),
            trust: Some(PolicyText::new("{}")),
        }
    }

    #[test]
    fn a_role_that_may_not_be_read_keeps_what_its_profile_said() {
        let reading =
            RoleReading { found: Err(failed(UnreadableKind::Denied)), attached: Ok(vec![]), inline: Ok(vec![]) };
        let Fact::Known(role) = compose("web", reading, Some(&embedded())) else { panic!() };
        assert_eq!(role.arn.as_deref(), Some("arn:aws:iam::111122223333:role/web"));
        assert_eq!(role.trust, Fact::Known(PolicyText::new("{}")));
        assert!(role.boundary.unreadable().is_some() && role.tags.unreadable().is_some());
        assert_eq!(role.attached, Fact::Known(vec![]));
    }

    #[test]
    fn a_role_is_absent_only_when_iam_says_so() {
        let denied = || failed(UnreadableKind::Denied);
        let network = || failed(UnreadableKind::Network);
        let reading =
            |found, attached, inline| RoleReading { found: Err(found), attached: Err(attached), inline: Err(inline) };
        assert_eq!(compose("web", reading(not_found(), denied(), denied()), None), Fact::Absent);
        assert_eq!(compose("web", reading(denied(), not_found(), denied()), None), Fact::Absent);
        let Fact::Known(role) = compose("web", reading(denied(), denied(), denied()), None) else { panic!() };
        assert!(role.arn.is_none() && role.trust.unreadable().is_some() && role.inline.unreadable().is_some());
        assert!(compose("web", reading(network(), network(), network()), None).unreadable().is_some());
    }

    #[test]
    fn a_role_that_vanishes_between_the_calls_is_not_one_without_policies() {
        let found = Ok((embedded(), Fact::Absent, BTreeMap::new()));
        let reading = RoleReading { found, attached: Err(not_found()), inline: Ok(vec![]) };
        let Fact::Known(role) = compose("web", reading, None) else { panic!() };
        assert!(role.attached.unreadable().is_some());
    }
}
