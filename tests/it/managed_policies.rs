//! The AWS managed policies that the emulator carries: real documents, held against a plain reading of them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use iam_eval::{Document, DocumentKind};
use serde_json::Value;

use crate::documents::{PLACE, judge};
use crate::support::install::MINISTACK;
use crate::support::model::CORE;
use crate::support::report::{Decision, Verdict};

/// Prints the documents by name. They stand in the source of a function, each behind its name.
const EXTRACT: &str = r#"
import ast, json, pathlib, ministack
source = (pathlib.Path(ministack.__file__).parent / "services" / "iam.py").read_text(encoding="utf-8")
functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
seed = next(node for node in functions if node.name == "_seed_aws_managed_policies")
texts = [node.value for node in ast.walk(seed) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
# `walk` goes level by level, so the elements of one tuple or call stay together.
names = {text: texts[index - 1] for index, text in enumerate(texts) if text.startswith('{"')}
print(json.dumps({name: text for text, name in names.items()}))
"#;

fn documents() -> BTreeMap<String, String> {
    let output = Command::new(MINISTACK.python().unwrap()).args(["-c", EXTRACT]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let documents: BTreeMap<String, String> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(documents.len(), 34, "{:?}", documents.keys());
    assert!(documents.contains_key("AmazonSSMManagedInstanceCore"), "{:?}", documents.keys());
    documents
}

/// A second and simple matcher: `*` is any run of characters.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let ends = text.char_indices().map(|(index, _)| index).chain([text.len()]);
            ends.into_iter().any(|end| matches(rest, &text[end..]))
        }),
    }
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::Array(several) => several.iter().flat_map(strings).collect(),
        Value::String(one) => vec![one.clone()],
        _ => vec![],
    }
}

/// Whether a statement speaks of a core action, its condition apart.
fn speaks_of(statement: &Value, action: &str, resource: &str) -> bool {
    let any = |element: &str| {
        let patterns = strings(&statement[element]);
        patterns.iter().any(|pattern| matches(&pattern.to_lowercase(), &action.to_lowercase()))
    };
    let action = if statement["NotAction"].is_null() { any("Action") } else { !any("NotAction") };
    let resources = strings(&statement["Resource"]);
    assert!(statement["NotResource"].is_null(), "the plain reading does not know this element");
    action && resources.iter().any(|pattern| matches(pattern, resource))
}

#[test]
fn every_managed_policy_is_understood_in_full() {
    for (name, text) in documents() {
        let document = Document::parse(&text, DocumentKind::Identity).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(document.all_problems(), [""; 0], "{name}");
        let parsed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document.statements.len(), parsed["Statement"].as_array().map_or(1, Vec::len), "{name}");
    }
}

#[test]
fn every_managed_policy_is_judged_as_a_plain_reading_says() {
    let mut ready = BTreeSet::new();
    for (name, text) in documents() {
        let parsed: Value = serde_json::from_str(&text).unwrap();
        let outcome = judge(&[("policy.json", text)], &[&["--policy", "policy.json"], &PLACE[..]].concat());
        for action in CORE {
            let permission = outcome.permission(action);
            let statements =
                parsed["Statement"].as_array().cloned().unwrap_or_else(|| vec![parsed["Statement"].clone()]);
            let speaking = statements.iter().enumerate();
            let speaking: Vec<_> =
                speaking.filter(|(_, statement)| speaks_of(statement, action, &permission.resource)).collect();
            if speaking.iter().any(|(_, statement)| !statement["Condition"].is_null()) {
                continue;
            }
            let of = |effect: &str| -> Vec<usize> {
                let having = speaking.iter().filter(|(_, statement)| statement["Effect"] == effect);
                having.map(|(index, _)| *index).collect()
            };
            let (decision, deciding) = match (of("Deny"), of("Allow")) {
                (denying, allowing) if denying.is_empty() && allowing.is_empty() => (Decision::ImplicitDeny, vec![]),
                (denying, allowing) if denying.is_empty() => (Decision::Allowed, allowing),
                (denying, _) => (Decision::ExplicitDeny, denying),
            };
            assert_eq!(permission.decision, decision, "{name}: {action}");
            let decided_by: Vec<usize> = permission.decided_by.iter().filter_map(|by| by.statement).collect();
            assert_eq!(decided_by, deciding, "{name}: {action}");
        }
        if outcome.verdict == Verdict::Ready {
            ready.insert(name);
        }
    }
    for name in ["AmazonSSMManagedInstanceCore", "AdministratorAccess", "PowerUserAccess"] {
        assert!(ready.contains(name), "{name} grants what Session Manager needs; so do {ready:?}");
    }
    assert!(!ready.contains("ReadOnlyAccess"));
}
