//! What must hold of the plan for every account.

use crate::render::words::Said as _;
use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::account::{add_inline, now, plan, policy, statements, written};
use super::applier::{comparable, make, state_of, without_new_ids};
use super::generators::{Case, case};
use crate::diagnose::{answers, diagnose};
use crate::facts::{Fact, Facts, PolicyText, SubjectKind, key};
use crate::fix::{Change, Plan, State, Thing, Warning, foresee};
use crate::needs::{self, Place};
use crate::report::{Report, Verdict};
use iam_eval::arn::Arn;
use iam_eval::{
    Context, Decision, Document, DocumentKind, Policy, PolicyKind, PolicySet, PolicySetKind, Request, Resource, Text,
    evaluate,
};

fn config() -> ProptestConfig {
    // The expected answers are in the properties; a file of cases that once failed would only be noise.
    ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() }
}

fn planned(case: &Case) -> Plan {
    plan(&case.facts, &case.requirements, &case.options, now())
}

fn judged(case: &Case, facts: &Facts) -> Report {
    diagnose(facts, &case.requirements, now())
}

/// The facts after the changes, and the changes with the ids that AWS gave.
fn made(case: &Case, changes: &[Change]) -> (Facts, Vec<Change>) {
    let mut facts = case.facts.clone();
    let changes = changes.iter().map(|change| make(&mut facts, change)).collect();
    (facts, changes)
}

/// The targets that a report does not find ready.
fn not_ready(report: &Report) -> BTreeSet<String> {
    let open = report.results.iter().filter(|outcome| !matches!(outcome.verdict, Verdict::Ready | Verdict::Skipped));
    open.map(|outcome| outcome.target.clone()).collect()
}

fn refused(plan: &Plan) -> BTreeSet<String> {
    plan.refusals.iter().map(|refusal| refusal.target.clone()).collect()
}

/// The statements of a document as they are written; none if it is no document.
fn raw_statements(text: &PolicyText) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Whole<'a> {
        #[serde(borrow, rename = "Statement")]
        statement: &'a RawValue,
    }
    let Ok(whole) = serde_json::from_str::<Whole<'_>>(text.as_str()) else { return Vec::new() };
    let list = serde_json::from_str::<Vec<&RawValue>>(whole.statement.get());
    list.unwrap_or_else(|_| vec![whole.statement]).into_iter().map(|raw| raw.get().to_owned()).collect()
}

/// The statements that a change adds.
fn added(change: &Change) -> Vec<Json> {
    let before = match change.before() {
        State::Document(before) => raw_statements(before).len(),
        _ => 0,
    };
    statements(written(change)).split_off(before)
}

fn inline_changes(changes: &[Change]) -> impl Iterator<Item = &Change> {
    changes.iter().filter(|change| matches!(change.thing(), Thing::InlinePolicy { .. }))
}

/// The key of the role that a subject's credentials are of.
fn role_of(facts: &Facts, index: usize) -> Option<String> {
    let subject = &facts.subjects[index];
    let profile = match &subject.kind {
        SubjectKind::Instance(Fact::Known(instance)) => {
            let arn = Arn::parse(&instance.profile.as_ref()?.arn)?;
            key(subject.account.as_deref(), arn.name())
        }
        SubjectKind::Profile(key) => key.clone(),
        SubjectKind::Role(key) => return Some(key.clone()),
        SubjectKind::Instance(_) | SubjectKind::Documents(_) | SubjectKind::Planned(_) => return None,
    };
    facts.profiles.get(&profile)?.known()?.role.clone()
}

/// Whether a role that has this document alone may do something, on one of the resources that a text stands for.
fn allows(document: &str, action: &str, resource: &str) -> Decision {
    let document = Document::parse(document, DocumentKind::Identity).unwrap();
    let policy = Policy { name: "new".to_owned(), kind: PolicyKind::Inline, document: Ok(Arc::new(document)) };
    let gate =
        PolicySet { kind: PolicySetKind::Identity, name: String::new(), policies: vec![policy], unread: Vec::new() };
    let resource = Resource::Arn(Text::with_wildcards(resource));
    let request = Request { action: action.to_owned(), resource, context: Context::default() };
    evaluate(&[gate], &request).decision
}

