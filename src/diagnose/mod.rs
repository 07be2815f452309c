//! From facts to a report: a plain function.
//!
//! It walks the chain that credentials take, instance to profile to role, then asks the policy engine for each
//! permission that Session Manager needs, and says what it found, as data.

mod agent;
mod agent_path;
mod answers;
mod chain;
mod conditional;
mod endpoint_policy;
mod explain;
mod host;
mod key;
mod key_policy;
mod library;
mod memo;
mod near_miss;
pub mod network;
mod path;
mod permissions;
mod planned;
mod questions;
mod rcps;
mod resolved_needs;
mod resource_policy;
mod role;
mod session_logs;

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;

use crate::agent_context::{Caller, Organization};
use crate::facts::{
    ConnectionStatus, Documents, Fact, Facts, Instance, Subject, SubjectKind, Unreadable, UnreadableKind,
};
use crate::needs::{Place, Requirements};
use crate::report::{
    Finding, FindingKind, Outcome, Permission, Report, Reservation, Severity, Shared, TargetKind, Verdict,
};
use iam_eval::arn::{Arn, is_instance_id};
use iam_eval::{Decision, ServicePrincipal};

pub use answers::{Answers, answers};
use memo::{Memo, NeedFlags};
pub use questions::questions;
use role::JudgedRole;

/// Judges every subject of the facts.
///
/// `now` is the time that conditions on the clock are judged at.
pub fn diagnose(facts: &Facts, requirements: &Requirements, now: Timestamp) -> Report {
    let judge = Judge::new(requirements, now);
    Report::from(facts.subjects.iter().map(|subject| judge.judge(facts, subject)).collect::<Vec<_>>())
}

/// Adds to an outcome what Session Manager says of its connection, and where that contradicts the verdict, which stays.
pub fn confirm(outcome: &mut Outcome, status: ConnectionStatus) {
    outcome.connection = Some(status);
    let connected = status == ConnectionStatus::Connected;
    let contradicts = match outcome.verdict {
        // One that does not run is not connected, whatever its role allows.
        Verdict::Ready => !connected && outcome.is_running(),
        Verdict::NotReady => connected,
        Verdict::Unknown | Verdict::Skipped => false,
    };
    if contradicts {
        settle(outcome, vec![shared(FindingKind::ConnectionContradicts { connected })]);
    }
}

/// Judges the subjects of one account one by one, and remembers what it found of their roles.
pub struct Judge<'a> {
    requirements: &'a Requirements,
    now: Timestamp,
    memo: Memo,
}

impl<'a> Judge<'a> {
    /// A judge that has seen nothing yet. `now` is the time that conditions on the clock are judged at.
    pub fn new(requirements: &'a Requirements, now: Timestamp) -> Judge<'a> {
        Judge { requirements, now, memo: Memo::new(requirements) }
    }

    /// Judges a subject. The facts may grow from one subject to the next; what they say of a thing must stay.
    pub fn judge(&self, facts: &Facts, subject: &Subject) -> Outcome {
        self.with(facts).of(subject)
    }

    fn with<'b>(&'b self, facts: &'b Facts) -> Diagnosis<'b> {
        Diagnosis { facts, requirements: self.requirements, now: self.now, memo: &self.memo }
    }
}

/// What is the same for every subject.
struct Diagnosis<'a> {
    facts: &'a Facts,
    requirements: &'a Requirements,
    now: Timestamp,
    memo: &'a Memo,
}

/// The role that a subject's credentials are of.
enum RoleInView {
    /// It was read, in full or in part.
    Judged(Rc<JudgedRole>),
    /// There is certainly none.
    None,
    /// There may be one, and nothing is known of it.
    NotKnown,
}

