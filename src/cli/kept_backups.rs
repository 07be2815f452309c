//! The backups in the default directory: `undo --list` and `undo --last`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Exit, Stop, args, files, output};
use crate::apply::backup::{Backup, default_directory, kept};
use crate::limits;
use crate::render::kept_backups::{KeptBackup, KeptBackups};
use crate::render::sanitize::terminal;

/// A backup, in short.
fn read(path: &Path) -> KeptBackup {
    let read = files::read(path.as_os_str(), limits::BACKUP_FILE_BYTES)
        .and_then(|file| Backup::read(&file.text).map_err(|mistake| mistake.to_string()));
    let file = path.display().to_string();
    match read {
        Ok(backup) => KeptBackup {
            file,
            taken_at: Some(backup.taken_at),
            account: backup.account().map(|(account, _)| account),
            changes: backup.changes.len(),
            left: backup.left(),
            error: None,
        },
        Err(error) => KeptBackup { file, taken_at: None, account: None, changes: 0, left: 0, error: Some(error) },
    }
}

fn line(backup: &KeptBackup) -> String {
    let file = terminal(&backup.file);
    match &backup.error {
        Some(error) => format!("{file}: {}\n", terminal(error)),
        None => format!("{}  {file}\n", what_it_is(backup)),
    }
}

/// Its time, its account and what is left to do.
fn what_it_is(backup: &KeptBackup) -> String {
    let KeptBackup { taken_at, account, changes, left, error, .. } = backup;
    if let Some(error) = error {
        return terminal(error).into_owned();
    }
    let time = taken_at.map(|time| format!("{time:.0}")).unwrap_or_default();
    let changes = match (changes, left) {
        (_, 0) => "nothing left to undo".to_owned(),
        (changes, left) if changes == left => format!("{changes} to undo"),
        (changes, left) => format!("{left} of {changes} to undo"),
    };
    format!("{time}  {}  {changes}", account.as_deref().unwrap_or("no account"))
}

/// The directory, and the backups in it.
fn files_kept() -> Result<(PathBuf, Vec<PathBuf>), Stop> {
    let directory = default_directory()
        .ok_or_else(|| Stop::input("there is no home directory; give the backup file".to_owned()))?;
    let files = kept(&directory).map_err(|error| {
        let cause = crate::aws::cause(&error);
        Stop::input(format!("cannot read `{}`: {cause}; give the backup file", directory.display()))
    })?;
    Ok((directory, files))
}

/// The backups, newest first, each with a line about it; none where they cannot be listed.
pub fn in_short() -> Vec<(OsString, String)> {
    let (_, files) = files_kept().unwrap_or_default();
    files.into_iter().map(|path| (path.clone().into_os_string(), what_it_is(&read(&path)))).collect()
}

/// Lists the backups, newest first.
pub fn list(form: args::RecordOutput) -> Result<Exit, Stop> {
    let backups: Vec<KeptBackup> = files_kept()?.1.iter().map(|path| read(path)).collect();
    match form {
        args::RecordOutput::Json => {
            let page = KeptBackups::new(backups).json();
            output::print(&page.map_err(|error| Stop::Failure(format!("cannot write the list: {error}")))?)?;
        }
        args::RecordOutput::Text if backups.is_empty() => output::print("no backups\n")?,
        args::RecordOutput::Text => output::print(&backups.iter().map(line).collect::<String>())?,
    }
    Ok(Exit::Ready)
}

/// The newest backup that is not undone yet and none of these, which have nothing left; where there is none, that is said.
pub fn last(seen: &[PathBuf]) -> Result<Option<PathBuf>, Stop> {
    let (directory, files) = files_kept()?;
    for path in files.into_iter().filter(|path| !seen.contains(path)) {
        let row = read(&path);
        // One that cannot be read may be the last one: nothing older is taken for it.
        if let Some(error) = row.error {
            return Err(Stop::input(format!("cannot use `{}`: {error}", row.file)));
        }
        if row.left > 0 {
            output::note(&format!("undoing `{}`\n", terminal(&row.file)));
            return Ok(Some(path));
        }
    }
    let directory = directory.display().to_string();
    output::note(&format!("nothing to undo: no backup in `{}` has anything left\n", terminal(&directory)));
    Ok(None)
}
