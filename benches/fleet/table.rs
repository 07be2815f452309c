//! The report.

use std::time::Duration;

use super::record::Record;
use super::run::Run;

/// What came out of a scenario.
#[derive(Debug, Clone, Default)]
pub struct Row {
    pub scenario: String,
    pub instances: usize,
    pub runs: Vec<Run>,
    /// The calls of the last run, where there were any.
    pub record: Record,
    /// Round trips of which each needs what the one before it brought, and what they take.
    pub rounds: Option<(usize, Duration)>,
    /// What is said below the row.
    pub notes: Vec<String>,
    /// What is not as it was constructed.
    pub problems: Vec<String>,
}

impl Row {
    pub fn best(&self) -> Duration {
        self.runs.iter().map(|run| run.wall).min().unwrap_or_default()
    }

    pub fn median(&self) -> Duration {
        let mut walls: Vec<Duration> = self.runs.iter().map(|run| run.wall).collect();
        walls.sort_unstable();
        walls.get(walls.len() / 2).copied().unwrap_or_default()
    }

    fn peak_kib(&self) -> Option<u64> {
        self.runs.iter().filter_map(|run| run.peak_kib).max()
    }

    fn cpu(&self) -> Option<Duration> {
        self.runs.iter().filter_map(|run| run.cpu).min()
    }
}

/// Prints the heads of the columns.
pub fn print_head() {
    println!(
        "{:<24} {:>9} {:>9} {:>9} {:>8} {:>7} {:>6} {:>7} {:>9} {:>7} {:>8} {:>9}",
        "scenario",
        "instances",
        "best",
        "median",
        "cpu",
        "calls",
        "chain",
        "rounds",
        "they take",
        "ratio",
        "peak",
        "received"
    );
}

/// Prints a row, and below it its calls and whatever is to be said.
pub fn print(row: &Row) {
    let (best, calls) = (row.best(), row.record.calls.len());
    let ratio =
        row.rounds.filter(|(_, floor)| !floor.is_zero()).map(|(_, floor)| best.as_secs_f64() / floor.as_secs_f64());
    println!(
        "{:<24} {:>9} {:>9} {:>9} {:>8} {:>7} {:>6} {:>7} {:>9} {:>7} {:>8} {:>9}",
        row.scenario,
        row.instances,
        seconds(Some(best)),
        seconds(Some(row.median())),
        seconds(row.cpu()),
        some((calls > 0).then_some(calls)),
        some((calls > 0).then(|| row.record.longest_chain())),
        some(row.rounds.map(|(rounds, _)| rounds)),
        seconds(row.rounds.map(|(_, floor)| floor)),
        some(ratio.map(|ratio| format!("{ratio:.2}x"))),
        some(row.peak_kib().map(|kib| format!("{} MiB", kib / 1024))),
        some((calls > 0).then(|| format!("{:.1} MB", row.record.bytes() as f64 / 1e6))),
    );
    if calls > 0 {
        let counts: Vec<String> = row.record.counts().iter().map(|(api, count)| format!("{count} {api}")).collect();
        println!("    {}; at most {} at once", counts.join(", "), row.record.most_at_once());
    }
    for note in &row.notes {
        println!("    {note}");
    }
    for problem in &row.problems {
        println!("    WRONG: {problem}");
    }
}

/// Says what the columns are.
pub fn print_legend(latency: Duration) {
    println!(
        "\nbest, median: wall time. cpu: of the process, user and system. chain: the longest chain of calls each of which came after\n\
         the answer to the one before. rounds: the round trips that cannot be avoided, at {} ms each. ratio: best to what they take.\n\
         peak: resident memory of the process. received: bytes of the answers' bodies. All on one machine with the endpoint.",
        latency.as_millis()
    );
}

fn some(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// A time, readable from milliseconds to minutes.
pub fn seconds(time: Option<Duration>) -> String {
    some(time.map(|time| match time.as_secs_f64() {
        short if short < 1.0 => format!("{:.0} ms", short * 1e3),
        long => format!("{long:.2} s"),
    }))
}
