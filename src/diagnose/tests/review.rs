//! Cases in which the account's settings once misled the verdict.

use super::*;
use crate::facts::{
    Agent, Instance, KmsKey, MetadataOptions, NamedDocument, Organization, PolicyLevel, PolicyText, Unreadable,
    UnreadableKind, key, kms_key,
};
use crate::needs::RequiredAction;
use crate::render::words::{self, Said as _};

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ALIAS: &str = "alias/sessions";

fn root_decides() -> Json {
    let root = json!({ "AWS": "arn:aws:iam::111122223333:root" });
    json!({ "Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*" })
}

fn key_in(state: &str, policy_of_key: Fact<PolicyText>) -> Fact<KmsKey> {
    Fact::Known(KmsKey { arn: KEY.to_owned(), state: Some(state.to_owned()), policy: policy_of_key })
}

/// A role with these actions in an account whose preferences name a key so.
fn preferring(named: &str, fact: Fact<KmsKey>, actions: &'static [&'static str]) -> Account {
    let document = json!({ "sessionType": "Standard_Stream", "inputs": { "kmsKeyId": named } }).to_string();
    with_settings(Account::with_role(ready_and(actions)), |settings| {
        settings.preferences = Fact::Known(text(&document));
    })
    .with(|facts| drop(facts.kms_keys.insert(kms_key(Some("us-east-1"), named), fact)))
}

fn judge_for(account: &Account, requirements: &Requirements) -> Outcome {
    diagnose(&account.facts, requirements, now()).results.remove(0)
}

fn requiring_decrypt() -> Requirements {
    let action = RequiredAction { action: "kms:Decrypt".to_owned(), resource: Some(KEY.to_owned()) };
    Requirements { actions: vec![action], ..Requirements::default() }
}

fn with_key() -> Requirements {
    Requirements { kms_key: Some(KEY.to_owned()), ..Requirements::default() }
}

#[test]
fn whatever_else_names_the_key_it_is_judged() {
    let disabled = || key_in("Disabled", Fact::Known(text(&policy(&[root_decides()]))));
    for requirements in [Requirements::default(), requiring_decrypt(), with_key()] {
        for named in [KEY, ALIAS] {
            let account = preferring(named, disabled(), &["kms:Decrypt"]);
            let outcome = judge_for(&account, &requirements);
            assert_eq!(outcome.verdict, Verdict::NotReady, "{named} {requirements:?}");
            assert!(found(&outcome, Code::KmsKeyPolicy).is_some());
        }
        let gone = preferring(KEY, Fact::Absent, &["kms:Decrypt"]);
        assert_eq!(judge_for(&gone, &requirements).verdict, Verdict::NotReady, "{requirements:?}");
    }
}

#[test]
fn a_state_that_keeps_no_one_out_and_one_that_nobody_knows() {
    for (state, verdict) in [
        ("Enabled", Verdict::Ready),
        ("Updating", Verdict::Ready),
        ("Disabled", Verdict::NotReady),
        ("Resting", Verdict::Unknown),
    ] {
        let account = preferring(KEY, key_in(state, Fact::Known(text(&policy(&[root_decides()])))), &["kms:Decrypt"]);
        assert_eq!(judge(&account).verdict, verdict, "{state}");
    }
}

#[test]
fn a_key_policy_that_was_not_read_may_allow_what_the_role_does_not() {
    for fact in [key_in("Enabled", unreadable("kms:GetKeyPolicy")), unreadable("kms:DescribeKey")] {
        let account = preferring(KEY, fact, &[]);
        let outcome = judge(&account);
        assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Unknown, [].into()));
        assert!(found(&outcome, Code::MissingPermission).unwrap().message().contains("kms:"));
        // What is granted to the role helps in any case.
        assert_eq!(calls(&account.core_plan()).len(), 1);
    }
    // What a key policy grants to the session's ARN passes a boundary that does not allow it; an SCP stays closed.
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    let account = preferring(KEY, key_in("Enabled", unreadable("kms:GetKeyPolicy")), &[]);
    let arn = account.iam("policy/limit");
    let account = account.managed("limit", &policy(&[allow(&CORE, "*")])).with(|facts| {
        for role in facts.roles.values_mut() {
            if let Fact::Known(role) = role {
                role.boundary = Fact::Known(arn.clone());
            }
        }
    });
    let outcome = judge(&account);
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Unknown, [].into()));
    let decrypt = outcome.permissions.iter().find(|permission| permission.action == "kms:Decrypt").unwrap();
    assert_eq!(decrypt.decision, crate::report::Decision::Unknown);
    let account = account.with(|facts| {
        let document = NamedDocument { name: "scp".to_owned(), document: text(&policy(&[allow(&CORE, "*")])) };
        facts.scp_levels =
            Some(vec![PolicyLevel { name: "Root".to_owned(), policies: vec![document], unread: Vec::new() }]);
    });
    assert_eq!(judge(&account).verdict, Verdict::NotReady);
}

