//! Changes as a CloudFormation template.

mod network;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::document::{escaped, object};
use super::{Call, CannotEmit, Names, calls, inline_policy, of_one_region, trust_policy};
use crate::facts::PolicyText;
use crate::fix::{CREATED_BY, CREATED_BY_VALUE, Change, NetworkProposal};
use iam_eval::arn::Arn;

const LANGUAGE: &str = "CloudFormation";
const CHANGES: &str = "What ssm-profile would change. Deploy it with the capability CAPABILITY_NAMED_IAM.";
const POLICY: &str = "A policy printed by ssm-profile. Deploy it with the capability CAPABILITY_NAMED_IAM.";

/// The changes as a CloudFormation template in JSON.
///
/// A created role, with its policies, a created profile, and an inline policy of an existing role are resources; an
/// instance profile gets no tag, for CloudFormation knows none there. What is a mere property of a resource that stands
/// in another template is a sentence in `Metadata.ByHand`; a document that belongs to one
/// is in `Metadata.Documents`. Documents keep their text and the order of their keys.
///
/// Sources: [AWS::IAM::Role](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-role.html),
/// [AWS::IAM::RolePolicy](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-rolepolicy.html),
/// [AWS::IAM::InstanceProfile](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-instanceprofile.html),
/// [import of resources](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import.html).
///
/// # Errors
/// If a document is no JSON object, repeats a key, or holds what CloudFormation acts on: a `null`, a key such as `Ref`
/// or `Fn::Sub`, a [dynamic reference](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html). If the
/// networks are of several Regions, since a stack is of one.
pub fn cloudformation(changes: &[Change], proposals: &[NetworkProposal]) -> Result<String, CannotEmit> {
    of_one_region(proposals, LANGUAGE)?;
    let calls = calls(changes);
    let mut stack = Stack::new(&calls);
    for call in &calls {
        stack.add(call, &calls)?;
    }
    proposals.iter().for_each(|proposal| stack.network(proposal));
    if stack.resources.0.is_empty() {
        let note = "This template creates nothing, and CloudFormation refuses a template without resources: \
                    make the changes in your own.";
        stack.metadata.by_hand.insert(0, note.to_owned());
    }
    let is_said = |metadata: &Metadata| !(metadata.by_hand.is_empty() && metadata.notes.is_empty());
    let metadata = Some(stack.metadata).filter(is_said);
    write(&Template { metadata, parameters: stack.parameters, ..Template::new(CHANGES, stack.resources) })
}

/// A customer managed policy called `name` as a whole template with one `AWS::IAM::ManagedPolicy`.
///
/// Source: [AWS::IAM::ManagedPolicy](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-managedpolicy.html).
///
/// # Errors
/// As [`cloudformation`].
pub fn policy_cloudformation(name: &str, document: &str) -> Result<String, CannotEmit> {
    let document = embedded(&format!("policy `{name}`"), document)?;
    let properties = Properties::ManagedPolicy { managed_policy_name: name, policy_document: document };
    let id = logical_id(&mut Names::default(), &["Policy", name]);
    write(&Template::new(POLICY, Ordered(vec![(id, Resource::new("AWS::IAM::ManagedPolicy", properties))])))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Template<'a> {
    #[serde(rename = "AWSTemplateFormatVersion")]
    version: &'static str,
    description: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    parameters: Ordered<network::Parameter>,
    resources: Ordered<Resource<'a>>,
}

impl<'a> Template<'a> {
    fn new(description: &'static str, resources: Ordered<Resource<'a>>) -> Template<'a> {
        Template { version: "2010-09-09", description, metadata: None, parameters: Ordered::default(), resources }
    }
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_hand: Vec<String>,
    #[serde(skip_serializing_if = "Ordered::is_empty")]
    documents: Ordered<Box<RawValue>>,
}

/// An object whose members keep their order.
struct Ordered<T>(Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Ordered<T> {
        Ordered(Vec::new())
    }
}

impl<T> Ordered<T> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Resource<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_replace_policy: Option<&'static str>,
    properties: Properties<'a>,
}

