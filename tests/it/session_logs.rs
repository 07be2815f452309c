//! Where session logs go: what `check` reads of the bucket and the log group, and what it makes of them.
//!
//! The SSM Agent ends a session where the preferences demand encryption and the bucket or log group is not encrypted
//! (`agent/session/shell/shell.go`, `validate`), and else only loses the log.

use serde_json::{Value, json};

use crate::live_stub::{check, errors, only_reads, with_role};
use crate::support::answer::Answer;
use crate::support::command::Sandbox;
use crate::support::model::{Bucket, Key, LogGroup, Role};
use crate::support::report::{Code, Decision, Outcome, Severity, Verdict};
use crate::support::stub::Stub;
use crate::support::world::{ACCOUNT, INSTANCE, World};

const BUCKET: &str = "session-logs";
const GROUP: &str = "/ssm/sessions";
const ROLE: &str = "arn:aws:iam::111122223333:role/web";

/// A ready role that may also do this, and preferences that send logs to both places and demand encryption or do not.
fn world(actions: &[&str], demanded: bool) -> World {
    let own = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}});
    let role = Role::new("web").attach("AmazonSSMManagedInstanceCore").inline("own", own);
    with_role(role).preferences(json!({
        "schemaVersion": "1.0", "sessionType": "Standard_Stream",
        "inputs": {
            "s3BucketName": BUCKET, "s3EncryptionEnabled": demanded,
            "cloudWatchLogGroupName": GROUP, "cloudWatchEncryptionEnabled": demanded,
        },
    }))
}

const EVERYTHING: &[&str] = &["s3:*", "logs:*", "kms:*"];

fn encrypted_group() -> LogGroup {
    LogGroup::new(GROUP).key("arn:aws:kms:us-east-1:111122223333:key/1234")
}

fn judged(stub: &Stub, arguments: &[&str]) -> Outcome {
    let report = check(&Sandbox::at(stub), &[&[INSTANCE], arguments].concat());
    only_reads(stub);
    report.only().clone()
}

fn of_bucket(effect: &str, principal: &Value, action: &str) -> Value {
    let resources = [format!("arn:aws:s3:::{BUCKET}"), format!("arn:aws:s3:::{BUCKET}/*")];
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Logs", "Effect": effect, "Principal": principal, "Action": action, "Resource": resources},
    ]})
}

#[test]
fn destinations_that_must_be_encrypted_and_are_not_end_sessions() {
    let fine = || world(EVERYTHING, true).bucket(Bucket::new(BUCKET)).log_group(encrypted_group());
    let plain = |mut bucket: Bucket| {
        bucket.encryption = None;
        bucket
    };
    let cases: [(&str, World, Option<&str>); 6] = [
        ("both are encrypted", fine(), None),
        (
            "the bucket is in another Region",
            {
                let mut world = fine();
                world.buckets = vec![Bucket::new(BUCKET).region("eu-west-1")];
                world
            },
            None,
        ),
        (
            "a bucket without encryption",
            {
                let mut world = fine();
                world.buckets = vec![plain(Bucket::new(BUCKET))];
                world
            },
            Some("no default encryption"),
        ),
        (
            "no bucket",
            {
                let mut world = fine();
                world.buckets.clear();
                world
            },
            Some("there is no bucket"),
        ),
        (
            "a log group without a key",
            {
                let mut world = fine();
                world.log_groups = vec![LogGroup::new(GROUP)];
                world
            },
            Some("not encrypted with a KMS key"),
        ),
        // The name of another one begins with it.
        (
            "no log group",
            {
                let mut world = fine();
                world.log_groups = vec![LogGroup::new(&format!("{GROUP}-old")), LogGroup::new(&format!("{GROUP}/a"))];
                world.page_size(1)
            },
            Some("there is no log group"),
        ),
    ];
    for (name, world, ends) in cases {
        let outcome = judged(&world.serve(), &[]);
        match ends {
            None => assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Ready, vec![]), "{name}"),
            Some(why) => {
                assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, vec![Code::SessionLogs]), "{name}");
                let finding = outcome.findings.iter().find(|finding| finding.code == Code::SessionLogs).unwrap();
                assert!(finding.message.contains(why), "{name}: {finding:?}");
            }
        }
    }
    // Nothing demands it: what is missing loses the log.
    let outcome = judged(&world(EVERYTHING, false).serve(), &[]);
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Ready, vec![]));
    let lost = outcome.findings.iter().filter(|finding| finding.code == Code::SessionLogs);
    assert_eq!(lost.map(|finding| finding.severity).collect::<Vec<_>>(), [Severity::Warning; 2]);
}

#[test]
fn what_may_not_be_read_is_said_and_decides_nothing_that_the_role_may_do() {
    let stub = world(EVERYTHING, true)
        .bucket(Bucket::new(BUCKET))
        .log_group(encrypted_group())
        .fail("HeadBucket", Answer::denied("s3:ListBucket"))
        .fail("GetBucketEncryption", Answer::denied("s3:GetEncryptionConfiguration"))
        .fail("GetBucketPolicy", Answer::denied("s3:GetBucketPolicy"))
        .fail("DescribeLogGroups", Answer::denied("logs:DescribeLogGroups"))
        .serve();
    let outcome = judged(&stub, &[]);
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Ready, vec![]));
    for api in ["s3:GetBucketPolicy", "s3:GetEncryptionConfiguration", "logs:DescribeLogGroups"] {
        assert!(outcome.not_checked.iter().any(|line| line.contains(api)), "{api}: {:?}", outcome.not_checked);
    }
    // A service that fails may hide what ends sessions.
    for action in ["GetBucketEncryption", "DescribeLogGroups"] {
        let world = world(EVERYTHING, true).bucket(Bucket::new(BUCKET)).log_group(encrypted_group());
        let stub = world.fail(action, Answer::internal()).serve();
        let report = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1").run(&["check", INSTANCE, "-o", "json"]).expect(3);
        assert_eq!(report.report().only().verdict, Verdict::Unknown, "{action}");
    }
}

