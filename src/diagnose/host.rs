//! Default Host Management Configuration: the other way in which the agent of an instance can get credentials.
//!
//! The agent takes the credentials of the instance profile and calls `ssm:UpdateInstanceInformation`. If that succeeds it uses
//! the profile, and nothing else; if it is denied, or there is no profile or no permission to assume its role, it uses the role of
//! the configuration. On any other error it does not, and what a profile that is empty, deleted or stale answers is not documented.
//! Source: [Managing EC2 instances automatically with Default Host Management Configuration](https://docs.aws.amazon.com/systems-manager/latest/userguide/fleet-manager-default-host-management-configuration.html)
//! and the source of the SSM Agent.

use crate::facts::{Fact, Instance, Role, Subject, Unreadable};
use crate::report::{Code, Finding, Outcome, Severity, Shared};
use iam_eval::arn::Arn;
use iam_eval::{Doubt, ServicePrincipal, Truth};

use super::asked::{self, settings_of};
use super::path::Path;
use super::words::{error, info, warning};
use super::{Diagnosis, RoleInView, agent, chain, explain, not_in_snapshot, settle};

/// What is known of the configuration, for one instance.
enum Host {
    /// It is off.
    Off,
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
        let demand = self.demand(subject, Some(instance));
        let service = ServicePrincipal::ec2(subject.partition.as_deref());
        let profile = self.path(role, chain, subject, &service, Some(instance));
        let host = self.host(subject, instance);
        let known = !matches!(host, Host::NotKnown(_));
        combine(&mut outcome, profile, host, instance);
        let around = chain::around(chain::Located { instance, region: subject.region.as_deref() });
        if around.iter().any(|finding| finding.code == Code::MetadataDisabled) {
            // Without instance metadata there is neither way.
            outcome.findings.retain(|finding| finding.code != Code::ManagedByDhmc || finding.decides());
        }
        outcome.findings.extend(around.into_iter().map(Shared::from));
        settle(&mut outcome, Vec::new());
        let still_online = agent::is_online(instance) && agent::Obstacle::of(&outcome) == agent::Obstacle::Certain;
        let unseen @ [metadata, profile_id, agent] = explain::unseen(instance);
        let traits = [known, metadata, profile_id, agent, still_online];
        outcome.not_checked = self.memo.not_checked(subject, true, traits, || {
            let mut lines = explain::not_checked(self.facts, subject, demand);
            lines.extend(explain::not_checked_of_instance(unseen, known, still_online));
            lines
        });
        let scps_unseen = explain::scps_unseen(self.facts);
        let more = agent::findings(instance, &outcome, demand.encrypted, scps_unseen);
        if !more.is_empty() {
            settle(&mut outcome, more.into_iter().map(Shared::from).collect());
        }
        outcome
    }

    fn host(&self, subject: &Subject, instance: &Instance) -> Host {
        let setting = match settings_of(self.facts, subject).map(|settings| &settings.host_management) {
            Some(Fact::Known(setting)) => setting,
            Some(Fact::Absent) => return Host::Off,
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
                (vec![other_path(setting, role).into()], RoleInView::NotKnown)
            }
            Some(Fact::Known(role)) => (Vec::new(), RoleInView::Judged(self.memo.role(self.facts, &key, role))),
            Some(Fact::Absent) => (vec![role_missing(name).into()], RoleInView::None),
            Some(Fact::Unreadable(reason)) => (vec![explain::unreadable(reason).into()], RoleInView::NotKnown),
            None => (vec![explain::unreadable(&not_in_snapshot("iam:GetRole")).into()], RoleInView::NotKnown),
        };
        chain.extend(agent::too_old_for_host_management(instance).map(Shared::from));
        let service = ServicePrincipal::ssm(subject.partition.as_deref());
        let mut path = self.path(&role, chain, subject, &service, Some(instance));
        if agent::may_be_too_old_for_host_management(instance) && path.credentials.is_true() {
            path.credentials = Truth::Unknown(Doubt::default());
            if !path.is_closed() {
                path.findings.push(agent::version_not_known().into());
            }
        }
        Host::On(name.to_owned(), Box::new(path))
    }
}

