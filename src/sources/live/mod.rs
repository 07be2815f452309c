//! Facts read from a live account, for named targets or for the instances of whole Regions.
//!
//! A single instance costs a chain of five calls: its description, its profile, its role beside the role's
//! lists of policies, the policies, and their versions. Everything that does not wait for an answer runs beside
//! that chain, and nothing is read twice. What cannot be read is a fact too, so this never fails.

mod ec2;
mod iam;
mod kms;
pub mod metadata;
mod organization;
mod reader;
mod role;
pub mod simulate;
mod ssm;

use std::collections::BTreeMap;

use futures::future::{join_all, join3};
use jiff::Timestamp;

use crate::arn::{Arn, partition_of_region};
use crate::aws::Connection;
use crate::facts::{Fact, Facts, Instance, Subject, SubjectKind, Unreadable, UnreadableKind};
use crate::fix::Lookups;
use crate::target::{Target, TargetKind};
use iam::{Expected, Stored};
use reader::Reader;

/// What to read.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// What is named.
    pub targets: Vec<Target>,
    /// The instances to take besides, in every one of the Regions.
    pub selection: Option<Selection>,
    /// The Regions to look in, except for a target whose ARN names its own.
    pub regions: Vec<String>,
    /// The KMS key that sessions are encrypted with: an ARN, an id or `alias/NAME`.
    pub kms_key: Option<String>,
    /// The name of the session preferences to read in every Region.
    pub preferences: Option<String>,
    /// Whether service control policies are given, so that they need not be read.
    pub scps_given: bool,
}

/// Which instances of a Region to take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// The tags that an instance must have, all of them; none takes every instance.
    pub tags: Vec<(String, String)>,
}

/// Reads all that `query` asks for.
pub async fn load(connection: &Connection, query: &Query) -> Facts {
    let reader = Reader::new(connection, Facts::new(Timestamp::now()));
    let regions = regions_in_play(query);
    let partition = regions.first().map_or("aws", |region| partition_of_region(region));
    let settings = regions.iter().map(|region| ssm::settings(&reader, region, query.preferences.as_deref()));
    let (named, selected, (), _, ()) = futures::join!(
        named(&reader, query),
        selected(&reader, query),
        kms::key(&reader, query.kms_key.as_deref(), &regions),
        join_all(settings),
        organization::organization(&reader, partition, query.scps_given),
    );
    let mut facts = reader.into_facts();
    facts.subjects = named;
    facts.subjects.extend(selected);
    facts
}

/// Adds to the facts what a plan has to know beyond a check.
pub async fn complete(connection: &Connection, facts: Facts, lookups: &Lookups) -> Facts {
    let reader = Reader::new(connection, facts);
    let profiles = lookups.profiles.iter().map(async |(partition, account, name)| {
        iam::profile(&reader, partition, name, &Expected { arn: None, account: Some(account) }).await;
    });
    let roles = lookups.roles.iter().map(async |(partition, account, name)| {
        role::role(&reader, partition, name, &Expected { arn: None, account: Some(account) }, None).await;
    });
    let policies = lookups.policies.iter().map(|(partition, arn)| role::policy(&reader, partition, arn));
    join3(join_all(profiles), join_all(roles), join_all(policies)).await;
    reader.into_facts()
}

/// The instances of a Region, by id, for a person to pick from.
///
/// # Errors
/// Why they cannot be listed.
pub async fn list_instances(connection: &Connection, region: &str) -> Result<Vec<Instance>, Unreadable> {
    let reader = Reader::new(connection, Facts::new(Timestamp::now()));
    let listed = ec2::listed(&reader, region).await;
    match listed.failure {
        Some(reason) => Err(reason),
        None => Ok(listed.met.into_values().map(|met| met.instance).collect()),
    }
}

/// The targets without those that are there before.
fn distinct(targets: &[Target]) -> Vec<&Target> {
    let mut distinct: Vec<&Target> = Vec::new();
    for target in targets {
        if !distinct.iter().any(|other| other.kind == target.kind && other.arn == target.arn) {
            distinct.push(target);
        }
    }
    distinct
}

/// The Regions to look for a target in.
fn regions_of<'a>(target: &'a Target, query: &'a Query) -> Vec<&'a str> {
    match target.arn.as_ref().and_then(Arn::region) {
        Some(region) => vec![region],
        None => query.regions.iter().map(String::as_str).collect(),
    }
}

fn regions_in_play(query: &Query) -> Vec<&str> {
    let mut regions: Vec<&str> = query.regions.iter().map(String::as_str).collect();
    regions.extend(query.targets.iter().filter_map(|target| target.arn.as_ref()?.region()));
    regions.sort_unstable();
    regions.dedup();
    regions
}

