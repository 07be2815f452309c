//! Bare documents: what is asked of them beyond the core, and what the user knows that the tool cannot.

use serde_json::json;

use crate::documents::{PLACE, actions_for, allow, core, judge_policy, policy, statement, with};
use crate::support::command::Sandbox;
use crate::support::model::CORE;
use crate::support::report::{Code, Decision, NeededFor, Verdict};

const KEY_ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const KEY_ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

#[test]
fn required_actions_join_the_core() {
    let object = "arn:aws:s3:::bucket/key";
    for (resource, required, shown, decision) in [
        ("*", "s3:GetObject=arn:aws:s3:::bucket/key", object, Decision::Allowed),
        ("arn:aws:s3:::bucket/*", "s3:GetObject=arn:aws:s3:::bucket/key", object, Decision::Allowed),
        ("arn:aws:s3:::other/*", "s3:GetObject=arn:aws:s3:::bucket/key", object, Decision::ImplicitDeny),
        ("*", "s3:GetObject", "*", Decision::Allowed),
        ("arn:aws:s3:::bucket/*", "s3:GetObject", "*", Decision::Unknown),
        ("*", "s3:PutObject", "*", Decision::ImplicitDeny),
    ] {
        let policy = policy([allow(CORE.to_vec()), statement("Allow", "s3:getobject", resource)]);
        let outcome = judge_policy(&policy, &["--require", required]);
        let action = required.split('=').next().unwrap();
        assert_eq!(actions_for(&outcome, NeededFor::Custom), [action]);
        let permission = outcome.permission(action);
        assert_eq!((permission.resource.as_str(), permission.decision), (shown, decision), "{resource} {required}");
        let verdict = match decision {
            Decision::Allowed => Verdict::Ready,
            Decision::Unknown => Verdict::Unknown,
            Decision::ImplicitDeny | Decision::ExplicitDeny => Verdict::NotReady,
        };
        assert_eq!(outcome.verdict, verdict);
    }
    let twice = judge_policy(&core(), &["--require", "ssm:updateinstanceinformation", "--require", CORE[1]]);
    assert_eq!(twice.permissions.len(), CORE.len(), "what is needed anyway is not listed twice");
}

/// The STS API reference: the call needs no permission, and works in spite of an explicit deny.
#[test]
fn whoever_calls_may_ask_for_its_identity() {
    let denied = policy([allow(CORE.to_vec()), statement("Deny", "sts:*", "*")]);
    for (action, verdict) in
        [("sts:GetCallerIdentity", Verdict::Ready), ("sts:DecodeAuthorizationMessage", Verdict::NotReady)]
    {
        assert_eq!(judge_policy(&denied, &["--require", action]).verdict, verdict, "{action}");
        assert_eq!(judge_policy(&core(), &["--require", action]).verdict, verdict, "{action}");
    }
}

