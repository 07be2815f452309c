//! Systems Manager: the settings of a Region, and the agents that report there.

use std::collections::{BTreeMap, HashMap};
use std::future::ready;
use std::sync::Arc;

use aws_sdk_ssm::operation::describe_instance_properties::builders::DescribeInstancePropertiesFluentBuilder;
use aws_sdk_ssm::primitives::DateTime;
use aws_sdk_ssm::types::{
    InstanceInformationStringFilter, InstancePropertyFilterOperator as Operator, InstancePropertyStringFilter,
    PingStatus, PlatformType,
};
use futures::future::join_all;
use jiff::Timestamp;

use super::iam::Expected;
use super::parts::{self, List, Page, Part, Told};
use super::properties::{self, AgentPage};
use super::reader::{self, Calls, Reader};
use super::{kms, logs, role};
use crate::aws::pages::pages;
use crate::aws::{Connection, Failure, RawAnswer};
use crate::facts::{Agent, ConnectionStatus, Fact, PolicyText, Settings, Unreadable};
use crate::preferences::Preferences;
use iam_eval::arn::partition_of_region;

const GET_SETTING: &str = "ssm:GetServiceSetting";
const GET_DOCUMENT: &str = "ssm:GetDocument";
const CONNECTION_STATUS: &str = "ssm:GetConnectionStatus";
const DESCRIBE_AGENTS: &str = "ssm:DescribeInstanceInformation";
const LIST_AGENTS: &str = "ssm:DescribeInstanceProperties";

/// The setting of Default Host Management Configuration.
///
/// Source: [Default Host Management Configuration](https://docs.aws.amazon.com/systems-manager/latest/userguide/fleet-manager-default-host-management-configuration.html).
const HOST_MANAGEMENT: &str = "/ssm/managed-instance/default-ec2-instance-management-role";
/// What it holds while it is off.
const OFF: &str = "$None";

/// The most instance ids that one filter takes.
const FILTER_VALUES: usize = 50;
/// The largest page of agents that are asked for by instance.
const PAGE: i32 = 50;
/// The largest page of all agents.
const LARGE_PAGE: i32 = 1000;

/// Reads the settings of a Region, the role, the key and the destinations of logs that they name; the role once `settled` is how roles are read.
pub(super) async fn settings(
    reader: &Reader<'_>,
    region: &str,
    preferences: Option<&str>,
    settled: impl Future<Output = ()>,
) {
    let host_management = async {
        let setting = host_management(reader, region).await;
        if let Fact::Known(path) = &setting {
            settled.await;
            let name = path.rsplit('/').next().unwrap_or(path);
            let expected = Expected { arn: None, account: None };
            role::role(reader, partition_of_region(region), name, &expected, None).await;
        }
        setting
    };
    let document = async {
        match preferences {
            Some(name) => self::preferences(reader, region, name).await,
            None => Fact::Absent,
        }
    };
    let (host_management, document) = futures::join!(host_management, document);
    let settings =
        Settings { host_management, preferences_name: preferences.map(str::to_owned), preferences: document };
    reader.facts().settings.insert(region.to_owned(), settings);
}

/// Reads session preferences, and the key and the destinations of logs that they name.
pub(super) async fn preferences(reader: &Reader<'_>, region: &str, name: &str) -> Fact<PolicyText> {
    let fact = document(reader, region, name).await;
    named_in(reader, region, &fact).await;
    fact
}

/// Reads the key and the destinations of logs that session preferences name.
pub(super) async fn named_in(reader: &Reader<'_>, region: &str, preferences: &Fact<PolicyText>) {
    let parsed = preferences.known().and_then(|text| Preferences::parse(text.as_str()).ok());
    if let Some(Preferences { kms_key, s3_logs, cloudwatch_logs, .. }) = parsed {
        let bucket = join_all(s3_logs.iter().map(|logs| logs::bucket(reader, region, &logs.bucket)));
        let group = join_all(cloudwatch_logs.iter().map(|group| logs::group(reader, region, group)));
        let here = [region];
        futures::join!(kms::key(reader, kms_key.as_deref(), &here), bucket, group);
    }
}

