//! A string of a request, of which some parts may be unknown.

use std::fmt;

use super::pattern::{Match, Pattern, Piece};

/// A string made of known parts and unknown ones.
///
/// The ARN of "an instance of this account, I do not know which" is such a string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    parts: Vec<Part>,
}

/// A part of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// These characters.
    Known(String),
    /// Any run of characters, of any length.
    Any,
    /// A run of characters without a colon, and without a slash unless `slashes`.
    Within {
        /// Whether it may hold slashes.
        slashes: bool,
        /// Whether it may be empty.
        may_be_empty: bool,
    },
    /// One digit.
    Digit,
    /// A name that does not exist yet, by what stands for it: policies of the same source have this text in its place. To all other
    /// patterns it is a name of which nothing is known.
    Placeholder(String),
}

impl Part {
    /// A name: at least one character, no colon and no slash.
    pub const NAME: Part = Part::Within { slashes: false, may_be_empty: false };
    /// A path with a name at its end: at least one character, no colon.
    pub const PATH: Part = Part::Within { slashes: true, may_be_empty: false };
    /// What may follow a name: nothing, or more of it.
    pub const REST: Part = Part::Within { slashes: false, may_be_empty: true };

    fn is_known(&self) -> bool {
        matches!(self, Part::Known(_))
    }
}

impl From<&str> for Part {
    fn from(text: &str) -> Part {
        Part::Known(text.to_owned())
    }
}

/// `None` is a part of which nothing is known.
impl From<Option<&str>> for Part {
    fn from(text: Option<&str>) -> Part {
        text.map_or(Part::Any, Part::from)
    }
}

impl Text {
    /// A string that is known in full.
    pub fn known(text: impl Into<String>) -> Text {
        Text { parts: vec![Part::Known(text.into())] }
    }

    /// A string of which nothing is known.
    pub fn any() -> Text {
        Text { parts: vec![Part::Any] }
    }

    /// The parts one after another.
    pub fn of<P: Into<Part>>(parts: impl IntoIterator<Item = P>) -> Text {
        let mut text = Text { parts: Vec::new() };
        for part in parts {
            match (part.into(), text.parts.last_mut()) {
                (Part::Known(more), Some(Part::Known(known))) => known.push_str(&more),
                (Part::Any, Some(Part::Any)) => {}
                (part, _) => text.parts.push(part),
            }
        }
        text
    }

    /// A string in which each `*` stands for an unknown part.
    pub fn with_wildcards(text: &str) -> Text {
        let pieces = text.split('*').map(|known| Some(known).filter(|known| !known.is_empty()));
        let mut parts = Vec::new();
        for (index, piece) in pieces.enumerate() {
            if index > 0 {
                parts.push(None);
            }
            parts.extend(piece.map(Some));
        }
        Text::of(parts)
    }

    /// The whole string, if it is known in full.
    pub fn as_known(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Known(text)] => Some(text),
            [] => Some(""),
            _ => None,
        }
    }

    /// Whether it may be this text.
    pub(super) fn may_be(&self, text: &str) -> bool {
        Pattern::new(text.chars().map(Piece::Char)).matches(self) != Match::Never
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether nothing at all is known of it.
    pub(super) fn is_any(&self) -> bool {
        self.parts == [Part::Any]
    }

    /// The same with its letters made small, for comparisons that ignore case.
    pub(super) fn to_lowercase(&self) -> Text {
        let lower = |part: &Part| match part {
            // Letter by letter, as policies are: a whole string would get a special sigma at its end.
            Part::Known(text) => Part::Known(text.chars().flat_map(char::to_lowercase).collect()),
            unknown => unknown.clone(),
        };
        Text { parts: self.parts.iter().map(lower).collect() }
    }

    /// Splits at the first five colons of the known parts, as an ARN is split; an unknown part holds none.
    /// `None` if there are fewer.
    pub(super) fn split_arn(&self) -> Option<[Text; 6]> {
        let mut components: [Vec<Part>; 6] = Default::default();
        let mut at = 0;
        for part in &self.parts {
            match part {
                Part::Known(text) => {
                    for (index, piece) in text.splitn(6 - at, ':').enumerate() {
                        at += usize::from(index > 0);
                        components.get_mut(at)?.push(Part::from(piece));
                    }
                }
                unknown => components.get_mut(at)?.push(unknown.clone()),
            }
        }
        (at == 5).then(|| components.map(Text::of))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Unknown parts that touch show as one.
        let mut before = true;
        self.parts.iter().try_for_each(|part| {
            let known = std::mem::replace(&mut before, part.is_known());
            match part {
                Part::Known(text) | Part::Placeholder(text) => f.write_str(text),
                _ if known => f.write_str("*"),
                _ => Ok(()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_touch_become_one() {
        assert_eq!(Text::of([Some("a"), Some("b"), None, None, Some("c")]), Text::with_wildcards("ab**c"));
        assert_eq!(
            Text::of([Part::from("a"), Part::Digit, Part::Digit, Part::NAME, Part::from("b")]).to_string(),
            "a*b"
        );
        assert_eq!(Text::of([Some("a"), Some("b")]).as_known(), Some("ab"));
        assert_eq!(Text::with_wildcards("*a*").to_string(), "*a*");
        assert_eq!(Text::with_wildcards("").as_known(), Some(""));
    }

    #[test]
    fn an_arn_has_six_components_and_the_last_keeps_its_colons() {
        let split = |text: &str| Text::with_wildcards(text).split_arn().map(|parts| parts.map(|part| part.to_string()));
        let expected = ["arn", "aws", "logs", "*", "*", "log-group:a:b*"].map(str::to_owned);
        assert_eq!(split("arn:aws:logs:*:*:log-group:a:b*"), Some(expected));
        assert_eq!(split("arn:aws:logs:*:*"), None);
        assert_eq!(split(""), None);
    }
}
