//! The SDK's configuration, loaded once for a run, and clients made from it.

use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::identity::IdentityCache;
use aws_config::profile::{ProfileFileLoadError, ProfileSet};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::retry::RetryPartition;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::service_config::ServiceConfigKey;
use tokio::sync::OnceCell;

use super::assume::assume;
use super::bounded::bounded;
use super::credentials::{self, PATIENCE, PATIENCE_WITH_PEOPLE};
use super::error::{Failure, about_credentials, cause, classify, classify_assume};
use super::http;
use super::mfa::{AskCode, MfaRole, WithCode};
use super::process::OfProcess;
use super::retries::retry_config;
use super::traffic::{Log, Traffic};
use super::unanswered::{SoonAfterSilence, Unanswered};
use super::whole::WholeAnswer;
use crate::facts::CallerIdentity;
use crate::nearest::nearest_as_clap;
use crate::redact;
use iam_eval::arn::{Arn, iam_region, partition_of_region};

/// AWS accepts connections within milliseconds; no call needs to wait longer for that, whatever `--timeout` says.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The services that are called, by the names that their settings have.
const SERVICES: [&str; 8] = ["CloudWatch Logs", "EC2", "IAM", "KMS", "Organizations", "S3", "SSM", "STS"];

/// What the user said about how to reach AWS; the SDK's environment and files fill the rest.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The profile of the shared config files.
    pub profile: Option<String>,
    /// An endpoint to use for every service.
    pub endpoint_url: Option<String>,
    /// The Region.
    pub region: Option<String>,
    /// How long one attempt of a call may take, its whole answer included.
    pub timeout: Duration,
    /// What is told each try of a call.
    pub log: Option<Log>,
    /// Who is asked for the code of an MFA device, where a profile takes one.
    pub ask_code: AskCode,
}

/// A setting that cannot work, and what is expected instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    message: String,
    /// Whether it is about the credentials that a profile should give.
    pub is_of_profile: bool,
}

impl SettingsError {
    /// With these words, which say what to do.
    pub(super) fn new(message: String) -> SettingsError {
        SettingsError { message, is_of_profile: false }
    }