impl Diagnosis<'_> {
    fn of(&self, subject: &Subject) -> Outcome {
        match &subject.kind {
            SubjectKind::Instance(Fact::Known(instance)) => self.of_instance(subject, instance),
            SubjectKind::Instance(Fact::Absent) => {
                let outcome = chain::outcome_of(subject, None);
                self.finish(outcome, vec![shared(FindingKind::InstanceNotFound)], &RoleInView::None, subject)
            }
            // The snapshot was taken of others, and nobody asked for this one.
            SubjectKind::Instance(Fact::Unreadable(reason)) if reason.kind == UnreadableKind::NotInSnapshot => {
                let outcome = chain::outcome_of(subject, None);
                let missing = not_in_snapshot_as(self.facts, TargetKind::Instance, &subject.target);
                self.finish(outcome, vec![missing.into()], &RoleInView::NotKnown, subject)
            }
            SubjectKind::Instance(Fact::Unreadable(reason)) => {
                let outcome = chain::outcome_of(subject, None);
                self.finish(outcome, vec![explain::unreadable(reason).into()], &RoleInView::NotKnown, subject)
            }
            SubjectKind::Profile(key) => {
                let mut outcome = chain::outcome_of(subject, None);
                let (findings, role) = self.through_profile(key, None, &mut outcome);
                self.finish(outcome, findings, &role, subject)
            }
            SubjectKind::Role(key) => {
                let outcome = chain::outcome_of(subject, None);
                let (mut findings, role) = self.through_role(key, true);
                if let RoleInView::Judged(judged) = &role {
                    findings.extend(chain::role_without_profile(self.facts, key, &judged.name).map(shared));
                }
                self.finish(outcome, findings, &role, subject)
            }
            SubjectKind::Documents(documents) => self.of_documents(subject, documents),
            SubjectKind::Planned(planned) => self.of_planned(subject, planned),
        }
    }

    fn of_instance(&self, subject: &Subject, instance: &Instance) -> Outcome {
        let mut outcome = chain::outcome_of(subject, Some(instance));
        if chain::is_terminated(instance) {
            if subject.from_selection {
                outcome.verdict = Verdict::Skipped;
                return outcome;
            }
            let terminated = vec![shared(FindingKind::InstanceTerminated { state: instance.state.clone() })];
            return self.finish(outcome, terminated, &RoleInView::None, subject);
        }
        let mut findings: Vec<Shared<Finding>> = chain::association(instance).into_iter().map(Shared::from).collect();
        let role = match &instance.profile {
            None => RoleInView::None,
            Some(attached) => {
                let arn = Arn::parse(&attached.arn);
                let account = subject.account.as_deref().or(arn.as_ref().and_then(Arn::account));
                let name = attached.arn.rsplit('/').next().unwrap_or_default();
                let key = crate::facts::key(account, name);
                let (more, role) = self.through_profile(&key, Some(instance), &mut outcome);
                findings.extend(more);
                role
            }
        };
        self.of_agent(outcome, findings, &role, subject, instance)
    }

    /// What is wrong between a profile and its role, and the role. `holder` is the instance that holds it, if one is in view.
    fn through_profile(
        &self,
        key: &str,
        holder: Option<&Instance>,
        outcome: &mut Outcome,
    ) -> (Vec<Shared<Finding>>, RoleInView) {
        let name = key.rsplit('/').next().unwrap_or(key);
        let profile = match self.facts.profiles.get(key) {
            Some(Fact::Known(profile)) => profile,
            Some(Fact::Absent) => {
                let findings = match holder {
                    Some(instance) => vec![shared(chain::profile_missing(name, instance))],
                    None => {
                        let other = has_name(&self.facts.roles, key);
                        chain::no_such_target(TargetKind::Profile, name, other).map(shared).into()
                    }
                };
                return (findings, RoleInView::None);
            }
            Some(Fact::Unreadable(reason)) => return (vec![explain::unreadable(reason).into()], RoleInView::NotKnown),
            None => {
                let finding = match holder {
                    Some(_) => explain::unreadable(&not_in_snapshot("iam:GetInstanceProfile")),
                    None => not_in_snapshot_as(self.facts, TargetKind::Profile, name),
                };
                return (vec![finding.into()], RoleInView::NotKnown);
            }
        };
        if holder.is_none() {
            outcome.instance_profile = Some(chain::profile_summary(profile));
        }
        let mut findings = Vec::new();
        findings.extend(holder.and_then(|instance| chain::profile_stale(profile, instance)).map(shared));
        match &profile.role {
            None => {
                findings.push(shared(FindingKind::ProfileEmpty { profile: profile.name.clone() }));
                (findings, RoleInView::None)
            }
            Some(role_key) => {
                let (more, role) = self.through_role(role_key, false);
                findings.extend(more);
                (findings, role)
            }
        }
    }

    fn through_role(&self, key: &str, named: bool) -> (Vec<Shared<Finding>>, RoleInView) {
        let name = key.rsplit('/').next().unwrap_or(key);
        match self.facts.roles.get(key) {
            Some(Fact::Known(role)) => (Vec::new(), RoleInView::Judged(self.memo.role(self.facts, key, role))),
            Some(Fact::Absent) if named => {
                let other = has_name(&self.facts.profiles, key);
                (chain::no_such_target(TargetKind::Role, name, other).map(shared).into(), RoleInView::None)
            }
            Some(Fact::Absent) => (vec![shared(FindingKind::RoleMissing { role: name.to_owned() })], RoleInView::None),
            Some(Fact::Unreadable(reason)) => (vec![explain::unreadable(reason).into()], RoleInView::NotKnown),
            None if named => {
                (vec![not_in_snapshot_as(self.facts, TargetKind::Role, name).into()], RoleInView::NotKnown)
            }
            None => (vec![explain::unreadable(&not_in_snapshot("iam:GetRole")).into()], RoleInView::NotKnown),
        }
    }

    fn of_documents(&self, subject: &Subject, documents: &Documents) -> Outcome {
        let judged = role::judge_documents(self.facts, &self.memo.library, documents);
        let outcome = chain::outcome_of(subject, None);
        self.finish(outcome, Vec::new(), &RoleInView::Judged(Rc::new(judged)), subject)
    }

    /// Judges the role that a subject without an agent in view has, and settles the verdict.
    fn finish(
        &self,
        mut outcome: Outcome,
        chain: Vec<Shared<Finding>>,
        role: &RoleInView,
        subject: &Subject,
    ) -> Outcome {
        let path = self.path(role, chain, subject, &self.service_of(role, subject), None);
        path.into_outcome(&mut outcome);
        outcome.not_checked = Shared::from(explain::not_checked(self.facts, subject, self.need_flags(subject, None)));
        settle(&mut outcome, Vec::new());
        outcome
    }

    /// The service that assumes a role for the agent: EC2, but for a role that Default Host Management Configuration names and EC2 may
    /// not assume.
    fn service_of(&self, role: &RoleInView, subject: &Subject) -> ServicePrincipal {
        let ec2 = ServicePrincipal::ec2(subject.partition.as_deref());
        let RoleInView::Judged(judged) = role else { return ec2 };
        let Some(Ok(trust)) = &judged.trust else { return ec2 };
        let is_of_host = chain::is_of_host_management(self.facts, &judged.name);
        match is_of_host && self.trust_of(trust, &ec2).0 != Decision::Allowed {
            true => ServicePrincipal::ssm(subject.partition.as_deref()),
            false => ec2,
        }
    }

    /// What is asked on behalf of a subject, in short.
    fn need_flags(&self, subject: &Subject, instance: Option<&Instance>) -> NeedFlags {
        let work_out = || {
            let place = place_of(subject, instance);
            let asked = resolved_needs::of(self.facts, self.requirements, subject, &place);
            NeedFlags::of(&asked, &place, &self.requirements.context)
        };
        match subject.kind {
            SubjectKind::Documents(_) => work_out(),
            _ => self.memo.need_flags(subject, instance.is_some(), work_out),
        }
    }
}

