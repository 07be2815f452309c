//! Changes as text, for people whose roles live in code: commands of the AWS CLI, Terraform, CloudFormation.
//!
//! Nothing here reads, writes or decides. The text says what the changes say, and refuses where it could not.

mod cloudformation;
mod document;
mod network;
mod shell;
mod terraform;

use std::collections::BTreeSet;

use thiserror::Error;

use crate::facts::PolicyText;
use crate::fix::{Change, NetworkProposal, State, Thing};
use crate::unseen::is_unseen;
use iam_eval::arn::Arn;

pub use cloudformation::{cloudformation, policy_cloudformation};
pub use shell::shell;
pub use terraform::{policy_terraform, terraform};

/// Why changes or a policy cannot stand in a language without loss.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CannotEmit {
    /// The language takes only JSON objects, and the document is none.
    #[error("{document} is not a JSON object, and {language} takes nothing else; correct the document first")]
    NotAnObject {
        /// The document, by the policy that it is.
        document: String,
        /// The language.
        language: &'static str,
    },
    /// The document repeats a key, which IAM keeps and the language's JSON parser does not.
    #[error(
        "{document} has the key `{key}` twice in one object, and {language} would drop one of them; \
         make them one, or use the AWS CLI commands instead"
    )]
    RepeatedKey {
        /// The document, by the policy that it is.
        document: String,
        /// The key.
        key: String,
        /// The language.
        language: &'static str,
    },
    /// The document holds what CloudFormation acts on instead of passing it on.
    #[error(
        "{document} has {part}, which CloudFormation does not pass on as it stands; use the AWS CLI commands instead"
    )]
    Interpreted {
        /// The document, by the policy that it is.
        document: String,
        /// What CloudFormation acts on.
        part: String,
    },
    /// The networks are of several Regions.
    #[error(
        "{language} describes the network of one Region at a time, and these are {regions}; give one of them with `--region`"
    )]
    SeveralRegions {
        /// The Regions.
        regions: String,
        /// The language.
        language: &'static str,
    },
}

fn of_one_region(proposals: &[NetworkProposal], language: &'static str) -> Result<(), CannotEmit> {
    let regions: BTreeSet<&str> = proposals.iter().map(|proposal| proposal.region.as_str()).collect();
    if regions.len() <= 1 {
        return Ok(());
    }
    let regions: Vec<String> = regions.into_iter().map(|region| format!("`{region}`")).collect();
    Err(CannotEmit::SeveralRegions { regions: regions.join(", "), language })
}

/// A sentence that is one line, whatever names it holds.
fn one_line(sentence: &str) -> String {
    let mut line = String::with_capacity(sentence.len());
    for character in sentence.chars() {
        if is_unseen(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// A change, taken apart by the AWS call that makes it.
///
/// `Renew` is a `Replace` by a profile of the same ARN, which was made again: code says nothing of it but its name.
enum Call<'a> {
    CreateRole { role: &'a Arn, trust: &'a PolicyText },
    UpdateTrust { role: &'a Arn, before: Option<&'a PolicyText>, document: &'a PolicyText },
    PutPolicy { role: &'a Arn, name: &'a str, before: Option<&'a PolicyText>, document: &'a PolicyText },
    Attach { role: &'a Arn, policy: &'a Arn },
    CreateProfile { profile: &'a Arn },
    AddRole { profile: &'a Arn, role: &'a Arn },
    Associate { instance: &'a str, region: &'a str, profile: &'a Arn },
    Replace { instance: &'a str, region: &'a str, held: Held<'a>, profile: &'a Arn },
    Renew { instance: &'a str, region: &'a str, held: Held<'a>, profile: &'a Arn },
    Disassociate { instance: &'a str, region: &'a str, held: Held<'a> },
}

/// The profile that an instance had when the changes were planned.
#[derive(Clone, Copy)]
struct Held<'a> {
    profile: &'a Arn,
    /// Its id, where it is known.
    id: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// The role that it creates.
    fn new_role(&self) -> Option<&'a Arn> {
        match self {
            Call::CreateRole { role, .. } => Some(role),
            _ => None,
        }
    }

    /// The role of which it writes a document.
    fn role(&self) -> Option<&'a Arn> {
        match self {
            Call::UpdateTrust { role, .. } | Call::PutPolicy { role, .. } => Some(role),
            _ => None,
        }
    }
}

/// The calls of changes, in their order.
fn calls(changes: &[Change]) -> Vec<Call<'_>> {
    changes.iter().filter_map(call).collect()
}

/// The call of a change. There is one for every change that a plan of `fix` has: none deletes, removes or detaches.
fn call(change: &Change) -> Option<Call<'_>> {
    Some(match (change.thing(), change.before(), change.after()) {
        (Thing::Role(role), _, State::Role { trust, .. }) => Call::CreateRole { role, trust },
        (Thing::TrustPolicy(role), before, State::Document(document)) => {
            Call::UpdateTrust { role, before: before.document(), document }
        }
        (Thing::InlinePolicy { role, name }, before, State::Document(document)) => {
            Call::PutPolicy { role, name, before: before.document(), document }
        }
        (Thing::AttachedPolicy { role, policy }, _, State::Attached) => Call::Attach { role, policy },
        (Thing::InstanceProfile(profile), _, State::InstanceProfile { .. }) => Call::CreateProfile { profile },
        (Thing::RoleOfProfile(profile), _, State::Holds(role)) => Call::AddRole { profile, role },
        (Thing::ProfileOfInstance { instance, region }, State::Absent, State::Has { profile, .. }) => {
            Call::Associate { instance, region, profile }
        }
        (Thing::ProfileOfInstance { instance, region }, State::Has { profile: held, id }, after) => {
            let held = Held { profile: held, id: id.as_deref() };
            match after {
                State::Has { profile, .. } if held.profile == profile => {
                    Call::Renew { instance, region, held, profile }
                }
                State::Has { profile, .. } => Call::Replace { instance, region, held, profile },
                State::Absent => Call::Disassociate { instance, region, held },
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// Names that are given once, each in its kind.
#[derive(Default)]
struct Names(BTreeSet<(String, String)>);

impl Names {
    /// `base`, or where that is given already, the first of `base` with a number that is not.
    fn unique(&mut self, kind: &str, base: &str, separator: &str) -> String {
        let mut name = base.to_owned();
        let mut number = 1;
        while !self.0.insert((kind.to_owned(), name.clone())) {
            number += 1;
            name = format!("{base}{separator}{number}");
        }
        name
    }
}

/// The trust policy of a role, for a sentence.
fn trust_policy(role: &Arn) -> String {
    format!("the trust policy of role `{}`", role.name())
}

/// An inline policy of a role, for a sentence.
fn inline_policy(role: &Arn, name: &str) -> String {
    format!("inline policy `{name}` of role `{}`", role.name())
}

#[cfg(test)]
mod tests;
