//! The plan: target by target, the changes that make it ready, or why there are none.
//!
//! Each target is drafted on a copy of the facts that concern it. The changes of a draft are made in that copy and the copy is
//! judged: only a draft that ends `ready` becomes part of the plan.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::draft::Draft;
use super::refusal::{Reason, Refusal};
use super::{Change, foresee};
use crate::diagnose::diagnose;
use crate::facts::{Fact, Facts, Subject, SubjectKind};
use crate::needs::Requirements;
use crate::report::{Code, Outcome, Severity, Verdict};

/// How to fix, as the user wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The name of the inline policy.
    pub policy_name: String,
    /// Attach `AmazonSSMManagedInstanceCore` instead of granting the core actions in the inline policy.
    pub attach_managed: bool,
    /// The name of the role and the instance profile to create where there is none.
    pub create_profile: Option<String>,
    /// Change roles that something else owns, too.
    pub force_managed_elsewhere: bool,
}

/// What to do, and what not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The changes, in the order to make them.
    pub changes: Vec<Change>,
    /// The targets that stay as they are although they are not ready.
    pub refusals: Vec<Refusal>,
    /// What a person should know before saying yes.
    pub warnings: Vec<String>,
}

/// Plans the smallest set of changes that makes every subject of the facts ready.
///
/// `now` is the time that conditions on the clock are judged at.
pub fn plan(facts: &Facts, requirements: &Requirements, options: &Options, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let mut foreseen = facts.clone();
    let mut open: Vec<usize> = (0..facts.subjects.len()).collect();
    // What is changed for one target may be all that an earlier one lacked.
    loop {
        let mut refused = Vec::new();
        let mut mended = false;
        for index in std::mem::take(&mut open) {
            let Some(view) = view_of(&foreseen, index, options) else { continue };
            match mend(view, requirements, options, now) {
                Ok(None) => {}
                Ok(Some(draft)) => {
                    mended = true;
                    draft.changes.iter().for_each(|change| foresee::apply(&mut foreseen, change));
                    draft.changes.into_iter().for_each(|change| add(&mut plan.changes, change));
                    draft.warnings.into_iter().for_each(|warning| once(&mut plan.warnings, warning));
                }
                Err(refusals) => {
                    open.push(index);
                    refused.extend(refusals);
                }
            }
        }
        if !mended || open.is_empty() {
            plan.refusals = refused;
            return plan;
        }
    }
}

/// The draft that makes the one subject of `view` ready; `None` if it is, or is not to be.
fn mend<'a>(
    view: Facts,
    requirements: &'a Requirements,
    options: &'a Options,
    now: Timestamp,
) -> Result<Option<Draft<'a>>, Vec<Refusal>> {
    let Some(before) = judge(&view, requirements, now) else { return Ok(None) };
    if matches!(before.verdict, Verdict::Ready | Verdict::Skipped) {
        return Ok(None);
    }
    let mut draft = Draft::new(view, requirements, options, now);
    draft.write().map_err(|refusal| vec![refusal])?;
    match judge(&draft.view, requirements, now) {
        Some(after) if after.verdict != Verdict::Ready => Err(out_of_reach(&after)),
        _ => Ok(Some(draft)),
    }
}

/// What a plan has to know beyond the facts of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookups {
    /// Roles, each by partition, account and name.
    pub roles: Vec<(String, String, String)>,
    /// Instance profiles, each by partition, account and name.
    pub profiles: Vec<(String, String, String)>,
    /// Managed policies, each by partition and ARN.
    pub policies: Vec<(String, String)>,
}

/// What to read before planning: the names that the plan may want to create, and the managed policy it may attach.
pub fn lookups(facts: &Facts, options: &Options) -> Lookups {
    let mut lookups = Lookups::default();
    for subject in &facts.subjects {
        if options.attach_managed
            && let Some(arn) = super::draft::managed_core(subject)
        {
            once(&mut lookups.policies, (arn.partition.clone(), arn.to_string()));
        }
        let (Some(partition), Some(account)) = (subject.partition.as_deref(), subject.account.as_deref()) else {
            continue;
        };
        let named = |name: &str| (partition.to_owned(), account.to_owned(), name.to_owned());
        let held = profile_of(subject).map(|key| facts.profiles.get(&key));
        let is_instance = matches!(subject.kind, SubjectKind::Instance(Fact::Known(_)));
        match (held, &options.create_profile) {
            (Some(Some(Fact::Known(profile))), name) if profile.role.is_none() => {
                once(&mut lookups.roles, named(name.as_deref().unwrap_or(&profile.name)));
            }
            (None | Some(Some(Fact::Absent)), Some(name)) if is_instance => {
                once(&mut lookups.roles, named(name));
                once(&mut lookups.profiles, named(name));
            }
            _ => {}
        }
    }
    lookups
}

fn once<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if !all.contains(&one) {
        all.push(one);
    }
}

