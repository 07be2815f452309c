//! The roles of a plan, with the policies that the plan gives them or leaves them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::alike;
use super::documents;
use super::elsewhere::{self, Whose};
use super::links::{Link, after_apply, in_some_account, not_in_plan, one_of_several, outlived, outside};
use super::plan::{Attribute, Before, GIVES_POLICIES, Last, Plan, Resource};
use super::references::Leaf;
use super::whereabouts::{Whereabout, Whereabouts};
use crate::facts::{Fact, Facts, InlinePolicy, ManagedPolicy, PolicyText, Role, Unreadable, UnreadableKind};
use crate::sources::existing::{Existing, RoleChanges, add_unread};
use crate::sources::managed_policies;
use iam_eval::arn::Arn;
use iam_eval::{Document, DocumentKind, Effect};

const INLINE: &str = "aws_iam_role_policy";

/// What a role is called by in arguments.
pub(super) const ROLE_NAMES: [&str; 2] = ["name", "id"];

/// The roles that are being put together, and those that exist and are given policies.
struct Roles<'p, 'a> {
    plan: &'p Plan<'a>,
    whereabouts: &'p Whereabouts,
    /// By address.
    planned: BTreeMap<&'p str, RoleChanges>,
    /// The inline policies that roles which exist had already, by their addresses. A resource of the plan may be the same policy.
    found: BTreeMap<&'p str, BTreeMap<String, Fact<PolicyText>>>,
    existing: &'p mut Existing,
}

/// Adds the facts of every role that the plan makes or keeps.
pub(super) fn add(plan: &Plan<'_>, whereabouts: &Whereabouts, facts: &mut Facts, existing: &mut Existing) {
    add_deleted(plan, facts, existing);
    let (mut planned, mut found) = (BTreeMap::new(), BTreeMap::new());
    for role in plan.managed("aws_iam_role") {
        let mut changes = of_role(plan, role, facts);
        if !role.is_new {
            found.insert(role.address.as_str(), std::mem::take(&mut changes.inline));
        }
        planned.insert(role.address.as_str(), changes);
    }
    for policy in plan.managed("aws_iam_policy").into_iter().filter(|policy| policy.text("arn").is_some()) {
        key_of_policy(plan, policy, facts);
    }
    let mut roles = Roles { plan, whereabouts, planned, found, existing };
    roles.take_away();
    add_inline(&mut roles);
    add_attachments(&mut roles, facts);
    keep_exclusive(&mut roles, facts);
    add_elsewhere(&mut roles);
    let Roles { mut planned, existing, .. } = roles;
    for (arn, _) in facts.policies.iter().filter(|(_, fact)| fact.unreadable().is_some()) {
        let is_made = plan.called_so(arn).iter().any(|policy| policy.kind == "aws_iam_policy");
        if Arn::parse(arn).is_some() && !is_made && plan.deleted("aws_iam_policy", arn).is_none() {
            existing.policies.insert(arn.clone());
        }
    }
    for resource in plan.managed("aws_iam_role") {
        let RoleChanges { inline, attached, unread, .. } =
            planned.remove(resource.address.as_str()).unwrap_or_default();
        let place = whereabouts.of_resource(resource);
        let inline = inline.into_iter().map(|(name, document)| InlinePolicy { name, document }).collect();
        let mut role = Role {
            arn: arn_of(resource, "role", &place),
            id: resource.text("unique_id").map(str::to_owned),
            name: name_of(resource),
            trust: document_of(plan, resource, "assume_role_policy"),
            boundary: boundary(plan, resource, facts),
            tags: tags(plan, resource),
            may_have_more_tags: false,
            inline: Fact::Known(inline),
            attached: Fact::Known(attached.into_iter().collect()),
        };
        add_unread(&mut role, &unread);
        facts.roles.insert(resource.address.clone(), Fact::Known(role));
    }
}

/// Adds what goes, so that it is not taken from the account: roles, and the documents of managed policies, which stay attached to
/// nothing ([DeletePolicy](https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html)).
fn add_deleted(plan: &Plan<'_>, facts: &mut Facts, existing: &mut Existing) {
    let text = |before: &Before, attribute: &str| before.values.get(attribute)?.as_str().map(str::to_owned);
    for before in &plan.before {
        let (name, arn) = (text(before, "name"), text(before, "arn"));
        match (before.kind.as_str(), name, arn) {
            ("aws_iam_role", Some(name), _) if plan.deleted(&before.kind, &name).is_some() => {
                let makes_roles = |it: &&(&Resource<'_>, _)| {
                    matches!(
                        it.0.kind.as_str(),
                        "awscc_iam_role" | "aws_cloudformation_stack" | "aws_cloudcontrolapi_resource"
                    )
                };
                let fact = match elsewhere::writers(plan).iter().find(makes_roles) {
                    _ if plan.has_several_credentials() => Fact::Unreadable(in_some_account(before)),
                    Some((writer, path)) => {
                        let what = format!("may make the role `{name}` anew, which the plan deletes");
                        Fact::Unreadable(not_in_plan(writer, path, &what))
                    }
                    None => Fact::Absent,
                };
                existing.deleted_roles.insert(name.to_ascii_lowercase(), fact);
            }
            ("aws_iam_policy", _, Some(arn)) if plan.deleted(&before.kind, &arn).is_some() => {
                let api = before.address.clone();
                let message = format!("the plan deletes the managed policy `{arn}` of `{api}`");
                let reason = Unreadable { api, kind: UnreadableKind::NotInPlan, message };
                facts.policies.insert(arn, Fact::Unreadable(reason));
            }
            _ => {}
        }
    }
}

