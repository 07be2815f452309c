//! Small accounts in all states, most of them near to what can be fixed.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use super::account::*;
use crate::facts::{
    Association, Fact, Facts, InlinePolicy, Instance, InstanceProfile, MetadataOptions, NamedDocument, PolicyLevel,
    PolicyText, Role, SubjectKind, key, kms_key,
};
use crate::fix::Options;
use crate::needs::{ContextEntry, NetworkCheck, RequiredAction, Requirements, S3Logs};

/// Facts and how to fix them.
#[derive(Debug, Clone)]
pub struct Case {
    pub facts: Facts,
    pub requirements: Requirements,
    pub options: Options,
}

const ROLES: [&str; 3] = ["web", "db", "new"];
const PROFILES: [&str; 4] = ["web", "db", "new", "gone"];

/// Statements as people write them. `PARTITION` and `REGION` stand for those of the account.
const STATEMENTS: [&str; 20] = [
    r#"{"Effect":"Allow","Action":["ssm:UpdateInstanceInformation","ssmmessages:*"],"Resource":"*"}"#,
    r#"{"Action":"ssmmessages:*","Resource":["*"],"Effect":"Allow","Sid":"Channels"}"#,
    r#"{"Effect":"Allow","Action":"ssmmessages:Create*","Resource":"*"}"#,
    r#"{"Effect":"Allow","Action":"SSM:updateinstanceinformation","Resource":"*"}"#,
    r#"{"Effect":"Allow","Action":"ssm:*","Resource":"arn:PARTITION:ec2:*:*:instance/i-0123456789abcdef0"}"#,
    r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#,
    r#"{ "Effect" : "Allow", "NotAction" : "iam:*", "Resource" : "*" }"#,
    // Known to hold, known not to hold, not known.
    r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"REGION"}}}"#,
    r#"{"Effect":"Allow","Action":["ssm:*","ssmmessages:*"],"Resource":"*","Condition":{"StringEquals":{"aws:SourceVpce":"vpce-1"}}}"#,
    r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"REGION","aws:SourceVpce":"vpce-1"}}}"#,
    // Not documented.
    r#"{"Effect":"Allow","Action":"ssmmessages:*","Resource":"arn:PARTITION:ssmmessages:*:*:*"}"#,
    r#"{"Effect":"Allow","Action":"logs:*","Resource":"arn:PARTITION:logs:REGION:111122223333:log-group:/ssm"}"#,
    r#"{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}"#,
    // What a reader that writes the document anew would lose.
    r#"{"Effect":"Deny","Effect":"Allow","Action":"sqs:*","Action":"sns:*","Resource":"\u002a"}"#,
    r#"{"Sid":1.50,"Effect":"Allow","Action":"sqs:*","Resource":"*","Odd":1E+2}"#,
    // Denies: of nothing that matters, of something, perhaps.
    r#"{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"*"}"#,
    r#"{"Effect":"Deny","NotAction":["ssm:*","ssmmessages:*","s3:*","logs:*","kms:*","ec2:*"],"Resource":"*"}"#,
    r#"{"Effect":"Deny","Action":"ssm:*","Resource":"*"}"#,
    r#"{"Effect":"Deny","Action":"ssm:*","Resource":"arn:PARTITION:ec2:*:*:instance/i-0123456789abcdef1"}"#,
    r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}}"#,
];

/// How many of the statements, from the first on, deny nothing and are understood in full.
const FRIENDLY: usize = 14;

const BROKEN: [&str; 6] = ["{broken", "[]", "", "{}", r#"{"Statement":7}"#, r#"{"Statement":[],"Statement":[]}"#];

/// Usually the first, often one that a plan can deal with, sometimes one that it cannot.
///
/// There is so much that a plan cannot deal with that with more of it nothing would be planned.
fn mostly<T: Clone + std::fmt::Debug + 'static>(usual: T, often: Vec<T>, seldom: Vec<T>) -> BoxedStrategy<T> {
    let often = if often.is_empty() { vec![usual.clone()] } else { often };
    let seldom = if seldom.is_empty() { often.clone() } else { seldom };
    prop_oneof![20 => Just(usual), 9 => select(often), 1 => select(seldom)].boxed()
}

