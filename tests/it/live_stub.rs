//! `check` against a stub: what the emulator cannot stage, and what the other tests against a stub share.

use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::command::Sandbox;
use crate::support::model::{CORE, EC2_TRUST, Instance, Policy, Profile, Role, SSM_CORE};
use crate::support::report::{Code, Decision, Outcome, PolicyKind, Report, Severity, Verdict};
use crate::support::stub::Stub;
use crate::support::world::{ACCOUNT, INSTANCE, World};
use crate::support::world_network;
use crate::support::xml;

/// Runs `check -o json`, and holds the exit code against the report.
pub fn check(sandbox: &Sandbox, arguments: &[&str]) -> Report {
    let output = sandbox.run(&[&["check", "-o", "json"], arguments].concat());
    let report = output.report();
    let code = match (report.summary.not_ready, report.summary.unknown) {
        // A selection of nothing.
        (0, 0) if report.results.is_empty() => 3,
        (0, 0) => 0,
        (0, _) => 3,
        _ => 1,
    };
    output.expect(code);
    report
}

/// Checks the instance of a ready world; nothing may be written.
pub fn judge(world: World) -> Outcome {
    let stub = world.serve();
    let outcome = check(&Sandbox::at(&stub), &[INSTANCE]).only().clone();
    only_reads(&stub);
    outcome
}

/// Fails the test if a call was made that may change something.
pub fn only_reads(stub: &Stub) {
    const READS: [&str; 27] = [
        "DescribeIamInstanceProfileAssociations",
        "DescribeInstanceInformation",
        "DescribeInstanceProperties",
        "DescribeInstances",
        "DescribeKey",
        "DescribeOrganization",
        "DescribePolicy",
        "DescribeLogGroups",
        "GetBucketEncryption",
        "GetConsoleOutput",
        "GetBucketPolicy",
        "HeadBucket",
        "GetCallerIdentity",
        "GetDocument",
        "GetInstanceProfile",
        "GetKeyPolicy",
        "GetPolicy",
        "GetPolicyVersion",
        "GetRole",
        "GetRolePolicy",
        "GetServiceSetting",
        "ListAttachedRolePolicies",
        "ListInstanceProfilesForRole",
        "ListParents",
        "ListPoliciesForTarget",
        "ListRolePolicies",
        "SimulatePrincipalPolicy",
    ];
    for call in stub.calls().iter().filter(|call| call.service != "imds") {
        let known = READS.iter().chain(&world_network::READS).any(|action| *action == call.action);
        assert!(known, "`{}` is not known as a read", call.action);
    }
}

/// A policy with one statement.
pub fn policy(effect: &str, action: impl Into<Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": {"Effect": effect, "Action": action.into(), "Resource": "*"}})
}

/// A policy that allows everything if the condition holds.
pub fn allow_if(condition: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}})
}

/// A trust policy that admits a service.
pub fn trust(service: &str) -> String {
    EC2_TRUST.replace("ec2.amazonaws.com", service)
}

/// The codes of the findings that certainly keep Session Manager out.
pub fn errors(outcome: &Outcome) -> Vec<Code> {
    outcome.findings.iter().filter(|finding| finding.severity == Severity::Error).map(|finding| finding.code).collect()
}

/// Fails the test unless the five actions have this decision.
pub fn core_is(outcome: &Outcome, decision: Decision) {
    for action in CORE {
        assert_eq!(outcome.permission(action).decision, decision, "{action} in {outcome:?}");
    }
}

/// Fails the test unless this action has this decision, and the others of the five are allowed.
pub fn core_is_but(outcome: &Outcome, but: &str, decision: Decision) {
    for action in CORE {
        let expected = if action == but { decision } else { Decision::Allowed };
        assert_eq!(outcome.permission(action).decision, expected, "{action} in {outcome:?}");
    }
}

/// The ready world with another role `web`.
pub fn with_role(role: Role) -> World {
    let mut world = World::ready();
    world.roles = vec![role];
    world
}

/// The ready world with another instance, of the same id.
fn with_instance(change: impl FnOnce(Instance) -> Instance) -> World {
    let mut world = World::ready();
    let instance = world.instances.remove(0);
    world.instance(change(instance))
}

