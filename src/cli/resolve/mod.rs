//! From what was typed to a plan of the run. Every mistake is reported, not the first alone.

mod fix;
mod reach;

use std::ffi::OsString;

use super::args;
use crate::arn::{Arn, is_account_id, is_instance_id};
use crate::needs::{RequiredAction, Requirements, S3Logs};
use crate::preferences::DEFAULT_NAME;
use crate::target::Target;

pub use fix::{FixPlan, FixSource, PolicyPlan, fix, policy, undo};
pub use reach::{AccountList, Reach};

/// Where the facts of a run come from.
#[derive(Debug)]
pub enum Source {
    /// An AWS account.
    Live(Wanted),
    /// A snapshot file.
    Snapshot {
        /// The file.
        file: OsString,
        /// What to judge of it.
        wanted: Wanted,
    },
    /// Bare documents.
    Documents(DocumentFiles),
}

/// What to judge.
#[derive(Debug, Clone)]
pub enum Wanted {
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
    /// The account.
    pub account: Option<String>,
    /// The instance.
    pub instance_id: Option<String>,
}

/// A run of `check`, resolved.
#[derive(Debug)]
pub struct CheckPlan {
    /// Where the facts come from.
    pub source: Source,
    /// SCP levels, from the root down.
    pub scps: Vec<OsString>,
    /// The Regions given.
    pub regions: Vec<String>,
    /// How far a selection reaches beyond them.
    pub reach: Reach,
    /// What the role must be allowed.
    pub requirements: Requirements,
    /// The session preferences to read.
    pub preferences: Preferred,
}

/// A run of `snapshot`, resolved.
#[derive(Debug)]
pub struct SnapshotPlan {
    /// What to save the facts of.
    pub wanted: Wanted,
    /// The Regions given.
    pub regions: Vec<String>,
    /// How far a selection reaches beyond them.
    pub reach: Reach,
    /// A key to look up.
    pub kms_key: Option<String>,
    /// The session preferences to read.
    pub preferences: Preferred,
}

/// The mistakes in what was typed, each a message.
pub type Mistakes = Vec<String>;

/// Resolves `check`.
///
/// # Errors
/// Every mistake that was found.
pub fn check(typed: &args::Check) -> Result<CheckPlan, Mistakes> {
    let mut mistakes = Mistakes::new();
    let requirements = requirements(&typed.needs, &typed.circumstances, &mut mistakes);
    let mut wanted = wanted(&typed.targets, &mut mistakes);
    let sources = &typed.sources;
    let regions = regions(&typed.aws.region, &mut mistakes);
    let reach = reach::reach(&typed.targets.selection, &mut wanted, &regions, &mut mistakes);
    if sources.snapshot.is_some() || !sources.policy.is_empty() {
        reach::live_only(&typed.targets.selection, &mut mistakes);
    }
    if typed.simulate && reach.accounts.is_some() {
        mistakes.push("`--simulate` asks in one account; leave `--accounts` away".to_owned());
    }
    let live_or_snapshot = |file: &Option<OsString>, wanted: Wanted| match file {
        Some(file) => Source::Snapshot { file: file.clone(), wanted },
        None => Source::Live(wanted),
    };
    let source = if sources.policy.is_empty() {
        documents_only(sources, &mut mistakes);
        if sources.snapshot.is_none() || matches!(wanted, Wanted::Targets(_)) {
            one_region_for_named(&wanted, &regions, &mut mistakes);
        }
        live_or_snapshot(&sources.snapshot, wanted)
    } else {
        if regions.len() > 1 {
            mistakes.push("bare documents are judged for one Region; give `--region` once".to_owned());
        }
        Source::Documents(documents(sources, &mut mistakes))
    };
    let files = sources.snapshot.iter().chain(&sources.policy).chain(&sources.trust).chain(&sources.boundary);
    if files.chain(&sources.scp).filter(|file| *file == "-").count() > 1 {
        mistakes.push("standard input (`-`) can be read once only; write the other documents to files".to_owned());
    }
    let preferences = preferences(typed.circumstances.preferences.as_deref(), &mut mistakes);
    finish(CheckPlan { source, scps: sources.scp.clone(), regions, reach, requirements, preferences }, mistakes)
}

