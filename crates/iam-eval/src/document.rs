//! Policy documents: the grammar, read as leniently as IAM reads what it already holds.
//!
//! Source: [Grammar of the IAM JSON policy language](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).
//! Documents that IAM would refuse today may still be in force, or come from a file: what is not understood becomes
//! a problem of its statement and keeps that statement's answer unknown; only what is no policy at all is an error.

use serde::Serialize;
use std::collections::BTreeSet;

use super::action::ActionPattern;
use super::condition::Condition;
use super::json::{Json, NotJson, repeated};
use super::principal::PrincipalElement;
use super::rcp;
use super::resource::{ResourceElement, ResourcePattern};
use super::resource_policy::AwsPrincipals;

/// What a document is attached to, which decides the elements that it must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// An identity policy or a permissions boundary: has `Resource`, no `Principal`.
    Identity,
    /// A service control policy: the same, where less is documented.
    Scp,
    /// A role's trust policy: has `Principal`, no `Resource`.
    Trust,
    /// The policy of a resource, such as a KMS key: has both.
    Resource,
    /// A resource control policy: has both too, and can only deny.
    ResourceControl,
}

/// An element that no policy of AWS has: what a source that knows a statement only in part writes into it, as a string that says
/// what is not known. The statement then never certainly applies. IAM refuses it in a policy, so that nobody can have it there.
pub const OPEN_ELEMENT: &str = "ssm-profile:NotKnown";

/// A parsed policy document.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its statements, in order.
    pub statements: Vec<Statement>,
    /// What in the document as a whole could not be understood.
    pub problems: Vec<String>,
    /// Why IAM refuses to store it as a whole, although it is clear what it means.
    pub refusals: Vec<String>,
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
    /// Why IAM refuses to store it, conditions apart. Where that leaves open what the statement means, its parts are unknown by
    /// themselves.
    pub refusals: Vec<String>,
    /// What its source does not know of it ([`OPEN_ELEMENT`]): no fault of the document, and it keeps the answer from being certain.
    pub open: Vec<String>,
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

/// The statements of a document. AWS's largest policy, that of a key, has 32 KiB
/// ([quotas](https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html)): some 700 of the shortest ones. In memory each
/// takes a kilobyte and more, however short it is.
const MOST_STATEMENTS: usize = 20_000;

/// The values of a document, of which that policy has up to 16,000.
const MOST_VALUES: usize = 250_000;

/// Why a text is no policy at all. It does not name the policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAPolicy {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    NotJson(#[from] NotJson),
    /// It is JSON, of this kind.
    #[error("it is {0}, not a policy object")]
    NotAnObject(&'static str),
    /// It is an object without statements.
    #[error("it has no `Statement`")]
    NoStatement,
    /// It has more in it than any policy of AWS.
    #[error(
        "it has more than {MOST_STATEMENTS} statements or {MOST_VALUES} values, and no policy of AWS is that large"
    )]
    TooLarge,
    /// One of its statements is of this kind.
    #[error("a statement is {0}, not an object")]
    NotAStatement(&'static str),
    /// It is no resource control policy that AWS takes.
    #[error("statement {statement}: {problem}")]
    NoResourceControlPolicy {
        /// The number of the statement, from 0.
        statement: usize,
        /// What AWS does not take.
        problem: &'static str,
    },
}

