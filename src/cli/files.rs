//! Reading the files that were named; `-` is standard input.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::output;
use crate::apply::place;
use crate::facts::no_policy;
use crate::limits;
use crate::sources::documents::Text;

/// What stands for standard input in the place of a file.
pub const STANDARD_INPUT: &str = "-";

/// Reads a file of at most so many bytes as text. The error names the file and says what to do.
///
/// # Errors
/// If it cannot be read, is larger, or is not UTF-8.
pub fn read(file: &OsStr, most: u64) -> Result<Text, String> {
    if file == STANDARD_INPUT {
        return text(STANDARD_INPUT.to_owned(), read_text(std::io::stdin().lock(), most), most);
    }
    read_file(Path::new(file), most).map(|(text, _)| text)
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
    let (name, file, _) = open(Path::new(file), most)?;
    let bytes = within(&name, most, read_at_most(file, most))?;
    Ok((name, bytes))
}

/// Reads a file as text, with what describes the file that was opened, which is not what stands at its path a moment later. `-` is a
/// name as any other.
///
/// # Errors
/// As those of [`read`].
pub fn read_file(path: &Path, most: u64) -> Result<(Text, Metadata), String> {
    let (name, file, opened) = open(path, most)?;
    Ok((text(name, read_text(file, most), most)?, opened))
}

/// A file that is not larger, as far as its metadata tell.
fn open(path: &Path, most: u64) -> Result<(String, File, Metadata), String> {
    let name = path.to_string_lossy().into_owned();
    let opened = File::open(path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
    let (file, metadata) = opened.map_err(|error| cannot_read(&name, &error))?;
    if metadata.len() > most {
        return Err(larger(&name, most));
    }
    Ok((name, file, metadata))
}

/// What was read. There is nothing where it was more than so many bytes.
fn within(name: &str, most: u64, bytes: std::io::Result<Option<Vec<u8>>>) -> Result<Vec<u8>, String> {
    bytes.map_err(|error| cannot_read(name, &error))?.ok_or_else(|| larger(name, most))
}

fn larger(name: &str, most: u64) -> String {
    let limit = limits::in_words(most);
    format!("cannot read `{name}`: it is larger than {limit}, the limit for such a file; check the path")
}

fn text(name: String, read: Result<String, NoText>, most: u64) -> Result<Text, String> {
    match read {
        Ok(text) => Ok(Text { name, text }),
        Err(NoText::Unreadable(error)) => Err(cannot_read(&name, &error)),
        Err(NoText::Larger) => Err(larger(&name, most)),
        Err(NoText::NotUtf8) => Err(format!("cannot read `{name}`: it is not UTF-8 text; save it as UTF-8")),
    }
}

/// Why there is no text.
enum NoText {
    Unreadable(std::io::Error),
    Larger,
    NotUtf8,
}

/// So many bytes are looked at before more are read.
const PART: u64 = 1 << 20;

/// A text of at most so many bytes. What is none is not read to its end, which a device need not have: no format here has a NUL.
fn read_text(mut reader: impl Read, most: u64) -> Result<String, NoText> {
    let (mut bytes, mut checked) = (Vec::new(), 0);
    loop {
        let read = reader.by_ref().take(PART).read_to_end(&mut bytes).map_err(NoText::Unreadable)?;
        let is_end = (read as u64) < PART;
        let new = bytes.get(checked..).unwrap_or_default();
        let valid = match std::str::from_utf8(new) {
            Ok(text) => text.len(),
            // A character may be cut where the part ends.
            Err(error) if error.error_len().is_none() && !is_end => error.valid_up_to(),
            Err(_) => return Err(NoText::NotUtf8),
        };
        if new.contains(&0) {
            return Err(NoText::NotUtf8);
        }
        checked += valid;
        match is_end {
            _ if bytes.len() as u64 > most => return Err(NoText::Larger),
            true => return String::from_utf8(bytes).map_err(|_| NoText::NotUtf8),
            false => {}
        }
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

/// Whether a file that is to be made will find its directory, and may be made in it.
///
/// # Errors
/// If there is none, or it takes no files.
pub fn can_be_made(file: &Path) -> Result<(), String> {
    let directory = place::directory(file);
    if directory.is_dir() {
        return takes_files(directory).map_err(|why| format!("cannot write `{}`: {why}; give another", file.display()));
    }
    let (name, directory) = (file.display(), directory.display());
    Err(format!("cannot write `{name}`: there is no directory `{directory}`; make it, or give another"))
}

/// Whether a report can be written to a file, which may be there.
///
/// # Errors
/// If it cannot.
pub fn can_be_written(file: &Path) -> Result<(), String> {
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => File::options().append(true).open(file).map(drop).map_err(|error| {
            format!("cannot write `{}`: {}; give another file", file.display(), crate::aws::cause(&error))
        }),
        // To open a pipe would wait for whoever reads from it.
        Ok(_) => Ok(()),
        Err(_) => can_be_made(file),
    }
}

/// Whether files can be made in a directory, by making one that is gone at once.
///
/// # Errors
/// If they cannot.
pub fn takes_files(directory: &Path) -> Result<(), String> {
    let made = tempfile::Builder::new().prefix(".ssm-profile-").tempfile_in(directory);
    made.map(drop).map_err(|error| {
        format!("the directory `{}` takes no files: {}", directory.display(), crate::aws::cause(&error))
    })
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
        () => can_be_made(path),
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
            Ok(text) => match no_policy(&text.text) {
                None => texts.push(text),
                Some(why) => mistakes.push(format!("cannot use `{}`: {why}", text.name)),
            },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_to_its_end_and_no_further_than_it_may_be() {
        let whole = |text: &str, most: u64| read_text(text.as_bytes(), most).ok();
        let part = usize::try_from(PART).unwrap();
        // A character of three bytes stands across the end of a part in two of these.
        for before in [part - 3, part - 2, part - 1, part, part + 1] {
            let text = "a".repeat(before) + "€" + &"b".repeat(2 * part);
            let length = text.len() as u64;
            assert_eq!(whole(&text, length).as_deref(), Some(text.as_str()), "{before}");
            assert!(matches!(read_text(text.as_bytes(), length - 1), Err(NoText::Larger)), "{before}");
        }
        assert_eq!(whole("", 0).as_deref(), Some(""));
        for broken in [&b"a\xff"[..], b"a\xe2\x82", b"a\0b"] {
            assert!(matches!(read_text(broken, 100), Err(NoText::NotUtf8)), "{broken:?}");
        }
    }

    /// These never end.
    #[test]
    fn what_is_no_text_is_not_read_on() {
        for endless in [&b"\0"[..], b"a\xffb"] {
            let mut endless = Endless { bytes: endless, taken: 0 };
            assert!(matches!(read_text(&mut endless, u64::MAX), Err(NoText::NotUtf8)));
            assert!(endless.taken <= PART, "{}", endless.taken);
        }
    }

    struct Endless {
        bytes: &'static [u8],
        taken: u64,
    }

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let cycle = self.bytes.iter().cycle();
            buffer.iter_mut().zip(cycle).for_each(|(to, from)| *to = *from);
            self.taken += buffer.len() as u64;
            Ok(buffer.len())
        }
    }
}