    fn of_profile(message: String) -> SettingsError {
        SettingsError { message, is_of_profile: true }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Where credentials come from, for whoever has to renew them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialSource {
    /// The profile of the shared config files that was named.
    pub profile: Option<String>,
    /// Whether the profile in force gets them from IAM Identity Center.
    pub is_sso: bool,
    /// Whether a process prints them.
    pub is_process: bool,
    /// Whether they stand in the environment.
    pub in_environment: bool,
}

impl Error for SettingsError {}

/// A way to AWS: one configuration, and a client for each service and Region.
#[derive(Debug)]
pub struct Connection {
    config: SdkConfig,
    /// The endpoints that were set, for all services or for one.
    endpoints: BTreeSet<String>,
    region: Option<String>,
    ec2: Clients<aws_sdk_ec2::Client>,
    iam: Clients<aws_sdk_iam::Client>,
    iam_of_guesses: Clients<aws_sdk_iam::Client>,
    ec2_once_more: Clients<aws_sdk_ec2::Client>,
    route53: Clients<aws_sdk_route53::Client>,
    kms: Clients<aws_sdk_kms::Client>,
    logs: Clients<aws_sdk_cloudwatchlogs::Client>,
    s3: Clients<aws_sdk_s3::Client>,
    ssm: Clients<aws_sdk_ssm::Client>,
    ssm_once_more: Clients<aws_sdk_ssm::Client>,
    organizations: Clients<aws_sdk_organizations::Client>,
    organizations_once_more: Clients<aws_sdk_organizations::Client>,
    traffic: Traffic,
    unanswered: Unanswered,
    /// What keeps this account's retries apart from another's.
    retries: RetryPartition,
    caller: OnceCell<CallerIdentity>,
    /// Whether the credentials take a code of an MFA device.
    takes_code: bool,
    source: CredentialSource,
}

type Clients<T> = Mutex<BTreeMap<String, T>>;

/// A client of a service in a Region, with what the clients of all services have in common. The SDK has no type for that.
macro_rules! client_of {
    ($connection:expr, $service:ident, $region:expr $(, $setting:ident($value:expr))*) => {{
        let config = $service::config::Builder::from(&$connection.config)
            .region($region)
            $(.$setting($value))*
            .interceptor($connection.traffic.clone())
            .interceptor($connection.unanswered.clone())
            .retry_classifier(SoonAfterSilence)
            .retry_partition($connection.retries.clone());
        $service::Client::from_conf(config.build())
    }};
}

/// The same client with other retries.
macro_rules! with_retries {
    ($service:ident, $client:expr, $retries:expr) => {{
        let client = $client;
        let retries: fn(Option<&RetryConfig>) -> RetryConfig = $retries;
        let retries = retries(client.config().retry_config());
        $service::Client::from_conf(client.config().to_builder().retry_config(retries).build())
    }};
}

/// There are no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NoCredentials {
    /// Nothing gives any; else something that should failed.
    pub are_missing: bool,
    /// They take a code of an MFA device, and the reason says what to do.
    pub takes_code: bool,
    /// Why, in words.
    reason: String,
}

impl Connection {
    /// Loads the configuration. Makes no AWS call, but asks instance metadata for the Region if nothing else names one.
    pub async fn open(mut settings: Settings) -> Result<Connection, SettingsError> {
        let named = settings.profile.clone().or_else(profile_of_environment);
        let has_keys = is_set("AWS_ACCESS_KEY_ID").is_some();
        // Keys in the environment come before the profile that it names
        // (https://docs.aws.amazon.com/cli/latest/userguide/cli-chap-configure.html#configure-precedence).
        settings.profile = settings.profile.or_else(|| named.clone().filter(|_| !has_keys));
        let profiles = load_profiles(named.as_deref()).await;
        let profiles = match profiles {
            Ok(profiles) => Some(profiles),
            // Keys in the environment need no file.
            Err(ProfileFileLoadError::CouldNotReadFile { .. }) if has_keys && settings.profile.is_none() => None,
            Err(error) => return Err(SettingsError::of_profile(cannot_load(&error))),
        };
        credentials::remember_surroundings(profiles.as_ref());
        if let (Some(name), Some(profiles)) = (&named, &profiles) {
            exists(name, profiles)?;
        }
        if let Some(url) = &settings.endpoint_url {
            redact::password_in(url).into_iter().for_each(redact::remember);
            check_endpoint(url)?;
        }
        let in_force = settings.profile.as_deref();
        let in_force = in_force.or_else(|| profiles.as_ref().map(ProfileSet::selected_profile).filter(|_| !has_keys));
        let in_force = in_force.map(str::to_owned);
        let is_sso =
            in_force.as_deref().zip(profiles.as_ref()).is_some_and(|(name, profiles)| is_of_sso(name, profiles));
        let mfa = in_force.as_deref().zip(profiles.as_ref()).and_then(|(name, profiles)| MfaRole::of(name, profiles));
        let takes_code = mfa.is_some();
        let patience = if takes_code { PATIENCE_WITH_PEOPLE } else { PATIENCE };
        let retry = retry_config(profiles.as_ref())?;
        let http_client = bounded(http::client(profiles.as_ref())?, settings.timeout);
        let region = match settings.region.clone() {
            Some(region) => Some(Region::new(region)),
            None => region_from_surroundings(settings.profile.as_deref()).await,
        };
        let process = |client: &SharedHttpClient| {
            let (name, profiles) = in_force.as_deref().zip(profiles.as_ref())?;
            OfProcess::of(name, profiles, region.clone(), client.clone())
        };
        let source = CredentialSource {
            profile: settings.profile.clone(),
            is_sso,
            is_process: process(&http_client).is_some(),
            in_environment: has_keys && settings.profile.is_none(),
        };
        let connect_timeout = CONNECT_TIMEOUT.min(settings.timeout);
        let timeouts = TimeoutConfig::builder().connect_timeout(connect_timeout).read_timeout(settings.timeout);
        // Without a Region the SDK would go and ask instance metadata once more. Every client is given its own.
        let loaded_with = region.clone().unwrap_or(Region::from_static("us-east-1"));
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(loaded_with)
            .http_client(http_client.clone())
            .retry_config(retry)
            .timeout_config(timeouts.build())
            .identity_cache(IdentityCache::lazy().load_timeout(patience + CONNECT_TIMEOUT).build())
            .credentials_provider(match (mfa.zip(profiles.as_ref()), process(&http_client)) {
                (None, Some(process)) => credentials::of_process(process),
                (Some((role, profiles)), _) => credentials::with_code(WithCode::new(
                    role,
                    profiles,
                    region.clone(),
                    http_client,
                    settings.ask_code,
                )),
                (None, None) => {
                    let provider =
                        credentials::provider(settings.profile.as_deref(), region.clone(), http_client).await;
                    provider.of_sso(is_sso)
                }
            });
        if let Ok(name) = AppName::new("ssm-profile") {
            loader = loader.app_name(name);
        }
        if let Some(profile) = settings.profile {
            loader = loader.profile_name(profile);
        }
        let endpoint_was_typed = settings.endpoint_url.is_some();
        if let Some(url) = settings.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let config = loader.load().await;
        let endpoints = endpoints(&config, endpoint_was_typed);
        endpoints.iter().filter_map(|url| redact::password_in(url)).for_each(redact::remember);
        let region = region.map(|region| region.to_string());
        let traffic = Traffic::new(settings.log);
        let connection = Connection::new(config, endpoints, region, traffic, Unanswered::default(), "own");
        Ok(Connection { takes_code, source, ..connection })
    }

