//! YAML as CloudFormation reads it: short forms of functions, aliases and merge keys.
//!
//! Source: [CloudFormation template formats](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::node::{Content, Extent, Member, Node, ReadError, check_depth, check_names};

/// Reads a template. Recursion and memory are bounded, whatever the text.
///
/// # Errors
/// If it is not YAML, or not such YAML as CloudFormation takes.
pub fn read(text: &str) -> Result<Node, ReadError> {
    let mut reader = Reader { lines: Lines::of(text), ..Reader::default() };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| ReadError {
            line: Some(reader.lines.of_file(error.marker().line())),
            column: Some(error.marker().col() + 1),
            message: error.info().to_owned(),
        })?;
        reader.take(event, &span)?;
    }
    reader.root.ok_or_else(|| ReadError::at(1, "it is empty"))
}

/// The line of the file for each line of YAML, which ends at a lone carriage return too. Editors and code hosts do not count these.
#[derive(Default)]
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        let (mut line, mut lines) = (1, vec![1]);
        let mut letters = text.bytes().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                b'\n' => line += 1,
                b'\r' if letters.peek() != Some(&b'\n') => {}
                _ => continue,
            }
            lines.push(line);
        }
        Lines(lines)
    }

    fn of_file(&self, of_yaml: usize) -> usize {
        of_yaml.checked_sub(1).and_then(|index| self.0.get(index)).copied().unwrap_or(of_yaml)
    }
}

/// A list or mapping that is being read.
struct Open {
    line: usize,
    anchor: usize,
    tag: Option<Tag>,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map { members: Vec<Member>, name: Option<(Arc<str>, usize)>, merged: Vec<Node> },
}

/// A value that an alias can stand for.
struct Anchored {
    node: Node,
    nodes: usize,
    depth: usize,
}

#[derive(Default)]
struct Reader {
    lines: Lines,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    extent: Extent,
    root: Option<Node>,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), ReadError> {
        let line = self.lines.of_file(span.start.line());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.extent.count(1, line)?;
                if tag.is_none() && style == ScalarStyle::Plain && &*text == "<<" && self.awaits_name() {
                    return self.name("<<", line);
                }
                let content = scalar(&text, style, tag.as_deref(), line)?;
                let node = with_function(Node { line, content }, tag.as_deref())?;
                self.put(node, anchor)
            }
            Event::SequenceStart(anchor, tag) => self.start(line, anchor, tag.as_deref(), Inside::List(Vec::new())),
            Event::MappingStart(anchor, tag) => {
                let inside = Inside::Map { members: Vec::new(), name: None, merged: Vec::new() };
                self.start(line, anchor, tag.as_deref(), inside)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                let Some(anchored) = self.anchors.get(&anchor) else {
                    return Err(ReadError::at(line, "an alias stands inside the value that it refers to"));
                };
                check_depth(self.open.len() + anchored.depth, line)?;
                self.extent.count(anchored.nodes, line)?;
                let node = anchored.node.clone();
                self.put(node, 0)
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(ReadError::at(line, "a second YAML document begins, and a template is a single one"))
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn start(&mut self, line: usize, anchor: usize, tag: Option<&Tag>, inside: Inside) -> Result<(), ReadError> {
        self.extent.count(1, line)?;
        check_depth(self.open.len(), line)?;
        if self.awaits_name() {
            return Err(ReadError::at(line, "a list or a mapping stands where a name is expected"));
        }
        self.open.push(Open { line, anchor, tag: tag.cloned(), inside });
        Ok(())
    }

    fn end(&mut self) -> Result<(), ReadError> {
        let Some(Open { line, anchor, tag, inside }) = self.open.pop() else { return Ok(()) };
        let content = match inside {
            Inside::List(items) => Content::List(items),
            Inside::Map { mut members, merged, .. } => {
                check_names(&members)?;
                merge(&mut members, merged)?;
                Content::Map(members)
            }
        };
        let node = with_function(Node { line, content }, tag.as_ref())?;
        self.put(node, anchor)
    }

    /// Whether a name of a mapping comes next.
    fn awaits_name(&self) -> bool {
        matches!(self.open.last(), Some(Open { inside: Inside::Map { name: None, .. }, .. }))
    }

    fn name(&mut self, text: &str, line: usize) -> Result<(), ReadError> {
        if let Some(Open { inside: Inside::Map { name, .. }, .. }) = self.open.last_mut() {
            *name = Some((text.into(), line));
        }
        Ok(())
    }

    /// Puts a value where it belongs: into the list or mapping that is open, as a name of one, or as the whole.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), ReadError> {
        if anchor > 0 {
            let (nodes, depth) = measure(&node);
            self.extent.count(nodes, node.line)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), nodes, depth });
        }
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(node),
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Map { members, name, merged }) => match name.take() {
                None => match node.content {
                    Content::Text(text) | Content::Number(text) | Content::Ambiguous(text) => {
                        *name = Some((text, node.line));
                    }
                    Content::Bool(value) => *name = Some((value.to_string().into(), node.line)),
                    Content::Null | Content::List(_) | Content::Map(_) => {
                        return Err(ReadError::at(node.line, "a name is expected, and this is none"));
                    }
                },
                Some((text, _)) if &*text == "<<" => merged.push(node),
                Some((name, line)) => members.push(Member { name, line, value: node }),
            },
        }
        Ok(())
    }
}

