//! The grants of KMS keys. One allows its operations as a statement of the key policy for its grantee does
//! ([Grants in AWS KMS](https://docs.aws.amazon.com/kms/latest/developerguide/grants.html)).

use serde_json::{Value, json};

use super::keys::KEY_NAMES;
use super::links::{Link, after_apply, not_in_plan, one_of_several};
use super::plan::{Attribute, Plan, Resource};
use super::roles::arn_of;
use super::whereabouts::Whereabouts;
use crate::facts::{Fact, PolicyText, Unreadable};
use crate::sources::existing::Existing;
use iam_eval::OPEN_ELEMENT;
use iam_eval::arn::Arn;

/// The policy of a key, with what the plan grants beside it.
pub(super) fn beside(
    plan: &Plan<'_>,
    whereabouts: &Whereabouts,
    key: &Resource<'_>,
    policy: Fact<PolicyText>,
) -> Fact<PolicyText> {
    let of_key = |grant: &Resource<'_>| match plan.link(grant, "key_id", "aws_kms_key", &KEY_NAMES) {
        Link::To(to) => {
            let others = plan.others(grant, "key_id");
            let doubt = (!others.is_empty()).then(|| one_of_several(grant, "key_id"));
            let is_meant = others.into_iter().chain([to]).any(|it| it.address == key.address);
            is_meant.then(|| statement(plan, whereabouts, grant, doubt))
        }
        Link::NotKnown => Some(statement(plan, whereabouts, grant, Some(after_apply(grant, "key_id")))),
        Link::Outside(_) | Link::Nothing => None,
    };
    let statements = || plan.managed("aws_kms_grant").into_iter().filter_map(of_key);
    policy.map(|text| statements().fold(text, |text, statement| text.with(statement)))
}

/// Adds the grants of keys that exist.
pub(super) fn add(plan: &Plan<'_>, whereabouts: &Whereabouts, existing: &mut Existing) {
    for grant in plan.managed("aws_kms_grant") {
        let (key, doubt) = match plan.link(grant, "key_id", "aws_kms_key", &KEY_NAMES) {
            Link::Outside(key) => (Some(key), None),
            Link::To(key) if key.is_data => (key.text("arn").or(key.text("key_id")).map(str::to_owned), None),
            Link::NotKnown => (None, Some(after_apply(grant, "key_id"))),
            Link::To(_) | Link::Nothing => continue,
        };
        let doubt = doubt.or_else(|| key.is_none().then(|| after_apply(grant, "key_id")));
        existing.grants.push((key, statement(plan, whereabouts, grant, doubt)));
    }
}

/// What a grant allows, as a statement of a key policy; for certain only if there is no `doubt`.
fn statement(plan: &Plan<'_>, whereabouts: &Whereabouts, grant: &Resource<'_>, doubt: Option<Unreadable>) -> Value {
    let grantee = grantee(plan, whereabouts, grant);
    let operations = match grant.attribute("operations") {
        Attribute::Known(operations) => Ok(operations.as_array().into_iter().flatten().filter_map(Value::as_str)),
        Attribute::Null | Attribute::Unknown => Err(after_apply(grant, "operations")),
    };
    let is_limited = grant.block_count("constraints") > 0 || grant.attribute("constraints") == Attribute::Unknown;
    let limit = is_limited.then(|| not_in_plan(grant, "constraints", "limits the grant to some encryption contexts"));
    let doubt = doubt.or(grantee.clone().err()).or(operations.as_ref().err().cloned()).or(limit);
    let actions = operations.map_or_else(
        |_| vec!["kms:*".to_owned()],
        |operations| operations.map(|operation| format!("kms:{operation}")).collect(),
    );
    let principal = grantee.unwrap_or_else(|_| "*".to_owned());
    let mut statement = json!({
        "Sid": grant.address, "Effect": "Allow", "Principal": { "AWS": principal }, "Action": actions, "Resource": "*",
    });
    if let (Some(statement), Some(doubt)) = (statement.as_object_mut(), doubt) {
        statement.insert(OPEN_ELEMENT.to_owned(), Value::from(doubt.message));
    }
    statement
}

/// The ARN of the one who is granted something.
///
/// # Errors
/// Why it is not known.
fn grantee(plan: &Plan<'_>, whereabouts: &Whereabouts, grant: &Resource<'_>) -> Result<String, Unreadable> {
    let path = "grantee_principal";
    match plan.link(grant, path, "aws_iam_role", &["arn"]) {
        Link::To(_) if !plan.others(grant, path).is_empty() => Err(one_of_several(grant, path)),
        Link::To(role) => arn_of(role, "role", &whereabouts.of_resource(role)).ok_or_else(|| after_apply(grant, path)),
        Link::Outside(arn) => match Arn::parse(&arn).is_some_and(|arn| arn.resource != "root") {
            true => Ok(arn),
            false => Err(not_in_plan(grant, path, "is an account, and who of it may use the key is not in the plan")),
        },
        Link::Nothing | Link::NotKnown => Err(after_apply(grant, path)),
    }
}