    /// Looks for credentials, before anything is asked with them. Makes no call with them; to get them may take one.
    ///
    /// # Errors
    /// If there are none, or they could not be had.
    pub async fn look_for_credentials(&self) -> Result<(), NoCredentials> {
        let Some(provider) = self.config.credentials_provider() else { return Ok(()) };
        provider.provide_credentials().await.map(drop).map_err(|error| NoCredentials {
            are_missing: matches!(error, CredentialsError::CredentialsNotLoaded(_)),
            takes_code: self.takes_code,
            reason: about_credentials(&error),
        })
    }

    fn new(
        config: SdkConfig,
        endpoints: BTreeSet<String>,
        region: Option<String>,
        traffic: Traffic,
        unanswered: Unanswered,
        whose: &str,
    ) -> Connection {
        Connection {
            config,
            endpoints,
            region,
            ec2: Clients::default(),
            iam: Clients::default(),
            iam_of_guesses: Clients::default(),
            ec2_once_more: Clients::default(),
            route53: Clients::default(),
            kms: Clients::default(),
            logs: Clients::default(),
            s3: Clients::default(),
            ssm: Clients::default(),
            ssm_once_more: Clients::default(),
            organizations: Clients::default(),
            organizations_once_more: Clients::default(),
            traffic,
            unanswered,
            retries: RetryPartition::new(format!("ssm-profile {whose}")),
            caller: OnceCell::new(),
            takes_code: false,
            source: CredentialSource::default(),
        }
    }

    /// Where the credentials come from.
    pub fn credential_source(&self) -> &CredentialSource {
        &self.source
    }

    /// The way into another account: the role `arn`, assumed, and renewed when its credentials end.
    ///
    /// # Errors
    /// If it cannot be assumed.
    pub async fn assume(&self, arn: &Arn) -> Result<Connection, Failure> {
        let config = assume(&self.config, &arn.to_string(), self.sts_region(&arn.partition)).await;
        let config = config.map_err(|error| classify_assume(self.endpoint_url(), &error))?;
        Ok(Connection::new(
            config,
            self.endpoints.clone(),
            self.region.clone(),
            self.traffic.clone(),
            self.unanswered.clone(),
            &arn.account,
        ))
    }

