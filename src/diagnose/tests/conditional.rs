//! What is proposed where a permission depends on a condition key.

use super::*;
use crate::facts::MetadataOptions;
use crate::needs::{ContextEntry, RequiredAction, S3Logs};
use crate::render::words::{self, Said as _};

/// The remedy for a condition on the five core actions, of which nothing is known.
fn remedy_for(condition: Json) -> String {
    let statement = under(allow(&CORE, "*"), condition);
    let account = Account::with_role(|role| add_inline(role, "core", &policy(&[statement])));
    let outcome = judge(&account.with(|facts| facts.organization = unreadable("organizations:DescribeOrganization")));
    assert_eq!(outcome.verdict, Verdict::Unknown, "{outcome:?}");
    found(&outcome, Code::ConditionalPermission).unwrap().remedy()
}

#[test]
fn a_key_that_differs_with_the_service_is_asked_for_by_call() {
    for key in ["aws:SourceVpce", "aws:SourceVpc", "aws:SourceIp", "aws:ResourceTag/env"] {
        let remedy = remedy_for(json!({ "StringEquals": { key: "x" } }));
        assert!(remedy.contains(&format!("`--context ssm:UpdateInstanceInformation@{key}=x`")), "{remedy}");
        assert!(remedy.contains(&format!("`--context 'ssmmessages:*@{key}=x'`")), "{remedy}");
        assert!(remedy.contains("=` if requests do not carry it"), "{remedy}");
    }
    let remedy = remedy_for(json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } }));
    assert_eq!(
        remedy,
        "provide the value, for example the one that the policy names: `--context aws:PrincipalOrgID=o-1` \
         (`--context aws:PrincipalOrgID=` if requests do not carry it)"
    );
}

#[test]
fn a_key_that_is_always_there_is_not_said_to_be_absent() {
    let remedy = remedy_for(json!({ "StringLike": { "aws:UserAgent": "agent*" } }));
    assert_eq!(remedy, "provide the value: `--context aws:UserAgent=VALUE`");
}

/// The condition of `AWSRevokeOlderSessions`: only credentials issued before a time are denied.
#[test]
fn revoked_sessions_come_back_by_themselves() {
    let revoked = under(
        deny(&["*"], "*"),
        json!({ "DateLessThan": { "aws:TokenIssueTime": (now() - jiff::SignedDuration::from_mins(10)).to_string() } }),
    );
    let outcome = judge(&Account::with_role(|role| {
        ready(role);
        add_inline(role, "AWSRevokeOlderSessions", &policy(&[revoked]));
    }));
    assert_eq!(outcome.verdict, Verdict::Unknown);
    let remedy = &found(&outcome, Code::ConditionalPermission).unwrap().remedy();
    assert!(remedy.contains("within 24 hours") && !remedy.contains("--context"), "{remedy}");
}

#[test]
fn the_remedy_for_old_metadata_calls_is_to_require_tokens() {
    let old = under(deny(&["*"], "*"), json!({ "NumericLessThan": { "ec2:RoleDelivery": "2.0" } }));
    let with = |tokens: &'static str| {
        let role = |role: &mut Role| {
            ready(role);
            add_inline(role, "imds", &policy(std::slice::from_ref(&old)));
        };
        let metadata = MetadataOptions {
            http_endpoint: Some("enabled".to_owned()),
            http_tokens: Some(tokens.to_owned()),
            state: Some("applied".to_owned()),
        };
        let holder = |instance: &mut crate::facts::Instance| instance.metadata = Some(metadata);
        Account::new().role("web", role).profile("web", |_| {}).instance(INSTANCE, holder)
    };
    assert_eq!(judge(&with("required")).verdict, Verdict::Ready);
    let outcome = judge(&with("optional"));
    assert_eq!(outcome.verdict, Verdict::Unknown);
    let finding = found(&outcome, Code::ConditionalPermission).unwrap();
    let remedy = words::finding(finding, &words::Place::of(&outcome)).remedy;
    let command = format!("--instance-id {INSTANCE} --region us-east-1 --http-tokens required`");
    assert!(remedy.contains(&command) && !remedy.contains("--context"), "{remedy}");
}

/// A lock to Regions must not be answered for the agent's own calls with the Region of a bucket.
#[test]
fn the_region_of_a_bucket_is_said_for_the_calls_to_it() {
    let locked =
        under(deny(&["*"], "*"), json!({ "StringNotEquals": { "aws:RequestedRegion": ["us-east-1", "eu-west-1"] } }));
    let account = Account::with_role(|role| {
        ready(role);
        add_inline(role, "logs", &policy(&[allow(&["s3:*"], "*"), locked]));
    });
    let logs = Some(S3Logs { bucket: "b".to_owned(), prefix: String::new() });
    let judge = |context: &[(Option<&str>, &str)]| {
        let context = context.iter().map(|(action, region)| ContextEntry {
            action: action.map(str::to_owned),
            key: "aws:RequestedRegion".to_owned(),
            values: vec![(*region).to_owned()],
        });
        let requirements =
            Requirements { s3_logs: logs.clone(), context: context.collect(), ..Requirements::default() };
        diagnose(&account.facts, &requirements, now()).results.remove(0)
    };
    let outcome = judge(&[]);
    assert_eq!(outcome.verdict, Verdict::Unknown);
    let remedy = &found(&outcome, Code::ConditionalPermission).unwrap().remedy();
    for action in ["s3:PutObject", "s3:GetEncryptionConfiguration"] {
        let flag = format!("`--context {action}@aws:RequestedRegion=REGION` (the bucket's Region)");
        assert!(remedy.contains(&flag) && !remedy.contains("do not carry"), "{remedy}");
    }
    for (context, verdict) in [
        (&[(Some("s3:*"), "eu-west-1")][..], Verdict::Ready),
        (&[(Some("s3:*"), "ap-south-1")], Verdict::NotReady),
        (&[(Some("s3:PutObject"), "eu-west-1")], Verdict::Unknown),
        (&[(Some("s3:*"), "ap-south-1"), (Some("s3:PutObject"), "eu-west-1")], Verdict::NotReady),
        // Said of every call, it holds for the agent's own as well.
        (&[(None, "ap-south-1")], Verdict::NotReady),
        (&[(None, "ap-south-1"), (Some("s3:*"), "eu-west-1")], Verdict::NotReady),
        (&[(None, "us-east-1"), (Some("s3:*"), "ap-south-1")], Verdict::NotReady),
    ] {
        assert_eq!(judge(context).verdict, verdict, "{context:?}");
    }
}

#[test]
fn the_caller_may_always_ask_who_it_is() {
    let denied = policy(&[deny(&["sts:*"], "*")]);
    let account = Account::with_role(|role| {
        ready(role);
        add_inline(role, "denied", &denied);
    });
    let requiring = |action: &str| {
        let actions = vec![RequiredAction { action: action.to_owned(), resource: None }];
        let requirements = Requirements { actions, ..Requirements::default() };
        diagnose(&account.facts, &requirements, now()).results.remove(0).verdict
    };
    assert_eq!(requiring("sts:GetCallerIdentity"), Verdict::Ready);
    assert_eq!(requiring("STS:getcalleridentity"), Verdict::Ready);
    assert_eq!(requiring("sts:GetSessionToken"), Verdict::NotReady);
}
