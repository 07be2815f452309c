//! Text from outside, made fit to go out.
//!
//! Tags, Sids, names and policy texts are chosen by others. Whoever chooses them shall not move the cursor, reverse the
//! reading order, hide a character or forge a line of a report. What is taken out is not dropped but shown, so that
//! two names that differ also look different.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;

use crate::unseen::is_unseen;

/// `text` on one line, with every control and invisible character as a visible escape such as `\n` or `\u{202e}`.
///
/// A backslash stays as it is: the escapes are for the eye, not for reading back.
pub fn terminal(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut visible = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unseen(character) {
            visible.extend(character.escape_default());
        } else {
            visible.push(character);
        }
    }
    Cow::Owned(visible)
}

/// `text` for an XML document, before XML's own escaping.
///
/// `quick-junit` drops what looks like an ANSI sequence, which may be all the rest of the text, and lets U+FFFE and
/// U+FFFF pass, which XML 1.0 forbids. Both are visible escapes here. It is the same as [`terminal`], since a build
/// log shows these texts in the end.
pub fn xml(text: &str) -> Cow<'_, str> {
    terminal(text)
}

/// `text` for GitHub Markdown, as inline text or in a table cell, showing just its characters.
///
/// Numeric references and not backslashes: they hold inside HTML too, and a reference never counts as structure, not
/// even the pipe in a table. Mentions and issue references are found only after the references are resolved; there an
/// empty comment keeps the sign and the name apart. A bare web address stays clickable, as it hides nothing.
/// A line must not begin with the result, for `- ` or `1. ` would make a list of it.
pub fn markdown(text: &str) -> String {
    let visible = terminal(text);
    let mut safe = String::with_capacity(visible.len() + 16);
    let mut previous = None;
    let mut rest = visible.chars().peekable();
    while let Some(character) = rest.next() {
        let next = rest.peek().copied();
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            // A pair of them is a formula, and GitHub's way to say that it is none is this one.
            '$' => safe.push_str("<span>$</span>"),
            '@' if next.is_some_and(char::is_alphanumeric) => safe.push_str("@<!-- -->"),
            '#' if next.is_some_and(char::is_numeric) => safe.push_str("#<!-- -->"),
            // Inside a word it means nothing, and web addresses have it.
            '_' if previous.is_some_and(is_ascii_word) && next.is_some_and(is_ascii_word) => safe.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => push_reference(&mut safe, character),
            '#' if previous.is_none() => push_reference(&mut safe, character),
            _ => safe.push(character),
        }
        previous = Some(character);
    }
    safe
}

/// The machine report's word for a value of a closed set, such as a finding code.
pub fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn is_ascii_word(character: char) -> bool {
    character.is_ascii_alphanumeric()
}

fn push_reference(safe: &mut String, character: char) {
    // Writing to a string does not fail.
    let _ = write!(safe, "&#{};", u32::from(character));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_seen_is_shown() {
        for (outside, shown) in [
            ("a\nb\r\tc", r"a\nb\r\tc"),
            ("\u{0}\u{1b}[2J\u{7f}", r"\u{0}\u{1b}[2J\u{7f}"),
            ("\u{85}\u{9b}31m", r"\u{85}\u{9b}31m"),
            ("web\u{202e}1-bd\u{2066}", r"web\u{202e}1-bd\u{2066}"),
            ("a\u{200b}b\u{200d}\u{feff}\u{ad}", r"a\u{200b}b\u{200d}\u{feff}\u{ad}"),
            ("\u{2028}\u{2029}", r"\u{2028}\u{2029}"),
            ("\u{e0041}\u{fe0f}", r"\u{e0041}\u{fe0f}"),
            ("\u{ffff}\u{1fffe}", r"\u{ffff}\u{1fffe}"),
        ] {
            assert_eq!(terminal(outside), shown);
            assert_eq!(xml(outside), shown);
        }
    }

    #[test]
    fn what_can_be_seen_stays_and_costs_nothing() {
        for text in ["", "web-1", "Bücher für 東京 \u{5e9}\u{5dc}\u{5d5}\u{5dd} 🚀", r"C:\new", "a\u{a0}b", "<&>\"'"]
        {
            assert!(matches!(terminal(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn markdown_shows_the_characters_and_nothing_else() {
        for (outside, safe) in [
            ("ssm:* | `x`", "ssm:&#42; &#124; &#96;x&#96;"),
            ("[click](https://evil.example)", "&#91;click&#93;(https://evil.example)"),
            ("</details><script>", "&lt;/details&gt;&lt;script&gt;"),
            ("&lt; \\| ~~no~~", "&amp;lt; &#92;&#124; &#126;&#126;no&#126;&#126;"),
            ("@octocat fixes #12, a@b", "@<!-- -->octocat fixes #<!-- -->12, a@<!-- -->b"),
            ("# title # @ ", "&#35; title # @ "),
            ("_em_ snake_case a__b é_é", "&#95;em&#95; snake_case a&#95;&#95;b é&#95;é"),
            ("${aws:username} $x$", "<span>$</span>{aws:username} <span>$</span>x<span>$</span>"),
            ("two\nlines\u{202e}", "two&#92;nlines&#92;u{202e}"),
        ] {
            assert_eq!(markdown(outside), safe);
        }
    }

    #[test]
    fn words_are_those_of_the_machine_report() {
        assert_eq!(word(&crate::report::Code::NoInstanceProfile), "no-instance-profile");
        assert_eq!(word(&crate::report::Severity::Warning), "warning");
        assert_eq!(word(&1), "");
    }

    proptest! {
        #[test]
        fn nothing_unseen_is_left(text in any::<String>()) {
            prop_assert!(!terminal(&text).contains(is_unseen));
            let safe = markdown(&text);
            prop_assert!(!safe.contains(is_unseen));
            prop_assert!(!safe.contains(['|', '`', '*', '[', ']', '\\', '~']));
            for after in safe.split('<').skip(1) {
                prop_assert!(["!-- -->", "span>$", "/span>"].iter().any(|own| after.starts_with(own)));
            }
        }

        #[test]
        fn a_safe_text_is_safe_already(text in any::<String>()) {
            let once = terminal(&text).into_owned();
            prop_assert_eq!(terminal(&once), once.as_str());
        }
    }
}
