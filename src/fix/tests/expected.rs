//! What plans are expected to hold.

use crate::render::words::Said as _;
use serde_json::Value as Json;

use super::account::*;
use crate::fix::{Plan, Reason};
use crate::needs::{RequiredAction, Requirements, S3Logs};

pub const PUT: &str = "iam:PutRolePolicy role/web SessionManagerPermissions";
pub const TRUST: &str = "iam:UpdateAssumeRolePolicy role/web";
pub const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k";

pub fn requirements(change: impl FnOnce(&mut Requirements)) -> Requirements {
    let mut requirements = Requirements::default();
    change(&mut requirements);
    requirements
}

pub fn s3_logs(requirements: &mut Requirements) {
    requirements.s3_logs = Some(S3Logs { bucket: "logs".to_owned(), prefix: "ssm".to_owned() });
}

pub fn required(action: &str, resource: Option<&str>) -> RequiredAction {
    RequiredAction { action: action.to_owned(), resource: resource.map(str::to_owned) }
}

pub fn channels() -> Json {
    allow(&CORE[..4], "*")
}

pub fn encryption_of_any_bucket() -> Json {
    allow(&["s3:GetEncryptionConfiguration"], "*")
}

pub fn heartbeat() -> Json {
    allow(&["ssm:UpdateInstanceInformation"], "*")
}

/// Statements with lists of one as their element, for comparisons.
pub fn plain(statements: &[Json]) -> Vec<Json> {
    let list = |value: &Json| match value {
        Json::Array(list) if list.len() == 1 => list[0].clone(),
        other => other.clone(),
    };
    let plain = |statement: &Json| {
        let members = statement.as_object().unwrap().iter();
        Json::Object(members.map(|(name, value)| (name.clone(), list(value))).collect())
    };
    statements.iter().map(plain).collect()
}

#[track_caller]
pub fn assert_granted(plan: &Plan, expected: &[Json]) {
    assert_eq!(plan.refusals, []);
    assert_eq!(plain(&granted(plan)), plain(expected));
}

/// Nothing is changed, for these reasons; each refusal is about the target and says what to do.
#[track_caller]
pub fn assert_refused(plan: &Plan, expected: &[Reason]) {
    assert_eq!(calls(plan), [""; 0]);
    assert_eq!(reasons(plan), expected, "{:?}", plan.refusals);
    for refusal in &plan.refusals {
        assert_eq!(refusal.target, INSTANCE);
        assert!(!refusal.message().is_empty() && !refusal.remedy().is_empty(), "{refusal:?}");
    }
}
