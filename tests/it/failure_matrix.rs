//! Every call, and every way in which it can fail: what a run then says is given by a rule, from what the call is for and what kind
//! of failure it is. `docs/reliability.md` has the tables, which these tests write with `UPDATE_DOCS=1`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::live_stub::{only_reads, policy, with_role};
use crate::support::answer::{Answer, Protocol};
use crate::support::chains::{
    ATTACH, Account, CREATE, CREATE_MANAGED, Chain, PUT, REPLACE, Ran, STOPPED, TRUST_AND_PUT, go_on, undo,
};
use crate::support::command::{Output, Sandbox};
use crate::support::model::{Bucket, Instance, Key, Level, LogGroup, Member, Policy, Profile, Role};
use crate::support::report::Verdict;
use crate::support::stub::{Call, Stub};
use crate::support::world::{ACCOUNT, INSTANCE, World};
use crate::support::world_network;

const MEMBER: &str = "444455556666";
/// No run needs more.
const MEMORY: u64 = 1 << 30;
/// The seconds that a try may take where answers are slow; everything else answers at once.
const TIMEOUT: u64 = 5;
/// Only against hanging for ever: what a run may take beside its tries, on a machine that does much else.
const HANG: Duration = Duration::from_secs(90);

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Ready,
    NotReady,
    Unknown,
}
use End::{NotReady, Ready, Unknown};

impl End {
    fn code(self) -> i32 {
        match self {
            Ready => 0,
            NotReady => 1,
            Unknown => 3,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Ready => "ready, 0",
            NotReady => "not ready, 1",
            Unknown => "unknown, 3",
        }
    }
}

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Without its answer there is no verdict.
    Decides,
    /// Something that decides may be behind it, and need not be: whoever may not look is told so, and gets a verdict.
    MayHide,
    /// It tells of whom to ask such a question of a service that does answer.
    LeadsTo,
    /// The verdict is the same without it.
    Informs,
}
use Purpose::{Decides, Informs, LeadsTo, MayHide};

/// A kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// AWS says that the caller may not make the call.
    Refused,
    /// Nobody listens where the service should be.
    NoConnection,
    /// No answer came, or AWS's word that there will be none.
    Unanswered,
    /// An answer came, and is none that AWS gives.
    Senseless,
}
use Kind::{NoConnection, Refused, Senseless, Unanswered};

/// The rule.
fn end(purpose: Purpose, kind: Kind) -> End {
    match (purpose, kind) {
        (Decides, _) => Unknown,
        (MayHide | LeadsTo, Refused) | (MayHide, NoConnection) => Ready,
        (MayHide | LeadsTo, Unanswered | Senseless) | (LeadsTo, NoConnection) => Unknown,
        (Informs, _) => Ready,
    }
}

/// Which run makes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    /// `check` of an instance of which everything is to be read.
    Instance,
    /// `check` of a role.
    Named,
    /// `check --simulate` of an instance.
    Simulated,
    /// `check --all` of more roles than are read one by one.
    Fleet,
    /// `check --all --all-regions`.
    Regions,
    /// `check --all --accounts org`.
    Accounts,
}

/// A call that only reads.
struct Read {
    /// As IAM names it.
    api: &'static str,
    /// As it is made.
    action: &'static str,
    run: Run,
    purpose: Purpose,
    /// The code by which AWS says that there is none, and how the run then ends. Where none is documented for the call, an answer
    /// like that is none that AWS gives.
    none: Option<(&'static str, End)>,
    /// Whether a token leads on to further pages that are read.
    is_list: bool,
}

const fn read(api: &'static str, action: &'static str, run: Run, purpose: Purpose) -> Read {
    Read { api, action, run, purpose, none: None, is_list: false }
}

impl Read {
    const fn none(self, code: &'static str, end: End) -> Self {
        Self { none: Some((code, end)), ..self }
    }

    const fn list(self) -> Self {
        Self { is_list: true, ..self }
    }

