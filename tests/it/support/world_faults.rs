//! What stands between the calls and an account: a test's rules, changes from outside, and connections that end.

use std::mem;
use std::ops::RangeBounds;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::answer::Answer;
use super::stub::{Call, Which};
use super::world::World;

type Hook = dyn Fn(&Call) -> Option<Answer> + Send + Sync;
type Spoil = dyn Fn(&Call, Answer) -> Answer + Send + Sync;
type Change = dyn Fn(&mut World) + Send + Sync;

/// What stands between the calls and the account.
#[derive(Default)]
pub(super) struct Faults {
    rules: Vec<Box<Hook>>,
    before: Vec<(Which, Box<Change>)>,
    after: Vec<(Which, Box<Change>)>,
    cut_after: Vec<Which>,
    spoiled: Vec<(String, Box<Spoil>)>,
}

/// An account that is served, and what stands in front of it.
pub(super) struct Served {
    pub world: Arc<Mutex<World>>,
    faults: Faults,
    latency: Duration,
}

impl Served {
    pub fn new(mut world: World) -> Self {
        world.spell_out();
        let (faults, latency) = (mem::take(&mut world.faults), world.latency);
        Self { world: Arc::new(Mutex::new(world)), faults, latency }
    }

    /// What `perform` gets from the account, or what stands in the way of that.
    pub fn answer(&self, call: &Call, perform: impl FnOnce(&mut World, &Call) -> Answer) -> Answer {
        let answer = self.faults.answer(call, &self.world, perform);
        if self.latency.is_zero() { answer } else { answer.after(self.latency) }
    }
}

impl World {
    /// Answers this action always so.
    pub fn fail(self, action: &str, answer: Answer) -> Self {
        let action = action.to_string();
        self.hook(move |call| (call.action == action).then(|| answer.clone()))
    }

    /// Answers these calls of the action so: `.fail_some("PutRolePolicy", 2..=2, ...)` is the second one.
    pub fn fail_some(self, action: &str, numbers: impl RangeBounds<usize>, answer: Answer) -> Self {
        let which = Which::of(action, numbers);
        self.hook(move |call| which.has(call).then(|| answer.clone()))
    }

    /// Answers the first `count` calls of this action so, as where something made just now has not come round yet.
    pub fn not_yet(self, action: &str, count: usize, answer: Answer) -> Self {
        self.fail_some(action, ..=count, answer)
    }

    /// Ends the connection at these calls without an answer, and without having done what they ask for. The SDK tries again.
    pub fn cut_before(self, action: &str, numbers: impl RangeBounds<usize>) -> Self {
        self.fail_some(action, numbers, Answer::Closed)
    }

    /// Does what these calls ask for and then ends the connection without an answer. The SDK tries again.
    pub fn cut_after(mut self, action: &str, numbers: impl RangeBounds<usize>) -> Self {
        self.faults.cut_after.push(Which::of(action, numbers));
        self
    }

    /// Does what this action asks for and then gives what this function makes of the answer.
    pub fn spoil(mut self, action: &str, spoil: impl Fn(&Call, Answer) -> Answer + Send + Sync + 'static) -> Self {
        self.faults.spoiled.push((action.into(), Box::new(spoil)));
        self
    }

    /// Changes the account when these calls have arrived, before they are dealt with: somebody else was faster.
    pub fn before(
        mut self,
        action: &str,
        numbers: impl RangeBounds<usize>,
        change: impl Fn(&mut World) + Send + Sync + 'static,
    ) -> Self {
        self.faults.before.push((Which::of(action, numbers), Box::new(change)));
        self
    }

    /// Changes the account when these calls have been dealt with, before their answers are sent.
    pub fn after(
        mut self,
        action: &str,
        numbers: impl RangeBounds<usize>,
        change: impl Fn(&mut World) + Send + Sync + 'static,
    ) -> Self {
        self.faults.after.push((Which::of(action, numbers), Box::new(change)));
        self
    }

    /// Answers this action so if a parameter has this value: `.fail_where("GetRole", "RoleName", "web", ...)`.
    pub fn fail_where(self, action: &str, parameter: &str, value: &str, answer: Answer) -> Self {
        let (action, parameter, value) = (action.to_string(), parameter.to_string(), value.to_string());
        self.hook(move |call| (call.action == action && call.parameter(&parameter) == value).then(|| answer.clone()))
    }

    /// Answers this action so in one Region.
    pub fn fail_in(self, action: &str, region: &str, answer: Answer) -> Self {
        let (action, region) = (action.to_string(), region.to_string());
        self.hook(move |call| (call.action == action && call.region == region).then(|| answer.clone()))
    }

    /// Answers the first calls of this action by these, one after another, and the later ones as if nothing were wrong.
    pub fn first(self, action: &str, answers: impl IntoIterator<Item = Answer>) -> Self {
        let action = action.to_string();
        let answers = Mutex::new(answers.into_iter().collect::<Vec<_>>().into_iter());
        self.hook(move |call| {
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            if call.action == action { answers.next() } else { None }
        })
    }

    /// Answers by this function where it gives an answer. Hooks are asked in the order in which they were added.
    pub fn hook(mut self, hook: impl Fn(&Call) -> Option<Answer> + Send + Sync + 'static) -> Self {
        self.faults.rules.push(Box::new(hook));
        self
    }

    /// Answers every so manieth call to a service so, whatever the action: the next call goes through.
    pub fn every(self, service: &str, nth: usize, answer: Answer) -> Self {
        assert!(nth > 1, "one call in between must go through");
        let (service, calls) = (service.to_string(), AtomicUsize::new(0));
        self.hook(move |call| {
            let hit = call.service == service && (calls.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(nth);
            hit.then(|| answer.clone())
        })
    }

    /// Throttles every so manieth call to a service: `.throttle_every("iam", 3)`. What is sent again counts again.
    pub fn throttle_every(self, service: &str, nth: usize) -> Self {
        self.every(service, nth, Answer::throttled())
    }
}

impl Faults {
    /// What the account says to a call, or what stands in the way of that.
    fn answer(&self, call: &Call, world: &Mutex<World>, perform: impl FnOnce(&mut World, &Call) -> Answer) -> Answer {
        // Without the lock: a rule may take its time.
        let ruled = self.rules.iter().find_map(|rule| rule(call));
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        let change = |world: &mut World, changes: &[(Which, Box<Change>)]| {
            changes.iter().filter(|(which, _)| which.has(call)).for_each(|(_, change)| change(world));
        };
        change(&mut world, &self.before);
        let answer = ruled.unwrap_or_else(|| {
            let answer = perform(&mut world, call);
            if self.cut_after.iter().any(|which| which.has(call)) {
                return Answer::Closed;
            }
            let spoils = self.spoiled.iter().filter(|(action, _)| *action == call.action);
            spoils.fold(answer, |answer, (_, spoil)| spoil(call, answer))
        });
        change(&mut world, &self.after);
        answer
    }
}
