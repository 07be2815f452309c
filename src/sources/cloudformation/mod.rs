//! Facts from a CloudFormation template, before it is deployed: no account, no AWS call.
//!
//! What is known only after deployment, or lives elsewhere, is unknown with its place. A reference to a resource of the template is
//! followed, whatever name CloudFormation will give it.

mod assumed;
mod attributes;
mod evaluate;
mod instances;
mod json;
mod keys;
mod logs;
mod node;
mod parameters;
mod policy;
mod roles;
mod template;
mod value;
mod yaml;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::documents::{Text, names_another_partition};
use super::existing::{Existing, Planned};
use crate::facts::{
    Fact, Facts, Origin, PlannedInstance, PolicyText, Settings, Subject, SubjectKind, Unreadable, UnreadableKind,
};
use assumed::Assumed;
use evaluate::{Evaluator, Place};
use node::{Content, Member, Node};
use template::{Resource, Template};
use value::{Holds, Value, Why};

/// Under so many conditions that cannot be decided targets are judged, so that a template is not read again and again.
const MOST_CONDITIONS: usize = 32;

/// What to judge of a template, and where it is going to be deployed.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The values of parameters.
    pub parameters: Vec<(String, String)>,
    /// The account.
    pub account: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// The name of the session preferences that are asked for; `None` if none shall be.
    pub preferences: Option<String>,
}

/// The facts of a template.
///
/// # Errors
/// Every mistake that was found, each a message that names the file.
pub fn facts(file: &Text, given: Given, now: Timestamp) -> Result<Planned, Vec<String>> {
    let in_file = |error: String| format!("cannot use `{}`: {error}", file.name);
    let template = Template::parse(&file.text).map_err(|error| vec![in_file(error.to_string())])?;
    let place = Place::new(given.account, given.region, partition_named(&file.text));
    let evaluator = || {
        Evaluator::new(&template, &given.parameters, place.clone())
            .map_err(|mistakes| mistakes.into_iter().map(in_file).collect::<Vec<_>>())
    };
    let new_evaluator = &evaluator;
    let evaluator = new_evaluator()?;
    let mut facts = Facts::new(now);
    let loops = template.generated.iter().filter(|each| mentions(&each.value, &|kind| !is_harmless(kind)));
    let loops = loops.map(makes_resources);
    let modules =
        template.resources.iter().filter(|resource| is_module_about_roles(&template, resource)).map(|module| {
            let what = format!("the module `{}` makes resources when the template is deployed", module.id);
            Why::new(module.line, what)
        });
    let rewritten: Vec<Why> = template.transforms.iter().cloned().chain(loops).chain(modules).collect();
    let mut existing = Existing::default();
    roles::add(&mut facts, &evaluator, &rewritten, &mut existing);
    keys::add(&mut facts, &evaluator);
    logs::add(&mut facts, &evaluator);
    if let Some(preferences) = given.preferences {
        add_preferences(&mut facts, &evaluator, preferences);
    }
    let subject = |address: &str, line: usize, planned: PlannedInstance| Subject {
        target: address.to_owned(),
        account: evaluator.place.account.clone(),
        region: evaluator.place.region.clone(),
        partition: evaluator.place.partition.clone(),
        from_selection: false,
        kind: SubjectKind::Planned(Box::new(planned)),
        origin: Some(Origin { file: file.name.clone(), address: address.to_owned(), line: Some(line) }),
    };
    let mut under: BTreeMap<&str, Assumed<'_>> = BTreeMap::new();
    for resource in template.resources.iter().filter(|resource| instances::is_target(&resource.kind)) {
        let condition = instances::condition(&evaluator, resource);
        let planned = match condition.filter(|name| under.contains_key(name) || under.len() < MOST_CONDITIONS) {
            Some(condition) => {
                if !under.contains_key(condition) {
                    under.insert(condition, Assumed::new(new_evaluator()?, &[(condition, true)], &rewritten, now));
                }
                under.get_mut(condition).map(|assumed| assumed.planned(resource)).unwrap_or_default()
            }
            None => {
                let mut planned = instances::planned(&evaluator, resource, &mut facts, &mut existing);
                planned.retain(|planned| !instances::is_part_of_instances(&evaluator, resource, planned));
                planned
            }
        };
        for mut planned in planned {
            if let Some(why) = template.transforms.first() {
                planned.profile = Fact::Unreadable(roles::unknown(&resource.id, why));
            }
            facts.subjects.push(subject(&resource.id, resource.line, planned));
        }
    }
    let mut ways = Vec::new();
    for assumptions in assumed::ways(&template, new_evaluator)? {
        ways.push(Assumed::new(new_evaluator()?, &assumptions, &rewritten, now));
    }
    for subject in &facts.subjects {
        let resource = template.resource(&subject.target).filter(|resource| evaluator.exists(resource) == Holds::Yes);
        let Some(resource) = resource.filter(|_| template.transforms.is_empty()) else { continue };
        let all: Vec<Vec<PlannedInstance>> = ways.iter_mut().map(|way| way.planned(resource)).collect();
        // Of several results of one target nothing says which is which.
        if all.iter().all(|planned| planned.len() == 1) {
            facts.alternatives.insert(subject.target.clone(), all.into_iter().flatten().collect());
        }
    }
    ways.into_iter().for_each(|assumed| assumed.add_to(&mut facts, &mut existing));
    under.into_values().for_each(|assumed| assumed.add_to(&mut facts, &mut existing));
    for each in template.generated.iter().filter(|each| mentions(&each.value, &instances::is_target)) {
        let profile = Fact::Unreadable(roles::unknown(&each.name, &makes_resources(each)));
        facts.subjects.push(subject(
            &each.name,
            each.line,
            PlannedInstance { name: None, profile, metadata: Fact::Absent, state: None, location: None },
        ));
    }
    Ok(Planned { facts, existing })
}

