//! What an id or alias of a KMS key stands for: policies name the key's own ARN.

use futures::future::join_all;

use super::reader::Reader;
use crate::arn::Arn;
use crate::aws::Failure;
use crate::facts::{Fact, KmsKey, Unreadable, UnreadableKind, kms_key};

const DESCRIBE: &str = "kms:DescribeKey";

/// Asks each Region for `given`, unless it is the ARN of a key already.
pub(super) async fn key(reader: &Reader<'_>, given: Option<&str>, regions: &[&str]) {
    let Some(given) = given else { return };
    let arn = Arn::parse(given).filter(|arn| arn.service == "kms");
    if arn.as_ref().is_some_and(|arn| arn.resource.starts_with("key/") && arn.region().is_some()) {
        return;
    }
    let regions = match arn.as_ref().and_then(Arn::region) {
        Some(region) => vec![region],
        None => regions.to_vec(),
    };
    if regions.is_empty() {
        let reason = Unreadable {
            api: DESCRIBE.to_owned(),
            kind: UnreadableKind::Other,
            message: "no Region is set, so it is not known where to look; give `--region` or the key's ARN".to_owned(),
        };
        reader.facts().kms_keys.insert(kms_key(None, given), Fact::Unreadable(reason));
    }
    join_all(regions.iter().map(async |region| {
        let fact = describe(reader, region, given).await.map_or_else(Failure::into_fact, Fact::Known);
        reader.facts().kms_keys.insert(kms_key(Some(region), given), fact);
    }))
    .await;
}

async fn describe(reader: &Reader<'_>, region: &str, given: &str) -> Result<KmsKey, Failure> {
    let request = reader.connection.kms(region).describe_key().key_id(given);
    let answer = reader.call(DESCRIBE, request.send()).await?;
    let arn = answer.key_metadata().and_then(|key| key.arn()).filter(|arn| Arn::parse(arn).is_some());
    let arn = arn.ok_or_else(|| Failure::incomplete(DESCRIBE, "the key's ARN"))?;
    Ok(KmsKey { arn: arn.to_owned() })
}
