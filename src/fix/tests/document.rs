//! What stays in a document to which statements are added, and how the new ones look.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::value::RawValue;

use crate::facts::PolicyText;
use crate::fix::document::{NewStatement, Unfit, with_statements};
use crate::render::words::unfit;
use iam_eval::{Document, DocumentKind};

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn allow(actions: &[&str], resource: &str) -> NewStatement {
    NewStatement::on_resource(texts(actions), resource.to_owned())
}

fn trust() -> NewStatement {
    NewStatement::for_service("ec2.amazonaws.com".into(), texts(&["sts:AssumeRole"]))
}

fn add(existing: &str, added: &[NewStatement]) -> Result<String, Unfit> {
    with_statements(Some(&PolicyText::new(existing)), added).map(|text| text.as_str().to_owned())
}

#[test]
fn a_new_document_looks_as_in_the_user_guide() {
    let statement = allow(&["ssmmessages:OpenDataChannel"], "*");
    let expected = r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "ssmmessages:OpenDataChannel"
            ],
            "Resource": "*"
        },
        {
            "Effect": "Allow",
            "Action": [
                "s3:GetObject",
                "s3:PutObject"
            ],
            "Resource": "arn:aws:s3:::a/*"
        }
    ]
}"#;
    let objects = allow(&["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::a/*");
    assert_eq!(with_statements(None, &[statement, objects]).unwrap().as_str(), expected);
    let expected = r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {
                "Service": "ec2.amazonaws.com"
            },
            "Action": [
                "sts:AssumeRole"
            ]
        }
    ]
}"#;
    assert_eq!(with_statements(None, &[trust()]).unwrap().as_str(), expected);
    assert!(Document::parse(expected, DocumentKind::Trust).unwrap().all_problems().is_empty());
}

