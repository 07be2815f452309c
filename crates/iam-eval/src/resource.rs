//! The `Resource` and `NotResource` elements.
//!
//! Source: [Resource](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html).

use super::budget::Size;
use super::context::Context;
use super::pattern::Match;
use super::template::Template;
use super::text::Text;
use super::truth::{Truth, UnknownReason};

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
    /// The action has no resource type either, but AWS was seen to authorize it on this ARN, and grants it so itself.
    ShownAs(Text),
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
            Resource::Arn(text) | Resource::ShownAs(text) => of(text),
            Resource::WildcardOnly { shown_as } => {
                // It names no ARN: of a fleet's instances each has another one, and they share the answer.
                let note = "the action has no resource type, and it is not documented whether the ARN in the error messages of AWS \
                            stands for it";
                match (of(&Text::known("*")), of(shown_as)) {
                    (Truth::True, Truth::True) => Truth::True,
                    (Truth::False, Truth::False) => Truth::False,
                    (documented, shown) => documented.agree(shown, UnknownReason::note(note)),
                }
            }
            Resource::LogGroup { with_suffix, bare } => match (of(with_suffix), of(bare)) {
                (Truth::True, _) => Truth::True,
                (Truth::False, Truth::False) => Truth::False,
                (suffixed, bare) => {
                    let note = "whether the ARN of a log group without `:*` grants this is not documented";
                    suffixed.agree(bare, UnknownReason::note(note))
                }
            },
        }
    }
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Resource::Arn(text) => text.fmt(f),
            Resource::WildcardOnly { .. } | Resource::ShownAs(_) => f.write_str("*"),
            Resource::LogGroup { bare, .. } => bare.fmt(f),
        }
    }
}

/// The element of a statement.
#[derive(Debug, Clone)]
pub enum ResourceElement {
    /// `Resource`: one of these patterns must match.
    Resource(Vec<ResourcePattern>),
    /// `NotResource`: none of these patterns may match.
    NotResource(Vec<ResourcePattern>),
    /// There is none, as in a trust policy.
    Missing,
}

impl ResourceElement {
    /// Whether it names an alias of a KMS key, which in `Resource` stands for the alias alone
    /// ([Specifying KMS keys in IAM policy statements](https://docs.aws.amazon.com/kms/latest/developerguide/cmks-in-iam-policies.html)).
    pub(super) fn names_alias(&self) -> bool {
        let ResourceElement::Resource(patterns) = self else { return false };
        patterns.iter().any(|pattern| {
            let text = pattern.written.as_plain().unwrap_or_default();
            text.splitn(6, ':').nth(5).is_some_and(|resource| resource.starts_with("alias/"))
        })
    }

    /// Whether the statement speaks of this resource.
    pub(super) fn applies_to(&self, resource: &Resource, context: &Context) -> Truth {
        match self {
            ResourceElement::Resource(patterns) => resource.matches(|text| any_matches(patterns, text, context)),
            ResourceElement::NotResource(patterns) => {
                // A pattern that matches nothing widens the statement, so one that IAM refuses settles nothing here.
                let refused = patterns.iter().find_map(ResourcePattern::refusal);
                let refused = refused.map_or(Truth::False, |why| Truth::Unknown(UnknownReason::note(why)));
                !resource.matches(|text| any_matches(patterns, text, context)).or(refused)
            }
            ResourceElement::Missing => Truth::True,
        }
    }

    /// Its patterns.
    pub(super) fn patterns(&self) -> &[ResourcePattern] {
        match self {
            ResourceElement::Resource(patterns) | ResourceElement::NotResource(patterns) => patterns,
            ResourceElement::Missing => &[],
        }
    }
}

/// One pattern of a resource list.
#[derive(Debug, Clone)]
pub struct ResourcePattern {
    /// The pattern as it is written.
    written: Template,
    /// The same with the fields that it lacks, each a `*`; `None` if it lacks none.
    completed: Option<Template>,
    standing: Standing,
}

#[derive(Debug, Clone)]
enum Standing {
    /// AWS documents what it matches.
    Documented,
    /// An ARN with too few fields, where AWS does not say that it is completed.
    Undocumented,
    /// IAM refuses to store a policy with it, for this reason.
    Refused(String),
}

impl ResourcePattern {
    /// Whether it is every resource.
    pub(super) fn is_every(&self) -> bool {
        self.written.as_plain().as_deref() == Some("*")
    }

    /// Reads one pattern. `completes` says whether it stands in a policy of an identity, where AWS documents that an incomplete ARN
    /// is completed with `*`
    /// ([wildcards in ARNs](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns)).
    pub(super) fn parse(text: &str, variables_live: bool, completes: bool) -> ResourcePattern {
        let template = |text: &str| Template::parse(text, variables_live);
        let missing = 6_usize.saturating_sub(text.split(':').count());
        let completed = (text != "*" && missing > 0).then(|| template(&format!("{text}{}", ":*".repeat(missing))));
        let standing = match refusal(text, variables_live) {
            Some(why) => Standing::Refused(format!("IAM refuses the resource `{text}`: {why}")),
            None if completed.is_some() && !completes => Standing::Undocumented,
            None => Standing::Documented,
        };
        ResourcePattern { written: template(text), completed, standing }
    }

    /// Why IAM refuses it, if it does.
    pub(super) fn refusal(&self) -> Option<&str> {
        match &self.standing {
            Standing::Refused(why) => Some(why),
            Standing::Documented | Standing::Undocumented => None,
        }
    }

