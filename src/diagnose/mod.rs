//! From facts to a report: a plain function.
//!
//! It walks the chain that credentials take, instance to profile to role, then asks the policy engine for each
//! permission that Session Manager needs, and puts what it found into words.

mod answers;
mod chain;
mod explain;
mod key;
mod permissions;
mod role;
mod words;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::agent_context::{self, Caller};
use crate::arn::Arn;
use crate::facts::{Documents, Fact, Facts, Instance, Subject, SubjectKind, Unreadable};
use crate::needs::{self, KeyArn, Need, Place, Requirements};
use crate::policy::{
    Context, Decision, Document, Doubt, Request, Response, ServicePrincipal, Truth, evaluate, evaluate_trust,
};
use crate::report::{Code, Finding, NeededFor, Outcome, Permission, Report, RoleSummary, Severity, Trust, Verdict};

pub use answers::{Answers, answers};
use role::JudgedRole;

/// Judges every subject of the facts.
///
/// `now` is the time that conditions on the clock are judged at.
pub fn diagnose(facts: &Facts, requirements: &Requirements, now: Timestamp) -> Report {
    let diagnosis = Diagnosis { facts, requirements, now, roles: role::judge_all(facts) };
    Report { results: facts.subjects.iter().map(|subject| diagnosis.of(subject)).collect() }
}

/// What is the same for every subject.
struct Diagnosis<'a> {
    facts: &'a Facts,
    requirements: &'a Requirements,
    now: Timestamp,
    /// Every role of the facts, its documents parsed once.
    roles: BTreeMap<&'a str, JudgedRole>,
}

