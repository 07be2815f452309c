//! Policy documents: the grammar, read as leniently as IAM reads what it already holds.
//!
//! Source: [Grammar of the IAM JSON policy language](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).
//! Documents that IAM would refuse today may still be in force, or come from a file: what is not understood becomes
//! a problem of its statement and keeps that statement's answer unknown; only what is no policy at all is an error.

use super::action::ActionPattern;
use super::condition::Condition;
use super::json::Json;
use super::principal::PrincipalElement;
use super::resource::ResourceElement;
use super::template::Template;

/// What a document is attached to, which decides the elements that it must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// An identity policy, a permissions boundary or an SCP: has `Resource`, no `Principal`.
    Identity,
    /// A role's trust policy: has `Principal`, no `Resource`.
    Trust,
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
    /// Whom it speaks of, in a trust policy.
    pub principal: PrincipalElement,
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
    /// There is none.
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
        let mut statements = None;
        for (name, value) in &members {
            match name.as_str() {
                "Version" => versions.push(value),
                "Id" => {}
                "Statement" if statements.is_some() => problems.push("`Statement` stands twice".to_owned()),
                "Statement" => statements = Some(value),
                other => problems.push(format!("unknown element `{other}`")),
            }
        }
        let statements = statements.ok_or("it has no `Statement`")?;
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
        let statements = statements.one_or_many().iter().map(|statement| match statement {
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
        for (index, (name, _)) in members.iter().enumerate() {
            let repeated = members.iter().take(index).any(|(other, _)| other == name);
            match (name.as_str(), kind) {
                ("Sid" | "Effect" | "Action", _) | ("Resource", DocumentKind::Identity) => {}
                ("NotAction" | "Condition", _)
                | ("NotResource", DocumentKind::Identity)
                | ("Principal" | "NotPrincipal", DocumentKind::Trust) => {
                    if repeated {
                        problems.push(format!("`{name}` stands twice"));
                    }
                }
                ("Principal" | "NotPrincipal", DocumentKind::Identity) => {
                    problems.push(format!("`{name}` does not belong in an identity policy"));
                }
                ("Resource" | "NotResource", DocumentKind::Trust) => {
                    problems.push(format!("`{name}` does not belong in a trust policy"));
                }
                (other, _) => problems.push(format!("unknown element `{other}`")),
            }
        }
        let action = parse_action(members, &mut problems);
        let resource = parse_resource(members, kind, variables_live, &mut problems);
        let principal = match kind {
            DocumentKind::Trust => PrincipalElement::parse(members, &mut problems),
            DocumentKind::Identity => PrincipalElement::Missing,
        };
        let condition = members.iter().rev().find(|(name, _)| name == "Condition");
        let condition = condition.map(|(_, json)| Condition::parse(json, variables_live)).unwrap_or_default();
        Statement { sid, effect, principal, action, resource, condition, problems }
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

fn parse_action(members: &[(String, Json)], problems: &mut Vec<String>) -> ActionElement {
    let mut patterns = |name| {
        let texts = strings(members, name, problems)?;
        Some(texts.iter().map(|text| ActionPattern::parse(text)).collect::<Vec<_>>())
    };
    match (patterns("Action"), patterns("NotAction")) {
        (Some(actions), None) => ActionElement::Action(actions),
        (None, Some(actions)) => {
            if actions.is_empty() {
                problems.push("`NotAction` is empty".to_owned());
            }
            ActionElement::NotAction(actions)
        }
        (Some(_), Some(_)) => {
            problems.push("both `Action` and `NotAction`".to_owned());
            ActionElement::Missing
        }
        (None, None) => {
            problems.push("neither `Action` nor `NotAction`".to_owned());
            ActionElement::Missing
        }
    }
}

fn parse_resource(
    members: &[(String, Json)],
    kind: DocumentKind,
    variables_live: bool,
    problems: &mut Vec<String>,
) -> ResourceElement {
    if kind == DocumentKind::Trust {
        return ResourceElement::Missing;
    }
    let mut templates = |name| {
        let texts = strings(members, name, problems)?;
        Some(texts.iter().map(|text| Template::parse(text, variables_live)).collect::<Vec<_>>())
    };
    match (templates("Resource"), templates("NotResource")) {
        (Some(resources), None) => ResourceElement::Resource(resources),
        (None, Some(resources)) => {
            if resources.is_empty() {
                problems.push("`NotResource` is empty".to_owned());
            }
            ResourceElement::NotResource(resources)
        }
        (Some(_), Some(_)) => {
            problems.push("both `Resource` and `NotResource`".to_owned());
            ResourceElement::Missing
        }
        (None, None) => {
            problems.push("neither `Resource` nor `NotResource`".to_owned());
            ResourceElement::Missing
        }
    }
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
