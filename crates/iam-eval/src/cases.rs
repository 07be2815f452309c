//! Answers that hold in every case, although it is not known which case it is.
//!
//! A key of which nothing is known is absent, or holds one of the values that the policies name, or holds another value. Where the
//! policies give the same answer in each of these cases, the answer is certain: one of `Null: true` and `Null: false` always
//! holds, and so does one of `StringEquals` and `StringNotEquals` with the same value.
//!
//! The cases may include some that cannot occur. That is safe: it can only leave open what is certain.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::comparable::Comparable;
use super::condition::Condition;
use super::context::{Context, Value, is_multivalued};
use super::text::Text;
use super::truth::{Truth, UnknownReason};

/// So many contexts are tried before the answer stays unknown, of policies that compare few values.
const MOST_CASES: usize = 500;
/// So many comparisons are made before the answer stays unknown.
const MOST_COMPARISONS: usize = 50_000;
/// So many values may be named for one key before it is not split.
const MOST_VALUES: usize = 200;
/// In so many ways may the comparisons of one key hold or not before it is not split.
const MOST_CHOICES: usize = 100;
/// So many keys may leave an answer open before none is split. What people write to cover every case covers those of one key or two.
const MOST_KEYS: usize = 8;

/// What is answered in each case, if it is certain in each: `None` if it is not, or if two answers do not agree.
///
/// `decide` gives the answer in a context, or what it depends on there; `conditions` are all that it looks at.
pub(super) fn in_every_case<T>(
    context: &Context,
    conditions: &[&Condition],
    decide: impl Fn(&Context) -> Result<T, UnknownReason>,
    agree: impl Fn(&T, &T) -> bool,
) -> Option<Vec<T>> {
    let size: usize = conditions.iter().map(|condition| 1 + condition.size()).sum();
    let left = MOST_CASES.min(MOST_COMPARISONS / size.max(1));
    let mut search = Search { conditions, decide, agree, answers: Vec::new(), left };
    search.settles(context, &BTreeSet::new()).then_some(search.answers).filter(|answers| !answers.is_empty())
}

/// The truth in every case, if it is the same in each.
pub(super) fn truth(context: &Context, conditions: &[&Condition], decide: impl Fn(&Context) -> Truth) -> Truth {
    let doubt = match decide(context) {
        Truth::Unknown(doubt) if !doubt.keys.is_empty() => doubt,
        certain => return certain,
    };
    let certain = |context: &Context| match decide(context) {
        Truth::True => Ok(true),
        Truth::False => Ok(false),
        Truth::Unknown(doubt) => Err(doubt),
    };
    let answers = in_every_case(context, conditions, certain, |a, b| a == b);
    answers.and_then(|answers| answers.first().copied()).map_or(Truth::Unknown(doubt), Truth::from)
}

struct Search<'a, T, D, A> {
    conditions: &'a [&'a Condition],
    decide: D,
    agree: A,
    answers: Vec<T>,
    left: usize,
}

impl<T, D: Fn(&Context) -> Result<T, UnknownReason>, A: Fn(&T, &T) -> bool> Search<'_, T, D, A> {
    /// Whether the answer is certain in a context, or in each of its cases. `split` are the keys that were split to get to it.
    fn settles(&mut self, context: &Context, split: &BTreeSet<String>) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        let doubt = match (self.decide)(context) {
            Ok(answer) => {
                let agrees = self.answers.first().is_none_or(|first| (self.agree)(first, &answer));
                self.answers.push(answer);
                return agrees;
            }
            Err(doubt) => doubt,
        };
        if doubt.keys.len() > MOST_KEYS {
            return false;
        }
        let keys = doubt.keys.iter().map(|key| key.to_ascii_lowercase()).filter(|key| !split.contains(key));
        let Some((key, cases)) =
            keys.into_iter().find_map(|key| Some((key.clone(), cases_of(&key, context, self.conditions)?)))
        else {
            return false;
        };
        let split = split.iter().cloned().chain([key]).collect();
        cases.iter().all(|case| self.settles(case, &split))
    }
}

