//! The `Condition` element: AND over operators and keys, OR over values, in three truth values.
//!
//! Sources: [Condition](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html),
//! [evaluation logic](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html),
//! [multivalued keys](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html).

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::budget::Size;
use super::comparable::Comparable;
use super::context::{Context, Value, is_multivalued};
use super::json::{Json, repeated};
use super::moment::{compare_spans, parse_moments};
use super::operator::{Comparison, by_name};
use super::template::Template;
use super::text::Text;
use super::truth::{Truth, UnknownReason};

/// A statement's conditions, all of which must hold.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    tests: Vec<Test>,
    /// What in the element could not be understood; each keeps the answer from being true.
    pub problems: Vec<String>,
    /// Why IAM refuses to store it; what such a value compares to is unknown by itself.
    pub refusals: Vec<String>,
}

/// A key on which a condition fails.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct FailedKey {
    /// The key, as the policy writes it.
    pub key: String,
    /// Whether it fails because the request does not carry the key.
    pub absent: bool,
}

/// One operator on one key.
#[derive(Debug, Clone)]
struct Test {
    operator: Operator,
    key: String,
    values: Vec<Template>,
}

/// An operator with its prefix and suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Null,
    Compare { quantifier: Quantifier, comparison: Comparison, negated: bool, if_exists: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    /// A plain operator, for a key with one value.
    Single,
    /// `ForAllValues:`
    All,
    /// `ForAnyValue:`
    Any,
}

impl Operator {
    fn parse(name: &str) -> Option<Operator> {
        if name == "Null" {
            return Some(Operator::Null);
        }
        let (quantifier, rest) = match name.split_once(':') {
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            Some(_) => return None,
            None => (Quantifier::Single, name),
        };
        let (base, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |base| (base, true));
        let (comparison, negated) = by_name(base)?;
        Some(Operator::Compare { quantifier, comparison, negated, if_exists })
    }

    /// Why IAM refuses these values for it: it parses the dates of a policy.
    fn refusals(self, values: &[Template]) -> Vec<String> {
        let Operator::Compare { comparison: Comparison::Date(_), .. } = self else { return Vec::new() };
        let texts = values.iter().filter_map(Template::as_plain).filter(|text| parse_moments(text).is_none());
        texts.map(|text| format!("IAM refuses `{text}`, which is no date")).collect()
    }
}

impl Condition {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        let Condition { tests, problems, refusals } = self;
        tests.is_empty() && problems.is_empty() && refusals.is_empty()
    }

    /// Reads the element. What is not understood becomes a problem, never an error: the rest of the statement may
    /// still decide.
    pub fn parse(json: &Json, variables_live: bool) -> Condition {
        let mut condition = Condition::default();
        let Json::Object(operators) = json else {
            condition.problems.push(format!("`Condition` is {}, not an object", json.kind()));
            return condition;
        };
        // Whether IAM takes the first of two, the last or both is not known, so neither decides anything.
        let twice = repeated(operators.iter().map(|(name, _)| name));
        condition.problems.extend(twice.iter().map(|name| format!("the condition operator `{name}` stands twice")));
        for (name, keys) in operators.iter().filter(|(name, _)| !twice.contains(name)) {
            let Json::Object(keys) = keys else {
                condition
                    .problems
                    .push(format!("the condition operator `{name}` holds {}, not an object", keys.kind()));
                continue;
            };
            let Some(operator) = Operator::parse(name) else {
                condition.problems.push(format!("unknown condition operator `{name}`"));
                continue;
            };
            let twice = repeated(keys.iter().map(|(key, _)| key.to_ascii_lowercase()));
            let stands_twice = |key| format!("the condition key `{key}` stands twice under `{name}`");
            condition.problems.extend(twice.iter().map(stands_twice));
            for (key, values) in keys.iter().filter(|(key, _)| !twice.contains(&key.to_ascii_lowercase())) {
                match parse_values(values, variables_live) {
                    Some(values) => {
                        condition.refusals.extend(operator.refusals(&values));
                        condition.tests.push(Test { operator, key: key.clone(), values });
                    }
                    None => condition
                        .problems
                        .push(format!("the condition key `{key}` has no value, or one that is no string")),
                }
            }
        }
        condition
    }

    /// The keys that the conditions may look at, in lower case: those that are tested, and policy variables in the values.
    pub(super) fn keys(&self) -> impl Iterator<Item = String> {
        let of_test = |test: &Test| {
            test.values.iter().flat_map(Template::keys).chain([test.key.to_ascii_lowercase()]).collect::<Vec<_>>()
        };
        self.tests.iter().flat_map(of_test)
    }

    /// The keys that it compares, each with how much one of its values has to match in a context.
    pub(super) fn sizes(&self, context: &Context) -> impl Iterator<Item = (&str, Size)> {
        self.tests.iter().flat_map(|test| test.values.iter().map(|value| (test.key.as_str(), value.size(context))))
    }

    /// How many values it names.
    pub(super) fn size(&self) -> usize {
        self.tests.iter().map(|test| test.values.len()).sum()
    }

    /// What `key`, in lower case, is compared with.
    pub(super) fn comparables(&self, key: &str) -> impl Iterator<Item = Comparable> {
        self.tests.iter().filter(move |test| test.key.eq_ignore_ascii_case(key)).flat_map(Test::comparables)
    }

    /// The keys whose tests certainly fail.
    pub(super) fn failing_keys(&self, context: &Context) -> Vec<FailedKey> {
        let failing = self.tests.iter().filter(|test| test.evaluate(context).is_false());
        let failed =
            |test: &Test| FailedKey { key: test.key.clone(), absent: matches!(context.get(&test.key), Value::Absent) };
        failing.map(failed).collect()
    }

    /// The values that it names for a key: none that only tests whether the key is there. `None` if one is a pattern, or known only
    /// from the request.
    pub fn values_of(&self, key: &str) -> Option<BTreeSet<String>> {
        let tests = self.tests.iter().filter(|test| test.key.eq_ignore_ascii_case(key));
        let values = tests.filter(|test| test.operator != Operator::Null).flat_map(|test| &test.values);
        values.map(|value| value.as_plain().filter(|text| !text.contains(['*', '?']))).collect()
    }

    /// Whether the conditions hold.
    pub fn evaluate(&self, context: &Context) -> Truth {
        let problems = self.problems.iter().map(|problem| Truth::Unknown(UnknownReason::note(problem)));
        let tests = self.tests.iter().map(|test| test.evaluate(context));
        tests.chain(problems).fold(Truth::True, Truth::and)
    }
}

