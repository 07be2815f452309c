//! `fix`: plan, show, confirm, apply, verify.

mod accounts;
mod backups;
mod network;
mod next;
mod show;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::condition_keys;
use super::connection::{self, Waited};
use super::exit::Tally;
use super::fleet::nothing;
use super::known_actions;
use super::progress::Progress as Bar;
use super::resolve::{self, FixPlan, FixSource};
use super::{Exit, Stop, args, confirm, files, gather, nothing_read, output};
use crate::apply::backup::{BackupFile, Progress};
use crate::apply::patience::Patience;
use crate::apply::run::{Run, run};
use crate::apply::{Failures, Interrupt, reach};
use crate::aws::Connection;
use crate::diagnose::diagnose;
use crate::emit;
use crate::facts::{Fact, Facts, Network, Subject, SubjectKind, Unreadable, UnreadableKind};
use crate::fix::{self, Change, NetworkPlan, NetworkProposal, Record, Refusal, Status, Step};
use crate::limits;
use crate::render::changes::Titled;
use crate::render::sanitize::{terminal as clean, word};
use crate::report::{Code, Outcome, Report, Severity, Verdict};
use accounts::Accounts;
pub(super) use show::Show;

/// What is planned and done in one account.
struct Part {
    /// Its id, where there are several.
    account: Option<String>,
    /// What is planned there, and what became of it.
    record: Record,
    /// How its targets are: before, and once something was done, after.
    report: Report,
    /// Its targets, of which nothing is known until they are read again.
    subjects: Vec<Subject>,
    /// The networks of its targets, which no fix changes.
    networks: BTreeMap<String, Arc<Network>>,
    /// What would open closed paths.
    network: NetworkPlan,
    /// How many targets there were, before `--only` sorted some out.
    selected: usize,
    /// The targets that are left once `--only` has sorted the others out.
    chosen: Option<BTreeSet<Chosen>>,
}

/// Region and name of a target.
type Chosen = (Option<String>, String);

/// Runs `fix`.
pub async fn fix(cli: &args::Cli, typed: &args::Fix, interrupt: &Interrupt) -> Result<Exit, Stop> {
    let resolved = resolve::fix(typed).map_err(Stop::Usage)?;
    condition_keys::warn_of_unknown(&resolved.requirements.context);
    known_actions::warn_of_unknown(&resolved.requirements.actions);
    let fail_on = typed.fail_on.severity();
    let taken = match (&resolved.source, &resolved.backup) {
        (FixSource::Snapshot { file, .. }, _) => files::read(file, limits::SNAPSHOT_FILE_BYTES).map(Some),
        (FixSource::Live(_), Some(backup)) if backups::directory(&resolved).is_none() => {
            files::is_free(backup).map(|()| None)
        }
        (FixSource::Live(_), _) if typed.writing.dry_run || typed.emit.is_some() => Ok(None),
        (FixSource::Live(_), _) => backups::can_be_kept(&resolved).map(|()| None),
    };
    let levels = gather::read_levels(&resolved.levels);
    let (levels, taken) = gather::both(levels, taken.map_err(|mistake| vec![mistake]))?;
    let taken = match (&resolved.source, taken) {
        (FixSource::Snapshot { wanted, .. }, Some(file)) => {
            Some(gather::from_snapshot(&file, wanted, &resolved.regions, &resolved.preferences)?)
        }
        _ => None,
    };
    let mut accounts = Accounts::open(&resolved, &typed.aws, levels.given(), taken).await?;
    let emits = typed.emit.is_some();
    // What opens a path may be billed by the hour, so that it is printed only where somebody asked about the network.
    let emits_network = emits && typed.circumstances.network.is_some();
    let mut parts = planned(&accounts, &resolved, typed.writing.dry_run || emits, emits_network).await;
    if let Some(connection) = accounts.base() {
        nothing_read::stop_if_nothing_is_read(connection, &report_of(&parts).results).await?;
    }
    accounts.without_network();
    warn_if_nothing(&parts, &resolved.only);
    let nothing = parts.iter().all(|part| part.selected == 0);
    // A dry run that has nothing to do ends well, whatever sorted the targets out.
    let none_left = parts.iter().all(|part| part.report.results.is_empty());
    let is_empty = nothing || none_left && !typed.writing.dry_run && typed.emit.is_none();
    let ended = |exit: Exit| if is_empty { Exit::of_nothing(typed.targets.allow_empty) } else { exit };
    let show = Show { form: typed.writing.output, detail: output::detail(cli), fail_on };
    if let Some(form) = typed.emit {
        return emitted(form, &parts, fail_on).map(ended);
    }
    let record = joined(&parts);
    if record.dry_run || record.steps.is_empty() {
        show.plan(&titled(&parts))?;
        let minutes = typed.wait.filter(|_| !record.dry_run);
        let waited = wait(&accounts, minutes, &mut parts, interrupt).await;
        show.end(&titled(&parts), &report_of(&parts), false)?;
        return Ok(ended(exit_of(&record, &report_of(&parts), fail_on, interrupt.is_set(), waited)));
    }
    backups::check(&resolved, &parts)?;
    if let Some(stop) = confirm::needs_yes(typed.writing.yes) {
        show.plan(&titled(&parts))?;
        if show.form == args::RecordOutput::Json {
            show.end(&titled(&parts), &report_of(&parts), false)?;
        }
        return Err(stop);
    }
    show.before_writing(&titled(&parts), typed.writing.yes)?;
    if !typed.writing.yes {
        let caller = accounts.caller();
        let own = caller.map(|caller| caller.account.as_str());
        let changed = parts.iter().filter(|part| has_steps(Some(part)));
        let accounts: Vec<&str> = changed.filter_map(|part| part.account.as_deref().or(own)).collect();
        confirm::ask(record.steps.len(), &accounts, caller, typed.aws.profile.as_deref()).await?;
    }
    let kept = backups::begin(&resolved, &parts)?;
    for file in kept.iter().flatten() {
        // Said before the first write, so that it is known whatever happens to the report.
        output::note(&format!("the state before is kept in `{}`\n", clean(&file.path().to_string_lossy())));
    }
    interrupt.defer();
    apply(&accounts, &resolved, &mut parts, kept, interrupt).await;
    let tell_apart = |parts: &[Part]| {
        output::note(&crate::render::changes::results(&titled(parts), output::layout(show.detail)));
    };
    show.done(&titled(&parts)).inspect_err(|_| tell_apart(&parts))?;
    verify(&accounts, &resolved, &mut parts, interrupt).await;
    let waited = wait(&accounts, typed.wait, &mut parts, interrupt).await;
    for part in parts.iter_mut().filter(|part| !part.record.steps.is_empty()) {
        part.record.next = next::next(&part.record, &part.report);
    }
    show.end(&titled(&parts), &report_of(&parts), true).inspect_err(|_| tell_apart(&parts))?;
    // Whoever asks while this reads again wants the end too.
    Ok(exit_of(&joined(&parts), &report_of(&parts), fail_on, interrupt.is_set(), waited))
}

