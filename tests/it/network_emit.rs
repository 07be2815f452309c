//! `fix --network --emit`: what opens a closed path, run against moto by the real AWS CLI, and read as Terraform and CloudFormation.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::{env, fs, thread};

use crate::live_stub::{check, policy};
use crate::support::aws::AWS_MANAGED_CORE;
use crate::support::command::Sandbox;
use crate::support::emulator::Account;
use crate::support::install::AWS_CLI;
use crate::support::model::EC2_TRUST;
use crate::support::moto;
use crate::support::network::{Place, Vpc};
use crate::support::report::{Outcome, PathDecision};
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

/// Runs a script by `sh` with the real AWS CLI against the account.
fn run(account: &Account, script: &str) {
    let python = AWS_CLI.python().unwrap_or_else(|reason| panic!("{reason}"));
    let folder = tempfile::tempdir().unwrap();
    let aws = format!("#!/bin/sh\nexec '{}' -m awscli \"$@\"\n", python.display());
    fs::write(folder.path().join("aws"), aws).unwrap();
    fs::set_permissions(folder.path().join("aws"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.path().join("script"), script).unwrap();
    let path = format!("{}:{}", folder.path().display(), env::var("PATH").unwrap());
    let output = Command::new("sh")
        .arg("script")
        .current_dir(&folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder.path())
        .env("AWS_ENDPOINT_URL", &account.endpoint)
        .env("AWS_ACCESS_KEY_ID", &account.id)
        .env("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap();
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

const CASES: [Case; 11] = [
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
];

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
        assert!(!check(&sandbox, &targets).results.iter().any(is_open), "{what}");
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
