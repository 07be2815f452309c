//! What is printed, and where: results to standard output, everything else to standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use serde::Serialize;

use super::progress::Progress;
use super::{Stop, args, files};
use crate::apply::place;
use crate::apply::run::Watcher;
use crate::facts::{CallerIdentity, Instance};
use crate::fix::{Change, Record};
use crate::redact;
use crate::render::causes::{self, Fixes};
use crate::render::sanitize::terminal as clean;
use crate::render::text::{Detail, Layout};
use crate::render::{annotations, asff, changes_json, html, json, junit, markdown, ocsf, sarif, text, words};
use crate::report::{Report, Severity};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// The widest that text is laid out, so that lines stay readable on wide terminals.
const WIDEST: usize = 120;

/// Applies `--color` to everything that is printed from here on.
pub fn set_color(color: args::Color) {
    match color {
        args::Color::Auto => anstream::ColorChoice::Auto,
        args::Color::Always => anstream::ColorChoice::Always,
        args::Color::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Applies `-v` to what is said beside the results from here on.
pub fn set_verbose(verbose: bool) {
    VERBOSE.store(verbose, Ordering::Relaxed);
}

/// Whether `-v` was given.
pub fn is_verbose() -> bool {
    VERBOSE.load(Ordering::Relaxed)
}

/// How much to say.
pub fn detail(cli: &args::Cli) -> Detail {
    match (cli.quiet, cli.verbose) {
        (true, _) => Detail::Quiet,
        (false, true) => Detail::Verbose,
        (false, false) => Detail::Normal,
    }
}

/// So many lines are made before they are written.
const LINES_AT_A_TIME: usize = 1000;

/// So many targets are told one by one; of more the causes.
const FEW: usize = 10;

/// How a report is shown.
#[derive(Clone, Copy)]
pub struct Showing<'a> {
    /// Where its facts came from.
    pub source: &'a json::Source,
    /// Whose credentials read them, where an account was read.
    pub caller: Option<&'a CallerIdentity>,
    /// When they were taken.
    pub at: Timestamp,
    /// How much to say.
    pub detail: Detail,
    /// The severity from which on a finding counts.
    pub fail_on: Severity,
    /// Whether the text tells the causes, not each of many targets.
    pub by_cause: bool,
    /// What a command that fixes a cause is made of.
    pub fixes: Option<Fixes<'a>>,
}

/// Files that were named for reports and do not hold those of this run yet.
///
/// What an earlier run left in them is taken away where this one ends before, so that nobody takes it for the report of today. A link,
/// a device or a pipe stays, and so does every file where what was typed or named is a mistake.
pub struct StaleReports(Vec<PathBuf>);

impl StaleReports {
    /// All of them.
    pub fn of(to: &Destinations) -> StaleReports {
        StaleReports(to.files.iter().map(|(_, file)| file.clone()).collect())
    }

    /// Leaves them as they are.
    pub fn stay(&mut self) {
        self.0.clear();
    }

    fn is_written(&mut self, file: &Path) {
        self.0.retain(|stale| stale != file);
    }
}

impl Drop for StaleReports {
    fn drop(&mut self) {
        for file in &self.0 {
            let is_regular = file.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
            if is_regular && std::fs::remove_file(file).is_ok() {
                let name = file.to_string_lossy();
                note(&format!("no report was made, so `{}` of an earlier run was removed\n", clean(&name)));
            }
        }
    }
}

/// Writes a report to the files that were named, and prints it, also where a file cannot be written.
pub fn report(report: &Report, to: &Destinations, stale: &mut StaleReports, showing: Showing<'_>) -> Result<(), Stop> {
    let mut written = Ok(());
    for (form, file) in &to.files {
        // In a file there is neither a width nor a style.
        let page = page(report, *form, Layout { detail: showing.detail, width: None }, showing)?;
        let now = match form {
            args::Output::Text => write_file(file, &anstream::adapter::strip_str(&page).to_string()),
            _ => write_file(file, &page),
        };
        match now {
            Ok(()) => stale.is_written(file),
            Err(stop) => written = written.and(Err(stop)),
        }
    }
    print_report(report, to.stdout, showing)?;
    written
}

fn failed(error: &dyn std::fmt::Display) -> Stop {
    Stop::Failure(format!("cannot write the report: {error}"))
}

/// Writes a file; what it held before is gone then.
fn write_file(file: &Path, text: &str) -> Result<(), Stop> {
    // Not by a file that takes its place: it may be a device, a pipe, or a link to one of these.
    std::fs::write(file, text).map_err(|error| {
        Stop::Failure(format!("cannot write the report `{}`: {}", file.display(), crate::aws::cause(&error)))
    })
}

/// A report in a form that is made at once.
fn page(report: &Report, form: args::Output, layout: Layout, showing: Showing<'_>) -> Result<String, Stop> {
    let Showing { source, caller, at, detail, fail_on, by_cause, fixes } = showing;
    let by = caller.filter(|_| detail != Detail::Quiet).map(words::checked_by);
    Ok(match form {
        args::Output::Text if by_cause && detail == Detail::Normal && report.results.len() > FEW => {
            causes::render(report, layout, fixes) + &text::closing(by.as_deref())
        }
        args::Output::Text => text::render(report, layout, fail_on) + &text::closing(by.as_deref()),
        args::Output::Json => {
            let mut text = Vec::new();
            json::write(report, source, caller, &mut text).map_err(|error| failed(&error))?;
            String::from_utf8(text).map_err(|error| failed(&error))?
        }
        args::Output::Ndjson => json::render_lines(&report.results).map_err(|error| failed(&error))?,
        args::Output::Junit => junit::render(report, fail_on).map_err(|error| failed(&error))?,
        args::Output::Sarif => sarif::render(report, env!("CARGO_PKG_VERSION")).map_err(|error| failed(&error))?,
        args::Output::Markdown => markdown::render(report) + &markdown::closing(by.as_deref()),
        args::Output::Html => html::render(report, by).map_err(|error| failed(&error))?,
        args::Output::Asff => {
            let page = asff::render(report, at).map_err(|error| failed(&error))?;
            if page.left_out > 0 {
                warning(&format!(
                    "{} left out of the findings for Security Hub: the account or the Region is not known; give `--account` and \
                     `--region` where the source does not say them",
                    match page.left_out {
                        1 => "1 target was".to_owned(),
                        number => format!("{number} targets were"),
                    }
                ));
            }
            page.text
        }
        args::Output::Ocsf => ocsf::render(report, at).map_err(|error| failed(&error))?,
    })
}

/// Whether what is printed is read by the runner of GitHub Actions
/// ([variables](https://docs.github.com/en/actions/reference/workflows-and-actions/variables#default-environment-variables)).
fn annotates() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

fn print_report(report: &Report, form: args::Output, showing: Showing<'_>) -> Result<(), Stop> {
    match form {
        args::Output::Text => {
            print_styled(&page(report, form, layout(showing.detail), showing)?)?;
            match annotates() {
                true => print(&annotations::render(report)),
                false => Ok(()),
            }
        }
        args::Output::Json => {
            let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
            settle(json::write(report, showing.source, showing.caller, &mut out).and_then(|()| out.flush()))
        }
        args::Output::Ndjson => {
            for results in report.results.chunks(LINES_AT_A_TIME) {
                if !print_or_stop(&json::render_lines(results).map_err(|error| failed(&error))?)? {
                    break;
                }
            }
            Ok(())
        }
        args::Output::Junit
        | args::Output::Sarif
        | args::Output::Markdown
        | args::Output::Html
        | args::Output::Asff
        | args::Output::Ocsf => print(&page(report, form, layout(showing.detail), showing)?),
    }
}

/// Where a report goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destinations {
    /// The form on standard output.
    pub stdout: args::Output,
    /// Files, each with its form.
    pub files: Vec<(args::Output, PathBuf)>,
}

