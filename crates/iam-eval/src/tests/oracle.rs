//! A second evaluator, for requests of which everything is known: two-valued, slow and written straight from the
//! documentation, for the engine to be compared with.
//!
//! It reads JSON values, knows well-formed policies only, and none of the cases that AWS leaves undocumented.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Decision;

/// The request's keys in lower case, with their values; a key that is not listed is absent.
pub type Facts = BTreeMap<String, Vec<String>>;

/// What the gates, each a list of policies, say.
pub fn decide(gates: &[Vec<Json>], action: &str, resource: &str, facts: &Facts) -> Decision {
    let speaks = |policy: &Json, effect: &str| {
        let live = policy["Version"] == "2012-10-17";
        list(&policy["Statement"]).iter().any(|statement| {
            statement["Effect"] == effect && statement_applies(statement, live, action, resource, facts)
        })
    };
    if gates.iter().flatten().any(|policy| speaks(policy, "Deny")) {
        Decision::ExplicitDeny
    } else if gates.iter().all(|gate| gate.iter().any(|policy| speaks(policy, "Allow"))) {
        Decision::Allowed
    } else {
        Decision::ImplicitDeny
    }
}

fn list(value: &Json) -> Vec<Json> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn statement_applies(statement: &Json, live: bool, action: &str, resource: &str, facts: &Facts) -> bool {
    let action_matches = |pattern: &Json| {
        let pattern = text(pattern).to_lowercase();
        let sound = !pattern.contains(' ') && !pattern.ends_with(':');
        sound && matches(&symbols(&pattern, false, true, facts).unwrap(), &action.to_lowercase())
    };
    let resource_matches =
        |pattern: &Json| symbols(&text(pattern), live, true, facts).is_some_and(|symbols| matches(&symbols, resource));
    let action_applies = match statement.get("NotAction") {
        Some(patterns) => !list(patterns).iter().any(action_matches),
        None => list(&statement["Action"]).iter().any(action_matches),
    };
    let resource_applies = match statement.get("NotResource") {
        Some(patterns) => !list(patterns).iter().any(resource_matches),
        None => list(&statement["Resource"]).iter().any(resource_matches),
    };
    let condition = statement.get("Condition").and_then(Json::as_object);
    let mut tests = condition.into_iter().flatten().flat_map(|(operator, keys)| {
        keys.as_object().unwrap().iter().map(move |(key, values)| (operator, key.to_lowercase(), list(values)))
    });
    action_applies
        && resource_applies
        && tests.all(|(operator, key, wanted)| test_holds(operator, facts.get(&key), &wanted, live, facts))
}

fn test_holds(operator: &str, found: Option<&Vec<String>>, wanted: &[Json], live: bool, facts: &Facts) -> bool {
    if operator == "Null" {
        return wanted.iter().any(|value| (text(value) == "true") == found.is_none());
    }
    let (set, name) = operator.split_once(':').unwrap_or(("", operator));
    let base = name.trim_end_matches("IfExists");
    let negated = base.contains("Not");
    let each = |value: &String| wanted.iter().any(|want| compare(base, value, &text(want), live, facts)) != negated;
    match (set, found) {
        ("ForAllValues", None) => true,
        ("ForAllValues", Some(values)) => values.iter().all(each),
        ("ForAnyValue", None) => false,
        ("ForAnyValue", Some(values)) => values.iter().any(each),
        (_, None) => negated || name != base,
        (_, Some(values)) => each(&values[0]),
    }
}

