//! STS, Systems Manager and Organizations: what a fleet needs of them.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::http::{Answer, Request};
use super::template::{Filling, Slot, Template};
use super::world::{Beginning, Fleet, Place};

const AGENT: &str = "3.3.2299.0";

/// The most agents in an answer.
const AGENT_PAGE: usize = 50;

/// The most in an answer with their properties.
const LARGE_AGENT_PAGE: usize = 1000;

/// The most accounts in an answer.
const ACCOUNT_PAGE: usize = 20;

/// `denied` is the account into which nobody may assume a role.
pub fn sts(request: &Request, denied: Option<&str>) -> Answer {
    let account = request.account();
    let inner = match request.action.as_str() {
        "GetCallerIdentity" => format!(
            "<Arn>arn:aws:sts::{account}:assumed-role/bench/bench</Arn><UserId>AROABENCH000000000000:bench</UserId>\
             <Account>{account}</Account>"
        ),
        "AssumeRole" => {
            let arn = request.parameter("RoleArn");
            let mut parts = arn.split(':').skip(4);
            let (account, role) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            if denied == Some(account) {
                let message =
                    format!("User: arn:aws:sts::bench is not authorized to perform: sts:AssumeRole on resource: {arn}");
                return Answer::query_error(403, "AccessDenied", &message);
            }
            if !(2..=64).contains(&request.parameter("RoleSessionName").len()) {
                return Answer::query_error(400, "ValidationError", "roleSessionName has 2 to 64 characters");
            }
            let role = role.trim_start_matches("role/");
            format!(
                "<AssumedRoleUser><AssumedRoleId>AROABENCH000000000000:bench</AssumedRoleId>\
                 <Arn>arn:aws:sts::{account}:assumed-role/{role}/bench</Arn></AssumedRoleUser>\
                 <Credentials><AccessKeyId>ASIA{account}</AccessKeyId><SecretAccessKey>not-a-secret</SecretAccessKey>\
                 <SessionToken>not-a-token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
            )
        }
        action => {
            return Answer::query_error(400, "InvalidAction", &format!("the benchmark has no answer to {action}"));
        }
    };
    let action = &request.action;
    Answer::xml(format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{inner}</{action}Result>\
         <ResponseMetadata><RequestId>bench</RequestId></ResponseMetadata></{action}Response>"
    ))
}

pub fn ssm(fleet: &Fleet, request: &Request, wildcards: bool) -> Answer {
    match request.action.as_str() {
        "GetServiceSetting" => Answer::json(&json!({"ServiceSetting": {
            "SettingId": request.json["SettingId"], "SettingValue": "$None", "Status": "Default",
        }})),
        "GetDocument" => Answer::json_error("InvalidDocument", "Document does not exist."),
        "DescribeInstanceInformation" => describe_agents(fleet, request),
        "DescribeInstanceProperties" => list_agents(fleet, request, wildcards),
        action => Answer::json_error("InvalidAction", &format!("the benchmark has no answer to {action}")),
    }
}

