//! Why a text is not the JSON that was expected, in words for whoever wrote it: the place, and what stands there.

use serde_json::error::Category;

/// As deep as serde_json reads.
const DEEPEST: usize = 127;

/// What is wrong with `text`, which gave `error`: for example "line 3, column 7: `}` is unexpected".
///
/// Lower case, without a trailing period; it goes behind "it is not JSON: " or the like.
pub fn in_words(error: &serde_json::Error, text: &str) -> String {
    let place = Place::of(error, text);
    match error.classify() {
        Category::Eof if text.trim().is_empty() => "it is empty".to_owned(),
        Category::Eof => format!("{}: the text ends here, and a string, array or object is not closed", place.name),
        Category::Syntax => format!("{}: {}", place.name, place.reason()),
        Category::Data => format!("{}: {}", place.name, of_shape(error)),
        Category::Io => "it cannot be read".to_owned(),
    }
}

/// What is wrong with JSON of another shape. serde tells the kinds of such errors apart in its words alone; whatever a type says of
/// itself is kept.
fn of_shape(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.strip_suffix(&format!(" at line {} column {}", error.line(), error.column())).unwrap_or(&text);
    let field = |prefix: &str| text.strip_prefix(prefix)?.split('`').nth(1);
    if let Some(name) = field("missing field ") {
        format!("the field `{name}` is missing")
    } else if let Some(name) = field("unknown field ") {
        format!("the field `{name}` is not known")
    } else if let Some(name) = field("duplicate field ") {
        format!("the field `{name}` stands twice")
    } else if let Some(name) = field("unknown variant ") {
        format!("`{name}` is not known here")
    } else if ["invalid type: ", "invalid value: ", "invalid length "].iter().any(|kind| text.starts_with(kind)) {
        "this value is of the wrong type, or not one that belongs here".to_owned()
    } else {
        text.to_owned()
    }
}

/// Where an error was noticed.
struct Place<'a> {
    /// `line 3, column 7`.
    name: String,
    before: &'a str,
    found: Option<char>,
}

impl<'a> Place<'a> {
    fn of(error: &serde_json::Error, text: &'a str) -> Place<'a> {
        // Columns are bytes, counted from 1; 0 is the line break before the line.
        let (mut line, column) = (error.line().max(1), error.column());
        let lines_before: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
        let mut offset = (lines_before + column).saturating_sub(1).min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let (before, rest) = text.split_at(offset);
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        if column == 0 {
            line = line.saturating_sub(1).max(1);
        }
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        Place { name: format!("line {line}, column {column}"), before, found: rest.chars().next() }
    }

    fn reason(&self) -> String {
        let last = self.before.trim_end().chars().next_back();
        match self.found {
            Some('}' | ']') if last == Some(',') => "there is a comma before it that nothing follows".to_owned(),
            Some('[' | '{') if self.depth() >= DEEPEST => format!("it is nested more than {DEEPEST} levels deep"),
            Some('\'') => "strings stand in double quotes".to_owned(),
            Some('/' | '#') => "JSON has no comments".to_owned(),
            Some('<') => "this looks like XML or HTML".to_owned(),
            Some(c) if c.is_control() => {
                "a line break, or another control character, stands inside a string".to_owned()
            }
            Some(c) => format!("`{c}` is unexpected"),
            None => "something is unexpected".to_owned(),
        }
    }

    /// How many arrays and objects are open.
    fn depth(&self) -> usize {
        let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
        for c in self.before.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' if in_string => escaped = true,
                '"' => in_string = !in_string,
                '[' | '{' if !in_string => depth += 1,
                ']' | '}' if !in_string => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        depth
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_no_json() {
        for (text, expected) in [
            ("", "it is empty"),
            (" \n", "it is empty"),
            ("hello", "line 1, column 1: `h` is unexpected"),
            ("<html>", "line 1, column 1: this looks like XML or HTML"),
            ("{\n  \"a\": 1,\n}", "line 3, column 1: there is a comma before it that nothing follows"),
            ("[1,]", "line 1, column 4: there is a comma before it that nothing follows"),
            ("{'a': 1}", "line 1, column 2: strings stand in double quotes"),
            ("{ // x\n}", "line 1, column 3: JSON has no comments"),
            ("{\"ä\": x}", "line 1, column 7: `x` is unexpected"),
            ("{\"a\": 1} {}", "line 1, column 10: `{` is unexpected"),
            ("{\"a\" 1}", "line 1, column 6: `1` is unexpected"),
            (
                "{\"a\": \"b\nc\"}",
                "line 1, column 9: a line break, or another control character, stands inside a string",
            ),
            ("{\"a\": [1", "line 1, column 8: the text ends here, and a string, array or object is not closed"),
        ] {
            let error = serde_json::from_str::<Value>(text).unwrap_err();
            assert_eq!(in_words(&error, text), expected, "{text:?}");
        }
        let bomb = "[".repeat(1000);
        let error = serde_json::from_str::<Value>(&bomb).unwrap_err();
        assert_eq!(in_words(&error, &bomb), "line 1, column 128: it is nested more than 127 levels deep");
    }

    #[test]
    fn what_is_json_of_another_shape() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Shape {
            #[expect(dead_code, reason = "only whether it is there counts")]
            name: String,
            #[serde(default)]
            #[expect(dead_code, reason = "only whether it is read counts")]
            kind: Option<Kind>,
        }
        #[derive(Debug, Deserialize)]
        enum Kind {
            One,
            #[serde(deserialize_with = "never")]
            Never(()),
        }
        fn never<'de, D: serde::Deserializer<'de>>(_: D) -> Result<(), D::Error> {
            Err(serde::de::Error::custom("`never` is no ARN"))
        }
        for (text, expected) in [
            ("{}", "line 1, column 2: the field `name` is missing"),
            (r#"{"name": "a", "more": 1}"#, "line 1, column 20: the field `more` is not known"),
            (r#"{"name": "a", "name": "b"}"#, "line 1, column 20: the field `name` stands twice"),
            (r#"{"name": 1}"#, "line 1, column 10: this value is of the wrong type, or not one that belongs here"),
            (r#"{"name": "a", "kind": "Two"}"#, "line 1, column 27: `Two` is not known here"),
            (r#"{"name": "a", "kind": {"Never": 1}}"#, "`never` is no ARN"),
        ] {
            let words = in_words(&serde_json::from_str::<Shape>(text).unwrap_err(), text);
            assert!(words.ends_with(expected), "{text} {words}");
        }
        assert!(serde_json::from_str::<Shape>(r#"{"name": "a", "kind": "One"}"#).is_ok());
    }
}
