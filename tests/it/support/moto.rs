//! An AWS with networks: moto, one for a test process, with accounts of its own for each test, and an EC2 client for them.

use std::path::Path;
use std::sync::OnceLock;

use aws_credential_types::Credentials;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::{BehaviorVersion, Config, Region};
use serde_json::json;

use super::emulator::Account;
use super::install::MOTO;
use super::served::{Program, Served};

const PROGRAM: Program = Program {
    package: MOTO,
    script: concat!(include_str!("lifeline.py"), include_str!("moto.py")),
    environment: |_: &Path| Vec::new(),
    ready: "/moto-api/",
};

/// Gives a fresh, empty account; the first call starts moto.
pub fn account() -> Account {
    // A failure is kept, so that every test says the same and none waits for a second attempt.
    static MOTO: OnceLock<Result<Served, String>> = OnceLock::new();
    Account::of(MOTO.get_or_init(|| PROGRAM.start()))
}

impl Account {
    /// A client for EC2 in a Region of the account. It reads nothing of the environment.
    pub fn ec2(&self, region: &str) -> Client {
        let credentials = Credentials::builder().access_key_id(&self.id).secret_access_key("not-a-secret");
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .endpoint_url(&self.endpoint)
            .credentials_provider(credentials.provider_name("tests").build());
        Client::from_conf(config.build())
    }

    /// Says what the agent of an instance says of itself when it is connected.
    pub fn agent_reports(&self, instance: &str, region: &str, version: &str) {
        let information = json!({"InstanceId": instance, "AgentVersion": version, "AgentStatus": "Active"});
        self.json("ssm", region, "UpdateInstanceInformation", &information);
    }
}
