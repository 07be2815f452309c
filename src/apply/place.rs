//! Where a backup lies: who else can write there, and what killed runs left there.

#[cfg(unix)]
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[cfg(unix)]
use crate::command_line::Command;

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

/// Whether two paths lead to one file, which need not be there yet.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let of = |path: &Path| {
        path.canonicalize().or_else(|_| Ok(directory(path).canonicalize()?.join(path.file_name().unwrap_or_default())))
    };
    one == other || matches!((of(one), of(other)), (Ok(one), Ok::<_, std::io::Error>(other)) if one == other)
}

/// Who but the user can have written a file that was opened, or put another one in its place. Each says what to do.
///
/// Of the file itself counts what was opened. Of its path counts every directory on the way, also of those that symbolic links
/// lead through: whoever can write in one of them decides where the path leads.
///
/// # Arguments
/// `file` is the path that was opened, and `opened` describes what that gave.
#[cfg(unix)]
pub fn doubts(file: &Path, opened: &fs::Metadata) -> Vec<String> {
    use std::os::unix::fs::MetadataExt as _;

    let mut doubts = Doubts { user: effective_user(), all: Vec::new() };
    match doubts.of_way(file) {
        Ok((path, found)) => {
            doubts.of_access("file", &path, opened);
            let name = path.display();
            if !opened.is_file() {
                doubts.all.push(format!("`{name}` is not a regular file"));
            } else if (found.dev(), found.ino()) != (opened.dev(), opened.ino()) {
                doubts.all.push(format!("`{name}` was replaced while it was read"));
            }
        }
        Err((path, error)) => {
            let (name, cause) = (path.display(), crate::aws::cause(&error));
            doubts.all.push(format!("cannot determine who can write `{name}`: {cause}"));
        }
    }
    doubts.all
}

/// Whether a file that was opened belongs to neither the user nor the administrator.
#[cfg(unix)]
pub fn is_of_another(opened: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    is_another(opened.uid(), effective_user())
}

/// Whether an owner is neither the administrator nor this user. Where the user is not known, everybody is another one.
#[cfg(unix)]
fn is_another(owner: u32, user: Option<u32>) -> bool {
    owner != 0 && user != Some(owner)
}

/// What is found on the way to a file.
#[cfg(unix)]
struct Doubts {
    user: Option<u32>,
    all: Vec<String>,
}

#[cfg(unix)]
impl Doubts {
    /// So many symbolic links Linux follows
    /// ([path_resolution](https://man7.org/linux/man-pages/man7/path_resolution.7.html)).
    const LINKS: usize = 40;

    /// Follows a path as the system does, and looks at each directory and link. Gives where it ends, and what is there.
    fn of_way(&mut self, file: &Path) -> Result<(PathBuf, fs::Metadata), (PathBuf, std::io::Error)> {
        use std::path::Component;

        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| (path, error)
        };
        let mut rest = std::path::absolute(file).map_err(failed(file))?;
        let (mut at, mut links, mut seen) = (PathBuf::from("/"), 0, BTreeSet::new());
        loop {
            let metadata = fs::symlink_metadata(&at).map_err(failed(&at))?;
            if metadata.is_symlink() {
                // Nobody but its owner can point a link elsewhere, as far as the directory does not let them.
                self.of_owner("symbolic link", &at, &metadata);
                links += 1;
                if links > Doubts::LINKS {
                    let too_many = format!("its path leads through more than {} symbolic links", Doubts::LINKS);
                    return Err(failed(&at)(std::io::Error::other(too_many)));
                }
                let target = fs::read_link(&at).map_err(failed(&at))?;
                at.pop();
                rest = target.join(&rest);
            } else if metadata.is_dir() && seen.insert(at.clone()) {
                self.of_access("directory", &at, &metadata);
            }
            let mut components = rest.components();
            let Some(next) = components.next() else { return Ok((at, metadata)) };
            let after = components.as_path().to_owned();
            match next {
                Component::Normal(name) => at.push(name),
                Component::ParentDir => drop(at.pop()),
                Component::RootDir => at = PathBuf::from("/"),
                Component::CurDir | Component::Prefix(_) => {}
            }
            rest = after;
        }
    }

    fn of_owner(&mut self, what: &str, path: &Path, metadata: &fs::Metadata) {
        use std::os::unix::fs::MetadataExt as _;

        let owner = metadata.uid();
        if is_another(owner, self.user) {
            self.all.push(format!("the {what} `{}` is owned by the user ID {owner}", path.display()));
        }
    }

    fn of_access(&mut self, what: &str, path: &Path, metadata: &fs::Metadata) {
        use std::os::unix::fs::MetadataExt as _;

        const OTHERS_WRITE: u32 = 0o002;
        const GROUP_WRITES: u32 = 0o020;
        const STICKY: u32 = 0o1000;

        self.of_owner(what, path, metadata);
        let (mode, owner) = (metadata.mode(), metadata.uid());
        // Where each user has a group alone, new directories are writable by it: Debian, Ubuntu, Fedora give it the user's number
        // (https://wiki.debian.org/UserPrivateGroups).
        let private = metadata.is_dir()
            && owner != 0
            && Some(owner) == self.user
            && metadata.gid() == owner
            && !may_have_acl(path);
        let others = if private { OTHERS_WRITE } else { OTHERS_WRITE | GROUP_WRITES };
        // In a sticky directory nobody but the owner of a file puts another one in its place.
        let sticky = metadata.is_dir() && mode & STICKY != 0;
        if mode & others != 0 && !sticky {
            let (name, prevent) = (path.display(), Command::new("chmod go-w").file(path));
            self.all.push(format!("the {what} `{name}` is writable by others (`{prevent}` prevents that)"));
        }
    }
}

/// Whether an access control list may name further users, whose rights show as those of the group
/// ([acl](https://man7.org/linux/man-pages/man5/acl.5.html)).
#[cfg(target_os = "linux")]
fn may_have_acl(path: &Path) -> bool {
    use rustix::io::Errno;

    let mut none: [u8; 0] = [];
    let found = rustix::fs::getxattr(path, "system.posix_acl_access", &mut none);
    !matches!(found, Err(Errno::NODATA | Errno::OPNOTSUPP))
}

/// Other systems keep such lists elsewhere.
#[cfg(all(unix, not(target_os = "linux")))]
fn may_have_acl(_: &Path) -> bool {
    true
}

/// Who but the user can have written a file: not known here.
#[cfg(not(unix))]
pub fn doubts(_: &Path, _: &fs::Metadata) -> Vec<String> {
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

#[cfg(all(test, unix))]
mod tests {
    use super::is_another;

    #[test]
    fn the_user_and_the_administrator_are_trusted() {
        for (owner, user, expected) in [
            (1000, Some(1000), false),
            (0, Some(1000), false),
            (0, None, false),
            (1001, Some(1000), true),
            (1000, Some(0), true),
            (1000, None, true),
        ] {
            assert_eq!(is_another(owner, user), expected, "{owner} {user:?}");
        }
    }
}
