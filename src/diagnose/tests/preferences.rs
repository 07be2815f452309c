//! Session preferences: what they ask for, and what a denial of it costs.

use super::*;
use crate::facts::{Bucket, BucketEncryption, KmsKey, LogGroup, kms_key, log_group};
use crate::render::words::Said as _;
use crate::report::NotChecked;

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

/// A role that is ready and allowed this, in a Region with these preferences.
fn account(inputs: &Json, actions: &'static [&'static str]) -> Account {
    let document = json!({ "schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": inputs });
    let preferences = text(&document.to_string());
    with_settings(Account::with_role(ready_and(actions)), |settings| {
        settings.preferences = Fact::Known(preferences.clone());
    })
}

/// An account in which AWS says what a key stands for.
fn resolving(account: Account, given: &str) -> Account {
    let root = json!({ "Effect": "Allow", "Principal": { "AWS": "111122223333" }, "Action": "kms:*", "Resource": "*" });
    let key =
        KmsKey { arn: KEY.to_owned(), state: Some("Enabled".to_owned()), policy: Fact::Known(text(&policy(&[root]))) };
    account.with(|facts| drop(facts.kms_keys.insert(kms_key(Some("us-east-1"), given), Fact::Known(key))))
}

#[test]
fn a_key_is_needed_however_it_is_named() {
    let alias = "arn:aws:kms:us-east-1:111122223333:alias/sessions";
    for given in [ID, KEY, "alias/sessions", alias] {
        let base = resolving(account(&json!({ "kmsKeyId": given }), &[]), given);
        let with = |change: &dyn Fn(&mut Role)| base.clone().role("web", |role| change(role));
        let outcome = judge(&with(&ready));
        assert_eq!(
            (outcome.verdict, errors(&outcome)),
            (Verdict::NotReady, [Code::MissingPermission].into()),
            "{given}"
        );
        let needed = outcome.permissions.last().unwrap();
        assert_eq!((needed.action.as_str(), needed.resource.as_str(), needed.required), ("kms:Decrypt", KEY, true));
        let allowed = |role: &mut Role, resource: &str| {
            ready(role);
            add_inline(role, "key", &policy(&[allow(&["kms:Decrypt"], resource)]));
        };
        let outcome = judge(&with(&|role| allowed(role, KEY)));
        assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::Ready, [].into()), "{given}");
        // An alias in `Resource` grants nothing.
        let outcome = judge(&with(&|role| allowed(role, alias)));
        assert_eq!(outcome.verdict, Verdict::NotReady, "{given}");
        let message = &found(&outcome, Code::MissingPermission).unwrap().message();
        assert!(message.contains("statement 0 of the inline policy `key` names an alias"), "{message}");
    }
}

#[test]
fn an_alias_that_cannot_be_looked_up_leaves_the_verdict_open() {
    let all: &[&str] = &["kms:*"];
    let unread = account(&json!({ "kmsKeyId": "alias/x" }), all);
    assert_eq!(judge(&unread).verdict, Verdict::Unknown);
    let at = kms_key(Some("us-east-1"), "alias/x");
    // A key that the preferences name and that is not there ends sessions.
    for (fact, expected) in [(Fact::Absent, Verdict::NotReady), (unreadable("kms:DescribeKey"), Verdict::Unknown)] {
        let account = unread.clone().with(|facts| drop(facts.kms_keys.insert(at.clone(), fact.clone())));
        assert_eq!(judge(&account).verdict, expected, "{fact:?}");
    }
    let account = account(&json!({ "kmsKeyId": KEY }), all)
        .with(|facts| drop(facts.kms_keys.insert(kms_key(Some("us-east-1"), KEY), Fact::Absent)));
    assert_eq!(errors(&judge(&account)), [Code::KmsKeyPolicy].into());
}

/// A bucket and a log group called `logs`, both encrypted.
fn encrypted(account: Account) -> Account {
    account.with(|facts| {
        let encryption = BucketEncryption { algorithm: "AES256".to_owned(), kms_key: None };
        let bucket = Bucket {
            region: Fact::Known("us-east-1".to_owned()),
            encryption: Fact::Known(encryption),
            policy: Fact::Absent,
        };
        facts.buckets.insert("logs".to_owned(), Fact::Known(bucket));
        let group = LogGroup { kms_key: Some(KEY.to_owned()) };
        facts.log_groups.insert(log_group(Some("us-east-1"), "logs"), Fact::Known(group));
    })
}

