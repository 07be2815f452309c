//! What the pages for a person share: styles, and the folding of lines.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const OPEN: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const STRONG: Style = Style::new().bold();

/// What becomes of a word that is wider than a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LongWords {
    /// It stays whole and stands out.
    Whole,
    /// It is broken at the width.
    Broken,
}

/// Adds a line that starts with the first of `starts`, folded where there is a width; the rest starts with the second.
pub(super) fn fold(text: &mut String, width: Option<usize>, long: LongWords, starts: [&str; 2], content: &str) {
    let [first, rest] = starts;
    let Some(width) = width else {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{first}{content}");
        return;
    };
    let options = textwrap::Options::new(width.max(40))
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .break_words(long == LongWords::Broken);
    for line in textwrap::wrap(content, options) {
        let _ = writeln!(text, "{line}");
    }
}
