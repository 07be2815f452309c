use std::sync::LazyLock;

use super::*;
use crate::render::sample::outcome;
use crate::report::{
    ActionOn, Code, Decision, Finding, FindingKind, InstanceSummary, LastSeen, NeededFor, NotChecked, OfflineCause,
    Outcome, Permission, ProfileSummary, RoleSummary, Severity,
};

const WIDE: Layout = Layout { detail: Detail::Normal, width: None };
static SELECTION: LazyLock<Command> = LazyLock::new(|| Command::new("--all --region us-east-1"));
static NO_FLAGS: LazyLock<Command> = LazyLock::new(Command::default);

fn fixes() -> Fixes<'static> {
    Fixes { selection: Some(&SELECTION), flags: &NO_FLAGS, several_accounts: false }
}

fn finding(code: Code, severity: Severity, message: &str) -> Finding {
    Finding::sample(code, severity, message, "mend it")
}

fn error(code: Code, message: &str) -> Finding {
    finding(code, Severity::Error, message)
}

fn open(code: Code, message: &str) -> Finding {
    finding(code, Severity::Warning, message).that_leaves_unknown()
}

/// The id of the instance with a number.
fn id(number: usize) -> String {
    format!("i-{number:017x}")
}

fn instance(number: usize, verdict: Verdict, findings: Vec<Finding>) -> Outcome {
    let instance = InstanceSummary { id: Some(id(number)), name: None, state: Some("running".to_owned()) };
    Outcome { instance: Some(instance), ..outcome(&id(number), verdict, findings) }
}

fn with_role(name: &str, outcome: Outcome) -> Outcome {
    let account = outcome.account.clone().unwrap_or_default();
    let arn = Some(format!("arn:aws:iam::{account}:role/{name}"));
    Outcome { role: Some(RoleSummary { arn, name: name.to_owned() }.into()), ..outcome }
}

fn with_profile(name: &str, outcome: Outcome) -> Outcome {
    let arn = Some(format!("arn:aws:iam::111122223333:instance-profile/{name}"));
    Outcome { instance_profile: Some(ProfileSummary { arn, id: None }), ..outcome }
}

fn in_region(region: &str, outcome: Outcome) -> Outcome {
    Outcome { region: Some(region.to_owned()), ..outcome }
}

fn in_account(account: &str, outcome: Outcome) -> Outcome {
    Outcome { account: Some(account.to_owned()), ..outcome }
}

fn bare(number: usize) -> Outcome {
    instance(number, Verdict::NotReady, vec![error(Code::NoInstanceProfile, "there is none")])
}

fn lacking(number: usize, role: &str) -> Outcome {
    with_role(role, instance(number, Verdict::NotReady, vec![error(Code::MissingPermission, "not allowed")]))
}

fn ready(number: usize) -> Outcome {
    instance(number, Verdict::Ready, Vec::new())
}

fn unread(region: &str) -> Outcome {
    let failure = open(Code::AccessDenied, "the caller may not list");
    let outcome = in_region(region, outcome("--all", Verdict::Unknown, vec![failure]));
    Outcome { account: None, ..outcome }
}

fn text(results: Vec<Outcome>, layout: Layout) -> String {
    let page = render(&Report::from(results), layout, Some(fixes()));
    anstream::adapter::strip_str(&page).to_string()
}

fn plain(results: Vec<Outcome>) -> String {
    text(results, WIDE)
}

/// The commands that are offered.
fn offered(results: Vec<Outcome>) -> Vec<String> {
    plain(results).lines().filter_map(|line| line.strip_prefix("  fix: ")).map(str::to_owned).collect()
}