/// The contexts that `context` may be, as far as a key goes; `None` if there is nothing to tell apart, or too much.
fn cases_of(key: &str, context: &Context, conditions: &[&Condition]) -> Option<Vec<Context>> {
    let with = |value: Value| {
        let mut case = context.clone();
        case.set(key, value);
        case
    };
    let mut compared: Vec<Comparable> = Vec::new();
    for comparable in conditions.iter().flat_map(|condition| condition.comparables(key)) {
        if !compared.contains(&comparable) {
            compared.push(comparable);
        }
        if compared.len() > MOST_VALUES {
            return None;
        }
    }
    match context.get(key) {
        Value::Absent => None,
        Value::OneOf(values) => Some(values.iter().map(|value| with(Value::Present(vec![value.clone()]))).collect()),
        Value::Optional(values) => Some(vec![with(Value::Absent), with(Value::Present(values.clone()))]),
        Value::Between(from, until) => {
            let spans = spans(*from, *until, &compared);
            (spans.len() > 1)
                .then(|| spans.into_iter().map(|(from, until)| with(Value::Between(from, until))).collect())
        }
        Value::Unknowable => {
            let mut cases = present(key, &Text::any(), context, &compared)?;
            cases.insert(0, with(Value::Absent));
            Some(cases)
        }
        Value::Present(values) => match values.as_slice() {
            [text] if text.as_known().is_none() => present(key, text, context, &compared),
            _ => None,
        },
    }
}

/// The cases of a key that is there, and whose value is as much of `text` as is known.
fn present(key: &str, text: &Text, context: &Context, compared: &[Comparable]) -> Option<Vec<Context>> {
    let with = |value: Text| {
        let mut case = context.clone();
        case.set(key, Value::Present(vec![value]));
        case
    };
    let mut values: Vec<String> = Vec::new();
    for literal in compared.iter().filter_map(Comparable::literal).filter(|literal| text.may_be(literal)) {
        if !values.contains(&literal) {
            values.push(literal);
        }
    }
    let mut cases: Vec<Context> = match is_multivalued(key) {
        true => Vec::new(),
        false => values.iter().map(|value| with(Text::known(value))).collect(),
    };
    if !compared.is_empty() && compared.iter().all(Comparable::is_bool) {
        let text = text.to_lowercase();
        let cases: Vec<Context> = ["true", "false"]
            .into_iter()
            .filter(|value| text.may_be(value))
            .map(|value| with(Text::known(value)))
            .collect();
        return Some(cases).filter(|cases| !cases.is_empty());
    }
    let mut other = with(text.clone());
    let mut open = Vec::new();
    for comparable in compared {
        match comparable.literal_that_is_equal() {
            Some(_) if !is_multivalued(key) => other.assume(key, comparable.clone(), false),
            _ => open.push(comparable),
        }
    }
    let mut choices: Vec<Vec<bool>> = vec![Vec::new()];
    for (at, comparable) in open.iter().enumerate() {
        let mut longer = Vec::new();
        for choice in &choices {
            for holds in [true, false] {
                let before = open.iter().take(at).zip(choice);
                if before.clone().all(|(other, other_holds)| comparable.may_be(holds, other, *other_holds)) {
                    longer.push(choice.iter().copied().chain([holds]).collect());
                }
            }
        }
        choices = longer;
        if choices.len() > MOST_CHOICES {
            return None;
        }
    }
    for choice in choices {
        let mut case = other.clone();
        open.iter().zip(choice).for_each(|(comparable, holds)| case.assume(key, (*comparable).clone(), holds));
        cases.push(case);
    }
    Some(cases)
}

/// A span of time, cut at the moments that it is compared with.
fn spans(from: Timestamp, until: Timestamp, compared: &[Comparable]) -> Vec<(Timestamp, Timestamp)> {
    let moment = jiff::SignedDuration::from_nanos(1);
    let mut starts = BTreeSet::from([from]);
    for (first, last) in compared.iter().filter_map(Comparable::moments) {
        let after = last.checked_add(moment).ok();
        starts.extend([Some(first), after].into_iter().flatten().filter(|start| from < *start && *start <= until));
    }
    let starts: Vec<Timestamp> = starts.into_iter().collect();
    let ends = starts.iter().skip(1).map(|start| start.checked_sub(moment).unwrap_or(*start)).chain([until]);
    starts.iter().copied().zip(ends).collect()
}