/// `NEW` stands for what is added; without it the document is the one before.
#[test]
fn new_statements_look_like_their_neighbours() {
    const COMPACT: &str = r#"{"Effect":"Allow","Action":["a:B"],"Resource":"*"}"#;
    const SPACED: &str = r#"{"Effect": "Allow", "Action": ["a:B"], "Resource": "*"}"#;
    for (document, new) in [
        (r#"{"Statement":[{"Effect":"Deny"}NEW]}"#, format!(",{COMPACT}")),
        (r#"{"Statement":[NEW]}"#, COMPACT.into()),
        (r#"{"Statement": [NEW ], "Version": "2008-10-17"}"#, SPACED.into()),
        (r#"{"Statement": [{"Effect": "Deny"}, {"Effect": "Deny"}NEW]}"#, format!(", {SPACED}")),
        ("{\"Statement\":[NEW]}\n", COMPACT.into()),
        // One statement on each line.
        ("{\n \"Statement\": [\n  {\"Effect\": \"Deny\"}NEW\n ]\n}", format!(",\n  {SPACED}")),
        // Four steps, and statements on lines of their own.
        (
            "{\n    \"Statement\": [\n        {\n            \"Effect\": \"Deny\"\n        }NEW\n    ]\n}\n",
            ",\n        {\n            \"Effect\": \"Allow\",\n            \"Action\": [\n                \"a:B\"\n            ],\n            \
             \"Resource\": \"*\"\n        }"
                .into(),
        ),
        // Two steps, and statements that begin on the line of the bracket.
        (
            "{\n  \"Statement\": [{\n    \"Effect\": \"Deny\"\n  }NEW]\n}",
            ", {\n    \"Effect\": \"Allow\",\n    \"Action\": [\n      \"a:B\"\n    ],\n    \"Resource\": \"*\"\n  }".into(),
        ),
        // Tabs, and line breaks of Windows.
        (
            "{\r\n\t\"Statement\": [\r\n\t\t{\r\n\t\t\t\"Effect\": \"Deny\"\r\n\t\t}NEW\r\n\t]\r\n}",
            ",\r\n\t\t{\r\n\t\t\t\"Effect\": \"Allow\",\r\n\t\t\t\"Action\": [\r\n\t\t\t\t\"a:B\"\r\n\t\t\t],\r\n\t\t\t\
             \"Resource\": \"*\"\r\n\t\t}"
                .into(),
        ),
        // A brace that does not close on its own line.
        (
            "{\n \"Statement\": [\n  { \"Effect\": \"Deny\",\n    \"Action\": \"*\" }NEW ] }",
            ",\n  {\n      \"Effect\": \"Allow\",\n      \"Action\": [\n          \"a:B\"\n      ],\n      \"Resource\": \"*\"\n  }"
                .into(),
        ),
        // Empty arrays of documents on several lines.
        (
            "{\n  \"Statement\": [NEW]\n}",
            "\n    {\n      \"Effect\": \"Allow\",\n      \"Action\": [\n        \"a:B\"\n      ],\n      \"Resource\": \"*\"\n    }\n  "
                .into(),
        ),
        (
            "{\n\"Statement\": [NEW\n]\n}",
            "\n    {\n        \"Effect\": \"Allow\",\n        \"Action\": [\n            \"a:B\"\n        ],\n        \
             \"Resource\": \"*\"\n    }"
                .into(),
        ),
    ] {
        let result = add(&document.replace("NEW", ""), &[allow(&["a:B"], "*")]).unwrap();
        assert_eq!(result, document.replace("NEW", &new));
    }
}

#[test]
fn a_single_statement_becomes_an_array() {
    for (before, after) in [
        (
            r#"{"Statement":{"Effect":"Deny"},"Id":"x"}"#,
            r#"{"Statement":[{"Effect":"Deny"},{"Effect":"Allow","Action":["a:B"],"Resource":"*"}],"Id":"x"}"#,
        ),
        (
            r#"{"Statement": { "Effect":"Deny"} }"#,
            r#"{"Statement": [{ "Effect":"Deny"}, {"Effect": "Allow", "Action": ["a:B"], "Resource": "*"}] }"#,
        ),
        (
            "{\n  \"Statement\": {\n    \"Effect\": \"Deny\"\n  }\n}",
            "{\n  \"Statement\": [{\n    \"Effect\": \"Deny\"\n  }, {\n    \"Effect\": \"Allow\",\n    \"Action\": [\n      \
             \"a:B\"\n    ],\n    \"Resource\": \"*\"\n  }]\n}",
        ),
        (
            "{\n  \"Statement\":\n  {\n    \"Effect\": \"Deny\"\n  }\n}",
            "{\n  \"Statement\":\n  [{\n    \"Effect\": \"Deny\"\n  }, {\n    \"Effect\": \"Allow\",\n    \"Action\": [\n      \
             \"a:B\"\n    ],\n    \"Resource\": \"*\"\n  }]\n}",
        ),
    ] {
        assert_eq!(add(before, &[allow(&["a:B"], "*")]).unwrap(), after);
    }
}

#[test]
fn everything_that_is_there_stays() {
    let kept = concat!(
        r#"{"Sid" : "A", "Id": 1, "Effect":"Deny","Effect":"Allow", "NotAction":"\u0061:b","#,
        r#" "Condition":{"NumericEquals":{"k":1.50,"k":1E+2}}, "Odd":[null,{}],"Resource":"${aws:username}"}"#
    );
    let version = r#""Version":"2008-10-17""#;
    let before = format!(r#" {{"Id":"x","Odd":-0.0, {version},{version},"St\u0061tement" : [ {kept} ] }} "#);
    let after = add(&before, &[allow(&["a:B"], "*")]).unwrap();
    let added = r#", {"Effect": "Allow", "Action": ["a:B"], "Resource": "*"}"#;
    assert_eq!(after, before.replace(kept, &format!("{kept}{added}")));
}

#[test]
fn what_is_not_fit_is_refused_in_words() {
    for (text, expected) in [
        ("", "it is not JSON: it is empty"),
        (r#"{"Statement":[]}x"#, "it is not JSON: line 1, column 17: `x` is unexpected"),
        (r#"{"Statement":[],}"#, "it is not JSON: line 1, column 17: there is a comma before it that nothing follows"),
        ("[]", "it is an array, not a policy object"),
        ("\"{}\"", "it is a string, not a policy object"),
        ("{}", "it has no `Statement`"),
        (r#"{"statement":[]}"#, "it has no `Statement`"),
        (r#"{"Id":{"Statement":[]}}"#, "it has no `Statement`"),
        (r#"{"Statement":[],"Statement":[]}"#, "`Statement` appears twice"),
        (r#"{"Statement":[],"\u0053tatement":{}}"#, "`Statement` appears twice"),
        (r#"{"Statement":null}"#, "`Statement` is null, neither an object nor an array"),
        (r#"{"Statement":"x"}"#, "`Statement` is a string, neither an object nor an array"),
        (r#"{"Statement":[{}, 7]}"#, "a statement is a number, not an object"),
        (r#"{"Statement":[[]]}"#, "a statement is an array, not an object"),
    ] {
        // Also where nothing would be added: what cannot be read may say anything.
        for added in [&[allow(&["a:B"], "*")][..], &[]] {
            assert_eq!(unfit(&add(text, added).unwrap_err()), expected, "{text}");
        }
    }
    let bomb = format!(r#"{{"Statement":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(add(&bomb, &[]), Err(Unfit::NotJson(_))));
}

#[test]
fn what_is_said_already_is_not_added() {
    let new = allow(&["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::a/*");
    for (statement, there) in [
        (r#"{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::a/*"}"#, true),
        (
            r#"{"Sid":"x","Resource":["arn:aws:s3:::a/*"],"Action":["S3:putobject","s3:GetObject"],"Effect":"Allow"}"#,
            true,
        ),
        (
            r#"{"Effect":"Allow","\u0041ction":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::a/\u002a"}"#,
            true,
        ),
        (r#"{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::A/*"}"#, false),
        (r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::a/*"}"#, false),
        (r#"{"Effect":"Deny","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::a/*"}"#, false),
        (r#"{"Effect":["Allow"],"Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::a/*"}"#, false),
        (r#"{"Effect":"Allow","NotAction":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::a/*"}"#, false),
        (
            r#"{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::a/*","Condition":{}}"#,
            false,
        ),
        // Of two effects the last is in force, and a person may correct the document the other way.
        (
            r#"{"Effect":"Deny","Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::a/*"}"#,
            false,
        ),
    ] {
        let before = format!(r#"{{ "Statement":{statement} }}"#);
        let after = add(&before, std::slice::from_ref(&new)).unwrap();
        assert_eq!(after == before, there, "{statement}");
    }
    for (principal, there) in [
        (r#"{"Service":"ec2.amazonaws.com"}"#, true),
        (r#"{"Service":["ec2.amazonaws.com"]}"#, true),
        (r#"{"Service":["ec2.amazonaws.com","ssm.amazonaws.com"]}"#, false),
        (r#"{"Service":"ec2.amazonaws.com","AWS":"*"}"#, false),
        (r#"{"AWS":"ec2.amazonaws.com"}"#, false),
        (r#""ec2.amazonaws.com""#, false),
    ] {
        let before =
            format!(r#"{{"Statement":{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}}}"#);
        assert_eq!(add(&before, &[trust()]).unwrap() == before, there, "{principal}");
    }
}

#[test]
fn what_is_added_twice_is_added_once() {
    let twice = [allow(&["a:B"], "*"), allow(&["A:b"], "*")];
    assert_eq!(add(r#"{"Statement":[]}"#, &twice), add(r#"{"Statement":[]}"#, &twice[..1]));
    assert_eq!(with_statements(None, &twice), with_statements(None, &twice[..1]));
}

#[test]
fn strings_are_escaped() {
    let new = allow(&["a:B"], "quote \" and \\ and\n,\n break");
    for before in ["{\"Statement\": []}", "{\"Statement\":[]}", "{\n\"Statement\": []}"] {
        let after: serde_json::Value = serde_json::from_str(&add(before, std::slice::from_ref(&new)).unwrap()).unwrap();
        assert_eq!(after["Statement"][0]["Resource"], "quote \" and \\ and\n,\n break", "{before}");
    }
}

fn white_space() -> impl Strategy<Value = &'static str> {
    select(&["", "", "", " ", "  ", "\n", "\n    ", "\r\n\t", "\t", "\n\n  "][..])
}

fn string() -> impl Strategy<Value = &'static str> {
    select(
        &[
            r#""""#,
            r#""Statement""#,
            r#""Effect""#,
            r#""Action""#,
            r#""Sid""#,
            r#""ü \" \\ \/ \u0022 \uD83D\uDE00""#,
            r#""]}, [{""#,
            r#""a\nb""#,
        ][..],
    )
}

fn joined(parts: Vec<(&str, String, &str)>) -> String {
    let parts: Vec<String> = parts.into_iter().map(|(before, part, after)| format!("{before}{part}{after}")).collect();
    parts.join(",")
}

fn list(element: impl Strategy<Value = String>, most: usize) -> impl Strategy<Value = String> {
    (vec((white_space(), element, white_space()), 0..=most), white_space())
        .prop_map(|(parts, space)| if parts.is_empty() { space.to_owned() } else { joined(parts) })
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let member = (string(), white_space(), white_space(), value)
        .prop_map(|(name, before, after, value)| format!("{name}{before}:{after}{value}"));
    list(member, 3).prop_map(|members| format!("{{{members}}}"))
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        string().prop_map(String::from),
        select(&["null", "true", "-0", "1.50", "1E+2", "123456789012345678901234567890"][..]).prop_map(String::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![list(inner.clone(), 3).prop_map(|elements| format!("[{elements}]")), object(inner)]
    })
}

fn statement() -> impl Strategy<Value = String> {
    let same = select(
        &[
            r#"{"Effect":"Allow","Action":"a:b","Resource":["*"]}"#,
            "{\n  \"Resource\": \"*\",\n  \"Sid\": \"Ssm\",\n  \"Action\": [\"a:C\"],\n  \"Effect\": \"Allow\"\n}",
        ][..],
    );
    prop_oneof![3 => object(value()), 1 => same.prop_map(String::from)]
}

/// A document in three parts: what stands before the value of `Statement`, that value, and what stands behind.
#[derive(Debug, Clone)]
struct Generated {
    head: String,
    statement: String,
    tail: String,
}

fn generated() -> impl Strategy<Value = Generated> {
    let other = || {
        let names = select(&[r#""Version""#, r#""Id""#, r#""Odd""#, r#""statement""#, r#""Stat\u00e9ment""#][..]);
        let member = (names, white_space(), white_space(), value())
            .prop_map(|(name, before, after, value)| format!("{name}{before}:{after}{value}"));
        vec((white_space(), member, white_space()), 0..3)
    };
    let statements = prop_oneof![
        3 => list(statement(), 3).prop_map(|elements| format!("[{elements}]")),
        1 => statement(),
    ];
    let name = select(&[r#""Statement""#, r#""St\u0061tement""#, r#""\u0053tatement""#][..]);
    (other(), other(), name, statements, vec(white_space(), 6)).prop_map(|(before, after, name, statement, space)| {
        let comma = |list: &Vec<_>| if list.is_empty() { "" } else { "," };
        Generated {
            head: format!(
                "{}{{{}{}{}{name}{}:{}",
                space[0],
                joined(before.clone()),
                comma(&before),
                space[1],
                space[2],
                space[3]
            ),
            statement,
            tail: format!("{}{}{}}}{}", space[4], comma(&after), joined(after), space[5]),
        }
    })
}

fn added() -> impl Strategy<Value = Vec<NewStatement>> {
    let statement =
        select(vec![allow(&["a:B"], "*"), allow(&["a:C"], "*"), allow(&["a:B", "a:C"], "y ü \" \n"), trust()]);
    vec(statement, 0..4)
}

/// The statements as they are written.
fn written(statement: &str) -> Vec<&RawValue> {
    if statement.starts_with('[') {
        serde_json::from_str(statement).unwrap()
    } else {
        vec![serde_json::from_str(statement).unwrap()]
    }
}

proptest! {
    #[test]
    fn nothing_else_changes(document in generated(), added in added()) {
        let Generated { head, statement, tail } = &document;
        let before = format!("{head}{statement}{tail}");
        let after = add(&before, &added).unwrap();
        serde_json::from_str::<serde_json::Value>(&after).unwrap();

        let within = after.strip_prefix(head.as_str()).and_then(|rest| rest.strip_suffix(tail.as_str()));
        let within = within.expect("what stands outside is kept");
        let texts = |text| written(text).into_iter().map(RawValue::get).collect::<Vec<_>>();
        let (old, new) = (texts(statement), texts(within));
        prop_assert_eq!(new.get(..old.len()), Some(&old[..]));

        // The new ones are among those that were to be added, in their order.
        let mut wanted = added.iter().map(|statement| serde_json::to_value(statement).unwrap());
        for text in &new[old.len()..] {
            let one: serde_json::Value = serde_json::from_str(text).unwrap();
            prop_assert!(wanted.any(|other| other == one), "{}", text);
        }

        // Only an insertion, or the two brackets and an insertion.
        if statement.starts_with('[') {
            let start = within.bytes().zip(statement.bytes()).take_while(|(one, other)| one == other).count();
            let end = within.bytes().rev().zip(statement.bytes().rev()).take_while(|(one, other)| one == other).count();
            prop_assert!(start + end >= statement.len());
        } else if new.len() > old.len() {
            let array = within.starts_with(&format!("[{statement},")) && within.ends_with("}]");
            prop_assert!(array, "{}", within);
        } else {
            prop_assert_eq!(&after, &before);
        }
    }

    #[test]
    fn adding_twice_is_adding_once(document in generated(), added in added()) {
        let Generated { head, statement, tail } = &document;
        let once = add(&format!("{head}{statement}{tail}"), &added).unwrap();
        prop_assert_eq!(add(&once, &added).unwrap(), once);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,40}", added in added()) {
        let _ = add(&text, &added);
    }
}
