//! The organisation of the account, and the service control policies on the account's path in it.
//!
//! Which organisation it is any account may ask; the rest only the management account or a delegated one. What may not be
//! read is no obstacle: the report says that these policies are not visible. What fails otherwise may hide a deny.
//! Source: [Service control policies](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html).

use aws_sdk_organizations::types::{ParentType, PolicyType};
use futures::future::{join, join_all};

use super::reader::{Once, Reader};
use crate::aws::{Connection, Failure};
use crate::facts::{Fact, Facts, NamedDocument, Organization, PolicyText, ScpLevel, Unreadable};

const DESCRIBE: &str = "organizations:DescribeOrganization";
const LIST_PARENTS: &str = "organizations:ListParents";
const LIST_POLICIES: &str = "organizations:ListPoliciesForTarget";
const DESCRIBE_POLICY: &str = "organizations:DescribePolicy";

/// No organisation is deeper: a root, five levels of units and the account
/// ([quotas](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html)); with room to spare.
const DEEPEST: usize = 12;

/// Who sees the policies of an organisation on behalf of its accounts: the management account, or a delegated one.
///
/// What is attached to the root and to units holds for many accounts and is read once.
pub struct Overseer<'a> {
    reader: Reader<'a>,
    parents: Once<Result<(String, ParentType), Unreadable>>,
    levels: Once<ScpLevel>,
}

