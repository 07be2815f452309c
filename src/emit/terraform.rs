//! Changes as Terraform configuration.

mod network;

use std::collections::BTreeMap;

use super::document::object;
use super::{Call, CannotEmit, Names, calls, inline_policy, of_one_region, one_line, trust_policy};
use crate::fix::{CREATED_BY, CREATED_BY_VALUE, Change, NetworkProposal};
use crate::unseen::is_unseen;
use iam_eval::arn::Arn;

const LANGUAGE: &str = "Terraform";
const HEADER: &str = "# What `ssm-profile` would change. Read it before you apply it.\n";

/// The changes as Terraform configuration (HCL 2) for the provider `hashicorp/aws`.
///
/// A created role or profile, an inline policy and an attachment are resources. What is a mere argument of a resource
/// that is elsewhere in the code is a comment that says what to do by hand, with a local value where a document belongs
/// to it. An inline policy that exists is imported (Terraform 1.5 and later).
///
/// Sources: [strings](https://developer.hashicorp.com/terraform/language/expressions/strings),
/// [aws_iam_role](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/iam_role),
/// [aws_iam_role_policy](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/iam_role_policy),
/// [aws_iam_role_policy_attachment](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/iam_role_policy_attachment),
/// [aws_iam_instance_profile](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/iam_instance_profile).
///
/// # Errors
/// If a document is no JSON object, or repeats a key: the provider refuses the one and drops a member of the other. If the networks
/// are of several Regions, since a provider is of one.
pub fn terraform(changes: &[Change], proposals: &[NetworkProposal]) -> Result<String, CannotEmit> {
    of_one_region(proposals, LANGUAGE)?;
    let calls = calls(changes);
    let mut configuration = Configuration::new(&calls);
    let mut blocks = vec![HEADER.to_owned()];
    for call in &calls {
        blocks.extend(configuration.block(call)?);
    }
    for proposal in proposals {
        blocks.extend(network::blocks(&mut configuration.names, proposal));
    }
    Ok(blocks.join("\n"))
}

/// A customer managed policy called `name` as Terraform configuration: one resource `aws_iam_policy`.
///
/// Source: [aws_iam_policy](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/iam_policy).
///
/// # Errors
/// As [`terraform`].
pub fn policy_terraform(name: &str, document: &str) -> Result<String, CannotEmit> {
    let document = heredoc(&format!("policy `{name}`"), document)?;
    let mut names = Names::default();
    let arguments = [("name", quoted(name)), ("policy", document)];
    Ok(resource("aws_iam_policy", &label(&mut names, "aws_iam_policy", &[name]), &arguments))
}

/// What the resources of one configuration must know of each other.
struct Configuration<'a> {
    names: Names,
    /// The labels of the roles that are created here.
    roles: BTreeMap<&'a Arn, String>,
    /// The labels of the profiles that are created here.
    profiles: BTreeMap<&'a Arn, String>,
    /// The roles that profiles get here.
    roles_of_profiles: BTreeMap<&'a Arn, &'a Arn>,
}

