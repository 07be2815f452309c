//! How fast a fleet is read, and how much memory that takes.
//!
//! AWS itself is no measure: it is far away, throttles when it likes, and nobody has a million instances to spare. So this serves
//! a synthetic AWS on the loopback interface, with answers as large as AWS's and a chosen time to each, runs the real binary
//! against it, and holds the wall time against what cannot be avoided: the round trips that need each other. What comes out is
//! checked against what was constructed; if anything is wrong, the exit code is 1.
//!
//!     cargo bench --bench fleet -- [--latency MS] [--runs K] [--roles N] [--snapshot N] [--million] [--compare] [--log] [SCENARIO...]
//!
//! | scenario | |
//! |---|---|
//! | `one` | one instance by its id, where its profile's name tells its role's, and where not |
//! | `fleet-200`, `fleet-10000`, `fleet-100000` | all instances of a Region; `fleet-1000000` with `--million` |
//! | `chain-10000` | the same of an endpoint that does not know what ids begin with |
//! | `network-10000` | all instances of a Region with 60 VPCs, without and with their network paths |
//! | `snapshot` | a snapshot of 100,000 instances (or `--snapshot N`), checked as `ndjson`, `text` and `json` |
//! | `accounts` | 50 accounts in 4 Regions, two of which fail in different ways |
//! | `throttle` | 2,000 instances while every third call of IAM is throttled: the same report |
//! | `compare` | with `--compare`: the same work by a boto3 script and by one of the AWS CLI |
//!
//! A scenario is run if its name contains one of those given. `--serve N` measures nothing, but serves a fleet of N instances to
//! whoever calls. `SSM_PROFILE_BINARY` names another binary than that of this build. Nothing here calls AWS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "fleet/compare.rs"]
mod compare;
#[path = "fleet/ec2.rs"]
mod ec2;
#[path = "fleet/endpoint.rs"]
mod endpoint;
#[path = "fleet/http.rs"]
mod http;
#[path = "fleet/iam.rs"]
mod iam;
#[path = "fleet/network.rs"]
mod network;
#[path = "fleet/options.rs"]
mod options;
#[path = "fleet/policies.rs"]
mod policies;
#[path = "fleet/record.rs"]
mod record;
#[path = "fleet/run.rs"]
mod run;
#[path = "fleet/scenarios.rs"]
mod scenarios;
#[path = "fleet/services.rs"]
mod services;
#[path = "fleet/table.rs"]
mod table;
#[path = "fleet/template.rs"]
mod template;
#[path = "fleet/world.rs"]
mod world;

use std::env;
use std::process::ExitCode;
use std::thread;

use endpoint::{Behaviour, Endpoint};
use options::Options;
use run::Bench;
use table::Row;
use world::{Fleet, OTHER_PROFILE, PROFILE};

fn main() -> ExitCode {
    let options = match Options::read(env::args().skip(1)) {
        Ok(options) => options,
        Err(help) => {
            eprintln!("{help}");
            return ExitCode::from(2);
        }
    };
    if let Some(instances) = options.serve {
        let fleet = Fleet::single(instances, options.roles);
        let endpoint = Endpoint::start(&fleet, Behaviour::after(options.latency));
        println!("AWS_ACCESS_KEY_ID={} AWS_ENDPOINT_URL={}", fleet.accounts[0], endpoint.url());
        loop {
            thread::park();
        }
    }
    let bench = Bench::new();
    println!("{}, {} runs of each", bench.binary.display(), options.runs);
    table::print_head();
    let mut wrong = 0;
    let mut report = |rows: Vec<Row>| {
        wrong += rows.iter().filter(|row| !row.problems.is_empty()).count();
        rows.iter().for_each(table::print);
    };
    if options.wants("one") {
        report([PROFILE, OTHER_PROFILE].map(|profile| scenarios::one(&bench, &options, profile)).into());
    }
    for instances in [200, 10_000, 100_000, 1_000_000] {
        if options.wants(&format!("fleet-{instances}")) && (instances < 1_000_000 || options.million) {
            report(vec![scenarios::whole(&bench, &options, instances)]);
        }
    }
    if options.wants("chain-10000") {
        report(vec![scenarios::chain(&bench, &options, 10_000)]);
    }
    if options.wants("network-10000") {
        report(scenarios::networks(&bench, &options, 10_000));
    }
    if options.wants("snapshot") {
        report(scenarios::snapshot(&bench, &options));
    }
    if options.wants("accounts") {
        match scenarios::organization(&bench, &options) {
            Ok(row) => report(vec![row]),
            Err(reason) => println!("accounts                 left out: {reason}"),
        }
    }
    if options.wants("throttle") {
        report(scenarios::throttled(&bench, &options));
    }
    if options.compare && options.wants("compare") {
        match compare::scripts(&bench, &options) {
            Ok(rows) => report(rows),
            Err(reason) => println!("compare                  left out: {reason}"),
        }
    }
    table::print_legend(options.latency);
    ExitCode::from(u8::from(wrong > 0))
}
