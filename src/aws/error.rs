//! What a failed call means for the verdict, and how to say it to a person.
//!
//! The class of an error comes from its code, never from its text, which AWS changes at will.
//! Source: [EC2 error codes](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html),
//! [IAM common errors](https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html).

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::bounded::Refused;
use super::credentials::NotSignedIn;
use super::http::ThroughProxy;
use super::unanswered::NotMade;
use crate::facts::{Fact, Unreadable, UnreadableKind};
use crate::redact;

/// More of AWS's own words than this helps nobody.
const MESSAGE_LIMIT: usize = 600;

/// Why a call gave no answer to work with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// AWS says that the thing does not exist. The reason is for places where that cannot be taken at its word.
    NotFound(Unreadable),
    /// Nothing is known about the thing.
    Failed(Unreadable),
}

impl Failure {
    /// A success that lacks `what`, so that it says nothing.
    pub fn incomplete(api: &str, what: &str) -> Failure {
        Failure::Failed(Unreadable {
            api: api.to_owned(),
            kind: UnreadableKind::Response,
            message: format!("the response is incomplete: it lacks {}", redact::secrets(what)),
        })
    }

    /// An answer that has more than so many of something, which none of AWS has.
    pub fn beyond(api: &str, most: usize, what: &str) -> Failure {
        Failure::Failed(Unreadable {
            api: api.to_owned(),
            kind: UnreadableKind::Response,
            message: format!("the response has more than {most} {what}, which is more than AWS sends"),
        })
    }

    /// A read that somebody who asked for the end of the run did not wait for.
    pub fn cut_off(api: &str) -> Failure {
        let message = "interrupted before a response came".to_owned();
        Failure::Failed(Unreadable { api: api.to_owned(), kind: UnreadableKind::Other, message })
    }

    /// The fact about a thing whose absence is an answer.
    pub fn into_fact<T>(self) -> Fact<T> {
        match self {
            Failure::NotFound(_) => Fact::Absent,
            Failure::Failed(reason) => Fact::Unreadable(reason),
        }
    }

    /// The reason, for a thing that something else says must exist.
    pub fn into_unreadable(self) -> Unreadable {
        match self {
            Failure::NotFound(reason) | Failure::Failed(reason) => reason,
        }
    }

    /// The reason, whatever it means.
    pub fn reason(&self) -> &Unreadable {
        match self {
            Failure::NotFound(reason) | Failure::Failed(reason) => reason,
        }
    }

    /// Whether AWS says that the thing does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Failure::NotFound(_))
    }
}

/// The class of the failure of a call to `api` (`iam:GetRole`), made at `endpoint` where that was set by hand.
pub fn classify<E>(api: &str, endpoint: Option<&str>, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let failed = |kind, message| Failure::Failed(Unreadable { api: api.to_owned(), kind, message });
    if let Some(credentials) = find::<CredentialsError>(error) {
        return failed(UnreadableKind::Credentials, about_credentials(credentials));
    }
    let mut peer =
        endpoint.map_or_else(|| "the endpoint".to_owned(), |endpoint| format!("`{}`", redact::url(endpoint)));
    if let Some(ThroughProxy { proxy, .. }) = find(error) {
        peer = format!("{peer} through the proxy `{proxy}`");
    }
    // What was sent may have been answered; only without a connection is it certain that nothing was.
    let unanswered = if made_no_connection(error) { UnreadableKind::Network } else { UnreadableKind::Response };
    if let Some(refused) = find::<Refused>(error) {
        return failed(UnreadableKind::Response, format!("the response from {peer} {refused}"));
    }
    if let Some(not_made) = find::<NotMade>(error) {
        return failed(UnreadableKind::Response, format!("no response from {peer}: {not_made}"));
    }
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            from_answer(api, &peer, status, answer.err().code(), answer.err().message())
        }
        SdkError::TimeoutError(_) => failed(UnreadableKind::Response, format!("no response from {peer} in time")),
        SdkError::DispatchFailure(dispatch) if dispatch.is_timeout() => {
            failed(unanswered, format!("no response from {peer} in time: {}", cause(error)))
        }
        SdkError::DispatchFailure(dispatch) if dispatch.is_io() => {
            failed(unanswered, format!("no connection to {peer}: {}", cause(error)))
        }
        // There was a connection, and it broke off.
        SdkError::DispatchFailure(_)
            if find::<hyper_util::client::legacy::Error>(error).is_some() && !made_no_connection(error) =>
        {
            failed(unanswered, format!("no response from {peer}: {}", cause(error)))
        }
        SdkError::DispatchFailure(_) => {
            failed(unanswered, format!("the call to {peer} could not be made: {}", cause(error)))
        }
        SdkError::ResponseError(_) => {
            failed(UnreadableKind::Response, format!("the response from {peer} could not be parsed: {}", cause(error)))
        }
        _ => failed(UnreadableKind::Other, format!("the call to {peer} could not be made: {}", cause(error))),
    }
}