    /// What went over the wire so far, also to the accounts that were entered from here.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Whether a call was given up because it was not answered in time: it will not be made again.
    pub fn has_given_up(&self) -> bool {
        self.unanswered.is_any()
    }

    /// The Region whose STS to ask.
    fn sts_region(&self, partition: &str) -> Region {
        let region = self.region.clone().filter(|region| partition_of_region(region) == partition);
        Region::new(region.unwrap_or_else(|| iam_region(partition).to_owned()))
    }

    /// The Region that was set, or that the environment, the shared config files or instance metadata name.
    pub fn default_region(&self) -> Option<String> {
        self.region.clone()
    }

    /// The endpoint that was set for every service, if one was.
    pub fn endpoint_url(&self) -> Option<&str> {
        self.config.endpoint_url()
    }

    /// The endpoints that are reached by plain HTTP on another host: what is sent there, others can read and change.
    pub fn open_endpoints(&self) -> impl Iterator<Item = &str> {
        self.endpoints.iter().map(String::as_str).filter(|url| http::is_open_to_others(url))
    }

    /// A client for EC2 in `region`.
    pub fn ec2(&self, region: &str) -> aws_sdk_ec2::Client {
        client(&self.ec2, region, |region| client_of!(self, aws_sdk_ec2, region, interceptor(WholeAnswer)))
    }

    /// A client for reading of EC2 what no verdict on the role hangs on: a call that fails is tried once more, and not for longer.
    pub fn ec2_once_more(&self, region: &str) -> aws_sdk_ec2::Client {
        client(&self.ec2_once_more, region, |_| with_retries!(aws_sdk_ec2, self.ec2(region), once_more))
    }

    /// A client for Route 53 in `partition`, whose endpoint is in the Region of IAM's.
    pub fn route53(&self, partition: &str) -> aws_sdk_route53::Client {
        // https://docs.aws.amazon.com/general/latest/gr/r53.html
        let region = ningxia_or_iam_region(partition);
        client(&self.route53, region, |region| client_of!(self, aws_sdk_route53, region, interceptor(WholeAnswer)))
    }

    /// A client for IAM in `partition`.
    pub fn iam(&self, partition: &str) -> aws_sdk_iam::Client {
        client(&self.iam, iam_region(partition), |region| {
            client_of!(self, aws_sdk_iam, region, interceptor(WholeAnswer))
        })
    }

    /// A client for IAM in `partition`, for guesses: what is not answered to it keeps nobody from asking.
    pub fn iam_of_guesses(&self, partition: &str) -> aws_sdk_iam::Client {
        client(&self.iam_of_guesses, iam_region(partition), |region| {
            let config = aws_sdk_iam::config::Builder::from(&self.config).region(region).interceptor(WholeAnswer);
            let config = config.interceptor(self.traffic.clone()).retry_classifier(SoonAfterSilence);
            aws_sdk_iam::Client::from_conf(config.retry_partition(self.retries.clone()).build())
        })
    }

    /// A client for writing to EC2 in `region`: each call is tried once, because whoever writes looks before trying again.
    pub fn writing_ec2(&self, region: &str) -> aws_sdk_ec2::Client {
        with_retries!(aws_sdk_ec2, self.ec2(region), |_| RetryConfig::disabled())
    }

    /// A client for writing to IAM in `partition`; as [`Connection::writing_ec2`].
    pub fn writing_iam(&self, partition: &str) -> aws_sdk_iam::Client {
        with_retries!(aws_sdk_iam, self.iam(partition), |_| RetryConfig::disabled())
    }

    /// A client for KMS in `region`.
    pub fn kms(&self, region: &str) -> aws_sdk_kms::Client {
        client(&self.kms, region, |region| client_of!(self, aws_sdk_kms, region))
    }

    /// A client for CloudWatch Logs in `region`.
    pub fn logs(&self, region: &str) -> aws_sdk_cloudwatchlogs::Client {
        client(&self.logs, region, |region| client_of!(self, aws_sdk_cloudwatchlogs, region))
    }