#[test]
fn a_fleet_from_the_worst_cause_to_what_is_ready() {
    let deny = || vec![error(Code::ExplicitDeny, "statement 0 denies")];
    let named = |number, name: &str| {
        let mut outcome = with_role("web", instance(number, Verdict::NotReady, deny()));
        outcome.instance.as_mut().unwrap().name = Some(name.to_owned());
        outcome
    };
    let mut results = vec![ready(90), bare(10), named(4, "web-4"), named(1, "web-1")];
    results.push(in_region("eu-west-1", with_role("web", instance(2, Verdict::NotReady, deny()))));
    results.push(with_role("web", instance(3, Verdict::NotReady, deny())));
    results.push(with_role("odd", instance(20, Verdict::Unknown, vec![open(Code::ConditionalPermission, "it hangs")])));
    results.push(instance(99, Verdict::Skipped, Vec::new()));
    for outcome in &mut results {
        outcome.not_checked = vec![NotChecked::NetworkPath].into();
    }
    let expected = "\
5 of 8 instances are not ready, 1 unknown, 1 skipped; 3 causes

not ready  4 instances  role web in 111122223333
  explicit-deny: statement 0 denies
    remedy: mend it
  i-00000000000000002, i-00000000000000001 (web-1), i-00000000000000003 and 1 more in eu-west-1, us-east-1

not ready  1 instance  without an instance profile in 111122223333
  no-instance-profile: there is none
    remedy: mend it
  i-0000000000000000a in us-east-1
  fix: ssm-profile fix i-0000000000000000a --region us-east-1 --create-profile SessionManager

unknown  1 instance  role odd in 111122223333
  conditional-permission: it hangs
    remedy: mend it
  i-00000000000000014 in us-east-1

1 ready

not checked
  the network path to the Systems Manager endpoints, and VPC endpoint policies

8 checked: 1 ready, 5 not ready, 1 unknown, 1 skipped
";
    assert_eq!(plain(results.clone()), expected);
    // The order of the facts does not matter.
    results.reverse();
    assert_eq!(plain(results.clone()), expected);
    let quiet = text(results, Layout { detail: Detail::Quiet, width: Some(80) });
    assert_eq!(
        quiet,
        "\
not ready  4 instances  role web in 111122223333: explicit-deny
not ready  1 instance  without an instance profile in 111122223333: no-instance-profile
unknown  1 instance  role odd in 111122223333: conditional-permission
8 checked: 1 ready, 5 not ready, 1 unknown, 1 skipped
"
    );
}

#[test]
fn headlines() {
    let unknown = |number| instance(number, Verdict::Unknown, vec![open(Code::AwsError, "it failed")]);
    let role = || outcome("role/web", Verdict::Ready, Vec::new());
    let many: Vec<Outcome> = (0..4210).map(ready).collect();
    for (results, expected) in [
        (vec![], None),
        (vec![instance(1, Verdict::Skipped, vec![])], None),
        (vec![ready(1)], Some("the only instance is ready")),
        (vec![ready(1), ready(2), instance(3, Verdict::Skipped, vec![])], Some("all 2 instances are ready, 1 skipped")),
        (many.clone(), Some("all 4,210 instances are ready")),
        ([many, vec![bare(5000)]].concat(), Some("1 of 4,211 instances is not ready; 1 cause")),
        (vec![bare(1)], Some("1 of 1 instance is not ready; 1 cause")),
        (vec![unknown(1), ready(2)], Some("1 of 2 instances is unknown; 1 cause")),
        (vec![unknown(1), unknown(2)], Some("2 of 2 instances are unknown; 1 cause")),
        (vec![bare(1), unknown(2)], Some("1 of 2 instances is not ready, 1 unknown; 2 causes")),
        (vec![role(), ready(2)], Some("all 2 targets are ready")),
        (vec![unread("us-east-1")], Some("1 Region could not be read; 1 cause")),
        (
            vec![ready(1), ready(2), unread("us-east-1"), unread("us-east-2")],
            Some("all 2 instances are ready, 2 Regions could not be read; 1 cause"),
        ),
    ] {
        let page = plain(results);
        let first = page.lines().next().unwrap();
        assert_eq!(Some(first).filter(|line| !line.contains("checked:")), expected);
    }
    assert_eq!(plain(Vec::new()), "0 checked: 0 ready, 0 not ready, 0 unknown\n");
}

/// The blame, the account and the number of members of each cause.
fn shapes(results: Vec<Outcome>) -> Vec<(String, Option<String>, usize)> {
    let report = Report::from(results);
    let shape =
        |cause: &Cause<'_>| (format!("{:?}", cause.blame), cause.account.map(str::to_owned), cause.members.len());
    causes(&report).iter().map(shape).collect()
}

