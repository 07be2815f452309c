//! The policy documents of `aws_iam_policy_document` that are read only at apply: what goes into them is in the plan, and how the
//! provider puts it together is known.
//!
//! Source: [aws_iam_policy_document](https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/iam/policy_document_data_source.go).

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::plan::{Attribute, Plan, Resource};
use super::references::Leaf;

/// As deep as documents are followed that are made of others.
const DEEPEST: usize = 16;

/// What others take of the data source.
pub(super) const TEXTS: [&str; 2] = ["json", "minified_json"];

/// The documents that can be put together, by the address of the data source.
pub(super) fn composed(plan: &Plan<'_>) -> HashMap<String, String> {
    let sources = plan.of_kind("aws_iam_policy_document").into_iter();
    let open = sources.filter(|it| it.is_data && it.attribute("json") == Attribute::Unknown);
    open.filter_map(|source| {
        let statements = with_sids_once(statements_of(plan, source, 0)?);
        let version = source.text("version").unwrap_or("2012-10-17");
        let document = json!({ "Version": version, "Statement": statements });
        Some((source.address.clone(), document.to_string()))
    })
    .collect()
}

fn statements_of(plan: &Plan<'_>, source: &Resource<'_>, depth: usize) -> Option<Vec<Value>> {
    let old = ["source_json", "override_json"].iter().any(|path| source.attribute(path) != Attribute::Null);
    if depth > DEEPEST || old || source.attribute("version") == Attribute::Unknown {
        return None;
    }
    let mut all = documents(plan, source, "source_policy_documents", depth)?;
    merge(&mut all, own_statements(source)?);
    merge(&mut all, documents(plan, source, "override_policy_documents", depth)?);
    Some(all)
}

/// A statement takes the place of one of the same `Sid`.
fn merge(all: &mut Vec<Value>, more: Vec<Value>) {
    // The statements that one is split into have one `Sid`, and none of them takes the place of another.
    let sid = |statement: &Value| {
        statement.get("Sid").and_then(Value::as_str).filter(|sid| !sid.is_empty()).map(str::to_owned)
    };
    let replaced: Vec<String> = more.iter().filter_map(sid).collect();
    all.retain(|statement| sid(statement).is_none_or(|sid| !replaced.contains(&sid)));
    all.extend(more);
}

/// Of what one statement is split into only the first keeps its `Sid`, which is unique in a document.
fn with_sids_once(mut statements: Vec<Value>) -> Vec<Value> {
    let mut seen: HashSet<String> = HashSet::new();
    for statement in &mut statements {
        let Some(sid) = statement.get("Sid").and_then(Value::as_str).map(str::to_owned) else { continue };
        if !seen.insert(sid) {
            statement.as_object_mut().map(|statement| statement.remove("Sid"));
        }
    }
    statements
}

/// The statements of the documents that an argument lists, each known or of another such data source.
fn documents(plan: &Plan<'_>, source: &Resource<'_>, path: &str, depth: usize) -> Option<Vec<Value>> {
    let mut all = Vec::new();
    match source.attribute(path) {
        Attribute::Null => {}
        Attribute::Known(texts) => {
            for text in texts.as_array()?.iter().filter_map(Value::as_str).filter(|text| !text.is_empty()) {
                merge(&mut all, statements_in(text)?);
            }
        }
        Attribute::Unknown => {
            let listed = source.values.get(path).and_then(Value::as_array).map_or(0, Vec::len);
            let unknown = source.unknown.get(path).and_then(Value::as_array)?;
            let leaves = plan.leaves(source, path);
            // One that is known beside those that are not has no place among the references.
            let is_each = leaves.len() == 1 && unknown.len() == 1 && listed <= 1;
            let Some(Leaf::Attribute { address, attribute }) = leaves.first().filter(|_| is_each) else { return None };
            let other = plan
                .at(address)
                .filter(|it| it.is_data && it.kind == source.kind && TEXTS.contains(&attribute.as_str()))?;
            all = statements_of(plan, other, depth + 1)?;
            let is_same = |other: &Resource<'_>| statements_of(plan, other, depth + 1).as_ref() == Some(&all);
            if !plan.others(source, path).into_iter().all(is_same) {
                return None;
            }
        }
    }
    Some(all)
}

fn statements_in(text: &str) -> Option<Vec<Value>> {
    let document: Value = serde_json::from_str(text).ok()?;
    match document.get("Statement")? {
        Value::Array(all) => Some(all.clone()),
        one @ Value::Object(_) => Some(vec![one.clone()]),
        _ => None,
    }
}

fn own_statements(source: &Resource<'_>) -> Option<Vec<Value>> {
    let unknown = source.unknown.get("statement");
    let blocks = match source.values.get("statement") {
        _ if unknown == Some(&Value::Bool(true)) => return None,
        None | Some(Value::Null) => &[],
        Some(Value::Array(blocks)) => blocks.as_slice(),
        Some(_) => return None,
    };
    let mut all = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let open = unknown.and_then(|unknown| unknown.get(index)).unwrap_or(&Value::Null);
        let address = |name: &str| source.attribute_address(&format!("statement/{index}/{name}"));
        all.extend(Statement { block, open }.written(address)?);
    }
    Some(all)
}

/// A block `statement`.
struct Statement<'a> {
    block: &'a Value,
    /// What of it is not known.
    open: &'a Value,
}

