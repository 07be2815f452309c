//! `fix --network --emit`: what opens a closed path, run against moto by the real AWS CLI, and read as Terraform and CloudFormation.

use std::path::Path;
use std::process::Command;
use std::{env, fs, thread};

use serde_json::{Value, json};

use crate::live_stub::{check, policy};
use crate::support::aws::AWS_MANAGED_CORE;
use crate::support::command::Sandbox;
use crate::support::emulator::Account;
use crate::support::install::MOTO;
use crate::support::model::EC2_TRUST;
use crate::support::moto;
use crate::support::network::{ANYWHERE, Entry, Place, VPC_CIDR, Vpc};
use crate::support::report::{Code, Outcome, PathDecision};
use crate::support::shell;
use crate::topologies::{PROFILE, REGION, behind_nat, private_instance};
use crate::topologies_endpoints::{endpoints, welcoming};

fn account() -> Account {
    let account = moto::account();
    account.create_role(PROFILE, "/", EC2_TRUST);
    account.attach_role_policy(PROFILE, AWS_MANAGED_CORE);
    let more = vec!["kms:Decrypt", "s3:*", "logs:*"];
    account.put_role_policy(PROFILE, "more", policy("Allow", more));
    account.create_instance_profile(PROFILE, "/");
    account.add_role_to_instance_profile(PROFILE, PROFILE);
    let key = account.create_kms_key(REGION);
    account.create_alias(REGION, "alias/session", &key);
    account
}

/// Runs a script that succeeds.
fn run(account: &Account, script: &str) {
    let output = shell::run(account, script);
    assert!(output.status.success(), "{}\n{script}", String::from_utf8_lossy(&output.stderr));
}

fn emitted(sandbox: &Sandbox, form: &str, arguments: &[&str]) -> String {
    let output = sandbox.run(&[&["fix", "--network", "auto", "--emit", form], arguments].concat()).expect(0);
    assert!(!output.stderr.contains("unchanged"), "{}", output.stderr);
    output.stdout
}

/// A closed path and what opens it.
struct Case {
    what: &'static str,
    /// Builds it, and gives the instances whose paths shall be opened.
    build: fn(&Vpc<'_>) -> Vec<String>,
    /// What `fix` and `check` are given besides.
    arguments: &'static [&'static str],
    /// The calls of the script, each by its operation.
    calls: &'static [&'static str],
}

const GROUP: &str = "create-security-group";
const IN: &str = "authorize-security-group-ingress";
const OUT: &str = "authorize-security-group-egress";
const ENDPOINT: &str = "create-vpc-endpoint";
const ENTRY: &str = "create-network-acl-entry";
const LIST: &str = "describe-managed-prefix-lists";

