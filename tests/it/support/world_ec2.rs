//! What a world answers to the reads of EC2.

use super::answer::Answer;
use super::model::Instance;
use super::stub::Call;
use super::world::{World, page};
use super::xml;

/// The filters of `DescribeInstances` that a world knows, beside `tag:KEY`.
const FILTERS: [&str; 5] =
    ["instance-id", "instance-state-name", "vpc-id", "iam-instance-profile.arn", "iam-instance-profile.id"];

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
            if let Err(refusal) = self.instance_at(id, &call.region) {
                return refusal;
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
                "iam-instance-profile.id" => self.profile_of(instance).map(|(_, id)| id),
                name => {
                    let key = name.strip_prefix("tag:")?;
                    instance.tags.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
                }
            };
            if !FILTERS.contains(&name.as_str()) && !name.starts_with("tag:") {
                return Answer::error("InvalidParameterValue", &format!("The filter '{name}' is invalid"));
            }
            // A backslash takes its meaning from the character after it; of wildcards there is only a last `*`.
            let values: Vec<String> = values.iter().map(|value| value.replace('\\', "")).collect();
            let matches = |pattern: &String, value: &String| match pattern.strip_suffix('*') {
                Some(beginning) if self.wildcards => value.starts_with(beginning),
                _ => pattern == value,
            };
            let fits = |value: &String| values.iter().any(|pattern| matches(pattern, value));
            found.retain(|instance| value_of(instance).is_some_and(|value| fits(&value)));
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

    /// The place of an instance in the list of instances.
    pub fn instance_at(&self, id: &str, region: &str) -> Result<usize, Answer> {
        let digits = id.strip_prefix("i-").unwrap_or_default();
        if !matches!(digits.len(), 8 | 17) || !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Answer::error("InvalidInstanceID.Malformed", &format!("Invalid id: \"{id}\"")));
        }
        let place = self.instances.iter().position(|instance| instance.region == region && instance.id == id);
        let message = format!("The instance ID '{id}' does not exist");
        place.ok_or_else(|| Answer::error("InvalidInstanceID.NotFound", &message))
    }

    /// The place of the instance whose profile is associated by this id.
    pub fn associated_at(&self, association: &str, region: &str) -> Result<usize, Answer> {
        let has = |instance: &Instance| instance.profile.is_some() && instance.association_id == association;
        let place = self.instances.iter().position(|instance| instance.region == region && has(instance));
        let message = format!("The association ID '{association}' does not exist");
        place.ok_or_else(|| Answer::error("InvalidAssociationID.NotFound", &message))
    }

    pub fn describe_associations(&self, call: &Call) -> Answer {
        let (filters, ids) = (filters(call), call.list("AssociationId"));
        if let Some(refusal) = ids.iter().find_map(|id| self.associated_at(id, &call.region).err()) {
            return refusal;
        }
        if let Some((name, _)) = filters.iter().find(|(name, _)| !["instance-id", "state"].contains(&name.as_str())) {
            return Answer::error("InvalidParameterValue", &format!("The filter '{name}' is invalid"));
        }
        let matches = |instance: &&Instance| {
            instance.region == call.region
                && (ids.is_empty() || ids.contains(&instance.association_id.as_str()))
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
pub fn filters(call: &Call) -> Vec<(String, Vec<String>)> {
    let values =
        |index: usize| call.list(&format!("Filter.{index}.Value")).into_iter().map(ToString::to_string).collect();
    (1..)
        .map_while(|index| {
            call.parameters.get(&format!("Filter.{index}.Name")).map(|name| (name.clone(), values(index)))
        })
        .collect()
}
