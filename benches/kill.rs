//! Whether anything is lost when `fix` or `undo` is killed: SIGKILL at random moments, against an account of its own making.
//!
//!     cargo bench --bench kill -- [KILLS [SEED]]
//!
//! After each kill no statement, policy or role that was there before may be gone, a backup that can be read must be there if
//! anything was written, an `undo` of it must put everything back, and another `fix` must get there. If not, the exit code is 1.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../tests/it/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::Value;
use support::chains::{Account, CHAINS, Chain, go_on};
use support::command::{Output, Running, Sandbox};
use support::stub::Stub;
use support::world::INSTANCE;

const KILLS: usize = 210;
const AT_A_TIME: usize = 8;
/// How long the account takes to answer, so that a kill meets calls that are under way.
const LATENCY: Duration = Duration::from_millis(8);

/// Only against hanging for ever, where a run ends without the writes that are waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a kill left, and what is wrong with it.
#[derive(Default)]
struct Left {
    /// The run had ended before.
    too_late: bool,
    /// A write had arrived.
    written: bool,
    /// The instance had no profile any more, which the backup tells.
    without_profile: bool,
    /// After the `undo`, roles and profiles of the fix that may be somebody else's.
    created: usize,
    /// Files beside the backup.
    files: usize,
    lost: Vec<String>,
}

/// When to kill: so long after so many writes have arrived.
#[derive(Debug)]
struct Moment {
    writes: usize,
    after: Duration,
}

fn main() -> ExitCode {
    let mut numbers = env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let kills = numbers.next().unwrap_or(KILLS as u64) as usize;
    let seed = numbers.next().unwrap_or_else(|| fastrand::u64(..));
    println!("{kills} kills, seed {seed}");
    // Every kind of fix, and of undo where that puts all back.
    let kinds: Vec<(Chain, bool)> = CHAINS
        .iter()
        .flat_map(|chain| [(*chain, false), (*chain, true)])
        .filter(|(chain, undo)| chain.comes_back || !undo)
        .collect();
    let lasts: Vec<Duration> = kinds.iter().map(|(chain, undo)| unharmed(chain, *undo)).collect();
    let next = AtomicUsize::new(0);
    let all: Mutex<BTreeMap<usize, Vec<Left>>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= kills {
                        return;
                    }
                    let kind = number % kinds.len();
                    let mut random = fastrand::Rng::with_seed(seed.wrapping_add(number as u64));
                    let (chain, undo) = &kinds[kind];
                    // In turn anywhere in the run, and around one of its writes, which take little of it.
                    let moment = match (number / kinds.len()).is_multiple_of(2) {
                        true => Moment { writes: 0, after: lasts[kind].mul_f64(random.f64()) },
                        false => Moment {
                            writes: random.usize(1..=chain.writes.len()),
                            after: (LATENCY * 4).mul_f64(random.f64()),
                        },
                    };
                    let left = killed(chain, *undo, &moment);
                    all.lock().unwrap().entry(kind).or_default().push(left);
                }
            });
        }
    });
    tell(&kinds, &all.into_inner().unwrap())
}

fn tell(kinds: &[(Chain, bool)], all: &BTreeMap<usize, Vec<Left>>) -> ExitCode {
    println!("kills  too late  after a write  without profile  left behind  files  lost  what");
    let row = |left: &[&Left], what: &str| {
        let count = |is: fn(&Left) -> bool| left.iter().filter(|left| is(left)).count();
        let (created, files): (usize, usize) =
            (left.iter().map(|left| left.created).sum(), left.iter().map(|left| left.files).sum());
        let lost = count(|left| !left.lost.is_empty());
        let (late, written, without) =
            (count(|left| left.too_late), count(|left| left.written), count(|left| left.without_profile));
        let kills = left.len();
        println!("{kills:>5} {late:>9} {written:>14} {without:>16} {created:>12} {files:>6} {lost:>5}  {what}");
        lost
    };
    for (kind, left) in all {
        let (chain, undo) = &kinds[*kind];
        let what = if *undo { "undo of" } else { "fix:" };
        row(
            &left.iter().collect::<Vec<_>>(),
            &format!("{what} {} {}", chain.writes.join(", "), chain.arguments.join(" ")),
        );
    }
    let lost = row(&all.values().flatten().collect::<Vec<_>>(), "all");
    for why in all.values().flatten().flat_map(|left| &left.lost) {
        println!("LOST: {why}");
    }
    ExitCode::from(u8::from(lost > 0))
}

