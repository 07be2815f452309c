//! What the agent's last report says, beside what the facts say of its credentials.

use super::*;
use crate::facts::{Agent, Instance};
use crate::render::words::Said as _;

fn agent(ping: &str, version: &str) -> Fact<Agent> {
    Fact::Known(Agent {
        ping: Some(ping.to_owned()),
        version: Some(version.to_owned()),
        last_ping: Some(now()),
        platform: None,
    })
}

fn seen(agent: Fact<Agent>, state: &str) -> Account {
    Account::with_instance(|instance| of(instance, agent, state))
}

fn of(instance: &mut Instance, agent: Fact<Agent>, state: &str) {
    instance.agent = agent;
    state.clone_into(&mut instance.state);
}

#[test]
fn an_agent_that_does_not_report_is_worth_a_warning_while_it_should_run() {
    for (fact, state, said) in [
        (agent("Online", "3.3.0.0"), "running", None),
        (agent("ConnectionLost", "3.3.0.0"), "running", Some("`ConnectionLost` since 2026-01-01")),
        (agent("Inactive", "3.3.0.0"), "running", Some("`Inactive`")),
        (Fact::Absent, "running", Some("was never seen")),
        (Fact::Absent, "stopped", None),
        (Fact::Absent, "pending", None),
        (agent("ConnectionLost", "3.3.0.0"), "stopped", None),
    ] {
        let outcome = judge(&seen(fact.clone(), state));
        assert_eq!(outcome.verdict, Verdict::Ready, "{fact:?} {state}");
        let finding = found(&outcome, Code::AgentOffline);
        assert_eq!(finding.is_some(), said.is_some(), "{fact:?} {state}: {finding:?}");
        if let (Some(finding), Some(said)) = (finding, said) {
            assert_eq!(finding.severity(), Severity::Warning);
            assert!(finding.message().contains(said), "{finding:?}");
        }
    }
}

/// 2.3.68.0 is the least version of the page on the prerequisites of Session Manager.
#[test]
fn an_agent_that_is_too_old_for_sessions_is_an_error_whether_or_not_it_runs() {
    for (version, verdict) in
        [("2.3.67.9", Verdict::NotReady), ("2.3.68.0", Verdict::Ready), ("2.30.0.0", Verdict::Ready)]
    {
        for (ping, state) in [("Online", "running"), ("ConnectionLost", "running"), ("Online", "stopped")] {
            let outcome = judge(&seen(agent(ping, version), state));
            let finding = found(&outcome, Code::AgentOutdated);
            assert_eq!(
                (outcome.verdict, finding.is_some()),
                (verdict, verdict == Verdict::NotReady),
                "{version} {state}"
            );
            if let Some(finding) = finding {
                assert_eq!(finding.severity(), Severity::Error);
                assert!(finding.message().contains(version) && finding.message().contains("2.3.68.0"), "{finding:?}");
            }
        }
    }
}

fn with_key(account: Account) -> Account {
    let key = "arn:aws:kms:us-east-1:111122223333:key/k";
    let document = json!({ "sessionType": "Standard_Stream", "inputs": { "kmsKeyId": key } }).to_string();
    let account = with_readable_key(account, key);
    with_settings(account, |settings| settings.preferences = Fact::Known(text(&document)))
}

#[test]
fn only_what_keeps_an_agent_from_connecting_explains_that_it_is_lost() {
    let message = |account: &Account| found(&judge(account), Code::AgentOffline).unwrap().message();
    let explains = |account: &Account| message(account).contains("probably caused by the errors above");
    assert!(explains(&Account::web()));
    assert!(explains(&Account::new().instance(INSTANCE, |instance| {
        instance.profile = None;
        instance.association = Fact::Absent;
    })));
    assert!(explains(&Account::with_instance(|instance| {
        if let Some(metadata) = &mut instance.metadata {
            metadata.http_endpoint = Some("disabled".to_owned());
        }
    })));
    // Whoever may connect and lacks the key is not lost for that (source of the agent: it decrypts when a session starts).
    let lacks_key = with_key(seen(agent("ConnectionLost", "3.3.0.0"), "running"));
    assert_eq!(judge(&lacks_key).verdict, Verdict::NotReady);
    assert!(message(&lacks_key).contains("do not explain it; the visible permissions to connect are in place"));
    // What was not seen is not ruled out.
    let ready = seen(Fact::Absent, "running");
    assert!(message(&ready).contains("the visible permissions to connect are in place"));
    for (unseen, said) in [(true, true), (false, false)] {
        let account = ready.clone().with(|facts| facts.scp_levels = if unseen { None } else { Some(Vec::new()) });
        assert_eq!(message(&account).contains("a service control policy that is not visible"), said);
        assert!(message(&account).contains("an endpoint policy"));
    }
    // What is not known may be the cause.
    let open = Account::with_role(|role| {
        add_inline(role, "some", &policy(&[under(allow(&["ssm:*", "ssmmessages:*"], "*"), unknowable())]));
    });
    assert!(message(&open).contains("could not be determined"));
}

#[test]
fn an_agent_that_is_still_online_where_it_is_kept_out_is_explained() {
    let says = |account: &Account| {
        let outcome = judge(account);
        (
            outcome.verdict,
            outcome
                .not_checked
                .iter()
                .any(|item| crate::render::words::not_checked(item).contains("keeps its credentials for hours")),
        )
    };
    let online = |account: Account| {
        account.with(|facts| {
            if let crate::facts::SubjectKind::Instance(Fact::Known(instance)) = &mut facts.subjects[0].kind {
                instance.agent = agent("Online", "3.3.0.0");
            }
        })
    };
    assert_eq!(says(&Account::web()), (Verdict::NotReady, false));
    assert_eq!(says(&online(Account::web())), (Verdict::NotReady, true));
    let empty = Account::with_role(ready).profile("web", |profile| profile.role = None);
    assert_eq!(says(&online(empty)), (Verdict::NotReady, true));
    assert_eq!(says(&online(Account::with_role(ready))), (Verdict::Ready, false));
    // It stays online for ever without the key.
    assert_eq!(says(&online(with_key(Account::with_role(ready)))), (Verdict::NotReady, false));
}

#[test]
fn an_agent_of_which_nothing_is_known_changes_no_verdict() {
    let outcome = judge(&seen(unreadable("ssm:DescribeInstanceInformation"), "running"));
    assert_eq!((outcome.verdict, &outcome.agent), (Verdict::Ready, &None));
    assert_eq!(found(&outcome, Code::AgentOffline), None);
    assert_eq!(found(&outcome, Code::AccessDenied).unwrap().severity(), Severity::Info);
    assert!(outcome.not_checked.iter().any(|item| crate::render::words::not_checked(item).contains("SSM Agent")));
}

#[test]
fn a_key_needs_a_later_version() {
    for (version, encrypted, verdict) in [
        ("2.3.538.0", true, Verdict::NotReady),
        ("2.3.539.0", true, Verdict::Ready),
        ("2.3.538.0", false, Verdict::Ready),
    ] {
        let mut account = Account::new()
            .role("web", ready_and(&["kms:Decrypt"]))
            .profile("web", |_| {})
            .instance(INSTANCE, |instance| of(instance, agent("Online", version), "running"));
        if encrypted {
            account = with_key(account);
        }
        let outcome = judge(&account);
        let finding = found(&outcome, Code::AgentOutdated);
        assert_eq!(
            (outcome.verdict, finding.is_some()),
            (verdict, verdict == Verdict::NotReady),
            "{version} {encrypted}"
        );
    }
}