/// The role that a subject's credentials are of.
enum RoleInView<'a> {
    /// It was read, in full or in part.
    Judged(&'a JudgedRole),
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
                self.finish(outcome, vec![chain::instance_not_found(subject)], &RoleInView::None, subject, None)
            }
            SubjectKind::Instance(Fact::Unreadable(reason)) => {
                let outcome = chain::outcome_of(subject, None);
                self.finish(outcome, vec![explain::unreadable(reason)], &RoleInView::NotKnown, subject, None)
            }
            SubjectKind::Profile(key) => {
                let mut outcome = chain::outcome_of(subject, None);
                let (findings, role) = self.through_profile(key, None, &mut outcome);
                self.finish(outcome, findings, &role, subject, None)
            }
            SubjectKind::Role(key) => {
                let outcome = chain::outcome_of(subject, None);
                let (findings, role) = self.through_role(key, true);
                self.finish(outcome, findings, &role, subject, None)
            }
            SubjectKind::Documents(documents) => self.of_documents(subject, documents),
        }
    }

    fn of_instance(&self, subject: &Subject, instance: &Instance) -> Outcome {
        let mut outcome = chain::outcome_of(subject, Some(instance));
        if chain::is_terminated(instance) {
            if subject.from_selection {
                outcome.verdict = Verdict::Skipped;
                return outcome;
            }
            let terminated = vec![chain::instance_terminated(instance)];
            return self.finish(outcome, terminated, &RoleInView::None, subject, Some(instance));
        }
        let mut findings = chain::of_instance(instance);
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
        self.finish(outcome, findings, &role, subject, Some(instance))
    }

    /// What is wrong between a profile and its role, and the role. `holder` is the instance that holds it, if one is in view.
    fn through_profile(
        &self,
        key: &str,
        holder: Option<&Instance>,
        outcome: &mut Outcome,
    ) -> (Vec<Finding>, RoleInView<'_>) {
        let name = key.rsplit('/').next().unwrap_or(key);
        let profile = match self.facts.profiles.get(key) {
            Some(Fact::Known(profile)) => profile,
            Some(Fact::Absent) => {
                let findings = match holder {
                    Some(instance) => vec![chain::profile_missing(name, instance)],
                    None => chain::no_such_target(Code::InstanceProfileMissing, "instance profile", name),
                };
                return (findings, RoleInView::None);
            }
            Some(Fact::Unreadable(reason)) => return (vec![explain::unreadable(reason)], RoleInView::NotKnown),
            None => {
                let finding = match holder {
                    Some(_) => explain::unreadable(&not_in_snapshot("iam:GetInstanceProfile")),
                    None => chain::target_not_in_snapshot("instance profile", name),
                };
                return (vec![finding], RoleInView::NotKnown);
            }
        };
        if holder.is_none() {
            outcome.instance_profile = Some(chain::profile_summary(profile));
        }
        let mut findings = Vec::new();
        findings.extend(holder.and_then(|instance| chain::profile_stale(profile, instance)));
        match &profile.role {
            None => {
                findings.push(chain::profile_empty(profile));
                (findings, RoleInView::None)
            }
            Some(role_key) => {
                let (more, role) = self.through_role(role_key, false);
                findings.extend(more);
                (findings, role)
            }
        }
    }

    fn through_role(&self, key: &str, named: bool) -> (Vec<Finding>, RoleInView<'_>) {
        let name = key.rsplit('/').next().unwrap_or(key);
        if let Some(judged) = self.roles.get(key) {
            return (Vec::new(), RoleInView::Judged(judged));
        }
        match self.facts.roles.get(key) {
            Some(Fact::Absent) if named => (chain::no_such_target(Code::RoleMissing, "role", name), RoleInView::None),
            Some(Fact::Absent) => (vec![chain::role_missing(name)], RoleInView::None),
            Some(Fact::Unreadable(reason)) => (vec![explain::unreadable(reason)], RoleInView::NotKnown),
            None if named => (vec![chain::target_not_in_snapshot("role", name)], RoleInView::NotKnown),
            // Every role that is known is judged already.
            Some(Fact::Known(_)) | None => {
                (vec![explain::unreadable(&not_in_snapshot("iam:GetRole"))], RoleInView::NotKnown)
            }
        }
    }

    fn of_documents(&self, subject: &Subject, documents: &Documents) -> Outcome {
        let judged = role::judge_documents(self.facts, documents);
        let outcome = chain::outcome_of(subject, None);
        self.finish(outcome, Vec::new(), &RoleInView::Judged(&judged), subject, None)
    }

    /// Judges the role, where there is one, and settles the verdict.
    fn finish(
        &self,
        mut outcome: Outcome,
        mut findings: Vec<Finding>,
        role: &RoleInView<'_>,
        subject: &Subject,
        instance: Option<&Instance>,
    ) -> Outcome {
        let place = place_of(subject, instance);
        let resolved = key::resolve(self.facts, self.requirements, &place);
        let key = resolved.as_ref().map(|(key, _)| key);
        match role {
            RoleInView::None => {}
            RoleInView::NotKnown => {
                let needs = needs::all(self.requirements, &place, key);
                outcome.permissions = needs.iter().map(permissions::unknown_permission).collect();
                findings.extend(resolved.and_then(|(_, finding)| finding));
            }
            RoleInView::Judged(judged) => {
                let caller = caller_of(judged, place, instance, self.now);
                findings.extend(judged.findings.iter().cloned());
                findings.extend(self.judge_trust(judged, subject, &mut outcome));
                findings.extend(self.judge_permissions(judged, &caller, key, &mut outcome));
                findings.extend(resolved.and_then(|(_, finding)| finding));
                if !matches!(subject.kind, SubjectKind::Documents(_)) {
                    outcome.role = Some(RoleSummary { arn: judged.arn.clone(), name: judged.name.clone() });
                    findings.extend(self.optional_encryption(judged, &caller));
                }
            }
        }
        outcome.not_checked = explain::not_checked(self.facts, self.requirements, subject);
        settle(&mut outcome, findings);
        outcome
    }

    fn judge_trust(&self, judged: &JudgedRole, subject: &Subject, outcome: &mut Outcome) -> Option<Finding> {
        let document = judged.trust.as_ref()?;
        let (service, decision, doubt) = match document {
            Ok(document) => self.trust_of(document, subject),
            Err(()) => (ServicePrincipal::ec2(subject.partition.as_deref()), Decision::Unknown, Doubt::default()),
        };
        outcome.trust =
            Some(Trust { principal: service.name.clone(), decision, depends_on: doubt.keys.iter().cloned().collect() });
        // A trust policy that could not be read or parsed has a finding of its own already.
        document.as_ref().ok()?;
        explain::trust(judged, &service, decision, &doubt)
    }

    /// Whether a trust policy admits EC2 in the subject's partition, and what leaves that open.
    fn trust_of(&self, document: &Document, subject: &Subject) -> (ServicePrincipal, Decision, Doubt) {
        let service = ServicePrincipal::ec2(subject.partition.as_deref());
        let context = agent_context::for_trust(self.now, &self.requirements.context);
        let (decision, doubt) = match evaluate_trust(document, &service, &context) {
            Truth::True => (Decision::Allowed, Doubt::default()),
            Truth::False => (Decision::ImplicitDeny, Doubt::default()),
            Truth::Unknown(doubt) => (Decision::Unknown, doubt),
        };
        (service, decision, doubt)
    }

    fn judge_permissions(
        &self,
        judged: &JudgedRole,
        caller: &Caller<'_>,
        key: Option<&KeyArn>,
        outcome: &mut Outcome,
    ) -> Vec<Finding> {
        let base = agent_context::base(caller);
        let needs = needs::all(self.requirements, &caller.place, key);
        let answers: Vec<(Need, Response)> = needs
            .into_iter()
            .map(|need| {
                let mut response = self.ask(judged, &base, caller, &need);
                if need.unresolved && response.decision == Decision::Allowed {
                    response.decision = Decision::Unknown;
                }
                (need, response)
            })
            .collect();
        outcome.permissions = answers.iter().map(|(need, response)| permissions::permission(need, response)).collect();
        let mut findings = permissions::permissions(judged, &answers);
        let key_usable = |(need, response): &(Need, Response)| {
            need.needed_for == NeededFor::Kms && response.decision == Decision::Allowed
        };
        if answers.iter().any(key_usable) {
            findings.push(permissions::key_policy_not_read());
        }
        findings
    }

    /// The documented minimal policy grants `s3:GetEncryptionConfiguration`, but only logs to S3 need it, and
    /// `AmazonSSMManagedInstanceCore` does not grant it either: worth a word, never a verdict.
    fn optional_encryption(&self, judged: &JudgedRole, caller: &Caller<'_>) -> Option<Finding> {
        if self.requirements.s3_logs.is_some() {
            return None;
        }
        let need = needs::encryption_of_any_bucket(&caller.place);
        match self.ask(judged, &agent_context::base(caller), caller, &need).decision {
            Decision::ImplicitDeny | Decision::ExplicitDeny => Some(permissions::optional_encryption()),
            Decision::Allowed | Decision::Unknown => None,
        }
    }

    /// What the role's policies say to one need, in the context that the agent's call for it carries.
    fn ask(&self, judged: &JudgedRole, base: &Context, caller: &Caller<'_>, need: &Need) -> Response {
        let context = agent_context::for_need(base, need, caller.place.region, &self.requirements.context);
        let request = Request { action: need.action.clone(), resource: need.resource.clone(), context };
        evaluate(&judged.gates, &request)
    }
}

