//! What differs between two texts of a document, line by line.

use std::collections::BTreeSet;

use similar::{ChangeTag, TextDiff};

/// How many lines around a difference are shown.
const CONTEXT: usize = 3;

/// A line of a difference, as the document has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// Something to know about the comparison.
    Remark(&'static str),
    /// Where in the two texts the next lines stand: `@@ -1,3 +1,4 @@`.
    Place(String),
    /// In both.
    Kept(String),
    /// Only before.
    Removed(String),
    /// Only after.
    Added(String),
}

/// The unified difference of two texts; of one alone, all its lines.
///
/// JSON is compared as it would be laid out, since most documents stand on a single line. Where that would leave
/// something out, the texts are compared as they are.
pub(super) fn difference(before: Option<&str>, after: Option<&str>) -> Vec<Line> {
    let laid_out = |text: Option<&str>| text.map_or(Some(None), |text| lay_out(text).map(Some));
    let mut remark = None;
    let (old, new) = match (laid_out(before), laid_out(after)) {
        (Some(old), Some(new)) if old != new || before == after => (old, new),
        (Some(_), Some(_)) => {
            remark = Some(Line::Remark("only white space differs"));
            (before.map(str::to_owned), after.map(str::to_owned))
        }
        _ => (before.map(str::to_owned), after.map(str::to_owned)),
    };
    let lines = match (&old, &new) {
        (None, None) => Vec::new(),
        (None, Some(new)) => whole(new).map(Line::Added).collect(),
        (Some(old), None) => whole(old).map(Line::Removed).collect(),
        (Some(old), Some(new)) if old == new => vec![Line::Remark("the document stays as it is")],
        (Some(old), Some(new)) => hunks(old, new),
    };
    remark.into_iter().chain(lines).collect()
}

// Lines are not those of `str::lines`, which takes carriage returns away: they are to be seen.

fn whole(text: &str) -> impl Iterator<Item = String> {
    text.strip_suffix('\n').unwrap_or(text).split('\n').map(str::to_owned)
}

fn hunks(old: &str, new: &str) -> Vec<Line> {
    // A last newline is shown, as an empty line, only if it differs.
    let (old, new) = old.strip_suffix('\n').zip(new.strip_suffix('\n')).unwrap_or((old, new));
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let diff = TextDiff::from_slices(&old, &new);
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        lines.push(Line::Place(hunk.header().to_string()));
        lines.extend(hunk.iter_changes().map(|change| {
            let line = change.value().to_owned();
            match change.tag() {
                ChangeTag::Equal => Line::Kept(line),
                ChangeTag::Delete => Line::Removed(line),
                ChangeTag::Insert => Line::Added(line),
            }
        }));
    }
    lines
}

/// A JSON document with a line for each value. Only white space differs, as strings and numbers are copied.
///
/// `None` if it is no JSON that everybody reads alike: a key that is repeated or a number out of range.
fn lay_out(text: &str) -> Option<String> {
    serde_json::from_str::<serde_json::Value>(text).ok()?;
    let mut page = String::with_capacity(text.len() * 2);
    let mut keys: Vec<BTreeSet<String>> = Vec::new();
    let mut string = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                string = rest_of_string(&mut characters);
                page.push_str(&string);
            }
            ':' => {
                // Decoded, since a key can be written in several ways.
                if !keys.last_mut()?.insert(serde_json::from_str(&string).ok()?) {
                    return None;
                }
                page.push_str(": ");
            }
            '{' | '[' => {
                page.push(character);
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    page.push(end);
                } else {
                    keys.push(BTreeSet::new());
                    break_line(&mut page, keys.len());
                }
            }
            '}' | ']' => {
                keys.pop();
                break_line(&mut page, keys.len());
                page.push(character);
            }
            ',' => {
                page.push(character);
                break_line(&mut page, keys.len());
            }
            _ if character.is_ascii_whitespace() => {}
            _ => page.push(character),
        }
    }
    Some(page)
}

fn break_line(page: &mut String, depth: usize) {
    page.push('\n');
    page.extend(std::iter::repeat_n("  ", depth));
}

