//! The settings of Systems Manager that a plan makes: Default Host Management Configuration and session preferences.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::instances::targets;
use super::links::{Link, after_apply, not_in_plan};
use super::plan::{Attribute, Before, Plan, Resource};
use super::whereabouts::Whereabouts;
use crate::facts::{Fact, Facts, LogGroup, PolicyText, Settings, Subject, Unreadable, UnreadableKind, log_group};
use crate::preferences::DEFAULT_NAME;
use crate::sources::existing::Existing;

/// See [UpdateServiceSetting](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_UpdateServiceSetting.html).
const HOST_MANAGEMENT: &str = "/ssm/managed-instance/default-ec2-instance-management-role";

/// Adds the settings of every Region that a subject is in. `preferences` is the name of the session preferences that count.
pub(super) fn add(
    plan: &Plan<'_>,
    whereabouts: &Whereabouts,
    preferences: Option<&str>,
    facts: &mut Facts,
    existing: &mut Existing,
) {
    let regions: BTreeSet<String> =
        facts.subjects.iter().map(|subject| subject.region.clone().unwrap_or_default()).collect();
    let mut all = BTreeMap::new();
    for region in regions {
        let subjects = one_of_each_provider(plan, facts, &region);
        let settings = in_region(plan, whereabouts, "aws_ssm_service_setting", &region);
        let settings: Vec<_> = settings.into_iter().filter(|it| sets_host(it)).collect();
        let host_management = of_account(plan, &settings, &subjects, "setting_id", |of_account| {
            let Some(setting) = of_account.first() else {
                return Fact::Unreadable(outside("ssm:GetServiceSetting"));
            };
            match (setting.attribute("setting_id"), setting.attribute("setting_value")) {
                (Attribute::Unknown, _) => Fact::Unreadable(after_apply(setting, "setting_id")),
                (_, Attribute::Known(value)) => match value.as_str() {
                    None | Some("" | "$None") => Fact::Absent,
                    Some(role) => Fact::Known(role.to_owned()),
                },
                (_, Attribute::Null) => Fact::Absent,
                (_, Attribute::Unknown) => Fact::Unreadable(after_apply(setting, "setting_value")),
            }
        });
        let documents = in_region(plan, whereabouts, "aws_ssm_document", &region);
        let preferences_of_region = match preferences {
            None => Fact::Absent,
            Some(name) => {
                let documents: Vec<_> = documents.into_iter().filter(|it| is_called(it, name)).collect();
                of_account(plan, &documents, &subjects, "name", |of_account| preferences_in(plan, of_account, name))
            }
        };
        let settings = Settings {
            host_management,
            preferences_name: preferences.map(str::to_owned),
            preferences: preferences_of_region,
        };
        all.insert(region, settings);
    }
    for (region, settings) in &all {
        add_host_role(region, settings, facts, existing);
    }
    facts.settings = all;
}

/// The content of the session preferences of a name, among the documents that have it or may.
fn preferences_in(plan: &Plan<'_>, documents: &[&Resource<'_>], name: &str) -> Fact<PolicyText> {
    // One that has the name is it, whatever others may be called.
    let is_it = |document: &&&Resource<'_>| document.attribute("name") != Attribute::Unknown;
    match (documents.iter().find(is_it).or(documents.first()), name) {
        (Some(document), _) if document.attribute("name") == Attribute::Unknown => {
            Fact::Unreadable(after_apply(document, "name"))
        }
        (Some(document), _) => content(document),
        (None, DEFAULT_NAME) => {
            Fact::Unreadable(deleted_document(plan, DEFAULT_NAME).unwrap_or_else(|| outside("ssm:GetDocument")))
        }
        (None, name) => {
            let message = format!("the session preferences `{name}` are not in the plan");
            Fact::Unreadable(Unreadable { api: "ssm:GetDocument".to_owned(), kind: UnreadableKind::NotInPlan, message })
        }
    }
}

/// What is judged in a Region, one of each provider: its account is the same for all of one.
fn one_of_each_provider<'p, 'a>(plan: &'p Plan<'a>, facts: &Facts, region: &str) -> Vec<&'p Resource<'a>> {
    let of_region = facts.subjects.iter().filter(|it| it.region.as_deref().unwrap_or_default() == region);
    let mut of_key = BTreeMap::new();
    for resource in of_region.filter_map(|subject| plan.at(&subject.target)) {
        of_key.entry(resource.provider_key()).or_insert(resource);
    }
    of_key.into_values().collect()
}

