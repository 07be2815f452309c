//! The Regions of an account: those that are on, and those whose services do not know the account.

use super::answer::Answer;
use super::stub::Call;
use super::world::World;
use super::world_ec2::filters;
use super::xml;

/// The Regions of an account that names none and has no instances.
const REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "us-west-2"];
/// The services that are the same everywhere, or that know no Regions.
const GLOBAL: [&str; 3] = ["iam", "organizations", "imds"];

impl World {
    /// The Regions that are on: what `DescribeRegions` gives.
    pub fn regions(mut self, names: impl IntoIterator<Item = impl ToString>) -> Self {
        self.regions = names.into_iter().map(|name| name.to_string()).collect();
        self
    }

    /// A Region that nobody opted into: its services do not know the account's credentials.
    pub fn region_off(mut self, name: &str) -> Self {
        self.regions_off.push(name.into());
        self
    }

    /// The refusal of a call to a Region that is off.
    pub(super) fn region_refused(&self, call: &Call) -> Option<Answer> {
        let off = self.regions_off.contains(&call.region) && !GLOBAL.contains(&call.service.as_str());
        off.then(|| Answer::unrecognized(call.protocol()))
    }

    pub(super) fn describe_regions(&self, call: &Call) -> Answer {
        let mut on: Vec<&str> = match self.regions.is_empty() {
            true => self.instances.iter().map(|instance| instance.region.as_str()).collect(),
            false => self.regions.iter().map(String::as_str).collect(),
        };
        if on.is_empty() {
            on.extend(REGIONS);
        }
        on.sort_unstable();
        on.dedup();
        on.retain(|name| !self.regions_off.iter().any(|off| off == name));
        let on = on.into_iter().map(|name| (name, "opt-in-not-required"));
        let off = self.regions_off.iter().map(|name| (name.as_str(), "not-opted-in"));
        let mut found: Vec<(&str, &str)> = match call.parameter("AllRegions") {
            "true" => on.chain(off).collect(),
            _ => on.collect(),
        };
        let names = call.list("RegionName");
        if let Some(name) = names.iter().find(|name| !found.iter().any(|(known, _)| known == *name)) {
            return Answer::error("InvalidParameterValue", &format!("Invalid region: {name}"));
        }
        found.retain(|(name, _)| names.is_empty() || names.contains(name));
        for (filter, values) in filters(call) {
            let value_of = |(name, status): &(&str, &str)| match filter.as_str() {
                "region-name" => Some((*name).to_string()),
                "opt-in-status" => Some((*status).to_string()),
                "endpoint" => Some(format!("ec2.{name}.amazonaws.com")),
                _ => None,
            };
            if found.iter().any(|region| value_of(region).is_none()) {
                return Answer::error("InvalidParameterValue", &format!("The filter '{filter}' is invalid"));
            }
            found.retain(|region| value_of(region).is_some_and(|value| values.contains(&value)));
        }
        Answer::xml(xml::describe_regions(&found))
    }
}
