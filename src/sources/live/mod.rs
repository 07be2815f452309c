//! Facts read from a live account, for named targets or for the instances of whole Regions.
//!
//! A single instance costs a chain of five calls: its description, its profile, its role beside the role's
//! lists of policies, the policies, and their versions. Everything that does not wait for an answer runs beside
//! that chain, and nothing is read twice. What cannot be read is a fact too, so this never fails.

pub mod accounts;
mod bulk;
mod ec2;
mod guess;
mod iam;
mod instances;
mod kms;
mod logs;
pub mod metadata;
mod network;
mod organization;
mod outside;
mod pace;
mod parts;
mod properties;
mod query;
mod reader;
mod role;
pub mod simulate;
mod ssm;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use futures::StreamExt as _;
use futures::future::{FutureExt as _, join, join_all, join3};
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::aws::Connection;
use crate::facts::{Fact, Facts, Instance, Subject, SubjectKind, Unreadable, UnreadableKind};
use crate::fix::Lookups;
use crate::target::{Target, TargetKind};
use ec2::Associations;
use iam::{Expected, Stored};
use iam_eval::arn::{Arn, partition_of_region};
pub use organization::ScpReader;
pub use outside::add_outside;
pub use query::{Query, Selection};
use reader::Reader;
pub use reader::{Unwatched, Watcher};
pub use ssm::connection_status;

/// So many pages wait to be handed over; more would only fill memory.
const PAGES_AT_A_TIME: usize = 4;
/// So many subjects are handed over before the next answers are looked at.
const SUBJECTS_AT_A_TIME: usize = 100;

/// Where the facts of one account come from.
#[derive(Clone, Copy)]
pub struct AccountSource<'a> {
    /// The way to it.
    pub connection: &'a Connection,
    /// Its id, where it is known beforehand.
    pub account: Option<&'a str>,
    /// Reads the policies of its organization, where that takes other credentials.
    pub scp_reader: Option<&'a ScpReader<'a>>,
    /// How many Regions may be read at a time, over all accounts.
    pub regions_at_a_time: &'a Semaphore,
    /// Who is told how it goes.
    pub watcher: &'a dyn Watcher,
}

impl<'a> AccountSource<'a> {
    fn reader(&self, query: &Query) -> Reader<'a> {
        let mut facts = Facts::new(Timestamp::now());
        facts.give_policies(query.given.clone());
        let mut reader = Reader::new(self.connection, facts);
        reader.watcher = self.watcher;
        reader.account = self.account;
        reader.scp_reader = self.scp_reader;
        reader.network = query.network;
        reader.is_for_one = query.selection.is_none() && query.targets.len() == 1;
        reader
    }
}

/// Reads all that `query` asks for.
pub async fn load(from: &AccountSource<'_>, query: &Query) -> Facts {
    let reader = from.reader(query);
    let selected = Mutex::new(Vec::new());
    let take =
        |_: &Facts, subjects: Vec<Subject>| selected.lock().unwrap_or_else(PoisonError::into_inner).extend(subjects);
    let named = read(&reader, query, from.regions_at_a_time, &take).await;
    let mut facts = reader.into_facts();
    let mut selected = selected.into_inner().unwrap_or_else(PoisonError::into_inner);
    selected.sort_by(|a, b| place_of(a).cmp(&place_of(b)));
    facts.subjects = named;
    facts.subjects.extend(selected);
    facts
}

/// By Region and id; what could not be listed stands last in its Region.
fn place_of(subject: &Subject) -> (Option<&str>, bool, &str) {
    let failed = matches!(subject.kind, SubjectKind::Instance(Fact::Unreadable(_)));
    (subject.region.as_deref(), failed, &subject.target)
}

/// Reads a selection, and hands over its instances as soon as all that concerns them is among the facts.
///
/// They come Region by Region in the order of AWS's pages, each page by id; the pages of several Regions come as they are known.
pub async fn stream(from: &AccountSource<'_>, query: &Query, take: &dyn Fn(&Facts, Vec<Subject>)) {
    let reader = from.reader(query);
    let _none_is_named = read(&reader, query, from.regions_at_a_time, take).await;
}

