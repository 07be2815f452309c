//! Calls that get no answer are not made for ever.
//!
//! A call that is given up because none of its tries was answered in time is not made again in this run, in that Region; and if
//! nothing at all was answered since it began, no call is. So a run ends in about the time of one such call, however many it has
//! to make.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_config::Region;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_smithy_runtime_api::client::orchestrator::{Metadata, OrchestratorError};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use aws_smithy_types::retry::ErrorKind;

/// What was given up so far, over all accounts.
#[derive(Debug, Clone, Default)]
pub(super) struct Unanswered(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    calls: BTreeSet<Call>,
    /// When a call was given up while nothing was answered.
    silent_at: Option<Instant>,
    answered_at: Option<Instant>,
}

/// A Region, a service and an operation.
type Call = (String, String, String);

/// When a call began.
#[derive(Debug)]
struct Began(Instant);

impl Storable for Began {
    type Storer = StoreReplace<Began>;
}

/// The call is not made.
#[derive(Debug)]
pub(super) struct NotMade;

impl fmt::Display for NotMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("earlier calls were not answered in time, so it was not asked again")
    }
}

impl Error for NotMade {}

impl State {
    fn refuses(&self, call: &Call) -> bool {
        self.calls.contains(call) || self.silent_at.is_some_and(|at| self.answered_at.is_none_or(|last| last < at))
    }

    fn answered(&mut self, call: &Call, now: Instant) {
        self.answered_at = Some(now);
        self.calls.remove(call);
    }

    fn given_up(&mut self, call: Call, began: Instant, now: Instant) {
        if self.answered_at.is_none_or(|last| last < began) {
            self.silent_at = Some(now);
        }
        self.calls.insert(call);
    }
}

impl Unanswered {
    /// Whether a call was given up that is still not answered.
    pub(super) fn is_any(&self) -> bool {
        !self.state().calls.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The call that a configuration is for; `None` for a write, which is tried once and looked after by whoever makes it.
fn call_of(config: &ConfigBag) -> Option<Call> {
    let operation = config.load::<Metadata>()?;
    let reads = ["Get", "List", "Describe", "Simulate"].iter().any(|verb| operation.name().starts_with(verb));
    let region = config.load::<Region>().map(|region| region.to_string()).unwrap_or_default();
    reads.then(|| (region, operation.service().to_owned(), operation.name().to_owned()))
}

impl Intercept for Unanswered {
    fn name(&self) -> &'static str {
        "Unanswered"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if call_of(config).is_some_and(|call| self.state().refuses(&call)) {
            return Err(NotMade.into());
        }
        config.interceptor_state().store_put(Began(Instant::now()));
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(_), Some(call)) = (context.response(), call_of(config)) {
            self.state().answered(&call, Instant::now());
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let late = context.output_or_error().is_some_and(|ended| ended.is_err_and(is_late));
        if let (true, Some(call), Some(Began(began))) = (late, call_of(config), config.load::<Began>()) {
            self.state().given_up(call, *began, Instant::now());
        }
        Ok(())
    }
}

fn is_late<E: fmt::Debug>(error: &OrchestratorError<E>) -> bool {
    error.is_timeout_error() || error.as_connector_error().is_some_and(ConnectorError::is_timeout)
}

/// Has a call that was not answered in time tried again soon: it has waited long enough.
#[derive(Debug)]
pub(super) struct SoonAfterSilence;

impl ClassifyRetry for SoonAfterSilence {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.output_or_error() {
            Some(Err(error)) if is_late(error) => {
                RetryAction::retryable_error_with_explicit_delay(ErrorKind::TransientError, Duration::from_millis(250))
            }
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "SoonAfterSilence"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: &str) -> Call {
        ("us-east-1".to_owned(), "IAM".to_owned(), operation.to_owned())
    }

    #[test]
    fn a_call_that_was_given_up_is_not_made_again_and_others_are_as_long_as_something_is_answered() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut state = State::default();
        assert!(!state.refuses(&call("GetRole")));
        state.answered(&call("ListRolePolicies"), at(10));
        state.given_up(call("GetRole"), at(0), at(150));
        assert!(state.refuses(&call("GetRole")) && !state.refuses(&call("GetPolicy")));
        // Nothing was answered while this one was tried.
        state.given_up(call("GetPolicy"), at(20), at(170));
        assert!(state.refuses(&call("ListRolePolicies")));
        // One that was under way still is: AWS is there again, and so is that call.
        state.answered(&call("GetPolicy"), at(171));
        assert!(!state.refuses(&call("ListRolePolicies")) && !state.refuses(&call("GetPolicy")));
        assert!(state.refuses(&call("GetRole")));
    }

    #[test]
    fn with_no_answer_at_all_everything_ends() {
        let begin = Instant::now();
        let mut state = State::default();
        state.given_up(call("GetRole"), begin, begin + Duration::from_secs(1));
        assert!(state.refuses(&call("GetPolicy")));
    }
}
