//! How many calls were made, and how many of them AWS throttled: for progress, for whoever sets the pace, and as a log of each try.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

/// What went over the wire so far, tries that failed among them.
#[derive(Debug, Clone, Default)]
pub struct Traffic(Arc<Counts>);

/// Takes a line about each try of a call.
pub type Log = fn(&str);

#[derive(Debug, Default)]
struct Counts {
    tries: AtomicUsize,
    throttled: AtomicUsize,
    log: Option<Log>,
    /// The calls that are under way, by the order in which they began.
    under_way: Mutex<BTreeMap<usize, (Instant, String)>>,
    begun: AtomicUsize,
}

/// A call that is under way, with all its tries, until this is dropped.
pub struct UnderWay {
    traffic: Traffic,
    number: usize,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.traffic.under_way().remove(&self.number);
    }
}

/// When a try began, and to which host.
#[derive(Debug)]
struct Began(Instant, Option<String>);

impl Storable for Began {
    type Storer = StoreReplace<Began>;
}

/// The headers that name a request, by the style of the service.
const REQUEST_IDS: [&str; 3] = ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"];

/// What a throttled answer names as its error, in part.
///
/// Sources: [EC2 error codes](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html) and the
/// [errors that SDKs try again](https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
const CODES: [&str; 4] = ["Throttl", "RequestLimitExceeded", "TooManyRequests", "SlowDown"];

impl Traffic {
    /// Nothing went over the wire yet. `log` is told each try.
    pub fn new(log: Option<Log>) -> Traffic {
        Traffic(Arc::new(Counts { log, ..Counts::default() }))
    }

    /// How many times a call was tried.
    pub fn tries(&self) -> usize {
        self.0.tries.load(Ordering::Relaxed)
    }

    /// How many tries were made or are under way.
    pub fn made(&self) -> usize {
        self.tries() + self.under_way().len()
    }

    /// How many of them were throttled.
    pub fn throttled(&self) -> usize {
        self.0.throttled.load(Ordering::Relaxed)
    }

    /// Takes note that a call to `api` (`iam:GetRole`) is under way.
    pub fn begin(&self, api: &str) -> UnderWay {
        let number = self.0.begun.fetch_add(1, Ordering::Relaxed);
        self.under_way().insert(number, (Instant::now(), api.to_owned()));
        UnderWay { traffic: self.clone(), number }
    }

    /// The call that has been under way for longest, if for at least this long.
    pub fn waited_for(&self, at_least: Duration) -> Option<String> {
        let under_way = self.under_way();
        let (_, (began, api)) = under_way.first_key_value()?;
        (began.elapsed() >= at_least).then(|| api.clone())
    }

    fn under_way(&self) -> MutexGuard<'_, BTreeMap<usize, (Instant, String)>> {
        self.0.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Traffic {
    fn name(&self) -> &'static str {
        "Traffic"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.0.log.is_some() {
            let host = url::Url::parse(context.request().uri()).ok().and_then(|url| url.host_str().map(str::to_owned));
            config.interceptor_state().store_put(Began(Instant::now(), host));
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.tries.fetch_add(1, Ordering::Relaxed);
        if let Some(log) = self.0.log {
            log(&in_a_line(context, config));
        }
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

/// A try of a call: to whom, what came of it, in which time, and the id of the request, by which AWS finds it. Nothing of what was
/// asked or answered, which may be secret.
fn in_a_line(context: &FinalizerInterceptorContextRef<'_>, config: &ConfigBag) -> String {
    let call = config.load::<Metadata>().map(|call| format!("{} {}", call.service(), call.name())).unwrap_or_default();
    let began = config.load::<Began>();
    let host = began.and_then(|Began(_, host)| host.as_deref()).unwrap_or("an unknown host");
    let number = config.load::<RequestAttempts>().map_or(1, |attempts| attempts.attempts());
    let time = began.map(|Began(began, _)| began.elapsed().as_millis()).unwrap_or_default();
    let answer = context.response().map(|answer| {
        let id = REQUEST_IDS.iter().find_map(|name| answer.headers().get(name)).map(str::to_owned);
        let id = id.or_else(|| id_in(&String::from_utf8_lossy(answer.body().bytes().unwrap_or_default())));
        let id = id.map(|id| format!(", request ID {id}")).unwrap_or_default();
        format!("status {}{id}", answer.status().as_u16())
    });
    let outcome = answer.unwrap_or_else(|| "no answer".to_owned());
    format!("{call} to {host}, try {number}: {outcome}, {time} ms")
}

/// The id of the request in an XML answer.
fn id_in(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("<RequestId>").or_else(|| body.split_once("<requestId>"))?;
    let id = rest.split('<').next()?;
    (id.len() <= 64).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_call_is_what_is_waited_for() {
        let traffic = Traffic::default();
        let first = traffic.begin("iam:GetRole");
        let second = traffic.begin("ssm:GetDocument");
        assert_eq!(traffic.waited_for(Duration::ZERO).as_deref(), Some("iam:GetRole"));
        assert_eq!(traffic.waited_for(Duration::from_secs(3600)), None);
        drop(first);
        assert_eq!(traffic.waited_for(Duration::ZERO).as_deref(), Some("ssm:GetDocument"));
        drop(second);
        assert_eq!(traffic.waited_for(Duration::ZERO), None);
    }
}
