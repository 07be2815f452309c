//! What must hold of every policy and every request.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value as Json, json};

use super::generators::{ACTIONS, RESOURCES, facts, gates, keys, statement_of};
use super::oracle::{self, Facts, Symbol, symbols};
use super::*;

/// The engine's gates: the role's policies, then its boundary, then an SCP level. Every statement gets a Sid.
fn engine_gates(gates: &[Vec<Json>]) -> Vec<PolicySet> {
    let kinds = [PolicySetKind::Identity, PolicySetKind::Boundary, PolicySetKind::Scp];
    let gate = |(kind, (at, policies)): (PolicySetKind, (usize, &Vec<Json>))| {
        let texts: Vec<String> = policies.iter().map(Json::to_string).collect();
        gate(kind, &format!("gate-{at}"), &texts.iter().map(String::as_str).collect::<Vec<_>>())
    };
    kinds.into_iter().zip(gates.iter().enumerate()).map(gate).collect()
}

/// How much of a request is known: everything, or for each key less, by its choice.
#[derive(Debug, Clone)]
struct Asked {
    action: &'static str,
    resource: &'static str,
    facts: Facts,
    blur: Vec<u8>,
    cut: Option<Index>,
}

fn asked() -> impl Strategy<Value = Asked> {
    let blur = vec(0..6_u8, keys().count());
    (select(&ACTIONS[..]), select(&RESOURCES[..]), facts(), blur, prop::option::of(any::<Index>()))
        .prop_map(|(action, resource, facts, blur, cut)| Asked { action, resource, facts, blur, cut })
}

impl Asked {
    /// The request, with everything known.
    fn whole(&self) -> Request {
        let mut context = Context::default();
        for key in keys() {
            let value = self.facts.get(key).map(|texts| Value::Present(texts.iter().map(Text::known).collect()));
            context.set(key, value.unwrap_or(Value::Absent));
        }
        let resource = Resource::Arn(Text::known(self.resource));
        Request { action: self.action.to_owned(), resource, context }
    }

    /// The same request, of which less is known.
    fn blurred(&self) -> Request {
        let mut request = self.whole();
        for (key, blur) in keys().zip(&self.blur) {
            match (blur, self.facts.get(key).map(Vec::as_slice)) {
                (0, _) => request.context.set(key, Value::Unknowable),
                (1, Some([_])) => request.context.set(key, there()),
                (2, Some([text])) => request.context.set(key, Value::Present(vec![Text::of([text.get(..1), None])])),
                _ => {}
            }
        }
        if let Some(cut) = self.cut {
            request.resource = Resource::Arn(Text::of([self.resource.get(..cut.index(self.resource.len())), None]));
        }
        request
    }
}

/// What a decision may become when more is known: only what was unknown is open, and a request that some gate stops
/// may turn out to be denied besides.
fn may_become(before: Decision, after: Decision) -> bool {
    match before {
        Decision::Unknown => true,
        Decision::ImplicitDeny => matches!(after, Decision::ImplicitDeny | Decision::ExplicitDeny),
        Decision::Allowed | Decision::ExplicitDeny => before == after,
    }
}

/// Puts a statement somewhere into the gates.
fn insert(gates: &[Vec<Json>], statement: &Json, at: [Index; 3]) -> Vec<Vec<Json>> {
    let mut gates = gates.to_vec();
    let gate = at[0].get_mut(&mut gates);
    let policy = at[1].get_mut(gate);
    let mut statements = match policy["Statement"].take() {
        Json::Array(statements) => statements,
        single => vec![single],
    };
    statements.insert(at[2].index(statements.len() + 1), statement.clone());
    policy["Statement"] = Json::Array(statements);
    gates
}

