//! The command line: what was typed becomes a plan of the run, the plan is run, the exit code comes out.

mod args;
mod baseline;
mod completions;
mod condition_keys;
mod config;
mod confirm;
mod connection;
mod exit;
mod explain;
mod files;
mod fix;
mod fleet;
mod gather;
mod kept_backups;
mod known_actions;
mod man;
mod manual;
mod mistyped;
mod near_misses;
mod nothing_read;
mod output;
mod policy;
mod progress;
mod regions;
mod repeat_flags;
mod resolve;
mod results;
mod schema;
mod typed;
mod undo;

use std::cell::{Cell, OnceCell, RefCell};
use std::io::Write as _;
use std::task::Poll;
use std::time::Duration;

use clap::Parser as _;
use jiff::Timestamp;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

use crate::apply::Interrupt;
use crate::aws::Connection;
use crate::command_line;
use crate::diagnose::{self, Judge, diagnose};
use crate::facts::{Facts, Subject, snapshot};
use crate::needs::Requirements;
use crate::redact;
use crate::render::words::{self, Place};
use crate::render::{json, sanitize};
use crate::report::{FindingKind, Outcome, Report};
use crate::simulation::compare;
use crate::sources::live::{self, Query, ScpReader, Selection, simulate};

pub use config::mistakes_in as mistakes_in_config;
use config::{Line, Refusal};
pub use exit::Exit;
use fleet::{Fleet, Visit};
use output::{Showing, StaleReports};
use progress::{FleetProgress, Progress};
use resolve::{CheckPlan, Source, TargetSelection};
use results::{Filter, Results};

/// Threads that take in answers, while the one that this runs on judges and writes.
const WORKERS: usize = 2;

/// How long a run may take to end when somebody asks for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why a run ended before there was a report.
#[derive(Debug)]
enum Stop {
    /// What was typed is wrong, each mistake a message. Nothing was done.
    Usage(Vec<String>),
    /// What was named cannot be used, or must not be, each reason a message. Nothing was done.
    Input(Vec<String>),
    /// Whoever was asked said no.
    Cancelled,
    /// Something failed that was not the user's doing.
    Failure(String),
    /// Control-C.
    Interrupted,
}

impl Stop {
    /// One thing that cannot be used.
    fn input(mistake: String) -> Stop {
        Stop::Input(vec![mistake])
    }
}

/// Runs the tool on this process's arguments.
pub fn run() -> Exit {
    if let Some(exit) = completions::answer() {
        return exit;
    }
    let line = match config::complete(typed::words()) {
        Ok(line) => line,
        Err(Refusal::Settings(typed, mistakes)) => {
            output::set_color(typed.color);
            return end_of(Stop::Usage(mistakes), Some(&typed.command));
        }
        Err(Refusal::Typed(error)) => {
            // Help and version come this way too, and are no errors.
            if !error.use_stderr() {
                let printed = error.print().and_then(|()| std::io::stdout().flush());
                return output::settle(printed).map_or_else(|stop| end_of(stop, None), |()| Exit::Ready);
            }
            mistyped::tell(shown(error));
            return Exit::Usage;
        }
    };
    let cli = &line.cli;
    output::set_color(cli.color);
    output::set_verbose(cli.verbose);
    command_line::carry(repeat_flags::carried(&line.repeat, &line.cli));
    line.warnings.iter().for_each(|warning| output::warning(warning));
    // Others may have chosen what a file says that lies here, and a change follows it.
    let told = cli.verbose || (line.found && writes(&cli.command));
    if told {
        tell_settings(&line);
    }
    let runtime = match runtime(&cli.command) {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&format!("cannot start: {error}"));
            return Exit::Unknown;
        }
    };
    let ended = runtime.block_on(async {
        let interrupt = Interrupt::default();
        let mut command = std::pin::pin!(command(&line, &interrupt));
        // Until it waits for something, Control-C keeps its default meaning.
        if let Poll::Ready(ended) = futures::poll!(command.as_mut()) {
            return ended;
        }
        if !writes(&cli.command) {
            tokio::spawn(end_for_certain());
        }
        loop {
            tokio::select! {
                // Whoever asks for the end is heard before the answer to the call that was under way.
                biased;
                // Whoever writes ends by itself, between two calls.
                () = asked_to_end() => match interrupt.is_deferred() {
                    true => interrupt.set(),
                    false => break Err(Stop::Interrupted),
                },
                ended = &mut command => break ended,
            }
        }
    });
    // A picker or a lookup that still waits must not hold up the end.
    runtime.shutdown_background();
    ended.unwrap_or_else(|stop| {
        // What nobody typed may be what is wrong.
        if matches!(stop, Stop::Usage(_) | Stop::Input(_) | Stop::Failure(_)) && !told {
            tell_settings(&line);
        }
        end_of(stop, Some(&cli.command))
    })
}

