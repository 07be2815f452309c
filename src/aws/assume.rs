//! The way into another account: a role there, which these credentials assume.

use std::sync::{Mutex, PoisonError};

use aws_config::identity::IdentityCache;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use super::credentials::{PATIENCE, remember};

/// The name that the sessions have in the other account's trail.
const SESSION: &str = "ssm-profile";

/// Credentials of a role, renewed when they end. Those of the first answer are given out once without asking again.
#[derive(Debug)]
struct Assumed {
    provider: AssumeRoleProvider,
    first: Mutex<Option<Credentials>>,
}

impl ProvideCredentials for Assumed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        match first {
            Some(first) => future::ProvideCredentials::ready(Ok(first)),
            None => future::ProvideCredentials::new(async {
                let credentials = self.provider.provide_credentials().await?;
                remember(&credentials);
                Ok(credentials)
            }),
        }
    }
}

/// The configuration with the credentials of a role.
///
/// # Errors
/// If the role cannot be assumed.
pub(super) async fn assume(config: &SdkConfig, role: &str, region: Region) -> Result<SdkConfig, CredentialsError> {
    let provider =
        AssumeRoleProvider::builder(role).session_name(SESSION).configure(config).region(region).build().await;
    let first = tokio::time::timeout(PATIENCE, provider.provide_credentials()).await;
    let first = first.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(PATIENCE)))?;
    remember(&first);
    let assumed = Assumed { provider, first: Mutex::new(Some(first)) };
    Ok(config
        .to_builder()
        .credentials_provider(SharedCredentialsProvider::new(assumed))
        .identity_cache(IdentityCache::lazy().load_timeout(PATIENCE).build())
        .build())
}