/// Which way the agent goes, and what that means.
fn combine(outcome: &mut Outcome, mut profile: Path, host: Host, instance: &Instance) {
    let taken = profile.is_taken();
    match (taken, host) {
        (_, Host::Off) => profile.into_outcome(outcome),
        (Truth::True, Host::On(name, host)) => {
            if profile.lacks_channels() && profile.credentials.is_true() {
                profile.findings.push(fallback_off(&name, &profile, &host).into());
            }
            profile.into_outcome(outcome);
        }
        // Whether or not there is another way, the agent does not go it.
        (Truth::True, Host::NotKnown(reason)) => {
            profile.findings.extend(unknown_aside(&reason).map(Shared::from));
            profile.into_outcome(outcome);
        }
        // The agent is let in there; what is lacking besides is lacking there, and not the profile.
        (Truth::False, Host::On(name, mut host)) if host.lets_agent_in() && !may_stop_fallback(&profile) => {
            let why = reason_in_words(&profile, instance);
            host.findings.push(managed(&name, &why, host.is_closed()).into());
            host.into_outcome_beside(&mut profile, outcome);
        }
        (Truth::False, Host::On(name, host)) => {
            outcome.host_management_role.clone_from(&host.role);
            let closed = host.is_closed();
            if !closed {
                profile.findings = profile.findings.into_iter().map(may_not_matter).collect();
                if may_stop_fallback(&profile) {
                    profile.findings.push(fallback_not_known(&name, &host).into());
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
            profile.findings.push(unknown(&reason).into());
            profile.into_outcome(outcome);
        }
        // Whether the agent stays with the profile is open, and both ways let it in.
        (Truth::Unknown(_), Host::On(name, mut host)) if host.is_open() && profile.is_open_if_taken() => {
            host.findings.push(either_way(&name).into());
            host.into_outcome_beside(&mut profile, outcome);
        }
        // The verdict is certain only where both ways end alike.
        (Truth::Unknown(_), Host::On(name, host)) => {
            outcome.host_management_role.clone_from(&host.role);
            if !(profile.is_closed() && host.is_closed()) {
                profile.findings = profile.findings.into_iter().map(may_not_matter).collect();
            }
            let of_host = host.findings.into_iter().filter(|finding| finding.severity != Severity::Info);
            profile.findings.extend(of_host.map(|finding| of_host_aside(finding, &name)));
            profile.into_outcome(outcome);
        }
        (Truth::Unknown(_), Host::NotKnown(reason)) => {
            profile.findings = profile.findings.into_iter().map(may_not_matter).collect();
            profile.findings.extend(unknown_aside(&reason).map(Shared::from));
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
            finding.code,
            Code::InstanceProfileEmpty | Code::InstanceProfileMissing | Code::InstanceProfileStale | Code::RoleMissing
        )
    })
}

fn fallback_not_known(name: &str, host: &Path) -> Finding {
    let others = if host.is_open() { "" } else { ", if that role lets it in" };
    warning(
        Code::ManagedByDhmc,
        format!(
            "cannot determine whether the agent falls back to the role `{name}` of Default Host Management Configuration{others}: what \
             instance metadata answers for such a profile is not documented, and the agent falls back only on some errors"
        ),
        "fix the profile, or disassociate it from the instance, so that Default Host Management Configuration applies for certain",
        true,
    )
}

fn managed(name: &str, why: &str, lacks_more: bool) -> Finding {
    let remedy = match lacks_more {
        true => {
            format!(
                "grant what is missing to the role `{name}`, or give the instance a profile whose role has all of it"
            )
        }
        false => "nothing to do; an instance profile that allowed `ssm:UpdateInstanceInformation` would take its place"
            .to_owned(),
    };
    info(
        Code::ManagedByDhmc,
        format!("Default Host Management Configuration lets the agent in with its role `{name}`, because {why}"),
        remedy,
    )
}

fn either_way(name: &str) -> Finding {
    info(
        Code::ManagedByDhmc,
        format!(
            "cannot determine whether the agent uses the role of its instance profile or the role `{name}` of Default Host Management \
             Configuration; either lets it in"
        ),
        "nothing to do",
    )
}

/// Why the agent does not go the way of the profile.
fn reason_in_words(profile: &Path, instance: &Instance) -> String {
    if instance.profile.is_none() {
        return "the instance has no instance profile".to_owned();
    }
    match profile.credentials.is_false() {
        true => "the instance's profile gives it no credentials".to_owned(),
        false => "the role of its profile is not allowed `ssm:UpdateInstanceInformation`".to_owned(),
    }
}

fn fallback_off(name: &str, profile: &Path, host: &Path) -> Finding {
    let grant = "grant the role what is missing (`ssm-profile fix`)";
    let remedy = match (host.is_open(), host.is_closed()) {
        (true, _) => format!(
            "either {grant}, or take `ssm:UpdateInstanceInformation` from it, so that Default Host Management Configuration lets \
             the agent in"
        ),
        (false, false) => format!(
            "{grant}; whether it helps to take `ssm:UpdateInstanceInformation` from it cannot be determined, because it is not known \
             whether the role `{name}` lets the agent in"
        ),
        (false, true) => format!(
            "{grant}; to take `ssm:UpdateInstanceInformation` from it does not help by itself, because the role `{name}` does not let \
             the agent in as it is"
        ),
    };
    let role = profile.role.as_ref().map(|role| format!("`{}`", role.name)).unwrap_or_default();
    error(
        Code::DhmcFallbackOff,
        format!(
            "the profile's role {role} allows `ssm:UpdateInstanceInformation`, so the agent stays with it and never turns to the \
             role `{name}` of Default Host Management Configuration: the instance shows up as managed, and no session opens"
        ),
        remedy,
    )
}

/// Whether the setting names a path, and the role of that name has another.
fn is_elsewhere(role: &Role, setting: &str) -> bool {
    let arn = role.arn.as_deref().and_then(Arn::parse);
    setting.contains('/') && arn.is_some_and(|arn| format!("{}{}", arn.path(), arn.name()) != format!("/{setting}"))
}

fn other_path(setting: &str, role: &Role) -> Finding {
    let arn = role.arn.as_deref().unwrap_or_default();
    warning(
        Code::RoleMissing,
        format!(
            "Default Host Management Configuration names the role `{setting}`, and the one of that name is `{arn}`"
        ),
        "name the role that exists: `aws ssm update-service-setting`",
        true,
    )
}

fn role_missing(name: &str) -> Finding {
    error(
        Code::RoleMissing,
        format!("the role `{name}`, which Default Host Management Configuration names, does not exist"),
        "create it, or name another: `aws ssm update-service-setting`",
    )
}

/// A finding about the role of the configuration, said as such.
fn of_host(finding: Shared<Finding>, name: &str) -> Shared<Finding> {
    let message = format!("Default Host Management Configuration (`{name}`): {}", finding.message);
    Shared::from(Finding { message, ..Finding::clone(&finding) })
}

/// The same where that role may not matter.
fn of_host_aside(finding: Shared<Finding>, name: &str) -> Shared<Finding> {
    may_not_matter(of_host(finding, name))
}

/// An obstacle on one way, while there may be another.
fn may_not_matter(finding: Shared<Finding>) -> Shared<Finding> {
    match finding.severity {
        Severity::Error => {
            Shared::from(Finding { severity: Severity::Warning, leaves_unknown: true, ..Finding::clone(&finding) })
        }
        _ => finding,
    }
}

/// Without the setting nothing says whether there is another way.
fn unknown(reason: &Unreadable) -> Finding {
    let finding = explain::unreadable(reason);
    let message =
        format!("it is not known whether Default Host Management Configuration lets the agent in: {}", finding.message);
    Finding { message, ..finding }
}

fn unknown_aside(reason: &Unreadable) -> Option<Finding> {
    asked::aside("whether Default Host Management Configuration is on is not known", reason)
}