/// Names the settings that hold and were not typed.
fn tell_settings(line: &Line) {
    if !line.settings.is_empty() {
        let settings = sanitize::terminal(&redact::secrets(&line.settings.join(", "))).into_owned();
        let ignore = if line.in_file { "; `--config none` ignores files" } else { "" };
        output::note(&format!("settings that were not typed: {settings}{ignore}\n"));
    }
}

/// Says why a run ended before there was a report.
fn end_of(stop: Stop, command: Option<&args::Command>) -> Exit {
    match stop {
        Stop::Usage(mistakes) => {
            mistakes.iter().for_each(|mistake| output::error(mistake));
            let command = match command {
                Some(args::Command::Check(_)) => "check ",
                Some(args::Command::Fix(_)) => "fix ",
                Some(args::Command::Undo(_)) => "undo ",
                Some(args::Command::Config(_)) => "config ",
                Some(args::Command::Policy(_)) => "policy ",
                Some(args::Command::Snapshot(_)) => "snapshot ",
                Some(args::Command::Explain { .. }) => "explain ",
                Some(args::Command::Man { .. }) => "man ",
                Some(args::Command::Schema { .. }) => "schema ",
                Some(args::Command::Completions { .. }) => "completions ",
                None => "",
            };
            output::hint(&format!("for more information, try `ssm-profile {command}--help`"));
            Exit::Usage
        }
        Stop::Input(mistakes) => {
            mistakes.iter().for_each(|mistake| output::error(mistake));
            Exit::Usage
        }
        Stop::Cancelled => {
            output::note("cancelled; nothing was changed\n");
            Exit::Usage
        }
        Stop::Failure(message) => {
            output::error(&message);
            Exit::Unknown
        }
        Stop::Interrupted => {
            output::show_cursor();
            output::end_question();
            output::error(match command {
                Some(command) if writes(command) => "interrupted; nothing was changed",
                _ => "interrupted",
            });
            Exit::Interrupted
        }
    }
}

/// Whether a command changes something.
fn writes(command: &args::Command) -> bool {
    matches!(command, args::Command::Fix(_) | args::Command::Undo(_))
}

/// Ends the process when somebody asks for it and it does not end by itself: whoever reads its output and then does not read holds
/// it up for ever.
async fn end_for_certain() {
    asked_to_end().await;
    tokio::time::sleep(PATIENCE).await;
    std::process::exit(Exit::Interrupted.code().into());
}

