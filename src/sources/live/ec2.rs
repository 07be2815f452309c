//! Instances and their associations with profiles.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ec2::operation::describe_instances::builders::DescribeInstancesFluentBuilder;
use aws_sdk_ec2::types as sdk;
use base64::Engine as _;
use futures::future::{FutureExt, LocalBoxFuture, Shared, join, join_all, join3};
use futures::stream::{self, Stream, StreamExt};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::iam::{self, Expected};
use super::instances;
use super::network;
use super::parts::{self, List, Part, Told};
use super::reader::{Calls, Reader};
use super::ssm;
use crate::aws::{self, Failure, RawAnswer};
use crate::facts::{Agent, Association, Fact, Instance, Unreadable, UnreadableKind};
use crate::target::has_tags;
use iam_eval::arn::{Arn, partition_of_region};

pub(super) const DESCRIBE: &str = "ec2:DescribeInstances";
const CONSOLE_OUTPUT: &str = "ec2:GetConsoleOutput";
const ASSOCIATIONS: &str = "ec2:DescribeIamInstanceProfileAssociations";

/// The most values that one filter takes.
///
/// Source: [listing and filtering](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html).
const FILTER_VALUES: usize = 200;
/// The largest page of both lists.
const PAGE: i32 = 1000;
/// So many pages are on their way or read at a time, over all accounts and Regions. More would only fill memory.
static BODIES: Semaphore = Semaphore::const_new(20);
/// So many pages are looked into while the next ones come. More would only fill memory.
const PAGES_AT_A_TIME: usize = 8;

/// An instance that somebody named, and the account that its ARN names.
#[derive(Clone, Copy)]
pub(super) struct NamedInstance<'a> {
    pub(super) id: &'a str,
    pub(super) account: Option<&'a str>,
}

/// An instance, and the account that owns it.
#[derive(Clone)]
pub(super) struct RegionalInstance {
    pub(super) account: Option<String>,
    /// Boxed, because it is moved and sorted by the thousand.
    pub(super) instance: Box<Instance>,
}

/// The instances that a list gave, and why it gave no more.
#[derive(Default)]
pub(super) struct Listed {
    pub(super) found: BTreeMap<String, RegionalInstance>,
    pub(super) failure: Option<Unreadable>,
}

impl Listed {
    /// Adds to each instance what is known of its agent.
    fn tell_agents(&mut self, agents: BTreeMap<String, Fact<Agent>>) {
        for (id, agent) in agents {
            if let Some(found) = self.found.get_mut(&id) {
                found.instance.agent = agent;
            }
        }
    }
}

/// Which of the instances that come back are meant.
#[derive(Clone, Copy)]
enum Choice<'a> {
    Named(&'a [NamedInstance<'a>]),
    Tagged(&'a [(String, String)]),
    /// Every one, to be shown and not judged.
    Listed,
}

impl Choice<'_> {
    /// Whether this instance is one of them.
    fn takes(&self, instance: &Instance) -> bool {
        match self {
            Choice::Named(wanted) => wanted.iter().any(|wanted| wanted.id == instance.id),
            Choice::Tagged(tags) => has_tags(&instance.tags, tags),
            Choice::Listed => true,
        }
    }

    /// Whether its profile is to be read too; not for one of another account than its ARN says.
    fn looks_into(&self, found: &RegionalInstance) -> bool {
        let fits = |wanted: &NamedInstance<'_>| {
            wanted.id == found.instance.id && other_account(wanted.account, found.account.as_deref()).is_none()
        };
        match self {
            Choice::Named(wanted) => wanted.iter().any(fits),
            Choice::Tagged(_) => true,
            Choice::Listed => false,
        }
    }

    /// Whether the agents are to be asked for as the instances come; those of named ones are asked for beside.
    fn asks_for_agents(&self) -> bool {
        matches!(self, Choice::Tagged(_))
    }
}

