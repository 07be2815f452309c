//! Which accounts an organization has, and which Regions an account.

use aws_sdk_organizations::types::AccountStatus;

use super::reader::Reader;
use crate::aws::pages::{self, Pages};
use crate::aws::{Connection, Failure};
use crate::facts::{Facts, Unreadable};
use crate::limits;

const LIST_ACCOUNTS: &str = "organizations:ListAccounts";
const DESCRIBE_REGIONS: &str = "ec2:DescribeRegions";

/// The ids of the active accounts of the caller's organization, in order.
///
/// # Errors
/// Why they cannot be listed.
pub async fn active_accounts(connection: &Connection, partition: &str) -> Result<Vec<String>, Unreadable> {
    let reader = Reader::new(connection, Facts::new(jiff::Timestamp::now()));
    let request = connection.organizations(partition).list_accounts();
    let ask = async |token| reader.calls.make(LIST_ACCOUNTS, request.clone().set_next_token(token).send()).await;
    let mut ids = Vec::new();
    let read = pages::at_most(Pages::new(LIST_ACCOUNTS, limits::ACCOUNT_PAGES), ask, |page| {
        for account in page.accounts.ok_or_else(|| Failure::incomplete(LIST_ACCOUNTS, "the accounts"))? {
            // https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_account_state.html
            if account.status == Some(AccountStatus::Active) {
                ids.push(account.id.ok_or_else(|| Failure::incomplete(LIST_ACCOUNTS, "an account's ID"))?);
            }
        }
        Ok(page.next_token)
    });
    read.await.map_err(Failure::into_unreadable)?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// The Regions that are switched on in the account, in order.
///
/// # Errors
/// Why they cannot be listed.
pub async fn enabled_regions(connection: &Connection, region: &str) -> Result<Vec<String>, Unreadable> {
    let reader = Reader::new(connection, Facts::new(jiff::Timestamp::now()));
    // Without `AllRegions` those that are not opted into are left out.
    let answer = reader.calls.make(DESCRIBE_REGIONS, connection.ec2(region).describe_regions().send()).await;
    let answer = answer.map_err(Failure::into_unreadable)?;
    let mut regions: Vec<String> =
        answer.regions().iter().filter_map(|region| region.region_name()).map(str::to_owned).collect();
    if regions.is_empty() {
        return Err(Failure::incomplete(DESCRIBE_REGIONS, "the Regions").into_unreadable());
    }
    regions.sort_unstable();
    regions.dedup();
    Ok(regions)
}
