//! The KMS keys of a template and their aliases. A key has no id yet: a placeholder stands for it wherever the template refers to it.

use super::evaluate::{Evaluator, Place};
use super::policy::Kind;
use super::roles::{Found, document, find, unknown};
use super::template::Resource;
use super::value::{Holds, Part, Text, Value, Why};
use crate::facts::{
    Fact, Facts, KmsKey, OtherUse, PolicyText, Unreadable, UnreadableKind, default_key_policy, kms_key, planned_key,
    planned_key_id,
};
use iam_eval::arn::Arn;

const KEY: &str = "AWS::KMS::Key";
const ALIAS: &str = "AWS::KMS::Alias";

/// Adds every key under what stands for its ARN, and under each alias.
pub fn add(facts: &mut Facts, evaluator: &Evaluator<'_>) {
    for resource in &evaluator.template.resources {
        if evaluator.exists(resource) == Holds::No {
            continue;
        }
        let (name, fact) = match resource.kind.as_str() {
            KEY => {
                let arn = arn(evaluator, &resource.id);
                if let Ok(Some(other)) = other_use(evaluator, resource) {
                    facts.keys_of_other_use.insert(arn.clone(), other);
                }
                (arn, key(evaluator, resource))
            }
            ALIAS => {
                let Some(name) = evaluator.property(resource, "AliasName").as_known() else { continue };
                (name, alias(evaluator, resource))
            }
            _ => continue,
        };
        let Place { partition, region, account } = &evaluator.place;
        if let (ALIAS, Some(partition), Some(region), Some(account)) =
            (resource.kind.as_str(), partition, region, account)
        {
            let by_arn = format!("arn:{partition}:kms:{region}:{account}:{name}");
            facts.kms_keys.insert(kms_key(Some(region), &by_arn), fact.clone());
        }
        facts.kms_keys.insert(kms_key(region.as_deref(), &name), fact);
    }
}

/// What stands for the ARN of a key.
fn arn(evaluator: &Evaluator<'_>, id: &str) -> String {
    let Place { partition, region, account } = &evaluator.place;
    planned_key(partition.as_deref(), region.as_deref(), account.as_deref(), id)
}

fn key(evaluator: &Evaluator<'_>, resource: &Resource) -> Fact<KmsKey> {
    if let Holds::Unknown(why) = evaluator.exists(resource) {
        return Fact::Unreadable(unknown(&resource.id, &why));
    }
    if let Err(reason) = other_use(evaluator, resource).and_then(|_| has_material(evaluator, resource)) {
        return Fact::Unreadable(reason);
    }
    let state = match evaluator.property(resource, "Enabled") {
        Value::Nothing => "Enabled",
        value => match value.to_known("it") {
            Ok(enabled) if enabled == "false" => "Disabled",
            Ok(_) => "Enabled",
            Err(why) => return Fact::Unreadable(unknown(&format!("{}.Enabled", resource.id), &why)),
        },
    };
    let attribute = format!("{}.KeyPolicy", resource.id);
    let policy = match evaluator.property(resource, "KeyPolicy") {
        Value::Nothing => default_policy(evaluator, resource, &attribute),
        value => document(evaluator, &value, Kind::Key, &attribute, None),
    };
    Fact::Known(KmsKey { arn: arn(evaluator, &resource.id), state: Some(state.to_owned()), policy })
}

fn default_policy(evaluator: &Evaluator<'_>, resource: &Resource, attribute: &str) -> Fact<PolicyText> {
    match (&evaluator.place.partition, &evaluator.place.account) {
        (Some(partition), Some(account)) => Fact::Known(default_key_policy(partition, account)),
        _ => {
            let what = "it is the default key policy, and the account is not known; give it with `--account`";
            Fact::Unreadable(unknown(attribute, &Why::new(resource.line, what)))
        }
    }
}

/// Session Manager makes data keys, for which only symmetric keys can be used
/// ([GenerateDataKey](https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateDataKey.html)).
///
/// # Errors
/// Why it is not known what a key is made for.
fn other_use(evaluator: &Evaluator<'_>, resource: &Resource) -> Result<Option<OtherUse>, Unreadable> {
    let mut open = None;
    for (setting, needed) in [("KeyUsage", "ENCRYPT_DECRYPT"), ("KeySpec", "SYMMETRIC_DEFAULT")] {
        let Some(value) = evaluator.property(resource, setting).to_text() else { continue };
        match value.to_known() {
            Ok(known) if known == needed => {}
            Ok(known) => return Ok(Some(OtherUse { setting: setting.to_owned(), value: known.to_owned() })),
            Err(why) => open = open.or(Some(unknown(&format!("{}.{setting}", resource.id), &why))),
        }
    }
    open.map_or(Ok(None), Err)
}