    fn service(&self) -> &str {
        self.api.split(':').next().unwrap()
    }
}

/// Every call of `check`, `check --all` and what `fix` reads before it plans, which is the same.
const READS: [Read; 30] = [
    // An instance that was named is on the first page, and what is behind it is nothing to the verdict.
    read("ec2:DescribeInstances", "DescribeInstances", Run::Instance, Decides)
        .none("InvalidInstanceID.NotFound", Unknown),
    read("ec2:DescribeInstances", "DescribeInstances", Run::Fleet, Decides).list(),
    read(
        "ec2:DescribeIamInstanceProfileAssociations",
        "DescribeIamInstanceProfileAssociations",
        Run::Instance,
        Decides,
    )
    .list(),
    read("iam:GetInstanceProfile", "GetInstanceProfile", Run::Instance, Decides).none("NoSuchEntity", NotReady),
    read("iam:GetRole", "GetRole", Run::Instance, Decides).none("NoSuchEntity", NotReady),
    // What was listed just before and is not there now may be new, and not everywhere yet.
    read("iam:ListAttachedRolePolicies", "ListAttachedRolePolicies", Run::Instance, Decides)
        .none("NoSuchEntity", Unknown)
        .list(),
    read("iam:ListRolePolicies", "ListRolePolicies", Run::Instance, Decides).none("NoSuchEntity", Unknown).list(),
    read("iam:GetRolePolicy", "GetRolePolicy", Run::Instance, Decides).none("NoSuchEntity", Unknown),
    read("iam:GetPolicy", "GetPolicy", Run::Instance, Decides).none("NoSuchEntity", Unknown),
    read("iam:GetPolicyVersion", "GetPolicyVersion", Run::Instance, Decides).none("NoSuchEntity", Unknown),
    // Which key an alias stands for.
    read("kms:DescribeKey", "DescribeKey", Run::Instance, Decides).none("NotFoundException", Unknown),
    read("kms:GetKeyPolicy", "GetKeyPolicy", Run::Instance, MayHide).none("NotFoundException", Unknown),
    read("s3:ListBucket", "HeadBucket", Run::Instance, Informs).none("NoSuchBucket", Ready),
    // The preferences demand that the bucket and the log group are encrypted.
    read("s3:GetEncryptionConfiguration", "GetBucketEncryption", Run::Instance, MayHide)
        .none("ServerSideEncryptionConfigurationNotFoundError", NotReady),
    read("s3:GetBucketPolicy", "GetBucketPolicy", Run::Instance, MayHide).none("NoSuchBucketPolicy", Ready),
    // Once the group is found nobody asks for further pages.
    read("logs:DescribeLogGroups", "DescribeLogGroups", Run::Instance, MayHide),
    read("ssm:GetDocument", "GetDocument", Run::Instance, MayHide).none("InvalidDocument", Ready),
    read("ssm:GetServiceSetting", "GetServiceSetting", Run::Instance, Informs).none("ServiceSettingNotFound", Ready),
    read("ssm:DescribeInstanceInformation", "DescribeInstanceInformation", Run::Instance, Informs).list(),
    // Where all agents cannot be listed they are asked for by instance.
    read("ssm:DescribeInstanceProperties", "DescribeInstanceProperties", Run::Fleet, Informs).list(),
    read("organizations:DescribeOrganization", "DescribeOrganization", Run::Instance, Informs)
        .none("AWSOrganizationsNotInUseException", Ready),
    // That the organization which was described is not in use is no answer.
    read("organizations:ListParents", "ListParents", Run::Instance, MayHide)
        .none("AWSOrganizationsNotInUseException", Unknown),
    read("organizations:ListPoliciesForTarget", "ListPoliciesForTarget", Run::Instance, MayHide)
        .none("AWSOrganizationsNotInUseException", Unknown)
        .list(),
    read("organizations:DescribePolicy", "DescribePolicy", Run::Instance, MayHide)
        .none("AWSOrganizationsNotInUseException", Unknown),
    read("sts:GetCallerIdentity", "GetCallerIdentity", Run::Instance, LeadsTo),
    read("iam:ListInstanceProfilesForRole", "ListInstanceProfilesForRole", Run::Named, Informs)
        .none("NoSuchEntity", Ready)
        .list(),
    read("iam:SimulatePrincipalPolicy", "SimulatePrincipalPolicy", Run::Simulated, Informs)
        .none("NoSuchEntity", Ready)
        .list(),
    // Everything in it is read one by one instead.
    read("iam:GetAccountAuthorizationDetails", "GetAccountAuthorizationDetails", Run::Fleet, Informs).list(),
    read("ec2:DescribeRegions", "DescribeRegions", Run::Regions, Decides),
    read("organizations:ListAccounts", "ListAccounts", Run::Accounts, Decides)
        .none("AWSOrganizationsNotInUseException", Unknown)
        .list(),
];

/// A call by which the other accounts are entered; those that cannot be are unknown, and the caller's own is judged.
const ENTERS: Read = read("sts:AssumeRole", "AssumeRole", Run::Accounts, Decides);

fn reads() -> impl Iterator<Item = &'static Read> {
    READS.iter().chain([&ENTERS])
}

/// What becomes of an answer.
type Spoil = fn(&Call, Answer) -> Answer;

