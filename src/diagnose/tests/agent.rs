//! What the agent's last report says, beside what the facts say of its credentials.

use super::*;
use crate::facts::{Agent, Instance};

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
        // Too old for sessions, whether or not it runs.
        (agent("Online", "2.3.67.9"), "running", Some("2.3.68.0")),
        (agent("Online", "2.3.68.0"), "running", None),
        (agent("Online", "2.3.67.9"), "stopped", Some("2.3.68.0")),
    ] {
        let outcome = judge(&seen(fact.clone(), state));
        assert_eq!(outcome.verdict, Verdict::Ready, "{fact:?} {state}");
        let finding = found(&outcome, Code::AgentOffline);
        assert_eq!(finding.is_some(), said.is_some(), "{fact:?} {state}: {finding:?}");
        if let (Some(finding), Some(said)) = (finding, said) {
            assert_eq!(finding.severity, Severity::Warning);
            assert!(finding.message.contains(said), "{finding:?}");
        }
    }
}

#[test]
fn the_likely_cause_is_what_else_was_found() {
    let message = |account: &Account| found(&judge(account), Code::AgentOffline).unwrap().message.clone();
    assert!(message(&seen(Fact::Absent, "running")).contains("network path"));
    assert!(message(&Account::web()).contains("what else was found"));
    let account = Account::with_instance(|instance| {
        if let Some(metadata) = &mut instance.metadata {
            metadata.http_endpoint = Some("disabled".to_owned());
        }
    });
    assert!(message(&account).contains("metadata service is off"));
}

#[test]
fn an_agent_of_which_nothing_is_known_changes_no_verdict() {
    let outcome = judge(&seen(unreadable("ssm:DescribeInstanceInformation"), "running"));
    assert_eq!((outcome.verdict, &outcome.agent), (Verdict::Ready, &None));
    assert_eq!(found(&outcome, Code::AgentOffline), None);
    assert_eq!(found(&outcome, Code::AccessDenied).unwrap().severity, Severity::Info);
    assert!(outcome.not_checked.iter().any(|line| line.contains("SSM Agent")));
}

#[test]
fn a_key_needs_a_later_version() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/k";
    let document = json!({ "sessionType": "Standard_Stream", "inputs": { "kmsKeyId": key } }).to_string();
    for (version, encrypted, warned) in
        [("2.3.538.0", true, true), ("2.3.539.0", true, false), ("2.3.538.0", false, false)]
    {
        let mut account = Account::new()
            .role("web", ready_and(&["kms:Decrypt"]))
            .profile("web", |_| {})
            .instance(INSTANCE, |instance| of(instance, agent("Online", version), "running"));
        if encrypted {
            account = with_settings(account, |settings| settings.preferences = Fact::Known(text(&document)));
        }
        let outcome = judge(&account);
        assert_eq!(found(&outcome, Code::AgentOffline).is_some(), warned, "{version} {encrypted}");
        assert_eq!(outcome.verdict, Verdict::Ready);
    }
}
