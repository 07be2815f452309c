//! A plan with its resources in reach: what each will be, what of it is not known yet, and where the configuration says why.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;
use serde_json::value::RawValue;

use super::address::{calls, parent, within};
use super::documents;
use super::format::{
    ConfigModule, ConfigResource, Configuration, DeferredChange, Module, ModuleCall, PlanFile, ProviderConfig, Values,
    Variable,
};
use super::whereabouts::Providers;

/// The types of resources that are looked at.
const KINDS: &[&str] = &[
    "aws_instance",
    "aws_spot_instance_request",
    "aws_spot_fleet_request",
    "aws_launch_template",
    "aws_launch_configuration",
    "aws_autoscaling_group",
    "aws_eks_node_group",
    "aws_batch_compute_environment",
    "aws_ec2_instance_metadata_defaults",
    "aws_iam_instance_profile",
    "aws_iam_role",
    "aws_iam_role_policy",
    "aws_iam_role_policy_attachment",
    "aws_iam_policy_attachment",
    "aws_iam_policy",
    "aws_iam_role_policies_exclusive",
    "aws_iam_role_policy_attachments_exclusive",
    "aws_ssm_service_setting",
    "aws_ssm_document",
    "aws_kms_key",
    "aws_kms_external_key",
    "aws_kms_replica_key",
    "aws_kms_replica_external_key",
    "aws_kms_key_policy",
    "aws_kms_alias",
    "aws_kms_grant",
    "aws_caller_identity",
    "aws_region",
    "aws_iam_policy_document",
    // What may make anything, also in a network.
    "aws_cloudformation_stack",
    "aws_cloudcontrolapi_resource",
    "aws_cloudwatch_log_group",
    "aws_ec2_instance_state",
];

/// The types that a network is made of.
pub(super) const NETWORK: &[&str] = &[
    "aws_vpc",
    "aws_vpc_ipv4_cidr_block_association",
    "aws_vpc_dhcp_options",
    "aws_vpc_dhcp_options_association",
    "aws_vpc_block_public_access_options",
    "aws_vpc_block_public_access_exclusion",
    "aws_subnet",
    "aws_route_table",
    "aws_default_route_table",
    "aws_route",
    "aws_route_table_association",
    "aws_main_route_table_association",
    "aws_internet_gateway",
    "aws_internet_gateway_attachment",
    "aws_nat_gateway",
    "aws_eip",
    "aws_eip_association",
    "aws_security_group",
    "aws_default_security_group",
    "aws_security_group_rule",
    "aws_vpc_security_group_ingress_rule",
    "aws_vpc_security_group_egress_rule",
    "aws_network_acl",
    "aws_default_network_acl",
    "aws_network_acl_rule",
    "aws_network_acl_association",
    "aws_vpc_endpoint",
    "aws_vpc_endpoint_policy",
    "aws_vpc_endpoint_private_dns",
    "aws_vpc_endpoint_subnet_association",
    "aws_vpc_endpoint_route_table_association",
    "aws_vpc_endpoint_security_group_association",
    "aws_prefix_list",
    "aws_ec2_managed_prefix_list",
    "aws_route53_zone",
    "aws_route53_zone_association",
    "aws_route53_resolver_rule",
    "aws_route53_resolver_rule_association",
    "aws_route53profiles_association",
    "aws_service_discovery_private_dns_namespace",
    "aws_network_interface_sg_attachment",
    "aws_vpn_gateway_route_propagation",
    "aws_vpc_security_group_rules_exclusive",
];

/// The types that give a role policies: what they gave before matters too.
pub(super) const GIVES_POLICIES: [&str; 3] =
    ["aws_iam_role_policy", "aws_iam_role_policy_attachment", "aws_iam_policy_attachment"];

/// The types of which it matters otherwise that one goes.
const OTHERS_THAT_GO: [&str; 9] = [
    "aws_iam_instance_profile",
    "aws_iam_role",
    "aws_iam_policy",
    "aws_ssm_document",
    "aws_kms_alias",
    "aws_kms_key",
    "aws_kms_external_key",
    "aws_kms_replica_key",
    "aws_kms_replica_external_key",
];

