//! What a world does where it is written to, as IAM and EC2 do it.
//!
//! The texts of the errors are those that AWS is on record with; only the codes and the statuses are documented.

use serde_json::Value;

use super::answer::Answer;
use super::model::{Profile, Role};
use super::stub::Call;
use super::world::{World, no_such_profile, no_such_role, no_such_role_policy};
use super::xml::{self, within};

/// How many characters all inline policies of a role may have together, white space not counted.
pub const INLINE_QUOTA: usize = 10_240;
/// How many characters a trust policy may have unless AWS grants more, white space not counted.
pub const TRUST_QUOTA: usize = 2048;

/// An answer, of one kind or the other.
type Done = Result<Answer, Answer>;

/// The parameters without which a call is refused.
const REQUIRED: [(&str, &[&str]); 15] = [
    ("CreateRole", &["RoleName", "AssumeRolePolicyDocument"]),
    ("DeleteRole", &["RoleName"]),
    ("UpdateAssumeRolePolicy", &["RoleName", "PolicyDocument"]),
    ("PutRolePolicy", &["RoleName", "PolicyName", "PolicyDocument"]),
    ("DeleteRolePolicy", &["RoleName", "PolicyName"]),
    ("AttachRolePolicy", &["RoleName", "PolicyArn"]),
    ("DetachRolePolicy", &["RoleName", "PolicyArn"]),
    ("TagRole", &["RoleName", "Tags.member.1.Key"]),
    ("CreateInstanceProfile", &["InstanceProfileName"]),
    ("DeleteInstanceProfile", &["InstanceProfileName"]),
    ("AddRoleToInstanceProfile", &["InstanceProfileName", "RoleName"]),
    ("RemoveRoleFromInstanceProfile", &["InstanceProfileName", "RoleName"]),
    ("AssociateIamInstanceProfile", &["InstanceId"]),
    ("ReplaceIamInstanceProfileAssociation", &["AssociationId"]),
    ("DisassociateIamInstanceProfile", &["AssociationId"]),
];

impl World {
    /// Does what a call asks for, or answers it if it only reads.
    pub fn perform(&mut self, call: &Call) -> Answer {
        if let Some(refusal) = self.region_refused(call).or_else(|| incomplete(call)) {
            return refusal;
        }
        let done = match (call.service.as_str(), call.action.as_str()) {
            ("iam", "CreateRole") => self.create_role(call),
            ("iam", "DeleteRole") => self.delete_role(call),
            ("iam", "UpdateAssumeRolePolicy") => self.update_trust(call),
            ("iam", "PutRolePolicy") => self.put_role_policy(call),
            ("iam", "DeleteRolePolicy") => self.delete_role_policy(call),
            ("iam", "AttachRolePolicy") => self.attach_role_policy(call),
            ("iam", "DetachRolePolicy") => self.detach_role_policy(call),
            ("iam", "TagRole") => self.tag_role(call),
            ("iam", "CreateInstanceProfile") => self.create_profile(call),
            ("iam", "DeleteInstanceProfile") => self.delete_profile(call),
            ("iam", "AddRoleToInstanceProfile") => self.add_role_to_profile(call),
            ("iam", "RemoveRoleFromInstanceProfile") => self.remove_role_from_profile(call),
            ("ec2", "AssociateIamInstanceProfile") => self.associate(call),
            ("ec2", "ReplaceIamInstanceProfileAssociation") => self.replace_association(call),
            ("ec2", "DisassociateIamInstanceProfile") => self.disassociate(call),
            _ => Ok(self.answer(call)),
        };
        done.unwrap_or_else(|refusal| refusal)
    }

