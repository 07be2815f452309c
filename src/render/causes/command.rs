//! The command that fixes a cause, ready to be pasted.

use std::collections::BTreeSet;

use super::Fixes;
use super::grouping::{Blame, Cause, Kind, Member};
use crate::command_line::Command;
use crate::render::sanitize::word;
use crate::render::words;
use crate::report::{ANY_REGION, ActionOn, Code, FindingKind, Severity};
use iam_eval::arn::{Arn, is_instance_id, partition_of_region};

/// The most instances that a command names one by one.
const MOST_NAMED: usize = 10;

/// A command that fixes a cause.
pub(super) struct FixCommand<'a> {
    pub(super) command: Command,
    /// The account whose credentials it needs, where others may be at hand.
    pub(super) account: Option<&'a str>,
}

/// `ssm-profile fix` for a cause; `None` where it cannot help.
pub(super) fn fix_command<'a>(cause: &Cause<'a>, fixes: Fixes<'_>) -> Option<FixCommand<'a>> {
    if !can_help(cause) {
        return None;
    }
    let codes: BTreeSet<Code> = cause.grounds.iter().map(|ground| ground.finding.code()).collect();
    let targets = match cause.blame {
        Blame::Role(arn) if is_arn_of(arn, "role") && !differs_by_region(cause) => on_one(arn, cause),
        // The role that it gets is granted what its Regions ask for, and those must be named.
        Blame::Profile(arn)
            if codes.iter().eq([&Code::InstanceProfileEmpty])
                && is_arn_of(arn, "instance-profile")
                && !matches!(places(&cause.members), Places::Several) =>
        {
            on_one(arn, cause)
        }
        _ => on_instances(cause, &codes, fixes)?,
    };
    // The selection enters the accounts by itself.
    let account = cause.account.filter(|_| fixes.several_accounts && !targets.is_selection);
    let mut command = Command::new("ssm-profile fix").with(&targets.words);
    if codes.contains(&Code::NoInstanceProfile) || codes.contains(&Code::InstanceProfileMissing) {
        command = command.option("--create-profile", words::CREATED_PROFILE);
    }
    let command = command.with(fixes.flags);
    // What somebody else manages, `fix` only prints.
    let owner = cause.grounds.iter().find_map(|ground| match &ground.finding.kind {
        FindingKind::MissingPermission { managed_by, .. } | FindingKind::TrustDenied { managed_by, .. } => {
            managed_by.as_deref()
        }
        _ => None,
    });
    let command = command.options("--emit", owner.map(words::form_of));
    Some(FixCommand { command, account })
}

/// What a command is to act on.
struct Targets {
    words: Command,
    /// Whether it is what the report was about, and not targets by name.
    is_selection: bool,
}

impl Targets {
    fn named(names: impl IntoIterator<Item = impl AsRef<str>>, region: Option<&str>) -> Targets {
        let names = names.into_iter().fold(Command::default(), |words, name| words.operand(name.as_ref()));
        Targets { words: names.options("--region", region), is_selection: false }
    }
}

/// Whether what is lacking is another thing in each Region: a key, say, of which one would be granted and the others not.
fn differs_by_region(cause: &Cause<'_>) -> bool {
    let by_region = |permission: &ActionOn| {
        let arn = permission.resource.as_deref().and_then(Arn::parse);
        arn.is_some_and(|arn| arn.region == ANY_REGION && arn.service != "ec2")
    };
    cause.grounds.iter().any(|ground| match &ground.finding.kind {
        FindingKind::MissingPermission { permissions, .. } => permissions.iter().any(by_region),
        _ => false,
    })
}

fn can_help(cause: &Cause<'_>) -> bool {
    let is_fixable = |code| {
        matches!(
            code,
            Code::MissingPermission
                | Code::NoInstanceProfile
                | Code::InstanceProfileMissing
                | Code::InstanceProfileStale
                | Code::InstanceProfileEmpty
                | Code::TrustPolicy
                | Code::DhmcFallbackOff
        )
    };
    // What a trust policy makes hang on a condition, `fix` does not touch.
    let hangs = cause
        .grounds
        .iter()
        .all(|ground| ground.finding.code() == Code::TrustPolicy && ground.finding.severity() != Severity::Error);
    !cause.grounds.is_empty() && cause.grounds.iter().all(|ground| is_fixable(ground.finding.code())) && !hangs
}

fn is_arn_of(text: &str, resource_type: &str) -> bool {
    Arn::parse(text).is_some_and(|arn| arn.resource_type() == resource_type)
}

/// A role or profile is the same in every Region; what its policies say of a Region shows best from that one.
fn on_one(arn: &str, cause: &Cause<'_>) -> Targets {
    let region = match places(&cause.members) {
        Places::One(region) => Some(region),
        Places::None | Places::Several => None,
    };
    Targets::named([arn], region)
}

fn on_instances(cause: &Cause<'_>, codes: &BTreeSet<Code>, fixes: Fixes<'_>) -> Option<Targets> {
    let members = &cause.members;
    if !members.iter().all(|member| member.kind == Kind::Instance && is_instance_id(member.id)) {
        return None;
    }
    if let Some(selection) = fixes.selection.filter(|_| members.len() > MOST_NAMED) {
        // The codes are in the order of the chain, and the first link that is missing is what the cause is.
        let words = selection.clone().option("--only", word(codes.first()?));
        return Some(Targets { words, is_selection: true });
    }
    let ids = members.iter().map(|member| member.id);
    match places(members) {
        Places::None => Some(Targets::named(ids, None)),
        Places::One(region) => Some(Targets::named(ids, Some(region))),
        Places::Several => {
            let arns = members.iter().map(|member| instance_arn(member, cause.account));
            Some(Targets::named(arns.collect::<Option<Vec<_>>>()?, None))
        }
    }
}

/// `None` for an instance whose Region is not known, which no command can find.
fn instance_arn(member: &Member<'_>, account: Option<&str>) -> Option<String> {
    let (region, id, account) = (member.region?, member.id, account.unwrap_or_default());
    Some(format!("arn:{}:ec2:{region}:{account}:instance/{id}", partition_of_region(region)))
}

/// The Regions of members.
enum Places<'a> {
    /// No Region is known.
    None,
    /// All are in this one.
    One(&'a str),
    /// There are several, or some are not known.
    Several,
}

fn places<'a>(members: &[Member<'a>]) -> Places<'a> {
    // They are in order by Region.
    match (members.first().and_then(|member| member.region), members.last().and_then(|member| member.region)) {
        (None, None) => Places::None,
        (Some(first), Some(last)) if first == last => Places::One(first),
        _ => Places::Several,
    }
}
