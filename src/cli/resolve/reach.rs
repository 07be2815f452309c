//! How far a selection reaches: Regions and accounts.

use std::ffi::OsString;

use super::{Mistakes, TargetSelection};
use crate::cli::args;
use iam_eval::arn::is_iam_name;

/// How far a selection reaches beyond the Regions that are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Every Region that is enabled in an account.
    pub all_regions: bool,
    /// Other accounts.
    pub accounts: Option<Accounts>,
    /// How many accounts and Regions are read at a time.
    pub concurrency: usize,
}

/// Accounts, and the role that is assumed in each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    /// Which.
    pub list: AccountList,
    /// The role's name, with its path if it has one.
    pub role: String,
}

/// Which accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountList {
    /// The active accounts of the caller's organization.
    Organization,
    /// Those that a file names.
    File(OsString),
}

/// Resolves how far a selection reaches. Whoever says how far and not what wants everything there.
pub fn reach(
    typed: &args::Selection,
    wanted: &mut TargetSelection,
    regions: &[String],
    mistakes: &mut Mistakes,
) -> Reach {
    let far = typed.all_regions || typed.accounts.is_some();
    match wanted {
        TargetSelection::Unsaid if far => *wanted = TargetSelection::Selection(Vec::new()),
        TargetSelection::Targets(_) if typed.accounts.is_some() => {
            mistakes.push("`--accounts` goes with `--all` or `--tag`; name a target of another account by its ARN, with credentials of that account".to_owned());
        }
        TargetSelection::Unsaid | TargetSelection::Targets(_) | TargetSelection::Selection(_) => {}
    }
    if typed.all_regions && !regions.is_empty() {
        mistakes.push("`--all-regions` and `--region` contradict each other; give one of them".to_owned());
    }
    let accounts = match (&typed.accounts, &typed.assume_role) {
        (None, None) => None,
        (Some(_), None) => {
            mistakes.push(
                "`--accounts` needs the name of the role to assume in each; give `--assume-role NAME`".to_owned(),
            );
            None
        }
        (None, Some(_)) => {
            mistakes
                .push("`--assume-role` is for other accounts; pass `--accounts FILE` or `--accounts org`".to_owned());
            None
        }
        (Some(list), Some(role)) => {
            role_name(role, mistakes);
            let list = if list == "org" { AccountList::Organization } else { AccountList::File(list.clone()) };
            Some(Accounts { list, role: role.trim_start_matches('/').to_owned() })
        }
    };
    // Its range is small.
    let concurrency = usize::try_from(typed.concurrency).unwrap_or(1);
    Reach { all_regions: typed.all_regions, accounts, concurrency }
}

/// What only a live account has.
pub fn live_only(typed: &args::Selection, mistakes: &mut Mistakes) {
    for (flag, given) in [
        ("--all-regions", typed.all_regions),
        ("--accounts", typed.accounts.is_some()),
        ("--assume-role", typed.assume_role.is_some()),
    ] {
        if given {
            mistakes.push(format!("`{flag}` is for live accounts and cannot select from a file"));
        }
    }
}

pub(super) fn role_name(role: &str, mistakes: &mut Mistakes) {
    let name = role.rsplit('/').next().unwrap_or(role);
    let path_is_fine = role.bytes().all(|b| b.is_ascii_graphic());
    if role.contains(':') || !path_is_fine || !is_iam_name(name, 64) {
        mistakes.push(format!("`{role}` is not the name of a role; give NAME or PATH/NAME, without account and ARN"));
    }
}
