//! Policy documents: the grammar, read as leniently as IAM reads what it already holds.
//!
//! Source: [Grammar of the IAM JSON policy language](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).
//! Documents that IAM would refuse today may still be in force, or come from a file: what is not understood becomes
//! a problem of its statement and keeps that statement's answer unknown; only what is no policy at all is an error.

use std::collections::BTreeSet;

use super::action::ActionPattern;
use super::condition::Condition;
use super::json::{Json, repeated};
use super::key_policy::AwsPrincipals;
use super::principal::PrincipalElement;
use super::resource::ResourceElement;
use super::template::Template;

/// What a document is attached to, which decides the elements that it must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// An identity policy, a permissions boundary or an SCP: has `Resource`, no `Principal`.
    Identity,
    /// A role's trust policy: has `Principal`, no `Resource`.
    Trust,
    /// The policy of a resource, such as a KMS key: has both.
    Resource,
}

/// A parsed policy document.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its statements, in order.
    pub statements: Vec<Statement>,
    /// What in the document as a whole could not be understood.
    pub problems: Vec<String>,
}

/// A parsed statement.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its Sid.
    pub sid: Option<String>,
    /// Its effect; `None` if the element is missing or says something else.
    pub effect: Option<Effect>,
    /// Which services it speaks of, in a trust policy.
    pub principal: PrincipalElement,
    /// Which AWS principals it speaks of, in the policy of a resource.
    pub aws_principals: AwsPrincipals,
    /// The actions that it speaks of.
    pub action: ActionElement,
    /// The resources that it speaks of.
    pub resource: ResourceElement,
    /// Under what conditions.
    pub condition: Condition,
    /// What could not be understood, conditions apart: each keeps the answer from being certain.
    pub problems: Vec<String>,
}

/// A statement's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It grants.
    Allow,
    /// It denies.
    Deny,
}

/// The element that names actions.
#[derive(Debug, Clone)]
pub enum ActionElement {
    /// `Action`: one of these must match. An empty list matches nothing.
    Action(Vec<ActionPattern>),
    /// `NotAction`: none of these may match.
    NotAction(Vec<ActionPattern>),
    /// There is none that could be read.
    Missing,
}

impl Document {
    /// Parses a document. The error says why the text is no policy; it does not name the policy.
    pub fn parse(text: &str, kind: DocumentKind) -> Result<Document, String> {
        if text.trim().is_empty() {
            return Err("it is empty".to_owned());
        }
        let json = Json::parse(text).map_err(|error| format!("it is not JSON: {error}"))?;
        let Json::Object(members) = json else {
            return Err(format!("it is {}, not a policy object", json.kind()));
        };
        let mut problems = Vec::new();
        let mut versions = Vec::new();
        let mut statements = Vec::new();
        for (name, value) in &members {
            match name.as_str() {
                "Version" => versions.push(value),
                "Id" => {}
                "Statement" => statements.push(value),
                other => problems.push(format!("unknown element `{other}`")),
            }
        }
        match statements.len() {
            0 => return Err("it has no `Statement`".to_owned()),
            1 => {}
            // Any of their statements may be in force, or none.
            _ => problems.push("`Statement` stands twice".to_owned()),
        }
        let variables_live = match versions.as_slice() {
            [] => false,
            [Json::String(version)] if version == "2012-10-17" => true,
            [Json::String(version)] if version == "2008-10-17" => false,
            [Json::String(version)] => {
                problems.push(format!("unknown version `{version}`"));
                true
            }
            [_] => {
                problems.push("`Version` is no string".to_owned());
                true
            }
            _ => {
                problems.push("`Version` stands twice".to_owned());
                true
            }
        };
        let statements = statements.into_iter().flat_map(Json::one_or_many).map(|statement| match statement {
            Json::Object(members) => Ok(Statement::parse(members, kind, variables_live)),
            other => Err(format!("a statement is {}, not an object", other.kind())),
        });
        Ok(Document { statements: statements.collect::<Result<_, _>>()?, problems })
    }

    /// Everything that could not be understood, with the place: empty for a sound document.
    pub fn all_problems(&self) -> Vec<String> {
        let statements = self.statements.iter().enumerate().flat_map(|(index, statement)| {
            let problems = statement.problems.iter().chain(&statement.condition.problems);
            problems.map(move |problem| format!("statement {index}: {problem}"))
        });
        self.problems.iter().cloned().chain(statements).collect()
    }
}

