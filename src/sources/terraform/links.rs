//! Which resource of the plan another one means: by a name that is known, or by what the configuration refers to.

use std::collections::BTreeSet;

use super::plan::{Attribute, Before, Plan, Resource};
use super::references::Leaf;
use crate::facts::{Unreadable, UnreadableKind};

/// The types that others call by a name, of which every account has its own.
const NAMED_IN_ACCOUNT: [&str; 2] = ["aws_iam_instance_profile", "aws_iam_role"];

/// What an argument leads to.
pub(super) enum Link<'p, 'a> {
    /// A resource of the plan.
    To(&'p Resource<'a>),
    /// Something of this name or ARN that the plan does not make.
    Outside(String),
    /// Nothing: the argument is left out.
    Nothing,
    /// It cannot be told before apply.
    NotKnown,
}

impl<'a> Plan<'a> {
    /// What an argument of a resource leads to, among the resources of a type. Their attribute `by` is what the argument holds.
    pub(super) fn link(&self, from: &Resource<'a>, path: &str, kind: &str, by: &[&str]) -> Link<'_, 'a> {
        match from.attribute(path) {
            Attribute::Null => Link::Nothing,
            Attribute::Known(value) => match value.as_str() {
                None | Some("") => Link::Nothing,
                Some(text) => self.link_by_text(from, path, text, kind, by),
            },
            Attribute::Unknown => {
                let link = self.link_by_reference(&self.leaves(from, path), kind, by);
                match link {
                    // A name means what the account has that it is used in.
                    Link::To(to) if NAMED_IN_ACCOUNT.contains(&kind) && self.may_be_apart(to, from) => Link::NotKnown,
                    link => link,
                }
            }
        }
    }

    /// IAM's names are unique in an account, whatever their case. A plan may have several accounts, each with a provider of its own.
    pub(super) fn link_by_text(
        &self,
        from: &Resource<'a>,
        path: &str,
        text: &str,
        kind: &str,
        by: &[&str],
    ) -> Link<'_, 'a> {
        let has = |resource: &&Resource<'a>| {
            by.iter().any(|attribute| resource.text(attribute).is_some_and(|own| own.eq_ignore_ascii_case(text)))
        };
        let called = self.called_so(text).into_iter().filter(|resource| resource.kind == kind).filter(has);
        let named: Vec<_> = called.filter(|resource| !self.are_apart(resource, from)).collect();
        let of_provider: Vec<_> =
            named.iter().copied().filter(|resource| resource.provider_key() == from.provider_key()).collect();
        match (of_provider.as_slice(), named.as_slice()) {
            ([one], _) => Link::To(one),
            ([], [one]) if NAMED_IN_ACCOUNT.contains(&kind) && self.may_be_apart(one, from) => Link::NotKnown,
            ([], [one]) => Link::To(one),
            ([], []) => Link::Outside(text.to_owned()),
            _ => match from.expression(path) {
                Some(_) => self.link_by_reference(&self.origins(from, path), kind, by),
                None => Link::NotKnown,
            },
        }
    }

    pub(super) fn link_by_reference(&self, leaves: &BTreeSet<Leaf>, kind: &str, by: &[&str]) -> Link<'_, 'a> {
        let mut leaves = leaves.iter();
        let (Some(leaf), None) = (leaves.next(), leaves.next()) else { return Link::NotKnown };
        let Leaf::Attribute { address, attribute } = leaf else { return Link::NotKnown };
        let names_it = attribute.is_empty() || by.contains(&attribute.as_str());
        if let Some(resource) = self.at(address).filter(|resource| resource.kind == kind) {
            return if names_it { Link::To(resource) } else { Link::NotKnown };
        }
        let is_of_iam =
            self.at(address).is_some_and(|of| matches!(of.kind.as_str(), "aws_iam_role" | "aws_iam_instance_profile"));
        if !is_of_iam || !matches!(attribute.as_str(), "name" | "id") {
            return Link::NotKnown;
        }
        // Both may take their name from a third: a profile that is called as its role.
        let has_its_name = |resource: &&Resource<'a>| {
            let mut of_name = self.leaves(resource, "name").into_iter();
            resource.attribute("name") == Attribute::Unknown
                && of_name.next().as_ref() == Some(leaf)
                && of_name.next().is_none()
        };
        let mut called = self.of_kind(kind).into_iter().filter(has_its_name);
        match (called.next(), called.next()) {
            (Some(resource), None) => Link::To(resource),
            _ => Link::NotKnown,
        }
    }
}

/// Why a link by name does not outlive what it leads to: that is made anew under the name, and what names it is not made again, so that
/// it still belongs to the one that goes.
pub(super) fn outlived(from: &Resource<'_>, path: &str, to: &Resource<'_>) -> Option<Unreadable> {
    let name = to.text("name")?;
    let what = || format!("stays as it is while the plan makes `{}` anew, and is not linked to that again", to.address);
    (to.is_new && !to.is_data && from.holds_already(path, name)).then(|| not_in_plan(from, path, &what()))
}

/// That what is deleted may be of any of several accounts: its provider is not in a plan.
pub(super) fn in_some_account(going: &Before) -> Unreadable {
    let api = going.address.clone();
    let message = format!("the plan deletes `{api}`, and does not say in which account");
    Unreadable { api, kind: UnreadableKind::NotInPlan, message }
}

/// Why an attribute is not known: what is said of it.
pub(super) fn not_in_plan(resource: &Resource<'_>, path: &str, what: &str) -> Unreadable {
    let api = resource.attribute_address(path);
    let message = format!("`{api}` {what}");
    Unreadable { api, kind: UnreadableKind::NotInPlan, message }
}

/// That an attribute is known only after apply, or that the plan does not show it.
pub(super) fn after_apply(resource: &Resource<'_>, path: &str) -> Unreadable {
    let what = match (resource.is_hidden(path), resource.text(path)) {
        (true, _) => "is sensitive, and the plan does not show its value",
        (false, Some(_)) => "is a name that the plan has in another account, or in several",
        (false, None) => "is known only after apply",
    };
    not_in_plan(resource, path, what)
}

/// That an attribute refers to one of several resources by an index that is worked out.
pub(super) fn one_of_several(resource: &Resource<'_>, path: &str) -> Unreadable {
    not_in_plan(resource, path, "refers to one of several resources, and the plan does not say to which")
}

/// That what an attribute names is not made by the plan.
pub(super) fn outside(resource: &Resource<'_>, path: &str, what: &str, name: &str) -> Unreadable {
    let attribute = resource.attribute_address(path);
    let message = format!("the {what} `{name}` of `{attribute}` is not in the plan");
    Unreadable { api: attribute, kind: UnreadableKind::NotInPlan, message }
}
