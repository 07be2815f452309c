//! The sections of a template.
//!
//! Source: [Template sections](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html).

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::node::{Content, Member, Node, ReadError};
use super::value::Why;
use super::{json, yaml};

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotATemplate {
    /// There is nothing in it.
    #[error("it is empty; a template has a `Resources` section")]
    Empty,
    /// It is what Terraform shows of a plan.
    #[error("it is a Terraform plan, not a template; pass it with `--terraform-plan`")]
    TerraformPlan,
    /// It says which templates there are.
    #[error("it is the manifest of an AWS CDK cloud assembly; pass one of the `*.template.json` files beside it")]
    CdkManifest,
    /// It is a snapshot of this tool.
    #[error("it is a snapshot, not a template; pass it with `--snapshot`")]
    Snapshot,
    /// It is a policy.
    #[error("it is a policy document, not a template; pass it with `--policy`")]
    PolicyDocument,
    /// Something in it is not as a template has it.
    #[error("{0}")]
    Malformed(ReadError),
}

impl From<ReadError> for NotATemplate {
    fn from(error: ReadError) -> NotATemplate {
        NotATemplate::Malformed(error)
    }
}

/// A template, its sections told apart.
#[derive(Debug)]
pub struct Template {
    /// Its parameters, by name.
    pub parameters: BTreeMap<String, Node>,
    /// Its mappings, by name.
    pub mappings: BTreeMap<String, Node>,
    /// Its conditions, by name.
    pub conditions: BTreeMap<String, Node>,
    /// Its resources, in order.
    pub resources: Vec<Resource>,
    /// Where they stand among them, by logical id.
    by_id: BTreeMap<String, usize>,
    /// The loops of `Resources` (`Fn::ForEach`), and transforms in it, each with the line of its name.
    pub generated: Vec<Member>,
    /// What rewrites the template before it is deployed, so that what it holds is not all there is.
    pub transforms: Vec<Why>,
}

/// A resource.
#[derive(Debug)]
pub struct Resource {
    /// Its logical id.
    pub id: String,
    /// The line of its logical id.
    pub line: usize,
    /// Its type, for example `AWS::IAM::Role`.
    pub kind: String,
    /// Its properties.
    pub properties: Option<Node>,
    /// The name of the condition under which it is created.
    pub condition: Option<String>,
    /// What beside its type may change it before it is deployed.
    pub rewritten: Option<Why>,
}

/// The transform that adds functions, all of which are evaluated here or known to be unknown
/// ([AWS::LanguageExtensions](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-languageextensions.html)).
const LANGUAGE_EXTENSIONS: &str = "AWS::LanguageExtensions";

/// The sections whose members have names that templates choose.
const SECTIONS: [&str; 3] = ["Parameters", "Mappings", "Conditions"];

impl Template {
    /// Reads a template from the text of a file. The error says what the text is instead, where that can be told, and what to do.
    ///
    /// # Errors
    /// If it is no template.
    pub fn parse(text: &str) -> Result<Template, NotATemplate> {
        let text = text.trim_start_matches('\u{feff}');
        if text.trim().is_empty() {
            return Err(NotATemplate::Empty);
        }
        let root = read(text)?;
        Template::of(&root).map_err(|error| another_kind(&root).unwrap_or(NotATemplate::Malformed(error)))
    }

    fn of(root: &Node) -> Result<Template, ReadError> {
        if !matches!(root.content, Content::Map(_)) {
            let message = format!("it is {}, and a template is a mapping with a `Resources` section", root.kind());
            return Err(ReadError::at(root.line, message));
        }
        let Some(resources) = root.get("Resources") else {
            return Err(ReadError::at(root.line, "it has no `Resources` section, which every template has"));
        };
        for section in SECTIONS {
            root.get(section).map(|node| mapping(node, section)).transpose()?;
        }
        mapping(resources, "Resources")?;
        let section = |name: &str| {
            let members = root.get(name).into_iter().flat_map(Node::members);
            members.map(|member| (member.name.to_string(), member.value.clone())).collect::<BTreeMap<_, _>>()
        };
        let mut template = Template {
            parameters: section("Parameters"),
            mappings: section("Mappings"),
            conditions: section("Conditions"),
            resources: Vec::new(),
            by_id: BTreeMap::new(),
            generated: Vec::new(),
            transforms: transforms(root),
        };
        for member in resources.members() {
            match member.name.starts_with("Fn::") {
                true => template.generated.push(member.clone()),
                false => {
                    template.by_id.insert(member.name.to_string(), template.resources.len());
                    template.resources.push(Resource::of(&member.name, member.line, &member.value)?);
                }
            }
        }
        Ok(template)
    }

