//! Points in time in conditions: ISO 8601 or seconds since 1970, each perhaps known only as a span.
//!
//! Source: [Date condition operators](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Date),
//! which take the [W3C profile of ISO 8601](https://www.w3.org/TR/NOTE-datetime) and epoch time.

use std::cmp::Ordering;

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};

use super::operator::Order;
use super::truth::{Truth, UnknownReason};

/// From when until when, both included.
pub(super) type Moments = (Timestamp, Timestamp);

/// Reads a date of a policy or a request. `None` if it is none.
///
/// A date without a time or a time zone is a span: AWS does not say which moment of it is meant. Four digits are a year, not a second
/// of 1970.
pub(super) fn parse_moments(text: &str) -> Option<Moments> {
    if let Ok(point) = text.parse::<Timestamp>() {
        return Some((point, point));
    }
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
    let (first, last) = civil_span(text)?;
    let utc = |civil: DateTime| Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp());
    Some((utc(first)?.checked_sub(EASTERNMOST).ok()?, utc(last)?.checked_add(WESTERNMOST).ok()?))
}

/// The zones that are farthest from UTC.
const EASTERNMOST: SignedDuration = SignedDuration::from_hours(14);
const WESTERNMOST: SignedDuration = SignedDuration::from_hours(12);

/// The first and the last moment of a year, a month, a day or a time without a zone.
fn civil_span(text: &str) -> Option<(DateTime, DateTime)> {
    let day_of = |date: Date| {
        Some((date.to_datetime(Default::default()), date.tomorrow().ok()?.to_datetime(Default::default())))
    };
    let digits = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
    match text.split('-').collect::<Vec<_>>().as_slice() {
        [year] if digits(year, 4) => {
            let start = Date::new(year.parse().ok()?, 1, 1).ok()?;
            Some((day_of(start)?.0, day_of(start.last_of_year())?.1))
        }
        [year, month] if digits(year, 4) && digits(month, 2) => {
            let start = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
            Some((day_of(start)?.0, day_of(start.last_of_month())?.1))
        }
        _ => match text.contains('T') {
            true => text.parse::<DateTime>().ok().map(|time| (time, time)),
            false => day_of(text.parse::<Date>().ok()?),
        },
    }
}

/// Whether `order` holds between a request's and a policy's moment: unknown if it hangs on where in the spans they lie.
pub(super) fn compare_spans(
    order: Order,
    request: Moments,
    policy: Moments,
    doubt: impl FnOnce() -> UnknownReason,
) -> Truth {
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
        let hour = 3600;
        for (text, expected) in [
            ("2020-01-01T12:00:00Z", Some((noon, noon))),
            ("2020-01-01T12:00Z", Some((noon, noon))),
            ("2020-01-01T13:00:00.5+01:00", Some((noon, noon))),
            ("2020-01-01T13:00+01:00", Some((noon, noon))),
            ("1577880000", Some((noon, noon))),
            ("1577880000.25", Some((noon, noon))),
            ("2020-01-01T12:00:00", Some((noon - 14 * hour, noon + 12 * hour))),
            ("2020-01-01T12:00", Some((noon - 14 * hour, noon + 12 * hour))),
            ("2020-01-01", Some((noon - 26 * hour, noon + 24 * hour))),
            ("2020-01", Some((noon - 26 * hour, noon + (30 * 24 + 24) * hour))),
            ("2020", Some((noon - 26 * hour, noon + (365 * 24 + 24) * hour))),
            ("2020-13", None),
            ("2020-02-30", None),
            ("234-13", None),
            ("20200", Some((20_200, 20_200))),
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
        let doubt = || UnknownReason::note("span");
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