/// The name of a resource; its address where the name is known only after apply.
pub(super) fn name_of(resource: &Resource<'_>) -> String {
    resource.text("name").unwrap_or(&resource.address).to_owned()
}

/// The ARN of a role or profile, which account, path and name give before it is made.
pub(super) fn arn_of(resource: &Resource<'_>, what: &str, place: &Whereabout) -> Option<String> {
    if let Some(arn) = resource.text("arn") {
        return Some(arn.to_owned());
    }
    let (account, partition, name) = (place.account.as_ref()?, place.partition.as_ref()?, resource.text("name")?);
    let path = match resource.attribute("path") {
        Attribute::Known(path) => path.as_str()?,
        Attribute::Null => "/",
        Attribute::Unknown => return None,
    };
    Some(format!("arn:{partition}:iam::{account}:{what}{path}{name}"))
}

/// A document in an attribute, or that of the data source which the attribute refers to.
fn document_of(plan: &Plan<'_>, resource: &Resource<'_>, path: &str) -> Fact<PolicyText> {
    match resource.attribute(path) {
        Attribute::Known(Value::String(text)) => Fact::Known(PolicyText::new(text)),
        Attribute::Known(_) | Attribute::Null => Fact::Known(PolicyText::new("")),
        Attribute::Unknown => match read_document(plan, resource, path) {
            Some(text) => Fact::Known(PolicyText::new(text)),
            None => Fact::Unreadable(after_apply(resource, path)),
        },
    }
}

fn read_document<'p>(plan: &'p Plan<'_>, resource: &Resource<'_>, path: &str) -> Option<&'p String> {
    let leaves = plan.leaves(resource, path);
    let Some(Leaf::Attribute { address, attribute }) = leaves.first().filter(|_| leaves.len() == 1) else {
        return None;
    };
    let is_text = attribute.is_empty() || documents::TEXTS.contains(&attribute.as_str());
    let text = plan.documents.get(address).filter(|_| is_text)?;
    let is_same = |other: &Resource<'_>| plan.documents.get(&other.address) == Some(text);
    plan.others(resource, path).into_iter().all(is_same).then_some(text)
}

/// The tags of a role. Where there are none, its own and the provider's, the provider leaves `tags_all` open.
fn tags(plan: &Plan<'_>, resource: &Resource<'_>) -> Fact<BTreeMap<String, String>> {
    let provider = resource.provider_key().and_then(|key| plan.provider(key));
    let has_defaults =
        provider.and_then(|it| it.expressions.as_ref()).is_none_or(|all| all.get("default_tags").is_some());
    let path = match resource.attribute("tags_all") {
        Attribute::Unknown if !has_defaults && resource.attribute("tags") != Attribute::Unknown => "tags",
        Attribute::Unknown => return Fact::Unreadable(after_apply(resource, "tags_all")),
        Attribute::Known(_) => "tags_all",
        Attribute::Null => "tags",
    };
    match resource.attribute(path) {
        Attribute::Unknown => Fact::Unreadable(after_apply(resource, path)),
        Attribute::Null => Fact::Known(BTreeMap::new()),
        Attribute::Known(tags) => {
            let tags = tags.as_object().into_iter().flatten();
            Fact::Known(tags.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect())
        }
    }
}

fn boundary<'a>(plan: &Plan<'a>, role: &Resource<'a>, facts: &mut Facts) -> Fact<String> {
    policy_key(plan, role, "permissions_boundary", facts).map_or(Fact::Absent, Fact::Known)
}

