//! The plan: target by target, the changes that make it ready, or why there are none.
//!
//! Each target is drafted on a copy of the facts that concern it. The changes of a draft are made in that copy and the copy is
//! judged: only a draft that ends `ready` becomes part of the plan. A target that is ready before its turn, or made ready by
//! the changes for another one, is not drafted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::draft::Draft;
use super::refusal::{Refusal, RefusalKind};
use super::{Change, Thing, Warning, foresee};
use crate::diagnose::{Judge, diagnose};
use crate::facts::{Fact, Facts, Subject, SubjectKind, key};
use crate::needs::Requirements;
use crate::report::{Finding, Outcome, Report, Severity, Verdict};

/// How to fix, as the user wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The name of the inline policy.
    pub policy_name: String,
    /// Attach `AmazonSSMManagedInstanceCore` instead of granting the core actions in the inline policy.
    pub attach_managed: bool,
    /// Grant only what is missing, and not all that the policy of the user guide grants along with it.
    pub least: bool,
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
    /// For each change the targets that it is for: not ready now, and ready once everything is done.
    pub targets: Vec<Vec<String>>,
    /// The targets that stay as they are although they are not ready.
    pub refusals: Vec<Refusal>,
    /// What a person should know before saying yes.
    pub warnings: Vec<Warning>,
}

/// Plans the smallest set of changes that makes every subject of the facts ready.
///
/// `before` is the report on the facts, with a result for each subject, in their order. `now` is the time that conditions on the
/// clock are judged at.
pub fn plan(before: &Report, facts: &Facts, requirements: &Requirements, options: &Options, now: Timestamp) -> Plan {
    let not_ready = before.results.iter().enumerate().filter(|(_, outcome)| !is_settled(outcome));
    let lacking: Vec<usize> = not_ready.map(|(index, _)| index).collect();
    let mut planner = Planner {
        requirements,
        options,
        now,
        foreseen: facts.clone(),
        judge: None,
        touched: BTreeMap::new(),
        made: 0,
        changes: Vec::new(),
        of_thing: BTreeMap::new(),
        warnings: Vec::new(),
        warned: BTreeSet::new(),
    };
    let mut open: Vec<Open> = lacking.iter().map(|index| Open { index: *index, seen: 0, refusals: None }).collect();
    // What is changed for one target may be all that an earlier one lacked.
    loop {
        let made = planner.made;
        open = open.into_iter().filter_map(|target| planner.turn(target)).collect();
        if planner.made == made || open.is_empty() {
            break;
        }
    }
    let refused: BTreeSet<usize> = open.iter().map(|target| target.index).collect();
    let fixed = lacking.into_iter().filter(|index| !refused.contains(index));
    Plan {
        targets: targets_of(&planner.changes, &planner.foreseen, fixed),
        changes: planner.changes,
        refusals: open.into_iter().filter_map(|target| target.refusals).flatten().collect(),
        warnings: planner.warnings,
    }
}

/// Whether no change of a role, a profile or an association is left to make: none opens a network path.
fn is_settled(outcome: &Outcome) -> bool {
    matches!(outcome.verdict, Verdict::Ready | Verdict::Skipped) || outcome.lacks_only_network()
}

/// A target that is not ready yet.
struct Open {
    index: usize,
    /// How many changes there were when it was looked at last.
    seen: usize,
    /// Why it was refused then.
    refusals: Option<Vec<Refusal>>,
}

/// The plan so far.
struct Planner<'a> {
    requirements: &'a Requirements,
    options: &'a Options,
    now: Timestamp,
    /// The facts as the changes so far would leave them.
    foreseen: Facts,
    /// It remembers what it has seen, and is of no use any more after the next change.
    judge: Option<Judge<'a>>,
    /// Which change was the last to touch a role, profile, policy or instance.
    touched: BTreeMap<String, usize>,
    made: usize,
    changes: Vec<Change>,
    of_thing: BTreeMap<Thing, usize>,
    warnings: Vec<Warning>,
    warned: BTreeSet<Warning>,
}

