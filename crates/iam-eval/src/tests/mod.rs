//! The rules of IAM, as tables and as properties, written from AWS's documentation and not from the engine.

mod actions;
mod cases;
mod conditions;
mod decision;
mod families;
mod generators;
mod grammar;
mod hostile;
mod operators;
mod oracle;
mod properties;
mod rcp;
mod resource_policy;
mod resources;
mod trust;
mod variables;

use std::sync::Arc;

use super::*;

const INSTANCE: &str = "arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0";
/// The elements of a statement for everything.
const EVERYTHING: &str = r#""Action": "*", "Resource": "*""#;

/// Whether a statement speaks of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applies {
    Yes,
    No,
    Unknown,
}

/// A policy with the words `ALLOW` and `DENY` standing for the elements of a statement for everything.
fn expand(text: &str) -> String {
    text.replace("ALLOW", &format!(r#""Effect": "Allow", {EVERYTHING}"#))
        .replace("DENY", &format!(r#""Effect": "Deny", {EVERYTHING}"#))
}

fn parse(text: &str) -> Document {
    Document::parse(&expand(text), DocumentKind::Identity).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn policy(name: &str, kind: PolicyKind, text: &str) -> Policy {
    Policy { name: name.to_owned(), kind, document: Ok(Arc::new(parse(text))) }
}

/// A gate of the policies `{name}-0`, `{name}-1`, ...
fn gate(kind: PolicySetKind, name: &str, texts: &[&str]) -> PolicySet {
    let policy_kind = match kind {
        PolicySetKind::Identity | PolicySetKind::Resource => PolicyKind::Inline,
        PolicySetKind::Boundary => PolicyKind::Boundary,
        PolicySetKind::Scp => PolicyKind::Scp,
        PolicySetKind::Rcp => PolicyKind::Rcp,
    };
    let named = |(index, text): (usize, &&str)| policy(&format!("{name}-{index}"), policy_kind, text);
    let policies = texts.iter().enumerate().map(named).collect();
    PolicySet { kind, name: name.to_owned(), policies, unread: Vec::new() }
}

fn identity(text: &str) -> PolicySet {
    gate(PolicySetKind::Identity, "role", &[text])
}

fn context(entries: &[(&str, Value)]) -> Context {
    let mut context = Context::default();
    entries.iter().for_each(|(key, value)| context.set(key, value.clone()));
    context
}

fn values(texts: &[&str]) -> Value {
    Value::Present(texts.iter().copied().map(Text::known).collect())
}

fn partly(text: &str) -> Value {
    Value::Present(vec![Text::with_wildcards(text)])
}

fn arn(text: &str) -> Resource {
    Resource::Arn(Text::with_wildcards(text))
}

fn request(context: Context) -> Request {
    Request { action: "ssm:UpdateInstanceInformation".to_owned(), resource: arn(INSTANCE), context }
}

/// What an identity policy alone says to the agent's first call.
fn decide(text: &str, context: Context) -> Decision {
    evaluate(&[identity(text)], &request(context)).decision
}

/// Whether a statement of these elements speaks of the request: asked of an `Allow` and of a `Deny`, which must agree.
fn applies(version: &str, elements: &str, request: &Request) -> Applies {
    let statement = |effect| format!(r#"{{"Effect": "{effect}", {elements}}}"#);
    let version = if version.is_empty() { String::new() } else { format!(r#""Version": "{version}", "#) };
    let decide = |statements: String| {
        evaluate(&[identity(&format!(r#"{{{version}"Statement": [{statements}]}}"#))], request).decision
    };
    let allows = match decide(statement("Allow")) {
        Decision::Allowed => Applies::Yes,
        Decision::ImplicitDeny => Applies::No,
        Decision::Unknown => Applies::Unknown,
        Decision::ExplicitDeny => panic!("an `Allow` denies: {elements}"),
    };
    let denies = match decide(format!("{}, {{ALLOW}}", statement("Deny"))) {
        Decision::ExplicitDeny => Applies::Yes,
        Decision::Allowed => Applies::No,
        Decision::Unknown => Applies::Unknown,
        Decision::ImplicitDeny => panic!("a `Deny` takes an allowance away without denying: {elements}"),
    };
    assert_eq!(allows, denies, "`Allow` and `Deny` apply alike: {elements}");
    allows
}

/// Whether a statement on everything holds under this condition, with variables live.
fn holds(condition: &str, context: Context) -> Applies {
    applies("2012-10-17", &format!(r#"{EVERYTHING}, "Condition": {condition}"#), &request(context))
}

/// A value of which nothing is known but that it is there.
fn there() -> Value {
    Value::Present(vec![Text::any()])
}
