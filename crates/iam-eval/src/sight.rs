//! What a document looks at in a request: requests that differ elsewhere get the same answer, and need be decided once.

use std::collections::BTreeSet;

use super::Context;
use super::document::Document;
use super::evaluate::{Request, action_applies};
use super::resource::{Resource, ResourcePattern};

impl Document {
    /// Adds the condition keys that it may look at, in lower case: the keys of its conditions, and its policy variables.
    pub fn add_keys(&self, keys: &mut BTreeSet<String>) {
        for statement in &self.statements {
            keys.extend(statement.condition.keys());
            keys.extend(statement.resource.patterns().iter().flat_map(ResourcePattern::keys));
        }
    }

    /// Whether a statement on `action` may tell apart two resources which are both as much of `resource` as is known.
    pub fn tells_apart(&self, action: &str, resource: &Resource) -> bool {
        let request = Request { action: action.to_owned(), resource: resource.clone(), context: Context::default() };
        if self.is_too_large_for(&request) {
            return true;
        }
        let speaks = |statement: &&super::Statement| !action_applies(statement, action).is_false();
        // A match that is certain without the unknown part is the same whatever that part is.
        let certain = |statement: &super::Statement| {
            let applies = statement.resource.applies_to(resource, &Context::default());
            applies.is_true() || applies.is_false()
        };
        !self.statements.iter().filter(speaks).all(certain)
    }
}
