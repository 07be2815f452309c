//! The accounts of a run, and how each is read, once before and again after.

use futures::StreamExt as _;
use tokio::sync::Semaphore;

use super::super::fleet::{Entered, Fleet, nothing};
use super::super::gather::{self, Live};
use super::super::progress::FleetProgress;
use super::super::resolve::{FixPlan, FixSource, TargetSelection};
use super::super::{Stop, args};
use crate::aws::Connection;
use crate::facts::{CallerIdentity, Facts, GivenPolicies, Subject};
use crate::fix;
use crate::sources::live::{self, AccountSource, Query, ScpReader, Selection};

/// All of them, in a stable order.
pub(super) struct Accounts {
    fleet: Option<Fleet>,
    all: Vec<Account>,
    query: Query,
    at_a_time: usize,
}

/// One of them.
enum Account {
    /// That of the credentials, or those of the ARNs that were typed.
    Own(Live),
    /// One of several.
    Entered(Entered),
    /// One of several that cannot be entered.
    Closed(Subject),
    /// What a snapshot holds.
    Snapshot(Facts),
}

impl Accounts {
    /// Finds a way to each.
    pub(super) async fn open(
        resolved: &FixPlan,
        aws: &args::Aws,
        given: GivenPolicies,
        snapshot: Option<Facts>,
    ) -> Result<Accounts, Stop> {
        let query = Query {
            preferences: resolved.preferences.name(),
            given,
            complete: true,
            ..Query::of(&resolved.requirements)
        };
        let at_a_time = resolved.reach.concurrency;
        let mut accounts = Accounts { fleet: None, all: Vec::new(), query, at_a_time };
        let wanted = match (&resolved.source, snapshot) {
            (FixSource::Snapshot { .. }, facts) => {
                accounts.all.push(Account::Snapshot(facts.unwrap_or_else(nothing)));
                return Ok(accounts);
            }
            (FixSource::Live(wanted), _) => wanted,
        };
        match wanted {
            TargetSelection::Selection(tags) if resolved.reach.accounts.is_some() => {
                let selection = Selection { tags: tags.clone() };
                let fleet = Fleet::open(&resolved.regions, &resolved.reach, aws).await?;
                let entered = fleet.enter_all(&selection).await.into_iter();
                accounts.all.extend(entered.map(|entered| entered.map_or_else(Account::Closed, Account::Entered)));
                accounts.query.selection = Some(selection);
                accounts.fleet = Some(fleet);
            }
            _ => {
                let query = accounts.query.clone();
                let live = gather::open_live(wanted.clone(), &resolved.regions, &resolved.reach, query, aws).await?;
                accounts.all.push(Account::Own(live));
            }
        }
        Ok(accounts)
    }

    /// Leaves the network out from now on, which no fix changes.
    pub(super) fn without_network(&mut self) {
        self.query.network = false;
        for account in &mut self.all {
            if let Account::Own(live) = account {
                live.without_network();
            }
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// The way to one of them, if there is one.
    pub(super) fn connection(&self, index: usize) -> Option<&Connection> {
        match (self.all.get(index)?, &self.fleet) {
            (Account::Own(live), _) => Some(&live.connection),
            (Account::Entered(entered), Some(fleet)) => Some(entered.connection(fleet)),
            (Account::Entered(_), None) | (Account::Closed(_) | Account::Snapshot(_), _) => None,
        }
    }

    /// The way to AWS with the credentials themselves, if there is one.
    pub(super) fn base(&self) -> Option<&Connection> {
        match (&self.fleet, self.all.first()) {
            (Some(fleet), _) => Some(fleet.base()),
            (None, Some(Account::Own(live))) => Some(&live.connection),
            (None, _) => None,
        }
    }

    /// Whose credentials are in use, those before any role is assumed.
    pub(super) fn caller(&self) -> Option<&CallerIdentity> {
        self.base().and_then(Connection::known_caller)
    }

    /// The id of one of several.
    pub(super) fn id(&self, index: usize) -> Option<&str> {
        match self.all.get(index)? {
            Account::Entered(entered) => entered.account.as_deref(),
            Account::Closed(subject) => subject.account.as_deref(),
            Account::Own(_) | Account::Snapshot(_) => None,
        }
    }

    /// Reads these, several at a time, and gives their facts in their order; `keep` takes away what is not wanted.
    pub(super) async fn read(
        &self,
        indexes: &[usize],
        options: &fix::Options,
        keep: impl Fn(usize, Facts) -> Facts,
    ) -> Vec<Facts> {
        let scp_reader = self.fleet.as_ref().map(|fleet| ScpReader::new(fleet.base()));
        let progress =
            self.fleet.as_ref().map(|fleet| FleetProgress::start(indexes.len(), fleet.base().traffic().clone()));
        let regions_at_a_time = Semaphore::new(self.at_a_time);
        let one = async |index: usize| {
            let mut facts = match (self.all.get(index), &self.fleet, &progress) {
                (Some(Account::Own(live)), ..) => live.read().await,
                (Some(Account::Entered(entered)), Some(fleet), Some(progress)) => {
                    progress.expect_regions(entered.regions.len());
                    let from = AccountSource {
                        connection: entered.connection(fleet),
                        account: entered.account.as_deref(),
                        scp_reader: scp_reader.as_ref(),
                        regions_at_a_time: &regions_at_a_time,
                        watcher: progress,
                    };
                    live::load(&from, &Query { regions: entered.regions.clone(), ..self.query.clone() }).await
                }
                (Some(Account::Closed(subject)), ..) => Facts { subjects: vec![subject.clone()], ..nothing() },
                (Some(Account::Snapshot(facts)), ..) => facts.clone(),
                (Some(Account::Entered(_)) | None, ..) => nothing(),
            };
            // Those that were given win over those that were read.
            facts.give_policies(self.query.given.clone());
            let facts = keep(index, facts);
            let lookups = fix::lookups(&facts, options);
            let facts = match self.connection(index) {
                Some(connection) => live::complete(connection, facts, &lookups).await,
                None => facts,
            };
            progress.iter().for_each(FleetProgress::account_read);
            facts
        };
        let read = futures::stream::iter(indexes.iter().copied().map(one)).buffered(self.at_a_time).collect().await;
        progress.iter().for_each(FleetProgress::finish);
        read
    }
}
