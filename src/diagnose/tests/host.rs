//! Default Host Management Configuration: the two ways of the agent.

use super::*;
use crate::facts::{Agent, Instance, key};
use crate::render::words::Said as _;

const HOST: &str = "AWSSystemsManagerDefaultEC2InstanceManagementRole";
const HEARTBEAT: [&str; 1] = ["ssm:UpdateInstanceInformation"];
const CHANNELS: [&str; 1] = ["ssmmessages:*"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Profile {
    None,
    AllowsNothing,
    HeartbeatOnly,
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    Off,
    Good,
    Untrusting,
    NoChannels,
    Unreadable,
}

const PROFILES: [Profile; 4] = [Profile::None, Profile::AllowsNothing, Profile::HeartbeatOnly, Profile::Full];
const HOSTS: [Host; 5] = [Host::Off, Host::Good, Host::Untrusting, Host::NoChannels, Host::Unreadable];

fn of_profile(profile: Profile) -> Account {
    let recent = |instance: &mut Instance| instance.agent = agent("ConnectionLost", Some("3.3.0.0"));
    let account = match profile {
        Profile::None => {
            return Account::new().instance(INSTANCE, |instance| {
                bare(instance);
                recent(instance);
            });
        }
        Profile::AllowsNothing => Account::new().role("web", |_| {}),
        Profile::HeartbeatOnly => {
            Account::new().role("web", |role| add_inline(role, "some", &policy(&[allow(&HEARTBEAT, "*")])))
        }
        Profile::Full => Account::new().role("web", ready),
    };
    account.profile("web", |_| {}).instance(INSTANCE, recent)
}

fn with_host(account: Account, host: Host) -> Account {
    let setting = match host {
        Host::Off => Fact::Absent,
        Host::Unreadable => unreadable("ssm:GetServiceSetting"),
        _ => Fact::Known(format!("service-role/{HOST}")),
    };
    let account = with_settings(account, |settings| settings.host_management = setting.clone());
    let arn = account.iam(&format!("role/service-role/{HOST}"));
    account.role(HOST, |role| {
        role.arn = Some(arn);
        let service = if host == Host::Untrusting { "ec2.amazonaws.com" } else { "ssm.amazonaws.com" };
        role.trust = Fact::Known(text(&policy(&[trusting(service)])));
        let actions: &[&str] = if host == Host::NoChannels { &HEARTBEAT } else { &CORE };
        add_inline(role, "default", &policy(&[allow(actions, "*")]));
    })
}

/// The verdict and what it turns on: the errors, and whether host management is what lets the agent in.
fn telling(account: &Account) -> (Verdict, Vec<Code>) {
    let outcome = judge(account);
    let mut codes = errors(&outcome);
    if found(&outcome, Code::ManagedByDhmc).is_some() {
        codes.insert(Code::ManagedByDhmc);
    }
    (outcome.verdict, codes.into_iter().collect())
}

/// An agent with this state and version.
fn agent(ping: &str, version: Option<&str>) -> Fact<Agent> {
    Fact::Known(Agent {
        ping: Some(ping.to_owned()),
        version: version.map(str::to_owned),
        last_ping: Some(now()),
        platform: Some("Linux".to_owned()),
    })
}

fn changed(profile: Profile, host: Host, change: impl FnOnce(&mut Instance)) -> Account {
    let mut account = with_host(of_profile(profile), host);
    match &mut account.facts.subjects[0].kind {
        crate::facts::SubjectKind::Instance(Fact::Known(instance)) => change(instance),
        other => panic!("{other:?}"),
    }
    account
}

#[test]
fn the_agent_goes_the_way_of_the_profile_if_its_heartbeat_is_allowed_there() {
    use Code::*;
    use Verdict::{NotReady, Ready, Unknown};
    type Row = [(Verdict, &'static [Code]); 4];
    let table: [(Host, Row); 5] = [
        // There is the profile alone.
        (
            Host::Off,
            [
                (NotReady, &[NoInstanceProfile]),
                (NotReady, &[MissingPermission]),
                (NotReady, &[MissingPermission]),
                (Ready, &[]),
            ],
        ),
        // The heartbeat through the profile succeeds, so the good role never comes into play.
        (
            Host::Good,
            [
                (Ready, &[ManagedByDhmc]),
                (Ready, &[ManagedByDhmc]),
                (NotReady, &[MissingPermission, DhmcFallbackOff]),
                (Ready, &[]),
            ],
        ),
        // Neither way is open; the third would be none if the first were mended.
        (
            Host::Untrusting,
            [
                (NotReady, &[NoInstanceProfile, TrustPolicy]),
                (NotReady, &[TrustPolicy, MissingPermission]),
                (NotReady, &[MissingPermission, DhmcFallbackOff]),
                (Ready, &[]),
            ],
        ),
        (
            Host::NoChannels,
            [
                (NotReady, &[NoInstanceProfile, MissingPermission]),
                (NotReady, &[MissingPermission]),
                (NotReady, &[MissingPermission, DhmcFallbackOff]),
                (Ready, &[]),
            ],
        ),
        // There may be another way; where the agent stays with the profile it does not matter.
        (Host::Unreadable, [(Unknown, &[]), (Unknown, &[]), (NotReady, &[MissingPermission]), (Ready, &[])]),
    ];
    for (host, row) in table {
        for (profile, (verdict, codes)) in PROFILES.into_iter().zip(row) {
            let account = with_host(of_profile(profile), host);
            assert_eq!(telling(&account), (verdict, codes.to_vec()), "{profile:?} {host:?}");
        }
    }
}

#[test]
fn a_managed_instance_shows_both_roles_and_the_permissions_of_the_one_that_counts() {
    let outcome = judge(&with_host(of_profile(Profile::AllowsNothing), Host::Good));
    assert_eq!(outcome.role.unwrap().name, "web");
    assert_eq!(outcome.host_management_role.unwrap().name, HOST);
    assert_eq!(outcome.trust.unwrap().principal, "ssm.amazonaws.com");
    assert!(outcome.permissions.iter().all(|permission| permission.decision == crate::report::Decision::Allowed));
    // Where the agent stays with the profile, the other role is of no account.
    for profile in [Profile::HeartbeatOnly, Profile::Full] {
        let outcome = judge(&with_host(of_profile(profile), Host::Good));
        assert_eq!((outcome.role.unwrap().name.as_str(), outcome.host_management_role), ("web", None));
    }
}

#[test]
fn a_role_that_systems_manager_may_not_assume_is_said_as_such() {
    let outcome = judge(&with_host(of_profile(Profile::None), Host::Untrusting));
    let finding = found(&outcome, Code::TrustPolicy).unwrap();
    assert!(
        finding.message().contains("does not allow Systems Manager (`ssm.amazonaws.com`) to assume it"),
        "{finding:?}"
    );
    // A fix is one of the profile's role.
    assert!(!finding.remedy().contains("ssm-profile fix"), "{finding:?}");
}

#[test]
fn what_gives_no_credentials_is_no_profile() {
    let full = || of_profile(Profile::Full);
    let gone = || key(Some(ACCOUNT), "web");
    let cases = [
        ("stale", changed(Profile::Full, Host::Off, stale), Code::InstanceProfileStale),
        (
            "deleted",
            full().with(|facts| drop(facts.profiles.insert(gone(), Fact::Absent))),
            Code::InstanceProfileMissing,
        ),
        ("empty", full().profile("web", |profile| profile.role = None), Code::InstanceProfileEmpty),
        ("role gone", full().with(|facts| drop(facts.roles.insert(gone(), Fact::Absent))), Code::RoleMissing),
        (
            "untrusting",
            full().role("web", |role| {
                ready(role);
                role.trust = Fact::Known(text(&policy(&[trusting("lambda.amazonaws.com")])));
            }),
            Code::TrustPolicy,
        ),
    ];
    for (name, account, code) in cases {
        let of = |host| telling(&with_host(account.clone(), host));
        assert_eq!(of(Host::Off), (Verdict::NotReady, vec![code]), "{name}");
        // The agent falls back on three errors only; `AssumeRoleUnauthorizedAccess` is one, and what the metadata of an instance
        // answers for the other profiles is not documented (source of the agent, `ec2roleprovider`).
        let verdict = if name == "untrusting" { Verdict::Ready } else { Verdict::Unknown };
        assert_eq!(of(Host::Good), (verdict, vec![Code::ManagedByDhmc]), "{name}");
        let outcome = judge(&with_host(account.clone(), Host::NoChannels));
        assert_eq!(outcome.verdict, Verdict::NotReady, "{name}");
        assert_eq!(of(Host::Unreadable), (Verdict::Unknown, vec![]), "{name}");
        // The credentials that it had before may last still.
        let online = account.clone().with(|facts| {
            if let crate::facts::SubjectKind::Instance(Fact::Known(instance)) = &mut facts.subjects[0].kind {
                instance.agent = agent("Online", Some("3.3.0.0"));
            }
        });
        assert_eq!(telling(&with_host(online, Host::Good)).0, verdict, "{name}");
    }
}

#[test]
fn without_instance_metadata_there_is_no_way_at_all() {
    for (profile, host) in PROFILES.into_iter().flat_map(|profile| HOSTS.map(|host| (profile, host))) {
        let account = changed(profile, host, |instance| {
            if let Some(metadata) = &mut instance.metadata {
                metadata.http_endpoint = Some("disabled".to_owned());
            }
        });
        let (verdict, codes) = telling(&account);
        assert_eq!(verdict, Verdict::NotReady, "{profile:?} {host:?}");
        assert!(codes.contains(&Code::MetadataDisabled), "{profile:?} {host:?}: {codes:?}");
    }
}

#[test]
fn where_the_way_is_open_the_verdict_is_certain_if_both_ways_end_alike() {
    let account = |channels: bool| {
        let mut statements = vec![under(allow(&HEARTBEAT, "*"), unknowable())];
        if channels {
            statements.push(allow(&CHANNELS, "*"));
        }
        Account::new()
            .role("web", |role| add_inline(role, "some", &policy(&statements)))
            .profile("web", |_| {})
            .instance(INSTANCE, |instance| instance.agent = agent("ConnectionLost", Some("3.3.0.0")))
    };
    for (host, with_channels, without) in [
        (Host::Off, Verdict::Unknown, Verdict::NotReady),
        // Heartbeat allowed: the profile's channels; denied: the role of host management.
        (Host::Good, Verdict::Ready, Verdict::Unknown),
        // One way may be open, or none is.
        (Host::Untrusting, Verdict::Unknown, Verdict::NotReady),
        (Host::NoChannels, Verdict::Unknown, Verdict::NotReady),
        (Host::Unreadable, Verdict::Unknown, Verdict::Unknown),
    ] {
        assert_eq!(telling(&with_host(account(true), host)).0, with_channels, "{host:?}");
        assert_eq!(telling(&with_host(account(false), host)).0, without, "{host:?}");
    }
    let outcome = judge(&with_host(account(true), Host::Good));
    assert!(outcome.findings.iter().all(|finding| !finding.decides()), "{:?}", outcome.findings);
    assert!(found(&outcome, Code::ManagedByDhmc).unwrap().message().contains("either allows it to connect"));
    assert_eq!(
        (outcome.role.unwrap().name.as_str(), outcome.host_management_role.unwrap().name.as_str()),
        ("web", HOST)
    );
    assert!(outcome.permissions.iter().all(|permission| permission.decision == crate::report::Decision::Allowed));
}

/// What is open may turn out one way or the other: the verdict must be the one that both have, and unknown where they differ.
#[test]
fn the_verdict_is_that_of_every_case_that_is_possible() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/k";
    let document = json!({ "sessionType": "Standard_Stream", "inputs": { "kmsKeyId": key } }).to_string();
    let both = [false, true];
    let cases = both.iter().flat_map(|encrypted| both.map(|channels| (*encrypted, channels)));
    let cases = cases.flat_map(|(encrypted, channels)| both.map(|key| (encrypted, channels, key)));
    let cases =
        cases.flat_map(|(encrypted, channels, key)| both.map(|key_of_host| (encrypted, channels, key, key_of_host)));
    let mut seen = BTreeSet::new();
    for (encrypted, channels, key, key_of_host) in cases {
        for (host, online) in HOSTS.into_iter().flat_map(|host| both.map(|online| (host, online))) {
            let mut statements = vec![under(allow(&HEARTBEAT, "*"), unknowable())];
            if channels {
                statements.push(allow(&CHANNELS, "*"));
            }
            if key {
                statements.push(allow(&["kms:Decrypt"], "*"));
            }
            let agent = if online { agent("Online", Some("3.3.0.0")) } else { Fact::Absent };
            let account = Account::new()
                .role("web", |role| add_inline(role, "some", &policy(&statements)))
                .profile("web", |_| {})
                .instance(INSTANCE, |instance| instance.agent = agent);
            let mut account = with_host(account, host);
            if let Some(Fact::Known(role)) = account.facts.roles.get_mut(&self::key(Some(ACCOUNT), HOST))
                && key_of_host
            {
                add_inline(role, "key", &policy(&[allow(&["kms:Decrypt"], "*")]));
            }
            if encrypted {
                account = with_settings(account, |settings| settings.preferences = Fact::Known(text(&document)));
            }
            let under_context = |values: &[&str]| {
                let given = values.iter().map(|value| crate::needs::ContextEntry {
                    action: None,
                    key: "aws:SourceVpce".to_owned(),
                    values: vec![(*value).to_owned()],
                });
                let requirements = Requirements { context: given.collect(), ..Requirements::default() };
                diagnose(&account.facts, &requirements, now()).results.remove(0).verdict
            };
            let possible = [under_context(&["vpce-1"]), under_context(&["vpce-2"])];
            let expected = if possible[0] == possible[1] { possible[0] } else { Verdict::Unknown };
            let found = under_context(&[]);
            assert_eq!(found, expected, "{encrypted} {channels} {key} {key_of_host} {host:?} {online}: {possible:?}");
            seen.insert(format!("{found:?}"));
        }
    }
    assert_eq!(seen.len(), 3, "the cases end in all three: {seen:?}");
}

#[test]
fn a_trust_policy_that_is_open_does_not_matter_where_both_ways_are() {
    let of = |channels: bool, host| {
        let account = Account::new().role("web", |role| {
            role.trust = Fact::Known(text(&policy(&[under(trusting("ec2.amazonaws.com"), unknowable())])));
            let actions: &[&str] = if channels { &CORE } else { &HEARTBEAT };
            add_inline(role, "some", &policy(&[allow(actions, "*")]));
        });
        let account = account
            .profile("web", |_| {})
            .instance(INSTANCE, |instance| instance.agent = agent("ConnectionLost", Some("3.3.0.0")));
        judge(&with_host(account, host)).verdict
    };
    assert_eq!(of(true, Host::Good), Verdict::Ready);
    assert_eq!(of(true, Host::NoChannels), Verdict::Unknown);
    assert_eq!(of(false, Host::Good), Verdict::Unknown);
    assert_eq!(of(false, Host::NoChannels), Verdict::NotReady);
}

#[test]
fn host_management_needs_a_recent_agent() {
    use Verdict::{NotReady, Ready, Unknown};
    for (fact, verdict) in [
        (agent("Online", Some("3.2.581.0")), NotReady),
        (agent("Online", Some("2.3.68.0")), NotReady),
        (agent("ConnectionLost", Some("3.2.582.0")), Ready),
        (agent("Online", Some("3.10.0.0")), Ready),
        // Without a profile only host management can have connected it.
        (agent("Online", None), Ready),
        (agent("Online", Some("odd")), Ready),
        // Nothing says that it is recent enough.
        (agent("ConnectionLost", None), Unknown),
        (agent("Inactive", Some("odd")), Unknown),
        (Fact::Absent, Unknown),
        (unreadable("ssm:DescribeInstanceInformation"), Unknown),
    ] {
        let with = |profile, host| {
            let account = changed(profile, host, |instance| instance.agent = fact.clone());
            (judge(&account), telling(&account).1)
        };
        let (outcome, codes) = with(Profile::None, Host::Good);
        assert_eq!(outcome.verdict, verdict, "{fact:?}: {codes:?}");
        assert_eq!(codes.contains(&Code::AgentOutdated), verdict == NotReady, "{fact:?}: {codes:?}");
        if verdict == Unknown {
            let finding = found(&outcome, Code::ManagedByDhmc).unwrap();
            assert!(finding.leaves_unknown() && finding.message().contains("3.2.582.0"), "{finding:?}");
        }
        // Where neither way is open, the version is of no account.
        let (outcome, _) = with(Profile::None, Host::NoChannels);
        assert_eq!((outcome.verdict, found(&outcome, Code::ManagedByDhmc)), (NotReady, None), "{fact:?}");
        // The way of the profile is open to any agent.
        let (outcome, codes) = with(Profile::Full, Host::Good);
        assert_eq!((outcome.verdict, codes), (Ready, vec![]), "{fact:?}");
    }
}

/// The agent is connected through host management: what only some sessions need is lacking there.
#[test]
fn a_role_that_lets_the_agent_in_and_lacks_the_key_is_not_a_missing_profile() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/k";
    let document = json!({ "sessionType": "Standard_Stream", "inputs": { "kmsKeyId": key } }).to_string();
    for profile in [Profile::None, Profile::AllowsNothing] {
        let account = with_settings(with_host(of_profile(profile), Host::Good), |settings| {
            settings.preferences = Fact::Known(text(&document));
        });
        let outcome = judge(&with_readable_key(account, key));
        assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, [Code::MissingPermission].into()));
        let error = found(&outcome, Code::MissingPermission).unwrap();
        assert!(error.message().contains(HOST) && error.message().contains("`kms:Decrypt`"), "{error:?}");
        assert_eq!(found(&outcome, Code::NoInstanceProfile), None, "{profile:?}");
        let info = found(&outcome, Code::ManagedByDhmc).unwrap();
        assert!(
            info.severity() == Severity::Info && info.remedy().contains("grant the missing permissions"),
            "{info:?}"
        );
    }
}

