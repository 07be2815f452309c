//! Instance profiles, roles and their policies, as a template makes them.
//!
//! Profiles and roles are known by their logical ids: most of their names are generated, and a reference names the resource.

use std::collections::BTreeMap;

use super::evaluate::Evaluator;
use super::policy::{self, Kind};
use super::template::Resource;
use super::value::{Attribute, Holds, Part, Text, Value, Why, pattern};
use crate::facts::{
    Fact, Facts, InlinePolicy, InstanceProfile, ManagedPolicy, PolicyText, Role, Unreadable, UnreadableKind,
    planned_role,
};
use crate::sources::existing::Existing;
use crate::sources::managed_policies::shipped;
use iam_eval::arn::Arn;

/// What a reference leads to.
pub enum Found<'a> {
    /// A resource of the template.
    Here(&'a Resource),
    /// Something of this name that the template does not hold.
    Elsewhere(String),
    /// It is not known.
    NotKnown(Why),
}

/// Why something is unknown, as the attribute of a resource.
pub fn unknown(attribute: &str, why: &Why) -> Unreadable {
    Unreadable { api: attribute.to_owned(), kind: UnreadableKind::NotInPlan, message: why.to_string() }
}

/// Finds the resource of a type that a value refers to, by its reference, its name or its ARN.
pub fn find<'a>(evaluator: &'a Evaluator<'_>, kind: &str, value: &Value) -> Found<'a> {
    let Some(text) = value.to_text() else {
        return Found::NotKnown(value.why().unwrap_or_else(|| Why::new(0, "a name or an ARN is expected")));
    };
    let resources = || evaluator.template.resources.iter().filter(|resource| resource.kind == kind);
    let made = || resources().filter(|resource| evaluator.exists(resource) != Holds::No);
    // A reference stands for its resource alone, or at the end of an ARN that is put together. Beside anything else it is another name.
    if let Some((Part::Of(attribute), before)) = text.0.split_last() {
        let is_it = |resource: &&Resource| {
            resource.id == attribute.resource
                && (before.is_empty() && stands_for_it(kind, attribute)
                    || attribute.name.is_none() && begins_arn(evaluator, resource, before))
        };
        if let Some(resource) = resources().find(is_it) {
            return Found::Here(resource);
        }
    }
    let given = match text.to_known() {
        Ok(given) => given,
        Err(why) => {
            // The same text is the same name, whatever that is.
            let named = made().find(|resource| shape(evaluator, resource, None).is_same(&text));
            return named.map_or(Found::NotKnown(why), Found::Here);
        }
    };
    let name = given.rsplit('/').next().filter(|_| given.starts_with("arn:"));
    let found = made().find(|resource| {
        let own = known(evaluator, resource, None);
        let is_arn_of_it = || fits(&shape(evaluator, resource, Some("Arn")).pattern(), given);
        own.is_some_and(|own| is_name(kind, &own, given) || name == Some(&own) && is_arn_of_it())
    });
    found.map_or_else(|| Found::Elsewhere(given.to_owned()), Found::Here)
}

/// Whether what a reference gives stands for a resource of a type: what `Ref` gives, its ARN or its ID, and no other attribute.
fn stands_for_it(kind: &str, attribute: &Attribute) -> bool {
    let Some(name) = attribute.name.as_deref() else { return true };
    let names: &[&str] = match kind {
        "AWS::IAM::Role" | "AWS::IAM::InstanceProfile" => &["Arn"],
        MANAGED_POLICY => &["PolicyArn"],
        "AWS::KMS::Key" => &["Arn", "KeyId"],
        "AWS::EC2::LaunchTemplate" => &["LaunchTemplateId"],
        "AWS::EC2::Instance" => &["InstanceId"],
        _ => &[],
    };
    names.contains(&name)
}

/// Whether a name is that of a resource of a type. In IAM there are no two that differ in case alone
/// ([names](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)).
fn is_name(kind: &str, own: &str, given: &str) -> bool {
    match kind.starts_with("AWS::IAM::") {
        true => own.eq_ignore_ascii_case(given),
        false => own == given,
    }
}

/// Finds the role that a property names, which takes no ARN
/// ([AddRoleToInstanceProfile](https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddRoleToInstanceProfile.html)).
fn role_named<'a>(evaluator: &'a Evaluator<'_>, value: &Value) -> Found<'a> {
    let text = value.to_text().unwrap_or_default();
    match text.as_attribute() {
        Some(attribute) if attribute.name.is_some() => {
            Found::NotKnown(Why::new(attribute.line, format!("{attribute} is not known to be the name of a role")))
        }
        None if text.pattern().starts_with("arn:") => {
            Found::NotKnown(Why::new(0, format!("`{}` is an ARN, where the name of a role stands", text.pattern())))
        }
        _ => find(evaluator, "AWS::IAM::Role", value),
    }
}

