//! Default Host Management Configuration: the other way in which the agent of an instance can get credentials.
//!
//! The agent takes the credentials of the instance profile and calls `ssm:UpdateInstanceInformation`. If that succeeds it uses
//! the profile, and nothing else; if it is denied, or there is no profile or no permission to assume its role, it uses the role of
//! the configuration. On any other error it does not, and what a profile that is empty, deleted or stale answers is not documented.
//! Source: [Managing EC2 instances automatically with Default Host Management Configuration](https://docs.aws.amazon.com/systems-manager/latest/userguide/fleet-manager-default-host-management-configuration.html)
//! and the source of the SSM Agent.

use crate::facts::{Fact, Instance, Role, Subject, SubjectKind, Unreadable};
use crate::needs::NetworkCheck;
use crate::report::{
    Code, Finding, FindingKind, NetworkReport, NotChecked, NotRead, OfflineCause, Outcome, PathDecision, PathUnknown,
    ProfileUnused, RoleState, Service, Severity, Shared,
};
use iam_eval::arn::Arn;
use iam_eval::{ServicePrincipal, Truth, UnknownReason};

use super::endpoint_policy::EndpointPolicies;
use super::path::Path;
use super::resolved_needs::{self, settings_of};
use super::role::JudgedRole;
use super::{
    Diagnosis, RoleInView, agent, agent_path, chain, explain, network, not_in_snapshot, place_of, planned, settle,
    shared,
};

/// What is known of the configuration, for one instance.
enum Host {
    /// It is off.
    Off,
    /// A plan says nothing of it: the profile alone is judged.
    NotInView,
    /// It is on, and the agent would go this way.
    On(String, Box<Path>),
    /// Whether it is on is not known.
    NotKnown(Unreadable),
}