/// How long a run takes that nobody kills.
fn unharmed(chain: &Chain, undo: bool) -> Duration {
    let (_kept, stub, sandbox, typed) = begin(chain, undo);
    let begun = Instant::now();
    start(&sandbox, &typed).wait().expect(0);
    drop(stub);
    begun.elapsed()
}

/// An account with what there is to fix, or to undo, and the command for that. The first is where the backup is kept.
fn begin(chain: &Chain, undo: bool) -> (Sandbox, Stub, Sandbox, Vec<String>) {
    let stub = (chain.world)().latency(LATENCY).serve();
    let sandbox = Sandbox::at(&stub);
    if !undo {
        let typed = chain.typed(&["--yes"]).into_iter().map(str::to_owned).collect();
        return (Sandbox::new(), stub, sandbox, typed);
    }
    let backup = chain.fix(&sandbox).expect(0).backup.unwrap();
    let later = go_on(&stub).latency(LATENCY).serve();
    let again = Sandbox::at(&later);
    (sandbox, later, again, ["undo", &backup, "--yes"].map(str::to_owned).to_vec())
}

fn start(sandbox: &Sandbox, typed: &[String]) -> Running {
    sandbox.start(&typed.iter().map(String::as_str).collect::<Vec<_>>(), b"")
}

/// Kills a run at this moment, and looks at what is left.
fn killed(chain: &Chain, undo: bool, moment: &Moment) -> Left {
    let original = Account::of(&(chain.world)().serve());
    let (kept, stub, sandbox, typed) = begin(chain, undo);
    let running = start(&sandbox, &typed);
    let begun = Instant::now();
    while stub.writes().len() < moment.writes && begun.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(moment.after);
    let mut left = Left { too_late: running.kill(), ..Left::default() };
    settle(&stub);
    left.written = !stub.writes().is_empty();
    let now = Account::of(&stub);
    let what = format!("{} {} at {moment:?}", if undo { "undo of" } else { "fix:" }, chain.writes.join(", "));
    left.lost.extend(missing(&original, &now).into_iter().map(|gone| format!("{what}: {gone} is gone")));
    left.without_profile = original.held[INSTANCE].is_some() && now.held[INSTANCE].is_none();

    let directory = if undo { &kept } else { &sandbox };
    let (backups, others) = files(directory);
    left.files = others;
    match backups.as_slice() {
        [] if left.written => left.lost.push(format!("{what}: there is no backup")),
        [] => {}
        [backup] => put_back(backup, &stub, &original, chain, &what, &mut left),
        more => left.lost.push(format!("{what}: there are {} backups", more.len())),
    }
    // A profile that was deleted is nothing that another fix could know of.
    if !left.without_profile {
        let stub = go_on(&stub).serve();
        let sandbox = Sandbox::at(&stub);
        let again = sandbox.run(&chain.typed(&["--yes"]));
        if again.code != 0 || sandbox.run(&["check", INSTANCE]).code != 0 {
            left.lost.push(format!("{what}: another fix does not get there: {}", said(&again)));
        }
    }
    left
}

