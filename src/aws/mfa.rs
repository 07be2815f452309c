//! Profiles that assume a role with a code of an MFA device, which the SDK does not ask for.
//!
//! Source: [`mfa_serial`](https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html#cli-configure-role-mfa).

use aws_config::profile::{Profile, ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::process::OfProcess;

/// Asks a person for the code of this device.
pub type AskCode = fn(&str) -> Result<String, NoCode>;

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub enum NoCode {
    /// Nobody can be asked.
    #[error("there is no terminal to ask on")]
    NoTerminal,
    /// Nothing was typed.
    #[error("none was given")]
    NoneGiven,
    /// The terminal does not work.
    #[error("it cannot be asked for: {0}")]
    CannotAsk(std::io::Error),
}

/// The session's name in the account's trail, unless the profile has one.
const SESSION: &str = "ssm-profile";

/// The role of a profile, and the device whose code it takes to assume it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MfaRole {
    profile: String,
    role: String,
    device: String,
    source: String,
    external_id: Option<String>,
    session: String,
    seconds: Option<i32>,
}

impl MfaRole {
    /// The role of this profile, if it takes a code.
    pub(super) fn of(name: &str, profiles: &ProfileSet) -> Option<MfaRole> {
        let profile = profiles.get_profile(name)?;
        let setting = |key: &str| profile.get(key).map(str::to_owned);
        Some(MfaRole {
            profile: name.to_owned(),
            role: setting("role_arn")?,
            device: setting("mfa_serial")?,
            source: setting("source_profile")?,
            external_id: setting("external_id"),
            session: setting("role_session_name").unwrap_or_else(|| SESSION.to_owned()),
            seconds: profile.get("duration_seconds").and_then(|seconds| seconds.parse().ok()),
        })
    }
}

/// Assumes such a role.
#[derive(Debug)]
pub(super) struct WithCode {
    role: MfaRole,
    source: SharedCredentialsProvider,
    region: Option<Region>,
    client: SharedHttpClient,
    ask: AskCode,
}

impl WithCode {
    pub(super) fn new(
        role: MfaRole,
        profiles: &ProfileSet,
        region: Option<Region>,
        client: SharedHttpClient,
        ask: AskCode,
    ) -> WithCode {
        // A profile may be its own source: its keys are meant, not its role.
        let own = profiles.get_profile(&role.source).and_then(keys);
        let process = OfProcess::of(&role.source, profiles, region.clone(), client.clone());
        let source = match (own, process) {
            (Some(keys), _) => SharedCredentialsProvider::new(keys),
            (None, Some(process)) => SharedCredentialsProvider::new(process),
            (None, None) => {
                let config = ProviderConfig::without_region().with_region(region.clone());
                let config = config.with_http_client(client.clone());
                let source = ProfileFileCredentialsProvider::builder().profile_name(&role.source).configure(&config);
                SharedCredentialsProvider::new(source.build())
            }
        };
        WithCode { role, source, region, client, ask }
    }

    async fn assume(&self) -> Result<Credentials, CredentialsError> {
        let MfaRole { profile, role, device, external_id, session, seconds, .. } = &self.role;
        // Before somebody types a code for nothing.
        self.source.provide_credentials().await?;
        let (ask, of) = (self.ask, device.clone());
        let code = tokio::task::spawn_blocking(move || ask(&of)).await.map_err(CredentialsError::provider_error)?;
        let code = code.map_err(|why| {
            CredentialsError::provider_error(format!(
                "the profile `{profile}` takes a code of the MFA device `{device}`: {why}; give the credentials of a session, \
                 for example those that `aws configure export-credentials --profile {profile}` prints"
            ))
        })?;
        let region = self.region.clone().unwrap_or(Region::from_static("us-east-1"));
        let loader = aws_config::defaults(BehaviorVersion::latest()).region(region).http_client(self.client.clone());
        let config = loader.profile_name(&self.role.source).credentials_provider(self.source.clone()).load().await;
        let request = aws_sdk_sts::Client::new(&config).assume_role().role_arn(role).role_session_name(session);
        let request = request.set_external_id(external_id.clone()).set_duration_seconds(*seconds);
        let answer = request.serial_number(device).token_code(code.trim()).send().await;
        let answer = answer.map_err(CredentialsError::provider_error)?;
        let given = answer.credentials.ok_or_else(|| CredentialsError::provider_error("AWS gave no credentials"))?;
        let end = std::time::SystemTime::try_from(given.expiration).ok();
        Ok(Credentials::new(given.access_key_id, given.secret_access_key, Some(given.session_token), end, "MFA"))
    }
}

/// The keys of a profile.
fn keys(profile: &Profile) -> Option<Credentials> {
    let key = profile.get("aws_access_key_id")?.to_owned();
    let secret = profile.get("aws_secret_access_key")?.to_owned();
    let token = profile.get("aws_session_token").map(str::to_owned);
    Some(Credentials::new(key, secret, token, None, "Profile"))
}

impl ProvideCredentials for WithCode {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}
