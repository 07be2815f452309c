//! Permissions that depend on a condition key, and what settles them: a flag that says what the key holds, or a change of the
//! instance.

use std::collections::{BTreeMap, BTreeSet};

use crate::agent_context::is_always_carried;
use crate::needs::{Need, RequestedRegion};
use crate::report::{FindingKind, Flag, Settling};
use iam_eval::{PolicySet, UnknownReason};

/// Keys whose values differ with the service that is called: each has endpoints and resources of its own. So do the keys of a
/// service itself.
const BY_SERVICE: [&str; 7] = [
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:ResourceOrgPaths",
    "aws:SourceIp",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:VpcSourceIp",
];

/// From this many actions of a service on, a pattern stands for them.
const SEVERAL: usize = 3;

/// A permission of which it is not known whether the role has it. `documents` says whether bare documents are judged.
pub(super) fn conditional(doubt: &UnknownReason, needs: &[&Need], gates: &[PolicySet], documents: bool) -> FindingKind {
    let actions: BTreeSet<&String> = needs.iter().map(|need| &need.action).collect();
    FindingKind::ConditionalPermission {
        actions: actions.into_iter().cloned().collect(),
        depends_on: doubt.clone(),
        settling: settling(doubt, needs, gates, documents),
    }
}

fn settling(doubt: &UnknownReason, needs: &[&Need], gates: &[PolicySet], documents: bool) -> Settling {
    let mut settling = Settling::default();
    let mut flags = BTreeSet::new();
    for key in &doubt.keys {
        match key.as_str() {
            // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html
            "aws:TokenIssueTime" => settling.newer_credentials = true,
            // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html#amazonec2-policy-keys
            "ec2:RoleDelivery" => settling.require_tokens = true,
            "aws:RequestedRegion" => flags.extend(needs.iter().map(|need| region_flag(need))),
            "aws:PrincipalAccount" if documents => drop(flags.insert(Flag::Account)),
            "ec2:SourceInstanceARN" if documents => drop(flags.insert(Flag::Instance)),
            key => {
                let names = names_of(key, needs);
                if !is_always_carried(key) {
                    settling.absent = settling.absent.or_else(|| names.first().cloned());
                }
                flags.extend(names.into_iter().map(Flag::Context));
                settling.values.extend(only_value(key, gates).map(|value| (key.to_owned(), value)));
            }
        }
    }
    settling.flags = flags.into_iter().collect();
    settling
}

/// The value that the policies name for a key, if it is one.
fn only_value(key: &str, gates: &[PolicySet]) -> Option<String> {
    let documents = gates.iter().flat_map(|gate| &gate.policies).filter_map(|policy| policy.document.as_ref().ok());
    let conditions = documents.flat_map(|document| &document.statements).map(|statement| &statement.condition);
    let named: Option<Vec<BTreeSet<String>>> = conditions.map(|condition| condition.values_of(key)).collect();
    let mut values = named?.into_iter().flatten().collect::<BTreeSet<String>>().into_iter();
    // An empty one would say that the key is absent.
    values.next().filter(|value| !value.is_empty() && values.next().is_none())
}

/// The flag that says which Region a call goes to.
fn region_flag(need: &Need) -> Flag {
    match need.requested_region {
        RequestedRegion::OfInstance => Flag::Region,
        RequestedRegion::Named(_) | RequestedRegion::NotKnown if need.action.starts_with("s3:") => {
            Flag::RegionOfBucket(need.action.clone())
        }
        RequestedRegion::Named(_) | RequestedRegion::NotKnown => Flag::RegionOf(need.action.clone()),
    }
}

/// What `--context` says a key of: every call, or those alone in which it is missing.
fn names_of(key: &str, needs: &[&Need]) -> Vec<String> {
    match differs_by_service(key) {
        true => calls(needs).into_iter().map(|call| format!("{call}@{key}")).collect(),
        false => vec![key.to_owned()],
    }
}

fn differs_by_service(key: &str) -> bool {
    let of_resource = key.to_ascii_lowercase().starts_with("aws:resourcetag/");
    let global = key.starts_with("aws:") || key.starts_with("ec2:");
    !global || of_resource || BY_SERVICE.iter().any(|known| known.eq_ignore_ascii_case(key))
}

/// The actions, those of one service as a pattern where there are several.
fn calls(needs: &[&Need]) -> Vec<String> {
    let mut services: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for need in needs {
        let service = need.action.split(':').next().unwrap_or_default();
        services.entry(service).or_default().insert(&need.action);
    }
    let of_service = |(service, actions): (&str, BTreeSet<&str>)| match actions.len() < SEVERAL {
        true => actions.into_iter().map(str::to_owned).collect(),
        false => vec![format!("{service}:*")],
    };
    services.into_iter().flat_map(of_service).collect()
}
