//! The `Resource` and `NotResource` elements.
//!
//! Source: [Resource](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html).

use super::context::Context;
use super::pattern::Match;
use super::template::Template;
use super::text::Text;
use super::truth::{Doubt, Truth};

/// The resource of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// An ARN, perhaps unknown in part.
    Arn(Text),
    /// The action has no resource type, so it is authorised on `*`; but error messages of AWS show this ARN.
    /// Where the two give different answers, the answer is unknown.
    WildcardOnly {
        /// The ARN in AWS's error messages.
        shown_as: Text,
    },
    /// A log group. AWS says to write its ARN with `:*` behind it, which this ARN stands for; what the ARN without
    /// it grants is not documented.
    LogGroup {
        /// The ARN with a trailing `:log-stream:`, as error messages show it.
        with_suffix: Text,
        /// The ARN without it.
        bare: Text,
    },
}

impl Resource {
    /// Whether patterns match this resource, by how they match a resource text.
    fn matches(&self, of: impl Fn(&Text) -> Truth) -> Truth {
        match self {
            Resource::Arn(text) => of(text),
            Resource::WildcardOnly { shown_as } => {
                let note = || {
                    format!(
                        "the action has no resource type, and it is not documented whether `{shown_as}` stands for it"
                    )
                };
                match (of(&Text::known("*")), of(shown_as)) {
                    (Truth::True, Truth::True) => Truth::True,
                    (Truth::False, Truth::False) => Truth::False,
                    (documented, shown) => documented.agree(shown, Doubt::note(note())),
                }
            }
            Resource::LogGroup { with_suffix, bare } => match (of(with_suffix), of(bare)) {
                (Truth::True, _) => Truth::True,
                (Truth::False, Truth::False) => Truth::False,
                (suffixed, bare) => {
                    let note = "whether the ARN of a log group without `:*` grants this is not documented";
                    suffixed.agree(bare, Doubt::note(note))
                }
            },
        }
    }
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Resource::Arn(text) => text.fmt(f),
            Resource::WildcardOnly { .. } => f.write_str("*"),
            Resource::LogGroup { bare, .. } => bare.fmt(f),
        }
    }
}

/// The element of a statement.
#[derive(Debug, Clone)]
pub enum ResourceElement {
    /// `Resource`: one of these patterns must match.
    Resource(Vec<Template>),
    /// `NotResource`: none of these patterns may match.
    NotResource(Vec<Template>),
    /// There is none, as in a trust policy.
    Missing,
}

impl ResourceElement {
    /// Whether it names an alias of a KMS key, which in `Resource` stands for the alias alone
    /// ([Specifying KMS keys in IAM policy statements](https://docs.aws.amazon.com/kms/latest/developerguide/cmks-in-iam-policies.html)).
    pub(super) fn names_alias(&self) -> bool {
        let ResourceElement::Resource(patterns) = self else { return false };
        patterns.iter().any(|pattern| {
            let text = pattern.as_plain().unwrap_or_default();
            text.splitn(6, ':').nth(5).is_some_and(|resource| resource.starts_with("alias/"))
        })
    }

    /// Whether the statement speaks of this resource.
    pub(super) fn applies_to(&self, resource: &Resource, context: &Context) -> Truth {
        match self {
            ResourceElement::Resource(patterns) => resource.matches(|text| any_matches(patterns, text, context)),
            ResourceElement::NotResource(patterns) => !resource.matches(|text| any_matches(patterns, text, context)),
            ResourceElement::Missing => Truth::True,
        }
    }
}

fn any_matches(patterns: &[Template], text: &Text, context: &Context) -> Truth {
    patterns.iter().map(|pattern| matches(pattern, text, context)).fold(Truth::False, Truth::or)
}

fn matches(template: &Template, text: &Text, context: &Context) -> Truth {
    let Some((pattern, doubt)) = template.resolve(context, true) else { return Truth::False };
    match pattern.matches_arn(text) {
        Match::Always => Truth::True,
        Match::Never => Truth::False,
        Match::Maybe if doubt == Doubt::default() => Truth::Unknown(Doubt::note(match text.as_known() {
            Some(_) => {
                "a `*` in the middle of an ARN segment would have to cross a colon, which is not documented".to_owned()
            }
            None => format!("the pattern covers only some of what `{text}` may be"),
        })),
        Match::Maybe => Truth::Unknown(doubt),
    }
}
