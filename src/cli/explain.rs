//! `explain`: what a finding means, how to see it by hand, what to do. Makes no AWS call.

use super::{Exit, Stop, output};
use crate::render::explanations;
use crate::render::text::Detail;
use crate::report::Code;

/// Runs `explain`.
pub fn explain(code: Code) -> Result<Exit, Stop> {
    // It is read, also through a pipe, where a paragraph in one line is not.
    let width = output::layout(Detail::Normal).width.unwrap_or(80);
    output::print_styled(&explanations::for_terminal(explanations::page(code), width))?;
    Ok(Exit::Ready)
}
