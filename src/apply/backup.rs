//! The backup file: what a fix changes, as it was before, written before the first write.
//!
//! It holds the changes themselves, each with the state before and after, so that `undo` can see whether a thing is still
//! as the fix left it.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::place::{TEMPORARY, directory, keep_access};
use super::run::Journal;
use crate::fix::{Action, Change, NotOfAFix, of_a_fix};
use iam_eval::json_error;

/// The version of the format that this tool writes.
pub const VERSION: u32 = 1;

/// What a fix changed, for `undo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    backup_version: u32,
    /// When the fix ran.
    pub taken_at: Timestamp,
    /// The changes, in the order in which they were to be made.
    pub changes: Vec<Entry>,
}

/// One change of a fix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// How far it came.
    pub progress: Progress,
    /// The change, with the ids that AWS gave.
    pub change: Change,
}

/// How far a change came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// It was not tried, or AWS refused it.
    Planned,
    /// It was tried, and nobody was left to see what became of it.
    Tried,
    /// It was made.
    Made,
    /// It was taken back by the fix itself, or by an undo.
    TakenBack,
}

/// Only the version, so that a newer file gets an answer that says so.
#[derive(Deserialize)]
struct Versioned {
    backup_version: u32,
}

/// Why a text is no backup that an undo takes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotABackup {
    /// It is another text, for this reason.
    #[error("it is not a backup of `ssm-profile fix`: {0}; pass the backup file that `fix` named")]
    Malformed(String),
    /// It is of this version.
    #[error("it has backup version {0}, and this tool reads version {VERSION}; use the `ssm-profile` that wrote it")]
    Newer(u32),
    /// A change in it is none that a fix makes.
    #[error(
        "it holds a change that `fix` does not make, `{}` of `{target}`: {why}; give the file as `fix` wrote it, or undo that \
         change manually",
        action.name()
    )]
    NotOfAFix {
        /// The call that makes the change.
        action: Action,
        /// What is changed.
        target: String,
        /// Why no fix makes it.
        why: &'static str,
    },
}

/// Why there is no place for a new backup.
#[derive(Debug, Error)]
pub enum NoPlace {
    /// Nothing says where it is.
    #[error("there is no home directory; give `--backup FILE`")]
    NoHome,
    /// The directory cannot be made.
    #[error("cannot make `{}`: {}; give `--backup FILE`", directory.display(), crate::aws::cause(error))]
    CannotMake {
        /// The directory.
        directory: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl Backup {
    /// A backup of changes that are yet to be made.
    pub fn new(taken_at: Timestamp, changes: impl IntoIterator<Item = Change>) -> Backup {
        let changes = changes.into_iter().map(|change| Entry { progress: Progress::Planned, change }).collect();
        Backup { backup_version: VERSION, taken_at, changes }
    }

    /// The account and the partition that the changes are of; `None` if there is none, or more than one.
    pub fn account(&self) -> Option<(String, String)> {
        let arns = self.changes.iter().filter_map(|entry| entry.change.owner());
        let mut owners = arns.map(|arn| Some((arn.account()?.to_owned(), arn.partition.clone())));
        let first = owners.next()??;
        owners.all(|owner| owner.as_ref() == Some(&first)).then_some(first)
    }

    /// How many of the changes are still to be undone.
    pub fn left(&self) -> usize {
        let is_left = |entry: &&Entry| matches!(entry.progress, Progress::Tried | Progress::Made);
        self.changes.iter().filter(is_left).count()
    }

    /// Reads the text of a backup file.
    ///
    /// # Errors
    /// If it is none, of a newer format, or of what no fix does.
    pub fn read(text: &str) -> Result<Backup, NotABackup> {
        let malformed = |error: serde_json::Error| NotABackup::Malformed(json_error::in_words(&error, text));
        let Versioned { backup_version } = serde_json::from_str(text).map_err(malformed)?;
        match backup_version {
            VERSION => {
                let backup: Backup = serde_json::from_str(text).map_err(malformed)?;
                // The file lies where others may write: an undo of what no fix does would be an attack.
                let changes: Vec<&Change> = backup.changes.iter().map(|entry| &entry.change).collect();
                match of_a_fix(&changes) {
                    Err(NotOfAFix { change, why }) => {
                        Err(NotABackup::NotOfAFix { action: change.action(), target: change.thing().target(), why })
                    }
                    Ok(()) => Ok(backup),
                }
            }
            newer => Err(NotABackup::Newer(newer)),
        }
    }
}

/// IAM is eventually consistent: a change of a fix that runs just now may not be seen yet.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// A backup and the file that it is kept in.
#[derive(Debug)]
pub struct BackupFile {
    path: PathBuf,
    /// What the file holds after the next [`BackupFile::save`].
    pub backup: Backup,
}

impl BackupFile {
    /// Writes a new file, readable by its owner only. It never overwrites one.
    ///
    /// # Errors
    /// If it cannot be written, or there is one.
    pub fn create(path: &Path, backup: Backup) -> io::Result<BackupFile> {
        let file = temporary(path, &backup)?;
        file.persist_noclobber(path).map_err(|error| error.error)?;
        sync_directory(path);
        Ok(BackupFile { path: path.to_owned(), backup })
    }

    /// A backup that was read from this file. What a symbolic link leads to is written, not the link.
    pub fn of(path: &Path, backup: Backup) -> BackupFile {
        BackupFile { path: fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()), backup }
    }

    /// Whether the fix is old enough that what is not seen of it is not there.
    pub fn is_settled(&self, now: Timestamp) -> bool {
        now.duration_since(self.backup.taken_at) > SETTLED_AFTER
    }

    /// Crosses off entries of which nothing is left to take back, unless the fix is so young that what it made may not be seen yet.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn cross_off(&mut self, entries: &[usize], now: Timestamp) -> io::Result<()> {
        if entries.is_empty() || !self.is_settled(now) {
            return Ok(());
        }
        for index in entries {
            if let Some(entry) = self.backup.changes.get_mut(*index) {
                entry.progress = Progress::TakenBack;
            }
        }
        self.save()
    }

