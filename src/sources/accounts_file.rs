//! The file of accounts that `--accounts` names.

use thiserror::Error;

use super::documents::Text;
use iam_eval::arn::is_account_id;

/// So many mistakes are told one by one.
const MOST_TOLD: usize = 20;

/// The account ids in a file, in order: the first word of each line; an empty line and what follows `#` say nothing.
///
/// # Errors
/// A message for each of the first mistakes, and one for all others.
pub fn ids(file: &Text) -> Result<Vec<String>, Vec<String>> {
    let mut ids: Vec<String> = Vec::new();
    let (mut mistakes, mut more) = (Vec::new(), 0_usize);
    for (index, line) in lines(&file.text).enumerate() {
        match id(line) {
            Ok(id) => ids.extend(id.map(str::to_owned)),
            Err(_) if mistakes.len() == MOST_TOLD => more += 1,
            Err(what) => mistakes.push(format!("line {} of `{}`: {what}", index + 1, file.name)),
        }
    }
    if more > 0 {
        mistakes.push(format!("{more} more of the lines of `{}` are wrong", file.name));
    }
    if ids.is_empty() && mistakes.is_empty() {
        mistakes.push(format!("`{}` names no account; give a file with an account ID on each line", file.name));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// A warning for each line on which a second account stands, which counts as little as the rest of a line.
pub fn not_counted(file: &Text) -> Vec<String> {
    let second = |line| words(line).skip(1).find(|word| is_account_id(word));
    let second = lines(&file.text).enumerate().filter_map(|(index, line)| Some((index, second(line)?)));
    let warning = |(index, id)| {
        let line = index + 1;
        format!("line {line} of `{}`: `{id}` does not count; the account of a line is its first word", file.name)
    };
    second.map(warning).take(MOST_TOLD).collect()
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    let text = text.trim_start_matches('\u{feff}');
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// The words of a line, of a table as well.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let line = line.split('#').next().unwrap_or_default().trim();
    line.split(|c: char| c.is_whitespace() || c == ',').map(|word| word.trim_matches('"'))
}

/// What is wrong with a line.
#[derive(Debug, Error)]
#[error("`{0}` is not an account ID of 12 digits")]
struct NotAnId<'a>(&'a str);

/// The account id on a line, if it says one.
fn id(line: &str) -> Result<Option<&str>, NotAnId<'_>> {
    let Some(word) = words(line).next().filter(|word| !word.is_empty()) else { return Ok(None) };
    match is_account_id(word) {
        true => Ok(Some(word)),
        false => Err(NotAnId(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_TOLD, Text};

    fn ids(text: &str) -> Result<Vec<String>, Vec<String>> {
        super::ids(&Text { name: "accounts.txt".into(), text: text.into() })
    }

    #[test]
    fn a_file_of_accounts() {
        for text in [
            "222222222222\n111111111111\n",
            "# all\n111111111111 shop  # the shop\n\n 222222222222,web,prod\n111111111111",
            "\u{feff}\"111111111111\",a\n\"222222222222\",b",
        ] {
            assert_eq!(ids(text), Ok(vec!["111111111111".to_owned(), "222222222222".to_owned()]), "{text}");
        }
        assert_eq!(ids("111111111111\r222222222222").unwrap().len(), 2);
        let rest = "111111111111 was 222222222222\n# 333333333333 444444444444\n555555555555 # 666666666666";
        assert_eq!(ids(rest), Ok(vec!["111111111111".to_owned(), "555555555555".to_owned()]));
        let file = Text { name: "accounts.txt".into(), text: rest.into() };
        let warnings = super::not_counted(&file);
        assert!(
            matches!(&warnings[..], [one] if one.contains("line 1") && one.contains("`222222222222`")),
            "{warnings:?}"
        );
        assert!(ids("").unwrap_err()[0].contains("names no account"));
        let mistakes = ids("111111111111\nshop 111111111111\n12345\n").unwrap_err();
        assert_eq!(mistakes.len(), 2);
        assert!(mistakes[0].contains("line 2 of `accounts.txt`") && mistakes[1].contains("`12345`"), "{mistakes:?}");
    }

    #[test]
    fn of_many_mistakes_the_first_are_told() {
        assert_eq!(ids(&"a\n".repeat(MOST_TOLD)).unwrap_err().len(), MOST_TOLD);
        let mistakes = ids(&"a\n".repeat(MOST_TOLD + 7)).unwrap_err();
        assert_eq!(mistakes.len(), MOST_TOLD + 1);
        assert_eq!(mistakes[MOST_TOLD], "7 more of the lines of `accounts.txt` are wrong");
    }
}
