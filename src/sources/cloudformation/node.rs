//! A template as a tree of values, each with the line that it stands on.

use std::sync::Arc;

use crate::limits;

/// A value of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its line, from 1.
    pub line: usize,
    /// What it is.
    pub content: Content,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number that reads the same as text.
    Number(Arc<str>),
    /// A plain word that YAML 1.1 takes for something other than the text that stands there, such as `yes` or `0123`.
    Ambiguous(Arc<str>),
    /// A string.
    Text(Arc<str>),
    /// A list.
    List(Vec<Node>),
    /// A mapping, its members in order.
    Map(Vec<Member>),
}

/// A member of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: Arc<str>,
    /// The line of the name.
    pub line: usize,
    /// Its value.
    pub value: Node,
}

/// What keeps a text from being read as a template, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadError {
    /// The line, from 1; none where the message says the place.
    pub line: Option<usize>,
    /// The column, from 1, where it is known.
    pub column: Option<usize>,
    /// What is wrong there.
    pub message: String,
}

impl ReadError {
    /// An error on a line.
    pub fn at(line: usize, message: impl Into<String>) -> ReadError {
        ReadError { line: Some(line), column: None, message: message.into() }
    }
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(line) = self.line else { return f.write_str(&self.message) };
        write!(f, "line {line}")?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl Node {
    /// The member of this name, if it is a mapping that has one.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.members().iter().find(|member| &*member.name == name).map(|member| &member.value)
    }

    /// Its members; none if it is no mapping.
    pub fn members(&self) -> &[Member] {
        match &self.content {
            Content::Map(members) => members,
            _ => &[],
        }
    }

    /// Its text, if it is a string.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its only member, if it is a mapping of one.
    pub fn only_member(&self) -> Option<&Member> {
        match self.members() {
            [member] => Some(member),
            _ => None,
        }
    }

    /// What it is, in words.
    pub fn kind(&self) -> &'static str {
        match &self.content {
            Content::Null => "empty",
            Content::Bool(_) | Content::Ambiguous(_) | Content::Number(_) | Content::Text(_) => "a single value",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }
}

/// How much of a template has been read.
#[derive(Debug, Default)]
pub struct Extent {
    nodes: usize,
}

impl Extent {
    /// Counts values that were read, or put in by an alias.
    ///
    /// # Errors
    /// If there are more than a template can have.
    pub fn count(&mut self, nodes: usize, line: usize) -> Result<(), ReadError> {
        self.nodes = self.nodes.saturating_add(nodes);
        match self.nodes > limits::TEMPLATE_VALUES {
            true => Err(ReadError::at(
                line,
                format!("it has more than {} values, aliases counted", limits::TEMPLATE_VALUES),
            )),
            false => Ok(()),
        }
    }
}

/// Refuses what lies deeper than any template.
///
/// # Errors
/// If it lies so deep.
pub fn check_depth(depth: usize, line: usize) -> Result<(), ReadError> {
    match depth > limits::TEMPLATE_DEPTH {
        true => Err(ReadError::at(line, format!("it is nested more than {} levels deep", limits::TEMPLATE_DEPTH))),
        false => Ok(()),
    }
}

/// Refuses a name that stands twice in a mapping: which one holds is not for this tool to say.
///
/// # Errors
/// If one does.
pub fn check_names(members: &[Member]) -> Result<(), ReadError> {
    let mut seen = std::collections::BTreeMap::new();
    for member in members {
        if let Some(first) = seen.insert(&*member.name, member.line) {
            let name = &member.name;
            return Err(ReadError::at(member.line, format!("`{name}` stands twice; the first is on line {first}")));
        }
    }
    Ok(())
}
