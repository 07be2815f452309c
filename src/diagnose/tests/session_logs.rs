//! The destinations of session logs: their encryption, their policies, their keys, their Region.

use super::*;
use crate::facts::{
    Bucket, BucketEncryption, KmsKey, LogGroup, PolicyText, Unreadable, UnreadableKind, kms_key, log_group,
};
use crate::needs::{RequiredAction, S3Logs};
use crate::render::words::Said as _;
use crate::report::Decision;

const BUCKET: &str = "session-logs";
const GROUP: &str = "/ssm/sessions";
const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";
const ROLE: &str = "arn:aws:iam::111122223333:role/web";
const ROOT: &str = "arn:aws:iam::111122223333:root";
const EVERYTHING: &[&str] = &["s3:*", "logs:*", "kms:*"];

fn bucket(encryption: Fact<BucketEncryption>, policy: Fact<PolicyText>) -> Fact<Bucket> {
    Fact::Known(Bucket { region: Fact::Known("eu-west-1".to_owned()), encryption, policy })
}

fn with(algorithm: &str, key: Option<&str>) -> Fact<BucketEncryption> {
    Fact::Known(BucketEncryption { algorithm: algorithm.to_owned(), kms_key: key.map(str::to_owned) })
}

fn guarded(statements: &[Json]) -> Fact<Bucket> {
    bucket(with("AES256", None), Fact::Known(text(&policy(statements))))
}

/// A role that may do this, preferences that name the bucket, and what AWS says of the bucket.
fn to_bucket(demanded: bool, fact: Fact<Bucket>, actions: &'static [&'static str]) -> Account {
    let inputs = json!({ "s3BucketName": BUCKET, "s3EncryptionEnabled": demanded });
    preferring(&inputs, actions).with(|facts| drop(facts.buckets.insert(BUCKET.to_owned(), fact)))
}

fn to_group(demanded: bool, fact: Fact<LogGroup>) -> Account {
    let inputs = json!({ "cloudWatchLogGroupName": GROUP, "cloudWatchEncryptionEnabled": demanded });
    let at = log_group(Some("us-east-1"), GROUP);
    preferring(&inputs, EVERYTHING).with(|facts| drop(facts.log_groups.insert(at, fact)))
}

fn preferring(inputs: &Json, actions: &'static [&'static str]) -> Account {
    let document = json!({ "sessionType": "Standard_Stream", "inputs": inputs }).to_string();
    with_settings(Account::with_role(ready_and(actions)), |settings| {
        settings.preferences = Fact::Known(text(&document));
    })
}

fn statement(effect: &str, principal: &Json, actions: &[&str]) -> Json {
    let resources = [format!("arn:aws:s3:::{BUCKET}"), format!("arn:aws:s3:::{BUCKET}/*")];
    json!({ "Sid": "S", "Effect": effect, "Principal": principal, "Action": actions, "Resource": resources })
}

fn decision(outcome: &Outcome, action: &str) -> Decision {
    outcome.permissions.iter().find(|permission| permission.action == action).unwrap().decision
}

/// `agent/session/shell/shell.go` and `agent/s3util/s3util.go` of the agent: AES256 and aws:kms pass, all else ends the session.
#[test]
fn a_bucket_that_must_be_encrypted() {
    use Verdict::{NotReady, Ready};
    for (fact, ends, says) in [
        (bucket(with("AES256", None), Fact::Absent), false, None),
        (bucket(with("aws:kms", None), Fact::Absent), false, None),
        (bucket(with("aws:kms:dsse", None), Fact::Absent), true, Some("`aws:kms:dsse`")),
        (bucket(Fact::Absent, Fact::Absent), true, Some("no default encryption")),
        (Fact::Absent, true, Some("there is no bucket")),
        // What was not seen is said, and decides nothing.
        (bucket(unreadable("s3:GetEncryptionConfiguration"), Fact::Absent), false, None),
        (unreadable("s3:GetEncryptionConfiguration"), false, None),
    ] {
        let outcome = judge(&to_bucket(true, fact.clone(), EVERYTHING));
        let expected = if ends { (NotReady, [Code::SessionLogs].into()) } else { (Ready, BTreeSet::new()) };
        assert_eq!((outcome.verdict, errors(&outcome)), expected, "{fact:?}");
        if let Some(says) = says {
            let message = &found(&outcome, Code::SessionLogs).unwrap().message();
            assert!(message.contains(says) && message.contains(BUCKET), "{message}");
        }
        // Where it is not demanded, no session ends.
        let outcome = judge(&to_bucket(false, fact.clone(), EVERYTHING));
        assert_eq!((outcome.verdict, errors(&outcome)), (Ready, [].into()), "{fact:?}");
        assert_eq!(found(&outcome, Code::SessionLogs).is_some(), fact == Fact::Absent, "{fact:?}");
    }
}