fn runtime(command: &args::Command) -> std::io::Result<Runtime> {
    // On one thread a signal is seen before an answer that comes after it, and so before the next write.
    let mut builder = if writes(command) { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.worker_threads(WORKERS).enable_all().build()
}

/// Control-C, or the signals with which a system or a CI ends a process.
async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut terminate), Ok(mut hangup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// A mistake in what was typed, as it may be shown: clap repeats the words as they are, so that it is given them once more without
/// what a terminal obeys and without secrets.
fn shown(error: clap::Error) -> clap::Error {
    let words = typed::words()
        .into_iter()
        .map(|word| sanitize::terminal(&redact::secrets(&word.to_string_lossy())).into_owned());
    let again = args::Cli::try_parse_from(words).err();
    again.filter(|again| again.kind() == error.kind()).unwrap_or(error)
}

async fn command(line: &Line, interrupt: &Interrupt) -> Result<Exit, Stop> {
    let cli = &line.cli;
    match &cli.command {
        args::Command::Check(typed) => check(line, typed).await,
        args::Command::Fix(typed) => fix::fix(cli, typed, interrupt).await,
        args::Command::Undo(typed) => undo::undo(cli, typed, interrupt).await,
        args::Command::Config(typed) => config::show(cli, typed),
        args::Command::Policy(typed) => policy::policy(typed),
        args::Command::Snapshot(typed) => save(typed).await,
        args::Command::Explain { code } => explain::explain(*code),
        args::Command::Man { command } => man::man(command.as_deref()),
        args::Command::Schema { format } => schema::schema(*format),
        args::Command::Completions { shell } => completions::completions(*shell),
    }
}

async fn check(line: &Line, typed: &args::Check) -> Result<Exit, Stop> {
    let plan = resolve::check(typed)?;
    let mut stale = StaleReports::of(&plan.output);
    let ended = judged(line, typed, plan, &mut stale).await;
    if let Err(Stop::Usage(_) | Stop::Input(_)) = ended {
        // A mistake changes nothing.
        stale.stay();
    }
    ended
}

async fn judged(line: &Line, typed: &args::Check, mut plan: CheckPlan, stale: &mut StaleReports) -> Result<Exit, Stop> {
    condition_keys::warn_of_unknown(&plan.requirements.context);
    known_actions::warn_of_unknown(&plan.requirements.actions);
    if let (Source::Live(TargetSelection::Selection(tags)), false) = (&plan.source, typed.simulate || typed.confirm) {
        let tags = tags.clone();
        return check_fleet(line, typed, plan, &tags, stale).await;
    }
    let (facts, source, connection) = gather::for_check(&plan, &typed.aws).await?;
    let mut report = diagnose(&facts, &plan.requirements, facts.taken_at);
    if let Some(connection) = connection.as_ref().filter(|_| matches!(plan.source, Source::Live(_))) {
        nothing_read::stop_if_nothing_is_read(connection, &report.results).await?;
    }
    if let Some(connection) = &connection {
        if typed.simulate {
            ask_simulator(connection, &facts, &plan.requirements, &mut report).await;
        }
        if typed.confirm {
            connection::confirm(connection, &mut report, typed.targets.all).await;
        }
    }
    if report.results.is_empty() {
        output::warning(match plan.source {
            Source::Plan(_) => "the plan contains no instance and nothing that launches one, so nothing was checked",
            Source::CloudFormation(_) => {
                "the template contains no instance and nothing that launches one, so nothing was checked"
            }
            Source::Live(_) | Source::Snapshot { .. } | Source::Documents(_) => NOTHING_SELECTED,
        });
    }
    report.results.iter_mut().for_each(|outcome| plan.baselines.take(outcome));
    let fail_on = typed.fail_on.severity();
    let selected = facts.subjects.iter().any(|subject| subject.from_selection);
    let at = facts.taken_at;
    drop(facts);
    let exit = match report.results.is_empty() {
        true => Exit::of_nothing(typed.targets.allow_empty),
        false => Exit::of(&report, fail_on),
    };
    let filter = Filter::of(typed);
    let report = report.showing(|outcome| filter.shows(outcome));
    filter.tell_if_nothing(&report);
    let again = repeat_flags::of(&line.repeat);
    // In code each target has its line, and documents are one.
    let by_cause = matches!(source.kind, json::SourceKind::Live | json::SourceKind::Snapshot);
    let fixes = by_cause.then(|| if selected { again.fixes() } else { again.fixes_of_named() });
    let caller = connection.as_ref().and_then(Connection::known_caller);
    let showing = Showing { source: &source, caller, at, detail: output::detail(&line.cli), fail_on, by_cause, fixes };
    let written = output::report(&report, &plan.output, stale, showing);
    exit.once_written(written.and(plan.baselines.finish()))
}

const NOTHING_SELECTED: &str = "no instance was selected, so nothing was checked";

/// Checks the instances of accounts and Regions, each as soon as what concerns it is known.
async fn check_fleet(
    line: &Line,
    typed: &args::Check,
    plan: CheckPlan,
    tags: &[(String, String)],
    stale: &mut StaleReports,
) -> Result<Exit, Stop> {
    let levels = gather::read_levels(&plan.levels).map_err(Stop::Input)?;
    let fleet = Fleet::open(&plan.regions, &plan.reach, &typed.aws).await?;
    let fail_on = typed.fail_on.severity();
    let results = Results::new(&plan.output, Filter::of(typed), fail_on, plan.baselines);
    // What may be the fault of the way to AWS waits until something is read.
    let unread = Unread::default();
    let selection = Selection { tags: tags.to_vec() };
    let progress = FleetProgress::start(fleet.accounts(), fleet.base().traffic().clone());
    let regions_at_a_time = Semaphore::new(plan.reach.concurrency);
    let scp_reader = ScpReader::new(fleet.base());
    let query = Query {
        selection: Some(selection.clone()),
        preferences: plan.preferences.name(),
        given: levels.given(),
        ..Query::of(&plan.requirements)
    };
    let visit = async |visit: Visit<'_>| {
        let judge = OnceCell::new();
        let take = |facts: &Facts, subjects: Vec<Subject>| {
            let judge = judge.get_or_init(|| Judge::new(&plan.requirements, facts.taken_at));
            unread.pass(&results, subjects.iter().map(|subject| judge.judge(facts, subject)).collect());
        };
        let query = Query { regions: visit.regions.clone(), ..query.clone() };
        fleet::stream(&fleet, &visit, &scp_reader, &regions_at_a_time, &progress, &query, &take).await;
    };
    let failed = |subject: Subject| {
        let facts = fleet::nothing();
        unread.pass(&results, vec![Judge::new(&plan.requirements, facts.taken_at).judge(&facts, &subject)]);
    };
    tokio::select! {
        () = fleet.each(&selection, &progress, visit, failed) => {}
        () = results.closed() => {}
    }
    progress.finish();
    let held = unread.held.take();
    nothing_read::stop_if_nothing_is_read(fleet.base(), &held).await?;
    results.take(held);
    let nothing = results.count() == 0;
    if nothing {
        output::warning(NOTHING_SELECTED);
        if plan.reach.accounts.is_none() && !plan.reach.all_regions {
            propose_tags(fleet.base(), &plan.regions, tags).await;
        }
    }
    let (report, tally, baselines) = results.finish()?;
    let mut written = Ok(());
    if let Some(report) = report {
        Filter::of(typed).tell_if_nothing(&report);
        let source = json::Source { kind: json::SourceKind::Live, file: None };
        let caller = fleet.base().known_caller();
        let again = repeat_flags::of(&line.repeat);
        let fixes = Some(again.fixes());
        let at = Timestamp::now();
        let detail = output::detail(&line.cli);
        let showing = Showing { source: &source, caller, at, detail, fail_on, by_cause: true, fixes };
        written = output::report(&report, &plan.output, stale, showing);
    }
    if !tally.is_cut_short() {
        written = written.and(baselines.finish());
    }
    let exit = match tally.exit() {
        Exit::Ready if nothing => Exit::of_nothing(typed.targets.allow_empty),
        exit => exit,
    };
    exit.once_written(written)
}