/// A resource or data source, as it will be once the plan is applied.
pub(super) struct Resource<'a> {
    pub address: String,
    /// The address of its module instance, empty at the root.
    pub module: String,
    pub kind: String,
    pub name: String,
    /// Its index as an address writes it.
    pub index: String,
    pub is_data: bool,
    pub values: Value,
    /// What is not known yet: `true` in the place of each such value.
    pub unknown: Value,
    /// What is sensitive, in the same form, as the values and the change say it.
    sensitive: [Value; 2],
    /// Whether the plan lists its change, and with that what is not known yet.
    is_listed: bool,
    /// Whether it is made by this plan, so that nothing of it exists outside.
    pub is_new: bool,
    /// Its values before, where the plan updates it.
    pub before: Value,
    pub config: Option<&'a ConfigResource<'a>>,
    /// What the configuration says of its arguments.
    pub expressions: Value,
}

/// A resource as it was before, where the plan changes or deletes it.
pub(super) struct Before {
    pub address: String,
    pub kind: String,
    pub values: Value,
    /// Whether it goes when what takes its place is there already: it is deposed, or another is created before it is destroyed.
    pub goes_last: Option<Last>,
}

/// Why something goes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// An earlier run has put another in its place.
    Deposed,
    /// `create_before_destroy`.
    Replaced,
}

/// A change that a plan puts off: Terraform cannot say yet what it will be.
pub(super) struct Deferred {
    pub address: String,
    pub kind: String,
    pub values: Value,
}

/// What a plan lists of a change; of a resource without one that it is made, and nothing else.
struct Changed {
    unknown: Value,
    sensitive: Value,
    is_new: bool,
    before: Value,
}

impl Default for Changed {
    fn default() -> Changed {
        Changed { unknown: Value::Null, sensitive: Value::Null, is_new: true, before: Value::Null }
    }
}

/// The value of a variable that is no part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    /// `true` or `false`.
    Bool(bool),
    /// Null, or an empty text.
    Nothing,
}

/// A plan.
pub(super) struct Plan<'a> {
    pub file: &'a str,
    pub resources: Vec<Resource<'a>>,
    pub before: Vec<Before>,
    pub deferred: Vec<Deferred>,
    /// The policy documents of data sources that are read at apply, by address.
    pub documents: HashMap<String, String>,
    by_name: HashMap<(String, String), Vec<usize>>,
    by_address: HashMap<String, usize>,
    /// By what arguments call them: name, ids or ARN, in lower case.
    by_text: HashMap<String, Vec<usize>>,
    by_kind: HashMap<String, Vec<usize>>,
    /// The module instances that hold resources, and those above them.
    modules: BTreeSet<String>,
    /// Where its providers are, as far as that is known.
    pub providers: Providers,
    configuration: &'a Configuration<'a>,
    variables: Option<&'a BTreeMap<String, Variable>>,
}

/// The value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribute<'a> {
    /// It is known.
    Known(&'a Value),
    /// It is left out, or null.
    Null,
    /// It is known only after apply, or the plan does not show it.
    Unknown,
}

