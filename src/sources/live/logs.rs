//! Where session logs go: what the caller's credentials see of the bucket and the log group.

use std::error::Error;
use std::sync::{Mutex, PoisonError};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::kms;
use super::reader::Reader;
use crate::aws::Failure;
use crate::aws::pages::pages;
use crate::facts::{Bucket, BucketEncryption, Fact, LogGroup, PolicyText, Unreadable, UnreadableKind, log_group};
use iam_eval::arn::partition_of_region;

const HEAD_BUCKET: &str = "s3:ListBucket";
const GET_ENCRYPTION: &str = "s3:GetEncryptionConfiguration";
const GET_POLICY: &str = "s3:GetBucketPolicy";
const DESCRIBE_GROUPS: &str = "logs:DescribeLogGroups";

/// Reads the bucket called `name`, once, and the key that it is encrypted with. `region` is where to begin to look.
pub(super) async fn bucket(reader: &Reader<'_>, region: &str, name: &str) {
    let read = async || {
        let fact = read_bucket(reader, region, name).await;
        reader.facts().buckets.insert(name.to_owned(), fact);
    };
    reader.buckets.get(partition_of_region(region), name, read).await;
}

async fn read_bucket(reader: &Reader<'_>, region: &str, name: &str) -> Fact<Bucket> {
    let of_bucket = region_of(reader, region, name).await;
    let region = of_bucket.known().map_or(region, String::as_str).to_owned();
    let (encryption, policy) = futures::join!(encryption(reader, &region, name), policy(reader, &region, name));
    let (Some(encryption), Some(policy)) = (encryption, policy) else { return Fact::Absent };
    if let Some(key) = encryption.known().and_then(|encryption| encryption.kms_key.as_deref()) {
        kms::key(reader, Some(key), &[&region]).await;
    }
    Fact::Known(Bucket { region: of_bucket, encryption, policy })
}

/// The Region of a bucket, which S3 says in a header whether or not it lets the caller in.
///
/// Source: [HeadBucket](https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html).
async fn region_of(reader: &Reader<'_>, region: &str, name: &str) -> Fact<String> {
    let seen = Mutex::new((None, None));
    let answer = reader.calls.make(HEAD_BUCKET, async {
        let answer = reader.connection.s3(region).head_bucket().bucket(name).send().await;
        let (in_header, status) = match &answer {
            Ok(answer) => (answer.bucket_region().map(str::to_owned), None),
            Err(error) => {
                let raw = error.raw_response();
                let header = raw.and_then(|raw| raw.headers().get("x-amz-bucket-region")).map(str::to_owned);
                (header, raw.map(|raw| raw.status().as_u16()))
            }
        };
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = (in_header, status);
        answer
    });
    let answer = answer.await;
    match (seen.into_inner().unwrap_or_else(PoisonError::into_inner), answer) {
        ((Some(region), _), _) if !region.is_empty() => Fact::Known(region),
        (_, Ok(_)) => Failure::incomplete(HEAD_BUCKET, "the bucket's Region").into_fact(),
        // An answer to `HEAD` has no body, and so no error code.
        ((_, Some(status @ 400..500)), Err(_)) => Fact::Unreadable(Unreadable {
            api: HEAD_BUCKET.to_owned(),
            kind: if status == 403 { UnreadableKind::Denied } else { UnreadableKind::Other },
            message: format!("S3 does not say which Region the bucket is in (HTTP status {status})"),
        }),
        (_, Err(failure)) => Fact::Unreadable(failure.into_unreadable()),
    }
}

