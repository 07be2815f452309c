//! What an error code means, by the call that it answers: only the codes that AWS documents for "you may not see this" and for
//! "there is none" let a verdict stand on what could not be read.

use crate::live_stub::check;
use crate::support::answer::Answer;
use crate::support::command::Sandbox;
use crate::support::model::{Instance, Level};
use crate::support::report::{Outcome, Verdict};
use crate::support::world::{ACCOUNT, INSTANCE, World};

const DESCRIBE: &str = "DescribeOrganization";
const PARENTS: &str = "ListParents";
const LIST: &str = "ListPoliciesForTarget";
const POLICY: &str = "DescribePolicy";
const IDENTITY: &str = "GetCallerIdentity";
const DOCUMENT: &str = "GetDocument";
const SETTING: &str = "GetServiceSetting";

/// Where a policy of the organization or the session preferences come from.
const MAY_HIDE: [&str; 5] = [PARENTS, LIST, POLICY, IDENTITY, DOCUMENT];

/// Codes that no call documents for "you may not see this".
const UNKNOWN: [&str; 12] = [
    "InvalidInputException",
    "TargetNotFoundException",
    "ChildNotFoundException",
    "PolicyNotFoundException",
    "ConcurrentModificationException",
    "OptInRequired",
    "ServiceException",
    "TooManyRequestsException",
    "UnsupportedAPIEndpointException",
    "NoSuchEntity",
    "NotFoundException",
    "SomethingNew",
];

/// The ready world with its account in an organization, judged with these calls answered so.
fn answered(world: World, calls: &[&str], answer: &Answer) -> Outcome {
    let levels = [Level::new("r-root"), Level::new(ACCOUNT)];
    let world = world.organization("o-a", "999988887777", levels);
    let stub = calls.iter().fold(world, |world, call| world.fail(call, answer.clone())).serve();
    check(&Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1"), &[INSTANCE]).only().clone()
}

#[test]
fn an_answer_that_nobody_knows_hides_what_the_call_asks_for() {
    for code in UNKNOWN {
        let answer = Answer::error(code, "no");
        for call in [DESCRIBE, PARENTS, LIST, POLICY, IDENTITY, DOCUMENT, SETTING] {
            let outcome = answered(World::ready(), &[call], &answer);
            // Which organization it is decides nothing here, nor does the setting where the profile does.
            let expected = if MAY_HIDE.contains(&call) { Verdict::Unknown } else { Verdict::Ready };
            assert_eq!(outcome.verdict, expected, "{code} of {call}: {:?}", outcome.findings);
        }
        // Organizations as a whole.
        let outcome = answered(World::ready(), &[DESCRIBE, PARENTS, LIST], &answer);
        assert_eq!(outcome.verdict, Verdict::Unknown, "{code}: {:?}", outcome.findings);
    }
    let escapes = Answer::error("\u{1b}[2J\u{202e}AccessDenied", "\u{1b}]0;AccessDeniedException\u{7}");
    for call in MAY_HIDE {
        assert_eq!(answered(World::ready(), &[call], &escapes).verdict, Verdict::Unknown, "{call}");
    }
}

#[test]
fn a_refusal_hides_nothing() {
    for (code, status) in [("AccessDeniedException", 400), ("AccessDenied", 403), ("NotAuthorized", 400)] {
        let answer = Answer::Error { status, code: code.into(), message: "no".into() };
        for calls in [
            &[DESCRIBE][..],
            &[PARENTS, LIST],
            &[POLICY],
            &[IDENTITY],
            &[DOCUMENT],
            &[SETTING],
            &[DESCRIBE, PARENTS, LIST],
        ] {
            let outcome = answered(World::ready(), calls, &answer);
            assert_eq!(outcome.verdict, Verdict::Ready, "{code} of {calls:?}: {:?}", outcome.findings);
        }
    }
}

/// Each "there is none" counts for the call that AWS documents it for, and is unknown from any other.
#[test]
fn there_is_none_counts_where_aws_documents_it() {
    for (code, calls, verdict) in [
        ("AWSOrganizationsNotInUseException", &[DESCRIBE, PARENTS, LIST][..], Verdict::Ready),
        ("AWSOrganizationsNotInUseException", &[DOCUMENT], Verdict::Unknown),
        ("InvalidDocument", &[DOCUMENT], Verdict::Ready),
        ("InvalidDocument", &[PARENTS, LIST], Verdict::Unknown),
        ("InvalidDocumentVersion", &[DOCUMENT], Verdict::Unknown),
        ("ServiceSettingNotFound", &[SETTING], Verdict::Ready),
        ("ServiceSettingNotFound", &[DOCUMENT], Verdict::Unknown),
        ("NoSuchEntity", &[DESCRIBE, PARENTS, LIST], Verdict::Unknown),
    ] {
        let outcome = answered(World::ready(), calls, &Answer::error(code, "no"));
        assert_eq!(outcome.verdict, verdict, "{code} of {calls:?}: {:?}", outcome.findings);
    }
    // Whoever may not ask which organization it is, and learns otherwise that there is none.
    let answer = Answer::error("AWSOrganizationsNotInUseException", "no");
    let levels = [Level::new("r-root"), Level::new(ACCOUNT)];
    let world = World::ready().organization("o-a", "999988887777", levels).fail(DESCRIBE, Answer::internal());
    let stub = [PARENTS, LIST].iter().fold(world, |world, call| world.fail(call, answer.clone())).serve();
    let outcome = check(&Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1"), &[INSTANCE]).only().clone();
    assert_eq!(outcome.verdict, Verdict::Ready, "{:?}", outcome.findings);
}

/// Without a profile the setting alone decides: no answer to it is an answer.
#[test]
fn a_setting_that_is_not_known_leaves_an_instance_without_a_profile_open() {
    let bare = || {
        let mut world = World::ready();
        world.instances = vec![Instance::new(INSTANCE)];
        world
    };
    assert_eq!(answered(bare(), &[], &Answer::internal()).verdict, Verdict::NotReady);
    for code in UNKNOWN.into_iter().chain(["AccessDeniedException", "ServiceSettingNotFound"]) {
        let outcome = answered(bare(), &[SETTING], &Answer::error(code, "no"));
        assert_eq!(outcome.verdict, Verdict::Unknown, "{code}: {:?}", outcome.findings);
    }
}