    /// A client for S3 in `region`.
    pub fn s3(&self, region: &str) -> aws_sdk_s3::Client {
        client(&self.s3, region, |region| {
            // An endpoint that somebody set has no name for each bucket.
            let by_path = self.config.endpoint_url().is_some();
            client_of!(self, aws_sdk_s3, region, interceptor(WholeAnswer), force_path_style(by_path))
        })
    }

    /// A client for Systems Manager in `region`.
    pub fn ssm(&self, region: &str) -> aws_sdk_ssm::Client {
        client(&self.ssm, region, |region| client_of!(self, aws_sdk_ssm, region))
    }

    /// A client for reading of Systems Manager what a verdict can do without; as [`Connection::ec2_once_more`].
    pub fn ssm_once_more(&self, region: &str) -> aws_sdk_ssm::Client {
        client(&self.ssm_once_more, region, |_| with_retries!(aws_sdk_ssm, self.ssm(region), once_more))
    }

    /// A client for reading an organization where a verdict can do without; as [`Connection::ec2_once_more`].
    pub fn organizations_once_more(&self, partition: &str) -> aws_sdk_organizations::Client {
        client(&self.organizations_once_more, ningxia_or_iam_region(partition), |_| {
            with_retries!(aws_sdk_organizations, self.organizations(partition), once_more)
        })
    }

    /// A client for Organizations in `partition`, whose endpoint is in the Region of IAM's.
    pub fn organizations(&self, partition: &str) -> aws_sdk_organizations::Client {
        // https://docs.aws.amazon.com/general/latest/gr/ao.html
        let region = ningxia_or_iam_region(partition);
        client(&self.organizations, region, |region| client_of!(self, aws_sdk_organizations, region))
    }

    /// Whose credentials these are, asked once. This needs no permission
    /// ([GetCallerIdentity](https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html)).
    ///
    /// # Errors
    /// If there are no credentials, or AWS could not be asked.
    pub async fn caller(&self, partition: &str) -> Result<&CallerIdentity, Failure> {
        self.caller.get_or_try_init(async || self.ask_caller(partition).await).await
    }

    /// Whose credentials these are, if that was asked.
    pub fn known_caller(&self) -> Option<&CallerIdentity> {
        self.caller.get()
    }

    async fn ask_caller(&self, partition: &str) -> Result<CallerIdentity, Failure> {
        let api = "sts:GetCallerIdentity";
        let sts = client_of!(self, aws_sdk_sts, self.sts_region(partition));
        let answer = sts.get_caller_identity().send().await;
        let answer = answer.map_err(|error| self.failure(api, &error))?;
        let account = answer.account.ok_or_else(|| Failure::incomplete(api, "the account"))?;
        Ok(CallerIdentity { account, arn: answer.arn })
    }

