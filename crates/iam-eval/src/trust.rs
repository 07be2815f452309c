//! Trust policies: whether a service may assume a role.
//!
//! Source: [How permissions and policies provide access management](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_terms-and-concepts.html).

use super::budget::TOO_LARGE;
use super::cases;
use super::condition::Condition;
use super::context::Context;
use super::document::{Document, Effect, Statement};
use super::evaluate::{action_applies, soundness};
use super::principal::ServicePrincipal;
use super::truth::{Truth, UnknownReason};

/// Decides whether a trust policy lets a service assume the role.
///
/// The context holds what the service is known to send; anything else leaves the answer unknown.
pub fn evaluate_trust(document: &Document, service: &ServicePrincipal, context: &Context) -> Truth {
    if document.is_too_large("sts:AssumeRole", 0, context) {
        return Truth::Unknown(UnknownReason::note(TOO_LARGE));
    }
    let conditions: Vec<&Condition> = document.statements.iter().map(|statement| &statement.condition).collect();
    cases::truth(context, &conditions, |context| {
        let of = |effect: Effect| {
            let relevant = document.statements.iter().filter(move |s| s.effect.is_none_or(|known| known == effect));
            relevant.map(|statement| trusts(document, statement, service, context)).fold(Truth::False, Truth::or)
        };
        of(Effect::Allow).and(!of(Effect::Deny))
    })
}

fn trusts(document: &Document, statement: &Statement, service: &ServicePrincipal, context: &Context) -> Truth {
    action_applies(statement, "sts:AssumeRole")
        .and(statement.principal.admits(service))
        .and(statement.condition.evaluate(context))
        .and(soundness(document, statement))
}
