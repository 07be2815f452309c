//! How things stand before anything is planned: what is settled, what is this tool's own.

use super::document::NewStatement;
use super::{Warning, foresee, genuine};
use crate::facts::{Fact, InlinePolicy, Instance, InstanceProfile, Role, Settings, Subject, UnreadableKind};
use iam_eval::ServicePrincipal;
use iam_eval::arn::Arn;

/// Whether a role that this tool made admits EC2 alone and has no other permissions than those that it gives: a tag proves little.
pub(super) fn holds_no_more(role: &Role, policy_name: &str) -> bool {
    let admits_ec2_alone = || {
        let arn = role.arn.as_deref().and_then(Arn::parse)?;
        role.trust.known().map(|trust| genuine::admits_ec2(None, trust, &arn))
    };
    if admits_ec2_alone() != Some(true) {
        return false;
    }
    let is_granted = |policy: &InlinePolicy| {
        policy.name.eq_ignore_ascii_case(policy_name)
            && policy.document.known().is_some_and(|text| genuine::grants(None, text))
    };
    let inline = role.inline.known().is_some_and(|inline| inline.iter().all(is_granted));
    let core =
        |arn: &String| Arn::parse(arn).is_some_and(|arn| arn.account == "aws" && arn.name() == foresee::MANAGED_CORE);
    inline && role.attached.known().is_some_and(|attached| attached.iter().all(core))
}

/// Whether EC2 shows no change of the instance's profile that is under way.
pub(super) fn is_settled(instance: &Instance) -> bool {
    match (&instance.association, &instance.profile) {
        (Fact::Absent | Fact::Unreadable(_), _) => true,
        (Fact::Known(association), None) => association.state == "disassociated",
        (Fact::Known(association), Some(held)) => {
            let same = association.profile_arn.as_ref().is_none_or(|arn| *arn == held.arn);
            association.state == "associated" && same
        }
    }
}

/// The profile's id; `None` for one that this plan creates.
pub(super) fn id_of(profile: &InstanceProfile) -> Option<String> {
    Some(profile.id.clone()).filter(|id| !id.is_empty())
}

/// The statement that lets EC2 of the subject's partition assume a role.
pub(super) fn admission(subject: &Subject) -> NewStatement {
    admission_in(subject.partition.as_deref())
}

/// The same for a partition.
pub(super) fn admission_in(partition: Option<&str>) -> NewStatement {
    let service = ServicePrincipal::ec2(partition).name().to_owned();
    NewStatement::for_service(service, vec!["sts:AssumeRole".to_owned()])
}

/// What a grant of `ssm:UpdateInstanceInformation` does to instances that Default Host Management Configuration lets in, or may.
pub(super) fn leaves_host_management(settings: &Settings, role: &Role) -> Option<Warning> {
    let role = || role.name.clone();
    match &settings.host_management {
        Fact::Known(setting) => Some(Warning::LeavesHostManagement { role: role(), setting: setting.clone() }),
        Fact::Unreadable(reason) if reason.kind != UnreadableKind::NotInSnapshot => {
            Some(Warning::MayLeaveHostManagement { role: role(), api: reason.api.clone() })
        }
        Fact::Absent | Fact::Unreadable(_) => None,
    }
}
