//! Failures, documents and trust as findings, and what a verdict does not speak of.

use crate::agent_context::is_of_service_call;
use crate::facts::{Facts, Instance, PolicyText, Subject, SubjectKind, Unreadable};
use crate::report::{AssumingService, DocumentName, Finding, FindingKind, NotChecked};
use iam_eval::{Decision, DocumentKind, Resemblance, ServicePrincipal, UnknownReason, resemblance};

use super::memo::NeedFlags;
use super::rcps;
use super::role::JudgedRole;

/// Something that could not be read, as a finding that leaves the verdict unknown.
pub(super) fn unreadable(reason: &Unreadable) -> Finding {
    FindingKind::Unreadable { reason: reason.clone(), leaves_unknown: true }.into()
}

/// A document of another kind than it was given as: it has a principal where none belongs, or none where one does. IAM refuses it.
pub(super) fn misplaced(document: &DocumentName, text: &PolicyText, kind: DocumentKind) -> Option<FindingKind> {
    let looks_like = resemblance(text.as_str())?;
    match (looks_like, kind) {
        (Resemblance::Identity, DocumentKind::Identity | DocumentKind::Scp)
        | (Resemblance::Trust, DocumentKind::Trust)
        | (_, DocumentKind::Resource) => None,
        (Resemblance::Identity | Resemblance::Trust, _) => Some(()),
        (_, DocumentKind::ResourceControl) => None,
        (_, DocumentKind::Identity | DocumentKind::Scp | DocumentKind::Trust) => Some(()),
    }?;
    Some(FindingKind::MisplacedDocument { document: document.clone(), document_kind: kind, looks_like })
}

/// The service that assumes a role for the agent.
pub(super) fn assuming(service: &ServicePrincipal) -> AssumingService {
    AssumingService { principal: service.name().to_owned(), is_systems_manager: service.is_systems_manager() }
}

/// What the trust policy means for the verdict, if it is not a plain yes.
pub(super) fn trust(
    judged: &JudgedRole,
    service: &ServicePrincipal,
    decision: Decision,
    doubt: &UnknownReason,
) -> Option<FindingKind> {
    let role = judged.name_if_any();
    let service = assuming(service);
    match decision {
        Decision::Allowed => None,
        Decision::Unknown => Some(FindingKind::TrustUnknown {
            role,
            service,
            depends_on: doubt.clone(),
            settled_by: doubt.keys.iter().find(|key| is_of_service_call(key)).cloned(),
        }),
        Decision::ImplicitDeny | Decision::ExplicitDeny => {
            Some(FindingKind::TrustDenied { role, service, managed_by: judged.managed_by() })
        }
    }
}

/// What the verdict does not speak of.
pub(super) fn not_checked(facts: &Facts, subject: &Subject, need_flags: NeedFlags) -> Vec<NotChecked> {
    let mut items = Vec::new();
    if let SubjectKind::Documents(documents) = &subject.kind {
        items.extend(documents.trust.is_none().then_some(NotChecked::TrustPolicy));
        items.extend(documents.boundary.is_none().then_some(NotChecked::Boundary));
        items.extend(subject.region.is_none().then(|| NotChecked::Partition(subject.partition.clone())));
        items.push(NotChecked::OutsideDocuments { endpoint_policy: documents.endpoint_policy.is_some() });
    } else {
        items.push(NotChecked::NetworkPath);
        let (s3, cloudwatch) = (need_flags.s3_logs, need_flags.cloudwatch_logs);
        items.extend((s3 || cloudwatch).then_some(NotChecked::NetworkPathOfLogs { s3, cloudwatch }));
        items.extend((!need_flags.preferences_known).then_some(NotChecked::SessionPreferences));
    }
    if scps_unseen(facts) {
        let unread = facts.organization.known().and_then(|organization| organization.policies_unread.clone());
        items.push(NotChecked::Scps(unread));
    }
    items.extend(rcps::not_checked(facts, need_flags));
    items.push(NotChecked::Starter { encrypted: need_flags.encrypted });
    items.extend(need_flags.bucket_policy_unread.then_some(NotChecked::BucketPolicy));
    items.extend(need_flags.bucket_encryption_unread.then_some(NotChecked::BucketEncryption));
    items.extend(need_flags.log_group_unread.then_some(NotChecked::LogGroup));
    items.extend(need_flags.other_policy_unread.then_some(NotChecked::ResourcePolicies));
    items
}

/// Whether there may be service control policies that are not among the facts.
pub(super) fn scps_unseen(facts: &Facts) -> bool {
    let unread = facts.organization.known().and_then(|organization| organization.policies_unread.as_ref());
    facts.scp_levels.is_none() || unread.is_some()
}

/// What AWS did not show of an instance: its metadata service, the id of the profile that it holds, its agent.
pub(super) fn unseen(instance: &Instance) -> [bool; 3] {
    [
        instance.metadata.as_ref().is_none_or(|options| options.http_endpoint.is_none()),
        instance.profile.as_ref().is_some_and(|profile| profile.id.is_none()),
        instance.agent.unreadable().is_some(),
    ]
}

/// What the verdict does not speak of either, for an instance of which this was [`unseen`]. `still_online` says whether its agent
/// is `Online` although something certainly keeps it out.
pub(super) fn not_checked_of_instance(
    unseen: [bool; 3],
    host_management_known: bool,
    still_online: bool,
) -> impl Iterator<Item = NotChecked> {
    let [metadata, profile_id, agent] = unseen;
    let items = [
        (true, NotChecked::CredentialsOnInstance),
        (still_online, NotChecked::StillOnline),
        (!host_management_known, NotChecked::HostManagement),
        (metadata, NotChecked::MetadataService),
        (profile_id, NotChecked::ProfileId),
        (agent, NotChecked::Agent),
    ];
    items.into_iter().filter(|(applies, _)| *applies).map(|(_, item)| item)
}
