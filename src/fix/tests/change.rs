//! Which pairs of states are a change, and what a backup file keeps of it.

use serde_json::{Value as Json, json};

use super::account::{policy, text, trusting};
use crate::fix::{Change, State, Thing};
use iam_eval::arn::Arn;

fn arn(resource: &str) -> Arn {
    Arn::parse(&format!("arn:aws-cn:iam::111122223333:{resource}")).unwrap()
}

/// One thing of each kind.
fn things() -> [Thing; 7] {
    [
        Thing::Role(arn("role/path/web")),
        Thing::TrustPolicy(arn("role/path/web")),
        Thing::InlinePolicy { role: arn("role/path/web"), name: "p".to_owned() },
        Thing::AttachedPolicy { role: arn("role/path/web"), policy: arn("policy/p") },
        Thing::InstanceProfile(arn("instance-profile/web")),
        Thing::RoleOfProfile(arn("instance-profile/web")),
        Thing::ProfileOfInstance { instance: "i-1".to_owned(), region: "cn-north-1".to_owned() },
    ]
}

/// One state of each kind.
fn states() -> [State; 8] {
    [
        State::Absent,
        State::Role { trust: text(&policy(&[trusting("ec2.amazonaws.com.cn")])), id: None },
        State::Foreign,
        // Verbatim, duplicates included: what is put back must be what was there.
        State::Document(text("{\"Statement\" : [ ],\n \"Statement\":[]}")),
        State::Attached,
        State::InstanceProfile { id: Some("AIPA1".to_owned()) },
        State::Holds(arn("role/path/web")),
        State::Has { profile: arn("instance-profile/web"), id: None },
    ]
}

/// Every call that changes something, by the index of the thing and of the states before and after it.
///
/// A profile holds one role, and another one takes two calls; a policy is attached or not.
const CALLS: [(usize, usize, usize, &str); 15] = [
    (0, 0, 1, "iam:CreateRole"),
    (0, 1, 0, "iam:DeleteRole"),
    (1, 3, 3, "iam:UpdateAssumeRolePolicy"),
    (2, 0, 3, "iam:PutRolePolicy"),
    (2, 3, 3, "iam:PutRolePolicy"),
    (2, 3, 0, "iam:DeleteRolePolicy"),
    (3, 0, 4, "iam:AttachRolePolicy"),
    (3, 4, 0, "iam:DetachRolePolicy"),
    (4, 0, 5, "iam:CreateInstanceProfile"),
    (4, 5, 0, "iam:DeleteInstanceProfile"),
    (5, 0, 6, "iam:AddRoleToInstanceProfile"),
    (5, 6, 0, "iam:RemoveRoleFromInstanceProfile"),
    (6, 0, 7, "ec2:AssociateIamInstanceProfile"),
    (6, 7, 7, "ec2:ReplaceIamInstanceProfileAssociation"),
    (6, 7, 0, "ec2:DisassociateIamInstanceProfile"),
];

/// As JSON text; a JSON value would lose what a document has twice.
fn text_of(part: &impl serde::Serialize) -> String {
    serde_json::to_string(part).unwrap()
}

#[test]
fn only_what_one_call_does_is_a_change() {
    let (things, states) = (things(), states());
    for (at, thing) in things.iter().enumerate() {
        for (from, before) in states.iter().enumerate() {
            for (to, after) in states.iter().enumerate() {
                let expected =
                    CALLS.iter().find(|(thing, before, after, _)| (*thing, *before, *after) == (at, from, to));
                let change = Change::new(thing.clone(), before.clone(), after.clone());
                let action = change.as_ref().map(|change| change.action().name());
                assert_eq!(action, expected.map(|(.., name)| *name), "{thing:?}: {before:?} -> {after:?}");

                let [thing_text, before, after] = [text_of(thing), text_of(before), text_of(after)];
                let stored = format!(r#"{{"thing":{thing_text},"before":{before},"after":{after}}}"#);
                let read = serde_json::from_str::<Change>(&stored).ok();
                assert_eq!(read, change, "{stored}");
            }
        }
    }
}

#[test]
fn a_change_is_kept_to_the_letter() {
    let (things, states) = (things(), states());
    for (thing, before, after, _) in CALLS {
        let change = Change::new(things[thing].clone(), states[before].clone(), states[after].clone()).unwrap();
        let stored = serde_json::to_string_pretty(&change).unwrap();
        assert_eq!(serde_json::from_str::<Change>(&stored).unwrap(), change, "{stored}");

        let inverse = change.inverse().unwrap();
        assert_eq!(
            (inverse.thing(), inverse.before(), inverse.after()),
            (change.thing(), change.after(), change.before())
        );
        assert_eq!(inverse.inverse().unwrap(), change);
    }
}

#[test]
fn a_backup_that_holds_more_or_less_is_no_change() {
    let change = Change::new(things()[2].clone(), State::Absent, states()[3].clone()).unwrap();
    let whole = serde_json::to_value(&change).unwrap();
    assert!(serde_json::from_value::<Change>(whole.clone()).is_ok());
    let change_of = |alter: &dyn Fn(&mut Json)| {
        let mut value = whole.clone();
        alter(&mut value);
        serde_json::from_value::<Change>(value)
    };
    assert!(change_of(&|value| value["more"] = json!(1)).is_err());
    assert!(change_of(&|value| value["thing"]["inline_policy"]["more"] = json!(1)).is_err());
    assert!(change_of(&|value| value["thing"]["inline_policy"]["role"] = json!("role/web")).is_err());
    for part in ["thing", "before", "after"] {
        assert!(change_of(&|value| drop(value.as_object_mut().unwrap().remove(part))).is_err(), "{part}");
    }
}

#[test]
fn an_id_that_is_not_known_yet_is_any() {
    let has = |id: Option<&str>| State::Has { profile: arn("instance-profile/web"), id: id.map(str::to_owned) };
    let profile = |id: Option<&str>| State::InstanceProfile { id: id.map(str::to_owned) };
    for (one, other, expected) in [
        (has(Some("a")), has(None), true),
        (has(Some("a")), has(Some("a")), true),
        (has(Some("a")), has(Some("b")), false),
        (profile(None), profile(Some("b")), true),
        (profile(Some("a")), profile(Some("b")), false),
        (has(None), State::Has { profile: arn("instance-profile/other"), id: None }, false),
        (State::Absent, has(None), false),
        (State::Document(text(r#"{"a": ["b"]}"#)), State::Document(text(r#"{"a":"b"}"#)), true),
        (State::Document(text(r#"{"a": "c"}"#)), State::Document(text(r#"{"a":"b"}"#)), false),
        (State::Foreign, profile(None), false),
    ] {
        assert_eq!((one.is(&other), other.is(&one)), (expected, expected), "{one:?} {other:?}");
    }
}
