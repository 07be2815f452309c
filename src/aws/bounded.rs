//! Bounds the time, the size and the depth of every answer, before anything reads it.
//!
//! The SDK's own limit on a try would also count the time that a credential process needs to ask its user, and its reader of JSON
//! goes down a level of the stack for each level of an answer.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient as _, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::retry::ErrorKind;

use super::excerpt::Excerpt;
use crate::limits::{self, ANSWER_BYTES, ANSWER_DEPTH, ANSWER_ITEMS, JSON_ANSWER_BYTES, LARGE_ANSWER_BYTES};

/// A client whose answers are whole, in time and within the limits; `timeout` is the time from a request to the end of its answer.
pub(super) fn bounded(client: SharedHttpClient, timeout: Duration) -> SharedHttpClient {
    http_client_fn(move |settings, components| {
        let inner = client.http_connector(settings, components);
        SharedHttpConnector::new(Bounded { inner, timeout })
    })
}

/// A connector whose answers are whole, in time and within the limits.
#[derive(Debug)]
struct Bounded {
    inner: SharedHttpConnector,
    timeout: Duration,
}

impl HttpConnector for Bounded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (expected, timeout) = (Expected::by(&request), self.timeout);
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let answer = tokio::time::timeout(timeout, async { read(answer.await?, expected).await }).await;
            answer.unwrap_or_else(|_| Err(ConnectorError::timeout(BoxError::from(Late(timeout)))))
        })
    }
}

/// The answer did not end in time.
#[derive(Debug)]
struct Late(Duration);

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it did not end within {} s", self.0.as_secs_f64())
    }
}

impl Error for Late {}

/// Why an answer is not read; it goes behind "the answer of ENDPOINT".
#[derive(Debug)]
pub(super) enum Refused {
    /// It is larger than this.
    Large(u64),
    /// It has more levels than are read.
    Deep,
    /// It has more elements than are read.
    Many,
    /// Its elements do not end where they should, or it has markup that is none of AWS's.
    Malformed,
    /// It breaks off.
    Broken(BoxError),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Large(bytes) => {
                write!(f, "is larger than {}, which no response to this call is", limits::in_words(*bytes))
            }
            Refused::Deep => write!(f, "is nested more than {ANSWER_DEPTH} levels deep, which no AWS response is"),
            Refused::Many => write!(f, "has more than {ANSWER_ITEMS} elements, which no AWS response has"),
            Refused::Malformed => f.write_str("could not be parsed: it is not XML as AWS writes it"),
            Refused::Broken(error) => write!(f, "could not be parsed: {}", super::error::cause(error.as_ref())),
        }
    }
}

impl Error for Refused {}

impl Refused {
    /// As the connector reports it; what breaks off may come whole next time.
    fn into_error(self) -> ConnectorError {
        let kind = matches!(self, Refused::Broken(_)).then_some(ErrorKind::TransientError);
        ConnectorError::other(BoxError::from(self), kind)
    }
}

/// What kind of answer a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Expected {
    format: Format,
    most: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Of services that are asked in form fields.
    Xml,
    /// The same, a page of instances.
    Instances,
    /// Of the others, and of sources of credentials.
    Json,
}

/// The call whose pages are of instances.
const INSTANCES: &[u8] = b"Action=DescribeInstances&";

/// The calls whose pages are large.
const LARGE: [&[u8]; 6] = [
    INSTANCES,
    b"Action=DescribeNetworkAcls&",
    b"Action=DescribeSecurityGroups&",
    b"Action=DescribeVpcEndpoints&",
    b"Action=DescribeNetworkInterfaces&",
    b"Action=GetAccountAuthorizationDetails&",
];

impl Expected {
    fn by(request: &HttpRequest) -> Expected {
        let form = |kind: &str| kind.starts_with("application/x-www-form-urlencoded");
        if !request.headers().get("content-type").is_some_and(form) {
            return Expected { format: Format::Json, most: JSON_ANSWER_BYTES };
        }
        let fields = request.body().bytes().unwrap_or_default();
        let large = LARGE.iter().any(|action| fields.starts_with(action));
        let format = if fields.starts_with(INSTANCES) { Format::Instances } else { Format::Xml };
        Expected { format, most: if large { LARGE_ANSWER_BYTES } else { ANSWER_BYTES } }
    }
}

async fn read(mut answer: HttpResponse, expected: Expected) -> Result<HttpResponse, ConnectorError> {
    let too_large = || Refused::Large(expected.most).into_error();
    let said = answer.headers().get("content-length").and_then(|length| length.parse::<u64>().ok());
    if said.is_some_and(|length| length > expected.most) {
        return Err(too_large());
    }
    let said = usize::try_from(said.unwrap_or_default()).unwrap_or_default();
    // What a proxy answers in the place of AWS is read as text alone.
    let mut body = match expected.format {
        Format::Instances if answer.status().is_success() => Body::Page(Excerpt::of_page(said)),
        _ => Body::Whole(Vec::with_capacity(said)),
    };
    let mut came = 0;
    let mut chunks = ByteStream::new(std::mem::replace(answer.body_mut(), SdkBody::taken()));
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Refused::Broken(error.into()).into_error())?;
        came += chunk.len() as u64;
        if came > expected.most {
            return Err(too_large());
        }
        match &mut body {
            Body::Page(excerpt) => excerpt.take(&chunk).map_err(Refused::into_error)?,
            Body::Whole(bytes) => bytes.extend_from_slice(&chunk),
        }
    }
    let body = match body {
        Body::Page(excerpt) => excerpt.end(),
        Body::Whole(bytes) => match expected.format {
            Format::Json => check_json(&bytes).map(|()| bytes),
            Format::Xml if answer.status().is_success() => check_xml(&bytes).map(|()| bytes),
            Format::Xml | Format::Instances => Ok(bytes),
        },
    };
    *answer.body_mut() = SdkBody::from(body.map_err(Refused::into_error)?);
    Ok(answer)
}