/// What holds in a Region, of which every account has its own: unless it is the same for all that is judged there, it is not known.
fn of_account<T: PartialEq>(
    plan: &Plan<'_>,
    resources: &[&Resource<'_>],
    subjects: &[&Resource<'_>],
    path: &str,
    read: impl Fn(&[&Resource<'_>]) -> Fact<T>,
) -> Fact<T> {
    let elsewhere = |resource: &Resource<'_>| {
        Fact::Unreadable(not_in_plan(resource, path, "may be of another account than an instance of the plan"))
    };
    let mut held: Option<Fact<T>> = None;
    for subject in subjects {
        let may_be: Vec<&Resource<'_>> = resources.iter().copied().filter(|it| !plan.are_apart(it, subject)).collect();
        let fact = match may_be.iter().find(|it| plan.may_be_apart(it, subject)) {
            Some(resource) => elsewhere(resource),
            None => read(&may_be),
        };
        match (&held, resources.first()) {
            (Some(other), Some(resource)) if *other != fact => return elsewhere(resource),
            _ => held = Some(fact),
        }
    }
    held.unwrap_or_else(|| read(resources))
}

/// Adds the log groups that session logs may go to.
pub(super) fn add_log_groups(plan: &Plan<'_>, whereabouts: &Whereabouts, facts: &mut Facts) {
    let path = "kms_key_id";
    for group in plan.of_kind("aws_cloudwatch_log_group") {
        let Some(name) = group.text("name") else { continue };
        let region = whereabouts.of_resource(group).region;
        let key = match group.attribute(path) {
            Attribute::Known(key) => Fact::Known(key.as_str().filter(|key| !key.is_empty()).map(str::to_owned)),
            Attribute::Null => Fact::Known(None),
            Attribute::Unknown if !group.is_set(path) => Fact::Known(None),
            Attribute::Unknown => match plan.link(group, path, "aws_kms_key", &["arn"]) {
                Link::To(key) => Fact::Known(Some(key.address.clone())),
                _ => Fact::Unreadable(after_apply(group, path)),
            },
        };
        let is_elsewhere = targets(plan).any(|target| plan.may_be_apart(target, group));
        let fact = match is_elsewhere {
            false => key.map(|kms_key| LogGroup { kms_key }),
            true => {
                Fact::Unreadable(not_in_plan(group, "name", "may be of another account than an instance of the plan"))
            }
        };
        facts.log_groups.insert(log_group(region.as_deref(), name), fact);
    }
}

/// The resources of a type in a Region; those of which no Region is known count for each.
fn in_region<'p, 'a>(plan: &'p Plan<'a>, whereabouts: &Whereabouts, kind: &str, region: &str) -> Vec<&'p Resource<'a>> {
    let is_there = |resource: &&Resource<'a>| {
        let own = whereabouts.of_resource(resource).region;
        own.is_none_or(|own| own == region || region.is_empty())
    };
    plan.managed(kind).into_iter().filter(is_there).collect()
}

/// That the plan deletes a document of a name, or changes its name, in some Region.
fn deleted_document(plan: &Plan<'_>, name: &str) -> Option<Unreadable> {
    let is_it = |before: &&Before| {
        before.kind == "aws_ssm_document" && before.values.get("name").and_then(Value::as_str) == Some(name)
    };
    let api = plan.before.iter().find(is_it)?.address.clone();
    let message = format!("the plan takes away the document `{name}` of `{api}`");
    Some(Unreadable { api, kind: UnreadableKind::NotInSnapshot, message })
}

/// Whether a setting is that of host management, or may be.
fn sets_host(setting: &Resource<'_>) -> bool {
    match setting.attribute("setting_id") {
        Attribute::Unknown => true,
        Attribute::Known(id) => id.as_str().is_some_and(|id| id.ends_with(HOST_MANAGEMENT)),
        Attribute::Null => false,
    }
}

/// Whether a document has this name, or may have it: session preferences are documents of a type of their own.
fn is_called(document: &Resource<'_>, name: &str) -> bool {
    match document.attribute("name") {
        Attribute::Known(own) => own.as_str() == Some(name),
        Attribute::Unknown => document.text("document_type").is_none_or(|kind| kind == "Session"),
        Attribute::Null => false,
    }
}

fn content(document: &Resource<'_>) -> Fact<PolicyText> {
    match document.attribute("content") {
        Attribute::Unknown => Fact::Unreadable(after_apply(document, "content")),
        Attribute::Null => Fact::Known(PolicyText::new("")),
        Attribute::Known(_) if document.attribute("document_format") == Attribute::Unknown => {
            Fact::Unreadable(after_apply(document, "document_format"))
        }
        Attribute::Known(_) if document.text("document_format").is_some_and(|format| format != "JSON") => {
            let what = "is not JSON, and session preferences are read as JSON only";
            Fact::Unreadable(not_in_plan(document, "content", what))
        }
        Attribute::Known(text) => Fact::Known(PolicyText::new(text.as_str().unwrap_or_default())),
    }
}

/// The role of host management is looked for by its name.
fn add_host_role(region: &str, settings: &Settings, facts: &mut Facts, existing: &mut Existing) {
    let Fact::Known(setting) = &settings.host_management else { return };
    let name = setting.rsplit('/').next().unwrap_or(setting);
    let own = facts.roles.values().find(|role| role.known().is_some_and(|role| role.name == name)).cloned();
    if let Some(role) = own {
        facts.roles.entry(name.to_owned()).or_insert(role);
        return;
    }
    if let Some(going) = existing.deleted_role(name) {
        facts.roles.insert(name.to_owned(), going);
        return;
    }
    let message = format!("the role `{name}` of Default Host Management Configuration is not in the plan");
    let reason = Unreadable { api: "iam:GetRole".to_owned(), kind: UnreadableKind::NotInPlan, message };
    let there = |subject: &&Subject| subject.region.as_deref().unwrap_or_default() == region;
    let account = facts.subjects.iter().find(there).and_then(|subject| subject.account.clone());
    existing.role(facts, account.as_deref(), name, reason);
}

/// What a plan says nothing of.
pub(super) fn outside(api: &str) -> Unreadable {
    let message = format!("the response to `{api}` is not in a plan");
    Unreadable { api: api.to_owned(), kind: UnreadableKind::NotInSnapshot, message }
}
