//! The policy engine: parse, match, decide, explain.
//!
//! It knows IAM's rules and nothing of Session Manager, instances or AWS's APIs. Every answer has three truth values
//! and carries the statements that made it and the doubts that are left.

mod action;
mod budget;
mod cases;
mod comparable;
mod condition;
mod context;
mod document;
mod evaluate;
mod json;
mod moment;
mod operator;
mod pattern;
mod principal;
pub mod rcp;
mod resemblance;
mod resource;
mod resource_policy;
mod sight;
mod template;
mod text;
mod trust;
mod truth;

pub use action::action_matches;
pub use condition::FailedKey;
pub use context::{Context, Value};
pub use document::{Document, DocumentKind, Effect, Statement};
pub use evaluate::{
    Decision, Gate, GateKind, NearMiss, Policy, PolicyKind, Request, Response, RuledOutBy, StatementReference, evaluate,
};
pub(crate) use json::Json;
pub use principal::{PrincipalElement, ServicePrincipal};
pub use resemblance::{Resemblance, resemblance};
pub use resource::Resource;
pub use resource_policy::{
    AwsPrincipals, ResourceAnswer, RoleSession, Said, evaluate_resource_policy, evaluate_with_grants, limited_by,
};
pub use text::{Part, Text};
pub use trust::evaluate_trust;
pub use truth::{Doubt, Truth};

#[cfg(test)]
mod tests;