/// Waits until the agents of what is ready now are connected, where that was asked for.
async fn wait(accounts: &Accounts, minutes: Option<u64>, parts: &mut [Part], interrupt: &Interrupt) -> Option<Waited> {
    let minutes = minutes?;
    let parts = parts.iter_mut().enumerate();
    let reports = parts.filter_map(|(index, part)| Some((accounts.connection(index)?, &mut part.report)));
    Some(connection::wait(&mut reports.collect::<Vec<_>>(), minutes, interrupt).await)
}

/// Reads each account, and plans what to do there.
async fn planned(accounts: &Accounts, resolved: &FixPlan, dry_run: bool, emits_network: bool) -> Vec<Part> {
    let judged = |facts: &Facts| diagnose(facts, &resolved.requirements, facts.taken_at);
    let selected = RefCell::new(BTreeMap::new());
    let choose = |index: usize, mut facts: Facts| {
        selected.borrow_mut().insert(index, facts.subjects.len());
        if !resolved.only.is_empty() {
            let mut outcomes = judged(&facts).results.into_iter();
            facts.subjects.retain(|_| outcomes.next().is_some_and(|outcome| is_meant(&outcome, &resolved.only)));
        }
        facts
    };
    let all: Vec<usize> = (0..accounts.count()).collect();
    let mut parts = Vec::new();
    for (index, facts) in accounts.read(&all, &resolved.options, choose).await.into_iter().enumerate() {
        let report = judged(&facts);
        let plan = fix::plan(&report, &facts, &resolved.requirements, &resolved.options, facts.taken_at);
        let reach = match accounts.connection(index) {
            Some(connection) => reach::of(connection, &plan.changes, &facts).await,
            None => Vec::new(),
        };
        let mut network = fix::propose(&report, &facts);
        let (mut warnings, mut refusals) = (plan.warnings, plan.refusals);
        if !emits_network {
            let left = network::left_alone(std::mem::take(&mut network), &report, &facts, resolved);
            refusals.extend(left.refusals);
            warnings.extend(left.warning);
        }
        let steps = plan.changes.into_iter().zip(plan.targets);
        let record = Record {
            dry_run,
            steps: steps.map(|(change, targets)| Step::planned(change, targets)).collect(),
            refusals,
            warnings,
            reach,
            assume_role: accounts.id(index).and(resolved.reach.accounts.as_ref()).map(|all| all.role.clone()),
            ..Record::default()
        };
        let chosen = facts.subjects.iter().map(place_of);
        let chosen = (!resolved.only.is_empty()).then(|| chosen.collect());
        let selected = selected.borrow().get(&index).copied().unwrap_or_default();
        let account = accounts.id(index).map(str::to_owned);
        let Facts { subjects, networks, .. } = facts;
        parts.push(Part { account, record, report, subjects, networks, network, selected, chosen });
    }
    parts
}

