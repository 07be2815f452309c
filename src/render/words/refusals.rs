//! What `fix` and `undo` will not do, and why.

use serde::{Serialize, Serializer};

use super::chain::CREATED_PROFILE;
use super::phrases::form_of;
use super::{Place, Words, finding};
use crate::command_line::{Command, structure};
use crate::fix::{ChangedTo, Evidence, MissingFact, Refusal, RefusalKind, ThingKind, Unfit, User, WhyNotGranted};
use crate::report::DocumentName;

impl<'a> Place<'a> {
    /// Where the target of a refusal is.
    pub fn of_refusal(refusal: &'a Refusal) -> Place<'a> {
        Place {
            target: Some(&refusal.target),
            instance: refusal.instance.as_deref(),
            region: refusal.region.as_deref(),
            ..Place::default()
        }
    }
}

/// What tells that something else owns a role.
pub(super) fn evidence(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Path(path) => format!("the path `{path}`"),
        Evidence::Tag { key, value } => format!("the tag `{key}={value}`"),
    }
}

/// Why no statement grants an action.
pub fn why_not_granted(why: &WhyNotGranted) -> String {
    match why {
        WhyNotGranted::NothingNeeded => "nothing is needed".to_owned(),
        WhyNotGranted::KeyNotKnown => {
            "the ARN of the key is not known; pass it with `--kms-key ARN`, and `--preferences none` if the preferences name it \
             otherwise"
                .to_owned()
        }
        WhyNotGranted::NotLiteral(resource) => {
            format!("a policy would not take `{resource}` literally; name it without `$`, `?` and `*`")
        }
    }
}

/// Why nothing can be added to a document.
pub fn unfit(why: &Unfit) -> String {
    match why {
        Unfit::NotJson(why) => format!("it is not JSON: {why}"),
        Unfit::NoObject(kind) => format!("it is {kind}, not a policy object"),
        Unfit::NoStatement => "it has no `Statement`".to_owned(),
        Unfit::StatementTwice => "`Statement` appears twice".to_owned(),
        Unfit::NoStatements(kind) => format!("`Statement` is {kind}, neither an object nor an array"),
        Unfit::StatementNoObject(kind) => format!("a statement is {kind}, not an object"),
        Unfit::Unsafe => "statements cannot be added to its text without a change of the others".to_owned(),
    }
}

/// In the machine report these are their sentences.
macro_rules! serialized_in_words {
    ($($kind:ty: $words:ident),+) => {$(
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&$words(self))
            }
        }
    )+};
}

serialized_in_words!(Evidence: evidence, WhyNotGranted: why_not_granted, Unfit: unfit);