/// Whether Session Manager holds a connection to an instance's agent
/// ([GetConnectionStatus](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetConnectionStatus.html)).
///
/// # Errors
/// Why that is not known.
pub async fn connection_status(
    connection: &Connection,
    region: &str,
    instance: &str,
) -> Result<ConnectionStatus, Unreadable> {
    let answer = connection.ssm(region).get_connection_status().target(instance).send().await;
    let answer = answer.map_err(|error| connection.failure(CONNECTION_STATUS, &error).into_unreadable())?;
    match answer.status {
        Some(aws_sdk_ssm::types::ConnectionStatus::Connected) => Ok(ConnectionStatus::Connected),
        Some(aws_sdk_ssm::types::ConnectionStatus::NotConnected) => Ok(ConnectionStatus::NotConnected),
        _ => Err(Failure::incomplete(CONNECTION_STATUS, "the status").into_unreadable()),
    }
}

pub(super) async fn host_management(reader: &Reader<'_>, region: &str) -> Fact<String> {
    let request = reader.connection.ssm(region).get_service_setting().setting_id(HOST_MANAGEMENT);
    match reader.calls.make(GET_SETTING, request.send()).await {
        // By its value, because the status stays `Customized` when it was on and is off again.
        Ok(answer) => match answer.service_setting().and_then(|setting| setting.setting_value()) {
            Some(OFF | "") => Fact::Absent,
            Some(value) => Fact::Known(value.to_owned()),
            None => Failure::incomplete(GET_SETTING, "the setting's value").into_fact(),
        },
        Err(failure) => Fact::Unreadable(failure.into_unreadable()),
    }
}

async fn document(reader: &Reader<'_>, region: &str, name: &str) -> Fact<PolicyText> {
    let request = reader.connection.ssm(region).get_document().name(name).document_format("JSON".into());
    match reader.calls.make(GET_DOCUMENT, request.send()).await {
        Ok(answer) => match answer.content().filter(|content| !content.trim().is_empty()) {
            Some(content) => Fact::Known(PolicyText::new(content)),
            None => Failure::incomplete(GET_DOCUMENT, "the content").into_fact(),
        },
        Err(failure) => failure.into_fact(),
    }
}

/// The agents of a Region.
#[derive(Default)]
pub(super) struct AgentList {
    by_instance: HashMap<Box<str>, Agent>,
}

impl AgentList {
    /// The agent of an instance; one that is not among them was never seen.
    pub(super) fn agent(&self, id: &str) -> Fact<Agent> {
        self.by_instance.get(id).cloned().map_or(Fact::Absent, Fact::Known)
    }
}

/// All agents of a Region, a thousand a page; `None` where that cannot be read, so that they must be asked for by instance.
pub(super) async fn all_agents(reader: &Reader<'_>, region: &str) -> Option<Arc<AgentList>> {
    let request = reader.connection.ssm(region).describe_instance_properties().max_results(LARGE_PAGE);
    let mut told = parts::spawn(PropertyList { request, calls: reader.calls.clone() }, true, None);
    let mut agents = AgentList::default();
    let explain = |how: &str, why: &str| reader.watcher.explain(&format!("the agents of {region} are {how}: {why}"));
    while let Some(told) = told.recv().await {
        match told {
            Told::Items(page) => agents.by_instance.extend(page),
            Told::Chain(why) => explain("listed page after page, not in parts", &why),
            Told::Failed(failure) => {
                let Unreadable { api, message, .. } = failure.into_unreadable();
                explain("asked for fifty at a time", &format!("`{api}` failed: {message}"));
                return None;
            }
        }
    }
    Some(Arc::new(agents))
}

/// The list that the console of Systems Manager shows
/// ([DescribeInstanceProperties](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceProperties.html)).
struct PropertyList {
    request: DescribeInstancePropertiesFluentBuilder,
    calls: Calls,
}

