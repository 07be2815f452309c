//! What a template makes where conditions come out in some way that cannot be decided: what is made only where one holds is judged
//! as it is then, and other things in every way that there is.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::evaluate::Evaluator;
use super::template::{Resource, Template};
use super::value::{Holds, Why};
use super::{instances, roles};
use crate::facts::{Facts, PlannedInstance, key_under};
use crate::sources::existing::Existing;

/// Conditions with what they are taken to come out as.
type Assumptions<'a> = Vec<(&'a str, bool)>;

/// A template as it is where some of its conditions come out in one way.
pub struct Assumed<'a> {
    evaluator: Evaluator<'a>,
    conditions: String,
    facts: Facts,
    existing: Existing,
}

/// In so many ways conditions may come out that are gone through.
const MOST_WAYS: usize = 8;

/// All the ways in which the conditions of a template may come out; none if nothing is open, or too much, or something that is no
/// condition.
///
/// # Errors
/// What the evaluator says of the parameters.
pub fn ways<'a, E>(
    template: &'a Template,
    evaluator: &dyn Fn() -> Result<Evaluator<'a>, E>,
) -> Result<Vec<Assumptions<'a>>, E> {
    let mut ways = Vec::new();
    let mut open: Vec<Assumptions<'a>> = vec![Vec::new()];
    while let Some(assumptions) = open.pop() {
        let mut evaluator = evaluator()?;
        assumptions.iter().for_each(|(name, holds)| evaluator.assume(name, *holds));
        let why = |name: &'a String| match evaluator.condition(name, 0) {
            Holds::Unknown(why) => Some((name, why)),
            Holds::Yes | Holds::No => None,
        };
        match template.conditions.keys().find_map(why) {
            None => ways.push(assumptions),
            Some((_, why)) if why.is_mistake => return Ok(Vec::new()),
            Some((name, _)) => open.extend([false, true].map(|holds| {
                let mut more = assumptions.clone();
                more.push((name.as_str(), holds));
                more
            })),
        }
        if ways.len() + open.len() > MOST_WAYS {
            return Ok(Vec::new());
        }
    }
    ways.retain(|assumptions| !assumptions.is_empty());
    Ok(ways)
}

impl<'a> Assumed<'a> {
    /// The roles and profiles that are made then. `evaluator` has worked out nothing yet.
    pub fn new(
        mut evaluator: Evaluator<'a>,
        assumptions: &[(&str, bool)],
        rewritten: &[Why],
        now: Timestamp,
    ) -> Assumed<'a> {
        assumptions.iter().for_each(|(name, holds)| evaluator.assume(name, *holds));
        let in_words = |(name, holds): &(&str, bool)| if *holds { (*name).to_owned() } else { format!("not {name}") };
        let conditions: Vec<String> = assumptions.iter().map(in_words).collect();
        let (mut facts, mut existing) = (Facts::new(now), Existing::default());
        roles::add(&mut facts, &evaluator, rewritten, &mut existing);
        Assumed { evaluator, conditions: conditions.join(" and "), facts, existing }
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
            Some(_) => key_under(key, &self.conditions),
            None => key.to_owned(),
        }
    }

    /// Adds what was found to the facts of the template.
    pub fn add_to(self, facts: &mut Facts, existing: &mut Existing) {
        let mut policies = BTreeMap::new();
        for (key, policy) in &self.facts.policies {
            let own = match facts.policies.get(key) {
                Some(other) if other != policy => key_under(key, &self.conditions),
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
