//! The policies of endpoints, where it is known which endpoint a call goes through and where it is not.

use std::sync::Arc;

use super::*;
use crate::facts::{Agent, EndpointInterface, Facts, Network, Route, SubjectKind, VpcEndpoint};
use crate::needs::{NetworkCheck, S3Logs};

/// An instance in a VPC that has endpoints of `ssm` and `ssmmessages`, and no other way out.
const INSTANCE: &str = "i-0b1b2c3d400000007";
const VPC: &str = "vpc-0b1b2c3d4e5f60711";
const SSM: &str = "vpce-0b1b2c3d4e5f60710";
const MESSAGES: &str = "vpce-0b1b2c3d4e5f60711";

fn facts() -> Facts {
    let mut facts = crate::facts::snapshot::read(include_str!("../../../examples/network.json")).unwrap();
    facts.subjects.retain(|subject| subject.target == INSTANCE);
    facts
}

fn network(facts: &mut Facts) -> &mut Network {
    Arc::make_mut(facts.networks.get_mut("us-east-1").unwrap())
}

fn known<T>(fact: &mut Fact<T>) -> &mut T {
    match fact {
        Fact::Known(value) => value,
        _ => panic!("it is known"),
    }
}

fn endpoint<'f>(facts: &'f mut Facts, id: &str) -> &'f mut VpcEndpoint {
    known(&mut network(facts).endpoints).get_mut(id).unwrap()
}

fn instance(facts: &mut Facts) -> &mut crate::facts::Instance {
    match &mut facts.subjects[0].kind {
        SubjectKind::Instance(Fact::Known(instance)) => instance,
        other => panic!("{other:?}"),
    }
}

fn set_policy(facts: &mut Facts, id: &str, principal: &Json, action: &str) {
    let statement = json!({ "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*" });
    endpoint(facts, id).policy = Some(text(&policy(&[statement])));
}

/// The same endpoint once more.
fn copy(facts: &mut Facts, id: &str, of: &str) {
    let copied = endpoint(facts, of).clone();
    let network = network(facts);
    known(&mut network.endpoints).insert(id.to_owned(), copied);
    let interfaces = known(&mut network.endpoint_interfaces);
    let copied = interfaces.values().find(|interface| interface.endpoint.as_deref() == Some(of)).unwrap().clone();
    interfaces.insert(format!("eni-{id}"), EndpointInterface { endpoint: Some(id.to_owned()), ..copied });
}

/// Lets nobody in.
fn shut(facts: &mut Facts, id: &str) {
    let network = network(facts);
    let groups = known(&mut network.security_groups);
    let mut group = groups.values().next().unwrap().clone();
    group.ingress.clear();
    groups.insert("sg-shut".to_owned(), group);
    endpoint(facts, id).security_groups = vec!["sg-shut".to_owned()];
}

fn own_name_servers(facts: &mut Facts) {
    for options in known(&mut network(facts).dhcp_options).values_mut() {
        options.name_servers = vec!["10.11.0.53".to_owned()];
    }
}

fn judged(facts: &Facts, requirements: &Requirements) -> Outcome {
    diagnose(facts, requirements, facts.taken_at).results.remove(0)
}

fn verdict(facts: &Facts) -> Verdict {
    judged(facts, &Requirements::default()).verdict
}

#[test]
fn an_endpoint_that_may_be_on_the_way_and_refuses_leaves_the_verdict_unknown() {
    for (own, action, expected) in [
        (false, "*", Verdict::Ready),
        (false, "ssm:*", Verdict::NotReady),
        (true, "*", Verdict::Ready),
        (true, "ssmmessages:*", Verdict::Ready),
        (true, "ssm:*", Verdict::Unknown),
    ] {
        let mut facts = facts();
        set_policy(&mut facts, MESSAGES, &json!("*"), action);
        if own {
            own_name_servers(&mut facts);
        }
        let outcome = judged(&facts, &Requirements::default());
        assert_eq!(outcome.verdict, expected, "{own} {action}");
        assert_eq!(found(&outcome, Code::EndpointPolicy).is_some(), expected != Verdict::Ready, "{own} {action}");
    }
}

#[test]
fn what_each_of_several_endpoints_refuses_is_refused() {
    for (first, second, expected) in [
        ("*", "*", Verdict::Ready),
        ("ssmmessages:*", "*", Verdict::Ready),
        ("ssm:*", "*", Verdict::Unknown),
        ("*", "ssm:*", Verdict::Unknown),
        ("ssm:*", "kms:*", Verdict::NotReady),
    ] {
        let mut facts = facts();
        copy(&mut facts, "vpce-2", MESSAGES);
        set_policy(&mut facts, MESSAGES, &json!("*"), first);
        set_policy(&mut facts, "vpce-2", &json!("*"), second);
        assert_eq!(verdict(&facts), expected, "{first} {second}");
    }
}

/// Which of several endpoints it is does not matter to what looks at their VPC.
#[test]
fn requests_of_several_endpoints_come_from_their_vpc() {
    for (vpc, expected) in [(VPC, Verdict::Ready), ("vpc-1", Verdict::NotReady)] {
        let mut facts = facts();
        copy(&mut facts, "vpce-2", MESSAGES);
        for role in facts.roles.values_mut() {
            let only = under(deny(&["ssmmessages:*"], "*"), json!({ "StringNotEquals": { "aws:SourceVpc": vpc } }));
            add_inline(known(role), "perimeter", &policy(&[only]));
        }
        assert_eq!(verdict(&facts), expected, "{vpc}");
    }
}

