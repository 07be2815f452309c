//! The session key: from what is given to the ARN that policies speak of.

use crate::facts::{Fact, Facts, KmsKey, kms_key, planned_key_id};
use crate::needs::{KeyArn, Place};
use crate::report::{Finding, FindingKind};
use iam_eval::arn::Arn;
use iam_eval::{Part, Text};

use super::explain;

/// The key's ARN as far as it is known, what AWS says of the key, and a finding if it could not be resolved.
///
/// An alias in `Resource` grants nothing, so only the key's own ARN can be judged
/// ([Specifying KMS keys in IAM policy statements](https://docs.aws.amazon.com/kms/latest/developerguide/cmks-in-iam-policies.html)).
pub(super) fn resolve<'a>(
    facts: &'a Facts,
    given: &str,
    place: &Place<'_>,
    by_preferences: bool,
) -> (KeyArn, Option<&'a Fact<KmsKey>>, Option<Finding>) {
    let arn = Arn::parse(given);
    if let (Some(arn), Some(partition)) = (&arn, place.partition)
        && arn.partition != partition
    {
        let finding = FindingKind::KeyOfOtherPartition {
            key: given.to_owned(),
            key_partition: arn.partition.clone(),
            partition: partition.to_owned(),
        };
        return (KeyArn::Resolved(Text::known(given)), None, Some(finding.into()));
    }
    let region = arn.as_ref().and_then(Arn::region).or(place.region);
    let fact = facts.kms_keys.get(&kms_key(region, given));
    if arn.as_ref().is_some_and(|arn| arn.resource_type() == "key") {
        return (KeyArn::Resolved(text_of(given)), fact, None);
    }
    let is_alias = arn.is_some() || given.starts_with("alias/");
    // A key is of its alias's own partition, account and Region.
    let of_key = match &arn {
        Some(arn) => Place { partition: Some(&arn.partition), account: arn.account(), region: arn.region(), ..*place },
        None => *place,
    };
    let unresolved = KeyArn::Unresolved(of_key.key_arn(if is_alias { None } else { Some(given) }));
    match fact {
        Some(Fact::Known(key)) => (KeyArn::Resolved(text_of(&key.arn)), fact, None),
        Some(Fact::Absent) => {
            // In the account itself nothing hides a key, so that no session can be encrypted with this one.
            let by_preferences = by_preferences && of_key.account == place.account;
            let (key, region) = (given.to_owned(), region.map(str::to_owned));
            (unresolved, fact, Some(FindingKind::KeyNotResolved { key, region, by_preferences }.into()))
        }
        Some(Fact::Unreadable(reason)) => (unresolved, fact, Some(explain::unreadable(reason))),
        // An id is the last part of the ARN of a key of this account and Region.
        None if !is_alias => (KeyArn::Resolved(place.key_arn(Some(given))), fact, None),
        None => (unresolved, fact, Some(FindingKind::AliasNotResolved { alias: given.to_owned() }.into())),
    }
}

/// A key's ARN. Where the key is not made yet, a placeholder stands for its id, and its account or Region may be left out.
fn text_of(arn: &str) -> Text {
    let Some((placeholder, parsed)) = planned_key_id(arn).zip(Arn::parse(arn)) else { return Text::known(arn) };
    let place = Place {
        partition: Some(parsed.partition.as_str()).filter(|partition| *partition != "*"),
        account: parsed.account(),
        region: parsed.region(),
        instance_id: None,
    };
    place.kms_arn(&[Part::from("key/"), Part::Placeholder(placeholder.to_owned())])
}
