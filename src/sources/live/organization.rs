//! The organization of the account, and the policies on the account's path in it: service control policies, and resource control
//! policies, which are read beside them.
//!
//! Which organization it is any account may ask; the rest only the management account or a delegated one. What may not be
//! read is no obstacle: the report says that these policies are not visible. What fails otherwise may hide a deny.
//! Sources: [Service control policies](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html) and
//! [Resource control policies](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html).

use aws_sdk_organizations::types::{ParentType, PolicyType};
use futures::future::{join, join_all};

use super::reader::{Once, Reader};
use crate::aws::pages::pages;
use crate::aws::{Connection, Failure};
use crate::facts::{
    Fact, Facts, GivenPolicies, NamedDocument, Organization, PolicyLevel, PolicyText, Unreadable, UnreadableKind,
};
use crate::limits;

const DESCRIBE: &str = "organizations:DescribeOrganization";
const LIST_PARENTS: &str = "organizations:ListParents";
const LIST_POLICIES: &str = "organizations:ListPoliciesForTarget";
const DESCRIBE_POLICY: &str = "organizations:DescribePolicy";

/// No organization is deeper: a root, five levels of units and the account
/// ([quotas](https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html)); with room to spare.
const DEEPEST: usize = 12;

/// Who sees the policies of an organization on behalf of its accounts: the management account, or a delegated one.
///
/// What is attached to the root and to units holds for many accounts and is read once.
pub struct ScpReader<'a> {
    reader: Reader<'a>,
    parents: Once<Result<(String, ParentType), Failure>>,
    levels: Once<Attached>,
    documents: Once<Result<NamedDocument, Unreadable>>,
}

