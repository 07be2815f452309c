//! Results that have the same cause, brought together.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::render::words::{self, Place, Words};
use crate::report::{Code, Decision, Finding, Known, Outcome, Report, Severity, Verdict};
use iam_eval::arn::{Arn, is_instance_id};

/// What keeps some of the results from being ready, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause<'a> {
    /// `NotReady` or `Unknown`.
    pub verdict: Verdict,
    /// What to blame.
    pub blame: Blame<'a>,
    /// The account, where known.
    pub account: Option<&'a str>,
    /// What decided, in the order of the report.
    pub grounds: Vec<Ground<'a>>,
    /// Needed actions of which it is not known whether they are allowed, where no finding decided.
    pub undecided: Vec<&'a str>,
    /// The results, by Region and id. There is at least one.
    pub members: Vec<Member<'a>>,
}

impl Cause<'_> {
    /// Whether it is nothing but what a baseline knows.
    pub fn is_known(&self) -> bool {
        !self.grounds.is_empty() && self.grounds.iter().all(|ground| ground.known.is_some())
    }
}

/// The thing to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blame<'a> {
    /// A role, by its ARN or, where that is not known, its name.
    Role(&'a str),
    /// An instance profile, by its ARN.
    Profile(&'a str),
    /// That there is no instance profile.
    NoProfile,
    /// A Region or an account whose instances could not be listed.
    NotRead,
    /// Something that has no name of its own here: the findings say it.
    Nothing,
}

/// A finding that decided, in words for all of its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground<'a> {
    /// The finding, without what one instance alone has.
    pub finding: Cow<'a, Finding>,
    /// What is the case, and what to do about it.
    pub words: Words,
    /// That a baseline knows it.
    pub known: Option<&'a Known>,
}

/// A result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member<'a> {
    /// Its Region, where known.
    pub region: Option<&'a str>,
    /// The id of an instance, the Region or account that was not read, or the target.
    pub id: &'a str,
    /// The instance's tag `Name`.
    pub name: Option<&'a str>,
    /// What it is.
    pub kind: Kind,
}

/// What a result is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An account whose instances could not be listed.
    Account,
    /// A Region whose instances could not be listed.
    Region,
    /// A selection of which not even that is known.
    Selection,
    /// An instance.
    Instance,
    /// A role, a profile or documents.
    Target,
}

impl Kind {
    /// Whether it stands for instances that nobody has seen.
    pub fn is_unread(self) -> bool {
        matches!(self, Kind::Account | Kind::Region | Kind::Selection)
    }
}

/// A warning about ready results, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caution<'a> {
    /// What was found.
    pub ground: Ground<'a>,
    /// The results, by Region and id. There is at least one.
    pub members: Vec<Member<'a>>,
}

/// The causes, worst first: what is new before what is known, what is not ready before what is unknown, then by the number of results, then by name.
pub fn causes(report: &Report) -> Vec<Cause<'_>> {
    let mut groups: BTreeMap<Key<'_>, Group<'_>> = BTreeMap::new();
    for outcome in &report.results {
        let unknown = match outcome.verdict {
            Verdict::NotReady => false,
            Verdict::Unknown => true,
            Verdict::Ready | Verdict::Skipped => continue,
        };
        let member = member(outcome);
        let (findings, known): (Vec<&Finding>, Vec<Option<&Known>>) =
            outcome.findings_for_people().filter(|(finding, _)| finding.decides()).unzip();
        let grounds = findings.iter().map(|finding| finding.of_any_instance(member.region)).collect();
        let blame = if member.kind.is_unread() { Blame::NotRead } else { blame(outcome, &findings) };
        let undecided = if findings.is_empty() { undecided(outcome) } else { Vec::new() };
        let key = Key { unknown, blame, account: outcome.account.as_deref(), grounds, undecided, known };
        groups.entry(key).or_default().add(member, outcome, &findings);
    }
    let mut causes: Vec<Cause<'_>> = groups.into_iter().map(|(key, group)| cause(key, group)).collect();
    causes.sort_by_key(|cause| (cause.is_known(), cause.verdict == Verdict::Unknown, Reverse(cause.members.len())));
    causes
}

