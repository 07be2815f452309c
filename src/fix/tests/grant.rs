//! What is granted: the content of the policy, and that it is no more than is lacking.

use serde_json::{Value as Json, json};

use super::account::*;
use super::expected::*;
use crate::facts::{Fact, PolicyText, Role, kms_key};
use crate::fix::document::with_statements;
use crate::fix::grant::{lacks, whole};
use crate::fix::{Options, Reason, State};
use crate::needs::{self, Place, RequiredAction, Requirements, S3Logs};
use iam_eval::{Decision, PolicySetKind, Response, UnknownReason};

const PLACE: Place<'static> = Place {
    partition: Some("aws-us-gov"),
    account: Some("111122223333"),
    region: Some("us-gov-west-1"),
    instance_id: None,
};

#[test]
fn a_whole_policy_is_the_one_of_the_user_guide_and_the_heartbeat() {
    let document = with_statements(None, &whole(&needs::core(&PLACE)).unwrap()).unwrap();
    let expected = json!({
        "Version": "2012-10-17",
        "Statement": [
            allow(&CORE[..4], "*"),
            allow(&["s3:GetEncryptionConfiguration"], "*"),
            allow(&["ssm:UpdateInstanceInformation"], "*"),
        ],
    });
    assert_eq!(serde_json::from_str::<Json>(document.as_str()).unwrap(), expected);
}

#[test]
fn a_whole_policy_without_the_core_has_what_is_asked_for() {
    let requirements = Requirements {
        actions: vec![RequiredAction { action: "sqs:SendMessage".to_owned(), resource: None }],
        ..Requirements::default()
    };
    let all = needs::all(&requirements, &PLACE, None);
    let custom: Vec<_> = all.into_iter().skip(5).collect();
    let document = with_statements(None, &whole(&custom).unwrap()).unwrap();
    let expected = json!({ "Version": "2012-10-17", "Statement": [allow(&["sqs:SendMessage"], "*")] });
    assert_eq!(serde_json::from_str::<Json>(document.as_str()).unwrap(), expected);
    assert!(whole(&[]).is_err());
}

#[test]
fn only_what_the_role_itself_leaves_open_is_lacking() {
    let response = |decision, closed: &[PolicySetKind], doubt| Response {
        decision,
        decided_by: Vec::new(),
        closed: closed.iter().map(|kind| (*kind, String::new())).collect(),
        closed_in_some: Vec::new(),
        near_misses: Vec::new(),
        doubt,
    };
    let need = needs::core(&PLACE).remove(0);
    let unresolved = needs::Need { unresolved: true, ..need.clone() };
    let (key, note) = (UnknownReason::key("aws:SourceVpce"), UnknownReason::note("not documented"));
    use Decision::*;
    for (need, response, expected) in [
        (&need, response(Allowed, &[], UnknownReason::default()), false),
        (&need, response(ImplicitDeny, &[PolicySetKind::Identity], UnknownReason::default()), true),
        (&need, response(ImplicitDeny, &[PolicySetKind::Boundary], UnknownReason::default()), false),
        (&need, response(ImplicitDeny, &[PolicySetKind::Scp, PolicySetKind::Identity], UnknownReason::default()), true),
        (&need, response(ExplicitDeny, &[], UnknownReason::default()), false),
        // What AWS does not document is settled by a statement that it does; a condition is somebody's intention.
        (&need, response(Unknown, &[], note.clone()), true),
        (&need, response(Unknown, &[], key.clone()), false),
        (&need, response(Unknown, &[], note.clone().merge(key)), false),
        (&need, response(Unknown, &[], UnknownReason::default()), false),
        (&unresolved, response(Unknown, &[], note), false),
    ] {
        assert_eq!(lacks(need, &response), expected, "{response:?}");
    }
}

#[test]
fn a_policy_with_the_content_of_the_user_guide() {
    // Word for word from "Adding Session Manager permissions to an existing instance profile".
    let guide = r#"{
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [
                    "ssmmessages:CreateControlChannel",
                    "ssmmessages:CreateDataChannel",
                    "ssmmessages:OpenControlChannel",
                    "ssmmessages:OpenDataChannel"
                ],
                "Resource": "*"
            },
            {
                "Effect": "Allow",
                "Action": [
                    "s3:GetEncryptionConfiguration"
                ],
                "Resource": "*"
            },
            {
                "Effect": "Allow",
                "Action": [
                    "kms:Decrypt"
                ],
                "Resource": "key-name"
            }
        ]
    }"#;
    // The page assumes that the role has the permissions of the agent's registration.
    let account = Account::with_role(|role| add_inline(role, "other", &policy(&[heartbeat()])));
    for (kms_key, without) in [(Some(KEY), 0), (None, 1)] {
        let plan = account.plan(&requirements(|all| all.kms_key = kms_key.map(str::to_owned)), &options());
        assert_eq!(calls(&plan), [PUT]);
        let mut expected: Json = serde_json::from_str(&guide.replace("key-name", KEY)).unwrap();
        let statements = expected["Statement"].as_array_mut().unwrap();
        statements.truncate(3 - without);
        assert_eq!(parsed(written(&plan.changes[0])), expected);
    }
}