impl<'a> ScpReader<'a> {
    /// Sees as much as the credentials of `connection` may.
    pub fn new(connection: &'a Connection) -> ScpReader<'a> {
        let reader = Reader::new(connection, Facts::new(jiff::Timestamp::UNIX_EPOCH));
        ScpReader { reader, parents: Once::default(), levels: Once::default(), documents: Once::default() }
    }
}

/// The policies that are attached to a root, a unit or an account, as far as they were asked for and can be read.
#[derive(Clone)]
struct Attached {
    scps: PolicyLevel,
    rcps: PolicyLevel,
}

/// Reads the organization, and its policies but for those that were given.
pub(super) async fn organization(reader: &Reader<'_>, partition: &str, given: &GivenPolicies) {
    let organization = async {
        let request = reader.organizations_beside(partition).describe_organization();
        reader.calls.make(DESCRIBE, request.send()).await
    };
    let account = async {
        match reader.account {
            Some(account) => Ok(account.to_owned()),
            None => reader.connection.caller(partition).await.map(|caller| caller.account.clone()),
        }
    };
    let path = async {
        if given.are_all() {
            return None;
        }
        let account = account.await;
        let path = match (&account, reader.scp_reader) {
            (Ok(account), Some(scp_reader)) => path(scp_reader, partition, account, given).await,
            (Ok(account), None) => path(&ScpReader::new(reader.connection), partition, account, given).await,
            (Err(failure), _) => Path::unread(failure.reason()),
        };
        Some((account.ok(), path))
    };
    let (described, path) = join(organization, path).await;
    let mut facts = reader.facts();
    let (account, path) = path.unzip();
    let account = account.flatten();
    let described = match described {
        Ok(answer) => {
            match answer.organization.and_then(|described| Some((described.id?, described.master_account_id))) {
                Some(described) => Ok(described),
                None => Err(Failure::incomplete(DESCRIBE, "the organization's ID")),
            }
        }
        Err(failure) => Err(failure),
    };
    let in_none = described.as_ref().err().is_some_and(Failure::is_not_found)
        || described.is_err() && path.as_ref().is_some_and(|path| path.not_in_use);
    if in_none {
        facts.organization = Fact::Absent;
        facts.scp_levels.get_or_insert_default();
        facts.rcp_levels.get_or_insert_default();
        return;
    }
    // Neither type touches the management account:
    // https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html#not-restricted-by-scp
    // https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html#actions-not-restricted-by-rcps
    let management_account = described.as_ref().ok().and_then(|(_, management)| management.clone());
    let exempt = account.is_some() && management_account == account;
    let service_answers =
        described.as_ref().err().is_none_or(is_answer) || path.as_ref().is_some_and(|path| path.service_answers);
    let (parents, scps, rcps) = match path {
        Some(Path { parents, scps, rcps, .. }) => (parents, Some(scps), Some(rcps)),
        None => (None, None, None),
    };
    let settle = |levels: &mut Option<Vec<PolicyLevel>>, found: Option<Found>| {
        // What was given stays.
        let found = found.filter(|_| levels.is_none())?;
        let (found, unseen) = if exempt { (Some(Vec::new()), None) } else { found.settled(service_answers) };
        *levels = found;
        unseen
    };
    let policies_unread = settle(&mut facts.scp_levels, scps);
    let rcps_unread = settle(&mut facts.rcp_levels, rcps);
    facts.organization = match described {
        Ok((id, management_account)) => {
            let path = parents.map(|parents| {
                let parents: String = parents.iter().rev().map(|parent| format!("{parent}/")).collect();
                format!("{id}/{parents}")
            });
            Fact::Known(Organization { id, management_account, path, policies_unread, rcps_unread })
        }
        Err(failure) => Fact::Unreadable(failure.into_unreadable()),
    };
}

/// Whether a failure came from the service, rather than from the way to it.
fn is_answer(failure: &Failure) -> bool {
    failure.reason().kind != UnreadableKind::Network
}

/// A level, or what may be several, of which nothing is known.
fn unread_level(reason: Unreadable) -> PolicyLevel {
    PolicyLevel { name: "organization".to_owned(), policies: Vec::new(), unread: vec![reason] }
}

/// Where an account is, and what holds there.
struct Path {
    /// From the account's own parent up to the root; `None` if the root was not reached.
    parents: Option<Vec<String>>,
    scps: Found,
    rcps: Found,
    /// Whether AWS says that the account is in no organization.
    not_in_use: bool,
    /// Whether the service answered to the question where the account is.
    service_answers: bool,
}

impl Path {
    /// One of which nothing is known.
    fn unread(reason: &Unreadable) -> Path {
        let found = || Found { levels: Vec::new(), unseen: Some(reason.clone()) };
        Path { parents: None, scps: found(), rcps: found(), not_in_use: false, service_answers: false }
    }
}

/// The policies of one type that hold for an account.
struct Found {
    /// From the root down to the account, as far as they are known.
    levels: Vec<PolicyLevel>,
    /// Why there may be more levels above those, or others in the place of none.
    unseen: Option<Unreadable>,
}

impl Found {
    /// The levels of a type, root first, where the walk up to the root ended so.
    ///
    /// While service control policies are switched on, every level has one
    /// ([Attaching policies](https://docs.aws.amazon.com/organizations/latest/APIReference/API_DetachPolicy.html)): one without any
    /// was not read, but where no level has any, none is in force. A level without a resource control policy denies nothing.
    fn of(walked: &Result<(), Failure>, mut levels: Vec<PolicyLevel>, policy_type: &PolicyType) -> Found {
        let has_policies = |level: &PolicyLevel| !level.policies.is_empty();
        let unread = levels.iter().flat_map(|level| &level.unread);
        let above = walked.as_ref().err().map(|failure| failure.reason().clone());
        if !levels.iter().any(has_policies) {
            let unseen = unread.chain(&above).max_by_key(|reason| importance(reason)).cloned();
            return Found { levels: Vec::new(), unseen };
        }
        let empty = |level: &&mut PolicyLevel| level.policies.is_empty() && level.unread.is_empty();
        if *policy_type == PolicyType::ServiceControlPolicy {
            for level in levels.iter_mut().filter(empty) {
                let lacking = Failure::incomplete(LIST_POLICIES, "a policy, and each level has at least one");
                level.unread.push(lacking.into_unreadable());
            }
        }
        Found { levels, unseen: above }
    }

