//! What the records of security products say beside the findings. A title there is a headline, and begins with a capital.

use super::{Place, Words};
use crate::command_line::Command;
use crate::report::{Code, Finding, Verdict};

/// What the verdict is held against.
pub const STANDARD: &str = "Session Manager prerequisites";

/// Where AWS tells it.
pub const PREREQUISITES: &str =
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-prerequisites.html";

/// The title of a record about a code.
pub fn title(code: Code, target: &str) -> String {
    format!("{}: {target}", code.description().trim_end_matches('.'))
}

/// The title of a record about a verdict.
pub fn title_of_verdict(verdict: Verdict, target: &str) -> String {
    match verdict {
        Verdict::Ready => format!("Session Manager can reach {target}"),
        Verdict::NotReady => format!("Session Manager cannot reach {target}"),
        Verdict::Unknown => format!("Session Manager may or may not reach {target}"),
        Verdict::Skipped => format!("Not checked, since it is terminated: {target}"),
    }
}

/// A verdict: what decides it, and the codes of what was found.
pub fn verdict(verdict: Verdict, deciding: Option<&Finding>, codes: &[String], place: &Place<'_>) -> Words {
    let message = match (verdict, deciding) {
        (Verdict::NotReady | Verdict::Unknown, Some(deciding)) => super::finding(deciding, place).message,
        (Verdict::Ready, _) => {
            "nothing that can be seen from outside keeps Session Manager from reaching it".to_owned()
        }
        (Verdict::NotReady, None) => "something certainly keeps Session Manager from reaching it".to_owned(),
        (Verdict::Unknown, None) => "something that is needed could not be determined".to_owned(),
        (Verdict::Skipped, _) => "the instance is terminated".to_owned(),
    };
    let found = match codes {
        [] => String::new(),
        codes => format!("; found: {}", codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ")),
    };
    let remedy = match verdict {
        Verdict::NotReady | Verdict::Unknown => {
            let check = Command::new("ssm-profile check").operand(place.target());
            let shows = (!place.in_code).then(|| format!("; `{}` shows all of it", place.in_region(check)));
            format!("fix what the other records of this resource name{}", shows.unwrap_or_default())
        }
        Verdict::Ready | Verdict::Skipped => String::new(),
    };
    Words::new(message + &found, remedy)
}
