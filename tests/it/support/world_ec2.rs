//! What a world answers as EC2.

use super::answer::Answer;
use super::model::Instance;
use super::stub::Call;
use super::world::{World, page};
use super::xml;

/// The filters of `DescribeInstances` that a world knows, beside `tag:KEY`.
const FILTERS: [&str; 4] = ["instance-id", "instance-state-name", "vpc-id", "iam-instance-profile.arn"];

impl World {
    pub fn describe_instances(&self, call: &Call) -> Answer {
        let here = || self.instances.iter().filter(|instance| instance.region == call.region);
        let ids = call.list("InstanceId");
        if !ids.is_empty() && !call.parameter("MaxResults").is_empty() {
            return Answer::error(
                "InvalidParameterCombination",
                "The parameter instancesSet cannot be used with the parameter maxResults",
            );
        }
        for id in &ids {
            let digits = id.strip_prefix("i-").unwrap_or_default();
            if !matches!(digits.len(), 8 | 17) || !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
                return Answer::error("InvalidInstanceID.Malformed", &format!("Invalid id: \"{id}\""));
            }
            if !here().any(|instance| instance.id == *id) {
                return Answer::error("InvalidInstanceID.NotFound", &format!("The instance ID '{id}' does not exist"));
            }
        }
        let mut found: Vec<&Instance> =
            here().filter(|instance| ids.is_empty() || ids.contains(&instance.id.as_str())).collect();
        for (name, values) in filters(call) {
            let value_of = |instance: &Instance| match name.as_str() {
                "instance-id" => Some(instance.id.clone()),
                "instance-state-name" => Some(instance.state.clone()),
                "vpc-id" => instance.vpc.clone(),
                "iam-instance-profile.arn" => self.profile_of(instance).map(|(arn, _)| arn),
                name => {
                    let key = name.strip_prefix("tag:")?;
                    instance.tags.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
                }
            };
            if !FILTERS.contains(&name.as_str()) && !name.starts_with("tag:") {
                return Answer::error("InvalidParameterValue", &format!("The filter '{name}' is invalid"));
            }
            found.retain(|instance| value_of(instance).is_some_and(|value| values.contains(&value)));
        }
        let reservations: Vec<String> = found
            .into_iter()
            .map(|instance| {
                let profile = self.profile_of(instance);
                xml::reservation(&self.account, instance, profile.as_ref().map(|(arn, id)| (arn.as_str(), id.as_str())))
            })
            .collect();
        // A call by ids is never paged.
        let size = if ids.is_empty() { self.page_size } else { usize::MAX };
        let (page, next) = page(&reservations, size, call.parameter("NextToken"), call.parameter("MaxResults"));
        Answer::xml(xml::describe_instances(page, next.as_deref()))
    }

    pub fn describe_associations(&self, call: &Call) -> Answer {
        let filters = filters(call);
        let matches = |instance: &&Instance| {
            instance.region == call.region
                && filters.iter().all(|(name, values)| match name.as_str() {
                    "instance-id" => values.contains(&instance.id),
                    "state" => values.contains(&instance.association),
                    _ => false,
                })
        };
        let found: Vec<String> = self
            .instances
            .iter()
            .filter(matches)
            .filter_map(|instance| self.profile_of(instance).map(|(arn, id)| xml::association(instance, &arn, &id)))
            .collect();
        let (page, next) = page(&found, self.page_size, call.parameter("NextToken"), call.parameter("MaxResults"));
        Answer::xml(xml::describe_associations(page, next.as_deref()))
    }
}

/// The `Filter.n.Name` and `Filter.n.Value.m` of EC2.
fn filters(call: &Call) -> Vec<(String, Vec<String>)> {
    let values =
        |index: usize| call.list(&format!("Filter.{index}.Value")).into_iter().map(ToString::to_string).collect();
    (1..)
        .map_while(|index| {
            call.parameters.get(&format!("Filter.{index}.Name")).map(|name| (name.clone(), values(index)))
        })
        .collect()
}
