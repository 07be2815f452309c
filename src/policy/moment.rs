//! Points in time in conditions: ISO 8601 or seconds since 1970, each perhaps known only as a span.
//!
//! Source: [Date condition operators](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Date),
//! which take the [W3C profile of ISO 8601](https://www.w3.org/TR/NOTE-datetime) and epoch time.

use std::cmp::Ordering;

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};

use super::operator::Order;
use super::truth::{Doubt, Truth};

/// From when until when, both included.
pub(super) type Moments = (Timestamp, Timestamp);

/// Reads a date of a policy or a request. `None` if it is none.
///
/// A date without a time zone is a span: AWS does not say which zone it means.
pub(super) fn parse_moments(text: &str) -> Option<Moments> {
    if let Ok(point) = text.parse::<Timestamp>() {
        return Some((point, point));
    }
    // `2020` is a year to ISO 8601 and a time in 1970 to a clock, so shorter numbers are no answer.
    if text.len() > 4
        && let Ok(seconds) = text.parse::<f64>()
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    {
        let point = Timestamp::from_duration(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()?;
        return Some((point, point));
    }
    // The profile allows a time of hours and minutes.
    if let Some((start, zone)) = text.split_once('T').and_then(|(date, time)| {
        let at = time.find(['Z', '+', '-'])?;
        Some((format!("{date}T{}:00", time.get(..at)?), time.get(at..)?))
    }) && let Ok(point) = format!("{start}{zone}").parse::<Timestamp>()
    {
        return Some((point, point));
    }
    let civil =
        text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|date| date.to_datetime(Default::default())));
    let utc = civil.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    let widest = SignedDuration::from_hours(14);
    Some((utc.checked_sub(widest).ok()?, utc.checked_add(widest).ok()?))
}

/// Whether `order` holds between a request's and a policy's moment: unknown if it hangs on where in the spans they lie.
pub(super) fn compare_spans(order: Order, request: Moments, policy: Moments, doubt: impl FnOnce() -> Doubt) -> Truth {
    let lowest = request.0.cmp(&policy.1);
    let highest = request.1.cmp(&policy.0);
    // Every ordering from the lowest to the highest is possible.
    let possible = [Ordering::Less, Ordering::Equal, Ordering::Greater]
        .into_iter()
        .filter(|ordering| (lowest..=highest).contains(ordering));
    let answers: Vec<bool> = possible.map(|ordering| order.holds(ordering)).collect();
    match answers.as_slice() {
        all if all.iter().all(|answer| *answer) => Truth::True,
        all if all.iter().all(|answer| !answer) => Truth::False,
        _ => Truth::Unknown(doubt()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> Option<(i64, i64)> {
        parse_moments(text).map(|(from, until)| (from.as_second(), until.as_second()))
    }

    #[test]
    fn dates() {
        let noon = 1_577_880_000; // 2020-01-01T12:00:00Z
        let day = 14 * 3600;
        for (text, expected) in [
            ("2020-01-01T12:00:00Z", Some((noon, noon))),
            ("2020-01-01T12:00Z", Some((noon, noon))),
            ("2020-01-01T13:00:00.5+01:00", Some((noon, noon))),
            ("2020-01-01T13:00+01:00", Some((noon, noon))),
            ("1577880000", Some((noon, noon))),
            ("1577880000.25", Some((noon, noon))),
            ("2020-01-01T12:00:00", Some((noon - day, noon + day))),
            ("2020-01-01", Some((noon - 12 * 3600 - day, noon - 12 * 3600 + day))),
            ("2020", None),
            ("yesterday", None),
            ("1e12", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(span(text), expected, "{text}");
        }
    }

    #[test]
    fn orders_of_spans() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let doubt = || Doubt::note("span");
        let unknown = Truth::Unknown(doubt());
        for (order, request, policy, expected) in [
            (Order::Equal, (1, 1), (1, 1), Truth::True),
            (Order::Equal, (1, 3), (2, 2), unknown.clone()),
            (Order::Equal, (1, 3), (4, 4), Truth::False),
            (Order::Less, (1, 3), (4, 4), Truth::True),
            (Order::Less, (1, 3), (3, 3), unknown.clone()),
            (Order::LessOrEqual, (1, 3), (3, 3), Truth::True),
            (Order::Greater, (1, 3), (3, 3), Truth::False),
            (Order::GreaterOrEqual, (1, 3), (3, 3), unknown),
        ] {
            let answer = compare_spans(order, (at(request.0), at(request.1)), (at(policy.0), at(policy.1)), doubt);
            assert_eq!(answer, expected, "{order:?} {request:?} {policy:?}");
        }
    }
}