#[test]
fn a_ready_instance_is_reported_with_all_that_was_read() {
    let outcome = judge(World::ready());
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Ready, vec![]));
    assert_eq!((outcome.account.as_deref(), outcome.region.as_deref()), (Some(ACCOUNT), Some("us-east-1")));
    let instance = outcome.instance.as_ref().unwrap();
    assert_eq!(
        (instance.id.as_deref(), instance.name.as_deref(), instance.state.as_deref()),
        (Some(INSTANCE), Some("web-1"), Some("running"))
    );
    let profile = outcome.instance_profile.as_ref().unwrap();
    assert_eq!(profile.arn.as_deref(), Some("arn:aws:iam::111122223333:instance-profile/web"));
    assert_eq!(profile.id.as_deref(), Some(xml::fake_id("AIPA", "web").as_str()));
    let role = outcome.role.as_ref().unwrap();
    assert_eq!((role.name.as_str(), role.arn.as_deref()), ("web", Some("arn:aws:iam::111122223333:role/web")));
    core_is(&outcome, Decision::Allowed);
    let update = outcome.permission("ssm:UpdateInstanceInformation");
    assert_eq!(update.resource, format!("arn:aws:ec2:us-east-1:{ACCOUNT}:instance/{INSTANCE}"));
    let by = &update.decided_by[0];
    assert_eq!(
        (by.policy.as_str(), by.kind, by.statement),
        ("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore", PolicyKind::Managed, Some(0))
    );
}

#[test]
fn metadata_that_is_switched_off_keeps_the_credentials_away() {
    for (endpoint, tokens, state, verdict, severity) in [
        ("disabled", "required", "applied", Verdict::NotReady, Some(Severity::Error)),
        ("enabled", "required", "applied", Verdict::Ready, None),
        ("enabled", "optional", "applied", Verdict::Ready, None),
    ] {
        let outcome = judge(with_instance(|instance| instance.metadata(endpoint, tokens, state)));
        let found = outcome.findings.iter().find(|finding| finding.code == Code::MetadataDisabled);
        assert_eq!((outcome.verdict, found.map(|finding| finding.severity)), (verdict, severity), "{endpoint} {state}");
    }
    // What a pending change changes is not to be seen.
    for endpoint in ["enabled", "disabled"] {
        let outcome = judge(with_instance(|instance| instance.metadata(endpoint, "required", "pending")));
        assert_eq!(outcome.finding(Code::MetadataDisabled).severity, Severity::Warning, "{endpoint}");
        assert_eq!(outcome.verdict, Verdict::Unknown, "{endpoint}");
    }
    assert_eq!(judge(with_instance(Instance::without_metadata)).verdict, Verdict::Ready);
}

#[test]
fn an_association_that_is_not_complete_is_pending() {
    for state in ["associating", "disassociating"] {
        let outcome = judge(with_instance(|instance| instance.association(state)));
        assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, vec![Code::AssociationPending]), "{state}");
        assert!(outcome.finding(Code::AssociationPending).message.contains(state));
    }
    let other = "arn:aws:iam::111122223333:instance-profile/other";
    let association = xml::association(&Instance::new(INSTANCE), other, &xml::fake_id("AIPA", "other"));
    let answer = xml::describe_associations(&[association], None);
    let world = World::ready().fail("DescribeIamInstanceProfileAssociations", Answer::xml(answer));
    // The two lists were read while the profile was replaced: neither says which one counts.
    let outcome = judge(world);
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Unknown, vec![]));
    assert!(outcome.finding(Code::AssociationPending).message.contains(other));
}

#[test]
fn a_role_that_is_gone_is_missing() {
    let mut world = World::ready();
    world.roles.clear();
    let outcome = judge(world);
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, vec![Code::RoleMissing]));
    assert_eq!(outcome.role, None);
}

#[test]
fn a_profile_made_again_is_stale() {
    let outcome = judge(with_instance(|instance| instance.stale_profile_id("AIPAOLD")));
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, vec![Code::InstanceProfileStale]));
    assert_eq!(outcome.instance_profile.as_ref().unwrap().id.as_deref(), Some("AIPAOLD"));
}

