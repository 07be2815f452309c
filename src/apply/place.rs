//! Where a backup lies: who else can write there, and what killed runs left there.

use std::fs;
use std::path::{Path, PathBuf};

/// What the names of temporary files begin and end with.
pub(super) const TEMPORARY: (&str, &str) = (".ssm-profile-backup-", ".tmp");

/// The directory of a file.
pub fn directory(file: &Path) -> &Path {
    let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty());
    directory.unwrap_or(Path::new("."))
}

/// The temporary files of this tool in a directory: of runs that were killed, or that are under way.
pub fn leftovers(directory: &Path) -> Vec<PathBuf> {
    let is_ours = |name: &str| name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1);
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    let files = files.filter(|file| file.file_type().is_ok_and(|kind| kind.is_file()));
    let mut ours: Vec<PathBuf> =
        files.filter(|file| is_ours(&file.file_name().to_string_lossy())).map(|file| file.path()).collect();
    ours.sort();
    ours
}

/// Who but the user can have written a file, or put another one in its place. Each says what to do.
///
/// The file is the one that a symbolic link leads to, and its directory; and the directory of the link.
#[cfg(unix)]
pub fn doubts(file: &Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt as _;

    const OTHERS_WRITE: u32 = 0o022;
    const STICKY: u32 = 0o1000;

    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut places = vec![(target.as_path(), "the file")];
    places.push((directory(&target), "the directory"));
    let link = fs::canonicalize(directory(file)).unwrap_or_default();
    if link != directory(&target) && !link.as_os_str().is_empty() {
        places.push((&link, "the directory"));
    }
    let user = effective_user();
    let mut doubts = Vec::new();
    for (place, what) in places {
        let name = place.display();
        match fs::metadata(place) {
            Err(error) => {
                doubts.push(format!("cannot determine who can write {what} `{name}`: {}", crate::aws::cause(&error)));
            }
            Ok(metadata) => {
                let (owner, mode) = (metadata.uid(), metadata.mode());
                if owner != 0 && Some(owner) != user {
                    doubts.push(format!("{what} `{name}` is owned by the user ID {owner}"));
                }
                let sticky = metadata.is_dir() && mode & STICKY != 0;
                if mode & OTHERS_WRITE != 0 && !sticky {
                    doubts.push(format!("{what} `{name}` is writable by others (`chmod go-w {name}` prevents that)"));
                }
            }
        }
    }
    doubts
}

/// Who but the user can have written a file: not known here.
#[cfg(not(unix))]
pub fn doubts(_: &Path) -> Vec<String> {
    Vec::new()
}

/// The user that this process acts for. The standard library does not say it, but gives a new file to that user.
#[cfg(unix)]
fn effective_user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;

    tempfile::tempfile().and_then(|file| file.metadata()).ok().map(|metadata| metadata.uid())
}

/// Gives a new file the owner, group and mode of the one whose place it takes. Where that is not possible it is its owner's alone.
#[cfg(unix)]
pub(super) fn keep_access(new: &fs::File, old: &Path) {
    use std::os::unix::fs::MetadataExt as _;

    if let Ok(metadata) = fs::metadata(old)
        && std::os::unix::fs::fchown(new, Some(metadata.uid()), Some(metadata.gid())).is_ok()
    {
        // A file that stays its owner's alone is no failure.
        let _ = new.set_permissions(metadata.permissions());
    }
}

/// On other systems a file has the access that its directory gives it.
#[cfg(not(unix))]
pub(super) fn keep_access(_: &fs::File, _: &Path) {}
