//! What all readers of one run share: the connection, the bound on calls, the facts so far.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::sync::OnceCell;

use super::bulk::{self, Inventory};
use super::iam::ProfileReading;
use super::organization::ScpReader;
use super::pace::Pace;
use super::role::RoleReading;
use crate::aws::{Connection, Failure, Traffic, classify};
use crate::facts::{Facts, Unreadable};

/// Enough for every policy of a role at once, so that their number does not lengthen the chain of calls.
const CALLS_AT_A_TIME: u16 = 64;

/// Who is told how the reading goes.
pub trait Watcher {
    /// So many instances more were found.
    fn found(&self, instances: usize);
    /// A Region was read to its end.
    fn region_read(&self);
    /// Something that a person should know and that changes no verdict.
    fn note(&self, text: &str);
    /// Something that only explains how long it takes.
    fn explain(&self, text: &str);
}

/// Nobody is told.
pub struct Unwatched;

impl Watcher for Unwatched {
    fn found(&self, _: usize) {}
    fn region_read(&self) {}
    fn note(&self, _: &str) {}
    fn explain(&self, _: &str) {}
}

/// Makes calls within the bound of one account.
#[derive(Clone)]
pub(super) struct Calls {
    pace: Arc<Pace>,
    traffic: Traffic,
    endpoint: Option<String>,
}

impl Calls {
    /// Makes one call within the bound.
    pub(super) async fn make<T, E>(
        &self,
        api: &str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let turn = self.pace.turn().await;
        let _under_way = self.traffic.begin(api);
        let throttled = self.traffic.throttled();
        let answer = call.await;
        turn.end(self.traffic.throttled() > throttled);
        answer.map_err(|error| classify(api, self.endpoint.as_deref(), &error))
    }
}

/// The state of one run.
pub(super) struct Reader<'a> {
    pub(super) connection: &'a Connection,
    /// Who is told how it goes.
    pub(super) watcher: &'a dyn Watcher,
    /// The account, where it is known beforehand.
    pub(super) account: Option<&'a str>,
    /// Reads the policies of the organization, where that takes other credentials.
    pub(super) scp_reader: Option<&'a ScpReader<'a>>,
    /// Makes its calls; a clone, those of a task of its own.
    pub(super) calls: Calls,
    facts: Mutex<Facts>,
    in_play: Mutex<BTreeSet<String>>,
    inventories: Once<Option<Arc<Inventory>>>,
    pub(super) profiles: Once<Result<ProfileReading, Failure>>,
    pub(super) roles: Once<RoleReading>,
    /// The buckets that are among the facts.
    pub(super) buckets: Once<()>,
    /// The VPCs whose DNS attributes are among the facts, by Region and id.
    pub(super) vpcs: Once<()>,
    /// Whether it reads for one target, which somebody waits for: what is most likely asked for next is asked for beforehand.
    pub(super) is_for_one: bool,
    /// Whether networks are read too.
    pub(super) network: bool,
    /// The managed policies that are among the facts.
    pub(super) policies: Once<()>,
    /// The profiles of instances that are among the facts.
    pub(super) held_profiles: Once<()>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(connection: &'a Connection, facts: Facts) -> Reader<'a> {
        Reader {
            connection,
            watcher: &Unwatched,
            account: None,
            scp_reader: None,
            calls: Calls {
                pace: Arc::new(Pace::new(CALLS_AT_A_TIME)),
                traffic: connection.traffic().clone(),
                endpoint: connection.endpoint_url().map(str::to_owned),
            },
            facts: Mutex::new(facts),
            in_play: Mutex::default(),
            inventories: Once::default(),
            profiles: Once::default(),
            roles: Once::default(),
            buckets: Once::default(),
            vpcs: Once::default(),
            is_for_one: false,
            network: false,
            policies: Once::default(),
            held_profiles: Once::default(),
        }
    }

    /// A client for reading of Systems Manager what a verdict can do without. A single target is not kept waiting for it.
    pub(super) fn ssm_beside(&self, region: &str) -> aws_sdk_ssm::Client {
        if self.is_for_one { self.connection.ssm_once_more(region) } else { self.connection.ssm(region) }
    }

    /// A client for reading the organization; as [`Reader::ssm_beside`].
    pub(super) fn organizations_beside(&self, partition: &str) -> aws_sdk_organizations::Client {
        let connection = self.connection;
        if self.is_for_one {
            connection.organizations_once_more(partition)
        } else {
            connection.organizations(partition)
        }
    }

    /// Takes note that these profiles are in play, and reads the whole account at once if that costs less than one by one.
    ///
    /// Where the account may not be read at once, everything is read one by one, and the watcher is told why.
    pub(super) async fn prepare(&self, partition: &str, profiles: impl Iterator<Item = String>) {
        let many = {
            let mut in_play = lock(&self.in_play);
            in_play.extend(profiles);
            in_play.len() > bulk::FEW
        };
        if !many {
            return;
        }
        let read = async || match bulk::inventory(self, partition).await {
            Ok(inventory) => Some(Arc::new(inventory)),
            Err(failure) => {
                let Unreadable { api, message, .. } = failure.into_unreadable();
                self.watcher.note(&format!("roles are read one by one, because `{api}` failed: {message}"));
                None
            }
        };
        self.inventories.get(partition, "", read).await;
    }

    /// The whole account, if it was read at once.
    pub(super) fn inventory(&self, partition: &str) -> Option<Arc<Inventory>> {
        self.inventories.known(partition, "").flatten()
    }

    /// The facts so far.
    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        lock(&self.facts)
    }

    pub(super) fn into_facts(self) -> Facts {
        self.facts.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a call whose answer is taken in on another thread, while this one judges and writes.
pub(super) async fn beside<T, E>(
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send + 'static,
) -> Result<T, SdkError<E, HttpResponse>>
where
    T: Send + 'static,
    E: Send + 'static,
{
    match tokio::spawn(call).await {
        Ok(answer) => answer,
        Err(gone) => Err(SdkError::construction_failure(gone)),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers that are read once, by partition and name: the credentials see one account of each partition.
pub(super) struct Once<T>(Mutex<BTreeMap<(String, String), Cell<T>>>);

type Cell<T> = Arc<OnceCell<T>>;

impl<T> Default for Once<T> {
    fn default() -> Self {
        Once(Mutex::default())
    }
}

impl<T: Clone> Once<T> {
    /// What was read, if it was.
    pub(super) fn known(&self, partition: &str, name: &str) -> Option<T> {
        let cell = lock(&self.0).get(&(partition.to_owned(), name.to_owned())).cloned();
        cell.and_then(|cell| cell.get().cloned())
    }

    pub(super) async fn get<F>(&self, partition: &str, name: &str, read: impl FnOnce() -> F) -> T
    where
        F: Future<Output = T>,
    {
        let cell = Arc::clone(lock(&self.0).entry((partition.to_owned(), name.to_owned())).or_default());
        if let Some(read) = cell.get() {
            return read.clone();
        }
        // Boxed: thousands wait here for what is mostly there, and each would be as large as what reads it.
        Box::pin(cell.get_or_init(read)).await.clone()
    }
}