#[test]
fn what_a_denial_costs_is_what_the_preferences_demand() {
    use Verdict::{NotReady, Ready};
    let s3 = ("s3BucketName", "s3EncryptionEnabled", "s3:GetEncryptionConfiguration", &["s3:*"][..], &["s3:Get*"][..]);
    let logs = (
        "cloudWatchLogGroupName",
        "cloudWatchEncryptionEnabled",
        "logs:DescribeLogGroups",
        &["logs:*"][..],
        &["logs:DescribeLogGroups"][..],
    );
    for (name, flag, asks, everything, look) in [s3, logs] {
        for (demanded, verdict) in [
            (json!(true), NotReady),
            (json!("true"), NotReady),
            (json!(false), Ready),
            (json!("False"), Ready),
            // The agent takes a flag that is left out as false.
            (json!(null), Ready),
            (json!(""), Ready),
        ] {
            let inputs = json!({ name: "logs", flag: demanded });
            let account = |actions| encrypted(account(&inputs, actions));
            let outcome = judge(&account(&[]));
            assert_eq!(outcome.verdict, verdict, "{inputs}: {:?}", outcome.findings);
            let expected = if verdict == NotReady { [Code::MissingPermission].into() } else { BTreeSet::new() };
            assert_eq!(errors(&outcome), expected, "{inputs}");
            let required: Vec<&str> = outcome.permissions[5..]
                .iter()
                .filter(|permission| permission.required)
                .map(|permission| permission.action.as_str())
                .collect();
            assert_eq!(required, if verdict == NotReady { vec![asks] } else { vec![] }, "{inputs}");
            // The logs themselves are lost in any case.
            let finding = found(&outcome, Code::SessionLogs).unwrap();
            assert_eq!(finding.severity(), Severity::Warning, "{inputs}");
            // What shows the encryption is enough for the session, not for its log.
            let outcome = judge(&account(look));
            assert_eq!((outcome.verdict, errors(&outcome)), (Ready, [].into()), "{inputs}");
            assert!(found(&outcome, Code::SessionLogs).is_some(), "{inputs}");
            let outcome = judge(&account(everything));
            assert_eq!((outcome.verdict, errors(&outcome)), (Ready, [].into()), "{inputs}");
            assert_eq!(found(&outcome, Code::SessionLogs), None, "{inputs}");
        }
        // A flag without its place asks for nothing.
        let outcome = judge(&account(&json!({ flag: true, name: "" }), &[]));
        assert_eq!((outcome.verdict, outcome.permissions.len()), (Ready, 5));
    }
}

/// The policy names another log group than the preferences, a boundary does not let the logs pass, or a statement denies them.
#[test]
fn a_log_that_is_lost_says_what_keeps_it() {
    let said = |statements: &[Json], boundary: Option<&[Json]>| {
        let mut account = account(&json!({ "cloudWatchLogGroupName": "sessions" }), &[]).role("web", |role| {
            ready(role);
            add_inline(role, "logging", &policy(statements));
            if boundary.is_some() {
                role.boundary = Fact::Known("arn:aws:iam::111122223333:policy/limit".to_owned());
            }
        });
        if let Some(boundary) = boundary {
            account = account.managed("limit", &policy(boundary));
        }
        let outcome = judge(&account);
        assert_eq!(outcome.verdict, Verdict::Ready, "{:?}", outcome.findings);
        found(&outcome, Code::SessionLogs).unwrap().message()
    };
    let other = allow(&["logs:*"], "arn:aws:logs:*:*:log-group:other:*");
    let message = said(&[allow(&["logs:DescribeLogGroups"], "*"), other], None);
    assert!(message.contains("statement 1 of the inline policy `logging` applies to other resources"), "{message}");
    let never =
        under(allow(&["logs:*"], "*"), json!({ "ArnLike": { "ssm:SourceInstanceARN": "arn:aws:ec2:*:*:instance/*" } }));
    let message = said(&[never], None);
    assert!(message.contains("with an instance profile the key is `ec2:SourceInstanceARN`"), "{message}");
    let message = said(&[allow(&["logs:*"], "*")], Some(&[allow(&["ssm:*", "ssmmessages:*"], "*")]));
    assert!(
        message.contains("the permissions boundary `arn:aws:iam::111122223333:policy/limit` does not allow it"),
        "{message}"
    );
    let mut deny = allow(&["logs:PutLogEvents"], "*");
    deny["Effect"] = json!("Deny");
    deny["Sid"] = json!("NoLogs");
    let message = said(&[allow(&["logs:*"], "*"), deny], None);
    assert!(message.contains("statement 1 (Sid `NoLogs`) of the inline policy `logging` denies it"), "{message}");
    let message = said(&[under(allow(&["logs:*"], "*"), unknowable())], None);
    assert!(message.contains("it depends on `aws:SourceVpce`"), "{message}");
}