    /// What the failure of a call to `api` (`iam:GetRole`) means.
    pub fn failure<E>(&self, api: &str, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        classify(api, self.endpoint_url(), error)
    }
}

/// The retries of what may fail: one, where there are any.
fn once_more(retry: Option<&RetryConfig>) -> RetryConfig {
    let retry = retry.cloned().unwrap_or_else(RetryConfig::standard);
    let attempts = retry.max_attempts().min(2);
    retry.with_max_attempts(attempts)
}

/// The Region of what is global in a partition, but for IAM in China, which is in Beijing.
fn ningxia_or_iam_region(partition: &str) -> &str {
    if partition == "aws-cn" { "cn-northwest-1" } else { iam_region(partition) }
}

fn client<T: Clone>(clients: &Clients<T>, region: &str, make: impl FnOnce(Region) -> T) -> T {
    let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
    clients.entry(region.to_owned()).or_insert_with(|| make(Region::new(region.to_owned()))).clone()
}

async fn region_from_surroundings(profile: Option<&str>) -> Option<Region> {
    let mut chain = DefaultRegionChain::builder();
    if let Some(profile) = profile {
        chain = chain.profile_name(profile);
    }
    // A variable that is set to nothing names no Region.
    chain.build().region().await.filter(|region| !region.as_ref().is_empty())
}

/// The endpoints that the SDK takes: the one that was typed, or those that the environment and the shared config files name
/// ([service-specific endpoints](https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html)).
fn endpoints(config: &SdkConfig, typed: bool) -> BTreeSet<String> {
    let of_service = |service: &&str| {
        let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        config.service_config()?.load_config(key.build().ok()?)
    };
    let services = SERVICES.iter().filter(|_| !typed).filter_map(of_service);
    services.chain(config.endpoint_url().map(str::to_owned)).collect()
}

fn check_endpoint(url: &str) -> Result<(), SettingsError> {
    match http::is_endpoint(url) {
        true => Ok(()),
        false => Err(SettingsError::new(format!(
            "`{}` is not an endpoint; give a URL such as `https://HOST:PORT`",
            redact::url(url)
        ))),
    }
}

/// The value of a variable that is set to something.
fn is_set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The profile that the environment names.
fn profile_of_environment() -> Option<String> {
    ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"].into_iter().find_map(is_set)
}

/// The shared config files.
async fn load_profiles(profile: Option<&str>) -> Result<ProfileSet, ProfileFileLoadError> {
    let selected = profile.map(|profile| Cow::Owned(profile.to_owned()));
    aws_config::profile::load(&Default::default(), &Default::default(), &Default::default(), selected).await
}

fn cannot_load(error: &ProfileFileLoadError) -> String {
    let message = match error {
        // The cause names the file and the line.
        ProfileFileLoadError::ParseError { .. } => cause(error),
        _ => format!("{error}: {}", cause(error)),
    };
    let message = message.strip_prefix("error parsing ").unwrap_or(&message);
    format!(
        "the shared config files cannot be read: {message}; correct the file, or name another one in `AWS_CONFIG_FILE` or `AWS_SHARED_CREDENTIALS_FILE`"
    )
}

/// Whether a profile, or one that it takes credentials from, gets them from IAM Identity Center.
fn is_of_sso(name: &str, profiles: &ProfileSet) -> bool {
    let (mut name, mut seen) = (name, BTreeSet::new());
    while let Some(profile) = profiles.get_profile(name).filter(|profile| seen.insert(profile.name())) {
        if profile.get("sso_session").or(profile.get("sso_start_url")).is_some() {
            return true;
        }
        let Some(source) = profile.get("source_profile") else { return false };
        name = source;
    }
    false
}

/// A profile that was named must be there, as for the AWS CLI, also where the environment has keys that come before it.
fn exists(name: &str, profiles: &ProfileSet) -> Result<(), SettingsError> {
    if profiles.get_profile(name).is_some() {
        return Ok(());
    }
    let file = |variable: &str, usual: &str| is_set(variable).unwrap_or_else(|| usual.to_owned());
    let config = file("AWS_CONFIG_FILE", "~/.aws/config");
    let credentials = file("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
    let hint = match nearest_as_clap(name, profiles.profiles()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`aws configure list-profiles` lists those that there are".to_owned(),
    };
    Err(SettingsError::new(format!(
        "the profile `{name}` is in none of the shared config files, `{config}` and `{credentials}`; {hint}"
    )))
}

/// The names of the profiles in the shared config files, of which the environment may name others.
pub async fn profiles() -> Vec<String> {
    let profiles = load_profiles(None).await.ok();
    profiles.iter().flat_map(ProfileSet::profiles).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        for (url, fine) in [
            ("http://127.0.0.1:4566", true),
            ("https://vpce-1.ec2.us-east-1.vpce.amazonaws.com/path", true),
            ("127.0.0.1:4566", false),
            ("http://", false),
            ("ftp://host", false),
            ("http://ho st", false),
            ("http://[::1]:4566", true),
            ("http://user:word@host", true),
            ("http://[::1", false),
            ("http://%zz", false),
            ("http://host:99999", false),
            ("http://host:abc", false),
            ("http://host/?q=1", false),
            ("http://host/#a", false),
        ] {
            assert_eq!(check_endpoint(url).is_ok(), fine, "{url}");
        }
    }
}