impl Document {
    /// Parses a document. What IAM would refuse in it is no error but one of [`Document::all_problems`].
    ///
    /// # Errors
    /// Why the text is no policy at all.
    pub fn parse(text: &str, kind: DocumentKind) -> Result<Document, NotAPolicy> {
        if text.trim().is_empty() {
            return Err(NotAPolicy::Empty);
        }
        let json = Json::parse(text)?;
        let Json::Object(members) = &json else {
            return Err(NotAPolicy::NotAnObject(json.kind()));
        };
        let statements = members.iter().filter(|(name, _)| name == "Statement");
        let statements: usize = statements.map(|(_, value)| value.one_or_many().len()).sum();
        if statements > MOST_STATEMENTS || json.values() > MOST_VALUES {
            return Err(NotAPolicy::TooLarge);
        }
        let mut problems = Vec::new();
        let mut refusals = Vec::new();
        let mut versions = Vec::new();
        let mut statements = Vec::new();
        for (name, value) in members {
            match name.as_str() {
                "Version" => versions.push(value),
                "Id" if matches!(value, Json::String(_)) => {}
                "Id" => refusals.push(format!("`Id` is {}, not a string", value.kind())),
                "Statement" => statements.push(value),
                other => problems.push(format!("unknown element `{other}`")),
            }
        }
        match statements.len() {
            0 => return Err(NotAPolicy::NoStatement),
            1 => {}
            // Any of their statements may be in force, or none.
            _ => problems.push("`Statement` appears twice".to_owned()),
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
            other => Err(NotAPolicy::NotAStatement(other.kind())),
        });
        let statements: Vec<Statement> = statements.collect::<Result<_, _>>()?;
        if kind == DocumentKind::ResourceControl {
            rcp::refuse(&statements)?;
        }
        if statements.is_empty() {
            refusals.push("it has no statement".to_owned());
        }
        if members.iter().filter(|(name, _)| name == "Id").count() > 1 {
            refusals.push("`Id` stands twice".to_owned());
        }
        let twice = repeated(statements.iter().filter_map(|statement| statement.sid.as_deref()));
        refusals.extend(twice.iter().map(|sid| format!("two statements have the Sid `{sid}`")));
        Ok(Document { statements, problems, refusals })
    }

    /// Whether IAM refuses it as a whole. The example of AWS's own page, which people check before they fill it in, counts as filled in.
    pub fn is_refused(&self) -> bool {
        let statement = |statement: &Statement| {
            let Statement { problems, refusals, condition, resource, .. } = statement;
            let placeholders = resource.patterns().iter().filter(|pattern| pattern.is_placeholder()).count();
            let all = problems.len() + refusals.len() + condition.problems.len() + condition.refusals.len();
            all > placeholders
        };
        !(self.problems.is_empty() && self.refusals.is_empty()) || self.statements.iter().any(statement)
    }

    /// The same document, of which nothing is certain for this reason: IAM refuses it as a whole, say.
    pub fn in_doubt(&self, why: &str) -> Document {
        let mut document = self.clone();
        document.problems.push(why.to_owned());
        document
    }

    /// Everything that could not be understood, or that IAM refuses to store, with the place: empty for a sound document.
    pub fn all_problems(&self) -> Vec<String> {
        let statements = self.statements.iter().enumerate().flat_map(|(index, statement)| {
            let Statement { problems, refusals, condition, .. } = statement;
            let all = problems.iter().chain(refusals).chain(&condition.problems).chain(&condition.refusals);
            let sid = statement.sid.as_ref().map(|sid| format!(" (Sid `{sid}`)")).unwrap_or_default();
            all.map(move |problem| format!("statement {index}{sid}: {problem}"))
        });
        self.problems.iter().cloned().chain(statements).chain(self.refusals.iter().cloned()).collect()
    }
}

