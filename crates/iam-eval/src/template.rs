//! Policy variables: `${aws:PrincipalTag/team, 'none'}` inside resources and condition values.
//!
//! Source: [IAM policy elements: variables and tags](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html).

use std::borrow::Cow;

use super::budget::{Size, length_of};
use super::context::{Context, Value, is_multivalued};
use super::pattern::{Pattern, Piece, piece_of};
use super::text::Part;
use super::truth::UnknownReason;

/// A string of a policy, its variables found.
#[derive(Debug, Clone)]
pub struct Template {
    parts: Vec<TemplatePart>,
    /// The pattern of a template without variables, made once: with wildcards, and without.
    fixed: Option<Box<(Pattern, Pattern)>>,
}

impl PartialEq for Template {
    fn eq(&self, other: &Template) -> bool {
        self.parts == other.parts
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePart {
    Text(String),
    /// `${*}`, `${?}` or `${$}`: that character, never a wildcard.
    Character(char),
    Variable {
        key: String,
        default: Option<String>,
    },
    /// A `${` that begins nothing that AWS documents.
    Broken,
}

impl Template {
    /// Finds the variables of `text`. They are live only under version `2012-10-17`; else `${...}` is plain text.
    pub fn parse(text: &str, variables_live: bool) -> Template {
        let parts = if variables_live { parse_parts(text) } else { vec![TemplatePart::Text(text.to_owned())] };
        let mut template = Template { parts, fixed: None };
        if let Some(fixed) = template.without_context() {
            template.fixed = Some(Box::new(fixed));
        }
        template
    }

    /// How much it has to match in a context.
    pub(super) fn size(&self, context: &Context) -> Size {
        let mut size = Size::default();
        for part in &self.parts {
            let characters = match part {
                TemplatePart::Text(text) => text.len() as u64,
                TemplatePart::Character(_) | TemplatePart::Broken => 1,
                TemplatePart::Variable { key, default } => {
                    size.variables += 1;
                    let default = default.as_ref().map_or(0, |default| default.len() as u64);
                    length_of(context.get(key)).max(default)
                }
            };
            size.characters = size.characters.saturating_add(characters);
        }
        size
    }

    /// The keys of its variables, in lower case.
    pub(super) fn keys(&self) -> impl Iterator<Item = String> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Variable { key, .. } => Some(key.to_ascii_lowercase()),
            TemplatePart::Text(_) | TemplatePart::Character(_) | TemplatePart::Broken => None,
        })
    }

    /// Whether it is the variable of `key` and nothing else.
    pub(super) fn is_variable(&self, key: &str) -> bool {
        matches!(self.parts.as_slice(), [TemplatePart::Variable { key: own, .. }] if own.eq_ignore_ascii_case(key))
    }

    /// The text, if it holds no variable at all: what typed operators (numbers, dates, ...) take.
    pub(super) fn as_plain(&self) -> Option<String> {
        self.parts
            .iter()
            .map(|part| match part {
                TemplatePart::Text(text) => Some(text.clone()),
                TemplatePart::Character(_) | TemplatePart::Variable { .. } | TemplatePart::Broken => None,
            })
            .collect()
    }

    /// The pattern with the context's values put in, and the variables whose value is not known; `None` if a variable
    /// has no value, so that it matches nothing. `wildcards` says whether the text's own `*` and `?` are live; what a
    /// variable puts in is literal always.
    pub(super) fn resolve(&self, context: &Context, wildcards: bool) -> Option<(Cow<'_, Pattern>, UnknownReason)> {
        match &self.fixed {
            Some(fixed) => {
                let (live, literal) = fixed.as_ref();
                Some((Cow::Borrowed(if wildcards { live } else { literal }), UnknownReason::default()))
            }
            None => {
                let (pieces, doubt) = self.pieces(context, wildcards)?;
                Some((Cow::Owned(Pattern::new(pieces)), doubt))
            }
        }
    }

    /// The pieces with the context's values put in, and the doubts; `None` if a variable has no value.
    pub(super) fn pieces(&self, context: &Context, wildcards: bool) -> Option<(Vec<Piece>, UnknownReason)> {
        let mut pieces = Vec::new();
        let mut doubt = UnknownReason::default();
        for part in &self.parts {
            match part {
                TemplatePart::Text(text) if wildcards => pieces.extend(text.chars().map(piece_of)),
                TemplatePart::Text(text) => pieces.extend(text.chars().map(Piece::Char)),
                TemplatePart::Character(c) => pieces.push(Piece::Char(*c)),
                TemplatePart::Broken => {
                    doubt = doubt.merge(UnknownReason::note("a policy variable that cannot be read"));
                    pieces.push(Piece::Unknown);
                }
                TemplatePart::Variable { key, default } => match (context.get(key), default) {
                    (Value::Present(values), _) if values.len() == 1 && !is_multivalued(key) => {
                        for part in values.iter().flat_map(|value| value.parts()) {
                            match part {
                                Part::Known(text) => pieces.extend(text.chars().map(Piece::Char)),
                                Part::Any | Part::Within { .. } | Part::Digit | Part::Placeholder(_) => {
                                    doubt = doubt.merge(context.doubt(key));
                                    pieces.push(Piece::Unknown);
                                }
                            }
                        }
                    }
                    (Value::Absent, Some(default)) => pieces.extend(default.chars().map(Piece::Char)),
                    (Value::Absent, None) => return None,
                    // Several values: AWS documents variables for single-valued keys only.
                    (
                        Value::Present(_)
                        | Value::OneOf(_)
                        | Value::Optional(_)
                        | Value::Between(..)
                        | Value::Unknowable,
                        _,
                    ) => {
                        doubt = doubt.merge(context.doubt(key));
                        pieces.push(Piece::Unknown);
                    }
                },
            }
        }
        Some((pieces, doubt))
    }

    fn without_context(&self) -> Option<(Pattern, Pattern)> {
        let fixed = |part: &TemplatePart| matches!(part, TemplatePart::Text(_) | TemplatePart::Character(_));
        if !self.parts.iter().all(fixed) {
            return None;
        }
        let nothing = Context::default();
        let (live, _) = self.pieces(&nothing, true)?;
        let (literal, _) = self.pieces(&nothing, false)?;
        Some((Pattern::new(live), Pattern::new(literal)))
    }
}