    /// An id that nothing in this account had before.
    fn fresh_id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}MADE{:013}", self.made)
    }

    fn fresh_association(&mut self) -> String {
        self.made += 1;
        format!("iip-assoc-{:017x}", self.made)
    }

    fn role_at(&self, name: &str) -> Result<usize, Answer> {
        let place = self.roles.iter().position(|role| role.name.eq_ignore_ascii_case(name));
        place.ok_or_else(|| no_such_role(name))
    }

    fn role_of(&mut self, call: &Call) -> Result<&mut Role, Answer> {
        let place = self.role_at(call.parameter("RoleName"))?;
        Ok(&mut self.roles[place])
    }

    fn profile_at(&self, call: &Call) -> Result<usize, Answer> {
        let name = call.parameter("InstanceProfileName");
        let place = self.profiles.iter().position(|profile| profile.name.eq_ignore_ascii_case(name));
        place.ok_or_else(|| no_such_profile(name))
    }

    fn create_role(&mut self, call: &Call) -> Done {
        let name = call.parameter("RoleName");
        if self.role_at(name).is_ok() {
            return Err(conflict("EntityAlreadyExists", &format!("Role with name {name} already exists.")));
        }
        let role = Role {
            id: self.fresh_id("AROA"),
            path: path_of(call),
            boundary: call.parameters.get("PermissionsBoundary").cloned(),
            tags: tags_of(call),
            ..Role::new(name).trust(trust_of(call, "AssumeRolePolicyDocument")?)
        };
        let answer = xml::whole_role("CreateRole", &self.shared_of(&role), role.boundary.as_deref(), &role.tags);
        self.roles.push(role);
        Ok(Answer::xml(answer))
    }

    fn delete_role(&mut self, call: &Call) -> Done {
        let place = self.role_at(call.parameter("RoleName"))?;
        let role = &self.roles[place];
        let refused =
            |reason: &str| Err(conflict("DeleteConflict", &format!("Cannot delete entity, must {reason} first.")));
        if self.profiles.iter().any(|profile| profile.role.as_ref() == Some(&role.name)) {
            return refused("remove roles from instance profile");
        }
        if !role.attached.is_empty() {
            return refused("detach all policies");
        }
        if !role.inline.is_empty() {
            return refused("delete policies");
        }
        self.roles.remove(place);
        done(call)
    }

    fn update_trust(&mut self, call: &Call) -> Done {
        let role = self.role_of(call)?;
        role.trust = trust_of(call, "PolicyDocument")?;
        done(call)
    }

    fn put_role_policy(&mut self, call: &Call) -> Done {
        let role = self.role_of(call)?;
        let (name, document) = (call.parameter("PolicyName"), document_of(call, "PolicyDocument")?);
        let others = role.inline.iter().filter(|(known, _)| known != name);
        if others.map(|(_, other)| size_of(other)).sum::<usize>() + size_of(&document) > INLINE_QUOTA {
            let message = format!("Maximum policy size of {INLINE_QUOTA} bytes exceeded for role {}", role.name);
            return Err(conflict("LimitExceeded", &message));
        }
        match role.inline.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = document,
            None => role.inline.push((name.into(), document)),
        }
        done(call)
    }

    fn delete_role_policy(&mut self, call: &Call) -> Done {
        let (name, role) = (call.parameter("PolicyName"), self.role_of(call)?);
        let place = role.inline.iter().position(|(known, _)| known == name).ok_or_else(|| no_such_role_policy(name))?;
        role.inline.remove(place);
        done(call)
    }

    fn attach_role_policy(&mut self, call: &Call) -> Done {
        let (arn, place) = (call.parameter("PolicyArn"), self.role_at(call.parameter("RoleName"))?);
        if !self.policies.iter().any(|policy| self.policy_arn(policy) == arn) {
            return Err(Answer::no_such_entity(&format!("Policy {arn} does not exist or is not attachable.")));
        }
        if !self.roles[place].attached.iter().any(|known| self.policy_named(known) == arn) {
            self.roles[place].attached.push(arn.into());
        }
        done(call)
    }

    fn detach_role_policy(&mut self, call: &Call) -> Done {
        let (arn, place) = (call.parameter("PolicyArn"), self.role_at(call.parameter("RoleName"))?);
        let attached = self.roles[place].attached.iter().position(|known| self.policy_named(known) == arn);
        let attached = attached.ok_or_else(|| Answer::no_such_entity(&format!("Policy {arn} was not found.")))?;
        self.roles[place].attached.remove(attached);
        done(call)
    }

    fn tag_role(&mut self, call: &Call) -> Done {
        let role = self.role_of(call)?;
        for (key, value) in tags_of(call) {
            match role.tags.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) => *known = value,
                None => role.tags.push((key, value)),
            }
        }
        done(call)
    }

    fn create_profile(&mut self, call: &Call) -> Done {
        let name = call.parameter("InstanceProfileName");
        if self.profile_at(call).is_ok() {
            return Err(conflict("EntityAlreadyExists", &format!("Instance Profile {name} already exists.")));
        }
        let (id, path, tags) = (self.fresh_id("AIPA"), path_of(call), tags_of(call));
        let profile = Profile { id, path, tags, ..Profile::new(name) };
        let answer = xml::iam("CreateInstanceProfile", within("InstanceProfile", self.whole_profile(&profile)));
        self.profiles.push(profile);
        Ok(Answer::xml(answer))
    }

    fn delete_profile(&mut self, call: &Call) -> Done {
        let place = self.profile_at(call)?;
        if self.profiles[place].role.is_some() {
            let message = "Cannot delete entity, must remove roles from instance profile first.";
            return Err(conflict("DeleteConflict", message));
        }
        let gone = self.profiles.remove(place);
        // The instances go on holding what is gone, even where another one gets its name.
        for instance in self.instances.iter_mut().filter(|instance| instance.profile.as_ref() == Some(&gone.name)) {
            instance.profile_id.get_or_insert(gone.id.clone());
            instance.profile_path.get_or_insert(gone.path.clone());
        }
        done(call)
    }

    fn add_role_to_profile(&mut self, call: &Call) -> Done {
        let place = self.profile_at(call)?;
        let role = self.role_of(call)?.name.clone();
        if self.profiles[place].role.is_some() {
            return Err(conflict("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"));
        }
        self.profiles[place].role = Some(role);
        done(call)
    }

    fn remove_role_from_profile(&mut self, call: &Call) -> Done {
        let (name, place) = (call.parameter("RoleName"), self.profile_at(call)?);
        let held = &mut self.profiles[place].role;
        if !held.as_ref().is_some_and(|held| held.eq_ignore_ascii_case(name)) {
            return Err(no_such_role(name));
        }
        *held = None;
        done(call)
    }

    fn associate(&mut self, call: &Call) -> Done {
        let place = self.instance_at(call.parameter("InstanceId"), &call.region)?;
        let profile = self.profile_meant(call)?;
        self.must_be_settled(place)?;
        if self.instances[place].profile.is_some() {
            let message = format!("There is an existing association for instance {}", self.instances[place].id);
            return Err(Answer::error("IncorrectState", &message));
        }
        Ok(self.give_profile(call, place, profile))
    }

    fn replace_association(&mut self, call: &Call) -> Done {
        let association = call.parameter("AssociationId");
        let place = self.associated_at(association, &call.region)?;
        let profile = self.profile_meant(call)?;
        if self.instances[place].state != "running" {
            let message = format!("The association {association} is not the active association");
            return Err(Answer::error("IncorrectState", &message));
        }
        Ok(self.give_profile(call, place, profile))
    }

    fn disassociate(&mut self, call: &Call) -> Done {
        let place = self.associated_at(call.parameter("AssociationId"), &call.region)?;
        self.must_be_settled(place)?;
        let (arn, id) = self.profile_of(&self.instances[place]).unwrap_or_default();
        let instance = &mut self.instances[place];
        let answer = xml::changed_association(&call.action, instance, &arn, &id, "disassociating");
        (instance.profile, instance.profile_id, instance.profile_path) = (None, None, None);
        Ok(Answer::xml(answer))
    }

    fn must_be_settled(&self, place: usize) -> Result<(), Answer> {
        let instance = &self.instances[place];
        let message = format!("The instance '{}' is not in the 'running' or 'stopped' states.", instance.id);
        let settled = ["running", "stopped"].contains(&instance.state.as_str());
        if settled { Ok(()) } else { Err(Answer::error("IncorrectInstanceState", &message)) }
    }

    /// The profile that the call names.
    fn profile_meant(&self, call: &Call) -> Result<Profile, Answer> {
        let (name, arn) = (call.parameter("IamInstanceProfile.Name"), call.parameter("IamInstanceProfile.Arn"));
        let (field, value) = match (name, arn) {
            ("", "") => return Err(missing_of_ec2("IamInstanceProfile")),
            (name, "") => ("name", name),
            ("", arn) => ("arn", arn),
            _ => {
                let message = "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'";
                return Err(Answer::error("InvalidParameterCombination", message));
            }
        };
        let named = |profile: &&Profile| match field {
            "name" => profile.name == value,
            _ => self.arn("instance-profile", &profile.path, &profile.name) == value,
        };
        self.profiles.iter().find(named).cloned().ok_or_else(|| {
            let kind = if field == "name" { "name" } else { "ARN" };
            let message = format!(
                "Value ({value}) for parameter iamInstanceProfile.{field} is invalid. Invalid IAM Instance Profile {kind}"
            );
            Answer::error("InvalidParameterValue", &message)
        })
    }

    fn give_profile(&mut self, call: &Call, place: usize, profile: Profile) -> Answer {
        let association = self.fresh_association();
        let arn = self.arn("instance-profile", &profile.path, &profile.name);
        let instance = &mut self.instances[place];
        instance.association_id = association;
        let answer = xml::changed_association(&call.action, instance, &arn, &profile.id, "associating");
        instance.association = "associated".into();
        instance.profile = Some(profile.name);
        instance.profile_id = Some(profile.id);
        instance.profile_path = Some(profile.path);
        Answer::xml(answer)
    }
}

