//! What an id or alias of a KMS key stands for: policies name the key's own ARN.

use futures::future::join_all;

use super::reader::Reader;
use crate::aws::Failure;
use crate::facts::{Fact, KmsKey, PolicyText, Unreadable, UnreadableKind, kms_key};
use iam_eval::arn::Arn;

const DESCRIBE: &str = "kms:DescribeKey";
const GET_POLICY: &str = "kms:GetKeyPolicy";

/// Asks each Region for `given`; an ARN is asked for in its own.
pub(super) async fn key(reader: &Reader<'_>, given: Option<&str>, regions: &[&str]) {
    let Some(given) = given else { return };
    let arn = Arn::parse(given).filter(|arn| arn.service == "kms");
    let regions = match arn.as_ref().and_then(Arn::region) {
        Some(region) => vec![region],
        None => regions.to_vec(),
    };
    // A plan may make it.
    let is_known = |region: &&str| reader.facts().kms_keys.contains_key(&kms_key(Some(region), given));
    if regions.is_empty() {
        let reason = Unreadable {
            api: DESCRIBE.to_owned(),
            kind: UnreadableKind::Other,
            message: "no Region is set, so it is not known where to look; give `--region` or the key's ARN".to_owned(),
        };
        reader.facts().kms_keys.insert(kms_key(None, given), Fact::Unreadable(reason));
    }
    let unknown: Vec<&str> = regions.into_iter().filter(|region| !is_known(region)).collect();
    join_all(unknown.into_iter().map(async |region| {
        let fact = describe(reader, region, given).await.map_or_else(Failure::into_fact, Fact::Known);
        reader.facts().kms_keys.insert(kms_key(Some(region), given), fact);
    }))
    .await;
}

/// The key's own policy, which has one name only.
async fn get_policy(reader: &Reader<'_>, region: &str, arn: &str) -> Fact<PolicyText> {
    let request = reader.connection.kms(region).get_key_policy().key_id(arn).policy_name("default");
    match reader.calls.make(GET_POLICY, request.send()).await {
        Ok(answer) => match answer.policy().filter(|text| !text.trim().is_empty()) {
            Some(text) => Fact::Known(PolicyText::new(text)),
            None => Failure::incomplete(GET_POLICY, "the policy").into_fact(),
        },
        Err(failure) => Fact::Unreadable(failure.into_unreadable()),
    }
}

async fn describe(reader: &Reader<'_>, region: &str, given: &str) -> Result<KmsKey, Failure> {
    let request = reader.connection.kms(region).describe_key().key_id(given);
    let answer = reader.calls.make(DESCRIBE, request.send()).await?;
    let arn = answer.key_metadata().and_then(|key| key.arn()).filter(|arn| Arn::parse(arn).is_some());
    let arn = arn.ok_or_else(|| Failure::incomplete(DESCRIBE, "the key's ARN"))?;
    let state = answer.key_metadata().and_then(|key| key.key_state()).map(|state| state.as_str().to_owned());
    Ok(KmsKey { arn: arn.to_owned(), state, policy: get_policy(reader, region, arn).await })
}