/// A key whose material comes from elsewhere has none before it is imported
/// ([Importing key material](https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys.html)).
///
/// # Errors
/// Why it may have none.
fn has_material(evaluator: &Evaluator<'_>, resource: &Resource) -> Result<(), Unreadable> {
    let Some(origin) = evaluator.property(resource, "Origin").to_text() else { return Ok(()) };
    let attribute = format!("{}.Origin", resource.id);
    match origin.to_known() {
        Ok("AWS_KMS") => Ok(()),
        Ok(other) => {
            let what =
                format!("it is `{other}`, and only for keys of `AWS_KMS` the template says that they can be used");
            Err(unknown(&attribute, &Why::new(resource.line, what)))
        }
        Err(why) => Err(unknown(&attribute, &why)),
    }
}

fn alias(evaluator: &Evaluator<'_>, resource: &Resource) -> Fact<KmsKey> {
    if let Holds::Unknown(why) = evaluator.exists(resource) {
        return Fact::Unreadable(unknown(&resource.id, &why));
    }
    let attribute = format!("{}.TargetKeyId", resource.id);
    match find_key(evaluator, &evaluator.property(resource, "TargetKeyId")) {
        Found::Here(of) => key(evaluator, of),
        Found::NotKnown(why) => Fact::Unreadable(unknown(&attribute, &why)),
        Found::Elsewhere(arn) if Arn::parse(&arn).is_some() => {
            let message = "the response to `kms:GetKeyPolicy` is not in a template".to_owned();
            let kind = UnreadableKind::NotInSnapshot;
            let policy = Fact::Unreadable(Unreadable { api: "kms:GetKeyPolicy".to_owned(), kind, message });
            Fact::Known(KmsKey { arn, state: None, policy })
        }
        Found::Elsewhere(id) => {
            let why = Why::new(resource.line, format!("the key `{id}` is not in the template"));
            Fact::Unreadable(unknown(&attribute, &why))
        }
    }
}

/// The key that a value names: by its id alone, or by an ARN that ends with it.
fn find_key<'a>(evaluator: &'a Evaluator<'_>, value: &Value) -> Found<'a> {
    let text = value.to_text().unwrap_or_default();
    match text.0.as_slice() {
        [Part::Known(start), .., Part::Of(_)] if !start.starts_with("arn:") => {
            Found::NotKnown(text.why().unwrap_or_else(|| Why::new(0, "it is not known")))
        }
        _ => find(evaluator, KEY, value),
    }
}

/// A text that refers to keys of the template, with what stands for them; `None` if anything else of it is not known.
pub fn named(evaluator: &Evaluator<'_>, text: &Text) -> Option<String> {
    let part = |part: &Part| match part {
        Part::Known(known) => Some(known.clone()),
        Part::Of(attribute) => {
            evaluator.template.resource(&attribute.resource).filter(|resource| resource.kind == KEY)?;
            let arn = arn(evaluator, &attribute.resource);
            match attribute.name.as_deref() {
                None | Some("KeyId") => planned_key_id(&arn).map(str::to_owned),
                Some("Arn") => {
                    let any = |field: &Option<String>| field.clone().unwrap_or_else(|| "*".to_owned());
                    let Place { partition, region, account } = &evaluator.place;
                    let id = planned_key_id(&arn)?;
                    Some(format!("arn:{}:kms:{}:{}:key/{id}", any(partition), any(region), any(account)))
                }
                Some(_) => None,
            }
        }
        Part::Unknown(_) => None,
    };
    text.0.iter().map(part).collect()
}

/// The content of session preferences with what stands for the key, where they name one of the template.
pub fn name_in(evaluator: &Evaluator<'_>, content: Value) -> Value {
    let given = content.get("inputs").get("kmsKeyId");
    let Found::Here(key) = find_key(evaluator, &given) else { return content };
    let put = |value: Value, name: &str, new: Value| match value {
        Value::Map(members) => Value::Map(
            members.into_iter().map(|(own, old)| if own == name { (own, new.clone()) } else { (own, old) }).collect(),
        ),
        other => other,
    };
    let inputs = put(content.get("inputs"), "kmsKeyId", Value::known(arn(evaluator, &key.id)));
    put(content, "inputs", inputs)
}
