//! The chain that credentials take: instance, metadata, association, profile, role.
//!
//! Source: [Use an IAM role to grant permissions to applications on EC2](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2.html).

use crate::facts::{Fact, Facts, Instance, InstanceProfile, Settings, Subject};
use crate::report::{
    AgentSummary, Finding, FindingKind, InstanceSummary, MetadataState, Outcome, ProfileSummary, TargetKind, Verdict,
};

use super::explain;

/// An outcome that says whom it is about and nothing else yet.
pub(super) fn outcome_of(subject: &Subject, instance: Option<&Instance>) -> Outcome {
    let attached = instance.and_then(|instance| instance.profile.as_ref());
    Outcome {
        target: subject.target.clone(),
        source: subject.origin.clone(),
        account: subject.account.clone(),
        region: subject.region.clone(),
        instance: instance.map(|instance| InstanceSummary {
            id: Some(instance.id.clone()),
            name: instance.name.clone(),
            state: Some(instance.state.clone()),
        }),
        instance_profile: attached
            .map(|attached| ProfileSummary { arn: Some(attached.arn.clone()), id: attached.id.clone() }),
        role: None,
        host_management_role: None,
        agent: instance.and_then(|instance| match &instance.agent {
            Fact::Known(agent) => Some(AgentSummary { ping: agent.ping.clone(), version: agent.version.clone() }),
            Fact::Absent => Some(AgentSummary { ping: None, version: None }),
            Fact::Unreadable(_) => None,
        }),
        trust: None,
        verdict: Verdict::Unknown,
        permissions: Vec::new(),
        connection: None,
        simulation: Vec::new(),
        findings: Vec::new(),
        network: Default::default(),
        known: Default::default(),
        not_checked: Default::default(),
    }
}

pub(super) fn profile_summary(profile: &InstanceProfile) -> ProfileSummary {
    let known = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    ProfileSummary { arn: known(&profile.arn), id: known(&profile.id) }
}

/// Whether the instance is gone for good, or about to be.
pub(super) fn is_terminated(instance: &Instance) -> bool {
    matches!(instance.state.as_str(), "terminated" | "shutting-down")
}

/// What keeps the instance from having credentials at all, whichever way its agent goes.
pub(super) fn around(instance: &Instance) -> Vec<Finding> {
    let state = instance.state.clone();
    // A role can be judged without the agent running; only an unknown state leaves open whether there is an agent at all.
    let not_running = (state != "running").then_some(FindingKind::InstanceNotRunning { state });
    let metadata = metadata(instance).map(|state| FindingKind::Metadata { state });
    metadata.into_iter().chain(not_running).map(Finding::from).collect()
}

/// See [Configure the instance metadata options](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html).
fn metadata(instance: &Instance) -> Option<MetadataState> {
    let options = instance.metadata.as_ref()?;
    let pending = options.state.as_deref() == Some("pending");
    let running = instance.state == "running";
    match options.http_endpoint.as_deref() {
        // Until the change is effective the service may still be on; on a stopped instance it is when that starts.
        Some("disabled") if pending && running => Some(MetadataState::BeingDisabled),
        Some("disabled") => Some(MetadataState::Disabled),
        Some("enabled") if pending && running => Some(MetadataState::ChangePending),
        Some("enabled") if pending => Some(MetadataState::ChangeAtStart),
        _ => None,
    }
}

/// See [Default Host Management Configuration](https://docs.aws.amazon.com/systems-manager/latest/userguide/fleet-manager-default-host-management-configuration.html)
/// for what an instance without a profile can still have.
pub(super) fn association(instance: &Instance) -> Option<Finding> {
    let pending = |state: &str, shows_profile| FindingKind::AssociationPending {
        state: state.to_owned(),
        profile: associated_profile(instance).map(str::to_owned),
        shows_profile,
    };
    let kind = match (&instance.profile, &instance.association) {
        (Some(_), Fact::Unreadable(reason)) => return Some(explain::unreadable(reason)),
        (Some(_), Fact::Absent) => return None,
        // The two were read a moment apart: something changed in between.
        (None, Fact::Known(association)) if association.state == "associated" => {
            FindingKind::AssociationDiffers { associated_with: None }
        }
        (None, Fact::Known(association)) if association.state != "disassociated" => pending(&association.state, false),
        (None, _) => FindingKind::NoInstanceProfile,
        (Some(_), Fact::Known(association)) if association.state != "associated" => pending(&association.state, true),
        (Some(profile), Fact::Known(association)) => {
            let other = association.profile_arn.as_ref().filter(|arn| **arn != profile.arn)?;
            FindingKind::AssociationDiffers { associated_with: Some(other.clone()) }
        }
    };
    Some(kind.into())
}

/// The name of the profile that the instance's association is with.
fn associated_profile(instance: &Instance) -> Option<&str> {
    instance.association.known()?.profile_arn.as_deref()?.rsplit('/').next()
}

/// The profile that an instance holds was deleted.
pub(super) fn profile_missing(name: &str, instance: &Instance) -> FindingKind {
    FindingKind::ProfileMissing { profile: name.to_owned(), association: association_id(instance) }
}

fn association_id(instance: &Instance) -> Option<String> {
    instance.association.known().map(|association| association.id.clone())
}

/// A profile or role that was named does not exist: the code for what is missing, and the one for any missing target.
/// `exists_as_other` says whether something of the other kind has the name.
pub(super) fn no_such_target(target: TargetKind, name: &str, exists_as_other: bool) -> [FindingKind; 2] {
    let name = name.to_owned();
    [
        FindingKind::NoSuchTarget { target, name: name.clone(), exists_as_other },
        FindingKind::TargetNotFound { target, name, exists_as_other },
    ]
}

/// A profile that was deleted and made again has a new id, and the instance still holds the old one.
/// See [Using instance profiles](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2_instance-profiles.html).
pub(super) fn profile_stale(profile: &InstanceProfile, instance: &Instance) -> Option<FindingKind> {
    let held = instance.profile.as_ref()?.id.as_ref().filter(|held| **held != profile.id)?;
    Some(FindingKind::ProfileStale {
        profile: profile.name.clone(),
        held_id: held.clone(),
        current_id: profile.id.clone(),
        association: association_id(instance),
    })
}

/// Whether Default Host Management Configuration of some Region names a role.
pub(super) fn is_of_host_management(facts: &Facts, name: &str) -> bool {
    let names_it = |settings: &Settings| {
        settings.host_management.known().is_some_and(|path| path.rsplit('/').next() == Some(name))
    };
    facts.settings.values().any(names_it)
}

/// No instance can use a role that no instance profile holds, unless host management does.
pub(super) fn role_without_profile(facts: &Facts, key: &str, name: &str) -> Option<FindingKind> {
    let unused = facts.profiles_of_roles.get(key)?.known()?.is_empty();
    let is_unused = unused && !is_of_host_management(facts, name);
    is_unused.then(|| FindingKind::RoleWithoutProfile { role: name.to_owned() })
}
