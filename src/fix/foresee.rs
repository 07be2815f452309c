//! What the facts would be after a change: so a plan is judged by the same rules as an account.

use crate::facts::{
    Association, AttachedProfile, Fact, Facts, InlinePolicy, Instance, InstanceProfile, ManagedPolicy, PolicyText,
    Role, SubjectKind, key,
};
use crate::needs::{CHANNEL_ACTIONS, UPDATE_INSTANCE_INFORMATION};

use super::change::{CREATED_BY, CREATED_BY_VALUE, Change, State, Thing};

/// The name of the managed policy that `--attach-managed` attaches.
pub(super) const MANAGED_CORE: &str = "AmazonSSMManagedInstanceCore";

/// Makes a change in the facts, as AWS would make it.
///
/// A thing that the facts do not hold stays unknown; whoever plans has looked at it before.
pub fn apply(facts: &mut Facts, change: &Change) {
    match (change.thing(), change.after()) {
        (Thing::Role(arn), State::Role { trust, id }) => {
            let ours = [(CREATED_BY.to_owned(), CREATED_BY_VALUE.to_owned())];
            let role = Role {
                arn: Some(arn.to_string()),
                id: id.clone(),
                name: arn.name().to_owned(),
                trust: Fact::Known(trust.clone()),
                boundary: Fact::Absent,
                tags: Fact::Known(ours.into()),
                may_have_more_tags: false,
                inline: Fact::Known(Vec::new()),
                attached: Fact::Known(Vec::new()),
            };
            facts.roles.insert(key(arn.account(), arn.name()), Fact::Known(role));
        }
        (Thing::Role(arn), _) => {
            facts.roles.insert(key(arn.account(), arn.name()), Fact::Absent);
        }
        (Thing::InstanceProfile(arn), State::InstanceProfile { id }) => {
            let ours = [(CREATED_BY.to_owned(), CREATED_BY_VALUE.to_owned())];
            let profile = InstanceProfile {
                arn: arn.to_string(),
                id: id.clone().unwrap_or_default(),
                name: arn.name().to_owned(),
                role: None,
                tags: Some(ours.into()),
            };
            facts.profiles.insert(key(arn.account(), arn.name()), Fact::Known(profile));
        }
        (Thing::InstanceProfile(arn), _) => {
            facts.profiles.insert(key(arn.account(), arn.name()), Fact::Absent);
        }
        (Thing::RoleOfProfile(arn), after) => {
            if let Some(Fact::Known(profile)) = facts.profiles.get_mut(&key(arn.account(), arn.name())) {
                profile.role = match after {
                    State::Holds(role) => Some(key(role.account(), role.name())),
                    _ => None,
                };
            }
        }
        (Thing::TrustPolicy(role) | Thing::InlinePolicy { role, .. } | Thing::AttachedPolicy { role, .. }, after) => {
            if let Some(Fact::Known(known)) = facts.roles.get_mut(&key(role.account(), role.name())) {
                change_role(known, change.thing(), after);
            }
            // Whoever reads no document of it takes it to allow what AWS says it does.
            if let (Thing::AttachedPolicy { policy, .. }, State::Attached) = (change.thing(), after)
                && policy.name() == MANAGED_CORE
            {
                facts.policies.entry(policy.to_string()).or_insert_with(documented_core);
            }
        }
        (Thing::ProfileOfInstance { instance, .. }, after) => {
            let named = facts.subjects.iter_mut().filter_map(|subject| match &mut subject.kind {
                SubjectKind::Instance(Fact::Known(known)) if known.id == *instance => Some(known.as_mut()),
                _ => None,
            });
            named.for_each(|known| change_association(known, after));
        }
    }
}

fn change_role(role: &mut Role, thing: &Thing, after: &State) {
    match (thing, after) {
        (Thing::TrustPolicy(_), State::Document(text)) => role.trust = Fact::Known(text.clone()),
        (Thing::InlinePolicy { name, .. }, after) => {
            if let Fact::Known(inline) = &mut role.inline {
                let at = inline.iter().position(|policy| policy.name == *name).unwrap_or(inline.len());
                inline.retain(|policy| policy.name != *name);
                if let State::Document(text) = after {
                    inline.insert(at, InlinePolicy { name: name.clone(), document: Fact::Known(text.clone()) });
                }
            }
        }
        (Thing::AttachedPolicy { policy, .. }, after) => {
            if let Fact::Known(attached) = &mut role.attached {
                attached.retain(|arn| *arn != policy.to_string());
                if *after == State::Attached {
                    attached.push(policy.to_string());
                }
            }
        }
        _ => {}
    }
}

fn change_association(instance: &mut Instance, after: &State) {
    match after {
        State::Has { profile, id } => {
            instance.profile = Some(AttachedProfile { arn: profile.to_string(), id: id.clone() });
            instance.association = Fact::Known(Association {
                // Only AWS knows it, and nothing judges it.
                id: String::new(),
                state: "associated".to_owned(),
                profile_arn: Some(profile.to_string()),
            });
        }
        _ => {
            instance.profile = None;
            instance.association = Fact::Absent;
        }
    }
}

/// The five core actions, which AWS documents for `AmazonSSMManagedInstanceCore`.
fn documented_core() -> Fact<ManagedPolicy> {
    let actions = CHANNEL_ACTIONS.into_iter().chain([UPDATE_INSTANCE_INFORMATION]);
    let actions: Vec<String> = actions.map(|action| format!("\"{action}\"")).collect();
    let statement = format!(r#"{{"Effect": "Allow", "Action": [{}], "Resource": "*"}}"#, actions.join(", "));
    let document = PolicyText::new(&format!(r#"{{"Version": "2012-10-17", "Statement": [{statement}]}}"#));
    Fact::Known(ManagedPolicy { version: "v1".to_owned(), document, shipped: None })
}
