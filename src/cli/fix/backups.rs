//! The backup files of a run: one for each account that gets changed.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::super::Stop;
use super::super::files::{self, warn_of_leftovers};
use super::super::resolve::FixPlan;
use super::Part;
use crate::apply::backup::{Backup, BackupFile, default_directory, default_path};

/// Whether there is a place for the backup of each account, said before anybody is asked.
///
/// # Errors
/// If there are several, and one file was given for all of them.
pub(super) fn check(resolved: &FixPlan, parts: &[Part]) -> Result<(), Stop> {
    let changed = parts.iter().filter(|part| !part.record.steps.is_empty()).count();
    match resolved.backup.as_deref().filter(|_| changed > 1 && directory(resolved).is_none()) {
        Some(file) => Err(Stop::input(format!(
            "{changed} accounts get changed, each with a backup of its own; give `--backup` a directory that exists, not \
             `{}`; nothing was changed",
            Path::new(file).display()
        ))),
        None => Ok(()),
    }
}

/// Whether the directory for backups takes files, or the one that it will be made in: found out before anything is read.
///
/// # Errors
/// If it does not.
pub(super) fn can_be_kept(resolved: &FixPlan) -> Result<(), String> {
    let directory = directory(resolved).map(Path::to_owned).or_else(default_directory);
    // Without one it is the path of the backup that is missing, which is said in its place.
    let there = directory.as_deref().and_then(|directory| directory.ancestors().find(|above| above.exists()));
    there.map_or(Ok(()), |there| {
        files::takes_files(there)
            .map_err(|why| format!("cannot write a backup: {why}; give `--backup FILE`; nothing was changed"))
    })
}

/// Writes the files, all of them or none.
pub(super) fn begin(resolved: &FixPlan, parts: &[Part]) -> Result<Vec<Option<BackupFile>>, Stop> {
    let now = Timestamp::now();
    let mut files: Vec<Option<BackupFile>> = Vec::new();
    for part in parts {
        if part.record.steps.is_empty() {
            files.push(None);
            continue;
        }
        let backup = Backup::new(now, part.record.steps.iter().map(|step| step.change.clone()));
        let created = path(resolved, part, &backup, now).and_then(|path| {
            BackupFile::create(&path, backup).map_err(|error| {
                let cause = crate::aws::cause(&error);
                format!("cannot write the backup `{}`: {cause}; give `--backup FILE`", path.display())
            })
        });
        match created {
            Ok(file) => files.push(Some(file)),
            Err(mistake) => {
                files.into_iter().flatten().for_each(BackupFile::remove);
                return Err(Stop::Failure(format!("{mistake}; nothing was changed")));
            }
        }
    }
    warn_of_leftovers(files.iter().flatten().map(BackupFile::path));
    Ok(files)
}

/// Where a part keeps the state before.
fn path(resolved: &FixPlan, part: &Part, backup: &Backup, now: Timestamp) -> Result<PathBuf, String> {
    let account = backup.account().map(|(account, _)| account);
    let account = account.as_deref().or(part.account.as_deref()).unwrap_or("account");
    match (&resolved.backup, directory(resolved)) {
        (_, Some(directory)) => Ok(directory.join(format!("{account}.json"))),
        (Some(file), None) => Ok(PathBuf::from(file)),
        (None, None) => default_path(now, account).map_err(|error| error.to_string()),
    }
}

/// The directory that was given for the backups of several accounts.
pub(super) fn directory(resolved: &FixPlan) -> Option<&Path> {
    let directory = resolved.backup.as_deref().map(Path::new);
    directory.filter(|directory| resolved.reach.accounts.is_some() && directory.is_dir())
}