/// An answer as far as it came.
enum Body {
    Whole(Vec<u8>),
    /// A page of instances.
    Page(Excerpt),
}

/// Whether an answer of AWS may have so many levels and elements.
pub(super) fn within(depth: usize, items: usize) -> Result<(), Refused> {
    match () {
        () if depth > ANSWER_DEPTH => Err(Refused::Deep),
        () if items > ANSWER_ITEMS => Err(Refused::Many),
        () => Ok(()),
    }
}

fn check_json(body: &[u8]) -> Result<(), Refused> {
    let (mut depth, mut items) = (0_usize, 0_usize);
    let (mut quoted, mut escaped) = (false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => {
                (depth, items) = (depth + 1, items + 1);
                within(depth, items)?;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

fn check_xml(body: &[u8]) -> Result<(), Refused> {
    let (mut depth, mut items) = (0_usize, 0_usize);
    for place in memchr::memchr_iter(b'<', body) {
        let tag = body.get(place + 1..).unwrap_or_default();
        match tag.first() {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(b'!' | b'?') | None => {}
            Some(_) => {
                items += usize::from(is_item(tag));
                within(depth + 1, items)?;
                let end = memchr::memchr(b'>', tag).unwrap_or(tag.len());
                let empty = end.checked_sub(1).and_then(|last| tag.get(last)) == Some(&b'/');
                depth += usize::from(!empty);
            }
        }
    }
    Ok(())
}

/// Whether a tag that begins like this is that of a list's element.
pub(super) fn is_item(tag: &[u8]) -> bool {
    tag.starts_with(b"item") || tag.starts_with(b"member")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_are_deeper_or_have_more_elements_than_any_of_aws_are_refused() {
        let nested = |open: &str, close: &str, levels: usize| open.repeat(levels) + &close.repeat(levels);
        for (levels, fine) in [(ANSWER_DEPTH, true), (ANSWER_DEPTH + 1, false), (40_000, false)] {
            assert_eq!(check_json(nested("[", "]", levels).as_bytes()).is_ok(), fine, "{levels}");
            assert_eq!(check_json(r#"{"a":"#.repeat(levels).as_bytes()).is_ok(), fine, "{levels}");
            assert_eq!(check_xml(nested("<a>", "</a>", levels).as_bytes()).is_ok(), fine, "{levels}");
        }
        for (items, fine) in [(ANSWER_ITEMS - 1, true), (ANSWER_ITEMS, true), (ANSWER_ITEMS + 1, false)] {
            // The list itself is one of them in JSON.
            let json = format!("[{}1]", "{},".repeat(items - 1));
            assert_eq!(check_json(json.as_bytes()).is_ok(), fine, "{items}");
            for item in ["<item/>", "<item></item>", "<member/>"] {
                assert_eq!(check_xml(item.repeat(items).as_bytes()).is_ok(), fine, "{items} {item}");
            }
        }
    }

    #[test]
    fn text_and_neighbors_are_no_levels() {
        assert!(check_json(format!(r#"["{}", "\"{}"]"#, "[".repeat(1000), "{".repeat(1000)).as_bytes()).is_ok());
        assert!(check_json("[],".repeat(1000).as_bytes()).is_ok());
        for shallow in ["<a/>", "<a></a>", "<a b=\"c\"/>", "<?xml?>", "<!-- a -->", "<a>]]></a>"] {
            assert!(check_xml(shallow.repeat(1000).as_bytes()).is_ok(), "{shallow}");
        }
        for cut in ["<", "</", "<a", "\"", "\"\\", ""] {
            assert!(check_xml(cut.as_bytes()).is_ok() && check_json(cut.as_bytes()).is_ok(), "{cut}");
        }
    }

    #[test]
    fn a_page_of_a_fleet_may_be_larger_than_other_answers() {
        let asked = |kind: &'static str, body: &'static str| {
            let mut request = HttpRequest::new(SdkBody::from(body));
            request.headers_mut().insert("content-type", kind);
            Expected::by(&request).most
        };
        let form = "application/x-www-form-urlencoded";
        assert_eq!(asked(form, "Action=DescribeInstances&Version=2016-11-15"), LARGE_ANSWER_BYTES);
        assert_eq!(asked(form, "Action=GetRole&Version=2010-05-08"), ANSWER_BYTES);
        assert_eq!(asked("application/x-amz-json-1.1", "{}"), JSON_ANSWER_BYTES);
    }
}
