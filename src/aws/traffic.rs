//! How many calls were made, and how many of them AWS throttled: for progress, and for whoever sets the pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// What went over the wire so far, tries that failed among them.
#[derive(Debug, Clone, Default)]
pub struct Traffic(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    tries: AtomicUsize,
    throttled: AtomicUsize,
}

/// What a throttled answer names as its error, in part.
///
/// Sources: [EC2 error codes](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html) and the
/// [errors that SDKs try again](https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
const CODES: [&str; 4] = ["Throttl", "RequestLimitExceeded", "TooManyRequests", "SlowDown"];

impl Traffic {
    /// How many times a call was tried.
    pub fn tries(&self) -> usize {
        self.0.tries.load(Ordering::Relaxed)
    }

    /// How many of them were throttled.
    pub fn throttled(&self) -> usize {
        self.0.throttled.load(Ordering::Relaxed)
    }
}

impl Intercept for Traffic {
    fn name(&self) -> &'static str {
        "Traffic"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.tries.fetch_add(1, Ordering::Relaxed);
        let Some(answer) = context.response().filter(|answer| answer.status().as_u16() >= 400) else { return Ok(()) };
        let said = String::from_utf8_lossy(answer.body().bytes().unwrap_or_default());
        let named = answer.headers().get("x-amzn-errortype").unwrap_or_default();
        let throttled = answer.status().as_u16() == 429;
        if throttled || CODES.iter().any(|code| said.contains(code) || named.contains(code)) {
            self.0.throttled.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
