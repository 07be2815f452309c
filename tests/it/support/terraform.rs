//! Plans as `terraform show -json` writes them, built in one expression. The shapes are those of Terraform 1.11 with the AWS
//! provider: what is not known yet is missing in the values and `true` in `after_unknown`, and the configuration lists every
//! beginning of a reference.

use serde_json::{Map, Value, json};

/// A resource or data source of a plan.
#[derive(Clone)]
pub struct Resource {
    address: String,
    values: Value,
    unknown: Value,
    sensitive: Value,
    expressions: Value,
    actions: &'static [&'static str],
    before: Value,
    more_config: Value,
    planned: bool,
}

/// One that the plan makes; all that it leaves out is null.
pub fn made(address: &str, values: Value) -> Resource {
    Resource {
        address: address.to_owned(),
        values,
        unknown: json!({}),
        sensitive: json!({}),
        expressions: json!({}),
        actions: &["create"],
        before: Value::Null,
        more_config: json!({}),
        planned: true,
    }
}

/// One that exists and stays as it is.
pub fn kept(address: &str, values: Value) -> Resource {
    Resource { actions: &["no-op"], before: values.clone(), ..made(address, values) }
}

/// One that exists and becomes another.
pub fn changed(address: &str, before: Value, values: Value) -> Resource {
    Resource { actions: &["update"], before, ..made(address, values) }
}

/// One that is deleted.
pub fn deleted(address: &str, before: Value) -> Resource {
    Resource { actions: &["delete"], before, planned: false, ..made(address, json!({})) }
}

impl Resource {
    /// What is not known before apply, as `after_unknown` says it.
    pub fn unknown(self, unknown: Value) -> Resource {
        Resource { unknown, ..self }
    }

    /// What is sensitive, as `after_sensitive` says it.
    pub fn sensitive(self, sensitive: Value) -> Resource {
        Resource { sensitive, ..self }
    }

    /// What the configuration says of the arguments.
    pub fn expressions(self, expressions: Value) -> Resource {
        Resource { expressions, ..self }
    }

    /// An argument that is not known and refers to something.
    pub fn refers(mut self, argument: &str, reference: &str) -> Resource {
        self.unknown[argument] = json!(true);
        self.expressions[argument] = references(&[reference]);
        self
    }

    /// What the configuration says of one argument.
    pub fn expression(mut self, argument: &str, expression: Value) -> Resource {
        self.expressions[argument] = expression;
        self
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What else the configuration says of it: `for_each_expression`, `provider_config_key`.
    pub fn config(self, more_config: Value) -> Resource {
        Resource { more_config, ..self }
    }

    /// What else is not known.
    pub fn merge_unknown(mut self, more: Value) -> Resource {
        for (key, value) in more.as_object().unwrap() {
            self.unknown[key] = value.clone();
        }
        self
    }

    /// With other actions.
    pub fn actions(self, actions: &'static [&'static str]) -> Resource {
        Resource { actions, ..self }
    }

    fn module(&self) -> String {
        let parts = split(&self.address);
        let own = if parts.iter().any(|part| part == "data") { 3 } else { 2 };
        parts[..parts.len() - own].join(".")
    }

    fn own(&self) -> (bool, String, String, Option<Value>) {
        let parts = split(&self.address);
        let is_data = parts.iter().any(|part| part == "data");
        let [kind, name] = &parts[parts.len() - 2..] else { panic!("not an address: {}", self.address) };
        let (name, index) = match name.split_once('[') {
            Some((name, index)) => (name, Some(serde_json::from_str(index.strip_suffix(']').unwrap()).unwrap())),
            None => (name.as_str(), None),
        };
        (is_data, kind.clone(), name.to_owned(), index)
    }
}