impl<'a> Configuration<'a> {
    fn new(calls: &[Call<'a>]) -> Configuration<'a> {
        let mut names = Names::default();
        let (mut roles, mut profiles, mut roles_of_profiles) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for call in calls {
            match *call {
                Call::CreateRole { role, .. } => {
                    roles.insert(role, label(&mut names, "aws_iam_role", &[role.name()]));
                }
                Call::CreateProfile { profile } => {
                    profiles.insert(profile, label(&mut names, "aws_iam_instance_profile", &[profile.name()]));
                }
                Call::AddRole { profile, role } => {
                    roles_of_profiles.insert(profile, role);
                }
                _ => {}
            }
        }
        Configuration { names, roles, profiles, roles_of_profiles }
    }

    /// The text of one call; nothing where another call's resource says it.
    fn block(&mut self, call: &Call<'a>) -> Result<Option<String>, CannotEmit> {
        Ok(Some(match *call {
            Call::CreateRole { role, trust } => {
                let document = heredoc(&trust_policy(role), trust.as_str())?;
                let Some(label) = self.roles.get(role) else { return Ok(None) };
                let arguments = [
                    ("name", quoted(role.name())),
                    ("path", quoted(role.path())),
                    ("assume_role_policy", document),
                    ("tags", tags()),
                ];
                resource("aws_iam_role", label, &arguments)
            }
            Call::UpdateTrust { role, document, .. } => {
                let document = heredoc(&trust_policy(role), document.as_str())?;
                let label = label(&mut self.names, "local", &[role.name(), "trust_policy"]);
                let role = role.name();
                let by_hand = by_hand(&format!(
                    "set `assume_role_policy` of the `aws_iam_role` with name `{role}` to `local.{label}`"
                ));
                by_hand + &block("locals", &[(&label, document)])
            }
            Call::PutPolicy { role, name, document, before } => {
                let document = heredoc(&inline_policy(role, name), document.as_str())?;
                let label = label(&mut self.names, "aws_iam_role_policy", &[role.name(), name]);
                let arguments = [("name", quoted(name)), ("role", self.role_name(role)), ("policy", document)];
                let resource = resource("aws_iam_role_policy", &label, &arguments);
                if before.is_some() { adopt(role, name, &label) + &resource } else { resource }
            }
            Call::Attach { role, policy } => {
                let label = label(&mut self.names, "aws_iam_role_policy_attachment", &[role.name(), policy.name()]);
                let arguments = [("role", self.role_name(role)), ("policy_arn", quoted(&policy.to_string()))];
                resource("aws_iam_role_policy_attachment", &label, &arguments)
            }
            Call::CreateProfile { profile } => {
                let Some(label) = self.profiles.get(profile) else { return Ok(None) };
                let mut arguments = vec![("name", quoted(profile.name())), ("path", quoted(profile.path()))];
                arguments.extend(self.roles_of_profiles.get(profile).map(|role| ("role", self.role_name(role))));
                arguments.push(("tags", tags()));
                resource("aws_iam_instance_profile", label, &arguments)
            }
            Call::AddRole { profile, .. } if self.profiles.contains_key(profile) => return Ok(None),
            Call::AddRole { profile, role } => {
                let (profile, role) = (profile.name(), self.role_name(role));
                by_hand(&format!("set `role` of the `aws_iam_instance_profile` with name `{profile}` to `{role}`"))
            }
            Call::Associate { instance, region, profile } | Call::Replace { instance, region, profile, .. } => {
                let profile = self.profile_name(profile);
                by_hand(&format!(
                    "set `iam_instance_profile` of the `aws_instance` with ID `{instance}` in `{region}` to `{profile}`"
                ))
            }
            Call::Renew { instance, region, profile, .. } => by_hand(&format!(
                "associate `{}` anew with the instance `{instance}` in `{region}`, which the code cannot say, since the \
                 name stays: use the commands that `ssm-profile fix --emit cli` prints",
                profile.name()
            )),
            Call::Disassociate { instance, region, .. } => by_hand(&format!(
                "set `iam_instance_profile` of the `aws_instance` with ID `{instance}` in `{region}` to `\"\"`, for \
                 without the argument Terraform leaves the profile as it is"
            )),
        }))
    }

    /// An expression for the role's name: a reference to a role that is created here, so that it comes first.
    fn role_name(&self, role: &Arn) -> String {
        self.roles.get(role).map_or_else(|| quoted(role.name()), |label| format!("aws_iam_role.{label}.name"))
    }

    /// An expression for the profile's name.
    fn profile_name(&self, profile: &Arn) -> String {
        let reference = |label: &String| format!("aws_iam_instance_profile.{label}.name");
        self.profiles.get(profile).map_or_else(|| quoted(profile.name()), reference)
    }
}

/// The block that makes Terraform take over an inline policy that exists.
fn adopt(role: &Arn, name: &str, label: &str) -> String {
    let note = by_hand(&format!(
        "if {} is in the code already, change its `policy` there and drop the two blocks that follow",
        inline_policy(role, name)
    ));
    let id = quoted(&format!("{}:{name}", role.name()));
    let import = block("import", &[("to", format!("aws_iam_role_policy.{label}")), ("id", id)]);
    note + &import + "\n"
}

/// A comment that is one line, whatever names it holds.
fn by_hand(sentence: &str) -> String {
    comment(&format!("By hand: {sentence}"))
}

fn comment(sentence: &str) -> String {
    format!("# {}.\n", one_line(sentence))
}

fn resource(kind: &str, label: &str, arguments: &[(&str, String)]) -> String {
    block(&format!("resource \"{kind}\" \"{label}\""), arguments)
}

/// A block laid out as `terraform fmt` does it.
fn block(head: &str, arguments: &[(&str, String)]) -> String {
    let width = arguments.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: String = arguments.iter().map(|(name, value)| format!("  {name:width$} = {value}\n")).collect();
    format!("{head} {{\n{lines}}}\n")
}

fn tags() -> String {
    format!("{{ {} = {} }}", quoted(CREATED_BY), quoted(CREATED_BY_VALUE))
}

/// A label that no other block of the kind has, from names: lower-case letters, digits and underscores.
fn label(names: &mut Names, kind: &str, parts: &[&str]) -> String {
    let lower = parts.join("_").to_ascii_lowercase();
    let words = lower.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut base = words.collect::<Vec<_>>().join("_");
    if !base.starts_with(|first: char| first.is_ascii_alphabetic()) {
        base.insert_str(0, "iam_");
    }
    names.unique(kind, &base, "_")
}

/// A document as a heredoc that evaluates to the same JSON.
///
/// No line of JSON can be the closing one, which is a bare word. The marker without a hyphen strips nothing. Terraform
/// refuses a carriage return that no newline follows; in JSON it is never more than white space.
fn heredoc(what: &str, document: &str) -> Result<String, CannotEmit> {
    let (json, _) = object(what, document, LANGUAGE)?;
    Ok(format!("<<JSON\n{}\nJSON", template(&json.replace('\r', ""))))
}

/// A quoted string that evaluates to `text`.
fn quoted(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 2);
    for character in text.chars() {
        match character {
            '"' | '\\' => escaped.extend(['\\', character]),
            character if !is_unseen(character) => escaped.push(character),
            // https://developer.hashicorp.com/terraform/language/expressions/strings#escape-sequences
            character => match u32::from(character) {
                code @ ..=0xffff => escaped.push_str(&format!("\\u{code:04x}")),
                code => escaped.push_str(&format!("\\U{code:08x}")),
            },
        }
    }
    format!("\"{}\"", template(&escaped))
}

/// `text` with what would begin an interpolation or a directive made literal.
///
/// Doubling the sign serves where it stands alone. Parsers differ in how they read `$$${` or `$%%{`, so several signs
/// become an interpolation of themselves.
fn template(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '{' {
            let signs = literal.split_off(literal.trim_end_matches(['$', '%']).len());
            match signs.len() {
                0 => {}
                1 => literal.push_str(&signs.repeat(2)),
                _ => literal.push_str(&format!("${{\"{signs}\"}}")),
            }
        }
        literal.push(character);
    }
    literal
}