/// Reads; gives back what was named, and hands over what was selected.
async fn read(
    reader: &Reader<'_>,
    query: &Query,
    regions_at_a_time: &Semaphore,
    take: &dyn Fn(&Facts, Vec<Subject>),
) -> Vec<Subject> {
    let regions = regions_in_play(query);
    let partition = regions.first().map_or("aws", |region| partition_of_region(region));
    let preferences = query.preferences.as_deref();
    let account_wide = async {
        let key = kms::key(reader, query.kms_key.as_deref(), &regions);
        let bucket = query.s3_logs.iter().zip(regions.first());
        let bucket = join_all(bucket.map(|(bucket, region)| logs::bucket(reader, region, bucket)));
        let groups = regions.iter().flat_map(|region| query.cloudwatch_logs.iter().map(move |group| (region, group)));
        let groups = join_all(groups.map(|(region, group)| logs::group(reader, region, group)));
        let organization = organization::organization(reader, partition, &query.given);
        futures::join!(key, bucket, groups, organization);
    };
    let account_wide = account_wide.shared();
    let Some(selection) = &query.selection else {
        let settings = regions.iter().map(|region| ssm::settings(reader, region, preferences, std::future::ready(())));
        let (named, (), _) = futures::join!(named(reader, query), account_wide, join_all(settings));
        return named;
    };
    let region = async |region: &&str| {
        // The semaphore is never closed.
        let _permit = regions_at_a_time.acquire().await.ok();
        let (begun, has_begun) = oneshot::channel();
        let settings = ssm::settings(reader, region, preferences, async { drop(has_begun.await) });
        let network = Box::pin(async {
            if reader.network {
                network::of_region(reader, region).await;
            }
        });
        let around = join3(account_wide.clone(), settings, network).map(|_| ()).shared();
        let associations = if query.complete { Associations::All } else { Associations::Pending };
        let (sender, mut receiver) = mpsc::channel(PAGES_AT_A_TIME);
        let (first, has_more) = oneshot::channel();
        let agents = async {
            // Of a page of instances that were chosen by their tags, the agents are asked for by id.
            let all = selection.tags.is_empty() || has_more.await.unwrap_or(false);
            if all { ssm::all_agents(reader, region).await } else { None }
        };
        let agents = agents.boxed_local().shared();
        let reading = ec2::Reading { first, begun, agents: agents.clone() };
        let pages = async {
            let sender = sender;
            let mut pages = pin!(ec2::selected(reader, region, &selection.tags, associations, reading));
            while let Some(page) = pages.next().await {
                // The receiver stays until there are no more.
                let _ = sender.send(page).await;
            }
        };
        let handed_over = async {
            while let Some(page) = receiver.recv().await {
                around.clone().await;
                let mut subjects = subjects(page, region, selection, reader.account).into_iter().peekable();
                while subjects.peek().is_some() {
                    take(&reader.facts(), subjects.by_ref().take(SUBJECTS_AT_A_TIME).collect());
                    // Answers that others wait for are not to wait for the rest of the page.
                    tokio::task::yield_now().await;
                }
            }
        };
        futures::join!(pages, handed_over, around.clone(), agents);
        reader.watcher.region_read();
    };
    join(account_wide.clone(), join_all(regions.iter().map(region))).await;
    Vec::new()
}

/// One subject for each instance of a page, or one for a list that could not be read to its end.
fn subjects(
    page: Result<Vec<ec2::RegionalInstance>, Unreadable>,
    region: &str,
    selection: &Selection,
    account: Option<&str>,
) -> Vec<Subject> {
    let subject = |target: String, account, fact| Subject {
        target,
        account,
        region: Some(region.to_owned()),
        partition: Some(partition_of_region(region).to_owned()),
        from_selection: true,
        origin: None,
        kind: SubjectKind::Instance(fact),
    };
    match page {
        Ok(page) => page
            .into_iter()
            .map(|found| subject(found.instance.id.clone(), found.account, Fact::Known(found.instance)))
            .collect(),
        Err(reason) => vec![subject(selection.as_typed(), account.map(str::to_owned), Fact::Unreadable(reason))],
    }
}

