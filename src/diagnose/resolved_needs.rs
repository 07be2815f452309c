//! What is asked of a role on behalf of a subject: what every session needs, what the user wants, and what the Region's session
//! preferences demand.

use crate::facts::{
    Bucket, Fact, Facts, KmsKey, LogGroup, OtherUse, Settings, Subject, SubjectKind, Unreadable, UnreadableKind,
    log_group,
};
use crate::needs::{self, Cost, KeyArn, Need, Place, RequestedRegion, Requirements};
use crate::preferences::{DEFAULT_NAME, Preferences};
use crate::report::{Finding, FindingKind, NeededFor, NotRead, Reservation};
use iam_eval::Resource;
use iam_eval::arn::Arn;

use super::key;

/// Everything that is asked, and what about it is not known.
pub(super) struct ResolvedNeeds<'a> {
    /// What the role must be allowed.
    pub needs: Vec<Need>,
    /// The keys that sessions, or the buckets of their logs, are encrypted with.
    pub keys: Vec<SessionKey<'a>>,
    /// The buckets that session logs go to.
    pub buckets: Vec<Destination<'a, Bucket>>,
    /// The log groups that session logs go to.
    pub log_groups: Vec<Destination<'a, LogGroup>>,
    /// Whether bare documents are judged, for which nothing was read.
    pub of_documents: bool,
    /// What could not be read, resolved or understood.
    pub findings: Vec<Finding>,
    /// Whether the session preferences are known, or are known not to matter.
    pub preferences_known: bool,
}

/// A bucket or log group that session logs go to.
pub(super) struct Destination<'a, T> {
    /// Its name.
    pub name: String,
    /// What AWS says of it; `None` where nobody asked.
    pub fact: Option<&'a Fact<T>>,
    /// Whether the preferences demand that it is encrypted, so that the agent ends sessions where it is not.
    pub must_be_encrypted: bool,
    /// What it costs when logs do not get there.
    pub cost: Cost,
}

impl Destination<'_, Bucket> {
    /// The Region of the bucket, where that is known.
    pub(super) fn region(&self) -> Option<&str> {
        self.fact?.known()?.region.known().map(String::as_str)
    }

    /// Whether it is not known to be in this Region; one that does not exist is nowhere.
    pub(super) fn may_be_outside(&self, region: Option<&str>) -> bool {
        self.fact != Some(&Fact::Absent) && (self.region().is_none() || self.region() != region)
    }
}

/// A key that sessions, or a bucket, are encrypted with.
pub(super) struct SessionKey<'a> {
    /// What it encrypts: sessions (`kms`), or a bucket for their logs.
    pub used_for: NeededFor,
    /// As the user or the preferences name it.
    pub given: String,
    /// Its own ARN, as far as it is known.
    pub arn: KeyArn,
    /// What AWS says of it.
    pub fact: Option<&'a Fact<KmsKey>>,
    /// What it is made for, if it cannot encrypt sessions.
    pub other_use: Option<&'a OtherUse>,
    /// Whether the preferences name it, rather than the user.
    pub by_preferences: bool,
}

/// The settings of the Region that a subject is in.
pub(super) fn settings_of<'a>(facts: &'a Facts, subject: &Subject) -> Option<&'a Settings> {
    match subject.kind {
        SubjectKind::Documents(_) => None,
        _ => facts.settings.get(subject.region.as_deref().unwrap_or_default()),
    }
}