/// A way in which a call fails.
struct Fault {
    name: &'static str,
    kind: Kind,
    spoil: Spoil,
    /// One of these is said, where the verdict is unknown because of it.
    says: &'static [&'static str],
    /// Whether AWS may have done what it was asked for, where that is a change.
    may_be_done: bool,
    /// Whether a try ends only with its time.
    is_slow: bool,
    /// Whether it is of lists only.
    of_lists: bool,
}

const fn fault(name: &'static str, kind: Kind, says: &'static [&'static str], spoil: Spoil) -> Fault {
    Fault { name, kind, spoil, says, may_be_done: false, is_slow: false, of_lists: false }
}

impl Fault {
    const fn done(self) -> Self {
        Self { may_be_done: true, ..self }
    }
}

const LOST: &[&str] = &["no connection to", "no response from"];
const FAILED: &[&str] = &["the call failed"];
const CREDENTIALS: &[&str] = &["the credentials are not accepted"];
const LATE: &[&str] = &["in time", "it did not end within"];
/// A policy of a bucket is all of its answer.
const NOT_UNDERSTOOD: &[&str] = &[
    "could not be parsed",
    "is not an AWS response",
    "more than AWS sends",
    "is incomplete",
    "breaks off",
    "could not be parsed, or",
];

const CUT: &[&str] = &["could not be parsed", "no response from"];

const FAULTS: [Fault; 22] = [
    fault("access denied, in the service's own form", Refused, &["access is denied"], |call, _| refused(call)),
    fault("throttled", Unanswered, &["throttled"], |call, _| throttled(call)),
    fault("an internal error (500)", Unanswered, FAILED, |_, _| Answer::internal()).done(),
    fault("the service is unavailable (503)", Unanswered, FAILED, |_, _| failing(503, "ServiceUnavailable")).done(),
    fault("an expired token", Unanswered, CREDENTIALS, |call, _| Answer::expired(call.protocol())),
    fault("an invalid token", Unanswered, CREDENTIALS, |call, _| Answer::unrecognized(call.protocol())),
    fault("the connection is reset", Unanswered, LOST, |_, _| Answer::Reset).done(),
    fault("the connection is closed before an answer", Unanswered, LOST, |_, _| Answer::Closed).done(),
    Fault { is_slow: true, ..fault("no answer in time", Unanswered, LATE, |_, answer| answer.after(HANG)).done() },
    Fault { is_slow: true, ..fault("a body that drips", Unanswered, LATE, |_, _| Answer::dripping()).done() },
    fault("an error code that nobody knows", Senseless, FAILED, |_, _| Answer::error("SomethingNew", "no")),
    fault("an empty body", Senseless, NOT_UNDERSTOOD, |_, _| Answer::status(200, "")).done(),
    fault("a body that is cut", Senseless, CUT, |_, answer| answer.truncated()).done(),
    fault("half of a document", Senseless, NOT_UNDERSTOOD, |_, answer| half(answer)).done(),
    fault("HTML with status 200", Senseless, NOT_UNDERSTOOD, |_, _| html(200)).done(),
    fault("HTML with status 403", Senseless, NOT_UNDERSTOOD, |_, _| html(403)),
    fault("HTML with status 502", Senseless, NOT_UNDERSTOOD, |_, _| html(502)).done(),
    fault("XML or JSON that is broken inside", Senseless, NOT_UNDERSTOOD, |call, _| broken(call)).done(),
    fault("an answer without what it must have", Senseless, NOT_UNDERSTOOD, |call, _| hollow(call)).done(),
    fault("a body without end", Senseless, &["is larger than"], |_, _| endless()).done(),
    fault(
        "a body nested deeply",
        Senseless,
        &["nested more than 64 levels deep", "could not be parsed", "could not be parsed, or"],
        |call, _| deep(call),
    )
    .done(),
    Fault {
        of_lists: true,
        ..fault("a page token that comes again", Senseless, &["its further pages"], |_, answer| repeated(answer))
    },
];

fn failing(status: u16, code: &str) -> Answer {
    Answer::Error { status, code: code.into(), message: "Please try again.".into() }
}

fn refused(call: &Call) -> Answer {
    match call.protocol() {
        Protocol::Ec2 => Answer::unauthorized(),
        Protocol::Json => Answer::error("AccessDeniedException", "User is not authorized to perform this"),
        _ => Answer::denied(&format!("{}:{}", call.service, call.action)),
    }
}

fn throttled(call: &Call) -> Answer {
    match call.protocol() {
        Protocol::Ec2 => failing(503, "RequestLimitExceeded"),
        Protocol::Json => Answer::error("ThrottlingException", "Rate exceeded"),
        Protocol::Rest => failing(503, "SlowDown"),
        _ => Answer::throttled(),
    }
}

fn half(answer: Answer) -> Answer {
    match answer {
        Answer::Body { status, content_type, body } => {
            let body = body.chars().take(body.chars().count() / 2).collect();
            Answer::Body { status, content_type, body }
        }
        Answer::WithHeader(name, value, answer) => half(*answer).with_header(name, &value),
        other => other,
    }
}

fn html(status: u16) -> Answer {
    Answer::status(status, "<html><head><title>Sign in</title></head><body><p>Please sign in.</p></body></html>")
}

fn broken(call: &Call) -> Answer {
    match call.protocol() {
        Protocol::Json => Answer::Body { status: 200, content_type: JSON, body: r#"{"a": [1, {"b": }"#.into() },
        _ => Answer::xml(format!("<{0}Response><{0}Result><A><<b></{0}Result></{0}Response>", call.action)),
    }
}

const JSON: &str = "application/x-amz-json-1.1";

fn hollow(call: &Call) -> Answer {
    match (call.protocol(), call.action.as_str()) {
        (Protocol::Json, _) => Answer::json(&json!({})),
        (Protocol::Rest, "GetBucketEncryption") => {
            Answer::xml("<ServerSideEncryptionConfiguration></ServerSideEncryptionConfiguration>")
        }
        (Protocol::Rest, _) => Answer::status(200, " "),
        (_, action) => Answer::xml(format!("<{action}Response><{action}Result></{action}Result></{action}Response>")),
    }
}

fn endless() -> Answer {
    Answer::Endless { piece: " ".repeat(1 << 20), every: Duration::ZERO }
}

fn deep(call: &Call) -> Answer {
    let levels = 33 << 10;
    match call.protocol() {
        Protocol::Json => Answer::status(200, format!(r#"{{"Unknown": {}"#, "[".repeat(levels))),
        _ => Answer::status(200, "<a>".repeat(levels)),
    }
}

/// This answer, and the same token behind it each time.
fn repeated(answer: Answer) -> Answer {
    let Answer::Body { status, content_type, body } = answer else { return answer };
    let body = if content_type == JSON {
        let mut body: serde_json::Value = serde_json::from_str(&body).unwrap();
        body["NextToken"] = "again".into();
        body.to_string()
    } else if body.contains("<IsTruncated>") {
        body.replace("<IsTruncated>false</IsTruncated>", "<IsTruncated>true</IsTruncated><Marker>again</Marker>")
    } else {
        let end = body.rfind("</").unwrap();
        format!("{}<nextToken>again</nextToken>{}", &body[..end], &body[end..])
    };
    Answer::Body { status, content_type, body }
}

/// A ready instance of which everything there is is read.
fn everything() -> World {
    let key = format!("arn:aws:kms:us-east-1:{ACCOUNT}:key/1234");
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let own = policy("Allow", json!(["kms:*", "s3:*", "logs:*"]));
    let role = Role::new("web").attach("AmazonSSMManagedInstanceCore").inline("own", own).boundary("limit");
    with_role(role)
        .policy(Policy::new("limit", policy("Allow", "*")))
        .key(Key::new("1234").alias("alias/session"))
        .bucket(Bucket::new("logs").policy(json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"AWS": root}, "Action": "s3:*", "Resource": "arn:aws:s3:::logs/*",
        }})))
        .log_group(LogGroup::new("sessions").key(&key))
        .preferences(json!({"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {
            "s3BucketName": "logs", "s3EncryptionEnabled": true,
            "cloudWatchLogGroupName": "sessions", "cloudWatchEncryptionEnabled": true,
        }}))
        .organization("o-a", ACCOUNT_OF_ORGANIZATION, [Level::new("r-root"), Level::new(ACCOUNT)])
}

