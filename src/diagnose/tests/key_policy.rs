//! The session key: its state and its own policy.

use super::*;
use crate::facts::{KmsKey, Organization, PolicyLevel, PolicyText, kms_key};
use crate::render::words::Said as _;

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k";
const FOREIGN: &str = "arn:aws:kms:us-east-1:444455556666:key/k";
const ROOT: &str = "arn:aws:iam::111122223333:root";
const ROLE: &str = "arn:aws:iam::111122223333:role/web";
const DECRYPT: &[&str] = &["kms:Decrypt"];

/// An account whose preferences name the key.
fn account(arn: &str, fact: Fact<KmsKey>, actions: &'static [&'static str]) -> Account {
    let document = json!({ "sessionType": "Standard_Stream", "inputs": { "kmsKeyId": arn } }).to_string();
    let account = with_settings(Account::with_role(ready_and(actions)), |settings| {
        settings.preferences = Fact::Known(text(&document));
    });
    account.with(|facts| drop(facts.kms_keys.insert(kms_key(Some("us-east-1"), arn), fact)))
}

fn key(arn: &str, state: Option<&str>, policy: Fact<PolicyText>) -> Fact<KmsKey> {
    Fact::Known(KmsKey { arn: arn.to_owned(), state: state.map(str::to_owned), policy })
}

/// A key that is enabled and has these statements.
fn guarded(arn: &str, statements: &[Json], actions: &'static [&'static str]) -> Account {
    account(arn, key(arn, Some("Enabled"), Fact::Known(text(&policy(statements)))), actions)
}

fn to(principal: &Json) -> Json {
    json!({ "Effect": "Allow", "Principal": principal, "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*" })
}

fn aws(principal: &str) -> Json {
    to(&json!({ "AWS": principal }))
}

fn deny_to(principal: &str) -> Json {
    json!({ "Effect": "Deny", "Principal": { "AWS": principal }, "Action": "kms:*", "Resource": "*" })
}

fn telling(account: &Account) -> (Verdict, Vec<Code>) {
    let outcome = judge(account);
    (outcome.verdict, errors(&outcome).into_iter().collect())
}

#[test]
fn a_key_that_nobody_can_use_ends_sessions() {
    for (state, usable) in [
        (None, true),
        (Some("Enabled"), true),
        (Some("Disabled"), false),
        (Some("PendingDeletion"), false),
        (Some("Unavailable"), false),
    ] {
        let expected = if usable { (Verdict::Ready, vec![]) } else { (Verdict::NotReady, vec![Code::KmsKeyPolicy]) };
        let account = account(KEY, key(KEY, state, Fact::Known(text(&policy(&[aws(ROOT)])))), DECRYPT);
        assert_eq!(telling(&account), expected, "{state:?}");
    }
}