/// Whether one of these findings keeps a target from being ready.
fn is_meant(outcome: &Outcome, only: &[Code]) -> bool {
    outcome.findings.iter().any(|finding| finding.decides() && only.contains(&finding.code()))
}

fn place_of(subject: &Subject) -> Chosen {
    (subject.region.clone(), subject.target.clone())
}

fn warn_if_nothing(parts: &[Part], only: &[Code]) {
    if parts.iter().any(|part| !part.report.results.is_empty()) {
        return;
    }
    let selected: usize = parts.iter().map(|part| part.selected).sum();
    let codes: Vec<String> = only.iter().map(|code| format!("`{}`", word(code))).collect();
    let codes = codes.join(" or ");
    match selected {
        0 => output::warning("no instance was selected, so there is nothing to fix"),
        1 => {
            output::warning(&format!("the target is not kept from being ready by {codes}, so there is nothing to fix"))
        }
        selected => output::warning(&format!(
            "none of the {selected} targets is kept from being ready by {codes}, so there is nothing to fix"
        )),
    }
}

/// Makes the changes, account by account, until there were too many failures.
async fn apply(
    accounts: &Accounts,
    resolved: &FixPlan,
    parts: &mut [Part],
    kept: Vec<Option<BackupFile>>,
    interrupt: &Interrupt,
) {
    let mut failures = Failures::new(resolved.max_failures);
    let mut over = false;
    for (index, (part, file)) in parts.iter_mut().zip(kept).enumerate() {
        let (Some(connection), Some(mut file)) = (accounts.connection(index), file) else { continue };
        if over {
            part.record.steps.iter_mut().for_each(|step| step.status = Status::NotDone);
            take_away(file);
            continue;
        }
        let watcher = output::Steps::start();
        let failures = &mut failures;
        let with = Run { connection, journal: &mut file, interrupt, watcher: &watcher, failures };
        let ended = run(with, part.record.steps.clone()).await;
        watcher.finish();
        over = ended.stopped.is_some();
        part.record.steps = ended.steps;
        part.record.stopped = ended.stopped;
        if file.backup.changes.iter().all(|entry| entry.progress == Progress::Planned) {
            take_away(file);
        } else {
            part.record.backup = Some(file.path().display().to_string());
        }
    }
}

/// Takes a backup away of which nothing came, and says so: its path was said before.
fn take_away(file: BackupFile) {
    output::note(&format!("nothing was changed, so `{}` is removed again\n", clean(&file.path().to_string_lossy())));
    file.remove();
}

/// Reads the accounts that were changed again until what was fixed is seen to be, within bounds.
async fn verify(accounts: &Accounts, resolved: &FixPlan, parts: &mut [Part], interrupt: &Interrupt) {
    let progress = Bar::start("checking again");
    let mut patience = Patience::long();
    let stopped = parts.iter().any(|part| part.record.stopped.is_some());
    let mut open: Vec<usize> = (0..parts.len()).filter(|index| has_steps(parts.get(*index))).collect();
    for part in parts.iter_mut().filter(|part| has_steps(Some(part))) {
        // What was seen before the changes is no more the case, and the reading may be cut off.
        let mut facts = not_read_again(std::mem::take(&mut part.subjects));
        facts.networks.clone_from(&part.networks);
        part.report = diagnose(&facts, &resolved.requirements, facts.taken_at);
    }
    loop {
        let keep = |index: usize, mut facts: Facts| {
            if let Some(part) = parts.get(index) {
                facts.networks.clone_from(&part.networks);
                if let Some(chosen) = &part.chosen {
                    facts.subjects.retain(|subject| chosen.contains(&place_of(subject)));
                }
            }
            facts
        };
        let Some(read) = interrupt.cut_off(accounts.read(&open, &resolved.options, keep)).await else {
            progress.finish();
            return;
        };
        for (index, facts) in open.iter().zip(read) {
            if let Some(part) = parts.get_mut(*index) {
                part.report = diagnose(&facts, &resolved.requirements, facts.taken_at);
            }
        }
        open.retain(|index| !stopped && !parts.get(*index).is_none_or(is_settled));
        // What was not answered in time is not asked again.
        let given_up = open.iter().any(|index| accounts.connection(*index).is_some_and(Connection::has_given_up));
        if open.is_empty() || given_up || !patience.wait(interrupt).await {
            progress.finish();
            return;
        }
    }
}

