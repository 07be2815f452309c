//! Asks the IAM policy simulator.

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};
use futures::future::join_all;

use crate::aws::{Connection, Failure};
use crate::facts::Unreadable;
use crate::simulation::{Answer, Question};
use iam_eval::Decision;
use iam_eval::arn::Arn;

const API: &str = "iam:SimulatePrincipalPolicy";

/// The answers to the questions, in their order.
pub async fn simulate(connection: &Connection, questions: &[Question]) -> Vec<Result<Answer, Unreadable>> {
    join_all(questions.iter().map(async |question| ask(connection, question).await.map_err(Failure::into_unreadable)))
        .await
}

async fn ask(connection: &Connection, question: &Question) -> Result<Answer, Failure> {
    let partition = Arn::parse(&question.role).map_or_else(|| "aws".to_owned(), |arn| arn.partition);
    let entries = question.context.iter().map(|(key, values)| {
        let kind = if values.len() > 1 { ContextKeyTypeEnum::StringList } else { ContextKeyTypeEnum::String };
        ContextEntry::builder()
            .context_key_name(key)
            .context_key_type(kind)
            .set_context_key_values(Some(values.clone()))
            .build()
    });
    let request = connection
        .iam(&partition)
        .simulate_principal_policy()
        .policy_source_arn(&question.role)
        .action_names(&question.action)
        .set_resource_arns(question.resource.clone().map(|resource| vec![resource]))
        .set_context_entries(Some(entries.collect()));
    let answer = request.send().await.map_err(|error| connection.failure(API, &error))?;
    let result = answer.evaluation_results().first().ok_or_else(|| Failure::incomplete(API, "a result"))?;
    Ok(Answer {
        decision: match result.eval_decision() {
            PolicyEvaluationDecisionType::Allowed => Decision::Allowed,
            PolicyEvaluationDecisionType::ExplicitDeny => Decision::ExplicitDeny,
            PolicyEvaluationDecisionType::ImplicitDeny => Decision::ImplicitDeny,
            _ => return Err(Failure::incomplete(API, "a decision that is known")),
        },
        missing_keys: result.missing_context_values().to_vec(),
        organization_allows: result.organizations_decision_detail().map(|detail| detail.allowed_by_organizations()),
        boundary_allows: result
            .permissions_boundary_decision_detail()
            .map(|detail| detail.allowed_by_permissions_boundary()),
    })
}