/// Whether an ARN can be one of which only some parts are known.
fn fits(own: &str, given: &str) -> bool {
    let (own, given): (Vec<&str>, Vec<&str>) = (own.split(':').collect(), given.split(':').collect());
    let is_same = |(own, given): (&&str, &&str)| match (own.split_once('*'), own.rsplit_once('*')) {
        (Some((start, _)), Some((_, end))) => given.starts_with(start) && given.ends_with(end),
        _ => own == given,
    };
    own.len() == given.len() && own.iter().zip(&given).all(is_same)
}

/// Whether these parts are the ARN of a role, instance profile or key up to its name or id. A field that is not known of its ARN may be any.
fn begins_arn(evaluator: &Evaluator<'_>, resource: &Resource, parts: &[Part]) -> bool {
    let arn = shape(evaluator, resource, Some("Arn"));
    let Some((_name, own)) = arn.0.split_last() else { return false };
    let (own, given) = (pattern(own), pattern(parts));
    let (own, given): (Vec<&str>, Vec<&str>) = (own.split(':').collect(), given.split(':').collect());
    matches!(resource.kind.as_str(), "AWS::IAM::Role" | "AWS::IAM::InstanceProfile" | "AWS::KMS::Key")
        && own.len() == given.len()
        && own.iter().zip(&given).all(|(own, given)| *own == "*" || own == given)
}

/// The type of a managed policy.
const MANAGED_POLICY: &str = "AWS::IAM::ManagedPolicy";

/// Adds the profiles, roles and policies of a template. `rewritten` is why there may be more of them than it shows.
pub fn add(facts: &mut Facts, evaluator: &Evaluator<'_>, rewritten: &[Why], existing: &mut Existing) {
    let mut roles = BTreeMap::new();
    for resource in &evaluator.template.resources {
        match (resource.kind.as_str(), evaluator.exists(resource)) {
            (_, Holds::No) => {}
            ("AWS::IAM::Role", Holds::Yes) => {
                roles.insert(resource.id.clone(), role(facts, evaluator, resource, existing));
            }
            ("AWS::IAM::Role", Holds::Unknown(why)) => {
                facts.roles.insert(resource.id.clone(), Fact::Unreadable(unknown(&resource.id, &why)));
            }
            _ => {}
        }
    }
    for resource in &evaluator.template.resources {
        attach(facts, evaluator, resource, &mut roles, existing);
    }
    for (id, Made { mut role, names }) in roles {
        let more = rewritten.iter().map(|why| InlinePolicy {
            name: format!("{id}.Policies"),
            document: Fact::Unreadable(unknown(&format!("{id}.Policies"), why)),
        });
        if let Fact::Known(inline) = &mut role.inline {
            let line = evaluator.template.resource(&id).map_or(0, |resource| resource.line);
            doubt_namesakes(inline, &names, &id, line);
            inline.extend(more);
        }
        facts.roles.insert(id, Fact::Known(role));
    }
    for resource in evaluator.template.resources.iter().filter(|resource| resource.kind == "AWS::IAM::InstanceProfile")
    {
        match evaluator.exists(resource) {
            Holds::No => {}
            Holds::Unknown(why) => {
                facts.profiles.insert(resource.id.clone(), Fact::Unreadable(unknown(&resource.id, &why)));
            }
            Holds::Yes => {
                let profile = profile(facts, evaluator, resource, existing);
                facts.profiles.insert(resource.id.clone(), profile);
            }
        }
    }
}

/// A role that is being put together.
struct Made {
    role: Role,
    /// The names of its inline policies, as far as they are known.
    names: Vec<Text>,
}

/// Of inline policies of one name a role keeps the one that is written last
/// ([PutRolePolicy](https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html)), and which one that is, is not known.
/// It does not matter where they say the same.
fn doubt_namesakes(inline: &mut [InlinePolicy], names: &[Text], role: &str, line: usize) {
    let doubts: Vec<Option<Why>> = inline
        .iter()
        .zip(names)
        .map(|(policy, name)| {
            let others = inline.iter().zip(names).filter(|(other, _)| other.document != policy.document);
            let mut others = others.map(|(_, other)| other).filter(|other| name.may_equal(other));
            let other = others.next()?;
            let what = match name.why().or_else(|| other.why()) {
                None => format!(
                    "several inline policies of the role `{role}` are named `{}`, and one replaces the others",
                    policy.name
                ),
                Some(why) => format!(
                    "inline policies of the role `{role}` may have one name, so that one replaces the other: {why}"
                ),
            };
            Some(Why::new(line, what))
        })
        .collect();
    for (policy, why) in inline.iter_mut().zip(doubts) {
        if let (Fact::Known(document), Some(why)) = (&mut policy.document, why) {
            *document = document.in_doubt(&why.to_string());
        }
    }
}

