//! Resource control policies: whether EC2 may assume the role, and what is said of those that were not seen.

use super::*;
use crate::facts::{NamedDocument, Organization, PolicyLevel, Unreadable, UnreadableKind};
use crate::needs::RequiredAction;
use crate::render::words::Said as _;

const MANAGEMENT: &str = "999988887777";

fn in_organization(management: &str) -> Fact<Organization> {
    Fact::Known(Organization {
        id: "o-own".to_owned(),
        management_account: Some(management.to_owned()),
        path: None,
        policies_unread: None,
        rcps_unread: None,
    })
}

fn levels(statements: &[Json]) -> Vec<PolicyLevel> {
    let full = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    let document = policy(&[&[full], statements].concat());
    let policies = vec![NamedDocument { name: "perimeter".to_owned(), document: text(&document) }];
    vec![PolicyLevel { name: "r-root".to_owned(), policies, unread: Vec::new() }]
}

/// An account of an organization, a role of which is allowed what sessions need and to decrypt.
fn account(statements: &[Json]) -> Account {
    let levels = levels(statements);
    Account::with_role(ready_and(&["kms:Decrypt"])).with(|facts| {
        facts.organization = in_organization(MANAGEMENT);
        facts.scp_levels = Some(Vec::new());
        facts.rcp_levels = Some(levels);
    })
}

fn deny(action: &str, condition: Json) -> Json {
    json!({"Sid": "Perimeter", "Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*", "Condition": condition})
}

fn requiring(account: &Account, action: &str) -> Outcome {
    let actions = vec![RequiredAction { action: action.to_owned(), resource: None }];
    let requirements = Requirements { actions, ..Requirements::default() };
    diagnose(&account.facts, &requirements, now()).results.remove(0)
}

/// AWS does not document whether such a policy applies to EC2's own call; the usual ones except AWS services.
#[test]
fn one_that_would_keep_ec2_from_assuming_the_role_leaves_it_unknown() {
    let outside = json!({"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-own"}});
    let mut but_services = outside.clone();
    but_services["BoolIfExists"] = json!({"aws:PrincipalIsAWSService": "false"});
    let deputy = |organization: &str| {
        json!({
            "StringNotEqualsIfExists": {"aws:SourceOrgID": organization, "aws:SourceAccount": ["444455556666"]},
            "Null": {"aws:SourceAccount": "false"}, "Bool": {"aws:PrincipalIsAWSService": "true"}
        })
    };
    for (name, statement, verdict) in [
        ("identities", deny("sts:AssumeRole", but_services), Verdict::Ready),
        ("confused deputy", deny("sts:*", deputy("o-own")), Verdict::Ready),
        ("of another organization", deny("sts:*", deputy("o-other")), Verdict::Unknown),
        ("TLS", deny("sts:*", json!({"BoolIfExists": {"aws:SecureTransport": "false"}})), Verdict::Ready),
        (
            "network",
            deny(
                "sts:AssumeRole",
                json!({"StringEquals": {"aws:SourceVpc": "vpc-1"}, "StringNotEqualsIfExists": {"aws:RequestedRegion": "us-east-1"}}),
            ),
            Verdict::Ready,
        ),
        ("federation", deny("sts:AssumeRoleWithWebIdentity", json!({})), Verdict::Ready),
        ("services too", deny("sts:AssumeRole", outside), Verdict::Unknown),
        ("everybody", deny("sts:AssumeRole", json!({})), Verdict::Unknown),
        (
            "undocumented",
            deny("sts:AssumeRole", json!({"NotIpAddressIfExists": {"aws:SourceIp": "10.0.0.0/8"}})),
            Verdict::Unknown,
        ),
    ] {
        let outcome = judge(&account(&[statement]));
        assert_eq!(outcome.verdict, verdict, "{name}: {:?}", outcome.findings);
        let finding = found(&outcome, Code::BlockedByRcp);
        assert_eq!(finding.is_some(), verdict == Verdict::Unknown, "{name}: {:?}", outcome.findings);
        assert!(
            finding.is_none_or(
                |finding| finding.message().contains("`perimeter`") && finding.severity() == Severity::Warning
            )
        );
    }
}

