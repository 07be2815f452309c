//! A small account that answers like EC2, IAM, KMS, SSM, STS, S3, CloudWatch Logs, Organizations and instance metadata, and fails where a test
//! wants it to (`world_faults`).
//!
//! Its settings are in `world_settings`, where its session logs go in `world_logs`, its organization in `world_organization`, its Regions in `world_regions`. It keeps
//! what is written to it (see `world_writes`): a stub that serves it shows the account as it is at any time.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::accounts::Assumable;
use super::answer::Answer;
use super::http::decode;
use super::model::{Bucket, Instance, Key, LogGroup, Organization, Policy, Profile, Role, SSM_CORE, Simulated};
use super::stub::{Call, Stub, unknown};
use super::world_faults::{Faults, Served};
use super::xml::{self, within};

/// The instance of [`World::ready`].
pub const INSTANCE: &str = "i-0123456789abcdef0";
/// The account of [`World::ready`].
pub const ACCOUNT: &str = "111122223333";

/// The account. Its fields are open, so that a test can change a ready world where it wants.
pub struct World {
    pub account: String,
    pub partition: String,
    pub instances: Vec<Instance>,
    pub profiles: Vec<Profile>,
    pub roles: Vec<Role>,
    pub policies: Vec<Policy>,
    pub keys: Vec<Key>,
    pub buckets: Vec<Bucket>,
    pub log_groups: Vec<LogGroup>,
    /// The content of `SSM-SessionManagerRunShell`.
    pub preferences: Option<Value>,
    /// The role of the default host management configuration.
    pub dhmc_role: Option<String>,
    /// Session documents by name, besides the default one.
    pub documents: Vec<(String, Value)>,
    /// The organization that the account is in.
    pub organization: Option<Organization>,
    /// How the policy simulator answers; everything is allowed where nothing is said.
    pub simulator: Option<Box<Simulator>>,
    /// The instance that instance metadata speaks of.
    pub metadata_of: Option<String>,
    /// Whether each VPC has an endpoint without private DNS, and its security group names a prefix list.
    pub has_endpoints: bool,
    /// How many elements a list gives at a time.
    pub page_size: usize,
    /// Whether lists can be asked for what begins with something.
    pub wildcards: bool,
    /// How long each answer takes.
    pub latency: Duration,
    /// How many ids this account has given so far.
    pub made: usize,
    /// The Regions that are on; if none is named, those of the instances.
    pub regions: Vec<String>,
    /// The Regions that are off.
    pub regions_off: Vec<String>,
    /// How other accounts may assume its roles.
    pub assumable: Assumable,
    pub(super) faults: Faults,
}

/// What the policy simulator says to a call.
pub type Simulator = dyn Fn(&Call) -> Simulated + Send + Sync;

impl World {
    /// An empty account of the partition `aws`.
    pub fn new(account: &str) -> Self {
        Self {
            account: account.into(),
            partition: "aws".into(),
            instances: Vec::new(),
            profiles: Vec::new(),
            roles: Vec::new(),
            policies: Vec::new(),
            keys: Vec::new(),
            buckets: Vec::new(),
            log_groups: Vec::new(),
            preferences: None,
            dhmc_role: None,
            documents: Vec::new(),
            organization: None,
            simulator: None,
            metadata_of: None,
            has_endpoints: false,
            page_size: usize::MAX,
            wildcards: true,
            latency: Duration::ZERO,
            made: 0,
            regions: Vec::new(),
            regions_off: Vec::new(),
            assumable: Assumable::default(),
            faults: Faults::default(),
        }
    }

    /// The instance [`INSTANCE`] with profile `web`, whose role `web` has the policy `AmazonSSMManagedInstanceCore`.
    pub fn ready() -> Self {
        Self::new(ACCOUNT)
            .instance(Instance::new(INSTANCE).profile("web").tag("Name", "web-1"))
            .profile(Profile::new("web").role("web"))
            .role(Role::new("web").attach("AmazonSSMManagedInstanceCore"))
            .policy(Policy::of_aws("AmazonSSMManagedInstanceCore", SSM_CORE))
    }