/// The policies in the arguments of the role itself. A role that exists has those that Terraform found there.
fn of_role(plan: &Plan<'_>, role: &Resource<'_>, facts: &mut Facts) -> RoleChanges {
    let mut policies = RoleChanges::default();
    let is_set = |argument: &str| role.expression(argument).is_some();
    // The provider fills in what a new role leaves out: then there is none. A dynamic block is not in the configuration, but known in
    // part.
    let may_be_set = |argument: &str| {
        let in_part = role.unknown.get(argument).is_some_and(|unknown| !unknown.is_boolean());
        is_set(argument) || in_part || !role.is_new || role.config.is_none()
    };
    // Old versions of the provider do not look for what else a role has.
    for argument in ["managed_policy_arns", "inline_policy"] {
        if !role.is_new && role.attribute(argument) == Attribute::Null && role.values.get(argument).is_none() {
            policies.unread.push(not_in_plan(role, argument, "is not in the plan, and the role exists"));
        }
    }
    match role.attribute("managed_policy_arns") {
        Attribute::Known(arns) => {
            for arn in arns.as_array().into_iter().flatten().filter_map(Value::as_str) {
                policies.attached.insert(key_of_arn(plan, role, "managed_policy_arns", arn, facts));
            }
        }
        Attribute::Unknown if may_be_set("managed_policy_arns") => {
            policies.unread.push(after_apply(role, "managed_policy_arns"));
        }
        Attribute::Unknown | Attribute::Null => {}
    }
    match role.attribute("inline_policy") {
        Attribute::Known(blocks) => {
            for index in 0..blocks.as_array().map_or(0, Vec::len) {
                Block::of(role, index).add(plan, role, &mut policies);
            }
        }
        Attribute::Unknown if may_be_set("inline_policy") => add_blocks_in_part(plan, role, &mut policies),
        Attribute::Unknown | Attribute::Null => {}
    }
    // What an update of the role takes away, whatever else gives it. What it gives is new in the argument: what stays in it is left
    // alone (https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/iam/role.go).
    let arns = |values: &Value| -> BTreeSet<String> {
        let arns = values.get("managed_policy_arns").and_then(Value::as_array).into_iter().flatten();
        arns.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let blocks = |values: &Value| values.get("inline_policy").and_then(Value::as_array).cloned().unwrap_or_default();
    let names = |blocks: &[Value]| -> BTreeSet<String> {
        blocks.iter().filter_map(|block| block.get("name")?.as_str()).map(str::to_owned).collect()
    };
    let (arns_before, blocks_before) = (arns(&role.before), blocks(&role.before));
    let (arns, blocks) = (arns(&role.values), blocks(&role.values));
    if role.attribute("managed_policy_arns") != Attribute::Unknown {
        policies.detached = arns_before.difference(&arns).cloned().collect();
    }
    if role.attribute("inline_policy") != Attribute::Unknown {
        policies.removed = names(&blocks_before).difference(&names(&blocks)).cloned().collect();
    }
    let attaches = |arn: &str| role.is_written() && arns.contains(arn) && !arns_before.contains(arn);
    let writes = |name: &str| {
        let is_it = |block: &&Value| block.get("name").and_then(Value::as_str) == Some(name);
        role.is_written() && blocks.iter().filter(is_it).any(|block| !blocks_before.contains(block))
    };
    // What is taken away from a role that exists. From one that is replaced it goes before.
    let going = plan.before.iter().filter(|before| GIVES_POLICIES.contains(&before.kind.as_str()) && !role.is_new);
    for before in going {
        let is_of_it = |name: &&str| role.text("name").is_some_and(|own| own.eq_ignore_ascii_case(name));
        let Some(policy) =
            policy_in(&before.kind, &before.values).filter(|_| losers(plan, before).iter().any(is_of_it))
        else {
            continue;
        };
        match is_taken_from(plan, before, role) {
            Some(true) => {}
            Some(false) => continue,
            None => {
                let message = format!(
                    "the plan deletes `{}` of a role `{}`, and does not say in which account",
                    before.address,
                    name_of(role)
                );
                let api = before.address.clone();
                policies.unread.push(Unreadable { api, kind: UnreadableKind::NotInPlan, message });
                continue;
            }
        }
        let argument = if before.kind == INLINE { "inline_policy" } else { "managed_policy_arns" };
        let is_given = if before.kind == INLINE { writes(policy) } else { attaches(policy) };
        if is_given {
            let what = format!(
                "gives the role a policy that `{}` takes away from it: which comes last is not known",
                before.address
            );
            policies.unread.push(not_in_plan(role, argument, &what));
        }
        // A list that is not known as a whole may still name the role.
        let list = plan.at(&before.address).filter(|after| after.attribute("roles") == Attribute::Unknown);
        policies.unread.extend(list.map(|after| after_apply(after, "roles")));
        if before.kind == INLINE {
            policies.inline.remove(policy);
            policies.removed.insert(policy.to_owned());
        } else {
            policies.attached.remove(&key_of_arn(plan, role, argument, policy, facts));
            policies.detached.insert(policy.to_owned());
        }
    }
    policies
}

/// The names of the roles that a resource gives its policy to.
fn holders_in(values: &Value) -> impl Iterator<Item = &str> {
    let list = values.get("roles").and_then(Value::as_array).into_iter().flatten();
    list.chain(values.get("role")).filter_map(Value::as_str)
}

/// What a role has the policy of a resource by: the name of an inline one, or an ARN.
fn policy_in<'v>(kind: &str, values: &'v Value) -> Option<&'v str> {
    values.get(if kind == INLINE { "name" } else { "policy_arn" })?.as_str()
}

/// The roles that lose the policy of what goes: those that what comes at its address does not give it to.
fn losers<'b>(plan: &Plan<'_>, before: &'b Before) -> Vec<&'b str> {
    let is_same = |after: &&Resource<'_>| {
        before.goes_last.is_none() && policy_in(&after.kind, &after.values) == policy_in(&before.kind, &before.values)
    };
    let after = plan.at(&before.address).filter(is_same);
    // What a list that is not known as a whole refers to is in it.
    let open = after.filter(|after| after.attribute("roles") == Attribute::Unknown);
    let meant: BTreeSet<Leaf> = open.map(|after| plan.origins(after, "roles")).unwrap_or_default();
    let meant = meant.iter().filter_map(|leaf| match leaf {
        Leaf::Attribute { address, .. } => plan.at(address)?.text("name"),
        Leaf::Untold(_) => None,
    });
    let stay: Vec<&str> = after.into_iter().flat_map(|after| holders_in(&after.values)).chain(meant).collect();
    holders_in(&before.values).filter(|role| !stay.iter().any(|own| own.eq_ignore_ascii_case(role))).collect()
}

