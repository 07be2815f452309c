//! What an account says besides its instances and roles: session preferences, Default Host Management Configuration, the
//! agent, the key's own policy, the organization's policies, and the policy simulator.

use std::time::Duration;

use serde_json::{Value, json};

use crate::live_stub::{check, judge, only_reads, policy, with_role};
use crate::support::answer::Answer;
use crate::support::command::Sandbox;
use crate::support::model::{Bucket, Instance, Key, Level, LogGroup, Profile, Role, SSM_TRUST, Simulated};
use crate::support::report::{Code, Decision, Outcome, PolicyKind, Severity, Verdict};
use crate::support::world::{ACCOUNT, INSTANCE, World};

const CORE_POLICY: &str = "AmazonSSMManagedInstanceCore";
const KEY_ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/1234";
const MANAGEMENT: &str = "444455556666";
const HOST: &str = "service-role/HostManagement";

/// The content of a document with session preferences.
fn preferences(inputs: Value) -> Value {
    json!({"schemaVersion": "1.0", "description": "preferences", "sessionType": "Standard_Stream", "inputs": inputs})
}

/// A policy that allows this on that.
fn allow(actions: impl Into<Value>, resource: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": actions.into(), "Resource": resource}})
}

fn core_role() -> Role {
    Role::new("web").attach(CORE_POLICY)
}

/// The role of Default Host Management Configuration, as AWS makes it.
fn host_role() -> Role {
    Role::new("HostManagement").path("/service-role/").trust(SSM_TRUST).attach(CORE_POLICY)
}

fn session_key() -> Key {
    Key::new("1234").alias("alias/session")
}

/// The ready world with this instance in the place of its own.
fn with_instance(instance: Instance) -> World {
    let mut world = World::ready();
    world.instances = vec![instance];
    world
}

fn severities(outcome: &Outcome, code: Code) -> Vec<Severity> {
    outcome.findings.iter().filter(|finding| finding.code == code).map(|finding| finding.severity).collect()
}

/// A check with everything switched on: one round trip more than without is what it may cost, and it costs none.
#[test]
fn settings_are_read_beside_the_chain_of_the_instance() {
    let world = with_role(core_role().inline("key", allow("kms:Decrypt", KEY_ARN)));
    let levels = [Level::new("r-root"), Level::new("ou-web"), Level::new(ACCOUNT)];
    let stub = world
        .key(session_key())
        .preferences(preferences(json!({"kmsKeyId": "alias/session"})))
        .host_management(HOST)
        .role(host_role())
        .organization("o-a", MANAGEMENT, levels)
        .latency(Duration::from_millis(500))
        .serve();
    let report = check(&Sandbox::at(&stub), &[INSTANCE]);
    assert_eq!(report.only().verdict, Verdict::Ready, "{:?}", report.only().findings);
    let counts = stub.counts();
    for (action, count) in [
        ("DescribeInstanceInformation", 1),
        ("DescribeKey", 1),
        ("DescribeOrganization", 1),
        // A policy of each type, which stands at every level.
        ("DescribePolicy", 2),
        ("GetCallerIdentity", 1),
        ("GetDocument", 1),
        ("GetKeyPolicy", 1),
        ("GetPolicy", 1),
        ("GetRole", 2),
        ("GetServiceSetting", 1),
        ("ListParents", 2),
        ("ListPoliciesForTarget", 6),
    ] {
        assert_eq!(counts.get(action), Some(&count), "{action}: {counts:?}");
    }
    // The root's policies are those of the account, and known when the root is.
    assert_eq!(stub.longest_chain(), 4, "{:?}", stub.calls());
    only_reads(&stub);
}

/// The agents of a fleet are listed beside its instances, not instance by instance after them.
#[test]
fn the_agents_of_a_fleet_are_read_beside_its_instances() {
    let other = "i-00000000000000002";
    let of_old = "i-00000000000000003";
    let stopped = Instance::new(of_old).profile("web").state("stopped").agent("ConnectionLost", "2.0.0.0");
    let stub = World::ready()
        .instance(Instance::new(other).profile("web").agent("ConnectionLost", "3.3.2299.0"))
        .instance(stopped)
        .serve();
    stub.together(&["DescribeInstanceProperties", "DescribeInstances"]);
    let report = check(&Sandbox::at(&stub), &["--all"]);
    assert_eq!((report.summary.ready, stub.calls_of("DescribeInstanceInformation").len()), (2, 0));
    assert_eq!(severities(report.of(other), Code::AgentOffline), [Severity::Warning]);
    // What is known of the agent of an instance that does not run counts as in a check of that instance alone.
    assert_eq!(severities(report.of(of_old), Code::AgentOutdated), [Severity::Error]);
    assert!(!report.of(INSTANCE).codes().contains(&Code::AgentOffline));
}

