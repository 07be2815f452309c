//! What all readers of one run share: the connection, the bound on calls, the facts so far.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::sync::{OnceCell, Semaphore};

use super::iam::ProfileReading;
use super::role::RoleReading;
use crate::aws::{Connection, Failure};
use crate::facts::Facts;

/// Enough for every policy of a role at once, so that their number does not lengthen the chain of calls.
const CALLS_AT_A_TIME: usize = 64;

/// The state of one run.
pub(super) struct Reader<'a> {
    pub(super) connection: &'a Connection,
    permits: Semaphore,
    facts: Mutex<Facts>,
    claimed: Mutex<BTreeSet<String>>,
    pub(super) profiles: Once<Result<ProfileReading, Failure>>,
    pub(super) roles: Once<RoleReading>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(connection: &'a Connection, facts: Facts) -> Reader<'a> {
        Reader {
            connection,
            permits: Semaphore::new(CALLS_AT_A_TIME),
            facts: Mutex::new(facts),
            claimed: Mutex::default(),
            profiles: Once::default(),
            roles: Once::default(),
        }
    }

    /// Makes one call within the bound.
    pub(super) async fn call<T, E>(
        &self,
        api: &str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await.ok();
        call.await.map_err(|error| self.connection.failure(api, &error))
    }

    /// Gets the next page of a list within the bound; `None` after the last one.
    pub(super) async fn page<T, E>(
        &self,
        api: &str,
        next: impl Future<Output = Option<Result<T, SdkError<E, HttpResponse>>>>,
    ) -> Result<Option<T>, Failure>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        self.call(api, async { next.await.transpose() }).await
    }

    /// Whether nobody else reads `what` in this run, so that the caller must.
    pub(super) fn claim(&self, what: &str) -> bool {
        lock(&self.claimed).insert(what.to_owned())
    }

    /// The facts so far.
    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        lock(&self.facts)
    }

    pub(super) fn into_facts(self) -> Facts {
        self.facts.into_inner().unwrap_or_else(PoisonError::into_inner)
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
    pub(super) async fn get<F>(&self, partition: &str, name: &str, read: impl FnOnce() -> F) -> T
    where
        F: Future<Output = T>,
    {
        let cell = Arc::clone(lock(&self.0).entry((partition.to_owned(), name.to_owned())).or_default());
        cell.get_or_init(read).await.clone()
    }
}
