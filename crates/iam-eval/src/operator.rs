//! Condition operators: their names, and how each compares one value of the request with one of the policy.
//!
//! Source: [IAM JSON policy elements: Condition operators](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html).

use std::cmp::Ordering;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ipnet::IpNet;

use super::context::Context;
use super::moment::{compare_spans, parse_moments};
use super::pattern::{Match, Pattern, Piece};
use super::template::Template;
use super::text::Text;
use super::truth::{Truth, UnknownReason};

/// What an operator compares, its negation and set prefix taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Text { ignore_case: bool, wildcards: bool },
    Number(Order),
    Date(Order),
    Bool,
    Binary,
    Address,
    Arn,
}

/// The order that a numeric or date operator asks for: request value against policy value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    pub fn holds(self, ordering: Ordering) -> bool {
        match self {
            Order::Equal => ordering.is_eq(),
            Order::Less => ordering.is_lt(),
            Order::LessOrEqual => ordering.is_le(),
            Order::Greater => ordering.is_gt(),
            Order::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// The comparison behind an operator's name and whether the operator negates it. `None` for a name that AWS does not
/// document; `Null` is no comparison and is not known here.
pub(super) fn by_name(name: &str) -> Option<(Comparison, bool)> {
    use Comparison::{Address, Arn, Binary, Bool, Date, Number};
    let text = |ignore_case, wildcards| Comparison::Text { ignore_case, wildcards };
    Some(match name {
        "StringEquals" => (text(false, false), false),
        "StringNotEquals" => (text(false, false), true),
        "StringEqualsIgnoreCase" => (text(true, false), false),
        "StringNotEqualsIgnoreCase" => (text(true, false), true),
        "StringLike" => (text(false, true), false),
        "StringNotLike" => (text(false, true), true),
        "NumericEquals" => (Number(Order::Equal), false),
        "NumericNotEquals" => (Number(Order::Equal), true),
        "NumericLessThan" => (Number(Order::Less), false),
        "NumericLessThanEquals" => (Number(Order::LessOrEqual), false),
        "NumericGreaterThan" => (Number(Order::Greater), false),
        "NumericGreaterThanEquals" => (Number(Order::GreaterOrEqual), false),
        "DateEquals" => (Date(Order::Equal), false),
        "DateNotEquals" => (Date(Order::Equal), true),
        "DateLessThan" => (Date(Order::Less), false),
        "DateLessThanEquals" => (Date(Order::LessOrEqual), false),
        "DateGreaterThan" => (Date(Order::Greater), false),
        "DateGreaterThanEquals" => (Date(Order::GreaterOrEqual), false),
        "Bool" => (Bool, false),
        "BinaryEquals" => (Binary, false),
        "IpAddress" => (Address, false),
        "NotIpAddress" => (Address, true),
        // The two forms of each are the same.
        "ArnEquals" | "ArnLike" => (Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Arn, true),
        _ => return None,
    })
}

impl Comparison {
    /// Of two comparisons that are each the opposite of the other the one that stands for both, and whether this is the other one.
    pub fn canonical(self) -> (Comparison, bool) {
        let order = |order: Order| match order {
            Order::GreaterOrEqual => (Order::Less, true),
            Order::Greater => (Order::LessOrEqual, true),
            Order::Equal | Order::Less | Order::LessOrEqual => (order, false),
        };
        match self {
            Comparison::Number(of_number) => {
                let (of_number, opposite) = order(of_number);
                (Comparison::Number(of_number), opposite)
            }
            Comparison::Date(of_date) => {
                let (of_date, opposite) = order(of_date);
                (Comparison::Date(of_date), opposite)
            }
            Comparison::Text { .. } | Comparison::Bool | Comparison::Binary | Comparison::Address | Comparison::Arn => {
                (self, false)
            }
        }
    }

    /// Compares one value of the request, for `key`, with one of the policy.
    pub fn compare(self, key: &str, value: &Text, policy: &Template, context: &Context) -> Truth {
        match self {
            Comparison::Text { ignore_case, wildcards } => {
                compare_text(key, value, policy, context, ignore_case, wildcards)
            }
            Comparison::Arn => compare_arn(key, value, policy, context),
            Comparison::Number(_)
            | Comparison::Date(_)
            | Comparison::Bool
            | Comparison::Binary
            | Comparison::Address => self.compare_typed(key, value, policy, context),
        }
    }

    /// The operators whose values are no strings. AWS documents variables for string and ARN operators only.
    fn compare_typed(self, key: &str, value: &Text, policy: &Template, context: &Context) -> Truth {
        let Some(policy) = policy.as_plain() else {
            return Truth::Unknown(UnknownReason::note(format!(
                "a policy variable for `{key}`, in an operator that takes none"
            )));
        };
        let Some(value) = value.as_known() else { return Truth::Unknown(context.doubt(key)) };
        let answer = match self {
            Comparison::Number(order) => {
                number(value).zip(number(&policy)).and_then(|(a, b)| Some(order.holds(compare_numbers(a, b)?).into()))
            }
            Comparison::Date(order) => parse_moments(value)
                .zip(parse_moments(&policy))
                .map(|(a, b)| compare_spans(order, a, b, || context.doubt(key))),
            Comparison::Bool => bool_of(value).zip(bool_of(&policy)).map(|(a, b)| (a == b).into()),
            Comparison::Binary => {
                let decoded = BASE64.decode(value).ok().zip(BASE64.decode(&policy).ok());
                decoded.map(|(a, b)| (a == b).into())
            }
            Comparison::Address => address(value).zip(network(&policy)).map(|(a, b)| b.contains(&a).into()),
            Comparison::Text { .. } | Comparison::Arn => None,
        };
        answer.unwrap_or_else(|| {
            Truth::Unknown(UnknownReason::note(format!("a value for `{key}` that its operator cannot read")))
        })
    }
}

fn compare_text(
    key: &str,
    value: &Text,
    policy: &Template,
    context: &Context,
    ignore_case: bool,
    wildcards: bool,
) -> Truth {
    // Whatever it holds, a key equals itself.
    if policy.is_variable(key) {
        return Truth::True;
    }
    if ignore_case {
        let Some((pieces, doubt)) = policy.pieces(context, wildcards) else { return Truth::False };
        let small = pieces.into_iter().flat_map(|piece| match piece {
            Piece::Char(c) => c.to_lowercase().map(Piece::Char).collect(),
            other => vec![other],
        });
        return truth(Pattern::new(small).matches(&value.to_lowercase()), doubt, key, value, context);
    }
    match policy.resolve(context, wildcards) {
        Some((pattern, doubt)) => truth(pattern.matches(value), doubt, key, value, context),
        None => Truth::False,
    }
}

/// Six components, compared one by one; only the sixth may hold colons.
fn compare_arn(key: &str, value: &Text, policy: &Template, context: &Context) -> Truth {
    let Some((mut pieces, doubt)) = policy.pieces(context, true) else { return Truth::False };
    let missing = 5_usize.saturating_sub(pieces.iter().filter(|piece| **piece == Piece::Char(':')).count());
    if missing == 0 || pieces.contains(&Piece::Unknown) {
        return compare_components(key, value, &pieces, &doubt, context);
    }
    // One with fewer components never matches, unless AWS completes it as it does in `Resource`, which it does not say.
    let is_arn = pieces.starts_with(&"arn:".chars().map(Piece::Char).collect::<Vec<_>>());
    if !is_arn && pieces != [Piece::Run] {
        return Truth::False;
    }
    pieces.extend([Piece::Char(':'), Piece::Run].repeat(missing));
    let note = "whether a pattern with fewer than six components is an ARN for `Arn*` operators is not documented";
    Truth::False.agree(compare_components(key, value, &pieces, &doubt, context), UnknownReason::note(note))
}

fn compare_components(key: &str, value: &Text, pieces: &[Piece], doubt: &UnknownReason, context: &Context) -> Truth {
    let unsettled = || {
        // A value of which nothing is known has no components to compare: only whether it can match at all is known.
        let never = Pattern::new(pieces.iter().copied()).matches(value) == Match::Never;
        if never { Truth::False } else { truth(Match::Maybe, doubt.clone(), key, value, context) }
    };
    if pieces.contains(&Piece::Unknown) || value.is_any() {
        return unsettled();
    }
    let components: Vec<&[Piece]> = pieces.splitn(6, |piece| *piece == Piece::Char(':')).collect();
    let Some(values) = value.split_arn() else {
        // Its unknown part may hold the colons that it lacks.
        return if value.as_known().is_some() { Truth::False } else { unsettled() };
    };
    if components.len() < values.len() {
        return Truth::False;
    }
    components.iter().zip(&values).fold(Truth::True, |answer, (component, part)| {
        let found = Pattern::new(component.iter().copied()).matches(part);
        answer.and(truth(found, doubt.clone(), key, value, context))
    })
}

/// A match in the words of truth; what is in doubt is the variables of the policy, the request's value, or both.
fn truth(found: Match, doubt: UnknownReason, key: &str, value: &Text, context: &Context) -> Truth {
    match found {
        Match::Always => Truth::True,
        Match::Never => Truth::False,
        Match::Maybe if value.as_known().is_some() => Truth::Unknown(doubt),
        Match::Maybe => Truth::Unknown(doubt.merge(context.doubt(key))),
    }
}

/// A decimal number. Rust would also read `inf` and `nan`.
pub(super) fn number(text: &str) -> Option<f64> {
    let decimal = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    text.parse().ok().filter(|_| decimal)
}

/// How two numbers compare. `None` if they are so large that different ones may look the same.
fn compare_numbers(a: f64, b: f64) -> Option<Ordering> {
    a.partial_cmp(&b).filter(|ordering| ordering.is_ne() || a.abs() < 9_007_199_254_740_992.0)
}

fn bool_of(text: &str) -> Option<bool> {
    [true, false].into_iter().find(|value| value.to_string().eq_ignore_ascii_case(text))
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// A CIDR block, or a single address.
pub(super) fn network(text: &str) -> Option<IpNet> {
    match text.split_once('/') {
        // The standard library is stricter on addresses than the CIDR parser: `010.0.0.1` is none.
        Some((start, length)) => IpNet::new(address(start)?, length.parse().ok()?).ok(),
        None => address(text).map(IpNet::from),
    }
}