const ACCOUNT_OF_ORGANIZATION: &str = "999988887777";

fn fleet() -> World {
    ["a", "b", "c", "d"].into_iter().enumerate().fold(World::ready(), |world, (number, name)| {
        let instance = Instance::new(&format!("i-{number:017x}")).profile(name);
        let role = Role::new(name).attach("AmazonSSMManagedInstanceCore");
        world.instance(instance).profile(Profile::new(name).role(name)).role(role)
    })
}

fn member() -> World {
    let mut world = World::ready();
    world.account = MEMBER.into();
    world.organization("o-a", ACCOUNT, [Level::new("r-root"), Level::new(MEMBER)])
}

impl Run {
    const ALL: [Run; 6] = [Run::Instance, Run::Named, Run::Simulated, Run::Fleet, Run::Regions, Run::Accounts];

    fn typed(self) -> &'static str {
        match self {
            Run::Instance => "check INSTANCE",
            Run::Named => "check role/NAME",
            Run::Simulated => "check --simulate",
            Run::Fleet => "check --all",
            Run::Regions => "check --all-regions",
            Run::Accounts => "check --accounts org",
        }
    }

    /// The account, ready but for what `stage` makes of it.
    fn serve(self, stage: impl Fn(World) -> World) -> Stub {
        match self {
            Run::Instance | Run::Simulated => stage(everything()).serve(),
            Run::Named | Run::Regions => stage(World::ready()).serve(),
            Run::Fleet => stage(fleet()).serve(),
            Run::Accounts => {
                let levels = [Level::new("r-root"), Level::new(ACCOUNT)];
                let own = World::ready().organization("o-a", ACCOUNT, levels).member(Member::new(MEMBER));
                Stub::accounts([stage(own), member()])
            }
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Run::Instance => &[INSTANCE, "--kms-key", "alias/session"],
            Run::Named => &["role/web"],
            Run::Simulated => &[INSTANCE, "--kms-key", "alias/session", "--simulate"],
            Run::Fleet => &["--all"],
            Run::Regions => &["--all", "--all-regions"],
            Run::Accounts => &["--all", "--accounts", "org", "--assume-role", "Audit"],
        }
    }

    fn check(self, sandbox: &Sandbox, more: &[&str]) -> Output {
        sandbox.run(&[&["check", "-o", "json"], self.arguments(), more].concat())
    }
}

