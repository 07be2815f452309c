//! What is measured, and what must come out of it.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::endpoint::{Behaviour, Endpoint};
use super::options::Options;
use super::run::{Bench, Form, Run};
use super::table::Row;
use super::world::{Expected, Fleet, HUB, PROFILE, Place, accounts};

/// Round trips for one instance: the instance, its profile and the lists of the role that is guessed from it, its policies.
const ROUNDS_OF_ONE: usize = 3;
/// And where the guess is wrong: the lists of the right role take one more.
const ROUNDS_WITHOUT_GUESS: usize = 4;

/// So many parts a list is cut into, of about the same size.
const PARTS: usize = 16;

const PAGE: usize = 1000;

/// Runs the binary as often as asked for and looks at each run.
fn measure(
    bench: &Bench,
    options: &Options,
    endpoint: &Endpoint,
    (account, arguments, form): (&str, &[&str], Form),
    check: impl Fn(&Run) -> Vec<String>,
) -> Row {
    let mut row = Row { instances: endpoint.fleet().size(), ..Row::default() };
    let url = endpoint.url();
    let arguments = [arguments, &["--endpoint-url", &url]].concat();
    endpoint.take_record();
    for _ in 0..options.runs {
        let run = bench.run(account, &arguments, form);
        row.record = endpoint.take_record();
        row.problems.extend(check(&run));
        row.runs.push(run);
    }
    row.problems.dedup();
    if options.log {
        row.notes.push(format!("the calls of the last run:\n{}", row.record.log()));
    }
    row
}

/// What is wrong with the lines of a run over instances of which each has a certain verdict.
pub fn compare(run: &Run, expected: Expected) -> Vec<String> {
    let found = Expected { ready: run.output.count("ready"), not_ready: run.output.count("not_ready") };
    let mut problems = Vec::new();
    if found != expected || run.output.lines != expected.all() {
        problems.push(format!(
            "{} lines with the verdicts {:?}; expected {expected:?}",
            run.output.lines, run.output.verdicts
        ));
    }
    if run.code != expected.exit_code() {
        problems.push(format!("exit code {} instead of {}", run.code, expected.exit_code()));
    }
    if !problems.is_empty() && !run.error.is_empty() {
        problems.push(format!("standard error ended with:\n{}", run.last_words()));
    }
    problems
}

/// One instance by its id, in an account with 200 others and as many roles as were asked for. The name of its profile tells that of
/// its role, or does not.
pub fn one(bench: &Bench, options: &Options, profile: &'static str) -> Row {
    let fleet = Fleet { profile, ..Fleet::single(200, options.roles) };
    let endpoint = Endpoint::start(&fleet, Behaviour::after(options.latency));
    // Its role has a managed policy: the longest way.
    let id = Place { account: 0, region: 0, instance: 0 }.id();
    let arguments = ["check", &id, "--region", "us-east-1", "-o", "ndjson"];
    let expected = Expected { ready: 1, not_ready: 0 };
    let row =
        measure(bench, options, &endpoint, (&fleet.accounts[0], &arguments, Form::Lines), |run| compare(run, expected));
    let (scenario, rounds) =
        if profile == PROFILE { ("one", ROUNDS_OF_ONE) } else { ("one: no guess", ROUNDS_WITHOUT_GUESS) };
    let take = options.latency * u32::try_from(rounds).unwrap_or(u32::MAX);
    Row { scenario: scenario.into(), instances: 1, rounds: Some((rounds, take)), ..row }
}

/// All instances of a Region: the first page, then parts side by side; what is asked about the last instances comes after them.
pub fn whole(bench: &Bench, options: &Options, instances: usize) -> Row {
    let fleet = Fleet::single(instances, options.roles);
    let endpoint = Endpoint::start(&fleet, Behaviour::after(options.latency));
    let arguments = ["check", "--all", "--region", "us-east-1", "-o", "ndjson"];
    let expected = fleet.expected_in_a_region();
    let row =
        measure(bench, options, &endpoint, (&fleet.accounts[0], &arguments, Form::Lines), |run| compare(run, expected));
    Row { scenario: format!("fleet-{instances}"), rounds: Some(rounds(options, instances, 1)), ..row }
}

/// The same of an endpoint that does not know what an id begins with.
pub fn chain(bench: &Bench, options: &Options, instances: usize) -> Row {
    let fleet = Fleet::single(instances, options.roles);
    let endpoint = Endpoint::start(&fleet, Behaviour { wildcards: false, ..Behaviour::after(options.latency) });
    let arguments = ["check", "--all", "--region", "us-east-1", "-o", "ndjson"];
    let expected = fleet.expected_in_a_region();
    let row =
        measure(bench, options, &endpoint, (&fleet.accounts[0], &arguments, Form::Lines), |run| compare(run, expected));
    let pages = instances.div_ceil(PAGE).max(1);
    let take = options.latency * u32::try_from(pages + 1).unwrap_or(u32::MAX);
    Row { scenario: format!("chain-{instances}"), rounds: Some((pages + 1, take)), ..row }
}