impl Statement<'_> {
    /// The statements that it is. Of a list that is known in part, that part is one of its own; the rest may be anything, on a condition
    /// that nobody knows and that is called as the attribute.
    fn written(&self, address: impl Fn(&str) -> String) -> Option<Vec<Value>> {
        if self.is_open("effect") || self.is_open("sid") || *self.open == Value::Bool(true) {
            return None;
        }
        let mut known = self.plain()?;
        let open: Vec<&str> =
            FIELDS.iter().map(|(name, ..)| *name).chain(BLOCKS).filter(|name| self.is_open(name)).collect();
        let Some(first) = open.first() else { return Some(vec![Value::Object(known)]) };
        let mut perhaps = known.clone();
        for (_, field, instead) in FIELDS.iter().filter(|(name, ..)| open.contains(name)) {
            perhaps.remove(*field);
            perhaps.insert((*instead).to_owned(), json!("*"));
        }
        if open.contains(&"principals") || open.contains(&"not_principals") {
            perhaps.remove("NotPrincipal");
            perhaps.insert("Principal".to_owned(), json!("*"));
        }
        let mut conditions = self.conditions()?;
        let of_test = conditions.entry("StringEquals".to_owned()).or_default();
        of_test.insert(address(first), vec![json!("known only after apply")]);
        perhaps.insert("Condition".to_owned(), json!(conditions));
        // Without what is open, a list still says the rest; what is excepted, and what it depends on, has to be known as a whole.
        let says = |name: &&str| match *name {
            "actions" | "resources" => self.texts(name).is_some_and(|texts| !texts.is_empty()),
            "principals" => known.contains_key("Principal"),
            _ => false,
        };
        let mut all = vec![Value::Object(perhaps)];
        if open.iter().all(says) {
            known.retain(|_, value| !value.is_null());
            all.push(Value::Object(known));
        }
        Some(all)
    }

    /// What is known of it, as the provider writes it.
    fn plain(&self) -> Option<Map<String, Value>> {
        let mut statement = Map::new();
        let text = |name: &str| self.block.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        statement.extend(text("sid").map(|sid| ("Sid".to_owned(), json!(sid))));
        statement.insert("Effect".to_owned(), json!(text("effect").unwrap_or("Allow")));
        for (name, field, _) in FIELDS {
            let texts = self.texts(name).unwrap_or_default();
            if !texts.is_empty() {
                // A policy variable is written `&{...}` where Terraform has `${...}` for itself.
                let texts: Vec<String> = texts.iter().map(|text| text.replace("&{", "${")).collect();
                statement.insert(field.to_owned(), json!(texts));
            }
        }
        for (name, field) in [("principals", "Principal"), ("not_principals", "NotPrincipal")] {
            let is_excepted = name == "not_principals" && self.is_open(name);
            let principals = if is_excepted { None } else { principals(self.block.get(name)) };
            statement.extend(principals.map(|principals| (field.to_owned(), principals)));
        }
        let conditions = self.conditions()?;
        if !conditions.is_empty() {
            statement.insert("Condition".to_owned(), json!(conditions));
        }
        Some(statement)
    }

    /// The conditions, by operator and key; none where they are not known.
    fn conditions(&self) -> Option<BTreeMap<String, BTreeMap<String, Vec<Value>>>> {
        let mut all: BTreeMap<String, BTreeMap<String, Vec<Value>>> = BTreeMap::new();
        let blocks = if self.is_open("condition") { None } else { self.block.get("condition") };
        for condition in blocks.and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| condition.get(name).and_then(Value::as_str).map(str::to_owned);
            let (test, variable) = (text("test")?, text("variable")?);
            let values = condition.get("values")?.as_array()?;
            let values = values.iter().filter_map(Value::as_str).map(|value| json!(value.replace("&{", "${")));
            all.entry(test).or_default().entry(variable).or_default().extend(values);
        }
        Some(all)
    }

    fn texts(&self, name: &str) -> Option<Vec<&str>> {
        let all = self.block.get(name)?.as_array()?;
        Some(all.iter().filter_map(Value::as_str).collect())
    }

    fn is_open(&self, name: &str) -> bool {
        self.open.get(name).is_some_and(super::plan::holds_unknown)
    }
}

/// The lists of a statement, what the document calls them, and what stands for anything in their place.
const FIELDS: [(&str, &str, &str); 4] = [
    ("actions", "Action", "Action"),
    ("not_actions", "NotAction", "Action"),
    ("resources", "Resource", "Resource"),
    ("not_resources", "NotResource", "Resource"),
];

/// The blocks of a statement.
const BLOCKS: [&str; 3] = ["principals", "not_principals", "condition"];

/// The principals of which the identifiers are known.
fn principals(blocks: Option<&Value>) -> Option<Value> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for block in blocks?.as_array()? {
        let kind = block.get("type").and_then(Value::as_str);
        let identifiers = block.get("identifiers").and_then(Value::as_array);
        let identifiers: Vec<&str> = identifiers.into_iter().flatten().filter_map(Value::as_str).collect();
        match kind {
            Some("*") if !identifiers.is_empty() => return Some(json!("*")),
            Some(kind) if !identifiers.is_empty() => all.entry(kind).or_default().extend(identifiers),
            _ => {}
        }
    }
    (!all.is_empty()).then(|| json!(all))
}
