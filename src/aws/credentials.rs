//! Where credentials come from.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds::client::error::ImdsError;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::error::{cause_with_proxy, find};
use super::mfa::WithCode;
use super::process::OfProcess;
use crate::redact;

/// A credential process may ask its user something, so that it needs longer than a network call.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody has to find the device and to type its code.
pub(super) const PATIENCE_WITH_PEOPLE: Duration = Duration::from_secs(300);

/// The provider of a profile whose credentials a process prints.
pub(super) fn of_process(provider: OfProcess) -> FailOnce {
    FailOnce::new(provider)
}

/// The provider of a profile that takes a code of an MFA device.
pub(super) fn with_code(provider: WithCode) -> FailOnce {
    FailOnce { patience: PATIENCE_WITH_PEOPLE, ..FailOnce::new(provider) }
}

/// The provider for a run: the SDK's chain, or the named profile.
///
/// A profile that was named wins over credentials in the environment, as in the AWS CLI
/// ([precedence](https://docs.aws.amazon.com/cli/latest/userguide/cli-chap-configure.html#configure-precedence));
/// the SDK's own chain would ask the environment first.
pub(super) async fn provider(profile: Option<&str>, region: Option<Region>, client: SharedHttpClient) -> FailOnce {
    // Identity Center and STS, too, are reached by way of the proxy and certificates that were asked for.
    let config = ProviderConfig::without_region().with_region(region.clone()).with_http_client(client);
    let Some(profile) = profile else {
        let mut chain = DefaultCredentialsChain::builder().configure(config);
        chain.set_region(Some(region));
        return FailOnce::new(chain.build().await);
    };
    let named = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&config);
    let container = EcsCredentialsProvider::builder().configure(&config);
    let instance = ImdsCredentialsProvider::builder().configure(&config);
    FailOnce::new(
        CredentialsProviderChain::first_try("Profile", named.build())
            .or_else("EcsContainer", container.build())
            .or_else("Ec2InstanceMetadata", instance.build()),
    )
}

/// Takes note of the secrets of credentials, so that no message shows them.
pub(super) fn remember(credentials: &Credentials) {
    redact::remember(credentials.secret_access_key());
    credentials.session_token().into_iter().for_each(redact::remember);
}

/// Takes note of the secrets that the environment and the shared config files hold, whether they come to be used or not.
pub(super) fn remember_surroundings(profiles: Option<&ProfileSet>) {
    for variable in
        ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    {
        std::env::var(variable).iter().for_each(|value| redact::remember(value));
    }
    let Some(profiles) = profiles else { return };
    for profile in profiles.profiles().filter_map(|name| profiles.get_profile(name)) {
        for key in ["aws_secret_access_key", "aws_session_token"] {
            profile.get(key).into_iter().for_each(redact::remember);
        }
    }
}

/// A provider that fails once and then remembers why, and gives what came first a second time.
///
/// A run looks for credentials before anything else; the SDK, which asks next, shall not have a role assumed again for it.
///
/// The SDK keeps credentials but not the failure to get them: every call of a run would search anew,
/// one after the other, a second each where instance metadata does not answer.
#[derive(Debug)]
pub(super) struct FailOnce {
    inner: Box<dyn ProvideCredentials>,
    patience: Duration,
    /// Whether IAM Identity Center gives them.
    is_sso: bool,
    failure: Mutex<Option<Remembered>>,
    first: Mutex<First>,
}

/// The credentials that came first.
#[derive(Debug, Default)]
enum First {
    #[default]
    NotAsked,
    Kept(Credentials),
    GivenAgain,
}

/// Credentials that end before this are asked for again.
const STILL_GOOD: Duration = Duration::from_secs(300);

/// There is no token of IAM Identity Center: nobody has signed in, or that is over.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("nobody is signed in to IAM Identity Center")]
pub(super) struct NotSignedIn;

#[derive(Debug, Clone)]
enum Remembered {
    NotLoaded,
    NotSignedIn,
    TimedOut,
    Other(String),
}

impl FailOnce {
    fn new(inner: impl ProvideCredentials + 'static) -> FailOnce {
        FailOnce {
            inner: Box::new(inner),
            patience: PATIENCE,
            is_sso: false,
            failure: Mutex::new(None),
            first: Mutex::default(),
        }
    }