/// Adds to the facts what a plan has to know beyond a check.
pub async fn complete(connection: &Connection, facts: Facts, lookups: &Lookups) -> Facts {
    let reader = Reader::new(connection, facts);
    let profiles = lookups.profiles.iter().map(async |(partition, account, name)| {
        iam::profile(&reader, partition, name, &Expected { arn: None, account: Some(account) }).await;
    });
    let roles = lookups.roles.iter().map(async |(partition, account, name)| {
        role::role(&reader, partition, name, &Expected { arn: None, account: Some(account) }, None).await;
    });
    let policies = lookups.policies.iter().map(|(partition, arn)| role::policy(&reader, partition, arn));
    join3(join_all(profiles), join_all(roles), join_all(policies)).await;
    reader.into_facts()
}

/// The instances of a Region, by id, for a person to pick from.
///
/// # Errors
/// Why they cannot be listed.
pub async fn list_instances(connection: &Connection, region: &str) -> Result<Vec<Instance>, Unreadable> {
    let reader = Reader::new(connection, Facts::new(Timestamp::now()));
    let listed = ec2::listed(&reader, region).await;
    match listed.failure {
        Some(reason) => Err(reason),
        None => Ok(listed.found.into_values().map(|found| *found.instance).collect()),
    }
}

/// The instances of a Region that have this tag `Name`, but for terminated ones.
///
/// # Errors
/// Why they cannot be listed.
pub async fn instances_named(connection: &Connection, region: &str, name: &str) -> Result<Vec<Instance>, Unreadable> {
    let reader = Reader::new(connection, Facts::new(Timestamp::now()));
    let listed = ec2::listed_with_name(&reader, region, name).await;
    match listed.failure {
        Some(reason) => Err(reason),
        None => {
            let instances = listed.found.into_values().map(|found| *found.instance);
            Ok(instances
                .filter(|instance| instance.name.as_deref() == Some(name) && instance.state != "terminated")
                .collect())
        }
    }
}

/// The targets without those that are there before.
fn distinct(targets: &[Target]) -> Vec<&Target> {
    let mut distinct: Vec<&Target> = Vec::new();
    for target in targets {
        if !distinct.iter().any(|other| other.kind == target.kind && other.arn == target.arn) {
            distinct.push(target);
        }
    }
    distinct
}

/// The Regions to look for a target in.
fn regions_of<'a>(target: &'a Target, query: &'a Query) -> Vec<&'a str> {
    match target.arn.as_ref().and_then(Arn::region) {
        Some(region) => vec![region],
        None => query.regions.iter().map(String::as_str).collect(),
    }
}

fn regions_in_play(query: &Query) -> Vec<&str> {
    let mut regions: Vec<&str> = query.regions.iter().map(String::as_str).collect();
    regions.extend(query.targets.iter().filter_map(|target| target.arn.as_ref()?.region()));
    regions.sort_unstable();
    regions.dedup();
    regions
}

/// One subject for each target, in their order.
async fn named(reader: &Reader<'_>, query: &Query) -> Vec<Subject> {
    let targets = distinct(&query.targets);
    let mut wanted: BTreeMap<&str, Vec<ec2::NamedInstance<'_>>> = BTreeMap::new();
    for target in &targets {
        if let TargetKind::Instance(id) = &target.kind {
            let account = target.arn.as_ref().and_then(Arn::account);
            for region in regions_of(target, query) {
                wanted.entry(region).or_default().push(ec2::NamedInstance { id, account });
            }
        }
    }
    let instances = async {
        let answers = wanted.iter().map(|(region, wanted)| ec2::named(reader, region, wanted));
        wanted.keys().copied().zip(join_all(answers).await).collect::<BTreeMap<_, _>>()
    };
    let iam = join_all(targets.iter().map(|target| iam_subject(reader, target, query)));
    let (instances, iam) = futures::join!(instances, iam);
    let subjects = targets.iter().zip(iam).map(|(target, subject)| match (&target.kind, subject) {
        (_, Some(subject)) => subject,
        (TargetKind::Instance(id) | TargetKind::Profile(id) | TargetKind::Role(id) | TargetKind::Named(id), None) => {
            instance_subject(target, id, &regions_of(target, query), &instances, query.names_unread.get(id))
        }
    });
    subjects.collect()
}

