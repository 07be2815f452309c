//! From what was typed to a plan of the run. Every mistake is reported, not the first alone.

mod fix;
mod reach;
mod requirements;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::baseline::Baselines;
use super::files::{self, STANDARD_INPUT};
use super::output::Destinations;
use super::{Stop, args};
use crate::apply::place;
use crate::limits;
use crate::needs::Requirements;
use crate::preferences::DEFAULT_NAME;
use crate::target::{Target, TargetKind};
use iam_eval::arn::{is_account_id, is_instance_id};
use requirements::{kms_key, log_group, requirements, s3_logs};

pub use fix::{FixPlan, FixSource, PolicyPlan, UndoPlan, fix, policy, undo};
pub use reach::{AccountList, Reach};

/// Where the facts of a run come from.
#[derive(Debug)]
pub enum Source {
    /// An AWS account.
    Live(TargetSelection),
    /// A snapshot file.
    Snapshot {
        /// The file.
        file: OsString,
        /// What to judge of it.
        wanted: TargetSelection,
    },
    /// Bare documents.
    Documents(DocumentFiles),
    /// A plan of what will be.
    Plan(OsString),
    /// A CloudFormation template.
    CloudFormation(TemplateFile),
}

/// A template, and what a person says of its deployment.
#[derive(Debug)]
pub struct TemplateFile {
    /// The file.
    pub file: OsString,
    /// The values of parameters.
    pub parameters: Vec<(String, String)>,
    /// The account.
    pub account: Option<String>,
}

/// What to judge.
#[derive(Debug, Clone)]
pub enum TargetSelection {
    /// Nothing was said: this instance, or a list to pick from, or all that a snapshot was taken of.
    Unsaid,
    /// These targets.
    Targets(Vec<Target>),
    /// Every instance that has all these tags.
    Selection(Vec<(String, String)>),
}

/// The session preferences that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preferred {
    /// Nothing was said: those that hold by default, or those that a snapshot was taken with.
    Unsaid,
    /// None.
    None,
    /// Those of this name.
    Named(String),
}

impl Preferred {
    /// The document to read in an account.
    pub fn name(&self) -> Option<String> {
        match self {
            Preferred::Unsaid => Some(DEFAULT_NAME.to_owned()),
            Preferred::None => None,
            Preferred::Named(name) => Some(name.clone()),
        }
    }
}

/// Files that hold bare documents, and what they are for.
#[derive(Debug)]
pub struct DocumentFiles {
    /// Identity policies.
    pub policies: Vec<OsString>,
    /// The trust policy.
    pub trust: Option<OsString>,
    /// The permissions boundary.
    pub boundary: Option<OsString>,
    /// The policy of the VPC endpoints.
    pub endpoint_policy: Option<OsString>,
    /// The account.
    pub account: Option<String>,
    /// The instance.
    pub instance_id: Option<String>,
}

/// The files of policies of the organization: one for each level, from the root down.
#[derive(Debug, Clone)]
pub struct LevelFiles {
    /// Service control policies.
    pub scps: Vec<OsString>,
    /// Resource control policies.
    pub rcps: Vec<OsString>,
}