/// Whether a call failed before there was a connection: a name that does not resolve, no route, nobody who listens.
fn made_no_connection(error: &(dyn Error + 'static)) -> bool {
    find::<hyper_util::client::legacy::Error>(error).is_some_and(hyper_util::client::legacy::Error::is_connect)
}

/// The class of the failure to assume a role.
pub(super) fn classify_assume(endpoint: Option<&str>, error: &CredentialsError) -> Failure {
    let api = "sts:AssumeRole";
    match find::<SdkError<AssumeRoleError, HttpResponse>>(error) {
        Some(error) => classify(api, endpoint, error),
        None => Failure::Failed(Unreadable {
            api: api.to_owned(),
            kind: UnreadableKind::Credentials,
            message: about_credentials(error),
        }),
    }
}

/// The class of an error that came as an answer.
fn from_answer(api: &str, peer: &str, status: u16, code: Option<&str>, said: Option<&str>) -> Failure {
    let unusable = |phrase| (Class::Kind(UnreadableKind::Response), phrase);
    let (class, phrase) = match code {
        Some(code) => {
            let (class, phrase) = match class_of(api, code) {
                // Whatever it calls that, AWS failed and did not refuse.
                (Class::Kind(UnreadableKind::Other), phrase) if status >= 500 => {
                    (Class::Kind(UnreadableKind::Service), phrase)
                }
                class => class,
            };
            (class, phrase.to_owned())
        }
        // AWS gives a code with every error. Without one it is a proxy that speaks, or the answer is cut or garbled.
        None if status == 429 => (Class::Kind(UnreadableKind::Throttled), format!("{peer} throttles calls")),
        None if (200..300).contains(&status) => unusable(format!("the response from {peer} could not be parsed")),
        None => unusable(format!("the response from {peer} is not an AWS response")),
    };
    let shown = code.map(tidy);
    let details = match (shown.as_deref(), said.map(tidy).filter(|said| !said.is_empty())) {
        (Some(code), Some(said)) => format!("{code}: {said}"),
        (Some(code), None) => code.to_owned(),
        (None, Some(said)) => format!("HTTP status {status}: {said}"),
        (None, None) => format!("HTTP status {status}"),
    };
    let reason = |kind| Unreadable { api: api.to_owned(), kind, message: format!("{phrase} ({details})") };
    match class {
        Class::NotFound => Failure::NotFound(reason(UnreadableKind::Other)),
        Class::Kind(kind) => Failure::Failed(reason(kind)),
    }
}

enum Class {
    NotFound,
    Kind(UnreadableKind),
}

/// The error codes by which AWS says that a thing does not exist, each with the calls that it means this for: of any other call it
/// is an error like all others, which says nothing.
///
/// Sources: the errors of [IAM](https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html#API_GetRole_Errors),
/// [EC2](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html),
/// [KMS](https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html#API_DescribeKey_Errors),
/// [`GetDocument`](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetDocument.html#API_GetDocument_Errors),
/// [`GetServiceSetting`](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetServiceSetting.html#API_GetServiceSetting_Errors),
/// [S3](https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList) and [Organizations](https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeOrganization.html#API_DescribeOrganization_Errors).
const NOT_THERE: [(&str, &str); 10] = [
    ("iam:", "NoSuchEntity"),
    ("iam:", "NoSuchEntityException"),
    ("ec2:", "InvalidInstanceID.NotFound"),
    ("kms:", "NotFoundException"),
    ("ssm:GetDocument", "InvalidDocument"),
    ("ssm:GetServiceSetting", "ServiceSettingNotFound"),
    ("organizations:", "AWSOrganizationsNotInUseException"),
    ("s3:", "NoSuchBucket"),
    ("s3:GetBucketPolicy", "NoSuchBucketPolicy"),
    ("s3:GetEncryptionConfiguration", "ServerSideEncryptionConfigurationNotFoundError"),
];

/// The error codes by which AWS says that the caller may not make a call.
///
/// Sources: [common errors](https://docs.aws.amazon.com/organizations/latest/APIReference/CommonErrors.html), of which IAM, STS,
/// KMS, Systems Manager and Organizations have the same, and
/// [those of EC2](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html).
const DENIED: [&str; 5] =
    ["AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation", "Client.UnauthorizedOperation"];

/// The error codes by which a service says that it does not know a call.
///
/// Sources: [common errors](https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html) and the
/// [AWS JSON protocol](https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html).
const NOT_KNOWN: [&str; 3] = ["InvalidAction", "UnknownOperationException", "NotImplemented"];

/// The class of an error code as answer to `api`, and the phrase that opens the message.
fn class_of(api: &str, code: &str) -> (Class, &'static str) {
    if NOT_THERE.iter().any(|(calls, not_there)| api.starts_with(calls) && *not_there == code) {
        return (Class::NotFound, "it does not exist");
    }
    match code {
        code if DENIED.contains(&code) => (Class::Kind(UnreadableKind::Denied), "access is denied"),
        code if NOT_KNOWN.contains(&code) => {
            (Class::Kind(UnreadableKind::Unsupported), "the service does not know this call")
        }
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "Client.RequestLimitExceeded"
        | "TooManyRequests"
        | "TooManyRequestsException"
        | "BandwidthLimitExceeded"
        | "EC2ThrottledException"
        | "PriorRequestNotComplete"
        | "SlowDown" => (Class::Kind(UnreadableKind::Throttled), "calls are throttled, after every retry"),
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
            (Class::Kind(UnreadableKind::Credentials), "the credentials are not accepted: they have expired")
        }
        "RequestTimeTooSkewed" => (
            Class::Kind(UnreadableKind::Credentials),
            "the credentials are not accepted: the clock of this machine is wrong",
        ),
        "InvalidToken"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => {
            (Class::Kind(UnreadableKind::Credentials), "the credentials are not accepted")
        }
        // Also what good credentials get in a Region that is not enabled in their account.
        "AuthFailure" | "UnrecognizedClientException" => (
            Class::Kind(UnreadableKind::Credentials),
            "the credentials are not accepted, or the Region is not enabled in their account",
        ),
        _ => (Class::Kind(UnreadableKind::Other), "the call failed"),
    }
}

