//! One way in which the agent can get credentials, judged: what admits it to a role, and what that role allows.

use std::collections::BTreeMap;

use crate::agent_context::{self, RequestSource};
use crate::facts::{Instance, Subject, SubjectKind};
use crate::needs::{
    CHANNEL_ACTIONS, Cost, Need, UPDATE_INSTANCE_INFORMATION, encryption_of_any_bucket, needs_no_permission,
};
use crate::report::{Code, Finding, FindingKind, NeededFor, Outcome, Permission, RoleSummary, Severity, Shared, Trust};
use iam_eval::{
    Context, Decision, Document, Request, Response, ServicePrincipal, Truth, UnknownReason, evaluate, evaluate_trust,
};

use super::endpoint_policy::EndpointPolicies;
use super::memo::RoleAnswer;
use super::rcps::GovernedBy;
use super::resolved_needs::{self, ResolvedNeeds};
use super::resource_policy::ResourcePolicies;
use super::role::JudgedRole;
use super::{Diagnosis, RoleInView, explain, key_policy, permissions, place_of, session_logs};
use crate::agent_context::Caller;

/// One way, judged.
pub(super) struct Path {
    /// Everything that was found on it.
    pub findings: Vec<Shared<Finding>>,
    /// What the role allows; all unknown where the role is not known, none where there is none.
    pub permissions: Vec<Shared<Permission>>,
    /// Whether the service may assume the role.
    pub trust: Option<Shared<Trust>>,
    /// The role; `None` where there is none, or no name for one.
    pub role: Option<Shared<RoleSummary>>,
    /// Whether the agent gets credentials this way.
    pub credentials: Truth,
}

impl Path {
    /// Whether the agent settles on this way: it gets credentials, and its heartbeat is allowed.
    pub(super) fn is_taken(&self) -> Truth {
        let heartbeat = self.permissions.iter().find(|permission| permission.action == UPDATE_INSTANCE_INFORMATION);
        let allowed = match heartbeat.map(|permission| permission.decision) {
            Some(Decision::Allowed) => Truth::True,
            Some(Decision::ExplicitDeny | Decision::ImplicitDeny) => Truth::False,
            // Where no role is in view, everything depends on the credentials.
            Some(Decision::Unknown) | None => Truth::Unknown(UnknownReason::default()),
        };
        self.credentials.clone().and(allowed)
    }

    /// Whether a channel action is certainly not allowed.
    pub(super) fn lacks_channels(&self) -> bool {
        let lacks = |permission: &Shared<Permission>| {
            CHANNEL_ACTIONS.contains(&permission.action.as_str())
                && matches!(permission.decision, Decision::ImplicitDeny | Decision::ExplicitDeny)
        };
        self.permissions.iter().any(lacks)
    }

    /// Whether something on it certainly keeps Session Manager out.
    pub(super) fn is_closed(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity() == Severity::Error)
    }

    /// Whether it certainly lets Session Manager in.
    pub(super) fn is_open(&self) -> bool {
        let unknown = |permission: &Shared<Permission>| permission.required && permission.decision != Decision::Allowed;
        let doubtful = self.findings.iter().any(|finding| finding.leaves_unknown());
        !self.is_closed() && !doubtful && !self.permissions.iter().any(unknown) && self.credentials.is_true()
    }

    /// Whether it certainly lets the agent in: it gets credentials, and the core actions are allowed.
    pub(super) fn lets_agent_in(&self) -> bool {
        let core = |permission: &Shared<Permission>| {
            permission.needed_for == NeededFor::Core && permission.decision != Decision::Allowed
        };
        self.credentials.is_true() && self.role.is_some() && !self.permissions.iter().any(core)
    }

    /// Whether it certainly lets Session Manager in, if the agent settles on it: all that is not known is whether EC2 may assume
    /// the role and whether its heartbeat is allowed, and where one of them is not so, the agent does not settle on it.
    pub(super) fn is_open_if_taken(&self) -> bool {
        let allowed = |permission: &Shared<Permission>| {
            let of_taking =
                permission.needed_for == NeededFor::Core && permission.action == UPDATE_INSTANCE_INFORMATION;
            of_taking || !permission.required || permission.decision == Decision::Allowed
        };
        // With all else allowed, a conditional permission is the heartbeat's.
        let of_taking = |code| matches!(code, Code::ConditionalPermission | Code::TrustPolicy);
        let doubtful = |finding: &Shared<Finding>| finding.leaves_unknown() && !of_taking(finding.code());
        !self.is_closed()
            && self.permissions.iter().all(allowed)
            && self.role.is_some()
            && !self.findings.iter().any(doubtful)
    }

    /// Tells the outcome of it, as of the way that the agent goes.
    pub(super) fn into_outcome(self, outcome: &mut Outcome) {
        outcome.findings.extend(self.findings);
        outcome.permissions = self.permissions;
        outcome.trust = self.trust;
        outcome.role = self.role;
    }
}