/// A string of a JSON text with both quotes, after its first one was read.
fn rest_of_string(characters: &mut impl Iterator<Item = char>) -> String {
    let mut string = String::from('"');
    while let Some(character) = characters.next() {
        string.push(character);
        match character {
            '"' => break,
            '\\' => string.extend(characters.next()),
            _ => {}
        }
    }
    string
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: Option<&str>, after: Option<&str>) -> String {
        let lines = difference(before, after).into_iter().map(|line| match line {
            Line::Remark(line) => format!("# {line}"),
            Line::Place(line) => line,
            Line::Kept(line) => format!(" {line}"),
            Line::Removed(line) => format!("-{line}"),
            Line::Added(line) => format!("+{line}"),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn json_is_laid_out_and_nothing_but_white_space_changes() {
        let text = " {\"a\" :[1.50,\t\"b\\\" , {\\u0041\",{ } ,[\r\n]],\"\\\\\":{\"c\":null}} ";
        let page = lay_out(text).unwrap();
        assert_eq!(
            page,
            "{\n  \"a\": [\n    1.50,\n    \"b\\\" , {\\u0041\",\n    {},\n    []\n  ],\n  \"\\\\\": {\n    \"c\": null\n  }\n}"
        );
        assert_eq!(lay_out(&page).unwrap(), page);
        let dense = |text: &str| text.split_ascii_whitespace().collect::<String>();
        assert_eq!(dense(&page), dense(text));
    }

    #[test]
    fn what_is_no_plain_json_is_not_laid_out() {
        for text in [
            "",
            "{",
            "{} {}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":2}",
            "[{\"x\":{\"b\":1,\"b\":1}}]",
            "[1e999]",
            &"[".repeat(100_000),
            &format!("{}{}", "[".repeat(1000), "]".repeat(1000)),
        ] {
            assert_eq!(lay_out(text), None, "{text:.20}");
        }
        for text in ["{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}", "[\"a\",\"a\"]", "7", "\"x\""] {
            assert!(lay_out(text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_difference_has_three_lines_around_it() {
        let before = r#"{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}"#;
        assert_eq!(
            shown(Some(before), Some(&before.replace("5", "0"))),
            "@@ -3,7 +3,7 @@\n   \"b\": 2,\n   \"c\": 3,\n   \"d\": 4,\n-  \"e\": 5,\n+  \"e\": 0,\n   \"f\": 6,\n   \"g\": 7,\n   \"h\": 8,"
        );
    }

    #[test]
    fn one_text_alone_is_shown_whole() {
        assert_eq!(shown(None, Some("{\"a\":[]}")), "+{\n+  \"a\": []\n+}");
        assert_eq!(shown(Some("[1]"), None), "-[\n-  1\n-]");
        assert_eq!(shown(None, Some("not\r\njson\n")), "+not\r\n+json");
        assert_eq!(shown(None, None), "");
    }

    #[test]
    fn nothing_that_differs_is_hidden() {
        for (before, after, expected) in [
            ("{}", "{}", "# the document stays as it is"),
            ("{}", "{ }", "# only white space differs\n@@ -1 +1 @@\n-{}\n+{ }"),
            ("{}\r\n", "{}\n", "# only white space differs\n@@ -1 +1 @@\n-{}\r\n+{}"),
            ("[]\n", "[]", "# only white space differs\n@@ -1,2 +1 @@\n []\n-"),
            ("[\"A\"]", "[\"\\u0041\"]", "@@ -1,3 +1,3 @@\n [\n-  \"A\"\n+  \"\\u0041\"\n ]"),
            (
                "{\"a\":1,\"b\":2}",
                "{\"b\":2,\"a\":1}",
                "@@ -1,4 +1,4 @@\n {\n-  \"a\": 1,\n-  \"b\": 2\n+  \"b\": 2,\n+  \"a\": 1\n }",
            ),
            ("[1]", "[1", "@@ -1 +1 @@\n-[1]\n+[1"),
            ("{\"a\":1,\"a\":2}", "{\"a\":2}", "@@ -1 +1 @@\n-{\"a\":1,\"a\":2}\n+{\"a\":2}"),
        ] {
            assert_eq!(shown(Some(before), Some(after)), expected);
        }
    }
}