impl LevelFiles {
    fn of(typed: &args::Levels) -> LevelFiles {
        LevelFiles { scps: typed.scp.clone(), rcps: typed.rcp.clone() }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &OsString> {
        self.scps.iter().chain(&self.rcps)
    }
}

/// A run of `check`, resolved.
#[derive(Debug)]
pub struct CheckPlan {
    /// Where the facts come from.
    pub source: Source,
    /// The policies of the organization that were given.
    pub levels: LevelFiles,
    /// The Regions given.
    pub regions: Vec<String>,
    /// How far a selection reaches beyond them.
    pub reach: Reach,
    /// What the role must be allowed.
    pub requirements: Requirements,
    /// The session preferences to read.
    pub preferences: Preferred,
    /// Whether a plan or template is completed from the account that it is for.
    pub with_account: bool,
    /// Where the report goes.
    pub output: Destinations,
    /// What is known.
    pub baselines: Baselines,
}

/// A run of `snapshot`, resolved.
#[derive(Debug)]
pub struct SnapshotPlan {
    /// What to save the facts of.
    pub wanted: TargetSelection,
    /// The Regions given.
    pub regions: Vec<String>,
    /// How far a selection reaches beyond them.
    pub reach: Reach,
    /// The key, the bucket and the log group to look at.
    pub requirements: Requirements,
    /// The session preferences to read.
    pub preferences: Preferred,
}

/// The mistakes in what was typed, each a message.
pub type Mistakes = Vec<String>;

/// Resolves `check`.
///
/// # Errors
/// Every mistake that was found.
pub fn check(typed: &args::Check) -> Result<CheckPlan, Stop> {
    let mut mistakes = Mistakes::new();
    let requirements = requirements(&typed.needs, &typed.circumstances, &mut mistakes);
    let mut wanted = wanted(&typed.targets, &mut mistakes);
    let sources = &typed.sources;
    let regions = regions(&typed.aws.region, &mut mistakes);
    let reach = reach::reach(&typed.targets.selection, &mut wanted, &regions, &mut mistakes);
    let is_file = sources.snapshot.is_some() || sources.terraform_plan.is_some() || sources.cloudformation.is_some();
    if is_file || !sources.policy.is_empty() {
        reach::live_only(&typed.targets.selection, &mut mistakes);
    }
    if typed.simulate && reach.accounts.is_some() {
        mistakes.push("`--simulate` asks in one account; omit `--accounts`".to_owned());
    }
    if typed.confirm && reach.accounts.is_some() {
        mistakes.push("`--confirm` asks in one account; omit `--accounts`".to_owned());
    }
    let live_or_snapshot = |file: &Option<OsString>, wanted: TargetSelection| match file {
        Some(file) => Source::Snapshot { file: file.clone(), wanted },
        None => Source::Live(wanted),
    };
    let with_account = sources.with_account;
    if with_account && sources.terraform_plan.is_none() && sources.cloudformation.is_none() {
        mistakes.push(
            "`--with-account` is for a plan or template; give it with `--terraform-plan` or `--cloudformation`"
                .to_owned(),
        );
    }
    if sources.cloudformation.is_none() && !sources.parameter.is_empty() {
        mistakes.push("`--parameter` is for a template only; give it with `--cloudformation`".to_owned());
    }
    if sources.cloudformation.is_none() && sources.policy.is_empty() && sources.account.is_some() {
        mistakes.push(
            "`--account` is for bare documents or a template; give it with `--policy` or `--cloudformation`".to_owned(),
        );
    }
    let source = if let Some(file) = &sources.terraform_plan {
        documents_only(sources, &mut mistakes);
        if regions.len() > 1 {
            mistakes.push("`--region` says where a plan is applied that names no Region; give it once".to_owned());
        }
        Source::Plan(file.clone())
    } else if let Some(file) = &sources.cloudformation {
        Source::CloudFormation(template_file(file, sources, &regions, &mut mistakes))
    } else if sources.policy.is_empty() {
        documents_only(sources, &mut mistakes);
        if sources.snapshot.is_none() || matches!(wanted, TargetSelection::Targets(_)) {
            one_region_for_named(&wanted, &regions, &mut mistakes);
        }
        live_or_snapshot(&sources.snapshot, wanted)
    } else {
        if regions.len() > 1 {
            mistakes.push("policy documents are checked for one Region; give `--region` once".to_owned());
        }
        Source::Documents(documents(sources, &mut mistakes))
    };
    let files = sources
        .snapshot
        .iter()
        .chain(&sources.terraform_plan)
        .chain(&sources.cloudformation)
        .chain(&sources.policy)
        .chain(&sources.trust)
        .chain(&sources.boundary);
    let files = files.chain(&sources.endpoint_policy);
    let levels = LevelFiles::of(&typed.levels);
    let of_targets = typed.targets.targets.iter().filter(|target| *target == STANDARD_INPUT).count();
    let files: Vec<&OsString> = files.chain(levels.iter()).collect();
    if files.iter().filter(|file| **file == STANDARD_INPUT).count() + of_targets > 1 {
        mistakes.push("standard input (`-`) can be read only once; write the other documents to files".to_owned());
    }
    let preferences = preferences(typed.circumstances.preferences.as_deref(), &mut mistakes);
    let output = Destinations::of(&typed.output).unwrap_or_else(|found| {
        mistakes.extend(found);
        Destinations { stdout: args::Output::Text, files: Vec::new() }
    });
    let accounts = typed.targets.selection.accounts.as_ref();
    let read = files.into_iter().chain(&typed.baseline).chain(accounts);
    for file in read.map(Path::new) {
        // A report in the place of what it is about would be the end of that.
        if output.files.iter().any(|(_, report)| place::is_same(report, file)) {
            mistakes.push(format!("`{}` is read by this run; write the report to another file", file.display()));
        }
    }
    match Baselines::open(typed, &output) {
        Ok(baselines) => finish(
            CheckPlan { source, levels, regions, reach, requirements, preferences, with_account, output, baselines },
            mistakes,
        )
        .map_err(Stop::Usage),
        Err(found) if mistakes.is_empty() => Err(Stop::Input(found)),
        Err(found) => Err(Stop::Usage(mistakes.into_iter().chain(found).collect())),
    }
}

fn template_file(file: &OsStr, typed: &args::Sources, regions: &[String], mistakes: &mut Mistakes) -> TemplateFile {
    documents_only(typed, mistakes);
    if regions.len() > 1 {
        mistakes.push("a template is checked for one Region; give `--region` once".to_owned());
    }
    let parameters = typed.parameter.iter().filter_map(|text| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Some((name.to_owned(), value.to_owned())),
        _ => {
            mistakes.push(format!("`{text}` is not NAME=VALUE; write `--parameter Stage=prod`"));
            None
        }
    });
    let parameters = parameters.collect();
    TemplateFile { file: file.to_owned(), parameters, account: noted_account(typed, mistakes) }
}