/// What only bare documents can have. Not clap's `requires`, which is silent where a target rules `--policy` out.
fn documents_only(sources: &args::Sources, mistakes: &mut Mistakes) {
    for (flag, given) in [
        ("--trust", sources.trust.is_some()),
        ("--boundary", sources.boundary.is_some()),
        ("--account", sources.account.is_some()),
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
        mistakes.push("a snapshot holds one account; take one of each, with credentials of that account".to_owned());
    }
    let kms_key = typed.kms_key.as_deref().and_then(|key| noted(kms_key(key), &mut mistakes));
    let preferences = preferences(typed.preferences.as_deref(), &mut mistakes);
    finish(SnapshotPlan { wanted, regions, reach, kms_key, preferences }, mistakes)
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

fn wanted(typed: &args::Targets, mistakes: &mut Mistakes) -> Wanted {
    if typed.all || !typed.tag.is_empty() {
        let tags = typed.tag.iter().filter_map(|tag| noted(key_and_value("--tag", tag), mistakes));
        return Wanted::Selection(tags.collect());
    }
    if typed.targets.is_empty() {
        return Wanted::Unsaid;
    }
    let targets = typed.targets.iter();
    let parsed = targets.filter_map(|text| noted(Target::parse(text).map_err(|error| error.to_string()), mistakes));
    Wanted::Targets(parsed.collect())
}

/// A named target is in one place; an ARN says itself in which.
fn one_region_for_named(wanted: &Wanted, regions: &[String], mistakes: &mut Mistakes) {
    if regions.len() > 1 && !matches!(wanted, Wanted::Selection(_)) {
        mistakes.push("several `--region` go with `--all` or `--tag`; for named targets give one, or ARNs".to_owned());
    }
}

fn regions(typed: &[String], mistakes: &mut Mistakes) -> Vec<String> {
    let mut regions: Vec<String> = Vec::new();
    for region in typed {
        let parts = region.split('-').count();
        let legible = region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let ends_in_digit = region.ends_with(|c: char| c.is_ascii_digit());
        if !legible || parts < 3 || !ends_in_digit {
            let zone = region.trim_end_matches(|c: char| c.is_ascii_lowercase());
            let hint = match region.len() == zone.len() + 1 && zone.ends_with(|c: char| c.is_ascii_digit()) {
                true => format!("did you mean `{zone}`?"),
                false => "it looks like `us-east-1`".to_owned(),
            };
            mistakes.push(format!("`{region}` is not a Region; {hint}"));
        } else if !regions.contains(region) {
            regions.push(region.clone());
        }
    }
    regions
}

fn requirements(typed: &args::Needs, circumstances: &args::Circumstances, mistakes: &mut Mistakes) -> Requirements {
    Requirements {
        kms_key: typed.kms_key.as_deref().and_then(|key| noted(kms_key(key), mistakes)),
        s3_logs: typed.s3_logs.as_deref().and_then(|logs| noted(s3_logs(logs), mistakes)),
        cloudwatch_logs: typed.cloudwatch_logs.as_deref().and_then(|group| noted(log_group(group), mistakes)),
        actions: typed.require.iter().filter_map(|text| noted(required_action(text), mistakes)).collect(),
        context: context(&circumstances.context, mistakes),
    }
}

/// See [key identifiers](https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id).
fn kms_key(text: &str) -> Result<String, String> {
    let mistake = || {
        Err(format!(
            "`{text}` is not a KMS key; give a key ARN, a key id like `1234abcd-12ab-34cd-56ef-1234567890ab`, or `alias/NAME`"
        ))
    };
    let name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_-".contains(&b));
    if let Some(arn) = Arn::parse(text) {
        let (kind, rest) = arn.resource.split_once('/').unwrap_or_default();
        let whole = arn.service == "kms" && !arn.region.is_empty() && is_account_id(&arn.account);
        return if whole && matches!(kind, "key" | "alias") && name(rest) { Ok(text.to_owned()) } else { mistake() };
    }
    let is_alias = text.strip_prefix("alias/").is_some_and(name);
    let hexadecimal =
        |digits: &str, most: usize| digits.len() == most && digits.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let is_id = hexadecimal(text, 36) || text.strip_prefix("mrk-").is_some_and(|digits| hexadecimal(digits, 32));
    if is_alias || is_id {
        return Ok(text.to_owned());
    }
    mistake()
}

/// See [bucket naming rules](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html).
fn s3_logs(text: &str) -> Result<S3Logs, String> {
    let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
    let legible = bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b));
    if !(3..=63).contains(&bucket.len()) || !legible {
        let bare = text.strip_prefix("s3://").or_else(|| text.rsplit_once(":::").map(|(_, name)| name));
        let hint = bare.map(|bare| format!("; did you mean `{}`?", bare.trim_end_matches('/'))).unwrap_or_default();
        return Err(format!("`{text}` is not BUCKET[/PREFIX]{hint}"));
    }
    Ok(S3Logs { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
}

/// See [log group names](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html).
fn log_group(text: &str) -> Result<String, String> {
    let legible = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-/.#".contains(&b));
    if (1..=512).contains(&text.len()) && legible {
        return Ok(text.to_owned());
    }
    let name = text.split("log-group:").nth(1).and_then(|rest| rest.split(':').next());
    let hint = name.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    Err(format!("`{text}` is not the name of a log group{hint}"))
}

fn required_action(text: &str) -> Result<RequiredAction, String> {
    let (action, resource) = match text.split_once('=') {
        Some((action, resource)) => (action, Some(resource)),
        None => (text, None),
    };
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match action.split_once(':') {
        Some((service, name)) if word(service) && word(name) => {}
        _ => return Err(format!("`{text}` does not name one IAM action, like `s3:GetObject=arn:aws:s3:::bucket/*`")),
    }
    match resource {
        Some(resource) if resource != "*" && Arn::parse(resource).is_none() => {
            Err(format!("`{resource}` in `{text}` is not the ARN of a resource"))
        }
        _ => Ok(RequiredAction {
            action: action.to_owned(),
            resource: resource.filter(|resource| *resource != "*").map(str::to_owned),
        }),
    }
}

fn context(typed: &[String], mistakes: &mut Mistakes) -> Vec<(String, Vec<String>)> {
    let mut context: Vec<(String, Vec<String>)> = Vec::new();
    for text in typed {
        let Some((key, values)) = text.split_once('=') else {
            mistakes.push(format!(
                "`{text}` is not KEY=VALUE; write `--context {text}=VALUE`, or `{text}=` for a key that is absent"
            ));
            continue;
        };
        let prefixed = key.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
        if !prefixed || key.contains(char::is_whitespace) {
            mistakes.push(format!("`{key}` is not a condition key; it looks like `aws:SourceVpce`"));
        } else if context.iter().any(|(other, _)| other.eq_ignore_ascii_case(key)) {
            mistakes.push(format!("`{key}` is given twice; write several values as `--context {key}=A,B`"));
        } else {
            context.push((key.to_owned(), split_values(values)));
        }
    }
    context
}

/// Splits at commas; `\,` is a comma. Nothing at all is no value.
fn split_values(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    let mut values = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, values.last_mut()) {
            ('\\', Some(value)) if characters.peek() == Some(&',') => {
                value.extend(characters.next());
            }
            (',', _) => values.push(String::new()),
            (c, Some(value)) => value.push(c),
            (_, None) => {}
        }
    }
    values
}