/// What the runs cost at most.
#[derive(Default)]
struct Worst {
    memory: Mutex<(u64, String)>,
    time: Mutex<(Duration, String)>,
}

impl Worst {
    /// Runs this within the bounds.
    fn within_bounds(&self, cell: &str, is_slow: bool, tries: u32, run: impl FnOnce() -> Output) -> Output {
        let begun = Instant::now();
        let output = run();
        let time = begun.elapsed();
        let patience = Duration::from_secs(if is_slow { TIMEOUT } else { 0 }) * tries;
        assert!(time < patience + HANG, "{cell} took {time:?}");
        assert!(output.memory < MEMORY, "{cell} took {} bytes", output.memory);
        assert!(!output.stderr.contains("panicked"), "{cell}: {output:?}");
        keep(&self.memory, output.memory, cell);
        keep(&self.time, time, cell);
        output
    }

    /// Shown by `cargo test -- --nocapture`.
    fn tell(&self) {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        eprintln!("most memory: {} MiB, {}; longest: {:?}, {}", memory.0 >> 20, memory.1, time.0, time.1);
    }
}

fn keep<T: PartialOrd>(worst: &Mutex<(T, String)>, value: T, cell: &str) {
    let mut worst = worst.lock().unwrap_or_else(PoisonError::into_inner);
    if value > worst.0 {
        *worst = (value, cell.to_owned());
    }
}

/// Makes the cells, so many at a time, and tells all that are wrong.
fn side_by_side<T: Sync>(at_a_time: usize, cells: &[T], make: impl Fn(&T) + Sync) {
    let (next, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| make(cell)));
                    wrong.fetch_add(usize::from(made.is_err()), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(wrong.into_inner(), 0, "so many of {} cells are not as the rule says", cells.len());
}

/// Holds a run against the end that the rule says; where that is `unknown`, the report names the call and says one of these.
fn holds(cell: &str, output: &Output, expected: End, says: Option<(&str, &[&str])>) {
    assert_eq!(output.code, expected.code(), "{cell}: {output:#?}");
    if output.stdout.is_empty() {
        // Without the accounts there is nothing to report on.
        assert!(expected == Unknown && output.stderr.contains("cannot list the accounts"), "{cell}: {output:#?}");
        let words = says.map_or(&[""][..], |(_, words)| words);
        assert!(words.iter().any(|words| output.stderr.contains(words)), "{cell} says none of {words:?}: {output:#?}");
        return;
    }
    let report = output.report();
    let verdicts: BTreeSet<&str> = report.results.iter().map(|outcome| word(outcome.verdict)).collect();
    let worst = match expected {
        Ready => "ready",
        NotReady => "not ready",
        Unknown => "unknown",
    };
    assert!(verdicts.contains(worst), "{cell}: {verdicts:?}");
    assert!(verdicts.iter().all(|verdict| [worst, "ready"].contains(verdict)), "{cell}: {verdicts:?}");
    if let Some((api, says)) = says {
        assert!(says.iter().any(|words| output.stdout.contains(words)), "{cell} says none of {says:?}: {output:#?}");
        assert!(output.stdout.contains(api) || says.contains(&"could not be parsed, or"), "{cell}: {output:#?}");
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ready => "ready",
        Verdict::NotReady => "not ready",
        Verdict::Unknown => "unknown",
        Verdict::Skipped => "skipped",
    }
}