/// What only bare documents can have. Not clap's `requires`, which is silent where a target rules `--policy` out.
fn documents_only(sources: &args::Sources, mistakes: &mut Mistakes) {
    for (flag, given) in [
        ("--trust", sources.trust.is_some()),
        ("--boundary", sources.boundary.is_some()),
        ("--endpoint-policy", sources.endpoint_policy.is_some()),
        ("--instance-id", sources.instance_id.is_some()),
    ] {
        if given {
            mistakes.push(format!("`{flag}` is for bare documents only; give their policies with `--policy`"));
        }
    }
}

/// Resolves `snapshot`.
///
/// # Errors
/// Every mistake that was found.
pub fn snapshot(typed: &args::Snapshot) -> Result<SnapshotPlan, Mistakes> {
    let mut mistakes = Mistakes::new();
    let mut wanted = wanted(&typed.targets, &mut mistakes);
    let regions = regions(&typed.aws.region, &mut mistakes);
    one_region_for_named(&wanted, &regions, &mut mistakes);
    let reach = reach::reach(&typed.targets.selection, &mut wanted, &regions, &mut mistakes);
    if reach.accounts.is_some() {
        mistakes
            .push("a snapshot contains one account; take one for each, with credentials of that account".to_owned());
    }
    let requirements = Requirements {
        kms_key: typed.kms_key.as_deref().and_then(|key| noted(kms_key(key), &mut mistakes)),
        s3_logs: typed.s3_logs.as_deref().and_then(|logs| noted(s3_logs(logs), &mut mistakes)),
        cloudwatch_logs: typed.cloudwatch_logs.as_deref().and_then(|group| noted(log_group(group), &mut mistakes)),
        ..Requirements::default()
    };
    let preferences = preferences(typed.preferences.as_deref(), &mut mistakes);
    finish(SnapshotPlan { wanted, regions, reach, requirements, preferences }, mistakes)
}

/// See [document names](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetDocument.html).
fn preferences(typed: Option<&str>, mistakes: &mut Mistakes) -> Preferred {
    let Some(typed) = typed else { return Preferred::Unsaid };
    if typed == "none" {
        return Preferred::None;
    }
    let legible = |b: u8| b.is_ascii_alphanumeric() || b"_-.:/".contains(&b);
    if typed.is_empty() || !typed.bytes().all(legible) {
        mistakes.push(format!("`{typed}` is not the name of a Session document; give one, or `none`"));
    }
    Preferred::Named(typed.to_owned())
}

