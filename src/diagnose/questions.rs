//! What to ask the IAM policy simulator, so that its answers can stand beside the report's.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Judge, place_of, resolved_needs};
use crate::agent_context;
use crate::facts::{Fact, Facts, Role, SubjectKind};
use crate::needs::{Requirements, needs_no_permission};
use crate::report::Report;
use crate::simulation::Question;
use iam_eval::Resource;

/// One question for each permission of a result whose role is known.
pub fn questions(facts: &Facts, requirements: &Requirements, now: Timestamp, report: &Report) -> Vec<Question> {
    let judge = Judge::new(requirements, now);
    let diagnosis = judge.with(facts);
    let by_arn =
        facts.roles.iter().filter_map(|(key, role)| Some((role.known()?.arn.as_deref()?, (key, role.known()?))));
    let by_arn: BTreeMap<&str, (&String, &Role)> = by_arn.collect();
    let mut questions = Vec::new();
    for (result, (subject, outcome)) in facts.subjects.iter().zip(&report.results).enumerate() {
        // Where host management lets the agent in, the permissions are those of its role.
        let role = outcome.host_management_role.as_ref().or(outcome.role.as_ref());
        let Some(arn) = role.and_then(|role| role.arn.as_deref()) else { continue };
        let Some((key, role)) = by_arn.get(arn) else { continue };
        let judged = judge.memo.role(facts, key, role);
        let instance = match &subject.kind {
            SubjectKind::Instance(Fact::Known(instance)) => Some(instance.as_ref()),
            _ => None,
        };
        let place = place_of(subject, instance);
        let mut caller = diagnosis.caller_of(&judged, place, instance);
        let paths = instance.and_then(|instance| {
            diagnosis.agent_paths(subject, instance, diagnosis.need_flags(subject, Some(instance)))
        });
        caller.sources = paths.as_ref().map(|paths| &paths.sources);
        caller.through_systems_manager = outcome.host_management_role.is_some();
        let base = agent_context::base(&caller);
        let needs = resolved_needs::of(facts, requirements, subject, &place).needs;
        // The simulator knows nothing of actions that need no permission.
        let asked = needs.iter().enumerate().filter(|(_, need)| !needs_no_permission(&need.action));
        for (permission, need) in asked {
            let context = agent_context::for_need(&base, &caller, need, &requirements.context);
            questions.push(Question {
                result,
                permission,
                role: arn.to_owned(),
                action: need.action.clone(),
                resource: match &need.resource {
                    Resource::Arn(text) => text.as_known().map(str::to_owned),
                    Resource::WildcardOnly { .. } | Resource::ShownAs(_) => None,
                    Resource::LogGroup { bare, .. } => bare.as_known().map(|bare| format!("{bare}:*")),
                },
                context: context.known(),
            });
        }
    }
    questions
}
