//! `fix`: plan, show, confirm, apply, verify.

use std::path::PathBuf;

use jiff::Timestamp;

use super::progress::Progress as Bar;
use super::resolve::{self, FixPlan, FixSource};
use super::{Exit, Stop, args, confirm, files, gather, output};
use crate::apply::backup::{Backup, BackupFile, Progress, default_path};
use crate::apply::patience::Patience;
use crate::apply::run::{Run, run};
use crate::apply::{Interrupt, reach};
use crate::arn::Arn;
use crate::diagnose::diagnose;
use crate::emit;
use crate::facts::Facts;
use crate::fix::{self, Change, Record, State, Status, Step, Thing};
use crate::render::text::Detail;
use crate::report::{Outcome, Report, Severity, Verdict};
use crate::sources::live::{self, Query};

/// Runs `fix`.
pub async fn fix(cli: &args::Cli, typed: &args::Fix, interrupt: &Interrupt) -> Result<Exit, Stop> {
    let resolved = resolve::fix(typed).map_err(Stop::Usage)?;
    let fail_on = typed.fail_on.severity();
    let taken = match (&resolved.source, &resolved.backup) {
        (FixSource::Snapshot { file, .. }, _) => files::read(file).map(Some),
        (FixSource::Live(_), Some(backup)) => files::is_free(backup).map(|()| None),
        (FixSource::Live(_), None) => Ok(None),
    };
    let (scps, taken) = gather::both(files::read_all(&resolved.scps), taken.map_err(|mistake| vec![mistake]))?;
    let scps = crate::sources::documents::scp_levels(&scps);
    let taken = match (&resolved.source, taken) {
        (FixSource::Snapshot { wanted, .. }, Some(file)) => {
            Some(gather::from_snapshot(&file, wanted, &resolved.regions, &resolved.preferences)?)
        }
        _ => None,
    };
    let live = match &resolved.source {
        FixSource::Live(wanted) => {
            let query = Query {
                kms_key: resolved.requirements.kms_key.clone(),
                preferences: resolved.preferences.name(),
                scp_levels: scps.clone(),
                whole: true,
                ..Query::default()
            };
            Some(gather::open_live(wanted.clone(), &resolved.regions, &resolved.reach, query, &typed.aws).await?)
        }
        FixSource::Snapshot { .. } => None,
    };
    let read = async || -> Result<Facts, Stop> {
        let mut facts = match (&live, &taken) {
            (Some(live), _) => {
                let facts = live.read().await;
                let lookups = fix::lookups(&facts, &resolved.options);
                live::complete(&live.connection, facts, &lookups).await
            }
            (None, Some(taken)) => taken.clone(),
            (None, None) => Facts::new(Timestamp::now()),
        };
        facts.scp_levels = scps.clone().or(facts.scp_levels);
        Ok(facts)
    };
    let facts = read().await?;
    if facts.subjects.is_empty() {
        output::warning("no instance was selected, so there is nothing to fix");
    }
    let report = diagnose(&facts, &resolved.requirements, facts.taken_at);
    let plan = fix::plan(&facts, &resolved.requirements, &resolved.options, facts.taken_at);
    let reach = match &live {
        Some(live) => reach::of(&live.connection, &plan.changes, &facts).await,
        None => Vec::new(),
    };
    let planned = plan.changes.iter().cloned();
    let mut record = Record {
        dry_run: typed.writing.dry_run || typed.emit.is_some(),
        steps: planned.map(|change| Step { change, status: Status::Planned, note: None }).collect(),
        refusals: plan.refusals,
        warnings: plan.warnings,
        reach,
        ..Record::default()
    };
    let show = Show { form: typed.writing.output, detail: output::detail(cli) };
    if let Some(form) = typed.emit {
        return emitted(form, &plan.changes, &record, &report, fail_on);
    }
    let Some(live) = live.as_ref().filter(|_| !record.dry_run && !record.steps.is_empty()) else {
        show.plan(&record)?;
        show.end(&record, &report, false)?;
        return Ok(exit_of(&record, &report, fail_on, false));
    };
    if let Some(stop) = confirm::needs_yes(typed.writing.yes) {
        show.plan(&record)?;
        if show.form == args::RecordOutput::Json {
            show.end(&record, &report, false)?;
        }
        return Err(stop);
    }
    show.before_writing(&record, typed.writing.yes)?;
    if !typed.writing.yes {
        confirm::ask(&confirm::question(&record.steps)).await?;
    }
    let mut file = begin_backup(&resolved, &plan.changes)?;
    record.backup = Some(file.path().display().to_string());
    // Said before the first write, so that it is known whatever happens to the report.
    output::note(&format!("the state before is kept in `{}`\n", file.path().display()));
    interrupt.defer();
    let watcher = output::Steps::start();
    let ended =
        run(Run { connection: &live.connection, journal: &mut file, interrupt, watcher: &watcher }, &plan.changes)
            .await;
    watcher.finish();
    record.steps = ended.steps;
    record.stopped = ended.stopped;
    if file.backup.changes.iter().all(|entry| entry.progress == Progress::Planned) {
        file.remove();
        record.backup = None;
    }
    let after = verified(&read, &resolved, &record, interrupt).await?;
    record.next = next(&record, &after, &plan.changes);
    if let Err(stop) = show.end(&record, &after, true) {
        output::note(&crate::render::changes::result(&record, output::layout(show.detail)));
        return Err(stop);
    }
    // Whoever asks while this reads again wants the end too.
    Ok(exit_of(&record, &after, fail_on, interrupt.is_set()))
}