/// What `region` answers about each of the instances named.
pub(super) async fn named(
    reader: &Reader<'_>,
    region: &str,
    wanted: &[NamedInstance<'_>],
) -> BTreeMap<String, Fact<RegionalInstance>> {
    let mut ids: Vec<&str> = wanted.iter().map(|wanted| wanted.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let chunks = ids.chunks(FILTER_VALUES).map(async |ids| {
        // The filter and not the parameter `InstanceIds`, with which one unknown id fails the whole call.
        let filter = filter("instance-id", ids.iter().copied());
        let listed = list(reader, region, Choice::Named(wanted), vec![filter.clone()], vec![filter]);
        let agents = async {
            let agents = ssm::agents(reader, region, ids).await;
            let offline = |(_, agent): &(&String, &Fact<Agent>)| {
                agent.unreadable().is_none() && !agent.known().is_some_and(Agent::is_online)
            };
            let asked =
                agents.iter().filter(offline).map(async |(id, _)| (id.clone(), started(reader, region, id).await));
            let started: Vec<_> = join_all(asked).await;
            (agents, started)
        };
        let (mut listed, (agents, started)) = join(listed, agents).await;
        listed.tell_agents(agents);
        for (id, started) in started {
            if let Some(found) = listed.found.get_mut(&id) {
                found.instance.agent_started = started;
            }
        }
        let fact = |id: &&str| match (listed.found.remove(*id), &listed.failure) {
            (Some(found), _) => ((*id).to_owned(), Fact::Known(found)),
            (None, Some(reason)) => ((*id).to_owned(), Fact::Unreadable(reason.clone())),
            (None, None) => ((*id).to_owned(), Fact::Absent),
        };
        ids.iter().map(fact).collect::<Vec<_>>()
    });
    join_all(chunks).await.into_iter().flatten().collect()
}

/// The version of the agent that started, as the newest line of an instance's console output says that is about it.
///
/// The output may be cut or come late, so that silence says nothing
/// ([instance console output](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-console.html)).
async fn started(reader: &Reader<'_>, region: &str, id: &str) -> Fact<String> {
    let request = reader.connection.ec2_once_more(region).get_console_output().instance_id(id);
    match reader.calls.make(CONSOLE_OUTPUT, request.send()).await {
        Ok(answer) => agent_version_in(answer.output.as_deref().unwrap_or_default()).map_or(Fact::Absent, Fact::Known),
        Err(failure) => failure.into_fact(),
    }
}

/// The version in the last `Amazon SSM Agent v3.3.1 is running` of a console output in Base64.
fn agent_version_in(output: &str) -> Option<String> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(output.split_whitespace().collect::<String>()).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let (_, said) = text.rsplit_once("Amazon SSM Agent v")?;
    let (version, _) = said.split_once(" is running")?;
    let is_version = version.len() < 32 && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_version.then(|| version.to_owned())
}

/// Which associations of a selection to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Associations {
    /// All of them, because who changes one must name it.
    All,
    /// Those that are not complete. For a verdict the others say nothing that the instance does not.
    Pending,
}

/// The instances of `region` that have all of `tags`, page by page, each page by id.
pub(super) fn selected<'r>(
    reader: &'r Reader<'_>,
    region: &'r str,
    tags: &'r [(String, String)],
    associations: Associations,
    reading: Reading<'r>,
) -> impl Stream<Item = Result<Vec<RegionalInstance>, Unreadable>> + 'r {
    // In a filter `?` is a wildcard too and `\` escapes, so that more may come back than was asked for: what does not have the tags
    // is dropped again.
    let pattern = |value: &str| value.replace('\\', "?");
    let filters = tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), [pattern(value).as_str()])).collect();
    let of_associations = match associations {
        Associations::All => Vec::new(),
        Associations::Pending => vec![filter("state", ["associating", "disassociating"])],
    };
    let associations = self::associations(reader, region, of_associations).map(Arc::new).shared();
    let pages = pages(reader, region, Choice::Tagged(tags), filters, Some(reading)).map(move |page| {
        let associations = associations.clone();
        async move {
            let mut page = page.await?;
            tell_associations(page.iter_mut(), associations.await.as_ref());
            page.sort_unstable_by(|a, b| a.instance.id.cmp(&b.instance.id));
            Ok(page)
        }
    });
    // An instance is one result, also where a page is repeated, or begun again in parts.
    let mut listed_before = HashSet::new();
    pages.buffered(PAGES_AT_A_TIME).map(move |page| {
        let mut page = page?;
        page.retain(|found| listed_before.insert(found.instance.id.clone().into_boxed_str()));
        Ok(page)
    })
}

/// Every instance of `region`, nothing else of it read.
pub(super) async fn listed(reader: &Reader<'_>, region: &str) -> Listed {
    gather(pages(reader, region, Choice::Listed, Vec::new(), None)).await
}