/// A refusal in words.
pub fn refusal(kind: &RefusalKind, place: &Place<'_>) -> Words {
    match kind {
        RefusalKind::OutOfReach { finding: found } => finding(found, place),
        RefusalKind::PermissionUnknown { action } => {
            let action = action.as_ref().map_or_else(|| "something needed".to_owned(), |action| format!("`{action}`"));
            Words::new(format!("cannot determine whether the role may call {action}"), see_why(place))
        }
        RefusalKind::NeedsProfile { was_deleted } => needs_profile(*was_deleted, place),
        RefusalKind::NetworkOnly { print } => Words::new(
            "nothing that `fix` can change is left: its network path is closed, and `fix` changes no network",
            format!("print what opens it: `{print}`"),
        ),
        RefusalKind::CutsOff { target, service } => Words::new(
            format!(
                "an interface endpoint for `{}` would cut off `{target}`, whose traffic no rule lets through to it",
                service.name()
            ),
            format!("first allow `{target}` outbound TCP 443 within the VPC, or route this subnet to a NAT gateway"),
        ),
        RefusalKind::EndpointServiceNotKnown { service, partition } => Words::new(
            format!("the name of the endpoint service of `{}` in partition `{partition}` is not known", service.name()),
            "look it up with `aws ec2 describe-vpc-endpoint-services`, and create the endpoint with private DNS",
        ),
        RefusalKind::Unknown { fact } => {
            let message = match fact {
                MissingFact::Account => "the account of the instance is not known".to_owned(),
                MissingFact::Region => "the Region of the instance is not known".to_owned(),
                MissingFact::RoleArn(name) => format!("the ARN of the role `{name}` is not known"),
                MissingFact::ProfileId => {
                    "AWS did not return the ID of the instance's profile, which would be replaced by one of the same name".to_owned()
                }
            };
            Words::new(message, see_why(place))
        }
        RefusalKind::Unread { reason } => Words::new(
            format!("`{}` failed: {}", reason.api, reason.message),
            format!("allow the caller `{}`, and run `fix` again", reason.api),
        ),
        RefusalKind::NameTooLong { name } => {
            Words::new(format!("`{name}` is too long for a role name"), "pass another name with `--create-profile`")
        }
        RefusalKind::RoleTaken { name, profile, profile_exists } => role_taken(name, profile, *profile_exists),
        RefusalKind::ProfileTaken { name, association } => profile_taken(name, association.as_deref(), place),
        RefusalKind::InstanceState { state } => Words::new(
            format!("the instance is {state}, but its profile can be replaced only while it is running or stopped"),
            "wait until it is running or stopped, and run `fix` again",
        ),
        RefusalKind::ReservedRole { role, owner, evidence: found } => Words::new(
            format!("`{role}` cannot be edited: it belongs to {owner} ({})", evidence(found)),
            "use another role for the instance",
        ),
        RefusalKind::ManagedElsewhere { role, owner, evidence: found, undone_by } => Words::new(
            format!(
                "`{role}` is managed by {owner} ({}), and {undone_by} may undo a change made here",
                evidence(found)
            ),
            format!(
                "make the change there, which `{}` prints, or pass `--force-managed-elsewhere`",
                place.fix().option("--emit", form_of(owner))
            ),
        ),
        RefusalKind::QuotaExceeded { role, size, quota } => Words::new(
            format!(
                "the inline policies of role `{role}` would have {size} characters without white space, but IAM allows {quota}"
            ),
            "move inline policies of the role into managed policies, or pass `--attach-managed`",
        ),
        RefusalKind::PolicyUnreadable { role, policy } => {
            Words::new(format!("the inline policy `{policy}` of role `{role}` could not be read"), see_why(place))
        }
        RefusalKind::CannotGrant { action, why } => {
            Words::new(format!("`{action}` cannot be granted: {}", why_not_granted(why)), see_why(place))
        }
        RefusalKind::UnfitDocument { document, role, why } => {
            let of_role = match (document, role) {
                (DocumentName::Inline(_), Some(role)) => format!(" of role `{role}`"),
                _ => String::new(),
            };
            Words::new(
                format!("{document}{of_role} is not changed: {}", unfit(why)),
                "correct the document manually, or pass another `--policy-name`, and run `fix` again",
            )
        }
        #[cfg(test)]
        RefusalKind::Sample { message, remedy, .. } => Words::new(message, remedy),
        RefusalKind::ChangedSince { thing, name, to } => changed_since(*thing, name.as_deref(), *to),
        RefusalKind::NotCreatedByFix { thing, name } => {
            let what = if *thing == ThingKind::Role { "role" } else { "instance profile" };
            not_as_written(&format!("the {what} `{name}` is not one that `fix` created"))
        }
        RefusalKind::ProfileNotDeleted { profile } => {
            not_as_written(&format!("`{profile}` was not deleted, and `fix` removes no other profile from an instance"))
        }
        RefusalKind::InUse { by } => {
            let by = match by {
                User::InlinePolicy(name) => format!("the inline policy `{name}`"),
                User::AttachedPolicy(arn) => format!("the attached policy `{arn}`"),
                User::InstanceProfile(arn) => format!("the instance profile `{arn}`"),
                User::Instance(id) => format!("the instance `{id}`"),
            };
            Words::new(
                format!("{by} started using it after the fix"),
                "remove that first, or keep what the fix created",
            )
        }
    }
}