impl<'a> Plan<'a> {
    pub(super) fn of(file: &'a str, parsed: &'a PlanFile<'a>, configuration: &'a Configuration<'a>) -> Plan<'a> {
        let mut plan = Plan {
            file,
            resources: Vec::new(),
            before: Vec::new(),
            deferred: Vec::new(),
            documents: HashMap::new(),
            by_name: HashMap::new(),
            by_address: HashMap::new(),
            by_text: HashMap::new(),
            by_kind: HashMap::new(),
            modules: BTreeSet::from([String::new()]),
            providers: Providers::default(),
            configuration,
            variables: parsed.variables.as_ref(),
        };
        let mut changed: HashMap<&str, Changed> = HashMap::new();
        for change in parsed.resource_changes.iter().flatten() {
            if !is_looked_at(&change.kind) {
                continue;
            }
            let does = |what: &str| change.change.actions.iter().any(|action| action == what);
            if change.deposed.is_some() {
                let values = value_of(change.change.before);
                if GIVES_POLICIES.contains(&&*change.kind) && does("delete") && values.is_object() {
                    let (address, kind) = (change.address.to_string(), change.kind.to_string());
                    plan.before.push(Before { address, kind, values, goes_last: Some(Last::Deposed) });
                }
                continue;
            }
            let is_new = does("create");
            let (unknown, sensitive) = (value_of(change.change.after_unknown), value_of(change.change.after_sensitive));
            let before = value_of(change.change.before.filter(|_| does("update")));
            changed.insert(&change.address, Changed { unknown, sensitive, is_new, before });
            // What is forgotten stays in the account
            // (https://developer.hashicorp.com/terraform/language/block/removed).
            let changes = does("delete") || does("update");
            let matters = GIVES_POLICIES.contains(&&*change.kind) || OTHERS_THAT_GO.contains(&&*change.kind);
            let values = value_of(change.change.before.filter(|_| changes && matters));
            if values.is_object() {
                let (address, kind) = (change.address.to_string(), change.kind.to_string());
                let creates_first = change.change.actions.first().is_some_and(|action| action == "create");
                let goes_last = creates_first.then_some(Last::Replaced);
                plan.before.push(Before { address, kind, values, goes_last });
            }
        }
        let root = |values: &'a Option<Values<'a>>| values.as_ref()?.root_module.as_ref();
        if let Some(module) = root(&parsed.planned_values) {
            plan.add(module, &mut changed, None);
        }
        let planned: HashSet<String> = plan.resources.iter().map(|resource| resource.address.clone()).collect();
        // What data sources read stands in the state that the plan starts from.
        if let Some(module) = parsed.prior_state.as_ref().and_then(|state| root(&state.values)) {
            plan.add(module, &mut changed, Some(&planned));
        }
        plan.index();
        plan.providers = Providers::of(&plan);
        plan.deferred = parsed.deferred_changes.iter().flatten().filter_map(deferred).collect();
        plan.documents = documents::composed(&plan);
        plan
    }

    fn index(&mut self) {
        for (at, resource) in self.resources.iter().enumerate() {
            self.by_address.insert(resource.address.clone(), at);
            self.by_kind.entry(resource.kind.clone()).or_default().push(at);
            let texts: BTreeSet<String> = ["name", "id", "arn", "key_id"]
                .iter()
                .filter_map(|it| resource.text(it))
                .map(str::to_ascii_lowercase)
                .collect();
            texts.into_iter().for_each(|text| self.by_text.entry(text).or_default().push(at));
        }
    }

    /// Adds the resources of a module and of those below it; of a state the data sources alone, but for those that are planned.
    fn add(&mut self, module: &'a Module<'a>, changed: &mut HashMap<&str, Changed>, planned: Option<&HashSet<String>>) {
        self.modules.insert(module.address.clone());
        let configured = self.config_module(&module.address).and_then(|module| module.resources.as_ref());
        let configured: HashMap<&str, &ConfigResource<'_>> =
            configured.into_iter().flatten().map(|config| (&*config.address, config)).collect();
        for resource in module.resources.iter().flatten() {
            let is_data = resource.mode == "data";
            let is_left_out = |planned: &HashSet<String>| !is_data || planned.contains(&*resource.address);
            if !is_looked_at(&resource.kind) || planned.is_some_and(is_left_out) {
                continue;
            }
            let prefix = if is_data { "data." } else { "" };
            let own = format!("{prefix}{}.{}", resource.kind, resource.name);
            let config = configured.get(own.as_str()).copied();
            let change = changed.remove(&*resource.address);
            let is_listed = is_data || change.is_some();
            let Changed { unknown, sensitive, is_new, before } = change.unwrap_or_default();
            let key = (module.address.clone(), own);
            self.by_name.entry(key).or_default().push(self.resources.len());
            self.resources.push(Resource {
                address: resource.address.to_string(),
                module: module.address.clone(),
                kind: resource.kind.to_string(),
                name: resource.name.to_string(),
                index: resource.index.as_ref().map(|index| format!("[{index}]")).unwrap_or_default(),
                is_data,
                values: value_of(resource.values),
                unknown,
                sensitive: [sensitive, value_of(resource.sensitive_values)],
                is_listed,
                is_new,
                before,
                config,
                expressions: value_of(config.and_then(|config| config.expressions)),
            });
        }
        for child in module.child_modules.iter().flatten() {
            self.add(child, changed, planned);
        }
    }

    /// The resources and data sources of a type.
    pub(super) fn of_kind(&self, kind: &str) -> Vec<&Resource<'a>> {
        self.all(self.by_kind.get(kind))
    }