#[test]
fn what_is_to_blame() {
    use Code::*;
    let role = r#"Role("arn:aws:iam::111122223333:role/web")"#;
    let profile = r#"Profile("arn:aws:iam::111122223333:instance-profile/web")"#;
    for (codes, expected) in [
        (&[MissingPermission][..], role),
        (&[MissingPermission, MetadataDisabled], role),
        (&[TrustPolicy], role),
        (&[DhmcFallbackOff, MissingPermission], role),
        (&[InstanceProfileStale], profile),
        (&[InstanceProfileStale, MissingPermission], profile),
        (&[InstanceProfileMissing], profile),
        (&[NoInstanceProfile], "NoProfile"),
        (&[NoInstanceProfile, TrustPolicy], "NoProfile"),
        (&[MetadataDisabled], "Nothing"),
        (&[AccessDenied], "Nothing"),
        (&[AwsError, MissingPermission], role),
    ] {
        let findings = codes.iter().map(|code| error(*code, "so it is")).collect();
        let outcome = with_profile("web", with_role("web", instance(1, Verdict::NotReady, findings)));
        assert_eq!(shapes(vec![outcome]), [(expected.to_owned(), Some("111122223333".to_owned()), 1)], "{codes:?}");
    }
    // Without a role it is the profile's.
    let orphan = with_profile("web", instance(1, Verdict::NotReady, vec![error(RoleMissing, "gone")]));
    assert_eq!(shapes(vec![orphan])[0].0, profile);
    let empty = instance(1, Verdict::NotReady, vec![error(RoleMissing, "gone")]);
    assert_eq!(shapes(vec![empty])[0].0, "Nothing");
}

fn of_kind(number: usize, verdict: Verdict, kind: FindingKind) -> Outcome {
    with_profile("web", with_role("web", instance(number, verdict, vec![kind.into()])))
}

fn lacking_on(number: usize, resource: &str) -> Outcome {
    let permissions = vec![ActionOn { action: "a:Do".to_owned(), resource: Some(resource.to_owned()) }];
    let role = Some("web".to_owned());
    let kind = FindingKind::MissingPermission {
        role,
        permissions,
        only_core: false,
        fix_can_grant: true,
        managed_by: None,
        near_miss: None,
        boundary: None,
    };
    of_kind(number, Verdict::NotReady, kind)
}

fn stale(number: usize) -> Outcome {
    let kind = FindingKind::ProfileStale {
        profile: "web".to_owned(),
        held_id: "AIPA1".to_owned(),
        current_id: "AIPA2".to_owned(),
        association: Some(format!("iip-assoc-0{number}")),
    };
    of_kind(number, Verdict::NotReady, kind)
}

fn offline(number: usize, time: &str) -> Outcome {
    let last_seen = Some(LastSeen { ping: "Inactive".to_owned(), since: Some(time.to_owned()) });
    let kind = FindingKind::AgentOffline {
        last_seen,
        cause: OfflineCause::Possible,
        not_ready: false,
        scps_unseen: false,
        network_open: false,
        started: None,
    };
    of_kind(number, Verdict::Ready, kind)
}

#[test]
fn what_groups_and_what_does_not() {
    let groups = |results: Vec<Outcome>| shapes(results).into_iter().map(|shape| shape.2).collect::<Vec<_>>();
    assert_eq!(groups(vec![lacking_on(1, "*"), lacking_on(2, "*")]), [2]);
    assert_eq!(groups(vec![lacking_on(1, "a"), lacking_on(2, "b")]), [1, 1]);
    assert_eq!(groups(vec![stale(1), stale(2)]), [2]);
    let regional = "arn:aws:ec2:us-east-1:111122223333:instance/*";
    let other = in_region("eu-west-1", lacking_on(2, &regional.replace("us-east-1", "eu-west-1")));
    assert_eq!(groups(vec![lacking_on(1, regional), other]), [2]);
    assert_eq!(groups(vec![lacking_on(1, regional), in_region("eu-west-1", lacking_on(2, regional))]), [1, 1]);
    assert_eq!(groups(vec![lacking(1, "a"), lacking(2, "b"), lacking(3, "b")]), [2, 1]);
    assert_eq!(groups(vec![bare(1), in_account("444455556666", bare(2))]), [1, 1]);
    assert_eq!(groups(vec![bare(1), Outcome { verdict: Verdict::Unknown, ..bare(2) }]), [1, 1]);
}

