//! What is to be measured, from the command line.

use std::time::Duration;

/// The arguments.
#[derive(Debug, Clone)]
pub struct Options {
    /// Of every answer of the endpoint.
    pub latency: Duration,
    /// How often each thing is measured.
    pub runs: usize,
    /// The roles of an account.
    pub roles: usize,
    /// The instances of the snapshot.
    pub snapshot: usize,
    /// Whether 1,000,000 instances are measured too.
    pub million: bool,
    /// Whether a boto3 script and one of the AWS CLI do the same work.
    pub compare: bool,
    /// Print every call of the last run.
    pub log: bool,
    /// Measure nothing: serve a fleet of this size until killed.
    pub serve: Option<usize>,
    /// Parts of the names of the scenarios to run; none for all.
    pub filters: Vec<String>,
}

const SCENARIOS: [&str; 11] = [
    "one",
    "fleet-200",
    "fleet-10000",
    "fleet-100000",
    "fleet-1000000",
    "chain-10000",
    "network-10000",
    "snapshot",
    "accounts",
    "throttle",
    "compare",
];

const HELP: &str = "\
usage: cargo bench --bench fleet -- [OPTIONS] [SCENARIO...]

  --latency MS   from the arrival of a call to its answer (30)
  --runs K       how often each thing is measured (3)
  --roles N      roles and instance profiles of an account (200)
  --snapshot N   instances of the snapshot (100000)
  --million      1,000,000 instances too
  --compare      a boto3 script and an AWS CLI script too, installed below target/
  --log          print every call of the last run
  --serve N      measure nothing: serve a fleet of N instances until killed

A scenario is run if its name contains one of those given: one, fleet-200, fleet-10000, fleet-100000, fleet-1000000,
chain-10000, network-10000, snapshot, accounts, throttle, compare.";

impl Options {
    /// Reads the arguments; `Err` is what to print in place of a run.
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            latency: Duration::from_millis(30),
            runs: 3,
            roles: 200,
            snapshot: 100_000,
            million: false,
            compare: false,
            log: false,
            serve: None,
            filters: Vec::new(),
        };
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // What cargo passes to every benchmark.
                "--bench" => {}
                "--million" => options.million = true,
                "--compare" => options.compare = true,
                "--log" => options.log = true,
                "--latency" | "--runs" | "--roles" | "--snapshot" | "--serve" => {
                    let value: u32 = arguments
                        .next()
                        .and_then(|value| value.parse().ok())
                        .ok_or_else(|| format!("{argument} needs a number\n\n{HELP}"))?;
                    let count = usize::try_from(value).unwrap_or(usize::MAX);
                    match argument.as_str() {
                        "--latency" => options.latency = Duration::from_millis(value.into()),
                        "--runs" => options.runs = count.max(1),
                        // Four digits of a name.
                        "--roles" => options.roles = count.clamp(1, 9999),
                        "--snapshot" => options.snapshot = count,
                        _ => options.serve = Some(count),
                    }
                }
                option if option.starts_with('-') => return Err(HELP.to_owned()),
                filter => options.filters.push(filter.to_owned()),
            }
        }
        Ok(options)
    }

    /// Whether the scenario of this name is to be run. A whole name stands for that scenario alone: `fleet-10000` is a part of
    /// `fleet-100000`.
    pub fn wants(&self, name: &str) -> bool {
        let takes =
            |filter: &String| filter == name || (!SCENARIOS.contains(&filter.as_str()) && name.contains(filter));
        self.filters.is_empty() || self.filters.iter().any(takes)
    }
}