/// Strings, and booleans and numbers read as strings. `None` if there is anything else, or nothing.
fn parse_values(json: &Json, variables_live: bool) -> Option<Vec<Template>> {
    let template = |value: &Json| match value {
        Json::String(text) | Json::Number(text) => Some(Template::parse(text, variables_live)),
        Json::Bool(value) => Some(Template::parse(&value.to_string(), false)),
        Json::Null | Json::InexactNumber | Json::Array(_) | Json::Object(_) => None,
    };
    let values: Vec<_> = json.one_or_many().iter().map(template).collect::<Option<_>>()?;
    Some(values).filter(|values| !values.is_empty())
}

impl Test {
    fn evaluate(&self, context: &Context) -> Truth {
        match context.get(&self.key) {
            Value::Absent => self.when_absent(),
            Value::Present(values) => self.when_present(values, context),
            Value::OneOf(values) => {
                let each = values.iter().map(|value| self.when_present(std::slice::from_ref(value), context));
                let same = each.reduce(|one, other| one.agree(other, context.doubt(&self.key)));
                same.unwrap_or_else(|| self.when_present(&[Text::any()], context))
            }
            Value::Optional(values) => {
                self.when_absent().agree(self.when_present(values, context), context.doubt(&self.key))
            }
            Value::Between(from, until) => self.when_between((*from, *until), context),
            Value::Unknowable => {
                let present = self.when_present(&[Text::any()], context);
                self.when_absent().agree(present, context.doubt(&self.key))
            }
        }
    }

    /// What its key is compared with.
    fn comparables(&self) -> Vec<Comparable> {
        match self.operator {
            Operator::Null => Vec::new(),
            Operator::Compare { quantifier: Quantifier::Single, comparison, .. } => {
                let each = |value: &Template| Comparable::Value(comparison, value.clone()).canonical().0;
                self.values.iter().map(each).collect()
            }
            Operator::Compare { quantifier, comparison, negated, .. } => {
                vec![self.of_set(quantifier, comparison, negated)]
            }
        }
    }

    /// What a set operator compares. That no value matches is the opposite of that some value does, and that some value does not
    /// match the opposite of that every value does.
    fn of_set(&self, quantifier: Quantifier, comparison: Comparison, negated: bool) -> Comparable {
        match (quantifier, negated) {
            (Quantifier::All, true) | (Quantifier::Any | Quantifier::Single, false) => {
                Comparable::Some(comparison, self.values.clone())
            }
            (Quantifier::All, false) | (Quantifier::Any | Quantifier::Single, true) => {
                Comparable::Every(comparison, self.values.clone())
            }
        }
    }

