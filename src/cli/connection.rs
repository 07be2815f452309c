//! What Session Manager itself says of a connection: `check --confirm` and `fix --wait`.

use std::io::IsTerminal as _;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::time::Instant;

use super::output;
use super::progress::Progress;
use crate::apply::Interrupt;
use crate::aws::Connection;
use crate::command_line::Command;
use crate::diagnose;
use crate::facts::ConnectionStatus;
use crate::limits;
use crate::report::{Outcome, Report, Verdict};
use crate::sources::live;

/// How often a connection is waited for: an agent that starts registers within seconds.
const PAUSE: Duration = Duration::from_secs(5);

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// Every instance is connected.
    Connected,
    /// At least one is not.
    NotConnected,
}

/// Asks for each instance of a report that was named. Without `all` only so many are asked for.
pub async fn confirm(connection: &Connection, report: &mut Report, all: bool) {
    let most = if all { usize::MAX } else { limits::CONFIRMED };
    let mut places: Vec<(usize, String, String)> = places(report, |_| true).collect();
    if places.len() > most {
        output::warning(&format!(
            "the connections of the first {most} of {} instances are confirmed; give fewer targets, or `--all`",
            places.len()
        ));
        places.truncate(most);
    }
    let progress = Progress::start("confirming connections");
    let ask = async |(index, region, instance): (usize, String, String)| {
        (index, live::connection_status(connection, &region, &instance).await)
    };
    let answers: Vec<_> = futures::stream::iter(places).map(ask).buffered(limits::CONFIRMED_AT_A_TIME).collect().await;
    progress.finish();
    let mut failures = std::collections::BTreeSet::new();
    for (index, answer) in answers {
        match (answer, report.results.get_mut(index)) {
            (Ok(status), Some(outcome)) => diagnose::confirm(outcome, status),
            (Ok(_), None) => {}
            (Err(reason), _) => drop(failures.insert(format!("`{}`: {}", reason.api, reason.message))),
        }
    }
    failures.iter().for_each(|failure| output::warning(&format!("cannot confirm connections: {failure}")));
}

/// Waits until the ready instances of reports are connected, each with the way to its account; at most so many minutes.
pub async fn wait(reports: &mut [(&Connection, &mut Report)], minutes: u64, interrupt: &Interrupt) -> Waited {
    let ready = |outcome: &Outcome| outcome.verdict == Verdict::Ready && outcome.is_running();
    let mut open: Vec<(usize, usize, String, String)> = Vec::new();
    for (part, (_, report)) in reports.iter().enumerate() {
        open.extend(places(report, ready).map(|(index, region, instance)| (part, index, region, instance)));
    }
    let (all, begun) = (open.len(), Instant::now());
    let deadline = Duration::from_secs(minutes * 60);
    let progress = Progress::start("waiting for SSM Agent");
    if all > 0 && !std::io::stderr().is_terminal() {
        let instances = if all == 1 { "1 instance".to_owned() } else { format!("{all} instances") };
        output::note(&format!("waiting up to {minutes} min for SSM Agent on {instances}\n"));
    }
    loop {
        let ask = async |(part, index, region, instance): (usize, usize, String, String)| {
            let status = match reports.get(part) {
                Some((connection, _)) => Some(live::connection_status(connection, &region, &instance).await),
                None => None,
            };
            (part, index, region, instance, status)
        };
        let asked = futures::stream::iter(std::mem::take(&mut open)).map(ask).buffered(limits::CONFIRMED_AT_A_TIME);
        let Some(answers) = interrupt.cut_off(asked.collect::<Vec<_>>()).await else { break };
        let mut refused = None;
        for (part, index, region, instance, status) in answers {
            let outcome = reports.get_mut(part).and_then(|(_, report)| report.results.get_mut(index));
            match (status, outcome) {
                (Some(Ok(status)), Some(outcome)) => {
                    outcome.connection = Some(status);
                    if status == ConnectionStatus::NotConnected {
                        open.push((part, index, region, instance));
                    }
                }
                (Some(Err(reason)), _) => {
                    // A call that failed for now is made again.
                    if !reason.kind.may_hide(true) {
                        refused = Some(format!("`{}`: {}", reason.api, reason.message));
                    }
                    open.push((part, index, region, instance));
                }
                (None, _) | (_, None) => {}
            }
        }
        if let Some(refused) = refused {
            progress.finish();
            output::warning(&format!("cannot wait for SSM Agent: {refused}"));
            return Waited::NotConnected;
        }
        let waited = begun.elapsed();
        if open.is_empty() || waited >= deadline {
            break;
        }
        progress.say(&format!(
            "waiting for SSM Agent: {} of {all} connected, {} of {minutes} min",
            all - open.len(),
            waited.as_secs() / 60
        ));
        let pause = tokio::time::sleep(PAUSE.min(deadline.saturating_sub(waited)));
        if interrupt.cut_off(pause).await.is_none() {
            break;
        }
    }
    progress.finish();
    if open.is_empty() {
        return Waited::Connected;
    }
    for (_, _, region, instance) in &open {
        let output = Command::new("aws ec2 get-console-output --instance-id").operand(instance);
        let output = output.option("--region", region);
        output::warning(&format!(
            "`{instance}` is not connected; restart SSM Agent there, or look at its start: `{output} --latest --output text`"
        ));
    }
    Waited::NotConnected
}

/// These instances of a report, by their place in it, with Region and id.
fn places(report: &Report, of: impl Fn(&Outcome) -> bool) -> impl Iterator<Item = (usize, String, String)> {
    report.results.iter().enumerate().filter_map(move |(index, outcome)| {
        let instance = outcome.instance.as_ref().filter(|_| of(outcome))?;
        Some((index, outcome.region.clone()?, instance.id.clone()?))
    })
}
