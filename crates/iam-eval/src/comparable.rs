//! What a key is compared with, so that the cases of a key of which nothing is known can be told apart.

use ipnet::IpNet;
use jiff::Timestamp;

use super::moment::parse_moments;
use super::operator::{Comparison, Order, network, number};
use super::pattern::{Match, Pattern};
use super::template::Template;
use super::text::Text;

/// What two comparisons of one key compare it with.
enum Related {
    Networks(IpNet, IpNet),
    Numbers((Order, f64), (Order, f64)),
    /// Every text that the first may be, and the pattern of the second.
    Patterns(Text, Pattern),
}

/// A comparison of a key with values of a policy, without its negation: it holds or not, and does so wherever it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Comparable {
    /// The value of the key compares so with this one.
    Value(Comparison, Template),
    /// Some value of the key compares so with one of these.
    Some(Comparison, Vec<Template>),
    /// Every value of the key compares so with one of these.
    Every(Comparison, Vec<Template>),
}

impl Comparable {
    /// A value that the key may hold so that the comparison holds: the one that it is compared with.
    pub(super) fn literal(&self) -> Option<String> {
        let Comparable::Value(comparison, template) = self else { return None };
        let text = template.as_plain()?;
        match comparison {
            Comparison::Text { .. } => Some(text).filter(|text| !text.contains(['*', '?'])),
            Comparison::Arn => Some(text).filter(|text| !text.contains(['*', '?']) && text.split(':').count() > 5),
            Comparison::Bool => Some(text.to_ascii_lowercase()),
            Comparison::Number(_) | Comparison::Date(_) | Comparison::Binary | Comparison::Address => None,
        }
    }

    /// The only value with which the comparison holds.
    pub(super) fn literal_that_is_equal(&self) -> Option<String> {
        match self {
            Comparable::Value(Comparison::Text { ignore_case: false, .. } | Comparison::Arn, _) => self.literal(),
            _ => None,
        }
    }

    /// Whether it is one of booleans.
    pub(super) fn is_bool(&self) -> bool {
        matches!(self, Comparable::Value(Comparison::Bool, _))
    }

    /// The moments that a date is compared with.
    pub(super) fn moments(&self) -> Option<(Timestamp, Timestamp)> {
        match self {
            Comparable::Value(Comparison::Date(_), template) => parse_moments(&template.as_plain()?),
            _ => None,
        }
    }

    /// Whether this may hold, or not, where another does, or does not.
    pub(super) fn may_be(&self, holds: bool, other: &Comparable, other_holds: bool) -> bool {
        match (holds, other_holds) {
            (true, true) => !self.excludes(other),
            (true, false) => !self.implies(other),
            (false, true) => !other.implies(self),
            (false, false) => !self.covers_all_with(other),
        }
    }

    /// Whether `other` certainly holds wherever this does: one range is part of another.
    fn implies(&self, other: &Comparable) -> bool {
        match self.related(other) {
            Some(Related::Networks(own, other)) => other.contains(&own),
            Some(Related::Numbers((order, own), (other_order, other))) => match (order, other_order) {
                (Order::Equal, _) => other_order.holds(own.total_cmp(&other)),
                (Order::LessOrEqual, Order::Less) => own < other,
                (Order::Less | Order::LessOrEqual, Order::Less | Order::LessOrEqual) => own <= other,
                _ => false,
            },
            Some(Related::Patterns(own, other)) => other.matches(&own) == Match::Always,
            None => false,
        }
    }

    /// Whether `other` certainly does not hold where this does: two ranges have nothing in common.
    fn excludes(&self, other: &Comparable) -> bool {
        match self.related(other) {
            Some(Related::Networks(own, other)) => !other.contains(&own) && !own.contains(&other),
            Some(Related::Numbers((Order::Equal, own), (other_order, other))) => {
                !other_order.holds(own.total_cmp(&other))
            }
            Some(Related::Numbers((order, own), (Order::Equal, other))) => !order.holds(other.total_cmp(&own)),
            Some(Related::Patterns(own, other)) => other.matches(&own) == Match::Never,
            Some(Related::Numbers(..)) | None => false,
        }
    }

    /// Whether one of the two always holds: every address is of one family or the other.
    fn covers_all_with(&self, other: &Comparable) -> bool {
        match self.related(other) {
            Some(Related::Networks(own, other)) => {
                own.prefix_len() == 0 && other.prefix_len() == 0 && own.addr().is_ipv4() != other.addr().is_ipv4()
            }
            _ => false,
        }
    }

    fn related(&self, other: &Comparable) -> Option<Related> {
        let (Comparable::Value(comparison, own), Comparable::Value(other_comparison, other)) = (self, other) else {
            return None;
        };
        let (own, other) = (own.as_plain()?, other.as_plain()?);
        match (*comparison, *other_comparison) {
            (Comparison::Address, Comparison::Address) => Some(Related::Networks(network(&own)?, network(&other)?)),
            (Comparison::Number(order), Comparison::Number(other_order)) => {
                Some(Related::Numbers((order, number(&own)?), (other_order, number(&other)?)))
            }
            (Comparison::Date(order), Comparison::Date(other_order)) => {
                let point =
                    |text: &str| parse_moments(text).filter(|(from, until)| from == until).map(|(from, _)| from);
                let seconds = |text: &str| {
                    point(text).filter(|point| point.subsec_nanosecond() == 0).map(|point| point.as_second() as f64)
                };
                Some(Related::Numbers((order, seconds(&own)?), (other_order, seconds(&other)?)))
            }
            (
                Comparison::Text { ignore_case: false, wildcards: true },
                Comparison::Text { ignore_case: false, wildcards: true },
            ) if !own.contains('?') => Some(Related::Patterns(Text::with_wildcards(&own), Pattern::wildcards(&other))),
            _ => None,
        }
    }

    /// Two orders of numbers or dates are each the opposite of another: the one that stands for both, and whether it is the opposite.
    pub(super) fn canonical(self) -> (Comparable, bool) {
        match self {
            Comparable::Value(comparison, template) => {
                let (comparison, opposite) = comparison.canonical();
                // One value may be written in several ways.
                let plain = template.as_plain();
                let same = match comparison {
                    Comparison::Text { ignore_case: true, .. } => plain.map(|text| text.to_lowercase()),
                    Comparison::Number(_) => plain.and_then(|text| number(&text)).map(|value| value.to_string()),
                    _ => None,
                };
                let template = same.map_or(template, |text| Template::parse(&text, false));
                (Comparable::Value(comparison, template), opposite)
            }
            set => (set, false),
        }
    }
}
