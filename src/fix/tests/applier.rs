//! Makes changes in facts as AWS would, without the code that foresees them: refuses what AWS would refuse, gives ids.

use crate::facts::{
    Association, AttachedProfile, Fact, Facts, InlinePolicy, Instance, InstanceProfile, ManagedPolicy, Role,
    SubjectKind, key,
};
use crate::fix::{Change, State, Thing, is_ours};
use iam_eval::arn::Arn;

use super::account::{CORE, allow, policy, text};

fn key_of(arn: &Arn) -> String {
    key(arn.account(), arn.name())
}

fn role_in<'a>(facts: &'a Facts, arn: &Arn) -> &'a Role {
    match facts.roles.get(&key_of(arn)) {
        Some(Fact::Known(role)) => {
            assert_eq!(role.arn.as_deref(), Some(arn.to_string().as_str()), "another role of that name");
            role
        }
        other => panic!("no role that could be changed: {other:?}"),
    }
}

fn known_role<'a>(facts: &'a mut Facts, arn: &Arn) -> &'a mut Role {
    role_in(facts, arn);
    match facts.roles.get_mut(&key_of(arn)) {
        Some(Fact::Known(role)) => role,
        _ => unreachable!(),
    }
}

fn known<'a, T: std::fmt::Debug>(fact: &'a Fact<T>, what: &str) -> &'a T {
    fact.known().unwrap_or_else(|| panic!("{what} is not known: {fact:?}"))
}