impl<'a> Resource<'a> {
    fn new(r#type: &'static str, properties: Properties<'a>) -> Resource<'a> {
        Resource { r#type, deletion_policy: None, update_replace_policy: None, properties }
    }
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "PascalCase")]
enum Properties<'a> {
    Role {
        role_name: &'a str,
        path: &'a str,
        assume_role_policy_document: Box<RawValue>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        managed_policy_arns: Vec<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        policies: Vec<Policy<'a>>,
        tags: [Tag; 1],
    },
    RolePolicy {
        policy_name: &'a str,
        role_name: &'a str,
        policy_document: Box<RawValue>,
    },
    InstanceProfile {
        instance_profile_name: &'a str,
        path: &'a str,
        roles: Vec<Name<'a>>,
    },
    ManagedPolicy {
        managed_policy_name: &'a str,
        policy_document: Box<RawValue>,
    },
    Network(network::Properties<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Policy<'a> {
    policy_name: &'a str,
    policy_document: Box<RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: &'static str,
    value: &'static str,
}

/// A name or an id: as it is, or that of a resource or parameter of the same template.
#[derive(Clone, Serialize)]
#[serde(untagged)]
enum Name<'a> {
    Literal(&'a str),
    Reference {
        #[serde(rename = "Ref")]
        logical_id: String,
    },
}

/// A template while it grows.
#[derive(Default)]
struct Stack<'a> {
    names: Names,
    /// The logical ids of the roles that are created here.
    roles: BTreeMap<&'a Arn, String>,
    /// The profiles that are created here.
    profiles: BTreeSet<&'a Arn>,
    parameters: Ordered<network::Parameter>,
    resources: Ordered<Resource<'a>>,
    metadata: Metadata,
}

impl<'a> Stack<'a> {
    fn new(calls: &[Call<'a>]) -> Stack<'a> {
        let mut stack = Stack::default();
        for call in calls {
            if let Call::CreateRole { role, .. } = *call {
                stack.roles.insert(role, logical_id(&mut stack.names, &["Role", role.name()]));
            } else if let Call::CreateProfile { profile } = *call {
                stack.profiles.insert(profile);
            }
        }
        stack
    }

    /// What one call of all `calls` adds; nothing where it is a property of what another one creates.
    fn add(&mut self, call: &Call<'a>, calls: &[Call<'a>]) -> Result<(), CannotEmit> {
        match *call {
            Call::CreateRole { role, trust } => self.role(role, trust, calls)?,
            Call::PutPolicy { role, .. } | Call::Attach { role, .. } if self.roles.contains_key(role) => {}
            Call::PutPolicy { role, name, document, before } => {
                let policy_document = embedded(&inline_policy(role, name), document.as_str())?;
                let properties = Properties::RolePolicy { policy_name: name, role_name: role.name(), policy_document };
                let mut resource = Resource::new("AWS::IAM::RolePolicy", properties);
                if before.is_some() {
                    // What was there before the stack shall outlive it, and an import asks for the first.
                    resource.deletion_policy = Some("Retain");
                    resource.update_replace_policy = Some("Retain");
                    self.by_hand(format!(
                        "The {} exists: if a stack has it, change its `PolicyDocument` there and drop it here; else \
                         import it with the document that it has now, and then update the stack with this template.",
                        inline_policy(role, name)
                    ));
                }
                let id = logical_id(&mut self.names, &["InlinePolicy", role.name(), name]);
                self.resources.0.push((id, resource));
            }
            Call::CreateProfile { profile } => self.profile(profile, calls),
            Call::AddRole { profile, .. } if self.profiles.contains(profile) => {}
            Call::UpdateTrust { role, document, .. } => {
                let document = embedded(&trust_policy(role), document.as_str())?;
                let id = logical_id(&mut self.names, &["TrustPolicy", role.name()]);
                self.by_hand(format!(
                    "Set `AssumeRolePolicyDocument` of the AWS::IAM::Role `{}` to the document `{id}` of this metadata.",
                    role.name()
                ));
                self.metadata.documents.0.push((id, document));
            }
            Call::Attach { role, policy } => {
                let role = role.name();
                self.by_hand(format!("Add `{policy}` to `ManagedPolicyArns` of the AWS::IAM::Role `{role}`."));
            }
            Call::AddRole { profile, role } => {
                let (profile, role) = (profile.name(), role.name());
                self.by_hand(format!("Set `Roles` of the AWS::IAM::InstanceProfile `{profile}` to `{role}` alone."));
            }
            Call::Associate { instance, region, profile } | Call::Replace { instance, region, profile, .. } => {
                let profile = profile.name();
                self.by_hand(format!(
                    "Set `IamInstanceProfile` of the AWS::EC2::Instance `{instance}` in {region} to `{profile}`."
                ));
            }
            Call::Renew { instance, region, profile, .. } => {
                let profile = profile.name();
                self.by_hand(format!(
                    "Associate `{profile}` anew with the instance `{instance}` in {region}, which a template cannot say, \
                     since the name stays: use the commands that `ssm-profile fix --emit cli` prints."
                ));
            }
            Call::Disassociate { instance, region, .. } => {
                self.by_hand(format!("Remove `IamInstanceProfile` of the AWS::EC2::Instance `{instance}` in {region}."))
            }
        }
        Ok(())
    }

    /// A created role with all policies that it gets.
    fn role(&mut self, created: &'a Arn, trust: &PolicyText, calls: &[Call<'a>]) -> Result<(), CannotEmit> {
        let (mut managed_policy_arns, mut policies) = (Vec::new(), Vec::new());
        for call in calls {
            match *call {
                Call::Attach { role, policy } if role == created => managed_policy_arns.push(policy.to_string()),
                Call::PutPolicy { role, name, document, .. } if role == created => {
                    let policy_document = embedded(&inline_policy(role, name), document.as_str())?;
                    policies.push(Policy { policy_name: name, policy_document });
                }
                _ => {}
            }
        }
        let properties = Properties::Role {
            role_name: created.name(),
            path: created.path(),
            assume_role_policy_document: embedded(&trust_policy(created), trust.as_str())?,
            managed_policy_arns,
            policies,
            tags: [Tag { key: CREATED_BY, value: CREATED_BY_VALUE }],
        };
        if let Some(id) = self.roles.get(created) {
            self.resources.0.push((id.clone(), Resource::new("AWS::IAM::Role", properties)));
        }
        Ok(())
    }