impl Planner<'_> {
    /// Drafts the changes for a target; gives it back if that is refused.
    fn turn(&mut self, mut target: Open) -> Option<Open> {
        let around = around(&self.foreseen, target.index, self.options)?;
        let touched = around.all().any(|key| self.touched.get(key).is_some_and(|made| *made > target.seen));
        if !touched && target.refusals.is_some() {
            return Some(target);
        }
        if touched && self.is_ready(target.index) {
            return None;
        }
        target.seen = self.made;
        let view = view_of(&self.foreseen, target.index, &around)?;
        match draft(view, self.requirements, self.options, self.now) {
            Ok(draft) => {
                draft.changes.into_iter().for_each(|change| self.add(change));
                let new = draft.warnings.into_iter().filter(|warning| self.warned.insert(warning.clone()));
                self.warnings.extend(new);
                None
            }
            Err(refusals) => {
                target.refusals = Some(refusals);
                Some(target)
            }
        }
    }

    /// Whether the changes so far make the target ready.
    fn is_ready(&mut self, index: usize) -> bool {
        let judge = self.judge.get_or_insert_with(|| Judge::new(self.requirements, self.now));
        let subject = self.foreseen.subjects.get(index);
        subject.is_some_and(|subject| is_settled(&judge.judge(&self.foreseen, subject)))
    }

    /// Adds a change; one to a thing that is changed already makes one change of the two.
    fn add(&mut self, change: Change) {
        foresee::apply(&mut self.foreseen, &change);
        self.judge = None;
        self.made += 1;
        self.touched.extend(keys_of(change.thing()).map(|key| (key, self.made)));
        let of_role = change.thing().role().is_some();
        let earlier = self.of_thing.get(change.thing()).and_then(|at| self.changes.get_mut(*at));
        if let Some(earlier) = earlier.filter(|_| of_role)
            && let Some(joined) = Change::new(change.thing().clone(), earlier.before().clone(), change.after().clone())
        {
            *earlier = joined;
            return;
        }
        self.of_thing.insert(change.thing().clone(), self.changes.len());
        self.changes.push(change);
    }
}

/// The keys in the facts of what a change of this thing touches; for an instance its id.
fn keys_of(thing: &Thing) -> impl Iterator<Item = String> {
    let (first, second) = match thing {
        Thing::ProfileOfInstance { instance, .. } => (instance.clone(), None),
        Thing::InstanceProfile(arn) | Thing::RoleOfProfile(arn) | Thing::Role(arn) | Thing::TrustPolicy(arn) => {
            (key(arn.account(), arn.name()), None)
        }
        Thing::InlinePolicy { role, .. } => (key(role.account(), role.name()), None),
        Thing::AttachedPolicy { role, policy } => (key(role.account(), role.name()), Some(policy.to_string())),
    };
    std::iter::once(first).chain(second)
}

/// For each change the targets among `fixed` that it is for: those whose instance, profile or role it changes.
fn targets_of(changes: &[Change], foreseen: &Facts, fixed: impl Iterator<Item = usize>) -> Vec<Vec<String>> {
    let mut of_target: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        of_target.entry(change.thing().target()).or_default().push(index);
    }
    let mut targets = vec![Vec::new(); changes.len()];
    for subject in fixed.filter_map(|index| foreseen.subjects.get(index)) {
        let instance = match &subject.kind {
            SubjectKind::Instance(Fact::Known(instance)) => Some(instance.id.clone()),
            _ => None,
        };
        let profile = profile_of(subject).and_then(|key| foreseen.profiles.get(&key)?.known());
        let role = match &subject.kind {
            SubjectKind::Role(key) => Some(key),
            _ => profile.and_then(|profile| profile.role.as_ref()),
        };
        let role = role.and_then(|key| foreseen.roles.get(key)?.known()?.arn.clone());
        let things = instance.into_iter().chain(profile.map(|profile| profile.arn.clone())).chain(role);
        for index in things.filter_map(|thing| of_target.get(&thing)).flatten() {
            if let Some(of_change) = targets.get_mut(*index) {
                of_change.push(subject.target.clone());
            }
        }
    }
    targets
}

