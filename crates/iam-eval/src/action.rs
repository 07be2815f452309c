//! The `Action` and `NotAction` elements.
//!
//! Source: [Action](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html).

use super::budget::Size;
use super::pattern::{Match, Pattern};
use super::text::Text;
use super::truth::{Truth, UnknownReason};

/// One pattern of an action list.
#[derive(Debug, Clone)]
pub struct ActionPattern {
    kind: Kind,
    /// Why IAM refuses to store a policy with it, in words that name it.
    refusal: Option<String>,
}

#[derive(Debug, Clone)]
enum Kind {
    /// `*`, or `*:*`: every action.
    Every,
    /// A pattern with a service prefix, in lower case: names of actions ignore case.
    Prefixed(Pattern),
    /// Nothing behind the colon, or nothing at all: it matches no action.
    Nothing,
    /// IAM refuses it, so what it would match is not known: this is all that it could.
    Refused(Pattern),
}

impl ActionPattern {
    /// How much it has to match.
    pub(super) fn size(&self) -> Size {
        match &self.kind {
            Kind::Prefixed(pattern) | Kind::Refused(pattern) => Size { characters: pattern.length(), variables: 0 },
            Kind::Every | Kind::Nothing => Size::default(),
        }
    }

    /// Whether it is every action.
    pub(super) fn is_every(&self) -> bool {
        matches!(self.kind, Kind::Every)
    }

    /// Reads one pattern.
    pub fn parse(text: &str) -> ActionPattern {
        let pattern = |text: &str| Pattern::wildcards(&text.to_ascii_lowercase());
        let refusal = refusal(text).map(|why| format!("IAM refuses the action `{text}`: {why}"));
        let kind = match text.split_once(':') {
            _ if text.is_empty() => Kind::Nothing,
            _ if text == "*" || text == "*:*" => Kind::Every,
            Some((_, "")) => Kind::Nothing,
            // If IAM takes it at all, it may ignore the white space.
            _ if refusal.is_some() => Kind::Refused(pattern(&text.split_whitespace().collect::<String>())),
            _ => Kind::Prefixed(pattern(text)),
        };
        ActionPattern { kind, refusal }
    }

    /// The same in a trust policy, which names actions of STS only.
    pub(super) fn parse_of_trust(text: &str) -> ActionPattern {
        let pattern = ActionPattern::parse(text);
        let of_sts =
            text.split_once(':').is_none_or(|(service, _)| service.eq_ignore_ascii_case("sts") || service == "*");
        let refusal = pattern.refusal.clone().or_else(|| {
            (!of_sts).then(|| format!("IAM refuses the action `{text}`: a trust policy names only actions of `sts`"))
        });
        ActionPattern { refusal, ..pattern }
    }

    /// Why IAM refuses it, if it does.
    pub(super) fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Whether it matches `action`, which is in lower case. `listed_as_exception` says whether it stands in `NotAction`, where one
    /// that matches nothing widens the statement.
    fn matches(&self, action: &Text, listed_as_exception: bool) -> Truth {
        match &self.kind {
            Kind::Every => Truth::True,
            Kind::Prefixed(pattern) => (pattern.matches(action) == Match::Always).into(),
            Kind::Nothing => Truth::False,
            Kind::Refused(pattern) if !listed_as_exception && pattern.matches(action) == Match::Never => Truth::False,
            Kind::Refused(_) => Truth::Unknown(UnknownReason::note(self.refusal.clone().unwrap_or_default())),
        }
    }
}

/// Whether a pattern, such as `s3:Get*`, certainly matches the action `SERVICE:NAME`, in any case.
pub fn action_matches(pattern: &str, action: &str) -> bool {
    any_matches(&[ActionPattern::parse(pattern)], action).is_true()
}

/// Why IAM refuses a pattern, as its own errors say: "Actions/Conditions must be prefaced by a vendor", "Vendor ... is not valid",
/// "Action vendors must not contain wildcards", "Actions/Condition can contain only one colon".
fn refusal(text: &str) -> Option<&'static str> {
    if text == "*" || text == "*:*" {
        return None;
    }
    let Some((service, name)) = text.split_once(':') else {
        return Some("it has no service prefix");
    };
    let legible = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    match service {
        _ if text.contains(char::is_whitespace) => Some("it contains white space"),
        "" => Some("it has no service prefix"),
        _ if service.contains(['*', '?']) => Some("its service prefix contains a wildcard"),
        _ if !service.chars().all(legible) => Some("its service prefix is not the name of a service"),
        _ if name.contains(':') => Some("it contains two colons"),
        _ => None,
    }
}

/// Whether any of the patterns of `Action` matches the action `SERVICE:NAME`, in any case.
pub(super) fn any_matches(patterns: &[ActionPattern], action: &str) -> Truth {
    matched(patterns, action, false)
}

/// Whether any of the patterns of `NotAction` matches the action `SERVICE:NAME`, in any case.
pub(super) fn any_excepts(patterns: &[ActionPattern], action: &str) -> Truth {
    matched(patterns, action, true)
}

fn matched(patterns: &[ActionPattern], action: &str, listed_as_exception: bool) -> Truth {
    let action = Text::known(action.to_ascii_lowercase());
    patterns.iter().map(|pattern| pattern.matches(&action, listed_as_exception)).fold(Truth::False, Truth::or)
}

/// Whether it is an action of KMS.
pub(super) fn is_of_kms(action: &str) -> bool {
    action.split(':').next().is_some_and(|service| service.eq_ignore_ascii_case("kms"))
}