    pub fn partition(mut self, partition: &str) -> Self {
        self.partition = partition.into();
        self
    }

    pub fn instance(mut self, instance: Instance) -> Self {
        self.instances.push(instance);
        self
    }

    pub fn profile(mut self, profile: Profile) -> Self {
        self.profiles.push(profile);
        self
    }

    pub fn role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    pub fn policy(mut self, policy: Policy) -> Self {
        self.policies.push(policy);
        self
    }

    pub fn key(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }

    pub fn bucket(mut self, bucket: Bucket) -> Self {
        self.buckets.push(bucket);
        self
    }

    pub fn log_group(mut self, group: LogGroup) -> Self {
        self.log_groups.push(group);
        self
    }

    /// The session preferences: the content of the document `SSM-SessionManagerRunShell`.
    pub fn preferences(mut self, content: Value) -> Self {
        self.preferences = Some(content);
        self
    }

    /// Makes every list come in pages of this many elements.
    pub fn page_size(mut self, size: usize) -> Self {
        self.page_size = size;
        self
    }

    /// Makes the lists of instances and agents know no beginnings of ids, as endpoints may.
    pub fn without_wildcards(mut self) -> Self {
        self.wildcards = false;
        self
    }

    /// Makes every answer take this long, so that calls made together are seen to be under way together.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Lets instance metadata speak of this instance.
    pub fn metadata_of(mut self, instance: &str) -> Self {
        self.metadata_of = Some(instance.into());
        self
    }

    /// Serves this account until the stub is dropped.
    pub fn serve(self) -> Stub {
        let served = Served::new(self);
        let world = Arc::clone(&served.world);
        Stub::answering(move |call| served.answer(call, World::perform)).of(world)
    }

    /// Puts the ARNs in the place of the names of policies, as the writes leave them.
    pub(super) fn spell_out(&mut self) {
        let mut roles = mem::take(&mut self.roles);
        for policy in roles.iter_mut().flat_map(|role| role.attached.iter_mut().chain(&mut role.boundary)) {
            *policy = self.policy_named(policy);
        }
        self.roles = roles;
    }

    /// What this account says to a call that only reads, were no fault in its way.
    pub fn answer(&self, call: &Call) -> Answer {
        match (call.service.as_str(), call.action.as_str()) {
            ("ec2", "DescribeInstances") => self.describe_instances(call),
            ("ec2", "DescribeRegions") => self.describe_regions(call),
            ("ec2", "DescribeIamInstanceProfileAssociations") => self.describe_associations(call),
            ("ec2" | "route53", _) => self.about_network(call),
            ("iam", "GetInstanceProfile") => self.get_instance_profile(call.parameter("InstanceProfileName")),
            ("iam", "ListInstanceProfilesForRole") => self.list_instance_profiles_for_role(call),
            ("iam", "GetAccountAuthorizationDetails") => self.account_authorization_details(call),
            ("iam", "ListInstanceProfiles") => self.list_instance_profiles(call),
            ("iam", "GetPolicy" | "GetPolicyVersion") => self.managed_policy(call),
            ("iam", "GetRole" | "ListAttachedRolePolicies" | "ListRolePolicies" | "GetRolePolicy") => {
                self.about_role(call)
            }
            ("iam", "SimulatePrincipalPolicy") => self.simulate(call),
            ("kms", "DescribeKey" | "GetKeyPolicy") => self.about_key(call),
            ("s3", "HeadBucket" | "GetBucketEncryption" | "GetBucketPolicy") => self.about_bucket(call),
            ("logs", "DescribeLogGroups") => self.describe_log_groups(call),
            ("organizations", _) => self.about_organization(call),
            ("sts", "GetCallerIdentity") => self.get_caller_identity(),
            ("ssm", "DescribeInstanceInformation") => self.describe_agents(call),
            ("ssm", "DescribeInstanceProperties") => self.list_agents(call),
            ("ssm", "GetDocument") => self.get_document(call),
            ("ssm", "GetServiceSetting") => self.get_service_setting(call),
            ("imds", path) => self.metadata(path),
            _ => unknown(call),
        }
    }

