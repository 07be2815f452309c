//! Networks as people build them, each built in moto with the AWS SDK, and what `check` says of an instance in it: alone, in a fleet,
//! and from a snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use aws_sdk_ec2::types::InternetGatewayBlockMode;

use crate::live_stub::{check, policy};
use crate::support::aws::AWS_MANAGED_CORE;
use crate::support::command::Sandbox;
use crate::support::emulator::Account;
use crate::support::model::EC2_TRUST;
use crate::support::moto;
use crate::support::network::Place;
use crate::support::report::{Code, Outcome, Severity};
use crate::topologies::{BLOCKED_REGION, Expected, KEY_REGION, PROFILE, Path, REGION, Topology};
use crate::{topologies_endpoints, topologies_permissions, topologies_public};

/// All topologies in one account.
struct Built {
    account: Account,
    all: Vec<(&'static Topology, String, Expected)>,
}

fn topologies() -> impl Iterator<Item = &'static Topology> {
    let all =
        [&topologies_public::TOPOLOGIES[..], &topologies_endpoints::TOPOLOGIES, &topologies_permissions::TOPOLOGIES];
    all.into_iter().flatten()
}

fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let account = moto::account();
        account.create_role(PROFILE, "/", EC2_TRUST);
        account.attach_role_policy(PROFILE, AWS_MANAGED_CORE);
        // What sessions may need besides, so that a role that lacks it is not the news here.
        account.put_role_policy(PROFILE, "more", policy("Allow", vec!["kms:Decrypt", "s3:GetEncryptionConfiguration"]));
        account.create_instance_profile(PROFILE, "/");
        account.add_role_to_instance_profile(PROFILE, PROFILE);
        let key = account.create_kms_key(KEY_REGION);
        account.create_alias(KEY_REGION, "alias/session", &key);
        let places = [REGION, BLOCKED_REGION, KEY_REGION].map(|region| (region, Place::new(&account, region)));
        let places = BTreeMap::from(places);
        places[BLOCKED_REGION].block_public_access(InternetGatewayBlockMode::BlockBidirectional);
        let build = |topology: &'static Topology| {
            let (instance, mut expected) = (topology.build)(&places[topology.region]);
            expected.paths.sort();
            (topology, instance, expected)
        };
        let all = topologies().map(build).collect();
        Built { account, all }
    })
}

/// What a result says of what the topologies expect.
fn said(outcome: &Outcome) -> Expected {
    let network = &outcome.network;
    let read = |path: &crate::support::report::Path| {
        let mut blocked_by = path.blocked_by.clone();
        blocked_by.sort();
        Path { service: path.service.clone(), decision: path.decision, via: path.via, blocked_by }
    };
    let mut paths: Vec<Path> = network.paths.iter().map(read).collect();
    paths.sort();
    // An agent that nobody has seen is no news here: only one of all has ever reported.
    let findings = || outcome.findings.iter().filter(|finding| finding.code != Code::AgentOffline);
    let severity = findings().map(|finding| finding.severity).min().unwrap_or(Severity::Info);
    let codes: BTreeSet<Code> = findings().map(|finding| finding.code).collect();
    Expected {
        verdict: outcome.verdict,
        severity,
        decision: network.decision,
        paths,
        codes: codes.into_iter().collect(),
    }
}

/// Each topology's instance checked alone.
fn alone() -> &'static [Outcome] {
    static ALONE: OnceLock<Vec<Outcome>> = OnceLock::new();
    ALONE.get_or_init(|| {
        let built = built();
        let sandbox = Sandbox::on(&built.account);
        let check = |(topology, instance, _): &(&Topology, String, Expected)| {
            let arguments = [&[instance.as_str(), "--region", topology.region], topology.arguments].concat();
            check(&sandbox, &arguments).only().clone()
        };
        built.all.iter().map(check).collect()
    })
}

#[test]
fn each_topology_is_judged_as_its_rule_says() {
    let mut wrong = Vec::new();
    for ((topology, _, expected), outcome) in built().all.iter().zip(alone()) {
        let said = said(outcome);
        if said != *expected {
            wrong.push(format!(
                "{}\n  because {}\n  expected {expected:?}\n  but was  {said:?}\n  with {:?}",
                topology.name, topology.why, outcome.findings
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), built().all.len(), wrong.join("\n"));
}

#[test]
fn topologies_have_names_of_their_own_and_cite_a_rule() {
    let names: BTreeSet<&str> = topologies().map(|topology| topology.name).collect();
    assert_eq!(names.len(), topologies().count());
    assert!(topologies().all(|topology| !topology.why.is_empty()));
}

/// The regions with what `check` is asked in them.
fn selections() -> BTreeMap<&'static str, &'static [&'static str]> {
    topologies().map(|topology| (topology.region, topology.arguments)).collect()
}

/// Fails the test unless these results are those of the instances alone.
fn are_as_alone(outcomes: &[Outcome], what: &str) {
    let by_target: BTreeMap<&str, &Outcome> =
        outcomes.iter().map(|outcome| (outcome.target.as_str(), outcome)).collect();
    assert_eq!(by_target.len(), built().all.len(), "{what}");
    for ((topology, instance, _), alone) in built().all.iter().zip(alone()) {
        assert_eq!(by_target[instance.as_str()], alone, "{what}: {}", topology.name);
    }
}

#[test]
fn a_fleet_is_judged_as_its_instances_alone() {
    let sandbox = Sandbox::on(&built().account);
    let fleet = selections()
        .into_iter()
        .flat_map(|(region, arguments)| check(&sandbox, &[&["--all", "--region", region], arguments].concat()).results);
    are_as_alone(&fleet.collect::<Vec<_>>(), "a fleet");
}

#[test]
fn a_snapshot_is_judged_as_the_account() {
    let sandbox = Sandbox::on(&built().account);
    // Nothing listens where this one would call.
    let offline = Sandbox::new();
    let fleet = selections().into_iter().flat_map(|(region, arguments)| {
        let taken = sandbox.run(&[&["snapshot", "--all", "--region", region], arguments].concat()).expect(0).stdout;
        let file = offline.file(&format!("{region}.json"), taken).display().to_string();
        check(&offline, &[&["--snapshot", &file, "--all"], arguments].concat()).results
    });
    are_as_alone(&fleet.collect::<Vec<_>>(), "a snapshot");
}
