//! Facts from a Terraform or OpenTofu plan: what its instances will be once it is applied. No account is asked.
//!
//! A value that is known only after apply is followed through the configuration to the resource that it comes from; where the plan
//! does not tell that, what depends on it is unknown.

mod address;
mod alike;
mod documents;
mod elsewhere;
mod format;
mod grants;
mod instances;
mod keys;
mod links;
mod metadata;
mod network;
mod plan;
mod references;
mod roles;
mod settings;
mod whereabouts;

use jiff::Timestamp;

use super::documents::Text;
use super::existing::{Existing, Planned};
use crate::facts::Facts;
use plan::Plan;
use whereabouts::Whereabouts;

pub use format::{NotAPlan, text};

/// What a person says of a plan beside it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// The Region, where the plan says none.
    pub region: Option<&'a str>,
    /// The session preferences that count, by name; `None` for none.
    pub preferences: Option<&'a str>,
}

/// The facts of a plan.
///
/// # Errors
/// Why the text is no plan, and how the right file is made.
pub fn facts(file: &Text, given: Given<'_>, now: Timestamp) -> Result<Planned, NotAPlan> {
    let mut parsed = format::parse(&file.text)?;
    let configuration = parsed.configuration.take().unwrap_or_default();
    let plan = Plan::of(&file.name, &parsed, &configuration);
    let whereabouts = Whereabouts::of(&plan, given.region, &file.text);
    let mut facts = Facts::new(now);
    let mut existing = Existing::default();
    network::add(&plan, &whereabouts, &mut facts);
    roles::add(&plan, &whereabouts, &mut facts, &mut existing);
    instances::add(&plan, &whereabouts, &mut facts, &mut existing);
    keys::add(&plan, &whereabouts, &mut facts);
    grants::add(&plan, &whereabouts, &mut existing);
    settings::add_log_groups(&plan, &whereabouts, &mut facts);
    settings::add(&plan, &whereabouts, given.preferences, &mut facts, &mut existing);
    Ok(Planned { facts, existing })
}