/// The verdict follows from the findings and permissions alone: an error settles it, then anything unknown.
fn settle(outcome: &mut Outcome, mut findings: Vec<Finding>) {
    findings.sort_by(|a, b| (a.severity, a.code, &a.message).cmp(&(b.severity, b.code, &b.message)));
    findings.dedup();
    let unknown = |permission: &Permission| permission.decision == Decision::Unknown;
    outcome.verdict = if findings.iter().any(|finding| finding.severity == Severity::Error) {
        Verdict::NotReady
    } else if findings.iter().any(|finding| finding.leaves_unknown) || outcome.permissions.iter().any(unknown) {
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
        instance_id: instance.map(|instance| instance.id.as_str()).or(documents),
    }
}

fn caller_of<'a>(
    judged: &'a JudgedRole,
    place: Place<'a>,
    instance: Option<&'a Instance>,
    now: Timestamp,
) -> Caller<'a> {
    let metadata = instance.and_then(|instance| instance.metadata.as_ref());
    Caller {
        place,
        role_arn: judged.arn.as_deref(),
        role_id: judged.id.as_deref(),
        role_tags: judged.tags.as_ref(),
        vpc: instance.and_then(|instance| instance.vpc.as_deref()),
        private_ip: instance.and_then(|instance| instance.private_ip.as_deref()),
        tokens_required: metadata.is_some_and(|options| options.http_tokens.as_deref() == Some("required")),
        now,
    }
}

fn not_in_snapshot(api: &str) -> Unreadable {
    Unreadable {
        api: api.to_owned(),
        kind: crate::facts::UnreadableKind::NotInSnapshot,
        message: format!("the answer to `{api}` is not among the facts"),
    }
}