    /// The ARN of something of IAM: `world.arn("role", "/", "web")`.
    pub fn arn(&self, kind: &str, path: &str, name: &str) -> String {
        format!("arn:{}:iam::{}:{kind}{path}{name}", self.partition, self.account)
    }

    /// The ARN of a managed policy.
    pub fn policy_arn(&self, policy: &Policy) -> String {
        let owner = if policy.of_aws { "aws" } else { &self.account };
        format!("arn:{}:iam::{owner}:policy{}{}", self.partition, policy.path, policy.name)
    }

    /// The ARN of a policy that is given by its ARN or its name.
    pub fn policy_named(&self, arn_or_name: &str) -> String {
        let policy = self.policies.iter().find(|policy| policy.name == arn_or_name);
        policy.map_or_else(|| arn_or_name.to_string(), |policy| self.policy_arn(policy))
    }

    /// ARN and id of the profile that the instance believes to have.
    pub fn profile_of(&self, instance: &Instance) -> Option<(String, String)> {
        let name = instance.profile.as_deref()?;
        let profile = self.profiles.iter().find(|profile| profile.name == name);
        let path = instance.profile_path.as_deref().or(profile.map(|profile| profile.path.as_str())).unwrap_or("/");
        let id = instance.profile_id.clone().or(profile.map(|profile| profile.id.clone()));
        Some((self.arn("instance-profile", path, name), id.unwrap_or_else(|| xml::fake_id("AIPA", name))))
    }

    fn get_instance_profile(&self, name: &str) -> Answer {
        match self.profiles.iter().find(|profile| profile.name.eq_ignore_ascii_case(name)) {
            Some(profile) => {
                let profile = within("InstanceProfile", self.whole_profile(profile));
                Answer::xml(xml::iam("GetInstanceProfile", profile))
            }
            None => no_such_profile(name),
        }
    }

    fn list_instance_profiles_for_role(&self, call: &Call) -> Answer {
        let name = call.parameter("RoleName");
        let Some(role) = self.roles.iter().find(|role| role.name.eq_ignore_ascii_case(name)) else {
            return no_such_role(name);
        };
        let holding = self.profiles.iter().filter(|profile| profile.role.as_ref() == Some(&role.name));
        let all: Vec<_> = holding.map(|profile| self.whole_profile(profile)).collect();
        let (page, next) = page(&all, self.page_size, call.parameter("Marker"), call.parameter("MaxItems"));
        Answer::xml(xml::list_instance_profiles(&call.action, page, next.as_deref()))
    }

    /// What IAM says of an instance profile and the role in it.
    pub fn whole_profile(&self, profile: &Profile) -> String {
        let role = profile.role.as_deref().map(|name| match self.roles.iter().find(|role| role.name == name) {
            Some(role) => self.shared_of(role),
            // A role that is not there any more, as after a delete that has not come round yet.
            None => self.shared_of(&Role::new(name)),
        });
        let arn = self.arn("instance-profile", &profile.path, &profile.name);
        xml::instance_profile(profile, &arn, role.as_deref())
    }

    /// What IAM says of a role in every answer.
    pub fn shared_of(&self, role: &Role) -> String {
        let arn = self.arn("role", &role.path, &role.name);
        xml::role(&role.name, &role.path, &arn, &role.id, &role.trust)
    }

