//! The functions of templates, as far as they can be worked out before deployment.
//!
//! Source: [Intrinsic functions](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::attributes::shape;
use super::node::{Content, Member, Node};
use super::parameters::{self, resolvable};
use super::template::{Resource, Template, rewritten};
use super::value::{Attribute, Holds, Part, Text, Value, Why};
use crate::limits;
use iam_eval::arn::partition_of_region;

/// Where a stack is going to be deployed, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The account.
    pub account: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// The partition.
    pub partition: Option<String>,
}

/// Works out the values of a template.
pub struct Evaluator<'a> {
    /// The template.
    pub template: &'a Template,
    /// Where it is going to be deployed.
    pub place: Place,
    parameters: BTreeMap<String, Value>,
    /// The conditions met so far; `None` for one that is being decided.
    conditions: RefCell<BTreeMap<String, Option<Holds>>>,
    /// What resources give, as far as it has been worked out; `None` for what is being worked out.
    shapes: RefCell<BTreeMap<AttributeKey, Option<Text>>>,
    depth: Cell<usize>,
    /// The characters that may still be produced.
    characters: Cell<u64>,
}

/// A resource and its attribute.
type AttributeKey = (String, Option<String>);

/// So deep lie no values that refer to each other.
const DEEPEST: usize = 300;

/// So many characters an item of a list counts for, since a list may be copied whole wherever it is referred to.
const ITEM: u64 = 16;

impl<'a> Evaluator<'a> {
    /// An evaluator with these values of parameters.
    ///
    /// # Errors
    /// A message for each value that was given and that the template does not take.
    pub fn new(template: &'a Template, given: &[(String, String)], place: Place) -> Result<Self, Vec<String>> {
        Ok(Evaluator {
            template,
            place,
            parameters: parameters::values(template, given)?,
            conditions: RefCell::default(),
            shapes: RefCell::default(),
            depth: Cell::new(0),
            characters: Cell::new(limits::TEMPLATE_CHARACTERS),
        })
    }

    /// Takes it that a condition holds, or that it does not, with what follows from that. Comes before anything else is worked out.
    pub fn assume(&mut self, name: &str, holds: bool) {
        let Some(node) = self.template.conditions.get(name) else { return };
        let decided = self.conditions.borrow_mut().insert(name.to_owned(), Some(holds.into()));
        if decided.is_none() {
            self.assume_node(node, holds);
        }
    }

    fn assume_node(&mut self, node: &Node, holds: bool) {
        let Some(member) = node.only_member() else { return };
        let items = match &member.value.content {
            Content::List(items) => items.as_slice(),
            _ => &[],
        };
        match (&*member.name, items, member.value.text()) {
            ("Condition", _, Some(name)) => self.assume(name, holds),
            ("Fn::Not", [inner], _) => self.assume_node(inner, !holds),
            ("Fn::And", all, _) if holds => all.iter().for_each(|item| self.assume_node(item, true)),
            ("Fn::Or", any, _) if !holds => any.iter().for_each(|item| self.assume_node(item, false)),
            ("Fn::Equals", [one, other], _) if holds => {
                let values = (self.value(one), self.value(other));
                let (why, known) = match &values {
                    (Value::Unknown(why), known) | (known, Value::Unknown(why)) => (why, known.as_known()),
                    _ => return,
                };
                if let (Some(parameter), Some(known)) = (&why.parameter, known) {
                    self.parameters.entry(parameter.clone()).and_modify(|value| *value = Value::known(known));
                }
            }
            _ => {}
        }
    }

    /// What a value comes to.
    pub fn value(&self, node: &Node) -> Value {
        if self.depth.get() >= DEEPEST {
            return Value::Unknown(Why::new(node.line, "values refer to each other too deeply to be followed"));
        }
        self.depth.set(self.depth.get() + 1);
        let value = if self.characters.get() > 0 { self.of_node(node) } else { Value::Null };
        self.depth.set(self.depth.get() - 1);
        let length = match &value {
            Value::Text(text) => text.length() as u64,
            Value::List(items) => items.len() as u64 * ITEM,
            _ => 0,
        };
        self.characters.set(self.characters.get().saturating_sub(length + 1));
        match self.characters.get() {
            0 => Value::Unknown(Why::new(node.line, "the template produces more text than this tool follows")),
            _ => value,
        }
    }

