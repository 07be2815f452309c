//! A page of agents, read for what this tool looks at.

use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::facts::Agent;

/// The answer to
/// [DescribeInstanceProperties](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceProperties.html).
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    instance_properties: Vec<Object<Properties>>,
    next_token: Option<String>,
}

/// Without its instance and its state it is none.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    instance_id: Box<str>,
    ping_status: String,
    agent_version: Option<String>,
    /// In seconds since 1970.
    last_ping_date_time: Option<f64>,
    platform_type: Option<String>,
}

/// What is read from an object only: by itself a struct takes an array too, whose values are of no key.
struct Object<T>(T);

impl<'d, T: Deserialize<'d>> Deserialize<'d> for Object<T> {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Object<T>, D::Error> {
        struct OfObject<T>(PhantomData<T>);

        impl<'d, T: Deserialize<'d>> Visitor<'d> for OfObject<T> {
            type Value = T;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'d>>(self, object: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(object))
            }
        }

        deserializer.deserialize_map(OfObject(PhantomData)).map(Object)
    }
}

/// What a page tells.
pub(super) struct AgentPage {
    /// Its agents, each with the id of its instance.
    pub(super) agents: Vec<(Box<str>, Agent)>,
    /// The token of the next page.
    pub(super) next: Option<String>,
}

/// Reads the body of an answer.
///
/// # Errors
/// If it cannot be understood.
pub(super) fn page(body: &[u8]) -> serde_json::Result<AgentPage> {
    let Object(Answer { instance_properties, next_token }) = serde_json::from_slice(body)?;
    let agents = instance_properties.into_iter().map(|Object(properties)| {
        let agent = Agent {
            ping: Some(properties.ping_status),
            version: properties.agent_version,
            #[expect(clippy::cast_possible_truncation, reason = "a time that does not fit is none")]
            last_ping: properties.last_ping_date_time.and_then(|time| Timestamp::from_second(time as i64).ok()),
            platform: properties.platform_type,
        };
        (properties.instance_id, agent)
    });
    Ok(AgentPage { agents: agents.collect(), next: next_token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_at_is_read() {
        let body = r#"{"InstanceProperties":[
            {"InstanceId":"i-1","PingStatus":"Online","AgentVersion":"3.3.1.0","LastPingDateTime":1.767225600123E9,
             "PlatformType":"Linux","Name":"a \" b","AssociationOverview":{"InstanceAssociationStatusAggregatedCount":{"x":1}}},
            {"InstanceId":"i-2","PingStatus":"\u0049nactive","PlatformType":null}],"NextToken":"a\/b"}"#;
        let AgentPage { agents, next } = page(body.as_bytes()).unwrap();
        assert_eq!(next.as_deref(), Some("a/b"));
        let [(one, first), (other, second)] = &agents[..] else { panic!("{agents:?}") };
        assert_eq!((&**one, &**other), ("i-1", "i-2"));
        assert_eq!(first.last_ping.unwrap().to_string(), "2026-01-01T00:00:00Z");
        let texts = [&first.ping, &first.version, &first.platform].map(Option::as_deref);
        assert_eq!(texts, [Some("Online"), Some("3.3.1.0"), Some("Linux")]);
        assert_eq!((second.ping.as_deref(), &second.version, &second.platform), (Some("Inactive"), &None, &None));
        assert!(page(br#"{"InstanceProperties":[],"NextToken":null}"#).unwrap().agents.is_empty());
    }

    #[test]
    fn what_is_no_page_is_an_error() {
        for broken in [
            "",
            "{}",
            "[]",
            r#"{"InstanceProperties":null}"#,
            r#"{"InstanceProperties":[{"PingStatus":"Online"}]}"#,
            r#"{"InstanceProperties":[{"InstanceId":"i-1"}]}"#,
            r#"{"InstanceProperties":[{"InstanceId":"i-1","PingStatus":"Online","LastPingDateTime":"x"}]}"#,
            r#"{"InstanceProperties":[["i-1","Online",null,null,null]]}"#,
            "[[],null]",
            r#"{"InstanceProperties":[]"#,
        ] {
            assert!(page(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