impl Destinations {
    /// Those that were typed.
    ///
    /// # Errors
    /// Every mistake that was found.
    pub fn of(typed: &[args::OutputTo]) -> Result<Destinations, Vec<String>> {
        let mut mistakes = Vec::new();
        let to_stdout: Vec<args::Output> = typed.iter().filter(|to| to.file.is_none()).map(|to| to.form).collect();
        if to_stdout.len() > 1 {
            mistakes
                .push("one report goes to standard output; give the others a file, `--output FORM=FILE`".to_owned());
        }
        let mut files: Vec<(args::Output, PathBuf)> = Vec::new();
        for (form, file) in typed.iter().filter_map(|to| Some((to.form, PathBuf::from(to.file.as_ref()?)))) {
            if file.as_os_str().is_empty() {
                mistakes.push("`--output FORM=` names no file; give `--output FORM=FILE`".to_owned());
            } else if files.iter().any(|(_, other)| place::is_same(other, &file)) {
                mistakes.push(format!("`{}` is named for two reports; give each its own file", file.display()));
            } else if file.is_dir() {
                mistakes.push(format!("`{}` is a directory; name a file in it", file.display()));
            } else if let Err(mistake) = files::can_be_written(&file) {
                mistakes.push(mistake);
            }
            files.push((form, file));
        }
        match mistakes.is_empty() {
            true => Ok(Destinations { stdout: to_stdout.first().copied().unwrap_or(args::Output::Text), files }),
            false => Err(mistakes),
        }
    }
}