/// The instances of `region` that have this tag `Name`, nothing else of them read.
pub(super) async fn listed_with_name(reader: &Reader<'_>, region: &str, name: &str) -> Listed {
    // In a filter two characters stand for others:
    // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html
    let exact = name.replace('\\', r"\\").replace('*', r"\*").replace('?', r"\?");
    gather(pages(reader, region, Choice::Listed, vec![filter("tag:Name", [exact.as_str()])], None)).await
}

fn filter<'v>(name: &str, values: impl IntoIterator<Item = &'v str>) -> sdk::Filter {
    let values = values.into_iter().map(str::to_owned).collect();
    sdk::Filter::builder().name(name).set_values(Some(values)).build()
}

/// Lists instances beside their associations.
async fn list(
    reader: &Reader<'_>,
    region: &str,
    choice: Choice<'_>,
    instance_filters: Vec<sdk::Filter>,
    association_filters: Vec<sdk::Filter>,
) -> Listed {
    let instances = gather(pages(reader, region, choice, instance_filters, None));
    let (mut listed, associations) = join(instances, associations(reader, region, association_filters)).await;
    tell_associations(listed.found.values_mut(), &associations);
    listed
}

type ByInstance = BTreeMap<String, Vec<Association>>;

/// Adds to each instance how its association with its profile stands.
fn tell_associations<'m>(
    found: impl Iterator<Item = &'m mut RegionalInstance>,
    associations: &Result<ByInstance, Unreadable>,
) {
    for RegionalInstance { instance, .. } in found {
        instance.association = match associations {
            Ok(by_instance) => {
                let arn = instance.profile.as_ref().map(|profile| profile.arn.as_str());
                choose(by_instance.get(&instance.id).map(Vec::as_slice).unwrap_or_default(), arn)
            }
            Err(reason) => Fact::Unreadable(reason.clone()),
        };
    }
}

/// All of some pages, as far as they came.
async fn gather(pages: impl Stream<Item = impl Future<Output = Result<Vec<RegionalInstance>, Unreadable>>>) -> Listed {
    let mut listed = Listed::default();
    let mut pages = std::pin::pin!(pages.buffered(PAGES_AT_A_TIME));
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => listed.found.extend(page.into_iter().map(|found| (found.instance.id.clone(), found))),
            Err(reason) => listed.failure = Some(reason),
        }
    }
    listed
}

/// Where what is known of agents comes from: a list of the whole Region, where that was read.
pub(super) type Agents<'r> = Shared<LocalBoxFuture<'r, Option<Arc<ssm::AgentList>>>>;

/// Who works with the reading of a selection.
pub(super) struct Reading<'r> {
    /// Told whether there is more than one page, once the first is in.
    pub(super) first: oneshot::Sender<bool>,
    /// Told once the first page is in and it is settled how roles are read.
    pub(super) begun: oneshot::Sender<()>,
    /// Gives what is known of agents.
    pub(super) agents: Agents<'r>,
}

