//! The IAM policy simulator's answers beside this tool's own, and why they differ.
//!
//! The simulator is asked with what is known of the request's context; it never decides a verdict. Source:
//! [SimulatePrincipalPolicy](https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html) and
//! [what the simulator cannot do](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html).

use crate::report::{Difference, Outcome};
use iam_eval::Decision;

/// What to ask the simulator: one action on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The index of the result in the report.
    pub result: usize,
    /// The index of the permission in that result.
    pub permission: usize,
    /// The role's ARN.
    pub role: String,
    /// The action.
    pub action: String,
    /// The resource; `None` where it is not known in full, or where the action has none.
    pub resource: Option<String>,
    /// The condition keys whose values are known.
    pub context: Vec<(String, Vec<String>)>,
}

/// What the simulator answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `allowed`, `explicitDeny` or `implicitDeny`.
    pub decision: Decision,
    /// The keys that it lacked.
    pub missing_keys: Vec<String>,
    /// Whether the organization's policies let the call through, as it sees them.
    pub organization_allows: Option<bool>,
    /// Whether the permissions boundary does.
    pub boundary_allows: Option<bool>,
}

/// The difference that an answer makes, if it makes one. An `unknown` of this tool is no contradiction.
pub fn compare(outcome: &Outcome, question: &Question, answer: &Answer, scps_known: bool) -> Option<Difference> {
    let permission = outcome.permissions.get(question.permission)?;
    let allows = |decision: Decision| decision == Decision::Allowed;
    if permission.decision == Decision::Unknown || allows(permission.decision) == allows(answer.decision) {
        return None;
    }
    Some(Difference {
        action: permission.action.clone(),
        resource: permission.resource.clone(),
        decision: permission.decision,
        simulator: answer.decision,
        explanation: explanation(permission.decision, &permission.resource, question, answer, scps_known),
    })
}