fn finish<T>(plan: T, mistakes: Mistakes) -> Result<T, Mistakes> {
    if mistakes.is_empty() { Ok(plan) } else { Err(mistakes) }
}

/// The value, or nothing and a mistake more.
fn noted<T>(result: Result<T, String>, mistakes: &mut Mistakes) -> Option<T> {
    result.map_err(|mistake| mistakes.push(mistake)).ok()
}

fn wanted(typed: &args::Targets, mistakes: &mut Mistakes) -> TargetSelection {
    if typed.all || !typed.tag.is_empty() {
        let tags = typed.tag.iter().filter_map(|tag| noted(key_and_value("--tag", tag), mistakes));
        return TargetSelection::Selection(tags.collect());
    }
    if typed.targets.is_empty() {
        return TargetSelection::Unsaid;
    }
    let mut texts: Vec<String> = typed.targets.iter().filter(|text| *text != STANDARD_INPUT).cloned().collect();
    match typed.targets.iter().filter(|text| *text == STANDARD_INPUT).count() {
        0 => {}
        1 => texts.extend(noted(targets_of_standard_input(), mistakes).into_iter().flatten()),
        _ => mistakes.push("standard input (`-`) can be read only once".to_owned()),
    }
    let mut seen = BTreeSet::new();
    let parsed = texts.iter().filter(|text| seen.insert(text.as_str()));
    let parsed = parsed.filter_map(|text| noted(Target::parse(text).map_err(|error| error.to_string()), mistakes));
    TargetSelection::Targets(parsed.collect())
}

/// A target on each line. Empty lines and comments count for nothing.
fn targets_of_standard_input() -> Result<Vec<String>, String> {
    let read = files::read(OsStr::new(STANDARD_INPUT), limits::ACCOUNTS_FILE_BYTES)?;
    let lines = read.text.trim_start_matches('\u{feff}').lines().map(without_comment);
    let targets: Vec<String> = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
    match targets.is_empty() {
        true => Err("standard input contains no targets; write one on each line".to_owned()),
        false => Ok(targets),
    }
}

/// A line without what stands behind a `#`, which may be a part of the tag `Name` of an instance, and of nothing else.
fn without_comment(line: &str) -> &str {
    match line.split_once('#') {
        Some((before, _)) if !matches!(Target::parse(before.trim()), Ok(Target { kind: TargetKind::Named(_), .. })) => {
            before.trim()
        }
        _ => line.trim(),
    }
}

/// A named target is in one place; an ARN says itself in which.
fn one_region_for_named(wanted: &TargetSelection, regions: &[String], mistakes: &mut Mistakes) {
    if regions.len() > 1 && !matches!(wanted, TargetSelection::Selection(_)) {
        mistakes.push("several `--region` go with `--all` or `--tag`; for named targets give one, or ARNs".to_owned());
    }
}

fn regions(typed: &[String], mistakes: &mut Mistakes) -> Vec<String> {
    let mut regions: Vec<String> = Vec::new();
    for region in typed {
        if let Some(mistake) = crate::cli::regions::mistake(region) {
            mistakes.push(mistake);
        } else if !regions.contains(region) {
            regions.push(region.clone());
        }
    }
    regions
}

fn documents(typed: &args::Sources, mistakes: &mut Mistakes) -> DocumentFiles {
    let account = noted_account(typed, mistakes);
    if let Some(id) = typed.instance_id.as_deref().filter(|id| !is_instance_id(id)) {
        mistakes.push(format!("`{id}` is not an instance ID: `i-` and 8 or 17 hexadecimal digits are expected"));
    }
    DocumentFiles {
        policies: typed.policy.clone(),
        trust: typed.trust.clone(),
        boundary: typed.boundary.clone(),
        account,
        endpoint_policy: typed.endpoint_policy.clone(),
        instance_id: typed.instance_id.clone(),
    }
}

fn noted_account(typed: &args::Sources, mistakes: &mut Mistakes) -> Option<String> {
    if let Some(account) = typed.account.as_deref().filter(|account| !is_account_id(account)) {
        mistakes.push(format!("`{account}` is not an account ID of 12 digits"));
    }
    typed.account.clone()
}

fn key_and_value(flag: &str, text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not KEY=VALUE; write `{flag} Env=prod`")),
    }
}
