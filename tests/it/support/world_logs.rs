//! Where session logs go: the buckets and log groups of a [`World`].

use serde_json::json;

use super::answer::Answer;
use super::stub::Call;
use super::world::{World, page};
use super::xml;

impl World {
    pub(super) fn about_bucket(&self, call: &Call) -> Answer {
        let name = call.parameter("Bucket");
        let Some(bucket) = self.buckets.iter().find(|bucket| bucket.name == name) else {
            let message = "The specified bucket does not exist";
            return Answer::Error { status: 404, code: "NoSuchBucket".into(), message: message.into() };
        };
        let not_found =
            |code: &str| Answer::Error { status: 404, code: code.into(), message: "It is not there.".into() };
        let answer = match call.action.as_str() {
            // The caller may not list the bucket, and is told all the same where it is.
            "HeadBucket" if call.region == bucket.region => Answer::denied("s3:ListBucket"),
            "HeadBucket" => Answer::Error { status: 301, code: "PermanentRedirect".into(), message: String::new() },
            _ if call.region != bucket.region => Answer::error("AuthorizationHeaderMalformed", "the region is wrong"),
            "GetBucketEncryption" => match &bucket.encryption {
                Some((algorithm, key)) => Answer::xml(xml::get_bucket_encryption(algorithm, key.as_deref())),
                None => not_found("ServerSideEncryptionConfigurationNotFoundError"),
            },
            _ if bucket.is_foreign => Answer::Error {
                status: 405,
                code: "MethodNotAllowed".into(),
                message: "The specified method is not allowed against this resource.".into(),
            },
            _ => match &bucket.policy {
                Some(policy) => Answer::text(policy),
                None => not_found("NoSuchBucketPolicy"),
            },
        };
        answer.with_header("x-amz-bucket-region", &bucket.region)
    }

    pub(super) fn describe_log_groups(&self, call: &Call) -> Answer {
        let prefix = call.parameter("logGroupNamePrefix");
        let here = self.log_groups.iter().filter(|group| group.region == call.region && group.name.starts_with(prefix));
        let all: Vec<_> = here.map(|group| json!({ "logGroupName": group.name, "kmsKeyId": group.key })).collect();
        let (page, next) = page(&all, self.page_size, call.parameter("nextToken"), call.parameter("limit"));
        Answer::json(&json!({ "logGroups": page, "nextToken": next }))
    }
}