/// Whether what goes is of a role, and not of one that has its name in another account; `None` if that is not known.
fn is_taken_from(plan: &Plan<'_>, before: &Before, role: &Resource<'_>) -> Option<bool> {
    if let Some(after) = plan.at(&before.address).filter(|after| after.provider_key().is_some()) {
        return match (plan.may_be_apart(after, role), plan.are_apart(after, role)) {
            (false, _) => Some(true),
            (true, true) => Some(false),
            (true, false) => None,
        };
    }
    // What goes has no configuration, so that its provider is not told.
    let name = role.text("name")?;
    let called = plan.called_so(name).into_iter();
    let mut others = called.filter(|it| it.kind == "aws_iam_role" && !it.is_data && plan.may_be_apart(it, role));
    others.next().is_none().then_some(true)
}

/// Inline policies of which some are not known yet: each block by itself, if they can be told apart.
fn add_blocks_in_part(plan: &Plan<'_>, role: &Resource<'_>, policies: &mut RoleChanges) {
    let blocks = role.values.get("inline_policy").and_then(Value::as_array);
    let unknown = role.unknown.get("inline_policy");
    let (Some(blocks), false) = (blocks, unknown == Some(&Value::Bool(true))) else {
        policies.unread.push(after_apply(role, "inline_policy"));
        return;
    };
    for index in 0..blocks.len().max(unknown.and_then(Value::as_array).map_or(0, Vec::len)) {
        Block::of(role, index).add(plan, role, policies);
    }
}

/// A block `inline_policy` of a role.
struct Block<'a> {
    name: Option<&'a str>,
    index: usize,
    /// The way to its document.
    path: String,
}

impl<'a> Block<'a> {
    fn of(role: &'a Resource<'_>, index: usize) -> Block<'a> {
        let name = role.text(&format!("inline_policy/{index}/name"));
        Block { name, index, path: format!("inline_policy/{index}/policy") }
    }

    /// The provider passes over a block without a name: an empty one says that there is none.
    fn is_empty(&self, role: &Resource<'_>) -> bool {
        match role.attribute(&format!("inline_policy/{}/name", self.index)) {
            Attribute::Known(name) => name.as_str() == Some(""),
            Attribute::Null => role.attribute(&self.path) == Attribute::Null,
            Attribute::Unknown => false,
        }
    }

    fn add(self, plan: &Plan<'_>, role: &Resource<'_>, policies: &mut RoleChanges) {
        if self.is_empty(role) {
            return;
        }
        let name = self.name.map_or_else(|| role.attribute_address(&self.path), str::to_owned);
        policies.write(name, document_of(plan, role, &self.path), || {
            not_in_plan(role, &self.path, "is of one of several inline policies of the same name")
        });
    }
}

/// A role that a policy is given to.
#[derive(Clone, PartialEq)]
enum Holder<'p> {
    /// One of the plan, by its address.
    Planned(&'p str),
    /// One that exists, by its name.
    Existing(String),
}

impl<'p> Holder<'p> {
    fn of(role: &'p Resource<'_>) -> Holder<'p> {
        if role.is_data { Holder::Existing(name_of(role)) } else { Holder::Planned(&role.address) }
    }
}

