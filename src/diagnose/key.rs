//! The session key: from what the user gave to the ARN that policies speak of.

use crate::arn::Arn;
use crate::facts::{Fact, Facts, kms_key};
use crate::needs::{KeyArn, Place, Requirements};
use crate::policy::Text;
use crate::report::{Code, Finding};

use super::explain;
use super::words::warning;

/// The key that is required, with a finding if it could not be resolved; `None` if none is required.
///
/// An alias in `Resource` grants nothing, so only the key's own ARN can be judged
/// ([Specifying KMS keys in IAM policy statements](https://docs.aws.amazon.com/kms/latest/developerguide/cmks-in-iam-policies.html)).
pub(super) fn resolve(
    facts: &Facts,
    requirements: &Requirements,
    place: &Place<'_>,
) -> Option<(KeyArn, Option<Finding>)> {
    let given = requirements.kms_key.as_deref()?;
    let arn = Arn::parse(given);
    if arn.as_ref().is_some_and(|arn| arn.resource_type() == "key") {
        return Some((KeyArn::Resolved(Text::known(given)), None));
    }
    let region = arn.as_ref().and_then(Arn::region).or(place.region);
    let is_alias = arn.is_some() || given.starts_with("alias/");
    // A key is of its alias's own partition, account and Region.
    let of_key = match &arn {
        Some(arn) => Place { partition: Some(&arn.partition), account: arn.account(), region: arn.region(), ..*place },
        None => *place,
    };
    let unresolved = KeyArn::Unresolved(of_key.key_arn(if is_alias { None } else { Some(given) }));
    Some(match facts.kms_keys.get(&kms_key(region, given)) {
        Some(Fact::Known(key)) => (KeyArn::Resolved(Text::known(&key.arn)), None),
        Some(Fact::Absent) => (unresolved, Some(no_such_key(given, region))),
        Some(Fact::Unreadable(reason)) => (unresolved, Some(explain::unreadable(reason))),
        // An id is the last part of the ARN of a key of this account and Region.
        None if !is_alias => (KeyArn::Resolved(place.key_arn(Some(given))), None),
        None => (unresolved, Some(alias_not_resolved(given))),
    })
}

fn alias_not_resolved(given: &str) -> Finding {
    warning(
        Code::KmsKeyPolicy,
        format!("`{given}` is an alias, and only AWS knows which key it stands for"),
        "give the key's ARN",
        true,
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