/// The backup says what cannot have been so.
fn not_as_written(message: &str) -> Words {
    Words::new(
        format!("{message}: the backup, or the account, was changed since the fix"),
        "pass the file as `fix` wrote it, or restore the changes manually",
    )
}

fn see_why(place: &Place<'_>) -> String {
    let check = place.in_region(Command::new("ssm-profile check -v").operand(place.target()));
    format!("see what could not be determined: `{check}`")
}

fn needs_profile(was_deleted: bool, place: &Place<'_>) -> Words {
    let create = place.in_region(Command::new("ssm-profile fix").operand(place.target()));
    let create = create.option("--create-profile", CREATED_PROFILE);
    if was_deleted {
        // Its association is still there, so that another profile has to replace it.
        let remedy = format!(
            "create one for it: `{create}`; or give it another, see `ssm-profile explain instance-profile-missing`"
        );
        return Words::new("the instance's profile was deleted", remedy);
    }
    let associate = Command::new("aws ec2 associate-iam-instance-profile").option("--instance-id", place.instance());
    let associate = place.in_region(associate).and("--iam-instance-profile Name=NAME");
    let remedy = format!("create one for it: `{create}`; or associate an existing one: `{associate}`");
    Words::new("the instance has no instance profile", remedy)
}

fn role_taken(name: &str, profile: &str, profile_exists: bool) -> Words {
    let on_profile = |call| Command::new(call).option("--instance-profile-name", profile);
    let create = match profile_exists {
        true => String::new(),
        false => format!("`{}`, then ", on_profile("aws iam create-instance-profile")),
    };
    let add = on_profile("aws iam add-role-to-instance-profile").option("--role-name", name);
    Words::new(
        format!(
            "there is a role `{name}` that this tool did not create, or that has permissions this tool does not grant"
        ),
        format!(
            "pass another name with `--create-profile`; or, if the instance should have the permissions of this role, add it to the \
             profile yourself: {create}`{add}`"
        ),
    )
}

fn profile_taken(name: &str, association: Option<&str>, place: &Place<'_>) -> Words {
    let associate = match association {
        Some(id) => Command::new("aws ec2 replace-iam-instance-profile-association").option("--association-id", id),
        None => Command::new("aws ec2 associate-iam-instance-profile").option("--instance-id", place.instance()),
    };
    let associate = place.in_region(associate).option("--iam-instance-profile", structure("Name", name));
    let fix = Command::new("ssm-profile fix").operand(format!("profile/{name}"));
    Words::new(
        format!(
            "there is an instance profile `{name}` that this tool did not create, or that has permissions this tool does not grant"
        ),
        format!(
            "associate it: `{associate}`, and make its role ready: `{fix}`; or pass another name with `--create-profile`"
        ),
    )
}

fn changed_since(thing: ThingKind, name: Option<&str>, to: ChangedTo) -> Words {
    let message = match (thing, to) {
        (_, ChangedTo::Deleted) => "it was deleted since the fix",
        (_, ChangedTo::Another) => "it was replaced by another one of the same name",
        (ThingKind::TrustPolicy, _) => "the trust policy was changed since the fix",
        (ThingKind::InlinePolicy, _) => "the inline policy was changed since the fix",
        (ThingKind::RoleOfProfile, _) => "the role of the profile was changed since the fix",
        (ThingKind::ProfileOfInstance, _) => "the profile of the instance was changed since the fix",
        (ThingKind::Role | ThingKind::AttachedPolicy | ThingKind::InstanceProfile, _) => "it was changed since the fix",
    };
    let name = name.map(|name| format!(" (`{name}`)")).unwrap_or_default();
    Words::new(format!("{message}{name}"), "restore it manually from the backup")
}