fn parse_parts(text: &str) -> Vec<TemplatePart> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if !before.is_empty() {
            parts.push(TemplatePart::Text(before.to_owned()));
        }
        let Some((inside, behind)) = split_at_closing_brace(after) else {
            parts.push(TemplatePart::Broken);
            return parts;
        };
        let part = parse_variable(inside);
        // Where one that cannot be read ends is not known either.
        let broken = part == TemplatePart::Broken;
        parts.push(part);
        if broken {
            return parts;
        }
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(TemplatePart::Text(rest.to_owned()));
    }
    parts
}

/// Splits at the first `}` that does not stand in a quoted default value.
fn split_at_closing_brace(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '}' if !quoted => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

fn parse_variable(inside: &str) -> TemplatePart {
    match inside {
        "*" => return TemplatePart::Character('*'),
        "?" => return TemplatePart::Character('?'),
        "$" => return TemplatePart::Character('$'),
        _ => {}
    }
    let (key, default) = match inside.split_once(',') {
        None => (inside.trim(), None),
        Some((key, quoted)) => {
            let quoted = quoted.trim();
            match quoted.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
                Some(default) if !default.contains('\'') => (key.trim(), Some(default.to_owned())),
                _ => return TemplatePart::Broken,
            }
        }
    };
    let legible = key.contains(':') && !key.contains(|c: char| c.is_control() || "{}$*?'".contains(c));
    if legible { TemplatePart::Variable { key: key.to_owned(), default } } else { TemplatePart::Broken }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::Match;
    use super::super::text::Text;
    use super::*;

    fn context() -> Context {
        let mut context = Context::default();
        context.set("aws:PrincipalTag/team", Value::known("a*b"));
        context.set("aws:username", Value::Absent);
        context.set("aws:userid", Value::Present(vec![Text::with_wildcards("AROA:*")]));
        context.set("aws:TagKeys", Value::Present(vec![Text::known("x"), Text::known("y")]));
        context
    }

    fn answer(template: &str, wildcards: bool, text: &str) -> Option<Match> {
        let template = Template::parse(template, true);
        template.resolve(&context(), wildcards).map(|(pattern, _)| pattern.matches(&Text::known(text)))
    }

    #[test]
    fn variables() {
        use Match::*;
        for (template, wildcards, text, expected) in [
            ("${aws:PrincipalTag/team}", true, "a*b", Some(Always)),
            ("${aws:PrincipalTag/team}", true, "axb", Some(Never)),
            ("${AWS:principaltag/TEAM}-*", true, "a*b-c", Some(Always)),
            ("${aws:username}", true, "x", None),
            ("${aws:username, 'none'}", true, "none", Some(Always)),
            ("${aws:username,'}'}", true, "}", Some(Always)),
            ("${aws:PrincipalTag/team, 'none'}", true, "none", Some(Never)),
            ("${aws:SourceVpce}", true, "x", Some(Maybe)),
            ("a${aws:SourceVpce, 'b'}", true, "x", Some(Never)),
            ("${aws:userid}", false, "AROA:i-1", Some(Maybe)),
            ("${aws:userid}", false, "AIDA", Some(Never)),
            ("${aws:TagKeys}", false, "x", Some(Maybe)),
            ("${*}${?}${$}", true, "*?$", Some(Always)),
            ("${*}", true, "x", Some(Never)),
            ("a*", false, "a*", Some(Always)),
            ("a*", false, "ab", Some(Never)),
            ("${open", true, "x", Some(Maybe)),
            ("${}", true, "x", Some(Maybe)),
            ("${aws:username, none}", true, "none", Some(Maybe)),
            ("$", true, "$", Some(Always)),
        ] {
            assert_eq!(answer(template, wildcards, text), expected, "{template} on {text}");
        }
    }

    #[test]
    fn without_the_new_version_a_variable_is_plain_text() {
        let template = Template::parse("${aws:username}*", false);
        let (pattern, doubt) = template.resolve(&context(), true).unwrap();
        assert_eq!(pattern.matches(&Text::known("${aws:username}x")), Match::Always);
        assert_eq!(doubt, UnknownReason::default());
    }
}
