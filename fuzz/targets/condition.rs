//! Conditions, and a request that is known in part, compared with the slow evaluator of the engine's tests.
//!
//! Each byte of the input is a choice, from the number of statements to what is known of a key.

use std::sync::Arc;

use iam_eval::{
    Context, Decision, Document, DocumentKind, Policy, PolicyKind, PolicySet, PolicySetKind, Request, Resource, Text,
    Value, evaluate,
};
use serde_json::{Map, Value as Json, json};

#[path = "../../crates/iam-eval/src/tests/oracle.rs"]
mod oracle;

#[path = "../../crates/iam-eval/src/tests/families.rs"]
mod families;

use families::{Family, TEXT_OPERATORS};

const FAMILIES: [Family; 8] = [
    Family {
        key: "k:text",
        values: &["a", "A", "ab", "b*", "b?"],
        operators: &TEXT_OPERATORS,
        wanted: &["a", "AB", "b*", "*", "?", "?*b", "${k:other}", "${k:other, 'a'}", "${*}", "a${k:text}", "${K:TEXT}"],
    },
    Family {
        key: "k:other",
        values: &["a", "b", "*"],
        operators: &TEXT_OPERATORS,
        wanted: &["a", "b", "*", "${k:text}", "${?}"],
    },
    families::NUMBER,
    families::DATE,
    families::BOOL,
    families::BINARY,
    families::ADDRESS,
    families::ARN,
];

/// A key that only operators with a set prefix ask for, and what it may hold.
const MANY: &str = "k:many";
const SETS: [&[&str]; 5] = [&["a"], &["b"], &["B"], &["a", "b"], &["b", "B"]];

/// One choice after another; where the input ends, always the first.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn number(&mut self, below: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % below
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.number(all.len())]
    }
}

/// What is certain holds in whatever way the rest is filled in, and where all is known all is certain.
pub fn check(data: &[u8]) {
    let mut choices = Choices(data);
    let statements: Vec<Json> = (0..1 + choices.number(3)).map(|at| statement(at, &mut choices)).collect();
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    let asked_for = |key: &str| policy.to_string().to_lowercase().contains(key);

    let mut context = Context::default();
    let mut possible = vec![oracle::Facts::new()];
    let mut all_known = true;
    let mut set = |key: &str, (value, values): (Value, Vec<Option<Vec<&str>>>)| {
        all_known &= match &value {
            Value::Absent => true,
            Value::Present(texts) => texts.iter().all(|text| text.as_known().is_some()),
            Value::OneOf(_) | Value::Optional(_) | Value::Between(..) | Value::Unknowable => false,
        };
        context.set(key, value);
        let with = |facts: &oracle::Facts, values: &Option<Vec<&str>>| {
            let mut facts = facts.clone();
            let values =
                values.iter().map(|values| (key.to_owned(), values.iter().map(|&value| value.to_owned()).collect()));
            facts.extend(values);
            facts
        };
        possible = possible.iter().flat_map(|facts| values.iter().map(move |values| with(facts, values))).collect();
    };
    for family in FAMILIES.iter().filter(|family| asked_for(family.key)) {
        set(family.key, single(family, &mut choices));
    }
    if asked_for(MANY) {
        set(MANY, many(&mut choices));
    }

    let document = Document::parse(&policy.to_string(), DocumentKind::Identity).expect("it is sound");
    assert_eq!(document.all_problems(), Vec::<String>::new(), "{policy}");
    let of = Policy { name: "p".to_owned(), kind: PolicyKind::Inline, document: Ok(Arc::new(document)) };
    let gate =
        PolicySet { kind: PolicySetKind::Identity, name: "g".to_owned(), policies: vec![of], unread: Vec::new() };
    let resource = "arn:aws:s3:::bucket/a";
    let request = Request { action: "s3:Get".to_owned(), resource: Resource::Arn(Text::known(resource)), context };
    let answer = evaluate(&[gate], &request).decision;

    let gates = [vec![policy]];
    for facts in possible {
        let expected = oracle::decide(&gates, &request.action, resource, &facts);
        let agrees = match answer {
            Decision::Unknown => !all_known,
            Decision::ImplicitDeny if !all_known => expected != Decision::Allowed,
            certain => certain == expected,
        };
        assert!(agrees, "{answer:?}, but {expected:?} with {facts:?}: {} {:?}", gates[0][0], request.context);
    }
}

/// The first of them allows.
fn statement(at: usize, choices: &mut Choices<'_>) -> Json {
    let mut condition = Map::new();
    for _ in 0..1 + choices.number(2) {
        let (operator, key, wanted) = test(choices);
        let keys = condition.entry(operator).or_insert_with(|| json!({}));
        keys[key] = wanted;
    }
    let effect = if at == 0 { "Allow" } else { choices.of(&["Allow", "Deny"]) };
    json!({ "Effect": effect, "Action": "*", "Resource": "*", "Condition": condition })
}

/// An operator, a key and the values that are wanted. Cases that AWS leaves undocumented do not come up.
fn test(choices: &mut Choices<'_>) -> (String, &'static str, Json) {
    let kind = choices.number(8);
    let family = &FAMILIES[choices.number(FAMILIES.len())];
    match kind {
        0 => ("Null".to_owned(), choices.of(&[family.key, MANY]), json!(choices.of(&["true", "false"]))),
        1 | 2 => {
            let operator = format!("{}:{}", choices.of(&["ForAllValues", "ForAnyValue"]), choices.of(&TEXT_OPERATORS));
            (operator, MANY, wanted(&FAMILIES[0], choices))
        }
        _ => {
            let operator = format!("{}{}", choices.of(family.operators), choices.of(&["", "IfExists"]));
            (operator, family.key, wanted(family, choices))
        }
    }
}

fn wanted(family: &Family, choices: &mut Choices<'_>) -> Json {
    let first = choices.of(family.wanted);
    match choices.number(2) {
        0 => json!(first),
        _ => json!([first, choices.of(family.wanted)]),
    }
}

/// What is known of a key with one value, and all that it may hold: `None` stands for a key that is absent.
fn single(family: &Family, choices: &mut Choices<'_>) -> (Value, Vec<Option<Vec<&'static str>>>) {
    let value = choices.of(family.values);
    let one = |value| Some(vec![value]);
    let start = value.get(..1).unwrap_or_default();
    match choices.number(7) {
        0 | 1 => (Value::known(value), vec![one(value)]),
        2 => (Value::Absent, vec![None]),
        3 => (Value::Optional(vec![Text::known(value)]), vec![None, one(value)]),
        4 => (Value::Present(vec![Text::any()]), family.values.iter().copied().map(one).collect()),
        5 => {
            let possible = family.values.iter().copied().filter(|value| value.starts_with(start));
            (Value::Present(vec![Text::of([Some(start), None])]), possible.map(one).collect())
        }
        _ => (Value::Unknowable, family.values.iter().copied().map(one).chain([None]).collect()),
    }
}

/// The same for the key with several.
fn many(choices: &mut Choices<'_>) -> (Value, Vec<Option<Vec<&'static str>>>) {
    let values = choices.of(&SETS);
    let texts = || values.iter().copied().map(Text::known).collect();
    match choices.number(4) {
        0 => (Value::Present(texts()), vec![Some(values.to_vec())]),
        1 => (Value::Absent, vec![None]),
        2 => (Value::Optional(texts()), vec![None, Some(values.to_vec())]),
        _ => (Value::Unknowable, SETS.iter().map(|values| Some(values.to_vec())).chain([None]).collect()),
    }
}