#[test]
fn what_preferences_ask_for_is_needed_for_sessions_or_for_logs() {
    let (get, put) = ("s3:GetEncryptionConfiguration", "s3:PutObject");
    let (groups, streams) =
        ("logs:DescribeLogGroups", ["logs:DescribeLogStreams", "logs:CreateLogStream", "logs:PutLogEvents"]);
    let bucket =
        |encrypted: Value| json!({"s3BucketName": "logs", "s3KeyPrefix": "a", "s3EncryptionEnabled": encrypted});
    let group = |encrypted: Value| json!({"cloudWatchLogGroupName": "/ssm", "cloudWatchEncryptionEnabled": encrypted});
    let (yes, no, unsaid) = (json!(true), json!(false), json!(null));
    let key = || json!({"kmsKeyId": "alias/session"});
    let none = || allow("ec2:DescribeTags", "*");
    let alias = "arn:aws:kms:us-east-1:111122223333:alias/session";
    for (name, inputs, policy, verdict, logs) in [
        ("key, nothing", key(), none(), Verdict::NotReady, None),
        ("key, its alias", key(), allow("kms:Decrypt", alias), Verdict::NotReady, None),
        ("key, its ARN", key(), allow("kms:Decrypt", KEY_ARN), Verdict::Ready, None),
        ("encrypted bucket, nothing", bucket(yes.clone()), none(), Verdict::NotReady, Some(Severity::Warning)),
        ("encrypted bucket, object", bucket(yes.clone()), allow(put, "*"), Verdict::NotReady, None),
        ("encrypted bucket, look", bucket(yes.clone()), allow(get, "*"), Verdict::Ready, Some(Severity::Warning)),
        ("encrypted bucket, both", bucket(yes.clone()), allow(vec![get, put], "*"), Verdict::Ready, None),
        ("plain bucket, nothing", bucket(no.clone()), none(), Verdict::Ready, Some(Severity::Warning)),
        (
            "plain bucket, object of another",
            bucket(no.clone()),
            allow(put, "arn:aws:s3:::logs/b/*"),
            Verdict::Ready,
            Some(Severity::Warning),
        ),
        ("plain bucket, both", bucket(no.clone()), allow(vec![get, put], "*"), Verdict::Ready, None),
        // The agent takes a flag that is left out as false.
        ("unsaid bucket, nothing", bucket(unsaid.clone()), none(), Verdict::Ready, Some(Severity::Warning)),
        ("encrypted group, nothing", group(yes.clone()), none(), Verdict::NotReady, Some(Severity::Warning)),
        ("encrypted group, look", group(yes), allow(groups, "*"), Verdict::Ready, Some(Severity::Warning)),
        ("plain group, nothing", group(no.clone()), none(), Verdict::Ready, Some(Severity::Warning)),
        (
            "plain group, all but look",
            group(no.clone()),
            allow(streams.to_vec(), "*"),
            Verdict::Ready,
            Some(Severity::Warning),
        ),
        ("plain group, all", group(no), allow("logs:*", "*"), Verdict::Ready, None),
        ("unsaid group, nothing", group(unsaid), none(), Verdict::Ready, Some(Severity::Warning)),
    ] {
        let world = with_role(core_role().inline("more", policy)).key(session_key()).preferences(preferences(inputs));
        let world = world.bucket(Bucket::new("logs")).log_group(LogGroup::new("/ssm").key(KEY_ARN));
        let outcome = judge(world);
        assert_eq!(outcome.verdict, verdict, "{name}: {:?}", outcome.findings);
        let told = severities(&outcome, Code::SessionLogs);
        assert_eq!(told.first().copied(), logs, "{name}: {:?}", outcome.findings);
        let missing = severities(&outcome, Code::MissingPermission).contains(&Severity::Error);
        assert_eq!(missing, verdict == Verdict::NotReady, "{name}: {:?}", outcome.findings);
        let lost = outcome.permissions.iter().filter(|permission| permission.decision != Decision::Allowed);
        for permission in lost {
            let of_logs = permission.action == put || streams.contains(&permission.action.as_str());
            assert_eq!(permission.required, verdict == Verdict::NotReady && !of_logs, "{name}: {permission:?}");
        }
    }
}

