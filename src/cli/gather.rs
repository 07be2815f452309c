//! From a resolved plan to facts, whatever their source.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::IsTerminal as _;
use std::time::Duration;

use futures::future::{join, join_all};
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::progress::{FleetProgress, Progress};
use super::resolve::{CheckPlan, DocumentFiles, LevelFiles, Preferred, Reach, Source, TargetSelection};
use super::{Stop, args, files, near_misses, nothing_read, output, regions};
use crate::aws::{Connection, NoCode, Settings};
use crate::command_line::Command;
use crate::facts::{Fact, Facts, Instance, SubjectKind, Unreadable, snapshot};
use crate::limits;
use crate::redact;
use crate::render::json;
use crate::render::sanitize::terminal as clean;
use crate::sources::cloudformation;
use crate::sources::documents::{self, DocumentSet, Levels, Text};
use crate::sources::existing::Planned;
use crate::sources::live::accounts::enabled_regions;
use crate::sources::live::metadata::this_instance;
use crate::sources::live::{self, AccountSource, Query, Selection};
use crate::sources::snapshot::{Choice, choose, prefer};
use crate::sources::terraform;
use crate::target::{FORMS, Target, TargetKind};
use iam_eval::arn::partition_of_region;

/// The facts of a check, and what names their source in the report.
pub async fn for_check(plan: &CheckPlan, aws: &args::Aws) -> Result<(Facts, json::Source, Option<Connection>), Stop> {
    let levels = read_levels(&plan.levels);
    let mut connection = None;
    let (mut facts, levels, source) = match &plan.source {
        Source::Documents(typed) => {
            let (set, levels) = both(read_documents(typed, plan), levels)?;
            let facts = documents::facts(DocumentSet { levels, ..set }, Timestamp::now());
            return Ok((facts, json::Source { kind: json::SourceKind::Documents, file: None }, None));
        }
        Source::CloudFormation(typed) => {
            let read = files::read(&typed.file, limits::TEMPLATE_FILE_BYTES).map_err(|mistake| vec![mistake]);
            let (file, levels) = both(read, levels)?;
            let given = cloudformation::Given {
                parameters: typed.parameters.clone(),
                account: typed.account.clone(),
                region: plan.regions.first().cloned(),
                preferences: plan.preferences.name(),
            };
            let planned = cloudformation::facts(&file, given, Timestamp::now()).map_err(Stop::Input)?;
            let facts = with_account(planned, plan, aws).await?;
            (facts, levels, json::Source { kind: json::SourceKind::Cloudformation, file: Some(file.name) })
        }
        Source::Snapshot { file, wanted } => {
            let (file, levels) =
                both(files::read(file, limits::SNAPSHOT_FILE_BYTES).map_err(|mistake| vec![mistake]), levels)?;
            let facts = from_snapshot(&file, wanted, &plan.regions, &plan.preferences)?;
            (facts, levels, json::Source { kind: json::SourceKind::Snapshot, file: Some(file.name) })
        }
        Source::Plan(file) => {
            let (file, levels) = both(read_plan(file).map_err(|mistake| vec![mistake]), levels)?;
            let preferences = plan.preferences.name();
            let given = terraform::Given {
                region: plan.regions.first().map(String::as_str),
                preferences: preferences.as_deref(),
            };
            let planned = terraform::facts(&file, given, Timestamp::now())
                .map_err(|why| Stop::input(format!("cannot use `{}`: {why}", file.name)))?;
            let facts = with_account(planned, plan, aws).await?;
            (facts, levels, json::Source { kind: json::SourceKind::TerraformPlan, file: Some(file.name) })
        }
        Source::Live(wanted) => {
            let levels = levels.map_err(Stop::Input)?;
            let query =
                Query { preferences: plan.preferences.name(), given: levels.given(), ..Query::of(&plan.requirements) };
            let live = open_live(wanted.clone(), &plan.regions, &plan.reach, query, aws).await?;
            let facts = live.read().await;
            connection = Some(live.connection);
            (facts, levels, json::Source { kind: json::SourceKind::Live, file: None })
        }
    };
    // What was given wins over what a snapshot holds.
    facts.give_policies(levels.given());
    Ok((facts, source, connection))
}