/// The agents of the instances that are asked for, or of all. Those that cannot be reached never reported.
fn describe_agents(fleet: &Fleet, request: &Request) -> Answer {
    let Some((account, region)) = fleet.account(request.account()).zip(fleet.region(&request.region)) else {
        return Answer::json(&json!({"InstanceInformationList": []}));
    };
    let filters = ["Filters", "InstanceInformationFilterList"];
    let filters = filters.iter().filter_map(|name| request.json[*name].as_array()).flatten();
    let mut wanted: Option<Vec<usize>> = None;
    for filter in filters {
        let key = filter["Key"].as_str().or(filter["key"].as_str());
        let values = filter["Values"].as_array().or(filter["valueSet"].as_array());
        let values: Vec<&str> = values.into_iter().flatten().filter_map(Value::as_str).collect();
        match key {
            Some("InstanceIds") if values.len() <= AGENT_PAGE => {
                let places = values.iter().filter_map(|id| Place::parse(id));
                let here = places.filter(|place| (place.account, place.region) == (account, region));
                wanted = Some(here.map(|place| place.instance).collect());
            }
            Some("PingStatus") if values == ["Online"] => {}
            Some("ResourceType") if values == ["EC2Instance"] => {}
            _ => return Answer::json_error("InvalidFilterKey", "the benchmark does not know this filter"),
        }
    }
    let from: usize = request.json["NextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or_default();
    let limit = request.json["MaxResults"].as_u64().and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(AGENT_PAGE).min(AGENT_PAGE);
    let online = |instance: &usize| *instance < fleet.instances && fleet.is_ready(*instance);
    let found: Vec<usize> = match wanted {
        Some(mut wanted) => {
            wanted.sort_unstable();
            wanted.into_iter().filter(|instance| *instance >= from).filter(online).take(limit + 1).collect()
        }
        None => (from..fleet.instances).filter(online).take(limit + 1).collect(),
    };
    let agents: Vec<Value> =
        found.iter().take(limit).map(|instance| agent(Place { account, region, instance: *instance })).collect();
    let mut answer = json!({ "InstanceInformationList": agents });
    if let Some(next) = found.get(limit) {
        answer["NextToken"] = next.to_string().into();
    }
    Answer::json(&answer)
}

/// The agents of all instances, or of those whose ids begin so.
fn list_agents(fleet: &Fleet, request: &Request, wildcards: bool) -> Answer {
    let here = fleet.account(request.account()).zip(fleet.region(&request.region));
    let filter = &request.json["FiltersWithOperator"][0];
    let beginnings: Option<Vec<Beginning>> = match (filter["Key"].as_str(), filter["Operator"].as_str()) {
        (None, _) => None,
        (Some("InstanceIds"), Some("BeginWith")) if wildcards => {
            let values = filter["Values"].as_array().into_iter().flatten().filter_map(Value::as_str);
            Some(values.filter_map(Beginning::parse).collect())
        }
        _ => {
            return Answer::json_error("InvalidInstancePropertyFilterValue", "the benchmark does not know this filter");
        }
    };
    let from: usize = request.json["NextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or_default();
    let limit = request.json["MaxResults"].as_u64().and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(AGENT_PAGE).min(LARGE_AGENT_PAGE);
    let (account, region) = here.unwrap_or_default();
    let wanted = |instance: &usize| {
        let place = Place { account, region, instance: *instance };
        fleet.is_ready(*instance)
            && beginnings.as_ref().is_none_or(|all| all.iter().any(|beginning| beginning.is_of(place)))
    };
    let found: Vec<usize> = match here {
        Some(_) => (from..fleet.instances).filter(wanted).take(limit + 1).collect(),
        None => Vec::new(),
    };
    let mut page = b"{\"InstanceProperties\":[".to_vec();
    let template = PROPERTY.get_or_init(|| Template::new(&property()));
    let mut filling = Filling::of_account(request.account());
    for (place, instance) in found.iter().take(limit).enumerate() {
        if place > 0 {
            page.push(b',');
        }
        filling.instance = Place { account, region, instance: *instance }.digits();
        template.write(&filling, &mut page);
    }
    let next = found.get(limit).map_or_else(String::new, |next| format!(",\"NextToken\":\"{next}\""));
    page.extend_from_slice(format!("]{next}}}").as_bytes());
    Answer::json_text(page)
}

static PROPERTY: OnceLock<Template> = OnceLock::new();

fn property() -> String {
    let (id, now) = (format!("i-{}", Slot::Instance.mark()), started());
    format!(
        "{{\"Name\":\"fleet\",\"InstanceId\":\"{id}\",\"InstanceType\":\"m6i.xlarge\",\"InstanceRole\":\"\",\"KeyName\":\"operations\",\
         \"InstanceState\":\"running\",\"Architecture\":\"x86_64\",\"IPAddress\":\"10.100.100.100\",\"LaunchTime\":{now},\
         \"PingStatus\":\"Online\",\"LastPingDateTime\":{now},\"AgentVersion\":\"{AGENT}\",\"PlatformType\":\"Linux\",\
         \"PlatformName\":\"Amazon Linux\",\"PlatformVersion\":\"2023\",\"ResourceType\":\"EC2Instance\",\
         \"ComputerName\":\"ip-10-100-100-100.compute.internal\",\"AssociationStatus\":\"Success\",\
         \"LastAssociationExecutionDate\":{now},\"LastSuccessfulAssociationExecutionDate\":{now},\"SourceId\":\"{id}\",\
         \"SourceType\":\"AWS::EC2::Instance\"}}"
    )
}

fn agent(place: Place) -> Value {
    let (id, now) = (place.id(), started());
    json!({
        "InstanceId": id, "PingStatus": "Online", "LastPingDateTime": now, "AgentVersion": AGENT,
        "IsLatestVersion": true, "PlatformType": "Linux", "PlatformName": "Amazon Linux", "PlatformVersion": "2023",
        "ResourceType": "EC2Instance", "IPAddress": "10.100.100.100", "ComputerName": "ip-10-100-100-100.compute.internal",
        "AssociationStatus": "Success", "LastAssociationExecutionDate": now, "LastSuccessfulAssociationExecutionDate": now,
        "AssociationOverview": {"DetailedStatus": "Success", "InstanceAssociationStatusAggregatedCount": {"Success": 2}},
        "SourceId": id, "SourceType": "AWS::EC2::Instance",
    })
}

/// When the benchmark began: the same in all answers, so that two runs over the same fleet must say the same.
fn started() -> u64 {
    static STARTED: OnceLock<u64> = OnceLock::new();
    *STARTED.get_or_init(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

pub fn organizations(fleet: &Fleet, request: &Request) -> Answer {
    match request.action.as_str() {
        "ListAccounts" => {
            let from: usize =
                request.json["NextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or_default();
            let from = from.min(fleet.accounts.len());
            let to = (from + ACCOUNT_PAGE).min(fleet.accounts.len());
            let account = |id: &String| {
                json!({
                    "Id": id, "Arn": format!("arn:aws:organizations::{id}:account/o-bench00000/{id}"), "Status": "ACTIVE",
                    "State": "ACTIVE", "Email": format!("{id}@example.com"), "Name": format!("account-{id}"),
                    "JoinedMethod": "CREATED", "JoinedTimestamp": 1_700_000_000,
                })
            };
            let accounts: Vec<Value> = fleet.accounts[from..to].iter().map(account).collect();
            let mut answer = json!({ "Accounts": accounts });
            if to < fleet.accounts.len() {
                answer["NextToken"] = to.to_string().into();
            }
            Answer::json(&answer)
        }
        _ => {
            let message = "Your account is not a member of an organization.";
            Answer::json_error("AWSOrganizationsNotInUseException", message)
        }
    }
}