#[test]
fn what_is_said_for_the_calls_of_an_action_leaves_the_others_alone() {
    let locked = policy([
        allow([CORE.to_vec(), vec!["s3:*"]].concat()),
        with(
            statement("Deny", "*", "*"),
            "Condition",
            json!({"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}),
        ),
    ]);
    for (given, verdict) in [
        (&[][..], Verdict::Unknown),
        (&["s3:*@aws:RequestedRegion=us-east-1"], Verdict::Ready),
        (&["s3:putobject@aws:RequestedRegion=us-east-1", "s3:get*@aws:RequestedRegion=us-east-1"], Verdict::Ready),
        (&["s3:*@aws:RequestedRegion=eu-west-1"], Verdict::NotReady),
        (&["s3:PutObject@aws:RequestedRegion=us-east-1", "aws:RequestedRegion=eu-west-1"], Verdict::NotReady),
        (&["kms:*@aws:RequestedRegion=us-east-1"], Verdict::Unknown),
    ] {
        let given = given.iter().flat_map(|given| ["--context", *given]);
        let arguments: Vec<&str> = PLACE.into_iter().chain(["--s3-logs", "bucket"]).chain(given).collect();
        assert_eq!(judge_policy(&locked, &arguments).verdict, verdict, "{arguments:?}");
    }
    let sandbox = Sandbox::new();
    sandbox.file("policy.json", &locked);
    for (given, said) in [
        ("aws:TokenIssueTime=", "`aws:TokenIssueTime` cannot be absent"),
        ("s3:PutObject@aws:RequestedRegion=", "`aws:RequestedRegion` cannot be absent"),
        ("PutObject@aws:SourceVpc=vpc-1", "`PutObject` in `PutObject@aws:SourceVpc=vpc-1` does not name an IAM action"),
    ] {
        let output = sandbox.run(&["check", "--policy", "policy.json", "--context", given]).expect(2);
        assert!(output.stderr.contains(said) && output.stdout.is_empty(), "{output:?}");
    }
}

#[test]
fn a_session_key_must_be_named_by_its_own_arn() {
    let alias = "arn:aws:kms:us-east-1:111122223333:alias/sessions";
    for (granted, given, arguments, shown, decision) in [
        (KEY_ARN, KEY_ARN, &[][..], KEY_ARN, Decision::Allowed),
        ("*", KEY_ARN, &[], KEY_ARN, Decision::Allowed),
        (alias, KEY_ARN, &[], KEY_ARN, Decision::ImplicitDeny),
        (KEY_ARN, KEY_ID, &PLACE, KEY_ARN, Decision::Allowed),
        (KEY_ARN, KEY_ID, &[], &format!("arn:aws:kms:*:*:key/{KEY_ID}"), Decision::Unknown),
        (KEY_ARN, "alias/sessions", &PLACE, "arn:aws:kms:us-east-1:111122223333:key/*", Decision::Unknown),
        (alias, "alias/sessions", &PLACE, "arn:aws:kms:us-east-1:111122223333:key/*", Decision::ImplicitDeny),
        (alias, alias, &PLACE, "arn:aws:kms:us-east-1:111122223333:key/*", Decision::ImplicitDeny),
    ] {
        let policy = policy([allow(CORE.to_vec()), statement("Allow", "kms:Decrypt", granted)]);
        let outcome = judge_policy(&policy, &[&["--kms-key", given], arguments].concat());
        assert_eq!(actions_for(&outcome, NeededFor::Kms), ["kms:Decrypt"]);
        let permission = outcome.permission("kms:Decrypt");
        assert_eq!((permission.resource.as_str(), permission.decision), (shown, decision), "{granted} {given}");
        // That the key's own policy was not read must be said where it could still refuse.
        if decision == Decision::Allowed {
            assert_eq!((outcome.verdict, outcome.codes()), (Verdict::Ready, vec![Code::KmsKeyPolicy]));
        }
    }
}

#[test]
fn session_logs_need_bucket_and_group() {
    let logs = |action: &str, arguments: &[&str]| {
        let grants = policy([
            allow(CORE.to_vec()),
            statement("Allow", "s3:GetEncryptionConfiguration", "arn:aws:s3:::bucket"),
            statement("Allow", "s3:PutObject", "arn:aws:s3:::bucket/logs/*"),
            allow("logs:DescribeLogGroups"),
            statement("Allow", "logs:*", "arn:aws:logs:us-east-1:111122223333:log-group:/sessions:*"),
        ]);
        let outcome = judge_policy(&grants, &[&PLACE, arguments].concat());
        (outcome.permission(action).decision, outcome)
    };
    for (bucket, object, decision, verdict) in [
        ("bucket/logs", "arn:aws:s3:::bucket/logs/*", Decision::Allowed, Verdict::Ready),
        ("bucket/logs/web/", "arn:aws:s3:::bucket/logs/web/*", Decision::Allowed, Verdict::Ready),
        ("bucket", "arn:aws:s3:::bucket/*", Decision::Unknown, Verdict::Unknown),
        ("bucket/other", "arn:aws:s3:::bucket/other/*", Decision::ImplicitDeny, Verdict::NotReady),
        ("elsewhere/logs", "arn:aws:s3:::elsewhere/logs/*", Decision::ImplicitDeny, Verdict::NotReady),
    ] {
        let (decided, outcome) = logs("s3:PutObject", &["--s3-logs", bucket]);
        assert_eq!((decided, outcome.verdict), (decision, verdict), "{bucket}");
        assert_eq!(actions_for(&outcome, NeededFor::S3Logs), ["s3:GetEncryptionConfiguration", "s3:PutObject"]);
        assert_eq!(outcome.permission("s3:PutObject").resource, object);
        let name = bucket.split('/').next().unwrap();
        assert_eq!(outcome.permission("s3:GetEncryptionConfiguration").resource, format!("arn:aws:s3:::{name}"));
    }
    for (group, decision, verdict) in
        [("/sessions", Decision::Allowed, Verdict::Ready), ("/other", Decision::ImplicitDeny, Verdict::NotReady)]
    {
        let (decided, outcome) = logs("logs:PutLogEvents", &["--cloudwatch-logs", group]);
        assert_eq!((decided, outcome.verdict), (decision, verdict), "{group}");
        let mut actions = actions_for(&outcome, NeededFor::CloudwatchLogs);
        actions.sort_unstable();
        let needed = ["CreateLogStream", "DescribeLogGroups", "DescribeLogStreams", "PutLogEvents"];
        assert_eq!(actions, needed.map(|action| format!("logs:{action}")));
        assert_eq!(outcome.permission("logs:DescribeLogGroups").decision, Decision::Allowed);
    }
}

#[test]
fn what_the_user_knows_settles_a_condition() {
    let vpce = ("StringEquals", "aws:SourceVpce", json!("vpce-0abc"));
    let not_vpce = ("StringNotEquals", "aws:SourceVpce", json!("vpce-0abc"));
    let agent = ("StringEquals", "aws:UserAgent", json!("agent, 1"));
    let paths = ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", json!("o-1/r-1/ou-2/*"));
    let secure = ("Bool", "aws:SecureTransport", json!(true));
    for ((operator, key, value), given, verdict) in [
        (&vpce, None, Verdict::Unknown),
        (&vpce, Some("aws:SourceVpce=vpce-0abc"), Verdict::Ready),
        (&vpce, Some("AWS:sourcevpce=vpce-0abc"), Verdict::Ready),
        (&vpce, Some("aws:SourceVpce=vpce-0def"), Verdict::NotReady),
        (&vpce, Some("aws:SourceVpce="), Verdict::NotReady),
        (&not_vpce, Some("aws:SourceVpce="), Verdict::Ready),
        (&agent, Some(r"aws:UserAgent=agent\, 1"), Verdict::Ready),
        (&paths, Some("aws:PrincipalOrgPaths=o-1/r-1/ou-1/,o-1/r-1/ou-2/ou-3/"), Verdict::Ready),
        (&paths, Some("aws:PrincipalOrgPaths=o-1/r-1/ou-1/"), Verdict::NotReady),
        (&secure, None, Verdict::Ready),
        (&secure, Some("aws:SecureTransport=false"), Verdict::NotReady),
    ] {
        let policy = policy(with(allow(CORE.to_vec()), "Condition", json!({*operator: {*key: value}})));
        let arguments: Vec<&str> = given.iter().flat_map(|given| ["--context", *given]).collect();
        let outcome = judge_policy(&policy, &arguments);
        assert_eq!(outcome.verdict, verdict, "{operator} {key} {given:?}");
        let hangs = outcome.permissions.iter().all(|permission| permission.depends_on == [*key]);
        assert_eq!(hangs, verdict == Verdict::Unknown, "{operator} {key} {given:?}");
    }
}