#[test]
fn they_touch_neither_service_linked_roles_nor_the_management_account() {
    let denies = || account(&[deny("kms:*", json!({})), deny("sts:*", json!({}))]);
    let outcome = requiring(&denies(), "kms:Decrypt");
    assert_eq!(errors(&outcome), [Code::BlockedByRcp].into());
    let managing = denies().with(|facts| facts.organization = in_organization("111122223333"));
    let of_service = denies().with(|facts| {
        for role in facts.roles.values_mut() {
            let Fact::Known(role) = role else { panic!() };
            role.arn = Some("arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/web".to_owned());
        }
    });
    for exempt in [managing, of_service] {
        let outcome = requiring(&exempt, "kms:Decrypt");
        assert_eq!(outcome.verdict, Verdict::Ready, "{:?}", outcome.findings);
    }
}

#[test]
fn what_was_not_seen_is_told_where_something_that_they_cover_is_asked_for() {
    let reason =
        |kind| Unreadable { api: "organizations:ListPoliciesForTarget".to_owned(), kind, message: "no".to_owned() };
    let told = |outcome: &Outcome| -> Vec<String> {
        outcome
            .not_checked
            .iter()
            .map(crate::render::words::not_checked)
            .filter(|line| line.starts_with("resource control"))
            .collect()
    };
    let unread = |change: fn(&mut Organization, Unreadable)| {
        account(&[]).with(|facts| {
            facts.rcp_levels = None;
            let Fact::Known(organization) = &mut facts.organization else { panic!() };
            change(organization, reason(UnreadableKind::Denied));
        })
    };
    let denied = unread(|organization, reason| organization.rcps_unread = Some(reason));
    assert_eq!(told(&judge(&denied)), Vec::<String>::new());
    let outcome = requiring(&denied, "kms:Decrypt");
    assert_eq!(outcome.verdict, Verdict::Ready);
    let said = "resource control policies: not visible to these credentials (`organizations:ListPoliciesForTarget`); pass them with `--rcp`";
    assert_eq!(told(&outcome), [said]);
    // An older snapshot.
    let older = unread(|_, _| {});
    assert_eq!(
        told(&requiring(&older, "s3:GetObject")),
        ["resource control policies: not read; pass them with `--rcp`"]
    );
    assert_eq!(told(&requiring(&older, "ssm:GetParameter")), Vec::<String>::new());
    let alone = unread(|_, _| {}).with(|facts| facts.organization = Fact::Absent);
    assert_eq!(told(&requiring(&alone, "s3:GetObject")), Vec::<String>::new());
    // What failed may hide a deny of what they cover, and is told where nothing of it is asked for.
    let failed = account(&[]).with(|facts| {
        for level in facts.rcp_levels.iter_mut().flatten() {
            level.unread.push(reason(UnreadableKind::Other));
        }
    });
    assert_eq!((requiring(&failed, "kms:Decrypt").verdict, judge(&failed).verdict), (Verdict::Unknown, Verdict::Ready));
    assert_eq!(told(&judge(&failed)).len(), 1);
    let of_others = requiring(&account(&[]), "kms:Decrypt");
    assert_eq!(told(&of_others), Vec::<String>::new());
    let actions = vec![RequiredAction {
        action: "kms:Decrypt".to_owned(),
        resource: Some("arn:aws:kms:us-east-1:444455556666:key/k".to_owned()),
    }];
    let requirements = Requirements { actions, ..Requirements::default() };
    let foreign = diagnose(&account(&[deny("kms:*", json!({}))]).facts, &requirements, now()).results.remove(0);
    assert!(found(&foreign, Code::BlockedByRcp).is_none(), "{:?}", foreign.findings);
    assert!(told(&foreign)[0].contains("other account"), "{:?}", foreign.not_checked);
}
