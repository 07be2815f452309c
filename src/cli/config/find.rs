//! Which configuration files there are, and what they say.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use super::toml::{self, Entry};
use crate::apply::place;
use crate::cli::files;
use crate::limits;
use crate::render::settings::FileKind;

/// The name of a project's file.
pub const PROJECT: &str = ".ssm-profile.toml";

/// A configuration file.
#[derive(Debug)]
pub struct ConfigFile {
    /// What it is.
    pub kind: FileKind,
    /// Its name, as it is shown.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// What it says.
    pub entries: Vec<Entry>,
}

impl ConfigFile {
    /// The directory at which the names of files in it start.
    pub fn directory(&self) -> &Path {
        place::directory(&self.path)
    }

    /// Whether it was come upon, and nobody said that it shall hold.
    pub fn is_found(&self) -> bool {
        self.kind == FileKind::Project
    }
}

/// The file of the user's own.
pub fn of_user() -> Option<PathBuf> {
    let base = etcetera::choose_base_strategy().ok()?;
    Some(base.config_dir().join("ssm-profile").join("config.toml"))
}

/// The files that hold, those that win first.
///
/// # Arguments
/// `given` is the value of `--config`.
///
/// # Errors
/// A message for each file that cannot be read.
pub fn files(given: Option<&OsStr>) -> Result<Vec<ConfigFile>, Vec<String>> {
    let (mut found, mut mistakes) = (Vec::new(), Vec::new());
    for (kind, path) in paths(given).map_err(|mistake| vec![mistake])? {
        match read(kind, path) {
            Ok(file) => found.push(file),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(found) } else { Err(mistakes) }
}

fn paths(given: Option<&OsStr>) -> Result<Vec<(FileKind, PathBuf)>, String> {
    match given {
        Some(given) if given == "none" => return Ok(Vec::new()),
        Some(given) => return Ok(vec![(FileKind::Given, PathBuf::from(given))]),
        None => {}
    }
    let here = match std::env::current_dir() {
        Ok(here) => here,
        // A directory that was removed holds nothing.
        Err(error) if error.kind() == ErrorKind::NotFound => PathBuf::new(),
        Err(error) => {
            let cause = crate::aws::cause(&error);
            return Err(format!("cannot look for `{PROJECT}`: {cause}; pass `--config FILE`, or `--config none`"));
        }
    };
    // A link that leads nowhere is there too, and somebody meant it to hold.
    let is_there = |path: &PathBuf| path.symlink_metadata().is_ok();
    let project = here.ancestors().map(|directory| directory.join(PROJECT)).find(is_there);
    let project = project.map(|path| (FileKind::Project, path.strip_prefix(&here).map(Path::to_owned).unwrap_or(path)));
    Ok(project.into_iter().chain(of_user().filter(is_there).map(|path| (FileKind::User, path))).collect())
}

fn read(kind: FileKind, path: PathBuf) -> Result<ConfigFile, String> {
    let name = path.to_string_lossy().into_owned();
    let ignore = "or ignore it with `--config none`";
    let (text, opened) = match kind {
        FileKind::Given => files::read_file(&path, limits::CONFIG_FILE_BYTES)?,
        FileKind::Project | FileKind::User => {
            files::read_regular(&path, limits::CONFIG_FILE_BYTES).map_err(|mistake| format!("{mistake}, {ignore}"))?
        }
    };
    // Whoever can write above a directory would otherwise decide for everybody below it.
    #[cfg(unix)]
    if kind == FileKind::Project && place::is_of_another(&opened) {
        return Err(format!(
            "`{name}` belongs to another user; read it, and if it is right pass it with `--config`, {ignore}"
        ));
    }
    #[cfg(not(unix))]
    drop(opened);
    of_text(kind, path, &text.text)
}

/// The file that holds a text.
///
/// # Errors
/// If it is not TOML.
pub fn of_text(kind: FileKind, path: PathBuf, text: &str) -> Result<ConfigFile, String> {
    let name = path.to_string_lossy().into_owned();
    let entries = toml::read(text)
        .map_err(|error| format!("`{name}`, line {}: this is not TOML: {}", error.line, error.message))?;
    Ok(ConfigFile { kind, name, path, entries })
}