#[test]
fn the_key_policy_decides_with_or_before_the_role() {
    use Code::{KmsKeyPolicy, MissingPermission};
    use Verdict::{NotReady, Ready, Unknown};
    type Expected = (Verdict, &'static [Code]);
    const YES: Expected = (Ready, &[]);
    const OPEN: Expected = (Unknown, &[]);
    const CLOSED: Expected = (NotReady, &[KmsKeyPolicy]);
    const LACKS: Expected = (NotReady, &[MissingPermission]);
    let session = format!("arn:aws:sts::111122223333:assumed-role/web/{INSTANCE}");
    let via = |operator: &str| json!({ operator: { "kms:ViaService": "ssm.us-east-1.amazonaws.com" } });
    let everyone = || to(&json!("*"));
    let caller = |account: &str| under(everyone(), json!({ "StringEquals": { "kms:CallerAccount": account } }));
    // With a role that is allowed `kms:Decrypt`, and with one that is not.
    let rows: Vec<(&str, Vec<Json>, Expected, Expected)> = vec![
        ("the root leaves it to IAM", vec![aws(ROOT)], YES, LACKS),
        ("so does the account", vec![aws(ACCOUNT)], YES, LACKS),
        ("the role by name", vec![aws(ROLE)], YES, YES),
        ("its session by name", vec![aws(&session)], YES, YES),
        ("everybody", vec![everyone()], YES, YES),
        ("everybody else's account", vec![aws("arn:aws:iam::444455556666:root")], CLOSED, LACKS),
        ("another role", vec![aws("arn:aws:iam::111122223333:role/db")], CLOSED, LACKS),
        ("nobody", vec![], CLOSED, LACKS),
        ("denied by name", vec![aws(ROOT), deny_to(ROLE)], CLOSED, LACKS),
        ("denied to all", vec![aws(ROLE), deny_to("*")], CLOSED, LACKS),
        ("denied to another", vec![aws(ROLE), deny_to("arn:aws:iam::111122223333:role/db")], YES, YES),
        (
            "another action",
            vec![json!({ "Effect": "Allow", "Principal": { "AWS": ROLE }, "Action": "kms:Encrypt", "Resource": "*" })],
            CLOSED,
            LACKS,
        ),
        // The agent itself calls, not a service for it.
        ("via a service", vec![under(aws(ROLE), via("StringEquals"))], CLOSED, LACKS),
        ("the root via a service", vec![under(aws(ROOT), via("StringLike"))], CLOSED, LACKS),
        ("via a service, if at all", vec![under(aws(ROLE), via("StringEqualsIfExists"))], YES, YES),
        ("not via that service", vec![under(aws(ROLE), via("StringNotEquals"))], YES, YES),
        ("denied unless via a service", vec![aws(ROOT), under(deny_to("*"), via("StringNotEquals"))], CLOSED, LACKS),
        ("from the account", vec![caller(ACCOUNT)], YES, YES),
        ("from another account", vec![caller("444455556666")], CLOSED, LACKS),
        // Nothing says whether it holds.
        ("the root from somewhere", vec![under(aws(ROOT), unknowable())], OPEN, LACKS),
        ("the role from somewhere", vec![under(aws(ROLE), unknowable())], OPEN, OPEN),
        ("denied from somewhere", vec![aws(ROLE), under(deny_to("*"), unknowable())], OPEN, OPEN),
        (
            "all but one",
            vec![
                json!({ "Effect": "Deny", "NotPrincipal": { "AWS": ROLE }, "Action": "*", "Resource": "*" }),
                aws(ROOT),
            ],
            OPEN,
            LACKS,
        ),
    ];
    for (name, statements, with, without) in rows {
        for (actions, (verdict, codes)) in [(DECRYPT, with), (&[][..], without)] {
            let found = telling(&guarded(KEY, &statements, actions));
            assert_eq!(found, (verdict, codes.to_vec()), "{name}, role allowed {actions:?}");
        }
    }
}

#[test]
fn a_key_policy_that_names_the_role_opens_no_other_gate() {
    let named = || guarded(KEY, &[aws(ROLE)], &[]);
    let denied = |statement: Json| {
        named().role("web", |role| {
            ready(role);
            add_inline(role, "deny", &policy(&[statement]));
        })
    };
    assert_eq!(telling(&denied(deny(&["kms:*"], "*"))), (Verdict::NotReady, vec![Code::ExplicitDeny]));
    assert_eq!(telling(&denied(under(deny(&["kms:*"], "*"), unknowable()))).0, Verdict::Unknown);
    let level = |statements: &[Json]| {
        let document = crate::facts::NamedDocument { name: "scp".to_owned(), document: text(&policy(statements)) };
        let levels = vec![PolicyLevel { name: "Root".to_owned(), policies: vec![document], unread: Vec::new() }];
        named().with(|facts| facts.scp_levels = Some(levels))
    };
    let all = || allow(&["*"], "*");
    assert_eq!(telling(&level(&[all()])), (Verdict::Ready, vec![]));
    let denied = telling(&level(&[all(), deny(&["kms:*"], "*")]));
    assert_eq!(denied, (Verdict::NotReady, vec![Code::BlockedByScp]));
    assert_eq!(telling(&level(&[all(), under(deny(&["kms:*"], "*"), unknowable())])).0, Verdict::Unknown);
    assert_eq!(telling(&level(&[allow(&["ssm*:*"], "*")])), (Verdict::NotReady, vec![Code::BlockedByScp]));
    let bounded = |statements: &[Json]| {
        let account = named().managed("edge", &policy(statements));
        let edge = account.iam("policy/edge");
        account.role("web", |role| {
            ready(role);
            role.boundary = Fact::Known(edge);
        })
    };
    assert_eq!(telling(&bounded(&[all()])), (Verdict::Ready, vec![]));
    assert_eq!(telling(&bounded(&[allow(&["ssm*:*"], "*")])), (Verdict::NotReady, vec![Code::BlockedByBoundary]));
    let open = [allow(&["ssm*:*"], "*"), under(allow(&["kms:*"], "*"), unknowable())];
    assert_eq!(telling(&bounded(&open)).0, Verdict::Unknown);
    // A condition of the role's own policy does not matter where the key policy names it.
    let account = named().role("web", |role| {
        ready(role);
        add_inline(role, "key", &policy(&[under(allow(&["kms:*"], "*"), unknowable())]));
    });
    assert_eq!(telling(&account), (Verdict::Ready, vec![]));
}

#[test]
fn conditions_on_the_organization_hold_where_it_is_known() {
    let condition = json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } });
    let of = |id: &str| {
        Fact::Known(Organization {
            id: id.to_owned(),
            management_account: None,
            path: None,
            policies_unread: None,
            rcps_unread: None,
        })
    };
    for (organization, with, without) in [
        (unreadable("organizations:DescribeOrganization"), Verdict::Unknown, Verdict::Unknown),
        (of("o-1"), Verdict::Ready, Verdict::Ready),
        (of("o-2"), Verdict::NotReady, Verdict::NotReady),
        (Fact::Absent, Verdict::NotReady, Verdict::NotReady),
    ] {
        for (actions, verdict) in [(DECRYPT, with), (&[][..], without)] {
            let account = guarded(KEY, &[under(to(&json!({ "AWS": "*" })), condition.clone())], actions);
            let account = account.with(|facts| facts.organization = organization.clone());
            assert_eq!(judge(&account).verdict, verdict, "{organization:?} {actions:?}");
        }
    }
}