    /// The resources of a type.
    pub(super) fn managed(&self, kind: &str) -> Vec<&Resource<'a>> {
        self.of_kind(kind).into_iter().filter(|resource| !resource.is_data).collect()
    }

    /// The resource of an address.
    pub(super) fn at(&self, address: &str) -> Option<&Resource<'a>> {
        self.resources.get(*self.by_address.get(address)?)
    }

    /// What the plan deletes of a type, by its name or ARN, and has no other resource for.
    pub(super) fn deleted(&self, kind: &str, text: &str) -> Option<&Before> {
        let is_it = |value: &Value| value.as_str().is_some_and(|own| own.eq_ignore_ascii_case(text));
        let has_it = |before: &Before| ["name", "arn"].iter().any(|it| before.values.get(it).is_some_and(is_it));
        let found = self.before.iter().find(|before| before.kind == kind && has_it(before))?;
        let is_there = self.called_so(text).iter().any(|it| it.kind == kind && !it.is_data);
        (!is_there).then_some(found)
    }

    /// The resources that have a text for name, an id or ARN, in any case.
    pub(super) fn called_so(&self, text: &str) -> Vec<&Resource<'a>> {
        self.all(self.by_text.get(&text.to_ascii_lowercase()))
    }

    fn all(&self, indexes: Option<&Vec<usize>>) -> Vec<&Resource<'a>> {
        indexes.into_iter().flatten().filter_map(|at| self.resources.get(*at)).collect()
    }

    /// The resources of a name in a module instance, one for each index.
    pub(super) fn named(&self, module: &str, own: &str) -> Vec<&Resource<'a>> {
        let key = (module.to_owned(), own.to_owned());
        self.all(self.by_name.get(&key))
    }

    /// The instances of a module that a module instance calls.
    pub(super) fn called(&self, module: &str, call: &str) -> Vec<&str> {
        let prefix = within(module, &format!("module.{call}"));
        let is_one = |other: &&String| {
            let rest = other.strip_prefix(&prefix);
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('[') && rest.find(']') == rest.len().checked_sub(1)
            })
        };
        self.modules.iter().filter(is_one).map(String::as_str).collect()
    }

    /// The configuration of a module instance.
    pub(super) fn config_module(&self, module: &str) -> Option<&'a ConfigModule<'a>> {
        let mut found = &self.configuration.root_module;
        for call in calls(module) {
            found = found.module_calls.as_ref()?.get(call)?.module.as_ref()?;
        }
        Some(found)
    }

    /// The call that a module instance comes from.
    pub(super) fn call(&self, parent: &str, call: &str) -> Option<&'a ModuleCall<'a>> {
        self.config_module(parent)?.module_calls.as_ref()?.get(call)
    }

    /// The value of a variable of the root module.
    pub(super) fn variable(&self, name: &str) -> Option<&'a Value> {
        self.variables?.get(name)?.value.as_ref()
    }

    /// Whether a variable is known to be a switch, or null or empty, so that it is no part of a text; `None` if it may be.
    pub(super) fn switch(&self, module: &str, name: &str) -> Option<Switch> {
        let of = |value: Option<&Value>| match value {
            Some(Value::Bool(on)) => Some(Switch::Bool(*on)),
            None | Some(Value::Null) => Some(Switch::Nothing),
            Some(Value::String(text)) if text.is_empty() => Some(Switch::Nothing),
            Some(_) => None,
        };
        let Some((above, call)) = parent(module) else {
            return of(self.variables?.get(name)?.value.as_ref());
        };
        let given = self.call(&above, call.name).and_then(|call| call.expressions.as_ref()?.get(name));
        match given {
            Some(expression) => of(Some(expression.get("constant_value")?)),
            None => of(self.config_module(module)?.variables.as_ref()?.get(name)?.default.as_ref()),
        }
    }

    /// What a resource of the configuration says of how many there are of it.
    pub(super) fn repetition(&self, module: &str, own: &str) -> Option<&'a Value> {
        let resources = self.config_module(module)?.resources.as_ref()?;
        let resource = resources.iter().find(|resource| resource.address == own)?;
        resource.count_expression.as_ref().or(resource.for_each_expression.as_ref())
    }

    /// Whether the configuration has a resource of which there is no instance: its `count` is 0, or its `for_each` empty.
    pub(super) fn has_no_instance(&self, module: &str, own: &str) -> bool {
        let configured = self.config_module(module).and_then(|module| module.resources.as_ref());
        let is_configured = configured.is_some_and(|all| all.iter().any(|resource| resource.address == own));
        let kind = own.split('.').next().unwrap_or_default();
        is_looked_at(kind) && is_configured && self.named(module, own).is_empty()
    }

    /// The Region that a resource is in, where the plan says it.
    pub(super) fn region<'r>(&'r self, resource: &'r Resource<'_>) -> Option<&'r str> {
        resource.text("region").or(self.providers.regions.get(resource.provider_key()?).map(String::as_str))
    }

    /// Whether two resources are known to be in different accounts.
    pub(super) fn are_apart(&self, one: &Resource<'_>, other: &Resource<'_>) -> bool {
        let account = |of: &Resource<'_>| self.providers.accounts.get(of.provider_key()?);
        account(one).zip(account(other)).is_some_and(|(one, other)| one != other)
    }

    /// Whether two resources may be in different accounts: their providers have different credentials, and the plan does not say whose.
    pub(super) fn may_be_apart(&self, one: &Resource<'_>, other: &Resource<'_>) -> bool {
        let account = |of: &Resource<'_>| self.providers.accounts.get(of.provider_key()?);
        if one.provider_key() == other.provider_key() {
            return false;
        }
        match (account(one), account(other)) {
            (Some(one), Some(other)) => one != other,
            _ => match (self.credentials(one), self.credentials(other)) {
                (Some(one), Some(other)) => one != other,
                _ => self.has_several_credentials(),
            },
        }
    }

    /// What the configuration of a resource's provider says of the credentials that it uses. What a module has of its caller has no
    /// configuration of its own.
    fn credentials(&self, resource: &Resource<'_>) -> Option<Vec<(&'a str, &'a Value)>> {
        let key = resource.provider_key()?;
        self.provider(key).map(credentials).or_else(|| {
            let of_caller = key.rsplit_once(':').map(|(_, own)| own)?;
            self.provider(of_caller).filter(|_| !self.has_several_credentials()).map(credentials)
        })
    }

    /// Whether the providers of AWS use different credentials.
    pub(super) fn has_several_credentials(&self) -> bool {
        let all = self.configuration.provider_config.iter().flatten();
        let mut of_aws = all
            .filter(|(key, _)| matches!(key.rsplit(':').next().and_then(|own| own.split('.').next()), Some("aws")))
            .map(|(_, provider)| credentials(provider));
        of_aws.next().is_some_and(|first| of_aws.any(|other| other != first))
    }

    pub(super) fn provider(&self, key: &str) -> Option<&'a ProviderConfig> {
        self.configuration.provider_config.as_ref()?.get(key)
    }
}