    /// The levels as facts, and why they are not known, or not in full. What a failure may hide is a level that was not read.
    fn settled(self, service_answers: bool) -> (Option<Vec<PolicyLevel>>, Option<Unreadable>) {
        let Found { levels, unseen } = self;
        match unseen {
            None => (Some(levels), None),
            Some(reason) if reason.kind.may_hide(service_answers) => {
                (Some([unread_level(reason)].into_iter().chain(levels).collect()), None)
            }
            // What is above may not be seen, and what was read below counts all the same.
            Some(reason) => (Some(levels).filter(|levels| !levels.is_empty()), Some(reason)),
        }
    }
}

/// Of several reasons the one that may hide most tells.
fn importance(reason: &Unreadable) -> u8 {
    u8::from(reason.kind.may_hide(true)) + u8::from(reason.kind.may_hide(false))
}

/// Walks up from the account; the policies of each level are read while the walk goes on.
async fn path(scp_reader: &ScpReader<'_>, partition: &str, account: &str, given: &GivenPolicies) -> Path {
    let mut parents: Vec<String> = Vec::new();
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<String>();
    let walk = async {
        let sender = sender;
        let mut child = account.to_owned();
        let _ = sender.send(child.clone());
        while parents.len() < DEEPEST {
            let read = || parent(&scp_reader.reader, partition, &child);
            let (id, kind) = scp_reader.parents.get(partition, &child, read).await?;
            let _ = sender.send(id.clone());
            parents.push(id.clone());
            if kind == ParentType::Root {
                return Ok(());
            }
            child = id;
        }
        Err(Failure::incomplete(LIST_PARENTS, "the root"))
    };
    let read = async {
        let stream = futures::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
        let levels = futures::StreamExt::map(stream, async |target| {
            let read = || attached(scp_reader, partition, &target, given);
            scp_reader.levels.get(partition, &target, read).await
        });
        futures::StreamExt::collect::<Vec<_>>(futures::StreamExt::buffered(levels, DEEPEST)).await
    };
    let (walked, mut levels): (Result<(), Failure>, Vec<Attached>) = join(walk, read).await;
    levels.reverse();
    let (scps, rcps): (Vec<_>, Vec<_>) = levels.into_iter().map(|level| (level.scps, level.rcps)).unzip();
    Path {
        not_in_use: walked.as_ref().is_err_and(Failure::is_not_found),
        service_answers: !parents.is_empty() || walked.as_ref().is_err_and(is_answer),
        parents: walked.is_ok().then_some(parents),
        scps: Found::of(&walked, scps, &PolicyType::ServiceControlPolicy),
        rcps: Found::of(&walked, rcps, &PolicyType::ResourceControlPolicy),
    }
}

async fn parent(reader: &Reader<'_>, partition: &str, child: &str) -> Result<(String, ParentType), Failure> {
    let request = reader.connection.organizations(partition).list_parents().child_id(child);
    let answer = reader.calls.make(LIST_PARENTS, request.send()).await?;
    let parent = answer.parents().first().and_then(|parent| Some((parent.id()?.to_owned(), parent.r#type()?.clone())));
    parent.ok_or_else(|| Failure::incomplete(LIST_PARENTS, "the parent"))
}

/// The policies of both types at a root, a unit or an account; none of a type that was given.
async fn attached(scp_reader: &ScpReader<'_>, partition: &str, target: &str, given: &GivenPolicies) -> Attached {
    let of = async |policy_type: PolicyType, given: bool| match given {
        true => PolicyLevel { name: target.to_owned(), policies: Vec::new(), unread: Vec::new() },
        false => level(scp_reader, partition, target, policy_type).await,
    };
    let scps = of(PolicyType::ServiceControlPolicy, given.scps.is_some());
    let (scps, rcps) = join(scps, of(PolicyType::ResourceControlPolicy, given.rcps.is_some())).await;
    Attached { scps, rcps }
}

/// The policies of a type that are attached to a root, a unit or an account, as far as they can be read.
async fn level(scp_reader: &ScpReader<'_>, partition: &str, target: &str, policy_type: PolicyType) -> PolicyLevel {
    let reader = &scp_reader.reader;
    let mut level = PolicyLevel { name: target.to_owned(), policies: Vec::new(), unread: Vec::new() };
    let client = reader.connection.organizations(partition);
    let request = client.list_policies_for_target().target_id(target).filter(policy_type);
    let ask = async |token| reader.calls.make(LIST_POLICIES, request.clone().set_next_token(token).send()).await;
    let mut found = Vec::new();
    let read = pages(LIST_POLICIES, ask, |page| {
        match page.policies {
            Some(policies) => found.extend(policies),
            None => level.unread.push(Failure::incomplete(LIST_POLICIES, "the policies").into_unreadable()),
        }
        if found.len() > limits::TARGET_POLICIES {
            found.clear();
            return Err(Failure::beyond(LIST_POLICIES, limits::TARGET_POLICIES, "policies of a target"));
        }
        Ok(page.next_token)
    });
    // What was listed until then counts all the same.
    let read = read.await;
    level.unread.extend(read.err().map(Failure::into_unreadable));
    let documents = found.into_iter().map(async |summary| {
        let lacking = || Failure::incomplete(LIST_POLICIES, "a policy's ID").into_unreadable();
        let id = summary.id.ok_or_else(lacking)?;
        let name = summary.name.unwrap_or_else(|| id.clone());
        scp_reader.documents.get(partition, &id, || document(reader, partition, &id, name)).await
    });
    for document in join_all(documents).await {
        match document {
            Ok(document) => level.policies.push(document),
            Err(reason) => level.unread.push(reason),
        }
    }
    level
}

/// A policy, which mostly is attached to several levels.
async fn document(reader: &Reader<'_>, partition: &str, id: &str, name: String) -> Result<NamedDocument, Unreadable> {
    let request = reader.connection.organizations(partition).describe_policy().policy_id(id);
    let answer = reader.calls.make(DESCRIBE_POLICY, request.send()).await.map_err(Failure::into_unreadable)?;
    let content = answer.policy().and_then(|policy| policy.content()).filter(|content| !content.trim().is_empty());
    let content = content.ok_or_else(|| Failure::incomplete(DESCRIBE_POLICY, "the document").into_unreadable())?;
    Ok(NamedDocument { name, document: PolicyText::new(content) })
}