/// Results of which nothing is known, held back until there is one of which something is.
#[derive(Default)]
struct Unread {
    held: RefCell<Vec<Outcome>>,
    is_over: Cell<bool>,
}

impl Unread {
    fn pass(&self, results: &Results, mut outcomes: Vec<Outcome>) {
        if !self.is_over.get() && outcomes.iter().all(|outcome| nothing_read::reason(outcome).is_some()) {
            self.held.borrow_mut().append(&mut outcomes);
            return;
        }
        self.is_over.set(true);
        let held = self.held.take();
        if !held.is_empty() {
            results.take(held);
        }
        results.take(outcomes);
    }
}

/// Looks for tags that were nearly meant, in the account of the credentials.
async fn propose_tags(connection: &Connection, regions: &[String], tags: &[(String, String)]) {
    if tags.is_empty() {
        return;
    }
    let default = connection.default_region();
    let regions = if regions.is_empty() { default.as_slice() } else { regions };
    for region in regions {
        // A hint is not worth a warning.
        if let Ok(instances) = live::list_instances(connection, region).await {
            let instances: Vec<_> = instances.iter().collect();
            near_misses::of(tags, &instances).iter().for_each(|hint| output::hint(hint));
        }
    }
}

/// Adds to the report where the IAM policy simulator says something else.
async fn ask_simulator(connection: &Connection, facts: &Facts, requirements: &Requirements, report: &mut Report) {
    let questions = diagnose::questions(facts, requirements, facts.taken_at, report);
    let progress = Progress::start("querying the policy simulator");
    let answers = simulate::simulate(connection, &questions).await;
    progress.finish();
    let scps_judged = facts.scp_levels.as_ref().is_some_and(|levels| !levels.is_empty());
    let mut failures = std::collections::BTreeSet::new();
    for (question, answer) in questions.iter().zip(answers) {
        let Some(outcome) = report.results.get_mut(question.result) else { continue };
        match answer {
            Ok(answer) => {
                outcome.simulation.extend(compare(outcome, question, &answer, scps_judged));
            }
            Err(reason) => drop(failures.insert(format!("`{}`: {}", reason.api, reason.message))),
        }
    }
    failures.iter().for_each(|failure| output::warning(&format!("the policy simulator failed: {failure}")));
}