#[test]
fn words_stand_for_what_differs_only() {
    let one = plain(vec![stale(1)]);
    assert!(
        one.contains("`ssm-profile fix i-00000000000000001 --region us-east-1`, or `aws ec2 ")
            && one.contains("--association-id iip-assoc-01 --region us-east-1"),
        "{one}"
    );
    let two = plain(vec![stale(1), stale(2)]);
    assert!(
        two.contains("`ssm-profile fix i-00000000000000001 --region us-east-1`, or `aws ec2 ")
            && two.contains("--association-id iip-assoc-01 --region us-east-1")
            && two.contains("; likewise for each of the others\n"),
        "{two}"
    );
    let elsewhere = plain(vec![stale(1), in_region("eu-west-1", stale(2))]);
    assert!(!elsewhere.contains("INSTANCE_ID") && !elsewhere.contains("--region REGION"), "{elsewhere}");
    // A time that all share is worth saying.
    let (noon, later) = ("2026-11-21T12:00:00Z", "2026-11-21T12:00:01Z");
    let same = plain(vec![offline(1, noon), offline(2, noon)]);
    assert!(
        same.contains("warning agent-offline: the agent has been `Inactive` since 2026-11-21T12:00:00Z: "),
        "{same}"
    );
    let differ = plain(vec![offline(1, noon), offline(2, later)]);
    assert!(differ.contains("2 ready instances: warning agent-offline: the agent is `Inactive`: "), "{differ}");
}

#[test]
fn warnings_about_what_is_ready() {
    let warned = |number, message: &str| {
        let info = finding(Code::ManagedByDhmc, Severity::Info, "good to know");
        let warning = finding(Code::AgentOffline, Severity::Warning, message);
        instance(number, Verdict::Ready, vec![warning, info])
    };
    let results = vec![warned(1, "never seen"), warned(2, "too old"), warned(3, "too old"), ready(4)];
    assert_eq!(
        plain(results),
        "\
all 4 instances are ready
  2 ready instances: warning agent-offline: too old
    i-00000000000000002, i-00000000000000003 in us-east-1
  1 ready instance: warning agent-offline: never seen
    i-00000000000000001 in us-east-1

4 checked: 4 ready, 0 not ready, 0 unknown
"
    );
}

#[test]
fn what_was_not_read_says_where() {
    let account = Outcome { region: None, ..in_account("444455556666", unread("")) };
    let page = plain(vec![unread("us-east-1"), unread("eu-west-1"), account]);
    assert_eq!(
        page,
        "\
1 account and 2 Regions could not be read; 2 causes

unknown  2 Regions  not read
  access-denied: the caller may not list
    remedy: mend it
  eu-west-1, us-east-1

unknown  1 account  not read in 444455556666
  access-denied: the caller may not list
    remedy: mend it
  444455556666

3 checked: 0 ready, 0 not ready, 3 unknown
"
    );
}

#[test]
fn a_verdict_without_a_finding_names_the_actions() {
    let permission = |action: &str, decision, required| Permission {
        action: action.to_owned(),
        resource: "*".to_owned(),
        needed_for: NeededFor::Core,
        decision,
        decided_by: Vec::new(),
        depends_on: Vec::new(),
        required,
    };
    let mut outcome = with_role("web", instance(1, Verdict::Unknown, Vec::new()));
    outcome.permissions = vec![
        permission("b:Open", Decision::Unknown, true).into(),
        permission("a:Open", Decision::Unknown, true).into(),
        permission("a:Allowed", Decision::Allowed, true).into(),
        permission("a:Logs", Decision::Unknown, false).into(),
    ];
    let page = plain(vec![outcome]);
    assert!(
        page.contains("role web in 111122223333\n  cannot determine whether these are allowed: `a:Open`, `b:Open`\n")
    );
    assert!(!page.contains("fix:"));
}

#[test]
fn commands_for_instances() {
    let ids = |numbers: std::ops::Range<usize>| numbers.map(id).collect::<Vec<_>>().join(" ");
    let ten: Vec<Outcome> = (0..10).map(bare).collect();
    let expected = format!("ssm-profile fix {} --region us-east-1 --create-profile SessionManager", ids(0..10));
    assert_eq!(offered(ten), [expected]);
    let eleven: Vec<Outcome> = (0..11).map(bare).collect();
    let all = "ssm-profile fix --all --region us-east-1 --only no-instance-profile --create-profile SessionManager";
    assert_eq!(offered(eleven), [all]);
    let stale = |number| {
        let stale = error(Code::InstanceProfileStale, "stale");
        with_profile("web", instance(number, Verdict::NotReady, vec![stale]))
    };
    assert_eq!(
        offered(vec![stale(1), in_region("cn-north-1", stale(2))]),
        ["ssm-profile fix arn:aws-cn:ec2:cn-north-1:111122223333:instance/i-00000000000000002 \
          arn:aws:ec2:us-east-1:111122223333:instance/i-00000000000000001"]
    );
    assert_eq!(offered(vec![Outcome { region: None, ..stale(1) }]), ["ssm-profile fix i-00000000000000001"]);
    assert!(offered(vec![Outcome { region: None, ..stale(1) }, stale(2)]).is_empty());
    let mut odd = stale(1);
    odd.instance.as_mut().unwrap().id = Some("i-1; rm -rf ~".to_owned());
    assert!(offered(vec![odd]).is_empty());
}

