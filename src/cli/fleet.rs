//! The accounts of a fleet: a way to each, and what is read there.

use futures::StreamExt as _;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::gather::{connect, no_region};
use super::progress::FleetProgress;
use super::resolve::{AccountList, Reach};
use super::{Stop, args, files, output};
use crate::aws::{Connection, Failure};
use crate::facts::{Fact, Facts, Subject, SubjectKind, Unreadable};
use crate::limits;
use crate::sources::accounts_file;
use crate::sources::live::accounts::{active_accounts, enabled_regions};
use crate::sources::live::{self, AccountSource, Query, ScpReader, Selection};
use iam_eval::arn::{Arn, iam_region, partition_of_region};

/// A selection over accounts and Regions.
pub struct Fleet {
    base: Connection,
    partition: String,
    /// Its accounts; `None` stands for the one of the credentials.
    accounts: Vec<Option<String>>,
    /// The account of the credentials, where there are several.
    own: Option<String>,
    /// The role to assume in each of several.
    role: String,
    regions: Vec<String>,
    reach: Reach,
}

/// A way into one account.
pub struct Entered {
    /// `None` for the account of the credentials.
    connection: Option<Connection>,
    /// Its id, where there are several.
    pub account: Option<String>,
    /// Its Regions.
    pub regions: Vec<String>,
}

impl Entered {
    /// The way.
    pub fn connection<'a>(&'a self, fleet: &'a Fleet) -> &'a Connection {
        self.connection.as_ref().unwrap_or(&fleet.base)
    }
}

/// One account that can be read.
pub struct Visit<'a> {
    /// The way to it.
    pub connection: &'a Connection,
    /// Its id, where there are several.
    pub account: Option<&'a str>,
    /// Its Regions.
    pub regions: Vec<String>,
}

impl Fleet {
    /// Finds out which accounts there are.
    pub async fn open(regions: &[String], reach: &Reach, aws: &args::Aws) -> Result<Fleet, Stop> {
        let ids = match reach.accounts.as_ref().map(|accounts| &accounts.list) {
            Some(AccountList::File(file)) => {
                let text = files::read(file, limits::ACCOUNTS_FILE_BYTES).map_err(|mistake| vec![mistake]);
                let ids = text.and_then(|text| {
                    accounts_file::not_counted(&text).iter().for_each(|warning| output::warning(warning));
                    accounts_file::ids(&text)
                });
                Some(ids.map_err(Stop::Input)?)
            }
            Some(AccountList::Organization) | None => None,
        };
        let base = connect(aws, regions.first()).await?;
        let mut regions = regions.to_vec();
        if regions.is_empty() && !reach.all_regions {
            regions.push(base.default_region().ok_or_else(no_region)?);
        }
        let region = regions.first().cloned().or(base.default_region());
        let partition = region.as_deref().map_or("aws", partition_of_region).to_owned();
        let accounts = match (&reach.accounts, ids) {
            (None, _) => vec![None],
            (Some(_), Some(ids)) => ids.into_iter().map(Some).collect(),
            (Some(_), None) => {
                let ids = active_accounts(&base, &partition).await.map_err(|reason| cannot_list(&reason))?;
                ids.into_iter().map(Some).collect()
            }
        };
        // In the account of the credentials themselves there is no role to assume.
        let own = match &reach.accounts {
            Some(_) => base.caller(&partition).await.ok().map(|caller| caller.account.clone()),
            None => None,
        };
        let role = reach.accounts.as_ref().map(|accounts| accounts.role.clone()).unwrap_or_default();
        Ok(Fleet { base, partition, accounts, own, role, regions, reach: reach.clone() })
    }

    /// How many accounts there are.
    pub fn accounts(&self) -> usize {
        self.accounts.len()
    }

    /// The way to the account of the credentials.
    pub fn base(&self) -> &Connection {
        &self.base
    }

    /// Whether it reaches into other accounts.
    pub fn has_several_accounts(&self) -> bool {
        self.reach.accounts.is_some()
    }