fn documents(typed: &args::Sources, mistakes: &mut Mistakes) -> DocumentFiles {
    if let Some(account) = typed.account.as_deref().filter(|account| !is_account_id(account)) {
        mistakes.push(format!("`{account}` is not an account id of 12 digits"));
    }
    if let Some(id) = typed.instance_id.as_deref().filter(|id| !is_instance_id(id)) {
        mistakes.push(format!("`{id}` is not an instance id: `i-` and 8 or 17 hexadecimal digits are expected"));
    }
    DocumentFiles {
        policies: typed.policy.clone(),
        trust: typed.trust.clone(),
        boundary: typed.boundary.clone(),
        account: typed.account.clone(),
        instance_id: typed.instance_id.clone(),
    }
}

fn key_and_value(flag: &str, text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not KEY=VALUE; write `{flag} Env=prod`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_values() {
        for (text, expected) in [
            ("", vec![]),
            ("a", vec!["a"]),
            ("a,b", vec!["a", "b"]),
            (r"a\,b,c", vec!["a,b", "c"]),
            (r"a\b", vec![r"a\b"]),
            ("a,", vec!["a", ""]),
        ] {
            assert_eq!(split_values(text), expected, "{text}");
        }
    }

    #[test]
    fn keys_buckets_groups_and_actions() {
        let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
        for good in
            [id, "alias/a/b", "mrk-1234abcd12ab34cd56ef1234567890ab", "arn:aws-cn:kms:cn-north-1:111122223333:alias/a"]
        {
            assert_eq!(kms_key(good), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "alias/",
            "key",
            "arn:aws:kms:us-east-1:111122223333:grant/x",
            "arn:aws:s3:::b",
            "arn:aws:kms::1:key/a",
        ] {
            assert!(kms_key(bad).unwrap_err().contains("is not a KMS key"), "{bad}");
        }
        let logs = |bucket: &str, prefix: &str| Ok(S3Logs { bucket: bucket.into(), prefix: prefix.into() });
        assert_eq!(s3_logs("bucket"), logs("bucket", ""));
        assert_eq!(s3_logs("bucket/a/b/"), logs("bucket", "a/b"));
        assert!(s3_logs("s3://bucket/a/").unwrap_err().ends_with("did you mean `bucket/a`?"));
        assert!(s3_logs("arn:aws:s3:::bucket").unwrap_err().ends_with("did you mean `bucket`?"));
        assert_eq!(log_group("/ssm/a"), Ok("/ssm/a".to_owned()));
        assert!(log_group("arn:aws:logs:us-east-1:1:log-group:a:*").unwrap_err().ends_with("did you mean `a`?"));
        assert!(required_action("s3:GetObject=arn:aws:s3:::b/*").is_ok());
        for bad in ["s3:*", "GetObject", "s3:", "s3:Get Object", "s3:GetObject=b"] {
            assert!(required_action(bad).is_err(), "{bad}");
        }
    }
}
