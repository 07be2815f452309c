//! Policy documents that were parsed before: of a fleet's roles many have the same ones.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::facts::PolicyText;
use iam_eval::{Document, DocumentKind, NotAPolicy};

/// The documents of a run, each parsed once for what it is attached to.
#[derive(Default)]
pub(super) struct Library(RefCell<HashMap<(DocumentKind, PolicyText), Parsed>>);

/// A document, or why its text is none.
type Parsed = Result<Arc<Document>, NotAPolicy>;

impl Library {
    /// The document that a text is.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn document(&self, text: &PolicyText, kind: DocumentKind) -> Parsed {
        let parse = || Document::parse(text.as_str(), kind).map(Arc::new);
        self.0.borrow_mut().entry((kind, text.clone())).or_insert_with(parse).clone()
    }
}