#[test]
fn preferences_can_be_left_out_or_named() {
    let world = || World::ready().key(session_key()).preferences(preferences(json!({"kmsKeyId": "alias/session"})));
    let stub = world().serve();
    assert_eq!(check(&Sandbox::at(&stub), &[INSTANCE]).only().verdict, Verdict::NotReady);
    assert_eq!(check(&Sandbox::at(&stub), &[INSTANCE, "--preferences", "none"]).only().verdict, Verdict::Ready);
    assert_eq!(stub.calls_of("GetDocument").len(), 1, "`none` reads no document");
    let stub = world().document("Plain", preferences(json!({}))).serve();
    assert_eq!(check(&Sandbox::at(&stub), &[INSTANCE, "--preferences", "Plain"]).only().verdict, Verdict::Ready);
    assert_eq!(stub.calls_of("GetDocument")[0].parameter("Name"), "Plain");
    let missing = check(&Sandbox::at(&stub), &[INSTANCE, "--preferences", "Missing"]).only().clone();
    assert_eq!((missing.verdict, missing.finding(Code::AwsError).severity), (Verdict::Unknown, Severity::Warning));
    assert!(missing.finding(Code::AwsError).message.contains("`Missing`"));
    for broken in [json!({"sessionType": "Port"}), json!([])] {
        let outcome = judge(World::ready().preferences(broken));
        assert_eq!(
            (outcome.verdict, outcome.finding(Code::InvalidPolicy).severity),
            (Verdict::Unknown, Severity::Warning)
        );
    }
    // The needs of the command line and of the preferences are one: the higher cost counts.
    let bucket = preferences(json!({"s3BucketName": "logs", "s3EncryptionEnabled": false}));
    let stub = World::ready().preferences(bucket).serve();
    assert_eq!(check(&Sandbox::at(&stub), &[INSTANCE]).only().verdict, Verdict::Ready);
    let given = check(&Sandbox::at(&stub), &[INSTANCE, "--s3-logs", "logs"]).only().clone();
    assert_eq!((given.verdict, given.permissions.len()), (Verdict::NotReady, 7));
}

#[test]
fn service_control_policies_of_every_level_are_read() {
    let deny = policy("Deny", "ssmmessages:*");
    let world = |management: &str, denying: usize| {
        let levels = ["r-root", "ou-a", "ou-b", ACCOUNT].into_iter().enumerate().map(|(place, id)| {
            if place == denying { Level::new(id).scp("no-sessions", &deny) } else { Level::new(id) }
        });
        World::ready().organization("o-a", management, levels)
    };
    assert_eq!(judge(world(MANAGEMENT, usize::MAX)).verdict, Verdict::Ready);
    for denying in 0..4 {
        let outcome = judge(world(MANAGEMENT, denying));
        assert_eq!(outcome.verdict, Verdict::NotReady, "{denying}: {:?}", outcome.findings);
        let permission = outcome.permission("ssmmessages:OpenDataChannel");
        assert_eq!(permission.decision, Decision::ExplicitDeny);
        assert!(permission.decided_by.iter().all(|by| by.kind == PolicyKind::Scp && by.policy.contains("no-sessions")));
        assert_eq!(judge(world(ACCOUNT, denying)).verdict, Verdict::Ready, "no SCP touches the management account");
    }
    // Each level must allow.
    let narrow = Level { scps: vec![("narrow".into(), policy("Allow", "ec2:*").to_string())], ..Level::new("ou-a") };
    let levels = [Level::new("r-root"), narrow, Level::new(ACCOUNT)];
    let outcome = judge(World::ready().organization("o-a", MANAGEMENT, levels));
    assert_eq!((outcome.verdict, severities(&outcome, Code::BlockedByScp)), (Verdict::NotReady, vec![Severity::Error]));
    // In pages.
    let levels = [Level::new("r-root").scp("a", policy("Allow", "s3:*")).scp("b", &deny), Level::new(ACCOUNT)];
    let outcome = judge(World::ready().organization("o-a", MANAGEMENT, levels).page_size(1));
    assert_eq!(outcome.verdict, Verdict::NotReady);
    // The rest of an organization that may not be read is told, and no obstacle.
    let hidden = judge(World::ready().hidden_organization("o-a", MANAGEMENT));
    assert_eq!(hidden.verdict, Verdict::Ready);
    assert!(hidden.not_checked.iter().any(|line| line.contains("service control")), "{:?}", hidden.not_checked);
    let none = judge(World::ready());
    assert!(!none.not_checked.iter().any(|line| line.contains("service control")), "{:?}", none.not_checked);
    // What is given wins, and is not read.
    let stub = world(MANAGEMENT, 0).serve();
    let sandbox = Sandbox::at(&stub);
    sandbox.file("scp.json", policy("Allow", "*"));
    assert_eq!(check(&sandbox, &[INSTANCE, "--scp", "scp.json"]).only().verdict, Verdict::Ready);
    let listed = stub.calls_of("ListPoliciesForTarget");
    assert!(listed.iter().all(|call| call.parameter("Filter") == "RESOURCE_CONTROL_POLICY"));
}