/// What is asked for `subject`, whose agent is in `place`.
pub(super) fn of<'a>(
    facts: &'a Facts,
    requirements: &Requirements,
    subject: &Subject,
    place: &Place<'_>,
) -> ResolvedNeeds<'a> {
    let mut asked = ResolvedNeeds {
        needs: Vec::new(),
        keys: Vec::new(),
        buckets: Vec::new(),
        log_groups: Vec::new(),
        of_documents: matches!(subject.kind, SubjectKind::Documents(_)),
        findings: Vec::new(),
        preferences_known: true,
    };
    let key = requirements.kms_key.as_deref().map(|given| asked.key(facts, given, place, false));
    asked.needs = needs::all(requirements, place, key.as_ref());
    if let Some(logs) = &requirements.s3_logs {
        add(&mut asked.buckets, &logs.bucket, facts.buckets.get(&logs.bucket), false, Cost::Sessions);
    }
    if let Some(group) = &requirements.cloudwatch_logs {
        let fact = facts.log_groups.get(&log_group(place.region, group));
        add(&mut asked.log_groups, group, fact, false, Cost::Sessions);
    }
    if let Some(preferences) = asked.preferences(settings_of(facts, subject), subject) {
        let key = preferences.kms_key.as_deref().map(|given| asked.key(facts, given, place, true));
        for need in needs::of_preferences(&preferences, place, key.as_ref()) {
            needs::add(&mut asked.needs, need);
        }
        if let Some(logs) = &preferences.s3_logs {
            let fact = facts.buckets.get(&logs.bucket);
            add(&mut asked.buckets, &logs.bucket, fact, preferences.s3_encrypted, Cost::Logs);
        }
        if let Some(group) = &preferences.cloudwatch_logs {
            let fact = facts.log_groups.get(&log_group(place.region, group));
            add(&mut asked.log_groups, group, fact, preferences.cloudwatch_encrypted, Cost::Logs);
        }
    }
    asked.know_buckets(facts, place);
    asked
}

/// Remembers a destination once; of two costs the higher counts.
fn add<'a, T>(
    all: &mut Vec<Destination<'a, T>>,
    name: &str,
    fact: Option<&'a Fact<T>>,
    must_be_encrypted: bool,
    cost: Cost,
) {
    match all.iter_mut().find(|known| known.name == name) {
        Some(known) => {
            known.must_be_encrypted |= must_be_encrypted;
            known.cost = known.cost.min(cost);
        }
        None => all.push(Destination { name: name.to_owned(), fact, must_be_encrypted, cost }),
    }
}

impl<'a> ResolvedNeeds<'a> {
    /// Resolves a session key, and remembers it once.
    fn key(&mut self, facts: &'a Facts, given: &str, place: &Place<'_>, by_preferences: bool) -> KeyArn {
        let (arn, fact, finding) = key::resolve(facts, given, place, by_preferences);
        self.findings.extend(finding);
        self.findings.extend(key_of_another_region(given, &arn, place));
        let of_sessions = |key: &&mut SessionKey<'_>| key.used_for == NeededFor::Kms;
        match self.keys.iter_mut().filter(of_sessions).find(|known| known.arn == arn) {
            // The user and the preferences may call one key by two names, and know more by one of them.
            Some(known) => {
                known.by_preferences |= by_preferences;
                if known.fact.is_none_or(|fact| fact.known().is_none()) {
                    known.fact = fact.or(known.fact);
                    known.other_use = other_use(facts, known.fact);
                }
            }
            None => self.keys.push(SessionKey {
                used_for: NeededFor::Kms,
                given: given.to_owned(),
                arn: arn.clone(),
                fact,
                other_use: other_use(facts, fact),
                by_preferences,
            }),
        }
        arn
    }

    /// Puts what is known of the buckets to use: requests go to their Regions, and their keys are needed for uploads.
    fn know_buckets(&mut self, facts: &'a Facts, place: &Place<'_>) {
        let mut of_keys = Vec::new();
        for index in 0..self.buckets.len() {
            let Some(destination) = self.buckets.get(index) else { continue };
            let (name, cost) = (destination.name.clone(), destination.cost);
            let Some(bucket) = destination.fact.and_then(Fact::known) else { continue };
            let region = bucket.region.known();
            if let Some(region) = region {
                let is_of_it = |need: &&mut Need| bucket_name(&need.resource).is_some_and(|of| of == name);
                for need in self.needs.iter_mut().filter(is_of_it) {
                    need.requested_region = RequestedRegion::Named(region.clone());
                }
            }
            let Some(given) = bucket.encryption.known().and_then(|encryption| encryption.kms_key.as_deref()) else {
                continue;
            };
            // The key that AWS manages for S3 is open to every principal of its account.
            if given.ends_with("alias/aws/s3") {
                continue;
            }
            let of_bucket = Place { region: region.map(String::as_str).or(place.region), ..*place };
            let (arn, fact, finding) = key::resolve(facts, given, &of_bucket, false);
            self.findings.extend(finding.map(|finding| match cost {
                Cost::Sessions => finding,
                Cost::Logs => {
                    Finding { reservation: Some(Reservation::OnlyLogs { bucket: Some(name.clone()) }), ..finding }
                }
            }));
            let region = region.cloned().map_or(RequestedRegion::NotKnown, RequestedRegion::Named);
            of_keys.push(needs::upload_key(&arn, region, cost));
            let used_for = NeededFor::S3Logs;
            let other_use = other_use(facts, fact);
            self.keys.push(SessionKey {
                used_for,
                given: given.to_owned(),
                arn,
                fact,
                other_use,
                by_preferences: false,
            });
        }
        of_keys.into_iter().for_each(|need| needs::add(&mut self.needs, need));
    }

