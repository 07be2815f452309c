//! Changes as commands of the AWS CLI.

mod network;

use std::collections::BTreeSet;

use serde_json::json;

use super::document::{compact, escaped, in_ascii, printed_by_aws_cli};
use super::{Call, Held, call, calls, inline_policy, one_line, trust_policy};
use crate::command_line::Command;
use crate::facts::PolicyText;
use crate::fix::{CREATED_BY, CREATED_BY_VALUE, Change, NetworkProposal};
use iam_eval::arn::Arn;

/// Without an empty pager, version 2 of the AWS CLI stops at the first answer and waits for a key.
const HEADER: &str = "# What `ssm-profile` would change, as commands of the AWS CLI. Read them before you run them.\n\
     set -eu\n\
     export AWS_PAGER=''\n\
     stop() { printf '%s\\n' \"$1\" >&2; exit 1; }\n";

/// `aws iam wait` answers before EC2 knows a new profile.
const PAUSE: &str = "# EC2 learns of a new instance profile some seconds later than IAM.\nsleep 15\n";

/// The changes as a POSIX shell script, in their order.
///
/// The commands act on the account and partition of the caller's credentials: what is of an account begins with a check that they are
/// of it. `network_account` is the account of the networks, where it is known. Only the commands of EC2 name their Region.
/// What has an id only once it is created is kept in a variable of the shell.
/// A document that is JSON stands on one line, with rare characters as JSON escapes; any other text as it is.
///
/// Sources: the [AWS CLI reference](https://docs.aws.amazon.com/cli/latest/reference/iam/), and
/// [DescribeIamInstanceProfileAssociations](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeIamInstanceProfileAssociations.html).
pub fn shell(changes: &[Change], network_account: Option<&str>, proposals: &[NetworkProposal]) -> String {
    let (mut script, mut created, mut checked) = (HEADER.to_owned(), BTreeSet::new(), None);
    let new_roles: Vec<&Arn> = calls(changes).iter().filter_map(Call::new_role).collect();
    for change in changes {
        let Some(call) = call(change) else { continue };
        let account = change.owner().and_then(Arn::account);
        if let Some(account) = account.filter(|account| checked != Some(*account)) {
            script.push_str(&of_account(account));
            checked = Some(account);
        }
        if let Call::CreateProfile { profile } = call {
            created.insert(profile);
        }
        if let Call::Associate { profile, .. } | Call::Replace { profile, .. } | Call::Renew { profile, .. } = call
            && created.contains(profile)
        {
            script.push_str(PAUSE);
            created.clear();
        }
        if !call.role().is_some_and(|role| new_roles.contains(&role)) {
            script.push_str(&unchanged(&call));
        }
        script.push_str(&lines(&call));
    }
    if let Some(account) = network_account.filter(|account| !proposals.is_empty() && checked != Some(*account)) {
        script.push_str(&of_account(account));
    }
    script.extend(proposals.iter().map(network::lines));
    script
}

/// The lines that stop the script where the credentials are of another account, which may have roles and profiles of the same names.
fn of_account(account: &str) -> String {
    let ask = Command::new("aws sts get-caller-identity --query Account --output text");
    let stop = stop(&format!("this script is for account {account}; use credentials of that account"));
    format!("account=$({ask})\ntest \"$account\" = {} || {stop}\n", Command::default().operand(account))
}

/// The lines of one call.
fn lines(call: &Call<'_>) -> String {
    let mut lines = match call {
        Call::Replace { instance, region, held, .. }
        | Call::Renew { instance, region, held, .. }
        | Call::Disassociate { instance, region, held } => look_up(instance, region, *held),
        _ => String::new(),
    };
    lines.extend(commands(call).iter().map(|command| format!("{command}\n")));
    lines
}

/// The lines that stop the script where a document is not as it was when the script was made: to write it takes away whatever has
/// been put into it since. None where a call writes none.
fn unchanged(call: &Call<'_>) -> String {
    let (read, document, what, before) = match call {
        Call::UpdateTrust { role, before, .. } => {
            (on_role("get-role", role), "Role.AssumeRolePolicyDocument", trust_policy(role), before)
        }
        Call::PutPolicy { role, name, before, .. } => {
            let read = on_role("get-role-policy", role).option("--policy-name", name);
            (read, "PolicyDocument", inline_policy(role, name), before)
        }
        _ => return String::new(),
    };
    let Some(before) = before else { return absent(&read, &what) };
    // As JSON the AWS CLI prints a document in an encoding that depends on the terminal, with white space.
    let read = read.option("--query", format!("to_string({document})")).option("--output", "text");
    match printed_by_aws_cli(before.as_str()) {
        Some(printed) => {
            let has_changed = stop(&format!("{what} has changed; run ssm-profile again"));
            format!("current=$({read})\ntest \"$current\" = {} || {has_changed}\n", Command::default().operand(printed))
        }
        None => by_hand(&what, before),
    }
}

/// The lines that stop the script unless AWS says that there is no such document. Any other failure does not say so.
fn absent(read: &Command, what: &str) -> String {
    let is_there = stop(&format!("{what} has been created; run ssm-profile again"));
    format!(
        "if error=$({read} 2>&1 >/dev/null); then {is_there}; fi\n\
         case $error in *'An error occurred (NoSuchEntity) '*) ;; *) stop \"$error\" ;; esac\n"
    )
}

