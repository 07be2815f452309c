//! Several accounts behind one stub.
//!
//! The access key id of a call says whose it is: the number of an account, or `ASIA`, the number and four digits for what
//! `AssumeRole` gave out. Calls are counted for each account, so that `fail_some` and its like mean the calls in theirs.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::answer::Answer;
use super::stub::{Call, Stub};
use super::world::World;
use super::world_faults::Served;
use super::xml;

/// How long credentials last if neither the call nor the account says anything.
const HOUR: Duration = Duration::from_secs(3600);

/// How other accounts may assume the roles of an account. Its roles need not be among those of the world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assumable {
    /// Nobody may.
    pub refused: bool,
    /// The only role that may be assumed; any if none is named.
    pub role: Option<String>,
    /// What must be sent along.
    pub external_id: Option<String>,
    /// How long the credentials last, whatever the call asks for.
    pub lasts: Option<Duration>,
}

impl World {
    /// Lets nobody assume a role of this account.
    pub fn not_assumable(mut self) -> Self {
        self.assumable.refused = true;
        self
    }

    /// Lets nothing but this role be assumed.
    pub fn assumable_role(mut self, name: &str) -> Self {
        self.assumable.role = Some(name.into());
        self
    }

    /// Lets a role be assumed only with this external id.
    pub fn external_id(mut self, id: &str) -> Self {
        self.assumable.external_id = Some(id.into());
        self
    }

    /// How long the credentials last that `AssumeRole` gives for this account. What is sent with older ones is refused.
    pub fn sessions_last(mut self, lasts: Duration) -> Self {
        self.assumable.lasts = Some(lasts);
        self
    }
}

impl Call {
    /// The account whose credentials signed it.
    pub fn account(&self) -> &str {
        let key = self.access_key_id.as_str();
        let number = key.strip_prefix("ASIA").unwrap_or(key);
        number.get(..12).unwrap_or(number)
    }
}

impl Stub {
    /// Serves several accounts until the stub is dropped. [`Stub::world`] looks into the first, [`Stub::world_of`] into any.
    pub fn accounts(worlds: impl IntoIterator<Item = World>) -> Self {
        let mut accounts = Accounts::default();
        let mut served = Vec::new();
        for world in worlds {
            let account = world.account.clone();
            let one = Served::new(world);
            served.push(Arc::clone(&one.world));
            accounts.first.get_or_insert(account.clone());
            assert!(accounts.served.insert(account, one).is_none(), "each account is served once");
        }
        let stub = Stub::answering(move |call| accounts.answer(call));
        served.into_iter().fold(stub, Stub::of)
    }

    /// The calls that were made with the credentials of this account.
    pub fn calls_in(&self, account: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.account() == account).collect()
    }
}

#[derive(Default)]
struct Accounts {
    served: BTreeMap<String, Served>,
    first: Option<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How often each action was called in each account.
    counts: HashMap<(String, String), usize>,
    /// By access key id.
    sessions: HashMap<String, Session>,
}

/// What `AssumeRole` gave out.
#[derive(Clone)]
struct Session {
    arn: String,
    token: String,
    ends: Instant,
}

