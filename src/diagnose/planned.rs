//! An instance of a plan or template: judged as it will be once that is applied.
//!
//! The profile alone is judged, unless the plan itself switches Default Host Management Configuration on: whether the account
//! has it is not in the plan.

use std::collections::BTreeMap;

use crate::facts::{Fact, Instance, MetadataOptions, PlannedInstance, Subject, Unreadable, UnreadableKind};
use crate::report::{FindingKind, InstanceSummary, NotChecked, Outcome, ProfileSummary, Shared, Verdict};

use super::{Diagnosis, RoleInView, chain, explain, not_in_snapshot, settle, shared};

impl Diagnosis<'_> {
    /// Where conditions of a template leave it open, it is ready if it is however they come out.
    pub(super) fn of_planned(&self, subject: &Subject, planned: &PlannedInstance) -> Outcome {
        let outcome = self.of_one(subject, planned);
        let alternatives = self.facts.alternatives.get(&subject.target).filter(|_| outcome.verdict == Verdict::Unknown);
        let all: Vec<Outcome> = alternatives.into_iter().flatten().map(|one| self.of_one(subject, one)).collect();
        let is_ready = !all.is_empty() && all.iter().all(|one| one.verdict == Verdict::Ready);
        all.into_iter().next().filter(|_| is_ready).unwrap_or(outcome)
    }

    fn of_one(&self, subject: &Subject, planned: &PlannedInstance) -> Outcome {
        let instance = once_applied(planned);
        let mut outcome = chain::outcome_of(subject, None);
        // There is one, wherever it comes from and whatever it is.
        if planned.profile != Fact::Absent {
            outcome.instance_profile = Some(ProfileSummary { arn: None, id: None });
        }
        let state = planned.state.clone();
        outcome.instance = Some(InstanceSummary { id: None, name: planned.name.clone(), state });
        if chain::is_terminated(&instance) {
            let terminated = vec![shared(FindingKind::InstanceTerminated { state: instance.state })];
            return self.finish(outcome, terminated, &RoleInView::None, subject);
        }
        let (findings, role) = match &planned.profile {
            // The account was asked, and has none of that name.
            Fact::Known(key) if self.facts.profiles.get(key) == Some(&Fact::Absent) => {
                let name = key.rsplit('/').next().unwrap_or(key).to_owned();
                let missing = FindingKind::ProfileMissing { profile: name, association: None };
                (vec![shared(missing)], RoleInView::None)
            }
            Fact::Known(key) => self.through_profile(key, None, &mut outcome),
            Fact::Absent => (vec![shared(FindingKind::NoInstanceProfile)], RoleInView::None),
            Fact::Unreadable(reason) => (vec![explain::unreadable(reason).into()], RoleInView::NotKnown),
        };
        let mut outcome = self.of_agent(outcome, findings, &role, subject, &instance);
        // Where nothing is known of a launch template, one finding says it.
        if let Some(reason) = planned.metadata.unreadable().filter(|it| planned.profile.unreadable() != Some(it)) {
            settle(&mut outcome, vec![explain::unreadable(reason).into()]);
        }
        let shipped = self.shipped_policies(&role);
        if !shipped.is_empty() {
            outcome.not_checked = Shared::from([outcome.not_checked.as_slice(), &shipped].concat());
        }
        outcome
    }

    /// The policies of a role whose documents came with this tool.
    fn shipped_policies(&self, role: &RoleInView) -> Vec<NotChecked> {
        let RoleInView::Judged(judged) = role else { return Vec::new() };
        let policies = judged.gates.iter().flat_map(|gate| &gate.policies);
        let shipped = policies.filter_map(|policy| {
            let known = self.facts.policies.get(&policy.name)?.known()?;
            let (policy, version, date) = (policy.name.clone(), known.version.clone(), known.shipped.clone()?);
            Some(NotChecked::ShippedPolicy { policy, version, date })
        });
        shipped.collect()
    }
}

/// The instance that the plan makes. It has no id yet, and no agent that was seen.
fn once_applied(planned: &PlannedInstance) -> Instance {
    Instance {
        id: String::new(),
        name: planned.name.clone(),
        state: planned.state.clone().unwrap_or_else(|| "running".to_owned()),
        profile: None,
        association: Fact::Absent,
        metadata: match &planned.metadata {
            Fact::Known(options) => Some(options.clone()),
            // It has a finding of its own.
            Fact::Unreadable(_) => {
                Some(MetadataOptions { http_endpoint: Some(String::new()), http_tokens: None, state: None })
            }
            Fact::Absent => None,
        },
        vpc: None,
        private_ip: None,
        tags: BTreeMap::new(),
        agent: Fact::Unreadable(not_in_snapshot("ssm:DescribeInstanceInformation")),
        interface: None,
        agent_started: Fact::Absent,
    }
}

/// That a plan or template does not make the network that an instance will be in.
pub(super) fn network_not_in_plan() -> Unreadable {
    Unreadable {
        api: "ec2:DescribeSubnets".to_owned(),
        kind: UnreadableKind::NotInPlan,
        message: "the VPC that the instance will be in is not made here, or it is not known which that is".to_owned(),
    }
}

/// Whether a setting is one that a plan says nothing of, rather than one that it leaves open.
pub(super) fn is_outside(reason: &Unreadable) -> bool {
    reason.kind == UnreadableKind::NotInSnapshot
}