/// The warnings about what is ready, those of the most results first.
pub fn cautions(report: &Report) -> Vec<Caution<'_>> {
    let mut groups: BTreeMap<(Cow<'_, Finding>, Option<&Known>), Group<'_>> = BTreeMap::new();
    for outcome in report.results.iter().filter(|outcome| outcome.verdict == Verdict::Ready) {
        let member = member(outcome);
        for (finding, known) in outcome.findings() {
            if finding.severity() == Severity::Warning {
                let key = (finding.of_any_instance(member.region), known);
                groups.entry(key).or_default().add(member, outcome, &[finding]);
            }
        }
    }
    let mut cautions = Vec::with_capacity(groups.len());
    for ((key, known), group) in groups {
        let (grounds, members) = group.finish(vec![key], vec![known], &Blame::Nothing);
        cautions.extend(grounds.into_iter().next().map(|ground| Caution { ground, members }));
    }
    cautions.sort_by_key(|caution| Reverse(caution.members.len()));
    cautions
}

/// What a result is, and how it is called.
pub fn member(outcome: &Outcome) -> Member<'_> {
    let (region, account, target) = (outcome.region.as_deref(), outcome.account.as_deref(), outcome.target.as_str());
    let of = |id, kind| Member { region, id, name: None, kind };
    if let Some(instance) = &outcome.instance {
        let id = instance.id.as_deref().unwrap_or(target);
        return Member { name: instance.name.as_deref(), ..of(id, Kind::Instance) };
    }
    let last = target.rsplit('/').next().unwrap_or(target);
    // What stands for a selection that could not be read is called by its flags.
    let named = !target.starts_with("--");
    if is_instance_id(last) {
        of(last, Kind::Instance)
    } else if named {
        of(target, Kind::Target)
    } else if let Some(region) = region {
        of(region, Kind::Region)
    } else if let Some(account) = account {
        of(account, Kind::Account)
    } else {
        of(target, Kind::Selection)
    }
}

/// What makes results have the same cause.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    unknown: bool,
    blame: Blame<'a>,
    account: Option<&'a str>,
    grounds: Vec<Cow<'a, Finding>>,
    undecided: Vec<&'a str>,
    /// Which of the grounds are known.
    known: Vec<Option<&'a Known>>,
}

/// The results under one key, and the first one with its findings in full.
#[derive(Default)]
struct Group<'a> {
    members: Vec<Member<'a>>,
    first: Option<(&'a Outcome, Vec<&'a Finding>)>,
    /// Whether all have the very findings of the first.
    same: bool,
}

impl<'a> Group<'a> {
    fn add(&mut self, member: Member<'a>, outcome: &'a Outcome, findings: &[&'a Finding]) {
        self.members.push(member);
        match &self.first {
            None => (self.first, self.same) = (Some((outcome, findings.to_vec())), true),
            Some((_, of_first)) => self.same &= of_first.as_slice() == findings,
        }
    }

    /// `keys` are the findings without what one instance alone has.
    fn finish(
        self,
        keys: Vec<Cow<'a, Finding>>,
        known: Vec<Option<&'a Known>>,
        blame: &Blame<'a>,
    ) -> (Vec<Ground<'a>>, Vec<Member<'a>>) {
        let Group { mut members, first, same } = self;
        members.sort_unstable();
        let place = match (members.as_slice(), &first) {
            ([_], Some((outcome, _))) => Place::of(outcome),
            (members, _) => Place::of_several(one_region(members)),
        };
        let example = first.as_ref().filter(|_| members.len() > 1).map(|(outcome, findings)| {
            let region = one_region(&members);
            let share = match blame {
                Blame::Role(arn) if arn.starts_with("arn:") && region.is_some() => Some((*arn, region)),
                _ => None,
            };
            (*outcome, findings.clone(), share)
        });
        let full = first.filter(|_| same).map(|(_, findings)| findings).unwrap_or_default();
        let grounds = keys.into_iter().zip(known).enumerate().map(|(index, (finding, known))| {
            let mut words = words::finding(full.get(index).copied().unwrap_or(&finding), &place);
            // A command names one of them, rather than none.
            if let Some((outcome, findings, share)) = &example {
                let place = Place::of_example(outcome, *share);
                let own = findings.get(index).map(|finding| words::finding(finding, &place).remedy);
                if let Some(remedy) = own {
                    words.remedy = if place.showed_example() { words::of_each(&remedy) } else { remedy };
                }
            }
            Ground { finding, words, known }
        });
        let grounds = grounds.collect();
        (grounds, members)
    }
}

/// The Region of all members, if they are in one.
fn one_region<'a>(members: &[Member<'a>]) -> Option<&'a str> {
    let first = members.first()?.region?;
    members.iter().all(|member| member.region == Some(first)).then_some(first)
}

