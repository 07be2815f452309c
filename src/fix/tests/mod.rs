//! Tests of adding to documents, which are long.

mod document;
