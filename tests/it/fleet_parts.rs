//! A Region that is listed in parts: the same report as from the chain of pages, whatever the endpoint knows.

use std::collections::BTreeSet;

use crate::support::answer::Answer;
use crate::support::command::{Output, Sandbox};
use crate::support::model::{Instance, Policy, Profile, Role, SSM_CORE};
use crate::support::stub::{Call, Stub};
use crate::support::world::{ACCOUNT, World};

const CORE: &str = "AmazonSSMManagedInstanceCore";
const LIST: &str = "DescribeInstances";
const AGENTS: &str = "DescribeInstanceProperties";
const AGENTS_BY_ID: &str = "DescribeInstanceInformation";

/// Ids of either length, of every part, in no order.
fn ids() -> Vec<String> {
    let long = (0..48_u64).map(|number| format!("i-0{:x}{:015x}", number * 5 % 16, number * 7919));
    let short = (0..20_u32).map(|number| format!("i-{:x}{:07x}", 15 - number % 16, number * 104_729));
    let mut ids: Vec<String> = long.chain(short).collect();
    ids.sort_by_key(|id| id.chars().rev().collect::<String>());
    ids
}

/// An instance of each id; some are offline, some were never seen by Systems Manager, some have no profile.
fn region() -> World {
    let world = World::new(ACCOUNT)
        .policy(Policy::of_aws(CORE, SSM_CORE))
        .profile(Profile::new("web").role("web"))
        .role(Role::new("web").attach(CORE));
    let world = ids().iter().enumerate().fold(world, |world, (number, id)| {
        let instance = match number % 5 {
            0 => Instance::new(id).profile("web").without_agent(),
            1 => Instance::new(id).profile("web").agent("ConnectionLost", "3.3.131.0"),
            2 => Instance::new(id).agent("Online", "3.3.131.0"),
            _ => Instance::new(id).profile("web").agent("Online", "3.3.131.0"),
        };
        world.instance(instance)
    });
    world.page_size(7)
}

fn check(stub: &Stub, more: &[&str]) -> Output {
    Sandbox::at(stub).run(&[&["check", "--all", "-o", "json", "-v"], more].concat())
}

fn is_of_chain(call: &Call) -> bool {
    !call.parameter("NextToken").is_empty()
        && call.parameter("Filter.1.Name").is_empty()
        && call.parameter("FiltersWithOperator").is_empty()
}

/// How many calls followed the chain.
fn chain(stub: &Stub, action: &str) -> usize {
    stub.calls_of(action).iter().filter(|call| is_of_chain(call)).count()
}

#[test]
fn parts_give_the_report_of_the_chain_byte_for_byte() {
    let parts = region().serve();
    let in_parts = check(&parts, &[]).expect(1);
    assert_eq!((chain(&parts, LIST), chain(&parts, AGENTS)), (0, 0));
    assert_eq!(parts.counts().get(AGENTS_BY_ID), None);
    assert!(!in_parts.stderr.contains("page after page"), "{}", in_parts.stderr);
    let checked: Vec<String> = in_parts.report().results.into_iter().map(|outcome| outcome.target).collect();
    let mut all = ids();
    all.sort();
    assert_eq!(checked, all);

    let chains = region().without_wildcards().serve();
    let in_a_chain = check(&chains, &[]).expect(1);
    assert_eq!(in_a_chain.stdout, in_parts.stdout);
    assert_eq!(chain(&chains, LIST), ids().len().div_ceil(7) - 1);
    for what in ["instances", "agents"] {
        let said = format!("the {what} of us-east-1 are listed page after page, not in parts");
        assert!(in_a_chain.stderr.contains(&said), "{}", in_a_chain.stderr);
    }
    // It changes nothing but how long it takes.
    let quiet = Sandbox::at(&region().without_wildcards().serve()).run(&["check", "--all", "-o", "json"]).expect(1);
    assert_eq!((quiet.stdout, quiet.stderr), (in_parts.stdout, String::new()));
}

#[test]
fn an_endpoint_without_the_list_of_agents_is_asked_by_instance() {
    let whole = check(&region().serve(), &[]).expect(1).stdout;
    for answer in [Answer::denied(AGENTS), Answer::error("UnknownOperationException", ""), Answer::garbage()] {
        let stub = region().fail(AGENTS, answer).serve();
        let output = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1").run(&["check", "--all", "-o", "json", "-v"]);
        assert_eq!(output.stdout, whole);
        assert!(output.stderr.contains("fifty at a time") && output.stderr.contains(AGENTS), "{}", output.stderr);
        assert!(stub.counts()[AGENTS_BY_ID] > 0);
    }
}

#[test]
fn a_part_that_fails_or_lacks_an_instance_loses_none() {
    let whole = check(&region().serve(), &[]).expect(1).stdout;
    let empty = Answer::xml("<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>");
    for answer in [empty, Answer::error("InvalidParameterValue", "no wildcards"), Answer::garbage()] {
        let stub = region().fail_where(LIST, "Filter.1.Value.1", "i-00*", answer).serve();
        let output = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1").run(&["check", "--all", "-o", "json"]);
        assert_eq!(output.stdout, whole);
        assert!(chain(&stub, LIST) > 0);
    }
}

#[test]
fn instances_that_come_and_go_between_the_pages_hide_no_other() {
    let gone = ids().swap_remove(3);
    let come = "i-0f0000000000000ff";
    let lost = gone.clone();
    let stub = region()
        .after(LIST, ..=1, move |world| {
            world.instances.retain(|instance| instance.id != lost);
            world.instances.push(Instance::new(come).profile("web"));
        })
        .serve();
    let report = check(&stub, &[]).report();
    let checked: Vec<&str> = report.results.iter().map(|outcome| outcome.target.as_str()).collect();
    let distinct: BTreeSet<&str> = checked.iter().copied().collect();
    assert_eq!(checked.len(), distinct.len());
    // What was on the first page was there.
    let all = ids();
    assert!(all.iter().all(|id| distinct.contains(id.as_str())) && distinct.contains(come));
}

#[test]
fn a_selection_by_tags_is_cut_in_parts_too() {
    let mut world = region();
    world.instances.iter_mut().step_by(2).for_each(|instance| instance.tags.push(("Env".into(), "prod".into())));
    let expected: BTreeSet<String> = world.instances.iter().step_by(2).map(|instance| instance.id.clone()).collect();
    let stub = world.serve();
    let output = Sandbox::at(&stub).run(&["check", "--tag", "Env=prod", "-o", "json"]);
    let checked: BTreeSet<String> = output.report().results.into_iter().map(|outcome| outcome.target).collect();
    assert_eq!(checked, expected);
    let calls = stub.calls_of(LIST);
    let both =
        |call: &&Call| call.parameter("Filter.1.Name") == "tag:Env" && call.parameter("Filter.2.Name") == "instance-id";
    assert_eq!(calls.iter().filter(both).filter(|call| call.parameter("NextToken").is_empty()).count(), 17);
    assert!(calls.iter().all(|call| call.parameter("Filter.1.Name") == "tag:Env"));
}
