//! A sign of life on a terminal while AWS is read; nothing elsewhere.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, IsTerminal as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::output::{self, warning};
use crate::aws::Traffic;
use crate::render::sanitize::terminal as clean;
use crate::sources::live::Watcher;

/// A bar without an end.
pub struct Progress(Option<indicatif::ProgressBar>);

/// Who waits for longer than this is told for what.
const PATIENCE: Duration = Duration::from_secs(2);

impl Progress {
    /// Shows what is going on.
    pub fn start(what: &'static str) -> Progress {
        Progress(io::stderr().is_terminal().then(|| {
            let bar = indicatif::ProgressBar::new_spinner().with_message(what);
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        }))
    }

    /// Shows behind it the call that is waited for.
    fn with_waits(self, traffic: Traffic) -> Progress {
        let waits = move |_: &indicatif::ProgressState, to: &mut dyn fmt::Write| {
            if let Some(api) = traffic.waited_for(PATIENCE) {
                // What cannot be shown is not shown.
                let _ = write!(to, ", waiting for {api}");
            }
        };
        let style = indicatif::ProgressStyle::with_template("{spinner} {msg}{waits}");
        if let (Some(bar), Ok(style)) = (&self.0, style) {
            bar.set_style(style.with_key("waits", waits));
        }
        self
    }

    /// Says something else.
    pub fn say(&self, what: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(clean(what).into_owned());
        }
    }

    /// Takes it away.
    pub fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// How far the reading of a fleet is.
pub struct FleetProgress {
    bar: Progress,
    begun: Instant,
    traffic: Traffic,
    accounts: Share,
    regions: Share,
    instances: AtomicUsize,
    notes: Mutex<BTreeSet<String>>,
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
        FleetProgress {
            bar: Progress::start("reading AWS").with_waits(traffic.clone()),
            begun: Instant::now(),
            traffic,
            accounts: Share { all: AtomicUsize::new(accounts), ..Share::default() },
            regions: Share::default(),
            instances: AtomicUsize::new(0),
            notes: Mutex::default(),
        }
    }

    /// So many Regions more are to be read.
    pub fn expect_regions(&self, regions: usize) {
        self.regions.all.fetch_add(regions, Ordering::Relaxed);
        self.show();
    }

    /// An account was read to its end, or cannot be.
    pub fn account_read(&self) {
        self.accounts.done.fetch_add(1, Ordering::Relaxed);
        self.show();
    }

    /// Takes the bar away, and says what a person should know.
    pub fn finish(&self) {
        self.bar.finish();
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|note| warning(note));
    }

    fn show(&self) {
        let share = |share: &Share, what: &str| {
            let (done, all) = (share.done.load(Ordering::Relaxed), share.all.load(Ordering::Relaxed));
            (all > 1).then(|| format!("{done}/{all} {what}"))
        };
        let instances = self.instances.load(Ordering::Relaxed);
        let seconds = self.begun.elapsed().as_secs_f64();
        let mut parts: Vec<String> =
            [share(&self.accounts, "accounts"), share(&self.regions, "Regions")].into_iter().flatten().collect();
        parts.push(many(instances, "instance"));
        if seconds > 1.0 {
            parts.push(format!("{:.0}/s", instances as f64 / seconds));
        }
        let throttled = self.traffic.throttled();
        parts.push(many(self.traffic.tries(), "call"));
        parts.extend((throttled > 0).then(|| format!("{throttled} throttled")));
        self.bar.say(&format!("reading AWS: {}", parts.join(", ")));
    }
}

fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

impl Watcher for FleetProgress {
    fn met(&self, instances: usize) {
        self.instances.fetch_add(instances, Ordering::Relaxed);
        self.show();
    }

    fn region_read(&self) {
        self.regions.done.fetch_add(1, Ordering::Relaxed);
        self.show();
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