/// The refusal of a call that lacks something, or that only asks whether it may be made.
fn incomplete(call: &Call) -> Option<Answer> {
    let (_, required) = REQUIRED.iter().find(|(action, _)| *action == call.action)?;
    let missing = required.iter().find(|name| call.parameter(name).is_empty());
    match missing {
        Some(name) if call.service == "ec2" => Some(missing_of_ec2(name)),
        Some(name) => Some(invalid(name, "Member must not be null")),
        None => (call.parameter("DryRun") == "true").then(|| Answer::Error {
            status: 412,
            code: "DryRunOperation".into(),
            message: "Request would have succeeded, but DryRun flag is set.".into(),
        }),
    }
}

fn missing_of_ec2(name: &str) -> Answer {
    Answer::error("MissingParameter", &format!("The request must contain the parameter {name}"))
}

fn invalid(name: &str, rule: &str) -> Answer {
    let message = format!("1 validation error detected: Value at '{name}' failed to satisfy constraint: {rule}");
    Answer::error("ValidationError", &message)
}

fn conflict(code: &str, message: &str) -> Answer {
    Answer::Error { status: 409, code: code.into(), message: message.into() }
}

fn done(call: &Call) -> Done {
    Ok(Answer::xml(xml::iam_done(&call.action)))
}

