//! The command line: what was typed becomes a plan of the run, the plan is run, the exit code comes out.

mod args;
mod confirm;
mod exit;
mod files;
mod fix;
mod gather;
mod output;
mod policy;
mod resolve;
mod undo;

use clap::{CommandFactory as _, Parser as _};

use crate::apply::Interrupt;
use crate::aws::Connection;
use crate::diagnose::{self, diagnose};
use crate::facts::{Facts, snapshot};
use crate::needs::Requirements;
use crate::report::Report;
use crate::simulation::compare;
use crate::sources::live::{Query, simulate};
use crate::target::Target;

pub use exit::Exit;

/// Why a run ended before there was a report.
#[derive(Debug)]
enum Stop {
    /// What was typed is wrong, each mistake a message. Nothing was done.
    Usage(Vec<String>),
    /// Something failed that was not the user's doing.
    Failure(String),
    /// Control-C.
    Interrupted,
}

/// Runs the tool on this process's arguments.
pub fn run() -> Exit {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, and are no errors.
            let _ = error.print();
            propose_check(&error);
            return if error.use_stderr() { Exit::Usage } else { Exit::Ready };
        }
    };
    output::set_color(cli.color);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::error(&format!("cannot start: {error}"));
            return Exit::Unknown;
        }
    };
    let ended = runtime.block_on(async {
        let interrupt = Interrupt::default();
        let mut command = std::pin::pin!(command(&cli, &interrupt));
        loop {
            tokio::select! {
                // The command first: until it waits for something, Control-C keeps its default meaning.
                biased;
                ended = &mut command => break ended,
                // Whoever writes ends by itself, between two calls.
                () = asked_to_end() => match interrupt.is_deferred() {
                    true => interrupt.set(),
                    false => break Err(Stop::Interrupted),
                },
            }
        }
    });
    // A picker or a lookup that still waits must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit,
        Err(Stop::Usage(mistakes)) => {
            mistakes.iter().for_each(|mistake| output::error(mistake));
            let command = match &cli.command {
                args::Command::Check(_) => "check ",
                args::Command::Fix(_) => "fix ",
                args::Command::Undo(_) => "undo ",
                args::Command::Policy(_) => "policy ",
                args::Command::Snapshot(_) => "snapshot ",
                args::Command::Completions { .. } => "completions ",
            };
            output::hint(&format!("for more information, try `ssm-profile {command}--help`"));
            Exit::Usage
        }
        Err(Stop::Failure(message)) => {
            output::error(&message);
            Exit::Unknown
        }
        Err(Stop::Interrupted) => {
            output::error("interrupted; nothing was changed");
            Exit::Interrupted
        }
    }
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

/// A target in the place of a command is what people type first.
fn propose_check(error: &clap::Error) {
    let typed = std::env::args_os().nth(1).and_then(|typed| typed.into_string().ok()).unwrap_or_default();
    if error.kind() == clap::error::ErrorKind::InvalidSubcommand && Target::parse(&typed).is_ok() {
        output::hint(&format!("did you mean `ssm-profile check {typed}`?"));
    }
}

async fn command(cli: &args::Cli, interrupt: &Interrupt) -> Result<Exit, Stop> {
    match &cli.command {
        args::Command::Check(typed) => check(cli, typed).await,
        args::Command::Fix(typed) => fix::fix(cli, typed, interrupt).await,
        args::Command::Undo(typed) => undo::undo(cli, typed, interrupt).await,
        args::Command::Policy(typed) => policy::policy(typed),
        args::Command::Snapshot(typed) => save(typed).await,
        args::Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut args::Cli::command(), "ssm-profile", &mut script);
            // For a name with a hyphen the bash script sets one word for a subcommand and asks for another.
            let script = String::from_utf8_lossy(&script).replace("ssm__subcmd__profile", "ssm__profile");
            output::print(&script)?;
            Ok(Exit::Ready)
        }
    }
}

async fn check(cli: &args::Cli, typed: &args::Check) -> Result<Exit, Stop> {
    let plan = resolve::check(typed).map_err(Stop::Usage)?;
    let (facts, source, connection) = gather::for_check(&plan, &typed.aws).await?;
    let mut report = diagnose(&facts, &plan.requirements, facts.taken_at);
    if let Some(connection) = connection.filter(|_| typed.simulate) {
        ask_simulator(&connection, &facts, &plan.requirements, &mut report).await;
    }
    if report.results.is_empty() {
        output::warning("no instance was selected, so nothing was checked");
    }
    let fail_on = typed.fail_on.severity();
    output::report(&report, &source, typed.output, output::detail(cli), fail_on)?;
    Ok(Exit::of(&report, fail_on))
}

/// Adds to the report where the IAM policy simulator says something else.
async fn ask_simulator(connection: &Connection, facts: &Facts, requirements: &Requirements, report: &mut Report) {
    let questions = diagnose::questions(facts, requirements, facts.taken_at, report);
    let progress = output::Progress::start("asking the policy simulator");
    let answers = simulate::simulate(connection, &questions).await;
    progress.finish();
    let mut failures = std::collections::BTreeSet::new();
    for (question, answer) in questions.iter().zip(answers) {
        let Some(outcome) = report.results.get_mut(question.result) else { continue };
        match answer {
            Ok(answer) => {
                outcome.simulation.extend(compare(outcome, question, &answer, facts.scp_levels.is_some()));
            }
            Err(reason) => drop(failures.insert(format!("`{}`: {}", reason.api, reason.message))),
        }
    }
    failures.iter().for_each(|failure| output::warning(&format!("the policy simulator gave no answer: {failure}")));
}

async fn save(typed: &args::Snapshot) -> Result<Exit, Stop> {
    let plan = resolve::snapshot(typed).map_err(Stop::Usage)?;
    let query = Query { kms_key: plan.kms_key.clone(), preferences: plan.preferences, ..Query::default() };
    let facts = gather::live(plan.wanted, &plan.regions, query, &typed.aws).await?;
    if facts.subjects.is_empty() {
        output::warning("no instance was selected, so the snapshot is empty");
    }
    let text = snapshot::write(&facts).map_err(|error| Stop::Failure(format!("cannot write the snapshot: {error}")))?;
    output::print(&text)?;
    // What could not be read is in the snapshot with its reason, and is said here too.
    let requirements = Requirements { kms_key: plan.kms_key, ..Requirements::default() };
    let report = diagnose(&facts, &requirements, facts.taken_at);
    let failures = report.results.iter().flat_map(|outcome| &outcome.findings).filter(|finding| finding.is_failure());
    let failures: std::collections::BTreeSet<_> = failures.map(|finding| finding.message.as_str()).collect();
    failures.iter().for_each(|message| output::warning(&format!("the snapshot is incomplete: {message}")));
    Ok(if failures.is_empty() { Exit::Ready } else { Exit::Unknown })
}