/// What a policy is given to.
enum Holders<'p> {
    /// These roles.
    These(Vec<Holder<'p>>),
    /// These, and perhaps others whose names are known.
    TheseAndPerhaps(Vec<Holder<'p>>, Unreadable),
    /// One of these roles of the plan, or none.
    OneOf(Vec<&'p str>, Unreadable),
    /// It cannot be told, and may be any.
    NotKnown(Unreadable),
}

impl<'p, 'a> Roles<'p, 'a> {
    /// The roles that a resource names. `argument` is what they are given.
    fn holder(&self, resource: &Resource<'a>, path: &str, argument: &str) -> Holders<'p> {
        let plan = self.plan;
        match plan.link(resource, path, "aws_iam_role", &ROLE_NAMES) {
            Link::To(role) => {
                if let Some(reason) = outlived(resource, path, role) {
                    return Holders::OneOf(vec![&role.address], reason);
                }
                let others = plan.others(resource, path);
                if others.is_empty() || alike::elements(plan, resource, argument, others.len() + 1) {
                    return Holders::These(vec![Holder::of(role)]);
                }
                let all = others.into_iter().chain([role]).map(|role| role.address.as_str());
                Holders::OneOf(all.collect(), one_of_several(resource, path))
            }
            Link::Outside(name) => Holders::These(vec![Holder::Existing(name)]),
            Link::Nothing => Holders::These(Vec::new()),
            Link::NotKnown => Holders::NotKnown(after_apply(resource, path)),
        }
    }

    /// Changes the policies of each holder. Where it cannot be told which those are, every role may have one more.
    fn each(&mut self, resource: &Resource<'a>, holders: Holders<'p>, change: impl Fn(&mut RoleChanges, &Holder<'p>)) {
        let all = |roles: &[Holder<'p>], this: &mut Self| {
            for role in roles {
                match role {
                    Holder::Planned(address) => {
                        this.planned.get_mut(address).into_iter().for_each(|changes| change(changes, role));
                    }
                    Holder::Existing(name) => change(this.existing_role(resource, name), role),
                }
            }
        };
        match holders {
            Holders::These(roles) => all(&roles, self),
            Holders::TheseAndPerhaps(roles, reason) => {
                all(&roles, self);
                let is_named = |address: &str| self.plan.at(address).is_some_and(|role| role.text("name").is_some());
                for (address, policies) in &mut self.planned {
                    if is_named(address) && !roles.contains(&Holder::Planned(address)) {
                        policies.unread.push(reason.clone());
                    }
                }
                self.existing.any.push(reason);
            }
            Holders::OneOf(roles, reason) => {
                for role in roles {
                    self.planned.get_mut(role).into_iter().for_each(|policies| policies.unread.push(reason.clone()));
                }
            }
            Holders::NotKnown(reason) => {
                self.planned.values_mut().for_each(|policies| policies.unread.push(reason.clone()));
                self.existing.any.push(reason);
            }
        }
    }

    fn existing_role(&mut self, resource: &Resource<'a>, name: &str) -> &mut RoleChanges {
        let account = self.whereabouts.of_resource(resource).account;
        self.existing.changes_of(account.as_deref(), name)
    }

    /// What the plan takes away from roles that it does not manage.
    fn take_away(&mut self) {
        for before in self.plan.before.iter().filter(|before| GIVES_POLICIES.contains(&before.kind.as_str())) {
            let is_managed = |name: &str| {
                let named = self.plan.called_so(name);
                named.iter().any(|role| role.kind == "aws_iam_role" && !role.is_data)
            };
            let Some(policy) = policy_in(&before.kind, &before.values) else { continue };
            // Where a resource goes, its provider's account is not told: what it takes away may be of any.
            let account = self.plan.at(&before.address).and_then(|after| self.whereabouts.of_resource(after).account);
            for role in losers(self.plan, before).into_iter().filter(|role| !is_managed(role)) {
                let changes = self.existing.changes_of(account.as_deref(), role);
                let of_kind = if before.kind == INLINE { &mut changes.removed } else { &mut changes.detached };
                of_kind.insert(policy.to_owned());
            }
        }
    }
}

fn add_inline(roles: &mut Roles<'_, '_>) {
    for resource in roles.plan.managed("aws_iam_role_policy") {
        let document = match taken_elsewhere(roles.plan, resource) {
            Some(going) => {
                let what = format!(
                    "is a document that `{}` writes under the name that `{going}` deletes from the same role: which comes last is not known",
                    resource.address
                );
                Fact::Unreadable(not_in_plan(resource, "policy", &what))
            }
            None => document_of(roles.plan, resource, "policy"),
        };
        let document = match taken_last(roles.plan, resource) {
            None => document,
            Some(Last::Replaced) => continue,
            Some(Last::Deposed) => Fact::Unreadable(not_in_plan(
                resource,
                "policy",
                "is written beside an object of the same name that is deposed and deleted: which comes last is not known",
            )),
        };
        let comes_after = refers_to_role(roles.plan, resource);
        let holders = roles.holder(resource, "role", "policy");
        let what = "is of one of several inline policies of the same name and role: which is written last is not known";
        roles.each(resource, holders, |role, holder| {
            let goes = role.removed.contains(&name_of(resource));
            match resource.is_written() {
                // The account has it.
                false if goes || matches!(holder, Holder::Existing(_)) => return,
                false => {}
                true => drop(role.given.insert(name_of(resource))),
            }
            if goes && !comes_after {
                let what = "is of a name that is taken away from the role as well: which comes last is not known";
                role.unread.push(not_in_plan(resource, "policy", what));
            } else {
                role.write(name_of(resource), document.clone(), || not_in_plan(resource, "policy", what));
            }
        });
    }
    let found = std::mem::take(&mut roles.found);
    for (role, documents) in found {
        let inline = roles.planned.get_mut(role).map(|role| &mut role.inline);
        let Some(inline) = inline else { continue };
        for (name, document) in documents {
            inline.entry(name).or_insert(document);
        }
    }
}

/// What takes the policy of a resource from its role, at another address. Nothing depends on what goes, so it may do so last; from a
/// role that is replaced it goes before.
fn taken_elsewhere<'p>(plan: &'p Plan<'_>, resource: &Resource<'_>) -> Option<&'p str> {
    let (role, policy) = (resource.text("role")?, policy_in(&resource.kind, &resource.values)?);
    let is_it = |before: &&Before| {
        GIVES_POLICIES.contains(&before.kind.as_str())
            && before.address != resource.address
            && (before.kind == INLINE) == (resource.kind == INLINE)
            && policy_in(&before.kind, &before.values) == Some(policy)
            && losers(plan, before).iter().any(|own| own.eq_ignore_ascii_case(role))
    };
    let is_of_new = plan.called_so(role).iter().any(|role| role.kind == "aws_iam_role" && !role.is_data && role.is_new);
    plan.before.iter().find(is_it).filter(|_| !is_of_new).map(|before| before.address.as_str())
}

/// Why what a resource gives a role goes again: an object of the same role and policy is deleted after it is there. What is deposed goes
/// in no order with what is made, and after what is there already.
fn taken_last(plan: &Plan<'_>, resource: &Resource<'_>) -> Option<Last> {
    let role = resource.text("role")?;
    let path = if resource.kind == "aws_iam_role_policy" { "name" } else { "policy_arn" };
    let given = resource.text(path)?;
    let is_of_new = plan.called_so(role).iter().any(|role| role.kind == "aws_iam_role" && !role.is_data && role.is_new);
    let same = |before: &&Before| {
        let text = |of: &str| before.values.get(of).and_then(Value::as_str);
        let is_at_its_place = before.goes_last == Some(Last::Deposed) || before.address == resource.address;
        before.kind == resource.kind
            && is_at_its_place
            && text("role").is_some_and(|own| own.eq_ignore_ascii_case(role))
            && text(path) == Some(given)
    };
    let lasts = plan.before.iter().filter(same).filter_map(|before| before.goes_last);
    match lasts.min_by_key(|last| *last == Last::Deposed).filter(|_| !is_of_new)? {
        // Written again, or there all the time.
        Last::Deposed if !resource.is_written() => Some(Last::Replaced),
        last => Some(last),
    }
}

/// Whether the configuration of what is given to a role refers to the role, so that it is given after the role is updated.
fn refers_to_role(plan: &Plan<'_>, resource: &Resource<'_>) -> bool {
    plan.origins(resource, "role").iter().any(|leaf| match leaf {
        Leaf::Attribute { address, .. } => plan.at(address).is_some_and(|of| of.kind == "aws_iam_role" && !of.is_data),
        Leaf::Untold(_) => false,
    })
}

fn add_attachments(roles: &mut Roles<'_, '_>, facts: &mut Facts) {
    let plan = roles.plan;
    for resource in plan.managed("aws_iam_role_policy_attachment") {
        let holders = roles.holder(resource, "role", "policy_arn");
        add_attachment(resource, holders, roles, facts);
    }
    for resource in plan.managed("aws_iam_policy_attachment") {
        let holders = match resource.attribute("roles") {
            Attribute::Null => Holders::These(Vec::new()),
            Attribute::Known(names) => {
                let names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
                let links = names.map(|name| plan.link_by_text(resource, "roles", name, "aws_iam_role", &ROLE_NAMES));
                let mut found = Vec::new();
                let mut open = false;
                for link in links {
                    match link {
                        Link::To(role) => match outlived(resource, "roles", role) {
                            None => found.push(Holder::of(role)),
                            Some(reason) => {
                                let changes = roles.planned.get_mut(role.address.as_str());
                                changes.into_iter().for_each(|changes| changes.unread.push(reason.clone()));
                            }
                        },
                        Link::Outside(name) => found.push(Holder::Existing(name)),
                        Link::Nothing => {}
                        Link::NotKnown => open = true,
                    }
                }
                if open { Holders::NotKnown(after_apply(resource, "roles")) } else { Holders::These(found) }
            }
            Attribute::Unknown => {
                let (these, perhaps) = several(plan, resource);
                add_attachment(resource, perhaps, roles, facts);
                these
            }
        };
        add_attachment(resource, holders, roles, facts);
    }
}

/// The roles that a list refers to, some of which have no name yet, and those of which it may leave out some.
fn several<'p, 'a>(plan: &'p Plan<'a>, resource: &Resource<'a>) -> (Holders<'p>, Holders<'p>) {
    let reason = one_of_several(resource, "roles");
    let spread = plan.spread(resource, "roles", true);
    let (mut these, mut perhaps) = (Vec::new(), Vec::new());
    for leaf in plan.all_members(resource, "roles") {
        match plan.link_by_reference(&BTreeSet::from([leaf]), "aws_iam_role", &ROLE_NAMES) {
            Link::To(role) if !spread.addresses.contains(&role.address) => these.push(Holder::of(role)),
            Link::To(role) if !role.is_data => perhaps.push(role.address.as_str()),
            _ => return (Holders::NotKnown(after_apply(resource, "roles")), Holders::These(Vec::new())),
        }
    }
    if !spread.addresses.is_empty() && !spread.indexes.is_empty() {
        return (Holders::NotKnown(reason), Holders::These(Vec::new()));
    }
    // A set that holds something unknown is unknown as a whole, and a name that is written in it leaves no trace.
    (Holders::TheseAndPerhaps(these, after_apply(resource, "roles")), Holders::OneOf(perhaps, reason))
}

fn add_attachment<'p, 'a>(resource: &Resource<'a>, holders: Holders<'p>, roles: &mut Roles<'p, 'a>, facts: &mut Facts) {
    let plan = roles.plan;
    let Some(key) = policy_key(plan, resource, "policy_arn", facts) else { return };
    let last = taken_last(plan, resource);
    if last == Some(Last::Replaced) {
        return;
    }
    let comes_after = refers_to_role(plan, resource);
    // Where one attachment goes and another of the same policy comes, the one that is deleted may be so last.
    let deposed = last.map(|_| resource.address.as_str());
    let going = deposed.or_else(|| taken_elsewhere(plan, resource));
    // A policy that only allows takes nothing away from a role that a list may name besides.
    let holders = match holders {
        Holders::TheseAndPerhaps(roles, _) if only_allows(facts, &key) => Holders::These(roles),
        other => other,
    };
    let path = if resource.kind == "aws_iam_policy_attachment" { "roles" } else { "role" };
    roles.each(resource, holders, |role, holder| {
        let name = match holder {
            Holder::Planned(address) => plan.at(address).and_then(|role| role.text("name")),
            Holder::Existing(name) => Some(name.as_str()),
        };
        let goes = role.detached.contains(&key);
        // What an argument holds already is not attached again
        // (https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/iam/policy_attachment.go).
        let gives = name.is_none_or(|name| !resource.holds_already(path, name));
        match gives {
            // The account has it.
            false if goes || matches!(holder, Holder::Existing(_)) => return,
            false => {}
            true => drop(role.given.insert(key.clone())),
        }
        match going.filter(|_| gives) {
            Some(going) => {
                let message = format!(
                    "`{}` attaches a policy that `{going}` detaches from the same role: which comes last is not known",
                    resource.address
                );
                let api = resource.address.clone();
                role.unread.push(Unreadable { api, kind: UnreadableKind::NotInPlan, message });
            }
            None if goes && !comes_after => {
                let what = "is an ARN that is detached from the role as well: which comes last is not known";
                role.unread.push(not_in_plan(resource, "policy_arn", what));
            }
            None => drop(role.attached.insert(key.clone())),
        }
    });
}

/// Whether the document of a managed policy is known, and has no statement that denies.
fn only_allows(facts: &Facts, key: &str) -> bool {
    let policy = facts.policies.get(key).and_then(Fact::known);
    let document = policy.and_then(|policy| Document::parse(policy.document.as_str(), DocumentKind::Identity).ok());
    document.is_some_and(|document| document.statements.iter().all(|statement| statement.effect == Some(Effect::Allow)))
}

/// The resources that say which policies a role has, and no others. They see to it when they are made or changed, in no order with
/// what does not refer to them, and else only find what there is
/// ([source](https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/iam/role_policy_attachments_exclusive.go)).
fn keep_exclusive(roles: &mut Roles<'_, '_>, facts: &mut Facts) {
    let plan = roles.plan;
    for resource in plan.managed("aws_iam_role_policy_attachments_exclusive") {
        let holders = roles.holder(resource, "role_name", "policy_arns");
        let keys: Option<BTreeSet<String>> = match resource.attribute("policy_arns") {
            Attribute::Known(arns) => Some(
                arns.as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(|arn| key_of_arn(plan, resource, "policy_arns", arn, facts))
                    .collect(),
            ),
            Attribute::Null => Some(BTreeSet::new()),
            // It lists the policies that attachments beside it attach.
            Attribute::Unknown => None,
        };
        let is_written = resource.is_written();
        roles.each(resource, holders, |role, holder| match (&keys, holder) {
            (_, Holder::Existing(_)) if !is_written => {}
            (Some(keys), Holder::Planned(_)) => {
                let RoleChanges { attached, detached, given, unread, .. } = role;
                let lost: Vec<String> = attached.difference(keys).filter(|_| is_written).cloned().collect();
                attached.retain(|key| !lost.contains(key));
                let (open, found): (Vec<_>, Vec<_>) = keys.iter().partition(|key| detached.contains(*key));
                attached.extend(found.into_iter().cloned());
                let goes = open.into_iter().any(|key| !attached.contains(key));
                if is_written && (goes || lost.iter().any(|key| given.contains(key))) {
                    unread.push(in_no_order(resource, "policy_arns"));
                }
            }
            // Which of those that the role has now it loses is not worked out.
            (Some(_), Holder::Existing(_)) => role.unread.push(of_existing(resource, "policy_arns")),
            (None, _) => role.unread.push(after_apply(resource, "policy_arns")),
        });
    }
    for resource in plan.managed("aws_iam_role_policies_exclusive") {
        let holders = roles.holder(resource, "role_name", "policy_names");
        // Of a list that is known in part, that part and what it refers to stay.
        let listed = resource.values.get("policy_names").and_then(Value::as_array);
        let names = listed.map(Vec::as_slice).unwrap_or_default();
        let is_open = resource.attribute("policy_names") == Attribute::Unknown;
        let meant = if is_open { plan.origins(resource, "policy_names") } else { BTreeSet::new() };
        let spread = plan.spread(resource, "policy_names", true);
        let is_meant = |name: &str| {
            let policies = meant.iter().filter_map(|leaf| match leaf {
                Leaf::Attribute { address, .. } => plan.at(address).filter(|_| !spread.addresses.contains(address)),
                Leaf::Untold(_) => None,
            });
            policies.into_iter().any(|policy| name_of(policy) == name)
        };
        let is_kept = |name: &str| names.iter().any(|kept| kept.as_str() == Some(name)) || is_meant(name);
        let is_written = resource.is_written();
        roles.each(resource, holders, |role, holder| {
            let RoleChanges { inline, removed, given, unread, .. } = role;
            if matches!(holder, Holder::Existing(_)) {
                unread.extend(is_written.then(|| of_existing(resource, "policy_names")));
                return;
            }
            if is_written {
                // A policy whose name is not known yet has its address here; it may be one that is kept.
                let stays = |name: &str| is_kept(name) || stands_for_unnamed(plan, name) && !is_open;
                inline.retain(|name, _| stays(name) || is_open || given.contains(name));
                for (_, document) in inline.iter_mut().filter(|(name, _)| !stays(name)) {
                    *document = Fact::Unreadable(match is_open {
                        true => after_apply(resource, "policy_names"),
                        false => in_no_order(resource, "policy_names"),
                    });
                }
            }
            for name in names.iter().filter_map(Value::as_str).filter(|name| !removed.contains(*name)) {
                let not_made = || Fact::Unreadable(outside(resource, "policy_names", "inline policy", name));
                inline.entry(name.to_owned()).or_insert_with(not_made);
            }
        });
    }
}

/// Whether a key of an inline policy is where it stands, as its name is not known.
fn stands_for_unnamed(plan: &Plan<'_>, key: &str) -> bool {
    let of_block = || key.rsplit_once(".inline_policy[").and_then(|(role, _)| plan.at(role));
    match plan.at(key) {
        Some(policy) => policy.text("name").is_none(),
        None => of_block().is_some_and(|role| role.kind == "aws_iam_role"),
    }
}

/// What gives roles policies by other means, or will only once the plan is applied and made anew.
fn add_elsewhere(roles: &mut Roles<'_, '_>) {
    let plan = roles.plan;
    for (resource, path) in elsewhere::writers(plan) {
        let reason = elsewhere::may_write(resource, path);
        for whose in elsewhere::whose(plan, resource, path) {
            match whose {
                Whose::Planned(role) => {
                    roles.planned.get_mut(role).into_iter().for_each(|role| role.unread.push(reason.clone()));
                }
                Whose::Existing(name) => roles.existing_role(resource, &name).unread.push(reason.clone()),
                Whose::Any => roles.each(resource, Holders::NotKnown(reason.clone()), |_, _| {}),
            }
        }
    }
    for deferred in plan.deferred.iter().filter(|deferred| GIVES_POLICIES.contains(&deferred.kind.as_str())) {
        let named = deferred.values.get("role").and_then(Value::as_str);
        let reason = elsewhere::put_off(deferred);
        for (address, changes) in &mut roles.planned {
            let own = plan.at(address).and_then(|role| role.text("name"));
            let is_other = named.zip(own).is_some_and(|(named, own)| !named.eq_ignore_ascii_case(own));
            changes.unread.extend((!is_other).then(|| reason.clone()));
        }
        roles.existing.any.extend(named.is_none().then_some(reason));
    }
}

/// That a resource which says all that a role has does so beside what gives the role another policy, or takes one away.
fn in_no_order(resource: &Resource<'_>, path: &str) -> Unreadable {
    not_in_plan(
        resource,
        path,
        "differs from what the plan gives the role or takes away: which comes last is not known",
    )
}

/// That a resource which says all that a role has is about one that the plan does not make.
fn of_existing(resource: &Resource<'_>, path: &str) -> Unreadable {
    not_in_plan(resource, path, "takes away what else a role has that is not in the plan")
}

/// The key of the managed policy that an argument names, whose document is added to the facts; `None` if it names none.
fn policy_key<'a>(plan: &Plan<'a>, resource: &Resource<'a>, path: &str, facts: &mut Facts) -> Option<String> {
    match resource.attribute(path) {
        Attribute::Null => None,
        Attribute::Known(value) => {
            let arn = value.as_str().filter(|arn| !arn.is_empty())?;
            Some(key_of_arn(plan, resource, path, arn, facts))
        }
        Attribute::Unknown => match plan.link(resource, path, "aws_iam_policy", &["arn", "id"]) {
            Link::To(policy) if others_say_the_same(plan, resource, path, policy) => {
                Some(key_of_policy(plan, policy, facts))
            }
            link => {
                let reason = match link {
                    Link::To(_) => one_of_several(resource, path),
                    _ => after_apply(resource, path),
                };
                let key = reason.api.clone();
                facts.policies.insert(key.clone(), Fact::Unreadable(reason));
                Some(key)
            }
        },
    }
}

/// Whether the policies that may be meant in the place of one have its document.
fn others_say_the_same(plan: &Plan<'_>, resource: &Resource<'_>, path: &str, policy: &Resource<'_>) -> bool {
    let document = |of: &Resource<'_>| document_of(plan, of, "policy").known().cloned();
    plan.others(resource, path)
        .into_iter()
        .all(|other| document(other).is_some() && document(other) == document(policy))
}

fn key_of_policy(plan: &Plan<'_>, policy: &Resource<'_>, facts: &mut Facts) -> String {
    let key = policy.text("arn").unwrap_or(&policy.address).to_owned();
    let made = |document| ManagedPolicy { version: String::new(), document, shipped: None };
    let fact = document_of(plan, policy, "policy").map(made);
    facts.policies.insert(key.clone(), fact);
    key
}

fn key_of_arn(plan: &Plan<'_>, resource: &Resource<'_>, path: &str, arn: &str, facts: &mut Facts) -> String {
    if facts.policies.contains_key(arn) {
        return arn.to_owned();
    }
    // The policy may be made or changed by the plan, or be read by it.
    let has = |policy: &&Resource<'_>| policy.kind == "aws_iam_policy" && policy.text("arn") == Some(arn);
    let own = plan.called_so(arn).into_iter().find(has);
    if let Some(policy) = own {
        return key_of_policy(plan, policy, facts);
    }
    let fact = match managed_policies::shipped(arn) {
        Some(policy) => Fact::Known(policy),
        None => Fact::Unreadable(outside(resource, path, "managed policy", arn)),
    };
    facts.policies.insert(arn.to_owned(), fact);
    arn.to_owned()
}