impl Diagnosis<'_> {
    /// Judges both ways in which the agent of an instance can get credentials. `chain` and `role` are the profile's.
    pub(super) fn of_agent(
        &self,
        mut outcome: Outcome,
        chain: Vec<Shared<Finding>>,
        role: &RoleInView,
        subject: &Subject,
        instance: &Instance,
    ) -> Outcome {
        let need_flags = self.need_flags(subject, Some(instance));
        let service = ServicePrincipal::ec2(subject.partition.as_deref());
        let profile = self.path(role, chain, subject, &service, Some(instance));
        let host = self.host(subject, instance);
        let known = !matches!(host, Host::NotKnown(_) | Host::NotInView);
        combine(&mut outcome, profile, host, instance);
        let around = chain::around(instance);
        if around.iter().any(|finding| finding.code() == Code::MetadataDisabled) {
            // Without instance metadata there is neither way.
            outcome.findings.retain(|finding| finding.code() != Code::ManagedByDhmc || finding.decides());
        }
        outcome.findings.extend(around.into_iter().map(Shared::from));
        if let Some(paths) = self.agent_paths(subject, instance, need_flags) {
            let only_logs = agent_path::only_logs(need_flags);
            let of_network = network::PathExpectations {
                online: agent::is_online(instance),
                required: self.requirements.network == NetworkCheck::Require,
                only_logs: &only_logs,
            };
            outcome.network = Shared::from(network::report(&paths.paths, of_network));
            outcome.findings.extend(network::findings(&paths.paths, of_network).into_iter().map(Shared::from));
        } else if self.requirements.network == NetworkCheck::Require {
            let reason = match subject.kind {
                _ if instance.state != "running" => Unreadable {
                    message: "the path of an instance that does not run is not checked".to_owned(),
                    ..not_in_snapshot("ec2:DescribeInstances")
                },
                SubjectKind::Planned(_) => planned::network_not_in_plan(),
                _ => Unreadable {
                    message: "the snapshot has no network facts".to_owned(),
                    ..not_in_snapshot("ec2:DescribeInstances")
                },
            };
            let services = vec![Service::Ssm, Service::SsmMessages];
            let why = PathUnknown::Unreadable { reason };
            outcome.network = Shared::from(NetworkReport { decision: PathDecision::Unknown, paths: Vec::new() });
            outcome.findings.push(shared(FindingKind::PathNotKnown { why, services, required: true }));
        }
        settle(&mut outcome, Vec::new());
        let still_online =
            agent::is_online(instance) && agent::cause_of_being_offline(&outcome) == OfflineCause::Certain;
        let unseen @ [metadata, profile_id, agent] = explain::unseen(instance);
        let path_judged = outcome.network.decision != PathDecision::NotChecked;
        let traits = [known, metadata, profile_id, agent, still_online, path_judged];
        outcome.not_checked = self.memo.not_checked(subject, true, traits, || {
            let mut items = explain::not_checked(self.facts, subject, need_flags);
            if path_judged {
                items.retain(|item| !matches!(item, NotChecked::NetworkPath | NotChecked::NetworkPathOfLogs { .. }));
                items.push(NotChecked::NetworkOnHost);
            }
            items.extend(explain::not_checked_of_instance(unseen, known, still_online));
            items
        });
        let scps_unseen = explain::scps_unseen(self.facts);
        let more = agent::findings(instance, &outcome, need_flags.encrypted, scps_unseen);
        if !more.is_empty() {
            settle(&mut outcome, more.into_iter().map(Shared::from).collect());
        }
        outcome
    }

    fn host(&self, subject: &Subject, instance: &Instance) -> Host {
        let is_planned = matches!(subject.kind, SubjectKind::Planned(_));
        let setting = match settings_of(self.facts, subject).map(|settings| &settings.host_management) {
            Some(Fact::Known(setting)) => setting,
            Some(Fact::Absent) => return Host::Off,
            Some(Fact::Unreadable(reason)) if is_planned && planned::is_outside(reason) => return Host::NotInView,
            None if is_planned => return Host::NotInView,
            Some(Fact::Unreadable(reason)) => return Host::NotKnown(reason.clone()),
            None => return Host::NotKnown(not_in_snapshot("ssm:GetServiceSetting")),
        };
        let name = setting.rsplit('/').next().unwrap_or(setting);
        // One that is not there was looked for without its account.
        let of_account = crate::facts::key(subject.account.as_deref(), name);
        let known = self.facts.roles.contains_key(&of_account);
        let key = if known { of_account } else { crate::facts::key(None, name) };
        let (mut chain, role) = match self.facts.roles.get(&key) {
            Some(Fact::Known(role)) if is_elsewhere(role, setting) => {
                let found = role.arn.clone().unwrap_or_default();
                let elsewhere = FindingKind::HostRoleElsewhere { setting: setting.clone(), found };
                (vec![shared(elsewhere)], RoleInView::NotKnown)
            }
            Some(Fact::Known(role)) => (Vec::new(), RoleInView::Judged(self.memo.role(self.facts, &key, role))),
            Some(Fact::Absent) => {
                (vec![shared(FindingKind::HostRoleMissing { role: name.to_owned() })], RoleInView::None)
            }
            Some(Fact::Unreadable(reason)) => (vec![explain::unreadable(reason).into()], RoleInView::NotKnown),
            None => (vec![explain::unreadable(&not_in_snapshot("iam:GetRole")).into()], RoleInView::NotKnown),
        };
        chain.extend(agent::too_old_for_host_management(instance).map(Shared::from));
        let service = ServicePrincipal::ssm(subject.partition.as_deref());
        let mut path = self.path(&role, chain, subject, &service, Some(instance));
        if let RoleInView::Judged(judged) = &role
            && !agent::is_online(instance)
        {
            path.findings.extend(self.registration(judged, subject, instance).map(Shared::from));
        }
        if agent::may_be_too_old_for_host_management(instance) && path.credentials.is_true() {
            path.credentials = Truth::Unknown(UnknownReason::default());
            if !path.is_closed() {
                path.findings.push(agent::version_not_known().into());
            }
        }
        Host::On(name.to_owned(), Box::new(path))
    }

    /// What may keep the agent from getting the role of the configuration.
    fn registration(&self, judged: &JudgedRole, subject: &Subject, instance: &Instance) -> Option<Finding> {
        let paths = self.agent_paths(subject, instance, self.need_flags(subject, Some(instance)))?;
        let mut caller = self.caller_of(judged, place_of(subject, Some(instance)), Some(instance));
        caller.sources = Some(&paths.sources);
        let policies = EndpointPolicies {
            facts: self.facts,
            library: &self.memo.library,
            given: None,
            judged,
            caller: &caller,
            requirements: self.requirements,
        };
        policies.of_registration()
    }
}