    /// What a property of a resource comes to.
    pub fn property(&self, resource: &Resource, name: &str) -> Value {
        match (&resource.rewritten, &resource.properties) {
            (Some(why), _) => Value::Unknown(why.clone()),
            (None, None) => Value::Nothing,
            (None, Some(properties)) => self.member(properties, name),
        }
    }

    /// What a member of a mapping comes to; the mapping itself may be the result of a function.
    pub fn member(&self, node: &Node, name: &str) -> Value {
        match function(node).is_some() || rewritten(node).is_some() {
            false => node.get(name).map_or(Value::Nothing, |member| self.value(member)),
            true => self.value(node).get(name),
        }
    }

    fn of_node(&self, node: &Node) -> Value {
        if let Some(member) = function(node) {
            return self.call(member);
        }
        match &node.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.to_string()),
            Content::Ambiguous(text) => {
                Value::Unknown(Why::new(node.line, format!("YAML reads a plain `{text}` as another value; quote it")))
            }
            Content::Text(text) => Value::Text(resolvable(text, node.line)),
            Content::List(items) => {
                let values = items.iter().map(|item| self.value(item));
                Value::List(values.filter(|value| *value != Value::Nothing).collect())
            }
            Content::Map(members) => {
                if let Some(why) = rewritten(node) {
                    return Value::Unknown(why);
                }
                let values = members.iter().map(|member| (member.name.to_string(), self.value(&member.value)));
                Value::Map(values.filter(|(_, value)| *value != Value::Nothing).collect())
            }
        }
    }

    fn call(&self, member: &Member) -> Value {
        let (name, argument) = (&*member.name, &member.value);
        let result = match name {
            "Ref" => argument.text().map(|target| self.reference(target, None, member.line)),
            "Fn::GetAtt" => self.get_attribute(argument),
            "Fn::If" => self.either(argument),
            "Fn::Join" => self.join(argument),
            "Fn::Sub" => self.substitute(argument),
            "Fn::Select" => self.select(argument),
            "Fn::Split" => self.split(argument),
            "Fn::FindInMap" => self.find_in_map(argument),
            "Fn::Base64" => self.value(argument).to_text().map(|text| match text.to_known() {
                Ok(known) => Value::known(STANDARD.encode(known)),
                Err(why) => Value::Unknown(why),
            }),
            "Fn::ToJsonString" => Some(match super::policy::to_json(&self.value(argument)) {
                Ok(json) => Value::known(json.to_string()),
                Err(why) => Value::Unknown(why),
            }),
            "Fn::Length" => match self.value(argument) {
                Value::List(items) if items.iter().all(|item| !matches!(item, Value::Unknown(_))) => {
                    Some(Value::Number(items.len().to_string()))
                }
                _ => None,
            },
            "Fn::ImportValue" => {
                Some(Value::Unknown(match self.value(argument).to_text().as_ref().map(Text::as_known) {
                    Some(Some(export)) => Why::new(member.line, format!("`{export}` is exported by another stack")),
                    _ => Why::new(member.line, "the value is exported by another stack"),
                }))
            }
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => {
                Some(match self.holds(&Node { line: member.line, content: Content::Map(vec![member.clone()]) }) {
                    Holds::Yes => Value::Bool(true),
                    Holds::No => Value::Bool(false),
                    Holds::Unknown(why) => Value::Unknown(why),
                })
            }
            _ => None,
        };
        match result {
            Some(Value::Unknown(why)) if name != "Ref" => Value::Unknown(why.derived()),
            Some(value) => value,
            None => Value::Unknown(open(name, member.line)),
        }
    }

    /// `Ref`, and `Fn::GetAtt` with the name of an attribute.
    fn reference(&self, target: &str, attribute: Option<&str>, line: usize) -> Value {
        if attribute.is_none() {
            if let Some(value) = self.pseudo(target, line) {
                return value;
            }
            if let Some(value) = self.parameters.get(target) {
                return value.clone();
            }
        }
        let Some(resource) = self.template.resource(target) else {
            let what = format!("the template has no parameter or resource `{target}`");
            return Value::Unknown(Why::new(line, what));
        };
        if self.exists(resource) == Holds::No {
            let what = format!("the resource `{target}` is not created, since its condition does not hold");
            return Value::Unknown(Why::new(line, what));
        }
        let attribute = Attribute { resource: target.to_owned(), name: attribute.map(str::to_owned), line };
        let text = self.shape(&attribute);
        match text.as_known() {
            Some(_) => Value::Text(text),
            None => Value::Text(Text(vec![Part::Of(attribute)])),
        }
    }

    /// What a resource gives, as far as it is known.
    pub fn shape(&self, attribute: &Attribute) -> Text {
        let key = (attribute.resource.clone(), attribute.name.clone());
        let known = self.shapes.borrow().get(&key).cloned();
        match known {
            Some(Some(text)) => text,
            Some(None) => {
                let what = format!("the name of the resource `{}` refers to itself", attribute.resource);
                Text(vec![Part::Unknown(Why::new(attribute.line, what))])
            }
            None => {
                self.shapes.borrow_mut().insert(key.clone(), None);
                let text = match self.template.resource(&attribute.resource) {
                    Some(resource) => shape(self, resource, attribute),
                    None => Text(vec![Part::Unknown(Why::new(attribute.line, attribute.to_string()))]),
                };
                self.shapes.borrow_mut().insert(key, Some(text.clone()));
                text
            }
        }
    }

    /// [Pseudo parameters](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html).
    fn pseudo(&self, name: &str, line: usize) -> Option<Value> {
        let Place { account, region, partition } = &self.place;
        let given = |value: Option<&str>, hint: &str| match value {
            Some(value) => Value::known(value),
            None => Value::Unknown(Why::new(line, format!("`{name}` is not known{hint}")).of_parameter(name)),
        };
        Some(match name {
            "AWS::NoValue" => Value::Nothing,
            "AWS::AccountId" => given(account.as_deref(), "; give it with `--account`"),
            "AWS::Region" => given(region.as_deref(), "; give it with `--region`"),
            "AWS::Partition" => given(partition.as_deref(), "; give the Region with `--region`"),
            "AWS::URLSuffix" => given(partition.as_deref().and_then(url_suffix), "; give the Region with `--region`"),
            "AWS::StackName" | "AWS::StackId" | "AWS::NotificationARNs" => given(None, " before deployment"),
            _ => return None,
        })
    }

    fn get_attribute(&self, argument: &Node) -> Option<Value> {
        let Content::List(items) = &argument.content else {
            let (resource, attribute) = argument.text()?.split_once('.')?;
            return Some(self.reference(resource, Some(attribute), argument.line));
        };
        let [resource, attribute] = items.as_slice() else { return None };
        let attribute = self.value(attribute).to_text()?;
        Some(self.reference(resource.text()?, Some(attribute.as_known()?), argument.line))
    }

    fn either(&self, argument: &Node) -> Option<Value> {
        let Content::List(items) = &argument.content else { return None };
        let [condition, yes, no] = items.as_slice() else { return None };
        Some(match self.condition(condition.text()?, condition.line) {
            Holds::Yes => self.value(yes),
            Holds::No => self.value(no),
            Holds::Unknown(why) => {
                let (yes, no) = (self.value(yes), self.value(no));
                if yes == no { yes } else { Value::Unknown(why) }
            }
        })
    }

    fn join(&self, argument: &Node) -> Option<Value> {
        let Content::List(items) = &argument.content else { return None };
        let [delimiter, list] = items.as_slice() else { return None };
        let delimiter = delimiter.text()?;
        let items = match self.value(list) {
            Value::List(items) => items,
            Value::Unknown(why) => return Some(Value::Unknown(why)),
            _ => return None,
        };
        let mut joined = Text::default();
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                joined.push(Text::known(delimiter));
            }
            joined.push(item.to_text()?);
        }
        Some(Value::Text(resolved(joined, argument.line)))
    }

    fn substitute(&self, argument: &Node) -> Option<Value> {
        let (text, own) = match &argument.content {
            Content::List(items) => match items.as_slice() {
                [text] => (text.text()?, None),
                [text, own] => (text.text()?, Some(own)),
                _ => return None,
            },
            _ => (argument.text()?, None),
        };
        let mut made = Text::default();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else { break };
            made.push(Text::known(before));
            let value = match name.strip_prefix('!') {
                Some(literal) => Value::known(format!("${{{literal}}}")),
                None => self.variable(name, own, argument.line),
            };
            made.push(value.to_text()?);
            rest = after;
        }
        made.push(Text::known(rest));
        Some(Value::Text(resolved(made, argument.line)))
    }

    /// A variable of `Fn::Sub`: one of its own, else what `Ref` or `Fn::GetAtt` give.
    fn variable(&self, name: &str, own: Option<&Node>, line: usize) -> Value {
        match own.map_or(Value::Nothing, |own| self.member(own, name)) {
            Value::Nothing => {}
            value => return value,
        }
        match name.split_once('.') {
            Some((resource, attribute)) => self.reference(resource, Some(attribute), line),
            None => self.reference(name, None, line),
        }
    }

    fn select(&self, argument: &Node) -> Option<Value> {
        let Content::List(items) = &argument.content else { return None };
        let [index, list] = items.as_slice() else { return None };
        let index: usize = self.value(index).to_text()?.as_known()?.parse().ok()?;
        match self.value(list) {
            Value::List(items) => items.into_iter().nth(index),
            Value::Unknown(why) => Some(Value::Unknown(why)),
            _ => None,
        }
    }

    fn split(&self, argument: &Node) -> Option<Value> {
        let Content::List(items) = &argument.content else { return None };
        let [delimiter, text] = items.as_slice() else { return None };
        let delimiter = delimiter.text().filter(|delimiter| !delimiter.is_empty())?;
        let text = self.value(text).to_text()?;
        Some(match text.to_known() {
            Ok(known) => Value::List(known.split(delimiter).map(Value::known).collect()),
            Err(why) => Value::Unknown(why),
        })
    }

    fn find_in_map(&self, argument: &Node) -> Option<Value> {
        let Content::List(items) = &argument.content else { return None };
        let (keys, default) = match items.as_slice() {
            [a, b, c] => ([a, b, c], None),
            [a, b, c, options] => ([a, b, c], Some(self.member(options, "DefaultValue"))),
            _ => return None,
        };
        let mut known = Vec::new();
        for key in keys {
            let text = self.value(key).to_text()?;
            match text.to_known() {
                Ok(key) => known.push(key.to_owned()),
                Err(why) => return Some(Value::Unknown(why)),
            }
        }
        let [map, first, second] = known.as_slice() else { return None };
        let outer = self.template.mappings.get(map);
        let inner = outer.and_then(|map| map.get(first));
        if let Some(why) = [outer, inner].into_iter().flatten().find_map(rewritten) {
            return Some(Value::Unknown(why));
        }
        let found = inner.and_then(|map| map.get(second));
        let missing = || {
            let what = format!("the mapping `{map}` has no value for `{first}` and `{second}`");
            Value::Unknown(Why::new(argument.line, what))
        };
        Some(found.map(|node| self.value(node)).or(default).unwrap_or_else(missing))
    }

    /// Whether a resource is created.
    pub fn exists(&self, resource: &Resource) -> Holds {
        match (&resource.rewritten, &resource.condition) {
            (Some(why), _) => Holds::Unknown(why.clone()),
            (None, None) => Holds::Yes,
            (None, Some(name)) => self.condition(name, resource.line),
        }
    }

    /// Whether the condition of this name holds.
    pub fn condition(&self, name: &str, line: usize) -> Holds {
        let unknown = |what: String| Holds::Unknown(Why::mistake(line, what));
        let known = self.conditions.borrow().get(name).cloned();
        match (known, self.template.conditions.get(name)) {
            (Some(Some(holds)), _) => holds,
            (Some(None), _) => unknown(format!("the condition `{name}` refers to itself")),
            (None, None) => unknown(format!("the template has no condition `{name}`")),
            (None, Some(node)) => {
                self.conditions.borrow_mut().insert(name.to_owned(), None);
                let holds = match self.holds(node) {
                    Holds::Unknown(why) => Holds::Unknown(why.of_condition(name)),
                    decided => decided,
                };
                self.conditions.borrow_mut().insert(name.to_owned(), Some(holds.clone()));
                holds
            }
        }
    }

    fn holds(&self, node: &Node) -> Holds {
        let unknown = || Holds::Unknown(Why::mistake(node.line, "it is not a condition that this tool knows"));
        if self.depth.get() >= DEEPEST {
            return Holds::Unknown(Why::mistake(node.line, "conditions refer to each other too deeply to be followed"));
        }
        let Some(member) = node.only_member() else { return unknown() };
        let items = match &member.value.content {
            Content::List(items) => items.as_slice(),
            _ => &[],
        };
        self.depth.set(self.depth.get() + 1);
        let holds = match (&*member.name, items) {
            ("Condition", _) => member.value.text().map(|name| self.condition(name, member.line)),
            ("Fn::Equals", [one, other]) => Some(equal(&self.value(one), &self.value(other), member.line)),
            ("Fn::Not", [inner]) => Some(!self.holds(inner)),
            ("Fn::And", [_, ..]) => Some(items.iter().fold(Holds::Yes, |all, item| all.and(self.holds(item)))),
            ("Fn::Or", [_, ..]) => Some(items.iter().fold(Holds::No, |any, item| any.or(self.holds(item)))),
            _ => None,
        };
        self.depth.set(self.depth.get() - 1);
        holds.unwrap_or_else(unknown)
    }
}