impl Diagnosis<'_> {
    /// Judges the way through a role, which `service` assumes for the agent. `chain` is what was found before the role.
    pub(super) fn path(
        &self,
        role: &RoleInView,
        chain: Vec<Shared<Finding>>,
        subject: &Subject,
        service: &ServicePrincipal,
        instance: Option<&Instance>,
    ) -> Path {
        // While an association changes, the instance may have the credentials of either state.
        let in_flux = |finding: &Shared<Finding>| finding.code() == Code::AssociationPending;
        let broken = chain.iter().any(|finding| finding.severity() == Severity::Error && !in_flux(finding));
        let doubtful = chain.iter().any(|finding| finding.leaves_unknown() || in_flux(finding));
        let changes = chain.iter().any(in_flux);
        let paths =
            instance.and_then(|instance| self.agent_paths(subject, instance, self.need_flags(subject, Some(instance))));
        let sources = paths.as_ref().map(|paths| &paths.sources);
        let role_answer = match (role, &subject.kind) {
            (RoleInView::None, _) => RoleAnswer::none(),
            (RoleInView::Judged(judged), SubjectKind::Documents(_)) => {
                self.role_answer(judged, subject, service, instance, sources)
            }
            (RoleInView::Judged(judged), _) => {
                let work_out = || self.role_answer(judged, subject, service, instance, sources);
                self.memo.role_answer(self.facts, (Some(judged), service), subject, instance, sources, work_out)
            }
            (RoleInView::NotKnown, _) => {
                let work_out = || self.unknown_role_answer(subject, instance);
                self.memo.role_answer(self.facts, (None, service), subject, instance, None, work_out)
            }
        };
        let RoleAnswer { findings, permissions, trust, role, mut credentials, .. } = role_answer;
        if broken {
            credentials = Truth::False;
        } else if changes || doubtful && !credentials.is_false() {
            credentials = Truth::Unknown(UnknownReason::default());
        }
        let findings = chain.into_iter().chain(findings).collect();
        Path { findings, permissions, trust, role, credentials }
    }

    /// What a role of which nothing is known means for a subject.
    fn unknown_role_answer(&self, subject: &Subject, instance: Option<&Instance>) -> RoleAnswer {
        let place = place_of(subject, instance);
        let asked = resolved_needs::of(self.facts, self.requirements, subject, &place);
        let permissions = asked.needs.iter().map(permissions::unknown_permission).map(Shared::from);
        // A target that could not be seen may not be there at all, which is unknown too.
        let uncertain = |finding: Finding| match instance {
            None => finding.that_may_not_matter(),
            Some(_) => finding,
        };
        RoleAnswer {
            permissions: permissions.collect(),
            findings: asked.findings.into_iter().map(uncertain).map(Shared::from).collect(),
            credentials: Truth::Unknown(UnknownReason::default()),
            instance_arn: instance.map(|_| place.instance_arn().to_string()),
            ..RoleAnswer::none()
        }
    }

    /// What a role means for a subject.
    fn role_answer(
        &self,
        judged: &JudgedRole,
        subject: &Subject,
        service: &ServicePrincipal,
        instance: Option<&Instance>,
        sources: Option<&BTreeMap<&'static str, RequestSource>>,
    ) -> RoleAnswer {
        let place = place_of(subject, instance);
        let asked = resolved_needs::of(self.facts, self.requirements, subject, &place);
        let mut caller = self.caller_of(judged, place, instance);
        caller.sources = sources;
        caller.through_systems_manager = service.is_systems_manager();
        let mut findings = judged.findings.clone();
        let trust = self.judge_trust(judged, &caller, service, &mut findings);
        let credentials = match trust.as_ref().map(|trust| trust.decision) {
            Some(Decision::Allowed) | None => Truth::True,
            Some(Decision::Unknown) => Truth::Unknown(UnknownReason::default()),
            Some(Decision::ImplicitDeny | Decision::ExplicitDeny) => Truth::False,
        };
        let policies = ResourcePolicies { asked: &asked, judged, caller: &caller, requirements: self.requirements };
        let answers = self.judge_permissions(&policies, &mut findings);
        let governed =
            |need: &&Need| GovernedBy::of(need, &place, &self.requirements.context) == GovernedBy::OwnAccount;
        let costs: Vec<Cost> = asked.needs.iter().filter(governed).map(|need| need.cost).collect();
        if !costs.is_empty() {
            let leaves_unknown = costs.iter().any(|cost| *cost != Cost::Logs);
            let unread = judged.rcps_unread.iter().cloned();
            findings.extend(unread.map(|reason| FindingKind::Unreadable { reason, leaves_unknown }.into()));
        }
        let endpoints = EndpointPolicies {
            facts: self.facts,
            library: &self.memo.library,
            given: match &subject.kind {
                SubjectKind::Documents(documents) => documents.endpoint_policy.as_ref(),
                _ => None,
            },
            judged,
            caller: &caller,
            requirements: self.requirements,
        };
        let permission = |(need, response): &(Need, Response)| {
            let response = policies.limit(need, response.clone());
            permissions::permission(need, &endpoints.limit(need, response)).into()
        };
        let permissions: Vec<Shared<Permission>> = answers.iter().map(permission).collect();
        findings.extend(policies.findings(&answers));
        findings.extend(endpoints.findings(&answers));
        findings.extend(key_policy::findings(&policies, &answers));
        findings.extend(session_logs::findings(&policies, &answers));
        let mut role = None;
        if !matches!(subject.kind, SubjectKind::Documents(_)) {
            role = Some(Shared::from(RoleSummary { arn: judged.arn.clone(), name: judged.name.clone() }));
            findings.extend(self.optional_encryption(judged, &caller, &asked));
        }
        findings.extend(asked.findings);
        RoleAnswer {
            findings: findings.into_iter().map(Shared::from).collect(),
            permissions,
            trust: trust.map(Shared::from),
            role,
            credentials,
            instance_arn: instance.map(|_| place.instance_arn().to_string()),
        }
    }

    fn judge_trust(
        &self,
        judged: &JudgedRole,
        caller: &Caller<'_>,
        service: &ServicePrincipal,
        findings: &mut Vec<Finding>,
    ) -> Option<Trust> {
        let document = judged.trust.as_ref()?;
        let (mut decision, doubt) = match document {
            Ok(document) => self.trust_of(document, service),
            Err(()) => (Decision::Unknown, UnknownReason::default()),
        };
        let depends_on = doubt.keys.iter().cloned().collect();
        // A trust policy that could not be read or parsed has a finding of its own already.
        if document.is_ok() {
            findings.extend(explain::trust(judged, service, decision, &doubt).map(Finding::from));
        }
        if decision == Decision::Allowed
            && let Some(finding) = self.rcps_on_assume_role(judged, caller, service)
        {
            findings.push(finding);
            decision = Decision::Unknown;
        }
        Some(Trust { principal: service.name().to_owned(), decision, depends_on })
    }

    /// Whether a trust policy admits a service, and what leaves that open.
    pub(super) fn trust_of(&self, document: &Document, service: &ServicePrincipal) -> (Decision, UnknownReason) {
        let context = agent_context::for_trust(service, self.now, &self.requirements.context);
        match evaluate_trust(document, service, &context) {
            Truth::True => (Decision::Allowed, UnknownReason::default()),
            Truth::False => (Decision::ImplicitDeny, UnknownReason::default()),
            Truth::Unknown(doubt) => (Decision::Unknown, doubt),
        }
    }

    /// What the role's side answers to every need: its own policies, and what a resource's policy grants it.
    fn judge_permissions(&self, policies: &ResourcePolicies<'_>, findings: &mut Vec<Finding>) -> Vec<(Need, Response)> {
        let ResourcePolicies { asked, judged, caller, .. } = policies;
        let base = agent_context::base(caller);
        let answer = |need: &Need| {
            let mut response = self.ask(judged, &base, caller, need);
            if need.unresolved && response.decision == Decision::Allowed {
                response.decision = Decision::Unknown;
            }
            (need.clone(), policies.with_grants(need, response))
        };
        let answers: Vec<(Need, Response)> = asked.needs.iter().map(answer).collect();
        let (logs, sessions): (Vec<_>, Vec<_>) = answers.iter().cloned().partition(|(need, _)| need.cost == Cost::Logs);
        let may_grant = |need: &Need, response: &Response| policies.may_grant(need, response);
        let by_fix = !caller.through_systems_manager && !self.facts.are_planned();
        findings.extend(permissions::permissions(judged, &sessions, &caller.place, by_fix, &may_grant));
        findings.extend(permissions::logs(judged, &logs, &may_grant));
        answers
    }

    /// The documented minimal policy grants `s3:GetEncryptionConfiguration`, but only logs to S3 need it, and
    /// `AmazonSSMManagedInstanceCore` does not grant it either: worth a word, never a verdict.
    fn optional_encryption(
        &self,
        judged: &JudgedRole,
        caller: &Caller<'_>,
        asked: &ResolvedNeeds<'_>,
    ) -> Option<Finding> {
        let need = encryption_of_any_bucket(&caller.place);
        if asked.needs.iter().any(|other| other.action.eq_ignore_ascii_case(&need.action)) {
            return None;
        }
        match self.ask(judged, &agent_context::base(caller), caller, &need).decision {
            Decision::ImplicitDeny | Decision::ExplicitDeny => {
                Some(FindingKind::OptionalPermission { action: need.action }.into())
            }
            Decision::Allowed | Decision::Unknown => None,
        }
    }

    /// What the role's policies say to one need, in the context that the agent's call for it carries.
    pub(super) fn ask(&self, judged: &JudgedRole, base: &Context, caller: &Caller<'_>, need: &Need) -> Response {
        if needs_no_permission(&need.action) {
            return Response::allowed();
        }
        let context = agent_context::for_need(base, caller, need, &self.requirements.context);
        let request = Request { action: need.action.clone(), resource: need.resource.clone(), context };
        evaluate(&judged.gates, &request)
    }
}