#[test]
fn a_key_of_another_partition_never_works() {
    let foreign = "arn:aws-cn:kms:us-east-1:111122223333:key/k";
    assert_eq!(judge(&preferring(foreign, unreadable("kms:DescribeKey"), &["kms:Decrypt"])).verdict, Verdict::NotReady);
}

const HOST: &str = "HostManagement";

/// An agent that is not connected, and its version.
fn agent(version: Option<&str>) -> Fact<Agent> {
    Fact::Known(Agent {
        ping: Some("ConnectionLost".to_owned()),
        version: version.map(str::to_owned),
        last_ping: None,
        platform: None,
    })
}

/// An instance beside Default Host Management Configuration with a role that lets its agent in.
fn managed(setting: &str, change: impl FnOnce(&mut Instance)) -> Account {
    let account = Account::new()
        .role("web", |role| add_inline(role, "some", &policy(&[allow(&["ssm:UpdateInstanceInformation"], "*")])))
        .profile("web", |_| {})
        .instance(INSTANCE, |instance| {
            instance.agent = agent(Some("3.3.0.0"));
            change(instance);
        })
        .role(HOST, |role| {
            role.arn = Some(format!("arn:aws:iam::111122223333:role/service-role/{HOST}"));
            role.trust = Fact::Known(text(&policy(&[trusting("ssm.amazonaws.com")])));
            ready(role);
        });
    with_settings(account, |settings| settings.host_management = Fact::Known(setting.to_owned()))
}

#[test]
fn while_an_association_changes_the_agent_may_still_hold_credentials() {
    for state in ["associating", "disassociating", "resting"] {
        let outcome = judge(&managed("service-role/HostManagement", |instance| association(instance, state)));
        assert_eq!(outcome.verdict, Verdict::Unknown, "{state}");
        assert!(found(&outcome, Code::AssociationPending).is_some(), "{state}");
    }
    let outcome = judge(&managed("service-role/HostManagement", |instance| instance.profile = None));
    assert_eq!(outcome.verdict, Verdict::Unknown, "associated, and no profile is shown");
}

#[test]
fn a_setting_that_names_another_path_names_another_role() {
    for (setting, verdict) in [
        ("service-role/HostManagement", Verdict::Ready),
        ("HostManagement", Verdict::Ready),
        ("other/HostManagement", Verdict::Unknown),
    ] {
        assert_eq!(judge(&managed(setting, bare)).verdict, verdict, "{setting}");
    }
}

#[test]
fn without_instance_metadata_nobody_is_let_in() {
    let outcome = judge(&managed("service-role/HostManagement", |instance| {
        bare(instance);
        instance.metadata.as_mut().unwrap().http_endpoint = Some("disabled".to_owned());
    }));
    assert_eq!((outcome.verdict, found(&outcome, Code::ManagedByDhmc)), (Verdict::NotReady, None));
}

#[test]
fn the_fallback_is_off_only_where_channels_are_missing_and_the_remedy_is_one() {
    let outcome = judge(&managed("service-role/HostManagement", |_| {}));
    assert!(found(&outcome, Code::DhmcFallbackOff).unwrap().remedy().contains("manages the instance"));
    // A role that would not let it in is no way out.
    let broken = managed("service-role/HostManagement", |_| {})
        .with(|facts| drop(facts.roles.insert(key(Some("111122223333"), HOST), Fact::Absent)));
    assert!(found(&judge(&broken), Code::DhmcFallbackOff).unwrap().remedy().contains("is not enough"));
    // With an agent that may be too old for it nobody knows.
    let open = managed("service-role/HostManagement", |instance| instance.agent = agent(None));
    assert!(found(&judge(&open), Code::DhmcFallbackOff).unwrap().remedy().contains("cannot be determined"));
    // All channels, and only the key is denied.
    let document = json!({ "sessionType": "Standard_Stream", "inputs": { "kmsKeyId": KEY } }).to_string();
    let account = with_settings(managed("service-role/HostManagement", |_| {}), |settings| {
        settings.preferences = Fact::Known(text(&document));
    });
    let account = account.with(|facts| {
        if let Some(Fact::Known(role)) = facts.roles.get_mut(&key(Some("111122223333"), "web")) {
            ready(role);
        }
        let readable = key_in("Enabled", Fact::Known(text(&policy(&[root_decides()]))));
        facts.kms_keys.insert(kms_key(Some("us-east-1"), KEY), readable);
    });
    let outcome = judge(&account);
    assert_eq!((outcome.verdict, found(&outcome, Code::DhmcFallbackOff)), (Verdict::NotReady, None));
}

