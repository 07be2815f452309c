use jiff::civil::date;

use super::*;
use crate::render::sample::outcome;
use crate::report::{FindingKind, Verdict};

const TODAY: Date = date(2026, 6, 1);

fn no_profile() -> Finding {
    FindingKind::NoInstanceProfile.into()
}

fn empty(profile: &str) -> Finding {
    FindingKind::ProfileEmpty { profile: profile.to_owned() }.into()
}

fn read(findings: &str) -> Baseline {
    Baseline::read(&format!(r#"{{"baseline_version": 1, "findings": [{findings}]}}"#)).unwrap()
}

/// Which findings of an instance an entry makes known, with the reason.
fn known(entry: &str, findings: Vec<Finding>) -> Vec<Option<String>> {
    let mut outcome = outcome("i-0aaa", Verdict::NotReady, findings);
    read(entry).mark(&mut outcome, TODAY);
    let reason = |known: Option<&Known>| known.map(|known| known.reason.clone().unwrap_or_default());
    outcome.findings().map(|(_, known)| reason(known)).collect()
}

#[test]
fn an_entry_names_its_finding_and_no_other() {
    let entry =
        |more: &str| format!(r#"{{"target": "i-0aaa", "code": "instance-profile-empty", "reason": "r"{more}}}"#);
    let web = r#", "details": {"kind": "profile_empty", "profile": "web"}"#;
    for (entry, expected) in [
        (entry(""), true),
        (entry(web), true),
        (entry(r#", "details": {"kind": "profile_empty", "profile": "db"}"#), false),
        (entry(r#", "details": {"kind": "profile_empty"}"#), false),
        (entry(r#", "details": {}"#), false),
        (entry(r#", "account": "111122223333", "region": "us-east-1""#), true),
        (entry(r#", "account": "999999999999""#), false),
        (entry(r#", "region": "eu-west-1""#), false),
        (entry(r#", "until": "2026-06-01""#), true),
        (entry(r#", "until": "2026-05-31""#), false),
        (entry("").replace("i-0aaa", "i-0aa"), false),
        (entry("").replace("-empty", "-stale"), false),
    ] {
        let expected = expected.then(|| "r".to_owned());
        assert_eq!(known(&entry, vec![no_profile(), empty("web")]), [None, expected], "{entry}");
    }
}

#[test]
fn what_is_not_known_of_the_place_matches_no_entry_that_names_one() {
    let mut outcome = outcome("i-0aaa", Verdict::NotReady, vec![no_profile()]);
    (outcome.account, outcome.region) = (None, None);
    let mut baseline = read(r#"{"target": "i-0aaa", "account": "111122223333", "code": "no-instance-profile"}"#);
    baseline.mark(&mut outcome, TODAY);
    assert!(outcome.known.is_empty());
    assert_eq!(baseline.without_match(TODAY).count(), 1);
}

#[test]
fn a_second_finding_of_a_known_code_is_new() {
    let first = outcome("i-0aaa", Verdict::NotReady, vec![empty("web")]);
    let mut draft = Draft::new([], Severity::Error);
    draft.take(&first);
    let text = serde_json::to_string(&draft.file()).unwrap();
    let mut baseline = Baseline::read(&text).unwrap();
    let mut second = outcome("i-0aaa", Verdict::NotReady, vec![empty("web"), empty("db")]);
    baseline.mark(&mut second, TODAY);
    assert_eq!(second.known.keys().copied().collect::<Vec<_>>(), [0]);
    assert_eq!(second.standing(), Verdict::NotReady);
}

#[test]
fn what_differs_from_run_to_run_does_not_make_a_finding_new() {
    let offline = |since: &str| -> Finding {
        let seen = crate::report::LastSeen { ping: "ConnectionLost".to_owned(), since: Some(since.to_owned()) };
        FindingKind::AgentOffline {
            last_seen: Some(seen),
            cause: crate::report::OfflineCause::Certain,
            not_ready: false,
            scps_unseen: false,
            network_open: false,
            started: None,
        }
        .into()
    };
    let mut draft = Draft::new([], Severity::Warning);
    draft.take(&outcome("i-0aaa", Verdict::Ready, vec![offline("2026-01-01T00:00:00Z")]));
    let mut baseline = Baseline::read(&serde_json::to_string(&draft.file()).unwrap()).unwrap();
    let mut later = outcome("i-0aaa", Verdict::Ready, vec![offline("2026-02-02T00:00:00Z")]);
    baseline.mark(&mut later, TODAY);
    assert_eq!(later.known.len(), 1);
}

fn draft(earlier: Baseline, fail_on: Severity, outcomes: &[Outcome]) -> (Vec<Entry>, Draft) {
    let mut draft = Draft::new([earlier], fail_on);
    outcomes.iter().for_each(|outcome| draft.take(outcome));
    let file = serde_json::to_value(draft.file()).unwrap();
    (serde_json::from_value(file["findings"].clone()).unwrap(), draft)
}

#[test]
fn what_counts_is_written_and_what_could_not_be_read_is_not() {
    let sample = |code, severity| Finding::sample(code, severity, "words", "");
    let findings = || {
        vec![
            sample(Code::ExplicitDeny, Severity::Error),
            sample(Code::ConditionalPermission, Severity::Warning).that_leaves_unknown(),
            sample(Code::AccessDenied, Severity::Warning).that_leaves_unknown(),
            sample(Code::AgentOffline, Severity::Warning),
            sample(Code::ManagedByDhmc, Severity::Info),
        ]
    };
    let outcome = outcome("i-0aaa", Verdict::NotReady, findings());
    let codes = |fail_on| {
        let (entries, draft) = draft(Baseline::default(), fail_on, std::slice::from_ref(&outcome));
        assert_eq!(draft.not_written(), 1);
        entries.into_iter().map(|entry| entry.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(Severity::Error), [Code::ExplicitDeny, Code::ConditionalPermission]);
    assert_eq!(codes(Severity::Warning), [Code::ExplicitDeny, Code::ConditionalPermission, Code::AgentOffline]);
}

#[test]
fn reasons_are_kept_and_go_only_with_their_finding() {
    let earlier = || {
        read(
            r#"{"target": "i-0aaa", "code": "no-instance-profile", "reason": "kept", "until": "2020-01-01"},
               {"target": "i-0aaa", "code": "explicit-deny", "reason": "gone"},
               {"target": "i-0bbb", "code": "explicit-deny", "reason": "not looked at"},
               {"target": "i-0ccc", "code": "explicit-deny", "reason": "not all read"}"#,
        )
    };
    let open = Finding::sample(Code::AwsError, Severity::Warning, "throttled", "").that_leaves_unknown();
    let outcomes = [
        outcome("i-0aaa", Verdict::NotReady, vec![no_profile()]),
        outcome("i-0ccc", Verdict::Unknown, vec![open]),
        outcome("i-0ddd", Verdict::NotReady, vec![no_profile()]),
    ];
    let (entries, draft) = draft(earlier(), Severity::Error, &outcomes);
    let shown: Vec<(&str, Option<&str>)> =
        entries.iter().map(|entry| (entry.target.as_str(), entry.reason.as_deref())).collect();
    let expected = [
        ("i-0aaa", Some("kept")),
        ("i-0bbb", Some("not looked at")),
        ("i-0ccc", Some("not all read")),
        ("i-0ddd", None),
    ];
    assert_eq!(shown, expected);
    assert_eq!(entries[0].until, Some(date(2020, 1, 1)));
    assert_eq!(draft.removed().map(|entry| entry.reason.as_deref().unwrap()).collect::<Vec<_>>(), ["gone"]);
}

#[test]
fn what_is_no_baseline_says_why() {
    for (text, said) in [
        ("", "it is empty"),
        ("[]", "line 1"),
        ("{}", "`baseline_version` is missing"),
        (r#"{"baseline_version": 0, "findings": []}"#, "no baseline version 0"),
        (r#"{"baseline_version": 2, "rows": []}"#, "version 2"),
        ("{\"baseline_version\": 1,\n\"findings\": [{\"target\": \"a\", \"code\": \"no-such\"}]}", "line 2, column"),
        (
            r#"{"baseline_version": 1, "findings": [{"target": "a", "code": "explicit-deny", "untill": null}]}"#,
            "`untill`",
        ),
        (r#"{"baseline_version": 1, "findings": [{"target": "a"}]}"#, "`code` is missing"),
        (
            r#"{"baseline_version": 1, "findings": [{"target": "a", "code": "explicit-deny", "until": "soon"}]}"#,
            "line 1",
        ),
    ] {
        let error = Baseline::read(text).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}
