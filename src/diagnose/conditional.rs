//! Permissions that depend on a condition key, and what settles them: a flag that says what the key holds, or a change of the
//! instance.

use std::collections::{BTreeMap, BTreeSet};

use crate::agent_context::is_always_carried;
use crate::command_line::Command;
use crate::needs::{Need, Place, RequestedRegion};
use crate::report::{Code, Finding};
use iam_eval::Doubt;

use super::role::JudgedRole;
use super::words::{actions_in_words, in_words, listed, warning};

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

/// A permission of which it is not known whether the role has it.
pub(super) fn conditional(judged: &JudgedRole, doubt: &Doubt, needs: &[&Need], place: &Place<'_>) -> Finding {
    let remedy = match doubt.keys.is_empty() {
        true => "write the statement so that it does not hang on this".to_owned(),
        false => remedy(doubt, needs, place, judged.name.is_empty()),
    };
    let actions: Vec<&str> = needs.iter().map(|need| need.action.as_str()).collect();
    let actions = actions_in_words(&actions);
    let message = match doubt.notes.is_empty() {
        true => format!("it hangs on {} whether the role may call {actions}", in_words(doubt)),
        false => {
            let keys = doubt.keys.iter().map(|key| format!("it hangs on `{key}`"));
            let why: Vec<String> = doubt.notes.iter().cloned().chain(keys).collect();
            format!("it is not known whether the role may call {actions}: {}", why.join("; "))
        }
    };
    warning(Code::ConditionalPermission, message, remedy, true)
}

fn remedy(doubt: &Doubt, needs: &[&Need], place: &Place<'_>, documents: bool) -> String {
    let mut remedies = Vec::new();
    let mut flags = BTreeSet::new();
    let mut absent = None;
    for key in &doubt.keys {
        match key.as_str() {
            // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html
            "aws:TokenIssueTime" => remedies.push(
                "wait: credentials that are issued later pass, and those of an instance are renewed within hours, 24 at most; to \
                 renew them now, stop and start the instance"
                    .to_owned(),
            ),
            "ec2:RoleDelivery" => remedies.push(require_tokens(place)),
            "aws:RequestedRegion" => flags.extend(region_flags(needs)),
            "aws:PrincipalAccount" if documents => drop(flags.insert("`--account ID`".to_owned())),
            "ec2:SourceInstanceARN" if documents => {
                flags.insert("`--account ID --region REGION --instance-id ID`".to_owned());
            }
            key => {
                let names = names_of(key, needs);
                if !is_always_carried(key) {
                    absent = absent.or_else(|| names.first().map(|name| context_flag(name, "")));
                }
                flags.extend(names.iter().map(|name| context_flag(name, "VALUE")));
            }
        }
    }
    if !flags.is_empty() {
        let flags: Vec<String> = flags.into_iter().collect();
        let absent = absent.map(|flag| format!(" ({flag} if requests do not carry it)")).unwrap_or_default();
        remedies.insert(0, format!("give what you know: {}{absent}", listed(&flags)));
    }
    remedies.join("; ")
}

/// See [ec2:RoleDelivery](https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html#amazonec2-policy-keys).
fn require_tokens(place: &Place<'_>) -> String {
    let require = Command::new("aws ec2 modify-instance-metadata-options")
        .option("--instance-id", place.instance_id.unwrap_or("ID"))
        .options("--region", place.region)
        .and("--http-tokens required");
    format!("require IMDSv2, so that credentials come by no other way: `{require}`")
}

/// The flags that say which Region the calls go to.
fn region_flags(needs: &[&Need]) -> Vec<String> {
    let flag = |need: &&Need| match need.requested_region {
        RequestedRegion::OfInstance => "`--region REGION`".to_owned(),
        RequestedRegion::Named(_) | RequestedRegion::NotKnown => {
            let whose = if need.action.starts_with("s3:") { " (the bucket's Region)" } else { "" };
            context_flag(&format!("{}@aws:RequestedRegion", need.action), "REGION") + whose
        }
    };
    needs.iter().map(flag).collect()
}

/// What `--context` says a key of: every call, or those alone in which it is missing.
fn names_of(key: &str, needs: &[&Need]) -> Vec<String> {
    match differs_by_service(key) {
        true => calls(needs).into_iter().map(|call| format!("{call}@{key}")).collect(),
        false => vec![key.to_owned()],
    }
}

/// The flag that says what a key holds. The name of a tag may hold an equals sign.
pub(super) fn context_flag(name: &str, value: &str) -> String {
    format!("`{}`", Command::default().option("--context", format!("{}={value}", name.replace('=', r"\="))))
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