/// What is not known of a loop or transform among the resources.
fn makes_resources(each: &Member) -> Why {
    Why::new(each.line, format!("`{}` makes resources when the template is deployed", each.name))
}

/// The partition of a template that no Region is given for: `aws`, unless the text names another one.
fn partition_named(text: &str) -> Option<String> {
    (!names_another_partition(text)).then(|| "aws".to_owned())
}

/// Whether a type or anything else in a loop is of this kind.
fn mentions(node: &Node, is: &dyn Fn(&str) -> bool) -> bool {
    match &node.content {
        Content::List(items) => items.iter().any(|item| mentions(item, is)),
        Content::Map(members) => members.iter().any(|member| match (&*member.name, member.value.text()) {
            ("Type", Some(kind)) => is(kind),
            ("Type", None) => true,
            ("Fn::Transform", _) => true,
            _ => mentions(&member.value, is),
        }),
        _ => false,
    }
}

/// Whether a module, which is expanded into the template
/// ([modules](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/modules.html)), is given a role or policy of it.
fn is_module_about_roles(template: &Template, resource: &Resource) -> bool {
    let mut of_iam = template.resources.iter().filter(|other| other.kind.starts_with("AWS::IAM::"));
    resource.kind.ends_with("::MODULE")
        && resource.properties.as_ref().is_some_and(|given| of_iam.any(|other| names(given, &other.id)))
}

/// Whether a logical ID stands somewhere in a value.
fn names(node: &Node, id: &str) -> bool {
    match &node.content {
        Content::List(items) => items.iter().any(|item| names(item, id)),
        Content::Map(members) => members.iter().any(|member| names(&member.value, id)),
        _ => node.text().is_some_and(|text| text.contains(id)),
    }
}