/// Adds a change; one to a thing that is changed already makes one change of the two.
fn add(changes: &mut Vec<Change>, change: Change) {
    let same = |earlier: &&mut Change| earlier.thing() == change.thing() && change.thing().role().is_some();
    if let Some(earlier) = changes.iter_mut().find(same)
        && let Some(joined) = Change::new(change.thing().clone(), earlier.before().clone(), change.after().clone())
    {
        *earlier = joined;
        return;
    }
    changes.push(change);
}

fn judge(view: &Facts, requirements: &Requirements, now: Timestamp) -> Option<Outcome> {
    diagnose(view, requirements, now).results.pop()
}

/// The facts that concern one subject: itself, its profile and role, and those of the name to create.
fn view_of(facts: &Facts, index: usize, options: &Options) -> Option<Facts> {
    let subject = facts.subjects.get(index)?;
    let mut profiles: Vec<String> = profile_of(subject).into_iter().collect();
    let created = options.create_profile.as_deref().map(|name| crate::facts::key(subject.account.as_deref(), name));
    profiles.extend(created.clone());
    let profiles: BTreeMap<_, _> = pick(&facts.profiles, &profiles);
    let mut roles: Vec<String> = profiles.values().filter_map(|profile| profile.known()?.role.clone()).collect();
    // The role of an empty profile gets the profile's name.
    roles.extend(profiles.keys().cloned());
    roles.extend(created);
    if let SubjectKind::Role(key) = &subject.kind {
        roles.push(key.clone());
    }
    let settings = subject.region.as_ref().and_then(|region| facts.settings.get(region));
    if let Some(setting) = settings.and_then(|settings| settings.host_management.known()) {
        let name = setting.rsplit('/').next().unwrap_or(setting);
        roles.push(crate::facts::key(subject.account.as_deref(), name));
    }
    let roles = pick(&facts.roles, &roles);
    let mut policies: Vec<String> = roles
        .values()
        .filter_map(Fact::known)
        .flat_map(|role| role.attached.known().into_iter().flatten().chain(role.boundary.known()).cloned())
        .collect();
    policies.extend(super::draft::managed_core(subject).map(|arn| arn.to_string()));
    Some(Facts {
        taken_at: facts.taken_at,
        subjects: vec![subject.clone()],
        policies: pick(&facts.policies, &policies),
        profiles,
        roles,
        kms_keys: facts.kms_keys.clone(),
        scp_levels: facts.scp_levels.clone(),
        settings: facts.settings.clone(),
        organization: facts.organization.clone(),
    })
}

fn pick<T: Clone>(all: &BTreeMap<String, Fact<T>>, keys: &[String]) -> BTreeMap<String, Fact<T>> {
    keys.iter().filter_map(|key| Some((key.clone(), all.get(key)?.clone()))).collect()
}

/// The key of the profile that a subject is, or that it holds.
pub(super) fn profile_of(subject: &Subject) -> Option<String> {
    match &subject.kind {
        SubjectKind::Instance(Fact::Known(instance)) => {
            let arn = crate::arn::Arn::parse(&instance.profile.as_ref()?.arn)?;
            Some(crate::facts::key(subject.account.as_deref().or(arn.account()), arn.name()))
        }
        SubjectKind::Profile(key) => Some(key.clone()),
        SubjectKind::Instance(_) | SubjectKind::Role(_) | SubjectKind::Documents(_) => None,
    }
}

/// What no change of the role, its trust policy or the association can mend, from the outcome that these would have.
fn out_of_reach(after: &Outcome) -> Vec<Refusal> {
    let obstacle = |severity: Severity, leaves_unknown: bool| severity == Severity::Error || leaves_unknown;
    let findings = after.findings.iter().filter(|finding| obstacle(finding.severity, finding.leaves_unknown));
    let errors = after.verdict == Verdict::NotReady;
    let refusals: Vec<Refusal> = findings
        .filter(|finding| !errors || finding.severity == Severity::Error)
        .map(|finding| Refusal {
            target: after.target.clone(),
            reason: match (finding.severity, finding.code) {
                (_, Code::InvalidPolicy) => Reason::InvalidPolicy,
                (Severity::Error, _) => Reason::OutOfReach,
                _ => Reason::Unknown,
            },
            message: finding.message.clone(),
            remedy: finding.remedy.clone(),
        })
        .collect();
    if refusals.is_empty() {
        let open = after.permissions.iter().find(|permission| permission.decision == crate::policy::Decision::Unknown);
        let action = open.map_or("something needed", |permission| permission.action.as_str());
        return vec![Refusal {
            target: after.target.clone(),
            reason: Reason::Unknown,
            message: format!("it is not known whether the role may call `{action}`"),
            remedy: format!("see what it hangs on: `ssm-profile check -v {}`", after.target),
        }];
    }
    refusals
}
