//! Changes as commands of the AWS CLI.

use std::collections::BTreeSet;

use serde_json::json;

use super::document::{compact, escaped};
use super::{Call, calls};
use crate::facts::PolicyText;
use crate::fix::{CREATED_BY, CREATED_BY_VALUE, Change};
use iam_eval::arn::Arn;

/// Without an empty pager, version 2 of the AWS CLI stops at the first answer and waits for a key.
const HEADER: &str = "# What `ssm-profile` would change, as commands of the AWS CLI. Read them before you run them.\n\
     set -eu\n\
     export AWS_PAGER=''\n";

/// `aws iam wait` answers before EC2 knows a new profile.
const PAUSE: &str = "# EC2 learns of a new instance profile some seconds later than IAM.\nsleep 15\n";

/// The changes as a POSIX shell script, in their order.
///
/// The commands act on the account and partition of the caller's credentials; only those of EC2 name their Region.
/// A document that is JSON stands on one line, with rare characters as JSON escapes; any other text as it is.
///
/// Sources: the [AWS CLI reference](https://docs.aws.amazon.com/cli/latest/reference/iam/), and
/// [DescribeIamInstanceProfileAssociations](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeIamInstanceProfileAssociations.html).
pub fn shell(changes: &[Change]) -> String {
    let (mut script, mut created) = (HEADER.to_owned(), BTreeSet::new());
    for call in calls(changes) {
        if let Call::CreateProfile { profile } = call {
            created.insert(profile);
        }
        if let Call::Associate { profile, .. } | Call::Replace { profile, .. } | Call::Renew { profile, .. } = call
            && created.contains(profile)
        {
            script.push_str(PAUSE);
            created.clear();
        }
        script.push_str(&commands(&call));
    }
    script
}

/// The lines of one call.
fn commands(call: &Call<'_>) -> String {
    match call {
        Call::CreateRole { role, trust } => {
            let create = on_role("create-role", role)
                .path(role)
                .option("--assume-role-policy-document", &document(trust))
                .option("--tags", &tag());
            create.line() + &on_role("wait role-exists", role).line()
        }
        Call::DeleteRole { role } => on_role("delete-role", role).line(),
        Call::UpdateTrust { role, document: text } => {
            on_role("update-assume-role-policy", role).option("--policy-document", &document(text)).line()
        }
        Call::PutPolicy { role, name, document: text, .. } => on_role("put-role-policy", role)
            .option("--policy-name", name)
            .option("--policy-document", &document(text))
            .line(),
        Call::DeletePolicy { role, name } => on_role("delete-role-policy", role).option("--policy-name", name).line(),
        Call::Attach { role, policy } => {
            on_role("attach-role-policy", role).option("--policy-arn", &policy.to_string()).line()
        }
        Call::Detach { role, policy } => {
            on_role("detach-role-policy", role).option("--policy-arn", &policy.to_string()).line()
        }
        Call::CreateProfile { profile } => {
            let create = on_profile("create-instance-profile", profile).path(profile).option("--tags", &tag());
            create.line() + &on_profile("wait instance-profile-exists", profile).line()
        }
        Call::DeleteProfile { profile } => on_profile("delete-instance-profile", profile).line(),
        Call::AddRole { profile, role } => {
            on_profile("add-role-to-instance-profile", profile).option("--role-name", role.name()).line()
        }
        Call::RemoveRole { profile, role } => {
            on_profile("remove-role-from-instance-profile", profile).option("--role-name", role.name()).line()
        }
        Call::Associate { instance, region, profile } => in_region("associate-iam-instance-profile", region)
            .option("--instance-id", instance)
            .option("--iam-instance-profile", &specification(profile))
            .line(),
        Call::Replace { instance, region, profile } | Call::Renew { instance, region, profile } => {
            let replace = in_region("replace-iam-instance-profile-association", region)
                .association()
                .option("--iam-instance-profile", &specification(profile));
            look_up(instance, region) + &replace.line()
        }
        Call::Disassociate { instance, region } => {
            look_up(instance, region) + &in_region("disassociate-iam-instance-profile", region).association().line()
        }
    }
}

/// A line that keeps the id of the instance's association in a variable.
///
/// An assignment of its own, because `set -e` sees a failure there and not in an argument.
fn look_up(instance: &str, region: &str) -> String {
    let filters = json!([
        { "Name": "instance-id", "Values": [instance] },
        { "Name": "state", "Values": ["associating", "associated"] },
    ]);
    let describe = in_region("describe-iam-instance-profile-associations", region)
        .option("--filters", &filters.to_string())
        .option("--query", "IamInstanceProfileAssociations[0].AssociationId")
        .option("--output", "text");
    format!("association_id=$({})\n", describe.0)
}

/// JSON, because the shorthand syntax gives a meaning to a comma, which a profile's name may have.
fn specification(profile: &Arn) -> String {
    json!({ "Arn": profile.to_string() }).to_string()
}

fn tag() -> String {
    format!("Key={CREATED_BY},Value={CREATED_BY_VALUE}")
}

/// On one line where that is the same JSON.
fn document(text: &PolicyText) -> String {
    escaped(text.as_str()).map_or_else(|| text.as_str().to_owned(), |json| compact(&json))
}

fn on_role(operation: &str, role: &Arn) -> Command {
    Command(format!("aws iam {operation}")).option("--role-name", role.name())
}

fn on_profile(operation: &str, profile: &Arn) -> Command {
    Command(format!("aws iam {operation}")).option("--instance-profile-name", profile.name())
}

fn in_region(operation: &str, region: &str) -> Command {
    Command(format!("aws ec2 {operation}")).option("--region", region)
}

/// A command that grows by its options.
struct Command(String);

impl Command {
    /// The AWS CLI takes a value that begins with a hyphen for an option, and loads one that is an address.
    /// A space before an address makes IAM refuse what could not be right anyway.
    fn option(self, name: &str, value: &str) -> Command {
        let loaded = ["file://", "fileb://", "http://", "https://"].iter().any(|scheme| value.starts_with(scheme));
        let Command(line) = self;
        Command(if loaded {
            format!("{line} {name} {}", quoted(&format!(" {value}")))
        } else if value.starts_with('-') {
            format!("{line} {}", quoted(&format!("{name}={value}")))
        } else {
            format!("{line} {name} {}", quoted(value))
        })
    }

    /// The path of a role or profile, unless it is the usual one.
    fn path(self, arn: &Arn) -> Command {
        if arn.path() == "/" { self } else { self.option("--path", arn.path()) }
    }

    fn association(self) -> Command {
        Command(self.0 + " --association-id \"$association_id\"")
    }

    fn line(self) -> String {
        self.0 + "\n"
    }
}

/// A word that a POSIX shell reads as `text` and nothing else.
fn quoted(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_-./:=,+@%".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
