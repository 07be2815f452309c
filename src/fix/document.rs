//! Adding statements to a policy document by splicing its text.
//!
//! A document that is read into values and written again loses what the reader did not expect: duplicate keys, the form
//! of numbers, the order of elements. So nothing is written again: what stands in the document stays, byte for byte,
//! and new statements are put behind the last one.
//!
//! `Version` is never added or changed: with `2008-10-17`, or without one, `${...}` is literal text in the statements
//! that are there ([IAM JSON policy elements: Version](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html)).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use serde_json::value::RawValue;

use crate::facts::PolicyText;
use iam_eval::{Json, Members};

/// What JSON takes for white space.
const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];
/// One step of indentation, where the document shows none.
const STEP: &str = "    ";

/// Why nothing can be added to a document. The words for it go behind the policy's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unfit {
    /// The text is no JSON; with what is wrong where.
    NotJson(String),
    /// It is JSON of this kind.
    NoObject(&'static str),
    /// There is no `Statement` to add to.
    NoStatement,
    /// Which of them is in force is not known.
    StatementTwice,
    /// `Statement` is of this kind.
    NoStatements(&'static str),
    /// An element of `Statement` is of this kind.
    StatementNoObject(&'static str),
    /// What came out is not the old statements with the new ones behind them.
    Unsafe,
}

/// A statement that grants something. Its elements are written in the order of AWS's examples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NewStatement {
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<Service>,
    action: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    service: String,
}

impl NewStatement {
    /// For an identity policy: allows `actions`, which are not empty, on `resource`.
    pub fn on_resource(actions: Vec<String>, resource: String) -> NewStatement {
        NewStatement { effect: "Allow", principal: None, action: actions, resource: Some(resource) }
    }

    /// For a trust policy: allows the AWS service `service` (`ec2.amazonaws.com`) `actions`, which are not empty.
    pub fn for_service(service: String, actions: Vec<String>) -> NewStatement {
        let principal = Some(Service { service });
        NewStatement { effect: "Allow", principal, action: actions, resource: None }
    }

    fn meaning(&self) -> Meaning<'static> {
        let mut meaning = Meaning::from([
            ("Effect", BTreeSet::from([self.effect.to_owned()])),
            ("Action", self.action.iter().map(|action| action.to_ascii_lowercase()).collect()),
        ]);
        if let Some(Service { service }) = &self.principal {
            meaning.insert("Principal", BTreeSet::from([service.clone()]));
        }
        if let Some(resource) = &self.resource {
            meaning.insert("Resource", BTreeSet::from([resource.clone()]));
        }
        meaning
    }
}

/// The document `existing` with the statements `added` behind its own, or a new document.
///
/// A statement that says the same as one that is there is not added; if none is left, the very same text comes back.
pub fn with_statements(existing: Option<&PolicyText>, added: &[NewStatement]) -> Result<PolicyText, Unfit> {
    let Some(existing) = existing else {
        let document = NewDocument { version: "2012-10-17", statement: &lacking(&[], added) };
        return pretty(&document, STEP).map(|text| PolicyText::new(&text)).ok_or(Unfit::Unsafe);
    };
    let text = existing.as_str();
    let before = statements(text)?;
    let added = lacking(&before, added);
    if added.is_empty() {
        return Ok(existing.clone());
    }
    let spliced = splice(text, &added).ok_or(Unfit::Unsafe)?;
    // It must never be this function that loses a statement.
    let whole =
        |after: Vec<Json>| after.starts_with(&before) && after.len().checked_sub(before.len()) == Some(added.len());
    if statements(&spliced).is_ok_and(whole) { Ok(PolicyText::new(&spliced)) } else { Err(Unfit::Unsafe) }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NewDocument<'a> {
    version: &'static str,
    statement: &'a [NewStatement],
}