/// The function that a mapping calls, if it is one member and that is its name.
fn function(node: &Node) -> Option<&Member> {
    node.only_member().filter(|member| &*member.name == "Ref" || member.name.starts_with("Fn::"))
}

fn open(function: &str, line: usize) -> Why {
    Why::new(line, format!("`{function}` is worked out when the template is deployed"))
}

/// A text put together, in which a dynamic reference may have come about.
fn resolved(text: Text, line: usize) -> Text {
    let known = text.pattern();
    match known.contains("{{resolve:") {
        true => resolvable(&known, line),
        false => text,
    }
}

/// Source: [AWS::URLSuffix](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html#cfn-pseudo-param-urlsuffix).
fn url_suffix(partition: &str) -> Option<&'static str> {
    match partition {
        "aws" | "aws-us-gov" => Some("amazonaws.com"),
        "aws-cn" => Some("amazonaws.com.cn"),
        _ => None,
    }
}

/// Whether two values are equal; unknown where what is not known could make them so.
fn equal(one: &Value, other: &Value, line: usize) -> Holds {
    match (one.to_text(), other.to_text()) {
        (Some(one), Some(other)) => match (one.as_known(), other.as_known()) {
            (Some(a), Some(b)) => (a == b).into(),
            _ => Holds::Unknown(one.why().or_else(|| other.why()).unwrap_or_else(|| open("Fn::Equals", line))),
        },
        _ => match one.why().or_else(|| other.why()) {
            Some(why) => Holds::Unknown(why),
            None => (one == other).into(),
        },
    }
}

impl Place {
    /// A place in an account and a Region; without a Region in the partition `aws`, unless another one is named.
    pub fn new(account: Option<String>, region: Option<String>, partition: Option<String>) -> Place {
        let of_region = region.as_deref().map(|region| partition_of_region(region).to_owned());
        Place { partition: of_region.or(partition), account, region }
    }
}
