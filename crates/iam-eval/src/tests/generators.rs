//! Small policies and requests over a small alphabet, so that they often meet.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value as Json, json};

use super::families::{self, Family, TEXT_OPERATORS};
use super::oracle::Facts;

pub const ACTIONS: [&str; 3] = ["ssm:Get", "ssm:Put", "s3:Get"];
pub const RESOURCES: [&str; 4] = [
    "arn:aws:ec2:north:1:instance/a",
    "arn:aws:ec2:north:1:instance/b",
    "arn:aws:s3:::bucket/a",
    "arn:aws:s3:::bucket/a:b",
];

const ACTION_PATTERNS: [&str; 8] = ["*", "ssm:*", "SSM:get", "ssm:?*t", "ssm:P?t", "s3:Get", "s3:*", "ssm:"];
const RESOURCE_PATTERNS: [&str; 12] = [
    "*",
    "arn:aws:ec2:*",
    "arn:aws:ec2:*:*:instance/a",
    "arn:aws:ec2:n*h:?:instance/?",
    "arn:aws:s3:::bucket/*",
    "arn:aws:s3:::*a",
    "arn:aws:s3:::bucket/${k:text}",
    "arn:aws:s3:::*/${k:text, 'a'}",
    "arn:aws:s3:::bucket/${k:gone}",
    "arn:aws:s3:::*:${k:gone, 'b'}",
    "arn:aws:ec2:north:*:*",
    "arn:aws:s3:::bucket/${*}",
];

const FAMILIES: [Family; 7] = [
    Family {
        key: "k:text",
        values: &["a", "b", "B", "a*"],
        operators: &TEXT_OPERATORS,
        wanted: &["a", "A", "b", "*", "?", "a*", "?*", "${K:Text}", "${k:gone}", "${k:gone, 'a'}", "${*}"],
    },
    families::NUMBER,
    families::DATE,
    families::BOOL,
    families::BINARY,
    families::ADDRESS,
    families::ARN,
];

/// The key that the text operators ask for with `ForAllValues` and `ForAnyValue` too.
const MANY: &str = "k:many";

fn families() -> impl Strategy<Value = &'static Family> {
    (0..FAMILIES.len()).prop_map(|index| &FAMILIES[index])
}

fn one_or_many(mut values: Vec<Json>) -> Json {
    if values.len() == 1 { values.remove(0) } else { Json::Array(values) }
}

/// An operator with its keys. Cases that AWS leaves undocumented do not come up.
fn condition() -> impl Strategy<Value = (String, Json)> {
    let single = (families(), 0..6_usize, any::<bool>(), vec(0..12_usize, 1..3)).prop_map(
        |(family, operator, if_exists, wanted)| {
            let operator = family.operators[operator % family.operators.len()];
            let wanted = wanted.into_iter().map(|index| json!(family.wanted[index % family.wanted.len()]));
            let suffix = if if_exists { "IfExists" } else { "" };
            (format!("{operator}{suffix}"), json!({ family.key: one_or_many(wanted.collect()) }))
        },
    );
    let set_names = vec!["ForAllValues:", "ForAnyValue:"];
    let many =
        (select(set_names), 0..6_usize, vec(select(FAMILIES[0].wanted), 1..3)).prop_map(|(set, operator, wanted)| {
            let wanted = one_or_many(wanted.into_iter().map(|value| json!(value)).collect());
            (format!("{set}{}", FAMILIES[0].operators[operator]), json!({ MANY: wanted }))
        });
    let keys = FAMILIES.iter().map(|family| family.key).chain([MANY, "K:GONE"]).collect::<Vec<_>>();
    let null = (select(keys), select(vec![json!("true"), json!("false"), json!(true), json!(false)]))
        .prop_map(|(key, wanted)| ("Null".to_owned(), json!({ key: wanted })));
    prop_oneof![6 => single, 3 => many, 1 => null]
}

fn patterns(all: &'static [&'static str]) -> impl Strategy<Value = Json> {
    vec(select(all), 1..3).prop_map(|list| one_or_many(list.into_iter().map(|text| json!(text)).collect()))
}

/// A statement of that effect, without a Sid.
pub fn statement_of(effect: &'static str) -> impl Strategy<Value = Json> {
    let not = || prop_oneof![3 => Just(""), 1 => Just("Not")];
    let conditions = prop_oneof![1 => Just(Vec::new()), 3 => vec(condition(), 0..3)];
    (not(), patterns(&ACTION_PATTERNS), not(), patterns(&RESOURCE_PATTERNS), conditions).prop_map(
        move |(not_action, actions, not_resource, resources, conditions)| {
            let mut statement = json!({
                "Effect": effect,
                (format!("{not_action}Action")): actions,
                (format!("{not_resource}Resource")): resources,
            });
            if !conditions.is_empty() {
                statement["Condition"] = Json::Object(Map::from_iter(conditions));
            }
            statement
        },
    )
}

fn policy() -> impl Strategy<Value = Json> {
    let version = select(vec![Some("2012-10-17"), Some("2012-10-17"), Some("2012-10-17"), Some("2008-10-17"), None]);
    let statement = prop_oneof![3 => statement_of("Allow"), 1 => statement_of("Deny")];
    (version, vec(statement, 0..4)).prop_map(|(version, statements)| {
        let mut policy = json!({ "Statement": one_or_many(statements) });
        if let Some(version) = version {
            policy["Version"] = json!(version);
        }
        policy
    })
}

/// One to three gates of one or two policies.
pub fn gates() -> impl Strategy<Value = Vec<Vec<Json>>> {
    vec(vec(policy(), 1..3), 1..4)
}

/// A request of which everything is known: each key is absent or has a value, `k:many` has some.
pub fn facts() -> impl Strategy<Value = Facts> {
    let many = subsequence(vec!["a", "b", "B"], 1..=3);
    (vec(any::<u8>(), FAMILIES.len()), prop::option::of(many)).prop_map(|(choices, many)| {
        let mut facts = Facts::new();
        for (family, choice) in FAMILIES.iter().zip(choices) {
            // One more choice than there are values: the key is absent.
            if let Some(value) = family.values.get(usize::from(choice) % (family.values.len() + 1)) {
                facts.insert(family.key.to_owned(), vec![(*value).to_owned()]);
            }
        }
        if let Some(many) = many {
            facts.insert(MANY.to_owned(), many.into_iter().map(str::to_owned).collect());
        }
        facts
    })
}

/// Every key that the policies ask for.
pub fn keys() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|family| family.key).chain([MANY, "k:gone", "k:other"])
}