/// What the caller may see of an organization counts, whatever else it may not see or just did not get to see.
#[test]
fn a_service_control_policy_that_was_read_counts_beside_others_that_were_not() {
    let deny = policy("Deny", "ssmmessages:*");
    let world = |of_account: Level| World::ready().organization("o-a", MANAGEMENT, [Level::new("r-root"), of_account]);
    let denied = || Answer::denied("organizations:ListParents");
    for (answer, without, with_deny) in [
        (denied(), Verdict::Ready, Verdict::NotReady),
        (Answer::throttled(), Verdict::Unknown, Verdict::NotReady),
        (Answer::internal(), Verdict::Unknown, Verdict::NotReady),
    ] {
        let verdict = |level: Level| {
            let stub = world(level).fail("ListParents", answer.clone()).serve();
            check(&Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1"), &[INSTANCE]).only().clone()
        };
        let outcome = verdict(Level::new(ACCOUNT));
        assert_eq!(outcome.verdict, without, "{answer:?}: {:?}", outcome.findings);
        let named = outcome.not_checked.iter().chain(outcome.findings.iter().map(|finding| &finding.message));
        assert!(named.into_iter().any(|line| line.contains("organizations:ListParents")), "{outcome:?}");
        let outcome = verdict(Level::new(ACCOUNT).scp("no-sessions", &deny));
        assert_eq!(outcome.verdict, with_deny, "{answer:?}: {:?}", outcome.findings);
    }
}

/// Whoever has no way to a service, or one that does not know the calls, is told that it was not read. A connection that is made and brings no answer may hide one.
#[test]
fn a_service_to_which_no_connection_can_be_made_hides_nothing() {
    let levels = || [Level::new("r-root"), Level::new(ACCOUNT)];
    for (service, apis) in [
        ("AWS_ENDPOINT_URL_SSM", &["GetServiceSetting", "GetDocument", "DescribeInstanceInformation"][..]),
        ("AWS_ENDPOINT_URL_ORGANIZATIONS", &["DescribeOrganization", "ListParents", "ListPoliciesForTarget"]),
    ] {
        let stub = World::ready().organization("o-a", MANAGEMENT, levels()).serve();
        // Nobody listens there.
        let sandbox = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1").env(service, "http://127.0.0.1:9");
        let outcome = check(&sandbox, &[INSTANCE]).only().clone();
        assert_eq!(outcome.verdict, Verdict::Ready, "{service}: {:?}", outcome.findings);
        assert!(apis.iter().all(|api| stub.calls_of(api).is_empty()), "{service}");
        assert!(!outcome.not_checked.is_empty());
        let not_known = Answer::Error { status: 501, code: "NotImplemented".into(), message: "no such action".into() };
        for (answer, verdict) in [
            (Answer::Closed, Verdict::Unknown),
            (Answer::garbage(), Verdict::Unknown),
            (Answer::error("InvalidAction", "no such action"), Verdict::Ready),
            (not_known, Verdict::Ready),
        ] {
            let world = World::ready().organization("o-a", MANAGEMENT, levels());
            let stub = apis.iter().fold(world, |world, api| world.fail(api, answer.clone())).serve();
            let outcome = check(&Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1"), &[INSTANCE]).only().clone();
            assert_eq!(outcome.verdict, verdict, "{apis:?} {answer:?}: {:?}", outcome.findings);
        }
    }
}

/// AWS throttles all calls of a service alike.
#[test]
fn an_organization_that_does_not_answer_hides_what_it_may_hold() {
    let deny = policy("Deny", "ssmmessages:*");
    let failing = |apis: &[&str], answer: &Answer, level: Level| {
        let world = World::ready().organization("o-a", MANAGEMENT, [Level::new("r-root"), level]);
        let world = apis.iter().fold(world, |world, api| world.fail(api, answer.clone()));
        check(&Sandbox::at(&world.serve()).env("AWS_MAX_ATTEMPTS", "1"), &[INSTANCE]).only().verdict
    };
    let all = ["DescribeOrganization", "ListParents", "ListPoliciesForTarget"];
    for answer in [Answer::throttled(), Answer::internal()] {
        for apis in [&all[..], &all[1..], &all[2..]] {
            assert_eq!(failing(apis, &answer, Level::new(ACCOUNT)), Verdict::Unknown, "{apis:?} {answer:?}");
        }
        // The policies themselves were read.
        assert_eq!(failing(&all[..1], &answer, Level::new(ACCOUNT).scp("no", &deny)), Verdict::NotReady, "{answer:?}");
    }
    let denied = Answer::denied("organizations:Any");
    assert_eq!(failing(&all, &denied, Level::new(ACCOUNT).scp("no", &deny)), Verdict::Ready);
}

/// Where a service control policy, the session preferences or the policy of the key come from.
const MAY_HIDE: [&str; 6] =
    ["GetKeyPolicy", "GetDocument", "ListParents", "ListPoliciesForTarget", "DescribePolicy", "GetCallerIdentity"];

#[test]
fn what_may_not_be_read_is_told_and_decides_only_where_it_must() {
    let (levels, apis) = (
        || [Level::new("r-root"), Level::new(ACCOUNT)],
        [
            "DescribeInstanceInformation",
            "GetServiceSetting",
            "GetDocument",
            "DescribeOrganization",
            "ListParents",
            "ListPoliciesForTarget",
            "DescribePolicy",
            "GetCallerIdentity",
            "GetKeyPolicy",
        ],
    );
    for api in apis {
        for (denied, answer) in [(true, Answer::denied(api)), (false, Answer::internal()), (false, Answer::garbage())] {
            let all = |world: World| world.organization("o-a", MANAGEMENT, levels()).fail(api, answer.clone());
            let world = with_role(core_role().inline("key", allow("kms:Decrypt", "*"))).key(session_key());
            let stub = all(world).serve();
            let sandbox = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1");
            let outcome = check(&sandbox, &[INSTANCE, "--kms-key", "alias/session"]).only().clone();
            // What the caller may see and just did not get to see may hold a need or a deny; what it may not see does not count.
            let may_hide = !denied && MAY_HIDE.contains(&api);
            let expected = if may_hide { Verdict::Unknown } else { Verdict::Ready };
            assert_eq!(outcome.verdict, expected, "{api}: {:?}", outcome.findings);
            assert!(
                may_hide || outcome.findings.iter().all(|finding| finding.severity == Severity::Info),
                "{api}: {:?}",
                outcome.findings
            );
            let told = outcome.findings.iter().map(|finding| &finding.message).chain(&outcome.not_checked);
            assert!(told.into_iter().any(|line| !line.is_empty()), "{api}");
        }
        // Without a profile the setting alone decides.
        let world = with_instance(Instance::new(INSTANCE)).organization("o-a", MANAGEMENT, levels());
        let outcome = judge(world.fail(api, Answer::denied(api)));
        let expected = if api == "GetServiceSetting" { Verdict::Unknown } else { Verdict::NotReady };
        assert_eq!(outcome.verdict, expected, "{api}: {:?}", outcome.findings);
    }
}

#[test]
fn host_management_lets_in_what_has_no_profile() {
    let bare = || Instance::new(INSTANCE);
    let on = |instance: Instance, role: Role| with_instance(instance).host_management(HOST).role(role);
    let off = judge(with_instance(bare()));
    assert_eq!((off.verdict, severities(&off, Code::NoInstanceProfile)), (Verdict::NotReady, vec![Severity::Error]));

    let managed = judge(on(bare(), host_role()));
    assert_eq!(managed.verdict, Verdict::Ready, "{:?}", managed.findings);
    assert_eq!(severities(&managed, Code::ManagedByDhmc), [Severity::Info]);
    let role = managed.host_management_role.clone().unwrap();
    assert_eq!(role.arn.as_deref(), Some("arn:aws:iam::111122223333:role/service-role/HostManagement"));
    assert_eq!((managed.role, managed.permissions.len()), (None, 5));

    for (name, world, code) in [
        ("no role", with_instance(bare()).host_management(HOST), Code::RoleMissing),
        (
            "trusts EC2",
            on(bare(), Role::new("HostManagement").path("/service-role/").attach(CORE_POLICY)),
            Code::TrustPolicy,
        ),
        ("may nothing", on(bare(), Role { attached: Vec::new(), ..host_role() }), Code::MissingPermission),
        ("agent too old", on(bare().agent("Online", "3.2.581.0"), host_role()), Code::AgentOutdated),
    ] {
        let outcome = judge(world);
        assert_eq!(outcome.verdict, Verdict::NotReady, "{name}: {:?}", outcome.findings);
        assert!(severities(&outcome, code).contains(&Severity::Error), "{name}: {:?}", outcome.findings);
        let of_trust = outcome.findings.iter().filter(|finding| finding.code == Code::TrustPolicy);
        assert!(of_trust.into_iter().all(|finding| !finding.message.contains("EC2")), "{name}: {:?}", outcome.findings);
    }
    // Nobody knows the version of an agent that was never seen.
    let unseen = judge(on(bare().without_agent(), host_role()));
    assert_eq!((unseen.verdict, severities(&unseen, Code::ManagedByDhmc)), (Verdict::Unknown, vec![Severity::Warning]));
    assert!(unseen.finding(Code::ManagedByDhmc).message.contains("3.2.582.0"), "{:?}", unseen.findings);
    let denied = judge(on(bare(), host_role()).fail("GetRole", Answer::denied("iam:GetRole")));
    assert_eq!(denied.verdict, Verdict::Unknown, "{:?}", denied.findings);
    let metadata = judge(on(bare().metadata("disabled", "optional", "applied"), host_role()));
    assert_eq!(metadata.verdict, Verdict::NotReady, "{:?}", metadata.findings);
}

/// The agent stays with a profile that allows its heartbeat.
#[test]
fn a_profile_may_switch_host_management_off() {
    let heartbeat = allow("ssm:UpdateInstanceInformation", "*");
    let world = |role: Role| with_role(role).host_management(HOST).role(host_role());
    let ready = judge(world(core_role()));
    assert_eq!((ready.verdict, ready.host_management_role.clone()), (Verdict::Ready, None));
    assert!(!ready.codes().contains(&Code::ManagedByDhmc));
    let off = judge(world(Role::new("web").inline("heartbeat", &heartbeat)));
    assert_eq!((off.verdict, severities(&off, Code::DhmcFallbackOff)), (Verdict::NotReady, vec![Severity::Error]));
    for (name, role) in [
        ("nothing", Role::new("web")),
        ("channels only", Role::new("web").inline("channels", allow("ssmmessages:*", "*"))),
        ("denied", core_role().inline("no", policy("Deny", "ssm:UpdateInstanceInformation"))),
        ("no trust", core_role().trust(SSM_TRUST)),
    ] {
        let outcome = judge(world(role));
        assert_eq!(outcome.verdict, Verdict::Ready, "{name}: {:?}", outcome.findings);
        assert_eq!(severities(&outcome, Code::ManagedByDhmc), [Severity::Info], "{name}");
        assert_eq!(outcome.role.unwrap().name, "web", "{name}");
    }
    // What the metadata of an instance with such a profile answers is not documented, and the agent falls back only on some errors.
    let empty = with_instance(Instance::new(INSTANCE).profile("empty")).profile(Profile::new("empty"));
    let empty = judge(empty.host_management(HOST).role(host_role()));
    assert_eq!((empty.verdict, severities(&empty, Code::ManagedByDhmc)), (Verdict::Unknown, vec![Severity::Warning]));
    assert_eq!(severities(&empty, Code::InstanceProfileEmpty), [Severity::Warning]);
    // Not known whether the agent stays: both ways open is the only certain answer.
    let open = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ssm:UpdateInstanceInformation",
        "Resource": "*", "Condition": {"StringEquals": {"aws:UserAgent": "agent"}}}});
    let role = Role::new("web").inline("open", open);
    assert_eq!(judge(world(role.clone())).verdict, Verdict::Unknown);
    let both = judge(world(role.inline("channels", allow("ssmmessages:*", "*"))));
    assert_eq!((both.verdict, severities(&both, Code::ManagedByDhmc)), (Verdict::Ready, vec![Severity::Info]));
}

