//! `check --confirm` and `fix --wait`: what Session Manager itself says of a connection.

use serde_json::json;

use crate::live_stub::check;
use crate::support::answer::Answer;
use crate::support::chains::PUT;
use crate::support::command::Sandbox;
use crate::support::model::Instance;
use crate::support::report::{Code, Verdict};
use crate::support::world::{INSTANCE, World};

const STATUS: &str = "GetConnectionStatus";

fn status(word: &str) -> Answer {
    Answer::json(&json!({ "Target": INSTANCE, "Status": word }))
}

#[test]
fn a_connection_that_contradicts_the_verdict_is_a_warning() {
    for (answer, connection, contradicts) in
        [("connected", "connected", false), ("notconnected", "not_connected", true)]
    {
        let stub = World::ready().fail(STATUS, status(answer)).serve();
        let output = Sandbox::at(&stub).run(&["check", INSTANCE, "--confirm", "-o", "json"]).expect(0);
        assert_eq!(output.json()["results"][0]["connection"], connection);
        let outcome = output.report().only().clone();
        // The verdict stays.
        assert_eq!(outcome.verdict, Verdict::Ready);
        assert_eq!(outcome.codes().contains(&Code::NotConnected), contradicts, "{outcome:?}");
        let text = Sandbox::at(&stub).run(&["check", INSTANCE, "--confirm"]).expect(0).stdout;
        assert_eq!(text.contains("not-connected"), contradicts, "{text}");
    }
    // Without the flag nobody asks.
    let stub = World::ready().serve();
    assert!(!check(&Sandbox::at(&stub), &[INSTANCE]).only().codes().contains(&Code::NotConnected));
    assert_eq!(stub.counts().get(STATUS), None);
}

#[test]
fn who_may_not_ask_is_told_and_keeps_the_verdict() {
    let stub = World::ready().fail(STATUS, Answer::denied("ssm:GetConnectionStatus")).serve();
    let output = Sandbox::at(&stub).run(&["check", INSTANCE, "--confirm"]).expect(0);
    assert!(output.stderr.contains("`ssm:GetConnectionStatus`"), "{output:?}");
}

#[test]
fn instances_that_are_named_are_asked_for_and_at_most_fifty() {
    let mut world = World::ready();
    let ids: Vec<String> = (0..52).map(|number| format!("i-{number:017x}")).collect();
    for id in &ids {
        world = world.instance(Instance::new(id).profile("web"));
    }
    let stopped = "i-0fffffffffffffff0";
    world = world.instance(Instance::new(stopped).profile("web").state("stopped"));
    let stub = world.first(STATUS, [status("notconnected")]).fail(STATUS, status("connected")).serve();
    let sandbox = Sandbox::at(&stub);
    // What does not run is not connected, which contradicts nothing.
    let outcome = check(&sandbox, &[stopped, "--confirm"]).only().clone();
    assert_eq!((stub.counts()[STATUS], outcome.codes().contains(&Code::NotConnected)), (1, false), "{outcome:?}");
    let named: Vec<&str> = ids.iter().map(String::as_str).collect();
    let output = sandbox.run(&[&["check", "--confirm"], &named[..]].concat()).expect(0);
    assert_eq!(stub.counts()[STATUS], 51);
    assert!(output.stderr.contains("the first 50 of 52 instances"), "{output:?}");
    let before = stub.counts()[STATUS];
    sandbox.run(&["check", "--all", "--confirm"]);
    assert_eq!(
        stub.counts()[STATUS] - before,
        54,
        "with `--all` there is no bound, and the instance of the world is one more"
    );
}

#[test]
fn a_fix_waits_until_the_agent_is_connected() {
    let stub = (PUT.world)().first(STATUS, [status("notconnected")]).fail(STATUS, status("connected")).serve();
    let output = PUT.fix_with(&Sandbox::at(&stub), &["--wait=2"]).expect(0);
    assert_eq!(stub.counts()[STATUS], 2, "{output:?}");
    assert!(!output.output.stderr.contains("is not connected"), "{output:?}");
}

#[test]
fn an_agent_that_does_not_connect_in_time_ends_a_fix_with_3() {
    let stub = (PUT.world)().fail(STATUS, status("notconnected")).serve();
    // Not a minute: it is asked once.
    let output = PUT.fix_with(&Sandbox::at(&stub), &["--wait=0"]).expect(3);
    assert_eq!(stub.counts()[STATUS], 1);
    assert!(output.output.stderr.contains("is not connected; restart SSM Agent"), "{output:?}");
    // What was fixed stays so.
    assert_eq!(output.json["results"][0]["verdict"], "ready");
}

#[test]
fn who_may_not_ask_does_not_wait() {
    let stub = (PUT.world)().fail(STATUS, Answer::denied("ssm:GetConnectionStatus")).serve();
    let output = PUT.fix_with(&Sandbox::at(&stub), &["--wait"]).expect(3);
    assert!(output.output.stderr.contains("cannot wait for SSM Agent: `ssm:GetConnectionStatus`"), "{output:?}");
    let sandbox = Sandbox::at(&stub);
    let bad = sandbox.run(&["fix", INSTANCE, "--yes", "--wait=soon"]).expect(2);
    assert!(bad.stderr.contains("--wait"), "{bad:?}");
}
