//! Every sentence about findings, refusals, what is known and what was not checked: from data to words.
//!
//! Lower case, no trailing period; what comes from outside stands in backticks, and so does a command, which is quoted for a shell.

mod agent;
mod chain;
mod keys;
mod known;
mod logs;
mod network;
mod not_checked;
mod permissions;
mod phrases;
pub mod posture;
mod refusals;
#[cfg(test)]
mod tests;
mod warnings;

use std::cell::Cell;

use crate::command_line::Command;
use crate::facts::{CallerIdentity, Origin};
use crate::report::{Finding, FindingKind, Outcome, Reservation};

pub(in crate::render) use chain::CREATED_PROFILE;
pub use known::{FROM_BASELINE, known, known_mark};
pub use not_checked::not_checked;
pub use phrases::form_of;
pub use posture::PREREQUISITES;
pub use refusals::{refusal, unfit, why_not_granted};
pub use warnings::warning;

/// Where a finding was found: the words that differ from one instance to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place<'a> {
    target: Option<&'a str>,
    instance: Option<&'a str>,
    region: Option<&'a str>,
    /// Whether it is in a plan or template, where code decides and no command helps.
    in_code: bool,
    /// Whether that is a template of CloudFormation.
    in_template: bool,
    named: Cell<bool>,
    /// For several: the role or profile that a fix is for, with its Region.
    shared: Option<(&'a str, Option<&'a str>)>,
    /// Whether it is one of several, which stands for them.
    is_example: bool,
    showed_example: Cell<bool>,
}

impl<'a> Place<'a> {
    /// Where an outcome is.
    pub fn of(outcome: &'a Outcome) -> Place<'a> {
        let instance = outcome.instance.as_ref().and_then(|instance| instance.id.as_deref());
        let is_id = iam_eval::arn::is_instance_id(&outcome.target).then_some(outcome.target.as_str());
        Place {
            target: Some(&outcome.target),
            instance: instance.or(is_id),
            region: outcome.region.as_deref(),
            in_code: outcome.source.is_some(),
            in_template: outcome.source.as_ref().is_some_and(Origin::is_template),
            ..Place::default()
        }
    }

    /// One of several: commands name it, but for those that are about what all of them `share`.
    pub fn of_example(outcome: &'a Outcome, share: Option<(&'a str, Option<&'a str>)>) -> Place<'a> {
        Place { shared: share, is_example: true, ..Place::of(outcome) }
    }

    /// Whether words were made that hold for this one of several alone.
    pub fn showed_example(&self) -> bool {
        self.showed_example.get()
    }

    /// Several instances, of one Region if that is given.
    pub fn of_several(region: Option<&'a str>) -> Place<'a> {
        Place { region, ..Place::default() }
    }

    /// Whether words were made that hold for this place alone.
    pub fn was_named(&self) -> bool {
        self.named.get()
    }

    fn target(&self) -> &'a str {
        self.named.set(true);
        self.showed_example.set(self.is_example);
        self.target.unwrap_or("TARGET")
    }

    fn instance(&self) -> &'a str {
        self.named.set(true);
        self.showed_example.set(self.is_example);
        self.instance.unwrap_or("INSTANCE_ID")
    }

    fn region(&self) -> Option<&'a str> {
        self.named.set(true);
        match self.instance {
            // Several instances, perhaps of several Regions.
            None if self.target.is_none() => Some(self.region.unwrap_or("REGION")),
            _ => self.region,
        }
    }

    /// The command that fixes the target, with its Region: that of an ARN stands in it.
    fn fix(&self) -> Command {
        if let Some((shared, region)) = self.shared {
            return Command::new("ssm-profile fix").operand(shared).options("--region", region);
        }
        let command = Command::new("ssm-profile fix").operand(self.target());
        match self.target.is_some_and(|target| target.starts_with("arn:")) && self.instance.is_some() {
            true => command,
            false => self.in_region(command),
        }
    }

    /// The command with the flag that names the Region, where that is known.
    fn in_region(&self, command: Command) -> Command {
        command.options("--region", self.region())
    }
}

/// What a finding says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Words {
    /// What is the case.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Words {
    fn new(message: impl Into<String>, remedy: impl Into<String>) -> Words {
        Words { message: message.into(), remedy: remedy.into() }
    }
}

/// Whose credentials are used.
pub fn caller(CallerIdentity { account, arn }: &CallerIdentity) -> String {
    match arn {
        Some(arn) => format!("with the credentials of {arn}"),
        None => format!("with credentials of account {account}"),
    }
}

/// Whose credentials a report comes from.
pub fn checked_by(identity: &CallerIdentity) -> String {
    format!("checked {}", caller(identity))
}

/// A remedy that names one of several instances, said of all.
pub fn of_each(remedy: &str) -> String {
    format!("{remedy}; likewise for each of the others")
}

