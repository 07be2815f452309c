//! Subjects chosen from a snapshot, as they would have been from a live account.

use crate::facts::{Fact, Facts, Subject, SubjectKind, Unreadable, UnreadableKind};
use crate::target::{Target, TargetKind, has_tags};
use iam_eval::arn::Arn;

/// What to judge of a snapshot.
#[derive(Debug, Clone, Copy)]
pub enum Choice<'a> {
    /// What the snapshot was taken of.
    AsTaken,
    /// These targets.
    Targets(&'a [Target]),
    /// Every instance that has all these tags.
    Selection(&'a [(String, String)]),
}

/// Narrows the facts to the chosen subjects, in the Regions given, or in any if none is.
///
/// # Errors
/// A message for each target of which the snapshot holds several.
pub fn choose(mut facts: Facts, choice: Choice<'_>, regions: &[String]) -> Result<Facts, Vec<String>> {
    if let Choice::Targets(targets) = choice {
        let mistakes: Vec<String> = targets.iter().filter_map(|target| ambiguity(&facts, target, regions)).collect();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
    }
    let in_regions = |subject: &Subject| is_in(subject, regions);
    facts.names = facts.subjects.iter().filter(|subject| in_regions(subject)).filter_map(name_of).collect();
    facts.subjects = match choice {
        Choice::AsTaken => facts.subjects.into_iter().filter(in_regions).collect(),
        Choice::Selection(tags) => facts
            .subjects
            .into_iter()
            .filter(|subject| in_regions(subject) && is_selected(subject, tags))
            .map(|subject| Subject { from_selection: true, ..subject })
            .collect(),
        Choice::Targets(targets) => {
            targets.iter().map(|target| find(&facts, target, regions.first().map(String::as_str))).collect()
        }
    };
    Ok(facts)
}

/// Puts other session preferences in the place of those that the snapshot was taken with, or none.
pub fn prefer(facts: &mut Facts, name: Option<&str>) {
    for settings in facts.settings.values_mut() {
        if settings.preferences_name.as_deref() == name {
            continue;
        }
        settings.preferences = match name {
            None => Fact::Absent,
            Some(_) => Fact::Unreadable(Unreadable {
                api: "ssm:GetDocument".to_owned(),
                kind: UnreadableKind::NotInSnapshot,
                message: "the snapshot does not hold them".to_owned(),
            }),
        };
        settings.preferences_name = name.map(str::to_owned);
    }
}

/// Whether a subject is in one of the Regions, or may be; in any if none is given.
fn is_in(subject: &Subject, regions: &[String]) -> bool {
    subject.region.as_ref().is_none_or(|region| regions.is_empty() || regions.contains(region))
}

/// Why a name alone does not say which profile or role is meant: several accounts have one of that name.
fn ambiguity(facts: &Facts, target: &Target, regions: &[String]) -> Option<String> {
    let (name, keys): (_, Vec<&String>) = match &target.kind {
        TargetKind::Profile(name) => (name, facts.profiles.keys().collect()),
        TargetKind::Role(name) => (name, facts.roles.keys().collect()),
        TargetKind::Named(_) => {
            let in_regions = facts.subjects.iter().filter(|subject| is_in(subject, regions));
            let named: Vec<&str> =
                in_regions.filter(|subject| is_named(subject, &target.kind)).filter_map(id_of).collect();
            return (named.len() > 1).then(|| target.ambiguous(&named));
        }
        TargetKind::Instance(_) => return None,
    };
    let accounts = keys.iter().filter_map(|key| key.split_once('/')).filter(|(_, last)| last == name);
    let accounts: Vec<&str> = accounts.map(|(account, _)| account).collect();
    let ambiguous = target.arn.is_none() && accounts.len() > 1;
    ambiguous.then(|| {
        format!("`{}` is in several accounts of the snapshot ({}); give its ARN", target.text, accounts.join(", "))
    })
}

fn name_of(subject: &Subject) -> Option<String> {
    match &subject.kind {
        SubjectKind::Instance(Fact::Known(instance)) => instance.name.clone(),
        _ => None,
    }
}

fn id_of(subject: &Subject) -> Option<&str> {
    match &subject.kind {
        SubjectKind::Instance(Fact::Known(instance)) => Some(&instance.id),
        _ => None,
    }
}

fn is_selected(subject: &Subject, tags: &[(String, String)]) -> bool {
    match &subject.kind {
        SubjectKind::Instance(Fact::Known(instance)) => has_tags(&instance.tags, tags),
        // What could not be read may be one of them; it must not pass silently.
        SubjectKind::Instance(Fact::Unreadable(_)) => true,
        SubjectKind::Instance(Fact::Absent)
        | SubjectKind::Profile(_)
        | SubjectKind::Role(_)
        | SubjectKind::Documents(_)
        | SubjectKind::Planned(_) => false,
    }
}

/// The subject that a target names: one that was taken, a profile or role that came along, or one that is not there.
fn find(facts: &Facts, target: &Target, region: Option<&str>) -> Subject {
    let arn = target.arn.as_ref();
    let account = arn.and_then(|arn| arn.account());
    let region = arn.and_then(|arn| arn.region()).or(region);
    let agrees = |wanted: Option<&str>, has: Option<&str>| wanted.is_none() || has.is_none() || wanted == has;
    let is_other_path = |kind: &SubjectKind| arn.is_some_and(|arn| has_other_path(facts, kind, arn));
    let fits = |subject: &&Subject| {
        is_named(subject, &target.kind)
            && !is_other_path(&subject.kind)
            && agrees(account, subject.account.as_deref())
            && agrees(region, subject.region.as_deref())
    };
    if let Some(subject) = facts.subjects.iter().find(fits) {
        return Subject { target: target.text.clone(), from_selection: false, ..subject.clone() };
    }
    let key_of = |keys: Vec<&String>, name: &str| {
        let fits = |key: &&&String| match key.rsplit_once('/') {
            Some((of, last)) => last == name && agrees(account, Some(of)),
            None => key.as_str() == name,
        };
        keys.iter().find(fits).map_or_else(|| crate::facts::key(account, name), |key| (*key).clone())
    };
    let kind = match &target.kind {
        TargetKind::Instance(_) | TargetKind::Named(_) => SubjectKind::Instance(Fact::Unreadable(Unreadable {
            api: "ec2:DescribeInstances".to_owned(),
            kind: UnreadableKind::NotInSnapshot,
            message: format!("the snapshot does not contain the instance `{}`", target.text),
        })),
        TargetKind::Profile(name) => SubjectKind::Profile(key_of(facts.profiles.keys().collect(), name)),
        TargetKind::Role(name) => SubjectKind::Role(key_of(facts.roles.keys().collect(), name)),
    };
    // A profile or role of that name but of another path is not the one that is meant.
    let kind = match arn.filter(|_| is_other_path(&kind)) {
        Some(arn) => kind_with_key(&kind, crate::facts::key(account, &arn.resource)),
        None => kind,
    };
    let account_of_key = match &kind {
        SubjectKind::Profile(key) | SubjectKind::Role(key) => key.rsplit_once('/').map(|(account, _)| account),
        SubjectKind::Instance(_) | SubjectKind::Documents(_) | SubjectKind::Planned(_) => None,
    };
    let beside = facts.subjects.first();
    Subject {
        target: target.text.clone(),
        account: account.or(account_of_key).map(str::to_owned),
        region: region.or_else(|| only_region(facts)).map(str::to_owned),
        partition: arn
            .map(|arn| arn.partition.clone())
            .or_else(|| beside.and_then(|subject| subject.partition.clone())),
        from_selection: false,
        origin: None,
        kind,
    }
}

/// A subject of the same kind, under another key.
fn kind_with_key(kind: &SubjectKind, key: String) -> SubjectKind {
    match kind {
        SubjectKind::Profile(_) => SubjectKind::Profile(key),
        SubjectKind::Role(_) => SubjectKind::Role(key),
        SubjectKind::Instance(_) | SubjectKind::Documents(_) | SubjectKind::Planned(_) => kind.clone(),
    }
}

/// Whether a profile or role has another ARN than the one that was typed.
fn has_other_path(facts: &Facts, kind: &SubjectKind, arn: &Arn) -> bool {
    let known = match kind {
        SubjectKind::Profile(key) => facts.profiles.get(key).and_then(Fact::known).map(|profile| profile.arn.as_str()),
        SubjectKind::Role(key) => facts.roles.get(key).and_then(Fact::known).and_then(|role| role.arn.as_deref()),
        SubjectKind::Instance(_) | SubjectKind::Documents(_) | SubjectKind::Planned(_) => None,
    };
    known.is_some_and(|known| known != arn.to_string())
}

/// The Region that every subject is in: IAM is the same in all, but conditions may look at it.
fn only_region(facts: &Facts) -> Option<&str> {
    let mut regions = facts.subjects.iter().filter_map(|subject| subject.region.as_deref());
    let first = regions.next()?;
    regions.all(|region| region == first).then_some(first)
}

fn is_named(subject: &Subject, kind: &TargetKind) -> bool {
    let name_of = |key: &str| key.rsplit('/').next().map(str::to_owned);
    match (&subject.kind, kind) {
        (SubjectKind::Instance(Fact::Known(instance)), TargetKind::Instance(id)) => instance.id == *id,
        (SubjectKind::Instance(Fact::Known(instance)), TargetKind::Named(name)) => {
            instance.name.as_ref() == Some(name) && instance.state != "terminated"
        }
        (SubjectKind::Instance(_), TargetKind::Instance(id)) => subject.target.ends_with(id.as_str()),
        (SubjectKind::Profile(key), TargetKind::Profile(name)) | (SubjectKind::Role(key), TargetKind::Role(name)) => {
            name_of(key).as_deref() == Some(name)
        }
        _ => false,
    }
}
