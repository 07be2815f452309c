//! What the stub answers to one call, whole or broken.

use std::time::Duration;

use serde_json::{Value, json};

use super::xml;

/// One answer.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A body of a content type.
    Body { status: u16, content_type: &'static str, body: String },
    /// An error in the envelope of the service that was called.
    Error { status: u16, code: String, message: String },
    /// The other answer, but the connection ends in the middle of its body.
    Truncated(Box<Answer>),
    /// The connection ends without an answer.
    Closed,
    /// The connection is reset without an answer.
    Reset,
    /// The other answer, with a header more.
    WithHeader(&'static str, String, Box<Answer>),
    /// This text again and again, each time after a while, for as long as somebody reads it.
    Endless { piece: String, every: Duration },
    /// The other answer, later.
    Late(Duration, Box<Answer>),
}

impl Answer {
    /// An XML body with status 200.
    pub fn xml(body: impl Into<String>) -> Self {
        Self::Body { status: 200, content_type: "text/xml", body: body.into() }
    }

    /// A JSON body with status 200.
    pub fn json(body: &Value) -> Self {
        Self::Body { status: 200, content_type: "application/x-amz-json-1.1", body: body.to_string() }
    }

    /// Plain text with status 200, as instance metadata has it.
    pub fn text(body: impl Into<String>) -> Self {
        Self::Body { status: 200, content_type: "text/plain", body: body.into() }
    }

    /// Plain text with another status, as a proxy in between would send it.
    pub fn status(status: u16, body: impl Into<String>) -> Self {
        Self::Body { status, content_type: "text/html", body: body.into() }
    }

    /// Status 200 and a body that no protocol of AWS knows.
    pub fn garbage() -> Self {
        Self::xml("<<<this is not XML\u{0}{\"nor\": JSON")
    }

    /// An error of status 400.
    pub fn error(code: &str, message: &str) -> Self {
        Self::Error { status: 400, code: code.into(), message: message.into() }
    }

    /// The caller may not make this call; IAM and EC2 have words of their own for it, see [`Answer::unauthorized`].
    pub fn denied(action: &str) -> Self {
        let message = format!(
            "User: arn:aws:iam::111122223333:user/tester is not authorized to perform: {action} because no identity-based policy allows the {action} action"
        );
        Self::Error { status: 403, code: "AccessDenied".into(), message }
    }

    /// The caller may not make this call, in the words of EC2.
    pub fn unauthorized() -> Self {
        Self::Error {
            status: 403,
            code: "UnauthorizedOperation".into(),
            message: "You are not authorized to perform this operation.".into(),
        }
    }

    /// IAM knows no such entity.
    pub fn no_such_entity(message: &str) -> Self {
        Self::Error { status: 404, code: "NoSuchEntity".into(), message: message.into() }
    }

    /// Too many calls, in the words of IAM.
    pub fn throttled() -> Self {
        Self::error("Throttling", "Rate exceeded")
    }

    /// The service fails.
    pub fn internal() -> Self {
        Self::Error { status: 500, code: "InternalFailure".into(), message: "An internal error has occurred".into() }
    }

    /// The service does not know these credentials: nobody has them, or the Region is off for the account.
    pub fn unrecognized(protocol: Protocol) -> Self {
        let (status, code, message) = match protocol {
            Protocol::Ec2 => (401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
            Protocol::Query | Protocol::Rest => {
                (403, "InvalidClientTokenId", "The security token included in the request is invalid.")
            }
            _ => (400, "UnrecognizedClientException", "The security token included in the request is invalid."),
        };
        Self::Error { status, code: code.into(), message: message.into() }
    }

    /// These credentials have expired.
    pub fn expired(protocol: Protocol) -> Self {
        let (status, code, message) = match protocol {
            Protocol::Ec2 => (400, "RequestExpired", "Request has expired."),
            Protocol::Query | Protocol::Rest => {
                (403, "ExpiredToken", "The security token included in the request is expired")
            }
            _ => (400, "ExpiredTokenException", "The security token included in the request is expired"),
        };
        Self::Error { status, code: code.into(), message: message.into() }
    }

    /// Ends the connection in the middle of this answer.
    pub fn truncated(self) -> Self {
        Self::Truncated(Box::new(self))
    }

    /// Sends this answer with a header more.
    pub fn with_header(self, name: &'static str, value: &str) -> Self {
        Self::WithHeader(name, value.into(), Box::new(self))
    }

    /// A byte of XML now and then, and never an end.
    pub fn dripping() -> Self {
        Self::Endless { piece: " ".into(), every: Duration::from_millis(100) }
    }

    /// Sends this answer after a while.
    pub fn after(self, delay: Duration) -> Self {
        Self::Late(delay, Box::new(self))
    }
}

/// How the called service writes its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Ec2,
    /// IAM and STS.
    Query,
    /// KMS and SSM.
    Json,
    /// S3.
    Rest,
    /// Instance metadata.
    Plain,
}

/// Writes an error in its protocol: content type and body.
pub fn error_body(protocol: Protocol, code: &str, message: &str) -> (&'static str, String) {
    match protocol {
        Protocol::Ec2 => ("text/xml", xml::ec2_error(code, message)),
        Protocol::Query => ("text/xml", xml::query_error(code, message)),
        Protocol::Rest => ("application/xml", xml::rest_error(code, message)),
        Protocol::Json => ("application/x-amz-json-1.1", json!({ "__type": code, "message": message }).to_string()),
        Protocol::Plain => ("text/plain", format!("{code}: {message}")),
    }
}
