//! `undo`: what a fix changed, put back.

use std::path::Path;

use super::fix::Show;
use super::progress::Progress;
use super::resolve::UndoPlan;
use super::{Exit, Stop, args, confirm, files, gather, kept_backups, output};
use crate::apply::backup::{Backup, BackupFile};
use crate::apply::run::{Run, run};
use crate::apply::undo::{UndoJournal, plan};
use crate::apply::verify::verify;
use crate::apply::{Failures, Interrupt, place};
use crate::aws::Connection;
use crate::command_line::Command;
use crate::fix::{Record, Status, Step, Warning};
use crate::limits;
use crate::render::sanitize::terminal as clean;
use crate::report::Severity;
use iam_eval::arn::Arn;
use jiff::Timestamp;

/// Runs `undo`.
pub async fn undo(cli: &args::Cli, typed: &args::Undo, interrupt: &Interrupt) -> Result<Exit, Stop> {
    let resolved = super::resolve::undo(typed).map_err(Stop::Usage)?;
    if typed.list {
        return kept_backups::list(typed.writing.output);
    }
    if let Some(file) = &typed.backup {
        return match one(cli, typed, &resolved, Path::new(file), interrupt).await? {
            Ended::Here(exit) => Ok(exit),
            Ended::NothingLeft(nothing) => nothing.tell(),
        };
    }
    let (mut seen, mut nothing) = (Vec::new(), None);
    while let Some(path) = kept_backups::last(&seen)? {
        match one(cli, typed, &resolved, &path, interrupt).await? {
            Ended::Here(exit) => return Ok(exit),
            Ended::NothingLeft(found) => {
                let file = path.display().to_string();
                let file = clean(&file);
                if !found.is_settled {
                    // Nothing older is taken for what may only not be seen yet.
                    output::note(&format!(
                        "all is as before this fix, which is less than ten minutes old: AWS may not show its changes yet; run this \
                         again later, or give an older backup (`{}`)\n",
                        Command::new("ssm-profile undo --list")
                    ));
                    return found.tell();
                }
                output::note(&format!("nothing is left to undo of `{file}`: all is as before that fix\n"));
                nothing = Some(found);
                seen.push(path);
            }
        }
    }
    let empty = || Record { dry_run: typed.writing.dry_run, ..Record::default() };
    match (nothing, typed.writing.output) {
        (Some(nothing), _) => nothing.tell(),
        (None, args::RecordOutput::Json) => output::record("undo", &empty(), None).map(|()| Exit::Ready),
        (None, args::RecordOutput::Text) => Ok(Exit::Ready),
    }
}

/// How the undo of one backup ended.
enum Ended {
    /// With this exit code.
    Here(Exit),
    /// All is as it was before the fix.
    NothingLeft(Box<NothingLeft>),
}

/// A backup of which nothing is left to undo.
struct NothingLeft {
    record: Record,
    show: Show,
    /// Whether the fix is so old that what is not seen of it is not there.
    is_settled: bool,
}

impl NothingLeft {
    fn tell(&self) -> Result<Exit, Stop> {
        self.show.plan(&[(None, &self.record)])?;
        if self.show.form == args::RecordOutput::Json {
            output::record("undo", &self.record, None)?;
        }
        Ok(Exit::Ready)
    }
}