/// Which way the agent goes, and what that means.
fn combine(outcome: &mut Outcome, mut profile: Path, host: Host, instance: &Instance) {
    let taken = profile.is_taken();
    match (taken, host) {
        (_, Host::Off | Host::NotInView) => profile.into_outcome(outcome),
        (Truth::True, Host::On(name, host)) => {
            if profile.lacks_channels() && profile.credentials.is_true() {
                let profile_role = profile.role.as_ref().map(|role| role.name.clone());
                let role_state = state_of(&host);
                profile.findings.push(shared(FindingKind::FallbackOff { profile_role, role: name, role_state }));
            }
            profile.into_outcome(outcome);
        }
        // Whether or not there is another way, the agent does not go it.
        (Truth::True, Host::NotKnown(reason)) => {
            profile.findings.extend(resolved_needs::aside(NotRead::HostManagement, &reason).map(Shared::from));
            profile.into_outcome(outcome);
        }
        // The agent is let in there; what is lacking besides is lacking there, and not the profile.
        (Truth::False, Host::On(name, mut host)) if host.lets_agent_in() && !may_stop_fallback(&profile) => {
            let because = unused_because(&profile, instance);
            let lacks_more = host.is_closed();
            host.findings.push(shared(FindingKind::ManagedByHostManagement { role: name, because, lacks_more }));
            host.into_outcome_beside(&mut profile, outcome);
        }
        (Truth::False, Host::On(name, host)) => {
            outcome.host_management_role.clone_from(&host.role);
            let closed = host.is_closed();
            if !closed {
                profile.findings = profile.findings.into_iter().map(may_not_matter).collect();
                if may_stop_fallback(&profile) {
                    let (role, role_lets_agent_in) = (name.clone(), host.is_open());
                    profile.findings.push(shared(FindingKind::FallbackUnknown { role, role_lets_agent_in }));
                }
            }
            profile.findings.extend(host.findings.into_iter().map(|finding| of_host(finding, &name)));
            if profile.role.is_none() {
                profile.permissions = host.permissions;
            }
            profile.into_outcome(outcome);
        }
        (Truth::False, Host::NotKnown(reason)) => {
            profile.findings = profile.findings.into_iter().map(may_not_matter).collect();
            let because = unused_because(&profile, instance);
            profile.findings.push(shared(FindingKind::HostManagementUnreadable { because, reason }));
            profile.into_outcome(outcome);
        }
        // Whether the agent stays with the profile is open, and both ways let it in.
        (Truth::Unknown(_), Host::On(name, mut host)) if host.is_open() && profile.is_open_if_taken() => {
            host.findings.push(shared(FindingKind::EitherRole { role: name }));
            host.into_outcome_beside(&mut profile, outcome);
        }
        // The verdict is certain only where both ways end alike.
        (Truth::Unknown(_), Host::On(name, host)) => {
            outcome.host_management_role.clone_from(&host.role);
            if !(profile.is_closed() && host.is_closed()) {
                profile.findings = profile.findings.into_iter().map(may_not_matter).collect();
            }
            let of_host = host.findings.into_iter().filter(|finding| finding.severity() != Severity::Info);
            profile.findings.extend(of_host.map(|finding| of_host_aside(finding, &name)));
            profile.into_outcome(outcome);
        }
        (Truth::Unknown(_), Host::NotKnown(reason)) => {
            profile.findings = profile.findings.into_iter().map(may_not_matter).collect();
            profile.findings.extend(resolved_needs::aside(NotRead::HostManagement, &reason).map(Shared::from));
            profile.into_outcome(outcome);
        }
    }
}

impl Path {
    /// Tells the outcome of the way through host management, which the agent goes, beside the role of its profile.
    fn into_outcome_beside(self, profile: &mut Path, outcome: &mut Outcome) {
        outcome.host_management_role.clone_from(&self.role);
        self.into_outcome(outcome);
        outcome.role = profile.role.take();
    }
}

/// Whether the profile may give an error on which the agent does not turn to host management. It turns to it on
/// `AccessDeniedException`, `EC2RoleRequestError` and `AssumeRoleUnauthorizedAccess` only (source of the SSM Agent,
/// `ec2roleprovider`); what the instance metadata answers for a profile without a role that exists is not documented.
///
/// That the agent is `Online` settles nothing: the credentials that it had before last for hours.
fn may_stop_fallback(profile: &Path) -> bool {
    profile.findings.iter().any(|finding| {
        matches!(
            finding.code(),
            Code::InstanceProfileEmpty | Code::InstanceProfileMissing | Code::InstanceProfileStale | Code::RoleMissing
        )
    })
}

/// Why the agent does not go the way of the profile.
fn unused_because(profile: &Path, instance: &Instance) -> ProfileUnused {
    match (&instance.profile, profile.credentials.is_false()) {
        (None, _) => ProfileUnused::NoProfile,
        (Some(_), true) => ProfileUnused::NoCredentials,
        (Some(_), false) => ProfileUnused::NotAllowed,
    }
}

fn state_of(host: &Path) -> RoleState {
    match (host.is_open(), host.is_closed()) {
        (true, _) => RoleState::Open,
        (false, true) => RoleState::Closed,
        (false, false) => RoleState::Unknown,
    }
}

/// Whether the setting names a path, and the role of that name has another.
fn is_elsewhere(role: &Role, setting: &str) -> bool {
    let arn = role.arn.as_deref().and_then(Arn::parse);
    setting.contains('/') && arn.is_some_and(|arn| format!("{}{}", arn.path(), arn.name()) != format!("/{setting}"))
}

/// A finding about the role of the configuration, said as such.
fn of_host(finding: Shared<Finding>, name: &str) -> Shared<Finding> {
    Shared::from(Finding { host_management_role: Some(name.to_owned()), ..Finding::clone(&finding) })
}

/// The same where that role may not matter.
fn of_host_aside(finding: Shared<Finding>, name: &str) -> Shared<Finding> {
    may_not_matter(of_host(finding, name))
}

/// An obstacle on one way, while there may be another.
fn may_not_matter(finding: Shared<Finding>) -> Shared<Finding> {
    match finding.severity() {
        Severity::Error => Shared::from(Finding::clone(&finding).that_may_not_matter()),
        Severity::Warning | Severity::Info => finding,
    }
}
