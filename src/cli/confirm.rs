//! The question before anything is written.

use std::io::IsTerminal as _;

use super::{Stop, output};
use crate::facts::CallerIdentity;
use crate::render::sanitize::terminal as clean;
use crate::render::words;

/// Why the run must not go on without `--yes`: nobody is there to be asked.
pub fn needs_yes(yes: bool) -> Option<Stop> {
    let somebody = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    (!yes && !somebody).then(|| {
        Stop::Input(vec![
            "cannot ask for confirmation without a terminal; pass `--yes` to apply, or `--dry-run` to show the plan; nothing was changed"
                .to_owned(),
        ])
    })
}

/// The question: how many changes, and to which account or how many of them. `profile` is the one of the caller's credentials.
fn question(changes: usize, accounts: &[&str], caller: Option<&CallerIdentity>, profile: Option<&str>) -> String {
    let changes = if changes == 1 { "1 change".to_owned() } else { format!("{changes} changes") };
    let to = match accounts {
        [] => String::new(),
        [account] => {
            let profile = profile.filter(|_| caller.is_some_and(|caller| caller.account == *account));
            format!(" to account {account}{}", profile.map(|profile| format!(" ({profile})")).unwrap_or_default())
        }
        [..] => format!(" to {} accounts", accounts.len()),
    };
    clean(&format!("Apply {changes}{to}?")).into_owned()
}

/// Asks whether to make so many changes in these accounts; anything but a yes ends the run with nothing changed.
pub async fn ask(
    changes: usize,
    accounts: &[&str],
    caller: Option<&CallerIdentity>,
    profile: Option<&str>,
) -> Result<(), Stop> {
    if let Some(caller) = caller {
        output::note(&format!("{}\n", clean(&words::caller(caller))));
    }
    let prompt = question(changes, accounts, caller, profile);
    output::asks(true);
    let asked = tokio::task::spawn_blocking(move || {
        dialoguer::Confirm::new().with_prompt(prompt).default(false).wait_for_newline(true).interact_opt()
    });
    match asked.await {
        Ok(Ok(answer)) => {
            output::asks(false);
            answer.filter(|yes| *yes).map(drop).ok_or(Stop::Cancelled)
        }
        Ok(Err(dialoguer::Error::IO(error))) if error.kind() == std::io::ErrorKind::Interrupted => {
            Err(Stop::Interrupted)
        }
        Ok(Err(error)) => {
            Err(Stop::Input(vec![format!("cannot ask for confirmation: {error}; pass `--yes`; nothing was changed")]))
        }
        Err(error) => {
            Err(Stop::Failure(format!("cannot ask for confirmation: {error}; pass `--yes`; nothing was changed")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_names_the_account_that_is_changed() {
        let caller = CallerIdentity { account: "111122223333".to_owned(), arn: None };
        for (changes, accounts, profile, expected) in [
            (1, &["111122223333"][..], None, "Apply 1 change to account 111122223333?"),
            (2, &["111122223333"], Some("prod"), "Apply 2 changes to account 111122223333 (prod)?"),
            // It is entered from there, and the profile is not its.
            (2, &["444455556666"], Some("prod"), "Apply 2 changes to account 444455556666?"),
            (3, &["111122223333", "444455556666"], Some("prod"), "Apply 3 changes to 2 accounts?"),
            (1, &[], None, "Apply 1 change?"),
        ] {
            assert_eq!(question(changes, accounts, Some(&caller), profile), expected);
        }
    }
}
