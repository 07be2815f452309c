//! What the pages for a person share: styles, the summary, and the folding of lines.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use textwrap::core::Word;

use super::words;
use crate::report::{NotChecked, Report, Summary};

pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const OPEN: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const STRONG: Style = Style::new().bold();

/// What no verdict of the report speaks of, each once.
pub(super) fn not_checked(report: &Report) -> Vec<String> {
    let items: BTreeSet<&NotChecked> = report.results.iter().flat_map(|outcome| outcome.not_checked.iter()).collect();
    items.into_iter().map(words::not_checked).collect()
}

/// How many there are of each verdict.
pub(super) fn summary(summary: Summary) -> String {
    let Summary { checked, ready, not_ready, unknown, skipped, known } = summary;
    let [checked, ready, not_ready, unknown] = [checked, ready, not_ready, unknown].map(digits);
    let mut line = format!("{checked} checked: {ready} ready, {not_ready} not ready, {unknown} unknown");
    if skipped > 0 {
        let _ = write!(line, ", {} skipped", digits(skipped));
    }
    if known > 0 {
        let _ = write!(line, "; {} {}", digits(known), words::FROM_BASELINE);
    }
    line
}

/// `4,210`.
pub(super) fn digits(number: usize) -> String {
    let plain = number.to_string();
    let mut grouped = String::with_capacity(plain.len() + plain.len() / 3);
    for (index, digit) in plain.chars().enumerate() {
        if index > 0 && (plain.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// What becomes of a word that is wider than a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LongWords {
    /// It stays whole and stands out.
    Whole,
    /// It is broken at the width.
    Broken,
}

/// Adds a line that is indented by so many spaces, folded with a hanging indent where there is a width.
pub(super) fn line(text: &mut String, width: Option<usize>, indent: usize, content: &str) {
    let (first, rest) = (" ".repeat(indent), " ".repeat(indent + 2));
    fold(text, width, LongWords::Whole, [&first, &rest], content);
}

/// Adds a line that starts with the first of `starts`, folded where there is a width; the rest starts with the second.
///
/// A command between backticks is never folded: in a shell the rest of it would be another command, or a part of a name.
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
        .word_separator(textwrap::WordSeparator::Custom(words))
        .break_words(long == LongWords::Broken && !content.split('`').any(is_command));
    for line in textwrap::wrap(content, options) {
        let _ = writeln!(text, "{line}");
    }
}

/// Words apart by spaces, a command between backticks being one.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let (mut words, mut start, mut in_command, mut after_space) = (Vec::new(), 0, false, false);
    for (index, character) in line.char_indices() {
        if after_space && character != ' ' && !in_command {
            words.extend(line.get(start..index).map(Word::from));
            start = index;
        }
        if character == '`' {
            in_command = !in_command && line.get(index + 1..).is_some_and(is_command);
        }
        after_space = character == ' ';
    }
    words.extend(line.get(start..).map(Word::from));
    Box::new(words.into_iter())
}

/// Whether a text begins like the commands, and the flags, that we print.
fn is_command(text: &str) -> bool {
    ["ssm-profile ", "aws ", "sudo ", "newline=", "--"].iter().any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (100_000, "100,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(digits(number), expected);
        }
    }

    #[test]
    fn a_command_stays_on_one_line() {
        let command = "`aws iam add-role-to-instance-profile --instance-profile-name web --role-name 'a b'`";
        let flag = "`--context 'aws:PrincipalTag/a b c d e f g h i j k l m n=VALUE'`";
        for long in [LongWords::Whole, LongWords::Broken] {
            let mut text = String::new();
            let content =
                format!("add the role that is there: {command}, or provide the value: {flag} and `no such thing`");
            fold(&mut text, Some(40), long, ["  ", "    "], &content);
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            let add = format!("{command}, or");
            assert!(lines.contains(&add.as_str()) || lines.contains(&format!("{command},").as_str()), "{text}");
            assert!(lines.contains(&flag) || lines.contains(&format!("{flag} and").as_str()), "{text}");
            assert_eq!(lines.join(" "), content);
            assert!(
                text.lines().all(|line| line.len() <= 40 || line.contains("`aws") || line.contains("`--")),
                "{text}"
            );
        }
    }

    #[test]
    fn long_words_are_broken_where_there_is_no_command() {
        let (mut text, word) = (String::new(), format!("`{}`", "a".repeat(60)));
        fold(&mut text, Some(40), LongWords::Broken, ["", "  "], &word);
        assert!(text.lines().all(|line| line.len() <= 40), "{text}");
        assert_eq!(text.lines().map(str::trim).collect::<String>(), word);
    }
}
