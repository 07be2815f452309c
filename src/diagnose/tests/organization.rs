//! The organization: its policies, and the conditions that speak of it.

use super::*;
use crate::facts::{Organization, Unreadable, UnreadableKind};

fn organization(id: &str, path: Option<&str>) -> Fact<Organization> {
    Fact::Known(Organization {
        id: id.to_owned(),
        management_account: Some("999988887777".to_owned()),
        path: path.map(str::to_owned),
        policies_unread: None,
        rcps_unread: None,
    })
}

#[test]
fn the_management_account_has_no_level_that_could_be_closed() {
    let outcome = judge(&Account::with_role(ready).with(|facts| facts.scp_levels = Some(Vec::new())));
    assert_eq!(outcome.verdict, Verdict::Ready);
    assert!(
        !outcome
            .not_checked
            .iter()
            .any(|item| crate::render::words::not_checked(item).contains("service control policies"))
    );
}

#[test]
fn policies_that_could_not_be_read_are_said_not_to_be_checked() {
    let reason = Unreadable {
        api: "organizations:ListPoliciesForTarget".to_owned(),
        kind: UnreadableKind::Denied,
        message: "no".to_owned(),
    };
    let account = Account::with_role(ready).with(|facts| {
        facts.organization = Fact::Known(Organization {
            id: "o-1".to_owned(),
            management_account: None,
            path: None,
            policies_unread: Some(reason),
            rcps_unread: None,
        });
    });
    let outcome = judge(&account);
    assert_eq!(outcome.verdict, Verdict::Ready);
    assert!(
        outcome
            .not_checked
            .iter()
            .any(|item| crate::render::words::not_checked(item).contains("organizations:ListPoliciesForTarget"))
    );
}

#[test]
fn conditions_on_the_organization_are_known_with_it() {
    use Verdict::{NotReady, Ready, Unknown};
    let id = json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } });
    let path = json!({ "ForAnyValue:StringLike": { "aws:PrincipalOrgPaths": "o-1/r-1/ou-1/*" } });
    let not_read = unreadable("organizations:DescribeOrganization");
    for (condition, organization, verdict) in [
        (&id, not_read.clone(), Unknown),
        (&id, organization("o-1", None), Ready),
        (&id, organization("o-2", None), NotReady),
        // In no organization, the key is not there.
        (&id, Fact::Absent, NotReady),
        (&path, not_read, Unknown),
        (&path, organization("o-1", None), Unknown),
        (&path, organization("o-1", Some("o-1/r-1/ou-1/")), Ready),
        (&path, organization("o-1", Some("o-1/r-1/ou-2/")), NotReady),
        (&path, Fact::Absent, NotReady),
    ] {
        let statement = under(allow(&CORE, "*"), condition.clone());
        let account = Account::with_role(|role| add_inline(role, "some", &policy(&[statement])));
        let account = account.with(|facts| facts.organization = organization.clone());
        assert_eq!(judge(&account).verdict, verdict, "{condition} {organization:?}");
    }
}