#[test]
fn a_key_policy_that_is_not_known() {
    // It is not read often, and says yes nearly always: a word, and no verdict.
    let unread = || unreadable("kms:GetKeyPolicy");
    let outcome = judge(&account(KEY, key(KEY, Some("Enabled"), unread()), DECRYPT));
    let finding = found(&outcome, Code::KmsKeyPolicy).unwrap();
    assert_eq!((outcome.verdict, finding.severity()), (Verdict::Ready, Severity::Info));
    // It cannot be understood.
    let broken = account(KEY, key(KEY, Some("Enabled"), Fact::Known(text("{broken"))), DECRYPT);
    assert_eq!(telling(&broken), (Verdict::Unknown, vec![]));
}

#[test]
fn a_key_of_another_account_needs_both() {
    for fact in [unreadable("kms:DescribeKey"), key(FOREIGN, None, unreadable("kms:GetKeyPolicy"))] {
        let outcome = judge(&account(FOREIGN, fact.clone(), DECRYPT));
        let finding = found(&outcome, Code::KmsKeyPolicy).unwrap();
        assert_eq!((outcome.verdict, finding.severity()), (Verdict::Ready, Severity::Warning), "{fact:?}");
        assert!(finding.message().contains("444455556666"), "{finding:?}");
        // Without an allow of the role's own policies it is a certain no, whatever the key's policy says.
        // https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
        assert_eq!(telling(&account(FOREIGN, fact, &[])), (Verdict::NotReady, vec![Code::MissingPermission]));
    }
    for (principal, with) in [
        (ROOT, (Verdict::Ready, vec![])),
        (ROLE, (Verdict::Ready, vec![])),
        ("arn:aws:iam::444455556666:root", (Verdict::NotReady, vec![Code::KmsKeyPolicy])),
    ] {
        assert_eq!(telling(&guarded(FOREIGN, &[aws(principal)], DECRYPT)), with, "{principal}");
        let without = telling(&guarded(FOREIGN, &[aws(principal)], &[]));
        assert_eq!(without, (Verdict::NotReady, vec![Code::MissingPermission]), "{principal}");
    }
}

fn message(account: &Account, code: Code) -> String {
    found(&judge(account), code).unwrap().message()
}