#[test]
fn only_what_is_lacking_is_granted() {
    let everything = requirements(|all| {
        s3_logs(all);
        all.kms_key = Some(KEY.to_owned());
        all.cloudwatch_logs = Some("/ssm".to_owned());
        all.actions = vec![
            required("s3:GetObject", Some("arn:aws:s3:::tools/*")),
            required("s3:ListBucket", Some("arn:aws:s3:::tools")),
            required("ec2:DescribeTags", None),
            required("SSMMESSAGES:OpenDataChannel", None),
        ]
    });
    let decrypt = allow(&["kms:Decrypt"], KEY);
    let put = allow(&["s3:PutObject"], "arn:aws:s3:::logs/ssm/*");
    let list_groups = allow(&["logs:DescribeLogGroups"], "*");
    // Of a log group and its streams: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    let streams = allow(
        &["logs:DescribeLogStreams", "logs:CreateLogStream", "logs:PutLogEvents"],
        "arn:aws:logs:us-east-1:111122223333:log-group:/ssm:*",
    );
    let get = allow(&["s3:GetObject"], "arn:aws:s3:::tools/*");
    let list = allow(&["s3:ListBucket"], "arn:aws:s3:::tools");
    let tags = allow(&["ec2:DescribeTags"], "*");
    let all = [
        channels(),
        encryption_of_any_bucket(),
        decrypt.clone(),
        heartbeat(),
        put.clone(),
        list_groups.clone(),
        streams.clone(),
        get.clone(),
        list.clone(),
        tags.clone(),
    ];
    let default = Requirements::default();
    let core = allow(&CORE, "*");
    for (there, needed, expected) in [
        (vec![], &default, vec![channels(), encryption_of_any_bucket(), heartbeat()]),
        (vec![], &everything, all.to_vec()),
        // Whatever else allows it, in whatever words.
        (vec![allow(&["ssm:Update*"], "*")], &default, vec![channels(), encryption_of_any_bucket()]),
        (vec![allow(&["s3:Get*"], "*")], &default, vec![channels(), heartbeat()]),
        (vec![channels()], &default, vec![heartbeat()]),
        // What is allowed for other resources is not allowed.
        (
            vec![channels(), allow(&["ssm:*"], "arn:aws:ec2:us-east-1:111122223333:instance/i-00000000000000000")],
            &default,
            vec![heartbeat()],
        ),
        // With all channels the guide's statement for buckets is not needed; the bucket of the logs is.
        (
            vec![core.clone()],
            &everything,
            vec![
                decrypt.clone(),
                allow(&["s3:GetEncryptionConfiguration"], "arn:aws:s3:::logs"),
                put.clone(),
                list_groups.clone(),
                streams.clone(),
                get.clone(),
                list.clone(),
                tags.clone(),
            ],
        ),
        (vec![core.clone(), allow(&["s3:*", "ec2:*"], "*")], &everything, vec![decrypt.clone(), list_groups, streams]),
        (vec![core.clone(), allow(&["s3:*", "ec2:*", "logs:*"], "*")], &everything, vec![decrypt]),
        // A condition that certainly does not hold allows nothing.
        (
            vec![json!({
                "Effect": "Allow", "Action": "*", "Resource": "*",
                "Condition": { "StringEquals": { "aws:RequestedRegion": "eu-west-1" } }
            })],
            &default,
            // The Region of a bucket is not known, so this one may be allowed, and no session needs it.
            vec![channels(), heartbeat()],
        ),
    ] {
        let account = Account::with_role(|role| add_inline(role, "other", &policy(&there)));
        let plan = account.plan(needed, &options());
        assert_eq!(calls(&plan), [PUT], "{there:?}");
        assert_granted(&plan, &expected);
    }
}