/// The pages of a list of instances. The profiles and agents of a page are read while the next one is fetched.
fn pages<'r>(
    reader: &'r Reader<'_>,
    region: &'r str,
    choice: Choice<'r>,
    filters: Vec<sdk::Filter>,
    reading: Option<Reading<'r>>,
) -> impl Stream<Item = impl Future<Output = Result<Vec<RegionalInstance>, Unreadable>> + 'r> + 'r {
    let (first, begun, agents) = match reading {
        Some(Reading { first, begun, agents }) => (Some(first), Some(begun), Some(agents)),
        None => (None, None, None),
    };
    let request = reader.connection.ec2(region).describe_instances().max_results(PAGE);
    let list = InstanceList { request: Box::new(request), filters, calls: reader.calls.clone() };
    let pages = stream::unfold(Source::List(Box::new(list), first), move |source| async move {
        let mut receiver = match source {
            Source::Pages(receiver) => receiver,
            Source::List(list, first) => {
                // Before the first call this thread must hear Control-C.
                tokio::task::yield_now().await;
                parts::spawn(*list, matches!(choice, Choice::Tagged(_)), first)
            }
        };
        loop {
            let page = match receiver.recv().await? {
                Told::Items(found) => Ok(found),
                Told::Failed(failure) => Err(failure),
                Told::Chain(why) => {
                    let text = format!("the instances of {region} are listed page after page, not in parts: {why}");
                    reader.watcher.explain(&text);
                    continue;
                }
            };
            return Some((page, Source::Pages(receiver)));
        }
    });
    let begun = Arc::new(Mutex::new(begun));
    pages.map(move |page| {
        let begun = Arc::clone(&begun);
        let agents = agents.clone();
        async move {
            let mut found = page.map_err(Failure::into_unreadable)?;
            found.retain(|found| choice.takes(&found.instance));
            reader.watcher.found(found.len());
            let has_agent =
                |found: &&RegionalInstance| choice.asks_for_agents() && found.instance.state != "terminated";
            let profiles = async {
                // Each profile of the page once.
                let mut by_profile: BTreeMap<&str, &RegionalInstance> = BTreeMap::new();
                for found in found.iter().filter(|found| choice.looks_into(found)) {
                    let held = found.instance.profile.as_ref().map(|held| held.arn.as_str());
                    by_profile.entry(held.unwrap_or_default()).or_insert(found);
                }
                let looked_into: Vec<&RegionalInstance> = by_profile.into_values().collect();
                let named = looked_into.iter().filter_map(|found| found.instance.profile.as_ref());
                reader.prepare(partition_of_region(region), named.map(|profile| profile.arn.clone())).await;
                if let Some(begun) = begun.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    // Whoever waited may be gone.
                    let _ = begun.send(());
                }
                join_all(looked_into.into_iter().map(|found| look_into(reader, region, found))).await
            };
            let agents = async {
                let listed = match agents {
                    Some(agents) => agents.await,
                    None => None,
                };
                match listed {
                    Some(listed) => (Some(listed), BTreeMap::new()),
                    None => {
                        let ids: Vec<&str> =
                            found.iter().filter(has_agent).map(|found| found.instance.id.as_str()).collect();
                        (None, ssm::agents(reader, region, &ids).await)
                    }
                }
            };
            // Boxed, because all of it together is more than the stack of a thread should hold.
            let networks = Box::pin(async {
                let instances: Vec<&Instance> = found.iter().map(|found| found.instance.as_ref()).collect();
                match choice {
                    Choice::Named(_) if reader.network => network::of_instances(reader, region, &instances).await,
                    Choice::Tagged(_) if reader.network => network::dns(reader, region, &instances).await,
                    Choice::Named(_) | Choice::Tagged(_) | Choice::Listed => {}
                }
            });
            let (_, (listed, mut asked), ()) = join3(profiles, agents, networks).await;
            for found in found.iter_mut().filter(|found| has_agent(&&**found)) {
                let agent = match &listed {
                    Some(listed) => Some(listed.agent(&found.instance.id)),
                    None => asked.remove(&found.instance.id),
                };
                found.instance.agent = agent.unwrap_or(Fact::Absent);
            }
            Ok(found)
        }
    })
}

/// Where pages come from: a list of which nothing was asked for yet, or a task that asks.
enum Source {
    List(Box<InstanceList>, Option<oneshot::Sender<bool>>),
    Pages(mpsc::Receiver<Told<RegionalInstance>>),
}

/// The instances of a Region, all or those that filters leave.
struct InstanceList {
    request: Box<DescribeInstancesFluentBuilder>,
    filters: Vec<sdk::Filter>,
    calls: Calls,
}

impl List for InstanceList {
    type Item = RegionalInstance;
    const API: &'static str = DESCRIBE;

    async fn page(&self, part: Option<&Part>, token: Option<String>) -> Result<parts::Page<RegionalInstance>, Failure> {
        // The semaphore is never closed.
        let permit = BODIES.acquire().await.ok();
        let raw = RawAnswer::instances();
        let begin_with = |part: &Part| {
            let patterns: Vec<String> = part.prefixes().iter().map(|prefix| format!("{prefix}*")).collect();
            filter("instance-id", patterns.iter().map(String::as_str))
        };
        let filters = self.filters.iter().cloned().chain(part.map(begin_with)).collect();
        let request = self.request.as_ref().clone().set_filters(some(filters)).set_next_token(token);
        self.calls.make(DESCRIBE, request.customize().interceptor(raw.clone()).send()).await?;
        let body = raw.body(DESCRIBE)?;
        let next = instances::next_token(body.bytes().unwrap_or_default());
        // Beside the call for the next page.
        let found = tokio::spawn(async move {
            let found = instances::page(body.bytes().unwrap_or_default());
            drop((body, permit));
            found
        });
        let items = Box::pin(async {
            let unreadable =
                |why: &dyn Display| Failure::incomplete(DESCRIBE, &format!("instances that can be read: {why}"));
            found.await.map_err(|why| unreadable(&why))?.map_err(|why| unreadable(&why))
        });
        Ok(parts::Page { items, next })
    }

