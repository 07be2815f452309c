//! Documents, trust and permissions.

use std::collections::BTreeMap;

use iam_eval::{DocumentKind, NearMiss, PolicySetKind, Resemblance, StatementReference, UnknownReason};

use super::phrases::{actions as in_words, dependencies, form_of, listed, near_miss, policy_of, statement};
use super::{Place, Words};
use crate::command_line::Command;
use crate::report::{ActionOn, AssumingService, ClosedPolicySet, DocumentName, Flag, ResourceKind, Settling};

/// The problems of a document that are named.
const PROBLEMS_SHOWN: usize = 3;

pub(super) fn not_a_policy(document: &DocumentName, kind: DocumentKind, error: &str) -> Words {
    let expected = match kind {
        DocumentKind::Identity | DocumentKind::Scp | DocumentKind::Trust | DocumentKind::Resource => "policy document",
        DocumentKind::ResourceControl => "resource control policy",
    };
    Words::new(
        format!("{document} is not a {expected}: {error}"),
        "correct the document; until then it is not known what it grants or denies",
    )
}

pub(super) fn misplaced(document: &DocumentName, kind: DocumentKind, looks: Resemblance) -> Words {
    const OF_A_RESOURCE: &str = "leave it out: it belongs to the resource, not to the role";
    let (looks_like, remedy) = match (looks, kind) {
        (Resemblance::Identity, DocumentKind::ResourceControl) => (
            "an identity policy or a service control policy",
            "pass it with `--policy` or `--scp`; `--rcp` takes resource control policies",
        ),
        (Resemblance::Identity, _) => (
            "an identity policy or a service control policy",
            "pass it with `--policy` or `--scp`; `--trust` takes the trust policy of the role",
        ),
        (Resemblance::Trust, _) => ("a trust policy", "pass it with `--trust`"),
        (Resemblance::ResourceControl, _) => ("a resource control policy", "pass it with `--rcp`"),
        (Resemblance::ResourceControlOrEndpoint, _) => (
            "a resource control policy, or the policy of a VPC endpoint",
            "pass it with `--rcp`, or with `--endpoint-policy`",
        ),
        (Resemblance::Endpoint, _) => ("the policy of a VPC endpoint", "pass it with `--endpoint-policy`"),
        (Resemblance::Bucket, _) => ("the policy of an S3 bucket", OF_A_RESOURCE),
        (Resemblance::Key, _) => ("the policy of a KMS key", OF_A_RESOURCE),
        (Resemblance::Resource, _) => ("the policy of a resource, such as a queue", OF_A_RESOURCE),
    };
    let odd = match kind {
        DocumentKind::Trust if looks == Resemblance::Identity => "has no `Principal`, which a trust policy requires",
        DocumentKind::Trust => "is not a trust policy",
        DocumentKind::ResourceControl if looks == Resemblance::Identity => {
            "has no `Principal`, which a resource control policy requires"
        }
        DocumentKind::ResourceControl => "is not a resource control policy",
        DocumentKind::Identity | DocumentKind::Scp | DocumentKind::Resource => {
            "has a `Principal`, which identity policies, permissions boundaries and service control policies do not support"
        }
    };
    Words::new(format!("{document} {odd}: it looks like {looks_like}"), remedy)
}

pub(super) fn unsound(document: &DocumentName, problems: &[String]) -> Words {
    let shown = problems.get(..PROBLEMS_SHOWN).unwrap_or(problems);
    let more = match problems.len() - shown.len() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    Words::new(format!("{document} is rejected by IAM: {}{more}", shown.join("; ")), "correct the document")
}

/// The name of the service that assumes a role, as people call it.
fn name_of(service: &AssumingService) -> &'static str {
    if service.is_systems_manager { "Systems Manager" } else { "EC2" }
}

fn of_role(role: Option<&str>) -> String {
    role.map(|role| format!(" of role `{role}`")).unwrap_or_default()
}

pub(super) fn trust_denied(
    role: Option<&str>,
    service: &AssumingService,
    managed_by: Option<&str>,
    place: &Place<'_>,
) -> Words {
    let principal = &service.principal;
    let by_fix = role.is_some() && !service.is_systems_manager && !place.in_code;
    let fix = if by_fix { by_command(place.fix(), managed_by) } else { String::new() };
    Words::new(
        format!("the trust policy{} does not allow {} (`{principal}`) to assume it", of_role(role), name_of(service)),
        format!(
            "{fix}add a statement that allows `sts:AssumeRole` for the principal `{{\"Service\": \"{principal}\"}}`"
        ),
    )
}

/// What `fix` does about it, as the beginning of a remedy: what somebody else manages it only prints.
fn by_command(fix: Command, managed_by: Option<&str>) -> String {
    match managed_by {
        None => format!("run `{fix}`, or "),
        Some(owner) => {
            let print = fix.option("--emit", form_of(owner));
            format!("the role is managed by {owner}: make the change there, which `{print}` prints, or ")
        }
    }
}