/// The facts of a plan or template with what it refers to and does not hold, where that is wanted.
async fn with_account(planned: Planned, plan: &CheckPlan, aws: &args::Aws) -> Result<Facts, Stop> {
    if !plan.with_account {
        return Ok(planned.facts);
    }
    let region = planned.facts.subjects.iter().find_map(|subject| subject.region.clone());
    let connection = connect(aws, region.as_ref()).await?;
    let (preferences, key) = (plan.preferences.name(), plan.requirements.kms_key.as_deref());
    Ok(live::add_outside(&connection, planned, preferences.as_deref(), key).await)
}

/// A plan, which is no text where it is Terraform's own format.
fn read_plan(file: &OsStr) -> Result<Text, String> {
    let (name, bytes) = files::read_bytes(file, limits::PLAN_FILE_BYTES)?;
    let text = terraform::text(bytes).map_err(|why| format!("cannot use `{name}`: {why}"))?;
    Ok(Text { name, text })
}

/// The policies of the organization that were given.
///
/// # Errors
/// A message for each file that cannot be read, or holds no level.
pub fn read_levels(files: &LevelFiles) -> Result<Levels, Vec<String>> {
    let texts = files::read_all(files.iter())?;
    let mistakes: Vec<String> = texts.iter().filter_map(documents::no_level).collect();
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let mut texts = texts.into_iter();
    Ok(Levels { scps: texts.by_ref().take(files.scps.len()).collect(), rcps: texts.collect() })
}

/// The facts of a snapshot that are wanted.
pub fn from_snapshot(
    file: &documents::Text,
    wanted: &TargetSelection,
    regions: &[String],
    preferred: &Preferred,
) -> Result<Facts, Stop> {
    let mut facts =
        snapshot::read(&file.text).map_err(|error| Stop::input(format!("cannot use `{}`: {error}", file.name)))?;
    match preferred {
        Preferred::Unsaid => {}
        Preferred::None => prefer(&mut facts, None),
        Preferred::Named(name) => prefer(&mut facts, Some(name)),
    }
    let choice = match wanted {
        TargetSelection::Unsaid => Choice::AsTaken,
        TargetSelection::Targets(targets) => Choice::Targets(targets),
        TargetSelection::Selection(tags) => Choice::Selection(tags),
    };
    let near = match wanted {
        TargetSelection::Selection(tags) => near_misses::of(tags, &instances_of(&facts)),
        TargetSelection::Unsaid | TargetSelection::Targets(_) => Vec::new(),
    };
    let facts = choose(facts, choice, regions).map_err(Stop::Input)?;
    if facts.subjects.is_empty() {
        near.iter().for_each(|hint| output::warning(hint));
    }
    Ok(facts)
}

fn instances_of(facts: &Facts) -> Vec<&Instance> {
    let kinds = facts.subjects.iter().map(|subject| &subject.kind);
    let known = kinds.filter_map(|kind| match kind {
        SubjectKind::Instance(Fact::Known(instance)) => Some(instance.as_ref()),
        _ => None,
    });
    known.collect()
}

/// Two things that were read, or the mistakes of both.
pub fn both<A, B>(one: Result<A, Vec<String>>, other: Result<B, Vec<String>>) -> Result<(A, B), Stop> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (one, other) => Err(Stop::Input(one.err().into_iter().chain(other.err()).flatten().collect())),
    }
}

fn usage(mistake: String) -> Stop {
    Stop::Usage(vec![mistake])
}

