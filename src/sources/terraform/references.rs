//! What a value that is not known yet comes from: the attributes that the configuration refers to, through modules.

use std::collections::BTreeSet;

use serde_json::Value;

use super::address::{Step, longest, parent, steps, within};
use super::plan::{Attribute, Plan, Resource, Switch};

/// As deep as modules and outputs are followed: a configuration is a tree, and no person nests it deeper.
const DEEPEST: usize = 64;

/// As many expressions as are looked at for one argument: a module may pass each of its variables on in several ways.
const MOST: usize = 10_000;

const PROFILE: &str = "iam_instance_profile";

/// The types whose instance profile the provider fills in.
const FILLS_IN_PROFILE: [&str; 2] = ["aws_instance", "aws_spot_instance_request"];

/// What an index may hold.
const INDEXES: [&str; 3] = ["count.index", "each.key", "each.value"];

/// Something that is not known before apply.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Leaf {
    /// An attribute of a resource; the attribute is empty where several are meant.
    Attribute {
        /// The address of the resource.
        address: String,
        /// The attribute.
        attribute: String,
    },
    /// What the plan does not say the origin of: a local value, for one.
    Untold(String),
}

/// Several elements of one resource, of which a configuration means one or some. A plan lists `a.b` for `a.b[*].id`, for
/// `slice(a.b[*].id, 0, 1)` and for `a.b[count.index + 1].id`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Spread {
    /// Their addresses.
    pub addresses: BTreeSet<String>,
    /// What goes into the index: `count.index`, `each.key` or `each.value`.
    pub indexes: BTreeSet<&'static str>,
}

/// Where an expression stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    module: &'a str,
    /// The index of the resource or module that the expression is of.
    index: &'a str,
    for_each: Option<&'a Value>,
    depth: usize,
    /// Whether attributes that are known are origins too.
    with_known: bool,
    /// Whether an index that is worked out is taken for that of the place.
    by_index: bool,
    /// Whether the provider fills in the argument where it is null: then a null is not known either.
    may_be_null: bool,
    /// Whether all that goes into it counts, and not the one that is chosen.
    is_list: bool,
    /// Whether it stands in one of several instances of a module, and which is not told.
    is_spread: bool,
    /// The attribute that is taken of what an expression gives as a whole, as in `module.iam.role.name`; empty if none is.
    attribute: &'a str,
    /// Whether the expression gives an object, a map or a list, of which one member is meant.
    is_member: bool,
}

impl<'a> Place<'a> {
    fn of(resource: &'a Resource<'_>) -> Place<'a> {
        Place {
            module: &resource.module,
            index: &resource.index,
            for_each: resource.config.and_then(|config| config.for_each_expression.as_ref()),
            depth: 0,
            with_known: false,
            by_index: true,
            may_be_null: false,
            is_list: false,
            is_spread: false,
            attribute: "",
            is_member: false,
        }
    }
}

/// What was found so far, and what need not be followed again.
struct Found {
    leaves: BTreeSet<Leaf>,
    /// The variables and outputs that were followed, by the module instance, the attribute that is taken of them, and whether with what
    /// is known, by index and as a member.
    followed: BTreeSet<(String, String, String, [bool; 3])>,
    /// What may be meant, and does not have to be.
    spread: Spread,
    /// Whether one of several resources was named by its index, or an attribute was taken.
    is_picked: bool,
    /// How many expressions may still be looked at.
    left: usize,
}

impl Found {
    fn nothing(left: usize) -> Found {
        Found { leaves: BTreeSet::new(), followed: BTreeSet::new(), spread: Spread::default(), is_picked: false, left }
    }

    fn insert(&mut self, leaf: Leaf) {
        self.leaves.insert(leaf);
    }

    /// Whether a variable or output is met for the first time: its leaves are the same each time.
    fn is_first(&mut self, module: &str, what: String, place: Place<'_>) -> bool {
        let attribute = place.attribute.to_owned();
        let how = [place.with_known, place.by_index, place.is_member];
        self.followed.insert((module.to_owned(), what, attribute, how))
    }
}

impl<'a> Plan<'a> {
    /// What an argument of a resource comes from, as far as that is not known.
    pub(super) fn leaves(&self, resource: &Resource<'_>, path: &str) -> BTreeSet<Leaf> {
        self.references(resource, path, false, true)
    }