pub(super) fn trust_unknown(
    role: Option<&str>,
    service: &AssumingService,
    depends_on: &UnknownReason,
    settled_by: Option<&str>,
) -> Words {
    let (who, principal) = (name_of(service), &service.principal);
    let remedy = match settled_by {
        _ if depends_on.keys.is_empty() => format!("name the service `{principal}` in a statement of its own"),
        Some(key) => format!(
            "AWS does not document that {who} sends it: remove the condition, or provide the value with `{}`",
            context(key, "VALUE")
        ),
        None => format!("AWS does not document that {who} sends it: remove the condition"),
    };
    Words::new(
        format!(
            "cannot determine whether the trust policy{} allows {who} (`{principal}`) to assume it: it depends on {}",
            of_role(role),
            dependencies(depends_on)
        ),
        remedy,
    )
}

pub(super) fn rcp_on_assume_role(service: &AssumingService, by: &StatementReference, denies: bool) -> Words {
    let denies = if denies { "denies" } else { "may deny" };
    Words::new(
        format!(
            "cannot determine whether {} can assume the role: {} {denies} `sts:AssumeRole`, and AWS does not document whether a \
             resource control policy applies to that call",
            name_of(service),
            statement(by)
        ),
        r#"exclude AWS services from that statement: `"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}`"#,
    )
}

pub(super) fn missing(
    role: Option<&str>,
    permissions: &[ActionOn],
    only_core: bool,
    fix: Option<(Command, Option<&str>)>,
    (near, boundary): (Option<&NearMiss>, Option<&str>),
) -> Words {
    let whose = match role {
        None => "the documents do not".to_owned(),
        Some(role) => format!("the policies of role `{role}` do not"),
    };
    let everywhere: Vec<&String> =
        permissions.iter().filter(|it| it.resource.as_deref() == Some("*")).map(|it| &it.action).collect();
    let somewhere = permissions.iter().filter(|it| it.resource.as_deref() != Some("*"));
    let mut allowed: Vec<String> = Vec::new();
    if !everywhere.is_empty() {
        allowed.push(in_words(everywhere));
    }
    allowed.extend(somewhere.map(|ActionOn { action, resource }| match resource {
        Some(resource) => format!("`{action}` on `{resource}`"),
        None => format!("`{action}` on the instance"),
    }));
    // What else is needed was asked for by flags, which the command takes along, or by what fix reads too.
    let fix = fix.map(|(fix, managed_by)| by_command(fix, managed_by)).unwrap_or_default();
    let by_hand = match only_core {
        true => {
            "attach the AWS managed policy `AmazonSSMManagedInstanceCore`, or allow these actions in a policy of the role"
        }
        false => "allow these actions in a policy of the role",
    };
    let why = boundary.map(|boundary| {
        // The very policy that is proposed: who set it as a boundary takes it for attached.
        let is_core = only_core && boundary.ends_with(":policy/AmazonSSMManagedInstanceCore");
        let attach = if is_core { ": attach the policy as well" } else { "" };
        format!("; its permissions boundary `{boundary}` grants nothing by itself{attach}")
    });
    let why = why.unwrap_or_else(|| near_miss(near));
    Words::new(format!("{whose} allow {}{why}", listed(&allowed)), format!("{fix}{by_hand}"))
}

pub(super) fn optional(action: &str) -> Words {
    Words::new(
        format!("`{action}` is not allowed; only session logs in S3 need it"),
        "no action is needed without S3 session logs; with them, check with `--s3-logs BUCKET`",
    )
}

pub(super) fn explicit_deny(by: &StatementReference, actions: &[String]) -> Words {
    Words::new(
        format!("{} denies {}", statement(by), in_words(actions)),
        "an explicit deny overrides any allow: narrow the statement or exclude this role",
    )
}

pub(super) fn denied_by_gate(by: &StatementReference, actions: &[String]) -> Words {
    let remedy = match by.gate {
        PolicySetKind::Scp => ASK_TO_NARROW_SCP,
        PolicySetKind::Rcp => ASK_TO_NARROW_RCP,
        PolicySetKind::Boundary | PolicySetKind::Identity | PolicySetKind::Resource => {
            "narrow the deny in the boundary; no policy of the role overrides its boundary"
        }
    };
    Words::new(format!("{} denies {}", statement(by), in_words(actions)), remedy)
}

const ASK_TO_NARROW_SCP: &str =
    "ask your organization's administrator to narrow the deny; no change to the role overrides an SCP";
const ASK_TO_NARROW_RCP: &str =
    "ask your organization's administrator to narrow the deny; no change to the role overrides it";