#[test]
fn commands_for_roles_and_profiles() {
    let role = "ssm-profile fix arn:aws:iam::111122223333:role/web";
    let many: Vec<Outcome> = (0..50).map(|number| lacking(number, "web")).collect();
    assert_eq!(offered(many), [format!("{role} --region us-east-1")]);
    assert_eq!(offered(vec![lacking(1, "web"), in_region("eu-west-1", lacking(2, "web"))]), [role]);
    for (name, quoted) in [
        ("team/a+b,c.d@e-f_g", "arn:aws:iam::111122223333:role/team/a+b,c.d@e-f_g"),
        ("a=b", "arn:aws:iam::111122223333:role/a=b"),
        ("a b'$(c)", r"'arn:aws:iam::111122223333:role/a b'\''$(c)'"),
    ] {
        assert_eq!(offered(vec![lacking(1, name)]), [format!("ssm-profile fix {quoted} --region us-east-1")]);
    }
    let empty = error(Code::InstanceProfileEmpty, "empty");
    let empty = with_profile("web", instance(1, Verdict::NotReady, vec![empty]));
    let expected = "ssm-profile fix arn:aws:iam::111122223333:instance-profile/web --region us-east-1";
    assert_eq!(offered(vec![empty]), [expected]);
}

#[test]
fn no_command_where_it_cannot_help() {
    use Code::*;
    let of = |codes: &[Code]| {
        let findings = codes.iter().map(|code| error(*code, "so it is")).collect();
        offered(vec![with_role("web", instance(1, Verdict::NotReady, findings))]).len()
    };
    for codes in [&[MissingPermission][..], &[TrustPolicy, MissingPermission], &[MissingPermission, DhmcFallbackOff]] {
        assert_eq!(of(codes), 1, "{codes:?}");
    }
    for other in [
        AssociationPending,
        RoleMissing,
        ExplicitDeny,
        BlockedByBoundary,
        BlockedByScp,
        BlockedByRcp,
        ConditionalPermission,
        InvalidPolicy,
        MetadataDisabled,
        InstanceNotRunning,
        InstanceTerminated,
        InstanceNotFound,
        AccessDenied,
        AwsError,
        KmsKeyPolicy,
        ManagedByDhmc,
        SessionLogs,
        AgentOffline,
        AgentOutdated,
        NoNetworkPath,
        SecurityGroupBlocks,
        NetworkAclBlocks,
        EndpointDns,
        EndpointPolicy,
        NetworkUnknown,
        NotConnected,
    ] {
        assert_eq!((of(&[other]), of(&[MissingPermission, other])), (0, 0), "{other:?}");
    }
    let hanging = with_role("web", instance(1, Verdict::Unknown, vec![open(TrustPolicy, "it hangs")]));
    assert!(offered(vec![hanging]).is_empty());
    let documents =
        Outcome { account: None, ..outcome("documents", Verdict::NotReady, vec![error(MissingPermission, "x")]) };
    assert!(offered(vec![documents]).is_empty());
    let page = render(&Report::from(vec![bare(1)]), WIDE, None);
    assert!(!page.contains("ssm-profile fix"));
    let flags = Command::new("--profile prod");
    let fixes = Fixes { flags: &flags, ..fixes() };
    let page = render(&Report::from(vec![lacking(1, "web")]), WIDE, Some(fixes));
    assert!(page.contains("role/web --region us-east-1 --profile prod\n"), "{page}");
}

#[test]
fn what_differs_by_region_is_not_fixed_in_one_region_alone() {
    let lacks = |region: &str, number: usize, resource: &str| {
        in_region(region, lacking_on(number, &format!("arn:aws:{resource}")))
    };
    // A key of several Regions has the same id in all of them, and is another one in each.
    let of_key = |number: usize| {
        let region = ["us-east-1", "eu-west-1"][number % 2];
        lacks(region, number, &format!("kms:{region}:111122223333:key/mrk-1"))
    };
    let arn = |region: &str, number: usize| format!("arn:aws:ec2:{region}:111122223333:instance/{}", id(number));
    let expected = format!("ssm-profile fix {} {}", arn("eu-west-1", 1), arn("us-east-1", 0));
    assert_eq!(offered((0..2).map(of_key).collect()), [expected]);
    let expected = "ssm-profile fix --all --region us-east-1 --only missing-permission";
    assert_eq!(offered((0..12).map(of_key).collect()), [expected]);
    // On instances a role is allowed it in all Regions.
    let of_instance = |number: usize| {
        let region = ["us-east-1", "eu-west-1"][number % 2];
        lacks(region, number, &format!("ec2:{region}:111122223333:instance/*"))
    };
    assert_eq!(offered((0..2).map(of_instance).collect()), ["ssm-profile fix arn:aws:iam::111122223333:role/web"]);
}

