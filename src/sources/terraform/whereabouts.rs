//! The account and the Region that a resource of a plan is in, as far as the plan tells.

use std::collections::HashMap;

use serde_json::Value;

use super::plan::{Plan, Resource};
use crate::sources::documents::names_another_partition;
use iam_eval::arn::{Arn, is_account_id, partition_of_region};

/// Where the providers of a plan are, as far as it tells.
#[derive(Clone, Default)]
pub(super) struct Providers {
    /// The Regions of providers, by their keys.
    pub regions: HashMap<String, String>,
    /// The accounts of providers, by their keys.
    pub accounts: HashMap<String, String>,
}

/// What tells where a resource is.
pub(super) struct Whereabouts {
    providers: Providers,
    given: Option<String>,
    /// Whether something in the plan is of another partition than `aws`.
    names_another_partition: bool,
}

/// Where a resource is.
#[derive(Debug, Clone, Default)]
pub(super) struct Whereabout {
    pub account: Option<String>,
    pub region: Option<String>,
    pub partition: Option<String>,
}

impl Providers {
    /// Those of the resources of a plan.
    pub(super) fn of(plan: &Plan<'_>) -> Providers {
        let mut regions = HashMap::new();
        let mut accounts: HashMap<String, String> = HashMap::new();
        for resource in &plan.resources {
            let Some(key) = resource.provider_key() else { continue };
            if !regions.contains_key(key)
                && let Some(region) = region_of(plan, key)
            {
                regions.insert(key.to_owned(), region);
            }
            if resource.kind == "aws_region" && resource.is_data {
                let region = resource.text("region").or(resource.text("name"));
                regions.extend(region.map(|region| (key.to_owned(), region.to_owned())));
            }
            if let Some(account) = account_of(plan, resource, key) {
                accounts.entry(key.to_owned()).or_insert(account);
            }
        }
        Providers { regions, accounts }
    }
}

impl Whereabouts {
    /// That of a plan. `given` is the Region that holds where the plan says none, as it does where Terraform takes it from the
    /// environment.
    pub(super) fn of(plan: &Plan<'_>, given: Option<&str>, text: &str) -> Whereabouts {
        Whereabouts {
            providers: plan.providers.clone(),
            given: given.map(str::to_owned),
            names_another_partition: names_another_partition(text),
        }
    }

    /// Where a resource is. Since version 6 of the provider each may name its own Region.
    pub(super) fn of_resource(&self, resource: &Resource<'_>) -> Whereabout {
        let key = resource.provider_key().unwrap_or_default();
        let region = resource.text("region").or(self.providers.regions.get(key).map(String::as_str));
        let region = region.or(self.given.as_deref());
        Whereabout {
            account: self.providers.accounts.get(key).cloned(),
            region: region.map(str::to_owned),
            partition: match region {
                Some(region) => Some(partition_of_region(region).to_owned()),
                None => (!self.names_another_partition).then(|| "aws".to_owned()),
            },
        }
    }
}

/// The Region in the configuration of a provider: a constant, or a variable.
fn region_of(plan: &Plan<'_>, key: &str) -> Option<String> {
    // A plan lists what goes into a text and not how: of `"${var.region}-1"` only the variable is seen.
    let region = known(plan, key, "region")?.as_str()?;
    is_region(region).then(|| region.to_owned())
}

/// Whether a text has the form of a Region: words with dashes between them, and a number at the end.
fn is_region(text: &str) -> bool {
    let Some((words, number)) = text.rsplit_once('-') else { return false };
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    number.parse::<u8>().is_ok() && words.contains('-') && words.split('-').all(is_word)
}

/// The account that a provider is in: that of what it read or made, or the only one that it may be used with, or that of the role
/// that it assumes.
fn account_of(plan: &Plan<'_>, resource: &Resource<'_>, key: &str) -> Option<String> {
    if resource.kind == "aws_caller_identity" {
        return resource.text("account_id").map(str::to_owned);
    }
    let own = resource.text("arn").filter(|_| !resource.is_data);
    let of_arn = |arn: &str| Arn::parse(arn)?.account().filter(|account| is_account_id(account)).map(str::to_owned);
    if let Some(account) = own.and_then(of_arn) {
        return Some(account);
    }
    let only = match known(plan, key, "allowed_account_ids") {
        Some(Value::Array(allowed)) => match allowed.as_slice() {
            [one] => one.as_str().map(str::to_owned),
            _ => None,
        },
        _ => None,
    };
    let assumed = || known(plan, key, "assume_role/0/role_arn").and_then(|arn| of_arn(arn.as_str()?));
    only.or_else(assumed)
}

/// An argument of a provider, if the plan knows it.
fn known<'p>(plan: &'p Plan<'_>, key: &str, argument: &str) -> Option<&'p Value> {
    let expression = plan.provider(key)?.expressions.as_ref()?.pointer(&format!("/{argument}"))?;
    if let Some(constant) = expression.get("constant_value") {
        return Some(constant);
    }
    // A provider in a module has the variables of that module, which the plan does not list.
    let references = expression.get("references")?.as_array().filter(|_| !key.contains(':'))?;
    match references.as_slice() {
        [one] => plan.variable(one.as_str()?.strip_prefix("var.")?),
        _ => None,
    }
}