    /// Whether it is what AWS's page on existing instance profiles has in the place of a key's ARN
    /// ([example policy](https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-add-permissions-to-existing-profile.html)).
    pub(super) fn is_placeholder(&self) -> bool {
        self.written.as_plain().as_deref() == Some(PLACEHOLDER)
    }

    /// How much it has to match in a context, as it is written.
    pub(super) fn size(&self, context: &Context) -> Size {
        self.written.size(context)
    }

    /// The keys of its variables, in lower case.
    pub(super) fn keys(&self) -> impl Iterator<Item = String> {
        self.written.keys()
    }

    fn matches(&self, text: &Text, context: &Context) -> Truth {
        let written = matches(&self.written, text, context);
        let Some(completed) = &self.completed else { return self.judged(written) };
        let completed = matches(completed, text, context);
        match &self.standing {
            // A `*` at the end of a field may run over colons, and would then need no completion.
            Standing::Documented if completed.is_false() && !written.is_false() => {
                let note = "an ARN with too few fields whose wildcards would have to stand for several";
                Truth::Unknown(UnknownReason::note(note))
            }
            Standing::Documented => completed,
            Standing::Undocumented => {
                let note = "whether an ARN with too few fields is completed with `*` here is not documented";
                written.agree(completed, UnknownReason::note(note))
            }
            Standing::Refused(_) => self.judged(written.or(completed)),
        }
    }

    /// What a match means: of a pattern that IAM refuses only that it cannot match is certain.
    fn judged(&self, matched: Truth) -> Truth {
        match self.refusal() {
            Some(why) if !matched.is_false() => Truth::Unknown(UnknownReason::note(why)),
            _ => matched,
        }
    }
}

/// See [`ResourcePattern::is_placeholder`].
const PLACEHOLDER: &str = "key-name";

/// Partitions of AWS begin so. Source: [Amazon Resource Names](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html).
const PARTITION: &str = "aws";

/// What the resource of an IAM ARN can begin with, as the error of IAM lists it: "IAM resource path must either be \"*\" or start
/// with ...".
const IAM_PATHS: [&str; 16] = [
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "u2f/",
    "sms-mfa/",
    "server-certificate/",
    "policy/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
    "delegation-request/",
    // AWS's own policies name it, and the error does not.
    "root",
];

/// Why IAM refuses a pattern, as its own errors say: "must be in ARN format or \"*\"", "Partition ... is not valid", "Resource vendor
/// must be fully qualified and cannot contain regexes", "can not contain region information", "The policy failed legacy parsing".
fn refusal(text: &str, variables_live: bool) -> Option<&'static str> {
    if text == "*" {
        return None;
    }
    if text == PLACEHOLDER {
        return Some("it is the placeholder of the AWS page, for the ARN of the key");
    }
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    let wild = |field: &str| field.contains(['*', '?']);
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    let before_resource = fields.get(..5.min(fields.len())).unwrap_or_default();
    let (partition, service, region, account, resource) = (field(1), field(2), field(3), field(4), field(5));
    if text.trim() != text || field(0) != "arn" || fields.len() == 1 {
        return Some("it is neither an ARN nor `*`");
    }
    if variables_live && before_resource.iter().any(|field| field.contains("${")) {
        return Some("a policy variable can only stand behind the fifth colon of an ARN");
    }
    if !wild(partition) && !partition.starts_with(PARTITION) {
        return Some("it names no partition of AWS");
    }
    if fields.len() < 3 || service.is_empty() {
        return Some("it names no service");
    }
    if wild(service) {
        return Some("the service of an ARN cannot contain wildcards");
    }
    if !service.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)) {
        return Some("it names no service");
    }
    if fields.len() < 6 {
        return text.contains("::").then_some("it has too few fields, and an empty one");
    }
    // Of others AWS's own policies have it so.
    if resource.is_empty() && matches!(service, "s3" | "iam") {
        return Some("it names no resource");
    }
    if !region.is_empty() && !wild(region) && (service == "iam" || service == "s3" && account.is_empty()) {
        return Some("an ARN of this service names no Region");
    }
    let start = resource.split(['*', '?', '$']).next().unwrap_or_default();
    let may_begin = |known: &&str| start.starts_with(*known) || start != resource && known.starts_with(start);
    (service == "iam" && !IAM_PATHS.iter().any(may_begin)).then_some("it names no resource of IAM")
}

fn any_matches(patterns: &[ResourcePattern], text: &Text, context: &Context) -> Truth {
    patterns.iter().map(|pattern| pattern.matches(text, context)).fold(Truth::False, Truth::or)
}

fn matches(template: &Template, text: &Text, context: &Context) -> Truth {
    let Some((pattern, doubt)) = template.resolve(context, true) else { return Truth::False };
    match pattern.matches_arn(text) {
        Match::Always => Truth::True,
        Match::Never => Truth::False,
        Match::Maybe if doubt == UnknownReason::default() => {
            Truth::Unknown(UnknownReason::note(match text.as_known() {
                Some(_) => "a `*` in the middle of an ARN segment would have to cross a colon, which is not documented"
                    .to_owned(),
                None => format!("the pattern covers only some of what `{text}` may be"),
            }))
        }
        Match::Maybe => Truth::Unknown(doubt),
    }
}
