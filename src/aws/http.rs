//! The HTTP client under the clients of all services, accounts and Regions: the proxy and the certificates that it takes.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use aws_config::profile::ProfileSet;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::{Host, Url};

use super::error::cause;
use super::settings::SettingsError;
use crate::redact;

/// The variables that name a proxy, each with the one that is asked where it is not set.
const PROXIES: [[&str; 2]; 3] =
    [["HTTPS_PROXY", "https_proxy"], ["HTTP_PROXY", "http_proxy"], ["ALL_PROXY", "all_proxy"]];

/// What the SDK would make for each client by itself, made once: to read the certificates of the system takes longer than to
/// connect, and an organization has hundreds of clients.
///
/// # Errors
/// If a variable names a proxy that cannot be one, or the certificates that were asked for cannot be used.
pub(super) fn client(profiles: Option<&ProfileSet>) -> Result<SharedHttpClient, SettingsError> {
    check_proxies(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))?;
    let tls = match bundle(profiles) {
        Some((setting, file)) => tls_context(certificates(&setting, &file)?)?,
        None => TlsContext::default(),
    };
    let client = |proxy: ProxyConfig| {
        let tls = tls.clone();
        Builder::new().build_with_connector_fn(move |settings, components| {
            let mut connector =
                ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls.clone());
            connector.set_connector_settings(settings.cloned());
            connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
            connector.set_proxy_config(Some(proxy.clone()));
            connector.build()
        })
    };
    let matcher = Arc::new(Matcher::from_env());
    let (direct, proxied) = (client(ProxyConfig::disabled()), client(ProxyConfig::from_env()));
    Ok(SharedHttpClient::new(Client { matcher, direct, proxied }))
}

/// The clients for requests through a proxy and for all others.
#[derive(Debug)]
struct Client {
    matcher: Arc<Matcher>,
    direct: SharedHttpClient,
    proxied: SharedHttpClient,
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connectors {
            matcher: Arc::clone(&self.matcher),
            direct: self.direct.http_connector(settings, components),
            proxied: self.proxied.http_connector(settings, components),
        })
    }
}

/// The same for one client of a service.
#[derive(Debug)]
struct Connectors {
    matcher: Arc<Matcher>,
    direct: SharedHttpConnector,
    proxied: SharedHttpConnector,
}

impl HttpConnector for Connectors {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri = request.uri().parse::<Uri>().unwrap_or_default();
        // Metadata is of this host, and a proxy would answer with its own.
        if uri.host().is_some_and(is_metadata) {
            return self.direct.call(request);
        }
        let Some(proxy) = self.matcher.intercept(&uri) else { return self.direct.call(request) };
        let proxy = proxy.uri().to_string().trim_end_matches('/').to_owned();
        let answer = self.proxied.call(request);
        HttpConnectorFuture::new(async move { answer.await.map_err(|error| through(proxy, error)) })
    }
}

/// A failure on the way through a proxy.
#[derive(Debug)]
pub(super) struct ThroughProxy {
    /// The proxy's URL, without a user.
    pub(super) proxy: String,
    source: ConnectorError,
}

impl fmt::Display for ThroughProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy `{}` was to be passed", self.proxy)
    }
}

impl std::error::Error for ThroughProxy {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The same kind of error, so that retries stay as they are.
fn through(proxy: String, error: ConnectorError) -> ConnectorError {
    let make = if error.is_timeout() {
        ConnectorError::timeout
    } else if error.is_user() {
        ConnectorError::user
    } else if error.is_io() {
        ConnectorError::io
    } else {
        |error| ConnectorError::other(error, None)
    };
    make(Box::new(ThroughProxy { proxy, source: error }))
}

/// Whether a URL can be an endpoint: the SDK would find out with its first call.
pub(super) fn is_endpoint(url: &str) -> bool {
    // The SDK reads it by rules that are stricter in part and laxer in part.
    let is_uri = url.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()));
    is_uri
        && Url::parse(url).is_ok_and(|url| {
            let has_more = url.query().is_some() || url.fragment().is_some();
            ["http", "https"].contains(&url.scheme()) && url.has_host() && !has_more
        })
}

/// The addresses of instance and container metadata
/// ([instance](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html),
/// [container](https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html)).
fn is_metadata(host: &str) -> bool {
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_link_local(),
        Ok(IpAddr::V6(address)) => matches!(address.segments(), [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23 | 0x254]),
        Err(_) => false,
    }
}

/// Takes care that no proxy that was asked for is passed by: what the SDK does not understand it leaves out.
fn check_proxies(variable: impl Fn(&str) -> Option<String>) -> Result<(), SettingsError> {
    for names in PROXIES {
        let Some((name, value)) = names.iter().find_map(|name| Some((name, variable(name)?))) else { continue };
        if value.is_empty() {
            continue;
        }
        redact::password_in(&value).into_iter().for_each(redact::remember);
        let whole = if value.contains("://") { value.clone() } else { format!("http://{value}") };
        let url = Url::parse(&whole).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let taken =
            || Matcher::builder().all(value.as_str()).build().intercept(&Uri::from_static("https://host")).is_some();
        if url.is_none() || !taken() {
            return Err(SettingsError::new(format!(
                "`{name}` is `{}`, which is not a proxy URL; give a URL such as `http://HOST:PORT`, or unset it",
                redact::url(&value)
            )));
        }
    }
    Ok(())
}