fn read_documents(typed: &DocumentFiles, plan: &CheckPlan) -> Result<DocumentSet, Vec<String>> {
    let all = typed.policies.iter().chain(&typed.trust).chain(&typed.boundary).chain(&typed.endpoint_policy);
    let mut texts = files::read_all(all)?.into_iter();
    Ok(DocumentSet {
        policies: texts.by_ref().take(typed.policies.len()).collect(),
        trust: typed.trust.as_ref().and_then(|_| texts.next()),
        boundary: typed.boundary.as_ref().and_then(|_| texts.next()),
        endpoint_policy: typed.endpoint_policy.as_ref().and_then(|_| texts.next()),
        account: typed.account.clone(),
        region: plan.regions.first().cloned(),
        instance_id: typed.instance_id.clone(),
        partitions: plan.requirements.partitions(),
        ..DocumentSet::default()
    })
}

/// A way to an account, and what to read there.
pub struct Live {
    /// The way.
    pub connection: Connection,
    query: Box<Query>,
    regions_at_a_time: usize,
}

impl Live {
    /// Leaves the network out from now on.
    pub fn without_network(&mut self) {
        self.query.network = false;
    }

    /// Reads it.
    pub async fn read(&self) -> Facts {
        let progress = FleetProgress::start(1, self.connection.traffic().clone());
        progress.expect_regions(self.query.regions.len());
        let from = AccountSource {
            connection: &self.connection,
            account: None,
            scp_reader: None,
            regions_at_a_time: &Semaphore::new(self.regions_at_a_time),
            watcher: &progress,
        };
        // Who asks is part of the report; why that is not known is not.
        let partition = self.query.regions.first().map_or("aws", |region| partition_of_region(region));
        let (facts, _) = join(live::load(&from, &self.query), self.connection.caller(partition)).await;
        progress.finish();
        facts
    }
}

/// The facts of a live account, and the way to it.
pub async fn live(
    wanted: TargetSelection,
    regions: &[String],
    reach: &Reach,
    query: Query,
    aws: &args::Aws,
) -> Result<(Facts, Connection), Stop> {
    let live = open_live(wanted, regions, reach, query, aws).await?;
    Ok((live.read().await, live.connection))
}

/// A way to AWS, in this Region or the one that is set.
pub async fn connect(aws: &args::Aws, region: Option<&String>) -> Result<Connection, Stop> {
    open(settings(aws, region.cloned())).await
}

/// What was typed of how to reach AWS, with this Region.
pub fn settings(aws: &args::Aws, region: Option<String>) -> Settings {
    let (profile, endpoint_url) = (aws.profile.clone(), aws.endpoint_url.clone());
    let log = aws.debug.then_some(output::debug as fn(&str));
    Settings { profile, endpoint_url, region, timeout: Duration::from_secs(aws.timeout), log, ask_code }
}

/// A way to an account, and the targets there: those that were named, or the one that this runs on, or one that a person
/// picks.
pub async fn open_live(
    wanted: TargetSelection,
    regions: &[String],
    reach: &Reach,
    query: Query,
    aws: &args::Aws,
) -> Result<Live, Stop> {
    let settings = settings(aws, regions.first().cloned());
    let mut regions = regions.to_vec();
    let (targets, selection, connection) = match wanted {
        TargetSelection::Targets(targets) => (targets, None, open(settings).await?),
        TargetSelection::Selection(tags) => (Vec::new(), Some(Selection { tags }), open(settings).await?),
        TargetSelection::Unsaid => match this_instance().await.map_err(|error| Stop::Failure(error.to_string()))? {
            Some(this) => {
                regions = vec![this.region.clone()];
                let settings = Settings { region: Some(this.region), ..settings };
                let target = Target { text: this.id.clone(), kind: TargetKind::Instance(this.id), arn: None };
                (vec![target], None, open(settings).await?)
            }
            None if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => {
                let connection = open(settings).await?;
                let region = connection.default_region().ok_or_else(no_region)?;
                regions = vec![region.clone()];
                (vec![pick(&connection, &region).await?], None, connection)
            }
            None => return Err(usage(format!("no target is given, and this is not an EC2 instance; give {FORMS}"))),
        },
    };
    let of_region = |target: &Target| matches!(target.kind, TargetKind::Instance(_) | TargetKind::Named(_));
    let needs_region = selection.is_some() || targets.iter().any(|target| of_region(target) && target.arn.is_none());
    if reach.all_regions {
        let ask = connection.default_region().unwrap_or_else(|| "us-east-1".to_owned());
        regions = enabled_regions(&connection, &ask).await.map_err(|reason| {
            Stop::Failure(format!("cannot list the Regions of the account: `{}`: {}", reason.api, reason.message))
        })?;
        // What is in no Region is judged for the default one, which is the first.
        regions.sort_by_key(|region| *region != ask);
    }
    if regions.is_empty() {
        match connection.default_region() {
            Some(region) => regions.push(region),
            None if needs_region => return Err(no_region()),
            // IAM is the same in every Region.
            None => {}
        }
    }
    let (targets, names_unread) = find_names(&connection, targets, &regions).await?;
    let query = Query { targets, names_unread, selection, regions, ..query };
    Ok(Live { connection, query: Box::new(query), regions_at_a_time: reach.concurrency })
}