fn explanation(ours: Decision, resource: &str, question: &Question, answer: &Answer, scps_known: bool) -> String {
    let missing: Vec<&String> = answer
        .missing_keys
        .iter()
        .filter(|key| !question.context.iter().any(|(known, _)| known.eq_ignore_ascii_case(key)))
        .collect();
    if ours == Decision::Allowed && !missing.is_empty() {
        let keys: Vec<String> = missing.iter().map(|key| format!("`{key}`")).collect();
        return format!(
            "the simulator had no value for {}, and takes a condition on a key without value for false; an agent's request carries \
             it, or its absence is known",
            keys.join(", ")
        );
    }
    match (ours, answer.organization_allows) {
        (Decision::Allowed, Some(false)) if scps_known => {
            return "the simulator does not evaluate conditions of service control policies, and says that one of them is in the way"
                .to_owned();
        }
        (Decision::Allowed, Some(false)) => {
            return "the simulator sees service control policies that are not visible from here; give them with `--scp` to have them judged"
                .to_owned();
        }
        _ => {}
    }
    if ours == Decision::Allowed && answer.boundary_allows == Some(false) {
        return "the simulator says that the permissions boundary is in the way; it may lack a value for one of its conditions".to_owned();
    }
    if ours != Decision::Allowed && scps_known {
        return "the simulator does not evaluate conditions of service control policies, and knows none that are given with `--scp`".to_owned();
    }
    if question.resource.is_none() && resource != "*" {
        return "the simulator was asked for any resource, because the resource is not known in full".to_owned();
    }
    "no blind spot of the simulator that is known explains this; look at both with `-v`".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{NeededFor, Permission, Verdict};

    const ALLOWED: Decision = Decision::Allowed;
    const DENIED: Decision = Decision::ImplicitDeny;

    fn outcome(decision: Decision) -> Outcome {
        let permission = Permission {
            action: "ssm:UpdateInstanceInformation".to_owned(),
            resource: "arn".to_owned(),
            needed_for: NeededFor::Core,
            decision,
            decided_by: Vec::new(),
            depends_on: Vec::new(),
            required: true,
        };
        Outcome {
            permissions: vec![permission.into()],
            ..crate::render::sample::outcome("i-1", Verdict::Ready, Vec::new())
        }
    }

    fn question() -> Question {
        Question {
            result: 0,
            permission: 0,
            role: "role".to_owned(),
            action: "ssm:UpdateInstanceInformation".to_owned(),
            resource: Some("arn".to_owned()),
            context: vec![("aws:SecureTransport".to_owned(), vec!["true".to_owned()])],
        }
    }

    fn answer(decision: Decision) -> Answer {
        Answer { decision, missing_keys: Vec::new(), organization_allows: None, boundary_allows: None }
    }

    fn explained(ours: Decision, question: &Question, answer: &Answer, scps_known: bool) -> String {
        compare(&outcome(ours), question, answer, scps_known).unwrap().explanation
    }

    #[test]
    fn only_a_contradiction_is_a_difference() {
        use Decision::{ExplicitDeny, ImplicitDeny, Unknown};
        for (ours, simulator, differs) in [
            (ALLOWED, ALLOWED, false),
            (ALLOWED, ImplicitDeny, true),
            (ALLOWED, ExplicitDeny, true),
            (ImplicitDeny, ALLOWED, true),
            (ExplicitDeny, ALLOWED, true),
            // Which deny it is makes none.
            (ImplicitDeny, ExplicitDeny, false),
            (ExplicitDeny, ImplicitDeny, false),
            (Unknown, ALLOWED, false),
            (Unknown, ImplicitDeny, false),
            (Unknown, ExplicitDeny, false),
        ] {
            let difference = compare(&outcome(ours), &question(), &answer(simulator), false);
            assert_eq!(difference.is_some(), differs, "{ours:?} {simulator:?}");
            if let Some(difference) = difference {
                assert_eq!((difference.decision, difference.simulator), (ours, simulator));
            }
        }
        let other = Question { permission: 1, ..question() };
        assert_eq!(compare(&outcome(ALLOWED), &other, &answer(DENIED), false), None);
    }

    #[test]
    fn each_difference_is_explained_by_what_the_simulator_cannot_do() {
        let lacking = |keys: &[&str]| Answer {
            missing_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            ..answer(DENIED)
        };
        let organization = Answer { organization_allows: Some(false), ..answer(DENIED) };
        let boundary = Answer { boundary_allows: Some(false), ..answer(DENIED) };
        let anywhere = Question { resource: None, ..question() };
        let open = Answer { organization_allows: Some(true), boundary_allows: Some(true), ..answer(DENIED) };
        for (ours, question, answer, scps_known, words) in [
            (ALLOWED, question(), lacking(&["aws:ViaAWSService"]), false, "no value for `aws:ViaAWSService`"),
            // One that it was given is not what it lacked.
            (ALLOWED, question(), lacking(&["AWS:securetransport"]), false, "no blind spot"),
            (ALLOWED, question(), lacking(&["AWS:securetransport", "kms:ViaService"]), false, "for `kms:ViaService`,"),
            (ALLOWED, question(), organization.clone(), true, "does not evaluate conditions of service control"),
            (ALLOWED, question(), organization, false, "not visible from here"),
            (ALLOWED, question(), boundary, false, "permissions boundary is in the way"),
            (DENIED, question(), answer(ALLOWED), true, "knows none that are given with `--scp`"),
            (ALLOWED, anywhere.clone(), answer(DENIED), false, "asked for any resource"),
            (DENIED, anywhere, answer(ALLOWED), false, "asked for any resource"),
            (ALLOWED, question(), answer(DENIED), false, "no blind spot"),
            (ALLOWED, question(), open, true, "no blind spot"),
            (DENIED, question(), answer(ALLOWED), false, "no blind spot"),
            // What it lacked explains no allow.
            (DENIED, question(), Answer { decision: ALLOWED, ..lacking(&["kms:ViaService"]) }, false, "no blind spot"),
        ] {
            let explanation = explained(ours, &question, &answer, scps_known);
            assert!(explanation.contains(words), "{words}: {explanation}");
        }
    }
}
