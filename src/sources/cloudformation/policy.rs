//! Policy documents of a template as text. Of a statement that is known only in part, what it certainly says stands as a statement,
//! and the most that it may say as another one that is marked as not known, so that it makes nothing certain.

use serde_json::{Map, Number, Value as Json, json};

use super::evaluate::Evaluator;
use super::value::{Part, Text, Value, Why};
use super::{keys, roles};
use crate::facts::PolicyText;
use iam_eval::OPEN_ELEMENT;

/// What a document is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An identity, or it is a permissions boundary.
    Identity,
    /// A role, as its trust policy.
    Trust,
    /// A KMS key.
    Key,
}

/// A document as text. `perhaps` is why it may not be in force at all.
///
/// # Errors
/// Why nothing is known of it.
pub fn document(
    evaluator: &Evaluator<'_>,
    value: &Value,
    kind: Kind,
    perhaps: Option<&Why>,
) -> Result<PolicyText, Why> {
    let members = match value {
        Value::Map(members) => members,
        Value::Unknown(why) => return Err(why.clone()),
        other => return Ok(PolicyText::new(&to_json(other).map(as_text)?)),
    };
    let mut written = Map::new();
    let mut possible = Vec::new();
    for (name, value) in members {
        if name != "Statement" {
            written.insert(name.clone(), to_json(value)?);
            continue;
        }
        if let Value::Unknown(why) = value {
            return Err(why.clone());
        }
        let mut certain = Vec::new();
        for statement in value.one_or_several() {
            match statement {
                Value::Map(members) => {
                    let read = Statement { evaluator, kind, members }.read();
                    certain.extend(read.0);
                    possible.extend(read.1);
                }
                Value::Unknown(why) => possible.extend(anything(kind, why)),
                other => certain.push(to_json(other)?),
            }
        }
        // Those that are known keep their numbers.
        certain.append(&mut possible);
        if let Some(why) = perhaps {
            certain.iter_mut().filter_map(Json::as_object_mut).for_each(|statement| mark(statement, why));
        }
        written.insert(name.clone(), Json::Array(certain));
    }
    Ok(PolicyText::new(&Json::Object(written).to_string()))
}

/// A document that is given as a string stands as that string.
fn as_text(json: Json) -> String {
    match json {
        Json::String(text) => text,
        other => other.to_string(),
    }
}

/// The value as JSON.
///
/// # Errors
/// Why it, or something in it, is not known.
pub fn to_json(value: &Value) -> Result<Json, Why> {
    Ok(match value {
        Value::Nothing | Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(text) => match text.parse::<i64>() {
            Ok(number) => Json::Number(Number::from(number)),
            Err(_) => Json::String(text.clone()),
        },
        Value::Text(text) => Json::String(text.to_known()?.to_owned()),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Value::Map(members) => {
            let members = members.iter().map(|(name, value)| Ok((name.clone(), to_json(value)?)));
            Json::Object(members.collect::<Result<_, Why>>()?)
        }
        Value::Unknown(why) => return Err(why.clone()),
    })
}

fn mark(statement: &mut Map<String, Json>, why: &Why) {
    statement.insert(OPEN_ELEMENT.to_owned(), Json::String(why.to_string()));
}

/// Statements that may allow or deny anything.
fn anything(kind: Kind, why: &Why) -> Vec<Json> {
    let of = |effect: &str| match kind {
        Kind::Identity => json!({"Effect": effect, "Action": "*", "Resource": "*", OPEN_ELEMENT: why.to_string()}),
        Kind::Key => {
            json!({"Effect": effect, "Action": "*", "Resource": "*", "Principal": "*", OPEN_ELEMENT: why.to_string()})
        }
        Kind::Trust => {
            json!({"Effect": effect, "Action": "sts:AssumeRole", "Principal": "*", OPEN_ELEMENT: why.to_string()})
        }
    };
    vec![of("Allow"), of("Deny")]
}

/// A statement that is being read.
struct Statement<'a> {
    evaluator: &'a Evaluator<'a>,
    kind: Kind,
    members: &'a [(String, Value)],
}

/// What a statement certainly says and the most that it may say, as far as it has been read. Either may come to be none.
struct Readings {
    certain: Option<Map<String, Json>>,
    possible: Map<String, Json>,
    why: Option<Why>,
}

impl Readings {
    /// Both say the same of an element.
    fn both(&mut self, name: &str, json: Json) {
        if let Some(certain) = &mut self.certain {
            certain.insert(name.to_owned(), json.clone());
        }
        self.possible.insert(name.to_owned(), json);
    }

