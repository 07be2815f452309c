//! Reading the files that were named; `-` is standard input.

use std::ffi::OsStr;
use std::io::Read as _;

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