    /// A created profile with the role that it gets.
    fn profile(&mut self, created: &'a Arn, calls: &[Call<'a>]) {
        let role_of = |call: &Call<'a>| match *call {
            Call::AddRole { profile, role } if profile == created => Some(role),
            _ => None,
        };
        let name_of = |role: &'a Arn| match self.roles.get(role) {
            Some(id) => Name::Reference { logical_id: id.clone() },
            None => Name::Literal(role.name()),
        };
        let roles = calls.iter().filter_map(role_of).map(name_of).collect();
        let properties =
            Properties::InstanceProfile { instance_profile_name: created.name(), path: created.path(), roles };
        let id = logical_id(&mut self.names, &["InstanceProfile", created.name()]);
        self.resources.0.push((id, Resource::new("AWS::IAM::InstanceProfile", properties)));
    }

    fn by_hand(&mut self, sentence: String) {
        self.metadata.by_hand.push(sentence);
    }
}

/// A logical id that no other resource has: letters and digits, each part in camel case.
///
/// Source: [Resources](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resources-section-structure.html).
fn logical_id(names: &mut Names, parts: &[&str]) -> String {
    let mut id = String::new();
    for word in parts.iter().flat_map(|part| part.split(|character: char| !character.is_ascii_alphanumeric())) {
        let mut characters = word.chars();
        id.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        id.push_str(characters.as_str());
    }
    names.unique("", &id, "")
}

/// A document as a value of a template.
fn embedded(what: &str, document: &str) -> Result<Box<RawValue>, CannotEmit> {
    let (json, oddities) = object(what, document, LANGUAGE)?;
    let key = oddities.function.map(|key| format!("the key `{key}`"));
    let reference = oddities.reference.map(|text| format!("the dynamic reference `{text}`"));
    let null = oddities.null.then(|| "the value `null`".to_owned());
    match key.or(reference).or(null) {
        Some(part) => Err(CannotEmit::Interpreted { document: what.to_owned(), part }),
        None => RawValue::from_string(json)
            .map_err(|_| CannotEmit::NotAnObject { document: what.to_owned(), language: LANGUAGE }),
    }
}

/// The template as text. An error would be a value that is not JSON, and there is none.
fn write(template: &Template<'_>) -> Result<String, CannotEmit> {
    let text = serde_json::to_string_pretty(template)
        .map_err(|_| CannotEmit::NotAnObject { document: "the template".to_owned(), language: LANGUAGE })?;
    // Names are escaped as documents are.
    Ok(escaped(&text).unwrap_or(text) + "\n")
}