/// The targets with the ids of the instances that were given by their names, and why a name could not be searched. A name that
/// no instance has, or that was not found before a Region refused the search, stays what it is.
async fn find_names(
    connection: &Connection,
    mut targets: Vec<Target>,
    regions: &[String],
) -> Result<(Vec<Target>, BTreeMap<String, Unreadable>), Stop> {
    let mut unread = BTreeMap::new();
    let mut missed = Vec::new();
    for target in &mut targets {
        let TargetKind::Named(name) = &target.kind else { continue };
        let mut found: Vec<String> = Vec::new();
        let searched = join_all(regions.iter().map(|region| live::instances_named(connection, region, name))).await;
        for named in searched {
            match named {
                Ok(named) => found.extend(named.into_iter().map(|instance| instance.id)),
                Err(reason) => drop(unread.insert(name.clone(), reason)),
            }
        }
        match found.as_slice() {
            [] if unread.contains_key(name) => {}
            [] => missed.push(name.clone()),
            [id] => {
                if let Some(reason) = unread.remove(name) {
                    output::warning(&format!(
                        "another instance may be named `{name}`, because a Region could not be searched: `{}`: {}; give the ID",
                        reason.api, reason.message
                    ));
                }
                target.kind = TargetKind::Instance(id.clone());
            }
            [..] => {
                let ids: Vec<&str> = found.iter().map(String::as_str).collect();
                return Err(Stop::input(target.ambiguous(&ids)));
            }
        }
    }
    if !missed.is_empty() {
        let listed = join_all(regions.iter().map(|region| live::list_instances(connection, region))).await;
        // A hint is not worth a warning.
        let instances: Vec<Instance> = listed.into_iter().flatten().flatten().collect();
        missed.iter().filter_map(|name| near_misses::of_name(name, &instances)).for_each(|hint| output::hint(&hint));
    }
    Ok((targets, unread))
}

/// Asks a person for the code of an MFA device.
fn ask_code(device: &str) -> Result<String, NoCode> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(NoCode::NoTerminal);
    }
    let prompt = format!("code of the MFA device {}", clean(device));
    output::asks(true);
    let code = dialoguer::Input::<String>::new().with_prompt(prompt).allow_empty(true).interact_text();
    output::asks(false);
    match code {
        Ok(code) if !code.trim().is_empty() => Ok(code),
        Ok(_) => Err(NoCode::NoneGiven),
        Err(dialoguer::Error::IO(error)) => Err(NoCode::CannotAsk(error)),
    }
}