impl List for PropertyList {
    type Item = (Box<str>, Agent);
    const API: &'static str = LIST_AGENTS;

    async fn page(&self, part: Option<&Part>, token: Option<String>) -> Result<Page<Self::Item>, Failure> {
        let mut request = self.request.clone().set_next_token(token);
        if let Some(part) = part {
            let filter = InstancePropertyStringFilter::builder().key("InstanceIds").operator(Operator::BeginWith);
            let filter = filter.set_values(Some(part.prefixes().to_vec())).build();
            request =
                request.filters_with_operator(filter.map_err(|_| Failure::incomplete(LIST_AGENTS, "its filter"))?);
        }
        let raw = RawAnswer::instance_properties();
        self.calls.make(LIST_AGENTS, request.customize().interceptor(raw.clone()).send()).await?;
        properties::page(raw.body(LIST_AGENTS)?.bytes().unwrap_or_default())
            .map(|AgentPage { agents, next }| Page { items: Box::pin(ready(Ok(agents))), next })
            .map_err(|why| Failure::incomplete(LIST_AGENTS, &format!("a list that can be read: {why}")))
    }

    fn id((id, _): &Self::Item) -> &str {
        id
    }
}

/// The agents of these instances; one that is not among the answers was never seen.
pub(super) async fn agents(reader: &Reader<'_>, region: &str, ids: &[&str]) -> BTreeMap<String, Fact<Agent>> {
    let chunks = ids.chunks(FILTER_VALUES).map(async |ids| {
        let seen = describe(reader, region, ids).await;
        let fact = |id: &&str| match &seen {
            Ok(seen) => ((*id).to_owned(), seen.get(*id).cloned().map_or(Fact::Absent, Fact::Known)),
            Err(reason) => ((*id).to_owned(), Fact::Unreadable(reason.clone())),
        };
        ids.iter().map(fact).collect::<Vec<_>>()
    });
    join_all(chunks).await.into_iter().flatten().collect()
}

/// What Systems Manager says of an agent.
fn agent(
    ping: Option<&PingStatus>,
    version: Option<String>,
    last_ping: Option<&DateTime>,
    platform: Option<&PlatformType>,
) -> Agent {
    Agent {
        ping: ping.map(|status| status.as_str().to_owned()),
        version,
        last_ping: last_ping.and_then(|time| Timestamp::from_second(time.secs()).ok()),
        platform: platform.map(|platform| platform.as_str().to_owned()),
    }
}

async fn describe(reader: &Reader<'_>, region: &str, ids: &[&str]) -> Result<BTreeMap<String, Agent>, Unreadable> {
    let values = ids.iter().map(|id| (*id).to_owned()).collect();
    let filter = InstanceInformationStringFilter::builder().key("InstanceIds").set_values(Some(values)).build();
    let filter = filter.map_err(|_| Failure::incomplete(DESCRIBE_AGENTS, "its filter").into_unreadable())?;
    let request = reader.ssm_beside(region).describe_instance_information().filters(filter).max_results(PAGE);
    // A fleet has thousands of these.
    let ask = async |token| {
        reader.calls.make(DESCRIBE_AGENTS, reader::beside(request.clone().set_next_token(token).send())).await
    };
    let mut seen = BTreeMap::new();
    let read = pages(DESCRIBE_AGENTS, ask, |page| {
        let lacking = || Failure::incomplete(DESCRIBE_AGENTS, "the list of instances");
        for listed in page.instance_information_list.ok_or_else(lacking)? {
            let (ping, time) = (listed.ping_status(), listed.last_ping_date_time());
            let known = agent(ping, listed.agent_version.clone(), time, listed.platform_type());
            seen.insert(listed.instance_id.unwrap_or_default(), known);
        }
        Ok(page.next_token)
    });
    read.await.map_err(Failure::into_unreadable)?;
    Ok(seen)
}