/// The subject for a profile or role; `None` for an instance.
async fn iam_subject(reader: &Reader<'_>, target: &Target, query: &Query) -> Option<Subject> {
    let first = query.regions.first().map(String::as_str);
    let partition = match (&target.arn, first) {
        (Some(arn), _) => arn.partition.as_str(),
        (None, Some(region)) => partition_of_region(region),
        (None, None) => "aws",
    };
    let expected = Expected { arn: target.arn.as_ref(), account: target.arn.as_ref().and_then(Arn::account) };
    let (Stored { key, account }, kind): (Stored, fn(String) -> SubjectKind) = match &target.kind {
        TargetKind::Instance(_) | TargetKind::Named(_) => return None,
        TargetKind::Profile(name) => (iam::profile(reader, partition, name, &expected).await, SubjectKind::Profile),
        TargetKind::Role(name) => {
            let role = role::role(reader, partition, name, &expected, None);
            let (stored, profiles) = join(role, role::profiles(reader, partition, name)).await;
            reader.facts().profiles_of_roles.insert(stored.key.clone(), profiles);
            (stored, SubjectKind::Role)
        }
    };
    // Whoever took the one for the other is told so.
    let elsewhere = Expected { arn: None, ..expected };
    match &target.kind {
        TargetKind::Profile(name) if is_absent(reader.facts().profiles.get(&key)) => {
            drop(role::role(reader, partition, name, &elsewhere, None).await);
        }
        TargetKind::Role(name) if is_absent(reader.facts().roles.get(&key)) => {
            drop(iam::profile(reader, partition, name, &elsewhere).await);
        }
        TargetKind::Instance(_) | TargetKind::Profile(_) | TargetKind::Role(_) | TargetKind::Named(_) => {}
    }
    Some(Subject {
        target: target.text.clone(),
        account,
        region: first.filter(|region| partition_of_region(region) == partition).map(str::to_owned),
        partition: Some(partition.to_owned()),
        from_selection: false,
        origin: None,
        kind: kind(key),
    })
}

fn is_absent<T>(fact: Option<&Fact<T>>) -> bool {
    matches!(fact, Some(Fact::Absent))
}

type Answers<'a> = BTreeMap<&'a str, BTreeMap<String, Fact<ec2::RegionalInstance>>>;

/// The subject for a named instance, from what each of its Regions answered, or why its name could not be searched.
fn instance_subject(
    target: &Target,
    id: &str,
    regions: &[&str],
    answers: &Answers<'_>,
    name_unread: Option<&Unreadable>,
) -> Subject {
    let arn = target.arn.as_ref();
    let facts: Vec<(&str, &Fact<ec2::RegionalInstance>)> =
        regions.iter().filter_map(|region| Some((*region, answers.get(region)?.get(id)?))).collect();
    let found = facts.iter().find_map(|(region, fact)| Some((*region, fact.known()?)));
    let region = found.map(|(region, _)| region).or(match regions {
        [only] => Some(*only),
        _ => None,
    });
    let named_account = arn.and_then(Arn::account);
    let fact = match found {
        Some((_, found)) => match ec2::other_account(named_account, found.account.as_deref()) {
            Some(reason) => Fact::Unreadable(reason),
            None => Fact::Known(found.instance.clone()),
        },
        // Its name was searched before.
        None if matches!(target.kind, TargetKind::Named(_)) => {
            name_unread.map_or(Fact::Absent, |reason| Fact::Unreadable(reason.clone()))
        }
        None if facts.is_empty() => Fact::Unreadable(Unreadable {
            api: ec2::DESCRIBE.to_owned(),
            kind: UnreadableKind::Other,
            message: "no Region is set, so it is not known where to look; give `--region`".to_owned(),
        }),
        // One Region that did not answer may be the one that has it.
        None => match facts.iter().find_map(|(_, fact)| fact.unreadable()) {
            Some(reason) => Fact::Unreadable(reason.clone()),
            None => Fact::Absent,
        },
    };
    let owner = found.and_then(|(_, found)| found.account.as_deref());
    let partition = arn.map(|arn| arn.partition.as_str()).or(region.map(partition_of_region)).unwrap_or("aws");
    Subject {
        target: target.text.clone(),
        account: named_account.or(owner).map(str::to_owned),
        region: region.map(str::to_owned),
        partition: Some(partition.to_owned()),
        from_selection: false,
        origin: None,
        kind: SubjectKind::Instance(fact),
    }
}

#[cfg(test)]
mod tests;
