//! The command that mends a cause, ready to be pasted.

use std::collections::BTreeSet;

use super::Fixes;
use super::grouping::{Blame, Cause, Kind, Member};
use crate::render::sanitize::{shell, word};
use crate::report::{Code, Severity};
use iam_eval::arn::{Arn, is_instance_id, partition_of_region};

/// The most instances that a command names one by one.
const MOST_NAMED: usize = 10;

/// What `ssm-profile fix` calls a profile that it creates where none is: it creates nothing without a name.
const CREATED_PROFILE: &str = "SessionManager";

/// `ssm-profile fix` for a cause; `None` where it cannot help.
pub(super) fn command(cause: &Cause<'_>, fixes: Fixes<'_>) -> Option<String> {
    if !can_help(cause) {
        return None;
    }
    let codes: BTreeSet<Code> = cause.grounds.iter().map(|ground| ground.code).collect();
    let mut words = vec!["ssm-profile fix".to_owned()];
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
    let elsewhere =
        cause.account.filter(|_| fixes.several_accounts && targets.first().is_none_or(|it| it != fixes.selection));
    words.extend(targets);
    if codes.contains(&Code::NoInstanceProfile) || codes.contains(&Code::InstanceProfileMissing) {
        words.push(format!("--create-profile {CREATED_PROFILE}"));
    }
    words.extend((!fixes.flags.is_empty()).then(|| fixes.flags.to_owned()));
    words.extend(elsewhere.map(|account| format!(" # with credentials of account {}", word_of(account))));
    Some(words.join(" "))
}

/// An account as a comment may hold it.
fn word_of(account: &str) -> String {
    account.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Whether what is lacking is another thing in each Region: a key, say, of which one would be granted and the others not.
fn differs_by_region(cause: &Cause<'_>) -> bool {
    let of_instances = |message: &str| {
        let mut before: Vec<&str> = message.split(":REGION:").collect();
        before.pop();
        before.iter().all(|before| before.ends_with(":ec2"))
    };
    cause.grounds.iter().any(|ground| !of_instances(&ground.message))
}

fn can_help(cause: &Cause<'_>) -> bool {
    let mends = |code| {
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
    let hangs =
        cause.grounds.iter().all(|ground| ground.code == Code::TrustPolicy && ground.severity != Severity::Error);
    !cause.grounds.is_empty() && cause.grounds.iter().all(|ground| mends(ground.code)) && !hangs
}

fn is_arn_of(text: &str, resource_type: &str) -> bool {
    Arn::parse(text).is_some_and(|arn| arn.resource_type() == resource_type)
}

/// A role or profile is the same in every Region; what its policies say of a Region shows best from that one.
fn on_one(arn: &str, cause: &Cause<'_>) -> Vec<String> {
    let mut words = vec![shell(arn)];
    if let Places::One(region) = places(&cause.members) {
        words.push(format!("--region {}", shell(region)));
    }
    words
}

fn on_instances(cause: &Cause<'_>, codes: &BTreeSet<Code>, fixes: Fixes<'_>) -> Option<Vec<String>> {
    let members = &cause.members;
    if !members.iter().all(|member| member.kind == Kind::Instance && is_instance_id(member.id)) {
        return None;
    }
    if members.len() > MOST_NAMED {
        // The codes are in the order of the chain, and the first link that is missing is what the cause is.
        return codes.first().map(|code| vec![fixes.selection.to_owned(), format!("--only {}", word(code))]);
    }
    let ids = members.iter().map(|member| member.id.to_owned());
    match places(members) {
        Places::None => Some(ids.collect()),
        Places::One(region) => Some(ids.chain([format!("--region {}", shell(region))]).collect()),
        Places::Several => members.iter().map(|member| instance_arn(member, cause.account)).collect(),
    }
}

/// `None` for an instance whose Region is not known, which no command can find.
fn instance_arn(member: &Member<'_>, account: Option<&str>) -> Option<String> {
    let (region, id, account) = (member.region?, member.id, account.unwrap_or_default());
    Some(shell(&format!("arn:{}:ec2:{region}:{account}:instance/{id}", partition_of_region(region))))
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
