//! What writes policies of roles by other means than the resources of IAM: stacks and resources of AWS CloudFormation. And what a plan
//! puts off, so that it is not among its changes.

use serde_json::Value;

use super::links::{Link, not_in_plan};
use super::plan::{Attribute, Deferred, Plan, Resource};
use super::references::Leaf;
use super::roles::ROLE_NAMES;
use crate::facts::{Unreadable, UnreadableKind};

/// Whose policies something may write.
pub(super) enum Whose<'p> {
    /// Those of a role of the plan, by its address.
    Planned(&'p str),
    /// Those of a role that exists, by its name.
    Existing(String),
    /// Those of any.
    Any,
}

/// What writes policies by other means, with the attribute that says which.
pub(super) fn writers<'p, 'a>(plan: &'p Plan<'a>) -> Vec<(&'p Resource<'a>, &'static str)> {
    let all = plan.resources.iter().filter(|it| !it.is_data && it.is_written());
    let of = all.filter_map(|resource| {
        let path = match resource.kind.as_str() {
            "aws_cloudformation_stack" if stack_has_iam(resource) => "template_body",
            "aws_cloudcontrolapi_resource" if is_of_iam(resource) => "desired_state",
            "awscc_iam_role_policy" => "role_name",
            "awscc_iam_managed_policy" => "roles",
            "awscc_iam_role" => "role_name",
            _ => return None,
        };
        Some((resource, path))
    });
    of.collect()
}

/// A stack makes nothing of IAM without a capability that says so
/// ([CreateStack](https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html)).
fn stack_has_iam(stack: &Resource<'_>) -> bool {
    let may_make_iam = match stack.attribute("capabilities") {
        Attribute::Known(capabilities) => capabilities.as_array().is_none_or(|all| !all.is_empty()),
        Attribute::Null => false,
        Attribute::Unknown => stack.is_set("capabilities"),
    };
    match stack.attribute("template_body") {
        Attribute::Known(Value::String(body)) if !body.is_empty() => {
            body.contains("AWS::IAM::") || may_make_iam && holds_other_templates(body)
        }
        _ => may_make_iam,
    }
}

/// Whether what a template makes is not all in its text.
fn holds_other_templates(body: &str) -> bool {
    ["AWS::CloudFormation::Stack", "AWS::Include", "Fn::Transform", "AWS::CloudFormation::Macro"]
        .iter()
        .any(|it| body.contains(it))
}

fn is_of_iam(resource: &Resource<'_>) -> bool {
    const GIVES_NOTHING: [&str; 4] =
        ["AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::InstanceProfile", "AWS::IAM::OIDCProvider"];
    match resource.attribute("type_name") {
        Attribute::Known(kind) => {
            kind.as_str().is_some_and(|kind| kind.starts_with("AWS::IAM::") && !GIVES_NOTHING.contains(&kind))
        }
        Attribute::Null => false,
        Attribute::Unknown => true,
    }
}

/// Whose policies a resource writes: those of the roles that its text names, or that its configuration refers to.
pub(super) fn whose<'p>(plan: &'p Plan<'_>, resource: &'p Resource<'_>, path: &str) -> Vec<Whose<'p>> {
    let text = resource.values.to_string().to_ascii_lowercase();
    let roles = plan.managed("aws_iam_role").into_iter();
    let named = roles.filter(|role| role.text("name").is_some_and(|name| names(&text, &name.to_ascii_lowercase())));
    let mut found: Vec<Whose<'p>> = named.map(|role| Whose::Planned(role.address.as_str())).collect();
    let arguments = resource.expressions.as_object().into_iter().flatten().map(|(argument, _)| argument.as_str());
    let open = arguments.filter(|argument| resource.attribute(argument) == Attribute::Unknown);
    let open: Vec<&str> = open.collect();
    let others = open.iter().flat_map(|argument| plan.others(resource, argument));
    let others = others.filter(|role| role.kind == "aws_iam_role" && !role.is_data);
    found.extend(others.map(|role| Whose::Planned(role.address.as_str())));
    for leaf in open.iter().flat_map(|argument| plan.leaves(resource, argument)) {
        match leaf {
            Leaf::Attribute { address, .. } if plan.at(&address).is_some() => {
                let role = plan.at(&address).filter(|role| role.kind == "aws_iam_role" && !role.is_data);
                found.extend(role.map(|role| Whose::Planned(role.address.as_str())));
            }
            Leaf::Attribute { .. } | Leaf::Untold(_) => return vec![Whose::Any],
        }
    }
    let is_hidden = resource.config.is_none() || path == "template_body" && resource.text(path).is_none();
    if found.is_empty() && is_hidden {
        return vec![Whose::Any];
    }
    if let (true, Link::Outside(name)) = (found.is_empty(), plan.link(resource, path, "aws_iam_role", &ROLE_NAMES)) {
        found.push(Whose::Existing(name));
    }
    found
}

/// Whether a name stands in a text by itself.
fn names(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// That a resource may write policies of a role.
pub(super) fn may_write(resource: &Resource<'_>, path: &str) -> Unreadable {
    not_in_plan(resource, path, "may give roles policies, or take them away, which are not judged")
}

/// That a change is put off.
pub(super) fn put_off(deferred: &Deferred) -> Unreadable {
    let message = format!("the change of `{}` is deferred: the plan does not say what it will be", deferred.address);
    Unreadable { api: deferred.address.clone(), kind: UnreadableKind::NotInPlan, message }
}
