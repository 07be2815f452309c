//! The KMS keys of a plan, by all that session preferences and people may call them.

use serde_json::Value;

use super::grants;
use super::instances::targets;
use super::links::{Link, after_apply, in_some_account, not_in_plan, one_of_several};
use super::plan::{Attribute, Plan, Resource};
use super::settings;
use super::whereabouts::{Whereabout, Whereabouts};
use crate::facts::{
    Fact, Facts, KmsKey, PolicyText, Unreadable, UnreadableKind, default_key_policy, kms_key, planned_key,
};
use iam_eval::arn::Arn;

/// What a key is called by in arguments.
pub(super) const KEY_NAMES: [&str; 3] = ["arn", "key_id", "id"];

/// The types that are keys.
const KEYS: [&str; 4] = ["aws_kms_key", "aws_kms_external_key", "aws_kms_replica_key", "aws_kms_replica_external_key"];

const GET_POLICY: &str = "kms:GetKeyPolicy";

/// Adds every key under its ARN and its id, and under each alias.
pub(super) fn add(plan: &Plan<'_>, whereabouts: &Whereabouts, facts: &mut Facts) {
    for key in plan.of_kind("aws_kms_key") {
        let place = whereabouts.of_resource(key);
        let fact = of_key(plan, whereabouts, key);
        for name in ["arn", "key_id"].iter().filter_map(|name| key.text(name)) {
            put(facts, &place, name, fact.clone());
        }
    }
    for alias in plan.of_kind("aws_kms_alias") {
        let Some(name) = alias.text("name") else { continue };
        let place = whereabouts.of_resource(alias);
        let fact = of_alias(plan, whereabouts, alias, &place);
        if let Some(arn) = arn_of_alias(alias, name, &place) {
            put(facts, &place, &arn, fact.clone());
        }
        let fact = match may_be_elsewhere(plan, whereabouts, alias) {
            true => {
                Fact::Unreadable(not_in_plan(alias, "name", "may be of another account than an instance of the plan"))
            }
            false => fact,
        };
        put(facts, &place, name, fact);
    }
    add_deleted(plan, whereabouts, facts);
}

/// Adds what goes, so that it is not taken from the account.
fn add_deleted(plan: &Plan<'_>, whereabouts: &Whereabouts, facts: &mut Facts) {
    for before in &plan.before {
        let text = |attribute: &str| before.values.get(attribute).and_then(Value::as_str);
        let Some((text_of_arn, arn)) = text("arn").and_then(|text| Some((text, Arn::parse(text)?))) else { continue };
        let region = arn.region();
        if let Some(fact) = going_key(plan, text_of_arn) {
            for name in ["arn", "key_id"].iter().filter_map(|name| text(name)) {
                facts.kms_keys.insert(kms_key(region, name), fact.clone());
            }
        }
        let Some(name) = text("name").filter(|_| before.kind == "aws_kms_alias") else { continue };
        let is_it = |alias: &&Resource<'_>| {
            let own = whereabouts.of_resource(alias).region;
            alias.text("name") == Some(name) && own.is_none_or(|own| Some(own.as_str()) == region)
        };
        if plan.managed("aws_kms_alias").iter().any(is_it) {
            continue;
        }
        let fact = match plan.has_several_credentials() {
            true => Fact::Unreadable(in_some_account(before)),
            false => Fact::Absent,
        };
        facts.kms_keys.insert(kms_key(region, name), fact);
        facts.kms_keys.insert(kms_key(region, text_of_arn), Fact::Absent);
    }
}

/// A key that the plan deletes, by its ARN: it can be used no more
/// ([Deleting keys](https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html)).
fn going_key(plan: &Plan<'_>, arn: &str) -> Option<Fact<KmsKey>> {
    KEYS.iter().find_map(|kind| plan.deleted(kind, arn))?;
    let state = Some("PendingDeletion".to_owned());
    let policy = Fact::Unreadable(settings::outside(GET_POLICY));
    Some(Fact::Known(KmsKey { arn: arn.to_owned(), state, policy }))
}