#[test]
fn a_log_group_that_must_be_encrypted() {
    use Verdict::{NotReady, Ready};
    let group = |key: Option<&str>| Fact::Known(LogGroup { kms_key: key.map(str::to_owned) });
    for (fact, ends, lost) in [
        (group(Some(KEY)), false, false),
        (group(None), true, false),
        (Fact::Absent, true, true),
        (unreadable("logs:DescribeLogGroups"), false, false),
    ] {
        let outcome = judge(&to_group(true, fact.clone()));
        let expected = if ends { (NotReady, [Code::SessionLogs].into()) } else { (Ready, BTreeSet::new()) };
        assert_eq!((outcome.verdict, errors(&outcome)), expected, "{fact:?}");
        let unread =
            outcome.not_checked.iter().any(|item| crate::render::words::not_checked(item).contains("log group"));
        assert_eq!(unread, fact.unreadable().is_some(), "{:?}", outcome.not_checked);
        let outcome = judge(&to_group(false, fact.clone()));
        assert_eq!((outcome.verdict, errors(&outcome)), (Ready, [].into()), "{fact:?}");
        assert_eq!(found(&outcome, Code::SessionLogs).is_some(), lost, "{fact:?}");
    }
}

#[test]
fn the_policy_of_a_bucket_grants_and_denies() {
    use Decision::{Allowed, ExplicitDeny, ImplicitDeny, Unknown};
    const LOOK: &str = "s3:GetEncryptionConfiguration";
    let role = json!({ "AWS": ROLE });
    let allow_role = statement("Allow", &role, &["s3:*"]);
    let allow_root = statement("Allow", &json!({ "AWS": ROOT }), &["s3:*"]);
    let deny = |actions: &[&str]| statement("Deny", &json!("*"), actions);
    let insecure = json!({ "Bool": { "aws:SecureTransport": "false" } });
    let ready = (Verdict::Ready, vec![]);
    // The role's own policies allow everything.
    for (statements, verdict, look, put) in [
        (vec![], ready.clone(), Allowed, Allowed),
        (vec![allow_root.clone()], ready.clone(), Allowed, Allowed),
        (vec![under(deny(&["s3:*"]), insecure)], ready.clone(), Allowed, Allowed),
        (vec![deny(&["s3:Get*"])], (Verdict::NotReady, vec![Code::ExplicitDeny]), ExplicitDeny, Allowed),
        (vec![deny(&["s3:PutObject"])], ready.clone(), Allowed, ExplicitDeny),
        (vec![under(deny(&["s3:Get*"]), unknowable())], (Verdict::Unknown, vec![]), Unknown, Allowed),
        (vec![under(deny(&["s3:Put*"]), unknowable())], ready.clone(), Allowed, Unknown),
    ] {
        let outcome = judge(&to_bucket(true, guarded(&statements), EVERYTHING));
        let codes: Vec<Code> = errors(&outcome).into_iter().collect();
        assert_eq!((outcome.verdict, codes), verdict, "{statements:?}");
        assert_eq!((decision(&outcome, LOOK), decision(&outcome, "s3:PutObject")), (look, put), "{statements:?}");
        if put != Allowed {
            let finding = found(&outcome, Code::SessionLogs).unwrap();
            assert!(finding.severity() == Severity::Warning && finding.message().contains(BUCKET), "{finding:?}");
        }
    }
    // The role's own policies allow nothing there.
    let missing = (Verdict::NotReady, vec![Code::MissingPermission]);
    for (fact, verdict, look) in [
        (guarded(std::slice::from_ref(&allow_role)), ready.clone(), Allowed),
        (guarded(&[allow_root]), missing.clone(), ImplicitDeny),
        (guarded(&[]), missing.clone(), ImplicitDeny),
        (bucket(with("AES256", None), Fact::Absent), missing.clone(), ImplicitDeny),
        (guarded(&[under(allow_role, unknowable())]), (Verdict::Unknown, vec![]), Unknown),
        (bucket(with("AES256", None), unreadable("s3:GetBucketPolicy")), (Verdict::Unknown, vec![]), Unknown),
        (unreadable("s3:GetBucketPolicy"), (Verdict::Unknown, vec![]), Unknown),
    ] {
        let outcome = judge(&to_bucket(true, fact.clone(), &[]));
        let codes: Vec<Code> = errors(&outcome).into_iter().collect();
        assert_eq!((outcome.verdict, codes, decision(&outcome, LOOK)), (verdict.0, verdict.1, look), "{fact:?}");
    }
    // Nobody but the account that owns it is shown its policy: across accounts both must allow.
    let foreign = Fact::Unreadable(Unreadable {
        api: "s3:GetBucketPolicy".to_owned(),
        kind: UnreadableKind::OtherAccount,
        message: "the bucket is of another account".to_owned(),
    });
    let outcome = judge(&to_bucket(true, bucket(with("AES256", None), foreign), &[]));
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, [Code::MissingPermission].into()));
}