/// The file with the certificates to trust, and where it is named, as in the AWS CLI: the environment wins over the profile
/// ([AWS CLI environment variables](https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html)).
fn bundle(profiles: Option<&ProfileSet>) -> Option<(String, String)> {
    let in_environment = std::env::var("AWS_CA_BUNDLE").ok().map(|file| ("`AWS_CA_BUNDLE`".to_owned(), file));
    let in_profile = || {
        let file = profiles?.get("ca_bundle")?;
        Some(("`ca_bundle` in the shared config files".to_owned(), file.to_owned()))
    };
    in_environment.filter(|(_, file)| !file.is_empty()).or_else(in_profile).filter(|(_, file)| !file.is_empty())
}

/// The certificates of a PEM file that can be trusted.
fn certificates(setting: &str, file: &str) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let unusable = |why: &str| {
        SettingsError::new(format!(
            "cannot use `{file}`, which {setting} names: {why}; give a PEM file with the certificates"
        ))
    };
    let text = std::fs::read(Path::new(file)).map_err(|error| unusable(&cause(&error)))?;
    let read = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let mut read = read.map_err(|_| unusable("it is not PEM"))?;
    read.retain(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok());
    if read.is_empty() { Err(unusable("there is no certificate in it")) } else { Ok(read) }
}

/// Trusts these certificates and no others, as the AWS CLI does.
fn tls_context(certificates: Vec<CertificateDer<'static>>) -> Result<TlsContext, SettingsError> {
    // The SDK ends the process over a file with anything else in it.
    let pem: String = certificates.iter().map(pem).collect();
    let store = TrustStore::empty().with_pem_certificate(pem);
    let context = TlsContext::builder().with_trust_store(store).build();
    context.map_err(|error| SettingsError::new(format!("cannot trust the certificates: {}", cause(&error))))
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64_STANDARD.encode(certificate))
}

/// Whether what is sent to a URL can be read and changed by others: plain HTTP to another host.
pub(super) fn is_open_to_others(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
        }
        None => false,
    };
    url.scheme() == "http" && !loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_to_another_host_is_open_to_others() {
        for (url, open) in [
            ("http://aws.example", true),
            ("http://10.0.0.1:4566/", true),
            ("HTTP://aws.example", true),
            ("http://[fd00::1]", true),
            ("http://127.0.0.1.example", true),
            ("http://localhost.example", true),
            ("http://user:pw@aws.example", true),
            ("http://127.0.0.1@aws.example", true),
            ("https://aws.example", false),
            ("http://localhost:4566", false),
            ("http://x.localhost.", false),
            ("http://127.8.0.1", false),
            ("http://[::1]:1", false),
            ("http://[::ffff:127.0.0.1]", false),
        ] {
            assert_eq!(is_open_to_others(url), open, "{url}");
        }
    }

    #[test]
    fn a_proxy_is_a_url_of_http() {
        for (value, fine) in [
            ("", true),
            ("http://proxy:3128", true),
            ("https://user:pw@proxy", true),
            ("proxy.example:3128", true),
            ("user:pw@proxy:3128", true),
            ("http://[::1]:3128", true),
            ("http://", false),
            ("http://proxy:port", false),
            ("http://proxy:99999", false),
            ("socks5://proxy:1080", false),
            ("ftp://proxy", false),
            ("http://pro xy", false),
            ("http:/proxy", false),
            (":3128", false),
            ("::", false),
        ] {
            for names in PROXIES {
                for set in names {
                    let checked = check_proxies(|name| (name == set).then(|| value.to_owned()));
                    assert_eq!(checked.is_ok(), fine, "{set}={value}");
                    assert!(checked.err().is_none_or(|error| error.to_string().contains(set)));
                }
            }
        }
        // The first of two counts, and a password is not shown.
        let both = |name: &str| Some(if name == "HTTPS_PROXY" { "" } else { "http://ok" }.to_owned());
        assert_eq!(check_proxies(both), Ok(()));
        let error = check_proxies(|_| Some("ftp://me:hunter2x@proxy".to_owned())).unwrap_err().to_string();
        assert!(!error.contains("hunter2x") && error.contains("proxy"), "{error}");
    }

    #[test]
    fn metadata_goes_through_no_proxy() {
        for (host, is) in [
            ("169.254.169.254", true),
            ("169.254.170.2", true),
            ("[fd00:ec2::254]", true),
            ("fd00:ec2::23", true),
            ("169.253.0.1", false),
            ("iam.amazonaws.com", false),
        ] {
            assert_eq!(is_metadata(host), is, "{host}");
        }
    }
}