#[test]
fn every_partition_has_its_own_ec2_service_and_iam_region() {
    for (partition, region, iam_region, service, verdict, decision) in [
        ("aws", "us-east-1", "us-east-1", "ec2.amazonaws.com", Verdict::Ready, Decision::Allowed),
        ("aws", "us-east-1", "us-east-1", "ec2.amazonaws.com.cn", Verdict::NotReady, Decision::ImplicitDeny),
        ("aws-us-gov", "us-gov-east-1", "us-gov-west-1", "ec2.amazonaws.com", Verdict::Ready, Decision::Allowed),
        ("aws-cn", "cn-northwest-1", "cn-north-1", "ec2.amazonaws.com.cn", Verdict::Ready, Decision::Allowed),
        ("aws-cn", "cn-northwest-1", "cn-north-1", "ec2.amazonaws.com", Verdict::Ready, Decision::Allowed),
        ("aws-cn", "cn-northwest-1", "cn-north-1", "lambda.amazonaws.com", Verdict::NotReady, Decision::ImplicitDeny),
    ] {
        let stub = World::new(ACCOUNT)
            .partition(partition)
            .instance(Instance::new(INSTANCE).region(region).profile("web"))
            .profile(Profile::new("web").role("web"))
            .role(Role::new("web").trust(trust(service)).attach("AmazonSSMManagedInstanceCore"))
            .policy(Policy::of_aws("AmazonSSMManagedInstanceCore", SSM_CORE))
            .serve();
        let arn = format!("arn:{partition}:ec2:{region}:{ACCOUNT}:instance/{INSTANCE}");
        for target in [&["--region", region, INSTANCE][..], &[&arn]] {
            let outcome = check(&Sandbox::at(&stub), target).only().clone();
            assert_eq!(outcome.verdict, verdict, "{partition} {service}: {outcome:?}");
            assert_eq!(outcome.trust.as_ref().unwrap().decision, decision, "{partition} {service}");
            assert_eq!(outcome.codes().contains(&Code::TrustPolicy), verdict != Verdict::Ready);
            core_is(&outcome, Decision::Allowed);
            assert_eq!(outcome.permission(CORE[0]).resource, arn);
        }
        let regions = stub.calls().into_iter().filter(|call| call.service == "iam").map(|call| call.region);
        assert!(regions.clone().count() > 0 && regions.into_iter().all(|region| region == iam_region), "{partition}");
    }
}

#[test]
fn what_matters_may_stand_on_a_later_page() {
    let nothing = || policy("Allow", "s3:*");
    let attached = || Role::new("web").attach("one").attach("two").attach("AmazonSSMManagedInstanceCore");
    let inline = |last: Value| Role::new("web").inline("1", nothing()).inline("2", nothing()).inline("last", last);
    for (role, expected) in [
        (attached(), vec![]),
        (inline(policy("Allow", json!(["ssm:*", "ssmmessages:*"]))), vec![]),
        (
            inline(policy("Deny", json!(["ssm:*", "ssmmessages:*"]))).attach("AmazonSSMManagedInstanceCore"),
            vec![Code::ExplicitDeny],
        ),
    ] {
        let world = with_role(role).policy(Policy::new("one", nothing())).policy(Policy::new("two", nothing()));
        let mut found = errors(&judge(world.page_size(1)));
        found.dedup();
        assert_eq!(found, expected);
    }

    let second = "i-00000000000000002";
    let third = "i-00000000000000003";
    let stub = World::ready()
        .instance(Instance::new(second).profile("web").tag("env", "a"))
        .instance(Instance::new(third).tag("env", "a"))
        .page_size(1)
        .serve();
    let report = check(&Sandbox::at(&stub), &["--all"]);
    assert_eq!(report.summary.checked, 3);
    assert_eq!(errors(report.of(third)), [Code::NoInstanceProfile]);
    assert_eq!(check(&Sandbox::at(&stub), &["--tag", "env=a"]).summary.checked, 2);
}