/// Whether one of `things`, which are of another kind, has the name in `key`; in the same account, if that is known.
fn has_name<T>(things: &BTreeMap<String, Fact<T>>, key: &str) -> bool {
    let (account, name) = key.rsplit_once('/').map_or((None, key), |(account, name)| (Some(account), name));
    things.iter().any(|(other, fact)| {
        let (of, last) = other.rsplit_once('/').unwrap_or_default();
        last == name && account.is_none_or(|account| account == of) && fact.known().is_some()
    })
}

fn not_in_snapshot_as(facts: &Facts, target: TargetKind, name: &str) -> Finding {
    fn last(key: &str) -> &str {
        key.rsplit('/').next().unwrap_or(key)
    }
    let near = match target {
        // A pattern names no one instance, and an ID is no name.
        TargetKind::Instance if name.contains(['*', ':']) || is_instance_id(name) => None,
        TargetKind::Instance => nearest(name, facts.names.iter().map(String::as_str)),
        TargetKind::Profile => nearest(name, facts.profiles.keys().map(|key| last(key))),
        TargetKind::Role => nearest(name, facts.roles.keys().map(|key| last(key))),
    };
    FindingKind::TargetNotInSnapshot { target, name: name.to_owned(), near: near.map(str::to_owned) }.into()
}

