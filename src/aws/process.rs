//! Profiles whose credentials an external process prints. The SDK would read all that a process prints, however much that is.
//!
//! Source: [`credential_process`](https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sourcing-external.html).

use std::process::{ExitStatus, Stdio};
use std::time::SystemTime;

use aws_config::profile::{Profile, ProfileSet};
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use super::credentials::remember;
use crate::limits;

/// The session's name in the account's trail, unless the profile has one.
const SESSION: &str = "ssm-profile";

/// The keys of what gives a profile credentials before a process does, in the order of the SDK.
const BEFORE: [&str; 7] = [
    "credential_source",
    "web_identity_token_file",
    "sso_session",
    "sso_start_url",
    "sso_account_id",
    "sso_role_name",
    "login_session",
];

/// A process, and the roles that are assumed with its credentials, the first one first.
#[derive(Debug)]
pub(super) struct OfProcess {
    profile: String,
    command: String,
    roles: Vec<Role>,
    region: Option<Region>,
    client: SharedHttpClient,
}

#[derive(Debug)]
struct Role {
    arn: String,
    session: String,
    external_id: Option<String>,
}

/// What a process prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<Timestamp>,
}

impl OfProcess {
    /// What gives this profile credentials, if that is a process in the end.
    pub(super) fn of(
        name: &str,
        profiles: &ProfileSet,
        region: Option<Region>,
        client: SharedHttpClient,
    ) -> Option<OfProcess> {
        let (mut roles, mut seen) = (Vec::new(), Vec::new());
        let mut profile = profiles.get_profile(name)?;
        while let Some(role) = Role::of(profile) {
            roles.push(role);
            seen.push(profile.name());
            let source = profile.get("source_profile")?;
            // A profile may be its own source: its process is meant, not its role.
            if source == profile.name() {
                break;
            }
            profile = profiles.get_profile(source).filter(|source| !seen.contains(&source.name()))?;
            if profile.get("aws_access_key_id").is_some() {
                return None;
            }
        }
        let is_other = BEFORE.iter().any(|key| profile.get(key).is_some());
        let command = profile.get("credential_process").filter(|_| !is_other)?.to_owned();
        roles.reverse();
        Some(OfProcess { profile: name.to_owned(), command, roles, region, client })
    }

    async fn load(&self) -> Result<Credentials, CredentialsError> {
        let mut credentials = self.run().await.map_err(CredentialsError::provider_error)?;
        if let Some(end) = credentials.expiry().filter(|end| *end <= SystemTime::now()) {
            return Err(CredentialsError::provider_error(ProcessError::Expired(when(end))));
        }
        for Role { arn, session, external_id } in &self.roles {
            remember(&credentials);
            let region = self.region.clone().unwrap_or(Region::from_static("us-east-1"));
            let loader = aws_config::defaults(BehaviorVersion::latest()).region(region).profile_name(&self.profile);
            let loader = loader.http_client(self.client.clone()).credentials_provider(credentials.clone());
            let mut provider = AssumeRoleProvider::builder(arn).session_name(session).configure(&loader.load().await);
            if let Some(id) = external_id {
                provider = provider.external_id(id);
            }
            credentials = provider.build_from_provider(credentials).await.provide_credentials().await?;
        }
        Ok(credentials)
    }

    /// Runs the process. What it says on standard error is for nobody: it may hold any secret.
    async fn run(&self) -> Result<Credentials, ProcessError> {
        let (shell, flag) = if cfg!(windows) { ("cmd.exe", "/C") } else { ("sh", "-c") };
        let mut command = Command::new(shell);
        command.args([flag, &self.command]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.kill_on_drop(true).spawn().map_err(ProcessError::NotRun)?;
        let mut printed = Vec::new();
        if let Some(output) = process.stdout.take() {
            output.take(limits::JSON_ANSWER_BYTES + 1).read_to_end(&mut printed).await.map_err(ProcessError::NotRun)?;
        }
        if printed.len() as u64 > limits::JSON_ANSWER_BYTES {
            return Err(ProcessError::TooLong);
        }
        let status = process.wait().await.map_err(ProcessError::NotRun)?;
        if !status.success() {
            return Err(ProcessError::Failed(status));
        }
        Printed::read(&printed)
    }
}

/// Why a credential process gives no credentials.
#[derive(Debug, thiserror::Error)]
enum ProcessError {
    #[error("cannot run the credential process: {}", super::cause(.0))]
    NotRun(std::io::Error),
    #[error(
        "the credential process prints more than {}, and credentials are shorter",
        limits::in_words(limits::JSON_ANSWER_BYTES)
    )]
    TooLong,
    #[error("the credential process gives credentials that expired at {0}")]
    Expired(String),
    #[error("the credential process ended with {0}; its standard error is not shown")]
    Failed(ExitStatus),
    #[error(
        "the credential process does not print a JSON object with `Version` 1, `AccessKeyId` and `SecretAccessKey`"
    )]
    NoCredentials,
}

/// A time, in UTC.
fn when(time: SystemTime) -> String {
    Timestamp::try_from(time).map(|time| format!("{time:.0}")).unwrap_or_default()
}

impl Role {
    fn of(profile: &Profile) -> Option<Role> {
        let arn = profile.get("role_arn").filter(|_| profile.get("web_identity_token_file").is_none())?;
        Some(Role {
            arn: arn.to_owned(),
            session: profile.get("role_session_name").unwrap_or(SESSION).to_owned(),
            external_id: profile.get("external_id").map(str::to_owned),
        })
    }
}

impl Printed {
    /// The credentials in what was printed. No error quotes it.
    fn read(printed: &[u8]) -> Result<Credentials, ProcessError> {
        let read = serde_json::from_slice(printed).ok().filter(|Printed { version, .. }| *version == 1);
        let Some(Printed { access_key_id, secret_access_key, session_token, expiration, .. }) = read else {
            return Err(ProcessError::NoCredentials);
        };
        let end = expiration.map(SystemTime::from);
        Ok(Credentials::new(access_key_id, secret_access_key, session_token, end, "CredentialProcess"))
    }
}

impl ProvideCredentials for OfProcess {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}

#[cfg(test)]
mod tests {
    use super::Printed;

    #[test]
    fn what_a_process_prints() {
        let whole = br#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "B", "SessionToken": "C",
            "Expiration": "2026-11-29T10:00:00+00:00", "AccountId": "111122223333"}"#;
        let read = Printed::read(whole).unwrap();
        assert_eq!((read.access_key_id(), read.secret_access_key(), read.session_token()), ("A", "B", Some("C")));
        let end = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_795_946_400);
        assert_eq!(read.expiry(), Some(end));
        let short = Printed::read(br#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "B"}"#).unwrap();
        assert_eq!((short.session_token(), short.expiry()), (None, None));
        for wrong in [
            &b""[..],
            b"B",
            br#"{"Version": 2, "AccessKeyId": "A", "SecretAccessKey": "B"}"#,
            br#"{"Version": 1, "AccessKeyId": "A"}"#,
            br#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "B", "Expiration": "soon"}"#,
        ] {
            assert!(Printed::read(wrong).unwrap_err().to_string().contains("`SecretAccessKey`"));
        }
    }
}