/// One subject for each target, in their order.
async fn named(reader: &Reader<'_>, query: &Query) -> Vec<Subject> {
    let targets = distinct(&query.targets);
    let mut wanted: BTreeMap<&str, Vec<ec2::Wanted<'_>>> = BTreeMap::new();
    for target in &targets {
        if let TargetKind::Instance(id) = &target.kind {
            let account = target.arn.as_ref().and_then(Arn::account);
            for region in regions_of(target, query) {
                wanted.entry(region).or_default().push(ec2::Wanted { id, account });
            }
        }
    }
    let instances = async {
        let answers = wanted.iter().map(|(region, wanted)| ec2::named(reader, region, wanted));
        wanted.keys().copied().zip(join_all(answers).await).collect::<BTreeMap<_, _>>()
    };
    let iam = join_all(targets.iter().map(|target| iam_subject(reader, target, query)));
    let (instances, iam) = futures::join!(instances, iam);
    let subjects = targets.iter().zip(iam).map(|(target, subject)| match (&target.kind, subject) {
        (_, Some(subject)) => subject,
        (TargetKind::Instance(id) | TargetKind::Profile(id) | TargetKind::Role(id), None) => {
            instance_subject(target, id, &regions_of(target, query), &instances)
        }
    });
    subjects.collect()
}

/// The subject for a profile or role; `None` for an instance.
async fn iam_subject(reader: &Reader<'_>, target: &Target, query: &Query) -> Option<Subject> {
    let first = query.regions.first().map(String::as_str);
    let partition = match (&target.arn, first) {
        (Some(arn), _) => arn.partition.as_str(),
        (None, Some(region)) => partition_of_region(region),
        (None, None) => "aws",
    };
    let expected = Expected { arn: target.arn.as_ref(), account: target.arn.as_ref().and_then(Arn::account) };
    let (Stored { key, account }, kind): (Stored, fn(String) -> SubjectKind) = match &target.kind {
        TargetKind::Instance(_) => return None,
        TargetKind::Profile(name) => (iam::profile(reader, partition, name, &expected).await, SubjectKind::Profile),
        TargetKind::Role(name) => (role::role(reader, partition, name, &expected, None).await, SubjectKind::Role),
    };
    Some(Subject {
        target: target.text.clone(),
        account,
        region: first.filter(|region| partition_of_region(region) == partition).map(str::to_owned),
        partition: Some(partition.to_owned()),
        from_selection: false,
        kind: kind(key),
    })
}

type Answers<'a> = BTreeMap<&'a str, BTreeMap<String, Fact<ec2::Met>>>;

/// The subject for a named instance, from what each of its Regions answered.
fn instance_subject(target: &Target, id: &str, regions: &[&str], answers: &Answers<'_>) -> Subject {
    let arn = target.arn.as_ref();
    let facts: Vec<(&str, &Fact<ec2::Met>)> =
        regions.iter().filter_map(|region| Some((*region, answers.get(region)?.get(id)?))).collect();
    let met = facts.iter().find_map(|(region, fact)| Some((*region, fact.known()?)));
    let region = met.map(|(region, _)| region).or(match regions {
        [only] => Some(*only),
        _ => None,
    });
    let named_account = arn.and_then(Arn::account);
    let fact = match met {
        Some((_, met)) => match ec2::other_account(named_account, met.account.as_deref()) {
            Some(reason) => Fact::Unreadable(reason),
            None => Fact::Known(Box::new(met.instance.clone())),
        },
        None if facts.is_empty() => Fact::Unreadable(Unreadable {
            api: ec2::DESCRIBE.to_owned(),
            kind: UnreadableKind::Other,
            message: "no Region is set, so it is not known where to look; give `--region`".to_owned(),
        }),
        // One Region that did not answer may be the one that has it.
        None => match facts.iter().find_map(|(_, fact)| fact.unreadable()) {
            Some(reason) => Fact::Unreadable(reason.clone()),
            None => Fact::Absent,
        },
    };
    let owner = met.and_then(|(_, met)| met.account.as_deref());
    let partition = arn.map(|arn| arn.partition.as_str()).or(region.map(partition_of_region)).unwrap_or("aws");
    Subject {
        target: target.text.clone(),
        account: named_account.or(owner).map(str::to_owned),
        region: region.map(str::to_owned),
        partition: Some(partition.to_owned()),
        from_selection: false,
        kind: SubjectKind::Instance(fact),
    }
}

/// One subject for each selected instance, by Region and id, and one for each Region that could not be listed to the end.
async fn selected(reader: &Reader<'_>, query: &Query) -> Vec<Subject> {
    let Some(selection) = &query.selection else { return Vec::new() };
    let mut regions: Vec<&str> = query.regions.iter().map(String::as_str).collect();
    regions.sort_unstable();
    regions.dedup();
    let listed = join_all(regions.iter().map(|region| ec2::selected(reader, region, &selection.tags))).await;
    let mut subjects = Vec::new();
    for (region, listed) in regions.into_iter().zip(listed) {
        let subject = |target: String, account, fact| Subject {
            target,
            account,
            region: Some(region.to_owned()),
            partition: Some(partition_of_region(region).to_owned()),
            from_selection: true,
            kind: SubjectKind::Instance(fact),
        };
        for (id, met) in listed.met {
            subjects.push(subject(id, met.account, Fact::Known(Box::new(met.instance))));
        }
        if let Some(reason) = listed.failure {
            subjects.push(subject(selection.as_typed(), None, Fact::Unreadable(reason)));
        }
    }
    subjects
}

impl Selection {
    /// The flags that make this selection.
    fn as_typed(&self) -> String {
        if self.tags.is_empty() {
            return "--all".to_owned();
        }
        let flags = self.tags.iter().map(|(key, value)| format!("--tag {key}={value}"));
        flags.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests;
