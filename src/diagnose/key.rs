//! The session key: from what is given to the ARN that policies speak of.

use crate::facts::{Fact, Facts, KmsKey, kms_key};
use crate::needs::{KeyArn, Place};
use crate::report::{Code, Finding};
use iam_eval::Text;
use iam_eval::arn::Arn;

use super::explain;
use super::words::{error, warning};

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
        let finding = error(
            Code::KmsKeyPolicy,
            format!("the KMS key `{given}` is of the partition `{}`, and the role is of `{partition}`", arn.partition),
            "give a key of the same partition",
        );
        return (KeyArn::Resolved(Text::known(given)), None, Some(finding));
    }
    let region = arn.as_ref().and_then(Arn::region).or(place.region);
    let fact = facts.kms_keys.get(&kms_key(region, given));
    if arn.as_ref().is_some_and(|arn| arn.resource_type() == "key") {
        return (KeyArn::Resolved(Text::known(given)), fact, None);
    }
    let is_alias = arn.is_some() || given.starts_with("alias/");
    // A key is of its alias's own partition, account and Region.
    let of_key = match &arn {
        Some(arn) => Place { partition: Some(&arn.partition), account: arn.account(), region: arn.region(), ..*place },
        None => *place,
    };
    let unresolved = KeyArn::Unresolved(of_key.key_arn(if is_alias { None } else { Some(given) }));
    match fact {
        Some(Fact::Known(key)) => (KeyArn::Resolved(Text::known(&key.arn)), fact, None),
        // In the account itself nothing hides a key, so that no session can be encrypted with this one.
        Some(Fact::Absent) if by_preferences && of_key.account == place.account => {
            (unresolved, fact, Some(no_key_of_preferences(given, region)))
        }
        Some(Fact::Absent) => (unresolved, fact, Some(no_such_key(given, region))),
        Some(Fact::Unreadable(reason)) => (unresolved, fact, Some(explain::unreadable(reason))),
        // An id is the last part of the ARN of a key of this account and Region.
        None if !is_alias => (KeyArn::Resolved(place.key_arn(Some(given))), fact, None),
        None => (unresolved, fact, Some(alias_not_resolved(given))),
    }
}

fn alias_not_resolved(given: &str) -> Finding {
    warning(
        Code::KmsKeyPolicy,
        format!("`{given}` is an alias, and only AWS knows which key it stands for"),
        "give the key's ARN",
        true,
    )
}

fn no_key_of_preferences(given: &str, region: Option<&str>) -> Finding {
    let place = region.map(|region| format!(" in {region}")).unwrap_or_default();
    error(
        Code::KmsKeyPolicy,
        format!("there is no KMS key `{given}`{place}, and the session preferences name it: sessions end at once"),
        "name a key that exists in the session preferences",
    )
}

fn no_such_key(given: &str, region: Option<&str>) -> Finding {
    let place = region.map(|region| format!(" in {region}")).unwrap_or_default();
    warning(
        Code::KmsKeyPolicy,
        format!("there is no KMS key `{given}`{place}, so it is not known which key the role must be allowed to use"),
        "give the ARN of the key that the session preferences name",
        true,
    )
}