#[test]
fn an_agent_that_is_not_there_is_a_warning() {
    let instance = || Instance::new(INSTANCE).profile("web");
    let online = judge(World::ready());
    let agent = online.agent.clone().unwrap();
    assert_eq!((agent.ping.as_deref(), agent.version.as_deref()), (Some("Online"), Some("3.3.2299.0")));
    assert!(!online.codes().contains(&Code::AgentOffline));
    for (name, instance, said) in [
        ("never seen", instance().without_agent(), "never seen"),
        ("lost", instance().agent("ConnectionLost", "3.3.2299.0"), "ConnectionLost"),
        ("inactive", instance().agent("Inactive", "3.3.2299.0"), "Inactive"),
    ] {
        let stub = with_instance(instance).serve();
        let outcome = check(&Sandbox::at(&stub), &[INSTANCE]).only().clone();
        assert_eq!(
            (outcome.verdict, severities(&outcome, Code::AgentOffline)),
            (Verdict::Ready, vec![Severity::Warning]),
            "{name}"
        );
        assert!(outcome.finding(Code::AgentOffline).message.contains(said), "{name}: {:?}", outcome.findings);
        let fleet = check(&Sandbox::at(&stub), &["--all"]).only().clone();
        assert_eq!(
            (fleet.verdict, &fleet.findings, &fleet.agent),
            (outcome.verdict, &outcome.findings, &outcome.agent),
            "{name}"
        );
        Sandbox::at(&stub).run(&["check", INSTANCE, "--fail-on", "warning"]).expect(1);
    }
    let stopped = judge(with_instance(instance().state("stopped").without_agent()));
    assert!(!stopped.codes().contains(&Code::AgentOffline), "{:?}", stopped.findings);
    // With a key, a later version is needed.
    let role = core_role().inline("key", allow("kms:Decrypt", KEY_ARN));
    let mut world = with_role(role).key(session_key()).preferences(preferences(json!({"kmsKeyId": KEY_ARN})));
    world.agent_of(INSTANCE, |instance| instance.agent("Online", "2.3.538.0"));
    let outcome = judge(world);
    assert_eq!(
        (outcome.verdict, severities(&outcome, Code::AgentOutdated)),
        (Verdict::NotReady, vec![Severity::Error])
    );
    let old = judge(with_instance(instance().agent("Online", "2.3.67.0")));
    assert_eq!((old.verdict, severities(&old, Code::AgentOutdated)), (Verdict::NotReady, vec![Severity::Error]));
    assert!(old.finding(Code::AgentOutdated).message.contains("2.3.68.0"), "{:?}", old.findings);
}

