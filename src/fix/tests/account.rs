//! A small account as facts, built in one expression, and a plan in few words.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::diagnose::diagnose;
use crate::facts::{
    Association, AttachedProfile, Fact, Facts, InlinePolicy, Instance, InstanceProfile, KmsKey, ManagedPolicy,
    MetadataOptions, PolicyText, Role, Settings, Subject, SubjectKind, Unreadable, UnreadableKind, key,
};
use crate::fix::{Change, Options, Plan, Reason, State, Thing};
use crate::needs::Requirements;
use crate::preferences::DEFAULT_NAME;

pub const ACCOUNT: &str = "111122223333";
pub const INSTANCE: &str = "i-0123456789abcdef0";
pub const OTHER_INSTANCE: &str = "i-0123456789abcdef1";
pub const POLICY_NAME: &str = "SessionManagerPermissions";

/// The actions that a role needs for any session, and that `AmazonSSMManagedInstanceCore` grants.
pub const CORE: [&str; 5] = [
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "ssm:UpdateInstanceInformation",
];

pub fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

pub fn options() -> Options {
    Options {
        policy_name: POLICY_NAME.to_owned(),
        attach_managed: false,
        least: false,
        create_profile: None,
        force_managed_elsewhere: false,
    }
}

pub fn creating(name: &str) -> Options {
    Options { create_profile: Some(name.to_owned()), ..options() }
}

pub fn attaching() -> Options {
    Options { attach_managed: true, ..options() }
}

/// The facts of one account in one partition.
#[derive(Debug, Clone)]
pub struct Account {
    pub partition: &'static str,
    pub region: &'static str,
    pub facts: Facts,
}

impl Account {
    /// An account with nothing but the policy that AWS has everywhere.
    pub fn of(partition: &'static str) -> Account {
        let region = match partition {
            "aws-cn" => "cn-north-1",
            "aws-us-gov" => "us-gov-west-1",
            _ => "us-east-1",
        };
        let mut account = Account { partition, region, facts: Facts::new(now()) };
        let second = [("aws", "eu-west-1"), ("aws-cn", "cn-northwest-1"), ("aws-us-gov", "us-gov-east-1")];
        let regions = second.iter().filter(|(name, _)| *name == partition).map(|(_, region)| *region).chain([region]);
        account.facts.settings = regions.map(|region| (region.to_owned(), plain_settings())).collect();
        account.facts.organization = Fact::Absent;
        let core =
            ManagedPolicy { version: "v2".to_owned(), document: text(&policy(&[allow(&CORE, "*")])), shipped: None };
        account.facts.policies.insert(account.core(), Fact::Known(core));
        account
    }

    pub fn new() -> Account {
        Account::of("aws")
    }

    /// A running instance with profile `web` and role `web`, which EC2 may assume and which is allowed nothing.
    pub fn web() -> Account {
        Account::new().role("web", |_| {}).profile("web", |_| {}).instance(INSTANCE, |_| {})
    }

    /// The same with another role.
    pub fn with_role(change: impl FnOnce(&mut Role)) -> Account {
        Account::new().role("web", change).profile("web", |_| {}).instance(INSTANCE, |_| {})
    }

    /// The same with another instance; the role is ready.
    pub fn with_instance(change: impl FnOnce(&mut Instance)) -> Account {
        Account::new().role("web", ready).profile("web", |_| {}).instance(INSTANCE, change)
    }

    pub fn iam(&self, resource: &str) -> String {
        format!("arn:{}:iam::{ACCOUNT}:{resource}", self.partition)
    }

    /// The ARN of `AmazonSSMManagedInstanceCore` here.
    pub fn core(&self) -> String {
        format!("arn:{}:iam::aws:policy/AmazonSSMManagedInstanceCore", self.partition)
    }

    /// A role that trusts EC2 of the partition and has nothing.
    pub fn role(mut self, name: &str, change: impl FnOnce(&mut Role)) -> Account {
        let mut role = Role {
            arn: Some(self.iam(&format!("role/{name}"))),
            id: Some(format!("AROA{}", name.to_uppercase())),
            name: name.to_owned(),
            trust: Fact::Known(text(&policy(&[trusting(ec2(self.partition))]))),
            boundary: Fact::Absent,
            tags: Fact::Known(BTreeMap::new()),
            may_have_more_tags: false,
            inline: Fact::Known(Vec::new()),
            attached: Fact::Known(Vec::new()),
        };
        change(&mut role);
        self.facts.roles.insert(key(Some(ACCOUNT), name), Fact::Known(role));
        self
    }