    /// The statement says nothing for certain.
    fn doubt(&mut self, why: Why) {
        self.certain = None;
        self.why.get_or_insert(why);
    }
}

impl Statement<'_> {
    /// The statements that certainly hold, and those that may.
    fn read(&self) -> (Option<Json>, Vec<Json>) {
        let mut readings = Readings { certain: Some(Map::new()), possible: Map::new(), why: None };
        let mut effects = Vec::new();
        for (name, value) in self.members {
            match name.as_str() {
                "Action" | "Resource" => self.list(&mut readings, name, value),
                "NotAction" | "NotResource" => self.exceptions(&mut readings, name, value),
                "Principal" => self.principal(&mut readings, value),
                "Effect" => match to_json(value) {
                    Ok(effect) => readings.both(name, effect),
                    Err(why) => {
                        effects = vec!["Allow", "Deny"];
                        readings.doubt(why);
                    }
                },
                // Without its conditions a statement says the most.
                "Condition" | "Sid" => match to_json(value) {
                    Ok(json) => readings.both(name, json),
                    Err(why) if name == "Condition" => readings.doubt(why),
                    Err(_) => {}
                },
                _ => match to_json(value) {
                    Ok(json) => readings.both(name, json),
                    Err(why) => {
                        readings.doubt(why);
                        if name == "NotPrincipal" {
                            readings.possible.insert("Principal".to_owned(), Json::from("*"));
                        }
                    }
                },
            }
        }
        let Readings { certain, mut possible, why } = readings;
        let certain = certain.map(Json::Object);
        let Some(why) = why else { return (certain, Vec::new()) };
        mark(&mut possible, &why);
        // A Sid stands once in a document.
        if certain.is_some() {
            possible.remove("Sid");
        }
        let with = |effect: &str| {
            let mut statement = possible.clone();
            statement.insert("Effect".to_owned(), Json::from(effect));
            statement.remove("Sid");
            Json::Object(statement)
        };
        let several = effects.into_iter().map(with).collect::<Vec<_>>();
        (certain, if several.is_empty() { vec![Json::Object(possible)] } else { several })
    }

    /// `Action` and `Resource`: what is known of the list holds, the rest may be as wide as it can get.
    fn list(&self, readings: &mut Readings, name: &str, value: &Value) {
        let (known, wide, why) = self.items(value, name == "Resource");
        let all = known.iter().chain(&wide).cloned().map(Json::String).collect();
        let Some(why) = why else {
            return readings.both(name, Json::Array(all));
        };
        readings.why.get_or_insert(why);
        readings.possible.insert(name.to_owned(), Json::Array(all));
        match &mut readings.certain {
            Some(certain) if !known.is_empty() => {
                certain.insert(name.to_owned(), Json::Array(known.into_iter().map(Json::String).collect()));
            }
            _ => readings.certain = None,
        }
    }

    /// `NotAction` and `NotResource`: the statement holds at least beyond all that the exceptions may be.
    fn exceptions(&self, readings: &mut Readings, name: &str, value: &Value) {
        let (known, wide, why) = self.items(value, name == "NotResource");
        let all: Vec<Json> = known.iter().chain(&wide).cloned().map(Json::String).collect();
        let Some(why) = why else {
            return readings.both(name, Json::Array(all));
        };
        readings.why.get_or_insert(why);
        match (&mut readings.certain, wide.iter().any(|item| item == "*")) {
            (Some(certain), false) => drop(certain.insert(name.to_owned(), Json::Array(all))),
            _ => readings.certain = None,
        }
        match known.is_empty() {
            true => readings.possible.insert(name.trim_start_matches("Not").to_owned(), Json::from("*")),
            false => readings.possible.insert(name.to_owned(), known.into_iter().map(Json::String).collect()),
        };
    }

    /// The items that are known, patterns that cover the others, and why those are not known.
    fn items(&self, value: &Value, of_resources: bool) -> (Vec<String>, Vec<String>, Option<Why>) {
        let (mut known, mut wide, mut why) = (Vec::new(), Vec::new(), None);
        for item in value.one_or_several() {
            let text = item.to_text();
            let named = text.as_ref().and_then(|text| keys::named(self.evaluator, text));
            match (text.as_ref().map(Text::as_known), named) {
                (Some(Some(text)), _) => known.push(text.to_owned()),
                (_, Some(named)) => known.push(named),
                _ => {
                    let pattern = text.as_ref().map(|text| self.pattern(text)).unwrap_or_default();
                    let is_sound = if of_resources { is_sound_arn(&pattern) } else { is_sound_action(&pattern) };
                    wide.push(if is_sound { pattern } else { "*".to_owned() });
                    why = why.or_else(|| item.why());
                }
            }
        }
        if why.is_none() && !wide.is_empty() {
            why = Some(Why::new(0, "an item of the statement is not a string"));
        }
        (known, wide, why)
    }

    /// A pattern that covers all that a text may be.
    fn pattern(&self, text: &Text) -> String {
        let part = |part: &Part| match part {
            Part::Known(known) => known.clone(),
            Part::Unknown(_) => "*".to_owned(),
            Part::Of(attribute) => self.evaluator.shape(attribute).pattern(),
        };
        text.0.iter().map(part).collect()
    }

    /// `Principal`: those that are known hold, and the others may be anybody.
    fn principal(&self, readings: &mut Readings, value: &Value) {
        let value = &if self.kind == Kind::Key { self.with_roles(value) } else { value.clone() };
        let why = match to_json(value) {
            Ok(json) => return readings.both("Principal", json),
            Err(why) => why,
        };
        if let Some(kinds) = self.principals_that_are_no_service(value) {
            return readings.both("Principal", kinds);
        }
        readings.why.get_or_insert(why);
        readings.possible.insert("Principal".to_owned(), Json::from("*"));
        let known = known_principals(value);
        match &mut readings.certain {
            Some(certain) if !known.is_empty() => drop(certain.insert("Principal".to_owned(), Json::Object(known))),
            _ => readings.certain = None,
        }
    }

    /// Principals with what stands for the roles of the template.
    fn with_roles(&self, value: &Value) -> Value {
        match value {
            Value::Map(members) => {
                Value::Map(members.iter().map(|(kind, value)| (kind.clone(), self.with_roles(value))).collect())
            }
            Value::List(items) => Value::List(items.iter().map(|item| self.with_roles(item)).collect()),
            Value::Text(text) if text.as_known().is_none() => {
                roles::principal(self.evaluator, text).map_or_else(|| value.clone(), Value::known)
            }
            other => other.clone(),
        }
    }

    /// The principals of a trust policy with those of AWS that are certainly ARNs in the place of the ones that are not known: which
    /// identities may assume the role besides does not matter to a service.
    fn principals_that_are_no_service(&self, value: &Value) -> Option<Json> {
        let Value::Map(members) = value else { return None };
        let mut kinds = Map::new();
        for (kind, value) in members {
            let json = match to_json(value) {
                Ok(json) => json,
                Err(_) if self.kind == Kind::Trust && kind == "AWS" => {
                    let arn = |item: &Value| {
                        let text = item.to_text()?;
                        match text.as_known() {
                            Some(known) => Some(Json::from(known)),
                            None if self.pattern(&text).starts_with("arn:") => Some(Json::from(SOMEBODY)),
                            None => None,
                        }
                    };
                    value.one_or_several().iter().map(arn).collect::<Option<_>>().map(Json::Array)?
                }
                Err(_) => return None,
            };
            kinds.insert(kind.clone(), json);
        }
        Some(Json::Object(kinds))
    }
}

/// The principals that are known, by their kind.
fn known_principals(value: &Value) -> Map<String, Json> {
    let Value::Map(members) = value else { return Map::new() };
    let of_kind = |(kind, value): &(String, Value)| {
        let known: Vec<Json> = value.one_or_several().iter().filter_map(|item| to_json(item).ok()).collect();
        (!known.is_empty()).then(|| (kind.clone(), Json::Array(known)))
    };
    members.iter().filter_map(of_kind).collect()
}

/// An AWS principal that is no service.
const SOMEBODY: &str = "arn:aws:iam::000000000000:root";

/// Whether IAM takes it as a resource: the service is known, and nothing is missing.
fn is_sound_arn(pattern: &str) -> bool {
    let fields: Vec<&str> = pattern.splitn(6, ':').collect();
    match fields.as_slice() {
        ["arn", partition, service, _, _, _] => {
            !partition.is_empty() && !service.is_empty() && !service.contains(['*', '?', '$'])
        }
        _ => false,
    }
}

/// Whether IAM takes it as an action: the service is known.
fn is_sound_action(pattern: &str) -> bool {
    pattern
        .split_once(':')
        .is_some_and(|(service, name)| !service.is_empty() && !service.contains(['*', '?']) && !name.contains(':'))
}