/// So alike two names must be for one to be a typo of the other.
const ALIKE: f64 = 0.85;

/// The name that was nearly meant: one in another case, or else the most alike.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = |known: &str| match known.eq_ignore_ascii_case(name) {
        true => f64::INFINITY,
        false => strsim::jaro(&known.to_lowercase(), &name.to_lowercase()),
    };
    crate::nearest::nearest(names.filter(|known| *known != name), alike, ALIKE)
}

fn shared(kind: FindingKind) -> Shared<Finding> {
    Finding::from(kind).into()
}

/// The verdict follows from the findings and permissions alone: an error settles it, then anything unknown.
fn settle(outcome: &mut Outcome, more: Vec<Shared<Finding>>) {
    let mut findings = std::mem::take(&mut outcome.findings);
    findings.extend(more);
    // What may not matter stands behind the missing fact that tells whether it does.
    let rank = |finding: &Finding| {
        let may_not_matter = finding.reservation == Some(Reservation::MayNotMatter);
        (finding.severity(), may_not_matter, finding.code())
    };
    findings.sort_by(|a, b| (rank(a), a.as_ref()).cmp(&(rank(b), b.as_ref())));
    findings.dedup();
    // What is not allowed has a finding that says so; whatever happens to that, it is never ready.
    let unknown = |permission: &Shared<Permission>| permission.required && permission.decision != Decision::Allowed;
    outcome.verdict = if findings.iter().any(|finding| finding.severity() == Severity::Error) {
        Verdict::NotReady
    } else if findings.iter().any(|finding| finding.leaves_unknown()) || outcome.permissions.iter().any(unknown) {
        Verdict::Unknown
    } else {
        Verdict::Ready
    };
    outcome.findings = findings;
}

fn place_of<'a>(subject: &'a Subject, instance: Option<&'a Instance>) -> Place<'a> {
    let documents = match &subject.kind {
        SubjectKind::Documents(documents) => documents.instance_id.as_deref(),
        _ => None,
    };
    Place {
        partition: subject.partition.as_deref(),
        account: subject.account.as_deref(),
        region: subject.region.as_deref(),
        instance_id: instance.map(|instance| instance.id.as_str()).filter(|id| !id.is_empty()).or(documents),
    }
}

impl<'a> Diagnosis<'a> {
    /// Who calls: the session of a role on an instance.
    fn caller_of<'b>(&self, judged: &'b JudgedRole, place: Place<'b>, instance: Option<&'b Instance>) -> Caller<'b>
    where
        'a: 'b,
    {
        let metadata = instance.and_then(|instance| instance.metadata.as_ref());
        Caller {
            place,
            role_arn: judged.arn.as_deref(),
            role_id: judged.id.as_deref(),
            role_tags: judged.tags.as_ref(),
            role_may_have_more_tags: judged.may_have_more_tags,
            vpc: instance.and_then(|instance| instance.vpc.as_deref()),
            private_ip: instance.and_then(|instance| instance.private_ip.as_deref()),
            tokens_required: metadata.is_some_and(|options| options.requires_tokens()),
            through_systems_manager: false,
            organization: match &self.facts.organization {
                Fact::Known(organization) => {
                    Organization::In { id: &organization.id, path: organization.path.as_deref() }
                }
                Fact::Absent => Organization::None,
                Fact::Unreadable(_) => Organization::NotKnown,
            },
            sources: None,
            now: self.now,
        }
    }
}

fn not_in_snapshot(api: &str) -> Unreadable {
    Unreadable {
        api: api.to_owned(),
        kind: UnreadableKind::NotInSnapshot,
        message: format!("the response to `{api}` is not among the facts"),
    }
}

#[cfg(test)]
mod tests;
