//! What a world says of the settings of its account: Systems Manager, the keys, and the policy simulator.

use std::mem;

use serde_json::{Value, json};

use super::answer::Answer;
use super::model::Simulated;
use super::stub::Call;
use super::world::{World, page};
use super::xml;

/// When every agent last reported, in seconds since 1970.
const LAST_PING: u64 = 1_790_000_000;
/// The document that a session takes if none is named.
const PREFERENCES: &str = "SSM-SessionManagerRunShell";

impl World {
    /// The session preferences of another name than the default one.
    pub fn document(mut self, name: &str, content: Value) -> Self {
        self.documents.push((name.into(), content));
        self
    }

    /// Switches Default Host Management Configuration on: path and name of its role, `service-role/NAME`.
    pub fn host_management(mut self, role: &str) -> Self {
        self.dhmc_role = Some(role.into());
        self
    }

    /// Lets the policy simulator answer by this function.
    pub fn simulator(mut self, simulator: impl Fn(&Call) -> Simulated + Send + Sync + 'static) -> Self {
        self.simulator = Some(Box::new(simulator));
        self
    }

    pub(super) fn describe_agents(&self, call: &Call) -> Answer {
        let filters: Value = serde_json::from_str(call.parameter("Filters")).unwrap_or_default();
        let wanted: Option<Vec<&str>> = match filters[0]["Key"].as_str() {
            Some("InstanceIds") => {
                Some(filters[0]["Values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect())
            }
            None => None,
            _ => return Answer::error("InvalidFilterKey", "the filter is `InstanceIds`"),
        };
        let here = self.instances.iter().filter(|instance| instance.region == call.region);
        let seen: Vec<Value> = here
            .filter(|instance| wanted.as_ref().is_none_or(|wanted| wanted.contains(&instance.id.as_str())))
            .filter_map(|instance| {
                let agent = instance.agent.as_ref()?;
                Some(json!({
                    "InstanceId": instance.id, "PingStatus": agent.ping, "AgentVersion": agent.version,
                    "PlatformType": agent.platform, "LastPingDateTime": LAST_PING,
                }))
            })
            .collect();
        let (page, next) = page(&seen, self.page_size, call.parameter("NextToken"), call.parameter("MaxResults"));
        Answer::json(&json!({ "InstanceInformationList": page, "NextToken": next }))
    }

    /// The agents a thousand a page, of all instances or of those whose ids begin so.
    pub(super) fn list_agents(&self, call: &Call) -> Answer {
        let filters: Value = serde_json::from_str(call.parameter("FiltersWithOperator")).unwrap_or_default();
        let beginnings: Option<Vec<&str>> = match (filters[0]["Key"].as_str(), filters[0]["Operator"].as_str()) {
            (Some("InstanceIds"), Some("BeginWith")) => {
                Some(filters[0]["Values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect())
            }
            (None, _) => None,
            _ => {
                return Answer::error("InvalidInstancePropertyFilterValue", "the filter is `InstanceIds`, `BeginWith`");
            }
        };
        if beginnings.is_some() && !self.wildcards {
            return Answer::error("InvalidInstancePropertyFilterValue", "this endpoint knows no beginnings");
        }
        let here = self.instances.iter().filter(|instance| instance.region == call.region);
        let wanted =
            |id: &str| beginnings.as_ref().is_none_or(|all| all.iter().any(|beginning| id.starts_with(beginning)));
        let seen: Vec<Value> = here
            .filter(|instance| wanted(&instance.id))
            .filter_map(|instance| {
                let agent = instance.agent.as_ref()?;
                Some(json!({
                    "InstanceId": instance.id, "PingStatus": agent.ping, "AgentVersion": agent.version,
                    "PlatformType": agent.platform, "LastPingDateTime": LAST_PING, "InstanceState": instance.state,
                }))
            })
            .collect();
        let (page, next) = page(&seen, self.page_size, call.parameter("NextToken"), call.parameter("MaxResults"));
        Answer::json(&json!({ "InstanceProperties": page, "NextToken": next }))
    }

    pub(super) fn get_document(&self, call: &Call) -> Answer {
        let name = call.parameter("Name");
        let default = self.preferences.as_ref().filter(|_| name == PREFERENCES);
        let other = || self.documents.iter().find(|(known, _)| known == name).map(|(_, content)| content);
        match default.or_else(other) {
            Some(content) => Answer::json(&json!({
                "Name": name, "DocumentVersion": "1", "Status": "Active", "DocumentType": "Session", "DocumentFormat": "JSON",
                "Content": content.to_string(),
            })),
            None => Answer::error("InvalidDocument", &format!("Document with name {name} does not exist.")),
        }
    }

    pub(super) fn get_service_setting(&self, call: &Call) -> Answer {
        let id = call.parameter("SettingId");
        Answer::json(&json!({
            "ServiceSetting": {
                "SettingId": id, "SettingValue": self.dhmc_role.as_deref().unwrap_or("$None"),
                "Status": if self.dhmc_role.is_some() { "Customized" } else { "Default" },
            }
        }))
    }

    pub(super) fn about_key(&self, call: &Call) -> Answer {
        let wanted = call.parameter("KeyId");
        let prefix = format!("arn:{}:kms:{}:{}:", self.partition, call.region, self.account);
        let local = wanted.strip_prefix(&prefix).unwrap_or(wanted);
        let mut here = self.keys.iter().filter(|key| key.region == call.region);
        let id = local.trim_start_matches("key/");
        let Some(key) = here.find(|key| key.id == id || key.aliases.iter().any(|alias| alias == local)) else {
            return Answer::error("NotFoundException", &format!("Key '{wanted}' does not exist"));
        };
        match call.action.as_str() {
            "DescribeKey" => Answer::json(&json!({
                "KeyMetadata": {
                    "AWSAccountId": self.account, "KeyId": key.id, "Arn": format!("{prefix}key/{}", key.id),
                    "Enabled": key.state == "Enabled", "KeyState": key.state, "KeyUsage": "ENCRYPT_DECRYPT",
                    "KeyManager": "CUSTOMER",
                }
            })),
            // It takes no alias.
            _ if local.starts_with("alias/") => Answer::error("InvalidArnException", "an alias is no key id"),
            _ => {
                let root = format!("arn:{}:iam::{}:root", self.partition, self.account);
                let default = json!({"Version": "2012-10-17", "Statement": [{
                    "Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*",
                    "Resource": "*",
                }]});
                let policy = key.policy.clone().unwrap_or_else(|| default.to_string());
                Answer::json(&json!({ "Policy": policy, "PolicyName": "default" }))
            }
        }
    }

    pub(super) fn simulate(&self, call: &Call) -> Answer {
        let said = self.simulator.as_ref().map_or_else(|| Simulated::new("allowed"), |simulator| simulator(call));
        let action = call.parameter("ActionNames.member.1");
        let resource = call.parameters.get("ResourceArns.member.1").map_or("*", String::as_str);
        Answer::xml(xml::simulate_principal_policy(action, resource, &said))
    }

    /// Changes the agent of the instance with this id.
    pub fn agent_of(&mut self, id: &str, change: impl FnOnce(super::model::Instance) -> super::model::Instance) {
        if let Some(instance) = self.instances.iter_mut().find(|instance| instance.id == id) {
            let old = mem::replace(instance, super::model::Instance::new(id));
            *instance = change(old);
        }
    }
}