impl Statement {
    fn parse(members: &[(String, Json)], kind: DocumentKind, variables_live: bool) -> Statement {
        let mut problems = Vec::new();
        let mut refusals = Vec::new();
        let effect = parse_effect(members, &mut problems);
        let sid = parse_sid(members, kind, &mut refusals);
        let repeated = repeated(members.iter().map(|(name, _)| name.as_str()));
        let single = ["NotAction", "NotResource", "Condition", "Principal", "NotPrincipal"];
        let twice = single.into_iter().filter(|name| repeated.contains(name));
        problems.extend(twice.map(|name| format!("`{name}` stands twice")));
        // What these mean in policies that are older than the refusal is documented:
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_policies.html
        let merged = ["Sid", "Effect", "Action", "Resource"];
        let twice = merged.into_iter().filter(|name| repeated.contains(name));
        refusals.extend(twice.map(|name| format!("`{name}` stands twice")));
        let mut open = Vec::new();
        for (name, value) in members {
            match (name.as_str(), kind) {
                (OPEN_ELEMENT, _) => open.push(match value {
                    Json::String(what) => what.clone(),
                    _ => "it is not known in full".to_owned(),
                }),
                ("Sid" | "Effect" | "Action" | "NotAction" | "Condition", _)
                | (
                    "Resource" | "NotResource",
                    DocumentKind::Identity | DocumentKind::Scp | DocumentKind::Resource | DocumentKind::ResourceControl,
                )
                | (
                    "Principal" | "NotPrincipal",
                    DocumentKind::Trust | DocumentKind::Resource | DocumentKind::ResourceControl,
                ) => {}
                ("Principal" | "NotPrincipal", DocumentKind::Identity) => {
                    problems.push(format!("`{name}` does not belong in an identity policy"));
                }
                ("Principal" | "NotPrincipal", DocumentKind::Scp) => {
                    problems.push(format!("`{name}` does not belong in a service control policy"));
                }
                ("Resource" | "NotResource", DocumentKind::Trust) => {
                    problems.push(format!("`{name}` does not belong in a trust policy"));
                }
                (other, _) => problems.push(format!("unknown element `{other}`")),
            }
        }
        let action = parse_action(members, kind, &repeated, &mut problems);
        refusals.extend(action.refusals());
        let resource = parse_resource(members, kind, variables_live, &repeated, &mut problems);
        refusals.extend(resource.patterns().iter().filter_map(|pattern| pattern.refusal().map(str::to_owned)));
        for name in ["Action", "Resource"] {
            let mut values = members.iter().filter(|(other, _)| other == name).map(|(_, value)| value).peekable();
            if values.peek().is_some() && values.all(|value| value.one_or_many().is_empty()) {
                refusals.push(format!("`{name}` is empty"));
            }
        }
        let principal = match kind {
            DocumentKind::Trust | DocumentKind::Resource | DocumentKind::ResourceControl => {
                PrincipalElement::parse(members, &mut problems)
            }
            DocumentKind::Identity | DocumentKind::Scp => PrincipalElement::Missing,
        };
        let aws_principals = AwsPrincipals::parse(members);
        let condition = members.iter().find(|(name, _)| name == "Condition" && !repeated.contains("Condition"));
        let condition = condition.map(|(_, json)| Condition::parse(json, variables_live)).unwrap_or_default();
        Statement { sid, effect, principal, aws_principals, action, resource, condition, problems, refusals, open }
    }
}

impl ActionElement {
    /// Why IAM refuses its patterns.
    fn refusals(&self) -> impl Iterator<Item = String> {
        let patterns = match self {
            ActionElement::Action(patterns) | ActionElement::NotAction(patterns) => patterns.as_slice(),
            ActionElement::Missing => &[],
        };
        patterns.iter().filter_map(|pattern| pattern.refusal().map(str::to_owned))
    }
}

/// The last of several. See [Sid](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html) for its
/// characters, which only policies of identities are held to.
fn parse_sid(members: &[(String, Json)], kind: DocumentKind, refusals: &mut Vec<String>) -> Option<String> {
    let value = members.iter().rev().find(|(name, _)| name == "Sid").map(|(_, value)| value)?;
    let Json::String(sid) = value else {
        refusals.push(format!("`Sid` is {}, not a string", value.kind()));
        return None;
    };
    if kind == DocumentKind::Identity && !sid.bytes().all(|b| b.is_ascii_alphanumeric()) {
        refusals.push("a Sid holds only letters and digits".to_owned());
    }
    Some(sid.clone()).filter(|sid| !sid.is_empty())
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

fn parse_action(
    members: &[(String, Json)],
    kind: DocumentKind,
    repeated: &BTreeSet<&str>,
    problems: &mut Vec<String>,
) -> ActionElement {
    let parse = if kind == DocumentKind::Trust { ActionPattern::parse_of_trust } else { ActionPattern::parse };
    let patterns = |texts: Vec<String>| texts.iter().map(|text| parse(text)).collect();
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
    let completes = kind == DocumentKind::Identity;
    let patterns =
        |texts: Vec<String>| texts.iter().map(|text| ResourcePattern::parse(text, variables_live, completes)).collect();
    match parse_listed(members, "Resource", "NotResource", repeated, problems) {
        Listed::These(texts) => ResourceElement::Resource(patterns(texts)),
        Listed::AllBut(texts) => ResourceElement::NotResource(patterns(texts)),
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