    /// A profile with the role of its name.
    pub fn profile(mut self, name: &str, change: impl FnOnce(&mut InstanceProfile)) -> Account {
        let mut profile = InstanceProfile {
            arn: self.iam(&format!("instance-profile/{name}")),
            id: id_of(name),
            name: name.to_owned(),
            role: Some(key(Some(ACCOUNT), name)),
            tags: Some(BTreeMap::new()),
        };
        change(&mut profile);
        self.facts.profiles.insert(key(Some(ACCOUNT), name), Fact::Known(profile));
        self
    }

    /// A running instance with profile `web`, as a target.
    pub fn instance(self, id: &str, change: impl FnOnce(&mut Instance)) -> Account {
        let mut instance = Instance {
            id: id.to_owned(),
            name: None,
            state: "running".to_owned(),
            profile: None,
            association: Fact::Absent,
            metadata: Some(MetadataOptions {
                http_endpoint: Some("enabled".to_owned()),
                http_tokens: Some("required".to_owned()),
                state: Some("applied".to_owned()),
            }),
            vpc: Some("vpc-1".to_owned()),
            private_ip: Some("10.0.0.1".to_owned()),
            agent: Fact::Absent,
            interface: None,
            agent_started: Fact::Absent,
            tags: BTreeMap::new(),
        };
        holds(&mut instance, &self.iam("instance-profile/web"), Some(&id_of("web")));
        change(&mut instance);
        self.subject(id, SubjectKind::Instance(Fact::Known(Box::new(instance))))
    }

    pub fn subject(mut self, target: &str, kind: SubjectKind) -> Account {
        self.facts.subjects.push(Subject {
            target: target.to_owned(),
            account: Some(ACCOUNT.to_owned()),
            region: Some(self.region.to_owned()),
            partition: Some(self.partition.to_owned()),
            from_selection: false,
            origin: None,
            kind,
        });
        self
    }

    /// Changes the facts where no other method does.
    pub fn with(mut self, change: impl FnOnce(&mut Facts)) -> Account {
        change(&mut self.facts);
        self
    }

    /// A managed policy with that name and document; its ARN goes into `attached` or `boundary`.
    pub fn managed(mut self, name: &str, document: &str) -> Account {
        let policy = ManagedPolicy { version: "v1".to_owned(), document: text(document), shipped: None };
        self.facts.policies.insert(self.iam(&format!("policy/{name}")), Fact::Known(policy));
        self
    }

    pub fn plan(&self, requirements: &Requirements, options: &Options) -> Plan {
        plan(&self.facts, requirements, options, now())
    }

    /// The plan for the core alone.
    pub fn core_plan(&self) -> Plan {
        self.plan(&Requirements::default(), &options())
    }
}

/// A key of which nothing but its ARN is known.
pub fn bare_key(arn: &str) -> KmsKey {
    serde_json::from_value(json!({ "arn": arn })).unwrap()
}

/// What a fix plans for these facts.
pub fn plan(facts: &Facts, requirements: &Requirements, options: &Options, now: Timestamp) -> Plan {
    crate::fix::plan(&diagnose(facts, requirements, now), facts, requirements, options, now)
}

/// Host management is off, and there are no session preferences.
pub fn plain_settings() -> Settings {
    Settings {
        host_management: Fact::Absent,
        preferences_name: Some(DEFAULT_NAME.to_owned()),
        preferences: Fact::Absent,
    }
}

/// The id that the profile of that name has.
pub fn id_of(profile: &str) -> String {
    format!("AIPA{}", profile.to_uppercase())
}

/// Gives an instance a profile.
pub fn holds(instance: &mut Instance, profile: &str, id: Option<&str>) {
    instance.profile = Some(AttachedProfile { arn: profile.to_owned(), id: id.map(str::to_owned) });
    instance.association = Fact::Known(Association {
        id: format!("iip-assoc-{}", instance.id),
        state: "associated".to_owned(),
        profile_arn: Some(profile.to_owned()),
    });
}

/// Takes an instance's profile away.
pub fn bare(instance: &mut Instance) {
    instance.profile = None;
    instance.association = Fact::Absent;
}

/// Lets the instance hold a profile of that name that was deleted since.
pub fn stale(instance: &mut Instance) {
    if let Some(profile) = &mut instance.profile {
        profile.id = Some("AIPAOLD".to_owned());
    }
}