/// All instances of a Region with 60 VPCs, without and with their network paths.
pub fn networks(bench: &Bench, options: &Options, instances: usize) -> Vec<Row> {
    let fleet = Fleet { vpcs: 60, ..Fleet::single(instances, options.roles) };
    let endpoint = Endpoint::start(&fleet, Behaviour::after(options.latency));
    let expected = fleet.expected_in_a_region();
    let mut rows: Vec<Row> = Vec::new();
    for (network, decision) in [("off", "not_checked"), ("auto", "open")] {
        let arguments = ["check", "--all", "--region", "us-east-1", "-o", "ndjson", "--network", network];
        let decided = format!("\"network\":{{\"decision\":\"{decision}\"");
        let call = (fleet.accounts[0].as_str(), arguments.as_slice(), Form::KeptLines);
        let mut row = measure(bench, options, &endpoint, call, |run| {
            let decided = run.output.kept.iter().filter(|line| line.contains(&decided)).count();
            let all = (decided != instances).then(|| format!("{decided} of {instances} paths are {decision}"));
            compare(run, expected).into_iter().chain(all).collect()
        });
        if let Some(off) = rows.first() {
            let ratio = row.best().as_secs_f64() / off.best().as_secs_f64();
            row.notes.push(format!("{ratio:.2} times as long as without the network"));
        }
        row.scenario = format!("network-{instances}: {network}");
        row.rounds = Some(rounds(options, instances, 1));
        rows.push(row);
    }
    rows
}

/// The first page, and the largest part where there are more, and what is asked besides.
fn rounds(options: &Options, instances: usize, besides: usize) -> (usize, Duration) {
    let parts = if instances > PAGE { (instances / PARTS).div_ceil(PAGE).max(1) } else { 0 };
    let rounds = 1 + parts + besides;
    (rounds, options.latency * u32::try_from(rounds).unwrap_or(u32::MAX))
}

/// A snapshot of many instances, taken by the binary, then checked without AWS, in three forms.
pub fn snapshot(bench: &Bench, options: &Options) -> Vec<Row> {
    let fleet = Fleet::single(options.snapshot, options.roles);
    let endpoint = Endpoint::start(&fleet, Behaviour::after(Duration::ZERO));
    let once = Options { runs: 1, ..options.clone() };
    let arguments = ["snapshot", "--all", "--region", "us-east-1"];
    let mut taken = measure(bench, &once, &endpoint, (&fleet.accounts[0], &arguments, Form::Saved), |run| {
        if run.code == 0 { Vec::new() } else { vec![format!("exit code {}: {}", run.code, run.last_words())] }
    });
    let file = bench.directory.join("snapshot.json");
    fs::rename(bench.saved(), &file).expect("the snapshot is there");
    let bytes = fs::metadata(&file).map_or(0, |data| data.len());
    taken.notes.push(format!(
        "once, at no latency, so that the chain says nothing; the file has {:.1} MB",
        bytes as f64 / 1e6
    ));
    let mut rows = vec![Row { scenario: "snapshot: taken".into(), ..taken }];

    let expected = fleet.expected_in_a_region();
    let path = file.to_string_lossy();
    for form in ["ndjson", "text", "json"] {
        let arguments = ["check", "--all", "--snapshot", &path, "-o", form];
        let mut row = Row { scenario: format!("snapshot: {form}"), instances: fleet.size(), ..Row::default() };
        for _ in 0..options.runs {
            let lines = form == "ndjson";
            let run = bench.run(&fleet.accounts[0], &arguments, if lines { Form::Lines } else { Form::Whole });
            row.problems.extend(if lines { compare(&run, expected) } else { compare_whole(&run, expected) });
            row.notes = vec![format!("{:.1} MB of output", run.output.bytes as f64 / 1e6)];
            row.runs.push(run);
        }
        row.problems.dedup();
        rows.push(row);
    }
    rows
}

/// The other forms say the counts near their start or their end.
fn compare_whole(run: &Run, expected: Expected) -> Vec<String> {
    let said = format!("{} {}", run.output.start, run.output.end).replace(',', "");
    let numbers: Vec<&str> = said.split(|letter: char| !letter.is_ascii_digit()).collect();
    let mut problems = Vec::new();
    for count in [expected.ready, expected.not_ready] {
        if !numbers.contains(&count.to_string().as_str()) {
            problems.push(format!("the summary does not say {count}"));
        }
    }
    if run.code != expected.exit_code() {
        problems.push(format!("exit code {} instead of {}: {}", run.code, expected.exit_code(), run.last_words()));
    }
    problems
}