    /// The resource of this logical id.
    pub fn resource(&self, id: &str) -> Option<&Resource> {
        self.by_id.get(id).and_then(|index| self.resources.get(*index))
    }
}

impl Resource {
    fn of(id: &str, line: usize, node: &Node) -> Result<Resource, ReadError> {
        mapping(node, id)?;
        let Some(kind) = node.get("Type").and_then(Node::text) else {
            return Err(ReadError::at(line, format!("the resource `{id}` has no `Type`")));
        };
        let condition = node.get("Condition").map(|name| {
            let message =
                || format!("the `Condition` of the resource `{id}` is not a string; name a condition of the template");
            name.text().map(str::to_owned).ok_or_else(|| ReadError::at(name.line, message()))
        });
        Ok(Resource {
            id: id.to_owned(),
            line,
            kind: kind.to_owned(),
            properties: node.get("Properties").cloned(),
            condition: condition.transpose()?,
            rewritten: rewritten(node),
        })
    }
}

/// The transform or loop in a mapping, which may add to the members beside it and change them
/// ([Fn::Transform](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-transform.html)).
pub fn rewritten(node: &Node) -> Option<Why> {
    let function = node.members().iter().find(|member| member.name.starts_with("Fn::"))?;
    let what = format!("`{}` stands beside other members, and what it makes of them is not known", function.name);
    Some(Why::new(function.line, what))
}

fn mapping(node: &Node, name: &str) -> Result<(), ReadError> {
    match node.content {
        Content::Map(_) => Ok(()),
        _ => Err(ReadError::at(node.line, format!("`{name}` is {}, and a mapping is expected", node.kind()))),
    }
}

/// JSON begins with a brace, and so may YAML.
fn read(text: &str) -> Result<Node, ReadError> {
    if !text.trim_start().starts_with('{') {
        return yaml::read(text);
    }
    json::read(text).or_else(|of_json| yaml::read(text).map_err(|_| of_json))
}

fn transforms(root: &Node) -> Vec<Why> {
    let declared = root.get("Transform").into_iter().flat_map(|node| match &node.content {
        Content::List(items) => items.iter().collect(),
        _ => vec![node],
    });
    let mut found: BTreeSet<Why> = declared.filter_map(transform).collect();
    let places = SECTIONS.into_iter().chain(["Resources"]).filter_map(|section| root.get(section)).chain([root]);
    let inside = places.flat_map(Node::members).filter(|member| &*member.name == "Fn::Transform");
    found.extend(
        inside.map(|member| Why::new(member.line, "`Fn::Transform` changes the template before it is deployed")),
    );
    found.into_iter().collect()
}

fn transform(node: &Node) -> Option<Why> {
    let name = node.text().or_else(|| node.get("Name").and_then(Node::text));
    match name {
        Some(LANGUAGE_EXTENSIONS) => None,
        Some(name) => Some(Why::new(
            node.line,
            format!(
                "the transform `{name}` changes the template before it is deployed; check the processed template (`aws cloudformation \
                 get-template --template-stage Processed`)"
            ),
        )),
        None => Some(Why::new(node.line, "a transform changes the template before it is deployed")),
    }
}

/// What else a file may be that was given as a template, and what to do with it.
fn another_kind(root: &Node) -> Option<NotATemplate> {
    let has = |name: &str| root.get(name).is_some();
    match () {
        () if has("planned_values") || has("resource_changes") || has("terraform_version") => {
            Some(NotATemplate::TerraformPlan)
        }
        () if has("artifacts") && has("version") => Some(NotATemplate::CdkManifest),
        () if has("snapshot_version") => Some(NotATemplate::Snapshot),
        () if has("Statement") => Some(NotATemplate::PolicyDocument),
        () => None,
    }
}