/// Every beginning of each reference too, as Terraform lists them.
pub fn references(references: &[&str]) -> Value {
    let mut all = Vec::new();
    for reference in references {
        let parts = split(reference);
        let least = if parts[0] == "data" { 3 } else { 2 };
        for length in (least..=parts.len().max(least)).rev() {
            let part = parts[..length.min(parts.len())].join(".");
            all.push(part.clone());
            if let Some((before, _)) = part.rsplit_once('[').filter(|_| part.ends_with(']')) {
                all.push(before.to_owned());
            }
        }
    }
    json!({ "references": all })
}

fn split(address: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in address.chars() {
        match c {
            '.' if !quoted => parts.push(String::new()),
            _ => {
                quoted ^= c == '"';
                parts.last_mut().unwrap().push(c);
            }
        }
    }
    parts
}

/// A plan of these resources.
pub fn plan(resources: Vec<Resource>) -> Value {
    let mut root = json!({});
    let mut state = json!({});
    let mut config = json!({});
    let mut changes = Vec::new();
    for resource in resources {
        let (is_data, kind, name, index) = resource.own();
        let mode = if is_data { "data" } else { "managed" };
        let mut common = Map::new();
        common.insert("address".to_owned(), json!(resource.address));
        common.insert("mode".to_owned(), json!(mode));
        common.insert("type".to_owned(), json!(kind));
        common.insert("name".to_owned(), json!(name));
        common.extend(index.map(|index| ("index".to_owned(), index)));
        let prefix = if is_data { "data." } else { "" };
        let mut configured = json!({
            "address": format!("{prefix}{kind}.{name}"), "mode": mode, "type": kind, "name": name,
            "provider_config_key": "aws", "expressions": resource.expressions,
        });
        for (key, value) in resource.more_config.as_object().unwrap() {
            configured[key] = value.clone();
        }
        let own_config = module_of(&mut config, &resource.module(), "module_calls");
        let listed = list(own_config, "resources");
        if !listed.iter().any(|known| known["address"] == configured["address"]) {
            listed.push(configured);
        }
        let of_state = is_data && resource.unknown == json!({});
        let mut values = common.clone();
        values.insert("values".to_owned(), resource.values.clone());
        if resource.planned {
            let tree = if of_state { &mut state } else { &mut root };
            list(module_of(tree, &resource.module(), "child_modules"), "resources").push(Value::Object(values));
        }
        if !of_state {
            let after = if resource.planned { resource.values } else { Value::Null };
            common.insert(
                "change".to_owned(),
                json!({ "actions": resource.actions, "before": resource.before, "after": after, "after_unknown": resource.unknown, "after_sensitive": resource.sensitive }),
            );
            changes.push(Value::Object(common));
        }
    }
    json!({
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "planned_values": { "root_module": root },
        "resource_changes": changes,
        "prior_state": { "format_version": "1.0", "terraform_version": "1.11.4", "values": { "root_module": state } },
        "configuration": {
            "provider_config": {
                "aws": { "name": "aws", "expressions": { "region": { "constant_value": "us-east-1" } } }
            },
            "root_module": config,
        },
        "errored": false,
    })
}

/// The module in a tree, made where it is not there: by its address among `child_modules`, by its name among `module_calls`.
pub fn module_of<'t>(tree: &'t mut Value, module: &str, below: &str) -> &'t mut Value {
    let parts = split(module);
    let mut at = tree;
    let mut address = Vec::new();
    for pair in parts.chunks(2).filter(|pair| pair.len() == 2) {
        address.extend_from_slice(pair);
        let name = pair[1].split('[').next().unwrap();
        at = match below {
            "module_calls" => &mut at["module_calls"][name]["module"],
            _ => {
                let address = address.join(".");
                let children = list(at, below);
                if !children.iter().any(|child| child["address"] == address.as_str()) {
                    children.push(json!({ "address": address }));
                }
                children.iter_mut().find(|child| child["address"] == address.as_str()).unwrap()
            }
        };
    }
    at
}

fn list<'t>(object: &'t mut Value, key: &str) -> &'t mut Vec<Value> {
    if object[key].is_null() {
        object[key] = json!([]);
    }
    object[key].as_array_mut().unwrap()
}
