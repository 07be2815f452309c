//! The question before anything is written.

use std::io::IsTerminal as _;

use super::{Stop, output};
use crate::facts::Caller;
use crate::render::sanitize::terminal as clean;
use crate::render::words;

/// Why the run must not go on without `--yes`: nobody is there to be asked.
pub fn needs_yes(yes: bool) -> Option<Stop> {
    let somebody = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    (!yes && !somebody).then(|| {
        Stop::Usage(vec![
            "cannot ask for confirmation without a terminal; pass `--yes` to apply, or `--dry-run` to show the plan; nothing was changed"
                .to_owned(),
        ])
    })
}

/// The question: how many changes, and to which account or how many of them. Says first with whose credentials.
pub fn question(changes: usize, caller: Option<&Caller>, profile: Option<&str>, accounts: usize) -> String {
    if let Some(caller) = caller {
        output::note(&format!("{}\n", clean(&words::caller(&caller.account, caller.arn.as_deref()))));
    }
    let changes = if changes == 1 { "1 change".to_owned() } else { format!("{changes} changes") };
    let to = match caller {
        _ if accounts > 1 => format!(" to {accounts} accounts"),
        Some(caller) => {
            let profile = profile.map(|profile| format!(" ({profile})")).unwrap_or_default();
            format!(" to account {}{profile}", caller.account)
        }
        None => String::new(),
    };
    clean(&format!("Apply {changes}{to}?")).into_owned()
}

/// Asks; anything but a yes ends the run with nothing changed.
pub async fn ask(question: &str) -> Result<(), Stop> {
    let prompt = question.to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        dialoguer::Confirm::new().with_prompt(prompt).default(false).wait_for_newline(true).interact_opt()
    });
    match asked.await {
        Ok(Ok(Some(true))) => Ok(()),
        Ok(Ok(_)) => Err(Stop::Usage(vec!["cancelled; nothing was changed".to_owned()])),
        Ok(Err(dialoguer::Error::IO(error))) if error.kind() == std::io::ErrorKind::Interrupted => {
            Err(Stop::Interrupted)
        }
        Ok(Err(error)) => {
            Err(Stop::Usage(vec![format!("cannot ask for confirmation: {error}; pass `--yes`; nothing was changed")]))
        }
        Err(error) => {
            Err(Stop::Failure(format!("cannot ask for confirmation: {error}; pass `--yes`; nothing was changed")))
        }
    }
}
