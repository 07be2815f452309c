//! How long it takes to decide, with nothing read and nothing printed: instances on roles of which half have managed policies
//! and half inline ones.
//!
//!     cargo bench --bench decide -- [INSTANCES [ROLES]]
//!
//! The facts come from a snapshot that is made here, and what comes out is checked against how it was made; if it is wrong, the
//! exit code is 1.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use ssm_profile::diagnose::diagnose;
use ssm_profile::facts::{Facts, snapshot};
use ssm_profile::needs::Requirements;

const RUNS: usize = 5;
const CORE: &str = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";
const ACTIONS: [&str; 5] = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
];

/// The role of this number lacks what it needs.
const BARE: usize = 7;

fn main() -> ExitCode {
    let mut numbers = env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let instances: usize = numbers.next().unwrap_or(100_000);
    let roles: usize = numbers.next().unwrap_or(200).max(1);
    let text = made(instances, roles).to_string();
    let (facts, reading) = timed(|| snapshot::read(&text).expect("what is made here is a snapshot"));
    let not_ready = (0..instances).filter(|instance| instance % roles == BARE).count();
    println!(
        "{instances} instances, {roles} roles; the snapshot ({:.1} MB) is read in {reading:.0?}",
        megabytes(&text)
    );
    let mut wrong = false;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let (found, time) = timed(|| decided(&facts));
        wrong |= found != (instances - not_ready, not_ready);
        times.push(time);
    }
    times.sort_unstable();
    let best = times.first().copied().unwrap_or_default();
    let each = best.as_secs_f64() * 1e6 / instances.max(1) as f64;
    println!("decided in {best:.0?} at best of {times:.0?}, {each:.2} us each");
    if wrong {
        println!("WRONG: not {not_ready} instances are not ready");
    }
    ExitCode::from(u8::from(wrong))
}

/// How many are ready, and how many are not. The report is dropped within the time.
fn decided(facts: &Facts) -> (usize, usize) {
    let summary = diagnose(facts, &Requirements::default(), facts.taken_at).summary();
    (summary.ready, summary.not_ready)
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let done = work();
    (done, begin.elapsed())
}

fn megabytes(text: &str) -> f64 {
    text.len() as f64 / 1e6
}

fn made(instances: usize, roles: usize) -> Value {
    let statements = |statements: Value| json!({ "Version": "2012-10-17", "Statement": statements });
    let grant = statements(json!([{ "Effect": "Allow", "Action": ACTIONS, "Resource": "*" }]));
    let profile = |number: usize| {
        let (name, key) = (format!("fleet-{number:04}"), format!("111122223333/fleet-{number:04}"));
        let arn = format!("arn:aws:iam::111122223333:instance-profile/{name}");
        let profile = json!({ "arn": arn, "id": format!("AIPA{number:017}"), "name": name, "role": key });
        (key, json!({ "known": profile }))
    };
    let role = |number: usize| {
        let name = format!("fleet-{number:04}");
        let managed = number.is_multiple_of(2);
        let inline = if managed || number == BARE {
            json!([])
        } else {
            json!([{ "name": "sessions", "document": { "known": grant } }])
        };
        let principal = json!({ "Service": "ec2.amazonaws.com" });
        let trust = statements(json!([{ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" }]));
        let role = json!({
            "arn": format!("arn:aws:iam::111122223333:role/{name}"),
            "id": format!("AROA{number:017}"),
            "name": name,
            "trust": { "known": trust },
            "boundary": "absent",
            "tags": { "known": { "Team": "platform" } },
            "inline": { "known": inline },
            "attached": { "known": if managed { json!([CORE]) } else { json!([]) } },
        });
        (format!("111122223333/{name}"), json!({ "known": role }))
    };
    let of_roles = |make: &dyn Fn(usize) -> (String, Value)| (0..roles).map(make).collect::<Map<_, _>>();
    let settings = json!({ "host_management": "absent", "preferences_name": null, "preferences": "absent" });
    json!({ "snapshot_version": snapshot::VERSION, "facts": {
        "taken_at": "2026-11-21T12:00:00Z",
        "subjects": (0..instances).map(|number| subject(number, number % roles)).collect::<Vec<_>>(),
        "profiles": of_roles(&profile),
        "roles": of_roles(&role),
        "policies": { CORE: { "known": { "version": "v2", "document": grant } } },
        "kms_keys": {},
        "scp_levels": [],
        "settings": { "us-east-1": settings },
        "organization": "absent",
    }})
}

fn subject(number: usize, role: usize) -> Value {
    let id = format!("i-{number:017x}");
    let profile = format!("arn:aws:iam::111122223333:instance-profile/fleet-{role:04}");
    let instance = json!({
        "id": id,
        "name": format!("node-{number}"),
        "state": "running",
        "profile": { "arn": profile, "id": format!("AIPA{role:017}") },
        "association": "absent",
        "metadata": { "http_endpoint": "enabled", "http_tokens": "required", "state": "applied" },
        "vpc": "vpc-0a1b2c3d4e5f60718",
        "private_ip": "10.0.0.1",
        "tags": { "Name": format!("node-{number}"), "Env": "prod" },
        "agent": { "known": {
            "ping": "Online", "version": "3.3.2299.0", "last_ping": "2026-11-21T11:59:00Z", "platform": "Linux",
        } },
    });
    json!({
        "target": id,
        "account": "111122223333",
        "region": "us-east-1",
        "partition": "aws",
        "from_selection": true,
        "kind": { "instance": { "known": instance } },
    })
}