/// Its default encryption; `None` if there is no such bucket.
async fn encryption(reader: &Reader<'_>, region: &str, name: &str) -> Option<Fact<BucketEncryption>> {
    let request = reader.connection.s3(region).get_bucket_encryption().bucket(name);
    let answer = match ask(reader, GET_ENCRYPTION, request.send()).await {
        Ok(answer) => answer,
        Err((code, failure)) => return unless_gone(code.as_deref(), failure.into_fact()),
    };
    let rules = answer.server_side_encryption_configuration().map(|configuration| configuration.rules());
    let default = rules.and_then(|rules| rules.first()?.apply_server_side_encryption_by_default());
    Some(match default {
        Some(default) => Fact::Known(BucketEncryption {
            algorithm: default.sse_algorithm().as_str().to_owned(),
            kms_key: default.kms_master_key_id().filter(|key| !key.is_empty()).map(str::to_owned),
        }),
        None => Failure::incomplete(GET_ENCRYPTION, "the default encryption").into_fact(),
    })
}

/// Its own policy; `None` if there is no such bucket.
async fn policy(reader: &Reader<'_>, region: &str, name: &str) -> Option<Fact<PolicyText>> {
    let request = reader.connection.s3(region).get_bucket_policy().bucket(name);
    match ask(reader, GET_POLICY, request.send()).await {
        Ok(answer) => Some(match answer.policy().filter(|text| !text.trim().is_empty()) {
            Some(text) => Fact::Known(PolicyText::new(text)),
            None => Failure::incomplete(GET_POLICY, "the policy").into_fact(),
        }),
        // What S3 answers to whoever is allowed and is not of the account that owns the bucket.
        Err((Some(code), _)) if code == "MethodNotAllowed" => Some(Fact::Unreadable(Unreadable {
            api: GET_POLICY.to_owned(),
            kind: UnreadableKind::OtherAccount,
            message: format!("the bucket `{name}` belongs to another account, which alone may read its policy"),
        })),
        Err((code, failure)) => unless_gone(code.as_deref(), failure.into_fact()),
    }
}

fn unless_gone<T>(code: Option<&str>, fact: Fact<T>) -> Option<Fact<T>> {
    (code != Some("NoSuchBucket")).then_some(fact)
}

/// Makes one call, and keeps the code of its error.
async fn ask<T, E>(
    reader: &Reader<'_>,
    api: &str,
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, (Option<String>, Failure)>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let code = Mutex::new(None);
    let answer = reader.calls.make(api, async {
        let answer = call.await;
        if let Err(SdkError::ServiceError(error)) = &answer {
            *code.lock().unwrap_or_else(PoisonError::into_inner) = error.err().code().map(str::to_owned);
        }
        answer
    });
    let answer = answer.await;
    answer.map_err(|failure| (code.into_inner().unwrap_or_else(PoisonError::into_inner), failure))
}

/// Reads the log group called `name` in a Region.
pub(super) async fn group(reader: &Reader<'_>, region: &str, name: &str) {
    let at = log_group(Some(region), name);
    if reader.facts().log_groups.contains_key(&at) {
        return;
    }
    let fact = find_group(reader, region, name).await.map_or_else(Failure::into_fact, |found| match found {
        Some(group) => Fact::Known(group),
        None => Fact::Absent,
    });
    reader.facts().log_groups.insert(at, fact);
}

/// The group of that very name among those whose names begin with it, as the agent looks for it.
async fn find_group(reader: &Reader<'_>, region: &str, name: &str) -> Result<Option<LogGroup>, Failure> {
    let request = reader.connection.logs(region).describe_log_groups().log_group_name_prefix(name);
    let ask = async |token| reader.calls.make(DESCRIBE_GROUPS, request.clone().set_next_token(token).send()).await;
    let mut found = None;
    let read = pages(DESCRIBE_GROUPS, ask, |page| {
        let lacking = || Failure::incomplete(DESCRIBE_GROUPS, "the list of log groups");
        let mut groups = page.log_groups.ok_or_else(lacking)?.into_iter();
        found = groups.find(|group| group.log_group_name() == Some(name));
        // What comes behind it has other names.
        Ok(page.next_token.filter(|_| found.is_none()))
    });
    read.await?;
    Ok(found.map(|group| LogGroup { kms_key: group.kms_key_id }))
}