/// The reads of the network path have one rule: what they leave unknown is never closed, and the rest is judged.
#[test]
fn a_read_of_the_network_that_fails_closes_nothing() {
    for action in world_network::READS {
        for answer in [Answer::unauthorized(), Answer::internal(), Answer::xml("<html>")] {
            let stub = World::ready().fail(action, answer).serve();
            let output = Sandbox::at(&stub).run(&["check", INSTANCE, "-o", "json"]).expect(0);
            let result = output.json()["results"][0].clone();
            assert_eq!(result["verdict"], "ready", "{action}: {result:#}");
            assert!(
                ["open", "unknown"].iter().any(|decision| result["network"]["decision"] == *decision),
                "{action}: {result:#}"
            );
        }
    }
}

#[test]
fn without_a_fault_every_run_is_ready_and_makes_its_calls() {
    for run in Run::ALL {
        let stub = run.serve(|world| world);
        holds(&format!("{run:?}"), &run.check(&Sandbox::at(&stub), &[]), Ready, None);
        for read in reads().filter(|read| read.run == run) {
            assert!(!stub.calls_of(read.action).is_empty(), "{run:?} does not make `{}`", read.api);
        }
        // Nor any that has no row.
        let rows: BTreeSet<&str> = reads().map(|read| read.action).chain(world_network::READS).collect();
        assert!(stub.actions().iter().all(|action| rows.contains(action.as_str())), "{:?}", stub.counts());
    }
}

#[test]
fn a_read_that_fails() {
    let worst = Worst::default();
    let mut cells: Vec<(&Read, &Fault)> =
        reads().flat_map(|read| FAULTS.iter().map(move |fault| (read, fault))).collect();
    cells.retain(|(read, fault)| read.is_list || !fault.of_lists);
    let (slow, quick): (Vec<_>, Vec<_>) = cells.into_iter().partition(|(_, fault)| fault.is_slow);
    let make = |(read, fault): &(&Read, &Fault)| {
        let cell = format!("{} of {} ({:?})", fault.name, read.api, read.run);
        let stub = read.run.serve(|world| world.spoil(read.action, fault.spoil));
        let timeout = TIMEOUT.to_string();
        let more: &[&str] = if fault.is_slow { &["--timeout", &timeout] } else { &[] };
        let sandbox = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1");
        let output = worst.within_bounds(&cell, fault.is_slow, 1, || read.run.check(&sandbox, more));
        assert!(!stub.calls_of(read.action).is_empty(), "{cell}: it was not called");
        if read.action != "AssumeRole" {
            assert!(stub.writes().is_empty(), "{cell}");
        }
        let expected = end(read.purpose, fault.kind);
        // Half of an answer to `AssumeRole` may be credentials, and AWS then refuses those.
        let says = expected == Unknown && read.action != "AssumeRole";
        holds(&cell, &output, expected, says.then_some((read.api, fault.says)));
    };
    // Those only wait.
    side_by_side(slow.len(), &slow, make);
    side_by_side(12, &quick, make);
    worst.tell();
}