#[test]
fn a_page_without_elements_is_not_the_end_of_a_list() {
    let inline = Role::new("web").inline("own", policy("Deny", "ssm:*")).attach("AmazonSSMManagedInstanceCore");
    let next = Some("from/+=0");
    let outcome = judge(
        with_role(inline)
            .first("ListRolePolicies", [Answer::xml(xml::list_role_policies(&[], next))])
            .first("ListAttachedRolePolicies", [Answer::xml(xml::list_attached_role_policies(&[], next))])
            .first("DescribeInstances", [Answer::xml(xml::describe_instances(&[], next))])
            .first("DescribeIamInstanceProfileAssociations", [Answer::xml(xml::describe_associations(&[], next))]),
    );
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, vec![Code::ExplicitDeny]));
    core_is_but(&outcome, CORE[0], Decision::ExplicitDeny);
}

#[test]
fn tags_of_the_role_and_documents_with_special_characters_come_through() {
    let value = "a+b %20 %7B & <ü> \"q\" \\ ' 東京 🚀 /=";
    let condition = json!({"StringEquals": {"aws:PrincipalTag/Team +%2B": value}});
    for (tag, verdict) in [(value, Verdict::Ready), ("a b %20 %7B", Verdict::NotReady)] {
        let role = || Role::new("web").tag("Team +%2B", tag);
        let inline = with_role(role().inline("own+policy,=.@-_", allow_if(&condition)));
        let managed = with_role(role().attach("own")).policy(Policy::new("own", allow_if(&condition)));
        let trusting = json!({"Version": "2012-10-17", "Statement": [
            {"Sid": value, "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ]});
        let boundary = with_role(role().trust(trusting).inline("all", policy("Allow", "*")).boundary("limit"))
            .policy(Policy::new("limit", allow_if(&condition)));
        for world in [inline, managed, boundary] {
            assert_eq!(judge(world).verdict, verdict, "{tag}");
        }
    }
    // A tag that the role does not have is known to be absent.
    assert_eq!(judge(with_role(Role::new("web").inline("own", allow_if(&condition)))).verdict, Verdict::NotReady);
    let unless = json!({"StringNotEquals": {"aws:PrincipalTag/team": "red"}});
    assert_eq!(judge(with_role(Role::new("web").inline("own", allow_if(&unless)))).verdict, Verdict::Ready);
}

#[test]
fn hostile_names_sids_and_tags_do_not_reach_the_terminal() {
    let deny = json!({"Version": "2012-10-17", "Statement": {
        "Sid": "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m", "Effect": "Deny", "Action": "ssmmessages:*", "Resource": "*",
    }});
    let condition = json!({"StringEquals": {"aws:\u{1b}[31mKey\u{202e}": "x"}});
    let mut world = with_role(
        Role::new("web")
            .attach("AmazonSSMManagedInstanceCore")
            .inline("own\u{202e}", deny)
            .inline("if", allow_if(&condition)),
    );
    world.instances =
        vec![Instance::new(INSTANCE).profile("web").tag("Name", "web\u{202e}\u{2066}1\u{200b}\u{9b}31m\nREADY")];
    let stub = world.serve();
    let sandbox = Sandbox::at(&stub);
    for arguments in [&["-o", "text"][..], &["-v"], &["-q"], &["-o", "markdown"], &["-o", "junit"]] {
        let output = sandbox.run(&[&["check", INSTANCE], arguments].concat()).expect(1);
        for text in [&output.stdout, &output.stderr] {
            let raw = ['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}'];
            assert!(!text.contains(raw), "{arguments:?}: {text:?}");
            assert!(!text.lines().any(|line| line.trim_start().starts_with("READY")), "{arguments:?}: {text:?}");
        }
    }
    let text = sandbox.run(&["check", "-v", INSTANCE]).expect(1).stdout;
    for visible in [r"\u{1b}[2J", r"\u{7}", r"own\u{202e}", r"web\u{202e}\u{2066}1\u{200b}\u{9b}31m\nREADY"] {
        assert!(text.contains(visible), "{visible} in {text}");
    }
    // A machine needs the names as they are.
    let report = check(&sandbox, &[INSTANCE]);
    assert_eq!(report.only().permission(CORE[1]).decided_by[0].policy, "own\u{202e}");
}