/// Reads everything again until what was mended is seen to be, within bounds.
async fn verified(
    read: &impl AsyncFn() -> Result<Facts, Stop>,
    resolved: &FixPlan,
    record: &Record,
    interrupt: &Interrupt,
) -> Result<Report, Stop> {
    let progress = Bar::start("checking again");
    let mut patience = Patience::long();
    loop {
        let facts = read().await?;
        let report = diagnose(&facts, &resolved.requirements, facts.taken_at);
        let refused = |outcome: &Outcome| record.refusals.iter().any(|refusal| refusal.target == outcome.target);
        let settled =
            |outcome: &Outcome| matches!(outcome.verdict, Verdict::Ready | Verdict::Skipped) || refused(outcome);
        let wait = record.stopped.is_none() && !report.results.iter().all(settled);
        if !wait || !patience.wait(interrupt).await {
            progress.finish();
            return Ok(report);
        }
    }
}

fn begin_backup(resolved: &FixPlan, changes: &[Change]) -> Result<BackupFile, Stop> {
    let now = Timestamp::now();
    let backup = Backup::new(now, changes.iter().cloned());
    let path = match &resolved.backup {
        Some(path) => PathBuf::from(path),
        None => default_path(now, backup.account().as_ref().map_or("account", |(account, _)| account))
            .map_err(|message| Stop::Usage(vec![format!("{message}; nothing was changed")]))?,
    };
    BackupFile::create(&path, backup).map_err(|error| {
        let name = path.display();
        let cause = crate::aws::cause(&error);
        Stop::Usage(vec![format!(
            "cannot write the backup `{name}`: {cause}; give `--backup FILE`; nothing was changed"
        )])
    })
}

fn emitted(
    form: args::Emit,
    changes: &[Change],
    record: &Record,
    report: &Report,
    fail_on: Severity,
) -> Result<Exit, Stop> {
    let cannot = |error: emit::CannotEmit| Stop::Failure(error.to_string());
    record.warnings.iter().for_each(|warning| output::warning(warning));
    for refusal in &record.refusals {
        output::warning(&format!("`{}` is left as it is: {}; {}", refusal.target, refusal.message, refusal.remedy));
    }
    let text = match form {
        args::Emit::Cli => emit::shell(changes),
        args::Emit::Terraform => emit::terraform(changes).map_err(cannot)?,
        args::Emit::Cloudformation => emit::cloudformation(changes).map_err(cannot)?,
    };
    if changes.is_empty() {
        output::note(&format!("{}\n", crate::render::changes::planned(record)));
    } else {
        output::print(&text)?;
    }
    Ok(exit_of(record, report, fail_on, false))
}

/// The exit code that the contract of `fix` gives.
fn exit_of(record: &Record, after: &Report, fail_on: Severity, interrupted: bool) -> Exit {
    if interrupted {
        Exit::Interrupted
    } else if record.stopped.is_some() {
        Exit::Unknown
    } else if record.dry_run && !record.steps.is_empty() {
        Exit::NotReady
    } else {
        Exit::of(after, fail_on)
    }
}