#[test]
fn a_boundary_grants_nothing() {
    let limit = "arn:aws:iam::111122223333:policy/limit".to_owned();
    let account =
        Account::with_role(|role| role.boundary = Fact::Known(limit)).managed("limit", &policy(&[allow(&["*"], "*")]));
    let outcome = judge(&account);
    assert_eq!((outcome.verdict, errors(&outcome)), (Verdict::NotReady, [Code::MissingPermission].into()));
    let message = &found(&outcome, Code::MissingPermission).unwrap().message();
    assert!(
        message.contains("its permissions boundary `arn:aws:iam::111122223333:policy/limit` grants nothing by itself"),
        "{message}"
    );
}

/// What a verdict leaves out follows what the preferences pull in.
#[test]
fn what_is_not_checked_of_logs_and_keys_is_said() {
    let says = |inputs: Json, words: &str| {
        judge(&account(&inputs, &[]))
            .not_checked
            .iter()
            .any(|item| crate::render::words::not_checked(item).contains(words))
    };
    let nothing = || json!({});
    for words in ["`ssm:StartSession`", "hybrid registration"] {
        assert!(says(nothing(), words), "{words}");
    }
    for (inputs, words) in [
        (json!({ "kmsKeyId": KEY }), "`kms:GenerateDataKey`"),
        (json!({ "s3BucketName": "b" }), "the endpoint of S3"),
        (json!({ "cloudWatchLogGroupName": "g" }), "the endpoint of CloudWatch Logs"),
        (json!({ "s3BucketName": "b", "cloudWatchLogGroupName": "g" }), "the endpoints of S3 and CloudWatch Logs"),
    ] {
        assert!(says(inputs, words) && !says(nothing(), words), "{words}");
    }
}

#[test]
fn what_the_user_asks_for_is_required_whatever_the_preferences_say() {
    let requirements = Requirements { cloudwatch_logs: Some("logs".to_owned()), ..Requirements::default() };
    let account = account(&json!({ "cloudWatchLogGroupName": "logs", "cloudWatchEncryptionEnabled": false }), &[]);
    let outcome = diagnose(&account.facts, &requirements, now()).results.remove(0);
    assert_eq!((outcome.verdict, outcome.permissions.len()), (Verdict::NotReady, 9));
    assert!(outcome.permissions.iter().all(|permission| permission.required));
}

#[test]
fn preferences_that_are_not_known() {
    let with = |change: fn(&mut Settings)| judge(&with_settings(Account::with_role(ready), change));
    // It decides nothing by itself.
    let outcome = with(|settings| settings.preferences = unreadable("ssm:GetDocument"));
    assert_eq!(outcome.verdict, Verdict::Ready);
    let finding = found(&outcome, Code::AccessDenied).unwrap();
    assert_eq!(finding.severity(), Severity::Info);
    assert!(finding.message().contains("session preferences"), "{finding:?}");
    assert!(outcome.not_checked.contains(&NotChecked::SessionPreferences));
    // A document that is none is there, and asks for who knows what.
    for document in
        ["{", "{}", r#"{"sessionType": "Port"}"#, r#"{"sessionType": "Standard_Stream", "inputs": {"kmsKeyId": 7}}"#]
    {
        let account = with_settings(Account::with_role(ready), |settings| {
            settings.preferences = Fact::Known(text(document));
        });
        let outcome = judge(&account);
        let finding = found(&outcome, Code::InvalidPolicy).unwrap();
        assert_eq!(outcome.verdict, Verdict::Unknown, "{document}");
        assert!(finding.message().contains("`SSM-SessionManagerRunShell`"), "{finding:?}");
    }
    // Without the default document the defaults hold; one that was asked for by name is missing.
    assert_eq!(with(|settings| settings.preferences = Fact::Absent).verdict, Verdict::Ready);
    let named = with(|settings| settings.preferences_name = Some("Team".to_owned()));
    assert_eq!(named.verdict, Verdict::Unknown);
    assert!(found(&named, Code::AwsError).unwrap().message().contains("`Team`"));
    // Nobody wants them to count.
    let none = with(|settings| {
        settings.preferences_name = None;
        settings.preferences = Fact::Known(text("{"));
    });
    assert_eq!(none.verdict, Verdict::Ready);
}