#[test]
fn what_is_missing_of_the_channels_is_granted_with_the_rest_of_them() {
    // As the guide has it: four actions that only ever make sense together.
    let account = Account::with_role(|role| {
        add_inline(role, "other", &policy(&[allow(&CORE[..3], "*"), heartbeat(), encryption_of_any_bucket()]));
    });
    assert_granted(&account.core_plan(), &[channels()]);
}

#[test]
fn the_least_is_only_what_is_missing() {
    let least = |account: &Account| account.plan(&Requirements::default(), &Options { least: true, ..options() });
    let account = Account::with_role(|role| {
        add_inline(role, "other", &policy(&[allow(&CORE[..3], "*"), heartbeat()]));
    });
    assert_granted(&least(&account), &[allow(&CORE[3..4], "*")]);
    let nothing = Account::with_role(|_| {});
    assert_granted(&least(&nothing), &[channels(), heartbeat()]);
}

#[test]
fn a_required_action_is_granted_on_its_own_resource_alone() {
    let other = "arn:aws:ec2:us-east-1:111122223333:instance/i-00000000000000000";
    let own = format!("arn:aws:ec2:us-east-1:111122223333:instance/{INSTANCE}");
    let needed = requirements(|all| all.actions = vec![required("ssm:UpdateInstanceInformation", Some(other))]);
    let account = Account::with_role(|role| add_inline(role, "other", &policy(&[channels(), allow(&["ssm:*"], &own)])));
    assert_granted(&account.plan(&needed, &options()), &[allow(&["ssm:UpdateInstanceInformation"], other)]);
}

#[test]
fn what_cannot_be_granted_without_more_than_was_asked_for_is_unknown() {
    for needed in [
        // An alias in a policy grants nothing.
        requirements(|all| all.kms_key = Some("alias/sessions".to_owned())),
        // In a policy these are wildcards and variables.
        requirements(|all| all.actions = vec![required("s3:GetObject", Some("arn:aws:s3:::tools/a?b"))]),
        requirements(|all| all.actions = vec![required("s3:GetObject", Some("arn:aws:s3:::tools/${aws:userid}"))]),
        requirements(|all| all.s3_logs = Some(S3Logs { bucket: "logs".to_owned(), prefix: "a*b".to_owned() })),
    ] {
        assert_refused(&Account::web().plan(&needed, &options()), &[Reason::Unknown]);
    }
}

#[test]
fn an_alias_is_granted_as_the_key_that_it_stands_for() {
    let account = Account::with_role(ready).with(|facts| {
        let known = Fact::Known(bare_key(KEY));
        facts.kms_keys.insert(kms_key(Some("us-east-1"), "alias/sessions"), known);
    });
    let needed = requirements(|all| all.kms_key = Some("alias/sessions".to_owned()));
    assert_granted(&account.plan(&needed, &options()), &[allow(&["kms:Decrypt"], KEY)]);
}

#[test]
fn the_managed_policy_of_the_partition_is_attached() {
    let needed = requirements(|all| {
        s3_logs(all);
        // The managed policy covers the first.
        all.actions = vec![required("ssm:UpdateInstanceInformation", Some("*")), required("ec2:DescribeTags", None)];
    });
    for partition in ["aws", "aws-cn", "aws-us-gov"] {
        let account = Account::of(partition).role("web", |_| {}).profile("web", |_| {}).instance(INSTANCE, |_| {});
        let core = format!("arn:{partition}:iam::aws:policy/AmazonSSMManagedInstanceCore");
        let attach = format!("iam:AttachRolePolicy role/web {core}");
        let plan = account.plan(&Requirements::default(), &attaching());
        assert_eq!((calls(&plan), plan.refusals.len()), (vec![attach.clone()], 0));

        let plan = account.plan(&needed, &attaching());
        assert_eq!(calls(&plan), [attach.as_str(), PUT]);
        let expected = [
            allow(&["s3:GetEncryptionConfiguration"], &format!("arn:{partition}:s3:::logs")),
            allow(&["s3:PutObject"], &format!("arn:{partition}:s3:::logs/ssm/*")),
            allow(&["ec2:DescribeTags"], "*"),
        ];
        assert_granted(&plan, &expected);

        // The plan knows what AWS documents of the policy where nobody read it.
        let unread = account.clone().with(|facts| facts.policies.clear());
        assert_eq!(calls(&unread.plan(&needed, &attaching())), [attach.as_str(), PUT]);
    }
    // Nothing of the core is lacking.
    let account = Account::with_role(ready);
    let plan = account.plan(&requirements(s3_logs), &attaching());
    assert_eq!(calls(&plan), [PUT]);
}