/// What a person has to do or to know once the account is as it shall be.
fn next(record: &Record, after: &Report, changes: &[Change]) -> Vec<String> {
    let mut next = Vec::new();
    if record.stopped.is_some() {
        next.push("run the same command again: it plans anew from what is there now".to_owned());
    }
    next.extend(record.steps.iter().enumerate().filter_map(|(index, step)| bereft(&record.steps, index, step)));
    let made = record.steps.iter().any(|step| step.status == Status::Done);
    let ready = || after.results.iter().filter(|outcome| outcome.verdict == Verdict::Ready);
    if !made || ready().next().is_none() {
        return next;
    }
    let touched = |outcome: &&Outcome| {
        let role = outcome.role.as_ref().and_then(|role| role.arn.as_deref()).and_then(Arn::parse);
        changes.iter().any(|change| match change.thing() {
            Thing::ProfileOfInstance { instance, .. } => {
                outcome.instance.as_ref().is_some_and(|met| met.id == *instance)
            }
            Thing::RoleOfProfile(_) => matches!(change.after(), State::Holds(held) if Some(held) == role.as_ref()),
            thing => thing.role().is_some() && thing.role() == role.as_ref(),
        })
    };
    let running: Vec<&Outcome> = ready()
        .filter(touched)
        .filter(|outcome| {
            outcome.instance.as_ref().is_some_and(|instance| instance.state.as_deref() == Some("running"))
        })
        .collect();
    // https://docs.aws.amazon.com/systems-manager/latest/userguide/ssm-agent-status-and-restart.html
    next.push(
        "an agent that was denied tries again only after up to 30 minutes; restart it on the instance to have sessions at once: \
         `sudo systemctl restart amazon-ssm-agent` (with snap: `sudo snap restart amazon-ssm-agent`; on Windows: \
         `Restart-Service AmazonSSMAgent`)"
            .to_owned(),
    );
    if let [first, ..] = running.as_slice() {
        let ids: Vec<&str> = running
            .iter()
            .filter_map(|outcome| outcome.instance.as_ref().map(|instance| instance.id.as_str()))
            .collect();
        let region = first.region.as_deref().map(|region| format!(" --region {region}")).unwrap_or_default();
        next.push(format!("or reboot: `aws ec2 reboot-instances --instance-ids {}{region}`", ids.join(" ")));
    }
    next
}

/// What to do for an instance that this run left without any profile: a plan made anew sees no more what it had.
fn bereft(steps: &[Step], index: usize, step: &Step) -> Option<String> {
    let (Thing::ProfileOfInstance { instance, region }, State::Has { profile, .. }) =
        (step.change.thing(), step.change.after())
    else {
        return None;
    };
    let done = |earlier: &Step| earlier.status == Status::Done && earlier.change.thing() == step.change.thing();
    let taken_away = steps.iter().take(index).any(done);
    let comes_anew =
        steps.iter().any(|step| matches!(step.change.thing(), Thing::InstanceProfile(arn) if arn == profile));
    (step.status != Status::Done && taken_away && !comes_anew).then(|| {
        format!(
            "`{instance}` is left without an instance profile; before anything else give it the one that it was to have: \
             `aws ec2 associate-iam-instance-profile --instance-id {instance} --iam-instance-profile Arn={profile} --region {region}`"
        )
    })
}

/// How a run is printed.
pub(super) struct Show {
    pub(super) form: args::RecordOutput,
    pub(super) detail: Detail,
}

impl Show {
    /// The plan, where people read it before anything is done.
    pub(super) fn plan(&self, record: &Record) -> Result<(), Stop> {
        match self.form {
            args::RecordOutput::Text => {
                output::print_styled(&crate::render::changes::plan(record, output::layout(self.detail)))
            }
            args::RecordOutput::Json => Ok(()),
        }
    }

    /// The plan for whoever is asked, where standard output is for a machine.
    fn plan_apart(&self, record: &Record) {
        output::note(&crate::render::changes::plan(record, output::layout_of_notes(self.detail)));
    }

    /// The plan, before the question or the first write: whoever is asked must see it, and JSON is for a machine.
    pub(super) fn before_writing(&self, record: &Record, yes: bool) -> Result<(), Stop> {
        match (yes, self.form) {
            (false, args::RecordOutput::Json) => {
                self.plan_apart(record);
                Ok(())
            }
            _ => self.plan(record),
        }
    }

    /// The end: what became of the plan, and the report after.
    fn end(&self, record: &Record, report: &Report, applied: bool) -> Result<(), Stop> {
        match self.form {
            args::RecordOutput::Json => output::record("fix", record, Some(report)),
            args::RecordOutput::Text => {
                let mut page = String::new();
                if applied {
                    page.push('\n');
                    page.push_str(&crate::render::changes::result(record, output::layout(self.detail)));
                }
                let detail = if self.detail == Detail::Verbose { Detail::Verbose } else { Detail::Quiet };
                page.push('\n');
                // Below a plan that was not carried out the state before could be taken for the outcome.
                if !applied && !record.steps.is_empty() && self.detail != Detail::Quiet {
                    page.push_str("as it is now\n");
                }
                page.push_str(&crate::render::text::render(report, output::layout(detail)));
                output::print_styled(&page)
            }
        }
    }
}
