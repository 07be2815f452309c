//! What the evaluation of a document for a request costs, before it is made.
//!
//! A match costs the length of the pattern times that of the text, and a document can have as many patterns as it likes. What AWS
//! stores is small. A larger document is not evaluated, and may say anything.

use super::action::ActionPattern;
use super::context::{Context, Value};
use super::document::{ActionElement, Document, Statement};
use super::evaluate::Request;
use super::resource::Resource;
use super::resource_policy::{ResourceAnswer, Said};
use super::text::{Part, Text};
use super::truth::{Truth, UnknownReason};

/// The steps of the evaluation of one policy for one request, about a nanosecond each. The largest policies of AWS take less than a
/// hundredth of them.
const EVALUATION_STEPS: u64 = 200_000_000;

/// Why a document that costs too much leaves the answer open.
pub(super) const TOO_LARGE: &str = "the policy is too large to evaluate";

/// A part of a document without its characters: to set up a comparison.
const PART: u64 = 16;
/// A problem that is carried along with the answer.
const PROBLEM: u64 = 64;
/// A variable: its value is looked up, and a pattern is made of it.
const VARIABLE: u64 = 1_000;

/// How much a pattern has to do.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    /// Its characters, the values of its variables among them.
    pub(super) characters: u64,
    /// Its variables.
    pub(super) variables: u64,
}

impl Size {
    /// The steps to compare it with a text of this length; a step is about a nanosecond.
    pub(super) fn steps(self, length: u64) -> u64 {
        let Size { characters, variables } = self;
        // 64 characters at a time for each one of the text, and each once to make the pattern.
        let matching = (characters / 64 + 1).saturating_mul(length.saturating_add(1));
        let variables = variables.saturating_mul(VARIABLE.saturating_add(length.saturating_mul(PART)));
        PART.saturating_add(matching).saturating_add(characters.saturating_mul(PART)).saturating_add(variables)
    }
}

impl Document {
    /// Whether to evaluate it for the request costs more than it may.
    pub(super) fn is_too_large_for(&self, request: &Request) -> bool {
        let text = match &request.resource {
            Resource::Arn(text) | Resource::ShownAs(text) | Resource::WildcardOnly { shown_as: text } => length(text),
            Resource::LogGroup { with_suffix, bare } => length(with_suffix).saturating_add(length(bare)),
        };
        self.is_too_large(&request.action, text, &request.context)
    }

    /// The same for an action and a context, without a resource.
    pub(super) fn is_too_large(&self, action: &str, resource: u64, context: &Context) -> bool {
        let mut left = EVALUATION_STEPS;
        let problems = self.problems.len() as u64;
        !self.statements.iter().all(|statement| {
            let steps = steps(statement, action.len() as u64, resource, context);
            let steps = steps.saturating_add(problems.saturating_mul(PROBLEM));
            left.checked_sub(steps).inspect(|rest| left = *rest).is_some()
        })
    }
}

/// What a policy of a resource says that is too large to evaluate.
pub(super) fn unknown() -> ResourceAnswer {
    let said = || Said { truth: Truth::Unknown(UnknownReason::note(TOO_LARGE)), statements: Vec::new() };
    ResourceAnswer { account: said(), role: said(), session: said(), denies: said(), near_misses: Vec::new() }
}

fn steps(statement: &Statement, action: u64, resource: u64, context: &Context) -> u64 {
    let actions = match &statement.action {
        ActionElement::Action(patterns) | ActionElement::NotAction(patterns) => patterns.as_slice(),
        ActionElement::Missing => &[],
    };
    let actions = actions.iter().map(ActionPattern::size).map(|size| size.steps(action));
    let resources = statement.resource.patterns().iter().map(|pattern| pattern.size(context).steps(resource));
    let values = statement.condition.sizes(context).map(|(key, size)| size.steps(length_of(context.get(key))));
    let problems = (statement.problems.len() + statement.open.len()) as u64;
    let problems = problems.saturating_mul(PROBLEM);
    actions.chain(resources).chain(values).fold(PART.saturating_add(problems), u64::saturating_add)
}

/// The characters of a key's values.
pub(super) fn length_of(value: &Value) -> u64 {
    match value {
        Value::Present(texts) | Value::OneOf(texts) | Value::Optional(texts) => {
            texts.iter().map(length).fold(0, u64::saturating_add)
        }
        Value::Absent | Value::Between(..) | Value::Unknowable => 1,
    }
}

fn length(text: &Text) -> u64 {
    let part = |part: &Part| match part {
        Part::Known(known) | Part::Placeholder(known) => known.len() as u64,
        Part::Any | Part::Digit | Part::Within { .. } => 1,
    };
    text.parts().iter().map(part).fold(1, u64::saturating_add)
}
