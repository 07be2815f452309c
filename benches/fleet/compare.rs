//! The same work by other means: a boto3 script, and a script around the AWS CLI.
//!
//! Both are run as they are, one call after the other, against the same endpoint. The AWS CLI starts anew for every call, so that
//! it is given few roles; what it would take for all of them is worked out and said to be so.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::endpoint::{Behaviour, Endpoint};
use super::options::Options;
use super::run::{Bench, Form, Run};
use super::scenarios;
use super::table::{self, Row};
use super::world::Fleet;

/// Exact versions, of what these need in turn as well: other ones would be another measurement.
const PINNED: [&str; 13] = [
    "awscli==1.46.3",
    "boto3==1.44.5",
    "botocore==1.44.5",
    "colorama==0.4.6",
    "docutils==0.19",
    "jmespath==1.1.0",
    "pyasn1==0.6.5",
    "python-dateutil==2.9.0.post0",
    "PyYAML==6.0.3",
    "rsa==4.7.2",
    "s3transfer==0.19.3",
    "six==1.17.0",
    "urllib3==2.8.0",
];

/// The sizes of the fleets that the boto3 script reads.
const BOTO3_FLEETS: [usize; 4] = [1, 200, 10_000, 100_000];

/// The roles that the AWS CLI is given in a large fleet.
const FEW_ROLES: usize = 5;

/// The virtual environment and the scripts.
struct Scripts {
    python: PathBuf,
    aws: PathBuf,
    directory: PathBuf,
}

/// Measures both scripts beside the binary. `Err` says why that cannot be done.
pub fn scripts(bench: &Bench, options: &Options) -> Result<Vec<Row>, String> {
    let scripts = install(bench)?;
    let mut rows = Vec::new();
    for instances in BOTO3_FLEETS {
        let roles = options.roles.min(instances);
        let own = scenarios::whole(bench, &Options { roles, log: false, ..options.clone() }, instances);
        let run = boto3(bench, &scripts, options, &Fleet::single(instances, roles));
        rows.extend([renamed("ssm-profile", &own), times(run, &own)]);
    }
    for (instances, roles) in [(1, 1), (10_000, FEW_ROLES)] {
        let own = scenarios::whole(bench, &Options { roles, log: false, ..options.clone() }, instances);
        let mut row = aws_cli(bench, &scripts, options, &Fleet::single(instances, roles));
        if roles > 1 {
            row.notes.push(extrapolated(&row.runs[0], options.roles));
        }
        rows.extend([renamed("ssm-profile", &own), times(row, &own)]);
    }
    Ok(rows)
}

/// Makes the virtual environment, unless it is there with these very versions.
fn install(bench: &Bench) -> Result<Scripts, String> {
    let python = bench.python.as_ref().ok_or("there is no python3")?;
    // `target/tmp` is what cargo gives to benchmarks.
    let target = option_env!("CARGO_TARGET_TMPDIR").and_then(|path| Path::new(path).parent().map(Path::to_path_buf));
    let environment = target.unwrap_or_else(env::temp_dir).join("fleet-python");
    let scripts = Scripts {
        python: environment.join("bin/python"),
        aws: environment.join("bin/aws"),
        directory: Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/fleet"),
    };
    let frozen = || {
        let listed = Command::new(&scripts.python).args(["-m", "pip", "freeze"]).output().ok()?;
        Some(String::from_utf8_lossy(&listed.stdout).into_owned())
    };
    let is_complete = |frozen: String| PINNED.iter().all(|pinned| frozen.lines().any(|line| line == *pinned));
    if frozen().is_some_and(is_complete) {
        return Ok(scripts);
    }
    println!("installing boto3 and awscli into {}", environment.display());
    // With the environment of whoever runs this, which may say where packages come from.
    run_quietly(Command::new(python).args(["-m", "venv", "--clear"]).arg(&environment))?;
    let options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
    run_quietly(Command::new(&scripts.python).args(options).args(PINNED))?;
    Ok(scripts)
}

fn run_quietly(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it failed").to_owned();
    output.status.success().then_some(()).ok_or(format!("boto3 and awscli cannot be installed: {last}"))
}

fn boto3(bench: &Bench, scripts: &Scripts, options: &Options, fleet: &Fleet) -> Row {
    let endpoint = Endpoint::start(fleet, Behaviour::after(options.latency));
    let (script, url) = (scripts.directory.join("check_boto3.py"), endpoint.url());
    let script = script.to_string_lossy();
    let arguments = [&*script, "--endpoint-url", &url, "--region", &fleet.regions[0]];
    let run = bench.run_program(&scripts.python, &fleet.accounts[0], &arguments, Form::Lines);
    row("boto3", run, &endpoint)
}

fn aws_cli(bench: &Bench, scripts: &Scripts, options: &Options, fleet: &Fleet) -> Row {
    let endpoint = Endpoint::start(fleet, Behaviour::after(options.latency));
    let (script, url) = (scripts.directory.join("check_cli.sh"), endpoint.url());
    let (script, aws) = (script.to_string_lossy(), scripts.aws.to_string_lossy());
    let arguments = [&*script, &*aws, &url, &fleet.regions[0]];
    let run = bench.run_program(Path::new("bash"), &fleet.accounts[0], &arguments, Form::Lines);
    row("AWS CLI", run, &endpoint)
}

/// A script is run once: it takes long enough that the start of a process makes no difference.
fn row(name: &str, run: Run, endpoint: &Endpoint) -> Row {
    let fleet = endpoint.fleet();
    let problems = scenarios::compare(&run, fleet.expected_in_a_region());
    let record = endpoint.take_record();
    let scenario = format!("compare: {name}, {} roles", fleet.roles);
    Row { scenario, instances: fleet.size(), runs: vec![run], record, rounds: None, notes: Vec::new(), problems }
}

fn renamed(name: &str, row: &Row) -> Row {
    Row { scenario: format!("compare: {name}"), notes: Vec::new(), ..row.clone() }
}

fn times(mut row: Row, own: &Row) -> Row {
    let factor = row.best().as_secs_f64() / own.best().as_secs_f64().max(f64::EPSILON);
    row.notes.push(format!("once; {factor:.1} times the best of ssm-profile on the same fleet"));
    row
}

/// What the script measured of itself stands in the last line of its standard error.
fn extrapolated(run: &Run, all: usize) -> String {
    let timing: Value = run.error.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    let number = |name: &str| timing[name].as_f64().unwrap_or(f64::NAN);
    let (list, roles) = (number("list_seconds"), number("roles"));
    let each = number("role_seconds") / roles;
    let whole = Duration::try_from_secs_f64(list + each * all as f64).ok();
    format!(
        "measured on {roles} roles: {list:.2} s for the list and {each:.2} s for each role; {all} roles would take {}, worked out and \
         not measured",
        table::seconds(whole)
    )
}