pub(super) fn not_allowed_by_gate(gate: &ClosedPolicySet, actions: &[String]) -> Words {
    let (who, remedy) = match gate.gate {
        PolicySetKind::Scp => (
            format!("the service control policies at `{}` do not", gate.name),
            "ask your organization's administrator to allow it for this account; no change to the role overrides an SCP",
        ),
        PolicySetKind::Boundary | PolicySetKind::Identity | PolicySetKind::Rcp | PolicySetKind::Resource => (
            format!("the permissions boundary `{}` does not", gate.name),
            "allow it in the boundary too; no policy of the role overrides its boundary",
        ),
    };
    Words::new(format!("{who} allow {}{}", in_words(actions), near_miss(gate.near_miss.as_ref())), remedy)
}

pub(super) fn level_allows_nothing(level: &str, has_policies: bool, actions: &[String]) -> Words {
    let holds = match has_policies {
        false => format!("there is no service control policy at `{level}`"),
        true => format!("the service control policies at `{level}` contain only denies"),
    };
    Words::new(
        format!("{holds}: each level must allow {}, usually with `FullAWSAccess`", in_words(actions)),
        "attach `FullAWSAccess` at this level too; for `--scp`, put its document and this one into one file, as a JSON array: \
         `[{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}}, ...]`",
    )
}

pub(super) fn conditional(
    actions: &[String],
    depends_on: &UnknownReason,
    settling: &Settling,
    place: &Place<'_>,
) -> Words {
    let keys: Vec<String> = depends_on.keys.iter().map(|key| format!("`{key}`")).collect();
    let keys = (!keys.is_empty()).then(|| format!("it depends on {}", listed(&keys)));
    let why: Vec<String> = depends_on.notes.iter().cloned().chain(keys).collect();
    let remedy = match depends_on.keys.is_empty() {
        true => "rewrite the statement so that it does not depend on this".to_owned(),
        false => settle(settling, place),
    };
    let message = format!("cannot determine whether the role may call {}: {}", in_words(actions), why.join("; "));
    Words::new(message, remedy)
}

pub(super) fn resource_must_allow(of: ResourceKind, resource: &str, action: &str) -> Words {
    Words::new(
        format!(
            "cannot determine whether the role may call `{action}` on `{resource}`: its own policies allow it, and {}, which was not \
             read, must allow it too",
            policy_of(of)
        ),
        "see that policy, and make sure that it allows the role",
    )
}

fn settle(settling: &Settling, place: &Place<'_>) -> String {
    let mut remedies = Vec::new();
    if !settling.flags.is_empty() {
        let flags: Vec<String> = settling.flags.iter().map(|it| flag(it, &settling.values)).collect();
        let absent = settling.absent.as_deref().map(|name| context(name, ""));
        let absent = absent.map(|flag| format!(" (`{flag}` if requests do not carry it)")).unwrap_or_default();
        let which = if settling.values.is_empty() { "" } else { ", for example the one that the policy names" };
        remedies.push(format!("provide the value{which}: {}{absent}", listed(&flags)));
    }
    if settling.newer_credentials {
        remedies.push(
            "wait: newer credentials are allowed, and those of an instance are renewed within 24 hours; to renew \
             them now, stop and start the instance"
                .to_owned(),
        );
    }
    if settling.require_tokens {
        let modify = Command::new("aws ec2 modify-instance-metadata-options").option("--instance-id", place.instance());
        let modify = place.in_region(modify).and("--http-tokens required");
        let modify = if place.in_code { "http_tokens = \"required\"".to_owned() } else { modify.to_string() };
        remedies.push(format!("require IMDSv2, so that credentials are delivered in no other way: `{modify}`"));
    }
    remedies.join("; ")
}

fn flag(flag: &Flag, values: &BTreeMap<String, String>) -> String {
    match flag {
        Flag::Account => "`--account ID`".to_owned(),
        Flag::Instance => "`--account ID --region REGION --instance-id ID`".to_owned(),
        Flag::Region => "`--region REGION`".to_owned(),
        Flag::Context(name) => {
            // What stands before an `@` is the action that it is said of.
            let value = values.iter().find(|(key, _)| name == *key || name.ends_with(&format!("@{key}")));
            let value = value.map_or("VALUE".to_owned(), |(_, value)| value.replace(',', r"\,"));
            format!("`{}`", context(name, &value))
        }
        Flag::RegionOf(action) => format!("`{}`", region_of(action)),
        Flag::RegionOfBucket(action) => format!("`{}` (the bucket's Region)", region_of(action)),
    }
}

fn region_of(action: &str) -> Command {
    context(&format!("{action}@aws:RequestedRegion"), "REGION")
}

/// The flag that says what a key holds. The name of a tag may hold an equals sign.
fn context(name: &str, value: &str) -> Command {
    Command::default().option("--context", format!("{}={value}", name.replace('=', r"\=")))
}