fn instance_in<'a>(facts: &'a Facts, id: &str) -> &'a Instance {
    let found = facts.subjects.iter().find_map(|subject| match &subject.kind {
        SubjectKind::Instance(Fact::Known(instance)) if instance.id == id => Some(instance.as_ref()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no instance {id}"))
}

/// How a thing is. Panics where that is not known: nothing is changed blindly.
pub fn state_of(facts: &Facts, thing: &Thing) -> State {
    match thing {
        Thing::Role(arn) => match facts.roles.get(&key_of(arn)) {
            None | Some(Fact::Absent) => State::Absent,
            Some(Fact::Known(role)) if is_ours(known(&role.tags, "the tags")) => {
                State::Role { trust: known(&role.trust, "the trust policy").clone(), id: role.id.clone() }
            }
            Some(Fact::Known(_)) => State::Foreign,
            Some(other) => panic!("the role is not known: {other:?}"),
        },
        Thing::TrustPolicy(arn) => State::Document(known(&role_in(facts, arn).trust, "the trust policy").clone()),
        Thing::InlinePolicy { role, name } => {
            let inline = known(&role_in(facts, role).inline, "the list of inline policies");
            match inline.iter().find(|policy| policy.name.eq_ignore_ascii_case(name)) {
                None => State::Absent,
                Some(found) => {
                    assert_eq!(found.name, *name, "names are unique whatever their case");
                    State::Document(known(&found.document, "the inline policy").clone())
                }
            }
        }
        Thing::AttachedPolicy { role, policy } => {
            let attached = known(&role_in(facts, role).attached, "the list of attached policies");
            if attached.contains(&policy.to_string()) { State::Attached } else { State::Absent }
        }
        Thing::InstanceProfile(arn) => match facts.profiles.get(&key_of(arn)) {
            None | Some(Fact::Absent) => State::Absent,
            Some(Fact::Known(profile)) if profile.tags.as_ref().is_some_and(is_ours) => {
                State::InstanceProfile { id: Some(profile.id.clone()) }
            }
            Some(Fact::Known(_)) => State::Foreign,
            Some(other) => panic!("the profile is not known: {other:?}"),
        },
        Thing::RoleOfProfile(arn) => match facts.profiles.get(&key_of(arn)) {
            Some(Fact::Known(profile)) => match &profile.role {
                None => State::Absent,
                Some(held) => {
                    let role = facts.roles.get(held).and_then(Fact::known).and_then(|role| role.arn.as_deref());
                    State::Holds(role.and_then(Arn::parse).unwrap_or_else(|| panic!("{held} is not known")))
                }
            },
            other => panic!("no profile that could be changed: {other:?}"),
        },
        Thing::ProfileOfInstance { instance, .. } => match &instance_in(facts, instance).profile {
            None => State::Absent,
            Some(held) => State::Has { profile: Arn::parse(&held.arn).unwrap(), id: held.id.clone() },
        },
    }
}

/// Makes a change; gives it back with the ids that AWS gave.
pub fn make(facts: &mut Facts, change: &Change) -> Change {
    let now = state_of(facts, change.thing());
    // To the letter: a document that says the same may still have been written by somebody else.
    match (change.before(), &now) {
        (State::Document(planned), State::Document(now)) => assert_eq!(planned, now),
        (State::Has { id, .. }, State::Has { id: held, .. }) => assert_eq!(id, held),
        (planned, now) => assert!(now.is(planned), "planned on {planned:?}, and it is {now:?}"),
    }
    let after = write(facts, change);
    change.with_states(now, after).unwrap()
}

fn write(facts: &mut Facts, change: &Change) -> State {
    let ours = || std::collections::BTreeMap::from([("created-by".to_owned(), "ssm-profile".to_owned())]);
    let after = change.after().clone();
    match (change.thing(), &after) {
        (Thing::Role(arn), State::Role { trust, .. }) => {
            let id = Some(format!("AROANEW{}", arn.name()));
            let role = Role {
                arn: Some(arn.to_string()),
                id: id.clone(),
                name: arn.name().to_owned(),
                trust: Fact::Known(trust.clone()),
                boundary: Fact::Absent,
                tags: Fact::Known(ours()),
                may_have_more_tags: false,
                inline: Fact::Known(Vec::new()),
                attached: Fact::Known(Vec::new()),
            };
            facts.roles.insert(key_of(arn), Fact::Known(role));
            return State::Role { trust: trust.clone(), id };
        }
        (Thing::Role(arn), _) => {
            let role = role_in(facts, arn);
            let empty = known(&role.inline, "inline").is_empty() && known(&role.attached, "attached").is_empty();
            assert!(empty, "DeleteConflict");
            facts.roles.insert(key_of(arn), Fact::Absent);
        }
        (Thing::TrustPolicy(arn), State::Document(text)) => {
            known_role(facts, arn).trust = Fact::Known(text.clone());
        }
        (Thing::InlinePolicy { role, name }, after) => {
            let Fact::Known(inline) = &mut known_role(facts, role).inline else { unreachable!() };
            let at = inline.iter().position(|policy| policy.name == *name).unwrap_or(inline.len());
            inline.retain(|policy| policy.name != *name);
            if let State::Document(text) = after {
                inline.insert(at, InlinePolicy { name: name.clone(), document: Fact::Known(text.clone()) });
                let documents = inline.iter().map(|policy| known(&policy.document, "an inline policy").as_str());
                let size = documents.flat_map(str::chars).filter(|c| !c.is_ascii_whitespace()).count();
                assert!(size <= 10_240, "LimitExceeded: {size}");
            }
        }
        (Thing::AttachedPolicy { role, policy: attached }, after) => {
            // AWS has its own policies in every account, whether somebody has read them or not.
            let core = ManagedPolicy {
                version: "v2".to_owned(),
                document: text(&policy(&[allow(&CORE, "*")])),
                shipped: None,
            };
            facts.policies.entry(attached.to_string()).or_insert(Fact::Known(core));
            let Fact::Known(list) = &mut known_role(facts, role).attached else { unreachable!() };
            list.retain(|arn| *arn != attached.to_string());
            if *after == State::Attached {
                list.push(attached.to_string());
            }
        }
        (Thing::InstanceProfile(arn), State::InstanceProfile { .. }) => {
            let id = format!("AIPANEW{}", arn.name());
            let profile = InstanceProfile {
                arn: arn.to_string(),
                id: id.clone(),
                name: arn.name().to_owned(),
                role: None,
                tags: Some(ours()),
            };
            facts.profiles.insert(key_of(arn), Fact::Known(profile));
            return State::InstanceProfile { id: Some(id) };
        }
        (Thing::InstanceProfile(arn), _) => {
            let profile = facts.profiles.get(&key_of(arn)).and_then(Fact::known).unwrap();
            assert_eq!(profile.role, None, "DeleteConflict");
            facts.profiles.insert(key_of(arn), Fact::Absent);
        }
        (Thing::RoleOfProfile(arn), after) => {
            let role = match after {
                State::Holds(role) => {
                    role_in(facts, role);
                    Some(key_of(role))
                }
                _ => None,
            };
            let Some(Fact::Known(profile)) = facts.profiles.get_mut(&key_of(arn)) else { unreachable!() };
            profile.role = role;
        }
        (Thing::ProfileOfInstance { instance, region }, after) => {
            let replaced = matches!((change.before(), after), (State::Has { .. }, State::Has { .. }));
            let state = instance_in(facts, instance).state.clone();
            assert!(!replaced || state == "running", "IncorrectState: {state}");
            assert!(!matches!(state.as_str(), "terminated" | "shutting-down"), "IncorrectState: {state}");
            let made = match after {
                State::Has { profile, id } => {
                    let there = facts.profiles.get(&key_of(profile)).and_then(Fact::known);
                    Some((profile.clone(), id.clone().or(there.map(|profile| profile.id.clone()))))
                }
                _ => None,
            };
            for subject in &mut facts.subjects {
                let SubjectKind::Instance(Fact::Known(known)) = &mut subject.kind else { continue };
                if known.id == *instance {
                    assert_eq!(subject.region.as_deref(), Some(region.as_str()));
                    associate(known, made.as_ref());
                }
            }
            return made.map_or(State::Absent, |(profile, id)| State::Has { profile, id });
        }
        (thing, after) => panic!("no call makes {thing:?} {after:?}"),
    }
    after
}

fn associate(instance: &mut Instance, made: Option<&(Arn, Option<String>)>) {
    instance.profile = made.map(|(arn, id)| AttachedProfile { arn: arn.to_string(), id: id.clone() });
    instance.association = match made {
        None => Fact::Absent,
        Some((arn, _)) => Fact::Known(Association {
            id: "iip-assoc-new".to_owned(),
            state: "associated".to_owned(),
            profile_arn: Some(arn.to_string()),
        }),
    };
}

/// The facts without what no change can give back: ids of associations, and whether nothing was looked for or not found.
pub fn comparable(facts: &Facts) -> Facts {
    let mut facts = facts.clone();
    facts.roles.retain(|_, role| *role != Fact::Absent);
    facts.profiles.retain(|_, profile| *profile != Fact::Absent);
    facts.policies.clear();
    for subject in &mut facts.subjects {
        let SubjectKind::Instance(Fact::Known(instance)) = &mut subject.kind else { continue };
        let profile_arn = instance.profile.as_ref().map(|profile| profile.arn.clone());
        let plain =
            |state: &str| Association { id: String::new(), state: state.to_owned(), profile_arn: profile_arn.clone() };
        instance.association = match &instance.association {
            // One that is over is none.
            Fact::Known(association) if association.state == "disassociated" && instance.profile.is_none() => {
                Fact::Absent
            }
            Fact::Known(association) if association.profile_arn.is_none() || association.profile_arn == profile_arn => {
                Fact::Known(plain(&association.state))
            }
            // Not listed, though the instance shows a profile.
            Fact::Absent if instance.profile.is_some() => Fact::Known(plain("associated")),
            other => other.clone(),
        };
    }
    facts
}

/// The same without the ids that only AWS knows.
pub fn without_new_ids(facts: &Facts) -> Facts {
    let mut facts = comparable(facts);
    let is_new = |id: &str| id.is_empty() || id.starts_with("AIPANEW") || id.starts_with("AROANEW");
    for profile in facts.profiles.values_mut() {
        if let Fact::Known(profile) = profile
            && is_new(&profile.id)
        {
            profile.id.clear();
        }
    }
    for role in facts.roles.values_mut() {
        if let Fact::Known(role) = role {
            role.id = role.id.take().filter(|id| !is_new(id));
        }
    }
    for subject in &mut facts.subjects {
        if let SubjectKind::Instance(Fact::Known(instance)) = &mut subject.kind
            && let Some(held) = &mut instance.profile
        {
            held.id = held.id.take().filter(|id| !is_new(id));
        }
    }
    facts
}