const CASES: [Case; 12] = [
    Case {
        what: "a subnet without any way",
        build: |vpc| vec![private_instance(vpc, &vpc.subnet(1, 'a'))],
        arguments: &[],
        calls: &[GROUP, IN, ENDPOINT, ENDPOINT],
    },
    Case {
        what: "the same, where nothing is let out and DNS host names are off",
        build: |vpc| {
            vpc.dns_hostnames(false);
            vec![vpc.instance(PROFILE, &vpc.subnet(1, 'a'), &[&vpc.closed_group("instance")], false)]
        },
        arguments: &[],
        calls: &[GROUP, IN, OUT, "modify-vpc-attribute", ENDPOINT, ENDPOINT],
    },
    Case {
        what: "a key and logs are wanted",
        build: |vpc| vec![vpc.instance(PROFILE, &vpc.subnet(1, 'a'), &[&vpc.closed_group("instance")], false)],
        arguments: &["--kms-key", "alias/session", "--s3-logs", "session-logs", "--cloudwatch-logs", "sessions"],
        calls: &[GROUP, IN, OUT, LIST, OUT, ENDPOINT, ENDPOINT, ENDPOINT, ENDPOINT, ENDPOINT],
    },
    Case {
        what: "instances in two zones, two in one of them",
        build: |vpc| {
            let subnets = [vpc.subnet(1, 'a'), vpc.subnet(2, 'b'), vpc.subnet(3, 'b')];
            let group = vpc.group("instance");
            subnets.iter().map(|subnet| vpc.instance(PROFILE, subnet, &[&group], false)).collect()
        },
        arguments: &[],
        calls: &[GROUP, IN, ENDPOINT, ENDPOINT],
    },
    Case {
        what: "instances in two groups",
        build: |vpc| {
            let subnet = vpc.subnet(1, 'a');
            ["one", "other"].map(|name| vpc.instance(PROFILE, &subnet, &[&vpc.group(name)], false)).into()
        },
        arguments: &[],
        calls: &[GROUP, IN, IN, ENDPOINT, ENDPOINT],
    },
    Case {
        what: "endpoints that let nobody in",
        build: |vpc| {
            let subnet = vpc.subnet(1, 'a');
            endpoints(vpc, &subnet, &[&vpc.group("endpoint")]);
            vec![private_instance(vpc, &subnet)]
        },
        arguments: &[],
        calls: &[IN],
    },
    Case {
        what: "an instance that is let out to nobody",
        build: |vpc| {
            let subnet = vpc.subnet(1, 'a');
            endpoints(vpc, &subnet, &[&welcoming(vpc)]);
            vec![vpc.instance(PROFILE, &subnet, &[&vpc.closed_group("instance")], false)]
        },
        arguments: &[],
        calls: &[OUT],
    },
    Case {
        what: "endpoints without private DNS",
        build: |vpc| {
            let subnet = vpc.subnet(1, 'a');
            endpoints(vpc, &subnet, &[&welcoming(vpc)]).iter().for_each(|id| vpc.without_private_dns(id));
            vec![private_instance(vpc, &subnet)]
        },
        arguments: &[],
        calls: &["modify-vpc-endpoint", "modify-vpc-endpoint"],
    },
    Case {
        what: "endpoints in a VPC without DNS host names",
        build: |vpc| {
            let subnet = vpc.subnet(1, 'a');
            endpoints(vpc, &subnet, &[&welcoming(vpc)]);
            vpc.dns_hostnames(false);
            vec![private_instance(vpc, &subnet)]
        },
        arguments: &[],
        calls: &["modify-vpc-attribute"],
    },
    Case {
        what: "a NAT gateway, and nothing is let out",
        build: |vpc| {
            let nat = behind_nat(vpc);
            vec![vpc.instance(PROFILE, &nat.private, &[&vpc.closed_group("instance")], false)]
        },
        arguments: &[],
        calls: &[OUT],
    },
    Case {
        what: "a network ACL without entries before endpoints in another subnet",
        build: |vpc| {
            let (own, other) = (vpc.subnet(1, 'a'), vpc.subnet(2, 'a'));
            endpoints(vpc, &other, &[&welcoming(vpc)]);
            vpc.acl(&[&own], &[]);
            vec![private_instance(vpc, &own)]
        },
        arguments: &[],
        calls: &[ENTRY, ENTRY],
    },
    Case {
        what: "endpoints lead away from a NAT gateway, and let those in who used it",
        build: |vpc| {
            let nat = behind_nat(vpc);
            vec![private_instance(vpc, &vpc.subnet(3, 'a')), private_instance_in(vpc, &nat.private, "other")]
        },
        arguments: &[],
        calls: &[GROUP, IN, IN, ENDPOINT, ENDPOINT],
    },
];