#[test]
fn a_key_must_be_usable_and_its_own_policy_too() {
    let statement = |effect: &str, principal: &str| json!({"Effect": effect, "Principal": {"AWS": principal}, "Action": "kms:*", "Resource": "*"});
    let document = |statements: Vec<Value>| json!({"Version": "2012-10-17", "Statement": statements});
    let (root, web) = ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/web");
    let other = "arn:aws:iam::111122223333:role/other";
    for (name, key, role_allows, verdict) in [
        ("default", session_key(), true, Verdict::Ready),
        ("default, role without", session_key(), false, Verdict::NotReady),
        ("disabled", session_key().state("Disabled"), true, Verdict::NotReady),
        ("pending deletion", session_key().state("PendingDeletion"), true, Verdict::NotReady),
        ("other role", session_key().policy(document(vec![statement("Allow", other)])), true, Verdict::NotReady),
        ("this role", session_key().policy(document(vec![statement("Allow", web)])), false, Verdict::Ready),
        ("root", session_key().policy(document(vec![statement("Allow", root)])), true, Verdict::Ready),
        (
            "denied",
            session_key().policy(document(vec![statement("Allow", root), statement("Deny", web)])),
            true,
            Verdict::NotReady,
        ),
        ("no policy at all", session_key().policy("nonsense"), true, Verdict::Unknown),
    ] {
        for given in [true, false] {
            let role = if role_allows { core_role().inline("key", allow("kms:Decrypt", KEY_ARN)) } else { core_role() };
            let world = with_role(role).key(key.clone());
            let (world, arguments) = match given {
                true => (world, vec![INSTANCE, "--kms-key", "alias/session"]),
                false => (world.preferences(preferences(json!({"kmsKeyId": "alias/session"}))), vec![INSTANCE]),
            };
            let stub = world.serve();
            let outcome = check(&Sandbox::at(&stub), &arguments).only().clone();
            assert_eq!(outcome.verdict, verdict, "{name}, {given}: {:?}", outcome.findings);
            let errors = severities(&outcome, Code::KmsKeyPolicy).contains(&Severity::Error);
            assert_eq!(errors, verdict == Verdict::NotReady && role_allows, "{name}: {:?}", outcome.findings);
        }
    }
    // A key that the preferences name and that does not exist.
    let gone = judge(
        with_role(core_role().inline("key", allow("kms:Decrypt", "*")))
            .preferences(preferences(json!({"kmsKeyId": KEY_ARN}))),
    );
    assert_eq!((gone.verdict, severities(&gone, Code::KmsKeyPolicy)), (Verdict::NotReady, vec![Severity::Error]));
}