#[test]
fn a_read_that_aws_answers_with_there_is_none() {
    let cells: Vec<&Read> = reads().collect();
    side_by_side(8, &cells, |read| {
        let (code, expected) = read.none.unwrap_or(("NoSuchThing", end(read.purpose, Senseless)));
        let answer = Answer::Error { status: 404, code: code.into(), message: "It does not exist.".into() };
        let stub = read.run.serve(|world| world.fail(read.action, answer.clone()));
        let output = read.run.check(&Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1"), &[]);
        holds(&format!("{code} of {}", read.api), &output, expected, None);
    });
}

/// The variable that says where a service is.
const SERVICES: [(&str, &str); 8] = [
    ("ec2", "AWS_ENDPOINT_URL_EC2"),
    ("iam", "AWS_ENDPOINT_URL_IAM"),
    ("kms", "AWS_ENDPOINT_URL_KMS"),
    ("s3", "AWS_ENDPOINT_URL_S3"),
    ("logs", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"),
    ("ssm", "AWS_ENDPOINT_URL_SSM"),
    ("organizations", "AWS_ENDPOINT_URL_ORGANIZATIONS"),
    ("sts", "AWS_ENDPOINT_URL_STS"),
];

/// How a check of an instance ends that has no way to a service: the worst that any of its calls means.
fn without(service: &str) -> End {
    let calls = READS.iter().filter(|read| read.run == Run::Instance && read.service() == service);
    calls.map(|read| end(read.purpose, NoConnection)).max().unwrap()
}

#[test]
fn a_service_to_which_there_is_no_connection() {
    side_by_side(8, &SERVICES, |(service, variable)| {
        let stub = Run::Instance.serve(|world| world);
        let sandbox = Sandbox::at(&stub).env("AWS_MAX_ATTEMPTS", "1").env(variable, "http://127.0.0.1:9");
        let output = Run::Instance.check(&sandbox, &[]);
        let expected = without(service);
        let says: (&str, &[&str]) = (service, &["connection refused"]);
        holds(service, &output, expected, (expected == Unknown).then_some(says));
        assert!(stub.calls().iter().all(|call| call.service != *service), "{service}");
        only_reads(&stub);
    });
}

/// A change, and a run that makes it.
struct Write {
    action: &'static str,
    chain: Chain,
    /// Whether it is made by the `undo` of that chain.
    by_undo: bool,
}

const fn by_fix(action: &'static str, chain: Chain) -> Write {
    Write { action, chain, by_undo: false }
}

const fn by_undo(action: &'static str, chain: Chain) -> Write {
    Write { action, chain, by_undo: true }
}

/// Every call of `fix` and `undo` that changes something.
const WRITES: [Write; 16] = [
    by_fix("PutRolePolicy", PUT),
    by_fix("UpdateAssumeRolePolicy", TRUST_AND_PUT),
    by_fix("AttachRolePolicy", ATTACH),
    by_fix("CreateRole", CREATE),
    by_fix("CreateInstanceProfile", CREATE_MANAGED),
    by_fix("AddRoleToInstanceProfile", CREATE),
    by_fix("AssociateIamInstanceProfile", CREATE),
    by_fix("ReplaceIamInstanceProfileAssociation", REPLACE),
    by_fix("DisassociateIamInstanceProfile", STOPPED),
    by_undo("PutRolePolicy", PUT),
    by_undo("UpdateAssumeRolePolicy", TRUST_AND_PUT),
    by_undo("DetachRolePolicy", ATTACH),
    by_undo("DeleteRolePolicy", CREATE),
    by_undo("RemoveRoleFromInstanceProfile", CREATE),
    by_undo("DeleteInstanceProfile", CREATE),
    by_undo("DeleteRole", CREATE),
];

/// What becomes of a change whose call fails each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    Done,
    Failed,
}

/// The rule: what AWS did is found out by looking, and told.
fn became(aws_did_it: bool) -> Became {
    if aws_did_it { Became::Done } else { Became::Failed }
}

impl Became {
    fn code(self) -> i32 {
        if self == Became::Done { 0 } else { 3 }
    }

    fn words(self) -> &'static str {
        if self == Became::Done { "`done`, 0" } else { "`failed`, 3" }
    }
}

impl Write {
    fn command(&self) -> &'static str {
        if self.by_undo { "undo" } else { "fix" }
    }

    fn service(&self) -> &'static str {
        if self.action.contains("sociat") { "ec2" } else { "iam" }
    }

    /// The run in which the call fails so; nothing is lost, and what was done is told.
    fn fails(&self, cell: &str, fault: &Fault, done: bool, worst: &Worst) {
        let stage = |world: World| match done {
            true => world.spoil(self.action, fault.spoil),
            false => {
                let (action, spoil) = (self.action, fault.spoil);
                // What is made of an answer is made of none.
                world.hook(move |call| (call.action == action).then(|| spoil(call, Answer::Closed)))
            }
        };
        let tries = 6;
        let timeout = TIMEOUT.to_string();
        let more: &[&str] = if fault.is_slow { &["--timeout", &timeout] } else { &[] };
        let whole = (self.chain.world)().serve();
        let (stub, ran);
        if self.by_undo {
            let sandbox = Sandbox::at(&whole);
            let beginning = Account::of(&whole);
            let backup = self.chain.fix(&sandbox).expect(0).backup.unwrap();
            stub = stage(go_on(&whole)).serve();
            let typed = [&["undo", &backup, "--yes", "-o", "json"], more].concat();
            let undone = Sandbox::at(&stub);
            ran = Ran::of(worst.within_bounds(cell, fault.is_slow, tries, || undone.run(&typed)));
            ran.tells_the_truth(&stub);
            // Once nothing is in the way any more, the same backup puts everything back.
            let later = go_on(&stub).serve();
            undo(&Sandbox::at(&later), &backup).expect(0);
            assert_eq!(Account::of(&later), beginning, "{cell}");
        } else {
            stub = stage((self.chain.world)()).serve();
            let beginning = Account::of(&stub);
            let sandbox = Sandbox::at(&stub);
            let typed = self.chain.typed(&[&["--yes", "-o", "json"], more].concat());
            ran = Ran::of(worst.within_bounds(cell, fault.is_slow, tries, || sandbox.run(&typed)));
            ran.tells_the_truth(&stub);
            ran.lost_nothing(&stub, &beginning);
            // What was refused from the first to the last write leaves nothing to go back to.
            let backup = ran.backup.as_ref().is_some_and(|backup| Path::new(backup).is_file());
            let touched = Account::of(&stub) != beginning;
            assert!(backup || !touched && !fault.may_be_done, "{cell}: there is no backup: {ran:#?}");
        }
        let expected = became(done);
        assert_eq!(ran.code, expected.code(), "{cell}: {ran:#?}");
        let status = if done { "done" } else { "failed" };
        assert_eq!(ran.row(self.action).status, status, "{cell}: {ran:#?}");
        if !done {
            assert!(ran.reason().contains(self.action), "{cell}: {ran:#?}");
        }
    }
}