    /// Writes what is now known, all of it or nothing.
    ///
    /// # Errors
    /// If it cannot be written; the file is then as it was.
    pub fn save(&self) -> io::Result<()> {
        let file = temporary(&self.path, &self.backup)?;
        keep_access(file.as_file(), &self.path);
        file.persist(&self.path).map_err(|error| error.error)?;
        sync_directory(&self.path);
        Ok(())
    }

    /// Takes the file away: nothing that it speaks of was tried.
    pub fn remove(self) {
        // One that stays is harmless: its changes are all `planned`.
        let _ = fs::remove_file(&self.path);
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Journal for BackupFile {
    fn note(&mut self, index: usize, progress: Progress, change: &Change) -> io::Result<()> {
        if let Some(entry) = self.backup.changes.get_mut(index) {
            *entry = Entry { progress, change: change.clone() };
        }
        self.save()
    }
}

/// A file beside `path`, readable by its owner only, with the backup in it.
fn temporary(path: &Path, backup: &Backup) -> io::Result<tempfile::NamedTempFile> {
    let (prefix, suffix) = TEMPORARY;
    let mut file = tempfile::Builder::new().prefix(prefix).suffix(suffix).tempfile_in(directory(path))?;
    serde_json::to_writer_pretty(&mut file, backup)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// A file that was renamed is there after a power cut only if its directory was written too. Not every system can do that.
fn sync_directory(path: &Path) {
    if let Ok(directory) = fs::File::open(directory(path)) {
        let _ = directory.sync_all();
    }
}

/// Where backups are kept unless somebody says otherwise: `ssm-profile` below the user's state directory. `None` if there is no home
/// directory.
pub fn default_directory() -> Option<PathBuf> {
    let base = etcetera::choose_base_strategy().ok()?;
    Some(base.state_dir().unwrap_or_else(|| base.data_dir()).join("ssm-profile"))
}

/// The names of the backups that are kept in a directory, newest first. None if there is no such directory.
///
/// # Errors
/// If the directory cannot be read.
pub fn kept(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        // To read a pipe would wait for whoever writes to it.
        if path.extension().is_some_and(|extension| extension == "json") && path.is_file() {
            files.push(path);
        }
    }
    // They begin with the time: see `default_path`.
    files.sort_unstable_by(|one, other| other.cmp(one));
    Ok(files)
}

/// A name for a new backup in [`default_directory`], which is made if it is not there.
///
/// # Errors
/// If there is no home directory or the directory cannot be made.
pub fn default_path(now: Timestamp, account: &str) -> Result<PathBuf, NoPlace> {
    let directory = default_directory().ok_or(NoPlace::NoHome)?;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&directory).map_err(|error| NoPlace::CannotMake { directory: directory.clone(), error })?;
    // With the process in the name: two runs at the same time keep one each.
    let time = now.strftime("%Y%m%dT%H%M%SZ");
    Ok(directory.join(format!("{time}-{account}-{}.json", std::process::id())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::{State, Thing};

    #[test]
    fn what_a_killed_run_leaves_is_known_by_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let backup = Backup::new(Timestamp::UNIX_EPOCH, []);
        let file = temporary(&directory.path().join("backup.json"), &backup).unwrap();
        assert_eq!(super::super::place::leftovers(directory.path()), [file.path()]);
    }

    #[test]
    fn a_backup_is_of_one_account() {
        let role = |account: &str| {
            let thing = Thing::Role(format!("arn:aws:iam::{account}:role/web").try_into().unwrap());
            let trust = crate::facts::PolicyText::new("{}");
            Change::new(thing, State::Absent, State::Role { trust, id: None }).unwrap()
        };
        let of = |accounts: &[&str]| {
            Backup::new(Timestamp::UNIX_EPOCH, accounts.iter().map(|account| role(account))).account()
        };
        assert_eq!(of(&["111122223333"]), Some(("111122223333".to_owned(), "aws".to_owned())));
        assert_eq!(of(&["111122223333", "999999999999"]), None);
        assert_eq!(of(&[]), None);
    }
}