/// What a role shall not be allowed unless it is asked for: actions near to those that are.
const SAMPLES: [&str; 22] = [
    "ssmmessages:CreateControlChannel",
    "ssmmessages:OpenDataChannel",
    "ssmmessages:Other",
    "ssm:UpdateInstanceInformation",
    "ssm:UpdateInstanceAssociationStatus",
    "ssm:GetParameter",
    "ssm:SendCommand",
    "ec2messages:GetMessages",
    "ec2:DescribeTags",
    "ec2:DescribeInstances",
    "s3:GetEncryptionConfiguration",
    "s3:PutEncryptionConfiguration",
    "s3:GetObject",
    "s3:PutObject",
    "s3:PutObjectAcl",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "logs:DescribeLogGroups",
    "logs:DescribeLogStreams",
    "logs:PutLogEvents",
    "logs:CreateLogGroup",
    "iam:PassRole",
];

/// Resources that nobody asks for, of services that have resources.
const OTHERS: [(&str, &str); 6] = [
    ("kms:Decrypt", "arn:PARTITION:kms:us-east-1:111122223333:key/other"),
    ("s3:PutObject", "arn:PARTITION:s3:::other/ssm/x"),
    ("s3:PutObject", "arn:PARTITION:s3:::logs-of-others/x"),
    ("s3:GetObject", "arn:PARTITION:s3:::tools"),
    ("logs:PutLogEvents", "arn:PARTITION:logs:REGION:111122223333:log-group:/ssm-of-others:log-stream:x"),
    ("logs:CreateLogStream", "arn:PARTITION:logs:ap-south-1:111122223333:log-group:/ssm:log-stream:x"),
];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_not_refused_is_ready_afterwards(case in case(4)) {
        let plan = planned(&case);
        let (after, _) = made(&case, &plan.changes);
        let report = judged(&case, &after);
        prop_assert_eq!(not_ready(&report), refused(&plan), "{:#?} {:#?}", plan, report);
        for refusal in &plan.refusals {
            prop_assert!(!refusal.message().is_empty() && !refusal.remedy().is_empty(), "{:?}", refusal);
        }
        // Planned again, there is nothing to do, and the same stays undone.
        let again = super::account::plan(&after, &case.requirements, &case.options, now());
        prop_assert_eq!((&again.changes, refused(&again)), (&Vec::new(), refused(&plan)));
    }

    #[test]
    fn what_is_foreseen_is_what_happens(case in case(4)) {
        let plan = planned(&case);
        let (after, _) = made(&case, &plan.changes);
        let mut foreseen = case.facts.clone();
        plan.changes.iter().for_each(|change| foresee::apply(&mut foreseen, change));
        prop_assert_eq!(without_new_ids(&foreseen), without_new_ids(&after));
    }

    #[test]
    fn nothing_is_taken_away(case in case(4)) {
        let plan = planned(&case);
        for (index, change) in plan.changes.iter().enumerate() {
            match (change.before(), change.after()) {
                (State::Document(before), State::Document(after)) => {
                    let (before, after) = (raw_statements(before), raw_statements(after));
                    prop_assert!(after.len() > before.len() && after.starts_with(&before), "{:?}", change);
                }
                (before, State::Absent) => {
                    // Only on the way to another association of a stopped instance.
                    let next = plan.changes.get(index + 1);
                    prop_assert!(matches!(before, State::Has { .. }), "{:?}", change);
                    prop_assert!(next.is_some_and(|next| next.thing() == change.thing()), "{:?}", plan);
                }
                (before, _) => prop_assert!(matches!(before, State::Absent | State::Has { .. }), "{:?}", change),
            }
            // A thing is changed once, the association of a stopped instance apart.
            let earlier = plan.changes[..index].iter().find(|earlier| earlier.thing() == change.thing());
            prop_assert!(earlier.is_none_or(|earlier| *earlier.after() == State::Absent), "{:?}", plan);
        }
    }

    #[test]
    fn only_what_may_be_changed_is(case in case(4)) {
        let plan = planned(&case);
        let (after, _) = made(&case, &plan.changes);
        let report = judged(&case, &after);
        // What the targets that become ready hang on.
        let mut theirs: BTreeSet<String> = BTreeSet::new();
        for outcome in report.results.iter().filter(|outcome| outcome.verdict == Verdict::Ready) {
            theirs.extend(outcome.instance.iter().filter_map(|instance| instance.id.clone()));
            theirs.extend(outcome.instance_profile.iter().filter_map(|profile| profile.arn.clone()));
            theirs.extend(outcome.role.iter().filter_map(|role| role.arn.clone()));
        }
        for change in &plan.changes {
            let thing = change.thing();
            prop_assert!(theirs.contains(&thing.target()), "{:?} is for nobody: {:#?}", change, report);
            if let Some(role) = thing.role() {
                let path = role.path();
                prop_assert!(!path.starts_with("/aws-service-role/") && !path.starts_with("/aws-reserved/"));
                let before = case.facts.roles.get(&key(role.account(), role.name())).and_then(Fact::known);
                let tags = before.and_then(|role| role.tags.known()).into_iter().flatten();
                let others = tags.filter(|(key, _)| *key != "created-by").count() > 0;
                prop_assert!(!others || case.options.force_managed_elsewhere, "{:?}", change);
                // Who writes over what infrastructure code keeps is told so.
                let is_told = |warning: &Warning| matches!(warning, Warning::ManagedElsewhere { role: told, .. } if *told == role.to_string());
                let told = plan.warnings.iter().any(is_told);
                prop_assert!(!others || told, "{:?}", plan);
            }
            if let Thing::AttachedPolicy { role, policy } = thing {
                let core = format!("arn:{}:iam::aws:policy/AmazonSSMManagedInstanceCore", role.partition);
                prop_assert_eq!(policy.to_string(), core);
                prop_assert!(case.options.attach_managed);
            }
        }
        // Policies, boundaries and SCPs are what they were.
        for (arn, policy) in &case.facts.policies {
            prop_assert_eq!(after.policies.get(arn), Some(policy));
        }
        for (key, role) in &case.facts.roles {
            let Fact::Known(before) = role else { continue };
            let now = after.roles.get(key).and_then(Fact::known);
            prop_assert_eq!(now.map(|role| &role.boundary), Some(&before.boundary));
        }
        prop_assert_eq!(&after.scp_levels, &case.facts.scp_levels);
    }

    #[test]
    fn nothing_is_granted_that_is_not_needed(case in case(3)) {
        let plan = planned(&case);
        let subject = &case.facts.subjects[0];
        let place = Place { partition: subject.partition.as_deref(), account: None, region: None, instance_id: None };
        let key = needs::KeyArn::Unresolved(Text::any());
        let key = case.requirements.kms_key.as_ref().map(|_| &key);
        let needs = needs::all(&case.requirements, &place, key);
        for change in inline_changes(&plan.changes) {
            let document = policy(&added(change));
            let partition = &change.thing().role().unwrap().partition;
            for action in SAMPLES {
                let needed = action == "s3:GetEncryptionConfiguration"
                    || needs.iter().any(|need| need.action.eq_ignore_ascii_case(action));
                if !needed {
                    prop_assert_eq!(allows(&document, action, "*"), Decision::ImplicitDeny, "{} {}", action, document);
                }
            }
            for (action, resource) in OTHERS {
                let resource = resource.replace("PARTITION", partition).replace("REGION", "us-east-1");
                prop_assert_eq!(allows(&document, action, &resource), Decision::ImplicitDeny, "{} {}", action, document);
            }
            let actions = added(change).into_iter().flat_map(|statement| statement["Action"].as_array().unwrap().clone());
            prop_assert!(!Json::Array(actions.collect()).to_string().contains(['*', '?']), "{}", document);
        }
    }

    #[test]
    fn each_grant_is_lacking_without_it(case in case(1)) {
        let plan = planned(&case);
        for (index, change) in plan.changes.iter().enumerate() {
            let (Some(role), true) = (change.thing().role(), !matches!(change.thing(), Thing::Role(_))) else { continue };
            let without = |replacement: Option<String>| {
                let mut facts = case.facts.clone();
                for (other, change) in plan.changes.iter().enumerate() {
                    if other != index {
                        make(&mut facts, change);
                    }
                }
                if let (Some(document), Some(Fact::Known(role))) =
                    (replacement, facts.roles.get_mut(&key(role.account(), role.name())))
                {
                    add_inline(role, "replacement", &document);
                }
                not_ready(&judged(&case, &facts))
            };
            prop_assert!(!without(None).is_empty(), "{:?} is not needed", change);
            let Thing::InlinePolicy { .. } = change.thing() else { continue };
            let added = added(change);
            for (at, statement) in added.iter().enumerate() {
                for (nth, action) in statement["Action"].as_array().unwrap().iter().enumerate() {
                    let documented = ["ssmmessages:", "s3:GetEncryptionConfiguration"];
                    // The user guide grants these together, and the last one to every role.
                    if documented.iter().any(|start| action.as_str().unwrap().starts_with(start)) {
                        continue;
                    }
                    let mut rest = added.clone();
                    rest[at]["Action"].as_array_mut().unwrap().remove(nth);
                    prop_assert!(!without(Some(policy(&rest))).is_empty(), "{} in {:?}", action, change);
                }
            }
        }
    }

    #[test]
    fn every_change_can_be_taken_back(case in case(4)) {
        let plan = planned(&case);
        let (mut facts, made) = made(&case, &plan.changes);
        for change in made.iter().rev() {
            let inverse = change.inverse().unwrap();
            prop_assert!(state_of(&facts, inverse.thing()).is(inverse.before()));
            make(&mut facts, &inverse);
        }
        prop_assert_eq!(comparable(&facts), comparable(&case.facts));
    }

    #[test]
    fn every_change_survives_the_backup_file(case in case(4)) {
        for change in planned(&case).changes {
            let stored = serde_json::to_string(&change).unwrap();
            prop_assert_eq!(serde_json::from_str::<Change>(&stored).unwrap(), change);
        }
    }

    #[test]
    fn answers_are_those_of_the_diagnosis(case in case(3)) {
        let report = judged(&case, &case.facts);
        for (index, outcome) in report.results.iter().enumerate() {
            let Some(role_key) = role_of(&case.facts, index) else { continue };
            let subject = &case.facts.subjects[index];
            let answers = answers(&case.facts, &case.requirements, now(), &role_key, subject);
            // A terminated instance has no role in view.
            if outcome.role.is_none() {
                continue;
            }
            let answers = answers.unwrap();
            let asked: Vec<_> = answers
                .needs
                .iter()
                .map(|(need, response)| {
                    // An allow of a key that could not be resolved is no certain answer.
                    let open = need.unresolved && response.decision == Decision::Allowed;
                    let decision = if open { Decision::Unknown } else { response.decision };
                    (need.action.as_str(), need.resource.to_string(), need.needed_for, decision)
                })
                .collect();
            let shown: Vec<_> = outcome
                .permissions
                .iter()
                .map(|shown| (shown.action.as_str(), shown.resource.clone(), shown.needed_for, shown.decision))
                .collect();
            for (asked, shown) in asked.iter().zip(&shown) {
                // The policy of a resource that was not read may grant what the role's own policies lack.
                let may_be_granted = (asked.3, shown.3) == (Decision::ImplicitDeny, Decision::Unknown)
                    && asked.2 != crate::report::NeededFor::Core
                    && ["s3:", "kms:"].iter().any(|service| asked.0.starts_with(service));
                let decision = if may_be_granted { Decision::Unknown } else { asked.3 };
                prop_assert_eq!((asked.0, &asked.1, asked.2, decision), (shown.0, &shown.1, shown.2, shown.3));
            }
            prop_assert_eq!(asked.len(), shown.len());
            if let Some((decision, doubt)) = answers.trust {
                let trust = outcome.trust.as_ref().unwrap();
                prop_assert_eq!((decision, doubt.keys.into_iter().collect()), (trust.decision, trust.depends_on.clone()));
            }
            let (need, response) = answers.encryption_of_any_bucket;
            prop_assert_eq!(&need.action, "s3:GetEncryptionConfiguration");
            let said = outcome.findings.iter().any(|finding| finding.message().starts_with("`s3:GetEncryption"));
            let denied = matches!(response.decision, Decision::ImplicitDeny | Decision::ExplicitDeny);
            // Where it is asked for, it has a permission of its own.
            let required = outcome.permissions.iter().any(|shown| shown.action == need.action);
            prop_assert_eq!(said, denied && !required);
        }
    }
}