/// What a resource gives, as far as it is known: an attribute, or else its name or id.
fn shape(evaluator: &Evaluator<'_>, resource: &Resource, attribute: Option<&str>) -> Text {
    let name = attribute.map(str::to_owned);
    evaluator.shape(&Attribute { resource: resource.id.clone(), name, line: resource.line })
}

/// What a resource gives, if it is known.
fn known(evaluator: &Evaluator<'_>, resource: &Resource, attribute: Option<&str>) -> Option<String> {
    shape(evaluator, resource, attribute).as_known().map(str::to_owned)
}

fn profile(
    facts: &mut Facts,
    evaluator: &Evaluator<'_>,
    resource: &Resource,
    existing: &mut Existing,
) -> Fact<InstanceProfile> {
    let attribute = format!("{}.Roles", resource.id);
    let roles = evaluator.property(resource, "Roles");
    let role = match roles.items() {
        Err(why) => return Fact::Unreadable(unknown(&attribute, &why)),
        // [A profile holds one role](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2_instance-profiles.html).
        Ok([_, _, ..]) => {
            let what = "it names several roles, and an instance profile holds one; the deployment fails";
            return Fact::Unreadable(unknown(&attribute, &Why::new(resource.line, what)));
        }
        Ok(items) => items.first().map(|item| role_named(evaluator, item)),
    };
    let role = match role {
        None => None,
        Some(Found::Here(role)) => Some(role.id.clone()),
        Some(Found::NotKnown(why)) => return Fact::Unreadable(unknown(&attribute, &why)),
        Some(Found::Elsewhere(name)) => {
            let why = Why::new(resource.line, format!("the role `{name}` is not in the template"));
            Some(existing.role(facts, evaluator.place.account.as_deref(), &name, unknown(&attribute, &why)))
        }
    };
    Fact::Known(InstanceProfile {
        arn: known(evaluator, resource, Some("Arn")).unwrap_or_default(),
        id: String::new(),
        name: known(evaluator, resource, None).unwrap_or_else(|| resource.id.clone()),
        role,
        tags: None,
    })
}

fn role(facts: &mut Facts, evaluator: &Evaluator<'_>, resource: &Resource, existing: &mut Existing) -> Made {
    let attribute = |name: &str| format!("{}.{name}", resource.id);
    let property = |name: &str| evaluator.property(resource, name);
    let trust = match property("AssumeRolePolicyDocument") {
        Value::Nothing => Fact::Absent,
        value => document(evaluator, &value, Kind::Trust, &attribute("AssumeRolePolicyDocument"), None),
    };
    let boundary = match property("PermissionsBoundary") {
        Value::Nothing => Fact::Absent,
        value => Fact::Known(managed(facts, evaluator, &value, &attribute("PermissionsBoundary"), existing)),
    };
    let mut names = Vec::new();
    let inline = match property("Policies").items() {
        Err(why) => Fact::Unreadable(unknown(&attribute("Policies"), &why)),
        Ok(policies) => {
            let policies = policies.iter().enumerate().map(|(index, policy)| {
                let place = attribute(&format!("Policies[{index}]"));
                let document = document(evaluator, &policy.get("PolicyDocument"), Kind::Identity, &place, None);
                let name = policy.get("PolicyName").to_text().unwrap_or_else(|| Text::known(&place));
                let policy = InlinePolicy { name: name.as_known().map_or(place, str::to_owned), document };
                names.push(name);
                policy
            });
            Fact::Known(policies.collect())
        }
    };
    let attached = match property("ManagedPolicyArns").items() {
        Err(why) => Fact::Unreadable(unknown(&attribute("ManagedPolicyArns"), &why)),
        Ok(arns) => Fact::Known(
            arns.iter()
                .enumerate()
                .map(|(index, arn)| {
                    managed(facts, evaluator, arn, &attribute(&format!("ManagedPolicyArns[{index}]")), existing)
                })
                .collect(),
        ),
    };
    let role = Role {
        arn: known(evaluator, resource, Some("Arn")).or_else(|| planned_arn(evaluator, resource)),
        id: None,
        name: known(evaluator, resource, None).unwrap_or_else(|| resource.id.clone()),
        trust,
        boundary,
        tags: Fact::Known(known_tags(&property("Tags"))),
        // Those of the stack, which the template does not hold, are put on its roles
        // ([tags](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-resource-tags.html)).
        may_have_more_tags: true,
        inline,
        attached,
    };
    Made { role, names }
}