/// Undoes one fix.
async fn one(
    cli: &args::Cli,
    typed: &args::Undo,
    resolved: &UndoPlan,
    path: &Path,
    interrupt: &Interrupt,
) -> Result<Ended, Stop> {
    let (file, opened) = files::read_file(path, limits::BACKUP_FILE_BYTES).map_err(Stop::input)?;
    let backup =
        Backup::read(&file.text).map_err(|mistake| Stop::input(format!("cannot use `{}`: {mistake}", file.name)))?;
    files::warn_of_leftovers([path]);
    let doubts = place::doubts(path, &opened);
    if !doubts.is_empty() && typed.writing.yes && !typed.writing.dry_run {
        return Err(Stop::input(format!(
            "others may have changed the backup: {}; omit `--yes` and confirm the plan yourself; nothing was changed",
            doubts.join("; ")
        )));
    }
    let connection = gather::connect(&typed.aws, resolved.region.as_ref()).await?;
    let progress = Progress::start("reading what the fix changed");
    let looked = async {
        let connection = enter(connection, &backup, resolved.assume_role.as_deref()).await?;
        let looked = plan(&connection, &backup).await.map_err(cannot_see)?;
        Ok((connection, looked))
    };
    let looked = looked.await;
    progress.finish();
    let (connection, looked) = looked?;
    let steps = looked.changes.iter().cloned().map(|change| Step::planned(change, Vec::new()));
    let mut record = Record {
        dry_run: typed.writing.dry_run,
        steps: steps.collect(),
        refusals: looked.refusals,
        warnings: looked.warnings,
        backup: None,
        ..Record::default()
    };
    if !doubts.is_empty() {
        record.warnings.push(Warning::BackupInDoubt { doubts: doubts.clone() });
    }
    let show = Show { form: typed.writing.output, detail: output::detail(cli), fail_on: Severity::Error };
    let end = |record: &Record| match show.form {
        args::RecordOutput::Json => output::record("undo", record, None),
        args::RecordOutput::Text => {
            output::print_styled(&format!("\n{}", crate::render::changes::result(record, output::layout(show.detail))))
        }
    };
    if !record.refusals.is_empty() {
        // All or nothing: half of it would be a state that nobody has seen.
        record.steps.iter_mut().for_each(|step| step.status = Status::NotDone);
        record.stopped = Some("not everything is as the fix left it; nothing was undone".to_owned());
        show.plan(&[(None, &record)])?;
        if show.form == args::RecordOutput::Json {
            end(&record)?;
        }
        return Ok(Ended::Here(Exit::NotReady));
    }
    let mut file = BackupFile::of(path, backup.clone());
    if record.steps.is_empty() {
        if !record.dry_run && doubts.is_empty() {
            // A file that cannot be written only stays in the list.
            let _ = file.cross_off(&looked.undone, Timestamp::now());
        }
        let is_settled = file.is_settled(Timestamp::now());
        return Ok(Ended::NothingLeft(Box::new(NothingLeft { record, show, is_settled })));
    }
    if record.dry_run {
        show.plan(&[(None, &record)])?;
        if show.form == args::RecordOutput::Json {
            end(&record)?;
        }
        return Ok(Ended::Here(Exit::NotReady));
    }
    if let Some(stop) = confirm::needs_yes(typed.writing.yes) {
        show.plan(&[(None, &record)])?;
        if show.form == args::RecordOutput::Json {
            end(&record)?;
        }
        return Err(stop);
    }
    show.before_writing(&[(None, &record)], typed.writing.yes)?;
    if !typed.writing.yes {
        let (account, partition) = backup.account().unzip();
        let accounts: Vec<&str> = account.as_deref().into_iter().collect();
        let caller = connection.caller(&partition.unwrap_or_default()).await.ok();
        confirm::ask(record.steps.len(), &accounts, caller, typed.aws.profile.as_deref()).await?;
        // The question may have stood for an hour.
        let now = plan(&connection, &backup).await.map_err(cannot_see)?;
        if now.changes != looked.changes || !now.refusals.is_empty() {
            return Err(Stop::Failure("changed since the plan; nothing was changed, run the undo again".to_owned()));
        }
    }
    // Nobody may have agreed to anything before. The first change writes the file anyway.
    let _ = file.cross_off(&looked.undone, Timestamp::now());
    let mut journal = UndoJournal { file, entries: looked.entries };
    interrupt.defer();
    let watcher = output::Steps::start();
    let failures = &mut Failures::new(1);
    let with = Run { connection: &connection, journal: &mut journal, interrupt, watcher: &watcher, failures };
    let ended = run(with, record.steps.clone()).await;
    watcher.finish();
    record.steps = ended.steps;
    let progress = Progress::start("checking again");
    let wrong = verify(&connection, interrupt, &mut record.steps).await;
    progress.finish();
    record.stopped = ended.stopped.or(wrong);
    for (index, _) in record.steps.iter().enumerate().filter(|(_, step)| step.status == Status::Failed) {
        // A file that cannot be written any more leaves that to whoever reads this.
        let _ = journal.reopen(index);
    }
    if record.stopped.is_some() {
        record.next.push("run the same undo again: it continues from the current state".to_owned());
    }
    end(&record)?;
    Ok(Ended::Here(match (&record.stopped, interrupt.is_set()) {
        (_, true) => Exit::Interrupted,
        (Some(_), false) => Exit::Unknown,
        (None, false) => Exit::Ready,
    }))
}

fn cannot_see(failure: crate::aws::Failure) -> Stop {
    let reason = failure.into_unreadable();
    Stop::Failure(format!("cannot read the current state: `{}`: {}; nothing was changed", reason.api, reason.message))
}

/// The way to the backup's account: with credentials of another one everything would seem to be gone already.
async fn enter(connection: Connection, backup: &Backup, role: Option<&str>) -> Result<Connection, Stop> {
    let Some((account, partition)) = backup.account() else {
        return Err(Stop::Input(vec![
            "the backup names no account, so it contains nothing to undo; pass the backup file that `fix` named"
                .to_owned(),
        ]));
    };
    let caller = connection.caller(&partition).await.map_err(|failure| {
        let reason = failure.into_unreadable();
        Stop::Failure(format!(
            "cannot determine the account of these credentials: {}; nothing was changed",
            reason.message
        ))
    })?;
    let caller = caller.account.clone();
    if caller == account {
        return Ok(connection);
    }
    let role = role.and_then(|role| Arn::parse(&format!("arn:{partition}:iam::{account}:role/{role}")));
    let Some(role) = role else {
        return Err(Stop::Input(vec![format!(
            "the backup is of account {account}, and the credentials are of account {caller}; give those of {account}, or \
             `--assume-role NAME` to enter it; nothing was changed"
        )]));
    };
    connection.assume(&role).await.map_err(|failure| {
        let reason = failure.into_unreadable();
        Stop::Failure(format!(
            "cannot enter account {account}: `{}`: {}; nothing was changed",
            reason.api, reason.message
        ))
    })
}