/// Whether a value of the request matches one of the policy, the operator's negation left aside.
fn compare(operator: &str, value: &str, wanted: &str, live: bool, facts: &Facts) -> bool {
    let name = operator.replace("Not", "");
    let with = |wildcards| symbols(wanted, live, wildcards, facts);
    match name.as_str() {
        "StringEquals" => with(false).is_some_and(|symbols| matches(&symbols, value)),
        "StringEqualsIgnoreCase" => with(false).is_some_and(|symbols| {
            let plain: String =
                symbols.iter().map(|symbol| if let Symbol::Is(c) = symbol { *c } else { '?' }).collect();
            plain.eq_ignore_ascii_case(value)
        }),
        "StringLike" => with(true).is_some_and(|symbols| matches(&symbols, value)),
        "ArnEquals" | "ArnLike" => with(true).is_some_and(|symbols| arn_matches(&symbols, value)),
        "Bool" => value.eq_ignore_ascii_case(wanted),
        "BinaryEquals" => value == wanted,
        "IpAddress" => address_in(value, wanted),
        _ => {
            let order = number(value).partial_cmp(&number(wanted)).unwrap();
            match name.trim_start_matches("Numeric").trim_start_matches("Date") {
                "Equals" => order.is_eq(),
                "LessThan" => order.is_lt(),
                "LessThanEquals" => order.is_le(),
                "GreaterThan" => order.is_gt(),
                "GreaterThanEquals" => order.is_ge(),
                other => panic!("{other} is no order"),
            }
        }
    }
}

/// A number, or a time on the first days of 2020 as seconds.
fn number(text: &str) -> f64 {
    match text.strip_prefix("2020-01-").and_then(|rest| rest.strip_suffix("T00:00:00Z")) {
        Some(day) => 1_577_836_800.0 + 86_400.0 * (day.parse::<f64>().unwrap() - 1.0),
        None => text.parse().unwrap(),
    }
}

fn address_in(value: &str, block: &str) -> bool {
    let number = |text: &str| -> Option<u32> {
        let bytes: Vec<u8> = text.split('.').map(|byte| byte.parse().ok()).collect::<Option<_>>()?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    let (network, bits) = block.split_once('/').unwrap_or((block, "32"));
    match (number(value), number(network)) {
        (Some(value), Some(network)) => {
            let ignored = 32 - bits.parse::<u32>().unwrap();
            u64::from(value) >> ignored == u64::from(network) >> ignored
        }
        // Of the other family only whole blocks are asked for.
        (None, None) => bits == "0",
        _ => false,
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Symbol {
    Is(char),
    One,
    Run,
}

/// The characters of a policy's string, its variables replaced; `None` if one has no value.
pub fn symbols(text: &str, live: bool, wildcards: bool, facts: &Facts) -> Option<Vec<Symbol>> {
    let mut symbols = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if live && let Some(inside) = rest.strip_prefix("${") {
            let (variable, behind) = inside.split_once('}').unwrap();
            rest = behind;
            let (key, default) = match variable.split_once(", '") {
                Some((key, quoted)) => (key, quoted.strip_suffix('\'')),
                None => (variable, None),
            };
            let value = match (key, facts.get(&key.to_lowercase())) {
                ("*" | "?" | "$", _) => key.to_owned(),
                (_, Some(values)) => values[0].clone(),
                (_, None) => default?.to_owned(),
            };
            symbols.extend(value.chars().map(Symbol::Is));
            continue;
        }
        rest = &rest[c.len_utf8()..];
        symbols.push(match c {
            '*' if wildcards => Symbol::Run,
            '?' if wildcards => Symbol::One,
            other => Symbol::Is(other),
        });
    }
    Some(symbols)
}

/// Whether the symbols match the whole text, by trying every way.
pub fn matches(symbols: &[Symbol], text: &str) -> bool {
    let mut characters = text.chars();
    match symbols.split_first() {
        None => text.is_empty(),
        Some((Symbol::Run, rest)) => {
            matches(rest, text) || characters.next().is_some() && matches(symbols, characters.as_str())
        }
        Some((Symbol::One, rest)) => characters.next().is_some() && matches(rest, characters.as_str()),
        Some((Symbol::Is(c), rest)) => characters.next() == Some(*c) && matches(rest, characters.as_str()),
    }
}

pub fn arn_matches(symbols: &[Symbol], value: &str) -> bool {
    let patterns: Vec<&[Symbol]> = symbols.splitn(6, |symbol| *symbol == Symbol::Is(':')).collect();
    let values: Vec<&str> = value.splitn(6, ':').collect();
    let each = |(pattern, value): (&&[Symbol], &&str)| matches(pattern, value);
    patterns.len() == 6 && values.len() == 6 && patterns.iter().zip(&values).all(each)
}