/// Sets the state of the instance's association.
pub fn association(instance: &mut Instance, state: &str) {
    if let Fact::Known(association) = &mut instance.association {
        state.clone_into(&mut association.state);
    }
}

/// Allows a role all that a session needs.
pub fn ready(role: &mut Role) {
    add_inline(role, "ready", &policy(&[allow(&CORE, "*")]));
}

/// Adds an inline policy.
pub fn add_inline(role: &mut Role, name: &str, document: &str) {
    if let Fact::Known(inline) = &mut role.inline {
        inline.push(InlinePolicy { name: name.to_owned(), document: Fact::Known(text(document)) });
    }
}

/// Sets a tag of a role.
pub fn tag(role: &mut Role, key: &str, value: &str) {
    if let Fact::Known(tags) = &mut role.tags {
        tags.insert(key.to_owned(), value.to_owned());
    }
}

pub fn unreadable<T>(api: &str) -> Fact<T> {
    Fact::Unreadable(Unreadable {
        api: api.to_owned(),
        kind: UnreadableKind::Denied,
        message: "not authorized".to_owned(),
    })
}

pub fn text(document: &str) -> PolicyText {
    PolicyText::new(document)
}

pub fn policy(statements: &[Json]) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

pub fn allow(actions: &[&str], resource: &str) -> Json {
    json!({ "Effect": "Allow", "Action": actions, "Resource": resource })
}

pub fn deny(actions: &[&str], resource: &str) -> Json {
    json!({ "Effect": "Deny", "Action": actions, "Resource": resource })
}

pub fn trusting(service: &str) -> Json {
    json!({ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" })
}

/// The service principal of EC2. China has names of its own.
pub fn ec2(partition: &str) -> &'static str {
    if partition == "aws-cn" { "ec2.amazonaws.com.cn" } else { "ec2.amazonaws.com" }
}

/// A document as JSON.
pub fn parsed(document: &PolicyText) -> Json {
    serde_json::from_str(document.as_str()).unwrap()
}

/// The statements of a document.
pub fn statements(document: &PolicyText) -> Vec<Json> {
    match parsed(document)["Statement"].take() {
        Json::Array(list) => list,
        single => vec![single],
    }
}

/// A change in few words: the call and what it is about.
pub fn in_words(change: &Change) -> String {
    let name = change.action().name();
    let profile_of = |state: &State| match state {
        State::Has { profile, .. } => profile.resource.clone(),
        _ => "nothing".to_owned(),
    };
    match change.thing() {
        Thing::Role(arn) | Thing::TrustPolicy(arn) | Thing::InstanceProfile(arn) => format!("{name} {}", arn.resource),
        Thing::InlinePolicy { role, name: policy } => format!("{name} {} {policy}", role.resource),
        Thing::AttachedPolicy { role, policy } => format!("{name} {} {policy}", role.resource),
        Thing::RoleOfProfile(arn) => match (change.before(), change.after()) {
            (State::Holds(role), _) | (_, State::Holds(role)) => format!("{name} {} {}", arn.resource, role.resource),
            _ => format!("{name} {}", arn.resource),
        },
        Thing::ProfileOfInstance { instance, .. } => {
            format!("{name} {instance} {} -> {}", profile_of(change.before()), profile_of(change.after()))
        }
    }
}

/// The changes of a plan in few words.
pub fn calls(plan: &Plan) -> Vec<String> {
    plan.changes.iter().map(in_words).collect()
}

/// Why nothing is changed, each reason once.
pub fn reasons(plan: &Plan) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = plan.refusals.iter().map(|refusal| refusal.reason()).collect();
    reasons.sort();
    reasons.dedup();
    reasons
}

/// The document that a change writes.
pub fn written(change: &Change) -> &PolicyText {
    match change.after() {
        State::Document(document) | State::Role { trust: document, .. } => document,
        other => panic!("no document: {other:?}"),
    }
}

/// The statements of the one policy that a plan writes.
pub fn granted(plan: &Plan) -> Vec<Json> {
    let policies: Vec<&Change> =
        plan.changes.iter().filter(|change| matches!(change.thing(), Thing::InlinePolicy { .. })).collect();
    match policies.as_slice() {
        [] => Vec::new(),
        [change] => statements(written(change)),
        more => panic!("several policies: {more:?}"),
    }
}
