//! The values of a template's parameters: what was given, else the default.
//!
//! Source: [Parameters](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html).

use std::collections::BTreeMap;

use regex_lite::Regex;

use super::node::{Content, Node};
use super::template::Template;
use super::value::{Part, Text, Value, Why};
use crate::nearest::nearest_in_any_case;

/// The values of all parameters.
///
/// # Errors
/// A message for each value that was given and that the template does not take.
pub fn values(template: &Template, given: &[(String, String)]) -> Result<BTreeMap<String, Value>, Vec<String>> {
    let mut mistakes = Vec::new();
    let mut by_name: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, value) in given {
        match template.parameters.get(name) {
            None => mistakes.push(no_such(name, template)),
            Some(_) if by_name.contains_key(name.as_str()) => {
                mistakes.push(format!("`--parameter {name}` is given twice"));
            }
            Some(parameter) => {
                mistakes.extend(refused(name, value, parameter));
                by_name.insert(name, value);
            }
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let value = |(name, parameter): (&String, &Node)| {
        (name.clone(), value_of(name, parameter, by_name.get(name.as_str()).copied()))
    };
    Ok(template.parameters.iter().map(value).collect())
}

fn no_such(name: &str, template: &Template) -> String {
    let names = template.parameters.keys().map(String::as_str);
    let hint = match nearest_in_any_case(name, names) {
        Some(known) => format!("did you mean `{known}`?"),
        None if template.parameters.is_empty() => "it has none; omit `--parameter`".to_owned(),
        None => {
            let names: Vec<String> = template.parameters.keys().take(10).map(|name| format!("`{name}`")).collect();
            format!("it has {}", names.join(", "))
        }
    };
    format!("the template has no parameter `{name}`; {hint}")
}

/// Why the template does not take a value, if so.
fn refused(name: &str, value: &str, parameter: &Node) -> Option<String> {
    not_listed(name, value, parameter).or_else(|| not_of_pattern(name, value, parameter))
}

/// Why a value is none of those that are allowed, if so. A list is held against these item by item.
fn not_listed(name: &str, value: &str, parameter: &Node) -> Option<String> {
    let allowed = match &parameter.get("AllowedValues")?.content {
        Content::List(items) => items.iter().map(text_of).collect::<Option<Vec<&str>>>()?,
        _ => return None,
    };
    let items: Vec<&str> = match is_list(parameter) {
        true => value.split(',').map(str::trim).collect(),
        false => vec![value],
    };
    let odd = items.into_iter().find(|item| !allowed.contains(item))?;
    let names: Vec<String> = allowed.iter().take(10).map(|value| format!("`{value}`")).collect();
    let odd = shown(odd, parameter);
    Some(format!("{odd} is not an allowed value of the parameter `{name}`; give one of {}", names.join(", ")))
}

/// Why a string does not match the allowed pattern, if so. Whether a pattern must match all of it is not documented: a part is enough.
/// Patterns are Java's; what is written otherwise elsewhere is left to CloudFormation.
fn not_of_pattern(name: &str, value: &str, parameter: &Node) -> Option<String> {
    let allowed = text_of(parameter.get("AllowedPattern").filter(|_| kind(parameter) == "String")?)?;
    let is_odd = ["&&", "[[", "\\v"].iter().any(|odd| allowed.contains(odd));
    let pattern = Regex::new(allowed).ok().filter(|_| !is_odd)?;
    let shown = shown(value, parameter);
    (!pattern.is_match(value)).then(|| {
        format!("{shown} does not match the allowed pattern of the parameter `{name}`; give a value that matches `{allowed}`")
    })
}

/// A value as a message shows it.
/// [NoEcho](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html) hides it.
fn shown(value: &str, parameter: &Node) -> String {
    let is_secret = parameter.get("NoEcho").and_then(text_of) == Some("true");
    if is_secret { "the value".to_owned() } else { format!("`{value}`") }
}

/// The text of a scalar that reads the same in every YAML.
fn text_of(node: &Node) -> Option<&str> {
    match &node.content {
        Content::Text(text) | Content::Number(text) => Some(text),
        Content::Bool(true) => Some("true"),
        Content::Bool(false) => Some("false"),
        Content::Null | Content::Ambiguous(_) | Content::List(_) | Content::Map(_) => None,
    }
}

fn kind(parameter: &Node) -> &str {
    parameter.get("Type").and_then(Node::text).unwrap_or("String")
}

fn is_list(parameter: &Node) -> bool {
    kind(parameter) == "CommaDelimitedList" || kind(parameter).starts_with("List<")
}

fn value_of(name: &str, parameter: &Node, given: Option<&str>) -> Value {
    let line = parameter.line;
    let of_systems_manager = kind(parameter).starts_with("AWS::SSM::Parameter::Value<");
    let default = parameter.get("Default");
    let text = match (given, default) {
        _ if of_systems_manager => {
            let what =
                format!("the parameter `{name}` takes its value from Parameter Store when the template is deployed");
            return Value::Unknown(Why::new(line, what).of_parameter(name));
        }
        (Some(given), _) => given,
        (None, None) => {
            let what = format!("the parameter `{name}` has no default; give it with `--parameter {name}=VALUE`");
            return Value::Unknown(Why::new(line, what).of_parameter(name));
        }
        (None, Some(default)) => match text_of(default) {
            Some(text) => text,
            None => {
                let what = format!("the default of the parameter `{name}` is not a plain string; quote it");
                return Value::Unknown(Why::new(default.line, what));
            }
        },
    };
    let item = |text: &str| Value::Text(resolvable(text, line));
    match is_list(parameter) {
        true => Value::List(text.split(',').map(str::trim).map(item).collect()),
        false => item(text),
    }
}

/// A string, unless it holds a
/// [dynamic reference](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html).
pub fn resolvable(text: &str, line: usize) -> Text {
    match text.find("{{resolve:") {
        None => Text::known(text),
        Some(at) => {
            let reference = text.get(at..).unwrap_or_default();
            let end = reference.find("}}").map_or(reference.len(), |end| end + 2);
            let shown: String = reference.get(..end).unwrap_or_default().chars().take(80).collect();
            let what = format!("the dynamic reference `{shown}` is resolved when the template is deployed");
            Text(vec![Part::Unknown(Why::new(line, what))])
        }
    }
}
