//! A sign of life on a terminal while AWS is read; nothing elsewhere.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, IsTerminal as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use tokio::time::Instant;

use super::output::{self, warning};
use crate::aws::Traffic;
use crate::render::sanitize::terminal as clean;
use crate::sources::live::Watcher;

/// A line without an end. There is one on the terminal at a time: what begins while another one is shown is not shown.
pub struct Progress(Option<Line>);

struct Line {
    bar: ProgressBar,
    says: Arc<Mutex<Says>>,
    is_over: AtomicBool,
}

/// What the line says when it is drawn.
type Says = Box<dyn Fn() -> String + Send + Sync>;

/// Whether a line is on the terminal.
static IS_SHOWN: AtomicBool = AtomicBool::new(false);

/// Who waits for longer than this is told for what.
const PATIENCE: Duration = Duration::from_secs(2);

/// The spinner, and the space behind it.
const SPINNER: usize = 2;

/// The columns of `^C`, which a terminal echoes at the end of the line.
const ECHO: u16 = 2;

/// How often the line is drawn at most, a second.
const HERTZ: u8 = 20;

/// The terminal without the columns of an echo: indicatif fills the line with spaces, and an echo that wraps would keep the line
/// from being cleared.
#[derive(Debug)]
struct Narrower(console::Term);

impl TermLike for Narrower {
    fn width(&self) -> u16 {
        TermLike::width(&self.0).saturating_sub(ECHO)
    }

    fn height(&self) -> u16 {
        TermLike::height(&self.0)
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.0.write_line(line)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Progress {
    /// Shows what is going on.
    pub fn start(what: &'static str) -> Progress {
        Progress::of(move || what.to_owned())
    }

    /// Shows what is going on at the time.
    fn of(says: impl Fn() -> String + Send + Sync + 'static) -> Progress {
        if !io::stderr().is_terminal() || IS_SHOWN.swap(true, Ordering::Relaxed) {
            return Progress(None);
        }
        let says: Arc<Mutex<Says>> = Arc::new(Mutex::new(Box::new(says)));
        let of_line = Arc::clone(&says);
        let line = move |_: &indicatif::ProgressState, to: &mut dyn fmt::Write| {
            let says = of_line.lock().unwrap_or_else(PoisonError::into_inner);
            // What cannot be shown is not shown.
            let _ = to.write_str(&cut(&clean(&says()), output::columns().saturating_sub(SPINNER + usize::from(ECHO))));
        };
        let terminal = Box::new(Narrower(console::Term::buffered_stderr()));
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::term_like_with_hz(terminal, HERTZ));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {line}") {
            bar.set_style(style.with_key("line", line));
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress(Some(Line { bar, says, is_over: AtomicBool::new(false) }))
    }

    /// Says something else.
    pub fn say(&self, what: &str) {
        if let Some(line) = &self.0 {
            let what = what.to_owned();
            *line.says.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(move || what.clone());
        }
    }

    /// Takes it away.
    pub fn finish(&self) {
        if let Some(line) = self.0.as_ref().filter(|line| !line.is_over.swap(true, Ordering::Relaxed)) {
            line.bar.finish_and_clear();
            IS_SHOWN.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for Progress {
    /// A run that is cut off leaves no line behind.
    fn drop(&mut self) {
        self.finish();
    }
}

/// A text on one line of so many columns: a longer one would leave copies of itself behind.
fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// How far the reading of a fleet is.
pub struct FleetProgress {
    bar: Progress,
    counts: Arc<Counts>,
    notes: Mutex<BTreeSet<String>>,
}

/// What was read so far.
struct Counts {
    begun: Instant,
    traffic: Traffic,
    accounts: Share,
    regions: Share,
    instances: AtomicUsize,
}

/// So many of so many.
#[derive(Default)]
struct Share {
    done: AtomicUsize,
    all: AtomicUsize,
}

impl FleetProgress {
    /// Begins, with `accounts` to read; `traffic` is what goes over the wire.
    pub fn start(accounts: usize, traffic: Traffic) -> FleetProgress {
        let counts = Arc::new(Counts {
            begun: Instant::now(),
            traffic,
            accounts: Share { all: AtomicUsize::new(accounts), ..Share::default() },
            regions: Share::default(),
            instances: AtomicUsize::new(0),
        });
        let shown = Arc::clone(&counts);
        FleetProgress { bar: Progress::of(move || shown.in_words()), counts, notes: Mutex::default() }
    }

    /// So many Regions more are to be read.
    pub fn expect_regions(&self, regions: usize) {
        self.counts.regions.all.fetch_add(regions, Ordering::Relaxed);
    }

    /// An account was read to its end, or cannot be.
    pub fn account_read(&self) {
        self.counts.accounts.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes the bar away, and says what a person should know.
    pub fn finish(&self) {
        self.bar.finish();
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|note| warning(note));
    }
}

impl Counts {
    fn in_words(&self) -> String {
        let share = |share: &Share, what: &str| {
            let (done, all) = (share.done.load(Ordering::Relaxed), share.all.load(Ordering::Relaxed));
            (all > 1).then(|| format!("{done}/{all} {what}"))
        };
        let instances = self.instances.load(Ordering::Relaxed);
        let seconds = self.begun.elapsed().as_secs_f64();
        let mut parts: Vec<String> =
            [share(&self.accounts, "accounts"), share(&self.regions, "Regions")].into_iter().flatten().collect();
        parts.extend((instances > 0).then(|| many(instances, "instance")));
        if instances > 0 && seconds > 1.0 {
            parts.push(format!("{:.0}/s", instances as f64 / seconds));
        }
        let (calls, throttled) = (self.traffic.made(), self.traffic.throttled());
        parts.extend((calls > 0).then(|| many(calls, "call")));
        parts.extend((throttled > 0).then(|| format!("{throttled} throttled")));
        parts.extend(self.traffic.waited_for(PATIENCE).map(|api| format!("waiting for {api}")));
        match parts.is_empty() {
            true => "reading AWS".to_owned(),
            false => format!("reading AWS: {}", parts.join(", ")),
        }
    }
}

fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

impl Watcher for FleetProgress {
    fn found(&self, instances: usize) {
        self.counts.instances.fetch_add(instances, Ordering::Relaxed);
    }

    fn region_read(&self) {
        self.counts.regions.done.fetch_add(1, Ordering::Relaxed);
    }

    fn note(&self, text: &str) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned());
    }

    fn explain(&self, text: &str) {
        if output::is_verbose() {
            self.note(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_width_that_there_is() {
        assert_eq!(cut("reading", 7), "reading");
        assert_eq!(cut("reading", 6), "readi…");
        assert_eq!(cut("lesé", 4), "lesé");
    }
}