fn cause<'a>(key: Key<'a>, group: Group<'a>) -> Cause<'a> {
    let Key { unknown, blame, account, grounds, undecided, known } = key;
    let (grounds, members) = group.finish(grounds, known, &blame);
    let verdict = if unknown { Verdict::Unknown } else { Verdict::NotReady };
    Cause { verdict, blame, account, grounds, undecided, members }
}

/// The first thing on the way from the instance to its role that the findings are about.
fn blame<'a>(outcome: &'a Outcome, findings: &[&Finding]) -> Blame<'a> {
    let any = |codes: &[Code]| findings.iter().any(|finding| codes.contains(&finding.code()));
    let role = outcome.role.as_ref().map(|role| Blame::Role(role.arn.as_deref().unwrap_or(&role.name)));
    let profile = outcome.instance_profile.as_ref().and_then(|profile| profile.arn.as_deref()).map(Blame::Profile);
    let blame = if any(&[Code::NoInstanceProfile]) {
        Some(Blame::NoProfile)
    } else if any(&[Code::InstanceProfileMissing, Code::InstanceProfileStale, Code::InstanceProfileEmpty]) {
        profile
    } else if findings.is_empty() || findings.iter().any(|finding| is_about_role(finding.code())) {
        role.or(profile)
    } else {
        None
    };
    blame.unwrap_or(Blame::Nothing)
}

/// What could not be read is not the role's fault, whoever holds it: one denied call is one cause over all roles.
fn is_about_role(code: Code) -> bool {
    match code {
        Code::RoleMissing
        | Code::TrustPolicy
        | Code::MissingPermission
        | Code::OptionalPermission
        | Code::ExplicitDeny
        | Code::BlockedByBoundary
        | Code::BlockedByScp
        | Code::BlockedByRcp
        | Code::ConditionalPermission
        | Code::InvalidPolicy
        | Code::KmsKeyPolicy
        | Code::ManagedByDhmc
        | Code::DhmcFallbackOff
        | Code::SessionLogs => true,
        Code::NoInstanceProfile
        | Code::InstanceProfileMissing
        | Code::InstanceProfileStale
        | Code::InstanceProfileEmpty
        | Code::AssociationPending
        | Code::MetadataDisabled
        | Code::InstanceNotRunning
        | Code::InstanceTerminated
        | Code::InstanceNotFound
        | Code::AccessDenied
        | Code::AwsError
        | Code::NotInPlan
        | Code::AgentOffline
        | Code::NoNetworkPath
        | Code::SecurityGroupBlocks
        | Code::NetworkAclBlocks
        | Code::EndpointDns
        | Code::EndpointPolicy
        | Code::NetworkUnknown
        | Code::NotConnected
        | Code::AgentOutdated => false,
    }
}

fn undecided(outcome: &Outcome) -> Vec<&str> {
    let mut actions = Vec::new();
    for permission in &outcome.permissions {
        if permission.required && permission.decision == Decision::Unknown {
            actions.push(permission.action.as_str());
        }
    }
    actions.sort_unstable();
    actions.dedup();
    actions
}

/// The name in the ARN of a role or profile; what is no ARN is a name already.
pub fn name_of(arn: &str) -> Cow<'_, str> {
    Arn::parse(arn).map_or(Cow::Borrowed(arn), |arn| Cow::Owned(arn.name().to_owned()))
}