/// Sessions of that role carry the instance's ARN in `ssm:SourceInstanceARN` (page of the global condition keys), and each its own.
#[test]
fn a_role_of_host_management_may_ask_for_the_instance() {
    let other = "i-0fedcba9876543210";
    for (pattern, verdicts) in [
        ("arn:aws:ec2:*:*:instance/*", [Verdict::Ready, Verdict::Ready]),
        ("arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0", [Verdict::Ready, Verdict::NotReady]),
    ] {
        let condition = json!({ "ArnLike": { "ssm:SourceInstanceARN": pattern } });
        let account = with_host(of_profile(Profile::None), Host::Good);
        let arn = account.iam(&format!("role/service-role/{HOST}"));
        let account = account.role(HOST, |role| {
            role.arn = Some(arn);
            role.trust = Fact::Known(text(&policy(&[trusting("ssm.amazonaws.com")])));
            add_inline(role, "default", &policy(&[under(allow(&CORE, "*"), condition.clone())]));
        });
        let account = account.with(|facts| {
            let mut subject = facts.subjects[0].clone();
            other.clone_into(&mut subject.target);
            if let crate::facts::SubjectKind::Instance(Fact::Known(instance)) = &mut subject.kind {
                other.clone_into(&mut instance.id);
            }
            facts.subjects.push(subject);
        });
        let report = diagnose(&account.facts, &Requirements::default(), now());
        let found: Vec<Verdict> = report.results.iter().map(|outcome| outcome.verdict).collect();
        assert_eq!(found, verdicts, "{pattern}");
    }
}