/// The draft that makes the one subject of `view`, which is not ready, ready.
fn draft<'a>(
    view: Facts,
    requirements: &'a Requirements,
    options: &'a Options,
    now: Timestamp,
) -> Result<Draft<'a>, Vec<Refusal>> {
    let mut draft = Draft::new(view, requirements, options, now);
    draft.write().map_err(|refusal| vec![refusal])?;
    match (diagnose(&draft.view, requirements, now).results.pop(), draft.view.subjects.first()) {
        (Some(after), Some(subject)) if !is_settled(&after) => Err(out_of_reach(subject, &after)),
        _ => Ok(draft),
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

/// The keys of the facts that concern one subject.
struct Around {
    instance: Option<String>,
    profiles: Vec<String>,
    roles: Vec<String>,
    policies: Vec<String>,
}

impl Around {
    fn all(&self) -> impl Iterator<Item = &String> {
        self.instance.iter().chain(&self.profiles).chain(&self.roles).chain(&self.policies)
    }
}

/// What concerns one subject: itself, its profile and role, and those of the name to create.
fn around(facts: &Facts, index: usize, options: &Options) -> Option<Around> {
    let subject = facts.subjects.get(index)?;
    let instance = match &subject.kind {
        SubjectKind::Instance(Fact::Known(instance)) => Some(instance.id.clone()),
        _ => None,
    };
    let created = options.create_profile.as_deref().map(|name| key(subject.account.as_deref(), name));
    let profiles: Vec<String> = profile_of(subject).into_iter().chain(created.clone()).collect();
    let held = profiles.iter().filter_map(|profile| facts.profiles.get(profile)?.known()?.role.clone());
    let mut roles: Vec<String> = held.collect();
    // The role of an empty profile gets the profile's name.
    roles.extend(profiles.iter().cloned());
    roles.extend(created);
    if let SubjectKind::Role(key) = &subject.kind {
        roles.push(key.clone());
    }
    let settings = subject.region.as_ref().and_then(|region| facts.settings.get(region));
    if let Some(setting) = settings.and_then(|settings| settings.host_management.known()) {
        let name = setting.rsplit('/').next().unwrap_or(setting);
        roles.push(key(subject.account.as_deref(), name));
    }
    let mut policies: Vec<String> = roles
        .iter()
        .filter_map(|role| facts.roles.get(role)?.known())
        .flat_map(|role| role.attached.known().into_iter().flatten().chain(role.boundary.known()).cloned())
        .collect();
    policies.extend(super::draft::managed_core(subject).map(|arn| arn.to_string()));
    Some(Around { instance, profiles, roles, policies })
}

/// The facts that concern one subject.
fn view_of(facts: &Facts, index: usize, around: &Around) -> Option<Facts> {
    let subject = facts.subjects.get(index)?;
    let network = subject.region.as_ref().and_then(|region| facts.networks.get_key_value(region));
    Some(Facts {
        taken_at: facts.taken_at,
        subjects: vec![subject.clone()],
        policies: pick(&facts.policies, &around.policies),
        profiles: pick(&facts.profiles, &around.profiles),
        roles: pick(&facts.roles, &around.roles),
        profiles_of_roles: facts.profiles_of_roles.clone(),
        kms_keys: facts.kms_keys.clone(),
        keys_of_other_use: facts.keys_of_other_use.clone(),
        alternatives: facts.alternatives.clone(),
        buckets: facts.buckets.clone(),
        log_groups: facts.log_groups.clone(),
        scp_levels: facts.scp_levels.clone(),
        rcp_levels: facts.rcp_levels.clone(),
        settings: facts.settings.clone(),
        organization: facts.organization.clone(),
        names: Vec::new(),
        networks: network.map(|(region, network)| (region.clone(), Arc::clone(network))).into_iter().collect(),
    })
}

fn pick<T: Clone>(all: &BTreeMap<String, Fact<T>>, keys: &[String]) -> BTreeMap<String, Fact<T>> {
    keys.iter().filter_map(|key| Some((key.clone(), all.get(key)?.clone()))).collect()
}

/// The key of the profile that a subject is, or that it holds.
pub(super) fn profile_of(subject: &Subject) -> Option<String> {
    match &subject.kind {
        SubjectKind::Instance(Fact::Known(instance)) => {
            let arn = iam_eval::arn::Arn::parse(&instance.profile.as_ref()?.arn)?;
            Some(key(subject.account.as_deref().or(arn.account()), arn.name()))
        }
        SubjectKind::Profile(key) => Some(key.clone()),
        SubjectKind::Instance(_) | SubjectKind::Role(_) | SubjectKind::Documents(_) | SubjectKind::Planned(_) => None,
    }
}

/// What no change of the role, its trust policy or the association can fix, from the outcome that these would have.
fn out_of_reach(subject: &Subject, after: &Outcome) -> Vec<Refusal> {
    let errors = after.verdict == Verdict::NotReady;
    let findings = after.findings.iter().filter(|finding| finding.decides());
    let refusals: Vec<Refusal> = findings
        .filter(|finding| !errors || finding.severity() == Severity::Error)
        .map(|finding| RefusalKind::OutOfReach { finding: Box::new(Finding::clone(finding)) })
        .map(|kind| Refusal::of(subject, kind))
        .collect();
    if refusals.is_empty() {
        let open = after.permissions.iter().find(|permission| permission.decision == iam_eval::Decision::Unknown);
        let action = open.map(|permission| permission.action.clone());
        return vec![Refusal::of(subject, RefusalKind::PermissionUnknown { action })];
    }
    refusals
}
