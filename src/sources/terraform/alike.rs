//! Whether it matters which of several resources is meant.

use super::plan::{Plan, Resource};
use crate::facts::{Fact, Facts, PolicyText, Role};

/// Whether two roles are allowed the same, by their keys.
pub(super) fn roles(facts: &Facts, one: &str, other: &str) -> bool {
    match (facts.roles.get(one), facts.roles.get(other)) {
        _ if one == other => true,
        (Some(Fact::Known(one)), Some(Fact::Known(other))) => {
            one.trust == other.trust
                && one.boundary == other.boundary
                && one.tags == other.tags
                && one.attached == other.attached
                && documents(one) == documents(other)
        }
        _ => false,
    }
}

/// The inline policies, whatever they are called.
fn documents(role: &Role) -> Option<Vec<Option<&PolicyText>>> {
    let mut documents: Vec<_> = role.inline.known()?.iter().map(|policy| policy.document.known()).collect();
    documents.sort_by_key(|document| document.map(PolicyText::as_str));
    Some(documents)
}

/// Whether two profiles are, by their keys.
pub(super) fn profiles(facts: &Facts, one: &Fact<String>, other: &Fact<String>) -> bool {
    let (Fact::Known(one), Fact::Known(other)) = (one, other) else { return one == other };
    let role = |key: &str| facts.profiles.get(key).and_then(Fact::known).map(|profile| profile.role.as_deref());
    match (role(one), role(other)) {
        _ if one == other => true,
        (Some(Some(one)), Some(Some(other))) => roles(facts, one, other),
        (Some(None), Some(None)) => true,
        _ => false,
    }
}

/// Whether every element of a resource says the same in an argument, and there are as many as `count`: then it does not matter which
/// of them goes where.
pub(super) fn elements(plan: &Plan<'_>, resource: &Resource<'_>, argument: &str, count: usize) -> bool {
    let elements = plan.named(&resource.module, &format!("{}.{}", resource.kind, resource.name));
    elements.len() == count && elements.iter().all(|it| it.attribute(argument) == resource.attribute(argument))
}
