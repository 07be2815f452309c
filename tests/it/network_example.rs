//! `examples/network.json`: an instance for each thing that can be wrong with a network path.

use serde_json::Value;

use crate::support::command::Sandbox;
use crate::support::report::{Code, Verdict};
use crate::support::schema::{self, Format};

const EXAMPLE: &str = include_str!("../../examples/network.json");

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("network.json", EXAMPLE);
    sandbox
}

#[test]
fn each_instance_shows_what_its_name_says() {
    schema::read(Format::Snapshot, EXAMPLE);
    let report = sandbox().run(&["check", "--snapshot", "network.json", "-o", "json"]).expect(1).report();
    let expected = [
        ("public-1", Verdict::Ready, None),
        ("nat-1", Verdict::Ready, None),
        ("deleted-nat-1", Verdict::NotReady, Some(Code::NoNetworkPath)),
        ("acl-1", Verdict::NotReady, Some(Code::NetworkAclBlocks)),
        ("egress-1", Verdict::NotReady, Some(Code::SecurityGroupBlocks)),
        // What is behind a transit gateway is not to be seen.
        ("transit-1", Verdict::Ready, Some(Code::NetworkUnknown)),
        ("endpoint-1", Verdict::Ready, None),
        ("endpoint-group-1", Verdict::NotReady, Some(Code::SecurityGroupBlocks)),
        ("private-dns-1", Verdict::NotReady, Some(Code::EndpointDns)),
        ("endpoint-policy-1", Verdict::NotReady, Some(Code::EndpointPolicy)),
        // Its agent is online all the same.
        ("no-address-1", Verdict::Ready, Some(Code::NoNetworkPath)),
    ];
    assert_eq!(report.results.len(), expected.len());
    for (outcome, (name, verdict, code)) in report.results.iter().zip(expected) {
        assert_eq!(outcome.instance.as_ref().and_then(|instance| instance.name.as_deref()), Some(name));
        assert_eq!(outcome.verdict, verdict, "{name}: {:?}", outcome.findings);
        let of_network = outcome.codes().into_iter().filter(|code| is_of_network(*code)).collect::<Vec<_>>();
        assert!(code.is_none_or(|code| of_network.contains(&code)), "{name}: {of_network:?}");
        assert_eq!(code.is_none(), of_network.is_empty(), "{name}: {of_network:?}");
        // What closes the path is why the agent is offline.
        if verdict == Verdict::NotReady && outcome.codes().contains(&Code::AgentOffline) {
            assert!(outcome.finding(Code::AgentOffline).message.contains("caused by the errors above"), "{name}");
        }
    }
}

fn is_of_network(code: Code) -> bool {
    let codes = [
        Code::NoNetworkPath,
        Code::SecurityGroupBlocks,
        Code::NetworkAclBlocks,
        Code::EndpointDns,
        Code::EndpointPolicy,
        Code::NetworkUnknown,
    ];
    codes.contains(&code)
}

#[test]
fn the_flag_says_how_the_path_counts() {
    let run = |network: &str, exit: i32| -> Vec<(String, Verdict, Value)> {
        let output = sandbox().run(&["check", "--snapshot", "network.json", "--network", network, "-o", "json"]);
        let output = output.expect(exit);
        let json = output.json();
        let rows = output.report().results.into_iter().zip(json["results"].as_array().unwrap().clone());
        let row = |(outcome, json): (crate::support::report::Outcome, Value)| {
            (outcome.instance.unwrap().name.unwrap(), outcome.verdict, json["network"]["decision"].clone())
        };
        rows.map(row).collect()
    };
    for (name, verdict, decision) in run("off", 0) {
        assert_eq!((verdict, decision), (Verdict::Ready, Value::from("not_checked")), "{name}");
    }
    let required = run("require", 1);
    let transit = required.iter().find(|(name, ..)| name == "transit-1").unwrap();
    assert_eq!((transit.1, &transit.2), (Verdict::Unknown, &Value::from("unknown")));
    let auto = run("auto", 1);
    let differ = auto.iter().zip(&required).filter(|(auto, required)| auto != required).count();
    assert_eq!(differ, 1, "only what is not known");
}