/// Why there are no credentials, in words.
pub(super) fn about_credentials(error: &CredentialsError) -> String {
    match error {
        CredentialsError::CredentialsNotLoaded(_) => "no AWS credentials found".to_owned(),
        CredentialsError::ProviderTimedOut(_) => "the AWS credentials did not come in time".to_owned(),
        _ if find::<NotSignedIn>(error).is_some() => NotSignedIn.to_string(),
        _ => format!("the AWS credentials could not be loaded: {}", cause_with_proxy(error)),
    }
}

/// An error and its causes, from the outermost.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// The first error of type `T` in the chain of causes.
pub(super) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// The innermost useful causes of `error`, for a person: `tcp connect error: connection refused`.
pub fn cause(error: &(dyn Error + 'static)) -> String {
    // The outer errors say only that something inside failed; a bare `timed out` says less than its wrapper.
    const EMPTY: [&str; 4] = ["", "timed out", "io error", "timeout"];
    let mut texts: Vec<String> = Vec::new();
    for error in chain(error) {
        let text = lower_start(&tidy(&error.to_string()));
        // Each system says it in its own words, and some with the name of a function.
        if text.starts_with("dns error") || text.starts_with("failed to lookup address") {
            return "the name of the host is not known".to_owned();
        }
        if EMPTY.contains(&text.as_str()) {
            continue;
        }
        // Some errors repeat their source in their own text.
        texts.retain(|outer| !outer.contains(&text));
        texts.push(text);
    }
    let useful = texts.len().saturating_sub(2);
    let innermost = texts.split_off(useful);
    match innermost.as_slice() {
        // Where in making the connection the inner one arose.
        [outer, inner] if outer.starts_with("tls ") => format!("{outer}: {inner}"),
        [.., inner] => inner.clone(),
        [] => "no cause is known".to_owned(),
    }
}

/// The same, with the proxy that was to be passed, if there was one.
pub(super) fn cause_with_proxy(error: &(dyn Error + 'static)) -> String {
    match find::<ThroughProxy>(error) {
        Some(ThroughProxy { proxy, .. }) => format!("through the proxy `{proxy}`: {}", cause(error)),
        None => cause(error),
    }
}

/// One line, of bounded length, without secrets, a closing period and what only a machine can read.
fn tidy(text: &str) -> String {
    // First of all: a secret that was cut or folded is harder to tell.
    let text = &*redact::secrets(text);
    // EC2 appends a kilobyte that only `sts:DecodeAuthorizationMessage` can read.
    let text = text.split("Encoded authorization failure message:").next().unwrap_or_default();
    let text = text.split(" (os error").next().unwrap_or_default();
    let text = text.trim_start_matches("ProfileFile provider could not be built: ");
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(MESSAGE_LIMIT) {
        line.truncate(end);
        line.push_str("...");
        return line;
    }
    line.truncate(line.trim_end_matches(['.', ' ']).len());
    line
}

/// `Connection refused` becomes `connection refused`; `IMDS disabled` stays.
fn lower_start(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next();
    let rest_of_word = letters.clone().take_while(|letter| !letter.is_whitespace()).collect::<String>();
    match first {
        Some(first) if !rest_of_word.is_empty() && !rest_of_word.contains(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use aws_sdk_iam::operation::get_role::GetRoleError;
    use aws_sdk_iam::types::error::NoSuchEntityException;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn answered(status: u16, code: Option<&str>, said: &str) -> Failure {
        answered_to("iam:GetRole", status, code, said)
    }

    fn answered_to(api: &str, status: u16, code: Option<&str>, said: &str) -> Failure {
        let mut metadata = ErrorMetadata::builder().message(said);
        if let Some(code) = code {
            metadata = metadata.code(code);
        }
        let raw = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        classify(api, None, &SdkError::service_error(GetRoleError::generic(metadata.build()), raw))
    }

    fn kind(failure: Failure) -> Option<UnreadableKind> {
        match failure {
            Failure::NotFound(_) => None,
            Failure::Failed(reason) => Some(reason.kind),
        }
    }

    #[test]
    fn the_code_decides_and_the_text_does_not() {
        use UnreadableKind::*;
        for (code, expected) in [
            ("AccessDenied", Some(Denied)),
            ("AccessDeniedException", Some(Denied)),
            ("UnauthorizedOperation", Some(Denied)),
            ("Throttling", Some(Throttled)),
            ("RequestLimitExceeded", Some(Throttled)),
            ("TooManyRequestsException", Some(Throttled)),
            ("NoSuchEntity", None),
            ("ExpiredToken", Some(Credentials)),
            ("InvalidClientTokenId", Some(Credentials)),
            ("AuthFailure", Some(Credentials)),
            ("InvalidAction", Some(Unsupported)),
            ("UnknownOperationException", Some(Unsupported)),
            ("ServiceUnavailable", Some(Other)),
            ("ValidationError", Some(Other)),
        ] {
            let failure = answered(400, Some(code), "AccessDenied NoSuchEntity Throttling.");
            assert_eq!(kind(failure), expected, "{code}");
        }
    }

    #[test]
    fn a_code_says_that_there_is_nothing_only_of_the_calls_that_aws_documents_it_for() {
        let apis = [
            "iam:GetRole",
            "ec2:DescribeInstances",
            "kms:DescribeKey",
            "ssm:GetDocument",
            "ssm:GetServiceSetting",
            "organizations:DescribeOrganization",
            "organizations:ListPoliciesForTarget",
            "sts:GetCallerIdentity",
        ];
        for (code, of) in [
            ("NoSuchEntity", &apis[..1]),
            ("InvalidInstanceID.NotFound", &apis[1..2]),
            ("NotFoundException", &apis[2..3]),
            ("InvalidDocument", &apis[3..4]),
            ("ServiceSettingNotFound", &apis[4..5]),
            ("AWSOrganizationsNotInUseException", &apis[5..7]),
            ("TargetNotFoundException", &[]),
            ("PolicyNotFoundException", &[]),
        ] {
            for api in apis {
                let expected = if of.contains(&api) { None } else { Some(UnreadableKind::Other) };
                assert_eq!(kind(answered_to(api, 400, Some(code), "")), expected, "{code} of {api}");
            }
        }
    }

    #[test]
    fn a_modelled_error_is_not_found() {
        let inner =
            NoSuchEntityException::builder().meta(ErrorMetadata::builder().code("NoSuchEntity").build()).build();
        let raw = HttpResponse::new(StatusCode::try_from(404).unwrap(), SdkBody::empty());
        let error = SdkError::service_error(GetRoleError::NoSuchEntityException(inner), raw);
        assert!(classify("iam:GetRole", None, &error).is_not_found());
    }

    #[test]
    fn an_answer_without_a_code_is_not_one_of_aws() {
        assert_eq!(kind(answered(502, None, "")), Some(UnreadableKind::Response));
        assert_eq!(kind(answered(403, None, "")), Some(UnreadableKind::Response));
        assert_eq!(kind(answered(200, None, "")), Some(UnreadableKind::Response));
        assert_eq!(kind(answered(429, None, "")), Some(UnreadableKind::Throttled));
    }

    #[test]
    fn messages_are_for_people() {
        let said = "User: arn:aws:sts::1:x is not authorized\n to perform: iam:GetRole. Encoded authorization failure message: Zm9v";
        assert_eq!(
            answered(403, Some("AccessDenied"), said).into_unreadable().message,
            "access is denied (AccessDenied: User: arn:aws:sts::1:x is not authorized to perform: iam:GetRole)"
        );
        assert_eq!(
            answered(502, None, "").into_unreadable().message,
            "the response from the endpoint is not an AWS response (HTTP status 502)"
        );
        assert!(answered(400, Some("X"), &"é".repeat(5000)).into_unreadable().message.len() < 1300);
    }

    #[test]
    fn a_refused_connection_names_the_endpoint_and_the_cause() {
        let refused = io::Error::from_raw_os_error(111);
        let error: SdkError<GetRoleError, HttpResponse> =
            SdkError::dispatch_failure(ConnectorError::io(refused.into()));
        assert_eq!(
            classify("iam:GetRole", Some("http://127.0.0.1:1"), &error).into_unreadable().message,
            "no connection to `http://127.0.0.1:1`: connection refused"
        );
    }

    #[test]
    fn missing_credentials_are_told_apart_from_the_network() {
        for (inner, said) in [
            (CredentialsError::not_loaded_no_source(), "no AWS credentials found"),
            (CredentialsError::provider_error("the SSO session has expired."), "loaded: the SSO session has expired"),
        ] {
            let error: SdkError<GetRoleError, HttpResponse> =
                SdkError::dispatch_failure(ConnectorError::other(inner.into(), None));
            let reason = classify("iam:GetRole", None, &error).into_unreadable();
            assert_eq!(reason.kind, UnreadableKind::Credentials);
            assert!(reason.message.contains(said), "{}", reason.message);
        }
    }
}
