//! Any text as a policy: it is parsed as every kind of document, and asked.
//!
//! The input is up to four documents, a line `---` between them: the policy of the role, its boundary, a service control policy and a
//! resource control policy.

use std::sync::Arc;

use iam_eval::{
    Context, Decision, Document, DocumentKind, Json, Policy, PolicyKind, PolicySet, PolicySetKind, Request, Resource,
    Response, RoleSession, ServicePrincipal, Text, Value, evaluate, evaluate_resource_policy, evaluate_trust,
};

const KINDS: [DocumentKind; 5] = [
    DocumentKind::Identity,
    DocumentKind::Scp,
    DocumentKind::Trust,
    DocumentKind::Resource,
    DocumentKind::ResourceControl,
];

const GATES: [(PolicySetKind, PolicyKind, DocumentKind); 4] = [
    (PolicySetKind::Identity, PolicyKind::Inline, DocumentKind::Identity),
    (PolicySetKind::Boundary, PolicyKind::Boundary, DocumentKind::Identity),
    (PolicySetKind::Scp, PolicyKind::Scp, DocumentKind::Scp),
    (PolicySetKind::Rcp, PolicyKind::Rcp, DocumentKind::ResourceControl),
];

/// Denials to add: of everything, and narrower ones.
const DENIALS: [&str; 3] = [
    r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#,
    r#"{"Statement": {"Effect": "Deny", "Action": "s3:Put*", "Resource": "arn:aws:s3:::logs/*",
        "Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}}"#,
    r#"{"Statement": {"Effect": "Deny", "NotAction": "ssm:*", "Resource": "*", "Condition": {"Null": {"aws:SourceIp": "true"}}}}"#,
];

/// Each key with values of which a request has one.
const KEYS: [(&str, [&str; 2]); 4] = [
    ("aws:SourceVpc", ["vpc-1", "vpc-2"]),
    ("aws:SourceIp", ["10.0.0.1", "2001:db8::1"]),
    ("aws:PrincipalTag/team", ["web", "*"]),
    ("aws:CurrentTime", ["2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"]),
];

/// No panic, and what holds of every policy: a denial never helps, and what is certain stays so when more is known.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for document in text.split("\n---\n") {
        for kind in KINDS {
            survive(document, kind);
        }
    }
    let gates: Vec<PolicySet> =
        text.split("\n---\n").zip(GATES).filter_map(|(document, of)| gate(document, of)).collect();
    if !gates.iter().any(|gate| gate.kind == PolicySetKind::Identity) {
        return;
    }
    for action in ["s3:PutObject", "ssm:UpdateInstanceInformation"] {
        let arn = if action.starts_with("s3") {
            "arn:aws:s3:::logs/a"
        } else {
            "arn:aws:ec2:eu-west-1:111122223333:instance/i-1"
        };
        let ask = |gates: &[PolicySet], context: &Context| {
            let resource = Resource::Arn(Text::known(arn));
            evaluate(gates, &Request { action: action.to_owned(), resource, context: context.clone() })
        };
        let vague = ask(&gates, &Context::default());
        is_sound(&vague);
        for context in contexts() {
            let settled = ask(&gates, &context);
            is_sound(&settled);
            assert!(may_become(vague.decision, settled.decision), "{vague:?} became {settled:?} in {context:?}");
        }
        // A resource control policy bears on some requests only.
        let every = |gate: &&PolicySet| gate.kind != PolicySetKind::Rcp;
        for (denial, at) in
            DENIALS.iter().flat_map(|denial| (0..gates.iter().filter(every).count()).map(move |at| (denial, at)))
        {
            let denied = with_denial(&gates, denial, at);
            for context in contexts().chain([Context::default()]) {
                let (before, after) = (ask(&gates, &context).decision, ask(&denied, &context).decision);
                assert!(
                    after != Decision::Allowed || before == Decision::Allowed,
                    "{denial} made {before:?} {after:?}"
                );
                assert!(before != Decision::ExplicitDeny || after == before, "{denial} made {before:?} {after:?}");
                assert!(*denial != DENIALS[0] || after == Decision::ExplicitDeny, "{denial} made {before:?} {after:?}");
            }
        }
        if let Some(again) = gates_again(text) {
            for context in contexts().chain([Context::default()]) {
                assert_eq!(ask(&gates, &context), ask(&again, &context), "the same documents, written again");
            }
        }
    }
}

