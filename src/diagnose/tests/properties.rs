//! What must hold of every account.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::facts::{Facts, SubjectKind, Unreadable, UnreadableKind};
use crate::fix::tests::generators::case;

fn denied<T>(api: &str) -> Fact<T> {
    Fact::Unreadable(Unreadable {
        api: api.to_owned(),
        kind: UnreadableKind::Denied,
        message: "access is denied".to_owned(),
    })
}

/// Takes one fact away. What nobody may see of the organization and of the session preferences is reported and decides nothing, so
/// those stay.
fn hide(facts: &mut Facts, which: u8, at: Index) {
    fn pick<T>(list: Vec<T>, at: Index) -> Option<T> {
        let index = (!list.is_empty()).then(|| at.index(list.len()))?;
        list.into_iter().nth(index)
    }
    let mut roles: Vec<&mut Role> = Vec::new();
    match which {
        0 => {
            if let Some(role) = pick(facts.roles.values_mut().collect(), at) {
                *role = denied("iam:GetRole");
            }
            return;
        }
        1 => {
            if let Some(profile) = pick(facts.profiles.values_mut().collect(), at) {
                *profile = denied("iam:GetInstanceProfile");
            }
            return;
        }
        2 => {
            if let Some(policy) = pick(facts.policies.values_mut().collect(), at) {
                *policy = denied("iam:GetPolicyVersion");
            }
            return;
        }
        3 => {
            if let Some(settings) = pick(facts.settings.values_mut().collect(), at) {
                settings.host_management = denied("ssm:GetServiceSetting");
            }
            return;
        }
        4 => {
            for subject in &mut facts.subjects {
                // That an instance shows no profile counts by itself.
                if let SubjectKind::Instance(Fact::Known(instance)) = &mut subject.kind
                    && instance.profile.is_some()
                {
                    instance.association = denied("ec2:DescribeIamInstanceProfileAssociations");
                }
            }
            return;
        }
        _ => roles.extend(facts.roles.values_mut().filter_map(|role| match role {
            Fact::Known(role) => Some(role),
            Fact::Absent | Fact::Unreadable(_) => None,
        })),
    }
    let Some(role) = pick(roles, at) else { return };
    match which {
        5 => role.trust = denied("iam:GetRole"),
        6 => role.boundary = denied("iam:GetRole"),
        7 => role.inline = denied("iam:ListRolePolicies"),
        8 => role.attached = denied("iam:ListAttachedRolePolicies"),
        9 => role.tags = denied("iam:GetRole"),
        _ => {
            if let Fact::Known(inline) = &mut role.inline
                && let Some(policy) = pick(inline.iter_mut().collect(), at)
            {
                policy.document = denied("iam:GetRolePolicy");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_unreadable_fact_never_makes_an_answer_more_certain(case in case(2), which in 0..11_u8, at: Index) {
        let verdicts = |facts: &Facts| -> Vec<Verdict> {
            diagnose(facts, &case.requirements, now()).results.iter().map(|result| result.verdict).collect()
        };
        let mut less = case.facts.clone();
        hide(&mut less, which, at);
        for (known, hidden) in verdicts(&case.facts).into_iter().zip(verdicts(&less)) {
            prop_assert!(hidden == known || hidden == Verdict::Unknown, "{:?} became {:?}", known, hidden);
        }
    }
}
