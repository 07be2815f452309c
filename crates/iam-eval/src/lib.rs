//! Evaluates AWS IAM policies the way IAM does, and says what it cannot know.
//!
//! A request of a role passes if its identity policies allow it, its permissions boundary and every level of organization policies
//! allow it too, and nothing denies it. Each answer has three truth values, carries the statements that decided, and names the
//! condition keys and other facts that an unknown answer depends on. The crate makes no AWS call and knows no clock.
//!
//! ```
//! use std::sync::Arc;
//!
//! use iam_eval::{Context, Decision, Document, DocumentKind, NotAPolicy, PolicySet, PolicySetKind, Policy, PolicyKind, Request, Resource, Text, evaluate};
//!
//! fn gate(kind: PolicySetKind, policy_kind: PolicyKind, name: &str, text: &str) -> Result<PolicySet, NotAPolicy> {
//!     let document_kind = if kind == PolicySetKind::Scp { DocumentKind::Scp } else { DocumentKind::Identity };
//!     let document = Document::parse(text, document_kind)?;
//!     let policy = Policy { name: name.to_owned(), kind: policy_kind, document: Ok(Arc::new(document)) };
//!     Ok(PolicySet { kind, name: name.to_owned(), policies: vec![policy], unread: Vec::new() })
//! }
//!
//! # fn main() -> Result<(), NotAPolicy> {
//! let gates = [
//!     gate(PolicySetKind::Identity, PolicyKind::Inline, "web", r#"{
//!         "Version": "2012-10-17",
//!         "Statement": {"Sid": "Logs", "Effect": "Allow", "Action": "s3:Put*", "Resource": "arn:aws:s3:::logs/*"}
//!     }"#)?,
//!     gate(PolicySetKind::Boundary, PolicyKind::Boundary, "developer-boundary", r#"{
//!         "Version": "2012-10-17",
//!         "Statement": {"Effect": "Allow", "Action": ["s3:*", "ssm:*"], "Resource": "*"}
//!     }"#)?,
//!     gate(PolicySetKind::Scp, PolicyKind::Scp, "root", r#"{
//!         "Version": "2012-10-17",
//!         "Statement": [
//!             {"Effect": "Allow", "Action": "*", "Resource": "*"},
//!             {"Sid": "OnlyFromTheVpc", "Effect": "Deny", "Action": "s3:*", "Resource": "*",
//!              "Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-0a1b2c3d"}}}
//!         ]
//!     }"#)?,
//! ];
//! let request = |action: &str, context: Context| Request {
//!     action: action.to_owned(),
//!     resource: Resource::Arn(Text::known("arn:aws:s3:::logs/session-1")),
//!     context,
//! };
//!
//! // Nothing is known of the VPC that the request comes from.
//! let response = evaluate(&gates, &request("s3:PutObject", Context::default()));
//! assert_eq!(response.decision, Decision::Unknown);
//! assert!(response.doubt.keys.contains("aws:SourceVpc"));
//!
//! let mut context = Context::default();
//! context.set("aws:SourceVpc", iam_eval::Value::known("vpc-0a1b2c3d"));
//! let response = evaluate(&gates, &request("s3:PutObject", context.clone()));
//! assert_eq!(response.decision, Decision::Allowed);
//! for statement in &response.decided_by {
//!     println!("{:?} {}, statement {}", statement.kind, statement.policy, statement.index);
//! }
//!
//! // The boundary and the organization allow it; no identity policy does.
//! let response = evaluate(&gates, &request("s3:GetObject", context));
//! assert_eq!(response.decision, Decision::ImplicitDeny);
//! assert_eq!(response.closed, [(PolicySetKind::Identity, "web".to_owned())]);
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | `document`, `json`, `action`, `resource`, `principal`, `condition`, `operator` | the elements of a policy document |
//! | `text`, `template`, `pattern`, `comparable`, `moment` | texts that are known in part, and how they match |
//! | `context` | the condition keys of a request |
//! | `truth`, `budget` | three-valued logic; what an evaluation may cost |
//! | `evaluate`, `cases` | the decision for a role |
//! | `trust`, `resource_policy`, [`rcp`] | trust policies, policies of resources, resource control policies |
//! | [`arn`] | ARNs, accounts, partitions |
//! | [`json_error`] | why a text is not the JSON that was expected |
//!
//! Rules cite the [IAM user guide](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies.html) where they stand.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod action;
pub mod arn;
mod budget;
mod cases;
mod comparable;
mod condition;
mod context;
mod document;
mod evaluate;
mod json;
pub mod json_error;
mod looks_at;
mod moment;
mod operator;
mod pattern;
mod principal;
pub mod rcp;
mod resemblance;
mod resource;
mod resource_policy;
mod template;
mod text;
mod trust;
mod truth;

pub use action::action_matches;
pub use condition::FailedKey;
pub use context::{Context, Value};
pub use document::{Document, DocumentKind, Effect, NotAPolicy, OPEN_ELEMENT, Statement};
pub use evaluate::{
    Decision, NearMiss, Policy, PolicyKind, PolicySet, PolicySetKind, Request, Response, RuledOutBy,
    StatementReference, UnknownDocument, evaluate,
};
pub use json::{Json, Members};
pub use principal::{PrincipalElement, ServicePrincipal};
pub use resemblance::{Resemblance, resemblance};
pub use resource::Resource;
pub use resource_policy::{
    AwsPrincipals, ResourceAnswer, RoleSession, Said, evaluate_resource_policy, evaluate_with_grants, limited_by,
};
pub use text::{Part, Text};
pub use trust::evaluate_trust;
pub use truth::{Truth, UnknownReason};

#[cfg(test)]
mod tests;