/// A finding in words.
pub fn finding(finding: &Finding, place: &Place<'_>) -> Words {
    let Words { mut message, remedy } = of_kind(&finding.kind, place);
    match &finding.reservation {
        None | Some(Reservation::MayNotMatter) => {}
        Some(Reservation::MayBeAllowedBy(policy)) => {
            let (which, why) = (phrases::policy_of(policy.of), phrases::because(policy.reason.as_ref()));
            message = format!("{message}; {which} was not read{why} and may allow it");
        }
        Some(Reservation::OnlyLogs { bucket: None }) => {
            message = format!("{message}; sessions do not need it, but without it their logs do not reach the bucket");
        }
        Some(Reservation::OnlyLogs { bucket: Some(bucket) }) => {
            message = format!("the bucket `{bucket}` is encrypted with a KMS key: {message}");
        }
    }
    if let Some(role) = &finding.host_management_role {
        message = format!("Default Host Management Configuration (`{role}`): {message}");
    }
    Words { message, remedy }
}

fn of_kind(kind: &FindingKind, place: &Place<'_>) -> Words {
    use FindingKind as Kind;
    match kind {
        Kind::InstanceNotFound => chain::instance_not_found(place),
        Kind::InstanceTerminated { state } => chain::instance_terminated(state),
        Kind::InstanceNotRunning { state } => chain::instance_not_running(state, place),
        Kind::NoSuchTarget { target, name, exists_as_other } => {
            chain::no_such_target(*target, name, *exists_as_other, place)
        }
        Kind::TargetNotFound { target, name, exists_as_other } => {
            chain::target_not_found(*target, name, *exists_as_other, place)
        }
        Kind::TargetNotInSnapshot { target, name, near } => {
            chain::target_not_in_snapshot(*target, name, near.as_deref())
        }
        Kind::Metadata { state } => chain::metadata(*state, place),
        Kind::NoInstanceProfile => chain::no_instance_profile(place),
        Kind::AssociationPending { state, profile, shows_profile } => {
            chain::association_pending(state, profile.as_deref(), *shows_profile, place)
        }
        Kind::AssociationDiffers { associated_with } => chain::association_differs(associated_with.as_deref()),
        Kind::ProfileMissing { profile, association } => chain::profile_missing(profile, association.as_deref(), place),
        Kind::ProfileStale { profile, held_id, current_id, association } => {
            chain::profile_stale(profile, [held_id, current_id], association.as_deref(), place)
        }
        Kind::ProfileEmpty { profile } => chain::profile_empty(profile, place),
        Kind::RoleWithoutProfile { role } => chain::role_without_profile(role),
        Kind::RoleMissing { role } => chain::role_missing(role),
        Kind::Unreadable { reason, .. } => phrases::unreadable(reason, place),
        Kind::NotRead { what, reason } => phrases::not_read(*what, reason, place),
        Kind::HostManagementUnreadable { because, reason } => {
            agent::host_management_unreadable(*because, reason, place)
        }
        Kind::PreferencesUnreadable { name, reason } => logs::preferences_unreadable(name, reason, place),
        Kind::NotAPolicy { document, document_kind, error } => {
            permissions::not_a_policy(document, *document_kind, error)
        }
        Kind::MisplacedDocument { document, document_kind, looks_like } => {
            permissions::misplaced(document, *document_kind, *looks_like)
        }
        Kind::UnsoundPolicy { document, problems } => permissions::unsound(document, problems),
        Kind::PreferencesInvalid { name, error } => logs::preferences_invalid(name, error),
        Kind::PreferencesMissing { name } => logs::preferences_missing(name),
        Kind::TrustDenied { role, service, managed_by } => {
            permissions::trust_denied(role.as_deref(), service, managed_by.as_deref(), place)
        }
        Kind::TrustUnknown { role, service, depends_on, settled_by } => {
            permissions::trust_unknown(role.as_deref(), service, depends_on, settled_by.as_deref())
        }
        Kind::RcpOnAssumeRole { service, statement, denies } => {
            permissions::rcp_on_assume_role(service, statement, *denies)
        }
        Kind::MissingPermission { role, permissions, only_core, fix_can_grant, managed_by, near_miss, boundary } => {
            let grounds = (near_miss.as_ref(), boundary.as_deref());
            let fix = fix_can_grant.then(|| (place.fix(), managed_by.as_deref()));
            permissions::missing(role.as_deref(), permissions, *only_core, fix, grounds)
        }
        Kind::OptionalPermission { action } => permissions::optional(action),
        Kind::ExplicitDeny { statement, actions } => permissions::explicit_deny(statement, actions),
        Kind::DeniedByGate { statement, actions } => permissions::denied_by_gate(statement, actions),
        Kind::NotAllowedByGate { gate, actions } => permissions::not_allowed_by_gate(gate, actions),
        Kind::LevelAllowsNothing { level, has_policies, actions } => {
            permissions::level_allows_nothing(level, *has_policies, actions)
        }
        Kind::ResourceMustAllow { of, resource, action } => permissions::resource_must_allow(*of, resource, action),
        Kind::ConditionalPermission { actions, depends_on, settling } => {
            permissions::conditional(actions, depends_on, settling, place)
        }
        Kind::KeyOfOtherPartition { key, key_partition, partition } => {
            keys::other_partition(key, key_partition, partition)
        }
        Kind::KeyOfOtherRegion { key, key_region, region } => keys::other_region(key, key_region, region),
        Kind::AliasNotResolved { alias } => keys::alias_not_resolved(alias),
        Kind::KeyNotResolved { key, region, by_preferences } => {
            keys::not_resolved(key, region.as_deref(), *by_preferences)
        }
        Kind::KeyMissing { key, by_preferences, other_account } => keys::missing(key, *by_preferences, *other_account),
        Kind::KeyState { key, state, ends_sessions } => keys::state(key, state, *ends_sessions),
        Kind::KeyOfOtherUse { key, setting, value, ends_sessions } => {
            keys::other_use(key, setting, value, *ends_sessions)
        }
        Kind::KeyPolicyInvalid { key } => keys::policy_invalid(key),
        Kind::KeyPolicyDenies { key, statements, action } => keys::policy_denies(key, statements, action),
        Kind::KeyPolicyDoesNotAllow { key, action, near_miss, names_deleted_role } => {
            keys::policy_does_not_allow(key, action, near_miss.as_ref(), *names_deleted_role)
        }
        Kind::KeyPolicyUnknown { key, depends_on } => keys::policy_unknown(key, depends_on),
        Kind::KeyPolicyNotRead { key, other_account, reason } => {
            keys::policy_not_read(key, other_account.as_deref(), reason.as_ref())
        }
        Kind::LogsDenied { role, actions, obstacle } => logs::denied(role, actions, obstacle),
        Kind::LogsUnknown { role, actions, depends_on, unread, obstacle } => {
            logs::unknown(role, actions, depends_on, unread, obstacle)
        }
        Kind::LogDestinationMissing { destination, name, must_be_encrypted } => {
            logs::destination_missing(*destination, name, *must_be_encrypted)
        }
        Kind::BucketNotEncrypted { bucket, algorithm } => logs::bucket_not_encrypted(bucket, algorithm.as_deref()),
        Kind::LogGroupNotEncrypted { log_group } => logs::log_group_not_encrypted(log_group),
        Kind::BucketPolicyInvalid { bucket, .. } => logs::bucket_policy_invalid(bucket),
        Kind::BucketPolicyDenies { bucket, statements, action, only_logs } => {
            logs::bucket_policy_denies(bucket, statements, action, *only_logs)
        }
        Kind::BucketPolicyUnknown { bucket, action, depends_on, only_logs } => {
            logs::bucket_policy_unknown(bucket, action, depends_on, *only_logs)
        }
        Kind::AgentOffline { last_seen, cause, not_ready, scps_unseen, network_open, started } => {
            let seen = agent::Seen { last: last_seen.as_ref(), started: started.as_deref() };
            agent::offline(&seen, *cause, *not_ready, (*scps_unseen, *network_open))
        }
        Kind::AgentOutdated { version, least, feature } => agent::outdated(version, least, *feature),
        Kind::AgentVersionUnknown { least } => agent::version_unknown(least),
        Kind::ConnectionContradicts { connected } => network::connection_contradicts(*connected, place),
        Kind::PathClosed { obstacle, services, weight } => network::closed(obstacle, services, *weight, place),
        Kind::PathNotKnown { why, services, .. } => network::not_known(why, services, place),
        Kind::EndpointPolicyBlocks { endpoint, statement, actions, weight } => {
            network::endpoint_policy_blocks(endpoint, statement.as_ref(), actions, *weight)
        }
        Kind::EndpointPolicyMayBlock { endpoint, statement, actions, .. } => {
            network::endpoint_policy_may_block(endpoint, statement.as_ref(), actions)
        }
        Kind::EndpointPolicyUnknown { endpoint, actions, depends_on, .. } => {
            network::endpoint_policy_unknown(endpoint, actions, depends_on)
        }
        Kind::ManagedByHostManagement { role, because, lacks_more } => agent::managed(role, *because, *lacks_more),
        Kind::EitherRole { role } => agent::either_role(role),
        Kind::FallbackUnknown { role, role_lets_agent_in } => agent::fallback_unknown(role, *role_lets_agent_in),
        Kind::FallbackOff { profile_role, role, role_state } => {
            agent::fallback_off(profile_role.as_deref(), role, *role_state, place)
        }
        Kind::HostRoleElsewhere { setting, found } => agent::host_role_elsewhere(setting, found),
        Kind::HostRoleMissing { role } => agent::host_role_missing(role),
        #[cfg(test)]
        Kind::Sample { message, remedy, .. } => Words::new(message, remedy),
    }
}

/// For tests: what is said, of a thing wherever it is.
#[cfg(test)]
pub(crate) trait Said {
    fn words(&self) -> Words;

    fn message(&self) -> String {
        self.words().message
    }

    fn remedy(&self) -> String {
        self.words().remedy
    }
}

#[cfg(test)]
impl Said for Finding {
    fn words(&self) -> Words {
        finding(self, &Place::of_several(None))
    }
}

#[cfg(test)]
impl Said for crate::report::Shared<Finding> {
    fn words(&self) -> Words {
        self.as_ref().words()
    }
}

#[cfg(test)]
impl Said for crate::fix::Refusal {
    fn words(&self) -> Words {
        refusal(&self.kind, &Place::of_refusal(self))
    }
}
