//! An answer as it came over the wire, for whoever reads only a part of it.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ec2::operation::describe_instances::{DescribeInstancesError, DescribeInstancesOutput};
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

/// Keeps the answer to a call of `DescribeInstances`, and has the SDK do everything but read it.
///
/// Of each instance AWS tells some sixty things in a few kilobytes. The SDK reads them all, which takes it longer than AWS takes to
/// answer, and only then knows the token of the next page.
#[derive(Debug, Clone, Default)]
pub struct RawInstances(Arc<Mutex<Option<SdkBody>>>);

impl RawInstances {
    /// The body of the last answer, which is in memory.
    pub fn take(&self) -> Option<SdkBody> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Intercept for RawInstances {
    fn name(&self) -> &'static str {
        "RawInstances"
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

impl DeserializeResponse for RawInstances {
    fn deserialize_nonstreaming(&self, response: &HttpResponse) -> Result<Output, OrchestratorError<Error>> {
        let body = response.body().bytes().unwrap_or_default();
        if !response.status().is_success() {
            let error = DescribeInstancesError::generic(error_in(body));
            return Err(OrchestratorError::operation(Error::erase(error)));
        }
        // This copies no bytes.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = response.body().try_clone();
        Ok(Output::erase(DescribeInstancesOutput::builder().build()))
    }
}

/// The code and message of an error, where the answer is one of EC2's.
fn error_in(body: &[u8]) -> ErrorMetadata {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_an_answer() {
        let xml = "<?xml version=\"1.0\"?>\n<Response><Errors><Error><Code>AuthFailure</Code><Message>a &lt; b</Message></Error></Errors>\
                   <RequestID>1</RequestID></Response>";
        let error = error_in(xml.as_bytes());
        assert_eq!((error.code(), error.message()), (Some("AuthFailure"), Some("a < b")));
        for broken in ["", "<html><body>no</body></html>", "<Response><Errors><Error><Co", "{}"] {
            assert_eq!(error_in(broken.as_bytes()).code(), None, "{broken}");
        }
    }
}