#[test]
fn the_policy_of_the_bucket_grants_and_denies() {
    const LOOK: &str = "s3:GetEncryptionConfiguration";
    let role = json!({ "AWS": ROLE });
    let judge = |actions: &[&str], bucket: Bucket| {
        judged(&world(actions, true).bucket(bucket).log_group(encrypted_group()).serve(), &[])
    };
    let granted = judge(&["logs:*"], Bucket::new(BUCKET).policy(of_bucket("Allow", &role, "s3:*")));
    assert_eq!((granted.verdict, granted.permission(LOOK).decision), (Verdict::Ready, Decision::Allowed));
    let by = &granted.permission(LOOK).decided_by[0];
    assert_eq!((by.policy.as_str(), by.sid.as_deref(), by.statement), (BUCKET, Some("Logs"), Some(0)));
    // Without a policy, or with one of another account, the role's own policies must allow.
    for bucket in [Bucket::new(BUCKET), Bucket::new(BUCKET).foreign()] {
        let outcome = judge(&["logs:*"], bucket);
        assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, vec![Code::MissingPermission]));
    }
    let denied = judge(EVERYTHING, Bucket::new(BUCKET).policy(of_bucket("Deny", &json!("*"), LOOK)));
    assert_eq!((denied.verdict, errors(&denied)), (Verdict::NotReady, vec![Code::ExplicitDeny]));
    assert_eq!(denied.permission(LOOK).decision, Decision::ExplicitDeny);
    let message = &denied.findings.iter().find(|finding| finding.code == Code::ExplicitDeny).unwrap().message;
    assert!(message.contains("statement 0 (Sid `Logs`)") && message.contains(BUCKET), "{message}");
    let lost = judge(EVERYTHING, Bucket::new(BUCKET).policy(of_bucket("Deny", &json!("*"), "s3:PutObject")));
    assert_eq!((lost.verdict, errors(&lost)), (Verdict::Ready, vec![]));
    assert_eq!(lost.permission("s3:PutObject").decision, Decision::ExplicitDeny);
}

#[test]
fn the_bucket_names_its_region_and_its_key() {
    let key = format!("arn:aws:kms:eu-west-1:{ACCOUNT}:key/5678");
    let bucket = || Bucket::new(BUCKET).region("eu-west-1").encryption("aws:kms", Some(&key));
    let world = |actions: &[&str]| {
        world(actions, true).bucket(bucket()).log_group(encrypted_group()).key(Key::new("5678").region("eu-west-1"))
    };
    let stub = world(EVERYTHING).serve();
    let outcome = judged(&stub, &[]);
    let upload = outcome.permission("kms:GenerateDataKey");
    assert_eq!((upload.resource.as_str(), upload.decision, upload.required), (key.as_str(), Decision::Allowed, false));
    // Asked from the instance's Region, the bucket says where it is, and is asked there.
    for (action, region) in [
        ("HeadBucket", "us-east-1"),
        ("GetBucketEncryption", "eu-west-1"),
        ("GetBucketPolicy", "eu-west-1"),
        ("DescribeKey", "eu-west-1"),
    ] {
        let regions: Vec<String> = stub.calls_of(action).into_iter().map(|call| call.region).collect();
        assert_eq!(regions, [region], "{action}");
    }
    // Without the key sessions work, and their logs do not arrive.
    let outcome = judged(&world(&["s3:*", "logs:*"]).serve(), &[]);
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Ready, vec![]));
    assert!(
        outcome
            .findings
            .iter()
            .any(|finding| { finding.code == Code::SessionLogs && finding.message.contains("kms:GenerateDataKey") })
    );
}

#[test]
fn no_destination_is_no_call_and_flags_name_one_too() {
    let reads = ["HeadBucket", "GetBucketEncryption", "GetBucketPolicy", "DescribeLogGroups"];
    let stub = World::ready().serve();
    check(&Sandbox::at(&stub), &[INSTANCE]);
    assert!(reads.iter().all(|action| stub.calls_of(action).is_empty()), "{:?}", stub.counts());
    let stub = World::ready().bucket(Bucket::new("logs")).log_group(LogGroup::new("g")).serve();
    check(&Sandbox::at(&stub), &[INSTANCE, "--s3-logs", "logs/prefix", "--cloudwatch-logs", "g"]);
    assert!(reads.iter().all(|action| stub.calls_of(action).len() == 1), "{:?}", stub.counts());
}

#[test]
fn a_snapshot_holds_them() {
    let mut unencrypted = Bucket::new(BUCKET);
    unencrypted.encryption = None;
    let stub = world(EVERYTHING, true).bucket(unencrypted).log_group(LogGroup::new(GROUP)).serve();
    let sandbox = Sandbox::at(&stub);
    let snapshot = sandbox.run(&["snapshot", INSTANCE]).expect(0);
    sandbox.file("snapshot.json", &snapshot.stdout);
    let live = check(&sandbox, &[INSTANCE]).only().clone();
    let later = check(&sandbox, &["--snapshot", "snapshot.json"]);
    assert_eq!(later.only().findings, live.findings);
    assert_eq!(errors(&live), [Code::SessionLogs, Code::SessionLogs]);
}