impl<'a> Resource<'a> {
    /// An attribute by the way to it, such as `iam_instance_profile/0/name`.
    pub(super) fn attribute(&self, path: &str) -> Attribute<'_> {
        if is_unknown(&self.unknown, path) {
            return Attribute::Unknown;
        }
        match self.values.pointer(&format!("/{path}")) {
            None | Some(Value::Null) if self.is_hidden(path) => Attribute::Unknown,
            None if self.is_left_open(path) => Attribute::Unknown,
            None | Some(Value::Null) => Attribute::Null,
            Some(value) if is_redacted(value) => Attribute::Unknown,
            Some(value) => Attribute::Known(value),
        }
    }

    /// Whether an argument of what exists holds a text already, so that applying the plan does nothing about it.
    pub(super) fn holds_already(&self, path: &str, text: &str) -> bool {
        let now = if self.before.is_null() { &self.values } else { &self.before };
        let is_it = |value: &Value| value.as_str().is_some_and(|own| own.eq_ignore_ascii_case(text));
        let exists = self.is_data || !self.is_new;
        exists
            && match now.pointer(&format!("/{path}")) {
                Some(Value::Array(texts)) => texts.iter().any(is_it),
                Some(value) => is_it(value),
                None => false,
            }
    }

    /// Whether a value is sensitive and the plan was made without such values, or with something in their place.
    pub(super) fn is_hidden(&self, path: &str) -> bool {
        let value = self.values.pointer(&format!("/{path}"));
        let is_shown = value.is_some_and(|value| !value.is_null() && !is_redacted(value));
        !is_shown
            && (value.is_some_and(is_redacted) || self.sensitive.iter().any(|sensitive| is_unknown(sensitive, path)))
    }

    /// Whether a value that is missing, rather than null, is set: Terraform leaves out what is not known, and lists it in the change.
    fn is_left_open(&self, path: &str) -> bool {
        self.expression(path).is_some() || !self.is_listed && self.config.is_none()
    }

    /// An attribute that is a text, where it is known.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        match self.attribute(path) {
            Attribute::Known(value) => value.as_str().filter(|text| !text.is_empty()),
            Attribute::Null | Attribute::Unknown => None,
        }
    }

    /// What the configuration says of an argument: its expression, if it is set at all.
    pub(super) fn expression(&self, path: &str) -> Option<&Value> {
        self.expressions.pointer(&format!("/{path}"))
    }

    /// Whether the configuration sets an argument, or may: the provider fills in what is left out.
    pub(super) fn is_set(&self, path: &str) -> bool {
        self.expression(path).is_some() || self.config.is_none()
    }

    /// How many blocks of an argument there are, or will be.
    pub(super) fn block_count(&self, path: &str) -> usize {
        let pointer = format!("/{path}");
        let of = |value: &Value| value.pointer(&pointer).and_then(Value::as_array).map_or(0, Vec::len);
        of(&self.values).max(of(&self.unknown))
    }

    /// It as it was before the plan updates it.
    pub(super) fn as_before(&self) -> Option<Resource<'a>> {
        self.before.is_object().then(|| Resource {
            address: self.address.clone(),
            module: self.module.clone(),
            kind: self.kind.clone(),
            name: self.name.clone(),
            index: self.index.clone(),
            is_data: self.is_data,
            values: self.before.clone(),
            unknown: Value::Null,
            sensitive: [Value::Null, Value::Null],
            is_listed: true,
            is_new: false,
            before: Value::Null,
            config: self.config,
            expressions: Value::Null,
        })
    }

    /// Whether the plan makes it, or changes it.
    pub(super) fn is_written(&self) -> bool {
        self.is_new || !self.before.is_null()
    }

    /// The key of its provider's configuration.
    pub(super) fn provider_key(&self) -> Option<&'a str> {
        self.config?.provider_config_key.as_deref()
    }

    /// An attribute's address, for a person.
    pub(super) fn attribute_address(&self, path: &str) -> String {
        let mut address = self.address.clone();
        for part in path.split('/') {
            match part.parse::<usize>() {
                Ok(index) => address.push_str(&format!("[{index}]")),
                Err(_) => address.push_str(&format!(".{part}")),
            }
        }
        address
    }
}

