use serde_json::{Value, json};

use super::*;
use crate::fix::Warning;
use crate::report::Verdict;

const ROLE: &str = "arn:aws:iam::111122223333:role/web";
const PROFILE: &str = "arn:aws:iam::111122223333:instance-profile/web";
const POLICY: &str = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";

fn arn(text: &str) -> Arn {
    Arn::parse(text).unwrap()
}

fn document(text: &str) -> State {
    State::Document(PolicyText::new(text))
}

fn record(changes: Vec<(Thing, State, State)>) -> Record {
    let step = |(thing, before, after)| {
        let change = Change::new(thing, before, after).unwrap();
        Step::planned(change, Vec::new())
    };
    Record { steps: changes.into_iter().map(step).collect(), ..Record::default() }
}

fn inline(text: &str) -> (Thing, State, State) {
    (Thing::InlinePolicy { role: arn(ROLE), name: "x".to_owned() }, State::Absent, document(text))
}

fn read(record: &Record) -> Value {
    serde_json::from_str(&render("fix", record, None).unwrap()).unwrap()
}

#[test]
fn a_run() {
    let mut record = Record {
        refusals: vec![Refusal {
            target: "i-1".to_owned(),
            instance: None,
            region: None,
            kind: Box::new(RefusalKind::NameTooLong { name: "x".repeat(65) }),
        }],
        warnings: vec![Warning::Sample("careful".to_owned())],
        reach: vec![Reach {
            role: ROLE.to_owned(),
            instance_profiles: Some(vec![PROFILE.to_owned()]),
            other_instances: Some(vec!["i-2".to_owned()]),
            regions: vec!["us-east-1".to_owned()],
            incomplete: None,
        }],
        backup: Some("undo.json".to_owned()),
        stopped: Some("a call failed".to_owned()),
        next: vec!["run it again".to_owned()],
        ..record(vec![inline(r#"{"Version":"2012-10-17", "Statement":[]}"#)])
    };
    record.steps[0].status = Status::NotDone;
    record.steps[0].targets = vec!["i-1".to_owned(), "i-2".to_owned()];
    record.steps[0].note = Some("why".to_owned());
    let report = Report::from(vec![crate::render::sample::outcome("i-1", Verdict::Ready, Vec::new())]);
    insta::assert_snapshot!(render("fix", &record, Some(&report)).unwrap().replace(env!("CARGO_PKG_VERSION"), "VERSION"), @r#"
    {
      "schema_version": 1,
      "tool": {
        "name": "ssm-profile",
        "version": "VERSION"
      },
      "command": "fix",
      "dry_run": false,
      "changes": [
        {
          "action": "iam:PutRolePolicy",
          "target": "arn:aws:iam::111122223333:role/web",
          "name": "x",
          "region": null,
          "account": "111122223333",
          "before": null,
          "after": {"Version":"2012-10-17", "Statement":[]},
          "mends": [
            "i-1",
            "i-2"
          ],
          "status": "not_done",
          "note": "why"
        }
      ],
      "refusals": [
        {
          "target": "i-1",
          "reason": "name-taken",
          "message": "`xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` is too long for a role name",
          "remedy": "pass another name with `--create-profile`",
          "details": {
            "kind": "name_too_long",
            "name": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
          }
        }
      ],
      "warnings": [
        "careful"
      ],
      "reach": [
        {
          "role": "arn:aws:iam::111122223333:role/web",
          "instance_profiles": [
            "arn:aws:iam::111122223333:instance-profile/web"
          ],
          "other_instances": [
            "i-2"
          ],
          "regions": [
            "us-east-1"
          ],
          "incomplete": null
        }
      ],
      "backup": "undo.json",
      "stopped": "a call failed",
      "next": [
        "run it again"
      ],
      "summary": {
        "checked": 1,
        "ready": 1,
        "not_ready": 0,
        "unknown": 0,
        "skipped": 0
      },
      "results": [
        {
          "target": "i-1",
          "account": "111122223333",
          "region": "us-east-1",
          "instance": null,
          "instance_profile": null,
          "role": null,
          "host_management_role": null,
          "agent": null,
          "trust": null,
          "verdict": "ready",
          "permissions": [],
          "findings": [],
          "network": {"decision":"not_checked","paths":[]},
          "not_checked": []
        }
      ]
    }
    "#);
}

#[test]
fn a_run_without_a_report_has_no_verdicts() {
    let text = render("undo", &Record { dry_run: true, ..Record::default() }, None).unwrap();
    insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION"), @r#"
    {
      "schema_version": 1,
      "tool": {
        "name": "ssm-profile",
        "version": "VERSION"
      },
      "command": "undo",
      "dry_run": true,
      "changes": [],
      "refusals": [],
      "warnings": [],
      "reach": [],
      "backup": null,
      "stopped": null,
      "next": []
    }
    "#);
}

#[test]
fn the_report_is_that_of_a_check() {
    let outcomes =
        [Verdict::Ready, Verdict::Unknown].map(|verdict| crate::render::sample::outcome("i-1", verdict, Vec::new()));
    let report = Report::from(Vec::from(outcomes));
    let run: Value = serde_json::from_str(&render("fix", &Record::default(), Some(&report)).unwrap()).unwrap();
    let source = crate::render::json::Source { kind: crate::render::json::SourceKind::Live, file: None };
    let check: Value = {
        let mut text = Vec::new();
        crate::render::json::write(&report, &source, None, &mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    };
    for key in ["schema_version", "tool", "summary", "results"] {
        assert!(run[key] == check[key] && !run[key].is_null(), "{key}");
    }
}

#[test]
fn states() {
    let trust = State::Role { trust: PolicyText::new("{}"), id: Some("AROA1".to_owned()) };
    let has = |id: Option<&str>| State::Has { profile: arn(PROFILE), id: id.map(str::to_owned) };
    let instance = Thing::ProfileOfInstance { instance: "i-1".to_owned(), region: "us-east-1".to_owned() };
    let tags = json!({"created-by": "ssm-profile"});
    let shown_role = json!({"assume_role_policy": {}, "id": "AROA1", "tags": tags});
    let shown_profile = json!({"id": null, "tags": tags});
    let attached = Thing::AttachedPolicy { role: arn(ROLE), policy: arn(POLICY) };
    let null = Value::Null;
    for ((thing, before, after), action, target, name, region, shown_before, shown_after) in [
        (
            (Thing::Role(arn(ROLE)), trust, State::Absent),
            "iam:DeleteRole",
            ROLE,
            json!(null),
            json!(null),
            shown_role,
            null.clone(),
        ),
        (
            (Thing::TrustPolicy(arn(ROLE)), document("{}"), document("[1]")),
            "iam:UpdateAssumeRolePolicy",
            ROLE,
            json!(null),
            json!(null),
            json!({}),
            json!([1]),
        ),
        (inline("{"), "iam:PutRolePolicy", ROLE, json!("x"), json!(null), null.clone(), json!("{")),
        (
            (attached.clone(), State::Absent, State::Attached),
            "iam:AttachRolePolicy",
            ROLE,
            json!(POLICY),
            json!(null),
            null.clone(),
            json!(POLICY),
        ),
        (
            (attached, State::Attached, State::Absent),
            "iam:DetachRolePolicy",
            ROLE,
            json!(POLICY),
            json!(null),
            json!(POLICY),
            null.clone(),
        ),
        (
            (Thing::InstanceProfile(arn(PROFILE)), State::Absent, State::InstanceProfile { id: None }),
            "iam:CreateInstanceProfile",
            PROFILE,
            json!(null),
            json!(null),
            null.clone(),
            shown_profile,
        ),
        (
            (Thing::RoleOfProfile(arn(PROFILE)), State::Absent, State::Holds(arn(ROLE))),
            "iam:AddRoleToInstanceProfile",
            PROFILE,
            json!(null),
            json!(null),
            null.clone(),
            json!(ROLE),
        ),
        (
            (instance, has(Some("AIPA1")), has(None)),
            "ec2:ReplaceIamInstanceProfileAssociation",
            "i-1",
            json!(null),
            json!("us-east-1"),
            json!({"instance_profile": PROFILE, "id": "AIPA1"}),
            json!({"instance_profile": PROFILE, "id": null}),
        ),
    ] {
        let expected = json!({"action": action, "target": target, "name": name, "region": region,
            "account": "111122223333", "before": shown_before, "after": shown_after, "mends": [], "status": "planned", "note": null});
        assert_eq!(read(&record(vec![(thing, before, after)]))["changes"], json!([expected]));
    }
}

#[test]
fn a_document_stands_as_it_is() {
    for text in ["{\"a\":1,  \"a\":2}", "{\n\t\"a\" : [1.50,\n\"\\u0041\"]\n}", "[]"] {
        let page = render("fix", &record(vec![inline(text)]), None).unwrap();
        assert!(page.contains(&format!("\"after\": {text},\n")), "{page}");
        serde_json::from_str::<Value>(&page).unwrap();
    }
}

#[test]
fn the_whole_is_json_whatever_the_document() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for text in [
        "",
        "7",
        "null",
        "\"x\"",
        "{",
        "{} {}",
        "not json\u{1b}[2J",
        "[1e999]",
        "[\"\\ud800\"]",
        "1]]]],[[[[2",
        "1],[2",
        &"[".repeat(100_000),
        &deep(100_000),
        &deep(124),
        &deep(125),
        &deep(128),
    ] {
        let after = &read(&record(vec![inline(text)]))["changes"][0]["after"];
        assert!(after.as_str() == Some(text) || text == deep(124), "{text:.20}");
    }
    for text in ["\r\n{\r\n\t\"a\":\t1\r}\r\n", "{\"a\":\r1}", "{\"\u{202e}\": \"\u{7f}\u{e0041}\u{2028}\"}"] {
        let after = &read(&record(vec![inline(text)]))["changes"][0]["after"];
        assert_eq!(*after, serde_json::from_str::<Value>(text).unwrap());
    }
}

#[test]
fn nothing_unseen_gets_through() {
    let hostile = "x\r\u{1b}[31m\u{9b}\u{202e}\u{200b}";
    let own = hostile.to_owned();
    let text = "{\r\n\"Sid\":\r\"\u{202e}\u{9b}\"}";
    let record = Record {
        warnings: vec![Warning::Sample(own.clone())],
        backup: Some(own.clone()),
        next: vec![own.clone()],
        ..record(vec![
            (Thing::InlinePolicy { role: arn(ROLE), name: own.clone() }, document(hostile), document(text)),
            (
                Thing::Role(arn(&format!("{ROLE}{hostile}"))),
                State::Absent,
                State::Role { trust: PolicyText::new(text), id: Some(own) },
            ),
        ])
    };
    let page = render("fix", &record, None).unwrap();
    assert!(!page.contains(|c: char| c != '\n' && crate::unseen::is_unseen(c)), "{page:?}");
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["changes"][0]["name"], hostile);
    assert_eq!(page["changes"][0]["after"]["Sid"], "\u{202e}\u{9b}");
}