/// What stands for the ARN of a role whose name is not known. A name that CloudFormation makes is put together of those of the stack and
/// of the resource, and of something random
/// ([Name type](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html)).
fn planned_arn(evaluator: &Evaluator<'_>, resource: &Resource) -> Option<String> {
    let (partition, account) = (evaluator.place.partition.as_deref()?, evaluator.place.account.as_deref()?);
    let path = match evaluator.property(resource, "Path") {
        Value::Nothing => "/".to_owned(),
        value => value.as_known()?,
    };
    let names = match evaluator.property(resource, "RoleName") {
        Value::Nothing => "*-*-*".to_owned(),
        value => value.to_text()?.pattern(),
    };
    Some(planned_role(partition, account, &path, &resource.id, &names))
}

/// The ARN of the role of the template that a principal is, or what stands for it.
pub fn principal(evaluator: &Evaluator<'_>, text: &Text) -> Option<String> {
    let is_arn = match text.0.as_slice() {
        [Part::Of(attribute)] => attribute.name.as_deref() == Some("Arn"),
        _ => text.pattern().starts_with("arn:"),
    };
    match find(evaluator, "AWS::IAM::Role", &Value::Text(text.clone())) {
        Found::Here(role) if is_arn => known(evaluator, role, Some("Arn")).or_else(|| planned_arn(evaluator, role)),
        Found::Here(_) | Found::Elsewhere(_) | Found::NotKnown(_) => None,
    }
}

/// Tags as a map.
///
/// # Errors
/// Why they are not known.
pub fn tags(value: &Value) -> Result<BTreeMap<String, String>, Why> {
    let text = |value: Value| value.to_known("a tag");
    value.items()?.iter().map(|tag| Ok((text(tag.get("Key"))?, text(tag.get("Value"))?))).collect()
}

/// The tags of which both the key and the value are known. A tag of the stack with the same key does not replace one
/// (https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2244).
fn known_tags(value: &Value) -> BTreeMap<String, String> {
    let tags = value.items().unwrap_or_default().iter();
    tags.filter_map(|tag| Some((tag.get("Key").as_known()?, tag.get("Value").as_known()?))).collect()
}

/// A document, or why nothing is known of it. `perhaps` is why it may not be in force at all.
pub fn document(
    evaluator: &Evaluator<'_>,
    value: &Value,
    kind: Kind,
    attribute: &str,
    perhaps: Option<&Why>,
) -> Fact<PolicyText> {
    match policy::document(evaluator, value, kind, perhaps) {
        Ok(text) => Fact::Known(text),
        Err(why) => Fact::Unreadable(unknown(attribute, &why)),
    }
}

/// The key of a managed policy among the facts, where its document is put: its ARN, or what stands for it.
fn managed(
    facts: &mut Facts,
    evaluator: &Evaluator<'_>,
    value: &Value,
    attribute: &str,
    existing: &mut Existing,
) -> String {
    match find(evaluator, MANAGED_POLICY, value) {
        Found::Here(resource) => managed_here(facts, evaluator, resource, None),
        Found::Elsewhere(arn) => {
            // Of another partition it cannot be attached.
            let partition = evaluator.place.partition.as_deref();
            let fits = |arn: &String| partition.is_none_or(|partition| arn.starts_with(&format!("arn:{partition}:")));
            let policy = Some(&arn).filter(|arn| fits(arn)).and_then(|arn| shipped(arn)).map_or_else(
                || {
                    let what = format!("the managed policy `{arn}` is not in the template");
                    Fact::Unreadable(unknown(attribute, &Why::new(0, what)))
                },
                Fact::Known,
            );
            if policy.unreadable().is_some() && Arn::parse(&arn).is_some() {
                existing.policies.insert(arn.clone());
            }
            facts.policies.insert(arn.clone(), policy);
            arn
        }
        Found::NotKnown(why) => {
            facts.policies.insert(attribute.to_owned(), Fact::Unreadable(unknown(attribute, &why)));
            attribute.to_owned()
        }
    }
}