/// A document is parsed and asked as what it is, and is the same when its JSON is written again.
fn survive(text: &str, kind: DocumentKind) {
    let Ok(document) = Document::parse(text, kind) else { return };
    let problems = document.all_problems();
    if let Some(again) = written_again(text) {
        let again = Document::parse(&again, kind).unwrap_or_else(|error| panic!("{error}: {again}"));
        assert_eq!((problems, document.is_refused()), (again.all_problems(), again.is_refused()), "{text}");
    }
    for context in contexts() {
        match kind {
            DocumentKind::Trust => drop(evaluate_trust(&document, &ServicePrincipal::ec2(None), &context)),
            DocumentKind::Resource => {
                let role_arn = "arn:aws:iam::111122223333:role/web";
                let session = RoleSession {
                    account: "111122223333",
                    role_arn,
                    role_name: "web",
                    role_id: None,
                    name: Some("i-1"),
                    has_boundary: true,
                    at_gateway_endpoint: false,
                };
                let resource = Resource::Arn(Text::known("arn:aws:s3:::logs/a"));
                let request = Request { action: "s3:PutObject".to_owned(), resource, context };
                evaluate_resource_policy(&document, "logs", &session, &request);
            }
            DocumentKind::Identity | DocumentKind::Scp | DocumentKind::ResourceControl => {}
        }
    }
}

fn gate(
    text: &str,
    (kind, policy_kind, document_kind): (PolicySetKind, PolicyKind, DocumentKind),
) -> Option<PolicySet> {
    let document = Document::parse(text, document_kind).ok()?;
    let policy = Policy { name: "p".to_owned(), kind: policy_kind, document: Ok(Arc::new(document)) };
    Some(PolicySet { kind, name: "g".to_owned(), policies: vec![policy], unread: Vec::new() })
}

fn gates_again(text: &str) -> Option<Vec<PolicySet>> {
    let documents = text.split("\n---\n").zip(GATES).filter(|(document, of)| gate(document, *of).is_some());
    documents.map(|(document, of)| gate(&written_again(document)?, of)).collect()
}

fn with_denial(gates: &[PolicySet], denial: &str, at: usize) -> Vec<PolicySet> {
    let mut gates = gates.to_vec();
    let document = Document::parse(denial, DocumentKind::Identity).expect("it is sound");
    let gate = &mut gates[at];
    let kind = gate.policies[0].kind;
    gate.policies.push(Policy { name: "denial".to_owned(), kind, document: Ok(Arc::new(document)) });
    gates
}

/// Requests of which everything that the policies usually ask is known: each key is absent or has a value.
fn contexts() -> impl Iterator<Item = Context> {
    (0..3_usize.pow(KEYS.len() as u32)).step_by(7).map(|mut number| {
        let mut context = Context::default();
        for (key, values) in KEYS {
            let value = values.get(number % 3).map_or(Value::Absent, |value| Value::known(*value));
            context.set(key, value);
            number /= 3;
        }
        // One that may or may not be there, and a set.
        context.set("aws:PrincipalOrgID", Value::Optional(vec![Text::known("o-1")]));
        context.set("aws:TagKeys", Value::Present(["a", "b"].map(Text::known).to_vec()));
        context
    })
}

/// An answer says what it rests on, or what it hangs on.
fn is_sound(response: &Response) {
    let doubts = response.doubt.keys.len() + response.doubt.notes.len();
    let grounds = match response.decision {
        Decision::Allowed | Decision::ExplicitDeny => !response.decided_by.is_empty() && doubts == 0,
        Decision::ImplicitDeny => response.stopped_by().next().is_some() && doubts == 0,
        Decision::Unknown => doubts > 0,
    };
    assert!(grounds, "{response:?}");
}

/// Only what is unknown is open, and what is not allowed may turn out to be denied besides.
fn may_become(before: Decision, after: Decision) -> bool {
    match before {
        Decision::Unknown => true,
        Decision::ImplicitDeny => matches!(after, Decision::ImplicitDeny | Decision::ExplicitDeny),
        Decision::Allowed | Decision::ExplicitDeny => before == after,
    }
}

/// The JSON of a text, written with the duplicate keys that it has. `None` if there is none, or a number lost digits.
fn written_again(text: &str) -> Option<String> {
    let json = Json::parse(text).ok()?;
    let again = write(&json)?;
    assert_eq!(Json::parse(&again).as_ref(), Ok(&json), "{again}");
    Some(again)
}

fn write(json: &Json) -> Option<String> {
    let string = |text: &String| serde_json::Value::from(text.as_str()).to_string();
    Some(match json {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(text) => text.clone(),
        Json::InexactNumber => return None,
        Json::String(text) => string(text),
        Json::Array(elements) => format!("[{}]", elements.iter().map(write).collect::<Option<Vec<_>>>()?.join(",")),
        Json::Object(members) => {
            let member = |(name, value): &(String, Json)| Some(format!("{}:{}", string(name), write(value)?));
            format!("{{{}}}", members.iter().map(member).collect::<Option<Vec<_>>>()?.join(","))
        }
    })
}