#[test]
fn the_simulator_is_heard_and_decides_nothing() {
    let plain = World::ready().serve();
    let without = check(&Sandbox::at(&plain), &[INSTANCE]).only().clone();
    assert!(plain.calls_of("SimulatePrincipalPolicy").is_empty() && without.simulation.is_empty());
    for (said, differences, explained) in [
        (Simulated::new("allowed"), 0, ""),
        (Simulated::new("implicitDeny"), 5, "no blind spot"),
        (Simulated::new("implicitDeny").missing("aws:SourceVpce"), 5, "`aws:SourceVpce`"),
        (Simulated::new("explicitDeny").organizations(false), 5, "service control policies"),
    ] {
        let stub = World::ready().simulator(move |_| said.clone()).serve();
        let outcome = check(&Sandbox::at(&stub), &[INSTANCE, "--simulate"]).only().clone();
        assert_eq!(outcome.simulation.len(), differences);
        assert!(
            outcome.simulation.iter().all(|difference| difference.explanation.contains(explained)),
            "{:?}",
            outcome.simulation
        );
        assert_eq!(Outcome { simulation: Vec::new(), ..outcome }, without);
        let asked = stub.calls_of("SimulatePrincipalPolicy");
        assert_eq!(asked.len(), 5);
        assert!(asked.iter().all(|call| call.parameter("PolicySourceArn") == "arn:aws:iam::111122223333:role/web"));
        only_reads(&stub);
    }
    // It lets in what the policies do not, and that changes nothing.
    let stub = with_role(Role::new("web")).simulator(|_| Simulated::new("allowed")).serve();
    let outcome = check(&Sandbox::at(&stub), &[INSTANCE, "--simulate"]).only().clone();
    assert_eq!((outcome.verdict, outcome.simulation.len()), (Verdict::NotReady, 5));
    let stub = World::ready().fail("SimulatePrincipalPolicy", Answer::denied("iam:SimulatePrincipalPolicy")).serve();
    let output = Sandbox::at(&stub).run(&["check", INSTANCE, "--simulate"]).expect(0);
    assert!(output.stderr.starts_with("warning: ") && output.stderr.contains("simulator"), "{}", output.stderr);
}
