//! `explain`: what a finding means, how to see it by hand, what to do. Makes no AWS call.

use super::{Exit, Stop, output};
use crate::render::explanations;
use crate::render::sanitize::word;
use crate::render::text::Detail;
use crate::report::Code;

/// The words that `explain` takes.
pub fn codes() -> impl Iterator<Item = String> {
    Code::ALL.iter().map(word)
}

/// Runs `explain` on one of [`codes`].
pub fn explain(typed: &str) -> Result<Exit, Stop> {
    let code = Code::ALL.into_iter().find(|code| word(code) == typed);
    let code = code.ok_or_else(|| Stop::Usage(vec![format!("there is no finding code `{typed}`")]))?;
    let width = output::layout(Detail::Normal).width;
    output::print_styled(&explanations::for_terminal(explanations::page(code), width))?;
    Ok(Exit::Ready)
}