/// Of two keys that have one name in a Region, in two accounts, none is known to be meant.
fn put(facts: &mut Facts, place: &Whereabout, name: &str, fact: Fact<KmsKey>) {
    let both = facts.kms_keys.get(&kms_key(place.region.as_deref(), name)).filter(|other| **other != fact);
    let fact = match both {
        None => fact,
        Some(_) => {
            let message = format!("the plan has several keys that are called `{name}`");
            Fact::Unreadable(Unreadable { api: name.to_owned(), kind: UnreadableKind::NotInPlan, message })
        }
    };
    facts.kms_keys.insert(kms_key(place.region.as_deref(), name), fact);
}

fn of_key(plan: &Plan<'_>, whereabouts: &Whereabouts, key: &Resource<'_>) -> Fact<KmsKey> {
    let place = whereabouts.of_resource(key);
    if let Some(reason) = other_use(key) {
        return Fact::Unreadable(reason);
    }
    let arn = key.text("arn").map(str::to_owned).unwrap_or_else(|| {
        planned_key(place.partition.as_deref(), place.region.as_deref(), place.account.as_deref(), &key.address)
    });
    match state(key) {
        Ok(state) => {
            let policy = grants::beside(plan, whereabouts, key, policy(plan, key, &place));
            Fact::Known(KmsKey { arn, state, policy })
        }
        Err(reason) => Fact::Unreadable(reason),
    }
}

/// Session Manager makes data keys, for which only symmetric keys can be used
/// ([GenerateDataKey](https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html)).
fn other_use(key: &Resource<'_>) -> Option<Unreadable> {
    let differs = |(attribute, needed): (&'static str, &str)| match key.attribute(attribute) {
        Attribute::Known(value) => value.as_str().filter(|value| !value.is_empty() && *value != needed).map(|value| {
            not_in_plan(key, attribute, &format!("is `{value}`, and sessions are encrypted with `{needed}` keys only"))
        }),
        // What a configuration leaves out has the default.
        Attribute::Unknown if key.is_set(attribute) => Some(after_apply(key, attribute)),
        Attribute::Unknown | Attribute::Null => None,
    };
    [("key_usage", "ENCRYPT_DECRYPT"), ("customer_master_key_spec", "SYMMETRIC_DEFAULT")].into_iter().find_map(differs)
}

/// See [Key states](https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html); a new key is enabled unless it says
/// otherwise.
fn state(key: &Resource<'_>) -> Result<Option<String>, Unreadable> {
    if key.is_data {
        return Ok(key.text("key_state").map(str::to_owned));
    }
    let state = match key.attribute("is_enabled") {
        Attribute::Known(value) if value.as_bool() == Some(false) => "Disabled",
        Attribute::Unknown if key.is_set("is_enabled") => return Err(after_apply(key, "is_enabled")),
        Attribute::Known(_) | Attribute::Null | Attribute::Unknown => "Enabled",
    };
    Ok(Some(state.to_owned()))
}

fn policy<'a>(plan: &Plan<'a>, key: &Resource<'a>, place: &Whereabout) -> Fact<PolicyText> {
    for resource in plan.managed("aws_kms_key_policy") {
        match plan.link(resource, "key_id", "aws_kms_key", &KEY_NAMES) {
            Link::To(_) if !plan.others(resource, "key_id").is_empty() => {
                return Fact::Unreadable(one_of_several(resource, "key_id"));
            }
            Link::To(of) if of.address == key.address => return text(resource, place),
            Link::NotKnown => return Fact::Unreadable(after_apply(resource, "key_id")),
            Link::To(_) | Link::Outside(_) | Link::Nothing => {}
        }
    }
    match key.is_data {
        true => Fact::Unreadable(settings::outside(GET_POLICY)),
        false => text(key, place),
    }
}