/// The statements of a document, a single one as a list of one.
pub(super) fn statements(text: &str) -> Result<Vec<Json>, Unfit> {
    let members = match Json::parse(text).map_err(|why| Unfit::NotJson(why.to_string()))? {
        Json::Object(members) => members,
        other => return Err(Unfit::NoObject(other.kind())),
    };
    let mut found = members.into_iter().filter(|(name, _)| name == "Statement").map(|(_, value)| value);
    let statements = match (found.next(), found.next()) {
        (None, _) => return Err(Unfit::NoStatement),
        (Some(_), Some(_)) => return Err(Unfit::StatementTwice),
        (Some(Json::Array(elements)), None) => elements,
        (Some(single @ Json::Object(_)), None) => vec![single],
        (Some(other), None) => return Err(Unfit::NoStatements(other.kind())),
    };
    match statements.iter().find(|statement| !matches!(statement, Json::Object(_))) {
        Some(other) => Err(Unfit::StatementNoObject(other.kind())),
        None => Ok(statements),
    }
}

/// Those of `added` that say something new.
fn lacking(existing: &[Json], added: &[NewStatement]) -> Vec<NewStatement> {
    let mut said: Vec<Meaning<'_>> = existing.iter().filter_map(meaning).collect();
    let mut lacking = Vec::new();
    for statement in added {
        let meaning = statement.meaning();
        if said.contains(&meaning) {
            continue;
        }
        said.push(meaning);
        lacking.push(statement.clone());
    }
    lacking
}

/// What a statement's elements list, its Sid left out.
type Meaning<'a> = BTreeMap<&'a str, BTreeSet<String>>;

/// `None` if the statement has anything that a new one does not have: a condition, an element twice, another principal.
fn meaning(statement: &Json) -> Option<Meaning<'_>> {
    let Json::Object(members) = statement else { return None };
    let mut meaning = Meaning::new();
    for (name, value) in members.iter().filter(|(name, _)| name != "Sid") {
        let values = match (name.as_str(), value) {
            ("Effect", Json::String(_)) | ("Action" | "Resource", _) => value,
            ("Principal", Json::Object(principals)) => match principals.as_slice() {
                [(kind, services)] if kind == "Service" => services,
                _ => return None,
            },
            _ => return None,
        };
        let texts = values.one_or_many().iter().map(|value| match value {
            Json::String(text) if name == "Action" => Some(text.to_ascii_lowercase()),
            Json::String(text) => Some(text.clone()),
            _ => None,
        });
        if meaning.insert(name.as_str(), texts.collect::<Option<_>>()?).is_some() {
            return None;
        }
    }
    Some(meaning)
}

/// The text with statements behind the last one. `None` if the places cannot be found.
fn splice(text: &str, added: &[NewStatement]) -> Option<String> {
    let Members::<&RawValue>(members) = serde_json::from_str(text).ok()?;
    let (_, value) = members.into_iter().find(|(name, _)| name == "Statement")?;
    let all = range(text, value)?;
    if value.get().starts_with('{') {
        let (before, single, after) = (text.get(..all.start)?, value.get(), text.get(all.end..)?);
        let layout = Layout::of_statement(text, &all)?;
        return Some(format!("{before}[{single}{}]{after}", layout.following(layout.gap(), added)?));
    }
    let elements: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
    let (place, insertion) = match elements.last() {
        Some(last) => {
            let last = range(text, last)?;
            let layout = Layout::of_statement(text, &last)?;
            let space = white_space_before(text, last.start)?;
            let gap = if space.contains('\n') { space } else { layout.gap() };
            (last.end, layout.following(gap, added)?)
        }
        None => (all.start.checked_add(1)?, into_empty(text, &all, added)?),
    };
    Some(format!("{}{insertion}{}", text.get(..place)?, text.get(place..)?))
}

/// Where `part` stands in the `text` that it was borrowed from.
fn range(text: &str, part: &RawValue) -> Option<Range<usize>> {
    let start = part.get().as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let range = start..start.checked_add(part.get().len())?;
    (text.get(range.clone())? == part.get()).then_some(range)
}

