//! From what was typed of `fix`, `undo` and `policy` to a plan of the run.

use std::ffi::OsString;

use super::reach::{Reach, live_only, reach, role_name};
use super::{
    LevelFiles, Mistakes, Preferred, TargetSelection, finish, one_region_for_named, preferences, regions, requirements,
    wanted,
};
use crate::cli::args;
use crate::cli::typed::behind_bare_wait;
use crate::fix::Options;
use crate::fix::quota::is_policy_name;
use crate::needs::Requirements;
use crate::report::Code;
use iam_eval::arn::{is_account_id, is_iam_name};

/// Where the facts of a fix come from.
#[derive(Debug)]
pub enum FixSource {
    /// An AWS account.
    Live(TargetSelection),
    /// A snapshot file, for a dry run.
    Snapshot {
        /// The file.
        file: OsString,
        /// What to fix of it.
        wanted: TargetSelection,
    },
}

/// A run of `fix`, resolved.
#[derive(Debug)]
pub struct FixPlan {
    /// Where the facts come from.
    pub source: FixSource,
    /// The policies of the organization that were given.
    pub levels: LevelFiles,
    /// The Regions given.
    pub regions: Vec<String>,
    /// How far a selection reaches beyond them.
    pub reach: Reach,
    /// What the role must be allowed.
    pub requirements: Requirements,
    /// The session preferences to read.
    pub preferences: Preferred,
    /// How to fix.
    pub options: Options,
    /// Where to keep the state before.
    pub backup: Option<OsString>,
    /// How many failures end the run.
    pub max_failures: usize,
    /// Only targets that one of these findings keeps from being ready; all if none is named.
    pub only: Vec<Code>,
}

/// Resolves `fix`.
///
/// # Errors
/// Every mistake that was found.
pub fn fix(typed: &args::Fix) -> Result<FixPlan, Mistakes> {
    let mut mistakes = Mistakes::new();
    let requirements = requirements(&typed.needs, &typed.circumstances, &mut mistakes);
    let mut wanted = wanted(&typed.targets, &mut mistakes);
    if let Some(minutes) = typed.wait.and_then(|_| behind_bare_wait(&typed.targets.targets)) {
        mistakes.push(format!("`{minutes}` would be a target; write `--wait={minutes}`"));
    }
    let regions = regions(&typed.aws.region, &mut mistakes);
    let reach = reach(&typed.targets.selection, &mut wanted, &regions, &mut mistakes);
    if typed.snapshot.is_some() {
        live_only(&typed.targets.selection, &mut mistakes);
    }
    if typed.snapshot.is_none() || matches!(wanted, TargetSelection::Targets(_)) {
        one_region_for_named(&wanted, &regions, &mut mistakes);
    }
    if typed.snapshot.is_some() && !typed.writing.dry_run && typed.emit.is_none() {
        mistakes.push("a snapshot cannot be fixed; give `--dry-run` or `--emit`, or omit `--snapshot`".to_owned());
    }
    if typed.emit.is_some() && typed.writing.output != args::RecordOutput::Text {
        mistakes.push("`--emit` prints the changes alone; omit `--output`".to_owned());
    }
    let levels = LevelFiles::of(&typed.levels);
    if levels.iter().chain(&typed.snapshot).filter(|file| *file == "-").count() > 1 {
        mistakes.push("standard input (`-`) can be read only once; write the other documents to files".to_owned());
    }
    let how = &typed.how;
    policy_name(&how.policy_name, &mut mistakes);
    created_name(how.create_profile.as_deref(), &mut mistakes);
    let options = Options {
        policy_name: how.policy_name.clone(),
        attach_managed: how.attach_managed,
        least: how.least,
        create_profile: how.create_profile.clone(),
        // What is printed changes nothing, and goes to whoever manages the role.
        force_managed_elsewhere: how.force_managed_elsewhere || typed.emit.is_some(),
    };
    let source = match &typed.snapshot {
        Some(file) => FixSource::Snapshot { file: file.clone(), wanted },
        None => FixSource::Live(wanted),
    };
    if typed.max_failures == 0 {
        mistakes.push("`--max-failures` must be at least 1, which stops at the first failure".to_owned());
    }
    if typed.emit.is_some() && reach.accounts.is_some() {
        mistakes.push(
            "`--emit` prints the changes of one account; omit `--accounts`, and use credentials of that account"
                .to_owned(),
        );
    }
    let only = typed.only.clone();
    let (backup, max_failures) = (typed.backup.clone(), typed.max_failures);
    let preferences = preferences(typed.circumstances.preferences.as_deref(), &mut mistakes);
    finish(
        FixPlan { source, levels, regions, reach, requirements, preferences, options, backup, max_failures, only },
        mistakes,
    )
}

