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

/// Adds a line that is indented by so many spaces, folded with a hanging indent where there is a width.
pub(super) fn line(text: &mut String, width: Option<usize>, indent: usize, content: &str) {
    let (first, rest) = (" ".repeat(indent), " ".repeat(indent + 2));
    fold(text, width, [&first, &rest], content);
}

/// Adds a line that starts with the first of `starts`, folded where there is a width; the rest starts with the second.
///
/// No word is ever broken, and what stands between backticks is one: the rest of a command would be another command in a shell, and that
/// of a path another file.
pub(super) fn fold(text: &mut String, width: Option<usize>, starts: [&str; 2], content: &str) {
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
        .break_words(false);
    for line in textwrap::wrap(content, options) {
        let _ = writeln!(text, "{line}");
    }
}

/// Words apart by spaces, what is between backticks being one.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let (mut words, mut start, mut quoted, mut after_space) = (Vec::new(), 0, false, false);
    for (index, character) in line.char_indices() {
        if after_space && character != ' ' && !quoted {
            words.extend(line.get(start..index).map(Word::from));
            start = index;
        }
        if character == '`' {
            // One that has no other quotes nothing.
            quoted = !quoted && line.get(index + 1..).is_some_and(|rest| rest.contains('`'));
        }
        after_space = character == ' ';
    }
    words.extend(line.get(start..).map(Word::from));
    Box::new(words.into_iter())
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
    fn a_command_and_a_path_stay_on_one_line() {
        let command = "`aws iam add-role-to-instance-profile --instance-profile-name web --role-name 'a b'`";
        let flag = "`--context 'aws:PrincipalTag/a b c d e f g h i j k l m n=VALUE'`";
        let path = "`/home/somebody/with a space/state/ssm-profile/20260101T000000Z.json`";
        let mut text = String::new();
        let content = format!("add the role that is there: {command}, or provide the value: {flag} and {path} or so");
        fold(&mut text, Some(40), ["  ", "    "], &content);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for whole in [command, flag, path] {
            assert!(lines.iter().any(|line| line.contains(whole)), "{whole}: {text}");
        }
        assert_eq!(lines.join(" "), content);
        assert!(text.lines().all(|line| line.len() <= 40 || line.contains('`')), "{text}");
    }

    #[test]
    fn long_words_stay_whole_and_a_single_backtick_quotes_nothing() {
        let (mut text, word) = (String::new(), "a".repeat(60));
        fold(&mut text, Some(40), ["", "  "], &format!("{word} ` and more of it than fits on a line of forty"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines.len()), (word.as_str(), 3), "{text}");
        assert!(lines[1..].iter().all(|line| line.len() <= 40), "{text}");
    }
}