/// The lines that stop the script for a person to compare a document that the AWS CLI does not show as it is.
fn by_hand(what: &str, before: &PolicyText) -> String {
    let why = format!(
        "The AWS CLI does not show {what} as it is. Compare it in the IAM console with the next line; if they are the same, delete the \
         line after that"
    );
    let stop = stop(&format!("compare {what} by hand, as the comment in this script says"));
    format!("{}# {}\n{stop}\n", comment(&why), one_line(&document(before)))
}

/// The command that ends the script with a message.
fn stop(message: &str) -> Command {
    // A backtick is a command to a shell.
    Command::new("stop").operand(one_line(message).replace('`', ""))
}

/// The commands of one call.
fn commands(call: &Call<'_>) -> Vec<Command> {
    vec![match call {
        Call::CreateRole { role, trust } => {
            let create = with_path(on_role("create-role", role), role)
                .option("--assume-role-policy-document", document(trust))
                .option("--tags", tag());
            return vec![create, on_role("wait role-exists", role)];
        }
        Call::UpdateTrust { role, document: text, .. } => {
            on_role("update-assume-role-policy", role).option("--policy-document", document(text))
        }
        Call::PutPolicy { role, name, document: text, .. } => {
            on_role("put-role-policy", role).option("--policy-name", name).option("--policy-document", document(text))
        }
        Call::Attach { role, policy } => on_role("attach-role-policy", role).option("--policy-arn", policy.to_string()),
        Call::CreateProfile { profile } => {
            let create = with_path(on_profile("create-instance-profile", profile), profile).option("--tags", tag());
            return vec![create, on_profile("wait instance-profile-exists", profile)];
        }
        Call::AddRole { profile, role } => {
            on_profile("add-role-to-instance-profile", profile).option("--role-name", role.name())
        }
        Call::Associate { instance, region, profile } => in_region("associate-iam-instance-profile", region)
            .option("--instance-id", instance)
            .option("--iam-instance-profile", specification(profile)),
        Call::Replace { region, profile, .. } | Call::Renew { region, profile, .. } => {
            with_association(in_region("replace-iam-instance-profile-association", region))
                .option("--iam-instance-profile", specification(profile))
        }
        Call::Disassociate { region, .. } => with_association(in_region("disassociate-iam-instance-profile", region)),
    }]
}

/// The lines that keep the id of the instance's association in a variable, and stop the script where the instance has another profile
/// than when it was made.
///
/// An assignment of its own, because `set -e` sees a failure there and not in an argument.
fn look_up(instance: &str, region: &str, held: Held<'_>) -> String {
    let filters = json!([
        { "Name": "instance-id", "Values": [instance] },
        { "Name": "state", "Values": ["associating", "associated"] },
    ]);
    let arn = in_ascii(&held.profile.to_string());
    let (members, profile) = match held.id {
        Some(id) => ("Arn, Id", format!("[{arn},{}]", in_ascii(id))),
        None => ("Arn", format!("[{arn}]")),
    };
    let describe = in_region("describe-iam-instance-profile-associations", region)
        .option("--filters", filters.to_string())
        .option(
            "--query",
            format!("IamInstanceProfileAssociations[].[AssociationId, to_string(IamInstanceProfile.[{members}])]"),
        )
        .option("--output", "text");
    let profile = Command::default().operand(profile);
    let stop = stop(&format!("the instance profile of {instance} has changed; run ssm-profile again"));
    format!(
        "association=$({describe})\n\
         test \"${{association#*[[:space:]]}}\" = {profile} || {stop}\n\
         association_id=${{association%%[[:space:]]*}}\n"
    )
}

/// JSON, because the shorthand syntax gives a meaning to a comma, which a profile's name may have.
fn specification(profile: &Arn) -> String {
    json!({ "Arn": profile.to_string() }).to_string()
}

/// A comment that is one line, whatever names it holds.
fn comment(sentence: &str) -> String {
    format!("# {}.\n", one_line(sentence))
}

fn tag() -> String {
    format!("Key={CREATED_BY},Value={CREATED_BY_VALUE}")
}

/// On one line where that is the same JSON.
fn document(text: &PolicyText) -> String {
    escaped(text.as_str()).map_or_else(|| text.as_str().to_owned(), |json| compact(&json))
}

fn on_role(operation: &'static str, role: &Arn) -> Command {
    Command::new("aws iam").and(operation).option("--role-name", role.name())
}

fn on_profile(operation: &'static str, profile: &Arn) -> Command {
    Command::new("aws iam").and(operation).option("--instance-profile-name", profile.name())
}

fn in_region(operation: &'static str, region: &str) -> Command {
    Command::new("aws ec2").and(operation).option("--region", region)
}

fn with_association(command: Command) -> Command {
    command.option_from("--association-id", "association_id")
}

/// An option for the path of a role or profile, unless it is the usual one.
fn with_path(command: Command, arn: &Arn) -> Command {
    if arn.path() == "/" { command } else { command.option("--path", arn.path()) }
}