/// Why nothing is known of any target, where that is so.
fn no_fact(report: &Report) -> Option<String> {
    let reason = |outcome: &Outcome| {
        let is_read = outcome.instance.as_ref().is_some_and(|instance| instance.state.is_some())
            || outcome.instance_profile.is_some()
            || outcome.role.is_some();
        let finding = outcome.findings.iter().find(|finding| matches!(finding.kind, FindingKind::Unreadable { .. }));
        finding.filter(|_| !is_read).map(|finding| words::finding(finding, &Place::of(outcome)).message)
    };
    report.results.iter().map(reason).collect::<Option<Vec<_>>>()?.into_iter().next()
}

async fn save(typed: &args::Snapshot) -> Result<Exit, Stop> {
    let plan = resolve::snapshot(typed).map_err(Stop::Usage)?;
    let preferences = plan.preferences.name();
    let query = Query { preferences, complete: true, ..Query::of(&plan.requirements) };
    let (facts, connection) = gather::live(plan.wanted, &plan.regions, &plan.reach, query, &typed.aws).await?;
    let report = diagnose(&facts, &plan.requirements, facts.taken_at);
    nothing_read::stop_if_nothing_is_read(&connection, &report.results).await?;
    if let Some(message) = no_fact(&report) {
        return Err(Stop::Failure(format!("nothing could be read, so there is no snapshot: {message}")));
    }
    let nothing = facts.subjects.is_empty();
    if nothing {
        output::warning("no instance was selected, so the snapshot is empty");
    }
    let whole = output::json_or_stop(&snapshot::of(&facts))?;
    // What could not be read is in the snapshot with its reason, and is said here too.
    let failures = report.results.iter().flat_map(|outcome| {
        let failures = outcome.findings.iter().filter(|finding| finding.is_failure());
        failures.map(|finding| words::finding(finding, &Place::of(outcome)).message)
    });
    let failures: std::collections::BTreeSet<String> = failures.collect();
    failures.iter().for_each(|message| output::warning(&format!("the snapshot is incomplete: {message}")));
    Ok(match failures.is_empty() && whole {
        true if nothing => Exit::of_nothing(typed.targets.allow_empty),
        true => Exit::Ready,
        false => Exit::Unknown,
    })
}