#[test]
fn what_is_not_known_of_the_roles_or_the_setting_leaves_the_verdict_open() {
    use Verdict::{NotReady, Ready, Unknown};
    let host = |fact: fn() -> Fact<Role>| {
        move |profile| {
            with_host(of_profile(profile), Host::Good)
                .with(|facts| drop(facts.roles.insert(key(Some(ACCOUNT), HOST), fact())))
        }
    };
    let absent = host(|| Fact::Absent);
    assert_eq!(telling(&absent(Profile::None)), (NotReady, vec![Code::NoInstanceProfile, Code::RoleMissing]));
    assert_eq!(telling(&absent(Profile::Full)), (Ready, vec![]));
    let unread = host(|| unreadable("iam:GetRole"));
    assert_eq!(telling(&unread(Profile::None)).0, Unknown);
    assert_eq!(telling(&unread(Profile::HeartbeatOnly)).0, NotReady);
    assert_eq!(telling(&unread(Profile::Full)).0, Ready);
    for host in HOSTS {
        let account = with_host(of_profile(Profile::Full), host)
            .with(|facts| drop(facts.profiles.insert(key(Some(ACCOUNT), "web"), unreadable("iam:GetInstanceProfile"))));
        assert_eq!(telling(&account).0, Unknown, "{host:?}");
    }
    // A snapshot of an older version holds no settings.
    for (profile, verdict) in PROFILES.into_iter().zip([Unknown, Unknown, NotReady, Ready]) {
        let account = of_profile(profile).with(|facts| facts.settings.clear());
        assert_eq!(telling(&account).0, verdict, "{profile:?}");
    }
}