    fn when_absent(&self) -> Truth {
        match self.operator {
            Operator::Null => self.null(true),
            Operator::Compare { quantifier: Quantifier::All, .. } => Truth::True,
            Operator::Compare { quantifier: Quantifier::Any, if_exists: true, .. } => Truth::Unknown(
                UnknownReason::note(format!("`ForAnyValue` with `IfExists` on `{}`, which is absent", self.key)),
            ),
            Operator::Compare { quantifier: Quantifier::Any, .. } => Truth::False,
            Operator::Compare { quantifier: Quantifier::Single, negated, if_exists, .. } => {
                (negated || if_exists).into()
            }
        }
    }

    fn when_present(&self, values: &[Text], context: &Context) -> Truth {
        let compare = |comparison: Comparison, value: &Text, policy: &Template| {
            let answer = comparison.compare(&self.key, value, policy, context);
            let assumed = || {
                let (comparable, opposite) = Comparable::Value(comparison, policy.clone()).canonical();
                Some(context.assumed(&self.key, &comparable)? != opposite)
            };
            match answer {
                Truth::Unknown(doubt) => assumed().map_or(Truth::Unknown(doubt), Truth::from),
                certain => certain,
            }
        };
        let each = |comparison: Comparison, negated: bool| {
            values.iter().map(move |value| self.against_any(negated, |policy| compare(comparison, value, policy)))
        };
        let of_set = |answer: Truth, quantifier: Quantifier, comparison: Comparison, negated: bool| match answer {
            Truth::Unknown(doubt) => {
                let assumed = context.assumed(&self.key, &self.of_set(quantifier, comparison, negated));
                assumed.map_or(Truth::Unknown(doubt), |holds| (holds != negated).into())
            }
            certain => certain,
        };
        let answer = match self.operator {
            Operator::Null => self.null(false),
            Operator::Compare { quantifier: Quantifier::All, comparison, negated, .. } => {
                let answer = each(comparison, negated).fold(Truth::True, Truth::and);
                of_set(answer, Quantifier::All, comparison, negated)
            }
            Operator::Compare { quantifier: Quantifier::Any, comparison, negated, .. } => {
                let answer = each(comparison, negated).fold(Truth::False, Truth::or);
                of_set(answer, Quantifier::Any, comparison, negated)
            }
            Operator::Compare { quantifier: Quantifier::Single, comparison, negated, .. } => {
                if values.len() != 1 || is_multivalued(&self.key) {
                    let note = format!("`{}` may hold several values, and its operator is for one", self.key);
                    // No value of the key settles what its operator means.
                    let given = values.iter().all(|value| value.as_known().is_some());
                    let key = if given { UnknownReason::default() } else { context.doubt(&self.key) };
                    return Truth::Unknown(key.merge(UnknownReason::note(note)));
                }
                each(comparison, negated).fold(Truth::True, Truth::and)
            }
        };
        // To AWS an empty set is no data, and to a set operator an empty string too: the key may count as absent.
        let no_data = match self.operator {
            Operator::Null => values.is_empty(),
            Operator::Compare { quantifier: Quantifier::Single, .. } => false,
            Operator::Compare { .. } => values.iter().all(|value| value.as_known() == Some("")),
        };
        let doubt = || UnknownReason::note(format!("whether `{}`, which is empty, counts as absent", self.key));
        if no_data { answer.agree(self.when_absent(), doubt()) } else { answer }
    }

    /// The key holds a time that is only known to lie in a span.
    fn when_between(&self, span: (Timestamp, Timestamp), context: &Context) -> Truth {
        match self.operator {
            Operator::Compare { comparison: Comparison::Date(order), negated, .. } => {
                self.against_any(negated, |policy| match policy.as_plain().as_deref().and_then(parse_moments) {
                    Some(moment) => compare_spans(order, span, moment, || context.doubt(&self.key)),
                    None => Truth::Unknown(UnknownReason::note(format!("a value for `{}` that is no date", self.key))),
                })
            }
            Operator::Null | Operator::Compare { .. } => self.when_present(&[Text::any()], context),
        }
    }

    /// OR over the policy's values; a negated operator needs that none matches.
    fn against_any(&self, negated: bool, matches: impl Fn(&Template) -> Truth) -> Truth {
        let matched = self.values.iter().map(matches).fold(Truth::False, Truth::or);
        if negated { !matched } else { matched }
    }

    /// `Null: "true"` asks that the key be absent, `"false"` that it be there.
    fn null(&self, absent: bool) -> Truth {
        self.against_any(false, |value| match value.as_plain().as_deref() {
            Some(text) if text.eq_ignore_ascii_case("true") => absent.into(),
            Some(text) if text.eq_ignore_ascii_case("false") => (!absent).into(),
            _ => Truth::Unknown(UnknownReason::note(format!(
                "a value of `Null` for `{}` that is neither true nor false",
                self.key
            ))),
        })
    }
}