#[test]
fn which_statement_of_the_key_policy_decides_or_just_misses() {
    let sid = |mut statement: Json, sid: &str| {
        statement["Sid"] = json!(sid);
        statement
    };
    let via = json!({ "StringEquals": { "kms:ViaService": "s3.us-east-1.amazonaws.com" } });
    let through_s3 = sid(under(to(&json!("*")), via), "OnlyThroughS3");
    let account = guarded(KEY, &[aws("444455556666"), through_s3], DECRYPT);
    let said = message(&account, Code::KmsKeyPolicy);
    assert!(said.contains("statement 1 (Sid `OnlyThroughS3`)") && said.contains("`kms:ViaService`"), "{said}");
    let caller = json!({ "StringEquals": { "kms:CallerAccount": "444455556666" } });
    let said = message(&guarded(KEY, &[under(to(&json!("*")), caller)], DECRYPT), Code::KmsKeyPolicy);
    assert!(said.contains("statement 0") && said.contains("`kms:CallerAccount`"), "{said}");
    let said = message(&guarded(KEY, &[aws(ROOT), sid(deny_to("*"), "Keep out")], DECRYPT), Code::KmsKeyPolicy);
    assert!(said.contains("statement 1 (Sid `Keep out`)") && said.contains("denies"), "{said}");
    // A role that was made again is another one to the key policy.
    let outcome = judge(&guarded(KEY, &[aws("AROAEXAMPLEGONE00000")], DECRYPT));
    let finding = found(&outcome, Code::KmsKeyPolicy).unwrap();
    assert!(
        finding.message().contains("`AROAEXAMPLEGONE00000`") && finding.message().contains("deleted"),
        "{finding:?}"
    );
    assert!(finding.remedy().contains("ARN of the role"), "{finding:?}");
}

#[test]
fn the_decision_shown_counts_the_key_policy_too() {
    let shown = |statements: &[Json], actions| {
        let outcome = judge(&guarded(KEY, statements, actions));
        let permission = outcome.permissions.iter().find(|permission| permission.action == "kms:Decrypt").unwrap();
        let by: Vec<_> = permission.decided_by.iter().map(|by| (by.policy.clone(), by.statement)).collect();
        (permission.decision, by)
    };
    use crate::report::Decision::{Allowed, ExplicitDeny, ImplicitDeny, Unknown};
    let key = |statement| vec![(KEY.to_owned(), statement)];
    assert_eq!(shown(&[aws(ROOT)], DECRYPT), (Allowed, vec![("more".to_owned(), Some(0))]));
    assert_eq!(shown(&[aws("444455556666"), aws(ROLE)], &[]), (Allowed, key(Some(1))));
    assert_eq!(shown(&[aws(ROOT), deny_to("*")], DECRYPT), (ExplicitDeny, key(Some(1))));
    assert_eq!(shown(&[aws("444455556666")], DECRYPT), (ImplicitDeny, key(None)));
    assert_eq!(shown(&[under(aws(ROOT), unknowable())], DECRYPT), (Unknown, key(Some(0))));
}

#[test]
fn a_grant_to_the_session_passes_a_boundary_that_does_not_allow() {
    let session = format!("arn:aws:sts::111122223333:assumed-role/web/{INSTANCE}");
    for (principal, expected) in
        [(ROLE, (Verdict::NotReady, vec![Code::BlockedByBoundary])), (session.as_str(), (Verdict::Ready, vec![]))]
    {
        let account =
            guarded(KEY, &[aws(principal)], &[]).managed("edge", &policy(&[allow(&["ssm:*", "ssmmessages:*"], "*")]));
        let edge = account.iam("policy/edge");
        let account = account.role("web", |role| {
            ready(role);
            role.boundary = Fact::Known(edge);
        });
        assert_eq!(telling(&account), expected, "{principal}");
    }
}

/// The agent makes its client of KMS for the instance's Region (`agent/session/crypto/kmsservice.go`).
#[test]
fn a_session_key_of_another_region_never_works() {
    let other = "arn:aws:kms:eu-west-1:111122223333:key/k";
    let readable = key(other, Some("Enabled"), Fact::Known(text(&policy(&[aws(ROOT)]))));
    let account = account(other, Fact::Absent, &["kms:*"])
        .with(|facts| drop(facts.kms_keys.insert(kms_key(Some("eu-west-1"), other), readable)));
    assert_eq!(telling(&account), (Verdict::NotReady, vec![Code::KmsKeyPolicy]));
    let said = message(&account, Code::KmsKeyPolicy);
    assert!(said.contains("eu-west-1") && said.contains("us-east-1"), "{said}");
}

#[test]
fn an_alias_in_resource_is_said_to_grant_nothing() {
    let account = guarded(KEY, &[aws(ROOT)], &[]).role("web", |role| {
        ready(role);
        let alias = "arn:aws:kms:us-east-1:111122223333:alias/sessions";
        add_inline(role, "key", &policy(&[allow(&["kms:Decrypt"], alias)]));
    });
    let said = message(&account, Code::MissingPermission);
    assert!(said.contains("alias") && said.contains("grants nothing"), "{said}");
}