/// What tools put in the place of a sensitive value, such as
/// [terraform-json](https://github.com/hashicorp/terraform-json/blob/main/sanitize/sanitize_plan.go) does.
const REDACTED: &str = "REDACTED_SENSITIVE";

/// Whether a value, or something in it, was taken out.
fn is_redacted(value: &Value) -> bool {
    match value {
        Value::String(text) => text == REDACTED,
        Value::Array(items) => items.iter().any(is_redacted),
        Value::Object(members) => members.values().any(is_redacted),
        _ => false,
    }
}

/// Whether something on the way to a value, or in it, is not known yet.
fn is_unknown(unknown: &Value, path: &str) -> bool {
    let mut at = unknown;
    for part in path.split('/') {
        let next = match at {
            Value::Bool(true) => return true,
            Value::Object(object) => object.get(part),
            Value::Array(array) => part.parse::<usize>().ok().and_then(|index| array.get(index)),
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => return false,
        }
    }
    holds_unknown(at)
}

pub(super) fn holds_unknown(unknown: &Value) -> bool {
    match unknown {
        Value::Bool(unknown) => *unknown,
        Value::Array(array) => array.iter().any(holds_unknown),
        Value::Object(object) => object.values().any(holds_unknown),
        _ => false,
    }
}

/// The arguments of a provider that say whose credentials it uses.
const CREDENTIALS: [&str; 9] = [
    "access_key",
    "assume_role",
    "assume_role_with_web_identity",
    "profile",
    "secret_key",
    "shared_config_files",
    "shared_credentials_file",
    "shared_credentials_files",
    "token",
];

fn credentials(provider: &ProviderConfig) -> Vec<(&str, &Value)> {
    let arguments = provider.expressions.as_ref().and_then(Value::as_object).into_iter().flatten();
    let of_credentials = arguments.filter(|(argument, _)| CREDENTIALS.contains(&argument.as_str()));
    of_credentials.map(|(argument, expression)| (argument.as_str(), expression)).collect()
}

fn is_looked_at(kind: &str) -> bool {
    KINDS.contains(&kind) || NETWORK.contains(&kind) || kind.starts_with("awscc_iam_")
}

fn deferred(change: &DeferredChange<'_>) -> Option<Deferred> {
    let change = change.resource_change.as_ref().filter(|change| is_looked_at(&change.kind))?;
    let (address, kind) = (change.address.to_string(), change.kind.to_string());
    Some(Deferred { address, kind, values: value_of(change.change.after) })
}

/// What Terraform wrote was JSON when the file was read.
fn value_of(raw: Option<&RawValue>) -> Value {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}
