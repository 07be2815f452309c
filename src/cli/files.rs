//! Reading the files that were named; `-` is standard input.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::Path;

use crate::sources::documents::Text;

/// Reads a file as text. The error names the file and says what to do.
///
/// # Errors
/// If it cannot be read, or is not UTF-8.
pub fn read(file: &OsStr) -> Result<Text, String> {
    let name = file.to_string_lossy().into_owned();
    let bytes = if file == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    let bytes =
        bytes.map_err(|error| format!("cannot read `{name}`: {}; check the path", lower(&error.to_string())))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| format!("cannot read `{name}`: it is not UTF-8 text; save it as UTF-8"))?;
    Ok(Text { name, text })
}

/// Whether a new file can be written there. The error names the file and says what to do.
///
/// # Errors
/// If there is one, or no directory for it.
pub fn is_free(file: &OsStr) -> Result<(), String> {
    let name = file.to_string_lossy();
    let path = Path::new(file);
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match () {
        () if file == "-" || file.is_empty() => {
            Err(format!("`{name}` is no file to keep a backup in; give `--backup` the name of a new one"))
        }
        () if path.symlink_metadata().is_ok() => {
            Err(format!("there is a file `{name}`, and a backup overwrites nothing; give `--backup` another name"))
        }
        () if !directory.is_dir() => Err(format!(
            "cannot write `{name}`: there is no directory `{}`; make it, or give another",
            directory.display()
        )),
        () => Ok(()),
    }
}

/// Reads several files, and reports every one that cannot be read.
///
/// # Errors
/// A message for each file that cannot be read.
pub fn read_all<'a>(files: impl IntoIterator<Item = &'a std::ffi::OsString>) -> Result<Vec<Text>, Vec<String>> {
    let mut texts = Vec::new();
    let mut mistakes = Vec::new();
    for file in files {
        match read(file) {
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