/// Whether a gate by itself, its denials left aside, is closed.
fn allows_nothing(gates: &[PolicySet], (kind, name): &(PolicySetKind, String), request: &Request) -> bool {
    let mut gate = gates.iter().find(|gate| (gate.kind, &gate.name) == (*kind, name)).unwrap().clone();
    for policy in &mut gate.policies {
        let document = Arc::make_mut(policy.document.as_mut().unwrap());
        document.statements.retain(|statement| statement.effect == Some(Effect::Allow));
    }
    evaluate(&[gate], request).decision == Decision::ImplicitDeny
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn agrees_with_the_oracle_where_everything_is_known(gates in gates(), asked in asked()) {
        let expected = oracle::decide(&gates, asked.action, asked.resource, &asked.facts);
        prop_assert_eq!(evaluate(&engine_gates(&gates), &asked.whole()).decision, expected);
    }

    #[test]
    fn learning_more_only_settles_what_was_unknown(gates in gates(), asked in asked()) {
        let gates = engine_gates(&gates);
        let (before, after) = (evaluate(&gates, &asked.blurred()), evaluate(&gates, &asked.whole()));
        prop_assert!(may_become(before.decision, after.decision), "{:?} became {:?}", before, after);
        prop_assert!(before.closed.iter().all(|gate| after.closed.contains(gate)), "{:?} became {:?}", before, after);
        let stopped = before.closed_in_some.is_empty()
            || after.decision == Decision::ExplicitDeny
            || before.closed_in_some.iter().any(|gate| after.closed.contains(gate));
        prop_assert!(stopped, "{:?} became {:?}", before, after);
    }

    #[test]
    fn reading_an_unread_policy_only_settles_what_was_unknown(gates in gates(), asked in asked(), which: [Index; 2]) {
        let known = engine_gates(&gates);
        let mut unread = known.clone();
        which[1].get_mut(&mut which[0].get_mut(&mut unread).policies).document = Err(crate::UnknownDocument("not read".to_owned()));
        let (before, after) = (evaluate(&unread, &asked.blurred()), evaluate(&known, &asked.blurred()));
        prop_assert!(may_become(before.decision, after.decision), "{:?} became {:?}", before, after);
    }

    #[test]
    fn an_answer_says_what_it_hangs_on(gates in gates(), asked in asked()) {
        let response = evaluate(&engine_gates(&gates), &asked.blurred());
        let doubts = response.doubt.keys.len() + response.doubt.notes.len();
        match response.decision {
            Decision::Allowed | Decision::ExplicitDeny => prop_assert!(!response.decided_by.is_empty() && doubts == 0),
            Decision::ImplicitDeny => {
                prop_assert!(response.stopped_by().next().is_some() && doubts == 0);
            }
            Decision::Unknown => prop_assert!(!response.decided_by.is_empty() && doubts > 0),
        }
    }

    #[test]
    fn one_more_denial_never_helps(
        gates in gates(), asked in asked(), deny in statement_of("Deny"), at: [Index; 3]
    ) {
        let before = evaluate(&engine_gates(&gates), &asked.blurred()).decision;
        let after = evaluate(&engine_gates(&insert(&gates, &deny, at)), &asked.blurred()).decision;
        prop_assert!(after != Decision::Allowed || before == Decision::Allowed, "{:?} became {:?}", before, after);
        prop_assert!(before != Decision::ExplicitDeny || after == before, "{:?} became {:?}", before, after);
        prop_assert!(before != Decision::ImplicitDeny || may_become(before, after), "{:?} became {:?}", before, after);
    }

    #[test]
    fn one_more_allowance_never_hurts(
        gates in gates(), asked in asked(), allow in statement_of("Allow"), at: [Index; 3]
    ) {
        let before = evaluate(&engine_gates(&gates), &asked.blurred());
        let after = evaluate(&engine_gates(&insert(&gates, &allow, at)), &asked.blurred());
        // Beside a gate that is seen to be closed at once, those are not looked for that are closed in each of several cases.
        let was_closed = |gate: &(PolicySetKind, String)| {
            before.closed.contains(gate) || allows_nothing(&engine_gates(&gates), gate, &asked.blurred())
        };
        prop_assert!(after.closed.iter().all(was_closed), "{:?} became {:?}", before, after);
        let kept = match before.decision {
            Decision::Allowed | Decision::ExplicitDeny => after.decision == before.decision,
            Decision::Unknown => matches!(after.decision, Decision::Unknown | Decision::Allowed),
            Decision::ImplicitDeny => after.decision != Decision::ExplicitDeny,
        };
        prop_assert!(kept, "{:?} became {:?}", before, after);
    }

    #[test]
    fn the_order_of_statements_policies_and_gates_does_not_matter(gates in gates(), asked in asked(), turn: [Index; 3]) {
        let known = |gates: &[PolicySet]| {
            let response = evaluate(gates, &asked.blurred());
            let by: BTreeSet<_> = response.decided_by.iter().map(|by| (by.policy.clone(), by.sid.clone())).collect();
            let closed: BTreeSet<_> = response.closed.into_iter().collect();
            let closed_in_some: BTreeSet<_> = response.closed_in_some.into_iter().collect();
            (response.decision, by, closed, closed_in_some, response.doubt)
        };
        let mut gates = engine_gates(&gates);
        for policy in gates.iter_mut().flat_map(|gate| &mut gate.policies) {
            let document = Arc::make_mut(policy.document.as_mut().unwrap());
            document.statements.iter_mut().enumerate().for_each(|(at, statement)| statement.sid = Some(at.to_string()));
        }
        let before = known(&gates);
        fn rotate<T>(list: &mut [T], by: Index) {
            if !list.is_empty() {
                list.rotate_left(by.index(list.len()));
            }
        }
        rotate(&mut gates, turn[0]);
        for gate in &mut gates {
            rotate(&mut gate.policies, turn[1]);
            for policy in &mut gate.policies {
                rotate(&mut Arc::make_mut(policy.document.as_mut().unwrap()).statements, turn[2]);
            }
        }
        prop_assert_eq!(known(&gates), before);
    }

    #[test]
    fn resource_patterns_are_unknown_exactly_where_the_two_readings_differ(
        pattern in "([ab*?]{1,3}:){2}[ab:*?]{0,6}[ab*?]", text in "([ab]{0,2}:){2}[ab:]{0,6}"
    ) {
        let (pattern, text) = (format!("arn:aws:a:{pattern}"), format!("arn:aws:a:{text}"));
        let symbols = symbols(&pattern, false, true, &Facts::new()).unwrap();
        let expected = match (oracle::matches(&symbols, &text), within_segments(&stars_last(&symbols), &text, 0)) {
            (false, false) => Applies::No,
            (true, true) => Applies::Yes,
            (true, false) => Applies::Unknown,
            (false, true) => panic!("a narrower reading matches more"),
        };
        let elements = format!(r#""Action": "*", "Resource": "{pattern}""#);
        let asked = Request { resource: Resource::Arn(Text::known(text)), ..request(Context::default()) };
        prop_assert_eq!(applies("", &elements, &asked), expected);
    }

    #[test]
    fn completing_an_arn_by_hand_changes_nothing(
        fields in vec("[ab]{1,2}|[ab]?[*]", 0..3), resource in select(&RESOURCES[..])
    ) {
        let start = fields.iter().fold("arn:aws:ec2".to_owned(), |start, field| format!("{start}:{field}"));
        let start = start.replace(":a", ":north").replace(":b", ":1");
        let by_hand = format!("{start}{}", ":*".repeat(3 - fields.len()));
        let asked = Request { resource: Resource::Arn(Text::known(resource)), ..request(Context::default()) };
        for element in ["Resource", "NotResource"] {
            let answer = |pattern: &str| applies("", &format!(r#""Action": "*", "{element}": "{pattern}""#), &asked);
            prop_assert_eq!(answer(&start), answer(&by_hand), "{}", start);
        }
    }

    #[test]
    fn splitting_a_condition_over_two_statements_keeps_what_is_certain(
        operator in select(vec!["StringEquals", "StringNotEquals", "StringLike", "StringEqualsIgnoreCase", "Null", "Bool"]),
        values in vec(select(vec!["a", "b", "A", "a*", "*", "true", "false"]), 2..4), cut in 1..3_usize, state in 0..4_u8,
        effect in select(vec!["Allow", "Deny"])
    ) {
        let values: Vec<&str> = match operator {
            "Null" | "Bool" => values.into_iter().map(|value| if value.len() > 1 { value } else { "true" }).collect(),
            _ => values,
        };
        let values: Vec<&str> = match operator {
            "Null" | "Bool" => values.into_iter().map(|value| if value == "a*" { "false" } else { value }).collect(),
            _ => values,
        };
        let state = context(&[("k", match state {
            0 => Value::Unknowable,
            1 => there(),
            2 => Value::Optional(vec![Text::known("a")]),
            _ => Value::Absent,
        })]);
        let statement = |values: &[&str]| {
            format!(r#"{{"Effect": "{effect}", {EVERYTHING}, "Condition": {{"{operator}": {{"k": {}}}}}}}"#, json!(values))
        };
        let beside = if effect == "Deny" { ", {ALLOW}" } else { "" };
        let decide = |statements: String| decide(&format!(r#"{{"Statement": [{statements}{beside}]}}"#), state.clone());
        let whole = decide(statement(&values));
        let (first, second) = values.split_at(cut.min(values.len() - 1));
        let split = decide(format!("{}, {}", statement(first), statement(second)));
        // A negated operator asks that no value match, which two statements ask for apart.
        if !operator.contains("Not") {
            prop_assert_eq!(split, whole);
        } else if whole != Decision::Unknown {
            prop_assert!(split != Decision::Unknown, "{:?} became {:?}", whole, split);
        }
    }

    #[test]
    fn one_of_a_condition_and_its_opposite_always_holds(
        of in select(vec![("StringEquals", "StringNotEquals"), ("StringLike", "StringNotLike"),
            ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"), ("ArnLike", "ArnNotLike"),
            ("NumericEquals", "NumericNotEquals"), ("IpAddress", "NotIpAddress"), ("DateEquals", "DateNotEquals")]),
        wanted in vec(select(vec!["1", "2*", "10.0.0.0/8", "arn:aws:s3:::a", "arn:aws:s3:::*", "2020-01-01", "x"]), 1..3)
    ) {
        let (operator, opposite) = of;
        let statement = |operator: &str| {
            format!(r#"{{{{"Effect": "Allow", {EVERYTHING}, "Condition": {{"{operator}": {{"k": {}}}}}}}}}"#, json!(wanted))
                .replace("{{", "{").replace("}}}}", "}}}")
        };
        let text = format!(r#"{{"Statement": [{}, {}]}}"#, statement(operator), statement(opposite));
        prop_assert_eq!(decide(&text, Context::default()), Decision::Allowed, "{}", text);
    }

    #[test]
    fn arn_operators_compare_component_by_component(
        pattern in "([ab*?]{0,2}:){3,6}[ab:*?]{0,3}", text in "([ab]{0,2}:){4,6}[ab:]{0,3}"
    ) {
        let symbols = symbols(&pattern, false, true, &Facts::new()).unwrap();
        let expected = if oracle::arn_matches(&symbols, &text) { Applies::Yes } else { Applies::No };
        let condition = format!(r#"{{"ArnLike": {{"key": "{pattern}"}}}}"#);
        prop_assert_eq!(holds(&condition, context(&[("key", Value::known(text))])), expected);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}", bytes in vec(any::<char>(), 0..100)) {
        survive(&text);
        survive(&bytes.iter().collect::<String>());
    }

    #[test]
    fn no_json_makes_the_engine_panic(json in any_json(), statement in any_json()) {
        survive(&json.to_string());
        survive(&json!({ "Statement": statement }).to_string());
        survive(&json!({ "Version": "2012-10-17", "Statement": { "Effect": "Deny", "Condition": json } }).to_string());
    }

    #[test]
    fn no_mutated_policy_makes_the_engine_panic(
        gates in gates(), edits in vec((any::<Index>(), any::<char>(), 0..3_u8), 1..6)
    ) {
        let mut characters: Vec<char> = gates[0][0].to_string().chars().collect();
        for (at, character, kind) in edits {
            let at = at.index(characters.len());
            match kind {
                0 => drop(characters.remove(at)),
                1 => characters[at] = character,
                _ => characters.insert(at, *['"', '{', '[', '$', '*', ','].get(at % 6).unwrap()),
            }
        }
        survive(&characters.into_iter().collect::<String>());
    }
}

/// `*?` means `?*`, so what is at the end of a segment is seen with the stars last.
fn stars_last(symbols: &[Symbol]) -> Vec<Symbol> {
    let mut symbols = symbols.to_vec();
    for run in symbols.chunk_by_mut(|a, b| matches!((a, b), (Symbol::One | Symbol::Run, Symbol::One | Symbol::Run))) {
        run.sort_by_key(|symbol| *symbol == Symbol::Run);
    }
    symbols
}

/// A `*` at the end of a segment may run over colons; other wildcards keep off the five colons that part an ARN.
fn within_segments(symbols: &[Symbol], text: &str, colons: usize) -> bool {
    let mut characters = text.chars();
    let Some((first, rest)) = symbols.split_first() else { return text.is_empty() };
    let next = characters.next();
    let parts = next == Some(':') && colons < 5;
    let tail = |symbols| {
        next.is_some() && within_segments(symbols, characters.as_str(), colons + usize::from(next == Some(':')))
    };
    match first {
        Symbol::Is(c) => next == Some(*c) && tail(rest),
        Symbol::One => !parts && tail(rest),
        Symbol::Run => {
            let ends = matches!(rest.iter().find(|next| **next != Symbol::Run), None | Some(Symbol::Is(':')));
            within_segments(rest, text, colons) || (ends || !parts) && tail(symbols)
        }
    }
}

/// Parses and, where there is something to ask, asks.
fn survive(text: &str) {
    if let Ok(document) = Document::parse(text, DocumentKind::Trust) {
        evaluate_trust(&document, &ServicePrincipal::ec2(Some("aws-cn")), &Context::default());
    }
    let Ok(document) = Document::parse(text, DocumentKind::Identity) else { return };
    document.all_problems();
    let policy = Policy { name: "p".to_owned(), kind: PolicyKind::Document, document: Ok(Arc::new(document)) };
    let gate =
        PolicySet { kind: PolicySetKind::Identity, name: "g".to_owned(), policies: vec![policy], unread: Vec::new() };
    for value in [Value::Absent, there(), Value::known("a"), values(&[]), Value::Unknowable] {
        let asked =
            Request { action: "ssm:Get".to_owned(), resource: arn("*"), context: context(&[("k:text", value)]) };
        evaluate(std::slice::from_ref(&gate), &asked);
    }
}

/// JSON with the names of policies in it.
fn any_json() -> impl Strategy<Value = Json> {
    let names = vec![
        "Version",
        "Statement",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
        "Principal",
        "NotPrincipal",
        "Service",
        "AWS",
        "Null",
        "StringLike",
        "ForAllValues:ArnLike",
        "IpAddress",
        "DateEquals",
        "k:text",
        "",
    ];
    let texts = vec![
        "*",
        "Allow",
        "Deny",
        "2012-10-17",
        "ssm:*",
        "arn:aws:s3:::${k:text}",
        "${",
        "${,''}",
        "0.0.0.0/0",
        "true",
        "",
    ];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        select(texts).prop_map(Json::from),
        "\\PC{0,8}".prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Json::from),
            vec((select(names.clone()), inner), 0..5).prop_map(|members| Json::Object(
                members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            )),
        ]
    })
}