    /// Visits every account, several at a time. What cannot be read is handed over as a subject of which nothing is known.
    pub async fn each(
        &self,
        selection: &Selection,
        progress: &FleetProgress,
        visit: impl AsyncFn(Visit<'_>),
        failed: impl Fn(Subject),
    ) {
        let one = async |account: &Option<String>| {
            match self.entered(account.clone(), selection).await {
                Ok(entered) => {
                    progress.expect_regions(entered.regions.len());
                    let connection = entered.connection(self);
                    visit(Visit { connection, account: account.as_deref(), regions: entered.regions.clone() }).await;
                }
                Err(subject) => failed(subject),
            }
            progress.account_read();
        };
        futures::stream::iter(&self.accounts).for_each_concurrent(self.reach.concurrency, one).await;
    }

    /// Enters every account, several at a time; gives them in their order, and a subject of which nothing is known for what
    /// cannot be entered.
    pub async fn enter_all(&self, selection: &Selection) -> Vec<Result<Entered, Subject>> {
        let entered = self.accounts.iter().map(|account| self.entered(account.clone(), selection));
        futures::stream::iter(entered).buffered(self.reach.concurrency).collect().await
    }

    async fn entered(&self, account: Option<String>, selection: &Selection) -> Result<Entered, Subject> {
        let found = async {
            let connection = self.enter(account.as_deref()).await?;
            let regions = self.regions_of(connection.as_ref().unwrap_or(&self.base)).await?;
            Ok(Entered { connection, account: account.clone(), regions })
        };
        found.await.map_err(|reason| self.unread(account.as_deref(), selection, reason))
    }

    /// A way into an account; `None` for that of the credentials.
    async fn enter(&self, account: Option<&str>) -> Result<Option<Connection>, Unreadable> {
        let Some(account) = account.filter(|account| self.own.as_deref() != Some(account)) else { return Ok(None) };
        let text = format!("arn:{}:iam::{account}:role/{}", self.partition, self.role);
        let lacking = || Failure::incomplete("sts:AssumeRole", "a role to ask for").into_unreadable();
        let arn = Arn::parse(&text).ok_or_else(lacking)?;
        self.base.assume(&arn).await.map(Some).map_err(Failure::into_unreadable)
    }

    async fn regions_of(&self, connection: &Connection) -> Result<Vec<String>, Unreadable> {
        if !self.reach.all_regions {
            return Ok(self.regions.clone());
        }
        let region = connection.default_region().unwrap_or_else(|| iam_region(&self.partition).to_owned());
        enabled_regions(connection, &region).await
    }

    /// What stands for an account, or its Regions, that cannot be read.
    fn unread(&self, account: Option<&str>, selection: &Selection, reason: Unreadable) -> Subject {
        Subject {
            target: selection.as_typed(),
            account: account.map(str::to_owned),
            region: None,
            partition: Some(self.partition.clone()),
            from_selection: true,
            origin: None,
            kind: SubjectKind::Instance(Fact::Unreadable(reason)),
        }
    }
}

/// Reads one visited account, and hands over its instances as soon as all that concerns them is known.
pub async fn stream(
    fleet: &Fleet,
    visit: &Visit<'_>,
    scp_reader: &ScpReader<'_>,
    regions_at_a_time: &Semaphore,
    progress: &FleetProgress,
    query: &Query,
    take: &dyn Fn(&Facts, Vec<Subject>),
) {
    let scp_reader = Some(scp_reader).filter(|_| fleet.has_several_accounts());
    let Visit { connection, account, .. } = *visit;
    let from = AccountSource { connection, account, scp_reader, regions_at_a_time, watcher: progress };
    live::stream(&from, query, take).await;
}

/// Facts in which there is nothing, for what could not be read at all.
pub fn nothing() -> Facts {
    Facts::new(Timestamp::now())
}

fn cannot_list(reason: &Unreadable) -> Stop {
    Stop::Failure(format!("cannot list the accounts of the organization: `{}`: {}", reason.api, reason.message))
}