    /// Whether an argument that the provider fills in is certainly null in the configuration.
    pub(super) fn is_null(&self, resource: &Resource<'_>, path: &str) -> bool {
        let is_filled_in = path == PROFILE && FILLS_IN_PROFILE.contains(&resource.kind.as_str());
        let expression = resource.expression(path).filter(|_| is_filled_in);
        expression.is_some_and(|expression| self.gives_nothing(expression, &[], Place::of(resource)))
    }

    /// Whether an expression, or what it has at the end of a path, can be nothing but null: there are references in it, and none of them
    /// is to anything.
    fn gives_nothing(&self, expression: &Value, path: &[Step<'_>], place: Place<'_>) -> bool {
        if place.depth > DEEPEST {
            return false;
        }
        if let Some(constant) = expression.get("constant_value") {
            return has_nothing(constant, path);
        }
        let deeper = Place { depth: place.depth + 1, ..place };
        let mut references = Vec::new();
        collect(expression, &mut references);
        let references = longest(&references);
        // What is read out of one variable, and not worked out of several.
        let is_plain = references.len() == 1;
        let is_nothing = |reference: &String| match steps(reference).as_slice() {
            [Step { name: "var", .. }, variable, rest @ ..] => match parent(place.module) {
                _ if self.switch(place.module, variable.name).is_some() => true,
                None => {
                    let all = [rest, path].concat();
                    let value = self.variable(variable.name);
                    is_plain && !all.is_empty() && value.is_some_and(|value| has_nothing(value, &all))
                }
                Some((above, call)) => self.call(&above, call.name).is_some_and(|calling| {
                    let given = calling.expressions.as_ref().and_then(|given| given.get(variable.name));
                    let for_each = calling.for_each_expression.as_ref();
                    let above = Place { module: &above, index: call.index, for_each, ..deeper };
                    given.is_some_and(|given| self.gives_nothing(given, &[rest, path].concat(), above))
                }),
            },
            [Step { name: "each", .. }, Step { name: "value", .. }, rest @ ..] => {
                let own = Step { name: "", index: place.index };
                let path: Vec<Step<'_>> = [own].iter().chain(rest).chain(path).copied().collect();
                let outer = Place { for_each: None, ..deeper };
                is_plain && place.for_each.is_some_and(|for_each| self.gives_nothing(for_each, &path, outer))
            }
            [Step { name: "module", .. }, call, output, rest @ ..] => {
                let instances = self.called(place.module, call.name);
                let output_of = |module: &str| {
                    let outputs = self.config_module(module)?.outputs.as_ref()?;
                    outputs.get(output.name)?.expression.as_ref()
                };
                let path = [rest, path].concat();
                !instances.is_empty()
                    && instances.into_iter().all(|module| {
                        let inner = Place { module, index: "", for_each: None, ..deeper };
                        output_of(module).is_some_and(|expression| self.gives_nothing(expression, &path, inner))
                    })
            }
            _ => self.says_nothing(reference, place),
        };
        !references.is_empty() && references.iter().all(is_nothing)
    }

    /// Every resource that an argument may mean beside the one of its own index. A plan lists what goes into an index, not how:
    /// `[1 - count.index]` looks like `[count.index]`.
    pub(super) fn others(&self, resource: &Resource<'_>, path: &str) -> Vec<&Resource<'a>> {
        if resource.attribute(path) != Attribute::Unknown {
            return Vec::new();
        }
        let own = self.leaves(resource, path);
        let all = self.references(resource, path, false, false);
        let address = |leaf: &'_ Leaf| match leaf {
            Leaf::Attribute { address, .. } => self.at(address),
            Leaf::Untold(_) => None,
        };
        all.difference(&own).filter_map(address).collect()
    }

    /// What makes up a list. Where a switch may leave out some of it that is not told.
    pub(super) fn members(&self, resource: &Resource<'_>, path: &str) -> BTreeSet<Leaf> {
        self.of_argument(resource, path, Place { is_list: true, ..Place::of(resource) }).leaves
    }

    /// What makes up a list, with what of it is known.
    pub(super) fn all_members(&self, resource: &Resource<'_>, path: &str) -> BTreeSet<Leaf> {
        self.of_argument(resource, path, Place { is_list: true, with_known: true, ..Place::of(resource) }).leaves
    }

    /// Of which elements an argument that is not known means one or some, unless the length of a list shows that it is all of them.
    pub(super) fn spread(&self, resource: &Resource<'_>, path: &str, with_known: bool) -> Spread {
        if resource.attribute(path) != Attribute::Unknown {
            return Spread::default();
        }
        let place = Place { with_known, by_index: false, ..Place::of(resource) };
        let Found { leaves, spread, .. } = self.of_argument(resource, path, place);
        let length = resource.unknown.pointer(&format!("/{path}")).and_then(Value::as_array).map(Vec::len);
        let is_all = spread.indexes.is_empty() && length == Some(leaves.len());
        if is_all { Spread::default() } else { spread }
    }

    /// Every attribute of a resource that goes into an argument, known or not.
    pub(super) fn origins(&self, resource: &Resource<'_>, path: &str) -> BTreeSet<Leaf> {
        self.references(resource, path, true, true)
    }

    fn references(&self, resource: &Resource<'_>, path: &str, with_known: bool, by_index: bool) -> BTreeSet<Leaf> {
        let may_be_null = path == PROFILE && FILLS_IN_PROFILE.contains(&resource.kind.as_str());
        self.of_argument(resource, path, Place { with_known, by_index, may_be_null, ..Place::of(resource) }).leaves
    }

    fn of_argument(&self, resource: &Resource<'_>, path: &str, place: Place<'_>) -> Found {
        let mut found = Found::nothing(MOST);
        // A dynamic block is one expression for all that it makes.
        let block = path.split('/').next().unwrap_or(path);
        match resource.expression(path).or_else(|| resource.expression(block)) {
            Some(expression) => self.follow(expression, place, &mut found),
            None => found.insert(Leaf::Untold(resource.attribute_address(path))),
        }
        found
    }

    /// Follows every reference in an expression.
    fn follow(&self, expression: &Value, place: Place<'_>, found: &mut Found) {
        if place.depth > DEEPEST || found.left == 0 {
            found.insert(Leaf::Untold("module".to_owned()));
            return;
        }
        found.left -= 1;
        let mut references = Vec::new();
        collect(expression, &mut references);
        let indexes = references.iter().filter(|it| INDEXES.contains(it)).count();
        let mut references = longest(&references);
        if place.may_be_null && !self.chooses_surely(&references, place) {
            found.insert(Leaf::Untold("expression".to_owned()));
        }
        if place.is_list && references.iter().any(|it| it.starts_with("var.") && self.says_nothing(it, place)) {
            found.insert(Leaf::Untold("expression".to_owned()));
        }
        references.retain(|reference| !self.says_nothing(reference, place));
        let by_index = place.by_index && indexes > 0;
        if references.len() > 1 && !only_chooses(&references, indexes) {
            found.insert(Leaf::Untold("expression".to_owned()));
        }
        if references.len() > 1 {
            let goes_in = |index: &str| references.iter().any(|it| it == index || it.starts_with(&format!("{index}.")));
            found.spread.indexes.extend(INDEXES.into_iter().filter(|index| goes_in(index)));
        }
        // What is known may still be a part of the text: `"${aws_iam_role.a.name}-${aws_iam_role.b.name}"`.
        let is_one_of = references.len() > 1;
        let place = Place { with_known: place.with_known || is_one_of, ..place };
        for reference in &references {
            let before = found.leaves.len();
            self.follow_one(reference, by_index, place, found);
            // A known output of a module has no origin, and may choose or be a part of the text all the same.
            if is_one_of && reference.starts_with("module.") && found.leaves.len() == before {
                found.insert(Leaf::Untold(within(place.module, reference)));
            }
        }
    }

    /// Whether a reference is to nothing that can be in a text: in `var.create ? aws_iam_role.this[0].name : var.role` one side is a
    /// variable that is null, or a resource that is not made.
    fn says_nothing(&self, reference: &str, place: Place<'_>) -> bool {
        match steps(reference).as_slice() {
            [Step { name: "var", .. }, variable, ..] => self.switch(place.module, variable.name).is_some(),
            [Step { name: "each" | "count" | "path" | "terraform" | "local" | "self" | "module" | "data", .. }, ..] => {
                false
            }
            [kind, name, ..] => self.has_no_instance(place.module, &format!("{}.{}", kind.name, name.name)),
            _ => false,
        }
    }

    /// Whether an expression can be null in no way that a plan hides. `var.attach ? aws_iam_instance_profile.web.name : null` may be. In
    /// `var.create ? aws_iam_instance_profile.this[0].name : var.profile` it is sure which is meant if the switch also says how many of
    /// the resource there are, and its value chooses the side that the resource is on: a plan lists references in the order in which
    /// they are written.
    fn chooses_surely(&self, references: &[String], place: Place<'_>) -> bool {
        let (mut switches, mut nothings, mut others) = (Vec::new(), Vec::new(), Vec::new());
        let (mut counted, mut not_made): (Vec<&str>, Vec<usize>) = (Vec::new(), Vec::new());
        for (at, reference) in references.iter().enumerate() {
            match steps(reference).as_slice() {
                [Step { name: "var", .. }, variable, ..] => match self.switch(place.module, variable.name) {
                    Some(Switch::Bool(on)) => switches.push((reference.as_str(), on)),
                    Some(Switch::Nothing) => nothings.push((reference.as_str(), at)),
                    None => others.push(at),
                },
                [
                    Step {
                        name: "each" | "count" | "path" | "terraform" | "local" | "self" | "module" | "data", ..
                    },
                    ..,
                ] => {
                    others.push(at);
                }
                [kind, name, ..] => {
                    let own = format!("{}.{}", kind.name, name.name);
                    let repetition = self.repetition(place.module, &own);
                    repetition.into_iter().for_each(|expression| collect(expression, &mut counted));
                    match self.has_no_instance(place.module, &own) {
                        true => not_made.push(at),
                        false => others.push(at),
                    }
                }
                _ => others.push(at),
            }
        }
        let Some(chosen) = others.first() else { return true };
        let mut beside = nothings.iter().map(|(_, at)| at).chain(&not_made);
        let is_before = beside.clone().any(|at| at < chosen);
        let is_after = beside.any(|at| at > chosen);
        let by_local = counted.iter().any(|reference| reference.starts_with("local."));
        let is_counted = |reference: &str| counted.contains(&reference);
        let is_on_its_side = |(reference, on): &(&str, bool)| match on {
            true => !is_before && (is_counted(reference) || is_after && by_local),
            false => is_before && is_counted(reference),
        };
        match switches.is_empty() {
            // `length(a.b) > 0 ? aws_iam_instance_profile.web.name : null` looks like a choice between the two.
            true if !not_made.is_empty() => false,
            true => nothings.is_empty() || nothings.iter().any(|(reference, _)| is_counted(reference)),
            false => switches.iter().all(is_on_its_side),
        }
    }

    fn follow_one(&self, reference: &str, by_index: bool, place: Place<'_>, found: &mut Found) {
        let all = steps(reference);
        let deeper = Place { depth: place.depth + 1, ..place };
        match all.as_slice() {
            [Step { name: "path" | "terraform" | "count", .. }, ..]
            | [Step { name: "each", .. }, Step { name: "key", .. }] => {}
            [Step { name: "each", .. }, Step { name: "value", .. }, rest @ ..] => {
                self.follow_element(reference, &taken(rest, place), deeper, found);
            }
            [Step { name: "var", .. }, variable, rest @ ..] => {
                let attribute = taken(rest, place);
                let is_member = place.is_member || !rest.is_empty() || !variable.index.is_empty();
                self.follow_variable(variable.name, Place { attribute: &attribute, is_member, ..deeper }, found);
            }
            [Step { name: "module", .. }, call, rest @ ..] => {
                let attribute = taken(rest.get(1..).unwrap_or_default(), place);
                let is_of_output = rest.len() > 1 || rest.first().is_some_and(|output| !output.index.is_empty());
                let place = Place { attribute: &attribute, is_member: place.is_member || is_of_output, ..deeper };
                self.follow_module(call, rest.first(), by_index, place, found);
            }
            [Step { name: "local" | "self", .. }, ..] => found.insert(Leaf::Untold(within(place.module, reference))),
            [Step { name: "data", .. }, kind, name, rest @ ..] => {
                let own = format!("data.{}.{}", kind.name, name.name);
                self.follow_resource(&own, name.index, rest.first(), by_index, place, found);
            }
            [kind, name, rest @ ..] => {
                let own = format!("{}.{}", kind.name, name.name);
                self.follow_resource(&own, name.index, rest.first(), by_index, place, found);
            }
            _ => found.insert(Leaf::Untold(within(place.module, reference))),
        }
    }

    /// What an element of `for_each` comes from. The elements of a resource that is given as a whole have its keys; which of those that
    /// are listed one by one has which key is not in a plan.
    fn follow_element(&self, reference: &str, attribute: &str, place: Place<'_>, found: &mut Found) {
        let Some(for_each) = place.for_each else {
            found.insert(Leaf::Untold(within(place.module, reference)));
            return;
        };
        let mut of_each = Found::nothing(found.left);
        self.follow(for_each, Place { for_each: None, attribute, ..place }, &mut of_each);
        found.left = of_each.left;
        let is_own = |leaf: &Leaf| matches!(leaf, Leaf::Attribute { address, .. } if address.ends_with(place.index));
        let has_index = |leaf: &Leaf| matches!(leaf, Leaf::Attribute { address, .. } if address.ends_with(']'));
        let is_by_key = !of_each.is_picked
            && !place.index.is_empty()
            && of_each.leaves.iter().all(has_index)
            && of_each.leaves.iter().any(is_own);
        // One element may be null, and another not.
        if place.may_be_null && !is_by_key {
            found.insert(Leaf::Untold(within(place.module, reference)));
        }
        if !is_by_key {
            found.spread.addresses.extend(of_each.spread.addresses);
            let is_one_of = of_each.leaves.len() > 1;
            let addresses = of_each.leaves.iter().filter(|_| is_one_of).filter_map(|leaf| match leaf {
                Leaf::Attribute { address, .. } => Some(address.clone()),
                Leaf::Untold(_) => None,
            });
            found.spread.addresses.extend(addresses);
            found.spread.indexes.insert("each.value");
        }
        found.leaves.extend(of_each.leaves.into_iter().filter(|leaf| !is_by_key || is_own(leaf)));
    }

    /// A variable of the root module is known; one of a module is what its call gives it.
    fn follow_variable(&self, name: &str, place: Place<'_>, found: &mut Found) {
        let Some((parent, call)) = parent(place.module) else { return };
        if !found.is_first(place.module, format!("var.{name}"), place) {
            return;
        }
        let Some(calling) = self.call(&parent, call.name) else { return };
        // Without an argument its default holds.
        let Some(expression) = calling.expressions.as_ref().and_then(|given| given.get(name)) else { return };
        let for_each = calling.for_each_expression.as_ref();
        self.follow(expression, Place { module: &parent, index: call.index, for_each, ..place }, found);
    }

    fn follow_module(
        &self,
        call: &Step<'_>,
        output: Option<&Step<'_>>,
        by_index: bool,
        place: Place<'_>,
        found: &mut Found,
    ) {
        let untold = || Leaf::Untold(within(place.module, &format!("module.{}", call.name)));
        let Some(output) = output else {
            found.insert(untold());
            return;
        };
        let instances = self.called(place.module, call.name);
        let chosen = narrowed(instances, |module| module, call.index, by_index, place.index);
        if chosen.is_empty() {
            found.insert(untold());
        }
        let place = Place { is_spread: place.is_spread || chosen.len() > 1, ..place };
        for module in chosen {
            if !found.is_first(module, format!("output.{}", output.name), place) {
                continue;
            }
            let outputs = self.config_module(module).and_then(|config| config.outputs.as_ref());
            match outputs.and_then(|outputs| outputs.get(output.name)?.expression.as_ref()) {
                Some(expression) => {
                    self.follow(expression, Place { module, index: "", for_each: None, ..place }, found)
                }
                None => found.insert(untold()),
            }
        }
    }

    fn follow_resource(
        &self,
        own: &str,
        index: &str,
        attribute: Option<&Step<'_>>,
        by_index: bool,
        place: Place<'_>,
        found: &mut Found,
    ) {
        let candidates = self.named(place.module, own);
        found.is_picked |= attribute.is_some() || !index.is_empty();
        // Another member than the one that is meant may come from the resource: `{ web = null, db = a.b.name }`. Of a resource that is
        // given as a whole there is nothing else.
        let is_whole = attribute.is_none() && !place.attribute.is_empty();
        if place.may_be_null && place.is_member && !is_whole {
            found.insert(Leaf::Untold(within(place.module, own)));
        }
        // What has no element of this index is not taken by it: `"${one(aws_iam_role.a[*].name)}-${each.key}"`.
        let is_indexed = by_index && index.is_empty() && attribute.is_none() && !place.index.is_empty();
        let has_own = || candidates.iter().any(|resource| resource.address.ends_with(place.index));
        if is_indexed && own.starts_with("aws_iam_") && !has_own() {
            found.insert(Leaf::Untold(within(place.module, own)));
        }
        let attribute = attribute.map_or(place.attribute, |step| step.name);
        let chosen = narrowed(candidates, |resource| &resource.address, index, by_index, place.index);
        if chosen.is_empty() {
            // Of another type than those that are looked at, or with no instance.
            let address = within(place.module, &format!("{own}{index}"));
            found.insert(Leaf::Attribute { address, attribute: attribute.to_owned() });
        }
        let is_spread = place.is_spread || chosen.len() > 1;
        for resource in chosen {
            let is_known = !attribute.is_empty() && resource.attribute(attribute) != Attribute::Unknown;
            if !is_known || place.with_known {
                found.insert(Leaf::Attribute { address: resource.address.clone(), attribute: attribute.to_owned() });
                found.spread.addresses.extend(is_spread.then(|| resource.address.clone()));
            }
        }
    }
}

/// The attribute that is left to take of something: what a reference says, or else what is taken of the whole that it is in.
fn taken(rest: &[Step<'_>], place: Place<'_>) -> String {
    let names: Vec<&str> = rest.iter().map(|step| step.name).collect();
    match (names.is_empty(), place.attribute) {
        (true, of_whole) => of_whole.to_owned(),
        (false, "") => names.join("/"),
        (false, of_whole) => format!("{}/{of_whole}", names.join("/")),
    }
}

/// Whether a value has nothing, or null, at the end of a path.
fn has_nothing(value: &Value, path: &[Step<'_>]) -> bool {
    let mut at = value;
    for step in path {
        let index = step.index.strip_prefix('[').and_then(|index| index.strip_suffix(']'));
        let key = index.and_then(|index| serde_json::from_str::<Value>(index).ok());
        for part in [(!step.name.is_empty()).then(|| Value::from(step.name)), key].into_iter().flatten() {
            let next = match &part {
                Value::String(key) => at.get(key),
                Value::Number(index) => index.as_u64().and_then(|index| at.get(usize::try_from(index).ok()?)),
                _ => None,
            };
            let Some(next) = next else { return at.is_object() || at.is_null() };
            at = next;
        }
    }
    at.is_null()
}

/// The one with the index that is written, or with that of the place where the reference stands; else all.
fn narrowed<'b, T: Copy>(
    all: Vec<T>,
    address: impl Fn(T) -> &'b str,
    written: &str,
    by_index: bool,
    here: &str,
) -> Vec<T> {
    let with = |index: &str| all.iter().copied().find(|it| address(*it).ends_with(index));
    if !written.is_empty() {
        return with(written).into_iter().collect();
    }
    if all.len() > 1
        && by_index
        && !here.is_empty()
        && let Some(one) = with(here)
    {
        return vec![one];
    }
    all
}

/// Whether all that stands beside resources and outputs in an expression can be their indexes. A plan lists what goes into an
/// expression, not how: `"${var.prefix}${aws_iam_role.a.name}"`, which is another name, looks like a choice between the two. Of
/// `a.b[count.index].name` it lists `a.b`, without the attribute, and then `count.index`: what stands elsewhere is no index.
fn only_chooses(references: &[String], indexes: usize) -> bool {
    let mut indexed = 0;
    let mut may_be_indexed = false;
    for reference in references {
        may_be_indexed = match steps(reference).as_slice() {
            [Step { name: "each", .. }, Step { name: "key" | "value", .. }, ..]
            | [Step { name: "count", .. }, Step { name: "index", .. }] => {
                if !may_be_indexed {
                    return false;
                }
                continue;
            }
            [Step { name: "var" | "local" | "self" | "path" | "terraform", .. }, ..] => return false,
            [Step { name: "data", .. }, _, Step { index: "", .. }] => true,
            [Step { name: "module" | "data", .. }, ..] => false,
            [_, Step { index: "", .. }] => true,
            _ => false,
        };
        indexed += usize::from(may_be_indexed);
    }
    indexes <= indexed
}

/// Every reference in an expression, which may be nested blocks.
fn collect<'v>(expression: &'v Value, references: &mut Vec<&'v str>) {
    match expression {
        Value::Object(object) => match object.get("references") {
            Some(Value::Array(listed)) => references.extend(listed.iter().filter_map(Value::as_str)),
            _ => object.values().for_each(|value| collect(value, references)),
        },
        Value::Array(array) => array.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
