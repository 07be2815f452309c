//! What a template makes where a condition holds that cannot be decided: what is made only then is judged as it is then.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::evaluate::Evaluator;
use super::template::Resource;
use super::value::Why;
use super::{instances, roles};
use crate::facts::{Facts, PlannedInstance, key_under};
use crate::sources::existing::Existing;

/// A template as it is where one of its conditions holds.
pub struct Assumed<'a> {
    evaluator: Evaluator<'a>,
    condition: String,
    facts: Facts,
    existing: Existing,
}

impl<'a> Assumed<'a> {
    /// The roles and profiles that are made where `condition` holds. `evaluator` has worked out nothing yet.
    pub fn new(mut evaluator: Evaluator<'a>, condition: &str, rewritten: &[Why], now: Timestamp) -> Assumed<'a> {
        evaluator.assume(condition, true);
        let (mut facts, mut existing) = (Facts::new(now), Existing::default());
        roles::add(&mut facts, &evaluator, rewritten, &mut existing);
        Assumed { evaluator, condition: condition.to_owned(), facts, existing }
    }

    /// What a resource makes of instances then.
    pub fn planned(&mut self, resource: &Resource) -> Vec<PlannedInstance> {
        let planned = instances::planned(&self.evaluator, resource, &mut self.facts, &mut self.existing);
        let is_own = |planned: &PlannedInstance| !instances::is_part_of_instances(&self.evaluator, resource, planned);
        let with_key = |planned: PlannedInstance| PlannedInstance {
            profile: planned.profile.map(|key| self.key(&key)),
            ..planned
        };
        planned.into_iter().filter(is_own).map(with_key).collect()
    }

    /// The key of a role or profile of the template among all facts; one that exists has the same there.
    fn key(&self, key: &str) -> String {
        match self.evaluator.template.resource(key) {
            Some(_) => key_under(key, &self.condition),
            None => key.to_owned(),
        }
    }

    /// Adds what was found to the facts of the template.
    pub fn add_to(self, facts: &mut Facts, existing: &mut Existing) {
        let mut policies = BTreeMap::new();
        for (key, policy) in &self.facts.policies {
            let own = match facts.policies.get(key) {
                Some(other) if other != policy => key_under(key, &self.condition),
                Some(_) | None => key.clone(),
            };
            facts.policies.insert(own.clone(), policy.clone());
            policies.insert(key.clone(), own);
        }
        let policy = |key: String| policies.get(&key).cloned().unwrap_or(key);
        for (key, role) in &self.facts.roles {
            let role = role.clone().map(|mut role| {
                role.boundary = role.boundary.map(policy);
                role.attached = role.attached.map(|keys| keys.into_iter().map(policy).collect());
                role
            });
            facts.roles.entry(self.key(key)).or_insert(role);
        }
        for (key, profile) in &self.facts.profiles {
            let profile = profile.clone().map(|mut profile| {
                profile.role = profile.role.map(|role| self.key(&role));
                profile
            });
            facts.profiles.entry(self.key(key)).or_insert(profile);
        }
        existing.profiles.extend(self.existing.profiles);
        existing.roles.extend(self.existing.roles);
        existing.policies.extend(self.existing.policies);
    }
}
