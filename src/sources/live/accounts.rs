//! Which accounts an organisation has, and which Regions an account.

use aws_sdk_organizations::types::AccountStatus;

use super::reader::Reader;
use crate::aws::{Connection, Failure};
use crate::facts::{Facts, Unreadable};

const LIST_ACCOUNTS: &str = "organizations:ListAccounts";
const DESCRIBE_REGIONS: &str = "ec2:DescribeRegions";

/// The ids of the active accounts of the caller's organisation, in order.
///
/// # Errors
/// Why they cannot be listed.
pub async fn active_accounts(connection: &Connection, partition: &str) -> Result<Vec<String>, Unreadable> {
    let reader = Reader::new(connection, Facts::new(jiff::Timestamp::now()));
    let mut pages = connection.organizations(partition).list_accounts().into_paginator().send();
    let mut ids = Vec::new();
    let mut more = false;
    while let Some(page) = reader.page(LIST_ACCOUNTS, pages.next()).await.map_err(Failure::into_unreadable)? {
        more = page.next_token().is_some_and(|token| !token.is_empty());
        let lacking = || Failure::incomplete(LIST_ACCOUNTS, "the accounts").into_unreadable();
        for account in page.accounts.ok_or_else(lacking)? {
            // https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_account_state.html
            if account.status == Some(AccountStatus::Active) {
                let lacking = || Failure::incomplete(LIST_ACCOUNTS, "an account's id").into_unreadable();
                ids.push(account.id.ok_or_else(lacking)?);
            }
        }
    }
    // The SDK stops at a page that names itself as the next one; that is no end of the list.
    if more {
        return Err(Failure::incomplete(LIST_ACCOUNTS, "its further pages").into_unreadable());
    }
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
    let answer = reader.call(DESCRIBE_REGIONS, connection.ec2(region).describe_regions().send()).await;
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