#[test]
fn a_write_that_fails() {
    let worst = Worst::default();
    let mut cells: Vec<(&Write, &Fault, bool)> = Vec::new();
    for write in &WRITES {
        for fault in FAULTS.iter().filter(|fault| !fault.of_lists) {
            cells.push((write, fault, false));
            if fault.may_be_done {
                cells.push((write, fault, true));
            }
        }
    }
    if std::env::var_os("WHOLE_MATRIX").is_none() {
        // A run of a change takes seconds: each failure meets one change of three, and each change one failure of three.
        let mut place = 0..;
        cells.retain(|_| place.next().is_some_and(|place| place % 3 == 0));
    }
    let (slow, quick): (Vec<_>, Vec<_>) = cells.into_iter().partition(|(_, fault, _)| fault.is_slow);
    let make = |(write, fault, done): &(&Write, &Fault, bool)| {
        let after = if *done { ", after AWS did it" } else { "" };
        let cell = format!("{} of {} by {}{after}", fault.name, write.action, write.command());
        write.fails(&cell, fault, *done, &worst);
    };
    // Most of the time a run waits.
    side_by_side(32, &slow, make);
    side_by_side(32, &quick, make);
    worst.tell();
}

/// Where the tables stand in the document.
const BEGIN: &str = "<!-- written by tests/it/failure_matrix.rs, with UPDATE_DOCS=1 -->\n";
const END: &str = "<!-- end -->\n";

fn tables() -> String {
    let mut text = String::from(
        "\n| call | by | refused | there is none | not answered | no answer of AWS |\n|---|---|---|---|---|---|\n",
    );
    for read in reads() {
        let none = read.none.map_or("-".to_owned(), |(code, end)| format!("{} (`{code}`)", end.words()));
        let [refused, unanswered, senseless] =
            [Refused, Unanswered, Senseless].map(|kind| end(read.purpose, kind).words());
        let (api, by) = (read.api, read.run.typed());
        writeln!(text, "| `{api}` | `{by}` | {refused} | {none} | {unanswered} | {senseless} |").unwrap();
    }
    text += "\n| service without a connection | `check INSTANCE` |\n|---|---|\n";
    for (service, _) in SERVICES {
        writeln!(text, "| `{service}` | {} |", without(service).words()).unwrap();
    }
    text += "\n| change | by | AWS did not do it | AWS did it, and the answer is lost or broken |\n|---|---|---|---|\n";
    for write in &WRITES {
        let (service, action, by) = (write.service(), write.action, write.command());
        let [not, done] = [false, true].map(|done| became(done).words());
        writeln!(text, "| `{service}:{action}` | `{by}` | {not} | {done} |").unwrap();
    }
    text += "\n| failure | is |\n|---|---|\n";
    for fault in &FAULTS {
        let kind = match fault.kind {
            Refused => "refused",
            NoConnection => "no connection",
            Unanswered => "not answered",
            Senseless => "no answer of AWS",
        };
        let of = if fault.of_lists { " (lists)" } else { "" };
        writeln!(text, "| {}{of} | {kind} |", fault.name).unwrap();
    }
    text + "\n"
}

#[test]
fn the_documentation_has_the_tables() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reliability.md");
    let document = fs::read_to_string(&file).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = [before, BEGIN, &tables(), END, after].concat();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, &wanted).unwrap();
    }
    assert!(document == wanted, "docs/reliability.md is not as the tests are; run them with UPDATE_DOCS=1");
}