impl Accounts {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, call: &Call) -> Answer {
        // Instance metadata knows no credentials.
        let account = if call.service == "imds" { self.first.as_deref().unwrap_or_default() } else { call.account() };
        let Some(served) = self.served.get(account) else { return Answer::unrecognized(call.protocol()) };
        let session = self.state().sessions.get(&call.access_key_id).cloned();
        match &session {
            Some(session) if call.session_token.as_ref() != Some(&session.token) => {
                return Answer::unrecognized(call.protocol());
            }
            Some(session) if session.ends <= Instant::now() => return Answer::expired(call.protocol()),
            None if call.access_key_id.starts_with("ASIA") => return Answer::unrecognized(call.protocol()),
            _ => {}
        }
        let mut call = call.clone();
        call.nth = self.count(account, &call.action);
        let wanted = self.wanted(&call);
        served.answer(&call, |world, call| match (call.service.as_str(), call.action.as_str(), &session) {
            ("sts", "AssumeRole", _) => {
                let caller = session.as_ref().map_or_else(|| world.arn("user", "/", "tester"), |own| own.arn.clone());
                world.region_refused(call).unwrap_or_else(|| self.assume(call, &caller, wanted))
            }
            ("sts", "GetCallerIdentity", Some(session)) => {
                let identity = || Answer::xml(xml::get_caller_identity(&world.account, &session.arn));
                world.region_refused(call).unwrap_or_else(identity)
            }
            _ => world.perform(call),
        })
    }

    fn count(&self, account: &str, action: &str) -> usize {
        let mut state = self.state();
        let count = state.counts.entry((account.into(), action.into())).or_default();
        *count += 1;
        *count
    }

    /// The partition and the rules of the account whose role a call wants. Looked up before the caller's account is locked,
    /// which may be the same.
    fn wanted(&self, call: &Call) -> Option<(String, Assumable)> {
        if call.action != "AssumeRole" {
            return None;
        }
        let (account, _) = role_of(call)?;
        let world = self.served.get(account)?.world.lock().unwrap_or_else(PoisonError::into_inner);
        Some((world.partition.clone(), world.assumable.clone()))
    }

    fn assume(&self, call: &Call, caller: &str, wanted: Option<(String, Assumable)>) -> Answer {
        let (arn, session_name) = (call.parameter("RoleArn"), call.parameter("RoleSessionName"));
        let invalid = |what: &str| Answer::error("ValidationError", &format!("{what} is invalid"));
        let Some((account, role)) = role_of(call) else { return invalid(arn) };
        let fits = |character: char| character.is_ascii_alphanumeric() || "_=,.@-".contains(character);
        if !(2..=64).contains(&session_name.len()) || !session_name.chars().all(fits) {
            return invalid("the value at 'roleSessionName'");
        }
        let asked = call.parameters.get("DurationSeconds").map(|seconds| seconds.parse());
        let asked = match asked {
            None => HOUR,
            Some(Ok(seconds @ 900..=43_200)) => Duration::from_secs(seconds),
            Some(_) => return invalid("the value at 'durationSeconds'"),
        };
        let admits = |rules: &Assumable| {
            let sent = call.parameter("ExternalId");
            !rules.refused
                && rules.role.as_ref().is_none_or(|only| only == role)
                && rules.external_id.as_ref().is_none_or(|id| id == sent)
        };
        // An account or a role that does not exist is refused in the same words.
        let Some((partition, rules)) = wanted.filter(|(_, rules)| admits(rules)) else {
            let message = format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}");
            return Answer::Error { status: 403, code: "AccessDenied".into(), message };
        };
        let lasts = rules.lasts.unwrap_or(asked);
        let mut state = self.state();
        let key = format!("ASIA{account}{:04}", state.sessions.len() + 1);
        let session = Session {
            arn: format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session_name}"),
            token: format!("token/of+{key}=="),
            ends: Instant::now() + lasts,
        };
        let ends = Timestamp::now() + SignedDuration::try_from(lasts).expect("a lifetime is no eternity");
        let answer =
            xml::assume_role(&key, &session.token, &ends.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), &session.arn);
        state.sessions.insert(key, session);
        Answer::xml(answer)
    }
}

/// The account and the name of the role that a call wants to assume.
fn role_of(call: &Call) -> Option<(&str, &str)> {
    let mut parts = call.parameter("RoleArn").splitn(6, ':').skip(2);
    let ("iam", "") = (parts.next()?, parts.next()?) else { return None };
    let (account, resource) = (parts.next()?, parts.next()?);
    let name = resource.strip_prefix("role/")?.rsplit('/').next()?;
    (account.len() == 12 && !name.is_empty()).then_some((account, name))
}
