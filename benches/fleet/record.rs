//! What the endpoint saw: which calls, when, and how many of them one after another.

use std::collections::BTreeMap;
use std::time::Duration;

/// One call.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `iam:GetRole`.
    pub api: String,
    pub account: String,
    pub region: String,
    /// Since the endpoint was started.
    pub arrived: Duration,
    /// The moment before the answer was written, so that what the client does upon it arrives later.
    pub answered: Duration,
    pub throttled: bool,
    pub bytes: usize,
}

/// All calls of a run.
#[derive(Debug, Clone, Default)]
pub struct Record {
    pub calls: Vec<Seen>,
}

impl Record {
    /// How often each API was called.
    pub fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for call in &self.calls {
            *counts.entry(call.api.as_str()).or_default() += 1;
        }
        counts
    }

    /// How many calls there were of a service.
    pub fn of_service(&self, service: &str) -> usize {
        let prefix = format!("{service}:");
        self.calls.iter().filter(|call| call.api.starts_with(&prefix)).count()
    }

    pub fn throttled(&self) -> usize {
        self.calls.iter().filter(|call| call.throttled).count()
    }

    pub fn bytes(&self) -> usize {
        self.calls.iter().map(|call| call.bytes).sum()
    }

    /// The most calls under way at the same time.
    pub fn most_at_once(&self) -> usize {
        let starts = self.calls.iter().map(|call| (call.arrived, 1_isize));
        let ends = self.calls.iter().map(|call| (call.answered, -1_isize));
        let mut events: Vec<(Duration, isize)> = starts.chain(ends).collect();
        events.sort_unstable();
        let mut under_way = 0;
        let most = events.into_iter().map(|(_, change)| {
            under_way += change;
            under_way
        });
        most.max().unwrap_or_default().unsigned_abs()
    }

    /// The longest chain of calls each of which arrived after the one before it had been answered: no fewer than had to wait for
    /// each other, and as many as the time that was spent waiting has room for.
    pub fn longest_chain(&self) -> usize {
        // Answers before arrivals of the same moment: what arrives then may be due to them.
        let ends = self.calls.iter().enumerate().map(|(index, call)| (call.answered, 0, index));
        let starts = self.calls.iter().enumerate().map(|(index, call)| (call.arrived, 1, index));
        let mut events: Vec<(Duration, u8, usize)> = ends.chain(starts).collect();
        events.sort_unstable();
        let mut depths = vec![1; self.calls.len()];
        let mut deepest = 0;
        for (_, kind, index) in events {
            match kind {
                0 => deepest = deepest.max(depths[index]),
                _ => depths[index] = deepest + 1,
            }
        }
        deepest
    }

    /// The log, for whoever wants to see what waited for what.
    pub fn log(&self) -> String {
        let mut calls: Vec<&Seen> = self.calls.iter().collect();
        calls.sort_unstable_by_key(|call| call.arrived);
        let first = calls.first().map_or(Duration::ZERO, |call| call.arrived);
        let line = |call: &&Seen| {
            let (from, to) = (call.arrived.saturating_sub(first), call.answered.saturating_sub(first));
            let throttled = if call.throttled { " throttled" } else { "" };
            format!(
                "{:10.3} {:10.3} ms {:12} {:14} {} {} B{throttled}\n",
                from.as_secs_f64() * 1e3,
                to.as_secs_f64() * 1e3,
                call.account,
                call.region,
                call.api,
                call.bytes
            )
        };
        calls.iter().map(line).collect()
    }
}
