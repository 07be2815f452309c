//! An answer as it came over the wire, for whoever reads only a part of it.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ec2::operation::describe_instances::{DescribeInstancesError, DescribeInstancesOutput};
use aws_sdk_ssm::operation::describe_instance_properties::{
    DescribeInstancePropertiesError, DescribeInstancePropertiesOutput,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{BeforeSerializationInterceptorContextMut, Error, Output};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::ErrorMetadata;
use quick_xml::escape::unescape;
use quick_xml::events::Event;
use quick_xml::reader::Reader;
use serde_json::{Map, Value};

use super::error::Failure;

/// Keeps the answer to a call that lists by the thousand, and has the SDK do everything but read it.
///
/// Of each instance AWS tells some sixty things, and of each agent some twenty. The SDK reads them all, which takes it longer than
/// AWS takes to answer, and keeps them all.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    call: Call,
    body: Arc<Mutex<Option<SdkBody>>>,
}

#[derive(Debug, Clone, Copy)]
enum Call {
    DescribeInstances,
    DescribeInstanceProperties,
}

impl RawAnswer {
    /// That to `DescribeInstances`.
    pub fn instances() -> RawAnswer {
        RawAnswer { call: Call::DescribeInstances, body: Arc::default() }
    }

    /// That to `DescribeInstanceProperties`.
    pub fn instance_properties() -> RawAnswer {
        RawAnswer { call: Call::DescribeInstanceProperties, body: Arc::default() }
    }

    /// The body of the answer to `api`, which is in memory; it is given once.
    ///
    /// # Errors
    /// If there was no answer.
    pub fn body(&self, api: &'static str) -> Result<SdkBody, Failure> {
        let body = self.body.lock().unwrap_or_else(PoisonError::into_inner).take();
        body.ok_or_else(|| Failure::incomplete(api, "a body"))
    }
}

impl Intercept for RawAnswer {
    fn name(&self) -> &'static str {
        "RawAnswer"
    }

    fn modify_before_serialization(
        &self,
        _context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(SharedResponseDeserializer::new(self.clone()));
        Ok(())
    }
}

impl DeserializeResponse for RawAnswer {
    fn deserialize_nonstreaming(&self, response: &HttpResponse) -> Result<Output, OrchestratorError<Error>> {
        if !response.status().is_success() {
            let body = response.body().bytes().unwrap_or_default();
            return Err(OrchestratorError::operation(match self.call {
                Call::DescribeInstances => Error::erase(DescribeInstancesError::generic(error_in_xml(body))),
                Call::DescribeInstanceProperties => {
                    let header = response.headers().get("x-amzn-errortype");
                    Error::erase(DescribeInstancePropertiesError::generic(error_in_json(header, body)))
                }
            }));
        }
        // This copies no bytes.
        *self.body.lock().unwrap_or_else(PoisonError::into_inner) = response.body().try_clone();
        Ok(match self.call {
            Call::DescribeInstances => Output::erase(DescribeInstancesOutput::builder().build()),
            Call::DescribeInstanceProperties => Output::erase(DescribeInstancePropertiesOutput::builder().build()),
        })
    }
}

/// The code and message of an error, where the answer is one of EC2's.
fn error_in_xml(body: &[u8]) -> ErrorMetadata {
    let mut error = ErrorMetadata::builder();
    let text = String::from_utf8_lossy(body);
    let mut reader = Reader::from_str(&text);
    while let Ok(event) = reader.read_event() {
        let start = match event {
            Event::Start(start) => start,
            Event::Eof => break,
            _ => continue,
        };
        let name = start.local_name();
        if !matches!(name.as_ref(), b"Code" | b"Message") {
            continue;
        }
        let Ok(said) = reader.read_text(start.name()) else { break };
        let said = unescape(&said).map(Cow::into_owned).unwrap_or_default();
        error = if name.as_ref() == b"Code" { error.code(said) } else { error.message(said) };
    }
    error.build()
}

/// The same, where it is one of Systems Manager's. The code may stand in a header, and between a namespace and a URI
/// ([AWS JSON 1.1](https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization)).
fn error_in_json(header: Option<&str>, body: &[u8]) -> ErrorMetadata {
    let said: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: [&str; 2]| names.into_iter().find_map(|name| said.get(name)?.as_str());
    let mut error = ErrorMetadata::builder();
    if let Some(code) = header.or(text(["code", "__type"])) {
        let code = code.split(':').next().unwrap_or_default();
        error = error.code(code.rsplit('#').next().unwrap_or_default());
    }
    if let Some(message) = text(["message", "Message"]) {
        error = error.message(message);
    }
    error.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_an_answer_in_xml() {
        let xml = "<?xml version=\"1.0\"?>\n<Response><Errors><Error><Code>AuthFailure</Code><Message>a &lt; b</Message></Error></Errors>\
                   <RequestID>1</RequestID></Response>";
        let error = error_in_xml(xml.as_bytes());
        assert_eq!((error.code(), error.message()), (Some("AuthFailure"), Some("a < b")));
        for broken in ["", "<html><body>no</body></html>", "<Response><Errors><Error><Co", "{}"] {
            assert_eq!(error_in_xml(broken.as_bytes()).code(), None, "{broken}");
        }
    }

    #[test]
    fn the_error_of_an_answer_in_json() {
        let (throttled, denied) = (Some("ThrottlingException"), Some("AccessDeniedException"));
        for (header, body, expected) in [
            (None, r#"{"__type":"ThrottlingException","message":"slow"}"#, (throttled, Some("slow"))),
            (
                None,
                r#"{"__type":"com.amazon#ThrottlingException","message":"slow","Message":"slow"}"#,
                (throttled, Some("slow")),
            ),
            (Some("AccessDeniedException:http://a/b#c"), "{}", (denied, None)),
            (None, r#"{"code":"AccessDeniedException","Message":"no"}"#, (denied, Some("no"))),
            (
                None,
                r#"{"__type":"ThrottlingException","code":400,"message":{},"Message":"slow"}"#,
                (throttled, Some("slow")),
            ),
            (None, r#"{"__type":"Other","code":"ThrottlingException","__type":5}"#, (throttled, None)),
            (None, "<html>", (None, None)),
            (None, "", (None, None)),
        ] {
            let error = error_in_json(header, body.as_bytes());
            assert_eq!((error.code(), error.message()), expected, "{body}");
        }
    }
}
