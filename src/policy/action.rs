//! The `Action` and `NotAction` elements.
//!
//! Source: [Action](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html).

use super::pattern::{Match, Pattern};
use super::text::Text;
use super::truth::{Doubt, Truth};

/// One pattern of an action list.
#[derive(Debug, Clone)]
pub struct ActionPattern {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// `*`: every action.
    Every,
    /// A pattern with a service prefix, in lower case: names of actions ignore case.
    Prefixed(Pattern),
    /// White space in it, or nothing behind the colon: it matches no action.
    Nothing,
    /// No service prefix. IAM refuses such a pattern, so what it would match is not known.
    Unprefixed(Pattern, String),
}

impl ActionPattern {
    /// Reads one pattern.
    pub fn parse(text: &str) -> ActionPattern {
        let pattern = || Pattern::wildcards(&text.to_ascii_lowercase());
        let kind = match text.split_once(':') {
            _ if text.contains(char::is_whitespace) || text.is_empty() => Kind::Nothing,
            Some((_, "")) => Kind::Nothing,
            Some(_) => Kind::Prefixed(pattern()),
            None if pattern().is_star() => Kind::Every,
            None => Kind::Unprefixed(pattern(), text.to_owned()),
        };
        ActionPattern { kind }
    }

    /// Whether it matches `action`, which is in lower case.
    fn matches(&self, action: &Text) -> Truth {
        match &self.kind {
            Kind::Every => Truth::True,
            Kind::Prefixed(pattern) => (pattern.matches(action) == Match::Always).into(),
            Kind::Nothing => Truth::False,
            Kind::Unprefixed(pattern, _) if pattern.matches(action) == Match::Never => Truth::False,
            Kind::Unprefixed(_, text) => {
                Truth::Unknown(Doubt::note(format!("the action `{text}` has no service prefix")))
            }
        }
    }
}

/// Whether a pattern, such as `s3:Get*`, certainly matches the action `SERVICE:NAME`, in any case.
pub fn action_matches(pattern: &str, action: &str) -> bool {
    any_matches(&[ActionPattern::parse(pattern)], action).is_true()
}

/// Whether any of the patterns matches the action `SERVICE:NAME`, in any case.
pub(super) fn any_matches(patterns: &[ActionPattern], action: &str) -> Truth {
    let action = Text::known(action.to_ascii_lowercase());
    patterns.iter().map(|pattern| pattern.matches(&action)).fold(Truth::False, Truth::or)
}
