//! All that a fix may change in an account of the emulator, to be compared.

use std::collections::{BTreeMap, BTreeSet};

use super::emulator::Account;
use super::xml::all_of;

/// Everything of an account; documents are their exact texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    pub roles: BTreeMap<String, Role>,
    /// By name: path, id, role and tags, as the emulator shows them.
    pub profiles: BTreeMap<String, String>,
    /// By the instance's id: ARN and id of its profile, as the emulator shows them.
    pub instances: BTreeMap<String, Option<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Path, id, trust policy, boundary and tags, as the emulator shows them.
    pub shown: String,
    pub inline: BTreeMap<String, String>,
    pub attached: BTreeSet<String>,
}

impl Account {
    /// Everything of the account, and the instances of this Region.
    pub fn inventory(&self, region: &str) -> Inventory {
        let iam = |action: &str, parameters: &[(&str, &str)]| self.query("iam", "us-east-1", action, parameters);
        let (roles, profiles) = (iam("ListRoles", &[]), iam("ListInstanceProfiles", &[]));
        let instances = self.query("ec2", region, "DescribeInstances", &[]);
        let role = |name: &str| Role {
            shown: one(&iam("GetRole", &[("RoleName", name)]), "Role").expect("there is the role"),
            inline: self
                .role_policies(name)
                .into_iter()
                .map(|policy| {
                    let text = self.role_policy(name, &policy).expect("there is the policy");
                    (policy, text)
                })
                .collect(),
            attached: self.attached(name).into_iter().collect(),
        };
        let profile = |name: &str| {
            let shown = one(&iam("GetInstanceProfile", &[("InstanceProfileName", name)]), "InstanceProfile");
            format!("{}, tags {:?}", shown.expect("there is the profile"), self.instance_profile_tags(name))
        };
        let instance = |id: &str| {
            let shown = self.query("ec2", region, "DescribeInstances", &[("InstanceId.1", id)]);
            one(&shown, "iamInstanceProfile")
        };
        Inventory {
            roles: by_name(&roles, "RoleName", role),
            profiles: by_name(&profiles, "InstanceProfileName", profile),
            instances: by_name(&instances, "instanceId", instance),
        }
    }
}

fn by_name<T>(list: &str, element: &str, read: impl Fn(&str) -> T) -> BTreeMap<String, T> {
    all_of(list, element).into_iter().map(|name| (name.to_string(), read(name))).collect()
}

fn one(xml: &str, element: &str) -> Option<String> {
    all_of(xml, element).first().map(ToString::to_string)
}