    fn id(found: &RegionalInstance) -> &str {
        &found.instance.id
    }
}

/// Reads the profile of an instance and what depends on it, or waits until that is read for another instance that has it too.
async fn look_into(reader: &Reader<'_>, region: &str, found: &RegionalInstance) {
    let Some(arn) = found.instance.profile.as_ref().and_then(|profile| Arn::parse(&profile.arn)) else { return };
    let partition = partition_of_region(region);
    let read = async || {
        let expected = Expected { arn: None, account: found.account.as_deref().or(arn.account()) };
        iam::profile(reader, partition, arn.name(), &expected).await;
    };
    reader.held_profiles.get(partition, &arn.to_string(), read).await;
}

async fn associations(
    reader: &Reader<'_>,
    region: &str,
    filters: Vec<sdk::Filter>,
) -> Result<BTreeMap<String, Vec<Association>>, Unreadable> {
    let request = reader.connection.ec2(region).describe_iam_instance_profile_associations();
    let request = request.set_filters(some(filters)).max_results(PAGE);
    let ask = async |token| reader.calls.make(ASSOCIATIONS, request.clone().set_next_token(token).send()).await;
    let mut by_instance: BTreeMap<String, Vec<Association>> = BTreeMap::new();
    let read = aws::pages::pages(ASSOCIATIONS, ask, |page| {
        for entry in page.iam_instance_profile_associations() {
            let association = Association {
                id: entry.association_id().unwrap_or_default().to_owned(),
                state: entry.state().map(|state| state.as_str().to_owned()).unwrap_or_default(),
                profile_arn: entry.iam_instance_profile().and_then(|profile| profile.arn()).map(str::to_owned),
            };
            by_instance.entry(entry.instance_id().unwrap_or_default().to_owned()).or_default().push(association);
        }
        Ok(page.next_token)
    });
    read.await.map_err(Failure::into_unreadable)?;
    Ok(by_instance)
}

/// No filter at all rather than an empty list of filters.
fn some(filters: Vec<sdk::Filter>) -> Option<Vec<sdk::Filter>> {
    Some(filters).filter(|filters| !filters.is_empty())
}

/// The association that speaks of the profile an instance has now: while a profile is replaced there are two.
pub(super) fn choose(associations: &[Association], profile_arn: Option<&str>) -> Fact<Association> {
    let rank = |association: &&Association| {
        let other_profile = association.profile_arn.as_deref() != profile_arn;
        (other_profile, association.state != "associated")
    };
    let alive = associations.iter().filter(|association| association.state != "disassociated");
    alive.min_by_key(rank).map_or(Fact::Absent, |association| Fact::Known(association.clone()))
}

/// Why an instance must not be judged: it belongs to another account than the one that was named.
pub(super) fn other_account(named: Option<&str>, owner: Option<&str>) -> Option<Unreadable> {
    let (named, owner) = (named?, owner?);
    (named != owner).then(|| Unreadable {
        api: DESCRIBE.to_owned(),
        kind: UnreadableKind::OtherAccount,
        message: format!("the ARN names account {named}, but these credentials see that instance in account {owner}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_agent_stands_in_the_console_output() {
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let running = |version: &str| format!("[ 9.1] Amazon SSM Agent v{version} is running");
        for (output, version) in [
            (encode(&running("3.3.551.0")), Some("3.3.551.0")),
            (encode(&format!("{}\n{}\n", running("3.2.0.0"), running("3.3.1.0"))), Some("3.3.1.0")),
            (encode("Amazon SSM Agent v3.3.551.0 is stopping"), None),
            (encode(&running("\u{1b}[31m")), None),
            (encode("nothing"), None),
            ("no Base64!".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(agent_version_in(&output).as_deref(), version, "{output}");
        }
    }
}