impl Statement {
    fn parse(members: &[(String, Json)], kind: DocumentKind, variables_live: bool) -> Statement {
        let mut problems = Vec::new();
        let effect = parse_effect(members, &mut problems);
        let sid = members.iter().rev().find(|(name, _)| name == "Sid").and_then(|(_, value)| match value {
            Json::String(sid) if !sid.is_empty() => Some(sid.clone()),
            _ => None,
        });
        let repeated = repeated(members.iter().map(|(name, _)| name.as_str()));
        let single = ["NotAction", "NotResource", "Condition", "Principal", "NotPrincipal"];
        let twice = single.into_iter().filter(|name| repeated.contains(name));
        problems.extend(twice.map(|name| format!("`{name}` stands twice")));
        for (name, _) in members {
            match (name.as_str(), kind) {
                ("Sid" | "Effect" | "Action" | "NotAction" | "Condition", _)
                | ("Resource" | "NotResource", DocumentKind::Identity | DocumentKind::Resource)
                | ("Principal" | "NotPrincipal", DocumentKind::Trust | DocumentKind::Resource) => {}
                ("Principal" | "NotPrincipal", DocumentKind::Identity) => {
                    problems.push(format!("`{name}` does not belong in an identity policy"));
                }
                ("Resource" | "NotResource", DocumentKind::Trust) => {
                    problems.push(format!("`{name}` does not belong in a trust policy"));
                }
                (other, _) => problems.push(format!("unknown element `{other}`")),
            }
        }
        let action = parse_action(members, &repeated, &mut problems);
        let resource = parse_resource(members, kind, variables_live, &repeated, &mut problems);
        let principal = match kind {
            DocumentKind::Trust | DocumentKind::Resource => PrincipalElement::parse(members, &mut problems),
            DocumentKind::Identity => PrincipalElement::Missing,
        };
        let aws_principals = AwsPrincipals::parse(members);
        let condition = members.iter().find(|(name, _)| name == "Condition" && !repeated.contains("Condition"));
        let condition = condition.map(|(_, json)| Condition::parse(json, variables_live)).unwrap_or_default();
        Statement { sid, effect, principal, aws_principals, action, resource, condition, problems }
    }
}

/// The last of several effects wins, as in old documents that still run.
fn parse_effect(members: &[(String, Json)], problems: &mut Vec<String>) -> Option<Effect> {
    match members.iter().rev().find(|(name, _)| name == "Effect").map(|(_, value)| value) {
        Some(Json::String(effect)) if effect == "Allow" => return Some(Effect::Allow),
        Some(Json::String(effect)) if effect == "Deny" => return Some(Effect::Deny),
        Some(Json::String(effect)) => problems.push(format!("unknown effect `{effect}`")),
        Some(_) => problems.push("`Effect` is no string".to_owned()),
        None => problems.push("`Effect` is missing".to_owned()),
    }
    None
}

fn parse_action(members: &[(String, Json)], repeated: &BTreeSet<&str>, problems: &mut Vec<String>) -> ActionElement {
    let patterns = |texts: Vec<String>| texts.iter().map(|text| ActionPattern::parse(text)).collect();
    match parse_listed(members, "Action", "NotAction", repeated, problems) {
        Listed::These(texts) => ActionElement::Action(patterns(texts)),
        Listed::AllBut(texts) => ActionElement::NotAction(patterns(texts)),
        Listed::Unclear => ActionElement::Missing,
    }
}

fn parse_resource(
    members: &[(String, Json)],
    kind: DocumentKind,
    variables_live: bool,
    repeated: &BTreeSet<&str>,
    problems: &mut Vec<String>,
) -> ResourceElement {
    if kind == DocumentKind::Trust {
        return ResourceElement::Missing;
    }
    let templates = |texts: Vec<String>| texts.iter().map(|text| Template::parse(text, variables_live)).collect();
    match parse_listed(members, "Resource", "NotResource", repeated, problems) {
        Listed::These(texts) => ResourceElement::Resource(templates(texts)),
        Listed::AllBut(texts) => ResourceElement::NotResource(templates(texts)),
        Listed::Unclear => ResourceElement::Missing,
    }
}

/// What an element lists, or its opposite leaves out.
enum Listed {
    These(Vec<String>),
    AllBut(Vec<String>),
    /// It may list anything; there is a problem that says why.
    Unclear,
}

fn parse_listed(
    members: &[(String, Json)],
    name: &str,
    opposite: &str,
    repeated: &BTreeSet<&str>,
    problems: &mut Vec<String>,
) -> Listed {
    let problems_before = problems.len();
    let listed = match (strings(members, name, problems), strings(members, opposite, problems)) {
        (Some(texts), None) => Listed::These(texts),
        (None, Some(texts)) => {
            if texts.is_empty() {
                problems.push(format!("`{opposite}` is empty"));
            }
            Listed::AllBut(texts)
        }
        (Some(_), Some(_)) => {
            problems.push(format!("both `{name}` and `{opposite}`"));
            Listed::Unclear
        }
        (None, None) => {
            problems.push(format!("neither `{name}` nor `{opposite}`"));
            Listed::Unclear
        }
    };
    // Old documents merge their lists of what they cover; whether also of what they leave out is not known.
    let unclear = problems.len() > problems_before || repeated.contains(opposite);
    if unclear { Listed::Unclear } else { listed }
}

/// The strings of every element of that name, merged; `None` if there is none.
fn strings(members: &[(String, Json)], name: &str, problems: &mut Vec<String>) -> Option<Vec<String>> {
    let mut values = members.iter().filter(|(other, _)| other == name).map(|(_, value)| value).peekable();
    values.peek()?;
    let mut texts = Vec::new();
    for value in values.flat_map(Json::one_or_many) {
        match value {
            Json::String(text) => texts.push(text.clone()),
            other => problems.push(format!("`{name}` holds {}, not a string", other.kind())),
        }
    }
    Some(texts)
}
