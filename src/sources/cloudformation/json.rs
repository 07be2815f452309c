//! JSON templates, with the line of each value.

use serde_json::value::RawValue;

use super::node::{Content, Extent, Member, Node, ReadError, check_depth, check_names};
use iam_eval::{Members, json_error};

/// Reads a template.
///
/// # Errors
/// If it is not JSON, or a name stands twice in an object.
pub fn read(text: &str) -> Result<Node, ReadError> {
    let in_words =
        |error: serde_json::Error| ReadError { line: None, column: None, message: json_error::in_words(&error, text) };
    let raw: &RawValue = serde_json::from_str(text).map_err(in_words)?;
    let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
    let mut reader = Reader { start: text.as_ptr() as usize, newlines, extent: Extent::default() };
    reader.node(raw, 0)
}

struct Reader {
    /// Where the text begins in memory. Raw values are pieces of it.
    start: usize,
    newlines: Vec<usize>,
    extent: Extent,
}

impl Reader {
    fn line_of(&self, raw: &RawValue) -> usize {
        let at = (raw.get().as_ptr() as usize).saturating_sub(self.start);
        self.newlines.partition_point(|newline| *newline < at) + 1
    }

    fn node(&mut self, raw: &RawValue, depth: usize) -> Result<Node, ReadError> {
        let line = self.line_of(raw);
        self.extent.count(1, line)?;
        check_depth(depth, line)?;
        let text = raw.get();
        let broken = |error: serde_json::Error| ReadError::at(line, json_error::in_words(&error, text));
        let content = match text.as_bytes().first() {
            Some(b'{') => {
                let Members(raw_members) = serde_json::from_str(text).map_err(broken)?;
                let mut members = Vec::new();
                for (name, raw) in raw_members {
                    let value = self.node(raw, depth + 1)?;
                    members.push(Member { name: name.into(), line: value.line, value });
                }
                check_names(&members)?;
                Content::Map(members)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(broken)?;
                let items: Result<_, _> = items.into_iter().map(|raw| self.node(raw, depth + 1)).collect();
                Content::List(items?)
            }
            Some(b'"') => Content::Text(serde_json::from_str::<String>(text).map_err(broken)?.into()),
            Some(b't') => Content::Bool(true),
            Some(b'f') => Content::Bool(false),
            Some(b'n') | None => Content::Null,
            Some(_) if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => Content::Number(text.into()),
            Some(_) => Content::Ambiguous(text.into()),
        };
        Ok(Node { line, content })
    }
}