#[test]
fn a_managed_policy_that_is_attached_is_not_attached_again() {
    let account = Account::web();
    let core = account.core();
    let attached = |role: &mut Role| role.attached = Fact::Known(vec![core.clone()]);
    // Nobody read it: what a role's policies say is judged by their documents, never by their names.
    let account = Account::with_role(attached).with(|facts| facts.policies.clear());
    assert_refused(&account.plan(&Requirements::default(), &attaching()), &[Reason::Unknown]);
    // It was read, and may not be read by the one who plans to attach it either.
    let account = Account::web().with(|facts| {
        facts.policies.insert(core, unreadable("iam:GetPolicyVersion"));
    });
    assert_refused(&account.plan(&Requirements::default(), &attaching()), &[Reason::Unknown]);
}

#[test]
fn statements_are_added_to_the_policy_of_that_name() {
    let mine = r#"{"Sid": "Mine", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}"#;
    for (name, document, kept) in [
        (POLICY_NAME, format!(r#"{{"Version":"2012-10-17","Statement":{mine}}}"#), 1),
        (POLICY_NAME, format!("{{\n  \"Statement\": [\n    {mine},\n    {mine}\n  ]\n}}"), 2),
        // Names are unique whatever their case: the policy that is there keeps the name that it has.
        ("sessionmanagerpermissions", format!(r#"{{"Statement":[{mine}]}}"#), 1),
        // The same is not added twice.
        (POLICY_NAME, policy(&[serde_json::from_str(mine).unwrap(), heartbeat()]), 2),
    ] {
        let account = Account::with_role(|role| add_inline(role, name, &document));
        let plan = account.core_plan();
        assert_eq!(calls(&plan), [format!("iam:PutRolePolicy role/web {name}")]);
        let [change] = plan.changes.as_slice() else { panic!("{plan:?}") };
        assert_eq!(change.before(), &State::Document(text(&document)));
        let before = statements(&text(&document));
        let after = statements(written(change));
        assert_eq!(before.len(), kept);
        assert_eq!(after[..kept], before[..]);
        assert_eq!(after.iter().filter(|statement| statement.to_string().contains("UpdateInstance")).count(), 1);
    }
}

#[test]
fn a_policy_that_cannot_be_understood_is_never_overwritten() {
    for document in ["{broken", "[]", "\"text\"", "{}", r#"{"Statement": 7}"#, r#"{"Statement": [7]}"#] {
        let account = Account::with_role(|role| add_inline(role, POLICY_NAME, document));
        for options in [options(), attaching()] {
            assert_refused(&account.plan(&requirements(s3_logs), &options), &[Reason::InvalidPolicy]);
        }
        // In another policy it leaves open what is allowed and what is denied.
        let account = Account::with_role(|role| add_inline(role, "other", document));
        assert_refused(&account.core_plan(), &[Reason::InvalidPolicy]);
        let account = Account::with_role(|role| role.trust = Fact::Known(text(document)));
        assert_refused(&account.core_plan(), &[Reason::InvalidPolicy]);
    }
}

#[test]
fn the_inline_policies_of_a_role_have_a_quota_together() {
    let long = |characters: usize| {
        let empty = policy(&[allow(&["a:b"], "")]);
        // White space is not counted.
        policy(&[allow(&["a:b"], &"x".repeat(characters - empty.len()))]).replace(',', ",\n    ")
    };
    let size = |text: &PolicyText| text.as_str().chars().filter(|c| !c.is_ascii_whitespace()).count();
    let new = size(written(&Account::web().core_plan().changes[0]));
    for (left, fits) in [(new, true), (new - 1, false)] {
        let half = (10_240 - left) / 2;
        let account = Account::with_role(|role| {
            add_inline(role, "one", &long(half));
            add_inline(role, "two", &long(10_240 - left - half));
        });
        let plan = account.core_plan();
        match fits {
            true => assert_eq!((calls(&plan), plan.refusals.len()), (vec![PUT.to_owned()], 0)),
            false => assert_refused(&plan, &[Reason::QuotaExceeded]),
        }
        // The managed policy does not count.
        assert_eq!(account.plan(&Requirements::default(), &attaching()).refusals, []);
    }
    // What is there of the policy itself counts once.
    let account = Account::with_role(|role| add_inline(role, POLICY_NAME, &long(9_000)));
    assert_eq!(account.core_plan().refusals, []);
}