pub async fn open(settings: Settings) -> Result<Connection, Stop> {
    let connection = Connection::open(settings).await.map_err(|error| match error.is_of_profile {
        true => Stop::Failure(error.to_string()),
        false => usage(error.to_string()),
    })?;
    // What the environment and the files say is no better than what is typed.
    if let Some(mistake) = connection.default_region().as_deref().and_then(regions::mistake) {
        return Err(usage(format!("{mistake} (`--region`, `AWS_REGION`)")));
    }
    for url in connection.open_endpoints() {
        output::warning(&format!(
            "`{}` is plain HTTP to another host: others can read the session token and forge answers; give an `https://` URL",
            redact::url(url)
        ));
    }
    connection.look_for_credentials().await.map_err(|missing| {
        let source = connection.credential_source();
        let of = |command| Command::new(command).options("--profile", &source.profile);
        Stop::Failure(match (missing.are_missing, &source.profile) {
            _ if missing.takes_code => missing.to_string(),
            (true, Some(profile)) => format!(
                "the profile `{profile}` gives no credentials; run `{}` or `{}`, or give another `--profile`",
                of("aws configure"),
                of("aws sso login")
            ),
            (true, None) => {
                format!("{missing}; run `{}` or `{}`, or give `--profile`", of("aws configure"), of("aws sso login"))
            }
            (false, _) => format!("{missing}; {}", nothing_read::renew(source)),
        })
    })?;
    Ok(connection)
}

pub fn no_region() -> Stop {
    usage("no Region is set; give `--region`, or set `AWS_REGION`".to_owned())
}

/// How the list to pick from looks: where nothing matches, it says so.
struct Picker {
    rows: Vec<String>,
}

impl dialoguer::theme::Theme for Picker {
    fn format_fuzzy_select_prompt(
        &self,
        f: &mut dyn std::fmt::Write,
        prompt: &str,
        typed: &str,
        cursor: usize,
    ) -> std::fmt::Result {
        let (before, after) = typed.split_at(cursor);
        let none = if self.rows.iter().any(|row| is_match(row, typed)) { "" } else { "  no match" };
        write!(f, "{prompt} {before}|{after}{none}")
    }
}

/// Whether the list keeps a row for what is typed: its letters stand there in this order, and a capital is meant as one.
fn is_match(row: &str, typed: &str) -> bool {
    let exact = typed.chars().any(char::is_uppercase);
    let same = |one: char, other: char| if exact { one == other } else { one.to_lowercase().eq(other.to_lowercase()) };
    let mut letters = row.chars();
    typed.chars().all(|typed| letters.by_ref().any(|letter| same(letter, typed)))
}

/// Lets a person choose one of the Region's instances.
async fn pick(connection: &Connection, region: &str) -> Result<Target, Stop> {
    let progress = Progress::start("listing instances");
    let listed = live::list_instances(connection, region).await;
    progress.finish();
    let instances = listed.map_err(|reason| {
        Stop::Failure(format!("cannot list instances in {region}: `{}`: {}", reason.api, reason.message))
    })?;
    if instances.is_empty() {
        return Err(Stop::Failure(format!("there are no instances in {region}; give a target or another `--region`")));
    }
    let rows: Vec<String> = instances.iter().map(output::instance_row).collect();
    output::note("type to search, move with the arrow keys, choose with Enter, leave with Esc\n");
    output::asks(true);
    let chosen = tokio::task::spawn_blocking(move || {
        let theme = Picker { rows: rows.clone() };
        dialoguer::FuzzySelect::with_theme(&theme).with_prompt("instance").items(&rows).default(0).interact_opt()
    });
    let failed = |error: &dyn std::fmt::Display| Stop::Failure(format!("cannot show the list: {error}; give a target"));
    let chosen = match chosen.await.map_err(|error| failed(&error))? {
        Err(dialoguer::Error::IO(error)) if error.kind() == std::io::ErrorKind::Interrupted => None,
        Err(error) => return Err(failed(&error)),
        Ok(chosen) => chosen,
    };
    let chosen = chosen.ok_or(Stop::Interrupted)?;
    output::asks(false);
    let instance = instances.get(chosen).ok_or(Stop::Interrupted)?;
    Ok(Target { text: instance.id.clone(), kind: TargetKind::Instance(instance.id.clone()), arn: None })
}