#[test]
fn requests_go_to_the_region_of_the_bucket() {
    let account = |region: Fact<String>| {
        let fact = Fact::Known(Bucket { region, encryption: with("AES256", None), policy: Fact::Absent });
        to_bucket(true, fact, &[]).role("web", |role| {
            ready(role);
            let condition = json!({ "StringEquals": { "aws:RequestedRegion": "eu-west-1" } });
            add_inline(role, "logs", &policy(&[under(allow(&["s3:*"], "*"), condition)]));
        })
    };
    for (region, verdict) in [
        (Fact::Known("eu-west-1".to_owned()), Verdict::Ready),
        (Fact::Known("us-east-1".to_owned()), Verdict::NotReady),
        (unreadable("s3:ListBucket"), Verdict::Unknown),
    ] {
        assert_eq!(judge(&account(region.clone())).verdict, verdict, "{region:?}");
    }
}

#[test]
fn the_key_of_a_bucket_is_needed_for_uploads_through_s3_only() {
    const ACTION: &str = "kms:GenerateDataKey";
    let root = json!({ "Effect": "Allow", "Principal": { "AWS": ROOT }, "Action": "kms:*", "Resource": "*" });
    let via = |service: &str| json!({ "StringEquals": { "kms:ViaService": service } });
    let account = |statements: &[Json], actions| {
        let key = KmsKey {
            arn: KEY.to_owned(),
            state: Some("Enabled".to_owned()),
            policy: Fact::Known(text(&policy(statements))),
        };
        to_bucket(true, bucket(with("aws:kms", Some(KEY)), Fact::Absent), actions)
            .with(|facts| drop(facts.kms_keys.insert(kms_key(Some("eu-west-1"), KEY), Fact::Known(key))))
    };
    // A denial loses the log and ends no session.
    for (statements, actions, expected) in [
        (vec![root.clone()], EVERYTHING, Decision::Allowed),
        (vec![root.clone()], &["s3:*"], Decision::ImplicitDeny),
        (vec![], EVERYTHING, Decision::ImplicitDeny),
        (vec![under(root.clone(), via("s3.eu-west-1.amazonaws.com"))], EVERYTHING, Decision::Allowed),
        (vec![under(root.clone(), via("s3.us-east-1.amazonaws.com"))], EVERYTHING, Decision::ImplicitDeny),
    ] {
        let outcome = judge(&account(&statements, actions));
        assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Ready, [].into()), "{statements:?} {actions:?}");
        assert_eq!(decision(&outcome, ACTION), expected, "{statements:?} {actions:?}");
        assert_eq!(found(&outcome, Code::SessionLogs).is_some(), expected != Decision::Allowed);
        let permission = outcome.permissions.iter().find(|permission| permission.action == ACTION).unwrap();
        assert_eq!((permission.resource.as_str(), permission.required), (KEY, false));
    }
    // The user asked for the bucket.
    let requirements = Requirements {
        s3_logs: Some(S3Logs { bucket: BUCKET.to_owned(), prefix: String::new() }),
        ..Requirements::default()
    };
    let outcome = diagnose(&account(&[root], &["s3:*"]).facts, &requirements, now()).results.remove(0);
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, [Code::MissingPermission].into()));
    // The key that AWS manages is open to the account.
    for key in [None, Some("arn:aws:kms:eu-west-1:111122223333:alias/aws/s3")] {
        let outcome = judge(&to_bucket(true, bucket(with("aws:kms", key), Fact::Absent), &["s3:*"]));
        assert!(outcome.permissions.iter().all(|permission| permission.action != ACTION));
    }
}