/// Undoes what is done, in an account as it is now.
fn put_back(backup: &PathBuf, stub: &Stub, original: &Account, chain: &Chain, what: &str, left: &mut Left) {
    let text = fs::read_to_string(backup).unwrap_or_default();
    let Ok(read) = serde_json::from_str::<Value>(&text) else {
        left.lost.push(format!("{what}: the backup cannot be read: {text:?}"));
        return;
    };
    if left.without_profile {
        let (arn, _) = original.held[INSTANCE].clone().unwrap();
        if !read.to_string().contains(&arn) {
            left.lost.push(format!("{what}: the backup does not tell of the profile `{arn}`"));
        }
    }
    let stub = go_on(stub).serve();
    let sandbox = Sandbox::at(&stub);
    let undone = sandbox.run(&["undo", &backup.display().to_string(), "--yes"]);
    let end = Account::of(&stub);
    left.created = end.new_since(original).len();
    left.lost.extend(missing(original, &end).into_iter().map(|gone| format!("{what}: {gone} is gone after the undo")));
    if !chain.comes_back {
        return;
    }
    let mut same = end.clone();
    same.roles.retain(|name, _| original.roles.contains_key(name));
    same.profiles.retain(|name, _| original.profiles.contains_key(name));
    if same != *original {
        left.lost.push(format!("{what}: an undo does not put everything back: {}", said(&undone)));
    } else if left.created > 0 && !undone.stdout.contains(chain.arguments.last().copied().unwrap_or("web")) {
        left.lost.push(format!("{what}: an undo leaves {} things and does not say so", left.created));
    }
}

fn said(output: &Output) -> String {
    format!("exit code {}: {} {}", output.code, output.stdout.trim(), output.stderr.trim())
}

/// Waits until every call that was sent has been dealt with.
fn settle(stub: &Stub) {
    let mut seen = usize::MAX;
    while stub.calls().len() != seen || stub.calls().iter().any(|call| call.ended.is_none()) {
        seen = stub.calls().len();
        thread::sleep(LATENCY * 4);
    }
}

/// The backups in the home directory of a run, and how many other files are beside them.
fn files(sandbox: &Sandbox) -> (Vec<PathBuf>, usize) {
    let directory = sandbox.path().join(".local/state/ssm-profile");
    let all = fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path());
    let (backups, others): (Vec<_>, Vec<_>) = all.partition(|path| path.extension().is_some_and(|name| name == "json"));
    (backups, others.len())
}

/// What an account had and has no more.
fn missing(before: &Account, now: &Account) -> Vec<String> {
    let mut gone = Vec::new();
    for (name, role) in &before.roles {
        let Some(after) = now.roles.get(name) else {
            gone.push(format!("the role `{name}`"));
            continue;
        };
        let same = (&role.id, &role.path, &role.boundary, &role.tags);
        if same != (&after.id, &after.path, &after.boundary, &after.tags) {
            gone.push(format!("the role `{name}` as it was"));
        }
        let documents = role.inline.iter().map(|(policy, text)| (policy.as_str(), text, after.document(policy)));
        for (policy, text, found) in documents.chain([("the trust policy", &role.trust, Some(after.trust.as_str()))]) {
            let found = found.map(statements).unwrap_or_default();
            let lacking = statements(text).into_iter().filter(|statement| !found.contains(statement)).count();
            if lacking > 0 {
                gone.push(format!("{lacking} statements of `{policy}` of `{name}`"));
            }
        }
        let detached = role.attached.iter().filter(|policy| !after.attached.contains(policy));
        gone.extend(detached.map(|policy| format!("`{policy}` of `{name}`")));
    }
    for (name, profile) in &before.profiles {
        match now.profiles.get(name) {
            None => gone.push(format!("the profile `{name}`")),
            Some(after) if profile.id != after.id || profile.role.is_some() && profile.role != after.role => {
                gone.push(format!("the profile `{name}` as it was"));
            }
            Some(_) => {}
        }
    }
    gone
}

fn statements(document: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(document).expect("what a world holds is JSON");
    match &document["Statement"] {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    }
}