/// The targets, with nothing known of them.
fn not_read_again(subjects: Vec<Subject>) -> Facts {
    let reason = |api: &str| Unreadable {
        api: api.to_owned(),
        kind: UnreadableKind::Other,
        message: "the run was interrupted before it was asked again".to_owned(),
    };
    let mut facts = nothing();
    facts.subjects = subjects;
    for subject in &mut facts.subjects {
        match &mut subject.kind {
            SubjectKind::Instance(fact) => *fact = Fact::Unreadable(reason("ec2:DescribeInstances")),
            SubjectKind::Profile(key) => {
                facts.profiles.insert(key.clone(), Fact::Unreadable(reason("iam:GetInstanceProfile")));
            }
            SubjectKind::Role(key) => {
                facts.roles.insert(key.clone(), Fact::Unreadable(reason("iam:GetRole")));
            }
            // Nothing of theirs is written.
            SubjectKind::Documents(_) | SubjectKind::Planned(_) => {}
        }
    }
    facts
}

fn has_steps(part: Option<&Part>) -> bool {
    part.is_some_and(|part| !part.record.steps.is_empty())
}

/// Whether nothing more is to be expected: every target is ready, or nothing makes it ready, however long one waits.
fn is_settled(part: &Part) -> bool {
    let refused = part.record.refusals.iter().map(|refusal| refusal.target.as_str());
    let left: BTreeSet<&str> = refused.chain(part.record.not_fixed()).collect();
    part.report.results.iter().all(|outcome| {
        matches!(outcome.verdict, Verdict::Ready | Verdict::Skipped)
            || outcome.lacks_only_network()
            || left.contains(outcome.target.as_str())
    })
}

fn titled(parts: &[Part]) -> Vec<Titled<'_>> {
    parts.iter().map(|part| (part.account.as_deref(), &part.record)).collect()
}

fn joined(parts: &[Part]) -> Record {
    Record::joined(parts.iter().map(|part| &part.record))
}

fn report_of(parts: &[Part]) -> Report {
    Report::from(parts.iter().flat_map(|part| part.report.results.iter().cloned()).collect::<Vec<_>>())
}

/// Prints what there is to do, the changes of networks included, which a fix leaves alone.
fn emitted(form: args::Emit, parts: &[Part], fail_on: Severity) -> Result<Exit, Stop> {
    let (record, report) = (joined(parts), report_of(parts));
    let proposals: Vec<NetworkProposal> = parts.iter().flat_map(|part| part.network.proposals.clone()).collect();
    let of_network = parts.iter().flat_map(|part| &part.network.refusals);
    let refusals: Vec<Refusal> = record.refusals.iter().chain(of_network).cloned().collect();
    let cannot = |error: emit::CannotEmit| Stop::Failure(error.to_string());
    record.warnings.iter().for_each(|warning| output::warning(&crate::render::words::warning(warning)));
    for group in crate::render::changes::groups(&refusals) {
        output::warning(&group.in_a_line());
    }
    let changes: Vec<Change> = record.steps.iter().map(|step| step.change.clone()).collect();
    let mut accounts = parts.iter().flat_map(|part| &part.subjects).map(|subject| subject.account.as_deref());
    let account = accounts.next().flatten().filter(|first| accounts.all(|account| account == Some(*first)));
    let text = match form {
        args::Emit::Cli => emit::shell(&changes, account, &proposals),
        args::Emit::Terraform => emit::terraform(&changes, &proposals).map_err(cannot)?,
        args::Emit::Cloudformation => emit::cloudformation(&changes, &proposals).map_err(cannot)?,
    };
    if changes.is_empty() && proposals.is_empty() {
        output::note(&format!("{}\n", crate::render::changes::planned(&record)));
        return Ok(exit_of(&record, &report, fail_on, false, None));
    }
    output::print(&text)?;
    // It did what was asked for, but for the targets that were refused.
    let refused = |outcome: &&Outcome| refusals.iter().any(|refusal| refusal.target == outcome.target);
    let mut tally = Tally::new(Severity::Error);
    report.results.iter().filter(refused).for_each(|outcome| tally.add(outcome));
    Ok(tally.exit())
}

/// The exit code that the contract of `fix` gives.
fn exit_of(record: &Record, after: &Report, fail_on: Severity, interrupted: bool, waited: Option<Waited>) -> Exit {
    if interrupted {
        Exit::Interrupted
    } else if record.is_incomplete() {
        Exit::Unknown
    } else if record.dry_run && !record.steps.is_empty() {
        Exit::NotReady
    } else {
        match Exit::of(after, fail_on) {
            Exit::Ready if waited == Some(Waited::NotConnected) => Exit::Unknown,
            exit => exit,
        }
    }
}
