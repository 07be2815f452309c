//! What is asked of a role on behalf of a subject: what every session needs, what the user wants, and what the Region's session
//! preferences demand.

use crate::facts::{Fact, Facts, KmsKey, Settings, Subject, SubjectKind, Unreadable, UnreadableKind};
use crate::needs::{self, KeyArn, Need, Place, Requirements};
use crate::preferences::{DEFAULT_NAME, Preferences};
use crate::report::{Code, Finding, Severity};

use super::words::warning;
use super::{explain, key};

/// Everything that is asked, and what about it is not known.
pub(super) struct Asked<'a> {
    /// What the role must be allowed.
    pub needs: Vec<Need>,
    /// The keys that sessions are encrypted with.
    pub keys: Vec<SessionKey<'a>>,
    /// What could not be read, resolved or understood.
    pub findings: Vec<Finding>,
    /// Whether the session preferences are known, or are known not to matter.
    pub preferences_known: bool,
}

/// A key that sessions are encrypted with.
pub(super) struct SessionKey<'a> {
    /// As the user or the preferences name it.
    pub given: String,
    /// Its own ARN, as far as it is known.
    pub arn: KeyArn,
    /// What AWS says of it.
    pub fact: Option<&'a Fact<KmsKey>>,
    /// Whether the preferences name it, rather than the user.
    pub by_preferences: bool,
}

/// The settings of the Region that a subject is in.
pub(super) fn settings_of<'a>(facts: &'a Facts, subject: &Subject) -> Option<&'a Settings> {
    match subject.kind {
        SubjectKind::Documents(_) => None,
        _ => facts.settings.get(subject.region.as_deref()?),
    }
}

/// What is asked for `subject`, whose agent is in `place`.
pub(super) fn of<'a>(facts: &'a Facts, requirements: &Requirements, subject: &Subject, place: &Place<'_>) -> Asked<'a> {
    let mut asked = Asked { needs: Vec::new(), keys: Vec::new(), findings: Vec::new(), preferences_known: true };
    let key = requirements.kms_key.as_deref().map(|given| asked.key(facts, given, place, false));
    asked.needs = needs::all(requirements, place, key.as_ref());
    if let Some(preferences) = asked.preferences(settings_of(facts, subject), subject) {
        let key = preferences.kms_key.as_deref().map(|given| asked.key(facts, given, place, true));
        for need in needs::of_preferences(&preferences, place, key.as_ref()) {
            needs::add(&mut asked.needs, need);
        }
    }
    asked
}

impl<'a> Asked<'a> {
    /// Resolves a key, and remembers it once.
    fn key(&mut self, facts: &'a Facts, given: &str, place: &Place<'_>, by_preferences: bool) -> KeyArn {
        let (arn, fact, finding) = key::resolve(facts, given, place, by_preferences);
        self.findings.extend(finding);
        match self.keys.iter_mut().find(|known| known.arn == arn) {
            // The user and the preferences may call one key by two names, and know more by one of them.
            Some(known) => {
                known.by_preferences |= by_preferences;
                if known.fact.is_none_or(|fact| fact.known().is_none()) {
                    known.fact = fact.or(known.fact);
                }
            }
            None => self.keys.push(SessionKey { given: given.to_owned(), arn: arn.clone(), fact, by_preferences }),
        }
        arn
    }

    fn preferences(&mut self, settings: Option<&Settings>, subject: &Subject) -> Option<Preferences> {
        if matches!(subject.kind, SubjectKind::Documents(_)) {
            return None;
        }
        let Some(settings) = settings else {
            self.preferences_known = false;
            return None;
        };
        let name = settings.preferences_name.as_deref()?;
        match &settings.preferences {
            Fact::Known(text) => match Preferences::parse(text.as_str()) {
                Ok(preferences) => Some(preferences),
                Err(error) => {
                    self.findings.push(warning(
                        Code::InvalidPolicy,
                        format!("the session preferences `{name}` are not understood: {error}"),
                        "correct the document; what sessions need beyond the core is not known",
                        true,
                    ));
                    None
                }
            },
            // Without the default document the defaults hold: no key, no logs.
            Fact::Absent if name == DEFAULT_NAME => None,
            Fact::Absent => {
                self.findings.push(warning(
                    Code::AwsError,
                    format!("there is no Session document `{name}` in this Region"),
                    "check the name that is given with `--preferences`",
                    true,
                ));
                None
            }
            // The default document is read if it is readable; whoever names another wants to know what it asks for.
            Fact::Unreadable(reason) if name != DEFAULT_NAME || may_hide(settings, reason) => {
                self.preferences_known = false;
                let finding = explain::unreadable(reason);
                let message = format!("the session preferences `{name}` are not known: {}", finding.message);
                self.findings.push(Finding { message, ..finding });
                None
            }
            Fact::Unreadable(reason) => {
                self.preferences_known = false;
                self.findings.extend(aside("the session preferences are not known", reason));
                None
            }
        }
    }
}

/// Whether there may be a document that asks for something. The setting of the same Region tells whether the service answers.
fn may_hide(settings: &Settings, reason: &Unreadable) -> bool {
    let of_setting = settings.host_management.unreadable().map(|reason| reason.kind);
    reason.kind.may_hide(of_setting != Some(UnreadableKind::Network))
}

/// Something that could not be read and decides nothing by itself; nothing where nobody tried to read it.
pub(super) fn aside(what: &str, reason: &Unreadable) -> Option<Finding> {
    let finding = explain::unreadable(reason);
    (reason.kind != UnreadableKind::NotInSnapshot).then(|| Finding {
        severity: Severity::Info,
        message: format!("{what}: {}", finding.message),
        leaves_unknown: false,
        ..finding
    })
}
