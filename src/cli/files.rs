//! Reading the files that were named; `-` is standard input.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::output;
use crate::apply::place;
use crate::limits;
use crate::sources::documents::Text;

/// What stands for standard input in the place of a file.
pub const STANDARD_INPUT: &str = "-";

/// Reads a file of at most so many bytes as text. The error names the file and says what to do.
///
/// # Errors
/// If it cannot be read, is larger, or is not UTF-8.
pub fn read(file: &OsStr, most: u64) -> Result<Text, String> {
    let (name, bytes) = read_bytes(file, most)?;
    text(name, bytes)
}

/// Reads a file of at most so many bytes, whatever they are; gives its name too.
///
/// # Errors
/// If it cannot be read, or is larger.
pub fn read_bytes(file: &OsStr, most: u64) -> Result<(String, Vec<u8>), String> {
    if file == STANDARD_INPUT {
        let bytes = within(STANDARD_INPUT, most, read_at_most(std::io::stdin().lock(), most))?;
        return Ok((STANDARD_INPUT.to_owned(), bytes));
    }
    open_and_read(Path::new(file), most).map(|(name, bytes, _)| (name, bytes))
}

/// Reads a file as text, with what describes the file that was opened, which is not what stands at its path a moment later. `-` is a
/// name as any other.
///
/// # Errors
/// As those of [`read`].
pub fn read_file(path: &Path, most: u64) -> Result<(Text, Metadata), String> {
    let (name, bytes, opened) = open_and_read(path, most)?;
    Ok((text(name, bytes)?, opened))
}

fn open_and_read(path: &Path, most: u64) -> Result<(String, Vec<u8>, Metadata), String> {
    let name = path.to_string_lossy().into_owned();
    let opened = File::open(path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
    let (file, metadata) = opened.map_err(|error| cannot_read(&name, &error))?;
    let bytes = if metadata.len() > most { Ok(None) } else { read_at_most(file, most) };
    let bytes = within(&name, most, bytes)?;
    Ok((name, bytes, metadata))
}

/// What was read. There is nothing where it was more than so many bytes.
fn within(name: &str, most: u64, bytes: std::io::Result<Option<Vec<u8>>>) -> Result<Vec<u8>, String> {
    bytes.map_err(|error| cannot_read(name, &error))?.ok_or_else(|| {
        let limit = limits::in_words(most);
        format!("cannot read `{name}`: it is larger than {limit}, the limit for such a file; check the path")
    })
}

fn text(name: String, bytes: Vec<u8>) -> Result<Text, String> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Text { name, text }),
        Err(_) => Err(format!("cannot read `{name}`: it is not UTF-8 text; save it as UTF-8")),
    }
}

fn cannot_read(name: &str, error: &std::io::Error) -> String {
    format!("cannot read `{name}`: {}; check the path", lower(&error.to_string()))
}

/// What there is to read, unless it is more than so many bytes.
fn read_at_most(reader: impl Read, most: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 <= most))
}

/// What a regular file of at most so many bytes holds: to open a pipe that somebody has put there would wait for whoever writes to it.
///
/// # Errors
/// As those of [`read`], and if it is another kind of file.
pub fn read_regular(path: &Path, most: u64) -> Result<(Text, Metadata), String> {
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Err(format!("cannot read `{}`: it is not a regular file; check the path", path.display()));
    }
    read_file(path, most)
}

/// Whether there is a directory for a file that is to be written.
///
/// # Errors
/// If there is none.
pub fn has_directory(file: &Path) -> Result<(), String> {
    let directory = place::directory(file);
    if directory.is_dir() {
        return Ok(());
    }
    let (name, directory) = (file.display(), directory.display());
    Err(format!("cannot write `{name}`: there is no directory `{directory}`; make it, or give another"))
}

/// Whether a new file can be written there. The error names the file and says what to do.
///
/// # Errors
/// If there is one, or no directory for it.
pub fn is_free(file: &OsStr) -> Result<(), String> {
    let name = file.to_string_lossy();
    let path = Path::new(file);
    match () {
        () if file == STANDARD_INPUT || file.is_empty() => {
            Err(format!("`{name}` cannot hold a backup; pass the name of a new file to `--backup`"))
        }
        () if path.symlink_metadata().is_ok() => Err(format!(
            "there is a file `{name}`, and a backup never overwrites a file; pass another name to `--backup`"
        )),
        () => has_directory(path),
    }
}

/// Reads several files of policies, and reports every one that cannot be read.
///
/// # Errors
/// A message for each file that cannot be read.
pub fn read_all<'a>(files: impl IntoIterator<Item = &'a std::ffi::OsString>) -> Result<Vec<Text>, Vec<String>> {
    let mut texts = Vec::new();
    let mut mistakes = Vec::new();
    for file in files {
        match read(file, limits::POLICY_FILE_BYTES) {
            Ok(text) => texts.push(text),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(texts) } else { Err(mistakes) }
}

/// The operating system's messages start with a capital letter and end with its error number.
fn lower(message: &str) -> String {
    let message = message.split(" (os error").next().unwrap_or(message);
    let mut characters = message.chars();
    let first = characters.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    first + characters.as_str()
}

/// Names what killed runs left beside these backups.
pub fn warn_of_leftovers<'a>(backups: impl IntoIterator<Item = &'a Path>) {
    // The file that a symbolic link leads to is the one that is written.
    let files = backups.into_iter().map(|file| std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned()));
    let directories: BTreeSet<PathBuf> = files.map(|file| place::directory(&file).to_owned()).collect();
    let left = directories.iter().flat_map(|directory| place::leftovers(directory));
    let names: Vec<String> = left.map(|file| format!("`{}`", file.display())).collect();
    if !names.is_empty() {
        output::warning(&format!(
            "left by a run that was killed: {}; delete it when no other `fix` or `undo` is running",
            names.join(", ")
        ));
    }
}