impl<'a> Overseer<'a> {
    /// Sees as much as the credentials of `connection` may.
    pub fn new(connection: &'a Connection) -> Overseer<'a> {
        let reader = Reader::new(connection, Facts::new(jiff::Timestamp::UNIX_EPOCH));
        Overseer { reader, parents: Once::default(), levels: Once::default() }
    }
}

/// Reads the organisation, and its policies unless they were given.
pub(super) async fn organization(reader: &Reader<'_>, partition: &str, policies_given: bool) {
    let organization = async {
        let request = reader.connection.organizations(partition).describe_organization();
        reader.call(DESCRIBE, request.send()).await
    };
    let account = async {
        match reader.account {
            Some(account) => Ok(account.to_owned()),
            None => reader.connection.caller_account(partition).await.map_err(Failure::into_unreadable),
        }
    };
    let levels = async {
        if policies_given {
            return None;
        }
        let account = account.await;
        let levels = match (&account, reader.overseer) {
            (Ok(account), Some(overseer)) => levels(overseer, partition, account).await,
            (Ok(account), None) => levels(&Overseer::new(reader.connection), partition, account).await,
            (Err(reason), _) => Err(reason.clone()),
        };
        Some((account.ok(), levels))
    };
    let (described, levels) = join(organization, levels).await;
    let described = match described {
        Ok(answer) => answer.organization.and_then(|described| Some((described.id?, described.master_account_id))),
        Err(failure) if failure.is_not_found() => {
            let mut facts = reader.facts();
            facts.organization = Fact::Absent;
            facts.scp_levels.get_or_insert_default();
            return;
        }
        Err(failure) => {
            let reason = failure.into_unreadable();
            let mut facts = reader.facts();
            match levels {
                // The management account reads them too, and they do not touch it; but it may ask for its organisation.
                Some((_, Ok(path))) => facts.scp_levels = Some(path.levels),
                // Whoever cannot reach the service does not see them; whoever was answered might have.
                Some((_, Err(unread))) if unread.kind.is_of_aws() => {
                    facts.scp_levels = Some(vec![unread_level(unread)])
                }
                Some((_, Err(_))) | None => {}
            }
            facts.organization = Fact::Unreadable(reason);
            return;
        }
    };
    let mut facts = reader.facts();
    let (organization_id, management_account) = match described {
        Some((id, management_account)) => (Some(id), management_account),
        None => (None, None),
    };
    // https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html#not-restricted-by-scp
    let is_exempt = |account: &Option<String>| account.is_some() && management_account == *account;
    let (mut path, mut policies_unread) = (None, None);
    match levels {
        None => {}
        Some((account, Err(_))) if is_exempt(&account) => facts.scp_levels = Some(Vec::new()),
        // Another try may show a deny.
        Some((_, Err(reason))) if reason.kind.may_pass() => facts.scp_levels = Some(vec![unread_level(reason)]),
        Some((_, Err(reason))) => policies_unread = Some(reason),
        Some((account, Ok(found))) => {
            policies_unread = found.unseen.filter(|_| !is_exempt(&account));
            facts.scp_levels = Some(if is_exempt(&account) { Vec::new() } else { found.levels });
            path = found.parents;
        }
    }
    facts.organization = match organization_id {
        Some(id) => {
            let path = path.map(|parents| {
                let parents: String = parents.iter().rev().map(|parent| format!("{parent}/")).collect();
                format!("{id}/{parents}")
            });
            Fact::Known(Organization { id, management_account, path, policies_unread })
        }
        None => Failure::incomplete(DESCRIBE, "the organisation's id").into_fact(),
    };
}

/// A level, or what may be several, of which nothing is known.
fn unread_level(reason: Unreadable) -> ScpLevel {
    ScpLevel { name: "organisation".to_owned(), policies: Vec::new(), unread: vec![reason] }
}

/// Where an account is, and what holds there.
struct Path {
    /// From the account's own parent up to the root; `None` if the root was not reached.
    parents: Option<Vec<String>>,
    /// From the root down to the account, as far as they are known.
    levels: Vec<ScpLevel>,
    /// Why the caller may not see what is above those, if so.
    unseen: Option<Unreadable>,
}

/// Walks up from the account; the policies of each level are read while the walk goes on.
async fn levels(overseer: &Overseer<'_>, partition: &str, account: &str) -> Result<Path, Unreadable> {
    let mut parents: Vec<String> = Vec::new();
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<String>();
    let walk = async {
        let sender = sender;
        let mut child = account.to_owned();
        let _ = sender.send(child.clone());
        while parents.len() < DEEPEST {
            let read = || parent(&overseer.reader, partition, &child);
            let (id, kind) = overseer.parents.get(partition, &child, read).await?;
            let _ = sender.send(id.clone());
            parents.push(id.clone());
            if kind == ParentType::Root {
                return Ok(());
            }
            child = id;
        }
        Err(Failure::incomplete(LIST_PARENTS, "the root").into_unreadable())
    };
    let read = async {
        let stream = futures::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
        let levels = futures::StreamExt::map(stream, async |target| {
            let read = || level(&overseer.reader, partition, target.clone());
            overseer.levels.get(partition, &target, read).await
        });
        futures::StreamExt::collect::<Vec<_>>(futures::StreamExt::buffered(levels, DEEPEST)).await
    };
    let (walked, mut levels): (Result<(), Unreadable>, Vec<ScpLevel>) = join(walk, read).await;
    levels.reverse();
    match walked {
        Ok(()) => Ok(Path { parents: Some(parents), levels: in_force(levels)?, unseen: None }),
        // What is above is not known, and what was read below counts all the same.
        Err(reason) if levels.iter().any(|level| !level.policies.is_empty()) => Ok(match reason.kind.may_pass() {
            true => {
                let levels = [unread_level(reason)].into_iter().chain(levels).collect();
                Path { parents: None, levels, unseen: None }
            }
            false => Path { parents: None, levels, unseen: Some(reason) },
        }),
        // What the caller may see below may hold a deny, whatever it may not see above.
        Err(reason) => {
            let failed = levels.into_iter().flat_map(|level| level.unread).find(|unread| unread.kind.may_pass());
            Err(failed.unwrap_or(reason))
        }
    }
}

async fn parent(reader: &Reader<'_>, partition: &str, child: &str) -> Result<(String, ParentType), Unreadable> {
    let request = reader.connection.organizations(partition).list_parents().child_id(child);
    let answer = reader.call(LIST_PARENTS, request.send()).await.map_err(Failure::into_unreadable)?;
    let parent = answer.parents().first().and_then(|parent| Some((parent.id()?.to_owned(), parent.r#type()?.clone())));
    parent.ok_or_else(|| Failure::incomplete(LIST_PARENTS, "the parent").into_unreadable())
}

/// The levels, or none at all where no policy is attached anywhere: while the policies are switched on, every level has one
/// ([Attaching policies](https://docs.aws.amazon.com/organizations/latest/APIReference/API_DetachPolicy.html)).
///
/// Where none of them could be read, there is nothing to judge by.
fn in_force(levels: Vec<ScpLevel>) -> Result<Vec<ScpLevel>, Unreadable> {
    let nothing_read = levels.iter().all(|level| level.policies.is_empty() && !level.unread.is_empty());
    if let Some(reason) = levels.iter().find_map(|level| level.unread.first()).filter(|_| nothing_read) {
        return Err(reason.clone());
    }
    let empty = |level: &ScpLevel| level.policies.is_empty() && level.unread.is_empty();
    if levels.iter().all(empty) {
        return Ok(Vec::new());
    }
    let lacking = || Failure::incomplete(LIST_POLICIES, "a policy, and each level has at least one").into_unreadable();
    let levels = levels.into_iter().map(|level| match empty(&level) {
        true => ScpLevel { unread: vec![lacking()], ..level },
        false => level,
    });
    Ok(levels.collect())
}

/// The service control policies that are attached to a root, a unit or an account, as far as they can be read.
async fn level(reader: &Reader<'_>, partition: &str, target: String) -> ScpLevel {
    let mut level = ScpLevel { name: target, policies: Vec::new(), unread: Vec::new() };
    let client = reader.connection.organizations(partition);
    let request = client.list_policies_for_target().target_id(&level.name).filter(PolicyType::ServiceControlPolicy);
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    let mut more = false;
    loop {
        match reader.page(LIST_POLICIES, pages.next()).await.map_err(Failure::into_unreadable) {
            // The SDK stops at a page that names itself as the next one; that is no end of the list.
            Ok(None) if more => {
                level.unread.push(Failure::incomplete(LIST_POLICIES, "its further pages").into_unreadable());
                break;
            }
            Ok(None) => break,
            Ok(Some(page)) => {
                more = page.next_token().is_some_and(|token| !token.is_empty());
                match page.policies {
                    Some(policies) => found.extend(policies),
                    None => level.unread.push(Failure::incomplete(LIST_POLICIES, "the policies").into_unreadable()),
                }
            }
            Err(reason) => {
                level.unread.push(reason);
                break;
            }
        }
    }
    let documents = found.into_iter().map(async |summary| {
        let lacking = || Failure::incomplete(LIST_POLICIES, "a policy's id").into_unreadable();
        let id = summary.id.ok_or_else(lacking)?;
        let name = summary.name.unwrap_or_else(|| id.clone());
        let answer = reader.call(DESCRIBE_POLICY, client.describe_policy().policy_id(&id).send()).await;
        let answer = answer.map_err(Failure::into_unreadable)?;
        let content = answer.policy().and_then(|policy| policy.content()).filter(|content| !content.trim().is_empty());
        let content = content.ok_or_else(|| Failure::incomplete(DESCRIBE_POLICY, "the document").into_unreadable())?;
        Ok(NamedDocument { name, document: PolicyText::new(content) })
    });
    for document in join_all(documents).await {
        match document {
            Ok(document) => level.policies.push(document),
            Err(reason) => level.unread.push(reason),
        }
    }
    level
}