#[test]
fn over_several_accounts_a_command_says_whose_credentials_it_needs() {
    let fixes = Fixes { several_accounts: true, ..fixes() };
    let page = |results| render(&Report::from(results), WIDE, Some(fixes));
    let page_of_one = page(vec![lacking(1, "web")]);
    assert!(
        page_of_one.contains(
            "fix with credentials of account 111122223333:\u{1b}[0m ssm-profile fix arn:aws:iam::111122223333:role/web --region us-east-1\n"
        ),
        "{page_of_one}"
    );
    // The selection enters the accounts by itself.
    let many = page((0..12).map(bare).collect());
    assert!(many.contains("--only no-instance-profile") && !many.contains("with credentials"), "{many}");
}

#[test]
fn what_others_chose_moves_no_cursor() {
    let finding_of_others = error(Code::MissingPermission, "\u{9b}31mred");
    let mut outcome = with_role("web\u{1b}[2J\u{202e}", instance(1, Verdict::NotReady, vec![finding_of_others]));
    outcome.instance.as_mut().unwrap().name = Some("x\u{1b}]0;y\u{7}\nnot ready".to_owned());
    outcome.region = Some("us\n-east-1".to_owned());
    outcome.account = Some("1\r2".to_owned());
    outcome.not_checked = vec![NotChecked::Partition(Some("a\nb".to_owned()))].into();
    let warned = finding(Code::AgentOffline, Severity::Warning, "\u{1b}[H");
    for detail in [Detail::Quiet, Detail::Normal, Detail::Verbose] {
        let results = vec![outcome.clone(), instance(2, Verdict::Ready, vec![warned.clone()])];
        let page = render(&Report::from(results), Layout { detail, width: None }, Some(fixes()));
        let bare = anstream::adapter::strip_str(&page).to_string();
        let unseen = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!bare.contains(unseen), "{bare:?}");
        assert!(bare.contains(r"web\u{1b}[2J\u{202e}"), "{bare}");
        assert!(detail == Detail::Quiet || bare.contains(r"missing-permission: \u{9b}31mred"), "{bare}");
        assert!(detail == Detail::Quiet || bare.contains(r"(x\u{1b}]0;y\u{7}\nnot ready)"), "{bare}");
        assert!(!bare.lines().any(|line| line.starts_with("not ready") && !line.contains("instance")), "{bare}");
    }
}

#[test]
fn lines_fit_a_terminal_but_a_command_stays_whole() {
    let long =
        "statement 0 (Sid `NoSessions`) of the inline policy `baseline` denies the four `ssmmessages` channel actions";
    let of = |number| {
        let findings = vec![error(Code::MissingPermission, long)];
        let mut outcome = with_role("web", instance(number, Verdict::NotReady, findings));
        let name = outcome.role.as_ref().unwrap().name.clone();
        outcome.role = Some(RoleSummary { arn: None, name }.into());
        outcome
    };
    let page = text((0..9).map(of).collect(), Layout { detail: Detail::Normal, width: Some(80) });
    for line in page.lines() {
        let command = line.starts_with("  fix: ");
        assert!(line.chars().count() <= 80 || command, "{line}");
        assert!(!command || line.ends_with(" --region us-east-1"), "{line}");
    }
    assert!(page.contains("  missing-permission: statement 0 (Sid `NoSessions`) of the inline policy\n    `baseline`"));
}

#[test]
fn a_verbose_report_leaves_nothing_out() {
    let results = (0..6).map(|number| lacking(number, "team/web")).collect();
    let page = text(results, Layout { detail: Detail::Verbose, width: None });
    assert!(page.contains("role arn:aws:iam::111122223333:role/team/web in 111122223333\n"), "{page}");
    assert!((0..6).all(|number| page.contains(&id(number))) && !page.contains("more"), "{page}");
}