/// How many values it has, and how deep they lie.
fn measure(node: &Node) -> (usize, usize) {
    let inner = match &node.content {
        Content::List(items) => items.iter().map(measure).reduce(both),
        Content::Map(members) => members.iter().map(|member| measure(&member.value)).reduce(both),
        _ => None,
    };
    let (nodes, depth) = inner.unwrap_or_default();
    (nodes + 1, depth + 1)
}

fn both(one: (usize, usize), other: (usize, usize)) -> (usize, usize) {
    (one.0 + other.0, one.1.max(other.1))
}

/// [Merge keys](https://yaml.org/type/merge.html): what a mapping holds itself wins, then what is merged first.
fn merge(members: &mut Vec<Member>, merged: Vec<Node>) -> Result<(), ReadError> {
    let mut names: HashSet<Arc<str>> = members.iter().map(|member| member.name.clone()).collect();
    for node in merged {
        let line = node.line;
        let maps = match node.content {
            Content::List(maps) => maps,
            content => vec![Node { line, content }],
        };
        for map in maps {
            let Content::Map(more) = map.content else {
                return Err(ReadError::at(line, "`<<` merges mappings, and this is none"));
            };
            for member in more {
                if names.insert(member.name.clone()) {
                    members.push(member);
                }
            }
        }
    }
    Ok(())
}

/// What a scalar says. A tag of a function leaves it the text that it is.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, line: usize) -> Result<Content, ReadError> {
    let is_plain = style == ScalarStyle::Plain;
    match tag {
        Some(tag) if tag.is_yaml_core_schema() => match tag.suffix.as_str() {
            "str" => Ok(Content::Text(text.into())),
            "bool" | "int" | "float" | "null" => Ok(plain(text)),
            other => Err(ReadError::at(line, format!("CloudFormation does not support the tag `!!{other}`"))),
        },
        None if is_plain => Ok(plain(text)),
        Some(_) | None => Ok(Content::Text(text.into())),
    }
}

/// A plain scalar by the types of [YAML 1.1](https://yaml.org/type/).
fn plain(text: &str) -> Content {
    let number = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "1"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        is_digits(whole)
            && is_digits(fraction)
            && (whole == "0" || !whole.starts_with('0'))
            && !fraction.ends_with('0')
            && text != "-0"
    };
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "true" | "True" | "TRUE" => Content::Bool(true),
        "false" | "False" | "FALSE" => Content::Bool(false),
        "y" | "Y" | "yes" | "Yes" | "YES" | "n" | "N" | "no" | "No" | "NO" | "on" | "On" | "ON" | "off" | "Off"
        | "OFF" => Content::Ambiguous(text.into()),
        text if number(text) => Content::Number(text.into()),
        text if looks_like_a_number(text) => Content::Ambiguous(text.into()),
        text => Content::Text(text.into()),
    }
}

/// Whether YAML 1.1 may read a number out of it: an octal or hexadecimal one, one of base 60, one with an exponent or with `_`.
fn looks_like_a_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let begins = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let is_date = digits.split('-').count() == 3;
    let of_numbers = |c: char| c.is_ascii_hexdigit() || ".:_+-xeE".contains(c);
    let special = matches!(digits.to_ascii_lowercase().as_str(), ".inf" | ".nan");
    special || begins && !is_date && digits.len() > 1 && is_one(digits, of_numbers)
}

/// Whether all of it may belong to one number: hexadecimal digits only behind `0x`, an exponent only behind digits.
fn is_one(digits: &str, of_numbers: impl Fn(char) -> bool) -> bool {
    if digits.starts_with("0x") {
        return digits.chars().all(of_numbers);
    }
    let exponent = digits.split(['e', 'E']).count() <= 2;
    let rest = |c: char| c.is_ascii_digit() || ".:_+-eE".contains(c);
    // An address or a version has more than one point.
    exponent && digits.matches('.').count() <= 1 && digits.chars().all(rest)
}

/// The function that a short form stands for, around its argument.
fn with_function(node: Node, tag: Option<&Tag>) -> Result<Node, ReadError> {
    let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) else { return Ok(node) };
    let line = node.line;
    if tag.handle.is_empty() {
        // `!` alone only says that the value is a string.
        return Ok(node);
    }
    let name = match tag.suffix.as_str() {
        "Ref" | "Condition" => tag.suffix.clone(),
        "And" | "Base64" | "Cidr" | "Contains" | "EachMemberEquals" | "EachMemberIn" | "Equals" | "FindInMap"
        | "GetAtt" | "GetAZs" | "GetStackOutput" | "If" | "ImportValue" | "Join" | "Length" | "Not" | "Or"
        | "RefAll" | "Select" | "Split" | "Sub" | "ToJsonString" | "Transform" | "ValueOf" | "ValueOfAll" => {
            format!("Fn::{}", tag.suffix)
        }
        other => {
            let message = format!("`!{other}` is not a function of CloudFormation; check its name");
            return Err(ReadError::at(line, message));
        }
    };
    let argument = match (tag.suffix.as_str(), &node.content) {
        ("GetAtt", Content::Text(text)) => {
            let parts = text.split_once('.');
            let items = parts.map(|(resource, attribute)| vec![resource, attribute]).unwrap_or_else(|| vec![text]);
            let items = items.into_iter().map(|text| Node { line, content: Content::Text(text.into()) }).collect();
            Node { line, content: Content::List(items) }
        }
        _ => node,
    };
    Ok(Node { line, content: Content::Map(vec![Member { name: name.into(), line, value: argument }]) })
}