/// A run of `undo`, resolved.
#[derive(Debug)]
pub struct UndoPlan {
    /// The Region to call.
    pub region: Option<String>,
    /// The role to assume, where the backup is of another account.
    pub assume_role: Option<String>,
}

/// Resolves `undo`.
///
/// # Errors
/// Every mistake that was found.
pub fn undo(typed: &args::Undo) -> Result<UndoPlan, Mistakes> {
    let mut mistakes = Mistakes::new();
    if typed.backup.is_none() && !typed.last && !typed.list {
        mistakes.push("nothing to undo is named; give a backup file, `--last` or `--list`".to_owned());
    }
    if typed.backup.as_deref().is_some_and(|file| file == "-") {
        mistakes.push(
            "`-` is not a file, and `undo` records in the backup what it has undone; pass the backup file that `fix` named"
                .to_owned(),
        );
    }
    let regions = regions(&typed.aws.region, &mut mistakes);
    if regions.len() > 1 {
        mistakes.push("give `--region` once; the backup says where its instances are".to_owned());
    }
    typed.assume_role.iter().for_each(|role| role_name(role, &mut mistakes));
    let assume_role = typed.assume_role.as_ref().map(|role| role.trim_start_matches('/').to_owned());
    finish(UndoPlan { region: regions.into_iter().next(), assume_role }, mistakes)
}

/// A run of `policy`, resolved.
#[derive(Debug)]
pub struct PolicyPlan {
    /// What the role must be allowed.
    pub requirements: Requirements,
    /// The Region that the policy is for.
    pub region: Option<String>,
}

/// Resolves `policy`.
///
/// # Errors
/// Every mistake that was found.
pub fn policy(typed: &args::Policy) -> Result<PolicyPlan, Mistakes> {
    let mut mistakes = Mistakes::new();
    let requirements = requirements(
        &typed.needs,
        &args::Circumstances { context: Vec::new(), preferences: None, network: Some(args::Network::Off) },
        &mut mistakes,
    );
    let regions = regions(typed.region.as_slice(), &mut mistakes);
    if let Some(name) = &typed.policy_name {
        policy_name(name, &mut mistakes);
    }
    created_name(typed.create_profile.as_deref(), &mut mistakes);
    if let Some(account) = typed.account.as_deref().filter(|account| !is_account_id(account)) {
        mistakes.push(format!("`{account}` is not an account ID of 12 digits"));
    }
    if typed.caller_of != Some(args::CallerOf::Fix) {
        for (flag, given) in
            [("--attach-managed", typed.attach_managed), ("--create-profile", typed.create_profile.is_some())]
        {
            if given {
                mistakes.push(format!("`{flag}` says what the caller of a fix needs; give `--for fix`"));
            }
        }
    }
    finish(PolicyPlan { requirements, region: regions.into_iter().next() }, mistakes)
}

/// A role and an instance profile get this name, and a role's is the shorter one.
fn created_name(name: Option<&str>, mistakes: &mut Mistakes) {
    if let Some(name) = name.filter(|name| !is_iam_name(name, 64)) {
        mistakes.push(format!("`{name}` cannot name a role: 1 to 64 letters, digits and `_+=,.@-` are expected"));
    }
}

/// See [IAM name requirements](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
fn policy_name(name: &str, mistakes: &mut Mistakes) {
    if !is_policy_name(name) {
        mistakes.push(format!("`{name}` cannot name a policy: 1 to 128 letters, digits and `_+=,.@-` are expected"));
    }
}
