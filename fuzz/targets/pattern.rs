//! Wildcards against texts, wherever policies have them, compared with the definition; and ARNs.
//!
//! The input is two lines, a pattern and a text. In the text of a resource `*` stands for a part that is not known, `#` for a digit,
//! `~` for a name and `^` for a path.

use std::sync::Arc;

use iam_eval::arn::Arn;
use iam_eval::{
    Context, Decision, Document, DocumentKind, Part, Policy, PolicyKind, PolicySet, PolicySetKind, Request, Resource,
    Text, UnknownDocument, Value, action_matches, evaluate,
};
use serde_json::{Value as Json, json};

/// The definition holds, for actions, resources and conditions.
pub fn check(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else { return };
    let (pattern, text) = input.split_once('\n').unwrap_or((input, ""));
    actions(pattern, text);
    resources(pattern, text);
    conditions(pattern, text);
    arns(pattern);
    arns(text);
}

/// `*` stands for any run of characters, `?` for one: for each place of the pattern where in the text it may be.
fn matches(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for piece in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        for at in (0..=text.len()).filter(|at| reached[*at]) {
            match piece {
                '*' => next[at..].fill(true),
                _ if at == text.len() => {}
                '?' => next[at + 1] = true,
                c => next[at + 1] |= c == text[at],
            }
        }
        reached = next;
    }
    reached[text.len()]
}

/// Letters of actions ignore case.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>
fn actions(pattern: &str, text: &str) {
    if action_matches(pattern, text) && pattern != "*:*" {
        assert!(matches(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase()), "`{pattern}` on `{text}`");
    }
    let name: String = pattern.chars().filter(|c| !c.is_whitespace() && *c != ':').collect();
    let expected = !name.is_empty() && matches(&name.to_ascii_lowercase(), &text.to_ascii_lowercase());
    assert_eq!(action_matches(&format!("S3:{name}"), &format!("s3:{text}")), expected, "`S3:{name}` on `s3:{text}`");
}

/// What is behind the fifth colon of an ARN is matched as a whole.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>
fn resources(pattern: &str, text: &str) {
    // Before the version `2012-10-17` there are no variables. White space at the end is refused, and so is nothing.
    if pattern.is_empty() || pattern.trim() != pattern {
        return;
    }
    let statement = json!({ "Effect": "Allow", "Action": "*", "Resource": format!("arn:aws:s3:::{pattern}") });
    let ask = |text: Text| decide(&statement, Resource::Arn(text), Context::default());
    let known = format!("arn:aws:s3:::{text}");
    let expected = if matches(pattern, text) { Decision::Allowed } else { Decision::ImplicitDeny };
    assert_eq!(ask(Text::known(known)), expected, "`{pattern}` on `{text}`");

    let part = |c: char| match c {
        '*' => Part::Any,
        '#' => Part::Digit,
        '~' => Part::NAME,
        '^' => Part::PATH,
        known => Part::Known(known.to_string()),
    };
    let vague = ask(Text::of([Part::from("arn:aws:s3:::")].into_iter().chain(text.chars().map(part))));
    for [any, digit, name, path] in [["", "0", "a", "b"], ["a", "1", "b1", "a/b"], [":a/", "9", "-", "/"]] {
        let filled = text.replace('~', name).replace('^', path).replace('#', digit).replace('*', any);
        let settled = if matches(pattern, &filled) { Decision::Allowed } else { Decision::ImplicitDeny };
        assert!(vague == Decision::Unknown || vague == settled, "`{pattern}` on `{text}`: {vague:?}, {settled:?}");
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
fn conditions(pattern: &str, text: &str) {
    let lower = |text: &str| text.to_lowercase();
    for (operator, expected) in [
        ("StringLike", matches(pattern, text)),
        ("StringNotLike", !matches(pattern, text)),
        ("StringEquals", pattern == text),
        ("StringEqualsIgnoreCase", lower(pattern) == lower(text)),
        ("ForAnyValue:StringLike", matches(pattern, text)),
    ] {
        let asked = condition(operator, pattern, text);
        // To a set operator an empty string may be no value at all.
        let open = text.is_empty() && operator.starts_with("For");
        assert!(asked == Some(expected) || open && asked.is_none(), "{operator} `{pattern}` on `{text}`: {asked:?}");
    }
    let components = |text: &str| text.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
    let (wanted, found) = (components(pattern), components(text));
    let each = wanted.iter().zip(&found).all(|(wanted, found)| matches(wanted, found));
    let expected = wanted.len() == 6 && found.len() == 6 && each;
    let asked = condition("ArnLike", pattern, text);
    // It is not documented whether one with fewer components stands for an ARN.
    assert!(asked == Some(expected) || wanted.len() < 6 && asked.is_none(), "`{pattern}` on `{text}`: {asked:?}");
}

/// Whether a condition holds; `None` if that is not known.
fn condition(operator: &str, pattern: &str, text: &str) -> Option<bool> {
    let condition = json!({ operator: { "k": pattern } });
    let statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition });
    let mut context = Context::default();
    context.set("k", Value::known(text));
    match decide(&statement, Resource::Arn(Text::known("arn:aws:s3:::a")), context) {
        Decision::Allowed => Some(true),
        Decision::ImplicitDeny => Some(false),
        Decision::ExplicitDeny | Decision::Unknown => None,
    }
}

fn decide(statement: &Json, resource: Resource, context: Context) -> Decision {
    let document = Document::parse(&json!({ "Statement": statement }).to_string(), DocumentKind::Identity);
    let policy = Policy {
        name: "p".to_owned(),
        kind: PolicyKind::Inline,
        document: document.map(Arc::new).map_err(|why| UnknownDocument(why.to_string())),
    };
    let gate =
        PolicySet { kind: PolicySetKind::Identity, name: "g".to_owned(), policies: vec![policy], unread: Vec::new() };
    evaluate(&[gate], &Request { action: "s3:GetObject".to_owned(), resource, context }).decision
}

/// An ARN is split at its first five colons, and is the same when it is put together.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
fn arns(text: &str) {
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    let is_one = match fields.as_slice() {
        ["arn", partition, service, _, _, resource] => {
            ![partition, service, resource].iter().any(|field| field.is_empty())
        }
        _ => false,
    };
    let arn = Arn::parse(text);
    assert_eq!(arn.is_some(), is_one, "{text}");
    if let Some(arn) = arn {
        assert_eq!(arn.to_string(), text);
        assert!(arn.resource.ends_with(arn.name()) && arn.resource.starts_with(arn.resource_type()), "{text}");
        let json = serde_json::to_string(&arn).expect("it is text");
        assert_eq!(serde_json::from_str::<Arn>(&json).ok().as_ref(), Some(&arn), "{json}");
    }
}