/// 50 accounts in 4 Regions. Into one account the role cannot be assumed; in one Region of another the credentials are refused.
pub fn organization(bench: &Bench, options: &Options) -> Result<Row, String> {
    for option in ["--accounts", "--assume-role"] {
        if !bench.knows(option) {
            return Err(format!("the binary does not know `{option}`"));
        }
    }
    let regions = ["us-east-1", "us-west-2", "eu-west-1", "eu-central-1"];
    let fleet = Fleet {
        accounts: accounts(50),
        regions: regions.map(str::to_owned).to_vec(),
        instances: 100,
        roles: options.roles.min(50),
        profile: PROFILE,
        vpcs: 1,
    };
    let (denied, refused) = (fleet.accounts[7].clone(), (fleet.accounts[11].clone(), regions[2].to_owned()));
    let behaviour = Behaviour {
        denied_account: Some(denied.clone()),
        refused_region: Some(refused.clone()),
        ..Behaviour::after(options.latency)
    };
    let endpoint = Endpoint::start(&fleet, behaviour);
    let file = bench.directory.join("accounts.txt");
    fs::write(&file, fleet.accounts.join("\n") + "\n").expect("a file can be written");
    let path = file.to_string_lossy();
    let mut arguments = vec!["check", "--all", "--accounts", &path, "--assume-role", "Audit", "-o", "ndjson"];
    arguments.extend(regions.iter().flat_map(|region| ["--region", region]));

    let readable = fleet.accounts.len() * regions.len() - regions.len() - 1;
    let expected = fleet.expected_in_a_region().times(readable);
    let row = measure(bench, options, &endpoint, (HUB, &arguments, Form::KeptLines), |run| {
        let found = Expected { ready: run.output.count("ready"), not_ready: run.output.count("not_ready") };
        let mut problems = Vec::new();
        if found != expected {
            problems.push(format!("the verdicts are {:?}; expected {expected:?}", run.output.verdicts));
        }
        if run.code != expected.exit_code() {
            problems.push(format!("exit code {} instead of {}: {}", run.code, expected.exit_code(), run.last_words()));
        }
        problems.extend(what_failed_is_named(run, &denied, (&refused.0, &refused.1)));
        problems
    });
    // The role of the account, and the one page, and what is asked about its instances.
    Ok(Row { scenario: "accounts: 50 x 4".into(), rounds: Some(rounds(options, fleet.instances, 2)), ..row })
}

/// Both failures are in the report or beside it, and nothing behind them was judged.
fn what_failed_is_named(run: &Run, denied: &str, refused: (&str, &str)) -> Vec<String> {
    let mut problems = Vec::new();
    let mut said: Vec<String> = run.error.lines().map(str::to_owned).collect();
    for line in &run.output.kept {
        let parsed: Value = serde_json::from_str(line).unwrap_or_default();
        let text = |name: &str| parsed[name].as_str().unwrap_or_default().to_owned();
        let (account, region) = (text("account"), text("region"));
        let judged = ["ready", "not_ready"].contains(&text("verdict").as_str());
        if !judged {
            said.push(line.clone());
        } else if account == denied || (account.as_str(), region.as_str()) == refused {
            problems.push(format!("something was judged in {account}, {region}, which could not be read"));
        }
    }
    if !said.iter().any(|line| line.contains(denied)) {
        problems.push(format!("nothing says that {denied} could not be read"));
    }
    if !said.iter().any(|line| line.contains(refused.0) && line.contains(refused.1)) {
        problems.push(format!("nothing says that {} could not be read in {}", refused.1, refused.0));
    }
    problems.dedup();
    problems
}

/// The same fleet with every third IAM call throttled, in pages small enough that there are many such calls.
pub fn throttled(bench: &Bench, options: &Options) -> Vec<Row> {
    let fleet = Fleet::single(2000, options.roles);
    let arguments = ["check", "--all", "--region", "us-east-1", "-o", "ndjson"];
    let expected = fleet.expected_in_a_region();
    let mut lines: Option<Vec<String>> = None;
    let mut rows: Vec<Row> = Vec::new();
    for every in [None, Some(3)] {
        let behaviour = Behaviour { throttle_every: every, iam_page: 20, ..Behaviour::after(options.latency) };
        let endpoint = Endpoint::start(&fleet, behaviour);
        let call = (fleet.accounts[0].as_str(), arguments.as_slice(), Form::KeptLines);
        let mut row = measure(bench, options, &endpoint, call, |run| compare(run, expected));
        for run in &row.runs {
            // The commands in them carry the endpoint, which is another one each time.
            let mut sorted: Vec<String> =
                run.output.kept.iter().map(|line| line.replace(&endpoint.url(), "ENDPOINT")).collect();
            sorted.sort_unstable();
            match &lines {
                None => lines = Some(sorted),
                Some(lines) if *lines == sorted => {}
                Some(_) => row.problems.push("not the lines of the run before".into()),
            }
        }
        row.problems.dedup();
        row.scenario = if every.is_some() { "throttle: every third" } else { "throttle: none" }.into();
        row.rounds = Some(rounds(options, fleet.instances, 1));
        if let Some(calm) = rows.first() {
            let (before, after) = (calm.record.of_service("iam"), row.record.of_service("iam"));
            let throttled = row.record.throttled();
            // If none is given up, as many more as were throttled. What hangs on one that is given up is not asked for either.
            row.notes.push(format!(
                "{throttled} of {after} IAM calls throttled: {} retries; {before} calls without that",
                after.saturating_sub(before)
            ));
        }
        rows.push(row);
    }
    rows
}