fn statement() -> impl Strategy<Value = &'static str> {
    prop_oneof![24 => select(&STATEMENTS[..FRIENDLY]), 1 => select(&STATEMENTS[FRIENDLY..])]
}

fn document() -> BoxedStrategy<String> {
    let version =
        mostly(r#""Version":"2012-10-17","#, vec![r#""Version": "2008-10-17","#, ""], vec![r#""Version":"x","#]);
    let whole = (version, vec(statement(), 0..3), 0..3_u8).prop_map(|(version, statements, form)| match form {
        0 if statements.len() == 1 => format!("{{{version}\"Statement\":{}}}", statements[0]),
        1 => format!("{{\n  {version}\n  \"Statement\": [\n    {}\n  ]\n}}\n", statements.join(",\n    ")),
        _ => format!("{{{version}\"Statement\":[{}]}}", statements.join(",")),
    });
    let long = |length| move |()| policy(&[allow(&["a:b"], &"x".repeat(length))]);
    prop_oneof![
        50 => whole,
        1 => select(&BROKEN[..]).prop_map(str::to_owned),
        1 => Just(()).prop_map(long(9_700)),
        1 => Just(()).prop_map(long(10_100)),
    ]
    .boxed()
}

fn trust() -> BoxedStrategy<Fact<String>> {
    let ec2 = r#"{"Effect":"Allow","Principal":{"Service":"EC2"},"Action":"sts:AssumeRole"}"#;
    let one = |statement: &str| Fact::Known(format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#));
    mostly(
        one(ec2),
        vec![
            one(&ec2.replace("EC2", "ec2.amazonaws.com")),
            one(&ec2.replace("EC2", "lambda.amazonaws.com")),
            Fact::Known(format!(r#"{{"Statement" : {}}}"#, ec2.replace("EC2", "ssm.amazonaws.com"))),
            one(&ec2.replace(r#"{"Service":"EC2"}"#, r#""*""#)),
        ],
        vec![
            one(&format!("{ec2},{}", ec2.replace("Allow", "Deny"))),
            one(&ec2.replace("sts:AssumeRole\"", r#"sts:*","Condition":{"StringEquals":{"aws:SourceVpc":"v"}}"#)),
            Fact::Known("{broken".to_owned()),
            Fact::Absent,
            unreadable("iam:GetRole"),
        ],
    )
}

fn tags(name: &str) -> BoxedStrategy<BTreeMap<String, String>> {
    let tag = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    let others = vec![tag("managed-by", "terraform"), tag("aws:cloudformation:stack-name", "s")];
    let ours = tag("created-by", "ssm-profile");
    match name {
        "new" => mostly(ours, others, vec![BTreeMap::new()]),
        _ => mostly(BTreeMap::new(), vec![BTreeMap::new(), BTreeMap::new(), ours], others),
    }
}

fn role(partition: &'static str, name: &'static str) -> BoxedStrategy<Fact<Role>> {
    let account = Account::of(partition);
    let arn = move |path: &str| Some(account.iam(&format!("role{path}{name}")));
    let core = Account::of(partition).core();
    let named = move |policy: &str| Account::of(partition).iam(&format!("policy/{policy}"));
    let arn = mostly(
        arn("/"),
        vec![arn("/team/")],
        vec![arn("/aws-service-role/x.amazonaws.com/"), arn("/aws-reserved/sso.amazonaws.com/"), None],
    );
    let boundary = mostly(
        Fact::Absent,
        vec![Fact::Known(named("everything"))],
        vec![Fact::Known(named("storage")), Fact::Known(named("unread")), unreadable("iam:GetRole")],
    );
    let known_tags = prop_oneof![30 => tags(name).prop_map(Fact::Known), 1 => Just(unreadable("iam:ListRoleTags"))];
    let inline_document =
        prop_oneof![40 => document().prop_map(Fact::Known), 1 => Just(unreadable("iam:GetRolePolicy"))];
    let inline_name = select(&[POLICY_NAME, "sessionmanagerpermissions", "other"][..]);
    let inline = prop_oneof![
        30 => vec((inline_name, inline_document), 0..3).prop_map(Fact::Known),
        1 => Just(unreadable("iam:ListRolePolicies")),
    ];
    let attached = mostly(
        Fact::Known(vec![]),
        vec![
            Fact::Known(vec![core.clone()]),
            Fact::Known(vec![named("everything")]),
            Fact::Known(vec![named("storage")]),
            Fact::Known(vec![named("storage"), core]),
        ],
        vec![
            Fact::Known(vec![named("denying")]),
            Fact::Known(vec![named("unread")]),
            unreadable("iam:ListAttachedRolePolicies"),
        ],
    );
    let role = (arn, trust(), boundary, known_tags, inline, attached).prop_map(
        move |(arn, trust, boundary, tags, inline, attached)| {
            let here = |text: &str| here(partition, text);
            let mut policies: Vec<InlinePolicy> = Vec::new();
            for (name, document) in inline.known().into_iter().flatten() {
                if !policies.iter().any(|policy| policy.name.eq_ignore_ascii_case(name)) {
                    policies.push(InlinePolicy { name: (*name).to_owned(), document: map(document, &here) });
                }
            }
            let inline = match &inline {
                Fact::Known(_) => Fact::Known(policies),
                Fact::Absent => Fact::Absent,
                Fact::Unreadable(reason) => Fact::Unreadable(reason.clone()),
            };
            let id = Some(format!("AROA{}", name.to_uppercase()));
            Role {
                arn,
                id,
                name: name.to_owned(),
                trust: map(&trust, &here),
                boundary,
                tags,
                may_have_more_tags: false,
                inline,
                attached,
            }
        },
    );
    prop_oneof![30 => role.prop_map(Fact::Known), 1 => Just(Fact::Absent), 1 => Just(unreadable("iam:GetRole"))].boxed()
}

fn map(fact: &Fact<String>, change: &impl Fn(&str) -> PolicyText) -> Fact<PolicyText> {
    match fact {
        Fact::Known(text) => Fact::Known(change(text)),
        Fact::Absent => Fact::Absent,
        Fact::Unreadable(reason) => Fact::Unreadable(reason.clone()),
    }
}

fn here(partition: &'static str, text: &str) -> PolicyText {
    let region = Account::of(partition).region;
    PolicyText::new(&text.replace("PARTITION", partition).replace("REGION", region).replace("EC2", ec2(partition)))
}

fn profile(partition: &'static str, name: &'static str) -> BoxedStrategy<Fact<InstanceProfile>> {
    let role = prop_oneof![3 => Just(Some("web")), 1 => Just(Some("db")), 1 => Just(Some("new")), 2 => Just(None)];
    let profile = (role, weighted(0.95, tags(name))).prop_map(move |(role, tags)| InstanceProfile {
        arn: Account::of(partition).iam(&format!("instance-profile/{name}")),
        id: id_of(name),
        name: name.to_owned(),
        role: role.map(|role| key(Some(ACCOUNT), role)),
        tags,
    });
    let there = if name == "gone" { 4 } else { 40 };
    prop_oneof![
        there => profile.prop_map(Fact::Known),
        10 => Just(Fact::Absent),
        1 => Just(unreadable("iam:GetInstanceProfile")),
    ]
    .boxed()
}

fn instance(partition: &'static str, id: &'static str) -> BoxedStrategy<Fact<Box<Instance>>> {
    let state = mostly(
        "running",
        vec!["stopped", "stopped", "pending"],
        vec!["stopping", "shutting-down", "terminated", "odd"],
    );
    let held = (select(&PROFILES[..]), mostly(0_u8, vec![1], vec![2]));
    let association = mostly(
        Some("associated"),
        vec![None],
        vec![Some("associating"), Some("disassociating"), Some("disassociated"), Some("other"), Some("unreadable")],
    );
    let options = |endpoint: &str, state: &str| {
        let some = |text: &str| Some(text.to_owned());
        Some(MetadataOptions { http_endpoint: some(endpoint), http_tokens: some("required"), state: some(state) })
    };
    let metadata = mostly(
        options("enabled", "applied"),
        vec![None],
        vec![options("disabled", "applied"), options("enabled", "pending")],
    );
    let known = (state, weighted(0.8, held), association, metadata, any::<bool>()).prop_map(
        move |(state, held, association, metadata, in_group)| {
            let account = Account::of(partition).instance(id, |instance| {
                bare(instance);
                state.clone_into(&mut instance.state);
                instance.metadata = metadata.clone();
                if in_group {
                    instance.tags.insert("aws:autoscaling:groupName".to_owned(), "fleet".to_owned());
                }
                let arn = |name: &str| Account::of(partition).iam(&format!("instance-profile/{name}"));
                if let Some((name, known)) = held {
                    let id = [Some(id_of(name)), Some("AIPAOLD".to_owned()), None][usize::from(known)].clone();
                    holds(instance, &arn(name), id.as_deref());
                }
                let listed = |state: &str, profile: Option<String>| {
                    Fact::Known(Association {
                        id: format!("iip-assoc-{id}"),
                        state: state.to_owned(),
                        profile_arn: profile,
                    })
                };
                let profile_arn = instance.profile.as_ref().map(|profile| profile.arn.clone());
                instance.association = match association {
                    None => Fact::Absent,
                    Some("unreadable") => unreadable("ec2:DescribeIamInstanceProfileAssociations"),
                    Some("other") => listed("associated", Some(arn("other"))),
                    Some("associated") if profile_arn.is_none() => Fact::Absent,
                    Some(state) => listed(state, profile_arn),
                };
            });
            match account.facts.subjects.into_iter().next().map(|subject| subject.kind) {
                Some(SubjectKind::Instance(fact)) => fact,
                _ => unreachable!(),
            }
        },
    );
    prop_oneof![20 => known, 1 => Just(Fact::Absent), 1 => Just(unreadable("ec2:DescribeInstances"))].boxed()
}

fn scp_levels() -> BoxedStrategy<Option<Vec<PolicyLevel>>> {
    let level = |name: &str, document: String| PolicyLevel {
        name: name.to_owned(),
        policies: vec![NamedDocument { name: format!("{name}.json"), document: text(&document) }],
        unread: Vec::new(),
    };
    let full = level("Root", policy(&[allow(&["*"], "*")]));
    mostly(
        None,
        vec![
            Some(vec![full.clone()]),
            Some(vec![full.clone(), level("account", policy(&[allow(&["ssm*:*", "s3:*", "logs:*"], "*")]))]),
            Some(vec![full.clone(), level("account", policy(&[allow(&["*"], "*"), deny(&["s3:*"], "*")]))]),
        ],
        vec![Some(vec![full, level("account", "{broken".to_owned())])],
    )
}

fn requirements(partition: &'static str) -> BoxedStrategy<Requirements> {
    let region = Account::of(partition).region;
    let key = format!("arn:{partition}:kms:{region}:{ACCOUNT}:key/k");
    let kms = mostly(
        None,
        vec![Some(key), Some("alias/known".to_owned()), Some("k".to_owned())],
        vec![Some("alias/other".to_owned())],
    );
    let s3 = |prefix: &str| Some(S3Logs { bucket: "logs".to_owned(), prefix: prefix.to_owned() });
    let s3_logs = mostly(None, vec![s3(""), s3("ssm")], Vec::new());
    let cloudwatch_logs = mostly(None, vec![Some("/ssm".to_owned())], Vec::new());
    let required = |action: &str, resource: Option<&str>| RequiredAction {
        action: action.to_owned(),
        resource: resource.map(|resource| resource.replace("PARTITION", partition)),
    };
    let action = mostly(
        required("s3:GetObject", Some("arn:PARTITION:s3:::tools/*")),
        vec![
            required("s3:GetEncryptionConfiguration", None),
            required("ec2:DescribeTags", None),
            required("SSMMessages:openDataChannel", None),
            required("ssm:UpdateInstanceInformation", Some("*")),
        ],
        vec![required("s3:GetObject", Some("arn:PARTITION:s3:::a?b"))],
    );
    let context = |values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        vec![ContextEntry { action: None, key: "aws:SourceVpce".to_owned(), values }]
    };
    let context = mostly(vec![], vec![context(&["vpce-1"]), context(&["vpce-2"]), context(&[])], Vec::new());
    let actions = prop_oneof![2 => Just(Vec::new()), 1 => vec(action, 1..4)];
    (kms, s3_logs, cloudwatch_logs, actions, context)
        .prop_map(|(kms_key, s3_logs, cloudwatch_logs, actions, context)| Requirements {
            kms_key,
            s3_logs,
            cloudwatch_logs,
            actions,
            context,
            network: NetworkCheck::Off,
        })
        .boxed()
}

fn how() -> impl Strategy<Value = Options> {
    let names = mostly(Some("new"), vec![None, Some("gone")], vec![Some("web")]);
    (any::<[bool; 2]>(), names, any::<bool>()).prop_map(
        |([attach_managed, least], create_profile, force_managed_elsewhere)| Options {
            policy_name: POLICY_NAME.to_owned(),
            attach_managed,
            least,
            create_profile: create_profile.map(str::to_owned),
            force_managed_elsewhere,
        },
    )
}

/// Up to `most` subjects over the same roles and profiles.
pub fn case(most: usize) -> BoxedStrategy<Case> {
    prop_oneof![2 => case_in("aws", most), 1 => case_in("aws-cn", most), 1 => case_in("aws-us-gov", most)].boxed()
}

fn case_in(partition: &'static str, most: usize) -> BoxedStrategy<Case> {
    // Usually what a plan wants to create is not there yet.
    let is_there = |name: &str| if name == "new" { 0.3 } else { 0.95 };
    let roles = ROLES.map(|name| weighted(is_there(name), role(partition, name)));
    let profiles = PROFILES.map(|name| weighted(is_there(name), profile(partition, name)));
    let kind = prop_oneof![
        6 => instance(partition, INSTANCE).prop_map(SubjectKind::Instance),
        4 => instance(partition, OTHER_INSTANCE).prop_map(SubjectKind::Instance),
        3 => instance(partition, "i-0123456789abcdef2").prop_map(SubjectKind::Instance),
        1 => select(&PROFILES[..]).prop_map(|name| SubjectKind::Profile(key(Some(ACCOUNT), name))),
        1 => select(&ROLES[..]).prop_map(|name| SubjectKind::Role(key(Some(ACCOUNT), name))),
    ];
    let subjects = vec((kind, any::<bool>(), any::<bool>()), 1..=most);
    let core = mostly(0_u8, vec![1], vec![2]);
    (roles, profiles, subjects, scp_levels(), requirements(partition), how(), core)
        .prop_map(move |(roles, profiles, subjects, scp_levels, requirements, options, core)| {
            let mut account = Account::of(partition)
                .managed("everything", &policy(&[allow(&["*"], "*")]))
                .managed("storage", &policy(&[allow(&["s3:*", "kms:*"], "*")]))
                .managed("denying", &policy(&[deny(&["ssmmessages:*"], "*")]));
            let core_arn = account.core();
            match core {
                0 => {}
                1 => drop(account.facts.policies.remove(&core_arn)),
                _ => drop(account.facts.policies.insert(core_arn, unreadable("iam:GetPolicy"))),
            }
            let region = account.region;
            let there = |name: &str| key(Some(ACCOUNT), name);
            let known = |(name, fact): (&str, Option<Fact<Role>>)| Some((there(name), fact?));
            account.facts.roles = ROLES.into_iter().zip(roles).filter_map(known).collect();
            let known = |(name, fact): (&str, Option<Fact<InstanceProfile>>)| Some((there(name), fact?));
            account.facts.profiles = PROFILES.into_iter().zip(profiles).filter_map(known).collect();
            account.facts.scp_levels = scp_levels;
            let of_alias = bare_key(&format!("arn:{partition}:kms:{region}:{ACCOUNT}:key/of-alias"));
            account.facts.kms_keys.insert(kms_key(Some(region), "alias/known"), Fact::Known(of_alias));
            let mut met: Vec<String> = Vec::new();
            for (index, (kind, elsewhere, from_selection)) in subjects.into_iter().enumerate() {
                let id = match &kind {
                    SubjectKind::Instance(Fact::Known(instance)) => instance.id.clone(),
                    _ => format!("target-{index}"),
                };
                // An instance is met once, and each in one Region.
                if met.contains(&id) {
                    continue;
                }
                account = account.subject(&id, kind);
                let subject = account.facts.subjects.last_mut().unwrap();
                subject.from_selection = from_selection;
                let second = [("aws", "eu-west-1"), ("aws-cn", "cn-northwest-1"), ("aws-us-gov", "us-gov-east-1")];
                if elsewhere && let Some((_, region)) = second.iter().find(|(name, _)| *name == partition) {
                    subject.region = Some((*region).to_owned());
                }
                met.push(id);
            }
            Case { facts: account.facts, requirements, options }
        })
        .boxed()
}