#[test]
fn what_another_resource_may_grant_is_not_missing() {
    let verdict = |action: &str, resource: Option<&str>| {
        let required = RequiredAction { action: action.to_owned(), resource: resource.map(str::to_owned) };
        let requirements = Requirements { actions: vec![required], ..Requirements::default() };
        let outcome = diagnose(&Account::with_role(ready).facts, &requirements, now()).results.remove(0);
        let said = outcome.not_checked.iter().any(|item| crate::render::words::not_checked(item).contains("--require"));
        (outcome.verdict, decision(&outcome, action), said)
    };
    let open = (Verdict::Unknown, Decision::Unknown, true);
    let closed = |said| (Verdict::NotReady, Decision::ImplicitDeny, said);
    for (action, resource, expected) in [
        ("sqs:SendMessage", Some("arn:aws:sqs:us-east-1:111122223333:q"), open),
        ("secretsmanager:GetSecretValue", Some("arn:aws:secretsmanager:us-east-1:111122223333:secret:s"), open),
        ("s3:GetObject", Some("arn:aws:s3:::b/o"), open),
        // Across accounts both must allow.
        ("sqs:SendMessage", Some("arn:aws:sqs:us-east-1:444455556666:q"), closed(true)),
        // These have no policy of their own, or none in view.
        ("ssm:GetParameter", Some("arn:aws:ssm:us-east-1:111122223333:parameter/p"), closed(false)),
        ("ec2:RunInstances", Some("arn:aws:ec2:us-east-1:111122223333:instance/*"), closed(false)),
        ("sqs:ListQueues", None, closed(false)),
    ] {
        assert_eq!(verdict(action, resource), expected, "{action} {resource:?}");
    }
}

/// Where the resource's own policy must allow too, and nobody reads it, an allow of the role's is half of the answer.
#[test]
fn what_another_resource_must_allow_too_is_not_known() {
    for (action, resource, expected) in [
        ("sqs:SendMessage", "arn:aws:sqs:us-east-1:111122223333:q", Verdict::Ready),
        ("sqs:SendMessage", "arn:aws:sqs:us-east-1:444455556666:q", Verdict::Unknown),
        ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:444455556666:secret:s", Verdict::Unknown),
        // Whose it is is not known.
        ("s3:GetObject", "arn:aws:s3:::b/o", Verdict::Ready),
        // These have no policy of their own.
        ("ec2:RunInstances", "arn:aws:ec2:us-east-1:444455556666:instance/*", Verdict::Ready),
        ("sts:AssumeRole", "arn:aws:iam::444455556666:role/x", Verdict::Unknown),
        ("sts:AssumeRole", "arn:aws:iam::111122223333:role/x", Verdict::Unknown),
    ] {
        let account = Account::with_role(move |role| {
            ready(role);
            add_inline(role, "more", &policy(&[allow(&[action], "*")]));
        });
        let required = RequiredAction { action: action.to_owned(), resource: Some(resource.to_owned()) };
        let requirements = Requirements { actions: vec![required], ..Requirements::default() };
        let outcome = diagnose(&account.facts, &requirements, now()).results.remove(0);
        assert_eq!(outcome.verdict, expected, "{action} {resource}");
        let said = found(&outcome, Code::ConditionalPermission).map(crate::render::words::Said::message);
        assert_eq!(said.is_some_and(|said| said.contains(resource)), expected == Verdict::Unknown, "{outcome:?}");
    }
}