/// Prints what a run of `fix` or `undo` planned and did, as JSON.
pub fn record(command: &'static str, record: &Record, report: Option<&Report>) -> Result<(), Stop> {
    let page = changes_json::render(command, record, report);
    print(&page.map_err(|error| Stop::Failure(format!("cannot write the report: {error}")))?)
}

/// How to lay text out on standard output.
pub fn layout(detail: Detail) -> Layout {
    Layout { detail, width: width(io::stdout().is_terminal()) }
}

/// How to lay text out on standard error.
pub fn layout_of_notes(detail: Detail) -> Layout {
    Layout { detail, width: width(io::stderr().is_terminal()) }
}

/// The width to fold text at: a terminal's, and none for pipes and files.
fn width(terminal: bool) -> Option<usize> {
    terminal.then_some(columns().min(WIDEST))
}

/// How many columns the terminal has.
pub fn columns() -> usize {
    terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0))
}

/// Prints something as indented JSON, as it is made; false if whoever read it went away.
pub fn json_or_stop(object: &impl Serialize) -> Result<bool, Stop> {
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let written = serde_json::to_writer_pretty(&mut out, object).map_err(io::Error::from);
    all_read(written.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))
}

/// Prints to standard output as it is.
pub fn print(text: &str) -> Result<(), Stop> {
    let mut out = io::stdout().lock();
    settle(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Prints styled text to standard output.
pub fn print_styled(text: &str) -> Result<(), Stop> {
    let mut out = anstream::stdout().lock();
    settle(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Prints to standard output as it is; false if whoever read it went away.
pub fn print_or_stop(text: &str) -> Result<bool, Stop> {
    let mut out = io::stdout().lock();
    all_read(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// False if whoever read it went away.
fn all_read(written: io::Result<()>) -> Result<bool, Stop> {
    let gone = written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
    settle(written).map(|()| !gone)
}

/// The end of a run that cannot write what was asked for. A reader that went away, as `head` does, has seen what it wanted.
pub fn settle(written: io::Result<()>) -> Result<(), Stop> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Stop::Failure(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints styled text to standard error, where standard output is for a machine.
pub fn note(text: &str) {
    let _ = write!(anstream::stderr(), "{text}");
}

/// Prints what `--debug` asks for to standard error.
pub fn debug(message: &str) {
    let _ = writeln!(anstream::stderr(), "debug: {}", clean(&redact::secrets(message)));
}

/// Prints an error to standard error.
pub fn error(message: &str) {
    let _ = writeln!(anstream::stderr(), "{ERROR}error:{ERROR:#} {}", clean(&redact::secrets(message)));
}

/// Prints a warning to standard error.
pub fn warning(message: &str) {
    let _ = writeln!(anstream::stderr(), "{WARNING}warning:{WARNING:#} {}", clean(&redact::secrets(message)));
}

/// Prints a hint to standard error.
pub fn hint(message: &str) {
    let _ = writeln!(anstream::stderr(), "\n{}", clean(&redact::secrets(message)));
}

static ASKS: AtomicBool = AtomicBool::new(false);

/// Takes note that a question is on the screen, or was answered.
pub fn asks(question: bool) {
    ASKS.store(question, Ordering::Relaxed);
}

/// Ends the line of a question that was not answered.
pub fn end_question() {
    if ASKS.swap(false, Ordering::Relaxed) {
        note("\n");
    }
}

/// Shows the cursor again, which a question that was not answered leaves hidden.
pub fn show_cursor() {
    let stderr = io::stderr();
    if stderr.is_terminal() {
        let _ = stderr.lock().write_all(b"\x1b[?25h");
    }
}

/// An instance in a list to pick from.
pub fn instance_row(instance: &Instance) -> String {
    let name = instance.name.as_deref().unwrap_or("-");
    format!("{}  {}  {}", instance.id, clean(name), clean(&instance.state))
}

/// A sign of life on a terminal while changes are made; nothing elsewhere.
pub struct Steps(Progress);

impl Steps {
    /// Begins.
    pub fn start() -> Steps {
        Steps(Progress::start("making changes"))
    }

    /// Takes it away.
    pub fn finish(&self) {
        self.0.finish();
    }

    fn say(&self, what: String) {
        self.0.say(&what);
    }
}

impl Watcher for Steps {
    fn starts(&self, change: &Change) {
        self.say(format!("{} {}", change.action().name(), change.thing().target()));
    }

    fn waits(&self, change: &Change, why: &str) {
        self.say(format!("{} is being retried: {why}", change.action().name()));
    }
}
