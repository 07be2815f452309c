//! What a document looks at in a request: requests that differ elsewhere get the same answer, and need be decided once.

use std::collections::BTreeSet;

use super::Context;
use super::action::ActionPattern;
use super::document::{ActionElement, Document, Effect, Statement};
use super::evaluate::{Request, action_applies};
use super::resource::{Resource, ResourceElement, ResourcePattern};
use super::resource_policy::AwsPrincipals;

impl Document {
    /// Adds the condition keys that it may look at, in lower case: the keys of its conditions, and its policy variables.
    pub fn add_keys(&self, keys: &mut BTreeSet<String>) {
        for statement in &self.statements {
            keys.extend(statement.condition.keys());
            keys.extend(statement.resource.patterns().iter().flat_map(ResourcePattern::keys));
        }
    }

    /// Whether it certainly allows everybody everything, whatever is asked, as the default policy of a VPC endpoint does.
    pub fn allows_everything(&self) -> bool {
        let everything = |statement: &Statement| {
            matches!(&statement.action, ActionElement::Action(actions) if actions.iter().any(ActionPattern::is_every))
                && matches!(&statement.resource, ResourceElement::Resource(all) if all.iter().any(ResourcePattern::is_every))
                && statement.aws_principals == AwsPrincipals::Everyone
                && statement.condition.is_empty()
        };
        let allows = |statement: &Statement| statement.effect == Some(Effect::Allow) && statement.open.is_empty();
        self.all_problems().is_empty() && self.statements.iter().all(allows) && self.statements.iter().any(everything)
    }

    /// Whether a statement on `action` may tell apart two resources which are both as much of `resource` as is known.
    pub fn tells_apart(&self, action: &str, resource: &Resource) -> bool {
        let request = Request { action: action.to_owned(), resource: resource.clone(), context: Context::default() };
        if self.is_too_large_for(&request) {
            return true;
        }
        let speaks = |statement: &&Statement| !action_applies(statement, action).is_false();
        // A match that is certain without the unknown part is the same whatever that part is.
        let certain = |statement: &Statement| {
            let applies = statement.resource.applies_to(resource, &Context::default());
            applies.is_true() || applies.is_false()
        };
        !self.statements.iter().filter(speaks).all(certain)
    }
}