/// Whether a resource of this type changes nothing of a role.
fn is_harmless(kind: &str) -> bool {
    kind.starts_with("AWS::") && !kind.starts_with("AWS::IAM::") && !kind.starts_with("AWS::CloudFormation::")
}

/// The session preferences, if the template makes them.
///
/// Source: [Create a Session Manager preferences document](https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-preferences-cli.html).
fn add_preferences(facts: &mut Facts, evaluator: &Evaluator<'_>, name: String) {
    let documents = evaluator.template.resources.iter().filter(|resource| resource.kind == "AWS::SSM::Document");
    let named = |document: &Resource| evaluator.property(document, "Name").to_known("it");
    // Preferences are documents of a type of their own, and one whose name is not known may be these.
    let is_it = |document: &&Resource| {
        let is_session =
            || evaluator.property(document, "DocumentType").as_known().is_none_or(|kind| kind == "Session");
        evaluator.exists(document) != Holds::No
            && evaluator.property(document, "Name") != Value::Nothing
            && named(document).map_or_else(|_| is_session(), |own| own == name)
    };
    let documents: Vec<&Resource> = documents.filter(is_it).collect();
    // One that has the name for certain is it, whatever others may be called.
    let is_sure = |document: &&&Resource| evaluator.exists(document) == Holds::Yes && named(document).is_ok();
    let Some(document) = documents.iter().find(is_sure).or(documents.first()) else { return };
    let attribute = format!("{}.Content", document.id);
    let content = match (evaluator.exists(document), named(document)) {
        (Holds::Unknown(why), _) | (_, Err(why)) => Err(why),
        (Holds::Yes | Holds::No, Ok(_)) => match evaluator.property(document, "Content") {
            Value::Text(text) => text.to_known().and_then(|text| json_of(evaluator, document, text)),
            content => policy::to_json(&keys::name_in(evaluator, content)).map(|json| json.to_string()),
        },
    };
    let preferences = match content {
        Ok(text) => Fact::Known(PolicyText::new(&text)),
        Err(why) => Fact::Unreadable(roles::unknown(&attribute, &why)),
    };
    let outside = Unreadable {
        api: "ssm:GetServiceSetting".to_owned(),
        kind: UnreadableKind::NotInSnapshot,
        message: "the template does not say whether Default Host Management Configuration is on".to_owned(),
    };
    let settings = Settings { host_management: Fact::Unreadable(outside), preferences_name: Some(name), preferences };
    facts.settings.insert(evaluator.place.region.clone().unwrap_or_default(), settings);
}

/// The content of a document as JSON. One of Systems Manager may be written in YAML, if it says so
/// ([AWS::SSM::Document](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ssm-document.html)).
fn json_of(evaluator: &Evaluator<'_>, document: &Resource, text: &str) -> Result<String, Why> {
    let is_yaml = match evaluator.property(document, "DocumentFormat") {
        Value::Nothing => false,
        // Either way JSON is what it says.
        _ if text.trim_start().starts_with('{') => false,
        format => format.to_known("it")? == "YAML",
    };
    if !is_yaml {
        return Ok(text.to_owned());
    }
    match yaml::read(text) {
        Ok(node) => policy::to_json(&as_written(&node)).map(|json| json.to_string()),
        Err(error) => Err(Why::new(document.line, format!("its YAML cannot be read: {error}"))),
    }
}

/// A value of a text that is no template: nothing in it is a function.
fn as_written(node: &Node) -> Value {
    match &node.content {
        Content::Null => Value::Null,
        Content::Bool(value) => Value::Bool(*value),
        Content::Number(text) => Value::Number(text.to_string()),
        Content::Ambiguous(text) | Content::Text(text) => Value::known(&**text),
        Content::List(items) => Value::List(items.iter().map(as_written).collect()),
        Content::Map(members) => {
            let members = members.iter().map(|member| (member.name.to_string(), as_written(&member.value)));
            Value::Map(members.collect())
        }
    }
}

#[cfg(test)]
mod tests;