/// Puts a managed policy of the template among the facts. `perhaps` is why it may not be attached.
fn managed_here(facts: &mut Facts, evaluator: &Evaluator<'_>, resource: &Resource, perhaps: Option<&Why>) -> String {
    let conditional = match evaluator.exists(resource) {
        Holds::Unknown(why) => Some(why),
        Holds::Yes | Holds::No => None,
    };
    let perhaps = perhaps.or(conditional.as_ref());
    let key = known(evaluator, resource, None).unwrap_or_else(|| resource.id.clone());
    // The same policy may be attached to one role for certain, and perhaps to another.
    let key = if perhaps.is_some() { format!("{key} ({})", resource.id) } else { key };
    let attribute = format!("{}.PolicyDocument", resource.id);
    let value = evaluator.property(resource, "PolicyDocument");
    let made = |document| ManagedPolicy { version: "v1".to_owned(), document, shipped: None };
    let policy = document(evaluator, &value, Kind::Identity, &attribute, perhaps).map(made);
    facts.policies.insert(key.clone(), policy);
    key
}

/// Attaches a policy that names its roles itself.
fn attach(
    facts: &mut Facts,
    evaluator: &Evaluator<'_>,
    resource: &Resource,
    roles: &mut BTreeMap<String, Made>,
    existing: &mut Existing,
) {
    let named = match resource.kind.as_str() {
        "AWS::IAM::Policy" | MANAGED_POLICY => evaluator.property(resource, "Roles"),
        "AWS::IAM::RolePolicy" => evaluator.property(resource, "RoleName"),
        _ => return,
    };
    let perhaps = match evaluator.exists(resource) {
        Holds::No => return,
        Holds::Yes => None,
        Holds::Unknown(why) => Some(why),
    };
    let mut targets: BTreeMap<String, Option<Why>> = BTreeMap::new();
    let mut everywhere = |why: &Why| {
        for id in roles.keys() {
            targets.entry(id.clone()).or_insert_with(|| Some(why.clone()));
        }
    };
    let mut elsewhere = Vec::new();
    let not_told = |why: &Why| unknown(&resource.id, why);
    match named.items() {
        Err(why) => {
            everywhere(&why);
            existing.any.push(not_told(&why));
        }
        Ok(items) => {
            let found: Vec<Found<'_>> = items.iter().map(|item| role_named(evaluator, item)).collect();
            for target in &found {
                if let Found::NotKnown(why) = target {
                    everywhere(why);
                    existing.any.push(not_told(why));
                }
            }
            for target in found {
                match target {
                    Found::Here(role) => drop(targets.insert(role.id.clone(), perhaps.clone())),
                    Found::Elsewhere(name) => elsewhere.push(name),
                    Found::NotKnown(_) => {}
                }
            }
        }
    }
    for (id, why) in targets {
        let Some(Made { role, names }) = roles.get_mut(&id) else { continue };
        let why = why.as_ref().or(perhaps.as_ref());
        if resource.kind == MANAGED_POLICY {
            let key = managed_here(facts, evaluator, resource, why);
            match &mut role.attached {
                Fact::Known(attached) if attached.contains(&key) => {}
                Fact::Known(attached) => attached.push(key),
                Fact::Absent | Fact::Unreadable(_) => {}
            }
            continue;
        }
        if let Fact::Known(written) = &mut role.inline {
            written.push(inline(evaluator, resource, why));
            names.push(
                evaluator.property(resource, "PolicyName").to_text().unwrap_or_else(|| Text::known(&resource.id)),
            );
        }
    }
    for name in elsewhere {
        let account = evaluator.place.account.as_deref();
        match resource.kind == MANAGED_POLICY {
            true => {
                let key = managed_here(facts, evaluator, resource, perhaps.as_ref());
                existing.changes_of(account, &name).attached.insert(key);
            }
            false => {
                let InlinePolicy { name: policy, document } = inline(evaluator, resource, perhaps.as_ref());
                let what = format!("several inline policies of the role `{name}` are named `{policy}`");
                let otherwise = || unknown(&resource.id, &Why::new(resource.line, what));
                let changes = existing.changes_of(account, &name);
                changes.write(policy, document, otherwise);
                let text = evaluator.property(resource, "PolicyName").to_text().unwrap_or_default();
                if let Err(why) = text.to_known() {
                    changes.may_replace.push((text.pattern(), not_told(&why)));
                }
            }
        }
    }
}

/// The inline policy that a resource makes. `perhaps` is why it may not be in force.
fn inline(evaluator: &Evaluator<'_>, resource: &Resource, perhaps: Option<&Why>) -> InlinePolicy {
    let attribute = format!("{}.PolicyDocument", resource.id);
    let value = evaluator.property(resource, "PolicyDocument");
    InlinePolicy {
        name: evaluator.property(resource, "PolicyName").as_known().unwrap_or_else(|| resource.id.clone()),
        document: document(evaluator, &value, Kind::Identity, &attribute, perhaps),
    }
}