    /// The bucket that an ARN is of, where logs go to it; `None` for what is no bucket.
    pub(super) fn bucket_of(&self, resource: &Resource) -> Option<Option<&Destination<'a, Bucket>>> {
        let name = bucket_name(resource)?;
        Some(self.buckets.iter().find(|bucket| bucket.name == name))
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
                    let error = error.to_string();
                    self.findings.push(FindingKind::PreferencesInvalid { name: name.to_owned(), error }.into());
                    None
                }
            },
            // Without the default document the defaults hold: no key, no logs.
            Fact::Absent if name == DEFAULT_NAME => None,
            Fact::Absent => {
                self.findings.push(FindingKind::PreferencesMissing { name: name.to_owned() }.into());
                None
            }
            // The default document is read if it is readable; whoever names another wants to know what it asks for.
            Fact::Unreadable(reason) if name != DEFAULT_NAME || may_hide(settings, reason) => {
                self.preferences_known = false;
                let (name, reason) = (name.to_owned(), reason.clone());
                self.findings.push(FindingKind::PreferencesUnreadable { name, reason }.into());
                None
            }
            Fact::Unreadable(reason) => {
                self.preferences_known = false;
                self.findings.extend(aside(NotRead::SessionPreferences, reason));
                None
            }
        }
    }
}

fn other_use<'a>(facts: &'a Facts, key: Option<&Fact<KmsKey>>) -> Option<&'a OtherUse> {
    facts.keys_of_other_use.get(&key?.known()?.arn)
}

/// Whether there may be a document that asks for something. The setting of the same Region tells whether the service answers.
fn may_hide(settings: &Settings, reason: &Unreadable) -> bool {
    let of_setting = settings.host_management.unreadable().map(|reason| reason.kind);
    reason.kind.may_hide(of_setting != Some(UnreadableKind::Network))
}

/// Something that could not be read and decides nothing by itself; nothing where nobody tried to read it.
pub(super) fn aside(what: NotRead, reason: &Unreadable) -> Option<Finding> {
    let tried = reason.kind != UnreadableKind::NotInSnapshot;
    tried.then(|| FindingKind::NotRead { what, reason: reason.clone() }.into())
}

/// The name of the bucket in the ARN of a bucket or an object.
fn bucket_name(resource: &Resource) -> Option<String> {
    let Resource::Arn(text) = resource else { return None };
    let arn = Arn::parse(&text.to_string()).filter(|arn| arn.service == "s3")?;
    arn.resource.split('/').next().map(str::to_owned)
}

/// The agent calls KMS in its own Region, where a key of another one is not.
fn key_of_another_region(given: &str, arn: &KeyArn, place: &Place<'_>) -> Option<Finding> {
    let (KeyArn::Resolved(text) | KeyArn::Unresolved(text)) = arn;
    let of_key = Arn::parse(given).or_else(|| Arn::parse(&text.to_string()))?;
    let (of_key, own) = (of_key.region()?.to_owned(), place.region?);
    (of_key != own && !of_key.contains('*')).then(|| {
        let (key, region) = (given.to_owned(), own.to_owned());
        FindingKind::KeyOfOtherRegion { key, key_region: of_key, region }.into()
    })
}