/// How a statement is written so that it looks like its neighbours.
enum Layout {
    /// `{"Effect":"Allow"}`
    Compact,
    /// `{"Effect": "Allow"}`
    Spaced,
    /// On several lines, all but the first of them indented so, the inner ones by further steps.
    Lines { newline: &'static str, indentation: String, step: String },
}

impl Layout {
    /// As the statement at `range` is written.
    fn of_statement(text: &str, range: &Range<usize>) -> Option<Layout> {
        let statement = text.get(range.clone())?;
        if !statement.contains('\n') {
            return Some(Layout::on_one_line(text));
        }
        let closing_line = text.get(..range.end.checked_sub(1)?)?.rsplit('\n').next()?;
        let closes_alone = closing_line.trim_matches(WHITE_SPACE).is_empty();
        let indentation = if closes_alone { closing_line } else { indentation_at(text, range.start)? };
        let behind_brace = statement.get(1..)?;
        let space = behind_brace.strip_suffix(behind_brace.trim_start_matches(WHITE_SPACE))?;
        let step = space.rsplit_once('\n').and_then(|(_, inner)| inner.strip_prefix(indentation));
        let step = step.filter(|step| !step.is_empty()).unwrap_or(STEP);
        Some(Layout::Lines { newline: newline(text), indentation: indentation.to_owned(), step: step.to_owned() })
    }

    fn on_one_line(text: &str) -> Layout {
        if text.contains("\": ") { Layout::Spaced } else { Layout::Compact }
    }

    /// What stands between two statements that do not begin on lines of their own.
    fn gap(&self) -> &'static str {
        if matches!(self, Layout::Compact) { "" } else { " " }
    }

    /// The statements, a comma and `gap` before each.
    fn following(&self, gap: &str, added: &[NewStatement]) -> Option<String> {
        added.iter().map(|statement| Some(format!(",{gap}{}", self.write(statement)?))).collect()
    }

    // A line break within a string is written as `\n`, so that a real one always stands between JSON's tokens.
    fn write(&self, statement: &NewStatement) -> Option<String> {
        match self {
            Layout::Compact => serde_json::to_string(statement).ok().map(|json| as_iam_takes_it(&json)),
            Layout::Spaced => Some(pretty(statement, "")?.replace(",\n", ", ").replace('\n', "")),
            Layout::Lines { newline, indentation, step } => {
                Some(pretty(statement, step)?.replace('\n', &format!("{newline}{indentation}")))
            }
        }
    }
}

/// What goes behind the opening bracket of the empty array at `range`.
fn into_empty(text: &str, range: &Range<usize>, added: &[NewStatement]) -> Option<String> {
    if !text.trim_matches(WHITE_SPACE).contains('\n') {
        let layout = Layout::on_one_line(text);
        let statements: Option<Vec<String>> = added.iter().map(|statement| layout.write(statement)).collect();
        return Some(statements?.join(&format!(",{}", layout.gap())));
    }
    let (newline, outer) = (newline(text), indentation_at(text, range.start)?);
    // `Statement` stands one step in.
    let step = if outer.is_empty() { STEP } else { outer };
    let indentation = format!("{outer}{step}");
    let layout = Layout::Lines { newline, indentation: indentation.clone(), step: step.to_owned() };
    let lines = layout.following(&format!("{newline}{indentation}"), added)?;
    let lines = lines.strip_prefix(',')?;
    let closes_alone = text.get(range.clone())?.contains('\n');
    Some(if closes_alone { lines.to_owned() } else { format!("{lines}{newline}{outer}") })
}

fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// The white space at the start of the line that `place` is on.
fn indentation_at(text: &str, place: usize) -> Option<&str> {
    let line = text.get(..place)?.rsplit('\n').next()?;
    line.strip_suffix(line.trim_start_matches(WHITE_SPACE))
}

fn white_space_before(text: &str, place: usize) -> Option<&str> {
    let before = text.get(..place)?;
    before.strip_prefix(before.trim_end_matches(WHITE_SPACE))
}

fn pretty(value: &impl Serialize, step: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(step.as_bytes());
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter)).ok()?;
    String::from_utf8(bytes).ok().map(|json| as_iam_takes_it(&json))
}

/// The same JSON without characters above U+00FF, which IAM does not take: in strings, where alone they are, an escape means the same.
///
/// Source: [PutRolePolicy](https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html).
fn as_iam_takes_it(json: &str) -> String {
    escaped_unless(json, |character| character <= 'ÿ')
}

/// JSON with the characters of its strings as escapes, but for those that stay.
pub(crate) fn escaped_unless(json: &str, stays: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if stays(character) {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&format!("\\u{unit:04x}"));
        }
    }
    escaped
}