fn path_of(call: &Call) -> String {
    call.parameters.get("Path").map_or("/", String::as_str).to_string()
}

fn tags_of(call: &Call) -> Vec<(String, String)> {
    let tag = |index: usize| {
        let key = call.parameters.get(&format!("Tags.member.{index}.Key"))?;
        Some((key.clone(), call.parameter(&format!("Tags.member.{index}.Value")).to_string()))
    };
    (1..).map_while(tag).collect()
}

/// A document, exactly as it was sent.
fn document_of(call: &Call, parameter: &str) -> Result<String, Answer> {
    let document = call.parameter(parameter);
    // The pattern of the service model.
    if !document.chars().all(|character| matches!(character, '\t' | '\n' | '\r' | ' '..='\u{ff}')) {
        return Err(invalid(
            parameter,
            "Member must satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+",
        ));
    }
    let refused = |message| Err(Answer::error("MalformedPolicyDocument", message));
    match serde_json::from_str(document) {
        Ok(Value::Object(fields)) if fields.get("Statement").is_some_and(says_something) => Ok(document.to_string()),
        Ok(_) => refused("Syntax errors in policy."),
        Err(_) => refused("This policy contains invalid Json"),
    }
}

/// A policy has at least one statement.
fn says_something(statements: &Value) -> bool {
    statements.is_object() || statements.as_array().is_some_and(|statements| !statements.is_empty())
}

fn trust_of(call: &Call, parameter: &str) -> Result<String, Answer> {
    let document = document_of(call, parameter)?;
    if size_of(&document) > TRUST_QUOTA {
        return Err(conflict("LimitExceeded", &format!("Cannot exceed quota for ACLSizePerRole: {TRUST_QUOTA}")));
    }
    Ok(document)
}

/// The size of a document as IAM counts it.
fn size_of(document: &str) -> usize {
    document.chars().filter(|character| !character.is_whitespace()).count()
}