    /// The same for a profile that gets them from IAM Identity Center, or not.
    pub(super) fn of_sso(self, is_sso: bool) -> FailOnce {
        FailOnce { is_sso, ..self }
    }

    async fn load(&self) -> Result<Credentials, CredentialsError> {
        if let Some(failure) = self.remembered().clone() {
            return Err(failure.into_error());
        }
        if let Some(kept) = self.kept() {
            return Ok(kept);
        }
        let failure = match tokio::time::timeout(self.patience, self.inner.provide_credentials()).await {
            Ok(Ok(credentials)) => {
                remember(&credentials);
                let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
                if matches!(*first, First::NotAsked) {
                    *first = First::Kept(credentials.clone());
                }
                return Ok(credentials);
            }
            Ok(Err(CredentialsError::CredentialsNotLoaded(_))) => Remembered::NotLoaded,
            // Instance metadata is asked last, and elsewhere than on an instance its refusal says nothing to anybody.
            Ok(Err(error)) if find::<ImdsError>(&error).is_some() => Remembered::NotLoaded,
            Ok(Err(CredentialsError::ProviderTimedOut(_))) | Err(_) => Remembered::TimedOut,
            Ok(Err(error)) if self.is_sso && is_no_token(&error) => Remembered::NotSignedIn,
            Ok(Err(error)) => Remembered::Other(cause_with_proxy(&error)),
        };
        *self.remembered() = Some(failure.clone());
        Err(failure.into_error())
    }

    /// What came first, once and while it is good.
    fn kept(&self) -> Option<Credentials> {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let First::Kept(credentials) = &*first else { return None };
        let credentials = credentials.clone();
        *first = First::GivenAgain;
        let is_good = |end| end > std::time::SystemTime::now() + STILL_GOOD;
        Some(credentials).filter(|credentials| credentials.expiry().is_none_or(is_good))
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Option<Remembered>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether there is no token in the cache. The SDK's own errors about it are private, and one of two has no cause.
fn is_no_token(error: &CredentialsError) -> bool {
    find::<std::io::Error>(error).is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        || cause_with_proxy(error).contains("cached SSO token")
}

impl Remembered {
    fn into_error(self) -> CredentialsError {
        match self {
            Remembered::NotLoaded => CredentialsError::not_loaded_no_source(),
            Remembered::TimedOut => CredentialsError::provider_timed_out(PATIENCE),
            Remembered::NotSignedIn => CredentialsError::provider_error(NotSignedIn),
            Remembered::Other(text) => CredentialsError::provider_error(text),
        }
    }
}

impl ProvideCredentials for FailOnce {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.inner.fallback_on_interrupt()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Debug)]
    struct Counting(Arc<AtomicUsize>);

    impl ProvideCredentials for Counting {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            self.0.fetch_add(1, Ordering::Relaxed);
            future::ProvideCredentials::ready(Err(CredentialsError::provider_error("broken")))
        }
    }

    #[derive(Debug)]
    struct Numbered(AtomicUsize, Option<Duration>);

    impl ProvideCredentials for Numbered {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            let end = self.1.map(|left| std::time::SystemTime::now() + left);
            future::ProvideCredentials::ready(Ok(Credentials::new(number.to_string(), "secret", None, end, "test")))
        }
    }

    #[tokio::test]
    async fn what_came_first_is_given_once_more_while_it_is_good() {
        for (left, expected) in [
            (None, ["0", "0", "1", "2"]),
            (Some(Duration::from_secs(3600)), ["0", "0", "1", "2"]),
            (Some(Duration::from_secs(10)), ["0", "1", "2", "3"]),
        ] {
            let provider = FailOnce::new(Numbered(AtomicUsize::new(0), left));
            for key in expected {
                assert_eq!(provider.provide_credentials().await.unwrap().access_key_id(), key, "{left:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_failure_is_found_out_once() {
        let count = Arc::new(AtomicUsize::new(0));
        let provider = FailOnce::new(Counting(Arc::clone(&count)));
        for _ in 0..3 {
            let error = provider.provide_credentials().await.unwrap_err();
            assert_eq!(cause_with_proxy(&error), "broken");
        }
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }
}