fn level(name: &str, documents: &[String], unread: bool) -> PolicyLevel {
    let reason = Unreadable {
        api: "organizations:DescribePolicy".to_owned(),
        kind: UnreadableKind::Throttled,
        message: "no".to_owned(),
    };
    PolicyLevel {
        name: name.to_owned(),
        policies: documents
            .iter()
            .map(|document| NamedDocument { name: "p".to_owned(), document: text(document) })
            .collect(),
        unread: unread.then_some(reason).into_iter().collect(),
    }
}

#[test]
fn a_policy_of_the_organization_that_was_read_counts_beside_one_that_was_not() {
    let everything = policy(&[allow(&["*"], "*")]);
    let denying = policy(&[deny(&["ssmmessages:*"], "*")]);
    for (documents, unread, verdict) in [
        (vec![everything.clone()], false, Verdict::Ready),
        (vec![everything.clone()], true, Verdict::Unknown),
        (vec![denying.clone()], true, Verdict::NotReady),
        (vec![], true, Verdict::Unknown),
    ] {
        let levels = vec![level("r-1", &documents, unread)];
        let account = Account::with_role(ready).with(|facts| facts.scp_levels = Some(levels));
        let outcome = judge(&account);
        assert_eq!(outcome.verdict, verdict, "{documents:?} {unread}");
    }
}

#[test]
fn no_policy_of_the_organization_touches_its_management_account() {
    let levels = vec![level("r-1", &[policy(&[deny(&["ssmmessages:*"], "*")])], false)];
    for (management, verdict) in [("111122223333", Verdict::Ready), ("444455556666", Verdict::NotReady)] {
        let account = Account::with_role(ready).with(|facts| {
            facts.scp_levels = Some(levels.clone());
            facts.organization = Fact::Known(Organization {
                id: "o-1".to_owned(),
                management_account: Some(management.to_owned()),
                path: None,
                policies_unread: None,
                rcps_unread: None,
            });
        });
        assert_eq!(judge(&account).verdict, verdict, "{management}");
    }
}

#[test]
fn preferences_that_were_named_and_not_read_leave_the_verdict_open() {
    for (name, verdict) in [("SSM-SessionManagerRunShell", Verdict::Ready), ("Mine", Verdict::Unknown)] {
        let account = with_settings(Account::with_role(ready), |settings| {
            settings.preferences_name = Some(name.to_owned());
            settings.preferences = unreadable("ssm:GetDocument");
        });
        assert_eq!(judge(&account).verdict, verdict, "{name}");
    }
}

#[test]
fn other_preferences_than_those_of_a_snapshot_are_not_among_its_facts() {
    let account = preferring(KEY, key_in("Disabled", Fact::Absent), &["kms:Decrypt"]);
    for (name, verdict) in [(None, Verdict::Ready), (Some("Mine"), Verdict::Unknown)] {
        let other = account.clone().with(|facts| crate::sources::snapshot::prefer(facts, name));
        assert_eq!(judge(&other).verdict, verdict, "{name:?}");
    }
    assert_eq!(judge(&account).verdict, Verdict::NotReady);
}

fn switched_off() -> MetadataOptions {
    let word = |word: &str| Some(word.to_owned());
    MetadataOptions { http_endpoint: word("disabled"), http_tokens: word("required"), state: word("applied") }
}

/// Whoever pastes a command has the default Region of another day.
#[test]
fn commands_about_an_instance_name_its_region() {
    let of = |change: fn(&mut Instance), code: Code| {
        let outcome = judge(&Account::with_instance(change));
        words::finding(found(&outcome, code).unwrap(), &words::Place::of(&outcome)).remedy
    };
    let named = format!("{INSTANCE} --region us-east-1");
    for (remedy, commands) in [
        (
            of(|instance| (instance.profile, instance.association) = (None, Fact::Absent), Code::NoInstanceProfile),
            ["fix ", "--instance-id "].as_slice(),
        ),
        (of(|instance| instance.state = "stopped".to_owned(), Code::InstanceNotRunning), &["--instance-ids "]),
        (of(|instance| instance.metadata = Some(switched_off()), Code::MetadataDisabled), &["--instance-id "]),
    ] {
        for command in commands {
            assert!(remedy.contains(&format!("{command}{named}")), "{remedy}");
        }
    }
}