/// The policy in a resource. A key that is made without one has the default policy.
fn text(resource: &Resource<'_>, place: &Whereabout) -> Fact<PolicyText> {
    match resource.attribute("policy") {
        Attribute::Known(value) if value.as_str().is_some_and(|text| !text.is_empty()) => {
            Fact::Known(PolicyText::new(value.as_str().unwrap_or_default()))
        }
        Attribute::Unknown if resource.is_set("policy") || !resource.is_new => {
            Fact::Unreadable(after_apply(resource, "policy"))
        }
        Attribute::Known(_) | Attribute::Null | Attribute::Unknown => default_policy(resource, place),
    }
}

/// See [Default key policy](https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html).
fn default_policy(key: &Resource<'_>, place: &Whereabout) -> Fact<PolicyText> {
    let (Some(account), Some(partition)) = (&place.account, &place.partition) else {
        return Fact::Unreadable(not_in_plan(
            key,
            "policy",
            "is the default key policy, and the plan does not say the account",
        ));
    };
    Fact::Known(default_key_policy(partition, account))
}

fn of_alias<'a>(plan: &Plan<'a>, whereabouts: &Whereabouts, alias: &Resource<'a>, place: &Whereabout) -> Fact<KmsKey> {
    if alias.is_data {
        return match alias.text("target_key_arn") {
            Some(arn) => known_by_arn(plan, whereabouts, arn),
            None => Fact::Unreadable(after_apply(alias, "target_key_arn")),
        };
    }
    match plan.link(alias, "target_key_id", "aws_kms_key", &KEY_NAMES) {
        Link::To(_) if !plan.others(alias, "target_key_id").is_empty() => {
            Fact::Unreadable(one_of_several(alias, "target_key_id"))
        }
        Link::To(key) => of_key(plan, whereabouts, key),
        Link::Outside(id) if id.starts_with("arn:") => known_by_arn(plan, whereabouts, &id),
        Link::Outside(id) => match (&place.partition, &place.region, &place.account) {
            (Some(partition), Some(region), Some(account)) => {
                known_by_arn(plan, whereabouts, &format!("arn:{partition}:kms:{region}:{account}:key/{id}"))
            }
            _ => Fact::Unreadable(not_in_plan(
                alias,
                "target_key_id",
                &format!("is the key `{id}`, which is not in the plan"),
            )),
        },
        Link::Nothing | Link::NotKnown => Fact::Unreadable(after_apply(alias, "target_key_id")),
    }
}

fn known_by_arn(plan: &Plan<'_>, whereabouts: &Whereabouts, arn: &str) -> Fact<KmsKey> {
    let own = plan.called_so(arn).into_iter().find(|key| key.kind == "aws_kms_key" && key.text("arn") == Some(arn));
    match own {
        Some(key) => of_key(plan, whereabouts, key),
        None => going_key(plan, arn).unwrap_or_else(|| {
            let policy = Fact::Unreadable(settings::outside(GET_POLICY));
            Fact::Known(KmsKey { arn: arn.to_owned(), state: None, policy })
        }),
    }
}

fn arn_of_alias(alias: &Resource<'_>, name: &str, place: &Whereabout) -> Option<String> {
    if let Some(arn) = alias.text("arn") {
        return Arn::parse(arn).map(|arn| arn.to_string());
    }
    let (partition, region, account) = (place.partition.as_ref()?, place.region.as_ref()?, place.account.as_ref()?);
    Some(format!("arn:{partition}:kms:{region}:{account}:{name}"))
}

/// Whether an instance may be of another account than an alias of its Region: an alias is a name within its account.
fn may_be_elsewhere(plan: &Plan<'_>, whereabouts: &Whereabouts, alias: &Resource<'_>) -> bool {
    let own = whereabouts.of_resource(alias);
    targets(plan).any(|target| {
        let other = whereabouts.of_resource(target);
        let same_account = match (&own.account, &other.account) {
            (Some(own), Some(other)) => own == other,
            _ => target.provider_key() == alias.provider_key(),
        };
        own.region == other.region && !same_account
    })
}