    fn about_role(&self, call: &Call) -> Answer {
        let name = call.parameter("RoleName");
        let Some(role) = self.roles.iter().find(|role| role.name.eq_ignore_ascii_case(name)) else {
            return no_such_role(name);
        };
        let (marker, most) = (call.parameter("Marker"), call.parameter("MaxItems"));
        match call.action.as_str() {
            "GetRole" => {
                let boundary = role.boundary.as_deref().map(|policy| self.policy_named(policy));
                Answer::xml(xml::whole_role("GetRole", &self.shared_of(role), boundary.as_deref(), &role.tags))
            }
            "ListAttachedRolePolicies" => {
                let arns = role.attached.iter().map(|policy| self.policy_named(policy));
                let all: Vec<_> =
                    arns.map(|arn| (arn.rsplit('/').next().unwrap_or_default().to_string(), arn)).collect();
                let (page, next) = page(&all, self.page_size, marker, most);
                Answer::xml(xml::list_attached_role_policies(page, next.as_deref()))
            }
            "ListRolePolicies" => {
                let all: Vec<_> = role.inline.iter().map(|(name, _)| name.clone()).collect();
                let (page, next) = page(&all, self.page_size, marker, most);
                Answer::xml(xml::list_role_policies(page, next.as_deref()))
            }
            _ => {
                let wanted = call.parameter("PolicyName");
                match role.inline.iter().find(|(name, _)| name == wanted) {
                    Some((name, document)) => Answer::xml(xml::get_role_policy(&role.name, name, document)),
                    None => no_such_role_policy(wanted),
                }
            }
        }
    }

    fn managed_policy(&self, call: &Call) -> Answer {
        let arn = call.parameter("PolicyArn");
        let Some(policy) = self.policies.iter().find(|policy| self.policy_arn(policy) == arn) else {
            return Answer::no_such_entity(&format!("Policy {arn} was not found."));
        };
        if call.action == "GetPolicy" {
            return Answer::xml(xml::get_policy(&policy.name, &policy.path, arn, &policy.version));
        }
        match call.parameter("VersionId") {
            version if version == policy.version => {
                Answer::xml(xml::get_policy_version(version, &policy.document, true))
            }
            version => match policy.older.iter().find(|(known, _)| known == version) {
                Some((_, document)) => Answer::xml(xml::get_policy_version(version, document, false)),
                None => Answer::no_such_entity(&format!(
                    "Policy {arn} version {version} does not exist or is not attachable."
                )),
            },
        }
    }

    /// Whoever calls is of this account.
    fn get_caller_identity(&self) -> Answer {
        let arn = self.arn("user", "/", "tester");
        Answer::xml(xml::get_caller_identity(&self.account, &arn))
    }

    fn metadata(&self, path: &str) -> Answer {
        let instance =
            self.metadata_of.as_ref().and_then(|id| self.instances.iter().find(|instance| instance.id == *id));
        match (instance, path) {
            (Some(_), "PUT /latest/api/token") => Answer::text("token"),
            (Some(instance), "GET /latest/meta-data/instance-id") => Answer::text(&instance.id),
            (Some(instance), "GET /latest/meta-data/placement/region") => Answer::text(&instance.region),
            (Some(instance), "GET /latest/dynamic/instance-identity/document") => Answer::text(
                json!({ "instanceId": instance.id, "region": instance.region, "accountId": self.account }).to_string(),
            ),
            _ => Answer::status(404, "not found"),
        }
    }
}

pub fn no_such_role(name: &str) -> Answer {
    Answer::no_such_entity(&format!("The role with name {name} cannot be found."))
}

pub fn no_such_role_policy(name: &str) -> Answer {
    Answer::no_such_entity(&format!("The role policy with name {name} cannot be found."))
}

pub fn no_such_profile(name: &str) -> Answer {
    Answer::no_such_entity(&format!("Instance Profile {name} cannot be found."))
}

/// One page, and the token of the next. The token has characters that need encoding, as AWS's have.
pub fn page<'a, T>(all: &'a [T], size: usize, token: &str, most: &str) -> (&'a [T], Option<String>) {
    let start = decode(token).trim_start_matches("from/+=").parse().unwrap_or(0).min(all.len());
    let size = most.parse().unwrap_or(usize::MAX).min(size).max(1);
    let end = start.saturating_add(size).min(all.len());
    (&all[start..end], (end < all.len()).then(|| format!("from/+={end}")))
}