/// It shows that the heartbeat of the agent arrives, and that goes to the endpoint of `ssm`.
#[test]
fn an_agent_that_is_online_proves_no_path_of_sessions() {
    for online in [false, true] {
        let ping = |facts: &mut Facts| {
            let agent =
                Agent { ping: Some(if online { "Online" } else { "ConnectionLost" }.to_owned()), ..agent(facts) };
            instance(facts).agent = Fact::Known(agent);
        };
        let mut gone = facts();
        ping(&mut gone);
        known(&mut network(&mut gone).endpoints).remove(MESSAGES);
        assert_eq!(verdict(&gone), Verdict::NotReady, "{online}");
        let mut closed = facts();
        ping(&mut closed);
        shut(&mut closed, MESSAGES);
        assert_eq!(verdict(&closed), Verdict::NotReady, "{online}");
        // Whatever lets the heartbeat out of a VPC without any way lets out the rest.
        let mut hidden = facts();
        ping(&mut hidden);
        known(&mut network(&mut hidden).endpoints).clear();
        assert_eq!(verdict(&hidden), if online { Verdict::Ready } else { Verdict::NotReady });
    }
}

fn agent(facts: &mut Facts) -> Agent {
    known(&mut instance(facts).agent).clone()
}

/// An account means its root user there.
#[test]
fn a_gateway_endpoint_takes_no_account_for_its_roles() {
    let bucket = S3Logs { bucket: "logs".to_owned(), prefix: String::new() };
    let requirements = Requirements { s3_logs: Some(bucket), ..Requirements::default() };
    let role = "arn:aws:iam::111122223333:role/web";
    for (kind, principal, refuses) in [
        ("Gateway", json!("*"), false),
        ("Gateway", json!({ "AWS": "*" }), false),
        ("Gateway", json!({ "AWS": "111122223333" }), true),
        ("Gateway", json!({ "AWS": "arn:aws:iam::111122223333:root" }), true),
        ("Gateway", json!({ "AWS": role }), true),
        ("Interface", json!({ "AWS": "111122223333" }), false),
    ] {
        let mut facts = facts();
        facts.roles.values_mut().for_each(|role| add_inline(known(role), "logs", &policy(&[allow(&["s3:*"], "*")])));
        let service = "com.amazonaws.us-east-1.s3".to_owned();
        copy(&mut facts, "vpce-s3", MESSAGES);
        let made = endpoint(&mut facts, "vpce-s3");
        *made = VpcEndpoint { service, kind: kind.to_owned(), ..made.clone() };
        set_policy(&mut facts, "vpce-s3", &principal, "*");
        let network = network(&mut facts);
        network.prefix_lists.insert("pl-s3".to_owned(), Fact::Known(vec!["52.216.0.0/15".to_owned()]));
        for table in known(&mut network.route_tables).values_mut().filter(|table| table.vpc == VPC) {
            let (destination, target) = ("pl-s3".to_owned(), Some("vpce-s3".to_owned()));
            table.routes.push(Route { destination, target, is_blackhole: false });
        }
        for group in known(&mut network.security_groups).values_mut() {
            for rule in &mut group.egress {
                rule.cidrs = vec!["0.0.0.0/0".to_owned()];
            }
        }
        let outcome = judged(&facts, &requirements);
        assert_eq!(found(&outcome, Code::EndpointPolicy).is_some(), refuses, "{kind} {principal}");
    }
}

/// The agent asks for its role before it has one.
#[test]
fn an_endpoint_that_may_keep_the_agent_from_host_management_leaves_the_verdict_unknown() {
    for (actions, online, expected) in [
        (json!("*"), false, Verdict::Ready),
        (json!("ssm:*"), false, Verdict::Ready),
        (json!("ssm:UpdateInstanceInformation"), false, Verdict::Unknown),
        // It has its role.
        (json!("ssm:UpdateInstanceInformation"), true, Verdict::Ready),
    ] {
        let mut facts = facts();
        let name = "AWSSystemsManagerDefaultEC2InstanceManagementRole";
        let host = Account::new().role(name, |role| {
            role.trust = Fact::Known(text(&policy(&[trusting("ssm.amazonaws.com")])));
            ready(role);
        });
        facts.roles.extend(host.facts.roles);
        facts.policies.extend(host.facts.policies);
        let settings = facts.settings.get_mut("us-east-1").unwrap();
        settings.host_management = Fact::Known(name.to_owned());
        let ping = if online { "Online" } else { "ConnectionLost" }.to_owned();
        let seen = Agent { ping: Some(ping), version: Some("3.3.2299.0".to_owned()), ..agent(&mut facts) };
        let instance = instance(&mut facts);
        (instance.profile, instance.association, instance.agent) = (None, Fact::Absent, Fact::Known(seen));
        set_policy(&mut facts, SSM, &json!("*"), "");
        let statement = json!({ "Effect": "Allow", "Principal": "*", "Action": actions, "Resource": "*" });
        endpoint(&mut facts, SSM).policy = Some(text(&policy(&[statement])));
        let outcome = judged(&facts, &Requirements::default());
        assert_eq!(outcome.verdict, expected, "{actions} {online}: {:?}", outcome.findings);
    }
}

/// The path of an instance that does not run is not looked at.
#[test]
fn a_path_that_is_required_is_unknown_while_the_instance_does_not_run() {
    let required = Requirements { network: NetworkCheck::Require, ..Requirements::default() };
    for (state, expected) in
        [("running", Verdict::Ready), ("stopped", Verdict::Unknown), ("stopping", Verdict::Unknown)]
    {
        let mut facts = facts();
        instance(&mut facts).state = state.to_owned();
        assert_eq!(judged(&facts, &required).verdict, expected, "{state}");
        assert_eq!(verdict(&facts), Verdict::Ready, "{state}");
    }
}
