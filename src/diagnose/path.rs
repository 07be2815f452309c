//! One way in which the agent can get credentials, judged: what admits it to a role, and what that role allows.

use crate::agent_context;
use crate::facts::{Instance, Subject, SubjectKind};
use crate::needs::{Cost, Need, UPDATE_INSTANCE_INFORMATION, encryption_of_any_bucket};
use crate::policy::{
    Context, Decision, Document, Doubt, Request, Response, ServicePrincipal, Truth, evaluate, evaluate_trust,
};
use crate::report::{Finding, Outcome, Permission, RoleSummary, Severity, Trust};

use super::asked::Asked;
use super::role::JudgedRole;
use super::{Diagnosis, RoleInView, explain, key_policy, permissions, place_of};
use crate::agent_context::Caller;

/// One way, judged.
pub(super) struct Path {
    /// Everything that was found on it.
    pub findings: Vec<Finding>,
    /// What the role allows; all unknown where the role is not known, none where there is none.
    pub permissions: Vec<Permission>,
    /// Whether the service may assume the role.
    pub trust: Option<Trust>,
    /// The role; `None` where there is none, or no name for one.
    pub role: Option<RoleSummary>,
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
            Some(Decision::Unknown) => Truth::Unknown(Doubt::default()),
            None => Truth::False,
        };
        self.credentials.clone().and(allowed)
    }

    /// Whether something on it certainly keeps Session Manager out.
    pub(super) fn is_closed(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Whether it certainly lets Session Manager in.
    pub(super) fn is_open(&self) -> bool {
        let unknown = |permission: &Permission| permission.required && permission.decision == Decision::Unknown;
        let doubtful = self.findings.iter().any(|finding| finding.leaves_unknown);
        !self.is_closed() && !doubtful && !self.permissions.iter().any(unknown) && self.credentials.is_true()
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
        role: &RoleInView<'_>,
        chain: Vec<Finding>,
        asked: &Asked<'_>,
        subject: &Subject,
        service: &ServicePrincipal,
        instance: Option<&Instance>,
    ) -> Path {
        let broken = chain.iter().any(|finding| finding.severity == Severity::Error);
        let doubtful = chain.iter().any(|finding| finding.leaves_unknown);
        let mut path =
            Path { findings: chain, permissions: Vec::new(), trust: None, role: None, credentials: Truth::False };
        match role {
            RoleInView::None => {}
            RoleInView::NotKnown => {
                path.permissions = asked.needs.iter().map(permissions::unknown_permission).collect();
                path.findings.extend(asked.findings.iter().cloned());
                path.credentials = Truth::Unknown(Doubt::default());
            }
            RoleInView::Judged(judged) => {
                let mut caller = self.caller_of(judged, place_of(subject, instance), instance);
                caller.through_systems_manager = service.name.starts_with("ssm.");
                path.findings.extend(judged.findings.iter().cloned());
                let trust = self.judge_trust(judged, service, &mut path.trust);
                path.findings.extend(trust);
                path.credentials = match path.trust.as_ref().map(|trust| trust.decision) {
                    Some(Decision::Allowed) | None => Truth::True,
                    Some(Decision::Unknown) => Truth::Unknown(Doubt::default()),
                    Some(Decision::ImplicitDeny | Decision::ExplicitDeny) => Truth::False,
                };
                let answers = self.judge_permissions(judged, &caller, asked, &mut path);
                path.findings.extend(asked.findings.iter().cloned());
                path.findings.extend(key_policy::findings(asked, &answers, &caller, self.requirements));
                if !matches!(subject.kind, SubjectKind::Documents(_)) {
                    path.role = Some(RoleSummary { arn: judged.arn.clone(), name: judged.name.clone() });
                    path.findings.extend(self.optional_encryption(judged, &caller, asked));
                }
            }
        }
        if broken {
            path.credentials = Truth::False;
        } else if doubtful && !path.credentials.is_false() {
            path.credentials = Truth::Unknown(Doubt::default());
        }
        path
    }

    fn judge_trust(
        &self,
        judged: &JudgedRole,
        service: &ServicePrincipal,
        trust: &mut Option<Trust>,
    ) -> Option<Finding> {
        let document = judged.trust.as_ref()?;
        let (decision, doubt) = match document {
            Ok(document) => self.trust_of(document, service),
            Err(()) => (Decision::Unknown, Doubt::default()),
        };
        let depends_on = doubt.keys.iter().cloned().collect();
        *trust = Some(Trust { principal: service.name.clone(), decision, depends_on });
        // A trust policy that could not be read or parsed has a finding of its own already.
        document.as_ref().ok()?;
        explain::trust(judged, service, decision, &doubt)
    }

    /// Whether a trust policy admits a service, and what leaves that open.
    pub(super) fn trust_of(&self, document: &Document, service: &ServicePrincipal) -> (Decision, Doubt) {
        let context = agent_context::for_trust(self.now, &self.requirements.context);
        match evaluate_trust(document, service, &context) {
            Truth::True => (Decision::Allowed, Doubt::default()),
            Truth::False => (Decision::ImplicitDeny, Doubt::default()),
            Truth::Unknown(doubt) => (Decision::Unknown, doubt),
        }
    }

    fn judge_permissions(
        &self,
        judged: &JudgedRole,
        caller: &Caller<'_>,
        asked: &Asked<'_>,
        path: &mut Path,
    ) -> Vec<(Need, Response)> {
        let base = agent_context::base(caller);
        let answer = |need: &Need| {
            let mut response = self.ask(judged, &base, caller, need);
            if need.unresolved && response.decision == Decision::Allowed {
                response.decision = Decision::Unknown;
            }
            let response = key_policy::with_key_policy(asked, need, response, judged, caller, self.requirements);
            (need.clone(), response)
        };
        let answers: Vec<(Need, Response)> = asked.needs.iter().map(answer).collect();
        path.permissions = answers.iter().map(|(need, response)| permissions::permission(need, response)).collect();
        let (logs, sessions): (Vec<_>, Vec<_>) =
            answers.iter().cloned().partition(|(need, _)| need.cost != Cost::Sessions);
        path.findings.extend(permissions::permissions(judged, &sessions));
        path.findings.extend(permissions::logs(judged, &logs));
        answers
    }

    /// The documented minimal policy grants `s3:GetEncryptionConfiguration`, but only logs to S3 need it, and
    /// `AmazonSSMManagedInstanceCore` does not grant it either: worth a word, never a verdict.
    fn optional_encryption(&self, judged: &JudgedRole, caller: &Caller<'_>, asked: &Asked<'_>) -> Option<Finding> {
        let need = encryption_of_any_bucket(&caller.place);
        if asked.needs.iter().any(|other| other.action.eq_ignore_ascii_case(&need.action)) {
            return None;
        }
        match self.ask(judged, &agent_context::base(caller), caller, &need).decision {
            Decision::ImplicitDeny | Decision::ExplicitDeny => Some(permissions::optional_encryption()),
            Decision::Allowed | Decision::Unknown => None,
        }
    }

    /// What the role's policies say to one need, in the context that the agent's call for it carries.
    pub(super) fn ask(&self, judged: &JudgedRole, base: &Context, caller: &Caller<'_>, need: &Need) -> Response {
        let context = agent_context::for_need(base, need, caller.place.region, &self.requirements.context);
        let request = Request { action: need.action.clone(), resource: need.resource.clone(), context };
        evaluate(&judged.gates, &request)
    }
}
