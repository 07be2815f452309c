//! The baselines of a run: what is known, and what is written.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::output::{self, Destinations};
use super::{Stop, args, files};
use crate::apply::place;
use crate::baseline::{Baseline, Draft, Entry};
use crate::limits;
use crate::render::json;
use crate::render::sanitize::word;
use crate::report::Outcome;

/// So many entries are named in a warning.
const MOST_NAMED: usize = 10;

/// The baselines that were named.
#[derive(Debug)]
pub struct Baselines {
    today: Date,
    known: Option<Named>,
    written: Option<Written>,
}

#[derive(Debug)]
struct Named {
    file: PathBuf,
    baseline: Baseline,
}

#[derive(Debug)]
struct Written {
    file: PathBuf,
    draft: Draft,
    any: bool,
}

impl Baselines {
    /// Reads the files that were named. An entry holds up to its last day, which is told from the date in UTC.
    ///
    /// # Errors
    /// Every mistake that was found.
    pub fn open(typed: &args::Check, reports: &Destinations) -> Result<Baselines, Vec<String>> {
        let mut mistakes = Vec::new();
        let mut noted = |read: Result<Baseline, String>| read.map_err(|mistake| mistakes.push(mistake)).ok();
        let known = typed.baseline.as_ref().and_then(|file| {
            let file = PathBuf::from(file);
            let baseline = noted(read(&file))?;
            Some(Named { file, baseline })
        });
        let written = typed.write_baseline.as_ref().and_then(|file| {
            let file = PathBuf::from(file);
            let mut earlier = vec![noted(read_to_replace(&file, reports))?];
            // What else is known has reasons too.
            let other = known.as_ref().filter(|known| !place::is_same(&known.file, &file));
            earlier.extend(other.map(|known| known.baseline.clone()));
            Some(Written { file, draft: Draft::new(earlier, typed.fail_on.severity()), any: false })
        });
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        if mistakes.is_empty() { Ok(Baselines { today, known, written }) } else { Err(mistakes) }
    }

    /// Takes a result, and marks in it what is known.
    pub fn take(&mut self, outcome: &mut Outcome) {
        if let Some(known) = &mut self.known {
            known.baseline.mark(outcome, self.today);
        }
        if let Some(written) = &mut self.written {
            written.draft.take(outcome);
            written.any = true;
        }
    }

    /// Says what the entries of a baseline no longer do, and writes the one that is to be written.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(&self) -> Result<(), Stop> {
        if let Some(Named { file, baseline }) = &self.known {
            let file = file.display();
            warn(
                &format!(
                    "these entries of the baseline `{file}` have expired and no longer count; fix what they name, or give them a later `until`"
                ),
                baseline.expired(self.today),
            );
            warn(
                &format!("these entries of the baseline `{file}` match nothing in this run"),
                baseline.without_match(self.today),
            );
        }
        match &self.written {
            Some(written) if written.any => written.write(),
            Some(written) => {
                output::warning(&format!("nothing was checked, so `{}` was not written", written.file.display()));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Written {
    fn write(&self) -> Result<(), Stop> {
        let Written { file, draft, .. } = self;
        let name = file.display();
        let failed = |error: std::io::Error| {
            Stop::Failure(format!("cannot write the baseline `{name}`: {}", crate::aws::cause(&error)))
        };
        let text = json::pretty(&draft.file()).map_err(|error| failed(error.into()))?;
        replace(file, &text).map_err(failed)?;
        warn(&format!("these findings are gone, and so are their entries in `{name}`"), draft.removed());
        if draft.not_written() > 0 {
            output::warning(&format!(
                "{} left out of `{name}`: that something could not be read may hide anything; make it readable, or add an \
                 entry by hand",
                match draft.not_written() {
                    1 => "1 finding was".to_owned(),
                    number => format!("{number} findings were"),
                }
            ));
        }
        Ok(())
    }
}

/// Names some entries, if there are any.
fn warn<'a>(what: &str, entries: impl Iterator<Item = &'a Entry>) {
    let named: Vec<String> = entries.map(in_words).collect();
    if named.is_empty() {
        return;
    }
    let shown = named.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    let more = match named.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    output::warning(&format!("{what}: {shown}{more}"));
}

fn in_words(entry: &Entry) -> String {
    let mut words = format!("`{}` of `{}`", word(&entry.code), entry.target);
    if let Some(until) = entry.until {
        words.push_str(&format!(" (until {until})"));
    }
    words
}

fn read(file: &Path) -> Result<Baseline, String> {
    let (text, _) = files::read_regular(file, limits::BASELINE_FILE_BYTES)?;
    Baseline::read(&text.text).map_err(|error| format!("cannot read the baseline `{}`: {error}", file.display()))
}

/// What the file holds that is to be written; nothing if there is none yet.
fn read_to_replace(file: &Path, reports: &Destinations) -> Result<Baseline, String> {
    let name = file.display();
    if file.as_os_str().is_empty() || file == Path::new(files::STANDARD_INPUT) {
        return Err(format!("`{name}` cannot hold a baseline; pass the name of a file to `--write-baseline`"));
    }
    if reports.files.iter().any(|(_, report)| place::is_same(report, file)) {
        return Err(format!("`{name}` is named for a report and a baseline; give each its own file"));
    }
    files::can_be_made(file)?;
    if file.symlink_metadata().is_err() {
        return Ok(Baseline::default());
    }
    read(file).map_err(|mistake| format!("{mistake}; `--write-baseline` never overwrites another file"))
}

/// Puts a text in the place of a file at once, so that a run that is killed leaves the old one or the new one.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    // The file that a symbolic link leads to is the one that is replaced.
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let mut new = tempfile::Builder::new().prefix(".ssm-profile-baseline-").tempfile_in(place::directory(&file))?;
    new.write_all(text.as_bytes())?;
    match file.metadata() {
        Ok(metadata) => new.as_file().set_permissions(metadata.permissions())?,
        Err(_) => readable_by_all(new.as_file())?,
    }
    new.persist(&file).map(drop).map_err(|error| error.error)
}

/// A baseline is kept with the code, as any file in it; temporary files are their owner's alone.
#[cfg(unix)]
fn readable_by_all(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

/// On other systems a file has the access that its directory gives it.
#[cfg(not(unix))]
fn readable_by_all(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}