/// What opens nothing, or would do harm.
struct Refused {
    what: &'static str,
    build: fn(&Vpc<'_>) -> Vec<String>,
    /// The exit code, and part of what is said.
    expected: (i32, &'static str),
}

const REFUSED: [Refused; 5] = [
    Refused {
        what: "nobody sees what is behind a transit gateway",
        build: |vpc| {
            let subnet = vpc.subnet(1, 'a');
            vpc.route(&[&subnet], Some(&vpc.place.transit_gateway()));
            vec![private_instance(vpc, &subnet)]
        },
        expected: (0, "is left unchanged: cannot determine whether the instance can reach"),
    },
    Refused {
        what: "an entry that denies was meant",
        build: |vpc| {
            let (own, other) = (vpc.subnet(1, 'a'), vpc.subnet(2, 'a'));
            endpoints(vpc, &other, &[&welcoming(vpc)]);
            let all = |egress, allows, number, cidr| Entry { number, egress, allows, cidr, ports: None };
            let entries =
                [all(true, false, 90, VPC_CIDR), all(true, true, 100, ANYWHERE), all(false, true, 100, ANYWHERE)];
            vpc.acl(&[&own], &entries);
            vec![private_instance(vpc, &own)]
        },
        expected: (1, "is left unchanged: rule 90 of network ACL"),
    },
    Refused {
        what: "endpoints would cut off an instance that has a NAT gateway",
        build: |vpc| {
            let nat = behind_nat(vpc);
            let deny = |egress| Entry { number: 90, egress, allows: false, cidr: "10.0.3.0/24", ports: None };
            let allow = |egress| Entry { number: 100, egress, allows: true, cidr: ANYWHERE, ports: None };
            vpc.acl(&[&nat.private], &[deny(true), deny(false), allow(true), allow(false)]);
            vec![private_instance(vpc, &vpc.subnet(3, 'a')), private_instance_in(vpc, &nat.private, "other")]
        },
        expected: (1, "is left unchanged: an interface endpoint for `ssm` would cut off"),
    },
    Refused {
        what: "a connected agent has a way that nobody sees",
        build: |vpc| {
            let instance = private_instance(vpc, &vpc.subnet(1, 'a'));
            vpc.place.account.agent_reports(&instance, &vpc.place.region, "3.3.40.0");
            vec![instance]
        },
        expected: (0, ""),
    },
    Refused {
        what: "the way is open",
        build: |vpc| vec![private_instance(vpc, &behind_nat(vpc).private)],
        expected: (0, ""),
    },
];

fn private_instance_in(vpc: &Vpc<'_>, subnet: &str, group: &str) -> String {
    vpc.instance(PROFILE, subnet, &[&vpc.group(group)], false)
}

/// The operations of a script, in their order.
fn operations(script: &str) -> Vec<&str> {
    let commands = script.lines().filter_map(|line| line.split_once("aws ec2 "));
    commands.map(|(_, command)| command.split(' ').next().unwrap()).collect()
}

fn is_open(outcome: &Outcome) -> bool {
    outcome.network.decision == PathDecision::Open
        && outcome.network.paths.iter().all(|path| path.decision == PathDecision::Open)
}

#[test]
fn the_commands_open_closed_paths() {
    let account = account();
    let place = Place::new(&account, REGION);
    let opened = |Case { what, build, arguments, calls }: &Case| {
        let sandbox = Sandbox::on(&account);
        let instances = build(&place.vpc());
        let targets: Vec<&str> = instances.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
        assert!(!check(&sandbox, &targets).results.iter().all(is_open), "{what}");
        let script = emitted(&sandbox, "cli", &targets);
        assert_eq!(operations(&script), *calls, "{what}:\n{script}");
        run(&account, &script);
        let after = check(&sandbox, &targets).results;
        assert!(after.iter().all(is_open), "{what}: {after:?}\n{script}");
        let again = sandbox.run(&[&["fix", "--network", "auto", "--emit", "cli"], &targets[..]].concat());
        assert_eq!(again.stdout, "", "{what}");
    };
    thread::scope(|scope| {
        for case in &CASES {
            scope.spawn(|| opened(case));
        }
    });
}

#[test]
fn what_is_not_certain_is_not_proposed() {
    let account = account();
    let place = Place::new(&account, REGION);
    let sandbox = Sandbox::on(&account);
    for Refused { what, build, expected: (code, said) } in &REFUSED {
        let instances = build(&place.vpc());
        let targets: Vec<&str> = instances.iter().map(String::as_str).collect();
        for form in ["cli", "terraform", "cloudformation"] {
            let output = sandbox.run(&[&["fix", "--network", "auto", "--emit", form], &targets[..]].concat());
            assert_eq!((output.code, output.stdout.as_str()), (*code, ""), "{what}: {output:?}");
            assert!(output.stderr.contains(said), "{what}: {output:?}");
            assert!(!said.is_empty() || !output.stderr.contains("unchanged"), "{what}: {output:?}");
        }
    }
}

/// A fix reads no network unless that is asked for, and never changes one.
#[test]
fn a_fix_leaves_the_network_alone() {
    let account = account();
    let place = Place::new(&account, REGION);
    let vpc = place.vpc();
    let instance = private_instance(&vpc, &vpc.subnet(1, 'a'));
    let sandbox = Sandbox::on(&account);
    let fix = |more: &[&str], code: i32| sandbox.run(&[&["fix", &instance, "-o", "json"], more].concat()).expect(code);
    for more in [&["--dry-run"][..], &["--yes"]] {
        let unread = fix(&[more, &["--network", "off"]].concat(), 0).report_of_fix();
        assert_eq!(unread[0].network.decision, PathDecision::NotChecked);
        let record = fix(more, 1).record();
        assert_eq!(record.results[0].network.decision, PathDecision::Closed);
        assert!(record.changes.is_empty());
        let print = format!("`ssm-profile fix {instance} --region {REGION} --network auto --emit cli`");
        assert!(record.refusals[0].remedy.contains(&print), "{:?}", record.refusals);
    }
    assert_eq!(check(&sandbox, &[&instance]).results[0].network.decision, PathDecision::Closed);
    // What the role lacks is mended, and what the path lacks is said.
    account.detach_role_policy(PROFILE, AWS_MANAGED_CORE);
    let record = fix(&["--yes", "--network", "require"], 1).record();
    assert_eq!(record.changes.len(), 1, "{record:?}");
    let warning = "is closed, and `fix` changes no network; `ssm-profile fix ";
    assert!(record.warnings.iter().any(|it| it.contains(warning)), "{:?}", record.warnings);
    let after = &record.results[0];
    assert_eq!((after.network.decision, after.grounds()), (PathDecision::Closed, vec![Code::NoNetworkPath]));
}

/// The scripts for the same case as Terraform and CloudFormation: every resource of the commands, and no other.
#[test]
fn code_says_what_the_commands_say() {
    let account = account();
    let place = Place::new(&account, REGION);
    let sandbox = Sandbox::on(&account);
    let templates = tempfile::tempdir().unwrap();
    for (index, Case { what, build, arguments, calls }) in CASES.iter().enumerate() {
        let instances = build(&place.vpc());
        let targets: Vec<&str> = instances.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
        let of = |kinds: &[&str]| calls.iter().filter(|call| kinds.contains(call)).count();
        let created = of(&[GROUP, IN, OUT, ENDPOINT, ENTRY]);
        let by_hand = of(&["modify-vpc-attribute", "modify-vpc-endpoint"]);

        let terraform = emitted(&sandbox, "terraform", &targets);
        let body: hcl::Body = hcl::from_str(&terraform).unwrap_or_else(|error| panic!("{what}: {error}\n{terraform}"));
        let blocks = |kind: &str| body.blocks().filter(|block| block.identifier() == kind).count();
        assert_eq!((blocks("resource"), blocks("data")), (created, of(&[LIST])), "{what}:\n{terraform}");
        assert_eq!(terraform.matches("# By hand: set ").count(), by_hand, "{what}:\n{terraform}");

        let template = emitted(&sandbox, "cloudformation", &targets);
        let json: Value = serde_json::from_str(&template).unwrap();
        let members = |name: &str| json[name].as_object().map_or(0, serde_json::Map::len);
        assert_eq!((members("Resources"), members("Parameters")), (created, of(&[LIST])), "{what}:\n{template}");
        let said = json["Metadata"]["ByHand"].as_array().cloned().unwrap_or_default();
        let sets = said.iter().filter(|sentence| sentence.as_str().unwrap().starts_with("Set ")).count();
        assert_eq!(sets, by_hand, "{what}:\n{template}");
        if created > 0 {
            fs::write(templates.path().join(format!("{index}.json")), template).unwrap();
        }
    }
    lint(templates.path());
}

/// Holds templates against what CloudFormation takes, as cfn-lint knows it, which moto brings along.
fn lint(templates: &Path) {
    let python = MOTO.python().unwrap_or_else(|reason| panic!("{reason}"));
    let mut lint = Command::new(python);
    lint.args(["-c", "from cfnlint.runner import main; main()", "--regions", REGION, "--", "*.json"]);
    let output = lint.current_dir(templates).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// What `fix --emit cli --network auto` prints for the network of the example after a change of it.
fn of_example(targets: &[&str], change: impl Fn(&mut Value)) -> String {
    let example = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/network.json")).unwrap();
    let mut snapshot: Value = serde_json::from_str(&example).unwrap();
    let subjects = snapshot["facts"]["subjects"].as_array_mut().unwrap();
    subjects.retain(|subject| targets.contains(&subject["target"].as_str().unwrap()));
    for subject in subjects {
        // One that is connected needs nothing.
        subject["kind"]["instance"]["known"]["agent"] = json!("absent");
    }
    change(&mut snapshot["facts"]["networks"]["us-east-1"]);
    let sandbox = Sandbox::new();
    sandbox.file("network.json", snapshot.to_string());
    sandbox.run(&["fix", "--snapshot", "network.json", "--emit", "cli", "--network", "auto"]).stdout
}

const VPC: &str = "vpc-0b1b2c3d4e5f60710";
const NO_WAY_OUT: &str = "i-0b1b2c3d400000003";

/// Two endpoints of the VPC that lack private DNS, with this policy.
fn nameless(network: &mut Value, number: u8, policy: &Value) {
    for (place, service) in ["ssm", "ssmmessages"].into_iter().enumerate() {
        let id = format!("vpce-0aaaaaaaaaaaaa{number}{place}");
        network["endpoints"]["known"][&id] = json!({
            "vpc": VPC, "service": format!("com.amazonaws.us-east-1.{service}"), "kind": "Interface", "state": "available",
            "private_dns": false, "subnets": ["subnet-0b1b2c3d4e5f60701"], "security_groups": ["sg-0aaaaaaaaaaaaaa00"],
            "route_tables": [], "policy": policy,
        });
        network["endpoint_interfaces"]["known"][format!("eni-0aaaaaaaaaaaaa{number}{place}")] = json!({"endpoint": id, "subnet": "subnet-0b1b2c3d4e5f60701", "address": format!("10.10.1.{number}{place}")});
    }
    let rule = json!({
        "protocol": "tcp", "from_port": 443, "to_port": 443, "cidrs": ["10.10.0.0/16"], "prefix_lists": [], "groups": [],
    });
    network["security_groups"]["known"]["sg-0aaaaaaaaaaaaaa00"] =
        json!({"name": "endpoints", "vpc": VPC, "ingress": [rule], "egress": []});
    network["private_zones"][VPC] = json!({"known": []});
}

/// Names of a whole VPC lead to an endpoint with private DNS: to one that refuses, nobody's are led.
#[test]
fn an_endpoint_whose_policy_refuses_gets_no_names() {
    let statement = |effect: &str, condition: Value| {
        let mut statement = json!({"Effect": effect, "Principal": "*", "Action": "*", "Resource": "*"});
        if !condition.is_null() {
            statement["Condition"] = condition;
        }
        json!({"Version": "2012-10-17", "Statement": [statement]})
    };
    let other = json!({"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/other"}});
    for refusing in [statement("Deny", Value::Null), statement("Allow", other)] {
        let printed = of_example(&[NO_WAY_OUT], |network| nameless(network, 1, &refusing));
        assert!(printed.contains("create-vpc-endpoint") && !printed.contains("modify-vpc-endpoint"), "{printed}");
        let printed = of_example(&[NO_WAY_OUT], |network| {
            nameless(network, 1, &refusing);
            nameless(network, 2, &Value::Null);
        });
        assert!(!printed.contains("create-vpc-endpoint") && !printed.contains("vpce-0aaaaaaaaaaaaa1"), "{printed}");
        assert_eq!(printed.matches("--private-dns-enabled").count(), 2, "{printed}");
    }
    let printed = of_example(&[NO_WAY_OUT], |network| nameless(network, 1, &statement("Allow", Value::Null)));
    assert_eq!(printed.matches("--private-dns-enabled").count(), 2, "{printed}");
}

/// EC2 takes one entry of a number in each direction.
#[test]
fn entries_of_one_network_acl_have_numbers_of_their_own() {
    let printed = of_example(&["i-0b1b2c3d400000002"], |network| {
        let closed = |is_egress| json!({"number": 32767, "is_egress": is_egress, "protocol": "-1", "allows": false, "cidr": "0.0.0.0/0", "ports": null});
        // The subnets of the instance and of its NAT gateway.
        let subnets = ["subnet-0b1b2c3d4e5f60700", "subnet-0b1b2c3d4e5f60701"];
        let open = &mut network["network_acls"]["known"]["acl-0b1b2c3d4e5f60700"]["subnets"];
        open.as_array_mut().unwrap().retain(|subnet| !subnets.contains(&subnet.as_str().unwrap()));
        network["network_acls"]["known"]["acl-0b1b2c3d4e5f60709"] = json!({
            "vpc": VPC, "is_default": false, "subnets": subnets, "entries": [closed(true), closed(false)],
        });
    });
    let entries: Vec<&str> = printed.lines().filter(|line| line.contains("create-network-acl-entry")).collect();
    let number = |line: &&str| {
        let (_, rest) = line.split_once("--rule-number ").unwrap();
        (line.contains("--egress"), rest.split(' ').next().unwrap().to_owned())
    };
    let numbers: std::collections::BTreeSet<_> = entries.iter().map(number).collect();
    assert!(entries.len() > 2 && numbers.len() == entries.len(), "{printed}");
}
