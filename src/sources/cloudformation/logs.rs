//! The log groups of a template, which session logs may go to.

use super::evaluate::Evaluator;
use super::roles::unknown;
use super::value::{Holds, Value};
use crate::facts::{Fact, Facts, LogGroup, log_group};

/// Adds every log group whose name is known.
pub fn add(facts: &mut Facts, evaluator: &Evaluator<'_>) {
    for resource in evaluator.template.resources.iter().filter(|resource| resource.kind == "AWS::Logs::LogGroup") {
        let Some(name) = evaluator.property(resource, "LogGroupName").as_known() else { continue };
        let attribute = || format!("{}.KmsKeyId", resource.id);
        let fact = match (evaluator.exists(resource), evaluator.property(resource, "KmsKeyId")) {
            (Holds::No, _) => continue,
            (Holds::Unknown(why), _) => Fact::Unreadable(unknown(&resource.id, &why)),
            (Holds::Yes, Value::Nothing) => Fact::Known(LogGroup { kms_key: None }),
            (Holds::Yes, Value::Unknown(why)) => Fact::Unreadable(unknown(&attribute(), &why)),
            // Which key it is does not matter, and its ARN may be known only after deployment.
            (Holds::Yes, key) => {
                let key = key.to_text().map(|text| text.pattern()).filter(|key| !key.is_empty());
                Fact::Known(LogGroup { kms_key: key })
            }
        };
        facts.log_groups.insert(log_group(evaluator.place.region.as_deref(), &name), fact);
    }
}
